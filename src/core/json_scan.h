/*
 * Strict JSON (RFC 8259) over bytes that need no terminator: strings, ignored values,
 * and the reason when something is wrong. Every function takes the position to read
 * from and returns the one behind what it read, or NULL after noting the reason.
 */
#ifndef RIG_JSON_SCAN_H
#define RIG_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "number.h"
#include "reading_reason.h"

#define RIG_JSON_MAX_DEPTH 64	/* containers that rig_json_skip_value can keep apart */

typedef struct RigJson
{
	const char *end;			/* of the input */
	const char *error;			/* where it was found wrong */
	RigReason	reason;
} RigJson;

/* A string as it stands between its quotes. */
typedef struct RigJsonText
{
	const char *start;
	size_t		length;
	bool		escaped;		/* contains escapes: see rig_json_unescape */
} RigJsonText;

/* Skips white space; the result may be the end of the input. */
static inline const char *
rig_json_skip_space(const RigJson *json, const char *at)
{
	while (at < json->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static inline bool
rig_json_is(const RigJson *json, const char *at, char expected)
{
	return at < json->end && *at == expected;
}

/* True for valid UTF-8 (RFC 3629). */
extern bool rig_is_utf8(const char *bytes, size_t length);

/* Refuses the input for a byte that cannot stand here, or for ending here. */
extern const char *rig_json_fail(RigJson *json, const char *at);

/* The same where a value should begin, so that NaN and Infinity get their own reason. */
extern const char *rig_json_fail_value(RigJson *json, const char *at);

/* Refuses the input for the given reason. */
extern const char *rig_json_refuse(RigJson *json, const char *at, RigReason reason);

/* Reads a string behind its opening quote, checking UTF-8, escapes and surrogate pairs. */
extern const char *rig_json_scan_string(RigJson *json, const char *at, RigJsonText *text);

/* Writes the text without escapes and returns its length, which is never above text->length. */
extern size_t rig_json_unescape(const RigJsonText *text, char *out);

/* Reads a number, whose first byte is there. */
extern const char *rig_json_scan_number(RigJson *json, const char *at, RigDecimal *number);

/* Reads past any value, in which at most depth containers may be open at once. */
extern const char *rig_json_skip_value(RigJson *json, const char *at, int depth);

#endif
