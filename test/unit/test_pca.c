#include <math.h>
#include <string.h>

#include "../ref/pca_reference.h"
#include "pca.h"
#include "random.h"
#include "symmetric_eigen.h"
#include "tap.h"

#define MOST_SIZE 256

static RigArena arena;
static RigArena scratch;

static bool
is_near(double value, double expected, double tolerance)
{
	if (fabs(value - expected) <= tolerance * fmax(fabs(expected), 1e-300))
		return true;
	tap_note("%.17g instead of %.17g", value, expected);
	return false;
}

/* Largest difference of V' diag(values) V from the matrix and of V V' from 1; rows of vectors are V. */
static double
eigen_error(const double *matrix, const double *vectors, const double *values, int size)
{
	double		worst = 0;

	for (int i = 0; i < size; i++)
		for (int j = 0; j < size; j++)
		{
			double		product = 0;
			double		rebuilt = 0;

			for (int k = 0; k < size; k++)
			{
				product += vectors[i * size + k] * vectors[j * size + k];
				rebuilt += vectors[k * size + i] * values[k] * vectors[k * size + j];
			}
			worst = fmax(worst, fmax(fabs(product - (i == j)), fabs(rebuilt - matrix[i * size + j])));
		}
	return worst;
}

static void
check_eigen(const double *matrix, int size, const char *what)
{
	static double vectors[MOST_SIZE * MOST_SIZE];
	double		values[MOST_SIZE];
	double		largest = 1;
	bool		descending = true;

	memcpy(vectors, matrix, (size_t) size * (size_t) size * sizeof(double));
	for (int i = 0; i < size * size; i++)
		largest = fmax(largest, fabs(matrix[i]));
	if (tap_ok(rig_symmetric_eigen(vectors, size, values, &scratch) == RIG_OK, "eigenvalues: %s", what))
	{
		double		error = eigen_error(matrix, vectors, values, size);

		for (int i = 1; i < size; i++)
			descending = descending && values[i] <= values[i - 1];
		tap_ok(error < 1e-12 * largest * size && descending, "eigenvectors: %s, error %.1e", what, error);
	}
	rig_arena_reset(&scratch);
}

static void
test_eigen(RigRandom *random)
{
	static const int sizes[] = {1, 2, 3, 4, 5, 17, 60, 130};
	static double matrix[MOST_SIZE * MOST_SIZE];
	double		values[3];

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		char		what[64];
		int			size = sizes[s];

		for (int i = 0; i < size; i++)
			for (int j = 0; j <= i; j++)
				matrix[i * size + j] = matrix[j * size + i] = rig_random_normal(random);
		snprintf(what, sizeof(what), "random, %d x %d", size, size);
		check_eigen(matrix, size, what);
	}
	memset(matrix, 0, sizeof(matrix));
	check_eigen(matrix, 20, "nothing but 0");
	for (int i = 0; i < 20; i++)
		matrix[i * 21] = i < 10 ? 3 : -1e-9;
	check_eigen(matrix, 20, "diagonal, repeated");
	for (int i = 0; i < 400; i++)
		matrix[i] = 1;
	check_eigen(matrix, 20, "rank 1");
	for (int i = 0; i < 20; i++)
		for (int j = 0; j < 20; j++)
			matrix[i * 20 + j] = pow(10, -(i + j));
	check_eigen(matrix, 20, "over forty orders of magnitude");
	matrix[5] = NAN;
	tap_ok(rig_symmetric_eigen(matrix, 3, values, &scratch) == RIG_INVALID_ARGUMENT, "NaN has no eigenvalues");
	tap_ok(rig_symmetric_eigen(matrix, 0, values, &scratch) == RIG_INVALID_ARGUMENT, "neither has a matrix of nothing");
}

static void
check_reference(const char *what, int32_t dimensions, int64_t count, int32_t computed, int32_t components,
				const double *variances, const double *t2, const double *q)
{
	RigPcaBasis basis;
	bool		same_variances = true;
	bool		same_distances = true;
	double		trace = 0;

	if (!tap_ok(rig_pca_decompose(&basis, &arena, &scratch, reference_rows, REFERENCE_FEATURES, NULL, count, dimensions,
								  computed, NULL) == RIG_OK && basis.components == computed, "%s are decomposed", what))
		return;
	for (int32_t k = 0; k < computed; k++)
	{
		same_variances = is_near(basis.variances[k], variances[k], 1e-9) && same_variances;
		trace += basis.variances[k];
	}
	for (int i = 0; i < REFERENCE_SCORED; i++)
	{
		double		value[2];

		rig_pca_basis_score(&basis, components, reference_rows + i * REFERENCE_FEATURES, &value[0], &value[1]);
		same_distances = is_near(value[0], t2[i], 1e-9) && is_near(value[1], q[i], 1e-9) && same_distances;
	}
	tap_ok(same_variances, "%s: variances of the components are NumPy's", what);
	tap_ok(same_distances, "%s: T2 and Q are NumPy's", what);
	if (computed == dimensions)
		tap_ok(is_near(basis.total_variance, trace, 1e-12), "%s: variances add up to the total", what);
	rig_arena_reset(&scratch);
}

