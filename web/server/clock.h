/* Time and randomness, in one place so that everything else takes them as values. */
#ifndef RIG_CLOCK_H
#define RIG_CLOCK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds of the monotonic clock. */
extern int64_t rig_clock_now(void);

/* Microseconds since 1970, UTC. */
extern int64_t rig_clock_unix_us(void);

/* Current UTC time as 2026-01-05T12:00:00.123Z. */
extern void rig_clock_format(char *text, size_t size);

/* Condition variable that waits by the monotonic clock. */
extern void rig_condition_init(pthread_cond_t *condition);

/* Waits until signalled or until deadline (rig_clock_now scale). */
extern void rig_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
									 int64_t deadline);

/* Fills bytes by the random source of the operating system; without one the program ends. */
extern void rig_random_bytes(void *bytes, size_t size);

/* 64 random bits of the operating system. */
extern uint64_t rig_random(void);

/* Delays between attempts: doubling from 50 ms, with jitter, never over 2 s. */
typedef struct RigBackoff
{
	int			attempts;
} RigBackoff;

extern int64_t rig_backoff_next(RigBackoff *backoff);
extern void rig_backoff_reset(RigBackoff *backoff);

#endif
