/*
 * The schedule of `run` and `backfill`: which machine reads its instruments when.
 */
#ifndef RIG_STREAM_H
#define RIG_STREAM_H

#include "control.h"
#include "options.h"
#include "progress.h"
#include "sink.h"

/* Streams until the end that the options set, or until a stop is requested; returns the messages sent. */
extern uint64_t rig_stream_run(const RigOptions *options, RigSink *sink, RigControl *control, RigProgress *progress);

#endif
