/* Training where the machine's state is known: regimes, what strays between hours, settling, support. */
#include <math.h>
#include <string.h>

#include "model_codec.h"
#include "model_train.h"
#include "random.h"
#include "scoring.h"
#include "tap.h"
#include "training_deviation.h"

#define ROWS 6000
#define F 4
#define PERIOD INT64_C(1000000)
#define VISIT 500				/* rows in a state, in a row */
#define DRILLING 2
#define TRIPPING 10

/* What the features do: noise around a level of the state, a level of the hour, or both. */
enum
{
	STEADY,
	WIDE_WHEN_TRIPPING,
	WANDERING,
	FOLLOWING_STEADY
};

static const char *const names[F] = {"steady", "wide_when_tripping", "wandering", "following_steady"};

static float values[ROWS * F];
static int64_t times[ROWS];
static int32_t series[ROWS];
static int16_t states[ROWS];
static const RigDataset data = {F, ROWS, values, times, series, states};

static int16_t
state_of(int64_t row)
{
	return row / VISIT % 3 == 2 ? TRIPPING : DRILLING;
}

static void
make_rows(RigRandom *random)
{
	for (int64_t r = 0; r < ROWS; r++)
	{
		float	   *row = values + r * F;
		double		steady = rig_random_normal(random);

		states[r] = state_of(r);
		times[r] = r * PERIOD;
		row[STEADY] = (float) (100 + steady);
		row[WIDE_WHEN_TRIPPING] = (float) ((states[r] == TRIPPING ? 20 : 1) * rig_random_normal(random));
		row[WANDERING] = (float) (6 * sin((double) (r / 700 * r / 700)) + rig_random_normal(random));
		row[FOLLOWING_STEADY] = (float) (50 + 2 * steady + 0.3 * rig_random_normal(random));
	}
}

static void
train(RigModel *model, RigArena *arena, const RigDataset *from)
{
	RigTrainingOptions options = rig_training_defaults(RIG_ALGORITHM_HYBRID);
	RigTrainingMetrics metrics;
	RigArena	scratch;
	RigStatus	status;

	options.period = PERIOD;
	options.forest = (RigForestOptions) {.trees = 10, .sample = 64};
	options.autoencoder.epochs = 1;
	options.autoencoder.hidden = 2;
	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	status = rig_model_train(model, arena, &scratch, from, names, &options, 1, NULL, &metrics);
	rig_arena_release(&scratch);
	if (status == RIG_OK)
		return;
	printf("Bail out! training ended with status %d\n", (int) status);
	exit(EXIT_FAILURE);
}

/* Score of the last of so many usual rows in one state, whose second feature is at value. */
static RigScore
score_in_state(const RigModel *model, RigArena *arena, int16_t state, int64_t rows, float value)
{
	RigScorer  *scorer = rig_scorer_create(arena, model);
	RigWindow  *window = rig_window_create(arena, model);
	RigScore	score;

	for (int64_t r = 0; r < rows; r++)
	{
		float		row[F] = {100, r == rows - 1 ? value : 0, 0, 50};
		int64_t		time = r * PERIOD;

		rig_score_rows(scorer, window, row, &time, &state, 1, 1, &score);
	}
	return score;
}

static void
test_regimes(const RigModel *model, RigArena *arena)
{
	RigScore	drilling = score_in_state(model, arena, DRILLING, 200, 20);
	RigScore	tripping = score_in_state(model, arena, TRIPPING, 200, 20);

	tap_ok(model->regime_count == 2, "every state that was seen enough has a regime: %d", model->regime_count);
	for (int32_t i = 0; i < model->regime_count; i++)
		tap_ok(model->regimes[i].calibrations.detectors[RIG_DETECTOR_RESIDUAL].count > 0 &&
				   model->regimes[i].calibrations.combined[RIG_COMBINATION_WINDOW].count > 0,
			   "state %d is calibrated by itself", model->regimes[i].state);
	tap_ok(drilling.surprise > 3 && tripping.surprise < 1,
		   "what is usual while tripping is strange while drilling: surprise %.2f and %.2f", (double) drilling.surprise,
		   (double) tripping.surprise);
}

static void
test_settling(const RigModel *model, RigArena *arena)
{
	RigScore	early = score_in_state(model, arena, DRILLING, RIG_SCORING_MOST_SETTLING, 0);
	RigScore	late = score_in_state(model, arena, DRILLING, RIG_SCORING_MOST_SETTLING + 1, 0);
	RigModel	slow = *model;

	tap_ok(early.regime == NULL && late.regime != NULL, "a state judges once the machine has settled in it");
	slow.period = 60 * PERIOD;
	early = score_in_state(&slow, arena, DRILLING, RIG_MODEL_WINDOW, 0);
	late = score_in_state(&slow, arena, DRILLING, RIG_MODEL_WINDOW + 1, 0);
	tap_ok(early.regime == NULL && late.regime != NULL, "with slow readings as soon as a window is of one state");
}

