#include <float.h>
#include <math.h>
#include <string.h>

#include "adam.h"
#include "autoencoder.h"
#include "autoencoder_network.h"
#include "autoencoder_train.h"
#include "random.h"
#include "tap.h"
#include "../ref/lstm_reference.h"

#define SEED 20260303

/* ---- Against PyTorch ---- */

typedef struct Reference
{
	RigArena	arena;
	RigAutoencoderPass pass;
	float		parameters[sizeof(reference_parameters) / sizeof(float)];
	float		gradient[sizeof(reference_parameters) / sizeof(float)];
} Reference;

/* The reference's windows and what they cost; missing cells are marked, not removed. */
static double
run_reference(Reference *reference, double *cells)
{
	RigAutoencoderPass *pass = &reference->pass;
	double		losses[REFERENCE_WINDOWS];
	double		counts[REFERENCE_WINDOWS];
	double		sum = 0;

	pass->windows = REFERENCE_WINDOWS;
	for (int w = 0; w < REFERENCE_WINDOWS; w++)
	{
		float		rows[REFERENCE_STEPS * REFERENCE_FEATURES];
		uint8_t		present[REFERENCE_STEPS * REFERENCE_FEATURES];

		for (int t = 0; t < REFERENCE_STEPS; t++)
		{
			int			from = (t * REFERENCE_WINDOWS + w) * REFERENCE_FEATURES;

			memcpy(rows + t * REFERENCE_FEATURES, reference_inputs + from, REFERENCE_FEATURES * sizeof(float));
			memcpy(present + t * REFERENCE_FEATURES, reference_counted + from, REFERENCE_FEATURES);
		}
		rig_autoencoder_pass_load(pass, w, rows, present);
	}
	rig_autoencoder_pass_forward(pass, reference->parameters);
	rig_autoencoder_pass_loss(pass, losses, counts);
	*cells = 0;
	for (int w = 0; w < REFERENCE_WINDOWS; w++)
	{
		sum += losses[w];
		*cells += counts[w];
	}
	return sum / *cells;
}

static void
test_reference_forward(Reference *reference)
{
	RigAutoencoderPass *pass = &reference->pass;
	double		worst = 0;
	double		cells;

	run_reference(reference, &cells);
	/* The loss has cut the errors: run again without it. */
	rig_autoencoder_pass_forward(pass, reference->parameters);
	for (int s = 0; s < REFERENCE_STEPS; s++)
	{
		int			step = REFERENCE_WINDOWS * REFERENCE_FEATURES;
		int			t = REFERENCE_STEPS - 1 - s;

		for (int i = 0; i < step; i++)
			worst = fmax(worst, fabs(pass->errors[s * step + i] + reference_inputs[t * step + i] -
									 reference_reconstruction[t * step + i]));
	}
	tap_ok(worst < 1e-5, "PyTorch: reconstruction, differs by %.1e", worst);
	tap_ok(fabs(run_reference(reference, &cells) - reference_losses[0]) < 1e-6, "PyTorch: loss");
}

/* Relative to the derivative, or to the tensor's root mean square where that is larger. */
static void
test_reference_gradient(Reference *reference)
{
	const RigTensorLayout *layout = &reference->pass.layout;
	double		cells;

	memset(reference->gradient, 0, sizeof(reference->gradient));
	rig_autoencoder_pass_transpose(&reference->pass, reference->parameters);
	run_reference(reference, &cells);
	rig_autoencoder_pass_backward(&reference->pass, reference->gradient);
	for (int which = 0; which < RIG_TENSORS; which++)
	{
		size_t		count = (size_t) (layout->rows[which] * layout->columns[which]);
		const float *expected = reference_gradient + layout->offsets[which];
		double		square = 0;
		double		worst = 0;

		for (size_t i = 0; i < count; i++)
			square += (double) expected[i] * expected[i] / (double) count;
		for (size_t i = 0; i < count; i++)
			worst = fmax(worst, fabs(reference->gradient[layout->offsets[which] + i] / cells - expected[i]) /
						 fmax(fabs(expected[i]), sqrt(square)));
		tap_ok(worst < 1e-4, "PyTorch: gradient of tensor %d, relative error %.1e", which, worst);
	}
}

