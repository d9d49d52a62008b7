/*
 * The autoencoder's network as training sees it: a block of windows forward with a trace, the
 * loss, and back to the gradient of every parameter. RigReal is float in the product and
 * double in the test that compares gradients with differences (see lstm.h).
 */
#ifndef RIG_AUTOENCODER_NETWORK_H
#define RIG_AUTOENCODER_NETWORK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "lstm.h"
#include "status.h"

/* Larger values, which no prepared row has, count as missing like NaN. */
#define RIG_AUTOENCODER_LARGEST 1e6f

typedef enum RigTensor
{
	RIG_ENCODER_INPUT,
	RIG_ENCODER_RECURRENT,
	RIG_ENCODER_BIAS,
	RIG_DECODER_LATENT,
	RIG_DECODER_RECURRENT,
	RIG_DECODER_BIAS,
	RIG_OUTPUT_WEIGHTS,
	RIG_OUTPUT_BIAS,
	RIG_TENSORS
} RigTensor;

/* Where each tensor lies in the parameter block; a gradient has the same layout. */
typedef struct RigTensorLayout
{
	size_t		offsets[RIG_TENSORS];
	int32_t		rows[RIG_TENSORS];
	int32_t		columns[RIG_TENSORS];
	size_t		count;			/* of all parameters */
} RigTensorLayout;

/* Work space for blocks of up to capacity windows; cells are [step][window][feature]. */
typedef struct RigAutoencoderPass
{
	RigTensorLayout layout;
	int32_t		features;
	int32_t		hidden;
	int32_t		steps;
	int32_t		capacity;
	int32_t		windows;		/* in this block, set before they are loaded */
	RigReal    *active;			/* features, 0 = out of the loss, else 1 */
	RigReal    *inputs;			/* in the order of time */
	RigReal    *counted;		/* like inputs: 1 = takes part in the loss, else 0 */
	RigReal    *errors;			/* newest row first: written minus given, later the loss's derivatives */
	RigReal    *losses;			/* window x feature */
	RigLstmTrace encoder;
	RigLstmTrace decoder;
	RigReal    *latent_share;	/* window x 4H */
	RigReal    *output_gradients;	/* step x window x H */
	RigReal    *cell_gradients; /* window x H */
	RigReal    *transposed[RIG_TENSORS];	/* of the weights that errors go back through, else NULL */
} RigAutoencoderPass;

/* True for a value that is there: neither NaN nor infinite nor absurd. */
static inline bool
rig_autoencoder_usable(float value)
{
	return fabsf(value) <= RIG_AUTOENCODER_LARGEST;
}

extern RigTensorLayout rig_autoencoder_layout(int32_t features, int32_t hidden);

/* Bytes that create takes from its arena. */
extern size_t rig_autoencoder_pass_size(int32_t features, int32_t hidden, int32_t steps, int32_t capacity);

/* All features active, no windows. */
extern RigStatus rig_autoencoder_pass_create(RigAutoencoderPass *pass, RigArena *arena, int32_t features,
											 int32_t hidden, int32_t steps, int32_t capacity);

/* Puts a window (steps x features, oldest row first) at a place below pass->windows. */
extern void rig_autoencoder_pass_load(RigAutoencoderPass *pass, int32_t place, const float *rows,
									  const uint8_t *present);

/* From the inputs to the errors. */
extern void rig_autoencoder_pass_forward(RigAutoencoderPass *pass, const RigReal *parameters);

/*
 * Huber loss of threshold 1 summed over the counted cells of each window, and their number;
 * the errors become its derivatives.
 */
extern void rig_autoencoder_pass_loss(RigAutoencoderPass *pass, double *losses, double *cells);

/* Adds the squared errors of the newest score_steps rows and their number, per feature. */
extern void rig_autoencoder_pass_square(const RigAutoencoderPass *pass, int32_t score_steps, double *sums,
										double *counts);

/* Needed by backward after every change of the parameters. */
extern void rig_autoencoder_pass_transpose(RigAutoencoderPass *pass, const RigReal *parameters);

/* Adds the gradient of the summed loss; once per forward, whose trace is used up. */
extern void rig_autoencoder_pass_backward(RigAutoencoderPass *pass, RigReal *gradient);

#endif
