#include "handlers.h"
#include "problem.h"

bool
rig_answer_json(RigRequest *request, RigDatabase *database, const RigStatement *statement,
				const char *const *values, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(database, statement, values, failure);

	if (rows == NULL)
		return false;
	if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, 0))
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
	else
	{
		request->response.status = 200;
		request->response.content_type = "application/json";
		rig_buffer_append(&request->response.body, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0));
		rig_buffer_text(&request->response.body, "\n");
	}
	PQclear(rows);
	return true;
}
