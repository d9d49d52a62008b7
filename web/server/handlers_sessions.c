#include <string.h>

#include "administration.h"
#include "handlers.h"
#include "parameters.h"
#include "problem.h"

static const RigStatement SESSIONS = {"sessions", "SELECT rigalpha_api.sessions($1::boolean)", 1};
static const RigStatement REVOKE_SESSION = {"revoke_session", "SELECT rigalpha.revoke_session($1::integer)", 1};
static const RigStatement REVOKE_OTHERS = {
	"revoke_other_sessions", "SELECT json_build_object('ended', rigalpha.revoke_other_sessions())", 0
};

bool
rig_handle_sessions(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *all = "false";

	if (!rig_parameter_boolean(request, "all", &all))
		return true;
	return rig_administration_json(request, database, &SESSIONS, &all, 200, failure);
}

/* What is no number names no session. */
bool
rig_handle_revoke_session(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *id = request->captures[0];
	size_t		digits = strspn(id, "0123456789");

	if (digits >= 1 && digits <= 9 && id[digits] == '\0')
		return rig_administration_act(request, database, &REVOKE_SESSION, &id, failure);
	rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	return true;
}

bool
rig_handle_revoke_other_sessions(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_json(request, database, &REVOKE_OTHERS, NULL, 200, failure);
}
