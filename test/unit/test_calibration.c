#include <math.h>
#include <string.h>

#include "calibration.h"
#include "combination.h"
#include "random.h"
#include "tap.h"

static RigArena scratch;

static RigCalibration
fit(const float *scores, int64_t n, RigStatus *status)
{
	RigCalibration calibration;

	memset(&calibration, 0, sizeof(calibration));
	rig_arena_reset(&scratch);
	*status = rig_calibration_fit(&calibration, &scratch, scores, n, NULL);
	return calibration;
}

/* -log10 of (1 + #{scores >= score}) / (n + 1), counted. */
static double
count_surprise(const float *scores, int n, float score)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		count += scores[i] >= score;
	return -log10((1.0 + count) / (n + 1.0));
}

enum
{
	SCORES_NORMAL,
	SCORES_TIED,
	SCORES_HEAVY,
	SCORES_NEGATIVE,
	SCORES_SPARSE,
	SCORES_KINDS
};

static float
draw_score(RigRandom *random, int kind)
{
	float		normal = (float) rig_random_normal(random);

	switch (kind)
	{
		case SCORES_TIED:
			return roundf(2 * normal);
		case SCORES_HEAVY:
			return expf(3 * normal);
		case SCORES_NEGATIVE:
			return -1000 - 100 * normal;
		case SCORES_SPARSE:
			return rig_random_below(random, 30) == 0 ? normal : 0;
		default:
			return normal;
	}
}

/* At the scores themselves the surprise is what counting gives; between them it lies between theirs. */
static void
test_counts(RigRandom *random)
{
	enum
	{
		MOST = 3000
	};
	static float scores[MOST];
	bool		exact = true;
	bool		bounded = true;

	for (int round = 0; round < 200; round++)
	{
		int n = round % 2 == 0 ? 20 + (int) rig_random_below(random, 80) :
								 500 + (int) rig_random_below(random, MOST - 500);
		RigStatus	status;
		RigCalibration calibration;

		for (int i = 0; i < n; i++)
			scores[i] = draw_score(random, round % SCORES_KINDS);
		calibration = fit(scores, n, &status);
		if (status == RIG_INVALID_ARGUMENT && round % SCORES_KINDS == SCORES_SPARSE)
			continue;
		if (status != RIG_OK || !rig_calibration_check(&calibration))
		{
			exact = false;
			continue;
		}
		for (int i = 0; i < 100; i++)
		{
			float		score = scores[rig_random_below(random, (uint32_t) n)];
			double		expected = count_surprise(scores, n, score);
			double		surprise = rig_calibration_surprise(&calibration, score);

			if (score > calibration.threshold)
				continue;
			/* With many scores not every one is a point, and -log10 p bends between those that are. */
			if (fabs(surprise - expected) > (n < 100 ? 1e-5 : 0.005))
			{
				tap_note("kind %d, %d scores: %g instead of %g", round % SCORES_KINDS, n, surprise, expected);
				exact = false;
			}
			score = nextafterf(score, -INFINITY);
			bounded = bounded && rig_calibration_surprise(&calibration, score) <= surprise;
		}
	}
	tap_ok(exact, "the surprise of a score is counted");
	tap_ok(bounded, "and that of a smaller one is not larger");
}

