#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog.h"
#include "context_arena.h"
#include "errors.h"
#include "pg_compat.h"
#include "settings.h"

/* After so many names that are not in the dictionary the cache is built anew, without the keys among them. */
#define MAX_FOREIGN_NAMES 65536

static const char *const cached_tables[] = {"node", "machines", "sensors", "sensor_aliases", "machine_sensors", "thresholds",
"model_versions", "model_deployments"};

#define CACHED_TABLES lengthof(cached_tables)

static RigCatalog *current = NULL;
static Oid	table_oids[CACHED_TABLES];
static uint64 change_count = 1; /* changes seen by the callback */
static uint64 loaded_at = 0;	/* change_count that current was loaded under */
static uint64 generations = 0;	/* catalogs loaded */
static bool newest_moved = false;	/* by the current transaction */

RIG_SQL_FUNCTION(rig_invalidate_cache);

/* True when somebody edits what listeners show. Discovery runs as the owner, and ingest tells of it. */
static bool
is_visible_edit(Relation relation)
{
	static const char *const shown[] = {"machines", "sensors", "sensor_aliases", "machine_sensors"};

	for (int i = 0; i < lengthof(shown); i++)
		if (strcmp(RelationGetRelationName(relation), shown[i]) == 0)
			return GetUserId() != relation->rd_rel->relowner;
	return false;
}

Datum
rig_invalidate_cache(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("invalidate_cache was not called as a trigger")));
	CacheInvalidateRelcache(trigger->tg_relation);
	if (is_visible_edit(trigger->tg_relation))
		Async_Notify(RIG_NOTIFY_CHANNEL, "sensors:*");
	return PointerGetDatum(NULL);
}

static void
count_change(Datum arg, Oid relation)
{
	if (relation == InvalidOid)
	{
		change_count++;
		return;
	}
	for (int i = 0; i < CACHED_TABLES; i++)
		if (table_oids[i] == relation)
			change_count++;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (newest_moved && event == XACT_EVENT_ABORT)
		change_count++;
	newest_moved = false;
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (newest_moved && event == SUBXACT_EVENT_ABORT_SUB)
		change_count++;
}

