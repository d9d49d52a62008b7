-- The tree over all links, whose root is signed: see "Checkpoints" in docs/audit.md. Its leaves are
-- the links in the order in which they were taken in; nodes are those that are complete.
CREATE TABLE rigalpha.audit_tree (
	idx bigint PRIMARY KEY CHECK (idx >= 0),
	chain integer NOT NULL,
	seq bigint NOT NULL,
	UNIQUE (chain, seq)
);
COMMENT ON TABLE rigalpha.audit_tree IS 'Leaves of the tree over the audit log';
COMMENT ON COLUMN rigalpha.audit_tree.idx IS 'Place among the leaves, from 0';
COMMENT ON COLUMN rigalpha.audit_tree.chain IS 'Chain of the link';
COMMENT ON COLUMN rigalpha.audit_tree.seq IS 'Place of the link in its chain';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_tree', '');

CREATE TABLE rigalpha.audit_nodes (
	level smallint NOT NULL CHECK (level > 0),
	idx bigint NOT NULL CHECK (idx >= 0),
	hash bytea NOT NULL CHECK (octet_length(hash) = 32),
	PRIMARY KEY (level, idx)
);
COMMENT ON TABLE rigalpha.audit_nodes IS 'Nodes of the tree over the audit log that stand over leaves which all exist (RFC 6962)';
COMMENT ON COLUMN rigalpha.audit_nodes.level IS 'Height over the leaves: the node stands over 2 ^ level of them';
COMMENT ON COLUMN rigalpha.audit_nodes.idx IS 'Place among the nodes of its level, from 0';
COMMENT ON COLUMN rigalpha.audit_nodes.hash IS 'SHA-256 of 01 and the two nodes below';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_nodes', '');

CREATE TABLE rigalpha.audit_checkpoints (
	size bigint PRIMARY KEY CHECK (size >= 0),
	root bytea NOT NULL CHECK (octet_length(root) = 32),
	epoch integer NOT NULL,
	note text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	exported_at timestamptz
);
COMMENT ON TABLE rigalpha.audit_checkpoints IS 'Signed checkpoints of the tree; those that count are the copies elsewhere';
COMMENT ON COLUMN rigalpha.audit_checkpoints.size IS 'Links in the tree';
COMMENT ON COLUMN rigalpha.audit_checkpoints.root IS 'Root of the tree of this size';
COMMENT ON COLUMN rigalpha.audit_checkpoints.epoch IS 'Epoch that the log was in';
COMMENT ON COLUMN rigalpha.audit_checkpoints.note IS 'The signed note, as it came from the signer last for this size; its signature is not checked here';
COMMENT ON COLUMN rigalpha.audit_checkpoints.created_at IS 'When it was stored';
COMMENT ON COLUMN rigalpha.audit_checkpoints.exported_at IS 'When a broker had it; null = not sent';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_checkpoints', '');

DO $$
DECLARE
	guarded record;
