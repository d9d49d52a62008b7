/* Scores of readings in time order: blocks, windows, gaps, missing and stuck values, explanations. */
#include "explanation.h"
#include "model_train.h"
#include "random.h"
#include "sample_model.h"
#include "scoring.h"
#include "tap.h"

#include <math.h>
#include <string.h>

#define ROWS 300
#define F SAMPLE_MODEL_FEATURES
#define PERIOD INT64_C(1000000)

static float rows[ROWS * F];
static int64_t times[ROWS];
static RigArena arena;

static void
make_rows(void)
{
	for (int64_t r = 0; r < ROWS; r++)
	{
		sample_row(1000 + r, rows + r * F);
		times[r] = r * PERIOD;
	}
}

/* Everything of a score that is a number, so that two can be compared bit by bit. */
static bool
same_score(const RigScore *a, const RigScore *b)
{
	return a->reason == b->reason && a->warmup == b->warmup && a->stuck == b->stuck &&
		memcmp(&a->risk, &b->risk, sizeof(float)) == 0 && memcmp(a->raw, b->raw, sizeof(a->raw)) == 0;
}

static int
count_differences(const RigScore *a, const RigScore *b, int count)
{
	int			differences = 0;

	for (int i = 0; i < count; i++)
		differences += !same_score(&a[i], &b[i]);
	return differences;
}

static void
score_all(const RigModel *model, const float *values, const int64_t *at, int block, RigScore *scores)
{
	RigScorer  *scorer = rig_scorer_create(&arena, model);
	RigWindow  *window = rig_window_create(&arena, model);

	for (int r = 0; r < ROWS; r += block)
		rig_score_rows(scorer, window, values + r * F, at + r, NULL, r + block > ROWS ? ROWS - r : block, 1,
					   scores + r);
}

static void
test_blocks(const RigModel *model)
{
	static RigScore whole[ROWS];
	static RigScore parts[ROWS];
	const int	sizes[] = {1, 2, 7, 63, 64, 65, 100};

	score_all(model, rows, times, ROWS, whole);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		score_all(model, rows, times, sizes[i], parts);
		tap_ok(count_differences(whole, parts, ROWS) == 0, "blocks of %d rows give the scores of all at once", sizes[i]);
	}
	for (int r = 0; r < ROWS; r++)
		if (whole[r].warmup != (r < RIG_MODEL_WINDOW - 1) || isnan(whole[r].raw[RIG_DETECTOR_LSTM]) != whole[r].warmup)
		{
			tap_ok(false, "row %d has windowed scores exactly after 19 others", r);
			return;
		}
	tap_ok(true, "windowed detectors score from the 20th row on");
}

/* A window that was thrown away and replayed scores as if it had been kept. */
static void
test_replay(const RigModel *model)
{
	static RigScore kept[ROWS];
	RigScorer  *scorer = rig_scorer_create(&arena, model);
	RigWindow  *window = rig_window_create(&arena, model);
	int			differences = 0;

	score_all(model, rows, times, 1, kept);
	for (int r = RIG_SCORING_REPLAY; r < ROWS; r += 13)
	{
		RigScore	score;

		rig_window_clear(window);
		rig_score_rows(scorer, window, rows + (r - RIG_SCORING_REPLAY) * F, times + r - RIG_SCORING_REPLAY, NULL,
					   RIG_SCORING_REPLAY, 0, NULL);
		rig_score_rows(scorer, window, rows + r * F, times + r, NULL, 1, 1, &score);
		differences += !same_score(&kept[r], &score);
	}
	tap_ok(differences == 0, "%d rows replayed are as good as all", RIG_SCORING_REPLAY);
}

static void
test_gaps(const RigModel *model)
{
	static int64_t at[ROWS];
	static RigScore scores[ROWS];

	for (int r = 0; r < ROWS; r++)
		at[r] = times[r] + (r >= 100 ? 2 * PERIOD : 0) + (r >= 150 ? 3 * PERIOD : 0);
	score_all(model, rows, at, ROWS, scores);
	tap_ok(!scores[100].warmup, "three periods are no gap");
	tap_ok(scores[150].warmup && scores[168].warmup && !scores[169].warmup, "four are, and the window begins anew");
	tap_ok(!isnan(scores[150].risk), "the detectors of a single reading go on");
}

static void
test_missing(const RigModel *model)
{
	RigScorer  *scorer = rig_scorer_create(&arena, model);
	RigWindow  *window = rig_window_create(&arena, model);
	float		first[F] = {1, 101, 201};
	float		none[F] = {NAN, NAN, NAN};
	RigScore	score;

	for (int64_t i = 0; i <= 6; i++)
	{
		int64_t		at = i * PERIOD;

		rig_score_rows(scorer, window, i == 0 ? first : none, &at, NULL, 1, 1, &score);
		tap_ok(i <= 5 ? score.reason == RIG_SCORE_GIVEN && score.missing == 0 : isnan(score.risk) && score.missing == 1,
			   "a value is held for five periods: %d", (int) i);
	}
	tap_ok(score.reason == RIG_SCORE_TOO_MUCH_MISSING, "then there is a reason instead of a score");
}

