#include <string.h>

#include "arena.h"
#include "describe_payload.h"
#include "line_protocol.h"
#include "tap.h"

#define MAX_DESCRIPTION 4096

/* Bytes with their number, since zero bytes may stand among them. */
#define BYTES(text) text, sizeof(text) - 1

#define EIGHT "xxxxxxxx"
#define SIXTY_FOUR EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT

typedef struct Case
{
	const char *bytes;
	size_t		length;
	const char *expected;
} Case;

/* By the specification of line protocol of InfluxDB v2, without a given machine. */
static const Case good[] = {
	{BYTES("rig,machine=A rpm=120,spp=2900 1767614400000000000"), "A @1767614400000000 rpm=120 spp=2900"},
	{BYTES("rig,machine_id=A rpm=120.5"), "A rpm=120.5"},
	{BYTES("A rpm=1"), "A rpm=1"},
	{BYTES("rig,site=x,machine=A,crew=7 rpm=1"), "A rpm=1"},
	{BYTES(""), ""},
	{BYTES("\n\n  \n\t\r\n"), ""},
	{BYTES("# a comment\n  # another, machine=A\nA rpm=1\n#"), "A rpm=1"},
	{BYTES("A rpm=1\nB rpm=2\r\nC rpm=3"), "A rpm=1 | B rpm=2 | C rpm=3"},
	{BYTES("  A   rpm=1   1767614400   \n"), "A @1767614400000000 rpm=1"},
	{BYTES("A rpm=1 \r\n"), "A rpm=1"},

	/* Numbers. */
	{BYTES("A a=1,b=-1,c=1.0,d=-1.234456e+78,e=1E3,f=0,g=-0,h=1e-7"),
	"A a=1 b=-1 c=1 d=-1.234456e+78 e=1000 f=0 g=-0 h=9.9999999999999995e-08"},
	{BYTES("A a=5i,b=-5i,c=0i,d=9223372036854775807i,e=-9223372036854775808i"),
	"A a=5 b=-5 c=0 d=9.2233720368547758e+18 e=-9.2233720368547758e+18"},
	{BYTES("A a=5u,b=0u,c=18446744073709551615u"), "A a=5 b=0 c=1.8446744073709552e+19"},
	{BYTES("A a=007,b=-012.50,c=00i,d=000"), "A a=7 b=-12.5 c=0 d=0"},
	{BYTES("A a=9223372036854775808i,b=-9223372036854775809i,c=18446744073709551616u,d=1e400,e=-1e400,f=1"),
	"A a=huge b=huge c=huge d=huge e=huge f=1"},
	{BYTES("A a=99999999999999999999999999999999999999i"), "A a=huge"},

	/* Values that are no numbers. */
	{BYTES("A a=t,b=T,c=true,d=True,e=TRUE,f=f,g=F,h=false,i=False,j=FALSE,k=1"),
	"A a=none b=none c=none d=none e=none f=none g=none h=none i=none j=none k=1"},
	{BYTES("A a=\"7\",b=\"\",c=1"), "A a=none b=none c=1"},
	{BYTES("A a=\"x, y=z \\\" \\\\\",c=1 1767614400000"), "A @1767614400000000 a=none c=1"},
	{BYTES("A a=\"two\nlines\",b=1\nB c=2"), "A a=none b=1 | B c=2"},
	{BYTES("A state=\"drilling\",rpm=1"), "A (drilling) rpm=1"},
	{BYTES("A state=\"\""), "A ()"},
	{BYTES("A state=\"a \\\"b\\\" \\\\ \\c\",rpm=1"), "A (a \"b\" \\ \\c) rpm=1"},
	{BYTES("A state=3"), "A state=3"},
	{BYTES("A \001=\"text\",b=1"), "A b=1"},

	/* Escapes. */
	{BYTES("my\\ rig\\,\\ one rpm=1"), "my rig, one rpm=1"},
	{BYTES("a=b rpm=1"), "a=b rpm=1"},
	{BYTES("m,machine=Rig\\ 1\\,\\ A\\=B rpm=1"), "Rig 1, A=B rpm=1"},
	{BYTES("m,ma\\chine=X,machine=A r\\ p\\,m\\=x=1"), "A r p,m=x=1"},
	{BYTES("m,machine=a\\b rpm=1"), "a\\b rpm=1"},
	{BYTES("m,machine=\"A\" rpm=1"), "\"A\" rpm=1"},
	{BYTES("B\303\266hrturm,machine=\342\202\254 Dr\303\274cke=1"), "\342\202\254 Dr\303\274cke=1"},
	{BYTES("A a\\\"b=1"), "A a\\\"b=1"},

	/* Times by magnitude. */
	{BYTES("A rpm=1 1767614400"), "A @1767614400000000 rpm=1"},
	{BYTES("A rpm=1 1767614400123"), "A @1767614400123000 rpm=1"},
	{BYTES("A rpm=1 1767614400123456"), "A @1767614400123456 rpm=1"},
	{BYTES("A rpm=1 1767614400123456789"), "A @1767614400123456 rpm=1"},
	{BYTES("A rpm=1 0"), "A @0 rpm=1"},

	/* One bad line costs no other. */
	{BYTES("A rpm=1\nB\nC rpm=3"), "A rpm=1 | !bad_line B | C rpm=3"},
	{BYTES("A a=\"x,b=1\nB c=2"), "!truncated:a A | B c=2"},
	{BYTES("A a=1\"\nB c=2"), "!bad_line:a A | B c=2"},
};

