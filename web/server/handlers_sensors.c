#include "handlers.h"

static const RigStatement SENSORS = {
	"sensors",
	"SELECT json_build_object('sensors', coalesce(json_agg(v ORDER BY v.name), '[]'))"
	" FROM rigalpha_api.sensors v",
	0
};

bool
rig_handle_sensors(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &SENSORS, NULL, failure);
}
