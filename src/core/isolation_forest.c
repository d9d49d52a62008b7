#include "isolation_forest.h"

#include <math.h>
#include <stddef.h>

/* Descents side by side: rows through one tree in blocks, trees for a single row. */
#define LANES 16

/* The sum over all trees must fit an int32_t: no path is longer than 12 cuts + c(4096) < 16. */
_Static_assert((int64_t) RIG_FOREST_MAX_TREES * (RIG_FOREST_MAX_DEPTH + 16) * RIG_FOREST_UNIT <= INT32_MAX,
			   "path lengths of a forest overflow");

RigForestOptions
rig_forest_defaults(void)
{
	return (RigForestOptions) {.trees = RIG_FOREST_DEFAULT_TREES, .sample = RIG_FOREST_DEFAULT_SAMPLE};
}

/* Liu's form, with ln(n - 1) + Euler's constant for the harmonic number, as in scikit-learn. */
double
rig_forest_mean_path(int32_t n)
{
	if (n < 2)
		return 0.0;
	if (n == 2)
		return 1.0;
	return 2.0 * (log(n - 1.0) + 0.57721566490153286061) - 2.0 * (n - 1.0) / n;
}

int32_t
rig_forest_depth(int32_t sample)
{
	int32_t		depth = 0;

	while ((1 << depth) < sample)
		depth++;
	return depth;
}

int32_t
rig_forest_length(double cuts)
{
	return (int32_t) lround(cuts * RIG_FOREST_UNIT);
}

static bool
are_valid_sizes(int32_t features, int32_t trees, int32_t sample)
{
	return features >= 1 && features <= RIG_FOREST_MAX_FEATURES && trees >= RIG_FOREST_MIN_TREES
		&& trees <= RIG_FOREST_MAX_TREES && sample >= RIG_FOREST_MIN_SAMPLE && sample <= RIG_FOREST_MAX_SAMPLE;
}

RigStatus
rig_forest_allocate(RigForest *forest, RigArena *arena, int32_t features, int32_t trees, int32_t sample)
{
	size_t		nodes;
	size_t		leaves;

	if (!are_valid_sizes(features, trees, sample))
		return RIG_INVALID_ARGUMENT;
	*forest = (RigForest) {.features = features, .trees = trees, .depth = rig_forest_depth(sample), .sample = sample};
	nodes = (size_t) trees * (size_t) rig_forest_nodes(forest);
	leaves = (size_t) trees * (size_t) rig_forest_leaves(forest);
	forest->thresholds = rig_arena_allocate(arena, nodes * sizeof(float));
	forest->split_features = rig_arena_allocate(arena, nodes * sizeof(uint16_t));
	forest->leaves = rig_arena_allocate(arena, leaves * sizeof(int32_t));
	forest->expectations = rig_arena_allocate(arena, nodes * sizeof(int32_t));
	return forest->thresholds != NULL && forest->split_features != NULL && forest->leaves != NULL
		&& forest->expectations != NULL ? RIG_OK : RIG_OUT_OF_MEMORY;
}

/* Largest path length of a tree, in units. */
static int32_t
longest_path(const RigForest *forest)
{
	return forest->depth * RIG_FOREST_UNIT + rig_forest_length(rig_forest_mean_path(forest->sample));
}

static bool
check_lengths(const int32_t *lengths, int64_t count, int32_t longest)
{
	bool		good = true;

	for (int64_t i = 0; i < count; i++)
		good &= lengths[i] >= 0 && lengths[i] <= longest;
	return good;
}

bool
rig_forest_check(const RigForest *forest)
{
	int64_t		nodes;
	int64_t		leaves;
	bool		good = true;

	if (!are_valid_sizes(forest->features, forest->trees, forest->sample)
		|| forest->depth != rig_forest_depth(forest->sample))
		return false;
	nodes = (int64_t) forest->trees * rig_forest_nodes(forest);
	leaves = (int64_t) forest->trees * rig_forest_leaves(forest);
	for (int64_t i = 0; i < nodes; i++)
		good &= forest->thresholds[i] > -INFINITY && forest->split_features[i] < forest->features;
	return good && check_lengths(forest->leaves, leaves, longest_path(forest))
		&& check_lengths(forest->expectations, nodes, longest_path(forest));
}

