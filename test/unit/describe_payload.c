#include "describe_payload.h"

#include <inttypes.h>
#include <stdio.h>

static int
describe_value(char *out, const RigNames *names, const RigValue *value)
{
	int32_t		length;
	const char *name = rig_names_text(names, value->name, &length);
	int			written = sprintf(out, " %.*s=", length, name);

	if (value->kind == RIG_VALUE_NUMBER)
		return written + sprintf(out + written, "%.17g", value->number);
	return written + sprintf(out + written, "%s", value->kind == RIG_VALUE_OUT_OF_RANGE ? "huge" : "none");
}

void
describe_payload(char *out, const RigNames *names, const RigPayload *payload)
{
	*out = '\0';
	if (payload->reason != RIG_REASON_NONE)
		sprintf(out, "!%s", rig_reason_code(payload->reason));
	for (int32_t i = 0; i < payload->reading_count; i++)
	{
		const RigReading *reading = &payload->readings[i];

		if (i > 0)
			out += sprintf(out, " | ");
		if (reading->reason != RIG_REASON_NONE)
			out += sprintf(out, "!%s", rig_reason_code(reading->reason));
		if (reading->field != NULL)
			out += sprintf(out, ":%.*s", reading->field_length, reading->field);
		if (reading->reason != RIG_REASON_NONE && reading->machine != NULL)
			out += sprintf(out, " ");
		if (reading->machine != NULL)
			out += sprintf(out, "%.*s", reading->machine_length, reading->machine);
		if (reading->reason != RIG_REASON_NONE)
			continue;
		if (reading->has_time)
			out += sprintf(out, " @%" PRId64, reading->time_us);
		if (reading->state != NULL)
			out += sprintf(out, " (%.*s)", reading->state_length, reading->state);
		for (int32_t k = 0; k < reading->value_count; k++)
			out += describe_value(out, names, &payload->values[reading->first_value + k]);
	}
}
