/*
 * Isolation forest: how few random cuts separate a row from the training rows.
 *
 * Method: Liu, Ting, Zhou, "Isolation-based anomaly detection" (2012): every tree cuts a
 * random sample along random features at random values until single rows, equal rows or the
 * depth of a balanced tree remain. The score of a row is 2^(-E[h] / c(sample)), h being the
 * number of cuts to its leaf plus c(rows in the leaf), and c(n) the mean of h in a random
 * tree over n rows: 0.5 is unremarkable, towards 1 a row stands alone.
 *
 * Trees are padded to full depth, so that a descent takes the same steps for every row and
 * has no branch to mispredict: in node i it goes to 2i + 1 when value < threshold, else, also
 * when the value is NaN, to 2i + 2. Below a leaf that came early all thresholds are infinite
 * and all leaves equal. Thresholds are kept as integers of the same order as the floats, whose
 * comparison is the faster one. Path lengths are integers in units of 2^-16, whose sum is exact
 * in any order: a row has one score, whatever processor, block or loop computed it.
 */
#ifndef RIG_ISOLATION_FOREST_H
#define RIG_ISOLATION_FOREST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "progress.h"
#include "status.h"

#define RIG_FOREST_MIN_TREES 1
#define RIG_FOREST_DEFAULT_TREES 100
#define RIG_FOREST_MAX_TREES 1000
#define RIG_FOREST_MIN_SAMPLE 2
#define RIG_FOREST_DEFAULT_SAMPLE 256
#define RIG_FOREST_MAX_SAMPLE 4096
#define RIG_FOREST_MAX_DEPTH 12
#define RIG_FOREST_MAX_FEATURES 4096

/* Path lengths are stored as multiples of 1 / RIG_FOREST_UNIT. */
#define RIG_FOREST_UNIT 65536

/* The key of an infinite threshold: no cut. */
#define RIG_FOREST_NO_CUT UINT32_C(0xff800000)

/* Training rows with a larger share of missing values are left out, in percent. */
#define RIG_FOREST_MAX_MISSING 30

typedef struct RigForestOptions
{
	int32_t		trees;
	int32_t		sample;			/* rows per tree; all rows when there are fewer */
} RigForestOptions;

/* Array sizes per tree: nodes = 2^depth - 1 in level order, leaves = 2^depth. */
typedef struct RigForest
{
	int32_t		features;
	int32_t		trees;
	int32_t		depth;			/* ceil(log2(sample)) */
	int32_t		sample;			/* rows that each tree was built on */
	uint32_t   *thresholds;		/* trees x nodes: the key of each */
	uint16_t   *split_features; /* trees x nodes; 0 in a node without a cut */
	int32_t    *leaves;			/* trees x leaves: path length */
	int32_t    *expectations;	/* trees x nodes: mean path length of the training rows in it */
} RigForest;

/* An integer with the order of the floats: -0 equals +0, and NaN is above everything. */
static inline uint32_t
rig_forest_key(float value)
{
	float		zero_made_positive = value + 0.0f;
	uint32_t	bits;

	memcpy(&bits, &zero_made_positive, sizeof(bits));
	bits ^= (bits >> 31) != 0 ? UINT32_C(0xffffffff) : UINT32_C(0x80000000);
	return value != value ? UINT32_C(0xffffffff) : bits;
}

extern RigForestOptions rig_forest_defaults(void);

/* c(n): mean number of cuts that isolate a row among n random ones; 0 for n < 2. */
extern double rig_forest_mean_path(int32_t n);

/* A path length of this many cuts as the trees store it. */
extern int32_t rig_forest_length(double cuts);

/* Depth of the trees over samples of this size. */
extern int32_t rig_forest_depth(int32_t sample);

static inline int32_t
rig_forest_nodes(const RigForest *forest)
{
	return (1 << forest->depth) - 1;
}

static inline int32_t
rig_forest_leaves(const RigForest *forest)
{
	return 1 << forest->depth;
}

/*
 * Sets the sizes and takes the arrays, with undefined content, from arena.
 * RIG_INVALID_ARGUMENT when a size is out of range.
 */
extern RigStatus rig_forest_allocate(RigForest *forest, RigArena *arena, int32_t features, int32_t trees,
									 int32_t sample);

/* Whether sizes and content are such that scoring is safe and scores lie in 0..1. */
extern bool rig_forest_check(const RigForest *forest);

/*
 * Trains on raw values, rows[r * features + f]; NaN and infinities are missing. Features that
 * do not vary among the rows of a node are not cut there. Each tree has its own numbers of the
 * seed, so the result is the same everywhere. RIG_INVALID_ARGUMENT for options out of range or
 * fewer than two usable rows; RIG_LIMIT_EXCEEDED over 2^31 - 1 rows. forest lives in arena,
 * scratch holds 4 bytes per row for the time of the call.
 */
extern RigStatus rig_forest_train(RigForest *forest, RigArena *arena, RigArena *scratch, const float *rows,
								  int64_t row_count, int32_t features, const RigForestOptions *options, uint64_t seed,
								  const RigProgress *progress);

/*
 * Scores count rows, of which each starts stride values after the one before. Blocks are much
 * faster per row than single rows.
 */
extern void rig_forest_score(const RigForest *forest, const float *rows, int64_t stride, int64_t count, float *scores);

/*
 * What each feature adds to the isolation of a row, in cuts: the fall of the expected path
 * length at the nodes that cut it, averaged over the trees. Positive values make the row more
 * anomalous, and their sum is the mean path length in training minus that of the row (after
 * Saabas, "Interpreting random forests", 2014). contributions has room for all features.
 */
extern void rig_forest_contributions(const RigForest *forest, const float *row, float *contributions);

#endif
