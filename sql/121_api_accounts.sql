-- What the administration pages of the sidecar call. These functions check what they are given and say what is
-- wrong with it; what may be done is decided by the functions of schema rigalpha, and by the rights of the caller.
CREATE FUNCTION rigalpha_api.check_document(document json, members jsonb, required text[] DEFAULT '{}') RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	member record;
	wanted text;
	fits boolean;
	missing text;
	result jsonb := '{}';
BEGIN
	IF json_typeof(document) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'the document is not a JSON object' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- json, unlike jsonb, still shows a member that was given twice.
	FOR member IN SELECT j.key, j.value::jsonb AS value FROM json_each(document) j LOOP
		wanted := members ->> member.key;
		IF wanted IS NULL THEN
			RAISE EXCEPTION 'member "%" is unknown', left(member.key, 63) USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(members) k) || '.';
		ELSIF result ? member.key THEN
			RAISE EXCEPTION 'member "%" is given twice', member.key USING ERRCODE = 'invalid_parameter_value';
		END IF;
		fits := CASE
			WHEN jsonb_typeof(member.value) = 'null' THEN right(wanted, 1) = '?'
			ELSE CASE rtrim(wanted, '?')
				WHEN 'string' THEN jsonb_typeof(member.value) = 'string'
				WHEN 'boolean' THEN jsonb_typeof(member.value) = 'boolean'
				WHEN 'number' THEN jsonb_typeof(member.value) = 'number' AND (member.value #>> '{}')::numeric BETWEEN 1 AND 2147483647
					AND (member.value #>> '{}')::numeric % 1 = 0
				WHEN 'value' THEN jsonb_typeof(member.value) = 'number' AND abs((member.value #>> '{}')::numeric) < 1e300
				WHEN 'strings' THEN jsonb_typeof(member.value) = 'array' AND NOT jsonb_path_exists(member.value, 'strict $[*] ? (@.type() != "string")')
			END
		END;
		IF fits IS NOT TRUE THEN
			RAISE EXCEPTION 'member "%" must be %', member.key, CASE rtrim(wanted, '?') WHEN 'string' THEN 'a string' WHEN 'boolean' THEN 'true or false'
				WHEN 'number' THEN 'a whole number from 1 to 2147483647'
				WHEN 'value' THEN 'a number' ELSE 'an array of strings' END USING ERRCODE = 'invalid_parameter_value';
		END IF;
		result := result || jsonb_build_object(member.key, member.value);
	END LOOP;
	SELECT r INTO missing FROM unnest(required) AS r WHERE NOT result ? r LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'member "%" is missing', missing USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha_api.check_document(json, jsonb, text[])
	IS 'The document, or an error unless it is an object of known members of the right types (string, boolean, number, value, strings; ? = or null)';

CREATE FUNCTION rigalpha_api.known_machines(names jsonb) RETURNS text[]
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	unknown text;
BEGIN
	SELECT n INTO unknown FROM jsonb_array_elements_text(names) AS n WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = n) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'machine "%" does not exist', left(unknown, 63) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN ARRAY(SELECT jsonb_array_elements_text(names));
END
$$;
COMMENT ON FUNCTION rigalpha_api.known_machines(jsonb) IS 'Names of machines that a document holds; an error when one is unknown, since only a name in a path is one that is not found';

CREATE FUNCTION rigalpha_api.users() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('users', coalesce(jsonb_agg(to_jsonb(u) - 'id' ORDER BY lower(u.name)), '[]')) FROM rigalpha.list_users() u
	$$;
COMMENT ON FUNCTION rigalpha_api.users() IS 'Accounts without their secrets; for admins';

CREATE FUNCTION rigalpha_api.create_user(document json, password_hash text) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document, '{"name":"string","role":"string","machines":"strings"}', '{name,role}');
	PERFORM rigalpha.create_user(given ->> 'name', given ->> 'role', create_user.password_hash,
		rigalpha_api.known_machines(coalesce(given -> 'machines', '[]')), must_change_password => true);
	RETURN given ->> 'name';
END
$$;
COMMENT ON FUNCTION rigalpha_api.create_user(json, text)
	IS 'Makes an account of {name, role, machines}, with a password that must be changed; returns its name';

CREATE FUNCTION rigalpha_api.change_user(name text, document json) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document, '{"role":"string","machines":"strings","disabled":"boolean","db_role":"string?"}');
	IF given = '{}' THEN
		RAISE EXCEPTION 'there is nothing to change' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give role, machines, disabled or db_role.';
	END IF;
	IF given ? 'db_role' THEN
		IF given -> 'db_role' <> 'null' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname::text = given ->> 'db_role' AND r.rolcanlogin) THEN
			RAISE EXCEPTION 'login "%" of the database does not exist', left(given ->> 'db_role', 63) USING ERRCODE = 'invalid_parameter_value';
		END IF;
		BEGIN
			PERFORM rigalpha.set_db_role(change_user.name, (given ->> 'db_role')::name);
		EXCEPTION WHEN unique_violation THEN
			RAISE EXCEPTION 'login "%" of the database is another user', given ->> 'db_role' USING ERRCODE = 'duplicate_object';
		END;
	END IF;
	IF given ? 'machines' THEN
		PERFORM rigalpha.set_machines(change_user.name, rigalpha_api.known_machines(given -> 'machines'));
	END IF;
	IF given -> 'disabled' = 'false' THEN
		PERFORM rigalpha.enable_user(change_user.name);
	END IF;
	IF given ? 'role' THEN
		PERFORM rigalpha.change_role(change_user.name, given ->> 'role');
	END IF;
	IF given -> 'disabled' = 'true' THEN
		PERFORM rigalpha.disable_user(change_user.name);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha_api.change_user(text, json) IS 'Changes what {role, machines, disabled, db_role} names of a user, all of it or nothing';

