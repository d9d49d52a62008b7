#include "lstm.h"

#include <math.h>
#include <string.h>

#include "kernel.h"

#define INLINE static inline __attribute__((always_inline))

/* Rows and depth that are multiplied at a time: as many factors as fit into the registers. */
#define ROWS 4
#define DEPTH 4
#define ROW_DEPTH 8				/* of a row alone */

/*
 * tanh as an odd rational function, x P(x^2) / Q(x^2), fitted by weighted least squares to the
 * smallest relative error on |x| <= 8 (6e-9; 3.3e-7 with the rounding of floats). Beyond, tanh
 * is 1 within 2.3e-7. It needs one division and no table, so that loops over it vectorise;
 * NaN must not come here.
 */
INLINE RigReal
squash(RigReal x)
{
	static const RigReal limit = (RigReal) 8;
	RigReal		u;
	RigReal		p;
	RigReal		q;

	if (sizeof(RigReal) > sizeof(float))
		return (RigReal) tanh((double) x);
	x = x < limit ? x : limit;
	x = x > -limit ? x : -limit;
	u = x * x;
	p = (RigReal) 1.5230794771973675e-08;
	p = p * u + (RigReal) 2.1894933169872373e-05;
	p = p * u + (RigReal) 0.003571614642292683;
	p = p * u + (RigReal) 0.13444512060685335;
	p = p * u + (RigReal) 0.9999999936181487;
	q = (RigReal) 8.522600335600506e-07;
	q = q * u + (RigReal) 0.0003411319068684168;
	q = q * u + (RigReal) 0.02616450640897427;
	q = q * u + (RigReal) 0.46777839394167897;
	q = q * u + (RigReal) 1;
	return x * p / q;
}

INLINE RigReal
sigmoid(RigReal x)
{
	return (RigReal) 0.5 + (RigReal) 0.5 * squash((RigReal) 0.5 * x);
}

/* One row of the product, for depth rows of b, at most ROW_DEPTH. */
INLINE void
multiply_row(RigReal *restrict c, const RigReal *a, int64_t a_column, const RigReal *restrict b, int depth,
			 int32_t columns)
{
	RigReal		factors[ROW_DEPTH];

	for (int k = 0; k < depth; k++)
		factors[k] = a[k * a_column];
	for (int32_t j = 0; j < columns; j++)
	{
		RigReal		sum = c[j];

		for (int k = 0; k < depth; k++)
			sum += factors[k] * b[(int64_t) k * columns + j];
		c[j] = sum;
	}
}

/* ROWS rows of the product, for DEPTH rows of b: every element of b is loaded once. */
INLINE void
multiply_rows(RigReal *restrict c, const RigReal *a, int64_t a_row, int64_t a_column, const RigReal *restrict b,
			  int32_t columns)
{
	RigReal    *restrict c1 = c + columns;
	RigReal    *restrict c2 = c1 + columns;
	RigReal    *restrict c3 = c2 + columns;
	RigReal		factors[ROWS][DEPTH];

	for (int i = 0; i < ROWS; i++)
	{
		for (int k = 0; k < DEPTH; k++)
			factors[i][k] = a[i * a_row + k * a_column];
	}
	for (int32_t j = 0; j < columns; j++)
	{
		RigReal		sums[ROWS] = {c[j], c1[j], c2[j], c3[j]};

		for (int k = 0; k < DEPTH; k++)
		{
			RigReal		value = b[(int64_t) k * columns + j];

			for (int i = 0; i < ROWS; i++)
				sums[i] += factors[i][k] * value;
		}
		c[j] = sums[0];
		c1[j] = sums[1];
		c2[j] = sums[2];
		c3[j] = sums[3];
	}
}

