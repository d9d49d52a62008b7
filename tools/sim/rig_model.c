#include "rig_model.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "random.h"
#include "rig_cycle.h"
#include "sensors.h"

#define PI 3.14159265358979323846
#define GALLONS_PER_BARREL 42.0
#define STEEL_WEIGHT 65.5 /* lb/gal, for buoyancy */
#define BLOCK_WEIGHT 38.0 /* klb: what the hook carries when the string is in the slips */
#define GALLONS_PER_STROKE 3.9
#define ANNULUS_LAG_S 12.0 /* flow out follows flow in */

/* Slow random movements behind the instruments: driller, formation, weather. */
typedef enum Drift
{
	DRIFT_WOB,
	DRIFT_RPM,
	DRIFT_SPM1,
	DRIFT_SPM2,
	DRIFT_FORMATION,
	DRIFT_FRICTION,
	DRIFT_VIBRATION,
	DRIFT_GAS,
	DRIFT_MUD_WEIGHT,
	DRIFT_PIT,
	DRIFT_VOLTAGE,
	DRIFT_FREQUENCY,
	DRIFT_WEATHER,
	DRIFT_HUMIDITY,
	DRIFT_PRESSURE,
	DRIFT_WIND,
	DRIFT_WIND_DIRECTION,
	DRIFTS
} Drift;

static const struct
{
	double deviation;
	double seconds;
} drift_info[DRIFTS] = {
	[DRIFT_WOB] = {1.2, 200},
	[DRIFT_RPM] = {1.5, 120},
	[DRIFT_SPM1] = {1.2, 180},
	[DRIFT_SPM2] = {1.2, 180},
	[DRIFT_FORMATION] = {0.10, 600},
	[DRIFT_FRICTION] = {0.03, 300},
	[DRIFT_VIBRATION] = {0.04, 120},
	[DRIFT_GAS] = {0.3, 300},
	[DRIFT_MUD_WEIGHT] = {0.03, 3600},
	[DRIFT_PIT] = {8, 3600},
	[DRIFT_VOLTAGE] = {1.5, 60},
	[DRIFT_FREQUENCY] = {0.04, 8},
	[DRIFT_WEATHER] = {1.8, 21600},
	[DRIFT_HUMIDITY] = {4, 7200},
	[DRIFT_PRESSURE] = {0.10, 43200},
	[DRIFT_WIND] = {2.2, 1800},
	[DRIFT_WIND_DIRECTION] = {12, 900},
};

/* Quantities that follow a target with a delay of the first order. */
typedef enum Lag
{
	LAG_RPM,
	LAG_WOB,
	LAG_SPM1,
	LAG_SPM2,
	LAG_FLOW_OUT,
	LAG_GAS,
	LAG_GEARBOX,
	LAG_MUD_IN,
	LAG_MUD_OUT,
	LAG_TD_MOTOR,
	LAG_DW_MOTOR,
	LAG_MP1_BEARING,
	LAG_MP2_BEARING,
	LAG_BRAKE,
	LAG_HYDRAULIC_OIL,
	LAG_COOLANT,
	LAG_EXHAUST,
	LAG_VFD,
	LAGS
} Lag;

static const double lag_seconds[LAGS] = {
	[LAG_RPM] = 4,
	[LAG_WOB] = 8,
	[LAG_SPM1] = 6,
	[LAG_SPM2] = 6,
	[LAG_FLOW_OUT] = ANNULUS_LAG_S,
	[LAG_GAS] = 60,
	[LAG_GEARBOX] = 900,
	[LAG_MUD_IN] = 1800,
	[LAG_MUD_OUT] = 600,
	[LAG_TD_MOTOR] = 700,
	[LAG_DW_MOTOR] = 700,
	[LAG_MP1_BEARING] = 600,
	[LAG_MP2_BEARING] = 600,
	[LAG_BRAKE] = 200,
	[LAG_HYDRAULIC_OIL] = 1200,
	[LAG_COOLANT] = 300,
	[LAG_EXHAUST] = 40,
	[LAG_VFD] = 600,
};

/* What makes one rig differ from the next; drawn once. */
typedef struct Character
{
	double mud_weight; /* lb/gal */
	double wob; /* klb */
	double rpm;
	double spm[2];
	double string; /* factor on the string's weight */
	double friction;
	double top_drive_vibration;
	double pump_vibration;
	double paddle;
	double pit_volume; /* bbl */
	double gas; /* % */
	double voltage;
	double heat; /* degF on all equipment */
	double climate; /* mean air temperature, degF */
	double longitude; /* hours */
	double pressure;
	double wind_direction;
} Character;

