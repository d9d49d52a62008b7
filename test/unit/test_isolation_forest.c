#include <float.h>
#include <math.h>
#include <string.h>

#include "../ref/forest_reference.h"
#include "isolation_forest.h"
#include "random.h"
#include "tap.h"

#define ROWS 1000
#define FEATURES 7

static RigArena arena;
static RigArena scratch;

static float *
make_rows(RigRandom *random, int64_t count, int32_t features)
{
	float	   *rows = rig_arena_allocate(&arena, (size_t) (count * features) * sizeof(float));

	for (int64_t i = 0; i < count * features; i++)
		rows[i] = (float) rig_random_normal(random);
	return rows;
}

static RigForest
train(const float *rows, int64_t count, int32_t features, int32_t trees, int32_t sample, uint64_t seed)
{
	RigForestOptions options = {.trees = trees, .sample = sample};
	RigForest	forest;

	if (rig_forest_train(&forest, &arena, &scratch, rows, count, features, &options, seed, NULL) != RIG_OK)
	{
		printf("Bail out! training failed\n");
		exit(EXIT_FAILURE);
	}
	rig_arena_reset(&scratch);
	return forest;
}

static bool
is_same_forest(const RigForest *left, const RigForest *right)
{
	size_t		nodes = (size_t) left->trees * (size_t) rig_forest_nodes(left);
	size_t		leaves = (size_t) left->trees * (size_t) rig_forest_leaves(left);

	return left->features == right->features && left->trees == right->trees && left->depth == right->depth
		&& left->sample == right->sample && memcmp(left->thresholds, right->thresholds, nodes * sizeof(uint32_t)) == 0
		&& memcmp(left->split_features, right->split_features, nodes * sizeof(uint16_t)) == 0
		&& memcmp(left->leaves, right->leaves, leaves * sizeof(int32_t)) == 0
		&& memcmp(left->expectations, right->expectations, nodes * sizeof(int32_t)) == 0;
}

/* The float whose key a node holds. */
static float
threshold_at(const RigForest *forest, int64_t at)
{
	uint32_t	key = forest->thresholds[at];
	uint32_t	bits = key >= UINT32_C(0x80000000) ? key - UINT32_C(0x80000000) : ~key;
	float		threshold;

	memcpy(&threshold, &bits, sizeof(threshold));
	return threshold;
}

/* The path length of a row in one tree, by the definition. */
static int32_t
descend(const RigForest *forest, int32_t tree, const float *row)
{
	int32_t		nodes = rig_forest_nodes(forest);
	int32_t		node = 0;

	while (node < nodes)
	{
		int32_t		at = tree * nodes + node;

		node = row[forest->split_features[at]] < threshold_at(forest, at) ? 2 * node + 1 : 2 * node + 2;
	}
	return forest->leaves[tree * rig_forest_leaves(forest) + node - nodes];
}

static float
score_by_definition(const RigForest *forest, const float *row)
{
	int32_t		sum = 0;

	for (int32_t tree = 0; tree < forest->trees; tree++)
		sum += descend(forest, tree, row);
	return (float) exp2(-1.0 / ((double) forest->trees * 65536 * rig_forest_mean_path(forest->sample)) * sum);
}

/* The smallest float above a threshold: value <= threshold exactly when value < result. */
static float
convert_threshold(double threshold)
{
	float		nearest = (float) threshold;

	return nearest <= threshold ? nextafterf(nearest, INFINITY) : nearest;
}

/*
 * Copies a node of the reference, counted within its tree, with all below it; a leaf above the
 * full depth is padded with itself. cuts is what led to it. Returns the mean path length.
 */
static int32_t
copy_node(RigForest *forest, int32_t tree, const ReferenceNode *nodes, int32_t node, int32_t level, int32_t place,
		  int32_t cuts)
{
	const ReferenceNode *source = &nodes[node];
	bool		is_leaf = source->left < 0;
	int32_t		children[2] = {is_leaf ? node : source->left, is_leaf ? node : source->right};
	int64_t		at = (int64_t) tree * rig_forest_nodes(forest) + (1 << level) - 1 + place;
	int64_t		total = 0;

	if (level == forest->depth)
	{
		int32_t		length = rig_forest_length(cuts + rig_forest_mean_path(source->rows));

		forest->leaves[tree * rig_forest_leaves(forest) + place] = length;
		return length;
	}
	forest->thresholds[at] = rig_forest_key(is_leaf ? INFINITY : convert_threshold(source->threshold));
	forest->split_features[at] = (uint16_t) source->feature;
	for (int side = 0; side < 2; side++)
		total += (int64_t) nodes[children[side]].rows
			* copy_node(forest, tree, nodes, children[side], level + 1, 2 * place + side, cuts + !is_leaf);
	forest->expectations[at] = (int32_t) (total / (nodes[children[0]].rows + nodes[children[1]].rows));
	return forest->expectations[at];
}

