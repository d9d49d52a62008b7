/* Arguments of the ingest functions, unpacked and checked. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ingest.h"

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

/* Formats and device tokens that this version does not take are refused, not ignored. */
void
rig_ingest_refuse_unsupported(FunctionCallInfo fcinfo, int32 count)
{
	bool	   *nulls;
	Datum	   *formats = array_argument(fcinfo, 2, "formats", TEXTOID, -1, false, TYPALIGN_INT, &nulls, &count);

	for (int32 i = 0; formats != NULL && i < count; i++)
		if (!nulls[i] && strcmp(TextDatumGetCString(formats[i]), "json") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("payload format \"%s\" is not supported", TextDatumGetCString(formats[i])),
					 errhint("Supported: json.")));
	if (array_argument(fcinfo, 3, "tokens", BYTEAOID, -1, false, TYPALIGN_INT, &nulls, &count) == NULL)
		return;
	for (int32 i = 0; i < count; i++)
		if (!nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("device tokens are not supported")));
}
