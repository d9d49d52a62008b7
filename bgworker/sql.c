#include "sql.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "statement.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker.h"

static RigStatement extension_present = {
	"SELECT EXISTS (SELECT FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_proc p ON p.pronamespace = e.extnamespace "
	"WHERE e.extname OPERATOR(pg_catalog.=) '" RIG_WORKER_EXTENSION "' AND p.proname OPERATOR(pg_catalog.=) 'worker_abi')"
};
static RigStatement abi_statement = {"SELECT rigalpha.worker_abi()"};
static RigStatement audit_statement = {"SELECT rigalpha.audit_tick()"};
static RigStatement maintenance_statement = {"SELECT rigalpha.maintenance_tick()"};
static RigStatement training_statement = {"SELECT rigalpha.training_tick()"};
static RigStatement watch_statement = {"SELECT rigalpha.watch_machines()"};
static RigStatement next_checkpoint_statement = {"SELECT size, note FROM rigalpha.worker_next_checkpoint()"};
static RigStatement exported_statement = {"SELECT rigalpha.worker_checkpoint_exported($1, $2)", 2, {INT8OID, TEXTOID}};
static RigStatement claim_statement = {
	"SELECT \"partition\", next_offset, generation FROM rigalpha.worker_claim($1, $2, $3, $4, $5)",
	5, {INT4OID, INT4OID, INT4OID, INT4OID, INT4OID}
};
static RigStatement ingest_statement = {
	"SELECT accepted, merged, duplicates, rejected, skipped FROM rigalpha.worker_ingest($1, $2, $3, $4, $5, $6)",
	6, {INT4OID, INT8OID, BYTEAARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT8ARRAYOID}
};
static RigStatement reject_statement = {
	"SELECT rigalpha.worker_reject($1, $2, $3, $4, $5, $6, $7, $8)",
	8, {INT4OID, INT8OID, BYTEAOID, TIMESTAMPTZOID, INT4OID, INT8OID, TEXTOID, TEXTOID}
};
static RigStatement gap_statement = {
	"SELECT rigalpha.worker_gap($1, $2, $3, $4, $5, $6)",
	6, {INT4OID, INT8OID, INT4OID, INT8OID, INT8OID, TEXTOID}
};
static RigStatement report_statement = {
	"SELECT rigalpha.worker_report($1, $2, $3, $4, $5, $6, $7, $8)",
	8, {INT4OID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID, INT4ARRAYOID, INT8ARRAYOID}
};

static void
read_bool(void *context, HeapTuple row, TupleDesc shape)
{
	*(bool *) context = rig_row_bool(row, shape, 1);
}

static void
read_int32(void *context, HeapTuple row, TupleDesc shape)
{
	*(int32 *) context = rig_row_int32(row, shape, 1, 0);
}

bool
rig_sql_extension_present(bool *present, RigFailure *failure)
{
	*present = false;
	return rig_statement_run(&extension_present, NULL, NULL, read_bool, present, failure);
}

bool
rig_sql_abi(int32 *abi, RigFailure *failure)
{
	*abi = 0;
	return rig_statement_run(&abi_statement, NULL, NULL, read_int32, abi, failure);
}

bool
rig_sql_maintenance_tick(RigFailure *failure)
{
	return rig_statement_run(&maintenance_statement, NULL, NULL, NULL, NULL, failure);
}

bool
rig_sql_audit_tick(RigFailure *failure)
{
	return rig_statement_run(&audit_statement, NULL, NULL, NULL, NULL, failure);
}

bool
rig_sql_training_tick(RigFailure *failure)
{
	return rig_statement_run(&training_statement, NULL, NULL, NULL, NULL, failure);
}

bool
rig_sql_watch_tick(RigFailure *failure)
{
	return rig_statement_run(&watch_statement, NULL, NULL, NULL, NULL, failure);
}

typedef struct Checkpoint
{
	int64		size;
	char	   *note;
} Checkpoint;

static void
read_checkpoint(void *context, HeapTuple row, TupleDesc shape)
{
	Checkpoint *checkpoint = context;

	checkpoint->size = rig_row_int64(row, shape, 1, -1);
	checkpoint->note = rig_row_text(row, shape, 2);
}

bool
rig_sql_next_checkpoint(int64 *size, char **note, RigFailure *failure)
{
	Checkpoint	checkpoint = {-1, NULL};
	bool		done = rig_statement_run(&next_checkpoint_statement, NULL, NULL, read_checkpoint, &checkpoint, failure);

	*size = checkpoint.size;
	*note = checkpoint.note;
	return done;
}

