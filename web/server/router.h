/* The table of routes: method, path pattern, who may use it, and handler. */
#ifndef RIG_ROUTER_H
#define RIG_ROUTER_H

#include <stdbool.h>
#include <stdio.h>

#include "database.h"
#include "request.h"

/*
 * A route has one of start, run and perform. A route with access USER or OWN needs one of the latter two:
 * a socket thread cannot ask the database whether a session lives.
 */
typedef struct RigRoute
{
	const char *method;
	const char *pattern;
	RigAccess	access;
	/* Called when the header is complete; sets a response to refuse the request. May be NULL. */
	void		(*check) (RigRequest *request);
	/* Called when the body is complete: true when answered, false when it suspended the request. */
	bool		(*start) (RigRequest *request);
	/*
	 * Called by a worker thread: false with a failure when the database failed. For USER and OWN it runs
	 * in a transaction that acts for request->identity with the role of that user, read-only for GET.
	 */
	bool		(*run) (RigRequest *request, RigDatabase *database, RigFailure *failure);
	/* Called by a worker thread without a connection: see rig_transaction_run. */
	void		(*perform) (RigRequest *request);
} RigRoute;

/* Finds the route of the request, or answers 404 or 405. */
extern void rig_router_resolve(RigRequest *request);

/* Runs the handler: true when the request is answered, false while it is suspended. */
extern bool rig_router_run(RigRequest *request);

/* Prints the table, a line "METHOD PATH ACCESS" for each route. */
extern void rig_router_print(FILE *out);

#endif
