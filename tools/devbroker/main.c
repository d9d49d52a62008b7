/*
 * rigalpha-devbroker: librdkafka's mock cluster as a process on a fixed port.
 */
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "listeners.h"

#define DEFAULT_PORT 19092
#define DEFAULT_PARTITIONS 4
#define DEFAULT_TOPIC "rigalpha.readings"
#define MAX_TOPICS 32
#define MAX_PARTITIONS 1024
#define READY_TIMEOUT_MS 15000
#define EXIT_BUSY 2
#define EXIT_USAGE 64

typedef struct Topic
{
	char name[250];
	int partitions;
} Topic;

typedef struct Options
{
	int port;
	int brokers;
	int partitions;
	Topic topics[MAX_TOPICS];
	int topic_count;
} Options;

static const char help_text[] =
	"rigalpha-devbroker: an embedded Kafka broker for demos and quick tests\n"
	"\n"
	"Usage: rigalpha-devbroker [OPTION]...\n"
	"\n"
	"  --port PORT           port of the first broker (default 19092)\n"
	"  --brokers N           brokers, on consecutive ports (default 1, at most 16)\n"
	"  --topic NAME[:N]      create this topic, with N partitions; repeatable\n"
	"                        (default rigalpha.readings)\n"
	"  --partitions N        partitions of topics without a number (default 4)\n"
	"  --help                this text\n"
	"\n"
	"Prints one line that starts with READY when clients can connect and every topic\n"
	"exists. SIGTERM or SIGINT ends it. Exit status 2: a port is in use.\n"
	"\n"
	"What it is: librdkafka's mock cluster behind the real Kafka protocol, so any client\n"
	"works: producers (idempotent too), consumers, consumer groups, offset commits.\n"
	"What it is not: a store. Messages live in memory only and are gone when it ends;\n"
	"each partition keeps its newest 5 MB and drops the oldest silently, also when\n"
	"nobody has read them. It listens on 127.0.0.1 only, without authentication or\n"
	"encryption. A topic that a client names first is created with 4 partitions.\n"
	"Transactions are accepted, but aborted messages stay visible.\n"
	"For anything that must keep data, run Apache Kafka.\n";

static void
fail_usage(const char *what, const char *value)
{
	fprintf(stderr, "rigalpha-devbroker: %s \"%s\"; see --help\n", what, value);
	exit(EXIT_USAGE);
}

static int
parse_number(const char *option, const char *text, int low, int high)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < low || number > high)
	{
		fprintf(stderr, "rigalpha-devbroker: %s must be a number from %d to %d, not \"%s\"\n",
				option, low, high, text);
		exit(EXIT_USAGE);
	}
	return (int) number;
}

/* NAME or NAME:PARTITIONS; a topic without a number keeps 0 until all options are known. */
static void
add_topic(Options *options, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t) (colon - text) : strlen(text);
	Topic *topic;

	if (options->topic_count == MAX_TOPICS)
		fail_usage("too many topics, first refused is", text);
	if (length == 0 || length >= sizeof(topic->name))
		fail_usage("bad topic name", text);
	topic = &options->topics[options->topic_count++];
	memcpy(topic->name, text, length);
	topic->name[length] = '\0';
	topic->partitions = colon ? parse_number("partitions", colon + 1, 1, MAX_PARTITIONS) : 0;
}

static void
parse_options(Options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"port", required_argument, NULL, 'p'},
		{"brokers", required_argument, NULL, 'b'},
		{"topic", required_argument, NULL, 't'},
		{"partitions", required_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{0}};
	int option;

	*options = (Options){.port = DEFAULT_PORT, .brokers = 1, .partitions = DEFAULT_PARTITIONS};
	while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1)
	{
		if (option == 'p')
			options->port = parse_number("--port", optarg, 1, 65535);
		else if (option == 'b')
			options->brokers = parse_number("--brokers", optarg, 1, RIG_LISTENERS_MAX);
		else if (option == 't')
			add_topic(options, optarg);
		else if (option == 'n')
			options->partitions = parse_number("--partitions", optarg, 1, MAX_PARTITIONS);
		else if (option == 'h')
		{
			fputs(help_text, stdout);
			exit(EXIT_SUCCESS);
		}
		else
			exit(EXIT_USAGE);
	}
	if (optind < argc)
		fail_usage("unexpected argument", argv[optind]);
	if (options->port + options->brokers - 1 > 65535)
		fail_usage("--brokers needs ports beyond 65535, starting at", "--port");
	if (options->topic_count == 0)
		add_topic(options, DEFAULT_TOPIC);
	for (int i = 0; i < options->topic_count; i++)
		if (options->topics[i].partitions == 0)
			options->topics[i].partitions = options->partitions;
}

