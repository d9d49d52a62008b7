/*
 * Messages per second of the reading parser beside simdjson, in one run: rounds of
 * every parser in turn, so that all of them meet the same noise, and the median of each.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "message.h"
#include "names.h"
#include "processor_time.h"
#include "reading_parser.h"
#include "simdjson_peer.h"

#define MESSAGES 1000
#define ROUNDS 5
#define ROUND_SECONDS 1.0
#define DEFAULT_SEED 20260105

typedef struct Bench
{
	char		bytes[MESSAGES][MESSAGE_MAX_LENGTH];
	size_t		lengths[MESSAGES];
	RigReadingParser *parser;
	SimdjsonPeer *peer;
	double		values[MESSAGE_SENSORS];
} Bench;

typedef bool (*ReadMessage) (Bench *bench, int index);

static bool
read_ours(Bench *bench, int index)
{
	RigPayload	payload;

	if (rig_reading_parser_parse(bench->parser, bench->bytes[index], bench->lengths[index], &payload) != RIG_OK ||
		payload.reading_count != 1 || payload.readings[0].value_count != MESSAGE_SENSORS)
		return false;
	for (int i = 0; i < MESSAGE_SENSORS; i++)
		bench->values[payload.values[i].name] = payload.values[i].number;
	return true;
}

static bool
read_on_demand(Bench *bench, int index)
{
	return simdjson_peer_on_demand(bench->peer, bench->bytes[index], bench->lengths[index], bench->values);
}

static bool
read_dom(Bench *bench, int index)
{
	return simdjson_peer_dom(bench->peer, bench->bytes[index], bench->lengths[index], bench->values);
}

static void
fail(const char *message)
{
	fprintf(stderr, "parser_bench: %s\n", message);
	exit(EXIT_FAILURE);
}

/* All parsers must see the same bits before their speed means anything. */
static void
compare_results(Bench *bench, const ReadMessage *readers, int count)
{
	for (int index = 0; index < MESSAGES; index++)
	{
		double		expected[MESSAGE_SENSORS];

		for (int i = 0; i < count; i++)
		{
			memset(bench->values, 0, sizeof(bench->values));
			if (!readers[i] (bench, index))
				fail("a parser refused a message");
			if (i == 0)
				memcpy(expected, bench->values, sizeof(expected));
			else if (memcmp(expected, bench->values, sizeof(expected)) != 0)
				fail("the parsers disagree");
		}
	}
}

static double
time_reader(Bench *bench, ReadMessage reader)
{
	double		start = processor_seconds();
	double		elapsed;
	long		count = 0;

	do
	{
		for (int index = 0; index < MESSAGES; index++)
		{
			if (!reader(bench, index))
				fail("a parser refused a message");
		}
		count += MESSAGES;
		elapsed = processor_seconds() - start;
	}
	while (elapsed < ROUND_SECONDS);
	return (double) count / elapsed;
}

static int
compare_doubles(const void *left, const void *right)
{
	double		a = *(const double *) left;
	double		b = *(const double *) right;

	return (a > b) - (a < b);
}

static double
median(double *numbers)
{
	qsort(numbers, ROUNDS, sizeof(double), compare_doubles);
	return numbers[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
	static const ReadMessage readers[] = {read_ours, read_on_demand, read_dom};
	static Bench bench;
	uint64_t	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : DEFAULT_SEED;
	double		rates[3][ROUNDS];
	double		medians[3];
	size_t		total = 0;
	RigArena	arena;
	RigNames   *names;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	names = rig_names_create(&arena);
	for (int i = 0; i < MESSAGE_SENSORS; i++)
		rig_names_intern(names, message_sensor_names[i], (int32_t) strlen(message_sensor_names[i]));
	for (int i = 0; i < MESSAGES; i++)
		total += bench.lengths[i] = message_write(bench.bytes[i], seed, i);
	bench.parser = rig_reading_parser_create(&arena, names);
	bench.peer = simdjson_peer_create(names, MESSAGE_MAX_LENGTH);

	compare_results(&bench, readers, 3);
	for (int round = 0; round < ROUNDS; round++)
	{
		for (int i = 0; i < 3; i++)
			rates[i][round] = time_reader(&bench, readers[i]);
	}
	for (int i = 0; i < 3; i++)
		medians[i] = median(rates[i]);
	printf("{\"name\":\"parser\",\"unit\":\"messages/s\",\"message_bytes\":%zu,\"seed\":%" PRIu64 ","
		   "\"ours\":%.0f,\"simdjson_ondemand\":%.0f,\"ratio\":%.2f}\n",
		   total / MESSAGES, seed, medians[0], medians[1], medians[0] / medians[1]);
	printf("{\"name\":\"parser_dom\",\"unit\":\"messages/s\",\"variant\":\"%s\","
		   "\"ours\":%.0f,\"simdjson_dom\":%.0f,\"ratio\":%.2f}\n",
		   simdjson_peer_variant(), medians[0], medians[2], medians[0] / medians[2]);
	simdjson_peer_destroy(bench.peer);
	rig_arena_release(&arena);
	return EXIT_SUCCESS;
}
