-- The audit log: what makes entries, that they are linked when they are committed, and what the
-- verification says of each attack on the log.
-- In a database of its own, whose chains nothing else adds to.
\set VERBOSITY terse
SELECT current_database() AS regression \gset
CREATE DATABASE regress_audit TEMPLATE template0;
\c regress_audit
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
SELECT kind, operation, reason FROM rigalpha.audit_log WHERE kind = 'epoch';

-- Who, what, before and after.
INSERT INTO rigalpha.machines (name) VALUES ('A');
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
UPDATE rigalpha.machines SET label = 'Rig "A"' WHERE name = 'A';
RESET timezone;
RESET datestyle;
SELECT kind, relation, session_user_name = session_user AS by_me, key, old ->> 'label' AS before, new ->> 'label' AS after,
	old ->> 'created_at' = new ->> 'created_at' AND new ->> 'created_at' ~ '^\d{4}-\d\d-\d\d .*\+00$' AS same_text
FROM rigalpha.audit_log WHERE kind = 'update' AND relation = 'machines';
SELECT chain, count(*), min(seq), max(seq), bool_and(chain = 0) FROM rigalpha.audit_links GROUP BY chain;

-- A transaction that fails leaves nothing, a savepoint that is rolled back neither, and no gap.
BEGIN;
UPDATE rigalpha.machines SET label = 'lost' WHERE name = 'A';
ROLLBACK;
BEGIN;
SAVEPOINT one;
UPDATE rigalpha.machines SET label = 'lost' WHERE name = 'A';
ROLLBACK TO one;
UPDATE rigalpha.machines SET label = 'kept' WHERE name = 'A';
SELECT count(*) FROM rigalpha.audit_log WHERE new ->> 'label' = 'kept';
COMMIT;
SELECT old ->> 'label' AS before, new ->> 'label' AS after FROM rigalpha.audit_log WHERE kind = 'update' ORDER BY seq;

-- A table of the user, on the chains of its machines, with a secret.
CREATE TABLE orders (id integer PRIMARY KEY, machine_id integer, secret text, remark text);
SELECT rigalpha.audit_enable('orders', 'machine', ARRAY['secret']::name[]);
SELECT rigalpha.audit_enable('orders', 'machine_id', ARRAY['secret']::name[]);
INSERT INTO orders SELECT 1, m.id, 'hunter2', 'first' FROM rigalpha.machines m;
INSERT INTO orders VALUES (2, NULL, 'hunter2', NULL);
TRUNCATE orders;
SELECT l.chain > 0 AS of_machine, c.label, l.machine, l.kind, l.reason, l.new
FROM rigalpha.audit_log l JOIN rigalpha.audit_chains c USING (chain) WHERE l.relation = 'orders' ORDER BY l.entry_id;
SELECT count(*) AS in_clear FROM rigalpha.audit_entries WHERE position('hunter2'::bytea IN payload) > 0;
SELECT operation, reason FROM rigalpha.audit_log WHERE kind = 'ddl' AND reason ~ 'orders' AND operation = 'CREATE TABLE';

-- Notes, incidents.
SELECT rigalpha.audit_note('mud changed', 'A'), rigalpha.audit_note('reviewed');
INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts) SELECT id, 'silent', '2026-01-01Z', '2026-01-01Z' FROM rigalpha.machines;
UPDATE rigalpha.incidents SET peak_risk = 0.9;
UPDATE rigalpha.incidents SET ended = '2026-01-02Z';
SELECT machine, kind, relation, reason, new ->> 'ended' AS ended FROM rigalpha.audit_log WHERE kind = 'note' OR relation = 'incidents' ORDER BY entry_id;

