/*
 * Single-pass parser of one payload (RFC 8259 JSON, strict) into readings.
 *
 * Accepted: an object in the nested shape {"machine_id","timestamp","state","sensors":{}}
 * or the flat shape (numeric keys beside machine_id), or an array of such objects.
 * The parser knows no machines or limits of time: it yields names, numbers and
 * reasons, and the caller decides what is known, too old or too far ahead.
 *
 * A parser belongs to one thread. It keeps the key order of the last reading as a
 * prediction for the next one, so a steady stream costs one comparison per key.
 */
#ifndef RIG_READING_PARSER_H
#define RIG_READING_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "names.h"
#include "status.h"

#define RIG_PARSER_MAX_DEPTH 64
#define RIG_PARSER_MAX_KEYS 10000	/* per reading */
#define RIG_NAME_MAX_LENGTH 63		/* bytes, machine and sensor names */

/* Why a payload or a reading is rejected; rig_reason_code gives the stable text. */
typedef enum RigReason
{
	RIG_REASON_NONE = 0,
	/* whole payload */
	RIG_REASON_NOT_JSON,
	RIG_REASON_TRUNCATED,
	RIG_REASON_INVALID_UTF8,
	RIG_REASON_LONE_SURROGATE,
	RIG_REASON_NUL_BYTE,
	RIG_REASON_NONFINITE_NUMBER,
	RIG_REASON_TOO_DEEP,
	RIG_REASON_NOT_A_READING,
	RIG_REASON_TOO_LARGE,
	/* one reading */
	RIG_REASON_DUPLICATE_KEY,
	RIG_REASON_TOO_MANY_KEYS,
	RIG_REASON_MISSING_MACHINE,
	RIG_REASON_BAD_MACHINE_NAME,
	RIG_REASON_BAD_SENSOR_NAME,
	RIG_REASON_NO_VALUES,
	RIG_REASON_TIME_WITHOUT_OFFSET,
	RIG_REASON_BAD_TIME,
	/* decided by the caller, listed here so that every code stands in one place */
	RIG_REASON_FUTURE_TIME,
	RIG_REASON_TOO_OLD,
	RIG_REASON_SENSOR_QUOTA,
	RIG_REASON_MACHINE_QUOTA,
	RIG_REASON_TOO_MANY_DAYS,
	RIG_REASON_CONFLICT,
	RIG_REASON_FAILED,
	/* one value: it becomes NULL and is flagged, the reading is kept */
	RIG_REASON_NOT_A_NUMBER,
	RIG_REASON_OUT_OF_RANGE
} RigReason;

typedef enum RigValueKind
{
	RIG_VALUE_NUMBER = 0,
	RIG_VALUE_OUT_OF_RANGE,		/* a legal JSON number beyond float8, such as 1e400 */
	RIG_VALUE_NOT_A_NUMBER		/* string, bool, null, object or array */
} RigValueKind;

/* One key of a reading that may be a sensor. */
typedef struct RigValue
{
	double		number;			/* finite; 0 unless kind is RIG_VALUE_NUMBER */
	int32_t		name;			/* id in the parser's RigNames */
	int32_t		kind;			/* RigValueKind */
} RigValue;

typedef struct RigReading
{
	RigReason	reason;			/* RIG_REASON_NONE, or why this reading is refused */
	int32_t		field_length;
	const char *field;			/* the offending key, or NULL */
	const char *machine;		/* UTF-8, not NUL-terminated; NULL if refused for it */
	int32_t		machine_length;
	int32_t		state_length;
	const char *state;			/* NULL when absent or not a string */
	int64_t		time_us;		/* microseconds since 1970-01-01 UTC, if has_time */
	bool		has_time;
	int32_t		first_value;	/* slice of RigPayload.values */
	int32_t		value_count;
} RigReading;

/* Result of one parse; valid until the next parse with the same parser. */
typedef struct RigPayload
{
	RigReason	reason;			/* RIG_REASON_NONE, or why the whole payload is refused */
	size_t		error_offset;	/* byte where the payload was found wrong */
	const RigReading *readings;	/* none when reason is set */
	int32_t		reading_count;
	const RigValue *values;
} RigPayload;

typedef struct RigReadingParser RigReadingParser;

/*
 * A parser that interns keys into names. Both live in arenas of the caller and must
 * outlive the parser; NULL when out of memory.
 */
extern RigReadingParser *rig_reading_parser_create(RigArena *arena, RigNames *names);

/*
 * Parses length bytes (no terminator needed). RIG_OK also for a refused payload, whose
 * reason stands in the result; RIG_OUT_OF_MEMORY leaves the result undefined.
 */
extern RigStatus rig_reading_parser_parse(RigReadingParser *parser, const char *bytes, size_t length,
										  RigPayload *payload);

/* Stable lower-case code of a reason, such as "duplicate_key". */
extern const char *rig_reason_code(RigReason reason);

#endif
