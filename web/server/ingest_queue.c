#include "ingest_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "ingest_batch.h"
#include "listener.h"
#include "log.h"
#include "problem.h"

#define CHECK_INTERVAL_MS 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_t writer;
static RigRequest *first;
static RigRequest **last_link = &first;
static int64_t queued_requests;
static bool stopping;
static bool ready;
static RigFailure why_not_ready = {"08001", "not connected yet"};

/* Only the writer thread touches the connection. */
static RigDatabase database = {.role = "rigalpha_ingest"};

/* Answers a request that could not be queued, or was queued in vain. */
static void
refuse(RigRequest *request, const RigFailure *failure)
{
	if (failure != NULL)
		rig_problem_answer_failure(request, failure);
	else
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	rig_listener_resume(request);
}

void
rig_ingest_queue_submit(RigRequest *request)
{
	RigFailure	failure;
	bool		is_ready;
	bool		accepted;

	rig_listener_suspend(request);
	pthread_mutex_lock(&lock);
	is_ready = ready;
	accepted = is_ready && queued_requests < rig_config.queue_requests;
	if (accepted)
	{
		*last_link = request;
		last_link = &request->next;
		if (queued_requests++ == 0)
			pthread_cond_signal(&changed);
	}
	else
		failure = why_not_ready;
	pthread_mutex_unlock(&lock);
	if (!accepted)
		refuse(request, is_ready ? NULL : &failure);
}

/* Takes the oldest requests that fit into one transaction, at least one; an atomic one has its own. */
static RigRequest *
take_batch(void)
{
	RigRequest *batch = first;
	RigRequest *last = NULL;
	int64_t		payloads = 0;
	int64_t		bytes = 0;

	while (first != NULL)
	{
		payloads += first->payload_count;
		bytes += (int64_t) first->body.length;
		if (last != NULL && (payloads > rig_config.batch_payloads || bytes > rig_config.batch_bytes
							 || first->atomic || last->atomic))
			break;
		last = first;
		first = first->next;
		queued_requests--;
	}
	if (first == NULL)
		last_link = &first;
	if (last != NULL)
		last->next = NULL;
	return batch;
}

bool
rig_ingest_queue_is_ready(RigFailure *failure)
{
	bool		is_ready;

	pthread_mutex_lock(&lock);
	is_ready = ready;
	*failure = why_not_ready;
	pthread_mutex_unlock(&lock);
	return is_ready;
}

/* Notes a change; while the database is away nothing is queued, so what waits is refused. */
static void
set_ready(bool is_ready, const RigFailure *failure)
{
	RigRequest *waiting = NULL;

	pthread_mutex_lock(&lock);
	if (is_ready && !ready)
		rig_log("info", "writer connected", "ingest is possible");
	if (!is_ready && (ready || strcmp(why_not_ready.sqlstate, failure->sqlstate) != 0))
		rig_log("error", "writer away", "SQLSTATE %s: %s", failure->sqlstate, failure->message);
	ready = is_ready;
	if (!is_ready)
	{
		why_not_ready = *failure;
		waiting = first;
		first = NULL;
		last_link = &first;
		queued_requests = 0;
	}
	pthread_mutex_unlock(&lock);
	while (waiting != NULL)
	{
		RigRequest *next = waiting->next;

		refuse(waiting, failure);
		waiting = next;
	}
}

/* Connects unless connected; false when the database is away. */
static bool
ensure_connected(void)
{
	RigFailure	failure = {0};

	if (!rig_database_is_alive(&database))
	{
		if (!rig_database_connect(&database, &failure) || !rig_ingest_batch_prepare(&database, &failure))
		{
			rig_database_close(&database);
			set_ready(false, &failure);
			return false;
		}
	}
	set_ready(true, NULL);
	return true;
}

/* Waits for requests, or for a moment; NULL when there are none. */
static RigRequest *
wait_for_batch(int64_t until)
{
	RigRequest *batch;

	pthread_mutex_lock(&lock);
	while (first == NULL && !stopping && rig_clock_now() < until)
		rig_condition_wait_until(&changed, &lock, until);
	batch = take_batch();
	pthread_mutex_unlock(&lock);
	return batch;
}

static bool
is_finished(void)
{
	bool		finished;

	pthread_mutex_lock(&lock);
	finished = stopping && first == NULL;
	pthread_mutex_unlock(&lock);
	return finished;
}

static void
store_batch(RigRequest *batch)
{
	RigFailure	failure = {0};

	/* The connection may have died since the last look, when trying again costs nothing. */
	if (!ensure_connected())
		rig_ingest_batch_fail(batch, &(RigFailure) {"08001", "not connected"});
	else if (!rig_ingest_batch_store(&database, batch, &failure))
		rig_database_close(&database);
}

static void *
write_batches(void *context)
{
	RigBackoff	backoff = {0};

	(void) context;
	while (!is_finished())
	{
		int64_t		pause = CHECK_INTERVAL_MS;
		RigRequest *batch;

		if (ensure_connected())
			rig_backoff_reset(&backoff);
		else
			pause = rig_backoff_next(&backoff);
		batch = wait_for_batch(rig_clock_now() + pause);
		if (batch != NULL)
			store_batch(batch);
	}
	rig_database_close(&database);
	return NULL;
}

bool
rig_ingest_queue_start(void)
{
	database.timeout_ms = rig_config.ingest_timeout_ms;
	rig_condition_init(&changed);
	return pthread_create(&writer, NULL, write_batches, NULL) == 0;
}

void
rig_ingest_queue_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	pthread_join(writer, NULL);
}
