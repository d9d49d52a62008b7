#include "autoencoder_train.h"

#include <math.h>
#include <string.h>

#include "adam.h"
#include "autoencoder_network.h"
#include "autoencoder_split.h"
#include "level_drift.h"
#include "random.h"

/* Windows that go through the network together: their traces fit into the second-level cache. */
#define BLOCK 16

/* A loss that is lower by less than this share is no improvement. */
#define LEAST_IMPROVEMENT 1e-4

/* Updates per epoch that batches are made small for, down to LEAST_BATCH, when windows are few. */
#define ENOUGH_UPDATES 32
#define LEAST_BATCH 8

typedef struct Trainer
{
	RigAutoencoder *model;
	const RigAutoencoderOptions *options;
	const RigProgress *progress;
	const float *rows;
	const uint8_t *present;
	RigAutoencoderSplit split;	/* training starts are shuffled */
	RigAutoencoderPass pass;
	RigAdam		adam;
	RigRandom	random;
	float	   *gradient;
	float	   *best;			/* parameters */
	float	   *window_losses;	/* mean per cell, of the training windows of the current epoch */
	double	   *sums;			/* features */
	double	   *counts;			/* features */
	double	   *drifts;			/* features, what the drift of the level adds to the variance */
	double		rate;
	int32_t		batch;
	double		work_done;		/* windows, of work_total */
	double		work_total;
} Trainer;

RigAutoencoderOptions
rig_autoencoder_defaults(void)
{
	return (RigAutoencoderOptions) {
		.hidden = 32, .steps = 20, .score_steps = 0, .epochs = 50, .batch = 64, .stride = 5, .max_windows = 20000,
		.plateau = 3, .patience = 5, .trim_epoch = 3, .trim_share = 0.01, .validation_share = 0.15,
		.learning_rate = 1e-3, .clip_norm = 1
	};
}

static bool
are_options_valid(const RigAutoencoderOptions *options)
{
	return options->hidden >= 1 && options->hidden <= RIG_AUTOENCODER_MAX_HIDDEN &&
		options->steps >= 2 && options->steps <= RIG_AUTOENCODER_MAX_STEPS &&
		options->score_steps >= 0 && options->score_steps <= options->steps &&
		options->epochs >= 1 && options->epochs <= 1000 &&
		options->batch >= 1 && options->batch <= 1024 &&
		options->stride >= 1 && options->stride <= 1000 &&
		options->max_windows >= 16 && options->max_windows <= 1000000 &&
		options->plateau >= 1 && options->plateau <= 1000 &&
		options->patience >= 1 && options->patience <= 1000 &&
		options->trim_epoch >= 0 &&
		options->trim_share >= 0 && options->trim_share <= 0.5 &&
		options->validation_share >= 0.01 && options->validation_share <= 0.5 &&
		options->learning_rate >= 1e-6 && options->learning_rate <= 1 &&
		options->clip_norm > 0;
}

size_t
rig_autoencoder_training_size(int32_t features, int64_t rows, const RigAutoencoderOptions *options)
{
	size_t		count = rig_autoencoder_parameter_count(features, options->hidden);

	return rig_autoencoder_split_size(rows, options) +
		rig_autoencoder_pass_size(features, options->hidden, options->steps, BLOCK) +
		rig_adam_size(count) + 2 * count * sizeof(float) +
		(size_t) options->max_windows * sizeof(float) +
		(4 + RIG_DRIFT_BLOCKS) * (size_t) features * sizeof(double) + 8 * 16;
}

