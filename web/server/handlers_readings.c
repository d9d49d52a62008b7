#include <stddef.h>

#include "handlers.h"
#include "parameters.h"

#define READINGS_DEFAULT 5000
#define READINGS_MAX 100000

/* Without from: the hour before to. Without to: all there is, also from clocks that run ahead. */
static const RigStatement READINGS = {
	"readings",
	"SELECT rigalpha_api.readings($1,"
	"       coalesce($2::timestamptz, coalesce($3::timestamptz, now()) - interval '1 hour'),"
	"       coalesce($3::timestamptz, now() + interval '1 day'), $4::text[], $5::int)",
	5
};

bool
rig_handle_readings(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		from[RIG_PARAMETER_SIZE];
	char		to[RIG_PARAMETER_SIZE];
	char		limit[RIG_PARAMETER_SIZE];
	const char *values[] = {request->captures[0], NULL, NULL, NULL, limit};
	RigBuffer	sensors = {0};
	bool		answered;

	if (!rig_parameter_time(request, "from", from, &values[1]) ||
		!rig_parameter_time(request, "to", to, &values[2]) ||
		!rig_parameter_limit(request, READINGS_DEFAULT, READINGS_MAX, limit))
		return true;
	rig_parameter_list(request, "sensors", &sensors, &values[3]);
	answered = rig_answer_json(request, database, &READINGS, values, failure);
	rig_buffer_release(&sensors);
	return answered;
}
