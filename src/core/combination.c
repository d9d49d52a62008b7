#include "combination.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "calibration.h"
#include "kernel.h"

#define PI 3.14159265358979323846
#define LOG10_2 0.30102999566398119521
#define LOG10_E 0.43429448190325182765
#define LN_10 2.30258509299404568402
#define TOGETHER 8
#define SQRT_2 1.41421356237309504880
#define ATAN_0_4 0.3805063771123649

/* ln 2 in two parts, the first of which has zeros enough to be multiplied exactly. */
#define LN_2_HIGH 6.93147180369123816490e-01
#define LN_2_LOW 1.90821492927058770002e-10

/* Adding it rounds a double to an integer, which its last bits then are. */
#define ROUNDER 6755399441055744.0

/* The bits of 2^52, whose last ones are an integer in the same way. */
#define INTEGER_BITS UINT64_C(0x4330000000000000)
#define EXPONENT_OFFSET (4503599627370496.0 + 1023)
#define MANTISSA_BITS UINT64_C(0x000fffffffffffff)
#define ONE_BITS UINT64_C(0x3ff0000000000000)

/* p is not taken for larger, or one detector that finds a reading perfectly usual would outvote all others. */
#define LN_LARGEST_P (-1.00050033358353436e-03)	/* of 0.999 */

/*
 * The functions of the C library work on one number at a time. Those below have no branch and
 * call nothing, so that the loop over the readings becomes one of vectors; they are exact to 1e-14
 * for the arguments that occur here.
 */
