/*
 * Points in time as devices write them, in microseconds since 1970-01-01 UTC.
 * Only the years 1970 to 9999 are accepted; finer fractions are cut off.
 */
#ifndef RIG_TIMESTAMP_H
#define RIG_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "number.h"

typedef enum RigTimestampResult
{
	RIG_TIMESTAMP_OK = 0,
	RIG_TIMESTAMP_WITHOUT_OFFSET,	/* right but for the missing Z or offset */
	RIG_TIMESTAMP_INVALID
} RigTimestampResult;

/*
 * RFC 3339: date, one of "T", "t" or a space, time, any fraction, "Z", "z" or an offset
 * of hours and minutes. Second 60 is the first instant of the next minute.
 */
extern RigTimestampResult rig_timestamp_parse(const char *text, size_t length, int64_t *microseconds);

typedef enum RigTimeUnit
{
	RIG_TIME_BY_MAGNITUDE = 0,
	RIG_TIME_SECONDS,
	RIG_TIME_MILLISECONDS,
	RIG_TIME_MICROSECONDS,
	RIG_TIME_NANOSECONDS
} RigTimeUnit;

/* Unix time in a unit. */
extern RigTimestampResult rig_timestamp_from_unix_in(RigTimeUnit unit, const RigDecimal *number, int64_t *microseconds);

/* Unix time, whose magnitude tells its unit: below 1e11 s, 1e14 ms, 1e17 us, else ns. */
extern RigTimestampResult rig_timestamp_from_unix(const RigDecimal *number, int64_t *microseconds);

#endif
