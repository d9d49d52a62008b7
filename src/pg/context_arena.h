/* Memory contexts as the source of core arenas. */
#ifndef RIG_CONTEXT_ARENA_H
#define RIG_CONTEXT_ARENA_H

#include "arena.h"
#include "utils/palloc.h"

/* Chunks come from the context and go with it; running out of memory is not an error here. */
extern RigAllocator rig_context_allocator(MemoryContext context);

/* Raises the error that belongs to a status; nothing for RIG_OK. what names the work, for messages. */
extern void rig_check_status(int status, const char *what);

#endif
