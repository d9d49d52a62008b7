/*
 * LSTM autoencoder of short windows: an encoder LSTM reads the window and leaves its last
 * hidden state as the latent; a decoder LSTM, which sees the latent at every step, writes the
 * window again, newest row first; what it writes badly is unlike the training.
 * Sutskever, Vinyals, Le (2014) for the reversed order, Srivastava et al. (2015) for the
 * autoencoder. Gates in the order i, f, g, o, one bias per gate, states start at zero.
 *
 * Rows are prepared rows (robust z, clipped); a cell that is not finite counts as missing.
 */
#ifndef RIG_AUTOENCODER_H
#define RIG_AUTOENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "status.h"

/* Limits that hold for every model, also for one that is imported. */
#define RIG_AUTOENCODER_MAX_FEATURES 1600
#define RIG_AUTOENCODER_MAX_HIDDEN 256
#define RIG_AUTOENCODER_MAX_STEPS 256

/* Exponent of the mean over features. */
#define RIG_AUTOENCODER_POWER 4

/* Mean squared scaled errors below this count as this, so that a score is always finite. */
#define RIG_AUTOENCODER_LEAST_ERROR 1e-12f

/* Least error_scale of a feature that takes part: a hundredth of the feature's own spread. */
#define RIG_AUTOENCODER_LEAST_SCALE 0.01f

/*
 * parameters is one block of rig_autoencoder_parameter_count floats, row-major, F = features
 * and H = hidden; a row of 4H holds the gates i, f, g, o, of H units each:
 *	 encoder  input [F][4H], recurrent [H][4H], bias [4H]
 *	 decoder  latent [H][4H], recurrent [H][4H], bias [4H]
 *	 output   weights [H][F], bias [F]
 */
typedef struct RigAutoencoder
{
	int32_t		features;
	int32_t		hidden;
	int32_t		steps;			/* rows of a window */
	int32_t		score_steps;	/* newest rows whose errors make the score, 1..steps */
	float	   *parameters;		/* begins on a cache line when made by rig_autoencoder_create */
	float	   *error_scale;	/* usual error of each feature, its drift included; 0 = left out */
} RigAutoencoder;

/* Floats in the parameter block; the arguments must be within the limits above. */
extern size_t rig_autoencoder_parameter_count(int32_t features, int32_t hidden);

/*
 * A model whose parameters and scales are all 0, to be filled. RIG_INVALID_ARGUMENT outside
 * of the limits (score_steps 0 takes all steps); the memory belongs to arena.
 */
extern RigStatus rig_autoencoder_create(RigAutoencoder *model, RigArena *arena, int32_t features, int32_t hidden,
										int32_t steps, int32_t score_steps);

/* Sizes within the limits, parameters finite, scales 0 or from RIG_AUTOENCODER_LEAST_SCALE to 1e6. */
extern bool rig_autoencoder_check(const RigAutoencoder *model);

/*
 * The part of the encoder that depends on one row alone, bias included: 4 x hidden floats. It
 * is the same in every window, so whoever slides a window keeps it and computes it once.
 */
extern void rig_autoencoder_project(const RigAutoencoder *model, const float *row, float *projection);

/* Bytes of scratch that score and reconstruct need; any alignment will do. */
extern size_t rig_autoencoder_scratch_size(const RigAutoencoder *model);

/*
 * How unlike the training a window is: the natural logarithm of the power mean, with exponent
 * RIG_AUTOENCODER_POWER, over the features of m, which is the mean of (error / error_scale)^2
 * over a feature's cells in the newest score_steps rows. Among many features one that misbehaves
 * would drown in the plain mean, and the largest alone would ignore that many misbehave a
 * little. Features that are left out and missing cells do not take part; NaN when nothing does.
 *
 * rows is steps x features, oldest first. projections points at the
 * projection of every row, or is NULL to have them computed; the score is the same. present
 * is steps x features, 0 = missing (the value was filled in), or NULL. sensor_errors receives
 * m of each feature (0 where it does not take part), unless NULL.
 */
extern float rig_autoencoder_score(const RigAutoencoder *model, const float *rows, const float *const *projections,
								   const uint8_t *present, void *scratch, float *sensor_errors);

/* What the decoder writes for a window, steps x features, oldest row first. */
extern void rig_autoencoder_reconstruct(const RigAutoencoder *model, const float *rows,
										const float *const *projections, void *scratch, float *reconstruction);

/* Bytes of scratch that score_batch needs, whatever the number of windows. */
extern size_t rig_autoencoder_batch_scratch_size(const RigAutoencoder *model);

/*
 * Scores many windows; window i begins at rows + starts[i] * stride and its rows are
 * contiguous. Fastest when starts ascend by small steps, because rows are then projected once.
 * present, if not NULL, is laid out like rows. sensor_errors is count x features or NULL.
 * Scores differ from those of rig_autoencoder_score by rounding only.
 */
extern void rig_autoencoder_score_batch(const RigAutoencoder *model, const float *rows, int64_t stride,
										const int64_t *starts, int64_t count, const uint8_t *present, void *scratch,
										float *scores, float *sensor_errors);

#endif
