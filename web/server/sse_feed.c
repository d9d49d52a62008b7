#include "sse_feed.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "database.h"
#include "live_json.h"
#include "log.h"
#include "machine_set.h"
#include "sse_hub.h"
#include "transaction.h"
#include "visible_machines.h"

#define MIN_INTERVAL_MS 10		/* between reads, so that many notifications become one */
#define RECENT_INTERVAL_MS 1000
#define RECENT_WINDOW_MS 4000	/* shorter than the window of the statement below */

static const RigStatement LIVE_ALL = {
	"live_all", "SELECT v.machine_id, " RIG_LIVE_JSON "::text FROM rigalpha_api.live v", 0
};

static const RigStatement LIVE_RECENT = {
	"live_recent",
	"SELECT v.machine_id, " RIG_LIVE_JSON "::text FROM rigalpha_api.live v"
	" WHERE v.received_at > now() - interval '5 seconds'",
	0
};

static const RigStatement LIVE_RECENT_SOME = {
	"live_recent_some",
	"SELECT v.machine_id, " RIG_LIVE_JSON "::text FROM rigalpha_api.live v"
	" WHERE v.received_at > now() - interval '5 seconds' AND v.machine_id = ANY ($1::int[])",
	1
};

static const RigStatement LIVE_SOME = {
	"live_some",
	"SELECT v.machine_id, " RIG_LIVE_JSON "::text FROM rigalpha_api.live v"
	" WHERE v.machine_id = ANY ($1::int[])",
	1
};

static const RigStatement NAMES = {
	"names",
	"SELECT json_build_object('machines', coalesce(json_agg(m.name ORDER BY m.name), '[]'))::text"
	" FROM rigalpha_api.machines m WHERE $1::int[] IS NULL OR m.id = ANY ($1::int[])",
	1
};

/* Only the feed's thread touches these. */
static RigDatabase database;
static RigBackoff backoff;
static int64_t next_attempt;
static int64_t last_recent;		/* when all that is recent was last read */
static int64_t earliest_read;
static int64_t next_heartbeat;
static RigMachineSet changed_readings;
static RigMachineSet changed_sensors;
static RigMachineStates published;
static RigWatcher *watchers;
static int	watcher_count;
static uint64_t generation;
static bool failing;

static pthread_t thread;
static int	wake_fd = -1;
static atomic_bool stopping;
static atomic_bool check_wanted;

static void
note_failure(const RigFailure *failure)
{
	if (!failing)
		rig_log("error", "stream feed away", "SQLSTATE %s: %s", failure->sqlstate, failure->message);
	failing = true;
	rig_database_close(&database);
	next_attempt = rig_clock_now() + rig_backoff_next(&backoff);
}

/* Connects and listens. What happened in between is unknown, so everything is read again. */
static void
connect_feed(void)
{
	RigFailure	failure = {0};

	if (!rig_database_connect(&database, &failure) || !rig_database_listen(&database, "rigalpha", &failure))
	{
		note_failure(&failure);
		return;
	}
	rig_machine_set_add_all(&changed_readings);
	if (last_recent > 0)
		rig_machine_set_add_all(&changed_sensors);
}

static void
collect_notifications(void)
{
	PGnotify   *notification;

	if (!rig_database_is_alive(&database))
	{
		note_failure(&(RigFailure) {"08006", "connection lost"});
		return;
	}
	while ((notification = PQnotifies(database.connection)) != NULL)
	{
		const char *ids = strchr(notification->extra, ':');

		if (ids != NULL && strncmp(notification->extra, "readings:", 9) == 0)
			rig_machine_set_add_list(&changed_readings, ids + 1);
		else if (ids != NULL && strncmp(notification->extra, "sensors:", 8) == 0)
			rig_machine_set_add_list(&changed_sensors, ids + 1);
		PQfreemem(notification);
	}
}

/*
 * Begins a transaction that reads for a watcher; false when its session has ended, whose streams are
 * closed then, or with the failure when the database failed.
 */
