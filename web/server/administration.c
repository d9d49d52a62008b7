#include "administration.h"

#include <string.h>

#include "json_body.h"
#include "problem.h"

/* A SQLSTATE, or the start of one, as these functions use it; the first match counts. */
static const struct
{
	const char *prefix;
	RigProblem	problem;
	bool		explained;		/* the message was written for the client */
}			REFUSALS[] = {
	{"42501", RIG_PROBLEM_FORBIDDEN, false},
	{"42704", RIG_PROBLEM_NOT_FOUND, true},
	{"02000", RIG_PROBLEM_NOT_FOUND, true},
	{"42710", RIG_PROBLEM_CONFLICT, true},
	{"55000", RIG_PROBLEM_CONFLICT, true},
	{"22023", RIG_PROBLEM_BAD_BODY, true},
	{"22004", RIG_PROBLEM_BAD_BODY, true},
	{"22P02", RIG_PROBLEM_BAD_BODY, true},
	{"22", RIG_PROBLEM_BAD_BODY, false},
};

static bool
answer_refusal(RigRequest *request, const RigFailure *failure)
{
	for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++)
	{
		RigProblem	problem = REFUSALS[i].problem;

		if (strncmp(failure->sqlstate, REFUSALS[i].prefix, strlen(REFUSALS[i].prefix)) != 0)
			continue;
		if (problem == RIG_PROBLEM_BAD_BODY && request->body.length == 0)
			problem = RIG_PROBLEM_BAD_PARAMETER;
		rig_problem_answer(request, problem, REFUSALS[i].explained ? failure->message : NULL);
		return true;
	}
	return false;
}

PGresult *
rig_administration_query(RigRequest *request, RigDatabase *database, const RigStatement *statement,
						 const char *const *values, bool *done, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(database, statement, values, failure);

	*done = rows == NULL && answer_refusal(request, failure);
	return rows;
}

bool
rig_administration_json(RigRequest *request, RigDatabase *database, const RigStatement *statement,
						const char *const *values, int status, RigFailure *failure)
{
	bool		done;
	PGresult   *rows = rig_administration_query(request, database, statement, values, &done, failure);

	if (rows == NULL)
		return done;
	if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, 0))
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else
	{
		request->response.status = status;
		request->response.content_type = "application/json";
		rig_buffer_append(&request->response.body, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0));
		rig_buffer_text(&request->response.body, "\n");
	}
	PQclear(rows);
	return true;
}

bool
rig_administration_act(RigRequest *request, RigDatabase *database, const RigStatement *statement,
					   const char *const *values, RigFailure *failure)
{
	bool		done;
	PGresult   *rows = rig_administration_query(request, database, statement, values, &done, failure);

	if (rows == NULL)
		return done;
	if (PQntuples(rows) == 1 && strcmp(PQgetvalue(rows, 0, 0), "f") == 0)
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else
		request->response.status = 204;
	PQclear(rows);
	return true;
}

const char *
rig_administration_body(RigRequest *request)
{
	const RigBuffer *body = &request->body;

	if (body->length == 0)
		rig_problem_answer(request, RIG_PROBLEM_EMPTY_BODY, NULL);
	else if (body->length > RIG_JSON_BODY_MAX)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, NULL);
	else if (memchr(body->data, '\0', body->length) != NULL)
		rig_problem_answer(request, RIG_PROBLEM_BAD_BODY, "it is not JSON");
	else
		return body->data;
	return NULL;
}
