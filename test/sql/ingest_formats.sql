-- Influx line protocol and ThingsBoard telemetry, and readings that name no machine.
\set SHOW_CONTEXT never
SELECT coalesce(max(id), 0) AS letters FROM rigalpha.dead_letters \gset
INSERT INTO rigalpha.machines (id, name) VALUES (910101, 'FMT1'), (910102, 'FMT2');
CREATE TABLE made (machine text PRIMARY KEY, token bytea);
INSERT INTO made SELECT m, rigalpha.issue_token(m, 'gateway')::bytea FROM unnest(ARRAY['FMT1', 'FMT2']) m;
CREATE FUNCTION token(name text) RETURNS bytea LANGUAGE sql STABLE AS $$ SELECT token FROM made WHERE machine = name $$;
CREATE FUNCTION send_format(format text, payload text, token bytea DEFAULT NULL, machine text DEFAULT NULL,
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT errors text) LANGUAGE sql AS $$
	SELECT i.accepted, i.merged, i.duplicates, i.rejected, (SELECT string_agg(concat_ws(' ', e ->> 'reading', e ->> 'machine', e ->> 'field', e ->> 'reason',
			'(' || (e ->> 'detail') || ')'), ', ') FROM jsonb_array_elements(i.errors) e)
	FROM rigalpha.ingest(ARRAY[convert_to(payload, 'UTF8')], 'http', formats => ARRAY[format], tokens => ARRAY[token], machines => ARRAY[machine]) i $$;
CREATE VIEW stored_values AS SELECT machine, ts AT TIME ZONE 'UTC' AS ts, sensor, value FROM rigalpha.reading_values WHERE machine LIKE 'FMT%';

-- Lines of one instant are one reading; the tag names the machine, else the measurement does.
SELECT * FROM send_format('influx', E'# one instant\nrig,machine=FMT1,crew=7 rpm=120,spp=2900i 1767614400000000000\nrig,machine=FMT1 wob=25u,pump_on=true 1767614400000000000\nFMT2 rpm=60,state="drilling" 1767614400000000000');
SELECT * FROM send_format('influx', E'rig,machine=FMT1 rpm=120 1767614400000000000\nrig,machine=FMT1 hookload=7 1767614400000000000');
SELECT * FROM stored_values ORDER BY machine, ts, sensor;
SELECT m.name, r.state FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name LIKE 'FMT%' ORDER BY 1;
-- A bad line costs no other; the error says which one.
SELECT * FROM send_format('influx', E'FMT1 rpm=1 1767614401\n\nFMT1 rpm=one 1767614402\nFMT1 rpm=3 1767614403\nFMT1 rpm=NaN 1767614404\nFMT1 rpm=9 1767614400');
SELECT * FROM send_format('influx', E'FMT1 rpm="fast",spp=1 1767614405');
SELECT * FROM send_format('influx', convert_from('\x464d5431', 'UTF8'));
-- Units of the times.
SELECT f, s.* FROM (VALUES (1, 's', '1767614411'), (2, 'ms', '1767614412000'), (3, 'us', '1767614413000000'), (4, 'ns', '1767614414000000000'), (5, 's', '1767614415000')) v (n, f, t), send_format('influx:' || f, 'FMT2 rpm=' || n || ' ' || t) s ORDER BY n;
SELECT * FROM stored_values WHERE machine = 'FMT2' AND ts > '2026-01-05 12:00:10' ORDER BY ts;
-- Lines without a time are of the instant of their payload, those of the next payload of another one.
SELECT accepted, merged, verdicts FROM rigalpha.ingest(ARRAY[E'FMT2 rpm=1\nFMT2 wob=2', E'FMT2 rpm=3\nFMT2 wob=4']::bytea[], 'http', formats => ARRAY['influx', 'influx']);
SELECT * FROM send_format('influx', E'FMT2 rpm=1\nFMT2 rpm=2');

