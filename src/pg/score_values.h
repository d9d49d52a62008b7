/* Scores as values of SQL: shared by what stores them, and by what returns them. */
#ifndef RIG_SCORE_VALUES_H
#define RIG_SCORE_VALUES_H

#include "scoring.h"

/* Sensors that an incident or a row of detect() names. */
#define RIG_NAMED_SENSORS 5

/* Risk and the surprises of the detectors, in the order of the columns of readings. */
#define RIG_STORED_SCORES 5

extern void rig_stored_scores(const RigScore *score, float *values);

/* Sets a float8 column, null for NaN. */
extern void rig_set_float(Datum *values, bool *nulls, int column, float8 value);

/* How many sensors of the explanation are named: those with a share, at most RIG_NAMED_SENSORS. */
extern int32 rig_named_sensors(const RigModel *model, const RigScore *score);

/* Their names as text[], the largest share first; empty without an explanation. */
extern Datum rig_named_sensors_array(const RigModel *model, const RigScore *score);

#endif