/* Each is refused for the reason that is documented. */
static const Case malformed[] = {
	{BYTES("A"), "!bad_line A"},
	{BYTES("A "), "!bad_line A"},
	{BYTES("A\r\n"), "!bad_line A"},
	{BYTES(","), "!bad_line"},
	{BYTES(", rpm=1"), "!bad_line"},
	{BYTES(",machine=A rpm=1"), "!bad_line"},
	{BYTES("=1"), "!bad_line =1"},
	{BYTES("rpm=1"), "!bad_line rpm=1"},
	{BYTES("{\"machine_id\":\"A\",\"rpm\":1}"), "!bad_line:\"rpm\":1}"},
	{BYTES("[]"), "!bad_line []"},
	{BYTES("A,"), "!bad_line"},
	{BYTES("A, rpm=1"), "!bad_line"},
	{BYTES("A,machine rpm=1"), "!bad_line:machine"},
	{BYTES("A,machine= rpm=1"), "!bad_line:machine"},
	{BYTES("A,=B rpm=1"), "!bad_line"},
	{BYTES("A,machine=B, rpm=1"), "!bad_line B"},
	{BYTES("A,machine=B,, rpm=1"), "!bad_line B"},
	{BYTES("A,machine=B=C rpm=1"), "!bad_line:machine"},
	{BYTES("A,machine=B"), "!bad_line B"},
	{BYTES("A,machine=B\n"), "!bad_line B"},
	{BYTES("A,machine"), "!bad_line:machine"},
	{BYTES("A,machine="), "!bad_line:machine"},
	{BYTES("A,machine\nB rpm=1"), "!bad_line:machine | B rpm=1"},
	{BYTES("A rpm"), "!bad_line:rpm A"},
	{BYTES("A rpm="), "!bad_line:rpm A"},
	{BYTES("A rpm= 1767614400"), "!bad_line:rpm A"},
	{BYTES("A =1"), "!bad_line A"},
	{BYTES("A ,rpm=1"), "!bad_line A"},
	{BYTES("A rpm=1,"), "!bad_line A"},
	{BYTES("A rpm=1, spp=2"), "!bad_line A"},
	{BYTES("A rpm=1,spp"), "!bad_line:spp A"},
	{BYTES("A rpm=1,,spp=2"), "!bad_line A"},
	{BYTES("A rpm =1"), "!bad_line:rpm A"},
	{BYTES("A rpm==1"), "!bad_line:rpm A"},
	{BYTES("A rpm=1=2"), "!bad_line:rpm A"},
	{BYTES("A rpm=abc"), "!bad_line:rpm A"},
	{BYTES("A rpm='1'"), "!bad_line:rpm A"},
	{BYTES("A rpm=1.2.3"), "!bad_line:rpm A"},
	{BYTES("A rpm=1."), "!bad_line:rpm A"},
	{BYTES("A rpm=.5"), "!bad_line:rpm A"},
	{BYTES("A rpm=+5"), "!bad_line:rpm A"},
	{BYTES("A rpm=--5"), "!bad_line:rpm A"},
	{BYTES("A rpm=-"), "!bad_line:rpm A"},
	{BYTES("A rpm=-i"), "!bad_line:rpm A"},
	{BYTES("A rpm=i"), "!bad_line:rpm A"},
	{BYTES("A rpm=1e"), "!bad_line:rpm A"},
	{BYTES("A rpm=1e+"), "!bad_line:rpm A"},
	{BYTES("A rpm=1.5i"), "!bad_line:rpm A"},
	{BYTES("A rpm=1e3i"), "!bad_line:rpm A"},
	{BYTES("A rpm=-1u"), "!bad_line:rpm A"},
	{BYTES("A rpm=1.0u"), "!bad_line:rpm A"},
	{BYTES("A rpm=5I"), "!bad_line:rpm A"},
	{BYTES("A rpm=5f"), "!bad_line:rpm A"},
	{BYTES("A rpm=0x10"), "!bad_line:rpm A"},
	{BYTES("A rpm=1,5"), "!bad_line:5 A"},
	{BYTES("A rpm=1_000"), "!bad_line:rpm A"},
	{BYTES("A rpm=tRUE"), "!bad_line:rpm A"},
	{BYTES("A rpm=yes"), "!bad_line:rpm A"},
	{BYTES("A rpm=null"), "!bad_line:rpm A"},
	{BYTES("A rpm=1\t2"), "!bad_line:rpm A"},
	{BYTES("A rpm=NaN"), "!nonfinite_number:rpm A"},
	{BYTES("A rpm=nan"), "!nonfinite_number:rpm A"},
	{BYTES("A rpm=Inf"), "!nonfinite_number:rpm A"},
	{BYTES("A rpm=-inf"), "!nonfinite_number:rpm A"},
	{BYTES("A rpm=+Inf"), "!nonfinite_number:rpm A"},
	{BYTES("A rpm=Infinity"), "!nonfinite_number:rpm A"},
	{BYTES("A a=\"x"), "!truncated:a A"},
	{BYTES("A a=\""), "!truncated:a A"},
	{BYTES("A a=\"x\\\""), "!truncated:a A"},
	{BYTES("A state=\"drilling"), "!truncated:state A"},
	{BYTES("A a=\"x\"y"), "!bad_line A"},
	{BYTES("A a=\"x\"\"y\""), "!bad_line A"},
	{BYTES("A rpm=1 2 3"), "!bad_line A"},
	{BYTES("A rpm=1 1767614400 spp=2"), "!bad_line A"},
	{BYTES("A rpm=1 yesterday"), "!bad_time:yesterday A"},
	{BYTES("A rpm=1 2026-01-05T12:00:00Z"), "!bad_time:2026-01-05T12:00:00Z A"},
	{BYTES("A rpm=1 1767614400.5"), "!bad_time:1767614400.5 A"},
	{BYTES("A rpm=1 1e9"), "!bad_time:1e9 A"},
	{BYTES("A rpm=1 1767614400i"), "!bad_time:1767614400i A"},
	{BYTES("A rpm=1 -5"), "!bad_time:-5 A"},
	{BYTES("A rpm=1 99999999999999999999"), "!bad_time:99999999999999999999 A"},
	{BYTES("A rpm=1,rpm=2"), "!duplicate_key:rpm A"},
	{BYTES("A rpm=1,r\\ =2,rpm=1"), "!duplicate_key:rpm A"},
	{BYTES("A state=\"a\",state=\"b\""), "!duplicate_key:state A"},
	{BYTES("m,machine=A,machine=A rpm=1"), "!duplicate_key:machine A"},
	{BYTES("m,machine=A,machine_id=B rpm=1"), "!duplicate_key:machine_id A"},
	{BYTES("m,machine=" SIXTY_FOUR " rpm=1"), "!bad_machine_name:machine"},
	{BYTES("m,machine=A\tB rpm=1"), "!bad_machine_name:machine"},
	{BYTES(SIXTY_FOUR " rpm=1"), "!bad_machine_name:" SIXTY_FOUR},
	{BYTES("A " SIXTY_FOUR "=1"), "!bad_sensor_name:" SIXTY_FOUR " A"},
	{BYTES("A a\tb=1"), "!bad_sensor_name:a\tb A"},
	{BYTES("A \001=\"text\""), "!no_values A"},
	{BYTES("A rpm=1\0"), "!nul_byte"},
	{BYTES("A a=\"x\0y\"\nB rpm=1"), "!nul_byte"},
	{BYTES("\0"), "!nul_byte"},
	{BYTES("A rpm=1\n\xff rpm=1"), "!invalid_utf8"},
	{BYTES("A a=\"\xc3\""), "!invalid_utf8"},
	{BYTES("m,machine=\xed\xa0\x80 rpm=1"), "!invalid_utf8"},
	{BYTES("\xff\xfe" "A\0"), "!nul_byte"},
	{BYTES("\xc0\x80 rpm=1"), "!invalid_utf8"},
};

