#include <string.h>

#include "handlers.h"
#include "ingest_queue.h"
#include "problem.h"

static const RigStatement READY = {"ready", "SELECT ready, reason FROM rigalpha.readiness()", 0};

static bool
answer_fine(RigRequest *request, const char *body)
{
	request->response.status = 200;
	request->response.content_type = "application/json";
	rig_buffer_text(&request->response.body, body);
	return true;
}

bool
rig_handle_alive(RigRequest *request)
{
	return answer_fine(request, "{\"alive\":true}\n");
}

/* Ready means that both doors work: reading, and the writer of ingest. */
bool
rig_handle_ready(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(database, &READY, NULL, failure);
	bool		ready;

	if (rows == NULL)
		return false;
	ready = PQntuples(rows) == 1 && strcmp(PQgetvalue(rows, 0, 0), "t") == 0;
	if (!ready)
		rig_problem_answer(request, RIG_PROBLEM_NOT_SET_UP, PQntuples(rows) == 1 ? PQgetvalue(rows, 0, 1) : NULL);
	PQclear(rows);
	if (!ready)
		return true;
	if (!rig_ingest_queue_is_ready(failure))
		return false;
	return answer_fine(request, "{\"ready\":true}\n");
}
