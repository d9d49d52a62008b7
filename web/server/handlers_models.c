#include "handlers.h"

static const RigStatement MODELS = {
	"models",
	"SELECT json_build_object('models', coalesce(json_agg(v ORDER BY v.model, v.version), '[]'))"
	" FROM rigalpha_api.models v",
	0
};

static const RigStatement TRAINING = {
	"training",
	"SELECT json_build_object('training', coalesce(json_agg(v ORDER BY v.machine), '[]'))"
	" FROM rigalpha_api.training v",
	0
};

bool
rig_handle_models(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &MODELS, NULL, failure);
}

bool
rig_handle_training(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &TRAINING, NULL, failure);
}
