/*
 * HTTP destination: batches of readings as NDJSON to /api/v1/ingest, from one thread
 * of its own, so that a slow or absent server does not disturb the rhythm of the stream.
 *
 * Batches stand in a ring. The streaming thread fills the last one, the posting thread
 * takes the first one when it is full or old enough. A batch leaves the ring after its answer.
 */
#define _GNU_SOURCE /* pthread_cond_clockwait */

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "random.h"
#include "sink.h"
#include "stop.h"

#define RING 64
#define BATCH_BYTES (512 * 1024) /* half of what the server takes by default */
#define ANSWER_SIZE 65536
#define DEFAULT_LINGER_MS 20
#define FIRST_RETRY_MS 100
#define LAST_RETRY_MS 5000
#define REQUEST_TIMEOUT_MS 30000L
#define WAIT_US (100 * 1000)
#define STOP_GRACE_US (10 * RIG_SECOND_US)

typedef struct Batch
{
	char *bytes;
	size_t length;
	size_t capacity;
	int count;
	int64_t opened_us;
} Batch;

typedef struct HttpSink
{
	RigSink sink;
	CURL *curl;
	struct curl_slist *headers;
	int batch_size;
	int64_t linger_us;
	RigRandom jitter;
	char url[1024];
	char answer[ANSWER_SIZE + 1];
	size_t answer_length;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	Batch ring[RING];
	int first;
	int used; /* batches with messages */
	bool posting; /* the first batch belongs to the posting thread */
	bool finishing;
	int64_t give_up_us; /* when to stop trying, once the program ends */
} HttpSink;

/* Releases the lock while it waits for a change, a short time at most. */
static void
wait_for_change(HttpSink *http, int64_t until_us)
{
	struct timespec until = {.tv_sec = until_us / RIG_SECOND_US, .tv_nsec = until_us % RIG_SECOND_US * 1000};

	pthread_cond_clockwait(&http->changed, &http->lock, CLOCK_MONOTONIC, &until);
}

static bool
is_full(const HttpSink *http, const Batch *batch)
{
	return batch->count >= http->batch_size || batch->length >= BATCH_BYTES;
}

/* The batch that takes the next message, or NULL while the ring is full. */
static Batch *
open_batch(HttpSink *http)
{
	Batch *last = &http->ring[(http->first + http->used + RING - 1) % RING];
	bool last_is_open = http->used > (http->posting ? 1 : 0) && !is_full(http, last);
	Batch *batch;

	if (last_is_open)
		return last;
	if (http->used == RING)
		return NULL;
	batch = &http->ring[(http->first + http->used) % RING];
	http->used++;
	batch->length = 0;
	batch->count = 0;
	batch->opened_us = rig_clock_monotonic();
	return batch;
}

