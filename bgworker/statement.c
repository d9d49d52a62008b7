#include "statement.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "process.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static void
prepare_statement(RigStatement *statement)
{
	SPIPlanPtr	plan = SPI_prepare(statement->text, statement->parameters, statement->types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", statement->text, SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	statement->plan = plan;
}

static void
execute_statement(RigStatement *statement, Datum *values, const char *nulls,
				  RigRowReader reader, void *context, MemoryContext caller)
{
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PushActiveSnapshot(GetTransactionSnapshot());
	if (statement->plan == NULL)
		prepare_statement(statement);
	result = SPI_execute_plan(statement->plan, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->text, SPI_result_code_string(result));
	if (reader != NULL && SPI_tuptable != NULL)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		for (uint64 i = 0; i < SPI_processed; i++)
			reader(context, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(spi);
	}
	PopActiveSnapshot();
	SPI_finish();
}

/* Take the current error out of the error stack. */
static void
describe_failure(RigFailure *failure, MemoryContext caller)
{
	ErrorData  *error;
	const char *message;
	int			length;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	FlushErrorState();
	message = error->message ? error->message : "unknown error";
	length = pg_mbcliplen(message, strlen(message), sizeof(failure->message) - 1);
	memcpy(failure->message, message, length);
	failure->message[length] = '\0';
	strlcpy(failure->sqlstate, unpack_sql_state(error->sqlerrcode), sizeof(failure->sqlstate));
	FreeErrorData(error);
}

/*
 * DROP EXTENSION locks the extension before any of its tables. Whoever holds this lock before he uses a table
 * makes it wait there, where it holds nothing yet, so that the two cannot wait for each other.
 */
static void
lock_extension(void)
{
	Oid			extension = get_extension_oid("rigalpha", true);

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
}

bool
rig_statement_run(RigStatement *statement, Datum *values, const char *nulls,
				  RigRowReader reader, void *context, RigFailure *failure)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	failure->sqlstate[0] = '\0';
	failure->message[0] = '\0';
	PG_TRY();
	{
		rig_process_statement_begin();
		SetCurrentStatementStartTimestamp();
		/* The text stays what the process last said it is doing. */
		pgstat_report_activity(STATE_RUNNING, NULL);
		StartTransactionCommand();
		lock_extension();
		execute_statement(statement, values, nulls, reader, context, caller);
		CommitTransactionCommand();
		done = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		describe_failure(failure, caller);
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	rig_process_statement_end();
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(caller);
	return done;
}

static Datum
read_column(HeapTuple row, TupleDesc shape, int column, bool *isnull)
{
	return SPI_getbinval(row, shape, column, isnull);
}

int64
rig_row_int64(HeapTuple row, TupleDesc shape, int column, int64 fallback)
{
	bool		isnull;
	Datum		value = read_column(row, shape, column, &isnull);

	return isnull ? fallback : DatumGetInt64(value);
}

int32
rig_row_int32(HeapTuple row, TupleDesc shape, int column, int32 fallback)
{
	bool		isnull;
	Datum		value = read_column(row, shape, column, &isnull);

	return isnull ? fallback : DatumGetInt32(value);
}

bool
rig_row_bool(HeapTuple row, TupleDesc shape, int column)
{
	bool		isnull;
	Datum		value = read_column(row, shape, column, &isnull);

	return !isnull && DatumGetBool(value);
}

char *
rig_row_text(HeapTuple row, TupleDesc shape, int column)
{
	char	   *text = SPI_getvalue(row, shape, column);

	return text == NULL ? pstrdup("") : text;
}
