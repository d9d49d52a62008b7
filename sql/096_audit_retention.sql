-- What may go from the audit log: old entries that somebody has a copy of, and single ones that must be erased. Links and
-- tree stay, and an entry of kind retention says what went; see "Retention and erasure" in docs/audit.md.
-- Entries of this kind (13) stay, since they are what tells a pruned entry from a stolen one.
CREATE INDEX audit_entries_retention ON rigalpha.audit_entries (id) WHERE kind = 13;
COMMENT ON INDEX rigalpha.audit_entries_retention IS 'Finds the entries that allow others to be missing';

CREATE FUNCTION rigalpha.audit_segment(before timestamptz) RETURNS SETOF rigalpha.audit_export
	LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.chain, l.seq, l.epoch, l.entry_id, encode(e.payload, 'hex'), encode(l.prev, 'hex'), encode(l.leaf, 'hex'), encode(l.link, 'hex'), t.idx
	FROM rigalpha.audit_entries e
	JOIN rigalpha.audit_links l ON l.entry_id = e.id
	JOIN rigalpha.audit_tree t ON t.chain = l.chain AND t.seq = l.seq
	WHERE e.at < before AND e.kind <> 13
		AND t.idx < (SELECT max(c.size) FROM rigalpha.audit_checkpoints c JOIN rigalpha.node n ON n.epoch = c.epoch)
	ORDER BY t.idx
	$$;
COMMENT ON FUNCTION rigalpha.audit_segment(timestamptz)
	IS 'Entries that audit_prune() would delete, as audit_export has them: older than before, and covered by the newest checkpoint of this epoch';

CREATE FUNCTION rigalpha.audit_segment_hash(before timestamptz) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_segment_hash';
COMMENT ON FUNCTION rigalpha.audit_segment_hash(timestamptz)
	IS 'SHA-256 of what COPY (SELECT * FROM rigalpha.audit_segment(before)) TO STDOUT WITH (FORMAT csv, HEADER) writes';

CREATE FUNCTION rigalpha.audit_prune(before timestamptz, segment_sha256 bytea) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO'
	AS 'MODULE_PATHNAME', 'rig_audit_prune';
COMMENT ON FUNCTION rigalpha.audit_prune(timestamptz, bytea)
	IS 'Deletes the entries of audit_segment(before), given the hash of their exported copy; returns how many. Their links stay. For admins';

CREATE FUNCTION rigalpha.audit_redact(entry_id bigint, reason text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_audit_redact';
COMMENT ON FUNCTION rigalpha.audit_redact(bigint, text) IS 'Erases what an entry says, not that it was; its link stays. For admins';
