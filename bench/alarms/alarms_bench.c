/* Nanoseconds per reading of 60 sensors with four limits each, while all are normal and while some are not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "limit_monitor.h"
#include "processor_time.h"
#include "random.h"

#define SENSORS 60
#define ROWS 1000
#define PASSES 200

static double numbers[7][SENSORS];
static int64_t delays[2][SENSORS];
static RigLimits limits = {
	.width = SENSORS, .lowest = numbers[0], .highest = numbers[1],
	.limit = {numbers[2], numbers[3], numbers[4], numbers[5]}, .deadband = numbers[6],
	.on_delay = delays[0], .off_delay = delays[1]
};
static double values[ROWS][SENSORS];
static RigSensorMonitor sensors[SENSORS];

static double
measure(int64_t *changes)
{
	RigMonitorState state = {.sensors = sensors};
	RigLevelChange found[SENSORS];
	double		started = processor_seconds();

	for (int pass = 0; pass < PASSES; pass++)
		for (int row = 0; row < ROWS; row++)
			*changes += rig_monitor_advance(&limits, &state, (int64_t) pass * ROWS + row, values[row], SENSORS, found);
	return (processor_seconds() - started) * 1e9 / ((double) PASSES * ROWS);
}

int
main(void)
{
	RigRandom	random;
	int64_t		changes = 0;
	double		quiet;
	double		active;

	rig_random_seed(&random, 1);
	for (int p = 0; p < SENSORS; p++)
	{
		limits.limit[RIG_LIMIT_HIHI][p] = 12;
		limits.limit[RIG_LIMIT_HI][p] = 10;
		limits.limit[RIG_LIMIT_LO][p] = -10;
		limits.limit[RIG_LIMIT_LOLO][p] = -12;
		limits.deadband[p] = 1;
		limits.on_delay[p] = limits.off_delay[p] = 3;
		for (int row = 0; row < ROWS; row++)
			values[row][p] = rig_random_normal(&random);
	}
	rig_limits_settle(&limits);
	quiet = measure(&changes);
	/* One sensor in twenty goes round its limits. */
	for (int p = 0; p < SENSORS; p += 20)
		for (int row = 0; row < ROWS; row++)
			values[row][p] = 11 * sin(row / 10.0);
	active = measure(&changes);
	printf("{\"quiet\": %.1f, \"active\": %.1f, \"changes\": %lld}\n", quiet, active, (long long) changes);
	return changes > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
