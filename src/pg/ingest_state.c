/*
 * Latest state per machine, by device time: a reading moves only what it is newer for, so
 * late and shuffled data end in the same state as ordered data.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "ingest_alarm.h"
#include "ingest_incident.h"
#include "ingest_score.h"
#include "keyed_table.h"
#include "pg_compat.h"
#include "state_words.h"

/* Columns of machine_state. */
enum
{
	STATE_MACHINE_ID = 1,
	STATE_TS,
	STATE_RECEIVED_AT,
	STATE_STATE,
	STATE_STATE_TS,
	STATE_FLAGS,
	STATE_READINGS,
	STATE_REVISION,
	STATE_ANOMALY_ID,
	STATE_STUCK_ID,
	STATE_MODEL_VERSION,
	STATE_RISK,
	STATE_CUSUM,
	STATE_RECENT,
	STATE_CALM,
	STATE_WINDOW_STRIDE,
	STATE_SENSOR_VALUES,
	STATE_SENSOR_TIMES,
	STATE_ALARM_WINDOW,
	STATE_COLUMNS = STATE_ALARM_WINDOW
};

StaticAssertDecl((int) STATE_REVISION == RIG_MACHINE_STATE_REVISION, "the cache of windows reads the revision");

/* The state of one machine in memory; times[p] is DT_NOBEGIN where values[p] is NaN. */
typedef struct MachineState
{
	int32		width;
	float8	   *values;
	TimestampTz *times;
	TimestampTz ts;
	TimestampTz received_at;
	int16		state;
	TimestampTz state_ts;
	int16		flags;
	int64		readings;
	int64		revision;
	IncidentState incidents;
	AlarmState	alarms;
} MachineState;

static int
compare_rows(const void *a, const void *b)
{
	const IngestReading *x = (*(IngestRow *const *) a)->readings[0];
	const IngestReading *y = (*(IngestRow *const *) b)->readings[0];

	if (x->machine_id != y->machine_id)
		return x->machine_id < y->machine_id ? -1 : 1;
	return x->ts < y->ts ? -1 : x->ts > y->ts;
}

/* Gives a machine its row, which one entered by hand lacks until its first reading. */
static void
insert_state(int32 machine_id)
{
	Oid			type = INT4OID;
	Datum		argument = Int32GetDatum(machine_id);

	SPI_connect();
	if (SPI_execute_with_args("INSERT INTO rigalpha.machine_state (machine_id) SELECT id FROM rigalpha.machines WHERE id = $1"
							  " ON CONFLICT DO NOTHING", 1, &type, &argument, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "insertion of a machine's state failed");
	SPI_finish();
}

static void
lock_state(RigKeyedTable *table, int32 machine_id)
{
	if (rig_keyed_table_lock(table, &machine_id, 1))
		return;
	insert_state(machine_id);
	if (!rig_keyed_table_lock(table, &machine_id, 1))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not lock the state of machine %d", machine_id),
				 errdetail("The machine was deleted concurrently.")));
}

