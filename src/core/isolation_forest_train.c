#include "isolation_forest.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel.h"
#include "random.h"

typedef struct TreeBuilder
{
	const float *rows;
	int32_t		features;
	RigRandom	random;
	int32_t    *candidates;		/* permutation of the features; those that may vary come first */
	int32_t		depth;
	const int32_t *leaf_lengths;	/* c(n) by the number of rows */
	uint32_t   *thresholds;		/* arrays of the tree that is being built */
	uint16_t   *split_features;
	int32_t    *leaves;
	int32_t    *expectations;
} TreeBuilder;

/* A node under construction. */
typedef struct Branch
{
	int32_t		level;
	int32_t		place;			/* within its level */
	int32_t    *members;		/* indexes of its rows */
	int32_t		count;
	int32_t		varying;		/* candidates that its parent could not rule out */
} Branch;

typedef struct Cut
{
	int32_t		feature;
	float		threshold;
} Cut;

static int32_t
count_missing(const float *row, int32_t features)
{
	int32_t		missing = 0;

	for (int32_t f = 0; f < features; f++)
		missing += !(fabsf(row[f]) <= FLT_MAX);
	return missing;
}

/* Lists the rows with enough values; returns their number. */
RIG_KERNEL static int32_t
list_usable_rows(const float *rows, int32_t row_count, int32_t features, int32_t *usable)
{
	int32_t		allowed = features * RIG_FOREST_MAX_MISSING / 100;
	int32_t		count = 0;

	for (int32_t r = 0; r < row_count; r++)
	{
		usable[count] = r;
		count += count_missing(rows + (int64_t) r * features, features) <= allowed;
	}
	return count;
}

/* Moves a random sample to the front: Fisher-Yates, of which any start permutation is as good. */
static void
draw_sample(RigRandom *random, int32_t *usable, int32_t count, int32_t sample)
{
	for (int32_t i = 0; i < sample; i++)
	{
		int32_t		chosen = i + (int32_t) rig_random_below(random, (uint32_t) (count - i));
		int32_t		row = usable[chosen];

		usable[chosen] = usable[i];
		usable[i] = row;
	}
}

/* False when the rows of the branch do not differ in the feature. */
static bool
find_range(const TreeBuilder *builder, const Branch *branch, int32_t feature, float *low, float *high)
{
	const float *column = builder->rows + feature;

	*low = INFINITY;
	*high = -INFINITY;
	for (int32_t i = 0; i < branch->count; i++)
	{
		float		value = column[(int64_t) branch->members[i] * builder->features];
		bool		present = fabsf(value) <= FLT_MAX;

		*low = present && value < *low ? value : *low;
		*high = present && value > *high ? value : *high;
	}
	return *low < *high;
}

/*
 * Uniform between low and high, such that low < threshold <= high and no side is empty. The
 * explicit fma rounds once on every platform, whether or not its compiler would fuse.
 */
static float
draw_threshold(RigRandom *random, float low, float high)
{
	float		threshold = (float) fma(rig_random_uniform(random), (double) high - (double) low, (double) low);

	return threshold > low ? threshold : nextafterf(low, INFINITY);
}

/*
 * Draws features until one varies. Those that do not are moved behind the candidates, for this
 * branch and all below: they cannot vary in a part of it.
 */
static bool
choose_cut(TreeBuilder *builder, Branch *branch, Cut *cut)
{
	while (branch->varying > 0)
	{
		int32_t    *candidates = builder->candidates;
		int32_t		chosen = (int32_t) rig_random_below(&builder->random, (uint32_t) branch->varying);
		int32_t		feature = candidates[chosen];
		float		low;
		float		high;

		if (find_range(builder, branch, feature, &low, &high))
		{
			cut->feature = feature;
			cut->threshold = draw_threshold(&builder->random, low, high);
			return true;
		}
		branch->varying--;
		candidates[chosen] = candidates[branch->varying];
		candidates[branch->varying] = feature;
	}
	return false;
}

/* Moves the rows that go left to the front; returns their number. */
static int32_t
partition_members(const TreeBuilder *builder, const Branch *branch, const Cut *cut)
{
	const float *column = builder->rows + cut->feature;
	int32_t		left = 0;

	for (int32_t i = 0; i < branch->count; i++)
	{
		int32_t		row = branch->members[i];

		branch->members[i] = branch->members[left];
		branch->members[left] = row;
		left += column[(int64_t) row * builder->features] < cut->threshold;
	}
	return left;
}

