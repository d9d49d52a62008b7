/*
 * Arrays that grow by doubling inside an arena. What they outgrow stays in the arena
 * until its reset, so that an array never costs more than twice its largest size.
 */
#ifndef RIG_ARRAY_H
#define RIG_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/*
 * Copy of the array with at least one more element of room, whose capacity replaces
 * *capacity; NULL when out of memory, and then nothing has changed. An empty array is NULL.
 */
extern void *rig_array_grow(RigArena *arena, const void *array, int32_t *capacity, size_t element_size);

/* The array of count elements, or a grown copy of it, with room for one more; NULL when out of memory. */
static inline void *
rig_array_reserve(RigArena *arena, void *array, int32_t count, int32_t *capacity, size_t element_size)
{
	return count < *capacity ? array : rig_array_grow(arena, array, capacity, element_size);
}

#endif