static void
test_reference(void)
{
	check_reference("rows", REFERENCE_FEATURES, REFERENCE_ROWS, REFERENCE_FEATURES, REFERENCE_ROW_COMPONENTS,
					reference_row_variances, reference_row_t2, reference_row_q);
	check_reference("windows", REFERENCE_FEATURES * REFERENCE_WINDOW, REFERENCE_ROWS - REFERENCE_WINDOW + 1,
					REFERENCE_WINDOW_COMPONENTS, REFERENCE_WINDOW_COMPONENTS,
					reference_window_variances, reference_window_t2, reference_window_q);
}

/* The scores in float against those in double, for every shape of remainder. */
static void
test_scores(RigRandom *random)
{
	enum
	{
		COUNT = 700,
		WIDEST = 70
	};
	static float rows[COUNT * WIDEST];
	bool		near = true;
	bool		consistent = true;
	bool		same = true;

	for (int32_t dimensions = 1; dimensions <= WIDEST; dimensions += dimensions < 20 ? 1 : 7)
		for (int32_t components = 1; components <= 9 && (components < dimensions || components == 1); components += 2)
		{
			RigPcaBasis basis;
			RigPca		pca;
			RigPcaOptions options = rig_pca_defaults();
			float		t2[20];
			float		q[20];
			float		residuals[20 * WIDEST];

			options.components = components;
			for (int i = 0; i < COUNT * dimensions; i++)
				rows[i] = (float) rig_random_normal(random) + (i % dimensions < 3 ? (float) (i % 11) : 0);
			if (rig_pca_decompose(&basis, &arena, &scratch, rows, dimensions, NULL, COUNT, dimensions, components,
								  NULL) != RIG_OK ||
				rig_pca_fit(&pca, &arena, &scratch, rows, dimensions, NULL, COUNT, dimensions, &options, NULL) !=
					RIG_OK ||
				pca.components != components)
			{
				near = false;
				continue;
			}
			rig_pca_score_rows(&pca, rows, dimensions, 20, t2, q, residuals);
			for (int i = 0; i < 20; i++)
			{
				double		expected[2];
				float		score[3];
				float		residual[WIDEST];
				double		squares = 0;
				double		magnitudes = 0;

				rig_pca_basis_score(&basis, components, rows + i * dimensions, &expected[0], &expected[1]);
				rig_pca_score(&pca, rows + i * dimensions, &score[0], &score[1], &score[2], residual);
				for (int32_t d = 0; d < dimensions; d++)
				{
					squares += (double) residual[d] * residual[d];
					magnitudes += fabs((double) residual[d]) / dimensions;
				}
				near = near && fabs(score[0] - expected[0]) < 1e-4 * (1 + expected[0])
					&& fabs(score[1] - expected[1]) < 1e-4 * (1 + expected[1]);
				consistent = consistent && fabs(score[1] - squares) <= 1e-5 * squares
					&& fabs(score[2] - magnitudes) <= 1e-5 * magnitudes;
				same = same && score[0] == t2[i] && score[1] == q[i]
					&& memcmp(residual, residuals + i * dimensions, (size_t) dimensions * sizeof(float)) == 0;
				rig_pca_score(&pca, rows + i * dimensions, NULL, &score[1], NULL, NULL);
				same = same && score[1] == q[i];
			}
			rig_arena_reset(&arena);
			rig_arena_reset(&scratch);
		}
	tap_ok(near, "scores in single precision are those in double precision");
	tap_ok(consistent, "Q is the sum of the squares of the residual, and the other its mean magnitude");
	tap_ok(same, "a row has the same score alone and among others");
}

