/*
 * The fastest that this server can put readings into a partition: finished rows of the same
 * shape through table_multi_insert and the unique index, without parser, catalog, look for
 * stored rows, latest state or Kafka. What the worker reaches is measured against it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "pg_compat.h"

PG_MODULE_MAGIC;

RIG_SQL_FUNCTION(bench_insert_limit);

#define VALUES 56
#define ARRAYS 256				/* different arrays, used in turn */
#define FLUSH_BYTES (64 * 1024)
#define ROW_BYTES (VALUES * sizeof(float8) + 128)
#define FLUSH_ROWS (FLUSH_BYTES / ROW_BYTES)

/* Rows of several machines in turn, each machine's times ascending by the step. */
typedef struct Workload
{
	Oid			leaf;
	int32		rows;
	int32		rows_per_transaction;
	int32		machines;
	TimestampTz first;
	int64		step;
	bool		scored;
	Datum		arrays[ARRAYS];
} Workload;

typedef struct Writer
{
	Relation	leaf;
	EState	   *estate;
	ResultRelInfo *result_relation;
	BulkInsertState bulk_state;
	TupleTableSlot *slots[FLUSH_ROWS];
	int			filled;
} Writer;

/* Four decimals each, as the messages have. */
static void
make_arrays(Workload *workload)
{
	Datum		values[VALUES];

	for (int a = 0; a < ARRAYS; a++)
	{
		for (int v = 0; v < VALUES; v++)
			values[v] = Float8GetDatum((100000 + (a * 7919 + v * 104729) % 900000) / 10000.0);
		workload->arrays[a] = PointerGetDatum(construct_array(values, VALUES, FLOAT8OID, sizeof(float8),
														  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
}

static void
begin_writing(Writer *writer, Oid leaf)
{
	writer->leaf = table_open(leaf, RowExclusiveLock);
	if (writer->leaf->rd_att->natts != RIG_READINGS_COLUMNS)
		elog(ERROR, "\"%s\" is not shaped like readings", RelationGetRelationName(writer->leaf));
	writer->estate = CreateExecutorState();
	writer->result_relation = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->result_relation, writer->leaf, 1, NULL, 0);
	ExecOpenIndices(writer->result_relation, false);
	writer->bulk_state = GetBulkInsertState();
	for (int i = 0; i < FLUSH_ROWS; i++)
		writer->slots[i] = table_slot_create(writer->leaf, NULL);
	writer->filled = 0;
}

static void
flush_rows(Writer *writer)
{
	ExprContext *per_tuple = GetPerTupleExprContext(writer->estate);

	if (writer->filled == 0)
		return;
	MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	table_multi_insert(writer->leaf, writer->slots, writer->filled, GetCurrentCommandId(true), 0, writer->bulk_state);
	for (int i = 0; i < writer->filled; i++)
	{
		per_tuple->ecxt_scantuple = writer->slots[i];
		(void) rig_insert_index_tuples(writer->result_relation, writer->slots[i], writer->estate);
		ExecClearTuple(writer->slots[i]);
	}
	ResetPerTupleExprContext(writer->estate);
	MemoryContextSwitchTo(writer->estate->es_query_cxt);
	writer->filled = 0;
}

/* A model and the scores that the worker gives under load: none of the LSTM. */
static void
fill_scores(TupleTableSlot *slot)
{
	const int columns[] = {RIG_READINGS_RISK, RIG_READINGS_SCORE_Z, RIG_READINGS_SCORE_PCA,
						   RIG_READINGS_SCORE_FOREST};

	slot->tts_values[RIG_READINGS_MODEL_VERSION - 1] = Int32GetDatum(1);
	slot->tts_isnull[RIG_READINGS_MODEL_VERSION - 1] = false;
	for (int i = 0; i < lengthof(columns); i++)
	{
		slot->tts_values[columns[i] - 1] = Float4GetDatum(0.25f);
		slot->tts_isnull[columns[i] - 1] = false;
	}
}

static void
write_row(Writer *writer, const Workload *workload, int32 row, TimestampTz received_at)
{
	TupleTableSlot *slot = writer->slots[writer->filled++];

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, RIG_READINGS_COLUMNS * sizeof(bool));
	slot->tts_values[RIG_READINGS_MACHINE_ID - 1] = Int32GetDatum(1 + row % workload->machines);
	slot->tts_values[RIG_READINGS_TS - 1] =
		TimestampTzGetDatum(workload->first + row / workload->machines * workload->step);
	slot->tts_values[RIG_READINGS_RECEIVED_AT - 1] = TimestampTzGetDatum(received_at);
	slot->tts_values[RIG_READINGS_STATE - 1] = Int16GetDatum(2);
	slot->tts_values[RIG_READINGS_FLAGS - 1] = Int16GetDatum(0);
	slot->tts_values[RIG_READINGS_SENSOR_VALUES - 1] = workload->arrays[row % ARRAYS];
	slot->tts_isnull[RIG_READINGS_MACHINE_ID - 1] = false;
	slot->tts_isnull[RIG_READINGS_TS - 1] = false;
	slot->tts_isnull[RIG_READINGS_RECEIVED_AT - 1] = false;
	slot->tts_isnull[RIG_READINGS_STATE - 1] = false;
	slot->tts_isnull[RIG_READINGS_FLAGS - 1] = false;
	slot->tts_isnull[RIG_READINGS_SENSOR_VALUES - 1] = false;
	if (workload->scored)
		fill_scores(slot);
	ExecStoreVirtualTuple(slot);
	if (writer->filled == FLUSH_ROWS)
		flush_rows(writer);
}

static void
end_writing(Writer *writer)
{
	flush_rows(writer);
	for (int i = 0; i < FLUSH_ROWS; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_finish_bulk_insert(writer->leaf, 0);
	FreeBulkInsertState(writer->bulk_state);
	ExecCloseIndices(writer->result_relation);
	table_close(writer->leaf, NoLock);
}

/* The first row of the machine from there on; row n is of machine n modulo their number. */
static int32
first_of(const Workload *workload, int32 machine, int32 first)
{
	int32		shift = (machine - first % workload->machines + workload->machines) % workload->machines;

	return first + shift;
}

/* Writes the rows first .. first + count - 1, by machine and time, which the index likes best. */
static void
write_rows(const Workload *workload, int32 first, int32 count)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz received_at = GetCurrentTimestamp();
	Writer		writer;

	begin_writing(&writer, workload->leaf);
	MemoryContextSwitchTo(writer.estate->es_query_cxt);
	for (int32 machine = 0; machine < workload->machines; machine++)
		for (int32 row = first_of(workload, machine, first); row < first + count; row += workload->machines)
			write_row(&writer, workload, row, received_at);
	end_writing(&writer);
	MemoryContextSwitchTo(context);
	FreeExecutorState(writer.estate);
}

/*
 * PROCEDURE bench_insert_limit(leaf regclass, rows integer, rows_per_transaction integer,
 *		machines integer, first timestamptz, step_us bigint, scored boolean)
 */
Datum
bench_insert_limit(PG_FUNCTION_ARGS)
{
	Workload	workload = {
		.leaf = PG_GETARG_OID(0),
		.rows = PG_GETARG_INT32(1),
		.rows_per_transaction = Max(PG_GETARG_INT32(2), 1),
		.machines = Max(PG_GETARG_INT32(3), 1),
		.first = PG_GETARG_TIMESTAMPTZ(4),
		.step = PG_GETARG_INT64(5),
		.scored = PG_GETARG_BOOL(6)
	};

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	make_arrays(&workload);
	for (int32 row = 0; row < workload.rows; row += workload.rows_per_transaction)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		write_rows(&workload, row, Min(workload.rows_per_transaction, workload.rows - row));
		PopActiveSnapshot();
		SPI_commit();
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
	PG_RETURN_VOID();
}
