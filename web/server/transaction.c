#include "transaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "pool.h"
#include "problem.h"
#include "router.h"
#include "sse_hub.h"

/*
 * The rights end where they begin: the role is taken by the statement that proves the session, and a
 * read may no more write after it. Before, it may have noted that the session was used.
 */
static const RigStatement BEGIN_SESSION = {
	"begin_session",
	"SELECT s.user_id, s.user_name, s.role, s.must_change_password, s.session_id, coalesce(s.address, ''),"
	"       CASE WHEN $2::boolean THEN set_config('role', 'rigalpha_' || s.role, true) END,"
	"       CASE WHEN $3::boolean THEN set_config('transaction_read_only', 'on', true) END"
	"  FROM rigalpha.begin_session($1) s",
	3
};

static const RigStatement NOTE_REFUSAL = {"note_refusal", "SELECT rigalpha.note_refusal($1)", 1};

typedef enum Outcome
{
	DONE,						/* committed */
	REFUSED,					/* rolled back, because the request is answered with an error */
	FAILED_UNDONE,				/* failed, and nothing of it is stored */
	FAILED_UNKNOWN				/* the connection died where the work may be stored */
} Outcome;

static bool
begin(RigDatabase *database, const char *command, const char *token, bool take_role, bool read_only,
	  RigIdentity *identity, RigFailure *failure)
{
	const char *values[] = {token, take_role ? "t" : "f", read_only ? "t" : "f"};
	PGresult   *rows = rig_database_begin(database, command, &BEGIN_SESSION, values, failure);

	if (rows == NULL)
		return false;
	identity->user_id = atoi(PQgetvalue(rows, 0, 0));
	snprintf(identity->user_name, sizeof(identity->user_name), "%s", PQgetvalue(rows, 0, 1));
	snprintf(identity->role, sizeof(identity->role), "%s", PQgetvalue(rows, 0, 2));
	identity->must_change_password = *PQgetvalue(rows, 0, 3) == 't';
	identity->session_id = atoi(PQgetvalue(rows, 0, 4));
	snprintf(identity->address, sizeof(identity->address), "%s", PQgetvalue(rows, 0, 5));
	PQclear(rows);
	return true;
}

static bool
is_read(const RigRequest *request)
{
	return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static Outcome
attempt(RigRequest *request, RigDatabase *database, RigTransaction kind, RigTransactionWork work, bool *began,
		RigFailure *failure)
{
	if (kind == RIG_TRANSACTION_NONE)
	{
		*began = true;
		if (work(request, database, failure))
			return DONE;
		return rig_failure_is_connection(failure) ? FAILED_UNKNOWN : FAILED_UNDONE;
	}
	*began = begin(database, "BEGIN", request->session_token, kind == RIG_TRANSACTION_ROLE, is_read(request),
				   &request->identity, failure);
	if (*began && request->identity.must_change_password && request->route->access == RIG_ACCESS_USER)
		rig_problem_answer(request, RIG_PROBLEM_PASSWORD_CHANGE_REQUIRED, NULL);
	else if (!*began || !work(request, database, failure))
	{
		rig_database_end(database, false, NULL);
		return FAILED_UNDONE;
	}
	if (request->response.status >= 400)
	{
		rig_database_end(database, false, NULL);
		return REFUSED;
	}
	if (rig_database_end(database, true, failure))
		return DONE;
	return rig_failure_is_connection(failure) ? FAILED_UNKNOWN : FAILED_UNDONE;
}

/* Takes back what was answered before the transaction failed. */
static void
forget_answer(RigRequest *request)
{
	if (request->stream != NULL)
		rig_sse_hub_leave(request->stream);
	request->stream = NULL;
	rig_response_reset(&request->response);
}

/*
 * A connection that died says nothing about the database now: after a restart of the server all
 * those of the pool are dead, and the next one is new.
 */
bool
rig_transaction_run(RigRequest *request, RigTransaction kind, RigTransactionWork work)
{
	for (int64_t attempts = 1;; attempts++)
	{
		RigFailure	failure = {0};
		RigDatabase *database = rig_pool_acquire(request->queued + rig_config.wait_ms, &failure);
		Outcome		outcome;
		bool		began;

		if (database == NULL)
		{
			rig_problem_answer_failure(request, &failure);
			return false;
		}
		outcome = attempt(request, database, kind, work, &began, &failure);
		rig_pool_release(database);
		if (outcome == DONE || outcome == REFUSED)
			return outcome == DONE;
		forget_answer(request);
		if (rig_failure_is_connection(&failure) && attempts <= rig_config.pool_max && (is_read(request) || !began))
			continue;
		if (outcome == FAILED_UNKNOWN && !is_read(request))
			rig_problem_answer(request, RIG_PROBLEM_OUTCOME_UNKNOWN, NULL);
		else
			rig_problem_answer_failure(request, &failure);
		return false;
	}
}

bool
rig_transaction_begin_watching(RigDatabase *database, const char *token, RigIdentity *identity, RigFailure *failure)
{
	return begin(database, "BEGIN READ ONLY", token, true, true, identity, failure);
}

void
rig_transaction_end_watching(RigDatabase *database)
{
	rig_database_end(database, false, NULL);
}

void
rig_transaction_note_refusal(const RigRequest *request)
{
	RigFailure	failure = {0};
	RigDatabase *database = rig_pool_acquire(rig_clock_now() + rig_config.wait_ms, &failure);
	RigIdentity identity;
	char		route[128];
	const char *values[] = {route};
	PGresult   *rows = NULL;

	snprintf(route, sizeof(route), "%s %s", request->route->method, request->route->pattern);
	if (database != NULL)
	{
		if (begin(database, "BEGIN", request->session_token, false, false, &identity, &failure))
			rows = rig_database_query(database, &NOTE_REFUSAL, values, &failure);
		if (!rig_database_end(database, rows != NULL, &failure))
		{
			PQclear(rows);
			rows = NULL;
		}
		rig_pool_release(database);
	}
	if (rows == NULL)
		rig_log("error", "refusal not recorded", "request %s: SQLSTATE %s: %s", request->id, failure.sqlstate, failure.message);
	PQclear(rows);
}
