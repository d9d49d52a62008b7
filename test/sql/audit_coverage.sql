-- Nothing that an admin may call or change goes without an entry: what is not known here fails.
\set SHOW_CONTEXT never
\set regression :DBNAME
CREATE DATABASE regress_coverage;
\c regress_coverage
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
CREATE TABLE calls (function text, prepare text, call text, why_none text, id serial);
INSERT INTO calls (function, prepare, call) VALUES
	('adopt', 'UPDATE rigalpha.node SET system_identifier = 0', 'SELECT rigalpha.adopt()'),
	('audit_enable', 'CREATE TABLE mine (id integer PRIMARY KEY)', $$SELECT rigalpha.audit_enable('mine')$$),
	('audit_baseline', $$CREATE TABLE mine (id integer PRIMARY KEY); SELECT rigalpha.audit_enable('mine'); INSERT INTO mine VALUES (1)$$, $$SELECT rigalpha.audit_baseline('mine')$$),
	('audit_note', NULL, $$SELECT rigalpha.audit_note('noted')$$),
	('cancel_job', 'SELECT a_job()', 'SELECT rigalpha.cancel_job((SELECT max(id) FROM rigalpha.jobs))'),
	('train_async', NULL, $$SELECT rigalpha.train_async('m', 'wave', 'iforest')$$),
	('train', NULL, $$SELECT rigalpha.train('m', 'wave', 'iforest', options => '{"trees":2}')$$),
	('deploy', 'SELECT two_versions()', $$SELECT rigalpha.deploy('m', 1)$$),
	('undeploy', 'SELECT two_versions()', $$SELECT rigalpha.undeploy('m')$$),
	('rollback_model', 'SELECT two_versions()', $$SELECT rigalpha.rollback_model('m')$$),
	('drop_model', $$SELECT two_versions(); SELECT rigalpha.undeploy('m')$$, $$SELECT rigalpha.drop_model('m')$$),
	('grant_model', 'SELECT two_versions()', $$SELECT rigalpha.grant_model('m', 'rigalpha_viewer')$$),
	('revoke_model', $$SELECT two_versions(); SELECT rigalpha.grant_model('m', 'rigalpha_viewer')$$, $$SELECT rigalpha.revoke_model('m', 'rigalpha_viewer')$$),
	('import_model', 'SELECT two_versions()', $$SELECT rigalpha.import_model('n', rigalpha.export_model('m'))$$),
	('create_first_admin', NULL, $$SELECT rigalpha.create_first_admin(a_hash())$$),
	('create_user', NULL, $$SELECT rigalpha.create_user('u', 'viewer')$$),
	('change_role', 'SELECT a_user()', $$SELECT rigalpha.change_role('u', 'operator')$$),
	('set_machines', 'SELECT a_user()', $$SELECT rigalpha.set_machines('u', '{COVER}')$$),
	('set_db_role', 'SELECT a_user()', $$SELECT rigalpha.set_db_role('u', 'somebody')$$),
	('disable_user', 'SELECT a_user()', $$SELECT rigalpha.disable_user('u')$$),
	('enable_user', $$SELECT a_user(); SELECT rigalpha.disable_user('u')$$, $$SELECT rigalpha.enable_user('u')$$),
	('set_password_hash', 'SELECT a_user()', $$SELECT rigalpha.set_password_hash('u', a_hash())$$),
	('clear_totp', $$SELECT a_user(); UPDATE rigalpha.users SET totp_secret = '\x00112233445566778899aabbccddeeff' WHERE name = 'u'$$, $$SELECT rigalpha.clear_totp('u')$$),
	('login_failed', NULL, $$SELECT rigalpha.login_failed('nobody', '192.0.2.1')$$),
	('login_succeeded', 'SELECT a_user()', $$SELECT rigalpha.login_succeeded(a_user_id(), a_hash(), '192.0.2.1')$$),
	('create_session', 'SELECT a_user()', $$SELECT rigalpha.create_session(a_user_id(), a_token())$$),
	('end_session', 'SELECT a_session()', $$SELECT rigalpha.end_session(a_token())$$),
	('revoke_session', 'SELECT a_session()', $$SELECT rigalpha.revoke_session((SELECT max(id) FROM rigalpha.sessions))$$),
	('revoke_other_sessions', 'SELECT a_session(); SELECT rigalpha.create_session(a_user_id(), a_token() || $$2$$)', $$SELECT rigalpha.begin_session(a_token()), rigalpha.revoke_other_sessions()$$),
	('set_own_password_hash', 'SELECT a_session(); SELECT rigalpha.begin_session(a_token())', $$SELECT rigalpha.set_own_password_hash(a_hash())$$),
	('set_own_totp', 'SELECT a_session(); SELECT rigalpha.begin_session(a_token())', $$SELECT rigalpha.set_own_totp('\x00112233445566778899aabbccddeeff')$$),
	('confirm_own_totp', $$SELECT a_session(); SELECT rigalpha.begin_session(a_token()); SELECT rigalpha.set_own_totp('\x00112233445566778899aabbccddeeff')$$, $$SELECT rigalpha.confirm_own_totp(1)$$),
	('issue_token', NULL, $$SELECT rigalpha.issue_token('COVER', 't')$$),
	('revoke_token', $$SELECT rigalpha.issue_token('COVER', 't')$$, $$SELECT rigalpha.revoke_token((SELECT max(id) FROM rigalpha.api_tokens))$$),
	('create_kafka_source', NULL, $$SELECT rigalpha.create_kafka_source('s', 'b', 't')$$),
	('set_source_paused', $$SELECT rigalpha.create_kafka_source('s', 'b', 't')$$, $$SELECT rigalpha.set_source_paused('s', true)$$),
	('pause_source', $$SELECT rigalpha.create_kafka_source('s', 'b', 't')$$, $$SELECT rigalpha.pause_source('s')$$),
	('resume_source', $$SELECT rigalpha.create_kafka_source('s', 'b', 't'); SELECT rigalpha.pause_source('s')$$, $$SELECT rigalpha.resume_source('s')$$),
	('drop_source', $$SELECT rigalpha.create_kafka_source('s', 'b', 't')$$, $$SELECT rigalpha.drop_source('s')$$),
	('ensure_partitions', NULL, $$SELECT rigalpha.ensure_partitions('{2024-05-05}')$$),
	('protect_data', NULL, 'SELECT rigalpha.protect_data()'),
	('replay_dead_letters', NULL, 'SELECT rigalpha.replay_dead_letters()'),
	('set_threshold', NULL, $$SELECT rigalpha.set_threshold('rpm', hi => 1)$$);
