-- What the worker needs to send signed checkpoints to a Kafka topic.
CREATE FUNCTION rigalpha.worker_next_checkpoint(OUT size bigint, OUT note text) RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.size, c.note FROM rigalpha.audit_checkpoints c
	WHERE c.exported_at IS NULL AND c.note IS NOT NULL AND rigalpha.node_is_current()
	ORDER BY c.size LIMIT 1
	$$;
COMMENT ON FUNCTION rigalpha.worker_next_checkpoint() IS 'The oldest signed checkpoint that was not exported';

CREATE FUNCTION rigalpha.worker_checkpoint_exported(size bigint, note text) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- A note that was signed for the same size in the meantime is still to be exported.
	UPDATE rigalpha.audit_checkpoints c SET exported_at = clock_timestamp()
	WHERE c.size = worker_checkpoint_exported.size AND c.note = worker_checkpoint_exported.note
	$$;
COMMENT ON FUNCTION rigalpha.worker_checkpoint_exported(bigint, text) IS 'Notes that the brokers have a checkpoint';
