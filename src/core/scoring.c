#include "scoring.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "combination.h"
#include "explanation.h"
#include "kernel.h"

#define NO_FEATURE (-1)
#define SETTLING_US INT64_C(120000000)

_Static_assert(RIG_SCORING_BLOCK <= RIG_COMBINED_ROWS && (int) RIG_DETECTORS <= RIG_COMBINED_DETECTORS,
			   "a block is combined at once");

static void *
allocate_floats(RigArena *arena, size_t count)
{
	return rig_arena_allocate(arena, count * sizeof(float));
}

/* Readings that a machine takes to settle in a state: two minutes, but a window, so that it is of one state. */
static int32_t
count_settling(int64_t period)
{
	int64_t		readings = period > 0 ? SETTLING_US / period : 0;

	if (readings < RIG_MODEL_WINDOW)
		return RIG_MODEL_WINDOW;
	return readings < RIG_SCORING_MOST_SETTLING ? (int32_t) readings : RIG_SCORING_MOST_SETTLING;
}

RigWindow *
rig_window_create(RigArena *arena, const RigModel *model)
{
	RigWindow  *window = rig_arena_allocate(arena, sizeof(RigWindow));
	size_t		features = (size_t) model->features;
	size_t		projection = 4 * (size_t) model->autoencoder.hidden;

	if (window == NULL)
		return NULL;
	*window = (RigWindow) {.model = model, .settling = count_settling(model->period)};
	window->prepared = allocate_floats(arena, RIG_WINDOW_CAPACITY * features);
	window->present = rig_arena_allocate(arena, RIG_WINDOW_CAPACITY * features);
	window->last_values = allocate_floats(arena, features);
	window->last_times = rig_arena_allocate(arena, features * sizeof(int64_t));
	window->runs = rig_arena_allocate(arena, features * sizeof(int32_t));
	if (window->prepared == NULL || window->present == NULL || window->last_values == NULL ||
		window->last_times == NULL || window->runs == NULL)
		return NULL;
	if (model->has[RIG_DETECTOR_LSTM])
	{
		window->projections = allocate_floats(arena, RIG_WINDOW_CAPACITY * projection);
		window->projected = rig_arena_allocate(arena, RIG_WINDOW_CAPACITY);
		if (window->projections == NULL || window->projected == NULL)
			return NULL;
	}
	rig_window_clear(window);
	return window;
}

void
rig_window_clear(RigWindow *window)
{
	window->time = RIG_SCORING_NO_TIME;
	window->first = window->end = 0;
	window->unscored = 0;
	window->state = 0;
	window->settled = 0;
	for (int32_t f = 0; f < window->model->features; f++)
	{
		window->last_values[f] = NAN;
		window->last_times[f] = RIG_SCORING_NO_TIME;
		window->runs[f] = 0;
	}
	window->longest_run = 0;
}

RigScorer *
rig_scorer_create(RigArena *arena, const RigModel *model)
{
	RigScorer  *scorer = rig_arena_allocate(arena, sizeof(RigScorer));
	size_t		features = (size_t) model->features;

	if (scorer == NULL)
		return NULL;
	*scorer = (RigScorer) {.model = model, .explain_from = INFINITY};
	scorer->values = allocate_floats(arena, RIG_SCORING_BLOCK * features);
	scorer->z = allocate_floats(arena, RIG_SCORING_BLOCK);
	scorer->forest = allocate_floats(arena, RIG_SCORING_BLOCK);
	scorer->residual = allocate_floats(arena, RIG_MODEL_WINDOW * features);
	scorer->parts = allocate_floats(arena, features);
	scorer->row = allocate_floats(arena, features);
	if (model->has[RIG_DETECTOR_LSTM])
		scorer->autoencoder = rig_arena_allocate(arena, rig_autoencoder_scratch_size(&model->autoencoder));
	if (scorer->values == NULL || scorer->z == NULL || scorer->forest == NULL || scorer->residual == NULL ||
		scorer->parts == NULL || scorer->row == NULL ||
		(model->has[RIG_DETECTOR_LSTM] && scorer->autoencoder == NULL))
		return NULL;
	return scorer;
}

