-- Accounts, as admins manage them. EXECUTE alone is not enough: a transaction that acts for a user
-- acts with the role of that user, whatever the login of the database may do.
CREATE FUNCTION rigalpha.is_admin() RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	actor record;
BEGIN
	SELECT * INTO actor FROM rigalpha.identity();
	IF actor.user_id IS NOT NULL THEN
		RETURN actor.role = 'admin' AND NOT actor.must_change_password;
	END IF;
	-- The sidecar acts for its users alone, and a disabled user must not become a login without one.
	RETURN session_user <> 'rigalpha_web' AND pg_has_role(session_user, 'rigalpha_admin', 'MEMBER')
		AND NOT EXISTS (SELECT FROM rigalpha.users u WHERE u.db_role = session_user);
END
$$;
COMMENT ON FUNCTION rigalpha.is_admin()
	IS 'True for a user with role admin, and for a login of the database that has rigalpha_admin and is no user';

CREATE FUNCTION rigalpha.require_admin() RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT rigalpha.is_admin() THEN
		RAISE EXCEPTION 'permission denied: this is for admins'
			USING ERRCODE = 'insufficient_privilege', HINT = 'Act for a user with role admin who has changed the first password.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.require_admin() IS 'An error unless is_admin()';

-- The row is locked until the end of the transaction, so that a login under way waits for the change.
CREATE FUNCTION rigalpha.lock_user(name text) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	SELECT u.id INTO result FROM rigalpha.users u WHERE lower(u.name) = lower(lock_user.name) FOR NO KEY UPDATE;
	IF result IS NULL THEN
		RAISE EXCEPTION 'user "%" does not exist', lock_user.name USING ERRCODE = 'undefined_object';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.lock_user(text) IS 'Locks a user and returns the key; an error when there is none';

CREATE FUNCTION rigalpha.assign_machines(user_id integer, machines text[]) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	wanted integer[];
	unknown text;
	changed integer;
	total integer;
BEGIN
	IF machines IS NULL THEN
		RAISE EXCEPTION 'machines must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'An empty array takes all away.';
	END IF;
	SELECT n INTO unknown FROM unnest(machines) AS n WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.name = n) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'machine "%" does not exist', unknown USING ERRCODE = 'undefined_object';
	END IF;
	wanted := ARRAY(SELECT m.id FROM rigalpha.machines m WHERE m.name = ANY (machines));
	DELETE FROM rigalpha.user_machines um WHERE um.user_id = assign_machines.user_id AND um.machine_id <> ALL (wanted);
	GET DIAGNOSTICS changed = ROW_COUNT;
	INSERT INTO rigalpha.user_machines (user_id, machine_id)
		SELECT assign_machines.user_id, w FROM unnest(wanted) AS w
		ON CONFLICT ON CONSTRAINT user_machines_pkey DO NOTHING;
	GET DIAGNOSTICS total = ROW_COUNT;
	RETURN changed + total > 0;
END
$$;
COMMENT ON FUNCTION rigalpha.assign_machines(integer, text[]) IS 'Makes these the machines of a user; false = they were so before';

CREATE FUNCTION rigalpha.create_user(name text, role text, password_hash text DEFAULT NULL, machines text[] DEFAULT '{}', db_role name DEFAULT NULL,
	must_change_password boolean DEFAULT true) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	result integer;
BEGIN
	PERFORM rigalpha.require_admin();
	IF create_user.name IS NULL OR create_user.role IS NULL THEN
		RAISE EXCEPTION 'name and role must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(create_user.name, create_user.role, create_user.db_role, create_user.password_hash);
	INSERT INTO rigalpha.users (name, role, password_hash, password_set_at, db_role, must_change_password)
		VALUES (create_user.name, create_user.role, create_user.password_hash,
			CASE WHEN create_user.password_hash IS NOT NULL THEN clock_timestamp() END, create_user.db_role,
			coalesce(create_user.must_change_password, true))
		ON CONFLICT (lower(name)) DO NOTHING
		RETURNING id INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'user "%" exists', create_user.name USING ERRCODE = 'duplicate_object';
	END IF;
	PERFORM rigalpha.assign_machines(result, machines);
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.create_user(text, text, text, text[], name, boolean)
	IS 'Makes an account with role admin, operator or viewer; the hash is Argon2id, as the sidecar makes it; returns its key';

