-- The tree over the links, its proofs and checkpoints, and what guards the log; in a database of its own.
\set VERBOSITY terse
SELECT current_database() AS regression \gset
CREATE DATABASE regress_audit_tree TEMPLATE template0;
\c regress_audit_tree
CREATE EXTENSION rigalpha;
SELECT size, root = sha256('') AS of_nothing, epoch, signed_size FROM rigalpha.audit_head();
SELECT rigalpha.audit_integrate() AS not_set_up;
SELECT rigalpha.setup();
SELECT rigalpha.audit_integrate() = count(*) AS all_taken_in FROM rigalpha.audit_links;
SELECT rigalpha.audit_integrate() AS nothing_new;
INSERT INTO rigalpha.machines (name) VALUES ('A'), ('B');
SELECT count(rigalpha.audit_note('note ' || i, (ARRAY['A', 'B'])[1 + i % 2])) FROM generate_series(1, 50) AS i;
SELECT rigalpha.audit_integrate(7), rigalpha.audit_integrate(0);
SELECT rigalpha.audit_integrate() > 0;
SELECT count(*) AS out_of_order FROM (SELECT seq - lag(seq) OVER (PARTITION BY chain ORDER BY idx) AS step FROM rigalpha.audit_tree) s WHERE step <> 1;

