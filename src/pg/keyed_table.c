#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "keyed_table.h"
#include "pg_compat.h"

void
rig_keyed_table_open(RigKeyedTable *table, const char *name, int columns)
{
	Relation	relation = table_open(get_relname_relid(name, get_namespace_oid("rigalpha", false)), RowExclusiveLock);

	if (relation->rd_att->natts != columns)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s has %d columns, this library expects %d", name, relation->rd_att->natts, columns),
				 errhint("Library and script of rigalpha differ in version: run ALTER EXTENSION rigalpha UPDATE.")));
	table->relation = relation;
	table->key = index_open(RelationGetPrimaryKeyIndex(relation), RowExclusiveLock);
	table->estate = CreateExecutorState();
	table->result_relation = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result_relation, relation, 1, NULL, 0);
	ExecOpenIndices(table->result_relation, false);
	table->found = table_slot_create(relation, NULL);
	table->row = table_slot_create(relation, NULL);
	table->changed = table_slot_create(relation, NULL);
}

/* Begins a scan for the row of a key. */
static IndexScanDesc
begin_look_up(Relation relation, Relation index, Snapshot snapshot, const int32 *key, int key_columns)
{
	IndexScanDesc scan = rig_index_beginscan(relation, index, snapshot, key_columns);
	ScanKeyData conditions[RIG_KEYED_TABLE_MAX_KEYS];

	for (int i = 0; i < key_columns; i++)
		ScanKeyInit(&conditions[i], i + 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(key[i]));
	index_rescan(scan, conditions, key_columns, NULL, 0);
	return scan;
}

int64
rig_keyed_table_number(const char *name, const int32 *key, int key_columns, int column, int64 fallback)
{
	Relation	relation = table_open(get_relname_relid(name, get_namespace_oid("rigalpha", false)), AccessShareLock);
	Relation	index = index_open(RelationGetPrimaryKeyIndex(relation), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = begin_look_up(relation, index, snapshot, key, key_columns);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	int64		number = fallback;
	bool		isnull;

	if (index_getnext_slot(scan, ForwardScanDirection, slot))
		number = DatumGetInt64(slot_getattr(slot, column, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	table_close(relation, NoLock);
	return number;
}

static bool
lock_row(RigKeyedTable *table, const int32 *key, int key_columns, LockWaitPolicy wait)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = begin_look_up(table->relation, table->key, snapshot, key, key_columns);
	TM_FailureData failure;
	TM_Result	result = TM_Deleted;

	if (index_getnext_slot(scan, ForwardScanDirection, table->found))
		result = table_tuple_lock(table->relation, &table->found->tts_tid, snapshot, table->row,
								  GetCurrentCommandId(false), LockTupleNoKeyExclusive, wait,
								  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return result == TM_Ok;
}

bool
rig_keyed_table_lock(RigKeyedTable *table, const int32 *key, int key_columns)
{
	return lock_row(table, key, key_columns, LockWaitBlock);
}

bool
rig_keyed_table_try_lock(RigKeyedTable *table, const int32 *key, int key_columns)
{
	return lock_row(table, key, key_columns, LockWaitSkip);
}

TupleTableSlot *
rig_keyed_table_begin_change(RigKeyedTable *table)
{
	int			columns = table->relation->rd_att->natts;
	TupleTableSlot *slot = table->changed;

	slot_getallattrs(table->row);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, table->row->tts_values, columns * sizeof(Datum));
	memcpy(slot->tts_isnull, table->row->tts_isnull, columns * sizeof(bool));
	return slot;
}

void
rig_keyed_table_change(RigKeyedTable *table)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	RigUpdateIndexes update_indexes;

	ExecStoreVirtualTuple(table->changed);
	simple_table_tuple_update(table->relation, &table->row->tts_tid, table->changed, snapshot, &update_indexes);
	if (RIG_UPDATES_INDEXES(update_indexes))
		rig_insert_index_tuples(table->result_relation, table->changed, table->estate);
	UnregisterSnapshot(snapshot);
}

void
rig_keyed_table_close(RigKeyedTable *table)
{
	ExecDropSingleTupleTableSlot(table->found);
	ExecDropSingleTupleTableSlot(table->row);
	ExecDropSingleTupleTableSlot(table->changed);
	ExecCloseIndices(table->result_relation);
	FreeExecutorState(table->estate);
	index_close(table->key, RowExclusiveLock);
	table_close(table->relation, NoLock);
}
