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
#include "config.h"
#include "create_admin.h"
#include "deadlines.h"
#include "ingest_queue.h"
#include "listener.h"
#include "log.h"
#include "pool.h"
#include "router.h"
#include "sse_feed.h"
#include "sse_hub.h"
#include "static_files.h"
#include "workers.h"

#ifndef RIG_VERSION
#define RIG_VERSION "unknown"
#endif

#define SWEEP_INTERVAL_MS 100
#define EXIT_CONFIGURATION 2

static void
print_help(void)
{
	printf("rigalpha-web serves the dashboard and the HTTP interface of the rigalpha extension.\n\n"
		   "usage: rigalpha-web [--help | --version | --routes | --create-admin [NAME]]\n\n"
		   "--routes prints the table of routes: method, path and who may call it.\n"
		   "--create-admin makes the first account (admin unless NAME is given) and prints its password once;\n"
		   "the login of the database must be a superuser or have the role rigalpha_admin.\n\n"
		   "It runs until SIGTERM or SIGINT, finishes open requests, and logs JSON lines to standard error.\n"
		   "Settings are environment variables:\n\n");
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
start_threads(int socket_fd)
{
	rig_sse_hub_start();
	return rig_pool_start() && rig_workers_start() && rig_ingest_queue_start() &&
		rig_sse_feed_start() && rig_listener_start(socket_fd);
}

/* The listener goes last: the other threads may still be inside a call that resumes a request. */
static void
stop_threads(void)
{
	rig_ingest_queue_stop();
	rig_sse_feed_stop();
	rig_workers_stop();
	rig_pool_stop();
	rig_listener_stop();
	rig_static_files_release();
}

static int
run(void)
{
	RigAddress	address;
	char		text[256];
	sigset_t	signals = block_signals();
	int			socket_fd;

	if (!rig_address_parse(rig_config.listen, &address, text, sizeof(text)))
	{
		rig_log("error", "start refused", "%s", text);
		return EXIT_CONFIGURATION;
	}
	socket_fd = rig_address_listen(&address, text, sizeof(text));
	if (socket_fd < 0)
	{
		rig_log("error", "start failed", "%s", text);
		return EXIT_FAILURE;
	}
	rig_static_files_load(rig_config.web_root);
	if (!start_threads(socket_fd))
	{
		rig_log("error", "start failed", "threads or sockets could not be made");
		return EXIT_FAILURE;
	}
	rig_address_format(socket_fd, text, sizeof(text));
	rig_log("info", "listening", "http://%s", text);

	serve_until_signal(&signals);
	rig_log("info", "stopping", "finishing open requests");
	if (!drain())
	{
		/* Their clients see a closed connection, not an answer: nothing is promised. */
		rig_log("error", "stopped", "some requests did not end in time");
		_exit(EXIT_FAILURE);
	}
	stop_threads();
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
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
	{
		printf("rigalpha-web %s\n", RIG_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--routes") == 0)
	{
		rig_router_print(stdout);
		return EXIT_SUCCESS;
	}
	if ((argc == 2 || argc == 3) && strcmp(argv[1], "--create-admin") == 0)
		return rig_config_load() ? rig_create_admin(argc == 3 ? argv[2] : "admin") : EXIT_CONFIGURATION;
	if (argc != 1)
	{
		fprintf(stderr, "rigalpha-web: unknown argument; try --help\n");
		return EXIT_CONFIGURATION;
	}
	if (!rig_config_load())
		return EXIT_CONFIGURATION;
	return run();
}
