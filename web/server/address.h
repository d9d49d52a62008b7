/* The address to listen on, and which hosts and origins a browser may use for us. */
#ifndef RIG_ADDRESS_H
#define RIG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct RigAddress
{
	struct sockaddr_storage storage;
	socklen_t	length;
} RigAddress;

/*
 * Parses host:port. Until there are accounts only loopback is allowed: everything
 * else is refused with the reason in error.
 */
extern bool rig_address_parse(const char *text, RigAddress *address, char *error, size_t error_size);

/* Whether nobody but this machine reaches the address. */
extern bool rig_address_is_loopback(const RigAddress *address);

/* Opens a listening socket; -1 with the reason in error. */
extern int	rig_address_listen(const RigAddress *address, char *error, size_t error_size);

/* Address and port of a bound socket as host:port. */
extern void rig_address_format(int socket_fd, char *text, size_t size);

/*
 * Whether a Host header names this machine or a configured origin. A page of another
 * site that points its own name at 127.0.0.1 must not reach us through a browser.
 */
extern bool rig_address_host_allowed(const char *host);

/* Whether an Origin header is ours: a loopback name with the port of Host, or a configured origin. */
extern bool rig_address_origin_allowed(const char *origin, const char *host);

#endif
