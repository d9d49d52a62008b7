-- Sources, and what the worker does with them: lease, fence, ingest, positions, gaps, reports.
\set SHOW_CONTEXT never
DELETE FROM rigalpha.dead_letters;
SELECT rigalpha.create_kafka_source('plain', 'localhost:1', 'topic') IS NOT NULL AS id;
SELECT rigalpha.create_kafka_source('full', 'a:9092,b:9092', 'plant.readings', workers => 2, config =>
	'{"security.protocol":"SASL_SSL","sasl.username":"rig","sasl.password_file":"/etc/rig/password","ssl.ca.location":"/etc/ssl/ca","fetch.min.bytes":1,"socket.keepalive.enable":true,"sasl.oauthbearer.token.endpoint.url":"https://x"}') IS NOT NULL AS id;
SELECT name, brokers, topic, config, workers, paused, revision FROM rigalpha.worker_sources() ORDER BY name;

-- Literal secrets and what exactly-once delivery depends on are refused.
SELECT property, sqlstate_of(format($$SELECT rigalpha.create_kafka_source('bad', 'b', 't', jsonb_build_object(%L, 'x'))$$, property)) FROM unnest('{sasl.password,SASL.Password,ssl.key.password,ssl.keystore.password,ssl.key.pem,sasl.oauthbearer.client.secret,sasl.jaas.config,enable.auto.commit,enable.auto.offset.store,auto.offset.reset,isolation.level,bootstrap.servers,metadata.broker.list,plugin.library.paths,Enable.Auto.Commit}'::text[]) AS property;
SELECT rigalpha.create_kafka_source('bad', 'b', 't', '{"sasl.password":"hunter2"}');
SELECT rigalpha.create_kafka_source('bad', 'b', 't', '{"brokers":["a","b"]}');
UPDATE rigalpha.kafka_sources SET config = '{"sasl.password":"hunter2"}' WHERE name = 'plain';
SELECT argument, sqlstate_of(format('SELECT rigalpha.create_kafka_source(%s)', argument)) FROM unnest(ARRAY[$$'http', 'b', 't'$$, $$'', 'b', 't'$$, $$'a b', 'b', 't'$$, $$'plain', 'b', 't'$$, $$'n', '', 't'$$, $$'n', 'b', 'a/b'$$,
	$$'n', 'b', 't', '[]'$$, $$'n', 'b', 't', NULL$$, $$'n', 'b', 't', workers => 0$$, $$'n', 'b', 't', workers => 65$$, $$NULL, 'b', 't'$$]) AS argument;

-- Pausing moves the revision, so that a worker sees it; unknown names are an error.
SELECT rigalpha.pause_source('full'), rigalpha.pause_source('full');
SELECT name, paused, revision FROM rigalpha.worker_sources() ORDER BY name;
SELECT rigalpha.resume_source('full');
SELECT rigalpha.pause_source('nobody');
SELECT rigalpha.drop_source('nobody');

SELECT source, slot, state, topic, partitions, lag, rate, generation, messages, gaps FROM rigalpha.kafka_status ORDER BY source;
SELECT id AS src FROM rigalpha.kafka_sources WHERE name = 'full' \gset
SELECT pg_backend_pid() AS me \gset
-- Leases: a process that lives (this one) keeps its own, a dead one (pid 0) loses it. Partitions p with p mod slots = slot.
SELECT * FROM rigalpha.worker_claim(:src, 0, 2, 5, :me) ORDER BY 1;
SELECT * FROM rigalpha.worker_claim(:src, 0, 2, 5, 0);
SELECT * FROM rigalpha.worker_claim(:src, 1, 2, 5, 0) ORDER BY 1;
SELECT * FROM rigalpha.worker_claim(:src, 0, 1, 5, 0);
SELECT * FROM rigalpha.worker_claim(:src, 1, 2, 6, 0) ORDER BY 1;
SELECT * FROM rigalpha.worker_claim(:src, 0, 2, 6, :me) ORDER BY 1;
SELECT * FROM rigalpha.worker_claim(-1, 0, 1, 1, :me);
UPDATE rigalpha.kafka_workers SET leased_until = now() - interval '1 s' WHERE source_id = :src AND slot = 0;
SELECT * FROM rigalpha.worker_claim(:src, 0, 2, 5, 0) ORDER BY 1;
UPDATE rigalpha.kafka_workers SET holder_start = '2000-01-01' WHERE source_id = :src;
SELECT * FROM rigalpha.worker_claim(:src, 0, 2, 5, :me) ORDER BY 1;

