#include "listener.h"

#include <microhttpd.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "address.h"
#include "client_address.h"
#include "clock.h"
#include "config.h"
#include "deadlines.h"
#include "framing.h"
#include "log.h"
#include "origin_check.h"
#include "problem.h"
#include "router.h"
#include "security_log.h"
#include "sse_hub.h"

/*
 * The library answers a header over its memory limit by itself, without our headers and
 * problem body. Our own, lower limit makes that rare.
 */
#define CONNECTION_MEMORY 32768	/* twice that with TLS */
#define HEADER_MAX 16384

/*
 * AES-256 or ChaCha20, authenticated and with forward secrecy. SECURE256 alone has no curve and no hash for the usual
 * certificates of P-256, and would agree on P-521, which is slow.
 */
#define TLS_PRIORITIES \
	"SECURE256:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-MAC-ALL:+AEAD:" \
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:" \
	"+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256:+SIGN-EDDSA-ED25519"

static struct MHD_Daemon *daemon_handle;
static atomic_bool stopping;

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t open_changed;
static int	open_requests;

static atomic_size_t body_bytes;	/* of all requests together */

static uint32_t boot_id;
static atomic_uint_fast64_t request_number;

const char *
rig_request_header(const RigRequest *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void
rig_listener_suspend(RigRequest *request)
{
	MHD_suspend_connection(request->connection);
}

void
rig_listener_resume(RigRequest *request)
{
	MHD_resume_connection(request->connection);
}

static void
count_request(int change)
{
	pthread_mutex_lock(&open_lock);
	open_requests += change;
	if (open_requests == 0)
		pthread_cond_broadcast(&open_changed);
	pthread_mutex_unlock(&open_lock);
}

static RigClientSocket *
socket_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/*
 * The library's own way to stop accepting (MHD_quiesce_daemon) races with its threads
 * and may abort the program, so new connections are closed here instead.
 */
static enum MHD_Result
admit_connection(void *context, const struct sockaddr *address, socklen_t length)
{
	(void) context;
	(void) address;
	(void) length;
	return atomic_load(&stopping) ? MHD_NO : MHD_YES;
}

static void
notice_connection(void *context, struct MHD_Connection *connection, void **socket_context,
				  enum MHD_ConnectionNotificationCode code)
{
	(void) context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
	{
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		*socket_context = rig_deadlines_open(info->connect_fd);
	}
	else if (*socket_context != NULL)
	{
		rig_deadlines_close(*socket_context);
		*socket_context = NULL;
	}
}

/* Called with the raw target as soon as the request line is read: the request begins here. */
static void *
begin_request(void *context, const char *target, struct MHD_Connection *connection)
{
	RigRequest *request = rig_allocate(sizeof(*request));

	(void) context;
	snprintf(request->id, sizeof(request->id), "%08x-%llx", boot_id,
			 (unsigned long long) atomic_fetch_add(&request_number, 1));
	request->connection = connection;
	request->started = rig_clock_now();
	request->target = target;
	request->target_length = strlen(target);
	request->malformed = !rig_url_parse(&request->url, target);
	request->socket = socket_of(connection);
	if (request->socket != NULL)
		rig_deadlines_enter(request->socket, RIG_SOCKET_HEADER);
	return request;
}

/* A body may hold a password, unless it is one of the large ones of ingest. */
static void
release_body(RigRequest *request)
{
	if (request->body.data != NULL && (request->route == NULL || request->route->access != RIG_ACCESS_DEVICE))
		OPENSSL_cleanse(request->body.data, request->body.length);
	rig_buffer_release(&request->body);
}

static void
end_request(void *context, struct MHD_Connection *connection, void **slot,
			enum MHD_RequestTerminationCode code)
{
	RigRequest *request = *slot;

	(void) context;
	(void) connection;
	(void) code;
	if (request == NULL)
		return;
	*slot = NULL;
	if (request->stream != NULL)
		rig_sse_hub_leave(request->stream);
	if (request->phase == RIG_PHASE_ANSWERED &&
		(rig_log_requests() || request->response.status == 500))
		rig_log_request(request->id, request->client_address, request->method, request->url.path,
						request->response.status, rig_clock_now() - request->started);
	if (request->socket != NULL)
		rig_deadlines_enter(request->socket, RIG_SOCKET_IDLE);
	atomic_fetch_sub(&body_bytes, request->body_accounted);
	release_body(request);
	rig_response_reset(&request->response);
	rig_url_release(&request->url);
	free(request->payloads);
	if (request->counted)
		count_request(-1);
	free((char *) request->method);
	OPENSSL_cleanse(request->session_token, sizeof(request->session_token));
	free(request);
}

/*
 * A page of another site must not act by the cookies of our users. Devices have none: theirs do not matter.
 */
static void
check_origin(RigRequest *request)
{
	bool		device = request->route->access == RIG_ACCESS_DEVICE;
	const RigOriginFacts facts = {
		.method = request->method,
		.site = rig_request_header(request, "Sec-Fetch-Site"),
		.origin = rig_request_header(request, "Origin"),
		.cookie = !device && rig_request_header(request, "Cookie") != NULL,
		.bearer = device && rig_request_header(request, "Authorization") != NULL,
	};

	switch (rig_origin_check(&facts, rig_address_origins()))
	{
		case RIG_ORIGIN_ALLOWED:
			break;
		case RIG_ORIGIN_FOREIGN:
			rig_problem_answer(request, RIG_PROBLEM_CROSS_SITE, NULL);
			break;
		case RIG_ORIGIN_UNKNOWN:
			rig_problem_answer(request, RIG_PROBLEM_CROSS_SITE, "With a cookie send Origin, or Sec-Fetch-Site.");
			break;
	}
}

/* Reads the cookie; what needs a session and has none is refused before its body is read. */
static void
check_session(RigRequest *request)
{
	RigAccess	access = request->route->access;
	RigCookieFound found = RIG_COOKIE_ABSENT;

	if (access != RIG_ACCESS_DEVICE)
		found = rig_session_cookie_read(rig_request_header(request, "Cookie"), request->session_token);
	if ((access == RIG_ACCESS_USER || access == RIG_ACCESS_OWN) && found != RIG_COOKIE_FOUND)
		rig_problem_answer_login(request);
}

static void
find_client_address(RigRequest *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	rig_client_address(info != NULL ? info->client_addr : NULL, rig_request_header(request, "X-Forwarded-For"),
					   rig_config.trusted_proxies, request->client_address);
}

static size_t
header_size(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info != NULL ? info->header_size : 0;
}

bool
rig_listener_account_body(RigRequest *request, size_t size)
{
	size_t		before = atomic_fetch_add(&body_bytes, size);

	if (before + size > (size_t) rig_config.queue_bytes)
	{
		atomic_fetch_sub(&body_bytes, size);
		return false;
	}
	request->body_accounted += size;
	return true;
}

/* The library has refused lengths that are no numbers. */
static uint64_t
declared_length(const RigRequest *request)
{
	const char *length = rig_request_header(request, "Content-Length");

	return length != NULL ? strtoull(length, NULL, 10) : 0;
}

static void
check_body(RigRequest *request)
{
	if (request->body_declared == 0)
		return;
	if (request->body_declared > (uint64_t) rig_config.max_body_read)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, NULL);
	else if (!rig_listener_account_body(request, request->body_declared) ||
			 !rig_buffer_reserve(&request->body, request->body_declared))
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
}

