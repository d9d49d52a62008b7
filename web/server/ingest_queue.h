/*
 * Group commit. Requests wait in a bounded queue; one writer thread stores as many as
 * fit into one transaction and answers them after the commit. It never waits for more
 * to come: what arrives during a commit is the next batch.
 */
#ifndef RIG_INGEST_QUEUE_H
#define RIG_INGEST_QUEUE_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

extern bool rig_ingest_queue_start(void);

/* Suspends the request and queues its payloads; it is answered in any case. */
extern void rig_ingest_queue_submit(RigRequest *request);

/* Whether batches can be stored now; else why not. */
extern bool rig_ingest_queue_is_ready(RigFailure *failure);

/* Ends the writer once the queue is empty. */
extern void rig_ingest_queue_stop(void);

#endif
