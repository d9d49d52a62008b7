#include "names.h"

#include <stdbool.h>
#include <string.h>

#include "word_scan.h"

#define INITIAL_CAPACITY 256	/* slots, a power of two; half of them may be taken */

typedef struct Name
{
	const char *text;
	int32_t		length;
	uint32_t	hash;
} Name;

typedef struct Slot
{
	uint32_t	hash;
	int32_t		id;				/* RIG_NAMES_NONE when free */
} Slot;

struct RigNames
{
	RigArena   *arena;
	Name	   *names;			/* by id; room for half as many as slots */
	Slot	   *slots;
	int32_t		count;
	int32_t		capacity;		/* of slots */
};

/* Both halves of the 128-bit product: every bit of either factor reaches every result bit. */
static inline uint64_t
fold_product(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
#else
	uint64_t	high = (a >> 32) * (b >> 32);
	uint64_t	low = (a & UINT32_MAX) * (b & UINT32_MAX);
	uint64_t	cross = (a >> 32) * (b & UINT32_MAX) ^ (a & UINT32_MAX) * (b >> 32);

	return high ^ low ^ (cross << 32 | cross >> 32);
#endif
}

/* Up to 8 bytes as one number. Short texts are read by overlapping halves, without a loop. */
static inline uint64_t
load_short(const char *text, int32_t length)
{
	const unsigned char *bytes = (const unsigned char *) text;
	uint32_t	first;
	uint32_t	last;

	if (length >= 4)
	{
		memcpy(&first, text, sizeof(first));
		memcpy(&last, text + length - sizeof(last), sizeof(last));
		return (uint64_t) last << 32 | first;
	}
	if (length == 0)
		return 0;
	return (uint64_t) bytes[0] << 16 | (uint64_t) bytes[length / 2] << 8 | bytes[length - 1];
}

/* The table's address takes part as a seed, so that nobody can prepare colliding names. */
static uint32_t
hash_name(const RigNames *names, const char *text, int32_t length)
{
	uint64_t	seed = (uint64_t) (uintptr_t) names * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t	hash = seed ^ (uint64_t) length;

	for (; length > RIG_WORD_SIZE; length -= RIG_WORD_SIZE, text += RIG_WORD_SIZE)
		hash = fold_product(hash ^ rig_word_load(text), seed ^ UINT64_C(0xa0761d6478bd642f));
	hash = fold_product(hash ^ load_short(text, length), seed ^ UINT64_C(0xe7037ed1a0b428db));
	return (uint32_t) (hash ^ (hash >> 32));
}

/* The slot that holds the name, or the free one where it belongs. */
static Slot *
find_slot(const RigNames *names, const char *text, int32_t length, uint32_t hash)
{
	uint32_t	mask = (uint32_t) names->capacity - 1;

	for (uint32_t i = hash & mask;; i = (i + 1) & mask)
	{
		Slot	   *slot = &names->slots[i];
		const Name *name;

		if (slot->id == RIG_NAMES_NONE)
			return slot;
		if (slot->hash != hash)
			continue;
		name = &names->names[slot->id];
		if (name->length == length && memcmp(name->text, text, (size_t) length) == 0)
			return slot;
	}
}

/* Moves to tables of the given capacity; the old ones stay in the arena. */
static bool
resize_tables(RigNames *names, int32_t capacity)
{
	Slot	   *slots = rig_arena_allocate(names->arena, (size_t) capacity * sizeof(Slot));
	Name	   *list = rig_arena_allocate(names->arena, (size_t) capacity / 2 * sizeof(Name));

	if (slots == NULL || list == NULL)
		return false;
	for (int32_t i = 0; i < capacity; i++)
		slots[i].id = RIG_NAMES_NONE;
	if (names->count > 0)
		memcpy(list, names->names, (size_t) names->count * sizeof(Name));
	names->names = list;
	names->slots = slots;
	names->capacity = capacity;
	for (int32_t id = 0; id < names->count; id++)
	{
		const Name *name = &list[id];
		Slot	   *slot = find_slot(names, name->text, name->length, name->hash);

		slot->hash = name->hash;
		slot->id = id;
	}
	return true;
}

RigNames *
rig_names_create(RigArena *arena)
{
	RigNames   *names = rig_arena_allocate(arena, sizeof(RigNames));

	if (names == NULL)
		return NULL;
	memset(names, 0, sizeof(*names));
	names->arena = arena;
	return resize_tables(names, INITIAL_CAPACITY) ? names : NULL;
}

int32_t
rig_names_intern(RigNames *names, const char *text, int32_t length)
{
	uint32_t	hash = hash_name(names, text, length);
	Slot	   *slot = find_slot(names, text, length, hash);
	char	   *copy;

	if (slot->id != RIG_NAMES_NONE)
		return slot->id;
	if (names->count == names->capacity / 2)
	{
		if (names->capacity > INT32_MAX / 2 || !resize_tables(names, names->capacity * 2))
			return RIG_NAMES_NONE;
		slot = find_slot(names, text, length, hash);
	}
	copy = rig_arena_allocate(names->arena, (size_t) length);
	if (copy == NULL)
		return RIG_NAMES_NONE;
	if (length > 0)
		memcpy(copy, text, (size_t) length);
	names->names[names->count] = (Name) {copy, length, hash};
	slot->hash = hash;
	slot->id = names->count;
	return names->count++;
}

int32_t
rig_names_find(const RigNames *names, const char *text, int32_t length)
{
	return find_slot(names, text, length, hash_name(names, text, length))->id;
}

const char *
rig_names_text(const RigNames *names, int32_t id, int32_t *length)
{
	*length = names->names[id].length;
	return names->names[id].text;
}

int32_t
rig_names_count(const RigNames *names)
{
	return names->count;
}
