#include <math.h>
#include <string.h>

#include "limit_monitor.h"
#include "random.h"
#include "tap.h"

#define WIDTH 60

static double numbers[8][WIDTH];
static int64_t delays[2][WIDTH];
static RigLimits limits = {
	.width = WIDTH, .lowest = numbers[0], .highest = numbers[1],
	.limit = {numbers[2], numbers[3], numbers[4], numbers[5]}, .deadband = numbers[6],
	.on_delay = delays[0], .off_delay = delays[1]
};
static RigSensorMonitor sensors[WIDTH];
static RigMonitorState state = {.sensors = sensors};

/* No sensor but the first has limits. */
static void
set_limits(double lolo, double lo, double hi, double hihi, double deadband, int64_t on_delay, int64_t off_delay)
{
	for (int p = 0; p < WIDTH; p++)
	{
		limits.limit[RIG_LIMIT_HIHI][p] = p == 0 ? hihi : INFINITY;
		limits.limit[RIG_LIMIT_HI][p] = p == 0 ? hi : INFINITY;
		limits.limit[RIG_LIMIT_LO][p] = p == 0 ? lo : -INFINITY;
		limits.limit[RIG_LIMIT_LOLO][p] = p == 0 ? lolo : -INFINITY;
		limits.deadband[p] = deadband;
		limits.on_delay[p] = on_delay;
		limits.off_delay[p] = off_delay;
	}
	rig_limits_settle(&limits);
	state.count = 0;
}

/* Levels after each value of a sequence, one per second: H hihi, h hi, l lo, L lolo, . normal, p a delay runs. */
static void
check_levels(const double *values, int count, const char *expected, const char *what)
{
	char		found[64] = {0};

	for (int i = 0; i < count; i++)
	{
		RigLevelChange changes[WIDTH];

		rig_monitor_advance(&limits, &state, i, &values[i], 1, changes);
		found[i] = state.count == 0 ? '.' : "pHLhl"[rig_monitor_level(&sensors[0]) + 1];
	}
	if (!tap_ok(strcmp(found, expected) == 0, "%s", what))
		tap_note("found %s, expected %s", found, expected);
}

#define CHECK_LEVELS(expected, what, ...) \
	do { \
		const double sequence[] = {__VA_ARGS__}; \
		check_levels(sequence, (int) (sizeof(sequence) / sizeof(double)), expected, what); \
	} while (0)

static void
test_levels(void)
{
	set_limits(10, 20, 120, 150, 0, 0, 0);
	CHECK_LEVELS("..hHh...lLl.", "levels follow the value", 100, 120, 121, 151, 150, 120, 100, 20, 19, 9, 10, 20);
	set_limits(10, 20, 120, 150, 5, 0, 0);
	CHECK_LEVELS(".hhh.", "a value returns by the deadband", 120, 121, 119, 115.5, 115);
	CHECK_LEVELS("HHHhhh.", "and from the worse limit as well", 151, 146, 145.5, 145, 121, 116, 115);
	set_limits(-INFINITY, -INFINITY, 120, INFINITY, 0, 2, 3);
	CHECK_LEVELS(".pp.pphhhhhhh.", "delays restart when the value turns back", 100, 130, 130, 100, 130, 130, 130, 100, 100, 130,
				 100, 100, 100, 100);
	CHECK_LEVELS("pph", "a reading without the sensor keeps its value", 130, NAN, NAN);
	set_limits(-INFINITY, -INFINITY, 120, 150, 0, 2, 0);
	CHECK_LEVELS("pphhH", "each limit has a delay of its own", 130, 130, 151, 151, 151);
	set_limits(-INFINITY, 20, 120, INFINITY, 0, 0, 5);
	CHECK_LEVELS("hhl", "from one side to the other", 130, 100, 10);
	set_limits(-INFINITY, -INFINITY, INFINITY, 150, 0, 0, 0);
	CHECK_LEVELS(".H.", "only the worse limit", 130, 151, 130);
}

