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
