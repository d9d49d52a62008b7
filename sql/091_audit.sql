-- The audit log. An entry is written when something happens, in the transaction that does it; its
-- link is appended to the chain when that transaction commits. See docs/audit.md.
CREATE TABLE rigalpha.audit_chains (
	chain integer PRIMARY KEY CHECK (chain >= 0),
	label text NOT NULL
);
COMMENT ON TABLE rigalpha.audit_chains IS 'Chains of the audit log: 0 for administration, one per machine';
COMMENT ON COLUMN rigalpha.audit_chains.chain IS '0, or the id of the machine';
COMMENT ON COLUMN rigalpha.audit_chains.label IS 'Name when the chain began; its hashes depend on it, so it stays when the machine is renamed';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_chains', '');

CREATE TABLE rigalpha.audit_entries (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	epoch integer NOT NULL,
	chain integer NOT NULL,
	xact xid8 NOT NULL,
	kind smallint NOT NULL,
	at timestamptz NOT NULL,
	payload bytea NOT NULL,
	leaf bytea NOT NULL CHECK (octet_length(leaf) = 32)
);
ALTER TABLE rigalpha.audit_entries ALTER COLUMN payload SET STORAGE EXTERNAL;
COMMENT ON TABLE rigalpha.audit_entries IS 'What happened; the bytes of payload are the truth, the view audit_log shows them';
COMMENT ON COLUMN rigalpha.audit_entries.id IS 'Key';
COMMENT ON COLUMN rigalpha.audit_entries.epoch IS 'node.epoch when it was written';
COMMENT ON COLUMN rigalpha.audit_entries.chain IS 'Chain that it is linked in';
COMMENT ON COLUMN rigalpha.audit_entries.xact IS 'Transaction that wrote it, in the database where it did';
COMMENT ON COLUMN rigalpha.audit_entries.kind IS 'Kind as in the payload';
COMMENT ON COLUMN rigalpha.audit_entries.at IS 'When it was written';
COMMENT ON COLUMN rigalpha.audit_entries.payload IS 'Who, what, when, before and after in canonical bytes';
COMMENT ON COLUMN rigalpha.audit_entries.leaf IS 'SHA-256 of the payload';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_entries', '');
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_entries_id_seq', '');

CREATE TABLE rigalpha.audit_links (
	chain integer NOT NULL,
	seq bigint NOT NULL CHECK (seq > 0),
	epoch integer NOT NULL,
	entry_id bigint NOT NULL UNIQUE,
	prev bytea NOT NULL CHECK (octet_length(prev) = 32),
	leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
	link bytea NOT NULL CHECK (octet_length(link) = 32),
	PRIMARY KEY (chain, seq),
	UNIQUE (chain, prev)
);
COMMENT ON TABLE rigalpha.audit_links IS 'Links of the chains, without gaps and in the order of commits';
COMMENT ON COLUMN rigalpha.audit_links.chain IS 'Chain';
COMMENT ON COLUMN rigalpha.audit_links.seq IS 'Place in the chain, from 1, also across epochs';
COMMENT ON COLUMN rigalpha.audit_links.epoch IS 'Epoch; the first link of an epoch follows what commits to the head of the one before';
COMMENT ON COLUMN rigalpha.audit_links.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_links.prev IS 'Hash that this link follows';
COMMENT ON COLUMN rigalpha.audit_links.leaf IS 'Hash of the entry';
COMMENT ON COLUMN rigalpha.audit_links.link IS 'Hash of all of this, which the next link follows';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_links', '');

CREATE FUNCTION rigalpha.audit_row() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_row';
COMMENT ON FUNCTION rigalpha.audit_row() IS 'Trigger: writes what a row was and is; arguments machine=COLUMN and redact=COLUMN';

CREATE FUNCTION rigalpha.audit_truncate() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_truncate';
COMMENT ON FUNCTION rigalpha.audit_truncate() IS 'Trigger: writes that a table is emptied, and of how many rows';

CREATE FUNCTION rigalpha.audit_refuse() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_refuse';
COMMENT ON FUNCTION rigalpha.audit_refuse() IS 'Trigger: the audit log can only be added to';

