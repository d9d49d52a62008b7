/*
 * A consumer process: one slot of one source. It waits for Kafka, its latch and
 * the clock at once, stores what arrives, and follows changes of its source.
 */
#include "consumer.h"

#include <unistd.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "options.h"
#include "pg_compat.h"
#include "pgstat.h"
#include "process.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#define TICK_MS 250
#define SOURCE_INTERVAL_US INT64CONST(250000)
#define SPARE_INTERVAL_US INT64CONST(5000000)
#define CLAIM_INTERVAL_US INT64CONST(500000)
#define RETRY_FIRST_MS 250
#define RETRY_LIMIT_MS 30000

static MemoryContext scratch;

/*
 * The end of the process also ends the Kafka client's threads. Handlers of
 * exit() would free memory that they still use.
 */
static void
exit_at_once(int code, Datum argument)
{
	_exit(code);
}

static void
leave_quietly(void)
{
	proc_exit(0);
}

void
rig_consumer_set_note(RigConsumer *consumer, bool failing, const char *text)
{
	consumer->failing = failing;
	strlcpy(consumer->note, text, sizeof(consumer->note));
}

void
rig_consumer_clear_note(RigConsumer *consumer)
{
	rig_consumer_set_note(consumer, false, "");
	rig_backoff_reset(&consumer->backoff);
}

/* The last attempt failed: the next comes after a delay. */
static void
note_failure(RigConsumer *consumer, const char *text, int64 now_us)
{
	rig_consumer_set_note(consumer, true, text);
	consumer->retry_us = now_us + 1000 * rig_backoff_next(&consumer->backoff, pg_prng_double(&pg_global_prng_state));
}

static int64
milliseconds_until(int64 then_us, int64 now_us)
{
	return then_us <= now_us ? 0 : (then_us - now_us + 999) / 1000;
}

/* Fetch nothing; what is in flight will be fetched again. */
void
rig_consumer_stop_fetching(RigConsumer *consumer)
{
	char		error[RIG_KAFKA_TEXT];

	rig_delivery_drop(&consumer->delivery);
	if (consumer->kafka != NULL)
		(void) rig_kafka_assign(consumer->kafka, NULL, 0, error, sizeof(error));
}

static void
release_partitions(RigConsumer *consumer)
{
	rig_consumer_stop_fetching(consumer);
	consumer->lease.count = 0;
	consumer->claim_again = false;
	consumer->restarted = false;
}

void
rig_consumer_enter_claim(RigConsumer *consumer, int64 retry_us)
{
	release_partitions(consumer);
	consumer->phase = RIG_PHASE_CLAIM;
	consumer->retry_us = retry_us;
}

void
rig_consumer_enter_locate(RigConsumer *consumer)
{
	release_partitions(consumer);
	consumer->phase = RIG_PHASE_LOCATE;
	consumer->partition_count = 0;
}

/* Another worker took the slot: wait for it to become free again. */
void
rig_consumer_step_down(RigConsumer *consumer, int64 now_us)
{
	rig_consumer_enter_claim(consumer, now_us + CLAIM_INTERVAL_US);
	rig_consumer_set_note(consumer, false, "another worker holds this slot");
}

/*
 * Following the source
 */

static void
pause_or_resume(RigConsumer *consumer, bool paused)
{
	consumer->source->paused = paused;
	consumer->retry_us = 0;
	rig_consumer_clear_note(consumer);
	if (paused)
	{
		release_partitions(consumer);
		consumer->phase = RIG_PHASE_PAUSED;
	}
	else if (consumer->kafka == NULL)
		consumer->phase = RIG_PHASE_OPEN;
	else
		consumer->phase = consumer->partition_count == 0 ? RIG_PHASE_LOCATE : RIG_PHASE_CLAIM;
}

/* Look at the source; end when it is gone or needs another process. */
static void
tend_source(RigConsumer *consumer, int64 now_us)
{
	RigSource  *seen;
	RigFailure	failure;

	if (now_us < consumer->source_us)
		return;
	consumer->source_us = now_us + SOURCE_INTERVAL_US;
	seen = rig_source_read(consumer->slot.source, &failure);
	if (seen == NULL)
	{
		RigFailureKind kind = rig_failure_kind(failure.sqlstate);

		if (kind == RIG_FAILURE_NONE || kind == RIG_FAILURE_MISSING)
			leave_quietly();
		return;
	}
	if (rig_source_differs(seen, consumer->source))
	{
		rig_status_stopped(consumer);
		leave_quietly();
	}
	if (seen->paused != consumer->source->paused)
		pause_or_resume(consumer, seen->paused);
	else if (seen->revision != consumer->source->revision)
		/* Paused and resumed in between, perhaps to move a position. */
		consumer->claim_again = true;
	consumer->source->revision = seen->revision;
}

