/*
 * The supervisor of one database: keeps one consumer alive per source and slot,
 * and calls the ticks of the extension. It stays connected without the extension, and
 * resumes when the extension is created.
 */
#include "worker.h"

#include "checkpoint_export.h"
#include "child.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "process.h"
#include "source.h"
#include "sql.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#define TICK_MS 250
#define MAINTENANCE_INTERVAL_US INT64CONST(60000000)
#define UNWANTED_GRACE_US INT64CONST(3000000)
#define AUDIT_INTERVAL_US INT64CONST(10000000)
#define REPORT_INTERVAL_US INT64CONST(2000000)
/* After a failed tick, which may have met a lock. */
#define MAINTENANCE_RETRY_US INT64CONST(10000000)
#define TRAINING_INTERVAL_US INT64CONST(5000000)
#define WATCH_INTERVAL_US INT64CONST(5000000)
#define EXPORT_INTERVAL_US INT64CONST(1000000)
#define EXPORT_RETRY_US INT64CONST(10000000)

typedef enum SupervisorState
{
	SUPERVISOR_UNKNOWN,
	SUPERVISOR_NO_EXTENSION,
	SUPERVISOR_RESTART_REQUIRED,
	SUPERVISOR_FAILING,
	SUPERVISOR_ACTIVE
} SupervisorState;

typedef struct Consumer
{
	RigChild	child;
	int32		source;
	int32		slot;
	int64		revision;		/* of the source when last seen */
	int64		wanted_us;		/* when it was last wanted */
	bool		wanted;
} Consumer;

static RigWorkerArgs self;
static char *database_name = NULL;
static List *consumers = NIL;
static SupervisorState state = SUPERVISOR_UNKNOWN;
static bool out_of_slots = false;

/* Something that the database does by the clock. */
typedef struct Tick
{
	const char *name;
	bool		(*run) (RigFailure *failure);
	int64		interval_us;
	int64		retry_us;
	int64		due_us;
	bool		failing;
} Tick;

static Tick ticks[] = {
	{"maintenance", rig_sql_maintenance_tick, MAINTENANCE_INTERVAL_US, MAINTENANCE_RETRY_US},
	{"audit", rig_sql_audit_tick, AUDIT_INTERVAL_US, AUDIT_INTERVAL_US},
	{"training", rig_sql_training_tick, TRAINING_INTERVAL_US, TRAINING_INTERVAL_US},
	{"watch", rig_sql_watch_tick, WATCH_INTERVAL_US, WATCH_INTERVAL_US},
	{"export of checkpoints", rig_checkpoint_export_tick, EXPORT_INTERVAL_US, EXPORT_RETRY_US},
};

/* Enter a state and say so, once. */
static void
set_state(SupervisorState new_state, const char *detail)
{
	if (state == new_state)
		return;
	state = new_state;
	switch (state)
	{
		case SUPERVISOR_UNKNOWN:
			break;
		case SUPERVISOR_NO_EXTENSION:
			ereport(LOG, (errmsg("rigalpha waits: extension is not installed in database \"%s\"", database_name)));
			pgstat_report_activity(STATE_IDLE, "waiting for the extension");
			break;
		case SUPERVISOR_RESTART_REQUIRED:
			ereport(WARNING, (errmsg("rigalpha stopped in database \"%s\": the extension needs another worker version", database_name),
							  errhint("Restart the server to load the installed rigalpha_worker.")));
			pgstat_report_activity(STATE_IDLE, "restart required");
			break;
		case SUPERVISOR_FAILING:
			ereport(WARNING, (errmsg("rigalpha waits in database \"%s\": %s", database_name, detail)));
			pgstat_report_activity(STATE_IDLE, "waiting");
			break;
		case SUPERVISOR_ACTIVE:
			ereport(LOG, (errmsg("rigalpha is active in database \"%s\"", database_name)));
			pgstat_report_activity(STATE_IDLE, "active");
			break;
	}
}

static Consumer *
find_consumer(int32 source, int32 slot)
{
	ListCell   *cell;

	foreach(cell, consumers)
	{
		Consumer   *consumer = lfirst(cell);

		if (consumer->source == source && consumer->slot == slot)
			return consumer;
	}
	return NULL;
}

static void
want_consumer(const RigSource *source, int32 slot)
{
	Consumer   *consumer = find_consumer(source->id, slot);

	if (consumer == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		consumer = palloc0(sizeof(Consumer));
		rig_child_init(&consumer->child);
		consumer->source = source->id;
		consumer->slot = slot;
		consumer->revision = source->revision;
		consumers = lappend(consumers, consumer);
		MemoryContextSwitchTo(caller);
	}
	consumer->wanted = true;
	/* A consumer that ended because its source changed starts again at once. */
	if (consumer->revision != source->revision && consumer->child.handle == NULL)
		rig_child_hurry(&consumer->child);
	if (consumer->child.handle == NULL)
		consumer->revision = source->revision;
}

static void
start_consumer(Consumer *consumer, int64 now_us)
{
	RigWorkerArgs args = self;
	char		name[BGW_MAXLEN];
	bool		started;

	args.source = consumer->source;
	args.slot = consumer->slot;
	snprintf(name, sizeof(name), "rigalpha consumer %d/%d in %s", consumer->source, consumer->slot, database_name);
	started = rig_child_start(&consumer->child, "rig_consumer_main", "rigalpha consumer", name, &args, now_us);
	if (!started && !out_of_slots)
		ereport(WARNING,
				(errmsg("rigalpha cannot start a consumer in database \"%s\": no free background worker", database_name),
				 errhint("Increase max_worker_processes.")));
	out_of_slots = !started;
}

