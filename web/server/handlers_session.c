#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "handlers.h"
#include "json_body.h"
#include "login_check.h"
#include "problem.h"
#include "security_log.h"
#include "sse_feed.h"
#include "sse_hub.h"
#include "transaction.h"

/*
 * One statement, so that there is no session without a recorded login. The session that the browser had
 * before ends: whoever planted its cookie must not share the new one.
 */
static const RigStatement LOG_IN = {
	"log_in",
	"SELECT session, CASE WHEN session IS NOT NULL AND $8 <> '' THEN rigalpha.end_session($8) END"
	"  FROM (SELECT CASE WHEN rigalpha.login_succeeded($1::integer, $2, nullif($3, '')::inet, $4::bigint, $5)"
	"                    THEN rigalpha.create_session($1::integer, $6, nullif($3, '')::inet, $7::bytea) END AS session"
	"         OFFSET 0) AS made",
	8
};

static const RigStatement WHO = {
	"who", "SELECT user_name, role, must_change_password FROM rigalpha.begin_session($1)", 1
};

static const RigStatement LOG_OUT = {"log_out", "SELECT rigalpha.end_session($1)", 1};

static const RigStatement ME = {"me", "SELECT rigalpha_api.me()", 0};

/* One login on its way. */
typedef struct Login
{
	RigLoginCheck check;		/* first, so that rig_login_check may use request->work */
	char		totp_step[24];	/* empty without a second factor */
	char		new_hash[RIG_PHC_SIZE]; /* empty unless the stored one is too weak */
	char		token[RIG_SESSION_TOKEN_SIZE];
	char		user_agent[2 * RIG_TOKEN_HASH_BYTES + 3];	/* bytea in hex; empty when there is none */
	char		name[RIG_USER_NAME_SIZE];
	char		role[16];
	bool		must_change_password;
	bool		let_in;
} Login;

static void
describe_user_agent(const RigRequest *request, char hex[2 * RIG_TOKEN_HASH_BYTES + 3])
{
	const char *header = rig_request_header(request, "User-Agent");
	uint8_t		hash[RIG_TOKEN_HASH_BYTES];

	if (header == NULL || !rig_token_hash(header, hash))
		return;
	strcpy(hex, "\\x");
	for (int i = 0; i < RIG_TOKEN_HASH_BYTES; i++)
		snprintf(hex + 2 + 2 * i, 3, "%02x", hash[i]);
}

static bool
create_session(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	Login	   *login = request->work;
	const char *values[] = {
		login->check.user_id, login->check.stored, login->check.address,
		*login->totp_step != '\0' ? login->totp_step : NULL, *login->new_hash != '\0' ? login->new_hash : NULL,
		login->token, *login->user_agent != '\0' ? login->user_agent : NULL, request->session_token
	};
	const char *token[] = {login->token};
	PGresult   *rows = rig_database_query(database, &LOG_IN, values, failure);

	if (rows == NULL)
		return false;
	login->let_in = !PQgetisnull(rows, 0, 0);
	PQclear(rows);
	if (!login->let_in)
		return true;
	rows = rig_database_query(database, &WHO, token, failure);
	if (rows == NULL)
		return false;
	snprintf(login->name, sizeof(login->name), "%s", PQgetvalue(rows, 0, 0));
	snprintf(login->role, sizeof(login->role), "%s", PQgetvalue(rows, 0, 1));
	login->must_change_password = *PQgetvalue(rows, 0, 2) == 't';
	PQclear(rows);
	return true;
}

/* Whether the code is one of the second factor; whether it was used before is for the database to say. */
static bool
check_code(Login *login, const char *code)
{
	int64_t		step = RIG_TOTP_NEVER;

	if (!login->check.totp_confirmed)
		return true;
	if (!rig_totp_verify(login->check.totp_secret, code, (int64_t) time(NULL), &step))
		return false;
	snprintf(login->totp_step, sizeof(login->totp_step), "%lld", (long long) step);
	return true;
}

