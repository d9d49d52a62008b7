/*
 * The peer: simdjson as a careful user would call it. Keys are looked up in the table
 * that our parser falls back to, and payloads are copied into padded memory because
 * neither Kafka nor HTTP hands them over with padding.
 */
#ifndef BENCH_SIMDJSON_PEER_H
#define BENCH_SIMDJSON_PEER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C"
{
#endif

#include "names.h"

typedef struct SimdjsonPeer SimdjsonPeer;

/* names holds the sensors, whose ids index the values. */
extern SimdjsonPeer *simdjson_peer_create(const RigNames *names, size_t max_length);
extern void simdjson_peer_destroy(SimdjsonPeer *peer);

/* Read one message into values; false when it is not as expected. */
extern bool simdjson_peer_on_demand(SimdjsonPeer *peer, const char *bytes, size_t length, double *values);
extern bool simdjson_peer_dom(SimdjsonPeer *peer, const char *bytes, size_t length, double *values);

/* The instruction set that simdjson chose. */
extern const char *simdjson_peer_variant(void);

#ifdef __cplusplus
}
#endif

#endif
