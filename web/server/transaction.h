/*
 * The transaction that a request acts in. The connection has logged in as the sidecar, which may do
 * nothing but let users log in; the transaction takes the identity and the role of the session, and
 * both end with it.
 */
#ifndef RIG_TRANSACTION_H
#define RIG_TRANSACTION_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

typedef enum RigTransaction
{
	RIG_TRANSACTION_NONE,		/* statements by themselves, for nobody, with the rights of the sidecar */
	RIG_TRANSACTION_SESSION,	/* acts for the session, with the rights of the sidecar */
	RIG_TRANSACTION_ROLE		/* acts for the session, with the rights of its user's role */
} RigTransaction;

/* What is done in it: false with a failure when the database failed; request->response.status may be set. */
typedef bool (*RigTransactionWork) (RigRequest *request, RigDatabase *database, RigFailure *failure);

/*
 * Runs work on a connection of the pool. The transaction is committed when work succeeded and did not
 * answer with an error. False when it was not; the request is answered then. Reads are repeated when
 * their connection died, everything else only before work began.
 */
extern bool rig_transaction_run(RigRequest *request, RigTransaction kind, RigTransactionWork work);

/*
 * Writes into the audit log what the user of the session was not allowed, in a transaction of its own, because
 * that of the request is rolled back. When this fails the log says so, and the request stays refused.
 */
extern void rig_transaction_note_refusal(const RigRequest *request);

/*
 * Begins a read-only transaction for a session, with the role of its user. It does not count as use of
 * the session. False with the failure when there is none.
 */
extern bool rig_transaction_begin_watching(RigDatabase *database, const char *token, RigIdentity *identity,
										   RigFailure *failure);

/* Ends what rig_transaction_begin_watching began, or failed to begin. */
extern void rig_transaction_end_watching(RigDatabase *database);

#endif
