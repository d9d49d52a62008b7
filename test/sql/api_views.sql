-- What the sidecar and reporting tools read: names and types of all columns, and the values behind them.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SELECT c.relname AS view, string_agg(format('%s %s', a.attname, format_type(a.atttypid, NULL)), ', ' ORDER BY a.attnum) AS columns
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'rigalpha_api'::regnamespace AND a.attnum > 0 GROUP BY c.relname ORDER BY c.relname;

SELECT accepted FROM send('{"machine_id":"API","timestamp":"2024-03-01T12:00:00Z","state":"drilling","rpm":120.5,"spp":3000,"api_sensor":1}', '{"machine_id":"API","timestamp":"2024-03-01T12:00:01.5Z","rpm":121}',
	'{"machine_id":"API","timestamp":"2024-03-01T12:00:02.000123Z","state":"connection","spp":3001}');
UPDATE rigalpha.machines SET label = 'Rig of the tests' WHERE name = 'API';
UPDATE rigalpha.machine_sensors ms SET display_order = 1 FROM rigalpha.sensors s, rigalpha.machines m WHERE s.id = sensor_id AND m.id = machine_id AND m.name = 'API' AND s.name = 'api_sensor';
INSERT INTO rigalpha.machines (name) VALUES ('API2');

SELECT name, label, state, ts, latency_ms = round((extract(epoch FROM received_at - ts) * 1000)::numeric, 3)::float8 AS latency, age_ms BETWEEN latency_ms - 1 AND latency_ms + 600000 AS age, readings, sensors FROM rigalpha_api.machines WHERE name ~ '^API';
SELECT name, label, unit, category, normal_min, normal_max, origin, position, display_order, value, ts FROM rigalpha_api.machine_sensors WHERE machine = 'API' ORDER BY display_order, position;
SELECT machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'API') AS id, state, ts, latency_ms > 0 AS latency, readings, "values" FROM rigalpha_api.live WHERE machine = 'API';
SELECT count(*), count(*) FILTER (WHERE origin = 'builtin') AS builtin, count(*) FILTER (WHERE name = 'api_sensor' AND origin = 'discovered' AND label = '') AS discovered FROM rigalpha_api.sensors WHERE origin = 'builtin' OR name = 'api_sensor';
-- A clock that is ahead gives a negative latency, which is not clamped.
SELECT accepted FROM send(format('{"machine_id":"API3","timestamp":%s,"rpm":1}', (extract(epoch FROM now() + interval '1 min') * 1000)::bigint));
SELECT latency_ms BETWEEN -60001 AND -50000 AS ahead FROM rigalpha_api.machines WHERE name = 'API3';
SELECT latency_ms BETWEEN -60001 AND -50000 AS ahead FROM rigalpha_api.live WHERE machine = 'API3';

-- As JSON in the shape that the sidecar sends.
SELECT json_agg(v) FROM (SELECT name, state, ts, readings FROM rigalpha_api.machines WHERE name = 'API') v;
SELECT coalesce(json_agg(v), '[]') FROM rigalpha_api.machines v WHERE name = 'NOBODY';

-- readings(): columns, Unix milliseconds, nulls where a reading lacks a sensor, half-open range, the newest rows in ascending order.
SELECT rigalpha_api.readings('API', '2024-03-01', '2024-03-02');
SELECT rigalpha_api.readings('API', '2024-03-01', '2024-03-02', '{spp,no_such}', 2);
SELECT rigalpha_api.readings('API', '2024-03-01 12:00:00', '2024-03-01 12:00:02.000123', '{rpm}');
SELECT rigalpha_api.readings('API', '2024-03-01', '2024-03-02', '{}', 0);
SELECT rigalpha_api.readings('API', '2024-03-02', '2024-03-01');
SELECT rigalpha_api.readings('API2', '2024-03-01', '2024-03-02');
SELECT rigalpha_api.readings('API', '-infinity', 'infinity', '{rpm}', NULL) ->> 'ts' AS ts;
SELECT rigalpha_api.readings('NOBODY', '2024-03-01', '2024-03-02') IS NULL AS unknown, rigalpha_api.readings(NULL, now(), now()) IS NULL AS null;
-- It reads the partitions of its range only, and what is "latest" comes from the table of states.
CREATE VIEW scanned AS SELECT relname FROM pg_stat_xact_user_tables
	WHERE relname ~ '^(readings_|machine_state$)' AND seq_scan + coalesce(idx_scan, 0) > 0 ORDER BY relname;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT rigalpha_api.readings('API', '2024-03-01', '2024-03-02') IS NOT NULL AS read;
SELECT * FROM scanned;
COMMIT;
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT (SELECT count(*) FROM rigalpha_api.live) > 0 AND (SELECT count(*) FROM rigalpha_api.machines) > 0 AND (SELECT count(*) FROM rigalpha_api.machine_sensors) > 0 AND (SELECT readings FROM rigalpha_api.status) > 0 AS read;
SELECT * FROM scanned;
COMMIT;

-- The summary.
SELECT ready, reason, epoch, machines = (SELECT count(*) FROM rigalpha.machines) AS machines, readings = (SELECT count(*) FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id) AS readings,
	sensors = (SELECT count(DISTINCT sensor_id) FROM rigalpha.machine_sensors) AS sensors, newest_ts = (SELECT max(ts) FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id) AS newest_ts,
	dead_letters = (SELECT count(*) FROM rigalpha.dead_letters WHERE replayed_at IS NULL) AS dead_letters, kafka_sources, kafka_running, kafka_lag, kafka_rate, kafka_gaps FROM rigalpha_api.status;

-- State words by code, in any spelling; flags by bit.
SELECT string_agg(format('%s=%s', code, name), ', ' ORDER BY code) FROM rigalpha.state_codes();
SELECT count(*) FROM send(VARIADIC ARRAY(SELECT format('{"machine_id":"API-%s","timestamp":1709294400,"state":"%s"}', word, word) FROM unnest('{DRILLING,Trip In,trip-out,hole_opening,drillin,drillings,unknown}'::text[]) AS word)) WHERE accepted = 1;
SELECT machine, l.state, rigalpha.flag_names(st.flags) AS flags FROM rigalpha_api.live l JOIN rigalpha.machine_state st USING (machine_id) WHERE machine ~ '^API-' ORDER BY machine;
SELECT rigalpha.flag_names(63::smallint), rigalpha.flag_names(0::smallint), rigalpha.state_name((-1)::smallint), rigalpha.state_name(NULL);
DROP VIEW scanned;
