#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "clock.h"
#include "commands.h"
#include "config.h"
#include "deadlines.h"
#include "ingest_queue.h"
#include "listener.h"
#include "log.h"
#include "pool.h"
#include "security_log.h"
#include "signer.h"
#include "sse_feed.h"
#include "sse_hub.h"
#include "static_files.h"
#include "tls.h"
#include "workers.h"

#define SWEEP_INTERVAL_MS 100

static void
print_help(void)
{
	printf("rigalpha-web serves the dashboard and the HTTP interface of the rigalpha extension.\n\n"
		   "Without arguments it runs until SIGTERM or SIGINT, finishes open requests, and logs JSON lines to standard\n"
		   "error. Other uses:\n\n");
	rig_commands_describe();
	printf("\nSettings are environment variables:\n\n");
	rig_config_describe(stdout);
}

/* Closes what is over its time. */
static void
sweep(void)
{
	int64_t		now = rig_clock_now();

	rig_deadlines_sweep(now);
	rig_sse_hub_sweep(now);
	rig_workers_expire(now);
	rig_security_log_sweep(now);
}

/* Blocks the signals that end the program in this and all later threads; they are waited for. */
static sigset_t
block_signals(void)
{
	sigset_t	signals;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signals;
}

static void
serve_until_signal(const sigset_t *signals)
{
	const struct timespec interval = {.tv_nsec = SWEEP_INTERVAL_MS * 1000000L};

	while (sigtimedwait(signals, NULL, &interval) < 0)
		sweep();
}

/* Finishes open requests; false when some did not end in time. */
static bool
drain(void)
{
	int64_t		deadline = rig_clock_now() + rig_config.stop_ms;

	rig_listener_quiesce();
	rig_sse_hub_close();
	for (;;)
	{
		int64_t		now = rig_clock_now();

		if (rig_listener_drain(now + SWEEP_INTERVAL_MS < deadline ? now + SWEEP_INTERVAL_MS : deadline))
			return true;
		if (now >= deadline)
			return false;
		sweep();
	}
}

static bool
start_threads(int socket_fd, const RigTls *tls)
{
	rig_sse_hub_start();
	return rig_pool_start() && rig_workers_start() && rig_ingest_queue_start() &&
		rig_sse_feed_start() && rig_signer_start() && rig_listener_start(socket_fd, tls);
}

/* The listener goes last: the other threads may still be inside a call that resumes a request. */
static void
stop_threads(void)
{
	rig_ingest_queue_stop();
	rig_sse_feed_stop();
	rig_signer_stop();
	rig_workers_stop();
	rig_pool_stop();
	rig_listener_stop();
	rig_static_files_release();
	rig_address_release();
}

/* What the settings demand and forbid; false with the reason in error. */
static bool
check_settings(RigAddress *address, RigTls *tls, char *error, size_t error_size)
{
	return rig_address_parse(rig_config.listen, address, error, error_size) &&
		rig_address_check_origins(error, error_size) &&
		rig_tls_load(rig_config.tls_certificate, rig_config.tls_key, tls, error, error_size) &&
		(tls->key != NULL || rig_address_cleartext_allowed(address, error, error_size));
}

static bool
serve_socket(int socket_fd, const RigAddress *address, RigTls *tls)
{
	bool		secure = tls->key != NULL;
	char		text[256];

	rig_address_serve(address, socket_fd, secure);
	rig_static_files_load(rig_config.web_root);
	if (!start_threads(socket_fd, tls))
	{
		rig_log("error", "start failed", "threads or sockets could not be made, or the certificate is not usable");
		return false;
	}
	if (tls->expired)
		rig_log("error", "certificate expired", "RIGALPHA_TLS_CERTIFICATE is no longer valid");
	rig_tls_release(tls);
	if (!secure && !address->loopback)
		rig_log("error", "insecure", "passwords and sessions cross the network in cleartext (RIGALPHA_INSECURE)");
	rig_address_format(socket_fd, text, sizeof(text));
	rig_log("info", "listening", "%s://%s", secure ? "https" : "http", text);
	return true;
}

static int
run(void)
{
	RigAddress	address;
	RigTls		tls;
	char		text[512];
	sigset_t	signals = block_signals();
	int			socket_fd;

	if (!check_settings(&address, &tls, text, sizeof(text)))
	{
		rig_log("error", "start refused", "%s", text);
		return RIG_EXIT_CONFIGURATION;
	}
	if (!rig_signer_open(text, sizeof(text)))
	{
		rig_log("error", "start refused", "%s", text);
		return RIG_EXIT_CONFIGURATION;
	}
	if (strcmp(rig_config.anonymous_ingest, "on") == 0 && !address.loopback)
	{
		rig_log("error", "start refused", "RIGALPHA_ANONYMOUS_INGEST is for loopback only: give the devices tokens");
		return RIG_EXIT_CONFIGURATION;
	}
	socket_fd = rig_address_listen(&address, text, sizeof(text));
	if (socket_fd < 0)
	{
		rig_log("error", "start failed", "%s", text);
		return EXIT_FAILURE;
	}
	if (!serve_socket(socket_fd, &address, &tls))
		return EXIT_FAILURE;

	serve_until_signal(&signals);
	rig_log("info", "stopping", "finishing open requests");
	if (!drain())
	{
		/* Their clients see a closed connection, not an answer: nothing is promised. */
		rig_security_log_flush();
		rig_log("error", "stopped", "some requests did not end in time");
		_exit(EXIT_FAILURE);
	}
	stop_threads();
	rig_security_log_flush();
	rig_log("info", "stopped", "all requests are answered");
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
	{
		print_help();
		return EXIT_SUCCESS;
	}
	if (argc > 1)
		return rig_command_run(argc, argv);
	if (!rig_config_load())
		return RIG_EXIT_CONFIGURATION;
	return run();
}
