/*
 * rigalpha-sim: wires options, lock, control, destination and source together.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control.h"
#include "lock.h"
#include "options.h"
#include "progress.h"
#include "replay.h"
#include "sink.h"
#include "stop.h"
#include "stream.h"
#include "truth.h"

static RigSink *
create_sink(const RigOptions *options)
{
	RigSink *sink = options->to_stdout ? rig_sink_stdout_create() :
		options->http != NULL		   ? rig_sink_http_create(options) :
										 rig_sink_kafka_create(options);

	if (sink == NULL)
	{
		fputs("rigalpha-sim: cannot prepare the destination\n", stderr);
		exit(EXIT_FAILURE);
	}
	return sink;
}

/* Both locks: files for this machine, the database for all that use it. */
static RigControl *
claim_target(const RigOptions *options, const char *target)
{
	RigControl *control;

	if (options->to_stdout)
		return NULL;
	rig_lock_take(target);
	control = rig_control_start(options, target);
	if (control != NULL && rig_control_target_busy(control))
	{
		fprintf(stderr, "rigalpha-sim: another simulator already sends to %s, says the database; "
						"stop it, or choose another target\n",
				target);
		exit(RIG_EXIT_BUSY);
	}
	return control;
}

int
main(int argc, char **argv)
{
	static RigOptions options;
	char target[1024];
	RigControl *control;
	RigProgress progress;
	RigReplay *replay = NULL;
	RigSink *sink;
	uint64_t sent;
	bool busy;
	bool complete;

	rig_options_parse(&options, argc, argv);
	rig_options_target(&options, target, sizeof(target));
	rig_stop_init();
	if (options.command == RIG_COMMAND_REPLAY)
		replay = rig_replay_open(&options);
	rig_truth_open(options.truth);
	control = claim_target(&options, target);
	sink = create_sink(&options);
	rig_progress_start(&progress, &options);

	if (replay != NULL)
		sent = rig_replay_run(replay, sink, control, &progress);
	else
		sent = rig_stream_run(&options, sink, control, &progress);

	sink->finish(sink);
	busy = control != NULL && rig_control_target_busy(control);
	if (control != NULL)
		rig_control_stop(control);
	complete = rig_progress_finish(&progress, sent, sink);
	sink->destroy(sink);
	if (replay != NULL)
		rig_replay_close(replay);
	rig_truth_close();
	if (busy)
		fprintf(stderr, "rigalpha-sim: stopped: another simulator sends to %s, says the database\n", target);
	return busy ? RIG_EXIT_BUSY : complete ? EXIT_SUCCESS :
											 RIG_EXIT_UNACKNOWLEDGED;
}
