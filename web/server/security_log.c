#include "security_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define WINDOW_MS 60000
#define CLIENTS_MAX 256			/* at a time; those beyond share one entry */
#define ANY_CLIENT "others"

typedef struct Refusals
{
	char		client[RIG_ADDRESS_TEXT_SIZE];
	int			status;
	int64_t		since;
	int64_t		unwritten;		/* since the line that was written at once */
} Refusals;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Refusals refusals[CLIENTS_MAX];
static int	refusal_count;
static int64_t handshakes;
static int64_t handshakes_since;

void
rig_log_security(const char *event, const RigRequest *request, const char *format, ...)
{
	char		text[RIG_LOG_TEXT_MAX + 1];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	rig_log_event(&(RigLogEvent) {
		.level = "security", .event = event, .text = text,
		.request_id = request != NULL ? request->id : NULL,
		.client = request != NULL ? request->client_address : NULL,
	});
}

static void
write_count(const char *event, const char *client, int status, int64_t count)
{
	rig_log_event(&(RigLogEvent) {
		.level = "security", .event = event, .client = client, .status = status, .count = count,
	});
}

static Refusals *
find_refusals(const char *client, int status)
{
	for (int i = 0; i < refusal_count; i++)
	{
		if (refusals[i].status == status && strcmp(refusals[i].client, client) == 0)
			return &refusals[i];
	}
	return NULL;
}

/* Counts one; true when it is the first and gets a line of its own. */
static bool
count_refusal(const char *client, int status)
{
	Refusals   *known = find_refusals(client, status);

	if (known == NULL && refusal_count >= CLIENTS_MAX - 1)
	{
		client = ANY_CLIENT;
		status = 0;
		known = find_refusals(client, status);
	}
	if (known != NULL)
	{
		known->unwritten++;
		return false;
	}
	known = &refusals[refusal_count++];
	*known = (Refusals) {.status = status, .since = rig_clock_now()};
	snprintf(known->client, sizeof(known->client), "%s", client);
	known->unwritten = status == 0;
	return status != 0;
}

void
rig_security_log_refusal(const RigRequest *request)
{
	int			status = request->response.status;
	bool		first;

	if (status != 401 && status != 403 && status != 429)
		return;
	pthread_mutex_lock(&lock);
	first = count_refusal(request->client_address, status);
	pthread_mutex_unlock(&lock);
	if (first)
		rig_log_event(&(RigLogEvent) {
			.level = "security", .event = "refused", .request_id = request->id, .client = request->client_address,
			.method = request->method, .path = request->url.path, .status = status, .count = 1,
		});
}

void
rig_security_log_handshake(void)
{
	pthread_mutex_lock(&lock);
	if (handshakes++ == 0)
		handshakes_since = rig_clock_now();
	pthread_mutex_unlock(&lock);
}

/* Writing is one short write() a line, so the lock is kept. */
void
rig_security_log_sweep(int64_t now)
{
	int			kept = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < refusal_count; i++)
	{
		if (now - refusals[i].since < WINDOW_MS)
			refusals[kept++] = refusals[i];
		else if (refusals[i].unwritten > 0)
			write_count("refused", refusals[i].client, refusals[i].status, refusals[i].unwritten);
	}
	refusal_count = kept;
	if (handshakes > 0 && now - handshakes_since >= WINDOW_MS)
	{
		write_count("tls handshake failed", NULL, 0, handshakes);
		handshakes = 0;
	}
	pthread_mutex_unlock(&lock);
}

void
rig_security_log_flush(void)
{
	rig_security_log_sweep(INT64_MAX);
}
