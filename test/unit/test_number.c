#include <math.h>
#include <string.h>

#include "number.h"
#include "random.h"
#include "tap.h"

#define ROUNDS 200000
#define MAX_TEXT 4096

/* Of the last number of the short form, whatever it was: what the next one is expected to be like. */
static RigNumberLayout layout;

/* True when a number that is read as expected, if it is, ends at its comma and is this one. */
static bool
agrees_with_layout(const char *text, size_t length, double expected)
{
	double		result;
	const char *end = rig_number_read_expected(&layout, text, &result);

	return end == NULL || (end == text + length && memcmp(&result, &expected, sizeof(double)) == 0);
}

/* Converts like the parser: the short form first. false when beyond the largest double. */
static bool
convert(const char *text, size_t length, double *result)
{
	/* A block of exactly this size lets the sanitizer see a byte read too far. */
	char	   *bytes = malloc(length > 0 ? length : 1);
	const char *end = bytes + length;
	RigDecimal	decimal;
	double		short_result;
	const char *short_end;
	bool		in_range = true;

	memcpy(bytes, text, length);
	if (rig_decimal_scan(bytes, end, &decimal) != end)
	{
		tap_note("not scanned to its end: %.200s", text);
		exit(EXIT_FAILURE);
	}
	in_range = rig_decimal_to_double(&decimal, result);
	short_end = rig_number_read_short(bytes, end, &short_result, &layout);
	if (short_end != NULL && (short_end != end || memcmp(&short_result, result, sizeof(double)) != 0))
	{
		tap_note("the short form disagrees: %.200s", text);
		exit(EXIT_FAILURE);
	}
	free(bytes);
	return in_range;
}

/* True when the text, also followed by more input, converts as by strtod. */
static bool
equals_strtod(const char *text)
{
	double		expected = strtod(text, NULL);
	double		result;
	bool		in_range = convert(text, strlen(text), &result);
	char		padded[MAX_TEXT + 32];
	double		short_result;
	const char *short_end;

	if (isinf(expected) ? in_range : !in_range || memcmp(&result, &expected, sizeof(double)) != 0)
	{
		tap_note("differs from strtod: %.300s gives %a, not %a", text, in_range ? result : INFINITY, expected);
		return false;
	}
	snprintf(padded, sizeof(padded), "%s,\"next key\":1234567", text);
	if (!agrees_with_layout(padded, strlen(text), expected))
	{
		tap_note("the layout of the number before is taken for that of %.300s", text);
		return false;
	}
	short_end = rig_number_read_short(padded, padded + strlen(padded), &short_result, &layout);
	if (short_end == NULL)
		return true;
	if (memcmp(&short_result, &expected, sizeof(double)) != 0)
	{
		tap_note("short form differs from strtod: %.300s gives %a, not %a", text, short_result, expected);
		return false;
	}
	if (rig_number_read_expected(&layout, padded, &short_result) == NULL ||
		!agrees_with_layout(padded, strlen(text), expected))
	{
		tap_note("not read by its own layout: %.300s", text);
		return false;
	}
	return true;
}

static double
random_double(RigRandom *random)
{
	double		number;

	do
	{
		uint64_t	bits = rig_random_next(random);

		memcpy(&number, &bits, sizeof(number));
	} while (!isfinite(number));
	return number;
}

static void
test_formats(RigRandom *random)
{
	static const char *const formats[] = {"%.17g", "%.16g", "%.15g", "%.9g", "%.4f", "%.0f", "%.12f", "%.25e", "%.40f"};
	char		text[MAX_TEXT];

	for (size_t format = 0; format < sizeof(formats) / sizeof(formats[0]); format++)
	{
		bool		equal = true;

		for (int i = 0; i < ROUNDS && equal; i++)
		{
			/* Half of them of the size that sensors have. */
			bool		usual = i % 2 == 0 || strchr(formats[format], 'f') != NULL;
			double		number = usual ? (rig_random_uniform(random) - 0.5) * pow(10, rig_random_below(random, 12))
				: random_double(random);

			snprintf(text, sizeof(text), formats[format], number);
			equal = equals_strtod(text);
		}
		tap_ok(equal, "doubles printed with %s", formats[format]);
	}
}

