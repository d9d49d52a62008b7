-- Which cluster and database this data belongs to. A restored or copied database differs from
-- its node row, and everything that writes by itself stays still until an admin adopts it.
CREATE TABLE rigalpha.node (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	log_id uuid NOT NULL DEFAULT gen_random_uuid(),
	system_identifier bigint NOT NULL,
	database_oid oid NOT NULL,
	epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0),
	created_at timestamptz NOT NULL DEFAULT now(),
	adopted_at timestamptz
);
COMMENT ON TABLE rigalpha.node IS 'The cluster and database that this data belongs to; one row, written by setup()';
COMMENT ON COLUMN rigalpha.node.singleton IS 'Always true: the table holds one row';
COMMENT ON COLUMN rigalpha.node.log_id IS 'Identity of the audit log, which a restored copy keeps';
COMMENT ON COLUMN rigalpha.node.system_identifier IS 'System identifier of the cluster';
COMMENT ON COLUMN rigalpha.node.database_oid IS 'OID of the database';
COMMENT ON COLUMN rigalpha.node.epoch IS 'Counts the adoptions after a restore, copy or upgrade, from 1';
COMMENT ON COLUMN rigalpha.node.created_at IS 'When setup() ran first';
COMMENT ON COLUMN rigalpha.node.adopted_at IS 'When adopt() ran last';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.node', '');

CREATE FUNCTION rigalpha.system_identifier() RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_system_identifier';
COMMENT ON FUNCTION rigalpha.system_identifier() IS 'System identifier of the running cluster';

CREATE FUNCTION rigalpha.database_oid() RETURNS oid
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT oid FROM pg_database WHERE datname = current_database() $$;
COMMENT ON FUNCTION rigalpha.database_oid() IS 'OID of the current database';

CREATE FUNCTION rigalpha.node_is_current() RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT EXISTS (SELECT FROM rigalpha.node
		WHERE system_identifier = rigalpha.system_identifier() AND database_oid = rigalpha.database_oid())
	$$;
COMMENT ON FUNCTION rigalpha.node_is_current() IS 'True when setup() or adopt() ran in this very cluster and database';

-- Statement trigger of every table that backends cache: other backends learn of the change
-- when it commits, this one at its next command, and an abort takes it back.
CREATE FUNCTION rigalpha.invalidate_cache() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_invalidate_cache';
COMMENT ON FUNCTION rigalpha.invalidate_cache() IS 'Trigger: makes every backend reload what it cached of this table, and tells listeners of edits';

CREATE TRIGGER node_cache AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rigalpha.node
	FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.invalidate_cache();
ALTER TABLE rigalpha.node ENABLE ALWAYS TRIGGER node_cache;
COMMENT ON TRIGGER node_cache ON rigalpha.node IS 'Makes every backend check the node again';
