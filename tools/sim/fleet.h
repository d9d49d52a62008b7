/*
 * The simulated machines: each with its physics, its faults and its device clock.
 *
 * The fleet knows no schedule. It is told which machine reads its instruments at which
 * device time, writes the message and hands it to the sink.
 */
#ifndef RIG_FLEET_H
#define RIG_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "sink.h"

typedef struct RigFleet RigFleet;

/* NULL when out of memory. options and sink must outlive the fleet. */
extern RigFleet *rig_fleet_create(const RigOptions *options, RigSink *sink);

/* Lets the faults of the command line count from here. */
extern void rig_fleet_start(RigFleet *fleet, int64_t device_us);

/*
 * One reading of one machine. step_s is the time its physics move; micros asks for
 * timestamps finer than milliseconds. False: the sink takes no more.
 */
extern bool rig_fleet_read(RigFleet *fleet, int machine, int64_t device_us, double step_s, bool micros);

/* Index of a machine by name, the first one for an empty name, or -1. */
extern int rig_fleet_find(const RigFleet *fleet, const char *name);

extern void rig_fleet_begin_fault(RigFleet *fleet, int machine, int kind, int64_t device_us, double duration_s);

extern void rig_fleet_end_fault(RigFleet *fleet, int machine, int kind, int64_t device_us);

extern bool rig_fleet_has_fault(const RigFleet *fleet, int machine, int kind);

/* Messages given to the sink. */
extern uint64_t rig_fleet_sent(const RigFleet *fleet);

/* Ends all faults and sends what outages held back. */
extern void rig_fleet_finish(RigFleet *fleet, int64_t device_us);

extern void rig_fleet_destroy(RigFleet *fleet);

#endif
