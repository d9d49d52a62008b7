#include "handlers.h"
#include "live_json.h"

static const RigStatement MACHINES = {
	"machines",
	"SELECT json_build_object('machines', coalesce(json_agg(v ORDER BY v.name), '[]'))"
	" FROM rigalpha_api.machines v",
	0
};

static const RigStatement MACHINE = {
	"machine", "SELECT row_to_json(v) FROM rigalpha_api.machines v WHERE v.name = $1", 1
};

static const RigStatement MACHINE_SENSORS = {
	"machine_sensors",
	"SELECT json_build_object('sensors',"
	"       (SELECT coalesce(json_agg(v ORDER BY v.display_order, v.name), '[]')"
	"          FROM rigalpha_api.machine_sensors v WHERE v.machine = m.name))"
	" FROM rigalpha_api.machines m WHERE m.name = $1",
	1
};

static const RigStatement MACHINE_STATE = {
	"machine_state", "SELECT " RIG_LIVE_JSON " FROM rigalpha_api.live v WHERE v.machine = $1", 1
};

bool
rig_handle_machines(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &MACHINES, NULL, failure);
}

bool
rig_handle_machine(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &MACHINE, request->captures, failure);
}

bool
rig_handle_machine_sensors(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &MACHINE_SENSORS, request->captures, failure);
}

bool
rig_handle_machine_state(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &MACHINE_STATE, request->captures, failure);
}
