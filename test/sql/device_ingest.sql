-- Payloads that come with the token of a device, under a quota, and requests that act once.
\set SHOW_CONTEXT never
SELECT coalesce(max(id), 0) AS letters FROM rigalpha.dead_letters \gset
SELECT coalesce(max(id), 0) AS entries FROM rigalpha.audit_entries \gset
INSERT INTO rigalpha.machines (id, name) VALUES (910001, 'DEV1'), (910002, 'DEV2');
-- As audit_log, but also of the transaction that is under way.
CREATE VIEW noted AS SELECT e.id, d.* FROM rigalpha.audit_entries e, rigalpha.audit_decode(e.payload) d;
CREATE TABLE made (n integer PRIMARY KEY, token text);
INSERT INTO made VALUES (1, rigalpha.issue_token('DEV1', 'gateway')), (2, rigalpha.issue_token('DEV1', 'near', network => '192.0.2.0/24')),
	(3, rigalpha.issue_token('DEV1', 'slow', readings_per_minute => 3)), (4, rigalpha.issue_token('DEV1', 'old')), (5, rigalpha.issue_token('DEV1', 'lost')), (6, rigalpha.issue_token('DEV2', 'gateway'));
UPDATE rigalpha.api_tokens SET expires_at = clock_timestamp() WHERE name = 'old';
SELECT rigalpha.revoke_token(id) FROM rigalpha.api_tokens WHERE name = 'lost';
CREATE FUNCTION token(n integer) RETURNS bytea LANGUAGE sql STABLE AS $$ SELECT token::bytea FROM made m WHERE m.n = token.n $$;
-- Readings of a machine at numbered seconds, as one payload.
CREATE FUNCTION body(machine text, VARIADIC seconds integer[]) RETURNS bytea LANGUAGE sql STABLE AS $$
	SELECT convert_to(json_agg(json_build_object('machine_id', machine, 'timestamp', 1709300000 + s, 'rpm', s))::text, 'UTF8') FROM unnest(seconds) s $$;
