#include "training_rows.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "scoring.h"

RigDataset
rig_dataset_part(const RigDataset *data, int64_t first, int64_t last)
{
	RigDataset	part = {.features = data->features, .rows = last - first};

	part.values = data->values + first * data->features;
	part.times = data->times == NULL ? NULL : data->times + first;
	part.series = data->series + first;
	part.states = data->states == NULL ? NULL : data->states + first;
	return part;
}

static void
copy_rows(RigDataset *rest, const RigDataset *data, int64_t first, int64_t last, int32_t series_offset)
{
	size_t		features = (size_t) data->features;
	int64_t		count = last - first;

	memcpy(rest->values + rest->rows * features, data->values + first * features, count * features * sizeof(float));
	if (data->times != NULL)
		memcpy(rest->times + rest->rows, data->times + first, count * sizeof(int64_t));
	if (data->states != NULL)
		memcpy(rest->states + rest->rows, data->states + first, count * sizeof(int16_t));
	for (int64_t i = 0; i < count; i++)
		rest->series[rest->rows + i] = data->series[first + i] + series_offset;
	rest->rows += count;
}

RigStatus
rig_dataset_without(RigDataset *rest, RigArena *arena, const RigDataset *data, int64_t first, int64_t last)
{
	size_t		rows = (size_t) (data->rows - (last - first));

	*rest = (RigDataset) {.features = data->features};
	rest->values = rig_arena_allocate(arena, rows * (size_t) data->features * sizeof(float));
	rest->series = rig_arena_allocate(arena, rows * sizeof(int32_t));
	if (data->times != NULL)
		rest->times = rig_arena_allocate(arena, rows * sizeof(int64_t));
	if (data->states != NULL)
		rest->states = rig_arena_allocate(arena, rows * sizeof(int16_t));
	if (rest->values == NULL || rest->series == NULL || (data->times != NULL && rest->times == NULL) ||
		(data->states != NULL && rest->states == NULL))
		return RIG_OUT_OF_MEMORY;
	copy_rows(rest, data, 0, first, 0);
	copy_rows(rest, data, last, data->rows, 1);
	return RIG_OK;
}

/* Takes one row of the dataset; returns false when too much of it is missing. */
static bool
take_row(RigTrainingRows *rows, RigWindow *window, const RigDataset *data, int64_t row)
{
	size_t		features = (size_t) data->features;
	size_t		place = (size_t) rows->count * features;
	int64_t		time = data->times == NULL ? 0 : data->times[row];
	int16_t		state;
	float		z;

	state = rig_window_settle(window, data->states == NULL ? 0 : data->states[row]);
	if (rig_window_take(window, data->values + (size_t) row * features, time, rows->filled + place, &z) >
		RIG_SCORING_MOST_MISSING)
		return false;
	memcpy(rows->prepared + place, window->prepared + (size_t) (window->end - 1) * features, features * sizeof(float));
	rows->states[rows->count] = state;
	memcpy(rows->present + place, window->present + (size_t) (window->end - 1) * features, features);
	return true;
}

RigStatus
rig_training_rows_make(RigTrainingRows *rows, RigArena *arena, const RigDataset *data, const RigModel *model)
{
	RigModel	bare = *model;
	size_t		cells = (size_t) data->rows * (size_t) data->features;
	RigWindow  *window;

	/* What is not learnt yet takes no part: no projections are kept, and z counts nothing. */
	memset(bare.has, 0, sizeof(bare.has));
	bare.z_weight = rig_arena_allocate(arena, (size_t) data->features * sizeof(float));
	if (bare.z_weight == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(bare.z_weight, 0, (size_t) data->features * sizeof(float));
	window = rig_window_create(arena, &bare);
	*rows = (RigTrainingRows) {0};
	rows->filled = rig_arena_allocate(arena, cells * sizeof(float));
	rows->prepared = rig_arena_allocate(arena, cells * sizeof(float));
	rows->present = rig_arena_allocate(arena, cells);
	rows->states = rig_arena_allocate(arena, (size_t) data->rows * sizeof(int16_t));
	rows->window_starts = rig_arena_allocate(arena, (size_t) data->rows * sizeof(int64_t));
	if (window == NULL || rows->filled == NULL || rows->prepared == NULL || rows->present == NULL ||
		rows->states == NULL || rows->window_starts == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < data->rows; r++)
	{
		if (r > 0 && data->series[r] != data->series[r - 1])
			rig_window_clear(window);
		if (!take_row(rows, window, data, r))
			continue;
		rows->count++;
		if (window->end - window->first >= RIG_MODEL_WINDOW)
			rows->window_starts[rows->window_count++] = rows->count - RIG_MODEL_WINDOW;
	}
	return RIG_OK;
}

/* Smallest and largest value of a feature; NaN without any. */
static void
find_range(const RigDataset *data, size_t feature, float *low, float *high)
{
	*low = *high = NAN;
	for (int64_t r = 0; r < data->rows; r++)
	{
		*low = fminf(*low, data->values[(size_t) r * (size_t) data->features + feature]);
		*high = fmaxf(*high, data->values[(size_t) r * (size_t) data->features + feature]);
	}
}

static void
find_feature_rests(const RigDataset *data, size_t feature, float *rests)
{
	float		low;
	float		high;
	float		held = NAN;
	int64_t		run = 0;

	find_range(data, feature, &low, &high);
	rests[0] = rests[1] = NAN;
	for (int64_t r = 0; r < data->rows; r++)
	{
		float		value = data->values[(size_t) r * (size_t) data->features + feature];

		if (isnan(value))
			continue;
		run = value == held && data->series[r] == data->series[r > 0 ? r - 1 : 0] ? run + 1 : 1;
		held = value;
		if (run == RIG_REST_RUN)
			rests[value > low] = value == low || value == high ? value : INFINITY;
		if (isinf(rests[1]))
			return;
	}
}

float *
rig_training_find_rests(RigArena *arena, const RigDataset *data)
{
	size_t		features = (size_t) data->features;
	float	   *rests = rig_arena_allocate(arena, features * RIG_MODEL_RESTS * sizeof(float));

	for (size_t f = 0; rests != NULL && f < features; f++)
		find_feature_rests(data, f, rests + f * RIG_MODEL_RESTS);
	return rests;
}
