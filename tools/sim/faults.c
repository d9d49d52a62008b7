#include "faults.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "sensors.h"

#define PI 3.14159265358979323846

/* Not a multiple of common sampling steps: at one reading a second the swing must not alias to a constant. */
#define STICK_SLIP_PERIOD_S 5.3
#define VALVE_RIPPLE_PERIOD_S 2.7

#define SKEW_RATE 0.1 /* seconds that the faulty clock gains per second */
#define SKEW_LIMIT_US (20 * RIG_SECOND_US)

/* A clock is corrected by slowing it: device times stay unique and increasing. */
#define SKEW_CORRECTION_RATE 0.5

typedef struct FaultInfo
{
	const char *name;
	double duration_s;
	double ramp_s; /* time to full intensity; 0 = the whole duration */
	bool needs_drilling;
	int sensors[6];
	int sensor_count;
} FaultInfo;

static const FaultInfo fault_info[RIG_FAULT_KINDS] = {
	[RIG_FAULT_KICK] = {"kick", 600, 60, true, {RIG_FLOW_OUT_PCT, RIG_PIT_GAIN, RIG_PIT_VOLUME, RIG_GAS_TOTAL}, 4},
	[RIG_FAULT_WASHOUT] = {"washout", 900, 0, true, {RIG_SPP, RIG_SPM1, RIG_SPM2, RIG_FLOW_IN}, 4},
	[RIG_FAULT_STICK_SLIP] = {"stick_slip", 300, 20, true,
		{RIG_TORQUE, RIG_RPM, RIG_TD_MOTOR_CURRENT, RIG_VIBRATION}, 4},
	[RIG_FAULT_BEARING_WEAR] = {"bearing_wear", 3600, 0, true, {RIG_VIBRATION, RIG_TEMPERATURE, RIG_TD_MOTOR_TEMP}, 3},
	[RIG_FAULT_PUMP_VALVE] = {"pump_valve", 900, 90, true,
		{RIG_VIB_MUD_PUMP, RIG_SPP, RIG_MP1_BEARING_TEMP, RIG_MP1_MOTOR_CURRENT}, 4},
	[RIG_FAULT_SENSOR_FREEZE] = {"sensor_freeze", 900, 1, true, {0}, 0},
	[RIG_FAULT_CLOCK_SKEW] = {"clock_skew", 300, 1, false, {0}, 0},
	[RIG_FAULT_OUTAGE] = {"outage", 60, 1, false, {0}, 0},
};

/* Sensors that move all the time while drilling, so that a frozen one can be told from a calm one. */
static const int freezable[] = {RIG_SPP, RIG_TORQUE, RIG_HOOKLOAD, RIG_FLOW_OUT_PCT, RIG_TD_MOTOR_CURRENT};

int
rig_fault_find(const char *name, int length)
{
	for (int kind = 0; kind < RIG_FAULT_KINDS; kind++)
		if ((int) strlen(fault_info[kind].name) == length && memcmp(fault_info[kind].name, name, (size_t) length) == 0)
			return kind;
	return RIG_FAULT_NONE;
}

const char *
rig_fault_name(int kind)
{
	return fault_info[kind].name;
}

double
rig_fault_default_duration(int kind)
{
	return fault_info[kind].duration_s;
}

const char *
rig_fault_list(void)
{
	return "kick, washout, stick_slip, bearing_wear, pump_valve, sensor_freeze, clock_skew, outage";
}

int
rig_fault_sensors_json(const RigFaults *faults, int kind, char *out, int size)
{
	const FaultInfo *info = &fault_info[kind];
	int length = 0;

	if (kind == RIG_FAULT_SENSOR_FREEZE)
		return snprintf(out, (size_t) size, "[\"%s\"]", rig_sensors[faults->freeze_sensor].name);
	length += snprintf(out, (size_t) size, "[");
	for (int i = 0; i < info->sensor_count; i++)
		length += snprintf(out + length, (size_t) (size - length), "%s\"%s\"", i ? "," : "",
						   rig_sensors[info->sensors[i]].name);
	length += snprintf(out + length, (size_t) (size - length), "]");
	return length;
}

