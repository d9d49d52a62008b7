-- Owners, rights that nobody else may hold, and the attributes of the roles.
BEGIN;
SELECT plan(19);

CREATE TEMPORARY VIEW own_schemas AS SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('rigalpha', 'rigalpha_api');
CREATE TEMPORARY VIEW grants AS
	SELECT c.oid::regclass::text AS relation, a.grantee, a.privilege_type, a.is_grantable, c.relowner
	FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a
	WHERE c.relnamespace IN (SELECT oid FROM own_schemas)
	UNION ALL
	SELECT format('%s.%s', c.oid::regclass, t.attname), a.grantee, a.privilege_type, a.is_grantable, c.relowner
	FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE c.relnamespace IN (SELECT oid FROM own_schemas);

SELECT is_empty('SELECT oid::regclass, relowner::regrole FROM pg_class WHERE relnamespace IN (SELECT oid FROM own_schemas) AND relowner <> ''rigalpha_owner''::regrole', 'relations belong to rigalpha_owner, partitions too');
SELECT is_empty('SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own_schemas) AND proowner <> ''rigalpha_owner''::regrole', 'functions belong to rigalpha_owner');
SELECT is_empty('SELECT relation, privilege_type FROM grants WHERE grantee = 0', 'the public has no right on a relation');
SELECT is_empty('SELECT oid::regprocedure FROM pg_proc, aclexplode(coalesce(proacl, acldefault(''f'', proowner))) WHERE pronamespace IN (SELECT oid FROM own_schemas) AND grantee = 0', 'nor on a function');
SELECT is_empty('SELECT n.nspname FROM pg_namespace n JOIN own_schemas USING (oid), aclexplode(n.nspacl) WHERE grantee = 0', 'nor on a schema');
SELECT is_empty('SELECT relation, grantee::regrole, privilege_type FROM grants WHERE grantee <> relowner AND privilege_type IN (''TRIGGER'', ''REFERENCES'', ''TRUNCATE'')', 'nobody but the owner may make triggers or references, or truncate');
SELECT is_empty('SELECT relation, grantee::regrole FROM grants WHERE grantee <> relowner AND is_grantable', 'nobody may pass a right on');
SELECT is_empty($$SELECT relation, grantee::regrole, privilege_type FROM grants WHERE grantee <> relowner AND privilege_type <> 'SELECT' AND relation ~ '^rigalpha\.(readings|machine_state|node|kafka_offsets|kafka_workers|kafka_gaps|dead_letters|model_|jobs)'$$,
	'nobody writes readings, states, positions, dead letters, models or jobs but through functions');
-- Hashes and keys leave these tables through functions of the owner alone, and those go to the sidecar or to nobody.
SELECT is_empty($$SELECT relation, grantee::regrole FROM grants WHERE grantee <> relowner AND relation ~ '^rigalpha\.(users|user_machines|sessions|session_activity|api_tokens|login_throttles)(_id_seq)?(\.|$)'$$,
	'nobody but the owner has any right on accounts, sessions and tokens');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
	WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid IN ('rigalpha.users'::regclass, 'rigalpha.sessions'::regclass, 'rigalpha.api_tokens'::regclass, 'rigalpha.login_throttles'::regclass)$$, 'nor does a view show them');
SELECT set_eq($$SELECT proname::text FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'rigalpha'::regnamespace AND grantee = 'rigalpha_web'::regrole$$,
	$$VALUES ('begin_session'), ('login_lookup'), ('login_failed'), ('login_succeeded'), ('note_refusal'), ('create_session'), ('end_session'), ('set_own_password_hash'), ('set_own_totp'), ('confirm_own_totp'), ('identity'), ('check_token'), ('readiness'), ('audit_integrate'), ('audit_checkpoint_proposal'), ('audit_store_checkpoint')$$,
	'what the login of the sidecar may call');
SELECT set_eq($$SELECT proname::text, a.grantee::regrole::text FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'rigalpha'::regnamespace AND a.grantee NOT IN (p.proowner, 'rigalpha_web'::regrole)
	AND proname IN ('begin_session', 'login_lookup', 'login_failed', 'login_succeeded', 'create_session', 'end_session', 'set_own_password_hash', 'set_own_totp', 'confirm_own_totp', 'check_token')$$,
	$$VALUES ('check_token', 'rigalpha_ingest')$$, 'of which nobody else may call any, but ingest ask for a token');
SELECT is_empty($$SELECT p.oid::regprocedure, a.grantee::regrole FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'rigalpha'::regnamespace AND a.grantee <> p.proowner
	AND proname IN ('is_admin', 'lock_user', 'assign_machines', 'keep_an_admin', 'end_sessions', 'charge_login', 'forgive_login', 'login_subject', 'login_network', 'own_session_user', 'check_user_values', 'random_bytes', 'secret_hash', 'session_expiry', 'accounts_tick')$$,
	'nor anybody their parts');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'rigalpha'::regnamespace AND grantee = 'rigalpha_admin'::regrole
	AND proname ~ '(user|role|machines|totp|password|_token)' AND proname NOT IN ('create_first_admin', 'watch_machines') AND prosrc !~ 'PERFORM rigalpha\.require_admin\(\);'$$,
	'what admins do with accounts asks who they are');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'rigalpha'::regnamespace AND proname IN ('begin_session', 'identity', 'uid', 'visible_machines', 'list_sessions', 'is_admin') AND proparallel = 's'$$,
	'identity is not asked for in parallel workers');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own_schemas) AND prosecdef AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$,
	'functions with the rights of the owner pin the search path');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own_schemas) AND prokind <> 'f' AND proname <> 'lstm_score'$$, 'there are only plain functions, and one window function');
SELECT set_eq($$SELECT rolname::text, rolcanlogin, rolinherit FROM pg_roles WHERE rolname ~ '^rigalpha_'$$,
	$$VALUES ('rigalpha_owner', false, true), ('rigalpha_admin', false, true), ('rigalpha_operator', false, true), ('rigalpha_viewer', false, true), ('rigalpha_ingest', false, true), ('rigalpha_simulator', false, true), ('rigalpha_web', true, false), ('rigalpha_worker', true, true)$$,
	'roles: who may log in, and who inherits');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname ~ '^rigalpha_' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)$$, 'no role is privileged');

SELECT * FROM finish();
ROLLBACK;
