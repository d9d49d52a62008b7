/* Memory that is counted, and of which there may be too little. */
#ifndef TEST_BUDGET_H
#define TEST_BUDGET_H

#include <stdlib.h>

#include "arena.h"

typedef struct Budget
{
	size_t		used;
	size_t		limit;
} Budget;

static void *
allocate_counted(void *context, size_t size)
{
	Budget	   *budget = context;

	if (size > budget->limit - budget->used)
		return NULL;
	budget->used += size;
	return malloc(size);
}

static void
release_counted(void *context, void *chunk)
{
	(void) context;
	free(chunk);
}

/* An arena that takes every block by itself, so that the sanitizer guards it. */
static void
init_counted(RigArena *arena, Budget *budget)
{
	RigAllocator counted = {allocate_counted, release_counted, budget};

	rig_arena_init(arena, counted, 1);
}

#endif
