/*
 * usage: lstm_bench FILE FEATURES HIDDEN STEPS
 *
 * FILE holds float32 numbers: the parameters of an autoencoder, then rows. Scores windows of the
 * rows as the ingest does (one new row at a time), from scratch, and in blocks; trains on the
 * rows. Prints windows per second of processor time, and some scores for comparison.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>

#include "autoencoder.h"
#include "autoencoder_train.h"
#include "processor_time.h"

#define BATCH 64
#define APART 7					/* rows from window to window in a batch, so that they share few */
#define PRINTED 64
#define SECONDS 0.2				/* of each measurement */
#define SEED 42

typedef struct Bench
{
	RigArena	arena;
	RigArena	training;
	RigArena	scratch;
	RigAutoencoder model;
	float	   *rows;
	float	   *projections;
	const float **window;		/* the projections of a window's rows */
	void	   *single_scratch;
	void	   *batch_scratch;
	int64_t    *starts;
	float	   *scores;
	int64_t		row_count;
	int64_t		windows;		/* that a round of each measurement scores */
} Bench;

static void
fail(const char *what)
{
	fprintf(stderr, "lstm_bench: %s\n", what);
	exit(EXIT_FAILURE);
}

static void *
allocate(RigArena *arena, size_t size)
{
	void	   *memory = rig_arena_allocate(arena, size);

	if (memory == NULL)
		fail("out of memory");
	return memory;
}

/* Each window is the one before, moved by one row. */
static void
score_new_rows(Bench *bench)
{
	const RigAutoencoder *model = &bench->model;
	size_t		projection = 4 * (size_t) model->hidden;

	for (int64_t i = 0; i < bench->windows; i++)
	{
		int64_t		newest = i + model->steps - 1;

		rig_autoencoder_project(model, bench->rows + newest * model->features,
								bench->projections + (size_t) newest * projection);
		for (int32_t t = 0; t < model->steps; t++)
			bench->window[t] = bench->projections + (size_t) (i + t) * projection;
		bench->scores[i] = rig_autoencoder_score(model, bench->rows + i * model->features, bench->window, NULL,
												 bench->single_scratch, NULL);
	}
}

static void
score_from_scratch(Bench *bench)
{
	for (int64_t i = 0; i < bench->windows; i++)
		bench->scores[i] = rig_autoencoder_score(&bench->model, bench->rows + i * bench->model.features, NULL, NULL,
												 bench->single_scratch, NULL);
}

static void
score_batches(Bench *bench, int64_t apart)
{
	for (int64_t i = 0; i < bench->windows; i++)
		bench->starts[i] = i * apart % (bench->row_count - bench->model.steps);
	for (int64_t i = 0; i < bench->windows; i += BATCH)
		rig_autoencoder_score_batch(&bench->model, bench->rows, bench->model.features, bench->starts + i, BATCH, NULL,
									bench->batch_scratch, bench->scores + i, NULL);
}

static void
score_strangers(Bench *bench)
{
	score_batches(bench, APART);
}

static void
score_neighbours(Bench *bench)
{
	score_batches(bench, 1);
}

/* Windows per second of work that is repeated until it took long enough. */
static double
measure(Bench *bench, void (*work) (Bench *bench))
{
	double		start = processor_seconds();
	double		elapsed;
	double		windows = 0;

	do
	{
		work(bench);
		windows += (double) bench->windows;
		elapsed = processor_seconds() - start;
	}
	while (elapsed < SECONDS);
	return windows / elapsed;
}