/* Makes room for one more block behind the rows that the next window needs. */
static void
slide(RigWindow *window)
{
	int32_t		kept = window->end - window->first;
	size_t		features = (size_t) window->model->features;

	if (kept > RIG_MODEL_WINDOW - 1)
		kept = RIG_MODEL_WINDOW - 1;
	window->first = window->end - kept;
	if (window->end + RIG_SCORING_BLOCK <= RIG_WINDOW_CAPACITY)
		return;
	memmove(window->prepared, window->prepared + window->first * features, kept * features * sizeof(float));
	memmove(window->present, window->present + window->first * features, kept * features);
	if (window->projections != NULL)
	{
		size_t		projection = 4 * (size_t) window->model->autoencoder.hidden;

		memmove(window->projections, window->projections + window->first * projection,
				kept * projection * sizeof(float));
		memmove(window->projected, window->projected + window->first, kept);
	}
	window->first = 0;
	window->end = kept;
}

/*
 * Notes a row without missing values, or returns false, having noted nothing. Separate from the
 * method, because kernels are compiled several times.
 */
RIG_KERNEL static bool
note_whole_row(const float *restrict values, int32_t features, int64_t time, float *restrict last_values,
			   int64_t *restrict last_times, int32_t *restrict runs, int32_t *longest)
{
	int32_t		missing = 0;
	int32_t		most = 0;

	for (int32_t f = 0; f < features; f++)
		missing += values[f] != values[f];
	if (missing > 0)
		return false;
	for (int32_t f = 0; f < features; f++)
	{
		int32_t		run = values[f] == last_values[f] ? runs[f] + 1 : 1;

		most = run > most ? run : most;
		runs[f] = run;
		last_values[f] = values[f];
	}
	for (int32_t f = 0; f < features; f++)
		last_times[f] = time;
	*longest = most;
	return true;
}

/*
 * Fills in what is missing: the last value while it is fresh, else the median. Returns how
 * many features had neither.
 */
static int32_t
fill_in(RigWindow *window, const float *values, int64_t time, float *filled, uint8_t *present)
{
	const RigModel *model = window->model;
	int32_t		missing = 0;

	if (note_whole_row(values, model->features, time, window->last_values, window->last_times, window->runs,
					   &window->longest_run))
	{
		memcpy(filled, values, (size_t) model->features * sizeof(float));
		memset(present, 1, (size_t) model->features);
		return 0;
	}
	window->longest_run = INT32_MAX;
	for (int32_t f = 0; f < model->features; f++)
	{
		float		value = values[f];

		present[f] = !isnan(value);
		if (present[f])
		{
			window->runs[f] = value == window->last_values[f] ? window->runs[f] + 1 : 1;
			window->last_values[f] = value;
			window->last_times[f] = time;
		}
		else if (model->period > 0 && window->last_times[f] != RIG_SCORING_NO_TIME &&
				 time - window->last_times[f] <= RIG_SCORING_HOLD_PERIODS * model->period)
			value = window->last_values[f];
		else
		{
			value = model->scale.center[f];
			missing++;
		}
		filled[f] = value;
	}
	return missing;
}

/* A feature that repeats a value at which it did not rest in training, or NO_FEATURE. */
static int32_t
find_stuck(const RigWindow *window, const float *values)
{
	const RigModel *model = window->model;

	if (model->period == 0 || window->longest_run < RIG_SCORING_STUCK_RUN)
		return NO_FEATURE;
	for (int32_t f = 0; f < model->features; f++)
		if (window->runs[f] >= RIG_SCORING_STUCK_RUN && !isnan(values[f]) && model->scale.spread[f] > 0 &&
			!rig_model_rests_at(model, f, values[f]))
			return f;
	return NO_FEATURE;
}

static bool
follows_gap(const RigWindow *window, int64_t time)
{
	return window->model->period > 0 && window->time != RIG_SCORING_NO_TIME &&
		time - window->time > RIG_SCORING_GAP_PERIODS * window->model->period;
}

int16_t
rig_window_settle(RigWindow *window, int16_t state)
{
	window->settled = state == window->state ? window->settled + 1 : 1;
	window->state = state;
	return window->settled > window->settling ? state : 0;
}

