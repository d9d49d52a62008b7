/*
 * Training of a model: scaling, detectors, calibration, combination. See model.h for what the
 * detectors see, and docs/detection.md for why they are calibrated and combined this way.
 */
#ifndef RIG_MODEL_TRAIN_H
#define RIG_MODEL_TRAIN_H

#include "arena.h"
#include "autoencoder_train.h"
#include "dataset.h"
#include "model.h"
#include "progress.h"
#include "status.h"

/* Fewer rows cannot be calibrated. */
#define RIG_TRAINING_MIN_ROWS 100

typedef struct RigTrainingOptions
{
	RigAlgorithm algorithm;
	double		false_alarm_rate;	/* per reading, 1e-9 .. 0.5 */
	int64_t		period;			/* usual step between rows in microseconds; 0 = they have no time */
	int32_t		components;		/* of the row's PCA; 0 = chosen by the code */
	int32_t		window_components;	/* of the window's PCA; 0 = chosen by the code */
	RigForestOptions forest;
	RigAutoencoderOptions autoencoder;
} RigTrainingOptions;

typedef struct RigTrainingMetrics
{
	int64_t		rows;			/* used */
	int64_t		windows;		/* without a gap among them */
	int32_t		masked_features;	/* that never moved */
	int64_t		calibration_rows;
	RigAutoencoderMetrics autoencoder;	/* zero without that detector */
} RigTrainingMetrics;

/* The options that every algorithm starts from. */
extern RigTrainingOptions rig_training_defaults(RigAlgorithm algorithm);

/*
 * Trains on data, whose rows are all taken as healthy. The model's memory comes from arena,
 * and it keeps names (features of them), which must live as long; scratch is temporary.
 * RIG_INVALID_ARGUMENT when there are fewer than RIG_TRAINING_MIN_ROWS rows or no feature
 * that moves.
 */
extern RigStatus rig_model_train(RigModel *model, RigArena *arena, RigArena *scratch, const RigDataset *data,
								 const char *const *names, const RigTrainingOptions *options, uint64_t seed,
								 const RigProgress *progress, RigTrainingMetrics *metrics);

#endif
