#include <math.h>

#include "random.h"
#include "tap.h"

#define DRAWS 1000000

static void
test_sequence(void)
{
	/* A state small enough to follow the definition with pencil and paper. */
	RigRandom	random = {{1, 2, 3, 4}};
	RigRandom	other;
	bool		same = true;
	bool		differs = false;

	tap_ok(rig_random_next(&random) == 11520 && rig_random_next(&random) == 0
		   && rig_random_next(&random) == UINT64_C(1509978240), "the first numbers are those of xoshiro256**");

	rig_random_seed(&random, 42);
	rig_random_seed(&other, 42);
	for (int i = 0; i < 1000; i++)
		same = same && rig_random_normal(&random) == rig_random_normal(&other);
	tap_ok(same, "one seed gives one sequence");
	rig_random_seed_stream(&random, 42, 0);
	rig_random_seed_stream(&other, 42, 1);
	for (int i = 0; i < 10; i++)
		differs = differs || rig_random_next(&random) != rig_random_next(&other);
	tap_ok(differs, "streams of one seed differ");
}

/* Numbers that a change of algorithm or platform must not change. */
static void
test_fixed_values(void)
{
	static const double expected[] = {
		-0x1.029a943a7532fp-1, 0x1.94c4b571abf5ap+1, -0x1.42e118d54cd0ep-2,
		-0x1.b49b4c11eb558p+0, 0x1.6fb8bf1481faep-1, 0x1.40e799c7b5f7ep-1
	};
	RigRandom	random;
	bool		same = true;

	rig_random_seed(&random, 1);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		double		normal = rig_random_normal(&random);

		if (normal != expected[i])
		{
			tap_note("number %zu is %a", i, normal);
			same = false;
		}
	}
	tap_ok(same, "the normals of seed 1 are the same everywhere");
}

static void
test_uniform(RigRandom *random)
{
	double		sum = 0;
	double		squares = 0;
	bool		in_range = true;

	for (int i = 0; i < DRAWS; i++)
	{
		double		x = rig_random_uniform(random);

		in_range = in_range && x >= 0 && x < 1;
		sum += x;
		squares += x * x;
	}
	/* Bounds of more than six standard errors: a false alarm is out of the question. */
	tap_ok(in_range, "uniforms lie in 0 <= x < 1");
	tap_ok(fabs(sum / DRAWS - 0.5) < 0.002, "their mean is 1/2");
	tap_ok(fabs(squares / DRAWS - 1.0 / 3) < 0.002, "their mean square is 1/3");
}

static void
test_below(RigRandom *random)
{
	int			counts[7] = {0};
	bool		even = true;

	for (int i = 0; i < DRAWS; i++)
	{
		uint32_t	x = rig_random_below(random, 7);

		if (x < 7)
			counts[x]++;
	}
	for (int i = 0; i < 7; i++)
		even = even && fabs(counts[i] * 7.0 / DRAWS - 1) < 0.02;
	tap_ok(even, "integers below a bound are equally likely");
	tap_ok(rig_random_below(random, 1) == 0, "only 0 is below 1");
}

static void
test_normal(RigRandom *random)
{
	double		moments[5] = {0};
	int			within[4] = {0};

	for (int i = 0; i < DRAWS; i++)
	{
		double		x = rig_random_normal(random);

		for (int k = 1; k <= 4; k++)
		{
			moments[k] += pow(x, k) / DRAWS;
			if (k < 4)
				within[k] += fabs(x) < k;
		}
	}
	tap_ok(fabs(moments[1]) < 0.007, "normals: mean 0");
	tap_ok(fabs(moments[2] - 1) < 0.01, "normals: variance 1");
	tap_ok(fabs(moments[3]) < 0.03, "normals: no skew");
	tap_ok(fabs(moments[4] - 3) < 0.07, "normals: kurtosis 3");
	for (int k = 1; k < 4; k++)
		tap_ok(fabs(within[k] / (double) DRAWS - erf(k / sqrt(2))) < 0.004, "normals: share within %d sigma", k);
}

int
main(void)
{
	RigRandom	random;

	test_sequence();
	test_fixed_values();
	rig_random_seed(&random, tap_seed());
	test_uniform(&random);
	test_below(&random);
	test_normal(&random);
	return tap_done();
}