static int32_t
count_nodes(const ReferenceNode *nodes, int32_t node)
{
	const ReferenceNode *source = &nodes[node];

	return source->left < 0 ? 1 : 1 + count_nodes(nodes, source->left) + count_nodes(nodes, source->right);
}

static void
test_reference(const ReferenceForest *reference)
{
	const ReferenceNode *nodes = reference->nodes;
	RigForest	forest;
	float		scores[64];
	double		worst = 0;

	tap_ok(rig_forest_allocate(&forest, &arena, reference->features, reference->trees, reference->sample) == RIG_OK,
		   "%s: a forest of these sizes", reference->name);
	for (int32_t tree = 0; tree < forest.trees; tree++)
	{
		copy_node(&forest, tree, nodes, 0, 0, 0, 0);
		nodes += count_nodes(nodes, 0);
	}
	tap_ok(rig_forest_check(&forest), "%s: the trees of scikit-learn are valid", reference->name);
	rig_forest_score(&forest, reference->rows, forest.features, reference->row_count, scores);
	for (int32_t r = 0; r < reference->row_count; r++)
		worst = fmax(worst, fabs(scores[r] - reference->scores[r]));
	tap_ok(worst < 1e-6, "%s: scores equal those of scikit-learn, largest difference %.2g", reference->name, worst);
}

static void
test_mean_path(void)
{
	double		harmonic = 0;

	tap_ok(rig_forest_mean_path(0) == 0 && rig_forest_mean_path(1) == 0 && rig_forest_mean_path(2) == 1,
		   "a row alone needs no cut, two rows one");
	for (int i = 1; i < 256; i++)
		harmonic += 1.0 / i;
	tap_ok(fabs(rig_forest_mean_path(256) - (2 * harmonic - 2.0 * 255 / 256)) < 0.005,
		   "256 rows need %.4f cuts", rig_forest_mean_path(256));
	tap_ok(rig_forest_depth(2) == 1 && rig_forest_depth(3) == 2 && rig_forest_depth(256) == 8
		   && rig_forest_depth(257) == 9 && rig_forest_depth(RIG_FOREST_MAX_SAMPLE) == RIG_FOREST_MAX_DEPTH,
		   "depth is that of a balanced tree");
}

static void
test_key(RigRandom *random)
{
	static const float ascending[] = {
		-INFINITY, -FLT_MAX, -1.5f, -1.0f, -FLT_MIN, -1e-45f, 0.0f, 1e-45f, FLT_MIN, 1.0f, 1.5f, FLT_MAX, INFINITY, NAN
	};
	bool		ordered = true;

	for (size_t i = 1; i < sizeof(ascending) / sizeof(ascending[0]); i++)
		ordered = ordered && rig_forest_key(ascending[i - 1]) < rig_forest_key(ascending[i]);
	for (int i = 0; i < 100000; i++)
	{
		uint32_t	bits[2] = {(uint32_t) rig_random_next(random), (uint32_t) rig_random_next(random)};
		float		values[2];

		memcpy(values, bits, sizeof(bits));
		if (!isnan(values[0]) && !isnan(values[1]))
			ordered = ordered && (rig_forest_key(values[0]) < rig_forest_key(values[1])) == (values[0] < values[1]);
	}
	tap_ok(ordered, "keys have the order of the floats");
	tap_ok(rig_forest_key(-0.0f) == rig_forest_key(0.0f), "zero has one key");
	tap_ok(rig_forest_key(INFINITY) == RIG_FOREST_NO_CUT, "no cut is above every number");
}