static RigStatus
allocate_trainer(Trainer *trainer, RigArena *scratch)
{
	size_t		count = rig_autoencoder_parameter_count(trainer->model->features, trainer->model->hidden);
	size_t		features = (size_t) trainer->model->features;
	RigStatus	status;

	status = rig_autoencoder_pass_create(&trainer->pass, scratch, trainer->model->features, trainer->model->hidden,
										 trainer->model->steps, BLOCK);
	if (status == RIG_OK)
		status = rig_adam_create(&trainer->adam, scratch, count);
	if (status != RIG_OK)
		return status;
	trainer->gradient = rig_arena_allocate(scratch, count * sizeof(float));
	trainer->best = rig_arena_allocate(scratch, count * sizeof(float));
	trainer->window_losses = rig_arena_allocate(scratch, (size_t) trainer->split.training_count * sizeof(float));
	trainer->sums = rig_arena_allocate(scratch, features * sizeof(double));
	trainer->counts = rig_arena_allocate(scratch, features * sizeof(double));
	trainer->drifts = rig_arena_allocate(scratch, features * sizeof(double));
	if (trainer->gradient == NULL || trainer->best == NULL || trainer->window_losses == NULL ||
		trainer->sums == NULL || trainer->counts == NULL || trainer->drifts == NULL)
		return RIG_OUT_OF_MEMORY;
	return RIG_OK;
}

/* Uniform in -bound..bound with the variance 2 / (inputs + outputs) of Glorot, Bengio (2010). */
static void
draw_weights(Trainer *trainer, RigTensor which, int32_t outputs)
{
	const RigTensorLayout *layout = &trainer->pass.layout;
	float	   *weights = trainer->model->parameters + layout->offsets[which];
	size_t		count = (size_t) layout->rows[which] * (size_t) layout->columns[which];
	double		bound = sqrt(6.0 / (layout->rows[which] + outputs));

	for (size_t i = 0; i < count; i++)
		weights[i] = (float) (bound * (2 * rig_random_uniform(&trainer->random) - 1));
}

/* Each gate is a layer of its own; the forget gates begin open (Jozefowicz et al. 2015). */
static void
initialise_parameters(Trainer *trainer)
{
	int32_t		hidden = trainer->model->hidden;
	const size_t *offsets = trainer->pass.layout.offsets;

	draw_weights(trainer, RIG_ENCODER_INPUT, hidden);
	draw_weights(trainer, RIG_ENCODER_RECURRENT, hidden);
	draw_weights(trainer, RIG_DECODER_LATENT, hidden);
	draw_weights(trainer, RIG_DECODER_RECURRENT, hidden);
	draw_weights(trainer, RIG_OUTPUT_WEIGHTS, trainer->model->features);
	for (int32_t i = 0; i < hidden; i++)
	{
		trainer->model->parameters[offsets[RIG_ENCODER_BIAS] + (size_t) (hidden + i)] = 1;
		trainer->model->parameters[offsets[RIG_DECODER_BIAS] + (size_t) (hidden + i)] = 1;
	}
}

/* The i-th window that is used, in time order as long as the training windows are. */
static const float *
window_rows(const Trainer *trainer, int64_t i)
{
	const RigAutoencoderSplit *split = &trainer->split;
	int64_t		start = i < split->training_count ? split->training[i] : split->validation[i - split->training_count];

	return trainer->rows + start * trainer->model->features;
}

/*
 * How much the levels of the features drift, by the last row of each window. The network learns
 * the drift of the training, so its errors there do not tell; but levels will move on.
 */
static RigStatus
measure_drift(Trainer *trainer, RigArena *scratch)
{
	int32_t		features = trainer->model->features;
	int64_t		count = trainer->split.training_count + trainer->split.validation_count;
	RigLevelDrift drift = rig_drift_begin(scratch, features, count);

	if (drift.sums == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t i = 0; i < count; i++)
	{
		const float *row = window_rows(trainer, i) + (int64_t) (trainer->model->steps - 1) * features;

		for (int32_t f = 0; f < features; f++)
			trainer->pass.losses[f] = rig_autoencoder_usable(row[f]) ? row[f] : 0;
		rig_drift_add(&drift, trainer->pass.losses);
	}
	for (int32_t f = 0; f < features; f++)
	{
		double		mean = 0;

		for (int b = 0; b < RIG_DRIFT_BLOCKS; b++)
			mean += drift.sums[b * features + f] / (double) count;
		trainer->drifts[f] = rig_drift_variance(&drift, f) - fmax(drift.squares[f] / (double) count - mean * mean, 0);
	}
	return RIG_OK;
}

