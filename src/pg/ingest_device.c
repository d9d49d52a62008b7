/*
 * Tokens of devices. A payload that came with one is taken for the machine of the token only, and
 * not at all when the token is not good; it leaves no dead letter then, since who has no token must
 * not fill the disk.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "kept_plan.h"

static RigReason
reason_of_verdict(const char *verdict)
{
	if (strcmp(verdict, "ok") == 0)
		return RIG_REASON_NONE;
	if (strcmp(verdict, "revoked") == 0)
		return RIG_REASON_TOKEN_REVOKED;
	if (strcmp(verdict, "expired") == 0)
		return RIG_REASON_TOKEN_EXPIRED;
	if (strcmp(verdict, "network") == 0)
		return RIG_REASON_TOKEN_NETWORK;
	return RIG_REASON_TOKEN_UNKNOWN;
}

/* Runs a kept statement that returns one row, which stays in SPI_tuptable. */
static void
run(SPIPlanPtr *plan, const char *statement, int count, Oid *types, Datum *values, const char *nulls)
{
	rig_keep_plan(plan, statement, count, types);
	if (SPI_execute_plan(*plan, values, nulls, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a token of a device could not be handled");
}

static char *
text_column(MemoryContext context, int column)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return text == NULL ? NULL : MemoryContextStrdup(context, text);
}

static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

/* Finds or makes the usage of a token, which may have come from several addresses. */
static IngestUsage *
find_usage(IngestBatch *batch, const IngestDevice *device, int32 quota, MemoryContext context)
{
	IngestUsage *usage;

	for (int32 i = 0; i < batch->device_count; i++)
	{
		usage = batch->device_list[i].usage;
		if (usage != NULL && strcmp(usage->token_id, device->token_id) == 0)
			return usage;
	}
	usage = MemoryContextAllocZero(context, sizeof(IngestUsage));
	usage->token_id = device->token_id;
	usage->quota = quota;
	return usage;
}

static void
check_device(IngestBatch *batch, IngestDevice *device, MemoryContext context)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[] = {CStringGetTextDatum(device->token),
	device->address == NULL ? (Datum) 0 : CStringGetTextDatum(device->address)};
	const char	nulls[] = {' ', device->address == NULL ? 'n' : ' '};
	bool		isnull;
	Datum		quota;

	run(&plan, "SELECT verdict, token_id, machine_id, readings_per_minute FROM rigalpha.admit_token($1, $2::inet)", 2, types,
		values, nulls);
	device->refusal = reason_of_verdict(text_column(context, 1));
	device->token_id = text_column(context, 2);
	device->machine_id = DatumGetInt32(column(3, &isnull));
	quota = column(4, &isnull);
	if (device->refusal == RIG_REASON_NONE && !isnull)
		device->usage = find_usage(batch, device, DatumGetInt32(quota), context);
	SPI_freetuptable(SPI_tuptable);
}

/* Order in which usages are locked and entries written, so that concurrent calls do not deadlock. */
static int
compare_devices(const void *a, const void *b)
{
	const IngestDevice *x = *(IngestDevice *const *) a;
	const IngestDevice *y = *(IngestDevice *const *) b;

	if (x->token_id == NULL || y->token_id == NULL)
		return (x->token_id != NULL) - (y->token_id != NULL);
	return strcmp(x->token_id, y->token_id);
}

static IngestDevice **
sort_devices(const IngestBatch *batch)
{
	IngestDevice **sorted = palloc(batch->device_count * sizeof(IngestDevice *));

	for (int32 i = 0; i < batch->device_count; i++)
		sorted[i] = &batch->device_list[i];
	qsort(sorted, batch->device_count, sizeof(IngestDevice *), compare_devices);
	return sorted;
}

