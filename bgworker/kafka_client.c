/*
 * The only file that knows librdkafka.
 *
 * Threads: librdkafka starts its own, and one query thread of ours makes the
 * calls that wait for a broker. None of them ever runs server code; everything
 * that librdkafka has to say (messages, errors, logs, results of commits) comes
 * through one queue and is handled inside rig_kafka_fetch().
 */
#include "kafka_client.h"

#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_config.h"

#define FETCH_CHUNK 256
#define LOG_LINES 32
#define LOG_TEXT 512
#define QUERY_TIMEOUT_MS 5000
#define DELIVERY_TIMEOUT_MS "30000"
#define VERSION_2_2 0x020200ff

typedef struct LogLine
{
	int			level;
	char		text[LOG_TEXT];
} LogLine;

/* Shared with the query thread, under the lock. */
typedef struct Query
{
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	bool		running;		/* a question is being asked */
	bool		answered;		/* its answer waits to be taken */
	int32_t    *partitions;
	int			partition_count;
	RigKafkaAnswer answer;
} Query;

struct RigKafka
{
	rd_kafka_t *consumer;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	int			wake_read;
	int			wake_write;
	bool		connected;
	char		error[RIG_KAFKA_TEXT];
	int32_t    *lost;
	int			lost_count;
	int			lost_room;
	int64_t		mirrors_done;
	int64_t		mirrors_failed;
	LogLine		log[LOG_LINES];
	int			log_first;
	int			log_count;
	Query		query;
};

static void
copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

/*
 * Callbacks of librdkafka, all called from rig_kafka_fetch().
 */

static void
handle_error(rd_kafka_t *consumer, int error, const char *reason, void *opaque)
{
	RigKafka   *kafka = opaque;

	copy_text(kafka->error, sizeof(kafka->error), reason);
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		kafka->connected = false;
	(void) consumer;
}

static void
handle_log(const rd_kafka_t *consumer, int level, const char *facility, const char *text)
{
	RigKafka   *kafka = rd_kafka_opaque(consumer);
	LogLine    *line;

	/* A full ring drops its oldest line. */
	if (kafka->log_count == LOG_LINES)
	{
		kafka->log_first = (kafka->log_first + 1) % LOG_LINES;
		kafka->log_count--;
	}
	line = &kafka->log[(kafka->log_first + kafka->log_count++) % LOG_LINES];
	line->level = level;
	snprintf(line->text, sizeof(line->text), "%s: %s", facility, text);
}

static void
handle_commit(rd_kafka_t *consumer, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	RigKafka   *kafka = opaque;

	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka->mirrors_done++;
	else if (error != RD_KAFKA_RESP_ERR__NO_OFFSET)
		kafka->mirrors_failed++;
	(void) consumer;
	(void) offsets;
}

/*
 * Configuration
 */

