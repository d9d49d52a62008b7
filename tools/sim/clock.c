#include "clock.h"

#include <time.h>

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t) now.tv_sec * RIG_SECOND_US + now.tv_nsec / 1000;
}

int64_t
rig_clock_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
rig_clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static char *
put_digits(char *out, int64_t number, int digits)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + number % 10);
		number /= 10;
	}
	return out + digits;
}

int
rig_clock_format(char *out, int64_t time_us, bool micros)
{
	char *at = out;
	int64_t fraction = time_us % RIG_SECOND_US;
	time_t seconds = (time_t) (time_us / RIG_SECOND_US);
	struct tm day;

	if (fraction < 0)
	{
		fraction += RIG_SECOND_US;
		seconds--;
	}
	gmtime_r(&seconds, &day);
	at = put_digits(at, day.tm_year + 1900, 4);
	*at++ = '-';
	at = put_digits(at, day.tm_mon + 1, 2);
	*at++ = '-';
	at = put_digits(at, day.tm_mday, 2);
	*at++ = 'T';
	at = put_digits(at, day.tm_hour, 2);
	*at++ = ':';
	at = put_digits(at, day.tm_min, 2);
	*at++ = ':';
	at = put_digits(at, day.tm_sec, 2);
	*at++ = '.';
	at = micros ? put_digits(at, fraction, 6) : put_digits(at, fraction / 1000, 3);
	*at++ = 'Z';
	return (int) (at - out);
}
