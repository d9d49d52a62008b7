#include <string.h>

#include "../ref/audit_reference.h"
#include "audit_entry.h"
#include "budget.h"
#include "hex.h"
#include "tap.h"

#define ENTRIES (sizeof(reference_entries) / sizeof(reference_entries[0]))

/* Places in an encoding whose texts are all NULL and whose images are all absent. */
#define KIND_OFFSET 4
#define TEXT_OFFSET 62
#define IMAGE_OFFSET (TEXT_OFFSET + 11 * 4)
#define LEAST_SIZE (IMAGE_OFFSET + 3 * 3)

typedef struct Payload
{
	uint8_t    *bytes;
	size_t		size;
} Payload;

/* Blocks of exactly the size, so that the sanitizer sees a byte read or written too far. */
static Payload
make_payload(const void *bytes, size_t size)
{
	Payload		payload = {malloc(size > 0 ? size : 1), size};

	if (payload.bytes == NULL)
		abort();
	if (bytes != NULL)
		memcpy(payload.bytes, bytes, size);
	return payload;
}

static Payload
read_payload(const char *digits)
{
	Payload		payload = make_payload(NULL, strlen(digits) / 2);

	read_hex(digits, payload.bytes);
	return payload;
}

static Payload
encode(const RigAuditEntry *entry)
{
	Payload		payload = make_payload(NULL, rig_audit_entry_size(entry));

	rig_audit_entry_encode(entry, payload.bytes);
	return payload;
}

static bool
is_same_payload(Payload left, Payload right)
{
	return left.size == right.size && memcmp(left.bytes, right.bytes, left.size) == 0;
}

static bool
is_same_text(RigAuditText left, RigAuditText right)
{
	return left.length == right.length
		&& (left.length <= 0 || memcmp(left.bytes, right.bytes, (size_t) left.length) == 0);
}

static bool
is_same_image(const RigAuditImage *left, const RigAuditImage *right)
{
	bool		same = left->present == right->present && left->count == right->count;

	for (int32_t i = 0; same && i < left->count; i++)
	{
		const RigAuditColumn *a = &left->columns[i];
		const RigAuditColumn *b = &right->columns[i];

		same = a->attnum == b->attnum && is_same_text(a->name, b->name) && is_same_text(a->type, b->type)
			&& a->flag == b->flag && is_same_text(a->value, b->value);
	}
	return same;
}

static bool
is_same_entry(const RigAuditEntry *a, const RigAuditEntry *b)
{
	return a->kind == b->kind && a->flags == b->flags && memcmp(a->log_id, b->log_id, sizeof(a->log_id)) == 0
		&& a->epoch == b->epoch && a->chain == b->chain && a->entry_id == b->entry_id && a->xid == b->xid
		&& a->at == b->at && a->xact_at == b->xact_at
		&& is_same_text(a->session_user, b->session_user) && is_same_text(a->current_user, b->current_user)
		&& is_same_text(a->app_user, b->app_user) && is_same_text(a->app_session, b->app_session)
		&& is_same_text(a->client_address, b->client_address) && is_same_text(a->source, b->source)
		&& is_same_text(a->machine, b->machine) && is_same_text(a->schema, b->schema)
		&& is_same_text(a->relation, b->relation) && is_same_text(a->operation, b->operation)
		&& is_same_text(a->reason, b->reason) && is_same_image(&a->key, &b->key)
		&& is_same_image(&a->old, &b->old) && is_same_image(&a->new, &b->new);
}

/* Whether a payload is refused, or is an entry whose payload it is, in bounded memory. */
static bool
is_refused_or_exact(Payload payload, bool *refused)
{
	Budget		budget = {0, 16 * payload.size + 4096};
	RigArena	arena;
	RigAuditEntry entry;
	RigStatus	status;
	bool		good = true;

	init_counted(&arena, &budget);
	status = rig_audit_entry_decode(&entry, &arena, payload.bytes, payload.size);
	*refused = status != RIG_OK;
	if (status == RIG_OK)
	{
		Payload		again = encode(&entry);

		good = is_same_payload(again, payload);
		free(again.bytes);
	}
	else
		good = status == RIG_INVALID_ARGUMENT;
	rig_arena_release(&arena);
	return good;
}

static bool
is_refused(Payload payload)
{
	bool		refused;

	return is_refused_or_exact(payload, &refused) && refused;
}

