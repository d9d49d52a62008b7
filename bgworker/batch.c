#include "batch.h"

#define SPAN_PATIENCE_LIMIT 64

void
rig_batch_clear(RigBatch *batch)
{
	batch->messages = 0;
	batch->bytes = 0;
	batch->opened_us = 0;
}

void
rig_batch_add(RigBatch *batch, int messages, int64_t bytes, int64_t now_us)
{
	if (messages <= 0)
		return;
	if (batch->messages == 0)
		batch->opened_us = now_us;
	batch->messages += messages;
	batch->bytes += bytes;
}

bool
rig_batch_full(const RigBatch *batch, const RigBatchLimits *limits)
{
	return batch->messages >= limits->messages || batch->bytes >= limits->bytes;
}

bool
rig_batch_due(const RigBatch *batch, const RigBatchLimits *limits, int64_t now_us)
{
	return rig_batch_wait(batch, limits, now_us) == 0;
}

int64_t
rig_batch_wait(const RigBatch *batch, const RigBatchLimits *limits, int64_t now_us)
{
	int64_t		age = now_us - batch->opened_us;

	if (batch->messages == 0)
		return -1;
	/* A clock that stepped back must not hold the batch for ever. */
	if (rig_batch_full(batch, limits) || age < 0 || age >= limits->linger_us)
		return 0;
	return limits->linger_us - age;
}

int
rig_span_take(const RigSpan *span, const RigBatchLimits *limits, const size_t *sizes, int count)
{
	int			most = limits->messages;
	int64_t		bytes = 0;
	int			taken = 0;

	if (span->messages > 0 && span->messages < most)
		most = span->messages;
	if (count < most)
		most = count;
	while (taken < most && (taken == 0 || bytes + (int64_t) sizes[taken] <= limits->bytes))
		bytes += (int64_t) sizes[taken++];
	return taken;
}

void
rig_span_grow(RigSpan *span, const RigBatchLimits *limits, int taken)
{
	/* A transaction cut short by the bytes limit proves nothing about the span. */
	if (span->messages == 0 || taken < span->messages || ++span->successes < span->patience)
		return;
	span->successes = 0;
	span->messages *= 2;
	if (span->messages >= limits->messages)
		*span = (RigSpan) {0};
}

void
rig_span_shrink(RigSpan *span, int taken, bool out_of_memory)
{
	span->messages = taken > 1 ? taken / 2 : 1;
	span->successes = 0;
	if (!out_of_memory)
		span->patience = 1;
	else if (span->patience < SPAN_PATIENCE_LIMIT)
		span->patience = span->patience == 0 ? 1 : span->patience * 2;
}
