#include "signer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "checkpoint_rules.h"
#include "clock.h"
#include "config.h"
#include "database.h"
#include "log.h"
#include "note_file.h"
#include "signer_state.h"

static const RigStatement INTEGRATE = {"integrate", "SELECT rigalpha.audit_integrate()", 0};

/*
 * The proof as digits, because a text of an array would have to be taken apart. A log that is behind what
 * was signed has none, so it is not asked for one: its text says how long it is.
 */
static const RigStatement PROPOSAL = {
	"proposal",
	"SELECT p.text, coalesce(pg_catalog.encode((SELECT pg_catalog.string_agg(c.hash, ''::bytea ORDER BY c.number)"
	" FROM pg_catalog.unnest(p.consistency) WITH ORDINALITY AS c (hash, number)), 'hex'), '')"
	" FROM rigalpha.audit_checkpoint_proposal(0::bigint) head,"
	" LATERAL rigalpha.audit_checkpoint_proposal(CASE WHEN $1::bigint <= head.size THEN $1::bigint ELSE 0 END) p",
	1
};

static const RigStatement STORE = {"store", "SELECT rigalpha.audit_store_checkpoint($1::bigint, $2::text)", 2};

/* What the database wants to have signed. */
typedef struct Proposal
{
	RigCheckpoint checkpoint;
	RigMerklePath proof;		/* that it continues the one signed last */
} Proposal;

/* The last note, while it is not everywhere where it should be. */
typedef struct Publication
{
	RigBuffer	note;
	RigCheckpoint checkpoint;
	bool		in_file;
	bool		in_database;
} Publication;

/* Only the signer's thread touches these, and whoever starts and stops it. */
static RigSignerState state;
static RigDatabase database = {.role = "none"};
static RigBackoff backoff;
static Publication publication = {.in_file = true, .in_database = true};
static int64_t signed_at;		/* rig_clock_now scale; 0 = not yet */
static const char *told_reason = "";

static pthread_t thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;

/* Under the mutex. */
static RigSignerStatus status;
static bool stopping;
static int	socket_fd = -1;		/* of the connection, for the one who stops it */

/* Enters a condition; true when it, or its reason, was not told yet. */
static bool
enter(RigSignerCondition condition, const char *reason)
{
	bool		news;

	pthread_mutex_lock(&mutex);
	news = status.condition != condition || strcmp(told_reason, reason) != 0;
	status.condition = condition;
	pthread_mutex_unlock(&mutex);
	told_reason = reason;
	return news;
}

static void
note_socket(int fd)
{
	pthread_mutex_lock(&mutex);
	socket_fd = fd;
	pthread_mutex_unlock(&mutex);
}

static void
disconnect(void)
{
	note_socket(-1);
	rig_database_close(&database);
}

static bool
connect_database(RigFailure *failure)
{
	if (rig_database_is_alive(&database))
		return true;
	disconnect();
	if (!rig_database_connect(&database, failure))
		return false;
	note_socket(PQsocket(database.connection));
	return true;
}

/* Runs a statement that does something and returns nothing of interest. */
static bool
run_statement(const RigStatement *statement, const char *const *values, RigFailure *failure)
{
	PGresult   *rows = rig_database_query(&database, statement, values, failure);

	PQclear(rows);
	return rows != NULL;
}

/* Fetches the next proposal; *refusal tells what of it cannot be understood. */
static bool
fetch_proposal(Proposal *proposal, const char **refusal, RigFailure *failure)
{
	char		size[24];
	const char *values[] = {size};
	PGresult   *rows;

	if (!run_statement(&INTEGRATE, NULL, failure))
		return false;
	snprintf(size, sizeof(size), "%" PRIu64, state.has_signed ? state.last.size : 0);
	rows = rig_database_query(&database, &PROPOSAL, values, failure);
	if (rows == NULL)
		return false;
	*refusal = NULL;
	if (PQntuples(rows) != 1 ||
		!rig_checkpoint_parse(&proposal->checkpoint, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0)))
		*refusal = "proposal is no checkpoint";
	else if (!rig_checkpoint_proof_parse(&proposal->proof, PQgetvalue(rows, 0, 1)))
		*refusal = "proposal has no proof";
	PQclear(rows);
	return true;
}

static bool
is_due(const RigCheckpoint *checkpoint)
{
	return !state.has_signed || checkpoint->size > state.last.size || signed_at == 0 ||
		rig_clock_now() - signed_at >= rig_config.checkpoint_idle_ms;
}

static bool
sign(const RigCheckpoint *checkpoint)
{
	char		error[RIG_PATH_SIZE + 128];

	publication.note.length = 0;
	publication.in_file = publication.in_database = true;
	if (!rig_signer_state_sign(&state, checkpoint, &publication.note, error, sizeof(error)))
	{
		if (enter(RIG_SIGNER_FAILING, "state"))
			rig_log("error", "checkpoint failed", "%s", error);
		return false;
	}
	signed_at = rig_clock_now();
	publication.checkpoint = *checkpoint;
	publication.in_file = *rig_config.checkpoint_file == '\0';
	publication.in_database = false;
	return true;
}