typedef struct Signal
{
	double value;
	double keep; /* autoregression for the current step length */
	double shock;
} Signal;

struct RigModel
{
	RigRandom noise;
	RigRandom events; /* apart, so that the cycle does not shift the noise */
	RigCycle cycle;
	Character character;
	Signal drifts[DRIFTS];
	double lags[LAGS];
	double lag_steps[LAGS];
	double seconds; /* step length that the coefficients stand for */
	bool settled; /* false until the lags have taken their first targets */
	double rop;
	double pit_gain;
	double brake_wear;
	double frozen_value;
	int frozen_sensor;
	double dropouts;
	int sensors;
	double *bases; /* of the sensors that are not built in */
	Signal instruments[];
};

/*
 * Four 16-bit uniforms from one draw: their sum is close to normal out to three
 * deviations, which is all that instrument noise needs, at a fraction of the price of an exact one.
 */
static double
draw_noise(RigRandom *random)
{
	uint64_t bits = rig_random_next(random);
	double sum = (double) (bits & 0xffff) + (double) ((bits >> 16) & 0xffff) +
		(double) ((bits >> 32) & 0xffff) + (double) (bits >> 48);

	return (sum - 2 * 65535.0) * (1.7320508075688772 / 65536.0);
}

static double
draw_between(RigRandom *random, double low, double high)
{
	return low + (high - low) * rig_random_uniform(random);
}

static uint64_t
hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char) *name) * UINT64_C(0x100000001b3);
	return hash;
}

static void
draw_character(Character *character, RigRandom *random)
{
	character->mud_weight = draw_between(random, 9.7, 11.0);
	character->wob = draw_between(random, 18, 26);
	character->rpm = draw_between(random, 105, 135);
	character->spm[0] = draw_between(random, 84, 94);
	character->spm[1] = character->spm[0] + draw_between(random, -3, 3);
	character->string = draw_between(random, 0.95, 1.05);
	character->friction = draw_between(random, 0.93, 1.07);
	character->top_drive_vibration = draw_between(random, 0.9, 1.1);
	character->pump_vibration = draw_between(random, 0.9, 1.1);
	character->paddle = draw_between(random, 0.95, 1.05);
	character->pit_volume = draw_between(random, 520, 680);
	character->gas = draw_between(random, 1.0, 2.0);
	character->voltage = draw_between(random, 599, 605);
	character->heat = draw_between(random, -4, 4);
	character->climate = draw_between(random, 49, 57);
	character->longitude = draw_between(random, -2, 2);
	character->pressure = draw_between(random, 29.55, 29.85);
	character->wind_direction = draw_between(random, 130, 230);
}

RigModel *
rig_model_create(uint64_t seed, const char *machine, int sensors, double dropouts)
{
	int extra = sensors > RIG_BUILTIN_SENSORS ? sensors - RIG_BUILTIN_SENSORS : 0;
	int instruments = RIG_BUILTIN_SENSORS + extra;
	size_t signals = (size_t) instruments * sizeof(Signal);
	RigModel *model = calloc(1, sizeof(*model) + signals + (size_t) extra * sizeof(double));

	if (model == NULL)
		return NULL;
	model->bases = (double *) (model->instruments + instruments);
	model->sensors = sensors;
	model->dropouts = dropouts;
	model->frozen_sensor = RIG_FAULT_NONE;
	rig_random_seed_stream(&model->noise, seed, hash_name(machine));
	rig_random_seed_stream(&model->events, seed + 1, hash_name(machine));
	draw_character(&model->character, &model->events);
	model->brake_wear = draw_between(&model->events, 15, 40);
	for (int i = 0; i < extra; i++)
		model->bases[i] = draw_between(&model->events, 10, 1000);
	rig_cycle_init(&model->cycle, &model->events);
	return model;
}

void
rig_model_destroy(RigModel *model)
{
	free(model);
}

const char *
rig_model_state(const RigModel *model)
{
	return rig_activity_name(model->cycle.activity);
}

