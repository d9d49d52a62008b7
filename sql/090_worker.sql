-- What the Kafka worker may do. It holds EXECUTE on these functions and nothing else.
CREATE FUNCTION rigalpha.worker_abi() RETURNS integer
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT 1 $$;
COMMENT ON FUNCTION rigalpha.worker_abi() IS 'Version of the interface between the worker and these functions';

CREATE FUNCTION rigalpha.worker_sources()
	RETURNS TABLE (id integer, name text, brokers text, topic text, config jsonb, workers integer, paused boolean, revision bigint)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT s.id, s.name, s.brokers, s.topic, s.config, s.workers, s.paused, s.revision
	FROM rigalpha.kafka_sources s
	WHERE rigalpha.node_is_current()
	ORDER BY s.id
	$$;
COMMENT ON FUNCTION rigalpha.worker_sources() IS 'Sources to consume; none while the database is not set up or not adopted';

CREATE FUNCTION rigalpha.worker_lease() RETURNS interval
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	AS $$ SELECT interval '30 s' $$;
COMMENT ON FUNCTION rigalpha.worker_lease() IS 'How long a lease lasts without renewal';

-- A lease is free when it ran out or when its process is gone: a killed worker's successor need
-- not wait. The generation moves with every new holder, and the offset rows carry it, so a
-- holder that was stopped and comes back is refused at its next write.
CREATE FUNCTION rigalpha.worker_claim(source_id integer, slot integer, slots integer, partition_count integer, pid integer)
	RETURNS TABLE ("partition" integer, next_offset bigint, generation bigint)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	lease rigalpha.kafka_workers;
	granted bigint;
BEGIN
	-- One claim of a source at a time, so that workers with different slot counts cannot
	-- both be granted a partition.
	PERFORM FROM rigalpha.kafka_sources s WHERE s.id = worker_claim.source_id FOR NO KEY UPDATE;
	IF NOT FOUND OR NOT rigalpha.node_is_current() THEN
		RETURN;
	END IF;
	FOR lease IN
		SELECT * FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id
		ORDER BY w.slot FOR UPDATE
	LOOP
		IF (lease.slot = worker_claim.slot OR lease.slots <> worker_claim.slots)
			AND lease.holder_pid <> worker_claim.pid
			AND lease.holder_start = pg_postmaster_start_time()
			AND lease.leased_until > clock_timestamp()
			AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = lease.holder_pid) THEN
			RETURN;
		END IF;
	END LOOP;

	SELECT coalesce(max(o.generation), 0) INTO granted FROM rigalpha.kafka_offsets o WHERE o.source_id = worker_claim.source_id;
	SELECT greatest(granted, coalesce(max(w.generation), 0)) + 1 INTO granted
		FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id;
	DELETE FROM rigalpha.kafka_workers w WHERE w.source_id = worker_claim.source_id AND w.slot >= worker_claim.slots;
	INSERT INTO rigalpha.kafka_workers AS w (source_id, slot, slots, generation, holder_pid, holder_start, leased_until)
		VALUES (worker_claim.source_id, worker_claim.slot, worker_claim.slots, granted, worker_claim.pid,
			pg_postmaster_start_time(), clock_timestamp() + rigalpha.worker_lease())
		ON CONFLICT ON CONSTRAINT kafka_workers_pkey DO UPDATE
			SET slots = excluded.slots, generation = excluded.generation, holder_pid = excluded.holder_pid,
				holder_start = excluded.holder_start, leased_until = excluded.leased_until;
	INSERT INTO rigalpha.kafka_offsets (source_id, "partition", generation)
		SELECT worker_claim.source_id, p, granted FROM generate_series(worker_claim.slot, partition_count - 1, worker_claim.slots) AS p
		ON CONFLICT ON CONSTRAINT kafka_offsets_pkey DO NOTHING;
	RETURN QUERY
		UPDATE rigalpha.kafka_offsets o SET generation = granted
		WHERE o.source_id = worker_claim.source_id AND o."partition" % worker_claim.slots = worker_claim.slot
			AND o."partition" < partition_count
		RETURNING o."partition", o.next_offset, o.generation;
END
$$;
COMMENT ON FUNCTION rigalpha.worker_claim(integer, integer, integer, integer, integer)
	IS 'Takes the lease of a worker slot and returns its partitions with their positions; no row = another live worker holds it';

CREATE FUNCTION rigalpha.worker_fence(source_id integer, generation bigint, "partition" integer) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_worker_fence';
COMMENT ON FUNCTION rigalpha.worker_fence(integer, bigint, integer)
	IS 'Locks the position of a partition; refuses a worker whose lease has passed on';

CREATE FUNCTION rigalpha.worker_ingest(source_id integer, generation bigint, payloads bytea[], times timestamptz[],
	partitions integer[], offsets bigint[],
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT skipped integer)
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_worker_ingest';
COMMENT ON FUNCTION rigalpha.worker_ingest(integer, bigint, bytea[], timestamptz[], integer[], bigint[])
	IS 'Stores a batch of messages and moves the positions, in one transaction';