bool
rig_sql_checkpoint_exported(int64 size, const char *note, RigFailure *failure)
{
	Datum		values[] = {Int64GetDatum(size), CStringGetTextDatum(note)};

	return rig_statement_run(&exported_statement, values, NULL, NULL, NULL, failure);
}

/* Append a claimed partition; the array was made for all partitions of the topic. */
static void
read_claim(void *context, HeapTuple row, TupleDesc shape)
{
	RigLease   *lease = context;
	RigKafkaPosition *position = &lease->positions[lease->count++];

	position->partition = rig_row_int32(row, shape, 1, 0);
	position->offset = rig_row_int64(row, shape, 2, -1);
	lease->generation = rig_row_int64(row, shape, 3, 0);
}

bool
rig_sql_claim(const RigSlot *slot, int partition_count, RigLease *lease, RigFailure *failure)
{
	Datum		values[] = {
		Int32GetDatum(slot->source), Int32GetDatum(slot->slot), Int32GetDatum(slot->slots),
		Int32GetDatum(partition_count), Int32GetDatum(MyProcPid)
	};

	lease->generation = 0;
	lease->count = 0;
	lease->positions = palloc0((partition_count + 1) * sizeof(RigKafkaPosition));
	if (!rig_statement_run(&claim_statement, values, NULL, read_claim, lease, failure))
		return false;
	rig_lease_sort(lease);
	return true;
}

/* Time of a message, false when it has none that the server can hold. */
static bool
message_time(const RigKafkaMessage *message, TimestampTz *time)
{
	const int64 epoch_ms = ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * SECS_PER_DAY * 1000;

	if (message->timestamp_ms < 0 || message->timestamp_ms > (END_TIMESTAMP / 1000) + epoch_ms)
		return false;
	*time = (message->timestamp_ms - epoch_ms) * 1000;
	return true;
}

/* An array without nulls whose elements the caller fills in; NULL when memory is short. */
static ArrayType *
make_array(Oid element, int count, Size data_size)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + data_size;
	ArrayType  *array;

	if (count == 0)
		return construct_empty_array(element);
	array = AllocSizeIsValid(size) ? palloc_extended(size, MCXT_ALLOC_NO_OOM) : NULL;
	if (array == NULL)
		return NULL;
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = element;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/* Where the elements of such an array begin. */
static void *
array_elements(ArrayType *array)
{
	return (char *) array + ARR_OVERHEAD_NONULLS(1);
}

/* bytea[] of the payloads, each copied once, straight into the array; NULL when memory is short. */
static ArrayType *
payload_array(const RigKafkaMessage *messages, int count)
{
	Size		size = 0;
	ArrayType  *array;
	char	   *cursor;

	for (int i = 0; i < count; i++)
		size = add_size(size, INTALIGN(add_size(messages[i].size, VARHDRSZ)));
	array = make_array(BYTEAOID, count, size);
	if (array == NULL)
		return NULL;
	cursor = array_elements(array);
	for (int i = 0; i < count; i++)
	{
		char	   *end = cursor + VARHDRSZ + messages[i].size;

		SET_VARSIZE(cursor, messages[i].size + VARHDRSZ);
		if (messages[i].size > 0)
			memcpy(VARDATA(cursor), messages[i].payload, messages[i].size);
		/* Zeros up to the next element tell its reader that they are no element. */
		cursor += INTALIGN(messages[i].size + VARHDRSZ);
		memset(end, 0, cursor - end);
	}
	return array;
}