static bool
set_property(rd_kafka_conf_t *conf, const char *key, const char *value, bool secret, char *error, size_t error_size)
{
	char		text[RIG_KAFKA_TEXT];

	if (rd_kafka_conf_set(conf, key, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return true;
	if (secret)
		snprintf(error, error_size, "the client library refuses the value of property \"%s\"", key);
	else
		copy_text(error, error_size, text);
	return false;
}

static bool
set_table(rd_kafka_conf_t *conf, const RigKafkaSetting *table, char *error, size_t error_size)
{
	for (; table->key != NULL; table++)
	{
		if (!set_property(conf, table->key, table->value, false, error, error_size))
			return false;
	}
	return true;
}

static bool
set_properties(rd_kafka_conf_t *conf, const RigKafkaOptions *options, char *error, size_t error_size)
{
	for (int i = 0; i < options->property_count; i++)
	{
		const RigKafkaProperty *property = &options->properties[i];

		if (rig_kafka_property_refused(property->key))
		{
			snprintf(error, error_size, "property \"%s\" cannot be set for a source", property->key);
			return false;
		}
		if (!set_property(conf, property->key, property->value, property->secret, error, error_size))
			return false;
	}
	return true;
}

static bool
configure(rd_kafka_conf_t *conf, const RigKafkaOptions *options, char *error, size_t error_size)
{
	const RigKafkaSetting *prefetch = rd_kafka_version() >= VERSION_2_2
		? RIG_KAFKA_DEFAULTS_SINCE_2_2 : RIG_KAFKA_DEFAULTS_BEFORE_2_2;

	return set_table(conf, RIG_KAFKA_DEFAULTS, error, error_size) &&
		set_table(conf, prefetch, error, error_size) &&
		set_property(conf, "group.id", options->group_id, false, error, error_size) &&
		set_property(conf, "client.id", options->client_id, false, error, error_size) &&
		set_properties(conf, options, error, error_size) &&
		set_property(conf, "bootstrap.servers", options->brokers, false, error, error_size) &&
		set_table(conf, RIG_KAFKA_MANDATORY, error, error_size);
}

/*
 * Query thread: one question at a time, asked with calls that may wait.
 */

static bool
broker_away(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
		error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__RESOLVE;
}

static void
ask_topic(RigKafka *kafka, RigKafkaAnswer *answer)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t error = rd_kafka_metadata(kafka->consumer, 0, kafka->topic, &metadata, QUERY_TIMEOUT_MS);

	answer->partition_count = 0;
	answer->topic = RIG_KAFKA_TOPIC_REFUSED;
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (metadata->topic_cnt == 1)
		{
			error = metadata->topics[0].err;
			answer->partition_count = metadata->topics[0].partition_cnt;
		}
		rd_kafka_metadata_destroy(metadata);
	}
	else if (broker_away(error))
		answer->topic = RIG_KAFKA_TOPIC_UNKNOWN;
	copy_text(answer->text, sizeof(answer->text), rd_kafka_err2str(error));
	/* While partitions get their leaders, the topic is there already. */
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
		answer->topic = answer->partition_count > 0 ? RIG_KAFKA_TOPIC_PRESENT : RIG_KAFKA_TOPIC_MISSING;
	else if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		answer->topic = RIG_KAFKA_TOPIC_MISSING;
}

static void
ask_cluster(RigKafka *kafka, RigKafkaAnswer *answer)
{
	char	   *cluster = rd_kafka_clusterid(kafka->consumer, QUERY_TIMEOUT_MS);

	copy_text(answer->cluster, sizeof(answer->cluster), cluster);
	if (cluster != NULL)
		rd_kafka_mem_free(kafka->consumer, cluster);
}

