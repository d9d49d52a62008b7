-- The extension, the helpers of the other tests, and what must not work before setup().
CREATE EXTENSION rigalpha;
SELECT extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'rigalpha') AS current_version
	FROM pg_extension WHERE extname = 'rigalpha';

-- The script inserts no row: a restore of the data would collide with it.
SELECT (SELECT count(*) FROM rigalpha.sensors) AS sensors, (SELECT count(*) FROM rigalpha.node) AS nodes,
	(SELECT count(*) FROM pg_inherits WHERE inhparent = 'rigalpha.readings'::regclass) AS partitions;

-- Fixed dates in the tests stay inside the retention.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET rigalpha.retention_days = 36500;
SET rigalpha.retention_days = 36500;

-- One row per payload: its verdict and its errors, without the ids of dead letters.
CREATE FUNCTION send_bytes(VARIADIC payloads bytea[])
	RETURNS TABLE (payload integer, accepted integer, merged integer, duplicates integer, rejected integer, errors text)
	LANGUAGE sql AS $$
	SELECT p, i.verdicts[p][1], i.verdicts[p][2], i.verdicts[p][3], i.verdicts[p][4],
		(SELECT string_agg(concat_ws(' ', e ->> 'reading', e ->> 'machine', e ->> 'field', e ->> 'reason',
				CASE WHEN e -> 'dead_letter_id' = 'null' THEN '(kept)' END), ', ' ORDER BY n)
			FROM jsonb_array_elements(i.errors) WITH ORDINALITY AS x (e, n) WHERE (e ->> 'payload')::integer = p - 1)
	FROM rigalpha.ingest(payloads, 'http') i, generate_series(1, cardinality(payloads)) AS p
	ORDER BY p
	$$;
CREATE FUNCTION send(VARIADIC payloads text[])
	RETURNS TABLE (payload integer, accepted integer, merged integer, duplicates integer, rejected integer, errors text)
	LANGUAGE sql AS $$
	SELECT * FROM send_bytes(VARIADIC ARRAY(SELECT convert_to(p, 'UTF8') FROM unnest(payloads) WITH ORDINALITY AS u (p, n) ORDER BY n))
	$$;
-- The SQLSTATE that a statement fails with, because messages may carry ids.
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

-- What a statement fails with: code, message, detail and hint.
CREATE FUNCTION problem(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;

-- Nothing is stored before setup().
SELECT * FROM rigalpha.ingest(ARRAY['{"machine_id":"A","sensors":{"rpm":1}}'::bytea], 'http');
SELECT sqlstate_of($$SELECT * FROM send('{"machine_id":"A","sensors":{"rpm":1}}')$$);
SELECT sqlstate_of('SELECT rigalpha.adopt()');
SELECT ready, reason, machines, readings FROM rigalpha.status();
SELECT count(*) FROM rigalpha.worker_sources();

SELECT rigalpha.setup();
SELECT category, count(*), count(*) FILTER (WHERE normal_min < normal_max AND label <> '' AND unit <> '') AS complete
	FROM rigalpha.sensors GROUP BY category ORDER BY category;
SELECT count(*), min(id), max(id), min(origin), max(origin) FROM rigalpha.sensors;
SELECT version = (SELECT extversion FROM pg_extension WHERE extname = 'rigalpha') AS version, ready, reason, epoch, machines, sensors, readings
	FROM rigalpha.status();

-- A partition for today and for each of the next seven days.
SELECT count(*) FROM pg_inherits WHERE inhparent = 'rigalpha.readings'::regclass;

-- setup() may be repeated and leaves what an admin changed; adopt() has nothing to do.
UPDATE rigalpha.sensors SET label = 'Rotary' WHERE name = 'rpm';
DELETE FROM rigalpha.sensors WHERE name = 'noise_floor';
SELECT setval('rigalpha.sensors_id_seq', 2000) \gset ignored_
SELECT rigalpha.setup();
SELECT count(*) FROM rigalpha.sensors;
SELECT label FROM rigalpha.sensors WHERE name = 'rpm';
SELECT last_value FROM rigalpha.sensors_id_seq;
SELECT rigalpha.adopt();
UPDATE rigalpha.sensors s SET label = b.label FROM rigalpha.builtin_sensors() b WHERE b.name = s.name AND s.name = 'rpm';
INSERT INTO rigalpha.sensors (id, name, label, unit, category, normal_min, normal_max, origin)
	SELECT b.ordinal, b.name, b.label, b.unit, b.category, b.normal_min, b.normal_max, 'builtin'
	FROM rigalpha.builtin_sensors() b WHERE b.name = 'noise_floor';

-- A database that differs from its node row is refused until it is adopted.
BEGIN;
UPDATE rigalpha.node SET system_identifier = system_identifier + 1;
SELECT sqlstate_of($$SELECT * FROM send('{"machine_id":"A","sensors":{"rpm":1}}')$$);
SELECT sqlstate_of('SELECT rigalpha.setup()');
SELECT ready, reason FROM rigalpha.status();
SELECT rigalpha.adopt();
SELECT ready, reason, epoch FROM rigalpha.status();
SELECT accepted FROM send('{"machine_id":"A","sensors":{"rpm":1}}');
ROLLBACK;
SELECT epoch, adopted_at FROM rigalpha.node;
SELECT count(*) FROM rigalpha.machines;
