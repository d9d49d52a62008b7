#include "limit_monitor.h"

#include <math.h>
#include <string.h>

/* position, bits, value and four times */
#define SENSOR_SIZE (sizeof(int32_t) + 1 + sizeof(double) + RIG_LIMIT_KINDS * sizeof(int64_t))

static bool
is_high(RigLimitKind kind)
{
	return kind == RIG_LIMIT_HIHI || kind == RIG_LIMIT_HI;
}

void
rig_limits_settle(RigLimits *limits)
{
	for (int32_t p = 0; p < limits->width; p++)
	{
		limits->highest[p] = fmin(limits->limit[RIG_LIMIT_HI][p], limits->limit[RIG_LIMIT_HIHI][p]);
		limits->lowest[p] = fmax(limits->limit[RIG_LIMIT_LO][p], limits->limit[RIG_LIMIT_LOLO][p]);
	}
}

bool
rig_limits_exceeded(const RigLimits *limits, const double *values, int32_t width)
{
	const double *lowest = limits->lowest;
	const double *highest = limits->highest;
	int64_t		exceeded = 0;

	if (width > limits->width)
		width = limits->width;
	/* Without branches, so that the compiler makes vectors of it. */
	for (int32_t p = 0; p < width; p++)
		exceeded |= (int64_t) ((values[p] < lowest[p]) | (values[p] > highest[p]));
	return exceeded != 0;
}

int8_t
rig_monitor_level(const RigSensorMonitor *sensor)
{
	for (int high = RIG_LIMIT_HIHI; high < RIG_LIMIT_KINDS; high += 2)
	{
		int			low = high + 1;

		/* Of two that are as bad, the one that the value is leaving gives way. */
		if (sensor->set & 1 << low && (!(sensor->set & 1 << high) || sensor->since[high] != RIG_NEVER))
			return (int8_t) low;
		if (sensor->set & 1 << high)
			return (int8_t) high;
	}
	return RIG_LEVEL_NORMAL;
}

/* Whether a value is on the far side of a limit; where it is set, it must come back by the deadband. */
static bool
is_beyond(const RigLimits *limits, const RigSensorMonitor *sensor, RigLimitKind kind)
{
	double		limit;
	double		deadband;

	if (sensor->position >= limits->width)
		return false;
	limit = limits->limit[kind][sensor->position];
	if (isinf(limit))
		return false;
	deadband = sensor->set & 1 << kind ? limits->deadband[sensor->position] : 0;
	return is_high(kind) ? sensor->value > limit - deadband : sensor->value < limit + deadband;
}

/* Moves the four latches of a sensor to a time; false when it is normal then, with no delay running. */
static bool
advance_sensor(const RigLimits *limits, RigSensorMonitor *sensor, int64_t ts)
{
	bool		busy = false;

	for (int kind = 0; kind < RIG_LIMIT_KINDS; kind++)
	{
		bool		is_set = (sensor->set & 1 << kind) != 0;
		int64_t		delay = 0;

		if (is_beyond(limits, sensor, (RigLimitKind) kind) == is_set)
			sensor->since[kind] = RIG_NEVER;
		else
		{
			if (sensor->position < limits->width)
				delay = is_set ? limits->off_delay[sensor->position] : limits->on_delay[sensor->position];
			if (sensor->since[kind] == RIG_NEVER)
				sensor->since[kind] = ts;
			if (ts - sensor->since[kind] >= delay)
			{
				sensor->set ^= (uint8_t) (1 << kind);
				sensor->since[kind] = RIG_NEVER;
			}
		}
		busy |= (sensor->set & 1 << kind) != 0 || sensor->since[kind] != RIG_NEVER;
	}
	return busy;
}

static RigSensorMonitor
normal_sensor(int32_t position, double value)
{
	return (RigSensorMonitor) {
		.position = position, .value = value, .since = {RIG_NEVER, RIG_NEVER, RIG_NEVER, RIG_NEVER}
	};
}

