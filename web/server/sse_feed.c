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
static RigDatabase database = {.role = "rigalpha_viewer", .read_only = true};
static RigBackoff backoff;
static int64_t next_attempt;
static int64_t last_recent;		/* when all that is recent was last read */
static int64_t earliest_read;
static int64_t next_heartbeat;
static RigMachineSet changed_readings;
static RigMachineSet changed_sensors;
static RigMachineStates published;
static bool failing;
static bool watched;

static pthread_t thread;
static int	wake_fd = -1;
static atomic_bool stopping;

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

/* Publishes the rows that differ from what was published last. */
static void
publish_live(PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows); row++)
	{
		int			machine = atoi(PQgetvalue(rows, row, 0));
		const char *text = PQgetvalue(rows, row, 1);

		if (rig_machine_states_update(&published, machine, text))
			rig_sse_hub_publish("reading", text);
	}
}

static bool
read_sensors(RigFailure *failure)
{
	RigBuffer	ids = {0};
	const char *values[] = {rig_machine_set_text(&changed_sensors, &ids)};
	PGresult   *rows = rig_database_query(&database, &NAMES, values, failure);

	rig_buffer_release(&ids);
	if (rows == NULL)
		return false;
	rig_sse_hub_publish("sensors", PQgetvalue(rows, 0, 0));
	PQclear(rows);
	rig_machine_set_clear(&changed_sensors);
	return true;
}

/* Runs one of the statements above and publishes what it finds. */
static bool
read_rows(const RigStatement *statement, const char *const *values, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(&database, statement, values, failure);

	if (rows == NULL)
		return false;
	publish_live(rows);
	PQclear(rows);
	return true;
}

static bool
read_live(int64_t now, RigFailure *failure)
{
	bool		all = changed_readings.all || now - last_recent > RECENT_WINDOW_MS;
	bool		recent = !all && now - last_recent >= RECENT_INTERVAL_MS;

	if (!all && !rig_machine_set_is_empty(&changed_readings))
	{
		RigBuffer	ids = {0};
		const char *values[] = {rig_machine_set_text(&changed_readings, &ids)};
		bool		done = read_rows(&LIVE_SOME, values, failure);

		rig_buffer_release(&ids);
		if (!done)
			return false;
	}
	if ((all && !read_rows(&LIVE_ALL, NULL, failure)) || (recent && !read_rows(&LIVE_RECENT, NULL, failure)))
		return false;
	if (all || recent)
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
publish_heartbeat(int64_t now)
{
	char		time[40];
	char		data[64];

	next_heartbeat = now + rig_config.heartbeat_ms;
	rig_clock_format(time, sizeof(time));
	snprintf(data, sizeof(data), "{\"now\":\"%s\"}", time);
	rig_sse_hub_publish_transient("heartbeat", data);
}

/* Nobody watches: notifications are only drained, and no state is read. */
static void
note_watching(bool now_watched)
{
	if (watched && !now_watched)
		rig_sse_hub_forget();
	if (!watched && now_watched)
		rig_machine_set_add_all(&changed_readings);
	watched = now_watched;
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

/* Does what is due and returns when to look again. */
static int64_t
take_turn(void)
{
	int64_t		now = rig_clock_now();
	int64_t		next_read = INT64_MAX;

	note_watching(rig_sse_hub_is_watched());
	if (database.connection != NULL)
		collect_notifications();
	if (database.connection == NULL && now >= next_attempt)
		connect_feed();
	if (database.connection != NULL && watched)
	{
		bool		changes = !rig_machine_set_is_empty(&changed_readings) ||
			!rig_machine_set_is_empty(&changed_sensors);

		next_read = changes ? earliest_read : last_recent + RECENT_INTERVAL_MS;
		if (now >= next_read)
		{
			read_changes(now);
			next_read = earliest_read;
		}
	}
	if (watched && now >= next_heartbeat)
		publish_heartbeat(now);
	if (database.connection == NULL)
		next_read = next_attempt;
	return least(least(next_read, watched ? next_heartbeat : INT64_MAX), now + RECENT_INTERVAL_MS);
}

static void *
feed_streams(void *context)
{
	(void) context;
	while (!atomic_load(&stopping))
		wait_until(take_turn());
	rig_database_close(&database);
	rig_machine_states_release(&published);
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
rig_sse_feed_stop(void)
{
	atomic_store(&stopping, true);
	rig_sse_feed_wake();
	pthread_join(thread, NULL);
	close(wake_fd);
}
