-- Who may do what: by catalog, then by trying.
\set SHOW_CONTEXT never
CREATE VIEW roles AS SELECT rolname AS role FROM pg_roles WHERE rolname ~ '^rigalpha_';
SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS strong, rolcanlogin AS login, rolinherit AS inherit,
	(SELECT string_agg(g.rolname, ', ' ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of,
	(SELECT bool_or(admin_option) FROM pg_auth_members m WHERE m.member = r.oid) AS admin_option
	FROM pg_roles r WHERE rolname ~ '^rigalpha_' ORDER BY rolname;

-- Relations: r read, a insert, w update (some columns: w1), d delete, D truncate, x references, t trigger. The web login may only what it sets as its role.
CREATE VIEW relation_rights AS
	SELECT role, c.oid::regclass AS relation, c.relkind, concat(CASE WHEN has_table_privilege(role, c.oid, 'SELECT') THEN 'r' WHEN has_any_column_privilege(role, c.oid, 'SELECT') THEN 'r1' END,
		CASE WHEN has_table_privilege(role, c.oid, 'INSERT') THEN 'a' WHEN has_any_column_privilege(role, c.oid, 'INSERT') THEN 'a1' END,
		CASE WHEN has_table_privilege(role, c.oid, 'UPDATE') THEN 'w' WHEN has_any_column_privilege(role, c.oid, 'UPDATE') THEN 'w1' END, CASE WHEN has_table_privilege(role, c.oid, 'DELETE') THEN 'd' END,
		CASE WHEN has_table_privilege(role, c.oid, 'TRUNCATE') THEN 'D' END, CASE WHEN has_any_column_privilege(role, c.oid, 'REFERENCES') THEN 'x' END, CASE WHEN has_table_privilege(role, c.oid, 'TRIGGER') THEN 't' END) AS rights
	FROM roles, pg_class c WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition;
SELECT relation, max(rights) FILTER (WHERE role = 'rigalpha_viewer') AS viewer, max(rights) FILTER (WHERE role = 'rigalpha_operator') AS operator, max(rights) FILTER (WHERE role = 'rigalpha_admin') AS admin,
	max(rights) FILTER (WHERE role = 'rigalpha_ingest') AS ingest, max(rights) FILTER (WHERE role = 'rigalpha_worker') AS worker, max(rights) FILTER (WHERE role = 'rigalpha_web') AS web, max(rights) FILTER (WHERE role = 'rigalpha_owner') AS owner
	FROM relation_rights GROUP BY relation ORDER BY relation::text;
SELECT count(*) AS leaves_that_differ FROM roles, pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relnamespace = 'rigalpha'::regnamespace AND role <> 'rigalpha_owner' AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE');

-- Functions: each role's own, without those of the roles it inherits from.
SELECT role, string_agg(p.proname, ' ' ORDER BY p.proname) AS may_execute FROM roles, pg_proc p WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND has_function_privilege(role, p.oid, 'EXECUTE')
	AND role NOT IN ('rigalpha_owner', 'rigalpha_operator', 'rigalpha_admin') GROUP BY role ORDER BY role;
SELECT string_agg(p.proname, ' ' ORDER BY p.proname) AS admin_more_than_viewer FROM pg_proc p WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND has_function_privilege('rigalpha_admin', p.oid, 'EXECUTE') AND NOT has_function_privilege('rigalpha_viewer', p.oid, 'EXECUTE');
SELECT string_agg(p.proname, ' ' ORDER BY p.proname) AS operator_more_than_viewer FROM pg_proc p WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND has_function_privilege('rigalpha_operator', p.oid, 'EXECUTE') AND NOT has_function_privilege('rigalpha_viewer', p.oid, 'EXECUTE');

-- The public has nothing, not even the schemas.
SELECT c.oid::regclass AS open_relation FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND a.grantee = 0;
SELECT p.oid::regprocedure AS open_function FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND a.grantee = 0;
SELECT nspname AS open_schema FROM pg_namespace n, aclexplode(n.nspacl) a WHERE nspname ~ '^rigalpha' AND a.grantee = 0;
-- Nobody but the owner holds a right to make triggers or references, or to pass rights on.
SELECT c.oid::regclass, a.grantee::regrole, a.privilege_type, a.is_grantable FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND a.grantee <> c.relowner AND (a.privilege_type IN ('TRIGGER', 'REFERENCES', 'TRUNCATE') OR a.is_grantable);
SELECT has_schema_privilege(role, 'rigalpha', 'CREATE') OR has_schema_privilege(role, 'rigalpha_api', 'CREATE') AS may_create, string_agg(role, ' ' ORDER BY role) FROM roles GROUP BY 1 ORDER BY 1;
-- Everything belongs to the owner; every function that runs with its rights pins the search path, temporary objects last.
SELECT count(*) FROM pg_class WHERE relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND relowner <> 'rigalpha_owner'::regrole;
SELECT count(*) FROM pg_proc WHERE pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND proowner <> 'rigalpha_owner'::regrole;
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false);

-- By trying, as an admin who takes weaker roles. 42501 = not allowed.
SELECT rigalpha.create_user('regress', 'admin', db_role => session_user, must_change_password => false) > 0 AS login_is_a_user;
CREATE FUNCTION try_as(role text, VARIADIC statements text[]) RETURNS TABLE (statement text, result text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', role, true);
	RETURN QUERY SELECT s, sqlstate_of(s) FROM unnest(statements) AS s;
	PERFORM set_config('role', 'none', true);
END $$;
CREATE VIEW a_message AS SELECT ARRAY[convert_to(format('{"machine_id":"RIGHTS","timestamp":%s,"rpm":1}', 1709294400), 'UTF8')] AS payloads;
GRANT SELECT ON a_message TO PUBLIC;
SELECT * FROM try_as('rigalpha_ingest', 'SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)', 'TABLE rigalpha.readings', 'TABLE rigalpha_api.machines', 'SELECT rigalpha.discover(NULL, NULL, 1, 1)', 'SELECT rigalpha.add_dead_letter(now(), $$x$$, 1, 1, now(), 1, $$x$$, $$x$$, $$x$$, $$x$$, $$$$, 1, 1)', 'SELECT rigalpha.ensure_partitions(NULL)');
SELECT * FROM try_as('rigalpha_viewer', 'TABLE rigalpha_api.machines', 'TABLE rigalpha_api.live', 'TABLE rigalpha_api.status', 'TABLE rigalpha_api.kafka_status', 'TABLE rigalpha_api.dead_letters', 'TABLE rigalpha_api.machine_sensors', 'TABLE rigalpha_api.sensors', 'SELECT rigalpha_api.readings($$RIGHTS$$, now(), now())', 'TABLE rigalpha.reading_values', 'TABLE rigalpha.effective_thresholds',
	'SELECT rigalpha.value(sensor_values, machine_id, $$rpm$$), rigalpha.flag_names(flags) FROM rigalpha.readings', 'TABLE rigalpha.models', 'TABLE rigalpha.training_info', 'TABLE rigalpha_api.models', 'TABLE rigalpha_api.training', 'SELECT rigalpha.options()', 'SELECT rigalpha.ingest_models()', 'SELECT rigalpha.job(-1)', 'SELECT rigalpha.cancel_job(-1)', 'SELECT rigalpha.model_payload($$none$$)',
	'TABLE rigalpha.model_versions', 'TABLE rigalpha.jobs', 'SELECT rigalpha.train($$m$$, $$x$$)', 'SELECT rigalpha.train_async($$m$$, $$x$$)', 'SELECT rigalpha.deploy($$m$$, 1)', 'SELECT rigalpha.export_model($$m$$)', 'SELECT rigalpha.import_model($$m$$, $$x$$)', 'SELECT rigalpha.grant_model($$m$$, $$rigalpha_viewer$$)',
	'TABLE rigalpha.dead_letters', 'TABLE rigalpha.kafka_sources', 'TABLE rigalpha.node', 'SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)', 'SELECT rigalpha.set_threshold($$rpm$$, hi => 1)', 'SELECT rigalpha.replay_dead_letters()', 'UPDATE rigalpha.sensors SET label = label');
SELECT * FROM try_as('rigalpha_operator', 'TABLE rigalpha.dead_letters', 'TABLE rigalpha.simulator_control', 'DELETE FROM rigalpha.dead_letters', 'SELECT rigalpha.pause_source($$x$$)');
SELECT * FROM try_as('rigalpha_admin', 'SELECT rigalpha.setup()', 'SELECT rigalpha.adopt()', 'SELECT rigalpha.set_threshold($$rpm$$, hi => 1)', 'DELETE FROM rigalpha.thresholds WHERE valid_to = $$infinity$$', 'SELECT rigalpha.create_kafka_source($$rights$$, $$b$$, $$t$$)', 'SELECT rigalpha.pause_source($$rights$$)', 'SELECT rigalpha.resume_source($$rights$$)', 'UPDATE rigalpha.kafka_sources SET brokers = $$c$$', 'SELECT rigalpha.drop_source($$rights$$)',
	'INSERT INTO rigalpha.sensors (name) VALUES ($$rights$$)', 'INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT $$rights_alias$$, id FROM rigalpha.sensors WHERE name = $$rights$$', 'DELETE FROM rigalpha.sensors WHERE name = $$rights$$', 'INSERT INTO rigalpha.machines (name) VALUES ($$RIGHTS2$$)', 'UPDATE rigalpha.machines SET label = $$x$$, sensor_quota = 9 WHERE name = $$RIGHTS2$$', 'UPDATE rigalpha.machine_sensors SET display_order = 1',
	'INSERT INTO rigalpha.simulator_control (name) VALUES ($$rights$$)', 'UPDATE rigalpha.simulator_control SET running = false', 'DELETE FROM rigalpha.simulator_control', 'SELECT rigalpha.replay_dead_letters(ARRAY[]::bigint[])', 'TABLE rigalpha.kafka_offsets', 'UPDATE rigalpha.kafka_offsets SET next_offset = 0', 'UPDATE rigalpha.machines SET id = 1', 'INSERT INTO rigalpha.machines (id, name) VALUES (1, $$RIGHTS4$$)', 'INSERT INTO rigalpha.sensors (id, name) VALUES (5000, $$rights$$)', 'INSERT INTO rigalpha.thresholds (sensor_id, hi, valid_from) VALUES (1, 1, $$2020-01-01$$)', 'UPDATE rigalpha.kafka_sources SET revision = 1', 'DELETE FROM rigalpha.machines', 'UPDATE rigalpha.machine_sensors SET position = 1', 'DELETE FROM rigalpha.readings', 'UPDATE rigalpha.node SET epoch = 9', 'SELECT rigalpha.worker_claim(1, 1, 1, 1, 1)', 'TRUNCATE rigalpha.sensors', 'ALTER TABLE rigalpha.sensors DISABLE TRIGGER ALL',
	'SELECT rigalpha.deploy($$none$$, 1)', 'SELECT rigalpha.train($$m$$, $$no_such_source$$)', 'INSERT INTO rigalpha.model_deployments (model) VALUES ($$m$$)', 'DELETE FROM rigalpha.model_versions', 'UPDATE rigalpha.jobs SET state = $$done$$', 'SELECT rigalpha.remove_version(1)', 'SELECT rigalpha.store_model($$m$$, NULL, $$x$$, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true)', 'SELECT rigalpha.signal_job(1)', 'SELECT rigalpha.training_tick()');
SELECT * FROM try_as('rigalpha_worker', 'SELECT rigalpha.worker_abi()', 'SELECT rigalpha.worker_sources()', 'SELECT rigalpha.worker_claim(-1, 0, 1, 1, 1)', 'SELECT rigalpha.worker_ingest(-1, 1, $${}$$, NULL, $${}$$, $${}$$)', 'SELECT rigalpha.worker_report(-1, 0, 1, 1, $$running$$, NULL, NULL, NULL)', 'SELECT rigalpha.maintenance_tick()', 'SELECT rigalpha.worker_gap(-1, 1, 1, 1, 1, $$x$$)',
	'SELECT rigalpha.worker_reject(-1, 1, $$x$$, NULL, 1, 1, $$x$$, $$x$$)', 'SELECT rigalpha.worker_fence(-1, 1, 1)', 'TABLE rigalpha.kafka_sources', 'TABLE rigalpha_api.machines', 'SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)');
-- The login of the sidecar has nothing until it sets a role.
SET SESSION AUTHORIZATION rigalpha_web;
SELECT sqlstate_of('TABLE rigalpha_api.machines') AS machines, sqlstate_of('SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)') AS ingest;
SET ROLE rigalpha_viewer;
SELECT sqlstate_of('TABLE rigalpha_api.machines') AS machines, sqlstate_of('SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)') AS ingest;
SET ROLE rigalpha_ingest;
SELECT sqlstate_of('TABLE rigalpha_api.machines') AS machines, sqlstate_of('SELECT rigalpha.ingest((SELECT payloads FROM a_message), $$http$$)') AS ingest;
SET ROLE rigalpha_owner;
SET ROLE rigalpha_worker;
RESET SESSION AUTHORIZATION;
-- Roles that exist are used as they are, unless they hold more than they should.
SET client_min_messages = warning;
CREATE FUNCTION install_after(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE change;
	DROP EXTENSION rigalpha CASCADE;
	result := sqlstate_of('CREATE EXTENSION rigalpha');
	RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	RETURN SQLERRM;
END $$;
SELECT change, install_after(change) FROM unnest('{SELECT,ALTER ROLE rigalpha_worker NOLOGIN,ALTER ROLE rigalpha_viewer CREATEDB,ALTER ROLE rigalpha_owner LOGIN,ALTER ROLE rigalpha_web INHERIT,ALTER ROLE rigalpha_owner BYPASSRLS,ALTER ROLE rigalpha_worker SUPERUSER,ALTER ROLE rigalpha_admin CREATEROLE,ALTER ROLE rigalpha_ingest REPLICATION}'::text[]) AS change;
DROP FUNCTION install_after;
RESET client_min_messages;
-- Objects of the caller do not get in: a temporary table of the same name, functions first in the search path.
CREATE TEMPORARY TABLE machines (id integer, name text);
CREATE SCHEMA trap;
CREATE FUNCTION trap.hashtextextended(text, integer) RETURNS bigint LANGUAGE sql AS $$ SELECT 1 / 0 $$;
SET search_path = trap, pg_temp, pg_catalog, public;
SELECT accepted FROM public.send('{"machine_id":"RIGHTS3","timestamp":1709294400,"rights_new":1}');
RESET search_path;
DROP FUNCTION trap.hashtextextended;
DROP SCHEMA trap;
DROP FUNCTION try_as;
DROP VIEW relation_rights, roles, a_message;
DELETE FROM rigalpha.users WHERE name = 'regress';
