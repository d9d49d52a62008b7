/*
 * A background worker started by one of ours: launcher to supervisor,
 * supervisor to consumer. A child that ends is started again by its parent,
 * later and later while it keeps ending soon.
 */
#ifndef RIG_CHILD_H
#define RIG_CHILD_H

#include "backoff.h"
#include "worker.h"

typedef struct RigChild
{
	BackgroundWorkerHandle *handle; /* NULL = not running */
	RigBackoff	backoff;
	int64		started_us;
	int64		start_us;		/* not to be started earlier */
} RigChild;

/* A child that may start at once. */
extern void rig_child_init(RigChild *child);

/* True while the process exists or is about to; notices its end. */
extern bool rig_child_alive(RigChild *child, int64 now_us);

/* True when the child is gone and its time to start again has come. */
extern bool rig_child_due(RigChild *child, int64 now_us);

/*
 * Start the process: entry is the function in this library, name is what
 * pg_stat_activity shows. False when the server has no free slot.
 */
extern bool rig_child_start(RigChild *child, const char *entry, const char *type, const char *name,
							const RigWorkerArgs *args, int64 now_us);

/* Ask the process to end; rig_child_alive() tells when it did. */
extern void rig_child_stop(RigChild *child);

/* Start again without waiting, because the reason to end was known. */
extern void rig_child_hurry(RigChild *child);

#endif
