/*
 * When to store a batch, and how much of it in one transaction. Pure: time
 * enters by argument, in microseconds.
 *
 * A batch grows until it is full by count or bytes, or until its oldest
 * message has lingered long enough. A full topic therefore gives full
 * batches, and a quiet one gives small batches after a short wait.
 *
 * The span is the number of messages that the next transaction takes. It
 * halves after a failure and doubles after a success, so a bad message is
 * found by bisection without ever changing the order of messages. A size that
 * was too much for the memory is tried again only after ever more successes.
 */
#ifndef RIG_BATCH_H
#define RIG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RigBatchLimits
{
	int			messages;
	int64_t		bytes;
	int64_t		linger_us;
} RigBatchLimits;

typedef struct RigBatch
{
	int			messages;
	int64_t		bytes;
	int64_t		opened_us;		/* when the oldest message came */
} RigBatch;

typedef struct RigSpan
{
	int			messages;		/* 0 = not limited by a failure */
	int			patience;		/* successes to wait for before it grows */
	int			successes;		/* in a row */
} RigSpan;

extern void rig_batch_clear(RigBatch *batch);
extern void rig_batch_add(RigBatch *batch, int messages, int64_t bytes, int64_t now_us);
extern bool rig_batch_full(const RigBatch *batch, const RigBatchLimits *limits);
extern bool rig_batch_due(const RigBatch *batch, const RigBatchLimits *limits, int64_t now_us);

/* Microseconds until the batch is due: 0 = now, -1 = never, it is empty. */
extern int64_t rig_batch_wait(const RigBatch *batch, const RigBatchLimits *limits, int64_t now_us);

/* How many of the messages with these sizes go into one transaction; at least one. */
extern int	rig_span_take(const RigSpan *span, const RigBatchLimits *limits, const size_t *sizes, int count);

/* The transaction with this many messages went through, or failed. */
extern void rig_span_grow(RigSpan *span, const RigBatchLimits *limits, int taken);
extern void rig_span_shrink(RigSpan *span, int taken, bool out_of_memory);

#endif
