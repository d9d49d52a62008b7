/*
 * Smallest harness for the unit tests: one program per module, TAP on standard output,
 * exit status 0 only when everything passed.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int	tap_count;
static int	tap_failed;

/* Reports one result under a formatted name. */
__attribute__((format(printf, 2, 3), unused))
static bool
tap_ok(bool passed, const char *format,...)
{
	va_list		arguments;

	printf("%s %d - ", passed ? "ok" : "not ok", ++tap_count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	if (!passed)
		tap_failed++;
	return passed;
}

/* Explains the result above, or tells what is needed to repeat it. */
__attribute__((format(printf, 1, 2), unused))
static void
tap_note(const char *format,...)
{
	va_list		arguments;

	printf("# ");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* Seed of a randomised test: SEED of the environment, or the clock; printed either way. */
__attribute__((unused))
static uint64_t
tap_seed(void)
{
	const char *text = getenv("SEED");
	uint64_t	seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t) time(NULL);

	tap_note("SEED=%" PRIu64, seed);
	return seed;
}

/* Prints the plan; the result is the exit status. */
__attribute__((unused))
static int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