/* Start and stop consumers so that exactly the wanted ones run. */
static void
tend_consumers(int64 now_us)
{
	/* Consumers notice by themselves that they are not wanted, and end without a word. */
	int64		grace_us = state == SUPERVISOR_RESTART_REQUIRED ? 0 : UNWANTED_GRACE_US;
	ListCell   *cell;

	foreach(cell, consumers)
	{
		Consumer   *consumer = lfirst(cell);

		if (consumer->wanted)
		{
			consumer->wanted_us = now_us;
			if (rig_child_due(&consumer->child, now_us))
				start_consumer(consumer, now_us);
		}
		else if (rig_child_alive(&consumer->child, now_us))
		{
			if (now_us - consumer->wanted_us > grace_us)
				rig_child_stop(&consumer->child);
		}
		else
		{
			consumers = foreach_delete_current(consumers, cell);
			pfree(consumer);
		}
	}
}

/* Nothing is wanted until the sources say otherwise. */
static void
forget_wishes(void)
{
	ListCell   *cell;

	foreach(cell, consumers)
		((Consumer *) lfirst(cell))->wanted = false;
}

/* Report a state for every slot, which the supervisor takes for that, or gives back when stopped. */
static void
report_slots(const char *slot_state)
{
	int			count;
	RigFailure	failure;
	RigSource  *sources = rig_source_list(&count, &failure);
	RigLease	lease;

	for (int i = 0; i < count; i++)
	{
		for (int number = 0; number < sources[i].workers; number++)
		{
			RigSlot		slot = {sources[i].id, number, sources[i].workers};

			(void) rig_sql_claim(&slot, 0, &lease, &failure);
			(void) rig_sql_report(&slot, slot_state, NULL, NULL, 0, &failure);
		}
	}
}

static void
require_restart(int64 now_us)
{
	static int64 next_us = 0;

	set_state(SUPERVISOR_RESTART_REQUIRED, NULL);
	if (now_us < next_us)
		return;
	next_us = now_us + REPORT_INTERVAL_US;
	report_slots("restart required");
}

/* Find out whether this database can be served at all. */
static bool
check_extension(int64 now_us)
{
	RigFailure	failure;
	bool		present;
	int32		abi;

	if (!rig_sql_extension_present(&present, &failure))
		set_state(SUPERVISOR_FAILING, failure.message);
	else if (!present)
		set_state(SUPERVISOR_NO_EXTENSION, NULL);
	else if (!rig_sql_abi(&abi, &failure))
		set_state(rig_failure_kind(failure.sqlstate) == RIG_FAILURE_MISSING
				  ? SUPERVISOR_NO_EXTENSION : SUPERVISOR_FAILING, failure.message);
	else if (abi != RIG_WORKER_ABI)
		require_restart(now_us);
	else
	{
		if (state == SUPERVISOR_RESTART_REQUIRED)
			report_slots("stopped");
		return true;
	}
	return false;
}

/* Read the sources and mark their consumers as wanted. */
static void
read_sources(void)
{
	RigFailure	failure;
	int			count;
	RigSource  *sources = rig_source_list(&count, &failure);

	if (failure.sqlstate[0] != '\0')
	{
		set_state(rig_failure_kind(failure.sqlstate) == RIG_FAILURE_MISSING
				  ? SUPERVISOR_NO_EXTENSION : SUPERVISOR_FAILING, failure.message);
		return;
	}
	set_state(SUPERVISOR_ACTIVE, NULL);
	for (int i = 0; i < count; i++)
	{
		for (int slot = 0; slot < sources[i].workers; slot++)
			want_consumer(&sources[i], slot);
	}
}

/* One warning for each time that it begins to fail, unless the extension was dropped under it. */
static void
tend_tick(Tick *tick, int64 now_us)
{
	RigFailure	failure;

	if (state != SUPERVISOR_ACTIVE || now_us < tick->due_us)
		return;
	if (tick->run(&failure))
	{
		tick->due_us = now_us + tick->interval_us;
		tick->failing = false;
		return;
	}
	tick->due_us = now_us + tick->retry_us;
	if (!tick->failing && rig_failure_kind(failure.sqlstate) != RIG_FAILURE_MISSING)
		ereport(WARNING, (errmsg("rigalpha %s failed in database \"%s\": %s", tick->name, database_name, failure.message)));
	tick->failing = true;
}

/* Consumers without a supervisor would be started a second time by the next one. */
static void
stop_consumers(int code, Datum argument)
{
	ListCell   *cell;

	foreach(cell, consumers)
		rig_child_stop(&((Consumer *) lfirst(cell))->child);
}

void
rig_supervisor_main(Datum argument)
{
	MemoryContext scratch;

	memcpy(&self, MyBgworkerEntry->bgw_extra, sizeof(self));
	rig_process_begin();
	rig_process_connect(&self);
	before_shmem_exit(stop_consumers, (Datum) 0);
	pgstat_report_appname("rigalpha supervisor");
	database_name = rig_process_database_name();
	scratch = AllocSetContextCreate(TopMemoryContext, "rigalpha turn", ALLOCSET_DEFAULT_SIZES);

	while (!rig_process_stopping())
	{
		int64		now_us = rig_process_clock();

		rig_process_serve();
		MemoryContextReset(scratch);
		MemoryContextSwitchTo(scratch);
		forget_wishes();
		if (check_extension(now_us))
			read_sources();
		tend_consumers(now_us);
		for (size_t i = 0; i < lengthof(ticks); i++)
			tend_tick(&ticks[i], now_us);
		pgstat_report_stat(true);
		rig_process_nap(TICK_MS);
	}
	proc_exit(0);
}
