#include "pca.h"

#include <math.h>
#include <stddef.h>

/* Four values at a time are what every processor has, so that none rounds differently. */
#define LANES 4
typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t QuadBits __attribute__((vector_size(16)));

/* Components that are projected on together, so that their sums need not wait for each other. */
#define TOGETHER 4

/* Residuals that are made together: as many as share a line of the cache. */
#define LINE 16

/* Residuals that are kept while they are summed, when the caller wants none of them. */
#define BLOCK 256

static inline float
add_lanes(Quad quad)
{
	return (quad[0] + quad[2]) + (quad[1] + quad[3]);
}

/* Scores of the sample on TOGETHER components from `first` on; the last one stands in for those beyond. */
static inline void
project_together(const RigPca *pca, const float *sample, int32_t first, float *scores)
{
	const float *mean = pca->mean;
	const float *loading[TOGETHER];
	Quad		sum[TOGETHER][2] = {{{0}}};
	int32_t		d = 0;

#pragma GCC unroll 4
	for (int i = 0; i < TOGETHER; i++)
		loading[i] = pca->loadings +
			(size_t) (first + i < pca->components ? first + i : pca->components - 1) * (size_t) pca->dimensions;
	for (; d + 2 * LANES <= pca->dimensions; d += 2 * LANES)
	{
		Quad		left = *(const Quad *) (sample + d) - *(const Quad *) (mean + d);
		Quad		right = *(const Quad *) (sample + d + LANES) - *(const Quad *) (mean + d + LANES);

#pragma GCC unroll 4
		for (int i = 0; i < TOGETHER; i++)
		{
			sum[i][0] += left * *(const Quad *) (loading[i] + d);
			sum[i][1] += right * *(const Quad *) (loading[i] + d + LANES);
		}
	}
	if (d + LANES <= pca->dimensions)
	{
		Quad		centered = *(const Quad *) (sample + d) - *(const Quad *) (mean + d);

#pragma GCC unroll 4
		for (int i = 0; i < TOGETHER; i++)
			sum[i][0] += centered * *(const Quad *) (loading[i] + d);
		d += LANES;
	}
#pragma GCC unroll 4
	for (int i = 0; i < TOGETHER; i++)
	{
		float		rest = 0;

		for (int32_t e = d; e < pca->dimensions; e++)
			rest += (sample[e] - mean[e]) * loading[i][e];
		scores[i] = add_lanes(sum[i][0] + sum[i][1]) + rest;
	}
}

void
rig_pca_project(const RigPca *pca, const float *sample, float *scores)
{
	for (int32_t k = 0; k < pca->components; k += TOGETHER)
		project_together(pca, sample, k, scores + k);
}

/* Scores on all components; returns T2. */
static float
project_sample(const RigPca *pca, const float *sample, float *scores)
{
	float		t2 = 0;

	rig_pca_project(pca, sample, scores);
	for (int32_t k = 0; k < pca->components; k++)
		t2 += scores[k] * scores[k] / pca->variances[k];
	return t2;
}

/* What the components leave of the values first .. last - 1 of the sample. */
static void
find_residual(const RigPca *pca, const float *sample, const float *scores, int32_t first, int32_t last, float *residual)
{
	const float *mean = pca->mean;
	int32_t		d = first;

	for (; d + LINE <= last; d += LINE)
	{
		const float *loading = pca->loadings + d;
		Quad		rest[LINE / LANES];

#pragma GCC unroll 4
		for (int i = 0; i < LINE / LANES; i++)
			rest[i] = *(const Quad *) (sample + d + i * LANES) - *(const Quad *) (mean + d + i * LANES);
		for (int32_t k = 0; k < pca->components; k++, loading += pca->dimensions)
		{
#pragma GCC unroll 4
			for (int i = 0; i < LINE / LANES; i++)
				rest[i] -= scores[k] * *(const Quad *) (loading + i * LANES);
		}
#pragma GCC unroll 4
		for (int i = 0; i < LINE / LANES; i++)
			*(Quad *) (residual + d - first + i * LANES) = rest[i];
	}
	for (; d + LANES <= last; d += LANES)
	{
		const float *loading = pca->loadings + d;
		Quad		rest = *(const Quad *) (sample + d) - *(const Quad *) (mean + d);

		for (int32_t k = 0; k < pca->components; k++, loading += pca->dimensions)
			rest -= scores[k] * *(const Quad *) loading;
		*(Quad *) (residual + d - first) = rest;
	}
	for (; d < last; d++)
	{
		float		rest = sample[d] - mean[d];

		for (int32_t k = 0; k < pca->components; k++)
			rest -= scores[k] * pca->loadings[(size_t) k * (size_t) pca->dimensions + (size_t) d];
		residual[d - first] = rest;
	}
}

/* Adds the squares and the magnitudes of the residuals to the sums. */
static void
sum_residuals(const float *residual, int32_t count, double *squares, double *magnitudes)
{
	Quad		square[2] = {{0}};
	Quad		magnitude[2] = {{0}};
	int32_t		d = 0;

	for (; d + 2 * LANES <= count; d += 2 * LANES)
	{
#pragma GCC unroll 2
		for (int i = 0; i < 2; i++)
		{
			Quad		rest = *(const Quad *) (residual + d + i * LANES);

			square[i] += rest * rest;
			magnitude[i] += (Quad) ((QuadBits) rest & INT32_MAX);
		}
	}
	for (; d < count; d++)
	{
		*squares += (double) (residual[d] * residual[d]);
		*magnitudes += (double) fabsf(residual[d]);
	}
	*squares += (double) add_lanes(square[0] + square[1]);
	*magnitudes += (double) add_lanes(magnitude[0] + magnitude[1]);
}

void
rig_pca_score(const RigPca *pca, const float *sample, float *t2, float *q, float *q_l1, float *residual)
{
	float		scores[RIG_PCA_SCORES];
	float		block[BLOCK];
	float		distance = project_sample(pca, sample, scores);
	double		squares = 0;
	double		magnitudes = 0;

	if (t2 != NULL)
		*t2 = distance;
	if (residual != NULL)
		find_residual(pca, sample, scores, 0, pca->dimensions, residual);
	if (q == NULL && q_l1 == NULL)
		return;
	for (int32_t first = 0; first < pca->dimensions; first += BLOCK)
	{
		int32_t		last = first + BLOCK < pca->dimensions ? first + BLOCK : pca->dimensions;

		if (residual == NULL)
			find_residual(pca, sample, scores, first, last, block);
		sum_residuals(residual == NULL ? block : residual + first, last - first, &squares, &magnitudes);
	}
	if (q != NULL)
		*q = (float) squares;
	if (q_l1 != NULL)
		*q_l1 = (float) (magnitudes / pca->dimensions);
}

void
rig_pca_score_rows(const RigPca *pca, const float *samples, int64_t stride, int64_t count, float *t2, float *q,
				   float *residuals)
{
	for (int64_t i = 0; i < count; i++)
		rig_pca_score(pca, samples + i * stride, t2 == NULL ? NULL : t2 + i, q == NULL ? NULL : q + i, NULL,
					  residuals == NULL ? NULL : residuals + i * pca->dimensions);
}
