/*
 * Numbers in JSON notation, and their nearest double: bit-equal to strtod, in any
 * locale and at any length.
 */
#ifndef RIG_NUMBER_H
#define RIG_NUMBER_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "word_scan.h"

/* Bytes that the short form may look at: a sign and the sixteen behind it. */
#define RIG_NUMBER_SHORT_REACH 17

/* A number as it is written: (-1)^negative * significand * 10^exponent. */
typedef struct RigDecimal
{
	uint64_t	significand;	/* the first 19 significant digits, or all if fewer */
	int64_t		exponent;
	const char *text;			/* where it stands in the input, and its end */
	const char *end;
	bool		negative;
	bool		exact;			/* false if a nonzero digit did not fit significand */
} RigDecimal;

/*
 * Where the digits of a short number stand: a sensor sends most of its numbers alike, and
 * one that is laid out as expected is read without waiting for where it ends.
 */
typedef struct RigNumberLayout
{
	uint64_t	whole_bytes;	/* of the first word: what stands before the point */
	uint64_t	fraction_bytes; /* of the word one byte on: what stands behind it */
	double		power;			/* of ten, by which the digits are divided */
	uint32_t	others;			/* marks of rig_word_other_than_digits(), up to the end of the number */
	uint32_t	window;			/* which of the marks count */
	uint8_t		length;
	uint8_t		whole;			/* digits before the point */
	uint8_t		shift;			/* of the digits, to the top of a word */
	char		behind_whole;	/* the point, or the comma where there is none */
	char		refused_first;	/* a zero, where another digit follows; else what no number begins with */
} RigNumberLayout;

/* By the digits before and behind the point; those of none before it match no number. */
extern const RigNumberLayout rig_number_layouts[RIG_WORD_SIZE][RIG_WORD_SIZE];

/*
 * Scans the number that begins at `at` and never reads `end` or beyond. Returns the
 * byte behind it, or NULL with decimal->end at the byte that makes it no number.
 */
extern const char *rig_decimal_scan(const char *at, const char *end, RigDecimal *decimal);

/* Nearest double, ties to even, zero or denormal on underflow; false when beyond the largest. */
extern bool rig_decimal_to_double(const RigDecimal *decimal, double *result);

/* Where the sign leaves the number; the branch is predicted, so that nothing waits for the byte. */
RIG_ALWAYS_INLINE const char *
rig_number_skip_sign(const char *at, bool *negative)
{
	*negative = RIG_UNLIKELY(*at == '-');
	return RIG_UNLIKELY(*at == '-') ? at + 1 : at;
}

/*
 * Reads a number as sensors send them: at most 8 digits, perhaps with a point among them.
 * Returns NULL for any other form, and near the end of the input; then the two functions
 * above decide. Inline because every sensor of every message passes here.
 */
RIG_ALWAYS_INLINE const char *
rig_number_read_short(const char *at, const char *end, double *result, RigNumberLayout *layout)
{
	bool		negative;
	uint32_t	others;			/* bytes that are no digits, and the one behind them all */
	uint64_t	digits;
	unsigned int whole;
	unsigned int count;			/* digits in all */

	if (FLT_EVAL_METHOD != 0 || end - at < RIG_NUMBER_SHORT_REACH)
		return NULL;
	at = rig_number_skip_sign(at, &negative);
	others = rig_word_other_than_digits(at) | UINT32_C(1) << RIG_WORD_WIDE;
	whole = count = (unsigned int) __builtin_ctz(others);
	digits = rig_word_load(at);
	if (whole - 1 >= RIG_WORD_SIZE - 1 || (*at == '0') & (whole > 1))
		return NULL;
	if (at[whole] == '.')
	{
		/* What stands behind the point moves over it. */
		uint64_t	before = (UINT64_C(1) << 8 * whole) - 1;

		digits = (digits & before) | (rig_word_load(at + 1) & ~before);
		at++;
		count = (unsigned int) __builtin_ctz(others & (others - 1)) - 1;
		if (count == whole || count > RIG_WORD_SIZE)
			return NULL;
	}
	at += count;
	if ((*at | 0x20) == 'e')
		return NULL;
	*layout = rig_number_layouts[whole][count - whole];
	/* Division of two exact numbers rounds correctly (Clinger). */
	*result = (double) (int64_t) rig_word_digits(digits, (int) count) / layout->power;
	if (negative)
		*result = -*result;
	return at;
}

/*
 * Reads a number that is laid out as expected and has a comma behind it, else returns
 * NULL. All bytes within RIG_NUMBER_SHORT_REACH must be readable.
 */
RIG_ALWAYS_INLINE const char *
rig_number_read_expected(const RigNumberLayout *layout, const char *at, double *result)
{
	bool		negative;
	uint64_t	digits;

	at = rig_number_skip_sign(at, &negative);
	if (FLT_EVAL_METHOD != 0 || ((rig_word_other_than_digits(at) ^ layout->others) & layout->window) != 0)
		return NULL;
	if (at[layout->whole] != layout->behind_whole || *at == layout->refused_first)
		return NULL;
	digits = (rig_word_load(at) & layout->whole_bytes) | (rig_word_load(at + 1) & layout->fraction_bytes);
	*result = (double) (int64_t) rig_word_top_digits(digits << layout->shift) / layout->power;
	if (negative)
		*result = -*result;
	at += layout->length;
	return *at == ',' ? at : NULL;
}

#endif
