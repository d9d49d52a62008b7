/*
 * Rows of a view or a SELECT, read with the rights of the caller, as a dataset for training or
 * for scoring in bulk.
 *
 * Columns: machine (or machine_id), optional; ts (timestamptz or timestamp), optional; state
 * (smallint, as in rigalpha.readings), optional; then sensors (jsonb, whose numeric keys count)
 * or, without it, every numeric column. A source with machine_id and sensor_values, such as
 * rigalpha.readings, is read by the positions that machine_sensors gives to the sensors of each
 * machine. Non-finite values are missing.
 */
#ifndef RIG_MODEL_SOURCE_H
#define RIG_MODEL_SOURCE_H

#include "dataset.h"
#include "datatype/timestamp.h"

typedef struct RigSourceRequest
{
	const char *source;			/* name of a view or table, or one SELECT */
	const char *machine;		/* only this one, if the source tells machines apart; NULL = all */
	TimestampTz from;			/* inclusive; DT_NOBEGIN = no limit */
	TimestampTz to;				/* exclusive; DT_NOEND = no limit */
	const char *const *wanted;	/* features in the order wanted; NULL = those that the source has */
	int32		wanted_count;
	int64		max_rows;		/* the newest are kept, evenly per machine; 0 = all */
	Size		memory_limit;	/* bytes; more is an error; 0 = no limit */
} RigSourceRequest;

typedef struct RigSource
{
	RigDataset	data;			/* float32, NaN = missing; series by machine name, times ascend within, equal ones
								 * in order of arrival; times NULL when the source has none */
	const char *const *names;	/* of the features */
	const char *const *machines;	/* of the series; "" when the source tells none apart */
	int32		machine_count;
	int64	   *row_numbers;	/* place of each row among those kept, in order of arrival from 1 */
	bool		has_time;
	int64		rows_read;		/* before max_rows */
} RigSource;

/*
 * Reads in chunks through a cursor that may only read. Everything is allocated in context. A
 * source without rows gives a dataset without rows; a name, statement or column that does not
 * fit is an error. Without wanted, features that never have a value are left out, columns keep
 * their order, keys of jsonb are sorted by name, sensors of readings by their key.
 */
extern RigSource *rig_source_read(const RigSourceRequest *request, MemoryContext context);

/* Usual step between rows of a series in microseconds: the median of the steps that are not 0; 0 = none. */
extern int64 rig_source_period(const RigSource *source);

#endif
