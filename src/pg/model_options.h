/* Options of training as SQL gives them: one table of names, ranges and defaults. */
#ifndef RIG_MODEL_OPTIONS_H
#define RIG_MODEL_OPTIONS_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "model_train.h"

typedef struct RigModelOptions
{
	RigTrainingOptions training;	/* false_alarm_rate 0 = not given */
	int32		max_rows;		/* newest rows that are trained on, at most */
} RigModelOptions;

/* Raises an error that lists the valid names. */
extern RigAlgorithm rig_algorithm_by_name(const char *name);

extern const char *rig_algorithm_name(RigAlgorithm algorithm);

/* Defaults overridden by given (NULL = none); an unknown key or a bad value is an error. */
extern RigModelOptions rig_options_read(RigAlgorithm algorithm, Jsonb *given);

/*
 * Takes the period of the rows in microseconds (0 = they have no time), and fills in a rate of
 * false alarms that was not given, so that it keeps to rigalpha.false_alarms_per_day.
 */
extern void rig_options_set_period(RigModelOptions *options, int64 period);

/* Appends all options as a JSON object. */
extern void rig_options_append(StringInfo text, const RigModelOptions *options);

#endif
