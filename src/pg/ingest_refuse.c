#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "settings.h"

#define MAX_TEXT 200	/* bytes of a sender's key that are repeated in a message */

/* Refused readings of one payload that get a letter each; what is beyond shares one. */
#define MAX_LETTERS 100

IngestRefusal *
rig_ingest_refuse(IngestBatch *batch, int32 payload, int32 reading, RigReason reason, const char *detail)
{
	IngestRefusal *refusal;

	if (batch->refusals == NULL)
	{
		batch->refusal_capacity = 64;
		batch->refusals = palloc(batch->refusal_capacity * sizeof(IngestRefusal));
	}
	if (batch->refusal_count == batch->refusal_capacity)
	{
		batch->refusal_capacity *= 2;
		batch->refusals = repalloc_huge(batch->refusals, batch->refusal_capacity * sizeof(IngestRefusal));
	}
	refusal = &batch->refusals[batch->refusal_count++];
	memset(refusal, 0, sizeof(*refusal));
	refusal->payload = payload;
	refusal->reading = reading;
	refusal->reason = reason;
	refusal->dead_letter = true;
	refusal->reading_refused = true;
	refusal->detail = detail == NULL ? NULL : pstrdup(detail);
	return refusal;
}

char *
rig_ingest_cut_text(const char *text, int32 length)
{
	return pnstrdup(text, length <= MAX_TEXT ? length : pg_mbcliplen(text, length, MAX_TEXT));
}

static void
set_text(Datum *value, char *null, const char *text)
{
	*null = text == NULL ? 'n' : ' ';
	*value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* Letters of one payload. */
typedef struct PayloadLetters
{
	int32		refused;		/* readings that need a letter */
	int32		written;
	bool		foreign;		/* there are readings of a machine that the token is not of */
	int64		holder;			/* letter with the bytes; 0 = none yet */
} PayloadLetters;

static void
write_dead_letter(IngestBatch *batch, IngestRefusal *refusal, PayloadLetters *letters)
{
	Oid			types[15] = {TIMESTAMPTZOID, TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID,
	TEXTOID, TEXTOID, BYTEAOID, INT8OID, INT4OID, TEXTOID, TEXTOID};
	Datum		values[15] = {0};
	char		nulls[15];
	int32		payload = refusal->payload;
	bool		isnull;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = TimestampTzGetDatum(batch->received_at);
	set_text(&values[1], &nulls[1], batch->source);
	if (batch->partitions != NULL && batch->offsets != NULL)
	{
		values[2] = Int32GetDatum(batch->partitions[payload]);
		values[3] = Int64GetDatum(batch->offsets[payload]);
	}
	else
		nulls[2] = nulls[3] = 'n';
	if (batch->message_times != NULL && batch->message_times[payload] != DT_NOBEGIN)
		values[4] = TimestampTzGetDatum(batch->message_times[payload]);
	else
		nulls[4] = 'n';
	values[5] = Int32GetDatum(refusal->reading);
	set_text(&values[6], &nulls[6], refusal->machine);
	set_text(&values[7], &nulls[7], refusal->field);
	set_text(&values[8], &nulls[8], rig_reason_code(refusal->reason));
	set_text(&values[9], &nulls[9], refusal->detail);
	values[10] = PointerGetDatum(batch->payloads[payload]);
	values[11] = Int64GetDatum(letters->holder);
	nulls[11] = letters->holder == 0 ? 'n' : ' ';
	values[12] = Int32GetDatum(rig_max_payload);
	set_text(&values[13], &nulls[13], rig_format_name(rig_ingest_format(batch, payload)));
	set_text(&values[14], &nulls[14], rig_ingest_given_machine(batch, payload));
	if (SPI_execute_with_args("SELECT rigalpha.add_dead_letter($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
							  15, types, values, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "add_dead_letter failed");
	refusal->dead_letter_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	if (letters->holder == 0)
		letters->holder = refusal->dead_letter_id;
	letters->written++;
}

/*
 * One letter per refused reading, the bytes of a payload only once; a payload of nothing but
 * bad readings must not multiply.
 */
void
rig_ingest_write_dead_letters(IngestBatch *batch)
{
	PayloadLetters *letters;

	if (batch->refusal_count == 0)
		return;
	letters = palloc0(batch->payload_count * sizeof(PayloadLetters));
	for (int32 i = 0; i < batch->refusal_count; i++)
	{
		letters[batch->refusals[i].payload].refused += batch->refusals[i].dead_letter;
		letters[batch->refusals[i].payload].foreign |= batch->refusals[i].reason == RIG_REASON_FOREIGN_MACHINE;
	}

	SPI_connect();
	for (int32 i = 0; i < batch->refusal_count; i++)
	{
		IngestRefusal *refusal = &batch->refusals[i];
		PayloadLetters *own = &letters[refusal->payload];

		if (!refusal->dead_letter)
			continue;
		if (own->written > MAX_LETTERS)
		{
			refusal->omitted = true;
			continue;
		}
		if (own->written == MAX_LETTERS)
		{
			refusal->reading = -1;
			/* By this reason a replay knows which payloads it may not store. */
			if (own->foreign)
				refusal->reason = RIG_REASON_FOREIGN_MACHINE;
			refusal->detail = psprintf("this and %d further readings of the payload", own->refused - MAX_LETTERS - 1);
		}
		write_dead_letter(batch, refusal, own);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
}

static void
append_text(StringInfo out, const char *key, const char *text)
{
	appendStringInfo(out, ",\"%s\":", key);
	if (text == NULL)
		appendStringInfoString(out, "null");
	else
		escape_json(out, text);
}

void
rig_ingest_append_error(StringInfo out, const IngestRefusal *refusal, int32 first)
{
	appendStringInfo(out, "{\"payload\":%d,\"reading\":%d", refusal->payload - first, refusal->reading);
	append_text(out, "machine", refusal->machine);
	append_text(out, "field", refusal->field);
	append_text(out, "reason", rig_reason_code(refusal->reason));
	append_text(out, "detail", refusal->detail);
	if (refusal->retry_after > 0)
		appendStringInfo(out, ",\"retry_after\":%d", refusal->retry_after);
	if (refusal->dead_letter_id > 0)
		appendStringInfo(out, ",\"dead_letter_id\":" INT64_FORMAT "}", refusal->dead_letter_id);
	else
		appendStringInfoString(out, ",\"dead_letter_id\":null}");
}

Datum
rig_ingest_errors(IngestBatch *batch)
{
	StringInfoData out;
	const char *separator = "";
	ListCell   *cell;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int32 i = 0; i < batch->refusal_count; i++)
	{
		const IngestRefusal *refusal = &batch->refusals[i];

		if (refusal->omitted)
			continue;
		appendStringInfoString(&out, separator);
		separator = ",";
		rig_ingest_append_error(&out, refusal, 0);
	}
	foreach(cell, batch->stored_errors)
	{
		appendStringInfo(&out, "%s%s", separator, (const char *) lfirst(cell));
		separator = ",";
	}
	appendStringInfoChar(&out, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}
