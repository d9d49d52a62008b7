#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_CAP_MS 1600		/* with a quarter of jitter: 2 s */

int64_t
rig_clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
rig_clock_unix_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
rig_clock_format(char *text, size_t size)
{
	struct timespec now;
	struct tm	parts;
	char		seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

void
rig_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

void
rig_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline)
{
	struct timespec until;

	until.tv_sec = deadline / 1000;
	until.tv_nsec = (deadline % 1000) * 1000000;
	pthread_cond_timedwait(condition, mutex, &until);
}

void
rig_random_bytes(void *bytes, size_t size)
{
	size_t		done = 0;

	while (done < size)
	{
		ssize_t		got = getrandom((char *) bytes + done, size - done, 0);

		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0)
			done += (size_t) got;
	}
}

uint64_t
rig_random(void)
{
	uint64_t	bits;

	rig_random_bytes(&bits, sizeof(bits));
	return bits;
}

int64_t
rig_backoff_next(RigBackoff *backoff)
{
	int64_t		delay = BACKOFF_CAP_MS;

	if (backoff->attempts < 5)
		delay = (int64_t) BACKOFF_FIRST_MS << backoff->attempts;
	backoff->attempts++;
	return delay + (int64_t) (rig_random() % (uint64_t) (delay / 4 + 1));
}

void
rig_backoff_reset(RigBackoff *backoff)
{
	backoff->attempts = 0;
}
