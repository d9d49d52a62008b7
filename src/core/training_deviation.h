/*
 * How far each feature strays from a model that did not learn from the rows it is judged on. A
 * feature whose level wanders is never where other hours left it, and would hide all the others
 * from a detector that takes the largest deviation; so each is weighed by what it strayed.
 */
#ifndef RIG_TRAINING_DEVIATION_H
#define RIG_TRAINING_DEVIATION_H

#include "dataset.h"
#include "model.h"
#include "status.h"

/* Sums over rows, features doubles each; what is judged by no regime is at state 0. */
typedef struct RigStateDeviation
{
	int64_t		count;			/* rows */
	double	   *z;				/* squared */
	double	   *residual;		/* squared */
} RigStateDeviation;

typedef struct RigDeviations
{
	int32_t		features;
	RigArena   *arena;
	RigStateDeviation states[RIG_MODEL_MAX_STATE + 1];
	int64_t		windows;
	double	   *window;			/* mean squares over windows */
} RigDeviations;

/* Nothing seen yet; what is allocated later comes from arena. */
extern RigStatus rig_deviations_begin(RigDeviations *deviations, RigArena *arena, int32_t features);

/* Adds rows that model has not learnt from, in units of its weights. */
extern RigStatus rig_deviations_add(RigDeviations *deviations, RigArena *scratch, const RigModel *model,
									const RigDataset *data);

/* Divides the weights of features that stray more than they are expected to by the square root of how much more. */
extern void rig_deviations_apply(const RigDeviations *deviations, RigModel *model);

#endif
