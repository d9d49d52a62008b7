#include <math.h>
#include <string.h>

#include "arena.h"
#include "describe_payload.h"
#include "names.h"
#include "random.h"
#include "reading_parser.h"
#include "reference_json.h"
#include "tap.h"

#define MAX_DESCRIPTION 4096
#define MESSAGES 6				/* of changing shape */

typedef struct Fixture
{
	RigArena	arena;
	RigNames   *names;
	RigReadingParser *parser;
} Fixture;

static void
begin(Fixture *fixture)
{
	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&fixture->arena, rig_allocator_malloc(), 1);
	fixture->names = rig_names_create(&fixture->arena);
	fixture->parser = rig_reading_parser_create(&fixture->arena, fixture->names);
}

static void
end(Fixture *fixture)
{
	rig_arena_release(&fixture->arena);
}

/* A block of exactly the payload's size, so that the sanitizer sees a byte read too far. */
static char *
exact_copy(const char *bytes, size_t length)
{
	char	   *copy = malloc(length > 0 ? length : 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

/* Parses twice, without and with a prediction, and describes the second result. */
static void
parse_and_describe(char *out, const char *bytes, size_t length)
{
	char	   *copy = exact_copy(bytes, length);
	char		first[MAX_DESCRIPTION];
	Fixture		fixture;
	RigPayload	payload;

	begin(&fixture);
	rig_reading_parser_parse(fixture.parser, copy, length, &payload);
	describe_payload(first, fixture.names, &payload);
	rig_reading_parser_parse(fixture.parser, copy, length, &payload);
	describe_payload(out, fixture.names, &payload);
	if (strcmp(first, out) != 0)
		sprintf(out, "the second parse differs from the first: %.1000s", first);
	end(&fixture);
	free(copy);
}

/* A payload with its length, since it may contain zero bytes. */
#define BYTES(text) text, sizeof(text) - 1

static const struct
{
	const char *bytes;
	size_t		length;
	const char *expected;
}			cases[] = {
	/* Shapes. */
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":\"2026-01-05T12:00:00.123Z\",\"state\":\"drilling\",\"sensors\":{\"rpm\":120.5,\"wob\":25}}"),
	"A @1767614400123000 (drilling) rpm=120.5 wob=25"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":120.5,\"wob\":25}"), "A rpm=120.5 wob=25"},
	{BYTES("{\"rpm\":1,\"sensors\":{\"wob\":2},\"spp\":3,\"machine_id\":\"A\"}"), "A rpm=1 wob=2 spp=3"},
	{BYTES("[{\"machine_id\":\"A\",\"rpm\":1},{\"machine_id\":\"B\",\"rpm\":2}]"), "A rpm=1 | B rpm=2"},
	{BYTES("[]"), ""},
	{BYTES(" \t\r\n[ { \"machine_id\" : \"A\" , \"sensors\" : { \"rpm\" : 1 } } ] \n"), "A rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"idle\"}"), "A (idle)"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"\"}"), "A ()"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"state\":1,\"machine_id\":2,\"sensors\":3,\"timestamp\":4},\"state\":\"x\"}"),
	"A (x) state=1 machine_id=2 sensors=3 timestamp=4"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":7}"), "A sensors=none"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":null,\"rpm\":1}"), "A sensors=none rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":[1,2]}"), "A sensors=none"},

	/* Texts. */
	{BYTES("{\"machine_id\":\"\\u0041\\t\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine\\u005fid\":\"\\u0041\\/\\\\\\\"\",\"st\\u0061te\":\"\\ud83d\\ude00 \\u00e9\\u20ac\",\"r\\u0070m\":1}"),
	"A/\\\" (\360\237\230\200 \303\251\342\202\254) rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"\\b\\f\\n\\r\\t\"}"), "A (\b\f\n\r\t)"},
	{BYTES("{\"machine_id\":\"B\303\266hrturm \342\202\254 \360\237\230\200\",\"Dr\303\274cke\":1}"),
	"B\303\266hrturm \342\202\254 \360\237\230\200 Dr\303\274cke=1"},
	{BYTES("{\"machine_id\":\"A\",\"say \\\"hi\\\"\":1,\"back\\\\slash\":2}"), "A say \"hi\"=1 back\\slash=2"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":\"2026-01-05T12\\u003a00:00Z\",\"rpm\":1}"), "A @1767614400000000 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"a name that is longer than one step of the scan\":1,\"a name that is longer than one step of the scam\":2}"),
	"A a name that is longer than one step of the scan=1 a name that is longer than one step of the scam=2"},

	/* Values that are no numbers; known sensors become NULL, the rest is ignored. */
	{BYTES("{\"machine_id\":\"A\",\"a\":1e400,\"b\":-1e400,\"c\":\"7\",\"d\":true,\"e\":false,\"f\":null,\"g\":{\"x\":[1]},\"h\":[{}],\"i\":1}"),
	"A a=huge b=huge c=none d=none e=none f=none g=none h=none i=1"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"a\":1e400,\"b\":\"x\",\"c\":{\"a\":1,\"a\":1},\"d\":[]}}"), "A a=huge b=none c=none d=none"},
	{BYTES("{\"machine_id\":\"A\",\"a\":-0,\"b\":0.0,\"c\":1E2,\"d\":1e-400,\"e\":5e-324}"), "A a=-0 b=0 c=100 d=0 e=4.9406564584124654e-324"},
	{BYTES("{\"machine_id\":\"A\",\"note\":\"\\u0000\",\"rpm\":1}"), "A note=none rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"x\\u0000y\",\"rpm\":1}"), "A rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"state\":5,\"rpm\":1}"), "A rpm=1"},

	/* Times. */
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":null,\"rpm\":1}"), "A rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1767614400,\"rpm\":1}"), "A @1767614400000000 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1767614400123,\"rpm\":1}"), "A @1767614400123000 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1767614400123456,\"rpm\":1}"), "A @1767614400123456 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1767614400123456789,\"rpm\":1}"), "A @1767614400123456 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":\"2026-01-05T12:00:00\",\"rpm\":1}"), "!time_without_offset:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":\"yesterday\",\"rpm\":1}"), "!bad_time:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":\"\",\"rpm\":1}"), "!bad_time:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":true,\"rpm\":1}"), "!bad_time:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":{\"t\":1},\"rpm\":1}"), "!bad_time:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":-5,\"rpm\":1}"), "!bad_time:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1e400,\"rpm\":1}"), "!bad_time:timestamp A"},

	/* Readings that are refused while others are kept. */
	{BYTES("[1,{\"machine_id\":\"A\",\"rpm\":1},[{}],\"x\",null,{\"rpm\":2}]"),
	"!not_a_reading | A rpm=1 | !not_a_reading | !not_a_reading | !not_a_reading | !missing_machine"},
	{BYTES("{}"), "!missing_machine"},
	{BYTES("{\"rpm\":1}"), "!missing_machine"},
	{BYTES("{\"machine_id\":5,\"rpm\":1}"), "!missing_machine"},
	{BYTES("{\"machine_id\":null,\"rpm\":1}"), "!missing_machine"},
	{BYTES("{\"machine_id\":\"\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"012345678901234567890123456789012345678901234567890123456789012\",\"rpm\":1}"),
	"012345678901234567890123456789012345678901234567890123456789012 rpm=1"},
	{BYTES("{\"machine_id\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"rpm\":1}"),
	"!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\\u0000\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\\u001f\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\177\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\302\200\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\\u009f\",\"rpm\":1}"), "!bad_machine_name:machine_id"},
	{BYTES("{\"machine_id\":\"A\302\240\",\"rpm\":1}"), "A\302\240 rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"\":1}"), "!bad_sensor_name: A"},
	{BYTES("{\"machine_id\":\"A\",\"\":\"x\",\"rpm\":1}"), "A rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"a\\nb\":1}"), "!bad_sensor_name:a\\nb A"},
	{BYTES("{\"machine_id\":\"A\",\"a\\nb\":1e999}"), "!bad_sensor_name:a\\nb A"},
	{BYTES("{\"machine_id\":\"A\",\"a\\nb\":[1],\"rpm\":1}"), "A rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"a\177b\":1}}"), "!bad_sensor_name:a\177b A"},
	{BYTES("{\"machine_id\":\"A\",\"a\\u0000b\":\"ignored\",\"rpm\":1}"), "!bad_sensor_name:a\\u0000b A"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"\\u0000\":1}}"), "!bad_sensor_name:\\u0000 A"},
	{BYTES("{\"machine_id\":\"A\",\"0123456789012345678901234567890123456789012345678901234567890123\":1}"),
	"!bad_sensor_name:0123456789012345678901234567890123456789012345678901234567890123 A"},
	{BYTES("{\"machine_id\":\"A\"}"), "!no_values A"},
	{BYTES("{\"machine_id\":\"A\",\"state\":null,\"sensors\":{}}"), "!no_values A"},
	{BYTES("[{\"machine_id\":\"A\",\"rpm\":1,\"rpm\":1},{\"machine_id\":\"B\",\"rpm\":2}]"), "!duplicate_key:rpm A | B rpm=2"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1,\"r\\u0070m\":2}"), "!duplicate_key:r\\u0070m A"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1,\"sensors\":{\"rpm\":1}}"), "!duplicate_key:rpm A"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"rpm\":1},\"rpm\":\"x\"}"), "!duplicate_key:rpm A"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"rpm\":1,\"wob\":2,\"rpm\":3}}"), "!duplicate_key:rpm A"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1,\"machine_id\":\"A\"}"), "!duplicate_key:machine_id A"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"rpm\":1},\"sensors\":{\"wob\":2}}"), "!duplicate_key:sensors A"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"x\",\"state\":\"y\"}"), "!duplicate_key:state A"},
	{BYTES("{\"machine_id\":\"A\",\"timestamp\":1,\"timestamp\":1,\"rpm\":1}"), "!duplicate_key:timestamp A"},
	{BYTES("{\"machine_id\":\"A\",\"note\":{\"a\":1,\"a\":2},\"rpm\":1}"), "A note=none rpm=1"},
	{BYTES("{\"\":1,\"rpm\":1,\"rpm\":2,\"machine_id\":\"A\"}"), "!bad_sensor_name: A"},

	/* Payloads that are no readings at all. */
	{BYTES("1"), "!not_a_reading"},
	{BYTES(" \"text\" "), "!not_a_reading"},
	{BYTES("true"), "!not_a_reading"},
	{BYTES("null"), "!not_a_reading"},
	{BYTES("-1.5e3"), "!not_a_reading"},

	/* Payloads that are not JSON. */
	{BYTES("x"), "!not_json"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1}}"), "!not_json"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1} {}"), "!not_json"},
	{BYTES("1 2"), "!not_json"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1,}"), "!not_json"},
	{BYTES("{,}"), "!not_json"},
	{BYTES("{\"a\"}"), "!not_json"},
	{BYTES("{\"a\" 1}"), "!not_json"},
	{BYTES("{\"a\":}"), "!not_json"},
	{BYTES("{\"a\":1 \"b\":2}"), "!not_json"},
	{BYTES("{a:1}"), "!not_json"},
	{BYTES("{'a':1}"), "!not_json"},
	{BYTES("[1,]"), "!not_json"},
	{BYTES("[,1]"), "!not_json"},
	{BYTES("[1 2]"), "!not_json"},
	{BYTES("[1}"), "!not_json"},
	{BYTES("{\"a\":[1}"), "!not_json"},
	{BYTES("{\"a\":{\"b\":1]}"), "!not_json"},
	{BYTES("{\"a\":tru}"), "!not_json"},
	{BYTES("{\"a\":True}"), "!not_json"},
	{BYTES("{\"a\":nul}"), "!not_json"},
	{BYTES("{\"a\":01}"), "!not_json"},
	{BYTES("{\"a\":+1}"), "!not_json"},
	{BYTES("{\"a\":.5}"), "!not_json"},
	{BYTES("{\"a\":1.}"), "!not_json"},
	{BYTES("{\"a\":1e}"), "!not_json"},
	{BYTES("{\"a\":0x10}"), "!not_json"},
	{BYTES("{\"a\":-}"), "!not_json"},
	{BYTES("{\"a\":nano}"), "!not_json"},
	{BYTES("{\"a\":\"\\x\"}"), "!not_json"},
	{BYTES("{\"a\":\"\\u12g4\"}"), "!not_json"},
	{BYTES("{\"a\":\"line\nbreak\"}"), "!not_json"},
	{BYTES("{\"a\tb\":1}"), "!not_json"},
	{BYTES("{\"a\":1}//"), "!not_json"},
	{BYTES("\357\273\277{}"), "!not_json"},
	{BYTES("{\"machine_id\":\"A\",\"bad\":1,\"bad\":2}x"), "!not_json"},

	/* Payloads that end too early. */
	{BYTES(""), "!truncated"},
	{BYTES(" \n"), "!truncated"},
	{BYTES("{"), "!truncated"},
	{BYTES("[{}"), "!truncated"},
	{BYTES("[{},"), "!truncated"},
	{BYTES("\"abc"), "!truncated"},
	{BYTES("{\"a\":\"\\"), "!truncated"},
	{BYTES("{\"a\":\"\\u12"), "!truncated"},
	{BYTES("{\"a\":\"\\ud83d"), "!truncated"},
	{BYTES("{\"a\":\"\\ud83d\\ude"), "!truncated"},
	{BYTES("{\"a\":\"\342\202"), "!truncated"},
	{BYTES("{\"a\":-"), "!truncated"},
	{BYTES("{\"a\":1."), "!truncated"},
	{BYTES("{\"a\":1e+"), "!truncated"},
	{BYTES("{\"a\":12"), "!truncated"},
	{BYTES("{\"a\":fals"), "!truncated"},
	{BYTES("{\"a\":-Infin"), "!truncated"},

	/* Bytes that are not UTF-8, wherever they stand. */
	{BYTES("\377\376{}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\200\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\300\257\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\301\277\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\340\237\277\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\355\240\200\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\360\217\277\277\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\364\220\200\200\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\365\200\200\200\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\342\202\"}"), "!invalid_utf8"},
	{BYTES("{\"a\":\"\303(\"}"), "!invalid_utf8"},
	{BYTES("{\"machine_id\":\"caf\351\",\"rpm\":1}"), "!invalid_utf8"},
	{BYTES("{\"\377\":1}"), "!invalid_utf8"},
	{BYTES("{\"a\":{\"b\":[\"\377\"]}}"), "!invalid_utf8"},
	{BYTES("\"\377\""), "!invalid_utf8"},
	{BYTES("{\"machine_id\":\"A\",\"state\":\"\355\237\277\356\200\200\364\217\277\277\"}"), "A (\355\237\277\356\200\200\364\217\277\277)"},

	/* Surrogates without their partner. */
	{BYTES("{\"a\":\"\\ud800\"}"), "!lone_surrogate"},
	{BYTES("{\"a\":\"\\udc00\"}"), "!lone_surrogate"},
	{BYTES("{\"a\":\"\\ud800x\"}"), "!lone_surrogate"},
	{BYTES("{\"a\":\"\\ud800\\n\"}"), "!lone_surrogate"},
	{BYTES("{\"a\":\"\\ud800\\ud800\"}"), "!lone_surrogate"},
	{BYTES("{\"a\":\"\\ud800\\u0041\"}"), "!lone_surrogate"},
	{BYTES("{\"\\udfff\":1}"), "!lone_surrogate"},
	{BYTES("[{\"a\":{\"b\":[\"\\uDBFF\"]}}]"), "!lone_surrogate"},

	/* Zero bytes. */
	{BYTES("\0"), "!nul_byte"},
	{BYTES("{\"a\":\"x\0y\"}"), "!nul_byte"},
	{BYTES("{\"a\0b\":1}"), "!nul_byte"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1}\0"), "!nul_byte"},
	{BYTES("{\0\"\0a\0"), "!nul_byte"},

	/* Numbers that JSON does not have. */
	{BYTES("{\"machine_id\":\"A\",\"rpm\":NaN}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"sensors\":{\"rpm\":nan}}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":Infinity}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":-Infinity,\"wob\":1}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":-inf}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":+INF}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":-NAN}"), "!nonfinite_number"},
	{BYTES("{\"machine_id\":\"A\",\"note\":[1,INFINITY]}"), "!nonfinite_number"},
	{BYTES("{\"timestamp\":-Infinity}"), "!nonfinite_number"},
	{BYTES("NaN"), "!nonfinite_number"},
	{BYTES("[NaN]"), "!nonfinite_number"},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		result[MAX_DESCRIPTION];

		parse_and_describe(result, cases[i].bytes, cases[i].length);
		if (!tap_ok(strcmp(result, cases[i].expected) == 0, "case %zu: %s", i + 1, cases[i].expected))
			tap_note("got '%s' for %s", result, cases[i].bytes);
	}
}

