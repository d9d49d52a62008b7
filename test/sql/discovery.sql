-- Machines, sensors and positions that appear by themselves, and the quotas.
\set SHOW_CONTEXT never
CREATE VIEW positions AS
	SELECT m.name AS machine, string_agg(format('%s=%s', s.name, ms.position), ' ' ORDER BY ms.position) AS positions
	FROM rigalpha.machine_sensors ms JOIN rigalpha.machines m ON m.id = ms.machine_id JOIN rigalpha.sensors s ON s.id = ms.sensor_id
	WHERE m.name ~ '^DISC' GROUP BY m.name ORDER BY m.name COLLATE "C";
CREATE VIEW stored AS
	SELECT machine, string_agg(format('%s=%s', sensor, value), ' ' ORDER BY sensor COLLATE "C") AS "values", ts AT TIME ZONE 'UTC' AS utc
	FROM rigalpha.reading_values WHERE machine ~ '^DISC' GROUP BY machine, ts ORDER BY machine COLLATE "C", ts;

-- Positions are per machine: built-in sensors first, in their order, then new ones by name; later ones behind.
SELECT accepted FROM send('{"machine_id":"DISC1","timestamp":1709294400,"disc_b":1,"spp":2,"disc_a":3,"rpm":4}',
	'{"machine_id":"DISC2","timestamp":1709294400,"disc_a":5}');
SELECT accepted FROM send('{"machine_id":"DISC1","timestamp":1709294401,"ambient_temp":6,"disc_c":7}', '{"machine_id":"DISC2","timestamp":1709294401,"rpm":8,"disc_b":9}');
SELECT * FROM positions;
SELECT name, label, unit, category, origin, normal_min FROM rigalpha.sensors WHERE name ~ '^disc' OR name = 'rpm' ORDER BY name;
SELECT * FROM stored;
SELECT rigalpha.value(sensor_values, machine_id, 'disc_b'), rigalpha.value(sensor_values, machine_id, 'no_such') FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'DISC1' ORDER BY ts;

-- Discovery that is rolled back leaves no position behind in this backend.
BEGIN;
SELECT accepted FROM send('{"machine_id":"DISC3","timestamp":1709294400,"disc_x":1,"disc_y":2,"rpm":3}');
SELECT * FROM positions WHERE machine = 'DISC3';
ROLLBACK;
SELECT accepted FROM send('{"machine_id":"DISC4","timestamp":1709294400,"disc_y":4,"disc_z":5}');
SELECT accepted FROM send('{"machine_id":"DISC3","timestamp":1709294401,"disc_z":6,"disc_y":7}', '{"machine_id":"DISC3","timestamp":1709294402,"disc_x":8}');
SELECT * FROM positions WHERE machine >= 'DISC3';
SELECT * FROM stored WHERE machine >= 'DISC3';

-- The same with savepoints, in the middle of a transaction that commits.
BEGIN;
SELECT accepted FROM send('{"machine_id":"DISC5","timestamp":1709294400,"rpm":1}');
SAVEPOINT a;
SELECT accepted FROM send('{"machine_id":"DISC5","timestamp":1709294401,"disc_p":2}', '{"machine_id":"DISC6","timestamp":1709294401,"disc_q":3}');
SAVEPOINT b;
SELECT accepted FROM send('{"machine_id":"DISC6","timestamp":1709294402,"disc_p":4}');
ROLLBACK TO a;
SELECT accepted FROM send('{"machine_id":"DISC6","timestamp":1709294403,"disc_p":5,"rpm":6}', '{"machine_id":"DISC5","timestamp":1709294403,"disc_q":7}');
COMMIT;
SELECT accepted FROM send('{"machine_id":"DISC5","timestamp":1709294404,"disc_p":8,"disc_q":9,"rpm":10}');
SELECT * FROM positions WHERE machine >= 'DISC5';
SELECT * FROM stored WHERE machine >= 'DISC5';
-- An error has the same effect as a rollback.
DO $$
BEGIN
	PERFORM send('{"machine_id":"DISC7","timestamp":1709294400,"disc_e":1,"disc_f":2}');
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	PERFORM send('{"machine_id":"DISC7","timestamp":1709294401,"disc_f":3}');
END
$$;
SELECT * FROM stored WHERE machine = 'DISC7';

