#include "pca_krylov.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

/* Vectors beyond those that are wanted: they speed up the last of those. */
#define EXTRA 4

/* Blocks of vectors before a restart. */
#define BLOCKS 6

/* Times that the covariance is applied at most. */
#define MOST_APPLICATIONS 30

/* Residual of a vector, relative to its eigenvalue, at which it is settled; and to the largest. */
#define SETTLED 1e-8
#define ROUNDING 1e-14

/* What is left of a vector after orthogonalisation counts as nothing: at first, and at the repetition. */
#define NOTHING 1e-13
#define REPEATED_NOTHING 0.5

/* Samples, and dimensions of them, that are multiplied at a time so that they stay in the cache. */
#define CHUNK 32
#define TILE 128

/*
 * The space that grows by blocks of `width` orthonormal vectors. The covariance is divided by
 * the total variance, so that thresholds need no unit.
 */
typedef struct Space
{
	const RigPcaSamples *samples;
	const RigPcaBasis *basis;
	int32_t		size;			/* padded dimensions */
	int32_t		width;
	int32_t		capacity;		/* vectors at most */
	int32_t		used;
	double	   *vectors;		/* capacity x size */
	double	   *within;			/* capacity x capacity: the covariance in terms of the vectors */
	double	   *columns;		/* size x width: the newest vectors as columns */
	double	   *images;			/* size x width: the covariance times those */
	double	   *products;		/* capacity x width */
	double	   *chunk;			/* CHUNK x size */
	double	   *scores;			/* CHUNK x width */
	double	   *ritz;			/* used x used, rows are the Ritz vectors in terms of the vectors */
	double	   *values;			/* capacity */
	double	   *fresh;			/* width x size: the leading Ritz vectors */
} Space;

int32_t
rig_pca_krylov_width(int32_t components)
{
	return rig_matrix_padded(components + EXTRA);
}

static double *
allocate_doubles(RigArena *arena, int32_t rows, int32_t columns)
{
	return rig_arena_allocate(arena, (size_t) rows * (size_t) columns * sizeof(double));
}

static void
clear_doubles(double *values, int32_t rows, int32_t columns)
{
	memset(values, 0, (size_t) rows * (size_t) columns * sizeof(double));
}

