#include "listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Filled before the cluster exists and emptied by its constructor: one thread at a time. */
static int armed[RIG_LISTENERS_MAX];
static int armed_count;
static int armed_next;

static int
bind_directly(int fd, const struct sockaddr *address, socklen_t length)
{
	return (int) syscall(SYS_bind, fd, address, length);
}

static int
is_ephemeral_loopback(const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in in;

	if (length < (socklen_t) sizeof(in) || address->sa_family != AF_INET)
		return 0;
	memcpy(&in, address, sizeof(in));
	return in.sin_port == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

/* Hands the next armed socket over under the caller's descriptor. */
__attribute__((visibility("default"))) int
bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int listener;

	if (armed_next >= armed_count || !is_ephemeral_loopback(address, length))
		return bind_directly(fd, address, length);

	listener = armed[armed_next];
	if (dup2(listener, fd) < 0)
		return -1;
	close(listener);
	armed_next++;
	return 0;
}

static int
open_listener(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	address.sin_port = htons((in_port_t) port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	/*
	 * SO_REUSEADDR lets a restart pass connections that still wait for their end;
	 * listen() then is what finds a port taken by another process.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind_directly(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
		listen(fd, SOMAXCONN) < 0)
	{
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
rig_listeners_open(int port, int count)
{
	int opened[RIG_LISTENERS_MAX];

	for (int i = 0; i < count; i++)
	{
		opened[i] = open_listener(port + i);
		if (opened[i] < 0)
		{
			int saved = errno;

			for (int j = 0; j < i; j++)
				close(opened[j]);
			errno = saved;
			return port + i;
		}
	}
	memcpy(armed, opened, sizeof(int) * (size_t) count);
	armed_count = count;
	armed_next = 0;
	return 0;
}

int
rig_listeners_left(void)
{
	return armed_count - armed_next;
}
