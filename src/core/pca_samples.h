/* The samples that a decomposition is made of; see pca.h. */
#ifndef RIG_PCA_SAMPLES_H
#define RIG_PCA_SAMPLES_H

#include <stdint.h>
#include <string.h>

typedef struct RigPcaSamples
{
	const float *rows;
	int64_t		stride;
	const int64_t *starts;
	int64_t		count;
	int32_t		dimensions;
} RigPcaSamples;

static inline const float *
rig_pca_sample(const RigPcaSamples *samples, int64_t i)
{
	return samples->rows + (samples->starts == NULL ? i : samples->starts[i]) * samples->stride;
}

/*
 * Writes up to `most` samples from `first` on, less their mean, into the rows of chunk, which
 * are padded values wide; what no sample fills becomes 0. Returns how many there were.
 */
static inline int32_t
rig_pca_center_chunk(const RigPcaSamples *samples, const double *mean, int64_t first, int32_t most, double *chunk,
					 int32_t padded)
{
	int32_t		count = samples->count - first < most ? (int32_t) (samples->count - first) : most;

	memset(chunk, 0, (size_t) most * (size_t) padded * sizeof(double));
	for (int32_t i = 0; i < count; i++)
	{
		const float *sample = rig_pca_sample(samples, first + i);
		double	   *row = chunk + (size_t) i * (size_t) padded;

		for (int32_t d = 0; d < samples->dimensions; d++)
			row[d] = (double) sample[d] - mean[d];
	}
	return count;
}

#endif
