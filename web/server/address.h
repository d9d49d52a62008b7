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
	bool		loopback;
} RigAddress;

/* Parses host:port, where host is a number or localhost; false with the reason in error. */
extern bool rig_address_parse(const char *text, RigAddress *address, char *error, size_t error_size);

/* Whether passwords may go over this address unencrypted: on loopback, or where the operator says so. */
extern bool rig_address_cleartext_allowed(const RigAddress *address, char *error, size_t error_size);

/* Whether RIGALPHA_ORIGINS lists origins; false with the reason in error. */
extern bool rig_address_check_origins(char *error, size_t error_size);

/* Opens a listening socket; -1 with the reason in error. */
extern int	rig_address_listen(const RigAddress *address, char *error, size_t error_size);

/* Address and port of a bound socket as host:port. */
extern void rig_address_format(int socket_fd, char *text, size_t size);

/* Decides which hosts and origins are ours, from the configured ones and a bound socket. Called once, at start. */
extern void rig_address_serve(const RigAddress *address, int socket_fd, bool tls);

/* The origins of our page, for origin_check.h. */
extern const char *rig_address_origins(void);

/* Whether browsers reach us by https, from here or through a proxy. */
extern bool rig_address_is_secure(void);

extern void rig_address_release(void);

/*
 * Whether a Host header names this machine or a configured origin. A page of another site that points its own name
 * at our address must not reach us through a browser; a number as host cannot be pointed elsewhere.
 */
extern bool rig_address_host_allowed(const char *host);

#endif
