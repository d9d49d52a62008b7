/* Arguments of the ingest functions, unpacked and checked. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "known_keys.h"

#define MAX_TOKEN 128
#define MAX_KEY 128

/*
 * Elements of a one-dimensional array argument, NULL for a null argument. An expected count of
 * -1 takes any number, which is left there.
 */
static Datum *
array_argument(FunctionCallInfo fcinfo, int argument, const char *name, Oid type, int16 length, bool byval, char align,
			   bool **nulls, int32 *expected)
{
	ArrayType  *array;
	Datum	   *elements;
	int			count;

	if (PG_ARGISNULL(argument))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name)));
	deconstruct_array(array, type, length, byval, align, &elements, nulls, &count);
	if (*expected >= 0 && count != *expected)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s has %d elements, payloads has %d", name, count, *expected)));
	*expected = count;
	return elements;
}

void
rig_ingest_take_payloads(IngestBatch *batch, FunctionCallInfo fcinfo, int argument)
{
	bool	   *nulls;
	Datum	   *elements;
	int32		count = -1;

	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("payloads must not be null")));
	elements = array_argument(fcinfo, argument, "payloads", BYTEAOID, -1, false, TYPALIGN_INT, &nulls, &count);
	batch->payload_count = count;
	batch->payloads = palloc(Max(count, 1) * sizeof(struct varlena *));
	for (int i = 0; i < count; i++)
		batch->payloads[i] = nulls[i] ? NULL : PG_DETOAST_DATUM_PACKED(elements[i]);
	batch->counts = palloc0(Max(count, 1) * sizeof(IngestCounts));
}

void
rig_ingest_take_times(IngestBatch *batch, FunctionCallInfo fcinfo, int argument)
{
	bool	   *nulls;
	Datum	   *elements = array_argument(fcinfo, argument, "times", TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE, &nulls, &batch->payload_count);

	if (elements == NULL)
		return;
	batch->message_times = palloc(Max(batch->payload_count, 1) * sizeof(TimestampTz));
	for (int32 i = 0; i < batch->payload_count; i++)
		batch->message_times[i] = nulls[i] ? DT_NOBEGIN : DatumGetTimestampTz(elements[i]);
}

static void
require_no_nulls(const bool *nulls, int32 count, const char *name)
{
	for (int32 i = 0; i < count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain nulls", name)));
}

void
rig_ingest_take_positions(IngestBatch *batch, FunctionCallInfo fcinfo, int partitions_argument, int offsets_argument)
{
	bool	   *partition_nulls;
	bool	   *offset_nulls;
	Datum	   *partitions = array_argument(fcinfo, partitions_argument, "partitions", INT4OID, sizeof(int32), true,
											TYPALIGN_INT, &partition_nulls, &batch->payload_count);
	Datum	   *offsets = array_argument(fcinfo, offsets_argument, "offsets", INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										 TYPALIGN_DOUBLE, &offset_nulls, &batch->payload_count);

	if ((partitions == NULL) != (offsets == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("partitions and offsets must be given together")));
	if (partitions == NULL)
		return;
	require_no_nulls(partition_nulls, batch->payload_count, "partitions");
	require_no_nulls(offset_nulls, batch->payload_count, "offsets");
	batch->partitions = palloc(Max(batch->payload_count, 1) * sizeof(int32));
	batch->offsets = palloc(Max(batch->payload_count, 1) * sizeof(int64));
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		batch->partitions[i] = DatumGetInt32(partitions[i]);
		batch->offsets[i] = DatumGetInt64(offsets[i]);
	}
}

void
rig_ingest_take_formats(IngestBatch *batch, FunctionCallInfo fcinfo, int argument)
{
	bool	   *nulls;
	Datum	   *formats = array_argument(fcinfo, argument, "formats", TEXTOID, -1, false, TYPALIGN_INT, &nulls,
										 &batch->payload_count);

	if (formats == NULL)
		return;
	batch->formats = palloc0(Max(batch->payload_count, 1) * sizeof(RigFormat));
	for (int32 i = 0; i < batch->payload_count; i++)
		if (!nulls[i] && !rig_format_find(TextDatumGetCString(formats[i]), &batch->formats[i]))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("payload format \"%s\" is not supported", TextDatumGetCString(formats[i])),
					 errhint("Supported: json, thingsboard, influx, influx:s, influx:ms, influx:us, influx:ns.")));
}

