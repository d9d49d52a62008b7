#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "kafka_positions.h"
#include "keyed_table.h"
#include "pg_compat.h"

RIG_SQL_FUNCTION(rig_worker_fence);

/* Columns of kafka_offsets. */
enum
{
	OFFSETS_SOURCE_ID = 1,
	OFFSETS_PARTITION,
	OFFSETS_NEXT_OFFSET,
	OFFSETS_GENERATION,
	OFFSETS_HIGH_WATERMARK,
	OFFSETS_MESSAGES,
	OFFSETS_READINGS,
	OFFSETS_DUPLICATES,
	OFFSETS_REJECTED,
	OFFSETS_SKIPPED,
	OFFSETS_UPDATED_AT,
	OFFSETS_COLUMNS = OFFSETS_UPDATED_AT
};

static bool
lock_position(RigKeyedTable *table, int32 source_id, int32 partition)
{
	int32		key[2] = {source_id, partition};

	return rig_keyed_table_lock(table, key, 2);
}

static int64
read_number(TupleTableSlot *slot, int column)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(slot, column, &isnull));
}

void
rig_positions_fence(RigPosition *positions, int32 count, int32 source_id, int64 generation)
{
	RigKeyedTable table;

	rig_keyed_table_open(&table, "kafka_offsets", OFFSETS_COLUMNS);
	for (int32 i = 0; i < count; i++)
	{
		if (!lock_position(&table, source_id, positions[i].partition) ||
			read_number(table.row, OFFSETS_GENERATION) != generation)
			ereport(ERROR,
					(errcode(ERRCODE_RIG_STALE_GENERATION),
					 errmsg("generation %lld may no longer write source %d", (long long) generation, source_id),
					 errdetail("Another worker has taken the lease, or the source was dropped.")));
		positions[i].next_offset = read_number(table.row, OFFSETS_NEXT_OFFSET);
	}
	rig_keyed_table_close(&table);
}

static void
add_to(TupleTableSlot *slot, int column, int32 count)
{
	slot->tts_values[column - 1] = Int64GetDatum(DatumGetInt64(slot->tts_values[column - 1]) + count);
}

void
rig_positions_advance(const RigPosition *positions, int32 count, int32 source_id)
{
	RigKeyedTable table;

	rig_keyed_table_open(&table, "kafka_offsets", OFFSETS_COLUMNS);
	for (int32 i = 0; i < count; i++)
	{
		const RigPosition *position = &positions[i];
		TupleTableSlot *slot;

		if (!lock_position(&table, source_id, position->partition))
			elog(ERROR, "position of partition %d of source %d is gone", position->partition, source_id);
		slot = rig_keyed_table_begin_change(&table);
		slot->tts_values[OFFSETS_NEXT_OFFSET - 1] =
			Int64GetDatum(Max(position->next_offset, read_number(table.row, OFFSETS_NEXT_OFFSET)));
		add_to(slot, OFFSETS_MESSAGES, position->messages);
		add_to(slot, OFFSETS_READINGS, position->readings);
		add_to(slot, OFFSETS_DUPLICATES, position->duplicates);
		add_to(slot, OFFSETS_REJECTED, position->rejected);
		add_to(slot, OFFSETS_SKIPPED, position->skipped);
		slot->tts_values[OFFSETS_UPDATED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
		rig_keyed_table_change(&table);
	}
	rig_keyed_table_close(&table);
	CommandCounterIncrement();
}

char *
rig_positions_source(int32 source_id)
{
	Relation	sources = table_open(get_relname_relid("kafka_sources", get_namespace_oid("rigalpha", false)), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	source;
	char	   *name = NULL;

	ScanKeyInit(&key, get_attnum(RelationGetRelid(sources), "id"), BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(source_id));
	scan = systable_beginscan(sources, RelationGetPrimaryKeyIndex(sources), true, snapshot, 1, &key);
	source = systable_getnext(scan);
	if (HeapTupleIsValid(source))
	{
		bool		isnull;

		name = TextDatumGetCString(heap_getattr(source, get_attnum(RelationGetRelid(sources), "name"), sources->rd_att, &isnull));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(sources, AccessShareLock);
	return name;
}

/* worker_fence(source_id integer, generation bigint, "partition" integer): the fence for statements in SQL. */
Datum
rig_worker_fence(PG_FUNCTION_ARGS)
{
	RigPosition position = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arguments of worker_fence must not be null")));
	position.partition = PG_GETARG_INT32(2);
	rig_positions_fence(&position, 1, PG_GETARG_INT32(0), PG_GETARG_INT64(1));
	PG_RETURN_VOID();
}
