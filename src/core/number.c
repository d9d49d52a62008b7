#include "number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* One more digit always fits below this. */
#define SIGNIFICAND_FULL UINT64_C(1000000000000000000)

/* A word of digits more fits below this, and does not fill it. */
#define SIGNIFICAND_HAS_ROOM UINT64_C(10000000000)

/* Stops the count long before it overflows; no payload has so many digits to make up for it. */
#define EXPONENT_FULL INT64_C(1000000000000000)

/* 767 digits decide every rounding; what follows only matters as zero or not. */
#define LONG_DIGITS 800
#define LONG_EXPONENT 5000

/* Bytes of a word before the byte of this number. */
#define BYTES_BEFORE(byte) ((UINT64_C(1) << 8 * (byte)) - 1)

#define BEHIND_WHOLE(behind) ((behind) > 0 ? '.' : ',')

#define LAYOUT(before, behind, ten)                                                                        \
	{                                                                                                      \
		.whole_bytes = (behind) > 0 ? BYTES_BEFORE(before) : UINT64_MAX,                                   \
		.fraction_bytes = (behind) > 0 ? ~BYTES_BEFORE(before) : 0,                                        \
		.power = (ten),                                                                                    \
		.others = UINT32_C(1) << (before) | ((behind) > 0 ? UINT32_C(1) << ((before) + 1 + (behind)) : 0), \
		.window = (UINT32_C(2) << ((before) + ((behind) > 0) + (behind))) - 1,                             \
		.length = (before) + ((behind) > 0) + (behind),                                                    \
		.whole = (before),                                                                                 \
		.shift = (64 - 8 * ((before) + (behind))) & 63,                                                    \
		.behind_whole = BEHIND_WHOLE(behind),                                                              \
		.refused_first = (before) > 1 ? '0' : BEHIND_WHOLE(behind)                                         \
	}

#define LAYOUTS(before)                                                                                    \
	{                                                                                                      \
		LAYOUT(before, 0, 1e0), LAYOUT(before, 1, 1e1), LAYOUT(before, 2, 1e2), LAYOUT(before, 3, 1e3),    \
			LAYOUT(before, 4, 1e4), LAYOUT(before, 5, 1e5), LAYOUT(before, 6, 1e6), LAYOUT(before, 7, 1e7) \
	}

/* Without a digit before the point, the first byte would have to be what is refused. */
const RigNumberLayout rig_number_layouts[RIG_WORD_SIZE][RIG_WORD_SIZE] = {
	LAYOUTS(0), LAYOUTS(1), LAYOUTS(2), LAYOUTS(3), LAYOUTS(4), LAYOUTS(5), LAYOUTS(6), LAYOUTS(7)
};

static inline bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Adds digits to the significand; *scale counts how many of them moved it. */
static const char *
scan_digits(const char *at, const char *end, RigDecimal *decimal, int64_t *scale)
{
	uint64_t	significand = decimal->significand;
	const char *start = at;
	int64_t		dropped = 0;

	while (significand < SIGNIFICAND_HAS_ROOM && end - at >= RIG_WORD_SIZE)
	{
		uint64_t	word = rig_word_load(at);

		if (rig_word_digit_count(word) < RIG_WORD_SIZE)
			break;
		significand = significand * 100000000 + rig_word_digits(word, RIG_WORD_SIZE);
		at += RIG_WORD_SIZE;
	}
	for (; at < end && is_digit(*at); at++)
	{
		unsigned int digit = (unsigned int) (*at - '0');

		if (significand < SIGNIFICAND_FULL)
			significand = significand * 10 + digit;
		else
		{
			dropped++;
			if (digit != 0)
				decimal->exact = false;
		}
	}
	decimal->significand = significand;
	*scale = (at - start) - dropped;
	return at;
}

/* Scans what follows the letter e. */
static const char *
scan_exponent(const char *at, const char *end, int64_t *exponent)
{
	bool		negative = false;
	int64_t		value = 0;
	const char *start;

	if (at < end && (*at == '+' || *at == '-'))
		negative = *at++ == '-';
	start = at;
	for (; at < end && is_digit(*at); at++)
	{
		if (value < EXPONENT_FULL)
			value = value * 10 + (*at - '0');
	}
	*exponent = negative ? -value : value;
	return at > start ? at : NULL;
}

static const char *
refuse_number(RigDecimal *decimal, const char *at)
{
	decimal->end = at;
	return NULL;
}

/* The whole grammar, behind the sign. */
static const char *
scan_number(const char *at, const char *end, RigDecimal *decimal)
{
	int64_t		scale;
	const char *start = at;

	decimal->significand = 0;
	decimal->exponent = 0;
	decimal->exact = true;
	if (at == end || !is_digit(*at))
		return refuse_number(decimal, at);
	if (*at == '0')
		at++;
	else
	{
		at = scan_digits(at, end, decimal, &scale);
		decimal->exponent = (at - start) - scale;
	}
	if (at < end && *at == '.')
	{
		start = at + 1;
		at = scan_digits(start, end, decimal, &scale);
		if (at == start)
			return refuse_number(decimal, at);
		decimal->exponent -= scale;
	}
	if (at < end && (*at == 'e' || *at == 'E'))
	{
		start = at + 1;
		at = scan_exponent(start, end, &scale);
		if (at == NULL)
		{
			bool		has_sign = start < end && (*start == '+' || *start == '-');

			return refuse_number(decimal, start + has_sign);
		}
		decimal->exponent += scale;
	}
	decimal->end = at;
	return at;
}

const char *
rig_decimal_scan(const char *at, const char *end, RigDecimal *decimal)
{
	decimal->text = at;
	decimal->negative = at < end && *at == '-';
	return scan_number(at + decimal->negative, end, decimal);
}

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 uint128;