/* Every way to score a row, against the definition, bit by bit. */
static bool
is_scored_alike(const RigForest *forest, const float *rows, int64_t stride)
{
	static float scores[ROWS];
	bool		same = true;

	for (int64_t count = 1; count <= ROWS; count = count < 40 ? count + 1 : count * 5)
	{
		rig_forest_score(forest, rows, stride, count, scores);
		for (int64_t r = 0; r < count; r++)
		{
			float		expected = score_by_definition(forest, rows + r * stride);

			same = same && memcmp(&scores[r], &expected, sizeof(float)) == 0;
		}
	}
	return same;
}

static void
test_paths(RigRandom *random)
{
	static const int32_t sizes[][2] = {{1, 2}, {7, 3}, {16, 32}, {33, 200}, {100, 256}, {20, 1000}};
	static const float special[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f, -0.0f};
	float	   *rows = make_rows(random, ROWS, FEATURES);
	float	   *scored = make_rows(random, ROWS + 1, FEATURES);

	for (int i = 0; i < ROWS; i++)
		scored[rig_random_below(random, ROWS * FEATURES)] = special[i % 7];
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		RigForest	forest = train(rows, ROWS, FEATURES, sizes[i][0], sizes[i][1], i);
		RigForest	narrow = train(rows, ROWS * FEATURES / 3, 3, sizes[i][0], sizes[i][1], i);

		tap_ok(rig_forest_check(&forest) && forest.sample == sizes[i][1], "%d trees over %d rows are valid",
			   sizes[i][0], sizes[i][1]);
		tap_ok(is_scored_alike(&forest, scored, FEATURES), "block, single row and definition give the same bits");
		tap_ok(is_scored_alike(&narrow, scored, FEATURES - 2), "also when rows lie apart");
	}
}

/* Rows too wide for a block are scored singly. */
static void
test_wide(RigRandom *random)
{
	static const int32_t widths[] = {256, 257, RIG_FOREST_MAX_FEATURES};
	RigForest	forest;

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
	{
		float	   *rows = make_rows(random, 40, widths[i]);
		float		scores[40];
		bool		same = true;

		forest = train(rows, 40, widths[i], 20, 32, i);
		rig_forest_score(&forest, rows, widths[i], 40, scores);
		for (int r = 0; r < 40; r++)
			same = same && scores[r] == score_by_definition(&forest, rows + (int64_t) r * widths[i]);
		tap_ok(same, "%d features give the same bits", widths[i]);
	}
	tap_ok(rig_forest_allocate(&forest, &arena, RIG_FOREST_MAX_FEATURES + 1, 10, 16) == RIG_INVALID_ARGUMENT,
		   "more features are refused");
}

/* Numbers that a change of algorithm or platform must not change. */
static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *) bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void
test_reproducible(void)
{
	RigRandom	random;
	float	   *rows;
	RigForest	forest;
	RigForest	again;
	RigForest	other;
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);

	rig_random_seed(&random, 1);
	rows = make_rows(&random, ROWS, FEATURES);
	forest = train(rows, ROWS, FEATURES, 20, 256, 42);
	again = train(rows, ROWS, FEATURES, 20, 256, 42);
	other = train(rows, ROWS, FEATURES, 20, 256, 43);
	tap_ok(is_same_forest(&forest, &again) && !is_same_forest(&forest, &other), "one seed gives one forest");
	for (int i = 0; i < 20 * 255; i++)
	{
		float		threshold = threshold_at(&forest, i);

		hash = hash_bytes(hash, &threshold, sizeof(float));
		hash = hash_bytes(hash, &forest.split_features[i], sizeof(uint16_t));
	}
	hash = hash_bytes(hash, forest.leaves, 20 * 256 * sizeof(int32_t));
	if (!tap_ok(hash == UINT64_C(0xbbbbedcbf0a6e888), "the forest of seed 42 is the same everywhere"))
		tap_note("hash %#" PRIx64, hash);
}

static void
test_uniform_line(void)
{
	static float rows[256];
	RigForest	forest;
	double		sum = 0;

	/*
	 * On evenly spaced values a cut falls between any two neighbours alike: the case c(n) is
	 * derived for. Its usual form is low for the few rows of a leaf, hence the tolerance.
	 */
	for (int i = 0; i < 256; i++)
		rows[i] = (float) i;
	forest = train(rows, 256, 1, 1000, 256, 5);
	for (int tree = 0; tree < forest.trees; tree++)
		sum += forest.expectations[tree * 255];
	sum /= 65536.0 * forest.trees;
	tap_ok(fabs(sum / rig_forest_mean_path(256) - 1) < 0.02, "evenly spaced rows need %.3f cuts, in theory %.3f", sum,
		   rig_forest_mean_path(256));
}

