-- Daily partitions of readings: made on demand, and what a leaf has and has not.
\set SHOW_CONTEXT never
SELECT coalesce(max(id), 0) AS before FROM rigalpha.dead_letters \gset
CREATE FUNCTION on_day(day date, machine text DEFAULT 'PART') RETURNS text LANGUAGE sql
	AS $$ SELECT format('{"machine_id":"%s","timestamp":"%s","rpm":%s}', machine, to_char(day::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), day - '2020-01-01') $$;
CREATE FUNCTION leaves(pattern text) RETURNS TABLE (leaf name, bounds text) LANGUAGE sql AS $$
	SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class JOIN pg_inherits ON inhrelid = oid
	WHERE inhparent = 'rigalpha.readings'::regclass AND relname ~ pattern ORDER BY relname $$;
SET TimeZone = 'UTC';

-- The leaf of a day, and of the days on both sides of midnight and of a leap day.
SELECT accepted FROM send(on_day('2020-02-28'), on_day('2020-02-29'), '{"machine_id":"PART","timestamp":"2020-02-29T23:59:60Z","rpm":5}', '{"machine_id":"PART","timestamp":"2020-02-28T23:59:59.999999Z","rpm":5}');
SELECT * FROM leaves('2020');
SELECT readings.tableoid::regclass AS leaf, ts FROM rigalpha.readings JOIN rigalpha.machines m ON m.id = machine_id WHERE name = 'PART' ORDER BY ts;

-- Nothing on a leaf that a direct insert into the heap would pass by; the unique index; the owner.
SELECT c.relowner::regrole, c.relhastriggers, c.relhasrules, c.relrowsecurity, c.relpersistence, c.relacl,
	(SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid) AS constraints,
	(SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid WHERE d.objid = c.oid AND d.deptype = 'e') AS extension_member,
	(SELECT string_agg(pg_get_indexdef(indexrelid), '; ') FROM pg_index WHERE indrelid = c.oid) AS indexes
	FROM pg_class c WHERE oid = 'rigalpha.readings_20200229'::regclass \gx
-- Nor on the parent: no index, trigger, constraint or policy, and no DEFAULT partition.
SELECT relhasindex, relhastriggers, relrowsecurity, (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid) AS constraints, (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = c.oid) AS default_partition
	FROM pg_class c WHERE oid = 'rigalpha.readings'::regclass;
SELECT count(*) AS leaves_that_differ FROM pg_class c JOIN pg_inherits ON inhrelid = oid
	WHERE inhparent = 'rigalpha.readings'::regclass AND (relhastriggers OR relrowsecurity OR relhasrules OR relowner <> 'rigalpha_owner'::regrole
		OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid) OR EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
		OR NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisunique AND indisvalid AND indkey::text = '1 3'));
-- A leaf and the parent have the same columns in the same order, and arrays are not compressed.
SELECT count(*) AS columns, bool_and(l.attname = p.attname AND l.atttypid = p.atttypid AND l.attnotnull = p.attnotnull AND l.attstorage = p.attstorage) AS equal, max(l.attstorage) FILTER (WHERE l.attname = 'sensor_values') AS storage
	FROM pg_attribute p JOIN pg_attribute l ON l.attnum = p.attnum AND l.attrelid = 'rigalpha.readings_20200229'::regclass WHERE p.attrelid = 'rigalpha.readings'::regclass AND p.attnum > 0;

-- A payload alone may need more than eight new days: the surplus becomes dead letters, the earliest eight are kept.
SELECT payload, accepted, rejected FROM send((SELECT format('[%s]', string_agg(on_day('2020-03-01'::date + n), ',' ORDER BY n DESC)) FROM generate_series(1, 10) AS n));
SELECT reading_index, machine, field, reason, detail FROM rigalpha.dead_letters WHERE id > :before ORDER BY id;
SELECT count(*) FROM leaves('202003');
-- Several payloads: an error with its own code, nothing is stored; eight are allowed.
SELECT sqlstate_of($$SELECT send(VARIADIC array_agg(on_day('2020-04-01'::date + n))) FROM generate_series(1, 9) AS n$$);
SELECT count(*) FROM leaves('202004');
SELECT count(*) FROM send(VARIADIC ARRAY(SELECT on_day('2020-04-01'::date + n) FROM generate_series(1, 8) AS n)) WHERE accepted = 1;
SELECT count(*) FROM send(VARIADIC ARRAY(SELECT on_day('2020-04-01'::date + n, 'PART2') FROM generate_series(1, 16) AS n)) WHERE accepted = 1;
SET rigalpha.max_new_partitions = 2;
SELECT sqlstate_of($$SELECT send(on_day('2020-05-01'), on_day('2020-05-02'), on_day('2020-05-03'))$$);
RESET rigalpha.max_new_partitions;

-- An admin makes partitions; null and known days are left out. The tick makes those ahead.
SET ROLE rigalpha_admin;
SELECT rigalpha.ensure_partitions('{2020-06-02,NULL,2020-06-01,2020-06-02,2020-04-02}');
SELECT rigalpha.ensure_partitions('{2020-06-01}'), rigalpha.ensure_partitions('{}'), rigalpha.ensure_partitions(NULL);
RESET ROLE;
SELECT count(*) FROM leaves('202006');
BEGIN;
SET LOCAL rigalpha.partitions_ahead = 9;
SELECT rigalpha.maintenance_tick();
SELECT count(*) FROM leaves('.') WHERE leaf > 'readings_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD');
ROLLBACK;
-- In a database that is not set up or adopted the tick does nothing.
SELECT count(*) AS leaves FROM leaves('.') \gset
BEGIN;
DELETE FROM rigalpha.node;
SET LOCAL rigalpha.partitions_ahead = 9;
SELECT rigalpha.maintenance_tick();
SELECT count(*) - :leaves AS made FROM leaves('.');
ROLLBACK;

-- A rolled-back partition is made again.
BEGIN;
SELECT accepted FROM send(on_day('2020-07-01'));
ROLLBACK;
SELECT accepted FROM send(on_day('2020-07-01'));
SELECT * FROM leaves('202007');

-- Further indexes of a partition are kept up, too.
CREATE INDEX further ON rigalpha.readings_20200701 (received_at);
SELECT accepted FROM send(on_day('2020-07-01', 'PART4'));
BEGIN;
SET LOCAL enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT machine_id FROM rigalpha.readings_20200701 WHERE received_at > '-infinity';
SELECT count(*) FROM rigalpha.readings_20200701 WHERE received_at > '-infinity';
ROLLBACK;
DROP INDEX rigalpha.further;

-- Damage is refused with a hint, not worked around: no index, detached, not a partition at all.
DROP INDEX rigalpha.readings_20200701_key;
SELECT accepted FROM send(on_day('2020-07-01', 'PART2'));
CREATE UNIQUE INDEX ON rigalpha.readings_20200701 (machine_id, ts);
SELECT accepted FROM send(on_day('2020-07-01', 'PART2'));
ALTER TABLE rigalpha.readings DETACH PARTITION rigalpha.readings_20200701;
SELECT accepted FROM send(on_day('2020-07-01', 'PART3'));
DROP TABLE rigalpha.readings_20200701;
CREATE VIEW rigalpha.readings_20200701 AS SELECT 1;
SELECT accepted FROM send(on_day('2020-07-01', 'PART3'));
DROP VIEW rigalpha.readings_20200701;
SELECT accepted FROM send(on_day('2020-07-01', 'PART3'));
DROP FUNCTION on_day, leaves;
