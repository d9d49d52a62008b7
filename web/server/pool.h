/*
 * Warm database connections for reading. One keeper thread makes, checks and closes them;
 * callers only take and give back, so a database that is away costs them no time.
 */
#ifndef RIG_POOL_H
#define RIG_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"

extern bool rig_pool_start(void);

/*
 * A connection of its own for the caller, or NULL with the failure: at once when the
 * database is known to be away, at the deadline when all connections stay busy.
 */
extern RigDatabase *rig_pool_acquire(int64_t deadline, RigFailure *failure);

/* Gives the connection back; one that is broken is closed. */
extern void rig_pool_release(RigDatabase *database);

extern void rig_pool_stop(void);

#endif
