/*
 * A CSV file in memory: comma, semicolon or tab, with a header, quotes allowed.
 */
#ifndef RIG_CSV_H
#define RIG_CSV_H

#include <stdbool.h>
#include <stddef.h>

#define RIG_CSV_MAX_COLUMNS 5000

typedef struct RigCsv
{
	char *bytes; /* whole file; fields are cut out in place */
	char *at;
	char *end;
	char separator;
	long line; /* of the row read last, counted from 1 */
	char *columns[RIG_CSV_MAX_COLUMNS]; /* from the header */
	int column_count;
	char *fields[RIG_CSV_MAX_COLUMNS]; /* of the row read last */
	int field_count;
} RigCsv;

/* Reads the file and its header; prints a message and exits when that cannot be done. */
extern RigCsv *rig_csv_open(const char *path);

/* Reads the next row into fields; false at the end. Blank lines are passed over. */
extern bool rig_csv_next(RigCsv *csv);

/* Index of a column by name, or -1. */
extern int rig_csv_find(const RigCsv *csv, const char *name);

extern void rig_csv_close(RigCsv *csv);

#endif
