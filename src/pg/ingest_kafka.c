/*
 * The door of the Kafka worker: ingest between locking the positions of the partitions and
 * moving them, so that rows and positions are one commit.
 */
#include "postgres.h"

#include "fmgr.h"

#include "ingest.h"
#include "kafka_positions.h"
#include "pg_compat.h"

RIG_SQL_FUNCTION(rig_worker_ingest);

/* The partitions of the batch, ascending, so that their positions are locked in the same order everywhere. */
typedef struct Positions
{
	int32		count;
	RigPosition *items;
} Positions;

static RigPosition *
find_position(Positions *positions, int32 partition)
{
	for (int32 i = 0; i < positions->count; i++)
		if (positions->items[i].partition == partition)
			return &positions->items[i];
	return NULL;
}

static int
compare_positions(const void *a, const void *b)
{
	int32		x = ((const RigPosition *) a)->partition;
	int32		y = ((const RigPosition *) b)->partition;

	return x < y ? -1 : x > y;
}

/* The distinct partitions of the batch, without positions yet. */
static Positions
list_partitions(const IngestBatch *batch)
{
	Positions	positions = {0, palloc0(Max(batch->payload_count, 1) * sizeof(RigPosition))};

	for (int32 i = 0; i < batch->payload_count; i++)
		if (find_position(&positions, batch->partitions[i]) == NULL)
			positions.items[positions.count++].partition = batch->partitions[i];
	qsort(positions.items, positions.count, sizeof(RigPosition), compare_positions);
	return positions;
}

/* Drops messages that an earlier transaction has stored: a position names the next one wanted. */
static void
drop_stored(IngestBatch *batch, Positions *positions)
{
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		RigPosition *position = find_position(positions, batch->partitions[i]);

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
		RigPosition *position = find_position(positions, batch->partitions[i]);

		position->rejected += counts->rejected > 0;
		position->readings += counts->accepted + counts->merged > 0;
		position->duplicates += counts->duplicates > 0 && counts->accepted + counts->merged + counts->rejected == 0;
	}
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
	rig_positions_fence(positions.items, positions.count, PG_GETARG_INT32(0), PG_GETARG_INT64(1));
	batch.source = rig_positions_source(PG_GETARG_INT32(0));
	drop_stored(&batch, &positions);
	rig_ingest_run(&batch);
	count_messages(&batch, &positions);
	rig_positions_advance(positions.items, positions.count, PG_GETARG_INT32(0));

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
