#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "alarm_window.h"
#include "errors.h"
#include "ingest_alarm.h"
#include "kept_plan.h"
#include "machine_limits.h"
#include "settings.h"

StaticAssertDecl(RIG_NEVER == DT_NOBEGIN, "times of the window are those of the database");

typedef struct TimedChange
{
	TimestampTz ts;
	RigLevelChange change;
} TimedChange;

/* The evaluation of one machine. */
typedef struct Evaluation
{
	int32		machine_id;
	const RigLimits *limits;
	int64		lateness;
	RigAlarmWindow window;
	RigLevelChange *step;		/* changes of one reading */
	TimedChange *changes;
	int32		count;
	int32		capacity;
	bool		rewound;
	TimestampTz since;			/* base that it was rewound to */
} Evaluation;

static TimestampTz
row_time(const IngestRow *row)
{
	return row->readings[0]->ts;
}

static bool
is_too_late(const Evaluation *evaluation, TimestampTz ts, TimestampTz newest)
{
	return newest != DT_NOBEGIN && ts < newest - evaluation->lateness;
}

/* True when any row that counts is beyond a limit. */
static bool
exceeds_any(const Evaluation *evaluation, TimestampTz newest, IngestRow **rows, int32 count)
{
	for (int32 i = 0; i < count; i++)
		if (!is_too_late(evaluation, row_time(rows[i]), newest) &&
			rig_limits_exceeded(evaluation->limits, rows[i]->content.values, rows[i]->content.width))
			return true;
	return false;
}

static void
open_window(Evaluation *evaluation, const AlarmState *alarms, TimestampTz newest)
{
	struct varlena *saved = alarms->quiet ? NULL : PG_DETOAST_DATUM(alarms->window);
	int32		saved_count = 0;
	int32		capacity;
	RigSensorMonitor *sensors;

	if (saved != NULL)
		saved_count = rig_alarm_window_count((unsigned char *) VARDATA(saved), VARSIZE(saved) - VARHDRSZ);
	/* What another version wrote is begun anew. */
	if (saved_count < 0)
		saved = NULL;
	capacity = evaluation->limits->width + Max(saved_count, 0);
	sensors = palloc(Max(capacity, 1) * 3 * sizeof(RigSensorMonitor));
	evaluation->step = palloc(Max(capacity, 1) * sizeof(RigLevelChange));
	if (saved == NULL)
	{
		rig_alarm_window_init(&evaluation->window, evaluation->limits, sensors, capacity, newest, evaluation->lateness);
		return;
	}
	rig_alarm_window_read(&evaluation->window, sensors, capacity, (unsigned char *) VARDATA(saved));
	/* What older limits said of earlier readings stands. */
	if (evaluation->window.limits != rig_limits_digest(evaluation->limits))
		rig_alarm_window_restart(&evaluation->window, evaluation->limits, newest);
}

static void
advance(Evaluation *evaluation, TimestampTz ts, const IngestValues *content)
{
	int32		count = rig_alarm_window_advance(&evaluation->window, evaluation->limits, ts, content->values,
												 content->width, evaluation->lateness, evaluation->step);

	for (int32 i = 0; i < count; i++)
	{
		if (evaluation->count == evaluation->capacity)
		{
			evaluation->capacity = Max(16, evaluation->capacity * 2);
			evaluation->changes = evaluation->changes == NULL ?
				palloc(evaluation->capacity * sizeof(TimedChange)) :
				repalloc(evaluation->changes, evaluation->capacity * sizeof(TimedChange));
		}
		evaluation->changes[evaluation->count++] = (TimedChange) {ts, evaluation->step[i]};
	}
}

