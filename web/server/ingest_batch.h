/* One batch of ingest requests: encoding, storing in one transaction, and the answers. */
#ifndef RIG_INGEST_BATCH_H
#define RIG_INGEST_BATCH_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

/* Prepares the statement, which fails when the extension is missing. */
extern bool rig_ingest_batch_prepare(RigDatabase *database, RigFailure *failure);

/*
 * Stores a list of requests and answers each of them. A batch that fails by its content
 * is halved until the request at fault stands alone, so it costs no other one. False
 * when the connection is lost.
 */
extern bool rig_ingest_batch_store(RigDatabase *database, RigRequest *batch, RigFailure *failure);

/* Answers all requests of a list with a failure. */
extern void rig_ingest_batch_fail(RigRequest *batch, const RigFailure *failure);

/* What the first error of a request says. */
typedef struct RigIngestRefusal
{
	char		reason[32];			/* empty = no error */
	int			retry_after;		/* seconds, 0 = not said */
} RigIngestRefusal;

/* Builds the answer of one request from its counts, its first refusal, and its errors as a JSON list. */
extern void rig_ingest_answer(RigRequest *request, const int counts[4], const RigIngestRefusal *refusal,
							  const RigBuffer *errors);

#endif