static void
test_reference_adam(Reference *reference)
{
	RigAdam		adam;
	double		worst = 0;
	double		last = 0;

	if (rig_adam_create(&adam, &reference->arena, reference->pass.layout.count) != RIG_OK)
		exit(EXIT_FAILURE);
	for (int step = 0; step <= REFERENCE_ADAM_STEPS; step++)
	{
		double		cells;

		memset(reference->gradient, 0, sizeof(reference->gradient));
		rig_autoencoder_pass_transpose(&reference->pass, reference->parameters);
		last = run_reference(reference, &cells);
		worst = fmax(worst, fabs(last - reference_losses[step]));
		rig_autoencoder_pass_backward(&reference->pass, reference->gradient);
		rig_adam_step(&adam, reference->parameters, reference->gradient, 1 / cells, REFERENCE_RATE, REFERENCE_CLIP);
	}
	tap_ok(fabs(last - reference_losses[REFERENCE_ADAM_STEPS]) < 1e-3 && worst < 1e-3,
		   "PyTorch: losses of %d clipped Adam steps, differ by %.1e", REFERENCE_ADAM_STEPS, worst);
}

static void
test_reference(void)
{
	static Reference reference;

	rig_arena_init(&reference.arena, rig_allocator_malloc(), 0);
	if (rig_autoencoder_pass_create(&reference.pass, &reference.arena, REFERENCE_FEATURES, REFERENCE_HIDDEN,
									REFERENCE_STEPS, REFERENCE_WINDOWS) != RIG_OK)
		exit(EXIT_FAILURE);
	tap_ok(reference.pass.layout.count == sizeof(reference_parameters) / sizeof(float), "PyTorch: as many parameters");
	memcpy(reference.parameters, reference_parameters, sizeof(reference_parameters));
	test_reference_forward(&reference);
	test_reference_gradient(&reference);
	test_reference_adam(&reference);
	rig_arena_release(&reference.arena);
}

/* ---- Scoring ---- */

static void
fill_randomly(RigRandom *random, float *values, size_t count, double size)
{
	for (size_t i = 0; i < count; i++)
		values[i] = (float) (size * rig_random_normal(random));
}

/* A model with random weights; the first feature is left out. */
static RigAutoencoder
make_model(RigArena *arena, RigRandom *random, int32_t features, int32_t hidden, int32_t steps, int32_t score_steps)
{
	RigAutoencoder model;

	if (rig_autoencoder_create(&model, arena, features, hidden, steps, score_steps) != RIG_OK)
		exit(EXIT_FAILURE);
	fill_randomly(random, model.parameters, rig_autoencoder_parameter_count(features, hidden), 0.3);
	for (int32_t i = 1; i < features; i++)
		model.error_scale[i] = (float) (0.2 + rig_random_uniform(random));
	return model;
}

static double
logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/* One LSTM step by its definition, in double precision, with the product's layout of weights. */
static void
step_plainly(const float *input_weights, const float *weights, const float *bias, int inputs, int hidden,
			 const double *x, double *h, double *c)
{
	double		z[4 * 64];

	for (int j = 0; j < 4 * hidden; j++)
	{
		z[j] = bias[j];
		for (int k = 0; k < inputs; k++)
			z[j] += x[k] * input_weights[k * 4 * hidden + j];
		for (int k = 0; k < hidden; k++)
			z[j] += h[k] * weights[k * 4 * hidden + j];
	}
	for (int j = 0; j < hidden; j++)
	{
		c[j] = logistic(z[hidden + j]) * c[j] + logistic(z[j]) * tanh(z[2 * hidden + j]);
		h[j] = logistic(z[3 * hidden + j]) * tanh(c[j]);
	}
}

