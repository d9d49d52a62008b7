-- What a dump carries: the rows of every table and the state of every sequence, but for those listed with a reason.
BEGIN;
SELECT plan(7);

CREATE TEMPORARY VIEW members AS
	SELECT c.oid, c.relname, c.relkind, c.oid = ANY (e.extconfig) AS dumped, e.extcondition[array_position(e.extconfig, c.oid)] AS condition
	FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass
	JOIN pg_class c ON c.oid = d.objid WHERE e.extname = 'rigalpha';

SELECT set_eq('SELECT relname::text FROM members WHERE relkind IN (''r'', ''p'') AND NOT dumped', $$VALUES
	('readings'),			-- holds nothing itself: its partitions are ordinary tables, and dumped as such
	('kafka_workers'),		-- leases of processes that do not exist in another cluster
	('sessions'), ('session_activity'),	-- cookies of the original must not open a copy
	('audit_guards'),		-- what guards a restored database is looked at anew
	('token_usage'),		-- what was sent in this minute
	('login_throttles'),	-- what was tried in the last minutes
	('simulator_control')	-- switches of simulators that do not run there
	$$, 'tables whose rows are left behind');
SELECT is_empty('SELECT relname FROM members WHERE relkind = ''S'' AND NOT dumped', 'every sequence is dumped');
SELECT is_empty('SELECT relname FROM members WHERE condition <> ''''', 'whole tables, without a condition');
SELECT is((SELECT count(*) FROM members WHERE dumped), (SELECT cardinality(extconfig)::bigint FROM pg_extension WHERE extname = 'rigalpha'), 'nothing foreign is marked');
SELECT is_empty('SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = ''rigalpha.readings''::regclass AND inhrelid IN (SELECT oid FROM members)', 'partitions are no members of the extension');
-- A primary key on the parent, or a foreign key to or from readings, would make a dump with partitions unloadable or wrong in order.
SELECT is_empty('SELECT conname FROM pg_constraint WHERE conrelid = ''rigalpha.readings''::regclass OR confrelid = ''rigalpha.readings''::regclass', 'the parent of the partitions has no constraint');
-- Triggers exist before the rows are loaded: none may write, or refuse what is loaded. These check, only invalidate caches, or do nothing before adopt().
SELECT set_eq($$SELECT tgname::text FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM members WHERE dumped) AND NOT tgisinternal AND tgtype & 4 = 4$$,
	$$VALUES ('node_cache'), ('machines_cache'), ('sensors_cache'), ('sensor_aliases_cache'), ('machine_sensors_cache'), ('thresholds_cache'), ('check_kafka_source'),
	('model_registry_cache'), ('model_versions_cache'), ('model_deployments_cache'), ('model_grants_cache'), ('rigalpha_audit'), ('alarm')$$,
	'triggers that fire while rows are loaded');

SELECT * FROM finish();
ROLLBACK;