-- Accounts: what changes is noted, secrets are not, and what only counts logins is neither.
SELECT rigalpha.create_first_admin('$argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0c2FsdA$bm90LWEtcmVhbC1oYXNo', 'root') AS id;
SELECT rigalpha.login_failed('nobody', '10.0.0.1'), rigalpha.login_failed('ROOT', '10.0.0.2');
SELECT rigalpha.login_succeeded(1, '$argon2id$v=19$m=19456,t=2,p=1$c2VjcmV0c2FsdA$bm90LWEtcmVhbC1oYXNo', '10.0.0.3') AS is_let_in;
SELECT rigalpha.create_session(1, repeat('t', 43), '10.0.0.3') AS session;
UPDATE rigalpha.users SET must_change_password = false;
BEGIN;
SELECT user_name, role FROM rigalpha.begin_session(repeat('t', 43));
SELECT rigalpha.create_user('ann', 'operator', machines => ARRAY['A']) AS id;
COMMIT;
SELECT rigalpha.end_session(repeat('t', 43)) AS ended;
SELECT app_user, app_session IS NOT NULL AS by_session, client_address IS DISTINCT FROM host(inet_client_addr()) AS from_elsewhere, kind, relation, operation,
	coalesce(new ->> 'user', new ->> 'name') AS name, new ->> 'address' AS address, new -> 'password_hash' AS password, new -> 'token_hash' AS token
FROM rigalpha.audit_log WHERE kind = 'login' OR relation IN ('users', 'sessions', 'user_machines') ORDER BY entry_id;
SELECT count(*) AS in_clear FROM rigalpha.audit_entries WHERE position('argon2id'::bytea IN payload) > 0;

-- The log is only added to, by nobody but its triggers, and not by two-phase commit.
DELETE FROM rigalpha.audit_entries;
UPDATE rigalpha.audit_links SET seq = seq + 1;
TRUNCATE rigalpha.audit_chains;
BEGIN;
UPDATE rigalpha.machines SET label = 'two phases' WHERE name = 'A';
PREPARE TRANSACTION 'two';
SELECT label FROM rigalpha.machines;

-- Whole; also in one chain.
SELECT * FROM rigalpha.audit_verify();
SELECT * FROM rigalpha.audit_verify(0);
SET session_replication_role = replica;
UPDATE rigalpha.machines SET label = 'as a replica' WHERE name = 'A';
RESET session_replication_role;
SELECT new ->> 'label' AS label FROM rigalpha.audit_log ORDER BY entry_id DESC LIMIT 1;

-- Attacks. Each is taken back by itself.
CREATE FUNCTION attack(statements text) RETURNS TABLE (problem text, chain integer, seq bigint)
LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER refuse;
	ALTER TABLE rigalpha.audit_links DISABLE TRIGGER refuse;
	ALTER TABLE rigalpha.audit_chains DISABLE TRIGGER refuse;
	EXECUTE statements;
	RETURN QUERY SELECT v.problem, v.chain_number, v.seq FROM rigalpha.audit_verify() v;
END
$$;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_entries SET payload = set_byte(payload, 100, get_byte(payload, 100) # 1)
	WHERE id = (SELECT entry_id FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2)$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_entries SET payload = payload || '\x00', leaf = sha256('\x00' || payload || '\x00')
	WHERE id = (SELECT entry_id FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2)$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_entries SET chain = 7
	WHERE id = (SELECT entry_id FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2)$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$DELETE FROM rigalpha.audit_entries
	WHERE id = (SELECT entry_id FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2)$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$DELETE FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$DELETE FROM rigalpha.audit_links WHERE chain = 0 AND seq = 2;
	UPDATE rigalpha.audit_links SET seq = 2 WHERE chain = 0 AND seq = 3$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_links SET link = prev WHERE chain = 0 AND seq = 2$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_links l SET entry_id = -l.entry_id WHERE chain = 0 AND seq IN (2, 3);
	UPDATE rigalpha.audit_links l SET entry_id = -o.entry_id, leaf = o.leaf FROM rigalpha.audit_links o
	WHERE l.chain = 0 AND o.chain = 0 AND l.seq IN (2, 3) AND o.seq = 5 - l.seq$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_chains SET label = 'other' WHERE chain = 0$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_links SET epoch = 0 WHERE chain = 0 AND seq = 2$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$ALTER TABLE rigalpha.audit_links DROP CONSTRAINT audit_links_pkey;
	UPDATE rigalpha.audit_links SET seq = 1 WHERE chain = 0 AND seq = 2$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$INSERT INTO rigalpha.audit_entries (epoch, chain, xact, kind, at, payload, leaf)
	SELECT epoch, chain, xact, kind, at, payload, leaf FROM rigalpha.audit_entries ORDER BY id LIMIT 1$$); ROLLBACK;