/* The score by its definition; rows without missing values. */
static double
score_plainly(const RigAutoencoder *model, const float *rows)
{
	int			features = model->features;
	int			hidden = model->hidden;
	const float *p[RIG_TENSORS];
	double		h[64] = {0};
	double		c[64] = {0};
	double		latent[64];
	double		means[64] = {0};
	double		sum = 0;
	RigTensorLayout layout = rig_autoencoder_layout(features, hidden);

	for (int i = 0; i < RIG_TENSORS; i++)
		p[i] = model->parameters + layout.offsets[i];
	for (int t = 0; t < model->steps; t++)
	{
		double		x[64];

		for (int i = 0; i < features; i++)
			x[i] = rows[t * features + i];
		step_plainly(p[RIG_ENCODER_INPUT], p[RIG_ENCODER_RECURRENT], p[RIG_ENCODER_BIAS], features, hidden, x, h, c);
	}
	memcpy(latent, h, sizeof(latent));
	memset(h, 0, sizeof(h));
	memset(c, 0, sizeof(c));
	for (int s = 0; s < model->score_steps; s++)
	{
		step_plainly(p[RIG_DECODER_LATENT], p[RIG_DECODER_RECURRENT], p[RIG_DECODER_BIAS], hidden, hidden, latent, h,
					 c);
		for (int i = 1; i < features; i++)
		{
			double		y = p[RIG_OUTPUT_BIAS][i];
			double		x = rows[(model->steps - 1 - s) * features + i];

			for (int k = 0; k < hidden; k++)
				y += h[k] * p[RIG_OUTPUT_WEIGHTS][k * features + i];
			means[i] += pow((y - x) / model->error_scale[i], 2) / model->score_steps;
		}
	}
	for (int i = 1; i < features; i++)
		sum += pow(means[i], RIG_AUTOENCODER_POWER);
	return log(pow(sum / (features - 1), 1.0 / RIG_AUTOENCODER_POWER));
}

/* Alone, with kept projections, in a block of neighbours and in a block of strangers. */
static void
test_scores(RigRandom *random, int32_t features, int32_t hidden, int32_t steps, int32_t score_steps)
{
	enum
	{
		COUNT = 37
	};
	RigArena	arena;
	RigAutoencoder model;
	int64_t		starts[COUNT];
	float		scores[COUNT];
	float		strangers[COUNT];
	int32_t		length = COUNT * steps;
	float	   *rows;
	float	   *projections;
	const float *window[RIG_AUTOENCODER_MAX_STEPS];
	void	   *scratch;
	void	   *batch_scratch;
	double		worst = 0;
	bool		same = true;
	bool		same_in_blocks = true;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	model = make_model(&arena, random, features, hidden, steps, score_steps);
	rows = rig_arena_allocate(&arena, (size_t) (length * features) * sizeof(float));
	projections = rig_arena_allocate(&arena, (size_t) (length * 4 * hidden) * sizeof(float));
	scratch = rig_arena_allocate(&arena, rig_autoencoder_scratch_size(&model));
	batch_scratch = rig_arena_allocate(&arena, rig_autoencoder_batch_scratch_size(&model));
	fill_randomly(random, rows, (size_t) (length * features), 1.5);
	for (int32_t r = 0; r < length; r++)
		rig_autoencoder_project(&model, rows + r * features, projections + r * 4 * hidden);
	for (int i = 0; i < COUNT; i++)
		starts[i] = i;
	rig_autoencoder_score_batch(&model, rows, features, starts, COUNT, NULL, batch_scratch, scores, NULL);
	for (int i = 0; i < COUNT; i++)
		starts[i] = (i % 2 == 0 ? i : COUNT - i) * (steps - 1);
	rig_autoencoder_score_batch(&model, rows, features, starts, COUNT, NULL, batch_scratch, strangers, NULL);
	for (int i = 0; i < COUNT; i++)
	{
		float		full = rig_autoencoder_score(&model, rows + i * features, NULL, NULL, scratch, NULL);
		float		stranger = rig_autoencoder_score(&model, rows + starts[i] * features, NULL, NULL, scratch, NULL);

		for (int t = 0; t < steps; t++)
			window[t] = projections + (i + t) * 4 * hidden;
		same = same && full == rig_autoencoder_score(&model, rows + i * features, window, NULL, scratch, NULL);
		same_in_blocks = same_in_blocks && fabsf(full - scores[i]) < 1e-5f && fabsf(stranger - strangers[i]) < 1e-5f;
		worst = fmax(worst, fabs(full - score_plainly(&model, rows + i * features)));
	}
	tap_ok(worst < 1e-4, "F=%d H=%d T=%d/%d: score by its definition, differs by %.1e", features, hidden, steps, score_steps, worst);
	tap_ok(same, "kept projections give the very same score");
	tap_ok(same_in_blocks, "blocks give the same scores");
	rig_arena_release(&arena);
}

