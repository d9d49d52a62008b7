/*
 * Long short-term memory (Hochreiter, Schmidhuber 1997; forget gate by Gers et al. 2000): the
 * arithmetic of one layer, for many sequences ("rows") at once.
 *
 *	 i, f, o = sigmoid(.)	g = tanh(.)		c = f c' + i g		h = o tanh(c)
 *
 * where (.) is the gate's share of input x W + h' U + b. All matrices are row-major and dense;
 * weights are stored [input][4H], the gates i, f, g, o beside each other, so that the inner
 * loops run over adjacent memory. Sequences of states are [step][row][unit].
 *
 * A test compiles this module once more with RIG_REAL double, to check gradients by differences.
 */
#ifndef RIG_LSTM_H
#define RIG_LSTM_H

#include <stdint.h>

#ifndef RIG_REAL
#define RIG_REAL float
#endif

typedef RIG_REAL RigReal;

/* What the backward pass needs to know about the forward pass, for every step and row. */
typedef struct RigLstmTrace
{
	RigReal    *gates;			/* 4H, activated */
	RigReal    *cells;			/* H */
	RigReal    *squashed;		/* H, tanh of the cells */
	RigReal    *outputs;		/* H */
	RigReal    *zeros;			/* rows x H, the state before the first step */
} RigLstmTrace;

/*
 * c += a b, where c is rows x columns, b depth x columns, and element (i, k) of a lies at
 * a[i * a_row + k * a_column], so that a can be read as it is or transposed. Each element of
 * c is summed in the order of k whatever the number of rows, so a row gives the same result
 * alone and among others.
 */
extern void rig_lstm_multiply(RigReal *restrict c, const RigReal *a, int64_t a_row, int64_t a_column,
							  const RigReal *restrict b, int32_t rows, int32_t depth, int32_t columns);

/* Fills rows of c, columns wide, with copies of one row. */
extern void rig_lstm_repeat(RigReal *restrict c, const RigReal *restrict row, int64_t rows, int32_t columns);

/* sum += the sum of rows of a, columns wide. */
extern void rig_lstm_add_rows(RigReal *restrict sum, const RigReal *restrict a, int64_t rows, int32_t columns);

/* b[j][i] = a[i][j] for a of rows x columns. */
extern void rig_lstm_transpose(RigReal *restrict b, const RigReal *restrict a, int32_t rows, int32_t columns);

/*
 * One step without a trace: gates (rows x 4H) hold the inputs' share and are used up; cells
 * (rows x H) go from the previous step to this one; previous and outputs (rows x H) are h of
 * the previous step and of this one, and may be the same.
 */
extern void rig_lstm_step(const RigReal *restrict recurrent, int32_t hidden, int32_t rows, RigReal *restrict gates,
						  RigReal *restrict cells, const RigReal *previous, RigReal *outputs);

/* All steps from the zero state; trace->gates hold the inputs' share at first. */
extern void rig_lstm_forward(const RigReal *recurrent, int32_t hidden, int32_t steps, int32_t rows,
							 const RigLstmTrace *trace);

/*
 * Back through all steps. output_gradients (steps x rows x H) hold the loss's derivatives by
 * the outputs, as far as they do not come from later steps, and are used up, as are
 * cell_gradients (rows x H of work space); the gates of the trace become the derivatives by
 * the sums before activation. recurrent_transposed is [4H][H].
 */
extern void rig_lstm_backward(const RigReal *recurrent_transposed, int32_t hidden, int32_t steps, int32_t rows,
							  const RigLstmTrace *trace, RigReal *output_gradients, RigReal *cell_gradients);

#endif