/* Writes count opening brackets, and as many closing ones, behind a prefix. */
static size_t
write_nested(char *out, const char *prefix, int count, const char *suffix)
{
	char	   *start = out;

	out += sprintf(out, "%s", prefix);
	for (int i = 0; i < count; i++)
		out += sprintf(out, "%s", i % 2 == 0 ? "[" : "{\"k\":");
	out += sprintf(out, "1");
	while (count-- > 0)
		*out++ = count % 2 == 0 ? ']' : '}';
	out += sprintf(out, "%s", suffix);
	return (size_t) (out - start);
}

static void
test_depth(void)
{
	static const struct
	{
		const char *prefix;
		const char *suffix;
		int			depth;		/* containers round the nested value */
		const char *kept;
	}			places[] = {
		{"", "", 0, "!missing_machine"},
		{"{\"machine_id\":\"A\",\"note\":", "}", 1, "A note=none"},
		{"{\"machine_id\":\"A\",\"sensors\":{\"rpm\":", "}}", 2, "A rpm=none"},
		{"[{\"machine_id\":\"A\",\"sensors\":{\"rpm\":", "}}]", 3, "A rpm=none"},
		{"[{\"machine_id\":\"A\",\"state\":", ",\"rpm\":1}]", 2, "A rpm=1"},
		{"{\"machine_id\":", "}", 1, "!missing_machine"},
		{"{\"machine_id\":\"A\",\"timestamp\":", "}", 1, "!bad_time:timestamp A"},
	};
	char		text[4096];
	char		result[MAX_DESCRIPTION];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		int			most = RIG_PARSER_MAX_DEPTH - places[i].depth;

		parse_and_describe(result, text, write_nested(text, places[i].prefix, most, places[i].suffix));
		tap_ok(strcmp(result, places[i].kept) == 0, "depth 64 behind '%s' (%s)", places[i].prefix, result);
		parse_and_describe(result, text, write_nested(text, places[i].prefix, most + 1, places[i].suffix));
		tap_ok(strcmp(result, "!too_deep") == 0, "depth 65 behind '%s' (%s)", places[i].prefix, result);
	}
	memset(text, '[', sizeof(text));
	parse_and_describe(result, text, sizeof(text));
	tap_ok(strcmp(result, "!too_deep") == 0, "nothing but opening brackets (%s)", result);
}