static bool
load_source(RigConsumer *consumer)
{
	MemoryContext caller = MemoryContextSwitchTo(consumer->source_context);
	RigFailure	failure;

	consumer->source = rig_source_read(consumer->slot.source, &failure);
	if (consumer->source != NULL && !rig_source_read_properties(consumer->source, &failure))
		consumer->source = NULL;
	MemoryContextSwitchTo(caller);
	return consumer->source != NULL;
}

/*
 * Following the client library's own log
 */

static void
tend_logs(RigConsumer *consumer)
{
	char		text[RIG_FAILURE_TEXT];
	int			level;

	if (consumer->kafka == NULL)
		return;
	/* Its errors are part of the state; only advice on the configuration is news. */
	while (rig_kafka_next_log(consumer->kafka, &level, text, sizeof(text)))
		ereport(strncmp(text, "CONFWARN", 8) == 0 || level <= 2 ? LOG : DEBUG1,
				(errmsg_internal("rigalpha source \"%s\": %s", consumer->source->name, text)));
}

/*
 * Phases; each returns how long there is nothing to do, in milliseconds
 */

/* Hold the slot, without partitions yet, so that the status shows this worker. */
static void
take_slot(RigConsumer *consumer)
{
	RigLease	lease;
	RigFailure	failure;

	(void) rig_sql_claim(&consumer->slot, 0, &lease, &failure);
}

static int64
run_open(RigConsumer *consumer, int64 now_us)
{
	char		error[RIG_KAFKA_TEXT];

	if (now_us < consumer->retry_us)
		return milliseconds_until(consumer->retry_us, now_us);
	consumer->kafka = rig_options_open(consumer->source, consumer->slot.slot, error, sizeof(error));
	if (consumer->kafka == NULL)
		note_failure(consumer, error, now_us);
	else
	{
		rig_consumer_clear_note(consumer);
		consumer->phase = RIG_PHASE_LOCATE;
		consumer->ask_us = now_us;
	}
	return 0;
}

/* Let the client's callbacks run while nothing is assigned. */
static int64
run_idle(RigConsumer *consumer)
{
	RigKafkaMessage message;

	if (consumer->kafka != NULL && rig_kafka_fetch(consumer->kafka, &message, 1) > 0)
	{
		rig_kafka_release(&message, 1);
		return 0;
	}
	return TICK_MS;
}

static void
start_consuming(RigConsumer *consumer, int64 now_us)
{
	RigKafkaPosition *positions = palloc(consumer->lease.count * sizeof(RigKafkaPosition));
	char		error[RIG_KAFKA_TEXT];

	for (int i = 0; i < consumer->lease.count; i++)
	{
		positions[i] = consumer->lease.positions[i];
		if (positions[i].offset < 0)
			positions[i].offset = RIG_KAFKA_BEGINNING;
	}
	if (rig_kafka_assign(consumer->kafka, positions, consumer->lease.count, error, sizeof(error)))
	{
		rig_consumer_clear_note(consumer);
		consumer->phase = RIG_PHASE_RUN;
	}
	else
		note_failure(consumer, error, now_us);
}

static int64
run_claim(RigConsumer *consumer, int64 now_us)
{
	MemoryContext caller;
	RigFailure	failure;
	bool		claimed;

	(void) run_idle(consumer);
	if (now_us < consumer->retry_us)
		return milliseconds_until(consumer->retry_us, now_us);
	MemoryContextReset(consumer->lease_context);
	caller = MemoryContextSwitchTo(consumer->lease_context);
	claimed = rig_sql_claim(&consumer->slot, consumer->partition_count, &consumer->lease, &failure);
	MemoryContextSwitchTo(caller);
	if (!claimed)
	{
		consumer->lease.count = 0;
		if (rig_failure_kind(failure.sqlstate) == RIG_FAILURE_MISSING)
			consumer->source_us = 0;
		note_failure(consumer, failure.message, now_us);
	}
	else if (consumer->slot.slot >= consumer->partition_count)
	{
		consumer->retry_us = now_us + SPARE_INTERVAL_US;
		rig_consumer_set_note(consumer, false, "the topic has fewer partitions than workers");
	}
	else if (consumer->lease.count == 0)
		rig_consumer_step_down(consumer, now_us);
	else
		start_consuming(consumer, now_us);
	return 0;
}

static void
store_messages(RigConsumer *consumer, const RigBatchLimits *limits, int64 now_us)
{
	switch (rig_delivery_store(&consumer->delivery, consumer->slot.source, &consumer->lease, limits, now_us))
	{
		case RIG_DELIVERY_STORED:
			pgstat_report_stat(false);
			break;
		case RIG_DELIVERY_STALE:
			rig_consumer_step_down(consumer, now_us);
			break;
		case RIG_DELIVERY_MISSING:
			/* Dropped or being upgraded: the look at the source decides, now. */
			release_partitions(consumer);
			rig_consumer_enter_claim(consumer, now_us + CLAIM_INTERVAL_US);
			consumer->source_us = 0;
			break;
		case RIG_DELIVERY_SPLIT:
		case RIG_DELIVERY_RETRY:
			break;
	}
}