CREATE FUNCTION rigalpha_api.sessions(all_users boolean DEFAULT false) RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('sessions', coalesce(jsonb_agg(to_jsonb(s) - 'user_agent_hash' ORDER BY s.id), '[]')) FROM rigalpha.list_sessions(all_users) s
	$$;
COMMENT ON FUNCTION rigalpha_api.sessions(boolean) IS 'Sessions of this user that are alive, or, for an admin, of all';

CREATE FUNCTION rigalpha_api.tokens() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('tokens', coalesce(json_agg(t ORDER BY t.machine, t.name, t.created_at, t.id), '[]')) FROM rigalpha.list_tokens() t
	$$;
COMMENT ON FUNCTION rigalpha_api.tokens() IS 'Tokens of devices, without their secrets; for admins';

CREATE FUNCTION rigalpha_api.issue_token(document json) RETURNS json
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	given jsonb;
	network cidr;
BEGIN
	PERFORM rigalpha.require_admin();
	given := rigalpha_api.check_document(document,
		'{"machine":"string","name":"string","lifetime_days":"number?","network":"string?","readings_per_minute":"number?"}', '{machine,name}');
	IF (given ->> 'lifetime_days')::integer > 3650 THEN
		RAISE EXCEPTION 'member "lifetime_days" must be at most 3650' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	BEGIN
		network := (given ->> 'network')::cidr;
	EXCEPTION WHEN data_exception THEN
		RAISE EXCEPTION 'member "network" must be a network such as 192.0.2.0/24' USING ERRCODE = 'invalid_parameter_value';
	END;
	RETURN json_build_object('token', rigalpha.issue_token((rigalpha_api.known_machines(jsonb_build_array(given -> 'machine')))[1], given ->> 'name',
		make_interval(days => coalesce((given ->> 'lifetime_days')::integer, 365)), network, (given ->> 'readings_per_minute')::integer));
END
$$;
COMMENT ON FUNCTION rigalpha_api.issue_token(json)
	IS 'Makes a token of a device of {machine, name, lifetime_days, network, readings_per_minute}; it is returned here and cannot be had again';

-- Entries are in the order of their numbers. What is looked for inside of the entries is looked for in a limited
-- number of them at a time; the cursor then stands where the search stopped, also on a page without entries.
CREATE INDEX audit_entries_chain ON rigalpha.audit_entries (chain, id);
COMMENT ON INDEX rigalpha.audit_entries_chain IS 'Pages through the entries of a chain';