/* Parses two readings, the first with `flat` and `nested` numbered sensors beside machine_id and sensors. */
static void
test_key_count(int flat, int nested, RigReason expected)
{
	char	   *text = malloc((size_t) (flat + nested) * 16 + 200);
	char	   *out = text;
	RigPayload	payload;
	Fixture		fixture;

	out += sprintf(out, "[{\"machine_id\":\"A\"");
	for (int i = 0; i < flat; i++)
		out += sprintf(out, ",\"s%d\":%d", i, i);
	out += sprintf(out, ",\"sensors\":{");
	for (int i = 0; i < nested; i++)
		out += sprintf(out, "%s\"t%d\":%d", i > 0 ? "," : "", i, i);
	out += sprintf(out, "}},{\"machine_id\":\"B\",\"rpm\":1}]");

	begin(&fixture);
	for (int round = 0; round < 2; round++)
		rig_reading_parser_parse(fixture.parser, text, (size_t) (out - text), &payload);
	tap_ok(payload.reading_count == 2 && payload.readings[0].reason == expected
		   && payload.readings[0].value_count == (expected == RIG_REASON_NONE ? flat + nested : 0)
		   && payload.readings[1].reason == RIG_REASON_NONE && payload.readings[1].value_count == 1,
		   "%d flat and %d nested sensors: %s", flat, nested, rig_reason_code(expected));
	end(&fixture);
	free(text);
}