/* Windows that were trained on per second; the validation after each epoch is part of it. */
static double
measure_training(Bench *bench)
{
	RigAutoencoderOptions options = rig_autoencoder_defaults();
	RigAutoencoderMetrics metrics;
	RigAutoencoder model;
	int64_t		count = bench->row_count - bench->model.steps + 1;
	int64_t    *starts = allocate(&bench->arena, (size_t) count * sizeof(int64_t));
	double		start = processor_seconds();

	options.hidden = bench->model.hidden;
	options.steps = bench->model.steps;
	options.stride = 1;
	options.epochs = 2;
	for (int64_t i = 0; i < count; i++)
		starts[i] = i;
	if (rig_autoencoder_train(&model, &bench->training, &bench->scratch, bench->rows, NULL, bench->model.features,
							  bench->model.features, starts, count, &options, SEED, NULL, &metrics) != RIG_OK)
		fail("training failed");
	return (double) (metrics.training_windows * metrics.epochs) / (processor_seconds() - start);
}

static void
read_file(Bench *bench, const char *path, int32_t features, int32_t hidden, int32_t steps)
{
	FILE	   *file = fopen(path, "rb");
	size_t		parameters = rig_autoencoder_parameter_count(features, hidden);
	long		size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
		fail("cannot read the file");
	if (rig_autoencoder_create(&bench->model, &bench->arena, features, hidden, steps, 0) != RIG_OK)
		fail("sizes out of range");
	bench->row_count = ((long) ((size_t) size / sizeof(float)) - (long) parameters) / features;
	bench->windows = (bench->row_count - steps) / BATCH * BATCH;
	if (bench->windows < BATCH)
		fail("too few rows");
	bench->rows = allocate(&bench->arena, (size_t) (bench->row_count * features) * sizeof(float));
	if (fread(bench->model.parameters, sizeof(float), parameters, file) != parameters ||
		fread(bench->rows, sizeof(float) * (size_t) features, (size_t) bench->row_count, file) !=
			(size_t) bench->row_count)
		fail("cannot read the file");
	fclose(file);
	for (int32_t i = 0; i < features; i++)
		bench->model.error_scale[i] = 1;
}

int
main(int argc, char **argv)
{
	Bench		bench;
	size_t		projection;

	if (argc != 5)
		fail("usage: lstm_bench FILE FEATURES HIDDEN STEPS");
	rig_arena_init(&bench.arena, rig_allocator_malloc(), 0);
	rig_arena_init(&bench.training, rig_allocator_malloc(), 0);
	rig_arena_init(&bench.scratch, rig_allocator_malloc(), 0);
	read_file(&bench, argv[1], atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	projection = 4 * (size_t) bench.model.hidden;
	bench.projections = allocate(&bench.arena, (size_t) bench.row_count * projection * sizeof(float));
	bench.window = allocate(&bench.arena, (size_t) bench.model.steps * sizeof(float *));
	bench.single_scratch = allocate(&bench.arena, rig_autoencoder_scratch_size(&bench.model));
	bench.batch_scratch = allocate(&bench.arena, rig_autoencoder_batch_scratch_size(&bench.model));
	bench.starts = allocate(&bench.arena, (size_t) bench.windows * sizeof(int64_t));
	bench.scores = allocate(&bench.arena, (size_t) bench.windows * sizeof(float));
	for (int64_t r = 0; r < bench.row_count; r++)
		rig_autoencoder_project(&bench.model, bench.rows + r * bench.model.features,
								bench.projections + (size_t) r * projection);

	printf("{\"single\": %.0f, ", measure(&bench, score_new_rows));
	printf("\"scratch\": %.0f, ", measure(&bench, score_from_scratch));
	printf("\"batch\": %.0f, ", measure(&bench, score_strangers));
	printf("\"neighbours\": %.0f, ", measure(&bench, score_neighbours));
	printf("\"train\": %.0f, \"scores\": [", measure_training(&bench));
	score_strangers(&bench);
	for (int i = 0; i < PRINTED; i++)
		printf("%s%.6f", i > 0 ? ", " : "", bench.scores[i]);
	printf("]}\n");
	rig_arena_release(&bench.arena);
	rig_arena_release(&bench.training);
	rig_arena_release(&bench.scratch);
	return EXIT_SUCCESS;
}
