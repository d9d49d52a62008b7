#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifndef RIG_WEB_ROOT
#define RIG_WEB_ROOT "/usr/local/share/rigalpha/web"
#endif

#define MIB (INT64_C(1024) * 1024)

RigConfig	rig_config;

/* One setting: text when fallback_text is set, else a number within [least, most]. */
typedef struct Setting
{
	const char *name;
	size_t		offset;
	const char *fallback_text;
	int64_t		fallback;
	int64_t		least;
	int64_t		most;
	const char *meaning;
} Setting;

#define TEXT(name, field, fallback, meaning) \
	{name, offsetof(RigConfig, field), fallback, 0, 0, 0, meaning}
#define NUMBER(name, field, fallback, least, most, meaning) \
	{name, offsetof(RigConfig, field), NULL, fallback, least, most, meaning}

static const Setting SETTINGS[] = {
	TEXT("RIGALPHA_LISTEN", listen, "127.0.0.1:8080",
		 "address and port; loopback only, port 0 takes a free one"),
	TEXT("RIGALPHA_ORIGINS", origins, "",
		 "further origins that browsers may use, such as https://rig.example (comma-separated), behind a proxy"),
	TEXT("RIGALPHA_TRUSTED_PROXIES", trusted_proxies, "",
		 "addresses of proxies whose X-Forwarded-For is believed (comma-separated)"),
	TEXT("RIGALPHA_WEB_ROOT", web_root, RIG_WEB_ROOT, "folder of the page, read once at start"),
	TEXT("DATABASE_URL", database_url, "",
		 "connection string; without it the libpq variables PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSFILE … are used"),
	TEXT("RIGALPHA_LOG", log_level, "error", "error, or info for one line per request"),
	NUMBER("RIGALPHA_THREADS", threads, 2, 1, 64, "threads that serve sockets"),
	NUMBER("RIGALPHA_CONNECTIONS", connections, 1024, 8, 65536, "connections at a time"),
	NUMBER("RIGALPHA_CONNECTIONS_PER_IP", connections_per_ip, 1000, 1, 65536, "connections at a time of one address"),
	NUMBER("RIGALPHA_HEADER_TIMEOUT_MS", header_timeout_ms, 10000, 50, 600000, "time for a client to send its header"),
	NUMBER("RIGALPHA_BODY_TIMEOUT_MS", body_timeout_ms, 30000, 50, 600000, "time for a client to send its body, or to take its answer"),
	NUMBER("RIGALPHA_IDLE_TIMEOUT_MS", idle_timeout_ms, 60000, 1000, 3600000, "time a connection may stay open between requests"),
	NUMBER("RIGALPHA_MAX_BODY", max_body, MIB, 1024, 16 * MIB, "bytes of one ingest body"),
	NUMBER("RIGALPHA_MAX_BODY_READ", max_body_read, 16 * MIB, 1024, 256 * MIB,
		   "bytes of a body that is still read, so that its dead letter exists, and answered 413"),
	NUMBER("RIGALPHA_MAX_LINES", max_lines, 10000, 1, 100000, "lines of one NDJSON body"),
	NUMBER("RIGALPHA_POOL_MIN", pool_min, 5, 1, 100, "database connections for reading kept open"),
	NUMBER("RIGALPHA_POOL_MAX", pool_max, 15, 1, 100, "database connections for reading at most"),
	NUMBER("RIGALPHA_WAIT_MS", wait_ms, 2000, 10, 60000, "time a read waits for a connection before it is answered 503"),
	NUMBER("RIGALPHA_READ_TIMEOUT_MS", read_timeout_ms, 10000, 100, 600000, "statement_timeout of reads"),
	NUMBER("RIGALPHA_INGEST_TIMEOUT_MS", ingest_timeout_ms, 30000, 100, 600000, "statement_timeout of one batch"),
	NUMBER("RIGALPHA_QUEUE_REQUESTS", queue_requests, 4096, 1, 1000000, "ingest requests that wait at most"),
	NUMBER("RIGALPHA_QUEUE_BYTES", queue_bytes, 64 * MIB, MIB, 4096 * MIB, "bytes of all bodies held at a time"),
	NUMBER("RIGALPHA_BATCH_PAYLOADS", batch_payloads, 1000, 1, 100000, "payloads in one transaction"),
	NUMBER("RIGALPHA_BATCH_BYTES", batch_bytes, 4 * MIB, 1024, 256 * MIB, "bytes in one transaction"),
	NUMBER("RIGALPHA_STREAMS", streams, 200, 1, 10000, "event streams at a time"),
	NUMBER("RIGALPHA_STREAMS_PER_SESSION", streams_per_session, 3, 1, 10000, "event streams of one session at a time"),
	NUMBER("RIGALPHA_STREAM_EVENTS", stream_events, 4096, 2, 1000000, "events kept for resuming streams"),
	NUMBER("RIGALPHA_STREAM_BYTES", stream_bytes, 16 * MIB, 65536, 1024 * MIB, "bytes of events kept for resuming streams"),
	NUMBER("RIGALPHA_STREAM_TIMEOUT_MS", stream_timeout_ms, 25000, 100, 600000, "time until a stream whose client takes nothing is dropped"),
	NUMBER("RIGALPHA_HEARTBEAT_MS", heartbeat_ms, 15000, 100, 600000, "pause between heartbeats of a stream"),
	NUMBER("RIGALPHA_EXPORT_ROWS", export_rows, 200000, 1, 10000000, "rows of one export.csv at most"),
	NUMBER("RIGALPHA_STOP_MS", stop_ms, 5000, 100, 60000, "time to finish open requests on SIGTERM"),
};