CREATE FUNCTION rigalpha.create_first_admin(password_hash text, name text DEFAULT 'admin') RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	LOCK TABLE rigalpha.users IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM rigalpha.users) THEN
		RAISE EXCEPTION 'there are users already' USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Ask an admin for an account.';
	END IF;
	IF password_hash IS NULL THEN
		RAISE EXCEPTION 'password hash must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(coalesce(name, ''), password_hash => create_first_admin.password_hash);
	INSERT INTO rigalpha.users (name, role, password_hash, password_set_at)
		VALUES (create_first_admin.name, 'admin', create_first_admin.password_hash, clock_timestamp())
		RETURNING id INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.create_first_admin(text, text)
	IS 'Makes the first account, an admin who must change the password; an error once there is any user';

-- All admins are locked in the same order: two who take the role from each other must not both succeed.
CREATE FUNCTION rigalpha.keep_an_admin(except_user integer) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM FROM rigalpha.users u WHERE u.role = 'admin' AND u.disabled_at IS NULL ORDER BY u.id FOR NO KEY UPDATE;
	IF EXISTS (SELECT FROM rigalpha.users u WHERE u.id = except_user AND u.role = 'admin' AND u.disabled_at IS NULL)
		AND NOT EXISTS (SELECT FROM rigalpha.users u WHERE u.id <> except_user AND u.role = 'admin' AND u.disabled_at IS NULL) THEN
		RAISE EXCEPTION 'there must be an admin' USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Make another user admin first.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.keep_an_admin(integer) IS 'An error when this user is the only admin left';

