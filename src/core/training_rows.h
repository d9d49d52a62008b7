/*
 * The rows of a dataset as the detectors see them in training: filled in, prepared, and with
 * the windows that do not span a gap.
 */
#ifndef RIG_TRAINING_ROWS_H
#define RIG_TRAINING_ROWS_H

#include "dataset.h"
#include "model.h"
#include "status.h"

typedef struct RigTrainingRows
{
	int64_t		count;			/* rows with enough values; all arrays have so many rows */
	float	   *filled;			/* x features */
	float	   *prepared;
	uint8_t    *present;		/* 0 = filled in */
	int16_t    *states;			/* one per row: that it has been in for a while, or 0 */
	int64_t    *window_starts;	/* first rows of windows, ascending */
	int64_t		window_count;
} RigTrainingRows;

/* The rows first .. last - 1 of data, which share its memory. */
extern RigDataset rig_dataset_part(const RigDataset *data, int64_t first, int64_t last);

/*
 * Copies data without the rows first .. last - 1; what stood before and behind them become
 * series of their own, so that no window spans the hole. Everything is allocated in arena.
 */
extern RigStatus rig_dataset_without(RigDataset *rest, RigArena *arena, const RigDataset *data, int64_t first,
									 int64_t last);

/* Prepares data with the scale and the period of model. */
extern RigStatus rig_training_rows_make(RigTrainingRows *rows, RigArena *arena, const RigDataset *data,
										const RigModel *model);

/*
 * Finds the values at which each feature rests: those that it repeats for RIG_REST_RUN readings
 * or more. The result has RIG_MODEL_RESTS values per feature, as in RigModel.
 */
extern float *rig_training_find_rests(RigArena *arena, const RigDataset *data);

#define RIG_REST_RUN 10

#endif
