/* Incidents of machines: opened, followed and closed while readings arrive. */
#ifndef RIG_INGEST_INCIDENT_H
#define RIG_INGEST_INCIDENT_H

#include "ingest.h"
#include "persistence.h"

/* What machine_state remembers of the incidents of a machine. */
typedef struct IncidentState
{
	RigEpisode	episode;
	int64		anomaly_id;		/* open incident; 0 = none */
	int64		stuck_id;
	float		risk;			/* of the newest scored reading; NaN = none */
	int32		model_version;	/* that scored it; 0 = none */
} IncidentState;

/*
 * Takes the rows of one machine that are newer than any before, in time order. Late readings
 * are scored and stored, but open and close nothing.
 */
extern void rig_incidents_advance(IngestBatch *batch, IncidentState *state, IngestRow **rows, int32 count);

#endif
