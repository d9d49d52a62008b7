#include "persistence.h"

#include <math.h>

#define LN_10 2.30258509299404568402f

/* Readings among the recent ones that count. */
static int
count_recent(uint8_t recent)
{
	int			count = 0;

	for (int i = 0; i < RIG_EPISODE_RECENT; i++)
		count += recent >> i & 1;
	return count;
}

static RigEpisodeCause
find_cause(const RigEpisode *episode, float surprise, double alarm_surprise, float cusum_limit)
{
	if (surprise >= alarm_surprise + RIG_EPISODE_SINGLE_MARGIN)
		return RIG_EPISODE_BY_SINGLE;
	if (count_recent(episode->recent) >= RIG_EPISODE_NEEDED)
		return RIG_EPISODE_BY_COUNT;
	if (episode->cusum > cusum_limit)
		return RIG_EPISODE_BY_CUSUM;
	return RIG_EPISODE_BY_NOTHING;
}

float
rig_cusum_advance(float cusum, float surprise)
{
	return fmaxf(cusum + fminf(surprise * LN_10, RIG_CUSUM_MAX_TERM) - RIG_CUSUM_ALLOWANCE, 0);
}

RigEpisodeEvent
rig_episode_advance(RigEpisode *episode, float risk, float surprise, double alarm_surprise, float cusum_limit)
{
	RigEpisodeCause cause;

	if (isnan(risk))
		return RIG_EPISODE_NONE;
	episode->recent =
		(uint8_t) ((episode->recent << 1 | (risk >= RIG_EPISODE_ALARM_RISK)) & ((1 << RIG_EPISODE_RECENT) - 1));
	episode->cusum = rig_cusum_advance(episode->cusum, surprise);
	if (episode->open)
	{
		episode->calm = risk < RIG_EPISODE_CALM_RISK ? episode->calm + 1 : 0;
		if (episode->calm < RIG_EPISODE_CALM_READINGS)
			return RIG_EPISODE_NONE;
		/* What opened it shall not open the next one. */
		episode->open = false;
		episode->calm = 0;
		episode->recent = 0;
		episode->cusum = 0;
		return RIG_EPISODE_CLOSED;
	}
	cause = find_cause(episode, surprise, alarm_surprise, cusum_limit);
	if (cause == RIG_EPISODE_BY_NOTHING)
		return RIG_EPISODE_NONE;
	episode->open = true;
	episode->calm = 0;
	episode->cause = (uint8_t) cause;
	return RIG_EPISODE_OPENED;
}