/* What is missing is not scored, whatever the value in its place. */
static void
test_missing(RigRandom *random)
{
	enum
	{
		FEATURES = 6, STEPS = 8, CELLS = FEATURES * STEPS
	};
	RigArena	arena;
	RigAutoencoder model;
	float		rows[CELLS];
	float		filled[CELLS];
	float		written[CELLS];
	uint8_t		present[CELLS];
	float		errors[FEATURES];
	float		other_errors[FEATURES];
	float		score;
	void	   *scratch;
	bool		finite = true;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	model = make_model(&arena, random, FEATURES, 8, STEPS, 0);
	scratch = rig_arena_allocate(&arena, rig_autoencoder_scratch_size(&model));
	fill_randomly(random, rows, CELLS, 1);
	memset(present, 1, sizeof(present));
	for (int t = 0; t < STEPS; t++)
		rows[t * FEATURES + 2] = t % 3 == 0 ? NAN : t % 3 == 1 ? INFINITY : -FLT_MAX;
	rows[3] = NAN;
	present[7] = 0;
	score = rig_autoencoder_score(&model, rows, NULL, present, scratch, errors);
	for (int i = 0; i < FEATURES; i++)
		finite = finite && isfinite(errors[i]);
	tap_ok(isfinite(score) && finite, "missing values: finite score and errors");
	tap_ok(errors[0] == 0 && errors[2] == 0 && errors[1] > 0, "a feature that is missing or left out has no error");

	for (int i = 0; i < CELLS; i++)
	{
		filled[i] = fabsf(rows[i]) < 1e6f ? rows[i] : 0;
		if (filled[i] != rows[i])
			present[i] = 0;
	}
	tap_ok(rig_autoencoder_score(&model, filled, NULL, present, scratch, other_errors) == score &&
		   memcmp(errors, other_errors, sizeof(errors)) == 0, "a value that is not there is the same as a mark");
	rig_autoencoder_reconstruct(&model, rows, NULL, scratch, written);
	for (int i = 0; i < CELLS; i++)
		finite = finite && isfinite(written[i]);
	tap_ok(finite && fabsf(errors[1] * model.error_scale[1] * model.error_scale[1]) > 0, "a window with holes is written whole");

	memset(present, 0, sizeof(present));
	tap_ok(isnan(rig_autoencoder_score(&model, rows, NULL, present, scratch, errors)), "nothing to score: no score");
	rig_arena_release(&arena);
}

