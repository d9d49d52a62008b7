#include "pca.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "matrix.h"
#include "pca_subspace.h"
#include "symmetric_eigen.h"

/* Samples that are centered and multiplied at a time. */
#define CHUNK 64

/* An eigenvalue below this share of the largest is rounding. */
#define LEAST_SHARE 1e-12

RigPcaOptions
rig_pca_defaults(void)
{
	return (RigPcaOptions) {.rule = RIG_PCA_SHARE, .variance_share = 0.85, .max_components = 64};
}

static const float *
sample_at(const float *rows, int64_t stride, const int64_t *starts, int64_t i)
{
	return rows + (starts == NULL ? i : starts[i]) * stride;
}

/* Mean of the samples; false when a value is not finite. */
static bool
find_mean(double *mean, const float *rows, int64_t stride, const int64_t *starts, int64_t count, int32_t dimensions)
{
	memset(mean, 0, (size_t) dimensions * sizeof(double));
	for (int64_t i = 0; i < count; i++)
	{
		const float *sample = sample_at(rows, stride, starts, i);

		for (int32_t d = 0; d < dimensions; d++)
			mean[d] += (double) sample[d];
	}
	for (int32_t d = 0; d < dimensions; d++)
	{
		mean[d] /= (double) count;
		if (!isfinite(mean[d]))
			return false;
	}
	return true;
}

/* Adds the products of a chunk of centered samples to the upper part of the covariance. */
static void
add_products(double *covariance, const double *chunk, int32_t padded, int32_t samples)
{
	for (int32_t first = 0; first < padded; first += CHUNK)
	{
		int32_t		rows = padded - first < CHUNK ? padded - first : CHUNK;

		rig_matrix_add_product(covariance + (size_t) first * (size_t) padded + first, padded, chunk + first, 1, padded,
							   chunk + first, padded, rows, samples, padded - first);
	}
}

/* Covariance of the samples, padded x padded, in arena; NULL when out of memory or interrupted (*status). */
static double *
make_covariance(const double *mean, RigArena *arena, const float *rows, int64_t stride, const int64_t *starts,
				int64_t count, int32_t dimensions, const RigProgress *progress, RigStatus *status)
{
	int32_t		padded = rig_matrix_padded(dimensions);
	size_t		size = (size_t) padded * (size_t) padded * sizeof(double);
	double	   *covariance = rig_arena_allocate(arena, size);
	double	   *chunk = rig_arena_allocate(arena, CHUNK * (size_t) padded * sizeof(double));

	*status = covariance == NULL || chunk == NULL ? RIG_OUT_OF_MEMORY : RIG_OK;
	if (*status != RIG_OK)
		return NULL;
	memset(covariance, 0, size);
	memset(chunk, 0, CHUNK * (size_t) padded * sizeof(double));
	for (int64_t first = 0; first < count; first += CHUNK)
	{
		int32_t		samples = count - first < CHUNK ? (int32_t) (count - first) : CHUNK;

		for (int32_t i = 0; i < samples; i++)
		{
			const float *sample = sample_at(rows, stride, starts, first + i);

			for (int32_t d = 0; d < dimensions; d++)
				chunk[(size_t) i * (size_t) padded + d] = (double) sample[d] - mean[d];
		}
		add_products(covariance, chunk, padded, samples);
		if (!rig_proceed(progress, 0.8 * (double) first / (double) count))
		{
			*status = RIG_INTERRUPTED;
			return NULL;
		}
	}
	for (int32_t i = 0; i < padded; i++)
		for (int32_t j = i; j < padded; j++)
		{
			double		value = covariance[(size_t) i * (size_t) padded + j] / (double) (count - 1);

			covariance[(size_t) i * (size_t) padded + j] = value;
			covariance[(size_t) j * (size_t) padded + i] = value;
		}
	return covariance;
}

/* All components of a small covariance. */
static RigStatus
decompose_fully(RigPcaBasis *basis, RigArena *scratch, const double *covariance, int32_t padded)
{
	int32_t		size = basis->dimensions;
	double	   *matrix = rig_arena_allocate(scratch, (size_t) size * (size_t) size * sizeof(double));
	double	   *values = rig_arena_allocate(scratch, (size_t) size * sizeof(double));
	RigStatus	status;

	if (matrix == NULL || values == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int32_t i = 0; i < size; i++)
		memcpy(matrix + (size_t) i * (size_t) size, covariance + (size_t) i * (size_t) padded, (size_t) size * sizeof(double));
	status = rig_symmetric_eigen(matrix, size, values, scratch);
	if (status != RIG_OK)
		return status;
	memcpy(basis->variances, values, (size_t) basis->components * sizeof(double));
	memcpy(basis->loadings, matrix, (size_t) basis->components * (size_t) size * sizeof(double));
	return RIG_OK;
}

