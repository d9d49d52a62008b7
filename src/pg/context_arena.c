#include "postgres.h"

#include "context_arena.h"
#include "utils/memutils.h"

static void *
allocate_chunk(void *context, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) context, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

static void
release_chunk(void *context, void *chunk)
{
	pfree(chunk);
}

RigAllocator
rig_context_allocator(MemoryContext context)
{
	return (RigAllocator) {allocate_chunk, release_chunk, context};
}

void
rig_require_memory(const void *allocated)
{
	if (allocated == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}
