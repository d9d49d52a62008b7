/*
 * The event streams: one ring of events and the clients that read it, each at its own
 * pace. A client that falls behind the ring gets a reset event; one that takes nothing
 * for too long is dropped.
 */
#ifndef RIG_SSE_HUB_H
#define RIG_SSE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "request.h"

typedef struct RigStream RigStream;

extern void rig_sse_hub_start(void);

/* Makes the request a stream, resumed after the given event id if any; NULL when there are too many. */
extern RigStream *rig_sse_hub_join(RigRequest *request, const char *last_event_id);

/* Copies what the client has not got yet; 0 after suspending it, -1 at the end of the stream. */
extern ssize_t rig_sse_hub_read(RigStream *stream, char *bytes, size_t size);

extern void rig_sse_hub_leave(RigStream *stream);

/* Sends an event to every client; data is one line. */
extern void rig_sse_hub_publish(const char *event, const char *data);

/* Sends an event that is of no use to a client that resumes, so it has no id. */
extern void rig_sse_hub_publish_transient(const char *event, const char *data);

/* Events were not read for a while: nobody can resume from before. */
extern void rig_sse_hub_forget(void);

/* Whether anybody listens, or did within the last minute and may come back. */
extern bool rig_sse_hub_is_watched(void);

/* Ends streams whose client is gone or takes nothing. */
extern void rig_sse_hub_sweep(int64_t now);

/* Ends all streams and takes no more. */
extern void rig_sse_hub_close(void);

#endif
