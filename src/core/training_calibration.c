#include "training_calibration.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "combination.h"
#include "persistence.h"
#include "scoring.h"

/* Medians are taken on a log scale, where 0 has no place. */
#define LEAST_MEDIAN 1e-9

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
	*scores = (RigCrossScores) {.rows = rows, .by_regime = rig_arena_allocate(arena, (size_t) rows)};
	if (scores->by_regime == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(scores->by_regime, 0, (size_t) rows);
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
			for (int k = 0; k < RIG_DETECTORS; k++)
				if (wanted[k])
				{
					scores->raw[k][start + i] = block[i].raw[k];
					scores->by_regime[start + i] |= k == RIG_DETECTOR_Z ? block[i].by_regime : false;
				}
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

/* Combined surprises of the rows with or without their windows; returns how many rows have one. */
static int64_t
combine_rows(const RigCrossScores *scores, const RigModel *model, RigCombination combination, float *combined)
{
	int64_t		count = 0;

	for (int64_t r = 0; r < scores->rows; r++)
	{
		float		surprises[RIG_DETECTORS];
		bool		windowed = false;

		for (int k = 0; k < RIG_DETECTORS; k++)
		{
			bool		of_window = k == RIG_DETECTOR_WINDOW || k == RIG_DETECTOR_LSTM;
			float raw = model->has[k] && !(of_window && combination == RIG_COMBINATION_ROW) ? scores->raw[k][r] : NAN;

			surprises[k] = isnan(raw) ? NAN : rig_score_surprise(model, (RigDetector) k, raw, scores->by_regime[r]);
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
limit_surprise(RigCalibration *calibration)
{
	double		separate = (double) calibration->count / RIG_MODEL_WINDOW;

	calibration->limit = (float) fmin(log10(separate + 1), (double) RIG_SURPRISE_MAX);
	for (int i = 0; i < RIG_CALIBRATION_POINTS; i++)
		calibration->surprise[i] = fminf(calibration->surprise[i], calibration->limit);
}

/* The largest sum that the healthy rows reached, with a margin. */
static float
find_cusum_limit(const RigCrossScores *scores, const RigModel *model)
{
	float		cusum = 0;
	float		largest = RIG_CUSUM_LIMIT / RIG_CUSUM_MARGIN;

	for (int64_t r = 0; r < scores->rows; r++)
	{
		RigScore	score = {.by_regime = scores->by_regime[r]};
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

/* Calibrates by the rows that were judged by a regime, or by those that were not; levels their scores. */
static RigStatus
calibrate_part(RigCrossScores *scores, RigArena *scratch, RigCalibration *calibration, RigDetector detector,
			   bool by_regime, float *room)
{
	float	   *raw = scores->raw[detector];
	float	   *part = rig_arena_allocate(scratch, (size_t) scores->rows * sizeof(float));

	if (part == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < scores->rows; r++)
		part[r] = scores->by_regime[r] == by_regime ? raw[r] : NAN;
	level_folds(scores, part, room);
	for (int64_t r = 0; r < scores->rows; r++)
		raw[r] = scores->by_regime[r] == by_regime ? part[r] : raw[r];
	return rig_calibration_fit(calibration, scratch, part, scores->rows, NULL);
}

/*
 * Calibrates one detector: where regimes judge, by the readings that they judge and by the rest.
 * When the rest is too little, the former serve for all.
 */
static RigStatus
calibrate_detector(RigCrossScores *scores, RigArena *scratch, RigModel *model, RigDetector detector, float *room)
{
	RigCalibration *whole = &model->calibrations[detector];
	RigCalibration *own;
	RigStatus	status;

	if (detector == RIG_DETECTOR_LSTM)
		return rig_calibration_fit(whole, scratch, scores->raw[detector], scores->rows, NULL);
	if ((int) detector >= (int) RIG_REGIME_DETECTORS || model->regime_count == 0)
	{
		level_folds(scores, scores->raw[detector], room);
		return rig_calibration_fit(whole, scratch, scores->raw[detector], scores->rows, NULL);
	}
	own = &model->regime_calibrations[detector];
	status = calibrate_part(scores, scratch, own, detector, true, room);
	if (status == RIG_OUT_OF_MEMORY)
		return status;
	if (status != RIG_OK)
		*own = (RigCalibration) {0};
	status = calibrate_part(scores, scratch, whole, detector, false, room);
	if (status == RIG_INVALID_ARGUMENT && own->count > 0)
	{
		*whole = *own;
		status = RIG_OK;
	}
	return status;
}

RigStatus
rig_cross_calibrate(RigCrossScores *scores, RigArena *scratch, RigModel *model)
{
	float	   *room = rig_arena_allocate(scratch, (size_t) scores->rows * sizeof(float));
	bool		any = false;

	if (room == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int k = 0; k < RIG_DETECTORS; k++)
	{
		RigStatus	status;

		if (!model->has[k])
			continue;
		status = calibrate_detector(scores, scratch, model, (RigDetector) k, room);
		if (status == RIG_OUT_OF_MEMORY)
			return status;
		model->has[k] = status == RIG_OK;
		any |= model->has[k];
		if (k == RIG_DETECTOR_LSTM && model->has[k] && model->algorithm == RIG_ALGORITHM_HYBRID)
			limit_surprise(&model->calibrations[k]);
	}
	for (int c = 0; c < RIG_COMBINATIONS; c++)
	{
		int64_t		count = combine_rows(scores, model, (RigCombination) c, room);
		RigStatus	status = rig_calibration_fit(&model->combined[c], scratch, room, count, NULL);

		if (status == RIG_OUT_OF_MEMORY)
			return status;
		if (status != RIG_OK)
			model->combined[c] = (RigCalibration) {0};
	}
	model->cusum_limit = find_cusum_limit(scores, model);
	return any ? RIG_OK : RIG_INVALID_ARGUMENT;
}