static Datum
time_array(const RigKafkaMessage *messages, int count)
{
	Datum	   *values = palloc0(count * sizeof(Datum));
	bool	   *nulls = palloc0(count * sizeof(bool));
	int			lower = 1;

	for (int i = 0; i < count; i++)
	{
		TimestampTz time = 0;

		nulls[i] = !message_time(&messages[i], &time);
		values[i] = TimestampTzGetDatum(time);
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower, TIMESTAMPTZOID,
											  sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
partition_array(const RigKafkaMessage *messages, int count)
{
	ArrayType  *array = make_array(INT4OID, count, count * sizeof(int32));
	int32	   *elements = array_elements(array);

	for (int i = 0; i < count; i++)
		elements[i] = messages[i].partition;
	return PointerGetDatum(array);
}

static Datum
offset_array(const RigKafkaMessage *messages, int count)
{
	ArrayType  *array = make_array(INT8OID, count, count * sizeof(int64));
	int64	   *elements = array_elements(array);

	for (int i = 0; i < count; i++)
		elements[i] = messages[i].offset;
	return PointerGetDatum(array);
}

static void
read_ingested(void *context, HeapTuple row, TupleDesc shape)
{
	RigIngested *ingested = context;

	ingested->accepted = rig_row_int32(row, shape, 1, 0);
	ingested->merged = rig_row_int32(row, shape, 2, 0);
	ingested->duplicates = rig_row_int32(row, shape, 3, 0);
	ingested->rejected = rig_row_int32(row, shape, 4, 0);
	ingested->skipped = rig_row_int32(row, shape, 5, 0);
}

bool
rig_sql_ingest(int32 source, int64 generation, const RigKafkaMessage *messages, int count,
			   RigIngested *ingested, RigFailure *failure)
{
	ArrayType  *payloads = payload_array(messages, count);
	Datum		values[] = {
		Int32GetDatum(source), Int64GetDatum(generation), PointerGetDatum(payloads),
		time_array(messages, count), partition_array(messages, count), offset_array(messages, count)
	};

	memset(ingested, 0, sizeof(*ingested));
	if (payloads == NULL)
	{
		strlcpy(failure->sqlstate, "53200", sizeof(failure->sqlstate));
		strlcpy(failure->message, "out of memory", sizeof(failure->message));
		return false;
	}
	return rig_statement_run(&ingest_statement, values, NULL, read_ingested, ingested, failure);
}

/* Text for the database; a text cut inside a character loses what is not ASCII. */
static Datum
clean_text(const char *text)
{
	char	   *copy = pstrdup(text);

	if (!pg_verifymbstr(copy, (int) strlen(copy), true))
	{
		for (char *byte = copy; *byte != '\0'; byte++)
		{
			if (IS_HIGHBIT_SET(*byte))
				*byte = '?';
		}
	}
	return CStringGetTextDatum(copy);
}

bool
rig_sql_reject(int32 source, int64 generation, const RigKafkaMessage *message,
			   const char *reason, const char *detail, RigFailure *failure)
{
	TimestampTz time = 0;
	bool		timed = message_time(message, &time);
	bytea	   *payload = palloc(message->size + VARHDRSZ);
	char		nulls[] = "        ";
	Datum		values[] = {
		Int32GetDatum(source), Int64GetDatum(generation), PointerGetDatum(payload), TimestampTzGetDatum(time),
		Int32GetDatum(message->partition), Int64GetDatum(message->offset),
		CStringGetTextDatum(reason), clean_text(detail)
	};

	SET_VARSIZE(payload, message->size + VARHDRSZ);
	if (message->size > 0)
		memcpy(VARDATA(payload), message->payload, message->size);
	if (!timed)
		nulls[3] = 'n';
	return rig_statement_run(&reject_statement, values, nulls, NULL, NULL, failure);
}

bool
rig_sql_gap(int32 source, int64 generation, int32 partition, int64 from, int64 to,
			const char *reason, RigFailure *failure)
{
	Datum		values[] = {
		Int32GetDatum(source), Int64GetDatum(generation), Int32GetDatum(partition),
		Int64GetDatum(from), Int64GetDatum(to), CStringGetTextDatum(reason)
	};

	return rig_statement_run(&gap_statement, values, NULL, NULL, NULL, failure);
}

bool
rig_sql_report(const RigSlot *slot, const char *state, const char *error,
			   const RigKafkaPosition *watermarks, int count, RigFailure *failure)
{
	ArrayType  *partitions = make_array(INT4OID, count, count * sizeof(int32));
	ArrayType  *ends = make_array(INT8OID, count, count * sizeof(int64));
	char		nulls[] = "        ";
	Datum		values[] = {
		Int32GetDatum(slot->source), Int32GetDatum(slot->slot), Int32GetDatum(slot->slots), Int32GetDatum(MyProcPid),
		CStringGetTextDatum(state), error == NULL ? (Datum) 0 : clean_text(error),
		PointerGetDatum(partitions), PointerGetDatum(ends)
	};

	for (int i = 0; i < count; i++)
	{
		((int32 *) array_elements(partitions))[i] = watermarks[i].partition;
		((int64 *) array_elements(ends))[i] = watermarks[i].offset;
	}
	if (error == NULL)
		nulls[5] = 'n';
	return rig_statement_run(&report_statement, values, nulls, NULL, NULL, failure);
}
