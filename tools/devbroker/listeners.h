/*
 * Listening sockets on ports of our choice, for a library that only asks for
 * ephemeral ones.
 *
 * The mock cluster binds each of its brokers to port 0 of 127.0.0.1 and has no option
 * for another. listeners.c defines bind(), which takes precedence over the C library's
 * for the whole process: while listeners are armed, a request for an ephemeral
 * loopback port receives the next of the sockets opened here.
 */
#ifndef RIG_LISTENERS_H
#define RIG_LISTENERS_H

#define RIG_LISTENERS_MAX 16

/*
 * Opens count sockets listening on port, port + 1, ... of 127.0.0.1 and arms bind().
 * Returns 0, or the port that could not be had, with errno set.
 */
extern int rig_listeners_open(int port, int count);

/* Number of armed sockets that nobody has asked for yet. */
extern int rig_listeners_left(void);

#endif
