/*
 * libFuzzer target: any payload of lines parses without a fault, gives the same result again, and what a
 * line gives does not depend on the lines round it. The first byte chooses unit and given machine.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "line_protocol.h"
#include "names.h"

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

static void
expect_same(const RigReading *left, const RigReading *right)
{
	expect(left->reason == right->reason && left->has_time == right->has_time && left->time_us == right->time_us);
	expect(left->value_count == right->value_count);
	expect(same_text(left->field, left->field_length, right->field, right->field_length));
	expect(same_text(left->machine, left->machine_length, right->machine, right->machine_length));
	expect(same_text(left->state, left->state_length, right->state, right->state_length));
}

/* What every result must be. */
static void
check_payload(const RigPayload *payload, const RigNames *names, size_t size)
{
	expect(payload->error_offset <= size);
	for (int32_t i = 0; i < payload->reading_count; i++)
	{
		const RigReading *reading = &payload->readings[i];

		expect(reading->line > (i > 0 ? payload->readings[i - 1].line : 0));
		expect(reading->reason != RIG_REASON_NONE || (reading->machine != NULL && reading->machine_length > 0));
		expect(reading->reason == RIG_REASON_NONE || reading->value_count == 0);
		expect(reading->reason != RIG_REASON_NONE || reading->value_count > 0 || reading->state != NULL);
		for (int32_t k = 0; k < reading->value_count; k++)
		{
			const RigValue *value = &payload->values[reading->first_value + k];

			expect(isfinite(value->number) && value->name >= 0 && value->name < rig_names_count(names));
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char prefix[] = "# comment\nbefore,machine=x a=\"\n\",b=1 5\n";
	const char *bytes = (const char *) data + 1;
	RigParseOptions options = {.format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}};
	RigArena	arena;
	RigNames   *names;
	RigLineParser *parser;
	RigPayload	first;
	RigPayload	second;
	RigReading *readings;
	char	   *longer;

	if (size == 0)
		return 0;
	size--;
	options.format.unit = (RigTimeUnit) (data[0] % 5);
	options.machine = data[0] & 0x80 ? "given" : NULL;
	options.machine_length = options.machine != NULL ? 5 : 0;

	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&arena, rig_allocator_malloc(), 1);
	names = rig_names_create(&arena);
	parser = rig_line_parser_create(&arena, names);
	expect(rig_line_parser_parse(parser, &options, bytes, size, &first) == RIG_OK);
	check_payload(&first, names, size);
	readings = calloc((size_t) first.reading_count + 1, sizeof(RigReading));
	if (first.reading_count > 0)
		memcpy(readings, first.readings, (size_t) first.reading_count * sizeof(RigReading));

	/* The same texts at the same places. */
	expect(rig_line_parser_parse(parser, &options, bytes, size, &second) == RIG_OK);
	expect(first.reason == second.reason && first.reading_count == second.reading_count);
	for (int32_t i = 0; i < second.reading_count; i++)
		expect_same(&readings[i], &second.readings[i]);

	/* Behind another line, which is one more reading. */
	longer = malloc(sizeof(prefix) - 1 + size);
	memcpy(longer, prefix, sizeof(prefix) - 1);
	memcpy(longer + sizeof(prefix) - 1, bytes, size);
	for (int32_t i = 0; i < first.reading_count; i++)
	{
		expect(readings[i].field == NULL || readings[i].field >= bytes);
		expect(readings[i].line >= 1);
	}
	expect(rig_line_parser_parse(parser, &options, longer, sizeof(prefix) - 1 + size, &second) == RIG_OK);
	expect(first.reason == second.reason);
	if (first.reason == RIG_REASON_NONE)
	{
		expect(second.reading_count == first.reading_count + 1);
		for (int32_t i = 0; i < first.reading_count; i++)
		{
			expect(second.readings[i + 1].reason == readings[i].reason);
			expect(second.readings[i + 1].line == readings[i].line + 3);
			expect(second.readings[i + 1].value_count == readings[i].value_count);
			expect(second.readings[i + 1].time_us == readings[i].time_us);
		}
	}
	free(longer);
	free(readings);
	rig_arena_release(&arena);
	return 0;
}