CREATE FUNCTION rigalpha_api.audit(chain integer DEFAULT NULL, machine text DEFAULT NULL, kind text DEFAULT NULL, user_name text DEFAULT NULL,
	before bigint DEFAULT NULL, max_rows integer DEFAULT 100) RETURNS json
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_custom_plan
	AS $$
DECLARE
	wanted integer := audit.chain;
	page_rows integer := least(greatest(coalesce(audit.max_rows, 100), 1), 1000);
	scan_rows integer := CASE WHEN audit.kind IS NULL AND audit.user_name IS NULL THEN page_rows ELSE 10000 END;
	result json;
BEGIN
	PERFORM rigalpha.require_admin();
	IF audit.machine IS NOT NULL THEN
		SELECT coalesce((SELECT m.id FROM rigalpha.machines m WHERE m.name = audit.machine),
			(SELECT max(c.chain) FROM rigalpha.audit_chains c WHERE c.chain > 0 AND c.label = audit.machine)) INTO wanted;
		IF wanted IS NULL OR wanted <> audit.chain THEN
			RETURN NULL;
		END IF;
	END IF;
	WITH scanned AS MATERIALIZED (
		SELECT e.id, e.chain, e.at, e.payload FROM rigalpha.audit_entries e
		WHERE e.id < coalesce(audit.before, 9223372036854775807) AND (wanted IS NULL OR e.chain = wanted)
		ORDER BY e.id DESC LIMIT scan_rows),
	page AS MATERIALIZED (
		SELECT s.id AS entry_id, s.chain, l.seq, s.at, d.*
		FROM scanned s
		CROSS JOIN LATERAL rigalpha.audit_decode(s.payload) d
		LEFT JOIN rigalpha.audit_links l ON l.entry_id = s.id
		WHERE (audit.kind IS NULL OR d.kind = audit.kind) AND (audit.user_name IS NULL OR lower(d.app_user) = lower(audit.user_name))
		ORDER BY s.id DESC LIMIT page_rows)
	SELECT json_build_object('entries', coalesce((SELECT json_agg(p ORDER BY p.entry_id DESC) FROM page p), '[]'),
		'next', CASE WHEN (SELECT count(*) FROM page) = page_rows THEN (SELECT min(p.entry_id) FROM page p)
			WHEN (SELECT count(*) FROM scanned) = scan_rows THEN (SELECT min(s.id) FROM scanned s) END)
		INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha_api.audit(integer, text, text, text, bigint, integer)
	IS 'A page of the audit log, newest first, as {entries, next}; next = before of the page that follows, null = the log ends here; null = unknown machine; for admins';

CREATE FUNCTION rigalpha_api.audit_checkpoint() RETURNS text
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT c.note FROM rigalpha.audit_checkpoints c ORDER BY c.size DESC LIMIT 1 $$;
COMMENT ON FUNCTION rigalpha_api.audit_checkpoint() IS 'Note of the newest checkpoint of the audit log, for whoever keeps copies of it; null = there is none';

CREATE FUNCTION rigalpha_api.audit_anchor() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('size', split_part(n, E'\n', 2)::bigint,
		'time', to_timestamp(substring(n FROM '\ntime (\d+)\n')::numeric / 1000000))
	FROM rigalpha_api.audit_checkpoint() n WHERE n IS NOT NULL
	$$;
COMMENT ON FUNCTION rigalpha_api.audit_anchor() IS 'Size and time of the newest checkpoint, as its note has them; null = there is none';

CREATE FUNCTION rigalpha_api.audit_verification() RETURNS json
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	most CONSTANT integer := 1000;
	problems json;
	found integer;