/* A feature that has one value in all windows teaches nothing. */
static void
find_active_features(Trainer *trainer)
{
	int32_t		features = trainer->model->features;
	RigReal    *active = trainer->pass.active;
	const float *first = window_rows(trainer, 0);

	for (int32_t i = 0; i < features; i++)
		active[i] = 0;
	for (int64_t w = 0; w < trainer->split.training_count + trainer->split.validation_count; w++)
	{
		const float *values = window_rows(trainer, w);

		for (int64_t i = 0; i < (int64_t) trainer->model->steps * features; i++)
		{
			if (values[i] != first[i % features])
				active[i % features] = 1;
		}
	}
}

/* The next block of windows through the network; its losses and counted cells per window. */
static void
run_block(Trainer *trainer, const int64_t *starts, int32_t count, double *losses, double *cells)
{
	int32_t		features = trainer->model->features;

	trainer->pass.windows = count;
	for (int32_t i = 0; i < count; i++)
	{
		int64_t		from = starts[i] * features;

		rig_autoencoder_pass_load(&trainer->pass, i, trainer->rows + from,
								  trainer->present != NULL ? trainer->present + from : NULL);
	}
	rig_autoencoder_pass_forward(&trainer->pass, trainer->model->parameters);
	if (losses != NULL)
		rig_autoencoder_pass_loss(&trainer->pass, losses, cells);
}

static int32_t
block_size(int64_t left)
{
	return left < BLOCK ? (int32_t) left : BLOCK;
}

/* One update of the parameters from count windows, whose losses are kept and added up. */
static void
train_batch(Trainer *trainer, int64_t first, int32_t count, double *loss_sum, double *cell_sum)
{
	double		batch_cells = 0;

	memset(trainer->gradient, 0, trainer->adam.count * sizeof(float));
	rig_autoencoder_pass_transpose(&trainer->pass, trainer->model->parameters);
	for (int32_t done = 0; done < count; done += BLOCK)
	{
		double		losses[BLOCK];
		double		cells[BLOCK];
		int32_t		windows = block_size(count - done);

		run_block(trainer, trainer->split.training + first + done, windows, losses, cells);
		rig_autoencoder_pass_backward(&trainer->pass, trainer->gradient);
		for (int32_t i = 0; i < windows; i++)
		{
			trainer->window_losses[first + done + i] = cells[i] > 0 ? (float) (losses[i] / cells[i]) : 0;
			*loss_sum += losses[i];
			batch_cells += cells[i];
		}
	}
	*cell_sum += batch_cells;
	if (batch_cells > 0)
		rig_adam_step(&trainer->adam, trainer->model->parameters, trainer->gradient, 1 / batch_cells, trainer->rate,
					  trainer->options->clip_norm);
}

static void
shuffle_windows(Trainer *trainer)
{
	int64_t    *starts = trainer->split.training;

	for (int64_t i = trainer->split.training_count - 1; i > 0; i--)
	{
		int64_t		other = rig_random_below(&trainer->random, (uint32_t) i + 1);
		int64_t		start = starts[i];

		starts[i] = starts[other];
		starts[other] = start;
	}
}

static bool
report_work(Trainer *trainer, int32_t windows)
{
	trainer->work_done += windows;
	return rig_proceed(trainer->progress, fmin(trainer->work_done / trainer->work_total, 1));
}

/* Every training window once, in a new order. */
static RigStatus
train_epoch(Trainer *trainer, double *loss)
{
	int64_t		count = trainer->split.training_count;
	double		loss_sum = 0;
	double		cell_sum = 0;

	shuffle_windows(trainer);
	for (int64_t first = 0; first < count; first += trainer->batch)
	{
		int32_t		windows = count - first < trainer->batch ? (int32_t) (count - first) : trainer->batch;

		train_batch(trainer, first, windows, &loss_sum, &cell_sum);
		if (!report_work(trainer, windows))
			return RIG_INTERRUPTED;
	}
	*loss = cell_sum > 0 ? loss_sum / cell_sum : 0;
	return RIG_OK;
}

