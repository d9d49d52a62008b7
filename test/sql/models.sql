-- Versions of models: what they are trained on, how they are kept, deployed, granted and moved.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
CREATE TABLE wave AS
	SELECT (ARRAY['MA', 'MB'])[1 + n % 2] AS machine, '2024-03-01Z'::timestamptz + n * interval '1 s' AS ts,
		(sin(n * 0.1) + sin(n * n))::float8 AS alpha, (100 * cos(n * 0.07) + n % 7)::real AS beta, ((n * 37) % 101)::integer AS gamma, ((n * 13) % 17)::numeric(10, 2) AS delta,
		n % 3 = 0 AS flag, 'x' || n AS note
	FROM generate_series(1, 1000) AS n;
-- Trains a small forest and tells what it saw.
CREATE FUNCTION learn(source text, machine text DEFAULT NULL, options jsonb DEFAULT '{}')
	RETURNS TABLE (rows bigint, machines text, features text[], data_from timestamptz, data_to timestamptz) LANGUAGE sql AS $$
	SELECT rigalpha.train('learn', source, 'iforest', machine, '{"trees":5}'::jsonb || options, deploy => false);
	SELECT source_rows, metrics ->> 'machines', feature_names, data_from, data_to FROM rigalpha.model_versions WHERE model = 'learn' ORDER BY version DESC LIMIT 1 $$;

-- train() returns one row and says what it did.
SELECT model, version, status, rows_used, train_ms > 0 AS timed, metrics ->> 'rows' AS rows FROM rigalpha.train('first', 'wave', 'iforest', options => '{"trees":5}');
SELECT model, version, status, rows_used FROM rigalpha.train('first', 'wave', 'iforest', deploy => false, options => '{"trees":5}', seed => 7);
SELECT model, version, machine, status, deployed, features, feature_names, rows_used, data_from, data_to, restricted, created_by = session_user AS mine, options, payload_size > 100 AS payload FROM rigalpha.models WHERE model = 'first' ORDER BY version;
SELECT version, algorithm, seed, source_text, source_rows, isa IS NOT NULL AS isa, ext_version = (SELECT extversion FROM pg_extension WHERE extname = 'rigalpha') AS ext_version, payload_crc BETWEEN 1 AND 4294967295 AS crc, feature_hash <> 0 AS hash FROM rigalpha.model_versions WHERE model = 'first' ORDER BY version;
-- The same seed gives the same model, another one does not.
SET client_min_messages = warning;
SELECT version FROM rigalpha.train('first', 'wave', 'iforest', options => '{"trees":5}', deploy => false);
SELECT a.version, b.version FROM rigalpha.model_versions a JOIN rigalpha.model_versions b ON b.model = a.model AND b.payload = a.payload AND b.version > a.version WHERE a.model = 'first';

