# Offsets that the broker no longer has: recorded, never jumped over in silence.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;

my $stack = RigAlpha::Stack->new('offsets', topics => { readings => 2, small => 1 });
$stack->create_source('main', 'readings');
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("M$_", 1, 300)) for 0 .. 1;
$stack->wait_messages('main', 600);

note 'positions are mirrored to the broker for lag tools';
my $group = 'rigalpha-rig-main';
$stack->wait_for('the worker has committed', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '600 messages stored.* [1-9]\d* times, 0 failed'));
my $reported = $stack->sql('SELECT max(reported_at) FROM rigalpha.kafka_workers');
$stack->wait_for('the last of it too', "SELECT max(reported_at) > '$reported'::timestamptz + interval '2 s' FROM rigalpha.kafka_workers");
is(scalar split(/\n/, $stack->kcat('-G', $group, '-X', 'auto.offset.reset=earliest', '-e', '-q', 'readings')), 0,
	'a consumer of the group finds nothing left to read');

note 'the broker restarts with an empty log';
$stack->stop_broker;
$stack->wait_state('main', 'disconnected');
$stack->start_broker;
$stack->wait_state('main', 'running');
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("N$_", 1, 50)) for 0 .. 1;
$stack->wait_messages('main', 700);
is($stack->sql('SELECT string_agg(format($$%s: %s to %s %s$$, "partition", from_offset, to_offset, reason), $$, $$ ORDER BY "partition") FROM rigalpha.kafka_gaps'),
	'0: 300 to 0 log restarted, 1: 300 to 0 log restarted', 'each partition has a gap row');
is($stack->sql('SELECT string_agg(next_offset::text, $$,$$) FROM rigalpha.kafka_offsets'), '50,50', 'positions are those of the new log');
is($stack->sql('SELECT count(*) FROM rigalpha.readings'), '700', 'and every message of it is stored');
is($stack->sql('SELECT gaps FROM rigalpha.kafka_status'), '2', 'the status counts the gaps');
is(scalar $stack->log_lines('lost messages of partition \d: log restarted'), 2, 'the log has one line each');

note 'the broker restarts, and its new log is longer than the old one before the worker is back';
$stack->stop_broker;
$stack->wait_state('main', 'disconnected');
my $consumer = $stack->consumer_pid('main');
kill 'STOP', $consumer;
$stack->start_broker;
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("O$_", 1, 80)) for 0 .. 1;
kill 'CONT', $consumer;
$stack->wait_for('all of it is stored',
	q(SELECT count(*) = 160 FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name ~ '^O'));
is($stack->sql(q(SELECT string_agg(DISTINCT to_offset || ' ' || reason, ', ') FROM (SELECT * FROM rigalpha.kafka_gaps ORDER BY id DESC LIMIT 2) g)),
	'0 log restarted', 'and the restart is recorded');

note 'the broker has dropped old messages';
$stack->create_source('small', 'small');
$stack->produce_lines('small', 0, RigAlpha::Stack::readings('S', 1, 10));
$stack->wait_messages('small', 10);
$stack->sql(q(SELECT rigalpha.pause_source('small')));
$stack->wait_for('the worker itself is paused', q(SELECT count(*) = 1 FROM rigalpha.kafka_workers WHERE state = 'paused'));
my $padding = 'x' x 10_000;
my @large   = RigAlpha::Stack::readings('S', 11, 1200);
s/\{"machine_id"/{"note":"$padding","machine_id"/ foreach @large;
$stack->produce_lines('small', 0, @large);
my ($low) = $stack->kcat('-Q', '-t', 'small:0:-2') =~ /offset (\d+)/;
cmp_ok($low, '>', 10, "the broker kept only messages from $low on");
$stack->sql(q(SELECT rigalpha.resume_source('small')));
$stack->wait_for('the rest is stored', 'SELECT next_offset = 1200 FROM rigalpha.kafka_offsets o JOIN rigalpha.kafka_sources s ON s.id = o.source_id WHERE s.name = $$small$$');
is($stack->sql(q(SELECT from_offset, to_offset, reason FROM rigalpha.kafka_gaps g JOIN rigalpha.kafka_sources s ON s.id = g.source_id WHERE s.name = 'small')),
	"10|$low|no longer on the broker", 'the gap says what is missing');
is($stack->sql(q(SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name = 'S')),
	10 + 1200 - $low, 'rows and gap together are all messages');

note 'the broker is away for a while';
$stack->stop_broker;
$stack->wait_state('main', 'disconnected');
my $position = $stack->log_position;
$stack->wait_for('some reports later', 'SELECT count(*) = 2 FROM rigalpha.kafka_workers WHERE reported_at > state_since + interval $$3 s$$');
cmp_ok(scalar $stack->log_lines('rigalpha', $position), '<=', 1, 'waiting is not logged again and again');
$stack->start_broker;
$stack->wait_state('main', 'running');
$stack->stop;
done_testing();
