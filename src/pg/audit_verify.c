/* Checks the log: every hash is computed again from what is stored, and every link compared with its neighbour. */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "audit_authority.h"
#include "audit_problem.h"
#include "context_arena.h"
#include "pg_compat.h"

/* Rows that are fetched at a time. */
#define BATCH 1000

/*
 * Entries are numbered when they are written and linked when they are committed, and a process may
 * pause between reading the clock and taking its number: only more than this is a clock that went back.
 */
#define CLOCK_TOLERANCE_US INT64CONST(60000000)

/* Columns of the query. */
enum
{
	CHAIN,
	SEQ,
	EPOCH,
	ENTRY_ID,
	PREV,
	LEAF,
	LINK,
	LABEL,
	COLUMNS
};

/* Columns of audit_entries. */
enum
{
	ENTRY_EPOCH = 2,
	ENTRY_CHAIN = 3,
	ENTRY_PAYLOAD = 7,
	ENTRY_LEAF = 8
};

typedef struct Verifier
{
	ReturnSetInfo *result;
	RigHasher	hasher;
	RigAuditNode node;
	MemoryContext per_batch;
	RigArena	arena;
	Relation	entries;
	Relation	entry_key;
	IndexScanDesc entry_scan;
	TupleTableSlot *entry;
	int64		from_seq;		/* the first of each chain that is checked */
	int64		found;			/* entries that have a link */

	/* The link before the current one. */
	bool		has_last;
	int32		chain;
	int32		epoch;
	int64		seq;
	int64		entry_id;
	int64		at;
	uint8		link[32];

	/* Entries that may be missing, and those missing one after the other that were passed last. */
	RigAuditAuthorities authorities;
	const RigAuditRange *gone;	/* NULL = none */
	RigAuditPlace gone_from;
	int64		gone_to;
} Verifier;

typedef struct Row
{
	int32		chain;
	int64		seq;
	int32		epoch;
	int64		entry_id;
	const uint8 *prev;
	const uint8 *leaf;
	const uint8 *link;
	RigAuditText label;
	bool		has_entry;
	int32		entry_epoch;
	int32		entry_chain;
	const uint8 *payload;
	size_t		payload_size;
	const uint8 *entry_leaf;
} Row;

RIG_SQL_FUNCTION(rig_audit_verify);

char *
rig_audit_hex(const uint8 *hash)
{
	char	   *text = palloc(65);

	text[hex_encode((const char *) hash, 32, text)] = '\0';
	return text;
}

void
rig_audit_report(ReturnSetInfo *result, const char *problem, const RigAuditPlace *place, const char *expected,
				 const char *found)
{
	Datum		values[6] = {CStringGetTextDatum(problem), Int32GetDatum(place->chain), Int64GetDatum(place->seq),
	Int64GetDatum(place->entry_id)};
	bool		nulls[6] = {false, place->seq == 0 && place->entry_id == 0, place->seq == 0, place->entry_id == 0,
	expected == NULL, found == NULL};

	if (expected != NULL)
		values[4] = CStringGetTextDatum(expected);
	if (found != NULL)
		values[5] = CStringGetTextDatum(found);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
report(Verifier *v, const char *problem, const Row *row, const char *expected, const char *found)
{
	RigAuditPlace place = {.chain = row->chain, .seq = row->seq, .entry_id = row->entry_id};

	rig_audit_report(v->result, problem, &place, expected, found);
}

static void
report_hashes(Verifier *v, const char *problem, const Row *row, const uint8 *expected, const uint8 *found)
{
	if (memcmp(expected, found, 32) != 0)
		report(v, problem, row, rig_audit_hex(expected), rig_audit_hex(found));
}

static const uint8 *
hash_of(const Datum *values, const bool *nulls, int column)
{
	static const uint8 none[RIG_DIGEST_SIZE] = {0};

	/* The tables check lengths; a hash that has another one all the same equals none. */
	if (nulls[column] || VARSIZE_ANY_EXHDR(DatumGetPointer(values[column])) != RIG_DIGEST_SIZE)
		return none;
	return (const uint8 *) VARDATA_ANY(DatumGetPointer(values[column]));
}

static Row
read_row(HeapTuple tuple, TupleDesc columns)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	Row			row = {0};

	heap_deform_tuple(tuple, columns, values, nulls);
	row.chain = DatumGetInt32(values[CHAIN]);
	row.seq = DatumGetInt64(values[SEQ]);
	row.epoch = DatumGetInt32(values[EPOCH]);
	row.entry_id = DatumGetInt64(values[ENTRY_ID]);
	row.prev = hash_of(values, nulls, PREV);
	row.leaf = hash_of(values, nulls, LEAF);
	row.link = hash_of(values, nulls, LINK);
	row.label = (RigAuditText) {.length = -1};
	if (!nulls[LABEL])
		row.label = (RigAuditText) {
			.bytes = VARDATA_ANY(DatumGetPointer(values[LABEL])),
			.length = (int32) VARSIZE_ANY_EXHDR(DatumGetPointer(values[LABEL]))
		};
	return row;
}

