# The audit log under many writers, after a crash, a dump and restore, a promotion, and with bytes changed on disk.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $CLIENTS  = 64;
my $SECONDS  = $ENV{RIGALPHA_AUDIT_SECONDS} // 8;
my $SETTINGS = "fsync = off\ntimezone = UTC\nmax_connections = 100\nmax_locks_per_transaction = 256\ndeadlock_timeout = '200 ms'\n";

sub create_cluster
{
	my $node = PostgreSQL::Test::Cluster->new('audit');
	$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', $SETTINGS);
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
	$node->safe_psql($DATABASE, <<'END');
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
INSERT INTO rigalpha.machines (name) SELECT 'M' || i FROM generate_series(1, 3) i;
CREATE TABLE work (id integer PRIMARY KEY, machine_id integer NOT NULL, number integer NOT NULL DEFAULT 0);
INSERT INTO work SELECT i, (SELECT min(id) FROM rigalpha.machines) + i % 3 FROM generate_series(1, 300) i;
SELECT rigalpha.audit_enable('work', 'machine_id');
END
	return $node;
}

# Problems of the log, '' when it is whole.
sub problems
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, 'SELECT problem, chain_number, seq FROM rigalpha.audit_verify()');
}

# Changes by the numbers in the rows less those in the log, and chains with gaps.
sub counts
{
	my ($node) = @_;
	return $node->safe_psql($DATABASE, <<'END');
SELECT (SELECT sum(number) FROM work) - (SELECT count(*) FROM rigalpha.audit_log WHERE relation = 'work' AND kind = 'update'),
	(SELECT count(*) FROM (SELECT FROM rigalpha.audit_links GROUP BY chain HAVING max(seq) <> count(*)) gaps)
END
}

# Three chains in both orders, savepoints and rollbacks, each isolation level; what may be repeated is not counted as an error.
sub write_scripts
{
	my ($folder, $row) = @_;
	my $change = 'UPDATE work SET number = number + 1 WHERE id =';
	for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		my $name = lc($level) =~ s/ /_/r;
		append_to_file("$folder/$name.sql", <<"END");
\\set row $row
\\set up random(0, 1)
BEGIN ISOLATION LEVEL $level;
\\if :up
$change 3 * :row + 1;
SAVEPOINT s;
$change 3 * :row + 2;
ROLLBACK TO s;
$change 3 * :row + 3;
\\else
$change 3 * :row + 3;
$change 3 * :row + 1;
\\endif
COMMIT;
END
	}
	return map { ('-f', "$folder/$_.sql") } qw(read_committed repeatable_read serializable);
}

# Runs the writers, and returns how many transactions they made.
sub run_writers
{
	my ($node, $row) = @_;
	my @scripts = write_scripts(PostgreSQL::Test::Utils::tempdir(), $row);
	my ($output, $errors) = ('', '');
	my @pgbench = ('pgbench', '-n', '-c', $CLIENTS, '-j', 2, '-T', $SECONDS, '--max-tries=1000', '--failures-detailed',
		@scripts, $node->connstr($DATABASE));

	ok(IPC::Run::run(\@pgbench, '>', \$output, '2>', \$errors), "$CLIENTS writers end without an error") or diag($errors);
	my ($transactions) = $output =~ /number of transactions actually processed: (\d+)/;
	my ($failed) = $output =~ /number of failed transactions: (\d+)/;
	diag("$transactions transactions, $failed given up");
	cmp_ok($transactions, '>', 100, 'they did something');
	is($failed, 0, 'and gave none up');
	is(problems($node, $DATABASE), '', 'the log is whole');
	is(counts($node), '0|0', 'every change is in it once, without gaps');
	return $transactions;
}

# Each client has rows of its own, so that only the chains are in the way; then all have the same, and many
# transactions fail where they had not before: in the triggers, and between them and the commit.
sub test_writers
{
	my ($node) = @_;

	run_writers($node, ':client_id');
	my $log = slurp_file($node->logfile);
	unlike($log, qr/deadlock detected/, 'no two wait for each other');
	unlike($log, qr/concurrent update/, 'and an old snapshot does not hinder');
	run_writers($node, 'random(0, 60)');
	like(slurp_file($node->logfile), qr/deadlock detected/, 'rows in two orders do');
}

sub test_crash
{
	my ($node) = @_;
	$node->stop('immediate');
	$node->start;
	is(problems($node, $DATABASE), '', 'it is whole after a crash');
	is(counts($node), '0|0', 'and complete');
}

