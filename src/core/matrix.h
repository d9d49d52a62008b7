/*
 * The one product of matrices that the decompositions need, in double precision. The result
 * is the same on every processor.
 */
#ifndef RIG_MATRIX_H
#define RIG_MATRIX_H

#include <stddef.h>
#include <stdint.h>

/* Rows and columns of the blocks that the product is made of. */
#define RIG_MATRIX_TILE 4

/* Smallest multiple of the tile that is not below size. */
static inline int32_t
rig_matrix_padded(int32_t size)
{
	return (size + RIG_MATRIX_TILE - 1) / RIG_MATRIX_TILE * RIG_MATRIX_TILE;
}

/*
 * c += a b, where c (rows x columns) and b (inner x columns) are row-major with c_stride and
 * b_stride doubles from row to row, and element (i, k) of a is a[i * a_row + k * a_column], so
 * that a may be given transposed. rows and columns are multiples of RIG_MATRIX_TILE; c
 * overlaps neither a nor b.
 */
extern void rig_matrix_add_product(double *c, ptrdiff_t c_stride, const double *a, ptrdiff_t a_row,
								   ptrdiff_t a_column, const double *b, ptrdiff_t b_stride, int32_t rows,
								   int32_t inner, int32_t columns);

#endif
