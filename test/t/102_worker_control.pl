# Sources are paused, resumed, changed and dropped while the worker runs.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $stack = RigAlpha::Stack->new('control', topics => { readings => 2, other => 1 });
$stack->create_source('main', 'readings');
$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('A', 1, 100));
$stack->wait_messages('main', 100);

note 'pause and resume act within a second';
my $pid = $stack->consumer_pid('main');
$stack->sql(q(SELECT rigalpha.pause_source('main')));
my $took = $stack->wait_for('the worker itself is paused', q(SELECT state = 'paused' FROM rigalpha.kafka_workers), 10);
cmp_ok($took, '<=', 1, sprintf 'pause acts after %.0f ms', $took * 1000);
$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('A', 101, 200));
my $reported = $stack->sql('SELECT max(reported_at) FROM rigalpha.kafka_workers');
$stack->wait_for('a paused worker still reports', "SELECT max(reported_at) > '$reported' FROM rigalpha.kafka_workers");
is($stack->sql('SELECT messages FROM rigalpha.kafka_status'), '100', 'nothing is consumed meanwhile');
$stack->sql(q(SELECT rigalpha.resume_source('main')));
$took = $stack->wait_messages('main', 200, 10);
cmp_ok($took, '<=', 1, sprintf 'resume acts after %.0f ms', $took * 1000);
is($stack->consumer_pid('main'), $pid, 'the same process went on');

note 'under load, nothing is lost or twice';
my $number = 0;
for my $round (1 .. 5)
{
	$stack->produce_lines('readings', 1, RigAlpha::Stack::readings('B', $number + 1, $number + 2000));
	$number += 2000;
	$stack->sql(q(SELECT rigalpha.pause_source('main')));
	$stack->wait_for('the worker itself is paused', q(SELECT state = 'paused' FROM rigalpha.kafka_workers));
	$stack->sql(q(SELECT rigalpha.resume_source('main')));
}
$stack->wait_messages('main', 200 + $number);
is($stack->sql('SELECT count(*), count(DISTINCT (machine_id, ts)) FROM rigalpha.readings'), '10200|10200', 'every row is there once');

note 'a changed configuration restarts the consumer';
my $position = $stack->log_position;
$stack->sql(q(UPDATE rigalpha.kafka_sources SET config = '{"fetch.wait.max.ms": 20}'));
$took = $stack->wait_for('another process consumes', "SELECT pid <> $pid AND state = 'running' FROM rigalpha.kafka_status", 10);
cmp_ok($took, '<=', 2, sprintf 'after %.0f ms', $took * 1000);
is(scalar $stack->log_lines('exited with|FATAL|ERROR', $position), 0, 'the change leaves no noise in the log');

note 'more workers, and fewer';
$stack->sql('UPDATE rigalpha.kafka_sources SET workers = 2');
$stack->wait_for('two workers run', q(SELECT count(*) = 2 AND bool_and(state = 'running') FROM rigalpha.kafka_status));
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("C$_", 1, 100)) for 0 .. 1;
$stack->wait_messages('main', 200 + $number + 200);
$stack->sql('UPDATE rigalpha.kafka_sources SET workers = 1');
$stack->wait_for('one worker runs', q(SELECT count(*) = 1 AND bool_and(state = 'running' AND partitions = 2) FROM rigalpha.kafka_status));

note 'configurations that the client refuses are shown';
$stack->sql(q(UPDATE rigalpha.kafka_sources SET config = '{"no.such.property": "1"}'));
$stack->wait_for('the error is in the status', q(SELECT state = 'error' AND last_error ~ 'no.such.property' FROM rigalpha.kafka_status));
$stack->sql(q(UPDATE rigalpha.kafka_sources SET config = '{"sasl.kerberos.kinit.cmd": "touch /tmp/owned"}'));
$stack->wait_for('a property that would run a program is refused',
	q(SELECT state = 'error' AND last_error ~ 'sasl.kerberos.kinit.cmd.* cannot be set' FROM rigalpha.kafka_status));

my $long = "x" . "\x{c3}\x{a9}" x 400;
$stack->sql(qq(UPDATE rigalpha.kafka_sources SET config = '{"$long": "1"}'));
$stack->wait_for('an error text is cut to valid characters',
	q(SELECT state = 'error' AND last_error ~ '\?\?\?\?' AND last_error IS NFC NORMALIZED FROM rigalpha.kafka_status));

