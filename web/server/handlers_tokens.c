#include "administration.h"
#include "handlers.h"

static const RigStatement TOKENS = {"tokens", "SELECT rigalpha_api.tokens()", 0};
static const RigStatement ISSUE_TOKEN = {"issue_token", "SELECT rigalpha_api.issue_token($1::json)", 1};
static const RigStatement REVOKE_TOKEN = {"revoke_token", "SELECT rigalpha.revoke_token($1)", 1};

bool
rig_handle_tokens(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_json(request, database, &TOKENS, NULL, 200, failure);
}

bool
rig_handle_issue_token(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *document = rig_administration_body(request);

	return document == NULL || rig_administration_json(request, database, &ISSUE_TOKEN, &document, 201, failure);
}

bool
rig_handle_revoke_token(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_act(request, database, &REVOKE_TOKEN, request->captures, failure);
}
