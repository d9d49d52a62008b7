/*
 * Fault scripts: what goes wrong on a machine, when, and how far along it is.
 *
 * A script knows times and intensities only. rig_faults_effect() turns the running
 * scripts of one machine into the knobs that the physics and the stream understand.
 */
#ifndef RIG_FAULTS_H
#define RIG_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum RigFaultKind
{
	RIG_FAULT_KICK,
	RIG_FAULT_WASHOUT,
	RIG_FAULT_STICK_SLIP,
	RIG_FAULT_BEARING_WEAR,
	RIG_FAULT_PUMP_VALVE,
	RIG_FAULT_SENSOR_FREEZE,
	RIG_FAULT_CLOCK_SKEW,
	RIG_FAULT_OUTAGE,
	RIG_FAULT_KINDS
} RigFaultKind;

#define RIG_FAULT_NONE (-1)

/* Scripts of one machine; zero-initialised means none is running. */
typedef struct RigFaults
{
	struct
	{
		bool running;
		int64_t begin_us; /* device time */
		int64_t end_us;
	} scripts[RIG_FAULT_KINDS];
	int freeze_sensor; /* which sensor a freeze takes on this machine */
	int64_t skew_us; /* how far the device clock is off now */
	int64_t updated_us;
} RigFaults;

/* All intensities run from 0 to 1. */
typedef struct RigFaultEffect
{
	bool hold_drilling; /* the signature needs a machine that drills */
	double kick;
	double washout;
	double stick_slip;
	double stick_slip_swing; /* -1..1, where the string is in its oscillation */
	double bearing_wear;
	double pump_valve;
	double pump_valve_ripple; /* -1..1 */
	int frozen_sensor; /* or RIG_FAULT_NONE */
	int64_t skew_us;
	bool outage;
} RigFaultEffect;

/* Kind by name, or RIG_FAULT_NONE. */
extern int rig_fault_find(const char *name, int length);

extern const char *rig_fault_name(int kind);

/* Seconds that a script runs when nobody says otherwise. */
extern double rig_fault_default_duration(int kind);

/* Names of all kinds, separated by ", ". */
extern const char *rig_fault_list(void);

/* Writes a JSON array of the sensors that show the fault on this machine. */
extern int rig_fault_sensors_json(const RigFaults *faults, int kind, char *out, int size);

extern void rig_faults_init(RigFaults *faults, uint64_t seed);

/* Starts a script, or starts it anew. */
extern void rig_faults_begin(RigFaults *faults, int kind, int64_t now_us, int64_t duration_us);

extern void rig_faults_end(RigFaults *faults, int kind);

/* One kind whose time is over at now_us, already ended, or RIG_FAULT_NONE; call until none is left. */
extern int rig_faults_expire(RigFaults *faults, int64_t now_us);

/* The effect at now_us; times must not go back from call to call. */
extern RigFaultEffect rig_faults_effect(RigFaults *faults, int64_t now_us);

#endif