-- The root as RFC 6962 defines it, and every proof against it.
CREATE FUNCTION tree_hash(hashes bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	n integer := cardinality(hashes);
	k integer := 1;
BEGIN
	IF n = 1 THEN RETURN hashes[1]; END IF;
	WHILE k * 2 < n LOOP k := k * 2; END LOOP;
	RETURN sha256('\x01' || tree_hash(hashes[1:k]) || tree_hash(hashes[k + 1:n]));
END $$;
CREATE VIEW leaves AS SELECT t.idx, sha256('\x00' || l.link) AS hash FROM rigalpha.audit_tree t JOIN rigalpha.audit_links l ON l.chain = t.chain AND l.seq = t.seq;
SELECT n FROM generate_series(1, 100) AS n WHERE rigalpha.audit_root(n) <> tree_hash(ARRAY(SELECT hash FROM leaves WHERE idx < n ORDER BY idx));
CREATE FUNCTION root_of(leaf bytea, index bigint, size bigint, path bytea[]) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	fn bigint := index;
	sn bigint := size - 1;
	r bytea := leaf;
	p bytea;
BEGIN
	FOREACH p IN ARRAY path LOOP
		IF fn % 2 = 1 OR fn = sn THEN
			r := sha256('\x01' || p || r);
			WHILE fn % 2 = 0 AND fn <> 0 LOOP fn := fn / 2; sn := sn / 2; END LOOP;
		ELSE
			r := sha256('\x01' || r || p);
		END IF;
		fn := fn / 2; sn := sn / 2;
	END LOOP;
	RETURN r;
END $$;
SELECT count(*) AS wrong FROM rigalpha.audit_links l, unnest('{100,64,37}'::bigint[]) AS n (size), rigalpha.audit_prove(l.entry_id, n.size) p
	WHERE p.leaf <> l.leaf OR p.root <> rigalpha.audit_root(n.size) OR root_of(sha256('\x00' || p.link), p.idx, p.size, p.path) <> p.root;
SELECT count(*) AS proved FROM rigalpha.audit_links l, rigalpha.audit_prove(l.entry_id, 37) p;
SELECT count(*) AS of_no_entry FROM rigalpha.audit_prove(-1);
SELECT rigalpha.audit_consistency(64, 100)[1] = sha256('') AS another, cardinality(rigalpha.audit_consistency(0, 100)) AS from_nothing, cardinality(rigalpha.audit_consistency(100, 100)) AS same;
SELECT rigalpha.audit_consistency(3, 100000);
SELECT rigalpha.audit_root(-1);
SELECT rigalpha.audit_inclusion(100, 100);

-- What is signed, and what is stored of it.
SELECT regexp_replace(regexp_replace(text, '[0-9a-f]{8}-[-0-9a-f]{27}|[A-Za-z0-9+/]{43}=', '…', 'g'), 'time \d+', 'time …') AS text, size = s.links AS of_all, root = rigalpha.audit_root(size) AS its_root
	FROM (SELECT count(*) AS links FROM rigalpha.audit_links) s, rigalpha.audit_checkpoint_proposal(0);
SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\n— key signature\n') FROM rigalpha.audit_checkpoint_proposal(0) p;
SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\n— key another\n') FROM rigalpha.audit_checkpoint_proposal(0) p;
SELECT count(*), bool_and(note ~ 'another') AS the_last, bool_and(c.size = h.signed_size) AS is_head FROM rigalpha.audit_checkpoints c, rigalpha.audit_head() h;
SELECT rigalpha.audit_store_checkpoint(p.size - 1, p.text) FROM rigalpha.audit_checkpoint_proposal(0) p;
SELECT rigalpha.audit_store_checkpoint(p.size, replace(p.text, encode(p.root, 'base64'), encode(sha256('x'), 'base64'))) FROM rigalpha.audit_checkpoint_proposal(0) p;
SELECT rigalpha.audit_store_checkpoint(p.size, 'rigalpha/x') FROM rigalpha.audit_checkpoint_proposal(0) p;
SELECT rigalpha.audit_store_checkpoint(NULL, NULL);

-- Verified against a checkpoint, and in parts.
CREATE TABLE kept AS SELECT note FROM rigalpha.audit_checkpoints;
SELECT count(rigalpha.audit_note('later')) FROM generate_series(1, 5);
SELECT rigalpha.audit_integrate();
SELECT * FROM rigalpha.audit_verify(checkpoint => (SELECT note FROM kept));
SELECT * FROM rigalpha.audit_verify(0, 10, 20);
SELECT * FROM rigalpha.audit_verify(0, 1000000);
SELECT * FROM rigalpha.audit_verify(checkpoint => 'no note');
SELECT * FROM rigalpha.audit_verify(checkpoint => E'rigalpha/x\n1\nxx\n');
SELECT problem, found LIKE 'rigalpha/f%' AS found FROM rigalpha.audit_verify(checkpoint => replace((SELECT note FROM kept), 'rigalpha/', 'rigalpha/f'));

-- Attacks that leave every hash of the log right.
CREATE FUNCTION attack(statements text) RETURNS TABLE (without text, with_checkpoint text, as_the_page_says text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER TABLE rigalpha.audit_links DISABLE TRIGGER USER; ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER USER;
		ALTER TABLE rigalpha.audit_tree DISABLE TRIGGER USER; ALTER TABLE rigalpha.audit_nodes DISABLE TRIGGER USER;' || statements;
	RETURN QUERY SELECT (SELECT string_agg(DISTINCT v.problem, ' ') FROM rigalpha.audit_verify() v),
		(SELECT string_agg(DISTINCT v.problem, ' ') FROM rigalpha.audit_verify(checkpoint => (SELECT note FROM kept)) v),
		(SELECT string_agg(DISTINCT p ->> 'problem', ' ') FROM json_array_elements(rigalpha_api.audit_verification() -> 'problems') p);
END $$;
-- The end cut off, with and without the tree that stood over it.
BEGIN; SELECT * FROM attack($$CREATE TABLE cut AS SELECT chain, seq, entry_id FROM rigalpha.audit_links WHERE chain > 0 AND seq > 10;
	DELETE FROM rigalpha.audit_entries WHERE id IN (SELECT entry_id FROM cut); DELETE FROM rigalpha.audit_links l USING cut c WHERE l.chain = c.chain AND l.seq = c.seq;
	DELETE FROM rigalpha.audit_tree; DELETE FROM rigalpha.audit_nodes; SELECT rigalpha.audit_integrate()$$); ROLLBACK;
BEGIN; SELECT * FROM attack($$CREATE TABLE cut AS SELECT chain, seq, entry_id FROM rigalpha.audit_links WHERE chain > 0 AND seq > 10;
	DELETE FROM rigalpha.audit_entries WHERE id IN (SELECT entry_id FROM cut); DELETE FROM rigalpha.audit_links l USING cut c WHERE l.chain = c.chain AND l.seq = c.seq$$); ROLLBACK;
-- An entry edited, and every hash after it computed again.
CREATE FUNCTION forge(number integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	l record;
	before bytea;
BEGIN
	UPDATE rigalpha.audit_entries e SET payload = replace(encode(payload, 'escape'), 'note 5', 'note x')::bytea WHERE id = (SELECT entry_id FROM rigalpha.audit_links WHERE chain = number AND seq = 3);
	UPDATE rigalpha.audit_entries e SET leaf = sha256('\x00' || payload) WHERE chain = number;
	FOR l IN SELECT k.*, e.leaf AS new_leaf FROM rigalpha.audit_links k JOIN rigalpha.audit_entries e ON e.id = k.entry_id WHERE k.chain = number ORDER BY seq LOOP
		before := coalesce(before, l.prev);
		UPDATE rigalpha.audit_links SET prev = before, leaf = l.new_leaf, link = sha256('\x02' || (SELECT uuid_send(log_id) FROM rigalpha.node) || int4send(l.epoch) || int4send(l.chain) || int8send(l.seq) || before || l.new_leaf)
			WHERE chain = number AND seq = l.seq RETURNING link INTO before;
	END LOOP;
END $$;
BEGIN; SELECT * FROM attack($$SELECT forge(id) FROM rigalpha.machines WHERE name = 'B'$$);
	SELECT count(*) AS forged FROM rigalpha.audit_log WHERE reason = 'note x'; ROLLBACK;
-- Leaves of the tree exchanged, or without a link.
BEGIN; SELECT * FROM attack('UPDATE rigalpha.audit_tree SET idx = 1000000 + idx WHERE idx IN (3, 4); UPDATE rigalpha.audit_tree SET idx = 1000007 - idx WHERE idx > 999999'); ROLLBACK;
BEGIN; SELECT * FROM attack('DELETE FROM rigalpha.audit_tree WHERE idx = 5'); ROLLBACK;
SELECT * FROM rigalpha.audit_verify(checkpoint => (SELECT note FROM kept));

-- The guard: what is switched off and on again shows, in no matter which catalog.
SELECT rigalpha.audit_check_guard() AS parts, rigalpha.audit_check_guard() AS again;
CREATE FUNCTION guard(statements text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	newest bigint := (SELECT max(id) FROM rigalpha.audit_entries);
BEGIN
	EXECUTE statements;
	PERFORM rigalpha.audit_check_guard();
	RETURN (SELECT string_agg(d.operation || ' ' || d.reason, ', ' ORDER BY e.id) FROM rigalpha.audit_entries e, rigalpha.audit_decode(e.payload) d WHERE e.id > newest AND d.kind = 'guard');
END $$;
SELECT guard('ALTER TABLE rigalpha.thresholds DISABLE TRIGGER rigalpha_audit');
SELECT guard('ALTER TABLE rigalpha.thresholds ENABLE ALWAYS TRIGGER rigalpha_audit');
SELECT guard('ALTER TABLE rigalpha.users DISABLE TRIGGER rigalpha_audit; ALTER TABLE rigalpha.users ENABLE ALWAYS TRIGGER rigalpha_audit');
SELECT guard($$UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname = 'rigalpha_audit' AND tgrelid = 'rigalpha.users'::regclass$$);
SELECT guard($$UPDATE pg_trigger SET tgenabled = 'A' WHERE tgname = 'rigalpha_audit' AND tgrelid = 'rigalpha.users'::regclass$$);
SELECT guard('ALTER EVENT TRIGGER rigalpha_audit_ddl DISABLE');
SELECT guard('ALTER EVENT TRIGGER rigalpha_audit_ddl ENABLE ALWAYS');
SELECT guard($$CREATE OR REPLACE FUNCTION rigalpha.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'$$);
SELECT guard('GRANT SELECT ON rigalpha.users TO PUBLIC');
SELECT guard('CREATE ROLE regress_guard');
SELECT guard('DROP ROLE regress_guard');
SELECT guard('CREATE TABLE of_a_user (id integer)');
SELECT * FROM rigalpha.audit_verify();
\c :regression
DROP DATABASE regress_audit_tree;
