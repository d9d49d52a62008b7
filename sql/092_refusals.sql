-- What was refused, in the audit log. Who is refused can go on trying, so of each subject only the first
-- entries of a minute are written; the rest is counted, and the count written when the minute is over.
CREATE TABLE rigalpha.audit_floods (
	subject text NOT NULL,
	minute timestamptz NOT NULL,
	kind text NOT NULL,
	source text NOT NULL,
	written integer NOT NULL DEFAULT 0,
	suppressed bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (subject, minute)
) WITH (fillfactor = 50);
COMMENT ON TABLE rigalpha.audit_floods IS 'Refusals of the last minute by subject; see audit_refusal()';
COMMENT ON COLUMN rigalpha.audit_floods.subject IS 'Who or what is counted together, such as token: and the id of a token';
COMMENT ON COLUMN rigalpha.audit_floods.minute IS 'Minute that it happened in';
COMMENT ON COLUMN rigalpha.audit_floods.kind IS 'Kind of the entries';
COMMENT ON COLUMN rigalpha.audit_floods.source IS 'Source of the entries';
COMMENT ON COLUMN rigalpha.audit_floods.written IS 'Entries that were written';
COMMENT ON COLUMN rigalpha.audit_floods.suppressed IS 'Those that were only counted';
SELECT pg_catalog.pg_extension_config_dump('rigalpha.audit_floods', '');

CREATE FUNCTION rigalpha.audit_refusal(subject text, kind text, source text, operation text, reason text DEFAULT NULL,
		names text[] DEFAULT NULL, "values" text[] DEFAULT NULL) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	entries_a_minute CONSTANT integer := 10;
	entries integer;
BEGIN
	INSERT INTO rigalpha.audit_floods AS f (subject, minute, kind, source, written)
		VALUES (audit_refusal.subject, date_trunc('minute', clock_timestamp()), audit_refusal.kind, audit_refusal.source, 1)
		ON CONFLICT ON CONSTRAINT audit_floods_pkey DO UPDATE
			SET written = f.written + CASE WHEN f.written < entries_a_minute THEN 1 ELSE 0 END,
				suppressed = f.suppressed + CASE WHEN f.written < entries_a_minute THEN 0 ELSE 1 END
		RETURNING CASE WHEN f.suppressed = 0 THEN f.written END INTO entries;
	IF entries IS NULL THEN
		RETURN false;
	END IF;
	RETURN rigalpha.audit_event(kind, source, operation, reason, names => names, "values" => "values");
END
$$;
COMMENT ON FUNCTION rigalpha.audit_refusal(text, text, text, text, text, text[], text[])
	IS 'Writes an entry about a refusal, up to ten of a subject and minute; false = only counted';

CREATE FUNCTION rigalpha.audit_flood_tick() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	past record;
BEGIN
	-- Rows of who is writing right now are left to the next time.
	FOR past IN
		DELETE FROM rigalpha.audit_floods f
			USING (SELECT l.subject, l.minute FROM rigalpha.audit_floods l WHERE l.minute < date_trunc('minute', clock_timestamp())
				FOR UPDATE SKIP LOCKED) AS over
			WHERE f.subject = over.subject AND f.minute = over.minute
			RETURNING f.*
	LOOP
		IF past.suppressed > 0 THEN
			PERFORM rigalpha.audit_event(past.kind, past.source, 'suppressed', format('%s suppressed', past.suppressed),
				names => ARRAY['subject', 'minute'], "values" => ARRAY[past.subject, past.minute::text]);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION rigalpha.audit_flood_tick() IS 'Writes how many refusals of past minutes were only counted';

-- What a user was refused is rolled back with everything else, so this belongs in a transaction of its own.
CREATE FUNCTION rigalpha.note_refusal(route text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN (SELECT rigalpha.audit_refusal(concat('user:', i.user_id), 'refusal', 'http', 'forbidden', 'insufficient_privilege',
		ARRAY['user', 'route', 'address'], ARRAY[i.user_name, left(note_refusal.route, 200), i.address]) FROM rigalpha.identity() i);
END
$$;
COMMENT ON FUNCTION rigalpha.note_refusal(text) IS 'Records that the user of the session was not allowed what a route of the sidecar does';
