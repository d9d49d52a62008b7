/* Settings of the sidecar, read once at start from the environment. */
#ifndef RIG_CONFIG_H
#define RIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct RigConfig
{
	const char *listen;
	const char *origins;
	const char *trusted_proxies;
	const char *web_root;
	const char *database_url;
	const char *log_level;
	int64_t		threads;
	int64_t		connections;
	int64_t		connections_per_ip;
	int64_t		header_timeout_ms;
	int64_t		body_timeout_ms;
	int64_t		idle_timeout_ms;
	int64_t		max_body;
	int64_t		max_body_read;
	int64_t		max_lines;
	int64_t		pool_min;
	int64_t		pool_max;
	int64_t		wait_ms;
	int64_t		read_timeout_ms;
	int64_t		ingest_timeout_ms;
	int64_t		queue_requests;
	int64_t		queue_bytes;
	int64_t		batch_payloads;
	int64_t		batch_bytes;
	int64_t		streams;
	int64_t		streams_per_session;
	int64_t		stream_events;
	int64_t		stream_bytes;
	int64_t		stream_timeout_ms;
	int64_t		heartbeat_ms;
	int64_t		export_rows;
	int64_t		stop_ms;
} RigConfig;

/* Written by rig_config_load before any thread starts, read-only afterwards. */
extern RigConfig rig_config;

/* Reads the environment; prints what is wrong and returns false on a bad value. */
extern bool rig_config_load(void);

/* Prints the table of settings, for --help. */
extern void rig_config_describe(FILE *out);

#endif
