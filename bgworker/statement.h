/*
 * One SQL statement as one transaction, with its error as a value. No error of
 * the database ever leaves rig_statement_run(), so callers own resources
 * without PG_TRY.
 */
#ifndef RIG_STATEMENT_H
#define RIG_STATEMENT_H

#include "postgres.h"

#include "executor/spi.h"
#include "failure.h"

#define RIG_STATEMENT_MAX_PARAMETERS 8

/* Called for each row, in the caller's memory context. */
typedef void (*RigRowReader) (void *context, HeapTuple row, TupleDesc shape);

typedef struct RigStatement
{
	const char *text;
	int			parameters;
	Oid			types[RIG_STATEMENT_MAX_PARAMETERS];
	SPIPlanPtr	plan;			/* prepared at first use, kept */
} RigStatement;

/*
 * Run the statement and commit. nulls may be NULL, reader may be NULL. On
 * failure everything is rolled back and *failure says why.
 */
extern bool rig_statement_run(RigStatement *statement, Datum *values, const char *nulls,
							  RigRowReader reader, void *context, RigFailure *failure);

/* Columns by position from 1; NULL gives the fallback. */
extern int64 rig_row_int64(HeapTuple row, TupleDesc shape, int column, int64 fallback);
extern int32 rig_row_int32(HeapTuple row, TupleDesc shape, int column, int32 fallback);
extern bool rig_row_bool(HeapTuple row, TupleDesc shape, int column);
extern char *rig_row_text(HeapTuple row, TupleDesc shape, int column);

#endif
