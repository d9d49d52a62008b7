/*
 * Where messages go. One interface, three destinations: Kafka, HTTP, standard output.
 *
 * All functions are called by the streaming thread only, except that counts may change
 * by a thread of the sink.
 */
#ifndef RIG_SINK_H
#define RIG_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

typedef struct RigSink RigSink;

struct RigSink
{
	/* Takes a copy of the message; waits while there is no room. False: not taken, the program ends. */
	bool (*send)(RigSink *sink, const char *key, size_t key_length, const char *bytes, size_t length);

	/* Lets acknowledgements in; cheap enough for every few messages. */
	void (*poll)(RigSink *sink);

	/* Waits for what is on its way; what stays without acknowledgement counts as failed. */
	void (*finish)(RigSink *sink);

	void (*destroy)(RigSink *sink);

	atomic_uint_fast64_t acknowledged;
	atomic_uint_fast64_t failed;
	atomic_bool unreachable;
};

extern RigSink *rig_sink_kafka_create(const RigOptions *options);
extern RigSink *rig_sink_http_create(const RigOptions *options);
extern RigSink *rig_sink_stdout_create(void);

#endif
