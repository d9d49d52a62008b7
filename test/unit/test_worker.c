/*
 * The parts of the Kafka worker that need neither server nor broker: batches, spans,
 * backoff, leases, the meaning of errors, properties that a source may not set.
 */
#include <string.h>

#include "backoff.h"
#include "batch.h"
#include "failure.h"
#include "kafka_client.h"
#include "lease.h"
#include "random.h"
#include "tap.h"

#define MESSAGES 1000
#define ROUNDS 2000

static const RigBatchLimits LIMITS = {.messages = MESSAGES, .bytes = 100000, .linger_us = 10000};

static void
test_batch(void)
{
	RigBatch	batch;

	rig_batch_clear(&batch);
	tap_ok(rig_batch_wait(&batch, &LIMITS, 5) == -1, "an empty batch is never due");
	rig_batch_add(&batch, 1, 100, 1000);
	rig_batch_add(&batch, 1, 100, 5000);
	tap_ok(rig_batch_wait(&batch, &LIMITS, 5000) == 6000, "the oldest message decides how long it waits");
	tap_ok(!rig_batch_due(&batch, &LIMITS, 10999), "not due before its linger time");
	tap_ok(rig_batch_due(&batch, &LIMITS, 11000), "due at its linger time");
	tap_ok(rig_batch_due(&batch, &LIMITS, 0), "due when the clock stepped back");
	rig_batch_add(&batch, 1, 99800, 5000);
	tap_ok(rig_batch_due(&batch, &LIMITS, 5000), "due when full by bytes");
	rig_batch_clear(&batch);
	rig_batch_add(&batch, MESSAGES - 1, 1, 5000);
	tap_ok(!rig_batch_due(&batch, &LIMITS, 5000), "not due one message short");
	rig_batch_add(&batch, 1, 1, 5000);
	tap_ok(rig_batch_due(&batch, &LIMITS, 5000), "due when full by count");
}

static void
test_take(void)
{
	RigSpan		span = {0};
	size_t		sizes[] = {60000, 30000, 20000, 500000, 1};

	tap_ok(rig_span_take(&span, &LIMITS, sizes, 5) == 2, "a transaction ends before the bytes limit");
	tap_ok(rig_span_take(&span, &LIMITS, &sizes[2], 3) == 1, "it does not begin a message that is too much");
	tap_ok(rig_span_take(&span, &LIMITS, &sizes[3], 2) == 1, "a message over the limit goes alone");
	span.messages = 1;
	tap_ok(rig_span_take(&span, &LIMITS, sizes, 5) == 1, "a shrunken span limits the count");
}

/* One pass over a batch in which some messages make their transaction fail; counts transactions. */
static int
bisect(const bool *poison, int *rejected)
{
	RigSpan		span = {0};
	size_t		sizes[MESSAGES] = {0};
	int			done = 0;
	int			transactions = 0;

	*rejected = 0;
	while (done < MESSAGES)
	{
		int			taken = rig_span_take(&span, &LIMITS, &sizes[done], MESSAGES - done);
		bool		bad = memchr(&poison[done], true, (size_t) taken) != NULL;

		transactions++;
		if (!bad)
		{
			rig_span_grow(&span, &LIMITS, taken);
			done += taken;
		}
		else if (taken > 1)
			rig_span_shrink(&span, taken, false);
		else
		{
			if (!poison[done])
				return -1;
			(*rejected)++;
			done++;
		}
	}
	return transactions;
}

static void
test_bisection(void)
{
	RigRandom	random;
	bool		exact = true;
	int			most = 0;

	rig_random_seed(&random, tap_seed());
	for (int round = 0; round < ROUNDS; round++)
	{
		bool		poison[MESSAGES] = {false};
		int			wanted = 0;
		int			rejected;
		int			transactions;

		for (int i = 0; i < round % 4; i++)
			poison[rig_random_next(&random) % MESSAGES] = true;
		for (int i = 0; i < MESSAGES; i++)
			wanted += poison[i];
		transactions = bisect(poison, &rejected);
		exact = exact && transactions > 0 && rejected == wanted;
		if (transactions > most)
			most = transactions;
	}
	tap_ok(exact, "bisection rejects exactly the bad messages");
	tap_ok(most <= 100, "at most three of a thousand cost few transactions: %d", most);
}

