#include "process.h"

#include <signal.h>
#include <time.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "guc.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Longest wait for a lock by a process that was asked to end. */
#define LEAVE_LOCK_TIMEOUT "100ms"

static volatile sig_atomic_t stop_requested = false;
static volatile sig_atomic_t in_statement = false;

static void
handle_stop(SIGNAL_ARGS)
{
	int			save_errno = errno;

	stop_requested = true;
	if (in_statement)
	{
		InterruptPending = true;
		ProcDiePending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

static void
apply_settings(void)
{
	char		timeout[32];

	snprintf(timeout, sizeof(timeout), "%dms", rig_guc_lock_timeout);
	SetConfigOption("lock_timeout", timeout, PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("idle_in_transaction_session_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog", PGC_USERSET, PGC_S_OVERRIDE);
}

void
rig_process_begin(void)
{
	/* SIGINT keeps the server's handler: lock_timeout uses it too. */
	pqsignal(SIGTERM, handle_stop);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	HOLD_CANCEL_INTERRUPTS();
	BackgroundWorkerUnblockSignals();
}

void
rig_process_connect(const RigWorkerArgs *args)
{
	bool		unsafe;

	BackgroundWorkerInitializeConnectionByOid(args->database, args->role, 0);
	StartTransactionCommand();
	unsafe = superuser();
	CommitTransactionCommand();
	if (unsafe)
		ereport(FATAL,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rigalpha does not run as a superuser"),
				 errhint("Run ALTER ROLE %s NOSUPERUSER.", RIG_WORKER_ROLE)));
	apply_settings();
}

char *
rig_process_database_name(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *name;

	StartTransactionCommand();
	name = get_database_name(MyDatabaseId);
	name = MemoryContextStrdup(TopMemoryContext, name == NULL ? "?" : name);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return name;
}

bool
rig_process_stopping(void)
{
	return stop_requested;
}

void
rig_process_leave(void)
{
	stop_requested = false;
	SetConfigOption("lock_timeout", LEAVE_LOCK_TIMEOUT, PGC_USERSET, PGC_S_OVERRIDE);
}

void
rig_process_serve(void)
{
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		if (OidIsValid(MyDatabaseId))
			apply_settings();
	}
}

uint32
rig_process_wait_event(void)
{
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = rig_wait_event_name("RigAlphaWorker");
	return wait_event;
}

void
rig_process_nap(int64 milliseconds)
{
	if (milliseconds > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) milliseconds, rig_process_wait_event());
	ResetLatch(MyLatch);
}

void
rig_process_statement_begin(void)
{
	in_statement = true;
	/* A stop that came just before the flag was set must not wait for the statement. */
	if (stop_requested)
	{
		InterruptPending = true;
		ProcDiePending = true;
	}
	RESUME_CANCEL_INTERRUPTS();
}

void
rig_process_statement_end(void)
{
	in_statement = false;
	/* An error has reset the count to zero, success left it there. */
	QueryCancelHoldoffCount = 1;
}

int64
rig_process_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