static double
scalar_product(const double *a, const double *b, int32_t size)
{
	double		sums[4] = {0};

	for (int32_t i = 0; i < size; i += 4)
		for (int lane = 0; lane < 4; lane++)
			sums[lane] += a[i + lane] * b[i + lane];
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* images = covariance times the newest block. */
static void
apply_covariance(Space *space)
{
	const RigPcaSamples *samples = space->samples;
	int32_t		size = space->size;
	int32_t		width = space->width;
	const double *newest = space->vectors + (size_t) (space->used - width) * (size_t) size;
	double		scale = 1 / ((double) (samples->count - 1) * space->basis->total_variance);

	for (int32_t d = 0; d < size; d++)
		for (int32_t c = 0; c < width; c++)
			space->columns[(size_t) d * (size_t) width + c] = newest[(size_t) c * (size_t) size + d];
	clear_doubles(space->images, size, width);
	for (int64_t first = 0; first < samples->count; first += CHUNK)
	{
		rig_pca_center_chunk(samples, space->basis->mean, first, CHUNK, space->chunk, size);
		clear_doubles(space->scores, CHUNK, width);
		for (int32_t d = 0; d < size; d += TILE)
			rig_matrix_add_product(space->scores, width, space->chunk + d, size, 1,
								   space->columns + (size_t) d * (size_t) width, width, CHUNK,
								   size - d < TILE ? size - d : TILE, width);
		rig_matrix_add_product(space->images, width, space->chunk, 1, size, space->scores, width, size, CHUNK, width);
	}
	for (size_t i = 0; i < (size_t) size * (size_t) width; i++)
		space->images[i] *= scale;
}

/* Takes from the images what lies within the space; products = vectors times images. */
static void
project_out(Space *space)
{
	size_t		cells = (size_t) space->used * (size_t) space->width;

	clear_doubles(space->products, space->used, space->width);
	rig_matrix_add_product(space->products, space->width, space->vectors, space->size, 1, space->images, space->width,
						   space->used, space->size, space->width);
	for (size_t i = 0; i < cells; i++)
		space->products[i] = -space->products[i];
	rig_matrix_add_product(space->images, space->width, space->vectors, 1, space->size, space->products, space->width,
						   space->size, space->used, space->width);
	for (size_t i = 0; i < cells; i++)
		space->products[i] = -space->products[i];
}

/* Enters the products with the newest block into the covariance within the space. */
static void
record_products(Space *space)
{
	int32_t		first = space->used - space->width;

	for (int32_t i = 0; i < space->used; i++)
		for (int32_t c = 0; c < space->width; c++)
		{
			double		product = space->products[(size_t) i * (size_t) space->width + c];

			space->within[(size_t) i * (size_t) space->capacity + first + c] = product;
			space->within[(size_t) (first + c) * (size_t) space->capacity + i] = product;
		}
}

/* Makes the block behind the used vectors orthonormal; a vector of which no more than `nothing` is left becomes 0. */
static void
orthonormalise_block(Space *space, double nothing)
{
	double	   *block = space->vectors + (size_t) space->used * (size_t) space->size;

	for (int32_t c = 0; c < space->width; c++)
	{
		double	   *vector = block + (size_t) c * (size_t) space->size;
		double		norm;

		for (int32_t i = 0; i < 2 * c; i++)
		{
			const double *other = block + (size_t) (i % c) * (size_t) space->size;
			double		product = scalar_product(other, vector, space->size);

			for (int32_t d = 0; d < space->size; d++)
				vector[d] -= product * other[d];
		}
		norm = sqrt(scalar_product(vector, vector, space->size));
		for (int32_t d = 0; d < space->size; d++)
			vector[d] = norm > nothing ? vector[d] / norm : 0;
	}
}

/* Adds the images as a new block, orthonormal to all others: everything twice, for accuracy. */
static void
append_block(Space *space)
{
	int32_t		size = space->size;
	int32_t		width = space->width;
	double	   *block = space->vectors + (size_t) space->used * (size_t) size;

	for (int pass = 0; pass < 2; pass++)
	{
		project_out(space);
		for (int32_t c = 0; c < width; c++)
			for (int32_t d = 0; d < size; d++)
				block[(size_t) c * (size_t) size + d] = space->images[(size_t) d * (size_t) width + c];
		orthonormalise_block(space, pass == 0 ? NOTHING : REPEATED_NOTHING);
		for (int32_t c = 0; c < width; c++)
			for (int32_t d = 0; d < size; d++)
				space->images[(size_t) d * (size_t) width + c] = block[(size_t) c * (size_t) size + d];
	}
	space->used += width;
}

/* Ritz vectors of the space, the leading ones in fresh; images become their residuals. */
static RigStatus
find_ritz_vectors(Space *space, RigArena *scratch)
{
	RigArena	inner = rig_arena_child(scratch);
	int32_t		used = space->used;
	int32_t		width = space->width;
	double	   *turned = space->products;
	RigStatus	status;

	for (int32_t i = 0; i < used; i++)
		memcpy(space->ritz + (size_t) i * (size_t) used, space->within + (size_t) i * (size_t) space->capacity,
			   (size_t) used * sizeof(double));
	status = rig_symmetric_eigen(space->ritz, used, space->values, &inner);
	rig_arena_release(&inner);
	if (status != RIG_OK)
		return status;
	clear_doubles(space->fresh, width, space->size);
	rig_matrix_add_product(space->fresh, space->size, space->ritz, used, 1, space->vectors, space->size, width, used,
						   space->size);
	for (int32_t i = 0; i < width; i++)
		for (int32_t c = 0; c < width; c++)
			turned[(size_t) i * (size_t) width + c] = space->ritz[(size_t) c * (size_t) used + (used - width) + i];
	clear_doubles(space->columns, space->size, width);
	rig_matrix_add_product(space->columns, width, space->images, width, 1, turned, width, space->size, width, width);
	memcpy(space->images, space->columns, (size_t) space->size * (size_t) width * sizeof(double));
	return RIG_OK;
}

static bool
is_settled(const Space *space)
{
	for (int32_t k = 0; k < space->basis->components; k++)
	{
		double		square = 0;

		for (int32_t d = 0; d < space->size; d++)
		{
			double		residual = space->images[(size_t) d * (size_t) space->width + k];

			square += residual * residual;
		}
		if (sqrt(square) > fmax(SETTLED * space->values[k], ROUNDING * space->values[0]))
			return false;
	}
	return true;
}

/* Begins again with the leading Ritz vectors and their residuals. */
static void
restart(Space *space)
{
	space->used = space->width;
	memcpy(space->vectors, space->fresh, (size_t) space->width * (size_t) space->size * sizeof(double));
	clear_doubles(space->within, space->capacity, space->capacity);
	for (int32_t c = 0; c < space->width; c++)
		space->within[(size_t) c * (size_t) (space->capacity + 1)] = space->values[c];
	append_block(space);
}

static RigStatus
begin_space(Space *space, RigArena *scratch)
{
	int32_t		dimensions = space->samples->dimensions;
	int32_t		size = space->size = rig_matrix_padded(dimensions);
	int32_t		width = space->width = rig_pca_krylov_width(space->basis->components);
	int32_t		capacity = space->capacity = BLOCKS * width;
	RigRandom	random;

	space->vectors = allocate_doubles(scratch, capacity, size);
	space->within = allocate_doubles(scratch, capacity, capacity);
	space->columns = allocate_doubles(scratch, size, width);
	space->images = allocate_doubles(scratch, size, width);
	space->products = allocate_doubles(scratch, capacity, width);
	space->chunk = allocate_doubles(scratch, CHUNK, size);
	space->scores = allocate_doubles(scratch, CHUNK, width);
	space->ritz = allocate_doubles(scratch, capacity, capacity);
	space->values = allocate_doubles(scratch, capacity, 1);
	space->fresh = allocate_doubles(scratch, width, size);
	if (space->vectors == NULL || space->within == NULL || space->columns == NULL || space->images == NULL ||
		space->products == NULL || space->chunk == NULL || space->scores == NULL || space->ritz == NULL ||
		space->values == NULL || space->fresh == NULL)
		return RIG_OUT_OF_MEMORY;
	clear_doubles(space->within, capacity, capacity);
	clear_doubles(space->images, size, width);
	rig_random_seed(&random, 1);
	for (int32_t d = 0; d < dimensions; d++)
		for (int32_t c = 0; c < width; c++)
			space->images[(size_t) d * (size_t) width + c] = rig_random_normal(&random);
	space->used = 0;
	append_block(space);
	return RIG_OK;
}

RigStatus
rig_pca_krylov(RigPcaBasis *basis, RigArena *scratch, const RigPcaSamples *samples, const RigProgress *progress)
{
	Space		space = {.samples = samples, .basis = basis};
	RigStatus	status = begin_space(&space, scratch);

	for (int applied = 1; status == RIG_OK; applied++)
	{
		apply_covariance(&space);
		project_out(&space);
		record_products(&space);
		if (space.used < space.capacity && applied < MOST_APPLICATIONS)
			append_block(&space);
		else
		{
			status = find_ritz_vectors(&space, scratch);
			if (status != RIG_OK || applied >= MOST_APPLICATIONS || is_settled(&space))
				break;
			restart(&space);
		}
		if (!rig_proceed(progress, (double) applied / MOST_APPLICATIONS))
			return RIG_INTERRUPTED;
	}
	if (status != RIG_OK)
		return status;
	for (int32_t k = 0; k < basis->components; k++)
	{
		basis->variances[k] = fmax(space.values[k], 0) * basis->total_variance;
		memcpy(basis->loadings + (size_t) k * (size_t) basis->dimensions,
			   space.fresh + (size_t) k * (size_t) space.size, (size_t) basis->dimensions * sizeof(double));
	}
	return RIG_OK;
}
