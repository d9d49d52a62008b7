-- What the administration pages call: users, tokens, sessions, the audit log and the export, each in the session and role that the sidecar takes.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
\set h1 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE'
INSERT INTO rigalpha.machines (id, name) VALUES (900001, 'API-A'), (900002, 'API-B');
SELECT rigalpha.create_user('Ada', 'admin', :'h1', must_change_password => false) > 0, rigalpha.create_user('Omar', 'operator', :'h1', '{API-A}', must_change_password => false) > 0,
	rigalpha.create_user('Vic', 'viewer', :'h1', '{API-A}', must_change_password => false) > 0, rigalpha.create_user('New', 'admin', :'h1') > 0;
CREATE FUNCTION token(n text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad(n, 43, 'z') $$;
CREATE FUNCTION login(n text) RETURNS text LANGUAGE sql AS $$
	SELECT name FROM rigalpha.users WHERE name = n AND rigalpha.create_session(id, token(n), '192.0.2.7') IS NOT NULL $$;
-- A statement as one request of the sidecar: the session, its role, and what came of it.
CREATE FUNCTION request(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	role text;
BEGIN
	SELECT b.role INTO role FROM rigalpha.begin_session(token(who)) b;
	PERFORM set_config('role', 'rigalpha_' || role, true);
	EXECUTE statement INTO result;
	PERFORM set_config('role', 'none', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT login('Ada'), login('Omar'), login('Vic'), login('New');

-- Documents: known members of the right type, each once.
SELECT d, problem(format('SELECT rigalpha_api.check_document(%L, %L, %L)', d, '{"name":"string","on":"boolean","count":"number","list":"strings","note":"string?"}', '{name}')) FROM unnest(ARRAY[
	'[]', '"x"', '{}', '{"name":1}', '{"name":null}', '{"name":"x","nmae":"y"}', '{"name":"x","name":"y"}', '{"name":"x","on":"true"}', '{"name":"x","count":1.5}', '{"name":"x","count":0}', '{"name":"x","count":1e99}', '{"name":"x","count":"1"}',
	'{"name":"x","list":["a",1]}', '{"name":"x","list":[["a"]]}', '{"name":"x","list":"a"}', '{"name":"x","note":5}', '{"name":"a\u0000b"}', '{"name":"\ud800"}', '{"name":"x"', '{"name":NaN}',
	'{"name":"x","on":true,"count":12,"list":[],"note":null}']) AS d;
SELECT rigalpha_api.check_document('{"name":"x","list":["a","b"],"note":null}', '{"name":"string","list":"strings","note":"string?"}', '{name}');

-- Nobody but an admin who has changed the first password.
SELECT who, s, request(who, 'SELECT ' || s) FROM unnest('{Omar,Vic,New}'::text[]) AS who, unnest(ARRAY['rigalpha_api.users()', 'rigalpha_api.create_user(''{"name":"x","role":"viewer"}'', NULL)', 'rigalpha_api.change_user(''Vic'', ''{"role":"admin"}'')',
	'rigalpha_api.tokens()', 'rigalpha_api.issue_token(''{"machine":"API-A","name":"x"}'')', 'rigalpha_api.audit()', 'rigalpha_api.audit_verification()', 'rigalpha_api.sessions(true)']) WITH ORDINALITY AS t (s, n) ORDER BY who, n;
SELECT count(*) FROM rigalpha.users WHERE name = 'x';

-- Users.
SELECT request('Ada', $q$SELECT rigalpha_api.create_user('{"name":"<img onerror=1>''; DROP TABLE users","role":"viewer","machines":["API-B"]}', '$argon2id$v=19$x')$q$);
SELECT request('Ada', $q$SELECT jsonb_path_query_array(rigalpha_api.users()::jsonb, '$.users[*].name')$q$);
SELECT request('Ada', $q$SELECT jsonb_path_query(rigalpha_api.users()::jsonb, '$.users[*] ? (@.name == "Vic")') - '{created_at,last_login_at}'::text[]$q$);
SELECT d, request('Ada', format('SELECT rigalpha_api.create_user(%L, NULL)', d)) FROM unnest(ARRAY['{"name":"VIC","role":"viewer"}', '{"name":"y","role":"root"}', '{"name":" y","role":"viewer"}', '{"role":"viewer"}', '{"name":"y","role":"viewer","machines":["API-A","NONE"]}', '{"name":"y","role":"viewer","machines":null}', '{"name":"y","role":"viewer","password_hash":"x"}']) AS d;
SELECT d, request('Ada', format('SELECT rigalpha_api.change_user(%L, %L)', 'vic', d)) FROM unnest(ARRAY['{}', '{"role":"root"}', '{"name":"x"}', '{"machines":["NONE"]}', '{"disabled":null}', '{"db_role":"nobody_here"}', '{"db_role":"rigalpha_web"}']) AS d;
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('nobody', '{"disabled":true}')$q$);
-- All or nothing, and sessions end.
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Vic', '{"machines":["API-B"],"role":"root"}')$q$), machines FROM rigalpha.list_users() WHERE name = 'Vic';
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Vic', '{"machines":["API-B"]}')$q$);
SELECT request('Vic', 'SELECT 1');
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Omar', '{"role":"viewer","disabled":true}')$q$);
SELECT request('Omar', 'SELECT 1');
SELECT name, role, machines, disabled FROM rigalpha.list_users() WHERE name IN ('Vic', 'Omar') ORDER BY name;
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Omar', '{"role":"operator","disabled":false}')$q$);
SELECT role, disabled FROM rigalpha.list_users() WHERE name = 'Omar';
-- A login of the database is one user.
CREATE ROLE regress_api_login LOGIN;
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Omar', '{"db_role":"regress_api_login"}')$q$), request('Ada', $q$SELECT rigalpha_api.change_user('Vic', '{"db_role":"regress_api_login"}')$q$);
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Omar', '{"db_role":null}')$q$);
SELECT db_role FROM rigalpha.list_users() WHERE name = 'Omar';
DROP ROLE regress_api_login;
-- There is always an admin.
SELECT rigalpha.disable_user('New');
SELECT request('Ada', $q$SELECT rigalpha_api.change_user('Ada', '{"disabled":true}')$q$), request('Ada', $q$SELECT rigalpha_api.change_user('Ada', '{"role":"viewer"}')$q$);

-- Sessions: own ones for everybody, all for an admin.
UPDATE rigalpha.sessions SET revoked_at = NULL WHERE token_hash = rigalpha.secret_hash(token('Vic'));
SELECT request('Vic', $q$SELECT jsonb_path_query_array(rigalpha_api.sessions()::jsonb, '$.sessions[*].user_name')$q$);
SELECT request('Ada', $q$SELECT jsonb_path_query_array(rigalpha_api.sessions(true)::jsonb, '$.sessions[*].user_name')$q$);
SELECT request('Vic', $q$SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(rigalpha_api.sessions()::jsonb -> 'sessions' -> 0) k$q$);

-- Tokens: shown once.
CREATE TABLE made AS SELECT request('Ada', $q$SELECT rigalpha_api.issue_token('{"machine":"API-A","name":"gateway","lifetime_days":30,"network":"192.0.2.0/24","readings_per_minute":600}') ->> 'token'$q$) AS token;
SELECT token ~ '^rig_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$' AS shape FROM made;
SELECT request('Ada', $q$SELECT jsonb_path_query(rigalpha_api.tokens()::jsonb, '$.tokens[*] ? (@.machine == "API-A")') - '{id,created_at,expires_at}'::text[]$q$);
SELECT strpos(request('Ada', 'SELECT rigalpha_api.tokens()'), substr(token, 14)) AS secret_shown, (SELECT expires_at - created_at BETWEEN '30 days - 1 min' AND '30 days 1 min' FROM rigalpha.api_tokens WHERE id = substr(token, 5, 8)) AS a_month FROM made;
SELECT d, request('Ada', format('SELECT rigalpha_api.issue_token(%L)', d)) FROM unnest(ARRAY['{"machine":"NONE","name":"x"}', '{"machine":"API-A"}', '{"machine":"API-A","name":""}', '{"machine":"API-A","name":"x","network":"192.0.2.1/24"}', '{"machine":"API-A","name":"x","network":"x"}', '{"machine":"API-A","name":"x","lifetime_days":3651}', '{"machine":"API-A","name":"x","readings_per_minute":-1}']) AS d;
SELECT request('Ada', $q$SELECT rigalpha_api.issue_token('{"machine":"API-A","name":"gateway"}') IS NOT NULL$q$), request('Ada', $q$SELECT rigalpha_api.issue_token('{"machine":"API-A","name":"gateway"}')$q$);
DROP TABLE made;

-- The audit log: pages of its own order, newest first, by chain, machine, kind and user.
SELECT rigalpha.audit_note(format('page %s', n), CASE n % 2 WHEN 0 THEN 'API-A' END) FROM generate_series(1, 6) AS n;
SELECT max(id) AS last FROM rigalpha.audit_entries \gset
CREATE FUNCTION page(arguments text) RETURNS TABLE (entries text, next bigint) LANGUAGE sql AS $$
	SELECT (SELECT string_agg(e ->> 'reason', ', ' ORDER BY n) FROM jsonb_array_elements(a -> 'entries') WITH ORDINALITY AS x (e, n)), (a ->> 'next')::bigint FROM (SELECT request('Ada', 'SELECT rigalpha_api.audit(' || arguments || ')')::jsonb) AS r (a) $$;
SELECT entries, :last - next AS before_last FROM page('max_rows => 4');
SELECT entries, :last - next AS before_last FROM page(format('before => %s, max_rows => 2', :last - 3));
SELECT entries, next IS NULL AS at_end FROM page($$machine => 'API-A', kind => 'note'$$);
SELECT entries, next IS NULL AS at_end FROM page($$chain => 900001, kind => 'note', max_rows => 2$$);
SELECT entries, next FROM page($$chain => 900001, before => 1$$);
SELECT entries, next IS NULL AS at_end FROM page($$machine => 'API-A', chain => 900002$$);
SELECT request('Ada', $q$SELECT rigalpha_api.audit(machine => 'NONE') IS NULL$q$);
SELECT e ->> 'app_user' AS app_user, e ->> 'relation' AS relation, e -> 'old' -> 'role' AS old, e -> 'new' -> 'role' AS new, e ? 'seq' AS seq FROM jsonb_array_elements(request('Ada', $q$SELECT rigalpha_api.audit(user_name => 'ada', kind => 'update')$q$)::jsonb -> 'entries') AS e WHERE e ->> 'relation' = 'users' AND e -> 'old' -> 'role' <> e -> 'new' -> 'role';
-- By index, also for a chain.
SET enable_sort = off; SET enable_bitmapscan = off;
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || statement; END $$;
SELECT p AS chain FROM plan_of('SELECT id FROM rigalpha.audit_entries WHERE id < 9223372036854775807 AND chain = 900001 ORDER BY id DESC LIMIT 10') AS p WHERE p ~ 'Scan';
SELECT p AS all FROM plan_of('SELECT id FROM rigalpha.audit_entries WHERE id < 9223372036854775807 ORDER BY id DESC LIMIT 10') AS p WHERE p ~ 'Scan';
RESET enable_sort; RESET enable_bitmapscan;
-- Whole, and not so.
SELECT a -> 'problems' AS problems, (a #>> '{checked,entries}')::bigint > 0 AS entries, (a #>> '{checked,chains}')::int > 1 AS chains, a -> 'anchored' AS anchored, a -> 'not_checked' AS not_checked FROM (SELECT request('Ada', 'SELECT rigalpha_api.audit_verification()')::jsonb) AS v (a);
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER refuse;
UPDATE rigalpha.audit_entries SET payload = set_byte(payload, octet_length(payload) - 20, get_byte(payload, octet_length(payload) - 20) # 1) WHERE id = :last;
SELECT p ->> 'problem' AS problem, p ->> 'entry_id' = :'last' AS entry FROM jsonb_array_elements(request('Ada', 'SELECT rigalpha_api.audit_verification()')::jsonb -> 'problems') AS p;
ROLLBACK;

-- Export: lines of CSV in pages, whole however they are cut.
SELECT c, rigalpha_api.csv_cell(c) FROM unnest(ARRAY['rpm', 'a,b', 'a"b', E'a\nb', ' a', '=1+1', '+x', '-x', '@x', '=a,b']) AS c;
SELECT accepted FROM send('{"machine_id":"API-C","timestamp":"2024-03-01T12:00:00Z","state":"drilling","rpm":120.5,"spp":3000,"=1,2":0.1}', '{"machine_id":"API-C","timestamp":"2024-03-01T12:00:01.5Z","rpm":121}', '{"machine_id":"API-C","timestamp":"2024-03-01T12:00:02.000123Z","spp":1e-7}');
SELECT replace(csv, E'\r', '') AS csv, rows, last FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02');
SELECT replace(csv, E'\r', '') AS csv, rows, last FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02', '{spp,none}', '2024-03-01 12:00:01.5', 1);
SELECT csv, rows, last FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02', after => '2024-03-01 12:00:02.000123');
SELECT replace(csv, E'\r', '') AS csv FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02', '{}');
SELECT csv, rows FROM rigalpha_api.readings_csv('NONE', '2024-03-01', '2024-03-02');
WITH RECURSIVE pages AS (
	SELECT r.* FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02', max_rows => 1) r
	UNION ALL SELECT r.* FROM pages p CROSS JOIN LATERAL rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02', after => p.last, max_rows => 1) r WHERE p.last IS NOT NULL)
	SELECT string_agg(csv, '' ORDER BY last) = (SELECT csv FROM rigalpha_api.readings_csv('API-C', '2024-03-01', '2024-03-02')) AS same, count(*) AS pages FROM pages;

DELETE FROM rigalpha.users;
DELETE FROM rigalpha.machines WHERE id > 900000 OR name = 'API-C';
DROP FUNCTION page, request, login, token, plan_of;