note 'secrets come from files and stay out of the log';
my $secret = "$stack->{scratch}/secret";
PostgreSQL::Test::Utils::append_to_file($secret, "not-a-number-4711\n");
chmod 0644, $secret;
$stack->sql(qq(UPDATE rigalpha.kafka_sources SET config = '{"ssl.key.password_file": "$secret"}'));
$stack->wait_for('a file that others can read is refused', q(SELECT state = 'error' AND last_error ~ 'other users' FROM rigalpha.kafka_status));
chmod 0600, $secret;
$stack->sql(qq(UPDATE rigalpha.kafka_sources SET config = '{"session.timeout.ms_file": "$secret"}'));
$stack->wait_for('a value that the client refuses is not quoted',
	q(SELECT state = 'error' AND last_error ~ 'refuses the value of property "session.timeout.ms"' FROM rigalpha.kafka_status));
is(scalar $stack->log_lines('4711'), 0, 'the secret is not in the log');
is($stack->sql(q(SELECT count(*) FROM rigalpha.kafka_workers WHERE last_error ~ '4711')), '0', 'nor in the status');
$stack->sql(qq(UPDATE rigalpha.kafka_sources SET config = '{"sasl.password_file": "$secret"}'));
$stack->wait_state('main', 'running');
$stack->node->append_conf('postgresql.conf', "rigalpha_worker.secrets_directory = '/nonexistent'");
$stack->node->reload;
$stack->wait_for('the setting is read', q(SELECT current_setting('rigalpha_worker.secrets_directory') = '/nonexistent'));
$stack->sql(qq(UPDATE rigalpha.kafka_sources SET config = '{"sasl.password_file": "$secret", "client.rack": "1"}'));
$stack->wait_for('files elsewhere are refused', q(SELECT state = 'error' AND last_error ~ 'secrets_directory' FROM rigalpha.kafka_status));
$stack->sql(q(UPDATE rigalpha.kafka_sources SET config = '{}'));
$stack->wait_state('main', 'running');

note 'topics that do not exist, and sources that are dropped';
$stack->create_source('absent', 'absent', brokers => '127.0.0.1:1');
$stack->wait_for('a broker that is not there is shown',
	q(SELECT state = 'disconnected' AND last_error ~ 'refused|brokers' FROM rigalpha.kafka_status WHERE source = 'absent'));
$pid = $stack->consumer_pid('absent');
$stack->sql(q(SELECT rigalpha.drop_source('absent')));
$stack->wait_for('the consumer of a dropped source ends', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
$stack->create_source('again', 'other');
$stack->wait_state('again', 'running');

note 'settings are reloaded';
$stack->node->append_conf('postgresql.conf', "rigalpha_worker.databases = ''\n");
$stack->node->reload;
$stack->wait_for('a database taken off the list is left', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'rigalpha (sup|cons)'));
$stack->node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE rig');
$stack->node->append_conf('postgresql.conf', "rigalpha_worker.databases = 'rig, copy'\n");
$stack->node->reload;
$stack->wait_for('and served again', q(SELECT bool_and(state = 'running') AND count(*) = 2 FROM rigalpha.kafka_status));
$stack->wait_for('a copy of the database is watched, not consumed into',
	q(SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'copy' AND backend_type ~ '^rigalpha'));

note 'roles';
is($stack->sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'rigalpha (sup|cons)' AND usename <> 'rigalpha_worker')), '0',
	'every process is rigalpha_worker');
$position = $stack->log_position;
$stack->sql('ALTER ROLE rigalpha_worker SUPERUSER');
$stack->wait_for('a superuser is refused', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'rigalpha (sup|cons)'));
is(scalar $stack->log_lines('more rights than it needs', $position), 2, 'with one line for each database');
$stack->sql('ALTER ROLE rigalpha_worker NOSUPERUSER');
$stack->wait_for('and a lesser role accepted', q(SELECT bool_and(state = 'running') AND count(*) = 2 FROM rigalpha.kafka_status));
$stack->stop;
done_testing();
