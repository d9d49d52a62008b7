#include "pca_subspace.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

/* Vectors beyond those that are wanted: they speed up the last of those. */
#define EXTRA 12

#define MOST_ITERATIONS 200

/* Change of the eigenvalues, relative to the largest, at which they are settled. */
#define SETTLED 1e-10

/* The iterated space: vectors are columns, size x width, row-major. */
typedef struct Space
{
	int32_t		size;			/* padded dimensions */
	int32_t		width;
	double	   *vectors;
	double	   *images;			/* covariance times vectors */
	double	   *small;			/* width x width */
	double	   *values;			/* width */
} Space;

/* Makes the columns orthonormal by modified Gram-Schmidt, twice over for accuracy. */
static void
orthonormalize(const Space *space, double *columns)
{
	int32_t		width = space->width;

	for (int32_t j = 0; j < width; j++)
	{
		double		norm = 0;

		for (int32_t i = 0; i < 2 * j; i++)
		{
			int32_t		other = i % j;
			double		product = 0;

			for (int32_t d = 0; d < space->size; d++)
				product += columns[(size_t) d * width + other] * columns[(size_t) d * width + j];
			for (int32_t d = 0; d < space->size; d++)
				columns[(size_t) d * width + j] -= product * columns[(size_t) d * width + other];
		}
		for (int32_t d = 0; d < space->size; d++)
			norm += columns[(size_t) d * width + j] * columns[(size_t) d * width + j];
		norm = sqrt(norm);
		for (int32_t d = 0; d < space->size; d++)
			columns[(size_t) d * width + j] = norm > 1e-150 ? columns[(size_t) d * width + j] / norm : 0;
	}
}

/* images = covariance x vectors */
static void
multiply(const Space *space, const double *covariance)
{
	memset(space->images, 0, (size_t) space->size * (size_t) space->width * sizeof(double));
	rig_matrix_add_product(space->images, space->width, covariance, space->size, 1, space->vectors, space->width,
						   space->size, space->size, space->width);
}

/* Rotates the vectors to the best approximations of eigenvectors within their space. */
static RigStatus
rotate(const Space *space, RigArena *scratch)
{
	RigStatus	status;
	int32_t		width = space->width;

	memset(space->small, 0, (size_t) width * (size_t) width * sizeof(double));
	rig_matrix_add_product(space->small, width, space->vectors, 1, width, space->images, width, width, space->size, width);
	for (int32_t i = 0; i < width; i++)
		for (int32_t j = 0; j < i; j++)
			space->small[(size_t) i * width + j] = space->small[(size_t) j * width + i] =
				0.5 * (space->small[(size_t) i * width + j] + space->small[(size_t) j * width + i]);
	status = rig_symmetric_eigen(space->small, width, space->values, scratch);
	return status;
}

/* to = from x eigenvectors, which are the rows of small. */
static void
apply_rotation(const Space *space, const double *from, double *to)
{
	int32_t		width = space->width;

	memset(to, 0, (size_t) space->size * (size_t) width * sizeof(double));
	for (int32_t d = 0; d < space->size; d++)
		for (int32_t k = 0; k < width; k++)
		{
			double		sum = 0;

			for (int32_t j = 0; j < width; j++)
				sum += from[(size_t) d * width + j] * space->small[(size_t) k * width + j];
			to[(size_t) d * width + k] = sum;
		}
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
	space->small = rig_arena_allocate(scratch, (size_t) space->width * (size_t) space->width * sizeof(double));
	space->values = rig_arena_allocate(scratch, (size_t) space->width * sizeof(double));
	if (space->vectors == NULL || space->images == NULL || space->small == NULL || space->values == NULL)
		return RIG_OUT_OF_MEMORY;
	rig_random_seed(&random, 1);
	for (size_t i = 0; i < cells; i++)
		space->vectors[i] = rig_random_normal(&random);
	orthonormalize(space, space->vectors);
	return RIG_OK;
}

static void
take_result(RigPcaBasis *basis, const Space *space, const double *vectors)
{
	for (int32_t k = 0; k < basis->components; k++)
	{
		basis->variances[k] = space->values[k] > 0 ? space->values[k] : 0;
		for (int32_t d = 0; d < basis->dimensions; d++)
			basis->loadings[(size_t) k * (size_t) basis->dimensions + d] = vectors[(size_t) d * space->width + k];
	}
}

RigStatus
rig_pca_subspace(RigPcaBasis *basis, RigArena *scratch, const double *covariance, int32_t padded,
				 const RigProgress *progress)
{
	Space		space;
	double	   *rotated;
	double	   *before;
	RigStatus	status = begin_space(&space, scratch, padded, basis->components);

	rotated = rig_arena_allocate(scratch, (size_t) padded * (size_t) space.width * sizeof(double));
	before = rig_arena_allocate(scratch, (size_t) space.width * sizeof(double));
	if (status != RIG_OK || rotated == NULL || before == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(before, 0, (size_t) space.width * sizeof(double));
	for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++)
	{
		double		change = 0;

		multiply(&space, covariance);
		status = rotate(&space, scratch);
		if (status != RIG_OK)
			return status;
		apply_rotation(&space, space.vectors, rotated);
		for (int32_t k = 0; k < basis->components; k++)
			change = fmax(change, fabs(space.values[k] - before[k]));
		memcpy(before, space.values, (size_t) space.width * sizeof(double));
		if (change <= SETTLED * space.values[0])
			break;
		apply_rotation(&space, space.images, space.vectors);
		orthonormalize(&space, space.vectors);
		if (!rig_proceed(progress, 0.8 + 0.2 * iteration / MOST_ITERATIONS))
			return RIG_INTERRUPTED;
	}
	take_result(basis, &space, rotated);
	return RIG_OK;
}