-- Sources: by name, also one that needs quotes, as any one SELECT; what is no number is no sensor.
CREATE SCHEMA "Odd Place";
CREATE VIEW "Odd Place"."a ""view"", or; two" AS SELECT ts, alpha AS "Al""pha", beta AS "sensor, β" FROM wave;
SELECT * FROM learn('public.wave');
SELECT * FROM learn('"Odd Place"."a ""view"", or; two"');
SELECT * FROM learn('SELECT * FROM wave;');
SELECT * FROM learn(E'-- first\nSELECT * FROM wave -- last');
SELECT * FROM learn('WITH w AS (SELECT ts, alpha FROM wave) TABLE w');
SELECT * FROM learn('VALUES ' || (SELECT string_agg(format('(%s, %s)', sin(n), n % 7), ', ') FROM generate_series(1, 200) AS n));
SELECT * FROM learn('TABLE wave', 'MB');
-- Time: timestamp is taken in the time zone of the session, and none is the order of arrival. Equal times are rows of their own.
SELECT * FROM learn('SELECT ts::timestamp, alpha FROM wave');
SET TimeZone = 'Asia/Tokyo';
SELECT data_from FROM learn($$SELECT ts AT TIME ZONE 'UTC' AS ts, alpha FROM wave$$);
SET TimeZone = 'UTC';
SELECT * FROM learn('SELECT alpha, beta FROM wave');
SELECT * FROM learn($$SELECT '2024-01-01Z'::timestamptz AS ts, alpha FROM wave$$);
-- machine_id stands for machine, of any type; jsonb and json by key, whatever is no number left out; non-finite numbers are missing.
SELECT * FROM learn('SELECT gamma % 5 AS machine_id, ts, alpha FROM wave');
SELECT * FROM learn('SELECT machine, 7 AS machine_id, ts, alpha FROM wave');
SELECT * FROM learn($$SELECT machine, ts, jsonb_build_object('zeta', alpha, 'eta', beta, 'flag', flag, 'note', note, 'none', null, 'deep', jsonb_build_object('x', 1)) AS sensors, gamma FROM wave$$);
SELECT * FROM learn($$SELECT ts, json_build_object('only_' || machine, alpha, 'alpha', alpha, 'beta', beta, 'huge', CASE WHEN gamma > 90 THEN 1e300 ELSE gamma END) AS sensors FROM wave$$);
SELECT * FROM learn($$SELECT ts, alpha, 'NaN'::float8 AS never, CASE WHEN gamma > 50 THEN 'Infinity' ELSE beta END AS sometimes FROM wave$$);
-- Readings: by the positions of the machine, in the order of the dictionary; sensors that never came are left out.
SELECT sum(accepted) FROM generate_series(1, 240) AS n, send(format('{"machine_id":"LEARN1","timestamp":%s,"rpm":%s,"torque":%s,"zz_own":%s}', 1709294400 + n, n % 9, n % 11, n % 5), format('{"machine_id":"LEARN2","timestamp":%s,"torque":%s,"spp":%s}', 1709294400 + n, n % 13, CASE WHEN n > 60 THEN n % 3 ELSE 1 END));
SELECT * FROM learn($$SELECT * FROM rigalpha.readings WHERE machine_id IN (SELECT id FROM rigalpha.machines WHERE name ~ '^LEARN')$$);
SELECT * FROM learn('rigalpha.readings', 'LEARN1');
SELECT * FROM learn($$SELECT * FROM rigalpha.training_readings('LEARN2')$$, 'LEARN2');
SELECT * FROM learn($$SELECT * FROM rigalpha.training_readings('LEARN2', 200)$$);
SELECT problem($$SELECT learn('rigalpha.readings', 'NOBODY')$$);
-- Readings inside an incident are no healthy ones.
INSERT INTO rigalpha.incidents (machine_id, kind, started, ended, peak_ts) SELECT id, 'anomaly', '2024-03-01 12:00:11Z', '2024-03-01 12:00:15Z', '2024-03-01 12:00:12Z' FROM rigalpha.machines WHERE name = 'LEARN1';
SELECT count(*), min(ts) FROM rigalpha.training_readings('LEARN1');
DELETE FROM rigalpha.incidents;
-- The newest rows, as many of each machine where there are enough.
SELECT * FROM learn($$SELECT CASE WHEN n <= 1000 THEN 'many' WHEN n <= 1100 THEN 'some' ELSE 'few' END AS machine, '2024-01-01Z'::timestamptz + interval '1 h' * (n > 1000)::int + n * interval '1 s' AS ts, sin(n) AS a
	FROM generate_series(1, 1120) AS n ORDER BY md5(n::text)$$, options => '{"max_rows":160}');
SELECT * FROM learn($$SELECT '2024-01-01Z'::timestamptz + n * interval '1 s' AS ts, sin(n) AS a FROM generate_series(1, 5000) AS n ORDER BY md5(n::text)$$, options => '{"max_rows":1000}');
SELECT * FROM learn('SELECT sin(n) AS a FROM generate_series(1, 5000) AS n', options => '{"max_rows":1000}');

