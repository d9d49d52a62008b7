/*
 * Time as microseconds since 1970-01-01 UTC, and its text.
 */
#ifndef RIG_CLOCK_H
#define RIG_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define RIG_SECOND_US INT64_C(1000000)
#define RIG_TIME_TEXT_SIZE 32

/* Wall clock. */
extern int64_t rig_clock_now(void);

/* Clock for intervals: never set back. */
extern int64_t rig_clock_monotonic(void);

/* Writes "2026-01-05T12:00:00.123Z", with six digits if micros; returns the length, no terminator. */
extern int rig_clock_format(char *out, int64_t time_us, bool micros);

#endif
