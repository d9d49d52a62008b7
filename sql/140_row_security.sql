-- Who sees which rows. Every table is under row security, for its owner too: what runs as the owner
-- (ingest, worker, functions with SECURITY DEFINER) has a policy of its own, and a user sees the rows
-- of the own machines. A role without a policy sees nothing, whatever is granted to it. The functions
-- stand in sub-selects, so that they run once per query and not once per row.
DO $$
DECLARE
	-- Conditions on rows, for whoever has rigalpha_viewer.
	mine CONSTANT text := '= ANY ((SELECT rigalpha.visible_machines())::integer[])';
	named CONSTANT text := '= ANY ((SELECT rigalpha.visible_machine_names())::text[])';
	known_user CONSTANT text := '(SELECT rigalpha.is_user())';
	admin CONSTANT text := '(SELECT rigalpha.is_admin_user())';
	subject record;
	command text;
BEGIN
	FOR subject IN
		SELECT c.oid::regclass AS relation FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'rigalpha'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname
	LOOP
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', subject.relation);
		EXECUTE pg_catalog.format('CREATE POLICY owner ON %s TO rigalpha_owner USING (true) WITH CHECK (true)', subject.relation);
		EXECUTE pg_catalog.format('COMMENT ON POLICY owner ON %s IS %L', subject.relation, 'What runs as the owner checks for itself what it may do');
	END LOOP;

	FOR subject IN
		SELECT * FROM (VALUES
			-- A machine that was just made is not among those that the query sees yet.
			('machines', 'id ' || mine || ' OR ' || admin, 'Machines of the user'),
			('machine_sensors', 'machine_id ' || mine, 'Of machines of the user'),
			('machine_state', 'machine_id ' || mine, 'Of machines of the user'),
			('readings', 'machine_id ' || mine, 'Of machines of the user'),
			('incidents', 'machine_id ' || mine, 'Of machines of the user'),
			('alarms', 'machine_id ' || mine, 'Of machines of the user'),
			('alarm_events', 'machine_id ' || mine, 'Of machines of the user'),
			('alarm_suppressions', known_user, 'All, for every user'),
			('thresholds', 'CASE WHEN machine_id IS NULL THEN ' || known_user || ' ELSE machine_id ' || mine || ' END',
				'Of machines of the user, and those of the fleet'),
			('sensor_aliases', 'CASE WHEN machine_id IS NULL THEN ' || known_user || ' ELSE machine_id ' || mine || ' END',
				'Of machines of the user, and those of the fleet'),
			('sensors', known_user, 'All, for every user'),
			('model_versions', 'CASE WHEN machine IS NULL THEN ' || known_user || ' ELSE machine ' || named || ' OR ' || admin || ' END',
				'Of machines of the user, and those of the fleet'),
			('model_deployments', 'CASE WHEN machine IS NULL THEN ' || known_user || ' ELSE machine ' || named || ' OR ' || admin || ' END',
				'Of machines of the user, and those of the fleet'),
			('model_registry', admin || ' OR model IN (SELECT v.model FROM rigalpha.model_versions v)', 'Models of which the user sees a version'),
			('jobs', 'machine ' || named || ' OR ' || admin, 'Of machines of the user; the others for admins'),
			('dead_letters', 'machine ' || named || ' OR ' || admin,
				'Of machines of the user; those that name no machine, or one that there is not, for admins'),
			('model_grants', admin, 'For admins'),
			('simulator_control', admin, 'For admins'),
			('node', admin, 'For admins'),
			('kafka_sources', admin, 'For admins'),
			('kafka_offsets', admin, 'For admins'),
			('kafka_workers', admin, 'For admins'),
			('kafka_gaps', admin, 'For admins'),
			('audit_entries', admin, 'For admins'),
			('audit_links', admin, 'For admins'),
			('audit_chains', admin, 'For admins'),
			('audit_checkpoints', admin, 'For admins'),
			('audit_tree', admin, 'For admins'),
			('audit_nodes', admin, 'For admins'),
			('audit_guards', admin, 'For admins')
		) AS p (relation, condition, explanation)
	LOOP
		EXECUTE pg_catalog.format('CREATE POLICY users ON rigalpha.%I FOR SELECT TO rigalpha_viewer USING (%s)', subject.relation, subject.condition);
		EXECUTE pg_catalog.format('COMMENT ON POLICY users ON rigalpha.%I IS %L', subject.relation, subject.explanation);
	END LOOP;

	-- A policy for each command: one for all would be tried for every SELECT, too.
	FOR subject IN
		SELECT * FROM (VALUES
			('machines', '{INSERT,UPDATE}'::text[]),
			('sensors', '{INSERT,UPDATE,DELETE}'),
			('thresholds', '{INSERT,UPDATE,DELETE}'),
			('alarm_suppressions', '{INSERT,UPDATE,DELETE}'),
			('kafka_sources', '{INSERT,UPDATE,DELETE}'),
			('sensor_aliases', '{INSERT,UPDATE,DELETE}'),
			('machine_sensors', '{UPDATE}'),
			('simulator_control', '{INSERT,UPDATE,DELETE}')
		) AS w (relation, commands)
	LOOP
		FOREACH command IN ARRAY subject.commands LOOP
			EXECUTE pg_catalog.format('CREATE POLICY %I ON rigalpha.%I FOR %s TO rigalpha_admin %s %s', 'admins_' || pg_catalog.lower(command),
				subject.relation, command, CASE WHEN command <> 'INSERT' THEN pg_catalog.format('USING (%s)', admin) END,
				CASE WHEN command <> 'DELETE' THEN pg_catalog.format('WITH CHECK (%s)', admin) END);
			EXECUTE pg_catalog.format('COMMENT ON POLICY %I ON rigalpha.%I IS %L', 'admins_' || pg_catalog.lower(command), subject.relation,
				'For a user with role admin');
		END LOOP;
	END LOOP;

	CREATE POLICY simulators ON rigalpha.simulator_control TO rigalpha_simulator USING (true) WITH CHECK (true);
	COMMENT ON POLICY simulators ON rigalpha.simulator_control IS 'A simulator reads its switches and says how it is';
END
$$;

-- What runs as the owner finds its rows also where a session has said row_security = off, as pg_restore does: that
-- makes a query fail which row security would touch.
DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
		WHERE p.pronamespace IN ('rigalpha'::pg_catalog.regnamespace, 'rigalpha_api'::pg_catalog.regnamespace) AND p.prosecdef ORDER BY p.oid
	LOOP
		EXECUTE pg_catalog.format('ALTER FUNCTION %s SET row_security = on', routine);
	END LOOP;
END
$$;
