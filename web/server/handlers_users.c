#include <openssl/crypto.h>
#include <string.h>

#include "administration.h"
#include "clock.h"
#include "given_password.h"
#include "handlers.h"
#include "password.h"
#include "problem.h"

#define HASH_WAIT_MS 2000

static const RigStatement USERS = {"users", "SELECT rigalpha_api.users()", 0};
static const RigStatement REQUIRE_ADMIN = {"require_admin", "SELECT rigalpha.require_admin()", 0};
static const RigStatement CREATE_USER = {"create_user", "SELECT rigalpha_api.create_user($1::json, $2)", 2};
static const RigStatement CHANGE_USER = {"change_user", "SELECT rigalpha_api.change_user($1, $2::json)", 2};
static const RigStatement RESET_PASSWORD = {
	"reset_password", "SELECT $1 FROM rigalpha.set_password_hash($1, $2)", 2
};
static const RigStatement CLEAR_TOTP = {"clear_totp", "SELECT rigalpha.clear_totp($1)", 1};

bool
rig_handle_users(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_json(request, database, &USERS, NULL, 200, failure);
}

/* Runs a statement with a new password's hash as $2, and answers with the name that it returns and the password. */
static bool
give_password(RigRequest *request, RigDatabase *database, const RigStatement *statement, const char *first,
			  int status, RigFailure *failure)
{
	char		password[RIG_GIVEN_PASSWORD_SIZE];
	char		stored[RIG_PHC_SIZE];
	const char *values[] = {first, stored};
	PGresult   *rows;
	bool		done;

	/* Asked for before the hash is computed, which is dear. */
	rows = rig_administration_query(request, database, &REQUIRE_ADMIN, NULL, &done, failure);
	if (rows == NULL)
		return done;
	PQclear(rows);
	rig_given_password_make(password);
	if (rig_password_hash(password, strlen(password), rig_clock_now() + HASH_WAIT_MS, stored) != RIG_PASSWORD_OK)
	{
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
		OPENSSL_cleanse(password, sizeof(password));
		return true;
	}
	rows = rig_administration_query(request, database, statement, values, &done, failure);
	if (rows != NULL)
	{
		RigBuffer  *body = &request->response.body;

		request->response.status = status;
		request->response.content_type = "application/json";
		rig_buffer_text(body, "{\"name\":");
		rig_buffer_json(body, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0));
		rig_buffer_format(body, ",\"one_time_password\":\"%s\"}\n", password);
		PQclear(rows);
		done = true;
	}
	OPENSSL_cleanse(password, sizeof(password));
	OPENSSL_cleanse(stored, sizeof(stored));
	return done;
}

bool
rig_handle_create_user(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *document = rig_administration_body(request);

	return document == NULL || give_password(request, database, &CREATE_USER, document, 201, failure);
}

bool
rig_handle_reset_password(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return give_password(request, database, &RESET_PASSWORD, request->captures[0], 200, failure);
}

bool
rig_handle_change_user(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	const char *values[] = {request->captures[0], rig_administration_body(request)};

	return values[1] == NULL || rig_administration_act(request, database, &CHANGE_USER, values, failure);
}

bool
rig_handle_clear_second_factor(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	return rig_administration_act(request, database, &CLEAR_TOTP, request->captures, failure);
}
