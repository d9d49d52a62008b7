#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "number.h"
#include "timestamp.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"

static enum {
	ZONE_UNSET,
	ZONE_UTC,
	ZONE_LOCAL
} zone = ZONE_UNSET;

bool
rig_zone_set(const char *name)
{
	char path[512];

	if (strcasecmp(name, "UTC") == 0 || strcmp(name, "Z") == 0)
	{
		zone = ZONE_UTC;
		return true;
	}
	/* The C library takes an unknown TZ for UTC without a word, so the file itself must exist. */
	if (name[0] == '/' || name[0] == '\0' || strstr(name, "..") != NULL ||
		snprintf(path, sizeof(path), "%s/%s", ZONE_FOLDER, name) >= (int) sizeof(path) || access(path, R_OK) != 0)
		return false;
	setenv("TZ", name, 1);
	tzset();
	zone = ZONE_LOCAL;
	return true;
}

/* Local time under the assumption that summer time is in force or not; false if it is not so. */
static bool
try_local(const struct tm *wall, int summer, time_t *result)
{
	struct tm fields = *wall;
	struct tm back;

	fields.tm_isdst = summer;
	*result = mktime(&fields);
	return localtime_r(result, &back) != NULL && back.tm_isdst == summer && back.tm_hour == wall->tm_hour &&
		back.tm_min == wall->tm_min && back.tm_mday == wall->tm_mday;
}

static int64_t
convert_local(int64_t wall_us, int64_t previous_us)
{
	time_t seconds = (time_t) (wall_us / RIG_SECOND_US);
	int64_t fraction = wall_us % RIG_SECOND_US;
	struct tm wall;
	time_t summer;
	time_t winter;
	bool is_summer;
	bool is_winter;

	gmtime_r(&seconds, &wall);
	is_summer = try_local(&wall, 1, &summer);
	is_winter = try_local(&wall, 0, &winter);
	if (is_summer && is_winter)
		seconds = (int64_t) summer * RIG_SECOND_US + fraction > previous_us ? summer : winter;
	else if (is_summer)
		seconds = summer;
	else if (is_winter)
		seconds = winter;
	else
	{
		/* A time that the clocks jumped over: the C library moves it by the gap. */
		wall.tm_isdst = -1;
		seconds = mktime(&wall);
	}
	return (int64_t) seconds * RIG_SECOND_US + fraction;
}

static RigZoneResult
parse_without_offset(const char *text, int64_t previous_us, int64_t *time_us)
{
	char with_offset[64];
	size_t length = strlen(text);
	int written;

	/* "2026-01-05" stands for its midnight, "2026-01-05 12:00" for the full minute. */
	if (length == 10)
		written = snprintf(with_offset, sizeof(with_offset), "%sT00:00:00Z", text);
	else if (length == 16)
		written = snprintf(with_offset, sizeof(with_offset), "%s:00Z", text);
	else
		written = snprintf(with_offset, sizeof(with_offset), "%sZ", text);
	if (written >= (int) sizeof(with_offset) ||
		rig_timestamp_parse(with_offset, (size_t) written, time_us) != RIG_TIMESTAMP_OK)
		return RIG_ZONE_INVALID;
	if (zone == ZONE_UNSET)
		return RIG_ZONE_NO_ZONE;
	if (zone == ZONE_LOCAL)
		*time_us = convert_local(*time_us, previous_us);
	return RIG_ZONE_OK;
}

RigZoneResult
rig_zone_parse(const char *text, int64_t previous_us, int64_t *time_us)
{
	const char *end = text + strlen(text);
	RigDecimal number;

	if (rig_timestamp_parse(text, strlen(text), time_us) == RIG_TIMESTAMP_OK)
		return RIG_ZONE_OK;
	if (rig_decimal_scan(text, end, &number) == end)
		return rig_timestamp_from_unix(&number, time_us) == RIG_TIMESTAMP_OK ? RIG_ZONE_OK : RIG_ZONE_INVALID;
	return parse_without_offset(text, previous_us, time_us);
}