/*
 * The sum of the leaves that lanes descents reach side by side: steps of one descent wait for
 * each other, those of different descents overlap. Lane i takes the row that starts i * row_step
 * values after the first, through the i * tree_step-th tree after the first. Nodes count
 * from 1 here, which saves an addition per step. Inlined with constant lanes and steps.
 */
static inline __attribute__((always_inline)) void
add_leaves(const RigForest *forest, int32_t first_tree, int32_t tree_step, const float *rows, int64_t row_step,
		   int lanes, int32_t *sums, int sum_step)
{
	uint32_t	size = (uint32_t) rig_forest_leaves(forest);
	size_t		nodes = size - 1;
	const float *thresholds = forest->thresholds + (size_t) first_tree * nodes;
	const uint16_t *split_features = forest->split_features + (size_t) first_tree * nodes;
	const int32_t *leaves = forest->leaves + (size_t) first_tree * size;
	size_t		place[LANES];

#pragma GCC unroll 32
	for (int i = 0; i < lanes; i++)
		place[i] = 1;
	for (int32_t level = 0; level < forest->depth; level++)
	{
#pragma GCC unroll 32
		for (int i = 0; i < lanes; i++)
		{
			size_t		node = (size_t) (i * tree_step) * nodes + place[i] - 1;
			float		value = rows[i * row_step + split_features[node]];

			place[i] = 2 * place[i] + !(value < thresholds[node]);
		}
	}
#pragma GCC unroll 32
	for (int i = 0; i < lanes; i++)
		sums[i * sum_step] += leaves[(size_t) (i * tree_step) * size + place[i] - size];
}

static int32_t
sum_row(const RigForest *forest, const float *row)
{
	int32_t		sum = 0;
	int32_t		tree = 0;

	for (; tree + LANES <= forest->trees; tree += LANES)
		add_leaves(forest, tree, 1, row, 0, LANES, &sum, 0);
	for (; tree < forest->trees; tree++)
		add_leaves(forest, tree, 1, row, 0, 1, &sum, 0);
	return sum;
}

static void
sum_block(const RigForest *forest, const float *rows, int64_t stride, int32_t *sums)
{
	for (int i = 0; i < LANES; i++)
		sums[i] = 0;
	for (int32_t tree = 0; tree < forest->trees; tree++)
		add_leaves(forest, tree, 0, rows, stride, LANES, sums, 1);
}

void
rig_forest_score(const RigForest *forest, const float *rows, int64_t stride, int64_t count, float *scores)
{
	double		factor = -1.0 / ((double) forest->trees * RIG_FOREST_UNIT * rig_forest_mean_path(forest->sample));
	int32_t		sums[LANES];
	int64_t		r = 0;

	for (; r + LANES <= count; r += LANES)
	{
		sum_block(forest, rows + r * stride, stride, sums);
		for (int i = 0; i < LANES; i++)
			scores[r + i] = (float) exp2(factor * sums[i]);
	}
	for (; r < count; r++)
		scores[r] = (float) exp2(factor * sum_row(forest, rows + r * stride));
}

void
rig_forest_contributions(const RigForest *forest, const float *row, float *contributions)
{
	int32_t		nodes = rig_forest_nodes(forest);
	float		unit = 1.0f / ((float) forest->trees * RIG_FOREST_UNIT);

	for (int32_t f = 0; f < forest->features; f++)
		contributions[f] = 0.0f;
	for (int32_t tree = 0; tree < forest->trees; tree++)
	{
		int64_t		first = (int64_t) tree * nodes;
		const int32_t *leaves = forest->leaves + (int64_t) tree * rig_forest_leaves(forest);
		int32_t		node = 0;

		while (node < nodes)
		{
			int32_t		feature = forest->split_features[first + node];
			int32_t		next = 2 * node + 1 + !(row[feature] < forest->thresholds[first + node]);
			int32_t		length = next < nodes ? forest->expectations[first + next] : leaves[next - nodes];

			contributions[feature] += (float) (forest->expectations[first + node] - length);
			node = next;
		}
	}
	for (int32_t f = 0; f < forest->features; f++)
		contributions[f] *= unit;
}
