/*
 * The file of true faults: one JSON line per beginning and end, for judging detectors.
 */
#ifndef RIG_TRUTH_H
#define RIG_TRUTH_H

#include <stdint.h>

#include "faults.h"

/* Opens the file for appending; path NULL makes all later calls do nothing. Exits on failure. */
extern void rig_truth_open(const char *path);

/* event is "begin" or "end"; machine is a quoted JSON string, time the true device time. */
extern void rig_truth_write(const char *event, const char *machine, const RigFaults *faults, int kind, int64_t time_us);

extern void rig_truth_close(void);

#endif