static bool
cuts_only(const RigForest *forest, uint32_t allowed)
{
	bool		good = true;

	for (int64_t i = 0; i < (int64_t) forest->trees * rig_forest_nodes(forest); i++)
		good = good && (forest->thresholds[i] == RIG_FOREST_NO_CUT || (allowed >> forest->split_features[i] & 1) != 0);
	return good;
}

static int32_t
count_cuts(const RigForest *forest)
{
	int32_t		count = 0;

	for (int64_t i = 0; i < (int64_t) forest->trees * rig_forest_nodes(forest); i++)
		count += forest->thresholds[i] < RIG_FOREST_NO_CUT;
	return count;
}

static void
test_constant(RigRandom *random)
{
	float	   *rows = make_rows(random, ROWS, FEATURES);
	float		row[FEATURES] = {0};
	RigForest	forest;
	RigForest	single;
	float		score;

	for (int r = 0; r < ROWS; r++)
	{
		rows[r * FEATURES + 1] = 3;
		rows[r * FEATURES + 2] = NAN;
		rows[r * FEATURES + 4] = r % 2 == 0 ? INFINITY : 5;
	}
	forest = train(rows, ROWS, FEATURES, 50, 256, 1);
	tap_ok(cuts_only(&forest, 1 << 0 | 1 << 3 | 1 << 5 | 1 << 6), "features that do not vary are never cut");
	for (int r = 0; r < ROWS; r++)
	{
		for (int f = 0; f < FEATURES; f++)
			rows[r * FEATURES + f] = f == 5 ? (float) r : 1;
	}
	single = train(rows, ROWS, FEATURES, 50, 256, 1);
	tap_ok(cuts_only(&single, 1 << 5) && count_cuts(&single) > 50 * 50,
		   "one varying feature among constant ones is found at every node");
	for (int r = 0; r < ROWS; r++)
		rows[r * FEATURES + 5] = 1;
	single = train(rows, ROWS, FEATURES, 50, 256, 1);
	rig_forest_score(&single, row, FEATURES, 1, &score);
	tap_ok(count_cuts(&single) == 0 && fabsf(score - 0.5f) < 1e-6f, "equal rows are not cut, and every score is 0.5");
}

static void
test_neighbouring_values(void)
{
	float		rows[64];
	RigForest	forest;
	bool		separates = true;

	for (int r = 0; r < 64; r++)
		rows[r] = r % 2 == 0 ? 1.0f : nextafterf(1.0f, 2.0f);
	forest = train(rows, 64, 1, 200, 2, 1);
	for (int tree = 0; tree < forest.trees; tree++)
		separates = separates
			&& (threshold_at(&forest, tree) == rows[1] || forest.thresholds[tree] == RIG_FOREST_NO_CUT);
	tap_ok(separates, "a cut separates neighbouring floats");

	for (int r = 0; r < 64; r++)
		rows[r] = r % 2 == 0 ? -FLT_MAX : FLT_MAX;
	forest = train(rows, 64, 1, 200, 2, 1);
	tap_ok(rig_forest_check(&forest) && count_cuts(&forest) > 50, "the whole range of floats can be cut");
}

static void
test_missing(RigRandom *random)
{
	enum
	{
		WIDE = 10
	};
	float	   *rows = make_rows(random, ROWS, WIDE);
	float	   *longer = rig_arena_allocate(&arena, 2 * ROWS * WIDE * sizeof(float));
	RigForest	forest;
	RigForest	with_bad;

	/* Three of ten values may be missing, four may not. */
	for (int r = 0; r < ROWS; r++)
	{
		for (int f = 0; f < r % 4; f++)
			rows[r * WIDE + (r + f) % WIDE] = NAN;
		memcpy(longer + (r * 2) * WIDE, rows + r * WIDE, WIDE * sizeof(float));
		for (int f = 0; f < WIDE; f++)
			longer[(r * 2 + 1) * WIDE + f] = f < 4 ? (f % 2 == 0 ? NAN : INFINITY) : 1e6f;
	}
	forest = train(rows, ROWS, WIDE, 20, 128, 9);
	with_bad = train(longer, 2 * ROWS, WIDE, 20, 128, 9);
	tap_ok(rig_forest_check(&forest) && count_cuts(&forest) > 20 * 20, "rows with some missing values train a forest");
	tap_ok(is_same_forest(&forest, &with_bad), "rows with more missing values are left out");
}