BEGIN
	FOR guarded IN SELECT * FROM (VALUES ('audit_tree', 'UPDATE OR DELETE OR TRUNCATE'), ('audit_nodes', 'UPDATE OR DELETE OR TRUNCATE'),
			('audit_checkpoints', 'DELETE OR TRUNCATE')) AS v (name, events) LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER refuse BEFORE %s ON rigalpha.%I FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.audit_refuse()',
			guarded.events, guarded.name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER refuse', guarded.name);
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER refuse ON rigalpha.%I IS ''The audit log can only be added to''', guarded.name);
	END LOOP;
END
$$;

CREATE FUNCTION rigalpha.audit_integrate(max_links integer DEFAULT 100000) RETURNS integer
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_integrate';
COMMENT ON FUNCTION rigalpha.audit_integrate(integer) IS 'Takes new links into the tree, at most max_links of them; returns how many';

CREATE FUNCTION rigalpha.audit_root(size bigint) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_root';
COMMENT ON FUNCTION rigalpha.audit_root(bigint) IS 'Root of the tree when it had this size';

CREATE FUNCTION rigalpha.audit_inclusion(idx bigint, size bigint) RETURNS bytea[]
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_inclusion';
COMMENT ON FUNCTION rigalpha.audit_inclusion(bigint, bigint) IS 'Proof (RFC 6962) that a leaf is in the tree of this size, lowest hash first';

CREATE FUNCTION rigalpha.audit_consistency(old_size bigint, size bigint) RETURNS bytea[]
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_consistency';
COMMENT ON FUNCTION rigalpha.audit_consistency(bigint, bigint) IS 'Proof (RFC 6962) that the tree of this size continues the one of the old size';

CREATE FUNCTION rigalpha.audit_prove(entry_id bigint, tree_size bigint DEFAULT NULL, OUT chain integer, OUT seq bigint, OUT leaf bytea,
		OUT link bytea, OUT idx bigint, OUT size bigint, OUT root bytea, OUT path bytea[])
	RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.chain, l.seq, l.leaf, l.link, t.idx, s.size, rigalpha.audit_root(s.size), rigalpha.audit_inclusion(t.idx, s.size)
	FROM rigalpha.audit_links l
	JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	CROSS JOIN LATERAL (SELECT coalesce(tree_size, (SELECT max(a.idx) + 1 FROM rigalpha.audit_tree a))) AS s (size)
	WHERE l.entry_id = audit_prove.entry_id AND t.idx < s.size
	$$;
COMMENT ON FUNCTION rigalpha.audit_prove(bigint, bigint)
	IS 'Proof that an entry is in the tree of a size, or of the present one: SHA-256(00, link) and the path give the root; no row = it is not';

CREATE FUNCTION rigalpha.audit_library_hash() RETURNS bytea
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_audit_library_hash';
COMMENT ON FUNCTION rigalpha.audit_library_hash() IS 'SHA-256 of the file of the extension''s library; null = it cannot be read';

-- What guards the log inside the database; what switched a trigger off and on again shows in xmin.
CREATE FUNCTION rigalpha.audit_guard(OUT part text, OUT hash bytea) RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	WITH own AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND x.extname = 'rigalpha'),
	facts (part, fact) AS (
		SELECT 'triggers', format('%s %s %s %s %s', t.tgrelid::regclass, t.tgname, t.tgenabled, t.tgfoid::regproc, t.xmin)
			FROM pg_trigger t WHERE t.tgname ~ '^rigalpha_audit' OR (NOT t.tgisinternal AND EXISTS (SELECT FROM own o
				WHERE o.classid = 'pg_class'::regclass AND o.objid = t.tgrelid))
		UNION ALL SELECT 'event triggers', format('%s %s %s %s', e.evtname, e.evtenabled, e.evtfoid::regproc, e.xmin) FROM pg_event_trigger e
		UNION ALL SELECT 'functions', format('%s %s %s %s %s %s %s', p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.proconfig, p.probin, p.prosrc, p.proacl)
			FROM pg_proc p JOIN own o ON o.classid = 'pg_proc'::regclass AND o.objid = p.oid
		UNION ALL SELECT 'tables', format('%s %s %s %s %s', c.oid::regclass, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.relacl)
			FROM pg_class c JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid WHERE c.relkind IN ('r', 'p', 'v')
		UNION ALL SELECT 'policies', format('%s %s %s %s %s %s', p.polrelid::regclass, p.polname, p.polcmd, p.polroles,
				pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
			FROM pg_policy p JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = p.polrelid
		UNION ALL SELECT 'roles', format('%s %s %s %s %s %s %s', r.rolname, r.rolsuper, r.rolcreaterole, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolinherit)
			FROM pg_roles r
		UNION ALL SELECT 'roles', format('%s in %s %s', m.member::regrole, m.roleid::regrole, m.admin_option) FROM pg_auth_members m
		UNION ALL SELECT 'role settings', format('%s %s %s', s.setdatabase, s.setrole, s.setconfig) FROM pg_db_role_setting s
		UNION ALL SELECT 'server settings', format('%s %s', s.name, s.setting) FROM pg_settings s WHERE s.source = 'configuration file'
			-- Those that no session can set for itself.
			AND s.context IN ('postmaster', 'sighup')
		UNION ALL SELECT 'library', encode(rigalpha.audit_library_hash(), 'hex')
		UNION ALL SELECT 'cluster', format('%s %s', (SELECT c.system_identifier FROM pg_control_system() c), (SELECT c.timeline_id FROM pg_control_checkpoint() c)))
	SELECT p.part, sha256(convert_to(coalesce(string_agg(f.fact, E'\n' ORDER BY f.fact COLLATE "C"), ''), 'UTF8'))
	FROM unnest(ARRAY['triggers', 'event triggers', 'functions', 'tables', 'policies', 'roles', 'role settings', 'server settings', 'library', 'cluster']) AS p (part)
	LEFT JOIN facts f ON f.part = p.part
	GROUP BY p.part ORDER BY p.part
	$$;
COMMENT ON FUNCTION rigalpha.audit_guard()
	IS 'Hashes over what guards the log in the database: triggers, event triggers, functions, tables, policies, roles, settings, the library, the cluster';

CREATE TABLE rigalpha.audit_guards (
	part text PRIMARY KEY,
	hash bytea NOT NULL CHECK (octet_length(hash) = 32),
	since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rigalpha.audit_guards IS 'What audit_guard() said last; not dumped, since a restored database is guarded anew';
COMMENT ON COLUMN rigalpha.audit_guards.part IS 'Part, as audit_guard() names it';
COMMENT ON COLUMN rigalpha.audit_guards.hash IS 'Its hash';
COMMENT ON COLUMN rigalpha.audit_guards.since IS 'When it became that';

-- The first look of an epoch is a baseline, too: xmin differs after a restore.
CREATE FUNCTION rigalpha.audit_check_guard() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	changed record;
	changes integer := 0;
BEGIN
	IF NOT rigalpha.node_is_current() THEN
		RETURN 0;
	END IF;
	LOCK TABLE rigalpha.audit_guards IN SHARE ROW EXCLUSIVE MODE;
	FOR changed IN SELECT n.part, g.hash AS old, n.hash AS new FROM rigalpha.audit_guard() n LEFT JOIN rigalpha.audit_guards g ON g.part = n.part
			WHERE g.hash IS DISTINCT FROM n.hash ORDER BY n.part LOOP
		PERFORM rigalpha.audit_event('guard', 'guard', changed.part, CASE WHEN changed.old IS NULL THEN 'first seen' ELSE 'changed' END,
			names => ARRAY['before', 'after'], "values" => ARRAY[encode(changed.old, 'hex'), encode(changed.new, 'hex')]);
		INSERT INTO rigalpha.audit_guards AS g (part, hash) VALUES (changed.part, changed.new)
			ON CONFLICT ON CONSTRAINT audit_guards_pkey DO UPDATE SET hash = excluded.hash, since = clock_timestamp();
		changes := changes + 1;
	END LOOP;
	RETURN changes;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_check_guard() IS 'Writes an entry for each part of the guard that is not what it was; returns how many';

CREATE FUNCTION rigalpha.audit_head(OUT size bigint, OUT root bytea, OUT epoch integer, OUT log_id uuid, OUT signed_size bigint, OUT signed_at timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT s.size, rigalpha.audit_root(s.size), n.epoch, n.log_id, c.size, c.created_at
	FROM rigalpha.node n
	CROSS JOIN LATERAL (SELECT coalesce(max(t.idx) + 1, 0) FROM rigalpha.audit_tree t) AS s (size)
	LEFT JOIN LATERAL (SELECT * FROM rigalpha.audit_checkpoints ORDER BY size DESC LIMIT 1) c ON true
	WHERE rigalpha.node_is_current()
	$$;
COMMENT ON FUNCTION rigalpha.audit_head() IS 'Size and root of the tree now, to be written down elsewhere, and the checkpoint that was signed last';

-- The hash over the heads of all chains binds the links of each chain in the order of the chain: i32 chain, i64 seq, 32 bytes link.
CREATE FUNCTION rigalpha.audit_checkpoint_proposal(from_size bigint, OUT size bigint, OUT root bytea, OUT text text, OUT consistency bytea[])
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	node rigalpha.node;
	chains bytea;
	previous bytea;
BEGIN
	SELECT n.* INTO node FROM rigalpha.node n WHERE rigalpha.node_is_current();
	IF NOT FOUND THEN
		RAISE EXCEPTION 'this database has no audit log of its own' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Run SELECT rigalpha.setup(), or rigalpha.adopt() after a restore.';
	END IF;
	SELECT coalesce(max(t.idx) + 1, 0) INTO size FROM rigalpha.audit_tree t;
	root := rigalpha.audit_root(size);
	SELECT sha256(coalesce(string_agg(int4send(h.chain) || int8send(h.seq) || h.link, ''::bytea ORDER BY h.chain), ''::bytea)) INTO chains
		FROM (SELECT c.chain, l.seq, l.link FROM rigalpha.audit_chains c
			CROSS JOIN LATERAL (SELECT k.seq, k.link FROM rigalpha.audit_links k
				JOIN rigalpha.audit_tree t ON t.chain = k.chain AND t.seq = k.seq
				WHERE k.chain = c.chain ORDER BY k.seq DESC LIMIT 1) l) h;
	SELECT l.link INTO previous FROM rigalpha.audit_links l WHERE l.chain = 0 AND l.epoch < node.epoch ORDER BY l.seq DESC LIMIT 1;
	text := concat('rigalpha/', node.log_id, E'\n', size, E'\n', encode(root, 'base64'), E'\nepoch ', node.epoch,
		' prev ', encode(coalesce(previous, decode(repeat('00', 32), 'hex')), 'base64'), E'\nchains ', encode(chains, 'base64'), E'\nguard ',
		encode((SELECT sha256(coalesce(string_agg(g.hash, ''::bytea ORDER BY g.part COLLATE "C"), ''::bytea)) FROM rigalpha.audit_guards g), 'base64'),
		E'\ntime ', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, E'\n');
	consistency := rigalpha.audit_consistency(from_size, size);
END
$$;
COMMENT ON FUNCTION rigalpha.audit_checkpoint_proposal(bigint)
	IS 'What the signer is to sign: the text of a checkpoint of the tree, and the proof that it continues the tree of from_size';

CREATE FUNCTION rigalpha.audit_store_checkpoint(size bigint, note text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	lines text[] := string_to_array(note, E'\n');
	node rigalpha.node;
	root bytea;
BEGIN
	SELECT n.* INTO node FROM rigalpha.node n WHERE rigalpha.node_is_current();
	IF lines[1] IS DISTINCT FROM concat('rigalpha/', node.log_id) OR lines[2] IS DISTINCT FROM size::text OR octet_length(note) > 4096
		OR size NOT BETWEEN 0 AND (SELECT coalesce(max(t.idx) + 1, 0) FROM rigalpha.audit_tree t) THEN
		RAISE EXCEPTION 'note is not a checkpoint of this log of size %', size USING ERRCODE = 'invalid_parameter_value';
	END IF;
	root := rigalpha.audit_root(size);
	IF lines[3] IS DISTINCT FROM encode(root, 'base64') THEN
		RAISE EXCEPTION 'note has another root for size %', size USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO rigalpha.audit_checkpoints AS c (size, root, epoch, note) VALUES (audit_store_checkpoint.size, root, node.epoch, audit_store_checkpoint.note)
		ON CONFLICT ON CONSTRAINT audit_checkpoints_pkey DO UPDATE SET root = excluded.root, epoch = excluded.epoch, note = excluded.note,
			created_at = clock_timestamp(), exported_at = NULL;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_store_checkpoint(bigint, text) IS 'Keeps a signed checkpoint whose size and root are those of the tree';

CREATE FUNCTION rigalpha.audit_tick() RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.audit_check_guard();
	RETURN rigalpha.audit_integrate();
END
$$;
COMMENT ON FUNCTION rigalpha.audit_tick() IS 'What is due for the audit log from time to time: the guard is looked at, new links are taken into the tree';

CREATE VIEW rigalpha.audit_export WITH (security_invoker = true, security_barrier = true) AS
	SELECT l.chain, l.seq, l.epoch, l.entry_id, encode(e.payload, 'hex') AS payload_hex, encode(l.prev, 'hex') AS prev_hex,
		encode(l.leaf, 'hex') AS leaf_hex, encode(l.link, 'hex') AS link_hex, t.idx
	FROM rigalpha.audit_links l
	LEFT JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	LEFT JOIN rigalpha.audit_entries e ON e.id = l.entry_id;
COMMENT ON VIEW rigalpha.audit_export IS 'The log as tools/rigalpha-verify.py reads it, for COPY TO CSV WITH HEADER';
COMMENT ON COLUMN rigalpha.audit_export.chain IS 'Chain';
COMMENT ON COLUMN rigalpha.audit_export.seq IS 'Place in the chain';
COMMENT ON COLUMN rigalpha.audit_export.epoch IS 'Epoch';
COMMENT ON COLUMN rigalpha.audit_export.entry_id IS 'Entry';
COMMENT ON COLUMN rigalpha.audit_export.payload_hex IS 'Bytes of the entry; null = gone';
COMMENT ON COLUMN rigalpha.audit_export.prev_hex IS 'Hash that the link follows';
COMMENT ON COLUMN rigalpha.audit_export.leaf_hex IS 'Hash of the entry';
COMMENT ON COLUMN rigalpha.audit_export.link_hex IS 'Hash of the link';
COMMENT ON COLUMN rigalpha.audit_export.idx IS 'Place in the tree of signed checkpoints; null = in none';
