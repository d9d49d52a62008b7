/*
 * One walk over the parts of an entry serves all directions: it measures, writes or reads,
 * depending on the stream, so that the three cannot disagree.
 */
#include "audit_entry.h"

#include <string.h>

#include "json_scan.h"

#define MAGIC UINT32_C(0x52474131)	/* "RGA1" */

/* Number, flag and three lengths: what a column takes at least. */
#define COLUMN_LEAST_SIZE (2 + 1 + 3 * 4)

typedef enum Direction
{
	MEASURE,
	WRITE,
	READ
} Direction;

typedef struct Stream
{
	Direction	direction;
	RigArena   *arena;			/* for what is read */
	uint8_t    *out;
	const uint8_t *in;
	size_t		place;
	size_t		end;			/* of what is read */
	RigStatus	status;
} Stream;

static void
fail(Stream *stream, RigStatus status)
{
	if (stream->status == RIG_OK)
		stream->status = status;
}

/* Moves on by size bytes; false when they are not there. */
static bool
claim(Stream *stream, size_t size)
{
	if (stream->direction == READ && size > stream->end - stream->place)
		fail(stream, RIG_INVALID_ARGUMENT);
	if (stream->status != RIG_OK)
		return false;
	stream->place += size;
	return true;
}

/* One unsigned integer in either direction; what cannot be read is 0. */
static uint64_t
walk_integer(Stream *stream, uint64_t value, int bytes)
{
	size_t		at = stream->place;

	if (!claim(stream, (size_t) bytes))
		return 0;
	if (stream->direction == WRITE)
	{
		for (int i = 0; i < bytes; i++)
			stream->out[at + i] = (uint8_t) (value >> 8 * (bytes - 1 - i));
	}
	else if (stream->direction == READ)
	{
		value = 0;
		for (int i = 0; i < bytes; i++)
			value = value << 8 | stream->in[at + i];
	}
	return value;
}

static void
walk_text(Stream *stream, RigAuditText *text)
{
	size_t		at;

	text->length = (int32_t) walk_integer(stream, (uint32_t) text->length, 4);
	if (text->length < -1)
		fail(stream, RIG_INVALID_ARGUMENT);
	at = stream->place;
	if (stream->direction == READ)
		text->bytes = NULL;
	if (text->length < 0 || !claim(stream, (size_t) text->length))
		return;
	if (stream->direction == WRITE && text->length > 0)
		memcpy(stream->out + at, text->bytes, (size_t) text->length);
	if (stream->direction != READ)
		return;
	text->bytes = (const char *) stream->in + at;
	if (memchr(text->bytes, '\0', (size_t) text->length) != NULL || !rig_is_utf8(text->bytes, (size_t) text->length))
		fail(stream, RIG_INVALID_ARGUMENT);
}

static void
walk_column(Stream *stream, RigAuditColumn *column)
{
	column->attnum = (int16_t) walk_integer(stream, (uint16_t) column->attnum, 2);
	walk_text(stream, &column->name);
	walk_text(stream, &column->type);
	column->flag = (uint8_t) walk_integer(stream, column->flag, 1);
	walk_text(stream, &column->value);
	if (column->flag > RIG_AUDIT_REDACTED || (column->flag == RIG_AUDIT_NULL) != (column->value.length == -1))
		fail(stream, RIG_INVALID_ARGUMENT);
}

/* Makes room for columns that are read, when there may be as many. */
static void
allocate_columns(Stream *stream, RigAuditImage *image)
{
	image->columns = NULL;
	if ((size_t) image->count > (stream->end - stream->place) / COLUMN_LEAST_SIZE)
		fail(stream, RIG_INVALID_ARGUMENT);
	if (stream->status != RIG_OK || image->count == 0)
		return;
	image->columns = rig_arena_allocate(stream->arena, (size_t) image->count * sizeof(RigAuditColumn));
	if (image->columns == NULL)
		fail(stream, RIG_OUT_OF_MEMORY);
}