-- Quota of sensors: what is known is kept and flagged, the message becomes a dead letter.
INSERT INTO rigalpha.machines (name, sensor_quota) VALUES ('DISC8', 2);
SELECT * FROM send('{"machine_id":"DISC8","timestamp":1709294400,"disc_a":1,"disc_b":2,"disc_c":3,"disc_g":4,"disc_h":null}', '{"machine_id":"DISC8","timestamp":1709294401,"disc_g":5}',
	'{"machine_id":"DISC8","timestamp":1709294402,"disc_g":5,"state":"idle"}', '{"machine_id":"DISC8","timestamp":1709294403,"disc_a":6}');
SELECT extract(epoch FROM ts)::integer - 1709294400 AS second, sensor_values, rigalpha.flag_names(flags) AS flags FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'DISC8' ORDER BY ts;
SELECT detail FROM rigalpha.dead_letters WHERE machine = 'DISC8' ORDER BY id;
SELECT name FROM rigalpha.sensors WHERE name IN ('disc_g', 'disc_h');
UPDATE rigalpha.machines SET sensor_quota = 3 WHERE name = 'DISC8';
SELECT * FROM send('{"machine_id":"DISC8","timestamp":1709294400,"disc_a":1,"disc_b":2,"disc_c":3,"disc_g":4}');
SET rigalpha.sensor_quota = 1;
SELECT * FROM send('{"machine_id":"DISC9","timestamp":1709294400,"disc_b":1,"disc_a":2}');
RESET rigalpha.sensor_quota;
SELECT * FROM send('{"machine_id":"DISC9","timestamp":1709294400,"disc_b":1,"disc_a":2}');
SELECT * FROM positions WHERE machine >= 'DISC8';

-- Quota of machines.
SELECT set_config('rigalpha.machine_quota', (count(*) + 1)::text, false) IS NOT NULL AS set FROM rigalpha.machines;
SELECT * FROM send('{"machine_id":"QUOTA2","timestamp":1709294400,"disc_new":1}', '{"machine_id":"QUOTA1","timestamp":1709294400,"rpm":1}', '{"machine_id":"DISC1","timestamp":1709294500,"rpm":1}');
SELECT * FROM send('{"machine_id":"QUOTA2","timestamp":1709294400,"disc_new":1}', '{"machine_id":"QUOTA1","timestamp":1709294401,"rpm":1}');
SELECT count(*) FROM rigalpha.sensors WHERE name = 'disc_new';
RESET rigalpha.machine_quota;
SELECT * FROM send('{"machine_id":"QUOTA2","timestamp":1709294400,"disc_new":1}');

-- A machine that an admin entered takes a state alone as its first reading; one that was deleted appears anew.
INSERT INTO rigalpha.machines (name, label) VALUES ('DISCA', 'Entered by hand');
SELECT * FROM send('{"machine_id":"DISCA","timestamp":1709294400,"state":"idle"}');
SELECT label, state, readings FROM rigalpha_api.machines WHERE name = 'DISCA';
DELETE FROM rigalpha.machines WHERE name = 'DISC2';
SELECT * FROM send('{"machine_id":"DISC2","timestamp":1709294400,"disc_b":5}');
SELECT * FROM positions WHERE machine = 'DISC2';
SELECT * FROM stored WHERE machine = 'DISC2';

-- Positions cannot be changed or freed, not even by a superuser in passing.
UPDATE rigalpha.machine_sensors SET position = 9 WHERE position = 1;
DELETE FROM rigalpha.machine_sensors;
DELETE FROM rigalpha.sensors WHERE name = 'rpm';
UPDATE rigalpha.sensors SET name = 'disc_renamed' WHERE name = 'disc_a';
SELECT * FROM send('{"machine_id":"DISC1","timestamp":1709294600,"disc_renamed":1}');
SELECT * FROM positions WHERE machine = 'DISC1';
UPDATE rigalpha.sensors SET name = 'disc_a' WHERE name = 'disc_renamed';
DROP VIEW positions, stored;
