/* Threads that run what needs the database, so that a slow query never holds up the sockets. */
#ifndef RIG_WORKERS_H
#define RIG_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

extern bool rig_workers_start(void);

/* Suspends the request and queues it; it is answered in any case. */
extern void rig_workers_submit(RigRequest *request);

/* Answers 503 to every request that waited too long for a thread. */
extern void rig_workers_expire(int64_t now);

extern void rig_workers_stop(void);

#endif
