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