/* Random digits with a point and an exponent anywhere. */
static void
write_random_number(char *text, RigRandom *random, int max_digits)
{
	int			digits = 1 + (int) rig_random_below(random, (uint32_t) max_digits);
	int			point = (int) rig_random_below(random, 2) == 0 ? -1 : (int) rig_random_below(random, (uint32_t) digits);

	if (rig_random_below(random, 2) == 0)
		*text++ = '-';
	if (point == 0)
		*text++ = '0';
	for (int i = 0; i < digits; i++)
	{
		if (i == point)
			*text++ = '.';
		/* Runs of nines and zeros make near ties. */
		*text++ = (char) ('0' + (rig_random_below(random, 3) == 0 ? 9 * rig_random_below(random, 2)
								 : rig_random_below(random, 10)));
		if (i == 0 && point != 0 && text[-1] == '0')
			text[-1] = '1';
	}
	if (rig_random_below(random, 2) == 0)
		text += sprintf(text, "%c%s%u", "eE"[rig_random_below(random, 2)],
						(const char *[]) {"", "+", "-"}[rig_random_below(random, 3)], rig_random_below(random, 340));
	*text = '\0';
}

static void
test_digits(RigRandom *random)
{
	static const int limits[] = {8, 19, 25, 60, 1200};
	char		text[MAX_TEXT];

	for (size_t limit = 0; limit < sizeof(limits) / sizeof(limits[0]); limit++)
	{
		bool		equal = true;

		for (int i = 0; i < ROUNDS / (limits[limit] > 100 ? 20 : 1) && equal; i++)
		{
			write_random_number(text, random, limits[limit]);
			equal = equals_strtod(text);
		}
		tap_ok(equal, "random texts of up to %d digits", limits[limit]);
	}
}

/* Exact decimal midpoints of neighbouring doubles, and the texts next to them. */
static void
test_halfway(RigRandom *random)
{
	char		text[MAX_TEXT];
	bool		equal = true;

	for (int i = 0; i < ROUNDS / 4 && equal; i++)
	{
		/* m + 1/2 with a 53-bit m needs 54 bits: long double or 64-bit integers hold it exactly. */
		uint64_t	twice = (rig_random_next(random) >> 11 | UINT64_C(1) << 52) * 2 + 1;
		int			shift = (int) rig_random_below(random, 10);
		size_t		length;

		length = (size_t) sprintf(text, "%" PRIu64, twice << shift);
		equal = equals_strtod(text);
		sprintf(text + length, ".%0*d1", (int) rig_random_below(random, 900) + 1, 0);
		equal = equal && equals_strtod(text);
		sprintf(text, "%" PRIu64 ".%0*d", (twice << shift) - 1, (int) rig_random_below(random, 900) + 1, 0);
		for (char *digit = strchr(text, '.') + 1; *digit != '\0'; digit++)
			*digit = '9';
		equal = equal && equals_strtod(text);
		/* The same value with its decimals: m + 1/2 as m.5. */
		sprintf(text, "%" PRIu64 ".5", twice / 2);
		equal = equal && equals_strtod(text);
	}
	tap_ok(equal, "midpoints between doubles, and what lies beside them");
}

/* Multiples of powers of ten where only exact arithmetic finds the side of the tie. */
static void
test_scaled(RigRandom *random)
{
	char		text[MAX_TEXT];
	bool		equal = true;

	for (int exponent = -400; exponent <= 400 && equal; exponent++)
	{
		for (int i = 0; i < 200 && equal; i++)
		{
			uint64_t	significand = rig_random_next(random) >> rig_random_below(random, 64);

			sprintf(text, "%" PRIu64 "e%d", significand, exponent);
			equal = equals_strtod(text);
		}
	}
	tap_ok(equal, "integers of every size times every power of ten");
}