static void
test_error_offset(void)
{
	static const struct
	{
		const char *text;
		size_t		offset;
	}			offsets[] = {
		{"{\"a\":1,}", 7}, {"{\"a\":\"\\q\"}", 7}, {"[1,2", 4}, {"{\"a\":\"ab\377\"}", 8}, {"{\"a\":\"x\\ud800\"}", 7},
		{"{\"a\":tru}", 5}, {"{\"a\":-Infinity}", 5}, {"{\"a\":1.x}", 7}, {" 5", 1}, {"{}}", 2},
		{"{\"aaaaaaaaaaaaaaaaaaaaaaaa\" 1}", 28}
	};

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
	{
		Fixture		fixture;
		RigPayload	payload;

		begin(&fixture);
		rig_reading_parser_parse(fixture.parser, offsets[i].text, strlen(offsets[i].text), &payload);
		tap_ok(payload.error_offset == offsets[i].offset, "%s is wrong at byte %zu (%zu)", offsets[i].text,
			   offsets[i].offset, payload.error_offset);
		end(&fixture);
	}
}

static const char sample[] =
"[{\"machine_id\":\"rig-7\",\"timestamp\":\"2026-01-05T12:00:00.123Z\",\"state\":\"dr\\u00fcling \303\274\","
"\"sensors\":{\"hookload\":212.2531,\"engine_exhaust_temp\":-850.1234,\"wob\":25,\"note\":[true,null,{\"x\":\"\\ud83d\\ude00\"}]}},"
"\n {\"timestamp\":1767614400123,\"machine_id\":\"B\",\"spp\":3.1e3,\"a rather long name of a sensor\":0.00000000012345678901234}]";

