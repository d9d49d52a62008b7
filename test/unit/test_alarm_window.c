/* Late readings: shuffled within the lateness, everything ends as in order. */
#include <math.h>
#include <string.h>

#include "alarm_window.h"
#include "random.h"
#include "tap.h"

#define SENSORS 3
#define READINGS 200
#define LATENESS 5000
#define SEEDS 200

typedef struct Change
{
	int64_t		ts;
	RigLevelChange change;
} Change;

typedef struct History
{
	int			count;
	Change		changes[READINGS * SENSORS];
} History;

typedef struct Reading
{
	int64_t		ts;
	double		arrival;
	double		values[SENSORS];
} Reading;

static double numbers[7][SENSORS];
static int64_t delays[2][SENSORS];
static RigLimits limits = {
	.width = SENSORS, .lowest = numbers[0], .highest = numbers[1],
	.limit = {numbers[2], numbers[3], numbers[4], numbers[5]}, .deadband = numbers[6],
	.on_delay = delays[0], .off_delay = delays[1]
};

static void
make_limits(RigRandom *random)
{
	for (int p = 0; p < SENSORS; p++)
	{
		limits.limit[RIG_LIMIT_HIHI][p] = rig_random_below(random, 4) == 0 ? INFINITY : 30;
		limits.limit[RIG_LIMIT_HI][p] = 15;
		limits.limit[RIG_LIMIT_LO][p] = -15;
		limits.limit[RIG_LIMIT_LOLO][p] = rig_random_below(random, 4) == 0 ? -INFINITY : -30;
		limits.deadband[p] = rig_random_below(random, 5);
		limits.on_delay[p] = rig_random_below(random, 4) * 700;
		limits.off_delay[p] = rig_random_below(random, 4) * 900;
	}
	rig_limits_settle(&limits);
}

static void
make_readings(RigRandom *random, Reading *readings)
{
	double		level[SENSORS] = {0};
	int64_t		ts = 1000000;

	for (int i = 0; i < READINGS; i++)
	{
		/* Now and then a gap, in which everything may become quiet. */
		ts += rig_random_below(random, 30) == 0 ? 20000 : 1 + rig_random_below(random, 900);
		readings[i].ts = ts;
		readings[i].arrival = (double) ts + LATENESS * rig_random_uniform(random);
		for (int p = 0; p < SENSORS; p++)
		{
			level[p] = level[p] * 0.9 + 6 * rig_random_normal(random);
			readings[i].values[p] = rig_random_below(random, 6) == 0 ? NAN : level[p];
		}
	}
}

static int
compare_times(const void *a, const void *b)
{
	int64_t		x = ((const Reading *) a)->ts;
	int64_t		y = ((const Reading *) b)->ts;

	return x < y ? -1 : x > y;
}

static int
compare_arrivals(const void *a, const void *b)
{
	double		x = ((const Reading *) a)->arrival;
	double		y = ((const Reading *) b)->arrival;

	return x < y ? -1 : x > y;
}

static void
take(RigAlarmWindow *window, const Reading *reading, History *history)
{
	RigLevelChange changes[SENSORS];
	int32_t		count = rig_alarm_window_advance(window, &limits, reading->ts, reading->values, SENSORS, LATENESS,
												 changes);

	for (int32_t i = 0; i < count; i++)
		history->changes[history->count++] = (Change) {reading->ts, changes[i]};
}

static void
in_order(const Reading *readings, History *history)
{
	RigSensorMonitor sensors[3 * SENSORS];
	RigAlarmWindow window;

	history->count = 0;
	rig_alarm_window_init(&window, &limits, sensors, SENSORS, RIG_NEVER, LATENESS);
	for (int i = 0; i < READINGS; i++)
		take(&window, &readings[i], history);
}

