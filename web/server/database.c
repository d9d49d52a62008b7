#include "database.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "config.h"

#define CONNECT_TIMEOUT_MS 2000

void
rig_failure_set(RigFailure *failure, const char *sqlstate, const char *message)
{
	snprintf(failure->sqlstate, sizeof(failure->sqlstate), "%s", sqlstate);
	snprintf(failure->message, sizeof(failure->message), "%s", message);
	failure->message[strcspn(failure->message, "\r\n")] = '\0';
}

bool
rig_failure_is_connection(const RigFailure *failure)
{
	return strncmp(failure->sqlstate, "08", 2) == 0 || strncmp(failure->sqlstate, "57P", 3) == 0;
}

static void
set_failure(const RigDatabase *database, const PGresult *result, RigFailure *failure)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (sqlstate == NULL)
	{
		sqlstate = PQstatus(database->connection) == CONNECTION_BAD ? "08006" : "XX000";
		message = PQerrorMessage(database->connection);
	}
	rig_failure_set(failure, sqlstate, message != NULL ? message : "");
}

static bool
run_command(RigDatabase *database, const char *sql, RigFailure *failure)
{
	PGresult   *result = PQexec(database->connection, sql);
	bool		done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		set_failure(database, result, failure);
	PQclear(result);
	return done;
}

static bool
setup_session(RigDatabase *database, RigFailure *failure)
{
	char		sql[320];

	snprintf(sql, sizeof(sql),
			 "SET ROLE %s; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; "
			 "SET client_encoding = 'UTF8'; SET statement_timeout = %lld; SET search_path = pg_catalog, pg_temp",
			 database->role != NULL ? database->role : "NONE", (long long) database->timeout_ms);
	if (run_command(database, sql, failure))
		return true;
	/* The server calls a role that does not exist an invalid parameter value. */
	if (strcmp(failure->sqlstate, "22023") == 0)
		strcpy(failure->sqlstate, "42704");
	return false;
}

/*
 * The client library would print warnings of the server between the lines of our log, and the
 * end of a connection while it is being made, so this is set before the attempt begins.
 */
static void
ignore_notice(void *context, const PGresult *notice)
{
	(void) context;
	(void) notice;
}

/* Finishes a connection attempt; false when it failed or took too long. */
static bool
await_connection(PGconn *connection)
{
	int64_t		deadline = rig_clock_now() + CONNECT_TIMEOUT_MS;
	PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;

	while (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING)
	{
		struct pollfd socket = {.fd = PQsocket(connection)};
		int64_t		rest = deadline - rig_clock_now();

		socket.events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (rest <= 0 || poll(&socket, 1, (int) rest) <= 0)
			return false;
		wanted = PQconnectPoll(connection);
	}
	return wanted == PGRES_POLLING_OK;
}

bool
rig_database_connect(RigDatabase *database, RigFailure *failure)
{
	const char *const names[] = {
		"dbname", "application_name", "tcp_user_timeout", "keepalives_idle", NULL
	};
	const char *const values[] = {
		*rig_config.database_url != '\0' ? rig_config.database_url : NULL,
		"rigalpha-web", "10000", "10", NULL
	};
	const char *message;

	rig_database_close(database);
	database->connection = PQconnectStartParams(names, values, 1);
	PQsetNoticeReceiver(database->connection, ignore_notice, NULL);
	if (PQstatus(database->connection) != CONNECTION_BAD && await_connection(database->connection))
	{
		if (setup_session(database, failure))
			return true;
	}
	else
	{
		message = PQerrorMessage(database->connection);
		rig_failure_set(failure, "08001", *message != '\0' ? message : "no connection in time");
	}
	rig_database_close(database);
	return false;
}

void
rig_database_close(RigDatabase *database)
{
	PQfinish(database->connection);
	database->connection = NULL;
	database->prepared_count = 0;
}

bool
rig_database_is_alive(RigDatabase *database)
{
	struct pollfd socket;

	if (database->connection == NULL || PQstatus(database->connection) != CONNECTION_OK)
		return false;
	socket.fd = PQsocket(database->connection);
	socket.events = POLLIN;
	if (poll(&socket, 1, 0) <= 0)
		return true;
	return PQconsumeInput(database->connection) == 1 &&
		PQstatus(database->connection) == CONNECTION_OK;
}

