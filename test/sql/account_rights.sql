-- Who may do what with accounts, by trying: the login of the sidecar, its sessions, and logins that are users.
\set SHOW_CONTEXT never
\set h1 '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE'
INSERT INTO rigalpha.machines (id, name) VALUES (900001, 'LOG1'), (900002, 'LOG2');
SELECT rigalpha.create_user('Otto', 'operator', :'h1', '{LOG1}', must_change_password => false) > 0, rigalpha.create_user('Rita', 'admin', :'h1', must_change_password => false) > 0;
CREATE FUNCTION token(n text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad(n, 43, 'z') $$;
SELECT name, rigalpha.create_session(id, token(name)) > 0 AS session FROM rigalpha.users ORDER BY name;

-- The login of the sidecar logs users in and nothing else; without a session it is nobody, whatever role it takes.
SET SESSION AUTHORIZATION rigalpha_web;
SELECT t, sqlstate_of('TABLE rigalpha.' || t) AS read, sqlstate_of('DELETE FROM rigalpha.' || t) AS remove FROM unnest('{users,user_machines,sessions,session_activity,api_tokens,login_throttles}'::text[]) AS t;
SELECT s, sqlstate_of('SELECT rigalpha.' || s) FROM unnest('{list_users(),"end_sessions(1, 1)",lock_user($$x$$),"charge_login($$x$$, 1, $$1 s$$)",random_bytes(1),is_admin(),uid(),visible_machines()}'::text[]) AS s;
SET ROLE rigalpha_admin;
SELECT rigalpha.uid(), rigalpha.visible_machines(), problem('SELECT rigalpha.list_users()');
RESET ROLE;
BEGIN;
SELECT set_config('role', 'rigalpha_' || role, true) FROM rigalpha.begin_session(token('Otto'));
SELECT current_user, user_name, rigalpha.visible_machines() FROM rigalpha.identity();
SELECT sqlstate_of('SELECT rigalpha.list_users()') AS users, sqlstate_of('SELECT rigalpha.begin_session($$x$$)') AS begin, sqlstate_of('SELECT rigalpha.create_session(1, $$x$$)') AS create, sqlstate_of('TABLE rigalpha.users') AS read;
-- A role that is too strong does not make Otto an admin.
SET LOCAL ROLE rigalpha_admin;
SELECT problem(s) FROM unnest('{SELECT rigalpha.list_users(),"SELECT rigalpha.create_user($$x$$, $$admin$$)","SELECT rigalpha.change_role($$Otto$$, $$admin$$)","SELECT rigalpha.set_machines($$Otto$$, $${}$$)","SELECT rigalpha.set_db_role($$Otto$$, NULL)",SELECT rigalpha.disable_user($$Rita$$),SELECT rigalpha.enable_user($$Rita$$),"SELECT rigalpha.set_password_hash($$Rita$$, NULL)",SELECT rigalpha.clear_totp($$Rita$$),"SELECT rigalpha.issue_token($$LOG1$$, $$x$$)",SELECT rigalpha.revoke_token($$x$$),SELECT rigalpha.list_tokens(),SELECT rigalpha.create_first_admin($$x$$),SELECT rigalpha.list_sessions(true)}'::text[]) AS s;
COMMIT;
BEGIN;
SELECT set_config('role', 'rigalpha_' || role, true) FROM rigalpha.begin_session(token('Rita'));
SELECT name, role, machines FROM rigalpha.list_users();
COMMIT;
SELECT current_user;
RESET SESSION AUTHORIZATION;

-- The identity lasts until deferred triggers have run. A parallel worker that is asked by mistake has no answer, instead of a wrong one.
CREATE TABLE noted (who text DEFAULT rigalpha.uid()::text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'at commit: %', (SELECT user_name FROM rigalpha.identity()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON noted DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
BEGIN;
SELECT user_name FROM rigalpha.begin_session(token('Otto'));
INSERT INTO noted DEFAULT VALUES;
COMMIT;
ALTER TABLE noted DISABLE TRIGGER note;
INSERT INTO noted SELECT n FROM generate_series(1, 9999) AS n;
CREATE FUNCTION mislabelled(text) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN RETURN rigalpha.uid()::text = $1; END $$;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
BEGIN;
SELECT user_name FROM rigalpha.begin_session(token('Otto'));
SELECT problem('SELECT count(*) FROM noted WHERE mislabelled(who)');
COMMIT;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET parallel_leader_participation;
DROP TABLE noted;
DROP FUNCTION note, mislabelled;

-- A login of the database that is a user acts as that user, and as nobody once the account is closed; an unmapped one administers if it has the role.
CREATE ROLE rig_test_person LOGIN IN ROLE rigalpha_admin;
SET SESSION AUTHORIZATION rig_test_person;
SELECT * FROM rigalpha.identity();
SELECT count(*) FROM rigalpha.list_users();
SELECT rigalpha.set_db_role('Otto', 'rig_test_person');
SELECT user_name, role, session_id, session, rigalpha.visible_machines(), sqlstate_of('SELECT rigalpha.list_users()') FROM rigalpha.identity();
RESET SESSION AUTHORIZATION;
SELECT problem($$SELECT rigalpha.set_db_role('Rita', 'rig_test_person')$$);
SELECT rigalpha.disable_user('Otto');
SET SESSION AUTHORIZATION rig_test_person;
SELECT rigalpha.uid(), rigalpha.visible_machines(), sqlstate_of('SELECT rigalpha.list_users()') AS users;
RESET SESSION AUTHORIZATION;
DROP ROLE rig_test_person;
DELETE FROM rigalpha.users;
DELETE FROM rigalpha.machines WHERE id > 900000;
DROP FUNCTION token;