INLINE void
multiply(RigReal *restrict c, const RigReal *a, int64_t a_row, int64_t a_column, const RigReal *restrict b,
		 int32_t rows, int32_t depth, int32_t columns)
{
	int32_t		i = 0;

	for (; i + ROWS <= rows; i += ROWS)
	{
		int32_t		k = 0;

		for (; k + DEPTH <= depth; k += DEPTH)
			multiply_rows(c + (int64_t) i * columns, a + i * a_row + k * a_column, a_row, a_column,
						  b + (int64_t) k * columns, columns);
		for (; k < depth; k++)
		{
			for (int32_t row = i; row < i + ROWS; row++)
				multiply_row(c + (int64_t) row * columns, a + row * a_row + k * a_column, a_column,
							 b + (int64_t) k * columns, 1, columns);
		}
	}
	for (; i < rows; i++)
	{
		int32_t		k = 0;

		for (; k + ROW_DEPTH <= depth; k += ROW_DEPTH)
			multiply_row(c + (int64_t) i * columns, a + i * a_row + k * a_column, a_column, b + (int64_t) k * columns,
						 ROW_DEPTH, columns);
		for (; k < depth; k++)
			multiply_row(c + (int64_t) i * columns, a + i * a_row + k * a_column, a_column, b + (int64_t) k * columns,
						 1, columns);
	}
}

RIG_KERNEL static void
multiply_kernel(RigReal *restrict c, const RigReal *a, int64_t a_row, int64_t a_column, const RigReal *restrict b,
				int32_t rows, int32_t depth, int32_t columns)
{
	multiply(c, a, a_row, a_column, b, rows, depth, columns);
}

void
rig_lstm_multiply(RigReal *restrict c, const RigReal *a, int64_t a_row, int64_t a_column, const RigReal *restrict b,
				  int32_t rows, int32_t depth, int32_t columns)
{
	multiply_kernel(c, a, a_row, a_column, b, rows, depth, columns);
}

void
rig_lstm_repeat(RigReal *restrict c, const RigReal *restrict row, int64_t rows, int32_t columns)
{
	for (int64_t i = 0; i < rows; i++)
		memcpy(c + i * columns, row, (size_t) columns * sizeof(RigReal));
}

RIG_KERNEL static void
add_rows(RigReal *restrict sum, const RigReal *restrict a, int64_t rows, int32_t columns)
{
	for (int64_t i = 0; i < rows; i++)
	{
		for (int32_t j = 0; j < columns; j++)
			sum[j] += a[i * columns + j];
	}
}

void
rig_lstm_add_rows(RigReal *restrict sum, const RigReal *restrict a, int64_t rows, int32_t columns)
{
	add_rows(sum, a, rows, columns);
}

void
rig_lstm_transpose(RigReal *restrict b, const RigReal *restrict a, int32_t rows, int32_t columns)
{
	for (int32_t i = 0; i < rows; i++)
	{
		for (int32_t j = 0; j < columns; j++)
			b[(int64_t) j * rows + i] = a[(int64_t) i * columns + j];
	}
}

RIG_KERNEL static void
step(const RigReal *restrict recurrent, int32_t hidden, int32_t rows, RigReal *restrict gates, RigReal *restrict cells,
	 const RigReal *previous, RigReal *outputs)
{
	multiply(gates, previous, hidden, 1, recurrent, rows, hidden, 4 * hidden);
	for (int32_t row = 0; row < rows; row++)
	{
		const RigReal *restrict z = gates + (int64_t) row * 4 * hidden;
		RigReal    *restrict c = cells + (int64_t) row * hidden;
		RigReal    *restrict h = outputs + (int64_t) row * hidden;

		for (int32_t j = 0; j < hidden; j++)
		{
			RigReal		cell = sigmoid(z[hidden + j]) * c[j] + sigmoid(z[j]) * squash(z[2 * hidden + j]);

			c[j] = cell;
			h[j] = sigmoid(z[3 * hidden + j]) * squash(cell);
		}
	}
}

void
rig_lstm_step(const RigReal *restrict recurrent, int32_t hidden, int32_t rows, RigReal *restrict gates,
			  RigReal *restrict cells, const RigReal *previous, RigReal *outputs)
{
	step(recurrent, hidden, rows, gates, cells, previous, outputs);
}