CREATE FUNCTION rigalpha.change_role(name text, role text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(role => coalesce(change_role.role, ''));
	IF role <> 'admin' THEN
		PERFORM rigalpha.keep_an_admin((SELECT u.id FROM rigalpha.users u WHERE lower(u.name) = lower(change_role.name)));
	END IF;
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET role = change_role.role WHERE u.id = target AND u.role <> change_role.role;
	IF FOUND THEN
		PERFORM rigalpha.end_sessions(target, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.change_role(text, text) IS 'Gives a user another role and ends the sessions of the user';

CREATE FUNCTION rigalpha.set_machines(name text, machines text[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	IF rigalpha.assign_machines(target, machines) THEN
		PERFORM rigalpha.end_sessions(target, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_machines(text, text[]) IS 'Assigns machines to a user, in place of those before, and ends the sessions of the user';

CREATE FUNCTION rigalpha.set_db_role(name text, db_role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(db_role => set_db_role.db_role);
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET db_role = set_db_role.db_role WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION rigalpha.set_db_role(text, name) IS 'Makes a login of the database this user; null = none';

CREATE FUNCTION rigalpha.disable_user(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.keep_an_admin((SELECT u.id FROM rigalpha.users u WHERE lower(u.name) = lower(disable_user.name)));
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET disabled_at = clock_timestamp() WHERE u.id = target AND u.disabled_at IS NULL;
	PERFORM rigalpha.end_sessions(target, NULL);
END
$$;
COMMENT ON FUNCTION rigalpha.disable_user(text) IS 'Closes an account and ends its sessions';

CREATE FUNCTION rigalpha.enable_user(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET disabled_at = NULL WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION rigalpha.enable_user(text) IS 'Opens a closed account again; its sessions stay ended';

CREATE FUNCTION rigalpha.set_password_hash(name text, password_hash text, must_change_password boolean DEFAULT true,
	end_sessions boolean DEFAULT true) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.check_user_values(password_hash => set_password_hash.password_hash);
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u
		SET password_hash = set_password_hash.password_hash, password_set_at = clock_timestamp(),
			must_change_password = coalesce(set_password_hash.must_change_password, true)
		WHERE u.id = target;
	IF end_sessions IS DISTINCT FROM false THEN
		PERFORM rigalpha.end_sessions(target, (SELECT i.session_id FROM rigalpha.identity() i));
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_password_hash(text, text, boolean, boolean)
	IS 'Gives a user another password, to be changed at the next login, and ends the other sessions of the user; null = no password';

CREATE FUNCTION rigalpha.clear_totp(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
BEGIN
	PERFORM rigalpha.require_admin();
	target := rigalpha.lock_user(name);
	UPDATE rigalpha.users u SET totp_secret = NULL, totp_confirmed_at = NULL, totp_step = NULL WHERE u.id = target;
	PERFORM rigalpha.end_sessions(target, (SELECT i.session_id FROM rigalpha.identity() i));
END
$$;
COMMENT ON FUNCTION rigalpha.clear_totp(text) IS 'Takes the second factor from a user who lost it, and ends the other sessions of the user';

CREATE FUNCTION rigalpha.list_users()
	RETURNS TABLE (id integer, name text, role text, machines text[], db_role name, disabled boolean, has_password boolean,
		must_change_password boolean, second_factor boolean, sessions integer, last_login_at timestamptz, last_failed_at timestamptz,
		failed_logins integer, created_at timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN QUERY
		SELECT u.id, u.name, u.role,
			ARRAY(SELECT m.name FROM rigalpha.user_machines um JOIN rigalpha.machines m ON m.id = um.machine_id WHERE um.user_id = u.id ORDER BY m.name),
			u.db_role, u.disabled_at IS NOT NULL, u.password_hash IS NOT NULL, u.must_change_password, u.totp_confirmed_at IS NOT NULL,
			coalesce(s.live, 0)::integer,
			u.last_login_at, u.last_failed_at, u.failed_logins, u.created_at
		FROM rigalpha.users u
		LEFT JOIN (SELECT l.user_name, count(*) AS live FROM rigalpha.list_sessions(true) l GROUP BY l.user_name) s ON s.user_name = u.name
		ORDER BY u.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_users() IS 'Accounts without their secrets; for admins';

-- Tokens of devices. The secret is shown once, when it is made.
CREATE FUNCTION rigalpha.issue_token(machine text, name text, lifetime interval DEFAULT interval '1 year', network cidr DEFAULT NULL,
	readings_per_minute integer DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target integer;
	new_id text;
	secret text := rtrim(translate(encode(rigalpha.random_bytes(32), 'base64'), '+/', '-_'), '=');
BEGIN
	PERFORM rigalpha.require_admin();
	IF lifetime IS NULL OR lifetime <= interval '0' THEN
		RAISE EXCEPTION 'lifetime must be positive' USING ERRCODE = 'invalid_parameter_value';
	ELSIF name IS NULL OR octet_length(name) NOT BETWEEN 1 AND 63 THEN
		RAISE EXCEPTION 'token name must have 1 to 63 bytes' USING ERRCODE = 'invalid_parameter_value';
	ELSIF readings_per_minute < 1 THEN
		RAISE EXCEPTION 'readings per minute must be positive, not %', readings_per_minute USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- One at a time per machine, so that two cannot both find room.
	SELECT m.id INTO target FROM rigalpha.machines m WHERE m.name = issue_token.machine FOR NO KEY UPDATE;
	IF target IS NULL THEN
		RAISE EXCEPTION 'machine "%" does not exist', machine USING ERRCODE = 'undefined_object';
	END IF;
	IF (SELECT count(*) FROM rigalpha.api_tokens t WHERE t.machine_id = target AND t.name = issue_token.name
			AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp()) >= 2 THEN
		RAISE EXCEPTION 'machine "%" has two live tokens "%"', machine, name
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Revoke the one that is no longer used.';
	END IF;
	LOOP
		INSERT INTO rigalpha.api_tokens (id, secret_hash, machine_id, name, network, readings_per_minute, created_by, expires_at)
			VALUES (encode(rigalpha.random_bytes(4), 'hex'), rigalpha.secret_hash(secret), target, issue_token.name, issue_token.network,
				issue_token.readings_per_minute, rigalpha.uid(), clock_timestamp() + lifetime)
			ON CONFLICT ON CONSTRAINT api_tokens_pkey DO NOTHING
			RETURNING id INTO new_id;
		EXIT WHEN new_id IS NOT NULL;
	END LOOP;
	RETURN format('rig_%s_%s', new_id, secret);
END
$$;
COMMENT ON FUNCTION rigalpha.issue_token(text, text, interval, cidr, integer)
	IS 'Makes a token that a device sends the readings of one machine with; it is returned here and cannot be had again';

CREATE FUNCTION rigalpha.revoke_token(id text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	UPDATE rigalpha.api_tokens t SET revoked_at = clock_timestamp() WHERE t.id = revoke_token.id AND t.revoked_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_token(text) IS 'Ends a token of a device; false = there is none, or it was revoked before';

CREATE FUNCTION rigalpha.list_tokens()
	RETURNS TABLE (id text, machine text, name text, network cidr, readings_per_minute integer, created_by text, created_at timestamptz,
		expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz, live boolean)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN QUERY
		SELECT t.id, m.name, t.name, t.network, t.readings_per_minute, u.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at,
			t.revoked_at IS NULL AND t.expires_at > clock_timestamp()
		FROM rigalpha.api_tokens t
		JOIN rigalpha.machines m ON m.id = t.machine_id
		LEFT JOIN rigalpha.users u ON u.id = t.created_by
		ORDER BY m.name, t.name, t.created_at, t.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_tokens() IS 'Tokens of devices, without their secrets; for admins';

-- Hashes of the hashes are compared, so that the time it takes tells nothing of what is stored. A token
-- is in use by many transactions at once: who finds its row locked leaves last_used_at to the other.
CREATE FUNCTION rigalpha.check_token(id text, secret text, address inet DEFAULT NULL,
	OUT verdict text, OUT machine_id integer, OUT machine text, OUT readings_per_minute integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	found rigalpha.api_tokens;
BEGIN
	SELECT t.* INTO found FROM rigalpha.api_tokens t WHERE t.id = check_token.id;
	IF sha256(rigalpha.secret_hash(coalesce(check_token.secret, ''))) IS DISTINCT FROM sha256(found.secret_hash) THEN
		verdict := 'unknown';
	ELSIF found.revoked_at IS NOT NULL THEN
		verdict := 'revoked';
	ELSIF found.expires_at <= clock_timestamp() THEN
		verdict := 'expired';
	ELSIF found.network IS NOT NULL AND check_token.address <<= found.network IS NOT TRUE THEN
		verdict := 'network';
	ELSE
		verdict := 'ok';
		machine_id := found.machine_id;
		readings_per_minute := found.readings_per_minute;
		SELECT m.name INTO machine FROM rigalpha.machines m WHERE m.id = found.machine_id;
		IF (found.last_used_at > clock_timestamp() - interval '1 min') IS NOT TRUE
			AND NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean THEN
			UPDATE rigalpha.api_tokens t SET last_used_at = clock_timestamp()
				FROM (SELECT l.id FROM rigalpha.api_tokens l WHERE l.id = found.id FOR NO KEY UPDATE SKIP LOCKED) AS free
				WHERE t.id = free.id;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.check_token(text, text, inet)
	IS 'Machine that a token of a device may send for; verdict = ok, unknown, revoked, expired or network (not from there), and nulls unless ok';

CREATE FUNCTION rigalpha.accounts_tick() RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.login_throttles t WHERE t.forgotten_at < clock_timestamp() AND t.blocked_until < clock_timestamp();
	DELETE FROM rigalpha.sessions s USING rigalpha.session_activity a
		WHERE a.session_id = s.id AND rigalpha.session_expiry(s.created_at, a.last_seen) < clock_timestamp() - interval '30 days';
	SELECT rigalpha.audit_flood_tick();
	$$;
COMMENT ON FUNCTION rigalpha.accounts_tick() IS 'Forgets login attempts whose time is over and sessions that ended a month ago, and tells of refusals that were only counted';
