#include "postgres.h"

#include "context_arena.h"
#include "status.h"
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
rig_check_status(int status, const char *what)
{
	switch ((RigStatus) status)
	{
		case RIG_OK:
			return;
		case RIG_OUT_OF_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory during %s", what)));
			break;
		case RIG_LIMIT_EXCEEDED:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%s exceeds a limit", what)));
			break;
		case RIG_INTERRUPTED:
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("%s was cancelled", what)));
			break;
		case RIG_INVALID_ARGUMENT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is not possible with these data", what)));
			break;
	}
}
