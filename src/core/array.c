#include "array.h"

#include <string.h>

#define INITIAL_CAPACITY 64

void *
rig_array_grow(RigArena *arena, const void *array, int32_t *capacity, size_t element_size)
{
	int32_t		grown;
	void	   *copy;

	if (*capacity > INT32_MAX / 2)
		return NULL;
	grown = *capacity > 0 ? *capacity * 2 : INITIAL_CAPACITY;
	if ((size_t) grown > SIZE_MAX / element_size)
		return NULL;
	copy = rig_arena_allocate(arena, (size_t) grown * element_size);
	if (copy == NULL)
		return NULL;
	if (*capacity > 0)
		memcpy(copy, array, (size_t) *capacity * element_size);
	*capacity = grown;
	return copy;
}