/* The entry of a link, whose texts are valid until the next one is looked for. */
static void
find_entry(Verifier *v, Row *row)
{
	TupleTableSlot *slot = v->entry;
	struct varlena *payload;
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(row->entry_id));
	index_rescan(v->entry_scan, &key, 1, NULL, 0);
	row->has_entry = index_getnext_slot(v->entry_scan, ForwardScanDirection, slot);
	if (!row->has_entry)
		return;
	v->found++;
	slot_getallattrs(slot);
	row->entry_epoch = DatumGetInt32(slot->tts_values[ENTRY_EPOCH - 1]);
	row->entry_chain = DatumGetInt32(slot->tts_values[ENTRY_CHAIN - 1]);
	row->entry_leaf = hash_of(slot->tts_values, slot->tts_isnull, ENTRY_LEAF - 1);
	payload = PG_DETOAST_DATUM_PACKED(slot->tts_values[ENTRY_PAYLOAD - 1]);
	row->payload = (const uint8 *) VARDATA_ANY(payload);
	row->payload_size = VARSIZE_ANY_EXHDR(payload);
}

static void
open_entries(Verifier *v)
{
	Oid			key;

	v->entries = table_open(get_relname_relid("audit_entries", get_namespace_oid("rigalpha", false)), AccessShareLock);
	key = RelationGetPrimaryKeyIndex(v->entries);
	if (!OidIsValid(key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the primary key of the audit log is missing"),
				 errdetail("Nobody but a superuser could have dropped it.")));
	v->entry_key = index_open(key, AccessShareLock);
	v->entry_scan = rig_index_beginscan(v->entries, v->entry_key, GetActiveSnapshot(), 1);
	v->entry = table_slot_create(v->entries, NULL);
}

static void
close_entries(Verifier *v)
{
	index_endscan(v->entry_scan);
	ExecDropSingleTupleTableSlot(v->entry);
	index_close(v->entry_key, AccessShareLock);
	table_close(v->entries, AccessShareLock);
}

/* What a link follows: the one before it, or what begins its chain in its epoch. */
static void
check_place(Verifier *v, const Row *row)
{
	bool		same_chain = v->has_last && v->chain == row->chain;
	bool		begins = !same_chain || v->epoch != row->epoch;
	int64		wanted = same_chain ? v->seq + 1 : v->from_seq;
	RigAuditChain place = rig_audit_chain(&v->node, row->epoch, row->chain);
	uint8		prev[32];

	if (same_chain && row->seq == v->seq)
		report(v, "FORK", row, NULL, NULL);
	else if (row->seq != wanted)
		report(v, "SEQ_GAP", row, psprintf(INT64_FORMAT, wanted), psprintf(INT64_FORMAT, row->seq));
	if (same_chain && row->epoch < v->epoch)
		report(v, "EPOCH_BREAK", row, psprintf("%d", v->epoch), psprintf("%d", row->epoch));
	/* After a gap what it follows is not there to compare with. */
	if (row->seq != wanted || (!same_chain && wanted > 1))
		return;
	if (!begins)
	{
		report_hashes(v, "PREV_MISMATCH", row, v->link, row->prev);
		return;
	}
	if (row->label.length < 0)
	{
		report(v, "EPOCH_BREAK", row, "a label of the chain", NULL);
		return;
	}
	rig_audit_genesis(&v->hasher, &place, row->label, same_chain ? v->link : NULL, prev);
	report_hashes(v, "EPOCH_BREAK", row, prev, row->prev);
}

