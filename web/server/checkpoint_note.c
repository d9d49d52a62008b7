#include "checkpoint_note.h"

#include <inttypes.h>
#include <string.h>

#include "encoding.h"

#define ORIGIN_PREFIX "rigalpha/"
#define HASH_CHARACTERS 44		/* base64 of 32 bytes */

/* What is left of a text that is read from its start. */
typedef struct Cursor
{
	const char *text;
	size_t		left;
} Cursor;

static bool
is_log_id(const char *text)
{
	for (int i = 0; i < RIG_CHECKPOINT_LOG_ID_SIZE - 1; i++)
	{
		bool		dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (text[i] == '\0' || strchr(dash ? "-" : "0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return true;
}

static void
append_hash(RigBuffer *text, const char *before, const uint8_t hash[RIG_CHECKPOINT_HASH_BYTES])
{
	char		encoded[RIG_BASE64_SIZE(RIG_CHECKPOINT_HASH_BYTES)];

	rig_encode(RIG_BASE64, hash, RIG_CHECKPOINT_HASH_BYTES, encoded);
	rig_buffer_text(text, before);
	rig_buffer_text(text, encoded);
	rig_buffer_text(text, "\n");
}

bool
rig_checkpoint_format(const RigCheckpoint *checkpoint, RigBuffer *text)
{
	if (!is_log_id(checkpoint->log_id) || checkpoint->log_id[RIG_CHECKPOINT_LOG_ID_SIZE - 1] != '\0' ||
		checkpoint->time < 0)
		return false;
	rig_buffer_format(text, ORIGIN_PREFIX "%s\n%" PRIu64 "\n", checkpoint->log_id, checkpoint->size);
	append_hash(text, "", checkpoint->root);
	rig_buffer_format(text, "epoch %" PRIu32, checkpoint->epoch);
	append_hash(text, " prev ", checkpoint->previous_head);
	append_hash(text, "chains ", checkpoint->chains);
	append_hash(text, "guard ", checkpoint->guard);
	rig_buffer_format(text, "time %" PRId64 "\n", checkpoint->time);
	return true;
}

static bool
take_text(Cursor *cursor, const char *expected)
{
	size_t		length = strlen(expected);

	if (cursor->left < length || memcmp(cursor->text, expected, length) != 0)
		return false;
	cursor->text += length;
	cursor->left -= length;
	return true;
}

/* A decimal number without leading zeros. */
static bool
take_number(Cursor *cursor, uint64_t most, uint64_t *value)
{
	const char *start = cursor->text;

	*value = 0;
	while (cursor->left > 0 && *cursor->text >= '0' && *cursor->text <= '9')
	{
		uint64_t	digit = (uint64_t) (*cursor->text - '0');

		if (*value > (most - digit) / 10)
			return false;
		*value = *value * 10 + digit;
		cursor->text++;
		cursor->left--;
	}
	return cursor->text > start && (*start != '0' || cursor->text == start + 1);
}

static bool
take_hash(Cursor *cursor, uint8_t hash[RIG_CHECKPOINT_HASH_BYTES])
{
	size_t		size;

	if (cursor->left < HASH_CHARACTERS ||
		!rig_decode(RIG_BASE64, cursor->text, HASH_CHARACTERS, hash, RIG_CHECKPOINT_HASH_BYTES, &size) ||
		size != RIG_CHECKPOINT_HASH_BYTES)
		return false;
	cursor->text += HASH_CHARACTERS;
	cursor->left -= HASH_CHARACTERS;
	return take_text(cursor, "\n");
}

static bool
take_log_id(Cursor *cursor, char log_id[RIG_CHECKPOINT_LOG_ID_SIZE])
{
	const size_t length = RIG_CHECKPOINT_LOG_ID_SIZE - 1;

	if (cursor->left < length || !is_log_id(cursor->text))
		return false;
	memcpy(log_id, cursor->text, length);
	log_id[length] = '\0';
	cursor->text += length;
	cursor->left -= length;
	return take_text(cursor, "\n");
}

bool
rig_checkpoint_parse(RigCheckpoint *checkpoint, const char *text, size_t length)
{
	Cursor		cursor = {text, length};
	uint64_t	epoch;
	uint64_t	time;

	memset(checkpoint, 0, sizeof(*checkpoint));
	if (!take_text(&cursor, ORIGIN_PREFIX) || !take_log_id(&cursor, checkpoint->log_id) ||
		!take_number(&cursor, UINT64_MAX, &checkpoint->size) || !take_text(&cursor, "\n") ||
		!take_hash(&cursor, checkpoint->root) ||
		!take_text(&cursor, "epoch ") || !take_number(&cursor, UINT32_MAX, &epoch) ||
		!take_text(&cursor, " prev ") || !take_hash(&cursor, checkpoint->previous_head) ||
		!take_text(&cursor, "chains ") || !take_hash(&cursor, checkpoint->chains) ||
		!take_text(&cursor, "guard ") || !take_hash(&cursor, checkpoint->guard) ||
		!take_text(&cursor, "time ") || !take_number(&cursor, INT64_MAX, &time) || !take_text(&cursor, "\n") ||
		cursor.left != 0)
		return false;
	checkpoint->epoch = (uint32_t) epoch;
	checkpoint->time = (int64_t) time;
	return true;
}
