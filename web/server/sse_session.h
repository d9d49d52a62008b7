/*
 * The sessions that streams belong to: what each may see, and since when. They stay for a minute after
 * their last stream has left, so that a client which comes back misses nothing. No locking: the hub does that.
 */
#ifndef RIG_SSE_SESSION_H
#define RIG_SSE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "machine_list.h"
#include "session_token.h"

typedef struct RigStreamSession
{
	int			id;
	char		token[RIG_SESSION_TOKEN_SIZE];
	RigMachineList visible;
	uint64_t	since;			/* number of the first event after which nothing it may see is missing */
	int			streams;
	int64_t		last_left;
	struct RigStreamSession *next;
} RigStreamSession;

typedef struct RigStreamSessions
{
	RigStreamSession *first;
	uint64_t	generation;		/* changes with the list and with what its sessions may see */
} RigStreamSessions;

extern RigStreamSession *rig_stream_sessions_find(const RigStreamSessions *sessions, int id);

/* Adds a session, whose list of machines is copied. */
extern RigStreamSession *rig_stream_sessions_add(RigStreamSessions *sessions, int id, const char *token,
												 const RigMachineList *visible, uint64_t since);

extern void rig_stream_sessions_remove(RigStreamSessions *sessions, RigStreamSession *session);

/* What the feed needs of a session to read for it. */
typedef struct RigWatcher
{
	int			id;
	char		token[RIG_SESSION_TOKEN_SIZE];
	RigMachineList visible;
} RigWatcher;

/* Copies of all sessions, those that see most first. */
extern RigWatcher *rig_stream_sessions_copy(const RigStreamSessions *sessions, int *count);

extern void rig_watchers_release(RigWatcher *watchers, int count);

#endif