RigStatus
rig_pca_decompose(RigPcaBasis *basis, RigArena *arena, RigArena *scratch, const float *rows, int64_t stride,
				  const int64_t *starts, int64_t count, int32_t dimensions, int32_t max_components,
				  const RigProgress *progress)
{
	int32_t		padded = rig_matrix_padded(dimensions);
	int32_t		most = max_components < dimensions ? max_components : dimensions;
	double	   *covariance;
	RigStatus	status;

	if (count < 2 || dimensions < 1 || dimensions > RIG_PCA_MAX_DIMENSIONS || max_components < 1)
		return RIG_INVALID_ARGUMENT;
	if (count - 1 < most)
		most = (int32_t) (count - 1);
	*basis = (RigPcaBasis) {.dimensions = dimensions, .components = most, .count = count};
	basis->mean = rig_arena_allocate(arena, (size_t) dimensions * sizeof(double));
	basis->loadings = rig_arena_allocate(arena, (size_t) most * (size_t) dimensions * sizeof(double));
	basis->variances = rig_arena_allocate(arena, (size_t) most * sizeof(double));
	if (basis->mean == NULL || basis->loadings == NULL || basis->variances == NULL)
		return RIG_OUT_OF_MEMORY;
	if (!find_mean(basis->mean, rows, stride, starts, count, dimensions))
		return RIG_INVALID_ARGUMENT;
	covariance = make_covariance(basis->mean, scratch, rows, stride, starts, count, dimensions, progress, &status);
	if (covariance == NULL)
		return status;
	for (int32_t d = 0; d < dimensions; d++)
	{
		double		variance = covariance[(size_t) d * (size_t) padded + d];

		basis->total_variance += variance;
		basis->active += variance > 0;
	}
	if (!(basis->total_variance > 0))
		return RIG_INVALID_ARGUMENT;
	if (dimensions <= RIG_PCA_FULL_DIMENSIONS)
		status = decompose_fully(basis, scratch, covariance, padded);
	else
		status = rig_pca_subspace(basis, scratch, covariance, padded, progress);
	while (basis->components > 1 && !(basis->variances[basis->components - 1] > LEAST_SHARE * basis->variances[0]))
		basis->components--;
	return status;
}

int32_t
rig_pca_choose_components(const RigPcaBasis *basis, const RigPcaOptions *options)
{
	double		held = 0;
	double		noise;
	double		widest = 0;
	int32_t		chosen = 1;
	int32_t		most = basis->components < options->max_components ? basis->components : options->max_components;

	if (options->components > 0)
		return options->components < basis->components ? options->components : basis->components;
	switch (options->rule)
	{
		case RIG_PCA_SHARE:
			while (chosen < most && held + basis->variances[chosen - 1] < options->variance_share * basis->total_variance)
				held += basis->variances[chosen++ - 1];
			break;
		case RIG_PCA_NOISE:
			noise = basis->total_variance / basis->active * pow(1 + sqrt((double) basis->dimensions / (double) basis->count), 2);
			while (chosen < most && basis->variances[chosen] > noise)
				chosen++;
			break;
		case RIG_PCA_GAP:
			for (int32_t k = 1; k < most; k++)
				if (basis->variances[k - 1] / basis->variances[k] > widest)
				{
					widest = basis->variances[k - 1] / basis->variances[k];
					chosen = k;
				}
			break;
	}
	/* Something must be left for the residual. */
	if (chosen == basis->dimensions && chosen > 1)
		chosen--;
	return chosen;
}

void
rig_pca_basis_score(const RigPcaBasis *basis, int32_t components, const float *sample, double *t2, double *q)
{
	double		square = 0;
	double		kept = 0;

	*t2 = 0;
	for (int32_t d = 0; d < basis->dimensions; d++)
		square += ((double) sample[d] - basis->mean[d]) * ((double) sample[d] - basis->mean[d]);
	for (int32_t k = 0; k < components; k++)
	{
		double		score = 0;

		for (int32_t d = 0; d < basis->dimensions; d++)
			score += basis->loadings[(size_t) k * (size_t) basis->dimensions + d] * ((double) sample[d] - basis->mean[d]);
		*t2 += score * score / basis->variances[k];
		kept += score * score;
	}
	*q = fmax(square - kept, 0);
}

RigStatus
rig_pca_fit(RigPca *pca, RigArena *arena, RigArena *scratch, const float *rows, int64_t stride, const int64_t *starts,
			int64_t count, int32_t dimensions, const RigPcaOptions *options, const RigProgress *progress)
{
	RigPcaOptions defaults = rig_pca_defaults();
	RigArena	inner = rig_arena_child(scratch);
	RigPcaBasis basis;
	RigStatus	status;
	size_t		cells;

	if (options == NULL)
		options = &defaults;
	if (options->components < 0 || options->max_components < 1 || options->max_components > RIG_PCA_MAX_COMPONENTS ||
		!(options->variance_share > 0 && options->variance_share <= 1))
		return RIG_INVALID_ARGUMENT;
	status = rig_pca_decompose(&basis, &inner, &inner, rows, stride, starts, count, dimensions,
							   options->components > options->max_components ? options->components : options->max_components,
							   progress);
	if (status == RIG_OK)
	{
		*pca = (RigPca) {.dimensions = dimensions, .components = rig_pca_choose_components(&basis, options),
			.total_variance = basis.total_variance};
		cells = (size_t) pca->components * (size_t) dimensions;
		pca->mean = rig_arena_allocate(arena, (size_t) dimensions * sizeof(float));
		pca->loadings = rig_arena_allocate(arena, cells * sizeof(float));
		pca->variances = rig_arena_allocate(arena, (size_t) pca->components * sizeof(float));
		if (pca->mean == NULL || pca->loadings == NULL || pca->variances == NULL)
			status = RIG_OUT_OF_MEMORY;
	}
	if (status == RIG_OK)
	{
		for (int32_t d = 0; d < dimensions; d++)
			pca->mean[d] = (float) basis.mean[d];
		for (size_t i = 0; i < cells; i++)
			pca->loadings[i] = (float) basis.loadings[i];
		for (int32_t k = 0; k < pca->components; k++)
			pca->variances[k] = fmaxf((float) basis.variances[k], 1e-30f);
	}
	rig_arena_release(&inner);
	return status;
}
