-- Every kind of input and what becomes of it: dead letter with its reason, value stored as null, or skipped.

SELECT coalesce(max(id), 0) AS before FROM rigalpha.dead_letters \gset

-- Shapes: nested, flat, both, array, empty array; white space and key order do not matter.
SELECT * FROM send('{"machine_id":"SHAPE","timestamp":"2024-03-01T12:00:00Z","state":"drilling","sensors":{"rpm":120.5,"spp":3000}}',
	'{"rpm":1,"machine_id":"SHAPE","timestamp":"2024-03-01T12:00:01Z"}',
	'{"rpm":1,"machine_id":"SHAPE","timestamp":"2024-03-01T12:00:02Z","sensors":{"spp":2}}',
	'[{"machine_id":"SHAPE","timestamp":1709294403,"rpm":-1.5e-3},{"machine_id":"SHAPE","timestamp":1709294404000,"spp":7}]',
	E' [ \n\t] ', E'\t{ "sensors" : { "rpm" : 1 } ,\r\n "timestamp" : 1709294405000000 , "machine_id" : "SHAPE" } ',
	'{"machine_id":"SHAPE","timestamp":1709294406000000000,"state":"idle"}');
SELECT ts AT TIME ZONE 'UTC' AS utc, rigalpha.state_name(state) AS state, sensor_values, rigalpha.flag_names(flags) AS flags
	FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'SHAPE' ORDER BY ts;
SELECT sensor, ts AT TIME ZONE 'UTC' AS utc, value FROM rigalpha.reading_values WHERE machine = 'SHAPE' ORDER BY sensor, ts;

-- Not JSON, as bytes.
SELECT payload, rejected, errors FROM send_bytes('not json', '{"machine_id":"OUT","rpm":1', '{"machine_id":"OUT","rpm":1}}', '{"machine_id":"OUT",}', '"text"', '17',
	'{"machine_id":"OUT\377","rpm":1}', '{"machine_id":"OUT","rpm":1,"x":"\303"}', '\xefbbbf7b7d', '\x00', '{"machine_id":"OUT","rpm":1}'::bytea || '\x00'::bytea,
	'{"machine_id":"OUT","rpm":NaN}', '{"machine_id":"OUT","rpm":-Infinity}', '{"machine_id":"OUT","x":[Infinity]}', '{"machine_id":"OUT","rpm":01}');
SELECT * FROM send('{"machine_id":"OUT","x":"\ud800"}', '{"machine_id":"OUT","\udc00":1}', '{"machine_id":"OUT","x":"\u0000","rpm":1}',
	'{"machine_id":"O\u0000UT","rpm":1}', '{"machine_id":"OUT","r\u0000pm":1}', '{"machine_id":"OUT","r\u0000pm":"x","rpm":1}', '{"machine_id":"OUT","x":"\ud83d\ude00","rpm":2}');

-- Keys: duplicates (also by escapes), but state as a sensor beside the state; depth; number of keys.
SELECT payload, accepted, rejected, errors FROM send('{"machine_id":"OUT","rpm":1,"rpm":1}', '{"machine_id":"OUT","sensors":{"rpm":1},"r\u0070m":1}',
	'{"machine_id":"OUT","machine_id":"OUT","rpm":1}', '{"machine_id":"OUT","state":"idle","sensors":{"state":1}}', '{"machine_id":"OUT","sensors":{"rpm":1},"sensors":{"spp":1}}',
	format('{"machine_id":"OUT","rpm":1,"x":%s%s}', repeat('[', 63), repeat(']', 63)), format('{"machine_id":"OUT","rpm":1,"x":%s%s}', repeat('[', 64), repeat(']', 64)));
SELECT accepted, rejected, errors FROM send((SELECT format('{"machine_id":"OUT",%s,"rpm":1}', string_agg(format('"key%s":null', n), ',')) FROM generate_series(1, 9998) AS n),
	(SELECT format('{"machine_id":"OUT",%s,"rpm":1}', string_agg(format('"key%s":null', n), ',')) FROM generate_series(1, 9999) AS n));

-- Names of machines and sensors.
SELECT payload, accepted, rejected, errors FROM send('{"timestamp":1709294400,"rpm":1}', '{"machine_id":null,"rpm":1}', '{"machine_id":7,"rpm":1}', '{"machine_id":"","rpm":1}',
	format('{"machine_id":"%s","rpm":1}', repeat('m', 64)), format('{"machine_id":"%s","rpm":1}', repeat('m', 63)), '{"machine_id":"a\tb","rpm":1}', '{"machine_id":"a\u0085b","rpm":1}',
	'{"machine_id":"OUT","":1}', '{"machine_id":"OUT","a\nb":1}', format('{"machine_id":"OUT","%s":1}', repeat('s', 64)), format('{"machine_id":"OUT","%s":"text","rpm":1}', repeat('s', 64)));

-- Nothing to store, or not a reading; the good readings of an array are kept.
SELECT * FROM send('{"machine_id":"OUT","timestamp":1709294410}', '{"machine_id":"OUT","timestamp":1709294411,"sensors":{}}', '[1,{"machine_id":"OUT","timestamp":1709294412,"rpm":1},null,[]]',
	'{"machine_id":"OUT","timestamp":1709294413,"state":"idle"}', '{}');

