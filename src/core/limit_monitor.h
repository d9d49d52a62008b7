/*
 * Limits of the sensors of a machine, and which of them are exceeded: one state per machine,
 * advanced once per reading in device-time order. Nothing is allocated.
 *
 * Each of the four limits of a sensor is a latch of its own: it is set once the value has been
 * beyond it for its on-delay, and reset once the value has been inside it by the deadband for
 * its off-delay. The level of the sensor is the worst limit that is set. A sensor that a reading
 * lacks keeps its value, and its delays go on by the time of the machine.
 */
#ifndef RIG_LIMIT_MONITOR_H
#define RIG_LIMIT_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of a sensor, the worse pair first, of each pair the high one: that is how a level is chosen. */
typedef enum RigLimitKind
{
	RIG_LIMIT_HIHI = 0,
	RIG_LIMIT_LOLO,
	RIG_LIMIT_HI,
	RIG_LIMIT_LO
} RigLimitKind;

#define RIG_LIMIT_KINDS 4
#define RIG_LEVEL_NORMAL (-1)	/* otherwise a level is a RigLimitKind */

#define RIG_NEVER INT64_MIN

/* By position from 0. An absent limit is infinite. Times are microseconds. */
typedef struct RigLimits
{
	int32_t		width;
	double	   *lowest;			/* the innermost limits: between them every sensor is normal */
	double	   *highest;
	double	   *limit[RIG_LIMIT_KINDS];
	double	   *deadband;
	int64_t    *on_delay;
	int64_t    *off_delay;
} RigLimits;

/* A sensor that is not normal: a limit of it is set, or a delay runs. */
typedef struct RigSensorMonitor
{
	int32_t		position;
	uint8_t		set;			/* bits by RigLimitKind */
	double		value;			/* newest */
	int64_t		since[RIG_LIMIT_KINDS]; /* when the value left what the limit shows; RIG_NEVER = it did not */
} RigSensorMonitor;

/* Ordered by position; sensors has room for all that the limits or the state name. */
typedef struct RigMonitorState
{
	int32_t		count;
	RigSensorMonitor *sensors;
} RigMonitorState;

typedef struct RigLevelChange
{
	int32_t		position;
	int8_t		from;
	int8_t		to;
	double		value;
} RigLevelChange;

/* Sets the innermost limits from the others. */
extern void rig_limits_settle(RigLimits *limits);

/* True when a value is beyond an innermost limit; NaN never is. */
extern bool rig_limits_exceeded(const RigLimits *limits, const double *values, int32_t width);

/* Takes a reading. Returns how many changes it wrote: at most one per sensor. */
extern int32_t rig_monitor_advance(const RigLimits *limits, RigMonitorState *state, int64_t ts, const double *values,
								   int32_t width, RigLevelChange *changes);

/* The level that a sensor of the state has. */
extern int8_t rig_monitor_level(const RigSensorMonitor *sensor);

/* Bytes of a state, the same on every machine of one byte order; size bytes are written. */
extern size_t rig_monitor_size(const RigMonitorState *state);
extern unsigned char *rig_monitor_write(const RigMonitorState *state, unsigned char *bytes);

/* Sensors in what was written; -1 when it is not whole. */
extern int32_t rig_monitor_count(const unsigned char *bytes, size_t size);

/* Reads into sensors, which has room for them; returns the end. */
extern const unsigned char *rig_monitor_read(RigMonitorState *state, const unsigned char *bytes);

#endif
