#define _GNU_SOURCE /* ppoll */
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

static atomic_int requests;
static int wake_fd = -1;

/* The eventfd is never read: once a stop is requested, every later wait returns at once. */
void
rig_stop_request(void)
{
	uint64_t one = 1;

	atomic_fetch_add(&requests, 1);
	if (write(wake_fd, &one, sizeof(one)) < 0)
		return; /* only a full counter fails, and that one is readable already */
}

static void
handle_signal(int number)
{
	int saved = errno;

	(void) number;
	rig_stop_request();
	errno = saved;
}

void
rig_stop_init(void)
{
	struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_RESTART};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
	{
		perror("rigalpha-sim: eventfd");
		exit(EXIT_FAILURE);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

bool
rig_stop_requested(void)
{
	return atomic_load(&requests) > 0;
}

bool
rig_stop_abandoned(void)
{
	return atomic_load(&requests) > 1;
}

bool
rig_stop_wait_until(int64_t monotonic_us)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};

	for (;;)
	{
		int64_t left = monotonic_us - rig_clock_monotonic();
		struct timespec timeout;

		if (rig_stop_requested() || left <= 0)
			return rig_stop_requested();
		timeout.tv_sec = left / RIG_SECOND_US;
		timeout.tv_nsec = left % RIG_SECOND_US * 1000;
		ppoll(&wake, 1, &timeout, NULL);
	}
}
