#include "alarm_window.h"

#include <math.h>
#include <string.h>

#define VERSION 1

/* Everything before the states, in the order in which it is written. */
typedef struct Header
{
	int32_t		version;
	int32_t		ignored_count;
	int64_t		base_ts;
	int64_t		next_ts;
	int64_t		active_ts;
	uint64_t	limits;
} Header;

static uint64_t
digest(uint64_t sum, const void *bytes, size_t size)
{
	const unsigned char *next = bytes;

	/* FNV-1a */
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ next[i]) * 0x100000001b3ULL;
	return sum;
}

uint64_t
rig_limits_digest(const RigLimits *limits)
{
	uint64_t	sum = 0xcbf29ce484222325ULL;

	/* Sensors without limits count for nothing: one that appears changes no alarm. */
	for (int32_t p = 0; p < limits->width; p++)
	{
		if (limits->lowest[p] == -INFINITY && limits->highest[p] == INFINITY)
			continue;
		sum = digest(sum, &p, sizeof(p));
		for (int kind = 0; kind < RIG_LIMIT_KINDS; kind++)
			sum = digest(sum, &limits->limit[kind][p], sizeof(double));
		sum = digest(sum, &limits->deadband[p], sizeof(double));
		sum = digest(sum, &limits->on_delay[p], sizeof(int64_t));
		sum = digest(sum, &limits->off_delay[p], sizeof(int64_t));
	}
	return sum;
}

static void
copy_state(RigMonitorState *to, const RigMonitorState *from)
{
	to->count = from->count;
	memcpy(to->sensors, from->sensors, (size_t) from->count * sizeof(RigSensorMonitor));
}

static void
place_states(RigAlarmWindow *window, RigSensorMonitor *sensors, int32_t capacity)
{
	memset(window, 0, sizeof(*window));
	window->now.sensors = sensors;
	window->base.sensors = sensors + capacity;
	window->next.sensors = sensors + 2 * (ptrdiff_t) capacity;
}

void
rig_alarm_window_init(RigAlarmWindow *window, const RigLimits *limits, RigSensorMonitor *sensors, int32_t capacity,
					  int64_t newest, int64_t lateness)
{
	place_states(window, sensors, capacity);
	/* What is accepted may be as old as newest - lateness. */
	window->base_ts = newest < RIG_NEVER + lateness + 1 ? RIG_NEVER : newest - lateness - 1;
	window->next_ts = window->base_ts;
	window->active_ts = RIG_NEVER;
	window->limits = rig_limits_digest(limits);
}

void
rig_alarm_window_restart(RigAlarmWindow *window, const RigLimits *limits, int64_t newest)
{
	copy_state(&window->base, &window->now);
	copy_state(&window->next, &window->now);
	window->base_ts = newest;
	window->next_ts = newest;
	window->ignored_count = 0;
	window->limits = rig_limits_digest(limits);
}

void
rig_alarm_window_ignore(RigAlarmWindow *window, const RigLimits *limits, int64_t ts, int64_t newest)
{
	if (!rig_alarm_window_takes(window, ts))
		return;
	if (window->ignored_count == RIG_IGNORED_READINGS)
		rig_alarm_window_restart(window, limits, newest);
	else
		window->ignored[window->ignored_count++] = ts;
}

bool
rig_alarm_window_takes(const RigAlarmWindow *window, int64_t ts)
{
	for (int32_t i = 0; i < window->ignored_count; i++)
		if (window->ignored[i] == ts)
			return false;
	return ts > window->base_ts;
}

static void
set_base(RigAlarmWindow *window)
{
	int32_t		kept = 0;

	copy_state(&window->base, &window->next);
	window->base_ts = window->next_ts;
	for (int32_t i = 0; i < window->ignored_count; i++)
		if (window->ignored[i] > window->base_ts)
			window->ignored[kept++] = window->ignored[i];
	window->ignored_count = kept;
}

