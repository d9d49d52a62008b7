#include "model_train.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "level_drift.h"
#include "training_calibration.h"
#include "training_deviation.h"
#include "training_rows.h"

/* Windows that the PCA of windows is learnt from; neighbours say much the same. */
#define MOST_PCA_WINDOWS 4000

/* Share of the variance that the PCA of windows holds, and its components at most. */
#define WINDOW_SHARE 0.7
#define MOST_WINDOW_COMPONENTS 40

/* Residuals smaller than this share of the feature's deviation are rounding. */
#define LEAST_DEVIATION 0.05

/* A state with fewer rows is judged by all rows together. */
#define LEAST_REGIME_ROWS 500

/* Share of the rows, at the end, that calibrate the autoencoder: it is not trained once per fold. */
#define AUTOENCODER_CALIBRATION 0.2

/* Shares of the whole that the steps take, roughly. */
#define PROGRESS_FOLDS 0.4
#define PROGRESS_DETECTORS 0.5

/* Of the surprise in the combination, when all detectors take part. */
static const float detector_weights[RIG_DETECTORS] = {
	[RIG_DETECTOR_Z] = 0.15f,
	[RIG_DETECTOR_T2] = 0.15f,
	[RIG_DETECTOR_RESIDUAL] = 0.15f,
	[RIG_DETECTOR_WINDOW] = 0.4f,
	[RIG_DETECTOR_FOREST] = 0.15f,
	[RIG_DETECTOR_LSTM] = 0.1f,
};

typedef struct Training
{
	RigModel   *model;
	RigArena   *arena;
	RigArena   *scratch;
	const RigDataset *data;
	const RigTrainingOptions *options;
	const RigProgress *progress;
	bool	   *trends;			/* features that went one way throughout; NULL = not known yet */
	double		done;			/* share of the work before the current step */
	double		step;			/* share of the current step */
	RigTrainingMetrics *metrics;
} Training;

RigTrainingOptions
rig_training_defaults(RigAlgorithm algorithm)
{
	return (RigTrainingOptions) {
		.algorithm = algorithm,
		.false_alarm_rate = 1e-4,
		.forest = rig_forest_defaults(),
		.autoencoder = rig_autoencoder_defaults(),
	};
}

/* Progress of one step, as a share of the whole. */
static bool
proceed_step(void *context, double fraction)
{
	Training   *training = context;

	return rig_proceed(training->progress, training->done + training->step * fraction);
}

static bool
wants(RigAlgorithm algorithm, RigDetector detector)
{
	switch (detector)
	{
		case RIG_DETECTOR_Z:
			return algorithm == RIG_ALGORITHM_HYBRID;
		case RIG_DETECTOR_T2:
		case RIG_DETECTOR_RESIDUAL:
		case RIG_DETECTOR_WINDOW:
			return algorithm == RIG_ALGORITHM_PCA || algorithm == RIG_ALGORITHM_HYBRID;
		case RIG_DETECTOR_FOREST:
			return algorithm == RIG_ALGORITHM_FOREST || algorithm == RIG_ALGORITHM_HYBRID;
		case RIG_DETECTOR_LSTM:
			return algorithm == RIG_ALGORITHM_LSTM || algorithm == RIG_ALGORITHM_HYBRID;
		case RIG_DETECTORS:
			break;
	}
	return false;
}

/* Weights of a series per column: 1 / deviation, 0 for a masked feature. columns is a multiple of the features. */
static float *
allocate_weights(RigArena *arena, int32_t columns)
{
	return rig_arena_allocate(arena, (size_t) columns * sizeof(float));
}

static float
weight_of(const RigModel *model, int32_t column, double variance)
{
	return model->scale.spread[column % model->features] > 0 ? (float) (1 / fmax(sqrt(variance), LEAST_DEVIATION)) : 0;
}

