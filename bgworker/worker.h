/*
 * What the processes of the worker share: entry points and the parameters that
 * a parent hands to a child.
 */
#ifndef RIG_WORKER_H
#define RIG_WORKER_H

#include "postgres.h"

#include "postmaster/bgworker.h"

#define RIG_WORKER_LIBRARY "rigalpha_worker"
#define RIG_WORKER_ROLE "rigalpha_worker"
#define RIG_WORKER_EXTENSION "rigalpha"

/* Version of the worker functions in SQL that this library speaks. */
#define RIG_WORKER_ABI 1

typedef struct RigWorkerArgs
{
	Oid			database;
	Oid			role;
	int32		source;
	int32		slot;
} RigWorkerArgs;

StaticAssertDecl(sizeof(RigWorkerArgs) <= BGW_EXTRALEN, "worker arguments must fit into bgw_extra");

extern PGDLLEXPORT void rig_launcher_main(Datum argument);
extern PGDLLEXPORT void rig_supervisor_main(Datum argument);
extern PGDLLEXPORT void rig_consumer_main(Datum argument);

#endif
