#include "autoencoder_split.h"

#include <string.h>

/* Strides are not kept when they would leave fewer windows than this. */
#define ENOUGH 2000

size_t
rig_autoencoder_split_size(int64_t rows, const RigAutoencoderOptions *options)
{
	return (size_t) rows + 2 * (size_t) options->max_windows * sizeof(int64_t) + 3 * 16;
}

/* Marks the rows of the windows that begin at starts. */
static uint8_t *
mark_rows(RigArena *arena, const int64_t *starts, int64_t from, int64_t count, int64_t rows, int32_t steps)
{
	uint8_t    *marks = rig_arena_allocate(arena, (size_t) rows);

	if (marks == NULL)
		return NULL;
	memset(marks, 0, (size_t) rows);
	for (int64_t i = from; i < count; i++)
		memset(marks + starts[i], 1, (size_t) steps);
	return marks;
}

/* How many of count windows are used, given that use of all windows may be. */
static int64_t
limit_windows(int64_t count, int64_t all, const RigAutoencoderOptions *options)
{
	int64_t		used = all / options->stride;

	if (used < ENOUGH)
		used = all < ENOUGH ? all : ENOUGH;
	if (used > options->max_windows)
		used = options->max_windows;
	used = (used * count + all - 1) / all;
	return used < count ? used : count;
}

/* Takes used of count starts, evenly spread and with the last one. */
static int64_t *
pick_starts(RigArena *arena, const int64_t *starts, int64_t count, int64_t used)
{
	int64_t    *picked = rig_arena_allocate(arena, (size_t) used * sizeof(int64_t));

	if (picked == NULL)
		return NULL;
	for (int64_t i = 0; i < used; i++)
		picked[i] = starts[(i + 1) * count / used - 1];
	return picked;
}

/* Of the starts before `from`, those whose windows touch no marked row: counted, or from the n-th on. */
static int64_t
collect_free(const int64_t *starts, int64_t from, const uint8_t *marks, int32_t steps, int64_t *picked, int64_t used,
			 int64_t free_count)
{
	int64_t		seen = 0;
	int64_t		taken = 0;

	for (int64_t i = 0; i < from; i++)
	{
		/* Windows are equally long: one that overlaps another holds an end of it. */
		if (marks[starts[i]] != 0 || marks[starts[i] + steps - 1] != 0)
			continue;
		seen++;
		if (picked != NULL && taken < used && seen == (taken + 1) * free_count / used)
			picked[taken++] = starts[i];
	}
	return seen;
}

RigStatus
rig_autoencoder_split_make(RigAutoencoderSplit *split, RigArena *arena, const int64_t *starts, int64_t count,
						   const RigAutoencoderOptions *options)
{
	int64_t		judging = (int64_t) ((double) count * options->validation_share + 0.5);
	int64_t		rows = 0;
	int64_t		from;
	int64_t		free_count;
	uint8_t    *marks;

	for (int64_t i = 0; i < count; i++)
	{
		if (starts[i] < 0)
			return RIG_INVALID_ARGUMENT;
		if (starts[i] + options->steps > rows)
			rows = starts[i] + options->steps;
	}
	if (count < 2)
		return RIG_INVALID_ARGUMENT;
	from = count - (judging < 1 ? 1 : judging);
	marks = mark_rows(arena, starts, from, count, rows, options->steps);
	if (marks == NULL)
		return RIG_OUT_OF_MEMORY;
	free_count = collect_free(starts, from, marks, options->steps, NULL, 0, 0);
	if (free_count < RIG_AUTOENCODER_LEAST_WINDOWS)
		return RIG_INVALID_ARGUMENT;

	split->training_count = limit_windows(free_count, count, options);
	if (split->training_count < RIG_AUTOENCODER_LEAST_WINDOWS)
		split->training_count = RIG_AUTOENCODER_LEAST_WINDOWS;
	split->validation_count = limit_windows(count - from, count, options);
	split->training = rig_arena_allocate(arena, (size_t) split->training_count * sizeof(int64_t));
	split->validation = pick_starts(arena, starts + from, count - from, split->validation_count);
	if (split->training == NULL || split->validation == NULL)
		return RIG_OUT_OF_MEMORY;
	collect_free(starts, from, marks, options->steps, split->training, split->training_count, free_count);
	return RIG_OK;
}
