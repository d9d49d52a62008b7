#include "child.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define FIRST_DELAY_MS 250
#define LONGEST_DELAY_MS 5000
/* A child that lived this long is healthy again. */
#define HEALTHY_US (2 * INT64CONST(1000000))

void
rig_child_init(RigChild *child)
{
	memset(child, 0, sizeof(*child));
	child->backoff.first_ms = FIRST_DELAY_MS;
	child->backoff.limit_ms = LONGEST_DELAY_MS;
}

static void
delay_start(RigChild *child, int64 now_us)
{
	child->start_us = now_us + 1000 * rig_backoff_next(&child->backoff, pg_prng_double(&pg_global_prng_state));
}

bool
rig_child_alive(RigChild *child, int64 now_us)
{
	pid_t		pid;

	if (child->handle == NULL)
		return false;
	if (GetBackgroundWorkerPid(child->handle, &pid) != BGWH_STOPPED)
		return true;
	pfree(child->handle);
	child->handle = NULL;
	if (now_us - child->started_us > HEALTHY_US)
		rig_backoff_reset(&child->backoff);
	delay_start(child, now_us);
	return false;
}

bool
rig_child_due(RigChild *child, int64 now_us)
{
	return !rig_child_alive(child, now_us) && now_us >= child->start_us;
}

bool
rig_child_start(RigChild *child, const char *entry, const char *type, const char *name,
				const RigWorkerArgs *args, int64 now_us)
{
	BackgroundWorker worker = {0};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, RIG_WORKER_LIBRARY, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, entry, sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	memcpy(worker.bgw_extra, args, sizeof(*args));
	worker.bgw_notify_pid = MyProcPid;

	started = RegisterDynamicBackgroundWorker(&worker, &child->handle);
	MemoryContextSwitchTo(caller);
	child->started_us = now_us;
	if (!started)
	{
		child->handle = NULL;
		delay_start(child, now_us);
	}
	return started;
}

void
rig_child_stop(RigChild *child)
{
	if (child->handle != NULL)
		TerminateBackgroundWorker(child->handle);
}

void
rig_child_hurry(RigChild *child)
{
	rig_backoff_reset(&child->backoff);
	child->start_us = 0;
}
