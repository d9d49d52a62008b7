-- What a device that ingests with a token may: its quota, and its requests that must act once.

-- Not dumped and not logged: it says what happened in this minute.
CREATE UNLOGGED TABLE rigalpha.token_usage (
	token_id text PRIMARY KEY REFERENCES rigalpha.api_tokens ON DELETE CASCADE,
	minute timestamptz NOT NULL,
	readings integer NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.token_usage IS 'Readings that came with tokens that have a quota';
COMMENT ON COLUMN rigalpha.token_usage.token_id IS 'Token';
COMMENT ON COLUMN rigalpha.token_usage.minute IS 'Minute that is counted';
COMMENT ON COLUMN rigalpha.token_usage.readings IS 'Readings taken in it';

CREATE TABLE rigalpha.ingest_keys (
	token_id text NOT NULL,
	key text NOT NULL CHECK (key ~ '^[!-~]{1,128}$'),
	payload_sha256 bytea NOT NULL CHECK (octet_length(payload_sha256) = 32),
	verdicts smallint[],
	errors jsonb,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (token_id, key)
) WITH (fillfactor = 50);
CREATE INDEX ingest_keys_at ON rigalpha.ingest_keys (at);
COMMENT ON TABLE rigalpha.ingest_keys IS 'Answers to requests that came with an Idempotency-Key, kept for 24 hours: a repeated request gets the same';
COMMENT ON COLUMN rigalpha.ingest_keys.token_id IS 'Token that it came with; empty = none';
COMMENT ON COLUMN rigalpha.ingest_keys.key IS 'Key as the client chose it';
COMMENT ON COLUMN rigalpha.ingest_keys.payload_sha256 IS 'SHA-256 over the payloads and their lengths';
COMMENT ON COLUMN rigalpha.ingest_keys.verdicts IS 'One row per payload as in ingest()';
COMMENT ON COLUMN rigalpha.ingest_keys.errors IS 'Errors as in ingest(); payloads count from the first of the request';
COMMENT ON COLUMN rigalpha.ingest_keys.at IS 'When it was stored';
COMMENT ON INDEX rigalpha.ingest_keys_at IS 'Finds what is old';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.ingest_keys', '');

CREATE FUNCTION rigalpha.admit_token(token text, address inet,
	OUT verdict text, OUT token_id text, OUT machine_id integer, OUT readings_per_minute integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	parts text[] := regexp_match(token, '^rig_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$');
BEGIN
	SELECT c.verdict, c.machine_id, c.readings_per_minute INTO verdict, machine_id, readings_per_minute
		FROM rigalpha.check_token(parts[1], parts[2], admit_token.address) c;
	SELECT t.id INTO token_id FROM rigalpha.api_tokens t WHERE t.id = parts[1];
END
$$;
COMMENT ON FUNCTION rigalpha.admit_token(text, inet)
	IS 'check_token() for a token as a device sends it; token_id is null unless there is a token of that id';

CREATE FUNCTION rigalpha.lock_token_usage(token_id text, OUT minute timestamptz, OUT readings integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	counted timestamptz;
BEGIN
	INSERT INTO rigalpha.token_usage (token_id, minute, readings)
		SELECT lock_token_usage.token_id, '-infinity', 0
		WHERE NOT EXISTS (SELECT FROM rigalpha.token_usage u WHERE u.token_id = lock_token_usage.token_id)
		ON CONFLICT ON CONSTRAINT token_usage_pkey DO NOTHING;
	SELECT u.minute, u.readings INTO counted, readings FROM rigalpha.token_usage u
		WHERE u.token_id = lock_token_usage.token_id FOR NO KEY UPDATE;
	minute := date_trunc('minute', clock_timestamp());
	IF counted IS DISTINCT FROM minute THEN
		readings := 0;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.lock_token_usage(text)
	IS 'This minute and the readings of a token in it; others with the token wait until the transaction ends';

CREATE FUNCTION rigalpha.claim_ingest_key(token_id text, key text, payload_sha256 bytea, first_payload integer,
	OUT claimed boolean, OUT same boolean, OUT verdicts smallint[], OUT errors jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	LOOP
		-- Waits for a transaction that is about to store the same request.
		INSERT INTO rigalpha.ingest_keys (token_id, key, payload_sha256)
			VALUES (claim_ingest_key.token_id, claim_ingest_key.key, claim_ingest_key.payload_sha256)
			ON CONFLICT ON CONSTRAINT ingest_keys_pkey DO NOTHING;
		claimed := FOUND;
		EXIT WHEN claimed;
		SELECT k.payload_sha256 = claim_ingest_key.payload_sha256, k.verdicts,
				(SELECT jsonb_agg(jsonb_set(e.error, '{payload}', to_jsonb((e.error ->> 'payload')::integer + first_payload)) ORDER BY e.place)
					FROM jsonb_array_elements(k.errors) WITH ORDINALITY AS e (error, place))
			INTO same, verdicts, errors
			FROM rigalpha.ingest_keys k WHERE k.token_id = claim_ingest_key.token_id AND k.key = claim_ingest_key.key;
		EXIT WHEN FOUND;
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.claim_ingest_key(text, text, bytea, integer)
	IS 'Notes a request that shall act once; or, if it came before, its answer, and whether its body is the same';

CREATE FUNCTION rigalpha.device_tick() RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.ingest_keys k WHERE k.at < clock_timestamp() - interval '24 hours';
	$$;
COMMENT ON FUNCTION rigalpha.device_tick() IS 'Forgets keys of requests after a day';