static bool
begin_watching(const RigWatcher *watcher, RigIdentity *identity, RigFailure *failure)
{
	if (rig_transaction_begin_watching(&database, watcher->token, identity, failure) && !identity->must_change_password)
		return true;
	rig_transaction_end_watching(&database);
	if (*failure->sqlstate == '\0' || strcmp(failure->sqlstate, "RA007") == 0)
	{
		*failure = (RigFailure) {0};
		rig_sse_hub_end_session(watcher->id);
	}
	return false;
}

/* Publishes the rows that differ from what was published last. */
static void
publish_live(PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++)
	{
		int			machine = atoi(PQgetvalue(rows, row, 0));
		const char *text = PQgetvalue(rows, row, 1);

		if (rig_machine_states_update(&published, machine, text))
			rig_sse_hub_publish("reading", text, (RigAudience) {RIG_AUDIENCE_MACHINE, machine});
	}
}

/* Runs one of the statements above, with a list of ids unless that is NULL, and publishes what it finds. */
static bool
read_rows(const RigStatement *statement, const char *ids, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(&database, statement, &ids, failure);

	if (rows == NULL)
		return false;
	publish_live(rows);
	PQclear(rows);
	return true;
}

/* The names of the changed machines that a watcher may see, for its session, or for all that see everything. */
static bool
read_sensors_for(const RigWatcher *watcher, RigFailure *failure)
{
	RigAudience audience = {RIG_AUDIENCE_SESSION, watcher->id};
	RigBuffer	ids = {0};
	const char *values[1];
	PGresult   *rows;

	if (watcher->visible.all)
	{
		audience = (RigAudience) {RIG_AUDIENCE_ALL_MACHINES, 0};
		values[0] = rig_machine_set_text(&changed_sensors, &ids);
	}
	else
	{
		RigMachineList changed = rig_machine_list_select(&watcher->visible, &changed_sensors, NULL);

		values[0] = rig_machine_list_text(&changed, &ids);
		rig_machine_list_release(&changed);
	}
	rows = rig_database_query(&database, &NAMES, values, failure);
	rig_buffer_release(&ids);
	if (rows == NULL)
		return false;
	rig_sse_hub_publish("sensors", PQgetvalue(rows, 0, 0), audience);
	PQclear(rows);
	return true;
}

static bool
has_changed_sensors(const RigWatcher *watcher)
{
	RigMachineList changed;
	bool		has;

	if (watcher->visible.all || changed_sensors.all)
		return true;
	changed = rig_machine_list_select(&watcher->visible, &changed_sensors, NULL);
	has = changed.count > 0;
	rig_machine_list_release(&changed);
	return has;
}

static bool
read_sensors(RigFailure *failure)
{
	bool		all_done = false;

	for (int i = 0; i < watcher_count; i++)
	{
		const RigWatcher *watcher = &watchers[i];
		RigIdentity identity;
		bool		done;

		if ((watcher->visible.all && all_done) || !has_changed_sensors(watcher))
			continue;
		if (!begin_watching(watcher, &identity, failure))
		{
			if (*failure->sqlstate != '\0')
				return false;
			continue;
		}
		done = read_sensors_for(watcher, failure);
		rig_transaction_end_watching(&database);
		if (!done)
			return false;
		all_done = all_done || watcher->visible.all;
	}
	rig_machine_set_clear(&changed_sensors);
	return true;
}

/* What is read of the machines: those that changed, and now and then what is recent, or all. */
typedef struct Reading
{
	bool		all;
	bool		recent;
} Reading;

/* Reads for a watcher that sees everything. */
static bool
read_everything(const Reading *reading, RigFailure *failure)
{
	RigBuffer	ids = {0};
	bool		done = true;

	if (reading->all)
		return read_rows(&LIVE_ALL, NULL, failure);
	if (!rig_machine_set_is_empty(&changed_readings))
		done = read_rows(&LIVE_SOME, rig_machine_set_text(&changed_readings, &ids), failure);
	rig_buffer_release(&ids);
	return done && (!reading->recent || read_rows(&LIVE_RECENT, NULL, failure));
}