static void
test_check(RigRandom *random)
{
	RigArena	arena;
	RigAutoencoder model;
	RigAutoencoder other;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	model = make_model(&arena, random, 5, 4, 6, 3);
	tap_ok(rig_autoencoder_check(&model), "a model passes its check");
	model.parameters[17] = INFINITY;
	tap_ok(!rig_autoencoder_check(&model), "an infinite parameter does not");
	model.parameters[17] = 0;
	model.error_scale[2] = -1;
	tap_ok(!rig_autoencoder_check(&model), "nor a negative scale");
	model.error_scale[2] = 0;
	model.score_steps = 7;
	tap_ok(!rig_autoencoder_check(&model), "nor more scored rows than rows");
	tap_ok(rig_autoencoder_create(&other, &arena, 0, 4, 6, 3) == RIG_INVALID_ARGUMENT &&
		   rig_autoencoder_create(&other, &arena, 5, RIG_AUTOENCODER_MAX_HIDDEN + 1, 6, 3) == RIG_INVALID_ARGUMENT,
		   "sizes out of range are refused");
	rig_arena_release(&arena);
}

/* ---- Training ---- */

#define SINE_ROWS 1200
#define SINE_TRAINING 900
#define SINE_FEATURES 6

/* Sines of one period with phases of their own, little noise, and a feature that never moves. */
static void
make_sines(RigRandom *random, float *rows)
{
	for (int r = 0; r < SINE_ROWS; r++)
	{
		for (int f = 0; f < SINE_FEATURES - 1; f++)
			rows[r * SINE_FEATURES + f] = (float) (1.4 * sin(0.3 * r + f) + 0.1 * rig_random_normal(random));
		rows[r * SINE_FEATURES + SINE_FEATURES - 1] = 0;
	}
}

typedef struct Training
{
	RigArena	arena;
	RigArena	scratch;
	RigAutoencoder model;
	RigAutoencoderOptions options;
	RigAutoencoderMetrics metrics;
	float		rows[SINE_ROWS * SINE_FEATURES];
	int64_t		starts[SINE_TRAINING];
	int64_t		count;
} Training;

static void
begin_training(Training *training)
{
	RigRandom	random;

	rig_random_seed(&random, SEED);
	rig_arena_init(&training->arena, rig_allocator_malloc(), 0);
	rig_arena_init(&training->scratch, rig_allocator_malloc(), 0);
	training->options = rig_autoencoder_defaults();
	training->options.hidden = 12;
	training->options.epochs = 15;
	training->options.learning_rate = 5e-3;
	training->count = SINE_TRAINING - training->options.steps + 1;
	for (int64_t i = 0; i < training->count; i++)
		training->starts[i] = i;
	make_sines(&random, training->rows);
}

static void
end_training(Training *training)
{
	rig_arena_release(&training->arena);
	rig_arena_release(&training->scratch);
}

static RigStatus
train(Training *training, const uint8_t *present, uint64_t seed, const RigProgress *progress)
{
	return rig_autoencoder_train(&training->model, &training->arena, &training->scratch, training->rows, present,
								 SINE_FEATURES, SINE_FEATURES, training->starts, training->count, &training->options,
								 seed, progress, &training->metrics);
}

/* Scores of the windows that begin at first .. first + count - 1. */
static void
score_windows(Training *training, int64_t first, int64_t count, float *scores, float *errors)
{
	int64_t		starts[SINE_ROWS];
	void	   *scratch = rig_arena_allocate(&training->scratch, rig_autoencoder_batch_scratch_size(&training->model));

	for (int64_t i = 0; i < count; i++)
		starts[i] = first + i;
	rig_autoencoder_score_batch(&training->model, training->rows, SINE_FEATURES, starts, count, NULL, scratch, scores,
								errors);
}

