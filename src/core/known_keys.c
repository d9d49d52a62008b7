#include "known_keys.h"

#include "array.h"
#include "reading_parser.h"

bool
rig_is_valid_name(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *) text;

	if (length == 0 || length > RIG_NAME_MAX_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			return false;
		/* U+0080 to U+009F; in valid UTF-8 a lead byte 0xc2 has a successor. */
		if (bytes[i] == 0xc2 && bytes[i + 1] < 0xa0)
			return false;
	}
	return true;
}

static RigKeyName
judge_name(const char *text, int32_t length)
{
	if (memchr(text, '\0', (size_t) length) != NULL)
		return RIG_KEY_NAME_WITH_NUL;
	return rig_is_valid_name(text, (size_t) length) ? RIG_KEY_NAME_GOOD : RIG_KEY_NAME_BAD;
}

/* True when JSON can hold the text only with escapes. */
static bool
needs_escapes(const char *text, int32_t length)
{
	for (int32_t i = 0; i < length; i++)
	{
		if (text[i] == '"' || text[i] == '\\' || (unsigned char) text[i] < 0x20)
			return true;
	}
	return false;
}

static void
describe_key(RigKnownKey *key, int32_t id, const char *text, int32_t length)
{
	memset(key, 0, sizeof(*key));
	key->text = text;
	key->length = length;
	key->next = id;
	key->name = (uint8_t) judge_name(text, length);
	key->escaped = needs_escapes(text, length);
	key->short_name = key->name == RIG_KEY_NAME_GOOD && !key->escaped && length < RIG_KEY_HEAD;
	key->layout = rig_number_layouts[0][0];
	if (!key->short_name)
		return;
	memcpy(key->head, text, (size_t) length);
	((char *) key->head)[length] = '"';
	memset(key->mask, 0xff, (size_t) length + 1);
}

static bool
reserve_key(RigKnownKeys *known)
{
	RigKnownKey *keys =
		rig_array_reserve(known->arena, known->keys, known->count, &known->capacity, sizeof(RigKnownKey));

	if (keys != NULL)
		known->keys = keys;
	return keys != NULL;
}

int32_t
rig_known_keys_add(RigKnownKeys *known, const char *text, int32_t length)
{
	int32_t		id = rig_names_intern(known->names, text, length);

	/* Others may have added names to the table meanwhile. */
	while (id >= known->count)
	{
		const char *name;
		int32_t		name_length;

		if (!reserve_key(known))
			return RIG_NAMES_NONE;
		name = rig_names_text(known->names, known->count, &name_length);
		describe_key(&known->keys[known->count], known->count, name, name_length);
		known->count++;
	}
	return id;
}

bool
rig_known_keys_init(RigKnownKeys *known, RigArena *arena, RigNames *names)
{
	static const char *const keys[] = {
		[RIG_KEY_MACHINE] = "machine_id",
		[RIG_KEY_TIMESTAMP] = "timestamp",
		[RIG_KEY_STATE] = "state",
		[RIG_KEY_SENSORS] = "sensors",
		[RIG_KEY_TS] = "ts",
		[RIG_KEY_VALUES] = "values",
	};

	memset(known, 0, sizeof(*known));
	known->arena = arena;
	known->names = names;
	for (int role = RIG_KEY_MACHINE; role <= RIG_KEY_VALUES; role++)
	{
		int32_t		id = rig_known_keys_add(known, keys[role], (int32_t) strlen(keys[role]));

		if (id == RIG_NAMES_NONE)
			return false;
		known->keys[id].role = (uint8_t) role;
	}
	return true;
}
