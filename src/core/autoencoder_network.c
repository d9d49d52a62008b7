#include "autoencoder_network.h"

#include <string.h>

#include "kernel.h"

/* Arrays begin on a cache line, which keeps wide loads whole. */
#define LINE 64

RigTensorLayout
rig_autoencoder_layout(int32_t features, int32_t hidden)
{
	RigTensorLayout layout = {
		.rows = {features, hidden, 1, hidden, hidden, 1, hidden, 1},
		.columns = {4 * hidden, 4 * hidden, 4 * hidden, 4 * hidden, 4 * hidden, 4 * hidden, features, features}
	};

	for (int i = 0; i < RIG_TENSORS; i++)
	{
		layout.offsets[i] = layout.count;
		layout.count += (size_t) layout.rows[i] * (size_t) layout.columns[i];
	}
	return layout;
}

/*
 * Places every array of the pass one after the other and returns the bytes; with a NULL base
 * the pointers mean nothing and only the size counts.
 */
static size_t
place_arrays(RigAutoencoderPass *pass, char *base)
{
	size_t		windows = (size_t) pass->capacity;
	size_t		rows = windows * (size_t) pass->steps;
	size_t		features = (size_t) pass->features;
	size_t		hidden = (size_t) pass->hidden;
	struct
	{
		RigReal   **array;
		size_t		count;
	}			places[] = {
		{&pass->active, features},
		{&pass->inputs, rows * features},
		{&pass->counted, rows * features},
		{&pass->errors, rows * features},
		{&pass->losses, windows * features},
		{&pass->encoder.gates, rows * 4 * hidden},
		{&pass->encoder.cells, rows * hidden},
		{&pass->encoder.squashed, rows * hidden},
		{&pass->encoder.outputs, rows * hidden},
		{&pass->encoder.zeros, windows * hidden},
		{&pass->decoder.gates, rows * 4 * hidden},
		{&pass->decoder.cells, rows * hidden},
		{&pass->decoder.squashed, rows * hidden},
		{&pass->decoder.outputs, rows * hidden},
		{&pass->latent_share, windows * 4 * hidden},
		{&pass->output_gradients, rows * hidden},
		{&pass->cell_gradients, windows * hidden},
		{&pass->transposed[RIG_ENCODER_RECURRENT], 4 * hidden * hidden},
		{&pass->transposed[RIG_DECODER_LATENT], 4 * hidden * hidden},
		{&pass->transposed[RIG_DECODER_RECURRENT], 4 * hidden * hidden},
		{&pass->transposed[RIG_OUTPUT_WEIGHTS], hidden * features},
	};
	size_t		size = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		if (base != NULL)
			*places[i].array = (RigReal *) (base + size);
		size += (places[i].count * sizeof(RigReal) + LINE - 1) / LINE * LINE;
	}
	return size;
}

size_t
rig_autoencoder_pass_size(int32_t features, int32_t hidden, int32_t steps, int32_t capacity)
{
	RigAutoencoderPass pass = {.features = features, .hidden = hidden, .steps = steps, .capacity = capacity};

	return place_arrays(&pass, NULL) + LINE;
}