/* Rows of independent factors of falling strength seen by all features, with noise. */
static void
make_factors(RigRandom *random, float *rows, int count, int features, int factors)
{
	double		mixing[8][64];

	for (int k = 0; k < factors; k++)
		for (int f = 0; f < features; f++)
			mixing[k][f] = rig_random_normal(random);
	for (int i = 0; i < count; i++)
	{
		double		strength[8];

		for (int k = 0; k < factors; k++)
			strength[k] = rig_random_normal(random);
		for (int f = 0; f < features; f++)
		{
			double		value = 0.5 * rig_random_normal(random);

			for (int k = 0; k < factors; k++)
				value += strength[k] * mixing[k][f];
			rows[i * features + f] = (float) value;
		}
	}
}

static int32_t
components_by(RigPcaRule rule, double share, const float *rows, int count, int features)
{
	RigPcaOptions options = rig_pca_defaults();
	RigPca		pca = {0};

	options.rule = rule;
	options.variance_share = share;
	rig_pca_fit(&pca, &arena, &scratch, rows, features, NULL, count, features, &options, NULL);
	rig_arena_reset(&scratch);
	return pca.components;
}

static void
test_rules(RigRandom *random)
{
	enum
	{
		COUNT = 2000,
		FEATURES = 56,
		FACTORS = 6
	};
	static float rows[COUNT * FEATURES];
	static float blank[COUNT * 4];

	make_factors(random, rows, COUNT, FEATURES, FACTORS);
	tap_ok(components_by(RIG_PCA_NOISE, 0.85, rows, COUNT, FEATURES) == FACTORS, "what exceeds noise is as many as the factors");
	tap_ok(components_by(RIG_PCA_GAP, 0.85, rows, COUNT, FEATURES) == FACTORS, "so is what stands before the gap");
	tap_ok(components_by(RIG_PCA_SHARE, 0.999, rows, COUNT, FEATURES) > FACTORS, "almost all of the variance takes more");
	tap_ok(components_by(RIG_PCA_SHARE, 0.01, rows, COUNT, FEATURES) == 1, "a little of it takes one");
	tap_ok(components_by(RIG_PCA_SHARE, 1, rows, COUNT, 3) == 2, "something is left for the residual");
	for (int i = 0; i < COUNT; i++)
	{
		blank[i * 4] = (float) rig_random_normal(random);
		blank[i * 4 + 2] = blank[i * 4];
	}
	tap_ok(components_by(RIG_PCA_NOISE, 0.85, blank, COUNT, 4) == 1, "features that never move take no part");
}

static bool
refuse_at(void *context, double fraction)
{
	int		   *calls = context;

	return fraction >= 0 && fraction <= 1 && --*calls > 0;
}

static void
test_limits(void)
{
	enum
	{
		ROWS = 400,
		FEATURES = 300
	};
	static float rows[ROWS * FEATURES];
	RigPcaBasis basis;
	RigPca		pca;
	RigPcaOptions options = rig_pca_defaults();
	RigProgress progress = {.proceed = refuse_at};
	int			calls = 2;
	RigRandom	random;

	rig_random_seed(&random, 7);
	for (int i = 0; i < ROWS * FEATURES; i++)
		rows[i] = (float) rig_random_normal(&random);
	progress.context = &calls;
	tap_ok(rig_pca_decompose(&basis, &arena, &scratch, rows, 9, NULL, ROWS, 9, 3, &progress) == RIG_INTERRUPTED,
		   "rows: ends when progress says so");
	calls = 2;
	tap_ok(rig_pca_decompose(&basis, &arena, &scratch, rows, FEATURES, NULL, ROWS, FEATURES, 3, &progress) ==
			   RIG_INTERRUPTED,
		   "windows: ends when progress says so");
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 1, 9, NULL, NULL) == RIG_INVALID_ARGUMENT, "one sample is too few");
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 2, 9, NULL, NULL) == RIG_OK && pca.components == 1, "two give one component");
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 0, NULL, NULL) == RIG_INVALID_ARGUMENT, "no dimension is too few");
	options.variance_share = 1.5;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 9, &options, NULL) == RIG_INVALID_ARGUMENT, "more than all of the variance is refused");
	options = rig_pca_defaults();
	options.max_components = RIG_PCA_MAX_COMPONENTS + 1;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 9, &options, NULL) == RIG_INVALID_ARGUMENT, "so are too many components");
	options = rig_pca_defaults();
	options.components = RIG_PCA_MAX_COMPONENTS + 1;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 9, &options, NULL) == RIG_INVALID_ARGUMENT, "also when they are asked for");
	rows[30] = NAN;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 9, NULL, NULL) == RIG_INVALID_ARGUMENT, "NaN is refused");
	rows[30] = INFINITY;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 20, 9, NULL, NULL) == RIG_INVALID_ARGUMENT, "infinity is refused");
	for (int i = 0; i < ROWS * FEATURES; i++)
		rows[i] = 0.1f;
	tap_ok(rig_pca_fit(&pca, &arena, &scratch, rows, 9, NULL, 300, 9, NULL, NULL) == RIG_INVALID_ARGUMENT, "rows that never vary are refused");
	rig_arena_reset(&scratch);
}

