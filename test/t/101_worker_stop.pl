# The worker ends quickly, whatever it is doing, and goes on where it stood.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $LIMIT = 1.0;
my $stack = RigAlpha::Stack->new('stop', topics => { readings => 4, load => 4 }, config => "log_error_verbosity = terse\n");
$stack->create_source('main', 'readings');
$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('A', 1, 100));
$stack->wait_messages('main', 100);

# Ends the consumer and asserts how long that took; the supervisor starts another.
sub end_consumer
{
	my ($what) = @_;
	my $pid  = $stack->consumer_pid('main');
	my $took = $stack->time_to_exit($pid);
	cmp_ok($took, '<=', $LIMIT, sprintf 'SIGTERM to exit, %s: %.1f ms', $what, $took * 1000);
	$stack->wait_for('another consumer takes over', "SELECT pid <> $pid FROM rigalpha.kafka_status WHERE source = 'main'");
	return;
}

# Ends the whole server and asserts how long that took.
sub restart_server
{
	my ($what) = @_;
	my $start = time();
	$stack->node->stop('fast');
	my $took = time() - $start;
	cmp_ok($took, '<=', 5 * $LIMIT, sprintf 'fast shutdown, %s: %.0f ms', $what, $took * 1000);
	$stack->node->start;
	return;
}

note 'idle';
end_consumer('idle') for 1 .. 2;
my $position = $stack->log_position;
restart_server('idle');
# A consumer that was inside a transaction says that it was told to end, as any backend does.
is(scalar(grep { !/due to administrator command/ } $stack->log_lines('FATAL', $position)), 0, 'an orderly end is not logged as a failure');

note 'under load';
my $number = 100;
for my $round (1 .. 3)
{
	$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("L$_", $number + 1, $number + 3000)) for 0 .. 3;
	$number += 3000;
	$stack->wait_for('the worker is in the middle', 'SELECT sum(messages) > ' . (100 + 12000 * ($round - 1)) . ' FROM rigalpha.kafka_status');
	end_consumer('under load');
}
$stack->wait_messages('main', 100 + 36000);
is($stack->sql('SELECT count(*), count(DISTINCT (machine_id, ts)) FROM rigalpha.readings'), '36100|36100', 'every row is there once');
is($stack->sql('SELECT sum(next_offset) FROM rigalpha.kafka_offsets'), '36100', 'positions equal rows');

note 'while it waits for a lock';
my $session = $stack->node->background_psql($RigAlpha::Stack::DATABASE);
$session->query_safe('BEGIN; LOCK TABLE rigalpha.machines IN ACCESS EXCLUSIVE MODE');
$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('NewMachine', 1, 10));
$stack->wait_for('the worker waits for the lock',
	q(SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer' AND wait_event_type = 'Lock'));
end_consumer('waiting for a lock');
$session->query_safe('ROLLBACK');
$session->quit;
$stack->wait_messages('main', 36110);

note 'broker stopped by a signal: it accepts and never answers';
$stack->signal_broker('STOP');
end_consumer('broker silent');
$stack->signal_broker('CONT');
$stack->wait_state('main', 'running');

note 'broker gone';
$stack->stop_broker;
$stack->wait_state('main', 'disconnected');
end_consumer('broker gone') for 1 .. 2;
restart_server('broker gone');
$stack->wait_state('main', 'disconnected');

note 'the whole tree';
my $launcher = $stack->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'rigalpha launcher'));
my @family   = split /\n/, $stack->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type IN ('rigalpha supervisor', 'rigalpha consumer')));
is(scalar @family, 2, 'one supervisor and one consumer');
my $took = $stack->time_to_exit($launcher);
cmp_ok($took, '<=', $LIMIT, sprintf 'SIGTERM to exit, launcher: %.1f ms', $took * 1000);
$stack->wait_for('its children end with it',
	'SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN (' . join(', ', @family) . ')');
$stack->wait_for('the server starts the launcher again, and it its children',
	q(SELECT count(*) = 3 FROM pg_stat_activity WHERE backend_type ~ '^rigalpha '));

note 'postmaster gone';
my @orphans = split /\n/, $stack->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type ~ '^rigalpha '));
my $start   = time();
$stack->node->kill9;
while (grep { RigAlpha::Stack::process_runs($_) } @orphans)
{
	last if time() - $start > 30;
	select(undef, undef, undef, 0.005);
}
$took = time() - $start;
cmp_ok($took, '<=', $LIMIT, sprintf 'no process outlives the postmaster: %.0f ms', $took * 1000);
done_testing();