static void
test_special(void)
{
	static const char *const texts[] = {
		"0", "-0", "0.0", "-0.0000", "0e999999999999999999999999", "-0e-5", "1", "-1", "9007199254740993",
		"9007199254740992", "9007199254740991", "18446744073709551615", "18446744073709551616", "1e22", "1e23",
		"123456789012345678e4", "1e27", "1e28", "7e-27", "7e-28", "1e308", "1.7976931348623157e308",
		"1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e309", "1e400", "1E+400", "4.9e-324",
		"2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
		"1e-400", "-1e-400", "1e99999999999999999999999", "1e-99999999999999999999999", "0.1", "0.3",
		"1.00000000000000011102230246251565404236316680908203125",
		"1.00000000000000011102230246251565404236316680908203124",
		"1.00000000000000011102230246251565404236316680908203126", "10000000000000000000", "99999999999999999999",
		"1234567", "12345678", "1234567.1234567", "1234567.12345678", "0.00000001", "100000000000000000000.5"
	};
	double		result;
	char	   *text = malloc(2000010);
	bool		equal = true;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		tap_ok(equals_strtod(texts[i]), "%s", texts[i]);
	tap_ok(convert("-0", 2, &result) && result == 0 && signbit(result), "-0 keeps its sign");

	/* A million zeros and an exponent that takes them back. */
	sprintf(text, "0.%0*d1e1000001", 1000000, 0);
	equal = convert(text, strlen(text), &result) && result == 1;
	sprintf(text, "1%0*de-1000000", 1000000, 0);
	equal = equal && convert(text, strlen(text), &result) && result == 1;
	memset(text, '7', 2000000);
	text[1] = '.';
	text[2000000] = '\0';
	equal = equal && convert(text, 2000000, &result) && result == strtod(text, NULL);
	tap_ok(equal, "two million digits");
	free(text);
}

static void
test_grammar(void)
{
	/* Texts and how many bytes of them are a number; negative: none, wrong at the byte of that number. */
	static const struct
	{
		const char *text;
		int			length;
	}			cases[] = {
		{"", -1}, {"-", -2}, {"+1", -1}, {".5", -1}, {"-.5", -2}, {"1.", -3}, {"1.e5", -3}, {"1e", -3},
		{"1e+", -4}, {"1e-x", -4}, {"1ex", -3}, {"x", -1}, {"-x", -2}, {"01", 1}, {"-01", 2}, {"00", 1},
		{"0x10", 1}, {"1.5.5", 3}, {"1e5e5", 3}, {"12,", 2}, {"1.25}", 4}, {"1E5 ", 3}, {"1 e5", 1}, {"1_000", 1},
		{"0.5e-3]", 6}, {"12345678901234567890123456789,", 29},
		{"1/222222222222222222", 1}, {"1:222222222222222222", 1}, {"1234567e3,111111111", 9}, {"00000000000000000000", 1}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		size_t		length = strlen(cases[i].text);
		char	   *bytes = malloc(length > 0 ? length : 1);
		double		number;
		RigDecimal	decimal;
		const char *end;
		const char *short_end;
		char		padded[64];
		int			result;

		memcpy(bytes, cases[i].text, length);
		end = rig_decimal_scan(bytes, bytes + length, &decimal);
		result = (int) (end != NULL ? end - bytes : -1 - (decimal.end - bytes));
		short_end = rig_number_read_short(bytes, bytes + length, &number, &layout);
		tap_ok(result == cases[i].length && (short_end == NULL || short_end - bytes == result),
			   "'%s' is a number for %d bytes (%d)", cases[i].text, cases[i].length, result);
		snprintf(padded, sizeof(padded), "%s,                    ", cases[i].text);
		for (int whole = 0; whole < RIG_WORD_SIZE; whole++)
			for (int behind = 0; whole + behind <= RIG_WORD_SIZE; behind++)
				if (behind < RIG_WORD_SIZE &&
					(end = rig_number_read_expected(&rig_number_layouts[whole][behind], padded, &number)) != NULL)
					tap_ok(end - padded == result && *end == ',', "and so it is where it is expected");
		free(bytes);
	}
}

int
main(void)
{
	RigRandom	random;

	rig_random_seed(&random, tap_seed());
	test_grammar();
	test_special();
	test_formats(&random);
	test_digits(&random);
	test_halfway(&random);
	test_scaled(&random);
	return tap_done();
}