/* Everything that can be refused before the body is read. */
static void
check_header(RigRequest *request)
{
	const char *host = rig_request_header(request, "Host");

	request->body_declared = declared_length(request);
	find_client_address(request);
	if (atomic_load(&stopping))
		rig_problem_answer(request, RIG_PROBLEM_STOPPING, NULL);
	else if (request->malformed)
		rig_problem_answer(request, RIG_PROBLEM_MALFORMED, NULL);
	else if (header_size(request->connection) > HEADER_MAX)
		rig_problem_answer(request, RIG_PROBLEM_HEADER_TOO_LARGE, NULL);
	else if (host != NULL && !rig_address_host_allowed(host))
		rig_problem_answer(request, RIG_PROBLEM_WRONG_HOST, NULL);
	else
		rig_router_resolve(request);
	if (request->response.status == 0)
		check_origin(request);
	if (request->response.status == 0)
		check_session(request);
	if (request->response.status == 0 && request->route->check != NULL)
		request->route->check(request);
	if (request->response.status == 0)
		check_body(request);
}

static enum MHD_Result
send_answer(RigRequest *request)
{
	request->phase = RIG_PHASE_ANSWERED;
	rig_security_log_refusal(request);
	if (atomic_load(&stopping))
		request->response.close_connection = true;
	if (request->socket != NULL)
		rig_deadlines_enter(request->socket,
							request->stream != NULL ? RIG_SOCKET_STREAMING : RIG_SOCKET_ANSWERING);
	return rig_response_send(request) ? MHD_YES : MHD_NO;
}

static enum MHD_Result
note_header(void *framing, enum MHD_ValueKind kind, const char *name, size_t name_length,
			const char *value, size_t value_length)
{
	(void) kind;
	rig_framing_header(framing, name, name_length, value != NULL ? value : "", value_length);
	return MHD_YES;
}