sub test_restore
{
	my ($node) = @_;
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
	my $entries = $node->safe_psql($DATABASE, 'SELECT count(*), max(id) FROM rigalpha.audit_entries');

	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr($DATABASE) ], 'a dump');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'is restored');
	is($node->safe_psql('restored', 'SELECT count(*), max(id) FROM rigalpha.audit_entries'), $entries,
		'the restored log is the old one, and nothing of the restore is in it');
	is($node->safe_psql('restored', "UPDATE work SET number = 0 WHERE id = 1; SELECT count(*), max(id) FROM rigalpha.audit_entries"),
		$entries, 'until it is adopted nothing is added');
	is($node->safe_psql('restored', 'SELECT rigalpha.adopt()'), 2, 'it is adopted');
	is(problems($node, 'restored'), '', 'and whole');
	is( $node->safe_psql('restored', "UPDATE work SET number = 0 WHERE id = 1;"
			. "SELECT min(l.epoch), count(DISTINCT l.chain) FROM rigalpha.audit_links l WHERE l.epoch = 2"),
		'2|2', 'what follows is of the next epoch');
	is(problems($node, 'restored'), '', 'which follows the old one');
}

sub test_promotion
{
	my ($node) = @_;
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	$node->backup('base');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->safe_psql($DATABASE, 'UPDATE work SET number = number + 1 WHERE id <= 3');
	$node->wait_for_catchup($standby);
	is(problems($standby, $DATABASE), '', 'the log is whole on a standby');
	$standby->promote;
	$standby->safe_psql($DATABASE, 'UPDATE work SET number = number + 1 WHERE id <= 3');
	is(problems($standby, $DATABASE), '', 'and after its promotion');
	is(counts($standby), '0|0', 'with what followed');
	$standby->stop;
}

# The log as another program reads it, which shares nothing with the server but the layout.
sub test_export
{
	my ($node) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $log_id = $node->safe_psql($DATABASE, 'SELECT log_id FROM rigalpha.node');
	my @verify = ('/usr/bin/python3', 'tools/rigalpha-verify.py', '--log-id', $log_id, '--labels', "$folder/labels.csv");

	append_to_file("$folder/labels.csv", $node->safe_psql($DATABASE, 'COPY rigalpha.audit_chains TO STDOUT WITH (FORMAT csv, HEADER)') . "\n");
	append_to_file("$folder/log.csv", $node->safe_psql($DATABASE, 'COPY (SELECT * FROM rigalpha.audit_export) TO STDOUT WITH (FORMAT csv, HEADER)') . "\n");
	command_ok([ @verify, "$folder/log.csv" ], 'the portable verifier finds the exported log whole');
	append_to_file("$folder/short.csv", slurp_file("$folder/log.csv") =~ s/^0,5,.*\n//mr);
	command_checks_all([ @verify, "$folder/short.csv" ], 1, [ qr/^SEQ_GAP chain=0 seq=6/m ], [], 'and misses a link that is not there');
}

# The payload of one entry, changed in the file while the server is down, of a cluster without checksums: nothing but the log
# finds it. With checksums the server does, see 122_audit_attacks.pl.
sub test_disk
{
	my ($node) = @_;
	my $has_checksums = $node->safe_psql('postgres', 'SHOW data_checksums') eq 'on';
	my $file = $node->data_dir . '/'
		. $node->safe_psql($DATABASE, "CHECKPOINT; SELECT pg_relation_filepath('rigalpha.audit_entries')");
	my ($entry, $marker) = split /\|/,
		$node->safe_psql($DATABASE, "SELECT id, encode(substr(payload, 30, 24), 'hex') FROM rigalpha.audit_entries ORDER BY id DESC OFFSET 5 LIMIT 1");

	$node->stop;
	$node->command_ok([ 'pg_checksums', '--disable', '-D', $node->data_dir ], 'checksums, on by default since PostgreSQL 18, are off') if $has_checksums;
	my $bytes = slurp_file($file);
	my $place = index($bytes, pack('H*', $marker));
	cmp_ok($place, '>', 0, 'the entry is found in the file');
	substr($bytes, $place + 20, 1) ^= "\x01";
	open(my $out, '+<:raw', $file) or die $!;
	print $out $bytes;
	close($out);
	$node->start;
	is($node->safe_psql($DATABASE, 'SELECT DISTINCT problem, entry_id FROM rigalpha.audit_verify() WHERE problem = \'PAYLOAD_HASH\''),
		"PAYLOAD_HASH|$entry", 'a flipped bit in the data file is found');
}

my $node = create_cluster();
test_writers($node);
test_export($node);
test_crash($node);
test_restore($node);
test_promotion($node);
test_disk($node);
$node->stop;
done_testing();