/* Windows of few independent directions: fewer components than are asked for, and a subspace that repeats. */
static void
test_windows(RigRandom *random)
{
	enum
	{
		COUNT = 300,
		FEATURES = 20,
		WINDOW = 20,
		DIMENSIONS = FEATURES * WINDOW
	};
	static float rows[(COUNT + WINDOW) * FEATURES];
	int64_t		starts[COUNT];
	RigPcaBasis basis;
	RigPcaBasis again;
	double		error = 0;

	memset(rows, 0, sizeof(rows));
	for (int i = 0; i < COUNT + WINDOW; i++)
		rows[i * FEATURES + 3] = i % 40 < 20 ? (float) (i % 40) : 1;
	for (int i = 0; i < COUNT; i++)
		starts[i] = COUNT - 1 - i;
	tap_ok(rig_pca_decompose(&basis, &arena, &scratch, rows, FEATURES, starts, COUNT, DIMENSIONS, 60, NULL) == RIG_OK
		   && basis.components <= WINDOW, "windows in which one feature moves have no more components than readings");
	rig_arena_reset(&scratch);
	for (int i = 0; i < (COUNT + WINDOW) * FEATURES; i++)
		rows[i] = (float) rig_random_normal(random);
	tap_ok(rig_pca_decompose(&basis, &arena, &scratch, rows, FEATURES, starts, COUNT, DIMENSIONS, 20, NULL) == RIG_OK
		   && basis.components == 20, "windows of nothing but noise are decomposed");
	rig_arena_reset(&scratch);
	rig_pca_decompose(&again, &arena, &scratch, rows, FEATURES, starts, COUNT, DIMENSIONS, 20, NULL);
	tap_ok(memcmp(basis.loadings, again.loadings, 20 * DIMENSIONS * sizeof(double)) == 0, "the same windows give the same components");
	for (int i = 0; i < 20; i++)
		for (int j = 0; j < 20; j++)
		{
			double		product = 0;

			for (int d = 0; d < DIMENSIONS; d++)
				product += basis.loadings[i * DIMENSIONS + d] * basis.loadings[j * DIMENSIONS + d];
			error = fmax(error, fabs(product - (i == j)));
		}
	tap_ok(error < 1e-12, "components are orthonormal, error %.1e", error);
	rig_arena_reset(&scratch);
}

/* An allocator that fails after a number of chunks. */
static void *
allocate_some(void *context, size_t size)
{
	int		   *left = context;

	return (*left)-- > 0 ? malloc(size) : NULL;
}

static void
release_some(void *context, void *chunk)
{
	(void) context;
	free(chunk);
}

static void
test_out_of_memory(void)
{
	int			left;
	RigAllocator allocator = {allocate_some, release_some, &left};
	RigStatus	status = RIG_OUT_OF_MEMORY;
	int			failures = 0;

	for (int most = 0; most < 100 && status == RIG_OUT_OF_MEMORY; most++)
	{
		RigArena	small;
		RigPca		pca;

		left = most;
		rig_arena_init(&small, allocator, 1024);
		status = rig_pca_fit(&pca, &small, &small, reference_rows, REFERENCE_FEATURES, NULL,
							 REFERENCE_ROWS - REFERENCE_WINDOW + 1, REFERENCE_FEATURES * REFERENCE_WINDOW, NULL, NULL);
		failures += status == RIG_OUT_OF_MEMORY;
		rig_arena_release(&small);
	}
	tap_ok(status == RIG_OK && failures > 5, "memory that runs out is reported wherever it does");
}

int
main(void)
{
	RigRandom	random;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	rig_arena_init(&scratch, rig_allocator_malloc(), 0);
	rig_random_seed(&random, tap_seed());
	test_eigen(&random);
	test_reference();
	test_scores(&random);
	test_rules(&random);
	test_windows(&random);
	test_limits();
	test_out_of_memory();
	rig_arena_release(&arena);
	rig_arena_release(&scratch);
	return tap_done();
}