static void
check_framing(RigRequest *request, const char *method, const char *version)
{
	RigFraming	framing;
	const char *fault;

	rig_framing_begin(&framing, method, request->target, request->target_length, version);
	MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, note_header, &framing);
	fault = rig_framing_end(&framing, header_size(request->connection));
	if (fault != NULL)
		rig_problem_answer(request, RIG_PROBLEM_MALFORMED, fault);
}

static enum MHD_Result
accept_header(RigRequest *request, const char *method, const char *version)
{
	request->phase = RIG_PHASE_BODY;
	request->method = rig_copy_text(method, strlen(method));
	request->counted = true;
	count_request(1);
	if (request->socket != NULL)
		rig_deadlines_enter(request->socket, RIG_SOCKET_BODY);
	check_framing(request, method, version);
	if (request->response.status != 0)
	{
		/* Nobody knows where its body ends, so nothing after it is read as a request. */
		request->response.close_connection = true;
		return send_answer(request);
	}
	check_header(request);
	if (request->response.status == 0)
		return MHD_YES;
	/*
	 * An answer before the body closes the connection, and a client that is still
	 * sending may lose it. So bodies of a bearable size are read away first.
	 */
	request->body_discarded = true;
	if (request->body_declared > (uint64_t) rig_config.max_body_read)
		return send_answer(request);
	return MHD_YES;
}

static void
accept_body(RigRequest *request, const char *bytes, size_t size)
{
	request->body_received += size;
	if (request->body_discarded)
		return;
	if (request->body_received > (uint64_t) rig_config.max_body_read)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, NULL);
	else if (request->body_received > request->body_accounted && !rig_listener_account_body(request, size))
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	else if (!rig_buffer_reserve(&request->body, size))
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	else
	{
		rig_buffer_append(&request->body, bytes, size);
		return;
	}
	request->body_discarded = true;
	rig_buffer_release(&request->body);
}

static enum MHD_Result
run_request(RigRequest *request)
{
	if (request->response.status == 0 && request->phase == RIG_PHASE_BODY)
	{
		request->phase = RIG_PHASE_RUNNING;
		if (request->socket != NULL)
			rig_deadlines_enter(request->socket, RIG_SOCKET_WORKING);
		if (!rig_router_run(request))
			return MHD_YES;
	}
	if (request->response.status == 0)
		return MHD_YES;
	return send_answer(request);
}

/* The library calls this when the header is read, for each piece of the body, and at its end. */
static enum MHD_Result
handle_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
			   const char *version, const char *upload, size_t *upload_size, void **slot)
{
	RigRequest *request = *slot;

	(void) context;
	(void) connection;
	(void) url;
	if (request->phase == RIG_PHASE_NEW)
		return accept_header(request, method, version);
	if (*upload_size > 0)
	{
		accept_body(request, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	return run_request(request);
}

static void
log_library(void *context, const char *format, va_list arguments)
{
	char		message[256];

	(void) context;
	vsnprintf(message, sizeof(message), format, arguments);
	message[strcspn(message, "\r\n")] = '\0';
	if (strstr(message, "handshake") != NULL)
		rig_security_log_handshake();
	if (rig_log_requests())
		rig_log("info", "http library", "%s", message);
}

bool
rig_listener_start(int socket_fd, const RigTls *tls)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
		(tls->key != NULL ? MHD_USE_TLS : 0);
	const struct MHD_OptionItem tls_options[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL}
	};
	const struct MHD_OptionItem *more = tls->key != NULL ? tls_options : tls_options + 3;

	rig_condition_init(&open_changed);
	boot_id = (uint32_t) rig_random();
	daemon_handle = MHD_start_daemon(
		flags, 0, admit_connection, NULL, handle_request, NULL,
		MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
		MHD_OPTION_LISTEN_SOCKET, socket_fd,
		MHD_OPTION_THREAD_POOL_SIZE, (unsigned int) rig_config.threads,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int) rig_config.connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned int) rig_config.connections_per_ip,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) (tls->key != NULL ? 2 * CONNECTION_MEMORY : CONNECTION_MEMORY),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) (rig_config.idle_timeout_ms / 1000),
		MHD_OPTION_NOTIFY_CONNECTION, notice_connection, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
		MHD_OPTION_ARRAY, more,
		MHD_OPTION_END);
	return daemon_handle != NULL;
}

void
rig_listener_quiesce(void)
{
	atomic_store(&stopping, true);
}

bool
rig_listener_drain(int64_t deadline)
{
	bool		drained;

	pthread_mutex_lock(&open_lock);
	while (open_requests > 0 && rig_clock_now() < deadline)
		rig_condition_wait_until(&open_changed, &open_lock, deadline);
	drained = open_requests == 0;
	pthread_mutex_unlock(&open_lock);
	return drained;
}

void
rig_listener_stop(void)
{
	MHD_stop_daemon(daemon_handle);
}
