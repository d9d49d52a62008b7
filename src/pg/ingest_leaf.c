/*
 * Storing rows in one partition, past the planner and the executor's top: straight into the
 * heap in flushes of at most 64 KB, with the unique index as guard. Nothing on a leaf needs
 * more: readings has no trigger, no row security and no CHECK, which a test asserts.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "ingest_score.h"
#include "pg_compat.h"
#include "score_values.h"
#include "subtransaction.h"

#define FLUSH_ROWS 64
#define FLUSH_BYTES (64 * 1024)

/* Each repetition follows a row that another transaction committed meanwhile. */
#define MAX_ATTEMPTS 100

typedef struct LeafWriter
{
	Relation	leaf;
	Relation	key;			/* the unique index */
	IndexInfo  *key_info;
	EState	   *estate;			/* NULL where the partition has no other index */
	ResultRelInfo *result_relation;
	BulkInsertState bulk_state;
	CommandId	command;
	TupleTableSlot *slots[FLUSH_ROWS];
	Datum		keys[FLUSH_ROWS][2];	/* machine and time of each */
	int			slot_count;
	int			filled;
	Size		bytes;
} LeafWriter;

Relation
rig_ingest_find_leaf(int32 day)
{
	int			year;
	int			month;
	int			mday;
	Oid			oid;
	Relation	leaf;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	oid = get_relname_relid(psprintf("readings_%04d%02d%02d", year, month, mday), get_namespace_oid("rigalpha", false));
	if (!OidIsValid(oid))
		return NULL;
	leaf = table_open(oid, RowExclusiveLock);
	if (!leaf->rd_rel->relispartition || leaf->rd_att->natts != RIG_READINGS_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is not a partition of readings", RelationGetRelationName(leaf)),
				 errhint("Attach it again, or rename it.")));
	return leaf;
}

static Relation
open_leaf(int32 day)
{
	Relation	leaf = rig_ingest_find_leaf(day);

	if (leaf == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a partition of readings was removed during ingest")));
	return leaf;
}

Relation
rig_ingest_open_key(Relation leaf)
{
	List	   *indexes = RelationGetIndexList(leaf);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		if (index->rd_index->indisunique && index->rd_index->indisvalid && index->rd_index->indnkeyatts == 2 &&
			index->rd_index->indkey.values[0] == RIG_READINGS_MACHINE_ID &&
			index->rd_index->indkey.values[1] == RIG_READINGS_TS)
			return index;
		index_close(index, RowExclusiveLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("partition \"%s\" lacks its unique index on (machine_id, ts)", RelationGetRelationName(leaf)),
			 errhint("Create the index again.")));
	return NULL;
}

static void
read_stored(TupleTableSlot *slot, IngestValues *stored)
{
	bool		isnull;

	stored->state = DatumGetInt16(slot_getattr(slot, RIG_READINGS_STATE, &isnull));
	stored->flags = DatumGetInt16(slot_getattr(slot, RIG_READINGS_FLAGS, &isnull));
	rig_values_from_array(stored, slot_getattr(slot, RIG_READINGS_SENSOR_VALUES, &isnull));
}

/*
 * Looks up the rows that may be stored already, and decides for each. Rows after the newest
 * reading of their machine are not looked up in the first attempt.
 */
static void
probe_rows(IngestBatch *batch, Relation leaf, Relation index, int32 first, int32 last, bool all)
{
	IndexScanDesc scan = NULL;
	TupleTableSlot *slot = NULL;
	Snapshot	snapshot = NULL;

	for (int32 i = first; i < last; i++)
	{
		IngestRow  *row = &batch->rows[i];
		RigMachine *machine = rig_catalog_machine_by_id(batch->catalog, row->readings[0]->machine_id);
		ScanKeyData keys[2];
		IngestValues stored;

		if (!all && machine != NULL && row->readings[0]->ts > machine->newest)
		{
			rig_ingest_combine(row, NULL);
			continue;
		}
		if (scan == NULL)
		{
			snapshot = RegisterSnapshot(GetLatestSnapshot());
			slot = table_slot_create(leaf, NULL);
			scan = rig_index_beginscan(leaf, index, snapshot, 2);
		}
		ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(row->readings[0]->machine_id));
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ, TimestampTzGetDatum(row->readings[0]->ts));
		index_rescan(scan, keys, 2, NULL, 0);
		if (index_getnext_slot(scan, ForwardScanDirection, slot))
		{
			read_stored(slot, &stored);
			rig_ingest_combine(row, &stored);
		}
		else
			rig_ingest_combine(row, NULL);
	}
	if (scan == NULL)
		return;
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
}

