\echo Use "CREATE EXTENSION rigalpha" to load this file. \quit

-- Roles belong to the cluster, not to the extension: they are made when missing, survive
-- DROP EXTENSION, and are refused when they hold more than the design gives them.
DO $roles$
DECLARE
	wanted record;
	found record;
BEGIN
	FOR wanted IN
		SELECT * FROM (VALUES
			('rigalpha_owner', false, true),
			('rigalpha_admin', false, true),
			('rigalpha_operator', false, true),
			('rigalpha_viewer', false, true),
			('rigalpha_ingest', false, true),
			('rigalpha_simulator', false, true),
			('rigalpha_web', true, false),
			('rigalpha_worker', true, true)
		) AS r (name, may_login, inherits)
	LOOP
		BEGIN
			EXECUTE pg_catalog.format('CREATE ROLE %I %s %s', wanted.name,
				CASE WHEN wanted.may_login THEN 'LOGIN' ELSE 'NOLOGIN' END,
				CASE WHEN wanted.inherits THEN 'INHERIT' ELSE 'NOINHERIT' END);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			SELECT * INTO found FROM pg_catalog.pg_roles WHERE rolname = wanted.name;
			IF found.rolsuper OR found.rolcreaterole OR found.rolcreatedb OR found.rolreplication
				OR found.rolbypassrls OR (found.rolcanlogin AND NOT wanted.may_login)
				OR (found.rolinherit AND NOT wanted.inherits) THEN
				RAISE EXCEPTION 'role "%" exists with more rights than rigalpha expects', wanted.name
					USING ERRCODE = 'RA006',
						HINT = 'Take away SUPERUSER, CREATEROLE, CREATEDB, REPLICATION, BYPASSRLS, and LOGIN or INHERIT where the role should not have them, or rename the role.';
			END IF;
		END;
	END LOOP;
END
$roles$;

GRANT rigalpha_viewer TO rigalpha_operator;
GRANT rigalpha_operator TO rigalpha_admin;
GRANT rigalpha_admin, rigalpha_operator, rigalpha_viewer, rigalpha_ingest TO rigalpha_web;

COMMENT ON SCHEMA rigalpha IS 'Industrial monitoring: tables and functions';
GRANT CREATE, USAGE ON SCHEMA rigalpha TO rigalpha_owner;
GRANT USAGE ON SCHEMA rigalpha TO rigalpha_viewer, rigalpha_ingest, rigalpha_simulator, rigalpha_worker, rigalpha_web;

CREATE SCHEMA rigalpha_api AUTHORIZATION rigalpha_owner;
COMMENT ON SCHEMA rigalpha_api IS 'Views and functions for the HTTP sidecar and for reporting tools';
GRANT USAGE ON SCHEMA rigalpha_api TO rigalpha_viewer, rigalpha_ingest;
-- Which cluster and database this data belongs to. A restored or copied database differs from
-- its node row, and everything that writes by itself stays still until an admin adopts it.
CREATE TABLE rigalpha.node (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	log_id uuid NOT NULL DEFAULT gen_random_uuid(),
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	adopted_at timestamptz
);
COMMENT ON TABLE rigalpha.node IS 'The cluster and database that this data belongs to; one row, written by setup()';
COMMENT ON COLUMN rigalpha.node.singleton IS 'Always true: the table holds one row';
COMMENT ON COLUMN rigalpha.node.log_id IS 'Identity of the audit log, which a restored copy keeps';
COMMENT ON COLUMN rigalpha.node.system_identifier IS 'System identifier of the cluster';
COMMENT ON COLUMN rigalpha.node.database_oid IS 'OID of the database';
COMMENT ON COLUMN rigalpha.node.epoch IS 'Counts the adoptions after a restore, copy or upgrade, from 1';
COMMENT ON COLUMN rigalpha.node.created_at IS 'When setup() ran first';
COMMENT ON COLUMN rigalpha.node.adopted_at IS 'When adopt() ran last';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.node', '');

CREATE FUNCTION rigalpha.system_identifier() RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_system_identifier';
COMMENT ON FUNCTION rigalpha.system_identifier() IS 'System identifier of the running cluster';

CREATE FUNCTION rigalpha.database_oid() RETURNS oid
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT oid FROM pg_database WHERE datname = current_database() $$;
COMMENT ON FUNCTION rigalpha.database_oid() IS 'OID of the current database';

CREATE FUNCTION rigalpha.node_is_current() RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT EXISTS (SELECT FROM rigalpha.node
		WHERE system_identifier = rigalpha.system_identifier() AND database_oid = rigalpha.database_oid())
	$$;
COMMENT ON FUNCTION rigalpha.node_is_current() IS 'True when setup() or adopt() ran in this very cluster and database';

-- Statement trigger of every table that backends cache: other backends learn of the change
-- when it commits, this one at its next command, and an abort takes it back.
CREATE FUNCTION rigalpha.invalidate_cache() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_invalidate_cache';
COMMENT ON FUNCTION rigalpha.invalidate_cache() IS 'Trigger: makes every backend reload what it cached of this table, and tells listeners of edits';

CREATE TRIGGER node_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rigalpha.node
	FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.invalidate_cache();
ALTER TABLE rigalpha.node ENABLE ALWAYS TRIGGER node_cache;
COMMENT ON TRIGGER node_cache ON rigalpha.node IS 'Makes every backend check the node again';
CREATE TABLE rigalpha.machines (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 63),
	label text NOT NULL DEFAULT '' CHECK (octet_length(label) <= 200),
	sensor_quota integer CHECK (sensor_quota BETWEEN 1 AND 1600),
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rigalpha.machines IS 'Machines that send readings; a machine appears with its first reading';
COMMENT ON COLUMN rigalpha.machines.id IS 'Key used in readings';
COMMENT ON COLUMN rigalpha.machines.name IS 'Name that messages carry as machine_id';
COMMENT ON COLUMN rigalpha.machines.label IS 'Text for people; empty = the name is shown';
COMMENT ON COLUMN rigalpha.machines.sensor_quota IS 'Most sensors that discovery may give this machine; null = setting rigalpha.sensor_quota';
COMMENT ON COLUMN rigalpha.machines.created_at IS 'When the machine was first seen';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.machines', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.machines_id_seq', '');

CREATE TABLE rigalpha.sensors (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 63),
	label text NOT NULL DEFAULT '' CHECK (octet_length(label) <= 200),
	unit text NOT NULL DEFAULT '' CHECK (octet_length(unit) <= 63),
	category text NOT NULL DEFAULT 'other' CHECK (octet_length(category) BETWEEN 1 AND 63),
	normal_min float8,
	normal_max float8,
	origin text NOT NULL DEFAULT 'custom' CHECK (origin IN ('builtin', 'discovered', 'custom')),
	created_at timestamptz NOT NULL DEFAULT now(),
	CHECK (normal_min <= normal_max)
);
COMMENT ON TABLE rigalpha.sensors IS 'Dictionary of sensors, shared by all machines';
COMMENT ON COLUMN rigalpha.sensors.id IS 'Key';
COMMENT ON COLUMN rigalpha.sensors.name IS 'Name that messages carry';
COMMENT ON COLUMN rigalpha.sensors.label IS 'Text for people; empty = the name is shown';
COMMENT ON COLUMN rigalpha.sensors.unit IS 'Unit of the stored values; empty = unknown';
COMMENT ON COLUMN rigalpha.sensors.category IS 'environmental, mechanical, thermal, electrical, fluid, or any other group';
COMMENT ON COLUMN rigalpha.sensors.normal_min IS 'Low end of the normal range; null = unknown';
COMMENT ON COLUMN rigalpha.sensors.normal_max IS 'High end of the normal range; null = unknown';
COMMENT ON COLUMN rigalpha.sensors.origin IS 'builtin (written by setup), discovered (seen in a message) or custom (made by an admin)';
COMMENT ON COLUMN rigalpha.sensors.created_at IS 'When the sensor was made or first seen';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.sensors', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.sensors_id_seq', '');

CREATE TABLE rigalpha.sensor_aliases (
	alias text NOT NULL CHECK (octet_length(alias) BETWEEN 1 AND 63),
	machine_id integer REFERENCES rigalpha.machines ON DELETE CASCADE,
	sensor_id integer NOT NULL REFERENCES rigalpha.sensors ON DELETE CASCADE,
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE UNIQUE INDEX sensor_aliases_machine_alias ON rigalpha.sensor_aliases ((coalesce(machine_id, 0)), alias);
COMMENT ON TABLE rigalpha.sensor_aliases IS 'Other names of a sensor; readings under an alias are stored as the sensor';
COMMENT ON COLUMN rigalpha.sensor_aliases.alias IS 'Name as it stands in messages';
COMMENT ON COLUMN rigalpha.sensor_aliases.machine_id IS 'Machine that uses the alias; null = all machines';
COMMENT ON COLUMN rigalpha.sensor_aliases.sensor_id IS 'Sensor that is meant';
COMMENT ON COLUMN rigalpha.sensor_aliases.id IS 'Key, by which the audit log tells rows apart';
COMMENT ON INDEX rigalpha.sensor_aliases_machine_alias IS 'One meaning of an alias per machine';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.sensor_aliases', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.sensor_aliases_id_seq', '');

CREATE TABLE rigalpha.machine_sensors (
	machine_id integer NOT NULL REFERENCES rigalpha.machines ON DELETE CASCADE,
	sensor_id integer NOT NULL REFERENCES rigalpha.sensors,
	position smallint NOT NULL CHECK (position BETWEEN 1 AND 1600),
	display_order integer,
	first_seen timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (machine_id, sensor_id),
	UNIQUE (machine_id, position)
);
COMMENT ON TABLE rigalpha.machine_sensors IS 'Sensors of each machine and where their values stand in its arrays';
COMMENT ON COLUMN rigalpha.machine_sensors.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.machine_sensors.sensor_id IS 'Sensor';
COMMENT ON COLUMN rigalpha.machine_sensors.position IS 'Subscript in readings.sensor_values of this machine; never changes, never used again';
COMMENT ON COLUMN rigalpha.machine_sensors.display_order IS 'Order in the dashboard; null = by position';
COMMENT ON COLUMN rigalpha.machine_sensors.first_seen IS 'When the machine first sent the sensor';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.machine_sensors', '');

-- The positions define what the stored arrays mean, so they may not be changed or given again.
CREATE FUNCTION rigalpha.keep_position() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RAISE EXCEPTION 'the position of a sensor cannot be changed or removed'
		USING ERRCODE = 'object_in_use',
			DETAIL = 'The stored readings of the machine use it.',
			HINT = 'Change display_order, or add an alias.';
END
$$;
COMMENT ON FUNCTION rigalpha.keep_position() IS 'Trigger: refuses to change or free a position that stored arrays use';
CREATE TRIGGER keep_position BEFORE UPDATE OF machine_id, sensor_id, position ON rigalpha.machine_sensors
	FOR EACH ROW EXECUTE FUNCTION rigalpha.keep_position();
COMMENT ON TRIGGER keep_position ON rigalpha.machine_sensors IS 'Refuses to change a position that stored arrays use';
CREATE TRIGGER keep_position_delete BEFORE DELETE ON rigalpha.machine_sensors
	FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION rigalpha.keep_position();
COMMENT ON TRIGGER keep_position_delete ON rigalpha.machine_sensors IS 'Refuses to free a position, unless the machine itself is deleted';

CREATE FUNCTION rigalpha.builtin_sensors()
	RETURNS TABLE (ordinal integer, name text, label text, unit text, category text, normal_min float8, normal_max float8)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	VALUES
		(1, 'ambient_temp', 'Air temperature', 'degF', 'environmental', 20, 80),
		(2, 'ambient_humidity', 'Relative humidity', '%', 'environmental', 10, 90),
		(3, 'barometric_pressure', 'Barometric pressure', 'inHg', 'environmental', 28.5, 30.8),
		(4, 'wind_speed', 'Wind speed, 1 min', 'mph', 'environmental', 0, 35),
		(5, 'wind_gust', 'Wind gust, 5 s', 'mph', 'environmental', 0, 50),
		(6, 'wind_direction', 'Wind direction', 'deg', 'environmental', 0, 360),
		(7, 'h2s_floor', 'Hydrogen sulfide, rig floor', 'ppm', 'environmental', 0, 5),
		(8, 'ch4_lel_shaker', 'Combustible gas, shaker', '%LEL', 'environmental', 0, 10),
		(9, 'co_level', 'Carbon monoxide', 'ppm', 'environmental', 0, 25),
		(10, 'o2_cellar', 'Oxygen, cellar', '%', 'environmental', 19.5, 23.5),
		(11, 'noise_floor', 'Noise, rig floor', 'dBA', 'environmental', 60, 90),
		(12, 'cabin_temp', 'Driller cabin temperature', 'degF', 'environmental', 62, 80),
		(13, 'hookload', 'Hookload (avg)', 'klb', 'mechanical', 120, 380),
		(14, 'wob', 'Weight on bit (surface)', 'klb', 'mechanical', 5, 45),
		(15, 'rop', 'Rate of penetration', 'ft/h', 'mechanical', 20, 250),
		(16, 'rpm', 'Rotary speed', 'rpm', 'mechanical', 60, 180),
		(17, 'torque', 'Rotary torque', 'kft.lb', 'mechanical', 4, 22),
		(18, 'block_position', 'Block position', 'ft', 'mechanical', 2, 105),
		(19, 'bit_depth', 'Bit depth, measured', 'ft', 'mechanical', 0, 20000),
		(20, 'block_speed', 'Travelling block speed', 'ft/min', 'mechanical', -200, 200),
		(21, 'vibration', 'Top drive vibration, rms', 'in/s', 'mechanical', 0.02, 0.28),
		(22, 'vib_mud_pump', 'Mud pump 1 vibration, rms', 'in/s', 'mechanical', 0.02, 0.35),
		(23, 'drawworks_speed', 'Drawworks drum speed', 'rpm', 'mechanical', 0, 220),
		(24, 'brake_wear', 'Brake pad wear', '%', 'mechanical', 0, 70),
		(25, 'temperature', 'Top drive gearbox oil', 'degF', 'thermal', 60, 185),
		(26, 'mud_temp_in', 'Mud temperature in', 'degF', 'thermal', 60, 130),
		(27, 'mud_temp_out', 'Mud temperature out', 'degF', 'thermal', 80, 160),
		(28, 'td_motor_temp', 'Top drive motor winding', 'degF', 'thermal', 90, 260),
		(29, 'dw_motor_temp', 'Drawworks motor winding', 'degF', 'thermal', 90, 260),
		(30, 'mp1_bearing_temp', 'Mud pump 1 pinion bearing', 'degF', 'thermal', 90, 180),
		(31, 'mp2_bearing_temp', 'Mud pump 2 pinion bearing', 'degF', 'thermal', 90, 180),
		(32, 'brake_temp', 'Drawworks brake disc', 'degF', 'thermal', 60, 400),
		(33, 'hyd_oil_temp', 'Hydraulic oil', 'degF', 'thermal', 70, 150),
		(34, 'engine_coolant_temp', 'Engine 1 coolant', 'degF', 'thermal', 160, 205),
		(35, 'engine_exhaust_temp', 'Engine 1 exhaust', 'degF', 'thermal', 500, 1100),
		(36, 'vfd_cabinet_temp', 'VFD house temperature', 'degF', 'thermal', 60, 95),
		(37, 'td_motor_current', 'Top drive motor current', 'A', 'electrical', 150, 900),
		(38, 'dw_motor_current', 'Drawworks motor current', 'A', 'electrical', 0, 1200),
		(39, 'mp1_motor_current', 'Mud pump 1 motor current', 'A', 'electrical', 200, 850),
		(40, 'mp2_motor_current', 'Mud pump 2 motor current', 'A', 'electrical', 200, 850),
		(41, 'bus_voltage', 'Main AC bus voltage', 'V', 'electrical', 570, 630),
		(42, 'bus_frequency', 'Bus frequency', 'Hz', 'electrical', 59.5, 60.5),
		(43, 'dc_link_voltage', 'VFD DC link voltage', 'V', 'electrical', 760, 860),
		(44, 'gen_power', 'Generator total power', 'kW', 'electrical', 400, 3200),
		(45, 'power_factor', 'Power factor', '1', 'electrical', 0.75, 1.0),
		(46, 'phase_imbalance', 'Phase current imbalance', '%', 'electrical', 0, 5),
		(47, 'ground_fault', 'Ground fault current', 'mA', 'electrical', 0, 300),
		(48, 'ups_charge', 'Control UPS charge', '%', 'electrical', 80, 100),
		(49, 'spp', 'Standpipe pressure', 'psi', 'fluid', 1800, 4200),
		(50, 'choke_pressure', 'Casing (choke) pressure', 'psi', 'fluid', 0, 150),
		(51, 'flow_in', 'Mud flow in', 'gal/min', 'fluid', 400, 950),
		(52, 'flow_out_pct', 'Mud flow out paddle', '%', 'fluid', 20, 60),
		(53, 'spm1', 'Pump 1 stroke rate', 'spm', 'fluid', 50, 120),
		(54, 'spm2', 'Pump 2 stroke rate', 'spm', 'fluid', 50, 120),
		(55, 'pit_volume', 'Active pit volume', 'bbl', 'fluid', 300, 900),
		(56, 'pit_gain', 'Pit gain/loss (kick or loss)', 'bbl', 'fluid', -8, 8),
		(57, 'mud_weight_in', 'Mud density in', 'lb/gal', 'fluid', 8.6, 13.5),
		(58, 'mud_weight_out', 'Mud density out', 'lb/gal', 'fluid', 8.5, 13.5),
		(59, 'gas_total', 'Total gas (avg)', '%', 'fluid', 0, 10),
		(60, 'hydraulic_pressure', 'HPU pressure', 'psi', 'fluid', 2200, 3000)
	$$;
COMMENT ON FUNCTION rigalpha.builtin_sensors() IS 'The 60 sensors of a drilling rig that setup() enters, with unit and normal range';
-- Narrow columns stand before the array, so that a scan for times or risks need not walk it.
-- The parent has no primary key (a dump with partitions could not be restored); every leaf
-- gets its unique index from ensure_partitions().
CREATE TABLE rigalpha.readings (
	machine_id integer NOT NULL,
	model_version integer,
	ts timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	state smallint NOT NULL,
	flags smallint NOT NULL,
	risk real,
	score_z real,
	score_pca real,
	score_forest real,
	score_lstm real,
	sensor_values float8[] NOT NULL
) PARTITION BY RANGE (ts);
ALTER TABLE rigalpha.readings ALTER COLUMN sensor_values SET STORAGE EXTERNAL;
COMMENT ON TABLE rigalpha.readings IS 'One row per machine and instant; a partition per UTC day. Written by ingest() only';
COMMENT ON COLUMN rigalpha.readings.machine_id IS 'Machine; not a foreign key, to keep ingest fast';
COMMENT ON COLUMN rigalpha.readings.model_version IS 'Version of the model behind the scores; null = not scored';
COMMENT ON COLUMN rigalpha.readings.ts IS 'Time of the reading by the device clock';
COMMENT ON COLUMN rigalpha.readings.received_at IS 'Time of storing by the server clock';
COMMENT ON COLUMN rigalpha.readings.state IS 'What the machine was doing; see state_name()';
COMMENT ON COLUMN rigalpha.readings.flags IS 'Bits; see flag_names()';
COMMENT ON COLUMN rigalpha.readings.risk IS 'Hybrid anomaly risk 0..1; null = not scored';
COMMENT ON COLUMN rigalpha.readings.score_z IS 'Surprise of the sensors'' z by themselves: -log10 of the p-value; null = not scored';
COMMENT ON COLUMN rigalpha.readings.score_pca IS 'Surprise of the principal components of the reading and its window; null = not scored';
COMMENT ON COLUMN rigalpha.readings.score_forest IS 'Surprise of the isolation forest; null = not scored';
COMMENT ON COLUMN rigalpha.readings.score_lstm IS 'Surprise of the LSTM autoencoder; null = not scored, or thinned out under load';
COMMENT ON COLUMN rigalpha.readings.sensor_values IS 'Values by machine_sensors.position; null or beyond the end = absent';

CREATE TABLE rigalpha.machine_state (
	machine_id integer PRIMARY KEY REFERENCES rigalpha.machines ON DELETE CASCADE,
	ts timestamptz,
	received_at timestamptz,
	state smallint NOT NULL DEFAULT 0,
	state_ts timestamptz,
	flags smallint NOT NULL DEFAULT 0,
	readings bigint NOT NULL DEFAULT 0,
	revision bigint NOT NULL DEFAULT 0,
	anomaly_id bigint,
	stuck_id bigint,
	model_version integer,
	risk real,
	cusum real NOT NULL DEFAULT 0,
	recent smallint NOT NULL DEFAULT 0,
	calm smallint NOT NULL DEFAULT 0,
	window_stride smallint,
	sensor_values float8[] NOT NULL DEFAULT '{}',
	sensor_times timestamptz[] NOT NULL DEFAULT '{}',
	alarm_window bytea
) WITH (fillfactor = 50);
ALTER TABLE rigalpha.machine_state ALTER COLUMN sensor_values SET STORAGE EXTERNAL;
ALTER TABLE rigalpha.machine_state ALTER COLUMN sensor_times SET STORAGE EXTERNAL;
COMMENT ON TABLE rigalpha.machine_state IS 'Latest state of each machine by device time; late data never moves it back';
COMMENT ON COLUMN rigalpha.machine_state.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.machine_state.ts IS 'Newest device time; null = nothing stored yet';
COMMENT ON COLUMN rigalpha.machine_state.received_at IS 'When the newest reading was stored';
COMMENT ON COLUMN rigalpha.machine_state.state IS 'Newest state word; see state_name()';
COMMENT ON COLUMN rigalpha.machine_state.state_ts IS 'Device time of that state word; null = none was sent yet';
COMMENT ON COLUMN rigalpha.machine_state.flags IS 'Flags of the newest reading';
COMMENT ON COLUMN rigalpha.machine_state.readings IS 'Readings stored since the machine appeared';
COMMENT ON COLUMN rigalpha.machine_state.revision IS 'Moves with every batch that stored or completed a reading of the machine';
COMMENT ON COLUMN rigalpha.machine_state.anomaly_id IS 'Open incident of kind anomaly';
COMMENT ON COLUMN rigalpha.machine_state.stuck_id IS 'Open incident of kind stuck';
COMMENT ON COLUMN rigalpha.machine_state.model_version IS 'Version of the model that scored the newest reading with a score';
COMMENT ON COLUMN rigalpha.machine_state.risk IS 'Its risk 0..1; null = none was scored yet';
COMMENT ON COLUMN rigalpha.machine_state.cusum IS 'Sum of surprises beyond the usual, which opens an incident when it is large';
COMMENT ON COLUMN rigalpha.machine_state.recent IS 'Bits: which of the last readings were risky, bit 0 the newest';
COMMENT ON COLUMN rigalpha.machine_state.calm IS 'Calm readings in a row while an incident is open';
COMMENT ON COLUMN rigalpha.machine_state.window_stride IS 'Every how many readings the windowed detectors ran in the last batch; 0 = never, null = not scored';
COMMENT ON COLUMN rigalpha.machine_state.sensor_values IS 'Newest value of each position';
COMMENT ON COLUMN rigalpha.machine_state.sensor_times IS 'Device time of each of them';
COMMENT ON COLUMN rigalpha.machine_state.alarm_window IS 'Limits that are exceeded and delays that run, now and rigalpha.alarm_lateness ago; null = all sensors are normal';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.machine_state', '');

CREATE FUNCTION rigalpha.state_name(code smallint) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_state_name';
COMMENT ON FUNCTION rigalpha.state_name(smallint) IS 'State word of a code';

CREATE FUNCTION rigalpha.state_codes() RETURNS TABLE (code smallint, name text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c::smallint, rigalpha.state_name(c::smallint) FROM generate_series(0, 99) AS c
	WHERE c = 0 OR rigalpha.state_name(c::smallint) <> 'unknown'
	$$;
COMMENT ON FUNCTION rigalpha.state_codes() IS 'State words and their codes; 2 to 9 are the WITS activity codes (item 0107)';

CREATE FUNCTION rigalpha.flag_names(flags smallint) RETURNS text[]
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$ SELECT array_remove(ARRAY[
		CASE WHEN flags & 1 <> 0 THEN 'value refused' END,
		CASE WHEN flags & 2 <> 0 THEN 'late' END,
		CASE WHEN flags & 4 <> 0 THEN 'merged' END,
		CASE WHEN flags & 8 <> 0 THEN 'no device time' END,
		CASE WHEN flags & 16 <> 0 THEN 'state word unknown' END,
		CASE WHEN flags & 32 <> 0 THEN 'over sensor quota' END], NULL) $$;
COMMENT ON FUNCTION rigalpha.flag_names(smallint) IS 'Words for the bits of readings.flags';

-- CREATE TABLE LIKE and ATTACH, because PARTITION OF takes an exclusive lock on the parent and
-- two ingests that each need a new day would deadlock.
CREATE FUNCTION rigalpha.ensure_partitions(days date[]) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET client_min_messages = warning
	AS $$
DECLARE
	day date;
	leaf text;
	made integer := 0;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('rigalpha partitions', 0));
	FOR day IN SELECT DISTINCT d FROM unnest(days) AS d WHERE d IS NOT NULL ORDER BY d LOOP
		leaf := 'readings_' || to_char(day::timestamp, 'YYYYMMDD');
		-- The query sees what was committed while this waited for the lock; to_regclass sees it in
		-- a transaction with an older snapshot, too.
		CONTINUE WHEN EXISTS (SELECT FROM pg_class WHERE relnamespace = 'rigalpha'::regnamespace AND relname = leaf)
			OR to_regclass('rigalpha.' || leaf) IS NOT NULL;
		EXECUTE format('CREATE TABLE rigalpha.%I (LIKE rigalpha.readings INCLUDING DEFAULTS INCLUDING STORAGE)', leaf);
		EXECUTE format('CREATE UNIQUE INDEX %I ON rigalpha.%I (machine_id, ts)', leaf || '_key', leaf);
		EXECUTE format('ALTER TABLE rigalpha.readings ATTACH PARTITION rigalpha.%I FOR VALUES FROM (%L) TO (%L)',
			leaf, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
		made := made + 1;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION rigalpha.ensure_partitions(date[]) IS 'Makes the missing partitions of readings for these UTC days; returns how many were made';

CREATE VIEW rigalpha.reading_values WITH (security_invoker = true, security_barrier = true) AS
	SELECT m.name AS machine, s.name AS sensor, r.ts, r.sensor_values[ms.position] AS value
	FROM rigalpha.readings r
	JOIN rigalpha.machines m ON m.id = r.machine_id
	JOIN rigalpha.machine_sensors ms ON ms.machine_id = r.machine_id
	JOIN rigalpha.sensors s ON s.id = ms.sensor_id
	WHERE r.sensor_values[ms.position] IS NOT NULL;
COMMENT ON VIEW rigalpha.reading_values IS 'One row per stored value; give a machine and a time range';
COMMENT ON COLUMN rigalpha.reading_values.machine IS 'Machine name';
COMMENT ON COLUMN rigalpha.reading_values.sensor IS 'Sensor name';
COMMENT ON COLUMN rigalpha.reading_values.ts IS 'Device time';
COMMENT ON COLUMN rigalpha.reading_values.value IS 'Value in the unit of the sensor';

CREATE FUNCTION rigalpha.value(sensor_values float8[], machine_id integer, sensor text) RETURNS float8
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	AS $$ SELECT sensor_values[(SELECT ms.position FROM rigalpha.machine_sensors ms
		JOIN rigalpha.sensors s ON s.id = ms.sensor_id
		WHERE ms.machine_id = value.machine_id AND s.name = value.sensor)] $$;
COMMENT ON FUNCTION rigalpha.value(float8[], integer, text) IS 'Value of one sensor out of a row of readings; null = absent';

CREATE VIEW rigalpha.sensor_state WITH (security_invoker = true, security_barrier = true) AS
	SELECT ms.machine_id, ms.sensor_id, ms.position,
		st.sensor_values[ms.position] AS value, st.sensor_times[ms.position] AS ts
	FROM rigalpha.machine_sensors ms
	JOIN rigalpha.machine_state st ON st.machine_id = ms.machine_id;
COMMENT ON VIEW rigalpha.sensor_state IS 'Newest value of each sensor of each machine, by device time';
COMMENT ON COLUMN rigalpha.sensor_state.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.sensor_state.sensor_id IS 'Sensor';
COMMENT ON COLUMN rigalpha.sensor_state.position IS 'Position in the arrays of the machine';
COMMENT ON COLUMN rigalpha.sensor_state.value IS 'Newest value; null = never sent';
COMMENT ON COLUMN rigalpha.sensor_state.ts IS 'Device time of that value';
CREATE TABLE rigalpha.thresholds (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	machine_id integer REFERENCES rigalpha.machines ON DELETE CASCADE,
	sensor_id integer NOT NULL REFERENCES rigalpha.sensors ON DELETE CASCADE,
	lolo float8,
	lo float8,
	hi float8,
	hihi float8,
	deadband float8 NOT NULL DEFAULT 0 CHECK (deadband >= 0 AND deadband < 'Infinity'),
	on_delay interval NOT NULL DEFAULT '0' CHECK (on_delay >= '0'),
	off_delay interval NOT NULL DEFAULT '0' CHECK (off_delay >= '0'),
	valid_from timestamptz NOT NULL DEFAULT now(),
	valid_to timestamptz NOT NULL DEFAULT 'infinity',
	CHECK (valid_from < valid_to),
	CHECK (coalesce(lolo, lo, hi, hihi) IS NOT NULL),
	CHECK (lolo <= lo), CHECK (lo <= hi), CHECK (hi <= hihi),
	CHECK (lolo <= hi), CHECK (lolo <= hihi), CHECK (lo <= hihi),
	CHECK (coalesce(greatest(abs(lolo), abs(lo), abs(hi), abs(hihi)), 0) < 'Infinity')
);
CREATE UNIQUE INDEX thresholds_current ON rigalpha.thresholds ((coalesce(machine_id, 0)), sensor_id)
	WHERE valid_to = 'infinity';
CREATE INDEX thresholds_history ON rigalpha.thresholds (sensor_id, valid_from);
COMMENT ON TABLE rigalpha.thresholds IS 'Limits per sensor, for one machine or all; a row is valid from valid_from to before valid_to';
COMMENT ON COLUMN rigalpha.thresholds.id IS 'Key; the current row keeps its id when it is changed';
COMMENT ON COLUMN rigalpha.thresholds.machine_id IS 'Machine; null = all machines without a row of their own';
COMMENT ON COLUMN rigalpha.thresholds.sensor_id IS 'Sensor';
COMMENT ON COLUMN rigalpha.thresholds.lolo IS 'Lowest safe value; below it is critical';
COMMENT ON COLUMN rigalpha.thresholds.lo IS 'Low limit';
COMMENT ON COLUMN rigalpha.thresholds.hi IS 'High limit';
COMMENT ON COLUMN rigalpha.thresholds.hihi IS 'Highest safe value; above it is critical';
COMMENT ON COLUMN rigalpha.thresholds.deadband IS 'How far a value must return inside a limit before it counts as normal, in the unit of the sensor';
COMMENT ON COLUMN rigalpha.thresholds.on_delay IS 'How long a limit must be exceeded';
COMMENT ON COLUMN rigalpha.thresholds.off_delay IS 'How long a value must be normal again';
COMMENT ON COLUMN rigalpha.thresholds.valid_from IS 'When these limits began to apply';
COMMENT ON COLUMN rigalpha.thresholds.valid_to IS 'When they ceased to; infinity = they apply now';
COMMENT ON INDEX rigalpha.thresholds_current IS 'One current row per machine and sensor';
COMMENT ON INDEX rigalpha.thresholds_history IS 'Finds the limits that applied at a time';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.thresholds', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.thresholds_id_seq', '');

-- A plain UPDATE or DELETE of the current row leaves its former state behind as a closed row.
CREATE FUNCTION rigalpha.keep_threshold_history() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF OLD.valid_to <> 'infinity' THEN
		RAISE EXCEPTION 'closed thresholds cannot be changed'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Change the row whose valid_to is infinity.';
	END IF;
	IF TG_OP = 'UPDATE' THEN
		IF (NEW.machine_id, NEW.sensor_id, NEW.valid_to) IS DISTINCT FROM (OLD.machine_id, OLD.sensor_id, OLD.valid_to) THEN
			RAISE EXCEPTION 'machine, sensor and end of a threshold cannot be changed'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Delete the row and insert another.';
		END IF;
		NEW.id := OLD.id;
		NEW.valid_from := greatest(now(), OLD.valid_from);
	END IF;
	IF OLD.valid_from < now() THEN
		INSERT INTO rigalpha.thresholds (machine_id, sensor_id, lolo, lo, hi, hihi, deadband, on_delay, off_delay, valid_from, valid_to)
		VALUES (OLD.machine_id, OLD.sensor_id, OLD.lolo, OLD.lo, OLD.hi, OLD.hihi, OLD.deadband, OLD.on_delay, OLD.off_delay,
			OLD.valid_from, now());
	END IF;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION rigalpha.keep_threshold_history() IS 'Trigger: closes the former limits when a threshold is changed or deleted';
CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE ON rigalpha.thresholds
	FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION rigalpha.keep_threshold_history();
COMMENT ON TRIGGER keep_history ON rigalpha.thresholds IS 'Keeps the former limits as a closed row';

CREATE FUNCTION rigalpha.set_threshold(sensor text, machine text DEFAULT NULL, lolo float8 DEFAULT NULL, lo float8 DEFAULT NULL,
	hi float8 DEFAULT NULL, hihi float8 DEFAULT NULL, deadband float8 DEFAULT 0, on_delay interval DEFAULT '0',
	off_delay interval DEFAULT '0') RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target_machine integer;
	target_sensor integer;
	result bigint;
BEGIN
	SELECT s.id INTO target_sensor FROM rigalpha.sensors s WHERE s.name = set_threshold.sensor;
	IF target_sensor IS NULL THEN
		RAISE EXCEPTION 'sensor "%" does not exist', sensor USING ERRCODE = 'undefined_object';
	END IF;
	IF machine IS NOT NULL THEN
		SELECT m.id INTO target_machine FROM rigalpha.machines m WHERE m.name = set_threshold.machine;
		IF target_machine IS NULL THEN
			RAISE EXCEPTION 'machine "%" does not exist', machine USING ERRCODE = 'undefined_object';
		END IF;
	END IF;
	UPDATE rigalpha.thresholds t
		SET lolo = set_threshold.lolo, lo = set_threshold.lo, hi = set_threshold.hi, hihi = set_threshold.hihi,
			deadband = set_threshold.deadband, on_delay = set_threshold.on_delay, off_delay = set_threshold.off_delay
		WHERE coalesce(t.machine_id, 0) = coalesce(target_machine, 0) AND t.sensor_id = target_sensor AND t.valid_to = 'infinity'
		RETURNING t.id INTO result;
	IF result IS NULL THEN
		INSERT INTO rigalpha.thresholds (machine_id, sensor_id, lolo, lo, hi, hihi, deadband, on_delay, off_delay)
			VALUES (target_machine, target_sensor, set_threshold.lolo, set_threshold.lo, set_threshold.hi, set_threshold.hihi,
				set_threshold.deadband, set_threshold.on_delay, set_threshold.off_delay)
			RETURNING id INTO result;
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.set_threshold(text, text, float8, float8, float8, float8, float8, interval, interval)
	IS 'Sets the limits of a sensor for one machine or, without a machine, for all; the former limits stay as history';

CREATE VIEW rigalpha.effective_thresholds WITH (security_invoker = true, security_barrier = true) AS
	SELECT DISTINCT ON (ms.machine_id, ms.sensor_id)
		ms.machine_id, ms.sensor_id, t.id AS threshold_id, t.machine_id IS NULL AS fleet,
		t.lolo, t.lo, t.hi, t.hihi, t.deadband, t.on_delay, t.off_delay, t.valid_from
	FROM rigalpha.machine_sensors ms
	JOIN rigalpha.thresholds t ON t.sensor_id = ms.sensor_id AND t.valid_to = 'infinity'
		AND (t.machine_id = ms.machine_id OR t.machine_id IS NULL)
	ORDER BY ms.machine_id, ms.sensor_id, t.machine_id NULLS LAST;
COMMENT ON VIEW rigalpha.effective_thresholds IS 'Limits that apply now to each sensor of each machine: its own row, else the one of all machines';
COMMENT ON COLUMN rigalpha.effective_thresholds.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.effective_thresholds.sensor_id IS 'Sensor';
COMMENT ON COLUMN rigalpha.effective_thresholds.threshold_id IS 'Row of thresholds that applies';
COMMENT ON COLUMN rigalpha.effective_thresholds.fleet IS 'True when the row of all machines applies';
COMMENT ON COLUMN rigalpha.effective_thresholds.lolo IS 'Lowest safe value';
COMMENT ON COLUMN rigalpha.effective_thresholds.lo IS 'Low limit';
COMMENT ON COLUMN rigalpha.effective_thresholds.hi IS 'High limit';
COMMENT ON COLUMN rigalpha.effective_thresholds.hihi IS 'Highest safe value';
COMMENT ON COLUMN rigalpha.effective_thresholds.deadband IS 'Return needed before a value counts as normal';
COMMENT ON COLUMN rigalpha.effective_thresholds.on_delay IS 'How long a limit must be exceeded';
COMMENT ON COLUMN rigalpha.effective_thresholds.off_delay IS 'How long a value must be normal again';
COMMENT ON COLUMN rigalpha.effective_thresholds.valid_from IS 'When these limits began to apply';
-- What is known of a model beside its versions. A row stays when all versions are dropped, so that
-- a number never means two different versions.
CREATE TABLE rigalpha.model_registry (
	model name PRIMARY KEY CHECK (octet_length(model::text) > 0),
	last_version integer NOT NULL DEFAULT 0 CHECK (last_version >= 0),
	restricted boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE rigalpha.model_registry IS 'Models that ever had a version';
COMMENT ON COLUMN rigalpha.model_registry.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.model_registry.last_version IS 'Number of the newest version ever made; numbers are not used again';
COMMENT ON COLUMN rigalpha.model_registry.restricted IS 'True = only the roles in model_grants, and rigalpha_admin, may use it';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_registry', '');

CREATE TABLE rigalpha.model_versions (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	model name NOT NULL,
	version integer NOT NULL CHECK (version > 0),
	algorithm text NOT NULL CHECK (algorithm IN ('iforest', 'pca', 'lstm_ae', 'hybrid')),
	machine text,
	status text NOT NULL CHECK (status IN ('ready', 'unusable')),
	feature_names text[] NOT NULL CHECK (cardinality(feature_names) > 0),
	feature_hash bigint NOT NULL,
	options jsonb NOT NULL,
	seed bigint NOT NULL,
	source_text text,
	source_rows bigint,
	data_from timestamptz,
	data_to timestamptz,
	metrics jsonb NOT NULL,
	payload bytea NOT NULL,
	payload_size integer NOT NULL GENERATED ALWAYS AS (octet_length(payload)) STORED,
	payload_crc bigint NOT NULL,
	isa text,
	ext_version text NOT NULL,
	created_by name NOT NULL DEFAULT session_user,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	UNIQUE (model, version)
);
ALTER TABLE rigalpha.model_versions ALTER COLUMN payload SET STORAGE EXTERNAL;
COMMENT ON TABLE rigalpha.model_versions IS 'Trained and imported models; a version never changes, and only drop_model() removes it';
COMMENT ON COLUMN rigalpha.model_versions.id IS 'Key, as in readings.model_version';
COMMENT ON COLUMN rigalpha.model_versions.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.model_versions.version IS 'Number within the model, from 1';
COMMENT ON COLUMN rigalpha.model_versions.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.model_versions.machine IS 'Machine that it was trained for; null = a fleet';
COMMENT ON COLUMN rigalpha.model_versions.status IS 'ready, or unusable: training ended, but no detector could be calibrated';
COMMENT ON COLUMN rigalpha.model_versions.feature_names IS 'Sensors in the order of the model';
COMMENT ON COLUMN rigalpha.model_versions.feature_hash IS 'Hash of the sensors in their order';
COMMENT ON COLUMN rigalpha.model_versions.options IS 'Options of the training with their defaults filled in; empty = imported';
COMMENT ON COLUMN rigalpha.model_versions.seed IS 'Seed of the training';
COMMENT ON COLUMN rigalpha.model_versions.source_text IS 'View or SELECT that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.model_versions.source_rows IS 'Rows that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.model_versions.data_from IS 'Time of the oldest of them; null = they had no time';
COMMENT ON COLUMN rigalpha.model_versions.data_to IS 'Time of the newest of them';
COMMENT ON COLUMN rigalpha.model_versions.metrics IS 'What training found; empty = imported';
COMMENT ON COLUMN rigalpha.model_versions.payload IS 'The model itself; see export_model()';
COMMENT ON COLUMN rigalpha.model_versions.payload_size IS 'Its size in bytes';
COMMENT ON COLUMN rigalpha.model_versions.payload_crc IS 'CRC-32C of the payload';
COMMENT ON COLUMN rigalpha.model_versions.isa IS 'Instruction set that trained it; null = imported';
COMMENT ON COLUMN rigalpha.model_versions.ext_version IS 'Version of the extension that stored it';
COMMENT ON COLUMN rigalpha.model_versions.created_by IS 'Login that trained or imported it';
COMMENT ON COLUMN rigalpha.model_versions.created_at IS 'When it was stored';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_versions', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_versions_id_seq', '');

CREATE TABLE rigalpha.model_deployments (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	model name NOT NULL,
	version integer,
	machine text,
	reinstates bigint,
	deployed_by name NOT NULL DEFAULT session_user,
	deployed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX model_deployments_model ON rigalpha.model_deployments (model, id);
COMMENT ON TABLE rigalpha.model_deployments IS 'History of deployments: for each model and machine the latest row applies';
COMMENT ON COLUMN rigalpha.model_deployments.id IS 'Key; a larger one is later';
COMMENT ON COLUMN rigalpha.model_deployments.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.model_deployments.version IS 'Version that applies from now on; null = none (undeployed)';
COMMENT ON COLUMN rigalpha.model_deployments.machine IS 'Machine; null = every machine that has the sensors of the model';
COMMENT ON COLUMN rigalpha.model_deployments.reinstates IS 'Deployment that rollback_model() went back to; null = not a rollback';
COMMENT ON COLUMN rigalpha.model_deployments.deployed_by IS 'Login that did it';
COMMENT ON COLUMN rigalpha.model_deployments.deployed_at IS 'When';
COMMENT ON INDEX rigalpha.model_deployments_model IS 'Finds the deployments of a model, latest last';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_deployments', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_deployments_id_seq', '');

-- Roles by name, because a dump is restored into clusters that do not have all of them.
CREATE TABLE rigalpha.model_grants (
	model name NOT NULL,
	role name NOT NULL,
	granted_by name NOT NULL DEFAULT session_user,
	granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (model, role)
);
COMMENT ON TABLE rigalpha.model_grants IS 'Roles that may use a restricted model; see grant_model()';
COMMENT ON COLUMN rigalpha.model_grants.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.model_grants.role IS 'Role that may use it, with its members';
COMMENT ON COLUMN rigalpha.model_grants.granted_by IS 'Login that granted it';
COMMENT ON COLUMN rigalpha.model_grants.granted_at IS 'When';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.model_grants', '');

CREATE TABLE rigalpha.jobs (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	model name NOT NULL,
	source_text text NOT NULL,
	algorithm text NOT NULL,
	machine text,
	options jsonb NOT NULL,
	seed bigint NOT NULL,
	deploy boolean NOT NULL,
	automatic boolean NOT NULL DEFAULT false,
	readings bigint,
	settings text[] NOT NULL,
	state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
	phase text,
	progress float8 NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
	cancel_requested boolean NOT NULL DEFAULT false,
	pid integer,
	version integer,
	message text,
	requested_by name NOT NULL DEFAULT session_user,
	acting_role name NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	started_at timestamptz,
	finished_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX jobs_open ON rigalpha.jobs (id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_machine ON rigalpha.jobs (machine, id) WHERE automatic;
COMMENT ON TABLE rigalpha.jobs IS 'Training in background workers; see train_async() and job()';
COMMENT ON COLUMN rigalpha.jobs.id IS 'Key';
COMMENT ON COLUMN rigalpha.jobs.model IS 'Model to make a version of';
COMMENT ON COLUMN rigalpha.jobs.source_text IS 'View or SELECT to train on';
COMMENT ON COLUMN rigalpha.jobs.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.jobs.machine IS 'Machine; null = a fleet';
COMMENT ON COLUMN rigalpha.jobs.options IS 'Options as they were given';
COMMENT ON COLUMN rigalpha.jobs.seed IS 'Seed of the training';
COMMENT ON COLUMN rigalpha.jobs.deploy IS 'Whether the version is deployed at once';
COMMENT ON COLUMN rigalpha.jobs.automatic IS 'True = started by training_tick()';
COMMENT ON COLUMN rigalpha.jobs.readings IS 'Readings that the machine had when the job was made; null = not automatic';
COMMENT ON COLUMN rigalpha.jobs.settings IS 'search_path and TimeZone of who asked, which the source is read with';
COMMENT ON COLUMN rigalpha.jobs.state IS 'queued, running, done, failed or cancelled';
COMMENT ON COLUMN rigalpha.jobs.phase IS 'reading, training or storing; null = not begun';
COMMENT ON COLUMN rigalpha.jobs.progress IS 'Share of the training that is done, 0..1';
COMMENT ON COLUMN rigalpha.jobs.cancel_requested IS 'True = cancel_job() was called';
COMMENT ON COLUMN rigalpha.jobs.pid IS 'Process that ran it; null = not begun';
COMMENT ON COLUMN rigalpha.jobs.version IS 'Version that it made; null = none';
COMMENT ON COLUMN rigalpha.jobs.message IS 'Why it failed or was cancelled';
COMMENT ON COLUMN rigalpha.jobs.requested_by IS 'Login that asked';
COMMENT ON COLUMN rigalpha.jobs.acting_role IS 'Role that it acts as: the one in effect when it was asked for';
COMMENT ON COLUMN rigalpha.jobs.created_at IS 'When it was asked for';
COMMENT ON COLUMN rigalpha.jobs.started_at IS 'When it began';
COMMENT ON COLUMN rigalpha.jobs.finished_at IS 'When it ended';
COMMENT ON INDEX rigalpha.jobs_open IS 'Finds jobs that have not ended';
COMMENT ON INDEX rigalpha.jobs_machine IS 'Finds the last automatic job of a machine';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.jobs', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.jobs_id_seq', '');

-- In C, because it lets a DELETE pass only while remove_version() runs it.
CREATE FUNCTION rigalpha.keep_version() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_keep_version';
COMMENT ON FUNCTION rigalpha.keep_version() IS 'Trigger: refuses to change a version of a model, and to delete it without drop_model()';
CREATE TRIGGER keep_version BEFORE UPDATE OR DELETE ON rigalpha.model_versions
	FOR EACH ROW EXECUTE FUNCTION rigalpha.keep_version();
ALTER TABLE rigalpha.model_versions ENABLE ALWAYS TRIGGER keep_version;
COMMENT ON TRIGGER keep_version ON rigalpha.model_versions IS 'A version never changes, and only drop_model() removes it';
CREATE TRIGGER keep_versions BEFORE TRUNCATE ON rigalpha.model_versions
	FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.keep_version();
ALTER TABLE rigalpha.model_versions ENABLE ALWAYS TRIGGER keep_versions;
COMMENT ON TRIGGER keep_versions ON rigalpha.model_versions IS 'Only drop_model() removes versions';
-- People and devices that may act, and how they prove it. Of every secret the database keeps a hash;
-- passwords are hashed by the sidecar, and no role but the owner may read these tables.
CREATE TABLE rigalpha.users (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 63 AND name = btrim(name)
		AND name !~ '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'),
	role text NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
	db_role name UNIQUE CHECK (left(db_role::text, 9) <> 'rigalpha_'),
	must_change_password boolean NOT NULL DEFAULT true,
	disabled_at timestamptz,
	password_hash text CHECK (password_hash ~ '^\$argon2id\$v=19\$[^[:space:]]+$' AND octet_length(password_hash) <= 255),
	password_set_at timestamptz,
	totp_secret bytea CHECK (octet_length(totp_secret) BETWEEN 16 AND 255),
	totp_confirmed_at timestamptz,
	totp_step bigint,
	last_login_at timestamptz,
	last_failed_at timestamptz,
	failed_logins integer NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK (totp_confirmed_at IS NULL OR totp_secret IS NOT NULL)
);
CREATE UNIQUE INDEX users_name ON rigalpha.users (lower(name));
COMMENT ON TABLE rigalpha.users IS 'Accounts; they are disabled and never deleted, so that a number always means the same person';
COMMENT ON COLUMN rigalpha.users.id IS 'Key, as uid() returns it';
COMMENT ON COLUMN rigalpha.users.name IS 'Name to log in with, in any case of letters; without control and invisible characters';
COMMENT ON COLUMN rigalpha.users.role IS 'admin (everything), operator (acts on assigned machines) or viewer (reads assigned machines)';
COMMENT ON COLUMN rigalpha.users.db_role IS 'Login of the database that is this user without a session; null = none';
COMMENT ON COLUMN rigalpha.users.must_change_password IS 'True = the password was given by somebody else: a session sees nothing until it is changed';
COMMENT ON COLUMN rigalpha.users.disabled_at IS 'When the account was closed; null = open';
COMMENT ON COLUMN rigalpha.users.password_hash IS 'Argon2id in its text form, made by the sidecar; null = no password, so no login through the sidecar';
COMMENT ON COLUMN rigalpha.users.password_set_at IS 'When the password was set last';
COMMENT ON COLUMN rigalpha.users.totp_secret IS 'Key of the second factor as the sidecar stores it; null = none';
COMMENT ON COLUMN rigalpha.users.totp_confirmed_at IS 'When a code proved that the user has the key; null = not asked for yet';
COMMENT ON COLUMN rigalpha.users.totp_step IS 'Time step of the code that was used last: it and earlier ones are refused';
COMMENT ON COLUMN rigalpha.users.last_login_at IS 'When a login succeeded last';
COMMENT ON COLUMN rigalpha.users.last_failed_at IS 'When a login failed last';
COMMENT ON COLUMN rigalpha.users.failed_logins IS 'Failed logins since the last that succeeded';
COMMENT ON COLUMN rigalpha.users.created_at IS 'When the account was made';
COMMENT ON INDEX rigalpha.users_name IS 'One account per name, whatever the case of its letters';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.users', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.users_id_seq', '');

CREATE TABLE rigalpha.user_machines (
	user_id integer NOT NULL REFERENCES rigalpha.users ON DELETE CASCADE,
	machine_id integer NOT NULL REFERENCES rigalpha.machines ON DELETE CASCADE,
	PRIMARY KEY (user_id, machine_id)
);
CREATE INDEX user_machines_machine ON rigalpha.user_machines (machine_id);
COMMENT ON TABLE rigalpha.user_machines IS 'Machines that operators and viewers are assigned to; an admin sees all without';
COMMENT ON COLUMN rigalpha.user_machines.user_id IS 'User';
COMMENT ON COLUMN rigalpha.user_machines.machine_id IS 'Machine';
COMMENT ON INDEX rigalpha.user_machines_machine IS 'Finds the users of a machine';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.user_machines', '');

-- Not dumped: a restored or copied database must not take the cookies of the original.
CREATE TABLE rigalpha.sessions (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
	user_id integer NOT NULL REFERENCES rigalpha.users ON DELETE CASCADE,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	revoked_at timestamptz,
	address inet,
	user_agent_hash bytea CHECK (octet_length(user_agent_hash) = 32)
);
CREATE INDEX sessions_user ON rigalpha.sessions (user_id);
COMMENT ON TABLE rigalpha.sessions IS 'Logins through the sidecar; see begin_session()';
COMMENT ON COLUMN rigalpha.sessions.id IS 'Key';
COMMENT ON COLUMN rigalpha.sessions.token_hash IS 'SHA-256 of the token; its first eight bytes name the session in the audit';
COMMENT ON COLUMN rigalpha.sessions.user_id IS 'User who logged in';
COMMENT ON COLUMN rigalpha.sessions.created_at IS 'When';
COMMENT ON COLUMN rigalpha.sessions.revoked_at IS 'When it was ended; null = it ends by its timeouts';
COMMENT ON COLUMN rigalpha.sessions.address IS 'Where the user logged in from';
COMMENT ON COLUMN rigalpha.sessions.user_agent_hash IS 'SHA-256 of the name that the browser gave itself';
COMMENT ON INDEX rigalpha.sessions_user IS 'Finds the sessions of a user';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.sessions_id_seq', '');

-- A table of its own, because a request that wrote here keeps its row locked until it ends, and
-- nobody who ends the session may have to wait for that.
CREATE TABLE rigalpha.session_activity (
	session_id integer PRIMARY KEY REFERENCES rigalpha.sessions ON DELETE CASCADE,
	last_seen timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.session_activity IS 'When sessions were used';
COMMENT ON COLUMN rigalpha.session_activity.session_id IS 'Session';
COMMENT ON COLUMN rigalpha.session_activity.last_seen IS 'When it was used last, to the minute';

CREATE TABLE rigalpha.api_tokens (
	id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{8}$'),
	secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
	machine_id integer NOT NULL REFERENCES rigalpha.machines ON DELETE CASCADE,
	name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 63),
	network cidr,
	readings_per_minute integer CHECK (readings_per_minute > 0),
	created_by integer REFERENCES rigalpha.users ON DELETE SET NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at timestamptz NOT NULL,
	last_used_at timestamptz,
	revoked_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX api_tokens_machine ON rigalpha.api_tokens (machine_id, name);
COMMENT ON TABLE rigalpha.api_tokens IS 'Tokens of devices, rig_ID_SECRET: each may send the readings of one machine and nothing else';
COMMENT ON COLUMN rigalpha.api_tokens.id IS 'Part of the token that it is found by';
COMMENT ON COLUMN rigalpha.api_tokens.secret_hash IS 'SHA-256 of the secret part';
COMMENT ON COLUMN rigalpha.api_tokens.machine_id IS 'Machine whose readings it may send';
COMMENT ON COLUMN rigalpha.api_tokens.name IS 'What it is for; at most two of a machine and name live at a time, so that they can be exchanged';
COMMENT ON COLUMN rigalpha.api_tokens.network IS 'Network that it is taken from; null = any';
COMMENT ON COLUMN rigalpha.api_tokens.readings_per_minute IS 'Most readings a minute; null = no limit of its own';
COMMENT ON COLUMN rigalpha.api_tokens.created_by IS 'User who issued it; null = a login of the database without an account';
COMMENT ON COLUMN rigalpha.api_tokens.created_at IS 'When it was issued';
COMMENT ON COLUMN rigalpha.api_tokens.expires_at IS 'Until when it is taken';
COMMENT ON COLUMN rigalpha.api_tokens.last_used_at IS 'When it was used last, to the minute; null = never';
COMMENT ON COLUMN rigalpha.api_tokens.revoked_at IS 'When it was revoked; null = not';
COMMENT ON INDEX rigalpha.api_tokens_machine IS 'Finds the tokens of a machine';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.api_tokens', '');

-- Not dumped: it says what happened in the last minutes. Names are hashed, because people type
-- their password into the wrong field.
CREATE TABLE rigalpha.login_throttles (
	subject text PRIMARY KEY,
	attempts integer NOT NULL,
	attempted_at timestamptz NOT NULL,
	blocked_until timestamptz NOT NULL,
	forgotten_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.login_throttles IS 'Login attempts that did not succeed, by account and by network; see charge_login()';
COMMENT ON COLUMN rigalpha.login_throttles.subject IS 'account: and a hash of the name, or network: and the /24 or /64';
COMMENT ON COLUMN rigalpha.login_throttles.attempts IS 'Attempts that are not yet forgotten';
COMMENT ON COLUMN rigalpha.login_throttles.attempted_at IS 'When the last was made';
COMMENT ON COLUMN rigalpha.login_throttles.blocked_until IS 'When the next may be made';
COMMENT ON COLUMN rigalpha.login_throttles.forgotten_at IS 'When all are forgotten';
-- Every table that backends keep in memory tells them of its changes; see invalidate_cache().
DO $$
DECLARE
	table_name text;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['machines', 'sensors', 'sensor_aliases', 'machine_sensors', 'thresholds',
			'model_registry', 'model_versions', 'model_deployments', 'model_grants'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rigalpha.%I
			FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.invalidate_cache()', table_name || '_cache', table_name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER %I', table_name, table_name || '_cache');
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER %I ON rigalpha.%I IS ''Makes every backend reload what it cached of this table''',
			table_name || '_cache', table_name);
	END LOOP;
END
$$;
CREATE TABLE rigalpha.dead_letters (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	received_at timestamptz NOT NULL,
	source text NOT NULL,
	"partition" integer,
	"offset" bigint,
	message_time timestamptz,
	reading_index integer NOT NULL,
	machine text,
	field text,
	reason text NOT NULL,
	detail text,
	payload bytea,
	payload_id bigint,
	payload_size integer NOT NULL,
	payload_sha256 bytea,
	replayed_at timestamptz,
	format text NOT NULL DEFAULT 'json',
	given_machine text,
	CHECK (("partition" IS NULL) = ("offset" IS NULL)),
	CHECK ((payload IS NULL) <> (payload_id IS NULL))
);
-- With the time, because the offsets of a topic that was made anew start over.
CREATE UNIQUE INDEX dead_letters_position ON rigalpha.dead_letters (source, "partition", "offset", reading_index,
		(coalesce(message_time, '-infinity')))
	WHERE "offset" IS NOT NULL;
CREATE INDEX dead_letters_open ON rigalpha.dead_letters (reason, id) WHERE replayed_at IS NULL;
COMMENT ON TABLE rigalpha.dead_letters IS 'Messages and readings that were refused, with their raw bytes; see replay_dead_letters()';
COMMENT ON COLUMN rigalpha.dead_letters.id IS 'Key';
COMMENT ON COLUMN rigalpha.dead_letters.received_at IS 'When it was refused';
COMMENT ON COLUMN rigalpha.dead_letters.source IS 'Kafka source, or http';
COMMENT ON COLUMN rigalpha.dead_letters."partition" IS 'Kafka partition; null = not from Kafka';
COMMENT ON COLUMN rigalpha.dead_letters."offset" IS 'Kafka offset; null = not from Kafka';
COMMENT ON COLUMN rigalpha.dead_letters.message_time IS 'Kafka timestamp';
COMMENT ON COLUMN rigalpha.dead_letters.reading_index IS 'Which reading of the payload, from 0; -1 = the payload as a whole';
COMMENT ON COLUMN rigalpha.dead_letters.machine IS 'Machine name, where it could be read';
COMMENT ON COLUMN rigalpha.dead_letters.field IS 'Key that was found wrong, where there is one';
COMMENT ON COLUMN rigalpha.dead_letters.reason IS 'Reason code';
COMMENT ON COLUMN rigalpha.dead_letters.detail IS 'What exactly was wrong';
COMMENT ON COLUMN rigalpha.dead_letters.payload IS 'Raw bytes; the first 4 KiB of a payload that was too large';
COMMENT ON COLUMN rigalpha.dead_letters.payload_id IS 'Letter that holds the bytes: of several refused readings in one payload the first keeps them';
COMMENT ON COLUMN rigalpha.dead_letters.payload_size IS 'Bytes received';
COMMENT ON COLUMN rigalpha.dead_letters.payload_sha256 IS 'SHA-256 of a payload that was too large to keep';
COMMENT ON COLUMN rigalpha.dead_letters.replayed_at IS 'When a replay stored it; null = open';
COMMENT ON COLUMN rigalpha.dead_letters.format IS 'How the payload is to be read: json, thingsboard, or influx and the unit of its times';
COMMENT ON COLUMN rigalpha.dead_letters.given_machine IS 'Machine of the readings that name none; null = they are refused';
COMMENT ON INDEX rigalpha.dead_letters_position IS 'A Kafka message is refused once';
COMMENT ON INDEX rigalpha.dead_letters_open IS 'Finds what can be replayed';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.dead_letters_id_seq', '');
CREATE TABLE rigalpha.kafka_sources (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9._-]{1,63}$' AND name <> 'http'),
	brokers text NOT NULL CHECK (octet_length(brokers) BETWEEN 1 AND 1000),
	topic text NOT NULL CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$'),
	config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
	workers integer NOT NULL DEFAULT 1 CHECK (workers BETWEEN 1 AND 64),
	paused boolean NOT NULL DEFAULT false,
	revision bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rigalpha.kafka_sources IS 'Kafka topics that the background worker consumes';
COMMENT ON COLUMN rigalpha.kafka_sources.id IS 'Key';
COMMENT ON COLUMN rigalpha.kafka_sources.name IS 'Name; stands in dead_letters.source';
COMMENT ON COLUMN rigalpha.kafka_sources.brokers IS 'bootstrap.servers';
COMMENT ON COLUMN rigalpha.kafka_sources.topic IS 'Topic';
COMMENT ON COLUMN rigalpha.kafka_sources.config IS 'Properties of the Kafka client by name; secrets only as references to files, such as sasl.password_file';
COMMENT ON COLUMN rigalpha.kafka_sources.workers IS 'Number of worker processes; worker n of w takes the partitions p with p mod w = n';
COMMENT ON COLUMN rigalpha.kafka_sources.paused IS 'True = not consumed; see pause_source() and resume_source()';
COMMENT ON COLUMN rigalpha.kafka_sources.revision IS 'Counts the changes; workers restart their client when it moves';
COMMENT ON COLUMN rigalpha.kafka_sources.created_at IS 'When the source was made';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.kafka_sources', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.kafka_sources_id_seq', '');

CREATE FUNCTION rigalpha.check_kafka_source() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	property record;
BEGIN
	FOR property IN SELECT key, value, lower(key) AS lower_key FROM jsonb_each(NEW.config) LOOP
		IF jsonb_typeof(property.value) NOT IN ('string', 'number', 'boolean') THEN
			RAISE EXCEPTION 'property "%" must be a string, number or boolean', property.key
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
		IF property.lower_key ~ '(password|secret|token|credential|\.pem$|sasl\.jaas)' AND property.lower_key !~ '_file$'
			AND property.lower_key !~ '\.token\.endpoint\.url$' THEN
			RAISE EXCEPTION 'property "%" would store a secret in the database', property.key
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Put the secret into a file that the server can read, and set "%s_file" to its path.', property.key);
		END IF;
		IF property.lower_key IN ('enable.auto.commit', 'enable.auto.offset.store', 'auto.offset.reset', 'bootstrap.servers',
			'metadata.broker.list', 'plugin.library.paths', 'isolation.level') THEN
			RAISE EXCEPTION 'property "%" is set by rigalpha', property.key
				USING ERRCODE = 'invalid_parameter_value',
					HINT = CASE WHEN property.lower_key IN ('bootstrap.servers', 'metadata.broker.list')
						THEN 'Use the brokers argument.' ELSE 'Leave it out: exactly-once delivery depends on it.' END;
		END IF;
	END LOOP;
	IF TG_OP = 'UPDATE' THEN
		IF (NEW.brokers, NEW.topic) IS DISTINCT FROM (OLD.brokers, OLD.topic)
			AND EXISTS (SELECT FROM rigalpha.kafka_offsets WHERE source_id = OLD.id AND next_offset > 0)
			AND NEW.topic <> OLD.topic THEN
			RAISE EXCEPTION 'the topic of source "%" cannot be changed', OLD.name
				USING ERRCODE = 'object_in_use',
					DETAIL = 'Its stored offsets belong to the former topic.',
					HINT = 'Create another source.';
		END IF;
		NEW.revision := OLD.revision + 1;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION rigalpha.check_kafka_source() IS 'Trigger: refuses literal secrets and properties that exactly-once delivery depends on';
CREATE TRIGGER check_kafka_source BEFORE INSERT OR UPDATE OF name, brokers, topic, config, workers, paused ON rigalpha.kafka_sources
	FOR EACH ROW EXECUTE FUNCTION rigalpha.check_kafka_source();
COMMENT ON TRIGGER check_kafka_source ON rigalpha.kafka_sources IS 'Validates a source and counts its changes';

CREATE TABLE rigalpha.kafka_offsets (
	source_id integer NOT NULL REFERENCES rigalpha.kafka_sources ON DELETE CASCADE,
	"partition" integer NOT NULL CHECK ("partition" >= 0),
	next_offset bigint NOT NULL DEFAULT -1,
	generation bigint NOT NULL DEFAULT 0,
	high_watermark bigint,
	messages bigint NOT NULL DEFAULT 0,
	readings bigint NOT NULL DEFAULT 0,
	duplicates bigint NOT NULL DEFAULT 0,
	rejected bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0,
	updated_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (source_id, "partition")
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.kafka_offsets IS 'Position in each partition, moved in the transaction that stores the rows';
COMMENT ON COLUMN rigalpha.kafka_offsets.source_id IS 'Source';
COMMENT ON COLUMN rigalpha.kafka_offsets."partition" IS 'Partition of the topic';
COMMENT ON COLUMN rigalpha.kafka_offsets.next_offset IS 'Offset of the next message to store; -1 = none stored yet';
COMMENT ON COLUMN rigalpha.kafka_offsets.generation IS 'Generation of the worker that may write; an older one is refused';
COMMENT ON COLUMN rigalpha.kafka_offsets.high_watermark IS 'End of the partition as the broker last said';
COMMENT ON COLUMN rigalpha.kafka_offsets.messages IS 'Messages consumed';
COMMENT ON COLUMN rigalpha.kafka_offsets.readings IS 'Messages that stored or completed a reading';
COMMENT ON COLUMN rigalpha.kafka_offsets.duplicates IS 'Messages that held only what was stored already';
COMMENT ON COLUMN rigalpha.kafka_offsets.rejected IS 'Messages with a dead letter';
COMMENT ON COLUMN rigalpha.kafka_offsets.skipped IS 'Messages without payload (tombstones)';
COMMENT ON COLUMN rigalpha.kafka_offsets.updated_at IS 'Time of the last change';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.kafka_offsets', '');

CREATE TABLE rigalpha.kafka_workers (
	source_id integer NOT NULL REFERENCES rigalpha.kafka_sources ON DELETE CASCADE,
	slot integer NOT NULL CHECK (slot >= 0),
	slots integer NOT NULL,
	generation bigint NOT NULL DEFAULT 0,
	holder_pid integer,
	holder_start timestamptz,
	leased_until timestamptz,
	state text NOT NULL DEFAULT 'starting',
	state_since timestamptz NOT NULL DEFAULT now(),
	last_error text,
	last_error_at timestamptz,
	messages bigint NOT NULL DEFAULT 0,
	rate float8,
	reported_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (source_id, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.kafka_workers IS 'Leases and state of the workers; the lease decides who may write, the generation fences the former holder';
COMMENT ON COLUMN rigalpha.kafka_workers.source_id IS 'Source';
COMMENT ON COLUMN rigalpha.kafka_workers.slot IS 'Number of the worker, from 0';
COMMENT ON COLUMN rigalpha.kafka_workers.slots IS 'Number of workers of the source when the lease was taken';
COMMENT ON COLUMN rigalpha.kafka_workers.generation IS 'Counts the leases given';
COMMENT ON COLUMN rigalpha.kafka_workers.holder_pid IS 'Process that holds the lease; null = none';
COMMENT ON COLUMN rigalpha.kafka_workers.holder_start IS 'Start of the server of that process';
COMMENT ON COLUMN rigalpha.kafka_workers.leased_until IS 'When the lease ends unless it is renewed';
COMMENT ON COLUMN rigalpha.kafka_workers.state IS 'starting, waiting, running, paused, disconnected, error, stopped or restart required';
COMMENT ON COLUMN rigalpha.kafka_workers.state_since IS 'When that state began';
COMMENT ON COLUMN rigalpha.kafka_workers.last_error IS 'Last error';
COMMENT ON COLUMN rigalpha.kafka_workers.last_error_at IS 'When it happened';
COMMENT ON COLUMN rigalpha.kafka_workers.messages IS 'Messages consumed by this slot at the last report';
COMMENT ON COLUMN rigalpha.kafka_workers.rate IS 'Messages per second between the last two reports';
COMMENT ON COLUMN rigalpha.kafka_workers.reported_at IS 'Time of the last report';

CREATE TABLE rigalpha.kafka_gaps (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	source_id integer NOT NULL REFERENCES rigalpha.kafka_sources ON DELETE CASCADE,
	"partition" integer NOT NULL,
	from_offset bigint NOT NULL,
	to_offset bigint NOT NULL,
	reason text NOT NULL,
	detected_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rigalpha.kafka_gaps IS 'Offsets that the broker no longer had, or that started over';
COMMENT ON COLUMN rigalpha.kafka_gaps.id IS 'Key';
COMMENT ON COLUMN rigalpha.kafka_gaps.source_id IS 'Source';
COMMENT ON COLUMN rigalpha.kafka_gaps."partition" IS 'Partition';
COMMENT ON COLUMN rigalpha.kafka_gaps.from_offset IS 'Offset that was wanted';
COMMENT ON COLUMN rigalpha.kafka_gaps.to_offset IS 'Offset at which consumption went on; smaller than from_offset when the log started over';
COMMENT ON COLUMN rigalpha.kafka_gaps.reason IS 'What the broker said';
COMMENT ON COLUMN rigalpha.kafka_gaps.detected_at IS 'When it was found';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.kafka_gaps', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.kafka_gaps_id_seq', '');

CREATE FUNCTION rigalpha.create_kafka_source(name text, brokers text, topic text, config jsonb DEFAULT '{}', workers integer DEFAULT 1)
	RETURNS integer
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	INSERT INTO rigalpha.kafka_sources (name, brokers, topic, config, workers)
		VALUES (create_kafka_source.name, create_kafka_source.brokers, create_kafka_source.topic,
			create_kafka_source.config, create_kafka_source.workers)
		RETURNING id
	$$;
COMMENT ON FUNCTION rigalpha.create_kafka_source(text, text, text, jsonb, integer)
	IS 'Adds a Kafka topic to consume; config takes client properties, secrets only as NAME_file; returns the id';

CREATE FUNCTION rigalpha.set_source_paused(source_name text, pause boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.kafka_sources SET paused = pause WHERE name = source_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'Kafka source "%" does not exist', source_name USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_source_paused(text, boolean) IS 'Pauses or resumes a source; see pause_source() and resume_source()';

CREATE FUNCTION rigalpha.pause_source(name text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT rigalpha.set_source_paused(name, true) $$;
COMMENT ON FUNCTION rigalpha.pause_source(text) IS 'Stops consuming a source within a second; its position stays';

CREATE FUNCTION rigalpha.resume_source(name text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT rigalpha.set_source_paused(name, false) $$;
COMMENT ON FUNCTION rigalpha.resume_source(text) IS 'Goes on consuming a paused source';

CREATE FUNCTION rigalpha.drop_source(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	DELETE FROM rigalpha.kafka_sources s WHERE s.name = drop_source.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'Kafka source "%" does not exist', drop_source.name USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.drop_source(text) IS 'Removes a source and its position; stored readings and dead letters stay';

CREATE VIEW rigalpha.kafka_status WITH (security_invoker = true, security_barrier = true) AS
	SELECT s.name AS source, w.slot,
		CASE
			WHEN s.paused THEN 'paused'
			WHEN w.source_id IS NULL THEN 'not started'
			WHEN w.holder_pid IS NULL OR w.leased_until < now() THEN 'stopped'
			ELSE w.state
		END AS state,
		s.brokers, s.topic, o.partitions, o.lag,
		CASE WHEN w.reported_at > now() - interval '10 s' AND NOT s.paused THEN w.rate ELSE 0 END AS rate,
		w.generation, w.holder_pid AS pid, w.last_error, w.last_error_at,
		o.messages, o.readings, o.duplicates, o.rejected, o.skipped, o.gaps, w.state_since, w.reported_at AS updated_at
	FROM rigalpha.kafka_sources s
	LEFT JOIN rigalpha.kafka_workers w ON w.source_id = s.id AND w.slot < s.workers
	LEFT JOIN LATERAL (
		SELECT count(*)::integer AS partitions,
			sum(CASE WHEN p.high_watermark IS NOT NULL THEN greatest(p.high_watermark - greatest(p.next_offset, 0), 0) END)::bigint AS lag,
			sum(p.messages)::bigint AS messages, sum(p.readings)::bigint AS readings, sum(p.duplicates)::bigint AS duplicates,
			sum(p.rejected)::bigint AS rejected, sum(p.skipped)::bigint AS skipped,
			(SELECT count(*) FROM rigalpha.kafka_gaps g
				WHERE g.source_id = s.id AND (w.slots IS NULL OR g."partition" % w.slots = w.slot)) AS gaps
		FROM rigalpha.kafka_offsets p
		WHERE p.source_id = s.id AND (w.slots IS NULL OR p."partition" % w.slots = w.slot)
	) o ON true;
COMMENT ON VIEW rigalpha.kafka_status IS 'One row per Kafka source and worker: state, lag, rate, last error, generation';
COMMENT ON COLUMN rigalpha.kafka_status.source IS 'Source';
COMMENT ON COLUMN rigalpha.kafka_status.slot IS 'Number of the worker, from 0';
COMMENT ON COLUMN rigalpha.kafka_status.state IS 'not started, starting, waiting, running, paused, disconnected, error, stopped or restart required';
COMMENT ON COLUMN rigalpha.kafka_status.brokers IS 'bootstrap.servers';
COMMENT ON COLUMN rigalpha.kafka_status.topic IS 'Topic';
COMMENT ON COLUMN rigalpha.kafka_status.partitions IS 'Partitions of this worker';
COMMENT ON COLUMN rigalpha.kafka_status.lag IS 'Messages on the broker that are not stored yet; null = unknown';
COMMENT ON COLUMN rigalpha.kafka_status.rate IS 'Messages per second';
COMMENT ON COLUMN rigalpha.kafka_status.generation IS 'Generation of the lease';
COMMENT ON COLUMN rigalpha.kafka_status.pid IS 'Process';
COMMENT ON COLUMN rigalpha.kafka_status.last_error IS 'Last error';
COMMENT ON COLUMN rigalpha.kafka_status.last_error_at IS 'When it happened';
COMMENT ON COLUMN rigalpha.kafka_status.messages IS 'Messages consumed';
COMMENT ON COLUMN rigalpha.kafka_status.readings IS 'Messages that stored or completed a reading';
COMMENT ON COLUMN rigalpha.kafka_status.duplicates IS 'Messages that held only what was stored already';
COMMENT ON COLUMN rigalpha.kafka_status.rejected IS 'Messages with a dead letter';
COMMENT ON COLUMN rigalpha.kafka_status.skipped IS 'Messages without payload';
COMMENT ON COLUMN rigalpha.kafka_status.gaps IS 'Gaps recorded; see kafka_gaps';
COMMENT ON COLUMN rigalpha.kafka_status.state_since IS 'When the state began';
COMMENT ON COLUMN rigalpha.kafka_status.updated_at IS 'Last report of the worker';
CREATE TABLE rigalpha.incidents (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	machine_id integer NOT NULL REFERENCES rigalpha.machines ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('anomaly', 'stuck', 'silent', 'clock')),
	started timestamptz NOT NULL,
	ended timestamptz,
	peak_ts timestamptz NOT NULL,
	peak_risk real,
	model_version integer,
	top_sensors text[] NOT NULL DEFAULT '{}',
	explanation jsonb NOT NULL DEFAULT '[]',
	detail text
);
CREATE INDEX incidents_machine ON rigalpha.incidents (machine_id, started);
CREATE UNIQUE INDEX incidents_open ON rigalpha.incidents (machine_id, kind) WHERE ended IS NULL;
COMMENT ON INDEX rigalpha.incidents_machine IS 'Incidents of a machine in the order of time';
COMMENT ON INDEX rigalpha.incidents_open IS 'At most one open incident of a kind per machine';
COMMENT ON TABLE rigalpha.incidents IS 'One row per episode in which a machine was not as usual; written by ingest() and the tick of the worker';
COMMENT ON COLUMN rigalpha.incidents.id IS 'Key';
COMMENT ON COLUMN rigalpha.incidents.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.incidents.kind IS 'anomaly: by the model; stuck: a sensor repeats its value; silent: no readings; clock: the device clock is ahead';
COMMENT ON COLUMN rigalpha.incidents.started IS 'Device time of the reading that opened it';
COMMENT ON COLUMN rigalpha.incidents.ended IS 'Device time of the reading that closed it; null = still open';
COMMENT ON COLUMN rigalpha.incidents.peak_ts IS 'Device time of the riskiest reading';
COMMENT ON COLUMN rigalpha.incidents.peak_risk IS 'Its risk 0..1; null = not by a model';
COMMENT ON COLUMN rigalpha.incidents.model_version IS 'Version of the model that scored it';
COMMENT ON COLUMN rigalpha.incidents.top_sensors IS 'Sensors with the largest shares, the largest first';
COMMENT ON COLUMN rigalpha.incidents.explanation IS 'For each of them share, value, expected, z and method at the peak';
COMMENT ON COLUMN rigalpha.incidents.detail IS 'What was noticed, in words';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.incidents', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.incidents_id_seq', '');

-- What needs no reading to happen: machines that fell silent, clocks that run ahead, and the shelf of alarms. Called
-- by the tick of the worker.
CREATE FUNCTION rigalpha.watch_machines() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	noticed integer;
BEGIN
	IF NOT rigalpha.node_is_current() THEN
		RETURN 0;
	END IF;
	INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts, detail)
		SELECT n.machine_id, n.kind, n.started, n.started, n.detail
		FROM (
			SELECT st.machine_id, 'silent' AS kind, st.received_at AS started,
				format('no reading for %s s', round(extract(epoch FROM clock_timestamp() - st.received_at))) AS detail
			FROM rigalpha.machine_state st
			WHERE st.received_at < clock_timestamp() - current_setting('rigalpha.silent_after')::interval
				AND st.received_at > clock_timestamp() - interval '1 day'
			UNION ALL
			SELECT st.machine_id, 'clock', st.ts,
				format('device clock is %s s ahead', round(extract(epoch FROM st.ts - st.received_at)))
			FROM rigalpha.machine_state st
			WHERE st.ts > st.received_at + current_setting('rigalpha.clock_tolerance')::interval) n
		WHERE NOT EXISTS (SELECT FROM rigalpha.incidents i
			WHERE i.machine_id = n.machine_id AND i.kind = n.kind AND (i.ended IS NULL OR i.started = n.started))
		ON CONFLICT (machine_id, kind) WHERE ended IS NULL DO NOTHING;
	GET DIAGNOSTICS noticed = ROW_COUNT;
	UPDATE rigalpha.incidents i SET ended = greatest(i.started, CASE i.kind WHEN 'silent' THEN st.received_at ELSE st.ts END)
		FROM rigalpha.machine_state st
		WHERE st.machine_id = i.machine_id AND i.ended IS NULL
			AND CASE i.kind
				WHEN 'silent' THEN st.received_at > i.started
				WHEN 'clock' THEN st.ts <= st.received_at + current_setting('rigalpha.clock_tolerance')::interval
				ELSE false END;
	PERFORM rigalpha.alarm_tick();
	RETURN noticed;
END
$$;
COMMENT ON FUNCTION rigalpha.watch_machines() IS 'Opens and closes incidents of machines that are silent or whose clock is ahead; returns how many were opened';
CREATE FUNCTION rigalpha.ingest(payloads bytea[], source text, formats text[] DEFAULT NULL, tokens bytea[] DEFAULT NULL,
	times timestamptz[] DEFAULT NULL, partitions integer[] DEFAULT NULL, offsets bigint[] DEFAULT NULL, atomic boolean DEFAULT false,
	addresses inet[] DEFAULT NULL, keys text[] DEFAULT NULL, machines text[] DEFAULT NULL,
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT verdicts smallint[], OUT errors jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_ingest';
COMMENT ON FUNCTION rigalpha.ingest(bytea[], text, text[], bytea[], timestamptz[], integer[], bigint[], boolean, inet[], text[], text[])
	IS 'Parses, validates and stores payloads; refused ones go to dead_letters. verdicts has one row per payload: accepted, merged, duplicates, rejected.
formats: json (null), thingsboard, influx, or influx:s, influx:ms, influx:us, influx:ns with the unit of its times.
A payload with a token may only be of the machine of the token. Readings that name no machine are of that of the token, or of the one in machines.
A request with a key acts once; an empty key continues the request of the payload before';

-- Called by ingest() for names it has not seen: one lock for all discovery, names in order, so
-- that concurrent ingests wait for each other instead of deadlocking. machine_names and
-- sensor_names are pairs; a null sensor asks for the machine only.
CREATE FUNCTION rigalpha.discover(machine_names text[], sensor_names text[], sensor_quota integer, machine_quota integer)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	machine record;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('rigalpha discovery', 0));

	-- An INSERT without rows would still make every backend load its catalog anew.
	IF EXISTS (SELECT FROM unnest(machine_names) AS u (name)
			WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = u.name))
		AND (SELECT count(*) FROM rigalpha.machines) < machine_quota THEN
		INSERT INTO rigalpha.machines (name)
			SELECT f.name FROM (
				SELECT DISTINCT u.name FROM unnest(machine_names) AS u (name)
				WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = u.name)
				ORDER BY u.name
				LIMIT machine_quota - (SELECT count(*) FROM rigalpha.machines)) f;
	END IF;
	INSERT INTO rigalpha.machine_state (machine_id)
		SELECT m.id FROM rigalpha.machines m
		WHERE m.name = ANY (machine_names)
			AND NOT EXISTS (SELECT FROM rigalpha.machine_state st WHERE st.machine_id = m.id)
		ORDER BY m.id;

	FOR machine IN
		SELECT m.id, coalesce(m.sensor_quota, discover.sensor_quota) - (SELECT count(*) FROM rigalpha.machine_sensors ms
				WHERE ms.machine_id = m.id) AS room, w.wanted
		FROM (SELECT u.machine, array_agg(DISTINCT u.sensor) AS wanted FROM unnest(machine_names, sensor_names) AS u (machine, sensor)
			WHERE u.sensor IS NOT NULL GROUP BY u.machine) w
		JOIN rigalpha.machines m ON m.name = w.machine
		ORDER BY m.name
	LOOP
		CONTINUE WHEN machine.room <= 0;
		PERFORM rigalpha.add_machine_sensors(machine.id, machine.wanted, machine.room::integer);
	END LOOP;
EXCEPTION WHEN unique_violation THEN
	-- An admin entered the name meanwhile, or it is there but too new for the snapshot.
	RAISE EXCEPTION 'could not make machines or sensors because of a concurrent change'
		USING ERRCODE = 'serialization_failure', DETAIL = SQLERRM, HINT = 'Repeat the transaction.';
END
$$;
COMMENT ON FUNCTION rigalpha.discover(text[], text[], integer, integer) IS 'Makes machines, sensors and positions for names that ingest() met first';

-- A name means, in this order: an alias of the machine, an alias of the fleet, a sensor. Known
-- sensors come first, in the order of the dictionary, so built-in ones get the low positions.
CREATE FUNCTION rigalpha.add_machine_sensors(machine_id integer, sensor_names text[], room integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	known integer[];
	fresh text[];
	added integer;
BEGIN
	SELECT array_agg(DISTINCT n.sensor_id) FILTER (WHERE n.sensor_id IS NOT NULL),
			array_agg(n.name ORDER BY n.name) FILTER (WHERE n.sensor_id IS NULL)
		INTO known, fresh
		FROM (
			SELECT u.name, coalesce(
				(SELECT a.sensor_id FROM rigalpha.sensor_aliases a WHERE a.alias = u.name AND a.machine_id = add_machine_sensors.machine_id),
				(SELECT a.sensor_id FROM rigalpha.sensor_aliases a WHERE a.alias = u.name AND a.machine_id IS NULL),
				(SELECT s.id FROM rigalpha.sensors s WHERE s.name = u.name)) AS sensor_id
			FROM unnest(sensor_names) AS u (name)) n;

	known := ARRAY(SELECT k FROM unnest(known) AS k
		WHERE NOT EXISTS (SELECT FROM rigalpha.machine_sensors ms
			WHERE ms.machine_id = add_machine_sensors.machine_id AND ms.sensor_id = k)
		ORDER BY k LIMIT room);
	fresh := fresh[1:room - cardinality(known)];
	WITH made AS (
		INSERT INTO rigalpha.sensors (name, origin)
			SELECT f, 'discovered' FROM unnest(fresh) AS f ORDER BY f
		RETURNING id)
	INSERT INTO rigalpha.machine_sensors (machine_id, sensor_id, position)
		SELECT add_machine_sensors.machine_id, n.id,
			(SELECT coalesce(max(ms.position), 0) FROM rigalpha.machine_sensors ms
				WHERE ms.machine_id = add_machine_sensors.machine_id) + row_number() OVER (ORDER BY n.id)
		FROM (SELECT id FROM made UNION ALL SELECT unnest(known)) n
		ORDER BY n.id;
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN added;
END
$$;
COMMENT ON FUNCTION rigalpha.add_machine_sensors(integer, text[], integer) IS 'Gives a machine positions for sensors it does not have yet, at most room of them';

CREATE FUNCTION rigalpha.add_dead_letter(received_at timestamptz, source text, "partition" integer, "offset" bigint,
	message_time timestamptz, reading_index integer, machine text, field text, reason text, detail text, payload bytea, payload_id bigint, max_size integer,
	format text DEFAULT 'json', given_machine text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	INSERT INTO rigalpha.dead_letters (received_at, source, "partition", "offset", message_time, reading_index, machine, field,
			reason, detail, payload, payload_id, payload_size, payload_sha256, format, given_machine)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
			CASE WHEN $12 IS NOT NULL THEN NULL WHEN octet_length($11) > $13 THEN substr($11, 1, 4096) ELSE $11 END, $12,
			octet_length($11), CASE WHEN octet_length($11) > $13 THEN sha256($11) END, $14, $15)
		ON CONFLICT (source, "partition", "offset", reading_index, (coalesce(message_time, '-infinity'))) WHERE "offset" IS NOT NULL
			DO UPDATE SET field = excluded.field, reason = excluded.reason, detail = excluded.detail
		RETURNING id
	$$;
COMMENT ON FUNCTION rigalpha.add_dead_letter(timestamptz, text, integer, bigint, timestamptz, integer, text, text, text, text, bytea, bigint, integer, text, text)
	IS 'Keeps what was refused; the bytes stand in letter payload_id if there is one; of more than max_size bytes the SHA-256 and the first 4 KiB';

CREATE FUNCTION rigalpha.replay_dead_letters(ids bigint[] DEFAULT NULL, max_rows integer DEFAULT 1000,
	OUT replayed integer, OUT still_refused integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	letter record;
	result record;
	refusals bigint[];
	newest bigint;
BEGIN
	PERFORM rigalpha.require_admin();
	replayed := 0;
	still_refused := 0;
	FOR letter IN
		SELECT d.id, d.source, d."partition", d."offset", coalesce(d.message_time, d.received_at) AS message_time, d.reading_index,
			coalesce(d.payload, holder.payload) AS payload, d.format, d.given_machine
		FROM rigalpha.dead_letters d
		LEFT JOIN rigalpha.dead_letters holder ON holder.id = d.payload_id
		WHERE d.replayed_at IS NULL AND d.payload_sha256 IS NULL AND num_nonnulls(d.payload, holder.payload) > 0 AND (ids IS NULL OR d.id = ANY (ids))
			-- A replay has no token: it would store what a device had no right to send.
			AND NOT EXISTS (SELECT FROM rigalpha.dead_letters f WHERE f.reason = 'foreign_machine' AND f.replayed_at IS NULL
				AND coalesce(f.payload_id, f.id) = coalesce(d.payload_id, d.id))
		ORDER BY d.id LIMIT max_rows
		FOR UPDATE OF d SKIP LOCKED
	LOOP
		-- With the position and time of its message, so that a reading without a time gets the one
		-- that it got before.
		SELECT max(d.id) INTO newest FROM rigalpha.dead_letters d;
		SELECT * INTO result FROM rigalpha.ingest(ARRAY[letter.payload], letter.source, formats => ARRAY[letter.format],
			machines => ARRAY[letter.given_machine], times => ARRAY[letter.message_time],
			partitions => CASE WHEN letter."offset" IS NOT NULL THEN ARRAY[letter."partition"] END,
			offsets => CASE WHEN letter."offset" IS NOT NULL THEN ARRAY[letter."offset"] END);
		-- The letters that were there stay; new ones that this replay wrote would only repeat them.
		SELECT array_agg((e ->> 'dead_letter_id')::bigint) INTO refusals
			FROM jsonb_array_elements(result.errors) e WHERE e ->> 'dead_letter_id' IS NOT NULL;
		DELETE FROM rigalpha.dead_letters d WHERE d.id = ANY (refusals) AND d.id > newest;
		IF EXISTS (SELECT FROM jsonb_array_elements(result.errors) e
			WHERE e ->> 'dead_letter_id' IS NOT NULL
				AND (letter.reading_index < 0 OR (e ->> 'reading')::integer IN (letter.reading_index, -1))) THEN
			still_refused := still_refused + 1;
		ELSE
			UPDATE rigalpha.dead_letters d SET replayed_at = now() WHERE d.id = letter.id;
			replayed := replayed + 1;
		END IF;
	END LOOP;
	PERFORM rigalpha.audit_event('note', 'replay', 'replay_dead_letters', format('%s replayed, %s refused again', replayed, still_refused),
		'rigalpha', 'dead_letters');
END
$$;
COMMENT ON FUNCTION rigalpha.replay_dead_letters(bigint[], integer)
	IS 'Ingests open dead letters again, for example after a quota or the retention was raised; readings stored before are not doubled. Payloads with readings of another machine than their token''s stay';
-- Training. The functions in C read the source with the rights of who calls them, and store what
-- came of it as the owner, who alone may write the tables of 055_models.sql.
CREATE FUNCTION rigalpha.train(model name, source text, algorithm text DEFAULT 'hybrid', machine text DEFAULT NULL,
	options jsonb DEFAULT '{}', seed bigint DEFAULT 42, deploy boolean DEFAULT true)
	RETURNS TABLE (model name, version integer, status text, rows_used bigint, train_ms float8, metrics jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_train';
COMMENT ON FUNCTION rigalpha.train(name, text, text, text, jsonb, bigint, boolean)
	IS 'Trains a version of a model on a view or SELECT with machine, ts and sensors (jsonb) or numeric columns; see options()';

CREATE FUNCTION rigalpha.train_async(model name, source text, algorithm text DEFAULT 'hybrid', machine text DEFAULT NULL,
	options jsonb DEFAULT '{}', seed bigint DEFAULT 42, deploy boolean DEFAULT true) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_train_async';
COMMENT ON FUNCTION rigalpha.train_async(name, text, text, text, jsonb, bigint, boolean)
	IS 'train() in a background worker, with the rights of the role that asks, once its transaction has committed; returns the job';

CREATE FUNCTION rigalpha.options(algorithm text DEFAULT 'hybrid')
	RETURNS TABLE (name text, type text, minimum float8, maximum float8, default_value text, description text)
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_options';
COMMENT ON FUNCTION rigalpha.options(text) IS 'Options that train() takes for an algorithm: iforest, pca, lstm_ae or hybrid';

CREATE FUNCTION rigalpha.training_settings(OUT auto_train boolean, OUT auto_train_readings integer, OUT training_workers integer,
	OUT retrain_interval interval)
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_training_settings';
COMMENT ON FUNCTION rigalpha.training_settings() IS 'Settings of automatic training';

CREATE FUNCTION rigalpha.asking_role() RETURNS oid
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_asking_role';
COMMENT ON FUNCTION rigalpha.asking_role() IS 'Role of the session: that of SET ROLE, else the login; not that of a function that runs with the rights of its owner';

CREATE FUNCTION rigalpha.model_header(payload bytea, OUT algorithm text, OUT seed bigint, OUT usable boolean,
	OUT feature_names text[], OUT feature_hash bigint, OUT payload_crc bigint)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_model_header';
COMMENT ON FUNCTION rigalpha.model_header(bytea) IS 'What a payload holds; an error unless it is a sound model';

CREATE FUNCTION rigalpha.remove_version(id integer) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_remove_version';
COMMENT ON FUNCTION rigalpha.remove_version(integer) IS 'Deletes a row of model_versions; see drop_model()';

CREATE FUNCTION rigalpha.may_use_model(model name) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT NOT EXISTS (SELECT FROM rigalpha.model_registry r WHERE r.model = may_use_model.model AND r.restricted)
		-- One that is not there for the caller is answered for as any that is not there.
		OR NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = may_use_model.model AND rigalpha.may_read_machine(v.machine))
		OR pg_has_role(rigalpha.asking_role(), 'rigalpha_admin', 'USAGE')
		OR EXISTS (SELECT FROM rigalpha.model_grants g JOIN pg_roles r ON r.rolname = g.role
			WHERE g.model = may_use_model.model AND pg_has_role(rigalpha.asking_role(), r.oid, 'USAGE'))
	$$;
COMMENT ON FUNCTION rigalpha.may_use_model(name) IS 'True when the role of the session may score with a model; see grant_model()';

CREATE VIEW rigalpha.current_deployments WITH (security_invoker = true, security_barrier = true) AS
	SELECT d.id, d.model, d.version, d.machine, d.deployed_by, d.deployed_at, v.id AS version_id
	FROM (SELECT DISTINCT ON (h.model, h.machine) h.* FROM rigalpha.model_deployments h ORDER BY h.model, h.machine, h.id DESC) d
	JOIN rigalpha.model_versions v ON v.model = d.model AND v.version = d.version;
COMMENT ON VIEW rigalpha.current_deployments IS 'Deployments that apply: the latest of each model and machine, unless it was undeployed';
COMMENT ON COLUMN rigalpha.current_deployments.id IS 'Deployment; a larger one is later';
COMMENT ON COLUMN rigalpha.current_deployments.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.current_deployments.version IS 'Version';
COMMENT ON COLUMN rigalpha.current_deployments.machine IS 'Machine; null = every machine that has the sensors of the model';
COMMENT ON COLUMN rigalpha.current_deployments.deployed_by IS 'Login that deployed it';
COMMENT ON COLUMN rigalpha.current_deployments.deployed_at IS 'When';
COMMENT ON COLUMN rigalpha.current_deployments.version_id IS 'Key of the version in model_versions';

-- The key alone: a row would carry the payload along.
CREATE FUNCTION rigalpha.find_version(model name, version integer) RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	wanted integer := version;
	result integer;
BEGIN
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = find_version.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF wanted IS NULL THEN
		SELECT d.version INTO wanted FROM rigalpha.current_deployments d WHERE d.model = find_version.model ORDER BY d.id DESC LIMIT 1;
		IF wanted IS NULL THEN
			RAISE EXCEPTION 'model "%" has no deployed version', model
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run SELECT rigalpha.deploy(model, version).';
		END IF;
	END IF;
	SELECT v.id INTO result FROM rigalpha.model_versions v WHERE v.model = find_version.model AND v.version = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'version % of model "%" does not exist', wanted, model USING ERRCODE = 'undefined_object';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.find_version(name, integer)
	IS 'Key of a version of a model, by default of the one deployed last; an error when there is none';

CREATE FUNCTION rigalpha.usable_version(model name, version integer) RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	-- What a model learnt of a machine is of that machine: for whoever may not see it, the model is not there.
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = usable_version.model AND rigalpha.may_read_machine(v.machine)) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	result := rigalpha.find_version(model, version);
	IF NOT rigalpha.may_read_machine((SELECT v.machine FROM rigalpha.model_versions v WHERE v.id = result)) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = CASE WHEN version IS NULL THEN format('model "%s" has no version that you may use', model)
			ELSE format('version %s of model "%s" does not exist', version, model) END;
	END IF;
	IF NOT rigalpha.may_use_model(model) THEN
		RAISE EXCEPTION 'permission denied for model "%"', model
			USING ERRCODE = 'insufficient_privilege', HINT = 'An admin can grant it: SELECT rigalpha.grant_model(model, role).';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.usable_version(name, integer)
	IS 'Key of a version that the role of the session may score with, by default of the one deployed last; else an error';

CREATE FUNCTION rigalpha.model_payload(model text, version integer DEFAULT NULL)
	RETURNS TABLE (id integer, version integer, payload bytea)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT v.id, v.version, v.payload FROM rigalpha.model_versions v
	WHERE v.id = (SELECT rigalpha.usable_version(model_payload.model::name, model_payload.version))
	$$;
COMMENT ON FUNCTION rigalpha.model_payload(text, integer) IS 'The model behind the scoring functions: a version, by default the one deployed last';

-- A fleet model scores a machine only when it knows at least half of the machine's sensors, and
-- finds at least half of its own: with fewer it could never give a score.
CREATE FUNCTION rigalpha.ingest_models() RETURNS TABLE (machine_id integer, version_id integer)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	WITH own AS (
		SELECT DISTINCT ON (m.id) m.id AS machine_id, d.version_id
		FROM rigalpha.current_deployments d JOIN rigalpha.machines m ON m.name = d.machine
		ORDER BY m.id, d.id DESC),
	shared AS (
		SELECT d.id, d.version_id, ms.machine_id, count(*) AS sensors, cardinality(v.feature_names) AS features
		FROM rigalpha.current_deployments d
		JOIN rigalpha.model_versions v ON v.id = d.version_id
		CROSS JOIN LATERAL unnest(v.feature_names) AS f (name)
		JOIN rigalpha.sensors s ON s.name = f.name
		JOIN rigalpha.machine_sensors ms ON ms.sensor_id = s.id
		WHERE d.machine IS NULL AND NOT EXISTS (SELECT FROM own o WHERE o.machine_id = ms.machine_id)
		GROUP BY d.id, d.version_id, ms.machine_id, cardinality(v.feature_names))
	SELECT o.machine_id, o.version_id FROM own o
	UNION ALL
	(SELECT DISTINCT ON (sh.machine_id) sh.machine_id, sh.version_id
		FROM shared sh
		WHERE 2 * sh.sensors >= sh.features
			AND 2 * sh.sensors >= (SELECT count(*) FROM rigalpha.machine_sensors ms WHERE ms.machine_id = sh.machine_id)
		ORDER BY sh.machine_id, sh.id DESC)
	$$;
COMMENT ON FUNCTION rigalpha.ingest_models()
	IS 'Version that scores each machine when readings arrive: the latest deployed for it, else the latest fleet model that has its sensors';

CREATE FUNCTION rigalpha.deploy_version(model name, version integer, machine text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target record;
BEGIN
	IF version IS NULL THEN
		RAISE EXCEPTION 'version must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM FROM rigalpha.model_registry r WHERE r.model = deploy_version.model FOR UPDATE;
	SELECT v.status, v.machine INTO target FROM rigalpha.model_versions v WHERE v.id = rigalpha.find_version(deploy_version.model, deploy_version.version);
	IF target.status <> 'ready' THEN
		RAISE EXCEPTION 'version % of model "%" is %', version, model, target.status
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only a version that is ready can be deployed.';
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		VALUES (deploy_version.model, deploy_version.version, coalesce(deploy_version.machine, target.machine));
END
$$;
COMMENT ON FUNCTION rigalpha.deploy_version(name, integer, text) IS 'deploy() for a job, whose asker was let in before';

CREATE FUNCTION rigalpha.deploy(model name, version integer, machine text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.deploy_version(model, version, machine);
END
$$;
COMMENT ON FUNCTION rigalpha.deploy(name, integer, text)
	IS 'Makes a version the one that scores: for the machine that is given, else the one it was trained for, else the fleet';

CREATE FUNCTION rigalpha.undeploy(model name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = undeploy.model FOR UPDATE;
	PERFORM rigalpha.find_version(model, NULL);
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		SELECT d.model, NULL, d.machine FROM rigalpha.current_deployments d WHERE d.model = undeploy.model ORDER BY d.id;
END
$$;
COMMENT ON FUNCTION rigalpha.undeploy(name) IS 'Ends every deployment of a model; its versions stay';

CREATE FUNCTION rigalpha.rollback_model(model name) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	latest rigalpha.model_deployments;
	former rigalpha.model_deployments;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = rollback_model.model FOR UPDATE;
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = rollback_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	SELECT d.* INTO latest FROM rigalpha.model_deployments d WHERE d.model = rollback_model.model ORDER BY d.id DESC LIMIT 1;
	-- Behind the deployment that an earlier rollback went back to, so that a second one goes further.
	SELECT d.* INTO former
		FROM rigalpha.model_deployments d
		JOIN rigalpha.model_versions v ON v.model = d.model AND v.version = d.version AND v.status = 'ready'
		WHERE d.model = rollback_model.model AND d.machine IS NOT DISTINCT FROM latest.machine
			AND d.id < coalesce(latest.reinstates, latest.id) AND d.version IS DISTINCT FROM latest.version
		ORDER BY d.id DESC LIMIT 1;
	IF former.id IS NULL THEN
		RAISE EXCEPTION 'model "%" has no earlier deployment', model USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine, reinstates)
		VALUES (former.model, former.version, former.machine, coalesce(former.reinstates, former.id));
	RETURN former.version;
END
$$;
COMMENT ON FUNCTION rigalpha.rollback_model(name) IS 'Deploys the version that was deployed before, and returns it; repeated, it goes further back';

CREATE FUNCTION rigalpha.drop_model(model name, version integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = drop_model.model FOR UPDATE;
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = drop_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF version IS NOT NULL THEN
		IF EXISTS (SELECT FROM rigalpha.current_deployments d WHERE d.model = drop_model.model AND d.version = drop_model.version) THEN
			RAISE EXCEPTION 'version % of model "%" is deployed', version, model
				USING ERRCODE = 'object_in_use', HINT = 'Deploy another version, or undeploy the model, first.';
		END IF;
		PERFORM rigalpha.remove_version(rigalpha.find_version(model, version));
		RETURN;
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		SELECT d.model, NULL, d.machine FROM rigalpha.current_deployments d WHERE d.model = drop_model.model ORDER BY d.id;
	DELETE FROM rigalpha.model_grants g WHERE g.model = drop_model.model;
	UPDATE rigalpha.model_registry r SET restricted = false WHERE r.model = drop_model.model;
	PERFORM rigalpha.remove_version(v.id) FROM rigalpha.model_versions v WHERE v.model = drop_model.model;
END
$$;
COMMENT ON FUNCTION rigalpha.drop_model(name, integer)
	IS 'Removes one version that is not deployed, or a model with all versions and grants; numbers are not used again, scores stay';

CREATE FUNCTION rigalpha.grant_model(model name, role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = grant_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF role = 'public' THEN
		DELETE FROM rigalpha.model_grants g WHERE g.model = grant_model.model;
		UPDATE rigalpha.model_registry r SET restricted = false WHERE r.model = grant_model.model;
		RETURN;
	END IF;
	IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
		RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
	END IF;
	UPDATE rigalpha.model_registry r SET restricted = true WHERE r.model = grant_model.model;
	INSERT INTO rigalpha.model_grants (model, role) VALUES (grant_model.model, grant_model.role)
		ON CONFLICT ON CONSTRAINT model_grants_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION rigalpha.grant_model(name, name)
	IS 'Restricts the use of a model to the roles it is granted to, and rigalpha_admin; role public opens it to all again';

CREATE FUNCTION rigalpha.revoke_model(model name, role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	DELETE FROM rigalpha.model_grants g WHERE g.model = revoke_model.model AND g.role = revoke_model.role;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" is not granted to role "%"', model, role USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_model(name, name) IS 'Takes a grant back; the model stays restricted, also without any grant';

-- The only way into model_versions.
CREATE FUNCTION rigalpha.store_model(model name, machine text, payload bytea, options jsonb, source_text text, source_rows bigint,
	data_from timestamptz, data_to timestamptz, metrics jsonb, isa text, deploy boolean)
	RETURNS TABLE (version integer, status text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	header record;
BEGIN
	IF coalesce(store_model.model, '') = '' THEN
		RAISE EXCEPTION 'a model needs a name' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT * INTO header FROM rigalpha.model_header(store_model.payload);
	INSERT INTO rigalpha.model_registry AS r (model, last_version) VALUES (store_model.model, 1)
		ON CONFLICT ON CONSTRAINT model_registry_pkey DO UPDATE SET last_version = r.last_version + 1
		RETURNING r.last_version INTO store_model.version;
	store_model.status := CASE WHEN header.usable THEN 'ready' ELSE 'unusable' END;
	INSERT INTO rigalpha.model_versions (model, version, algorithm, machine, status, feature_names, feature_hash, options, seed,
			source_text, source_rows, data_from, data_to, metrics, payload, payload_crc, isa, ext_version)
		VALUES (store_model.model, store_model.version, header.algorithm, store_model.machine, store_model.status,
			header.feature_names, header.feature_hash, store_model.options, header.seed, store_model.source_text,
			store_model.source_rows, store_model.data_from, store_model.data_to, store_model.metrics, store_model.payload,
			header.payload_crc, store_model.isa, (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'rigalpha'));
	IF store_model.deploy AND header.usable THEN
		PERFORM rigalpha.deploy_version(store_model.model, store_model.version, NULL);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION rigalpha.store_model(name, text, bytea, jsonb, text, bigint, timestamptz, timestamptz, jsonb, text, boolean)
	IS 'Checks a payload and makes it the next version of a model; for train() and import_model()';

CREATE FUNCTION rigalpha.export_model(model name, version integer DEFAULT NULL) RETURNS bytea
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN (SELECT v.payload FROM rigalpha.model_versions v WHERE v.id = rigalpha.find_version(export_model.model, export_model.version));
END
$$;
COMMENT ON FUNCTION rigalpha.export_model(name, integer) IS 'A version as bytes for import_model(), by default the one deployed last';

CREATE FUNCTION rigalpha.import_model(model name, payload bytea, deploy boolean DEFAULT false) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	stored record;
BEGIN
	PERFORM rigalpha.require_admin();
	IF payload IS NULL THEN
		RAISE EXCEPTION 'payload must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO stored FROM rigalpha.store_model(model, NULL, payload, '{}', NULL, NULL, NULL, NULL, '{}', NULL, deploy);
	RETURN stored.version;
END
$$;
COMMENT ON FUNCTION rigalpha.import_model(name, bytea, boolean)
	IS 'Makes what export_model() gave the next version of a model, and returns its number; anything else is an error';

-- Key of the advisory lock that the process of a job holds as long as it lives.
CREATE FUNCTION rigalpha.job_process(id bigint) RETURNS integer
	LANGUAGE sql VOLATILE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.pid FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.database = rigalpha.database_oid() AND l.objsubid = 2 AND l.granted
		AND l.classid = 1380010562 AND l.objid::bigint = job_process.id & 2147483647
	$$;
COMMENT ON FUNCTION rigalpha.job_process(bigint) IS 'Process that works on a job now; null = none';

CREATE FUNCTION rigalpha.signal_job(process integer) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_signal_job';
COMMENT ON FUNCTION rigalpha.signal_job(integer) IS 'Interrupts the process of a job; see cancel_job()';

-- All users of the sidecar share its login.
CREATE FUNCTION rigalpha.owns_job(requested_by name) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT requested_by = session_user AND session_user <> 'rigalpha_web' OR rigalpha.is_admin() $$;
COMMENT ON FUNCTION rigalpha.owns_job(name) IS 'True for the login that asked for a job, and for admins';

CREATE FUNCTION rigalpha.job(id bigint)
	RETURNS TABLE (id bigint, model name, algorithm text, machine text, state text, phase text, progress float8, version integer,
		message text, requested_by name, acting_role name, created_at timestamptz, started_at timestamptz, finished_at timestamptz)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Messages may quote values of the source.
	SELECT j.id, j.model, j.algorithm, j.machine, j.state, j.phase, j.progress, j.version,
		CASE WHEN rigalpha.owns_job(j.requested_by) THEN j.message END,
		j.requested_by, j.acting_role, j.created_at, j.started_at, j.finished_at
	FROM rigalpha.jobs j
	WHERE j.id = job.id AND (rigalpha.owns_job(j.requested_by) OR j.machine IS NOT NULL AND rigalpha.may_read_machine(j.machine))
	$$;
COMMENT ON FUNCTION rigalpha.job(bigint) IS 'State of a training job: queued, running, done, failed or cancelled, with phase and progress';

CREATE FUNCTION rigalpha.cancel_job(id bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target rigalpha.jobs;
BEGIN
	SELECT j.* INTO target FROM rigalpha.jobs j WHERE j.id = cancel_job.id FOR UPDATE;
	IF target.id IS NULL
		OR NOT (rigalpha.owns_job(target.requested_by) OR target.machine IS NOT NULL AND rigalpha.may_read_machine(target.machine)) THEN
		RAISE EXCEPTION 'job % does not exist', id USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT rigalpha.owns_job(target.requested_by) THEN
		RAISE EXCEPTION 'permission denied for job %', id
			USING ERRCODE = 'insufficient_privilege', HINT = 'Who asked for it, or an admin, may cancel it.';
	END IF;
	IF target.state NOT IN ('queued', 'running') THEN
		RETURN false;
	END IF;
	-- A job that has not begun finds this when it does.
	UPDATE rigalpha.jobs j SET cancel_requested = true,
			state = CASE j.state WHEN 'queued' THEN 'cancelled' ELSE j.state END,
			message = CASE j.state WHEN 'queued' THEN 'the job was cancelled' END,
			finished_at = CASE j.state WHEN 'queued' THEN clock_timestamp() END
		WHERE j.id = cancel_job.id;
	IF target.state = 'running' THEN
		PERFORM rigalpha.signal_job(rigalpha.job_process(id));
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION rigalpha.cancel_job(bigint) IS 'Ends a training job, for who asked for it and for admins; false = it had ended';

-- Automatic training: every machine gets a model of its own.
CREATE FUNCTION rigalpha.auto_model(machine text) RETURNS name
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT ('auto.' || CASE WHEN octet_length(machine) <= 58 THEN machine ELSE md5(machine) END)::name $$;
COMMENT ON FUNCTION rigalpha.auto_model(text) IS 'Name of the model that is trained automatically for a machine; a long machine name is hashed';

CREATE FUNCTION rigalpha.training_readings(machine text, max_rows integer DEFAULT 50000)
	RETURNS TABLE (machine_id integer, ts timestamptz, state smallint, sensor_values float8[])
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT r.machine_id, r.ts, r.state, r.sensor_values
	FROM rigalpha.readings r
	WHERE r.machine_id = (SELECT m.id FROM rigalpha.machines m WHERE m.name = training_readings.machine)
		AND NOT EXISTS (SELECT FROM rigalpha.incidents i
			WHERE i.machine_id = r.machine_id AND i.kind IN ('anomaly', 'stuck') AND r.ts BETWEEN i.started AND coalesce(i.ended, 'infinity'))
	ORDER BY r.ts DESC LIMIT max_rows
	$$;
COMMENT ON FUNCTION rigalpha.training_readings(text, integer) IS 'The newest readings of a machine outside of incidents: what automatic training learns from';

-- One row per machine: what scores it, and whether training is due. Growth is judged by the
-- counter of machine_state: counting readings every few seconds would cost too much.
CREATE FUNCTION rigalpha.fleet_training_plan()
	RETURNS TABLE (machine_id integer, machine text, readings bigint, version_id integer, job_id bigint, due boolean,
		blocked text, next_training_at timestamptz, failure text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT m.id, m.name, st.readings, v.id, coalesce(busy.id, last.id),
		CASE
			WHEN busy.id IS NOT NULL OR backoff.until > now() THEN false
			WHEN v.id IS NULL THEN NOT auto.declined AND st.readings >= s.auto_train_readings
			WHEN v.model <> auto.model THEN false
			WHEN v.source_rows < 50000 THEN st.readings >= 2 * coalesce(done.readings, v.source_rows)
			ELSE s.retrain_interval > interval '0' AND v.created_at + s.retrain_interval <= now()
		END,
		CASE
			WHEN busy.id IS NOT NULL THEN 'busy'
			WHEN NOT s.auto_train THEN 'off'
			WHEN v.id IS NULL AND auto.declined THEN 'undeployed'
			WHEN backoff.until > now() THEN 'backoff'
		END,
		CASE
			WHEN NOT s.auto_train OR busy.id IS NOT NULL THEN NULL
			WHEN v.id IS NULL AND auto.declined OR v.model <> auto.model THEN NULL
			WHEN backoff.until > now() THEN backoff.until
			WHEN v.source_rows >= 50000 AND s.retrain_interval > interval '0' THEN greatest(v.created_at + s.retrain_interval, now())
		END,
		-- Of an automatic training only, which reads nothing but its machine: the messages of others may quote what their source read.
		CASE WHEN backoff.until > now() THEN format('training %s: %s', last.state, last.message) END
	FROM rigalpha.training_settings() s
	CROSS JOIN rigalpha.machines m
	JOIN rigalpha.machine_state st ON st.machine_id = m.id
	LEFT JOIN rigalpha.ingest_models() im ON im.machine_id = m.id
	LEFT JOIN rigalpha.model_versions v ON v.id = im.version_id
	CROSS JOIN LATERAL (
		SELECT n.model, EXISTS (SELECT FROM rigalpha.model_versions x WHERE x.model = n.model) AS declined
		FROM (SELECT rigalpha.auto_model(m.name) AS model) n) auto
	LEFT JOIN LATERAL (SELECT j.id FROM rigalpha.jobs j WHERE j.state IN ('queued', 'running') AND j.machine = m.name ORDER BY j.id DESC LIMIT 1) busy ON true
	LEFT JOIN LATERAL (SELECT j.* FROM rigalpha.jobs j WHERE j.automatic AND j.machine = m.name ORDER BY j.id DESC LIMIT 1) last ON true
	LEFT JOIN LATERAL (SELECT j.readings FROM rigalpha.jobs j WHERE j.automatic AND j.machine = m.name AND j.state = 'done'
		ORDER BY j.id DESC LIMIT 1) done ON true
	CROSS JOIN LATERAL (SELECT CASE WHEN last.state IN ('failed', 'cancelled') THEN last.finished_at + interval '1 h' END AS until) backoff
	$$;
COMMENT ON FUNCTION rigalpha.fleet_training_plan() IS 'training_plan() of every machine, for the clock of the worker';

CREATE FUNCTION rigalpha.training_plan()
	RETURNS TABLE (machine_id integer, machine text, readings bigint, version_id integer, job_id bigint, due boolean,
		blocked text, next_training_at timestamptz, failure text)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT p.* FROM rigalpha.fleet_training_plan() p WHERE p.machine_id = ANY ((SELECT rigalpha.readable_machines())::integer[]) $$;
COMMENT ON FUNCTION rigalpha.training_plan() IS 'What scores each machine, and whether its automatic training is due; see training_info';

CREATE FUNCTION rigalpha.training_tick() RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	settings record;
	target record;
	job bigint;
BEGIN
	IF pg_is_in_recovery() OR NOT rigalpha.node_is_current() THEN
		RETURN NULL;
	END IF;
	-- A process that was just registered has not taken its lock yet.
	UPDATE rigalpha.jobs j
		SET state = 'failed', message = 'the process of the job ended unexpectedly', finished_at = clock_timestamp()
		WHERE j.state IN ('queued', 'running') AND (j.state = 'running' OR j.created_at < clock_timestamp() - interval '1 min')
			AND rigalpha.job_process(j.id) IS NULL;
	SELECT * INTO settings FROM rigalpha.training_settings();
	IF NOT settings.auto_train
		OR (SELECT count(*) FROM rigalpha.jobs j WHERE j.state IN ('queued', 'running') AND j.automatic) >= settings.training_workers THEN
		RETURN NULL;
	END IF;
	-- Machines without a model first, then the oldest model.
	SELECT p.machine, p.readings INTO target
		FROM rigalpha.fleet_training_plan() p LEFT JOIN rigalpha.model_versions v ON v.id = p.version_id
		WHERE p.due ORDER BY v.created_at NULLS FIRST, p.machine_id LIMIT 1;
	IF target.machine IS NULL THEN
		RETURN NULL;
	END IF;
	BEGIN
		job := rigalpha.train_async(rigalpha.auto_model(target.machine),
			format('SELECT * FROM rigalpha.training_readings(%L)', target.machine), 'hybrid', target.machine);
		UPDATE rigalpha.jobs j SET automatic = true, readings = target.readings WHERE j.id = job;
	EXCEPTION WHEN configuration_limit_exceeded THEN
		-- No free process: there may be one at the next tick.
		job := NULL;
	END;
	RETURN job;
END
$$;
COMMENT ON FUNCTION rigalpha.training_tick()
	IS 'Clock of the background worker, every few seconds: gives up jobs whose process is gone, and starts an automatic training that is due';
-- Scores are STABLE, because the name of a model stands for the version that is deployed.
CREATE FUNCTION rigalpha.score(model name, sensors float8[]) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score';
COMMENT ON FUNCTION rigalpha.score(name, float8[]) IS 'Risk 0..1 of one reading by itself, values in the order of the model''s features; null = not scorable';

CREATE FUNCTION rigalpha.score_json(model name, sensors jsonb) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_json';
COMMENT ON FUNCTION rigalpha.score_json(name, jsonb) IS 'Risk 0..1 of one reading by itself, values by sensor name; null = not scorable';

CREATE FUNCTION rigalpha.score_detail(model name, sensors jsonb, version integer DEFAULT NULL,
	OUT risk float8, OUT p_value float8, OUT is_anomaly boolean, OUT if_score float8, OUT pca_t2 float8, OUT pca_q float8,
	OUT max_z float8, OUT missing_fraction real, OUT warmup boolean, OUT model_version integer)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_detail';
COMMENT ON FUNCTION rigalpha.score_detail(name, jsonb, integer)
	IS 'Risk of one reading with the p-value and what each detector says; version null = the deployed one';

CREATE FUNCTION rigalpha.score_window(model name, win float8[]) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_window';
COMMENT ON FUNCTION rigalpha.score_window(name, float8[])
	IS 'Risk 0..1 of the last of 20 consecutive readings by all detectors; the readings oldest first, flat or one per row';

CREATE FUNCTION rigalpha.lstm_score(model name, sensors float8[]) RETURNS float8
	LANGUAGE c STABLE WINDOW PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_lstm_score';
COMMENT ON FUNCTION rigalpha.lstm_score(name, float8[])
	IS 'Window function: risk 0..1 by the LSTM autoencoder alone, OVER (PARTITION BY machine ORDER BY ts); null for the first 19 rows';

CREATE FUNCTION rigalpha.explain(model name, sensors jsonb, top_n integer DEFAULT 5)
	RETURNS TABLE (rank integer, sensor text, contribution float8, value float8, expected float8, z float8, direction text, method text)
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'rig_explain_reading';
COMMENT ON FUNCTION rigalpha.explain(name, jsonb, integer)
	IS 'Sensors that made one reading risky, with shares that sum to 1 over all sensors; no row below risk 0.5';

CREATE FUNCTION rigalpha.detect(model name, source text, from_ts timestamptz DEFAULT NULL, to_ts timestamptz DEFAULT NULL,
	on_error text DEFAULT 'null')
	RETURNS TABLE (machine text, ts timestamptz, row_number bigint, risk float8, is_anomaly boolean, p_value float8,
		top_sensors text[], score_z float8, score_pca float8, score_forest float8, score_lstm float8)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10000
	AS 'MODULE_PATHNAME', 'rig_detect';
COMMENT ON FUNCTION rigalpha.detect(name, text, timestamptz, timestamptz, text)
	IS 'Scores all rows of a table, view or query in time order, machine by machine; row_number is the place in the source; on_error null, skip or error says what becomes of rows that cannot be scored';

CREATE FUNCTION rigalpha.incidents(model name, source text, from_ts timestamptz DEFAULT NULL, to_ts timestamptz DEFAULT NULL)
	RETURNS TABLE (machine text, started timestamptz, ended timestamptz, duration interval, peak_risk float8, top_sensors text[])
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100
	AS 'MODULE_PATHNAME', 'rig_incidents';
COMMENT ON FUNCTION rigalpha.incidents(name, text, timestamptz, timestamptz)
	IS 'Anomaly episodes in a table, view or query; ended null = still open at the last row';
-- What the Kafka worker may do. It holds EXECUTE on these functions and nothing else.
CREATE FUNCTION rigalpha.worker_abi() RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT 1 $$;
COMMENT ON FUNCTION rigalpha.worker_abi() IS 'Version of the interface between the worker and these functions';

CREATE FUNCTION rigalpha.worker_sources()
	RETURNS TABLE (id integer, name text, brokers text, topic text, config jsonb, workers integer, paused boolean, revision bigint)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT s.id, s.name, s.brokers, s.topic, s.config, s.workers, s.paused, s.revision
	FROM rigalpha.kafka_sources s
	WHERE rigalpha.node_is_current()
	ORDER BY s.id
	$$;
COMMENT ON FUNCTION rigalpha.worker_sources() IS 'Sources to consume; none while the database is not set up or not adopted';

CREATE FUNCTION rigalpha.worker_lease() RETURNS interval
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT interval '30 s' $$;
COMMENT ON FUNCTION rigalpha.worker_lease() IS 'How long a lease lasts without renewal';

-- A lease is free when it ran out or when its process is gone: a killed worker's successor need
-- not wait. The generation moves with every new holder, and the offset rows carry it, so a
-- holder that was stopped and comes back is refused at its next write.
CREATE FUNCTION rigalpha.worker_claim(source_id integer, slot integer, slots integer, partition_count integer, pid integer)
	RETURNS TABLE ("partition" integer, next_offset bigint, generation bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	lease rigalpha.kafka_workers;
	granted bigint;
BEGIN
	-- One claim of a source at a time, so that workers with different slot counts cannot
	-- both be granted a partition.
	PERFORM FROM rigalpha.kafka_sources s WHERE s.id = worker_claim.source_id FOR NO KEY UPDATE;
	IF NOT FOUND OR NOT rigalpha.node_is_current() THEN
		RETURN;
	END IF;
	FOR lease IN
		SELECT * FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id
		ORDER BY w.slot FOR UPDATE
	LOOP
		IF (lease.slot = worker_claim.slot OR lease.slots <> worker_claim.slots)
			AND lease.holder_pid <> worker_claim.pid
			AND lease.holder_start = pg_postmaster_start_time()
			AND lease.leased_until > clock_timestamp()
			AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = lease.holder_pid) THEN
			RETURN;
		END IF;
	END LOOP;

	SELECT coalesce(max(o.generation), 0) INTO granted FROM rigalpha.kafka_offsets o WHERE o.source_id = worker_claim.source_id;
	SELECT greatest(granted, coalesce(max(w.generation), 0)) + 1 INTO granted
		FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id;
	DELETE FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id AND w.slot >= worker_claim.slots;
	INSERT INTO rigalpha.kafka_workers AS w (source_id, slot, slots, generation, holder_pid, holder_start, leased_until)
		VALUES (worker_claim.source_id, worker_claim.slot, worker_claim.slots, granted, worker_claim.pid,
			pg_postmaster_start_time(), clock_timestamp() + rigalpha.worker_lease())
		ON CONFLICT ON CONSTRAINT kafka_workers_pkey DO UPDATE
			SET slots = excluded.slots, generation = excluded.generation, holder_pid = excluded.holder_pid,
				holder_start = excluded.holder_start, leased_until = excluded.leased_until;
	INSERT INTO rigalpha.kafka_offsets (source_id, "partition", generation)
		SELECT worker_claim.source_id, p, granted FROM generate_series(worker_claim.slot, partition_count - 1, worker_claim.slots) AS p
		ON CONFLICT ON CONSTRAINT kafka_offsets_pkey DO NOTHING;
	RETURN QUERY
		UPDATE rigalpha.kafka_offsets o SET generation = granted
		WHERE o.source_id = worker_claim.source_id AND o."partition" % worker_claim.slots = worker_claim.slot
			AND o."partition" < partition_count
		RETURNING o."partition", o.next_offset, o.generation;
END
$$;
COMMENT ON FUNCTION rigalpha.worker_claim(integer, integer, integer, integer, integer)
	IS 'Takes the lease of a worker slot and returns its partitions with their positions; no row = another live worker holds it';

CREATE FUNCTION rigalpha.worker_fence(source_id integer, generation bigint, "partition" integer) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_worker_fence';
COMMENT ON FUNCTION rigalpha.worker_fence(integer, bigint, integer)
	IS 'Locks the position of a partition; refuses a worker whose lease has passed on';

CREATE FUNCTION rigalpha.worker_ingest(source_id integer, generation bigint, payloads bytea[], times timestamptz[],
	partitions integer[], offsets bigint[],
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT skipped integer)
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_worker_ingest';
COMMENT ON FUNCTION rigalpha.worker_ingest(integer, bigint, bytea[], timestamptz[], integer[], bigint[])
	IS 'Stores a batch of messages and moves the positions, in one transaction';

CREATE FUNCTION rigalpha.worker_reject(source_id integer, generation bigint, payload bytea, message_time timestamptz,
	"partition" integer, "offset" bigint, reason text, detail text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	PERFORM rigalpha.worker_fence(source_id, generation, "partition");
	PERFORM rigalpha.add_dead_letter(clock_timestamp(), (SELECT s.name FROM rigalpha.kafka_sources s WHERE s.id = worker_reject.source_id),
		"partition", "offset", message_time, -1, NULL, NULL, reason, detail, coalesce(payload, ''), NULL,
		coalesce((SELECT st.setting::integer FROM pg_settings st WHERE st.name = 'rigalpha.max_payload'), 1048576));
	UPDATE rigalpha.kafka_offsets o
		SET next_offset = greatest(o.next_offset, "offset" + 1), messages = o.messages + 1, rejected = o.rejected + 1,
			updated_at = clock_timestamp()
		WHERE o.source_id = worker_reject.source_id AND o."partition" = worker_reject."partition";
END
$$;
COMMENT ON FUNCTION rigalpha.worker_reject(integer, bigint, bytea, timestamptz, integer, bigint, text, text)
	IS 'Writes the dead letter of a message that could not be ingested and moves its position';

CREATE FUNCTION rigalpha.worker_gap(source_id integer, generation bigint, "partition" integer, from_offset bigint, to_offset bigint, reason text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	PERFORM rigalpha.worker_fence(source_id, generation, "partition");
	INSERT INTO rigalpha.kafka_gaps (source_id, "partition", from_offset, to_offset, reason)
		VALUES (source_id, "partition", from_offset, to_offset, reason);
	UPDATE rigalpha.kafka_offsets o SET next_offset = to_offset, updated_at = clock_timestamp()
		WHERE o.source_id = worker_gap.source_id AND o."partition" = worker_gap."partition";
END
$$;
COMMENT ON FUNCTION rigalpha.worker_gap(integer, bigint, integer, bigint, bigint, text)
	IS 'Records offsets that the broker no longer has and goes on behind them';

CREATE FUNCTION rigalpha.worker_report(source_id integer, slot integer, slots integer, pid integer, state text, error text,
	partitions integer[], high_watermarks bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	consumed bigint;
BEGIN
	UPDATE rigalpha.kafka_offsets o SET high_watermark = n.high
		FROM unnest(partitions, high_watermarks) AS n (part, high)
		WHERE o.source_id = worker_report.source_id AND o."partition" = n.part AND n.high >= 0
			AND o.high_watermark IS DISTINCT FROM n.high;
	SELECT coalesce(sum(o.messages), 0) INTO consumed FROM rigalpha.kafka_offsets o
		WHERE o.source_id = worker_report.source_id AND o."partition" % worker_report.slots = worker_report.slot;

	-- A worker that waits for a lease may report, but must not touch the lease of the holder.
	UPDATE rigalpha.kafka_workers w
		SET state = worker_report.state,
			state_since = CASE WHEN w.state = worker_report.state THEN w.state_since ELSE clock_timestamp() END,
			last_error = coalesce(worker_report.error, w.last_error),
			last_error_at = CASE WHEN worker_report.error IS NULL THEN w.last_error_at ELSE clock_timestamp() END,
			rate = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.rate
				ELSE (consumed - w.messages) / extract(epoch FROM clock_timestamp() - w.reported_at) END,
			messages = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.messages ELSE consumed END,
			reported_at = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.reported_at ELSE clock_timestamp() END,
			holder_pid = CASE WHEN worker_report.state = 'stopped' THEN NULL ELSE w.holder_pid END,
			leased_until = CASE WHEN worker_report.state = 'stopped' THEN NULL ELSE clock_timestamp() + rigalpha.worker_lease() END
		WHERE w.source_id = worker_report.source_id AND w.slot = worker_report.slot AND w.holder_pid = worker_report.pid;
	IF NOT FOUND THEN
		INSERT INTO rigalpha.kafka_workers (source_id, slot, slots, state, last_error, last_error_at)
			SELECT worker_report.source_id, worker_report.slot, worker_report.slots, worker_report.state, worker_report.error,
				CASE WHEN worker_report.error IS NOT NULL THEN clock_timestamp() END
			FROM rigalpha.kafka_sources s WHERE s.id = worker_report.source_id
			ON CONFLICT ON CONSTRAINT kafka_workers_pkey DO NOTHING;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.worker_report(integer, integer, integer, integer, text, text, integer[], bigint[])
	IS 'Shows the state of a worker in kafka_status and renews its lease; state stopped gives the lease back';

CREATE FUNCTION rigalpha.maintenance_tick() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
	missing date[];
BEGIN
	IF NOT rigalpha.node_is_current() OR pg_is_in_recovery() THEN
		RETURN;
	END IF;
	missing := ARRAY(SELECT today + n FROM generate_series(0, current_setting('rigalpha.partitions_ahead')::integer) AS n
		WHERE to_regclass('rigalpha.readings_' || to_char((today + n)::timestamp, 'YYYYMMDD')) IS NULL);
	IF cardinality(missing) > 0 THEN
		PERFORM rigalpha.ensure_partitions(missing);
	END IF;
	PERFORM rigalpha.accounts_tick();
	PERFORM rigalpha.device_tick();
END
$$;
COMMENT ON FUNCTION rigalpha.maintenance_tick() IS 'Work of the background worker''s clock: partitions ahead; cheap, called once a minute';
-- The audit log. An entry is written when something happens, in the transaction that does it; its
-- link is appended to the chain when that transaction commits. See docs/audit.md.
CREATE TABLE rigalpha.audit_chains (
	chain integer PRIMARY KEY CHECK (chain >= 0),
	label text NOT NULL
);
COMMENT ON TABLE rigalpha.audit_chains IS 'Chains of the audit log: 0 for administration, one per machine';
COMMENT ON COLUMN rigalpha.audit_chains.chain IS '0, or the id of the machine';
COMMENT ON COLUMN rigalpha.audit_chains.label IS 'Name when the chain began; its hashes depend on it, so it stays when the machine is renamed';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_chains', '');

CREATE TABLE rigalpha.audit_entries (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	epoch integer NOT NULL,
	chain integer NOT NULL,
	xact xid8 NOT NULL,
	kind smallint NOT NULL,
	at timestamptz NOT NULL,
	payload bytea NOT NULL,
	leaf bytea NOT NULL CHECK (octet_length(leaf) = 32)
);
ALTER TABLE rigalpha.audit_entries ALTER COLUMN payload SET STORAGE EXTERNAL;
COMMENT ON TABLE rigalpha.audit_entries IS 'What happened; the bytes of payload are the truth, the view audit_log shows them';
COMMENT ON COLUMN rigalpha.audit_entries.id IS 'Key';
COMMENT ON COLUMN rigalpha.audit_entries.epoch IS 'node.epoch when it was written';
COMMENT ON COLUMN rigalpha.audit_entries.chain IS 'Chain that it is linked in';
COMMENT ON COLUMN rigalpha.audit_entries.xact IS 'Transaction that wrote it, in the database where it did';
COMMENT ON COLUMN rigalpha.audit_entries.kind IS 'Kind as in the payload';
COMMENT ON COLUMN rigalpha.audit_entries.at IS 'When it was written';
COMMENT ON COLUMN rigalpha.audit_entries.payload IS 'Who, what, when, before and after in canonical bytes';
COMMENT ON COLUMN rigalpha.audit_entries.leaf IS 'SHA-256 of the payload';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_entries', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_entries_id_seq', '');

CREATE TABLE rigalpha.audit_links (
	chain integer NOT NULL,
	seq bigint NOT NULL CHECK (seq > 0),
	epoch integer NOT NULL,
	entry_id bigint NOT NULL UNIQUE,
	prev bytea NOT NULL CHECK (octet_length(prev) = 32),
	leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
	link bytea NOT NULL CHECK (octet_length(link) = 32),
	PRIMARY KEY (chain, seq),
	UNIQUE (chain, prev)
);
COMMENT ON TABLE rigalpha.audit_links IS 'Links of the chains, without gaps and in the order of commits';
COMMENT ON COLUMN rigalpha.audit_links.chain IS 'Chain';
COMMENT ON COLUMN rigalpha.audit_links.seq IS 'Place in the chain, from 1, also across epochs';
COMMENT ON COLUMN rigalpha.audit_links.epoch IS 'Epoch; the first link of an epoch follows what commits to the head of the one before';
COMMENT ON COLUMN rigalpha.audit_links.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_links.prev IS 'Hash that this link follows';
COMMENT ON COLUMN rigalpha.audit_links.leaf IS 'Hash of the entry';
COMMENT ON COLUMN rigalpha.audit_links.link IS 'Hash of all of this, which the next link follows';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_links', '');

CREATE FUNCTION rigalpha.audit_row() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_row';
COMMENT ON FUNCTION rigalpha.audit_row() IS 'Trigger: writes what a row was and is; arguments machine=COLUMN and redact=COLUMN';

CREATE FUNCTION rigalpha.audit_truncate() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_truncate';
COMMENT ON FUNCTION rigalpha.audit_truncate() IS 'Trigger: writes that a table is emptied, and of how many rows';

CREATE FUNCTION rigalpha.audit_refuse() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_refuse';
COMMENT ON FUNCTION rigalpha.audit_refuse() IS 'Trigger: the audit log can only be added to';

DO $$
DECLARE
	table_name text;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['audit_chains', 'audit_entries', 'audit_links'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON rigalpha.%I
			FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_refuse()', table_name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER refuse', table_name);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER refuse ON rigalpha.%I IS ''The audit log can only be added to''', table_name);
	END LOOP;
END
$$;

CREATE FUNCTION rigalpha.audit_event(kind text, source text, operation text, reason text DEFAULT NULL, schema text DEFAULT NULL,
		relation text DEFAULT NULL, machine_id integer DEFAULT NULL, names text[] DEFAULT NULL, "values" text[] DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_event';
COMMENT ON FUNCTION rigalpha.audit_event(text, text, text, text, text, text, integer, text[], text[])
	IS 'Writes an entry about something that is no row of an audited table; for the functions of the extension';

CREATE FUNCTION rigalpha.audit_note(note text, machine text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT rigalpha.audit_event('note', 'user', 'note', left(audit_note.note, 2000), NULL, NULL,
		(SELECT m.id FROM rigalpha.machines m WHERE m.name = audit_note.machine
			AND m.id = ANY ((SELECT rigalpha.readable_machines())::integer[])))
	$$;
COMMENT ON FUNCTION rigalpha.audit_note(text, text) IS 'Writes a note of the user into the audit log, on the chain of a machine if one is named';

CREATE FUNCTION rigalpha.audit_verify(chain integer DEFAULT NULL, from_seq bigint DEFAULT NULL, to_seq bigint DEFAULT NULL, checkpoint text DEFAULT NULL)
	RETURNS TABLE (problem text, chain_number integer, seq bigint, entry_id bigint, expected text, found text)
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_verify';
COMMENT ON FUNCTION rigalpha.audit_verify(integer, bigint, bigint, text)
	IS 'Computes the audit log again, or a part of it; one row per problem, none when it is whole. The tree is compared with a checkpoint if one is given, whose signature is not checked here';

CREATE FUNCTION rigalpha.audit_baseline(relation regclass) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_baseline';
COMMENT ON FUNCTION rigalpha.audit_baseline(regclass)
	IS 'Writes an entry for each row that an audited table has, for its owner; audit_enable() calls it; returns how many';

-- Audits a table: every change of a row, and that it is emptied.
CREATE FUNCTION rigalpha.audit_enable(relation regclass, machine_column name DEFAULT NULL, redacted name[] DEFAULT '{}', ignored name[] DEFAULT '{}')
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET client_min_messages = warning
	AS $$
DECLARE
	arguments text := (SELECT coalesce(string_agg(quote_literal(a), ', '), '') FROM (
		SELECT 'machine=' || machine_column WHERE machine_column IS NOT NULL
		UNION ALL SELECT 'redact=' || unnest(redacted)) AS given (a));
	columns name[] := (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped);
	missing name := (SELECT n FROM unnest(redacted || ignored || machine_column) n WHERE n <> ALL (columns) LIMIT 1);
	kinds text := 'INSERT OR UPDATE OR DELETE';
	made text;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'table % has no column "%"', relation, missing USING ERRCODE = 'undefined_column';
	END IF;
	EXECUTE format('DROP TRIGGER IF EXISTS rigalpha_audit ON %1$s; DROP TRIGGER IF EXISTS rigalpha_audit_update ON %1$s;
		DROP TRIGGER IF EXISTS rigalpha_audit_truncate ON %1$s', relation);
	IF ignored <> '{}' THEN
		kinds := 'INSERT OR DELETE';
		EXECUTE format('CREATE TRIGGER rigalpha_audit_update AFTER UPDATE ON %s FOR EACH ROW WHEN (%s)
			EXECUTE FUNCTION rigalpha.audit_row(%s)', relation,
			(SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c), ' OR ') FROM unnest(columns) c WHERE c <> ALL (ignored)), arguments);
	END IF;
	EXECUTE format('CREATE TRIGGER rigalpha_audit AFTER %s ON %s FOR EACH ROW EXECUTE FUNCTION rigalpha.audit_row(%s)', kinds, relation, arguments);
	EXECUTE format('CREATE TRIGGER rigalpha_audit_truncate BEFORE TRUNCATE ON %s
		FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_truncate()', relation);
	FOR made IN SELECT tgname FROM pg_trigger WHERE tgrelid = relation AND tgname ~ '^rigalpha_audit' LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, made);
		EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', made, relation, 'Writes what happens to the table into the audit log');
	END LOOP;
	PERFORM rigalpha.audit_baseline(relation);
END
$$;
COMMENT ON FUNCTION rigalpha.audit_enable(regclass, name, name[], name[])
	IS 'Audits a table, by triggers that its owner makes: machine_column = whose chain a row belongs to, redacted = columns whose values are not shown, ignored = columns whose change alone is no entry';

CREATE FUNCTION rigalpha.audit_decode(payload bytea, OUT kind text, OUT session_user_name text, OUT current_user_name text,
		OUT app_user text, OUT app_session text, OUT client_address text, OUT source text, OUT machine text,
		OUT schema_name text, OUT relation text, OUT operation text, OUT reason text, OUT transaction_at timestamptz,
		OUT key jsonb, OUT old jsonb, OUT new jsonb)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_decode';
COMMENT ON FUNCTION rigalpha.audit_decode(bytea) IS 'The parts of an audit entry; null when the bytes are none';

CREATE VIEW rigalpha.audit_log WITH (security_invoker = true, security_barrier = true) AS
	SELECT l.chain, l.seq, e.id AS entry_id, e.at, d.*
	FROM rigalpha.audit_links l
	JOIN rigalpha.audit_entries e ON e.id = l.entry_id
	CROSS JOIN LATERAL rigalpha.audit_decode(e.payload) d;
COMMENT ON VIEW rigalpha.audit_log IS 'The audit log: who did what and when, and what was before and after';

CREATE FUNCTION rigalpha.audit_row_image(live record) RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_row_image';
COMMENT ON FUNCTION rigalpha.audit_row_image(record) IS 'A row as the audit log would show it';

-- Rows against their last images. What is edited while triggers are off leaves the log whole, and
-- shows here only.
CREATE FUNCTION rigalpha.audit_reconcile(relation regclass)
	RETURNS TABLE (problem text, key jsonb, logged jsonb, live jsonb)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	key_columns text := (SELECT string_agg(format('%L, %%1$s -> %L', a.attname, a.attname), ', ' ORDER BY a.attnum)
		FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = relation AND i.indisprimary);
	-- Those that the condition of the trigger does not name: their changes are no entries.
	ignored text[] := (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0
		WHERE t.tgrelid = relation AND t.tgname = 'rigalpha_audit_update'
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
				AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = a.attnum));
BEGIN
	-- Who sees a part of the log or of the rows, or nothing, would be told that all is well.
	IF NOT rigalpha.is_admin_user() AND (row_security_active('rigalpha.audit_entries'::regclass) OR row_security_active(relation)) THEN
		RAISE EXCEPTION 'permission denied: this is for users with role admin' USING ERRCODE = 'insufficient_privilege';
	END IF;
	IF key_columns IS NULL THEN
		RAISE EXCEPTION 'table % has no primary key', relation
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Without one its rows cannot be told apart.';
	END IF;
	RETURN QUERY EXECUTE format($q$
		WITH entries AS MATERIALIZED (
			SELECT a.entry_id, a.kind, a.key, a.new FROM rigalpha.audit_log a
			WHERE (a.schema_name, a.relation) = (SELECT n.nspname::text, c.relname::text
				FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)),
		images AS (
			SELECT e.entry_id, jsonb_build_object(%1$s) AS key, e.new FROM entries e WHERE e.new IS NOT NULL
			-- Where the key was changed, or the row deleted, nothing is left under the old one.
			UNION ALL SELECT e.entry_id, e.key, NULL FROM entries e WHERE e.key <> coalesce(CASE WHEN e.new IS NOT NULL THEN jsonb_build_object(%1$s) END, '{}')),
		logged AS (
			SELECT DISTINCT ON (i.key) i.key, i.new AS image FROM images i
			WHERE i.entry_id > coalesce((SELECT max(t.entry_id) FROM entries t WHERE t.kind = 'truncate'), 0)
			ORDER BY i.key, i.entry_id DESC),
		present AS (SELECT jsonb_build_object(%2$s) AS key, r.image FROM (SELECT rigalpha.audit_row_image(t) AS image FROM %3$s t) r),
		pairs AS (
			SELECT coalesce(l.key, r.key) AS key, l.image - $2 AS logged,
				-- What is redacted cannot be compared.
				r.image - $2 - coalesce((SELECT array_agg(c.key) FROM jsonb_each(l.image) c WHERE jsonb_typeof(c.value) = 'object'), '{}') AS live
			FROM logged l FULL JOIN present r ON r.key = l.key)
		SELECT CASE WHEN b.live IS NULL THEN 'MISSING' WHEN b.logged IS NULL THEN 'NOT_LOGGED' ELSE 'EDITED' END, b.key, b.logged, b.live
		FROM pairs b
		WHERE b.live IS DISTINCT FROM b.logged - coalesce((SELECT array_agg(c.key) FROM jsonb_each(b.logged) c WHERE jsonb_typeof(c.value) = 'object'), '{}')
		ORDER BY b.key$q$, format(key_columns, 'e.new'), format(key_columns, 'r.image'), relation)
		USING relation, ignored;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_reconcile(regclass)
	IS 'Compares the rows of an audited table with the last images in the log; one row per difference: EDITED, MISSING or NOT_LOGGED (older than the audit, or inserted past it)';

-- Changes of the schema. What DROP removes is told by another event than what is made or altered.
CREATE FUNCTION rigalpha.audit_ddl() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	command record;
BEGIN
	IF TG_EVENT = 'sql_drop' THEN
		FOR command IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary LOOP
			PERFORM rigalpha.audit_event('ddl', 'ddl', TG_TAG, command.object_identity, command.schema_name, command.object_type);
		END LOOP;
		RETURN;
	END IF;
	FOR command IN SELECT DISTINCT ON (object_identity, command_tag) * FROM pg_event_trigger_ddl_commands()
			WHERE schema_name IS NULL OR schema_name !~ '^pg_(toast_)?temp' LOOP
		PERFORM rigalpha.audit_event('ddl', 'ddl', command.command_tag, command.object_identity, command.schema_name, command.object_type);
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_ddl() IS 'Event trigger: writes changes of the schema into the audit log';
CREATE EVENT TRIGGER rigalpha_audit_ddl ON ddl_command_end EXECUTE FUNCTION rigalpha.audit_ddl();
CREATE EVENT TRIGGER rigalpha_audit_drop ON sql_drop EXECUTE FUNCTION rigalpha.audit_ddl();
ALTER EVENT TRIGGER rigalpha_audit_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER rigalpha_audit_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER rigalpha_audit_ddl IS 'Writes what is made or altered into the audit log';
COMMENT ON EVENT TRIGGER rigalpha_audit_drop IS 'Writes what is dropped into the audit log';
COMMENT ON COLUMN rigalpha.audit_log.chain IS '0 for administration, else the id of a machine';
COMMENT ON COLUMN rigalpha.audit_log.seq IS 'Place in the chain';
COMMENT ON COLUMN rigalpha.audit_log.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_log.at IS 'When it happened';
COMMENT ON COLUMN rigalpha.audit_log.kind IS 'insert, update, delete, truncate, ddl, login, note, epoch and so on';
COMMENT ON COLUMN rigalpha.audit_log.session_user_name IS 'Login of the database';
COMMENT ON COLUMN rigalpha.audit_log.current_user_name IS 'Role that acted: the owner of the function when one did';
COMMENT ON COLUMN rigalpha.audit_log.app_user IS 'User of the session, or whom the login of the database is mapped to';
COMMENT ON COLUMN rigalpha.audit_log.app_session IS 'Beginning of the hash of the session''s token';
COMMENT ON COLUMN rigalpha.audit_log.client_address IS 'Where the user came from; null = a local socket or a background worker';
COMMENT ON COLUMN rigalpha.audit_log.source IS 'What wrote it: trigger, login, ddl, user and so on';
COMMENT ON COLUMN rigalpha.audit_log.machine IS 'Name of the machine at that time';
COMMENT ON COLUMN rigalpha.audit_log.schema_name IS 'Schema of the table or object';
COMMENT ON COLUMN rigalpha.audit_log.relation IS 'Table, or type of the object';
COMMENT ON COLUMN rigalpha.audit_log.operation IS 'What was done';
COMMENT ON COLUMN rigalpha.audit_log.reason IS 'More about it, such as the text of a note or the name of an object';
COMMENT ON COLUMN rigalpha.audit_log.transaction_at IS 'When its transaction began';
COMMENT ON COLUMN rigalpha.audit_log.key IS 'Primary key of the row';
COMMENT ON COLUMN rigalpha.audit_log.old IS 'The row before, as texts';
COMMENT ON COLUMN rigalpha.audit_log.new IS 'The row after, as texts; or what was noted';
-- What was refused, in the audit log. Who is refused can go on trying, so of each subject only the first
-- entries of a minute are written; the rest is counted, and the count written when the minute is over.
CREATE TABLE rigalpha.audit_floods (
	subject text NOT NULL,
	minute timestamptz NOT NULL,
	kind text NOT NULL,
	source text NOT NULL,
	written integer NOT NULL DEFAULT 0,
	suppressed bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (subject, minute)
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.audit_floods IS 'Refusals of the last minute by subject; see audit_refusal()';
COMMENT ON COLUMN rigalpha.audit_floods.subject IS 'Who or what is counted together, such as token: and the id of a token';
COMMENT ON COLUMN rigalpha.audit_floods.minute IS 'Minute that it happened in';
COMMENT ON COLUMN rigalpha.audit_floods.kind IS 'Kind of the entries';
COMMENT ON COLUMN rigalpha.audit_floods.source IS 'Source of the entries';
COMMENT ON COLUMN rigalpha.audit_floods.written IS 'Entries that were written';
COMMENT ON COLUMN rigalpha.audit_floods.suppressed IS 'Those that were only counted';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_floods', '');

CREATE FUNCTION rigalpha.audit_refusal(subject text, kind text, source text, operation text, reason text DEFAULT NULL,
		names text[] DEFAULT NULL, "values" text[] DEFAULT NULL) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	entries_a_minute CONSTANT integer := 10;
	entries integer;
BEGIN
	INSERT INTO rigalpha.audit_floods AS f (subject, minute, kind, source, written)
		VALUES (audit_refusal.subject, date_trunc('minute', clock_timestamp()), audit_refusal.kind, audit_refusal.source, 1)
		ON CONFLICT ON CONSTRAINT audit_floods_pkey DO UPDATE
			SET written = f.written + CASE WHEN f.written < entries_a_minute THEN 1 ELSE 0 END,
				suppressed = f.suppressed + CASE WHEN f.written < entries_a_minute THEN 0 ELSE 1 END
		RETURNING CASE WHEN f.suppressed = 0 THEN f.written END INTO entries;
	IF entries IS NULL THEN
		RETURN false;
	END IF;
	RETURN rigalpha.audit_event(kind, source, operation, reason, names => names, "values" => "values");
END
$$;
COMMENT ON FUNCTION rigalpha.audit_refusal(text, text, text, text, text, text[], text[])
	IS 'Writes an entry about a refusal, up to ten of a subject and minute; false = only counted';

CREATE FUNCTION rigalpha.audit_flood_tick() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	past record;
BEGIN
	-- Rows of who is writing right now are left to the next time.
	FOR past IN
		DELETE FROM rigalpha.audit_floods f
			USING (SELECT l.subject, l.minute FROM rigalpha.audit_floods l WHERE l.minute < date_trunc('minute', clock_timestamp())
				FOR UPDATE SKIP LOCKED) AS over
			WHERE f.subject = over.subject AND f.minute = over.minute
			RETURNING f.*
	LOOP
		IF past.suppressed > 0 THEN
			PERFORM rigalpha.audit_event(past.kind, past.source, 'suppressed', format('%s suppressed', past.suppressed),
				names => ARRAY['subject', 'minute'], "values" => ARRAY[past.subject, past.minute::text]);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_flood_tick() IS 'Writes how many refusals of past minutes were only counted';

-- What a user was refused is rolled back with everything else, so this belongs in a transaction of its own.
CREATE FUNCTION rigalpha.note_refusal(route text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN (SELECT rigalpha.audit_refusal(concat('user:', i.user_id), 'refusal', 'http', 'forbidden', 'insufficient_privilege',
		ARRAY['user', 'route', 'address'], ARRAY[i.user_name, left(note_refusal.route, 200), i.address]) FROM rigalpha.identity() i);
END
$$;
COMMENT ON FUNCTION rigalpha.note_refusal(text) IS 'Records that the user of the session was not allowed what a route of the sidecar does';
-- Who acts. The identity of a transaction is state of the library, which no statement can set but
-- begin_session(), with a token that only its holder has.
CREATE FUNCTION rigalpha.begin_session(token text, OUT user_id integer, OUT user_name text, OUT role text,
	OUT must_change_password boolean, OUT session_id integer, OUT session text, OUT address text)
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_begin_session';
COMMENT ON FUNCTION rigalpha.begin_session(text)
	IS 'Makes the rest of the transaction, or of the savepoint, act for the user of a session; an error (RA007) unless the session is alive';

CREATE FUNCTION rigalpha.identity(OUT user_id integer, OUT user_name text, OUT role text,
	OUT must_change_password boolean, OUT session_id integer, OUT session text, OUT address text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_identity';
COMMENT ON FUNCTION rigalpha.identity()
	IS 'Who the transaction acts for: the user of its session, else the one that the login is mapped to (users.db_role), else nulls';

CREATE FUNCTION rigalpha.uid() RETURNS integer
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_uid';
COMMENT ON FUNCTION rigalpha.uid() IS 'Key of the user that the transaction acts for; null = nobody';

CREATE FUNCTION rigalpha.visible_machines() RETURNS integer[]
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_visible_machines';
COMMENT ON FUNCTION rigalpha.visible_machines()
	IS 'Machines that this user may see: all for an admin, none without a user or before a given password was changed';

CREATE FUNCTION rigalpha.is_user() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_is_user';
COMMENT ON FUNCTION rigalpha.is_user() IS 'True when the transaction acts for a user who has changed the first password';

CREATE FUNCTION rigalpha.is_admin_user() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_is_admin_user';
COMMENT ON FUNCTION rigalpha.is_admin_user() IS 'is_user(), and the user has role admin; unlike is_admin(), never for a login that is no user';

CREATE FUNCTION rigalpha.visible_machine_names() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT ARRAY(SELECT m.name FROM rigalpha.machines m WHERE m.id = ANY ((SELECT rigalpha.visible_machines())::integer[])) $$;
COMMENT ON FUNCTION rigalpha.visible_machine_names() IS 'Names of visible_machines()';

CREATE FUNCTION rigalpha.readable_machines() RETURNS integer[]
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_readable_machines';
COMMENT ON FUNCTION rigalpha.readable_machines()
	IS 'visible_machines(), or all for a role of the session that bypasses row security; for functions that read as the owner';

CREATE FUNCTION rigalpha.may_read_machine(machine text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE
		WHEN (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = rigalpha.asking_role()) OR rigalpha.is_admin_user() THEN true
		WHEN machine IS NULL THEN rigalpha.is_user()
		ELSE machine = ANY ((SELECT rigalpha.visible_machine_names())::text[])
	END
	$$;
COMMENT ON FUNCTION rigalpha.may_read_machine(text)
	IS 'True when the caller may see what is of a machine, or, without a machine, of the fleet; for functions that read as the owner';

CREATE FUNCTION rigalpha.session_expiry(created_at timestamptz, last_seen timestamptz) RETURNS timestamptz
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_session_expiry';
COMMENT ON FUNCTION rigalpha.session_expiry(timestamptz, timestamptz) IS 'When a session ends by its timeouts';

CREATE FUNCTION rigalpha.random_bytes(size integer) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_random_bytes';
COMMENT ON FUNCTION rigalpha.random_bytes(integer) IS 'Random bytes that are fit for secrets';

CREATE FUNCTION rigalpha.secret_hash(secret text) RETURNS bytea
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT sha256(convert_to(secret, 'UTF8')) $$;
COMMENT ON FUNCTION rigalpha.secret_hash(text) IS 'What is stored of a random secret';

-- What the table would refuse, too; but its message would show the whole row, which has secrets.
CREATE FUNCTION rigalpha.check_user_values(name text DEFAULT NULL, role text DEFAULT NULL, db_role name DEFAULT NULL,
	password_hash text DEFAULT NULL, totp_secret bytea DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF octet_length(name) NOT BETWEEN 1 AND 63 OR name <> btrim(name)
		OR name ~ '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]' THEN
		RAISE EXCEPTION 'user name is not valid' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'It has 1 to 63 bytes, no blanks around it, and no control or invisible characters.';
	ELSIF role NOT IN ('admin', 'operator', 'viewer') THEN
		RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'invalid_parameter_value', HINT = 'It is admin, operator or viewer.';
	ELSIF left(db_role::text, 9) = 'rigalpha_' THEN
		RAISE EXCEPTION 'login "%" of the database cannot be a user', db_role USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Those of rigalpha itself act for many; make a login for this person.';
	ELSIF password_hash !~ '^\$argon2id\$v=19\$[^[:space:]]+$' OR octet_length(password_hash) > 255 THEN
		RAISE EXCEPTION 'password hash is not valid' USING ERRCODE = 'invalid_parameter_value', HINT = 'It is Argon2id in its text form.';
	ELSIF octet_length(totp_secret) NOT BETWEEN 16 AND 255 THEN
		RAISE EXCEPTION 'key of the second factor is not valid' USING ERRCODE = 'invalid_parameter_value', HINT = 'It has 16 to 255 bytes.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.check_user_values(text, text, name, text, bytea) IS 'An error unless these may stand in users; null = not asked';

-- Throttling. An attempt is charged before the password is looked at, so that guesses made side by
-- side count, and given back when it was right. The first few are free; each further one makes the
-- next wait twice as long, up to a quarter of an hour and never for good.
CREATE FUNCTION rigalpha.charge_login(subject text, free integer, refill interval) RETURNS interval
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	at timestamptz := clock_timestamp();
	bucket rigalpha.login_throttles;
	charged integer;
BEGIN
	-- One statement that also locks: the row may be forgotten at any moment.
	INSERT INTO rigalpha.login_throttles AS t (subject, attempts, attempted_at, blocked_until, forgotten_at)
		VALUES (charge_login.subject, 0, at, '-infinity', at)
		ON CONFLICT ON CONSTRAINT login_throttles_pkey DO UPDATE SET attempts = t.attempts
		RETURNING t.* INTO bucket;
	at := clock_timestamp();
	IF bucket.blocked_until > at THEN
		RETURN bucket.blocked_until - at;
	END IF;
	charged := greatest(0, bucket.attempts - floor(extract(epoch FROM at - bucket.attempted_at) / extract(epoch FROM refill))) + 1;
	UPDATE rigalpha.login_throttles t
		SET attempts = charged, attempted_at = at, forgotten_at = at + charged * refill,
			blocked_until = CASE WHEN charged < free THEN '-infinity'::timestamptz
				ELSE at + least(interval '15 min', interval '1 s' * 2 ^ least(charged - free, 10)) END
		WHERE t.subject = charge_login.subject;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION rigalpha.charge_login(text, integer, interval)
	IS 'Counts a login attempt of an account or network, and returns null; or how long it has to wait, and counts nothing';

CREATE FUNCTION rigalpha.login_network(address inet) RETURNS cidr
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE WHEN family(address) = 4 THEN network(set_masklen(address, 24))
		WHEN address <<= '::ffff:0:0/96' THEN network(set_masklen(replace(lower(host(address)), '::ffff:', '')::inet, 24))
		ELSE network(set_masklen(address, 64)) END
	$$;
COMMENT ON FUNCTION rigalpha.login_network(inet) IS 'Network whose login attempts count together: /24 or /64';

-- Somebody who knows a name can block it by guessing; so who logged in from a network lately has an
-- account of attempts of its own there, which others cannot use up from elsewhere.
CREATE FUNCTION rigalpha.login_subject(name text, address inet) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT concat('account:', encode(substr(sha256(convert_to(lower(login_subject.name), 'UTF8')), 1, 16), 'hex'),
		(SELECT concat('@', rigalpha.login_network(login_subject.address)) WHERE EXISTS (
			SELECT FROM rigalpha.users u JOIN rigalpha.sessions s ON s.user_id = u.id
			WHERE lower(u.name) = lower(login_subject.name) AND rigalpha.login_network(s.address) = rigalpha.login_network(login_subject.address))))
	$$;
COMMENT ON FUNCTION rigalpha.login_subject(text, inet) IS 'What attempts to log in with a name from an address are counted under';

-- One row of the same shape whoever is asked for. Committed before the password is checked.
CREATE FUNCTION rigalpha.login_lookup(name text, address inet, OUT user_id integer, OUT password_hash text, OUT totp_secret bytea,
	OUT totp_confirmed boolean, OUT retry_after integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	wait interval;
BEGIN
	IF login_lookup.name IS NULL THEN
		RAISE EXCEPTION 'name must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF address IS NOT NULL THEN
		wait := rigalpha.charge_login('network:' || rigalpha.login_network(address), 50, interval '5 min');
	END IF;
	IF wait IS NULL THEN
		wait := rigalpha.charge_login(rigalpha.login_subject(login_lookup.name, address), 5, interval '15 min');
	END IF;
	totp_confirmed := false;
	IF wait IS NULL THEN
		SELECT u.id, u.password_hash, u.totp_secret, u.totp_confirmed_at IS NOT NULL
			INTO user_id, password_hash, totp_secret, totp_confirmed
			FROM rigalpha.users u
			WHERE lower(u.name) = lower(login_lookup.name) AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL;
		totp_confirmed := coalesce(totp_confirmed, false);
	ELSE
		retry_after := ceil(extract(epoch FROM wait));
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.login_lookup(text, inet)
	IS 'What to check a login against, and charges the attempt; retry_after = seconds to wait, else null; nulls for an unknown or disabled user';

CREATE FUNCTION rigalpha.login_failed(name text, address inet) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Something is written for an unknown name, too: the answer must not come sooner.
	UPDATE rigalpha.login_throttles t SET attempts = t.attempts WHERE t.subject = rigalpha.login_subject(login_failed.name, login_failed.address);
	UPDATE rigalpha.users u SET failed_logins = least(u.failed_logins, 2147483646) + 1, last_failed_at = clock_timestamp()
		WHERE lower(u.name) = lower(login_failed.name);
	-- An unknown name is not written down: people type their password into the wrong field.
	SELECT rigalpha.audit_refusal(coalesce('login:user:' || u.id, 'login:network:' || rigalpha.login_network(login_failed.address), 'login:'),
			'login', 'login', 'failed', names => ARRAY['user', 'address'], "values" => ARRAY[u.name, host(login_failed.address)])
		FROM (SELECT) AS one LEFT JOIN rigalpha.users u ON lower(u.name) = lower(login_failed.name)
	$$;
COMMENT ON FUNCTION rigalpha.login_failed(text, inet) IS 'Records that a login failed; the attempt stays charged';

-- 50 as in login_lookup(): below it the attempt that is given back cannot have blocked anybody.
CREATE FUNCTION rigalpha.forgive_login(name text, address inet) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.login_throttles t WHERE t.subject = rigalpha.login_subject(forgive_login.name, forgive_login.address);
	UPDATE rigalpha.login_throttles t
		SET attempts = greatest(t.attempts - 1, 0), blocked_until = CASE WHEN t.attempts <= 50 THEN '-infinity' ELSE t.blocked_until END
		WHERE t.subject = 'network:' || rigalpha.login_network(forgive_login.address)
	$$;
COMMENT ON FUNCTION rigalpha.forgive_login(text, inet) IS 'Gives back an attempt that was right: all of the account''s, and this one of the network''s';

-- The hash is compared once more, with the row locked: a password that was changed while this login
-- was under way must not let it in. create_session() belongs in the same transaction.
CREATE FUNCTION rigalpha.login_succeeded(user_id integer, password_hash text, address inet, totp_step bigint DEFAULT NULL,
	new_password_hash text DEFAULT NULL) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	account rigalpha.users;
BEGIN
	SELECT u.* INTO account FROM rigalpha.users u WHERE u.id = login_succeeded.user_id FOR NO KEY UPDATE;
	IF account.id IS NULL OR account.disabled_at IS NOT NULL OR account.password_hash IS DISTINCT FROM login_succeeded.password_hash
		OR account.totp_confirmed_at IS NOT NULL
			AND (login_succeeded.totp_step IS NULL OR login_succeeded.totp_step <= coalesce(account.totp_step, -1)) THEN
		RETURN false;
	END IF;
	PERFORM rigalpha.check_user_values(password_hash => new_password_hash);
	PERFORM rigalpha.forgive_login(account.name, login_succeeded.address);
	UPDATE rigalpha.users u
		SET last_login_at = clock_timestamp(), failed_logins = 0,
			totp_step = CASE WHEN u.totp_confirmed_at IS NULL THEN u.totp_step ELSE login_succeeded.totp_step END,
			password_hash = coalesce(new_password_hash, u.password_hash)
		WHERE u.id = account.id;
	PERFORM rigalpha.audit_event('login', 'login', 'succeeded', names => ARRAY['user', 'address'],
		"values" => ARRAY[account.name, host(login_succeeded.address)]);
	RETURN true;
END
$$;
COMMENT ON FUNCTION rigalpha.login_succeeded(integer, text, inet, bigint, text)
	IS 'Records a login whose password and second factor were right; false = not let in: disabled, password changed, or a code used before';

CREATE FUNCTION rigalpha.create_session(user_id integer, token text, address inet DEFAULT NULL, user_agent_hash bytea DEFAULT NULL) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	session integer;
BEGIN
	IF token IS NULL OR octet_length(token) < 43 THEN
		RAISE EXCEPTION 'token is too short' USING ERRCODE = 'invalid_parameter_value', HINT = 'Make it of 32 random bytes in base64url.';
	END IF;
	PERFORM FROM rigalpha.users u WHERE u.id = create_session.user_id AND u.disabled_at IS NULL FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'user % does not exist or is disabled', user_id USING ERRCODE = 'undefined_object';
	END IF;
	INSERT INTO rigalpha.sessions (token_hash, user_id, address, user_agent_hash)
		VALUES (rigalpha.secret_hash(token), create_session.user_id, create_session.address, create_session.user_agent_hash)
		RETURNING id INTO session;
	INSERT INTO rigalpha.session_activity (session_id) VALUES (session);
	RETURN session;
END
$$;
COMMENT ON FUNCTION rigalpha.create_session(integer, text, inet, bytea) IS 'Makes a session after login_succeeded(), in its transaction; returns its key';

CREATE FUNCTION rigalpha.end_session(token text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.token_hash = rigalpha.secret_hash(token) AND s.revoked_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.end_session(text) IS 'Logs out; false = there was no such session, or it had ended';

CREATE FUNCTION rigalpha.end_sessions(user_id integer, except_session integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	ended integer;
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.user_id = end_sessions.user_id AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM except_session;
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION rigalpha.end_sessions(integer, integer) IS 'Ends the sessions of a user, but for one; returns how many';

CREATE FUNCTION rigalpha.list_sessions(all_users boolean DEFAULT false)
	RETURNS TABLE (id integer, user_name text, created_at timestamptz, last_seen timestamptz, expires_at timestamptz, address inet,
		user_agent_hash bytea, is_current boolean)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	IF all_users THEN
		PERFORM rigalpha.require_admin();
	END IF;
	RETURN QUERY
		SELECT s.id, u.name, s.created_at, a.last_seen, e.at, s.address, s.user_agent_hash,
			s.id IS NOT DISTINCT FROM (SELECT i.session_id FROM rigalpha.identity() i)
		FROM rigalpha.sessions s
		JOIN rigalpha.session_activity a ON a.session_id = s.id
		JOIN rigalpha.users u ON u.id = s.user_id
		CROSS JOIN LATERAL rigalpha.session_expiry(s.created_at, a.last_seen) AS e (at)
		WHERE s.revoked_at IS NULL AND u.disabled_at IS NULL AND e.at > clock_timestamp() AND (all_users OR s.user_id = (SELECT rigalpha.uid()))
		ORDER BY s.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_sessions(boolean) IS 'Sessions of this user that are alive, or, for an admin, of all';

CREATE FUNCTION rigalpha.revoke_session(session_id integer) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.id = revoke_session.session_id AND s.revoked_at IS NULL AND (s.user_id = rigalpha.uid() OR rigalpha.is_admin());
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_session(integer)
	IS 'Ends a session of this user or, for an admin, of anybody; false = there is none, it has ended, or it is not for this user to end';

CREATE FUNCTION rigalpha.revoke_other_sessions() RETURNS integer
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT rigalpha.end_sessions(i.user_id, i.session_id) FROM rigalpha.identity() i $$;
COMMENT ON FUNCTION rigalpha.revoke_other_sessions() IS 'Ends all sessions of this user but the one that asks; returns how many';

-- What users do to their own account through the sidecar, which has checked their password again.
CREATE FUNCTION rigalpha.own_session_user() RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	actor record;
BEGIN
	SELECT * INTO actor FROM rigalpha.identity();
	IF actor.session_id IS NULL THEN
		RAISE EXCEPTION 'this needs a session' USING ERRCODE = 'RA007', HINT = 'Call begin_session() first.';
	END IF;
	RETURN actor.user_id;
END
$$;
COMMENT ON FUNCTION rigalpha.own_session_user() IS 'User of the session; an error without one';

CREATE FUNCTION rigalpha.set_own_password_hash(password_hash text, end_others boolean DEFAULT true) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	own integer := rigalpha.own_session_user();
BEGIN
	IF password_hash IS NULL THEN
		RAISE EXCEPTION 'password hash must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(password_hash => set_own_password_hash.password_hash);
	UPDATE rigalpha.users u
		SET password_hash = set_own_password_hash.password_hash, password_set_at = clock_timestamp(), must_change_password = false
		WHERE u.id = own;
	-- The old password was asked for as in a login, and was right.
	PERFORM rigalpha.forgive_login(i.user_name, i.address::inet) FROM rigalpha.identity() i;
	IF end_others IS DISTINCT FROM false THEN
		PERFORM rigalpha.revoke_other_sessions();
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_own_password_hash(text, boolean)
	IS 'Changes the password of this user, whose sidecar has checked the old one, and ends the other sessions';

CREATE FUNCTION rigalpha.set_own_totp(secret bytea) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	own integer := rigalpha.own_session_user();
BEGIN
	PERFORM rigalpha.check_user_values(totp_secret => secret);
	UPDATE rigalpha.users u SET totp_secret = secret, totp_confirmed_at = NULL, totp_step = NULL WHERE u.id = own;
	PERFORM rigalpha.forgive_login(i.user_name, i.address::inet) FROM rigalpha.identity() i;
END
$$;
COMMENT ON FUNCTION rigalpha.set_own_totp(bytea)
	IS 'Stores the key of a second factor of this user, whose sidecar has checked the password, to be confirmed by a code; null takes it away';

CREATE FUNCTION rigalpha.confirm_own_totp(step bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.users u SET totp_confirmed_at = clock_timestamp(), totp_step = step
		WHERE u.id = rigalpha.own_session_user() AND u.totp_secret IS NOT NULL AND u.totp_confirmed_at IS NULL AND step IS NOT NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.confirm_own_totp(bigint)
	IS 'Makes logins ask for the second factor, after a code of this time step was right; false = there is nothing to confirm';
-- Accounts, as admins manage them. EXECUTE alone is not enough: a transaction that acts for a user
-- acts with the role of that user, whatever the login of the database may do.
CREATE FUNCTION rigalpha.is_admin() RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	actor record;
BEGIN
	SELECT * INTO actor FROM rigalpha.identity();
	IF actor.user_id IS NOT NULL THEN
		RETURN actor.role = 'admin' AND NOT actor.must_change_password;
	END IF;
	-- The sidecar acts for its users alone, and a disabled user must not become a login without one.
	RETURN session_user <> 'rigalpha_web' AND pg_has_role(session_user, 'rigalpha_admin', 'MEMBER')
		AND NOT EXISTS (SELECT FROM rigalpha.users u WHERE u.db_role = session_user);
END
$$;
COMMENT ON FUNCTION rigalpha.is_admin()
	IS 'True for a user with role admin, and for a login of the database that has rigalpha_admin and is no user';

CREATE FUNCTION rigalpha.require_admin() RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT rigalpha.is_admin() THEN
		RAISE EXCEPTION 'permission denied: this is for admins'
			USING ERRCODE = 'insufficient_privilege', HINT = 'Act for a user with role admin who has changed the first password.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.require_admin() IS 'An error unless is_admin()';

-- The row is locked until the end of the transaction, so that a login under way waits for the change.
CREATE FUNCTION rigalpha.lock_user(name text) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	SELECT u.id INTO result FROM rigalpha.users u WHERE lower(u.name) = lower(lock_user.name) FOR NO KEY UPDATE;
	IF result IS NULL THEN
		RAISE EXCEPTION 'user "%" does not exist', lock_user.name USING ERRCODE = 'undefined_object';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.lock_user(text) IS 'Locks a user and returns the key; an error when there is none';

CREATE FUNCTION rigalpha.assign_machines(user_id integer, machines text[]) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	wanted integer[];
	unknown text;
	changed integer;
	total integer;
BEGIN
	IF machines IS NULL THEN
		RAISE EXCEPTION 'machines must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'An empty array takes all away.';
	END IF;
	SELECT n INTO unknown FROM unnest(machines) AS n WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = n) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'machine "%" does not exist', unknown USING ERRCODE = 'undefined_object';
	END IF;
	wanted := ARRAY(SELECT m.id FROM rigalpha.machines m WHERE m.name = ANY (machines));
	DELETE FROM rigalpha.user_machines um WHERE um.user_id = assign_machines.user_id AND um.machine_id <> ALL (wanted);
	GET DIAGNOSTICS changed = ROW_COUNT;
	INSERT INTO rigalpha.user_machines (user_id, machine_id)
		SELECT assign_machines.user_id, w FROM unnest(wanted) AS w
		ON CONFLICT ON CONSTRAINT user_machines_pkey DO NOTHING;
	GET DIAGNOSTICS total = ROW_COUNT;
	RETURN changed + total > 0;
END
$$;
COMMENT ON FUNCTION rigalpha.assign_machines(integer, text[]) IS 'Makes these the machines of a user; false = they were so before';

CREATE FUNCTION rigalpha.create_user(name text, role text, password_hash text DEFAULT NULL, machines text[] DEFAULT '{}', db_role name DEFAULT NULL,
	must_change_password boolean DEFAULT true) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	result integer;
BEGIN
	PERFORM rigalpha.require_admin();
	IF create_user.name IS NULL OR create_user.role IS NULL THEN
		RAISE EXCEPTION 'name and role must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(create_user.name, create_user.role, create_user.db_role, create_user.password_hash);
	INSERT INTO rigalpha.users (name, role, password_hash, password_set_at, db_role, must_change_password)
		VALUES (create_user.name, create_user.role, create_user.password_hash,
			CASE WHEN create_user.password_hash IS NOT NULL THEN clock_timestamp() END, create_user.db_role,
			coalesce(create_user.must_change_password, true))
		ON CONFLICT (lower(name)) DO NOTHING
		RETURNING id INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'user "%" exists', create_user.name USING ERRCODE = 'duplicate_object';
	END IF;
	PERFORM rigalpha.assign_machines(result, machines);
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.create_user(text, text, text, text[], name, boolean)
	IS 'Makes an account with role admin, operator or viewer; the hash is Argon2id, as the sidecar makes it; returns its key';

CREATE FUNCTION rigalpha.create_first_admin(password_hash text, name text DEFAULT 'admin') RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	LOCK TABLE rigalpha.users IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM rigalpha.users) THEN
		RAISE EXCEPTION 'there are users already' USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Ask an admin for an account.';
	END IF;
	IF password_hash IS NULL THEN
		RAISE EXCEPTION 'password hash must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(coalesce(name, ''), password_hash => create_first_admin.password_hash);
	INSERT INTO rigalpha.users (name, role, password_hash, password_set_at)
		VALUES (create_first_admin.name, 'admin', create_first_admin.password_hash, clock_timestamp())
		RETURNING id INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.create_first_admin(text, text)
	IS 'Makes the first account, an admin who must change the password; an error once there is any user';

-- All admins are locked in the same order: two who take the role from each other must not both succeed.
CREATE FUNCTION rigalpha.keep_an_admin(except_user integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM FROM rigalpha.users u WHERE u.role = 'admin' AND u.disabled_at IS NULL ORDER BY u.id FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM rigalpha.users u WHERE u.id = except_user AND u.role = 'admin' AND u.disabled_at IS NULL)
		AND NOT EXISTS (SELECT FROM rigalpha.users u WHERE u.id <> except_user AND u.role = 'admin' AND u.disabled_at IS NULL) THEN
		RAISE EXCEPTION 'there must be an admin' USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Make another user admin first.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.keep_an_admin(integer) IS 'An error when this user is the only admin left';

CREATE FUNCTION rigalpha.change_role(name text, role text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(role => coalesce(change_role.role, ''));
	IF role <> 'admin' THEN
		PERFORM rigalpha.keep_an_admin((SELECT u.id FROM rigalpha.users u WHERE lower(u.name) = lower(change_role.name)));
	END IF;
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET role = change_role.role WHERE u.id = target AND u.role <> change_role.role;
	IF FOUND THEN
		PERFORM rigalpha.end_sessions(target, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.change_role(text, text) IS 'Gives a user another role and ends the sessions of the user';

CREATE FUNCTION rigalpha.set_machines(name text, machines text[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	IF rigalpha.assign_machines(target, machines) THEN
		PERFORM rigalpha.end_sessions(target, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_machines(text, text[]) IS 'Assigns machines to a user, in place of those before, and ends the sessions of the user';

CREATE FUNCTION rigalpha.set_db_role(name text, db_role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(db_role => set_db_role.db_role);
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET db_role = set_db_role.db_role WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION rigalpha.set_db_role(text, name) IS 'Makes a login of the database this user; null = none';

CREATE FUNCTION rigalpha.disable_user(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.keep_an_admin((SELECT u.id FROM rigalpha.users u WHERE lower(u.name) = lower(disable_user.name)));
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET disabled_at = clock_timestamp() WHERE u.id = target AND u.disabled_at IS NULL;
	PERFORM rigalpha.end_sessions(target, NULL);
END
$$;
COMMENT ON FUNCTION rigalpha.disable_user(text) IS 'Closes an account and ends its sessions';

CREATE FUNCTION rigalpha.enable_user(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET disabled_at = NULL WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION rigalpha.enable_user(text) IS 'Opens a closed account again; its sessions stay ended';

CREATE FUNCTION rigalpha.set_password_hash(name text, password_hash text, must_change_password boolean DEFAULT true,
	end_sessions boolean DEFAULT true) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(password_hash => set_password_hash.password_hash);
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u
		SET password_hash = set_password_hash.password_hash, password_set_at = clock_timestamp(),
			must_change_password = coalesce(set_password_hash.must_change_password, true)
		WHERE u.id = target;
	IF end_sessions IS DISTINCT FROM false THEN
		PERFORM rigalpha.end_sessions(target, (SELECT i.session_id FROM rigalpha.identity() i));
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_password_hash(text, text, boolean, boolean)
	IS 'Gives a user another password, to be changed at the next login, and ends the other sessions of the user; null = no password';

CREATE FUNCTION rigalpha.clear_totp(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET totp_secret = NULL, totp_confirmed_at = NULL, totp_step = NULL WHERE u.id = target;
	PERFORM rigalpha.end_sessions(target, (SELECT i.session_id FROM rigalpha.identity() i));
END
$$;
COMMENT ON FUNCTION rigalpha.clear_totp(text) IS 'Takes the second factor from a user who lost it, and ends the other sessions of the user';

CREATE FUNCTION rigalpha.list_users()
	RETURNS TABLE (id integer, name text, role text, machines text[], db_role name, disabled boolean, has_password boolean,
		must_change_password boolean, second_factor boolean, sessions integer, last_login_at timestamptz, last_failed_at timestamptz,
		failed_logins integer, created_at timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN QUERY
		SELECT u.id, u.name, u.role,
			ARRAY(SELECT m.name FROM rigalpha.user_machines um JOIN rigalpha.machines m ON m.id = um.machine_id WHERE um.user_id = u.id ORDER BY m.name),
			u.db_role, u.disabled_at IS NOT NULL, u.password_hash IS NOT NULL, u.must_change_password, u.totp_confirmed_at IS NOT NULL,
			coalesce(s.live, 0)::integer,
			u.last_login_at, u.last_failed_at, u.failed_logins, u.created_at
		FROM rigalpha.users u
		LEFT JOIN (SELECT l.user_name, count(*) AS live FROM rigalpha.list_sessions(true) l GROUP BY l.user_name) s ON s.user_name = u.name
		ORDER BY u.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_users() IS 'Accounts without their secrets; for admins';

-- Tokens of devices. The secret is shown once, when it is made.
CREATE FUNCTION rigalpha.issue_token(machine text, name text, lifetime interval DEFAULT interval '1 year', network cidr DEFAULT NULL,
	readings_per_minute integer DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
	new_id text;
	secret text := rtrim(translate(encode(rigalpha.random_bytes(32), 'base64'), '+/', '-_'), '=');
BEGIN
	PERFORM rigalpha.require_admin();
	IF lifetime IS NULL OR lifetime <= interval '0' THEN
		RAISE EXCEPTION 'lifetime must be positive' USING ERRCODE = 'invalid_parameter_value';
	ELSIF name IS NULL OR octet_length(name) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'token name must have 1 to 63 bytes' USING ERRCODE = 'invalid_parameter_value';
	ELSIF readings_per_minute < 1 THEN
		RAISE EXCEPTION 'readings per minute must be positive, not %', readings_per_minute USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- One at a time per machine, so that two cannot both find room.
	SELECT m.id INTO target FROM rigalpha.machines m WHERE m.name = issue_token.machine FOR NO KEY UPDATE;
	IF target IS NULL THEN
		RAISE EXCEPTION 'machine "%" does not exist', machine USING ERRCODE = 'undefined_object';
	END IF;
	IF (SELECT count(*) FROM rigalpha.api_tokens t WHERE t.machine_id = target AND t.name = issue_token.name
			AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp()) >= 2 THEN
		RAISE EXCEPTION 'machine "%" has two live tokens "%"', machine, name
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Revoke the one that is no longer used.';
	END IF;
	LOOP
		INSERT INTO rigalpha.api_tokens (id, secret_hash, machine_id, name, network, readings_per_minute, created_by, expires_at)
			VALUES (encode(rigalpha.random_bytes(4), 'hex'), rigalpha.secret_hash(secret), target, issue_token.name, issue_token.network,
				issue_token.readings_per_minute, rigalpha.uid(), clock_timestamp() + lifetime)
			ON CONFLICT ON CONSTRAINT api_tokens_pkey DO NOTHING
			RETURNING id INTO new_id;
		EXIT WHEN new_id IS NOT NULL;
	END LOOP;
	RETURN format('rig_%s_%s', new_id, secret);
END
$$;
COMMENT ON FUNCTION rigalpha.issue_token(text, text, interval, cidr, integer)
	IS 'Makes a token that a device sends the readings of one machine with; it is returned here and cannot be had again';

CREATE FUNCTION rigalpha.revoke_token(id text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	UPDATE rigalpha.api_tokens t SET revoked_at = clock_timestamp() WHERE t.id = revoke_token.id AND t.revoked_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_token(text) IS 'Ends a token of a device; false = there is none, or it was revoked before';

CREATE FUNCTION rigalpha.list_tokens()
	RETURNS TABLE (id text, machine text, name text, network cidr, readings_per_minute integer, created_by text, created_at timestamptz,
		expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz, live boolean)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN QUERY
		SELECT t.id, m.name, t.name, t.network, t.readings_per_minute, u.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at,
			t.revoked_at IS NULL AND t.expires_at > clock_timestamp()
		FROM rigalpha.api_tokens t
		JOIN rigalpha.machines m ON m.id = t.machine_id
		LEFT JOIN rigalpha.users u ON u.id = t.created_by
		ORDER BY m.name, t.name, t.created_at, t.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_tokens() IS 'Tokens of devices, without their secrets; for admins';

-- Hashes of the hashes are compared, so that the time it takes tells nothing of what is stored. A token
-- is in use by many transactions at once: who finds its row locked leaves last_used_at to the other.
CREATE FUNCTION rigalpha.check_token(id text, secret text, address inet DEFAULT NULL,
	OUT verdict text, OUT machine_id integer, OUT machine text, OUT readings_per_minute integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	found rigalpha.api_tokens;
BEGIN
	SELECT t.* INTO found FROM rigalpha.api_tokens t WHERE t.id = check_token.id;
	IF sha256(rigalpha.secret_hash(coalesce(check_token.secret, ''))) IS DISTINCT FROM sha256(found.secret_hash) THEN
		verdict := 'unknown';
	ELSIF found.revoked_at IS NOT NULL THEN
		verdict := 'revoked';
	ELSIF found.expires_at <= clock_timestamp() THEN
		verdict := 'expired';
	ELSIF found.network IS NOT NULL AND check_token.address <<= found.network IS NOT TRUE THEN
		verdict := 'network';
	ELSE
		verdict := 'ok';
		machine_id := found.machine_id;
		readings_per_minute := found.readings_per_minute;
		SELECT m.name INTO machine FROM rigalpha.machines m WHERE m.id = found.machine_id;
		IF (found.last_used_at > clock_timestamp() - interval '1 min') IS NOT TRUE
			AND NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean THEN
			UPDATE rigalpha.api_tokens t SET last_used_at = clock_timestamp()
				FROM (SELECT l.id FROM rigalpha.api_tokens l WHERE l.id = found.id FOR NO KEY UPDATE SKIP LOCKED) AS free
				WHERE t.id = free.id;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.check_token(text, text, inet)
	IS 'Machine that a token of a device may send for; verdict = ok, unknown, revoked, expired or network (not from there), and nulls unless ok';

CREATE FUNCTION rigalpha.accounts_tick() RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.login_throttles t WHERE t.forgotten_at < clock_timestamp() AND t.blocked_until < clock_timestamp();
	DELETE FROM rigalpha.sessions s USING rigalpha.session_activity a
		WHERE a.session_id = s.id AND rigalpha.session_expiry(s.created_at, a.last_seen) < clock_timestamp() - interval '30 days';
	SELECT rigalpha.audit_flood_tick();
	$$;
COMMENT ON FUNCTION rigalpha.accounts_tick() IS 'Forgets login attempts whose time is over and sessions that ended a month ago, and tells of refusals that were only counted';
-- The tree over all links, whose root is signed: see "Checkpoints" in docs/audit.md. Its leaves are
-- the links in the order in which they were taken in; nodes are those that are complete.
CREATE TABLE rigalpha.audit_tree (
	idx bigint PRIMARY KEY CHECK (idx >= 0),
	chain integer NOT NULL,
	seq bigint NOT NULL,
	UNIQUE (chain, seq)
);
COMMENT ON TABLE rigalpha.audit_tree IS 'Leaves of the tree over the audit log';
COMMENT ON COLUMN rigalpha.audit_tree.idx IS 'Place among the leaves, from 0';
COMMENT ON COLUMN rigalpha.audit_tree.chain IS 'Chain of the link';
COMMENT ON COLUMN rigalpha.audit_tree.seq IS 'Place of the link in its chain';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_tree', '');

CREATE TABLE rigalpha.audit_nodes (
	level smallint NOT NULL CHECK (level > 0),
	idx bigint NOT NULL CHECK (idx >= 0),
	hash bytea NOT NULL CHECK (octet_length(hash) = 32),
	PRIMARY KEY (level, idx)
);
COMMENT ON TABLE rigalpha.audit_nodes IS 'Nodes of the tree over the audit log that stand over leaves which all exist (RFC 6962)';
COMMENT ON COLUMN rigalpha.audit_nodes.level IS 'Height over the leaves: the node stands over 2 ^ level of them';
COMMENT ON COLUMN rigalpha.audit_nodes.idx IS 'Place among the nodes of its level, from 0';
COMMENT ON COLUMN rigalpha.audit_nodes.hash IS 'SHA-256 of 01 and the two nodes below';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_nodes', '');

CREATE TABLE rigalpha.audit_checkpoints (
	size bigint PRIMARY KEY CHECK (size >= 0),
	root bytea NOT NULL CHECK (octet_length(root) = 32),
	epoch integer NOT NULL,
	note text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	exported_at timestamptz
);
COMMENT ON TABLE rigalpha.audit_checkpoints IS 'Signed checkpoints of the tree; those that count are the copies elsewhere';
COMMENT ON COLUMN rigalpha.audit_checkpoints.size IS 'Links in the tree';
COMMENT ON COLUMN rigalpha.audit_checkpoints.root IS 'Root of the tree of this size';
COMMENT ON COLUMN rigalpha.audit_checkpoints.epoch IS 'Epoch that the log was in';
COMMENT ON COLUMN rigalpha.audit_checkpoints.note IS 'The signed note, as it came from the signer last for this size; its signature is not checked here';
COMMENT ON COLUMN rigalpha.audit_checkpoints.created_at IS 'When it was stored';
COMMENT ON COLUMN rigalpha.audit_checkpoints.exported_at IS 'When a broker had it; null = not sent';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_checkpoints', '');

DO $$
DECLARE
	guarded record;
BEGIN
	FOR guarded IN SELECT * FROM (VALUES ('audit_tree', 'UPDATE OR DELETE OR TRUNCATE'), ('audit_nodes', 'UPDATE OR DELETE OR TRUNCATE'),
			('audit_checkpoints', 'DELETE OR TRUNCATE')) AS v (name, events) LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER refuse BEFORE %s ON rigalpha.%I FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_refuse()',
			guarded.events, guarded.name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER refuse', guarded.name);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER refuse ON rigalpha.%I IS ''The audit log can only be added to''', guarded.name);
	END LOOP;
END
$$;

CREATE FUNCTION rigalpha.audit_integrate(max_links integer DEFAULT 100000) RETURNS integer
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_integrate';
COMMENT ON FUNCTION rigalpha.audit_integrate(integer) IS 'Takes new links into the tree, at most max_links of them; returns how many';

CREATE FUNCTION rigalpha.audit_root(size bigint) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_root';
COMMENT ON FUNCTION rigalpha.audit_root(bigint) IS 'Root of the tree when it had this size';

CREATE FUNCTION rigalpha.audit_inclusion(idx bigint, size bigint) RETURNS bytea[]
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_inclusion';
COMMENT ON FUNCTION rigalpha.audit_inclusion(bigint, bigint) IS 'Proof (RFC 6962) that a leaf is in the tree of this size, lowest hash first';

CREATE FUNCTION rigalpha.audit_consistency(old_size bigint, size bigint) RETURNS bytea[]
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_consistency';
COMMENT ON FUNCTION rigalpha.audit_consistency(bigint, bigint) IS 'Proof (RFC 6962) that the tree of this size continues the one of the old size';

CREATE FUNCTION rigalpha.audit_prove(entry_id bigint, tree_size bigint DEFAULT NULL, OUT chain integer, OUT seq bigint, OUT leaf bytea,
		OUT link bytea, OUT idx bigint, OUT size bigint, OUT root bytea, OUT path bytea[])
	RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.chain, l.seq, l.leaf, l.link, t.idx, s.size, rigalpha.audit_root(s.size), rigalpha.audit_inclusion(t.idx, s.size)
	FROM rigalpha.audit_links l
	JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	CROSS JOIN LATERAL (SELECT coalesce(tree_size, (SELECT max(a.idx) + 1 FROM rigalpha.audit_tree a))) AS s (size)
	WHERE l.entry_id = audit_prove.entry_id AND t.idx < s.size
	$$;
COMMENT ON FUNCTION rigalpha.audit_prove(bigint, bigint)
	IS 'Proof that an entry is in the tree of a size, or of the present one: SHA-256(00, link) and the path give the root; no row = it is not';

CREATE FUNCTION rigalpha.audit_library_hash() RETURNS bytea
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_library_hash';
COMMENT ON FUNCTION rigalpha.audit_library_hash() IS 'SHA-256 of the file of the extension''s library; null = it cannot be read';

-- What guards the log inside the database; what switched a trigger off and on again shows in xmin.
CREATE FUNCTION rigalpha.audit_guard(OUT part text, OUT hash bytea) RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	WITH own AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND x.extname = 'rigalpha'),
	facts (part, fact) AS (
		SELECT 'triggers', format('%s %s %s %s %s', t.tgrelid::regclass, t.tgname, t.tgenabled, t.tgfoid::regproc, t.xmin)
			FROM pg_trigger t WHERE t.tgname ~ '^rigalpha_audit' OR (NOT t.tgisinternal AND EXISTS (SELECT FROM own o
				WHERE o.classid = 'pg_class'::regclass AND o.objid = t.tgrelid))
		UNION ALL SELECT 'event triggers', format('%s %s %s %s', e.evtname, e.evtenabled, e.evtfoid::regproc, e.xmin) FROM pg_event_trigger e
		UNION ALL SELECT 'functions', format('%s %s %s %s %s %s %s', p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.proconfig, p.probin, p.prosrc, p.proacl)
			FROM pg_proc p JOIN own o ON o.classid = 'pg_proc'::regclass AND o.objid = p.oid
		UNION ALL SELECT 'tables', format('%s %s %s %s %s', c.oid::regclass, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.relacl)
			FROM pg_class c JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid WHERE c.relkind IN ('r', 'p', 'v')
		UNION ALL SELECT 'policies', format('%s %s %s %s %s %s', p.polrelid::regclass, p.polname, p.polcmd, p.polroles,
				pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
			FROM pg_policy p JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = p.polrelid
		UNION ALL SELECT 'roles', format('%s %s %s %s %s %s %s', r.rolname, r.rolsuper, r.rolcreaterole, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolinherit)
			FROM pg_roles r
		UNION ALL SELECT 'roles', format('%s in %s %s', m.member::regrole, m.roleid::regrole, m.admin_option) FROM pg_auth_members m
		UNION ALL SELECT 'role settings', format('%s %s %s', s.setdatabase, s.setrole, s.setconfig) FROM pg_db_role_setting s
		UNION ALL SELECT 'server settings', format('%s %s', s.name, s.setting) FROM pg_settings s WHERE s.source = 'configuration file'
			-- Those that no session can set for itself.
			AND s.context IN ('postmaster', 'sighup')
		UNION ALL SELECT 'library', encode(rigalpha.audit_library_hash(), 'hex')
		UNION ALL SELECT 'cluster', format('%s %s', (SELECT c.system_identifier FROM pg_control_system() c), (SELECT c.timeline_id FROM pg_control_checkpoint() c)))
	SELECT p.part, sha256(convert_to(coalesce(string_agg(f.fact, E'\n' ORDER BY f.fact COLLATE "C"), ''), 'UTF8'))
	FROM unnest(ARRAY['triggers', 'event triggers', 'functions', 'tables', 'policies', 'roles', 'role settings', 'server settings', 'library', 'cluster']) AS p (part)
	LEFT JOIN facts f ON f.part = p.part
	GROUP BY p.part ORDER BY p.part
	$$;
COMMENT ON FUNCTION rigalpha.audit_guard()
	IS 'Hashes over what guards the log in the database: triggers, event triggers, functions, tables, policies, roles, settings, the library, the cluster';

CREATE TABLE rigalpha.audit_guards (
	part text PRIMARY KEY,
	hash bytea NOT NULL CHECK (octet_length(hash) = 32),
	since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rigalpha.audit_guards IS 'What audit_guard() said last; not dumped, since a restored database is guarded anew';
COMMENT ON COLUMN rigalpha.audit_guards.part IS 'Part, as audit_guard() names it';
COMMENT ON COLUMN rigalpha.audit_guards.hash IS 'Its hash';
COMMENT ON COLUMN rigalpha.audit_guards.since IS 'When it became that';

-- The first look of an epoch is a baseline, too: xmin differs after a restore.
CREATE FUNCTION rigalpha.audit_check_guard() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	changed record;
	changes integer := 0;
BEGIN
	IF NOT rigalpha.node_is_current() THEN
		RETURN 0;
	END IF;
	LOCK TABLE rigalpha.audit_guards IN SHARE ROW EXCLUSIVE MODE;
	FOR changed IN SELECT n.part, g.hash AS old, n.hash AS new FROM rigalpha.audit_guard() n LEFT JOIN rigalpha.audit_guards g ON g.part = n.part
			WHERE g.hash IS DISTINCT FROM n.hash ORDER BY n.part LOOP
		PERFORM rigalpha.audit_event('guard', 'guard', changed.part, CASE WHEN changed.old IS NULL THEN 'first seen' ELSE 'changed' END,
			names => ARRAY['before', 'after'], "values" => ARRAY[encode(changed.old, 'hex'), encode(changed.new, 'hex')]);
		INSERT INTO rigalpha.audit_guards AS g (part, hash) VALUES (changed.part, changed.new)
			ON CONFLICT ON CONSTRAINT audit_guards_pkey DO UPDATE SET hash = excluded.hash, since = clock_timestamp();
		changes := changes + 1;
	END LOOP;
	RETURN changes;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_check_guard() IS 'Writes an entry for each part of the guard that is not what it was; returns how many';

CREATE FUNCTION rigalpha.audit_head(OUT size bigint, OUT root bytea, OUT epoch integer, OUT log_id uuid, OUT signed_size bigint, OUT signed_at timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT s.size, rigalpha.audit_root(s.size), n.epoch, n.log_id, c.size, c.created_at
	FROM rigalpha.node n
	CROSS JOIN LATERAL (SELECT coalesce(max(t.idx) + 1, 0) FROM rigalpha.audit_tree t) AS s (size)
	LEFT JOIN LATERAL (SELECT * FROM rigalpha.audit_checkpoints ORDER BY size DESC LIMIT 1) c ON true
	WHERE rigalpha.node_is_current()
	$$;
COMMENT ON FUNCTION rigalpha.audit_head() IS 'Size and root of the tree now, to be written down elsewhere, and the checkpoint that was signed last';

-- The hash over the heads of all chains binds the links of each chain in the order of the chain: i32 chain, i64 seq, 32 bytes link.
CREATE FUNCTION rigalpha.audit_checkpoint_proposal(from_size bigint, OUT size bigint, OUT root bytea, OUT text text, OUT consistency bytea[])
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	node rigalpha.node;
	chains bytea;
	previous bytea;
BEGIN
	SELECT n.* INTO node FROM rigalpha.node n WHERE rigalpha.node_is_current();
	IF NOT FOUND THEN
		RAISE EXCEPTION 'this database has no audit log of its own' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT rigalpha.setup(), or rigalpha.adopt() after a restore.';
	END IF;
	SELECT coalesce(max(t.idx) + 1, 0) INTO size FROM rigalpha.audit_tree t;
	root := rigalpha.audit_root(size);
	SELECT sha256(coalesce(string_agg(int4send(h.chain) || int8send(h.seq) || h.link, ''::bytea ORDER BY h.chain), ''::bytea)) INTO chains
		FROM (SELECT c.chain, l.seq, l.link FROM rigalpha.audit_chains c
			CROSS JOIN LATERAL (SELECT k.seq, k.link FROM rigalpha.audit_links k
				JOIN rigalpha.audit_tree t ON t.chain = k.chain AND t.seq = k.seq
				WHERE k.chain = c.chain ORDER BY k.seq DESC LIMIT 1) l) h;
	SELECT l.link INTO previous FROM rigalpha.audit_links l WHERE l.chain = 0 AND l.epoch < node.epoch ORDER BY l.seq DESC LIMIT 1;
	text := concat('rigalpha/', node.log_id, E'\n', size, E'\n', encode(root, 'base64'), E'\nepoch ', node.epoch,
		' prev ', encode(coalesce(previous, decode(repeat('00', 32), 'hex')), 'base64'), E'\nchains ', encode(chains, 'base64'), E'\nguard ',
		encode((SELECT sha256(coalesce(string_agg(g.hash, ''::bytea ORDER BY g.part COLLATE "C"), ''::bytea)) FROM rigalpha.audit_guards g), 'base64'),
		E'\ntime ', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, E'\n');
	consistency := rigalpha.audit_consistency(from_size, size);
END
$$;
COMMENT ON FUNCTION rigalpha.audit_checkpoint_proposal(bigint)
	IS 'What the signer is to sign: the text of a checkpoint of the tree, and the proof that it continues the tree of from_size';

CREATE FUNCTION rigalpha.audit_store_checkpoint(size bigint, note text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	lines text[] := string_to_array(note, E'\n');
	node rigalpha.node;
	root bytea;
BEGIN
	SELECT n.* INTO node FROM rigalpha.node n WHERE rigalpha.node_is_current();
	IF lines[1] IS DISTINCT FROM concat('rigalpha/', node.log_id) OR lines[2] IS DISTINCT FROM size::text OR octet_length(note) > 4096
		OR size NOT BETWEEN 0 AND (SELECT coalesce(max(t.idx) + 1, 0) FROM rigalpha.audit_tree t) THEN
		RAISE EXCEPTION 'note is not a checkpoint of this log of size %', size USING ERRCODE = 'invalid_parameter_value';
	END IF;
	root := rigalpha.audit_root(size);
	IF lines[3] IS DISTINCT FROM encode(root, 'base64') THEN
		RAISE EXCEPTION 'note has another root for size %', size USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO rigalpha.audit_checkpoints AS c (size, root, epoch, note) VALUES (audit_store_checkpoint.size, root, node.epoch, audit_store_checkpoint.note)
		ON CONFLICT ON CONSTRAINT audit_checkpoints_pkey DO UPDATE SET root = excluded.root, epoch = excluded.epoch, note = excluded.note,
			created_at = clock_timestamp(), exported_at = NULL;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_store_checkpoint(bigint, text) IS 'Keeps a signed checkpoint whose size and root are those of the tree';

CREATE FUNCTION rigalpha.audit_tick() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.audit_check_guard();
	RETURN rigalpha.audit_integrate();
END
$$;
COMMENT ON FUNCTION rigalpha.audit_tick() IS 'What is due for the audit log from time to time: the guard is looked at, new links are taken into the tree';

CREATE VIEW rigalpha.audit_export WITH (security_invoker = true, security_barrier = true) AS
	SELECT l.chain, l.seq, l.epoch, l.entry_id, encode(e.payload, 'hex') AS payload_hex, encode(l.prev, 'hex') AS prev_hex,
		encode(l.leaf, 'hex') AS leaf_hex, encode(l.link, 'hex') AS link_hex, t.idx
	FROM rigalpha.audit_links l
	LEFT JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	LEFT JOIN rigalpha.audit_entries e ON e.id = l.entry_id;
COMMENT ON VIEW rigalpha.audit_export IS 'The log as tools/rigalpha-verify.py reads it, for COPY TO CSV WITH HEADER';
COMMENT ON COLUMN rigalpha.audit_export.chain IS 'Chain';
COMMENT ON COLUMN rigalpha.audit_export.seq IS 'Place in the chain';
COMMENT ON COLUMN rigalpha.audit_export.epoch IS 'Epoch';
COMMENT ON COLUMN rigalpha.audit_export.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_export.payload_hex IS 'Bytes of the entry; null = gone';
COMMENT ON COLUMN rigalpha.audit_export.prev_hex IS 'Hash that the link follows';
COMMENT ON COLUMN rigalpha.audit_export.leaf_hex IS 'Hash of the entry';
COMMENT ON COLUMN rigalpha.audit_export.link_hex IS 'Hash of the link';
COMMENT ON COLUMN rigalpha.audit_export.idx IS 'Place in the tree of signed checkpoints; null = in none';
-- What a device that ingests with a token may: its quota, and its requests that must act once.

-- Not dumped and not logged: it says what happened in this minute.
CREATE UNLOGGED TABLE rigalpha.token_usage (
	token_id text PRIMARY KEY REFERENCES rigalpha.api_tokens ON DELETE CASCADE,
	minute timestamptz NOT NULL,
	readings integer NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.token_usage IS 'Readings that came with tokens that have a quota';
COMMENT ON COLUMN rigalpha.token_usage.token_id IS 'Token';
COMMENT ON COLUMN rigalpha.token_usage.minute IS 'Minute that is counted';
COMMENT ON COLUMN rigalpha.token_usage.readings IS 'Readings taken in it';

CREATE TABLE rigalpha.ingest_keys (
	token_id text NOT NULL,
	key text NOT NULL CHECK (key ~ '^[!-~]{1,128}$'),
	payload_sha256 bytea NOT NULL CHECK (octet_length(payload_sha256) = 32),
	verdicts smallint[],
	errors jsonb,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (token_id, key)
) WITH (fillfactor = 50);
CREATE INDEX ingest_keys_at ON rigalpha.ingest_keys (at);
COMMENT ON TABLE rigalpha.ingest_keys IS 'Answers to requests that came with an Idempotency-Key, kept for 24 hours: a repeated request gets the same';
COMMENT ON COLUMN rigalpha.ingest_keys.token_id IS 'Token that it came with; empty = none';
COMMENT ON COLUMN rigalpha.ingest_keys.key IS 'Key as the client chose it';
COMMENT ON COLUMN rigalpha.ingest_keys.payload_sha256 IS 'SHA-256 over the payloads and their lengths';
COMMENT ON COLUMN rigalpha.ingest_keys.verdicts IS 'One row per payload as in ingest()';
COMMENT ON COLUMN rigalpha.ingest_keys.errors IS 'Errors as in ingest(); payloads count from the first of the request';
COMMENT ON COLUMN rigalpha.ingest_keys.at IS 'When it was stored';
COMMENT ON INDEX rigalpha.ingest_keys_at IS 'Finds what is old';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.ingest_keys', '');

CREATE FUNCTION rigalpha.admit_token(token text, address inet,
	OUT verdict text, OUT token_id text, OUT machine_id integer, OUT readings_per_minute integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	parts text[] := regexp_match(token, '^rig_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$');
BEGIN
	SELECT c.verdict, c.machine_id, c.readings_per_minute INTO verdict, machine_id, readings_per_minute
		FROM rigalpha.check_token(parts[1], parts[2], admit_token.address) c;
	SELECT t.id INTO token_id FROM rigalpha.api_tokens t WHERE t.id = parts[1];
END
$$;
COMMENT ON FUNCTION rigalpha.admit_token(text, inet)
	IS 'check_token() for a token as a device sends it; token_id is null unless there is a token of that id';

CREATE FUNCTION rigalpha.lock_token_usage(token_id text, OUT minute timestamptz, OUT readings integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	counted timestamptz;
BEGIN
	INSERT INTO rigalpha.token_usage (token_id, minute, readings)
		SELECT lock_token_usage.token_id, '-infinity', 0
		WHERE NOT EXISTS (SELECT FROM rigalpha.token_usage u WHERE u.token_id = lock_token_usage.token_id)
		ON CONFLICT ON CONSTRAINT token_usage_pkey DO NOTHING;
	SELECT u.minute, u.readings INTO counted, readings FROM rigalpha.token_usage u
		WHERE u.token_id = lock_token_usage.token_id FOR NO KEY UPDATE;
	minute := date_trunc('minute', clock_timestamp());
	IF counted IS DISTINCT FROM minute THEN
		readings := 0;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.lock_token_usage(text)
	IS 'This minute and the readings of a token in it; others with the token wait until the transaction ends';

CREATE FUNCTION rigalpha.claim_ingest_key(token_id text, key text, payload_sha256 bytea, first_payload integer,
	OUT claimed boolean, OUT same boolean, OUT verdicts smallint[], OUT errors jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	LOOP
		-- Waits for a transaction that is about to store the same request.
		INSERT INTO rigalpha.ingest_keys (token_id, key, payload_sha256)
			VALUES (claim_ingest_key.token_id, claim_ingest_key.key, claim_ingest_key.payload_sha256)
			ON CONFLICT ON CONSTRAINT ingest_keys_pkey DO NOTHING;
		claimed := FOUND;
		EXIT WHEN claimed;
		SELECT k.payload_sha256 = claim_ingest_key.payload_sha256, k.verdicts,
				(SELECT jsonb_agg(jsonb_set(e.error, '{payload}', to_jsonb((e.error ->> 'payload')::integer + first_payload)) ORDER BY e.place)
					FROM jsonb_array_elements(k.errors) WITH ORDINALITY AS e (error, place))
			INTO same, verdicts, errors
			FROM rigalpha.ingest_keys k WHERE k.token_id = claim_ingest_key.token_id AND k.key = claim_ingest_key.key;
		EXIT WHEN FOUND;
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.claim_ingest_key(text, text, bytea, integer)
	IS 'Notes a request that shall act once; or, if it came before, its answer, and whether its body is the same';

CREATE FUNCTION rigalpha.device_tick() RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.ingest_keys k WHERE k.at < clock_timestamp() - interval '24 hours';
	$$;
COMMENT ON FUNCTION rigalpha.device_tick() IS 'Forgets keys of requests after a day';
-- Alarms: what somebody has to look at. An alarm is what its transitions say: they are only added,
-- and one that no longer holds is retracted by another. Names are those of OPC UA part 9.
CREATE TABLE rigalpha.alarms (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	machine_id integer NOT NULL REFERENCES rigalpha.machines ON DELETE CASCADE,
	sensor_id integer REFERENCES rigalpha.sensors ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('limit', 'stale', 'risk', 'incident', 'rul')),
	condition_name text NOT NULL,
	level text CHECK (level IN ('lolo', 'lo', 'hi', 'hihi')),
	priority text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
	retain boolean NOT NULL DEFAULT true,
	active_state boolean NOT NULL DEFAULT true,
	acked_state boolean NOT NULL DEFAULT false,
	shelving_state text NOT NULL DEFAULT 'unshelved' CHECK (shelving_state IN ('unshelved', 'timed_shelved')),
	shelved_until timestamptz,
	suppressed_state boolean NOT NULL DEFAULT false,
	active_since timestamptz NOT NULL,
	returned_at timestamptz,
	acked_by text,
	acked_at timestamptz,
	cleared_by text,
	cleared_at timestamptz,
	note text,
	threshold_id bigint,
	incident_id bigint,
	value float8,
	CHECK ((shelving_state = 'unshelved') = (shelved_until IS NULL))
);
CREATE UNIQUE INDEX alarms_open ON rigalpha.alarms (machine_id, (coalesce(sensor_id, 0)), kind, condition_name) WHERE retain;
CREATE INDEX alarms_machine ON rigalpha.alarms (machine_id, active_since);
CREATE INDEX alarms_incident ON rigalpha.alarms (incident_id) WHERE incident_id IS NOT NULL;
CREATE INDEX alarms_sensor ON rigalpha.alarms (sensor_id) WHERE sensor_id IS NOT NULL;
COMMENT ON INDEX rigalpha.alarms_sensor IS 'Finds the alarms of a sensor that is deleted';
COMMENT ON INDEX rigalpha.alarms_open IS 'One open alarm of a condition per machine and sensor';
COMMENT ON INDEX rigalpha.alarms_machine IS 'Alarms of a machine in the order of time';
COMMENT ON INDEX rigalpha.alarms_incident IS 'Finds the alarm of an incident';
COMMENT ON TABLE rigalpha.alarms IS 'One row per alarm as it is now; alarm_events says how it came to be. Written by ingest(), the tick of the worker and the functions of operators';
COMMENT ON COLUMN rigalpha.alarms.id IS 'Key';
COMMENT ON COLUMN rigalpha.alarms.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.alarms.sensor_id IS 'Sensor; null = of the machine as a whole';
COMMENT ON COLUMN rigalpha.alarms.kind IS 'limit: a threshold; stale: no data; risk: by the model; incident: another incident; rul: remaining useful life';
COMMENT ON COLUMN rigalpha.alarms.condition_name IS 'Kind of the incident that it is of; else the kind of the alarm';
COMMENT ON COLUMN rigalpha.alarms.level IS 'Limit that is exceeded, or was last; null = not of a limit';
COMMENT ON COLUMN rigalpha.alarms.priority IS 'How soon somebody must act';
COMMENT ON COLUMN rigalpha.alarms.retain IS 'True = it is in the current list: active, or not acknowledged, and not cleared';
COMMENT ON COLUMN rigalpha.alarms.active_state IS 'True while its condition holds';
COMMENT ON COLUMN rigalpha.alarms.acked_state IS 'True when somebody has acknowledged it since it was raised or became worse';
COMMENT ON COLUMN rigalpha.alarms.shelving_state IS 'timed_shelved = put aside until shelved_until';
COMMENT ON COLUMN rigalpha.alarms.shelved_until IS 'When it comes back by itself';
COMMENT ON COLUMN rigalpha.alarms.suppressed_state IS 'True = not shown, because of what the machine is doing; see alarm_suppressions';
COMMENT ON COLUMN rigalpha.alarms.active_since IS 'Device time at which it was raised last';
COMMENT ON COLUMN rigalpha.alarms.returned_at IS 'Device time at which its condition ended; null = it holds';
COMMENT ON COLUMN rigalpha.alarms.acked_by IS 'Who acknowledged it';
COMMENT ON COLUMN rigalpha.alarms.acked_at IS 'When';
COMMENT ON COLUMN rigalpha.alarms.cleared_by IS 'Who took it off the list';
COMMENT ON COLUMN rigalpha.alarms.cleared_at IS 'When; null = nobody did';
COMMENT ON COLUMN rigalpha.alarms.note IS 'Note that was given last';
COMMENT ON COLUMN rigalpha.alarms.threshold_id IS 'Row of thresholds that applied when it was raised or changed';
COMMENT ON COLUMN rigalpha.alarms.incident_id IS 'Incident that it is of';
COMMENT ON COLUMN rigalpha.alarms.value IS 'Value at its last transition';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarms', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarms_id_seq', '');

CREATE TABLE rigalpha.alarm_events (
	id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	alarm_id bigint NOT NULL REFERENCES rigalpha.alarms ON DELETE CASCADE,
	machine_id integer NOT NULL,
	at timestamptz NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	transition text NOT NULL CHECK (transition IN ('raised', 'changed', 'returned', 'acknowledged', 'cleared', 'reopened',
		'suppressed', 'unsuppressed', 'shelved', 'unshelved', 'retracted')),
	level text,
	value float8,
	actor text,
	note text,
	retracts bigint UNIQUE REFERENCES rigalpha.alarm_events ON DELETE CASCADE,
	CHECK ((transition = 'retracted') = (retracts IS NOT NULL))
);
CREATE INDEX alarm_events_alarm ON rigalpha.alarm_events (alarm_id, at);
CREATE INDEX alarm_events_machine ON rigalpha.alarm_events (machine_id, at);
COMMENT ON INDEX rigalpha.alarm_events_alarm IS 'Transitions of an alarm in the order of time';
COMMENT ON INDEX rigalpha.alarm_events_machine IS 'Transitions of a machine in the order of time';
COMMENT ON TABLE rigalpha.alarm_events IS 'Transitions of alarms; only added to';
COMMENT ON COLUMN rigalpha.alarm_events.id IS 'Key';
COMMENT ON COLUMN rigalpha.alarm_events.alarm_id IS 'Alarm';
COMMENT ON COLUMN rigalpha.alarm_events.machine_id IS 'Machine of the alarm';
COMMENT ON COLUMN rigalpha.alarm_events.at IS 'Device time of the reading behind it; for what people and the clock do, time of the server';
COMMENT ON COLUMN rigalpha.alarm_events.recorded_at IS 'When it was written';
COMMENT ON COLUMN rigalpha.alarm_events.transition IS 'What happened';
COMMENT ON COLUMN rigalpha.alarm_events.level IS 'Limit that is exceeded from then on; of a return, the one that it returned from';
COMMENT ON COLUMN rigalpha.alarm_events.value IS 'Value of the sensor';
COMMENT ON COLUMN rigalpha.alarm_events.actor IS 'Who did it; null = the system';
COMMENT ON COLUMN rigalpha.alarm_events.note IS 'What was said';
COMMENT ON COLUMN rigalpha.alarm_events.retracts IS 'Transition that does not hold, since a reading came late';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarm_events', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarm_events_id_seq', '');
CREATE TRIGGER refuse BEFORE UPDATE OR TRUNCATE ON rigalpha.alarm_events
	FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_refuse();
ALTER TABLE rigalpha.alarm_events ENABLE ALWAYS TRIGGER refuse;
COMMENT ON TRIGGER refuse ON rigalpha.alarm_events IS 'Transitions are only added';

CREATE TABLE rigalpha.alarm_suppressions (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	state text NOT NULL CHECK (octet_length(state) BETWEEN 1 AND 63),
	category text,
	sensor_id integer REFERENCES rigalpha.sensors ON DELETE CASCADE,
	CHECK (num_nonnulls(category, sensor_id) = 1)
);
CREATE UNIQUE INDEX alarm_suppressions_what ON rigalpha.alarm_suppressions (state, (coalesce(category, '')), (coalesce(sensor_id, 0)));
COMMENT ON INDEX rigalpha.alarm_suppressions_what IS 'One rule per state and category or sensor';
COMMENT ON TABLE rigalpha.alarm_suppressions IS 'Limit alarms of which sensors are not shown while a machine is in a state';
COMMENT ON COLUMN rigalpha.alarm_suppressions.id IS 'Key';
COMMENT ON COLUMN rigalpha.alarm_suppressions.state IS 'State word of the machine, as in state_codes()';
COMMENT ON COLUMN rigalpha.alarm_suppressions.category IS 'Sensors of this category; or';
COMMENT ON COLUMN rigalpha.alarm_suppressions.sensor_id IS 'this sensor';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarm_suppressions', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.alarm_suppressions_id_seq', '');

CREATE FUNCTION rigalpha.default_alarm_suppressions() RETURNS TABLE (state text, sensor text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Hookload, flow and pits stay: overpull and kicks happen on trips.
	SELECT st, se FROM unnest(ARRAY['connection', 'trip in', 'trip out', 'tripping', 'idle', 'stopped']) st,
		unnest(ARRAY['wob', 'rop', 'rpm', 'torque']) se
	$$;
COMMENT ON FUNCTION rigalpha.default_alarm_suppressions() IS 'Rules that setup() enters: alarms of drilling mean nothing while a rig does something else';

-- Every transition is written here, and is an entry of the audit log.
CREATE FUNCTION rigalpha.add_alarm_event(alarm_id bigint, at timestamptz, transition text, level text DEFAULT NULL,
	value float8 DEFAULT NULL, actor text DEFAULT NULL, note text DEFAULT NULL, retracts bigint DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	alarm record;
	result bigint;
BEGIN
	SELECT a.machine_id, a.kind, s.name AS sensor INTO alarm
		FROM rigalpha.alarms a LEFT JOIN rigalpha.sensors s ON s.id = a.sensor_id WHERE a.id = alarm_id;
	INSERT INTO rigalpha.alarm_events (alarm_id, machine_id, at, transition, level, value, actor, note, retracts)
		VALUES (alarm_id, alarm.machine_id, at, transition, level, value, actor, note, retracts)
		RETURNING id INTO result;
	PERFORM rigalpha.audit_event('alarm', CASE WHEN actor IS NULL THEN 'system' ELSE 'user' END, transition, note, 'rigalpha', 'alarms',
		alarm.machine_id, ARRAY['alarm', 'kind', 'sensor', 'at', 'level', 'value', 'event', 'retracts'],
		ARRAY[alarm_id::text, alarm.kind, alarm.sensor, (at AT TIME ZONE 'UTC')::text, level, value::text, result::text, retracts::text]);
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.add_alarm_event(bigint, timestamptz, text, text, float8, text, text, bigint)
	IS 'Writes a transition of an alarm, and its entry in the audit log';

CREATE FUNCTION rigalpha.limit_priority(level text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$ SELECT CASE WHEN level IN ('lolo', 'hihi') THEN 'urgent' ELSE 'medium' END $$;
COMMENT ON FUNCTION rigalpha.limit_priority(text) IS 'Priority of an alarm of that limit';

CREATE FUNCTION rigalpha.priority_rank(priority text) RETURNS integer
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS $$ SELECT CASE priority WHEN 'urgent' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END $$;
COMMENT ON FUNCTION rigalpha.priority_rank(text) IS 'Place of a priority in lists, from 1 = urgent';

CREATE VIEW rigalpha.effective_alarm_events WITH (security_invoker = true, security_barrier = true) AS
	SELECT e.id, e.alarm_id, e.machine_id, e.at, e.recorded_at, e.transition, e.level, e.value, e.actor, e.note
	FROM rigalpha.alarm_events e
	WHERE e.transition <> 'retracted' AND NOT EXISTS (SELECT FROM rigalpha.alarm_events r WHERE r.retracts = e.id);
COMMENT ON VIEW rigalpha.effective_alarm_events IS 'Transitions that hold: those that nothing has retracted';
COMMENT ON COLUMN rigalpha.effective_alarm_events.id IS 'Key';
COMMENT ON COLUMN rigalpha.effective_alarm_events.alarm_id IS 'Alarm';
COMMENT ON COLUMN rigalpha.effective_alarm_events.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.effective_alarm_events.at IS 'When it happened, by the device clock';
COMMENT ON COLUMN rigalpha.effective_alarm_events.recorded_at IS 'When it was written';
COMMENT ON COLUMN rigalpha.effective_alarm_events.transition IS 'What happened';
COMMENT ON COLUMN rigalpha.effective_alarm_events.level IS 'Limit that is exceeded';
COMMENT ON COLUMN rigalpha.effective_alarm_events.value IS 'Value of the sensor';
COMMENT ON COLUMN rigalpha.effective_alarm_events.actor IS 'Who did it; null = the system';
COMMENT ON COLUMN rigalpha.effective_alarm_events.note IS 'What was said';

-- What the transitions of the condition make of the alarm. What people did to it stays.
CREATE FUNCTION rigalpha.derive_alarm(alarm_id bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	newest record;
	raised timestamptz;
BEGIN
	SELECT e.* INTO newest FROM rigalpha.effective_alarm_events e
		WHERE e.alarm_id = derive_alarm.alarm_id AND e.transition IN ('raised', 'changed', 'returned')
		ORDER BY e.at DESC, e.id DESC LIMIT 1;
	SELECT max(e.at) INTO raised FROM rigalpha.effective_alarm_events e
		WHERE e.alarm_id = derive_alarm.alarm_id AND e.transition = 'raised';
	UPDATE rigalpha.alarms a
		SET active_state = coalesce(newest.transition <> 'returned', false) AND raised IS NOT NULL,
			retain = raised IS NOT NULL AND a.cleared_at IS NULL AND (newest.transition <> 'returned' OR NOT a.acked_state)
				-- Another one may have been raised since.
				AND (a.retain OR NOT EXISTS (SELECT FROM rigalpha.alarms o WHERE o.retain AND o.id <> a.id AND o.machine_id = a.machine_id
					AND o.sensor_id IS NOT DISTINCT FROM a.sensor_id AND o.kind = a.kind AND o.condition_name = a.condition_name)),
			level = coalesce(newest.level, a.level),
			priority = coalesce(rigalpha.limit_priority(newest.level), a.priority),
			value = coalesce(newest.value, a.value),
			active_since = coalesce(raised, a.active_since),
			returned_at = CASE WHEN newest.transition = 'returned' THEN newest.at END
		WHERE a.id = derive_alarm.alarm_id;
END
$$;
COMMENT ON FUNCTION rigalpha.derive_alarm(bigint) IS 'Brings the row of an alarm to what its transitions say';

CREATE FUNCTION rigalpha.raise_alarm(machine_id integer, sensor_id integer, kind text, condition_name text, priority text, at timestamptz,
	level text DEFAULT NULL, value float8 DEFAULT NULL, note text DEFAULT NULL, threshold_id bigint DEFAULT NULL, incident_id bigint DEFAULT NULL)
	RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	result bigint;
BEGIN
	-- One that nobody has acknowledged yet goes on, and so does one that was raised in vain.
	SELECT a.id INTO result FROM rigalpha.alarms a
		WHERE a.machine_id = raise_alarm.machine_id AND a.sensor_id IS NOT DISTINCT FROM raise_alarm.sensor_id
			AND a.kind = raise_alarm.kind AND a.condition_name = raise_alarm.condition_name
			AND (a.retain OR NOT a.acked_state AND a.cleared_at IS NULL
				AND NOT EXISTS (SELECT FROM rigalpha.effective_alarm_events e WHERE e.alarm_id = a.id AND e.transition = 'raised'))
		ORDER BY a.retain DESC, a.id DESC LIMIT 1;
	UPDATE rigalpha.alarms AS a
		SET retain = true, threshold_id = raise_alarm.threshold_id, incident_id = raise_alarm.incident_id,
			note = coalesce(raise_alarm.note, a.note)
		WHERE a.id = result;
	IF result IS NULL THEN
		INSERT INTO rigalpha.alarms (machine_id, sensor_id, kind, condition_name, level, priority, active_since, value, note, threshold_id, incident_id)
			VALUES (machine_id, sensor_id, kind, condition_name, level, priority, at, value, note, threshold_id, incident_id)
			RETURNING id INTO result;
	END IF;
	PERFORM rigalpha.add_alarm_event(result, at, 'raised', level, value, NULL, note);
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.raise_alarm(integer, integer, text, text, text, timestamptz, text, float8, text, bigint, bigint)
	IS 'Raises an alarm: the open one of the condition again, or a new one; derive_alarm() follows';

-- An alarm that becomes worse wants to be seen again, whatever was done to it.
CREATE FUNCTION rigalpha.worsen_alarm(alarm_id bigint, at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF EXISTS (SELECT FROM rigalpha.alarms a WHERE a.id = alarm_id AND a.cleared_at IS NOT NULL) THEN
		PERFORM rigalpha.add_alarm_event(alarm_id, at, 'reopened', note => 'it became worse');
	END IF;
	UPDATE rigalpha.alarms a SET acked_state = false, acked_by = NULL, acked_at = NULL, cleared_by = NULL, cleared_at = NULL
		WHERE a.id = alarm_id;
END
$$;
COMMENT ON FUNCTION rigalpha.worsen_alarm(bigint, timestamptz) IS 'Takes back that an alarm was acknowledged or cleared, because it became worse';

-- Changes of limits as ingest() found them. After a rewind they are all since a time, and the transitions
-- that were written since are compared with them: those that are not among them are retracted.
CREATE FUNCTION rigalpha.limit_changes(machine_id integer, positions smallint[], times timestamptz[], former smallint[], levels smallint[],
	"values" float8[])
	RETURNS TABLE (sensor_id integer, at timestamptz, transition text, level text, value float8, worse boolean)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Codes as in limit_monitor.h: 0 hihi, 1 lolo, 2 hi, 3 lo; -1 is normal.
	SELECT ms.sensor_id, c.at, CASE WHEN c.former < 0 THEN 'raised' WHEN c.level < 0 THEN 'returned' ELSE 'changed' END,
		(ARRAY['hihi', 'lolo', 'hi', 'lo'])[1 + CASE WHEN c.level < 0 THEN c.former ELSE c.level END], c.value,
		c.level BETWEEN 0 AND 1 AND c.former > 1
	FROM unnest(positions, times, former, levels, "values") AS c ("position", at, former, level, value)
	JOIN rigalpha.machine_sensors ms ON ms.machine_id = limit_changes.machine_id AND ms."position" = c."position"
	ORDER BY c.at, c."position"
	$$;
COMMENT ON FUNCTION rigalpha.limit_changes(integer, smallint[], timestamptz[], smallint[], smallint[], float8[])
	IS 'Changes of levels as transitions of alarms, in the order of time';

CREATE FUNCTION rigalpha.note_limit_changes(machine_id integer, since timestamptz, positions smallint[], times timestamptz[],
	former smallint[], levels smallint[], "values" float8[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	machine CONSTANT integer := note_limit_changes.machine_id;
	past record;
	change record;
	target bigint;
	affected bigint[] := '{}';
BEGIN
	IF since IS NOT NULL THEN
		FOR past IN
			SELECT e.id, e.alarm_id, e.at FROM rigalpha.effective_alarm_events e
			JOIN rigalpha.alarms a ON a.id = e.alarm_id AND a.kind = 'limit'
			WHERE e.machine_id = machine AND e.at > since AND e.transition IN ('raised', 'changed', 'returned')
				AND NOT EXISTS (SELECT FROM rigalpha.limit_changes(machine, positions, times, former, levels, "values") c
					WHERE (c.sensor_id, c.at, c.transition, c.level, c.value) = (a.sensor_id, e.at, e.transition, e.level, e.value))
			ORDER BY e.id
		LOOP
			PERFORM rigalpha.add_alarm_event(past.alarm_id, past.at, 'retracted', retracts => past.id);
			affected := affected || past.alarm_id;
		END LOOP;
	END IF;
	FOR change IN
		SELECT c.*, t.threshold_id FROM rigalpha.limit_changes(machine, positions, times, former, levels, "values") c
		LEFT JOIN rigalpha.effective_thresholds t ON t.machine_id = machine AND t.sensor_id = c.sensor_id
		WHERE since IS NULL OR NOT EXISTS (SELECT FROM rigalpha.effective_alarm_events e
			JOIN rigalpha.alarms a ON a.id = e.alarm_id AND a.kind = 'limit'
			WHERE e.machine_id = machine AND e.at > since
				AND (c.sensor_id, c.at, c.transition, c.level, c.value) = (a.sensor_id, e.at, e.transition, e.level, e.value))
		ORDER BY c.at, c.sensor_id
	LOOP
		target := NULL;
		IF change.transition <> 'raised' THEN
			SELECT a.id INTO target FROM rigalpha.alarms a
				JOIN rigalpha.effective_alarm_events e ON e.alarm_id = a.id
				WHERE a.machine_id = machine AND a.sensor_id = change.sensor_id AND a.kind = 'limit' AND e.at <= change.at
					AND e.transition IN ('raised', 'changed')
				ORDER BY e.at DESC, e.id DESC LIMIT 1;
			CONTINUE WHEN target IS NULL AND change.transition = 'returned';
		END IF;
		IF target IS NULL THEN
			target := rigalpha.raise_alarm(machine, change.sensor_id, 'limit', 'limit', rigalpha.limit_priority(change.level), change.at,
				change.level, change.value, threshold_id => change.threshold_id);
		ELSE
			IF change.worse THEN
				PERFORM rigalpha.worsen_alarm(target, change.at);
			END IF;
			PERFORM rigalpha.add_alarm_event(target, change.at, change.transition, change.level, change.value);
		END IF;
		-- The next change may need to know what this one made of the alarm, unless older ones are still missing.
		IF since IS NULL THEN
			PERFORM rigalpha.derive_alarm(target);
		END IF;
		affected := affected || target;
	END LOOP;
	IF since IS NOT NULL THEN
		-- The latest first: it is the open one, if there is one.
		PERFORM rigalpha.derive_alarm(a.id) FROM (SELECT DISTINCT unnest(affected) AS id ORDER BY 1 DESC) a;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.note_limit_changes(integer, timestamptz, smallint[], timestamptz[], smallint[], smallint[], float8[])
	IS 'Writes transitions of limit alarms; with since, all of them after that time, and what was written otherwise is retracted';

CREATE FUNCTION rigalpha.settle_suppression(machine_id integer, state smallint, at timestamptz) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	turned record;
BEGIN
	FOR turned IN
		UPDATE rigalpha.alarms a SET suppressed_state = NOT a.suppressed_state
			FROM rigalpha.sensors s
			WHERE a.machine_id = settle_suppression.machine_id AND a.retain AND a.kind = 'limit' AND s.id = a.sensor_id
				AND a.suppressed_state <> EXISTS (SELECT FROM rigalpha.alarm_suppressions x
					WHERE x.state = rigalpha.state_name(settle_suppression.state) AND (x.sensor_id = s.id OR x.category = s.category))
			RETURNING a.id, a.suppressed_state
	LOOP
		PERFORM rigalpha.add_alarm_event(turned.id, settle_suppression.at, CASE WHEN turned.suppressed_state THEN 'suppressed' ELSE 'unsuppressed' END,
			note => rigalpha.state_name(settle_suppression.state));
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.settle_suppression(integer, smallint, timestamptz)
	IS 'Suppresses and releases the limit alarms of a machine by its state; see alarm_suppressions';

-- An incident is an alarm as long as it is open. A restored database has its alarms already.
CREATE FUNCTION rigalpha.alarm_of_incident() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	alarm bigint;
BEGIN
	IF NOT rigalpha.node_is_current() THEN
		RETURN NULL;
	END IF;
	IF TG_OP = 'INSERT' THEN
		IF NEW.ended IS NULL THEN
			alarm := rigalpha.raise_alarm(NEW.machine_id, NULL, CASE NEW.kind WHEN 'anomaly' THEN 'risk' WHEN 'silent' THEN 'stale' ELSE 'incident' END,
				NEW.kind, CASE NEW.kind WHEN 'anomaly' THEN 'high' WHEN 'silent' THEN 'high' ELSE 'low' END, NEW.started,
				note => NEW.detail, incident_id => NEW.id);
		END IF;
	ELSIF OLD.ended IS NULL AND NEW.ended IS NOT NULL THEN
		SELECT a.id INTO alarm FROM rigalpha.alarms a WHERE a.incident_id = NEW.id AND a.active_state;
		IF FOUND THEN
			PERFORM rigalpha.add_alarm_event(alarm, NEW.ended, 'returned');
		END IF;
	END IF;
	IF alarm IS NOT NULL THEN
		PERFORM rigalpha.derive_alarm(alarm);
		-- Of the others ingest tells.
		IF NEW.kind IN ('silent', 'clock') THEN
			PERFORM pg_notify('rigalpha', 'readings:' || NEW.machine_id);
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION rigalpha.alarm_of_incident() IS 'Trigger: an incident that opens raises an alarm, which returns when it ends';
CREATE TRIGGER alarm AFTER INSERT OR UPDATE OF ended ON rigalpha.incidents FOR EACH ROW EXECUTE FUNCTION rigalpha.alarm_of_incident();
COMMENT ON TRIGGER alarm ON rigalpha.incidents IS 'Raises and returns the alarm of the incident';

-- What people do to alarms. A foreign alarm is one that is not there.
CREATE FUNCTION rigalpha.lock_alarm(id bigint, OUT alarm rigalpha.alarms, OUT actor text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	who record;
BEGIN
	SELECT * INTO who FROM rigalpha.identity();
	SELECT a.* INTO alarm FROM rigalpha.alarms a
		WHERE a.id = lock_alarm.id AND a.machine_id = ANY ((SELECT rigalpha.readable_machines())::integer[]) FOR NO KEY UPDATE;
	IF alarm.id IS NULL THEN
		RAISE EXCEPTION 'alarm % does not exist', lock_alarm.id USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT rigalpha.is_admin() AND (who.role IS DISTINCT FROM 'operator' OR who.must_change_password) THEN
		RAISE EXCEPTION 'permission denied: alarms are for operators and admins' USING ERRCODE = 'insufficient_privilege';
	END IF;
	actor := coalesce(who.user_name, session_user);
	-- Listeners show what becomes of it.
	PERFORM pg_notify('rigalpha', 'readings:' || alarm.machine_id);
END
$$;
COMMENT ON FUNCTION rigalpha.lock_alarm(bigint) IS 'Finds an alarm that the caller may act on, and locks it';

CREATE FUNCTION rigalpha.ack_alarm(id bigint, note text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	held record;
BEGIN
	SELECT * INTO held FROM rigalpha.lock_alarm(id);
	IF (held.alarm).acked_state THEN
		RAISE EXCEPTION 'alarm % was acknowledged before', id USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	IF (held.alarm).priority = 'urgent' AND coalesce(btrim(note), '') = '' THEN
		RAISE EXCEPTION 'an urgent alarm is acknowledged with a note' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	UPDATE rigalpha.alarms a SET acked_state = true, acked_by = held.actor, acked_at = clock_timestamp(), note = coalesce(ack_alarm.note, a.note)
		WHERE a.id = ack_alarm.id;
	PERFORM rigalpha.add_alarm_event(id, clock_timestamp(), 'acknowledged', actor => held.actor, note => note);
	PERFORM rigalpha.derive_alarm(id);
END
$$;
COMMENT ON FUNCTION rigalpha.ack_alarm(bigint, text) IS 'Acknowledges an alarm; one that has returned leaves the list. An urgent one needs a note';

CREATE FUNCTION rigalpha.clear_alarm(id bigint, note text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	held record;
BEGIN
	SELECT * INTO held FROM rigalpha.lock_alarm(id);
	IF NOT (held.alarm).retain THEN
		RAISE EXCEPTION 'alarm % is closed already', id USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	UPDATE rigalpha.alarms a SET cleared_by = held.actor, cleared_at = clock_timestamp(), note = coalesce(clear_alarm.note, a.note)
		WHERE a.id = clear_alarm.id;
	PERFORM rigalpha.add_alarm_event(id, clock_timestamp(), 'cleared', actor => held.actor, note => note);
	PERFORM rigalpha.derive_alarm(id);
END
$$;
COMMENT ON FUNCTION rigalpha.clear_alarm(bigint, text)
	IS 'Takes an alarm off the list, also while its condition holds; it comes back when it becomes worse, or is raised again';

CREATE FUNCTION rigalpha.reopen_alarm(id bigint, note text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	held record;
BEGIN
	SELECT * INTO held FROM rigalpha.lock_alarm(id);
	IF (held.alarm).retain THEN
		RAISE EXCEPTION 'alarm % is open', id USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	UPDATE rigalpha.alarms a SET acked_state = false, acked_by = NULL, acked_at = NULL, cleared_by = NULL, cleared_at = NULL,
			note = coalesce(reopen_alarm.note, a.note)
		WHERE a.id = reopen_alarm.id;
	PERFORM rigalpha.derive_alarm(id);
	IF NOT EXISTS (SELECT FROM rigalpha.alarms a WHERE a.id = reopen_alarm.id AND a.retain) THEN
		RAISE EXCEPTION 'alarm % cannot be opened again', id
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'There is a newer one of the same condition, or it was retracted.';
	END IF;
	PERFORM rigalpha.add_alarm_event(id, clock_timestamp(), 'reopened', actor => held.actor, note => note);
END
$$;
COMMENT ON FUNCTION rigalpha.reopen_alarm(bigint, text) IS 'Puts an alarm on the list again, not acknowledged';

CREATE FUNCTION rigalpha.shelve_alarm(id bigint, until timestamptz, note text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	held record;
BEGIN
	SELECT * INTO held FROM rigalpha.lock_alarm(id);
	IF NOT (held.alarm).retain THEN
		RAISE EXCEPTION 'alarm % is closed already', id USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	IF until IS NULL OR until <= clock_timestamp() OR until > clock_timestamp() + interval '7 days' THEN
		RAISE EXCEPTION 'an alarm is shelved until a time within the next seven days' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	UPDATE rigalpha.alarms a SET shelving_state = 'timed_shelved', shelved_until = until, note = coalesce(shelve_alarm.note, a.note)
		WHERE a.id = shelve_alarm.id;
	PERFORM rigalpha.add_alarm_event(id, clock_timestamp(), 'shelved', actor => held.actor, note => note);
END
$$;
COMMENT ON FUNCTION rigalpha.shelve_alarm(bigint, timestamptz, text) IS 'Puts an alarm aside until a time, at most seven days from now';

CREATE FUNCTION rigalpha.unshelve_alarm(id bigint, note text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	held record;
BEGIN
	SELECT * INTO held FROM rigalpha.lock_alarm(id);
	IF (held.alarm).shelving_state = 'unshelved' THEN
		RAISE EXCEPTION 'alarm % is not shelved', id USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	UPDATE rigalpha.alarms a SET shelving_state = 'unshelved', shelved_until = NULL WHERE a.id = unshelve_alarm.id;
	PERFORM rigalpha.add_alarm_event(id, clock_timestamp(), 'unshelved', actor => held.actor, note => note);
END
$$;
COMMENT ON FUNCTION rigalpha.unshelve_alarm(bigint, text) IS 'Takes back that an alarm was put aside';

CREATE FUNCTION rigalpha.alarm_tick() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	back bigint;
	total integer := 0;
BEGIN
	FOR back IN
		UPDATE rigalpha.alarms a SET shelving_state = 'unshelved', shelved_until = NULL
			WHERE a.id IN (SELECT d.id FROM rigalpha.alarms d WHERE d.shelved_until <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED)
			RETURNING a.id
	LOOP
		PERFORM rigalpha.add_alarm_event(back, clock_timestamp(), 'unshelved');
		total := total + 1;
	END LOOP;
	RETURN total;
END
$$;
COMMENT ON FUNCTION rigalpha.alarm_tick() IS 'Brings back alarms whose time on the shelf is over; returns how many';

-- How often limits would have been exceeded, by the evaluation that ingest() uses.
CREATE FUNCTION rigalpha.limit_episodes(machine_id integer, sensor_position integer, from_ts timestamptz, to_ts timestamptz, lolo float8, lo float8,
	hi float8, hihi float8, deadband float8, on_delay bigint, off_delay bigint)
	RETURNS TABLE (raised_at timestamptz, returned_at timestamptz, level text, value float8)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_limit_episodes';
COMMENT ON FUNCTION rigalpha.limit_episodes(integer, integer, timestamptz, timestamptz, float8, float8, float8, float8, float8, bigint, bigint)
	IS 'Alarms that limits would have raised over the stored readings that the caller may see; delays in microseconds, level the worst that was reached';

CREATE FUNCTION rigalpha.threshold_what_if(sensor text, machine text, lolo float8 DEFAULT NULL, lo float8 DEFAULT NULL, hi float8 DEFAULT NULL,
	hihi float8 DEFAULT NULL, deadband float8 DEFAULT 0, on_delay interval DEFAULT '0', off_delay interval DEFAULT '0',
	from_ts timestamptz DEFAULT now() - interval '1 day', to_ts timestamptz DEFAULT now())
	RETURNS TABLE (alarms bigint, raised_at timestamptz[], returned_at timestamptz[], levels text[])
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	target record;
BEGIN
	SELECT m.id, ms."position" INTO target FROM rigalpha.machines m
		JOIN rigalpha.machine_sensors ms ON ms.machine_id = m.id
		JOIN rigalpha.sensors s ON s.id = ms.sensor_id
		WHERE m.name = machine AND s.name = sensor;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'machine "%" with a sensor "%" does not exist', machine, sensor USING ERRCODE = 'undefined_object';
	END IF;
	IF coalesce(lolo, lo, hi, hihi) IS NULL OR lolo > least(lo, hi, hihi) OR lo > least(hi, hihi) OR hi > hihi
			OR NOT (deadband >= 0 AND on_delay >= '0' AND off_delay >= '0') THEN
		RAISE EXCEPTION 'limits must be given in the order lolo, lo, hi, hihi, with a deadband and delays that are not negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN QUERY SELECT count(*), coalesce(array_agg(e.raised_at ORDER BY e.raised_at), '{}'),
			coalesce(array_agg(e.returned_at ORDER BY e.raised_at), '{}'), coalesce(array_agg(e.level ORDER BY e.raised_at), '{}')
		FROM rigalpha.limit_episodes(target.id, target."position"::integer, from_ts, to_ts, lolo, lo, hi, hihi, deadband,
			(extract(epoch FROM on_delay) * 1000000)::bigint, (extract(epoch FROM off_delay) * 1000000)::bigint) e;
END
$$;
COMMENT ON FUNCTION rigalpha.threshold_what_if(text, text, float8, float8, float8, float8, float8, interval, interval, timestamptz, timestamptz)
	IS 'How many alarms these limits would have raised over stored readings from from_ts to before to_ts, and when';
-- What may go from the audit log: old entries that somebody has a copy of, and single ones that must be erased. Links and
-- tree stay, and an entry of kind retention says what went; see "Retention and erasure" in docs/audit.md.
-- Entries of this kind (13) stay, since they are what tells a pruned entry from a stolen one.
CREATE INDEX audit_entries_retention ON rigalpha.audit_entries (id) WHERE kind = 13;
COMMENT ON INDEX rigalpha.audit_entries_retention IS 'Finds the entries that allow others to be missing';

CREATE FUNCTION rigalpha.audit_segment(before timestamptz) RETURNS SETOF rigalpha.audit_export
	LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.chain, l.seq, l.epoch, l.entry_id, encode(e.payload, 'hex'), encode(l.prev, 'hex'), encode(l.leaf, 'hex'), encode(l.link, 'hex'), t.idx
	FROM rigalpha.audit_entries e
	JOIN rigalpha.audit_links l ON l.entry_id = e.id
	JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	WHERE e.at < before AND e.kind <> 13
		AND t.idx < (SELECT max(c.size) FROM rigalpha.audit_checkpoints c JOIN rigalpha.node n ON n.epoch = c.epoch)
	ORDER BY t.idx
	$$;
COMMENT ON FUNCTION rigalpha.audit_segment(timestamptz)
	IS 'Entries that audit_prune() would delete, as audit_export has them: older than before, and covered by the newest checkpoint of this epoch';

CREATE FUNCTION rigalpha.audit_segment_hash(before timestamptz) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_segment_hash';
COMMENT ON FUNCTION rigalpha.audit_segment_hash(timestamptz)
	IS 'SHA-256 of what COPY (SELECT * FROM rigalpha.audit_segment(before)) TO STDOUT WITH (FORMAT csv, HEADER) writes';

CREATE FUNCTION rigalpha.audit_prune(before timestamptz, segment_sha256 bytea) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO'
	AS 'MODULE_PATHNAME', 'rig_audit_prune';
COMMENT ON FUNCTION rigalpha.audit_prune(timestamptz, bytea)
	IS 'Deletes the entries of audit_segment(before), given the hash of their exported copy; returns how many. Their links stay. For admins';

CREATE FUNCTION rigalpha.audit_redact(entry_id bigint, reason text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_redact';
COMMENT ON FUNCTION rigalpha.audit_redact(bigint, text) IS 'Erases what an entry says, not that it was; its link stays. For admins';
CREATE FUNCTION rigalpha.setup() RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	is_new boolean;
BEGIN
	IF pg_encoding_to_char((SELECT encoding FROM pg_database WHERE datname = current_database())) <> 'UTF8' THEN
		RAISE EXCEPTION 'rigalpha needs a database in UTF8'
			USING ERRCODE = 'feature_not_supported', HINT = 'Create the database with ENCODING ''UTF8''.';
	END IF;
	IF EXISTS (SELECT FROM rigalpha.node) AND NOT rigalpha.node_is_current() THEN
		RAISE EXCEPTION 'this database was restored or copied from another one'
			USING ERRCODE = 'RA002', HINT = 'Run SELECT rigalpha.adopt().';
	END IF;
	INSERT INTO rigalpha.node (system_identifier, database_oid)
		VALUES (rigalpha.system_identifier(), rigalpha.database_oid()) ON CONFLICT DO NOTHING;
	is_new := FOUND;
	IF is_new THEN
		PERFORM rigalpha.audit_event('epoch', 'setup', 'setup', 'epoch 1', 'rigalpha', 'node');
	END IF;
	INSERT INTO rigalpha.sensors (id, name, label, unit, category, normal_min, normal_max, origin)
		SELECT b.ordinal, b.name, b.label, b.unit, b.category, b.normal_min, b.normal_max, 'builtin'
		FROM rigalpha.builtin_sensors() b
		WHERE NOT EXISTS (SELECT FROM rigalpha.sensors)
		ORDER BY b.ordinal;
	INSERT INTO rigalpha.alarm_suppressions (state, sensor_id)
		SELECT d.state, s.id FROM rigalpha.default_alarm_suppressions() d JOIN rigalpha.sensors s ON s.name = d.sensor
		WHERE NOT EXISTS (SELECT FROM rigalpha.alarm_suppressions) AND is_new;
	PERFORM setval('rigalpha.sensors_id_seq', greatest(1000, (SELECT max(id) FROM rigalpha.sensors), s.last_value))
		FROM rigalpha.sensors_id_seq s;
	PERFORM rigalpha.maintenance_tick();
	RETURN 'ready';
END
$$;
COMMENT ON FUNCTION rigalpha.setup() IS 'Makes a new installation ready: node row, built-in sensors, rules of suppression, first partitions; may be repeated';

CREATE FUNCTION rigalpha.adopt() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	new_epoch integer;
BEGIN
	PERFORM rigalpha.require_admin();
	SELECT epoch INTO new_epoch FROM rigalpha.node FOR UPDATE;
	IF new_epoch IS NULL THEN
		RAISE EXCEPTION 'rigalpha is not set up in this database'
			USING ERRCODE = 'RA001', HINT = 'Run SELECT rigalpha.setup().';
	END IF;
	IF NOT rigalpha.node_is_current() THEN
		UPDATE rigalpha.node SET system_identifier = rigalpha.system_identifier(), database_oid = rigalpha.database_oid(),
			epoch = epoch + 1, adopted_at = now()
			RETURNING epoch INTO new_epoch;
		PERFORM rigalpha.audit_event('epoch', 'adopt', 'adopt', format('epoch %s', new_epoch), 'rigalpha', 'node');
		DELETE FROM rigalpha.kafka_workers;
		-- Whoever is logged in at the original is not therefore logged in here.
		DELETE FROM rigalpha.sessions;
		PERFORM rigalpha.maintenance_tick();
	END IF;
	RETURN new_epoch;
END
$$;
COMMENT ON FUNCTION rigalpha.adopt() IS 'Accepts a restored, copied or upgraded database as this node; returns its epoch';

CREATE FUNCTION rigalpha.readiness(OUT ready boolean, OUT reason text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT rigalpha.node_is_current(),
		CASE WHEN rigalpha.node_is_current() THEN NULL
			WHEN EXISTS (SELECT FROM rigalpha.node) THEN 'restored or copied from another database; run SELECT rigalpha.adopt()'
			ELSE 'not set up; run SELECT rigalpha.setup()' END
	$$;
COMMENT ON FUNCTION rigalpha.readiness() IS 'Whether this database may store readings, and if not why';

-- With the rights of the caller: it counts what row security shows.
CREATE FUNCTION rigalpha.status(OUT version text, OUT ready boolean, OUT reason text, OUT epoch integer, OUT machines integer,
	OUT sensors integer, OUT readings bigint, OUT newest_ts timestamptz, OUT dead_letters bigint, OUT kafka_sources integer,
	OUT kafka_running integer, OUT kafka_lag bigint, OUT kafka_rate float8, OUT kafka_gaps bigint,
	OUT machines_scored integer, OUT trainings_running integer, OUT incidents_open integer, OUT lstm_stride integer)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT (SELECT extversion FROM pg_extension WHERE extname = 'rigalpha'), r.ready, r.reason,
		(SELECT n.epoch FROM rigalpha.node n),
		(SELECT count(*)::integer FROM rigalpha.machines),
		(SELECT count(DISTINCT ms.sensor_id)::integer FROM rigalpha.machine_sensors ms),
		(SELECT coalesce(sum(st.readings), 0)::bigint FROM rigalpha.machine_state st),
		(SELECT max(st.ts) FROM rigalpha.machine_state st),
		(SELECT count(*) FROM rigalpha.dead_letters d WHERE d.replayed_at IS NULL),
		(SELECT count(*)::integer FROM rigalpha.kafka_sources),
		(SELECT count(*)::integer FROM rigalpha.kafka_status k WHERE k.state = 'running'),
		(SELECT sum(k.lag)::bigint FROM rigalpha.kafka_status k),
		(SELECT sum(k.rate) FROM rigalpha.kafka_status k),
		(SELECT count(*) FROM rigalpha.kafka_gaps),
		(SELECT count(p.version_id)::integer FROM rigalpha.training_plan() p),
		(SELECT count(*)::integer FROM rigalpha.jobs j WHERE j.state = 'running'),
		(SELECT count(*)::integer FROM rigalpha.incidents i WHERE i.ended IS NULL),
		(SELECT max(st.window_stride)::integer FROM rigalpha.machine_state st
			WHERE st.received_at > statement_timestamp() - interval '1 min')
	FROM rigalpha.readiness() r
	$$;
COMMENT ON FUNCTION rigalpha.status()
	IS 'One-row summary of the installation, as far as the caller may see it; lstm_stride = every how many readings the windowed detectors ran lately, more than rigalpha.lstm_stride means that load is being shed';

-- DROP EXTENSION would drop every reading with it, without a word. A view that is not part of the
-- extension but depends on its tables makes it refuse, unless CASCADE is said.
CREATE FUNCTION rigalpha.protect_data(enabled boolean DEFAULT true) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET client_min_messages = warning
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	IF enabled THEN
		CREATE OR REPLACE VIEW rigalpha.data_guard AS
			SELECT 'DROP EXTENSION would drop all readings'::text AS reason FROM rigalpha.readings WHERE false;
		COMMENT ON VIEW rigalpha.data_guard IS 'Keeps DROP EXTENSION from dropping the data; see protect_data()';
	ELSE
		DROP VIEW IF EXISTS rigalpha.data_guard;
	END IF;
	RETURN enabled;
END
$$;
COMMENT ON FUNCTION rigalpha.protect_data(boolean)
	IS 'Makes DROP EXTENSION without CASCADE fail instead of dropping all data with it; false takes that back';
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
CREATE VIEW rigalpha_api.machines WITH (security_invoker = true, security_barrier = true) AS
	SELECT m.id, m.name, m.label, rigalpha.state_name(st.state) AS state, st.ts, st.received_at,
		round((extract(epoch FROM st.received_at - st.ts) * 1000)::numeric, 3)::float8 AS latency_ms,
		round((extract(epoch FROM clock_timestamp() - st.ts) * 1000)::numeric)::float8 AS age_ms,
		st.readings, (SELECT count(*)::integer FROM rigalpha.machine_sensors ms WHERE ms.machine_id = m.id) AS sensors,
		st.risk, (SELECT array_agg(i.kind ORDER BY i.kind) FROM rigalpha.incidents i WHERE i.machine_id = m.id AND i.ended IS NULL) AS incidents,
		(SELECT count(*)::integer FROM rigalpha.alarms a WHERE a.machine_id = st.machine_id AND a.retain AND NOT a.suppressed_state
			AND a.shelving_state = 'unshelved') AS alarms,
		(SELECT a.priority FROM rigalpha.alarms a WHERE a.machine_id = st.machine_id AND a.retain AND NOT a.suppressed_state
			AND a.shelving_state = 'unshelved' ORDER BY rigalpha.priority_rank(a.priority) LIMIT 1) AS worst_alarm
	FROM rigalpha.machines m
	JOIN rigalpha.machine_state st ON st.machine_id = m.id;
COMMENT ON VIEW rigalpha_api.machines IS 'Machines with their latest state';
COMMENT ON COLUMN rigalpha_api.machines.id IS 'Key, as in notifications';
COMMENT ON COLUMN rigalpha_api.machines.name IS 'Name';
COMMENT ON COLUMN rigalpha_api.machines.label IS 'Text for people; empty = the name is shown';
COMMENT ON COLUMN rigalpha_api.machines.state IS 'State word';
COMMENT ON COLUMN rigalpha_api.machines.ts IS 'Device time of the newest reading';
COMMENT ON COLUMN rigalpha_api.machines.received_at IS 'When it was stored';
COMMENT ON COLUMN rigalpha_api.machines.latency_ms IS 'received_at minus ts; negative = the device clock is ahead';
COMMENT ON COLUMN rigalpha_api.machines.age_ms IS 'Time since ts by the server clock';
COMMENT ON COLUMN rigalpha_api.machines.readings IS 'Readings stored';
COMMENT ON COLUMN rigalpha_api.machines.sensors IS 'Sensors that the machine has';
COMMENT ON COLUMN rigalpha_api.machines.risk IS 'Risk 0..1 of the newest scored reading; null = none yet';
COMMENT ON COLUMN rigalpha_api.machines.incidents IS 'Kinds of its open incidents; null = none';
COMMENT ON COLUMN rigalpha_api.machines.alarms IS 'Alarms in its current list, without those that are shelved or suppressed';
COMMENT ON COLUMN rigalpha_api.machines.worst_alarm IS 'Highest priority among them; null = none';

CREATE VIEW rigalpha_api.machine_sensors WITH (security_invoker = true, security_barrier = true) AS
	SELECT m.name AS machine, s.name, s.label, s.unit, s.category, s.normal_min, s.normal_max, s.origin, ss.position,
		coalesce(ms.display_order, ss.position) AS display_order, ss.value, ss.ts
	FROM rigalpha.sensor_state ss
	JOIN rigalpha.machine_sensors ms ON ms.machine_id = ss.machine_id AND ms.sensor_id = ss.sensor_id
	JOIN rigalpha.machines m ON m.id = ss.machine_id
	JOIN rigalpha.sensors s ON s.id = ss.sensor_id;
COMMENT ON VIEW rigalpha_api.machine_sensors IS 'Sensors of each machine with their newest value';
COMMENT ON COLUMN rigalpha_api.machine_sensors.machine IS 'Machine';
COMMENT ON COLUMN rigalpha_api.machine_sensors.name IS 'Sensor name';
COMMENT ON COLUMN rigalpha_api.machine_sensors.label IS 'Text for people; empty = the name is shown';
COMMENT ON COLUMN rigalpha_api.machine_sensors.unit IS 'Unit; empty = unknown';
COMMENT ON COLUMN rigalpha_api.machine_sensors.category IS 'Group';
COMMENT ON COLUMN rigalpha_api.machine_sensors.normal_min IS 'Low end of the normal range';
COMMENT ON COLUMN rigalpha_api.machine_sensors.normal_max IS 'High end of the normal range';
COMMENT ON COLUMN rigalpha_api.machine_sensors.origin IS 'builtin, discovered or custom';
COMMENT ON COLUMN rigalpha_api.machine_sensors.position IS 'Position in the arrays of the machine';
COMMENT ON COLUMN rigalpha_api.machine_sensors.display_order IS 'Order in the dashboard';
COMMENT ON COLUMN rigalpha_api.machine_sensors.value IS 'Newest value; null = never sent';
COMMENT ON COLUMN rigalpha_api.machine_sensors.ts IS 'Device time of that value';

CREATE VIEW rigalpha_api.sensors WITH (security_invoker = true, security_barrier = true) AS
	SELECT s.name, s.label, s.unit, s.category, s.normal_min, s.normal_max, s.origin FROM rigalpha.sensors s;
COMMENT ON VIEW rigalpha_api.sensors IS 'Dictionary of sensors';
COMMENT ON COLUMN rigalpha_api.sensors.name IS 'Sensor name';
COMMENT ON COLUMN rigalpha_api.sensors.label IS 'Text for people; empty = the name is shown';
COMMENT ON COLUMN rigalpha_api.sensors.unit IS 'Unit; empty = unknown';
COMMENT ON COLUMN rigalpha_api.sensors.category IS 'Group';
COMMENT ON COLUMN rigalpha_api.sensors.normal_min IS 'Low end of the normal range';
COMMENT ON COLUMN rigalpha_api.sensors.normal_max IS 'High end of the normal range';
COMMENT ON COLUMN rigalpha_api.sensors.origin IS 'builtin, discovered or custom';

CREATE VIEW rigalpha_api.live WITH (security_invoker = true, security_barrier = true) AS
	SELECT st.machine_id, m.name AS machine, rigalpha.state_name(st.state) AS state, st.ts, st.received_at,
		round((extract(epoch FROM st.received_at - st.ts) * 1000)::numeric, 3)::float8 AS latency_ms, st.readings,
		(SELECT jsonb_object_agg(s.name, st.sensor_values[ms.position])
			FROM rigalpha.machine_sensors ms JOIN rigalpha.sensors s ON s.id = ms.sensor_id
			WHERE ms.machine_id = st.machine_id AND st.sensor_values[ms.position] IS NOT NULL) AS "values",
		st.risk, (SELECT array_agg(i.kind ORDER BY i.kind) FROM rigalpha.incidents i WHERE i.machine_id = st.machine_id AND i.ended IS NULL) AS incidents,
		(SELECT count(*)::integer FROM rigalpha.alarms a WHERE a.machine_id = st.machine_id AND a.retain AND NOT a.suppressed_state
			AND a.shelving_state = 'unshelved') AS alarms,
		(SELECT a.priority FROM rigalpha.alarms a WHERE a.machine_id = st.machine_id AND a.retain AND NOT a.suppressed_state
			AND a.shelving_state = 'unshelved' ORDER BY rigalpha.priority_rank(a.priority) LIMIT 1) AS worst_alarm
	FROM rigalpha.machine_state st
	JOIN rigalpha.machines m ON m.id = st.machine_id;
COMMENT ON VIEW rigalpha_api.live IS 'What a live event carries: one row per machine with the newest value of each sensor';
COMMENT ON COLUMN rigalpha_api.live.machine_id IS 'Key, as in notifications';
COMMENT ON COLUMN rigalpha_api.live.machine IS 'Machine';
COMMENT ON COLUMN rigalpha_api.live.state IS 'State word';
COMMENT ON COLUMN rigalpha_api.live.ts IS 'Device time of the newest reading';
COMMENT ON COLUMN rigalpha_api.live.received_at IS 'When it was stored';
COMMENT ON COLUMN rigalpha_api.live.latency_ms IS 'received_at minus ts; negative = the device clock is ahead';
COMMENT ON COLUMN rigalpha_api.live.readings IS 'Readings stored';
COMMENT ON COLUMN rigalpha_api.live."values" IS 'Newest value of each sensor by name';
COMMENT ON COLUMN rigalpha_api.live.risk IS 'Risk 0..1 of the newest scored reading; null = none yet';
COMMENT ON COLUMN rigalpha_api.live.incidents IS 'Kinds of open incidents; null = none';
COMMENT ON COLUMN rigalpha_api.live.alarms IS 'Alarms in its current list, without those that are shelved or suppressed';
COMMENT ON COLUMN rigalpha_api.live.worst_alarm IS 'Highest priority among them; null = none';

CREATE VIEW rigalpha_api.incidents WITH (security_invoker = true, security_barrier = true) AS
	SELECT i.id, m.name AS machine, i.kind, i.started, i.ended, i.peak_ts, i.peak_risk, i.model_version, i.top_sensors,
		i.explanation, i.detail
	FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id;
COMMENT ON VIEW rigalpha_api.incidents IS 'Episodes in which a machine was not as usual';
COMMENT ON COLUMN rigalpha_api.incidents.machine IS 'Machine';

CREATE FUNCTION rigalpha_api.readings(machine text, from_ts timestamptz, to_ts timestamptz, sensor_names text[] DEFAULT NULL,
	max_rows integer DEFAULT 5000) RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- As the owner, asking once: the policy of readings would search every partition for every machine of the user.
	WITH target AS (SELECT m.id, m.name FROM rigalpha.machines m
		WHERE m.name = readings.machine AND m.id = ANY ((SELECT rigalpha.readable_machines())::integer[])),
	newest AS (
		SELECT r.ts, r.state, r.sensor_values
		FROM rigalpha.readings r
		WHERE r.machine_id = (SELECT id FROM target) AND r.ts >= from_ts AND r.ts < to_ts
		ORDER BY r.ts DESC LIMIT least(greatest(coalesce(max_rows, 5000), 1), 100000)),
	columns AS (
		SELECT s.name, ms.position
		FROM rigalpha.machine_sensors ms JOIN rigalpha.sensors s ON s.id = ms.sensor_id
		WHERE ms.machine_id = (SELECT id FROM target) AND (sensor_names IS NULL OR s.name = ANY (sensor_names)))
	SELECT json_build_object(
		'machine', target.name,
		'ts', coalesce((SELECT json_agg((extract(epoch FROM n.ts) * 1000)::float8 ORDER BY n.ts) FROM newest n), '[]'),
		'state', coalesce((SELECT json_agg(rigalpha.state_name(n.state) ORDER BY n.ts) FROM newest n), '[]'),
		'values', coalesce((SELECT json_object_agg(c.name,
			coalesce((SELECT json_agg(n.sensor_values[c.position] ORDER BY n.ts) FROM newest n), '[]') ORDER BY c.position)
			FROM columns c), '{}'))
	FROM target
	$$;
COMMENT ON FUNCTION rigalpha_api.readings(text, timestamptz, timestamptz, text[], integer)
	IS 'Readings of one machine in a time range, by column, times in Unix milliseconds; the newest max_rows of them; null = unknown machine';

CREATE VIEW rigalpha_api.status WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.status();
COMMENT ON VIEW rigalpha_api.status IS 'One-row summary of the installation';

CREATE VIEW rigalpha_api.kafka_status WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.kafka_status;
COMMENT ON VIEW rigalpha_api.kafka_status IS 'State of the Kafka workers';

CREATE VIEW rigalpha_api.dead_letters WITH (security_invoker = true, security_barrier = true) AS
	SELECT d.id, d.received_at, d.source, d."partition", d."offset", d.reading_index, d.machine, d.field, d.reason, d.detail,
		d.payload_size, d.replayed_at
	FROM rigalpha.dead_letters d;
COMMENT ON VIEW rigalpha_api.dead_letters IS 'Refused messages and readings, without their bytes';

-- The columns of these views mean what they mean in the relations that they show.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.attrelid::regclass AS view, v.attname, coalesce(
			pg_catalog.col_description(pg_catalog.to_regclass('rigalpha.' || pg_catalog.quote_ident(r.relname)),
				(SELECT t.attnum FROM pg_catalog.pg_attribute t
					WHERE t.attrelid = pg_catalog.to_regclass('rigalpha.' || pg_catalog.quote_ident(r.relname)) AND t.attname = v.attname)),
			pg_catalog.replace(v.attname, '_', ' ')) AS text
		FROM pg_catalog.pg_attribute v JOIN pg_catalog.pg_class r ON r.oid = v.attrelid
		WHERE r.relnamespace = 'rigalpha_api'::pg_catalog.regnamespace AND v.attnum > 0
			AND r.relname IN ('status', 'kafka_status', 'dead_letters', 'incidents')
			AND NOT (r.relname = 'incidents' AND v.attname = 'machine')
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.text);
	END LOOP;
END
$$;
-- What the administration pages of the sidecar call. These functions check what they are given and say what is
-- wrong with it; what may be done is decided by the functions of schema rigalpha, and by the rights of the caller.
CREATE FUNCTION rigalpha_api.check_document(document json, members jsonb, required text[] DEFAULT '{}') RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	member record;
	wanted text;
	fits boolean;
	missing text;
	result jsonb := '{}';
BEGIN
	IF json_typeof(document) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'the document is not a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- json, unlike jsonb, still shows a member that was given twice.
	FOR member IN SELECT j.key, j.value::jsonb AS value FROM json_each(document) j LOOP
		wanted := members ->> member.key;
		IF wanted IS NULL THEN
			RAISE EXCEPTION 'member "%" is unknown', left(member.key, 63) USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(members) k) || '.';
		ELSIF result ? member.key THEN
			RAISE EXCEPTION 'member "%" is given twice', member.key USING ERRCODE = 'invalid_parameter_value';
		END IF;
		fits := CASE
			WHEN jsonb_typeof(member.value) = 'null' THEN right(wanted, 1) = '?'
			ELSE CASE rtrim(wanted, '?')
				WHEN 'string' THEN jsonb_typeof(member.value) = 'string'
				WHEN 'boolean' THEN jsonb_typeof(member.value) = 'boolean'
				WHEN 'number' THEN jsonb_typeof(member.value) = 'number' AND (member.value #>> '{}')::numeric BETWEEN 1 AND 2147483647
					AND (member.value #>> '{}')::numeric % 1 = 0
				WHEN 'value' THEN jsonb_typeof(member.value) = 'number' AND abs((member.value #>> '{}')::numeric) < 1e300
				WHEN 'strings' THEN jsonb_typeof(member.value) = 'array' AND NOT jsonb_path_exists(member.value, 'strict $[*] ? (@.type() != "string")')
			END
		END;
		IF fits IS NOT TRUE THEN
			RAISE EXCEPTION 'member "%" must be %', member.key, CASE rtrim(wanted, '?') WHEN 'string' THEN 'a string' WHEN 'boolean' THEN 'true or false'
				WHEN 'number' THEN 'a whole number from 1 to 2147483647'
				WHEN 'value' THEN 'a number' ELSE 'an array of strings' END USING ERRCODE = 'invalid_parameter_value';
		END IF;
		result := result || jsonb_build_object(member.key, member.value);
	END LOOP;
	SELECT r INTO missing FROM unnest(required) AS r WHERE NOT result ? r LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'member "%" is missing', missing USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha_api.check_document(json, jsonb, text[])
	IS 'The document, or an error unless it is an object of known members of the right types (string, boolean, number, value, strings; ? = or null)';

CREATE FUNCTION rigalpha_api.known_machines(names jsonb) RETURNS text[]
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	unknown text;
BEGIN
	SELECT n INTO unknown FROM jsonb_array_elements_text(names) AS n WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = n) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'machine "%" does not exist', left(unknown, 63) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN ARRAY(SELECT jsonb_array_elements_text(names));
END
$$;
COMMENT ON FUNCTION rigalpha_api.known_machines(jsonb) IS 'Names of machines that a document holds; an error when one is unknown, since only a name in a path is one that is not found';

CREATE FUNCTION rigalpha_api.users() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('users', coalesce(jsonb_agg(to_jsonb(u) - 'id' ORDER BY lower(u.name)), '[]')) FROM rigalpha.list_users() u
	$$;
COMMENT ON FUNCTION rigalpha_api.users() IS 'Accounts without their secrets; for admins';

CREATE FUNCTION rigalpha_api.create_user(document json, password_hash text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document, '{"name":"string","role":"string","machines":"strings"}', '{name,role}');
	PERFORM rigalpha.create_user(given ->> 'name', given ->> 'role', create_user.password_hash,
		rigalpha_api.known_machines(coalesce(given -> 'machines', '[]')), must_change_password => true);
	RETURN given ->> 'name';
END
$$;
COMMENT ON FUNCTION rigalpha_api.create_user(json, text)
	IS 'Makes an account of {name, role, machines}, with a password that must be changed; returns its name';

CREATE FUNCTION rigalpha_api.change_user(name text, document json) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document, '{"role":"string","machines":"strings","disabled":"boolean","db_role":"string?"}');
	IF given = '{}' THEN
		RAISE EXCEPTION 'there is nothing to change' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give role, machines, disabled or db_role.';
	END IF;
	IF given ? 'db_role' THEN
		IF given -> 'db_role' <> 'null' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname::text = given ->> 'db_role' AND r.rolcanlogin) THEN
			RAISE EXCEPTION 'login "%" of the database does not exist', left(given ->> 'db_role', 63) USING ERRCODE = 'invalid_parameter_value';
		END IF;
		BEGIN
			PERFORM rigalpha.set_db_role(change_user.name, (given ->> 'db_role')::name);
		EXCEPTION WHEN unique_violation THEN
			RAISE EXCEPTION 'login "%" of the database is another user', given ->> 'db_role' USING ERRCODE = 'duplicate_object';
		END;
	END IF;
	IF given ? 'machines' THEN
		PERFORM rigalpha.set_machines(change_user.name, rigalpha_api.known_machines(given -> 'machines'));
	END IF;
	IF given -> 'disabled' = 'false' THEN
		PERFORM rigalpha.enable_user(change_user.name);
	END IF;
	IF given ? 'role' THEN
		PERFORM rigalpha.change_role(change_user.name, given ->> 'role');
	END IF;
	IF given -> 'disabled' = 'true' THEN
		PERFORM rigalpha.disable_user(change_user.name);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha_api.change_user(text, json) IS 'Changes what {role, machines, disabled, db_role} names of a user, all of it or nothing';

CREATE FUNCTION rigalpha_api.sessions(all_users boolean DEFAULT false) RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('sessions', coalesce(jsonb_agg(to_jsonb(s) - 'user_agent_hash' ORDER BY s.id), '[]')) FROM rigalpha.list_sessions(all_users) s
	$$;
COMMENT ON FUNCTION rigalpha_api.sessions(boolean) IS 'Sessions of this user that are alive, or, for an admin, of all';

CREATE FUNCTION rigalpha_api.tokens() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('tokens', coalesce(json_agg(t ORDER BY t.machine, t.name, t.created_at, t.id), '[]')) FROM rigalpha.list_tokens() t
	$$;
COMMENT ON FUNCTION rigalpha_api.tokens() IS 'Tokens of devices, without their secrets; for admins';

CREATE FUNCTION rigalpha_api.issue_token(document json) RETURNS json
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
	network cidr;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document,
		'{"machine":"string","name":"string","lifetime_days":"number?","network":"string?","readings_per_minute":"number?"}', '{machine,name}');
	IF (given ->> 'lifetime_days')::integer > 3650 THEN
		RAISE EXCEPTION 'member "lifetime_days" must be at most 3650' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	BEGIN
		network := (given ->> 'network')::cidr;
	EXCEPTION WHEN data_exception THEN
		RAISE EXCEPTION 'member "network" must be a network such as 192.0.2.0/24' USING ERRCODE = 'invalid_parameter_value';
	END;
	RETURN json_build_object('token', rigalpha.issue_token((rigalpha_api.known_machines(jsonb_build_array(given -> 'machine')))[1], given ->> 'name',
		make_interval(days => coalesce((given ->> 'lifetime_days')::integer, 365)), network, (given ->> 'readings_per_minute')::integer));
END
$$;
COMMENT ON FUNCTION rigalpha_api.issue_token(json)
	IS 'Makes a token of a device of {machine, name, lifetime_days, network, readings_per_minute}; it is returned here and cannot be had again';

-- Entries are in the order of their numbers. What is looked for inside of the entries is looked for in a limited
-- number of them at a time; the cursor then stands where the search stopped, also on a page without entries.
CREATE INDEX audit_entries_chain ON rigalpha.audit_entries (chain, id);
COMMENT ON INDEX rigalpha.audit_entries_chain IS 'Pages through the entries of a chain';

CREATE FUNCTION rigalpha_api.audit(chain integer DEFAULT NULL, machine text DEFAULT NULL, kind text DEFAULT NULL, user_name text DEFAULT NULL,
	before bigint DEFAULT NULL, max_rows integer DEFAULT 100) RETURNS json
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_custom_plan
	AS $$
DECLARE
	wanted integer := audit.chain;
	page_rows integer := least(greatest(coalesce(audit.max_rows, 100), 1), 1000);
	scan_rows integer := CASE WHEN audit.kind IS NULL AND audit.user_name IS NULL THEN page_rows ELSE 10000 END;
	result json;
BEGIN
	PERFORM rigalpha.require_admin();
	IF audit.machine IS NOT NULL THEN
		SELECT coalesce((SELECT m.id FROM rigalpha.machines m WHERE m.name = audit.machine),
			(SELECT max(c.chain) FROM rigalpha.audit_chains c WHERE c.chain > 0 AND c.label = audit.machine)) INTO wanted;
		IF wanted IS NULL OR wanted <> audit.chain THEN
			RETURN NULL;
		END IF;
	END IF;
	WITH scanned AS MATERIALIZED (
		SELECT e.id, e.chain, e.at, e.payload FROM rigalpha.audit_entries e
		WHERE e.id < coalesce(audit.before, 9223372036854775807) AND (wanted IS NULL OR e.chain = wanted)
		ORDER BY e.id DESC LIMIT scan_rows),
	page AS MATERIALIZED (
		SELECT s.id AS entry_id, s.chain, l.seq, s.at, d.*
		FROM scanned s
		CROSS JOIN LATERAL rigalpha.audit_decode(s.payload) d
		LEFT JOIN rigalpha.audit_links l ON l.entry_id = s.id
		WHERE (audit.kind IS NULL OR d.kind = audit.kind) AND (audit.user_name IS NULL OR lower(d.app_user) = lower(audit.user_name))
		ORDER BY s.id DESC LIMIT page_rows)
	SELECT json_build_object('entries', coalesce((SELECT json_agg(p ORDER BY p.entry_id DESC) FROM page p), '[]'),
		'next', CASE WHEN (SELECT count(*) FROM page) = page_rows THEN (SELECT min(p.entry_id) FROM page p)
			WHEN (SELECT count(*) FROM scanned) = scan_rows THEN (SELECT min(s.id) FROM scanned s) END)
		INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha_api.audit(integer, text, text, text, bigint, integer)
	IS 'A page of the audit log, newest first, as {entries, next}; next = before of the page that follows, null = the log ends here; null = unknown machine; for admins';

CREATE FUNCTION rigalpha_api.audit_checkpoint() RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT c.note FROM rigalpha.audit_checkpoints c ORDER BY c.size DESC LIMIT 1 $$;
COMMENT ON FUNCTION rigalpha_api.audit_checkpoint() IS 'Note of the newest checkpoint of the audit log, for whoever keeps copies of it; null = there is none';

CREATE FUNCTION rigalpha_api.audit_anchor() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('size', split_part(n, E'\n', 2)::bigint,
		'time', to_timestamp(substring(n FROM '\ntime (\d+)\n')::numeric / 1000000))
	FROM rigalpha_api.audit_checkpoint() n WHERE n IS NOT NULL
	$$;
COMMENT ON FUNCTION rigalpha_api.audit_anchor() IS 'Size and time of the newest checkpoint, as its note has them; null = there is none';

CREATE FUNCTION rigalpha_api.audit_verification() RETURNS json
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	most CONSTANT integer := 1000;
	problems json;
	found integer;
BEGIN
	PERFORM rigalpha.require_admin();
	SELECT coalesce(json_agg(json_build_object('problem', v.problem, 'chain', v.chain_number, 'seq', v.seq, 'entry_id', v.entry_id,
			'expected', v.expected, 'found', v.found) ORDER BY v.number) FILTER (WHERE v.number <= most), '[]'), count(*)
		INTO problems, found
		-- What is called anchored is compared with the checkpoint that it is anchored by.
		FROM (SELECT p.*, row_number() OVER () AS number FROM rigalpha.audit_verify(checkpoint => rigalpha_api.audit_checkpoint()) p) v;
	RETURN json_build_object('problems', problems,
		'checked', (SELECT json_build_object('entries', count(*), 'chains', (SELECT count(*) FROM rigalpha.audit_chains)) FROM rigalpha.audit_entries),
		'anchored', rigalpha_api.audit_anchor(),
		'not_checked', to_json(array_remove(ARRAY['signatures of checkpoints', 'rows of the audited tables',
			CASE WHEN found > most THEN format('%s more problems are not shown', found - most) END], NULL)));
END
$$;
COMMENT ON FUNCTION rigalpha_api.audit_verification()
	IS 'Computes the audit log again and compares it with the newest checkpoint: {problems, checked: {entries, chains}, anchored: {size, time} of the newest checkpoint, not_checked}; for admins';

-- A spreadsheet takes a cell that begins with one of these for a formula, and devices make up names of sensors.
CREATE FUNCTION rigalpha_api.csv_cell(cell text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE WHEN c ~ '[",\n\r]|^\s|\s$' THEN '"' || replace(c, '"', '""') || '"' ELSE c END
	FROM (SELECT CASE WHEN cell ~ '^[=+@\t\r-]' THEN '''' || cell ELSE cell END) AS s (c)
	$$;
COMMENT ON FUNCTION rigalpha_api.csv_cell(text) IS 'A name as a cell of CSV, quoted as RFC 4180 has it; an apostrophe stands before what a spreadsheet would compute';

CREATE FUNCTION rigalpha_api.readings_csv(machine text, from_ts timestamptz, to_ts timestamptz, sensor_names text[] DEFAULT NULL,
	after timestamptz DEFAULT NULL, max_rows integer DEFAULT 2000, OUT csv text, OUT rows integer, OUT last timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	SET extra_float_digits = 1
	SET plan_cache_mode = force_custom_plan
	AS $$
DECLARE
	target integer := (SELECT m.id FROM rigalpha.machines m WHERE m.name = readings_csv.machine);
	positions smallint[];
	header text;
BEGIN
	IF target IS NULL THEN
		RETURN;
	END IF;
	SELECT coalesce(array_agg(ms.position ORDER BY ms.position), '{}'),
			concat_ws(',', 'time', 'state', 'risk', string_agg(rigalpha_api.csv_cell(s.name), ',' ORDER BY ms.position)) || E'\r\n'
		INTO positions, header
		FROM rigalpha.machine_sensors ms JOIN rigalpha.sensors s ON s.id = ms.sensor_id
		WHERE ms.machine_id = target AND (sensor_names IS NULL OR s.name = ANY (sensor_names));
	SELECT concat(CASE WHEN after IS NULL THEN header END,
			string_agg(concat_ws(',', to_char(r.ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), rigalpha.state_name(r.state),
				coalesce(r.risk::text, ''), CASE WHEN positions <> '{}' THEN
					array_to_string(ARRAY(SELECT r.sensor_values[p] FROM unnest(positions) WITH ORDINALITY AS u (p, n) ORDER BY n), ',', '') END)
				|| E'\r\n', '' ORDER BY r.ts)),
			count(*), max(r.ts)
		INTO csv, rows, last
		FROM (SELECT o.ts, o.state, o.risk, o.sensor_values FROM rigalpha.readings o
			WHERE o.machine_id = target AND o.ts >= from_ts AND o.ts < to_ts AND (after IS NULL OR o.ts > after)
			ORDER BY o.ts LIMIT least(greatest(coalesce(max_rows, 2000), 1), 10000)) r;
END
$$;
COMMENT ON FUNCTION rigalpha_api.readings_csv(text, timestamptz, timestamptz, text[], timestamptz, integer)
	IS 'The next readings of a machine after one as lines of CSV, how many, and the time of the last; the first lines begin with the header; csv is null for an unknown machine';

-- What the sidecar asks before anybody has logged in, and what a user may know of the own account.
CREATE FUNCTION rigalpha_api.me() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('name', u.name, 'role', u.role, 'must_change_password', i.must_change_password,
		'second_factor', u.totp_confirmed_at IS NOT NULL,
		'machines', (SELECT coalesce(json_agg(m.name ORDER BY m.name), '[]') FROM rigalpha.machines m
			WHERE m.id = ANY ((SELECT rigalpha.visible_machines())::integer[])),
		'session', (SELECT json_build_object('id', s.id, 'created_at', s.created_at, 'expires_at', s.expires_at)
			FROM rigalpha.list_sessions() s WHERE s.is_current))
	FROM rigalpha.identity() i
	JOIN rigalpha.users u ON u.id = i.user_id
	$$;
COMMENT ON FUNCTION rigalpha_api.me()
	IS 'Account of this user: name, role, whether the password must be changed or a second factor is asked for, visible machines, session; null = nobody';
-- Alarms for the sidecar and for psql.
CREATE VIEW rigalpha_api.alarm_list WITH (security_invoker = true, security_barrier = true) AS
	SELECT a.id, m.name AS machine, s.name AS sensor, s.label, s.unit, a.kind, a.condition_name, a.level, a.priority, a.retain, a.active_state,
		a.acked_state, a.shelving_state, a.shelved_until, a.suppressed_state, a.active_since, a.returned_at, a.acked_by, a.acked_at,
		a.cleared_by, a.cleared_at, a.note, a.value,
		CASE a.level WHEN 'lolo' THEN t.lolo WHEN 'lo' THEN t.lo WHEN 'hi' THEN t.hi WHEN 'hihi' THEN t.hihi END AS limit_value,
		a.threshold_id, a.incident_id
	FROM rigalpha.alarms a
	JOIN rigalpha.machines m ON m.id = a.machine_id
	LEFT JOIN rigalpha.sensors s ON s.id = a.sensor_id
	LEFT JOIN rigalpha.thresholds t ON t.id = a.threshold_id
	WHERE a.retain OR EXISTS (SELECT FROM rigalpha.effective_alarm_events e WHERE e.alarm_id = a.id AND e.transition = 'raised');
COMMENT ON VIEW rigalpha_api.alarm_list IS 'All alarms, also those that are closed, but none that was raised in vain';

CREATE VIEW rigalpha_api.alarms WITH (security_invoker = true, security_barrier = true) AS
	SELECT * FROM rigalpha_api.alarm_list a WHERE a.retain
	ORDER BY rigalpha.priority_rank(a.priority), a.active_since DESC, a.id DESC;
COMMENT ON VIEW rigalpha_api.alarms IS 'The current list: what is active, or returned and not acknowledged, and not cleared; the most urgent first, then the newest';

CREATE VIEW rigalpha_api.alarm_history WITH (security_invoker = true, security_barrier = true) AS
	SELECT e.id, e.alarm_id, m.name AS machine, s.name AS sensor, a.kind, a.condition_name, e.at, e.recorded_at, e.transition, e.level, e.value,
		e.actor, e.note
	FROM rigalpha.effective_alarm_events e
	JOIN rigalpha.alarms a ON a.id = e.alarm_id
	JOIN rigalpha.machines m ON m.id = e.machine_id
	LEFT JOIN rigalpha.sensors s ON s.id = a.sensor_id;
COMMENT ON VIEW rigalpha_api.alarm_history IS 'Transitions of alarms that hold; late readings amend them, so that the order of arrival makes no difference';

CREATE VIEW rigalpha_api.event_history WITH (security_invoker = true, security_barrier = true) AS
	SELECT e.id, e.alarm_id, m.name AS machine, s.name AS sensor, a.kind, a.condition_name, e.at, e.recorded_at, e.transition, e.level, e.value,
		e.actor, e.note, e.retracts, EXISTS (SELECT FROM rigalpha.alarm_events r WHERE r.retracts = e.id) AS retracted
	FROM rigalpha.alarm_events e
	JOIN rigalpha.alarms a ON a.id = e.alarm_id
	JOIN rigalpha.machines m ON m.id = e.machine_id
	LEFT JOIN rigalpha.sensors s ON s.id = a.sensor_id;
COMMENT ON VIEW rigalpha_api.event_history IS 'All transitions of alarms as they were written, also those that were retracted';
COMMENT ON COLUMN rigalpha_api.event_history.retracted IS 'True when it does not hold';

DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.attrelid::regclass AS view, v.attname, coalesce(
			pg_catalog.col_description('rigalpha.alarms'::regclass, (SELECT t.attnum FROM pg_catalog.pg_attribute t
				WHERE t.attrelid = 'rigalpha.alarms'::regclass AND t.attname = v.attname AND r.relname ~ '^alarm.?(s|_list)$')),
			pg_catalog.col_description('rigalpha.alarm_events'::regclass, (SELECT t.attnum FROM pg_catalog.pg_attribute t
				WHERE t.attrelid = 'rigalpha.alarm_events'::regclass AND t.attname = v.attname)),
			CASE v.attname WHEN 'machine' THEN 'Machine' WHEN 'sensor' THEN 'Sensor; null = of the machine as a whole'
				WHEN 'label' THEN 'Text of the sensor for people' WHEN 'unit' THEN 'Unit of the sensor'
				WHEN 'limit_value' THEN 'The limit that is exceeded, as it is now' WHEN 'kind' THEN 'Kind of the alarm'
				WHEN 'condition_name' THEN 'Kind of the incident that it is of; else the kind of the alarm' END) AS text
		FROM pg_catalog.pg_attribute v JOIN pg_catalog.pg_class r ON r.oid = v.attrelid
		WHERE r.relnamespace = 'rigalpha_api'::pg_catalog.regnamespace AND v.attnum > 0
			AND r.relname IN ('alarm_list', 'alarms', 'alarm_history', 'event_history') AND v.attname <> 'retracted'
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.text);
	END LOOP;
END
$$;

CREATE FUNCTION rigalpha_api.alarm_page(machine text, state text, before bigint, max_rows integer) RETURNS json
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	wanted CONSTANT text := coalesce(alarm_page.state, 'current');
	-- The current lists are short and ordered by what is urgent; the others are read page by page.
	paged CONSTANT boolean := wanted IN ('closed', 'all');
BEGIN
	IF wanted NOT IN ('current', 'active', 'unacknowledged', 'shelved', 'suppressed', 'closed', 'all') THEN
		RAISE EXCEPTION 'state must be current, active, unacknowledged, shelved, suppressed, closed or all' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF alarm_page.machine IS NOT NULL AND NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = alarm_page.machine) THEN
		RETURN NULL;
	END IF;
	RETURN (
		WITH page AS (
			SELECT a.*, CASE WHEN paged THEN 0 ELSE rigalpha.priority_rank(a.priority) END AS rank,
				CASE WHEN paged THEN NULL ELSE a.active_since END AS since
			FROM rigalpha_api.alarm_list a
			WHERE (alarm_page.machine IS NULL OR a.machine = alarm_page.machine) AND (alarm_page.before IS NULL OR a.id < alarm_page.before)
				AND CASE wanted WHEN 'all' THEN true WHEN 'closed' THEN NOT a.retain
					WHEN 'shelved' THEN a.retain AND a.shelving_state <> 'unshelved'
					WHEN 'suppressed' THEN a.retain AND a.suppressed_state AND a.shelving_state = 'unshelved'
					ELSE a.retain AND a.shelving_state = 'unshelved' AND NOT a.suppressed_state
						AND (wanted <> 'active' OR a.active_state) AND (wanted <> 'unacknowledged' OR NOT a.acked_state) END
			ORDER BY rank, since DESC, a.id DESC LIMIT alarm_page.max_rows)
		SELECT json_build_object(
			'alarms', coalesce((SELECT json_agg(to_jsonb(p) - 'rank' - 'since' ORDER BY p.rank, p.since DESC, p.id DESC) FROM page p), '[]'),
			'next', (SELECT min(p.id) FROM page p WHERE paged HAVING count(*) = alarm_page.max_rows),
			'counts', (SELECT json_build_object('current', count(*) FILTER (WHERE shelving_state = 'unshelved' AND NOT suppressed_state),
					'unacknowledged', count(*) FILTER (WHERE shelving_state = 'unshelved' AND NOT suppressed_state AND NOT acked_state),
					'shelved', count(*) FILTER (WHERE shelving_state <> 'unshelved'),
					'suppressed', count(*) FILTER (WHERE shelving_state = 'unshelved' AND suppressed_state))
				FROM rigalpha.alarms a JOIN rigalpha.machines m ON m.id = a.machine_id
				WHERE a.retain AND (alarm_page.machine IS NULL OR m.name = alarm_page.machine))));
END
$$;
COMMENT ON FUNCTION rigalpha_api.alarm_page(text, text, bigint, integer)
	IS 'Alarms in a state, of one machine or all; next = before of the next page; null = unknown machine';

CREATE FUNCTION rigalpha_api.act_on_alarm(id bigint, action text, document json) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given CONSTANT jsonb := rigalpha_api.check_document(document, '{"note":"string?"}');
	note CONSTANT text := nullif(btrim(given ->> 'note'), '');
BEGIN
	IF length(note) > 2000 THEN
		RAISE EXCEPTION 'a note has at most 2000 characters' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	CASE action
		WHEN 'ack' THEN PERFORM rigalpha.ack_alarm(id, note);
		WHEN 'clear' THEN PERFORM rigalpha.clear_alarm(id, note);
		WHEN 'reopen' THEN PERFORM rigalpha.reopen_alarm(id, note);
	END CASE;
END
$$;
COMMENT ON FUNCTION rigalpha_api.act_on_alarm(bigint, text, json) IS 'ack, clear or reopen an alarm, with a document of {note}';

CREATE FUNCTION rigalpha_api.thresholds() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('thresholds', coalesce(json_agg(json_build_object('id', t.id, 'sensor', s.name, 'machine', m.name, 'unit', s.unit,
		'lolo', t.lolo, 'lo', t.lo, 'hi', t.hi, 'hihi', t.hihi, 'deadband', t.deadband, 'on_delay', extract(epoch FROM t.on_delay)::float8,
		'off_delay', extract(epoch FROM t.off_delay)::float8, 'valid_from', t.valid_from) ORDER BY s.name, m.name NULLS FIRST), '[]'))
	FROM rigalpha.thresholds t
	JOIN rigalpha.sensors s ON s.id = t.sensor_id
	LEFT JOIN rigalpha.machines m ON m.id = t.machine_id
	WHERE t.valid_to = 'infinity'
	$$;
COMMENT ON FUNCTION rigalpha_api.thresholds() IS 'Limits that apply now, delays in seconds; machine null = all machines without limits of their own';

CREATE FUNCTION rigalpha_api.put_threshold(document json) RETURNS json
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given CONSTANT jsonb := rigalpha_api.check_document(document, '{"sensor":"string","machine":"string?","lolo":"value?","lo":"value?",
		"hi":"value?","hihi":"value?","deadband":"value","on_delay":"value","off_delay":"value"}', '{sensor}');
BEGIN
	PERFORM rigalpha.require_admin();
	IF coalesce((given ->> 'on_delay')::float8, 0) NOT BETWEEN 0 AND 86400 OR coalesce((given ->> 'off_delay')::float8, 0) NOT BETWEEN 0 AND 86400 THEN
		RAISE EXCEPTION 'delays are from 0 to 86400 seconds' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN json_build_object('id', rigalpha.set_threshold(given ->> 'sensor', given ->> 'machine', (given ->> 'lolo')::float8, (given ->> 'lo')::float8,
		(given ->> 'hi')::float8, (given ->> 'hihi')::float8, coalesce((given ->> 'deadband')::float8, 0),
		make_interval(secs => coalesce((given ->> 'on_delay')::float8, 0)), make_interval(secs => coalesce((given ->> 'off_delay')::float8, 0))));
EXCEPTION
	WHEN check_violation THEN
		RAISE EXCEPTION 'at least one limit must be given, in the order lolo, lo, hi, hihi, with a deadband that is not negative'
			USING ERRCODE = 'invalid_parameter_value';
	WHEN undefined_object THEN
		RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'invalid_parameter_value';
END
$$;
COMMENT ON FUNCTION rigalpha_api.put_threshold(json)
	IS 'Sets limits by {sensor, machine, lolo, lo, hi, hihi, deadband, on_delay, off_delay}, delays in seconds; for admins';

CREATE FUNCTION rigalpha_api.delete_threshold(document json) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given CONSTANT jsonb := rigalpha_api.check_document(document, '{"sensor":"string","machine":"string?"}', '{sensor}');
BEGIN
	PERFORM rigalpha.require_admin();
	DELETE FROM rigalpha.thresholds t USING rigalpha.sensors s
		WHERE s.id = t.sensor_id AND s.name = given ->> 'sensor' AND t.valid_to = 'infinity'
			AND t.machine_id IS NOT DISTINCT FROM (SELECT m.id FROM rigalpha.machines m WHERE m.name = given ->> 'machine')
			AND (given ->> 'machine' IS NULL OR t.machine_id IS NOT NULL);
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha_api.delete_threshold(json) IS 'Removes the limits of a sensor, for {sensor, machine}; false = there were none; for admins';
CREATE VIEW rigalpha.models WITH (security_invoker = true, security_barrier = true) AS
	SELECT v.model, v.version, v.id AS version_id, v.algorithm, v.machine, v.status,
		EXISTS (SELECT FROM rigalpha.current_deployments d WHERE d.version_id = v.id) AS deployed,
		(SELECT max(d.deployed_at) FROM rigalpha.current_deployments d WHERE d.version_id = v.id) AS deployed_at,
		coalesce((SELECT r.restricted FROM rigalpha.model_registry r WHERE r.model = v.model), false) AS restricted,
		cardinality(v.feature_names) AS features, v.feature_names, v.source_rows AS rows_used, v.data_from, v.data_to,
		v.options, v.metrics, v.payload_size, v.created_by, v.created_at
	FROM rigalpha.model_versions v;
COMMENT ON VIEW rigalpha.models IS 'Versions of all models, and which are deployed';
COMMENT ON COLUMN rigalpha.models.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.models.version IS 'Number within the model, from 1';
COMMENT ON COLUMN rigalpha.models.version_id IS 'Key, as in readings.model_version';
COMMENT ON COLUMN rigalpha.models.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.models.machine IS 'Machine that it was trained for; null = a fleet';
COMMENT ON COLUMN rigalpha.models.status IS 'ready or unusable';
COMMENT ON COLUMN rigalpha.models.deployed IS 'True = it scores now';
COMMENT ON COLUMN rigalpha.models.deployed_at IS 'When it was deployed last; null = it is not';
COMMENT ON COLUMN rigalpha.models.restricted IS 'True = only for roles that it is granted to; see grant_model()';
COMMENT ON COLUMN rigalpha.models.features IS 'Number of sensors';
COMMENT ON COLUMN rigalpha.models.feature_names IS 'Sensors in the order of the model';
COMMENT ON COLUMN rigalpha.models.rows_used IS 'Rows that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.models.data_from IS 'Time of the oldest of them';
COMMENT ON COLUMN rigalpha.models.data_to IS 'Time of the newest of them';
COMMENT ON COLUMN rigalpha.models.options IS 'Options of the training';
COMMENT ON COLUMN rigalpha.models.metrics IS 'What training found';
COMMENT ON COLUMN rigalpha.models.payload_size IS 'Size of the model in bytes';
COMMENT ON COLUMN rigalpha.models.created_by IS 'Login that trained or imported it';
COMMENT ON COLUMN rigalpha.models.created_at IS 'When it was stored';

CREATE VIEW rigalpha.training_info WITH (security_invoker = true, security_barrier = true) AS
	SELECT p.machine_id, p.machine,
		CASE
			WHEN p.blocked = 'busy' AND j.phase = 'training' THEN format('training: %s %%', floor(100 * j.progress))
			WHEN p.blocked = 'busy' THEN 'training: ' || coalesce(j.phase, 'waiting')
			WHEN v.id IS NOT NULL AND v.source_rows IS NULL THEN format('imported at %s', to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
			WHEN v.id IS NOT NULL THEN format('trained on %s readings at %s', v.source_rows, to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
			WHEN p.blocked = 'off' THEN 'automatic training is off'
			WHEN p.blocked = 'undeployed' THEN 'automatic training is off: its model was undeployed'
			WHEN p.blocked = 'backoff' THEN p.failure
			WHEN p.readings < s.auto_train_readings THEN format('warming up: %s of %s readings', p.readings, s.auto_train_readings)
			ELSE 'waiting for a training process'
		END AS state,
		p.readings, v.model, v.version, p.version_id, v.algorithm, v.created_at AS trained_at, v.source_rows AS rows_used,
		p.next_training_at, p.job_id
	FROM rigalpha.training_plan() p
	CROSS JOIN rigalpha.training_settings() s
	LEFT JOIN rigalpha.model_versions v ON v.id = p.version_id
	LEFT JOIN rigalpha.jobs j ON j.id = p.job_id;
COMMENT ON VIEW rigalpha.training_info IS 'One row per machine: what scores its readings, and how far its training is';
COMMENT ON COLUMN rigalpha.training_info.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.training_info.machine IS 'Name of the machine';
COMMENT ON COLUMN rigalpha.training_info.state IS 'In words: warming up, training, trained on, training failed, automatic training is off';
COMMENT ON COLUMN rigalpha.training_info.readings IS 'Readings stored';
COMMENT ON COLUMN rigalpha.training_info.model IS 'Model that scores the machine; null = none yet';
COMMENT ON COLUMN rigalpha.training_info.version IS 'Its version';
COMMENT ON COLUMN rigalpha.training_info.version_id IS 'Key of the version, as in readings.model_version';
COMMENT ON COLUMN rigalpha.training_info.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.training_info.trained_at IS 'When the version was stored';
COMMENT ON COLUMN rigalpha.training_info.rows_used IS 'Rows that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.training_info.next_training_at IS 'When automatic training is due next; null = not by time';
COMMENT ON COLUMN rigalpha.training_info.job_id IS 'Training job that runs, else the last automatic one; see job()';

CREATE VIEW rigalpha_api.models WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.models;
COMMENT ON VIEW rigalpha_api.models IS 'Versions of all models, and which are deployed';

CREATE VIEW rigalpha_api.training WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.training_info;
COMMENT ON VIEW rigalpha_api.training IS 'One row per machine: what scores its readings, and how far its training is';

-- The columns of these views mean what they mean in the relations that they show.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.view, a.attname, pg_catalog.col_description(v.shown, o.attnum) AS text
		FROM (VALUES ('rigalpha_api.models'::regclass, 'rigalpha.models'::regclass),
			('rigalpha_api.training'::regclass, 'rigalpha.training_info'::regclass)) AS v (view, shown)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = v.view AND a.attnum > 0
		JOIN pg_catalog.pg_attribute o ON o.attrelid = v.shown AND o.attname = a.attname
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.text);
	END LOOP;
END
$$;
-- What of our own is audited.
SELECT rigalpha.audit_enable(t::regclass) FROM unnest(ARRAY['rigalpha.node', 'rigalpha.machines', 'rigalpha.sensors',
	'rigalpha.sensor_aliases', 'rigalpha.model_registry', 'rigalpha.model_deployments',
	'rigalpha.model_grants', 'rigalpha.thresholds', 'rigalpha.alarm_suppressions', 'rigalpha.kafka_sources', 'rigalpha.user_machines']) AS t;
SELECT rigalpha.audit_enable('rigalpha.model_versions', redacted => '{payload}');
SELECT rigalpha.audit_enable('rigalpha.users', redacted => '{password_hash,totp_secret}',
	ignored => '{totp_step,last_login_at,last_failed_at,failed_logins}');
-- What the simulator reports of itself every second is no entry.
SELECT rigalpha.audit_enable('rigalpha.simulator_control', ignored => '{fault_started_at,target,pid,heartbeat_at,sent,note}');
SELECT rigalpha.audit_enable('rigalpha.sessions', redacted => '{token_hash}');
SELECT rigalpha.audit_enable('rigalpha.api_tokens', redacted => '{secret_hash}', ignored => '{last_used_at}');
-- Of an incident its beginning and its end are noted; its peak moves with every riskier reading.
SELECT rigalpha.audit_enable('rigalpha.incidents', 'machine_id', ignored => '{peak_ts,peak_risk,top_sensors,explanation,detail}');
SELECT rigalpha.audit_enable('rigalpha.machine_sensors', 'machine_id');
-- That a job was asked for, begins and ends; not how far it is.
SELECT rigalpha.audit_enable('rigalpha.jobs', ignored => '{phase,progress,pid}');
-- What the worker needs to send signed checkpoints to a Kafka topic.
CREATE FUNCTION rigalpha.worker_next_checkpoint(OUT size bigint, OUT note text) RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.size, c.note FROM rigalpha.audit_checkpoints c
	WHERE c.exported_at IS NULL AND c.note IS NOT NULL AND rigalpha.node_is_current()
	ORDER BY c.size LIMIT 1
	$$;
COMMENT ON FUNCTION rigalpha.worker_next_checkpoint() IS 'The oldest signed checkpoint that was not exported';

CREATE FUNCTION rigalpha.worker_checkpoint_exported(size bigint, note text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- A note that was signed for the same size in the meantime is still to be exported.
	UPDATE rigalpha.audit_checkpoints c SET exported_at = clock_timestamp()
	WHERE c.size = worker_checkpoint_exported.size AND c.note = worker_checkpoint_exported.note
	$$;
COMMENT ON FUNCTION rigalpha.worker_checkpoint_exported(bigint, text) IS 'Notes that the brokers have a checkpoint';
-- Who sees which rows. Every table is under row security, for its owner too: what runs as the owner
-- (ingest, worker, functions with SECURITY DEFINER) has a policy of its own, and a user sees the rows
-- of the own machines. A role without a policy sees nothing, whatever is granted to it. The functions
-- stand in sub-selects, so that they run once per query and not once per row.
DO $$
DECLARE
	-- Conditions on rows, for whoever has rigalpha_viewer.
	mine CONSTANT text := '= ANY ((SELECT rigalpha.visible_machines())::integer[])';
	named CONSTANT text := '= ANY ((SELECT rigalpha.visible_machine_names())::text[])';
	known_user CONSTANT text := '(SELECT rigalpha.is_user())';
	admin CONSTANT text := '(SELECT rigalpha.is_admin_user())';
	subject record;
	command text;
BEGIN
	FOR subject IN
		SELECT c.oid::regclass AS relation FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'rigalpha'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', subject.relation);
		EXECUTE pg_catalog.format('CREATE POLICY owner ON %s TO rigalpha_owner USING (true) WITH CHECK (true)', subject.relation);
		EXECUTE pg_catalog.format('COMMENT ON POLICY owner ON %s IS %L', subject.relation, 'What runs as the owner checks for itself what it may do');
	END LOOP;

	FOR subject IN
		SELECT * FROM (VALUES
			-- A machine that was just made is not among those that the query sees yet.
			('machines', 'id ' || mine || ' OR ' || admin, 'Machines of the user'),
			('machine_sensors', 'machine_id ' || mine, 'Of machines of the user'),
			('machine_state', 'machine_id ' || mine, 'Of machines of the user'),
			('readings', 'machine_id ' || mine, 'Of machines of the user'),
			('incidents', 'machine_id ' || mine, 'Of machines of the user'),
			('alarms', 'machine_id ' || mine, 'Of machines of the user'),
			('alarm_events', 'machine_id ' || mine, 'Of machines of the user'),
			('alarm_suppressions', known_user, 'All, for every user'),
			('thresholds', 'CASE WHEN machine_id IS NULL THEN ' || known_user || ' ELSE machine_id ' || mine || ' END',
				'Of machines of the user, and those of the fleet'),
			('sensor_aliases', 'CASE WHEN machine_id IS NULL THEN ' || known_user || ' ELSE machine_id ' || mine || ' END',
				'Of machines of the user, and those of the fleet'),
			('sensors', known_user, 'All, for every user'),
			('model_versions', 'CASE WHEN machine IS NULL THEN ' || known_user || ' ELSE machine ' || named || ' OR ' || admin || ' END',
				'Of machines of the user, and those of the fleet'),
			('model_deployments', 'CASE WHEN machine IS NULL THEN ' || known_user || ' ELSE machine ' || named || ' OR ' || admin || ' END',
				'Of machines of the user, and those of the fleet'),
			('model_registry', admin || ' OR model IN (SELECT v.model FROM rigalpha.model_versions v)', 'Models of which the user sees a version'),
			('jobs', 'machine ' || named || ' OR ' || admin, 'Of machines of the user; the others for admins'),
			('dead_letters', 'machine ' || named || ' OR ' || admin,
				'Of machines of the user; those that name no machine, or one that there is not, for admins'),
			('model_grants', admin, 'For admins'),
			('simulator_control', admin, 'For admins'),
			('node', admin, 'For admins'),
			('kafka_sources', admin, 'For admins'),
			('kafka_offsets', admin, 'For admins'),
			('kafka_workers', admin, 'For admins'),
			('kafka_gaps', admin, 'For admins'),
			('audit_entries', admin, 'For admins'),
			('audit_links', admin, 'For admins'),
			('audit_chains', admin, 'For admins'),
			('audit_checkpoints', admin, 'For admins'),
			('audit_tree', admin, 'For admins'),
			('audit_nodes', admin, 'For admins'),
			('audit_guards', admin, 'For admins')
		) AS p (relation, condition, explanation)
	LOOP
		EXECUTE pg_catalog.format('CREATE POLICY users ON rigalpha.%I FOR SELECT TO rigalpha_viewer USING (%s)', subject.relation, subject.condition);
		EXECUTE pg_catalog.format('COMMENT ON POLICY users ON rigalpha.%I IS %L', subject.relation, subject.explanation);
	END LOOP;

	-- A policy for each command: one for all would be tried for every SELECT, too.
	FOR subject IN
		SELECT * FROM (VALUES
			('machines', '{INSERT,UPDATE}'::text[]),
			('sensors', '{INSERT,UPDATE,DELETE}'),
			('thresholds', '{INSERT,UPDATE,DELETE}'),
			('alarm_suppressions', '{INSERT,UPDATE,DELETE}'),
			('kafka_sources', '{INSERT,UPDATE,DELETE}'),
			('sensor_aliases', '{INSERT,UPDATE,DELETE}'),
			('machine_sensors', '{UPDATE}'),
			('simulator_control', '{INSERT,UPDATE,DELETE}')
		) AS w (relation, commands)
	LOOP
		FOREACH command IN ARRAY subject.commands LOOP
			EXECUTE pg_catalog.format('CREATE POLICY %I ON rigalpha.%I FOR %s TO rigalpha_admin %s %s', 'admins_' || pg_catalog.lower(command),
				subject.relation, command, CASE WHEN command <> 'INSERT' THEN pg_catalog.format('USING (%s)', admin) END,
				CASE WHEN command <> 'DELETE' THEN pg_catalog.format('WITH CHECK (%s)', admin) END);
			EXECUTE pg_catalog.format('COMMENT ON POLICY %I ON rigalpha.%I IS %L', 'admins_' || pg_catalog.lower(command), subject.relation,
				'For a user with role admin');
		END LOOP;
	END LOOP;

	CREATE POLICY simulators ON rigalpha.simulator_control TO rigalpha_simulator USING (true) WITH CHECK (true);
	COMMENT ON POLICY simulators ON rigalpha.simulator_control IS 'A simulator reads its switches and says how it is';
END
$$;

-- What runs as the owner finds its rows also where a session has said row_security = off, as pg_restore does: that
-- makes a query fail which row security would touch.
DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
		WHERE p.pronamespace IN ('rigalpha'::pg_catalog.regnamespace, 'rigalpha_api'::pg_catalog.regnamespace) AND p.prosecdef ORDER BY p.oid
	LOOP
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET row_security = on', routine);
	END LOOP;
END
$$;
-- Everything belongs to rigalpha_owner, who cannot log in; functions are closed to the public
-- and then opened to the role that needs them.
DO $$
DECLARE
	member record;
BEGIN
	FOR member IN
		SELECT d.classid, d.objid, c.relkind, c.oid::regclass AS relation, p.oid::regprocedure AS routine
		FROM pg_catalog.pg_depend d
		LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
		LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
			AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'rigalpha')
		ORDER BY d.objid
	LOOP
		IF member.relkind IN ('r', 'p') THEN
			EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO rigalpha_owner', member.relation);
		ELSIF member.relkind = 'v' THEN
			EXECUTE pg_catalog.format('ALTER VIEW %s OWNER TO rigalpha_owner', member.relation);
		ELSIF member.routine IS NOT NULL THEN
			EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO rigalpha_owner', member.routine);
			EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.routine);
		END IF;
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION rigalpha.ingest TO rigalpha_ingest, rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.worker_abi, rigalpha.worker_sources, rigalpha.worker_claim, rigalpha.worker_ingest,
	rigalpha.worker_reject, rigalpha.worker_gap, rigalpha.worker_report, rigalpha.maintenance_tick TO rigalpha_worker;

GRANT SELECT ON ALL TABLES IN SCHEMA rigalpha_api TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha_api.readings TO rigalpha_viewer;
GRANT SELECT ON rigalpha.machines, rigalpha.sensors, rigalpha.sensor_aliases, rigalpha.machine_sensors, rigalpha.readings,
	rigalpha.reading_values, rigalpha.machine_state, rigalpha.sensor_state, rigalpha.thresholds, rigalpha.effective_thresholds,
	rigalpha.kafka_status, rigalpha.kafka_gaps TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.status, rigalpha.value, rigalpha.state_name, rigalpha.state_codes, rigalpha.flag_names,
	rigalpha.builtin_sensors, rigalpha.node_is_current, rigalpha.system_identifier, rigalpha.database_oid TO rigalpha_viewer;

-- The login of the sidecar, before it takes a role: how users log in and say who they are. No role that a
-- person may have holds these, since whoever may create sessions may act for anybody.
GRANT EXECUTE ON FUNCTION rigalpha.begin_session, rigalpha.login_lookup, rigalpha.login_failed, rigalpha.login_succeeded,
	rigalpha.create_session, rigalpha.end_session, rigalpha.set_own_password_hash, rigalpha.set_own_totp, rigalpha.confirm_own_totp,
	rigalpha.identity, rigalpha.check_token TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha.check_token TO rigalpha_ingest;
GRANT EXECUTE ON FUNCTION rigalpha.identity, rigalpha.uid, rigalpha.visible_machines, rigalpha.list_sessions, rigalpha.revoke_session,
	rigalpha.revoke_other_sessions TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.create_first_admin, rigalpha.create_user, rigalpha.change_role, rigalpha.set_machines, rigalpha.set_db_role,
	rigalpha.disable_user, rigalpha.enable_user, rigalpha.set_password_hash, rigalpha.clear_totp, rigalpha.list_users,
	rigalpha.issue_token, rigalpha.revoke_token, rigalpha.list_tokens TO rigalpha_admin;

GRANT SELECT, INSERT, UPDATE ON rigalpha.simulator_control TO rigalpha_simulator;

GRANT SELECT ON rigalpha.simulator_control TO rigalpha_operator;
GRANT SELECT ON rigalpha.dead_letters TO rigalpha_admin;
GRANT SELECT ON rigalpha.node, rigalpha.kafka_sources, rigalpha.kafka_offsets, rigalpha.kafka_workers TO rigalpha_admin;

-- By column: keys come from their sequences (readings of a deleted machine must not get another
-- owner), periods of thresholds and revisions of sources from their triggers.
GRANT INSERT (name, label, sensor_quota), UPDATE (name, label, sensor_quota) ON rigalpha.machines TO rigalpha_admin;
GRANT INSERT (name, label, unit, category, normal_min, normal_max, origin), UPDATE (name, label, unit, category, normal_min, normal_max, origin)
	ON rigalpha.sensors TO rigalpha_admin;
GRANT INSERT (machine_id, sensor_id, lolo, lo, hi, hihi, deadband, on_delay, off_delay), UPDATE (lolo, lo, hi, hihi, deadband, on_delay, off_delay)
	ON rigalpha.thresholds TO rigalpha_admin;
GRANT INSERT (name, brokers, topic, config, workers, paused), UPDATE (name, brokers, topic, config, workers, paused)
	ON rigalpha.kafka_sources TO rigalpha_admin;
GRANT DELETE ON rigalpha.sensors, rigalpha.thresholds, rigalpha.kafka_sources TO rigalpha_admin;
GRANT INSERT, UPDATE, DELETE ON rigalpha.sensor_aliases TO rigalpha_admin;
GRANT UPDATE (display_order) ON rigalpha.machine_sensors TO rigalpha_admin;
GRANT INSERT (name, running, rate, fault, fault_machine), UPDATE (name, running, rate, fault, fault_machine), DELETE
	ON rigalpha.simulator_control TO rigalpha_admin;
GRANT USAGE ON SEQUENCE rigalpha.machines_id_seq, rigalpha.sensors_id_seq, rigalpha.thresholds_id_seq,
	rigalpha.kafka_sources_id_seq TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.setup, rigalpha.adopt, rigalpha.protect_data, rigalpha.set_threshold, rigalpha.create_kafka_source,
	rigalpha.set_source_paused, rigalpha.pause_source, rigalpha.resume_source, rigalpha.drop_source,
	rigalpha.replay_dead_letters, rigalpha.ensure_partitions TO rigalpha_admin;

GRANT SELECT ON rigalpha.models, rigalpha.training_info, rigalpha.current_deployments TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.options, rigalpha.training_settings, rigalpha.training_plan, rigalpha.auto_model,
	rigalpha.may_use_model, rigalpha.model_payload, rigalpha.training_readings, rigalpha.job, rigalpha.cancel_job TO rigalpha_viewer;
GRANT SELECT ON rigalpha.model_registry, rigalpha.model_versions, rigalpha.model_deployments, rigalpha.model_grants, rigalpha.jobs TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.train, rigalpha.train_async, rigalpha.deploy, rigalpha.undeploy, rigalpha.rollback_model, rigalpha.drop_model,
	rigalpha.export_model, rigalpha.import_model, rigalpha.model_header, rigalpha.grant_model, rigalpha.revoke_model TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.training_tick, rigalpha.watch_machines TO rigalpha_worker;
GRANT SELECT ON rigalpha.incidents TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.score, rigalpha.score_json, rigalpha.score_detail, rigalpha.score_window, rigalpha.lstm_score,
	rigalpha.explain, rigalpha.detect, rigalpha.incidents TO rigalpha_viewer;

GRANT SELECT ON rigalpha.audit_log, rigalpha.audit_export, rigalpha.audit_links, rigalpha.audit_entries, rigalpha.audit_chains TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_verify, rigalpha.audit_decode, rigalpha.audit_row_image, rigalpha.audit_reconcile, rigalpha.audit_enable, rigalpha.audit_baseline, rigalpha.audit_row,
	rigalpha.audit_truncate TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_note TO rigalpha_operator;

GRANT EXECUTE ON FUNCTION rigalpha.worker_next_checkpoint, rigalpha.worker_checkpoint_exported TO rigalpha_worker;

-- The signer acts without a session: it learns hashes and how many entries there are.
GRANT EXECUTE ON FUNCTION rigalpha.audit_integrate, rigalpha.audit_checkpoint_proposal, rigalpha.audit_store_checkpoint TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha.audit_tick TO rigalpha_worker;
GRANT SELECT ON rigalpha.audit_checkpoints, rigalpha.audit_tree, rigalpha.audit_nodes, rigalpha.audit_guards TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_integrate, rigalpha.audit_root, rigalpha.audit_inclusion, rigalpha.audit_consistency, rigalpha.audit_prove,
	rigalpha.audit_guard, rigalpha.audit_check_guard, rigalpha.audit_head TO rigalpha_admin;

GRANT EXECUTE ON FUNCTION rigalpha_api.sessions, rigalpha_api.csv_cell, rigalpha_api.readings_csv, rigalpha_api.audit_checkpoint TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.require_admin, rigalpha_api.check_document, rigalpha_api.known_machines, rigalpha_api.users, rigalpha_api.create_user,
	rigalpha_api.change_user, rigalpha_api.tokens, rigalpha_api.issue_token, rigalpha_api.audit, rigalpha_api.audit_anchor,
	rigalpha_api.audit_verification TO rigalpha_admin;

-- The sidecar takes the role of each user for one transaction.
GRANT EXECUTE ON FUNCTION rigalpha.readiness TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha_api.me TO rigalpha_viewer;

-- Devices. What is logged of a statement must not hold the parameters of the sidecar: tokens of devices and of sessions are among them.
GRANT EXECUTE ON FUNCTION rigalpha.note_refusal TO rigalpha_web;
ALTER ROLE rigalpha_web SET log_parameter_max_length = 0;
ALTER ROLE rigalpha_web SET log_parameter_max_length_on_error = 0;

-- Row security: what policies call, and the columns behind the views, which are read with the rights of the caller. The
-- bytes of a dead letter may hold readings of other machines, and those of a model are for who may use it.
GRANT EXECUTE ON FUNCTION rigalpha.is_user, rigalpha.is_admin_user, rigalpha.visible_machine_names, rigalpha.readiness TO rigalpha_viewer;
GRANT SELECT (id, received_at, source, "partition", "offset", message_time, reading_index, machine, field, reason, detail, payload_id,
	payload_size, replayed_at) ON rigalpha.dead_letters TO rigalpha_viewer;
GRANT SELECT (id, machine, state, phase, progress) ON rigalpha.jobs TO rigalpha_viewer;
GRANT SELECT (id, model, version, algorithm, machine, status, feature_names, options, source_rows, data_from, data_to, metrics, payload_size,
	created_by, created_at) ON rigalpha.model_versions TO rigalpha_viewer;
GRANT SELECT ON rigalpha.model_registry, rigalpha.model_deployments TO rigalpha_viewer;
GRANT SELECT (epoch) ON rigalpha.node TO rigalpha_viewer;
GRANT SELECT (id, name, brokers, topic, workers, paused) ON rigalpha.kafka_sources TO rigalpha_viewer;
GRANT SELECT ON rigalpha.kafka_workers, rigalpha.kafka_offsets TO rigalpha_viewer;

-- What goes from the audit log goes by these, which ask for an admin themselves.
GRANT EXECUTE ON FUNCTION rigalpha.audit_segment, rigalpha.audit_segment_hash, rigalpha.audit_prune, rigalpha.audit_redact TO rigalpha_admin;

-- Alarms.
GRANT SELECT ON rigalpha.alarms, rigalpha.alarm_events, rigalpha.alarm_suppressions, rigalpha.effective_alarm_events TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.priority_rank, rigalpha.limit_priority, rigalpha.threshold_what_if, rigalpha.limit_episodes,
	rigalpha.default_alarm_suppressions TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.ack_alarm, rigalpha.clear_alarm, rigalpha.reopen_alarm, rigalpha.shelve_alarm, rigalpha.unshelve_alarm
	TO rigalpha_operator;
GRANT INSERT (state, category, sensor_id), UPDATE (state, category, sensor_id), DELETE ON rigalpha.alarm_suppressions TO rigalpha_admin;
GRANT USAGE ON SEQUENCE rigalpha.alarm_suppressions_id_seq TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha_api.alarm_page, rigalpha_api.thresholds TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha_api.act_on_alarm, rigalpha_api.check_document TO rigalpha_operator;
GRANT EXECUTE ON FUNCTION rigalpha_api.put_threshold, rigalpha_api.delete_threshold TO rigalpha_admin;
