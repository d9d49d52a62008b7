#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "context_arena.h"
#include "ingest.h"
#include "ingest_score.h"
#include "pg_compat.h"
#include "subtransaction.h"

#define NOTIFY_MAX_LENGTH 7900	/* the server allows 8000 bytes */

RIG_SQL_FUNCTION(rig_ingest);

/* Counts the outcomes per payload; a refusal of a whole payload counts as one reading. */
static void
count_outcomes(IngestBatch *batch)
{
	for (int32 i = 0; i < batch->row_count; i++)
		for (int32 r = 0; r < batch->rows[i].reading_count; r++)
		{
			const IngestReading *reading = batch->rows[i].readings[r];
			IngestCounts *counts = &batch->counts[reading->payload];

			switch (reading->outcome)
			{
				case INGEST_ACCEPTED:
					counts->accepted++;
					break;
				case INGEST_MERGED:
					counts->merged++;
					break;
				case INGEST_DUPLICATE:
					counts->duplicates++;
					break;
				case INGEST_CONFLICT:
					counts->rejected++;
					break;
			}
		}
	for (int32 i = 0; i < batch->refusal_count; i++)
	{
		const IngestRefusal *refusal = &batch->refusals[i];

		/* Conflicts are counted above, by their outcome. */
		if (refusal->reading_refused && refusal->reason != RIG_REASON_CONFLICT)
			batch->counts[refusal->payload].rejected++;
	}
}

static int
compare_ids(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Tells listeners which machines changed: ids only, once per batch. Listeners read the tables
 * every second as well, so it may be left out when the queue is filling up.
 */
static void
notify(IngestBatch *batch)
{
	StringInfoData payload;
	int32	   *ids = palloc(Max(batch->row_count, 1) * sizeof(int32));
	int32		count = 0;
	int32		previous = 0;

	for (int32 i = 0; i < batch->row_count; i++)
		if (!batch->rows[i].stored || batch->rows[i].changes_stored)
			ids[count++] = batch->rows[i].readings[0]->machine_id;
	if (count == 0 || DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0)) > 0.5)
		return;
	qsort(ids, count, sizeof(int32), compare_ids);
	initStringInfo(&payload);
	appendStringInfoString(&payload, batch->discovered ? "sensors:" : "readings:");
	for (int32 i = 0; i < count && payload.len < NOTIFY_MAX_LENGTH; i++)
	{
		if (ids[i] != previous)
			appendStringInfo(&payload, previous == 0 ? "%d" : ",%d", ids[i]);
		previous = ids[i];
	}
	if (payload.len >= NOTIFY_MAX_LENGTH)
	{
		resetStringInfo(&payload);
		appendStringInfoString(&payload, batch->discovered ? "sensors:*" : "readings:*");
	}
	Async_Notify(RIG_NOTIFY_CHANNEL, payload.data);
}

/* Everything but the dead letters. */
static void
run_batch(IngestBatch *batch)
{
	static uint64 serial = 0;

	batch->serial = ++serial;
	rig_arena_init(&batch->explanations, rig_context_allocator(CurrentMemoryContext), 0);
	batch->catalog = rig_catalog_get();
	rig_ingest_adapt_stride(batch);
	rig_ingest_parse(batch);
	rig_ingest_store(batch);
	rig_ingest_update_state(batch);
	count_outcomes(batch);
}

/* True when something of the batch is not stored. */
static bool
loses_anything(const IngestBatch *batch)
{
	for (int32 i = 0; i < batch->refusal_count; i++)
		if (batch->refusals[i].dead_letter || batch->refusals[i].reading_refused)
			return true;
	return false;
}

/*
 * All or nothing: when one reading is refused, everything that the batch stored is taken back,
 * and all its readings count as rejected. No dead letters: the caller still has the data.
 */
