#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "handlers.h"
#include "json_body.h"
#include "login_check.h"
#include "password_rules.h"
#include "problem.h"
#include "sse_feed.h"
#include "totp.h"
#include "transaction.h"

#define TOTP_ISSUER "Rig Alpha"
#define TOTP_URI_SIZE 512

static const RigStatement SET_PASSWORD = {"set_password", "SELECT rigalpha.set_own_password_hash($1)", 1};

static const RigStatement SET_TOTP = {"set_totp", "SELECT rigalpha.set_own_totp(convert_to($1, 'UTF8'))", 1};

static const RigStatement CONFIRM_TOTP = {"confirm_totp", "SELECT rigalpha.confirm_own_totp($1::bigint)", 1};

/* What a transaction of these handlers works on. */
typedef struct OwnAccount
{
	const char *value;			/* parameter of the statement */
	bool		done;
} OwnAccount;

/* Only to learn who asks. */
static bool
identify(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	(void) request;
	(void) database;
	(void) failure;
	return true;
}

static bool
run_statement(RigRequest *request, RigDatabase *database, const RigStatement *statement, RigFailure *failure)
{
	OwnAccount *account = request->work;
	PGresult   *rows = rig_database_query(database, statement, &account->value, failure);

	if (rows == NULL)
		return false;
	account->done = *PQgetvalue(rows, 0, 0) != 'f';
	PQclear(rows);
	return true;
}

static bool
store_password(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return run_statement(request, database, &SET_PASSWORD, failure);
}

static bool
store_totp(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return run_statement(request, database, &SET_TOTP, failure);
}

static bool
confirm_totp(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return run_statement(request, database, &CONFIRM_TOTP, failure);
}

/*
 * Whether the user of the session knows the password; checked and throttled as a login is, because a
 * session that was left open must not be a way to guess it. False when the request is answered.
 */
static bool
check_own_password(RigRequest *request, RigLoginCheck *check, const RigJsonField *password)
{
	if (!rig_transaction_run(request, RIG_TRANSACTION_SESSION, identify))
		return false;
	check->name = request->identity.user_name;
	check->address = request->identity.address;
	check->password = password->text;
	check->length = password->length;
	switch (rig_login_check(request, check))
	{
		case RIG_LOGIN_RIGHT:
			return true;
		case RIG_LOGIN_WRONG:
			rig_login_log_failure("wrong password", request, check);
			if (rig_login_failed(request, check))
				rig_problem_answer(request, RIG_PROBLEM_WRONG_PASSWORD, NULL);
			break;
		case RIG_LOGIN_ANSWERED:
			break;
	}
	return false;
}

/* Runs a statement for the session with a value; false when the request is answered. */
static bool
store(RigRequest *request, RigTransactionWork work, const char *value, bool *done)
{
	OwnAccount account = {.value = value};

	request->work = &account;
	if (!rig_transaction_run(request, RIG_TRANSACTION_SESSION, work))
		return false;
	*done = account.done;
	return true;
}

static void
change_password(RigRequest *request, const RigJsonField *current, const RigJsonField *new_password)
{
	RigLoginCheck check = {0};
	char		stored[RIG_PHC_SIZE];
	RigPasswordResult result;
	bool		done;

	if (check_own_password(request, &check, current))
	{
		result = rig_password_hash(new_password->text, new_password->length, rig_clock_now() + RIG_LOGIN_WAIT_MS,
								   stored);
		request->queued = rig_clock_now();
		if (result == RIG_PASSWORD_BUSY)
			rig_answer_too_many_attempts(request, 1);
		else if (result != RIG_PASSWORD_OK)
			rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
		else if (store(request, store_password, stored, &done))
		{
			request->response.status = 204;
			rig_sse_feed_check_sessions();
		}
	}
	rig_login_check_wipe(&check);
}

