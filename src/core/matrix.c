#include "matrix.h"

/* Two doubles at a time are what every processor has, so that none rounds differently. */
typedef double Pair __attribute__((vector_size(16), aligned(8), may_alias));

/* One block of the result; its sums stay in registers. */
static inline void
add_tile(double *c, ptrdiff_t c_stride, const double *a, ptrdiff_t a_row, ptrdiff_t a_column, const double *b,
		 ptrdiff_t b_stride, int32_t inner)
{
	Pair		sum[RIG_MATRIX_TILE][2];

#pragma GCC unroll 4
	for (int i = 0; i < RIG_MATRIX_TILE; i++)
	{
		sum[i][0] = ((const Pair *) (c + i * c_stride))[0];
		sum[i][1] = ((const Pair *) (c + i * c_stride))[1];
	}
	for (int32_t k = 0; k < inner; k++)
	{
		Pair		left = ((const Pair *) b)[0];
		Pair		right = ((const Pair *) b)[1];

#pragma GCC unroll 4
		for (int i = 0; i < RIG_MATRIX_TILE; i++)
		{
			sum[i][0] += a[i * a_row] * left;
			sum[i][1] += a[i * a_row] * right;
		}
		a += a_column;
		b += b_stride;
	}
#pragma GCC unroll 4
	for (int i = 0; i < RIG_MATRIX_TILE; i++)
	{
		((Pair *) (c + i * c_stride))[0] = sum[i][0];
		((Pair *) (c + i * c_stride))[1] = sum[i][1];
	}
}

void
rig_matrix_add_product(double *c, ptrdiff_t c_stride, const double *a, ptrdiff_t a_row, ptrdiff_t a_column,
					   const double *b, ptrdiff_t b_stride, int32_t rows, int32_t inner, int32_t columns)
{
	for (int32_t row = 0; row < rows; row += RIG_MATRIX_TILE)
	{
		for (int32_t column = 0; column < columns; column += RIG_MATRIX_TILE)
			add_tile(c + row * c_stride + column, c_stride, a + row * a_row, a_row, a_column, b + column,
					 b_stride, inner);
	}
}
