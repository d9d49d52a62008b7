/*
 * Training in a process of its own. The process connects as the login that asked and acts as
 * the role that was in effect, for the user of the session that asked if there was one; its
 * bookkeeping in rigalpha.jobs is done as the owner. It reads in one transaction, computes in
 * none, and stores in another, so it pins no snapshot while it computes.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "identity.h"
#include "model_store.h"
#include "pg_compat.h"
#include "training.h"

/* First key of the advisory lock that says a job has a process; as in rigalpha.job_process(). */
#define JOB_LOCK_CLASS 1380010562
#define REPORT_INTERVAL_US USECS_PER_SEC

RIG_SQL_FUNCTION(rig_train_async);
RIG_SQL_FUNCTION(rig_signal_job);

extern PGDLLEXPORT void rig_training_job_main(Datum argument);

typedef struct JobArguments
{
	Oid			database;
	Oid			login;
	Oid			role;
	TransactionId creator;
	int32		user;			/* of the session that asked; 0 = the login says who acts */
	int64		id;
} JobArguments;

StaticAssertDecl(sizeof(JobArguments) <= BGW_EXTRALEN, "arguments of a job must fit into bgw_extra");

static JobArguments job;
static volatile sig_atomic_t terminated = false;

/* --- Asking for a job ---------------------------------------------------- */

static int64
insert_job(const RigTrainingRequest *request)
{
	static const char *const statement =
		"INSERT INTO rigalpha.jobs (model, source_text, algorithm, machine, options, seed, deploy, settings, acting_role)"
		" VALUES ($1::pg_catalog.name, $2, $3, $4, $5::pg_catalog.jsonb, $6, $7, ARRAY[$8, $9], $10::pg_catalog.name) RETURNING id";
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, BOOLOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[] = {
		CStringGetTextDatum(request->model), CStringGetTextDatum(request->source),
		CStringGetTextDatum(rig_algorithm_name(request->options.training.algorithm)),
		request->machine == NULL ? (Datum) 0 : CStringGetTextDatum(request->machine),
		CStringGetTextDatum(request->options_text), Int64GetDatum(request->seed), BoolGetDatum(request->deploy),
		CStringGetTextDatum(GetConfigOption("search_path", false, false)),
		CStringGetTextDatum(GetConfigOption("TimeZone", false, false)),
		CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))
	};
	char		nulls[] = "          ";
	RigCaller	caller;
	bool		isnull;
	int64		id;

	if (request->machine == NULL)
		nulls[3] = 'n';
	SPI_connect();
	caller = rig_become_owner();
	if (SPI_execute_with_args(statement, lengthof(types), types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not store the job");
	rig_resume_caller(caller);
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

static void
start_process(const JobArguments *arguments)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "$libdir/rigalpha", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "rig_training_job_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_type, "rigalpha training", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "rigalpha training job " INT64_FORMAT, arguments->id);
	memcpy(worker.bgw_extra, arguments, sizeof(*arguments));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free for the training"),
				 errhint("Wait for other jobs to end, use rigalpha.train(), or increase max_worker_processes.")));
}

Datum
rig_train_async(PG_FUNCTION_ARGS)
{
	const RigIdentity *identity = rig_identity_current();
	JobArguments arguments;
	RigTrainingRequest *request;

	PreventCommandIfReadOnly("train_async()");
	if (IsBinaryUpgrade)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no training during an upgrade of the server")));
	request = rig_training_request(fcinfo);
	arguments.id = insert_job(request);
	arguments.database = MyDatabaseId;
	arguments.login = GetSessionUserId();
	arguments.role = GetUserId();
	arguments.creator = GetTopTransactionId();
	arguments.user = identity != NULL && identity->session_id != 0 ? identity->user_id : 0;
	start_process(&arguments);
	PG_RETURN_INT64(arguments.id);
}

Datum
rig_signal_job(PG_FUNCTION_ARGS)
{
	int			pid = PG_GETARG_INT32(0);

	PG_RETURN_BOOL(BackendPidGetProc(pid) != NULL && kill(pid, SIGINT) == 0);
}

/* --- The process --------------------------------------------------------- */

