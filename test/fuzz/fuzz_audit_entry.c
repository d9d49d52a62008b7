/*
 * libFuzzer target: whatever arrives as an entry of the audit log is refused, or has exactly these
 * bytes, and every text of it can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "audit_entry.h"
#include "json_scan.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool condition)
{
	if (!condition)
		abort();
}

static void
use_text(RigAuditText text, const uint8_t *data, size_t size)
{
	const uint8_t *bytes = (const uint8_t *) text.bytes;

	expect(text.length >= -1);
	if (text.length < 0)
		return;
	expect(bytes >= data && (size_t) text.length <= size - (size_t) (bytes - data));
	expect(rig_is_utf8(text.bytes, (size_t) text.length));
}

static void
use_image(const RigAuditImage *image, const uint8_t *data, size_t size)
{
	expect(image->count >= 0 && image->count <= RIG_AUDIT_MAX_COLUMNS && (image->present || image->count == 0));
	for (int32_t i = 0; i < image->count; i++)
	{
		const RigAuditColumn *column = &image->columns[i];

		use_text(column->name, data, size);
		use_text(column->type, data, size);
		use_text(column->value, data, size);
		expect((column->flag == RIG_AUDIT_NULL) == (column->value.length == -1));
	}
}

static void
use_entry(const RigAuditEntry *entry, const uint8_t *data, size_t size)
{
	const RigAuditText texts[] = {
		entry->session_user, entry->current_user, entry->app_user, entry->app_session, entry->client_address,
		entry->source, entry->machine, entry->schema, entry->relation, entry->operation, entry->reason
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		use_text(texts[i], data, size);
	use_image(&entry->key, data, size);
	use_image(&entry->old, data, size);
	use_image(&entry->new, data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RigArena	arena;
	RigAuditEntry entry;
	RigStatus	status;

	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&arena, rig_allocator_malloc(), 1);
	status = rig_audit_entry_decode(&entry, &arena, data, size);
	expect(status == RIG_OK || status == RIG_INVALID_ARGUMENT);
	if (status == RIG_OK)
	{
		uint8_t    *again = malloc(size);

		use_entry(&entry, data, size);
		expect(again != NULL && rig_audit_entry_size(&entry) == size);
		rig_audit_entry_encode(&entry, again);
		expect(memcmp(again, data, size) == 0);
		free(again);
	}
	rig_arena_release(&arena);
	return 0;
}
