/* limit_episodes(): alarms that limits would have raised over stored readings. */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "machine_limits.h"
#include "pg_compat.h"

#define FETCH_ROWS 1000

RIG_SQL_FUNCTION(rig_limit_episodes);

/* Arguments of limit_episodes(). */
enum
{
	ARGUMENT_MACHINE,
	ARGUMENT_POSITION,
	ARGUMENT_FROM,
	ARGUMENT_TO,
	ARGUMENT_LOLO,
	ARGUMENT_LO,
	ARGUMENT_HI,
	ARGUMENT_HIHI,
	ARGUMENT_DEADBAND,
	ARGUMENT_ON_DELAY,
	ARGUMENT_OFF_DELAY
};

typedef struct Episodes
{
	ReturnSetInfo *result;
	RigLimits  *limits;
	RigSensorMonitor sensor;
	RigMonitorState state;
	bool		open;
	TimestampTz raised;
	int8		level;			/* worst so far */
	double		value;			/* that it was raised by */
} Episodes;

static void
put_episode(Episodes *episodes, TimestampTz returned)
{
	static const char *const names[RIG_LIMIT_KINDS] = {"hihi", "lolo", "hi", "lo"};
	Datum		values[4] = {TimestampTzGetDatum(episodes->raised), TimestampTzGetDatum(returned),
	CStringGetTextDatum(names[episodes->level]), Float8GetDatum(episodes->value)};
	bool		nulls[4] = {false, returned == DT_NOEND, false, false};

	tuplestore_putvalues(episodes->result->setResult, episodes->result->setDesc, values, nulls);
	episodes->open = false;
}

static void
take_value(Episodes *episodes, TimestampTz ts, double value)
{
	RigLevelChange change;

	if (rig_monitor_advance(episodes->limits, &episodes->state, ts, &value, 1, &change) == 0)
		return;
	if (change.to == RIG_LEVEL_NORMAL)
		put_episode(episodes, ts);
	else if (!episodes->open)
	{
		episodes->open = true;
		episodes->raised = ts;
		episodes->level = change.to;
		episodes->value = change.value;
	}
	else
		episodes->level = Min(episodes->level, change.to);
}

static void
take_rows(Episodes *episodes)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		isnull;
		TimestampTz ts = DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
		Datum		value = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull);

		/* Also a reading without the sensor: its delays go on. */
		take_value(episodes, ts, isnull ? NAN : DatumGetFloat8(value));
	}
}

static RigLimits *
take_limits(FunctionCallInfo fcinfo)
{
	RigLimits  *limits = rig_limits_make(CurrentMemoryContext, 1);

	rig_limits_set(limits, RIG_LIMIT_LOLO, 0, PG_GETARG_DATUM(ARGUMENT_LOLO), PG_ARGISNULL(ARGUMENT_LOLO));
	rig_limits_set(limits, RIG_LIMIT_LO, 0, PG_GETARG_DATUM(ARGUMENT_LO), PG_ARGISNULL(ARGUMENT_LO));
	rig_limits_set(limits, RIG_LIMIT_HI, 0, PG_GETARG_DATUM(ARGUMENT_HI), PG_ARGISNULL(ARGUMENT_HI));
	rig_limits_set(limits, RIG_LIMIT_HIHI, 0, PG_GETARG_DATUM(ARGUMENT_HIHI), PG_ARGISNULL(ARGUMENT_HIHI));
	limits->deadband[0] = PG_GETARG_FLOAT8(ARGUMENT_DEADBAND);
	limits->on_delay[0] = PG_GETARG_INT64(ARGUMENT_ON_DELAY);
	limits->off_delay[0] = PG_GETARG_INT64(ARGUMENT_OFF_DELAY);
	rig_limits_settle(limits);
	return limits;
}

static void
require_arguments(FunctionCallInfo fcinfo)
{
	for (int i = 0; i <= ARGUMENT_OFF_DELAY; i++)
		if (PG_ARGISNULL(i) && (i < ARGUMENT_LOLO || i > ARGUMENT_HIHI))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only limits may be null")));
}

Datum
rig_limit_episodes(PG_FUNCTION_ARGS)
{
	Oid			types[4] = {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		arguments[4];
	Episodes	episodes = {0};
	Portal		portal;

	require_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	episodes.result = (ReturnSetInfo *) fcinfo->resultinfo;
	episodes.limits = take_limits(fcinfo);
	episodes.state.sensors = &episodes.sensor;
	for (int i = 0; i <= ARGUMENT_TO; i++)
		arguments[i] = PG_GETARG_DATUM(i);

	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, "SELECT ts, sensor_values[$2] FROM rigalpha.readings"
									   " WHERE machine_id = $1 AND ts >= $3 AND ts < $4 ORDER BY ts",
									   4, types, arguments, NULL, true, 0);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		take_rows(&episodes);
		SPI_freetuptable(SPI_tuptable);
	}
	while (SPI_processed > 0);
	SPI_cursor_close(portal);
	if (episodes.open)
		put_episode(&episodes, DT_NOEND);
	SPI_finish();
	return (Datum) 0;
}
