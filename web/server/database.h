/*
 * One connection to PostgreSQL with everything the sidecar wants of it: a role of few
 * rights, UTC, a statement timeout, and prepared statements that are made on first use
 * and forgotten with the connection. A connection belongs to one thread at a time.
 */
#ifndef RIG_DATABASE_H
#define RIG_DATABASE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define RIG_DATABASE_MAX_STATEMENTS 128

/* A fixed statement; the address is its identity. */
typedef struct RigStatement
{
	const char *name;
	const char *sql;
	int			parameter_count;
} RigStatement;

/* Why something failed: SQLSTATE and the server's primary message. */
typedef struct RigFailure
{
	char		sqlstate[6];
	char		message[256];
} RigFailure;

typedef struct RigDatabase
{
	PGconn	   *connection;		/* NULL while not connected */
	const char *role;			/* role taken after login; NULL = none */
	int64_t		timeout_ms;
	int			prepared_count;
	const RigStatement *prepared[RIG_DATABASE_MAX_STATEMENTS];
} RigDatabase;

/* Connects and sets the session up; blocks for at most about two seconds. */
extern bool rig_database_connect(RigDatabase *database, RigFailure *failure);

extern void rig_database_close(RigDatabase *database);

/* Whether the connection still looks alive; costs a system call, not a round trip. */
extern bool rig_database_is_alive(RigDatabase *database);

/* Prepares a statement ahead of its first use, or does nothing when it is prepared. */
extern bool rig_database_prepare(RigDatabase *database, const RigStatement *statement, RigFailure *failure);

/*
 * Runs a statement with text parameters (NULL = SQL NULL). NULL with the failure filled
 * in when it did not end with rows; else the caller clears the result.
 */
extern PGresult *rig_database_query(RigDatabase *database, const RigStatement *statement,
									const char *const *values, RigFailure *failure);

typedef struct RigBinary
{
	const char *bytes;			/* NULL = SQL NULL */
	int			length;
} RigBinary;

#define RIG_DATABASE_MAX_BINARY 6

/* The same with binary parameters, as many as the statement has, and binary results. */
extern PGresult *rig_database_query_binary(RigDatabase *database, const RigStatement *statement,
										   const RigBinary *parameters, RigFailure *failure);

/*
 * Begins a transaction by the given command and runs its first statement, in one round trip. NULL with
 * the failure unless that ended with one row; the transaction is to be ended in either case.
 */
extern PGresult *rig_database_begin(RigDatabase *database, const char *command, const RigStatement *statement,
									const char *const *values, RigFailure *failure);

/*
 * Ends a transaction; failure may be NULL when it is rolled back. A connection that is still inside one
 * afterwards is closed, since the next request would act in it.
 */
extern bool rig_database_end(RigDatabase *database, bool commit, RigFailure *failure);

/* Subscribes to a notification channel. */
extern bool rig_database_listen(RigDatabase *database, const char *channel, RigFailure *failure);

/* Whether the failure means that the server is away, so that nothing is known about the outcome. */
extern bool rig_failure_is_connection(const RigFailure *failure);

extern void rig_failure_set(RigFailure *failure, const char *sqlstate, const char *message);

#endif
