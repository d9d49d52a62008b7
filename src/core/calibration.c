#include "calibration.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LOG10_E 0.43429448190325182765

/* The tail is learnt from at least so many scores. */
#define LEAST_TAIL 10

/*
 * The shape of the tail is learnt from few scores, so it is drawn towards that of a moderately
 * heavy tail as if so many more scores had said so. It is never taken for bounded: a score just
 * beyond all earlier ones is not impossible.
 */
#define PRIOR_SHAPE 0.25
#define PRIOR_SCORES 10.0
#define LARGEST_SHAPE 0.9

/* Points that are searched together, and compared at a time. */
#define GROUP 32
#define LANES 4
typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t QuadBits __attribute__((vector_size(16)));

/* Below this the tail is exponential, and the general formula would divide by nothing. */
#define LEAST_SHAPE 1e-6f

RigCalibrationOptions
rig_calibration_defaults(void)
{
	return (RigCalibrationOptions) {.tail_share = 0.02};
}

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

/* Scores of the sorted ones that are at least as large. */
static int64_t
count_from(const float *sorted, int64_t n, float score)
{
	int64_t		low = 0;
	int64_t		high = n;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (sorted[middle] < score)
			low = middle + 1;
		else
			high = middle;
	}
	return n - low;
}

/* -log10 of the conformal p-value of a score among n that are worth effective ones. */
static double
conformal(const float *sorted, int64_t n, double effective, float score)
{
	double		share = (double) count_from(sorted, n, score) / (double) n;

	return -log10((1 + share * effective) / (effective + 1));
}

/*
 * Probability-weighted moments of the excesses (Hosking and Wallis 1987), with the shape drawn
 * towards its prior and the scale such that the mean stays.
 */
static void
fit_tail(RigCalibration *calibration, const float *sorted, int64_t n, int64_t count, double worth)
{
	double		mean = 0;
	double		weighted = 0;
	double		shape = 0;

	for (int64_t i = 0; i < count; i++)
	{
		double		excess = (double) sorted[n - count + i] - (double) calibration->threshold;

		mean += excess / (double) count;
		weighted += excess * (1 - ((double) i + 0.65) / (double) count) / (double) count;
	}
	if (mean > 2 * weighted)
		shape = 2 - mean / (mean - 2 * weighted);
	shape = fmin(fmax(shape, -0.5), LARGEST_SHAPE);
	shape = (worth * shape + PRIOR_SCORES * PRIOR_SHAPE) / (worth + PRIOR_SCORES);
	calibration->shape = (float) fmax(shape, 0);
	calibration->scale = (float) (mean * (1 - calibration->shape));
	/* A tail of equal scores has no width of its own; that of the whole is the best guess. */
	if (!(calibration->scale > 1e-6f * (sorted[n - 1] - sorted[0])))
		calibration->scale = sorted[n - 1] - sorted[0];
}

RigStatus
rig_calibration_fit(RigCalibration *calibration, RigArena *scratch, const float *scores, int64_t n,
					const RigCalibrationOptions *options)
{
	RigCalibrationOptions defaults = rig_calibration_defaults();
	float	   *sorted;
	int64_t		count = 0;
	int64_t		tail;
	double		effective;
	double		share;

	if (options == NULL)
		options = &defaults;
	if (!(options->tail_share > 0 && options->tail_share <= 0.5) || !(options->effective_count >= 0) || n < 0)
		return RIG_INVALID_ARGUMENT;
	sorted = rig_arena_allocate(scratch, (size_t) (n > 0 ? n : 1) * sizeof(float));
	if (sorted == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t i = 0; i < n; i++)
		if (isfinite(scores[i]))
			sorted[count++] = scores[i];
	if (count < RIG_CALIBRATION_MIN_SCORES)
		return RIG_INVALID_ARGUMENT;
	qsort(sorted, (size_t) count, sizeof(float), compare_floats);
	if (sorted[0] == sorted[count - 1])
		return RIG_INVALID_ARGUMENT;
	effective = options->effective_count > 0 ? fmin(options->effective_count, (double) count) : (double) count;
	tail = (int64_t) ceil(options->tail_share * (double) count);
	tail = tail < LEAST_TAIL ? LEAST_TAIL : tail;
	*calibration = (RigCalibration) {.count = count, .threshold = sorted[count - tail - 1], .limit = RIG_SURPRISE_MAX};
	share = pow(10, -conformal(sorted, count, effective, calibration->threshold));
	calibration->share = (float) share;
	for (int i = 0; i < RIG_CALIBRATION_POINTS; i++)
	{
		double		p = pow(share, (double) i / (RIG_CALIBRATION_POINTS - 1));
		/* The score whose conformal p-value is the next that is not below p. */
		int64_t		rank = count - (int64_t) ceil((p * (effective + 1) - 1) / effective * (double) count);

		/* Rounding must not lead beyond either end. */
		rank = i == RIG_CALIBRATION_POINTS - 1 || rank >= count - tail ? count - tail - 1 : rank < 0 ? 0 : rank;
		calibration->scores[i] = sorted[rank];
		calibration->surprise[i] = (float) conformal(sorted, count, effective, sorted[rank]);
	}
	fit_tail(calibration, sorted, count, tail, (double) tail * effective / (double) count);
	return RIG_OK;
}

