/*
 * Bump allocator over memory that the caller supplies chunk by chunk. Nothing is
 * freed singly: reset keeps the chunks for the next round, release gives them back.
 */
#ifndef RIG_ARENA_H
#define RIG_ARENA_H

#include <stddef.h>

/* Source of chunks. allocate returns NULL when out of memory and must not jump. */
typedef struct RigAllocator
{
	void	   *(*allocate) (void *context, size_t size);
	void		(*release) (void *context, void *chunk);
	void	   *context;
} RigAllocator;

typedef struct RigArenaChunk RigArenaChunk;

typedef struct RigArena
{
	RigAllocator allocator;
	RigArenaChunk *first;		/* all chunks, in the order they are filled */
	RigArenaChunk *current;
	size_t		chunk_size;		/* least size of a new chunk, in bytes */
} RigArena;

/* malloc and free, for programs outside the server. */
extern RigAllocator rig_allocator_malloc(void);

/* An arena without chunks; chunk_size 0 takes the default of 64 KiB. */
extern void rig_arena_init(RigArena *arena, RigAllocator allocator, size_t chunk_size);

/* An empty arena with the source of another one, for memory that is released earlier. */
extern RigArena rig_arena_child(const RigArena *parent);

/* size bytes aligned for any type, not cleared; NULL when out of memory. */
extern void *rig_arena_allocate(RigArena *arena, size_t size);

/* Makes every chunk free again; earlier pointers are invalid afterwards. */
extern void rig_arena_reset(RigArena *arena);

/* Returns every chunk to the allocator. */
extern void rig_arena_release(RigArena *arena);

#endif
