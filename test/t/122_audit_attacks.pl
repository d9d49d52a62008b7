# Attacks on the audit log by a superuser, each with the code that names it: in the database, with and without a checkpoint
# that was kept elsewhere, and in the export, by the portable verifier. Bits flipped in a file without checksums are in 120_audit.pl.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $LOG_TABLES = join ' ', map { "ALTER TABLE rigalpha.audit_$_ DISABLE TRIGGER refuse;" } qw(chains entries links tree nodes checkpoints);
my $FOLDER = PostgreSQL::Test::Utils::tempdir();

sub create_cluster
{
	my ($name, @options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8', @options ]);
	$node->append_conf('postgresql.conf', "fsync = off\ntimezone = UTC\n");
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
	$node->safe_psql($DATABASE, <<'END');
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
INSERT INTO rigalpha.machines (name) VALUES ('A');
CREATE TABLE work (id integer PRIMARY KEY, number integer NOT NULL DEFAULT 0);
INSERT INTO work SELECT generate_series(1, 3);
SELECT rigalpha.audit_enable('work');
END
	$node->safe_psql($DATABASE, "SELECT rigalpha.audit_note('note $_', 'A')") for 1 .. 12;
	return $node;
}

# What a signer keeps elsewhere, without the signature, which test/tools/test_verify.py is about.
sub checkpoint
{
	my ($node, $file) = @_;
	$node->safe_psql($DATABASE, 'SELECT rigalpha.audit_check_guard(); SELECT rigalpha.audit_integrate()');
	my $note = $node->safe_psql($DATABASE, 'SELECT text FROM rigalpha.audit_checkpoint_proposal(0)');
	$note .= "\n\n— rigalpha/test AAAA\n";
	append_to_file("$FOLDER/$file", $note);
	return $note;
}

sub codes
{
	my ($checkpoint) = @_;
	my $argument = defined $checkpoint ? "checkpoint => \$note\$$checkpoint\$note\$" : '';
	return "SELECT 'found ' || coalesce((SELECT string_agg(DISTINCT problem, ' ' ORDER BY problem) FROM rigalpha.audit_verify($argument)), '');";
}

# Codes that the portable verifier finds in the export named so.
sub portable
{
	my ($name, $log_id, $checkpoint_file) = @_;
	my ($output, $errors) = ('', '');
	my @verify = ('/usr/bin/python3', 'tools/rigalpha-verify.py', '--log-id', $log_id, '--labels', "$FOLDER/$name.labels", "$FOLDER/$name.csv");
	push @verify, '--checkpoint', "$FOLDER/$checkpoint_file" if $checkpoint_file;
	IPC::Run::run(\@verify, '>', \$output, '2>', \$errors);
	is($errors, '', "$name: the export can be used");
	my %codes = map { $_ => 1 } $output =~ /^([A-Z_]+) /mg;
	return join ' ', sort keys %codes;
}

sub export
{
	my ($name) = @_;
	return "COPY (SELECT * FROM rigalpha.audit_export) TO '$FOLDER/$name.csv' WITH (FORMAT csv, HEADER);"
		. "COPY rigalpha.audit_chains TO '$FOLDER/$name.labels' WITH (FORMAT csv, HEADER);";
}

my $node   = create_cluster('attacked');
my $log_id = $node->safe_psql($DATABASE, 'SELECT log_id FROM rigalpha.node');
my $chain  = $node->safe_psql($DATABASE, 'SELECT id FROM rigalpha.machines');
my $note   = checkpoint($node, 'note');

# The attack, taken back: codes without a checkpoint, and with one; the export has the same unless told otherwise.
sub attack
{
	my ($name, $statements, $without, $with, $exported) = @_;
	my $output = $node->safe_psql($DATABASE, "BEGIN; $LOG_TABLES $statements; " . codes() . codes($note) . export('attack') . 'ROLLBACK');
	my ($plain, $checked) = $output =~ /^found ?(.*)$/mg;

	is($plain, $without, "$name: " . ($without || 'not found without a checkpoint'));
	is($checked, $with, "$name, with a checkpoint: " . ($with || 'neither'));
	is(portable('attack', $log_id, 'note'), $exported // $with, "$name, in the export");
	return;
}

# For attacks that make every hash anew.
$node->safe_psql($DATABASE, <<'END');
CREATE FUNCTION make_anew(number integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	l record;
	before bytea;
BEGIN
	UPDATE rigalpha.audit_entries SET leaf = sha256('\x00' || payload) WHERE chain = number;
	FOR l IN SELECT k.*, e.leaf AS new_leaf FROM rigalpha.audit_links k JOIN rigalpha.audit_entries e ON e.id = k.entry_id WHERE k.chain = number ORDER BY k.seq LOOP
		before := coalesce(before, l.prev);
		UPDATE rigalpha.audit_links SET prev = before, leaf = l.new_leaf, link = sha256('\x02' || (SELECT uuid_send(log_id) FROM rigalpha.node)
			|| int4send(l.epoch) || int4send(l.chain) || int8send(l.seq) || before || l.new_leaf)
			WHERE chain = number AND seq = l.seq RETURNING link INTO before;
	END LOOP;
	DELETE FROM rigalpha.audit_tree;
	DELETE FROM rigalpha.audit_nodes;
	PERFORM rigalpha.audit_integrate();
END $$;
END
my $edit = "UPDATE rigalpha.audit_entries SET payload = convert_to(replace(convert_from(payload, 'SQL_ASCII'), 'x', 'y'), 'SQL_ASCII')";
my $entry_of = sub { "(SELECT entry_id FROM rigalpha.audit_links WHERE chain = $chain AND seq = $_[0])" };
my $set_byte = 'UPDATE rigalpha.audit_entries SET payload = overlay(payload PLACING \'X\'::bytea FROM position(\'note 5\'::bytea IN payload))'
	. ' WHERE id = ' . $entry_of->(5);
# Two entries change places: what the links say of them does.
my $exchange = "UPDATE rigalpha.audit_links SET entry_id = -entry_id WHERE chain = $chain AND seq IN (5, 6);"
	. "UPDATE rigalpha.audit_links l SET entry_id = -o.entry_id, leaf = o.leaf FROM rigalpha.audit_links o"
	. " WHERE l.chain = $chain AND o.chain = $chain AND l.seq IN (5, 6) AND o.seq = 11 - l.seq";
my $cut = "CREATE TEMPORARY TABLE cut AS SELECT entry_id FROM rigalpha.audit_links WHERE chain = $chain AND seq > 8;"
	. 'DELETE FROM rigalpha.audit_entries WHERE id IN (SELECT entry_id FROM cut); DELETE FROM rigalpha.audit_links WHERE entry_id IN (SELECT entry_id FROM cut)';
my $anew = "SELECT make_anew($chain)";
my $empty = 'TRUNCATE rigalpha.audit_chains, rigalpha.audit_entries, rigalpha.audit_links, rigalpha.audit_tree, rigalpha.audit_nodes, rigalpha.audit_checkpoints';

attack('nothing', 'SELECT', '', '');
attack('an entry edited', $set_byte, 'PAYLOAD_HASH', 'PAYLOAD_HASH');
attack('an entry edited and every hash made anew', "$set_byte; $anew", '', 'TREE_ROOT');
attack('an entry deleted', 'DELETE FROM rigalpha.audit_entries WHERE id = ' . $entry_of->(5), 'ORPHAN_LINK', 'ORPHAN_LINK');
attack('an entry and its link deleted', 'DELETE FROM rigalpha.audit_entries WHERE id = ' . $entry_of->(5)
		. "; DELETE FROM rigalpha.audit_links WHERE chain = $chain AND seq = 5", 'SEQ_GAP', 'SEQ_GAP TREE_ROOT');
attack('an entry deleted and the gap closed', 'DELETE FROM rigalpha.audit_entries WHERE id = ' . $entry_of->(5)
		. "; DELETE FROM rigalpha.audit_links WHERE chain = $chain AND seq = 5; ALTER TABLE rigalpha.audit_links DROP CONSTRAINT audit_links_pkey; UPDATE rigalpha.audit_links SET seq = seq - 1 WHERE chain = $chain AND seq > 5; $anew",
	'', 'TREE_ROOT');
my $insert = sub {
	my ($seq) = @_;
	return "ALTER TABLE rigalpha.audit_links DROP CONSTRAINT audit_links_pkey; ALTER TABLE rigalpha.audit_links DROP CONSTRAINT audit_links_chain_prev_key;"
		. "SELECT rigalpha.audit_note('forged', 'A'); INSERT INTO rigalpha.audit_links SELECT l.chain, $seq, l.epoch, e.id, l.prev, e.leaf, sha256('\\x02'"
		. " || (SELECT uuid_send(log_id) FROM rigalpha.node) || int4send(l.epoch) || int4send(l.chain) || int8send($seq) || l.prev || e.leaf)"
		. " FROM rigalpha.audit_links l, rigalpha.audit_entries e WHERE l.chain = $chain AND l.seq = least($seq, 13) AND e.id = (SELECT max(id) FROM rigalpha.audit_entries)";
};
$node->safe_psql($DATABASE, "SELECT rigalpha.audit_note('behind the checkpoint', 'A')");
attack('an entry inserted at a place that is taken', $insert->(13), 'FORK', 'FORK');
attack('an entry inserted behind a gap', $insert->(20), 'SEQ_GAP', 'SEQ_GAP');
attack('two entries exchanged', $exchange, 'LINK_HASH', 'LINK_HASH');
attack('two entries exchanged and every hash made anew', "$exchange; $anew", '', 'TREE_ROOT');
attack('the tail cut off', $cut, '', 'TREE_ROOT', 'CHECKPOINT_AHEAD');
attack('the tail cut off, and the tree over it', "$cut; $anew", '', 'CHECKPOINT_AHEAD');
attack('the log emptied', $empty, '', 'CHECKPOINT_AHEAD');

for my $table (qw(chains entries links tree nodes checkpoints))
{
	my ($result, $output, $errors) = $node->psql($DATABASE, "TRUNCATE rigalpha.audit_$table");
	like($errors, qr/table "audit_$table" can only be added to/, "TRUNCATE of audit_$table is refused");
	($result, $output, $errors) = $node->psql($DATABASE, "DROP TABLE rigalpha.audit_$table");
	like($errors, qr/cannot drop table rigalpha.audit_$table because extension rigalpha requires it/, 'DROP TABLE too');
}

note 'another log in its place';
$node->safe_psql('postgres', 'CREATE DATABASE swapped');
$node->safe_psql('swapped', "CREATE EXTENSION rigalpha; SELECT rigalpha.setup();");
is($node->safe_psql('swapped', codes()), 'found ', 'it is whole by itself');
is($node->safe_psql('swapped', codes($note)), 'found CHECKPOINT_SIG', 'and not the one that the checkpoint is of: CHECKPOINT_SIG');
$node->safe_psql('swapped', export('swapped'));
is(portable('swapped', $node->safe_psql('swapped', 'SELECT log_id FROM rigalpha.node'), 'note'), 'CHECKPOINT_AHEAD CHECKPOINT_SIG',
	'the export too, and it is shorter');
is(portable('swapped', $log_id), 'BAD_DECODE EPOCH_BREAK LINK_HASH', 'nor is it the one of the log id that was written down');
$node->safe_psql('swapped', "$LOG_TABLES UPDATE rigalpha.node SET log_id = '$log_id'; $empty");
$node->safe_psql('swapped', "SELECT count(rigalpha.audit_note('a fine day')) FROM generate_series(1, 500)");
$node->safe_psql('swapped', "SELECT rigalpha.audit_integrate();" . export('swapped'));
is($node->safe_psql('swapped', codes()), 'found ', 'made anew under the id of the old one it is whole');
is($node->safe_psql('swapped', codes($note)), 'found TREE_ROOT', 'but has another root: TREE_ROOT');
is(portable('swapped', $log_id, 'note'), 'TREE_ROOT', 'the export too');

note 'an old backup';
$node->backup('old');
$node->safe_psql($DATABASE, "SELECT rigalpha.audit_note('since then')");
my $later = checkpoint($node, 'later');
my $old = PostgreSQL::Test::Cluster->new('old');
$old->init_from_backup($node, 'old');
$old->start;
is($old->safe_psql($DATABASE, codes()), 'found ', 'it is whole');
is($old->safe_psql($DATABASE, codes($later)), 'found CHECKPOINT_AHEAD', 'and shorter than what was signed: CHECKPOINT_AHEAD');
$old->safe_psql($DATABASE, export('old'));
is(portable('old', $log_id, 'later'), 'CHECKPOINT_AHEAD', 'the export too');
$old->stop;

# Each statement in a session of its own: a trigger that was changed in the catalog is in the caches of others.
sub edit_past_the_log
{
	my ($name, $id, $off, $on) = @_;
	my $newest = $node->safe_psql($DATABASE, 'SELECT rigalpha.audit_check_guard(); SELECT max(id) FROM rigalpha.audit_entries') =~ s/.*\n//sr;

	$node->safe_psql($DATABASE, $_) for $off, "UPDATE work SET number = 7 WHERE id = $id", $on;
	is($node->safe_psql($DATABASE, "SELECT count(*) FROM rigalpha.audit_log WHERE entry_id > $newest AND relation = 'work'"), 0, "$name: the edit has no entry");
	$node->safe_psql($DATABASE, 'SELECT rigalpha.audit_check_guard()');
	is($node->safe_psql($DATABASE, "SELECT operation, reason FROM rigalpha.audit_log WHERE entry_id > $newest AND kind = 'guard'"), 'triggers|changed',
		"$name: the guard says that triggers changed");
	is($node->safe_psql($DATABASE, codes()), 'found ', "$name: the log is whole");
	is($node->safe_psql($DATABASE, "SELECT problem, key, logged -> 'number', live -> 'number' FROM rigalpha.audit_reconcile('work') WHERE key ->> 'id' = '$id'"),
		qq(EDITED|{"id": "$id"}|"0"|"7"), "$name: the row is not as its last image: EDITED");
	return;
}

edit_past_the_log('trigger switched off and on', 1, 'ALTER TABLE work DISABLE TRIGGER rigalpha_audit', 'ALTER TABLE work ENABLE ALWAYS TRIGGER rigalpha_audit');
my $catalog = "UPDATE pg_trigger SET tgenabled = '%s' WHERE tgname = 'rigalpha_audit' AND tgrelid = 'work'::regclass";
edit_past_the_log('pg_trigger edited', 2, sprintf($catalog, 'D'), sprintf($catalog, 'A'));

note 'a session that takes itself for a replica';
$node->safe_psql($DATABASE, 'SET session_replication_role = replica; UPDATE work SET number = 8 WHERE id = 3');
is($node->safe_psql($DATABASE, "SELECT kind, new ->> 'number' FROM rigalpha.audit_log WHERE relation = 'work' ORDER BY entry_id DESC LIMIT 1"), 'update|8',
	'its change has an entry all the same');
is($node->safe_psql($DATABASE, "SELECT count(*) FROM rigalpha.audit_reconcile('work') WHERE key ->> 'id' = '3'"), 0, 'and the row is as its image');
$node->stop;

note 'a bit flipped in a file with checksums';
my $checked = create_cluster('checked', '--data-checksums');
my $file = $checked->data_dir . '/' . $checked->safe_psql($DATABASE, "CHECKPOINT; SELECT pg_relation_filepath('rigalpha.audit_entries')");
$checked->stop;
my $bytes = slurp_file($file);
my $place = index($bytes, 'note 5');
cmp_ok($place, '>', 0, 'the entry is in the file');
substr($bytes, $place, 1) ^= "\x01";
open(my $out, '+<:raw', $file) or die $!;
print $out $bytes;
close($out);
$checked->start;
my ($result, $output, $errors) = $checked->psql($DATABASE, 'SELECT * FROM rigalpha.audit_verify()');
is($result, 3, 'the verification ends with an error');
like($errors, qr/invalid page in block \d+ of relation/, 'that of the server: invalid page');
$checked->stop;

done_testing();
