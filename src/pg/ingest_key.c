/*
 * Requests that act once. Their key is stored before the readings, in the order of the keys: who
 * comes second waits for the first, and gets its answer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "audit.h"
#include "ingest.h"
#include "kept_plan.h"

/*
 * SHA-256 over the payloads, their lengths, so that no other division of the bytes is the same, and their
 * formats, which give the bytes their meaning.
 */
static void
hash_request(const IngestBatch *batch, IngestKey *key)
{
	RigHasher	hasher = rig_audit_hasher();
	RigBytes   *parts = palloc(3 * key->count * sizeof(RigBytes));
	uint32	   *lengths = palloc(key->count * sizeof(uint32));

	for (int32 i = 0; i < key->count; i++)
	{
		const struct varlena *payload = batch->payloads[key->first + i];
		uint32		length = payload == NULL ? 0 : VARSIZE_ANY_EXHDR(payload);
		const char *format;

		lengths[i] = pg_hton32(length);
		format = rig_format_name(rig_ingest_format(batch, key->first + i));
		parts[3 * i] = (RigBytes) {&lengths[i], sizeof(lengths[i])};
		parts[3 * i + 1] = (RigBytes) {payload == NULL ? "" : VARDATA_ANY(payload), length};
		parts[3 * i + 2] = (RigBytes) {format, strlen(format) + 1};
	}
	hasher.sha256(hasher.context, parts, 3 * key->count, key->sha256);
	pfree(parts);
	pfree(lengths);
}

static int
compare_keys(const void *a, const void *b)
{
	const IngestKey *x = *(IngestKey *const *) a;
	const IngestKey *y = *(IngestKey *const *) b;
	int			order = strcmp(x->token_id, y->token_id);

	if (order == 0)
		order = strcmp(x->key, y->key);
	return order != 0 ? order : (x->first > y->first) - (x->first < y->first);
}

/* Refuses all payloads; what is counted already gets its count here. */
static void
refuse_request(IngestBatch *batch, const IngestKey *key, bool counted)
{
	for (int32 i = key->first; i < key->first + key->count; i++)
	{
		rig_ingest_refuse(batch, i, -1, RIG_REASON_KEY_REUSED,
						  "the key came before with another body")->dead_letter = false;
		batch->counts[i].rejected += counted;
	}
}

/* Gives the request the answer of the row at hand, which claim_ingest_key() returned. */
static void
take_answer(IngestBatch *batch, const IngestKey *key, MemoryContext context)
{
	MemoryContext caller;
	ArrayType  *verdicts;
	const int16 *numbers;
	char	   *errors;
	bool		isnull;
	Datum		array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);

	if (isnull)
		elog(ERROR, "the stored request has no answer");
	verdicts = DatumGetArrayTypeP(array);
	if (ArrayGetNItems(ARR_NDIM(verdicts), ARR_DIMS(verdicts)) != 4 * key->count || ARR_HASNULL(verdicts))
		elog(ERROR, "the stored answer does not match the request");
	numbers = (const int16 *) ARR_DATA_PTR(verdicts);
	for (int32 i = 0; i < key->count; i++)
		batch->counts[key->first + i] = (IngestCounts) {
			.accepted = numbers[4 * i], .merged = numbers[4 * i + 1], .duplicates = numbers[4 * i + 2],
			.rejected = numbers[4 * i + 3]
		};
	errors = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4);
	if (errors == NULL)
		return;
	caller = MemoryContextSwitchTo(context);
	/* Without the brackets, for the list that it becomes part of. */
	batch->stored_errors = lappend(batch->stored_errors, pnstrdup(errors + 1, strlen(errors) - 2));
	MemoryContextSwitchTo(caller);
}

