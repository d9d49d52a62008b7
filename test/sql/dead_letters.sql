-- Dead letters: where they come from, how they do not multiply, and how they are replayed.
DELETE FROM rigalpha.dead_letters;
CREATE VIEW letters AS
	SELECT id, source, "partition" AS part, "offset" AS off, reading_index AS reading, machine, field, reason, payload IS NOT NULL AS holds_bytes, payload_size AS size, replayed_at IS NOT NULL AS replayed
	FROM rigalpha.dead_letters;
CREATE FUNCTION from_kafka(part integer, off bigint, payload text) RETURNS TABLE (accepted integer, merged integer, duplicates integer, rejected integer) LANGUAGE sql AS $$
	SELECT i.accepted, i.merged, i.duplicates, i.rejected
	FROM rigalpha.ingest(ARRAY[convert_to(payload, 'UTF8')], 'letters', times => '{2024-03-01 12:00:00Z}', partitions => ARRAY[part], offsets => ARRAY[off]) i $$;

-- Position and time of the message stand in the letter; the same message again is the same letter.
SELECT * FROM from_kafka(3, 41, '{"machine_id":"LETTER","rpm":1,');
SELECT * FROM from_kafka(3, 41, '{"machine_id":"LETTER","rpm":1,');
SELECT * FROM from_kafka(4, 41, '{"machine_id":"LETTER","rpm":1,');
SELECT source, part, off, reading, machine, reason, holds_bytes, size, replayed FROM letters ORDER BY id;
SELECT DISTINCT message_time AT TIME ZONE 'UTC' AS message_time, received_at > now() - interval '1 h' AS received FROM rigalpha.dead_letters;

-- A log that started over has other messages at the same offsets, with other times.
SELECT i.rejected FROM rigalpha.ingest('{other}', 'letters', times => '{2024-03-02 12:00:00Z}', partitions => '{3}', offsets => '{41}') i;
SELECT "offset", message_time AT TIME ZONE 'UTC' AS message_time, convert_from(payload, 'UTF8') AS payload FROM rigalpha.dead_letters WHERE "partition" = 3 ORDER BY id;

-- Of several refused readings of a payload one letter holds the bytes; more than a hundred share one.
SELECT * FROM from_kafka(3, 42, '[{"machine_id":"LETTER","timestamp":1709294400,"rpm":1},{"rpm":2},{"machine_id":"LETTER","timestamp":"x","rpm":3},7]');
SELECT part, off, reading, machine, field, reason, holds_bytes, size FROM letters WHERE off = 42 ORDER BY id;
SELECT count(DISTINCT coalesce(payload_id, id)) AS holders FROM rigalpha.dead_letters WHERE "offset" = 42;
SELECT * FROM from_kafka(3, 43, (SELECT format('[%s]', string_agg('{}', ',')) FROM generate_series(1, 150)));
SELECT count(*), count(payload) AS holders, min(reading_index), max(reading_index), max(detail) AS detail FROM rigalpha.dead_letters WHERE "offset" = 43;
SELECT jsonb_array_length(errors), rejected FROM rigalpha.ingest(ARRAY[convert_to((SELECT format('[%s]', string_agg('{}', ',')) FROM generate_series(1, 150)), 'UTF8')], 'http');
SELECT rejected, errors FROM send((SELECT format('[%s]', string_agg('1', ',')) FROM generate_series(1, 20001)));

-- Names and keys of any length and kind in a letter.
SELECT rejected, left(errors, 60) AS errors FROM send(format('{"machine_id":"LETTER","%s":1}', repeat('ä', 5000)), '{"machine_id":"LETTER","\u00e4\"\\\u0001":1}');
SELECT max(octet_length(field)) FROM rigalpha.dead_letters WHERE machine = 'LETTER';

-- Replay: what is refused again stays open, as the same letter.
DELETE FROM rigalpha.dead_letters;
SELECT * FROM from_kafka(3, 44, '{"machine_id":"LETTER","rpm":1,"letter_new":2}');
SELECT * FROM from_kafka(3, 45, 'nonsense');
SET rigalpha.machine_quota = 0;
SELECT * FROM from_kafka(3, 46, '{"machine_id":"LETTER2","rpm":1}');
RESET rigalpha.machine_quota;
UPDATE rigalpha.machines SET sensor_quota = 2 WHERE name = 'LETTER';
-- Two readings without a time: one is stored, the other is over the quota.
SELECT * FROM from_kafka(3, 47, '[{"machine_id":"LETTER","rpm":5},{"machine_id":"LETTER","letter_newer":6}]');
SET rigalpha.retention_days = 1;
SELECT rejected FROM send('{"machine_id":"LETTER","timestamp":1709294300,"rpm":7}');
SELECT rigalpha.replay_dead_letters();
RESET rigalpha.retention_days;
SELECT off, reason, replayed FROM letters ORDER BY id;
UPDATE rigalpha.machines SET sensor_quota = NULL WHERE name = 'LETTER';
-- Only the oldest first; only the named ones; the rest.
SELECT rigalpha.replay_dead_letters(max_rows => 1);
SELECT rigalpha.replay_dead_letters(ARRAY(SELECT id FROM letters WHERE off = 47));
SELECT off, reason, replayed FROM letters ORDER BY id;
SELECT rigalpha.replay_dead_letters();
SELECT rigalpha.replay_dead_letters();
SELECT off, reason, replayed FROM letters ORDER BY id;
-- Nothing was stored twice, and each reading has the time that it would have had.
SELECT machine, sensor, to_char(ts AT TIME ZONE 'UTC', 'HH24:MI:SS.US') AS ts, value FROM rigalpha.reading_values WHERE machine ~ '^LETTER' ORDER BY machine, ts, sensor;

-- A letter without a time of its own is replayed with the time at which it was received.
SET rigalpha.machine_quota = 0;
SELECT rejected FROM send('{"machine_id":"LETTER3","rpm":8}');
RESET rigalpha.machine_quota;
UPDATE rigalpha.dead_letters SET received_at = '2024-03-01 15:00:00Z' WHERE machine = 'LETTER3';
SELECT rigalpha.replay_dead_letters(ARRAY(SELECT id FROM letters WHERE machine = 'LETTER3'));
SELECT ts AT TIME ZONE 'UTC' AS ts, value FROM rigalpha.reading_values WHERE machine = 'LETTER3';

-- A message that was too large to keep cannot be replayed.
SET rigalpha.max_payload = 1024;
SELECT rejected FROM send(format('{"machine_id":"LETTER","timestamp":1709294999,"rpm":1,"x":"%s"}', repeat('x', 1024)));
RESET rigalpha.max_payload;
SELECT rigalpha.replay_dead_letters(ARRAY(SELECT max(id) FROM letters));
-- The view for the sidecar shows all but the bytes.
SELECT source, "partition", "offset", reading_index, machine, reason, payload_size, replayed_at IS NULL AS open FROM rigalpha_api.dead_letters ORDER BY id;
DROP FUNCTION from_kafka;
DROP VIEW letters;