#define FIVES_COUNT 28			/* 5^27 is the last that fits 63 bits */

static const uint64_t fives[FIVES_COUNT] = {
	UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625), UINT64_C(3125),
	UINT64_C(15625), UINT64_C(78125), UINT64_C(390625), UINT64_C(1953125), UINT64_C(9765625),
	UINT64_C(48828125), UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625),
	UINT64_C(30517578125), UINT64_C(152587890625), UINT64_C(762939453125),
	UINT64_C(3814697265625), UINT64_C(19073486328125), UINT64_C(95367431640625),
	UINT64_C(476837158203125), UINT64_C(2384185791015625), UINT64_C(11920928955078125),
	UINT64_C(59604644775390625), UINT64_C(298023223876953125),
UINT64_C(1490116119384765625), UINT64_C(7450580596923828125)};

/* Rounds bits * 2^exponent, ties to even; bits has its top bit set and its lowest is sticky. */
static double
round_bits(uint64_t bits, int exponent)
{
	uint64_t	kept = bits >> 11;
	uint64_t	rest = bits & 0x7ff;

	if (rest > 0x400 || (rest == 0x400 && (kept & 1) != 0))
		kept++;
	return ldexp((double) kept, exponent + 11);
}

/* Multiplies by a power of ten in 128 bits, where product and remainder are exact. */
static double
scale_integer(uint64_t significand, int exponent)
{
	int			shift = __builtin_clzll(significand);
	uint64_t	bits;
	bool		sticky;
	int			binary;			/* value = bits * 2^binary, bits rounded down */

	significand <<= shift;
	if (exponent >= 0)
	{
		uint128		product = (uint128) significand * fives[exponent];

		binary = exponent - shift + 64;
		/* The factors reach 2^63 and 1, so the product may be short of 128 bits by 64. */
		bits = (uint64_t) (product >> 64);
		shift = bits != 0 ? __builtin_clzll(bits) : 64;
		if (shift > 0)
			product <<= shift;
		binary -= shift;
		bits = (uint64_t) (product >> 64);
		sticky = (uint64_t) product != 0;
	}
	else
	{
		uint64_t	divisor = fives[-exponent];
		int			divisor_shift = __builtin_clzll(divisor);
		uint128		dividend = (uint128) significand << 63;

		divisor <<= divisor_shift;
		bits = (uint64_t) (dividend / divisor);
		sticky = (uint64_t) dividend != bits * divisor;
		binary = exponent - shift + divisor_shift - 63;
		shift = __builtin_clzll(bits);
		bits <<= shift;
		binary -= shift;
	}
	return round_bits(bits | sticky, binary);
}
#endif

/* True when the double follows from one exact operation; covers all but extreme numbers. */
static bool
convert_short(const RigDecimal *decimal, double *result)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	int64_t		exponent = decimal->exponent;

	if (!decimal->exact)
		return false;
#if FLT_EVAL_METHOD == 0
	/* Both operands are exact, so that the one operation rounds correctly (Clinger). */
	if (decimal->significand <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22)
	{
		double		number = (double) decimal->significand;

		*result = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
		return true;
	}
#endif
	if (decimal->significand == 0)
	{
		*result = 0;
		return true;
	}
#ifdef __SIZEOF_INT128__
	if (exponent > -FIVES_COUNT && exponent < FIVES_COUNT)
	{
		*result = scale_integer(decimal->significand, (int) exponent);
		return true;
	}
#endif
	return false;
}

/* Appends the digits of an integer. */
static char *
write_integer(char *out, uint64_t value)
{
	char		digits[20];
	int			count = 0;

	do
		digits[count++] = (char) ('0' + value % 10);
	while ((value /= 10) != 0);
	while (count > 0)
		*out++ = digits[--count];
	return out;
}

/* Copies the significant digits of the text; *exponent becomes that of the last one written. */
static char *
write_long_digits(char *out, const RigDecimal *decimal, int64_t *exponent)
{
	const char *start = out;
	bool		sticky = false;

	for (const char *at = decimal->text; at < decimal->end && (*at | 0x20) != 'e'; at++)
	{
		if (!is_digit(*at) || (*at == '0' && out == start))
			continue;
		if (out - start < LONG_DIGITS)
			*out++ = *at;
		else if (*at != '0')
			sticky = true;
	}
	if (sticky)
		*out++ = '1';
	*exponent = decimal->exponent - ((out - start) - 19);
	return out;
}

/* Lets strtod convert an equal number of bounded length, whole so that no locale matters. */
static double
convert_long(const RigDecimal *decimal)
{
	char		copy[LONG_DIGITS + 32];
	char	   *out = copy;
	int64_t		exponent = decimal->exponent;
	int			saved_errno = errno;
	double		result;

	if (decimal->exact)
		out = write_integer(out, decimal->significand);
	else
		out = write_long_digits(out, decimal, &exponent);
	*out++ = 'e';
	if (exponent < 0)
		*out++ = '-';
	exponent = exponent < 0 ? -exponent : exponent;
	out = write_integer(out, (uint64_t) (exponent < LONG_EXPONENT ? exponent : LONG_EXPONENT));
	*out = '\0';
	result = strtod(copy, NULL);
	errno = saved_errno;
	return result;
}

bool
rig_decimal_to_double(const RigDecimal *decimal, double *result)
{
	double		magnitude;

	if (!convert_short(decimal, &magnitude))
		magnitude = convert_long(decimal);
	if (isinf(magnitude))
	{
		*result = 0;
		return false;
	}
	*result = decimal->negative ? -magnitude : magnitude;
	return true;
}
