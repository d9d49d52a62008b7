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