/* Evaluates all readings since the base again; those of this batch are among the stored ones. */
static void
evaluate_again(Evaluation *evaluation)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		arguments[2] = {Int32GetDatum(evaluation->machine_id), TimestampTzGetDatum(evaluation->window.base_ts)};
	MemoryContext context = CurrentMemoryContext;

	evaluation->rewound = true;
	evaluation->since = evaluation->window.base_ts;
	rig_alarm_window_rewind(&evaluation->window);
	SPI_connect();
	rig_keep_plan(&plan, "SELECT ts, sensor_values FROM rigalpha.readings WHERE machine_id = $1 AND ts > $2 ORDER BY ts",
				  2, types);
	if (SPI_execute_plan(plan, arguments, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "look-up of stored readings failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		isnull;
		TimestampTz ts = DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		IngestValues content;
		MemoryContext spi_context;

		if (!rig_alarm_window_takes(&evaluation->window, ts))
			continue;
		rig_values_from_array(&content, SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
		spi_context = MemoryContextSwitchTo(context);
		advance(evaluation, ts, &content);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
}

static void
evaluate(Evaluation *evaluation, TimestampTz newest, IngestRow **rows, int32 count)
{
	int32		late = 0;
	bool		amends = false;

	while (late < count && row_time(rows[late]) <= newest)
		late++;
	for (int32 i = 0; i < late; i++)
		if (is_too_late(evaluation, row_time(rows[i]), newest))
			rig_alarm_window_ignore(&evaluation->window, evaluation->limits, row_time(rows[i]), newest);
	for (int32 i = 0; i < late; i++)
		amends |= rig_alarm_window_takes(&evaluation->window, row_time(rows[i]));
	if (amends)
		evaluate_again(evaluation);
	else
		for (int32 i = late; i < count; i++)
			advance(evaluation, row_time(rows[i]), &rows[i]->content);
}

static Datum
make_array(Datum *elements, int32 count, Oid type, int16 size, char alignment)
{
	return PointerGetDatum(construct_array(elements, count, type, size, true, alignment));
}

/* Writes what was found: as transitions, or against those that were written since the base. */
static void
note_changes(const Evaluation *evaluation)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[7] = {INT4OID, TIMESTAMPTZOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, INT2ARRAYOID, INT2ARRAYOID,
	FLOAT8ARRAYOID};
	Datum		arguments[7];
	int32		count = evaluation->count;
	Datum	   *columns[5];

	for (int c = 0; c < 5; c++)
		columns[c] = palloc(Max(count, 1) * sizeof(Datum));
	for (int32 i = 0; i < count; i++)
	{
		const RigLevelChange *change = &evaluation->changes[i].change;

		columns[0][i] = Int16GetDatum(change->position + 1);
		columns[1][i] = TimestampTzGetDatum(evaluation->changes[i].ts);
		columns[2][i] = Int16GetDatum(change->from);
		columns[3][i] = Int16GetDatum(change->to);
		columns[4][i] = Float8GetDatum(change->value);
	}
	arguments[0] = Int32GetDatum(evaluation->machine_id);
	arguments[1] = TimestampTzGetDatum(evaluation->since);
	arguments[2] = make_array(columns[0], count, INT2OID, sizeof(int16), TYPALIGN_SHORT);
	arguments[3] = make_array(columns[1], count, TIMESTAMPTZOID, sizeof(TimestampTz), TYPALIGN_DOUBLE);
	arguments[4] = make_array(columns[2], count, INT2OID, sizeof(int16), TYPALIGN_SHORT);
	arguments[5] = make_array(columns[3], count, INT2OID, sizeof(int16), TYPALIGN_SHORT);
	arguments[6] = make_array(columns[4], count, FLOAT8OID, sizeof(float8), TYPALIGN_DOUBLE);
	SPI_connect();
	rig_keep_plan(&plan, "SELECT rigalpha.note_limit_changes($1, $2, $3, $4, $5, $6, $7)", 7, types);
	if (SPI_execute_plan(plan, arguments, evaluation->rewound ? NULL : " n     ", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "note_limit_changes failed");
	SPI_finish();
}

static void
keep_window(AlarmState *alarms, const RigAlarmWindow *window, TimestampTz newest, int64 lateness)
{
	Size		size;
	bytea	   *saved;

	alarms->quiet = rig_alarm_window_is_quiet(window, newest, lateness);
	if (alarms->quiet)
		return;
	size = rig_alarm_window_size(window);
	saved = palloc(VARHDRSZ + size);
	SET_VARSIZE(saved, VARHDRSZ + size);
	rig_alarm_window_write(window, (unsigned char *) VARDATA(saved));
	alarms->window = PointerGetDatum(saved);
}

void
rig_alarms_advance(IngestBatch *batch, AlarmState *alarms, RigMachine *machine, TimestampTz newest, IngestRow **rows,
				   int32 count)
{
	static const RigLimits none = {0};
	Evaluation	evaluation = {
		.machine_id = rows[0]->readings[0]->machine_id, .lateness = (int64) rig_alarm_lateness * 1000
	};

	alarms->changed = false;
	evaluation.limits = machine == NULL ? NULL : rig_machine_limits(batch->catalog, machine);
	if (evaluation.limits == NULL)
		evaluation.limits = &none;
	if (alarms->quiet && !exceeds_any(&evaluation, newest, rows, count))
		return;
	open_window(&evaluation, alarms, newest);
	evaluate(&evaluation, newest, rows, count);
	if (evaluation.count > 0 || evaluation.rewound)
	{
		note_changes(&evaluation);
		alarms->changed = true;
	}
	keep_window(alarms, &evaluation.window, Max(newest, row_time(rows[count - 1])), evaluation.lateness);
}

void
rig_alarms_settle(int32 machine_id, int16 state, TimestampTz ts)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[3] = {INT4OID, INT2OID, TIMESTAMPTZOID};
	Datum		arguments[3] = {Int32GetDatum(machine_id), Int16GetDatum(state), TimestampTzGetDatum(ts)};

	SPI_connect();
	rig_keep_plan(&plan, "SELECT rigalpha.settle_suppression($1, $2, $3)", 3, types);
	if (SPI_execute_plan(plan, arguments, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "settle_suppression failed");
	SPI_finish();
}
