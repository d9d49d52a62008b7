/*
 * Remote control through the table rigalpha.simulator_control.
 *
 * A thread of its own talks to the database once a second: it reports what the stream
 * does and reads what it is to do. The stream only copies small structs under a mutex,
 * so a slow, hung or absent database never delays a message.
 */
#ifndef RIG_CONTROL_H
#define RIG_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define RIG_CONTROL_NAME_SIZE 256

typedef struct RigControl RigControl;

/* What the row asks for. */
typedef struct RigControlOrder
{
	bool known; /* false until the row has been read once */
	bool running;
	double rate; /* messages per second per machine; may be INFINITY */
	char fault[RIG_CONTROL_NAME_SIZE]; /* empty: none */
	char fault_machine[RIG_CONTROL_NAME_SIZE]; /* empty: the first one */
} RigControlOrder;

/*
 * Starts the thread if libpq's environment names a database, and gives it a moment to
 * take the lock of the target there; NULL without a database. Exits with RIG_EXIT_BUSY
 * when another simulator holds that lock. Only `run` obeys and reports to the row.
 */
extern RigControl *rig_control_start(const RigOptions *options, const char *target);

extern RigControlOrder rig_control_order(RigControl *control);

/* Messages sent so far, and a word on what the stream does. */
extern void rig_control_report(RigControl *control, uint64_t sent, const char *note);

/* The fault of the row that runs now, or NULL. */
extern void rig_control_fault_running(RigControl *control, const char *fault);

/* The fault of the row has run its time: it is taken out of the row, if it still stands there. */
extern void rig_control_fault_finished(RigControl *control, const char *fault);

/* True if the target turned out to be taken when the database came back. */
extern bool rig_control_target_busy(RigControl *control);

/* Signs off and ends the thread, within a bounded time. */
extern void rig_control_stop(RigControl *control);

#endif
