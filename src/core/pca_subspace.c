#include "pca_subspace.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

/* Vectors beyond those that are wanted: they speed up the last of those. */
#define EXTRA 12

/* A spectrum that is flat at the end settles slowly, and then it does not matter where the cut falls. */
#define MOST_ITERATIONS 60

/* Change of the eigenvalues, relative to the largest, at which they are settled. */
#define SETTLED 1e-7

/* The iterated space: width vectors of size values each. */
typedef struct Space
{
	int32_t		size;			/* padded dimensions */
	int32_t		width;
	double	   *vectors;
	double	   *images;			/* covariance times vectors */
	double	   *rotated;
	double	   *small;			/* width x width */
	double	   *values;			/* width */
} Space;

static double
scalar_product(const double *a, const double *b, int32_t size)
{
	double		sums[4] = {0};

	for (int32_t i = 0; i < size; i += 4)
		for (int lane = 0; lane < 4; lane++)
			sums[lane] += a[i + lane] * b[i + lane];
	return sums[0] + sums[1] + sums[2] + sums[3];
}

/* Makes the vectors orthonormal by modified Gram-Schmidt, twice over for accuracy. */
static void
orthonormalize(const Space *space)
{
	int32_t		size = space->size;

	for (int32_t j = 0; j < space->width; j++)
	{
		double	   *vector = space->vectors + (size_t) j * (size_t) size;
		double		norm;

		for (int32_t i = 0; i < 2 * j; i++)
		{
			const double *other = space->vectors + (size_t) (i % j) * (size_t) size;
			double		product = scalar_product(other, vector, size);

			for (int32_t d = 0; d < size; d++)
				vector[d] -= product * other[d];
		}
		norm = sqrt(scalar_product(vector, vector, size));
		for (int32_t d = 0; d < size; d++)
			vector[d] = norm > 1e-150 ? vector[d] / norm : 0;
	}
}

/* to = matrix x from, where from has inner vectors. */
static void
combine(const Space *space, double *to, const double *matrix, int32_t inner, const double *from)
{
	memset(to, 0, (size_t) space->size * (size_t) space->width * sizeof(double));
	rig_matrix_add_product(to, space->size, matrix, inner, 1, from, space->size, space->width, inner, space->size);
}

/* Eigenvalues and eigenvectors of the covariance within the space, into values and the rows of small. */
static RigStatus
solve_small(const Space *space, RigArena *scratch)
{
	int32_t		width = space->width;

	for (int32_t i = 0; i < width; i++)
		for (int32_t j = 0; j <= i; j++)
		{
			double		product = scalar_product(space->vectors + (size_t) i * (size_t) space->size,
												 space->images + (size_t) j * (size_t) space->size, space->size);

			space->small[(size_t) i * (size_t) width + j] = product;
			space->small[(size_t) j * (size_t) width + i] = product;
		}
	return rig_symmetric_eigen(space->small, width, space->values, scratch);
}

static RigStatus
begin_space(Space *space, RigArena *scratch, int32_t padded, int32_t components)
{
	size_t		cells;
	RigRandom	random;

	space->size = padded;
	space->width = rig_matrix_padded(components + EXTRA < padded ? components + EXTRA : padded);
	cells = (size_t) space->size * (size_t) space->width;
	space->vectors = rig_arena_allocate(scratch, cells * sizeof(double));
	space->images = rig_arena_allocate(scratch, cells * sizeof(double));
	space->rotated = rig_arena_allocate(scratch, cells * sizeof(double));
	space->small = rig_arena_allocate(scratch, (size_t) space->width * (size_t) space->width * sizeof(double));
	space->values = rig_arena_allocate(scratch, (size_t) space->width * sizeof(double));
	if (space->vectors == NULL || space->images == NULL || space->rotated == NULL || space->small == NULL ||
		space->values == NULL)
		return RIG_OUT_OF_MEMORY;
	rig_random_seed(&random, 1);
	for (size_t i = 0; i < cells; i++)
		space->vectors[i] = rig_random_normal(&random);
	orthonormalize(space);
	return RIG_OK;
}

RigStatus
rig_pca_subspace(RigPcaBasis *basis, RigArena *scratch, const double *covariance, int32_t padded,
				 const RigProgress *progress)
{
	Space		space;
	double		before = 0;
	RigStatus	status = begin_space(&space, scratch, padded, basis->components);

	for (int iteration = 0; status == RIG_OK && iteration < MOST_ITERATIONS; iteration++)
	{
		double		sum = 0;

		combine(&space, space.images, space.vectors, padded, covariance);
		status = solve_small(&space, scratch);
		for (int32_t k = 0; k < basis->components; k++)
			sum += space.values[k];
		if (iteration + 1 == MOST_ITERATIONS || fabs(sum - before) <= SETTLED * space.values[0])
			break;
		before = sum;
		combine(&space, space.rotated, space.small, space.width, space.images);
		memcpy(space.vectors, space.rotated, (size_t) padded * (size_t) space.width * sizeof(double));
		orthonormalize(&space);
		if (!rig_proceed(progress, 0.8 + 0.2 * iteration / MOST_ITERATIONS))
			return RIG_INTERRUPTED;
	}
	if (status != RIG_OK)
		return status;
	combine(&space, space.rotated, space.small, space.width, space.vectors);
	for (int32_t k = 0; k < basis->components; k++)
	{
		basis->variances[k] = fmax(space.values[k], 0);
		memcpy(basis->loadings + (size_t) k * (size_t) basis->dimensions, space.rotated + (size_t) k * (size_t) padded,
			   (size_t) basis->dimensions * sizeof(double));
	}
	return RIG_OK;
}
