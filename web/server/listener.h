/*
 * The HTTP library's side: sockets, request bodies, deadlines, and the life of a request.
 * Only this file and response.c know the library.
 */
#ifndef RIG_LISTENER_H
#define RIG_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"
#include "tls.h"

/* Serves a listening socket, which it owns from now on, by TLS when there is a key. */
extern bool rig_listener_start(int socket_fd, const RigTls *tls);

/* Takes the request off its connection's event loop until rig_listener_resume. */
extern void rig_listener_suspend(RigRequest *request);

/* The answer is set (or stream data is there): the event loop goes on. Any thread. */
extern void rig_listener_resume(RigRequest *request);

/* Takes size bytes from the limit over all bodies, up to the end of the request; false when they are used up. */
extern bool rig_listener_account_body(RigRequest *request, size_t size);

/* No new connections; requests that come in on open ones are answered 503. */
extern void rig_listener_quiesce(void);

/* Waits until no request is open; false when that takes longer than the deadline. */
extern bool rig_listener_drain(int64_t deadline);

/* Closes everything; no request may be suspended. */
extern void rig_listener_stop(void);

#endif