/* Reports the entries that were passed last and are missing by right, as one row. */
static void
report_gone(Verifier *v)
{
	if (v->gone != NULL)
		rig_audit_report(v->result, v->gone->is_redacted ? "REDACTED" : "PRUNED", &v->gone_from,
						 psprintf(INT64_FORMAT "-" INT64_FORMAT, v->gone_from.seq, v->gone_to),
						 psprintf(INT64_FORMAT, v->gone->entry_id));
	v->gone = NULL;
}

/* Whether the entry of a link is missing, or empty, by right. */
static bool
is_gone(Verifier *v, const Row *row)
{
	const RigAuditRange *range;

	if (row->has_entry && row->payload_size > 0)
		return false;
	range = rig_audit_authority(&v->authorities, row->chain, row->seq, row->entry_id);
	if (range == NULL)
		return false;
	if (v->gone == NULL || v->gone->entry_id != range->entry_id || v->gone_from.chain != row->chain ||
		row->seq != v->gone_to + 1)
	{
		report_gone(v);
		v->gone = range;
		v->gone_from = (RigAuditPlace) {
			.chain = row->chain, .seq = row->seq
		};
	}
	v->gone_to = row->seq;
	return true;
}

static void
check_entry(Verifier *v, const Row *row)
{
	RigAuditEntry entry;
	uint8		leaf[32];

	if (is_gone(v, row))
		return;
	report_gone(v);
	if (!row->has_entry)
	{
		report(v, "ORPHAN_LINK", row, NULL, NULL);
		return;
	}
	rig_audit_leaf(&v->hasher, row->payload, row->payload_size, leaf);
	if (memcmp(leaf, row->leaf, 32) != 0)
		report_hashes(v, "PAYLOAD_HASH", row, row->leaf, leaf);
	else
		report_hashes(v, "PAYLOAD_HASH", row, row->leaf, row->entry_leaf);
	rig_arena_reset(&v->arena);
	if (rig_audit_entry_decode(&entry, &v->arena, row->payload, row->payload_size) != RIG_OK)
	{
		report(v, "BAD_DECODE", row, NULL, NULL);
		return;
	}
	if (entry.entry_id != (uint64) row->entry_id || entry.chain != (uint32) row->chain ||
		entry.epoch != (uint32) row->epoch || row->entry_chain != row->chain || row->entry_epoch != row->epoch ||
		memcmp(entry.log_id, v->node.log_id, sizeof(entry.log_id)) != 0)
		report(v, "BAD_DECODE", row, psprintf(UINT64_FORMAT, entry.entry_id), psprintf(INT64_FORMAT, row->entry_id));
	if (v->has_last && v->chain == row->chain && row->entry_id > v->entry_id && entry.at < v->at - CLOCK_TOLERANCE_US)
		report(v, "TIME_BACKWARD", row, NULL, NULL);
	v->at = entry.at;
	v->entry_id = row->entry_id;
}

static void
check_row(Verifier *v, const Row *row)
{
	RigAuditChain place = rig_audit_chain(&v->node, row->epoch, row->chain);
	uint8		link[32];

	check_place(v, row);
	rig_audit_link(&v->hasher, &place, (uint64) row->seq, row->prev, row->leaf, link);
	report_hashes(v, "LINK_HASH", row, link, row->link);
	check_entry(v, row);
}

/* What the next link is compared with; the link before a range is taken as it is. */
static void
remember(Verifier *v, const Row *row)
{
	v->has_last = true;
	v->chain = row->chain;
	v->epoch = row->epoch;
	v->seq = row->seq;
	memcpy(v->link, row->link, 32);
}

