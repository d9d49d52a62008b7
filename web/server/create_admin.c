#include "create_admin.h"

#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "config.h"
#include "given_password.h"
#include "password.h"

#define HASH_WAIT_MS 10000

static int
fail(PGconn *connection, const PGresult *result)
{
	const char *message = result != NULL ? PQresultErrorMessage(result) : PQerrorMessage(connection);

	fprintf(stderr, "rigalpha-web: %s", message);
	PQfinish(connection);
	return EXIT_FAILURE;
}

int
rig_create_admin(const char *name)
{
	const char *const names[] = {"dbname", "application_name", "client_encoding", NULL};
	const char *const settings[] = {
		*rig_config.database_url != '\0' ? rig_config.database_url : NULL, "rigalpha-web", "UTF8", NULL
	};
	char		password[RIG_GIVEN_PASSWORD_SIZE];
	char		stored[RIG_PHC_SIZE];
	const char *values[] = {stored, name};
	PGconn	   *connection = PQconnectdbParams(names, settings, 1);
	PGresult   *result;

	if (PQstatus(connection) != CONNECTION_OK)
		return fail(connection, NULL);
	rig_given_password_make(password);
	if (rig_password_hash(password, RIG_GIVEN_PASSWORD_SIZE - 1, rig_clock_now() + HASH_WAIT_MS, stored) !=
		RIG_PASSWORD_OK)
	{
		fprintf(stderr, "rigalpha-web: the password could not be hashed: out of memory\n");
		PQfinish(connection);
		return EXIT_FAILURE;
	}
	result = PQexecParams(connection, "SELECT rigalpha.create_first_admin($1, $2)", 2, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		int			status = fail(connection, result);

		PQclear(result);
		return status;
	}
	printf("%s\n", password);
	OPENSSL_cleanse(password, sizeof(password));
	PQclear(result);
	PQfinish(connection);
	return EXIT_SUCCESS;
}
