#include "handlers.h"
#include "parameters.h"

#define INCIDENTS_DEFAULT 100
#define INCIDENTS_MAX 1000

static const RigStatement INCIDENTS = {
	"incidents",
	"SELECT json_build_object('incidents', coalesce(json_agg(v ORDER BY v.started DESC, v.id DESC), '[]'))"
	" FROM (SELECT * FROM rigalpha_api.incidents ORDER BY started DESC, id DESC LIMIT $1::int) v",
	1
};

static const RigStatement MACHINE_INCIDENTS = {
	"machine_incidents",
	"SELECT json_build_object('incidents',"
	"       (SELECT coalesce(json_agg(v ORDER BY v.started DESC, v.id DESC), '[]')"
	"          FROM (SELECT * FROM rigalpha_api.incidents i WHERE i.machine = m.name"
	"                 ORDER BY i.started DESC, i.id DESC LIMIT $2::int) v))"
	" FROM rigalpha_api.machines m WHERE m.name = $1",
	2
};

bool
rig_handle_incidents(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		limit[RIG_PARAMETER_SIZE];
	const char *values[] = {limit};

	if (!rig_parameter_limit(request, INCIDENTS_DEFAULT, INCIDENTS_MAX, limit))
		return true;
	return rig_answer_json(request, database, &INCIDENTS, values, failure);
}

bool
rig_handle_machine_incidents(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		limit[RIG_PARAMETER_SIZE];
	const char *values[] = {request->captures[0], limit};

	if (!rig_parameter_limit(request, INCIDENTS_DEFAULT, INCIDENTS_MAX, limit))
		return true;
	return rig_answer_json(request, database, &MACHINE_INCIDENTS, values, failure);
}
