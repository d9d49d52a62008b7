/*
 * What may go from the log: entries of which the caller has shown to have a copy, and single ones that must be
 * erased. Each time an entry says so first, and the links stay, so that what is missing otherwise shows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "pg_compat.h"

#define BATCH 1000
#define HEADER "chain,seq,epoch,entry_id,payload_hex,prev_hex,leaf_hex,link_hex,idx\n"

RIG_SQL_FUNCTION(rig_audit_segment_hash);
RIG_SQL_FUNCTION(rig_audit_prune);
RIG_SQL_FUNCTION(rig_audit_redact);

static bool is_erasing = false;

bool
rig_audit_may_erase(const TriggerData *data)
{
	return is_erasing && !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) &&
		strcmp(RelationGetRelationName(data->tg_relation), "audit_entries") == 0;
}

/* Runs a statement that changes entries, which the triggers refuse but here. Returns how many. */
static uint64
erase(const char *statement, Oid type, Datum value)
{
	volatile int result = 0;

	is_erasing = true;
	PG_TRY();
	{
		result = SPI_execute_with_args(statement, 1, &type, &value, NULL, false, 0);
	}
	PG_FINALLY();
	{
		is_erasing = false;
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "entries could not be erased");
	return SPI_processed;
}

/* A query that has one row, in the snapshot of the caller. */
static void
query_row(const char *query, Oid type, Datum value)
{
	if (SPI_execute_with_args(query, 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "the audit log could not be read");
}

static int64
query_number(const char *query, Oid type, Datum value, bool *isnull)
{
	query_row(query, type, value);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull));
}

static void
require_admin_and_node(void)
{
	RigAuditNode node;

	if (SPI_execute("SELECT rigalpha.require_admin()", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "rights could not be checked");
	rig_audit_require_node(&node);
	/* Two at a time would say that they erase the same; those who write entries do not wait. */
	if (SPI_execute("LOCK TABLE rigalpha.audit_entries IN SHARE UPDATE EXCLUSIVE MODE", false, 0) < 0)
		elog(ERROR, "the audit log could not be locked");
}

/* Numbers and hexadecimal digits need no quotes in CSV; what is empty has them, to differ from NULL. */
static void
append_csv(StringInfo csv, HeapTuple row, TupleDesc columns)
{
	for (int i = 1; i <= columns->natts; i++)
	{
		char	   *value = SPI_getvalue(row, columns, i);

		if (i > 1)
			appendStringInfoChar(csv, ',');
		if (value != NULL)
			appendStringInfoString(csv, value[0] == '\0' ? "\"\"" : value);
	}
	appendStringInfoChar(csv, '\n');
}

/* SHA-256 of the segment as COPY writes it, in the snapshot of the caller. Returns how many entries it has. */
static uint64
hash_segment(TimestampTz before, uint8 *digest)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(before)};
	Portal		portal = SPI_cursor_open_with_args(NULL, "SELECT * FROM rigalpha.audit_segment($1)", 1, types, values, NULL,
												   true, 0);
	pg_cryptohash_ctx *hash = rig_audit_stream_begin();
	StringInfoData csv;
	uint64		count = 0;
	uint64		fetched;

	initStringInfo(&csv);
	appendStringInfoString(&csv, HEADER);
	do
	{
		MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "rigalpha audit segment", ALLOCSET_DEFAULT_SIZES);
		MemoryContext caller;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, BATCH);
		fetched = SPI_processed;
		count += fetched;
		caller = MemoryContextSwitchTo(batch);
		for (uint64 i = 0; i < fetched; i++)
		{
			append_csv(&csv, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
			rig_audit_stream_add(hash, csv.data, csv.len);
			resetStringInfo(&csv);
		}
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(batch);
		SPI_freetuptable(SPI_tuptable);
	} while (fetched > 0);
	/* The header alone, when there is nothing else. */
	rig_audit_stream_add(hash, csv.data, csv.len);
	rig_audit_stream_end(hash, digest);
	SPI_cursor_close(portal);
	return count;
}

Datum
rig_audit_segment_hash(PG_FUNCTION_ARGS)
{
	uint8		digest[RIG_DIGEST_SIZE];

	SPI_connect();
	hash_segment(PG_GETARG_TIMESTAMPTZ(0), digest);
	SPI_finish();
	return rig_audit_hash_datum(digest);
}

static const char checkpoint_query[] =
"SELECT CASE WHEN c.size IS NULL OR rigalpha.audit_root(c.size) = c.root THEN c.size ELSE -1 END"
" FROM (SELECT $1 AS before) b LEFT JOIN LATERAL (SELECT k.size, k.root FROM rigalpha.audit_checkpoints k"
" JOIN rigalpha.node n ON n.epoch = k.epoch ORDER BY k.size DESC LIMIT 1) c ON true";

static const char changed_query[] =
"SELECT count(*) FROM rigalpha.audit_segment($1) s"
" WHERE s.payload_hex <> '' AND encode(sha256('\\x00'::bytea || decode(s.payload_hex, 'hex')), 'hex') <> s.leaf_hex";

