/*
 * Feeds the streams: one thread with its own connection that listens for notifications,
 * reads the latest state of the machines that changed, and publishes it. It also reads
 * every second, because notifications are skipped when their queue is filling. It has no
 * rights of its own: it reads in the sessions that watch, one after another, each for the
 * machines that none before it could see; so an admin's session needs one query.
 */
#ifndef RIG_SSE_FEED_H
#define RIG_SSE_FEED_H

#include <stdbool.h>

extern bool rig_sse_feed_start(void);

/* A client came: reading may have to begin again. */
extern void rig_sse_feed_wake(void);

/* Sessions may have ended or see other machines: each is looked at now instead of at the next heartbeat. */
extern void rig_sse_feed_check_sessions(void);

extern void rig_sse_feed_stop(void);

#endif
