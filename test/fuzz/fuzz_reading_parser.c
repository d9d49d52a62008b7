/*
 * libFuzzer target: any payload parses without a fault, is JSON exactly when a naive
 * reader says so, and gives the same result when its key order was seen before. As
 * ThingsBoard telemetry of a given machine the same bytes are as good or bad as JSON.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "names.h"
#include "reading_parser.h"
#include "reference_json.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool condition)
{
	if (!condition)
		abort();
}

static bool
same_text(const char *left, int32_t left_length, const char *right, int32_t right_length)
{
	if (left == NULL || right == NULL)
		return left == right;
	return left_length == right_length && memcmp(left, right, (size_t) left_length) == 0;
}

/* Compares two results; the texts of the first must still be there. */
static void
expect_same(const RigReading *left, const RigReading *right)
{
	expect(left->reason == right->reason && left->has_time == right->has_time && left->time_us == right->time_us);
	expect(left->value_count == right->value_count && left->first_value == right->first_value);
	expect(same_text(left->field, left->field_length, right->field, right->field_length));
	expect(same_text(left->machine, left->machine_length, right->machine, right->machine_length));
	expect(same_text(left->state, left->state_length, right->state, right->state_length));
}

/* Reads the payload as ThingsBoard telemetry, with and without predictions of keys. */
static void
check_thingsboard(RigReadingParser *parser, const char *bytes, size_t size, const RigPayload *json)
{
	const RigParseOptions options = {
		.format = {rig_format_of_json(bytes, size), RIG_TIME_BY_MAGNITUDE}, .machine = "given", .machine_length = 5
	};
	const RigParseOptions thingsboard = {
		.format = {RIG_FORMAT_THINGSBOARD, RIG_TIME_BY_MAGNITUDE}, .machine = "given", .machine_length = 5
	};
	RigReason	reason = json->reason;
	int32_t		count = json->reading_count;
	RigPayload	payload;

	expect(rig_reading_parser_parse_as(parser, &options, bytes, size, &payload) == RIG_OK);
	expect(payload.reason == reason && payload.reading_count == count);
	for (int round = 0; round < 2; round++)
	{
		expect(rig_reading_parser_parse_as(parser, &thingsboard, bytes, size, &payload) == RIG_OK);
		expect(payload.reason == reason && payload.reading_count == count);
		for (int32_t i = 0; i < count; i++)
			expect(payload.readings[i].reason != RIG_REASON_NONE || payload.readings[i].machine != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *) data;
	RigArena	arena;
	RigNames   *names;
	RigReadingParser *parser;
	RigPayload	first;
	RigPayload	second;
	RigReading *readings;

	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&arena, rig_allocator_malloc(), 1);
	names = rig_names_create(&arena);
	parser = rig_reading_parser_create(&arena, names);
	expect(rig_reading_parser_parse(parser, bytes, size, &first) == RIG_OK);
	expect((first.reason == RIG_REASON_NONE || first.reason == RIG_REASON_NOT_A_READING)
		   == reference_is_json(bytes, size, RIG_PARSER_MAX_DEPTH));
	expect(first.error_offset <= size);

	/* The next parse overwrites the array, but the same texts at the same places. */
	readings = calloc((size_t) first.reading_count + 1, sizeof(RigReading));
	if (first.reading_count > 0)
		memcpy(readings, first.readings, (size_t) first.reading_count * sizeof(RigReading));
	expect(rig_reading_parser_parse(parser, bytes, size, &second) == RIG_OK);
	expect(first.reason == second.reason && first.error_offset == second.error_offset
		   && first.reading_count == second.reading_count);
	for (int32_t i = 0; i < second.reading_count; i++)
	{
		const RigReading *reading = &second.readings[i];

		expect_same(&readings[i], reading);
		for (int32_t k = 0; k < reading->value_count; k++)
		{
			const RigValue *value = &second.values[reading->first_value + k];

			expect(isfinite(value->number) && value->name >= 0 && value->name < rig_names_count(names));
		}
	}
	free(readings);
	check_thingsboard(parser, bytes, size, &second);
	rig_arena_release(&arena);
	return 0;
}
