/*
 * Kafka destination; the only file of the simulator that knows librdkafka.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sink.h"
#include "stop.h"

#define WAIT_MS 100
#define STOP_GRACE_US (10 * RIG_SECOND_US) /* for messages on their way when a signal ends the program */

typedef struct KafkaSink
{
	RigSink sink;
	rd_kafka_t *producer;
	rd_kafka_topic_t *topic;
	const char *brokers;
	bool verbose;
} KafkaSink;

static void
note_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	KafkaSink *kafka = opaque;

	(void) producer;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		atomic_fetch_add(&kafka->sink.acknowledged, 1);
		if (atomic_exchange(&kafka->sink.unreachable, false))
			fprintf(stderr, "rigalpha-sim: kafka: delivering again\n");
		return;
	}
	if (atomic_fetch_add(&kafka->sink.failed, 1) == 0)
		fprintf(stderr, "rigalpha-sim: kafka: message not delivered: %s\n", rd_kafka_err2str(message->err));
}

/* One line when the brokers are lost; librdkafka goes on trying by itself. */
static void
note_error(rd_kafka_t *producer, int error, const char *reason, void *opaque)
{
	KafkaSink *kafka = opaque;

	(void) producer;
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
	{
		if (!atomic_exchange(&kafka->sink.unreachable, true))
			fprintf(stderr, "rigalpha-sim: kafka: no broker answers at %s, trying on\n", kafka->brokers);
	}
	else if (kafka->verbose)
		fprintf(stderr, "rigalpha-sim: kafka: %s: %s\n", rd_kafka_err2name((rd_kafka_resp_err_t) error), reason);
}

static void
set_option(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[512];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
	{
		fprintf(stderr, "rigalpha-sim: %s\n", error);
		exit(RIG_EXIT_USAGE);
	}
}

static rd_kafka_conf_t *
make_configuration(KafkaSink *kafka, const RigOptions *options)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char number[32];

	set_option(conf, "bootstrap.servers", options->kafka);
	set_option(conf, "client.id", "rigalpha-sim");
	set_option(conf, "acks", "all");
	set_option(conf, "enable.idempotence", options->idempotent ? "true" : "false");
	set_option(conf, "queue.buffering.max.messages", "100000");
	set_option(conf, "queue.buffering.max.kbytes", "262144");
	snprintf(number, sizeof(number), "%d", options->linger_ms >= 0 ? options->linger_ms : 5);
	set_option(conf, "linger.ms", number);
	/* Notices of lost connections come through note_error, once. */
	set_option(conf, "log_level", options->verbose ? "5" : "2");
	for (int i = 0; i < options->kafka_option_count; i++)
		set_option(conf, options->kafka_options[i].name, options->kafka_options[i].value);
	rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
	rd_kafka_conf_set_error_cb(conf, note_error);
	rd_kafka_conf_set_opaque(conf, kafka);
	return conf;
}

static bool
produce_message(RigSink *sink, const char *key, size_t key_length, const char *bytes, size_t length)
{
	KafkaSink *kafka = (KafkaSink *) sink;

	for (;;)
	{
		rd_kafka_resp_err_t error;

		/* The payload is copied and never changed, only the interface lacks the const. */
		if (rd_kafka_produce(kafka->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
							 (void *) (uintptr_t) bytes, length, key, key_length, NULL) == 0)
			return true;
		error = rd_kafka_last_error();
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		{
			if (atomic_fetch_add(&sink->failed, 1) == 0)
				fprintf(stderr, "rigalpha-sim: kafka: message not accepted: %s\n", rd_kafka_err2str(error));
			return true;
		}
		if (rig_stop_requested())
			return false;
		rd_kafka_poll(kafka->producer, WAIT_MS);
	}
}

static void
poll_deliveries(RigSink *sink)
{
	rd_kafka_poll(((KafkaSink *) sink)->producer, 0);
}

static void
finish_deliveries(RigSink *sink)
{
	KafkaSink *kafka = (KafkaSink *) sink;
	int64_t give_up = INT64_MAX;

	/* Without a signal, message.timeout.ms bounds this loop. */
	while (rd_kafka_outq_len(kafka->producer) > 0)
	{
		if (rig_stop_requested() && give_up == INT64_MAX)
			give_up = rig_clock_monotonic() + STOP_GRACE_US;
		if (rig_stop_abandoned() || rig_clock_monotonic() > give_up)
			break;
		rd_kafka_flush(kafka->producer, WAIT_MS);
	}
	rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(kafka->producer, WAIT_MS);
}

static void
destroy_sink(RigSink *sink)
{
	KafkaSink *kafka = (KafkaSink *) sink;

	rd_kafka_topic_destroy(kafka->topic);
	rd_kafka_destroy(kafka->producer);
	free(kafka);
}

RigSink *
rig_sink_kafka_create(const RigOptions *options)
{
	KafkaSink *kafka = calloc(1, sizeof(*kafka));
	rd_kafka_conf_t *conf;
	char error[512];

	if (kafka == NULL)
		return NULL;
	kafka->brokers = options->kafka;
	kafka->verbose = options->verbose;
	kafka->sink.send = produce_message;
	kafka->sink.poll = poll_deliveries;
	kafka->sink.finish = finish_deliveries;
	kafka->sink.destroy = destroy_sink;

	conf = make_configuration(kafka, options);
	kafka->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (kafka->producer == NULL)
	{
		fprintf(stderr, "rigalpha-sim: kafka: %s\n", error);
		exit(RIG_EXIT_USAGE);
	}
	kafka->topic = rd_kafka_topic_new(kafka->producer, options->topic, NULL);
	if (kafka->topic == NULL)
	{
		fprintf(stderr, "rigalpha-sim: kafka: topic \"%s\": %s\n", options->topic,
				rd_kafka_err2str(rd_kafka_last_error()));
		exit(RIG_EXIT_USAGE);
	}
	return &kafka->sink;
}
