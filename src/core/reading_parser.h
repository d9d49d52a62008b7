/*
 * Single-pass parser of one payload (RFC 8259 JSON, strict) into readings.
 *
 * Accepted: an object in the nested shape {"machine_id","timestamp","state","sensors":{}}
 * or the flat shape (numeric keys beside machine_id), or an array of such objects; of format
 * ThingsBoard the same with {"ts","values":{}}, where the times are Unix milliseconds.
 * The parser knows no machines or limits of time: it yields names, numbers and
 * reasons, and the caller decides what is known, too old or too far ahead.
 *
 * A parser belongs to one thread. For each key it remembers which one came next and where
 * the digits of its number stood, and expects both again, so that a steady stream is
 * compared rather than searched.
 *
 * Every key of a reading is interned and stays so: whoever keeps a parser for long
 * bounds rig_names_count by starting afresh with new arenas.
 */
#ifndef RIG_READING_PARSER_H
#define RIG_READING_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "names.h"
#include "payload_format.h"
#include "reading_reason.h"
#include "status.h"

#define RIG_PARSER_MAX_DEPTH 64
#define RIG_PARSER_MAX_READINGS 20000	/* per payload */
#define RIG_PARSER_MAX_KEYS 10000	/* per reading */
#define RIG_NAME_MAX_LENGTH 63		/* bytes, machine and sensor names */

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
	const char *field;			/* the offending key as written, escapes included, or NULL */
	const char *machine;		/* UTF-8, not NUL-terminated; NULL if refused for it */
	int32_t		machine_length;
	int32_t		state_length;
	const char *state;			/* NULL when absent, not a string, or with \u0000 in it */
	int64_t		time_us;		/* microseconds since 1970-01-01 UTC, if has_time */
	bool		has_time;
	int32_t		line;			/* of line protocol, from 1; 0 in other formats */
	int32_t		first_value;	/* slice of RigPayload.values */
	int32_t		value_count;
} RigReading;

/*
 * Result of one parse; valid until the next parse with the same parser, and as long as
 * the parsed bytes, into which the texts of a reading may point.
 */
typedef struct RigPayload
{
	RigReason	reason;			/* RIG_REASON_NONE, or why the whole payload is refused */
	size_t		error_offset;	/* byte where the payload was found wrong */
	const RigReading *readings;	/* none when reason is set; none of "[]" either */
	int32_t		reading_count;
	const RigValue *values;
} RigPayload;

/* How a payload is to be read. */
typedef struct RigParseOptions
{
	RigFormat	format;
	int32_t		machine_length;
	const char *machine;		/* of readings that name none; NULL = they are refused */
} RigParseOptions;

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

/* The same for JSON or ThingsBoard; the above takes JSON, in which each reading names its machine. */
extern RigStatus rig_reading_parser_parse_as(RigReadingParser *parser, const RigParseOptions *options,
											 const char *bytes, size_t length, RigPayload *payload);

#endif
