#include "isolation_forest.h"

#include <math.h>
#include <stddef.h>

/* Descents side by side: rows through one tree in blocks, trees for a single row. */
#define LANES 16

/* Values of a row in a block, so that a lane is a constant distance; wider rows are scored singly. */
#define LANE_WIDTH (RIG_FOREST_MAX_FEATURES / LANES)

/* The key of minus infinity, which no value is below. */
#define LEAST_KEY UINT32_C(0x007fffff)

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
		good &= forest->thresholds[i] > LEAST_KEY && forest->thresholds[i] <= RIG_FOREST_NO_CUT
			&& forest->split_features[i] < forest->features;
	return good && check_lengths(forest->leaves, leaves, longest_path(forest))
		&& check_lengths(forest->expectations, nodes, longest_path(forest));
}

static void
make_keys(const float *row, int32_t features, uint32_t *keys)
{
	for (int32_t f = 0; f < features; f++)
		keys[f] = rig_forest_key(row[f]);
}

/*
 * Adds the leaves that LANES descents reach side by side: steps of one descent wait for each
 * other, those of different descents overlap. Lane i takes the row at keys + i * lane_width
 * through the i * tree_step-th tree after the first. Inlined with constant steps.
 */
static inline __attribute__((always_inline)) void
add_leaves(const RigForest *forest, int32_t first_tree, size_t tree_step, const uint32_t *keys, size_t lane_width,
		   int lanes, int32_t *sums)
{
	size_t		nodes = (size_t) rig_forest_nodes(forest);
	const uint32_t *thresholds = forest->thresholds + (size_t) first_tree * nodes;
	const uint16_t *split_features = forest->split_features + (size_t) first_tree * nodes;
	const int32_t *leaves = forest->leaves + (size_t) first_tree * (nodes + 1);
	size_t		node[LANES];

#pragma GCC unroll 16
	for (int i = 0; i < lanes; i++)
		node[i] = 0;
	for (int32_t level = 0; level < forest->depth; level++)
	{
#pragma GCC unroll 16
		for (int i = 0; i < lanes; i++)
		{
			size_t		at = (size_t) i * tree_step * nodes + node[i];
			uint32_t	key = keys[(size_t) i * lane_width + split_features[at]];

			node[i] = 2 * node[i] + 2 - (key < thresholds[at]);
		}
	}
#pragma GCC unroll 16
	for (int i = 0; i < lanes; i++)
		sums[i] += leaves[(size_t) i * tree_step * (nodes + 1) + node[i] - nodes];
}

static int32_t
sum_row(const RigForest *forest, const float *row, uint32_t *keys)
{
	int32_t		sums[LANES] = {0};
	int32_t		sum = 0;
	int32_t		tree = 0;

	make_keys(row, forest->features, keys);
	for (; tree + LANES <= forest->trees; tree += LANES)
		add_leaves(forest, tree, 1, keys, 0, LANES, sums);
	for (; tree < forest->trees; tree++)
		add_leaves(forest, tree, 1, keys, 0, 1, sums);
	for (int i = 0; i < LANES; i++)
		sum += sums[i];
	return sum;
}

static void
sum_block(const RigForest *forest, const float *rows, int64_t stride, uint32_t *keys, int32_t *sums)
{
	for (int i = 0; i < LANES; i++)
	{
		make_keys(rows + i * stride, forest->features, keys + i * LANE_WIDTH);
		sums[i] = 0;
	}
	for (int32_t tree = 0; tree < forest->trees; tree++)
		add_leaves(forest, tree, 0, keys, LANE_WIDTH, LANES, sums);
}

void
rig_forest_score(const RigForest *forest, const float *rows, int64_t stride, int64_t count, float *scores)
{
	double		factor = -1.0 / ((double) forest->trees * RIG_FOREST_UNIT * rig_forest_mean_path(forest->sample));
	uint32_t	keys[RIG_FOREST_MAX_FEATURES];
	int32_t		sums[LANES];
	int64_t		r = 0;

	for (; forest->features <= LANE_WIDTH && r + LANES <= count; r += LANES)
	{
		sum_block(forest, rows + r * stride, stride, keys, sums);
		for (int i = 0; i < LANES; i++)
			scores[r + i] = (float) exp2(factor * sums[i]);
	}
	for (; r < count; r++)
		scores[r] = (float) exp2(factor * sum_row(forest, rows + r * stride, keys));
}

void
rig_forest_contributions(const RigForest *forest, const float *row, float *contributions)
{
	uint32_t	keys[RIG_FOREST_MAX_FEATURES];
	int32_t		nodes = rig_forest_nodes(forest);
	float		unit = 1.0f / ((float) forest->trees * RIG_FOREST_UNIT);

	make_keys(row, forest->features, keys);
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
			int32_t		next = 2 * node + 1 + !(keys[feature] < forest->thresholds[first + node]);
			int32_t		length = next < nodes ? forest->expectations[first + next] : leaves[next - nodes];

			contributions[feature] += (float) (forest->expectations[first + node] - length);
			node = next;
		}
	}
	for (int32_t f = 0; f < forest->features; f++)
		contributions[f] *= unit;
}