static void
test_few_rows(RigRandom *random)
{
	RigForestOptions options = rig_forest_defaults();
	float	   *rows = make_rows(random, 20, 4);
	RigForest	forest = train(rows, 20, 4, 10, 256, 1);
	RigForest	refused;
	RigStatus	status;

	tap_ok(forest.sample == 20 && forest.depth == 5 && rig_forest_check(&forest), "few rows are all taken");
	forest = train(rows, 2, 4, 10, 256, 1);
	tap_ok(forest.sample == 2 && forest.depth == 1 && is_scored_alike(&forest, make_rows(random, ROWS, 4), 4),
		   "two rows make a forest");
	status = rig_forest_train(&refused, &arena, &scratch, rows, 1, 4, &options, 1, NULL);
	tap_ok(status == RIG_INVALID_ARGUMENT, "one row is refused");
	for (int f = 0; f < 4; f++)
		rows[4 + f] = NAN;
	status = rig_forest_train(&refused, &arena, &scratch, rows, 2, 4, &options, 1, NULL);
	tap_ok(status == RIG_INVALID_ARGUMENT, "one usable row is refused");
	status = rig_forest_train(&refused, &arena, &scratch, rows, (int64_t) INT32_MAX + 1, 4, &options, 1, NULL);
	tap_ok(status == RIG_LIMIT_EXCEEDED, "too many rows are refused");
}

static void
test_options(RigRandom *random)
{
	static const RigForestOptions bad[] = {{0, 256}, {-1, 256}, {1001, 256}, {100, 1}, {100, -5}, {100, 4097}};
	float	   *rows = make_rows(random, 20, 4);
	RigForest	forest;
	bool		refused = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused = refused
			&& rig_forest_train(&forest, &arena, &scratch, rows, 20, 4, &bad[i], 1, NULL) == RIG_INVALID_ARGUMENT;
	tap_ok(refused, "options out of range are refused");
}

typedef struct Calls
{
	int			count;
	int			last;			/* the call that asks to end */
	double		fraction;
	bool		ascends;
} Calls;

static bool
count_call(void *context, double fraction)
{
	Calls	   *calls = context;

	calls->ascends = calls->ascends && fraction >= calls->fraction && fraction <= 1;
	calls->fraction = fraction;
	return ++calls->count < calls->last;
}

static void
test_progress(RigRandom *random)
{
	RigForestOptions options = {.trees = 30, .sample = 16};
	Calls		calls = {.last = 1000, .ascends = true};
	RigProgress progress = {count_call, &calls};
	float	   *rows = make_rows(random, 50, 4);
	RigForest	forest;
	RigStatus	status = rig_forest_train(&forest, &arena, &scratch, rows, 50, 4, &options, 1, &progress);

	tap_ok(status == RIG_OK && calls.count == 30 && calls.ascends, "progress is told once per tree");
	calls = (Calls) {.last = 3, .ascends = true};
	status = rig_forest_train(&forest, &arena, &scratch, rows, 50, 4, &options, 1, &progress);
	tap_ok(status == RIG_INTERRUPTED && calls.count == 3, "training ends when it is asked to");
}