INSERT INTO calls (function, prepare, call) VALUES
	('change_user', 'SELECT a_user()', $$SELECT rigalpha_api.change_user('u', '{"disabled":true}')$$),
	('note_refusal', 'SELECT a_session(); SELECT rigalpha.begin_session(a_token())', $$SELECT rigalpha.note_refusal('GET /users')$$),
	('ack_alarm', 'SELECT an_alarm()', 'SELECT rigalpha.ack_alarm((SELECT max(id) FROM rigalpha.alarms))'),
	('clear_alarm', 'SELECT an_alarm()', 'SELECT rigalpha.clear_alarm((SELECT max(id) FROM rigalpha.alarms))'),
	('reopen_alarm', 'SELECT an_alarm(); SELECT rigalpha.clear_alarm((SELECT max(id) FROM rigalpha.alarms))', 'SELECT rigalpha.reopen_alarm((SELECT max(id) FROM rigalpha.alarms))'),
	('shelve_alarm', 'SELECT an_alarm()', $$SELECT rigalpha.shelve_alarm((SELECT max(id) FROM rigalpha.alarms), clock_timestamp() + interval '1 h')$$),
	('unshelve_alarm', $$SELECT an_alarm(); SELECT rigalpha.shelve_alarm((SELECT max(id) FROM rigalpha.alarms), clock_timestamp() + interval '1 h')$$, 'SELECT rigalpha.unshelve_alarm((SELECT max(id) FROM rigalpha.alarms))'),
	('act_on_alarm', 'SELECT an_alarm()', $$SELECT rigalpha_api.act_on_alarm((SELECT max(id) FROM rigalpha.alarms), 'ack', '{}')$$),
	('put_threshold', NULL, $$SELECT rigalpha_api.put_threshold('{"sensor":"rpm","hi":1}')$$),
	('delete_threshold', $$SELECT rigalpha.set_threshold('rpm', hi => 1)$$, $$SELECT rigalpha_api.delete_threshold('{"sensor":"rpm"}')$$),
	('audit_check_guard', NULL, 'SELECT rigalpha.audit_check_guard()'),
	('audit_prune', 'SELECT a_checkpoint()', $$SELECT rigalpha.audit_prune(now(), rigalpha.audit_segment_hash(now()))$$),
	('audit_redact', NULL, $$SELECT rigalpha.audit_redact((SELECT min(entry_id) FROM rigalpha.audit_log), 'asked for')$$);
INSERT INTO calls (function, why_none) VALUES
	('audit_integrate', 'the tree is made of the log'),
	('audit_store_checkpoint', 'a checkpoint vouches for the log and not the other way'),
	('begin_session', 'says who acts; what is done then has entries'),
	('check_token', 'every message of a device would be one; refusals are entries of ingest()'),
	('ingest', 'readings are what the log is not for; incidents and refusals are entries'),
	('login_lookup', 'charges an attempt, which then fails or succeeds'),
	('setup', 'a second one does nothing');

SELECT rigalpha.ensure_partitions('{}') IS NOT NULL AS ready;
CREATE TABLE wave AS SELECT now() + n * interval '1 s' AS ts, sin(n)::float8 AS a, cos(n)::float8 AS b FROM generate_series(1, 300) AS n;
CREATE FUNCTION a_hash() RETURNS text LANGUAGE sql AS $$ SELECT '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE' $$;
CREATE FUNCTION a_token() RETURNS text LANGUAGE sql AS $$ SELECT repeat('t', 43) $$;
CREATE FUNCTION a_user() RETURNS void LANGUAGE sql AS $$ SELECT rigalpha.create_user('u', 'viewer', a_hash(), must_change_password => false) $$;
CREATE FUNCTION a_user_id() RETURNS integer LANGUAGE sql AS $$ SELECT id FROM rigalpha.users WHERE name = 'u' $$;
CREATE FUNCTION a_session() RETURNS void LANGUAGE sql AS $$ SELECT a_user(); SELECT rigalpha.create_session(a_user_id(), a_token()) $$;
CREATE FUNCTION two_versions() RETURNS void LANGUAGE sql AS $$
	SELECT rigalpha.train('m', 'wave', 'iforest', options => '{"trees":2}'); SELECT rigalpha.train('m', 'wave', 'iforest', options => '{"trees":2}') $$;