-- What is no source.
SELECT source, problem(format('SELECT rigalpha.train(''bad'', %L)', source)) FROM unnest(ARRAY['', '  ', '-- nothing', 'SELECT 1; SELECT 2', 'wave; DROP TABLE wave', 'SELECT 1) AS x; DROP TABLE wave; SELECT (1', 'DELETE FROM wave RETURNING alpha', 'WITH d AS (DELETE FROM wave RETURNING *) SELECT * FROM d',
	'SELECT * FROM wave FOR UPDATE', 'SELECT * INTO copy FROM wave', 'CREATE TABLE copy AS TABLE wave', 'COPY wave TO STDOUT', 'EXPLAIN SELECT 1', 'DO $$BEGIN END$$', 'SELEC 1', 'no_such', 'no.such', 'a.b.c.d', 'SELECT * FROM wave WHERE machine = $1', 'SELECT note, ts FROM wave', 'SELECT flag FROM wave', 'SELECT alpha, alpha FROM wave',
	'SELECT alpha, note AS ts FROM wave', 'SELECT alpha, gamma AS ts FROM wave', 'SELECT alpha, CASE WHEN gamma > 5 THEN ts END AS ts FROM wave', $$SELECT alpha, 'infinity'::timestamptz AS ts FROM wave$$, 'SELECT alpha, CASE WHEN gamma > 5 THEN machine END AS machine FROM wave', 'SELECT 1 AS machine_id, ts, ARRAY[1] AS sensor_values FROM wave',
	'SELECT alpha FROM wave WHERE false', 'SELECT alpha FROM wave LIMIT 99', 'SELECT NULL::float8 AS a FROM wave', $$SELECT '{}'::jsonb AS sensors FROM wave$$, $$SELECT jsonb_build_object(repeat('k', 64), 1) AS sensors FROM wave$$, $$SELECT jsonb_build_object('', 1) AS sensors FROM wave$$,
	$$SELECT (SELECT jsonb_object_agg('s' || i, i) FROM generate_series(1, 1601) AS i) AS sensors FROM wave$$, 'SELECT 1 / (gamma - 50) AS a FROM wave']) AS source;
SELECT problem($$SELECT rigalpha.train('bad', 'wave', 'iforest', 'MC')$$);
SELECT count(*) FROM wave;
-- Memory is capped, time is limited, and nothing is left behind.
SET rigalpha.train_mem = '16MB';
SELECT problem($$SELECT rigalpha.train('bad', 'SELECT n AS a, n AS b, n AS c, n AS d FROM generate_series(1, 400000) AS n')$$);
SELECT problem($$SELECT rigalpha.train('bad', 'SELECT n % 7 AS a, n % 5 AS b FROM generate_series(1, 1000) AS n', 'lstm_ae', options => '{"hidden":256,"batch":1024,"stride":1}')$$) ~ '^53200' AS capped;
RESET rigalpha.train_mem;
SET statement_timeout = '200 ms';
SELECT rigalpha.train('bad', 'SELECT n % 7 AS a, n % 5 AS b FROM generate_series(1, 20000) AS n', 'lstm_ae', options => '{"hidden":128,"epochs":1000,"patience":1000,"stride":1}');
SELECT rigalpha.train('bad', 'SELECT n AS a FROM generate_series(1, 1000000000) AS n');
RESET statement_timeout;
SELECT count(*) FROM rigalpha.model_registry WHERE model = 'bad';

-- Versions are append-only.
SELECT problem('UPDATE rigalpha.model_versions SET metrics = ''{}'''), problem('DELETE FROM rigalpha.model_versions'), problem('TRUNCATE rigalpha.model_versions');
SELECT sqlstate_of('SELECT rigalpha.keep_version()');

-- Deployment: the latest one applies; rollback goes back, further when repeated; history stays.
SELECT rigalpha.train('life', 'wave', 'iforest', options => format('{"trees":%s}', n)::jsonb, deploy => false) IS NOT NULL AS trained FROM generate_series(1, 4) AS n;
SELECT problem($$SELECT rigalpha.model_payload('life')$$), problem($$SELECT rigalpha.undeploy('life')$$), problem($$SELECT rigalpha.rollback_model('life')$$);
SELECT rigalpha.deploy('life', 1);
SELECT rigalpha.deploy('life', 2);
SELECT rigalpha.deploy('life', 3);
SELECT version, deployed, deployed_at IS NOT NULL AS at FROM rigalpha.models WHERE model = 'life' ORDER BY version;
SELECT version, octet_length(payload) > 100 AS payload FROM rigalpha.model_payload('life');
SELECT version FROM rigalpha.model_payload('life', 4);
SELECT rigalpha.rollback_model('life'), rigalpha.rollback_model('life');
SELECT problem($$SELECT rigalpha.rollback_model('life')$$);
SELECT rigalpha.deploy('life', 4);
SELECT rigalpha.rollback_model('life');
SELECT rigalpha.undeploy('life');
SELECT rigalpha.rollback_model('life');
SELECT version, machine, reinstates IS NOT NULL AS rollback, deployed_by = session_user AS mine FROM rigalpha.model_deployments WHERE model = 'life' ORDER BY id;
SELECT version FROM rigalpha.model_payload('life');
SELECT call, problem('SELECT rigalpha.' || call) FROM unnest(ARRAY[$$deploy('life', 9)$$, $$deploy('life', NULL)$$, $$deploy('none', 1)$$, $$undeploy('none')$$, $$rollback_model('none')$$, $$drop_model('none')$$, $$drop_model('life', 9)$$, $$drop_model('life', 1)$$,
	$$model_payload('none')$$, $$model_payload('life', 9)$$, $$export_model('none')$$, $$export_model('life', 9)$$, $$grant_model('none', 'rigalpha_viewer')$$]) AS call;
