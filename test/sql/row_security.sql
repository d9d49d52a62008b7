-- Row security by catalog, then in plans: nothing that a user may read is without it. What who sees is tried in test/t/130_access.pl.
CREATE VIEW granted AS
	SELECT c.oid, c.oid::regclass AS relation, c.relkind, c.relrowsecurity, c.relforcerowsecurity, coalesce(c.reloptions, '{}') AS options
	FROM pg_class c
	WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		AND EXISTS (SELECT FROM pg_roles r WHERE NOT r.rolsuper AND r.oid <> c.relowner AND pg_has_role(r.oid, r.oid, 'USAGE') AND r.rolname !~ '^pg_'
			AND (has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')));
SELECT relkind, count(*) > 10 AS many FROM granted GROUP BY relkind ORDER BY relkind;

-- Tables.
SELECT relation AS without_row_security FROM granted WHERE relkind <> 'v' AND NOT (relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity);
SELECT c.oid::regclass AS without_row_security FROM pg_class c WHERE c.relnamespace = 'rigalpha'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity);
SELECT c.oid::regclass AS open_partition FROM pg_class c WHERE c.relispartition AND c.oid IN (SELECT oid FROM granted);
SELECT relation AS without_policy_of_users FROM granted g WHERE relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = g.oid AND p.polname = 'users' AND p.polcmd = 'r' AND p.polroles = ARRAY['rigalpha_viewer'::regrole::oid]);
SELECT c.oid::regclass AS without_policy_of_owner FROM pg_class c WHERE c.relnamespace = 'rigalpha'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polroles = ARRAY['rigalpha_owner'::regrole::oid] AND p.polcmd = '*' AND pg_get_expr(p.polqual, p.polrelid) = 'true' AND pg_get_expr(p.polwithcheck, p.polrelid) = 'true');
SELECT p.polrelid::regclass AS table, p.polname AS policy, p.polcmd AS command, (SELECT string_agg(r::regrole::text, ' ') FROM unnest(p.polroles) r) AS roles, pg_get_expr(p.polqual, p.polrelid) AS condition, pg_get_expr(p.polwithcheck, p.polrelid) AS of_new_rows
	FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'rigalpha'::regnamespace AND p.polname <> 'owner' ORDER BY p.polrelid::regclass::text, p.polname;
SELECT p.polrelid::regclass, p.polname AS without_comment FROM pg_policy p WHERE obj_description(p.oid, 'pg_policy') IS NULL AND (SELECT relnamespace FROM pg_class WHERE oid = p.polrelid) = 'rigalpha'::regnamespace;
-- A right to write without a policy for it would be one that is never to be used.
SELECT g.relation, c.privilege AS write_without_policy FROM granted g, (VALUES ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS c (privilege, command), unnest('{rigalpha_viewer,rigalpha_operator,rigalpha_admin,rigalpha_simulator}'::text[]) AS r (role)
	WHERE g.relkind IN ('r', 'p') AND (has_table_privilege(role, g.oid, privilege) OR privilege <> 'DELETE' AND has_any_column_privilege(role, g.oid, CASE privilege WHEN 'DELETE' THEN 'INSERT' ELSE privilege END))
		AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = g.oid AND p.polcmd::text IN (command, '*') AND pg_has_role(role, p.polroles[1], 'USAGE'));

-- Views.
SELECT relation AS with_rights_of_its_owner FROM granted WHERE relkind = 'v' AND NOT options @> '{security_invoker=true,security_barrier=true}';

-- Plans: who may see what is asked once per query, and the index of the machine is used.
SELECT rigalpha.create_user('regress', 'viewer', db_role => session_user, must_change_password => false) > 0 AS login_is_a_user;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS off) ' || query LOOP
		RETURN NEXT line;
	END LOOP;
END $$;
SET ROLE rigalpha_viewer;
SELECT t AS relation, (SELECT count(*) > 0 FROM plan_of('TABLE rigalpha.' || t) AS l WHERE l ~ 'InitPlan') AS asked_once,
	(SELECT count(*) FROM plan_of('TABLE rigalpha.' || t) AS l WHERE l ~ 'SubPlan' AND l !~ 'hashed') AS asked_per_row
	FROM unnest('{machines,machine_sensors,machine_state,readings,incidents,alarms,alarm_events,alarm_suppressions,effective_alarm_events,thresholds,sensor_aliases,sensors,kafka_gaps,sensor_state,effective_thresholds,reading_values,current_deployments,training_info}'::text[]) AS t;
RESET ROLE;
SELECT rigalpha.ensure_partitions('{2019-03-01}') >= 0 AS made;
SET enable_seqscan = off;
SET ROLE rigalpha_viewer;
SELECT count(*) > 0 AS by_index FROM plan_of($$SELECT ts FROM rigalpha.readings WHERE machine_id = 1 AND ts >= '2019-03-01 00:00Z' AND ts < '2019-03-01 12:00Z'$$) AS l WHERE l ~ 'Index.*Scan using readings_20190301_key';
SELECT l AS condition FROM plan_of($$SELECT ts FROM rigalpha.readings WHERE machine_id = 1 AND ts >= '2019-03-01 00:00Z' AND ts < '2019-03-01 12:00Z'$$) AS l WHERE l ~ 'Index Cond';
RESET ROLE;
RESET enable_seqscan;
DROP TABLE rigalpha.readings_20190301;
DELETE FROM rigalpha.users WHERE name = 'regress';
DROP FUNCTION plan_of;
DROP VIEW granted;