static void
begin_writing(LeafWriter *writer, Relation leaf, Relation key)
{
	List	   *indexes = RelationGetIndexList(leaf);

	memset(writer, 0, sizeof(*writer));
	writer->leaf = leaf;
	writer->key = key;
	if (list_length(indexes) == 1)
		writer->key_info = BuildIndexInfo(key);
	else
	{
		writer->estate = CreateExecutorState();
		writer->result_relation = makeNode(ResultRelInfo);
		InitResultRelInfo(writer->result_relation, leaf, 1, NULL, 0);
		ExecOpenIndices(writer->result_relation, false);
	}
	list_free(indexes);
	writer->bulk_state = GetBulkInsertState();
	writer->command = GetCurrentCommandId(true);
}

/* Enters a stored row into the indexes; without the executor where the unique index is the only one. */
static void
index_row(LeafWriter *writer, int row)
{
	TupleTableSlot *slot = writer->slots[row];
	bool		nulls[2] = {false, false};

	if (writer->estate == NULL)
	{
		index_insert(writer->key, writer->keys[row], nulls, &slot->tts_tid, writer->leaf, UNIQUE_CHECK_YES, false,
					 writer->key_info);
		return;
	}
	rig_insert_index_tuples(writer->result_relation, slot, writer->estate);
	ResetPerTupleExprContext(writer->estate);
}

static void
flush_rows(LeafWriter *writer)
{
	if (writer->filled == 0)
		return;
	table_multi_insert(writer->leaf, writer->slots, writer->filled, writer->command, 0, writer->bulk_state);
	for (int i = 0; i < writer->filled; i++)
	{
		index_row(writer, i);
		ExecClearTuple(writer->slots[i]);
	}
	writer->filled = 0;
	writer->bytes = 0;
	CHECK_FOR_INTERRUPTS();
}

static void
set_scores(TupleTableSlot *slot, const IngestRow *row)
{
	float		stored[RIG_STORED_SCORES];

	if (row->score == NULL)
		return;
	slot->tts_values[RIG_READINGS_MODEL_VERSION - 1] = Int32GetDatum(row->model_version);
	slot->tts_isnull[RIG_READINGS_MODEL_VERSION - 1] = false;
	rig_stored_scores(row->score, stored);
	for (int i = 0; i < RIG_STORED_SCORES; i++)
	{
		slot->tts_values[RIG_READINGS_RISK - 1 + i] = Float4GetDatum(stored[i]);
		slot->tts_isnull[RIG_READINGS_RISK - 1 + i] = isnan(stored[i]);
	}
}

static void
write_row(LeafWriter *writer, const IngestBatch *batch, const IngestRow *row)
{
	TupleTableSlot *slot;
	Datum	   *key;

	if (writer->filled == writer->slot_count)
		writer->slots[writer->slot_count++] = table_slot_create(writer->leaf, NULL);
	slot = writer->slots[writer->filled];
	key = writer->keys[writer->filled++];
	key[0] = Int32GetDatum(row->readings[0]->machine_id);
	key[1] = TimestampTzGetDatum(row->readings[0]->ts);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, RIG_READINGS_COLUMNS * sizeof(bool));
	slot->tts_values[RIG_READINGS_MACHINE_ID - 1] = key[0];
	slot->tts_values[RIG_READINGS_TS - 1] = key[1];
	slot->tts_values[RIG_READINGS_RECEIVED_AT - 1] = TimestampTzGetDatum(batch->received_at);
	slot->tts_values[RIG_READINGS_STATE - 1] = Int16GetDatum(row->content.state);
	slot->tts_values[RIG_READINGS_FLAGS - 1] = Int16GetDatum(row->content.flags);
	slot->tts_values[RIG_READINGS_SENSOR_VALUES - 1] = rig_values_to_array(&row->content);
	slot->tts_isnull[RIG_READINGS_MACHINE_ID - 1] = false;
	slot->tts_isnull[RIG_READINGS_TS - 1] = false;
	slot->tts_isnull[RIG_READINGS_RECEIVED_AT - 1] = false;
	slot->tts_isnull[RIG_READINGS_STATE - 1] = false;
	slot->tts_isnull[RIG_READINGS_FLAGS - 1] = false;
	slot->tts_isnull[RIG_READINGS_SENSOR_VALUES - 1] = false;
	set_scores(slot, row);
	ExecStoreVirtualTuple(slot);

	writer->bytes += row->content.width * sizeof(float8) + 128;
	if (writer->filled == FLUSH_ROWS || writer->bytes >= FLUSH_BYTES)
		flush_rows(writer);
}

