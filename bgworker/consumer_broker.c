/*
 * What a consumer asks its broker from time to time: does the topic exist, how
 * many partitions has it, is it still the same log, and where do partitions
 * begin whose position the broker does not have.
 */
#include "consumer.h"

#define ASK_INTERVAL_US INT64CONST(5000000)
#define ASK_SOON_US INT64CONST(300000)

/* Why the broker cannot go on at this offset, NULL when it can. */
static const char *
find_loss(const RigConsumer *consumer, const RigKafkaWatermarks *mark, int64 offset)
{
	if (offset < 0 || offset == mark->low)
		return NULL;
	/* Another log: where the old one ended says nothing about it. */
	if (consumer->restarted || offset > mark->high)
		return "log restarted";
	return offset < mark->low ? "no longer on the broker" : NULL;
}

/* Record what a partition lost, if anything; false when that failed. */
static bool
record_gap(RigConsumer *consumer, const RigKafkaWatermarks *mark, RigFailure *failure)
{
	RigKafkaPosition *position = rig_lease_find(&consumer->lease, mark->partition);
	const char *reason = position == NULL ? NULL : find_loss(consumer, mark, position->offset);

	failure->sqlstate[0] = '\0';
	if (reason == NULL)
		return true;
	if (!rig_sql_gap(consumer->slot.source, consumer->lease.generation, mark->partition,
					 position->offset, mark->low, reason, failure))
		return false;
	ereport(WARNING,
			(errmsg("rigalpha source \"%s\" lost messages of partition %d: %s", consumer->source->name, mark->partition, reason),
			 errdetail("Wanted offset %lld, the broker has %lld to %lld.", (long long) position->offset,
					   (long long) mark->low, (long long) mark->high)));
	position->offset = mark->low;
	return true;
}

static void
record_gaps(RigConsumer *consumer, const RigKafkaAnswer *answer, int64 now_us)
{
	RigFailure	failure;
	int			recorded = 0;

	for (int i = 0; i < answer->watermark_count; i++)
	{
		if (record_gap(consumer, &answer->watermarks[i], &failure))
			recorded++;
		else if (rig_failure_kind(failure.sqlstate) == RIG_FAILURE_STALE)
		{
			rig_consumer_step_down(consumer, now_us);
			return;
		}
	}
	if (consumer->restarted && recorded == consumer->lease.count)
	{
		strlcpy(consumer->cluster, answer->cluster, sizeof(consumer->cluster));
		rig_consumer_enter_claim(consumer, now_us);
	}
	else if (!consumer->restarted && recorded > 0)
		consumer->claim_again = true;
}

/* The topic answered while its partitions are consumed. */
static void
follow_topic(RigConsumer *consumer, const RigKafkaAnswer *answer, int64 now_us)
{
	if (answer->partition_count != consumer->partition_count)
		consumer->claim_again = true;
	consumer->partition_count = answer->partition_count;
	if (consumer->cluster[0] == '\0')
		strlcpy(consumer->cluster, answer->cluster, sizeof(consumer->cluster));
	if (answer->cluster[0] != '\0' && strcmp(answer->cluster, consumer->cluster) != 0 && !consumer->restarted)
	{
		/* What was fetched since may lie behind messages that were never seen. */
		rig_consumer_stop_fetching(consumer);
		consumer->restarted = true;
		consumer->ask_us = now_us;
	}
	else
		record_gaps(consumer, answer, now_us);
}

/* The topic is there. */
static void
use_present_topic(RigConsumer *consumer, const RigKafkaAnswer *answer, int64 now_us)
{
	bool		locating = consumer->phase == RIG_PHASE_LOCATE;

	if (locating || consumer->phase == RIG_PHASE_RUN)
		rig_consumer_clear_note(consumer);
	if (consumer->phase == RIG_PHASE_RUN)
		follow_topic(consumer, answer, now_us);
	consumer->partition_count = answer->partition_count;
	if (locating)
		rig_consumer_enter_claim(consumer, now_us);
}

static void
use_answer(RigConsumer *consumer, const RigKafkaAnswer *answer, int64 now_us)
{
	switch (answer->topic)
	{
		case RIG_KAFKA_TOPIC_PRESENT:
			use_present_topic(consumer, answer, now_us);
			break;
		case RIG_KAFKA_TOPIC_MISSING:
			if (consumer->phase == RIG_PHASE_RUN || consumer->phase == RIG_PHASE_CLAIM)
				rig_consumer_enter_locate(consumer);
			if (consumer->phase == RIG_PHASE_LOCATE)
				rig_consumer_set_note(consumer, false, "the topic does not exist");
			break;
		case RIG_KAFKA_TOPIC_REFUSED:
			rig_consumer_set_note(consumer, true, answer->text);
			break;
		case RIG_KAFKA_TOPIC_UNKNOWN:
			break;
	}
}

static void
ask_broker(RigConsumer *consumer)
{
	int32	   *partitions = palloc((consumer->lease.count + 1) * sizeof(int32));
	int			count = 0;

	if (consumer->restarted)
	{
		for (; count < consumer->lease.count; count++)
			partitions[count] = consumer->lease.positions[count].partition;
	}
	else
	{
		while (count < consumer->lease.count && rig_kafka_lost_partition(consumer->kafka, count, &partitions[count]))
			count++;
	}
	(void) rig_kafka_ask(consumer->kafka, partitions, count);
}

void
rig_broker_tend(RigConsumer *consumer, int64 now_us)
{
	RigKafkaAnswer answer;
	int32		partition;
	bool		lost;

	if (consumer->kafka == NULL)
		return;
	if (rig_kafka_take_answer(consumer->kafka, &answer))
	{
		consumer->ask_us = now_us + (answer.topic == RIG_KAFKA_TOPIC_PRESENT ? ASK_INTERVAL_US : ASK_SOON_US);
		use_answer(consumer, &answer, now_us);
	}
	/* A lost partition is asked about when all that came before is stored. */
	lost = consumer->phase == RIG_PHASE_RUN && !consumer->claim_again && consumer->delivery.count == 0 &&
		rig_kafka_lost_partition(consumer->kafka, 0, &partition);
	if (lost || consumer->restarted || !rig_kafka_connected(consumer->kafka))
		consumer->ask_us = Min(consumer->ask_us, now_us + ASK_SOON_US);
	if (now_us >= consumer->ask_us && !rig_kafka_asking(consumer->kafka))
	{
		consumer->ask_us = now_us + ASK_INTERVAL_US;
		ask_broker(consumer);
	}
}