static void
ask_watermarks(RigKafka *kafka, RigKafkaAnswer *answer, const int32_t *partitions, int count)
{
	for (int i = 0; i < count; i++)
	{
		RigKafkaWatermarks *mark = &answer->watermarks[answer->watermark_count];

		mark->partition = partitions[i];
		if (rd_kafka_query_watermark_offsets(kafka->consumer, rd_kafka_topic_name(kafka->topic), partitions[i],
											 &mark->low, &mark->high, QUERY_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
			answer->watermark_count++;
	}
}

static void *
run_queries(void *argument)
{
	RigKafka   *kafka = argument;
	Query	   *query = &kafka->query;

	pthread_mutex_lock(&query->lock);
	for (;;)
	{
		while (!query->running || query->answered)
			pthread_cond_wait(&query->wanted, &query->lock);
		pthread_mutex_unlock(&query->lock);

		/* Until it is answered, the question belongs to this thread. */
		query->answer.watermark_count = 0;
		ask_topic(kafka, &query->answer);
		if (query->answer.topic == RIG_KAFKA_TOPIC_PRESENT)
		{
			ask_cluster(kafka, &query->answer);
			ask_watermarks(kafka, &query->answer, query->partitions, query->partition_count);
		}

		pthread_mutex_lock(&query->lock);
		query->answered = true;
		if (write(kafka->wake_write, "q", 1) < 0)
			continue;			/* a full pipe wakes the reader as well */
	}
	return NULL;
}

bool
rig_kafka_ask(RigKafka *kafka, const int32_t *partitions, int count)
{
	Query	   *query = &kafka->query;
	int32_t    *copy;
	RigKafkaWatermarks *marks;

	if (rig_kafka_asking(kafka))
		return false;
	copy = realloc(query->partitions, ((size_t) count + 1) * sizeof(int32_t));
	if (copy == NULL)
		return false;
	query->partitions = copy;
	marks = realloc(query->answer.watermarks, ((size_t) count + 1) * sizeof(RigKafkaWatermarks));
	if (marks == NULL)
		return false;
	query->answer.watermarks = marks;
	if (count > 0)
		memcpy(query->partitions, partitions, (size_t) count * sizeof(int32_t));
	query->partition_count = count;

	pthread_mutex_lock(&query->lock);
	query->running = true;
	query->answered = false;
	pthread_cond_signal(&query->wanted);
	pthread_mutex_unlock(&query->lock);
	return true;
}

bool
rig_kafka_asking(RigKafka *kafka)
{
	bool		running;

	pthread_mutex_lock(&kafka->query.lock);
	running = kafka->query.running;
	pthread_mutex_unlock(&kafka->query.lock);
	return running;
}

bool
rig_kafka_take_answer(RigKafka *kafka, RigKafkaAnswer *answer)
{
	Query	   *query = &kafka->query;
	bool		taken;

	pthread_mutex_lock(&query->lock);
	taken = query->answered;
	if (taken)
	{
		*answer = query->answer;
		query->running = false;
		query->answered = false;
	}
	pthread_mutex_unlock(&query->lock);
	if (taken)
	{
		kafka->connected = answer->topic != RIG_KAFKA_TOPIC_UNKNOWN;
		if (kafka->connected)
			kafka->error[0] = '\0';
		else if (kafka->error[0] == '\0')
			snprintf(kafka->error, sizeof(kafka->error), "no broker answers: %.200s", answer->text);
	}
	return taken;
}

/*
 * Opening
 */

static bool
open_pipe(RigKafka *kafka)
{
	int			ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	kafka->wake_read = ends[0];
	kafka->wake_write = ends[1];
	return true;
}

static void
discard(RigKafka *kafka)
{
	if (kafka->wake_read >= 0)
	{
		close(kafka->wake_read);
		close(kafka->wake_write);
	}
	free(kafka);
}

/* Create the client; takes over conf, also on failure. */
static bool
create_consumer(RigKafka *kafka, rd_kafka_conf_t *conf, char *error, size_t error_size)
{
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_error_cb(conf, handle_error);
	rd_kafka_conf_set_log_cb(conf, handle_log);
	rd_kafka_conf_set_offset_commit_cb(conf, handle_commit);
	kafka->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, error_size);
	if (kafka->consumer == NULL)
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	rd_kafka_set_log_queue(kafka->consumer, NULL);
	rd_kafka_poll_set_consumer(kafka->consumer);
	kafka->queue = rd_kafka_queue_get_consumer(kafka->consumer);
	rd_kafka_queue_io_event_enable(kafka->queue, kafka->wake_write, "m", 1);
	return true;
}

static bool
start_threads(RigKafka *kafka, rd_kafka_conf_t *conf, const char *topic, char *error, size_t error_size)
{
	pthread_t	thread;

	if (!create_consumer(kafka, conf, error, error_size))
		return false;
	kafka->topic = rd_kafka_topic_new(kafka->consumer, topic, NULL);
	pthread_mutex_init(&kafka->query.lock, NULL);
	pthread_cond_init(&kafka->query.wanted, NULL);
	if (kafka->topic == NULL || pthread_create(&thread, NULL, run_queries, kafka) != 0)
	{
		rd_kafka_destroy_flags(kafka->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
		copy_text(error, error_size, "could not create the topic handle or the query thread");
		return false;
	}
	pthread_detach(thread);
	return true;
}

RigKafka *
rig_kafka_open(const RigKafkaOptions *options, char *error, size_t error_size)
{
	RigKafka   *kafka = calloc(1, sizeof(RigKafka));
	rd_kafka_conf_t *conf;
	sigset_t	all;
	sigset_t	before;
	bool		started;

	copy_text(error, error_size, "out of memory");
	if (kafka == NULL)
		return NULL;
	kafka->wake_read = -1;
	kafka->connected = true;
	conf = rd_kafka_conf_new();
	if (!configure(conf, options, error, error_size) || !open_pipe(kafka))
	{
		rd_kafka_conf_destroy(conf);
		discard(kafka);
		return NULL;
	}

	/* The server's signal handlers must run in the main thread only. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	started = start_threads(kafka, conf, options->topic, error, error_size);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		return kafka;
	discard(kafka);
	return NULL;
}

/*
 * Consuming
 */

int
rig_kafka_descriptor(const RigKafka *kafka)
{
	return kafka->wake_read;
}

void
rig_kafka_acknowledge(RigKafka *kafka)
{
	char		bytes[64];

	while (read(kafka->wake_read, bytes, sizeof(bytes)) > 0)
		;
}

static void
remember_lost(RigKafka *kafka, int32_t partition)
{
	for (int i = 0; i < kafka->lost_count; i++)
	{
		if (kafka->lost[i] == partition)
			return;
	}
	if (kafka->lost_count == kafka->lost_room)
	{
		int			room = kafka->lost_room == 0 ? 16 : kafka->lost_room * 2;
		int32_t    *lost = realloc(kafka->lost, (size_t) room * sizeof(int32_t));

		if (lost == NULL)
			return;
		kafka->lost = lost;
		kafka->lost_room = room;
	}
	kafka->lost[kafka->lost_count++] = partition;
}

/* Take note of an error that came in place of a message. */
static void
note_error(RigKafka *kafka, const rd_kafka_message_t *message)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return;
	copy_text(kafka->error, sizeof(kafka->error), rd_kafka_message_errstr(message));
	switch ((int) message->err)
	{
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
#if RD_KAFKA_VERSION >= 0x020100ff
		case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
#endif
			remember_lost(kafka, message->partition);
			break;
		default:
			break;
	}
}

static void
fill_message(RigKafkaMessage *to, rd_kafka_message_t *from)
{
	rd_kafka_timestamp_type_t type;

	to->payload = from->payload;
	to->size = from->payload == NULL ? 0 : from->len;
	to->offset = from->offset;
	to->partition = from->partition;
	to->timestamp_ms = rd_kafka_message_timestamp(from, &type);
	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
		to->timestamp_ms = RIG_KAFKA_NO_TIMESTAMP;
	to->handle = from;
}

int
rig_kafka_fetch(RigKafka *kafka, RigKafkaMessage *messages, int most)
{
	rd_kafka_message_t *chunk[FETCH_CHUNK];
	ssize_t		taken;
	int			count = 0;

	do
	{
		taken = rd_kafka_consume_batch_queue(kafka->queue, 0, chunk, most < FETCH_CHUNK ? (size_t) most : FETCH_CHUNK);
		for (ssize_t i = 0; i < taken; i++)
		{
			if (chunk[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
				fill_message(&messages[count++], chunk[i]);
			else
			{
				note_error(kafka, chunk[i]);
				rd_kafka_message_destroy(chunk[i]);
			}
		}
		/* A chunk of nothing but errors must not look like an empty queue. */
	} while (taken > 0 && count == 0);
	if (count > 0)
		kafka->connected = true;
	return count;
}

void
rig_kafka_release(RigKafkaMessage *messages, int count)
{
	for (int i = 0; i < count; i++)
		rd_kafka_message_destroy(messages[i].handle);
}

static rd_kafka_topic_partition_list_t *
make_list(RigKafka *kafka, const RigKafkaPosition *positions, int count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);

	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(kafka->topic), positions[i].partition)->offset =
			positions[i].offset;
	return list;
}

/* Throw away what was fetched for the former assignment. */
static void
drain_queue(RigKafka *kafka)
{
	RigKafkaMessage messages[FETCH_CHUNK];
	int			count;

	while ((count = rig_kafka_fetch(kafka, messages, FETCH_CHUNK)) > 0)
		rig_kafka_release(messages, count);
}

bool
rig_kafka_assign(RigKafka *kafka, const RigKafkaPosition *positions, int count,
				 char *error, size_t error_size)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t result = rd_kafka_assign(kafka->consumer, NULL);

	drain_queue(kafka);
	kafka->lost_count = 0;
	if (result == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0)
	{
		list = make_list(kafka, positions, count);
		result = rd_kafka_assign(kafka->consumer, list);
		rd_kafka_topic_partition_list_destroy(list);
	}
	if (result == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	copy_text(error, error_size, rd_kafka_err2str(result));
	return false;
}

bool
rig_kafka_lost_partition(RigKafka *kafka, int index, int32_t *partition)
{
	if (index >= kafka->lost_count)
		return false;
	*partition = kafka->lost[index];
	return true;
}

/*
 * Observing
 */

bool
rig_kafka_connected(const RigKafka *kafka)
{
	return kafka->connected;
}

const char *
rig_kafka_last_error(const RigKafka *kafka)
{
	return kafka->error;
}

int64_t
rig_kafka_high_watermark(RigKafka *kafka, int32_t partition)
{
	int64_t		low;
	int64_t		high;

	if (rd_kafka_get_watermark_offsets(kafka->consumer, rd_kafka_topic_name(kafka->topic), partition, &low, &high) !=
		RD_KAFKA_RESP_ERR_NO_ERROR || high < 0)
		return -1;
	return high;
}

void
rig_kafka_mirror(RigKafka *kafka, const RigKafkaPosition *positions, int count)
{
	rd_kafka_topic_partition_list_t *list = make_list(kafka, positions, count);

	if (rd_kafka_commit(kafka->consumer, list, 1) != RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka->mirrors_failed++;
	rd_kafka_topic_partition_list_destroy(list);
}

void
rig_kafka_mirror_counts(const RigKafka *kafka, int64_t *done, int64_t *failed)
{
	*done = kafka->mirrors_done;
	*failed = kafka->mirrors_failed;
}

bool
rig_kafka_next_log(RigKafka *kafka, int *level, char *text, size_t text_size)
{
	if (kafka->log_count == 0)
		return false;
	*level = kafka->log[kafka->log_first].level;
	copy_text(text, text_size, kafka->log[kafka->log_first].text);
	kafka->log_first = (kafka->log_first + 1) % LOG_LINES;
	kafka->log_count--;
	return true;
}

/*
 * Producing
 */

struct RigKafkaProducer
{
	rd_kafka_t *client;
	char		topic[RIG_KAFKA_TEXT];
	RigKafkaDelivery delivery;
	char		error[RIG_KAFKA_TEXT];
};

static void
handle_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	RigKafkaProducer *producer = opaque;

	producer->delivery = message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? RIG_KAFKA_SENT : RIG_KAFKA_FAILED;
	copy_text(producer->error, sizeof(producer->error), rd_kafka_err2str(message->err));
	(void) client;
}

/* What goes wrong is told by the message that is not delivered. */
static void
ignore_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void) client;
	(void) level;
	(void) facility;
	(void) text;
}

