#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#define DRAW_US (RIG_SECOND_US / 2)
#define LOG_US (10 * RIG_SECOND_US)

void
rig_progress_start(RigProgress *progress, const RigOptions *options)
{
	*progress = (RigProgress){
		.terminal = !options->to_stdout && isatty(STDOUT_FILENO),
		.verbose = options->verbose,
		.summary_to_stderr = options->to_stdout,
		.started_us = rig_clock_monotonic(),
	};
	progress->drawn_us = progress->logged_us = progress->started_us;
}

static void
print_line(FILE *out, const RigProgress *progress, uint64_t sent, RigSink *sink, const char *what)
{
	fprintf(out, "%s: %llu sent, %llu acknowledged, %llu failed, %.1f/s%s", what, (unsigned long long) sent,
			(unsigned long long) atomic_load(&sink->acknowledged), (unsigned long long) atomic_load(&sink->failed),
			progress->rate, atomic_load(&sink->unreachable) ? ", destination does not answer" : "");
}

void
rig_progress_update(RigProgress *progress, uint64_t sent, RigSink *sink, const char *what)
{
	int64_t now = rig_clock_monotonic();

	if (now - progress->drawn_us < DRAW_US)
		return;
	progress->rate = (double) (sent - progress->drawn_sent) / ((double) (now - progress->drawn_us) / RIG_SECOND_US);
	progress->drawn_us = now;
	progress->drawn_sent = sent;
	if (progress->terminal)
	{
		fputs("\r\033[K", stdout);
		print_line(stdout, progress, sent, sink, what);
		fflush(stdout);
	}
	if (progress->verbose && now - progress->logged_us >= LOG_US)
	{
		progress->logged_us = now;
		fputs("rigalpha-sim: ", stderr);
		print_line(stderr, progress, sent, sink, what);
		fputc('\n', stderr);
	}
}

bool
rig_progress_finish(RigProgress *progress, uint64_t sent, RigSink *sink)
{
	FILE *out = progress->summary_to_stderr ? stderr : stdout;
	double seconds = (double) (rig_clock_monotonic() - progress->started_us) / RIG_SECOND_US;
	uint64_t acknowledged = atomic_load(&sink->acknowledged);
	uint64_t failed = atomic_load(&sink->failed);

	if (progress->terminal)
		fputs("\r\033[K", stdout);
	fprintf(out, "sent %llu, acknowledged %llu, failed %llu in %.1f s (%.0f/s)\n", (unsigned long long) sent,
			(unsigned long long) acknowledged, (unsigned long long) failed, seconds,
			seconds > 0 ? (double) sent / seconds : 0);
	fflush(out);
	return failed == 0 && acknowledged == sent;
}
