/*
 * Deviation of a series whose level drifts: the scatter within training says too little about
 * how far the level will have moved later, so the variance is widened by what the means of
 * successive blocks of the training moved beyond chance.
 */
#ifndef RIG_LEVEL_DRIFT_H
#define RIG_LEVEL_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* Blocks in time that the rows are cut into. */
#define RIG_DRIFT_BLOCKS 5

/* How many times the drift from block to block is expected until the next training. */
#define RIG_DRIFT_HORIZON 10.0

/* Way of a trend from the first to the last block, in units of the scatter within blocks. */
#define RIG_DRIFT_TREND 9.0

typedef struct RigLevelDrift
{
	int32_t		columns;
	int64_t		rows;			/* that will be added */
	int64_t		added;
	double	   *sums;			/* RIG_DRIFT_BLOCKS x columns */
	double	   *squares;		/* columns */
	int64_t		counts[RIG_DRIFT_BLOCKS];
} RigLevelDrift;

/* Begins with columns series of so many rows; NULL arrays when out of memory. */
extern RigLevelDrift rig_drift_begin(RigArena *arena, int32_t columns, int64_t rows);

/* Adds one row of columns finite values; in time order, as many as were announced. */
extern void rig_drift_add(RigLevelDrift *drift, const float *values);

/*
 * True when a column went one way throughout, by more than it scatters: a depth, a counter, a
 * level in the morning. Where it will go from there training cannot know.
 */
extern bool rig_drift_is_trend(const RigLevelDrift *drift, int32_t column);

/* The variance of a column, drift included. */
extern double rig_drift_variance(const RigLevelDrift *drift, int32_t column);

#endif
