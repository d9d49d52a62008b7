/*
 * Seeded pseudo-random numbers (xoshiro256**): one seed gives the same sequence of
 * integers, uniforms and normals on every platform, since no libm function takes part.
 * Not for secrets.
 */
#ifndef RIG_RANDOM_H
#define RIG_RANDOM_H

#include <stdint.h>

typedef struct RigRandom
{
	uint64_t	state[4];
} RigRandom;

/* Any seed is good, 0 included. */
extern void rig_random_seed(RigRandom *random, uint64_t seed);

/*
 * Seeds a generator of its own for one of many consumers (a sensor, a tree), whose
 * numbers do not depend on how many the others draw.
 */
extern void rig_random_seed_stream(RigRandom *random, uint64_t seed, uint64_t stream);

/* 64 random bits. */
extern uint64_t rig_random_next(RigRandom *random);

/* Uniform in 0 <= x < 1, a multiple of 2^-53. */
extern double rig_random_uniform(RigRandom *random);

/* Uniform integer in 0..bound-1, without bias; bound must be positive. */
extern uint32_t rig_random_below(RigRandom *random, uint32_t bound);

/* Normal deviate, mean 0, standard deviation 1. */
extern double rig_random_normal(RigRandom *random);

#endif
