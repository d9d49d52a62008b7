/* The body of an ingest request: which shape it has, and the payloads that it is divided into. */
#ifndef RIG_INGEST_BODY_H
#define RIG_INGEST_BODY_H

#include <stdbool.h>

#include "request.h"

/* Decides by the header and the query what the body will be; false when it is refused, which is answered then. */
extern bool rig_ingest_body_check(RigRequest *request);

/* The same for a route that takes line protocol only, whatever the type is called. */
extern bool rig_ingest_body_check_lines(RigRequest *request);

/* Divides the body into payloads, and finds the format of each; false when it is refused, which is answered then. */
extern bool rig_ingest_body_split(RigRequest *request);

#endif
