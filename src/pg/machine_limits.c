#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"

#include "kept_plan.h"
#include "machine_limits.h"

/* Columns of the query, after the position. */
enum
{
	LIMIT_COLUMN = 2,
	DEADBAND_COLUMN = LIMIT_COLUMN + RIG_LIMIT_KINDS,
	ON_DELAY_COLUMN,
	OFF_DELAY_COLUMN
};

RigLimits *
rig_limits_make(MemoryContext context, int32 width)
{
	RigLimits  *limits = MemoryContextAllocZero(context, sizeof(RigLimits));
	double	   *numbers = MemoryContextAllocZero(context, Max(width, 1) * (RIG_LIMIT_KINDS + 3) * sizeof(double));
	int64_t    *delays = MemoryContextAllocZero(context, Max(width, 1) * 2 * sizeof(int64_t));

	limits->width = width;
	for (int kind = 0; kind < RIG_LIMIT_KINDS; kind++)
	{
		limits->limit[kind] = numbers + kind * width;
		for (int32 p = 0; p < width; p++)
			rig_limits_set(limits, kind, p, (Datum) 0, true);
	}
	limits->deadband = numbers + RIG_LIMIT_KINDS * width;
	limits->lowest = limits->deadband + width;
	limits->highest = limits->lowest + width;
	limits->on_delay = delays;
	limits->off_delay = delays + width;
	rig_limits_settle(limits);
	return limits;
}

void
rig_limits_set(RigLimits *limits, RigLimitKind kind, int32 position, Datum value, bool isnull)
{
	double		none = kind == RIG_LIMIT_HIHI || kind == RIG_LIMIT_HI ? INFINITY : -INFINITY;

	limits->limit[kind][position] = isnull ? none : DatumGetFloat8(value);
}

static Datum
column_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* Reads under the latest snapshot, also in a transaction with an older one. */
static RigLimits *
load_limits(RigCatalog *catalog, const RigMachine *machine)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT4OID;
	Datum		argument = Int32GetDatum(machine->id);
	RigLimits  *limits = NULL;
	bool		isnull;

	SPI_connect();
	rig_keep_plan(&plan, "SELECT ms.position, t.hihi, t.lolo, t.hi, t.lo, t.deadband,"
				  " (extract(epoch FROM t.on_delay) * 1000000)::bigint, (extract(epoch FROM t.off_delay) * 1000000)::bigint"
				  " FROM rigalpha.effective_thresholds t"
				  " JOIN rigalpha.machine_sensors ms ON ms.machine_id = t.machine_id AND ms.sensor_id = t.sensor_id"
				  " WHERE t.machine_id = $1 ORDER BY ms.position DESC", 1, &type);
	if (SPI_execute_snapshot(plan, &argument, NULL, GetLatestSnapshot(), InvalidSnapshot, true, false,
							 0) != SPI_OK_SELECT)
		elog(ERROR, "look-up of limits failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int32		position = DatumGetInt16(column_value(i, 1, &isnull)) - 1;

		if (limits == NULL)
			limits = rig_limits_make(catalog->context, position + 1);
		for (int kind = 0; kind < RIG_LIMIT_KINDS; kind++)
		{
			Datum		value = column_value(i, LIMIT_COLUMN + kind, &isnull);

			rig_limits_set(limits, kind, position, value, isnull);
		}
		limits->deadband[position] = DatumGetFloat8(column_value(i, DEADBAND_COLUMN, &isnull));
		limits->on_delay[position] = DatumGetInt64(column_value(i, ON_DELAY_COLUMN, &isnull));
		limits->off_delay[position] = DatumGetInt64(column_value(i, OFF_DELAY_COLUMN, &isnull));
	}
	SPI_finish();
	if (limits != NULL)
		rig_limits_settle(limits);
	return limits;
}

const RigLimits *
rig_machine_limits(RigCatalog *catalog, RigMachine *machine)
{
	if (!machine->limits_loaded)
	{
		machine->limits = load_limits(catalog, machine);
		machine->limits_loaded = true;
	}
	return machine->limits;
}
