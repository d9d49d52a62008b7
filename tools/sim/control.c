#define _GNU_SOURCE /* pthread_cond_clockwait, pthread_timedjoin_np */

#include "control.h"

#include <libpq-fe.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "lock.h"
#include "stop.h"

#define TURN_US RIG_SECOND_US
#define STARTUP_WAIT_US (4 * RIG_SECOND_US)
#define STOP_WAIT_S 3
#define UNLIMITED_RATE 100000.0 /* the most that the table takes; stands for "max" */

struct RigControl
{
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;

	/* under the mutex */
	bool stopping;
	bool first_turn_done;
	bool busy;
	RigControlOrder order;
	uint64_t sent;
	char note[RIG_CONTROL_NAME_SIZE];
	char fault_running[RIG_CONTROL_NAME_SIZE];
	char fault_finished[RIG_CONTROL_NAME_SIZE];

	/* of the thread only */
	PGconn *connection;
	bool lock_taken_once;
	bool row_seen;
	const char *last_complaint;
	const RigOptions *options;
	const char *target;
};

/*
 * One turn is one statement: report, clear a finished fault, read the orders. The
 * start of a fault is stamped when the stream runs it.
 */
static const char turn_sql[] =
	"UPDATE rigalpha.simulator_control SET pid = $2::int, heartbeat_at = now(), sent = $3::bigint, target = $4,"
	" note = nullif($5, ''),"
	" fault = CASE WHEN fault = $7 THEN NULL ELSE fault END,"
	" fault_machine = CASE WHEN fault = $7 THEN NULL ELSE fault_machine END,"
	" fault_started_at = CASE WHEN fault = $6 THEN coalesce(fault_started_at, now()) END"
	" WHERE name = $1"
	" RETURNING running, rate, coalesce(fault, ''), coalesce(fault_machine, '')";

static const char read_sql[] =
	"SELECT running, rate, coalesce(fault, ''), coalesce(fault_machine, '')"
	" FROM rigalpha.simulator_control WHERE name = $1";

static const char insert_sql[] =
	"INSERT INTO rigalpha.simulator_control (name, running, rate) VALUES ($1, true, $2::float8) ON CONFLICT DO NOTHING";

static const char rate_sql[] = "UPDATE rigalpha.simulator_control SET rate = $2::float8 WHERE name = $1";

static const char sign_off_sql[] =
	"UPDATE rigalpha.simulator_control SET pid = NULL, heartbeat_at = now(), sent = $2::bigint, note = 'stopped'"
	" WHERE name = $1";

static bool
is_database_configured(void)
{
	return getenv("PGHOST") != NULL || getenv("PGSERVICE") != NULL || getenv("PGDATABASE") != NULL;
}