/* As ingest does it: one by one, the state written and read between them, and nothing kept while it is quiet. */
static void
as_they_come(const Reading *readings, History *history)
{
	static unsigned char bytes[65536];
	RigSensorMonitor sensors[3 * SENSORS];
	Reading		stored[READINGS];
	int			stored_count = 0;
	int64_t		newest = RIG_NEVER;
	bool		kept = false;

	history->count = 0;
	for (int i = 0; i < READINGS; i++)
	{
		const Reading *reading = &readings[i];
		RigAlarmWindow window;

		stored[stored_count++] = *reading;
		if (kept)
			rig_alarm_window_read(&window, sensors, SENSORS, bytes);
		else
			rig_alarm_window_init(&window, &limits, sensors, SENSORS, newest, LATENESS);
		if (kept || rig_limits_exceeded(&limits, reading->values, SENSORS))
		{
			if (reading->ts > newest)
				take(&window, reading, history);
			else if (rig_alarm_window_takes(&window, reading->ts))
			{
				int64_t		since = window.base_ts;

				while (history->count > 0 && history->changes[history->count - 1].ts > since)
					history->count--;
				rig_alarm_window_rewind(&window);
				qsort(stored, (size_t) stored_count, sizeof(Reading), compare_times);
				for (int s = 0; s < stored_count; s++)
					if (rig_alarm_window_takes(&window, stored[s].ts) && stored[s].ts > since)
						take(&window, &stored[s], history);
			}
		}
		newest = reading->ts > newest ? reading->ts : newest;
		kept = !rig_alarm_window_is_quiet(&window, newest, LATENESS);
		if (kept)
			rig_alarm_window_write(&window, bytes);
	}
}

static bool
same_histories(const History *a, const History *b)
{
	if (a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++)
	{
		const Change *x = &a->changes[i];
		const Change *y = &b->changes[i];

		if (x->ts != y->ts || x->change.position != y->change.position || x->change.from != y->change.from ||
			x->change.to != y->change.to || x->change.value != y->change.value)
			return false;
	}
	return true;
}

static void
test_shuffled(void)
{
	static Reading readings[READINGS];
	static History ordered;
	static History shuffled;
	uint64_t	first = tap_seed();
	int			different = 0;
	int			changes = 0;

	for (uint64_t seed = first; seed < first + SEEDS; seed++)
	{
		RigRandom	random;

		rig_random_seed(&random, seed);
		make_limits(&random);
		make_readings(&random, readings);
		in_order(readings, &ordered);
		qsort(readings, READINGS, sizeof(Reading), compare_arrivals);
		as_they_come(readings, &shuffled);
		changes += ordered.count;
		if (!same_histories(&ordered, &shuffled))
		{
			different++;
			tap_note("seed %" PRIu64 " differs: %d changes in order, %d shuffled", seed, ordered.count, shuffled.count);
		}
	}
	tap_ok(different == 0, "shuffled within the lateness ends as in order, %d seeds", SEEDS);
	tap_ok(changes > SEEDS * 10, "and there were %d changes", changes);
}

static void
test_ignored(void)
{
	RigSensorMonitor sensors[3 * SENSORS];
	RigAlarmWindow window;
	History		history = {0};
	Reading		reading = {.values = {20, 0, 0}};
	unsigned char bytes[4096];

	for (int p = 0; p < SENSORS; p++)
	{
		limits.on_delay[p] = limits.off_delay[p] = 0;
		limits.deadband[p] = 0;
	}
	rig_alarm_window_init(&window, &limits, sensors, SENSORS, RIG_NEVER, LATENESS);
	for (reading.ts = 0; reading.ts < 60000; reading.ts += 1000)
		take(&window, &reading, &history);
	tap_ok(window.base_ts >= 59000 - 2 * LATENESS - 2000 && window.base_ts < 59000 - LATENESS, "the base is older than the lateness, and not much");
	rig_alarm_window_ignore(&window, &limits, 53500, 59000);
	tap_ok(window.base_ts < 53500 && !rig_alarm_window_takes(&window, 53500) && rig_alarm_window_takes(&window, 53501), "what came too late is not taken");
	rig_alarm_window_write(&window, bytes);
	tap_ok(rig_alarm_window_count(bytes, rig_alarm_window_size(&window)) == 1 &&
		   rig_alarm_window_count(bytes, rig_alarm_window_size(&window) - 1) == -1 &&
		   rig_alarm_window_count(bytes, 5) == -1,
		   "a window that is cut off is not read");
	for (int i = 0; i <= RIG_IGNORED_READINGS; i++)
		rig_alarm_window_ignore(&window, &limits, 53600 + i, 59000);
	tap_ok(window.base_ts == 59000 && window.ignored_count == 0 && window.base.count == 1, "too many of them move the base");
}

static void
test_digest(void)
{
	uint64_t	before = rig_limits_digest(&limits);

	limits.off_delay[1]++;
	tap_ok(rig_limits_digest(&limits) != before, "another delay is another digest");
	limits.off_delay[1]--;
	tap_ok(rig_limits_digest(&limits) == before, "the same limits have the same");
}

int
main(void)
{
	test_shuffled();
	test_ignored();
	test_digest();
	return tap_done();
}
