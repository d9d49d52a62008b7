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

/* Bytes that the short form may look at: sign, 7 digits, point, 7 digits, the byte behind. */
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
 * Scans the number that begins at `at` and never reads `end` or beyond. Returns the
 * byte behind it, or NULL with decimal->end at the byte that makes it no number.
 */
extern const char *rig_decimal_scan(const char *at, const char *end, RigDecimal *decimal);

/* Nearest double, ties to even, zero or denormal on underflow; false when beyond the largest. */
extern bool rig_decimal_to_double(const RigDecimal *decimal, double *result);

/*
 * Reads a number as sensors send them: at most 7 digits, perhaps a point and at most 7
 * more. Returns NULL for any other form, and near the end of the input; then the two
 * functions above decide. Inline because every sensor of every message passes here.
 */
static inline const char *
rig_number_read_short(const char *at, const char *end, double *result)
{
	/* Division of two exact numbers rounds correctly (Clinger), also by a negative power. */
	static const double powers[2][RIG_WORD_SIZE] = {
		{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7},
		{-1e0, -1e1, -1e2, -1e3, -1e4, -1e5, -1e6, -1e7}
	};
	static const uint32_t whole_powers[RIG_WORD_SIZE] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
	size_t		negative;
	uint64_t	word;
	uint64_t	significand;
	int			count;

	if (FLT_EVAL_METHOD != 0 || end - at < RIG_NUMBER_SHORT_REACH)
		return NULL;
	negative = *at == '-';
	at += negative;
	word = rig_word_load(at);
	count = rig_word_digit_count(word);
	if (count == 0 || count == RIG_WORD_SIZE || (*at == '0' && count > 1))
		return NULL;
	significand = rig_word_digits(word, count);
	at += count;
	count = 0;
	if (*at == '.')
	{
		word = rig_word_load(at + 1);
		count = rig_word_digit_count(word);
		if (count == 0 || count == RIG_WORD_SIZE)
			return NULL;
		significand = significand * whole_powers[count] + rig_word_digits(word, count);
		at += 1 + count;
	}
	if ((*at | 0x20) == 'e')
		return NULL;
	*result = (double) (int64_t) significand / powers[negative][count];
	return at;
}

#endif
