/* Leading components of samples with many dimensions. */
#ifndef RIG_PCA_KRYLOV_H
#define RIG_PCA_KRYLOV_H

#include "pca.h"
#include "pca_samples.h"

/* Vectors that are computed at a time to find so many components. */
extern int32_t rig_pca_krylov_width(int32_t components);

/*
 * Fills basis->loadings and basis->variances with the leading basis->components eigenvectors
 * of the covariance of the samples, which is never formed: block Lanczos with full
 * orthogonalisation, restarted with the Ritz vectors (Wu and Simon 2000), from a fixed start.
 * basis->mean and total_variance are given. A spectrum that is flat where it is cut ends at a
 * limit of iterations: there any of its directions is as good.
 */
extern RigStatus rig_pca_krylov(RigPcaBasis *basis, RigArena *scratch, const RigPcaSamples *samples,
								const RigProgress *progress);

#endif
