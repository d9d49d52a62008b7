CREATE TABLE rigalpha.simulator_control (
	name text PRIMARY KEY DEFAULT 'default' CHECK (octet_length(name) BETWEEN 1 AND 63),
	running boolean NOT NULL DEFAULT true,
	rate float8 NOT NULL DEFAULT 1 CHECK (rate > 0 AND rate <= 100000),
	fault text CHECK (fault IN ('kick', 'washout', 'stick_slip', 'bearing_wear', 'pump_valve', 'sensor_freeze', 'clock_skew', 'outage')),
	fault_machine text,
	fault_started_at timestamptz,
	target text,
	pid integer,
	heartbeat_at timestamptz,
	sent bigint NOT NULL DEFAULT 0,
	note text
);
COMMENT ON TABLE rigalpha.simulator_control IS 'Switches of running simulators (rigalpha-sim): they read their row every second';
COMMENT ON COLUMN rigalpha.simulator_control.name IS 'Name of the simulator';
COMMENT ON COLUMN rigalpha.simulator_control.running IS 'False = it sends nothing';
COMMENT ON COLUMN rigalpha.simulator_control.rate IS 'Messages per second and machine';
COMMENT ON COLUMN rigalpha.simulator_control.fault IS 'Fault script to play; null = none';
COMMENT ON COLUMN rigalpha.simulator_control.fault_machine IS 'Machine that has the fault; null = the first';
COMMENT ON COLUMN rigalpha.simulator_control.fault_started_at IS 'When the simulator began the fault';
COMMENT ON COLUMN rigalpha.simulator_control.target IS 'Where it sends to';
COMMENT ON COLUMN rigalpha.simulator_control.pid IS 'Its process';
COMMENT ON COLUMN rigalpha.simulator_control.heartbeat_at IS 'When it last wrote here';
COMMENT ON COLUMN rigalpha.simulator_control.sent IS 'Messages sent';
COMMENT ON COLUMN rigalpha.simulator_control.note IS 'What it says of itself';
