-- Which time a reading gets, which times are refused, and that late data never moves "latest" back.
CREATE FUNCTION ago(machine text, age interval, keys text DEFAULT '"rpm":1') RETURNS text LANGUAGE sql
	AS $$ SELECT format('{"machine_id":"%s","timestamp":"%s",%s}', machine, to_char((now() - age) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), keys) $$;

-- Offsets, fractions, separators and units of Unix time are one instant.
SELECT payload, accepted, merged, duplicates, errors FROM send('{"machine_id":"TIME","timestamp":"2024-03-01T12:00:00.5Z","rpm":1}', '{"machine_id":"TIME","timestamp":"2024-03-01T13:30:00.500+01:30","rpm":1}',
	'{"machine_id":"TIME","timestamp":"2024-02-29 23:00:00.5-13:00","rpm":1}', '{"machine_id":"TIME","timestamp":1709294400.5,"rpm":1}', '{"machine_id":"TIME","timestamp":1709294400500,"rpm":1}',
	'{"machine_id":"TIME","timestamp":1709294400500000,"rpm":1}', '{"machine_id":"TIME","timestamp":1.7092944005e18,"rpm":1}');
-- The session's settings have no say.
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'German, DMY';
SELECT accepted, duplicates, errors FROM send('{"machine_id":"TIME","timestamp":"2024-03-01T12:00:00.5Z","rpm":1}', '{"machine_id":"TIME","timestamp":"2024-03-10T02:30:00+00:00","rpm":1}');
SET DateStyle = 'SQL, DMY';
SELECT accepted, duplicates, errors FROM send('{"machine_id":"TIME","timestamp":"2024-03-11T23:59:59.999999Z","rpm":1}', '{"machine_id":"TIME","timestamp":"2024-03-12T00:00:00Z","rpm":1}');
RESET TimeZone;
RESET DateStyle;
SELECT readings.tableoid::regclass AS leaf, ts AT TIME ZONE 'UTC' AS utc FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'TIME' ORDER BY ts;

-- Too far ahead (five minutes by default) and too old.
SELECT payload, accepted, errors FROM send(ago('LIMIT', '-295 s'), ago('LIMIT', '-305 s'), ago('LIMIT', '2 days'));
SET rigalpha.future_tolerance = '1 h';
SET rigalpha.retention_days = 1;
SELECT payload, accepted, errors FROM send(ago('LIMIT', '-305 s'), ago('LIMIT', '-3605 s'), ago('LIMIT', '23 h'), ago('LIMIT', '25 h'));
RESET rigalpha.future_tolerance;
RESET rigalpha.retention_days;
SELECT machine, field, reason FROM rigalpha.dead_letters WHERE machine = 'LIMIT' ORDER BY id;
-- Only a superuser sets the limits.
SET ROLE rigalpha_admin;
SET rigalpha.retention_days = 36500;
RESET ROLE;

-- Without a time: the time of the message, spread by its offset so that a repetition gives the same; else that of receipt.
SELECT i.accepted, i.duplicates, i.rejected FROM rigalpha.ingest(ARRAY['{"machine_id":"CLOCK","rpm":1}', '{"machine_id":"CLOCK","rpm":2}', '{"machine_id":"CLOCK","timestamp":1709294500,"rpm":3}', '{"machine_id":"CLOCK","rpm":4}']::bytea[],
	'time_test', times => ARRAY['2024-03-01 12:00:00Z', '2024-03-01 12:00:00Z', '2024-03-01 12:00:00Z', NULL]::timestamptz[], partitions => '{0,0,0,0}', offsets => '{5,6,7,8}') i;
SELECT i.accepted, i.duplicates, i.rejected FROM rigalpha.ingest(ARRAY['{"machine_id":"CLOCK","rpm":2}']::bytea[], 'time_test', times => '{2024-03-01 12:00:00Z}', partitions => '{0}', offsets => '{6}') i;
SELECT CASE WHEN ts < '2024-03-02' THEN to_char(ts AT TIME ZONE 'UTC', 'HH24:MI:SS.US') WHEN ts = received_at THEN 'receipt' END AS ts, sensor_values, rigalpha.flag_names(flags) AS flags
	FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'CLOCK' ORDER BY readings.ts;