void
rig_catalog_register(void)
{
	CacheRegisterRelcacheCallback(count_change, (Datum) 0);
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

void
rig_catalog_note_newest(RigMachine *machine, TimestampTz ts)
{
	if (ts <= machine->newest)
		return;
	machine->newest = ts;
	newest_moved = true;
}

static void
note_table_oids(void)
{
	Oid			schema = get_namespace_oid("rigalpha", false);

	for (int i = 0; i < CACHED_TABLES; i++)
		table_oids[i] = get_relname_relid(cached_tables[i], schema);
}

/* Runs a query under the latest snapshot, also in a transaction with an older one. */
static void
query_latest(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_execute_snapshot(plan, NULL, NULL, GetLatestSnapshot(), InvalidSnapshot, true, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "catalog query failed");
}

static Datum
result_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static void
require_node(void)
{
	bool		isnull;

	query_latest("SELECT EXISTS (SELECT FROM rigalpha.node), rigalpha.node_is_current()");
	if (!DatumGetBool(result_value(0, 1, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_RIG_NOT_SET_UP),
				 errmsg("rigalpha is not set up in this database"),
				 errhint("Run SELECT rigalpha.setup().")));
	if (!DatumGetBool(result_value(0, 2, &isnull)))
		ereport(ERROR,
				(errcode(ERRCODE_RIG_FOREIGN_NODE),
				 errmsg("this database was restored or copied from another one"),
				 errhint("Run SELECT rigalpha.adopt() when it shall store readings.")));
}

static int32
intern(RigNames *names, Datum text_value)
{
	text	   *value = DatumGetTextPP(text_value);
	int32		id = rig_names_intern(names, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	if (id == RIG_NAMES_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return id;
}

static void
load_dictionary(RigCatalog *catalog)
{
	bool		isnull;

	query_latest("SELECT name FROM rigalpha.sensors");
	for (uint64 i = 0; i < SPI_processed; i++)
		intern(catalog->sensor_names, result_value(i, 1, &isnull));
	catalog->dictionary_size = rig_names_count(catalog->sensor_names);
}

static void
load_machines(RigCatalog *catalog)
{
	query_latest("SELECT m.id, m.name, st.ts, im.version_id FROM rigalpha.machines m"
				 " LEFT JOIN rigalpha.machine_state st ON st.machine_id = m.id"
				 " LEFT JOIN rigalpha.ingest_models() im ON im.machine_id = m.id ORDER BY m.id");
	catalog->machine_count = SPI_processed;
	catalog->machines = MemoryContextAllocZero(catalog->context, Max(SPI_processed, 1) * sizeof(RigMachine));
	catalog->by_name_size = SPI_processed;
	catalog->by_name = MemoryContextAllocZero(catalog->context, Max(SPI_processed, 1) * sizeof(RigMachine *));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RigMachine *machine = &catalog->machines[i];
		bool		isnull;
		Datum		newest;
		Datum		version;

		machine->id = DatumGetInt32(result_value(i, 1, &isnull));
		machine->name = intern(catalog->machine_names, result_value(i, 2, &isnull));
		newest = result_value(i, 3, &isnull);
		machine->newest = isnull ? DT_NOBEGIN : DatumGetTimestampTz(newest);
		version = result_value(i, 4, &isnull);
		machine->model_version = isnull ? 0 : DatumGetInt32(version);
		catalog->by_name[machine->name] = machine;
	}
}

static void
set_position(RigCatalog *catalog, RigMachine *machine, int32 name, int16 position)
{
	if (name >= machine->map_size)
	{
		int32		size = Max(name + 1, rig_names_count(catalog->sensor_names));
		int16	   *positions = MemoryContextAllocZero(catalog->context, size * sizeof(int16));

		if (machine->map_size > 0)
			memcpy(positions, machine->positions, machine->map_size * sizeof(int16));
		machine->positions = positions;
		machine->map_size = size;
	}
	machine->positions[name] = position;
	machine->width = Max(machine->width, position);
}

void
rig_catalog_refuse_name(RigCatalog *catalog, RigMachine *machine, int32 name)
{
	set_position(catalog, machine, name, RIG_POSITION_REFUSED);
}

/*
 * Enters the rows (machine id, name, position) of a query. All names are interned before the
 * first map is made, so that every map is allocated once.
 */
static void
load_positions(RigCatalog *catalog, const char *query)
{
	int32	   *names;
	bool		isnull;

	query_latest(query);
	names = palloc(Max(SPI_processed, 1) * sizeof(int32));
	for (uint64 i = 0; i < SPI_processed; i++)
		names[i] = intern(catalog->sensor_names, result_value(i, 2, &isnull));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RigMachine *machine = rig_catalog_machine_by_id(catalog, DatumGetInt32(result_value(i, 1, &isnull)));

		if (machine != NULL)
			set_position(catalog, machine, names[i], DatumGetInt16(result_value(i, 3, &isnull)));
	}
	pfree(names);
}

static RigCatalog *
load_catalog(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha catalog", ALLOCSET_DEFAULT_SIZES);
	RigCatalog *catalog = MemoryContextAllocZero(context, sizeof(RigCatalog));

	catalog->context = context;
	catalog->sensor_quota = rig_sensor_quota;
	rig_arena_init(&catalog->arena, rig_context_allocator(context), 0);
	catalog->sensor_names = rig_names_create(&catalog->arena);
	catalog->machine_names = rig_names_create(&catalog->arena);
	rig_require_memory(catalog->sensor_names);
	rig_require_memory(catalog->machine_names);

	SPI_connect();
	require_node();
	load_dictionary(catalog);
	catalog->parser = rig_reading_parser_create(&catalog->arena, catalog->sensor_names);
	rig_require_memory(catalog->parser);
	catalog->line_parser = rig_line_parser_create(&catalog->arena, catalog->sensor_names);
	rig_require_memory(catalog->line_parser);
	load_machines(catalog);
	load_positions(catalog, "SELECT ms.machine_id, s.name, ms.position FROM rigalpha.machine_sensors ms"
				   " JOIN rigalpha.sensors s ON s.id = ms.sensor_id");
	/* Also where the machine lacks the sensor, for discovery: the name no longer means anything else. */
	load_positions(catalog, "SELECT m.id, a.alias, coalesce(ms.position, 0::smallint) FROM rigalpha.sensor_aliases a"
				   " JOIN rigalpha.machines m ON m.id = coalesce(a.machine_id, m.id)"
				   " LEFT JOIN rigalpha.machine_sensors ms ON ms.machine_id = m.id AND ms.sensor_id = a.sensor_id"
				   " ORDER BY a.machine_id NULLS FIRST");
	SPI_finish();
	return catalog;
}

RigCatalog *
rig_catalog_get(void)
{
	AcceptInvalidationMessages();
	if (current != NULL &&
		(rig_names_count(current->sensor_names) - current->dictionary_size > MAX_FOREIGN_NAMES ||
		 current->sensor_quota != rig_sensor_quota))
		change_count++;
	while (current == NULL || loaded_at != change_count)
	{
		uint64		seen = change_count;
		RigCatalog *loaded;

		note_table_oids();
		loaded = load_catalog();
		if (current != NULL)
			MemoryContextDelete(current->context);
		MemoryContextSetParent(loaded->context, TopMemoryContext);
		current = loaded;
		current->generation = ++generations;
		loaded_at = seen;
		CHECK_FOR_INTERRUPTS();
	}
	return current;
}

RigMachine *
rig_catalog_machine_by_name(RigCatalog *catalog, const char *name, int32 length)
{
	int32		id = rig_names_find(catalog->machine_names, name, length);

	return id == RIG_NAMES_NONE || id >= catalog->by_name_size ? NULL : catalog->by_name[id];
}

RigMachine *
rig_catalog_machine_by_id(RigCatalog *catalog, int32 id)
{
	int32		low = 0;
	int32		high = catalog->machine_count;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (catalog->machines[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < catalog->machine_count && catalog->machines[low].id == id ? &catalog->machines[low] : NULL;
}

char *
rig_catalog_machine_name(RigCatalog *catalog, const RigMachine *machine)
{
	int32		length;
	const char *text = rig_names_text(catalog->machine_names, machine->name, &length);

	return pnstrdup(text, length);
}

char *
rig_catalog_sensor_at(RigCatalog *catalog, const RigMachine *machine, int16 position)
{
	for (int32 name = 0; name < machine->map_size; name++)
		if (machine->positions[name] == position)
		{
			int32		length;
			const char *text = rig_names_text(catalog->sensor_names, name, &length);

			return pnstrdup(text, length);
		}
	return NULL;
}