static void
test_chatter(void)
{
	RigLevelChange changes[WIDTH];
	int			raised = 0;

	set_limits(-INFINITY, -INFINITY, 120, INFINITY, 2, 0, 0);
	for (int i = 0; i < 2000; i++)
	{
		double		value = 119 + 2 * (i % 2);

		raised += rig_monitor_advance(&limits, &state, i, &value, 1, changes);
	}
	tap_ok(raised == 1, "a thousand oscillations are one change");
}

static void
test_removed_limits(void)
{
	RigLevelChange changes[WIDTH];
	double		value = 130;
	RigLimits	none = {0};

	set_limits(-INFINITY, -INFINITY, 120, INFINITY, 0, 0, 1000);
	rig_monitor_advance(&limits, &state, 0, &value, 1, changes);
	tap_ok(rig_monitor_advance(&none, &state, 1, &value, 1, changes) == 1 && changes[0].to == RIG_LEVEL_NORMAL &&
		   state.count == 0, "without limits a sensor is normal at once");
}

/* Many sensors at once, against the same sensors one by one. */
static void
test_many(uint64_t seed)
{
	RigRandom	random;
	RigSensorMonitor single[WIDTH];
	int			single_count[WIDTH] = {0};
	bool		same = true;

	rig_random_seed(&random, seed);
	set_limits(10, 20, 80, 90, 3, 2, 3);
	for (int p = 1; p < WIDTH; p += 1 + p % 3)
		for (int kind = 0; kind < RIG_LIMIT_KINDS; kind++)
			limits.limit[kind][p] = limits.limit[kind][0];
	rig_limits_settle(&limits);
	for (int i = 0; i < 300; i++)
	{
		double		values[WIDTH];
		RigLevelChange changes[WIDTH];
		int			count;
		int			next = 0;

		for (int p = 0; p < WIDTH; p++)
			values[p] = rig_random_below(&random, 5) == 0 ? NAN : 50 + 20 * rig_random_normal(&random);
		count = rig_monitor_advance(&limits, &state, i, values, WIDTH, changes);
		for (int p = 0; p < WIDTH; p++)
		{
			double		row[WIDTH];
			RigMonitorState alone = {single_count[p], &single[p]};
			RigSensorMonitor work[WIDTH];
			RigLevelChange change[WIDTH];

			for (int q = 0; q < WIDTH; q++)
				row[q] = q == p ? values[p] : NAN;
			memcpy(work, &single[p], sizeof(single[p]));
			alone.sensors = work;
			if (rig_monitor_advance(&limits, &alone, i, row, WIDTH, change) == 1)
				same &= next < count && changes[next].position == p && changes[next].to == change[0].to &&
					changes[next].value == change[0].value && ++next > 0;
			single_count[p] = alone.count;
			single[p] = work[0];
		}
		same &= next == count;
	}
	tap_ok(same, "many sensors at once are as each by itself, seed %" PRIu64, seed);
}

static void
test_bytes(void)
{
	unsigned char bytes[4096];
	RigSensorMonitor read_sensors[WIDTH];
	RigMonitorState read_state = {.sensors = read_sensors};
	RigLevelChange changes[WIDTH];
	double		values[] = {130};
	size_t		size;

	set_limits(-INFINITY, -INFINITY, 120, 150, 0, 0, 0);
	rig_monitor_advance(&limits, &state, 7, values, 1, changes);
	size = rig_monitor_size(&state);
	tap_ok(rig_monitor_write(&state, bytes) == bytes + size, "a state is as long as it says");
	tap_ok(rig_monitor_count(bytes, size) == 1 && rig_monitor_count(bytes, size - 1) == -1 &&
		   rig_monitor_count(bytes, 3) == -1, "a state that is cut off is not read");
	rig_monitor_read(&read_state, bytes);
	tap_ok(read_state.count == 1 && read_sensors[0].set == sensors[0].set && read_sensors[0].value == 130 &&
		   memcmp(read_sensors[0].since, sensors[0].since, sizeof(sensors[0].since)) == 0, "it is read as it was written");
}

int
main(void)
{
	test_levels();
	test_chatter();
	test_removed_limits();
	for (uint64_t seed = 1; seed <= 3; seed++)
		test_many(seed);
	test_bytes();
	return tap_done();
}
