/*
 * Principal component analysis of prepared rows or of flattened windows of them, and the two
 * distances that monitor a process (Jackson and Mudholkar 1979): T2 within the space of the
 * components, Q from it.
 *
 * Samples are given as (rows, stride, starts, count, dimensions): sample i is the dimensions
 * values from rows + starts[i] * stride on, so that overlapping windows share their memory.
 * They must be finite. starts NULL means 0, 1, 2, ... count - 1.
 */
#ifndef RIG_PCA_H
#define RIG_PCA_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "progress.h"
#include "status.h"

/* Samples with more dimensions are refused. */
#define RIG_PCA_MAX_DIMENSIONS 32000

/* Up to here all components are computed, beyond only the leading ones. */
#define RIG_PCA_FULL_DIMENSIONS 256

/* Components that a model may have at most. */
#define RIG_PCA_MAX_COMPONENTS 256

/* How the number of components is chosen. */
typedef enum RigPcaRule
{
	RIG_PCA_SHARE = 0,			/* fewest that hold variance_share of the variance */
	RIG_PCA_NOISE,				/* all above the largest eigenvalue that noise would have */
	RIG_PCA_GAP					/* up to the largest ratio of successive eigenvalues */
} RigPcaRule;

typedef struct RigPcaOptions
{
	int32_t		components;		/* 0 = chosen by the rule */
	RigPcaRule	rule;
	double		variance_share; /* for RIG_PCA_SHARE, 0 < share <= 1 */
	int32_t		max_components; /* bound for the rules, 1 .. RIG_PCA_MAX_COMPONENTS */
} RigPcaOptions;

typedef struct RigPca
{
	int32_t		dimensions;
	int32_t		components;		/* at least 1, fewer than dimensions unless that is 1 */
	float	   *mean;			/* dimensions */
	float	   *loadings;		/* components x dimensions, orthonormal rows */
	float	   *variances;		/* components, descending, > 0 */
	double		total_variance; /* of all dimensions */
} RigPca;

/* The decomposition in double precision that a RigPca is rounded from. */
typedef struct RigPcaBasis
{
	int32_t		dimensions;
	int32_t		components;		/* computed: those with variance, or the leading ones */
	int32_t		active;			/* dimensions that vary */
	int64_t		count;			/* samples */
	double	   *mean;			/* dimensions */
	double	   *loadings;		/* components x dimensions */
	double	   *variances;		/* components, divisor count - 1 */
	double		total_variance;
} RigPcaBasis;

/* Chosen by RIG_PCA_SHARE with 85 %, at most 64. */
extern RigPcaOptions rig_pca_defaults(void);

/*
 * Computes the leading components, at most max_components of them, into arena. With few
 * dimensions the covariance is decomposed wholly; beyond RIG_PCA_FULL_DIMENSIONS it is never
 * formed unless a third of all components is wanted. RIG_INVALID_ARGUMENT for fewer than 2
 * samples, values that are not finite, or no variance at all; RIG_INTERRUPTED when progress
 * says so.
 */
extern RigStatus rig_pca_decompose(RigPcaBasis *basis, RigArena *arena, RigArena *scratch, const float *rows,
								   int64_t stride, const int64_t *starts, int64_t count, int32_t dimensions,
								   int32_t max_components, const RigProgress *progress);

/* Number of components that the options ask for, 1 .. basis->components. */
extern int32_t rig_pca_choose_components(const RigPcaBasis *basis, const RigPcaOptions *options);

/* T2 and Q of one sample in double precision with the first components; for tests and reports. */
extern void rig_pca_basis_score(const RigPcaBasis *basis, int32_t components, const float *sample, double *t2,
								double *q);

/* Decomposes, chooses and rounds; errors as above, and for options out of range. options NULL = defaults. */
extern RigStatus rig_pca_fit(RigPca *pca, RigArena *arena, RigArena *scratch, const float *rows, int64_t stride,
							 const int64_t *starts, int64_t count, int32_t dimensions,
							 const RigPcaOptions *options, const RigProgress *progress);

/* Room for scores on the components: they are made four at a time. */
#define RIG_PCA_SCORES (RIG_PCA_MAX_COMPONENTS + 4)

/* Scores of a sample on the components; scores has room for RIG_PCA_SCORES. */
extern void rig_pca_project(const RigPca *pca, const float *sample, float *scores);

/*
 * Distances of one sample: t2 = sum of t_j^2 / variance_j; q = squared length of the residual;
 * q_l1 = mean absolute residual per dimension. residual, if not NULL, takes the residual
 * (dimensions values). Each of the four may be NULL. The result is the same on every processor.
 */
extern void rig_pca_score(const RigPca *pca, const float *sample, float *t2, float *q, float *q_l1,
						  float *residual);

/*
 * The same, to the bit, for the samples at samples + i * stride: t2 and q take count values
 * each, residuals count x dimensions; each may be NULL.
 */
extern void rig_pca_score_rows(const RigPca *pca, const float *samples, int64_t stride, int64_t count, float *t2,
							   float *q, float *residuals);

#endif
