/*
 * How long computations report progress and learn that they should end. The function may
 * also not return at all (it may jump), so a computation holds nothing but arena memory
 * when it calls.
 */
#ifndef RIG_PROGRESS_H
#define RIG_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct RigProgress
{
	/* fraction of the work done, 0..1; false asks to end with RIG_INTERRUPTED */
	bool		(*proceed) (void *context, double fraction);
	void	   *context;
} RigProgress;

/* True when the computation shall go on; always without progress (NULL). */
static inline bool
rig_proceed(const RigProgress *progress, double fraction)
{
	return progress == NULL || progress->proceed(progress->context, fraction);
}

#endif
