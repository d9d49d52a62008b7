#include "autoencoder.h"

#include <math.h>
#include <string.h>

#include "autoencoder_network.h"
#include "kernel.h"

/* Windows that are scored together: enough to load each weight once for many of them. */
#define BLOCK 16

/* Arrays begin on a cache line, which keeps wide loads whole. */
#define LINE 64

/* Work space for up to BLOCK windows, or for one. */
typedef struct Scratch
{
	float	   *gates;			/* window x 4H */
	float	   *latent_share;	/* window x 4H */
	float	   *cells;			/* window x H */
	float	   *latent;			/* window x H */
	float	   *outputs;		/* score step x window x H */
	float	   *written;		/* score step x window x F */
	float	   *sums;			/* F */
	float	   *counts;			/* F */
	float	   *rows;			/* F, of a row without what is missing */
	float	   *projections;	/* window x step x 4H */
} Scratch;

/* Places the arrays in memory, if there is any, and returns the bytes that they take. */
static size_t
place_scratch(const RigAutoencoder *model, size_t windows, size_t steps, void *memory, Scratch *scratch)
{
	size_t		hidden = (size_t) model->hidden;
	size_t		features = (size_t) model->features;
	struct
	{
		float	  **array;
		size_t		count;
	}			places[] = {
		{&scratch->gates, windows * 4 * hidden},
		{&scratch->latent_share, windows * 4 * hidden},
		{&scratch->cells, windows * hidden},
		{&scratch->latent, windows * hidden},
		{&scratch->outputs, steps * windows * hidden},
		{&scratch->written, steps * windows * features},
		{&scratch->sums, features},
		{&scratch->counts, features},
		{&scratch->rows, features},
		{&scratch->projections, windows * (size_t) model->steps * 4 * hidden},
	};
	size_t		size = 0;
	char	   *base = memory;

	if (base != NULL)
		base += (LINE - (uintptr_t) base % LINE) % LINE;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		if (base != NULL)
			*places[i].array = (float *) (base + size);
		size += (places[i].count * sizeof(float) + LINE - 1) / LINE * LINE;
	}
	return size + LINE;
}

size_t
rig_autoencoder_parameter_count(int32_t features, int32_t hidden)
{
	return rig_autoencoder_layout(features, hidden).count;
}

static bool
are_sizes_valid(int32_t features, int32_t hidden, int32_t steps, int32_t score_steps)
{
	return features >= 1 && features <= RIG_AUTOENCODER_MAX_FEATURES &&
		hidden >= 1 && hidden <= RIG_AUTOENCODER_MAX_HIDDEN &&
		steps >= 1 && steps <= RIG_AUTOENCODER_MAX_STEPS &&
		score_steps >= 1 && score_steps <= steps;
}

