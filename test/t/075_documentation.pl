# The examples of docs/detection.md run as they are written: on a machine that got its model by itself, and whose
# readings are scored after a restart as if there had been none.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'rigalpha_worker'
rigalpha_worker.databases = 'rig'
rigalpha.auto_train_readings = 600
max_worker_processes = 10
max_locks_per_transaction = 256
timezone = UTC
END
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE rig');

sub sql
{
	my ($statement) = @_;
	return $node->safe_psql('rig', $statement);
}

# Readings first .. last of machine A, one a second, the last one now.
sub feed
{
	my ($first, $last) = @_;
	return sql(qq{
		SELECT i.accepted FROM rigalpha.ingest(ARRAY(
			SELECT convert_to(json_build_object('machine_id', 'A', 'timestamp', (extract(epoch FROM s.start) + n)::bigint, 'state', 'drilling',
				'rpm', 120 + 10 * sin(n * 0.05) + hashtext(n || 'r')::float8 / 2147483648, 'torque', 20 + 4 * sin(n * 0.05) + hashtext(n || 't')::float8 / 2147483648,
				'spp', 3000 + 100 * cos(n * 0.03) + 9 * (hashtext(n || 's')::float8 / 2147483648))::text, 'UTF8')
			FROM begun s, generate_series($first, $last) AS n ORDER BY n), 'test') i });
}

sql(q{CREATE EXTENSION rigalpha; SELECT rigalpha.setup(); CREATE TABLE begun AS SELECT date_trunc('second', now()) - interval '15 min' AS start});
is(feed(1, 600), '600', 'readings are stored before there is a model');
ok($node->poll_query_until('rig', q{SELECT state LIKE 'trained on 600 readings%' FROM rigalpha.training_info WHERE machine = 'A'}),
	'the worker trained the machine by itself');
is(feed(601, 640), '40', 'more readings');
is(sql(q{SELECT count(*), count(score_lstm) FROM rigalpha.readings WHERE risk IS NOT NULL}), '40|40', 'which are scored by every detector');

$node->restart;
is(feed(641, 660), '20', 'readings after a restart');
is(sql(q{
	SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.detect('auto.A', 'SELECT * FROM rigalpha.readings') d USING (ts)
	WHERE r.risk IS NOT NULL AND (abs(r.risk - d.risk) > 1e-5 OR abs(r.score_lstm - d.score_lstm) > 1e-3)}), '0',
	'have the scores that they would have had without it');

my $text = slurp_file("docs/detection.md");
my @examples = $text =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @examples, '>=', 5, 'there are examples');
# A version to roll back to.
sql(q{SELECT rigalpha.train('auto.A', 'SELECT * FROM rigalpha.training_readings(''A'')', 'hybrid', 'A')});
for my $number (1 .. @examples)
{
	for my $statement (split /;\n/, $examples[$number - 1])
	{
		my ($status, $out, $problem) = $node->psql('rig', $statement);

		is($problem =~ s/^\S*\s*NOTICE:.*\n?//mgr, '', "example $number: " . ($statement =~ /^(.{0,60})/)[0]);
		ok($status == 0, 'no error');
	}
}
is(sql(q{SELECT sensor FROM rigalpha.explain('auto.A', (SELECT "values" || '{"rpm": 9000}' FROM rigalpha_api.live WHERE machine = 'A')) LIMIT 1}),
	'rpm', 'the explanation names the sensor');
$node->stop;
done_testing();
