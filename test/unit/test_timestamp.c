#include <string.h>
#include <time.h>

#include "random.h"
#include "tap.h"
#include "timestamp.h"

#define SECONDS_PER_DAY 86400
#define LAST_DAY 2932896		/* 9999-12-31 */
#define INVALID INT64_C(-1)
#define WITHOUT_OFFSET INT64_C(-2)

typedef struct Case
{
	const char *text;
	int64_t		expected;		/* microseconds, INVALID or WITHOUT_OFFSET */
} Case;

static int64_t
outcome(RigTimestampResult result, int64_t microseconds)
{
	if (result == RIG_TIMESTAMP_OK)
		return microseconds;
	return result == RIG_TIMESTAMP_INVALID ? INVALID : WITHOUT_OFFSET;
}

static int64_t
parse(const char *text, size_t length)
{
	int64_t		microseconds = 0;
	char	   *bytes = malloc(length > 0 ? length : 1);
	RigTimestampResult result;

	memcpy(bytes, text, length);
	result = rig_timestamp_parse(bytes, length, &microseconds);
	free(bytes);
	return outcome(result, microseconds);
}

static void
test_texts(void)
{
	static const Case cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-01-05T12:00:00Z", INT64_C(1767614400000000)},
		{"2026-01-05T12:00:00.123Z", INT64_C(1767614400123000)},
		{"2026-01-05t12:00:00.123456z", INT64_C(1767614400123456)},
		{"2026-01-05 12:00:00.1234567Z", INT64_C(1767614400123456)},
		{"2026-01-05T12:00:00.999999999999999999999999Z", INT64_C(1767614400999999)},
		{"2026-01-05T12:00:00.5Z", INT64_C(1767614400500000)},
		{"2026-01-05T12:00:00+00:00", INT64_C(1767614400000000)},
		{"2026-01-05T12:00:00-00:00", INT64_C(1767614400000000)},
		{"2026-01-05T13:30:00+01:30", INT64_C(1767614400000000)},
		{"2026-01-05T06:00:00.25-06:00", INT64_C(1767614400250000)},
		{"2026-01-06T11:59:00+23:59", INT64_C(1767614400000000)},
		{"2024-02-29T00:00:00Z", INT64_C(1709164800000000)},
		{"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
		{"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
		{"2016-12-31T23:59:60.25Z", INT64_C(1483228800250000)},
		{"1969-12-31T23:30:00-01:00", INT64_C(1800000000)},
		{"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},

		{"2026-01-05T12:00:00", WITHOUT_OFFSET},
		{"2026-01-05 12:00:00.123", WITHOUT_OFFSET},

		{"", INVALID},
		{"now", INVALID},
		{"2026-01-05", INVALID},
		{"2026-01-05T12:00Z", INVALID},
		{"2026-01-05T12:00:0Z", INVALID},
		{"2026-01-05T12:00:00.Z", INVALID},
		{"2026-01-05T12:00:00.", INVALID},
		{"2026-01-05T12:00:00,5Z", INVALID},
		{"2026-01-05T12:00:00+1", INVALID},
		{"2026-01-05T12:00:00+01", INVALID},
		{"2026-01-05T12:00:00+0100", INVALID},
		{"2026-01-05T12:00:00+24:00", INVALID},
		{"2026-01-05T12:00:00+01:60", INVALID},
		{"2026-01-05T12:00:00+ab:cd", INVALID},
		{"2026-01-05T12:00:00 +01:00", INVALID},
		{"2026-01-05T12:00:00ZZ", INVALID},
		{"2026-01-05T12:00:00Z ", INVALID},
		{" 2026-01-05T12:00:00Z", INVALID},
		{"2026-01-05X12:00:00Z", INVALID},
		{"2026-01-05T24:00:00Z", INVALID},
		{"2026-01-05T12:60:00Z", INVALID},
		{"2026-01-05T12:00:61Z", INVALID},
		{"2026-00-05T12:00:00Z", INVALID},
		{"2026-13-05T12:00:00Z", INVALID},
		{"2026-13-05T12:00:00", INVALID},
		{"2026-01-00T12:00:00Z", INVALID},
		{"2026-01-32T12:00:00Z", INVALID},
		{"2026-04-31T12:00:00Z", INVALID},
		{"2026-02-29T12:00:00Z", INVALID},
		{"2100-02-29T12:00:00Z", INVALID},
		{"2026/01/05T12:00:00Z", INVALID},
		{"2026-01-05T12.00.00Z", INVALID},
		{"+026-01-05T12:00:00Z", INVALID},
		{"2a26-01-05T12:00:00Z", INVALID},
		{"20260-1-05T12:00:00Z", INVALID},
		{"1767614400", INVALID},
		{"1969-12-31T23:59:59Z", INVALID},
		{"1970-01-01T00:30:00+01:00", INVALID},
		{"0000-01-01T00:00:00Z", INVALID},
		{"9999-12-31T23:59:60Z", INVALID},
		{"9999-12-31T23:59:59-00:01", INVALID},
		{"10000-01-01T00:00:00Z", INVALID},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int64_t		result = parse(cases[i].text, strlen(cases[i].text));

		if (!tap_ok(result == cases[i].expected, "text '%s'", cases[i].text))
			tap_note("got %" PRId64 ", expected %" PRId64, result, cases[i].expected);
	}
	tap_ok(parse("2026-01-05T12:00:00\0Z", 21) == INVALID, "a zero byte inside");
}

static void
test_unix(void)
{
	static const Case cases[] = {
		{"0", 0},
		{"-0", 0},
		{"1", 1000000},
		{"1767614400", INT64_C(1767614400000000)},
		{"1767614400.123456", INT64_C(1767614400123456)},
		{"1767614400.1234567", INT64_C(1767614400123456)},
		{"1767614400.9999999999999999999", INT64_C(1767614400999999)},
		{"1.7676144e9", INT64_C(1767614400000000)},
		{"17676144000000000000e-10", INT64_C(1767614400000000)},
		{"99999999999", INT64_C(99999999999000000)},
		{"99999999999.999999", INT64_C(99999999999999999)},
		{"100000000000", INT64_C(100000000000000)},
		{"1767614400123", INT64_C(1767614400123000)},
		{"1767614400123.456789", INT64_C(1767614400123456)},
		{"99999999999999", INT64_C(99999999999999000)},
		{"100000000000000", INT64_C(100000000000000)},
		{"1767614400123456", INT64_C(1767614400123456)},
		{"1767614400123456.789", INT64_C(1767614400123456)},
		{"99999999999999999", INT64_C(99999999999999999)},
		{"100000000000000000", INT64_C(100000000000000)},
		{"1767614400123456789", INT64_C(1767614400123456)},
		{"1767614400123456789.5", INT64_C(1767614400123456)},
		{"1e-400", 0},
		{"0e400", 0},
		{"0.0000001", 0},
		{"-0.0000001", 0},

		{"-1", INVALID},
		{"-0.000001", INVALID},
		{"-1767614400123", INVALID},
		{"1e400", INVALID},
		{"1e30", INVALID},
		{"18446744073709551616", INT64_C(18446744073709551)},
		{"184467440737095516160", INVALID},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		length = strlen(cases[i].text);
		int64_t		microseconds = 0;
		RigDecimal	decimal;
		RigTimestampResult status;
		int64_t		result;

		rig_decimal_scan(cases[i].text, cases[i].text + length, &decimal);
		status = rig_timestamp_from_unix(&decimal, &microseconds);
		result = outcome(status, microseconds);
		if (!tap_ok(result == cases[i].expected, "number %s", cases[i].text))
			tap_note("got %" PRId64 ", expected %" PRId64, result, cases[i].expected);
	}
}

/* Every day that exists, and random instants with random offsets, against gmtime. */
static void
test_calendar(void)
{
	bool		days = true;
	bool		offsets = true;
	RigRandom	random;
	char		text[64];
	struct tm	fields;

	for (int day = 0; day <= LAST_DAY && days; day++)
	{
		time_t		seconds = (time_t) day * SECONDS_PER_DAY;
		size_t		length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));

		days = parse(text, length) == (int64_t) seconds * 1000000;
	}
	tap_ok(days, "every day from 1970 to 9999 (%s)", text);

	rig_random_seed(&random, tap_seed());
	for (int i = 0; i < 100000 && offsets; i++)
	{
		time_t		seconds = (time_t) rig_random_below(&random, UINT32_MAX) + 2 * SECONDS_PER_DAY;
		int			minutes = (int) rig_random_below(&random, 2 * 24 * 60 - 1) - (24 * 60 - 1);
		int			magnitude = minutes < 0 ? -minutes : minutes;
		time_t		local = seconds + minutes * 60;
		int			fraction = (int) rig_random_below(&random, 1000000);
		size_t		length;

		fields = *gmtime(&local);
		length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &fields);
		length += (size_t) sprintf(text + length, ".%06d%c%02d:%02d", fraction, minutes < 0 ? '-' : '+',
								   magnitude / 60, magnitude % 60);
		offsets = parse(text, length) == (int64_t) seconds * 1000000 + fraction;
	}
	tap_ok(offsets, "random instants with offsets (%s)", text);
}

int
main(void)
{
	test_texts();
	test_unix();
	test_calendar();
	return tap_done();
}