static void
test_shape(RigRandom *random)
{
	enum
	{
		N = 2000,
		STEPS = 200000
	};
	static float scores[N];
	bool		ascends = true;
	bool		continuous = true;
	bool		strict = true;
	bool		ends = true;

	for (int kind = 0; kind < SCORES_KINDS; kind++)
	{
		RigStatus	status;
		RigCalibration calibration;
		float		last = 0;
		float		low;
		float		high;

		for (int i = 0; i < N; i++)
			scores[i] = draw_score(random, kind);
		calibration = fit(scores, N, &status);
		low = calibration.scores[0] - 1;
		high = calibration.threshold + 20 * calibration.scale;
		for (int i = 0; i <= STEPS; i++)
		{
			float		score = low + (high - low) * (float) i / STEPS;
			float		surprise = rig_calibration_surprise(&calibration, score);
			float		next = rig_calibration_surprise(&calibration, nextafterf(score, INFINITY));

			ascends = ascends && surprise >= last && next >= surprise && surprise >= 0 && surprise <= RIG_SURPRISE_MAX;
			/* The scores of half a per cent of the others may lie between two neighbours. */
			continuous = continuous && next - surprise < 0.01f;
			last = surprise;
		}
		for (int i = 1; i < RIG_CALIBRATION_POINTS; i++)
			if (calibration.scores[i] > calibration.scores[i - 1])
				strict = strict && calibration.surprise[i] > calibration.surprise[i - 1];
		for (int i = 1; i <= 100; i++)
		{
			float before =
				rig_calibration_surprise(&calibration, calibration.threshold + (float) (i - 1) * calibration.scale);
			float after =
				rig_calibration_surprise(&calibration, calibration.threshold + (float) i * calibration.scale);

			strict = strict && (after > before || before == calibration.limit);
		}
		ends = ends && isnan(rig_calibration_surprise(&calibration, NAN)) &&
			rig_calibration_surprise(&calibration, -INFINITY) == 0 &&
			rig_calibration_surprise(&calibration, INFINITY) == calibration.limit &&
			rig_calibration_surprise(&calibration, calibration.threshold) ==
				calibration.surprise[RIG_CALIBRATION_POINTS - 1];
	}
	tap_ok(ascends, "surprise never descends with the score");
	tap_ok(continuous, "and has no jumps");
	tap_ok(strict, "it grows from score to score and all along the tail");
	tap_ok(ends, "nothing is as surprising as infinity, and NaN has no surprise");
}

static void
test_small(void)
{
	float		scores[100];
	RigStatus	status;
	RigStatus	second;
	RigCalibration calibration;
	RigCalibration other;
	RigCalibrationOptions options = rig_calibration_defaults();

	for (int i = 0; i < 100; i++)
		scores[i] = i < 19 ? (float) i : i % 2 == 0 ? NAN : INFINITY;
	fit(scores, 100, &status);
	tap_ok(status == RIG_INVALID_ARGUMENT, "nineteen finite scores are too few");
	scores[99] = 19;
	calibration = fit(scores, 100, &status);
	tap_ok(status == RIG_OK && calibration.count == 20 && rig_calibration_check(&calibration), "twenty are enough");
	tap_ok(fabsf(rig_calibration_surprise(&calibration, 1000)) > 2, "and can be far exceeded");
	fit(scores, 0, &status);
	fit(scores, -1, &second);
	tap_ok(status == RIG_INVALID_ARGUMENT && second == RIG_INVALID_ARGUMENT, "no scores are too few");
	for (int i = 0; i < 100; i++)
		scores[i] = 3;
	fit(scores, 100, &status);
	tap_ok(status == RIG_INVALID_ARGUMENT, "equal scores calibrate nothing");
	scores[50] = 4;
	calibration = fit(scores, 100, &status);
	tap_ok(status == RIG_OK && rig_calibration_surprise(&calibration, 3) == 0 &&
			   rig_calibration_surprise(&calibration, 4) > 0 && rig_calibration_check(&calibration),
		   "but one that differs");
	for (int i = 0; i < 100; i++)
		scores[i] = i < 50 ? (float) i : 50;
	calibration = fit(scores, 100, &status);
	tap_ok(status == RIG_OK && fabs(rig_calibration_surprise(&calibration, 50) - count_surprise(scores, 100, 50)) < 1e-6
		   && rig_calibration_surprise(&calibration, 51) > rig_calibration_surprise(&calibration, 50),
		   "half of the scores at their maximum are as many as they are");
	for (int i = 0; i < 100; i++)
		scores[i] = (float) i;
	options.effective_count = 25;
	calibration = fit(scores, 100, &status);
	second = rig_calibration_fit(&other, &scratch, scores, 100, &options);
	tap_ok(second == RIG_OK && rig_calibration_surprise(&other, 90) < rig_calibration_surprise(&calibration, 90)
		   && rig_calibration_surprise(&other, 200) < rig_calibration_surprise(&calibration, 200),
		   "scores that are worth fewer surprise less");
	options = rig_calibration_defaults();
	options.tail_share = 0.6;
	tap_ok(rig_calibration_fit(&other, &scratch, scores, 100, &options) == RIG_INVALID_ARGUMENT, "a tail is the smaller part");
	calibration.scores[100] = calibration.scores[400];
	tap_ok(!rig_calibration_check(&calibration), "points out of order are found");
	calibration = fit(scores, 100, &status);
	calibration.surprise[7] = NAN;
	tap_ok(!rig_calibration_check(&calibration), "so are points that are no numbers");
	calibration = fit(scores, 100, &status);
	calibration.scale = 0;
	tap_ok(!rig_calibration_check(&calibration), "and a tail without width");
}

