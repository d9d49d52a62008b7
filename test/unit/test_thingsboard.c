#include <string.h>

#include "arena.h"
#include "describe_payload.h"
#include "reading_parser.h"
#include "tap.h"

#define MAX_DESCRIPTION 4096
#define TB                                                      \
	{                                                           \
		{RIG_FORMAT_THINGSBOARD, RIG_TIME_BY_MAGNITUDE}, 1, "G" \
	}
#define TB_WITHOUT_MACHINE                                       \
	{                                                            \
		{RIG_FORMAT_THINGSBOARD, RIG_TIME_BY_MAGNITUDE}, 0, NULL \
	}
#define OURS                                             \
	{                                                    \
		{RIG_FORMAT_JSON, RIG_TIME_BY_MAGNITUDE}, 1, "G" \
	}

/* By the device API of ThingsBoard, "Telemetry upload", with and without a given machine. */
static const struct
{
	RigParseOptions options;
	const char *text;
	const char *expected;
}			cases[] = {
	{TB, "{\"temperature\":42}", "G temperature=42"},
	{TB, "{\"temperature\":42.2,\"humidity\":70}", "G temperature=42.200000000000003 humidity=70"},
	{TB, "{\"ts\":1451649600512,\"values\":{\"key1\":\"value1\",\"key2\":42}}", "G @1451649600512000 key1=none key2=42"},
	{TB, "{\"values\":{\"a\":1},\"ts\":1451649600512}", "G @1451649600512000 a=1"},
	{TB, "[{\"ts\":1451649600512,\"values\":{\"a\":1}},{\"ts\":1451649601512,\"values\":{\"a\":2}},{\"a\":3}]",
	"G @1451649600512000 a=1 | G @1451649601512000 a=2 | G a=3"},
	{TB, "{\"values\":{\"a\":1}}", "G a=1"},
	{TB, "{\"ts\":null,\"values\":{\"a\":1}}", "G a=1"},
	{TB, "{\"ts\":1451649600512,\"a\":1}", "G @1451649600512000 a=1"},
	{TB, "[]", ""},
	{TB, "{\"ts\":1451649600512,\"values\":{\"stringKey\":\"value1\",\"booleanKey\":true,\"doubleKey\":42.0,\"longKey\":73,"
	"\"jsonKey\":{\"someNumber\":42,\"someArray\":[1,2,3],\"someNestedObject\":{\"key\":\"value\"}}}}",
	"G @1451649600512000 stringKey=none booleanKey=none doubleKey=42 longKey=73 jsonKey=none"},
	/* Milliseconds, whatever the magnitude. */
	{TB, "{\"ts\":1451649600,\"a\":1}", "G @1451649600000 a=1"},
	{TB, "{\"ts\":1451649600512.7,\"a\":1}", "G @1451649600512700 a=1"},
	/* The state, and a machine in the payload, are ours. */
	{TB, "{\"ts\":5,\"values\":{\"state\":\"drilling\",\"a\":1}}", "G @5000 (drilling) a=1"},
	{TB, "{\"state\":\"drilling\",\"a\":1}", "G (drilling) a=1"},
	{TB, "{\"values\":{\"state\":3,\"ts\":4,\"values\":5,\"machine_id\":6}}", "G state=3 ts=4 values=5 machine_id=6"},
	{TB, "{\"machine_id\":\"B\",\"ts\":5,\"values\":{\"a\":1}}", "B @5000 a=1"},
	{TB, "{\"timestamp\":7,\"sensors\":8}", "G timestamp=7 sensors=8"},
	{TB, "{\"timestamp\":\"2026-01-05T12:00:00Z\",\"sensors\":{\"a\":1},\"a\":1}", "G timestamp=none sensors=none a=1"},
	/* The same names are sensors in our format. */
	{OURS, "{\"ts\":5,\"values\":6,\"a\":1}", "G ts=5 values=6 a=1"},
	{OURS, "{\"sensors\":{\"ts\":5,\"values\":6},\"timestamp\":1451649600512}", "G @1451649600512000 ts=5 values=6"},
	{OURS, "{\"ts\":5,\"values\":{\"a\":1}}", "G ts=5 values=none"},
	{OURS, "{\"temperature\":42}", "G temperature=42"},
	{OURS, "{\"machine_id\":\"B\",\"a\":1}", "B a=1"},
	{OURS, "{\"machine_id\":null,\"a\":1}", "G a=1"},
	{OURS, "{\"machine_id\":5,\"a\":1}", "!missing_machine"},
	{OURS, "{\"machine_id\":{},\"a\":1}", "!missing_machine"},
	{OURS, "{\"machine_id\":\"\",\"a\":1}", "!bad_machine_name:machine_id"},

	/* Malformed. */
	{TB, "", "!truncated"},
	{TB, "{", "!truncated"},
	{TB, "{\"ts\":1451649600512,\"values\":{\"a\":1}", "!truncated"},
	{TB, "{\"ts\":1451649600512,\"values\":{\"a\":1}}}", "!not_json"},
	{TB, "{\"ts\":1451649600512,\"values\":{\"a\":1},}", "!not_json"},
	{TB, "{ts:1451649600512,values:{a:1}}", "!not_json"},
	{TB, "{'ts':1451649600512}", "!not_json"},
	{TB, "{\"ts\":1451649600512 \"values\":{}}", "!not_json"},
	{TB, "{\"ts\":01,\"values\":{\"a\":1}}", "!not_json"},
	{TB, "{\"ts\":,\"values\":{\"a\":1}}", "!not_json"},
	{TB, "{\"values\":{\"a\":NaN}}", "!nonfinite_number"},
	{TB, "{\"values\":{\"a\":-Infinity}}", "!nonfinite_number"},
	{TB, "42", "!not_a_reading"},
	{TB, "\"temperature\"", "!not_a_reading"},
	{TB, "null", "!not_a_reading"},
	{TB, "[42,{\"a\":1}]", "!not_a_reading | G a=1"},
	{TB, "[[{\"a\":1}]]", "!not_a_reading"},
	{TB, "{}", "!no_values G"},
	{TB, "{\"ts\":1451649600512}", "!no_values G"},
	{TB, "{\"ts\":1451649600512,\"values\":{}}", "!no_values G"},
	{TB, "{\"ts\":1451649600512,\"values\":[]}", "G @1451649600512000 values=none"},
	{TB, "{\"ts\":\"1451649600512\",\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":\"2026-01-05T12:00:00Z\",\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":true,\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":-1,\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":{},\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":1e400,\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":1451649600512000000,\"values\":{\"a\":1}}", "!bad_time:ts G"},
	{TB, "{\"ts\":1,\"ts\":1,\"values\":{\"a\":1}}", "!duplicate_key:ts G"},
	{TB, "{\"values\":{\"a\":1},\"values\":{\"b\":1}}", "!duplicate_key:values G"},
	{TB, "{\"values\":{\"a\":1,\"a\":1}}", "!duplicate_key:a G"},
	{TB, "{\"a\":1,\"values\":{\"a\":1}}", "!duplicate_key:a G"},
	{TB, "{\"values\":{\"state\":\"x\"},\"state\":\"x\"}", "!duplicate_key:state G"},
	{TB, "{\"values\":{\"\":1}}", "!bad_sensor_name: G"},
	{TB, "{\"values\":{\"a\\u0000\":1}}", "!bad_sensor_name:a\\u0000 G"},
	{TB, "{\"values\":{\"\\ud800\":1}}", "!lone_surrogate"},
	{TB, "{\"values\":{\"\xff\":1}}", "!invalid_utf8"},
	{TB_WITHOUT_MACHINE, "{\"temperature\":42}", "!missing_machine"},
	{TB_WITHOUT_MACHINE, "{\"ts\":5,\"values\":{\"a\":1}}", "!missing_machine"},
	{TB_WITHOUT_MACHINE, "{\"machine_id\":\"B\",\"ts\":5,\"values\":{\"a\":1}}", "B @5000 a=1"},
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		length = strlen(cases[i].text);
		char	   *copy = malloc(length > 0 ? length : 1);
		char		results[2][MAX_DESCRIPTION];
		RigArena	arena;
		RigNames   *names;
		RigReadingParser *parser;
		RigPayload	payload;

		memcpy(copy, cases[i].text, length);
		rig_arena_init(&arena, rig_allocator_malloc(), 1);
		names = rig_names_create(&arena);
		parser = rig_reading_parser_create(&arena, names);
		/* The second time with predictions of the keys. */
		for (int round = 0; round < 2; round++)
		{
			rig_reading_parser_parse_as(parser, &cases[i].options, copy, length, &payload);
			describe_payload(results[round], names, &payload);
		}
		if (!tap_ok(strcmp(results[0], cases[i].expected) == 0 && strcmp(results[1], results[0]) == 0, "case %zu", i + 1))
			tap_note("got '%s' and '%s', not '%s', for %s", results[0], results[1], cases[i].expected, cases[i].text);
		rig_arena_release(&arena);
		free(copy);
	}
	return tap_done();
}
