-- How people log in: what the sidecar is told, throttling, second factor, own sessions.
\set SHOW_CONTEXT never
\set h1 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE'
\set h2 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDI'
INSERT INTO rigalpha.machines (id, name) VALUES (900001, 'LOG1'), (900002, 'LOG2');
SELECT rigalpha.create_user('Otto', 'operator', :'h1', '{LOG1}', must_change_password => false) > 0, rigalpha.create_user('Rita', 'admin', :'h1', must_change_password => false) > 0;
CREATE FUNCTION token(n text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad(n, 43, 'y') $$;
CREATE FUNCTION id_of(who text) RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT id FROM rigalpha.users WHERE name = who $$;
-- Lets time pass for the throttles.
CREATE FUNCTION pass(t interval) RETURNS text LANGUAGE sql AS $$
	UPDATE rigalpha.login_throttles SET attempted_at = attempted_at - t, blocked_until = blocked_until - t, forgotten_at = forgotten_at - t;
	SELECT ''::text $$;
CREATE VIEW throttles AS
	SELECT regexp_replace(subject, '[0-9a-f]{32}', 'HASH') AS subject, attempts, CASE WHEN blocked_until > attempted_at THEN blocked_until - attempted_at END AS delay, forgotten_at - attempted_at AS kept FROM rigalpha.login_throttles ORDER BY 1;
-- A wrong guess, after having waited as long as needed or given.
CREATE FUNCTION guess(who text, address inet, wait interval DEFAULT NULL) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
	answer record;
BEGIN
	PERFORM pass(coalesce(wait, (SELECT max(greatest(blocked_until - clock_timestamp(), '0')) FROM rigalpha.login_throttles WHERE isfinite(blocked_until)), '0'));
	SELECT * INTO answer FROM rigalpha.login_lookup(who, address);
	IF answer.retry_after IS NOT NULL THEN
		RETURN interval '-1 s';
	END IF;
	PERFORM rigalpha.login_failed(who, address);
	RETURN (SELECT max(delay) FROM throttles);
END $$;

-- The answer for a user, and the same shape for nobody; none for a disabled user or one without a password.
SELECT user_id = id_of('Otto') AS otto, password_hash, totp_secret, totp_confirmed, retry_after FROM rigalpha.login_lookup('oTTo', '192.0.2.1');
SELECT * FROM rigalpha.login_lookup('Nobody', '192.0.2.1');
SELECT rigalpha.set_password_hash('Otto', NULL);
SELECT * FROM rigalpha.login_lookup('Otto', NULL);
SELECT rigalpha.set_password_hash('Otto', :'h1', false), rigalpha.disable_user('Otto');
SELECT * FROM rigalpha.login_lookup('Otto', NULL);
SELECT rigalpha.enable_user('Otto');
SELECT problem('SELECT rigalpha.login_lookup(NULL, NULL)');
TABLE throttles;
DELETE FROM rigalpha.login_throttles;
-- An attempt is charged when it begins and given back when it was right.
SELECT guess('Otto', '192.0.2.1') FROM generate_series(1, 3);
SELECT failed_logins, last_failed_at IS NOT NULL AS at FROM rigalpha.list_users() WHERE name = 'Otto';
SELECT password_hash FROM rigalpha.login_lookup('Otto', '192.0.2.1');
TABLE throttles;
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h2', '192.0.2.1') AS other_hash, rigalpha.login_succeeded(-1, :'h1', '192.0.2.1') AS nobody, rigalpha.login_succeeded(id_of('Otto'), NULL, '192.0.2.1') AS no_hash;
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h1', '192.0.2.1');
TABLE throttles;
SELECT failed_logins, last_login_at IS NOT NULL AS at FROM rigalpha.list_users() WHERE name = 'Otto';
-- Four guesses are free; then the wait doubles up to a quarter of an hour. In between nothing is told, nor counted.
DELETE FROM rigalpha.login_throttles;
SELECT n, guess('Otto', NULL) FROM generate_series(1, 17) AS n;
SELECT retry_after BETWEEN 890 AND 900 AS wait, user_id, password_hash FROM rigalpha.login_lookup('Otto', NULL);
SELECT guess('Otto', NULL, '14 min');
SELECT attempts FROM throttles;
-- No lock for good: who waits gets in with the right password, and what is not repeated is forgotten.
SELECT pass('2 min');
SELECT password_hash = :'h1' AS asked FROM rigalpha.login_lookup('Otto', NULL);
SELECT pass('1 h');
SELECT guess('Otto', NULL), attempts FROM throttles;
SELECT pass('4 h 30 min');
SELECT rigalpha.accounts_tick();
SELECT count(*) FROM throttles;
-- A network may guess more often, whoever it names: /24 and /64, and an IPv4 address in either form.
SELECT a AS address, rigalpha.login_network(a) FROM unnest('{192.0.2.77,192.0.2.77/16,::ffff:192.0.2.1,2001:db8:1:2:3:4:5:6,::1}'::inet[]) AS a;
SELECT n, max(guess('user' || n, '::ffff:192.0.2.1')) OVER (ORDER BY n) AS delay FROM generate_series(1, 52) AS n OFFSET 47;
SELECT subject, attempts, delay FROM throttles WHERE subject ~ '^network';
SELECT retry_after > 0 AS refused, user_id FROM rigalpha.login_lookup('Rita', '192.0.2.99');
SELECT retry_after > 0 AS refused, user_id = id_of('Rita') AS rita FROM rigalpha.login_lookup('Rita', '192.0.3.99');
DELETE FROM rigalpha.login_throttles;
-- Where a user has logged in lately, guesses from elsewhere do not count.
SELECT rigalpha.create_session(id_of('Otto'), token('o1'), '198.51.100.7') > 0 AS session;
SELECT max(guess('Otto', '203.0.113.1')) FROM generate_series(1, 9);
SELECT retry_after > 0 AS refused, user_id = id_of('Otto') AS otto FROM rigalpha.login_lookup('Otto', '198.51.100.200');
TABLE throttles;
DELETE FROM rigalpha.login_throttles;

-- Second factor: asked for once a code confirmed it; each code once.
SELECT problem($$SELECT rigalpha.set_own_totp('12345678901234567890')$$);
BEGIN;
SELECT user_name FROM rigalpha.begin_session(token('o1'));
SELECT problem($$SELECT rigalpha.set_own_totp('short')$$);
SELECT rigalpha.confirm_own_totp(5) AS nothing_to_confirm;
SELECT rigalpha.set_own_totp('12345678901234567890');
SELECT totp_secret, totp_confirmed FROM rigalpha.login_lookup('Otto', NULL);
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL) AS without;
SELECT rigalpha.confirm_own_totp(5), rigalpha.confirm_own_totp(9) AS again;
COMMIT;
SELECT totp_secret, totp_confirmed FROM rigalpha.login_lookup('Otto', NULL);
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL) AS without, rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL, 5) AS used, rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL, 6) AS next, rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL, 6) AS twice;
SELECT name, second_factor FROM rigalpha.list_users();
SELECT rigalpha.clear_totp('Otto');
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL, NULL, 'plain') AS rehash;
SELECT rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL, NULL, :'h2') AS rehash, rigalpha.login_succeeded(id_of('Otto'), :'h1', NULL) AS old;