CREATE FUNCTION message(n bigint) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(format('{"machine_id":"KAFKA","timestamp":%s,"rpm":%s}', 1709294400 + n, n), 'UTF8') $$;
CREATE VIEW positions AS SELECT "partition", next_offset, generation, high_watermark, messages, readings, duplicates, rejected, skipped FROM rigalpha.kafka_offsets o JOIN rigalpha.kafka_sources s ON s.id = o.source_id WHERE s.name = 'full' ORDER BY 1;
-- A batch over two partitions: rows, a dead letter, a tombstone, a duplicate; positions and counters with them.
SELECT * FROM rigalpha.worker_ingest(:src, 6, ARRAY[message(1), 'x', NULL, message(2), message(1), ''], NULL, '{0,0,0,2,2,2}', '{10,11,12,70,71,75}');
SELECT * FROM positions;
SELECT source, "partition", "offset", reading_index, reason FROM rigalpha.dead_letters;
-- Redelivered offsets are skipped, also in the middle of a batch and twice in one.
SELECT * FROM rigalpha.worker_ingest(:src, 6, ARRAY[message(1), 'x', message(3), 'y', message(3)], ARRAY[now(), now(), NULL, NULL, NULL], '{0,0,0,2,0}', '{10,11,13,75,13}');
SELECT * FROM positions WHERE next_offset > 0;
SELECT count(*) FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'KAFKA';
-- A stale generation is refused in every function that writes, for one partition of many, unknown ones and other sources.
SELECT statement, sqlstate_of(format(statement, :src)) FROM unnest(ARRAY['SELECT rigalpha.worker_ingest(%s, 5, ARRAY[message(9)], NULL, ''{0}'', ''{14}'')', 'SELECT rigalpha.worker_ingest(%s, 6, ARRAY[message(9), message(10)], NULL, ''{0,1}'', ''{14,14}'')',
	'SELECT rigalpha.worker_ingest(%s, 6, ARRAY[message(9)], NULL, ''{99}'', ''{14}'')', 'SELECT rigalpha.worker_ingest(-1, 6, ARRAY[message(9)], NULL, ''{0}'', ''{14}'')', 'SELECT rigalpha.worker_reject(%s, 5, ''x'', NULL, 0, 14, ''failed'', ''x'')',
	'SELECT rigalpha.worker_gap(%s, 5, 0, 14, 20, ''x'')', 'SELECT rigalpha.worker_ingest(%s, 6, ARRAY[message(9)], NULL, NULL, NULL)', 'SELECT rigalpha.worker_ingest(%s, 6, ARRAY[message(9)], NULL, ''{0}'', ''{1,2}'')']) AS statement;
SELECT * FROM rigalpha.worker_ingest(:src, 6, '{}', NULL, '{}', '{}');
-- A batch that fails takes its positions back.
SELECT sqlstate_of(format($$SELECT rigalpha.worker_ingest(%s, 6, array_agg(convert_to(format('{"machine_id":"KAFKA","timestamp":%%s,"rpm":1}', 1500000000 + n * 86400), 'UTF8')), NULL, array_agg(0), array_agg(100 + n)) FROM generate_series(1, 9) AS n$$, :src));
SELECT next_offset FROM positions WHERE "partition" = 0;

-- What a bisection ends at; what the broker lost, also backwards.
SELECT rigalpha.worker_reject(:src, 6, message(4), '2024-03-01 12:00:00Z', 0, 14, 'failed', 'an error');
SELECT rigalpha.worker_gap(:src, 6, 2, 76, 80, 'offset out of range');
SELECT rigalpha.worker_gap(:src, 6, 4, 0, -1, 'log started over');
SELECT * FROM positions WHERE next_offset > 0;
SELECT "offset", message_time = '2024-03-01 12:00:00Z' AS message_time, reading_index, machine, reason, detail, payload = message(4) AS same_bytes FROM rigalpha.dead_letters WHERE reason = 'failed';
SELECT "partition", from_offset, to_offset, reason FROM rigalpha.kafka_gaps ORDER BY id;

-- Reports renew the lease and show in kafka_status; one of a process without the lease does not touch it.
UPDATE rigalpha.kafka_workers SET leased_until = now() + interval '1 s', reported_at = now() - interval '2 s', messages = 0 WHERE source_id = :src;
SELECT rigalpha.worker_report(:src, 0, 2, :me, 'running', NULL, '{0,2,4,99}', '{20,90,-1,5}');
SELECT rigalpha.worker_report(:src, 0, 2, 0, 'waiting', 'not mine', '{}', '{}');
SELECT rigalpha.worker_report(:src, 0, 2, :me, 'disconnected', 'broker away', '{}', '{}');
SELECT leased_until > now() + interval '20 s' AS renewed, rate BETWEEN 1 AND 5 AS rate, messages FROM rigalpha.kafka_workers WHERE source_id = :src AND slot = 0;
SELECT source, slot, state, partitions, lag, pid = :me AS mine, last_error, messages, readings, duplicates, rejected, skipped, gaps FROM rigalpha.kafka_status ORDER BY source, slot;
SELECT rigalpha.worker_report(:src, 0, 2, :me, 'stopped', NULL, NULL, NULL);
SELECT state, pid FROM rigalpha.kafka_status WHERE source = 'full' AND slot = 0;
SELECT * FROM rigalpha.worker_claim(:src, 0, 1, 3, 0) ORDER BY 1;
SELECT count(*) FROM rigalpha.kafka_workers WHERE source_id = :src;

-- The topic of a source with stored positions stays; a dropped source takes its positions along, not the readings.
UPDATE rigalpha.kafka_sources SET topic = 'other' WHERE id = :src;
UPDATE rigalpha.kafka_sources SET brokers = 'c:9092' WHERE id = :src;
SELECT rigalpha.drop_source('full'), rigalpha.drop_source('plain');
SELECT (SELECT count(*) FROM rigalpha.kafka_offsets) AS offsets, (SELECT count(*) FROM rigalpha.kafka_workers) AS workers, (SELECT count(*) FROM rigalpha.kafka_gaps) AS gaps,
	(SELECT count(*) FROM rigalpha.dead_letters WHERE source = 'full') AS letters, (SELECT readings FROM rigalpha_api.machines WHERE name = 'KAFKA') AS readings;
-- In a database that is not adopted there is nothing to consume.
SELECT rigalpha.create_kafka_source('plain', 'localhost:1', 'topic') AS src \gset
BEGIN;
UPDATE rigalpha.node SET database_oid = 1;
SELECT count(*) FROM rigalpha.worker_sources();
SELECT count(*) FROM rigalpha.worker_claim(:src, 0, 1, 1, :me);
ROLLBACK;
SELECT rigalpha.drop_source('plain');
DROP VIEW positions;
DROP FUNCTION message;