static void
run_atomic_batch(IngestBatch *batch)
{
	RigSubtransaction inner;

	rig_subtransaction_begin(&inner);
	PG_TRY();
	{
		run_batch(batch);
	}
	PG_CATCH();
	{
		ReThrowError(rig_subtransaction_abort(&inner));
	}
	PG_END_TRY();
	if (!loses_anything(batch))
	{
		rig_subtransaction_commit(&inner);
		return;
	}
	rig_subtransaction_undo(&inner);
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		IngestCounts *counts = &batch->counts[i];

		counts->rejected += counts->accepted + counts->merged + counts->duplicates;
		counts->accepted = counts->merged = counts->duplicates = 0;
	}
	batch->row_count = 0;
	batch->undone = true;
}

void
rig_ingest_run(IngestBatch *batch)
{
	/* Rows go straight into the heap, past the executor that would ask this. */
	PreventCommandIfReadOnly("ingest()");
	batch->received_at = GetCurrentTimestamp();
	if (batch->devices != NULL)
		rig_ingest_admit_devices(batch);
	if (batch->key_count > 0)
		rig_ingest_claim_keys(batch);
	if (batch->atomic)
		run_atomic_batch(batch);
	else
	{
		run_batch(batch);
		rig_ingest_write_dead_letters(batch);
	}
	if (batch->devices != NULL)
		rig_ingest_settle_devices(batch);
	if (batch->key_count > 0)
		rig_ingest_settle_keys(batch);
	notify(batch);
}

IngestCounts
rig_ingest_total(const IngestBatch *batch)
{
	IngestCounts total = {0};

	for (int32 i = 0; i < batch->payload_count; i++)
	{
		total.accepted += batch->counts[i].accepted;
		total.merged += batch->counts[i].merged;
		total.duplicates += batch->counts[i].duplicates;
		total.rejected += batch->counts[i].rejected;
	}
	return total;
}

Datum
rig_ingest_verdicts(const IngestBatch *batch, int32 first, int32 count)
{
	Datum	   *elements;
	int			dims[2] = {count, 4};
	int			lower_bounds[2] = {1, 1};

	if (count == 0)
		return PointerGetDatum(construct_empty_array(INT2OID));
	elements = palloc(count * 4 * sizeof(Datum));
	for (int32 i = 0; i < count; i++)
	{
		const IngestCounts *counts = &batch->counts[first + i];

		elements[4 * i] = Int16GetDatum(Min(counts->accepted, PG_INT16_MAX));
		elements[4 * i + 1] = Int16GetDatum(Min(counts->merged, PG_INT16_MAX));
		elements[4 * i + 2] = Int16GetDatum(Min(counts->duplicates, PG_INT16_MAX));
		elements[4 * i + 3] = Int16GetDatum(Min(counts->rejected, PG_INT16_MAX));
	}
	return PointerGetDatum(construct_md_array(elements, NULL, 2, dims, lower_bounds,
											  INT2OID, sizeof(int16), true, TYPALIGN_SHORT));
}

Datum
rig_ingest_make_result(FunctionCallInfo fcinfo, Datum *values)
{
	TupleDesc	descriptor;
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

Datum
rig_ingest(PG_FUNCTION_ARGS)
{
	IngestBatch batch = {0};
	IngestCounts total;
	Datum		values[6];

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null")));
	rig_ingest_take_payloads(&batch, fcinfo, 0);
	batch.source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	rig_ingest_take_formats(&batch, fcinfo, 2);
	rig_ingest_take_times(&batch, fcinfo, 4);
	rig_ingest_take_positions(&batch, fcinfo, 5, 6);
	batch.atomic = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	rig_ingest_take_tokens(&batch, fcinfo, 3, 8);
	rig_ingest_take_keys(&batch, fcinfo, 9);
	rig_ingest_take_machines(&batch, fcinfo, 10);

	rig_ingest_run(&batch);

	total = rig_ingest_total(&batch);
	values[0] = Int32GetDatum(total.accepted);
	values[1] = Int32GetDatum(total.merged);
	values[2] = Int32GetDatum(total.duplicates);
	values[3] = Int32GetDatum(total.rejected);
	values[4] = rig_ingest_verdicts(&batch, 0, batch.payload_count);
	values[5] = rig_ingest_errors(&batch);
	PG_RETURN_DATUM(rig_ingest_make_result(fcinfo, values));
}