/* Reads the machines of a list, which no watcher before could see. */
static bool
read_some(const Reading *reading, const RigMachineList *machines, RigFailure *failure)
{
	RigBuffer	ids = {0};
	bool		done = true;

	if (!reading->all)
	{
		RigMachineList changed = rig_machine_list_select(machines, &changed_readings, NULL);

		if (changed.count > 0)
			done = read_rows(&LIVE_SOME, rig_machine_list_text(&changed, &ids), failure);
		rig_machine_list_release(&changed);
		rig_buffer_release(&ids);
	}
	if (done && (reading->all || reading->recent))
		done = read_rows(reading->all ? &LIVE_SOME : &LIVE_RECENT_SOME, rig_machine_list_text(machines, &ids), failure);
	rig_buffer_release(&ids);
	return done;
}

/*
 * The machines that a watcher is read for: those that it sees and none before it did. Without a full or
 * recent read only those that changed matter.
 */
static RigMachineList
machines_to_read(const RigWatcher *watcher, const Reading *reading, const RigMachineList *covered)
{
	RigMachineSet everything = {.all = true};

	return rig_machine_list_select(&watcher->visible, reading->all || reading->recent ? &everything : &changed_readings,
								   covered);
}

/* Reads for one watcher what no other covers; false with the failure when the database failed. */
static bool
read_live_for(const RigWatcher *watcher, const Reading *reading, RigMachineList *covered, RigFailure *failure)
{
	RigMachineList machines = machines_to_read(watcher, reading, covered);
	RigIdentity identity;
	bool		done = true;

	if (watcher->visible.all || machines.count > 0)
	{
		if (begin_watching(watcher, &identity, failure))
		{
			done = watcher->visible.all ? read_everything(reading, failure) : read_some(reading, &machines, failure);
			rig_transaction_end_watching(&database);
			covered->all = covered->all || watcher->visible.all;
			for (int i = 0; i < machines.count; i++)
				rig_machine_list_add(covered, machines.ids[i]);
		}
		else
			done = *failure->sqlstate == '\0';
	}
	rig_machine_list_release(&machines);
	return done;
}

static bool
read_live(int64_t now, RigFailure *failure)
{
	Reading		reading = {.all = changed_readings.all || now - last_recent > RECENT_WINDOW_MS};
	RigMachineList covered = {0};
	bool		done = true;

	reading.recent = !reading.all && now - last_recent >= RECENT_INTERVAL_MS;
	if (reading.all || reading.recent || !rig_machine_set_is_empty(&changed_readings))
	{
		for (int i = 0; i < watcher_count && done && !covered.all; i++)
			done = read_live_for(&watchers[i], &reading, &covered, failure);
	}
	rig_machine_list_release(&covered);
	if (!done)
		return false;
	if (reading.all || reading.recent)
		last_recent = now;
	rig_machine_set_clear(&changed_readings);
	return true;
}

static void
read_changes(int64_t now)
{
	RigFailure	failure = {0};

	if ((!rig_machine_set_is_empty(&changed_sensors) && !read_sensors(&failure)) ||
		!read_live(now, &failure))
	{
		note_failure(&failure);
		return;
	}
	if (failing)
		rig_log("info", "stream feed connected", "streams are live");
	failing = false;
	rig_backoff_reset(&backoff);
	/* Reading takes at most a third of the time, however slow the database is. */
	earliest_read = now + MIN_INTERVAL_MS;
	if (earliest_read < now + 3 * (rig_clock_now() - now))
		earliest_read = now + 3 * (rig_clock_now() - now);
}

static void
publish_heartbeat(void)
{
	char		time[40];
	char		data[64];

	rig_clock_format(time, sizeof(time));
	snprintf(data, sizeof(data), "{\"now\":\"%s\"}", time);
	rig_sse_hub_publish_transient("heartbeat", data);
}