/* What must hold of any result: slices inside the arrays, names that are names. */
static bool
is_consistent(const Fixture *fixture, const RigPayload *payload, size_t length)
{
	int32_t		next = 0;

	if (payload->reason != RIG_REASON_NONE)
		return payload->reading_count == 0 && payload->error_offset <= length;
	for (int32_t i = 0; i < payload->reading_count; i++)
	{
		const RigReading *reading = &payload->readings[i];

		if (reading->first_value != next || reading->value_count < 0)
			return false;
		next += reading->value_count;
		if (reading->reason == RIG_REASON_NONE && (reading->machine == NULL || reading->machine_length < 1 ||
												   reading->machine_length > RIG_NAME_MAX_LENGTH))
			return false;
		if (reading->reason != RIG_REASON_NONE && reading->value_count > 0)
			return false;
	}
	for (int32_t i = 0; i < next; i++)
	{
		const RigValue *value = &payload->values[i];

		if (value->name < 0 || value->name >= rig_names_count(fixture->names) || !isfinite(value->number))
			return false;
	}
	return true;
}

/* Parses with a parser that has learnt the sample, and compares with the naive reader. */
static bool
survives(Fixture *fixture, const char *bytes, size_t length)
{
	bool		is_json = reference_is_json(bytes, length, RIG_PARSER_MAX_DEPTH);
	char	   *copy = exact_copy(bytes, length);
	RigPayload	payload;
	RigStatus	status = rig_reading_parser_parse(fixture->parser, copy, length, &payload);
	bool		accepted = payload.reason == RIG_REASON_NONE || payload.reason == RIG_REASON_NOT_A_READING;
	bool		good = status == RIG_OK && accepted == is_json && is_consistent(fixture, &payload, length);

	if (!good)
		tap_note("reason %s, JSON by the naive reader: %d, for %.*s", rig_reason_code(payload.reason), is_json,
				 (int) length, bytes);
	free(copy);
	return good;
}