static void
test_strides(const RigModel *model)
{
	RigScorer  *scorer = rig_scorer_create(&arena, model);
	RigWindow  *window = rig_window_create(&arena, model);
	static RigScore scores[ROWS];
	int			windowed = 0;

	rig_score_rows(scorer, window, rows, times, NULL, ROWS, 10, scores);
	for (int r = 0; r < ROWS; r++)
		windowed += !isnan(scores[r].raw[RIG_DETECTOR_LSTM]);
	tap_ok(windowed == (ROWS - RIG_MODEL_WINDOW + 1) / 10, "a stride of 10 runs the windowed detectors %d times", windowed);
	rig_window_clear(window);
	rig_score_rows(scorer, window, rows, times, NULL, ROWS, 0, scores);
	tap_ok(isnan(scores[ROWS - 1].raw[RIG_DETECTOR_WINDOW]) && !isnan(scores[ROWS - 1].risk), "a stride of 0 never does");
}

static void
test_stuck(const RigModel *model)
{
	static float frozen[ROWS * F];
	static RigScore scores[ROWS];

	memcpy(frozen, rows, sizeof(frozen));
	for (int r = 50; r < 90; r++)
		frozen[r * F + 1] = 100.5f;
	score_all(model, frozen, times, ROWS, scores);
	tap_ok(scores[50 + RIG_SCORING_STUCK_RUN - 2].stuck < 0, "19 equal values may be chance");
	tap_ok(scores[50 + RIG_SCORING_STUCK_RUN - 1].stuck == 1 && scores[89].stuck == 1, "20 are a stuck sensor");
	tap_ok(scores[90].stuck < 0 || isnan(frozen[90 * F + 1]), "until it moves");
}

static void
test_explanations(const RigModel *model)
{
	RigScorer  *scorer = rig_scorer_create(&arena, model);
	RigWindow  *window = rig_window_create(&arena, model);
	float		spiked[F] = {1, 101, 260};
	float		sum = 0;
	RigScore	score;

	scorer->explain_from = RIG_EXPLAINED_RISK;
	scorer->explanations = &arena;
	rig_score_rows(scorer, window, rows, times, NULL, 40, 1, NULL);
	rig_score_rows(scorer, window, spiked, times + 40, NULL, 1, 1, &score);
	if (!tap_ok(score.explanation != NULL, "a risky reading is explained"))
		return;
	for (int f = 0; f < F; f++)
		sum += score.explanation[f].share;
	tap_ok(fabsf(sum - 1) < 1e-5f, "shares sum to 1");
	tap_ok(score.explanation[0].feature == 2 && score.explanation[0].share > 0.5f, "led by the sensor that moved");
	tap_ok(score.explanation[0].value == 260 && fabsf(score.explanation[0].expected - 201) < 20, "with what was expected");
	rig_score_rows(scorer, window, rows + 41 * F, times + 41, NULL, 1, 1, &score);
	tap_ok(score.risk >= RIG_EXPLAINED_RISK || score.explanation == NULL, "a usual one is not");
}

static bool
refuse(void *context, double fraction)
{
	int		   *calls = context;

	(void) fraction;
	return --*calls > 0;
}

/* Features that went one way throughout are masked; rests count at the limits only. */
static void
test_training(void)
{
	enum
	{
		COUNT = 1000
	};
	static float values[COUNT * 4];
	static int32_t series[COUNT];
	static int64_t at[COUNT];
	static const char *const names[4] = {"noise", "depth", "valve", "set point"};
	RigDataset	data = {4, COUNT, values, at, series, NULL};
	RigTrainingOptions options = rig_training_defaults(RIG_ALGORITHM_HYBRID);
	RigTrainingMetrics metrics;
	RigModel	model;
	RigRandom	random;
	int			calls = 3;
	const RigProgress progress = {refuse, &calls};

	rig_random_seed(&random, 5);
	for (int r = 0; r < COUNT; r++)
	{
		at[r] = r * PERIOD;
		values[r * 4] = (float) rig_random_normal(&random);
		values[r * 4 + 1] = (float) r;
		values[r * 4 + 2] = r / 50 % 2 == 0 ? 0 : (float) (1 + rig_random_uniform(&random));
		values[r * 4 + 3] = (float) (r / 30 % 5);
	}
	options.period = PERIOD;
	options.autoencoder.epochs = 1;
	tap_ok(rig_model_train(&model, &arena, &arena, &data, names, &options, 1, NULL, &metrics) == RIG_OK, "trains");
	tap_ok(model.scale.spread[1] == 0 && model.scale.spread[0] > 0, "a trend is masked, noise is not");
	tap_ok(rig_model_rests_at(&model, 2, 0) && !rig_model_rests_at(&model, 2, 1.5f), "a valve rests where it is closed");
	tap_ok(rig_model_rests_at(&model, 3, 2.5f), "a set point may rest anywhere");
	tap_ok(!rig_model_rests_at(&model, 0, 0), "noise rests nowhere");
	tap_ok(model.cusum_limit >= 20, "the limit of sums is that of theory at least");
	tap_ok(rig_model_train(&model, &arena, &arena, &data, names, &options, 1, &progress, &metrics) == RIG_INTERRUPTED,
		   "training ends when it is asked to");
	data.rows = RIG_TRAINING_MIN_ROWS - 1;
	tap_ok(rig_model_train(&model, &arena, &arena, &data, names, &options, 1, NULL, &metrics) == RIG_INVALID_ARGUMENT,
		   "too few rows are refused");
}

int
main(void)
{
	RigModel	model;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	sample_model(&model, &arena, RIG_ALGORITHM_HYBRID);
	make_rows();
	test_blocks(&model);
	test_replay(&model);
	test_gaps(&model);
	test_missing(&model);
	test_strides(&model);
	test_stuck(&model);
	test_explanations(&model);
	test_training();
	rig_arena_release(&arena);
	return tap_done();
}