/* Whether each session still lives, and what it may see now. */
static void
check_sessions(void)
{
	for (int i = 0; i < watcher_count; i++)
	{
		RigMachineList visible = {0};
		RigIdentity identity;
		RigFailure	failure = {0};

		if (begin_watching(&watchers[i], &identity, &failure))
		{
			if (rig_visible_machines(&database, &identity, &visible, &failure))
				rig_sse_hub_set_visible(watchers[i].id, &visible);
			rig_machine_list_release(&visible);
			rig_transaction_end_watching(&database);
		}
		if (*failure.sqlstate != '\0')
		{
			note_failure(&failure);
			return;
		}
	}
}

/*
 * Takes over who watches. Without anybody notifications are only drained, and no state is read; what
 * was not read for a session until now is read from the beginning.
 */
static void
note_watchers(void)
{
	bool		was_watched = watcher_count > 0;

	if (!rig_sse_hub_watchers(&generation, &watchers, &watcher_count))
		return;
	if (watcher_count == 0 && was_watched)
		rig_sse_hub_forget();
	rig_machine_set_add_all(&changed_readings);
}

static void
wait_until(int64_t until)
{
	struct pollfd sources[2] = {{.fd = wake_fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int64_t		pause = until - rig_clock_now();
	uint64_t	count;

	if (database.connection != NULL)
		sources[1].fd = PQsocket(database.connection);
	if (pause > 0 && poll(sources, 2, (int) pause) > 0 && sources[0].revents != 0)
	{
		if (read(wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			rig_log("error", "stream feed", "eventfd: %s", strerror(errno));
	}
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Reads what is due and returns when to read again. */
static int64_t
take_turn_reading(int64_t now)
{
	bool		changes;
	int64_t		next_read;

	if (database.connection != NULL)
		collect_notifications();
	if (database.connection == NULL && now >= next_attempt)
		connect_feed();
	if (database.connection != NULL && (atomic_exchange(&check_wanted, false) || now >= next_heartbeat))
		check_sessions();
	if (database.connection == NULL)
		return next_attempt;
	if (watcher_count == 0)
		return INT64_MAX;
	changes = !rig_machine_set_is_empty(&changed_readings) || !rig_machine_set_is_empty(&changed_sensors);
	next_read = changes ? earliest_read : last_recent + RECENT_INTERVAL_MS;
	if (now < next_read)
		return next_read;
	read_changes(now);
	return database.connection != NULL ? earliest_read : next_attempt;
}

/* Does what is due and returns when to look again. */
static int64_t
take_turn(void)
{
	int64_t		now = rig_clock_now();
	int64_t		next_read;

	note_watchers();
	next_read = take_turn_reading(now);
	if (watcher_count > 0 && now >= next_heartbeat)
	{
		next_heartbeat = now + rig_config.heartbeat_ms;
		publish_heartbeat();
	}
	return least(least(next_read, watcher_count > 0 ? next_heartbeat : INT64_MAX), now + RECENT_INTERVAL_MS);
}

static void *
feed_streams(void *context)
{
	(void) context;
	while (!atomic_load(&stopping))
		wait_until(take_turn());
	rig_database_close(&database);
	rig_machine_states_release(&published);
	rig_watchers_release(watchers, watcher_count);
	return NULL;
}

bool
rig_sse_feed_start(void)
{
	database.timeout_ms = rig_config.read_timeout_ms;
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return wake_fd >= 0 && pthread_create(&thread, NULL, feed_streams, NULL) == 0;
}

void
rig_sse_feed_wake(void)
{
	uint64_t	one = 1;
	ssize_t		written = write(wake_fd, &one, sizeof(one));

	(void) written;
}

void
rig_sse_feed_check_sessions(void)
{
	atomic_store(&check_wanted, true);
	rig_sse_feed_wake();
}

void
rig_sse_feed_stop(void)
{
	atomic_store(&stopping, true);
	rig_sse_feed_wake();
	pthread_join(thread, NULL);
	close(wake_fd);
}
