-- Retention and erasure: what may go from the audit log, and that nothing else may; in a database of its own.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SELECT current_database() AS regression \gset
CREATE DATABASE regress_audit_retention TEMPLATE template0;
\c regress_audit_retention
CREATE EXTENSION rigalpha;
SELECT rigalpha.audit_prune(now(), sha256(''));
SELECT rigalpha.setup();
INSERT INTO rigalpha.machines (name) VALUES ('A'), ('B');
SELECT count(rigalpha.audit_note('note ' || i, (ARRAY['A', 'B'])[1 + i % 2])) FROM generate_series(1, 20) AS i;
CREATE TABLE kept AS SELECT clock_timestamp() AS before, 0::bigint AS size, ''::text AS note, ''::bytea AS hash;
CREATE FUNCTION sign() RETURNS bigint LANGUAGE sql AS $$
	SELECT rigalpha.audit_integrate();
	SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\n— key signature\n') FROM rigalpha.audit_checkpoint_proposal(0) p;
	SELECT max(size) FROM rigalpha.audit_checkpoints $$;

-- Only what a checkpoint of this epoch covers.
SELECT count(*) AS without_checkpoint, rigalpha.audit_segment_hash(now()) = sha256(E'chain,seq,epoch,entry_id,payload_hex,prev_hex,leaf_hex,link_hex,idx\n') AS header_alone
	FROM rigalpha.audit_segment(now());
SELECT rigalpha.audit_prune('2001-01-01Z', sha256(''));
SELECT sign() > 20 AS signed;
SELECT count(rigalpha.audit_note('behind the checkpoint')) FROM generate_series(1, 5);
UPDATE kept SET size = (SELECT max(c.size) FROM rigalpha.audit_checkpoints c), note = (SELECT c.note FROM rigalpha.audit_checkpoints c ORDER BY c.size DESC LIMIT 1),
	hash = rigalpha.audit_segment_hash(before);
SELECT count(*) > 20 AS has_entries, count(*) FILTER (WHERE idx >= size) AS not_covered, array_agg(idx ORDER BY ordinality) = array_agg(idx ORDER BY idx) AS in_order
	FROM kept, rigalpha.audit_segment(before) WITH ORDINALITY s;
SELECT count(*) AS older_than_all FROM rigalpha.audit_segment('2001-01-01Z');
-- As COPY writes it.
SELECT hash = sha256(convert_to(E'chain,seq,epoch,entry_id,payload_hex,prev_hex,leaf_hex,link_hex,idx\n' || (SELECT string_agg(concat_ws(',', s.chain, s.seq, s.epoch, s.entry_id,
	s.payload_hex, s.prev_hex, s.leaf_hex, s.link_hex, s.idx) || E'\n', '' ORDER BY idx) FROM rigalpha.audit_segment(before) s), 'UTF8')) AS same FROM kept;

-- Refused: another hash, none, for who is no admin, and what was changed.
DO $$ BEGIN PERFORM rigalpha.audit_prune(before, sha256(hash)) FROM kept; EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N'); END $$;
DO $$ BEGIN PERFORM rigalpha.audit_prune(before, '\x00') FROM kept; EXCEPTION WHEN invalid_parameter_value THEN
	RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N'); END $$;
