/* Limit alarms of machines, evaluated while readings arrive. */
#ifndef RIG_INGEST_ALARM_H
#define RIG_INGEST_ALARM_H

#include "ingest.h"

/* machine_state.alarm_window. */
typedef struct AlarmState
{
	Datum		window;			/* bytea */
	bool		quiet;			/* there is none: every sensor is normal */
	bool		changed;		/* alarms were raised, changed or returned */
} AlarmState;

/*
 * Takes the rows of one machine, in time order, that are new or hold more than before; newest is
 * the newest device time before them. A row that is late by no more than rigalpha.alarm_lateness
 * counts where it belongs: what then no longer holds is retracted.
 */
extern void rig_alarms_advance(IngestBatch *batch, AlarmState *alarms, RigMachine *machine, TimestampTz newest,
							   IngestRow **rows, int32 count);

/* Suppresses and releases the alarms of a machine by what it is doing. */
extern void rig_alarms_settle(int32 machine_id, int16 state, TimestampTz ts);

#endif
