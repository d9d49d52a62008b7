#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "ingest.h"
#include "kept_plan.h"
#include "settings.h"

int32
rig_ingest_day(TimestampTz ts)
{
	return ts >= 0 ? ts / USECS_PER_DAY : (ts + 1) / USECS_PER_DAY - 1;
}

static int
compare_readings(const void *a, const void *b)
{
	const IngestReading *x = *(IngestReading *const *) a;
	const IngestReading *y = *(IngestReading *const *) b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->machine_id != y->machine_id)
		return x->machine_id < y->machine_id ? -1 : 1;
	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x < y ? -1 : x > y;	/* order of arrival */
}

/* Sorts the readings and groups those of one machine and instant into rows. */
static void
make_rows(IngestBatch *batch)
{
	IngestReading **sorted = palloc(batch->reading_count * sizeof(IngestReading *));

	for (int32 i = 0; i < batch->reading_count; i++)
		sorted[i] = &batch->readings[i];
	qsort(sorted, batch->reading_count, sizeof(IngestReading *), compare_readings);

	batch->rows = palloc0(batch->reading_count * sizeof(IngestRow));
	for (int32 i = 0; i < batch->reading_count; i++)
	{
		IngestRow  *row = batch->row_count > 0 ? &batch->rows[batch->row_count - 1] : NULL;

		if (row == NULL || row->readings[0]->machine_id != sorted[i]->machine_id
			|| row->readings[0]->ts != sorted[i]->ts)
		{
			row = &batch->rows[batch->row_count++];
			row->readings = &sorted[i];
		}
		row->reading_count++;
	}
}

/* Position of the first difference from 1, 0 for the state, or -1 if the two can be one row. */
static int32
find_conflict(const IngestValues *held, const IngestValues *added)
{
	if (held->state != 0 && added->state != 0 && held->state != added->state)
		return 0;
	for (int32 i = 0; i < Min(held->width, added->width); i++)
		if (!isnan(held->values[i]) && !isnan(added->values[i]) && held->values[i] != added->values[i])
			return i + 1;
	return -1;
}

/* Adds what held lacks, in memory of its own; returns whether anything was added. */
static bool
merge(IngestValues *held, const IngestValues *added)
{
	int32		width = Max(held->width, added->width);
	float8	   *values = rig_values_allocate(width);
	bool		changed = false;

	for (int32 i = 0; i < width; i++)
	{
		values[i] = i < held->width ? held->values[i] : NAN;
		if (isnan(values[i]) && i < added->width && !isnan(added->values[i]))
		{
			values[i] = added->values[i];
			held->present++;
			changed = true;
		}
	}
	if (held->state == 0 && added->state != 0)
	{
		held->state = added->state;
		changed = true;
	}
	held->width = width;
	held->values = values;
	if (changed)
		held->flags |= RIG_FLAG_MERGED | added->flags;
	return changed;
}

void
rig_ingest_combine(IngestRow *row, const IngestValues *stored)
{
	int32		first = 0;

	row->stored = stored != NULL;
	row->changes_stored = false;
	if (stored != NULL)
		row->content = *stored;
	else
	{
		row->content = row->readings[0]->content;
		row->readings[0]->outcome = INGEST_ACCEPTED;
		first = 1;
	}
	for (int32 i = first; i < row->reading_count; i++)
	{
		IngestReading *reading = row->readings[i];
		int32		conflict = find_conflict(&row->content, &reading->content);

		if (conflict >= 0)
		{
			reading->outcome = INGEST_CONFLICT;
			reading->conflict_position = conflict;
		}
		else if (merge(&row->content, &reading->content))
		{
			reading->outcome = INGEST_MERGED;
			row->changes_stored = row->stored;
		}
		else
			reading->outcome = INGEST_DUPLICATE;
	}
}

/* A multiple of the alignment of a float8 and of what palloc() aligns to. */
#define VALUES_HEADER MAXALIGN(ARR_OVERHEAD_NONULLS(1))

StaticAssertDecl(VALUES_HEADER == ARR_OVERHEAD_NONULLS(1), "the values follow the header of their array");

float8 *
rig_values_allocate(int32 width)
{
	return (float8 *) ((char *) palloc(VALUES_HEADER + width * sizeof(float8)) + VALUES_HEADER);
}