-- Own sessions: listed, and ended one by one or all others; a foreign one is as unknown as none. An admin ends any.
SELECT bool_and(rigalpha.create_session(id_of(u), token(t), '198.51.100.7', sha256('Firefox')) > 0) FROM (VALUES ('Otto', 'o1b'), ('Otto', 'o2'), ('Otto', 'o3'), ('Rita', 'r1'), ('Rita', 'r2')) AS v (u, t);
CREATE FUNCTION session_of(n text) RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT id FROM rigalpha.sessions WHERE token_hash = sha256(token(n)::bytea) $$;
BEGIN;
SELECT user_name FROM rigalpha.begin_session(token('o1b'));
SET LOCAL ROLE rigalpha_operator;
SELECT user_name, address, user_agent_hash = sha256('Firefox') AS agent, is_current, last_seen - created_at < '1 s' AS seen, expires_at - last_seen AS idle FROM rigalpha.list_sessions();
SELECT problem('SELECT rigalpha.list_sessions(true)');
SELECT rigalpha.revoke_session(session_of('r1')) AS foreign, rigalpha.revoke_session(-1) AS none, rigalpha.revoke_session(session_of('o2')) AS own, rigalpha.revoke_session(session_of('o2')) AS ended;
RESET ROLE;
SELECT rigalpha.set_own_password_hash(:'h1', false);
SELECT count(*) FROM rigalpha.list_sessions();
SELECT count(password_hash) AS asked FROM rigalpha.login_lookup('Otto', '198.51.100.7');
SELECT rigalpha.set_own_password_hash(:'h1');
SELECT count(*) FROM rigalpha.list_sessions();
SELECT subject, attempts FROM throttles WHERE subject ~ '198.51.100';
SELECT problem('SELECT rigalpha.set_own_password_hash(NULL)'), problem('SELECT rigalpha.set_own_password_hash($$x$$)');
COMMIT;
BEGIN;
SELECT user_name FROM rigalpha.begin_session(token('r1'));
SET LOCAL ROLE rigalpha_admin;
SELECT user_name, is_current FROM rigalpha.list_sessions(true);
SELECT rigalpha.revoke_session(session_of('o1b')), rigalpha.revoke_other_sessions();
COMMIT;
SELECT rigalpha.end_session(token('r1')), rigalpha.end_session(token('r1')) AS again, rigalpha.end_session(NULL) AS none;
SELECT count(*) FROM rigalpha.list_sessions(true);
SELECT rigalpha.list_sessions(), rigalpha.revoke_other_sessions();

DELETE FROM rigalpha.users;
DELETE FROM rigalpha.login_throttles;
DELETE FROM rigalpha.machines WHERE id > 900000;
DROP VIEW throttles;
DROP FUNCTION guess, pass, token, id_of, session_of;