static void
append_message(Batch *batch, const char *bytes, size_t length)
{
	if (batch->length + length + 1 > batch->capacity)
	{
		batch->capacity = (batch->length + length + 1) * 2;
		batch->bytes = realloc(batch->bytes, batch->capacity);
		if (batch->bytes == NULL)
		{
			fputs("rigalpha-sim: out of memory\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	memcpy(batch->bytes + batch->length, bytes, length);
	batch->bytes[batch->length + length] = '\n';
	batch->length += length + 1;
	batch->count++;
}

static bool
queue_message(RigSink *sink, const char *key, size_t key_length, const char *bytes, size_t length)
{
	HttpSink *http = (HttpSink *) sink;
	Batch *batch;

	(void) key;
	(void) key_length;
	pthread_mutex_lock(&http->lock);
	while ((batch = open_batch(http)) == NULL && !rig_stop_requested())
		wait_for_change(http, rig_clock_monotonic() + WAIT_US);
	if (batch != NULL)
	{
		append_message(batch, bytes, length);
		if (batch->count == 1 || is_full(http, batch))
			pthread_cond_broadcast(&http->changed);
	}
	pthread_mutex_unlock(&http->lock);
	return batch != NULL;
}

static size_t
keep_answer(char *data, size_t size, size_t count, void *opaque)
{
	HttpSink *http = opaque;
	size_t length = size * count;
	size_t room = ANSWER_SIZE - http->answer_length;
	size_t kept = length < room ? length : room;

	memcpy(http->answer + http->answer_length, data, kept);
	http->answer_length += kept;
	http->answer[http->answer_length] = '\0';
	return length;
}

static long
find_count(const char *answer, const char *key)
{
	const char *at = strstr(answer, key);

	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

/* Books a final answer. The counts in it must account for every reading sent. */
static void
book_answer(HttpSink *http, const Batch *batch, long status)
{
	long good = 0;

	if (status == 200)
		good = find_count(http->answer, "\"accepted\":") + find_count(http->answer, "\"merged\":") +
			find_count(http->answer, "\"duplicates\":");
	if (good < 0 || good > batch->count)
		good = 0;
	atomic_fetch_add(&http->sink.acknowledged, (uint64_t) good);
	if (good < batch->count &&
		atomic_fetch_add(&http->sink.failed, (uint64_t) (batch->count - good)) == 0)
		fprintf(stderr, "rigalpha-sim: http: %ld of %d readings not stored, status %ld: %.300s\n",
				batch->count - good, batch->count, status, http->answer);
}

/* Status of one attempt, or 0 without an answer. */
static long
post_once(HttpSink *http, const Batch *batch)
{
	long status = 0;

	http->answer_length = 0;
	http->answer[0] = '\0';
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, batch->bytes);
	curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) batch->length);
	if (curl_easy_perform(http->curl) != CURLE_OK)
		return 0;
	curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool
is_worth_retrying(long status)
{
	return status == 0 || status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

/* Sleeps before the next attempt; false when it is time to give up. */
static bool
wait_before_retry(HttpSink *http, int64_t *delay_ms)
{
	curl_off_t asked_s = 0;
	int64_t delay_us;
	int64_t until;
	bool go_on = true;

	curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &asked_s);
	delay_us = (int64_t) ((0.5 + rig_random_uniform(&http->jitter)) * (double) *delay_ms * 1000);
	if (asked_s > 0 && asked_s * 1000 <= LAST_RETRY_MS)
		delay_us = asked_s * RIG_SECOND_US;
	*delay_ms = *delay_ms * 2 < LAST_RETRY_MS ? *delay_ms * 2 : LAST_RETRY_MS;
	until = rig_clock_monotonic() + delay_us;

	pthread_mutex_lock(&http->lock);
	while (go_on && rig_clock_monotonic() < until)
	{
		int64_t next = rig_clock_monotonic() + WAIT_US;

		go_on = !rig_stop_abandoned() && (http->give_up_us == 0 || rig_clock_monotonic() < http->give_up_us);
		if (go_on)
			wait_for_change(http, next < until ? next : until);
	}
	pthread_mutex_unlock(&http->lock);
	return go_on;
}

static void
post_batch(HttpSink *http, const Batch *batch)
{
	int64_t delay_ms = FIRST_RETRY_MS;
	long status;

	while (is_worth_retrying(status = post_once(http, batch)))
	{
		if (!atomic_exchange(&http->sink.unreachable, true))
			fprintf(stderr, "rigalpha-sim: http: no service at %s (status %ld), trying on\n", http->url, status);
		if (!wait_before_retry(http, &delay_ms))
			break;
	}
	if (!is_worth_retrying(status) && atomic_exchange(&http->sink.unreachable, false))
		fprintf(stderr, "rigalpha-sim: http: delivering again\n");
	book_answer(http, batch, status);
}

/* The batch to post now, or NULL; called with the lock held. */
static Batch *
take_batch(HttpSink *http)
{
	Batch *batch = &http->ring[http->first];

	if (http->used == 0)
		return NULL;
	if (http->used > 1 || is_full(http, batch) || http->finishing ||
		rig_clock_monotonic() >= batch->opened_us + http->linger_us)
		return batch;
	return NULL;
}

/* When a batch may become old enough to be posted; called with the lock held. */
static int64_t
next_look(const HttpSink *http)
{
	if (http->used > 0)
		return http->ring[http->first].opened_us + http->linger_us;
	return rig_clock_monotonic() + RIG_SECOND_US;
}

static void *
post_batches(void *argument)
{
	HttpSink *http = argument;

	pthread_mutex_lock(&http->lock);
	while (http->used > 0 || !http->finishing)
	{
		Batch *batch = take_batch(http);

		if (batch == NULL)
		{
			wait_for_change(http, next_look(http));
			continue;
		}
		http->posting = true;
		pthread_mutex_unlock(&http->lock);
		post_batch(http, batch);
		pthread_mutex_lock(&http->lock);
		http->posting = false;
		http->first = (http->first + 1) % RING;
		http->used--;
		pthread_cond_broadcast(&http->changed);
	}
	pthread_mutex_unlock(&http->lock);
	return NULL;
}

static void
poll_answers(RigSink *sink)
{
	(void) sink;
}

static void
finish_batches(RigSink *sink)
{
	HttpSink *http = (HttpSink *) sink;

	pthread_mutex_lock(&http->lock);
	http->finishing = true;
	pthread_cond_broadcast(&http->changed);
	while (http->used > 0)
	{
		/* Only a signal bounds the attempts: without one, everything is to arrive. */
		if (rig_stop_requested() && http->give_up_us == 0)
			http->give_up_us = rig_clock_monotonic() + STOP_GRACE_US;
		wait_for_change(http, rig_clock_monotonic() + WAIT_US);
	}
	pthread_mutex_unlock(&http->lock);
	pthread_join(http->thread, NULL);
}

static void
destroy_sink(RigSink *sink)
{
	HttpSink *http = (HttpSink *) sink;

	for (int i = 0; i < RING; i++)
		free(http->ring[i].bytes);
	curl_slist_free_all(http->headers);
	curl_easy_cleanup(http->curl);
	free(http);
}

static void
add_token_header(HttpSink *http, const char *token)
{
	char header[1100];

	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	http->headers = curl_slist_append(http->headers, header);
}

/* The token comes from a file or the environment, so that it shows in no process list. */
static void
add_token(HttpSink *http, const char *path)
{
	char line[1024];
	FILE *file = fopen(path, "r");

	if (file == NULL || fgets(line, sizeof(line), file) == NULL)
	{
		fprintf(stderr, "rigalpha-sim: cannot read a token from \"%s\"\n", path);
		exit(RIG_EXIT_USAGE);
	}
	fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
	add_token_header(http, line);
}

static void
prepare_request(HttpSink *http, const RigOptions *options)
{
	size_t length = strlen(options->http);

	while (length > 0 && options->http[length - 1] == '/')
		length--;
	snprintf(http->url, sizeof(http->url), "%.*s/api/v1/ingest", (int) length, options->http);
	http->headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
	/* No pause for a "100 Continue" before larger bodies. */
	http->headers = curl_slist_append(http->headers, "Expect:");
	if (options->token_file != NULL)
		add_token(http, options->token_file);
	else if (getenv("RIGALPHA_DEVICE_TOKEN") != NULL)
		add_token_header(http, getenv("RIGALPHA_DEVICE_TOKEN"));
	curl_easy_setopt(http->curl, CURLOPT_URL, http->url);
	curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
	curl_easy_setopt(http->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
	curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, keep_answer);
	curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, http);
}

RigSink *
rig_sink_http_create(const RigOptions *options)
{
	HttpSink *http = calloc(1, sizeof(*http));

	if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (http->curl = curl_easy_init()) == NULL)
		return NULL;
	http->sink.send = queue_message;
	http->sink.poll = poll_answers;
	http->sink.finish = finish_batches;
	http->sink.destroy = destroy_sink;
	http->batch_size = options->batch;
	http->linger_us = (options->linger_ms >= 0 ? options->linger_ms : DEFAULT_LINGER_MS) * INT64_C(1000);
	rig_random_seed(&http->jitter, (uint64_t) rig_clock_now());
	prepare_request(http, options);
	pthread_mutex_init(&http->lock, NULL);
	pthread_cond_init(&http->changed, NULL);
	if (pthread_create(&http->thread, NULL, post_batches, http) != 0)
		return NULL;
	return &http->sink;
}
