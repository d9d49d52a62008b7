\echo Use "CREATE EXTENSION rigalpha" to load this file. \quit

-- Roles belong to the cluster, not to the extension: they are made when missing, survive
-- DROP EXTENSION, and are refused when they hold more than the design gives them.
DO $roles$
DECLARE
	wanted record;
	found record;
BEGIN
	FOR wanted IN
		SELECT * FROM (VALUES
			('rigalpha_owner', false, true),
			('rigalpha_admin', false, true),
			('rigalpha_operator', false, true),
			('rigalpha_viewer', false, true),
			('rigalpha_ingest', false, true),
			('rigalpha_simulator', false, true),
			('rigalpha_web', true, false),
			('rigalpha_worker', true, true)
		) AS r (name, may_login, inherits)
	LOOP
		BEGIN
			EXECUTE pg_catalog.format('CREATE ROLE %I %s %s', wanted.name,
				CASE WHEN wanted.may_login THEN 'LOGIN' ELSE 'NOLOGIN' END,
				CASE WHEN wanted.inherits THEN 'INHERIT' ELSE 'NOINHERIT' END);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			SELECT * INTO found FROM pg_catalog.pg_roles WHERE rolname = wanted.name;
			IF found.rolsuper OR found.rolcreaterole OR found.rolcreatedb OR found.rolreplication
				OR found.rolbypassrls OR (found.rolcanlogin AND NOT wanted.may_login)
				OR (found.rolinherit AND NOT wanted.inherits) THEN
				RAISE EXCEPTION 'role "%" exists with more rights than rigalpha expects', wanted.name
					USING ERRCODE = 'RA006',
						HINT = 'Take away SUPERUSER, CREATEROLE, CREATEDB, REPLICATION, BYPASSRLS, and LOGIN or INHERIT where the role should not have them, or rename the role.';
			END IF;
		END;
	END LOOP;
END
$roles$;

GRANT rigalpha_viewer TO rigalpha_operator;
GRANT rigalpha_operator TO rigalpha_admin;
GRANT rigalpha_admin, rigalpha_operator, rigalpha_viewer, rigalpha_ingest TO rigalpha_web;

COMMENT ON SCHEMA rigalpha IS 'Industrial monitoring: tables and functions';
GRANT CREATE, USAGE ON SCHEMA rigalpha TO rigalpha_owner;
GRANT USAGE ON SCHEMA rigalpha TO rigalpha_viewer, rigalpha_ingest, rigalpha_simulator, rigalpha_worker, rigalpha_web;

CREATE SCHEMA rigalpha_api AUTHORIZATION rigalpha_owner;
COMMENT ON SCHEMA rigalpha_api IS 'Views and functions for the HTTP sidecar and for reporting tools';
GRANT USAGE ON SCHEMA rigalpha_api TO rigalpha_viewer, rigalpha_ingest;
