/*
 * A trained model: everything that scoring needs, for one machine or for a fleet.
 *
 * The hybrid model holds all detectors; a model of a single algorithm holds that detector and
 * what feeds it. Detectors see a reading as follows: the forest the values as they are, all
 * others the prepared row, which is the robust z of every feature, clipped, with missing
 * values filled in and masked features at 0.
 */
#ifndef RIG_MODEL_H
#define RIG_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "autoencoder.h"
#include "calibration.h"
#include "isolation_forest.h"
#include "pca.h"
#include "robust_scale.h"

/* Limits that hold for every model, also for one that is imported. */
#define RIG_MODEL_MAX_FEATURES 1600
#define RIG_MODEL_MAX_NAME 63	/* bytes */
#define RIG_MODEL_MAX_STATE 99	/* states are 1 .. 99; see state_words.h */
#define RIG_MODEL_MAX_REGIMES 16
#define RIG_MODEL_RESTS 2		/* resting values per feature */
#define RIG_MODEL_WINDOW 20		/* readings that the windowed detectors look at */

typedef enum RigAlgorithm
{
	RIG_ALGORITHM_FOREST = 1,
	RIG_ALGORITHM_PCA,
	RIG_ALGORITHM_LSTM,
	RIG_ALGORITHM_HYBRID
} RigAlgorithm;

/*
 * Every detector gives one number per reading, larger = stranger. All but the forest are
 * deviations in units of what training saw, where variances hold the slow drift of the level
 * beside the scatter around it.
 */
typedef enum RigDetector
{
	RIG_DETECTOR_Z,				/* largest |z| of a feature */
	RIG_DETECTOR_T2,			/* distance within the space of the row's PCA */
	RIG_DETECTOR_RESIDUAL,		/* largest residual of a feature from that space */
	RIG_DETECTOR_WINDOW,		/* largest mean squared residual of a feature from the window's PCA */
	RIG_DETECTOR_FOREST,
	RIG_DETECTOR_LSTM,
	RIG_DETECTORS
} RigDetector;

/* How detectors are combined: which of them a reading has scores of. */
typedef enum RigCombination
{
	RIG_COMBINATION_ROW,		/* of the reading by itself */
	RIG_COMBINATION_WINDOW,		/* of its window as well */
	RIG_COMBINATIONS
} RigCombination;

/* What surprises how much; count 0 = none of its own. */
typedef struct RigCalibrations
{
	RigCalibration detectors[RIG_DETECTORS];
	RigCalibration combined[RIG_COMBINATIONS];	/* of the combined surprise */
} RigCalibrations;

/*
 * What is usual of single readings while the machine does one thing: what is remarkable while
 * it drills would not be when everything it ever does is taken together. The arrays are as in
 * RigModel. Detectors without a regime of their own are calibrated by it all the same.
 */
typedef struct RigRegime
{
	int16_t		state;			/* never 0 */
	bool		has_pca;
	RigScale	scale;
	float	   *z_weight;
	RigPca		row_pca;
	float	   *residual_weight;
	RigCalibrations calibrations;
} RigRegime;

typedef struct RigModel
{
	RigAlgorithm algorithm;
	uint64_t	seed;
	int32_t		features;
	const char *const *names;	/* NUL-terminated, in the order of the rows */
	int64_t		period;			/* usual step between readings in microseconds; 0 = rows have no time */
	double		alarm_surprise; /* -log10 of the false alarms per reading that were asked for */
	float		cusum_limit;	/* of rig_episode_advance() */

	/*
	 * Values at which each feature rested in training, RIG_MODEL_RESTS per feature, NaN for
	 * none: its smallest and its largest, such as a valve at 0 or a pump at its limit. Elsewhere a
	 * value that repeats is stuck. A feature that rested in between, like a set point, may rest
	 * anywhere, which an infinite one stands for.
	 */
	float	   *rests;

	bool		has[RIG_DETECTORS];
	RigScale	scale;
	float	   *z_weight;		/* per feature: 1 / deviation of its z; 0 = left out, as below */
	RigPca		row_pca;		/* of prepared rows; its variances hold the drift */
	float	   *residual_weight;	/* per feature: 1 / deviation of its residual */
	int32_t		regime_count;
	RigRegime  *regimes;		/* of the states that training saw enough of; the others are judged by the above */
	RigPca		window_pca;		/* of RIG_MODEL_WINDOW prepared rows, oldest first */
	float	   *window_weight;	/* per cell of the window: 1 / deviation of its residual */
	RigForest	forest;
	RigAutoencoder autoencoder;
	RigCalibrations calibrations;	/* of readings without a regime, and where that has none */
	float		weights[RIG_DETECTORS];
} RigModel;

/* Prepared values are clipped here, so that one wild value cannot outweigh all others. */
#define RIG_MODEL_CLIP 20.0f

/*
 * Prepares a row without missing values; prepared may not overlap it. Returns the score of
 * RIG_DETECTOR_Z, which is that of the row before clipping.
 */
extern float rig_model_prepare(const RigModel *model, const float *values, float *prepared);

/* The same with the scale of one regime; returns its score of RIG_DETECTOR_Z. */
extern float rig_regime_prepare(const RigRegime *regime, const float *values, float *prepared);

/* The regime of a state; NULL = none of its own. */
extern const RigRegime *rig_model_regime(const RigModel *model, int16_t state);

/* True when the feature rested at that value in training. */
extern bool rig_model_rests_at(const RigModel *model, int32_t feature, float value);

#endif