static int64
run_consume(RigConsumer *consumer, int64 now_us)
{
	RigDelivery *delivery = &consumer->delivery;
	RigBatchLimits limits = rig_delivery_limits();
	int64		wait_us;

	if (delivery->stored == 0 && delivery->failure.sqlstate[0] == '\0' && !consumer->claim_again)
		rig_delivery_fill(delivery, consumer->kafka, &limits, now_us);
	if (rig_delivery_due(delivery, &limits, now_us))
	{
		store_messages(consumer, &limits, now_us);
		return 0;
	}
	if (now_us < delivery->retry_us)
		return milliseconds_until(delivery->retry_us, now_us);
	if (delivery->count == 0)
	{
		if (consumer->claim_again)
			rig_consumer_enter_claim(consumer, now_us);
		pgstat_report_stat(true);
		return consumer->phase == RIG_PHASE_RUN ? TICK_MS : 0;
	}
	wait_us = rig_batch_wait(&delivery->batch, &limits, now_us);
	return milliseconds_until(now_us + wait_us, now_us);
}

static int64
run_phase(RigConsumer *consumer, int64 now_us)
{
	switch (consumer->phase)
	{
		case RIG_PHASE_OPEN:
			return run_open(consumer, now_us);
		case RIG_PHASE_CLAIM:
			return run_claim(consumer, now_us);
		case RIG_PHASE_RUN:
			return run_consume(consumer, now_us);
		case RIG_PHASE_LOCATE:
		case RIG_PHASE_PAUSED:
			break;
	}
	return run_idle(consumer);
}

/*
 * Waiting
 */

/* Wait for Kafka, the latch or the clock, whichever comes first. */
static void
wait_for_events(RigConsumer *consumer, int64 milliseconds)
{
	static WaitEventSet *events = NULL;
	WaitEvent	event;

	if (milliseconds <= 0)
		return;
	if (consumer->kafka == NULL)
	{
		rig_process_nap(Min(milliseconds, TICK_MS));
		return;
	}
	if (events == NULL)
	{
		events = rig_wait_event_set_create(3);
		AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		AddWaitEventToSet(events, WL_SOCKET_READABLE, rig_kafka_descriptor(consumer->kafka), NULL, NULL);
	}
	(void) WaitEventSetWait(events, (long) Min(milliseconds, TICK_MS), &event, 1, rig_process_wait_event());
	ResetLatch(MyLatch);
	rig_kafka_acknowledge(consumer->kafka);
}

static void
start(RigConsumer *consumer)
{
	RigWorkerArgs args;

	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(args));
	rig_process_begin();
	on_proc_exit(exit_at_once, (Datum) 0);
	rig_process_connect(&args);
	scratch = AllocSetContextCreate(TopMemoryContext, "rigalpha turn", ALLOCSET_DEFAULT_SIZES);
	consumer->source_context = AllocSetContextCreate(TopMemoryContext, "rigalpha source", ALLOCSET_SMALL_SIZES);
	consumer->lease_context = AllocSetContextCreate(TopMemoryContext, "rigalpha lease", ALLOCSET_SMALL_SIZES);
	consumer->slot.source = args.source;
	consumer->slot.slot = args.slot;
	consumer->backoff.first_ms = RETRY_FIRST_MS;
	consumer->backoff.limit_ms = RETRY_LIMIT_MS;
	rig_delivery_init(&consumer->delivery);
	/* Without a source there is nothing to do; the supervisor tries again. */
	if (!load_source(consumer) || args.slot >= consumer->source->workers)
		leave_quietly();
	consumer->slot.slots = consumer->source->workers;
	consumer->phase = consumer->source->paused ? RIG_PHASE_PAUSED : RIG_PHASE_OPEN;
	take_slot(consumer);
	rig_status_init(consumer);
}

void
rig_consumer_main(Datum argument)
{
	static RigConsumer consumer;

	start(&consumer);
	while (!rig_process_stopping())
	{
		int64		now_us = rig_process_clock();

		rig_process_serve();
		MemoryContextReset(scratch);
		MemoryContextSwitchTo(scratch);
		tend_source(&consumer, now_us);
		rig_broker_tend(&consumer, now_us);
		tend_logs(&consumer);
		rig_status_tend(&consumer, now_us);
		wait_for_events(&consumer, run_phase(&consumer, now_us));
	}
	rig_status_stopped(&consumer);
	leave_quietly();
}
