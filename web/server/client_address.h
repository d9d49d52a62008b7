/* Where a request comes from, for throttling and the audit log. */
#ifndef RIG_CLIENT_ADDRESS_H
#define RIG_CLIENT_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

#include "identity.h"

/*
 * The address of the peer as text; or, when the peer is one of the proxies (addresses, separated by
 * commas or blanks), the last address in forwarded (X-Forwarded-For, may be NULL), which is the one that
 * this proxy saw. Empty when the peer has no address.
 */
extern void rig_client_address(const struct sockaddr *peer, const char *forwarded, const char *proxies,
							   char text[RIG_ADDRESS_TEXT_SIZE]);

#endif