-- Several readings without a time do not collide, whoever gives the time.
SELECT accepted, rejected, errors FROM send('[{"machine_id":"CLOCK","rpm":1},{"machine_id":"CLOCK","rpm":2},{"machine_id":"CLOCK","rpm":3}]', '{"machine_id":"CLOCK","rpm":4}');
SELECT i.accepted, i.rejected, i.errors FROM rigalpha.ingest(ARRAY['[{"machine_id":"CLOCK","rpm":1},{"machine_id":"CLOCK","rpm":2}]']::bytea[], 'time_test', times => '{2024-03-01 13:00:00Z}', partitions => '{0}', offsets => '{9}') i;
-- A message time that is out of bounds is refused like any other.
SELECT i.errors -> 0 ->> 'reason' AS reason FROM unnest('{infinity,1900-01-01}'::timestamptz[]) AS t, rigalpha.ingest(ARRAY['{"machine_id":"CLOCK","rpm":1}']::bytea[], 'time_test', times => ARRAY[t]) i;

-- Late data is stored and flagged, and moves only what it is newer for.
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294500,"state":"drilling","rpm":1,"spp":1}');
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294400,"state":"idle","rpm":2,"torque":2}');
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294510,"spp":3}');
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294490,"state":"idle","rpm":4,"spp":4,"torque":4}');
SELECT ts AT TIME ZONE 'UTC' AS utc, state, "values", readings FROM rigalpha_api.live WHERE machine = 'LATE';
SELECT name, value, ts AT TIME ZONE 'UTC' AS utc FROM rigalpha_api.machine_sensors WHERE machine = 'LATE' ORDER BY name;
SELECT extract(epoch FROM ts)::integer - 1709294400 AS second, rigalpha.flag_names(flags) AS flags FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'LATE' ORDER BY ts;
-- A reading that was rolled back leaves no trace in what counts as late.
BEGIN;
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294600,"rpm":9}');
ROLLBACK;
SELECT accepted FROM send('{"machine_id":"LATE","timestamp":1709294520,"rpm":5}');
SELECT rigalpha.flag_names(flags) AS flags FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'LATE' AND ts = to_timestamp(1709294520);

-- The latest state does not depend on the order in which readings arrive, nor on how they are batched.
CREATE TABLE shuffle AS SELECT n, format('{"machine_id":"%%s","timestamp":%s%s%s}', 1709294400 + n, CASE n % 4 WHEN 0 THEN ',"state":"drilling"' WHEN 2 THEN ',"state":"idle"' ELSE '' END,
	(SELECT string_agg(format(',"s%s":%s', s, n * 10 + s), '') FROM generate_series(0, 4) AS s WHERE (n * 7 + s * 3) % 5 < 3)) AS message FROM generate_series(1, 13) AS n;
DO $$
BEGIN
	PERFORM setseed(0.42);
	FOR run IN 0..60 LOOP
		PERFORM rigalpha.ingest(array_agg(convert_to(format(message, 'SHUFFLE' || run), 'UTF8') ORDER BY place), 'http')
			FROM (SELECT message, CASE run WHEN 0 THEN n ELSE random() END AS place, CASE WHEN run % 3 = 0 THEN 0 ELSE floor(random() * 5) END AS batch FROM shuffle) s
			GROUP BY batch ORDER BY random();
	END LOOP;
END
$$;
SELECT count(*) AS runs, count(DISTINCT (st.ts, st.state, st.readings, (SELECT array_agg((s.name, ss.value, ss.ts) ORDER BY s.name) FROM rigalpha.sensor_state ss JOIN rigalpha.sensors s ON s.id = ss.sensor_id WHERE ss.machine_id = m.id)::text)) AS different
	FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name ~ '^SHUFFLE';
SELECT state, readings, "values" FROM rigalpha_api.live WHERE machine = 'SHUFFLE0';
DROP TABLE shuffle;
DROP FUNCTION ago;
