#include "robust_scale.h"

#include <float.h>
#include <math.h>

/* Share of the values that is moved inwards on either side. */
#define WINSORISED_TAIL 0.005

/* IQR of the standard normal distribution. */
#define NORMAL_IQR 1.3489795003921634

RigScaleOptions
rig_scale_defaults(void)
{
	RigScaleOptions options = {.fallback = RIG_SCALE_DEVIATION, .min_values = 20};

	return options;
}

static inline void
swap_values(float *a, float *b)
{
	float		value = *a;

	*a = *b;
	*b = value;
}

/* Puts the value of rank k at values[k], no larger one before it and no smaller one behind. */
static void
select_rank(float *values, int64_t count, int64_t k)
{
	int64_t		low = 0;
	int64_t		high = count - 1;
	uint64_t	state = (uint64_t) count;

	while (low < high)
	{
		int64_t		i = low - 1;
		int64_t		j = high + 1;
		float		pivot;

		/* A pivot that no pattern in the data can foresee; the last would not let the range shrink. */
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		pivot = values[low + (int64_t) ((state >> 33) % (uint64_t) (high - low))];
		for (;;)
		{
			do
				i++;
			while (values[i] < pivot);
			do
				j--;
			while (values[j] > pivot);
			if (i >= j)
				break;
			swap_values(&values[i], &values[j]);
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
}

/*
 * The quantile at share of count values of which the first `sorted` are known to be the
 * smallest, by linear interpolation between order statistics.
 */
static double
select_quantile(float *values, int64_t count, int64_t sorted, double share)
{
	double		position = share * (double) (count - 1);
	int64_t		rank = (int64_t) position;
	double		fraction = position - (double) rank;
	float		next;

	select_rank(values + sorted, count - sorted, rank - sorted);
	if (fraction == 0 || rank + 1 >= count)
		return values[rank];
	next = values[rank + 1];
	for (int64_t i = rank + 2; i < count; i++)
		next = values[i] < next ? values[i] : next;
	return values[rank] + fraction * ((double) next - values[rank]);
}

double
rig_median(float *values, int64_t count)
{
	return select_quantile(values, count, 0, 0.5);
}

/* Whether float32 values around the center can differ by fractions of the spread. */
static bool
is_resolved(double center, double spread)
{
	return spread > FLT_MIN && spread > 4 * FLT_EPSILON * fabs(center) && isfinite((float) spread);
}

static void
find_moments(const float *values, int64_t count, double *mean, double *deviation)
{
	double		sum = 0;
	double		squares = 0;

	for (int64_t i = 0; i < count; i++)
		sum += values[i];
	*mean = sum / (double) count;
	for (int64_t i = 0; i < count; i++)
		squares += (values[i] - *mean) * (values[i] - *mean);
	*deviation = sqrt(squares / (double) (count - 1));
}

/* Mean and standard deviation of the values moved into low .. high. */
static void
find_winsorised_moments(const float *values, int64_t count, double low, double high, double *mean, double *deviation)
{
	double		sum = 0;
	double		squares = 0;

	for (int64_t i = 0; i < count; i++)
		sum += fmin(fmax(values[i], low), high);
	*mean = sum / (double) count;
	for (int64_t i = 0; i < count; i++)
	{
		double		moved = fmin(fmax(values[i], low), high) - *mean;

		squares += moved * moved;
	}
	*deviation = sqrt(squares / (double) (count - 1));
}

static void
fit_winsorised(RigScale *scale, int32_t feature, float *values, int64_t count, const RigScaleOptions *options)
{
	double		low = select_quantile(values, count, 0, WINSORISED_TAIL);
	double high =
		select_quantile(values, count, (int64_t) (WINSORISED_TAIL * (double) (count - 1)), 1 - WINSORISED_TAIL);
	double		mean;
	double		deviation;

	find_winsorised_moments(values, count, low, high, &mean, &deviation);
	scale->center[feature] = (float) mean;
	if (count < options->min_values || count < 2)
		return;
	if (!is_resolved(mean, deviation) && options->fallback == RIG_SCALE_DEVIATION)
		find_moments(values, count, &mean, &deviation);
	if (!is_resolved(mean, deviation))
		return;
	scale->center[feature] = (float) mean;
	scale->spread[feature] = (float) deviation;
}

static void
fit_feature(RigScale *scale, int32_t feature, float *values, int64_t count, const RigScaleOptions *options)
{
	double		quartile[3];
	double		spread;
	double		mean;
	double		deviation;

	scale->center[feature] = 0;
	scale->spread[feature] = 0;
	if (count == 0)
		return;
	if (options->method == RIG_SCALE_WINSORISED)
	{
		fit_winsorised(scale, feature, values, count, options);
		return;
	}
	for (int i = 0; i < 3; i++)
		quartile[i] = select_quantile(values, count, i == 0 ? 0 : (int64_t) (0.25 * i * (double) (count - 1)),
									  0.25 * (i + 1));
	scale->center[feature] = (float) quartile[1];
	if (count < options->min_values || count < 2)
		return;
	spread = (quartile[2] - quartile[0]) / NORMAL_IQR;
	if (is_resolved(quartile[1], spread))
		scale->spread[feature] = (float) spread;
	else if (options->fallback == RIG_SCALE_DEVIATION)
	{
		find_moments(values, count, &mean, &deviation);
		if (!is_resolved(mean, deviation))
			return;
		scale->center[feature] = (float) mean;
		scale->spread[feature] = (float) deviation;
	}
}

RigStatus
rig_scale_fit(RigScale *scale, RigArena *arena, RigArena *scratch, const float *rows, int64_t row_count,
			  int32_t features, const RigScaleOptions *options)
{
	RigScaleOptions defaults = rig_scale_defaults();
	float	   *column;

	if (options == NULL)
		options = &defaults;
	if (row_count < 1 || features < 1)
		return RIG_INVALID_ARGUMENT;
	scale->features = features;
	scale->masked = 0;
	scale->center = rig_arena_allocate(arena, (size_t) features * sizeof(float));
	scale->spread = rig_arena_allocate(arena, (size_t) features * sizeof(float));
	column = rig_arena_allocate(scratch, (size_t) row_count * sizeof(float));
	if (scale->center == NULL || scale->spread == NULL || column == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int32_t feature = 0; feature < features; feature++)
	{
		int64_t		count = 0;

		for (int64_t row = 0; row < row_count; row++)
		{
			float		value = rows[row * features + feature];

			if (isfinite(value))
				column[count++] = value;
		}
		fit_feature(scale, feature, column, count, options);
		scale->masked += scale->spread[feature] == 0;
	}
	return RIG_OK;
}

void
rig_scale_apply(const RigScale *scale, const float *values, float limit, float *z)
{
	for (int32_t i = 0; i < scale->features; i++)
	{
		float		spread = scale->spread[i];
		float		value = values[i];
		float		scaled = (value - scale->center[i]) / (spread > 0 ? spread : 1);

		/* Conditions that are false for NaN leave it as it is. */
		scaled = scaled > limit ? limit : scaled;
		scaled = scaled < -limit ? -limit : scaled;
		if (!isfinite(value))
			scaled = NAN;
		z[i] = spread > 0 ? scaled : 0;
	}
}
