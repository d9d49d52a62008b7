/*
 * A part of a transaction that can be taken back by itself. Use: begin, PG_TRY, commit,
 * PG_CATCH, abort; the current memory context and resource owner stay those of the caller.
 */
#ifndef RIG_SUBTRANSACTION_H
#define RIG_SUBTRANSACTION_H

#include "utils/elog.h"
#include "utils/palloc.h"
#include "utils/resowner.h"

typedef struct RigSubtransaction
{
	MemoryContext context;
	ResourceOwner owner;
} RigSubtransaction;

extern void rig_subtransaction_begin(RigSubtransaction *inner);
extern void rig_subtransaction_commit(const RigSubtransaction *inner);

/* Takes the part back without an error. */
extern void rig_subtransaction_undo(const RigSubtransaction *inner);

/* In PG_CATCH: takes the part back and returns what went wrong, to be freed or thrown again. */
extern ErrorData *rig_subtransaction_abort(const RigSubtransaction *inner);

#endif
