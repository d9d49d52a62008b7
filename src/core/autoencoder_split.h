/*
 * Which windows the autoencoder learns from and which ones judge it. Neighbouring windows share
 * almost all of their rows, so every stride-th one is enough, and windows that share rows with
 * the judging ones would make overfitting look good (a random split does that).
 */
#ifndef RIG_AUTOENCODER_SPLIT_H
#define RIG_AUTOENCODER_SPLIT_H

#include <stdint.h>

#include "arena.h"
#include "autoencoder_train.h"
#include "status.h"

typedef struct RigAutoencoderSplit
{
	int64_t    *training;		/* starts, in the given order */
	int64_t		training_count;
	int64_t    *validation;
	int64_t		validation_count;
} RigAutoencoderSplit;

/* Bytes that make takes from its arena at most; rows as in rig_autoencoder_training_size. */
extern size_t rig_autoencoder_split_size(int64_t rows, const RigAutoencoderOptions *options);

/*
 * Splits the windows that begin at row starts[i], in time order. RIG_INVALID_ARGUMENT when a
 * start is negative or fewer than RIG_AUTOENCODER_LEAST_WINDOWS remain to learn from.
 */
extern RigStatus rig_autoencoder_split_make(RigAutoencoderSplit *split, RigArena *arena, const int64_t *starts,
											int64_t count, const RigAutoencoderOptions *options);

#endif