static bool
is_exact(Payload payload)
{
	bool		refused;

	return is_refused_or_exact(payload, &refused) && !refused;
}

static void
test_reference(size_t number)
{
	const RigAuditEntry *entry = &reference_entries[number].entry;
	Payload		wanted = read_payload(reference_entries[number].payload);
	Payload		payload = encode(entry);
	RigArena	arena;
	RigAuditEntry decoded;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	tap_ok(is_same_payload(payload, wanted), "entry %zu: encoded as the reference says, %zu bytes", number, payload.size);
	tap_ok(rig_audit_entry_decode(&decoded, &arena, wanted.bytes, wanted.size) == RIG_OK
		   && is_same_entry(&decoded, entry), "entry %zu: decoded to what it was", number);
	tap_ok(is_exact(wanted), "entry %zu: and encoded to the same bytes again", number);
	rig_arena_release(&arena);
	free(payload.bytes);
	free(wanted.bytes);
}

static void
test_damage(size_t number)
{
	Payload		payload = read_payload(reference_entries[number].payload);
	Payload		longer = make_payload(NULL, payload.size + 1);
	size_t		entries = 0;
	bool		good = true;
	bool		refused;

	for (size_t size = 0; size < payload.size; size++)
	{
		Payload		cut = make_payload(payload.bytes, size);

		good = good && is_refused(cut);
		free(cut.bytes);
	}
	tap_ok(good, "entry %zu: refused when cut off, wherever", number);

	memcpy(longer.bytes, payload.bytes, payload.size);
	longer.bytes[payload.size] = 0;
	tap_ok(is_refused(longer), "entry %zu: refused with a byte behind it", number);

	for (size_t at = 0; at < payload.size; at++)
	{
		for (int change = 1; change < 256; change++)
		{
			payload.bytes[at] ^= (uint8_t) change;
			good = good && is_refused_or_exact(payload, &refused);
			entries += !refused;
			payload.bytes[at] ^= (uint8_t) change;
		}
	}
	tap_ok(good, "entry %zu: refused with any byte changed, or exact: %zu of %zu are entries", number, entries,
		   255 * payload.size);
	free(longer.bytes);
	free(payload.bytes);
}

/* Lengths and counts that somebody who wants to do harm writes, wherever there may be one. */
static void
test_crafted(size_t number)
{
	static const uint32_t lengths[] = {0, 1, 2, 0x7f, 0xff, 0xffff, 0x10000, 0x7ffffffe, 0x7fffffff, 0x80000000,
		0xfffffffe, 0xffffffff};
	Payload		payload = read_payload(reference_entries[number].payload);
	bool		good = true;
	bool		refused;

	for (size_t at = 0; at + 4 <= payload.size; at++)
	{
		uint8_t		before[4];

		memcpy(before, payload.bytes + at, 4);
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		{
			for (int byte = 0; byte < 4; byte++)
				payload.bytes[at + byte] = (uint8_t) (lengths[i] >> (24 - 8 * byte));
			good = good && is_refused_or_exact(payload, &refused);
		}
		memcpy(payload.bytes + at, before, 4);
	}
	tap_ok(good, "entry %zu: refused or exact with any length anywhere, in bounded memory", number);
	free(payload.bytes);
}

/* A least entry with count bytes at a place replaced by others; is it refused? */
static bool
is_refused_with(size_t at, size_t count, const char *others, size_t others_size)
{
	Payload		plain = read_payload(reference_entries[0].payload);
	Payload		changed;
	bool		refused;

	changed = make_payload(NULL, plain.size - count + others_size);
	memcpy(changed.bytes, plain.bytes, at);
	memcpy(changed.bytes + at, others, others_size);
	memcpy(changed.bytes + at + others_size, plain.bytes + at + count, plain.size - at - count);
	refused = is_refused(changed);
	if (!refused && !is_exact(changed))
		abort();
	free(plain.bytes);
	free(changed.bytes);
	return refused;
}

#define REFUSED_WITH(at, count, others) is_refused_with(at, count, others, sizeof(others) - 1)

/* One column without name and type, and with this flag and value. */
#define ONE_COLUMN "\1\0\1\0\1\377\377\377\377\377\377\377\377"

