/* Every error answer (RFC 9457) and the one table from SQLSTATE to HTTP status. */
#ifndef RIG_PROBLEM_H
#define RIG_PROBLEM_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

typedef enum RigProblem
{
	RIG_PROBLEM_MALFORMED,
	RIG_PROBLEM_BAD_PARAMETER,
	RIG_PROBLEM_EMPTY_BODY,
	RIG_PROBLEM_LOGIN_REQUIRED,
	RIG_PROBLEM_LOGIN_FAILED,
	RIG_PROBLEM_CODE_REQUIRED,
	RIG_PROBLEM_CROSS_SITE,
	RIG_PROBLEM_FORBIDDEN,
	RIG_PROBLEM_PASSWORD_CHANGE_REQUIRED,
	RIG_PROBLEM_WRONG_PASSWORD,
	RIG_PROBLEM_NOT_FOUND,
	RIG_PROBLEM_METHOD,
	RIG_PROBLEM_CONFLICT,
	RIG_PROBLEM_TOO_LARGE,
	RIG_PROBLEM_TOO_MANY_LINES,
	RIG_PROBLEM_MEDIA_TYPE,
	RIG_PROBLEM_WRONG_HOST,
	RIG_PROBLEM_UNUSABLE,
	RIG_PROBLEM_TOO_MANY_ROWS,
	RIG_PROBLEM_BAD_BODY,
	RIG_PROBLEM_WEAK_PASSWORD,
	RIG_PROBLEM_WRONG_CODE,
	RIG_PROBLEM_TOO_MANY_ATTEMPTS,
	RIG_PROBLEM_SESSION_STREAMS,
	RIG_PROBLEM_HEADER_TOO_LARGE,
	RIG_PROBLEM_INTERNAL,
	RIG_PROBLEM_DATABASE_AWAY,
	RIG_PROBLEM_OUTCOME_UNKNOWN,
	RIG_PROBLEM_NOT_INSTALLED,
	RIG_PROBLEM_NOT_SET_UP,
	RIG_PROBLEM_DATABASE_BUSY,
	RIG_PROBLEM_TIMED_OUT,
	RIG_PROBLEM_OVERLOADED,
	RIG_PROBLEM_TOO_MANY_STREAMS,
	RIG_PROBLEM_STOPPING
} RigProblem;

/* Answers with a problem; detail may be NULL. */
extern void rig_problem_answer(RigRequest *request, RigProblem problem, const char *detail);

/* The same with further members, given as JSON text that starts with a comma. */
extern void rig_problem_answer_with(RigRequest *request, RigProblem problem, const char *detail,
									const char *members);

/* Answers that there is no session, and takes the cookie back. */
extern void rig_problem_answer_login(RigRequest *request);

/* Answers with what a database failure means to a client; the server's text stays inside. */
extern void rig_problem_answer_failure(RigRequest *request, const RigFailure *failure);

/* The problem behind a failure, and a detail text or NULL. */
extern RigProblem rig_problem_of_failure(const RigFailure *failure);

/* Whether the failure is one of the environment: it would hit any request, so a client may repeat. */
extern bool rig_problem_is_environment(const RigFailure *failure);

#endif
