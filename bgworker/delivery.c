#include "delivery.h"

#include "common/pg_prng.h"
#include "guc.h"
#include "lease.h"
#include "utils/memutils.h"

#define RETRY_FIRST_MS 100
#define RETRY_LIMIT_MS 10000

void
rig_delivery_init(RigDelivery *delivery)
{
	memset(delivery, 0, sizeof(*delivery));
	delivery->backoff.first_ms = RETRY_FIRST_MS;
	delivery->backoff.limit_ms = RETRY_LIMIT_MS;
}

RigBatchLimits
rig_delivery_limits(void)
{
	RigBatchLimits limits = {
		.messages = rig_guc_batch_messages,
		.bytes = rig_guc_batch_bytes,
		.linger_us = (int64) rig_guc_linger * 1000
	};

	return limits;
}

/* Make room for a full batch; only while nothing is in flight. */
static void
make_room(RigDelivery *delivery, int messages)
{
	if (delivery->room == messages)
		return;
	if (delivery->messages != NULL)
	{
		pfree(delivery->messages);
		pfree(delivery->sizes);
	}
	delivery->messages = MemoryContextAlloc(TopMemoryContext, messages * sizeof(RigKafkaMessage));
	delivery->sizes = MemoryContextAlloc(TopMemoryContext, messages * sizeof(size_t));
	delivery->room = messages;
}

void
rig_delivery_fill(RigDelivery *delivery, RigKafka *kafka, const RigBatchLimits *limits, int64 now_us)
{
	if (delivery->count == 0)
		make_room(delivery, limits->messages);
	while (delivery->count < delivery->room && !rig_batch_full(&delivery->batch, limits))
	{
		int			from = delivery->count;
		int			taken = rig_kafka_fetch(kafka, &delivery->messages[from], delivery->room - from);
		int64		bytes = 0;

		if (taken == 0)
			break;
		for (int i = from; i < from + taken; i++)
		{
			delivery->sizes[i] = delivery->messages[i].size;
			bytes += (int64) delivery->sizes[i];
		}
		delivery->count += taken;
		rig_batch_add(&delivery->batch, taken, bytes, now_us);
	}
}

bool
rig_delivery_due(const RigDelivery *delivery, const RigBatchLimits *limits, int64 now_us)
{
	if (delivery->count == 0 || now_us < delivery->retry_us)
		return false;
	return delivery->stored > 0 || delivery->failure.sqlstate[0] != '\0' ||
		delivery->count >= delivery->room || rig_batch_due(&delivery->batch, limits, now_us);
}

static void
clear(RigDelivery *delivery)
{
	delivery->count = 0;
	delivery->stored = 0;
	rig_batch_clear(&delivery->batch);
}

static void
forget_failure(RigDelivery *delivery)
{
	rig_backoff_reset(&delivery->backoff);
	delivery->failure.sqlstate[0] = '\0';
	delivery->retry_us = 0;
}

/* The transaction on these messages committed. */
static void
finish(RigDelivery *delivery, RigLease *lease, int taken)
{
	RigKafkaMessage *messages = &delivery->messages[delivery->stored];

	rig_lease_advance(lease, messages, taken);
	rig_kafka_release(messages, taken);
	delivery->stored += taken;
	delivery->total += taken;
	forget_failure(delivery);
	if (delivery->stored == delivery->count)
		clear(delivery);
}

static RigDeliveryResult
wait_and_retry(RigDelivery *delivery, const RigFailure *failure, int64 now_us)
{
	delivery->failure = *failure;
	delivery->retry_us = now_us +
		1000 * rig_backoff_next(&delivery->backoff, pg_prng_double(&pg_global_prng_state));
	return RIG_DELIVERY_RETRY;
}

/* A failure that no message is to blame for. */
static RigDeliveryResult
give_up_or_retry(RigDelivery *delivery, const RigFailure *failure, int64 now_us)
{
	switch (rig_failure_kind(failure->sqlstate))
	{
		case RIG_FAILURE_STALE:
			return RIG_DELIVERY_STALE;
		case RIG_FAILURE_MISSING:
			return RIG_DELIVERY_MISSING;
		default:
			return wait_and_retry(delivery, failure, now_us);
	}
}

/* Keep one message as a dead letter; it alone makes its transaction fail. */
static RigDeliveryResult
reject_message(RigDelivery *delivery, int32 source, RigLease *lease, const RigFailure *reason, int64 now_us)
{
	const RigKafkaMessage *message = &delivery->messages[delivery->stored];
	RigFailure	failure;

	if (rig_sql_reject(source, lease->generation, message, "failed", reason->message, &failure))
	{
		finish(delivery, lease, 1);
		return RIG_DELIVERY_STORED;
	}
	/* What cannot even be rejected must not be skipped. */
	return give_up_or_retry(delivery, &failure, now_us);
}

RigDeliveryResult
rig_delivery_store(RigDelivery *delivery, int32 source, RigLease *lease,
				   const RigBatchLimits *limits, int64 now_us)
{
	int			first = delivery->stored;
	int			taken = rig_span_take(&delivery->span, limits, &delivery->sizes[first], delivery->count - first);
	RigIngested ingested;
	RigFailure	failure;

	if (rig_sql_ingest(source, lease->generation, &delivery->messages[first], taken, &ingested, &failure))
	{
		rig_span_grow(&delivery->span, limits, taken);
		finish(delivery, lease, taken);
		return RIG_DELIVERY_STORED;
	}
	switch (rig_failure_kind(failure.sqlstate))
	{
		case RIG_FAILURE_MEMORY:
			rig_span_shrink(&delivery->span, taken, true);
			return taken == 1 ? wait_and_retry(delivery, &failure, now_us) : RIG_DELIVERY_SPLIT;
		case RIG_FAILURE_SPLIT:
		case RIG_FAILURE_MESSAGE:
			if (taken == 1)
				return reject_message(delivery, source, lease, &failure, now_us);
			rig_span_shrink(&delivery->span, taken, false);
			return RIG_DELIVERY_SPLIT;
		default:
			return give_up_or_retry(delivery, &failure, now_us);
	}
}

void
rig_delivery_drop(RigDelivery *delivery)
{
	rig_kafka_release(&delivery->messages[delivery->stored], delivery->count - delivery->stored);
	clear(delivery);
	forget_failure(delivery);
}
