#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define DEFAULT_CHUNK_SIZE (64 * 1024)
#define ALIGNMENT (alignof(max_align_t))

/* Aligned as a whole, so that the bytes after the header suit any type. */
struct RigArenaChunk
{
	alignas(max_align_t) RigArenaChunk *next;
	size_t		size;			/* usable bytes after the header */
	size_t		used;
};

static void *
allocate_by_malloc(void *context, size_t size)
{
	(void) context;
	return malloc(size);
}

static void
release_by_free(void *context, void *chunk)
{
	(void) context;
	free(chunk);
}

RigAllocator
rig_allocator_malloc(void)
{
	RigAllocator allocator = {allocate_by_malloc, release_by_free, NULL};

	return allocator;
}

void
rig_arena_init(RigArena *arena, RigAllocator allocator, size_t chunk_size)
{
	arena->allocator = allocator;
	arena->first = NULL;
	arena->current = NULL;
	arena->chunk_size = chunk_size > 0 ? chunk_size : DEFAULT_CHUNK_SIZE;
}

RigArena
rig_arena_child(const RigArena *parent)
{
	RigArena	child;

	rig_arena_init(&child, parent->allocator, parent->chunk_size);
	return child;
}

static void *
take_from_chunk(RigArenaChunk *chunk, size_t size)
{
	char	   *start = (char *) (chunk + 1) + chunk->used;

	chunk->used += size;
	return start;
}

/* Links a new chunk behind the current one and makes it current. */
static RigArenaChunk *
add_chunk(RigArena *arena, size_t size)
{
	RigArenaChunk *chunk;

	if (size < arena->chunk_size)
		size = arena->chunk_size;
	if (size > SIZE_MAX - sizeof(RigArenaChunk))
		return NULL;
	chunk = arena->allocator.allocate(arena->allocator.context, sizeof(RigArenaChunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->size = size;
	chunk->used = 0;
	if (arena->current != NULL)
	{
		chunk->next = arena->current->next;
		arena->current->next = chunk;
	}
	else
	{
		chunk->next = arena->first;
		arena->first = chunk;
	}
	arena->current = chunk;
	return chunk;
}

void *
rig_arena_allocate(RigArena *arena, size_t size)
{
	RigArenaChunk *chunk = arena->current;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	if (size == 0)
		size = 1;				/* distinct results stay distinct pointers */
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	/* Chunks behind the current one are left from before a reset. */
	while (chunk != NULL && chunk->size - chunk->used < size)
		chunk = chunk->next;
	if (chunk != NULL)
		arena->current = chunk;
	else
		chunk = add_chunk(arena, size);
	return chunk != NULL ? take_from_chunk(chunk, size) : NULL;
}

void
rig_arena_reset(RigArena *arena)
{
	for (RigArenaChunk *chunk = arena->first; chunk != NULL; chunk = chunk->next)
		chunk->used = 0;
	arena->current = arena->first;
}

void
rig_arena_release(RigArena *arena)
{
	RigArenaChunk *chunk = arena->first;

	while (chunk != NULL)
	{
		RigArenaChunk *next = chunk->next;

		arena->allocator.release(arena->allocator.context, chunk);
		chunk = next;
	}
	arena->first = NULL;
	arena->current = NULL;
}
