#include "problem.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

#define DETAIL_MAX 400
#define INSTANCE_MAX 200

typedef struct ProblemKind
{
	int			status;
	int			retry_after;	/* seconds, 0 = no such header */
	const char *name;			/* last part of the type URI */
	const char *title;
} ProblemKind;

static const ProblemKind KINDS[] = {
	[RIG_PROBLEM_MALFORMED] = {400, 0, "malformed-request", "The request is malformed"},
	[RIG_PROBLEM_BAD_PARAMETER] = {400, 0, "bad-parameter", "A parameter is not valid"},
	[RIG_PROBLEM_EMPTY_BODY] = {400, 0, "empty-body", "The body is empty"},
	[RIG_PROBLEM_LOGIN_REQUIRED] = {401, 0, "login-required", "Log in first"},
	[RIG_PROBLEM_LOGIN_FAILED] = {401, 0, "login-failed", "Name, password or code is wrong"},
	[RIG_PROBLEM_CODE_REQUIRED] = {401, 0, "code-required", "A code of the second factor is needed"},
	[RIG_PROBLEM_TOKEN_REQUIRED] = {401, 0, "token-required", "A token of a device is needed"},
	[RIG_PROBLEM_TOKEN_REFUSED] = {401, 0, "token-refused", "The token is not accepted"},
	[RIG_PROBLEM_CROSS_SITE] = {403, 0, "cross-site", "Cross-site requests are refused"},
	[RIG_PROBLEM_FORBIDDEN] = {403, 0, "forbidden", "Not allowed"},
	[RIG_PROBLEM_PASSWORD_CHANGE_REQUIRED] = {403, 0, "password-change-required", "Change the given password first"},
	[RIG_PROBLEM_WRONG_PASSWORD] = {403, 0, "wrong-password", "The password is wrong"},
	[RIG_PROBLEM_NOT_FOUND] = {404, 0, "not-found", "There is nothing here"},
	[RIG_PROBLEM_METHOD] = {405, 0, "method-not-allowed", "This method is not allowed here"},
	[RIG_PROBLEM_CONFLICT] = {409, 0, "conflict", "Something stands against it"},
	[RIG_PROBLEM_TOO_LARGE] = {413, 0, "body-too-large", "The body is too large"},
	[RIG_PROBLEM_TOO_MANY_LINES] = {413, 0, "too-many-lines", "The body has too many lines"},
	[RIG_PROBLEM_MEDIA_TYPE] = {415, 0, "unsupported-media-type", "This content type is not supported"},
	[RIG_PROBLEM_WRONG_HOST] = {421, 0, "wrong-host", "The Host header does not name this server"},
	[RIG_PROBLEM_UNUSABLE] = {422, 0, "nothing-usable", "Nothing in the body could be stored"},
	[RIG_PROBLEM_TOO_MANY_ROWS] = {422, 0, "too-many-rows", "The answer would have too many rows"},
	[RIG_PROBLEM_BAD_BODY] = {422, 0, "bad-body", "The body is not valid"},
	[RIG_PROBLEM_WEAK_PASSWORD] = {422, 0, "weak-password", "The password is too easy to guess"},
	[RIG_PROBLEM_WRONG_CODE] = {422, 0, "wrong-code", "The code is wrong"},
	[RIG_PROBLEM_TOO_MANY_ATTEMPTS] = {429, 0, "too-many-attempts", "Too many attempts"},
	[RIG_PROBLEM_SESSION_STREAMS] = {429, 5, "too-many-streams", "This session has too many event streams open"},
	[RIG_PROBLEM_KEY_REUSED] = {422, 0, "key-reused", "The Idempotency-Key came before with another body"},
	[RIG_PROBLEM_QUOTA] = {429, 0, "quota", "The quota of the token is used up"},
	[RIG_PROBLEM_HEADER_TOO_LARGE] = {431, 0, "header-too-large", "The request header is too large"},
	[RIG_PROBLEM_INTERNAL] = {500, 0, "internal-error", "The request failed"},
	[RIG_PROBLEM_DATABASE_AWAY] = {503, 1, "database-away", "The database cannot be reached"},
	[RIG_PROBLEM_OUTCOME_UNKNOWN] = {503, 1, "outcome-unknown", "The database was lost before it answered"},
	[RIG_PROBLEM_NOT_INSTALLED] = {503, 2, "not-installed", "The rigalpha extension is not installed in the database"},
	[RIG_PROBLEM_NOT_SET_UP] = {503, 2, "not-set-up", "The database is not set up"},
	[RIG_PROBLEM_DATABASE_BUSY] = {503, 1, "database-busy", "The database is busy"},
	[RIG_PROBLEM_TIMED_OUT] = {503, 2, "timed-out", "The database took too long"},
	[RIG_PROBLEM_OVERLOADED] = {503, 1, "overloaded", "Too many requests are waiting"},
	[RIG_PROBLEM_TOO_MANY_STREAMS] = {503, 5, "too-many-streams", "Too many event streams are open"},
	[RIG_PROBLEM_STOPPING] = {503, 1, "stopping", "The server is stopping"},
};

