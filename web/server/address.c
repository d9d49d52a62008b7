#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config.h"

#define HOST_MAX 256
#define BACKLOG 1024

/* Splits host:port or [host]:port; the port is empty when there is none. */
static bool
split_host_port(const char *text, char host[HOST_MAX], const char **port)
{
	const char *start = text;
	const char *end;

	if (*text == '[')
	{
		start = text + 1;
		end = strchr(start, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*port = end[1] == ':' ? end + 2 : "";
	}
	else
	{
		end = strchr(text, ':');
		*port = end != NULL ? end + 1 : "";
		if (end == NULL)
			end = text + strlen(text);
	}
	if ((size_t) (end - start) >= HOST_MAX)
		return false;
	memcpy(host, start, (size_t) (end - start));
	host[end - start] = '\0';
	return true;
}

static bool
is_loopback_v4(const char *host, struct in_addr *address)
{
	return inet_pton(AF_INET, host, address) == 1 && (ntohl(address->s_addr) >> 24) == 127;
}

static bool
is_loopback_v6(const char *host, struct in6_addr *address)
{
	return inet_pton(AF_INET6, host, address) == 1 && IN6_IS_ADDR_LOOPBACK(address);
}

static bool
is_loopback_host(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	return strcasecmp(host, "localhost") == 0 || is_loopback_v4(host, &v4) || is_loopback_v6(host, &v6);
}

static bool
parse_port(const char *text, in_port_t *port)
{
	char	   *end;
	long		number = strtol(text, &end, 10);

	if (end == text || *end != '\0' || number < 0 || number > 65535)
		return false;
	*port = htons((in_port_t) number);
	return true;
}

bool
rig_address_parse(const char *text, RigAddress *address, char *error, size_t error_size)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *) &address->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &address->storage;
	char		host[HOST_MAX];
	const char *port_text;
	in_port_t	port;

	memset(address, 0, sizeof(*address));
	if (!split_host_port(text, host, &port_text) || !parse_port(port_text, &port))
	{
		snprintf(error, error_size, "RIGALPHA_LISTEN is not host:port");
		return false;
	}
	if (is_loopback_v6(host, &v6->sin6_addr))
	{
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		address->length = sizeof(*v6);
		return true;
	}
	memset(address, 0, sizeof(*address));
	if (strcasecmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (!is_loopback_v4(host, &v4->sin_addr))
	{
		snprintf(error, error_size,
				 "refusing to listen on %.100s: this version has no accounts, so only loopback "
				 "(127.0.0.0/8, ::1, localhost) is served", text);
		return false;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = port;
	address->length = sizeof(*v4);
	return true;
}

bool
rig_address_is_loopback(const RigAddress *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *) &address->storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &address->storage;

	if (address->storage.ss_family == AF_INET)
		return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
	return address->storage.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int
rig_address_listen(const RigAddress *address, char *error, size_t error_size)
{
	int			on = 1;
	int			fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		bind(fd, (const struct sockaddr *) &address->storage, address->length) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	snprintf(error, error_size, "could not listen: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void
rig_address_format(int socket_fd, char *text, size_t size)
{
	struct sockaddr_storage storage = {0};
	socklen_t	length = sizeof(storage);
	char		host[INET6_ADDRSTRLEN] = "";

	getsockname(socket_fd, (struct sockaddr *) &storage, &length);
	if (storage.ss_family == AF_INET6)
	{
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &storage;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
	else
	{
		const struct sockaddr_in *v4 = (const struct sockaddr_in *) &storage;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%d", host, ntohs(v4->sin_port));
	}
}

/* Whether the part of an origin after its scheme, or the whole origin, is configured. */
static bool
is_configured(const char *text, bool whole_origin)
{
	const char *entry = rig_config.origins;

	while (*entry != '\0')
	{
		size_t		length = strcspn(entry, ", ");
		const char *start = entry;

		if (!whole_origin)
		{
			const char *scheme = strstr(entry, "://");

			if (scheme != NULL && scheme < entry + length)
				start = scheme + 3;
		}
		if (length > 0 && strlen(text) == (size_t) (entry + length - start) &&
			strncasecmp(text, start, strlen(text)) == 0)
			return true;
		entry += length;
		entry += strspn(entry, ", ");
	}
	return false;
}

bool
rig_address_host_allowed(const char *host)
{
	char		name[HOST_MAX];
	const char *port;

	if (split_host_port(host, name, &port) && is_loopback_host(name))
		return true;
	return is_configured(host, false);
}

bool
rig_address_origin_allowed(const char *origin, const char *host)
{
	char		name[HOST_MAX];
	char		own_name[HOST_MAX];
	const char *port;
	const char *own_port;

	if (is_configured(origin, true))
		return true;
	if (strncmp(origin, "http://", 7) != 0 || host == NULL)
		return false;
	return split_host_port(origin + 7, name, &port) && is_loopback_host(name) &&
		split_host_port(host, own_name, &own_port) && strcasecmp(name, own_name) == 0 &&
		strcmp(port, own_port) == 0;
}
