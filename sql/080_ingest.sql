CREATE FUNCTION rigalpha.ingest(payloads bytea[], source text, formats text[] DEFAULT NULL, tokens bytea[] DEFAULT NULL,
	times timestamptz[] DEFAULT NULL, partitions integer[] DEFAULT NULL, offsets bigint[] DEFAULT NULL, atomic boolean DEFAULT false,
	addresses inet[] DEFAULT NULL, keys text[] DEFAULT NULL, machines text[] DEFAULT NULL,
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT verdicts smallint[], OUT errors jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_ingest';
COMMENT ON FUNCTION rigalpha.ingest(bytea[], text, text[], bytea[], timestamptz[], integer[], bigint[], boolean, inet[], text[], text[])
	IS 'Parses, validates and stores payloads; refused ones go to dead_letters. verdicts has one row per payload: accepted, merged, duplicates, rejected.
formats: json (null), thingsboard, influx, or influx:s, influx:ms, influx:us, influx:ns with the unit of its times.
A payload with a token may only be of the machine of the token. Readings that name no machine are of that of the token, or of the one in machines.
A request with a key acts once; an empty key continues the request of the payload before';

-- Called by ingest() for names it has not seen: one lock for all discovery, names in order, so
-- that concurrent ingests wait for each other instead of deadlocking. machine_names and
-- sensor_names are pairs; a null sensor asks for the machine only.
CREATE FUNCTION rigalpha.discover(machine_names text[], sensor_names text[], sensor_quota integer, machine_quota integer)
	RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	machine record;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('rigalpha discovery', 0));

	-- An INSERT without rows would still make every backend load its catalog anew.
	IF EXISTS (SELECT FROM unnest(machine_names) AS u (name)
			WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = u.name))
		AND (SELECT count(*) FROM rigalpha.machines) < machine_quota THEN
		INSERT INTO rigalpha.machines (name)
			SELECT f.name FROM (
				SELECT DISTINCT u.name FROM unnest(machine_names) AS u (name)
				WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = u.name)
				ORDER BY u.name
				LIMIT machine_quota - (SELECT count(*) FROM rigalpha.machines)) f;
	END IF;
	INSERT INTO rigalpha.machine_state (machine_id)
		SELECT m.id FROM rigalpha.machines m
		WHERE m.name = ANY (machine_names)
			AND NOT EXISTS (SELECT FROM rigalpha.machine_state st WHERE st.machine_id = m.id)
		ORDER BY m.id;

	FOR machine IN
		SELECT m.id, coalesce(m.sensor_quota, discover.sensor_quota) - (SELECT count(*) FROM rigalpha.machine_sensors ms
				WHERE ms.machine_id = m.id) AS room, w.wanted
		FROM (SELECT u.machine, array_agg(DISTINCT u.sensor) AS wanted FROM unnest(machine_names, sensor_names) AS u (machine, sensor)
			WHERE u.sensor IS NOT NULL GROUP BY u.machine) w
		JOIN rigalpha.machines m ON m.name = w.machine
		ORDER BY m.name
	LOOP
		CONTINUE WHEN machine.room <= 0;
		PERFORM rigalpha.add_machine_sensors(machine.id, machine.wanted, machine.room::integer);
	END LOOP;
EXCEPTION WHEN unique_violation THEN
	-- An admin entered the name meanwhile, or it is there but too new for the snapshot.
	RAISE EXCEPTION 'could not make machines or sensors because of a concurrent change'
		USING ERRCODE = 'serialization_failure', DETAIL = SQLERRM, HINT = 'Repeat the transaction.';
END
$$;
COMMENT ON FUNCTION rigalpha.discover(text[], text[], integer, integer) IS 'Makes machines, sensors and positions for names that ingest() met first';

