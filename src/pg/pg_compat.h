/* The only place that knows the server's version: one spelling for all of them. */
#ifndef RIG_PG_COMPAT_H
#define RIG_PG_COMPAT_H

/* Declares and exports a C function for SQL; every other symbol of the library is hidden. */
#define RIG_SQL_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#if PG_VERSION_NUM >= 160000
#define rig_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false)
typedef TU_UpdateIndexes RigUpdateIndexes;
#define RIG_UPDATES_INDEXES(u) ((u) != TU_None)
#define rig_class_ownercheck(table, role) object_ownercheck(RelationRelationId, table, role)
#else
#define rig_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL)
typedef bool RigUpdateIndexes;
#define RIG_UPDATES_INDEXES(u) (u)
#define rig_class_ownercheck(table, role) pg_class_ownercheck(table, role)
#endif

#if PG_VERSION_NUM >= 180000
#define rig_index_beginscan(heap, index, snapshot, keys) \
	index_beginscan(heap, index, snapshot, NULL, keys, 0)
#else
#define rig_index_beginscan(heap, index, snapshot, keys) \
	index_beginscan(heap, index, snapshot, keys, 0)
#endif

#endif