/* The client handle that the mock cluster needs, and that checks it from outside. */
static rd_kafka_t *
create_client(void)
{
	char error[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client = NULL;

	if (rd_kafka_conf_set(conf, "client.id", "rigalpha-devbroker", error, sizeof(error)) != RD_KAFKA_CONF_OK ||
		rd_kafka_conf_set(conf, "log_level", "3", error, sizeof(error)) != RD_KAFKA_CONF_OK ||
		(client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error))) == NULL)
	{
		fprintf(stderr, "rigalpha-devbroker: cannot start librdkafka: %s\n", error);
		exit(EXIT_FAILURE);
	}
	return client;
}

static rd_kafka_mock_cluster_t *
create_cluster(rd_kafka_t *client, const Options *options)
{
	rd_kafka_mock_cluster_t *cluster;
	int busy = rig_listeners_open(options->port, options->brokers);

	if (busy != 0)
	{
		fprintf(stderr, "rigalpha-devbroker: cannot listen on 127.0.0.1:%d: %s%s\n", busy, strerror(errno),
				errno == EADDRINUSE ? "; stop the process that uses this port or choose another by --port" : "");
		exit(errno == EADDRINUSE ? EXIT_BUSY : EXIT_FAILURE);
	}
	cluster = rd_kafka_mock_cluster_new(client, options->brokers);
	if (cluster == NULL || rig_listeners_left() != 0)
	{
		fprintf(stderr, "rigalpha-devbroker: cannot start the mock cluster of librdkafka %s on port %d\n",
				rd_kafka_version_str(), options->port);
		exit(EXIT_FAILURE);
	}
	return cluster;
}

static void
create_topics(rd_kafka_mock_cluster_t *cluster, const Options *options)
{
	for (int i = 0; i < options->topic_count; i++)
	{
		const Topic *topic = &options->topics[i];
		rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster, topic->name, topic->partitions, 1);

		if (error)
		{
			fprintf(stderr, "rigalpha-devbroker: cannot create topic \"%s\": %s\n", topic->name,
					rd_kafka_err2str(error));
			exit(EXIT_FAILURE);
		}
	}
}

/* Whether a client sees the topic with all its partitions. */
static bool
is_topic_visible(rd_kafka_t *client, const Topic *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic->name, NULL);
	bool visible = false;

	if (handle == NULL)
		return false;
	if (rd_kafka_metadata(client, 0, handle, &metadata, READY_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		visible = metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
			metadata->topics[0].partition_cnt == topic->partitions;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(handle);
	return visible;
}

static void
announce_ready(rd_kafka_t *client, rd_kafka_mock_cluster_t *cluster, const Options *options)
{
	const char *bootstraps = rd_kafka_mock_cluster_bootstraps(cluster);

	rd_kafka_brokers_add(client, bootstraps);
	for (int i = 0; i < options->topic_count; i++)
		if (!is_topic_visible(client, &options->topics[i]))
		{
			fprintf(stderr, "rigalpha-devbroker: topic \"%s\" did not appear on %s\n",
					options->topics[i].name, bootstraps);
			exit(EXIT_FAILURE);
		}
	printf("READY %s", bootstraps);
	for (int i = 0; i < options->topic_count; i++)
		printf(" %s:%d", options->topics[i].name, options->topics[i].partitions);
	putchar('\n');
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	Options options;
	sigset_t ending;
	int received;
	rd_kafka_t *client;
	rd_kafka_mock_cluster_t *cluster;

	parse_options(&options, argc, argv);

	/* Blocked before any thread exists, so that only sigwait() below takes them. */
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);

	client = create_client();
	cluster = create_cluster(client, &options);
	create_topics(cluster, &options);
	announce_ready(client, cluster, &options);
	sigwait(&ending, &received);

	/* The client's own connection is about to break; that is no news. */
	rd_kafka_set_log_level(client, 0);

	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return EXIT_SUCCESS;
}
