-- Everything that the extension makes says what it is for; what is missing is listed.
BEGIN;
SELECT plan(9);

CREATE TEMPORARY VIEW own_schemas AS SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('rigalpha', 'rigalpha_api');

SELECT isnt_empty('SELECT FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own_schemas)', 'there is something to look at');
SELECT isnt(obj_description(oid, 'pg_extension'), NULL, 'the extension') FROM pg_extension WHERE extname = 'rigalpha';
SELECT is_empty('SELECT nspname FROM own_schemas WHERE obj_description(oid, ''pg_namespace'') IS NULL', 'schemas');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relnamespace IN (SELECT oid FROM own_schemas) AND relkind IN ('r', 'p', 'm', 'f') AND NOT relispartition
	AND obj_description(oid, 'pg_class') IS NULL$$, 'tables');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relnamespace IN (SELECT oid FROM own_schemas) AND relkind = 'v'
	AND obj_description(oid, 'pg_class') IS NULL$$, 'views');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace IN (SELECT oid FROM own_schemas) AND relkind IN ('r', 'p', 'v', 'm', 'c') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
	AND col_description(attrelid, attnum) IS NULL$$, 'columns');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own_schemas)
	AND obj_description(oid, 'pg_proc') IS NULL$$, 'functions');
-- The index behind a constraint is explained by the constraint.
SELECT is_empty($$SELECT i.oid::regclass FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid JOIN pg_class t ON t.oid = x.indrelid
	WHERE i.relnamespace IN (SELECT oid FROM own_schemas) AND NOT t.relispartition AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid)
	AND obj_description(i.oid, 'pg_class') IS NULL$$, 'indexes');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
	WHERE relnamespace IN (SELECT oid FROM own_schemas) AND NOT tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL$$, 'triggers');

SELECT * FROM finish();
ROLLBACK;
