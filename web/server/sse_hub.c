#define _GNU_SOURCE				/* POLLRDHUP */
#include "sse_hub.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "config.h"
#include "deadlines.h"
#include "listener.h"

#define RETRY_MS 2000
#define WATCHED_AFTER_LEAVING_MS 60000
#define CLOSE_PATIENCE_MS 500
#define SEND_BUFFER 65536		/* small, so that a client that takes nothing shows soon */

struct RigStream
{
	RigRequest *request;
	RigStreamSession *session;
	int			fd;
	uint64_t	next;			/* number of the next event to send */
	RigBuffer	pending;		/* text that is sent before the next event */
	size_t		pending_sent;
	bool		suspended;
	bool		ended;
	bool		ended_session;	/* by the end of its session */
	int64_t		last_read;
	RigStream  *previous;
	RigStream  *following;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static RigEventRing ring;
static RigStream *streams;
static int	stream_count;
static RigStreamSessions sessions;
static bool closed;
static uint32_t boot_id;

void
rig_sse_hub_start(void)
{
	boot_id = (uint32_t) rig_random();
	rig_event_ring_init(&ring, (uint64_t) rig_config.stream_events, (size_t) rig_config.stream_bytes);
	ring.first = ring.next = 1;
}

/* Lets the event loop ask a sleeping client's stream for data again. */
static void
wake_stream(RigStream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	stream->last_read = rig_clock_now();
	rig_listener_resume(stream->request);
}

/* Tells the client that events are missing and that it should read everything anew. */
static void
reset_stream(RigStream *stream)
{
	stream->next = ring.next;
	rig_buffer_format(&stream->pending, "id: %08x-%llu\nevent: reset\ndata: {}\n\n", boot_id,
					  (unsigned long long) (ring.next - 1));
}

/* Places a new stream: after the event it names, else at the end. */
static void
place_stream(RigStream *stream, const char *last_event_id)
{
	unsigned int boot;
	unsigned long long number;
	int			end = 0;

	rig_buffer_format(&stream->pending, "retry: %d\n", RETRY_MS);
	if (last_event_id == NULL || *last_event_id == '\0')
	{
		stream->next = ring.next;
		rig_buffer_format(&stream->pending, "id: %08x-%llu\n\n", boot_id,
						  (unsigned long long) (ring.next - 1));
		return;
	}
	rig_buffer_text(&stream->pending, "\n");
	if (sscanf(last_event_id, "%8x-%20llu%n", &boot, &number, &end) == 2 && last_event_id[end] == '\0' &&
		boot == boot_id && number + 1 >= ring.first && number + 1 >= stream->session->since && number < ring.next)
		stream->next = number + 1;
	else
		reset_stream(stream);
}

/* The session of the request, added unless it is known; NULL when it has as many streams as it may. */
static RigStreamSession *
enter_session(const RigRequest *request, const RigMachineList *visible)
{
	RigStreamSession *session = rig_stream_sessions_find(&sessions, request->identity.session_id);

	if (session == NULL)
		session = rig_stream_sessions_add(&sessions, request->identity.session_id, request->session_token, visible,
										  ring.next);
	if (session->streams >= rig_config.streams_per_session)
		return NULL;
	session->streams++;
	return session;
}

RigStream *
rig_sse_hub_join(RigRequest *request, const RigMachineList *visible, const char *last_event_id, RigProblem *problem)
{
	RigStream  *stream = NULL;
	RigStreamSession *session;
	int			send_buffer = SEND_BUFFER;

	pthread_mutex_lock(&lock);
	if (closed || stream_count >= rig_config.streams)
		*problem = RIG_PROBLEM_TOO_MANY_STREAMS;
	else if ((session = enter_session(request, visible)) == NULL)
		*problem = RIG_PROBLEM_SESSION_STREAMS;
	else
	{
		stream = rig_allocate(sizeof(*stream));
		stream->request = request;
		stream->session = session;
		stream->fd = rig_deadlines_socket_fd(request->socket);
		stream->last_read = rig_clock_now();
		place_stream(stream, last_event_id);
		stream->following = streams;
		if (streams != NULL)
			streams->previous = stream;
		streams = stream;
		stream_count++;
		setsockopt(stream->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	}
	pthread_mutex_unlock(&lock);
	return stream;
}

static size_t
send_pending(RigStream *stream, char *bytes, size_t size)
{
	size_t		rest = stream->pending.length - stream->pending_sent;
	size_t		length = rest < size ? rest : size;

	memcpy(bytes, stream->pending.data + stream->pending_sent, length);
	stream->pending_sent += length;
	if (stream->pending_sent == stream->pending.length)
	{
		rig_buffer_release(&stream->pending);
		stream->pending_sent = 0;
	}
	return length;
}

static bool
may_see(const RigStream *stream, const RigAudience *audience)
{
	switch (audience->kind)
	{
		case RIG_AUDIENCE_EVERYBODY:
			return true;
		case RIG_AUDIENCE_MACHINE:
			return rig_machine_list_has(&stream->session->visible, audience->id);
		case RIG_AUDIENCE_SESSION:
			return stream->session->id == audience->id;
		case RIG_AUDIENCE_ALL_MACHINES:
			return stream->session->visible.all;
	}
	return false;
}

/* Copies whole events as long as they fit; one that is too big alone is sent in pieces. */
static size_t
send_events(RigStream *stream, char *bytes, size_t size)
{
	size_t		length = 0;

	while (stream->next < ring.next)
	{
		const RigEvent *event = rig_event_ring_get(&ring, stream->next);

		if (!may_see(stream, &event->audience))
		{
			stream->next++;
			continue;
		}
		if (event->length > size - length)
		{
			if (length > 0)
				break;
			rig_buffer_append(&stream->pending, event->text, event->length);
			stream->next++;
			return send_pending(stream, bytes, size);
		}
		memcpy(bytes + length, event->text, event->length);
		length += event->length;
		stream->next++;
	}
	return length;
}

ssize_t
rig_sse_hub_read(RigStream *stream, char *bytes, size_t size)
{
	ssize_t		length = -1;

	pthread_mutex_lock(&lock);
	stream->last_read = rig_clock_now();
	if (!closed && !stream->ended)
	{
		if (stream->pending.length == 0 && stream->next < ring.first)
			reset_stream(stream);
		if (stream->pending.length > 0)
			length = (ssize_t) send_pending(stream, bytes, size);
		else
			length = (ssize_t) send_events(stream, bytes, size);
		if (length == 0)
		{
			stream->suspended = true;
			rig_listener_suspend(stream->request);
		}
	}
	pthread_mutex_unlock(&lock);
	return length;
}

void
rig_sse_hub_leave(RigStream *stream)
{
	pthread_mutex_lock(&lock);
	if (stream->previous != NULL)
		stream->previous->following = stream->following;
	else
		streams = stream->following;
	if (stream->following != NULL)
		stream->following->previous = stream->previous;
	stream_count--;
	stream->session->streams--;
	stream->session->last_left = rig_clock_now();
	if (stream->ended_session && stream->session->streams == 0)
		rig_stream_sessions_remove(&sessions, stream->session);
	pthread_mutex_unlock(&lock);
	rig_buffer_release(&stream->pending);
	free(stream);
}

static void
publish(const char *event, const char *data, RigAudience audience, bool with_id)
{
	RigBuffer	text = {0};
	size_t		length;
	char	   *bytes;

	pthread_mutex_lock(&lock);
	if (with_id)
		rig_buffer_format(&text, "id: %08x-%llu\n", boot_id, (unsigned long long) ring.next);
	rig_buffer_format(&text, "event: %s\ndata: ", event);
	rig_buffer_text(&text, data);
	rig_buffer_text(&text, "\n\n");
	bytes = rig_buffer_take(&text, &length);
	rig_event_ring_push(&ring, bytes, length, audience);
	for (RigStream *stream = streams; stream != NULL; stream = stream->following)
	{
		/* One that has all and may not see this sleeps on, without falling behind. */
		if (stream->suspended && stream->next + 1 == ring.next && !may_see(stream, &audience))
			stream->next++;
		else
			wake_stream(stream);
	}
	pthread_mutex_unlock(&lock);
}

void
rig_sse_hub_publish(const char *event, const char *data, RigAudience audience)
{
	publish(event, data, audience, true);
}

void
rig_sse_hub_publish_transient(const char *event, const char *data)
{
	publish(event, data, (RigAudience) {RIG_AUDIENCE_EVERYBODY, 0}, false);
}

bool
rig_sse_hub_watchers(uint64_t *generation, RigWatcher **watchers, int *count)
{
	bool		changed;

	pthread_mutex_lock(&lock);
	changed = *generation != sessions.generation;
	if (changed)
	{
		rig_watchers_release(*watchers, *count);
		*watchers = rig_stream_sessions_copy(&sessions, count);
		*generation = sessions.generation;
	}
	pthread_mutex_unlock(&lock);
	return changed;
}

void
rig_sse_hub_set_visible(int session_id, const RigMachineList *visible)
{
	RigStreamSession *session;

	pthread_mutex_lock(&lock);
	session = rig_stream_sessions_find(&sessions, session_id);
	if (session != NULL && !rig_machine_list_equal(&session->visible, visible))
	{
		rig_machine_list_release(&session->visible);
		session->visible = rig_machine_list_copy(visible);
		session->since = ring.next;
		sessions.generation++;
		for (RigStream *stream = streams; stream != NULL; stream = stream->following)
		{
			if (stream->session != session)
				continue;
			reset_stream(stream);
			wake_stream(stream);
		}
	}
	pthread_mutex_unlock(&lock);
}

void
rig_sse_hub_end_session(int session_id)
{
	RigStreamSession *session;

	pthread_mutex_lock(&lock);
	session = rig_stream_sessions_find(&sessions, session_id);
	for (RigStream *stream = streams; stream != NULL && session != NULL; stream = stream->following)
	{
		if (stream->session != session)
			continue;
		stream->ended = stream->ended_session = true;
		wake_stream(stream);
	}
	if (session != NULL && session->streams == 0)
		rig_stream_sessions_remove(&sessions, session);
	pthread_mutex_unlock(&lock);
}

void
rig_sse_hub_forget(void)
{
	pthread_mutex_lock(&lock);
	rig_event_ring_forget(&ring);
	pthread_mutex_unlock(&lock);
}

/* Whether the other side has closed; a suspended socket is not looked at by the event loop. */
static bool
is_gone(const RigStream *stream)
{
	struct pollfd socket = {.fd = stream->fd, .events = POLLRDHUP};

	return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Drops the sessions whose clients have left for long. */
static void
forget_sessions(int64_t now)
{
	RigStreamSession *next;

	for (RigStreamSession *session = sessions.first; session != NULL; session = next)
	{
		next = session->next;
		if (session->streams == 0 && now - session->last_left >= WATCHED_AFTER_LEAVING_MS)
			rig_stream_sessions_remove(&sessions, session);
	}
}

void
rig_sse_hub_sweep(int64_t now)
{
	pthread_mutex_lock(&lock);
	for (RigStream *stream = streams; stream != NULL; stream = stream->following)
	{
		int64_t		patience = closed ? CLOSE_PATIENCE_MS : rig_config.stream_timeout_ms;

		if (stream->suspended)
		{
			if (is_gone(stream))
			{
				stream->ended = true;
				wake_stream(stream);
			}
		}
		else if (now - stream->last_read > patience)
			rig_deadlines_abort(stream->fd);
	}
	forget_sessions(now);
	pthread_mutex_unlock(&lock);
}

void
rig_sse_hub_close(void)
{
	pthread_mutex_lock(&lock);
	closed = true;
	for (RigStream *stream = streams; stream != NULL; stream = stream->following)
		wake_stream(stream);
	pthread_mutex_unlock(&lock);
}
