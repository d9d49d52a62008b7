/*
 * The network in double precision: every derivative against central differences of the loss.
 * The product's float code is compiled here once more with another number type, so what passes
 * is its arithmetic; test_autoencoder.c holds the floats against PyTorch.
 */
#define RIG_REAL double
#include "lstm.c"
#include "autoencoder_network.c"

#include "random.h"
#include "tap.h"

#define SEED 20260302
#define STEP 1e-5
#define TOLERANCE 1e-6
#define COORDINATES 200

static const char *const tensor_names[RIG_TENSORS] = {
	"encoder's input weights", "encoder's recurrent weights", "encoder's bias", "decoder's latent weights",
	"decoder's recurrent weights", "decoder's bias", "output weights", "output bias"
};

typedef struct Network
{
	RigArena	arena;
	RigAutoencoderPass pass;
	double	   *parameters;
	double	   *gradient;
	float	   *rows;
	uint8_t    *present;
	int32_t		windows;
} Network;

/* Random windows with missing cells of both kinds, and a feature that is out of the loss. */
static void
make_network(Network *network, RigRandom *random, int32_t features, int32_t hidden, int32_t steps, int32_t windows)
{
	size_t		cells = (size_t) windows * (size_t) steps * (size_t) features;
	size_t		count;

	rig_arena_init(&network->arena, rig_allocator_malloc(), 0);
	if (rig_autoencoder_pass_create(&network->pass, &network->arena, features, hidden, steps, windows) != RIG_OK)
		exit(EXIT_FAILURE);
	count = network->pass.layout.count;
	network->windows = windows;
	network->parameters = rig_arena_allocate(&network->arena, count * sizeof(double));
	network->gradient = rig_arena_allocate(&network->arena, count * sizeof(double));
	network->rows = rig_arena_allocate(&network->arena, cells * sizeof(float));
	network->present = rig_arena_allocate(&network->arena, cells);
	for (size_t i = 0; i < count; i++)
		network->parameters[i] = 0.6 * rig_random_normal(random);
	for (size_t i = 0; i < cells; i++)
	{
		network->rows[i] = rig_random_below(random, 10) == 0 ? NAN : (float) (1.5 * rig_random_normal(random));
		network->present[i] = rig_random_below(random, 10) > 0;
	}
	network->pass.active[features - 1] = 0;
}

static double
find_loss(Network *network)
{
	RigAutoencoderPass *pass = &network->pass;
	int32_t		window = pass->steps * pass->features;
	double		losses[16];
	double		cells[16];
	double		sum = 0;

	pass->windows = network->windows;
	for (int32_t i = 0; i < network->windows; i++)
		rig_autoencoder_pass_load(pass, i, network->rows + i * window, network->present + i * window);
	rig_autoencoder_pass_forward(pass, network->parameters);
	rig_autoencoder_pass_loss(pass, losses, cells);
	for (int32_t i = 0; i < network->windows; i++)
		sum += losses[i];
	return sum;
}

static double
find_difference(Network *network, size_t parameter)
{
	double		value = network->parameters[parameter];
	double		above;
	double		below;

	network->parameters[parameter] = value + STEP;
	above = find_loss(network);
	network->parameters[parameter] = value - STEP;
	below = find_loss(network);
	network->parameters[parameter] = value;
	return (above - below) / (2 * STEP);
}

/*
 * Up to COORDINATES of one tensor. Differences of sums near 100 are exact to 1e-9, so derivatives
 * below a hundredth of the tensor's largest are judged by that.
 */
static double
check_tensor(Network *network, RigRandom *random, RigTensor which)
{
	const RigTensorLayout *layout = &network->pass.layout;
	size_t		offset = layout->offsets[which];
	uint32_t	count = (uint32_t) (layout->rows[which] * layout->columns[which]);
	double		largest = 0;
	double		worst = 0;

	for (size_t i = 0; i < count; i++)
		largest = fmax(largest, fabs(network->gradient[offset + i]));
	for (uint32_t i = 0; i < count && i < COORDINATES; i++)
	{
		size_t		parameter = offset + (count <= COORDINATES ? i : rig_random_below(random, count));
		double		derivative = network->gradient[parameter];
		double		difference = find_difference(network, parameter);
		double		size = fmax(fmax(fabs(derivative), fabs(difference)), 0.01 * largest);

		worst = fmax(worst, fabs(derivative - difference) / size);
	}
	return largest > 0 ? worst : INFINITY;
}