static void
test_memory(void)
{
	RigSpan		span = {0};
	size_t		sizes[MESSAGES] = {0};
	int			failures = 0;

	for (int i = 0; i < ROUNDS; i++)
	{
		int			taken = rig_span_take(&span, &LIMITS, sizes, MESSAGES);

		if (taken > 10)
		{
			failures++;
			rig_span_shrink(&span, taken, true);
		}
		else
			rig_span_grow(&span, &LIMITS, taken);
	}
	tap_ok(failures < 60, "a size that memory does not hold is seldom tried again: %d of %d", failures, ROUNDS);
	for (int i = 0; i < ROUNDS; i++)
		rig_span_grow(&span, &LIMITS, rig_span_take(&span, &LIMITS, sizes, MESSAGES));
	tap_ok(rig_span_take(&span, &LIMITS, sizes, MESSAGES) == MESSAGES, "full batches return when memory does");
}

static void
test_backoff(void)
{
	RigBackoff	backoff = {.first_ms = 100, .limit_ms = 10000};
	int64_t		delay = 0;

	tap_ok(rig_backoff_next(&backoff, 0.5) == 100, "the first delay");
	tap_ok(rig_backoff_next(&backoff, 0.5) == 200, "doubles");
	for (int i = 0; i < 100; i++)
		delay = rig_backoff_next(&backoff, 0.5);
	tap_ok(delay == 10000, "up to the limit");
	tap_ok(rig_backoff_next(&backoff, 0.0) == 7500 && rig_backoff_next(&backoff, 1.0) == 12500, "with jitter");
	rig_backoff_reset(&backoff);
	tap_ok(rig_backoff_next(&backoff, 0.5) == 100, "and starts over after a reset");
}

static void
test_lease(void)
{
	RigKafkaPosition positions[] = {{9, 5}, {1, -1}, {5, 70}};
	RigLease	lease = {.generation = 1, .count = 3, .positions = positions};
	RigKafkaMessage messages[] = {
		{.partition = 1, .offset = 0}, {.partition = 5, .offset = 70},
		{.partition = 1, .offset = 3}, {.partition = 7, .offset = 1}
	};

	rig_lease_sort(&lease);
	rig_lease_advance(&lease, messages, 4);
	tap_ok(rig_lease_find(&lease, 1)->offset == 4, "a position follows the last message, also over a gap");
	tap_ok(rig_lease_find(&lease, 5)->offset == 71 && rig_lease_find(&lease, 9)->offset == 5, "each partition by itself");
	tap_ok(rig_lease_find(&lease, 7) == NULL, "a partition of somebody else is not ours");
	lease.count = 0;
	tap_ok(rig_lease_find(&lease, 1) == NULL, "without a lease there is no position");
}

static void
test_failures(void)
{
	static const struct
	{
		const char *sqlstate;
		RigFailureKind kind;
	}			cases[] =
	{
		{"", RIG_FAILURE_NONE},
		{"08006", RIG_FAILURE_ENVIRONMENT}, {"53100", RIG_FAILURE_ENVIRONMENT}, {"57014", RIG_FAILURE_ENVIRONMENT},
		{"58030", RIG_FAILURE_ENVIRONMENT}, {"40001", RIG_FAILURE_ENVIRONMENT}, {"40P01", RIG_FAILURE_ENVIRONMENT},
		{"55P03", RIG_FAILURE_ENVIRONMENT}, {"RA001", RIG_FAILURE_ENVIRONMENT}, {"RA002", RIG_FAILURE_ENVIRONMENT},
		{"42501", RIG_FAILURE_ENVIRONMENT}, {"XX001", RIG_FAILURE_ENVIRONMENT},
		{"53200", RIG_FAILURE_MEMORY}, {"RA003", RIG_FAILURE_STALE}, {"RA005", RIG_FAILURE_SPLIT},
		{"42883", RIG_FAILURE_MISSING}, {"3F000", RIG_FAILURE_MISSING},
		{"22P02", RIG_FAILURE_MESSAGE}, {"23505", RIG_FAILURE_MESSAGE}, {"XX000", RIG_FAILURE_MESSAGE}, {"P0001", RIG_FAILURE_MESSAGE},
	};
	bool		right = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		if (rig_failure_kind(cases[i].sqlstate) == cases[i].kind)
			continue;
		tap_note("wrong kind for %s", cases[i].sqlstate);
		right = false;
	}
	tap_ok(right, "every kind of error has its meaning");
}

static void
test_properties(void)
{
	tap_ok(rig_kafka_property_refused("plugin.library.paths"), "no libraries are loaded");
	tap_ok(rig_kafka_property_refused("SASL.Kerberos.kinit.cmd"), "no programs are run, in any spelling");
	tap_ok(rig_kafka_property_refused("ssl.engine.location"), "no engines are loaded");
	tap_ok(!rig_kafka_property_refused("sasl.password"), "credentials are allowed");
	tap_ok(!rig_kafka_property_refused("log.queue.more"), "only whole names count");
}

int
main(void)
{
	test_batch();
	test_take();
	test_bisection();
	test_memory();
	test_backoff();
	test_lease();
	test_failures();
	test_properties();
	return tap_done();
}
