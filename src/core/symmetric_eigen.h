/*
 * Eigenvalues and eigenvectors of real symmetric matrices in double precision: Householder
 * reduction to tridiagonal form, then implicit QR steps with Wilkinson's shift (Golub and
 * Van Loan, Matrix Computations, 8.3). Plain IEEE arithmetic in a fixed order and no start
 * vector: the result is the same on every processor.
 */
#ifndef RIG_SYMMETRIC_EIGEN_H
#define RIG_SYMMETRIC_EIGEN_H

#include <stdint.h>

#include "arena.h"
#include "status.h"

/*
 * Decomposes matrix (size x size, row-major, symmetric, finite). Afterwards row i of matrix is
 * the unit eigenvector of values[i], its largest element positive; values descend.
 * RIG_INVALID_ARGUMENT when size < 1, a value is not finite, or the QR steps do not converge.
 */
extern RigStatus rig_symmetric_eigen(double *matrix, int32_t size, double *values, RigArena *scratch);

#endif
