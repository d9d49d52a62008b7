#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "random.h"
#include "tap.h"

#define BLOCKS 2000

/* Allocator that counts its chunks and fails when told to. */
typedef struct Counter
{
	int			chunks;
	int			allocations;
	int			allowed;
} Counter;

static void *
count_allocate(void *context, size_t size)
{
	Counter    *counter = context;

	if (counter->allocations == counter->allowed)
		return NULL;
	counter->allocations++;
	counter->chunks++;
	return malloc(size);
}

static void
count_release(void *context, void *chunk)
{
	Counter    *counter = context;

	counter->chunks--;
	free(chunk);
}

static RigAllocator
counting_allocator(Counter *counter)
{
	return (RigAllocator) {count_allocate, count_release, counter};
}

static void
test_blocks(void)
{
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];
	bool		aligned = true;
	bool		intact = true;
	RigRandom	random;
	RigArena	arena;

	rig_random_seed(&random, tap_seed());
	rig_arena_init(&arena, rig_allocator_malloc(), 1024);
	for (int i = 0; i < BLOCKS; i++)
	{
		sizes[i] = rig_random_below(&random, i % 100 == 0 ? 5000 : 100);
		blocks[i] = rig_arena_allocate(&arena, sizes[i]);
		memset(blocks[i], i & 0xff, sizes[i]);
		aligned = aligned && (uintptr_t) blocks[i] % alignof(max_align_t) == 0;
	}
	for (int i = 0; i < BLOCKS; i++)
	{
		for (size_t k = 0; k < sizes[i]; k++)
			intact = intact && blocks[i][k] == (i & 0xff);
	}
	tap_ok(aligned, "every block is aligned for any type");
	tap_ok(intact, "no block overlaps another");
	tap_ok(rig_arena_allocate(&arena, 0) != rig_arena_allocate(&arena, 0), "empty blocks are distinct");
	rig_arena_release(&arena);
}

static void
test_reset(void)
{
	Counter		counter = {0, 0, 1000};
	RigArena	arena;
	void	   *first;
	int			chunks;

	rig_arena_init(&arena, counting_allocator(&counter), 256);
	first = rig_arena_allocate(&arena, 10);
	for (int i = 0; i < 50; i++)
		rig_arena_allocate(&arena, 200);
	chunks = counter.chunks;
	rig_arena_reset(&arena);
	tap_ok(counter.chunks == chunks, "reset keeps the chunks");
	tap_ok(rig_arena_allocate(&arena, 10) == first, "after a reset the first chunk is filled again");
	for (int i = 0; i < 50; i++)
		rig_arena_allocate(&arena, 200);
	tap_ok(counter.chunks == chunks, "the same allocations fit the kept chunks");
	rig_arena_release(&arena);
	tap_ok(counter.chunks == 0, "release returns every chunk");
	tap_ok(rig_arena_allocate(&arena, 10) != NULL, "a released arena can be used again");
	rig_arena_release(&arena);
}

static void
test_failure(void)
{
	Counter		counter = {0, 0, 1};
	RigArena	arena;

	rig_arena_init(&arena, counting_allocator(&counter), 64);
	tap_ok(rig_arena_allocate(&arena, 40) != NULL, "memory while there is some");
	tap_ok(rig_arena_allocate(&arena, 40) == NULL, "NULL when the allocator has none");
	tap_ok(rig_arena_allocate(&arena, 10) != NULL, "a failure leaves the arena usable");
	tap_ok(rig_arena_allocate(&arena, SIZE_MAX) == NULL && rig_arena_allocate(&arena, SIZE_MAX - 20) == NULL,
		   "a size that overflows is refused");
	rig_arena_release(&arena);
	tap_ok(counter.chunks == 0, "nothing leaks after failures");
}

int
main(void)
{
	test_blocks();
	test_reset();
	test_failure();
	return tap_done();
}