/* Loss per cell of the judging windows. */
static RigStatus
validate(Trainer *trainer, double *loss)
{
	double		loss_sum = 0;
	double		cell_sum = 0;

	for (int64_t first = 0; first < trainer->split.validation_count; first += BLOCK)
	{
		double		losses[BLOCK];
		double		cells[BLOCK];
		int32_t		windows = block_size(trainer->split.validation_count - first);

		run_block(trainer, trainer->split.validation + first, windows, losses, cells);
		for (int32_t i = 0; i < windows; i++)
		{
			loss_sum += losses[i];
			cell_sum += cells[i];
		}
		if (!report_work(trainer, windows))
			return RIG_INTERRUPTED;
	}
	*loss = cell_sum > 0 ? loss_sum / cell_sum : 0;
	return RIG_OK;
}

static int64_t
count_above(const float *values, int64_t count, double limit)
{
	int64_t		above = 0;

	for (int64_t i = 0; i < count; i++)
		above += values[i] > limit;
	return above;
}

/*
 * Leaves out the windows with the largest losses, as many as the share allows: what the network
 * finds hardest while it still learns the rule is likely to be no example of it. The limit is
 * found by bisection, so that equal losses are treated alike.
 */
static int64_t
trim_windows(Trainer *trainer)
{
	RigAutoencoderSplit *split = &trainer->split;
	int64_t		most = (int64_t) ((double) split->training_count * trainer->options->trim_share);
	int64_t		kept = 0;
	double		low = 0;
	double		high = 0;

	for (int64_t i = 0; i < split->training_count; i++)
		high = fmax(high, trainer->window_losses[i]);
	for (int i = 0; i < 50; i++)
	{
		double		middle = (low + high) / 2;

		if (count_above(trainer->window_losses, split->training_count, middle) > most)
			low = middle;
		else
			high = middle;
	}
	for (int64_t i = 0; i < split->training_count; i++)
	{
		if (trainer->window_losses[i] <= high)
			split->training[kept++] = split->training[i];
	}
	most = split->training_count - kept;
	split->training_count = kept;
	return most;
}

/* Epochs until the judging windows get no better; the best parameters win. */
static RigStatus
train_epochs(Trainer *trainer, RigAutoencoderMetrics *metrics)
{
	const RigAutoencoderOptions *options = trainer->options;
	size_t		size = trainer->adam.count * sizeof(float);
	int32_t		waited = 0;

	for (int32_t epoch = 1; epoch <= options->epochs && waited < options->patience; epoch++)
	{
		double		training_loss;
		double		validation_loss;
		RigStatus	status = train_epoch(trainer, &training_loss);

		if (status == RIG_OK)
			status = validate(trainer, &validation_loss);
		if (status != RIG_OK)
			return status;
		metrics->epochs = epoch;
		if (validation_loss < metrics->validation_loss * (1 - LEAST_IMPROVEMENT))
		{
			memcpy(trainer->best, trainer->model->parameters, size);
			metrics->best_epoch = epoch;
			metrics->training_loss = training_loss;
			metrics->validation_loss = validation_loss;
			waited = 0;
		}
		else if (++waited % options->plateau == 0)
			trainer->rate /= 2;
		if (epoch == options->trim_epoch)
			metrics->trimmed_windows = trim_windows(trainer);
	}
	memcpy(trainer->model->parameters, trainer->best, size);
	return RIG_OK;
}

/* Root mean square error of each feature over the rows that are scored; -1 without any. */
static RigStatus
measure_errors(Trainer *trainer, const int64_t *starts, int64_t count, float *errors)
{
	size_t		features = (size_t) trainer->model->features;

	memset(trainer->sums, 0, features * sizeof(double));
	memset(trainer->counts, 0, features * sizeof(double));
	for (int64_t first = 0; first < count; first += BLOCK)
	{
		int32_t		windows = block_size(count - first);

		run_block(trainer, starts + first, windows, NULL, NULL);
		rig_autoencoder_pass_square(&trainer->pass, trainer->model->score_steps, trainer->sums, trainer->counts);
		if (!report_work(trainer, windows))
			return RIG_INTERRUPTED;
	}
	for (size_t i = 0; i < features; i++)
		errors[i] = trainer->counts[i] > 0 ? (float) sqrt(trainer->sums[i] / trainer->counts[i]) : -1;
	return RIG_OK;
}

