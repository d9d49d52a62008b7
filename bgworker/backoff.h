/*
 * Exponential backoff with jitter. Pure: the caller brings the random number
 * and does the waiting.
 */
#ifndef RIG_BACKOFF_H
#define RIG_BACKOFF_H

#include <stdint.h>

typedef struct RigBackoff
{
	int64_t		first_ms;
	int64_t		limit_ms;
	int			failures;
} RigBackoff;

/* Forget past failures. */
extern void rig_backoff_reset(RigBackoff *backoff);

/*
 * Count a failure and return how long to wait, in milliseconds: the first
 * delay doubled per earlier failure, up to the limit, times 0.75 to 1.25 as
 * random goes from 0 to 1.
 */
extern int64_t rig_backoff_next(RigBackoff *backoff, double random);

#endif
