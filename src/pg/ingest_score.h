/*
 * Scoring of readings in the transaction that stores them. What a backend remembers of a
 * machine's past is a cache: it is used only while machine_state.revision is what this backend
 * wrote last, and is filled again from stored readings otherwise.
 */
#ifndef RIG_INGEST_SCORE_H
#define RIG_INGEST_SCORE_H

#include "ingest.h"
#include "scoring.h"

/* Column of machine_state that tells whether anybody stored a reading of the machine since. */
#define RIG_MACHINE_STATE_REVISION 8

/* Registers the transaction callbacks; once, when the library is loaded. */
extern void rig_ingest_score_register(void);

/* Once per batch, before its rows: adapts how often the windowed detectors run. */
extern void rig_ingest_adapt_stride(const IngestBatch *batch);

/*
 * Scores the rows first .. last - 1 of one partition that are not stored yet, and leaves the
 * scores in the rows. leaf and key are the partition and its unique index. Rows of a machine
 * without a model, or whose model cannot be loaded, have no score.
 */
extern void rig_ingest_score(IngestBatch *batch, Relation leaf, Relation key, int32 first, int32 last);

/* Scores one row that is stored already and was completed. */
extern void rig_ingest_score_completed(IngestBatch *batch, Relation leaf, Relation key, IngestRow *row);

/*
 * Tells that machine_state of the machine moved from one revision to the next in this
 * transaction, and which reading is the newest now: what this backend remembers is good for the
 * next batch if nobody else wrote in between and the window ends with that reading.
 */
extern void rig_ingest_score_settle(int32 machine_id, int64 before, int64 after, TimestampTz newest);

/* Readings per run of the windowed detectors, as of the last batch. */
extern int32 rig_ingest_stride(void);

#endif
