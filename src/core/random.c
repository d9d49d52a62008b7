#include "random.h"

#include <stdbool.h>

static inline uint64_t
rotate_left(uint64_t value, int count)
{
	return (value << count) | (value >> (64 - count));
}

/* splitmix64, which spreads a poor seed over the whole state. */
static uint64_t
mix_seed(uint64_t *seed)
{
	uint64_t	value = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

void
rig_random_seed(RigRandom *random, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		random->state[i] = mix_seed(&seed);
}

void
rig_random_seed_stream(RigRandom *random, uint64_t seed, uint64_t stream)
{
	rig_random_seed(random, mix_seed(&seed) ^ mix_seed(&stream));
}

uint64_t
rig_random_next(RigRandom *random)
{
	uint64_t   *state = random->state;
	uint64_t	result = rotate_left(state[1] * 5, 7) * 9;
	uint64_t	shifted = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate_left(state[3], 45);
	return result;
}

double
rig_random_uniform(RigRandom *random)
{
	return (double) (rig_random_next(random) >> 11) * 0x1p-53;
}

uint32_t
rig_random_below(RigRandom *random, uint32_t bound)
{
	/* 2^32 mod bound: low halves under it would make some results likelier (Lemire). */
	uint32_t	threshold = (uint32_t) -bound % bound;
	uint64_t	product;

	do
		product = (rig_random_next(random) >> 32) * bound;
	while ((uint32_t) product < threshold);
	return (uint32_t) (product >> 32);
}

/* True with probability exp(-1/2): the length parity of a falling run of uniforms (von Neumann). */
static bool
flip_half(RigRandom *random)
{
	double		last = 0.5;
	bool		even = true;

	for (;;)
	{
		double		next = rig_random_uniform(random);

		if (next >= last)
			return even;
		last = next;
		even = !even;
	}
}

/* True with probability exp(-x(2k+x)/(2k+2)): the same, with runs thinned by a second coin. */
static bool
flip_slope(RigRandom *random, int k, double x)
{
	double		keep = (2 * k + x) / (2 * k + 2);
	double		last = x;
	bool		even = true;

	for (;;)
	{
		double		next = rig_random_uniform(random);

		if (next >= last || rig_random_uniform(random) >= keep)
			return even;
		last = next;
		even = !even;
	}
}

static bool
flip_repeatedly(RigRandom *random, int times)
{
	for (; times > 0; times--)
	{
		if (!flip_half(random))
			return false;
	}
	return true;
}

/*
 * Karney, "Sampling exactly from the normal distribution" (2016), algorithm N: only
 * comparisons decide, so that rounding of exp or log cannot differ between platforms.
 */
double
rig_random_normal(RigRandom *random)
{
	for (;;)
	{
		int			k = 0;
		int			accepted = 0;
		double		x;

		while (flip_half(random))
			k++;
		if (!flip_repeatedly(random, k * (k - 1)))
			continue;
		x = rig_random_uniform(random);
		while (accepted <= k && flip_slope(random, k, x))
			accepted++;
		if (accepted <= k)
			continue;
		return (rig_random_next(random) >> 63) != 0 ? -(k + x) : k + x;
	}
}
