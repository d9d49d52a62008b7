#include "adam.h"

#include <math.h>
#include <string.h>

#include "kernel.h"

#define MEAN_DECAY 0.9
#define SQUARE_DECAY 0.999
#define EPSILON 1e-8

size_t
rig_adam_size(size_t count)
{
	return 2 * count * sizeof(float);
}

RigStatus
rig_adam_create(RigAdam *adam, RigArena *arena, size_t count)
{
	float	   *memory = rig_arena_allocate(arena, rig_adam_size(count));

	if (memory == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(memory, 0, rig_adam_size(count));
	*adam = (RigAdam) {.count = count, .mean = memory, .square = memory + count, .mean_left = 1, .square_left = 1};
	return RIG_OK;
}

/* The mean and the mean square move towards the gradient. */
RIG_KERNEL static void
update_means(float *restrict mean, float *restrict square, const float *restrict gradient, float factor, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		float		value = gradient[i] * factor;

		mean[i] += (float) (1 - MEAN_DECAY) * (value - mean[i]);
		square[i] = (float) SQUARE_DECAY * square[i] + (float) (1 - SQUARE_DECAY) * value * value;
	}
}

bool
rig_adam_step(RigAdam *adam, float *parameters, const float *gradient, double factor, double rate, double clip_norm)
{
	double		norm = 0;
	float		step;
	float		root;

	for (size_t i = 0; i < adam->count; i++)
		norm += (double) gradient[i] * gradient[i];
	norm = sqrt(norm) * factor;
	if (!isfinite(norm))
		return false;
	if (norm > clip_norm)
		factor *= clip_norm / norm;
	update_means(adam->mean, adam->square, gradient, (float) factor, adam->count);
	adam->mean_left *= MEAN_DECAY;
	adam->square_left *= SQUARE_DECAY;
	step = (float) (rate / (1 - adam->mean_left));
	root = (float) (1 / sqrt(1 - adam->square_left));
	for (size_t i = 0; i < adam->count; i++)
		parameters[i] -= step * adam->mean[i] / (sqrtf(adam->square[i]) * root + (float) EPSILON);
	return true;
}
