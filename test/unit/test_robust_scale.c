#include <math.h>
#include <string.h>

#include "random.h"
#include "robust_scale.h"
#include "tap.h"

static RigArena arena;
static RigArena scratch;

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

/* The quantile by sorting, interpolated like NumPy's. */
static double
quantile(const float *sorted, int count, double share)
{
	double		position = share * (count - 1);
	int			rank = (int) position;

	return rank + 1 < count ? sorted[rank] + (position - rank) * ((double) sorted[rank + 1] - sorted[rank]) :
							  sorted[rank];
}

static bool
is_near(double value, double expected)
{
	return fabs(value - expected) <= 1e-6 * (1 + fabs(expected));
}

static RigScale
fit_column(const float *values, int64_t count, RigScaleMethod method, RigScaleFallback fallback)
{
	RigScale	scale = {0};
	RigScaleOptions options = rig_scale_defaults();

	options.method = method;
	options.fallback = fallback;
	rig_arena_reset(&arena);
	rig_arena_reset(&scratch);
	if (rig_scale_fit(&scale, &arena, &scratch, values, count, 1, &options) != RIG_OK)
		tap_note("not fitted");
	return scale;
}

/* Values with ties, gaps, orders and lengths of every kind. */
static void
test_quartiles(RigRandom *random)
{
	enum
	{
		MOST = 3000
	};
	static float values[MOST];
	static float sorted[MOST];
	bool		same = true;
	bool		moved = true;

	for (int round = 0; round < 400; round++)
	{
		int			count = 20 + (int) rig_random_below(random, round % 10 == 0 ? MOST - 20 : 60);
		int			kind = round % 5;
		int			present = 0;
		RigScale	scale;
		double		spread;

		for (int i = 0; i < count; i++)
		{
			float		normal = (float) rig_random_normal(random);

			values[i] = kind == 0 ? normal : kind == 1 ? roundf(normal * 3) : kind == 2 ? (float) i
				: kind == 3 ? (float) -i : expf(3 * normal);
			if (kind == 4 && i >= 20 && rig_random_below(random, 4) == 0)
				values[i] = i % 2 == 0 ? NAN : INFINITY;
			if (isfinite(values[i]))
				sorted[present++] = values[i];
		}
		qsort(sorted, (size_t) present, sizeof(float), compare_floats);
		spread = (quantile(sorted, present, 0.75) - quantile(sorted, present, 0.25)) / 1.3489795003921634;
		scale = fit_column(values, count, RIG_SCALE_QUARTILES, RIG_SCALE_MASK);
		if (!is_near(scale.center[0], quantile(sorted, present, 0.5)) || !is_near(scale.spread[0], spread)
			|| scale.masked != (spread == 0))
		{
			tap_note("kind %d, %d values: %g, %g", kind, count, (double) scale.center[0], (double) scale.spread[0]);
			same = false;
		}
		scale = fit_column(values, count, RIG_SCALE_WINSORISED, RIG_SCALE_MASK);
		moved = moved && scale.center[0] >= sorted[0] && scale.center[0] <= sorted[present - 1]
			&& scale.spread[0] <= sorted[present - 1] - sorted[0];
	}
	tap_ok(same, "median and quartiles are those of the sorted values");
	tap_ok(moved, "winsorised mean and deviation lie within the values");
}

static void
test_outliers(RigRandom *random)
{
	enum
	{
		COUNT = 5000
	};
	static float values[COUNT];
	RigScale	scale;

	for (int i = 0; i < COUNT; i++)
		values[i] = 100 + 2 * (float) rig_random_normal(random);
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_MASK);
	tap_ok(fabsf(scale.center[0] - 100) < 0.3f && fabsf(scale.spread[0] - 2) < 0.3f, "normal values: mean and standard deviation");
	scale = fit_column(values, COUNT, RIG_SCALE_WINSORISED, RIG_SCALE_MASK);
	tap_ok(fabsf(scale.center[0] - 100) < 0.3f && fabsf(scale.spread[0] - 2) < 0.3f, "winsorised: the same");
	for (int i = 0; i < 20; i++)
		values[i * 100] = 1e9f;
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_MASK);
	tap_ok(fabsf(scale.center[0] - 100) < 0.3f && fabsf(scale.spread[0] - 2) < 0.3f, "few wild values change nothing");
	scale = fit_column(values, COUNT, RIG_SCALE_WINSORISED, RIG_SCALE_MASK);
	tap_ok(fabsf(scale.center[0] - 100) < 0.5f && fabsf(scale.spread[0] - 2) < 0.6f, "winsorised: next to nothing");
}

