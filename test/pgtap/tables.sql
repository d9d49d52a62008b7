-- What C code and other programs rely on: order of columns, keys, indexes, foreign keys.
BEGIN;
SELECT plan(25);

-- The library fills rows of these two by column number.
SELECT is(string_agg(attname, ' ' ORDER BY attnum), 'machine_id model_version ts received_at state flags risk score_z score_pca score_forest score_lstm sensor_values', 'columns of readings')
	FROM pg_attribute WHERE attrelid = 'rigalpha.readings'::regclass AND attnum > 0;
SELECT is(string_agg(attname, ' ' ORDER BY attnum), 'machine_id ts received_at state state_ts flags readings revision anomaly_id stuck_id model_version risk cusum recent calm window_stride sensor_values sensor_times alarm_window', 'columns of machine_state')
	FROM pg_attribute WHERE attrelid = 'rigalpha.machine_state'::regclass AND attnum > 0;
-- Identity and rights are read by column number, too.
SELECT is(string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum), 'id integer, name text, role text, db_role name, must_change_password boolean, disabled_at timestamp with time zone', 'first columns of users')
	FROM pg_attribute WHERE attrelid = 'rigalpha.users'::regclass AND attnum BETWEEN 1 AND 6;
SELECT is(string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum), 'id integer, token_hash bytea, user_id integer, created_at timestamp with time zone, revoked_at timestamp with time zone, address inet', 'first columns of sessions')
	FROM pg_attribute WHERE attrelid = 'rigalpha.sessions'::regclass AND attnum BETWEEN 1 AND 6;
SELECT is(string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum), 'session_id integer, last_seen timestamp with time zone', 'columns of session_activity')
	FROM pg_attribute WHERE attrelid = 'rigalpha.session_activity'::regclass AND attnum > 0;
SELECT is(string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum), 'user_id integer, machine_id integer', 'columns of user_machines')
	FROM pg_attribute WHERE attrelid = 'rigalpha.user_machines'::regclass AND attnum > 0;
SELECT is(attnum::integer, 1, 'key of machines') FROM pg_attribute WHERE attrelid = 'rigalpha.machines'::regclass AND attname = 'id';
SELECT set_eq($$SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid IN ('rigalpha.users'::regclass, 'rigalpha.sessions'::regclass, 'rigalpha.user_machines'::regclass) AND indisunique$$,
	$$VALUES ('rigalpha.users_pkey'), ('rigalpha.users_name'), ('rigalpha.users_db_role_key'), ('rigalpha.sessions_pkey'), ('rigalpha.sessions_token_hash_key'), ('rigalpha.user_machines_pkey')$$, 'indexes that identity is found by');
-- Updates of the latest state must stay on their page.
SELECT is(string_agg(indexrelid::regclass::text, ' '), 'rigalpha.machine_state_pkey', 'machine_state has no index on what changes')
	FROM pg_index WHERE indrelid = 'rigalpha.machine_state'::regclass;
SELECT ok(reloptions @> ARRAY['fillfactor=50'], relname || ' leaves room on its pages') FROM pg_class WHERE oid IN ('rigalpha.machine_state'::regclass, 'rigalpha.kafka_offsets'::regclass, 'rigalpha.kafka_workers'::regclass, 'rigalpha.jobs'::regclass, 'rigalpha.session_activity'::regclass, 'rigalpha.api_tokens'::regclass, 'rigalpha.login_throttles'::regclass) ORDER BY relname;
SELECT is(partstrat::text || ' ' || pg_get_partkeydef(partrelid), 'r RANGE (ts)', 'readings are partitioned by time') FROM pg_partitioned_table WHERE partrelid = 'rigalpha.readings'::regclass;
SELECT is_empty($$SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confrelid = 'rigalpha.readings'::regclass OR conrelid = 'rigalpha.readings'::regclass)$$, 'no foreign key touches readings');
SELECT is_empty($$SELECT oid::regclass FROM pg_class c WHERE relnamespace = 'rigalpha'::regnamespace AND relkind = 'r' AND NOT relispartition AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary) AND relname <> 'sensor_aliases'$$, 'tables have a primary key');
-- Every foreign key that cascades has an index to find its rows by.
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint c WHERE contype = 'f' AND confdeltype = 'c' AND connamespace = 'rigalpha'::regnamespace
	AND conname NOT IN ('sensor_aliases_machine_id_fkey', 'sensor_aliases_sensor_id_fkey', 'thresholds_machine_id_fkey', 'kafka_gaps_source_id_fkey', 'alarm_suppressions_sensor_id_fkey')
	AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1])$$, 'cascading deletes find their rows by an index, but in small tables');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'rigalpha.invalidate_cache'::regproc AND tgenabled <> 'A'$$, 'caches are invalidated in replicas, too');
SELECT set_eq($$SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'rigalpha.invalidate_cache'::regproc$$,
	$$VALUES ('rigalpha.node'), ('rigalpha.machines'), ('rigalpha.sensors'), ('rigalpha.sensor_aliases'), ('rigalpha.machine_sensors'), ('rigalpha.thresholds'),
	('rigalpha.model_registry'), ('rigalpha.model_versions'), ('rigalpha.model_deployments'), ('rigalpha.model_grants')$$, 'every cached table tells of its changes');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'rigalpha.invalidate_cache'::regproc AND tgtype <> 4 + 8 + 16 + 32$$, 'after every kind of statement');

-- A payload is read as a whole and does not compress; a version never changes, in replicas neither.
SELECT is(attstorage, 'e', 'payloads are stored outside, as they are') FROM pg_attribute WHERE attrelid = 'rigalpha.model_versions'::regclass AND attname = 'payload';
SELECT set_eq($$SELECT tgtype::integer, tgenabled::text FROM pg_trigger WHERE tgfoid = 'rigalpha.keep_version'::regproc AND tgrelid = 'rigalpha.model_versions'::regclass$$,
	$$VALUES (1 + 2 + 8 + 16, 'A'), (2 + 32, 'A')$$, 'versions are append-only');

SELECT * FROM finish();
ROLLBACK;