const char *
rig_model_sensor_name(int index, char *buffer, int size)
{
	if (index < RIG_BUILTIN_SENSORS)
		return rig_sensors[index].name;
	snprintf(buffer, (size_t) size, "extra_%03d", index + 1);
	return buffer;
}

static void
tune_signal(Signal *signal, double deviation, double correlation_s, double seconds)
{
	signal->keep = exp(-seconds / correlation_s);
	signal->shock = deviation * sqrt(1 - signal->keep * signal->keep);
}

static int
count_instruments(const RigModel *model)
{
	return model->sensors > RIG_BUILTIN_SENSORS ? model->sensors : RIG_BUILTIN_SENSORS;
}

/* Coefficients are exact for any step length, so coarse steps keep the same statistics. */
static void
tune_model(RigModel *model, double seconds)
{
	if (seconds == model->seconds)
		return;
	model->seconds = seconds;
	for (int i = 0; i < DRIFTS; i++)
		tune_signal(&model->drifts[i], drift_info[i].deviation, drift_info[i].seconds, seconds);
	for (int i = 0; i < RIG_BUILTIN_SENSORS; i++)
		tune_signal(&model->instruments[i], rig_sensors[i].noise, rig_sensors[i].noise_seconds, seconds);
	for (int i = RIG_BUILTIN_SENSORS; i < count_instruments(model); i++)
		tune_signal(&model->instruments[i], 0.02 * model->bases[i - RIG_BUILTIN_SENSORS], 60, seconds);
	for (int i = 0; i < LAGS; i++)
		model->lag_steps[i] = 1 - exp(-seconds / lag_seconds[i]);
}

static void
move_signals(RigModel *model)
{
	for (int i = 0; i < DRIFTS; i++)
	{
		Signal *drift = &model->drifts[i];

		drift->value = drift->keep * drift->value + drift->shock * draw_noise(&model->noise);
	}
	for (int i = 0; i < count_instruments(model); i++)
	{
		Signal *instrument = &model->instruments[i];

		instrument->value = instrument->keep * instrument->value + instrument->shock * draw_noise(&model->noise);
	}
}

/* Moves a lagging quantity towards its target; the first call takes the target itself. */
static double
follow(RigModel *model, Lag lag, double target)
{
	if (!model->settled)
		model->lags[lag] = target;
	else
		model->lags[lag] += (target - model->lags[lag]) * model->lag_steps[lag];
	return model->lags[lag];
}

static void
read_weather(const RigModel *model, int64_t time_us, double *values)
{
	const Character *character = &model->character;
	double hour = (double) (time_us / RIG_SECOND_US % 86400) / 3600 + character->longitude;
	double day = sin(2 * PI * (hour - 9) / 24); /* warmest at 15 h */
	double wind = fmax(0.5, 11 + model->drifts[DRIFT_WIND].value);

	values[RIG_AMBIENT_TEMP] = character->climate + 11 * day + model->drifts[DRIFT_WEATHER].value;
	values[RIG_AMBIENT_HUMIDITY] = 55 - 16 * day + model->drifts[DRIFT_HUMIDITY].value;
	values[RIG_BAROMETRIC_PRESSURE] = character->pressure + model->drifts[DRIFT_PRESSURE].value;
	values[RIG_WIND_SPEED] = wind;
	values[RIG_WIND_GUST] = 1.35 * wind;
	values[RIG_WIND_DIRECTION] = character->wind_direction + model->drifts[DRIFT_WIND_DIRECTION].value;
}

