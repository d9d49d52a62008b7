/*
 * The 60 built-in sensors of a rig, five categories of twelve, in table order.
 */
#ifndef RIG_SENSORS_H
#define RIG_SENSORS_H

typedef enum RigSensor
{
	/* environmental */
	RIG_AMBIENT_TEMP,
	RIG_AMBIENT_HUMIDITY,
	RIG_BAROMETRIC_PRESSURE,
	RIG_WIND_SPEED,
	RIG_WIND_GUST,
	RIG_WIND_DIRECTION,
	RIG_H2S_FLOOR,
	RIG_CH4_LEL_SHAKER,
	RIG_CO_LEVEL,
	RIG_O2_CELLAR,
	RIG_NOISE_FLOOR,
	RIG_CABIN_TEMP,
	/* mechanical */
	RIG_HOOKLOAD,
	RIG_WOB,
	RIG_ROP,
	RIG_RPM,
	RIG_TORQUE,
	RIG_BLOCK_POSITION,
	RIG_BIT_DEPTH,
	RIG_BLOCK_SPEED,
	RIG_VIBRATION,
	RIG_VIB_MUD_PUMP,
	RIG_DRAWWORKS_SPEED,
	RIG_BRAKE_WEAR,
	/* thermal */
	RIG_TEMPERATURE,
	RIG_MUD_TEMP_IN,
	RIG_MUD_TEMP_OUT,
	RIG_TD_MOTOR_TEMP,
	RIG_DW_MOTOR_TEMP,
	RIG_MP1_BEARING_TEMP,
	RIG_MP2_BEARING_TEMP,
	RIG_BRAKE_TEMP,
	RIG_HYD_OIL_TEMP,
	RIG_ENGINE_COOLANT_TEMP,
	RIG_ENGINE_EXHAUST_TEMP,
	RIG_VFD_CABINET_TEMP,
	/* electrical */
	RIG_TD_MOTOR_CURRENT,
	RIG_DW_MOTOR_CURRENT,
	RIG_MP1_MOTOR_CURRENT,
	RIG_MP2_MOTOR_CURRENT,
	RIG_BUS_VOLTAGE,
	RIG_BUS_FREQUENCY,
	RIG_DC_LINK_VOLTAGE,
	RIG_GEN_POWER,
	RIG_POWER_FACTOR,
	RIG_PHASE_IMBALANCE,
	RIG_GROUND_FAULT,
	RIG_UPS_CHARGE,
	/* fluid */
	RIG_SPP,
	RIG_CHOKE_PRESSURE,
	RIG_FLOW_IN,
	RIG_FLOW_OUT_PCT,
	RIG_SPM1,
	RIG_SPM2,
	RIG_PIT_VOLUME,
	RIG_PIT_GAIN,
	RIG_MUD_WEIGHT_IN,
	RIG_MUD_WEIGHT_OUT,
	RIG_GAS_TOTAL,
	RIG_HYDRAULIC_PRESSURE,
	RIG_BUILTIN_SENSORS
} RigSensor;

/* What an instrument adds to the quantity it measures, and what it can show at all. */
typedef struct RigSensorInfo
{
	const char *name;
	double low; /* physical end of the scale, not the normal range */
	double high;
	double noise; /* standard deviation */
	double noise_seconds; /* correlation time of the noise */
} RigSensorInfo;

extern const RigSensorInfo rig_sensors[RIG_BUILTIN_SENSORS];

#endif
