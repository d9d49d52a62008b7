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

#include "buffer.h"
#include "config.h"

#define HOST_MAX 256
#define BACKLOG 1024

/* Written at start, before there are threads. */
static RigAddress bound;
static RigBuffer origins;		/* the configured ones and our own */
static bool secure_origins;

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
is_loopback_host(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	return strcasecmp(host, "localhost") == 0 ||
		(inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127) ||
		(inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* Whether it stands for every address of the machine. */
static bool
is_wildcard(const RigAddress *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *) &address->storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &address->storage;

	if (address->storage.ss_family == AF_INET)
		return v4->sin_addr.s_addr == htonl(INADDR_ANY);
	return address->storage.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
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
	if (strcasecmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	address->loopback = is_loopback_host(host);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
	{
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		address->length = sizeof(*v4);
		return true;
	}
	memset(&address->storage, 0, sizeof(address->storage));
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
	{
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		address->length = sizeof(*v6);
		return true;
	}
	snprintf(error, error_size, "RIGALPHA_LISTEN needs a number as its address, such as 127.0.0.1 or [::1], not %.100s", text);
	return false;
}

bool
rig_address_cleartext_allowed(const RigAddress *address, char *error, size_t error_size)
{
	if (address->loopback || rig_config.insecure)
		return true;
	snprintf(error, error_size,
			 "cleartext is served on loopback only (127.0.0.0/8, ::1, localhost): set RIGALPHA_TLS_CERTIFICATE and "
			 "RIGALPHA_TLS_KEY, or RIGALPHA_INSECURE=on where something else encrypts");
	return false;
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

/* Whether an entry of RIGALPHA_ORIGINS is what a browser sends: scheme, host and perhaps a port, no path. */
static bool
is_origin(const char *entry, size_t length)
{
	size_t		scheme = strncasecmp(entry, "https://", 8) == 0 ? 8 : strncasecmp(entry, "http://", 7) == 0 ? 7 : 0;

	return scheme > 0 && length > scheme && length < HOST_MAX && strcspn(entry + scheme, "/?#@*, ") == length - scheme;
}

bool
rig_address_check_origins(char *error, size_t error_size)
{
	const char *entry = rig_config.origins + strspn(rig_config.origins, ", ");

	secure_origins = false;
	while (*entry != '\0')
	{
		size_t		length = strcspn(entry, ", ");

		if (!is_origin(entry, length))
		{
			snprintf(error, error_size, "RIGALPHA_ORIGINS lists origins such as https://rig.example, without a path; not %.*s",
					 (int) (length < 100 ? length : 100), entry);
			return false;
		}
		secure_origins |= strncasecmp(entry, "https://", 8) == 0;
		entry += length;
		entry += strspn(entry, ", ");
	}
	return true;
}

static void
add_origin(const char *scheme, const char *host, int port)
{
	bool		usual = port == (strcmp(scheme, "https") == 0 ? 443 : 80);

	rig_buffer_format(&origins, ",%s://%s", scheme, host);
	if (!usual)
		rig_buffer_format(&origins, ":%d", port);
}

void
rig_address_serve(const RigAddress *address, int socket_fd, bool tls)
{
	const char *scheme = tls ? "https" : "http";
	char		text[HOST_MAX];
	char	   *port;

	rig_address_format(socket_fd, text, sizeof(text));
	port = strrchr(text, ':');
	*port++ = '\0';
	bound = *address;
	secure_origins |= tls;
	rig_buffer_release(&origins);
	rig_buffer_text(&origins, rig_config.origins);
	if (!is_wildcard(address))
		add_origin(scheme, text, atoi(port));
	if (address->loopback)
		add_origin(scheme, "localhost", atoi(port));
}

const char *
rig_address_origins(void)
{
	return origins.data != NULL ? origins.data : "";
}

bool
rig_address_is_secure(void)
{
	return secure_origins;
}

void
rig_address_release(void)
{
	rig_buffer_release(&origins);
}

/* Whether Host is what stands after the scheme of a configured origin. */
static bool
is_configured_host(const char *host)
{
	const char *entry = rig_config.origins;

	while (*entry != '\0')
	{
		size_t		length = strcspn(entry, ", ");
		const char *scheme = strstr(entry, "://");
		const char *start = scheme != NULL && scheme < entry + length ? scheme + 3 : entry;

		if (length > 0 && strlen(host) == (size_t) (entry + length - start) &&
			strncasecmp(host, start, strlen(host)) == 0)
			return true;
		entry += length;
		entry += strspn(entry, ", ");
	}
	return false;
}

/* Whether a host that is a number is the address we are bound to; all are when that is every address. */
static bool
is_bound_address(const char *host)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *) &bound.storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &bound.storage;
	struct in6_addr number;

	if (inet_pton(AF_INET, host, &number) == 1)
		return is_wildcard(&bound) ||
			(v4->sin_family == AF_INET && memcmp(&number, &v4->sin_addr, sizeof(v4->sin_addr)) == 0);
	return inet_pton(AF_INET6, host, &number) == 1 &&
		(is_wildcard(&bound) ||
		 (v6->sin6_family == AF_INET6 && memcmp(&number, &v6->sin6_addr, sizeof(v6->sin6_addr)) == 0));
}

bool
rig_address_host_allowed(const char *host)
{
	char		name[HOST_MAX];
	const char *port;

	return is_configured_host(host) ||
		(split_host_port(host, name, &port) && strspn(port, "0123456789") == strlen(port) &&
		 (is_loopback_host(name) || is_bound_address(name)));
}