/* A SQLSTATE, or the start of one, and what it means; the first match counts. */
static const struct
{
	const char *prefix;
	RigProblem	problem;
	bool		environment;
}			SQLSTATES[] = {
	{"RA001", RIG_PROBLEM_NOT_SET_UP, true},
	{"RA002", RIG_PROBLEM_NOT_SET_UP, true},
	{"RA005", RIG_PROBLEM_UNUSABLE, false},
	{"RA007", RIG_PROBLEM_LOGIN_REQUIRED, false},
	{"08", RIG_PROBLEM_DATABASE_AWAY, true},
	{"57014", RIG_PROBLEM_TIMED_OUT, true},
	{"57", RIG_PROBLEM_DATABASE_AWAY, true},
	{"40", RIG_PROBLEM_DATABASE_BUSY, true},
	{"53", RIG_PROBLEM_DATABASE_BUSY, true},
	{"55P03", RIG_PROBLEM_DATABASE_BUSY, true},
	{"58", RIG_PROBLEM_DATABASE_AWAY, true},
	{"25006", RIG_PROBLEM_DATABASE_AWAY, true}, /* a standby */
	{"3F000", RIG_PROBLEM_NOT_INSTALLED, true},
	{"42P01", RIG_PROBLEM_NOT_INSTALLED, true},
	{"42704", RIG_PROBLEM_NOT_INSTALLED, true},
	{"42883", RIG_PROBLEM_NOT_INSTALLED, true},
	{"42501", RIG_PROBLEM_NOT_INSTALLED, true}, /* the roles of the sidecar lack a grant */
	{"22", RIG_PROBLEM_BAD_PARAMETER, false},
	{"", RIG_PROBLEM_INTERNAL, false},
};

static int
find_sqlstate(const RigFailure *failure)
{
	int			i = 0;

	while (strncmp(failure->sqlstate, SQLSTATES[i].prefix, strlen(SQLSTATES[i].prefix)) != 0)
		i++;
	return i;
}

RigProblem
rig_problem_of_failure(const RigFailure *failure)
{
	return SQLSTATES[find_sqlstate(failure)].problem;
}

bool
rig_problem_is_environment(const RigFailure *failure)
{
	return SQLSTATES[find_sqlstate(failure)].environment;
}

void
rig_problem_answer_with(RigRequest *request, RigProblem problem, const char *detail, const char *members)
{
	const ProblemKind *kind = &KINDS[problem];
	RigResponse *response = &request->response;
	RigBuffer  *body = &response->body;

	rig_buffer_release(body);
	request->forbidden = problem == RIG_PROBLEM_FORBIDDEN;
	response->status = kind->status;
	response->content_type = "application/problem+json";
	if (kind->retry_after > 0)
		rig_response_header(response, "Retry-After", "%d", kind->retry_after);
	rig_buffer_format(body, "{\"type\":\"urn:rigalpha:problem:%s\",\"title\":\"%s\",\"status\":%d",
					  kind->name, kind->title, kind->status);
	if (detail != NULL)
	{
		rig_buffer_text(body, ",\"detail\":");
		rig_buffer_json(body, detail, DETAIL_MAX);
	}
	rig_buffer_text(body, ",\"instance\":");
	rig_buffer_json(body, request->url.path != NULL ? request->url.path : "", INSTANCE_MAX);
	rig_buffer_format(body, ",\"request_id\":\"%s\"%s}\n", request->id, members);
}

void
rig_problem_answer(RigRequest *request, RigProblem problem, const char *detail)
{
	rig_problem_answer_with(request, problem, detail, "");
}

void
rig_problem_answer_login(RigRequest *request)
{
	char		cookie[RIG_SESSION_COOKIE_SIZE];

	rig_session_cookie_clear(cookie);
	rig_response_header(&request->response, "Set-Cookie", "%s", cookie);
	rig_problem_answer(request, RIG_PROBLEM_LOGIN_REQUIRED, NULL);
}

void
rig_problem_answer_failure(RigRequest *request, const RigFailure *failure)
{
	RigProblem	problem = rig_problem_of_failure(failure);
	const char *detail = NULL;

	if (problem == RIG_PROBLEM_LOGIN_REQUIRED)
	{
		rig_problem_answer_login(request);
		return;
	}
	/* A right that the role of the user does not have; the roles of the sidecar itself have what they need. */
	if (strcmp(failure->sqlstate, "42501") == 0 && request->identity.user_id != 0)
		problem = RIG_PROBLEM_FORBIDDEN;
	if (problem == RIG_PROBLEM_INTERNAL)
		rig_log("error", "statement failed", "request %s: SQLSTATE %s: %s",
				request->id, failure->sqlstate, failure->message);
	/* Our own error class is written for clients; other texts may show what is inside. */
	if (strncmp(failure->sqlstate, "RA", 2) == 0)
		detail = failure->message;
	rig_problem_answer(request, problem, detail);
}