enum
{
	EXPONENTIAL,
	NORMAL,
	STUDENT,
	LARGEST,
	DISTRIBUTIONS
};
static const char *const distribution_names[] = {"exponential", "normal", "Student's t", "largest of 56 |normal|"};

static double
draw(RigRandom *random, int distribution)
{
	double		value = 0;

	switch (distribution)
	{
		case EXPONENTIAL:
			return -log(1 - rig_random_uniform(random));
		case NORMAL:
			return rig_random_normal(random);
		case STUDENT:
			for (int i = 0; i < 3; i++)
				value += pow(rig_random_normal(random), 2) / 3;
			return rig_random_normal(random) / sqrt(value);
		default:
			/* By its distribution function, as 56 normals a time would take long. */
			value = pow(1 - rig_random_uniform(random), 1 / 56.0);
			return -log10(fmax(1 - value, 1e-16));
	}
}

/* Probability of a larger value; three degrees of freedom for Student's t. */
static double
survival(int distribution, double value)
{
	double		t = value / sqrt(3);

	switch (distribution)
	{
		case EXPONENTIAL:
			return value < 0 ? 1 : exp(-value);
		case NORMAL:
			return 0.5 * erfc(value / sqrt(2));
		case STUDENT:
			return 0.5 - (t / (1 + t * t) + atan(t)) / 3.14159265358979323846;
		default:
			return -expm1(56 * log1p(-pow(10, -value)));
	}
}

