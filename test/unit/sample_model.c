#include "sample_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model_train.h"
#include "random.h"

#define ROWS 600
#define PERIOD 1000000			/* microseconds */

static const char *const names[SAMPLE_MODEL_FEATURES] = {"rpm", "Temperatur °C", "p"};

/* One slow wave drives all features, each with noise of its own; some values are missing. */
void
sample_row(int64_t number, float *row)
{
	RigRandom	random;
	double		wave = sin((double) number / 50);

	rig_random_seed_stream(&random, 1, (uint64_t) number);
	for (int f = 0; f < SAMPLE_MODEL_FEATURES; f++)
	{
		row[f] = (float) (100 * f + (f + 1) * wave + rig_random_normal(&random));
		if (rig_random_below(&random, 50) == 0)
			row[f] = NAN;
	}
}

void
sample_model(RigModel *model, RigArena *arena, RigAlgorithm algorithm)
{
	static float values[ROWS * SAMPLE_MODEL_FEATURES];
	static int64_t times[ROWS];
	static int32_t series[ROWS];
	RigDataset	data = {SAMPLE_MODEL_FEATURES, ROWS, values, times, series, NULL};
	RigTrainingOptions options = rig_training_defaults(algorithm);
	RigTrainingMetrics metrics;
	RigArena	scratch;
	RigStatus	status;

	for (int64_t r = 0; r < ROWS; r++)
	{
		sample_row(r, values + r * SAMPLE_MODEL_FEATURES);
		times[r] = r * PERIOD;
	}
	options.period = PERIOD;
	options.forest = (RigForestOptions) {.trees = 3, .sample = 8};
	options.autoencoder.hidden = 2;
	options.autoencoder.epochs = 1;
	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	status = rig_model_train(model, arena, &scratch, &data, names, &options, 7, NULL, &metrics);
	rig_arena_release(&scratch);
	if (status != RIG_OK)
	{
		fprintf(stderr, "training of a sample model ended with status %d\n", (int) status);
		abort();
	}
}