-- Only what is ready.
INSERT INTO rigalpha.model_versions (model, version, algorithm, status, feature_names, feature_hash, options, seed, metrics, payload, payload_crc, ext_version) VALUES ('life', 5, 'pca', 'unusable', '{a}', 1, '{}', 1, '{}', 'x', 1, 'x');
UPDATE rigalpha.model_registry SET last_version = 5 WHERE model = 'life';
SELECT problem($$SELECT rigalpha.deploy('life', 5)$$);
-- Numbers are not used again; a dropped version is skipped by a rollback.
SELECT rigalpha.drop_model('life', 5);
SELECT rigalpha.drop_model('life', 2);
SELECT version FROM rigalpha.train('life', 'wave', 'iforest', options => '{"trees":5}');
SELECT rigalpha.deploy('life', 3);
SELECT rigalpha.rollback_model('life'), rigalpha.rollback_model('life');
SELECT rigalpha.drop_model('life');
SELECT count(*) FROM rigalpha.models WHERE model = 'life';
SELECT problem($$SELECT rigalpha.model_payload('life')$$);
SELECT version FROM rigalpha.train('life', 'wave', 'iforest', options => '{"trees":5}');
SELECT version FROM rigalpha.current_deployments WHERE model = 'life';

-- Which version scores which machine: its own before the fleet's, the latest of each; a fleet model must have half of the sensors, and find half of its own.
CREATE VIEW scoring AS SELECT m.name AS machine, v.model, v.version FROM rigalpha.machines m LEFT JOIN rigalpha.ingest_models() i ON i.machine_id = m.id LEFT JOIN rigalpha.model_versions v ON v.id = i.version_id WHERE m.name ~ '^LEARN' ORDER BY 1;
SELECT * FROM scoring;
SELECT version FROM rigalpha.train('fleet', $$SELECT * FROM rigalpha.readings WHERE machine_id IN (SELECT id FROM rigalpha.machines WHERE name ~ '^LEARN')$$, 'iforest', options => '{"trees":5}');
SELECT * FROM scoring;
SELECT version FROM rigalpha.train('own', 'rigalpha.readings', 'iforest', 'LEARN1', '{"trees":5}');
SELECT version FROM rigalpha.train('fleet', 'SELECT ts, sin(n) AS rpm, cos(n) AS torque, n % 7 AS zz_own, n % 5 AS x1, n % 3 AS x2 FROM (SELECT now() + n * interval ''1 s'' AS ts, n FROM generate_series(1, 200) AS n) s', 'iforest', options => '{"trees":5}');
SELECT * FROM scoring;
SELECT rigalpha.undeploy('own');
SELECT * FROM scoring;
SELECT rigalpha.deploy('own', 1);
SELECT rigalpha.deploy('fleet', 1, 'LEARN1');
SELECT * FROM scoring;
SELECT problem($$SELECT rigalpha.rollback_model('own')$$);
SELECT rigalpha.drop_model('fleet');
SELECT * FROM scoring;

