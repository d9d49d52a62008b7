#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "audit_authority.h"
#include "context_arena.h"

#define CHAIN_PREFIX "chain "

/* Columns of the query. */
enum
{
	AUTHORITY_ID = 1,
	AUTHORITY_CHAIN,
	AUTHORITY_SEQ,
	AUTHORITY_EPOCH,
	AUTHORITY_PREV,
	AUTHORITY_LINK,
	AUTHORITY_PAYLOAD
};

static bool
text_equals(RigAuditText text, const char *wanted)
{
	return text.length == (int32) strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

static void
add_range(RigAuditAuthorities *authorities, const RigAuditRange *range)
{
	if (authorities->count == authorities->room)
	{
		authorities->room = Max(64, authorities->room * 2);
		if (authorities->ranges == NULL)
			authorities->ranges = palloc_extended(authorities->room * sizeof(RigAuditRange), MCXT_ALLOC_HUGE);
		else
			authorities->ranges = repalloc_huge(authorities->ranges, authorities->room * sizeof(RigAuditRange));
	}
	authorities->ranges[authorities->count++] = *range;
}

/* Ranges of a chain, "1-40 42-50"; what does not read so, which no entry of ours does, ends it. */
static void
add_ranges(RigAuditAuthorities *authorities, RigAuditRange *range, const char *text)
{
	char	   *end;

	for (;;)
	{
		range->first = strtoi64(text, &end, 10);
		if (end == text || *end != '-')
			return;
		text = end + 1;
		range->last = strtoi64(text, &end, 10);
		if (end == text)
			return;
		add_range(authorities, range);
		if (*end != ' ')
			return;
		text = end + 1;
	}
}

static void
add_entry(RigAuditAuthorities *authorities, const RigAuditEntry *entry)
{
	RigAuditRange range = {.entry_id = (int64) entry->entry_id, .is_redacted = text_equals(entry->operation, "redact")};

	if (!range.is_redacted && !text_equals(entry->operation, "prune"))
		return;
	for (int i = 0; i < entry->new.count; i++)
	{
		const RigAuditColumn *column = &entry->new.columns[i];
		char	   *name = pnstrdup(column->name.bytes, Max(column->name.length, 0));

		if (strncmp(name, CHAIN_PREFIX, strlen(CHAIN_PREFIX)) != 0 || column->flag != RIG_AUDIT_TEXT)
			continue;
		range.chain = (int32) strtol(name + strlen(CHAIN_PREFIX), NULL, 10);
		add_ranges(authorities, &range, pnstrdup(column->value.bytes, column->value.length));
	}
}

static int64
number(HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, columns, column, &isnull);

	return DatumGetInt64(value);
}

/* A hash of a link; NULL when it has another length. */
static const uint8 *
hash(HeapTuple row, TupleDesc columns, int column)
{
	bool		isnull;
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(SPI_getbinval(row, columns, column, &isnull));

	return VARSIZE_ANY_EXHDR(bytes) == RIG_DIGEST_SIZE ? (const uint8 *) VARDATA_ANY(bytes) : NULL;
}

/* Whether the entry is one of the retention and its link is made of it. */
static bool
read_entry(RigAuditEntry *entry, RigArena *arena, const RigAuditNode *node, const RigHasher *hasher, HeapTuple row,
		   TupleDesc columns)
{
	bool		isnull;
	struct varlena *payload = PG_DETOAST_DATUM_PACKED(SPI_getbinval(row, columns, AUTHORITY_PAYLOAD, &isnull));
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(payload);
	const uint8 *prev = hash(row, columns, AUTHORITY_PREV);
	const uint8 *link = hash(row, columns, AUTHORITY_LINK);
	RigAuditChain place;
	uint8		leaf[RIG_DIGEST_SIZE];
	uint8		expected[RIG_DIGEST_SIZE];

	rig_arena_reset(arena);
	if (prev == NULL || link == NULL ||
		rig_audit_entry_decode(entry, arena, bytes, VARSIZE_ANY_EXHDR(payload)) != RIG_OK ||
		entry->kind != RIG_AUDIT_RETENTION || entry->entry_id != (uint64) number(row, columns, AUTHORITY_ID) ||
		memcmp(entry->log_id, node->log_id, sizeof(entry->log_id)) != 0)
		return false;
	place = rig_audit_chain(node, (int32) number(row, columns, AUTHORITY_EPOCH),
							(int32) number(row, columns, AUTHORITY_CHAIN));
	rig_audit_leaf(hasher, bytes, VARSIZE_ANY_EXHDR(payload), leaf);
	rig_audit_link(hasher, &place, (uint64) number(row, columns, AUTHORITY_SEQ), prev, leaf, expected);
	return memcmp(expected, link, RIG_DIGEST_SIZE) == 0;
}

static int
compare_ranges(const void *a, const void *b)
{
	return ((const RigAuditRange *) a)->is_redacted - ((const RigAuditRange *) b)->is_redacted;
}

void
rig_audit_authorities(RigAuditAuthorities *authorities, const RigAuditNode *node, const RigHasher *hasher)
{
	MemoryContext rows = AllocSetContextCreate(CurrentMemoryContext, "rigalpha audit retention", ALLOCSET_DEFAULT_SIZES);
	MemoryContext scratch = AllocSetContextCreate(rows, "rigalpha audit entry", ALLOCSET_DEFAULT_SIZES);
	RigAuditEntry entry;
	RigArena	arena;

	memset(authorities, 0, sizeof(*authorities));
	rig_arena_init(&arena, rig_context_allocator(scratch), 0);
	if (SPI_execute("SELECT e.id, l.chain::bigint, l.seq, l.epoch::bigint, l.prev, l.link, e.payload FROM rigalpha.audit_entries e"
					" JOIN rigalpha.audit_links l ON l.entry_id = e.id WHERE e.kind = 13 ORDER BY e.id", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the audit log could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
		if (read_entry(&entry, &arena, node, hasher, SPI_tuptable->vals[i], SPI_tuptable->tupdesc))
			add_entry(authorities, &entry);
	SPI_freetuptable(SPI_tuptable);
	MemoryContextDelete(rows);
	if (authorities->count > 0)
		qsort(authorities->ranges, authorities->count, sizeof(RigAuditRange), compare_ranges);
}

static bool
allows(const RigAuditRange *range, int32 chain, int64 seq, int64 entry_id)
{
	/* Only what was there when the retention wrote its entry. */
	return range->chain == chain && range->first <= seq && seq <= range->last && entry_id < range->entry_id;
}

const RigAuditRange *
rig_audit_authority(RigAuditAuthorities *authorities, int32 chain, int64 seq, int64 entry_id)
{
	/* Neighbours go by the same right, as a rule. */
	if (authorities->last < authorities->count && !authorities->ranges[authorities->last].is_redacted &&
		allows(&authorities->ranges[authorities->last], chain, seq, entry_id))
		return &authorities->ranges[authorities->last];
	for (int i = 0; i < authorities->count; i++)
		if (allows(&authorities->ranges[i], chain, seq, entry_id))
		{
			authorities->last = i;
			return &authorities->ranges[i];
		}
	return NULL;
}
