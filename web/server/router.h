/* The table of routes: method, path pattern and handler. */
#ifndef RIG_ROUTER_H
#define RIG_ROUTER_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

typedef struct RigRoute
{
	const char *method;
	const char *pattern;
	/* Called when the header is complete; sets a response to refuse the request. May be NULL. */
	void		(*check) (RigRequest *request);
	/* Called when the body is complete: true when answered, false when it suspended the request. */
	bool		(*start) (RigRequest *request);
	/* Instead of start: called by a worker thread; false with a failure when the database failed. */
	bool		(*read) (RigRequest *request, RigDatabase *database, RigFailure *failure);
} RigRoute;

/* Finds the route of the request, or answers 404 or 405. */
extern void rig_router_resolve(RigRequest *request);

/* Runs the handler: true when the request is answered, false while it is suspended. */
extern bool rig_router_run(RigRequest *request);

#endif