static bool
publish_in_file(void)
{
	if (publication.in_file)
		return true;
	publication.in_file = rig_note_file_append(rig_config.checkpoint_file, publication.note.data,
											   publication.note.length);
	if (!publication.in_file && enter(RIG_SIGNER_FAILING, "file"))
		rig_log("error", "checkpoint failed", "could not write %s: %s", rig_config.checkpoint_file, strerror(errno));
	return publication.in_file;
}

static bool
publish_in_database(RigFailure *failure)
{
	char		size[24];
	const char *values[] = {size, publication.note.data};

	if (publication.in_database)
		return true;
	snprintf(size, sizeof(size), "%" PRIu64, publication.checkpoint.size);
	publication.in_database = run_statement(&STORE, values, failure);
	return publication.in_database;
}

static void
note_success(void)
{
	const RigCheckpoint *last = &publication.checkpoint;

	rig_backoff_reset(&backoff);
	/* A start that finds nothing new has not published anything yet. */
	if (publication.note.length == 0)
		return;
	pthread_mutex_lock(&mutex);
	status.anchored = true;
	status.size = last->size;
	status.time_us = last->time;
	pthread_mutex_unlock(&mutex);
	if (enter(RIG_SIGNER_SIGNING, ""))
		rig_log("info", "checkpoints signed", "log %s, size %" PRIu64 ", by %s", last->log_id, last->size,
				state.signer.verifier.name);
}

/* Says once that the database is away, whatever the reason changes to; returns when to try again. */
static int64_t
note_failure(const RigFailure *failure)
{
	if (enter(RIG_SIGNER_AWAY, ""))
		rig_log("error", "checkpoints stopped", "SQLSTATE %s: %s", failure->sqlstate, failure->message);
	disconnect();
	return rig_clock_now() + rig_backoff_next(&backoff);
}

static void
refuse(const char *refusal, const RigCheckpoint *proposed)
{
	if (enter(RIG_SIGNER_REFUSING, refusal))
		rig_log("error", "checkpoint refused", "%s: proposed size %" PRIu64 ", signed size %" PRIu64, refusal,
				proposed->size, state.has_signed ? state.last.size : 0);
}

/* Does what is due and returns when to look again. */
static int64_t
take_turn(void)
{
	int64_t		next = rig_clock_now() + rig_config.checkpoint_ms;
	RigFailure	failure = {0};
	Proposal	proposal = {0};
	const char *refusal;

	if (!connect_database(&failure) || !fetch_proposal(&proposal, &refusal, &failure))
		return note_failure(&failure);
	if (refusal == NULL)
		refusal = rig_checkpoint_refusal(state.has_signed ? &state.last : NULL, &proposal.checkpoint, &proposal.proof,
										 rig_clock_unix_us());
	if (refusal != NULL)
	{
		refuse(refusal, &proposal.checkpoint);
		return next;
	}
	if (is_due(&proposal.checkpoint) && !sign(&proposal.checkpoint))
		return next;
	/* The file first: it is what can leave this machine, and the database must not be able to hold it up. */
	if (!publish_in_file())
		return next;
	if (!publish_in_database(&failure))
		return note_failure(&failure);
	note_success();
	return next;
}

static void *
sign_checkpoints(void *context)
{
	(void) context;
	pthread_mutex_lock(&mutex);
	while (!stopping)
	{
		int64_t		next;

		pthread_mutex_unlock(&mutex);
		next = take_turn();
		pthread_mutex_lock(&mutex);
		while (!stopping && rig_clock_now() < next)
			rig_condition_wait_until(&wake, &mutex, next);
	}
	pthread_mutex_unlock(&mutex);
	disconnect();
	rig_buffer_release(&publication.note);
	return NULL;
}

bool
rig_signer_open(char *error, size_t error_size)
{
	if (*rig_config.signing_key == '\0')
		return true;
	if (!rig_signer_state_open(&state, rig_config.signing_key, error, error_size))
		return false;
	if (*rig_config.checkpoint_file != '\0' && !rig_note_file_make(rig_config.checkpoint_file))
	{
		snprintf(error, error_size, "could not make %s: %s", rig_config.checkpoint_file, strerror(errno));
		rig_signer_state_close(&state);
		return false;
	}
	status.condition = RIG_SIGNER_STARTING;
	return true;
}

bool
rig_signer_start(void)
{
	if (*rig_config.signing_key == '\0')
		return true;
	database.timeout_ms = rig_config.ingest_timeout_ms;
	rig_condition_init(&wake);
	return pthread_create(&thread, NULL, sign_checkpoints, NULL) == 0;
}

RigSignerStatus
rig_signer_status(void)
{
	RigSignerStatus copy;

	pthread_mutex_lock(&mutex);
	copy = status;
	pthread_mutex_unlock(&mutex);
	return copy;
}

void
rig_signer_stop(void)
{
	if (*rig_config.signing_key == '\0')
		return;
	pthread_mutex_lock(&mutex);
	stopping = true;
	/* Whatever the thread waits for from the database ends at once. */
	if (socket_fd >= 0)
		shutdown(socket_fd, SHUT_RDWR);
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
	rig_signer_state_close(&state);
}
