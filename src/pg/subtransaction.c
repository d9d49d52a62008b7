#include "postgres.h"

#include "access/xact.h"

#include "subtransaction.h"

static void
resume_caller(const RigSubtransaction *inner)
{
	MemoryContextSwitchTo(inner->context);
	CurrentResourceOwner = inner->owner;
}

void
rig_subtransaction_begin(RigSubtransaction *inner)
{
	inner->context = CurrentMemoryContext;
	inner->owner = CurrentResourceOwner;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(inner->context);
}

void
rig_subtransaction_commit(const RigSubtransaction *inner)
{
	ReleaseCurrentSubTransaction();
	resume_caller(inner);
}

void
rig_subtransaction_undo(const RigSubtransaction *inner)
{
	RollbackAndReleaseCurrentSubTransaction();
	resume_caller(inner);
}

ErrorData *
rig_subtransaction_abort(const RigSubtransaction *inner)
{
	ErrorData  *error;

	MemoryContextSwitchTo(inner->context);
	error = CopyErrorData();
	FlushErrorState();
	rig_subtransaction_undo(inner);
	return error;
}