CREATE FUNCTION rigalpha.worker_reject(source_id integer, generation bigint, payload bytea, message_time timestamptz,
	"partition" integer, "offset" bigint, reason text, detail text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	PERFORM rigalpha.worker_fence(source_id, generation, "partition");
	PERFORM rigalpha.add_dead_letter(clock_timestamp(), (SELECT s.name FROM rigalpha.kafka_sources s WHERE s.id = worker_reject.source_id),
		"partition", "offset", message_time, -1, NULL, NULL, reason, detail, coalesce(payload, ''), NULL,
		coalesce((SELECT st.setting::integer FROM pg_settings st WHERE st.name = 'rigalpha.max_payload'), 1048576));
	UPDATE rigalpha.kafka_offsets o
		SET next_offset = greatest(o.next_offset, "offset" + 1), messages = o.messages + 1, rejected = o.rejected + 1,
			updated_at = clock_timestamp()
		WHERE o.source_id = worker_reject.source_id AND o."partition" = worker_reject."partition";
END
$$;
COMMENT ON FUNCTION rigalpha.worker_reject(integer, bigint, bytea, timestamptz, integer, bigint, text, text)
	IS 'Writes the dead letter of a message that could not be ingested and moves its position';

CREATE FUNCTION rigalpha.worker_gap(source_id integer, generation bigint, "partition" integer, from_offset bigint, to_offset bigint, reason text)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	PERFORM rigalpha.worker_fence(source_id, generation, "partition");
	INSERT INTO rigalpha.kafka_gaps (source_id, "partition", from_offset, to_offset, reason)
		VALUES (source_id, "partition", from_offset, to_offset, reason);
	UPDATE rigalpha.kafka_offsets o SET next_offset = to_offset, updated_at = clock_timestamp()
		WHERE o.source_id = worker_gap.source_id AND o."partition" = worker_gap."partition";
END
$$;
COMMENT ON FUNCTION rigalpha.worker_gap(integer, bigint, integer, bigint, bigint, text)
	IS 'Records offsets that the broker no longer has and goes on behind them';

CREATE FUNCTION rigalpha.worker_report(source_id integer, slot integer, slots integer, pid integer, state text, error text,
	partitions integer[], high_watermarks bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	consumed bigint;
BEGIN
	UPDATE rigalpha.kafka_offsets o SET high_watermark = n.high
		FROM unnest(partitions, high_watermarks) AS n (part, high)
		WHERE o.source_id = worker_report.source_id AND o."partition" = n.part AND n.high >= 0
			AND o.high_watermark IS DISTINCT FROM n.high;
	SELECT coalesce(sum(o.messages), 0) INTO consumed FROM rigalpha.kafka_offsets o
		WHERE o.source_id = worker_report.source_id AND o."partition" % worker_report.slots = worker_report.slot;

	-- A worker that waits for a lease may report, but must not touch the lease of the holder.
	UPDATE rigalpha.kafka_workers w
		SET state = worker_report.state,
			state_since = CASE WHEN w.state = worker_report.state THEN w.state_since ELSE clock_timestamp() END,
			last_error = coalesce(worker_report.error, w.last_error),
			last_error_at = CASE WHEN worker_report.error IS NULL THEN w.last_error_at ELSE clock_timestamp() END,
			rate = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.rate
				ELSE (consumed - w.messages) / extract(epoch FROM clock_timestamp() - w.reported_at) END,
			messages = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.messages ELSE consumed END,
			reported_at = CASE WHEN clock_timestamp() - w.reported_at < interval '500 ms' THEN w.reported_at ELSE clock_timestamp() END,
			holder_pid = CASE WHEN worker_report.state = 'stopped' THEN NULL ELSE w.holder_pid END,
			leased_until = CASE WHEN worker_report.state = 'stopped' THEN NULL ELSE clock_timestamp() + rigalpha.worker_lease() END
		WHERE w.source_id = worker_report.source_id AND w.slot = worker_report.slot AND w.holder_pid = worker_report.pid;
	IF NOT FOUND THEN
		INSERT INTO rigalpha.kafka_workers (source_id, slot, slots, state, last_error, last_error_at)
			SELECT worker_report.source_id, worker_report.slot, worker_report.slots, worker_report.state, worker_report.error,
				CASE WHEN worker_report.error IS NOT NULL THEN clock_timestamp() END
			FROM rigalpha.kafka_sources s WHERE s.id = worker_report.source_id
			ON CONFLICT ON CONSTRAINT kafka_workers_pkey DO NOTHING;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.worker_report(integer, integer, integer, integer, text, text, integer[], bigint[])
	IS 'Shows the state of a worker in kafka_status and renews its lease; state stopped gives the lease back';

CREATE FUNCTION rigalpha.maintenance_tick() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
	missing date[];
BEGIN
	IF NOT rigalpha.node_is_current() OR pg_is_in_recovery() THEN
		RETURN;
	END IF;
	missing := ARRAY(SELECT today + n FROM generate_series(0, current_setting('rigalpha.partitions_ahead')::integer) AS n
		WHERE to_regclass('rigalpha.readings_' || to_char((today + n)::timestamp, 'YYYYMMDD')) IS NULL);
	IF cardinality(missing) > 0 THEN
		PERFORM rigalpha.ensure_partitions(missing);
	END IF;
	PERFORM rigalpha.accounts_tick();
	PERFORM rigalpha.device_tick();
END
$$;
COMMENT ON FUNCTION rigalpha.maintenance_tick() IS 'Work of the background worker''s clock: partitions ahead; cheap, called once a minute';
