# What a crash and a failover leave: every committed reading once, nothing of an open transaction, and a
# standby that answers questions but stores nothing until it is promoted.
use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ], allows_streaming => 1);
$primary->append_conf('postgresql.conf', "max_locks_per_transaction = 256\ntimezone = UTC\nautovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', "CREATE DATABASE $DATABASE");
$primary->safe_psql($DATABASE, 'CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');

# SQL that stores readings FIRST to LAST of a machine, a second apart, all of the last hours.
sub ingest
{
	my ($machine, $first, $last, $key) = @_;
	$key //= 'rpm';
	return qq{SELECT accepted FROM rigalpha.ingest(ARRAY(SELECT convert_to(format('{"machine_id":"$machine","timestamp":%s,"$key":%s}',
		extract(epoch FROM now())::bigint - 10000 + n, n), 'UTF8') FROM generate_series($first, $last) AS n), 'http');};
}

my $SUMMARY = q{SELECT m.name, count(*), count(DISTINCT r.ts), st.readings, st.ts = max(r.ts) FROM rigalpha.readings r
	JOIN rigalpha.machines m ON m.id = r.machine_id JOIN rigalpha.machine_state st ON st.machine_id = m.id GROUP BY m.name, st.readings, st.ts ORDER BY 1};

note 'crash: committed readings stay, those of an open transaction with its machine and positions go';
is($primary->safe_psql($DATABASE, ingest('A', 1, 1000)), 1000, 'committed');
is($primary->safe_psql($DATABASE, ingest('C', 1, 5)), 5, 'for two machines');
my ($in, $out, $error) = ('', '', '');
my $open = IPC::Run::start([ 'psql', '-XAtq', $primary->connstr($DATABASE) ], '<', \$in, '>', \$out, '2>', \$error, IPC::Run::timeout(120));
$in .= "BEGIN;\n" . ingest('A', 1001, 1500) . "\n" . ingest('B', 1, 100, 'never_seen') . "\n\\echo stored\n";
$open->pump until $out =~ /stored/;
is($out, "500\n100\nstored\n", 'an open transaction has stored more');
$primary->safe_psql($DATABASE, 'CHECKPOINT');
is($primary->safe_psql($DATABASE, "SET lock_timeout = '60 s'; " . ingest('C', 6, 10)), 5, 'and another has committed since');
$primary->stop('immediate');
eval { $open->finish };
$primary->start;
is($primary->safe_psql($DATABASE, $SUMMARY), "A|1000|1000|1000|t\nC|10|10|10|t", 'every committed reading once');
is($primary->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha.sensors WHERE name = 'never_seen'}), 0, 'nothing of the other');
is($primary->safe_psql($DATABASE, ingest('B', 1, 100, 'never_seen')), 100, 'which can be sent again');
is($primary->safe_psql($DATABASE, 'SELECT count(*) FROM rigalpha.reading_values WHERE sensor = $$never_seen$$ AND value BETWEEN 1 AND 100'), 100, 'and stands under its sensor');

note 'a standby has the same rows and answers, but stores nothing';
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql($DATABASE, ingest('A', 2001, 2100) . ingest('D', 1, 5, 'on_primary'));
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is($standby->safe_psql($DATABASE, $SUMMARY), $primary->safe_psql($DATABASE, $SUMMARY), 'equal summaries');
is($standby->safe_psql($DATABASE, 'SELECT md5(string_agg(r::text, chr(10) ORDER BY machine_id, ts)) FROM rigalpha.readings r'),
	$primary->safe_psql($DATABASE, 'SELECT md5(string_agg(r::text, chr(10) ORDER BY machine_id, ts)) FROM rigalpha.readings r'), 'equal readings');
is($standby->safe_psql($DATABASE, 'SET enable_seqscan = off; SELECT count(*) FROM rigalpha.readings WHERE machine_id = 1'), 1100, 'by index, too');
is($standby->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha_api.live; SELECT json_array_length(rigalpha_api.readings('A', now() - interval '1 day', now(), '{rpm}', 50) -> 'ts'); SELECT ready FROM rigalpha_api.status}),
	"4\n50\nt", 'the views answer');
foreach my $statement (ingest('A', 3001, 3001), ingest('NEW', 1, 1), 'SELECT rigalpha.setup()', q{SELECT rigalpha.set_threshold('rpm', hi => 1)}, q{SELECT rigalpha.worker_ingest(1, 1, '{}', NULL, '{}', '{}')})
{
	my ($status, undef, $message) = $standby->psql($DATABASE, "\\set VERBOSITY sqlstate\n$statement");
	isnt($status, 0, 'refused: ' . substr($statement, 0, 60));
	like($message, qr/25006/, 'as in any read-only transaction');
}
is($standby->safe_psql($DATABASE, 'SELECT rigalpha.maintenance_tick()'), '', 'the tick does nothing');
is($standby->safe_psql($DATABASE, 'SELECT 1'), 1, 'and the server is well');
unlike(slurp_file($standby->logfile), qr/PANIC|terminated by signal|was not expected/, 'nothing broke');

note 'promoted, it is the same node and goes on without adopt()';
$primary->stop('immediate');
$standby->promote;
is($standby->safe_psql($DATABASE, ingest('A', 3001, 3010) . ingest('NEW', 1, 1, 'after')), "10\n1", 'readings are stored');
is($standby->safe_psql($DATABASE, $SUMMARY . ' LIMIT 1'), 'A|1110|1110|1110|t', 'behind those of the primary');
is($standby->safe_psql($DATABASE, 'SELECT ready, epoch FROM rigalpha.status()'), 't|1', 'in the same epoch');
$standby->stop;
done_testing();