float
rig_window_take(RigWindow *window, const float *values, int64_t time, float *filled, float *z)
{
	const RigModel *model = window->model;
	size_t		place;
	float		missing;

	if (follows_gap(window, time))
		window->first = window->end;
	if (window->end == RIG_WINDOW_CAPACITY)
		slide(window);
	place = (size_t) window->end * (size_t) model->features;
	missing = (float) fill_in(window, values, time, filled, window->present + place) / (float) model->features;
	window->time = time;
	if (missing > RIG_SCORING_MOST_MISSING)
		return missing;
	*z = rig_model_prepare(model, filled, window->prepared + place);
	if (window->projected != NULL)
		window->projected[window->end] = 0;
	window->end++;
	return missing;
}

static float
score_autoencoder(RigScorer *scorer, RigWindow *window, int32_t start)
{
	const RigAutoencoder *autoencoder = &scorer->model->autoencoder;
	size_t		features = (size_t) scorer->model->features;
	size_t		projection = 4 * (size_t) autoencoder->hidden;
	const float *projections[RIG_MODEL_WINDOW];

	for (int32_t i = 0; i < RIG_MODEL_WINDOW; i++)
	{
		int32_t		r = start + i;

		if (!window->projected[r])
			rig_autoencoder_project(autoencoder, window->prepared + r * features, window->projections + r * projection);
		window->projected[r] = 1;
		projections[i] = window->projections + r * projection;
	}
	return rig_autoencoder_score(autoencoder, window->prepared + start * features, projections,
								 window->present + start * features, scorer->autoencoder, NULL);
}

/* The largest of count weighted residuals. */
RIG_KERNEL static float
find_largest(const float *residual, const float *weight, int32_t count)
{
	int32_t		largest = 0;

	for (int32_t i = 0; i < count; i++)
	{
		int32_t		scaled = rig_magnitude_bits(fabsf(residual[i]) * weight[i]);

		largest = scaled > largest ? scaled : largest;
	}
	return rig_magnitude_of_bits(largest);
}

/* Adds the squared weighted residuals of one row of a window to the sums of the features. */
RIG_KERNEL static void
add_squares(const float *residual, const float *weight, int32_t count, float *sums)
{
	for (int32_t i = 0; i < count; i++)
	{
		float		scaled = residual[i] * weight[i];

		sums[i] += scaled * scaled;
	}
}

static float
score_window_pca(RigScorer *scorer, const float *rows)
{
	const RigModel *model = scorer->model;
	float		largest = 0;

	rig_pca_score(&model->window_pca, rows, NULL, NULL, NULL, scorer->residual);
	memset(scorer->parts, 0, (size_t) model->features * sizeof(float));
	for (int32_t r = 0; r < RIG_MODEL_WINDOW; r++)
		add_squares(scorer->residual + (size_t) r * model->features,
					model->window_weight + (size_t) r * model->features, model->features, scorer->parts);
	for (int32_t f = 0; f < model->features; f++)
		largest = fmaxf(largest, scorer->parts[f]);
	return largest / RIG_MODEL_WINDOW;
}

/* Runs the detectors that look at the window ending at row end - 1, when it is their turn. */
static void
score_window(RigScorer *scorer, RigWindow *window, int32_t end, int32_t stride, RigScore *score)
{
	const RigModel *model = scorer->model;
	int32_t		start = end - RIG_MODEL_WINDOW;

	if (!model->has[RIG_DETECTOR_WINDOW] && !model->has[RIG_DETECTOR_LSTM])
		return;
	score->warmup = start < window->first;
	if (score->warmup || stride == 0 || ++window->unscored < stride)
		return;
	window->unscored = 0;
	if (model->has[RIG_DETECTOR_WINDOW])
		score->raw[RIG_DETECTOR_WINDOW] = score_window_pca(scorer, window->prepared + (size_t) start * model->features);
	if (model->has[RIG_DETECTOR_LSTM])
		score->raw[RIG_DETECTOR_LSTM] = score_autoencoder(scorer, window, start);
}

