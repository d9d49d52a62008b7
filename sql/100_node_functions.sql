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
