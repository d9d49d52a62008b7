#include "deadlines.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "buffer.h"
#include "clock.h"
#include "config.h"

struct RigClientSocket
{
	int			fd;
	_Atomic int state;
	_Atomic int64_t since;
	RigClientSocket *previous;
	RigClientSocket *next;
};

/* The lock also keeps a descriptor from being closed and reused while the sweep shuts it down. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static RigClientSocket *sockets;

RigClientSocket *
rig_deadlines_open(int fd)
{
	RigClientSocket *client = rig_allocate(sizeof(*client));

	client->fd = fd;
	rig_deadlines_enter(client, RIG_SOCKET_HEADER);
	pthread_mutex_lock(&lock);
	client->next = sockets;
	if (sockets != NULL)
		sockets->previous = client;
	sockets = client;
	pthread_mutex_unlock(&lock);
	return client;
}

void
rig_deadlines_enter(RigClientSocket *client, RigSocketState state)
{
	atomic_store(&client->since, rig_clock_now());
	atomic_store(&client->state, state);
}

void
rig_deadlines_close(RigClientSocket *client)
{
	pthread_mutex_lock(&lock);
	if (client->previous != NULL)
		client->previous->next = client->next;
	else
		sockets = client->next;
	if (client->next != NULL)
		client->next->previous = client->previous;
	pthread_mutex_unlock(&lock);
	free(client);
}

int
rig_deadlines_socket_fd(const RigClientSocket *client)
{
	return client->fd;
}

void
rig_deadlines_abort(int fd)
{
	const struct linger discard = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &discard, sizeof(discard));
	shutdown(fd, SHUT_RDWR);
}

static int64_t
allowed_time(int state)
{
	switch (state)
	{
		case RIG_SOCKET_HEADER:
			return rig_config.header_timeout_ms;
		case RIG_SOCKET_BODY:
		case RIG_SOCKET_ANSWERING:
			return rig_config.body_timeout_ms;
		case RIG_SOCKET_IDLE:
			return rig_config.idle_timeout_ms;
		default:
			return INT64_MAX;
	}
}

void
rig_deadlines_sweep(int64_t now)
{
	pthread_mutex_lock(&lock);
	for (RigClientSocket *client = sockets; client != NULL; client = client->next)
	{
		if (now - atomic_load(&client->since) > allowed_time(atomic_load(&client->state)))
			rig_deadlines_abort(client->fd);
	}
	pthread_mutex_unlock(&lock);
}
