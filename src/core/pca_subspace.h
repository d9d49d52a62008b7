/* Leading eigenvectors of a large covariance. */
#ifndef RIG_PCA_SUBSPACE_H
#define RIG_PCA_SUBSPACE_H

#include "pca.h"

/*
 * Fills basis->loadings and basis->variances with the leading basis->components eigenvectors
 * of covariance (padded x padded doubles, symmetric), by subspace iteration with Rayleigh-Ritz
 * (Saad, Numerical Methods for Large Eigenvalue Problems, 5.3) from a fixed start.
 */
extern RigStatus rig_pca_subspace(RigPcaBasis *basis, RigArena *scratch, const double *covariance, int32_t padded,
								  const RigProgress *progress);

#endif