/* The wandering feature is elsewhere in each fifth, so its deviation is no measure of what is strange. */
static void
test_deviations(const RigModel *model)
{
	const RigRegime *regime = rig_model_regime(model, DRILLING);
	RigModel	weighed = *model;
	RigDeviations deviations;
	RigArena	arena;
	float		weights[F];

	tap_ok(regime->z_weight[WANDERING] < 0.8f * regime->z_weight[STEADY],
		   "a feature that strays weighs less than one that keeps its place: %.3f and %.3f",
		   (double) regime->z_weight[WANDERING], (double) regime->z_weight[STEADY]);
	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	rig_deviations_begin(&deviations, &arena, F);
	memcpy(weights, model->z_weight, sizeof(weights));
	weighed.z_weight = weights;
	weighed.regime_count = 0;
	weighed.has[RIG_DETECTOR_RESIDUAL] = weighed.has[RIG_DETECTOR_WINDOW] = false;
	rig_deviations_apply(&deviations, &weighed);
	tap_ok(memcmp(weights, model->z_weight, sizeof(weights)) == 0, "rows that were not seen change no weight");
	for (int64_t r = 0; r < 100; r++)
		values[r * F + STEADY] += 9 * model->scale.spread[STEADY] / model->z_weight[STEADY];
	rig_deviations_add(&deviations, &arena, &weighed, &(RigDataset) {F, 100, values, times, series, states});
	rig_deviations_apply(&deviations, &weighed);
	tap_ok(fabsf(weights[STEADY] * 3 / model->z_weight[STEADY] - 1) < 0.05f,
		   "nine deviations off, a weight is divided by their root: %.3f",
		   (double) (model->z_weight[STEADY] / weights[STEADY]));
	tap_ok(fabsf(weights[FOLLOWING_STEADY] / model->z_weight[FOLLOWING_STEADY] - 1) < 0.15f, "what keeps its place keeps its weight");
	rig_arena_release(&arena);
}

/* A hundred rows of one visit are one occasion, which supports less than rows here and there. */
static void
test_support(const RigModel *model)
{
	const RigRegime *regime = rig_model_regime(model, TRIPPING);
	const RigCalibration *window = &regime->calibrations.detectors[RIG_DETECTOR_WINDOW];
	const RigCalibration *residual = &regime->calibrations.detectors[RIG_DETECTOR_RESIDUAL];
	float		gross = rig_calibration_surprise(window, window->threshold + 1000 * window->scale);
	float		grosser = rig_calibration_surprise(window, window->threshold + 3000 * window->scale);

	tap_ok(window->limit < residual->limit && residual->limit < log10(2000) + 1,
		   "windows overlap and support less surprise than single readings: %.2f and %.2f", (double) window->limit,
		   (double) residual->limit);
	tap_ok(gross > window->limit && grosser > gross && grosser < window->limit + 2,
		   "beyond it the grosser is told from the gross, but counts little: %.2f and %.2f", (double) gross,
		   (double) grosser);
}

static void
test_codec(const RigModel *model, RigArena *arena)
{
	RigModel	decoded;
	RigScore	before = score_in_state(model, arena, TRIPPING, 200, 30);
	RigScore	after;
	const char *problem;
	uint8_t    *bytes;
	size_t		size;

	if (rig_model_encode(model, arena, &bytes, &size) != RIG_OK ||
		rig_model_decode(&decoded, arena, bytes, size, &problem) != RIG_OK)
	{
		tap_ok(false, "a model with regimes survives its encoding");
		return;
	}
	after = score_in_state(&decoded, arena, TRIPPING, 200, 30);
	tap_ok(decoded.regime_count == model->regime_count && memcmp(before.raw, after.raw, sizeof(before.raw)) == 0 &&
			   before.surprise == after.surprise,
		   "a model with regimes survives its encoding");
}

/* Three visits are enough rows in all, but not in the rest of a fold that holds one of them. */
static void
test_rare_state(RigArena *arena)
{
	RigModel	model;

	for (int64_t r = 0; r < ROWS; r++)
		states[r] = r % 2400 < 300 ? TRIPPING : DRILLING;
	train(&model, arena, &data);
	tap_ok(rig_model_regime(&model, TRIPPING) == NULL && rig_model_regime(&model, DRILLING) != NULL,
		   "a state that was seen too little to be calibrated is judged with the rest");
}

int
main(void)
{
	uint64_t	seed = tap_seed();
	RigRandom	random;
	RigModel	model;
	RigArena	arena;

	rig_random_seed(&random, seed);
	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	make_rows(&random);
	train(&model, &arena, &data);
	test_regimes(&model, &arena);
	test_settling(&model, &arena);
	test_support(&model);
	test_codec(&model, &arena);
	test_deviations(&model);
	test_rare_state(&arena);
	rig_arena_release(&arena);
	return tap_done();
}