/* Below this surprise no bound matters. */
#define BOUNDED_FROM 1.0f

float
rig_score_surprise(const RigModel *model, const RigRegime *regime, RigDetector detector, float raw)
{
	const RigCalibration *calibration = &model->calibrations.detectors[detector];
	float		surprise;
	double		p;

	if (regime != NULL && regime->calibrations.detectors[detector].count > 0)
		calibration = &regime->calibrations.detectors[detector];
	surprise = rig_calibration_surprise(calibration, raw);
	if (!(surprise > BOUNDED_FROM) || (detector != RIG_DETECTOR_Z && detector != RIG_DETECTOR_RESIDUAL))
		return surprise;
	p = model->features * erfc((double) raw / sqrt(2.0));
	return p >= 1 ? 0 : (float) fmin((double) surprise, -log10(fmax(p, 1e-300)));
}

void
rig_score_combine(const RigModel *model, RigScore *const *scores, int count)
{
	float		surprises[RIG_DETECTORS * RIG_COMBINED_ROWS];
	double		combined[RIG_COMBINED_ROWS];

	for (int r = 0; r < count; r++)
		for (int k = 0; k < RIG_DETECTORS; k++)
		{
			RigScore   *score = scores[r];

			if (!isnan(score->raw[k]))
				score->surprises[k] = rig_score_surprise(model, score->regime, (RigDetector) k, score->raw[k]);
			surprises[k * RIG_COMBINED_ROWS + r] = score->surprises[k];
		}
	rig_combine_cauchy_rows(surprises, model->weights, RIG_DETECTORS, count, combined);
	for (int r = 0; r < count; r++)
	{
		RigScore   *score = scores[r];
		bool		windowed = !isnan(score->raw[RIG_DETECTOR_WINDOW]) || !isnan(score->raw[RIG_DETECTOR_LSTM]);
		RigCombination combination = windowed ? RIG_COMBINATION_WINDOW : RIG_COMBINATION_ROW;
		const RigCalibration *calibration = &model->calibrations.combined[combination];

		if (score->regime != NULL && score->regime->calibrations.combined[combination].count > 0)
			calibration = &score->regime->calibrations.combined[combination];
		score->surprise = (float) combined[r];
		if (calibration->count > 0)
			score->surprise = rig_calibration_surprise(calibration, score->surprise);
		score->risk = rig_risk(score->surprise, model->alarm_surprise);
		if (isnan(score->risk))
			score->reason = RIG_SCORE_WARMING_UP;
	}
}

static void
begin_score(RigScore *score)
{
	*score = (RigScore) {.stuck = NO_FEATURE, .risk = NAN, .surprise = NAN};
	for (int k = 0; k < RIG_DETECTORS; k++)
		score->raw[k] = score->surprises[k] = NAN;
}

/* z and row PCA of a block's row, by its regime if it has one. */
static void
score_row(RigScorer *scorer, const float *prepared, int32_t block_row, RigScore *score)
{
	const RigModel *model = scorer->model;
	const RigRegime *regime = rig_model_regime(model, score->state);
	const RigPca *pca = regime == NULL ? &model->row_pca : &regime->row_pca;
	const float *weight = regime == NULL ? model->residual_weight : regime->residual_weight;
	float		z = scorer->z[block_row];

	score->regime = regime;
	if (regime != NULL)
	{
		z = rig_regime_prepare(regime, scorer->values + (size_t) block_row * model->features, scorer->row);
		prepared = scorer->row;
	}
	if (model->has[RIG_DETECTOR_Z])
		score->raw[RIG_DETECTOR_Z] = z;
	if (!model->has[RIG_DETECTOR_RESIDUAL] || (regime != NULL && !regime->has_pca))
		return;
	rig_pca_score(pca, prepared, &score->raw[RIG_DETECTOR_T2], NULL, NULL, scorer->residual);
	score->raw[RIG_DETECTOR_RESIDUAL] = find_largest(scorer->residual, weight, model->features);
}

static void
explain_row(RigScorer *scorer, const RigWindow *window, int32_t start, int32_t block_row, RigScore *score)
{
	score->explanation = rig_explain(scorer, window, start + block_row,
									 scorer->values + (size_t) block_row * (size_t) scorer->model->features, score);
}