static bool
configure_producer(rd_kafka_conf_t *conf, const RigKafkaOptions *options, char *error, size_t error_size)
{
	return set_property(conf, "client.id", options->client_id, false, error, error_size) &&
		set_properties(conf, options, error, error_size) &&
		set_property(conf, "bootstrap.servers", options->brokers, false, error, error_size) &&
		set_property(conf, "message.timeout.ms", DELIVERY_TIMEOUT_MS, false, error, error_size) &&
		set_property(conf, "enable.idempotence", "true", false, error, error_size);
}

RigKafkaProducer *
rig_kafka_producer_open(const RigKafkaOptions *options, char *error, size_t error_size)
{
	RigKafkaProducer *producer = calloc(1, sizeof(RigKafkaProducer));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	sigset_t	all;
	sigset_t	before;

	copy_text(error, error_size, "out of memory");
	if (producer != NULL && configure_producer(conf, options, error, error_size))
	{
		copy_text(producer->topic, sizeof(producer->topic), options->topic);
		rd_kafka_conf_set_opaque(conf, producer);
		rd_kafka_conf_set_dr_msg_cb(conf, handle_delivery);
		rd_kafka_conf_set_log_cb(conf, ignore_log);
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, &before);
		producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, error_size);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (producer->client != NULL)
			return producer;
	}
	rd_kafka_conf_destroy(conf);
	free(producer);
	return NULL;
}

