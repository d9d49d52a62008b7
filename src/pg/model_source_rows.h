/*
 * Rows on their way from a cursor into a dataset: features and machines turn up in any order
 * and at any row, and only the newest rows are kept.
 */
#ifndef RIG_MODEL_SOURCE_ROWS_H
#define RIG_MODEL_SOURCE_ROWS_H

#include "model_source.h"
#include "names.h"

typedef struct RigSourceRows
{
	MemoryContext context;		/* of all that is temporary */
	RigArena	arena;
	const RigSourceRequest *request;
	RigNames   *features;
	int32	   *feature_ranks;	/* by id: first key of the order of the features */
	RigNames   *machines;
	int64		count;
	int64		capacity;
	int32		stride;			/* cells per row, >= features */
	float	   *values;			/* capacity x stride */
	int64	   *times;
	int32	   *series;			/* ids in machines */
	int16	   *states;			/* 0 until set */
	int64		rows_read;
} RigSourceRows;

extern RigSourceRows *rig_source_rows_create(const RigSourceRequest *request);

/*
 * Column of a feature; -1 when it is none of those wanted. rank is the first key of the order
 * of features, their name the second.
 */
extern int32 rig_source_rows_feature(RigSourceRows *rows, const char *name, int length, int32 rank);

extern int32 rig_source_rows_machine(RigSourceRows *rows, const char *name, int length);

/* Adds a row whose values are all missing yet, and returns them; valid until the next feature or row. */
extern float *rig_source_rows_add(RigSourceRows *rows, int32 machine, int64 time);

/* The same for the row added last, which a new feature may have moved. */
static inline float *
rig_source_rows_newest(const RigSourceRows *rows)
{
	return rows->values + (rows->count - 1) * rows->stride;
}

/* Sorted and complete, in context; rows is gone. */
extern RigSource *rig_source_rows_finish(RigSourceRows *rows, bool has_time, MemoryContext context);

#endif
