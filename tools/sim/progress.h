/*
 * What the user sees of a running stream: one line that is rewritten on a terminal, a
 * line every ten seconds with --verbose, and a summary.
 */
#ifndef RIG_PROGRESS_H
#define RIG_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "sink.h"

typedef struct RigProgress
{
	bool terminal;
	bool verbose;
	bool summary_to_stderr;
	int64_t started_us; /* monotonic */
	int64_t drawn_us;
	int64_t logged_us;
	uint64_t drawn_sent;
	double rate;
} RigProgress;

extern void rig_progress_start(RigProgress *progress, const RigOptions *options);

/* Cheap; draws when it is time to. what is a word such as "live". */
extern void rig_progress_update(RigProgress *progress, uint64_t sent, RigSink *sink, const char *what);

/* Prints the summary; false if any message was not acknowledged. */
extern bool rig_progress_finish(RigProgress *progress, uint64_t sent, RigSink *sink);

#endif
