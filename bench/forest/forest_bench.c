/*
 * usage: forest_bench FILE FEATURES
 *
 * Trains a forest of the default size on the float32 rows of FILE and scores them: at once, in
 * blocks as the ingest does, and one by one. Prints operations per second of processor time.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>

#include "isolation_forest.h"
#include "processor_time.h"

#define BLOCK 64
#define SECONDS 0.1				/* of each measurement */
#define SEED 42

typedef struct Bench
{
	RigArena	arena;
	RigArena	scratch;
	RigForest	forest;
	float	   *rows;
	float	   *scores;
	float	   *contributions;
	int64_t		count;
	int32_t		features;
} Bench;

static void
fail(const char *what)
{
	fprintf(stderr, "forest_bench: %s\n", what);
	exit(EXIT_FAILURE);
}

static void
train(Bench *bench)
{
	RigForestOptions options = rig_forest_defaults();

	rig_arena_reset(&bench->arena);
	rig_arena_reset(&bench->scratch);
	if (rig_forest_train(&bench->forest, &bench->arena, &bench->scratch, bench->rows, bench->count, bench->features,
						 &options, SEED, NULL) != RIG_OK)
		fail("training failed");
}

static void
score_in_blocks(Bench *bench, int64_t block)
{
	for (int64_t r = 0; r < bench->count; r += block)
	{
		int64_t		count = bench->count - r < block ? bench->count - r : block;

		rig_forest_score(&bench->forest, bench->rows + r * bench->features, bench->features, count, bench->scores + r);
	}
}

static void
score_all(Bench *bench)
{
	score_in_blocks(bench, bench->count);
}

static void
score_blocks(Bench *bench)
{
	score_in_blocks(bench, BLOCK);
}

static void
score_single(Bench *bench)
{
	score_in_blocks(bench, 1);
}

static void
explain(Bench *bench)
{
	for (int64_t r = 0; r < bench->count; r++)
		rig_forest_contributions(&bench->forest, bench->rows + r * bench->features, bench->contributions);
}

/* Items per second; each run handles so many. */
static double
measure(Bench *bench, void (*run) (Bench *), int64_t items)
{
	double		started;
	double		used;
	int64_t		done = 0;

	run(bench);
	started = processor_seconds();
	do
	{
		run(bench);
		done += items;
		used = processor_seconds() - started;
	} while (used < SECONDS);
	return (double) done / used;
}

static void
load_rows(Bench *bench, const char *path)
{
	FILE	   *file = fopen(path, "rb");
	long		size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) <= 0)
		fail("cannot read the rows");
	rewind(file);
	bench->count = size / (long) sizeof(float) / bench->features;
	bench->rows = malloc((size_t) size);
	bench->scores = malloc((size_t) bench->count * sizeof(float));
	bench->contributions = malloc((size_t) bench->features * sizeof(float));
	if (bench->rows == NULL || bench->scores == NULL || bench->contributions == NULL)
		fail("out of memory");
	if (fread(bench->rows, 1, (size_t) size, file) != (size_t) size)
		fail("cannot read the rows");
	fclose(file);
}

int
main(int argc, char **argv)
{
	Bench		bench;

	bench.features = argc == 3 ? atoi(argv[2]) : 0;
	if (bench.features < 1)
		fail("usage: forest_bench FILE FEATURES");
	load_rows(&bench, argv[1]);
	rig_arena_init(&bench.arena, rig_allocator_malloc(), 0);
	rig_arena_init(&bench.scratch, rig_allocator_malloc(), 0);
	train(&bench);
	printf("{\"train\": %.6g, ", measure(&bench, train, 1));
	printf("\"all\": %.6g, ", measure(&bench, score_all, bench.count));
	printf("\"blocks\": %.6g, ", measure(&bench, score_blocks, bench.count));
	printf("\"single\": %.6g, ", measure(&bench, score_single, bench.count));
	printf("\"explain\": %.6g}\n", measure(&bench, explain, bench.count));
	rig_arena_release(&bench.arena);
	rig_arena_release(&bench.scratch);
	free(bench.rows);
	free(bench.scores);
	free(bench.contributions);
	return EXIT_SUCCESS;
}