void
rig_faults_init(RigFaults *faults, uint64_t seed)
{
	*faults = (RigFaults){0};
	faults->freeze_sensor = freezable[seed % (sizeof(freezable) / sizeof(freezable[0]))];
}

void
rig_faults_begin(RigFaults *faults, int kind, int64_t now_us, int64_t duration_us)
{
	faults->scripts[kind].running = true;
	faults->scripts[kind].begin_us = now_us;
	faults->scripts[kind].end_us = now_us + duration_us;
}

void
rig_faults_end(RigFaults *faults, int kind)
{
	faults->scripts[kind].running = false;
}

int
rig_faults_expire(RigFaults *faults, int64_t now_us)
{
	for (int kind = 0; kind < RIG_FAULT_KINDS; kind++)
		if (faults->scripts[kind].running && now_us >= faults->scripts[kind].end_us)
		{
			faults->scripts[kind].running = false;
			return kind;
		}
	return RIG_FAULT_NONE;
}

/* Intensity of a script: a linear rise, then constant. */
static double
ramp_intensity(const RigFaults *faults, int kind, int64_t now_us)
{
	double elapsed;
	double ramp;

	if (!faults->scripts[kind].running)
		return 0;
	elapsed = (double) (now_us - faults->scripts[kind].begin_us);
	ramp = fault_info[kind].ramp_s > 0 ? fault_info[kind].ramp_s * (double) RIG_SECOND_US :
										 (double) (faults->scripts[kind].end_us - faults->scripts[kind].begin_us);
	return ramp > 0 ? fmin(1, elapsed / ramp) : 1;
}

static double
swing_at(int64_t now_us, double period_s)
{
	double period_us = period_s * (double) RIG_SECOND_US;

	return sin(2 * PI * fmod((double) now_us, period_us) / period_us);
}

static int64_t
update_skew(RigFaults *faults, int64_t now_us)
{
	int64_t elapsed = faults->updated_us ? now_us - faults->updated_us : 0;

	if (faults->scripts[RIG_FAULT_CLOCK_SKEW].running)
	{
		faults->skew_us += (int64_t) ((double) elapsed * SKEW_RATE);
		if (faults->skew_us > SKEW_LIMIT_US)
			faults->skew_us = SKEW_LIMIT_US;
	}
	else
	{
		faults->skew_us -= (int64_t) ((double) elapsed * SKEW_CORRECTION_RATE);
		if (faults->skew_us < 0)
			faults->skew_us = 0;
	}
	faults->updated_us = now_us;
	return faults->skew_us;
}

RigFaultEffect
rig_faults_effect(RigFaults *faults, int64_t now_us)
{
	RigFaultEffect effect = {.frozen_sensor = RIG_FAULT_NONE};
	double wear = ramp_intensity(faults, RIG_FAULT_BEARING_WEAR, now_us);

	for (int kind = 0; kind < RIG_FAULT_KINDS; kind++)
		if (faults->scripts[kind].running && fault_info[kind].needs_drilling)
			effect.hold_drilling = true;

	effect.kick = ramp_intensity(faults, RIG_FAULT_KICK, now_us);
	effect.washout = ramp_intensity(faults, RIG_FAULT_WASHOUT, now_us);
	effect.stick_slip = ramp_intensity(faults, RIG_FAULT_STICK_SLIP, now_us);
	effect.stick_slip_swing = swing_at(now_us, STICK_SLIP_PERIOD_S);
	/* Damage feeds on itself: most of the rise comes late. */
	effect.bearing_wear = (exp(3 * wear) - 1) / (exp(3) - 1);
	effect.pump_valve = ramp_intensity(faults, RIG_FAULT_PUMP_VALVE, now_us);
	effect.pump_valve_ripple = swing_at(now_us, VALVE_RIPPLE_PERIOD_S);
	if (faults->scripts[RIG_FAULT_SENSOR_FREEZE].running)
		effect.frozen_sensor = faults->freeze_sensor;
	effect.outage = faults->scripts[RIG_FAULT_OUTAGE].running;
	effect.skew_us = update_skew(faults, now_us);
	return effect;
}
