#include "login_check.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "problem.h"
#include "security_log.h"
#include "transaction.h"

static const RigStatement LOOKUP = {
	"login_lookup",
	"SELECT user_id, password_hash, convert_from(totp_secret, 'UTF8'), totp_confirmed, retry_after"
	"  FROM rigalpha.login_lookup($1, nullif($2, '')::inet)",
	2
};

static const RigStatement FAILED = {
	"login_failed", "SELECT FROM rigalpha.login_failed($1, nullif($2, '')::inet)", 2
};

static atomic_int entered;

void
rig_answer_too_many_attempts(RigRequest *request, int retry_after)
{
	rig_response_header(&request->response, "Retry-After", "%d", retry_after);
	rig_problem_answer(request, RIG_PROBLEM_TOO_MANY_ATTEMPTS, NULL);
}

bool
rig_login_enter(RigRequest *request)
{
	int			places = (int) rig_config.pool_max / 2;

	if (atomic_fetch_add(&entered, 1) < (places > 0 ? places : 1))
		return true;
	atomic_fetch_sub(&entered, 1);
	rig_answer_too_many_attempts(request, 1);
	return false;
}

void
rig_login_leave(void)
{
	atomic_fetch_sub(&entered, 1);
}

/* Committed by itself, before the password is looked at: guesses made side by side count. */
static bool
look_up(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	RigLoginCheck *check = request->work;
	const char *values[] = {check->name, check->address};
	PGresult   *rows = rig_database_query(database, &LOOKUP, values, failure);

	if (rows == NULL)
		return false;
	snprintf(check->user_id, sizeof(check->user_id), "%s", PQgetvalue(rows, 0, 0));
	snprintf(check->stored, sizeof(check->stored), "%s", PQgetvalue(rows, 0, 1));
	check->has_totp_secret = !PQgetisnull(rows, 0, 2);
	snprintf(check->totp_secret, sizeof(check->totp_secret), "%s", PQgetvalue(rows, 0, 2));
	check->totp_confirmed = *PQgetvalue(rows, 0, 3) == 't';
	check->retry_after = atoi(PQgetvalue(rows, 0, 4));
	PQclear(rows);
	return true;
}

bool
rig_login_look_up(RigRequest *request, RigLoginCheck *check)
{
	request->work = check;
	if (!rig_transaction_run(request, RIG_TRANSACTION_NONE, look_up))
		return false;
	if (check->retry_after <= 0)
		return true;
	rig_answer_too_many_attempts(request, check->retry_after);
	return false;
}

RigLoginVerdict
rig_login_check(RigRequest *request, RigLoginCheck *check)
{
	RigPasswordResult result;

	if (!rig_login_look_up(request, check))
		return RIG_LOGIN_ANSWERED;
	result = rig_password_verify(*check->user_id != '\0' ? check->stored : NULL, check->password, check->length,
								 rig_clock_now() + RIG_LOGIN_WAIT_MS);
	/* The time that hashing took is not time that the database let us wait. */
	request->queued = rig_clock_now();
	switch (result)
	{
		case RIG_PASSWORD_OK:
			return RIG_LOGIN_RIGHT;
		case RIG_PASSWORD_UNUSABLE:
			rig_log("error", "login", "request %s: the stored password hash is not usable", request->id);
			return RIG_LOGIN_WRONG;
		case RIG_PASSWORD_WRONG:
			return RIG_LOGIN_WRONG;
		case RIG_PASSWORD_BUSY:
			rig_answer_too_many_attempts(request, 1);
			return RIG_LOGIN_ANSWERED;
		case RIG_PASSWORD_FAILED:
			break;
	}
	rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	return RIG_LOGIN_ANSWERED;
}

static bool
record_failure(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const RigLoginCheck *check = request->work;
	const char *values[] = {check->name, check->address};
	PGresult   *rows = rig_database_query(database, &FAILED, values, failure);

	PQclear(rows);
	return rows != NULL;
}

bool
rig_login_failed(RigRequest *request, const RigLoginCheck *check)
{
	request->work = (void *) check;
	return rig_transaction_run(request, RIG_TRANSACTION_NONE, record_failure);
}

void
rig_login_log_failure(const char *event, const RigRequest *request, const RigLoginCheck *check)
{
	if (*check->user_id != '\0')
		rig_log_security(event, request, "user %s", check->name);
	else
		rig_log_security(event, request, "no such user");
}

void
rig_login_check_wipe(RigLoginCheck *check)
{
	OPENSSL_cleanse(check, sizeof(*check));
}