CREATE FUNCTION a_job() RETURNS void LANGUAGE sql AS $$
	INSERT INTO rigalpha.jobs (model, source_text, algorithm, options, seed, deploy, settings, acting_role)
		VALUES ('m', 'wave', 'iforest', '{}', 1, false, '{}', session_user) $$;
CREATE FUNCTION a_checkpoint() RETURNS void LANGUAGE sql AS $$
	SELECT rigalpha.audit_integrate(); SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\n— key signature\n') FROM rigalpha.audit_checkpoint_proposal(0) p $$;
INSERT INTO rigalpha.machines (name) VALUES ('COVER');
CREATE FUNCTION an_alarm() RETURNS bigint LANGUAGE sql AS $$
	SELECT rigalpha.raise_alarm(id, NULL, 'incident', 'covered', 'low', now()) FROM rigalpha.machines WHERE name = 'COVER' $$;

-- How many entries a call leaves, and what it is refused with; nothing of it stays.
CREATE FUNCTION entries_of(prepare text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	newest bigint;
	made bigint;
	statement text;
BEGIN
	FOREACH statement IN ARRAY string_to_array(coalesce(prepare, ''), '; ') LOOP
		EXECUTE statement;
	END LOOP;
	SELECT max(id) INTO newest FROM rigalpha.audit_entries;
	EXECUTE call;
	SELECT count(*) INTO made FROM rigalpha.audit_entries WHERE id > newest;
	RAISE EXCEPTION USING MESSAGE = made || ' entries', ERRCODE = 'P0099';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN SQLSTATE = 'P0099' AND made > 0 THEN 'entry' WHEN SQLSTATE = 'P0099' THEN 'none' ELSE SQLERRM END;
END $$;
SET client_min_messages = error;
SELECT function, entries_of(prepare, call) AS leaves FROM calls WHERE call IS NOT NULL AND entries_of(prepare, call) <> 'entry' ORDER BY id;
RESET client_min_messages;

-- Every function that changes something, for whoever may call it.
SELECT DISTINCT p.proname AS unknown_function FROM pg_proc p, unnest('{rigalpha_admin,rigalpha_web,rigalpha_ingest}'::name[]) AS r (role)
	WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype
		AND has_function_privilege(r.role, p.oid, 'EXECUTE') AND p.proname NOT IN (SELECT function FROM calls) ORDER BY 1;
SELECT function AS is_gone FROM calls WHERE function NOT IN (SELECT proname FROM pg_proc WHERE pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace));

-- Every table that somebody may change: what its rows and its emptying leave.
SELECT c.oid::regclass AS not_audited FROM pg_class c, unnest('{rigalpha_admin,rigalpha_web,rigalpha_ingest,rigalpha_worker,rigalpha_simulator}'::name[]) AS r (role)
	WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
		AND (has_any_column_privilege(r.role, c.oid, 'INSERT, UPDATE') OR has_table_privilege(r.role, c.oid, 'DELETE, TRUNCATE'))
		AND (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname IN ('rigalpha_audit', 'rigalpha_audit_truncate') AND t.tgenabled = 'A') < 2
	GROUP BY 1 ORDER BY 1;
SELECT t.tgrelid::regclass AS untouched_column, a.attname FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0
	WHERE t.tgname = 'rigalpha_audit_update' AND has_column_privilege('rigalpha_admin', t.tgrelid, a.attnum, 'UPDATE')
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.refobjid = t.tgrelid AND d.refobjsubid = a.attnum);
-- By trying.
SELECT statement FROM (VALUES
	($$UPDATE rigalpha.machines SET label = 'x' WHERE name = 'COVER'$$), ($$DELETE FROM rigalpha.sensors WHERE name = 'rpm'$$),
	($$INSERT INTO rigalpha.simulator_control (name) VALUES ('cover')$$), ('TRUNCATE rigalpha.simulator_control'),
	($$INSERT INTO rigalpha.machine_sensors (machine_id, sensor_id, position) SELECT m.id, s.id, 1 FROM rigalpha.machines m, rigalpha.sensors s WHERE s.name = 'rpm'$$),
	($$INSERT INTO rigalpha.thresholds (sensor_id, hi) SELECT id, 1 FROM rigalpha.sensors WHERE name = 'rpm'$$),
	($$INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'alias', id FROM rigalpha.sensors WHERE name = 'rpm'$$)) AS s (statement)
	WHERE entries_of(NULL, statement) <> 'entry';
\c :regression
DROP DATABASE regress_coverage;