#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t
bits_of(double x)
{
	uint64_t	bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

INLINE double
from_bits(uint64_t bits)
{
	double		x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* The polynomial with these coefficients, the highest first. */
INLINE double
polynomial(const double *terms, int count, double x)
{
	double		sum = terms[0];

	for (int i = 1; i < count; i++)
		sum = sum * x + terms[i];
	return sum;
}

#define POLYNOMIAL(terms, x) polynomial(terms, (int) (sizeof(terms) / sizeof((terms)[0])), x)

/* exp(x) for -40 < x <= 0: 2^k e^r with |r| <= ln(2) / 2, e^r by its series. */
INLINE double
exponential(double x)
{
	const double terms[] = {
		1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
		1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1,
	};
	double		shifted = x * (1 / (LOG10_2 * LN_10)) + ROUNDER;
	double		k = shifted - ROUNDER;
	double		r = (x - k * LN_2_HIGH) - k * LN_2_LOW;

	return from_bits(bits_of(POLYNOMIAL(terms, r)) + (bits_of(shifted) << 52));
}

/* cot(x) for 0 < x < pi, as (c^2 - s^2) / (2 s c) of sine and cosine of x / 2, which are fdlibm's polynomials. */
INLINE double
cotangent(double x)
{
	const double sine[] = {
		1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
		-1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01, 1,
	};
	const double cosine[] = {
		-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
		2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02, -0.5, 1,
	};
	double		half = 0.5 * (x > PI / 2 ? PI - x : x);
	double		s = half * POLYNOMIAL(sine, half * half);
	double		c = POLYNOMIAL(cosine, half * half);
	double		result = (c - s) * (c + s) / (2 * s * c);

	return x > PI / 2 ? -result : result;
}

/* atan(x) for 0 <= x <= 1: that of the nearest of 0, 0.4 and 1, and the series for the rest. */
INLINE double
arctangent(double x)
{
	const double terms[] = {
		1.0 / 25, -1.0 / 23, 1.0 / 21, -1.0 / 19, 1.0 / 17, -1.0 / 15, 1.0 / 13, -1.0 / 11, 1.0 / 9, -1.0 / 7, 1.0 / 5,
		-1.0 / 3, 1,
	};
	double		nearest = x > 0.6 ? 1 : x > 0.2 ? 0.4 : 0;
	double		angle = x > 0.6 ? PI / 4 : x > 0.2 ? ATAN_0_4 : 0;
	double		rest = (x - nearest) / (1 + x * nearest);

	return angle + rest * POLYNOMIAL(terms, rest * rest);
}

/* -log10(x) for 0 < x: the exponent, and the mantissa m by the series of ln m = 2 artanh((m - 1) / (m + 1)). */
INLINE double
surprise_of(double x)
{
	const double terms[] = {
		1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1,
	};
	double		exponent = from_bits((bits_of(x) >> 52) | INTEGER_BITS) - EXPONENT_OFFSET;
	double		mantissa = from_bits((bits_of(x) & MANTISSA_BITS) | ONE_BITS);
	bool		large = mantissa > SQRT_2;
	double		m = large ? 0.5 * mantissa : mantissa;
	double		part = (m - 1) / (m + 1);

	return -((large ? exponent + 1 : exponent) * LOG10_2 + 2 * LOG10_E * part * POLYNOMIAL(terms, part * part));
}

/* The Cauchy quantile tan((0.5 - p) pi) of p = 10^-surprise. */
INLINE double
quantile_of(double surprise)
{
	double		x = -LN_10 * (surprise < (double) RIG_SURPRISE_MAX ? surprise : (double) RIG_SURPRISE_MAX);

	return cotangent(PI * exponential(x > LN_LARGEST_P ? LN_LARGEST_P : x));
}

/* The surprise of a Cauchy quantile: p = 0.5 - atan(quantile) / pi, which is arccot(quantile) / pi. */
INLINE double
judge_quantile(double quantile)
{
	double		size = fabs(quantile);
	double		inverse = 1 / size;
	double		angle = arctangent(size > 1 ? inverse : size);
	double		acute = size > 1 ? angle : PI / 2 - angle;
	double		surprise = surprise_of((quantile < 0 ? PI - acute : acute) * (1 / PI));

	return surprise < (double) RIG_SURPRISE_MAX ? surprise : (double) RIG_SURPRISE_MAX;
}

/* rows is not a constant, because what would be unrolled is not made a loop of vectors. */
RIG_KERNEL static void
combine(const float *surprises, const float *weights, int n, int rows, double *combined)
{
	double		sums[RIG_COMBINED_ROWS] = {0};
	double		totals[RIG_COMBINED_ROWS] = {0};

	for (int d = 0; d < n; d++)
	{
		double		weight = (double) weights[d];

		for (int r = 0; r < rows; r++)
		{
			double		surprise = (double) surprises[d * RIG_COMBINED_ROWS + r];
			double		quantile = quantile_of(surprise);

			sums[r] += surprise == surprise ? weight * quantile : 0;
			totals[r] += surprise == surprise ? weight : 0;
		}
	}
	for (int r = 0; r < rows; r++)
	{
		double		surprise = judge_quantile(sums[r] / totals[r]);

		combined[r] = totals[r] > 0 ? surprise : (double) NAN;
	}
}

void
rig_combine_cauchy_rows(float *surprises, const float *weights, int n, int rows, double *combined)
{
	/* Whole vectors, so that every reading takes the same way. */
	int			filled = (rows + TOGETHER - 1) / TOGETHER * TOGETHER;

	for (int d = 0; d < n; d++)
		for (int r = rows; r < filled; r++)
			surprises[d * RIG_COMBINED_ROWS + r] = NAN;
	combine(surprises, weights, n, filled, combined);
}

double
rig_combine_cauchy(const float *surprises, const float *weights, int n)
{
	float		rows[RIG_COMBINED_DETECTORS * RIG_COMBINED_ROWS];
	double		combined[RIG_COMBINED_ROWS];

	for (int d = 0; d < n; d++)
		for (int r = 0; r < TOGETHER; r++)
			rows[d * RIG_COMBINED_ROWS + r] = surprises[d];
	combine(rows, weights, n, TOGETHER, combined);
	return combined[0];
}

double
rig_combine_min(const float *surprises, const float *weights, int n)
{
	double		largest = NAN;
	int			count = 0;

	for (int i = 0; i < n; i++)
	{
		if (isnan(surprises[i]) || weights[i] <= 0)
			continue;
		largest = fmax(largest, (double) surprises[i]);
		count++;
	}
	return count == 0 ? NAN : fmax(largest - log10(count), 0);
}