/* The score of a surprise. */
static double
invert(const RigCalibration *calibration, double surprise)
{
	double		low = calibration->scores[0];
	double		high = calibration->threshold + calibration->scale;

	while (rig_calibration_surprise(calibration, (float) high) < surprise)
		high = calibration->threshold + 2 * (high - calibration->threshold);
	for (int i = 0; i < 50; i++)
	{
		double		middle = (low + high) / 2;

		if (rig_calibration_surprise(calibration, (float) middle) >= surprise)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/*
 * How often healthy scores really reach a surprise, beside 10^-surprise: exact for as long as
 * scores can be counted, within a small factor where the tail is extrapolated by one order of
 * magnitude and, for tails far from exponential, by two.
 */
static void
test_rates(RigRandom *random)
{
	enum
	{
		N = 2000,
		ROUNDS = 150,
		LEVELS = 4
	};
	static const double lowest[LEVELS] = {0.95, 0.85, 0.6, 0.15};
	static const double highest[LEVELS] = {1.05, 1.2, 1.6, 4};
	static float scores[N];

	for (int distribution = 0; distribution < DISTRIBUTIONS; distribution++)
	{
		double		rate[LEVELS] = {0};

		for (int round = 0; round < ROUNDS; round++)
		{
			RigStatus	status;
			RigCalibration calibration;

			for (int i = 0; i < N; i++)
				scores[i] = (float) draw(random, distribution);
			calibration = fit(scores, N, &status);
			for (int level = 0; level < LEVELS; level++)
				rate[level] += survival(distribution, invert(&calibration, level + 1)) * pow(10, level + 1) / ROUNDS;
		}
		for (int level = 0; level < LEVELS; level++)
			tap_ok(rate[level] >= lowest[level] && rate[level] <= highest[level],
				   "%s scores reach p = 1e-%d %.2f times as often as that", distribution_names[distribution], level + 1, rate[level]);
	}
}

static bool
is_near(double value, double expected)
{
	if (fabs(value - expected) <= 1e-6 * (1 + fabs(expected)))
		return true;
	tap_note("%.9g instead of %.9g", value, expected);
	return false;
}

static void
test_combination(void)
{
	const double pi = 3.14159265358979323846;
	float		weights[] = {1, 1, 2};
	float		surprises[3];
	double		expected;
	bool		same = true;

	for (float surprise = 0.001f; surprise < 15; surprise += 0.25f)
	{
		for (int i = 0; i < 3; i++)
			surprises[i] = surprise;
		same = is_near(rig_combine_cauchy(surprises, weights, 3), surprise) &&
			is_near(rig_combine_cauchy(surprises, weights, 1), surprise) && same;
	}
	tap_ok(same, "detectors that agree are believed, from p = 0.998 to 1e-15");
	surprises[0] = (float) -log10(0.01);
	surprises[1] = (float) -log10(0.3);
	surprises[2] = (float) -log10(0.7);
	expected = -log10(0.5 - atan((tan(0.49 * pi) + tan(0.2 * pi) + 2 * tan(-0.2 * pi)) / 4) / pi);
	tap_ok(is_near(rig_combine_cauchy(surprises, weights, 3), expected), "others are combined by the formula");
	surprises[1] = NAN;
	expected = -log10(0.5 - atan((tan(0.49 * pi) + 2 * tan(-0.2 * pi)) / 3) / pi);
	tap_ok(is_near(rig_combine_cauchy(surprises, weights, 3), expected), "a missing one leaves the others their weights");
	surprises[1] = 3;
	weights[1] = 0;
	tap_ok(is_near(rig_combine_cauchy(surprises, weights, 3), expected), "so does one without weight");
	weights[1] = 1;
	surprises[0] = 15;
	surprises[1] = surprises[2] = (float) -log10(0.5);
	tap_ok(is_near(rig_combine_cauchy(surprises, weights, 3), 15 - log10(4)), "one very surprising detector counts by its weight");
	surprises[1] = surprises[2] = 0;
	tap_ok(fabs(rig_combine_cauchy(surprises, weights, 3) - (15 - log10(4))) < 1e-6, "also when the others see nothing at all");
	surprises[0] = surprises[1] = surprises[2] = NAN;
	tap_ok(isnan(rig_combine_cauchy(surprises, weights, 3)) && isnan(rig_combine_min(surprises, weights, 3))
		   && isnan(rig_combine_cauchy(surprises, weights, 0)), "nothing gives nothing");
	surprises[0] = 3;
	surprises[2] = 1;
	tap_ok(is_near(rig_combine_min(surprises, weights, 3), 3 - log10(2)), "the smallest p counts as often as there are detectors");
	surprises[0] = 0.1f;
	tap_ok(rig_combine_min(surprises, (float[]){1, 0, 0}, 3) == (double) 0.1f &&
			   rig_combine_min((float[]){0.1f, 0.1f}, weights, 2) == 0,
		   "and is no more than 1");
}

/* The formula as it is written, by the C library. */
static double
combine_by_formula(const float *surprises, const float *weights, int n)
{
	const double pi = 3.14159265358979323846;
	double		sum = 0;
	double		total = 0;

	for (int d = 0; d < n; d++)
	{
		double		p = fmin(pow(10, -fmin((double) surprises[d], 15)), 0.999);

		if (isnan(surprises[d]))
			continue;
		sum += (double) weights[d] / tan(p * pi);
		total += (double) weights[d];
	}
	sum /= total;
	return sum > 0 ? fmin(-log10(atan(1 / sum) / pi), 15) : -log10(0.5 - atan(sum) / pi);
}

static void
test_combined_rows(RigRandom *random)
{
	const float weights[] = {0.15f, 0.15f, 0.4f, 0.1f};
	double		worst = 0;
	bool		same = true;

	for (int rows = 1; rows <= RIG_COMBINED_ROWS; rows++)
	{
		float		surprises[4 * RIG_COMBINED_ROWS];
		double		combined[RIG_COMBINED_ROWS];

		for (int r = 0; r < rows; r++)
			for (int d = 0; d < 4; d++)
			{
				double		chance = rig_random_uniform(random);

				surprises[d * RIG_COMBINED_ROWS + r] =
					chance < 0.1 ? NAN : chance < 0.2 ? 0 : (float) (16 * pow(rig_random_uniform(random), 3));
			}
		rig_combine_cauchy_rows(surprises, weights, 4, rows, combined);
		for (int r = 0; r < rows; r++)
		{
			float		single[4];
			double		expected;

			for (int d = 0; d < 4; d++)
				single[d] = surprises[d * RIG_COMBINED_ROWS + r];
			expected = rig_combine_cauchy(single, weights, 4);
			same = same && (isnan(combined[r]) ? isnan(expected) : combined[r] == expected);
			if (!isnan(expected))
				worst = fmax(worst, fabs(expected - combine_by_formula(single, weights, 4)));
		}
	}
	tap_ok(same, "readings side by side get what each gets alone, however many there are");
	tap_ok(worst < 1e-8, "which is the formula's to %.1e", worst);
}

/* Healthy detectors that depend on each other to any degree: how often p <= 1e-3 comes about. */
static void
test_combined_rates(RigRandom *random)
{
	enum
	{
		ROUNDS = 300000
	};
	static const double shared[] = {0, 0.5, 0.9, 1};
	const float weights[] = {0.15f, 0.2f, 0.25f, 0.2f, 0.2f};

	for (int s = 0; s < 4; s++)
	{
		int			alarms = 0;

		for (int round = 0; round < ROUNDS; round++)
		{
			float		surprises[5];
			double		common = rig_random_normal(random);

			for (int i = 0; i < 5; i++)
			{
				double		z = sqrt(shared[s]) * common + sqrt(1 - shared[s]) * rig_random_normal(random);

				surprises[i] = (float) -log10(0.5 * erfc(z / sqrt(2)));
			}
			alarms += rig_combine_cauchy(surprises, weights, 5) >= 3;
		}
		tap_ok(alarms > 0.7 * ROUNDS / 1000 && alarms < 1.35 * ROUNDS / 1000,
			   "with %.0f %% in common p <= 0.001 is reached by %d of %d", 100 * shared[s], alarms, ROUNDS);
	}
}

static void
test_risk(void)
{
	static const double alarms[] = {0.31, 1, 2, 2.000001, 2.5, 4, 6, 9};
	bool		knots = true;
	bool		ascends = true;

	for (size_t a = 0; a < sizeof(alarms) / sizeof(alarms[0]); a++)
	{
		double		alarm = alarms[a];
		float		last = 0;

		knots = knots && rig_risk(0, alarm) == 0 && is_near(rig_risk(alarm, alarm), 0.8) &&
			rig_risk(2 * alarm, alarm) == 1 && rig_risk(100, alarm) == 1 && rig_risk(-1, alarm) == 0 &&
			(alarm <= 2 || is_near(rig_risk(2, alarm), 0.5));
		for (double surprise = 0; surprise < 20; surprise += 0.001)
		{
			float		risk = rig_risk(surprise, alarm);

			ascends = ascends && risk >= last && risk <= 1;
			last = risk;
		}
	}
	tap_ok(knots, "risk is 0, 0.5, 0.8 and 1 where it should be");
	tap_ok(ascends, "and never descends");
	tap_ok(isnan(rig_risk(NAN, 4)), "no surprise has no risk");
}

int
main(void)
{
	RigRandom	random;

	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	rig_random_seed(&random, tap_seed());
	test_counts(&random);
	test_shape(&random);
	test_small();
	test_rates(&random);
	test_combination();
	test_combined_rows(&random);
	test_combined_rates(&random);
	test_risk();
	rig_arena_release(&scratch);
	return tap_done();
}