/* Makes an array of the values where they are: none of them is null. */
static ArrayType *
dense_array(float8 *values, int width)
{
	ArrayType  *array = (ArrayType *) ((char *) values - VALUES_HEADER);

	SET_VARSIZE(array, VALUES_HEADER + width * sizeof(float8));
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = width;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

StaticAssertDecl(sizeof(Datum) == sizeof(float8) && FLOAT8PASSBYVAL, "a float8 is a Datum");

Datum
rig_values_to_array(const IngestValues *content)
{
	int			width = content->width;
	ArrayType  *array;

	while (width > 0 && isnan(content->values[width - 1]))
		width--;
	if (width == 0)
		array = construct_empty_array(FLOAT8OID);
	else if (content->present == width)
		array = dense_array(content->values, width);
	else
	{
		bool	   *nulls = palloc(width * sizeof(bool));
		int			lower_bound = 1;

		for (int i = 0; i < width; i++)
			nulls[i] = isnan(content->values[i]);
		array = construct_md_array((Datum *) content->values, nulls, 1, &width, &lower_bound,
								   FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
		pfree(nulls);
	}
	return PointerGetDatum(array);
}

void
rig_values_from_array(IngestValues *content, Datum array)
{
	ArrayType  *stored = DatumGetArrayTypeP(array);
	int			width = ArrayGetNItems(ARR_NDIM(stored), ARR_DIMS(stored));
	const bits8 *present = ARR_NULLBITMAP(stored);
	const float8 *next = (const float8 *) ARR_DATA_PTR(stored);

	content->width = width;
	content->present = 0;
	content->values = rig_values_allocate(width);
	for (int i = 0; i < width; i++)
	{
		bool		absent = present != NULL && (present[i / 8] & 1 << i % 8) == 0;

		content->values[i] = absent ? NAN : *next++;
		content->present += !absent;
	}
}

/* The days of the batch that have no partition yet, ascending. */
static int32
find_new_days(IngestBatch *batch, int32 *days)
{
	int32		count = 0;
	Oid			types[1] = {DATEOID};
	static SPIPlanPtr plan = NULL;

	SPI_connect();
	rig_keep_plan(&plan, "SELECT to_regclass('rigalpha.readings_' || to_char($1::timestamp, 'YYYYMMDD')) IS NULL", 1, types);
	for (int32 i = 0; i < batch->row_count; i++)
	{
		int32		day = batch->rows[i].readings[0]->day;
		Datum		argument = DateADTGetDatum(day);
		bool		isnull;

		if (i > 0 && batch->rows[i - 1].readings[0]->day == day)
			continue;
		if (SPI_execute_plan(plan, &argument, NULL, false, 1) != SPI_OK_SELECT)
			elog(ERROR, "partition look-up failed");
		if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
			days[count++] = day;
	}
	SPI_finish();
	return count;
}

static void
make_partitions(const int32 *days, int32 count)
{
	Datum	   *elements = palloc(count * sizeof(Datum));
	Datum		argument;
	Oid			type = DATEARRAYOID;

	for (int32 i = 0; i < count; i++)
		elements[i] = DateADTGetDatum(days[i]);
	argument = PointerGetDatum(construct_array(elements, count, DATEOID, sizeof(DateADT), true, TYPALIGN_INT));
	SPI_connect();
	if (SPI_execute_with_args("SELECT rigalpha.ensure_partitions($1)", 1, &type, &argument, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "ensure_partitions failed");
	SPI_finish();
}

/* Refuses a reading that has its machine and place already. */
static IngestRefusal *
refuse_placed(IngestBatch *batch, const IngestReading *reading, RigReason reason, const char *detail)
{
	IngestRefusal *refusal = rig_ingest_refuse(batch, reading->payload, reading->index, reason, detail);
	RigMachine *machine = rig_catalog_machine_by_id(batch->catalog, reading->machine_id);

	if (machine != NULL)
		refusal->machine = rig_catalog_machine_name(batch->catalog, machine);
	return refusal;
}

/* Refuses the readings whose day is one of these, and takes their rows out. */
static void
refuse_days(IngestBatch *batch, const int32 *days, int32 count)
{
	int32		kept = 0;

	for (int32 i = 0; i < batch->row_count; i++)
	{
		IngestRow  *row = &batch->rows[i];
		bool		refused = false;

		for (int32 d = 0; d < count; d++)
			refused |= row->readings[0]->day == days[d];
		if (!refused)
		{
			batch->rows[kept++] = *row;
			continue;
		}
		for (int32 r = 0; r < row->reading_count; r++)
			refuse_placed(batch, row->readings[r], RIG_REASON_TOO_MANY_DAYS,
						  psprintf("one transaction makes partitions for at most %d days", rig_max_new_partitions));
	}
	batch->row_count = kept;
}

/*
 * Makes the partitions that the batch needs, before its first insert, so that the locks are
 * taken in the same order everywhere.
 */
static void
prepare_partitions(IngestBatch *batch)
{
	int32	   *days = palloc(batch->row_count * sizeof(int32));
	int32		count = find_new_days(batch, days);

	if (count > rig_max_new_partitions)
	{
		if (batch->payload_count > 1)
			ereport(ERROR,
					(errcode(ERRCODE_RIG_TOO_MANY_DAYS),
					 errmsg("batch needs partitions for %d new days, the limit is %d", count, rig_max_new_partitions),
					 errhint("Split the batch, or make the partitions with rigalpha.ensure_partitions().")));
		refuse_days(batch, days + rig_max_new_partitions, count - rig_max_new_partitions);
		count = rig_max_new_partitions;
	}
	if (count > 0)
		make_partitions(days, count);
}

static void
refuse_conflict(IngestBatch *batch, const IngestReading *reading)
{
	RigMachine *machine = rig_catalog_machine_by_id(batch->catalog, reading->machine_id);
	IngestRefusal *refusal = refuse_placed(batch, reading, RIG_REASON_CONFLICT, "another value is stored for this machine and time");

	if (reading->conflict_position == 0)
		refusal->field = "state";
	else if (machine != NULL)
		refusal->field = rig_catalog_sensor_at(batch->catalog, machine, reading->conflict_position);
}

void
rig_ingest_store(IngestBatch *batch)
{
	int32		first = 0;

	if (batch->reading_count == 0)
		return;
	make_rows(batch);
	prepare_partitions(batch);
	while (first < batch->row_count)
	{
		int32		last = first + 1;

		while (last < batch->row_count && batch->rows[last].readings[0]->day == batch->rows[first].readings[0]->day)
			last++;
		rig_ingest_store_leaf(batch, first, last);
		first = last;
	}
	CommandCounterIncrement();

	for (int32 i = 0; i < batch->row_count; i++)
		for (int32 r = 0; r < batch->rows[i].reading_count; r++)
			if (batch->rows[i].readings[r]->outcome == INGEST_CONFLICT)
				refuse_conflict(batch, batch->rows[i].readings[r]);
}
