#include <stdio.h>
#include <stdlib.h>

#include "sink.h"
#include "stop.h"

static bool
print_message(RigSink *sink, const char *key, size_t key_length, const char *bytes, size_t length)
{
	(void) key;
	(void) key_length;
	if (fwrite(bytes, 1, length, stdout) != length || putchar('\n') == EOF)
	{
		/* A reader that has seen enough, such as head, ends the stream. */
		atomic_fetch_add(&sink->failed, 1);
		rig_stop_request();
		return false;
	}
	atomic_fetch_add(&sink->acknowledged, 1);
	return true;
}

static void
flush_output(RigSink *sink)
{
	(void) sink;
	fflush(stdout);
}

static void
destroy_sink(RigSink *sink)
{
	free(sink);
}

RigSink *
rig_sink_stdout_create(void)
{
	RigSink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return NULL;
	sink->send = print_message;
	sink->poll = flush_output;
	sink->finish = flush_output;
	sink->destroy = destroy_sink;
	return sink;
}
