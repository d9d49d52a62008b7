#include "sse_ring.h"

#include <stdlib.h>

#include "buffer.h"

static void
drop_first(RigEventRing *ring)
{
	RigEvent   *event = &ring->events[ring->first % ring->capacity];

	ring->bytes -= event->length;
	free(event->text);
	*event = (RigEvent) {0};
	ring->first++;
}

void
rig_event_ring_init(RigEventRing *ring, uint64_t capacity, size_t max_bytes)
{
	*ring = (RigEventRing) {.capacity = capacity, .max_bytes = max_bytes};
	ring->events = rig_allocate(capacity * sizeof(RigEvent));
}

void
rig_event_ring_push(RigEventRing *ring, char *text, size_t length, RigAudience audience)
{
	while (ring->next - ring->first == ring->capacity ||
		   (ring->next > ring->first && ring->bytes + length > ring->max_bytes))
		drop_first(ring);
	ring->events[ring->next % ring->capacity] = (RigEvent) {text, length, audience};
	ring->bytes += length;
	ring->next++;
}

const RigEvent *
rig_event_ring_get(const RigEventRing *ring, uint64_t number)
{
	return &ring->events[number % ring->capacity];
}

void
rig_event_ring_forget(RigEventRing *ring)
{
	while (ring->first < ring->next)
		drop_first(ring);
	ring->next++;
	ring->first = ring->next;
}

void
rig_event_ring_release(RigEventRing *ring)
{
	while (ring->first < ring->next)
		drop_first(ring);
	free(ring->events);
	ring->events = NULL;
}