void
rig_ingest_take_machines(IngestBatch *batch, FunctionCallInfo fcinfo, int argument)
{
	bool	   *nulls;
	Datum	   *machines = array_argument(fcinfo, argument, "machines", TEXTOID, -1, false, TYPALIGN_INT, &nulls,
										  &batch->payload_count);

	if (machines == NULL)
		return;
	batch->machines = palloc0(Max(batch->payload_count, 1) * sizeof(char *));
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		char	   *name;

		if (nulls[i])
			continue;
		name = TextDatumGetCString(machines[i]);
		if (!rig_is_valid_name(name, strlen(name)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("machine of payload %d is not a valid name", i)));
		batch->machines[i] = name;
	}
}

/* A token as text; what cannot be one becomes the empty text, which no token is. */
static char *
token_text(Datum datum)
{
	bytea	   *bytes = DatumGetByteaPP(datum);
	int			length = VARSIZE_ANY_EXHDR(bytes);

	if (length > MAX_TOKEN || !pg_verifymbstr(VARDATA_ANY(bytes), length, true))
		length = 0;
	return pnstrdup(VARDATA_ANY(bytes), length);
}

static IngestDevice *
find_device(IngestBatch *batch, const char *token, const char *address)
{
	IngestDevice *device;

	/* From the end: the payloads of a request stand together. */
	for (int32 i = batch->device_count - 1; i >= 0; i--)
	{
		device = &batch->device_list[i];
		if (strcmp(device->token, token) == 0
			&& (address == NULL) == (device->address == NULL)
			&& (address == NULL || strcmp(device->address, address) == 0))
			return device;
	}
	device = &batch->device_list[batch->device_count++];
	device->token = token;
	device->address = address;
	return device;
}

void
rig_ingest_take_tokens(IngestBatch *batch, FunctionCallInfo fcinfo, int tokens_argument, int addresses_argument)
{
	bool	   *token_nulls;
	bool	   *address_nulls;
	Datum	   *tokens = array_argument(fcinfo, tokens_argument, "tokens", BYTEAOID, -1, false, TYPALIGN_INT, &token_nulls,
										&batch->payload_count);
	Datum	   *addresses = array_argument(fcinfo, addresses_argument, "addresses", INETOID, -1, false, TYPALIGN_INT,
										   &address_nulls, &batch->payload_count);
	int32		count = 0;

	for (int32 i = 0; tokens != NULL && i < batch->payload_count; i++)
		count += !token_nulls[i];
	if (count == 0)
		return;
	batch->devices = palloc0(batch->payload_count * sizeof(IngestDevice *));
	batch->device_list = palloc0(count * sizeof(IngestDevice));
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		char	   *address = NULL;

		if (token_nulls[i])
			continue;
		if (addresses != NULL && !address_nulls[i])
			address = DatumGetCString(DirectFunctionCall1(inet_out, addresses[i]));
		batch->devices[i] = find_device(batch, token_text(tokens[i]), address);
	}
}

static void
check_key(const char *key, int32 payload)
{
	size_t		length = strlen(key);

	for (size_t i = 0; i < length; i++)
		if (key[i] < '!' || key[i] > '~')
			length = MAX_KEY + 1;
	if (length > MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key of payload %d is not valid", payload),
				 errhint("It has 1 to %d visible ASCII characters.", MAX_KEY)));
}

/* A key begins a request, an empty one continues that of the payload before. */
void
rig_ingest_take_keys(IngestBatch *batch, FunctionCallInfo fcinfo, int argument)
{
	bool	   *nulls;
	Datum	   *keys = array_argument(fcinfo, argument, "keys", TEXTOID, -1, false, TYPALIGN_INT, &nulls,
									  &batch->payload_count);

	for (int32 i = 0; keys != NULL && i < batch->payload_count; i++)
	{
		IngestKey  *last = batch->key_count > 0 ? &batch->keys[batch->key_count - 1] : NULL;
		char	   *key;

		if (nulls[i])
			continue;
		key = TextDatumGetCString(keys[i]);
		if (*key == '\0')
		{
			if (last == NULL || last->first + last->count != i
				|| (batch->devices != NULL && batch->devices[i] != batch->devices[last->first]))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("the empty key of payload %d continues no request", i)));
			last->count++;
			continue;
		}
		check_key(key, i);
		if (batch->keys == NULL)
			batch->keys = palloc0(batch->payload_count * sizeof(IngestKey));
		batch->keys[batch->key_count++] = (IngestKey) {
			.key = key, .first = i, .count = 1
		};
	}
}
