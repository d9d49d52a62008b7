/*
 * Times in a file, with an offset of their own or in a time zone given by name.
 */
#ifndef RIG_ZONE_H
#define RIG_ZONE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum RigZoneResult
{
	RIG_ZONE_OK,
	RIG_ZONE_NO_ZONE, /* the time has no offset, and no zone was set */
	RIG_ZONE_INVALID
} RigZoneResult;

/*
 * Sets the zone of times without offset: "UTC" or an IANA name. False if the system does
 * not know it. Changes TZ of the process.
 */
extern bool rig_zone_set(const char *name);

/*
 * Reads RFC 3339 with or without offset, a date alone, or Unix time in s, ms, us or ns.
 * An hour that a change of the clocks repeats is taken such that times do not go back
 * behind previous_us, as far as that decides it.
 */
extern RigZoneResult rig_zone_parse(const char *text, int64_t previous_us, int64_t *time_us);

#endif
