/*
 * The event streams: one ring of events and the clients that read it, each at its own
 * pace, and of it what its session may see. A client that falls behind the ring gets a
 * reset event; one that takes nothing for too long is dropped.
 */
#ifndef RIG_SSE_HUB_H
#define RIG_SSE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine_list.h"
#include "problem.h"
#include "request.h"
#include "sse_ring.h"
#include "sse_session.h"

typedef struct RigStream RigStream;

extern void rig_sse_hub_start(void);

/*
 * Makes the request a stream of its session, which may see these machines, resumed after the given event
 * id if any; NULL with the problem when there are too many.
 */
extern RigStream *rig_sse_hub_join(RigRequest *request, const RigMachineList *visible, const char *last_event_id,
								   RigProblem *problem);

/* Copies what the client has not got yet; 0 after suspending it, -1 at the end of the stream. */
extern ssize_t rig_sse_hub_read(RigStream *stream, char *bytes, size_t size);

extern void rig_sse_hub_leave(RigStream *stream);

/* Sends an event to those whom it is for; data is one line. */
extern void rig_sse_hub_publish(const char *event, const char *data, RigAudience audience);

/* Sends an event to everybody that is of no use to a client that resumes, so it has no id. */
extern void rig_sse_hub_publish_transient(const char *event, const char *data);

/*
 * Replaces the watchers by copies of the sessions with streams, unless nothing has changed since the
 * generation; true when they were replaced. Called by the feed.
 */
extern bool rig_sse_hub_watchers(uint64_t *generation, RigWatcher **watchers, int *count);

/* A session may see other machines now; its clients are told to read everything anew. */
extern void rig_sse_hub_set_visible(int session_id, const RigMachineList *visible);

/* A session has ended: closes its streams. */
extern void rig_sse_hub_end_session(int session_id);

/* Events were not read for a while: nobody can resume from before. */
extern void rig_sse_hub_forget(void);

/* Ends streams whose client is gone or takes nothing. */
extern void rig_sse_hub_sweep(int64_t now);

/* Ends all streams and takes no more. */
extern void rig_sse_hub_close(void);

#endif
