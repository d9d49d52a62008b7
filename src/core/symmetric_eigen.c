#include "symmetric_eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* QR steps that one eigenvalue may take on average; two is usual. */
#define MAX_STEPS_PER_VALUE 40

static inline double
dot_product(const double *a, const double *b, int32_t count)
{
	double		sum[8] = {0};
	int32_t		i = 0;

	/* Eight sums in a fixed order: the compiler may vectorise without changing the result. */
	for (; i + 8 <= count; i += 8)
	{
		for (int lane = 0; lane < 8; lane++)
			sum[lane] += a[i + lane] * b[i + lane];
	}
	for (; i < count; i++)
		sum[i & 7] += a[i] * b[i];
	return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/*
 * Reduces the trailing block by one Householder reflection I - beta v v'. The vector v comes
 * to stand in row `step` behind the diagonal; the sub-diagonal element is returned.
 */
static double
reflect_step(double *matrix, int32_t size, int32_t step, double *beta, double *work)
{
	double	   *v = matrix + (size_t) step * size + step + 1;
	double	   *block = matrix + (size_t) (step + 1) * size + step + 1;
	int32_t		count = size - step - 1;
	double		norm = sqrt(dot_product(v, v, count));
	double		sub = v[0] > 0 ? -norm : norm;
	double		half;

	*beta = 0;
	if (norm == 0)
		return 0;
	v[0] -= sub;
	*beta = 2 / dot_product(v, v, count);
	for (int32_t i = 0; i < count; i++)
		work[i] = *beta * dot_product(block + (size_t) i * size, v, count);
	half = 0.5 * *beta * dot_product(work, v, count);
	for (int32_t i = 0; i < count; i++)
		work[i] -= half * v[i];
	for (int32_t i = 0; i < count; i++)
	{
		double	   *row = block + (size_t) i * size;
		double		v_i = v[i];
		double		w_i = work[i];

		for (int32_t j = 0; j < count; j++)
			row[j] -= v_i * work[j] + w_i * v[j];
	}
	return sub;
}

/* Multiplies the rows of the transposed basis, from row step + 1 on, with the reflection of this step. */
static void
apply_reflection(double *basis, const double *matrix, int32_t size, int32_t step, double beta)
{
	const double *v = matrix + (size_t) step * size + step + 1;
	int32_t		count = size - step - 1;

	for (int32_t i = step + 1; i < size; i++)
	{
		double	   *row = basis + (size_t) i * size + step + 1;
		double		factor = beta * dot_product(row, v, count);

		for (int32_t j = 0; j < count; j++)
			row[j] -= factor * v[j];
	}
}

static void
rotate_rows(double *restrict a, double *restrict b, int32_t count, double c, double s)
{
	for (int32_t i = 0; i < count; i++)
	{
		double		x = a[i];
		double		y = b[i];

		a[i] = c * x + s * y;
		b[i] = c * y - s * x;
	}
}

/* T = Q' A Q: diagonal, sub-diagonal, and Q' (row-major) in basis. The matrix is used up. */
static void
tridiagonalise(double *matrix, int32_t size, double *diagonal, double *sub, double *basis, double *beta,
			   double *work)
{
	for (int32_t step = 0; step < size - 1; step++)
		sub[step] = reflect_step(matrix, size, step, &beta[step], work);
	for (int32_t i = 0; i < size; i++)
		diagonal[i] = matrix[(size_t) i * size + i];
	memset(basis, 0, (size_t) size * size * sizeof(double));
	for (int32_t i = 0; i < size; i++)
		basis[(size_t) i * size + i] = 1;
	for (int32_t step = size - 2; step >= 0; step--)
		apply_reflection(basis, matrix, size, step, beta[step]);
}

/* One implicit QR step with Wilkinson's shift on the unreduced block low..high. */
static void
chase_bulge(double *diagonal, double *sub, int32_t low, int32_t high, double *basis, int32_t size)
{
	double		half = (diagonal[high - 1] - diagonal[high]) / 2;
	double		last = sub[high - 1];
	double		shift = diagonal[high] - last / (half + copysign(sqrt(half * half + last * last), half)) * last;
	double		x = diagonal[low] - shift;
	double		bulge = sub[low];

	for (int32_t k = low; k < high; k++)
	{
		double		length = sqrt(x * x + bulge * bulge);
		double		c = length > 0 ? x / length : 1;
		double		s = length > 0 ? bulge / length : 0;
		double		upper = diagonal[k];
		double		lower = diagonal[k + 1];
		double		between = sub[k];

		if (k > low)
			sub[k - 1] = length;
		diagonal[k] = c * (c * upper + s * between) + s * (c * between + s * lower);
		diagonal[k + 1] = s * (s * upper - c * between) + c * (c * lower - s * between);
		sub[k] = c * s * (lower - upper) + (c - s) * (c + s) * between;
		x = sub[k];
		if (k + 1 < high)
		{
			bulge = s * sub[k + 1];
			sub[k + 1] *= c;
		}
		rotate_rows(basis + (size_t) k * size, basis + (size_t) (k + 1) * size, size, c, s);
	}
}

/* Makes the tridiagonal matrix diagonal, turning the rows of basis with it. */
static RigStatus
diagonalise(double *diagonal, double *sub, double *basis, int32_t size)
{
	int64_t		steps = (int64_t) MAX_STEPS_PER_VALUE * size;
	int32_t		high = size - 1;
	double		norm = 0;

	for (int32_t i = 0; i < size; i++)
		norm = fmax(norm, fabs(diagonal[i]) + (i < size - 1 ? fabs(sub[i]) : 0));
	while (high > 0)
	{
		int32_t		low = high;

		while (low > 0
			   && fabs(sub[low - 1]) > DBL_EPSILON * (fabs(diagonal[low - 1]) + fabs(diagonal[low]))
			   && fabs(sub[low - 1]) > DBL_EPSILON * DBL_EPSILON * norm)
			low--;
		if (low == high)
			high--;
		else if (steps-- > 0)
			chase_bulge(diagonal, sub, low, high, basis, size);
		else
			return RIG_INVALID_ARGUMENT;
	}
	return RIG_OK;
}

/* Copies the vectors to matrix in the order of descending values, each with its sign fixed. */
static void
order_vectors(const double *diagonal, const double *basis, int32_t size, double *values, double *matrix,
			  int32_t *order)
{
	for (int32_t i = 0; i < size; i++)
	{
		int32_t		place = i;

		while (place > 0 && diagonal[order[place - 1]] < diagonal[i])
		{
			order[place] = order[place - 1];
			place--;
		}
		order[place] = i;
	}
	for (int32_t i = 0; i < size; i++)
	{
		const double *vector = basis + (size_t) order[i] * size;
		double		largest = 0;

		values[i] = diagonal[order[i]];
		for (int32_t j = 0; j < size; j++)
			largest = fabs(vector[j]) > fabs(largest) * (1 + 1e-9) ? vector[j] : largest;
		for (int32_t j = 0; j < size; j++)
			matrix[(size_t) i * size + j] = largest < 0 ? -vector[j] : vector[j];
	}
}

RigStatus
rig_symmetric_eigen(double *matrix, int32_t size, double *values, RigArena *scratch)
{
	size_t		cells = (size_t) size * (size_t) size;
	double	   *basis;
	double	   *vectors;
	int32_t    *order;
	RigStatus	status;

	if (size < 1)
		return RIG_INVALID_ARGUMENT;
	for (size_t i = 0; i < cells; i++)
	{
		if (!isfinite(matrix[i]))
			return RIG_INVALID_ARGUMENT;
	}
	basis = rig_arena_allocate(scratch, cells * sizeof(double));
	vectors = rig_arena_allocate(scratch, 4 * (size_t) size * sizeof(double));
	order = rig_arena_allocate(scratch, (size_t) size * sizeof(int32_t));
	if (basis == NULL || vectors == NULL || order == NULL)
		return RIG_OUT_OF_MEMORY;
	tridiagonalise(matrix, size, vectors, vectors + size, basis, vectors + 2 * (size_t) size,
				   vectors + 3 * (size_t) size);
	status = diagonalise(vectors, vectors + size, basis, size);
	if (status != RIG_OK)
		return status;
	order_vectors(vectors, basis, size, values, matrix, order);
	return isfinite(values[0]) && isfinite(values[size - 1]) ? RIG_OK : RIG_INVALID_ARGUMENT;
}