static void
test_damage(void)
{
	size_t		length = sizeof(sample) - 1;
	bool		truncated = true;
	bool		flipped = true;
	bool		mutated = true;
	RigRandom	random;
	Fixture		fixture;
	RigPayload	payload;
	char		copy[sizeof(sample) + 64];

	begin(&fixture);
	rig_reading_parser_parse(fixture.parser, sample, length, &payload);
	tap_ok(payload.reading_count == 2 && payload.readings[0].value_count == 4 && payload.readings[1].value_count == 2,
		   "the sample is accepted");

	for (size_t cut = 0; cut < length; cut++)
	{
		char	   *prefix = exact_copy(sample, cut);

		rig_reading_parser_parse(fixture.parser, prefix, cut, &payload);
		if (payload.reason != RIG_REASON_TRUNCATED)
			tap_note("cut at %zu: %s", cut, rig_reason_code(payload.reason));
		truncated = truncated && payload.reason == RIG_REASON_TRUNCATED && payload.error_offset <= cut;
		free(prefix);
	}
	tap_ok(truncated, "every true prefix is truncated");

	for (size_t at = 0; at < length && flipped; at++)
	{
		memcpy(copy, sample, length);
		for (int byte = 0; byte < 256; byte++)
		{
			copy[at] = (char) byte;
			flipped = flipped && survives(&fixture, copy, length);
		}
	}
	tap_ok(flipped, "every byte replaced by every other");
	end(&fixture);

	rig_random_seed(&random, tap_seed());
	for (int i = 0; i < 100000 && mutated; i++)
	{
		static const char interesting[] = "{}[]\":,\\ \n0123456789.-+eEutrnlfasIN\177\200\303\342\355\364\377";
		size_t		cut = length - (size_t) (i % 4 == 0 ? rig_random_below(&random, (uint32_t) length) : 0);

		if (i % 1000 == 0)
			begin(&fixture);
		memcpy(copy, sample, length);
		for (uint32_t edits = rig_random_below(&random, 4); edits > 0 && cut > 2; edits--)
		{
			size_t		at = rig_random_below(&random, (uint32_t) cut - 1);
			size_t		from = rig_random_below(&random, (uint32_t) cut - 1);
			size_t		count = 1 + rig_random_below(&random, 8);

			if (rig_random_below(&random, 2) == 0)
				copy[at] = interesting[rig_random_below(&random, sizeof(interesting))];
			else if (at + count < cut && from + count < cut)
				memmove(copy + at, copy + from, count);
		}
		mutated = survives(&fixture, copy, cut);
		if (i % 1000 == 999)
			end(&fixture);
	}
	tap_ok(mutated, "random damage");
}

