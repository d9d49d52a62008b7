#include "pca.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "matrix.h"
#include "pca_krylov.h"
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

/* Mean of the samples; false when a value is not finite. */
static bool
find_mean(double *mean, const RigPcaSamples *samples)
{
	memset(mean, 0, (size_t) samples->dimensions * sizeof(double));
	for (int64_t i = 0; i < samples->count; i++)
	{
		const float *sample = rig_pca_sample(samples, i);

		for (int32_t d = 0; d < samples->dimensions; d++)
			mean[d] += (double) sample[d];
	}
	for (int32_t d = 0; d < samples->dimensions; d++)
	{
		mean[d] /= (double) samples->count;
		if (!isfinite(mean[d]))
			return false;
	}
	return true;
}

/* Total variance, and how many dimensions vary; the sums of squares need room for each. */
static void
find_variance(RigPcaBasis *basis, const RigPcaSamples *samples, double *squares)
{
	memset(squares, 0, (size_t) samples->dimensions * sizeof(double));
	for (int64_t i = 0; i < samples->count; i++)
	{
		const float *sample = rig_pca_sample(samples, i);

		for (int32_t d = 0; d < samples->dimensions; d++)
			squares[d] += ((double) sample[d] - basis->mean[d]) * ((double) sample[d] - basis->mean[d]);
	}
	for (int32_t d = 0; d < samples->dimensions; d++)
	{
		basis->total_variance += squares[d] / (double) (samples->count - 1);
		basis->active += squares[d] > 0;
	}
}

