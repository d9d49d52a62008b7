/*
 * What a parser remembers of each interned key: its bytes in a form that one step
 * compares with the input, whether it may name a sensor, and which key followed it
 * last time, which is the prediction for the next.
 */
#ifndef RIG_KNOWN_KEYS_H
#define RIG_KNOWN_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "names.h"

/* Bytes compared at once; a key with its closing quote seldom has more. */
#define RIG_KEY_HEAD 16

/* Meaning of a key beside the sensors of a reading. */
typedef enum RigKeyRole
{
	RIG_KEY_SENSOR = 0,
	RIG_KEY_MACHINE,
	RIG_KEY_TIMESTAMP,
	RIG_KEY_STATE,
	RIG_KEY_SENSORS
} RigKeyRole;

typedef enum RigKeyName
{
	RIG_KEY_NAME_GOOD = 0,
	RIG_KEY_NAME_BAD,			/* empty, too long or with control characters */
	RIG_KEY_NAME_WITH_NUL		/* which no text of the database can hold */
} RigKeyName;

typedef struct RigKnownKey
{
	uint64_t	head[2];		/* first bytes of the key and its quote, as they are in JSON */
	uint64_t	mask[2];		/* which of them count */
	const char *text;
	uint64_t	reading;		/* number of the last reading that had it, for duplicates */
	int32_t		reach;			/* bytes of input that the comparison may look at */
	int32_t		length;
	int32_t		next;			/* key that followed last time; itself when none has */
	uint8_t		role;			/* RigKeyRole */
	uint8_t		name;			/* RigKeyName */
} RigKnownKey;

typedef struct RigKnownKeys
{
	RigArena   *arena;
	RigNames   *names;
	RigKnownKey *keys;			/* by name id */
	int32_t		count;
	int32_t		capacity;
} RigKnownKeys;

/* Interns the keys that have a role; false when out of memory. */
extern bool rig_known_keys_init(RigKnownKeys *known, RigArena *arena, RigNames *names);

/* Id of the key with this text, or RIG_NAMES_NONE when out of memory. */
extern int32_t rig_known_keys_add(RigKnownKeys *known, const char *text, int32_t length);

/* True for a name that machines and sensors may have. text is valid UTF-8. */
extern bool rig_is_valid_name(const char *text, size_t length);

/* True when the key and its closing quote stand at `at`, of which available bytes are readable. */
static inline bool
rig_known_key_matches(const RigKnownKey *key, const char *at, ptrdiff_t available)
{
	uint64_t	head[2];

	if (available < key->reach)
		return false;
	memcpy(head, at, sizeof(head));
	if ((((head[0] ^ key->head[0]) & key->mask[0]) | ((head[1] ^ key->head[1]) & key->mask[1])) != 0)
		return false;
	return key->length < RIG_KEY_HEAD
		|| (memcmp(at + RIG_KEY_HEAD, key->text + RIG_KEY_HEAD, (size_t) (key->length - RIG_KEY_HEAD)) == 0
			&& at[key->length] == '"');
}

#endif