typedef struct Fixture
{
	RigArena	arena;
	RigNames   *names;
	RigLineParser *parser;
} Fixture;

static void
begin(Fixture *fixture)
{
	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&fixture->arena, rig_allocator_malloc(), 1);
	fixture->names = rig_names_create(&fixture->arena);
	fixture->parser = rig_line_parser_create(&fixture->arena, fixture->names);
}

/* Parses twice a block of exactly the payload's size, and describes the second result. */
static void
parse_and_describe(char *out, const RigParseOptions *options, const char *bytes, size_t length)
{
	char	   *copy = malloc(length > 0 ? length : 1);
	char		first[MAX_DESCRIPTION];
	Fixture		fixture;
	RigPayload	payload;

	memcpy(copy, bytes, length);
	begin(&fixture);
	rig_line_parser_parse(fixture.parser, options, copy, length, &payload);
	describe_payload(first, fixture.names, &payload);
	rig_line_parser_parse(fixture.parser, options, copy, length, &payload);
	describe_payload(out, fixture.names, &payload);
	if (strcmp(first, out) != 0)
		sprintf(out, "the second parse differs from the first: %.1000s", first);
	rig_arena_release(&fixture.arena);
	free(copy);
}

static void
test_case(const RigParseOptions *options, const Case *one, const char *name, size_t number)
{
	char		result[MAX_DESCRIPTION];

	parse_and_describe(result, options, one->bytes, one->length);
	if (!tap_ok(strcmp(result, one->expected) == 0, "%s %zu", name, number))
		tap_note("got '%s', not '%s', for %s", result, one->expected, one->bytes);
}

