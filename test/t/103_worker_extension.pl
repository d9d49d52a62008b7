# Databases, extension and roles come and go while the server runs.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;

my $stack = RigAlpha::Stack->new('extension', bare => 1);
my $node  = $stack->node;

# What the worker's processes said since a position, hints left out.
sub worker_lines
{
	my ($position) = @_;
	return grep { !/ HINT: / } $stack->log_lines('rigalpha (launcher|supervisor|consumer) |background worker "rigalpha', $position);
}

sub wait_log
{
	my ($pattern, $position) = @_;
	for (1 .. 3000)
	{
		return pass("logged: $pattern") if $stack->log_lines($pattern, $position);
		select(undef, undef, undef, 0.02);
	}
	return fail("logged: $pattern");
}

note 'the library is for shared_preload_libraries only';
my ($status, $out, $error) = $node->psql('postgres', q(LOAD 'rigalpha_worker'));
is($status, 0, 'loading it again in a session is harmless');

note 'the database is missing';
wait_log('rigalpha waits: database "rig" does not exist', 0);

note 'the role is missing';
$node->safe_psql('postgres', 'CREATE DATABASE rig');
wait_log('rigalpha waits: role "rigalpha_worker" does not exist', 0);
is(scalar worker_lines(0), 2, 'one line for each change of state');

note 'the extension appears';
$stack->sql('CREATE EXTENSION rigalpha');
wait_log('rigalpha is active in database "rig"', 0);
$stack->create_source('main', 'readings');
my ($absent) = $stack->sql('SELECT count(*) FROM rigalpha.worker_sources()');
is($absent, '0', 'before setup there is no source to consume');
$stack->sql('SELECT rigalpha.setup()');
$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('A', 1, 100));
$stack->wait_messages('main', 100);

note 'DROP EXTENSION and CREATE EXTENSION, again and again';
for my $round (1 .. 5)
{
	my $position = $stack->log_position;
	$stack->produce_lines('readings', 0, RigAlpha::Stack::readings('A', 100 * $round + 1, 100 * $round + 100));
	$stack->sql('DROP EXTENSION rigalpha CASCADE');
	wait_log('extension is not installed in database "rig"', $position);
	$stack->wait_for('the consumer ends', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer'));
	$stack->sql('CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');
	$stack->create_source('main', 'readings');
	$stack->wait_messages('main', 100 * ($round + 1));
	my @lines = worker_lines($position);
	cmp_ok(scalar @lines, '<=', 4, 'the log has few lines about it: ' . @lines) or diag(join "\n", @lines);
	is(scalar(grep { /ERROR|FATAL|PANIC/ } @lines), 0, 'and no failure') or diag(join "\n", @lines);
}

note 'an extension that stays away is not talked about';
$stack->sql('DROP EXTENSION rigalpha CASCADE');
$stack->wait_for('the consumer ends', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer'));
my $position = $stack->log_position;
my ($turns)  = $stack->sql(q(SELECT xact_commit FROM pg_stat_database WHERE datname = 'rig'));
$stack->wait_for('the supervisor turned twenty times', "SELECT xact_commit > $turns + 20 FROM pg_stat_database WHERE datname = 'rig'");
is(scalar worker_lines($position), 0, 'no line in that time');

note 'a newer interface asks for a restart';
$stack->sql('CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');
$stack->create_source('main', 'readings');
$stack->wait_messages('main', 600);
$stack->sql('CREATE OR REPLACE FUNCTION rigalpha.worker_abi() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 2 $$');
$stack->wait_state('main', 'restart required');
wait_log('needs another worker version', $position);
$stack->wait_for('nothing is consumed', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer'));
$stack->sql('CREATE OR REPLACE FUNCTION rigalpha.worker_abi() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 1 $$');
$stack->wait_state('main', 'running');

note 'DROP DATABASE';
$position = $stack->log_position;
$node->safe_psql('postgres', 'DROP DATABASE rig WITH (FORCE)');
wait_log('rigalpha waits: database "rig" does not exist', $position);
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'rigalpha (sup|cons)')), '0', 'nothing runs for it');
$node->safe_psql('postgres', 'CREATE DATABASE rig');
$stack->sql('CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');
$stack->create_source('main', 'readings');
$stack->wait_messages('main', 600);
$stack->stop;
done_testing();
