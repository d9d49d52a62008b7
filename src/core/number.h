/*
 * Numbers in JSON notation, and their nearest double: bit-equal to strtod, in any
 * locale and at any length.
 */
#ifndef RIG_NUMBER_H
#define RIG_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

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

#endif
