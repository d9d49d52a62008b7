#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "clock.h"
#include "config.h"
#include "log.h"

#define CHECK_INTERVAL_MS 1000
#define TRIM_AFTER_MS 60000

typedef enum SlotState
{
	SLOT_EMPTY,
	SLOT_IDLE,
	SLOT_BUSY,					/* held by a caller */
	SLOT_KEPT					/* held by the keeper */
} SlotState;

typedef struct Slot
{
	RigDatabase database;		/* first, so that a RigDatabase of ours is its slot */
	SlotState	state;
	int64_t		last_used;
} Slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed;	/* a connection became idle, or the state changed */
static pthread_cond_t wanted;	/* the keeper has something to do */
static pthread_t keeper;
static Slot *slots;
static int	slot_count;
static int	waiting;
static bool stopping;
static bool away = true;		/* attempts to connect fail, or none was made yet */
static int	failed_attempts;
static RigFailure why_away = {"08001", "not connected yet"};

static int
count_slots(SlotState state)
{
	int			count = 0;

	for (int i = 0; i < slot_count; i++)
		count += slots[i].state == state;
	return count;
}

static void
discard_slot(Slot *slot)
{
	rig_database_close(&slot->database);
	slot->state = SLOT_EMPTY;
}

/*
 * The living idle slot used last, so that surplus ones grow old; NULL when there is none.
 * A restart of the server kills them all at once: those that died are dropped on the way.
 */
static Slot *
find_idle(void)
{
	for (;;)
	{
		Slot	   *best = NULL;

		for (int i = 0; i < slot_count; i++)
		{
			if (slots[i].state == SLOT_IDLE && (best == NULL || slots[i].last_used > best->last_used))
				best = &slots[i];
		}
		if (best == NULL || rig_database_is_alive(&best->database))
			return best;
		discard_slot(best);
	}
}

static Slot *
find_empty(void)
{
	for (int i = 0; i < slot_count; i++)
	{
		if (slots[i].state == SLOT_EMPTY)
			return &slots[i];
	}
	return NULL;
}

static bool
needs_connection(void)
{
	int			open = slot_count - count_slots(SLOT_EMPTY);

	return open < rig_config.pool_min || (waiting > 0 && count_slots(SLOT_IDLE) == 0 && open < slot_count);
}

/* Closes idle connections that died, and surplus ones that nobody used for long. */
static void
check_idle(int64_t now)
{
	int			open = slot_count - count_slots(SLOT_EMPTY);

	for (int i = 0; i < slot_count; i++)
	{
		Slot	   *slot = &slots[i];

		if (slot->state != SLOT_IDLE)
			continue;
		if (!rig_database_is_alive(&slot->database) ||
			(open > rig_config.pool_min && now - slot->last_used > TRIM_AFTER_MS))
		{
			discard_slot(slot);
			open--;
		}
	}
}

static void
note_connected(Slot *slot)
{
	if (away)
		rig_log("info", "database connected", "reading is possible");
	away = false;
	failed_attempts = 0;
	slot->state = SLOT_IDLE;
	slot->last_used = rig_clock_now();
	pthread_cond_signal(&freed);
}

/* One failure alone may be a connection that was cut while it was made. */
static void
note_failed(Slot *slot, const RigFailure *failure)
{
	slot->state = SLOT_EMPTY;
	if (++failed_attempts == 1 && !away)
		return;
	if (!away || strcmp(why_away.sqlstate, failure->sqlstate) != 0)
		rig_log("error", "database away", "SQLSTATE %s: %s", failure->sqlstate, failure->message);
	away = true;
	why_away = *failure;
	pthread_cond_broadcast(&freed);
}

/* Opens one connection, without the lock while it blocks. */
static bool
open_connection(void)
{
	Slot	   *slot = find_empty();
	RigFailure	failure = {0};
	bool		connected;

	slot->state = SLOT_KEPT;
	pthread_mutex_unlock(&lock);
	connected = rig_database_connect(&slot->database, &failure);
	pthread_mutex_lock(&lock);
	if (connected)
		note_connected(slot);
	else
		note_failed(slot, &failure);
	return connected;
}

static void *
keep_connections(void *context)
{
	RigBackoff	backoff = {0};
	int64_t		next_attempt = 0;

	(void) context;
	pthread_mutex_lock(&lock);
	while (!stopping)
	{
		int64_t		now = rig_clock_now();

		check_idle(now);
		if (needs_connection() && now >= next_attempt)
		{
			if (open_connection())
				rig_backoff_reset(&backoff);
			else
				next_attempt = rig_clock_now() + rig_backoff_next(&backoff);
			continue;
		}
		rig_condition_wait_until(&wanted, &lock,
								 needs_connection() ? next_attempt : now + CHECK_INTERVAL_MS);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

bool
rig_pool_start(void)
{
	slot_count = (int) rig_config.pool_max;
	slots = rig_allocate((size_t) slot_count * sizeof(Slot));
	for (int i = 0; i < slot_count; i++)
	{
		slots[i].database.timeout_ms = rig_config.read_timeout_ms;
	}
	rig_condition_init(&freed);
	rig_condition_init(&wanted);
	return pthread_create(&keeper, NULL, keep_connections, NULL) == 0;
}

RigDatabase *
rig_pool_acquire(int64_t deadline, RigFailure *failure)
{
	Slot	   *slot;

	pthread_mutex_lock(&lock);
	waiting++;
	while ((slot = find_idle()) == NULL && !stopping && rig_clock_now() < deadline &&
		   !(away && count_slots(SLOT_BUSY) == 0))
	{
		pthread_cond_signal(&wanted);
		rig_condition_wait_until(&freed, &lock, deadline);
	}
	waiting--;
	if (slot != NULL)
		slot->state = SLOT_BUSY;
	else if (away || stopping)
		*failure = why_away;
	else
		rig_failure_set(failure, "53300", "no connection became free in time");
	pthread_mutex_unlock(&lock);
	return slot != NULL ? &slot->database : NULL;
}

void
rig_pool_release(RigDatabase *database)
{
	Slot	   *slot = (Slot *) database;
	bool		alive = rig_database_is_alive(database);

	if (!alive)
		rig_database_close(database);
	pthread_mutex_lock(&lock);
	slot->state = alive ? SLOT_IDLE : SLOT_EMPTY;
	slot->last_used = rig_clock_now();
	if (alive)
		pthread_cond_signal(&freed);
	else
		pthread_cond_signal(&wanted);
	pthread_mutex_unlock(&lock);
}

void
rig_pool_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&freed);
	pthread_cond_broadcast(&wanted);
	pthread_mutex_unlock(&lock);
	pthread_join(keeper, NULL);
	for (int i = 0; i < slot_count; i++)
		rig_database_close(&slots[i].database);
	free(slots);
}