bool
rig_kafka_producer_send(RigKafkaProducer *producer, const char *key, const char *payload,
						char *error, size_t error_size)
{
	rd_kafka_resp_err_t result = rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(producer->topic),
												   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
												   RD_KAFKA_V_KEY(key, strlen(key)),
												   RD_KAFKA_V_VALUE((void *) payload, strlen(payload)),
												   RD_KAFKA_V_END);

	if (result == RD_KAFKA_RESP_ERR_NO_ERROR)
		producer->delivery = RIG_KAFKA_SENDING;
	else
		copy_text(error, error_size, rd_kafka_err2str(result));
	return result == RD_KAFKA_RESP_ERR_NO_ERROR;
}

RigKafkaDelivery
rig_kafka_producer_poll(RigKafkaProducer *producer, char *error, size_t error_size)
{
	RigKafkaDelivery delivery;

	rd_kafka_poll(producer->client, 0);
	delivery = producer->delivery;
	if (delivery == RIG_KAFKA_FAILED)
		copy_text(error, error_size, producer->error);
	if (delivery != RIG_KAFKA_SENDING)
		producer->delivery = RIG_KAFKA_IDLE;
	return delivery;
}

void
rig_kafka_producer_close(RigKafkaProducer *producer)
{
	rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(producer->client);
	free(producer);
}
