/*
 * Rows to train on or to score in bulk: readings of one or more machines, each machine's
 * rows adjacent and in time order. The memory belongs to whoever filled it.
 */
#ifndef RIG_DATASET_H
#define RIG_DATASET_H

#include <stdint.h>

typedef struct RigDataset
{
	int32_t		features;
	int64_t		rows;
	float	   *values;			/* rows x features, row-major; NaN = missing */
	int64_t    *times;			/* microseconds; only differences matter */
	int32_t    *series;			/* which machine, counted from 0; never descends */
	int16_t    *states;			/* what the machine was doing, 0 = unknown; NULL = unknown throughout */
} RigDataset;

#endif
