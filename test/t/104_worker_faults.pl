# Failures while storing: what is the environment's fault waits, what is the message's is
# isolated, and nothing is lost, skipped or stored twice.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $stack = RigAlpha::Stack->new('faults', topics => { readings => 4 }, config => "rigalpha_worker.lock_timeout = '300ms'\n");
my $sent  = 0;
my $rows  = 0;

# Send readings of one machine to all partitions, with other messages among them.
sub send_readings
{
	my ($count, @others) = @_;
	for my $partition (0 .. 3)
	{
		my @lines = RigAlpha::Stack::readings("M$partition", $rows / 4 + 1, $rows / 4 + $count);
		splice @lines, int(@lines / 2), 0, @others if $partition == 1;
		$stack->produce_lines('readings', $partition, @lines);
		$sent += @lines;
	}
	$rows += 4 * $count;
	return;
}

sub check_rows
{
	$stack->wait_messages('main', $sent);
	is($stack->sql('SELECT count(*), count(DISTINCT (machine_id, ts)) FROM rigalpha.readings'), "$rows|$rows", 'every row is there once');
	is($stack->sql('SELECT sum(next_offset) FROM rigalpha.kafka_offsets'), $sent, 'positions equal messages');
	return;
}

sub wait_error
{
	my ($pattern) = @_;
	$stack->wait_for("the status says: $pattern", "SELECT state = 'error' AND last_error ~ '$pattern' FROM rigalpha.kafka_status");
	return;
}

# Puts a function in front of worker_ingest that fails as told.
sub break_ingest
{
	my ($condition, $code, $message) = @_;
	$stack->sql(<<"SQL");
ALTER FUNCTION rigalpha.worker_ingest(integer, bigint, bytea[], timestamptz[], integer[], bigint[]) RENAME TO real_worker_ingest;
CREATE FUNCTION rigalpha.worker_ingest(source_id integer, generation bigint, payloads bytea[], times timestamptz[],
	partitions integer[], offsets bigint[],
	OUT accepted integer, OUT merged integer, OUT duplicates integer, OUT rejected integer, OUT skipped integer)
	LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
	SELECT * INTO accepted, merged, duplicates, rejected, skipped
		FROM rigalpha.real_worker_ingest(source_id, generation, payloads, times, partitions, offsets);
	IF $condition THEN
		RAISE EXCEPTION '$message' USING ERRCODE = '$code';
	END IF;
END
\$\$;
SQL
	return;
}

sub mend_ingest
{
	$stack->sql(<<'SQL');
DROP FUNCTION rigalpha.worker_ingest(integer, bigint, bytea[], timestamptz[], integer[], bigint[]);
ALTER FUNCTION rigalpha.real_worker_ingest(integer, bigint, bytea[], timestamptz[], integer[], bigint[]) RENAME TO worker_ingest;
SQL
	return;
}

$stack->create_source('main', 'readings');
send_readings(100);
check_rows();

note 'a lock that lasts';
my $session  = $stack->node->background_psql($RigAlpha::Stack::DATABASE);
my $position = $stack->log_position;
$session->query_safe('BEGIN; LOCK TABLE rigalpha.readings IN ACCESS EXCLUSIVE MODE');
send_readings(300);
wait_error('lock timeout');
is($stack->sql('SELECT messages FROM rigalpha.kafka_status'), '400', 'nothing is stored meanwhile');
$session->query_safe('ROLLBACK');
check_rows();
$stack->wait_state('main', 'running');
cmp_ok(scalar $stack->log_lines('rigalpha source', $position), '<=', 2, 'one line when it began and one when it ended');

note 'query cancels';
send_readings(2000);
my $cancels = 0;
my $start   = time();
while ($stack->sql("SELECT sum(messages) < $sent FROM rigalpha.kafka_status") eq 't' || time() - $start < 1)
{
	$stack->sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type ~ '^rigalpha'));
	$cancels++;
	last if time() - $start > 60;
}
note "$cancels cancels";
check_rows();

note 'errors of the environment are waited for';
foreach my $code ('53100', '57P03', '58030', '40P01', '40001', '08006', 'RA001', 'RA002', '53200', '42501', '25006')
{
	break_ingest('true', $code, "environment $code");
	send_readings(5);
	wait_error("environment $code");
	mend_ingest();
	$stack->wait_messages('main', $sent);
}
check_rows();
is($stack->sql('SELECT count(*) FROM rigalpha.dead_letters'), '0', 'and never dead-lettered');

note 'memory that lasts for ten messages only';
break_ingest('cardinality(payloads) > 10', '53200', 'out of memory');
send_readings(200);
check_rows();
mend_ingest();

is(scalar $stack->log_lines('error: out of memory'), 0, 'and without a word in the log');

note 'too much for one transaction';
break_ingest('cardinality(payloads) > 7', 'RA005', 'too many days');
send_readings(200);
check_rows();
mend_ingest();
is($stack->sql('SELECT count(*) FROM rigalpha.dead_letters'), '0', 'splitting rejects nothing');

note 'messages that make the whole batch fail';
break_ingest(q(EXISTS (SELECT FROM unnest(payloads) p WHERE position('POISON'::bytea IN p) > 0)), 'XX000', 'unexpected failure');
send_readings(1000, '{"machine_id":"POISON1","rpm":1}', '{"machine_id":"POISON2","rpm":1}');
check_rows();
is($stack->sql(q(SELECT string_agg(convert_from(payload, 'UTF8') || ' ' || reason || ' ' || detail, ', ' ORDER BY id) FROM rigalpha.dead_letters)),
	'{"machine_id":"POISON1","rpm":1} failed unexpected failure, {"machine_id":"POISON2","rpm":1} failed unexpected failure',
	'exactly they become dead letters, in order');
is($stack->sql('SELECT rejected FROM rigalpha.kafka_status'), '2', 'and are counted');
mend_ingest();

note 'a stale generation is refused';
$session->query_safe(q(BEGIN; UPDATE rigalpha.kafka_workers SET generation = generation + 10, holder_pid = pg_backend_pid(),
	leased_until = now() + interval '1 minute'; UPDATE rigalpha.kafka_offsets SET generation = generation + 10; COMMIT));
send_readings(100);
$stack->wait_for('the worker stepped down',
	q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer' AND query ~ '^waiting'));
is($stack->sql('SELECT messages FROM rigalpha.kafka_status'), $sent - 400, 'it stored nothing');
$session->quit;
check_rows();
my ($status, undef, $error) = $stack->node->psql($RigAlpha::Stack::DATABASE,
	q(SELECT rigalpha.worker_gap(1, 1, 0, 0, 0, 'zombie')), on_error_stop => 1);
like($error, qr/generation 1 may no longer write/, 'an old generation cannot write');

note 'one worker killed brings the server down and up again, the rows stay right';
my $pid = $stack->consumer_pid('main');
send_readings(2000);
kill 'KILL', $pid;
$stack->wait_for('another worker runs', "SELECT pid <> $pid AND state = 'running' FROM rigalpha.kafka_status");
check_rows();
$stack->stop;
done_testing();