static void
answer_login(RigRequest *request, const Login *login)
{
	RigBuffer  *body = &request->response.body;
	char		cookie[RIG_SESSION_COOKIE_SIZE];

	rig_session_cookie_set(login->token, cookie);
	rig_response_header(&request->response, "Set-Cookie", "%s", cookie);
	OPENSSL_cleanse(cookie, sizeof(cookie));
	request->response.status = 200;
	request->response.content_type = "application/json";
	rig_buffer_text(body, "{\"name\":");
	rig_buffer_json(body, login->name, sizeof(login->name));
	rig_buffer_format(body, ",\"role\":\"%s\",\"must_change_password\":%s,\"second_factor\":%s}\n", login->role,
					  login->must_change_password ? "true" : "false", login->check.totp_confirmed ? "true" : "false");
	rig_log_security("login succeeded", request, "user %s", login->name);
	if (*request->session_token != '\0')
		rig_sse_feed_check_sessions();
}

/* The password is right; true when the request is answered, false when the login failed all the same. */
static bool
let_in(RigRequest *request, Login *login, const RigJsonField *password, const RigJsonField *code)
{
	if (login->check.totp_confirmed && code->text == NULL)
	{
		rig_problem_answer(request, RIG_PROBLEM_CODE_REQUIRED, NULL);
		return true;
	}
	if (!check_code(login, code->text))
		return false;
	if (rig_password_needs_rehash(login->check.stored))
	{
		/* Without a slot the next login does it. */
		if (rig_password_hash(password->text, password->length, rig_clock_now() + RIG_LOGIN_WAIT_MS,
							  login->new_hash) != RIG_PASSWORD_OK)
			*login->new_hash = '\0';
		request->queued = rig_clock_now();
	}
	rig_session_token_make(login->token);
	describe_user_agent(request, login->user_agent);
	request->work = login;
	if (!rig_transaction_run(request, RIG_TRANSACTION_NONE, create_session))
		return true;
	if (login->let_in)
		answer_login(request, login);
	return login->let_in;
}

void
rig_handle_login(RigRequest *request)
{
	RigJsonField fields[] = {
		{.name = "name", .kind = RIG_JSON_TEXT, .required = true},
		{.name = "password", .kind = RIG_JSON_BYTES, .required = true},
		{.name = "code", .kind = RIG_JSON_TEXT}
	};
	Login		login = {0};
	RigLoginVerdict verdict;

	if (!rig_json_body(request, fields, 3) || !rig_login_enter(request))
		return;
	login.check.name = fields[0].text;
	login.check.address = request->client_address;
	login.check.password = fields[1].text;
	login.check.length = fields[1].length;
	verdict = rig_login_check(request, &login.check);
	if (verdict == RIG_LOGIN_RIGHT && !let_in(request, &login, &fields[1], &fields[2]))
		verdict = RIG_LOGIN_WRONG;
	if (verdict == RIG_LOGIN_WRONG)
	{
		rig_login_log_failure("login failed", request, &login.check);
		if (rig_login_failed(request, &login.check))
			rig_problem_answer(request, RIG_PROBLEM_LOGIN_FAILED, NULL);
	}
	rig_login_leave();
	OPENSSL_cleanse(&login, sizeof(login));
}

static bool
end_session(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *values[] = {request->session_token};
	PGresult   *rows = rig_database_query(database, &LOG_OUT, values, failure);

	PQclear(rows);
	return rows != NULL;
}

void
rig_handle_logout(RigRequest *request)
{
	char		cookie[RIG_SESSION_COOKIE_SIZE];

	if (!rig_transaction_run(request, RIG_TRANSACTION_SESSION, end_session))
		return;
	rig_sse_hub_end_session(request->identity.session_id);
	rig_session_cookie_clear(cookie);
	rig_response_header(&request->response, "Set-Cookie", "%s", cookie);
	request->response.status = 204;
}

bool
rig_handle_me(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_answer_json(request, database, &ME, NULL, failure);
}