static const char links_query[] =
"SELECT l.chain, l.seq, l.epoch, l.entry_id, l.prev, l.leaf, l.link, c.label"
" FROM rigalpha.audit_links l LEFT JOIN rigalpha.audit_chains c ON c.chain = l.chain"
" WHERE ($1 IS NULL OR l.chain = $1) AND l.seq BETWEEN $2 - 1 AND $3 ORDER BY l.chain, l.seq";

static void
check_links(Verifier *v, Datum *values, const char *nulls)
{
	Oid			types[] = {INT4OID, INT8OID, INT8OID};
	Portal		portal = SPI_cursor_open_with_args(NULL, links_query, lengthof(types), types, values, nulls, true, 0);

	do
	{
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, BATCH);
		old = MemoryContextSwitchTo(v->per_batch);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Row			row = read_row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);

			if (row.seq >= v->from_seq)
			{
				find_entry(v, &row);
				check_row(v, &row);
			}
			remember(v, &row);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(v->per_batch);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

/* Entries of the chains that are not of this transaction, which links its own when it commits. */
#define ENTRIES "rigalpha.audit_entries e WHERE ($1 IS NULL OR e.chain = $1)" \
	" AND e.xact IS DISTINCT FROM pg_current_xact_id_if_assigned()"

static void
query_entries(const char *query, Datum *values, const char *nulls)
{
	Oid			types[] = {INT4OID};

	if (SPI_execute_with_args(query, 1, types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the audit log could not be read");
}

/*
 * Entries are linked when they are committed, so one without a link was not written by the log. They
 * are only looked for when there are more entries than links have.
 */
static void
find_unlinked(Verifier *v, Datum *values, const char *nulls)
{
	bool		isnull;

	query_entries("SELECT count(*) FROM " ENTRIES, values, nulls);
	if (DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) <= v->found)
		return;
	query_entries("SELECT e.chain, e.id FROM " ENTRIES
				  " AND NOT EXISTS (SELECT FROM rigalpha.audit_links l WHERE l.entry_id = e.id) ORDER BY e.id", values, nulls);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Row			row = {0};

		row.chain = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		row.entry_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		report(v, "UNLINKED_ENTRY", &row, NULL, NULL);
	}
}

/*
 * audit_verify(chain, from_seq, to_seq, checkpoint): problems of one chain, or of all (NULL), in one snapshot; no row
 * when there are none. A range is checked from the link before it on, which is taken as it is.
 */
Datum
rig_audit_verify(PG_FUNCTION_ARGS)
{
	Verifier	v = {.result = (ReturnSetInfo *) fcinfo->resultinfo, .hasher = rig_audit_hasher_begin()};
	bool		whole = (PG_ARGISNULL(1) || PG_GETARG_INT64(1) <= 1) && PG_ARGISNULL(2);
	Datum		values[3] = {PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0)};
	const char *nulls = PG_ARGISNULL(0) ? "n  " : NULL;
	MemoryContext arena_context;

	InitMaterializedSRF(fcinfo, 0);
	rig_audit_require_node(&v.node);
	v.from_seq = PG_ARGISNULL(1) ? 1 : Max(PG_GETARG_INT64(1), 1);
	values[1] = Int64GetDatum(v.from_seq);
	values[2] = PG_ARGISNULL(2) ? Int64GetDatum(PG_INT64_MAX) : PG_GETARG_DATUM(2);
	v.per_batch = AllocSetContextCreate(CurrentMemoryContext, "rigalpha audit rows", ALLOCSET_DEFAULT_SIZES);
	arena_context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha audit entry", ALLOCSET_DEFAULT_SIZES);
	rig_arena_init(&v.arena, rig_context_allocator(arena_context), 0);
	SPI_connect();
	rig_audit_authorities(&v.authorities, &v.node, &v.hasher);
	open_entries(&v);
	check_links(&v, values, nulls);
	report_gone(&v);
	close_entries(&v);
	if (whole)
		find_unlinked(&v, values, nulls);
	if (!PG_ARGISNULL(3))
		rig_audit_verify_checkpoint(v.result, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	SPI_finish();
	rig_audit_hasher_end(&v.hasher);
	MemoryContextDelete(v.per_batch);
	MemoryContextDelete(arena_context);
	return (Datum) 0;
}