RigStatus
rig_autoencoder_create(RigAutoencoder *model, RigArena *arena, int32_t features, int32_t hidden, int32_t steps,
					   int32_t score_steps)
{
	size_t		count;
	size_t		size;
	char	   *base;

	if (score_steps == 0)
		score_steps = steps;
	if (!are_sizes_valid(features, hidden, steps, score_steps))
		return RIG_INVALID_ARGUMENT;
	count = rig_autoencoder_parameter_count(features, hidden);
	size = (count + (size_t) features) * sizeof(float) + LINE;
	base = rig_arena_allocate(arena, size);
	if (base == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(base, 0, size);
	model->features = features;
	model->hidden = hidden;
	model->steps = steps;
	model->score_steps = score_steps;
	model->parameters = (float *) (base + (LINE - (uintptr_t) base % LINE) % LINE);
	model->error_scale = model->parameters + count;
	return RIG_OK;
}

bool
rig_autoencoder_check(const RigAutoencoder *model)
{
	size_t		count;

	if (!are_sizes_valid(model->features, model->hidden, model->steps, model->score_steps))
		return false;
	count = rig_autoencoder_parameter_count(model->features, model->hidden);
	for (size_t i = 0; i < count; i++)
	{
		if (!isfinite(model->parameters[i]))
			return false;
	}
	for (int32_t i = 0; i < model->features; i++)
	{
		float		scale = model->error_scale[i];

		/* 1 / scale^2 must stay in the range of floats. */
		if (scale != 0 && !(scale >= RIG_AUTOENCODER_LEAST_SCALE && scale <= RIG_AUTOENCODER_LARGEST))
			return false;
	}
	return true;
}

static const float *
tensor(const RigAutoencoder *model, const RigTensorLayout *layout, RigTensor which)
{
	return model->parameters + layout->offsets[which];
}

/* Projects count rows; clean is work space for one row. */
static void
project_rows(const RigAutoencoder *model, const RigTensorLayout *layout, const float *rows, int64_t count,
			 float *restrict clean, float *projections)
{
	int32_t		features = model->features;
	int32_t		columns = 4 * model->hidden;

	rig_lstm_repeat(projections, tensor(model, layout, RIG_ENCODER_BIAS), count, columns);
	for (int64_t row = 0; row < count; row++)
	{
		const float *values = rows + row * features;

		for (int32_t i = 0; i < features; i++)
			clean[i] = rig_autoencoder_usable(values[i]) ? values[i] : 0;
		rig_lstm_multiply(projections + row * columns, clean, features, 1, tensor(model, layout, RIG_ENCODER_INPUT), 1,
						  features, columns);
	}
}

void
rig_autoencoder_project(const RigAutoencoder *model, const float *row, float *projection)
{
	RigTensorLayout layout = rig_autoencoder_layout(model->features, model->hidden);
	float		clean[RIG_AUTOENCODER_MAX_FEATURES];

	project_rows(model, &layout, row, 1, clean, projection);
}

/*
 * Runs the network over windows whose projections are given, [window][step] pointers, and
 * leaves the newest steps that the decoder writes, newest first.
 */
static void
write_windows(const RigAutoencoder *model, const RigTensorLayout *layout, const float *const *projections,
			  int32_t windows, int32_t steps, Scratch *scratch)
{
	int32_t		hidden = model->hidden;
	int32_t		columns = 4 * hidden;
	size_t		units = (size_t) windows * (size_t) hidden;
	const float *previous = scratch->latent;

	memset(scratch->cells, 0, units * sizeof(float));
	memset(scratch->latent, 0, units * sizeof(float));
	for (int32_t t = 0; t < model->steps; t++)
	{
		for (int32_t window = 0; window < windows; window++)
			memcpy(scratch->gates + window * columns, projections[window * model->steps + t],
				   (size_t) columns * sizeof(float));
		rig_lstm_step(tensor(model, layout, RIG_ENCODER_RECURRENT), hidden, windows, scratch->gates, scratch->cells,
					  scratch->latent, scratch->latent);
	}
	rig_lstm_repeat(scratch->latent_share, tensor(model, layout, RIG_DECODER_BIAS), windows, columns);
	rig_lstm_multiply(scratch->latent_share, scratch->latent, hidden, 1, tensor(model, layout, RIG_DECODER_LATENT),
					  windows, hidden, columns);
	memset(scratch->cells, 0, units * sizeof(float));
	memset(scratch->latent, 0, units * sizeof(float));
	for (int32_t s = 0; s < steps; s++)
	{
		float	   *outputs = scratch->outputs + (size_t) s * units;

		memcpy(scratch->gates, scratch->latent_share, 4 * units * sizeof(float));
		rig_lstm_step(tensor(model, layout, RIG_DECODER_RECURRENT), hidden, windows, scratch->gates, scratch->cells,
					  previous, outputs);
		previous = outputs;
	}
	rig_lstm_repeat(scratch->written, tensor(model, layout, RIG_OUTPUT_BIAS), steps * windows, model->features);
	rig_lstm_multiply(scratch->written, scratch->outputs, hidden, 1, tensor(model, layout, RIG_OUTPUT_WEIGHTS),
					  steps * windows, hidden, model->features);
}

/* Adds the squared errors of one row; what is missing adds nothing. */
RIG_KERNEL static void
add_squares(const float *restrict written, const float *restrict row, const uint8_t *restrict present,
			int32_t features, float *restrict sums, float *restrict counts)
{
	for (int32_t i = 0; i < features; i++)
	{
		float		counted = fabsf(row[i]) <= RIG_AUTOENCODER_LARGEST ? 1.0f : 0.0f;
		float		error = counted != 0 ? written[i] - row[i] : 0;

		if (present != NULL)
			counted = present[i] != 0 ? counted : 0;
		sums[i] += counted * error * error;
		counts[i] += counted;
	}
}

/* The score of one of the windows that were written. */
static float
compare_window(const RigAutoencoder *model, const Scratch *scratch, int32_t window, int32_t windows, const float *rows,
			   const uint8_t *present, float *sensor_errors)
{
	int32_t		features = model->features;
	double		sum = 0;
	int32_t		taking_part = 0;

	memset(scratch->sums, 0, (size_t) features * sizeof(float));
	memset(scratch->counts, 0, (size_t) features * sizeof(float));
	for (int32_t s = 0; s < model->score_steps; s++)
	{
		int64_t		row = (int64_t) (model->steps - 1 - s) * features;

		add_squares(scratch->written + ((int64_t) s * windows + window) * features, rows + row,
					present != NULL ? present + row : NULL, features, scratch->sums, scratch->counts);
	}
	for (int32_t i = 0; i < features; i++)
	{
		float		scale = model->error_scale[i];
		bool		counts = scale > 0 && scratch->counts[i] > 0;
		double		mean = counts ? (double) scratch->sums[i] / ((double) scale * scale * scratch->counts[i]) : 0;

		sum += mean * mean * mean * mean;
		taking_part += counts;
		if (sensor_errors != NULL)
			sensor_errors[i] = (float) mean;
	}
	if (taking_part == 0)
		return NAN;
	return (float) log(fmax(sqrt(sqrt(sum / taking_part)), RIG_AUTOENCODER_LEAST_ERROR));
}

size_t
rig_autoencoder_scratch_size(const RigAutoencoder *model)
{
	Scratch		scratch;

	return place_scratch(model, 1, (size_t) model->steps, NULL, &scratch);
}

/* Writes the newest steps of one window. */
static void
write_window(const RigAutoencoder *model, const float *rows, const float *const *projections, int32_t steps,
			 Scratch *scratch)
{
	RigTensorLayout layout = rig_autoencoder_layout(model->features, model->hidden);
	const float *own[RIG_AUTOENCODER_MAX_STEPS];

	if (projections == NULL)
	{
		project_rows(model, &layout, rows, model->steps, scratch->rows, scratch->projections);
		for (int32_t t = 0; t < model->steps; t++)
			own[t] = scratch->projections + (size_t) t * 4 * (size_t) model->hidden;
		projections = own;
	}
	write_windows(model, &layout, projections, 1, steps, scratch);
}

float
rig_autoencoder_score(const RigAutoencoder *model, const float *rows, const float *const *projections,
					  const uint8_t *present, void *scratch, float *sensor_errors)
{
	Scratch		places;

	place_scratch(model, 1, (size_t) model->steps, scratch, &places);
	write_window(model, rows, projections, model->score_steps, &places);
	return compare_window(model, &places, 0, 1, rows, present, sensor_errors);
}

void
rig_autoencoder_reconstruct(const RigAutoencoder *model, const float *rows, const float *const *projections,
							void *scratch, float *reconstruction)
{
	size_t		features = (size_t) model->features;
	Scratch		places;

	place_scratch(model, 1, (size_t) model->steps, scratch, &places);
	write_window(model, rows, projections, model->steps, &places);
	for (int32_t t = 0; t < model->steps; t++)
		memcpy(reconstruction + (size_t) t * features, places.written + (size_t) (model->steps - 1 - t) * features,
			   features * sizeof(float));
}

size_t
rig_autoencoder_batch_scratch_size(const RigAutoencoder *model)
{
	Scratch		scratch;

	return place_scratch(model, BLOCK, (size_t) model->score_steps, NULL, &scratch);
}

/*
 * Projects the rows of a block's windows. Windows that overlap share them: the rows between
 * the first and the last window are few enough for the work space, so each is projected once.
 */
static void
project_windows(const RigAutoencoder *model, const RigTensorLayout *layout, const float *rows, int64_t stride,
				const int64_t *starts, int32_t windows, Scratch *scratch, const float **projections)
{
	int64_t		steps = model->steps;
	int64_t		columns = 4 * model->hidden;
	int64_t		first = starts[0];
	int64_t		last = starts[0];
	bool		shared;

	for (int32_t window = 1; window < windows; window++)
	{
		first = starts[window] < first ? starts[window] : first;
		last = starts[window] > last ? starts[window] : last;
	}
	shared = stride == model->features && last - first + steps <= windows * steps;
	if (shared)
		project_rows(model, layout, rows + first * stride, last - first + steps, scratch->rows, scratch->projections);
	for (int32_t window = 0; window < windows; window++)
	{
		float	   *place = scratch->projections + (shared ? starts[window] - first : window * steps) * columns;

		if (!shared)
			project_rows(model, layout, rows + starts[window] * stride, steps, scratch->rows, place);
		for (int32_t t = 0; t < steps; t++)
			projections[window * steps + t] = place + t * columns;
	}
}

void
rig_autoencoder_score_batch(const RigAutoencoder *model, const float *rows, int64_t stride, const int64_t *starts,
							int64_t count, const uint8_t *present, void *scratch, float *scores, float *sensor_errors)
{
	RigTensorLayout layout = rig_autoencoder_layout(model->features, model->hidden);
	const float *projections[BLOCK * RIG_AUTOENCODER_MAX_STEPS];
	Scratch		places;

	place_scratch(model, BLOCK, (size_t) model->score_steps, scratch, &places);
	for (int64_t done = 0; done < count; done += BLOCK)
	{
		int32_t		windows = count - done < BLOCK ? (int32_t) (count - done) : BLOCK;

		project_windows(model, &layout, rows, stride, starts + done, windows, &places, projections);
		write_windows(model, &layout, projections, windows, model->score_steps, &places);
		for (int32_t window = 0; window < windows; window++)
		{
			int64_t		i = done + window;
			int64_t		start = starts[i] * stride;

			scores[i] = compare_window(model, &places, window, windows, rows + start,
									   present != NULL ? present + start : NULL,
									   sensor_errors != NULL ? sensor_errors + i * model->features : NULL);
		}
	}
}
