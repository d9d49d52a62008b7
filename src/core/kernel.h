/*
 * RIG_KERNEL marks a hot loop that is compiled once per instruction set and optimised harder
 * than the rest; the loader picks the copy that the processor can run. The copies may round
 * differently (fused multiply-add), so a result that must be the same everywhere comes from
 * integers and comparisons only. A kernel calls nothing but inline functions and other kernels.
 * That no floating-point exception is looked at changes no result, but lets both sides of a
 * choice be computed, without which loops with choices would not become loops of vectors.
 *
 * Only gcc knows the levels by name; elsewhere the plain function remains.
 */
#ifndef RIG_KERNEL_H
#define RIG_KERNEL_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define RIG_KERNEL \
	__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), optimize("O3", "no-trapping-math")))
#else
#define RIG_KERNEL
#endif

/*
 * Numbers from 0 on have the order of their bits, and a search for the largest integer is one
 * that compilers make a loop of vectors of, while that of the largest float is not. NaN counts as 0.
 */
static inline __attribute__((always_inline)) int32_t
rig_magnitude_bits(float magnitude)
{
	int32_t		bits;

	memcpy(&bits, &magnitude, sizeof(bits));
	return bits > INT32_C(0x7f800000) ? 0 : bits;
}

static inline __attribute__((always_inline)) float
rig_magnitude_of_bits(int32_t bits)
{
	float		magnitude;

	memcpy(&magnitude, &bits, sizeof(magnitude));
	return magnitude;
}

#endif
