-- Who acts. The identity of a transaction is state of the library, which no statement can set but
-- begin_session(), with a token that only its holder has.
CREATE FUNCTION rigalpha.begin_session(token text, OUT user_id integer, OUT user_name text, OUT role text,
	OUT must_change_password boolean, OUT session_id integer, OUT session text, OUT address text)
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_begin_session';
COMMENT ON FUNCTION rigalpha.begin_session(text)
	IS 'Makes the rest of the transaction, or of the savepoint, act for the user of a session; an error (RA007) unless the session is alive';

CREATE FUNCTION rigalpha.identity(OUT user_id integer, OUT user_name text, OUT role text,
	OUT must_change_password boolean, OUT session_id integer, OUT session text, OUT address text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_identity';
COMMENT ON FUNCTION rigalpha.identity()
	IS 'Who the transaction acts for: the user of its session, else the one that the login is mapped to (users.db_role), else nulls';

CREATE FUNCTION rigalpha.uid() RETURNS integer
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_uid';
COMMENT ON FUNCTION rigalpha.uid() IS 'Key of the user that the transaction acts for; null = nobody';

CREATE FUNCTION rigalpha.visible_machines() RETURNS integer[]
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_visible_machines';
COMMENT ON FUNCTION rigalpha.visible_machines()
	IS 'Machines that this user may see: all for an admin, none without a user or before a given password was changed';

CREATE FUNCTION rigalpha.is_user() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_is_user';
COMMENT ON FUNCTION rigalpha.is_user() IS 'True when the transaction acts for a user who has changed the first password';

CREATE FUNCTION rigalpha.is_admin_user() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_is_admin_user';
COMMENT ON FUNCTION rigalpha.is_admin_user() IS 'is_user(), and the user has role admin; unlike is_admin(), never for a login that is no user';

CREATE FUNCTION rigalpha.visible_machine_names() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT ARRAY(SELECT m.name FROM rigalpha.machines m WHERE m.id = ANY ((SELECT rigalpha.visible_machines())::integer[])) $$;
COMMENT ON FUNCTION rigalpha.visible_machine_names() IS 'Names of visible_machines()';

CREATE FUNCTION rigalpha.readable_machines() RETURNS integer[]
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_readable_machines';
COMMENT ON FUNCTION rigalpha.readable_machines()
	IS 'visible_machines(), or all for a role of the session that bypasses row security; for functions that read as the owner';

CREATE FUNCTION rigalpha.may_read_machine(machine text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE
		WHEN (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = rigalpha.asking_role()) OR rigalpha.is_admin_user() THEN true
		WHEN machine IS NULL THEN rigalpha.is_user()
		ELSE machine = ANY ((SELECT rigalpha.visible_machine_names())::text[])
	END
	$$;
COMMENT ON FUNCTION rigalpha.may_read_machine(text)
	IS 'True when the caller may see what is of a machine, or, without a machine, of the fleet; for functions that read as the owner';

CREATE FUNCTION rigalpha.session_expiry(created_at timestamptz, last_seen timestamptz) RETURNS timestamptz
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_session_expiry';
COMMENT ON FUNCTION rigalpha.session_expiry(timestamptz, timestamptz) IS 'When a session ends by its timeouts';

CREATE FUNCTION rigalpha.random_bytes(size integer) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_random_bytes';
COMMENT ON FUNCTION rigalpha.random_bytes(integer) IS 'Random bytes that are fit for secrets';

CREATE FUNCTION rigalpha.secret_hash(secret text) RETURNS bytea
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT sha256(convert_to(secret, 'UTF8')) $$;
COMMENT ON FUNCTION rigalpha.secret_hash(text) IS 'What is stored of a random secret';

-- What the table would refuse, too; but its message would show the whole row, which has secrets.
CREATE FUNCTION rigalpha.check_user_values(name text DEFAULT NULL, role text DEFAULT NULL, db_role name DEFAULT NULL,
	password_hash text DEFAULT NULL, totp_secret bytea DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF octet_length(name) NOT BETWEEN 1 AND 63 OR name <> btrim(name)
		OR name ~ '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]' THEN
		RAISE EXCEPTION 'user name is not valid' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'It has 1 to 63 bytes, no blanks around it, and no control or invisible characters.';
	ELSIF role NOT IN ('admin', 'operator', 'viewer') THEN
		RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'invalid_parameter_value', HINT = 'It is admin, operator or viewer.';
	ELSIF left(db_role::text, 9) = 'rigalpha_' THEN
		RAISE EXCEPTION 'login "%" of the database cannot be a user', db_role USING ERRCODE = 'invalid_parameter_value',
			HINT = 'Those of rigalpha itself act for many; make a login for this person.';
	ELSIF password_hash !~ '^\$argon2id\$v=19\$[^[:space:]]+$' OR octet_length(password_hash) > 255 THEN
		RAISE EXCEPTION 'password hash is not valid' USING ERRCODE = 'invalid_parameter_value', HINT = 'It is Argon2id in its text form.';
	ELSIF octet_length(totp_secret) NOT BETWEEN 16 AND 255 THEN
		RAISE EXCEPTION 'key of the second factor is not valid' USING ERRCODE = 'invalid_parameter_value', HINT = 'It has 16 to 255 bytes.';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.check_user_values(text, text, name, text, bytea) IS 'An error unless these may stand in users; null = not asked';

-- Throttling. An attempt is charged before the password is looked at, so that guesses made side by
-- side count, and given back when it was right. The first few are free; each further one makes the
-- next wait twice as long, up to a quarter of an hour and never for good.
CREATE FUNCTION rigalpha.charge_login(subject text, free integer, refill interval) RETURNS interval
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	at timestamptz := clock_timestamp();
	bucket rigalpha.login_throttles;
	charged integer;
BEGIN
	-- One statement that also locks: the row may be forgotten at any moment.
	INSERT INTO rigalpha.login_throttles AS t (subject, attempts, attempted_at, blocked_until, forgotten_at)
		VALUES (charge_login.subject, 0, at, '-infinity', at)
		ON CONFLICT ON CONSTRAINT login_throttles_pkey DO UPDATE SET attempts = t.attempts
		RETURNING t.* INTO bucket;
	at := clock_timestamp();
	IF bucket.blocked_until > at THEN
		RETURN bucket.blocked_until - at;
	END IF;
	charged := greatest(0, bucket.attempts - floor(extract(epoch FROM at - bucket.attempted_at) / extract(epoch FROM refill))) + 1;
	UPDATE rigalpha.login_throttles t
		SET attempts = charged, attempted_at = at, forgotten_at = at + charged * refill,
			blocked_until = CASE WHEN charged < free THEN '-infinity'::timestamptz
				ELSE at + least(interval '15 min', interval '1 s' * 2 ^ least(charged - free, 10)) END
		WHERE t.subject = charge_login.subject;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION rigalpha.charge_login(text, integer, interval)
	IS 'Counts a login attempt of an account or network, and returns null; or how long it has to wait, and counts nothing';

CREATE FUNCTION rigalpha.login_network(address inet) RETURNS cidr
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT CASE WHEN family(address) = 4 THEN network(set_masklen(address, 24))
		WHEN address <<= '::ffff:0:0/96' THEN network(set_masklen(replace(lower(host(address)), '::ffff:', '')::inet, 24))
		ELSE network(set_masklen(address, 64)) END
	$$;
COMMENT ON FUNCTION rigalpha.login_network(inet) IS 'Network whose login attempts count together: /24 or /64';

-- Somebody who knows a name can block it by guessing; so who logged in from a network lately has an
-- account of attempts of its own there, which others cannot use up from elsewhere.
CREATE FUNCTION rigalpha.login_subject(name text, address inet) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT concat('account:', encode(substr(sha256(convert_to(lower(login_subject.name), 'UTF8')), 1, 16), 'hex'),
		(SELECT concat('@', rigalpha.login_network(login_subject.address)) WHERE EXISTS (
			SELECT FROM rigalpha.users u JOIN rigalpha.sessions s ON s.user_id = u.id
			WHERE lower(u.name) = lower(login_subject.name) AND rigalpha.login_network(s.address) = rigalpha.login_network(login_subject.address))))
	$$;
COMMENT ON FUNCTION rigalpha.login_subject(text, inet) IS 'What attempts to log in with a name from an address are counted under';

-- One row of the same shape whoever is asked for. Committed before the password is checked.
CREATE FUNCTION rigalpha.login_lookup(name text, address inet, OUT user_id integer, OUT password_hash text, OUT totp_secret bytea,
	OUT totp_confirmed boolean, OUT retry_after integer)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	wait interval;
BEGIN
	IF login_lookup.name IS NULL THEN
		RAISE EXCEPTION 'name must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF address IS NOT NULL THEN
		wait := rigalpha.charge_login('network:' || rigalpha.login_network(address), 50, interval '5 min');
	END IF;
	IF wait IS NULL THEN
		wait := rigalpha.charge_login(rigalpha.login_subject(login_lookup.name, address), 5, interval '15 min');
	END IF;
	totp_confirmed := false;
	IF wait IS NULL THEN
		SELECT u.id, u.password_hash, u.totp_secret, u.totp_confirmed_at IS NOT NULL
			INTO user_id, password_hash, totp_secret, totp_confirmed
			FROM rigalpha.users u
			WHERE lower(u.name) = lower(login_lookup.name) AND u.disabled_at IS NULL AND u.password_hash IS NOT NULL;
		totp_confirmed := coalesce(totp_confirmed, false);
	ELSE
		retry_after := ceil(extract(epoch FROM wait));
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.login_lookup(text, inet)
	IS 'What to check a login against, and charges the attempt; retry_after = seconds to wait, else null; nulls for an unknown or disabled user';

CREATE FUNCTION rigalpha.login_failed(name text, address inet) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Something is written for an unknown name, too: the answer must not come sooner.
	UPDATE rigalpha.login_throttles t SET attempts = t.attempts WHERE t.subject = rigalpha.login_subject(login_failed.name, login_failed.address);
	UPDATE rigalpha.users u SET failed_logins = least(u.failed_logins, 2147483646) + 1, last_failed_at = clock_timestamp()
		WHERE lower(u.name) = lower(login_failed.name);
	-- An unknown name is not written down: people type their password into the wrong field.
	SELECT rigalpha.audit_refusal(coalesce('login:user:' || u.id, 'login:network:' || rigalpha.login_network(login_failed.address), 'login:'),
			'login', 'login', 'failed', names => ARRAY['user', 'address'], "values" => ARRAY[u.name, host(login_failed.address)])
		FROM (SELECT) AS one LEFT JOIN rigalpha.users u ON lower(u.name) = lower(login_failed.name)
	$$;
COMMENT ON FUNCTION rigalpha.login_failed(text, inet) IS 'Records that a login failed; the attempt stays charged';

-- 50 as in login_lookup(): below it the attempt that is given back cannot have blocked anybody.
CREATE FUNCTION rigalpha.forgive_login(name text, address inet) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	DELETE FROM rigalpha.login_throttles t WHERE t.subject = rigalpha.login_subject(forgive_login.name, forgive_login.address);
	UPDATE rigalpha.login_throttles t
		SET attempts = greatest(t.attempts - 1, 0), blocked_until = CASE WHEN t.attempts <= 50 THEN '-infinity' ELSE t.blocked_until END
		WHERE t.subject = 'network:' || rigalpha.login_network(forgive_login.address)
	$$;
COMMENT ON FUNCTION rigalpha.forgive_login(text, inet) IS 'Gives back an attempt that was right: all of the account''s, and this one of the network''s';

-- The hash is compared once more, with the row locked: a password that was changed while this login
-- was under way must not let it in. create_session() belongs in the same transaction.
CREATE FUNCTION rigalpha.login_succeeded(user_id integer, password_hash text, address inet, totp_step bigint DEFAULT NULL,
	new_password_hash text DEFAULT NULL) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	account rigalpha.users;
BEGIN
	SELECT u.* INTO account FROM rigalpha.users u WHERE u.id = login_succeeded.user_id FOR NO KEY UPDATE;
	IF account.id IS NULL OR account.disabled_at IS NOT NULL OR account.password_hash IS DISTINCT FROM login_succeeded.password_hash
		OR account.totp_confirmed_at IS NOT NULL
			AND (login_succeeded.totp_step IS NULL OR login_succeeded.totp_step <= coalesce(account.totp_step, -1)) THEN
		RETURN false;
	END IF;
	PERFORM rigalpha.check_user_values(password_hash => new_password_hash);
	PERFORM rigalpha.forgive_login(account.name, login_succeeded.address);
	UPDATE rigalpha.users u
		SET last_login_at = clock_timestamp(), failed_logins = 0,
			totp_step = CASE WHEN u.totp_confirmed_at IS NULL THEN u.totp_step ELSE login_succeeded.totp_step END,
			password_hash = coalesce(new_password_hash, u.password_hash)
		WHERE u.id = account.id;
	PERFORM rigalpha.audit_event('login', 'login', 'succeeded', names => ARRAY['user', 'address'],
		"values" => ARRAY[account.name, host(login_succeeded.address)]);
	RETURN true;
END
$$;
COMMENT ON FUNCTION rigalpha.login_succeeded(integer, text, inet, bigint, text)
	IS 'Records a login whose password and second factor were right; false = not let in: disabled, password changed, or a code used before';

CREATE FUNCTION rigalpha.create_session(user_id integer, token text, address inet DEFAULT NULL, user_agent_hash bytea DEFAULT NULL) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	session integer;
BEGIN
	IF token IS NULL OR octet_length(token) < 43 THEN
		RAISE EXCEPTION 'token is too short' USING ERRCODE = 'invalid_parameter_value', HINT = 'Make it of 32 random bytes in base64url.';
	END IF;
	PERFORM FROM rigalpha.users u WHERE u.id = create_session.user_id AND u.disabled_at IS NULL FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'user % does not exist or is disabled', user_id USING ERRCODE = 'undefined_object';
	END IF;
	INSERT INTO rigalpha.sessions (token_hash, user_id, address, user_agent_hash)
		VALUES (rigalpha.secret_hash(token), create_session.user_id, create_session.address, create_session.user_agent_hash)
		RETURNING id INTO session;
	INSERT INTO rigalpha.session_activity (session_id) VALUES (session);
	RETURN session;
END
$$;
COMMENT ON FUNCTION rigalpha.create_session(integer, text, inet, bytea) IS 'Makes a session after login_succeeded(), in its transaction; returns its key';

CREATE FUNCTION rigalpha.end_session(token text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.token_hash = rigalpha.secret_hash(token) AND s.revoked_at IS NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.end_session(text) IS 'Logs out; false = there was no such session, or it had ended';

CREATE FUNCTION rigalpha.end_sessions(user_id integer, except_session integer) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	ended integer;
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.user_id = end_sessions.user_id AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM except_session;
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION rigalpha.end_sessions(integer, integer) IS 'Ends the sessions of a user, but for one; returns how many';

CREATE FUNCTION rigalpha.list_sessions(all_users boolean DEFAULT false)
	RETURNS TABLE (id integer, user_name text, created_at timestamptz, last_seen timestamptz, expires_at timestamptz, address inet,
		user_agent_hash bytea, is_current boolean)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	IF all_users THEN
		PERFORM rigalpha.require_admin();
	END IF;
	RETURN QUERY
		SELECT s.id, u.name, s.created_at, a.last_seen, e.at, s.address, s.user_agent_hash,
			s.id IS NOT DISTINCT FROM (SELECT i.session_id FROM rigalpha.identity() i)
		FROM rigalpha.sessions s
		JOIN rigalpha.session_activity a ON a.session_id = s.id
		JOIN rigalpha.users u ON u.id = s.user_id
		CROSS JOIN LATERAL rigalpha.session_expiry(s.created_at, a.last_seen) AS e (at)
		WHERE s.revoked_at IS NULL AND u.disabled_at IS NULL AND e.at > clock_timestamp() AND (all_users OR s.user_id = (SELECT rigalpha.uid()))
		ORDER BY s.id;
END
$$;
COMMENT ON FUNCTION rigalpha.list_sessions(boolean) IS 'Sessions of this user that are alive, or, for an admin, of all';

CREATE FUNCTION rigalpha.revoke_session(session_id integer) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.sessions s SET revoked_at = clock_timestamp()
		WHERE s.id = revoke_session.session_id AND s.revoked_at IS NULL AND (s.user_id = rigalpha.uid() OR rigalpha.is_admin());
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_session(integer)
	IS 'Ends a session of this user or, for an admin, of anybody; false = there is none, it has ended, or it is not for this user to end';

CREATE FUNCTION rigalpha.revoke_other_sessions() RETURNS integer
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT rigalpha.end_sessions(i.user_id, i.session_id) FROM rigalpha.identity() i $$;
COMMENT ON FUNCTION rigalpha.revoke_other_sessions() IS 'Ends all sessions of this user but the one that asks; returns how many';

-- What users do to their own account through the sidecar, which has checked their password again.
CREATE FUNCTION rigalpha.own_session_user() RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	actor record;
BEGIN
	SELECT * INTO actor FROM rigalpha.identity();
	IF actor.session_id IS NULL THEN
		RAISE EXCEPTION 'this needs a session' USING ERRCODE = 'RA007', HINT = 'Call begin_session() first.';
	END IF;
	RETURN actor.user_id;
END
$$;
COMMENT ON FUNCTION rigalpha.own_session_user() IS 'User of the session; an error without one';

CREATE FUNCTION rigalpha.set_own_password_hash(password_hash text, end_others boolean DEFAULT true) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	own integer := rigalpha.own_session_user();
BEGIN
	IF password_hash IS NULL THEN
		RAISE EXCEPTION 'password hash must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM rigalpha.check_user_values(password_hash => set_own_password_hash.password_hash);
	UPDATE rigalpha.users u
		SET password_hash = set_own_password_hash.password_hash, password_set_at = clock_timestamp(), must_change_password = false
		WHERE u.id = own;
	-- The old password was asked for as in a login, and was right.
	PERFORM rigalpha.forgive_login(i.user_name, i.address::inet) FROM rigalpha.identity() i;
	IF end_others IS DISTINCT FROM false THEN
		PERFORM rigalpha.revoke_other_sessions();
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.set_own_password_hash(text, boolean)
	IS 'Changes the password of this user, whose sidecar has checked the old one, and ends the other sessions';

CREATE FUNCTION rigalpha.set_own_totp(secret bytea) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	own integer := rigalpha.own_session_user();
BEGIN
	PERFORM rigalpha.check_user_values(totp_secret => secret);
	UPDATE rigalpha.users u SET totp_secret = secret, totp_confirmed_at = NULL, totp_step = NULL WHERE u.id = own;
	PERFORM rigalpha.forgive_login(i.user_name, i.address::inet) FROM rigalpha.identity() i;
END
$$;
COMMENT ON FUNCTION rigalpha.set_own_totp(bytea)
	IS 'Stores the key of a second factor of this user, whose sidecar has checked the password, to be confirmed by a code; null takes it away';

CREATE FUNCTION rigalpha.confirm_own_totp(step bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	UPDATE rigalpha.users u SET totp_confirmed_at = clock_timestamp(), totp_step = step
		WHERE u.id = rigalpha.own_session_user() AND u.totp_secret IS NOT NULL AND u.totp_confirmed_at IS NULL AND step IS NOT NULL;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION rigalpha.confirm_own_totp(bigint)
	IS 'Makes logins ask for the second factor, after a code of this time step was right; false = there is nothing to confirm';
