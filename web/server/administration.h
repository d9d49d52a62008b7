/*
 * What the handlers of users, tokens, sessions and the audit log have in common. Their statements call
 * functions that check what they are given and say what is wrong in words for the client.
 */
#ifndef RIG_ADMINISTRATION_H
#define RIG_ADMINISTRATION_H

#include <stdbool.h>

#include "database.h"
#include "request.h"

/*
 * Runs a statement whose refusals are answers: not allowed 403, not found 404, in conflict 409, not valid
 * 422. NULL after such an answer, and then *done is true; NULL with *done false is a failure.
 */
extern PGresult *rig_administration_query(RigRequest *request, RigDatabase *database, const RigStatement *statement,
										  const char *const *values, bool *done, RigFailure *failure);

/* Answers with the JSON text that a statement returns; 404 when it is NULL. */
extern bool rig_administration_json(RigRequest *request, RigDatabase *database, const RigStatement *statement,
									const char *const *values, int status, RigFailure *failure);

/* Answers 204 when a statement returns no row with false in it, else 404. */
extern bool rig_administration_act(RigRequest *request, RigDatabase *database, const RigStatement *statement,
								   const char *const *values, RigFailure *failure);

/* The body as text for a parameter of type json; NULL after answering when it cannot be one. */
extern const char *rig_administration_body(RigRequest *request);

#endif