static void
drill_hole(RigModel *model, const RigFaultEffect *fault, double *values)
{
	const Character *character = &model->character;
	const RigCycle *cycle = &model->cycle;
	double rpm = follow(model, LAG_RPM, cycle->rotating ? character->rpm + model->drifts[DRIFT_RPM].value : 0);
	double wob = follow(model, LAG_WOB, cycle->on_bottom ? character->wob + model->drifts[DRIFT_WOB].value : 0);
	double turning = fmin(1, rpm / 20);
	double formation = 1 + model->drifts[DRIFT_FORMATION].value;
	double torque = turning * character->friction * (1 + model->drifts[DRIFT_FRICTION].value) * (2.5 + 0.36 * wob);
	double swing = fault->stick_slip * fault->stick_slip_swing;
	double string = (55 + 0.0165 * cycle->bit_depth) * character->string * (1 - character->mud_weight / STEEL_WEIGHT);
	double drag = cycle->activity == RIG_TRIPPING ? 0.05 * cycle->block_speed : 0;

	model->rop = cycle->on_bottom ? 165 * formation * (wob / character->wob) * (0.4 + 0.6 * rpm / character->rpm) : 0;

	/* Stick-slip: the string winds up while the bit stands, then spins off. */
	values[RIG_RPM] = rpm * (1 - 0.42 * swing);
	values[RIG_TORQUE] = torque * (1 + 0.40 * swing);
	values[RIG_WOB] = wob;
	values[RIG_ROP] = model->rop;
	values[RIG_HOOKLOAD] = BLOCK_WEIGHT + (cycle->loaded ? string + drag - wob : 0);
	values[RIG_BLOCK_POSITION] = cycle->block_position;
	values[RIG_BLOCK_SPEED] = cycle->block_speed;
	values[RIG_DRAWWORKS_SPEED] = fabs(cycle->block_speed);
	values[RIG_BIT_DEPTH] = cycle->bit_depth;
	values[RIG_VIBRATION] = character->top_drive_vibration * (1 + model->drifts[DRIFT_VIBRATION].value) *
		(0.04 + 0.0006 * rpm + 0.0018 * wob) * (1 + 0.5 * fault->stick_slip) * (1 + 2.2 * fault->bearing_wear);
}

/* The integral of flow out minus flow in is exact for any step, as flow out is a first-order lag. */
static void
move_pit(RigModel *model, double seconds, double flow_in, double influx, const RigFaultEffect *fault)
{
	double before = model->lags[LAG_FLOW_OUT];
	double after = follow(model, LAG_FLOW_OUT, flow_in);
	double rezero_s = fault->kick > 0 ? INFINITY : fabs(model->pit_gain) > 4 ? 120 :
																			   1800;

	if (!model->settled)
		return;
	model->pit_gain += (influx * seconds - ANNULUS_LAG_S * (after - before)) / 60 / GALLONS_PER_BARREL;
	model->pit_gain *= exp(-seconds / rezero_s);
}

static void
pump_mud(RigModel *model, double seconds, const RigFaultEffect *fault, double *values)
{
	const Character *character = &model->character;
	double speed_up = 1 + 0.08 * fault->washout; /* the driller keeps up with lost pressure */
	double on = model->cycle.pumping ? speed_up : 0;
	double spm1 = follow(model, LAG_SPM1, on * (character->spm[0] + model->drifts[DRIFT_SPM1].value));
	double spm2 = follow(model, LAG_SPM2, on * (character->spm[1] + model->drifts[DRIFT_SPM2].value));
	double flow_in = GALLONS_PER_STROKE * (spm1 + spm2);
	double influx = 80 * fault->kick;
	double weight = character->mud_weight + model->drifts[DRIFT_MUD_WEIGHT].value;
	double gas_drift = model->drifts[DRIFT_GAS].value;
	double gas = follow(model, LAG_GAS, character->gas + gas_drift + 0.004 * model->rop + 14 * fault->kick);
	double valve = 1 - 0.12 * fault->pump_valve + 0.07 * fault->pump_valve * fault->pump_valve_ripple;

	move_pit(model, seconds, flow_in, influx, fault);
	values[RIG_SPM1] = spm1;
	values[RIG_SPM2] = spm2;
	values[RIG_FLOW_IN] = flow_in;
	values[RIG_FLOW_OUT_PCT] = character->paddle * 40 * (model->lags[LAG_FLOW_OUT] + influx) / 700;
	values[RIG_SPP] = 2750 * pow(flow_in / 700, 1.8) * (weight / 10) * (0.85 + 0.15 * model->cycle.bit_depth / 10000) *
		(1 - 0.32 * fault->washout) * (1 - 0.04 * fault->kick) * valve;
	values[RIG_PIT_GAIN] = model->pit_gain;
	values[RIG_PIT_VOLUME] = character->pit_volume + model->drifts[DRIFT_PIT].value + model->pit_gain;
	values[RIG_MUD_WEIGHT_IN] = weight;
	values[RIG_MUD_WEIGHT_OUT] = weight - 0.02 * gas;
	values[RIG_GAS_TOTAL] = gas;
	values[RIG_CH4_LEL_SHAKER] = 0.6 + 0.8 * gas;
	values[RIG_CHOKE_PRESSURE] = 30 + 25 * fault->kick;
	values[RIG_HYDRAULIC_PRESSURE] = 2600 - 0.4 * fabs(model->cycle.block_speed);
	values[RIG_VIB_MUD_PUMP] = character->pump_vibration * (0.04 + 0.0013 * spm1) * (1 + 1.8 * fault->pump_valve);
}