GRANT SELECT ON kept TO PUBLIC;
SET ROLE rigalpha_operator;
SELECT rigalpha.audit_prune(before, hash) FROM kept;
SELECT rigalpha.audit_redact(1, 'for fun');
RESET ROLE;
CREATE ROLE regress_retention LOGIN;
GRANT EXECUTE ON FUNCTION rigalpha.audit_prune, rigalpha.audit_redact TO regress_retention;
GRANT USAGE ON SCHEMA rigalpha TO regress_retention;
SET SESSION AUTHORIZATION regress_retention;
SELECT rigalpha.audit_prune(before, hash) FROM kept;
SELECT rigalpha.audit_redact(1, 'for fun');
RESET SESSION AUTHORIZATION;
DROP OWNED BY regress_retention;
DROP ROLE regress_retention;
BEGIN;
ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER refuse;
UPDATE rigalpha.audit_entries SET payload = set_byte(payload, 100, get_byte(payload, 100) # 1) WHERE id = 3;
SELECT rigalpha.audit_prune(before, rigalpha.audit_segment_hash(before)) FROM kept;
ROLLBACK;
BEGIN;
ALTER TABLE rigalpha.audit_checkpoints DISABLE TRIGGER refuse;
UPDATE rigalpha.audit_checkpoints SET root = sha256('');
SELECT rigalpha.audit_prune(before, rigalpha.audit_segment_hash(before)) FROM kept;
ROLLBACK;
BEGIN;
UPDATE rigalpha.audit_checkpoints SET epoch = 0;
SELECT count(*) AS of_another_epoch FROM kept, rigalpha.audit_segment(before);
ROLLBACK;

-- Pruned: rolled back nothing is gone; else the links are there and the verification says by what right.
BEGIN;
SELECT rigalpha.audit_prune(before, hash) > 20 AS pruned FROM kept;
ROLLBACK;
SELECT * FROM rigalpha.audit_verify();
SELECT count(*) AS entries, max(id) AS newest FROM rigalpha.audit_entries \gset
SELECT rigalpha.audit_prune(before, hash) = size - (SELECT count(*) FROM rigalpha.audit_links l JOIN rigalpha.audit_tree t USING (chain, seq)
	JOIN rigalpha.audit_entries e ON e.id = l.entry_id, kept WHERE t.idx < size AND e.at >= before) AS pruned FROM kept;
SELECT operation, reason, new ? 'before' AS before, (new ->> 'entries')::bigint = :entries + 1 - (SELECT count(*) FROM rigalpha.audit_entries) AS entries,
	new ->> 'segment_sha256' = encode(hash, 'hex') AS hash, (new ->> 'checkpoint_size')::bigint = size AS size, new ->> 'chain 1' AS chain_1
	FROM rigalpha.audit_log, kept WHERE kind = 'retention';
SELECT problem, chain_number, seq, v.entry_id IS NULL AS of_a_range, expected = format('1-%s', (SELECT count(*) FROM rigalpha.audit_links l
	WHERE l.chain = v.chain_number AND NOT EXISTS (SELECT FROM rigalpha.audit_entries e WHERE e.id = l.entry_id))) AS its_range, found::bigint > :newest AS by_the_entry
	FROM rigalpha.audit_verify(checkpoint => (SELECT note FROM kept)) v ORDER BY 2;
SELECT problem, chain_number, seq, expected FROM rigalpha.audit_verify(1, 3, 5);
SELECT min(entry_id) > 20 AS only_what_is_left FROM rigalpha.audit_log;
SELECT problem, count(*) > 0 AS some FROM rigalpha.audit_reconcile('rigalpha.machines') GROUP BY problem;

-- What is missing without a right is stolen: behind the range, or where the entry is not intact.
CREATE FUNCTION attack(statements text) RETURNS TABLE (problem text, places bigint) LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER refuse;
	ALTER TABLE rigalpha.audit_links DISABLE TRIGGER refuse;
	EXECUTE statements;
	RETURN QUERY SELECT v.problem, count(*) FROM rigalpha.audit_verify() v GROUP BY v.problem ORDER BY 1;
END $$;
BEGIN; SELECT * FROM attack($$DELETE FROM rigalpha.audit_entries e WHERE id = (SELECT min(l.entry_id) FROM rigalpha.audit_log l WHERE l.reason = 'behind the checkpoint')$$); ROLLBACK;
BEGIN; SELECT problem, places > 20 AS many FROM attack($$UPDATE rigalpha.audit_entries SET payload = convert_to(replace(encode(payload, 'escape'), '1-', '1+'), 'UTF8') WHERE kind = 13$$); ROLLBACK;
BEGIN; SELECT problem, places > 20 AS many FROM attack('DELETE FROM rigalpha.audit_entries WHERE kind = 13'); ROLLBACK;
DELETE FROM rigalpha.audit_entries;
UPDATE rigalpha.audit_entries SET payload = '';
TRUNCATE rigalpha.audit_entries;

-- Erased: the entry is empty, and named by the one that says why.
SELECT rigalpha.audit_note('Ann Example fell ill', 'A');
SELECT max(entry_id) AS personal FROM rigalpha.audit_log WHERE reason ~ 'Ann Example' \gset
SELECT rigalpha.audit_redact(:personal, '');
SELECT rigalpha.audit_redact(-1, 'request 7');
SELECT rigalpha.audit_redact(:personal, 'request 7');
DO $$ BEGIN PERFORM rigalpha.audit_redact((SELECT max(entry_id) FROM rigalpha.audit_log WHERE operation = 'redact'), 'cover up');
	EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N'); END $$;
DO $$ BEGIN PERFORM rigalpha.audit_redact((SELECT max(id) FROM rigalpha.audit_entries WHERE payload = ''), 'again');
	EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N'); END $$;
BEGIN;
SELECT rigalpha.audit_note('of this transaction');
DO $$ BEGIN PERFORM rigalpha.audit_redact((SELECT max(id) FROM rigalpha.audit_entries), 'too early');
	EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N'); END $$;
ROLLBACK;
SELECT count(*) AS in_clear FROM rigalpha.audit_entries WHERE position('Ann Example'::bytea IN payload) > 0;
SELECT operation, reason, new ->> 'entry' = :'personal' AS names_it, new ->> 'chain 1' = format('%1$s-%1$s', (SELECT seq FROM rigalpha.audit_links WHERE entry_id = :personal)) AS place
	FROM rigalpha.audit_log WHERE operation = 'redact';
SELECT kind, reason, new FROM rigalpha.audit_log WHERE entry_id = :personal;
SELECT problem, chain_number, seq = (SELECT seq FROM rigalpha.audit_links WHERE entry_id = :personal) AS its_place, expected = format('%1$s-%1$s', seq) AS alone,
	found = (SELECT max(entry_id)::text FROM rigalpha.audit_log WHERE operation = 'redact') AS by_the_entry FROM rigalpha.audit_verify() WHERE problem <> 'PRUNED';
BEGIN; SELECT * FROM attack($$UPDATE rigalpha.audit_entries SET payload = '' WHERE id = (SELECT max(entry_id) FROM rigalpha.audit_log WHERE kind = 'note')$$); ROLLBACK;

-- Once more, with what was erased among it; the entries of the retention stay.
SELECT sign() > 20 AS signed;
SELECT count(*) > 0 AS has_entries, count(*) FILTER (WHERE payload_hex = '') AS empty, count(*) FILTER (WHERE payload_hex IS NULL) AS missing FROM rigalpha.audit_segment(now());
SELECT rigalpha.audit_prune(now(), rigalpha.audit_segment_hash(now())) > 5 AS pruned;
SELECT problem, count(DISTINCT found) AS by, count(DISTINCT chain_number) AS chains FROM rigalpha.audit_verify() GROUP BY problem;
SELECT count(*) FROM rigalpha.audit_entries WHERE kind = 13;
SELECT count(*) AS of_nothing FROM rigalpha.audit_segment('infinity') WHERE entry_id IN (SELECT id FROM rigalpha.audit_entries WHERE kind = 13);
\c :regression
DROP DATABASE regress_audit_retention;
