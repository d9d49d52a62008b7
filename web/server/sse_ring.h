/*
 * The last events of the stream, numbered without gaps. Old ones make room for new ones,
 * so memory is bounded and a client that falls behind is told to start over. No locking:
 * the hub does that.
 */
#ifndef RIG_SSE_RING_H
#define RIG_SSE_RING_H

#include <stddef.h>
#include <stdint.h>

/* Whom an event is for. */
typedef enum RigAudienceKind
{
	RIG_AUDIENCE_EVERYBODY,
	RIG_AUDIENCE_MACHINE,		/* sessions that may see the machine */
	RIG_AUDIENCE_SESSION,		/* this session */
	RIG_AUDIENCE_ALL_MACHINES	/* sessions that may see all machines */
} RigAudienceKind;

typedef struct RigAudience
{
	RigAudienceKind kind;
	int			id;				/* of the machine or session */
} RigAudience;

typedef struct RigEvent
{
	char	   *text;			/* as sent, with the empty line at its end */
	size_t		length;
	RigAudience audience;
} RigEvent;

typedef struct RigEventRing
{
	RigEvent   *events;
	uint64_t	capacity;
	size_t		max_bytes;
	size_t		bytes;
	uint64_t	first;			/* number of the oldest event kept */
	uint64_t	next;			/* number of the next event */
} RigEventRing;

extern void rig_event_ring_init(RigEventRing *ring, uint64_t capacity, size_t max_bytes);

/* Takes over text as the event with the number ring->next. */
extern void rig_event_ring_push(RigEventRing *ring, char *text, size_t length, RigAudience audience);

/* An event from first to next - 1. */
extern const RigEvent *rig_event_ring_get(const RigEventRing *ring, uint64_t number);

/* Drops all events and skips a number, so that nobody resumes across the gap. */
extern void rig_event_ring_forget(RigEventRing *ring);

extern void rig_event_ring_release(RigEventRing *ring);

#endif
