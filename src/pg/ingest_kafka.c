/*
 * The door of the Kafka worker: ingest between locking the positions of the partitions and
 * moving them, so that rows and positions are one commit.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ingest.h"
#include "pg_compat.h"

RIG_SQL_FUNCTION(rig_worker_ingest);

/* Position and counters of one partition. */
typedef struct Position
{
	int32		partition;
	int64		next_offset;
	int32		messages;
	int32		readings;		/* messages that stored or completed one */
	int32		duplicates;
	int32		rejected;
	int32		skipped;
} Position;

typedef struct Positions
{
	int32		count;
	Position   *items;
} Positions;

static Position *
find_position(Positions *positions, int32 partition)
{
	for (int32 i = 0; i < positions->count; i++)
		if (positions->items[i].partition == partition)
			return &positions->items[i];
	return NULL;
}

static Datum
int4_array(const int32 *values, int32 count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int32 i = 0; i < count; i++)
		elements[i] = Int32GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* The distinct partitions of the batch, without positions yet. */
static Positions
list_partitions(const IngestBatch *batch)
{
	Positions	positions = {0, palloc0(Max(batch->payload_count, 1) * sizeof(Position))};

	for (int32 i = 0; i < batch->payload_count; i++)
		if (find_position(&positions, batch->partitions[i]) == NULL)
			positions.items[positions.count++].partition = batch->partitions[i];
	return positions;
}

/* Runs a statement whose plan is kept for the life of the backend. */
static void
execute_kept(SPIPlanPtr *plan, const char *statement, int argument_count, Oid *types, Datum *arguments)
{
	if (*plan == NULL)
	{
		*plan = SPI_prepare(statement, argument_count, types);
		if (*plan == NULL || SPI_keepplan(*plan) != 0)
			elog(ERROR, "could not prepare: %s", statement);
	}
	if (SPI_execute_plan(*plan, arguments, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "failed: %s", statement);
}

/* Locks the positions and reads them; raises an error when the generation is stale. */
static void
fence(IngestBatch *batch, Positions *positions, int32 source_id, int64 generation)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[3] = {INT4OID, INT8OID, INT4ARRAYOID};
	Datum		arguments[3];
	int32	   *partitions = palloc(Max(positions->count, 1) * sizeof(int32));
	MemoryContext context = CurrentMemoryContext;

	for (int32 i = 0; i < positions->count; i++)
		partitions[i] = positions->items[i].partition;
	arguments[0] = Int32GetDatum(source_id);
	arguments[1] = Int64GetDatum(generation);
	arguments[2] = int4_array(partitions, positions->count);
	SPI_connect();
	execute_kept(&plan, "SELECT source_name, \"partition\", next_offset FROM rigalpha.worker_fence($1, $2, $3)",
				 3, types, arguments);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	descriptor = SPI_tuptable->tupdesc;
		bool		isnull;
		Position   *position = find_position(positions, DatumGetInt32(SPI_getbinval(tuple, descriptor, 2, &isnull)));

		position->next_offset = DatumGetInt64(SPI_getbinval(tuple, descriptor, 3, &isnull));
		if (batch->source == NULL)
			batch->source = MemoryContextStrdup(context, SPI_getvalue(tuple, descriptor, 1));
	}
	SPI_finish();
}

/* Drops messages that an earlier transaction has stored: a position names the next one wanted. */
static void
drop_stored(IngestBatch *batch, Positions *positions)
{
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		Position   *position = find_position(positions, batch->partitions[i]);

		if (batch->offsets[i] < position->next_offset)
			batch->payloads[i] = NULL;
		else
		{
			position->next_offset = batch->offsets[i] + 1;
			position->messages++;
			if (batch->payloads[i] == NULL || VARSIZE_ANY_EXHDR(batch->payloads[i]) == 0)
				position->skipped++;
		}
	}
}

static void
count_messages(const IngestBatch *batch, Positions *positions)
{
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		const IngestCounts *counts = &batch->counts[i];
		Position   *position = find_position(positions, batch->partitions[i]);

		position->rejected += counts->rejected > 0;
		position->readings += counts->accepted + counts->merged > 0;
		position->duplicates += counts->duplicates > 0 && counts->accepted + counts->merged + counts->rejected == 0;
	}
}

static void
advance(const Positions *positions, int32 source_id, int64 generation)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[9] = {INT4OID, INT8OID, INT4ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
	INT4ARRAYOID, INT4ARRAYOID};
	Datum		arguments[9];
	int32		count = positions->count;
	int32	   *columns[6];
	Datum	   *offsets = palloc(Max(count, 1) * sizeof(Datum));

	for (int c = 0; c < lengthof(columns); c++)
		columns[c] = palloc(Max(count, 1) * sizeof(int32));
	for (int32 i = 0; i < count; i++)
	{
		const Position *position = &positions->items[i];

		offsets[i] = Int64GetDatum(position->next_offset);
		columns[0][i] = position->partition;
		columns[1][i] = position->messages;
		columns[2][i] = position->readings;
		columns[3][i] = position->duplicates;
		columns[4][i] = position->rejected;
		columns[5][i] = position->skipped;
	}
	arguments[0] = Int32GetDatum(source_id);
	arguments[1] = Int64GetDatum(generation);
	arguments[2] = int4_array(columns[0], count);
	arguments[3] = PointerGetDatum(construct_array(offsets, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
												   TYPALIGN_DOUBLE));
	for (int c = 1; c < lengthof(columns); c++)
		arguments[3 + c] = int4_array(columns[c], count);
	SPI_connect();
	execute_kept(&plan, "SELECT rigalpha.worker_advance($1, $2, $3, $4, $5, $6, $7, $8, $9)", 9, types, arguments);
	SPI_finish();
}

Datum
rig_worker_ingest(PG_FUNCTION_ARGS)
{
	IngestBatch batch = {0};
	Positions	positions;
	IngestCounts total;
	Datum		values[5];
	int32		skipped = 0;

	for (int i = 0; i < 6; i++)
		if (PG_ARGISNULL(i) && i != 3)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d of worker_ingest must not be null", i + 1)));
	rig_ingest_take_payloads(&batch, fcinfo, 2);
	rig_ingest_take_times(&batch, fcinfo, 3);
	rig_ingest_take_positions(&batch, fcinfo, 4, 5);
	positions = list_partitions(&batch);
	fence(&batch, &positions, PG_GETARG_INT32(0), PG_GETARG_INT64(1));
	drop_stored(&batch, &positions);
	rig_ingest_run(&batch);
	count_messages(&batch, &positions);
	advance(&positions, PG_GETARG_INT32(0), PG_GETARG_INT64(1));

	total = rig_ingest_total(&batch);
	for (int32 i = 0; i < positions.count; i++)
		skipped += positions.items[i].skipped;
	values[0] = Int32GetDatum(total.accepted);
	values[1] = Int32GetDatum(total.merged);
	values[2] = Int32GetDatum(total.duplicates);
	values[3] = Int32GetDatum(total.rejected);
	values[4] = Int32GetDatum(skipped);
	PG_RETURN_DATUM(rig_ingest_make_result(fcinfo, values));
}