/* What goes, so that the caller has a copy of just this, and nothing goes that was changed. */
static uint64
check_segment(TimestampTz before, bytea *expected, int64 *size)
{
	Datum		value = TimestampTzGetDatum(before);
	uint8		digest[RIG_DIGEST_SIZE];
	bool		has_none;
	uint64		count;

	*size = query_number(checkpoint_query, TIMESTAMPTZOID, value, &has_none);
	if (!has_none && *size < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the audit log is not the one that its newest checkpoint is of"),
				 errhint("Look at audit_verify(checkpoint => …).")));
	count = hash_segment(before, digest);
	if (has_none || count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no entry of the audit log is older than %s and covered by a checkpoint of this epoch",
						timestamptz_to_str(before)),
				 errhint("Entries are covered once rigalpha-web has signed a checkpoint behind them.")));
	if (VARSIZE_ANY_EXHDR(expected) != RIG_DIGEST_SIZE || memcmp(VARDATA_ANY(expected), digest, RIG_DIGEST_SIZE) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the hash is not that of the segment, which has " UINT64_FORMAT " entries", count),
				 errhint("Export audit_segment() again, and give the SHA-256 of the file. A time that is older than the newest"
						 " checkpoint has a segment that stays the same.")));
	if (query_number(changed_query, TIMESTAMPTZOID, value, &has_none) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("entries of the segment were changed"),
				 errhint("Look at audit_verify(). They are evidence, and are not deleted.")));
	return count;
}

/* The places that go, per chain: "chain 7" = "1-40 42-50". Both verifiers read this. */
#define RANGES \
	"SELECT array_agg('chain ' || c.chain ORDER BY c.chain) AS names, array_agg(c.ranges ORDER BY c.chain) AS ranges" \
	" FROM (SELECT r.chain, string_agg(r.first || '-' || r.last, ' ' ORDER BY r.first) AS ranges" \
	" FROM (SELECT s.chain, min(s.seq) AS first, max(s.seq) AS last" \
	" FROM (SELECT g.chain, g.seq, g.seq - row_number() OVER (PARTITION BY g.chain ORDER BY g.seq) AS island" \
	" FROM rigalpha.audit_segment($1) g) s GROUP BY s.chain, s.island) r GROUP BY r.chain) c"

static void
write_prune_entry(TimestampTz before, uint64 count, bytea *hash, int64 size)
{
	Oid			types[] = {TIMESTAMPTZOID, INT8OID, BYTEAOID, INT8OID};
	Datum		values[] = {TimestampTzGetDatum(before), Int64GetDatum((int64) count), PointerGetDatum(hash),
	Int64GetDatum(size)};

	if (SPI_execute_with_args("SELECT rigalpha.audit_event('retention', 'retention', 'prune', NULL, 'rigalpha', 'audit_entries', NULL,"
							  " ARRAY['before', 'entries', 'segment_sha256', 'checkpoint_size'] || p.names,"
							  " ARRAY[$1::text, $2::text, encode($3, 'hex'), $4::text] || p.ranges) FROM (" RANGES ") p",
							  lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "the entry of the retention could not be written");
}

Datum
rig_audit_prune(PG_FUNCTION_ARGS)
{
	TimestampTz before = PG_GETARG_TIMESTAMPTZ(0);
	bytea	   *expected = PG_GETARG_BYTEA_PP(1);
	int64		size;
	uint64		count;
	uint64		erased;

	SPI_connect();
	require_admin_and_node();
	count = check_segment(before, expected, &size);
	write_prune_entry(before, count, expected, size);
	erased = erase("DELETE FROM rigalpha.audit_entries e USING rigalpha.audit_segment($1) s WHERE e.id = s.entry_id",
				   TIMESTAMPTZOID, TimestampTzGetDatum(before));
	/* Another checkpoint was stored, or somebody else was here, since this statement began. */
	if (erased != count)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the segment has changed in the meantime"),
				 errhint("Export it again.")));
	SPI_finish();
	PG_RETURN_INT64((int64) count);
}

static const char entry_query[] =
"SELECT CASE WHEN e.id IS NULL THEN 1 WHEN l.entry_id IS NULL THEN 2 WHEN e.kind = 13 THEN 3 WHEN e.payload = '' THEN 4 ELSE 0 END::bigint"
" FROM (SELECT $1 AS id) w LEFT JOIN rigalpha.audit_entries e ON e.id = w.id LEFT JOIN rigalpha.audit_links l ON l.entry_id = e.id";

static void
check_redactable(int64 entry_id)
{
	static const char *const refusals[] = {
		NULL, "does not exist", "is not linked yet", "is one of the retention, which stay", "is erased already"
	};
	bool		isnull;
	int64		refusal = query_number(entry_query, INT8OID, Int64GetDatum(entry_id), &isnull);

	if (refusal != 0)
		ereport(ERROR,
				(errcode(refusal == 1 ? ERRCODE_NO_DATA_FOUND : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("audit entry " INT64_FORMAT " %s", entry_id, refusals[refusal])));
}

Datum
rig_audit_redact(PG_FUNCTION_ARGS)
{
	int64		entry_id = PG_GETARG_INT64(0);
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};

	SPI_connect();
	require_admin_and_node();
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1)) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an erasure needs a reason")));
	check_redactable(entry_id);
	if (SPI_execute_with_args("SELECT rigalpha.audit_event('retention', 'retention', 'redact', left($2, 2000), 'rigalpha', 'audit_entries', NULL,"
							  " ARRAY['entry', 'chain ' || l.chain], ARRAY[$1::text, l.seq || '-' || l.seq])"
							  " FROM rigalpha.audit_links l WHERE l.entry_id = $1",
							  lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "the entry of the erasure could not be written");
	if (erase("UPDATE rigalpha.audit_entries SET payload = '' WHERE id = $1", INT8OID, Int64GetDatum(entry_id)) != 1)
		elog(ERROR, "an entry could not be erased");
	SPI_finish();
	PG_RETURN_VOID();
}
