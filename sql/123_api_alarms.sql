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
