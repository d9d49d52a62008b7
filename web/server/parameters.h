/* Query parameters, checked and written as the text that a statement takes. */
#ifndef RIG_PARAMETERS_H
#define RIG_PARAMETERS_H

#include <stdbool.h>

#include "request.h"

#define RIG_PARAMETER_SIZE 48

/* limit=, a number from 1 to most; a bad one is answered, and false returned. */
extern bool rig_parameter_limit(RigRequest *request, int fallback, int most, char text[RIG_PARAMETER_SIZE]);

/* A whole number from 0 to most as text; *value is NULL when the parameter is absent or empty. */
extern bool rig_parameter_number(RigRequest *request, const char *name, int64_t most, const char **value);

/* true or false; *value stays as it is when the parameter is absent. */
extern bool rig_parameter_boolean(RigRequest *request, const char *name, const char **value);

/*
 * A time: RFC 3339 with an offset, or Unix milliseconds. *value points to text, or is NULL
 * when the parameter is absent; a bad one is answered, and false returned.
 */
extern bool rig_parameter_time(RigRequest *request, const char *name, char text[RIG_PARAMETER_SIZE],
							   const char **value);

/* A comma-separated list as a text[] literal; NULL in *value when the parameter is absent. */
extern void rig_parameter_list(const RigRequest *request, const char *name, RigBuffer *text,
							   const char **value);

#endif
