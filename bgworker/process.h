/*
 * How the three kinds of process start, wait, stop and reload.
 *
 * SIGTERM outside a statement only raises a flag, so that the loop can leave in
 * order; inside a statement it ends the process at the next interrupt check. A
 * query cancel acts inside statements only: elsewhere there is nothing to cancel.
 */
#ifndef RIG_PROCESS_H
#define RIG_PROCESS_H

#include "worker.h"

/* Install the signal handlers; the first call of a process. */
extern void rig_process_begin(void);

/* Connect as the worker's role, refuse a superuser, fix the session's settings. */
extern void rig_process_connect(const RigWorkerArgs *args);

/* Name of the connected database, for messages; lives as long as the process. */
extern char *rig_process_database_name(void);

/* True once the process was asked to end. */
extern bool rig_process_stopping(void);

/*
 * Leave in order: statements that follow wait for locks only briefly, and only
 * another SIGTERM interrupts them.
 */
extern void rig_process_leave(void);

/* Serve interrupts and a pending reload; once per turn of every loop. */
extern void rig_process_serve(void);

/* Sleep until the latch is set or the time is over. */
extern void rig_process_nap(int64 milliseconds);

/* Wait event shown while a process of this library waits. */
extern uint32 rig_process_wait_event(void);

/* Between these two, SIGTERM and cancel interrupt the running code. */
extern void rig_process_statement_begin(void);
extern void rig_process_statement_end(void);

/* Microseconds of a clock that never steps back. */
extern int64 rig_process_clock(void);

#endif