static RigStatus
weigh_z(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows)
{
	RigLevelDrift drift = rig_drift_begin(training->scratch, model->features, rows->count);

	model->z_weight = allocate_weights(arena, model->features);
	if (drift.sums == NULL || model->z_weight == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < rows->count; r++)
		rig_drift_add(&drift, rows->prepared + r * model->features);
	for (int32_t f = 0; f < model->features; f++)
		model->z_weight[f] = weight_of(model, f, rig_drift_variance(&drift, f));
	return RIG_OK;
}

/* Deviations of what the row's PCA keeps and of what it leaves. */
static RigStatus
weigh_row_pca(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows)
{
	RigPca	   *pca = &model->row_pca;
	RigLevelDrift scores = rig_drift_begin(training->scratch, pca->components, rows->count);
	RigLevelDrift residuals = rig_drift_begin(training->scratch, model->features, rows->count);
	float	   *values = rig_arena_allocate(training->scratch, (size_t) model->features * sizeof(float));
	float		projected[RIG_PCA_SCORES];

	model->residual_weight = allocate_weights(arena, model->features);
	if (scores.sums == NULL || residuals.sums == NULL || values == NULL || model->residual_weight == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < rows->count; r++)
	{
		const float *row = rows->prepared + r * model->features;

		rig_pca_score(pca, row, NULL, NULL, NULL, values);
		rig_drift_add(&residuals, values);
		rig_pca_project(pca, row, projected);
		rig_drift_add(&scores, projected);
	}
	for (int32_t k = 0; k < pca->components; k++)
		pca->variances[k] = (float) fmax(rig_drift_variance(&scores, k), 1e-6);
	for (int32_t f = 0; f < model->features; f++)
		model->residual_weight[f] = weight_of(model, f, rig_drift_variance(&residuals, f));
	return RIG_OK;
}

static RigStatus
fit_row_pca(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows,
			const RigProgress *progress)
{
	RigPcaOptions options = rig_pca_defaults();
	RigStatus	status;

	/* One feature has nothing to be correlated with. */
	if (model->features - model->scale.masked < 2)
		return RIG_OK;
	options.rule = RIG_PCA_NOISE;
	options.components = training->options->components;
	status = rig_pca_fit(&model->row_pca, arena, training->scratch, rows->prepared, model->features, NULL, rows->count,
						 model->features, &options, progress);
	if (status == RIG_INVALID_ARGUMENT)
		return RIG_OK;
	if (status == RIG_OK)
		status = weigh_row_pca(training, model, arena, rows);
	model->has[RIG_DETECTOR_T2] = model->has[RIG_DETECTOR_RESIDUAL] = status == RIG_OK;
	return status;
}

/* Starts of at most MOST_PCA_WINDOWS windows, spread evenly; their number in *count. */
static int64_t *
choose_windows(Training *training, const RigTrainingRows *rows, int64_t *count)
{
	int64_t		every = (rows->window_count + MOST_PCA_WINDOWS - 1) / MOST_PCA_WINDOWS;
	int64_t    *starts = rig_arena_allocate(training->scratch, MOST_PCA_WINDOWS * sizeof(int64_t));

	*count = 0;
	for (int64_t i = 0; starts != NULL && i < rows->window_count; i += every)
		starts[(*count)++] = rows->window_starts[i];
	return starts;
}