-- ThingsBoard: the token names the machine, times are milliseconds.
SELECT * FROM send_format('thingsboard', '{"ts":1767614420000,"values":{"rpm":20,"state":"drilling","label":"x"}}', token('FMT1'));
SELECT * FROM send_format('thingsboard', '[{"ts":1767614421000,"values":{"rpm":21}},{"ts":1767614422000,"values":{"rpm":22}},{"ts":"now","values":{"rpm":23}}]', token('FMT1'));
SELECT * FROM send_format('thingsboard', '{"temperature":42}', token('FMT1'));
SELECT * FROM send_format('thingsboard', '{"temperature":42}');
SELECT ts, sensor, value FROM stored_values WHERE machine = 'FMT1' AND ts BETWEEN '2026-01-05 12:00:20' AND '2026-01-05 12:00:30' ORDER BY 1, 2;
SELECT sensor, value FROM stored_values WHERE machine = 'FMT1' AND ts > now() - interval '1 h';

-- All formats: what names no machine is of that of the token, and only then; what names another one is foreign.
SELECT * FROM send_format('json', '{"timestamp":1767614430,"rpm":30}', token('FMT1'));
SELECT * FROM send_format('json', '{"machine_id":null,"timestamp":1767614431,"rpm":31}', token('FMT1'));
SELECT * FROM send_format('json', '{"machine_id":5,"timestamp":1767614432,"rpm":32}', token('FMT1'));
SELECT * FROM send_format('json', '{"machine_id":"FMT2","timestamp":1767614433,"rpm":33}', token('FMT1'));
SELECT * FROM send_format('json', '{"timestamp":1767614434,"rpm":34}');
SELECT * FROM send_format('influx', E'weather rpm=35 1767614435\nweather,machine=FMT2 rpm=36 1767614436', token('FMT1'));
SELECT * FROM send_format('json', '{"timestamp":1767614437,"rpm":37}', NULL, 'FMT2');
SELECT * FROM send_format('json', '{"timestamp":1767614438,"rpm":38}', token('FMT1'), 'FMT2');
SELECT * FROM send_format('json', '{}', NULL, '');
SELECT machine, value FROM stored_values WHERE sensor = 'rpm' AND ts BETWEEN '2026-01-05 12:00:30' AND '2026-01-05 12:00:40' ORDER BY ts;
SELECT count(*) AS weather FROM rigalpha.machines WHERE name = 'weather';

-- A dead letter keeps format and given machine, so that a replay reads it the same way.
SELECT DISTINCT format, given_machine FROM rigalpha.dead_letters WHERE id > :letters ORDER BY 1, 2;
SET rigalpha.retention_days = 1;
SELECT * FROM send_format('influx:s', E'weather rpm=40 1767614440', token('FMT1'));
SELECT * FROM send_format('thingsboard', '{"ts":1767614441000,"values":{"rpm":41}}', token('FMT1'));
SET rigalpha.retention_days = 36500;
SELECT * FROM rigalpha.replay_dead_letters(ARRAY(SELECT id FROM rigalpha.dead_letters WHERE id > :letters AND reason = 'too_old'));
SELECT machine, ts, value FROM stored_values WHERE ts BETWEEN '2026-01-05 12:00:40' AND '2026-01-05 12:00:50' ORDER BY ts;

-- The same bytes in another format are another request.
SELECT i.accepted, i.errors -> 0 ->> 'reason' AS reason FROM unnest(ARRAY['influx:s', 'influx:s', 'influx:ms']) AS f, rigalpha.ingest(ARRAY['FMT1 rpm=50 1767614450']::bytea[], 'http', formats => ARRAY[f], keys => ARRAY['formats']) i;

-- What is no format.
SELECT f, sqlstate_of(format('SELECT rigalpha.ingest(%L, $$http$$, formats => %L)', '{x}'::bytea[], ARRAY[f])) FROM unnest(ARRAY['xml', '', 'INFLUX', 'influx:m', NULL]) AS f;
SELECT sqlstate_of($$SELECT rigalpha.ingest('{x}', 'http', formats => '{}')$$), sqlstate_of($$SELECT rigalpha.ingest('{x}', 'http', machines => '{}')$$);

DELETE FROM rigalpha.machines WHERE id > 910100;
DROP FUNCTION send_format(text, text, bytea, text), token(text);
DROP VIEW stored_values;
DROP TABLE made;
