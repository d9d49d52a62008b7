/*
 * Training of the LSTM autoencoder: mini-batches, back-propagation through the whole window,
 * Adam (Kingma, Ba 2015), gradients clipped by their norm (Pascanu et al. 2013), Huber loss,
 * and early stopping on the newest windows. Equal arguments give equal parameters on one
 * instruction set; between instruction sets they differ by rounding.
 */
#ifndef RIG_AUTOENCODER_TRAIN_H
#define RIG_AUTOENCODER_TRAIN_H

#include <stdint.h>

#include "arena.h"
#include "autoencoder.h"
#include "progress.h"
#include "status.h"

/* Fewer windows are nothing to learn from. */
#define RIG_AUTOENCODER_LEAST_WINDOWS 8

/* Ranges are checked by rig_autoencoder_train. */
typedef struct RigAutoencoderOptions
{
	int32_t		hidden;			/* units of each LSTM, 1..256 */
	int32_t		steps;			/* rows of a window, 2..256 */
	int32_t		score_steps;	/* newest rows that are scored, 0 = all, at most steps */
	int32_t		epochs;			/* at most, 1..1000 */
	int32_t		batch;			/* windows per update, 1..1024 */
	int32_t		stride;			/* every how many windows one is used, 1..1000; fewer are skipped when there are few */
	int32_t		max_windows;	/* used at most, spread evenly, 16..1000000 */
	int32_t		plateau;		/* epochs without improvement until the rate is halved, 1..1000 */
	int32_t		patience;		/* epochs without improvement until the end, 1..1000 */
	int32_t		trim_epoch;		/* after it the worst windows are left out, 0 = never */
	double		trim_share;		/* of the windows, 0..0.5 */
	double		validation_share;	/* newest share of the windows, 0.01..0.5 */
	double		learning_rate;	/* 1e-6..1 */
	double		clip_norm;		/* of the gradient, > 0 */
} RigAutoencoderOptions;

typedef struct RigAutoencoderMetrics
{
	int64_t		training_windows;
	int64_t		validation_windows;
	int64_t		trimmed_windows;
	int32_t		epochs;			/* run */
	int32_t		best_epoch;		/* whose parameters were kept, counted from 1 */
	double		initial_loss;	/* of the validation before training, Huber per cell */
	double		training_loss;	/* of the best epoch */
	double		validation_loss;	/* of the best epoch */
} RigAutoencoderMetrics;

extern RigAutoencoderOptions rig_autoencoder_defaults(void);

/*
 * Bytes that training takes from the scratch arena at most, beside what the arena adds per
 * chunk; rows is the highest start plus the steps. Options must be within their ranges.
 */
extern size_t rig_autoencoder_training_size(int32_t features, int64_t rows, const RigAutoencoderOptions *options);

/*
 * Trains on the windows that begin at rows + starts[i] * stride (prepared, contiguous: stride is
 * features), which are in time order: the last validation_share of them decides when to stop
 * and scales the errors, and training windows that overlap it are left out. present, laid out like rows,
 * is 0 where a value was filled in, or NULL; such cells do not count in the loss. A feature
 * that never moves gets error_scale 0. progress is asked once per mini-batch.
 *
 * RIG_INVALID_ARGUMENT when an option is out of range or fewer than
 * RIG_AUTOENCODER_LEAST_WINDOWS remain;
 * RIG_INTERRUPTED and RIG_OUT_OF_MEMORY leave the model undefined. metrics may be NULL.
 */
extern RigStatus rig_autoencoder_train(RigAutoencoder *model, RigArena *arena, RigArena *scratch, const float *rows,
									   const uint8_t *present, int32_t features, int64_t stride,
									   const int64_t *starts, int64_t count, const RigAutoencoderOptions *options,
									   uint64_t seed, const RigProgress *progress, RigAutoencoderMetrics *metrics);

#endif