DO $$
DECLARE
	table_name text;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['audit_chains', 'audit_entries', 'audit_links'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON rigalpha.%I
			FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_refuse()', table_name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER refuse', table_name);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER refuse ON rigalpha.%I IS ''The audit log can only be added to''', table_name);
	END LOOP;
END
$$;

CREATE FUNCTION rigalpha.audit_event(kind text, source text, operation text, reason text DEFAULT NULL, schema text DEFAULT NULL,
		relation text DEFAULT NULL, machine_id integer DEFAULT NULL, names text[] DEFAULT NULL, "values" text[] DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_event';
COMMENT ON FUNCTION rigalpha.audit_event(text, text, text, text, text, text, integer, text[], text[])
	IS 'Writes an entry about something that is no row of an audited table; for the functions of the extension';

CREATE FUNCTION rigalpha.audit_note(note text, machine text DEFAULT NULL) RETURNS boolean
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT rigalpha.audit_event('note', 'user', 'note', left(audit_note.note, 2000), NULL, NULL,
		(SELECT m.id FROM rigalpha.machines m WHERE m.name = audit_note.machine
			AND m.id = ANY ((SELECT rigalpha.readable_machines())::integer[])))
	$$;
COMMENT ON FUNCTION rigalpha.audit_note(text, text) IS 'Writes a note of the user into the audit log, on the chain of a machine if one is named';

CREATE FUNCTION rigalpha.audit_verify(chain integer DEFAULT NULL, from_seq bigint DEFAULT NULL, to_seq bigint DEFAULT NULL, checkpoint text DEFAULT NULL)
	RETURNS TABLE (problem text, chain_number integer, seq bigint, entry_id bigint, expected text, found text)
	LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_verify';
COMMENT ON FUNCTION rigalpha.audit_verify(integer, bigint, bigint, text)
	IS 'Computes the audit log again, or a part of it; one row per problem, none when it is whole. The tree is compared with a checkpoint if one is given, whose signature is not checked here';

CREATE FUNCTION rigalpha.audit_baseline(relation regclass) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_audit_baseline';
COMMENT ON FUNCTION rigalpha.audit_baseline(regclass)
	IS 'Writes an entry for each row that an audited table has, for its owner; audit_enable() calls it; returns how many';

-- Audits a table: every change of a row, and that it is emptied.
CREATE FUNCTION rigalpha.audit_enable(relation regclass, machine_column name DEFAULT NULL, redacted name[] DEFAULT '{}', ignored name[] DEFAULT '{}')
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET client_min_messages = warning
	AS $$
DECLARE
	arguments text := (SELECT coalesce(string_agg(quote_literal(a), ', '), '') FROM (
		SELECT 'machine=' || machine_column WHERE machine_column IS NOT NULL
		UNION ALL SELECT 'redact=' || unnest(redacted)) AS given (a));
	columns name[] := (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped);
	missing name := (SELECT n FROM unnest(redacted || ignored || machine_column) n WHERE n <> ALL (columns) LIMIT 1);
	kinds text := 'INSERT OR UPDATE OR DELETE';
	made text;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'table % has no column "%"', relation, missing USING ERRCODE = 'undefined_column';
	END IF;
	EXECUTE format('DROP TRIGGER IF EXISTS rigalpha_audit ON %1$s; DROP TRIGGER IF EXISTS rigalpha_audit_update ON %1$s;
		DROP TRIGGER IF EXISTS rigalpha_audit_truncate ON %1$s', relation);
	IF ignored <> '{}' THEN
		kinds := 'INSERT OR DELETE';
		EXECUTE format('CREATE TRIGGER rigalpha_audit_update AFTER UPDATE ON %s FOR EACH ROW WHEN (%s)
			EXECUTE FUNCTION rigalpha.audit_row(%s)', relation,
			(SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c), ' OR ') FROM unnest(columns) c WHERE c <> ALL (ignored)), arguments);
	END IF;
	EXECUTE format('CREATE TRIGGER rigalpha_audit AFTER %s ON %s FOR EACH ROW EXECUTE FUNCTION rigalpha.audit_row(%s)', kinds, relation, arguments);
	EXECUTE format('CREATE TRIGGER rigalpha_audit_truncate BEFORE TRUNCATE ON %s
		FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_truncate()', relation);
	FOR made IN SELECT tgname FROM pg_trigger WHERE tgrelid = relation AND tgname ~ '^rigalpha_audit' LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, made);
		EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', made, relation, 'Writes what happens to the table into the audit log');
	END LOOP;
	PERFORM rigalpha.audit_baseline(relation);
END
$$;
COMMENT ON FUNCTION rigalpha.audit_enable(regclass, name, name[], name[])
	IS 'Audits a table, by triggers that its owner makes: machine_column = whose chain a row belongs to, redacted = columns whose values are not shown, ignored = columns whose change alone is no entry';

CREATE FUNCTION rigalpha.audit_decode(payload bytea, OUT kind text, OUT session_user_name text, OUT current_user_name text,
		OUT app_user text, OUT app_session text, OUT client_address text, OUT source text, OUT machine text,
		OUT schema_name text, OUT relation text, OUT operation text, OUT reason text, OUT transaction_at timestamptz,
		OUT key jsonb, OUT old jsonb, OUT new jsonb)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_decode';
COMMENT ON FUNCTION rigalpha.audit_decode(bytea) IS 'The parts of an audit entry; null when the bytes are none';

CREATE VIEW rigalpha.audit_log WITH (security_invoker = true, security_barrier = true) AS
	SELECT l.chain, l.seq, e.id AS entry_id, e.at, d.*
	FROM rigalpha.audit_links l
	JOIN rigalpha.audit_entries e ON e.id = l.entry_id
	CROSS JOIN LATERAL rigalpha.audit_decode(e.payload) d;
COMMENT ON VIEW rigalpha.audit_log IS 'The audit log: who did what and when, and what was before and after';

CREATE FUNCTION rigalpha.audit_row_image(live record) RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_row_image';
COMMENT ON FUNCTION rigalpha.audit_row_image(record) IS 'A row as the audit log would show it';

-- Rows against their last images. What is edited while triggers are off leaves the log whole, and
-- shows here only.
CREATE FUNCTION rigalpha.audit_reconcile(relation regclass)
	RETURNS TABLE (problem text, key jsonb, logged jsonb, live jsonb)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	key_columns text := (SELECT string_agg(format('%L, %%1$s -> %L', a.attname, a.attname), ', ' ORDER BY a.attnum)
		FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = relation AND i.indisprimary);
	-- Those that the condition of the trigger does not name: their changes are no entries.
	ignored text[] := (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0
		WHERE t.tgrelid = relation AND t.tgname = 'rigalpha_audit_update'
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
				AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = a.attnum));
BEGIN
	-- Who sees a part of the log or of the rows, or nothing, would be told that all is well.
	IF NOT rigalpha.is_admin_user() AND (row_security_active('rigalpha.audit_entries'::regclass) OR row_security_active(relation)) THEN
		RAISE EXCEPTION 'permission denied: this is for users with role admin' USING ERRCODE = 'insufficient_privilege';
	END IF;
	IF key_columns IS NULL THEN
		RAISE EXCEPTION 'table % has no primary key', relation
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Without one its rows cannot be told apart.';
	END IF;
	RETURN QUERY EXECUTE format($q$
		WITH entries AS MATERIALIZED (
			SELECT a.entry_id, a.kind, a.key, a.new FROM rigalpha.audit_log a
			WHERE (a.schema_name, a.relation) = (SELECT n.nspname::text, c.relname::text
				FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)),
		images AS (
			SELECT e.entry_id, jsonb_build_object(%1$s) AS key, e.new FROM entries e WHERE e.new IS NOT NULL
			-- Where the key was changed, or the row deleted, nothing is left under the old one.
			UNION ALL SELECT e.entry_id, e.key, NULL FROM entries e WHERE e.key <> coalesce(CASE WHEN e.new IS NOT NULL THEN jsonb_build_object(%1$s) END, '{}')),
		logged AS (
			SELECT DISTINCT ON (i.key) i.key, i.new AS image FROM images i
			WHERE i.entry_id > coalesce((SELECT max(t.entry_id) FROM entries t WHERE t.kind = 'truncate'), 0)
			ORDER BY i.key, i.entry_id DESC),
		present AS (SELECT jsonb_build_object(%2$s) AS key, r.image FROM (SELECT rigalpha.audit_row_image(t) AS image FROM %3$s t) r),
		pairs AS (
			SELECT coalesce(l.key, r.key) AS key, l.image - $2 AS logged,
				-- What is redacted cannot be compared.
				r.image - $2 - coalesce((SELECT array_agg(c.key) FROM jsonb_each(l.image) c WHERE jsonb_typeof(c.value) = 'object'), '{}') AS live
			FROM logged l FULL JOIN present r ON r.key = l.key)
		SELECT CASE WHEN b.live IS NULL THEN 'MISSING' WHEN b.logged IS NULL THEN 'NOT_LOGGED' ELSE 'EDITED' END, b.key, b.logged, b.live
		FROM pairs b
		WHERE b.live IS DISTINCT FROM b.logged - coalesce((SELECT array_agg(c.key) FROM jsonb_each(b.logged) c WHERE jsonb_typeof(c.value) = 'object'), '{}')
		ORDER BY b.key$q$, format(key_columns, 'e.new'), format(key_columns, 'r.image'), relation)
		USING relation, ignored;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_reconcile(regclass)
	IS 'Compares the rows of an audited table with the last images in the log; one row per difference: EDITED, MISSING or NOT_LOGGED (older than the audit, or inserted past it)';

-- Changes of the schema. What DROP removes is told by another event than what is made or altered.
CREATE FUNCTION rigalpha.audit_ddl() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	command record;
BEGIN
	IF TG_EVENT = 'sql_drop' THEN
		FOR command IN SELECT * FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary LOOP
			PERFORM rigalpha.audit_event('ddl', 'ddl', TG_TAG, command.object_identity, command.schema_name, command.object_type);
		END LOOP;
		RETURN;
	END IF;
	FOR command IN SELECT DISTINCT ON (object_identity, command_tag) * FROM pg_event_trigger_ddl_commands()
			WHERE schema_name IS NULL OR schema_name !~ '^pg_(toast_)?temp' LOOP
		PERFORM rigalpha.audit_event('ddl', 'ddl', command.command_tag, command.object_identity, command.schema_name, command.object_type);
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_ddl() IS 'Event trigger: writes changes of the schema into the audit log';
CREATE EVENT TRIGGER rigalpha_audit_ddl ON ddl_command_end EXECUTE FUNCTION rigalpha.audit_ddl();
CREATE EVENT TRIGGER rigalpha_audit_drop ON sql_drop EXECUTE FUNCTION rigalpha.audit_ddl();
ALTER EVENT TRIGGER rigalpha_audit_ddl ENABLE ALWAYS;
ALTER EVENT TRIGGER rigalpha_audit_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER rigalpha_audit_ddl IS 'Writes what is made or altered into the audit log';
COMMENT ON EVENT TRIGGER rigalpha_audit_drop IS 'Writes what is dropped into the audit log';
COMMENT ON COLUMN rigalpha.audit_log.chain IS '0 for administration, else the id of a machine';
COMMENT ON COLUMN rigalpha.audit_log.seq IS 'Place in the chain';
COMMENT ON COLUMN rigalpha.audit_log.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_log.at IS 'When it happened';
COMMENT ON COLUMN rigalpha.audit_log.kind IS 'insert, update, delete, truncate, ddl, login, note, epoch and so on';
COMMENT ON COLUMN rigalpha.audit_log.session_user_name IS 'Login of the database';
COMMENT ON COLUMN rigalpha.audit_log.current_user_name IS 'Role that acted: the owner of the function when one did';
COMMENT ON COLUMN rigalpha.audit_log.app_user IS 'User of the session, or whom the login of the database is mapped to';
COMMENT ON COLUMN rigalpha.audit_log.app_session IS 'Beginning of the hash of the session''s token';
COMMENT ON COLUMN rigalpha.audit_log.client_address IS 'Where the user came from; null = a local socket or a background worker';
COMMENT ON COLUMN rigalpha.audit_log.source IS 'What wrote it: trigger, login, ddl, user and so on';
COMMENT ON COLUMN rigalpha.audit_log.machine IS 'Name of the machine at that time';
COMMENT ON COLUMN rigalpha.audit_log.schema_name IS 'Schema of the table or object';
COMMENT ON COLUMN rigalpha.audit_log.relation IS 'Table, or type of the object';
COMMENT ON COLUMN rigalpha.audit_log.operation IS 'What was done';
COMMENT ON COLUMN rigalpha.audit_log.reason IS 'More about it, such as the text of a note or the name of an object';
COMMENT ON COLUMN rigalpha.audit_log.transaction_at IS 'When its transaction began';
COMMENT ON COLUMN rigalpha.audit_log.key IS 'Primary key of the row';
COMMENT ON COLUMN rigalpha.audit_log.old IS 'The row before, as texts';
COMMENT ON COLUMN rigalpha.audit_log.new IS 'The row after, as texts; or what was noted';