static void
test_masks(void)
{
	enum
	{
		COUNT = 1000
	};
	static float values[COUNT];
	RigScale	scale;
	RigScaleOptions options = rig_scale_defaults();
	float		z[2] = {5, NAN};

	for (int i = 0; i < COUNT; i++)
		values[i] = 7.25f;
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 1 && scale.spread[0] == 0 && scale.center[0] == 7.25f, "a constant is masked, and keeps its value");
	scale = fit_column(values, COUNT, RIG_SCALE_WINSORISED, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 1 && scale.spread[0] == 0 && scale.center[0] == 7.25f, "winsorised: the same");
	for (int i = 0; i < COUNT; i += 10)
		values[i] = 8.25f;
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_MASK);
	tap_ok(scale.masked == 1 && scale.spread[0] == 0, "what rests nine times in ten has no IQR");
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 0 && is_near(scale.center[0], 7.35) && fabsf(scale.spread[0] - 0.3f) < 0.001f,
		   "but a mean and a standard deviation");
	for (int i = 0; i < COUNT; i++)
		values[i] = 1e6f + (i % 2 == 0 ? 0 : 0.0625f);
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 1, "rounding of a constant is no spread");
	for (int i = 0; i < COUNT; i++)
		values[i] = NAN;
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 1 && scale.center[0] == 0, "a sensor without values is masked");
	for (int i = 0; i < 19; i++)
		values[i] = (float) i;
	scale = fit_column(values, COUNT, RIG_SCALE_QUARTILES, RIG_SCALE_DEVIATION);
	tap_ok(scale.masked == 1 && scale.center[0] == 9, "so is one with too few, whose median is known");
	tap_ok(rig_scale_fit(&scale, &arena, &scratch, values, 0, 1, &options) == RIG_INVALID_ARGUMENT, "without rows there is no scale");
	tap_ok(rig_scale_fit(&scale, &arena, &scratch, values, 1, 0, &options) == RIG_INVALID_ARGUMENT, "neither is there without features");
	scale = (RigScale) {.features = 2, .center = (float[]) {1, 2}, .spread = (float[]) {0, 0}};
	rig_scale_apply(&scale, z, 8, z);
	tap_ok(z[0] == 0 && z[1] == 0, "masked features are 0 whatever comes");
}

static void
test_apply(void)
{
	float		center[] = {10, 0, 0, -5, 0, 0, 1};
	float		spread[] = {2, 1, 1, 0.5f, 1, 1, 0};
	float		values[] = {13, 100, -100, -5, NAN, INFINITY, -INFINITY};
	float		expected[] = {1.5f, 8, -8, 0, NAN, NAN, 0};
	float		z[7];
	bool		same = true;
	RigScale	scale = {.features = 7, .center = center, .spread = spread};

	rig_scale_apply(&scale, values, 8, z);
	for (int i = 0; i < 7; i++)
		same = same && (isnan(expected[i]) ? isnan(z[i]) : z[i] == expected[i]);
	tap_ok(same, "z is scaled, clipped, missing or masked");
	tap_ok(rig_scale_restore(&scale, 0, 1.5f) == 13, "and leads back to the value");
	rig_scale_apply(&scale, values, 8, values);
	tap_ok(memcmp(values, z, sizeof(z)) == 0 || (isnan(values[4]) && values[0] == z[0]), "in place, too");
}

int
main(void)
{
	RigRandom	random;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	rig_random_seed(&random, tap_seed());
	test_quartiles(&random);
	test_outliers(&random);
	test_masks();
	test_apply();
	rig_arena_release(&arena);
	rig_arena_release(&scratch);
	return tap_done();
}
