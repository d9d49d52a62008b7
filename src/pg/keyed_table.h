/*
 * Rows of the extension's own tables by primary key, past planner and executor: for the few
 * that every batch reads, locks and moves.
 */
#ifndef RIG_KEYED_TABLE_H
#define RIG_KEYED_TABLE_H

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#define RIG_KEYED_TABLE_MAX_KEYS 2

typedef struct RigKeyedTable
{
	Relation	relation;
	Relation	key;
	EState	   *estate;
	ResultRelInfo *result_relation;
	TupleTableSlot *found;
	TupleTableSlot *row;		/* that was locked last */
	TupleTableSlot *changed;
} RigKeyedTable;

/*
 * A number of the row of a table of schema rigalpha, as last committed or written here, without
 * a lock; fallback when there is no such row.
 */
extern int64 rig_keyed_table_number(const char *name, const int32 *key, int key_columns, int column, int64 fallback);

/* Opens a table of schema rigalpha for writing; an error unless it has that many columns. */
extern void rig_keyed_table_open(RigKeyedTable *table, const char *name, int columns);

/* Locks a row in its last version, waiting for whoever holds it, and leaves it in row; false if there is none. */
extern bool rig_keyed_table_lock(RigKeyedTable *table, const int32 *key, int key_columns);

/* The same without waiting: false, too, while another transaction holds it. */
extern bool rig_keyed_table_try_lock(RigKeyedTable *table, const int32 *key, int key_columns);

/*
 * Between the two, the columns of the slot are set: they begin as those of the locked row,
 * which the second then replaces.
 */
extern TupleTableSlot *rig_keyed_table_begin_change(RigKeyedTable *table);
extern void rig_keyed_table_change(RigKeyedTable *table);

extern void rig_keyed_table_close(RigKeyedTable *table);

#endif
