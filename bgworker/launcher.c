/*
 * The launcher keeps one supervisor alive in each database of
 * rigalpha_worker.databases. It is connected to no database and looks at shared
 * catalogs first, because a failed connection attempt would be logged each time.
 */
#include "worker.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "child.h"
#include "guc.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "pgstat.h"
#include "process.h"
#include "storage/ipc.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/relcache.h"
#include "utils/varlena.h"

#define PROBE_INTERVAL_MS 1000

typedef enum DatabaseState
{
	DATABASE_UNKNOWN,
	DATABASE_MISSING,
	DATABASE_CLOSED,
	DATABASE_ROLE_MISSING,
	DATABASE_ROLE_UNSAFE,
	DATABASE_ROLE_REFUSED,
	DATABASE_NO_SLOT,
	DATABASE_SERVED
} DatabaseState;

typedef struct Database
{
	char		name[NAMEDATALEN];
	DatabaseState state;
	RigChild	supervisor;
	RigWorkerArgs args;
	bool		listed;
} Database;

/* Pointers, because a list of names that changes must not move the entries. */
static List *databases = NIL;

static void
log_state(const Database *database)
{
	const char *name = database->name;

	switch (database->state)
	{
		case DATABASE_UNKNOWN:
			break;
		case DATABASE_MISSING:
			ereport(LOG, (errmsg("rigalpha waits: database \"%s\" does not exist", name)));
			break;
		case DATABASE_CLOSED:
			ereport(LOG, (errmsg("rigalpha waits: database \"%s\" does not accept connections", name)));
			break;
		case DATABASE_ROLE_MISSING:
			ereport(LOG, (errmsg("rigalpha waits: role \"%s\" does not exist", RIG_WORKER_ROLE),
						  errhint("Run CREATE EXTENSION rigalpha in database \"%s\".", name)));
			break;
		case DATABASE_ROLE_UNSAFE:
			ereport(WARNING, (errmsg("rigalpha refuses to serve database \"%s\": role \"%s\" has more rights than it needs",
									 name, RIG_WORKER_ROLE),
							  errhint("Take SUPERUSER, CREATEROLE, CREATEDB, REPLICATION and BYPASSRLS away from the role.")));
			break;
		case DATABASE_ROLE_REFUSED:
			ereport(LOG, (errmsg("rigalpha waits: role \"%s\" may not connect to database \"%s\"", RIG_WORKER_ROLE, name),
						  errhint("Give the role LOGIN and CONNECT on the database.")));
			break;
		case DATABASE_NO_SLOT:
			ereport(WARNING, (errmsg("rigalpha cannot serve database \"%s\": no free background worker", name),
							  errhint("Increase max_worker_processes.")));
			break;
		case DATABASE_SERVED:
			ereport(LOG, (errmsg("rigalpha serves database \"%s\"", name)));
			break;
	}
}

/* Enter a state and say so, once. */
static void
set_state(Database *database, DatabaseState state)
{
	if (database->state == state)
		return;
	database->state = state;
	log_state(database);
}

/*
 * Read the row of a shared catalog whose name column has this value; NULL when
 * there is none. Free the copy with heap_freetuple(). A scan of the table,
 * because without a database its indexes may not be usable.
 */
static HeapTuple
read_shared_row(Oid catalog, AttrNumber column, const char *name)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(name));
	scan = systable_beginscan(relation, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return tuple;
}

static DatabaseState
probe_catalog(const char *name, RigWorkerArgs *args)
{
	HeapTuple	tuple = read_shared_row(DatabaseRelationId, Anum_pg_database_datname, name);
	Form_pg_database row;
	bool		open;

	if (!HeapTupleIsValid(tuple))
		return DATABASE_MISSING;
	row = (Form_pg_database) GETSTRUCT(tuple);
	args->database = row->oid;
	/* A limit below -1 marks a database whose DROP was interrupted. */
	open = row->datallowconn && row->datconnlimit >= -1;
	heap_freetuple(tuple);
	return open ? DATABASE_SERVED : DATABASE_CLOSED;
}