/* The right values in the wrong rhythm: no single row is out of the range of training. */
static void
test_learning(void)
{
	enum
	{
		COUNT = SINE_ROWS - SINE_TRAINING - 20, CHANGED = 2
	};
	static Training training;
	static float scores[COUNT];
	static float changed[COUNT];
	static float errors[COUNT * SINE_FEATURES];
	float		highest = -INFINITY;
	int			higher = 0;
	int			blamed = 0;

	begin_training(&training);
	tap_ok(train(&training, NULL, 1, NULL) == RIG_OK && rig_autoencoder_check(&training.model), "trains on sines");
	tap_note("loss %.4f before, %.4f in training, %.4f in validation, %d of %d epochs, %d + %d windows",
			 training.metrics.initial_loss, training.metrics.training_loss, training.metrics.validation_loss,
			 training.metrics.best_epoch, training.metrics.epochs, (int) training.metrics.training_windows,
			 (int) training.metrics.validation_windows);
	tap_ok(training.metrics.validation_loss < 0.2 * training.metrics.initial_loss, "the loss falls to less than a fifth");
	tap_ok(training.metrics.trimmed_windows > 0 &&
		   training.metrics.trimmed_windows <= training.metrics.training_windows / 100,
		   "the worst windows are left out");
	tap_ok(training.model.error_scale[SINE_FEATURES - 1] == 0 && training.model.error_scale[0] > 0,
		   "the feature that never moves is left out");

	score_windows(&training, SINE_TRAINING, COUNT, scores, NULL);
	for (int r = SINE_TRAINING; r < SINE_ROWS; r++)
		training.rows[r * SINE_FEATURES + CHANGED] = (float) (1.4 * sin(0.55 * r));
	score_windows(&training, SINE_TRAINING, COUNT, changed, errors);
	for (int i = 0; i < COUNT; i++)
		highest = fmaxf(highest, scores[i]);
	for (int i = 0; i < COUNT; i++)
	{
		const float *e = errors + i * SINE_FEATURES;

		higher += changed[i] > highest;
		for (int f = 0; f < SINE_FEATURES; f++)
			blamed += f != CHANGED && e[f] >= e[CHANGED];
	}
	tap_ok(higher >= 0.95 * COUNT, "a wrong rhythm scores higher than any window in rhythm: %d of %d", higher, COUNT);
	tap_ok(blamed <= 0.05 * COUNT, "and the feature is found");
	end_training(&training);
}

static void
test_seeds(void)
{
	static Training training;
	size_t		size = (rig_autoencoder_parameter_count(SINE_FEATURES, 12) + SINE_FEATURES) * sizeof(float);
	float	   *first;

	begin_training(&training);
	training.options.epochs = 4;
	train(&training, NULL, 7, NULL);
	first = training.model.parameters;
	train(&training, NULL, 7, NULL);
	tap_ok(memcmp(first, training.model.parameters, size) == 0, "equal seeds give equal models");
	train(&training, NULL, 8, NULL);
	tap_ok(memcmp(first, training.model.parameters, size) != 0, "other seeds other ones");
	end_training(&training);
}

/* Values that were filled in, whatever they are, are not learnt from. */
static void
test_training_with_holes(void)
{
	static Training training;
	static uint8_t present[SINE_ROWS * SINE_FEATURES];
	RigRandom	random;
	bool		trained;

	begin_training(&training);
	rig_random_seed(&random, SEED);
	for (int i = 0; i < SINE_ROWS * SINE_FEATURES; i++)
	{
		uint32_t	what = rig_random_below(&random, 10);

		present[i] = what != 0;
		if (what == 0)
			training.rows[i] = 0;
		if (what == 1)
			training.rows[i] = NAN;
	}
	trained = train(&training, present, 1, NULL) == RIG_OK;
	tap_ok(trained && rig_autoencoder_check(&training.model) &&
		   training.metrics.validation_loss < 0.4 * training.metrics.initial_loss, "learns from rows with holes: %.4f to %.4f",
		   training.metrics.initial_loss, training.metrics.validation_loss);
	memset(present, 0, sizeof(present));
	tap_ok(train(&training, present, 1, NULL) == RIG_OK && rig_autoencoder_check(&training.model) &&
		   training.model.error_scale[0] == 0, "learns nothing where there is nothing");
	end_training(&training);
}

typedef struct Watch
{
	int			calls;
	int			most;			/* calls until the end is asked for */
	double		last;
	bool		rising;
} Watch;