/* Says something once, not every second. */
static void
complain(RigControl *control, const char *what, const char *detail)
{
	if (control->last_complaint == what)
		return;
	control->last_complaint = what;
	if (control->options->verbose && what != NULL)
		fprintf(stderr, "rigalpha-sim: control: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
}

static PGconn *
connect_database(void)
{
	static const char *const names[] = {"fallback_application_name", "connect_timeout", "tcp_user_timeout", NULL};
	static const char *const values[] = {"rigalpha-sim", "3", "5000", NULL};

	return PQconnectdbParams(names, values, 0);
}

/* Notices of a server that shuts down are no news: what matters comes as an error. */
static void
ignore_notice(void *context, const char *message)
{
	(void) context;
	(void) message;
}

/* Result of a statement, or NULL when it failed; the connection may be gone then. */
static PGresult *
query(RigControl *control, const char *sql, int count, const char *const *values)
{
	PGresult *result = PQexecParams(control->connection, sql, count, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	complain(control, "a statement failed", PQerrorMessage(control->connection));
	PQclear(result);
	return NULL;
}

static bool
query_boolean(RigControl *control, const char *sql, int count, const char *const *values)
{
	PGresult *result = query(control, sql, count, values);
	bool answer = result != NULL && PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;

	PQclear(result);
	return answer;
}

/*
 * The lock lives as long as the session. After a lost connection the server may still
 * hold it for the old session, so only a lock that we never had tells of another simulator.
 */
static void
take_database_lock(RigControl *control)
{
	char key[32];
	const char *values[] = {key};

	snprintf(key, sizeof(key), "%lld", (long long) rig_lock_key(control->target));
	if (query_boolean(control, "SELECT pg_try_advisory_lock($1::bigint)", 1, values))
		control->lock_taken_once = true;
	else if (!control->lock_taken_once && PQstatus(control->connection) == CONNECTION_OK)
	{
		pthread_mutex_lock(&control->mutex);
		control->busy = true;
		pthread_mutex_unlock(&control->mutex);
	}
}

static bool
ensure_connection(RigControl *control)
{
	if (control->connection != NULL && PQstatus(control->connection) == CONNECTION_OK)
		return true;
	PQfinish(control->connection);
	control->connection = connect_database();
	if (PQstatus(control->connection) != CONNECTION_OK)
	{
		complain(control, "no database, trying on", PQerrorMessage(control->connection));
		return false;
	}
	PQsetNoticeProcessor(control->connection, ignore_notice, NULL);
	control->last_complaint = NULL;
	PQclear(query(control, "SET statement_timeout = '5s'", 0, NULL));
	take_database_lock(control);
	return true;
}

static void
keep_order(RigControl *control, const PGresult *row)
{
	RigControlOrder order = {.known = true};

	order.running = strcmp(PQgetvalue(row, 0, 0), "t") == 0;
	/* A null rate reads as an empty string: no messages. */
	order.rate = strtod(PQgetvalue(row, 0, 1), NULL);
	if (order.rate >= UNLIMITED_RATE)
		order.rate = INFINITY;
	snprintf(order.fault, sizeof(order.fault), "%s", PQgetvalue(row, 0, 2));
	snprintf(order.fault_machine, sizeof(order.fault_machine), "%s", PQgetvalue(row, 0, 3));
	pthread_mutex_lock(&control->mutex);
	control->order = order;
	pthread_mutex_unlock(&control->mutex);
}

/* The row exists from the first turn on; a rate on the command line goes into it once. */
static void
prepare_row(RigControl *control)
{
	char rate[32];
	const char *values[] = {control->options->control, rate};

	snprintf(rate, sizeof(rate), "%.17g", fmin(control->options->rate, UNLIMITED_RATE));
	PQclear(query(control, insert_sql, 2, values));
	if (control->options->rate_given)
		PQclear(query(control, rate_sql, 2, values));
	control->row_seen = true;
}

static void
exchange_row(RigControl *control)
{
	char pid[32];
	char sent[32];
	char note[RIG_CONTROL_NAME_SIZE];
	char running[RIG_CONTROL_NAME_SIZE];
	char finished[RIG_CONTROL_NAME_SIZE];
	const char *values[] = {control->options->control, pid, sent, control->target, note, running, finished};
	PGresult *result;

	pthread_mutex_lock(&control->mutex);
	snprintf(sent, sizeof(sent), "%llu", (unsigned long long) control->sent);
	memcpy(note, control->note, sizeof(note));
	memcpy(running, control->fault_running, sizeof(running));
	memcpy(finished, control->fault_finished, sizeof(finished));
	pthread_mutex_unlock(&control->mutex);
	snprintf(pid, sizeof(pid), "%ld", (long) getpid());

	result = query(control, turn_sql, 7, values);
	if (result == NULL)
		result = query(control, read_sql, 1, values); /* perhaps only reading is allowed */
	else if (PQntuples(result) == 1)
	{
		pthread_mutex_lock(&control->mutex);
		if (strcmp(control->fault_finished, finished) == 0)
			control->fault_finished[0] = '\0';
		pthread_mutex_unlock(&control->mutex);
	}
	else
		control->row_seen = false;
	if (result != NULL && PQntuples(result) == 1)
		keep_order(control, result);
	PQclear(result);
}

static void
take_turn(RigControl *control)
{
	if (!ensure_connection(control) || control->options->command != RIG_COMMAND_RUN)
		return;
	/* Before CREATE EXTENSION there is no table; asking the catalog leaves no error in the server's log. */
	if (!query_boolean(control, "SELECT to_regclass('rigalpha.simulator_control') IS NOT NULL", 0, NULL))
	{
		complain(control, "no table rigalpha.simulator_control, waiting for it", NULL);
		control->row_seen = false;
		return;
	}
	if (!control->row_seen)
		prepare_row(control);
	exchange_row(control);
}

static void
sign_off(RigControl *control)
{
	char sent[32];
	const char *values[] = {control->options->control, sent};

	if (!control->row_seen || PQstatus(control->connection) != CONNECTION_OK)
		return;
	pthread_mutex_lock(&control->mutex);
	snprintf(sent, sizeof(sent), "%llu", (unsigned long long) control->sent);
	pthread_mutex_unlock(&control->mutex);
	PQclear(query(control, sign_off_sql, 2, values));
}

/* Waits for a change, at most until the monotonic time; called with the mutex held. */
static void
wait_for_change(RigControl *control, int64_t until_us)
{
	struct timespec until = {.tv_sec = until_us / RIG_SECOND_US, .tv_nsec = until_us % RIG_SECOND_US * 1000};

	pthread_cond_clockwait(&control->changed, &control->mutex, CLOCK_MONOTONIC, &until);
}

static void *
run_control(void *argument)
{
	RigControl *control = argument;
	int64_t next = rig_clock_monotonic();
	bool stopping = false;

	while (!stopping)
	{
		take_turn(control);
		next += TURN_US;
		if (next < rig_clock_monotonic())
			next = rig_clock_monotonic() + TURN_US;

		pthread_mutex_lock(&control->mutex);
		control->first_turn_done = true;
		pthread_cond_broadcast(&control->changed);
		while (!control->stopping && rig_clock_monotonic() < next)
			wait_for_change(control, next);
		stopping = control->stopping;
		pthread_mutex_unlock(&control->mutex);
	}
	sign_off(control);
	PQfinish(control->connection);
	return NULL;
}

RigControl *
rig_control_start(const RigOptions *options, const char *target)
{
	RigControl *control;
	int64_t until = rig_clock_monotonic() + STARTUP_WAIT_US;

	if (!is_database_configured())
		return NULL;
	control = calloc(1, sizeof(*control));
	if (control == NULL)
		return NULL;
	control->options = options;
	control->target = target;
	pthread_mutex_init(&control->mutex, NULL);
	pthread_cond_init(&control->changed, NULL);
	if (pthread_create(&control->thread, NULL, run_control, control) != 0)
	{
		free(control);
		return NULL;
	}

	/* With a reachable database the first orders, and a refusal, are known before the first message. */
	pthread_mutex_lock(&control->mutex);
	while (!control->first_turn_done && rig_clock_monotonic() < until && !rig_stop_requested())
		wait_for_change(control, until);
	pthread_mutex_unlock(&control->mutex);
	return control;
}

RigControlOrder
rig_control_order(RigControl *control)
{
	RigControlOrder order;

	pthread_mutex_lock(&control->mutex);
	order = control->order;
	pthread_mutex_unlock(&control->mutex);
	return order;
}

void
rig_control_report(RigControl *control, uint64_t sent, const char *note)
{
	pthread_mutex_lock(&control->mutex);
	control->sent = sent;
	snprintf(control->note, sizeof(control->note), "%s", note);
	pthread_mutex_unlock(&control->mutex);
}

void
rig_control_fault_running(RigControl *control, const char *fault)
{
	pthread_mutex_lock(&control->mutex);
	snprintf(control->fault_running, sizeof(control->fault_running), "%s", fault ? fault : "");
	control->fault_finished[0] = '\0';
	pthread_mutex_unlock(&control->mutex);
}

void
rig_control_fault_finished(RigControl *control, const char *fault)
{
	pthread_mutex_lock(&control->mutex);
	control->fault_running[0] = '\0';
	snprintf(control->fault_finished, sizeof(control->fault_finished), "%s", fault);
	pthread_mutex_unlock(&control->mutex);
}

bool
rig_control_target_busy(RigControl *control)
{
	bool busy;

	pthread_mutex_lock(&control->mutex);
	busy = control->busy;
	pthread_mutex_unlock(&control->mutex);
	return busy;
}

void
rig_control_stop(RigControl *control)
{
	struct timespec until;

	pthread_mutex_lock(&control->mutex);
	control->stopping = true;
	pthread_cond_broadcast(&control->changed);
	pthread_mutex_unlock(&control->mutex);

	/* A hung connection must not keep the program: the thread ends with the process then. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_WAIT_S;
	if (pthread_timedjoin_np(control->thread, NULL, &until) == 0)
		free(control);
}