RigStatus
rig_autoencoder_pass_create(RigAutoencoderPass *pass, RigArena *arena, int32_t features, int32_t hidden,
							int32_t steps, int32_t capacity)
{
	size_t		size = rig_autoencoder_pass_size(features, hidden, steps, capacity);
	char	   *base = rig_arena_allocate(arena, size);

	if (base == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(base, 0, size);
	*pass = (RigAutoencoderPass) {
		.layout = rig_autoencoder_layout(features, hidden),
		.features = features, .hidden = hidden, .steps = steps, .capacity = capacity
	};
	place_arrays(pass, base + (LINE - (uintptr_t) base % LINE) % LINE);
	pass->decoder.zeros = pass->encoder.zeros;
	for (int32_t i = 0; i < features; i++)
		pass->active[i] = 1;
	return RIG_OK;
}

void
rig_autoencoder_pass_load(RigAutoencoderPass *pass, int32_t place, const float *rows, const uint8_t *present)
{
	int32_t		features = pass->features;

	for (int32_t t = 0; t < pass->steps; t++)
	{
		int64_t		to = ((int64_t) t * pass->windows + place) * features;
		int64_t		from = (int64_t) t * features;

		for (int32_t i = 0; i < features; i++)
		{
			float		value = rows[from + i];
			bool		usable = rig_autoencoder_usable(value);

			pass->inputs[to + i] = usable ? value : 0;
			pass->counted[to + i] = usable && (present == NULL || present[from + i] != 0) ? pass->active[i] : 0;
		}
	}
}

/* errors -= the given rows, which the decoder writes newest first. */
RIG_KERNEL static void
subtract_inputs(RigReal *restrict errors, const RigReal *restrict inputs, int32_t steps, int32_t cells)
{
	for (int32_t s = 0; s < steps; s++)
	{
		RigReal    *restrict error = errors + (int64_t) s * cells;
		const RigReal *restrict given = inputs + (int64_t) (steps - 1 - s) * cells;

		for (int32_t i = 0; i < cells; i++)
			error[i] -= given[i];
	}
}

void
rig_autoencoder_pass_forward(RigAutoencoderPass *pass, const RigReal *parameters)
{
	const size_t *offsets = pass->layout.offsets;
	int32_t		hidden = pass->hidden;
	int32_t		windows = pass->windows;
	int32_t		rows = pass->steps * windows;
	const RigReal *latent = pass->encoder.outputs + (int64_t) (rows - windows) * hidden;

	rig_lstm_repeat(pass->encoder.gates, parameters + offsets[RIG_ENCODER_BIAS], rows, 4 * hidden);
	rig_lstm_multiply(pass->encoder.gates, pass->inputs, pass->features, 1, parameters + offsets[RIG_ENCODER_INPUT],
					  rows, pass->features, 4 * hidden);
	rig_lstm_forward(parameters + offsets[RIG_ENCODER_RECURRENT], hidden, pass->steps, windows, &pass->encoder);

	rig_lstm_repeat(pass->latent_share, parameters + offsets[RIG_DECODER_BIAS], windows, 4 * hidden);
	rig_lstm_multiply(pass->latent_share, latent, hidden, 1, parameters + offsets[RIG_DECODER_LATENT], windows,
					  hidden, 4 * hidden);
	rig_lstm_repeat(pass->decoder.gates, pass->latent_share, pass->steps, windows * 4 * hidden);
	rig_lstm_forward(parameters + offsets[RIG_DECODER_RECURRENT], hidden, pass->steps, windows, &pass->decoder);

	rig_lstm_repeat(pass->errors, parameters + offsets[RIG_OUTPUT_BIAS], rows, pass->features);
	rig_lstm_multiply(pass->errors, pass->decoder.outputs, hidden, 1, parameters + offsets[RIG_OUTPUT_WEIGHTS], rows,
					  hidden, pass->features);
	subtract_inputs(pass->errors, pass->inputs, pass->steps, windows * pass->features);
}

/* The loss is d (e - d/2), where d, the error e cut to -1..1, is its derivative. */
RIG_KERNEL static void
add_losses(RigReal *restrict losses, RigReal *restrict errors, const RigReal *restrict counted, int32_t cells)
{
	for (int32_t i = 0; i < cells; i++)
	{
		RigReal		error = errors[i];
		RigReal		cut = error < 1 ? error : 1;

		cut = cut > -1 ? cut : -1;
		losses[i] += counted[i] * cut * (error - cut / 2);
		errors[i] = counted[i] * cut;
	}
}

void
rig_autoencoder_pass_loss(RigAutoencoderPass *pass, double *losses, double *cells)
{
	int32_t		features = pass->features;
	int32_t		step = pass->windows * features;

	memset(pass->losses, 0, (size_t) step * sizeof(RigReal));
	memset(cells, 0, (size_t) pass->windows * sizeof(double));
	for (int32_t s = 0; s < pass->steps; s++)
	{
		const RigReal *counted = pass->counted + (int64_t) (pass->steps - 1 - s) * step;

		add_losses(pass->losses, pass->errors + (int64_t) s * step, counted, step);
		for (int32_t i = 0; i < step; i++)
			cells[i / features] += counted[i];
	}
	for (int32_t window = 0; window < pass->windows; window++)
	{
		losses[window] = 0;
		for (int32_t i = 0; i < features; i++)
			losses[window] += pass->losses[window * features + i];
	}
}

void
rig_autoencoder_pass_square(const RigAutoencoderPass *pass, int32_t score_steps, double *sums, double *counts)
{
	int32_t		step = pass->windows * pass->features;

	for (int32_t s = 0; s < score_steps; s++)
	{
		const RigReal *error = pass->errors + (int64_t) s * step;
		const RigReal *counted = pass->counted + (int64_t) (pass->steps - 1 - s) * step;

		for (int32_t i = 0; i < step; i++)
		{
			sums[i % pass->features] += counted[i] * error[i] * error[i];
			counts[i % pass->features] += counted[i];
		}
	}
}

void
rig_autoencoder_pass_transpose(RigAutoencoderPass *pass, const RigReal *parameters)
{
	for (int i = 0; i < RIG_TENSORS; i++)
	{
		if (pass->transposed[i] != NULL)
			rig_lstm_transpose(pass->transposed[i], parameters + pass->layout.offsets[i], pass->layout.rows[i],
							   pass->layout.columns[i]);
	}
}

/* From the derivatives by a layer's sums to those of its recurrent weights. */
static void
add_recurrent_gradient(const RigAutoencoderPass *pass, const RigLstmTrace *trace, RigReal *gradient)
{
	int32_t		hidden = pass->hidden;

	/* h of one step meets the sums of the next. */
	rig_lstm_multiply(gradient, trace->outputs, 1, hidden, trace->gates + (int64_t) pass->windows * 4 * hidden, hidden,
					  (pass->steps - 1) * pass->windows, 4 * hidden);
}

/* Down to the latent, whose derivatives are left in the last step of output_gradients. */
static void
go_back_through_decoder(RigAutoencoderPass *pass, RigReal *gradient)
{
	const size_t *offsets = pass->layout.offsets;
	int32_t		hidden = pass->hidden;
	int32_t		windows = pass->windows;
	int32_t		rows = pass->steps * windows;
	int64_t		units = (int64_t) windows * hidden;
	RigReal    *last = pass->output_gradients + (pass->steps - 1) * units;

	memset(pass->output_gradients, 0, (size_t) (pass->steps * units) * sizeof(RigReal));
	rig_lstm_multiply(pass->output_gradients, pass->errors, pass->features, 1, pass->transposed[RIG_OUTPUT_WEIGHTS],
					  rows, pass->features, hidden);
	rig_lstm_backward(pass->transposed[RIG_DECODER_RECURRENT], hidden, pass->steps, windows, &pass->decoder,
					  pass->output_gradients, pass->cell_gradients);
	add_recurrent_gradient(pass, &pass->decoder, gradient + offsets[RIG_DECODER_RECURRENT]);

	/* The latent meets the sums of all steps. */
	memset(pass->latent_share, 0, (size_t) (4 * units) * sizeof(RigReal));
	rig_lstm_add_rows(pass->latent_share, pass->decoder.gates, pass->steps, windows * 4 * hidden);
	rig_lstm_add_rows(gradient + offsets[RIG_DECODER_BIAS], pass->latent_share, windows, 4 * hidden);
	rig_lstm_multiply(gradient + offsets[RIG_DECODER_LATENT], pass->encoder.outputs + (pass->steps - 1) * units, 1,
					  hidden, pass->latent_share, hidden, windows, 4 * hidden);
	memset(pass->output_gradients, 0, (size_t) (pass->steps * units) * sizeof(RigReal));
	rig_lstm_multiply(last, pass->latent_share, 4 * hidden, 1, pass->transposed[RIG_DECODER_LATENT], windows,
					  4 * hidden, hidden);
}

void
rig_autoencoder_pass_backward(RigAutoencoderPass *pass, RigReal *gradient)
{
	const size_t *offsets = pass->layout.offsets;
	int32_t		hidden = pass->hidden;
	int32_t		rows = pass->steps * pass->windows;

	rig_lstm_add_rows(gradient + offsets[RIG_OUTPUT_BIAS], pass->errors, rows, pass->features);
	rig_lstm_multiply(gradient + offsets[RIG_OUTPUT_WEIGHTS], pass->decoder.outputs, 1, hidden, pass->errors, hidden,
					  rows, pass->features);
	go_back_through_decoder(pass, gradient);
	rig_lstm_backward(pass->transposed[RIG_ENCODER_RECURRENT], hidden, pass->steps, pass->windows, &pass->encoder,
					  pass->output_gradients, pass->cell_gradients);
	add_recurrent_gradient(pass, &pass->encoder, gradient + offsets[RIG_ENCODER_RECURRENT]);
	rig_lstm_add_rows(gradient + offsets[RIG_ENCODER_BIAS], pass->encoder.gates, rows, 4 * hidden);
	rig_lstm_multiply(gradient + offsets[RIG_ENCODER_INPUT], pass->inputs, 1, pass->features, pass->encoder.gates,
					  pass->features, rows, 4 * hidden);
}
