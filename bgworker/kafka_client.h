/*
 * The Kafka consumer without librdkafka's types and without the server's: it
 * never calls PostgreSQL, so no error can jump out of it, and its callbacks run
 * only inside rig_kafka_fetch(), on the calling thread.
 *
 * One consumer lives as long as its process. It is never destroyed: that can
 * block for long while a broker is away, and the end of the process does it.
 */
#ifndef RIG_KAFKA_CLIENT_H
#define RIG_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_KAFKA_TEXT 256
#define RIG_KAFKA_BEGINNING (-2)	/* offset: the earliest the broker has */
#define RIG_KAFKA_NO_TIMESTAMP (-1)

typedef struct RigKafka RigKafka;

typedef struct RigKafkaProperty
{
	const char *key;
	const char *value;
	bool		secret;			/* keep the value out of error texts */
} RigKafkaProperty;

typedef struct RigKafkaOptions
{
	const char *brokers;
	const char *topic;
	const char *group_id;
	const char *client_id;
	const RigKafkaProperty *properties;
	int			property_count;
} RigKafkaOptions;

/* The payload belongs to the client until the message is released. */
typedef struct RigKafkaMessage
{
	const void *payload;
	size_t		size;
	int64_t		offset;
	int64_t		timestamp_ms;
	int32_t		partition;
	void	   *handle;
} RigKafkaMessage;

typedef struct RigKafkaPosition
{
	int32_t		partition;
	int64_t		offset;
} RigKafkaPosition;

typedef struct RigKafkaWatermarks
{
	int32_t		partition;
	int64_t		low;
	int64_t		high;
} RigKafkaWatermarks;

typedef enum RigKafkaTopicState
{
	RIG_KAFKA_TOPIC_PRESENT,
	RIG_KAFKA_TOPIC_MISSING,
	RIG_KAFKA_TOPIC_REFUSED,	/* not authorized, or another answer of the broker */
	RIG_KAFKA_TOPIC_UNKNOWN		/* no broker answered */
} RigKafkaTopicState;

/* What the broker says about the topic; text explains any state but present. */
typedef struct RigKafkaAnswer
{
	RigKafkaTopicState topic;
	int			partition_count;
	RigKafkaWatermarks *watermarks; /* of the partitions asked for, those known */
	int			watermark_count;
	char		cluster[RIG_KAFKA_TEXT];	/* identifier of the cluster, "" = not known */
	char		text[RIG_KAFKA_TEXT];
} RigKafkaAnswer;

/* True when the property is set by the worker or would run foreign code in the server. */
extern bool rig_kafka_property_refused(const char *key);

/*
 * Create the consumer; NULL with a text when the configuration is refused or
 * memory is short. All signals are blocked in the threads it starts.
 */
extern RigKafka *rig_kafka_open(const RigKafkaOptions *options, char *error, size_t error_size);

/*
 * Descriptor that becomes readable when something arrives, once per quiet
 * period: fetch until nothing comes before waiting for it again.
 */
extern int	rig_kafka_descriptor(const RigKafka *kafka);
extern void rig_kafka_acknowledge(RigKafka *kafka);

/* Take up to most messages that are here already; never waits. */
extern int	rig_kafka_fetch(RigKafka *kafka, RigKafkaMessage *messages, int most);
extern void rig_kafka_release(RigKafkaMessage *messages, int count);

/* Consume from these positions and nothing else; count 0 = consume nothing. */
extern bool rig_kafka_assign(RigKafka *kafka, const RigKafkaPosition *positions, int count,
							 char *error, size_t error_size);

/*
 * Next partition whose position the broker does not have, since the last
 * assignment; false when there is none (left). Fetching such a partition has stopped.
 */
extern bool rig_kafka_lost_partition(RigKafka *kafka, int index, int32_t *partition);

/* True while at least one broker is reachable, as far as known. */
extern bool rig_kafka_connected(const RigKafka *kafka);

/* Text of the last error, which stays until the topic answers again. */
extern const char *rig_kafka_last_error(const RigKafka *kafka);

/* Ask about the topic and some partitions' watermarks without waiting. */
extern bool rig_kafka_ask(RigKafka *kafka, const int32_t *partitions, int count);
extern bool rig_kafka_asking(RigKafka *kafka);

/* Take the answer, once; the watermarks are valid until the next question. */
extern bool rig_kafka_take_answer(RigKafka *kafka, RigKafkaAnswer *answer);

/* End of a partition as of the last fetch, -1 when unknown. */
extern int64_t rig_kafka_high_watermark(RigKafka *kafka, int32_t partition);

/* Tell the broker the positions, for lag tools only; nothing depends on it. */
extern void rig_kafka_mirror(RigKafka *kafka, const RigKafkaPosition *positions, int count);
extern void rig_kafka_mirror_counts(const RigKafka *kafka, int64_t *done, int64_t *failed);

/* Next log line of the client library, with its syslog level; false when none. */
extern bool rig_kafka_next_log(RigKafka *kafka, int *level, char *text, size_t text_size);

/*
 * A producer, which sends one message at a time.
 */
typedef struct RigKafkaProducer RigKafkaProducer;

typedef enum RigKafkaDelivery
{
	RIG_KAFKA_IDLE,
	RIG_KAFKA_SENDING,
	RIG_KAFKA_SENT,				/* the brokers have it; told once, as is the next */
	RIG_KAFKA_FAILED
} RigKafkaDelivery;

/* group_id is not used. */
extern RigKafkaProducer *rig_kafka_producer_open(const RigKafkaOptions *options, char *error, size_t error_size);

/* Begin to send; false with a text when the message was not taken. */
extern bool rig_kafka_producer_send(RigKafkaProducer *producer, const char *key, const char *payload,
									char *error, size_t error_size);

/* What became of the message; never waits. The text explains a failure. */
extern RigKafkaDelivery rig_kafka_producer_poll(RigKafkaProducer *producer, char *error, size_t error_size);

/* Give up what is being sent. */
extern void rig_kafka_producer_close(RigKafkaProducer *producer);

#endif
