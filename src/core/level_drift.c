#include "level_drift.h"

#include <stddef.h>
#include <string.h>

RigLevelDrift
rig_drift_begin(RigArena *arena, int32_t columns, int64_t rows)
{
	RigLevelDrift drift = {.columns = columns, .rows = rows};
	size_t		count = (size_t) columns * (RIG_DRIFT_BLOCKS + 1);

	drift.sums = rig_arena_allocate(arena, count * sizeof(double));
	if (drift.sums == NULL)
		return drift;
	memset(drift.sums, 0, count * sizeof(double));
	drift.squares = drift.sums + (size_t) columns * RIG_DRIFT_BLOCKS;
	return drift;
}

void
rig_drift_add(RigLevelDrift *drift, const float *values)
{
	int64_t		block = drift->added * RIG_DRIFT_BLOCKS / drift->rows;
	double	   *sums = drift->sums + (size_t) block * (size_t) drift->columns;

	for (int32_t c = 0; c < drift->columns; c++)
	{
		sums[c] += (double) values[c];
		drift->squares[c] += (double) values[c] * (double) values[c];
	}
	drift->counts[block]++;
	drift->added++;
}

static double
block_mean(const RigLevelDrift *drift, int block, int32_t column)
{
	return drift->sums[(size_t) block * (size_t) drift->columns + (size_t) column] / (double) drift->counts[block];
}

bool
rig_drift_is_trend(const RigLevelDrift *drift, int32_t column)
{
	double		way = block_mean(drift, RIG_DRIFT_BLOCKS - 1, column) - block_mean(drift, 0, column);
	double		within = drift->squares[column];

	for (int b = 0; b < RIG_DRIFT_BLOCKS; b++)
	{
		double		mean = block_mean(drift, b, column);

		if (b > 0 && (mean - block_mean(drift, b - 1, column)) * way <= 0)
			return false;
		within -= (double) drift->counts[b] * mean * mean;
	}
	return way * way > RIG_DRIFT_TREND * RIG_DRIFT_TREND * within / (double) drift->added;
}

double
rig_drift_variance(const RigLevelDrift *drift, int32_t column)
{
	double		sum = 0;
	double		moved = 0;
	double		variance;
	double		chance;

	for (int b = 0; b < RIG_DRIFT_BLOCKS; b++)
		sum += drift->sums[(size_t) b * (size_t) drift->columns + (size_t) column];
	variance = drift->squares[column] / (double) drift->added -
		(sum / (double) drift->added) * (sum / (double) drift->added);
	variance = variance > 0 ? variance : 0;
	for (int b = 1; b < RIG_DRIFT_BLOCKS; b++)
	{
		double		step = block_mean(drift, b, column) - block_mean(drift, b - 1, column);

		moved += step * step / (RIG_DRIFT_BLOCKS - 1);
	}
	/* The means of blocks of white noise differ by this much. */
	chance = 2 * variance * RIG_DRIFT_BLOCKS / (double) drift->added;
	return variance + RIG_DRIFT_HORIZON * (moved > chance ? moved - chance : 0);
}