/* Enters the sensors that are normal so far and have a value beyond a limit. */
static void
enter_exceeding(const RigLimits *limits, RigMonitorState *state, const double *values, int32_t width)
{
	int32_t		next = 0;

	if (width > limits->width)
		width = limits->width;
	for (int32_t p = 0; p < width; p++)
	{
		while (next < state->count && state->sensors[next].position < p)
			next++;
		if (!(values[p] < limits->lowest[p] || values[p] > limits->highest[p]))
			continue;
		if (next < state->count && state->sensors[next].position == p)
			continue;
		memmove(&state->sensors[next + 1], &state->sensors[next], (state->count - next) * sizeof(RigSensorMonitor));
		state->sensors[next] = normal_sensor(p, values[p]);
		state->count++;
	}
}

int32_t
rig_monitor_advance(const RigLimits *limits, RigMonitorState *state, int64_t ts, const double *values, int32_t width,
					RigLevelChange *changes)
{
	int32_t		change_count = 0;
	int32_t		kept = 0;

	if (rig_limits_exceeded(limits, values, width))
		enter_exceeding(limits, state, values, width);
	for (int32_t i = 0; i < state->count; i++)
	{
		RigSensorMonitor sensor = state->sensors[i];
		int8_t		from = rig_monitor_level(&sensor);
		int8_t		to;
		bool		busy;

		if (sensor.position < width && !isnan(values[sensor.position]))
			sensor.value = values[sensor.position];
		busy = advance_sensor(limits, &sensor, ts);
		to = rig_monitor_level(&sensor);
		if (from != to)
			changes[change_count++] = (RigLevelChange) {sensor.position, from, to, sensor.value};
		if (busy)
			state->sensors[kept++] = sensor;
	}
	state->count = kept;
	return change_count;
}

size_t
rig_monitor_size(const RigMonitorState *state)
{
	return sizeof(int32_t) + (size_t) state->count * SENSOR_SIZE;
}

static unsigned char *
put(unsigned char *bytes, const void *value, size_t size)
{
	memcpy(bytes, value, size);
	return bytes + size;
}

static const unsigned char *
take(const unsigned char *bytes, void *value, size_t size)
{
	memcpy(value, bytes, size);
	return bytes + size;
}

unsigned char *
rig_monitor_write(const RigMonitorState *state, unsigned char *bytes)
{
	bytes = put(bytes, &state->count, sizeof(state->count));
	for (int32_t i = 0; i < state->count; i++)
	{
		const RigSensorMonitor *sensor = &state->sensors[i];

		bytes = put(bytes, &sensor->position, sizeof(sensor->position));
		bytes = put(bytes, &sensor->set, sizeof(sensor->set));
		bytes = put(bytes, &sensor->value, sizeof(sensor->value));
		bytes = put(bytes, sensor->since, sizeof(sensor->since));
	}
	return bytes;
}

int32_t
rig_monitor_count(const unsigned char *bytes, size_t size)
{
	int32_t		count;

	if (size < sizeof(count))
		return -1;
	take(bytes, &count, sizeof(count));
	if (count < 0 || (size_t) count > (size - sizeof(count)) / SENSOR_SIZE)
		return -1;
	return count;
}

const unsigned char *
rig_monitor_read(RigMonitorState *state, const unsigned char *bytes)
{
	bytes = take(bytes, &state->count, sizeof(state->count));
	for (int32_t i = 0; i < state->count; i++)
	{
		RigSensorMonitor *sensor = &state->sensors[i];

		bytes = take(bytes, &sensor->position, sizeof(sensor->position));
		bytes = take(bytes, &sensor->set, sizeof(sensor->set));
		bytes = take(bytes, &sensor->value, sizeof(sensor->value));
		bytes = take(bytes, sensor->since, sizeof(sensor->since));
	}
	return bytes;
}