/* Runs the detectors over the rows of a block, whose scores are those listed. */
static void
score_block(RigScorer *scorer, RigWindow *window, int32_t count, int32_t stride, RigScore **scores)
{
	const RigModel *model = scorer->model;
	int32_t		start = window->end - count;
	int32_t		worst = -1;

	if (model->has[RIG_DETECTOR_FOREST])
		rig_forest_score(&model->forest, scorer->values, model->features, count, scorer->forest);
	for (int32_t r = 0; r < count; r++)
	{
		score_row(scorer, window->prepared + (size_t) (start + r) * model->features, r, scores[r]);
		if (model->has[RIG_DETECTOR_FOREST])
			scores[r]->raw[RIG_DETECTOR_FOREST] = scorer->forest[r];
		score_window(scorer, window, start + r + 1, stride, scores[r]);
	}
	rig_score_combine(model, scores, count);
	for (int32_t r = 0; r < count; r++)
	{
		if (!(scores[r]->risk >= scorer->explain_from))
			continue;
		if (!scorer->explain_worst)
			explain_row(scorer, window, start, r, scores[r]);
		if (worst < 0 || scores[r]->risk > scores[worst]->risk)
			worst = r;
	}
	if (worst >= 0 && scorer->explain_worst)
		explain_row(scorer, window, start, worst, scores[worst]);
}

void
rig_score_rows(RigScorer *scorer, RigWindow *window, const float *values, const int64_t *times,
			   const int16_t *states, int64_t count, int32_t stride, RigScore *scores)
{
	RigScore   *block[RIG_SCORING_BLOCK];
	int32_t		taken = 0;

	slide(window);
	for (int64_t i = 0; i < count; i++)
	{
		int64_t		time = times == NULL ? 0 : times[i];
		int16_t		state = rig_window_settle(window, states == NULL ? 0 : states[i]);
		float		missing;

		if (taken == RIG_SCORING_BLOCK || (taken > 0 && follows_gap(window, time)))
		{
			if (scores != NULL)
				score_block(scorer, window, taken, stride, block);
			taken = 0;
			slide(window);
		}
		missing = rig_window_take(window, values + i * scorer->model->features, time,
								  scorer->values + (size_t) taken * scorer->model->features, &scorer->z[taken]);
		if (scores != NULL)
		{
			begin_score(&scores[i]);
			scores[i].state = state;
			scores[i].missing = missing;
			scores[i].reason = missing > RIG_SCORING_MOST_MISSING ? RIG_SCORE_TOO_MUCH_MISSING : RIG_SCORE_GIVEN;
			scores[i].stuck = find_stuck(window, values + i * scorer->model->features);
			block[taken] = &scores[i];
		}
		taken += missing <= RIG_SCORING_MOST_MISSING;
	}
	if (scores != NULL && taken > 0)
		score_block(scorer, window, taken, stride, block);
}

float
rig_score_pca(const RigScore *score)
{
	return fmaxf(fmaxf(score->surprises[RIG_DETECTOR_T2], score->surprises[RIG_DETECTOR_RESIDUAL]),
				 score->surprises[RIG_DETECTOR_WINDOW]);
}

const char *
rig_detector_name(RigDetector detector)
{
	static const char *const names[RIG_DETECTORS] = {
		[RIG_DETECTOR_Z] = "z",
		[RIG_DETECTOR_T2] = "t2",
		[RIG_DETECTOR_RESIDUAL] = "residual",
		[RIG_DETECTOR_WINDOW] = "window",
		[RIG_DETECTOR_FOREST] = "forest",
		[RIG_DETECTOR_LSTM] = "lstm",
	};

	return names[detector];
}

const char *
rig_score_reason_text(RigScoreReason reason)
{
	switch (reason)
	{
		case RIG_SCORE_GIVEN:
			break;
		case RIG_SCORE_TOO_MUCH_MISSING:
			return "more than half of its features are missing";
		case RIG_SCORE_WARMING_UP:
			return "too few readings in a row before it";
	}
	return "scored";
}
