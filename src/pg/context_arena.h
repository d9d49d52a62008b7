/* Memory contexts as the source of core arenas. */
#ifndef RIG_CONTEXT_ARENA_H
#define RIG_CONTEXT_ARENA_H

#include "arena.h"
#include "utils/palloc.h"

/* Chunks come from the context and go with it; running out of memory is not an error here. */
extern RigAllocator rig_context_allocator(MemoryContext context);

/* Raises the error of running out of memory when what the core allocated is NULL. */
extern void rig_require_memory(const void *allocated);

#endif
