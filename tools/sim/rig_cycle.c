#include "rig_cycle.h"

#include <math.h>

#define BLOCK_TOP 98.0 /* ft */
#define BLOCK_BOTTOM 6.0
#define STAND (BLOCK_TOP - BLOCK_BOTTOM)
#define IDLE_BLOCK 50.0
#define IDLE_OFF_BOTTOM 20.0

#define TRIP_STAND_SECONDS 100.0
#define TRIP_LOADED_SECONDS 45.0 /* moving one stand with the string in the hook */
#define TRIP_EMPTY_SECONDS 32.0
#define TRIP_SLIPS_SECONDS 15.0

#define HURRIED_CONNECTION_SECONDS 60.0

#define WELL_DEPTH 14000.0 /* then the rig moves to its next well */
#define NEXT_WELL_DEPTH 5500.0

const char *
rig_activity_name(RigActivity activity)
{
	static const char *const names[] = {"drilling", "connection", "tripping", "idle"};

	return names[activity];
}

static double
draw_between(RigRandom *random, double low, double high)
{
	return low + (high - low) * rig_random_uniform(random);
}

static void
enter_activity(RigCycle *cycle, RigRandom *random, RigActivity activity)
{
	cycle->activity = activity;
	cycle->elapsed = 0;
	switch (activity)
	{
		case RIG_DRILLING:
			cycle->block_position = BLOCK_TOP;
			break;
		case RIG_CONNECTION:
			cycle->duration = draw_between(random, 240, 420);
			break;
		case RIG_TRIPPING:
			/* Out and in again: an even number of stands. */
			cycle->duration = TRIP_STAND_SECONDS * 2 * (double) (6 + rig_random_below(random, 4));
			break;
		case RIG_IDLE:
			cycle->duration = draw_between(random, 300, 900);
			cycle->stands_left = 5 + (int) rig_random_below(random, 4);
			if (cycle->hole_depth > WELL_DEPTH)
				cycle->hole_depth = NEXT_WELL_DEPTH;
			break;
	}
}

void
rig_cycle_init(RigCycle *cycle, RigRandom *random)
{
	double part = rig_random_uniform(random);

	*cycle = (RigCycle){0};
	cycle->hole_depth = draw_between(random, 6000, 12000);
	cycle->stands_left = 1 + (int) rig_random_below(random, 6);
	enter_activity(cycle, random, part < 0.78 ? RIG_DRILLING : part < 0.86 ? RIG_CONNECTION :
					   part < 0.95										   ? RIG_TRIPPING :
																			 RIG_IDLE);
	if (cycle->activity == RIG_DRILLING)
		cycle->block_position = draw_between(random, BLOCK_BOTTOM + 10, BLOCK_TOP);
	else
		cycle->elapsed = draw_between(random, 0, cycle->duration);
}

static void
drill(RigCycle *cycle, double seconds, double rop)
{
	double drilled = rop * seconds / 3600;

	cycle->block_position = fmax(BLOCK_BOTTOM, cycle->block_position - drilled);
	cycle->block_speed = -rop / 60;
	cycle->hole_depth += drilled;
	cycle->bit_depth = cycle->hole_depth;
	cycle->loaded = cycle->rotating = cycle->pumping = cycle->on_bottom = true;
}

/* String in the slips, pumps off; the block goes up for the next stand. */
static void
make_connection(RigCycle *cycle)
{
	double part = cycle->elapsed / cycle->duration;
	double hoist_minutes = 0.45 * cycle->duration / 60;
	bool hoisting = part > 0.25 && part < 0.70;

	cycle->block_position = part <= 0.25 ? BLOCK_BOTTOM : hoisting ? BLOCK_BOTTOM + STAND * (part - 0.25) / 0.45 :
																	 BLOCK_TOP;
	cycle->block_speed = hoisting ? STAND / hoist_minutes : 0;
	cycle->bit_depth = cycle->hole_depth;
	cycle->pumping = part > 0.90;
	cycle->loaded = part > 0.85;
	cycle->rotating = cycle->on_bottom = false;
}

/* One half of the trip pulls stands out, the other half runs the same stands in. */
static void
trip(RigCycle *cycle)
{
	double half = cycle->duration / 2;
	bool out = cycle->elapsed < half;
	double stands = fmod(cycle->elapsed, half) / TRIP_STAND_SECONDS;
	double at = (stands - floor(stands)) * TRIP_STAND_SECONDS;
	double first = out ? TRIP_LOADED_SECONDS : TRIP_EMPTY_SECONDS;
	double second = out ? TRIP_EMPTY_SECONDS : TRIP_LOADED_SECONDS;
	double raised = fmin(1, at / first);
	double lowered = fmin(1, fmax(0, at - first - TRIP_SLIPS_SECONDS) / second);
	bool rising = at < first;
	bool falling = lowered > 0 && lowered < 1;
	double moved = floor(stands) + (out ? raised : lowered);

	cycle->block_position = BLOCK_BOTTOM + STAND * (raised - lowered);
	cycle->block_speed = rising ? 60 * STAND / first : falling ? -60 * STAND / second :
																 0;
	cycle->loaded = out ? rising : falling;
	cycle->bit_depth = cycle->hole_depth - STAND * (out ? moved : half / TRIP_STAND_SECONDS - moved);
	cycle->rotating = cycle->pumping = cycle->on_bottom = false;
}

static void
rest(RigCycle *cycle)
{
	cycle->block_position = IDLE_BLOCK;
	cycle->block_speed = 0;
	cycle->bit_depth = cycle->hole_depth - IDLE_OFF_BOTTOM;
	cycle->loaded = true;
	cycle->rotating = cycle->pumping = cycle->on_bottom = false;
}

/* The rest of a connection in a quicker pace, from where it is now. */
static void
hurry_connection(RigCycle *cycle)
{
	if (cycle->duration <= HURRIED_CONNECTION_SECONDS)
		return;
	cycle->elapsed *= HURRIED_CONNECTION_SECONDS / cycle->duration;
	cycle->duration = HURRIED_CONNECTION_SECONDS;
}

static void
leave_finished_activity(RigCycle *cycle, RigRandom *random, bool hold_drilling)
{
	if (cycle->activity == RIG_DRILLING)
	{
		if (cycle->block_position <= BLOCK_BOTTOM)
			enter_activity(cycle, random, RIG_CONNECTION);
		return;
	}
	if (hold_drilling && cycle->activity != RIG_CONNECTION)
	{
		enter_activity(cycle, random, RIG_DRILLING);
		return;
	}
	if (cycle->elapsed < cycle->duration)
		return;
	if (cycle->activity == RIG_CONNECTION && --cycle->stands_left <= 0 && !hold_drilling)
		enter_activity(cycle, random, RIG_TRIPPING);
	else if (cycle->activity == RIG_TRIPPING)
		enter_activity(cycle, random, RIG_IDLE);
	else
		enter_activity(cycle, random, RIG_DRILLING);
}

void
rig_cycle_step(RigCycle *cycle, RigRandom *random, double seconds, double rop, bool hold_drilling)
{
	if (hold_drilling && cycle->activity == RIG_CONNECTION)
		hurry_connection(cycle);
	cycle->elapsed += seconds;
	leave_finished_activity(cycle, random, hold_drilling);
	switch (cycle->activity)
	{
		case RIG_DRILLING:
			drill(cycle, seconds, rop);
			break;
		case RIG_CONNECTION:
			make_connection(cycle);
			break;
		case RIG_TRIPPING:
			trip(cycle);
			break;
		case RIG_IDLE:
			rest(cycle);
			break;
	}
}