void
rig_handle_change_password(RigRequest *request)
{
	RigJsonField fields[] = {
		{.name = "current", .kind = RIG_JSON_BYTES, .required = true},
		{.name = "new", .kind = RIG_JSON_BYTES, .required = true}
	};
	RigPasswordRule rule;

	if (!rig_json_body(request, fields, 2))
		return;
	rule = rig_password_judge(fields[1].text, fields[1].length);
	if (rule != RIG_PASSWORD_ALLOWED)
		rig_problem_answer(request, RIG_PROBLEM_WEAK_PASSWORD, rig_password_rule_text(rule));
	else if (fields[0].length == fields[1].length && memcmp(fields[0].text, fields[1].text, fields[0].length) == 0)
		rig_problem_answer(request, RIG_PROBLEM_WEAK_PASSWORD, "the new password is the current one");
	else if (rig_login_enter(request))
	{
		change_password(request, &fields[0], &fields[1]);
		rig_login_leave();
	}
}

static void
answer_secret(RigRequest *request, const char *secret)
{
	char		uri[TOTP_URI_SIZE];
	RigBuffer  *body = &request->response.body;

	if (!rig_totp_uri(secret, TOTP_ISSUER, request->identity.user_name, uri, sizeof(uri)))
	{
		rig_problem_answer(request, RIG_PROBLEM_INTERNAL, NULL);
		return;
	}
	request->response.status = 200;
	request->response.content_type = "application/json";
	rig_buffer_format(body, "{\"secret\":\"%s\",\"uri\":", secret);
	rig_buffer_json(body, uri, sizeof(uri));
	rig_buffer_text(body, "}\n");
	OPENSSL_cleanse(uri, sizeof(uri));
}

/* Makes a second factor, or takes it away: secret is NULL then. */
static void
replace_second_factor(RigRequest *request, const char *secret)
{
	RigJsonField password = {.name = "password", .kind = RIG_JSON_BYTES, .required = true};
	RigLoginCheck check = {0};
	bool		done;

	if (!rig_json_body(request, &password, 1) || !rig_login_enter(request))
		return;
	if (check_own_password(request, &check, &password) && store(request, store_totp, secret, &done))
	{
		if (secret != NULL)
			answer_secret(request, secret);
		else
			request->response.status = 204;
	}
	rig_login_leave();
	rig_login_check_wipe(&check);
}

void
rig_handle_new_second_factor(RigRequest *request)
{
	char		secret[RIG_TOTP_SECRET_SIZE];

	rig_totp_secret_make(secret);
	replace_second_factor(request, secret);
	OPENSSL_cleanse(secret, sizeof(secret));
}

void
rig_handle_remove_second_factor(RigRequest *request)
{
	replace_second_factor(request, NULL);
}

/* A code shows that the authenticator has the key; only then logins ask for one. */
void
rig_handle_confirm_second_factor(RigRequest *request)
{
	RigJsonField code = {.name = "code", .kind = RIG_JSON_TEXT, .required = true};
	RigLoginCheck check = {0};
	int64_t		step = RIG_TOTP_NEVER;
	char		text[24];
	bool		done;

	if (!rig_json_body(request, &code, 1) || !rig_transaction_run(request, RIG_TRANSACTION_SESSION, identify))
		return;
	check.name = request->identity.user_name;
	check.address = request->identity.address;
	if (rig_login_look_up(request, &check))
	{
		if (!check.has_totp_secret || check.totp_confirmed)
			rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, "There is no second factor to confirm.");
		else if (!rig_totp_verify(check.totp_secret, code.text, (int64_t) time(NULL), &step))
			rig_problem_answer(request, RIG_PROBLEM_WRONG_CODE, NULL);
		else
		{
			snprintf(text, sizeof(text), "%lld", (long long) step);
			if (store(request, confirm_totp, text, &done))
			{
				if (done)
					request->response.status = 204;
				else
					rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, "There is no second factor to confirm.");
			}
		}
	}
	rig_login_check_wipe(&check);
}