bool
rig_database_prepare(RigDatabase *database, const RigStatement *statement, RigFailure *failure)
{
	PGresult   *result;
	bool		done;

	for (int i = 0; i < database->prepared_count; i++)
	{
		if (database->prepared[i] == statement)
			return true;
	}
	if (database->prepared_count == RIG_DATABASE_MAX_STATEMENTS)
	{
		rig_failure_set(failure, "54000", "too many prepared statements");
		return false;
	}
	result = PQprepare(database->connection, statement->name, statement->sql,
					   statement->parameter_count, NULL);
	done = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (done)
		database->prepared[database->prepared_count++] = statement;
	else
		set_failure(database, result, failure);
	PQclear(result);
	return done;
}

static PGresult *
check_rows(RigDatabase *database, PGresult *result, RigFailure *failure)
{
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	set_failure(database, result, failure);
	PQclear(result);
	return NULL;
}

PGresult *
rig_database_query(RigDatabase *database, const RigStatement *statement,
				   const char *const *values, RigFailure *failure)
{
	if (!rig_database_prepare(database, statement, failure))
		return NULL;
	return check_rows(database,
					  PQexecPrepared(database->connection, statement->name, statement->parameter_count,
									 values, NULL, NULL, 0),
					  failure);
}

PGresult *
rig_database_query_binary(RigDatabase *database, const RigStatement *statement,
						  const char *bytes, int length, RigFailure *failure)
{
	const char *const values[] = {bytes};
	const int	lengths[] = {length};
	const int	formats[] = {1};

	if (!rig_database_prepare(database, statement, failure))
		return NULL;
	return check_rows(database,
					  PQexecPrepared(database->connection, statement->name, 1, values, lengths, formats, 1),
					  failure);
}

/* Reads the results of a pipeline up to its end; the rows of its last statement, or NULL with the failure. */
static PGresult *
read_pipeline(RigDatabase *database, RigFailure *failure)
{
	PGresult   *rows = NULL;
	bool		failed = false;
	bool		ended = false;

	while (!ended && PQstatus(database->connection) == CONNECTION_OK)
	{
		PGresult   *result = PQgetResult(database->connection);
		ExecStatusType status = PQresultStatus(result);

		if (result == NULL)
			continue;
		ended = status == PGRES_PIPELINE_SYNC;
		if (status == PGRES_TUPLES_OK && rows == NULL)
			rows = result;
		else
		{
			if (status == PGRES_FATAL_ERROR && !failed)
			{
				failed = true;
				set_failure(database, result, failure);
			}
			PQclear(result);
		}
	}
	if (!failed && ended && rows != NULL && PQntuples(rows) == 1)
		return rows;
	PQclear(rows);
	if (!failed)
		rig_failure_set(failure, ended ? "XX000" : "08006", ended ? "one row was expected" : "connection lost");
	return NULL;
}

PGresult *
rig_database_begin(RigDatabase *database, const char *command, const RigStatement *statement,
				   const char *const *values, RigFailure *failure)
{
	PGconn	   *connection = database->connection;
	PGresult   *rows = NULL;

	if (!rig_database_prepare(database, statement, failure))
		return NULL;
	if (PQenterPipelineMode(connection) == 1 &&
		PQsendQueryParams(connection, command, 0, NULL, NULL, NULL, NULL, 0) == 1 &&
		PQsendQueryPrepared(connection, statement->name, statement->parameter_count, values, NULL, NULL, 0) == 1 &&
		PQpipelineSync(connection) == 1)
		rows = read_pipeline(database, failure);
	else
		rig_failure_set(failure, "08006", PQerrorMessage(connection));
	if (PQexitPipelineMode(connection) == 1)
		return rows;
	PQclear(rows);
	if (*failure->sqlstate == '\0')
		rig_failure_set(failure, "08006", PQerrorMessage(connection));
	rig_database_close(database);
	return NULL;
}

bool
rig_database_end(RigDatabase *database, bool commit, RigFailure *failure)
{
	RigFailure	ignored = {0};
	bool		done;

	if (database->connection == NULL)
		return false;
	if (PQtransactionStatus(database->connection) == PQTRANS_IDLE)
		return !commit;
	done = run_command(database, commit ? "COMMIT" : "ROLLBACK", failure != NULL ? failure : &ignored);
	if (PQtransactionStatus(database->connection) != PQTRANS_IDLE)
		rig_database_close(database);
	return done;
}

bool
rig_database_listen(RigDatabase *database, const char *channel, RigFailure *failure)
{
	char		sql[80];

	snprintf(sql, sizeof(sql), "LISTEN %s", channel);
	return run_command(database, sql, failure);
}