SELECT * FROM rigalpha.audit_verify();

-- Rows that are edited while the triggers are off leave the log whole, and differ from it.
INSERT INTO orders VALUES (1, 1, 'hunter2', 'one'), (2, 1, 'hunter2', 'two'), (3, 1, NULL, 'three'), (5, 1, NULL, 'five');
UPDATE orders SET id = 6 WHERE id = 5;
SELECT * FROM rigalpha.audit_reconcile('orders');
BEGIN;
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET remark = 'edited', secret = 'changed' WHERE id = 1;
DELETE FROM orders WHERE id = 2;
UPDATE orders SET id = 4 WHERE id = 3;
ALTER TABLE orders ENABLE ALWAYS TRIGGER rigalpha_audit;
SELECT problem, key, logged ->> 'remark' AS logged, live ->> 'remark' AS live FROM rigalpha.audit_reconcile('orders');
SELECT * FROM rigalpha.audit_verify();
ROLLBACK;
-- What the audit leaves alone may differ from the last image.
CREATE TABLE counters (id integer PRIMARY KEY, name text, uses integer);
INSERT INTO counters VALUES (1, 'one', 0);
SELECT rigalpha.audit_enable('counters', ignored => '{uses}');
SELECT kind, operation, key, new FROM rigalpha.audit_log WHERE relation = 'counters' AND kind <> 'ddl';
UPDATE counters SET uses = 1;
SELECT * FROM rigalpha.audit_reconcile('counters');
DROP TABLE counters;
SELECT t.relation, r.problem FROM unnest('{machines,thresholds,users,user_machines,node}'::text[]) AS t (relation),
	rigalpha.audit_reconcile(('rigalpha.' || t.relation)::regclass) AS r;
CREATE TABLE keyless (a integer);
SELECT rigalpha.audit_reconcile('keyless');

-- Who may what.
SELECT rigalpha.create_user('regress', 'admin', db_role => session_user, must_change_password => false) > 0 AS login_is_a_user;
SET ROLE rigalpha_operator;
SELECT rigalpha.audit_note('by an operator');
SELECT * FROM rigalpha.audit_log;
SELECT * FROM rigalpha.audit_verify();
SELECT rigalpha.audit_event('login', 'forged', 'login');
SET ROLE rigalpha_admin;
UPDATE rigalpha.machines SET label = 'by an admin' WHERE name = 'A';
SELECT current_user_name, old ->> 'label' AS before, new ->> 'label' AS after FROM rigalpha.audit_log ORDER BY entry_id DESC LIMIT 1;
SELECT count(*) FROM rigalpha.audit_verify();
INSERT INTO rigalpha.audit_links SELECT * FROM rigalpha.audit_links LIMIT 1;
RESET ROLE;
DELETE FROM rigalpha.users WHERE name = 'regress';

-- A copy of the data is inert until it is adopted, and then begins another epoch.
UPDATE rigalpha.node SET system_identifier = 1;
UPDATE rigalpha.machines SET label = 'not noted' WHERE name = 'A';
SELECT rigalpha.adopt();
UPDATE rigalpha.machines SET label = 'noted' WHERE name = 'A';
SELECT epoch, count(*) FILTER (WHERE chain = 0) > 0 AS has_links FROM rigalpha.audit_links GROUP BY epoch ORDER BY epoch;
SELECT operation, reason FROM rigalpha.audit_log WHERE kind = 'epoch' ORDER BY entry_id;
SELECT * FROM rigalpha.audit_verify();
DROP TABLE orders;
DROP EXTENSION rigalpha;
\c :regression
DROP DATABASE regress_audit;
