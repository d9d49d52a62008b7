/*
 * Formats of payloads, by the names that callers give: "json", "thingsboard", and "influx" for line
 * protocol, which may name the unit of its times, as in "influx:ms".
 */
#ifndef RIG_PAYLOAD_FORMAT_H
#define RIG_PAYLOAD_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "timestamp.h"

typedef enum RigFormatKind
{
	RIG_FORMAT_JSON = 0,
	RIG_FORMAT_THINGSBOARD,
	RIG_FORMAT_INFLUX
} RigFormatKind;

typedef struct RigFormat
{
	RigFormatKind kind;
	RigTimeUnit unit;			/* of times in line protocol; RIG_TIME_BY_MAGNITUDE for the others */
} RigFormat;

/* Finds a format by its name; false when there is none of that name. */
extern bool rig_format_find(const char *name, RigFormat *format);

/* Name of a format; it stays valid. */
extern const char *rig_format_name(RigFormat format);

/* Finds a unit by what clients call it, such as "ms" or "millisecond"; false when there is none of that name. */
extern bool rig_time_unit_find(const char *name, RigTimeUnit *unit);

/*
 * JSON or ThingsBoard, by the shape of the first reading: "values" with an object, or "ts" with a number,
 * before any key that only our own shapes have. What is no JSON counts as JSON.
 */
extern RigFormatKind rig_format_of_json(const char *bytes, size_t length);

#endif