/* Claims a key, or takes over what came before with it. */
static void
claim(IngestBatch *batch, IngestKey *key, MemoryContext context)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID, BYTEAOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(key->token_id), CStringGetTextDatum(key->key),
	rig_audit_hash_datum(key->sha256), Int32GetDatum(key->first)};
	bool		counted = key->state == INGEST_KEY_COPY;
	bool		isnull;

	rig_keep_plan(&plan, "SELECT claimed, same, verdicts, errors FROM rigalpha.claim_ingest_key($1, $2, $3, $4)", 4, types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a key could not be claimed");
	if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
		key->state = INGEST_KEY_CLAIMED;
	else
	{
		key->state = INGEST_KEY_DONE;
		if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull)))
			take_answer(batch, key, context);
		else
		{
			MemoryContext caller = MemoryContextSwitchTo(context);

			refuse_request(batch, key, counted);
			MemoryContextSwitchTo(caller);
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Requests by key, those with the same one in the order of the batch. */
static IngestKey **
sort_keys(const IngestBatch *batch)
{
	IngestKey **sorted = palloc(batch->key_count * sizeof(IngestKey *));

	for (int32 i = 0; i < batch->key_count; i++)
		sorted[i] = &batch->keys[i];
	qsort(sorted, batch->key_count, sizeof(IngestKey *), compare_keys);
	return sorted;
}

static void
skip_payloads(IngestBatch *batch, const IngestKey *key)
{
	for (int32 i = key->first; i < key->first + key->count; i++)
		batch->payloads[i] = NULL;
}

void
rig_ingest_claim_keys(IngestBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	IngestKey **sorted;
	const IngestKey *last = NULL;

	for (int32 i = 0; i < batch->key_count; i++)
	{
		IngestKey  *key = &batch->keys[i];
		const IngestDevice *device = batch->devices == NULL ? NULL : batch->devices[key->first];

		key->token_id = "";
		if (device != NULL && device->refusal != RIG_REASON_NONE)
			key->state = INGEST_KEY_DONE;
		else
		{
			key->state = INGEST_KEY_CLAIMED;
			key->token_id = device == NULL ? "" : device->token_id;
			hash_request(batch, key);
		}
	}
	sorted = sort_keys(batch);
	SPI_connect();
	for (int32 i = 0; i < batch->key_count; i++)
	{
		IngestKey  *key = sorted[i];

		if (key->state == INGEST_KEY_DONE)
			continue;
		if (last != NULL && strcmp(last->token_id, key->token_id) == 0 && strcmp(last->key, key->key) == 0)
			key->state = INGEST_KEY_COPY;
		else
		{
			last = key;
			claim(batch, key, context);
		}
		if (key->state != INGEST_KEY_CLAIMED)
			skip_payloads(batch, key);
	}
	SPI_finish();
}

static int
compare_refusals(const void *a, const void *b)
{
	const IngestRefusal *x = *(IngestRefusal *const *) a;
	const IngestRefusal *y = *(IngestRefusal *const *) b;

	if (x->payload != y->payload)
		return x->payload < y->payload ? -1 : 1;
	return (x > y) - (x < y);
}

/* The refusals of the payloads of one request, out of all sorted by payload from *next on. */
static char *
errors_of(const IngestBatch *batch, const IngestKey *key, IngestRefusal **sorted, int32 *next, bool *over_quota)
{
	StringInfoData out;

	*over_quota = false;
	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (; *next < batch->refusal_count && sorted[*next]->payload < key->first + key->count; (*next)++)
	{
		const IngestRefusal *refusal = sorted[*next];

		if (refusal->payload < key->first || refusal->omitted)
			continue;
		*over_quota |= refusal->reason == RIG_REASON_QUOTA;
		if (out.len > 1)
			appendStringInfoChar(&out, ',');
		rig_ingest_append_error(&out, refusal, key->first);
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

static void
store_answer(const IngestBatch *batch, const IngestKey *key, const char *errors)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID, INT2ARRAYOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(key->token_id), CStringGetTextDatum(key->key),
	rig_ingest_verdicts(batch, key->first, key->count), CStringGetTextDatum(errors)};

	rig_keep_plan(&plan, "UPDATE rigalpha.ingest_keys SET verdicts = $3, errors = $4::jsonb"
				  " WHERE token_id = $1 AND key = $2", 4, types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_UPDATE || SPI_processed != 1)
		elog(ERROR, "the answer to a request could not be stored");
}

static void
forget_key(const IngestKey *key)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(key->token_id), CStringGetTextDatum(key->key)};

	rig_keep_plan(&plan, "DELETE FROM rigalpha.ingest_keys WHERE token_id = $1 AND key = $2", 2, types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "a key could not be forgotten");
}

static bool
took_anything(const IngestBatch *batch, const IngestKey *key)
{
	for (int32 i = key->first; i < key->first + key->count; i++)
		if (batch->counts[i].accepted + batch->counts[i].merged + batch->counts[i].duplicates > 0)
			return true;
	return false;
}

/*
 * What a quota refused as a whole, or an atomic batch took back, may come again with its key. The
 * key is forgotten last, so that a repetition in the same batch still finds the answer.
 */
void
rig_ingest_settle_keys(IngestBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	IngestRefusal **sorted = palloc(Max(batch->refusal_count, 1) * sizeof(IngestRefusal *));
	bool	   *forget = palloc0(batch->key_count * sizeof(bool));
	int32		next = 0;

	for (int32 i = 0; i < batch->refusal_count; i++)
		sorted[i] = &batch->refusals[i];
	qsort(sorted, batch->refusal_count, sizeof(IngestRefusal *), compare_refusals);
	SPI_connect();
	for (int32 i = 0; i < batch->key_count; i++)
	{
		IngestKey  *key = &batch->keys[i];
		bool		over_quota;
		char	   *errors;

		if (key->state != INGEST_KEY_CLAIMED)
			continue;
		errors = errors_of(batch, key, sorted, &next, &over_quota);
		store_answer(batch, key, errors);
		pfree(errors);
		forget[i] = batch->undone || (over_quota && !took_anything(batch, key));
	}
	for (int32 i = 0; i < batch->key_count; i++)
		if (batch->keys[i].state == INGEST_KEY_COPY)
			claim(batch, &batch->keys[i], context);
	for (int32 i = 0; i < batch->key_count; i++)
		if (forget[i])
			forget_key(&batch->keys[i]);
	SPI_finish();
}