/*
 * Scales by the errors of the judging windows and by the drift. A feature may have rested there
 * that moves elsewhere, and its scale would make every later move an anomaly: the errors of as
 * many training windows are the least.
 */
static RigStatus
scale_errors(Trainer *trainer)
{
	RigAutoencoder *model = trainer->model;
	const RigAutoencoderSplit *split = &trainer->split;
	int64_t		judging = split->validation_count;
	int64_t		count = split->training_count < judging ? split->training_count : judging;
	float		training_errors[RIG_AUTOENCODER_MAX_FEATURES];
	RigStatus	status = measure_errors(trainer, split->training, count, training_errors);

	if (status == RIG_OK)
		status = measure_errors(trainer, split->validation, judging, model->error_scale);
	if (status != RIG_OK)
		return status;
	for (int32_t i = 0; i < model->features; i++)
	{
		float		scale = fmaxf(model->error_scale[i], training_errors[i]);

		if (scale < 0)
			model->error_scale[i] = 0;
		else
			model->error_scale[i] = fmaxf((float) sqrt((double) scale * scale + trainer->drifts[i]),
										  RIG_AUTOENCODER_LEAST_SCALE);
	}
	return RIG_OK;
}

/* Small sets get small batches, or there would be too few updates to learn anything. */
static int32_t
choose_batch(int32_t batch, int64_t windows)
{
	int64_t		small = windows / ENOUGH_UPDATES;

	if (small < LEAST_BATCH)
		small = LEAST_BATCH;
	return small < batch ? (int32_t) small : batch;
}

RigStatus
rig_autoencoder_train(RigAutoencoder *model, RigArena *arena, RigArena *scratch, const float *rows,
					  const uint8_t *present, int32_t features, int64_t stride, const int64_t *starts, int64_t count,
					  const RigAutoencoderOptions *options, uint64_t seed, const RigProgress *progress,
					  RigAutoencoderMetrics *metrics)
{
	Trainer		trainer = {.model = model, .options = options, .progress = progress, .rows = rows, .present = present};
	RigAutoencoderMetrics own;
	RigStatus	status;

	if (!are_options_valid(options) || stride != features)
		return RIG_INVALID_ARGUMENT;
	status = rig_autoencoder_create(model, arena, features, options->hidden, options->steps, options->score_steps);
	if (status == RIG_OK)
		status = rig_autoencoder_split_make(&trainer.split, scratch, starts, count, options);
	if (status == RIG_OK)
		status = allocate_trainer(&trainer, scratch);
	if (status == RIG_OK)
		status = measure_drift(&trainer, scratch);
	if (status != RIG_OK)
		return status;

	metrics = metrics != NULL ? metrics : &own;
	*metrics = (RigAutoencoderMetrics) {
		.training_windows = trainer.split.training_count, .validation_windows = trainer.split.validation_count
	};
	trainer.rate = options->learning_rate;
	trainer.batch = choose_batch(options->batch, trainer.split.training_count);
	trainer.work_total = (double) (trainer.split.training_count + trainer.split.validation_count) * options->epochs +
		3 * (double) trainer.split.validation_count;
	rig_random_seed(&trainer.random, seed);
	find_active_features(&trainer);
	initialise_parameters(&trainer);
	memcpy(trainer.best, model->parameters, trainer.adam.count * sizeof(float));
	status = validate(&trainer, &metrics->initial_loss);
	metrics->training_loss = metrics->initial_loss;
	metrics->validation_loss = metrics->initial_loss;
	if (status == RIG_OK)
		status = train_epochs(&trainer, metrics);
	if (status == RIG_OK)
		status = scale_errors(&trainer);
	return status;
}