static void
test_check(RigRandom *random)
{
	RigForest	forest = train(make_rows(random, 50, 4), 50, 4, 3, 16, 1);
	RigForest	bad = forest;
	int32_t		longest = 4 * RIG_FOREST_UNIT + rig_forest_length(rig_forest_mean_path(16));
	uint32_t	threshold = forest.thresholds[20];
	int32_t		leaf = forest.leaves[47];
	int32_t		expectation = forest.expectations[44];

	tap_ok(rig_forest_check(&forest), "a trained forest is valid");
	bad.depth = 5;
	tap_ok(!rig_forest_check(&bad), "a depth that is not that of the sample is not");
	bad = forest;
	bad.features = 0;
	tap_ok(!rig_forest_check(&bad), "nor no feature");
	bad = forest;
	bad.trees = RIG_FOREST_MAX_TREES + 1;
	tap_ok(!rig_forest_check(&bad), "nor too many trees");

	forest.thresholds[20] = rig_forest_key(NAN);
	tap_ok(!rig_forest_check(&forest), "nor a threshold that is no number");
	forest.thresholds[20] = rig_forest_key(-INFINITY);
	tap_ok(!rig_forest_check(&forest), "nor one that nothing is below");
	forest.thresholds[20] = threshold;
	forest.split_features[44] = 4;
	tap_ok(!rig_forest_check(&forest), "nor a feature that there is not");
	forest.split_features[44] = 3;
	forest.leaves[47] = longest + 1;
	tap_ok(!rig_forest_check(&forest), "nor a path too long");
	forest.leaves[47] = -1;
	tap_ok(!rig_forest_check(&forest), "nor a negative one");
	forest.leaves[47] = leaf;
	forest.expectations[44] = longest + 1;
	tap_ok(!rig_forest_check(&forest), "nor a mean of such");
	forest.expectations[44] = expectation;
	tap_ok(rig_forest_check(&forest), "and it is valid again");
}

static void
test_contributions(RigRandom *random)
{
	float	   *rows = make_rows(random, ROWS, FEATURES);
	RigForest	forest = train(rows, ROWS, FEATURES, 100, 256, 3);
	double		worst = 0;
	int			hits = 0;

	for (int r = 0; r < 100; r++)
	{
		float		contributions[FEATURES];
		float	   *row = rows + r * FEATURES;
		double		expected = 0;
		int			largest = 0;

		row[r % FEATURES] = r % 2 == 0 ? 12 : -12;
		rig_forest_contributions(&forest, row, contributions);
		for (int tree = 0; tree < forest.trees; tree++)
			expected += (forest.expectations[tree * 255] - descend(&forest, tree, row)) / 65536.0 / forest.trees;
		for (int f = 0; f < FEATURES; f++)
		{
			expected -= contributions[f];
			largest = contributions[f] > contributions[largest] ? f : largest;
		}
		worst = fmax(worst, fabs(expected));
		hits += largest == r % FEATURES;
	}
	tap_ok(worst < 1e-5, "contributions sum to what the path is shorter than expected, error %.2g", worst);
	tap_ok(hits >= 75, "the feature that is far out contributes most in %d of 100 rows", hits);
}

static void
test_quality(RigRandom *random)
{
	enum
	{
		NORMAL = 1000,
		ODD = 50,
		WIDTH = 5
	};
	float	   *rows = make_rows(random, NORMAL + ODD, WIDTH);
	float		scores[NORMAL + ODD];
	RigForest	forest;
	double		wins = 0;

	for (int i = NORMAL * WIDTH; i < (NORMAL + ODD) * WIDTH; i++)
		rows[i] *= 3;
	forest = train(rows, NORMAL + ODD, WIDTH, 100, 256, 1);
	rig_forest_score(&forest, rows, WIDTH, NORMAL + ODD, scores);
	for (int odd = NORMAL; odd < NORMAL + ODD; odd++)
	{
		for (int r = 0; r < NORMAL; r++)
			wins += scores[odd] > scores[r] ? 1 : scores[odd] == scores[r] ? 0.5 : 0;
	}
	wins /= NORMAL * ODD;
	tap_ok(wins > 0.9, "rows three times as spread stand out: area under the curve %.3f", wins);
}

int
main(void)
{
	RigRandom	random;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	rig_random_seed(&random, tap_seed());
	test_mean_path();
	test_key(&random);
	for (size_t i = 0; i < sizeof(reference_forests) / sizeof(reference_forests[0]); i++)
		test_reference(&reference_forests[i]);
	test_paths(&random);
	test_wide(&random);
	test_reproducible();
	test_uniform_line();
	test_constant(&random);
	test_neighbouring_values();
	test_missing(&random);
	test_few_rows(&random);
	test_options(&random);
	test_progress(&random);
	test_check(&random);
	test_contributions(&random);
	test_quality(&random);
	rig_arena_release(&arena);
	rig_arena_release(&scratch);
	return tap_done();
}