static DatabaseState
probe_role(RigWorkerArgs *args)
{
	HeapTuple	tuple = read_shared_row(AuthIdRelationId, Anum_pg_authid_rolname, RIG_WORKER_ROLE);
	DatabaseState state = DATABASE_SERVED;
	Form_pg_authid row;

	if (!HeapTupleIsValid(tuple))
		return DATABASE_ROLE_MISSING;
	row = (Form_pg_authid) GETSTRUCT(tuple);
	args->role = row->oid;
	if (row->rolsuper || row->rolcreaterole || row->rolcreatedb || row->rolreplication || row->rolbypassrls)
		state = DATABASE_ROLE_UNSAFE;
	else if (!row->rolcanlogin)
		state = DATABASE_ROLE_REFUSED;
	heap_freetuple(tuple);
	return state;
}

/* Find out whether a supervisor could connect, and with which identifiers. */
static DatabaseState
probe_database(const char *name, RigWorkerArgs *args)
{
	DatabaseState state;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	state = probe_catalog(name, args);
	if (state == DATABASE_SERVED)
		state = probe_role(args);
	/* Rights are looked up through indexes; without them the attempt to connect decides. */
	if (state == DATABASE_SERVED && criticalSharedRelcachesBuilt && !rig_may_connect(args->database, args->role))
		state = DATABASE_ROLE_REFUSED;
	CommitTransactionCommand();
	return state;
}

static Database *
find_entry(const char *name)
{
	ListCell   *cell;

	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (strcmp(database->name, name) == 0)
			return database;
	}
	return NULL;
}

/* Bring the entries in line with the setting; entries taken off it stop. */
static void
read_setting(void)
{
	char	   *copy = pstrdup(rig_guc_databases);
	List	   *names = NIL;
	ListCell   *cell;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	(void) SplitIdentifierString(copy, ',', &names);
	foreach(cell, databases)
		((Database *) lfirst(cell))->listed = false;
	foreach(cell, names)
	{
		Database   *database = find_entry(lfirst(cell));

		if (database == NULL)
		{
			database = palloc0(sizeof(Database));
			strlcpy(database->name, lfirst(cell), NAMEDATALEN);
			rig_child_init(&database->supervisor);
			databases = lappend(databases, database);
		}
		database->listed = true;
	}
	list_free(names);
	MemoryContextSwitchTo(caller);
	pfree(copy);
}

static void
start_supervisor(Database *database, int64 now_us)
{
	char		name[BGW_MAXLEN];

	snprintf(name, sizeof(name), "rigalpha supervisor for %s", database->name);
	if (rig_child_start(&database->supervisor, "rig_supervisor_main", "rigalpha supervisor", name,
						&database->args, now_us))
		set_state(database, DATABASE_SERVED);
	else
		set_state(database, DATABASE_NO_SLOT);
}

/* Keep the supervisor of one database running, or away. */
static void
tend_database(Database *database, int64 now_us)
{
	DatabaseState state = probe_database(database->name, &database->args);

	if (state != DATABASE_SERVED)
	{
		set_state(database, state);
		rig_child_stop(&database->supervisor);
		if (!rig_child_alive(&database->supervisor, now_us))
			rig_child_hurry(&database->supervisor);
	}
	else if (rig_child_due(&database->supervisor, now_us))
		start_supervisor(database, now_us);
}

static void
tend_databases(int64 now_us)
{
	ListCell   *cell;

	foreach(cell, databases)
	{
		Database   *database = lfirst(cell);

		if (database->listed)
			tend_database(database, now_us);
		else if (rig_child_alive(&database->supervisor, now_us))
			rig_child_stop(&database->supervisor);
		else
		{
			databases = foreach_delete_current(databases, cell);
			pfree(database);
		}
	}
}

/* Supervisors without a launcher would be started a second time by the next one. */
static void
stop_supervisors(int code, Datum argument)
{
	ListCell   *cell;

	foreach(cell, databases)
		rig_child_stop(&((Database *) lfirst(cell))->supervisor);
}

void
rig_launcher_main(Datum argument)
{
	MemoryContext scratch;

	rig_process_begin();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("rigalpha launcher");
	before_shmem_exit(stop_supervisors, (Datum) 0);
	scratch = AllocSetContextCreate(TopMemoryContext, "rigalpha launcher", ALLOCSET_DEFAULT_SIZES);

	while (!rig_process_stopping())
	{
		rig_process_serve();
		MemoryContextSwitchTo(scratch);
		read_setting();
		tend_databases(rig_process_clock());
		MemoryContextReset(scratch);
		rig_process_nap(PROBE_INTERVAL_MS);
	}
	/* Not 0: a launcher ended by hand comes back, as the server's own does. */
	proc_exit(1);
}
