/*
 * Adam (Kingma, Ba 2015): steps along the mean of the gradient over the root of the mean of its
 * square, both with exponential forgetting (0.9, 0.999) and corrected for their start at 0.
 * Before that the gradient is scaled and, if it is longer than a limit, shortened (Pascanu,
 * Mikolov, Bengio 2013).
 */
#ifndef RIG_ADAM_H
#define RIG_ADAM_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "status.h"

typedef struct RigAdam
{
	size_t		count;			/* parameters */
	float	   *mean;			/* of the gradient */
	float	   *square;			/* mean of its square */
	double		mean_left;		/* share of the means that is still the zero they began with */
	double		square_left;	/* the same of the squares */
} RigAdam;

/* Bytes that create takes. */
extern size_t rig_adam_size(size_t count);

extern RigStatus rig_adam_create(RigAdam *adam, RigArena *arena, size_t count);

/*
 * One step of the parameters against the gradient times factor, cut to the length clip_norm.
 * A gradient that is not finite is not followed, and the result is false.
 */
extern bool rig_adam_step(RigAdam *adam, float *parameters, const float *gradient, double factor, double rate,
						  double clip_norm);

#endif