static void
test_gradients(RigRandom *random, int32_t features, int32_t hidden, int32_t steps, int32_t windows)
{
	Network		network;

	make_network(&network, random, features, hidden, steps, windows);
	memset(network.gradient, 0, network.pass.layout.count * sizeof(double));
	rig_autoencoder_pass_transpose(&network.pass, network.parameters);
	find_loss(&network);
	rig_autoencoder_pass_backward(&network.pass, network.gradient);
	for (int which = 0; which < RIG_TENSORS; which++)
	{
		double		worst = check_tensor(&network, random, which);

		tap_ok(worst < TOLERANCE, "F=%d H=%d T=%d B=%d, %s: relative error %.1e", features, hidden, steps, windows,
			   tensor_names[which], worst);
	}
	rig_arena_release(&network.arena);
}

/* Gradients add up over blocks, and windows do not disturb each other. */
static void
test_blocks(RigRandom *random)
{
	Network		network;
	double		loss;
	double		alone = 0;
	double		worst = 0;
	double	   *together;
	size_t		size;

	make_network(&network, random, 4, 6, 5, 5);
	size = network.pass.layout.count * sizeof(double);
	together = rig_arena_allocate(&network.arena, size);
	memset(together, 0, size);
	memset(network.gradient, 0, size);
	rig_autoencoder_pass_transpose(&network.pass, network.parameters);
	loss = find_loss(&network);
	rig_autoencoder_pass_backward(&network.pass, together);
	network.windows = 1;
	for (int window = 0; window < 5; window++)
	{
		alone += find_loss(&network);
		rig_autoencoder_pass_backward(&network.pass, network.gradient);
		network.rows += 4 * 5;
		network.present += 4 * 5;
	}
	for (size_t i = 0; i < network.pass.layout.count; i++)
		worst = fmax(worst, fabs(network.gradient[i] - together[i]));
	tap_ok(fabs(loss - alone) < 1e-9 && worst < 1e-9, "windows one by one give the loss and the gradient of the block");
	rig_arena_release(&network.arena);
}

/* Shapes that do not fill the registers, plain and transposed, against the definition. */
static void
test_multiply(RigRandom *random)
{
	double		worst = 0;

	for (int round = 0; round < 200; round++)
	{
		int32_t		rows = 1 + (int32_t) rig_random_below(random, 11);
		int32_t		depth = 1 + (int32_t) rig_random_below(random, 13);
		int32_t		columns = 1 + (int32_t) rig_random_below(random, 37);
		bool		transposed = rig_random_below(random, 2) == 1;
		double		a[11 * 13];
		double		b[13 * 37];
		double		c[11 * 37];
		double		expected[11 * 37];

		for (int32_t i = 0; i < rows * depth; i++)
			a[i] = rig_random_normal(random);
		for (int32_t i = 0; i < depth * columns; i++)
			b[i] = rig_random_normal(random);
		for (int32_t i = 0; i < rows * columns; i++)
		{
			c[i] = expected[i] = rig_random_normal(random);
			for (int32_t k = 0; k < depth; k++)
			{
				int32_t		row = i / columns;

				expected[i] += a[transposed ? k * rows + row : row * depth + k] * b[k * columns + i % columns];
			}
		}
		rig_lstm_multiply(c, a, transposed ? 1 : depth, transposed ? rows : 1, b, rows, depth, columns);
		for (int32_t i = 0; i < rows * columns; i++)
			worst = fmax(worst, fabs(c[i] - expected[i]));
	}
	tap_ok(worst < 1e-12, "products of any shape");
}

int
main(void)
{
	RigRandom	random;

	tap_note("seed %d", SEED);
	rig_random_seed(&random, SEED);
	test_multiply(&random);
	test_gradients(&random, 5, 8, 6, 3);
	test_gradients(&random, 3, 1, 2, 1);
	test_gradients(&random, 9, 5, 7, 2);
	test_blocks(&random);
	return tap_done();
}