static void
draw_power(const RigModel *model, const RigFaultEffect *fault, double *values)
{
	const RigCycle *cycle = &model->cycle;
	double hoist = cycle->loaded ? fmax(0, cycle->block_speed) * values[RIG_HOOKLOAD] : 0;
	double pump1 = 40 + 0.00155 * values[RIG_SPM1] * values[RIG_SPP];
	double rotating;
	double power;

	values[RIG_TD_MOTOR_CURRENT] = 25 + fmin(1, values[RIG_RPM] / 20) * (105 + 32 * values[RIG_TORQUE]);
	values[RIG_DW_MOTOR_CURRENT] = 60 + 0.025 * hoist + 0.6 * fabs(cycle->block_speed);
	values[RIG_MP1_MOTOR_CURRENT] = pump1 * (1 + 0.06 * fault->pump_valve * fault->pump_valve_ripple);
	values[RIG_MP2_MOTOR_CURRENT] = 40 + 0.00155 * values[RIG_SPM2] * values[RIG_SPP];
	rotating = values[RIG_TD_MOTOR_CURRENT] + values[RIG_MP1_MOTOR_CURRENT] + values[RIG_MP2_MOTOR_CURRENT];
	power = 350 + 0.8 * rotating + 0.55 * values[RIG_DW_MOTOR_CURRENT];
	values[RIG_GEN_POWER] = power;
	values[RIG_BUS_VOLTAGE] = model->character.voltage + model->drifts[DRIFT_VOLTAGE].value - 0.004 * power;
	values[RIG_DC_LINK_VOLTAGE] = 1.35 * values[RIG_BUS_VOLTAGE];
	values[RIG_BUS_FREQUENCY] = 60 + model->drifts[DRIFT_FREQUENCY].value - 0.00002 * (power - 1400);
	values[RIG_POWER_FACTOR] = 0.80 + 0.00006 * power;
	values[RIG_PHASE_IMBALANCE] = 1.4 + 0.0003 * values[RIG_TD_MOTOR_CURRENT];
	values[RIG_GROUND_FAULT] = 60 + 0.01 * power;
	values[RIG_UPS_CHARGE] = 97.5;
}

static double
load_of(double current, double rated)
{
	return (current / rated) * (current / rated);
}

/* Temperatures lag their load by minutes; equipment lives outdoors and shares the weather. */
static void
heat_equipment(RigModel *model, const RigFaultEffect *fault, double *values)
{
	const RigCycle *cycle = &model->cycle;
	double outdoor = values[RIG_AMBIENT_TEMP] - 55;
	double heat = model->character.heat;
	double top_drive = load_of(values[RIG_TD_MOTOR_CURRENT], 500);
	double drawworks = load_of(values[RIG_DW_MOTOR_CURRENT], 800);
	double pump1 = load_of(values[RIG_MP1_MOTOR_CURRENT], 500);
	double pump2 = load_of(values[RIG_MP2_MOTOR_CURRENT], 500);
	double circulation = values[RIG_FLOW_IN] / 700;
	double braking = cycle->loaded ? fmax(0, -cycle->block_speed) : 0;
	double power = values[RIG_GEN_POWER];
	double annulus;

	values[RIG_TEMPERATURE] = follow(model, LAG_GEARBOX, 95 + heat + 0.4 * outdoor + 45 * top_drive) +
		65 * fault->bearing_wear;
	values[RIG_TD_MOTOR_TEMP] = follow(model, LAG_TD_MOTOR, 120 + heat + 0.5 * outdoor + 70 * top_drive) +
		18 * fault->bearing_wear;
	values[RIG_DW_MOTOR_TEMP] = follow(model, LAG_DW_MOTOR, 118 + heat + 0.5 * outdoor + 90 * drawworks);
	values[RIG_MP1_BEARING_TEMP] =
		follow(model, LAG_MP1_BEARING, 106 + heat + 0.3 * outdoor + 28 * pump1 + 22 * fault->pump_valve);
	values[RIG_MP2_BEARING_TEMP] = follow(model, LAG_MP2_BEARING, 106 + heat + 0.3 * outdoor + 28 * pump2);
	values[RIG_BRAKE_TEMP] = follow(model, LAG_BRAKE, 110 + 0.5 * outdoor + 1.1 * braking);
	values[RIG_HYD_OIL_TEMP] = follow(model, LAG_HYDRAULIC_OIL, 108 + heat + 0.3 * outdoor + 8 * top_drive);
	values[RIG_ENGINE_COOLANT_TEMP] = follow(model, LAG_COOLANT, 182 + 0.1 * outdoor + 0.003 * (power - 1400));
	values[RIG_ENGINE_EXHAUST_TEMP] = follow(model, LAG_EXHAUST, 480 + 0.28 * power);
	values[RIG_VFD_CABINET_TEMP] = follow(model, LAG_VFD, 74 + 0.15 * outdoor + 4 * top_drive);
	values[RIG_MUD_TEMP_IN] = follow(model, LAG_MUD_IN, 86 + 0.4 * outdoor + 12 * circulation);
	annulus = 10 + 0.0004 * cycle->bit_depth + (4 + 0.0008 * cycle->bit_depth) * fmin(1, circulation);
	values[RIG_MUD_TEMP_OUT] = follow(model, LAG_MUD_OUT, values[RIG_MUD_TEMP_IN] + annulus);
}

