#include "administration.h"
#include "handlers.h"
#include "parameters.h"
#include "problem.h"

#define AUDIT_DEFAULT 100
#define AUDIT_MAX 1000

static const RigStatement AUDIT = {
	"audit", "SELECT rigalpha_api.audit($1::integer, $2, $3, $4, $5::bigint, $6::integer)", 6
};
static const RigStatement AUDIT_VERIFY = {"audit_verify", "SELECT rigalpha_api.audit_verification()", 0};
static const RigStatement AUDIT_CHECKPOINT = {"audit_checkpoint", "SELECT rigalpha_api.audit_checkpoint()", 0};

/* Value of a text parameter; NULL when it is absent or empty. */
static const char *
given_text(const RigRequest *request, const char *name)
{
	const char *given = rig_url_parameter(&request->url, name);

	return given != NULL && *given != '\0' ? given : NULL;
}

bool
rig_handle_audit(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		limit[RIG_PARAMETER_SIZE];
	const char *values[] = {
		NULL, given_text(request, "machine"), given_text(request, "kind"), given_text(request, "user"), NULL, limit
	};

	if (!rig_parameter_number(request, "chain", INT32_MAX, &values[0]) ||
		!rig_parameter_number(request, "before", INT64_MAX, &values[4]) ||
		!rig_parameter_limit(request, AUDIT_DEFAULT, AUDIT_MAX, limit))
		return true;
	return rig_administration_json(request, database, &AUDIT, values, 200, failure);
}

bool
rig_handle_audit_verify(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_json(request, database, &AUDIT_VERIFY, NULL, 200, failure);
}

bool
rig_handle_audit_checkpoint(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(database, &AUDIT_CHECKPOINT, NULL, failure);

	if (rows == NULL)
		return false;
	if (PQgetisnull(rows, 0, 0))
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else
	{
		request->response.status = 200;
		request->response.content_type = "text/plain; charset=utf-8";
		rig_buffer_append(&request->response.body, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0));
	}
	PQclear(rows);
	return true;
}