static void
test_tables(void)
{
	const RigParseOptions options = {.format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		test_case(&options, &good[i], "good", i + 1);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		test_case(&options, &malformed[i], "malformed", i + 1);
	tap_ok(sizeof(malformed) / sizeof(malformed[0]) >= 100, "%zu malformed variants",
		   sizeof(malformed) / sizeof(malformed[0]));
}

static void
test_given_machine(void)
{
	static const Case cases[] = {
		{BYTES("A rpm=1\nm,machine=B rpm=2\nm,site=x rpm=3"), "G rpm=1 | B rpm=2 | G rpm=3"},
		{BYTES("m,machine=A\tB rpm=1"), "!bad_machine_name:machine"},
		{BYTES(SIXTY_FOUR " rpm=1"), "G rpm=1"},
		{BYTES("A"), "!bad_line G"},
	};
	const RigParseOptions options = {
		.format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}, .machine = "G", .machine_length = 1
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(&options, &cases[i], "given machine", i + 1);
}

static void
test_units(void)
{
	static const struct
	{
		RigTimeUnit unit;
		Case		one;
	}			cases[] = {
		{RIG_TIME_SECONDS, {BYTES("A rpm=1 1767614400"), "A @1767614400000000 rpm=1"}},
		{RIG_TIME_MILLISECONDS, {BYTES("A rpm=1 1767614400"), "A @1767614400000 rpm=1"}},
		{RIG_TIME_MICROSECONDS, {BYTES("A rpm=1 1767614400"), "A @1767614400 rpm=1"}},
		{RIG_TIME_NANOSECONDS, {BYTES("A rpm=1 1767614400"), "A @1767614 rpm=1"}},
		{RIG_TIME_NANOSECONDS, {BYTES("A rpm=1 9223372036854775807"), "A @9223372036854775 rpm=1"}},
		{RIG_TIME_SECONDS, {BYTES("A rpm=1 1767614400000"), "!bad_time:1767614400000 A"}},
		{RIG_TIME_MILLISECONDS, {BYTES("A rpm=1 1767614400000000000"), "!bad_time:1767614400000000000 A"}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const RigParseOptions options = {.format = {RIG_FORMAT_INFLUX, cases[i].unit}};

		test_case(&options, &cases[i].one, "unit", i + 1);
	}
}

/* Numbers of lines, which texts with newlines and bad lines do not shift. */
static void
test_lines(void)
{
	static const char text[] = "# one\n\nA a=\"3\n4\n5\",b=1\nB\nC a=\"7\n8 b=1\nD rpm=1\n";
	static const int32_t expected[] = {3, 6, 7, 8, 9};
	const RigParseOptions options = {.format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}};
	Fixture		fixture;
	RigPayload	payload;

	begin(&fixture);
	rig_line_parser_parse(fixture.parser, &options, text, sizeof(text) - 1, &payload);
	tap_ok(payload.reading_count == 5, "five readings");
	for (int32_t i = 0; i < payload.reading_count && i < 5; i++)
		tap_ok(payload.readings[i].line == expected[i], "reading %d stands in line %d", i, payload.readings[i].line);
	rig_arena_release(&fixture.arena);
}

/* Limits of lines in a payload and of fields in a line. */
static void
test_limits(void)
{
	const RigParseOptions options = {.format = {RIG_FORMAT_INFLUX, RIG_TIME_BY_MAGNITUDE}};
	char	   *text = malloc(1 << 20);
	size_t		length = 0;
	Fixture		fixture;
	RigPayload	payload;

	begin(&fixture);
	for (int i = 0; i < RIG_PARSER_MAX_READINGS; i++)
		length += (size_t) sprintf(text + length, "A a=%d\n", i);
	rig_line_parser_parse(fixture.parser, &options, text, length, &payload);
	tap_ok(payload.reason == RIG_REASON_NONE && payload.reading_count == RIG_PARSER_MAX_READINGS, "as many lines as there may be");
	length += (size_t) sprintf(text + length, "A a=1");
	rig_line_parser_parse(fixture.parser, &options, text, length, &payload);
	tap_ok(payload.reason == RIG_REASON_TOO_MANY_READINGS, "one line more");

	length = (size_t) sprintf(text, "A s0=0");
	for (int i = 1; i < RIG_PARSER_MAX_KEYS; i++)
		length += (size_t) sprintf(text + length, ",s%d=1", i);
	rig_line_parser_parse(fixture.parser, &options, text, length, &payload);
	tap_ok(payload.readings[0].reason == RIG_REASON_NONE && payload.readings[0].value_count == RIG_PARSER_MAX_KEYS,
		   "as many fields as there may be");
	length += (size_t) sprintf(text + length, ",more=1\nB a=1");
	rig_line_parser_parse(fixture.parser, &options, text, length, &payload);
	tap_ok(payload.readings[0].reason == RIG_REASON_TOO_MANY_KEYS && payload.readings[1].reason == RIG_REASON_NONE,
		   "one field more");
	rig_arena_release(&fixture.arena);
	free(text);
}

int
main(void)
{
	test_tables();
	test_given_machine();
	test_units();
	test_lines();
	test_limits();
	return tap_done();
}