static void
test_strict(void)
{
	tap_ok(!REFUSED_WITH(0, 0, "") && !REFUSED_WITH(KIND_OFFSET, 1, "\0") && !REFUSED_WITH(KIND_OFFSET, 1, "\21"),
		   "kinds that are not known yet are kept");
	tap_ok(REFUSED_WITH(0, 4, "RGA2") && REFUSED_WITH(0, 4, "rga1"), "another version is refused");
	tap_ok(!REFUSED_WITH(TEXT_OFFSET, 4, "\0\0\0\2ab") && !REFUSED_WITH(TEXT_OFFSET, 4, "\0\0\0\0"), "texts");
	tap_ok(REFUSED_WITH(TEXT_OFFSET, 4, "\377\377\377\376") && REFUSED_WITH(TEXT_OFFSET, 4, "\200\0\0\0"),
		   "negative lengths other than that of NULL are refused");
	tap_ok(REFUSED_WITH(TEXT_OFFSET, 4, "\0\0\0\1\377") && REFUSED_WITH(TEXT_OFFSET, 4, "\0\0\0\2\303("),
		   "texts that are not UTF-8 are refused");
	tap_ok(REFUSED_WITH(TEXT_OFFSET, 4, "\0\0\0\2a\0"), "texts with a zero byte are refused");
	tap_ok(!REFUSED_WITH(IMAGE_OFFSET, 3, "\1\0\0"), "an image without columns");
	tap_ok(REFUSED_WITH(IMAGE_OFFSET, 1, "\2") && REFUSED_WITH(IMAGE_OFFSET, 1, "\377"),
		   "an image that is neither present nor absent is refused");
	tap_ok(!REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\0\377\377\377\377")
		   && !REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\1\0\0\0\0")
		   && !REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\2\0\0\0\1x"), "columns with NULL, text and a redacted value");
	tap_ok(REFUSED_WITH(IMAGE_OFFSET, 3, "\0" "\0\1\0\1\377\377\377\377\377\377\377\377\0\377\377\377\377"),
		   "columns of an absent image are refused");
	tap_ok(REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\0\0\0\0\0"), "NULL with a value is refused");
	tap_ok(REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\1\377\377\377\377")
		   && REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\2\377\377\377\377"), "text without a value is refused");
	tap_ok(REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\3\0\0\0\0") && REFUSED_WITH(IMAGE_OFFSET, 3, ONE_COLUMN "\3\377\377\377\377"),
		   "an unknown flag is refused");
}

static void
test_null(void)
{
	RigAuditEntry null = reference_entries[0].entry;
	RigAuditEntry empty = null;
	RigAuditEntry pointed = null;
	RigAuditEntry shifted = null;
	Payload		payloads[4];

	null.schema = (RigAuditText) {"ab", 2};
	null.relation = (RigAuditText) {NULL, -1};
	empty.schema = null.schema;
	empty.relation = (RigAuditText) {NULL, 0};
	pointed.schema = null.schema;
	pointed.relation = (RigAuditText) {"x", 0};
	shifted.schema = (RigAuditText) {"a", 1};
	shifted.relation = (RigAuditText) {"b", 1};
	payloads[0] = encode(&null);
	payloads[1] = encode(&empty);
	payloads[2] = encode(&pointed);
	payloads[3] = encode(&shifted);
	tap_ok(!is_same_payload(payloads[0], payloads[1]) && payloads[0].size == payloads[1].size, "NULL is not the empty text");
	tap_ok(is_same_payload(payloads[1], payloads[2]), "an empty text needs no bytes");
	tap_ok(!is_same_payload(payloads[1], payloads[3]), "it counts where a text ends");
	tap_ok(payloads[0].size == LEAST_SIZE + 2, "the least entry has %d bytes", LEAST_SIZE);
	for (int i = 0; i < 4; i++)
	{
		tap_ok(is_exact(payloads[i]), "variant %d comes back", i);
		free(payloads[i].bytes);
	}
}

/* Whether there is no encoding, and none is written. */
static bool
has_none(const RigAuditEntry *entry)
{
	uint8_t		out[1] = {0x5a};

	if (rig_audit_entry_size(entry) != 0)
		return false;
	rig_audit_entry_encode(entry, out);
	return out[0] == 0x5a;
}

static bool
has_none_with(RigAuditColumn column)
{
	RigAuditEntry entry = reference_entries[0].entry;

	entry.old = (RigAuditImage) {true, 1, &column};
	return has_none(&entry);
}

static void
test_limits(void)
{
	static RigAuditColumn columns[RIG_AUDIT_MAX_COLUMNS + 1];
	RigAuditEntry entry = reference_entries[0].entry;
	RigAuditText null = {NULL, -1};
	RigAuditText text = {"x", 1};
	Payload		payload;

	for (int32_t i = 0; i <= RIG_AUDIT_MAX_COLUMNS; i++)
		columns[i] = (RigAuditColumn) {(int16_t) i, text, text, RIG_AUDIT_NULL, null};
	entry.new = (RigAuditImage) {true, RIG_AUDIT_MAX_COLUMNS, columns};
	payload = encode(&entry);
	tap_ok(payload.size == LEAST_SIZE + RIG_AUDIT_MAX_COLUMNS * 17 && is_exact(payload), "an image of %d columns",
		   RIG_AUDIT_MAX_COLUMNS);
	free(payload.bytes);
	entry.new.count = 100;
	for (int32_t i = 0; i < entry.new.count; i++)
		columns[i] = (RigAuditColumn) {0, null, null, RIG_AUDIT_NULL, null};
	payload = encode(&entry);
	tap_ok(payload.size == LEAST_SIZE + 100 * 15 && is_exact(payload), "columns that take as little as a column can");
	free(payload.bytes);
	entry.new.count = RIG_AUDIT_MAX_COLUMNS + 1;
	tap_ok(has_none(&entry), "one column more has no encoding");
	entry.new.count = -1;
	tap_ok(has_none(&entry), "nor have fewer than none");
	entry.new = (RigAuditImage) {false, 1, columns};
	tap_ok(has_none(&entry), "nor have columns of an absent image");
	entry.new = (RigAuditImage) {false, 0, NULL};
	entry.source.length = -2;
	tap_ok(has_none(&entry), "nor has a text of length -2");
	tap_ok(has_none_with((RigAuditColumn) {1, text, text, RIG_AUDIT_NULL, text}), "nor has NULL with a value");
	tap_ok(has_none_with((RigAuditColumn) {1, text, text, RIG_AUDIT_TEXT, null})
		   && has_none_with((RigAuditColumn) {1, text, text, RIG_AUDIT_REDACTED, null}), "nor has text without one");
	tap_ok(has_none_with((RigAuditColumn) {1, text, text, 3, text}), "nor has an unknown flag");
}

/* Whatever can be had, the outcome is an entry or the lack of memory. */
static void
test_out_of_memory(void)
{
	Payload		payload = read_payload(reference_entries[1].payload);
	bool		good = true;
	size_t		needed = 0;

	for (size_t limit = 0; good && needed == 0; limit += 8)
	{
		Budget		budget = {0, limit};
		RigArena	arena;
		RigAuditEntry entry;
		RigStatus	status;

		init_counted(&arena, &budget);
		status = rig_audit_entry_decode(&entry, &arena, payload.bytes, payload.size);
		good = status == RIG_OK || status == RIG_OUT_OF_MEMORY;
		needed = status == RIG_OK ? budget.used : 0;
		rig_arena_release(&arena);
	}
	tap_ok(good && needed < 4 * payload.size, "memory may end anywhere; %zu bytes take %zu", payload.size, needed);
	free(payload.bytes);
}

static void
test_kinds(void)
{
	static const char *const names[] = {"insert", "update", "delete", "truncate", "baseline", "ddl", "login", "logout",
		"token", "note", "guard", "epoch", "retention", "incident", "alarm", "refusal"};
	bool		good = true;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *name = rig_audit_kind_name((uint8_t) (i + 1));

		good = good && name != NULL && strcmp(name, names[i]) == 0;
	}
	tap_ok(good, "kinds have names");
	tap_ok(rig_audit_kind_name(0) == NULL && rig_audit_kind_name(RIG_AUDIT_REFUSAL + 1) == NULL
		   && rig_audit_kind_name(255) == NULL, "unknown ones have none");
}

int
main(void)
{
	for (size_t i = 0; i < ENTRIES; i++)
	{
		test_reference(i);
		test_damage(i);
		test_crafted(i);
	}
	test_strict();
	test_null();
	test_limits();
	test_out_of_memory();
	test_kinds();
	return tap_done();
}