-- A name means, in this order: an alias of the machine, an alias of the fleet, a sensor. Known
-- sensors come first, in the order of the dictionary, so built-in ones get the low positions.
CREATE FUNCTION rigalpha.add_machine_sensors(machine_id integer, sensor_names text[], room integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	known integer[];
	fresh text[];
	added integer;
BEGIN
	SELECT array_agg(DISTINCT n.sensor_id) FILTER (WHERE n.sensor_id IS NOT NULL),
			array_agg(n.name ORDER BY n.name) FILTER (WHERE n.sensor_id IS NULL)
		INTO known, fresh
		FROM (
			SELECT u.name, coalesce(
				(SELECT a.sensor_id FROM rigalpha.sensor_aliases a WHERE a.alias = u.name AND a.machine_id = add_machine_sensors.machine_id),
				(SELECT a.sensor_id FROM rigalpha.sensor_aliases a WHERE a.alias = u.name AND a.machine_id IS NULL),
				(SELECT s.id FROM rigalpha.sensors s WHERE s.name = u.name)) AS sensor_id
			FROM unnest(sensor_names) AS u (name)) n;

	known := ARRAY(SELECT k FROM unnest(known) AS k
		WHERE NOT EXISTS (SELECT FROM rigalpha.machine_sensors ms
			WHERE ms.machine_id = add_machine_sensors.machine_id AND ms.sensor_id = k)
		ORDER BY k LIMIT room);
	fresh := fresh[1:room - cardinality(known)];
	WITH made AS (
		INSERT INTO rigalpha.sensors (name, origin)
			SELECT f, 'discovered' FROM unnest(fresh) AS f ORDER BY f
		RETURNING id)
	INSERT INTO rigalpha.machine_sensors (machine_id, sensor_id, position)
		SELECT add_machine_sensors.machine_id, n.id,
			(SELECT coalesce(max(ms.position), 0) FROM rigalpha.machine_sensors ms
				WHERE ms.machine_id = add_machine_sensors.machine_id) + row_number() OVER (ORDER BY n.id)
		FROM (SELECT id FROM made UNION ALL SELECT unnest(known)) n
		ORDER BY n.id;
	GET DIAGNOSTICS added = ROW_COUNT;
	RETURN added;
END
$$;
COMMENT ON FUNCTION rigalpha.add_machine_sensors(integer, text[], integer) IS 'Gives a machine positions for sensors it does not have yet, at most room of them';

CREATE FUNCTION rigalpha.add_dead_letter(received_at timestamptz, source text, "partition" integer, "offset" bigint,
	message_time timestamptz, reading_index integer, machine text, field text, reason text, detail text, payload bytea, payload_id bigint, max_size integer,
	format text DEFAULT 'json', given_machine text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	INSERT INTO rigalpha.dead_letters (received_at, source, "partition", "offset", message_time, reading_index, machine, field,
			reason, detail, payload, payload_id, payload_size, payload_sha256, format, given_machine)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
			CASE WHEN $12 IS NOT NULL THEN NULL WHEN octet_length($11) > $13 THEN substr($11, 1, 4096) ELSE $11 END, $12,
			octet_length($11), CASE WHEN octet_length($11) > $13 THEN sha256($11) END, $14, $15)
		ON CONFLICT (source, "partition", "offset", reading_index, (coalesce(message_time, '-infinity'))) WHERE "offset" IS NOT NULL
			DO UPDATE SET field = excluded.field, reason = excluded.reason, detail = excluded.detail
		RETURNING id
	$$;
COMMENT ON FUNCTION rigalpha.add_dead_letter(timestamptz, text, integer, bigint, timestamptz, integer, text, text, text, text, bytea, bigint, integer, text, text)
	IS 'Keeps what was refused; the bytes stand in letter payload_id if there is one; of more than max_size bytes the SHA-256 and the first 4 KiB';

CREATE FUNCTION rigalpha.replay_dead_letters(ids bigint[] DEFAULT NULL, max_rows integer DEFAULT 1000,
	OUT replayed integer, OUT still_refused integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	letter record;
	result record;
	refusals bigint[];
	newest bigint;
BEGIN
	PERFORM rigalpha.require_admin();
	replayed := 0;
	still_refused := 0;
	FOR letter IN
		SELECT d.id, d.source, d."partition", d."offset", coalesce(d.message_time, d.received_at) AS message_time, d.reading_index,
			coalesce(d.payload, holder.payload) AS payload, d.format, d.given_machine
		FROM rigalpha.dead_letters d
		LEFT JOIN rigalpha.dead_letters holder ON holder.id = d.payload_id
		WHERE d.replayed_at IS NULL AND d.payload_sha256 IS NULL AND num_nonnulls(d.payload, holder.payload) > 0 AND (ids IS NULL OR d.id = ANY (ids))
			-- A replay has no token: it would store what a device had no right to send.
			AND NOT EXISTS (SELECT FROM rigalpha.dead_letters f WHERE f.reason = 'foreign_machine' AND f.replayed_at IS NULL
				AND coalesce(f.payload_id, f.id) = coalesce(d.payload_id, d.id))
		ORDER BY d.id LIMIT max_rows
		FOR UPDATE OF d SKIP LOCKED
	LOOP
		-- With the position and time of its message, so that a reading without a time gets the one
		-- that it got before.
		SELECT max(d.id) INTO newest FROM rigalpha.dead_letters d;
		SELECT * INTO result FROM rigalpha.ingest(ARRAY[letter.payload], letter.source, formats => ARRAY[letter.format],
			machines => ARRAY[letter.given_machine], times => ARRAY[letter.message_time],
			partitions => CASE WHEN letter."offset" IS NOT NULL THEN ARRAY[letter."partition"] END,
			offsets => CASE WHEN letter."offset" IS NOT NULL THEN ARRAY[letter."offset"] END);
		-- The letters that were there stay; new ones that this replay wrote would only repeat them.
		SELECT array_agg((e ->> 'dead_letter_id')::bigint) INTO refusals
			FROM jsonb_array_elements(result.errors) e WHERE e ->> 'dead_letter_id' IS NOT NULL;
		DELETE FROM rigalpha.dead_letters d WHERE d.id = ANY (refusals) AND d.id > newest;
		IF EXISTS (SELECT FROM jsonb_array_elements(result.errors) e
			WHERE e ->> 'dead_letter_id' IS NOT NULL
				AND (letter.reading_index < 0 OR (e ->> 'reading')::integer IN (letter.reading_index, -1))) THEN
			still_refused := still_refused + 1;
		ELSE
			UPDATE rigalpha.dead_letters d SET replayed_at = now() WHERE d.id = letter.id;
			replayed := replayed + 1;
		END IF;
	END LOOP;
	PERFORM rigalpha.audit_event('note', 'replay', 'replay_dead_letters', format('%s replayed, %s refused again', replayed, still_refused),
		'rigalpha', 'dead_letters');
END
$$;
COMMENT ON FUNCTION rigalpha.replay_dead_letters(bigint[], integer)
	IS 'Ingests open dead letters again, for example after a quota or the retention was raised; readings stored before are not doubled. Payloads with readings of another machine than their token''s stay';
