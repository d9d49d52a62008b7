/*
 * The working cycle of a rig: drilling a stand, connection, short trip, idle.
 *
 * It owns depth and block movement, and tells the physics what is switched on. Times
 * are plausible for a land rig: half an hour per stand, five minutes per connection,
 * a short trip and a pause after some stands; a rig drills three quarters of the time.
 */
#ifndef RIG_CYCLE_H
#define RIG_CYCLE_H

#include <stdbool.h>

#include "random.h"

typedef enum RigActivity
{
	RIG_DRILLING,
	RIG_CONNECTION,
	RIG_TRIPPING,
	RIG_IDLE
} RigActivity;

typedef struct RigCycle
{
	RigActivity activity;
	double elapsed; /* seconds in this activity */
	double duration; /* of this activity, except drilling: a stand ends by its depth */
	int stands_left; /* before the next short trip */
	double hole_depth; /* ft */

	double bit_depth; /* ft */
	double block_position; /* ft above the floor */
	double block_speed; /* ft/min, up is positive */
	bool loaded; /* the string hangs in the hook, not in the slips */
	bool rotating;
	bool pumping;
	bool on_bottom;
} RigCycle;

/* Places the rig at a random point of its cycle. */
extern void rig_cycle_init(RigCycle *cycle, RigRandom *random);

/*
 * Moves on by seconds while the hole grows by rop feet per hour. hold_drilling ends
 * trips and pauses and hurries connections, without which the block would stay at the floor.
 */
extern void rig_cycle_step(RigCycle *cycle, RigRandom *random, double seconds, double rop, bool hold_drilling);

extern const char *rig_activity_name(RigActivity activity);

#endif
