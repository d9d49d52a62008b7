/*
 * One HTTP request on its way through the sidecar. It is owned by the socket thread that
 * serves its connection; while it is suspended it belongs to the queue that holds it, and
 * rig_listener_resume gives it back. Nothing here knows the HTTP library.
 */
#ifndef RIG_REQUEST_H
#define RIG_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "identity.h"
#include "response.h"
#include "session_token.h"
#include "url.h"

#define RIG_REQUEST_ID_SIZE 24
#define RIG_REQUEST_MAX_CAPTURES 2

struct MHD_Connection;
struct RigRoute;
struct RigStream;
struct RigClientSocket;

typedef enum RigRequestPhase
{
	RIG_PHASE_NEW,				/* header not seen yet */
	RIG_PHASE_BODY,				/* body arriving */
	RIG_PHASE_RUNNING,			/* handed to its handler */
	RIG_PHASE_ANSWERED			/* response given to the HTTP library */
} RigRequestPhase;

/* One payload of an ingest body; NDJSON has one per line. */
typedef struct RigPayloadSlice
{
	const char *bytes;
	size_t		length;
} RigPayloadSlice;

typedef struct RigRequest
{
	char		id[RIG_REQUEST_ID_SIZE];
	RigRequestPhase phase;
	const char *method;			/* HEAD is handled as GET, the library drops the body */
	RigUrl		url;
	const char *target;			/* raw, in memory of the HTTP library; only its place is of use after the start */
	size_t		target_length;
	bool		malformed;		/* the target could not be parsed */
	const struct RigRoute *route;
	const char *captures[RIG_REQUEST_MAX_CAPTURES];
	char		client_address[RIG_ADDRESS_TEXT_SIZE];
	char		session_token[RIG_SESSION_TOKEN_SIZE];	/* of the cookie; empty when there is none */
	RigIdentity identity;		/* set before the handler of a route with access USER or OWN runs */
	void	   *work;			/* of the handler, while it runs */
	int64_t		started;
	bool		counted;		/* stands in the count of open requests */

	RigBuffer	body;
	uint64_t	body_received;	/* counts discarded bytes too */
	uint64_t	body_declared;	/* Content-Length, 0 when unknown */
	size_t		body_accounted; /* bytes taken from the limit over all bodies */
	bool		body_discarded; /* the answer is known, the rest is only read away */

	RigPayloadSlice *payloads;	/* point into body */
	int			payload_count;
	const char *token;			/* of a device, NULL = none; points into the header, as the next */
	const char *idempotency_key;	/* NULL = none */

	RigResponse response;
	bool		forbidden;		/* the answer is that the role of the user may not */
	struct RigStream *stream;	/* set while the answer is an event stream */

	int64_t		queued;			/* when it entered the queue that holds it */
	struct RigRequest *next;	/* link of that queue */

	struct MHD_Connection *connection;
	struct RigClientSocket *socket;
} RigRequest;

/* Value of a request header, or NULL. */
extern const char *rig_request_header(const RigRequest *request, const char *name);

#endif