#define SETTING_COUNT (sizeof(SETTINGS) / sizeof(SETTINGS[0]))

static bool
parse_number(const Setting *setting, const char *text, int64_t *value)
{
	char	   *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' &&
		*value >= setting->least && *value <= setting->most;
}

static bool
load_setting(const Setting *setting)
{
	void	   *field = (char *) &rig_config + setting->offset;
	const char *text = getenv(setting->name);

	if (text != NULL && *text == '\0')
		text = NULL;
	if (setting->fallback_text != NULL)
	{
		*(const char **) field = text != NULL ? text : setting->fallback_text;
		return true;
	}
	*(int64_t *) field = setting->fallback;
	if (text == NULL || parse_number(setting, text, field))
		return true;
	fprintf(stderr, "rigalpha-web: %s must be a whole number from %lld to %lld\n",
			setting->name, (long long) setting->least, (long long) setting->most);
	return false;
}

bool
rig_config_load(void)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
	{
		if (!load_setting(&SETTINGS[i]))
			return false;
	}
	if (strcmp(rig_config.log_level, "error") != 0 && strcmp(rig_config.log_level, "info") != 0)
	{
		fprintf(stderr, "rigalpha-web: RIGALPHA_LOG must be error or info\n");
		return false;
	}
	if (rig_config.pool_min > rig_config.pool_max)
	{
		fprintf(stderr, "rigalpha-web: RIGALPHA_POOL_MIN must not exceed RIGALPHA_POOL_MAX\n");
		return false;
	}
	if (rig_config.max_body_read < rig_config.max_body)
		rig_config.max_body_read = rig_config.max_body;
	return true;
}

void
rig_config_describe(FILE *out)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
	{
		const Setting *setting = &SETTINGS[i];

		fprintf(out, "  %s\n      %s", setting->name, setting->meaning);
		if (setting->fallback_text == NULL)
			fprintf(out, " (default %lld)\n", (long long) setting->fallback);
		else if (*setting->fallback_text != '\0')
			fprintf(out, " (default %s)\n", setting->fallback_text);
		else
			fprintf(out, "\n");
	}
}
