/*
 * Cross-calibration: every block of rows is scored by detectors that learnt from the other
 * blocks, and those scores tell what is usual.
 *
 * Rows of one block are closer to each other than to the rows that the model will meet, so
 * their number overstates what is known. The blocks are therefore brought to one median, and
 * all scores are moved out by one standard deviation of the medians (on a log scale).
 */
#ifndef RIG_TRAINING_CALIBRATION_H
#define RIG_TRAINING_CALIBRATION_H

#include "dataset.h"
#include "model.h"
#include "status.h"

#define RIG_FOLDS 5

/* Rows of a fold, and those that its detectors do not learn from: a window more on both sides. */
typedef struct RigFold
{
	int64_t		first;
	int64_t		last;
	int64_t		hole_first;
	int64_t		hole_last;
} RigFold;

/* Raw scores by row of the dataset, NaN where there is none. */
typedef struct RigCrossScores
{
	int64_t		rows;
	int64_t		count;			/* rows that were scored */
	int16_t    *states;			/* whose regime judged the row, 0 = none */
	float	   *raw[RIG_DETECTORS];
} RigCrossScores;

extern RigFold rig_fold_limits(int64_t rows, int fold);

/* All scores missing. */
extern RigStatus rig_cross_begin(RigCrossScores *scores, RigArena *arena, int64_t rows);

/* Scores the rows first .. last - 1 of data with model, whose windows begin in them. */
extern RigStatus rig_cross_score(RigCrossScores *scores, RigArena *scratch, const RigModel *model,
								 const RigDataset *data, int64_t first, int64_t last);

/* The same, but only the scores of the autoencoder are kept. */
extern RigStatus rig_cross_score_autoencoder(RigCrossScores *scores, RigArena *scratch, const RigModel *model,
											 const RigDataset *data, int64_t first, int64_t last);

/*
 * Calibrates the detectors that the model has, and their combinations. A detector with too few
 * scores is taken from the model; RIG_INVALID_ARGUMENT when none is left.
 */
extern RigStatus rig_cross_calibrate(RigCrossScores *scores, RigArena *scratch, RigModel *model);

#endif