-- Times.
SELECT * FROM send('{"machine_id":"OUT","timestamp":"2024-03-01T12:00:20","rpm":1}', '{"machine_id":"OUT","timestamp":"yesterday","rpm":1}', '{"machine_id":"OUT","timestamp":"2024-02-30T00:00:00Z","rpm":1}',
	'{"machine_id":"OUT","timestamp":true,"rpm":1}', '{"machine_id":"OUT","timestamp":-5,"rpm":1}', '{"machine_id":"OUT","timestamp":"2999-01-01T00:00:00Z","rpm":1}', '{"machine_id":"OUT","timestamp":null,"rpm":1}');

-- A known sensor without a usable number: null and flagged, the rest is kept. An unknown one is no sensor.
SELECT * FROM send('{"machine_id":"VAL","timestamp":"2024-03-01T12:00:00Z","rpm":1,"spp":1,"rop":1,"wob":1,"torque":1,"hookload":1}',
	'{"machine_id":"VAL","timestamp":"2024-03-01T12:00:01Z","rpm":"1","spp":null,"rop":true,"wob":{"a":1},"torque":1e400,"hookload":2}',
	'{"machine_id":"VAL","timestamp":"2024-03-01T12:00:02Z","rpm":[1],"note":"text","sensors":{"spp":-1e400,"operator":{"name":"x"}}}',
	'{"machine_id":"VAL","timestamp":"2024-03-01T12:00:03Z","never_seen":1e400,"rpm":1e-400}');
SELECT to_char(ts AT TIME ZONE 'UTC', 'SS') AS second, sensor_values, rigalpha.flag_names(flags) AS flags
	FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'VAL' ORDER BY ts;
SELECT name FROM rigalpha.sensors WHERE name IN ('note', 'operator', 'never_seen');

-- Empty and missing payloads are skipped.
SELECT i.accepted, i.merged, i.duplicates, i.rejected, i.verdicts, i.errors FROM rigalpha.ingest(ARRAY['', NULL, '{"machine_id":"OUT","timestamp":1709294430,"rpm":1}', '']::bytea[], 'http') i;
SELECT * FROM rigalpha.ingest('{}', 'http');

-- Over 1 MiB: the first 4 KiB and the SHA-256; one byte less is taken whole.
CREATE TEMPORARY TABLE large AS SELECT convert_to(format('{"machine_id":"OUT","timestamp":%s,"rpm":1,"x":"%s"}', 1709294440 + over, repeat('x', 1048576 + over - 58)), 'UTF8') AS bytes FROM generate_series(0, 1) AS over;
SELECT octet_length(bytes) - 1048576 AS over, r.accepted, r.errors FROM large, send_bytes(bytes) r;
SELECT reason, detail, d.payload_size, octet_length(d.payload) AS kept, d.payload = substr(bytes, 1, 4096) AS first_bytes, payload_sha256 = sha256(bytes) AS same_hash
	FROM rigalpha.dead_letters d, large WHERE d.id > :before AND reason = 'too_large' AND octet_length(bytes) > 1048576;

-- The dead letter holds the very bytes, and the errors name it.
CREATE TEMPORARY TABLE sent AS SELECT '{"machine_id":"OUT\377","rpm":1}'::bytea AS bytes;
SELECT errors -> 0 ->> 'dead_letter_id' AS id FROM sent, rigalpha.ingest(ARRAY[bytes], 'http') \gset
SELECT d.payload = bytes AS same_bytes, payload_size = octet_length(bytes) AS same_size, payload_sha256, source, "partition", "offset"
	FROM sent, rigalpha.dead_letters d WHERE id = :id;
SELECT message_time, reading_index, machine, field, reason, detail, replayed_at FROM rigalpha.dead_letters WHERE id = :id;
SELECT reason, count(*) FROM rigalpha.dead_letters WHERE id > :before GROUP BY reason ORDER BY reason;

-- What this version does not take.
SELECT rigalpha.ingest(ARRAY['{}']::bytea[], 'http', formats => ARRAY['xml']);
SELECT rejected FROM rigalpha.ingest(ARRAY['{}']::bytea[], 'http', formats => ARRAY['json'], tokens => ARRAY[NULL]::bytea[]);
SELECT rigalpha.ingest(ARRAY[ARRAY['{}', '{}'], ARRAY['{}', '{}']]::bytea[], 'http');
SELECT rigalpha.ingest(NULL, 'http');
SELECT rigalpha.ingest(ARRAY['{}']::bytea[], NULL);
SELECT rigalpha.ingest(ARRAY['{}']::bytea[], 'http', times => '{}');
SELECT rigalpha.ingest(ARRAY['{}']::bytea[], 'http', partitions => '{1}');
SELECT rigalpha.ingest(ARRAY['{}']::bytea[], 'http', partitions => '{1}', offsets => ARRAY[NULL]::bigint[]);
