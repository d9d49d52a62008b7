/*
 * Asking the program to end, and waiting in a way that such a request interrupts.
 *
 * The first SIGTERM or SIGINT ends the stream in order; the second one also gives up
 * on messages that are still on their way.
 */
#ifndef RIG_STOP_H
#define RIG_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the signal handlers; call before any thread exists. */
extern void rig_stop_init(void);

/* Same as the first signal, from any thread. */
extern void rig_stop_request(void);

extern bool rig_stop_requested(void);

extern bool rig_stop_abandoned(void);

/* Waits until the monotonic time, or until a stop is requested; true if it is. */
extern bool rig_stop_wait_until(int64_t monotonic_us);

#endif
