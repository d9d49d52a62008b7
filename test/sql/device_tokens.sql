-- Tokens of devices: for one machine, shown once, exchanged without a gap.
\set SHOW_CONTEXT never
INSERT INTO rigalpha.machines (id, name) VALUES (900001, 'TOK1'), (900002, 'TOK2');
CREATE TABLE made (n integer PRIMARY KEY, token text);
INSERT INTO made VALUES (1, rigalpha.issue_token('TOK1', 'gateway'));
SELECT token ~ '^rig_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$' AS shape FROM made;
CREATE FUNCTION id_of(n integer) RETURNS text LANGUAGE sql AS $$ SELECT substr(token, 5, 8) FROM made m WHERE m.n = id_of.n $$;
CREATE FUNCTION check_made(n integer, address inet DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', c.verdict, c.machine_id, c.machine, c.readings_per_minute) FROM made m, rigalpha.check_token(substr(m.token, 5, 8), substr(m.token, 14), address) c WHERE m.n = check_made.n $$;
SELECT machine, name, network, readings_per_minute, created_by, expires_at - created_at BETWEEN '365 days' AND '366 days' AS a_year, last_used_at, revoked_at, live FROM rigalpha.list_tokens();
SELECT check_made(1);
-- Of the secret there is only the hash.
SELECT secret_hash = sha256(substr(token, 14)::bytea) AS hashed, strpos(t::text, substr(token, 14)) AS found FROM rigalpha.api_tokens t, made;
-- A wrong one is told from no other wrong one; nulls do no harm.
SELECT * FROM rigalpha.check_token(id_of(1), 'wrong');
SELECT * FROM rigalpha.check_token('00000000', (SELECT substr(token, 14) FROM made WHERE n = 1));
SELECT * FROM rigalpha.check_token(NULL, NULL);
SELECT * FROM rigalpha.check_token(id_of(1), NULL);
-- Two live at a time of a machine and name; others have their own.
INSERT INTO made VALUES (2, rigalpha.issue_token('TOK1', 'gateway'));
SELECT problem($$SELECT rigalpha.issue_token('TOK1', 'gateway')$$);
INSERT INTO made VALUES (3, rigalpha.issue_token('TOK1', 'spare', network => '192.0.2.0/24', readings_per_minute => 600)), (4, rigalpha.issue_token('TOK2', 'gateway', '1 h'));
SELECT n, check_made(n) FROM generate_series(1, 4) AS n;
SELECT check_made(3, '192.0.2.200'), check_made(3, '192.0.3.1'), check_made(3, '2001:db8::1'), check_made(1, '2001:db8::1');
SELECT rigalpha.revoke_token(id_of(1)), rigalpha.revoke_token(id_of(1)) AS again, rigalpha.revoke_token('none') AS none;
SELECT check_made(1), check_made(2);
INSERT INTO made VALUES (5, rigalpha.issue_token('TOK1', 'gateway'));
UPDATE rigalpha.api_tokens SET expires_at = clock_timestamp() WHERE id = id_of(5);
SELECT check_made(5);
INSERT INTO made VALUES (6, rigalpha.issue_token('TOK1', 'gateway'));
SELECT n, check_made(n) FROM made ORDER BY n;
-- Use is noted once a minute, and not by a transaction that may only read.
UPDATE rigalpha.api_tokens SET last_used_at = NULL WHERE id = id_of(2);
BEGIN READ ONLY;
SELECT check_made(2);
COMMIT;
SELECT last_used_at FROM rigalpha.api_tokens WHERE id = id_of(2);
SELECT check_made(2);
SELECT clock_timestamp() - last_used_at < '30 s' AS noted FROM rigalpha.api_tokens WHERE id = id_of(2);
UPDATE rigalpha.api_tokens SET last_used_at = clock_timestamp() - interval '50 s' WHERE id = id_of(2);
SELECT check_made(2);
SELECT clock_timestamp() - last_used_at > '49 s' AS left_alone FROM rigalpha.api_tokens WHERE id = id_of(2);
SELECT problem($$SELECT rigalpha.issue_token('NONE', 'x')$$);
SELECT problem($$SELECT rigalpha.issue_token('TOK2', '')$$), problem($$SELECT rigalpha.issue_token('TOK2', NULL)$$);
SELECT problem($$SELECT rigalpha.issue_token('TOK2', 'x', '0')$$), problem($$SELECT rigalpha.issue_token('TOK2', 'x', NULL)$$);
SELECT problem($$SELECT rigalpha.issue_token('TOK2', 'x', readings_per_minute => 0)$$);
-- Ingest may ask; nobody else may, but the sidecar.
GRANT SELECT ON made TO PUBLIC;
SET ROLE rigalpha_ingest;
SELECT check_made(2), sqlstate_of('SELECT rigalpha.list_tokens()'), sqlstate_of('TABLE rigalpha.api_tokens');
SET ROLE rigalpha_operator;
SELECT sqlstate_of('SELECT rigalpha.check_token($$x$$, $$x$$)'), sqlstate_of('SELECT rigalpha.issue_token($$TOK1$$, $$x$$)');
RESET ROLE;
-- A machine that goes takes its tokens along.
DELETE FROM rigalpha.machines WHERE id > 900000;
SELECT n, check_made(n) FROM made ORDER BY n LIMIT 2;
SELECT problem('SELECT rigalpha.random_bytes(0)'), octet_length(rigalpha.random_bytes(1024)), rigalpha.random_bytes(8) <> rigalpha.random_bytes(8) AS differ;
DROP FUNCTION id_of, check_made;
DROP TABLE made;