/* The key order that a parser has learnt must never show in a result. */
static void
test_changing_order(void)
{
	static const char *const messages[MESSAGES] = {
		"{\"machine_id\":\"A\",\"sensors\":{\"a\":1,\"b\":2,\"c\":3}}",
		"{\"machine_id\":\"A\",\"sensors\":{\"c\":3,\"a\":1}}",
		"{\"machine_id\":\"A\",\"b\":2,\"sensors\":{\"a\":1}}",
		"{\"sensors\":{\"ab\":1,\"a\":2},\"machine_id\":\"A\",\"abc\":3}",
		"{\"machine_id\":\"A\",\"sensors\":{\"a sensor with a long name\":1,\"a sensor with a long name too\":2}}",
		"{\"machine_id\":\"A\",\"sensors\":{\"a sensor with a long nam\":1,\"a sensor with a long name \":2}}",
	};
	char		expected[MESSAGES][MAX_DESCRIPTION];
	char		result[MAX_DESCRIPTION];
	bool		same = true;
	RigRandom	random;
	Fixture		fixture;

	for (int i = 0; i < MESSAGES; i++)
		parse_and_describe(expected[i], messages[i], strlen(messages[i]));
	rig_random_seed(&random, tap_seed());
	begin(&fixture);
	for (int round = 0; round < 2000 && same; round++)
	{
		int			i = (int) rig_random_below(&random, MESSAGES);
		RigPayload	payload;

		rig_reading_parser_parse(fixture.parser, messages[i], strlen(messages[i]), &payload);
		describe_payload(result, fixture.names, &payload);
		same = strcmp(result, expected[i]) == 0;
	}
	tap_ok(same, "messages of changing shape in one stream");
	end(&fixture);
}