static void
walk_image(Stream *stream, RigAuditImage *image)
{
	uint64_t	present = walk_integer(stream, image->present, 1);

	if (stream->direction != READ && (image->count < 0 || image->count > RIG_AUDIT_MAX_COLUMNS))
		fail(stream, RIG_INVALID_ARGUMENT);
	image->count = (int32_t) walk_integer(stream, (uint16_t) image->count, 2);
	if (present > 1 || (present == 0 && image->count > 0))
		fail(stream, RIG_INVALID_ARGUMENT);
	image->present = present == 1;
	if (stream->direction == READ)
		allocate_columns(stream, image);
	for (int32_t i = 0; stream->status == RIG_OK && i < image->count; i++)
		walk_column(stream, &image->columns[i]);
}

static void
walk_log_id(Stream *stream, uint8_t *log_id)
{
	for (int i = 0; i < RIG_AUDIT_LOG_ID; i++)
		log_id[i] = (uint8_t) walk_integer(stream, log_id[i], 1);
}

static void
walk_entry(Stream *stream, RigAuditEntry *entry)
{
	RigAuditText *const texts[] = {
		&entry->session_user, &entry->current_user, &entry->app_user, &entry->app_session, &entry->client_address,
		&entry->source, &entry->machine, &entry->schema, &entry->relation, &entry->operation, &entry->reason
	};

	if (walk_integer(stream, MAGIC, 4) != MAGIC)
		fail(stream, RIG_INVALID_ARGUMENT);
	entry->kind = (uint8_t) walk_integer(stream, entry->kind, 1);
	entry->flags = (uint8_t) walk_integer(stream, entry->flags, 1);
	walk_log_id(stream, entry->log_id);
	entry->epoch = (uint32_t) walk_integer(stream, entry->epoch, 4);
	entry->chain = (uint32_t) walk_integer(stream, entry->chain, 4);
	entry->entry_id = walk_integer(stream, entry->entry_id, 8);
	entry->xid = walk_integer(stream, entry->xid, 8);
	entry->at = (int64_t) walk_integer(stream, (uint64_t) entry->at, 8);
	entry->xact_at = (int64_t) walk_integer(stream, (uint64_t) entry->xact_at, 8);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		walk_text(stream, texts[i]);
	walk_image(stream, &entry->key);
	walk_image(stream, &entry->old);
	walk_image(stream, &entry->new);
}

size_t
rig_audit_entry_size(const RigAuditEntry *entry)
{
	RigAuditEntry walked = *entry;
	Stream		stream = {.direction = MEASURE};

	walk_entry(&stream, &walked);
	return stream.status == RIG_OK ? stream.place : 0;
}

void
rig_audit_entry_encode(const RigAuditEntry *entry, uint8_t *out)
{
	RigAuditEntry walked = *entry;
	Stream		stream = {.direction = WRITE, .out = out};

	if (rig_audit_entry_size(entry) > 0)
		walk_entry(&stream, &walked);
}

RigStatus
rig_audit_entry_decode(RigAuditEntry *entry, RigArena *arena, const uint8_t *bytes, size_t size)
{
	Stream		stream = {.direction = READ, .arena = arena, .in = bytes, .end = size};

	memset(entry, 0, sizeof(*entry));
	walk_entry(&stream, entry);
	if (stream.place < size)
		fail(&stream, RIG_INVALID_ARGUMENT);
	return stream.status;
}

const char *
rig_audit_kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[RIG_AUDIT_INSERT] = "insert",
		[RIG_AUDIT_UPDATE] = "update",
		[RIG_AUDIT_DELETE] = "delete",
		[RIG_AUDIT_TRUNCATE] = "truncate",
		[RIG_AUDIT_BASELINE] = "baseline",
		[RIG_AUDIT_DDL] = "ddl",
		[RIG_AUDIT_LOGIN] = "login",
		[RIG_AUDIT_LOGOUT] = "logout",
		[RIG_AUDIT_TOKEN] = "token",
		[RIG_AUDIT_NOTE] = "note",
		[RIG_AUDIT_GUARD] = "guard",
		[RIG_AUDIT_EPOCH] = "epoch",
		[RIG_AUDIT_RETENTION] = "retention",
		[RIG_AUDIT_INCIDENT] = "incident",
		[RIG_AUDIT_ALARM] = "alarm",
		[RIG_AUDIT_REFUSAL] = "refusal",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}
