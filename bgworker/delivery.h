/*
 * The messages in flight: taken from Kafka, not yet all stored. They are
 * released only after the transaction that stored them committed, or when they
 * will be fetched again from the stored position.
 *
 * Every call of rig_delivery_store() is one transaction on the messages at the
 * front, so their order within a partition never changes, and whatever fails,
 * stored messages are a prefix.
 */
#ifndef RIG_DELIVERY_H
#define RIG_DELIVERY_H

#include "backoff.h"
#include "batch.h"
#include "sql.h"

typedef enum RigDeliveryResult
{
	RIG_DELIVERY_STORED,
	RIG_DELIVERY_SPLIT,			/* try again at once, with fewer messages */
	RIG_DELIVERY_RETRY,			/* try again at retry_us */
	RIG_DELIVERY_STALE,
	RIG_DELIVERY_MISSING
} RigDeliveryResult;

typedef struct RigDelivery
{
	RigKafkaMessage *messages;
	size_t	   *sizes;
	int			room;
	int			count;
	int			stored;			/* of count, from the front */
	RigBatch	batch;
	RigSpan		span;
	RigBackoff	backoff;
	int64		retry_us;		/* not before */
	RigFailure	failure;		/* why it waits; "" when all is well */
	int64		total;			/* messages stored by this process */
} RigDelivery;

extern void rig_delivery_init(RigDelivery *delivery);

/* The limits of the current settings. */
extern RigBatchLimits rig_delivery_limits(void);

/* Take what Kafka has, up to a full batch. */
extern void rig_delivery_fill(RigDelivery *delivery, RigKafka *kafka, const RigBatchLimits *limits, int64 now_us);

/* True when messages should be stored now. */
extern bool rig_delivery_due(const RigDelivery *delivery, const RigBatchLimits *limits, int64 now_us);

/* Store some messages and move the lease's positions past them. */
extern RigDeliveryResult rig_delivery_store(RigDelivery *delivery, int32 source, RigLease *lease,
											const RigBatchLimits *limits, int64 now_us);

/* Release all messages; they will be fetched again. */
extern void rig_delivery_drop(RigDelivery *delivery);

#endif
