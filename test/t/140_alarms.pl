# Timers of alarms over restarts: a crash and a clean stop in the middle of a delay lose none, and what was
# not committed never counts.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $node     = PostgreSQL::Test::Cluster->new('alarms');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_locks_per_transaction = 256\ntimezone = UTC\nautovacuum = off\nrigalpha.retention_days = 36500\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
$node->safe_psql($DATABASE, 'CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');

# Stores one reading of machine A.
sub send_value
{
	my ($second, $value) = @_;
	return $node->safe_psql($DATABASE, statement($second, $value));
}

sub statement
{
	my ($second, $value) = @_;
	return qq{SELECT accepted FROM rigalpha.ingest(ARRAY[convert_to(format('{"machine_id":"A","timestamp":%s,"rpm":$value}',
		extract(epoch FROM '2024-06-01Z'::timestamptz)::bigint + $second), 'UTF8')], 'http')};
}

my $HISTORY = q{SELECT string_agg(extract(epoch FROM at - '2024-06-01Z')::integer || ' ' || transition, ', ' ORDER BY at) FROM rigalpha_api.alarm_history
	WHERE transition IN ('raised', 'changed', 'returned')};

send_value(0, 100);
$node->safe_psql($DATABASE, q{SELECT rigalpha.set_threshold('rpm', hi => 120, on_delay => '10 s', off_delay => '10 s')});

note 'an on-delay that began before a crash ends after it';
send_value(1, 130);
send_value(5, 130);
$node->stop('immediate');
$node->start;
is($node->safe_psql($DATABASE, $HISTORY), '', 'nothing yet');
send_value(10, 130);
is($node->safe_psql($DATABASE, $HISTORY), '', 'nor a second too early');
send_value(11, 130);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised', 'but when the delay is over');

note 'an off-delay over a clean stop';
send_value(20, 100);
$node->restart;
send_value(29, 100);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised', 'not too early');
note 'what is rolled back has not been';
$node->safe_psql($DATABASE, 'BEGIN; ' . statement(29.5, 130) . '; ROLLBACK');
$node->restart;
send_value(30, 100);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised, 30 returned', 'and when it is over');

note 'a late reading is taken where it belongs also after a restart';
send_value(100, 130);
send_value(111, 130);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised, 30 returned, 111 raised', 'raised');
$node->stop('immediate');
$node->start;
send_value(109, 100);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised, 30 returned', 'and retracted');
send_value(121, 130);
is($node->safe_psql($DATABASE, $HISTORY), '11 raised, 30 returned, 121 raised', 'and raised when its own delay is over');

note 'a shelf is emptied by the tick after a restart';
$node->safe_psql($DATABASE, q{SELECT rigalpha.shelve_alarm(id, clock_timestamp() + interval '1 second') FROM rigalpha_api.alarms});
$node->restart;
ok($node->poll_query_until($DATABASE, q{SELECT count(*) = 1 FROM (SELECT rigalpha.watch_machines()) t, rigalpha_api.alarms WHERE shelving_state = 'unshelved'}), 'unshelved');
is($node->safe_psql($DATABASE, 'SELECT count(*) FROM rigalpha.audit_verify()'), '0', 'the audit log is whole');

done_testing();