static void
fill_safety(const RigModel *model, double *values)
{
	values[RIG_H2S_FLOOR] = 0.4;
	values[RIG_CO_LEVEL] = 3 + 0.0015 * values[RIG_GEN_POWER];
	values[RIG_O2_CELLAR] = 20.85;
	values[RIG_NOISE_FLOOR] = 66 + 0.05 * values[RIG_RPM] + 0.03 * (values[RIG_SPM1] + values[RIG_SPM2]);
	values[RIG_CABIN_TEMP] = 71 + 0.05 * (values[RIG_AMBIENT_TEMP] - 55);
	values[RIG_BRAKE_WEAR] = model->brake_wear;
}

/* A frozen instrument repeats what it showed last; its partners move on. */
static void
freeze_sensor(RigModel *model, int sensor, double *values)
{
	if (sensor != model->frozen_sensor)
	{
		model->frozen_sensor = sensor;
		if (sensor != RIG_FAULT_NONE)
			model->frozen_value = values[sensor];
	}
	else if (sensor != RIG_FAULT_NONE)
		values[sensor] = model->frozen_value;
}

static void
read_instruments(RigModel *model, const RigFaultEffect *fault, const double *quantities, double *values)
{
	double shown[RIG_BUILTIN_SENSORS];
	int builtin = model->sensors < RIG_BUILTIN_SENSORS ? model->sensors : RIG_BUILTIN_SENSORS;
	double luck = rig_random_uniform(&model->noise);
	uint32_t missing = rig_random_below(&model->noise, (uint32_t) model->sensors);

	for (int i = 0; i < RIG_BUILTIN_SENSORS; i++)
		shown[i] = fmin(rig_sensors[i].high, fmax(rig_sensors[i].low, quantities[i] + model->instruments[i].value));
	freeze_sensor(model, fault->frozen_sensor, shown);
	memcpy(values, shown, (size_t) builtin * sizeof(double));
	for (int i = RIG_BUILTIN_SENSORS; i < model->sensors; i++)
		values[i] = model->bases[i - RIG_BUILTIN_SENSORS] + model->instruments[i].value;
	if (luck < model->dropouts)
		values[missing] = NAN;
}

void
rig_model_step(RigModel *model, int64_t time_us, double seconds, const RigFaultEffect *fault, double *values)
{
	double quantities[RIG_BUILTIN_SENSORS];

	tune_model(model, seconds);
	move_signals(model);
	rig_cycle_step(&model->cycle, &model->events, seconds, model->rop, fault->hold_drilling);
	model->brake_wear += 1e-6 * seconds * fabs(model->cycle.block_speed);
	if (model->brake_wear > 65)
		model->brake_wear = 12; /* new pads */

	read_weather(model, time_us, quantities);
	drill_hole(model, fault, quantities);
	pump_mud(model, seconds, fault, quantities);
	draw_power(model, fault, quantities);
	heat_equipment(model, fault, quantities);
	fill_safety(model, quantities);
	model->settled = true;
	read_instruments(model, fault, quantities, values);
}