/* Ends the branch: everything below it, down to full depth, has the same path length. */
static int32_t
close_branch(TreeBuilder *builder, const Branch *branch)
{
	int32_t		length = branch->level * RIG_FOREST_UNIT + builder->leaf_lengths[branch->count];

	for (int32_t level = branch->level; level <= builder->depth; level++)
	{
		int32_t		below = level - branch->level;
		int32_t		first = branch->place << below;
		int32_t    *lengths = level == builder->depth ? builder->leaves : builder->expectations + (1 << level) - 1;

		for (int32_t i = 0; i < 1 << below; i++)
			lengths[first + i] = length;
	}
	return length;
}

/* Builds a node with all below it; returns the expected path length of its rows. */
static int32_t
build_branch(TreeBuilder *builder, Branch branch)
{
	int32_t		node = (1 << branch.level) - 1 + branch.place;
	Branch		left = branch;
	Branch		right;
	Cut			cut;
	int64_t		total;

	if (branch.count < 2 || branch.level == builder->depth || !choose_cut(builder, &branch, &cut))
		return close_branch(builder, &branch);
	builder->thresholds[node] = rig_forest_key(cut.threshold);
	builder->split_features[node] = (uint16_t) cut.feature;

	left.level = branch.level + 1;
	left.place = branch.place * 2;
	left.count = partition_members(builder, &branch, &cut);
	left.varying = branch.varying;
	right = left;
	right.place = left.place + 1;
	right.members = branch.members + left.count;
	right.count = branch.count - left.count;
	total = (int64_t) left.count * build_branch(builder, left);
	total += (int64_t) right.count * build_branch(builder, right);
	builder->expectations[node] = (int32_t) ((total + branch.count / 2) / branch.count);
	return builder->expectations[node];
}

static void
build_tree(TreeBuilder *builder, RigForest *forest, int32_t tree, int32_t *members)
{
	int32_t		nodes = rig_forest_nodes(forest);
	int64_t		first = (int64_t) tree * nodes;
	Branch		root = {.members = members, .count = forest->sample, .varying = forest->features};

	builder->thresholds = forest->thresholds + first;
	builder->split_features = forest->split_features + first;
	builder->expectations = forest->expectations + first;
	builder->leaves = forest->leaves + (int64_t) tree * rig_forest_leaves(forest);
	memset(builder->split_features, 0, (size_t) nodes * sizeof(uint16_t));
	for (int32_t i = 0; i < nodes; i++)
		builder->thresholds[i] = RIG_FOREST_NO_CUT;
	build_branch(builder, root);
}

/* The builder's own arrays; false when out of memory. */
static bool
prepare_builder(TreeBuilder *builder, RigArena *scratch, int32_t sample)
{
	int32_t    *lengths = rig_arena_allocate(scratch, ((size_t) sample + 1) * sizeof(int32_t));

	builder->candidates = rig_arena_allocate(scratch, (size_t) builder->features * sizeof(int32_t));
	if (lengths == NULL || builder->candidates == NULL)
		return false;
	for (int32_t n = 0; n <= sample; n++)
		lengths[n] = rig_forest_length(rig_forest_mean_path(n));
	for (int32_t f = 0; f < builder->features; f++)
		builder->candidates[f] = f;
	builder->leaf_lengths = lengths;
	return true;
}

RigStatus
rig_forest_train(RigForest *forest, RigArena *arena, RigArena *scratch, const float *rows, int64_t row_count,
				 int32_t features, const RigForestOptions *options, uint64_t seed, const RigProgress *progress)
{
	TreeBuilder builder = {.rows = rows, .features = features};
	int32_t    *usable;
	int32_t		count;
	RigStatus	status;

	if (row_count > INT32_MAX)
		return RIG_LIMIT_EXCEEDED;
	if (row_count < 2 || options->sample < RIG_FOREST_MIN_SAMPLE || options->sample > RIG_FOREST_MAX_SAMPLE)
		return RIG_INVALID_ARGUMENT;
	usable = rig_arena_allocate(scratch, (size_t) row_count * sizeof(int32_t));
	if (usable == NULL)
		return RIG_OUT_OF_MEMORY;
	count = list_usable_rows(rows, (int32_t) row_count, features, usable);
	status = rig_forest_allocate(forest, arena, features, options->trees,
								 count < options->sample ? count : options->sample);
	if (status != RIG_OK)
		return status;
	if (!prepare_builder(&builder, scratch, forest->sample))
		return RIG_OUT_OF_MEMORY;
	builder.depth = forest->depth;
	for (int32_t tree = 0; tree < forest->trees; tree++)
	{
		if (!rig_proceed(progress, (double) tree / forest->trees))
			return RIG_INTERRUPTED;
		rig_random_seed_stream(&builder.random, seed, (uint64_t) tree);
		draw_sample(&builder.random, usable, count, forest->sample);
		build_tree(&builder, forest, tree, usable);
	}
	return RIG_OK;
}