static void
end_writing(LeafWriter *writer)
{
	flush_rows(writer);
	for (int i = 0; i < writer->slot_count; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_finish_bulk_insert(writer->leaf, 0);
	FreeBulkInsertState(writer->bulk_state);
	if (writer->estate == NULL)
		return;
	ExecCloseIndices(writer->result_relation);
	FreeExecutorState(writer->estate);
}

/*
 * Inserts the new rows in a subtransaction. False when another transaction committed one of
 * them first; nothing is stored then.
 */
static bool
insert_rows(IngestBatch *batch, Relation leaf, Relation key, int32 first, int32 last)
{
	RigSubtransaction inner;
	volatile bool done = true;

	rig_subtransaction_begin(&inner);
	PG_TRY();
	{
		LeafWriter	writer;

		begin_writing(&writer, leaf, key);
		for (int32 i = first; i < last; i++)
			if (!batch->rows[i].stored)
				write_row(&writer, batch, &batch->rows[i]);
		end_writing(&writer);
		rig_subtransaction_commit(&inner);
	}
	PG_CATCH();
	{
		ErrorData  *error = rig_subtransaction_abort(&inner);

		if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
			ReThrowError(error);
		FreeErrorData(error);
		done = false;
	}
	PG_END_TRY();
	return done;
}

/* Model version and scores of a row as arguments of a statement. */
static void
score_arguments(const IngestRow *row, Datum *arguments, char *nulls)
{
	float		stored[RIG_STORED_SCORES] = {NAN, NAN, NAN, NAN, NAN};

	if (row->score != NULL)
		rig_stored_scores(row->score, stored);
	arguments[0] = Int32GetDatum(row->model_version);
	nulls[0] = row->score == NULL ? 'n' : ' ';
	for (int i = 0; i < RIG_STORED_SCORES; i++)
	{
		arguments[i + 1] = Float4GetDatum(stored[i]);
		nulls[i + 1] = isnan(stored[i]) ? 'n' : ' ';
	}
}

/* Completes a stored row: locks it, decides again on what it holds now, and writes it. */
static void
complete_row(IngestBatch *batch, Relation leaf, Relation key, IngestRow *row)
{
	Oid			types[11] = {INT4OID, TIMESTAMPTZOID, FLOAT8ARRAYOID, INT2OID, INT2OID,
	INT4OID, FLOAT4OID, FLOAT4OID, FLOAT4OID, FLOAT4OID, FLOAT4OID};
	Datum		arguments[11];
	IngestValues stored;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext spi_context;
	bool		isnull;

	arguments[0] = Int32GetDatum(row->readings[0]->machine_id);
	arguments[1] = TimestampTzGetDatum(row->readings[0]->ts);
	SPI_connect();
	if (SPI_execute_with_args("SELECT state, flags, sensor_values FROM rigalpha.readings"
							  " WHERE machine_id = $1 AND ts = $2 FOR UPDATE", 2, types, arguments, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "look-up of a stored reading failed");
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not complete a reading because another transaction changed or removed it")));
	stored.state = DatumGetInt16(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	stored.flags = DatumGetInt16(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	spi_context = MemoryContextSwitchTo(context);
	rig_values_from_array(&stored, SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	rig_ingest_combine(row, &stored);
	MemoryContextSwitchTo(spi_context);
	if (row->changes_stored)
	{
		char		nulls[12] = "           ";

		spi_context = MemoryContextSwitchTo(context);
		rig_ingest_score_completed(batch, leaf, key, row);
		MemoryContextSwitchTo(spi_context);
		arguments[2] = rig_values_to_array(&row->content);
		arguments[3] = Int16GetDatum(row->content.state);
		arguments[4] = Int16GetDatum(row->content.flags);
		score_arguments(row, arguments + 5, nulls + 5);
		if (SPI_execute_with_args("UPDATE rigalpha.readings SET sensor_values = $3, state = $4, flags = $5, model_version = $6,"
								  " risk = $7, score_z = $8, score_pca = $9, score_forest = $10, score_lstm = $11"
								  " WHERE machine_id = $1 AND ts = $2", 11, types, arguments, nulls, false, 0) != SPI_OK_UPDATE)
			elog(ERROR, "completion of a stored reading failed");
	}
	SPI_finish();
}

void
rig_ingest_store_leaf(IngestBatch *batch, int32 first, int32 last)
{
	Relation	leaf = open_leaf(batch->rows[first].readings[0]->day);
	Relation index = rig_ingest_open_key(leaf); /* also where no row is looked up: it is what keeps duplicates out */

	for (int attempt = 0;; attempt++)
	{
		bool		has_new = false;

		probe_rows(batch, leaf, index, first, last, attempt > 0);
		for (int32 i = first; i < last; i++)
			has_new |= !batch->rows[i].stored;
		if (has_new)
			rig_ingest_score(batch, leaf, index, first, last);
		if (!has_new || insert_rows(batch, leaf, index, first, last))
			break;
		if (attempt == MAX_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not store readings because of concurrent inserts")));
		CHECK_FOR_INTERRUPTS();
	}
	for (int32 i = first; i < last; i++)
		if (batch->rows[i].changes_stored)
			complete_row(batch, leaf, index, &batch->rows[i]);
	index_close(index, NoLock);
	table_close(leaf, NoLock);
}
