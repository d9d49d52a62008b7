/*
 * One simulator per target: a second one would mix its values into the first one's machines.
 */
#ifndef RIG_LOCK_H
#define RIG_LOCK_H

#include <stdint.h>

/* Key of a target, also used for the advisory lock in the database. */
extern uint64_t rig_lock_key(const char *target);

/* Takes the lock on this machine until the process ends; exits with RIG_EXIT_BUSY when it is held. */
extern void rig_lock_take(const char *target);

#endif
