# What an admin does to prune the log: export, hash of the file, prune; then the portable verifier over what is left.
use strict;
use warnings FATAL => 'all';

use Digest::SHA;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('retention');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\ntimezone = UTC\n");
$node->start;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $export = 'COPY (SELECT * FROM rigalpha.audit_export) TO STDOUT WITH (FORMAT csv, HEADER)';
my $serial = 0;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub psql_to_file
{
	my ($statement) = @_;
	my $file = "$folder/" . ++$serial . '.csv';
	command_ok([ 'sh', '-c', 'exec psql -X -d "$1" -c "$2" >"$3"', 'sh', $node->connstr('postgres'), $statement, $file ], "exported: $statement");
	return $file;
}

sub verify
{
	my ($file, @options) = @_;
	my ($output, $errors) = ('', '');
	my $labels = psql_to_file('COPY rigalpha.audit_chains TO STDOUT WITH (FORMAT csv, HEADER)');
	IPC::Run::run([ '/usr/bin/python3', 'tools/rigalpha-verify.py', '--log-id', sql('SELECT log_id FROM rigalpha.node'), '--labels', $labels, @options, $file ],
		'>', \$output, '2>', \$errors);
	is($errors, '', 'the export can be used');
	return join "\n", $output =~ /^([A-Z_]+ .*)$/mg;
}

# As both verifiers say it.
sub verify_in_database
{
	return sql(q(SELECT format('%s chain=%s seq=%s expected=%s found=%s', problem, chain_number, seq, expected, found) FROM rigalpha.audit_verify()));
}

sql(q(CREATE EXTENSION rigalpha; SELECT rigalpha.setup(); INSERT INTO rigalpha.machines (name) VALUES ('A'), ('B');));
sql("SELECT rigalpha.audit_note('note $_', '" . ('A', 'B')[ $_ % 2 ] . "')") for 1 .. 20;
my $personal = sql(q(SELECT rigalpha.audit_note('Ann Example fell ill', 'A'); SELECT max(entry_id) FROM rigalpha.audit_log)) =~ s/.*\n//sr;
sql("SELECT rigalpha.audit_redact($personal, 'request 7')");
my $before = sql('SELECT clock_timestamp()');
sql("SELECT rigalpha.audit_note('later', 'B')") for 1 .. 3;
sql(q(SELECT rigalpha.audit_integrate();
	SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\n— rigalpha/test AAAA\n') FROM rigalpha.audit_checkpoint_proposal(0) p));
my $note = "$folder/note";
append_to_file($note, sql('SELECT note FROM rigalpha.audit_checkpoints') . "\n");
is(verify(psql_to_file($export), '--checkpoint', $note), verify_in_database(), 'erased alone: both verifiers say the same');

my $segment = psql_to_file("COPY (SELECT * FROM rigalpha.audit_segment('$before')) TO STDOUT WITH (FORMAT csv, HEADER)");
my $digest  = Digest::SHA->new(256)->addfile($segment)->hexdigest;
is(sql("SELECT encode(rigalpha.audit_segment_hash('$before'), 'hex')"), $digest, 'the hash is that of the file that psql wrote');
like(slurp_file($segment), qr/^\d+,\d+,1,$personal,"",/m, 'what was erased is empty in it');
is(sql("SELECT rigalpha.audit_prune('$before', '\\x$digest')"), scalar(() = slurp_file($segment) =~ /^\d/mg), 'pruned, as many as the file has');

my $whole = psql_to_file($export);
like(verify_in_database(), qr/^PRUNED chain=0 seq=1 expected=1-\d+ found=\d+\nPRUNED chain=1 seq=1 expected=1-11 .*\nPRUNED chain=2 seq=1 expected=1-10 \S+$/, 'ranges of three chains');
is(verify($whole, '--checkpoint', $note), verify_in_database(), 'both verifiers say the same');
is(sql("SELECT count(*) FROM rigalpha.audit_segment('$before')"), 0, 'nothing is left to prune');

note 'two at a time';
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe(q(SELECT rigalpha.audit_redact((SELECT max(entry_id) FROM rigalpha.audit_log WHERE reason = 'later'), 'first')));
my ($result, $output, $errors) = $node->psql('postgres', q(SET lock_timeout = '100 ms'; SELECT rigalpha.audit_redact(1, 'second')));
like($errors, qr/lock timeout/, 'wait for each other');
sql("SELECT rigalpha.audit_note('meanwhile', 'B')");
is(sql(q(SELECT count(*) FROM rigalpha.audit_log WHERE reason = 'meanwhile')), 1, 'writers do not');
$session->query_safe('COMMIT');
$session->quit;
unlike(verify_in_database(), qr/ORPHAN|HASH/, 'and nothing is missing without a right');
$node->stop;
done_testing();