/* As a cancelled statement, so that it can be caught and written down. */
static void
handle_terminate(SIGNAL_ARGS)
{
	int			saved_errno = errno;

	terminated = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
	errno = saved_errno;
}

static MemoryContext
begin_transaction(void)
{
	MemoryContext caller = CurrentMemoryContext;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	return caller;
}

static void
end_transaction(MemoryContext caller)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	MemoryContextSwitchTo(caller);
}

/*
 * Runs a statement about the job, whose id is $1, as the owner; true when it returned a row.
 * The caller ends SPI.
 */
static bool
execute(const char *statement, int count, Oid *types, Datum *values, const char *nulls)
{
	RigCaller	caller;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	caller = rig_become_owner();
	if (SPI_execute_with_args(statement, count, types, values, nulls, false, 0) != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "failed: %s", statement);
	rig_resume_caller(caller);
	return SPI_processed == 1;
}

/* Column of the row that execute() returned, in the caller's context; NULL = null. */
static char *
result_text(MemoryContext context, int number)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);

	return text == NULL ? NULL : MemoryContextStrdup(context, text);
}

/* Waits for the transaction that made the job: before its end the row is not to be seen. */
static void
wait_for_creator(void)
{
	LOCKTAG		tag;

	StartTransactionCommand();
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, JOB_LOCK_CLASS, (uint32) (job.id & PG_INT32_MAX), 2);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("the advisory lock of the job is taken")));
	XactLockTableWait(job.creator, NULL, NULL, XLTW_None);
	CommitTransactionCommand();
}

/* Takes the job; NULL when it was rolled back, cancelled or given up. */
static RigTrainingRequest *
take_job(void)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(job.id), Int32GetDatum(MyProcPid)};
	MemoryContext context = begin_transaction();
	RigTrainingRequest *request = NULL;

	if (execute("UPDATE rigalpha.jobs SET state = 'running', phase = 'reading', pid = $2, started_at = pg_catalog.clock_timestamp()"
				" WHERE id = $1 AND state = 'queued'"
				" RETURNING model, source_text, machine, options::pg_catalog.text, algorithm, seed, deploy, settings[1], settings[2]",
				2, types, values, NULL))
	{
		char	   *options = result_text(context, 4);
		bool		isnull;

		request = MemoryContextAllocZero(context, sizeof(RigTrainingRequest));
		request->model = result_text(context, 1);
		request->source = result_text(context, 2);
		request->machine = result_text(context, 3);
		request->options = rig_options_read(rig_algorithm_by_name(result_text(context, 5)),
											DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(options))));
		request->seed = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 6, &isnull));
		request->deploy = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 7, &isnull));
		SetConfigOption("search_path", result_text(context, 8), PGC_USERSET, PGC_S_SESSION);
		SetConfigOption("TimeZone", result_text(context, 9), PGC_USERSET, PGC_S_SESSION);
	}
	SPI_finish();
	end_transaction(context);
	return request;
}

/* Writes down how far the job is; false when it shall end. Somebody who locks the row is not waited for. */
static bool
report(const char *phase, double fraction)
{
	Oid			types[] = {INT8OID, TEXTOID, FLOAT8OID};
	MemoryContext caller = begin_transaction();
	Datum		values[] = {
		Int64GetDatum(job.id), CStringGetTextDatum(phase), Float8GetDatum(Min(Max(fraction, 0), 1))
	};
	bool		wanted = true;

	if (execute("UPDATE rigalpha.jobs SET phase = $2, progress = $3"
				" WHERE id = (SELECT id FROM rigalpha.jobs WHERE id = $1 FOR UPDATE SKIP LOCKED) RETURNING cancel_requested",
				3, types, values, NULL))
	{
		bool		isnull;

		wanted = !DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	end_transaction(caller);
	return wanted;
}

static void
refuse_cancelled(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED), errmsg("the job was cancelled")));
}

static bool
proceed(void *context, double fraction)
{
	TimestampTz *reported_at = context;
	TimestampTz now = GetCurrentTimestamp();

	CHECK_FOR_INTERRUPTS();
	if (now - *reported_at < REPORT_INTERVAL_US)
		return true;
	*reported_at = now;
	return report("training", fraction);
}