void
rig_alarm_window_rewind(RigAlarmWindow *window)
{
	copy_state(&window->now, &window->base);
	copy_state(&window->next, &window->base);
	window->next_ts = window->base_ts;
	window->active_ts = window->base.count > 0 ? window->base_ts : RIG_NEVER;
}

/* True when ts is so much newer that a reading of that time is too late. */
static bool
is_settled(int64_t ts, int64_t newest, int64_t lateness)
{
	return ts == RIG_NEVER || ts < newest - lateness;
}

int32_t
rig_alarm_window_advance(RigAlarmWindow *window, const RigLimits *limits, int64_t ts, const double *values,
						 int32_t width, int64_t lateness, RigLevelChange *changes)
{
	bool		was_active = window->now.count > 0;
	int32_t		count = rig_monitor_advance(limits, &window->now, ts, values, width, changes);

	if (was_active || window->now.count > 0)
		window->active_ts = ts;
	if (is_settled(window->next_ts, ts, lateness))
	{
		set_base(window);
		copy_state(&window->next, &window->now);
		window->next_ts = ts;
	}
	return count;
}

bool
rig_alarm_window_is_quiet(const RigAlarmWindow *window, int64_t newest, int64_t lateness)
{
	return window->now.count == 0 && is_settled(window->active_ts, newest, lateness);
}

size_t
rig_alarm_window_size(const RigAlarmWindow *window)
{
	return sizeof(Header) + (size_t) window->ignored_count * sizeof(int64_t) + rig_monitor_size(&window->now) +
		rig_monitor_size(&window->base) + rig_monitor_size(&window->next);
}

void
rig_alarm_window_write(const RigAlarmWindow *window, unsigned char *bytes)
{
	Header		header = {
		VERSION, window->ignored_count, window->base_ts, window->next_ts, window->active_ts, window->limits
	};
	size_t		ignored_size = (size_t) window->ignored_count * sizeof(int64_t);

	memcpy(bytes, &header, sizeof(header));
	bytes += sizeof(header);
	memcpy(bytes, window->ignored, ignored_size);
	bytes += ignored_size;
	bytes = rig_monitor_write(&window->now, bytes);
	bytes = rig_monitor_write(&window->base, bytes);
	rig_monitor_write(&window->next, bytes);
}

int32_t
rig_alarm_window_count(const unsigned char *bytes, size_t size)
{
	Header		header;
	size_t		used = sizeof(header);
	int32_t		most = 0;

	if (size < sizeof(header))
		return -1;
	memcpy(&header, bytes, sizeof(header));
	if (header.version != VERSION || header.ignored_count < 0 || header.ignored_count > RIG_IGNORED_READINGS)
		return -1;
	used += (size_t) header.ignored_count * sizeof(int64_t);
	for (int i = 0; i < 3; i++)
	{
		RigMonitorState state = {0};
		int32_t		count = used > size ? -1 : rig_monitor_count(bytes + used, size - used);

		if (count < 0)
			return -1;
		state.count = count;
		used += rig_monitor_size(&state);
		most = count > most ? count : most;
	}
	return used == size ? most : -1;
}

void
rig_alarm_window_read(RigAlarmWindow *window, RigSensorMonitor *sensors, int32_t capacity, const unsigned char *bytes)
{
	Header		header;

	place_states(window, sensors, capacity);
	memcpy(&header, bytes, sizeof(header));
	bytes += sizeof(header);
	window->ignored_count = header.ignored_count;
	window->base_ts = header.base_ts;
	window->next_ts = header.next_ts;
	window->active_ts = header.active_ts;
	window->limits = header.limits;
	memcpy(window->ignored, bytes, (size_t) header.ignored_count * sizeof(int64_t));
	bytes += (size_t) header.ignored_count * sizeof(int64_t);
	bytes = rig_monitor_read(&window->now, bytes);
	bytes = rig_monitor_read(&window->base, bytes);
	rig_monitor_read(&window->next, bytes);
}
