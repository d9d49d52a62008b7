-- Accounts and sessions: who a transaction acts for, and what ends that.
\set SHOW_CONTEXT never
\set h1 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE'
\set h2 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDI'
INSERT INTO rigalpha.machines (id, name) VALUES (900001, 'ACC1'), (900002, 'ACC2'), (900003, 'ACC3');
-- A token as the sidecar makes it, and what a session sees.
CREATE FUNCTION token(n text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad(n, 43, 'x') $$;
CREATE FUNCTION login(user_name text, n text) RETURNS text LANGUAGE sql AS $$
	SELECT user_name FROM rigalpha.users WHERE name = user_name AND rigalpha.create_session(id, token(n), '192.0.2.7') IS NOT NULL $$;
CREATE FUNCTION sees() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', coalesce(user_name, 'nobody'), role, session_id IS NOT NULL, ARRAY(SELECT m FROM unnest(rigalpha.visible_machines()) AS m WHERE m > 900000 ORDER BY m)) FROM rigalpha.identity() $$;
CREATE FUNCTION sees_as(n text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM rigalpha.begin_session(token(n));
	RETURN sees();
EXCEPTION WHEN SQLSTATE 'RA007' THEN
	RETURN SQLERRM;
END $$;
CREATE VIEW live AS SELECT user_name, count(*) FROM rigalpha.list_sessions(true) GROUP BY user_name ORDER BY user_name;

-- The first admin, once. Messages show no hash.
SELECT problem('SELECT rigalpha.create_first_admin(NULL)');
SELECT problem('SELECT rigalpha.create_first_admin($$secret$$)');
SELECT problem($$SELECT rigalpha.create_first_admin('$argon2id$v=19$x y')$$);
SELECT rigalpha.create_first_admin(:'h1') > 0 AS created;
SELECT problem('SELECT rigalpha.create_first_admin($$x$$)');
SELECT name, role, machines, db_role, disabled, has_password, must_change_password, second_factor, sessions, last_login_at, failed_logins FROM rigalpha.list_users();
-- Other users. A name is one in any case, and cannot disguise itself.
SELECT rigalpha.create_user('Olga', 'operator', :'h1', '{ACC1,ACC2,ACC1}', must_change_password => false) > 0, rigalpha.create_user('vera', 'viewer', :'h1', '{ACC3}') > 0, rigalpha.create_user('root', 'admin', :'h1', must_change_password => false) > 0;
SELECT problem($$SELECT rigalpha.create_user('OLGA', 'viewer')$$);
SELECT n, sqlstate_of(format('SELECT rigalpha.create_user(%L, %L)', n, 'viewer')) FROM unnest(ARRAY['', ' x', 'x ', E'a\nb', E'a\u001b[1m', U&'a\202Eb', U&'a\200Bb', repeat('x', 64)]) AS n;
SELECT problem($$SELECT rigalpha.create_user(NULL, 'viewer')$$), problem($$SELECT rigalpha.create_user('x', NULL)$$);
SELECT problem($$SELECT rigalpha.create_user('x', 'root')$$);
SELECT problem($$SELECT rigalpha.create_user('x', 'viewer', 'password')$$);
SELECT problem($$SELECT rigalpha.create_user('x', 'viewer', machines => '{ACC1,NONE}')$$);
SELECT problem($$SELECT rigalpha.create_user('x', 'viewer', machines => NULL)$$);
SELECT problem($$SELECT rigalpha.create_user('x', 'viewer', db_role => 'rigalpha_web')$$);
SELECT problem($$SELECT rigalpha.change_role('nobody', 'viewer')$$);
SELECT name, role, machines FROM rigalpha.list_users();

-- A session is of one transaction.
SELECT login('Olga', 'o1'), login('vera', 'v1'), login('root', 'r1'), login('admin', 'a1');
SELECT problem($$SELECT rigalpha.create_session(-1, repeat('x', 43))$$), problem($$SELECT rigalpha.create_session(1, 'short')$$);
SELECT sees_as('o1'), rigalpha.uid() = id AS uid FROM rigalpha.users WHERE name = 'Olga';
SELECT sees();
SELECT sees_as('r1');
-- Nothing before a given password is changed; nothing for a wrong token.
SELECT sees_as('v1'), rigalpha.is_admin();
SELECT sees_as('none');
SELECT problem($$SELECT rigalpha.begin_session('none')$$);
SELECT rigalpha.begin_session(NULL) IS NULL AS strict;
-- No second one; the same is none.
BEGIN;
SELECT user_name, role, must_change_password, session, address FROM rigalpha.begin_session(token('o1'));
SELECT user_name FROM rigalpha.begin_session(token('o1'));
SELECT problem($$SELECT rigalpha.begin_session(token('r1'))$$);
SELECT problem($$SELECT rigalpha.begin_session('none')$$);
SELECT sees();
COMMIT;
SELECT sees();
-- A savepoint takes it back; a released one keeps it; an error ends it.
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SELECT sees_as('o1');
RELEASE b;
SELECT sees();
ROLLBACK TO a;
SELECT sees();
SELECT sees_as('r1');
SAVEPOINT c;
ROLLBACK TO c;
SELECT sees();
SELECT 1 / 0;
ROLLBACK;
SELECT sees();
BEGIN;
SELECT sees_as('o1');
COMMIT AND CHAIN;
SELECT sees();
COMMIT;
-- In a parallel query the leader answers.
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || statement; END $$;
CREATE TABLE many AS SELECT n % 4 + 900000 AS machine_id FROM generate_series(1, 20000) AS n;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
BEGIN;
SELECT sees_as('o1');
SELECT bool_or(line ~ 'Gather') AS parallel FROM plan_of('SELECT count(*) FROM many WHERE machine_id = ANY ((SELECT rigalpha.visible_machines())::integer[])') AS line;
SELECT count(*) FROM many WHERE machine_id = ANY ((SELECT rigalpha.visible_machines())::integer[]);
COMMIT;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DROP TABLE many;
DROP FUNCTION plan_of;

-- Timeouts: 30 minutes without use, 12 hours in all. Use is noted once a minute, but not by a transaction that may only read.
CREATE FUNCTION set_age(n text, idle interval, total interval) RETURNS void LANGUAGE sql AS $$
	UPDATE rigalpha.session_activity SET last_seen = clock_timestamp() - idle WHERE session_id = (SELECT id FROM rigalpha.sessions WHERE token_hash = sha256(token(n)::bytea));
	UPDATE rigalpha.sessions SET created_at = clock_timestamp() - total WHERE token_hash = sha256(token(n)::bytea) $$;
CREATE FUNCTION idle(n text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN clock_timestamp() - last_seen < '30 s' THEN 'noted' ELSE date_trunc('minute', clock_timestamp() - last_seen)::text END FROM rigalpha.session_activity JOIN rigalpha.sessions ON id = session_id WHERE token_hash = sha256(token(n)::bytea) $$;
SELECT set_age('o1', '29 min', '11 h'), sees_as('o1');
SELECT set_age('o1', '30 min 1 s', '11 h'), sees_as('o1');
SELECT set_age('o1', '0', '11 h 59 min'), sees_as('o1');
SELECT set_age('o1', '0', '12 h 1 s'), sees_as('o1');
SELECT count(*) AS of_olga FROM rigalpha.list_sessions(true) WHERE user_name = 'Olga';
SELECT set_age('o1', '50 s', '1 h'), sees_as('o1');
SELECT clock_timestamp() - last_seen > '49 s' AS not_noted FROM rigalpha.session_activity JOIN rigalpha.sessions ON id = session_id WHERE token_hash = sha256(token('o1')::bytea);
SELECT set_age('o1', '5 min', '1 h');
BEGIN READ ONLY;
SELECT sees_as('o1'), idle('o1');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT sees_as('o1');
COMMIT;
SELECT idle('o1');
SET rigalpha.session_idle_timeout = '4 min';
SELECT set_age('o1', '5 min', '1 h'), sees_as('o1');
RESET rigalpha.session_idle_timeout;
SET rigalpha.session_lifetime = '30 min';
SELECT sees_as('o1');
RESET rigalpha.session_lifetime;

-- What ends sessions: a change of role or machines, of the password, closing the account; a change that is none does not.
SELECT login('Olga', 'o2'), set_age('o1', '0', '0');
SELECT rigalpha.change_role('olga', 'operator'), rigalpha.set_machines('olga', '{ACC2,ACC1}'), rigalpha.enable_user('olga'), rigalpha.set_password_hash('olga', :'h2', false, false);
TABLE live;
SELECT rigalpha.set_machines('olga', '{ACC2,ACC3}');
SELECT sees_as('o1'), sees_as('o2');
SELECT login('Olga', 'o3'), sees_as('o3');
SELECT rigalpha.change_role('olga', 'viewer');
SELECT sees_as('o3'), login('Olga', 'o4'), sees_as('o4');
SELECT rigalpha.set_password_hash('olga', :'h1', false);
SELECT sees_as('o4'), login('Olga', 'o5'), sees_as('o5');
SELECT rigalpha.disable_user('olga');
SELECT sees_as('o5'), problem($$SELECT login('Olga', 'o6')$$) ~ '^42704';
SELECT rigalpha.enable_user('olga'), rigalpha.change_role('olga', 'operator');
TABLE live;
-- There is always an admin.
SELECT rigalpha.disable_user('admin');
SELECT problem($$SELECT rigalpha.disable_user('ROOT')$$);
SELECT problem($$SELECT rigalpha.change_role('root', 'viewer')$$);
SELECT rigalpha.enable_user('admin');

DELETE FROM rigalpha.users;
DELETE FROM rigalpha.machines WHERE id > 900000;
DROP VIEW live;
DROP FUNCTION sees_as, sees, login, token, set_age, idle;