/* Covariance of the samples, padded x padded; only the part right of the diagonal's blocks is made. */
static RigStatus
find_covariance(double *covariance, RigArena *scratch, const RigPcaSamples *samples, const double *mean,
				int32_t padded, const RigProgress *progress)
{
	double	   *chunk = rig_arena_allocate(scratch, CHUNK * (size_t) padded * sizeof(double));

	if (chunk == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(covariance, 0, (size_t) padded * (size_t) padded * sizeof(double));
	for (int64_t first = 0; first < samples->count; first += CHUNK)
	{
		int32_t		count = rig_pca_center_chunk(samples, mean, first, CHUNK, chunk, padded);

		for (int32_t row = 0; row < padded; row += RIG_MATRIX_TILE)
			rig_matrix_add_product(covariance + (size_t) row * (size_t) padded + row, padded, chunk + row, 1, padded,
								   chunk + row, padded, RIG_MATRIX_TILE, count, padded - row);
		if (!rig_proceed(progress, 0.8 * (double) first / (double) samples->count))
			return RIG_INTERRUPTED;
	}
	return RIG_OK;
}

/* All components of samples with few dimensions. */
static RigStatus
decompose_fully(RigPcaBasis *basis, RigArena *scratch, const RigPcaSamples *samples, const RigProgress *progress)
{
	size_t		size = (size_t) samples->dimensions;
	int32_t		padded = rig_matrix_padded(samples->dimensions);
	double	   *covariance = rig_arena_allocate(scratch, (size_t) padded * (size_t) padded * sizeof(double));
	double	   *matrix = rig_arena_allocate(scratch, size * size * sizeof(double));
	double	   *values = rig_arena_allocate(scratch, size * sizeof(double));
	RigStatus	status;

	if (covariance == NULL || matrix == NULL || values == NULL)
		return RIG_OUT_OF_MEMORY;
	status = find_covariance(covariance, scratch, samples, basis->mean, padded, progress);
	if (status != RIG_OK)
		return status;
	for (size_t i = 0; i < size; i++)
		for (size_t j = i; j < size; j++)
			matrix[i * size + j] = matrix[j * size + i] =
				covariance[i * (size_t) padded + j] / (double) (samples->count - 1);
	status = rig_symmetric_eigen(matrix, samples->dimensions, values, scratch);
	if (status != RIG_OK)
		return status;
	memcpy(basis->variances, values, (size_t) basis->components * sizeof(double));
	memcpy(basis->loadings, matrix, (size_t) basis->components * size * sizeof(double));
	return RIG_OK;
}

RigStatus
rig_pca_decompose(RigPcaBasis *basis, RigArena *arena, RigArena *scratch, const float *rows, int64_t stride,
				  const int64_t *starts, int64_t count, int32_t dimensions, int32_t max_components,
				  const RigProgress *progress)
{
	RigPcaSamples samples = {rows, stride, starts, count, dimensions};
	int32_t		most = max_components < dimensions ? max_components : dimensions;
	double	   *squares;
	RigStatus	status;

	if (count < 2 || dimensions < 1 || dimensions > RIG_PCA_MAX_DIMENSIONS || max_components < 1)
		return RIG_INVALID_ARGUMENT;
	if (count - 1 < most)
		most = (int32_t) (count - 1);
	*basis = (RigPcaBasis) {.dimensions = dimensions, .components = most, .count = count};
	basis->mean = rig_arena_allocate(arena, (size_t) dimensions * sizeof(double));
	basis->loadings = rig_arena_allocate(arena, (size_t) most * (size_t) dimensions * sizeof(double));
	basis->variances = rig_arena_allocate(arena, (size_t) most * sizeof(double));
	squares = rig_arena_allocate(scratch, (size_t) dimensions * sizeof(double));
	if (basis->mean == NULL || basis->loadings == NULL || basis->variances == NULL || squares == NULL)
		return RIG_OUT_OF_MEMORY;
	if (!find_mean(basis->mean, &samples))
		return RIG_INVALID_ARGUMENT;
	find_variance(basis, &samples, squares);
	if (!(basis->total_variance > 0))
		return RIG_INVALID_ARGUMENT;
	if (dimensions <= RIG_PCA_FULL_DIMENSIONS || dimensions <= 3 * rig_pca_krylov_width(most))
		status = decompose_fully(basis, scratch, &samples, progress);
	else
		status = rig_pca_krylov(basis, scratch, &samples, progress);
	if (status != RIG_OK)
		return status;
	while (basis->components > 1 && !(basis->variances[basis->components - 1] > LEAST_SHARE * basis->variances[0]))
		basis->components--;
	return RIG_OK;
}

/* The largest variance that a component of uncorrelated dimensions would have (Marchenko and Pastur 1967). */
static double
noise_limit(const RigPcaBasis *basis)
{
	double		edge = 1 + sqrt((double) basis->active / (double) basis->count);

	return basis->total_variance / basis->active * edge * edge;
}

static int32_t
choose_by_rule(const RigPcaBasis *basis, const RigPcaOptions *options)
{
	int32_t		most = basis->components < options->max_components ? basis->components : options->max_components;
	double		held = 0;
	double		widest = 0;
	int32_t		chosen = 1;

	switch (options->rule)
	{
		case RIG_PCA_SHARE:
			while (chosen < most &&
				   held + basis->variances[chosen - 1] < options->variance_share * basis->total_variance)
				held += basis->variances[chosen++ - 1];
			break;
		case RIG_PCA_NOISE:
			while (chosen < most && basis->variances[chosen] > noise_limit(basis))
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
	return chosen;
}

int32_t
rig_pca_choose_components(const RigPcaBasis *basis, const RigPcaOptions *options)
{
	int32_t		chosen = options->components > 0 ? options->components : choose_by_rule(basis, options);

	if (chosen > basis->components)
		chosen = basis->components;
	/* Something must be left for the residual. */
	return chosen == basis->dimensions && chosen > 1 ? chosen - 1 : chosen;
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
			score +=
				basis->loadings[(size_t) k * (size_t) basis->dimensions + d] * ((double) sample[d] - basis->mean[d]);
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
	if (options->components < 0 || options->components > RIG_PCA_MAX_COMPONENTS || options->max_components < 1 ||
		options->max_components > RIG_PCA_MAX_COMPONENTS ||
		!(options->variance_share > 0 && options->variance_share <= 1))
		return RIG_INVALID_ARGUMENT;
	status = rig_pca_decompose(&basis, &inner, &inner, rows, stride, starts, count, dimensions,
							   options->components > 0 ? options->components : options->max_components,
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