static void
show_activity(const char *phase, const RigTrainingRequest *request)
{
	pgstat_report_activity(STATE_RUNNING, psprintf("training model %s: %s", request->model, phase));
}

/* What is left of the transaction acts for the user of the session that asked, as long as the account is open. */
static void
act_for_user(void)
{
	if (job.user != 0 && !rig_identity_assume(job.user))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("the user who asked for the job has no open account any more")));
}

/* The role can do here what it can do itself, and cannot become the login. */
static void
read_source(RigTraining *training)
{
	MemoryContext caller = begin_transaction();
	RigCaller	login = {0};

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(job.role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("the role that asked for the job does not exist any more")));
	act_for_user();
	GetUserIdAndSecContext(&login.user, &login.security_context);
	SetUserIdAndSecContext(job.role, login.security_context | SECURITY_LOCAL_USERID_CHANGE);
	rig_training_read(training);
	rig_resume_caller(login);
	end_transaction(caller);
}

/* The version and the end of the job are one transaction. */
static void
store_result(RigTraining *training)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(job.id), 0};
	MemoryContext caller = begin_transaction();
	bool		isnull;

	act_for_user();
	if (!execute("UPDATE rigalpha.jobs SET phase = 'storing', progress = 1 WHERE id = $1 RETURNING cancel_requested",
				 1, types, values, NULL) ||
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
		refuse_cancelled();
	SPI_finish();
	rig_training_store(training);
	values[1] = Int32GetDatum(training->version);
	(void) execute("UPDATE rigalpha.jobs SET state = 'done', phase = NULL, version = $2,"
				   " finished_at = pg_catalog.clock_timestamp() WHERE id = $1 RETURNING id", 2, types, values, NULL);
	SPI_finish();
	end_transaction(caller);
}

static void
run_job(void)
{
	TimestampTz reported_at = 0;
	RigProgress progress = {proceed, &reported_at};
	RigTrainingRequest *request;
	RigTraining *training;

	wait_for_creator();
	request = take_job();
	if (request == NULL)
		return;
	training = rig_training_begin(request, CurrentMemoryContext);
	show_activity("reading", request);
	read_source(training);
	show_activity("training", request);
	rig_training_compute(training, &progress);
	show_activity("storing", request);
	store_result(training);
}

/* Ends the job in the state that the error calls for. */
static void
give_up(const ErrorData *error)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID};
	bool		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED && !terminated;
	const char *message = terminated ? "the process was told to end"
		: cancelled ? "the job was cancelled" : error->message;
	MemoryContext caller = begin_transaction();
	Datum		values[] = {
		Int64GetDatum(job.id), CStringGetTextDatum(cancelled ? "cancelled" : "failed"),
		CStringGetTextDatum(message == error->message && error->detail != NULL ? psprintf("%s: %s", message, error->detail) : message)
	};

	/* The extension may be what is gone. */
	if (OidIsValid(get_relname_relid("jobs", get_namespace_oid("rigalpha", true))))
	{
		(void) execute("UPDATE rigalpha.jobs SET state = $2, message = $3, finished_at = pg_catalog.clock_timestamp()"
					   " WHERE id = $1 AND state IN ('queued', 'running') RETURNING id", 3, types, values, NULL);
		SPI_finish();
	}
	end_transaction(caller);
	ereport(LOG,
			(errmsg("rigalpha training job " INT64_FORMAT " %s: %s", job.id, cancelled ? "cancelled" : "failed", message)));
}

void
rig_training_job_main(Datum argument)
{
	MemoryContext context;

	memcpy(&job, MyBgworkerEntry->bgw_extra, sizeof(job));
	pqsignal(SIGTERM, handle_terminate);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(job.database, job.login, 0);
	pgstat_report_appname("rigalpha training");
	context = AllocSetContextCreate(TopMemoryContext, "rigalpha training job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run_job();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/* A second signal must not keep the end from being written down. */
		HOLD_INTERRUPTS();
		QueryCancelPending = false;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		give_up(error);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	proc_exit(0);
}
