#include "training_calibration.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "combination.h"
#include "persistence.h"
#include "scoring.h"

/* Medians are taken on a log scale, where 0 has no place. */
#define LEAST_MEDIAN 1e-9

/*
 * Surprise beyond what as many occasions can show, which their tail may say; and what counts of
 * more, so that the grossest is still told from the gross.
 */
#define SUPPORTED_BEYOND 0.5
#define SHARE_BEYOND 0.1f

/* A regime with fewer scores is calibrated with the rest. */
#define LEAST_REGIME_SCORES 100

/* A fold with fewer scores says nothing about its level. */
#define LEAST_FOLD_SCORES 4

RigFold
rig_fold_limits(int64_t rows, int fold)
{
	RigFold		limits = {.first = rows * fold / RIG_FOLDS, .last = rows * (fold + 1) / RIG_FOLDS};

	limits.hole_first = limits.first > RIG_MODEL_WINDOW ? limits.first - RIG_MODEL_WINDOW : 0;
	limits.hole_last = limits.last + RIG_MODEL_WINDOW < rows ? limits.last + RIG_MODEL_WINDOW : rows;
	return limits;
}

RigStatus
rig_cross_begin(RigCrossScores *scores, RigArena *arena, int64_t rows)
{
	*scores = (RigCrossScores) {.rows = rows, .states = rig_arena_allocate(arena, (size_t) rows * sizeof(int16_t))};
	if (scores->states == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(scores->states, 0, (size_t) rows * sizeof(int16_t));
	for (int k = 0; k < RIG_DETECTORS; k++)
	{
		scores->raw[k] = rig_arena_allocate(arena, (size_t) rows * sizeof(float));
		if (scores->raw[k] == NULL)
			return RIG_OUT_OF_MEMORY;
		for (int64_t r = 0; r < rows; r++)
			scores->raw[k][r] = NAN;
	}
	return RIG_OK;
}

/* Keeps the raw scores of the detectors k with wanted[k]; what judges by regimes tells by which. */
static void
take_score(RigCrossScores *scores, int64_t row, const RigScore *score, const bool *wanted)
{
	for (int k = 0; k < RIG_DETECTORS; k++)
		if (wanted[k])
			scores->raw[k][row] = score->raw[k];
	if (wanted[RIG_DETECTOR_Z] || wanted[RIG_DETECTOR_RESIDUAL])
		scores->states[row] = score->regime == NULL ? 0 : score->regime->state;
}

/* Scores rows by the detectors k with wanted[k]. */
static RigStatus
score_rows(RigCrossScores *scores, RigArena *scratch, const RigModel *model, const RigDataset *data, int64_t first,
		   int64_t last, const bool *wanted)
{
	RigScorer  *scorer = rig_scorer_create(scratch, model);
	RigWindow  *window = rig_window_create(scratch, model);
	RigScore	block[RIG_SCORING_BLOCK];

	if (scorer == NULL || window == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t start = first, count; start < last; start += count)
	{
		if (start > first && data->series[start] != data->series[start - 1])
			rig_window_clear(window);
		for (count = 1; count < RIG_SCORING_BLOCK && start + count < last; count++)
			if (data->series[start + count] != data->series[start])
				break;
		rig_score_rows(scorer, window, data->values + start * data->features,
					   data->times == NULL ? NULL : data->times + start,
					   data->states == NULL ? NULL : data->states + start, count, 1, block);
		for (int64_t i = 0; i < count; i++)
			take_score(scores, start + i, &block[i], wanted);
	}
	return RIG_OK;
}

RigStatus
rig_cross_score(RigCrossScores *scores, RigArena *scratch, const RigModel *model, const RigDataset *data, int64_t first,
				int64_t last)
{
	scores->count += last - first;
	return score_rows(scores, scratch, model, data, first, last, model->has);
}

RigStatus
rig_cross_score_autoencoder(RigCrossScores *scores, RigArena *scratch, const RigModel *model, const RigDataset *data,
							int64_t first, int64_t last)
{
	const bool	wanted[RIG_DETECTORS] = {[RIG_DETECTOR_LSTM] = true};

	return score_rows(scores, scratch, model, data, first, last, wanted);
}

/* Median of the values that are there, in room for them; NaN when they are too few. */
static double
median_of(const float *values, int64_t count, float *room)
{
	int64_t		present = 0;

	for (int64_t i = 0; i < count; i++)
		if (!isnan(values[i]))
			room[present++] = values[i];
	if (present < LEAST_FOLD_SCORES)
		return NAN;
	return rig_median(room, present);
}

static double
median_of_few(const double *values, int count)
{
	double		sorted[RIG_FOLDS];

	memcpy(sorted, values, (size_t) count * sizeof(double));
	for (int i = 1; i < count; i++)
		for (int j = i; j > 0 && sorted[j] < sorted[j - 1]; j--)
		{
			double		moved = sorted[j];

			sorted[j] = sorted[j - 1];
			sorted[j - 1] = moved;
		}
	return count % 2 == 1 ? sorted[count / 2] : 0.5 * (sorted[count / 2 - 1] + sorted[count / 2]);
}

/* Brings the folds to one level and moves all scores out by the spread of the levels. */
static void
level_folds(RigCrossScores *scores, float *raw, float *room)
{
	double		logs[RIG_FOLDS];
	double		levels[RIG_FOLDS];
	int			count = 0;
	double		mean = 0;
	double		spread = 0;
	double		target;

	for (int fold = 0; fold < RIG_FOLDS; fold++)
	{
		RigFold		limits = rig_fold_limits(scores->rows, fold);

		levels[fold] = median_of(raw + limits.first, limits.last - limits.first, room);
		if (isnan(levels[fold]))
			continue;
		levels[fold] = fmax(levels[fold], LEAST_MEDIAN);
		logs[count++] = log(levels[fold]);
	}
	if (count < 2)
		return;
	for (int i = 0; i < count; i++)
		mean += logs[i] / count;
	for (int i = 0; i < count; i++)
		spread += (logs[i] - mean) * (logs[i] - mean) / (count - 1);
	target = exp(median_of_few(logs, count) + sqrt(spread));
	for (int fold = 0; fold < RIG_FOLDS; fold++)
	{
		RigFold		limits = rig_fold_limits(scores->rows, fold);

		for (int64_t r = limits.first; r < limits.last && !isnan(levels[fold]); r++)
			raw[r] = (float) (raw[r] * target / levels[fold]);
	}
}

/*
 * Combined surprises of the rows that a regime judged (NULL: none did), with their windows or
 * without; returns how many rows have one.
 */
static int64_t
combine_rows(const RigCrossScores *scores, const RigModel *model, const RigRegime *regime, RigCombination combination,
			 float *combined)
{
	int16_t		state = regime == NULL ? 0 : regime->state;
	int64_t		count = 0;

	for (int64_t r = 0; r < scores->rows; r++)
	{
		float		surprises[RIG_DETECTORS];
		bool		windowed = false;

		if (scores->states[r] != state)
			continue;
		for (int k = 0; k < RIG_DETECTORS; k++)
		{
			bool		of_window = k == RIG_DETECTOR_WINDOW || k == RIG_DETECTOR_LSTM;
			float raw = model->has[k] && !(of_window && combination == RIG_COMBINATION_ROW) ? scores->raw[k][r] : NAN;

			surprises[k] = isnan(raw) ? NAN : rig_score_surprise(model, regime, (RigDetector) k, raw);
			windowed |= of_window && !isnan(raw);
		}
		combined[count] = (float) rig_combine_cauchy(surprises, model->weights, RIG_DETECTORS);
		count += !isnan(combined[count]) && windowed == (combination == RIG_COMBINATION_WINDOW);
	}
	return count;
}

/*
 * Scores of overlapping windows say little more than those of separate ones, and the
 * autoencoder has one block of them only. Beside the other detectors it shall not claim what
 * so few cannot support, such as a probability that their tail was merely extrapolated to.
 */
static void
limit_to_windows(RigCalibration *calibration)
{
	double		separate = (double) calibration->count / RIG_MODEL_WINDOW;

	calibration->limit = (float) fmin(log10(separate + 1), (double) RIG_SURPRISE_MAX);
}

/* Among count scores in time order: how many are beyond the threshold, and on how many occasions. */
static void
count_occasions(const float *scores, int64_t count, float threshold, int64_t *beyond, int64_t *occasions)
{
	int64_t		last = -RIG_MODEL_WINDOW - 1;

	*beyond = *occasions = 0;
	for (int64_t i = 0; i < count; i++)
	{
		if (!(scores[i] > threshold))
			continue;
		(*beyond)++;
		*occasions += i - last > RIG_MODEL_WINDOW;
		last = i;
	}
}

/*
 * Calibrates by scores in time order, NaN among them. Where states are told apart, one may have
 * been seen on few occasions, however many readings they had: what is beyond the threshold
 * counts once per occasion (the extremal index by runs, Smith and Weissman 1994), and supports
 * only so much surprise.
 */
static RigStatus
fit_in_time(RigCalibration *calibration, RigArena *scratch, const float *scores, int64_t count, bool limits)
{
	RigCalibrationOptions options = rig_calibration_defaults();
	RigStatus	status = rig_calibration_fit(calibration, scratch, scores, count, &options);
	int64_t		beyond;
	int64_t		occasions;

	if (status != RIG_OK)
		return status;
	count_occasions(scores, count, calibration->threshold, &beyond, &occasions);
	if (beyond == 0)
		return RIG_OK;
	options.effective_count = (double) calibration->count * (double) occasions / (double) beyond;
	status = rig_calibration_fit(calibration, scratch, scores, count, &options);
	if (!limits)
		return status;
	calibration->limit = (float) fmin(log10(options.effective_count + 1) + SUPPORTED_BEYOND, (double) RIG_SURPRISE_MAX);
	calibration->beyond = SHARE_BEYOND;
	return status;
}

/* The largest sum that the healthy rows reached, with a margin. */
static float
find_cusum_limit(const RigCrossScores *scores, const RigModel *model)
{
	float		cusum = 0;
	float		largest = RIG_CUSUM_LIMIT / RIG_CUSUM_MARGIN;

	for (int64_t r = 0; r < scores->rows; r++)
	{
		RigScore	score = {.regime = rig_model_regime(model, scores->states[r])};
		RigScore   *row = &score;

		for (int k = 0; k < RIG_DETECTORS; k++)
		{
			score.raw[k] = model->has[k] ? scores->raw[k][r] : NAN;
			score.surprises[k] = NAN;
		}
		rig_score_combine(model, &row, 1);
		if (isnan(score.surprise))
			continue;
		cusum = rig_cusum_advance(cusum, score.surprise);
		largest = fmaxf(largest, cusum);
	}
	return largest * RIG_CUSUM_MARGIN;
}

/* Calibrates one detector by the rows of a state and levels their scores; a missing calibration is no error. */
static RigStatus
calibrate_part(RigCrossScores *scores, RigArena *scratch, const RigModel *model,
			   RigCalibration *calibration, RigDetector detector, int16_t state, float *room)
{
	float	   *raw = scores->raw[detector];
	float	   *part = rig_arena_allocate(scratch, (size_t) scores->rows * sizeof(float));
	int64_t		count = 0;
	RigStatus	status;

	if (part == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < scores->rows; r++)
	{
		part[r] = scores->states[r] == state ? raw[r] : NAN;
		count += !isnan(part[r]);
	}
	if (state != 0 && count < LEAST_REGIME_SCORES)
		return RIG_OK;
	if (detector != RIG_DETECTOR_LSTM)
		level_folds(scores, part, room);
	for (int64_t r = 0; r < scores->rows; r++)
		raw[r] = scores->states[r] == state ? part[r] : raw[r];
	status = model->regime_count == 0 ? rig_calibration_fit(calibration, scratch, part, scores->rows, NULL) :
		fit_in_time(calibration, scratch, part, scores->rows, true);
	if (status == RIG_INVALID_ARGUMENT)
		*calibration = (RigCalibration) {0};
	else if (status == RIG_OK && detector == RIG_DETECTOR_LSTM && model->algorithm == RIG_ALGORITHM_HYBRID)
		limit_to_windows(calibration);
	return status == RIG_INVALID_ARGUMENT ? RIG_OK : status;
}

/* Calibrates one detector: by the rows of each regime, and by the rest or, when that is too little, by all rows. */
static RigStatus
calibrate_detector(RigCrossScores *scores, RigArena *scratch, RigModel *model, RigDetector detector, float *room)
{
	RigCalibration *whole = &model->calibrations.detectors[detector];
	RigStatus	status = calibrate_part(scores, scratch, model, whole, detector, 0, room);

	for (int32_t i = 0; status == RIG_OK && i < model->regime_count; i++)
		status = calibrate_part(scores, scratch, model, &model->regimes[i].calibrations.detectors[detector], detector,
								model->regimes[i].state, room);
	if (status == RIG_OK && whole->count == 0)
		status = rig_calibration_fit(whole, scratch, scores->raw[detector], scores->rows, NULL);
	return status;
}

/* The combinations are limited by what is combined, not once more. */
static RigStatus
calibrate_combinations(const RigCrossScores *scores, RigArena *scratch, const RigModel *model, const RigRegime *regime,
					   RigCalibration *combined, float *room)
{
	for (int c = 0; c < RIG_COMBINATIONS; c++)
	{
		int64_t		count = combine_rows(scores, model, regime, (RigCombination) c, room);
		RigStatus	status = RIG_INVALID_ARGUMENT;

		if (model->regime_count == 0)
			status = rig_calibration_fit(&combined[c], scratch, room, count, NULL);
		else if (regime == NULL || count >= LEAST_REGIME_SCORES)
			status = fit_in_time(&combined[c], scratch, room, count, false);
		if (status == RIG_OUT_OF_MEMORY)
			return status;
		if (status != RIG_OK)
			combined[c] = (RigCalibration) {0};
	}
	return RIG_OK;
}

/* A regime that no fold could judge by has nothing to tell how much its scores surprise. */
static void
drop_uncalibrated_regimes(RigModel *model)
{
	int32_t		kept = 0;

	for (int32_t i = 0; i < model->regime_count; i++)
	{
		const RigRegime *regime = &model->regimes[i];
		const RigCalibration *calibrations = regime->calibrations.detectors;

		if ((model->has[RIG_DETECTOR_Z] && calibrations[RIG_DETECTOR_Z].count == 0) ||
			(regime->has_pca && calibrations[RIG_DETECTOR_RESIDUAL].count == 0))
			continue;
		model->regimes[kept++] = *regime;
	}
	model->regime_count = kept;
}

RigStatus
rig_cross_calibrate(RigCrossScores *scores, RigArena *scratch, RigModel *model)
{
	float	   *room = rig_arena_allocate(scratch, (size_t) scores->rows * sizeof(float));
	bool		any = false;
	RigStatus	status = room == NULL ? RIG_OUT_OF_MEMORY : RIG_OK;

	for (int k = 0; status != RIG_OUT_OF_MEMORY && k < RIG_DETECTORS; k++)
	{
		if (!model->has[k])
			continue;
		status = calibrate_detector(scores, scratch, model, (RigDetector) k, room);
		model->has[k] = status == RIG_OK;
		any |= model->has[k];
	}
	drop_uncalibrated_regimes(model);
	if (status != RIG_OUT_OF_MEMORY)
		status = calibrate_combinations(scores, scratch, model, NULL, model->calibrations.combined, room);
	for (int32_t i = 0; status == RIG_OK && i < model->regime_count; i++)
		status = calibrate_combinations(scores, scratch, model, &model->regimes[i],
										model->regimes[i].calibrations.combined, room);
	if (status != RIG_OK)
		return status;
	model->cusum_limit = find_cusum_limit(scores, model);
	return any ? RIG_OK : RIG_INVALID_ARGUMENT;
}