bool
rig_calibration_check(const RigCalibration *calibration)
{
	const float *scores = calibration->scores;
	const float *surprise = calibration->surprise;

	if (calibration->count < RIG_CALIBRATION_MIN_SCORES || !(calibration->scale > 0) || !isfinite(calibration->scale) ||
		!(calibration->shape >= 0 && calibration->shape < 1) || !(calibration->share > 0 && calibration->share <= 1) ||
		!(calibration->limit > 0 && calibration->limit <= RIG_SURPRISE_MAX) ||
		!(calibration->beyond >= 0 && calibration->beyond <= 1) ||
		calibration->threshold != scores[RIG_CALIBRATION_POINTS - 1])
		return false;
	for (int i = 0; i < RIG_CALIBRATION_POINTS; i++)
	{
		if (!isfinite(scores[i]) || !(surprise[i] >= 0 && surprise[i] <= RIG_SURPRISE_MAX))
			return false;
		if (i > 0 && (scores[i] < scores[i - 1] || surprise[i] < surprise[i - 1]))
			return false;
	}
	return true;
}

static float
tail_surprise(const RigCalibration *calibration, float score)
{
	float		excess = (score - calibration->threshold) / calibration->scale;
	float		surprise = calibration->surprise[RIG_CALIBRATION_POINTS - 1];

	if (calibration->shape > LEAST_SHAPE)
		surprise += log10f(1 + calibration->shape * excess) / calibration->shape;
	else
		surprise += excess * (float) LOG10_E;
	return surprise < FLT_MAX ? surprise : FLT_MAX;
}

/* The last of the ascending points that is not above the score; the first one is not. */
static int
find_point(const float *points, float score)
{
	Quad		scores = {score, score, score, score};
	QuadBits	count = {0};
	int			group = 0;

	/* Comparisons that need not wait for each other, instead of the nine of a binary search that do. */
#pragma GCC unroll 16
	for (int i = 1; i < RIG_CALIBRATION_POINTS / GROUP; i++)
		group += points[i * GROUP] <= score;
	points += group * GROUP;
#pragma GCC unroll 8
	for (int i = 0; i < GROUP; i += LANES)
		count += *(const Quad *) (points + i) <= scores;
	/* A comparison that holds is -1 in its lane. */
	return group * GROUP - (count[0] + count[1] + count[2] + count[3]) - 1;
}

static float
body_surprise(const RigCalibration *calibration, float score)
{
	const float *scores = calibration->scores;
	const float *surprise = calibration->surprise;
	int			point;
	float		between;

	if (score < scores[0])
		return 0;
	point = find_point(scores, score);
	between = (score - scores[point]) / (scores[point + 1] - scores[point]);
	between = surprise[point] + (surprise[point + 1] - surprise[point]) * between;
	return between < surprise[point + 1] ? between : surprise[point + 1];
}

float
rig_calibration_surprise(const RigCalibration *calibration, float score)
{
	float		surprise;

	if (isnan(score))
		return NAN;
	surprise = score >= calibration->threshold ? tail_surprise(calibration, score) : body_surprise(calibration, score);
	if (surprise > calibration->limit)
		surprise = calibration->limit + (surprise - calibration->limit) * calibration->beyond;
	return surprise < RIG_SURPRISE_MAX ? surprise : RIG_SURPRISE_MAX;
}

float
rig_risk(double surprise, double alarm_surprise)
{
	const double watch = 2;

	if (isnan(surprise))
		return NAN;
	if (surprise >= alarm_surprise)
		return (float) fmin(0.8 + 0.2 * (surprise - alarm_surprise) / alarm_surprise, 1);
	if (alarm_surprise <= watch)
		return (float) fmax(0.8 * surprise / alarm_surprise, 0);
	if (surprise >= watch)
		return (float) (0.5 + 0.3 * (surprise - watch) / (alarm_surprise - watch));
	return (float) fmax(0.5 * surprise / watch, 0);
}