static bool
watch_progress(void *context, double fraction)
{
	Watch	   *watch = context;

	watch->rising = watch->rising && fraction >= watch->last && fraction <= 1;
	watch->last = fraction;
	return ++watch->calls < watch->most;
}

static void
test_progress(void)
{
	static Training training;
	Watch		watch = {.most = 1000000, .rising = true};
	RigProgress progress = {watch_progress, &watch};
	int			calls;
	bool		trained;
	bool		interrupted = true;

	begin_training(&training);
	training.options.epochs = 2;
	trained = train(&training, NULL, 1, &progress) == RIG_OK;
	tap_ok(trained && watch.rising && watch.last > 0.9,
		   "progress rises to the end: %d reports, the last of %.2f", watch.calls, watch.last);
	calls = watch.calls;
	for (int most = 1; most <= calls; most += most < 3 ? 1 : calls / 7)
	{
		watch = (Watch) {.most = most, .rising = true};
		interrupted = interrupted && train(&training, NULL, 1, &progress) == RIG_INTERRUPTED && watch.calls == most;
	}
	tap_ok(calls > 20 && interrupted, "training ends where it is asked to");
	end_training(&training);
}

static void *
count_allocation(void *context, size_t size)
{
	*(size_t *) context += size;
	return malloc(size);
}

static void
free_chunk(void *context, void *chunk)
{
	(void) context;
	free(chunk);
}

static void *
refuse_allocation(void *context, size_t size)
{
	(void) context;
	(void) size;
	return NULL;
}

static void
test_memory(void)
{
	static Training training;
	size_t		taken = 0;
	size_t		bound;

	begin_training(&training);
	training.options.epochs = 1;
	training.options.max_windows = 1000;
	rig_arena_init(&training.scratch, (RigAllocator) {count_allocation, free_chunk, &taken}, 1);
	train(&training, NULL, 1, NULL);
	bound = rig_autoencoder_training_size(SINE_FEATURES, SINE_TRAINING, &training.options);
	/* Every chunk has a header, and there are fewer than 20. */
	tap_ok(taken <= bound + 20 * 64 && bound < 2 * taken, "training takes %zu bytes, at most %zu were announced", taken, bound);
	rig_arena_release(&training.scratch);
	rig_arena_init(&training.scratch, (RigAllocator) {refuse_allocation, free_chunk, NULL}, 1);
	tap_ok(train(&training, NULL, 1, NULL) == RIG_OUT_OF_MEMORY, "no memory is an error");
	end_training(&training);
}

static void
test_arguments(void)
{
	static Training training;

	begin_training(&training);
	training.options.learning_rate = 0;
	tap_ok(train(&training, NULL, 1, NULL) == RIG_INVALID_ARGUMENT, "a rate of 0 is refused");
	training.options = rig_autoencoder_defaults();
	training.options.score_steps = 21;
	tap_ok(train(&training, NULL, 1, NULL) == RIG_INVALID_ARGUMENT, "more scored rows than rows are refused");
	training.options = rig_autoencoder_defaults();
	training.count = 25;
	tap_ok(train(&training, NULL, 1, NULL) == RIG_INVALID_ARGUMENT, "windows that all overlap the judging ones are too few");
	training.count = 0;
	tap_ok(train(&training, NULL, 1, NULL) == RIG_INVALID_ARGUMENT, "so are none");
	end_training(&training);
}

int
main(void)
{
	RigRandom	random;

	tap_note("seed %d", SEED);
	rig_random_seed(&random, SEED);
	test_reference();
	test_scores(&random, 56, 32, 20, 20);
	test_scores(&random, 56, 32, 20, 5);
	test_scores(&random, 3, 5, 7, 7);
	test_scores(&random, 17, 33, 4, 1);
	test_missing(&random);
	test_check(&random);
	test_learning();
	test_seeds();
	test_training_with_holes();
	test_progress();
	test_memory();
	test_arguments();
	return tap_done();
}