CREATE FUNCTION errors(list jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(concat_ws(' ', e ->> 'payload', e ->> 'reading', e ->> 'reason', CASE WHEN (e ->> 'retry_after')::integer BETWEEN 1 AND 60 THEN 'later' END,
		CASE WHEN e ->> 'dead_letter_id' IS NOT NULL THEN 'letter' END), ', ') FROM jsonb_array_elements(list) e $$;
CREATE FUNCTION send_as(payloads bytea[], tokens bytea[], keys text[] DEFAULT NULL, addresses inet[] DEFAULT NULL, OUT verdicts smallint[], OUT errors text) LANGUAGE sql AS $$
	SELECT i.verdicts, errors(i.errors) FROM rigalpha.ingest(payloads, 'http', tokens => tokens, keys => keys, addresses => addresses) i $$;
CREATE FUNCTION stored(machine text) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name = stored.machine $$;

-- A good token, beside payloads without one and with another.
SELECT * FROM send_as(ARRAY[body('DEV1', 1, 2), body('DEV2', 1), body('DEV2', 2)], ARRAY[token(1), NULL, token(6)]);
SELECT stored('DEV1'), stored('DEV2');
-- Readings of another machine are refused in the same words, known or not, and what is not known is not discovered.
SELECT * FROM send_as(ARRAY[convert_to(format('[%s,%s,%s]', trim(convert_from(body('DEV1', 3), 'UTF8'), '[]'), trim(convert_from(body('DEV2', 3), 'UTF8'), '[]'), trim(convert_from(body('DEV3', 3), 'UTF8'), '[]')), 'UTF8')], ARRAY[token(1)]);
SELECT machine, reading_index, reason, detail, field FROM rigalpha.dead_letters WHERE id > :letters ORDER BY id;
SELECT stored('DEV1'), stored('DEV2'), (SELECT count(*) FROM rigalpha.machines WHERE name = 'DEV3') AS discovered;
-- What is refused for its time as well is foreign first; a replay stores none of it, not even of its own machine.
SELECT * FROM send_as(ARRAY['[{"machine_id":"DEV2","timestamp":"2999-01-01T00:00:00Z","rpm":1},{"machine_id":"DEV1","timestamp":"2999-01-01T00:00:00Z","rpm":1}]']::bytea[], ARRAY[token(1)]);
SELECT * FROM rigalpha.replay_dead_letters((SELECT array_agg(id) FROM rigalpha.dead_letters WHERE id > :letters));
-- Nor when the foreign one is among those that share a letter.
SELECT errors ~ '0 -1 foreign_machine letter$' AS shared FROM send_as(ARRAY[(SELECT convert_to(json_agg(json_build_object('machine_id', CASE n WHEN 150 THEN 'DEV2' ELSE 'DEV1' END, 'timestamp', '2999-01-01T00:00:00Z', 'rpm', 1))::text, 'UTF8') FROM generate_series(1, 150) AS n)], ARRAY[token(1)]);
SELECT * FROM rigalpha.replay_dead_letters((SELECT array_agg(id) FROM rigalpha.dead_letters WHERE id > :letters));
-- A reading without a machine is of that of the token.
SELECT * FROM send_as(ARRAY['{"timestamp":1709300000,"rpm":1}']::bytea[], ARRAY[token(1)]);

-- Bad tokens: nothing is stored, no dead letter, whatever the payload is.
SELECT count(*) AS letters_before FROM rigalpha.dead_letters \gset
SELECT * FROM send_as(array_fill(body('DEV1', 4), '{9}') || ARRAY['not json'::bytea],
	ARRAY[token(4), token(5), token(2), 'x', '', '\xff', convert_to(repeat('x', 5000), 'UTF8'), convert_to('rig_00000000_' || repeat('A', 43), 'UTF8'), token(1) || 'A', token(5)]);
SELECT * FROM send_as(ARRAY[body('DEV1', 5), body('DEV1', 6), body('DEV1', 7)], ARRAY[token(2), token(2), token(2)], addresses => '{192.0.2.9,192.0.3.9,NULL}');
SELECT count(*) - :letters_before AS letters, stored('DEV1') FROM rigalpha.dead_letters;

-- Quota: a payload that does not fit is refused whole; one that is not JSON counts as one reading.
SELECT * FROM send_as(ARRAY[body('DEV1', 10), body('DEV1', 11, 12, 13), 'no'::bytea, body('DEV1', 14), body('DEV1', 15)], ARRAY[token(3), token(3), token(3), token(3), token(3)]);
SELECT * FROM send_as(ARRAY[body('DEV1', 16)], ARRAY[token(3)]);
SELECT readings, minute = date_trunc('minute', minute) AS whole FROM rigalpha.token_usage;
UPDATE rigalpha.token_usage SET minute = minute - interval '1 min';
SELECT * FROM send_as(ARRAY[body('DEV1', 16)], ARRAY[token(3)]);
SELECT readings FROM rigalpha.token_usage;
-- Names that are new are counted once.
SELECT * FROM send_as(ARRAY['{"machine_id":"DEV1","timestamp":1709300020,"dev_new":1}']::bytea[], ARRAY[token(3)]);
SELECT readings FROM rigalpha.token_usage;

-- Keys: the second time the same answer, and nothing is stored twice although the readings have no time.
CREATE TABLE answers AS SELECT 1 AS n, i.verdicts, i.errors FROM rigalpha.ingest(ARRAY['{"machine_id":"DEV1","rpm":1}', 'no', '{"machine_id":"DEV1","rpm":2}']::bytea[], 'http', tokens => ARRAY[token(1), token(1), token(1)], keys => ARRAY['boot:1', '', '']) i;
SELECT stored('DEV1') AS before \gset
INSERT INTO answers SELECT 2, i.verdicts, i.errors FROM rigalpha.ingest(ARRAY['{"machine_id":"DEV1","rpm":1}', 'no', '{"machine_id":"DEV1","rpm":2}']::bytea[], 'http', tokens => ARRAY[token(1), token(1), token(1)], keys => ARRAY['boot:1', '', '']) i;
SELECT n, verdicts, errors(errors), errors = first_value(errors) OVER (ORDER BY n) AS same FROM answers ORDER BY n;
SELECT stored('DEV1') - :before AS more;
-- Behind another payload the errors count from there; another token or none has keys of its own; another body or division is refused.
SELECT * FROM send_as(ARRAY[body('DEV2', 30), '{"machine_id":"DEV1","rpm":1}', 'no', '{"machine_id":"DEV1","rpm":2}'], ARRAY[NULL, token(1), token(1), token(1)], '{NULL,boot:1,"",""}');
SELECT * FROM send_as(ARRAY[body('DEV2', 31), body('DEV2', 32)], ARRAY[token(6), NULL], '{boot:1,boot:1}');
SELECT * FROM send_as(ARRAY[body('DEV1', 33)], ARRAY[token(1)], '{boot:1}');
SELECT * FROM send_as(ARRAY['{"machine_id":"DEV1","rpm":1}no', '{"machine_id":"DEV1","rpm":2}']::bytea[], ARRAY[token(1), token(1)], '{boot:1,""}');
-- The same request twice, and another with its key, in one batch.
SELECT * FROM send_as(ARRAY['{"machine_id":"DEV1","rpm":1}', 'bad', '{"machine_id":"DEV1","rpm":1}', 'bad', '{"machine_id":"DEV1","rpm":3}']::bytea[], array_fill(token(1), '{5}'), '{twice,"",twice,"",twice}');
SELECT stored('DEV1') - :before AS more;
-- What the quota refused whole may come again with its key, and what it took in part may not.
UPDATE rigalpha.token_usage SET readings = 3, minute = date_trunc('minute', clock_timestamp());
SELECT * FROM send_as(ARRAY[body('DEV1', 40), body('DEV1', 40)], ARRAY[token(3), token(3)], '{late,late}');
UPDATE rigalpha.token_usage SET readings = 2, minute = date_trunc('minute', clock_timestamp());
SELECT * FROM send_as(ARRAY[body('DEV1', 40)], ARRAY[token(3)], '{late}');
UPDATE rigalpha.token_usage SET readings = 2, minute = date_trunc('minute', clock_timestamp());
SELECT * FROM send_as(ARRAY[body('DEV1', 41), body('DEV1', 42)], ARRAY[token(3), token(3)], '{part,""}');
UPDATE rigalpha.token_usage SET readings = 0;
SELECT * FROM send_as(ARRAY[body('DEV1', 41), body('DEV1', 42)], ARRAY[token(3), token(3)], '{part,""}');
-- A bad token leaves no key, an atomic batch that was taken back neither.
SELECT * FROM send_as(ARRAY[body('DEV1', 43)], ARRAY[token(5)], '{lost}');
SELECT verdicts, errors(errors) FROM rigalpha.ingest(ARRAY[body('DEV1', 44), 'bad'], 'http', keys => '{whole,""}', atomic => true);
SELECT token_id = '' AS anonymous, key, octet_length(payload_sha256), verdicts FROM rigalpha.ingest_keys ORDER BY key, 1, verdicts;
UPDATE rigalpha.ingest_keys SET at = at - interval '25 h' WHERE key = 'boot:1';
SELECT rigalpha.device_tick();
SELECT key FROM rigalpha.ingest_keys ORDER BY key;
-- Keys that are none.
SELECT problem(format('SELECT rigalpha.ingest(%L, $$http$$, keys => %L)', ARRAY[body('DEV1', 50)], ARRAY[k])) FROM unnest(ARRAY['a b', E'a\tb', 'ä', repeat('x', 129), '']) AS k;
SELECT problem(format('SELECT rigalpha.ingest(%L, $$http$$, tokens => %L, keys => %L)', ARRAY[body('DEV1', 50), body('DEV1', 51)], ARRAY[token(1), token(6)], ARRAY['k', '']));
SELECT sqlstate_of(format('SELECT rigalpha.ingest(%L, $$http$$, %s)', ARRAY[body('DEV1', 50)], a)) FROM unnest(ARRAY['keys => $${}$$', 'tokens => $${}$$', 'addresses => $${}$$, tokens => ARRAY[NULL]::bytea[]']) AS a;

-- Refusals stand in the audit log, of each token at most ten a minute; the rest is counted. Of the tokens there is the id only.
SELECT a.kind, a.source, a.operation, a.reason, count(*) FROM noted a WHERE a.id > :entries AND a.kind = 'refusal' GROUP BY 1, 2, 3, 4 ORDER BY 3, 4;
SELECT new - 'token' AS new, new ->> 'token' = (SELECT id FROM rigalpha.api_tokens WHERE name = 'gateway' AND machine_id = 910001) AS its_id FROM noted WHERE id > :entries AND reason = 'foreign_machine' ORDER BY id;
SELECT count(*) AS found FROM rigalpha.audit_entries e, made WHERE e.id > :entries AND position(substr(token, 14)::bytea IN e.payload) > 0;
SELECT count(*) AS found FROM rigalpha.dead_letters d, made WHERE d.id > :letters AND strpos(d::text, substr(token, 14)) > 0;
BEGIN;
DELETE FROM rigalpha.audit_floods;
SELECT count(*) FILTER (WHERE rigalpha.audit_refusal('test:' || n % 2, 'refusal', 'test', 'try', 'no', '{n}', ARRAY[n::text])) AS written FROM generate_series(1, 50) AS n;
SELECT subject, written, suppressed FROM rigalpha.audit_floods ORDER BY subject;
UPDATE rigalpha.audit_floods SET minute = '2024-01-01 00:00Z';
SELECT rigalpha.audit_refusal('test:2', 'refusal', 'test', 'try');
SELECT rigalpha.accounts_tick();
SELECT count(*) AS left FROM rigalpha.audit_floods;
SELECT operation, reason, count(*), min(new ->> 'subject') AS first, max(new ->> 'subject') AS last FROM noted WHERE source = 'test' GROUP BY 1, 2 ORDER BY 1, 2;
-- Failed logins: by user, or by network for names that are none, which are not written.
SELECT rigalpha.create_user('deva', 'viewer') > 0 AS made;
SELECT count(rigalpha.login_failed(name, address::inet)) FROM generate_series(1, 6), (VALUES ('deva', '192.0.2.1'), ('DEVA', '198.51.100.1'), ('devb', '192.0.2.7'), ('devc', '192.0.2.8'), ('devd', NULL)) AS v (name, address);
SELECT replace(subject, (SELECT id FROM rigalpha.users WHERE name = 'deva')::text, 'N') AS subject, written, suppressed FROM rigalpha.audit_floods WHERE kind = 'login' ORDER BY 1;
SELECT DISTINCT new ->> 'user' AS user FROM noted WHERE kind = 'login' AND operation = 'failed' AND id > :entries ORDER BY 1;
-- What a route refused a user.
SELECT rigalpha.create_session((SELECT id FROM rigalpha.users WHERE name = 'deva'), repeat('d', 43), '192.0.2.1') > 0 AS made;
SET LOCAL ROLE rigalpha_web;
SELECT user_name FROM rigalpha.begin_session(repeat('d', 43));
SELECT rigalpha.note_refusal('POST /api/v1/users');
RESET ROLE;
SELECT user_name, source, operation, new FROM (SELECT app_user AS user_name, source, operation, new FROM noted WHERE id > :entries AND operation = 'forbidden') f;
ROLLBACK;
SELECT sqlstate_of(s) FROM unnest(ARRAY['SET ROLE rigalpha_ingest; SELECT rigalpha.audit_refusal($$x$$, $$refusal$$, $$x$$, $$x$$)', 'SET ROLE rigalpha_viewer; SELECT rigalpha.note_refusal($$x$$)']) AS s;
DELETE FROM rigalpha.machines WHERE id > 910000;
DROP FUNCTION token, body, errors, send_as, stored;
DROP TABLE made, answers;
DROP VIEW noted;