static void
lock_usage(IngestUsage *usage)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(usage->token_id)};
	bool		isnull;

	if (usage->minute != 0)
		return;
	run(&plan, "SELECT minute, readings FROM rigalpha.lock_token_usage($1)", 1, types, values, NULL);
	usage->minute = DatumGetTimestampTz(column(1, &isnull));
	usage->used = DatumGetInt32(column(2, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

static void
refuse_payload(IngestBatch *batch, int32 payload, RigReason reason, const char *detail)
{
	rig_ingest_refuse(batch, payload, -1, reason, detail)->dead_letter = false;
	batch->payloads[payload] = NULL;
}

void
rig_ingest_admit_devices(IngestBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	IngestDevice **sorted;

	SPI_connect();
	for (int32 i = 0; i < batch->device_count; i++)
		check_device(batch, &batch->device_list[i], context);
	sorted = sort_devices(batch);
	for (int32 i = 0; i < batch->device_count; i++)
		if (sorted[i]->usage != NULL)
			lock_usage(sorted[i]->usage);
	SPI_finish();

	for (int32 i = 0; i < batch->payload_count; i++)
	{
		IngestDevice *device = batch->devices[i];

		if (device == NULL || device->refusal == RIG_REASON_NONE)
			continue;
		device->refused++;
		refuse_payload(batch, i, device->refusal, NULL);
	}
}

bool
rig_ingest_charge(IngestBatch *batch, int32 payload, int32 readings)
{
	IngestDevice *device = batch->devices == NULL ? NULL : batch->devices[payload];
	IngestUsage *usage = device == NULL ? NULL : device->usage;
	TimestampTz now;

	if (usage == NULL)
		return true;
	if (readings <= usage->quota - usage->used)
	{
		usage->used += readings;
		return true;
	}
	device->over_quota++;
	refuse_payload(batch, payload, RIG_REASON_QUOTA,
				   psprintf("the token may send %d readings a minute, %d of them are left", usage->quota,
							usage->quota - usage->used));
	now = GetCurrentTimestamp();
	batch->refusals[batch->refusal_count - 1].retry_after =
		Max(1, (int32) ((usage->minute + USECS_PER_MINUTE - now + USECS_PER_SEC - 1) / USECS_PER_SEC));
	return false;
}

static void
write_usage(IngestUsage *usage)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(usage->token_id), TimestampTzGetDatum(usage->minute),
	Int32GetDatum(usage->used)};

	if (usage->minute == 0)
		return;
	rig_keep_plan(&plan, "UPDATE rigalpha.token_usage SET minute = $2, readings = $3 WHERE token_id = $1", 3, types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "the usage of a token could not be written");
	usage->minute = 0;
}

/* One entry for all that was refused to a device for one reason. */
static void
note_refusal(const IngestDevice *device, const char *operation, RigReason reason, int32 count, const char *machine)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID};
	Datum		values[6] = {0};
	char		nulls[6] = {'n', ' ', ' ', 'n', ' ', 'n'};
	const char *texts[6] = {device->token_id, operation, rig_reason_code(reason), device->address, NULL, machine};

	if (count == 0)
		return;
	for (int i = 0; i < 6; i++)
		if (texts[i] != NULL)
		{
			values[i] = CStringGetTextDatum(texts[i]);
			nulls[i] = ' ';
		}
	values[4] = Int32GetDatum(count);
	run(&plan, "SELECT rigalpha.audit_refusal("
		"coalesce('token:' || $1, 'network:' || rigalpha.login_network($4::inet)::text, 'network:'), 'refusal', 'ingest', $2, $3,"
		" ARRAY['token', 'machine', 'sent_for', 'count', 'address'],"
		" ARRAY[$1, (SELECT m.name FROM rigalpha.api_tokens t JOIN rigalpha.machines m ON m.id = t.machine_id WHERE t.id = $1),"
		" $6, $5::text, $4])", 6, types, values, nulls);
	SPI_freetuptable(SPI_tuptable);
}

static void
count_foreign(IngestBatch *batch)
{
	for (int32 i = 0; i < batch->refusal_count; i++)
	{
		const IngestRefusal *refusal = &batch->refusals[i];
		IngestDevice *device = batch->devices[refusal->payload];

		/* Not the letter that several share, which may be of other reasons. */
		if (refusal->reason != RIG_REASON_FOREIGN_MACHINE || refusal->reading < 0)
			continue;
		if (device->foreign++ == 0)
			device->foreign_machine = refusal->machine;
	}
}

void
rig_ingest_settle_devices(IngestBatch *batch)
{
	IngestDevice **sorted;

	count_foreign(batch);
	SPI_connect();
	sorted = sort_devices(batch);
	for (int32 i = 0; i < batch->device_count; i++)
	{
		IngestDevice *device = sorted[i];

		if (device->usage != NULL)
			write_usage(device->usage);
		note_refusal(device, "token", device->refusal, device->refused, NULL);
		note_refusal(device, "machine", RIG_REASON_FOREIGN_MACHINE, device->foreign, device->foreign_machine);
		note_refusal(device, "quota", RIG_REASON_QUOTA, device->over_quota, NULL);
	}
	SPI_finish();
}