/* Activates one row of gates in place. */
INLINE void
activate_row(int32_t hidden, RigReal *restrict z, const RigReal *restrict previous, RigReal *restrict c,
			 RigReal *restrict squashed, RigReal *restrict h)
{
	for (int32_t j = 0; j < hidden; j++)
	{
		RigReal		input = sigmoid(z[j]);
		RigReal		forget = sigmoid(z[hidden + j]);
		RigReal		candidate = squash(z[2 * hidden + j]);
		RigReal		output = sigmoid(z[3 * hidden + j]);
		RigReal		cell = forget * previous[j] + input * candidate;
		RigReal		small = squash(cell);

		z[j] = input;
		z[hidden + j] = forget;
		z[2 * hidden + j] = candidate;
		z[3 * hidden + j] = output;
		c[j] = cell;
		squashed[j] = small;
		h[j] = output * small;
	}
}

RIG_KERNEL static void
activate(int32_t hidden, int32_t rows, RigReal *gates, const RigReal *previous, const RigLstmTrace *trace, int64_t from)
{
	for (int32_t row = 0; row < rows; row++)
	{
		int64_t		unit = (int64_t) row * hidden;

		activate_row(hidden, gates + 4 * unit, previous + unit, trace->cells + from + unit,
					 trace->squashed + from + unit, trace->outputs + from + unit);
	}
}

void
rig_lstm_forward(const RigReal *recurrent, int32_t hidden, int32_t steps, int32_t rows, const RigLstmTrace *trace)
{
	int64_t		units = (int64_t) rows * hidden;

	for (int32_t t = 0; t < steps; t++)
	{
		RigReal    *gates = trace->gates + t * 4 * units;

		if (t > 0)
			rig_lstm_multiply(gates, trace->outputs + (t - 1) * units, hidden, 1, recurrent, rows, hidden, 4 * hidden);
		activate(hidden, rows, gates, t > 0 ? trace->cells + (t - 1) * units : trace->zeros, trace, t * units);
	}
}

/* Derivatives of one row of a step; the gates become those by their sums. */
INLINE void
differentiate_row(int32_t hidden, RigReal *restrict z, const RigReal *restrict previous,
				  const RigReal *restrict squashed, const RigReal *restrict dh, RigReal *restrict dc)
{
	for (int32_t j = 0; j < hidden; j++)
	{
		RigReal		input = z[j];
		RigReal		forget = z[hidden + j];
		RigReal		candidate = z[2 * hidden + j];
		RigReal		output = z[3 * hidden + j];
		RigReal		small = squashed[j];
		RigReal		cell = dc[j] + dh[j] * output * (1 - small * small);

		z[j] = cell * candidate * input * (1 - input);
		z[hidden + j] = cell * previous[j] * forget * (1 - forget);
		z[2 * hidden + j] = cell * input * (1 - candidate * candidate);
		z[3 * hidden + j] = dh[j] * small * output * (1 - output);
		dc[j] = cell * forget;
	}
}

RIG_KERNEL static void
differentiate(int32_t hidden, int32_t rows, RigReal *gates, const RigReal *previous, const RigReal *squashed,
			  const RigReal *dh, RigReal *dc)
{
	for (int32_t row = 0; row < rows; row++)
	{
		int64_t		unit = (int64_t) row * hidden;

		differentiate_row(hidden, gates + 4 * unit, previous + unit, squashed + unit, dh + unit, dc + unit);
	}
}

void
rig_lstm_backward(const RigReal *recurrent_transposed, int32_t hidden, int32_t steps, int32_t rows,
				  const RigLstmTrace *trace, RigReal *output_gradients, RigReal *cell_gradients)
{
	int64_t		units = (int64_t) rows * hidden;

	memset(cell_gradients, 0, (size_t) units * sizeof(RigReal));
	for (int32_t t = steps - 1; t >= 0; t--)
	{
		RigReal    *gates = trace->gates + t * 4 * units;
		RigReal    *dh = output_gradients + t * units;

		differentiate(hidden, rows, gates, t > 0 ? trace->cells + (t - 1) * units : trace->zeros,
					  trace->squashed + t * units, dh, cell_gradients);
		if (t > 0)
			rig_lstm_multiply(dh - units, gates, 4 * hidden, 1, recurrent_transposed, rows, 4 * hidden, hidden);
	}
}
