-- Limits: temporal by plain UPDATE and DELETE, a machine's row before the fleet's.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SELECT accepted FROM send('{"machine_id":"LIM1","timestamp":1709294400,"rpm":1,"spp":1}', '{"machine_id":"LIM2","timestamp":1709294400,"rpm":1}');
CREATE VIEW effective AS SELECT m.name AS machine, s.name AS sensor, e.fleet, e.lolo, e.lo, e.hi, e.hihi, e.deadband, e.on_delay, e.off_delay
	FROM rigalpha.effective_thresholds e JOIN rigalpha.machines m ON m.id = e.machine_id JOIN rigalpha.sensors s ON s.id = e.sensor_id WHERE m.name IN ('LIM1', 'LIM2') ORDER BY 1, 2;
-- Rows of rpm with times as the number of the change.
CREATE VIEW history AS SELECT m.name AS machine, t.lo, t.hi, dense_rank() OVER (ORDER BY valid_from) AS begins, CASE WHEN valid_to < 'infinity' THEN (SELECT count(DISTINCT valid_from) FROM rigalpha.thresholds x WHERE x.valid_from <= t.valid_to) END AS ends
	FROM rigalpha.thresholds t LEFT JOIN rigalpha.machines m ON m.id = t.machine_id ORDER BY m.name, valid_from;

-- For all machines, then for one; what applies; nothing for machines without the sensor.
SELECT rigalpha.set_threshold('rpm', lo => 60, hi => 180) IS NOT NULL AS id;
SELECT * FROM effective;
SELECT rigalpha.set_threshold('rpm', 'LIM2', lo => 50, hi => 150, hihi => 170, deadband => 2, on_delay => '5 s', off_delay => '10 s') AS id \gset
SELECT rigalpha.set_threshold('spp', lolo => 100, hihi => 4000) IS NOT NULL AS id;
SELECT * FROM effective;

-- A change closes the row, which keeps its id for the current one; the periods join without a gap.
SELECT rigalpha.set_threshold('rpm', 'LIM2', lo => 55, hi => 155) = :id AS same_id;
UPDATE rigalpha.thresholds SET hi = 160 WHERE id = :id;
SELECT * FROM history;
SELECT count(*) FROM rigalpha.thresholds a JOIN rigalpha.thresholds b ON b.machine_id = a.machine_id AND b.sensor_id = a.sensor_id AND b.valid_from = a.valid_to;
SELECT * FROM effective WHERE sensor = 'rpm';
-- Several changes in one transaction leave one closed row: the others never applied.
BEGIN;
UPDATE rigalpha.thresholds SET hi = 161 WHERE id = :id;
UPDATE rigalpha.thresholds SET hi = 162 WHERE id = :id;
COMMIT;
SELECT * FROM history;
-- A deleted override leaves its history, and the fleet's row applies again.
DELETE FROM rigalpha.thresholds WHERE id = :id;
SELECT * FROM history;
SELECT * FROM effective WHERE sensor = 'rpm';
SELECT rigalpha.set_threshold('rpm', 'LIM2', hi => 99) IS NOT NULL AS id;
SELECT * FROM effective WHERE sensor = 'rpm';

-- What is refused: the past, another machine, an end; senseless limits; unknown names; a second current row.
UPDATE rigalpha.thresholds SET hi = 1 WHERE valid_to < 'infinity';
DELETE FROM rigalpha.thresholds WHERE valid_to < 'infinity';
UPDATE rigalpha.thresholds SET machine_id = NULL WHERE hi = 99;
UPDATE rigalpha.thresholds SET valid_to = now() WHERE hi = 99;
SELECT rigalpha.set_threshold('no_such');
SELECT rigalpha.set_threshold('rpm', 'NOBODY', hi => 1);
SELECT sqlstate_of('INSERT INTO rigalpha.thresholds (sensor_id, hi) SELECT id, 1 FROM rigalpha.sensors WHERE name = $$rpm$$');
SELECT limits, sqlstate_of(format('SELECT rigalpha.set_threshold(%L, %s)', 'torque', limits)) FROM unnest(ARRAY['deadband => 1', 'lo => 2, hi => 1', 'lolo => 2, lo => 1', 'hi => 2, hihi => 1', 'lolo => 2, hihi => 1',
	$$hi => 'NaN'$$, $$hi => 'Infinity'$$, $$lo => '-Infinity', hi => 1$$, 'hi => 1, deadband => -1', $$hi => 1, deadband => 'NaN'$$, $$hi => 1, on_delay => '-1 s'$$, 'lo => 1, hi => 1', 'lolo => 0, lo => 1, hi => 2, hihi => 3']) AS limits;

-- valid_from cannot be set by a change, and history cannot be forged by an update of the id.
UPDATE rigalpha.thresholds SET valid_from = '2000-01-01', id = 7 WHERE hi = 99;
SELECT count(*) FROM rigalpha.thresholds WHERE valid_from < '2020-01-01' OR id = 7 AND hi = 99;

-- A deleted machine takes its limits along.
DELETE FROM rigalpha.machines WHERE name = 'LIM2';
SELECT count(*) FROM rigalpha.thresholds WHERE machine_id IS NOT NULL;
DROP VIEW effective, history;
