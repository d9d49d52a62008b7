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
#include "number.h"

/* Bytes compared at once, in words; a key with its closing quote seldom has more. */
#define RIG_KEY_HEAD_WORDS 4
#define RIG_KEY_HEAD ((int) (RIG_KEY_HEAD_WORDS * sizeof(uint64_t)))

/* Meaning of a key beside the sensors of a reading, in some format. */
typedef enum RigKeyRole
{
	RIG_KEY_SENSOR = 0,
	RIG_KEY_MACHINE,
	RIG_KEY_TIMESTAMP,
	RIG_KEY_STATE,
	RIG_KEY_SENSORS,
	RIG_KEY_TS,					/* the time, of ThingsBoard */
	RIG_KEY_VALUES				/* the sensors, of ThingsBoard */
} RigKeyRole;

typedef enum RigKeyName
{
	RIG_KEY_NAME_GOOD = 0,
	RIG_KEY_NAME_BAD,			/* empty, too long or with control characters */
	RIG_KEY_NAME_WITH_NUL		/* which no text of the database can hold */
} RigKeyName;

typedef struct RigKnownKey
{
	uint64_t	head[RIG_KEY_HEAD_WORDS];	/* first bytes of the key and its quote, as they are in JSON */
	uint64_t	mask[RIG_KEY_HEAD_WORDS];	/* which of them count */
	RigNumberLayout layout;		/* of its number the last time */
	const char *text;
	uint64_t	reading;		/* number of the last reading that had it, for duplicates */
	int32_t		length;
	int32_t		next;			/* key that followed last time; itself when none has */
	uint8_t		role;			/* RigKeyRole; in other formats the key may be a sensor all the same */
	uint8_t		name;			/* RigKeyName */
	bool		escaped;		/* JSON can hold it only with escapes, so that its bytes never match */
	bool		short_name;		/* a good one that is whole in head, with its quote */
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

/* True when the first RIG_KEY_HEAD bytes at `at`, all of them readable, agree with the key. */
static inline bool
rig_known_key_begins(const RigKnownKey *key, const char *at)
{
	uint64_t	difference = 0;

	for (int i = 0; i < RIG_KEY_HEAD_WORDS; i++)
	{
		uint64_t	word;

		memcpy(&word, at + i * sizeof(word), sizeof(word));
		difference |= (word ^ key->head[i]) & key->mask[i];
	}
	return difference == 0;
}

/* True when the key and its closing quote stand at `at`, of which available bytes are readable. */
static inline bool
rig_known_key_matches(const RigKnownKey *key, const char *at, ptrdiff_t available)
{
	if (key->short_name && available >= RIG_KEY_HEAD)
		return rig_known_key_begins(key, at);
	return !key->escaped && available > key->length
		&& memcmp(at, key->text, (size_t) key->length) == 0 && at[key->length] == '"';
}

#endif
