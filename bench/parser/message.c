#include "message.h"

#include <stdio.h>

#include "random.h"

const char *const message_sensor_names[MESSAGE_SENSORS] = {
	"ambient_temp", "ambient_humidity", "barometric_pressure", "wind_speed", "wind_gust",
	"wind_direction", "h2s_floor", "ch4_lel_shaker", "co_level", "o2_cellar", "noise_floor",
	"cabin_temp", "hookload", "rop", "rpm", "torque", "block_position", "bit_depth",
	"block_speed", "vibration", "vib_mud_pump", "drawworks_speed", "brake_wear", "temperature",
	"mud_temp_in", "mud_temp_out", "td_motor_temp", "dw_motor_temp", "mp1_bearing_temp",
	"mp2_bearing_temp", "brake_temp", "hyd_oil_temp", "engine_coolant_temp",
	"engine_exhaust_temp", "td_motor_current", "dw_motor_current", "mp1_motor_current",
	"bus_voltage", "bus_frequency", "dc_link_voltage", "gen_power", "power_factor",
	"phase_imbalance", "ground_fault", "ups_charge", "spp", "choke_pressure", "flow_in",
	"flow_out_pct", "pump1_stroke_rate", "pump2_stroke_rate", "hydraulic_pressure", "pit_volume",
	"pit_gain", "mud_weight_in", "gas_total"
};

/* Typical value of each sensor; a message scatters round it. */
static const double typical[MESSAGE_SENSORS] = {
	55, 45, 29.9, 12, 18, 180, 1, 2, 5, 20.9, 78, 70, 250, 90, 120, 12, 55, 9500, -40, 0.15,
	0.2, 80, 35, 140, 95, 120, 180, 170, 130, 128, 210, 110, 185, 850, 520, 430, 510, 600, 60,
	810, 1800, 0.92, 1.5, 40, 97, 3100, 60, 650, 38, 85, 84, 2600, 600, 0.8, 10.4, 2.5
};

size_t
message_write(char *out, uint64_t seed, int index)
{
	RigRandom	random;
	int			length;

	rig_random_seed_stream(&random, seed, (uint64_t) index);
	length = snprintf(out, MESSAGE_MAX_LENGTH,
					  "{\"machine_id\":\"north-rig-%d\",\"timestamp\":\"2026-01-05T12:%02d:%02d.%03dZ\","
					  "\"state\":\"drilling\",\"sensors\":{",
					  index % 3, index / 60 % 60, index % 60, index % 1000);
	for (int i = 0; i < MESSAGE_SENSORS; i++)
	{
		double		value = typical[i] * (0.75 + 0.5 * rig_random_uniform(&random));

		length += snprintf(out + length, MESSAGE_MAX_LENGTH - (size_t) length, "%s\"%s\":%.4f",
						   i > 0 ? "," : "", message_sensor_names[i], value);
	}
	length += snprintf(out + length, MESSAGE_MAX_LENGTH - (size_t) length, "}}");
	return (size_t) length;
}
