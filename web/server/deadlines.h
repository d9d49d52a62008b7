/*
 * Absolute deadlines of client sockets. The HTTP library's own timeout starts again with
 * every byte, so a client that sends one byte a second would hold its socket for ever.
 */
#ifndef RIG_DEADLINES_H
#define RIG_DEADLINES_H

#include <stdint.h>

typedef struct RigClientSocket RigClientSocket;

typedef enum RigSocketState
{
	RIG_SOCKET_HEADER,			/* connected or mid-header */
	RIG_SOCKET_BODY,
	RIG_SOCKET_WORKING,			/* ours to act: no deadline here */
	RIG_SOCKET_ANSWERING,
	RIG_SOCKET_STREAMING,		/* the hub watches it */
	RIG_SOCKET_IDLE				/* between requests */
} RigSocketState;

/* Registers an accepted socket. */
extern RigClientSocket *rig_deadlines_open(int fd);

/* The state begins now. */
extern void rig_deadlines_enter(RigClientSocket *socket, RigSocketState state);

/* Forgets the socket; must be called before it is closed. */
extern void rig_deadlines_close(RigClientSocket *socket);

extern int	rig_deadlines_socket_fd(const RigClientSocket *socket);

/*
 * Ends a connection from outside its event loop, which then closes the socket. What was
 * not sent yet is thrown away: the kernel would keep it for a client that takes nothing.
 */
extern void rig_deadlines_abort(int fd);

/* Aborts every socket that is over its deadline. */
extern void rig_deadlines_sweep(int64_t now);

#endif
