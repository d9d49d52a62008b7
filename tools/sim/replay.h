/*
 * The rows of a CSV file as readings of one machine.
 */
#ifndef RIG_REPLAY_H
#define RIG_REPLAY_H

#include "control.h"
#include "options.h"
#include "progress.h"
#include "sink.h"

typedef struct RigReplay RigReplay;

/* Reads the file; prints a message and exits when it cannot be replayed. */
extern RigReplay *rig_replay_open(const RigOptions *options);

/* Sends until the end that the options set, or until a stop is requested; returns the messages sent. */
extern uint64_t rig_replay_run(RigReplay *replay, RigSink *sink, RigControl *control, RigProgress *progress);

extern void rig_replay_close(RigReplay *replay);

#endif
