/*
 * What is remembered of the limit alarms of a machine between readings: their state now, and
 * states of before, so that a late reading can be taken where it belongs. Rewinding to the base
 * and advancing over all readings since gives the state that ordered arrival had given.
 *
 * Two states of before are kept. The newer becomes the base once it is older than the accepted
 * lateness, so the base is never too young, and at most about twice as old.
 */
#ifndef RIG_ALARM_WINDOW_H
#define RIG_ALARM_WINDOW_H

#include "limit_monitor.h"

#define RIG_IGNORED_READINGS 32

typedef struct RigAlarmWindow
{
	RigMonitorState now;
	RigMonitorState base;		/* after all readings up to base_ts */
	RigMonitorState next;		/* of next_ts, which will be the base */
	int64_t		base_ts;
	int64_t		next_ts;
	int64_t		active_ts;		/* last time at which a sensor was not normal */
	uint64_t	limits;			/* rig_limits_digest() that the states were made with */
	int32_t		ignored_count;	/* readings after base_ts that came too late to be taken */
	int64_t		ignored[RIG_IGNORED_READINGS];
} RigAlarmWindow;

/* Changes when any limit does. */
extern uint64_t rig_limits_digest(const RigLimits *limits);

/* A window in which every sensor is normal. sensors has room for three states of that many. */
extern void rig_alarm_window_init(RigAlarmWindow *window, const RigLimits *limits, RigSensorMonitor *sensors,
								  int32_t capacity, int64_t newest, int64_t lateness);

/* Forgets what was before newest: no reading up to then changes anything any more. */
extern void rig_alarm_window_restart(RigAlarmWindow *window, const RigLimits *limits, int64_t newest);

/* Notes that a reading came too late, so that no rewind takes it; newest as of now. */
extern void rig_alarm_window_ignore(RigAlarmWindow *window, const RigLimits *limits, int64_t ts, int64_t newest);

/* True when a stored reading is to be taken after a rewind. */
extern bool rig_alarm_window_takes(const RigAlarmWindow *window, int64_t ts);

/* Back to the base. */
extern void rig_alarm_window_rewind(RigAlarmWindow *window);

/* Takes a reading that is newer than those before. Returns how many changes it wrote. */
extern int32_t rig_alarm_window_advance(RigAlarmWindow *window, const RigLimits *limits, int64_t ts,
										const double *values, int32_t width, int64_t lateness, RigLevelChange *changes);

/* True when nothing need be remembered: every sensor has been normal for longer than the lateness. */
extern bool rig_alarm_window_is_quiet(const RigAlarmWindow *window, int64_t newest, int64_t lateness);

extern size_t rig_alarm_window_size(const RigAlarmWindow *window);
extern void rig_alarm_window_write(const RigAlarmWindow *window, unsigned char *bytes);

/* Most sensors of a state in what was written, -1 when it is not whole or of another version. */
extern int32_t rig_alarm_window_count(const unsigned char *bytes, size_t size);

/* Reads what was written; sensors as for init, capacity at least the count. */
extern void rig_alarm_window_read(RigAlarmWindow *window, RigSensorMonitor *sensors, int32_t capacity,
								  const unsigned char *bytes);

#endif