BEGIN
	PERFORM rigalpha.require_admin();
	SELECT coalesce(json_agg(json_build_object('problem', v.problem, 'chain', v.chain_number, 'seq', v.seq, 'entry_id', v.entry_id,
			'expected', v.expected, 'found', v.found) ORDER BY v.number) FILTER (WHERE v.number <= most), '[]'), count(*)
		INTO problems, found
		-- What is called anchored is compared with the checkpoint that it is anchored by.
		FROM (SELECT p.*, row_number() OVER () AS number FROM rigalpha.audit_verify(checkpoint => rigalpha_api.audit_checkpoint()) p) v;
	RETURN json_build_object('problems', problems,
		'checked', (SELECT json_build_object('entries', count(*), 'chains', (SELECT count(*) FROM rigalpha.audit_chains)) FROM rigalpha.audit_entries),
		'anchored', rigalpha_api.audit_anchor(),
		'not_checked', to_json(array_remove(ARRAY['signatures of checkpoints', 'rows of the audited tables',
			CASE WHEN found > most THEN format('%s more problems are not shown', found - most) END], NULL)));
END
$$;
COMMENT ON FUNCTION rigalpha_api.audit_verification()
	IS 'Computes the audit log again and compares it with the newest checkpoint: {problems, checked: {entries, chains}, anchored: {size, time} of the newest checkpoint, not_checked}; for admins';

-- A spreadsheet takes a cell that begins with one of these for a formula, and devices make up names of sensors.
CREATE FUNCTION rigalpha_api.csv_cell(cell text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE WHEN c ~ '[",\n\r]|^\s|\s$' THEN '"' || replace(c, '"', '""') || '"' ELSE c END
	FROM (SELECT CASE WHEN cell ~ '^[=+@\t\r-]' THEN '''' || cell ELSE cell END) AS s (c)
	$$;
COMMENT ON FUNCTION rigalpha_api.csv_cell(text) IS 'A name as a cell of CSV, quoted as RFC 4180 has it; an apostrophe stands before what a spreadsheet would compute';

CREATE FUNCTION rigalpha_api.readings_csv(machine text, from_ts timestamptz, to_ts timestamptz, sensor_names text[] DEFAULT NULL,
	after timestamptz DEFAULT NULL, max_rows integer DEFAULT 2000, OUT csv text, OUT rows integer, OUT last timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	SET extra_float_digits = 1
	SET plan_cache_mode = force_custom_plan
	AS $$
DECLARE
	target integer := (SELECT m.id FROM rigalpha.machines m WHERE m.name = readings_csv.machine);
	positions smallint[];
	header text;
BEGIN
	IF target IS NULL THEN
		RETURN;
	END IF;
	SELECT coalesce(array_agg(ms.position ORDER BY ms.position), '{}'),
			concat_ws(',', 'time', 'state', 'risk', string_agg(rigalpha_api.csv_cell(s.name), ',' ORDER BY ms.position)) || E'\r\n'
		INTO positions, header
		FROM rigalpha.machine_sensors ms JOIN rigalpha.sensors s ON s.id = ms.sensor_id
		WHERE ms.machine_id = target AND (sensor_names IS NULL OR s.name = ANY (sensor_names));
	SELECT concat(CASE WHEN after IS NULL THEN header END,
			string_agg(concat_ws(',', to_char(r.ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), rigalpha.state_name(r.state),
				coalesce(r.risk::text, ''), CASE WHEN positions <> '{}' THEN
					array_to_string(ARRAY(SELECT r.sensor_values[p] FROM unnest(positions) WITH ORDINALITY AS u (p, n) ORDER BY n), ',', '') END)
				|| E'\r\n', '' ORDER BY r.ts)),
			count(*), max(r.ts)
		INTO csv, rows, last
		FROM (SELECT o.ts, o.state, o.risk, o.sensor_values FROM rigalpha.readings o
			WHERE o.machine_id = target AND o.ts >= from_ts AND o.ts < to_ts AND (after IS NULL OR o.ts > after)
			ORDER BY o.ts LIMIT least(greatest(coalesce(max_rows, 2000), 1), 10000)) r;
END
$$;
COMMENT ON FUNCTION rigalpha_api.readings_csv(text, timestamptz, timestamptz, text[], timestamptz, integer)
	IS 'The next readings of a machine after one as lines of CSV, how many, and the time of the last; the first lines begin with the header; csv is null for an unknown machine';