static RigStatus
weigh_window_pca(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows,
				 const int64_t *starts, int64_t count)
{
	int32_t		cells = model->features * RIG_MODEL_WINDOW;
	double	   *squares = rig_arena_allocate(training->scratch, (size_t) cells * sizeof(double));
	float	   *residual = rig_arena_allocate(training->scratch, (size_t) cells * sizeof(float));

	model->window_weight = allocate_weights(arena, cells);
	if (squares == NULL || residual == NULL || model->window_weight == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(squares, 0, (size_t) cells * sizeof(double));
	for (int64_t i = 0; i < count; i++)
	{
		rig_pca_score(&model->window_pca, rows->prepared + starts[i] * model->features, NULL, NULL, NULL, residual);
		for (int32_t c = 0; c < cells; c++)
			squares[c] += (double) residual[c] * (double) residual[c];
	}
	for (int32_t c = 0; c < cells; c++)
		model->window_weight[c] = weight_of(model, c, squares[c] / (double) count);
	return RIG_OK;
}

static RigStatus
fit_window_pca(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows,
			   const RigProgress *progress)
{
	RigPcaOptions options = rig_pca_defaults();
	int64_t		count;
	int64_t    *starts = choose_windows(training, rows, &count);
	RigStatus	status;

	if (starts == NULL)
		return RIG_OUT_OF_MEMORY;
	if (count < 2 * RIG_MODEL_WINDOW)
		return RIG_OK;
	options.components = training->options->window_components;
	options.variance_share = WINDOW_SHARE;
	options.max_components = MOST_WINDOW_COMPONENTS;
	status = rig_pca_fit(&model->window_pca, arena, training->scratch, rows->prepared, model->features, starts, count,
						 model->features * RIG_MODEL_WINDOW, &options, progress);
	if (status == RIG_INVALID_ARGUMENT)
		return RIG_OK;
	if (status == RIG_OK)
		status = weigh_window_pca(training, model, arena, rows, starts, count);
	model->has[RIG_DETECTOR_WINDOW] = status == RIG_OK;
	return status;
}

/* The rows of one state; their windows do not matter. */
static RigStatus
gather_state(RigTrainingRows *own, RigArena *arena, const RigTrainingRows *rows, int32_t features, int16_t state,
			 int64_t count)
{
	size_t		cells = (size_t) count * (size_t) features;

	*own = (RigTrainingRows) {0};
	own->filled = rig_arena_allocate(arena, cells * sizeof(float));
	own->prepared = rig_arena_allocate(arena, cells * sizeof(float));
	if (own->filled == NULL || own->prepared == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < rows->count; r++)
		if (rows->states[r] == state)
			memcpy(own->filled + own->count++ * features, rows->filled + r * features,
				   (size_t) features * sizeof(float));
	return RIG_OK;
}

/*
 * Scale of one state. What is masked altogether is masked here; what merely rests in this state
 * keeps its usual spread, so that it is noticed when it moves.
 */
static RigStatus
fit_regime_scale(Training *training, RigModel *part, RigArena *arena, const RigTrainingRows *own)
{
	const RigModel *model = training->model;
	RigScale	whole = part->scale;
	RigScaleOptions scaling = rig_scale_defaults();
	RigStatus	status;

	scaling.method = RIG_SCALE_WINSORISED;
	status = rig_scale_fit(&part->scale, arena, training->scratch, own->filled, own->count, model->features, &scaling);
	part->scale.masked = whole.masked;
	for (int32_t f = 0; status == RIG_OK && f < model->features; f++)
		if (whole.spread[f] == 0 || part->scale.spread[f] == 0)
			part->scale.spread[f] = whole.spread[f];
	return status;
}

static RigStatus
fit_regime(Training *training, RigRegime *regime, RigModel *part, RigArena *arena, const RigTrainingRows *rows,
		   int64_t count)
{
	RigTrainingRows own;
	RigStatus	status = gather_state(&own, training->scratch, rows, part->features, regime->state, count);
	bool		wants_pca = part->has[RIG_DETECTOR_RESIDUAL];

	if (status == RIG_OK)
		status = fit_regime_scale(training, part, arena, &own);
	if (status != RIG_OK)
		return status;
	for (int64_t r = 0; r < own.count; r++)
		rig_model_prepare(part, own.filled + r * part->features, own.prepared + r * part->features);
	status = weigh_z(training, part, arena, &own);
	part->has[RIG_DETECTOR_RESIDUAL] = false;
	if (status == RIG_OK && wants_pca)
		status = fit_row_pca(training, part, arena, &own, NULL);
	regime->has_pca = part->has[RIG_DETECTOR_RESIDUAL];
	regime->scale = part->scale;
	regime->z_weight = part->z_weight;
	regime->row_pca = part->row_pca;
	regime->residual_weight = part->residual_weight;
	return status;
}

/* A regime for every state that there are enough rows of. */
static RigStatus
fit_regimes(Training *training, RigModel *model, RigArena *arena, const RigTrainingRows *rows)
{
	int64_t		counts[RIG_MODEL_MAX_STATE + 1] = {0};
	int32_t		frequent = 0;
	RigStatus	status = RIG_OK;

	for (int64_t r = 0; r < rows->count; r++)
		if (rows->states[r] > 0 && rows->states[r] <= RIG_MODEL_MAX_STATE)
			counts[rows->states[r]]++;
	for (int16_t state = 1; state <= RIG_MODEL_MAX_STATE; state++)
		frequent += counts[state] >= LEAST_REGIME_ROWS;
	frequent = frequent < RIG_MODEL_MAX_REGIMES ? frequent : RIG_MODEL_MAX_REGIMES;
	model->regime_count = 0;
	model->regimes = rig_arena_allocate(arena, (size_t) frequent * sizeof(RigRegime));
	if (model->regimes == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(model->regimes, 0, (size_t) frequent * sizeof(RigRegime));
	for (int16_t state = 1; status == RIG_OK && state <= RIG_MODEL_MAX_STATE; state++)
	{
		RigArena	inner = rig_arena_child(training->scratch);
		Training	step = *training;
		RigModel	part = *model;

		if (counts[state] < LEAST_REGIME_ROWS || model->regime_count == frequent)
			continue;
		step.scratch = &inner;
		model->regimes[model->regime_count].state = state;
		status = fit_regime(&step, &model->regimes[model->regime_count], &part, arena, rows, counts[state]);
		model->regime_count++;
		rig_arena_release(&inner);
	}
	return status;
}

/* Everything but the autoencoder and the calibration, learnt from data. */
static RigStatus
fit_detectors(Training *training, RigModel *model, RigArena *arena, const RigDataset *data, RigTrainingRows *rows)
{
	const RigProgress progress = {proceed_step, training};
	RigAlgorithm algorithm = training->options->algorithm;
	RigScaleOptions scaling = rig_scale_defaults();
	RigStatus	status;

	scaling.method = RIG_SCALE_WINSORISED;
	status = rig_scale_fit(&model->scale, arena, training->scratch, data->values, data->rows, data->features, &scaling);
	for (int32_t f = 0; status == RIG_OK && training->trends != NULL && f < data->features; f++)
		if (training->trends[f] && model->scale.spread[f] > 0)
		{
			model->scale.spread[f] = 0;
			model->scale.masked++;
		}
	if (status == RIG_OK)
		status = rig_training_rows_make(rows, training->scratch, data, model);
	if (status == RIG_OK)
		status = rows->count < RIG_TRAINING_MIN_ROWS / 2 ? RIG_INVALID_ARGUMENT : weigh_z(training, model, arena, rows);
	model->has[RIG_DETECTOR_Z] = wants(algorithm, RIG_DETECTOR_Z);
	if (status == RIG_OK && wants(algorithm, RIG_DETECTOR_RESIDUAL))
		status = fit_row_pca(training, model, arena, rows, &progress);
	if (status == RIG_OK && (wants(algorithm, RIG_DETECTOR_RESIDUAL) || wants(algorithm, RIG_DETECTOR_Z)))
		status = fit_regimes(training, model, arena, rows);
	if (status == RIG_OK && wants(algorithm, RIG_DETECTOR_WINDOW))
		status = fit_window_pca(training, model, arena, rows, &progress);
	if (status == RIG_OK && wants(algorithm, RIG_DETECTOR_FOREST))
	{
		status = rig_forest_train(&model->forest, arena, training->scratch, rows->filled, rows->count, data->features,
								  &training->options->forest, model->seed, &progress);
		model->has[RIG_DETECTOR_FOREST] = status == RIG_OK;
	}
	return status;
}

/* Windows that end before a row. */
static int64_t
count_windows_before(const RigTrainingRows *rows, int64_t first)
{
	int64_t		count = 0;

	while (count < rows->window_count && rows->window_starts[count] + RIG_MODEL_WINDOW <= first)
		count++;
	return count;
}

/*
 * The autoencoder learns from all but the last rows, which calibrate it. With too few windows
 * the model does without it.
 */
static RigStatus
fit_autoencoder(Training *training, const RigTrainingRows *rows)
{
	const RigProgress progress = {proceed_step, training};
	RigModel   *model = training->model;
	RigAutoencoderOptions options = training->options->autoencoder;
	int64_t		held_out = (int64_t) ((double) rows->count * AUTOENCODER_CALIBRATION);
	int64_t		count = count_windows_before(rows, rows->count - held_out);
	RigStatus	status;

	options.steps = RIG_MODEL_WINDOW;
	status = rig_autoencoder_train(&model->autoencoder, training->arena, training->scratch, rows->prepared,
								   rows->present, model->features, model->features, rows->window_starts, count,
								   &options, model->seed, &progress, &training->metrics->autoencoder);
	if (status == RIG_INVALID_ARGUMENT)
	{
		model->autoencoder = (RigAutoencoder) {0};
		return RIG_OK;
	}
	model->has[RIG_DETECTOR_LSTM] = status == RIG_OK;
	return status;
}

/*
 * Finds the features that are masked because they went one way throughout the training, such
 * as the depth of a bit: any level of theirs would soon be beyond all that was seen. If there is
 * nothing else, they stay.
 */
static RigStatus
find_trends(Training *training)
{
	const RigDataset *data = training->data;
	RigArena	inner = rig_arena_child(training->scratch);
	bool	   *trends = rig_arena_allocate(training->scratch, (size_t) data->features * sizeof(bool));
	RigScaleOptions scaling = rig_scale_defaults();
	RigModel	model = *training->model;
	RigTrainingRows rows;
	RigLevelDrift drift;
	int32_t		level = 0;
	RigStatus	status;

	scaling.method = RIG_SCALE_WINSORISED;
	status = trends == NULL ? RIG_OUT_OF_MEMORY :
		rig_scale_fit(&model.scale, &inner, &inner, data->values, data->rows, data->features, &scaling);
	if (status == RIG_OK)
		status = rig_training_rows_make(&rows, &inner, data, &model);
	if (status == RIG_OK && rows.count < RIG_TRAINING_MIN_ROWS)
		status = RIG_INVALID_ARGUMENT;
	if (status == RIG_OK)
	{
		drift = rig_drift_begin(&inner, data->features, rows.count);
		status = drift.sums == NULL ? RIG_OUT_OF_MEMORY : RIG_OK;
	}
	if (status == RIG_OK)
	{
		for (int64_t r = 0; r < rows.count; r++)
			rig_drift_add(&drift, rows.prepared + r * data->features);
		for (int32_t f = 0; f < data->features; f++)
		{
			trends[f] = rig_drift_is_trend(&drift, f);
			level += !trends[f] && model.scale.spread[f] > 0;
		}
		training->trends = level > 0 ? trends : NULL;
	}
	rig_arena_release(&inner);
	return status;
}

/* Detectors of one fold, in kept; their deviations on the rows that they did not learn from. */
static RigStatus
train_fold(Training *training, RigModel *model, RigArena *kept, RigFold limits, RigDeviations *deviations)
{
	const RigDataset *data = training->data;
	RigArena	inner = rig_arena_child(training->scratch);
	Training	part = *training;
	RigTrainingRows rows;
	RigDataset	rest;
	RigDataset	block = rig_dataset_part(data, limits.first, limits.last);
	RigStatus	status = rig_dataset_without(&rest, &inner, data, limits.hole_first, limits.hole_last);

	part.scratch = &inner;
	if (status == RIG_OK)
		status = fit_detectors(&part, model, kept, &rest, &rows);
	if (status == RIG_OK)
		status = rig_deviations_add(deviations, &inner, model, &block);
	rig_arena_release(&inner);
	return status;
}

/*
 * Scores each block of rows by detectors that learnt from the others, once it is known how far
 * the features stray from what the other blocks say of them.
 */
static RigStatus
score_folds(Training *training, RigCrossScores *scores, RigDeviations *deviations)
{
	int64_t		count = training->data->rows;
	RigArena	kept = rig_arena_child(training->scratch);
	RigModel	models[RIG_FOLDS];
	RigStatus	status = RIG_OK;

	for (int fold = 0; status == RIG_OK && fold < RIG_FOLDS; fold++)
	{
		Training	part = *training;

		part.done = PROGRESS_FOLDS * fold / RIG_FOLDS;
		part.step = PROGRESS_FOLDS / RIG_FOLDS;
		models[fold] = *training->model;
		status = train_fold(&part, &models[fold], &kept, rig_fold_limits(count, fold), deviations);
		if (!rig_proceed(training->progress, part.done + part.step))
			status = RIG_INTERRUPTED;
	}
	for (int fold = 0; status == RIG_OK && fold < RIG_FOLDS; fold++)
	{
		RigArena	inner = rig_arena_child(training->scratch);
		RigFold		limits = rig_fold_limits(count, fold);

		rig_deviations_apply(deviations, &models[fold]);
		status = rig_cross_score(scores, &inner, &models[fold], training->data, limits.first, limits.last);
		rig_arena_release(&inner);
	}
	rig_arena_release(&kept);
	return status;
}

/* The autoencoder scores the last rows, which it did not see, with the model's own scaling. */
static RigStatus
score_held_out(Training *training, RigCrossScores *scores)
{
	const RigDataset *data = training->data;
	int64_t		first = data->rows - (int64_t) ((double) data->rows * AUTOENCODER_CALIBRATION);

	return rig_cross_score_autoencoder(scores, training->scratch, training->model, data, first, data->rows);
}

RigStatus
rig_model_train(RigModel *model, RigArena *arena, RigArena *scratch, const RigDataset *data, const char *const *names,
				const RigTrainingOptions *options, uint64_t seed, const RigProgress *progress,
				RigTrainingMetrics *metrics)
{
	Training	training = {
		.model = model, .arena = arena, .scratch = scratch, .data = data, .options = options, .progress = progress,
		.metrics = metrics, .done = PROGRESS_FOLDS, .step = PROGRESS_DETECTORS - PROGRESS_FOLDS,
	};
	RigCrossScores scores;
	RigDeviations deviations;
	RigTrainingRows rows;
	RigStatus	status;

	*metrics = (RigTrainingMetrics) {0};
	if (data->rows < RIG_TRAINING_MIN_ROWS)
		return RIG_INVALID_ARGUMENT;
	*model = (RigModel) {
		.algorithm = options->algorithm, .seed = seed, .features = data->features, .names = names,
		.period = options->period, .alarm_surprise = -log10(options->false_alarm_rate),
	};
	memcpy(model->weights, detector_weights, sizeof(model->weights));
	model->rests = rig_training_find_rests(arena, data);
	status = model->rests == NULL ? RIG_OUT_OF_MEMORY : rig_cross_begin(&scores, scratch, data->rows);
	if (status == RIG_OK)
		status = find_trends(&training);
	if (status == RIG_OK)
		status = rig_deviations_begin(&deviations, scratch, data->features);
	if (status == RIG_OK)
		status = score_folds(&training, &scores, &deviations);
	if (status == RIG_OK)
		status = fit_detectors(&training, model, arena, data, &rows);
	if (status == RIG_OK)
		rig_deviations_apply(&deviations, model);
	training.done = PROGRESS_DETECTORS;
	training.step = 1 - PROGRESS_DETECTORS;
	if (status == RIG_OK && wants(options->algorithm, RIG_DETECTOR_LSTM))
		status = fit_autoencoder(&training, &rows);
	if (status == RIG_OK && model->has[RIG_DETECTOR_LSTM])
		status = score_held_out(&training, &scores);
	if (status == RIG_OK)
		status = rig_cross_calibrate(&scores, scratch, model);
	metrics->rows = rows.count;
	metrics->windows = rows.window_count;
	metrics->masked_features = model->scale.masked;
	metrics->calibration_rows = scores.count;
	return status;
}
