/*
 * When a run of risky readings becomes an incident, and when it is over. One state per
 * machine, advanced once per scored reading in time order.
 */
#ifndef RIG_PERSISTENCE_H
#define RIG_PERSISTENCE_H

#include <stdbool.h>
#include <stdint.h>

#define RIG_EPISODE_ALARM_RISK 0.8f /* a reading counts from this risk on */
#define RIG_EPISODE_CALM_RISK 0.5f	/* and is calm below this one */
#define RIG_EPISODE_RECENT 5	/* readings looked back on */
#define RIG_EPISODE_NEEDED 3	/* of them that must count */
#define RIG_EPISODE_CALM_READINGS 10	/* calm in a row that end an incident */

/* CUSUM of -ln p: what each reading must exceed, what it may add, and where it opens. */
#define RIG_CUSUM_ALLOWANCE 7.0f
#define RIG_CUSUM_MAX_TERM 12.0f
#define RIG_CUSUM_LIMIT 20.0f

/* Readings follow each other closely, and their sums with them: how far beyond the largest of the training. */
#define RIG_CUSUM_MARGIN 3.0f

/* Orders of magnitude below the accepted p at which a single reading is enough. */
#define RIG_EPISODE_SINGLE_MARGIN 2.0

typedef enum RigEpisodeEvent
{
	RIG_EPISODE_NONE = 0,
	RIG_EPISODE_OPENED,
	RIG_EPISODE_CLOSED
} RigEpisodeEvent;

typedef enum RigEpisodeCause
{
	RIG_EPISODE_BY_NOTHING = 0,
	RIG_EPISODE_BY_SINGLE,		/* one extreme reading */
	RIG_EPISODE_BY_COUNT,		/* 3 of 5 */
	RIG_EPISODE_BY_CUSUM		/* many slightly strange readings */
} RigEpisodeCause;

/* All zero = no history. */
typedef struct RigEpisode
{
	float		cusum;
	uint8_t		recent;			/* bit 0 = newest reading counted */
	uint8_t		calm;			/* calm readings in a row while open */
	uint8_t		cause;			/* RigEpisodeCause of the open or last incident */
	bool		open;
} RigEpisode;

/*
 * Takes one reading. risk 0..1 and surprise (-log10 p) as scored; a reading without risk (NaN)
 * changes nothing. alarm_surprise as for rig_risk; cusum_limit is RIG_CUSUM_LIMIT or more.
 */
extern RigEpisodeEvent rig_episode_advance(RigEpisode *episode, float risk, float surprise,
										   double alarm_surprise, float cusum_limit);

/* The sum after one more reading of that surprise. */
extern float rig_cusum_advance(float cusum, float surprise);

#endif