typedef struct Budget
{
	int			left;
} Budget;

static void *
allocate_within_budget(void *context, size_t size)
{
	Budget	   *budget = context;

	return budget->left-- > 0 ? malloc(size) : NULL;
}

static void
release_chunk(void *context, void *chunk)
{
	(void) context;
	free(chunk);
}

static void
test_out_of_memory(void)
{
	int			failures = 0;

	for (int allowed = 0; allowed < 1000; allowed++)
	{
		Budget		budget = {allowed};
		RigAllocator allocator = {allocate_within_budget, release_chunk, &budget};
		RigPayload	payload;
		RigArena	arena;
		RigNames   *names;
		RigReadingParser *parser = NULL;
		bool		done = false;

		rig_arena_init(&arena, allocator, 1);
		names = rig_names_create(&arena);
		if (names != NULL)
			parser = rig_reading_parser_create(&arena, names);
		if (parser != NULL)
			done = rig_reading_parser_parse(parser, sample, sizeof(sample) - 1, &payload) == RIG_OK;
		rig_arena_release(&arena);
		if (done)
			break;
		failures++;
	}
	tap_ok(failures > 10 && failures < 1000, "%d shortages of memory are reported, then it works", failures);
}

/* A long stream must not make the arena grow once the parser has seen its largest message. */
static void
test_memory_is_reused(void)
{
	Budget		budget = {1000000};
	RigAllocator allocator = {allocate_within_budget, release_chunk, &budget};
	RigPayload	payload;
	RigArena	arena;
	RigReadingParser *parser;
	int			left;

	rig_arena_init(&arena, allocator, 1);
	parser = rig_reading_parser_create(&arena, rig_names_create(&arena));
	rig_reading_parser_parse(parser, sample, sizeof(sample) - 1, &payload);
	left = budget.left;
	for (int i = 0; i < 1000; i++)
		rig_reading_parser_parse(parser, sample, sizeof(sample) - 1, &payload);
	tap_ok(budget.left == left, "a steady stream allocates nothing");
	rig_arena_release(&arena);
}

int
main(void)
{
	test_cases();
	test_depth();
	test_key_count(9000, 998, RIG_REASON_NONE);
	test_key_count(9000, 999, RIG_REASON_TOO_MANY_KEYS);
	test_key_count(20000, 1, RIG_REASON_TOO_MANY_KEYS);
	test_error_offset();
	test_damage();
	test_changing_order();
	test_out_of_memory();
	test_memory_is_reused();
	tap_ok(strcmp(rig_reason_code((RigReason) 9999), "unknown") == 0, "an unknown reason has a code too");
	return tap_done();
}
