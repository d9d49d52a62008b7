-- atomic => true: all of a batch or nothing, and the caller keeps what was refused.
\set SHOW_CONTEXT never
SELECT coalesce(max(id), 0) AS before FROM rigalpha.dead_letters \gset
CREATE FUNCTION send_atomic(VARIADIC payloads text[])
	RETURNS TABLE (accepted integer, merged integer, duplicates integer, rejected integer, verdicts smallint[], errors text) LANGUAGE sql AS $$
	SELECT i.accepted, i.merged, i.duplicates, i.rejected, i.verdicts,
		(SELECT string_agg(concat_ws(' ', e ->> 'payload', e ->> 'reading', e ->> 'field', e ->> 'reason', e ->> 'dead_letter_id'), ', ') FROM jsonb_array_elements(i.errors) e)
	FROM rigalpha.ingest(ARRAY(SELECT convert_to(p, 'UTF8') FROM unnest(payloads) WITH ORDINALITY AS u (p, n) ORDER BY n), 'http', atomic => true) i
	$$;
CREATE VIEW stored AS SELECT extract(epoch FROM ts)::integer - 1709294400 AS second, sensor_values
	FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'ATOMIC' ORDER BY ts;

-- A refused reading takes everything back: rows, machine and sensors, partitions.
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294400,"rpm":1,"atomic_sensor":1}', '{"machine_id":"ATOMIC","timestamp":1709294401', '', '{"machine_id":"ATOMIC","timestamp":1200000000,"rpm":1}');
SELECT count(*) FROM stored;
SELECT count(*) FROM rigalpha.machines WHERE name = 'ATOMIC';
SELECT count(*) FROM rigalpha.sensors WHERE name = 'atomic_sensor';
SELECT to_regclass('rigalpha.readings_20080110');

-- All good; then a conflict with what is stored, a merge beside it is taken back.
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294400,"rpm":1}', '{"machine_id":"ATOMIC","timestamp":1709294401,"rpm":2}');
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294400,"spp":5}', '{"machine_id":"ATOMIC","timestamp":1709294401,"rpm":3}', '{"machine_id":"ATOMIC","timestamp":1709294402,"rpm":3}');
SELECT * FROM stored;
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294400,"spp":5}', '{"machine_id":"ATOMIC","timestamp":1709294401,"rpm":2}', '{"machine_id":"ATOMIC","timestamp":1709294402,"rpm":3}');
SELECT * FROM stored;
SELECT readings, sensor_values FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'ATOMIC';

-- A value stored as null is no refusal; values over the quota are, since they would be lost.
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294403,"rpm":"x","spp":1}');
UPDATE rigalpha.machines SET sensor_quota = 2 WHERE name = 'ATOMIC';
SELECT * FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294404,"rpm":1,"torque":1}');
SELECT * FROM stored WHERE second >= 3;

-- An error in an atomic batch is an error, and the transaction can go on after a savepoint.
BEGIN;
SAVEPOINT s;
SELECT send_atomic(VARIADIC ARRAY(SELECT format('{"machine_id":"ATOMIC","timestamp":%s,"rpm":1}', 1100000000 + n * 86400) FROM generate_series(1, 9) AS n));
ROLLBACK TO s;
SELECT accepted FROM send('{"machine_id":"ATOMIC","timestamp":1709294405,"rpm":1}');
COMMIT;
SELECT * FROM stored WHERE second >= 3;
SELECT count(*) FROM rigalpha.dead_letters WHERE id > :before;

-- Inside one transaction: a batch that is taken back leaves the one before it alone, with its savepoints and cursors.
BEGIN;
SELECT accepted FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294406,"rpm":1}');
DECLARE c CURSOR FOR SELECT * FROM stored WHERE second = 6;
SELECT rejected FROM send_atomic('{"machine_id":"ATOMIC","timestamp":1709294407,"rpm":1}', 'x');
FETCH ALL FROM c;
COMMIT;
SELECT max(second) FROM stored;
DROP VIEW stored;
DROP FUNCTION send_atomic;

-- A read-only transaction stores nothing, although rows go past the executor.
BEGIN READ ONLY;
SELECT accepted FROM send('{"machine_id":"ATOMIC","timestamp":1709294408,"rpm":1}');
ROLLBACK;
