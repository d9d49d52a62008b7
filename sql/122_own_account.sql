-- What the sidecar asks before anybody has logged in, and what a user may know of the own account.
CREATE FUNCTION rigalpha_api.me() RETURNS json
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT json_build_object('name', u.name, 'role', u.role, 'must_change_password', i.must_change_password,
		'second_factor', u.totp_confirmed_at IS NOT NULL,
		'machines', (SELECT coalesce(json_agg(m.name ORDER BY m.name), '[]') FROM rigalpha.machines m
			WHERE m.id = ANY ((SELECT rigalpha.visible_machines())::integer[])),
		'session', (SELECT json_build_object('id', s.id, 'created_at', s.created_at, 'expires_at', s.expires_at)
			FROM rigalpha.list_sessions() s WHERE s.is_current))
	FROM rigalpha.identity() i
	JOIN rigalpha.users u ON u.id = i.user_id
	$$;
COMMENT ON FUNCTION rigalpha_api.me()
	IS 'Account of this user: name, role, whether the password must be changed or a second factor is asked for, visible machines, session; null = nobody';
