-- The same machine and instant again: duplicate, merge or conflict, inside a batch and across batches.
CREATE FUNCTION at(second integer, keys text) RETURNS text LANGUAGE sql
	AS $$ SELECT format('{"machine_id":"MERGE","timestamp":%s,%s}', 1709294400 + second, keys) $$;
CREATE VIEW stored AS
	SELECT (extract(epoch FROM ts) - 1709294400)::integer AS second, rigalpha.state_name(state) AS state, sensor_values, rigalpha.flag_names(flags) AS flags
	FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'MERGE' ORDER BY ts;
SELECT accepted FROM send(at(0, '"rpm":1,"torque":2,"spp":3'));

-- Across batches: equal values, fewer equal values, and no state are duplicates.
SELECT * FROM send(at(0, '"rpm":1,"torque":2,"spp":3'));
SELECT * FROM send(at(0, '"torque":2.0'));
SELECT * FROM send(at(0, '"torque":20e-1,"spp":"x"'));

-- Only what was not set is merged, and the state.
SELECT * FROM send(at(1, '"rpm":1'));
SELECT * FROM send(at(1, '"rpm":1,"torque":2'));
SELECT * FROM send(at(1, '"spp":3,"state":"drilling"'));
SELECT * FROM send(at(1, '"rpm":1,"torque":2,"spp":3,"state":"drilling"'));
SELECT * FROM stored WHERE second <= 1;

-- A differing value is a conflict, which changes nothing, also when other values would merge.
SELECT * FROM send(at(1, '"rpm":1.5'));
SELECT * FROM send(at(1, '"rpm":1,"wob":4,"spp":2.9999999999999996'));
SELECT * FROM send(at(1, '"state":"idle","wob":4'));
SELECT * FROM send(at(0, '"rpm":-1'), at(2, '"rpm":1'));
SELECT * FROM stored WHERE second <= 2;

-- Negative zero equals zero; a sensor that the machine never had merges into a wider row.
SELECT * FROM send(at(3, '"rpm":0'), at(3, '"rpm":-0.0'), at(3, '"merge_new":1'));
SELECT * FROM send(at(3, '"merge_newer":2'));

-- Inside one batch, in order of arrival: the first stands, the others merge or conflict with what stands by then.
SELECT * FROM send(at(4, '"rpm":1'), at(4, '"rpm":1'), at(4, '"torque":2'), at(4, '"torque":3'), at(4, '"state":"idle"'), at(4, '"state":"drilling"'), at(4, '"rpm":1,"torque":2,"state":"idle"'));
SELECT * FROM send(format('[%s,%s,%s]', at(5, '"rpm":1'), at(5, '"torque":2'), at(5, '"rpm":2')));
-- Inside a batch and with the stored row at once, out of order.
SELECT * FROM send(at(6, '"rpm":1'), at(5, '"spp":3'), at(6, '"torque":2'), at(5, '"spp":3'), at(5, '"spp":4'), at(4, '"rpm":1'));
SELECT * FROM stored WHERE second BETWEEN 3 AND 6;

-- An alias and its sensor are one: an alias of the machine before one of the fleet before a sensor.
INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'Drehzahl', id FROM rigalpha.sensors WHERE name = 'rpm';
INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'pressure', id FROM rigalpha.sensors WHERE name = 'rpm';
INSERT INTO rigalpha.sensor_aliases (alias, machine_id, sensor_id)
	SELECT 'pressure', m.id, s.id FROM rigalpha.sensors s, rigalpha.machines m WHERE s.name = 'spp' AND m.name = 'MERGE';
SELECT * FROM send(at(7, '"Drehzahl":5,"pressure":6'), at(7, '"rpm":5'), at(7, '"spp":7'));
SELECT * FROM send(at(8, '"Drehzahl":5,"rpm":6'));
SELECT sensor, value FROM rigalpha.reading_values WHERE machine = 'MERGE' AND ts IN (to_timestamp(1709294407), to_timestamp(1709294408)) ORDER BY ts, sensor;
-- An alias may take over a name that the machine already uses for a sensor.
INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'merge_new', id FROM rigalpha.sensors WHERE name = 'gas_total';
SELECT * FROM send(at(9, '"merge_new":8'));
SELECT sensor, value FROM rigalpha.reading_values WHERE machine = 'MERGE' AND ts = to_timestamp(1709294409);
DELETE FROM rigalpha.sensor_aliases;
SELECT * FROM send(at(10, '"Drehzahl":5,"pressure":6'));
SELECT sensor, value FROM rigalpha.reading_values WHERE machine = 'MERGE' AND ts = to_timestamp(1709294410) ORDER BY sensor;

-- The latest state counts rows once and holds what was merged.
SELECT st.readings = (SELECT count(*) FROM stored) AS counted_once, rigalpha.state_name(st.state) AS state FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'MERGE';
SELECT * FROM send(at(20, '"rpm":7'));
SELECT * FROM send(at(20, '"torque":8,"state":"coring"'));
SELECT state, values -> 'rpm' AS rpm, values -> 'torque' AS torque, values -> 'spp' AS spp FROM rigalpha_api.live WHERE machine = 'MERGE';

-- The dead letter of a conflict names the machine, the sensor and the reading of the payload.
SELECT reading_index, machine, field, reason, detail, convert_from(payload, 'UTF8') AS payload FROM rigalpha.dead_letters
	WHERE machine = 'MERGE' AND reason = 'conflict' ORDER BY id LIMIT 3;
DROP VIEW stored;
DROP FUNCTION at;