-- Export and import.
SELECT rigalpha.import_model('moved', rigalpha.export_model('life'));
SELECT rigalpha.import_model('moved', rigalpha.export_model('first', 2), true);
SELECT version, algorithm, status, deployed, rows_used, options, features FROM rigalpha.models WHERE model = 'moved' ORDER BY version;
SELECT m.payload = f.payload AS same, m.payload_crc = f.payload_crc AS crc, m.seed, m.feature_hash = f.feature_hash AS hash FROM rigalpha.model_versions m, rigalpha.model_versions f WHERE m.model = 'moved' AND m.version = 2 AND f.model = 'first' AND f.version = 2;
SELECT algorithm, seed, usable, feature_names FROM rigalpha.model_header(rigalpha.export_model('moved'));
CREATE TEMPORARY TABLE sound AS SELECT rigalpha.export_model('moved') AS payload;
SELECT count(*) AS bad, count(*) FILTER (WHERE result ~ '^22P03 \| the payload is not a model') AS refused FROM (
	SELECT problem(format('SELECT rigalpha.import_model(''moved'', %L::bytea)', payload)) AS result FROM (
		SELECT ''::bytea AS payload UNION ALL SELECT 'RIGMODEL' UNION ALL SELECT sha256('x')
		UNION ALL SELECT substr(payload, 1, octet_length(payload) * n / 10) FROM sound, generate_series(0, 9) AS n
		UNION ALL SELECT payload || '\x00' FROM sound
		UNION ALL SELECT set_byte(payload, n, get_byte(payload, n) # 255) FROM sound, generate_series(0, 40) AS n
		UNION ALL SELECT set_byte(payload, octet_length(payload) * n / 50, get_byte(payload, octet_length(payload) * n / 50) # 1) FROM sound, generate_series(5, 49) AS n) b) r;
SELECT problem($$SELECT rigalpha.import_model('moved', NULL)$$), problem($$SELECT rigalpha.import_model('', rigalpha.export_model('moved'))$$), problem($$SELECT rigalpha.import_model(NULL, rigalpha.export_model('moved'))$$);
SELECT max(version) FROM rigalpha.models WHERE model = 'moved';

-- Grants: everybody may use a model until it is granted to somebody.
CREATE ROLE regress_analyst;
CREATE ROLE regress_other;
GRANT rigalpha_viewer TO regress_analyst, regress_other;
GRANT USAGE ON SCHEMA public TO regress_analyst, regress_other;
SELECT rigalpha.create_user('regress', 'admin', db_role => session_user, must_change_password => false) > 0 AS login_is_a_user;
CREATE FUNCTION may_use(role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', role, true);
	result := problem($x$SELECT rigalpha.model_payload('moved')$x$);
	PERFORM set_config('role', 'none', true);
	RETURN result;
END $$;
CREATE VIEW use AS SELECT role, may_use(role) FROM unnest('{rigalpha_viewer,regress_analyst,regress_other,rigalpha_operator,rigalpha_admin,none}'::text[]) AS role;
SELECT * FROM use;
SELECT rigalpha.grant_model('moved', 'regress_analyst'), rigalpha.grant_model('moved', 'regress_analyst');
SELECT * FROM use;
SELECT restricted FROM rigalpha.models WHERE model = 'moved';
SELECT rigalpha.revoke_model('moved', 'regress_analyst');
SELECT role, left(may_use, 5) AS result FROM use;
SELECT rigalpha.grant_model('moved', 'rigalpha_viewer');
SELECT role, left(may_use, 5) AS result FROM use;
SELECT problem($$SELECT rigalpha.grant_model('moved', 'no_such_role')$$), problem($$SELECT rigalpha.grant_model('moved', NULL)$$), problem($$SELECT rigalpha.revoke_model('moved', 'regress_other')$$);
SELECT rigalpha.grant_model('moved', 'public');
SELECT role, left(may_use, 5) AS result FROM use;
SELECT count(*) FROM rigalpha.model_grants;
SELECT rigalpha.grant_model('moved', 'regress_analyst');
-- The right is asked for again when the role changes in the middle of a query.
BEGIN;
SET LOCAL ROLE regress_analyst;
DECLARE scores CURSOR FOR SELECT rigalpha.score('moved', ARRAY[1, 2, 3, 4]) IS NULL AS missing FROM generate_series(1, 2);
FETCH 1 FROM scores;
SET LOCAL ROLE regress_other;
FETCH 1 FROM scores;
ROLLBACK;
-- A restriction goes with the model.
SELECT rigalpha.drop_model('moved');
SELECT (SELECT count(*) FROM rigalpha.model_grants) AS grants, (SELECT restricted FROM rigalpha.model_registry WHERE model = 'moved') AS restricted;

-- Training reads with the rights of who trains, also where the source is a function of the extension.
CREATE ROLE regress_trainer;
GRANT rigalpha_admin TO regress_trainer;
CREATE TABLE closed AS SELECT * FROM wave;
CREATE TABLE open AS SELECT * FROM wave;
GRANT SELECT ON open TO regress_trainer;
SET ROLE regress_trainer;
SELECT version FROM rigalpha.train('closed', 'public.open', 'iforest', options => '{"trees":5}');
SELECT rigalpha.train('closed', 'public.closed', 'iforest');
SELECT rigalpha.train('closed', 'SELECT * FROM public.open UNION ALL SELECT * FROM public.closed', 'iforest');
SELECT rigalpha.store_model('closed', NULL, 'x', '{}', NULL, NULL, NULL, NULL, '{}', NULL, false);
INSERT INTO rigalpha.model_versions DEFAULT VALUES;
RESET ROLE;
SELECT created_by = session_user AS login FROM rigalpha.model_versions WHERE model = 'closed';

-- Whether a machine has a model, in words. Nothing trains here: there is no background worker.
SET rigalpha.auto_train_readings = 500;
CREATE VIEW learning AS SELECT machine, regexp_replace(state, '\d{4}-.*', 'TIME') AS state, readings, model, version, algorithm, trained_at IS NOT NULL AS trained, rows_used, next_training_at IS NOT NULL AS scheduled FROM rigalpha.training_info WHERE machine ~ '^LEARN' ORDER BY 1;
SELECT * FROM learning;
SET rigalpha.auto_train_readings = 1000;
SELECT rigalpha.train('auto.LEARN2', 'rigalpha.readings', 'iforest', 'LEARN2', '{"trees":5}') IS NOT NULL AS trained;
SELECT * FROM learning;
SELECT rigalpha.undeploy('auto.LEARN2');
SET rigalpha.auto_train = off;
SELECT * FROM learning;
RESET rigalpha.auto_train;
SELECT * FROM learning;
INSERT INTO rigalpha.jobs (model, source_text, algorithm, machine, options, seed, deploy, automatic, settings, state, phase, progress, acting_role) VALUES ('auto.LEARN1', 'x', 'hybrid', 'LEARN1', '{}', 1, true, true, '{}', 'running', 'training', 0.437, 'rigalpha_owner');
INSERT INTO rigalpha.jobs (model, source_text, algorithm, machine, options, seed, deploy, automatic, settings, acting_role) VALUES ('auto.LEARN2', 'x', 'hybrid', 'LEARN2', '{}', 1, true, true, '{}', 'rigalpha_owner');
SELECT * FROM learning;
-- The tick finds that the first has no process; the second may be about to get one.
SET rigalpha.auto_train = off;
SELECT rigalpha.training_tick();
RESET rigalpha.auto_train;
SELECT * FROM learning;
SELECT machine, state, message, finished_at IS NOT NULL AS finished FROM rigalpha.jobs ORDER BY id;
SELECT rigalpha.cancel_job(id), rigalpha.cancel_job(id) AS again FROM rigalpha.jobs WHERE machine = 'LEARN2';
SELECT state, phase, progress, message, version FROM rigalpha.jobs j, LATERAL rigalpha.job(j.id) x (id, model, algorithm, machine, s, p, f, v, m) WHERE j.machine = 'LEARN2';
SELECT problem('SELECT rigalpha.cancel_job(-1)');
SELECT count(*) FROM rigalpha.job(-1);
-- The name of an automatic model fits, and differs for machines that do.
SELECT rigalpha.auto_model('A'), octet_length(rigalpha.auto_model(repeat('x', 58))::text), rigalpha.auto_model(repeat('x', 63)), rigalpha.auto_model(repeat('x', 62) || 'y') <> rigalpha.auto_model(repeat('x', 63)) AS differ;
SELECT (SELECT count(*) FROM rigalpha_api.models) = (SELECT count(*) FROM rigalpha.models) AS models, (SELECT count(*) FROM rigalpha_api.training) = (SELECT count(*) FROM rigalpha_api.machines) AS machines;

DELETE FROM rigalpha.jobs;
SELECT rigalpha.drop_model(model) FROM (SELECT DISTINCT model FROM rigalpha.models) m;
RESET rigalpha.auto_train_readings;
RESET client_min_messages;
DROP VIEW learning, scoring, use;
DROP VIEW "Odd Place"."a ""view"", or; two";
DROP SCHEMA "Odd Place";
DROP TABLE wave, open, closed;
DROP FUNCTION learn, may_use;
DROP OWNED BY regress_analyst, regress_other;
DROP ROLE regress_analyst, regress_other, regress_trainer;
DELETE FROM rigalpha.users WHERE name = 'regress';
