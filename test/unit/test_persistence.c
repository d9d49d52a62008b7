#include <math.h>
#include <string.h>

#include "persistence.h"
#include "random.h"
#include "tap.h"

#define ALARM_SURPRISE 5.0
#define NO_LIMIT 1e9f			/* of the sum, for tests of the other rules */

/* A reading: a alarming, w watched (neither alarming nor calm), c calm, n not scored, x extreme. */
static RigEpisodeEvent
advance(RigEpisode *episode, char reading, float cusum_limit)
{
	switch (reading)
	{
		case 'a':
			return rig_episode_advance(episode, 0.8f, 5.0f, ALARM_SURPRISE, cusum_limit);
		case 'w':
			return rig_episode_advance(episode, 0.79f, 4.9f, ALARM_SURPRISE, cusum_limit);
		case 'c':
			return rig_episode_advance(episode, 0.49f, 0.0f, ALARM_SURPRISE, cusum_limit);
		case 'x':
			return rig_episode_advance(episode, 1.0f, 7.0f, ALARM_SURPRISE, cusum_limit);
		default:
			return rig_episode_advance(episode, NAN, NAN, ALARM_SURPRISE, cusum_limit);
	}
}

/* Events of a sequence from the beginning: '.' nothing, 'o' opened, 'e' ended. */
static void
check_sequence(const char *readings, const char *expected, RigEpisodeCause cause, const char *what)
{
	RigEpisode	episode = {0};
	char		events[200] = {0};

	for (size_t i = 0; readings[i] != '\0' && i + 1 < sizeof(events); i++)
		events[i] = ".oe"[advance(&episode, readings[i], NO_LIMIT)];
	if (!tap_ok(strcmp(events, expected) == 0 && episode.cause == cause, "%s", what))
		tap_note("%s gives %s", readings, events);
}

static void
test_sequences(void)
{
	check_sequence("aacccccaaccc", "............", RIG_EPISODE_BY_NOTHING, "two alarming readings are none");
	check_sequence("aaa", "..o", RIG_EPISODE_BY_COUNT, "three open an incident");
	check_sequence("acaca", "....o", RIG_EPISODE_BY_COUNT, "three of five as well");
	check_sequence("accaca", "......", RIG_EPISODE_BY_NOTHING, "three of six do not");
	check_sequence("wwwwwwwwww", "..........", RIG_EPISODE_BY_NOTHING, "readings below the alarm never count");
	check_sequence("cx", ".o", RIG_EPISODE_BY_SINGLE, "an extreme reading is enough");
	check_sequence("aanna", "....o", RIG_EPISODE_BY_COUNT, "readings without a score change nothing");
	check_sequence("aaaccccccccc", "..o.........", RIG_EPISODE_BY_COUNT, "nine calm readings do not end it");
	check_sequence("aaacccccccccc", "..o.........e", RIG_EPISODE_BY_COUNT, "ten do");
	check_sequence("aaacccccwcccccccccc", "..o...............e", RIG_EPISODE_BY_COUNT, "they must follow each other");
	check_sequence("aaacccccncccncc", "..o...........e", RIG_EPISODE_BY_COUNT, "but for readings without a score");
	check_sequence("aaaxaaxcccccccccc", "..o.............e", RIG_EPISODE_BY_COUNT, "an open incident does not open");
	check_sequence("aaacccccccccca", "..o.........e.", RIG_EPISODE_BY_COUNT, "what opened it is forgotten when it ends");
	check_sequence("xccccccccccaaa", "o.........e..o", RIG_EPISODE_BY_COUNT, "the next one has a cause of its own");
}

static void
test_cusum(void)
{
	/* A reading adds at most this; risk 0.6 keeps the other rules out. */
	float		step = RIG_CUSUM_MAX_TERM - RIG_CUSUM_ALLOWANCE;
	int			needed = (int) floorf(RIG_CUSUM_LIMIT / step) + 1;
	RigEpisode	episode = {0};
	RigEpisode	slow = {0};
	int			opened = 0;
	bool		quiet = true;

	for (int i = 1; i <= needed && opened == 0; i++)
		if (rig_episode_advance(&episode, 0.6f, 20.0f, 100, RIG_CUSUM_LIMIT) == RIG_EPISODE_OPENED)
			opened = i;
	tap_ok(opened == needed && episode.cause == RIG_EPISODE_BY_CUSUM, "many strange readings open an incident, here %d", needed);
	for (int i = 0; i < 10; i++)
		rig_episode_advance(&episode, 0.1f, 0.1f, 100, RIG_CUSUM_LIMIT);
	tap_ok(!episode.open && episode.cusum == 0, "whose sum begins again when it ends");
	for (int i = 0; i < 10000; i++)
		quiet = quiet &&
			rig_episode_advance(&slow, 0.6f, 0.999f * RIG_CUSUM_ALLOWANCE / (float) log(10), 100, RIG_CUSUM_LIMIT) ==
				RIG_EPISODE_NONE;
	tap_ok(quiet && slow.cusum == 0, "readings within the allowance never do");
	tap_ok(rig_cusum_advance(4, 1000) == 4 + step, "one reading adds a bounded term");
	tap_ok(rig_cusum_advance(1, 0) == 0, "the sum never falls below 0");
}

/*
 * Of healthy, independent readings -ln p is exponential with mean 1, and the sum is the waiting
 * time of a queue with exponential service (GI/M/1): above x with probability
 * share * exp(-(1 - share) x), where share = exp(-allowance (1 - share)). That terms are bounded
 * makes it smaller still. The simulation shows that this holds where it can be counted; from
 * it follows how seldom the limit is exceeded, which cannot.
 */
static void
test_false_alarms(RigRandom *random)
{
	enum
	{
		READINGS = 2000000,
		LEVELS = 4
	};
	int			above[LEVELS] = {0};
	float		cusum = 0;
	double		share = 0;
	bool		near = true;

	for (int i = 0; i < 1000; i++)
		share = exp(-(double) RIG_CUSUM_ALLOWANCE * (1 - share));
	for (int i = 0; i < READINGS; i++)
	{
		cusum = rig_cusum_advance(cusum, (float) -log10(1 - rig_random_uniform(random)));
		for (int x = 0; x < LEVELS; x++)
			above[x] += cusum > (float) x;
	}
	for (int x = 0; x < LEVELS; x++)
	{
		double		expected = READINGS * share * exp(-(1 - share) * x);

		/* Sums that follow each other are alike: a margin of many standard errors. */
		near = near && fabs(above[x] - expected) < 10 * sqrt(expected) + 0.1 * expected;
		tap_note("sum above %d: %d of %d readings, %.0f expected", x, above[x], READINGS, expected);
	}
	tap_ok(near, "the sum of healthy readings exceeds levels as seldom as theory says");
	tap_ok(share * exp(-(1 - share) * (double) RIG_CUSUM_LIMIT) < 1e-8, "and its limit for %.1e of the readings",
		   share * exp(-(1 - share) * (double) RIG_CUSUM_LIMIT));
}

int
main(void)
{
	RigRandom	random;

	rig_random_seed(&random, tap_seed());
	test_sequences();
	test_cusum();
	test_false_alarms(&random);
	return tap_done();
}