static TimestampTz
read_time(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

static int64
read_number(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static void
read_incidents(TupleTableSlot *slot, IncidentState *incidents)
{
	bool		isnull;
	Datum		risk = slot_getattr(slot, STATE_RISK, &isnull);

	*incidents = (IncidentState) {.risk = isnull ? NAN : DatumGetFloat4(risk)};
	incidents->anomaly_id = read_number(slot, STATE_ANOMALY_ID);
	incidents->stuck_id = read_number(slot, STATE_STUCK_ID);
	incidents->model_version = (int32) read_number(slot, STATE_MODEL_VERSION);
	incidents->episode.open = incidents->anomaly_id != 0;
	incidents->episode.cusum = DatumGetFloat4(slot_getattr(slot, STATE_CUSUM, &isnull));
	incidents->episode.recent = DatumGetInt16(slot_getattr(slot, STATE_RECENT, &isnull));
	incidents->episode.calm = DatumGetInt16(slot_getattr(slot, STATE_CALM, &isnull));
}

/* Sets a column that is null where the number is 0. */
static void
set_number(TupleTableSlot *slot, int column, int64 number, Datum value)
{
	slot->tts_values[column - 1] = value;
	slot->tts_isnull[column - 1] = number == 0;
}

static void
write_incidents(TupleTableSlot *slot, const IncidentState *incidents)
{
	set_number(slot, STATE_ANOMALY_ID, incidents->anomaly_id, Int64GetDatum(incidents->anomaly_id));
	set_number(slot, STATE_STUCK_ID, incidents->stuck_id, Int64GetDatum(incidents->stuck_id));
	set_number(slot, STATE_MODEL_VERSION, incidents->model_version, Int32GetDatum(incidents->model_version));
	set_number(slot, STATE_WINDOW_STRIDE, incidents->model_version, Int16GetDatum(rig_ingest_stride()));
	slot->tts_values[STATE_RISK - 1] = Float4GetDatum(incidents->risk);
	slot->tts_isnull[STATE_RISK - 1] = isnan(incidents->risk);
	slot->tts_values[STATE_CUSUM - 1] = Float4GetDatum(incidents->episode.cusum);
	slot->tts_values[STATE_RECENT - 1] = Int16GetDatum(incidents->episode.recent);
	slot->tts_values[STATE_CALM - 1] = Int16GetDatum(incidents->episode.calm);
}

static void
read_state(TupleTableSlot *slot, MachineState *state)
{
	IngestValues values;
	Datum	   *times;
	bool	   *nulls;
	int			times_width;
	bool		isnull;

	state->ts = read_time(slot, STATE_TS);
	state->received_at = read_time(slot, STATE_RECEIVED_AT);
	state->state_ts = read_time(slot, STATE_STATE_TS);
	state->state = DatumGetInt16(slot_getattr(slot, STATE_STATE, &isnull));
	state->flags = DatumGetInt16(slot_getattr(slot, STATE_FLAGS, &isnull));
	state->readings = DatumGetInt64(slot_getattr(slot, STATE_READINGS, &isnull));
	state->revision = DatumGetInt64(slot_getattr(slot, STATE_REVISION, &isnull));
	read_incidents(slot, &state->incidents);
	state->alarms.window = slot_getattr(slot, STATE_ALARM_WINDOW, &state->alarms.quiet);
	rig_values_from_array(&values, slot_getattr(slot, STATE_SENSOR_VALUES, &isnull));
	deconstruct_array(DatumGetArrayTypeP(slot_getattr(slot, STATE_SENSOR_TIMES, &isnull)), TIMESTAMPTZOID,
					  sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &times, &nulls, &times_width);
	state->width = Min(values.width, times_width);
	state->values = values.values;
	state->times = palloc(Max(state->width, 1) * sizeof(TimestampTz));
	for (int i = 0; i < state->width; i++)
		state->times[i] = nulls[i] ? DT_NOBEGIN : DatumGetTimestampTz(times[i]);
}

static void
widen_state(MachineState *state, int32 width)
{
	float8	   *values;
	TimestampTz *times;

	values = rig_values_allocate(width);
	times = palloc(width * sizeof(TimestampTz));
	for (int32 i = 0; i < width; i++)
	{
		values[i] = i < state->width ? state->values[i] : NAN;
		times[i] = i < state->width ? state->times[i] : DT_NOBEGIN;
	}
	state->values = values;
	state->times = times;
	state->width = width;
}

/* Applies rows of one machine, newest first, so that most of them have nothing left to say. */
static void
apply_rows(IngestBatch *batch, MachineState *state, IngestRow **rows, int32 count)
{
	TimestampTz settled = DT_NOBEGIN;	/* every position holds a value at least this new */

	for (int32 i = count - 1; i >= 0; i--)
	{
		const IngestValues *content = &rows[i]->content;
		TimestampTz ts = rows[i]->readings[0]->ts;

		if (!rows[i]->stored)
			state->readings++;
		if (ts >= state->ts)
		{
			state->ts = ts;
			state->received_at = batch->received_at;
			state->flags = content->flags;
		}
		if (content->state != RIG_STATE_UNKNOWN && ts >= state->state_ts)
		{
			state->state = content->state;
			state->state_ts = ts;
		}
		if (content->width > state->width)
		{
			widen_state(state, content->width);
			settled = DT_NOBEGIN;
		}
		if (ts <= settled)
			continue;
		settled = DT_NOEND;
		for (int32 p = 0; p < state->width; p++)
		{
			if (p < content->width && !isnan(content->values[p]) && ts >= state->times[p])
			{
				state->values[p] = content->values[p];
				state->times[p] = ts;
			}
			settled = Min(settled, state->times[p]);
		}
	}
}

/* Readings that came late open and close no incident. */
static void
advance_incidents(IngestBatch *batch, MachineState *state, IngestRow **rows, int32 count)
{
	int32		first = 0;

	while (first < count && (rows[first]->stored || rows[first]->readings[0]->ts <= state->ts))
		first++;
	rig_incidents_advance(batch, &state->incidents, rows + first, count - first);
}

static Datum
times_to_array(const MachineState *state)
{
	Datum	   *elements = palloc(Max(state->width, 1) * sizeof(Datum));
	bool	   *nulls = palloc(Max(state->width, 1) * sizeof(bool));
	int			dims[1] = {state->width};
	int			lower_bounds[1] = {1};

	for (int32 i = 0; i < state->width; i++)
	{
		elements[i] = TimestampTzGetDatum(state->times[i]);
		nulls[i] = state->times[i] == DT_NOBEGIN;
	}
	if (state->width == 0)
		return PointerGetDatum(construct_empty_array(TIMESTAMPTZOID));
	return PointerGetDatum(construct_md_array(elements, nulls, 1, dims, lower_bounds, TIMESTAMPTZOID,
											  sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
write_state(RigKeyedTable *table, int32 machine_id, const MachineState *state)
{
	TupleTableSlot *slot = rig_keyed_table_begin_change(table);
	IngestValues content = {.width = state->width, .values = state->values};

	for (int32 i = 0; i < content.width; i++)
		content.present += !isnan(content.values[i]);
	memset(slot->tts_isnull, false, STATE_COLUMNS * sizeof(bool));
	slot->tts_values[STATE_MACHINE_ID - 1] = Int32GetDatum(machine_id);
	slot->tts_values[STATE_TS - 1] = TimestampTzGetDatum(state->ts);
	slot->tts_values[STATE_RECEIVED_AT - 1] = TimestampTzGetDatum(state->received_at);
	slot->tts_values[STATE_STATE - 1] = Int16GetDatum(state->state);
	slot->tts_values[STATE_STATE_TS - 1] = TimestampTzGetDatum(state->state_ts);
	slot->tts_isnull[STATE_STATE_TS - 1] = state->state_ts == DT_NOBEGIN;
	slot->tts_values[STATE_FLAGS - 1] = Int16GetDatum(state->flags);
	slot->tts_values[STATE_READINGS - 1] = Int64GetDatum(state->readings);
	slot->tts_values[STATE_REVISION - 1] = Int64GetDatum(state->revision + 1);
	write_incidents(slot, &state->incidents);
	slot->tts_values[STATE_SENSOR_VALUES - 1] = rig_values_to_array(&content);
	slot->tts_values[STATE_SENSOR_TIMES - 1] = times_to_array(state);
	slot->tts_values[STATE_ALARM_WINDOW - 1] = state->alarms.window;
	slot->tts_isnull[STATE_ALARM_WINDOW - 1] = state->alarms.quiet;
	rig_keyed_table_change(table);
}

void
rig_ingest_update_state(IngestBatch *batch)
{
	IngestRow **rows = palloc(Max(batch->row_count, 1) * sizeof(IngestRow *));
	int32		count = 0;
	int32		first = 0;
	RigKeyedTable table;

	for (int32 i = 0; i < batch->row_count; i++)
		if (!batch->rows[i].stored || batch->rows[i].changes_stored)
			rows[count++] = &batch->rows[i];
	if (count == 0)
		return;
	qsort(rows, count, sizeof(IngestRow *), compare_rows);

	rig_keyed_table_open(&table, "machine_state", STATE_COLUMNS);
	while (first < count)
	{
		int32		machine_id = rows[first]->readings[0]->machine_id;
		RigMachine *machine = rig_catalog_machine_by_id(batch->catalog, machine_id);
		int32		last = first + 1;
		MachineState state;
		int16		former_state;

		while (last < count && rows[last]->readings[0]->machine_id == machine_id)
			last++;
		lock_state(&table, machine_id);
		read_state(table.row, &state);
		advance_incidents(batch, &state, rows + first, last - first);
		rig_alarms_advance(batch, &state.alarms, machine, state.ts, rows + first, last - first);
		former_state = state.state;
		apply_rows(batch, &state, rows + first, last - first);
		if (state.alarms.changed || state.state != former_state)
			rig_alarms_settle(machine_id, state.state, state.state_ts == DT_NOBEGIN ? state.ts : state.state_ts);
		write_state(&table, machine_id, &state);
		rig_ingest_score_settle(machine_id, state.revision, state.revision + 1, state.ts);
		if (machine != NULL)
			rig_catalog_note_newest(machine, state.ts);
		first = last;
		CHECK_FOR_INTERRUPTS();
	}
	rig_keyed_table_close(&table);
	CommandCounterIncrement();
}
