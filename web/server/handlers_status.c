#include "handlers.h"
#include "parameters.h"

#define DEAD_LETTERS_DEFAULT 100
#define DEAD_LETTERS_MAX 1000

static const RigStatement STATUS = {
	"status", "SELECT row_to_json(v) FROM rigalpha_api.status v", 0
};

static const RigStatement DEAD_LETTERS = {
	"dead_letters",
	"SELECT json_build_object('dead_letters', coalesce(json_agg(v ORDER BY v.id DESC), '[]'))"
	" FROM (SELECT * FROM rigalpha_api.dead_letters ORDER BY id DESC LIMIT $1::int) v",
	1
};

static const RigStatement SOURCES = {
	"sources",
	"SELECT json_build_object('sources', coalesce(json_agg(v ORDER BY v.source, v.slot), '[]'))"
	" FROM rigalpha_api.kafka_status v",
	0
};

bool
rig_handle_status(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &STATUS, NULL, failure);
}

bool
rig_handle_dead_letters(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		limit[RIG_PARAMETER_SIZE];
	const char *values[] = {limit};

	if (!rig_parameter_limit(request, DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX, limit))
		return true;
	return rig_answer_json(request, database, &DEAD_LETTERS, values, failure);
}

bool
rig_handle_sources(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &SOURCES, NULL, failure);
}
