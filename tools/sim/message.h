/*
 * JSON text of one reading.
 *
 * A buffer grows as needed and is reused from message to message. Running out of
 * memory ends the program: there is nothing a simulator could do about it.
 */
#ifndef RIG_MESSAGE_H
#define RIG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RigMessage
{
	char *bytes;
	size_t length;
	size_t capacity;
	bool has_values;
} RigMessage;

/* Quoted and escaped JSON string of a text; the caller frees it. */
extern char *rig_message_quote(const char *text);

/* Same with a colon behind it, ready to stand as a key. */
extern char *rig_message_key(const char *name);

/*
 * Starts {"machine_id":…,"timestamp":"…","state":"…","sensors":{ ; machine is a quoted
 * JSON string, state may be NULL.
 */
extern void rig_message_begin(RigMessage *message, const char *machine, int64_t time_us, bool micros,
							  const char *state);

/* Adds a key made by rig_message_key and a number with up to four decimals; NAN adds nothing. */
extern void rig_message_add_number(RigMessage *message, const char *key, double number);

/* Adds a key and the text of a number as it stands. */
extern void rig_message_add_text(RigMessage *message, const char *key, const char *number, size_t length);

/* Adds members that are already JSON: "a":1,"b":2 */
extern void rig_message_add_members(RigMessage *message, const char *members, size_t length);

extern void rig_message_end(RigMessage *message);

extern void rig_message_free(RigMessage *message);

#endif
