# Training in background workers: rights, cancelling, progress without a snapshot, death, restore, and training that
# nobody asked for.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
# A training that does not end by itself in the time of a test.
my $LONG = q{'lstm_ae', options => '{"hidden":128,"epochs":1000,"patience":1000,"stride":1}'};
my $QUICK = q{'iforest', options => '{"trees":5}'};

my $node = PostgreSQL::Test::Cluster->new('training');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'rigalpha_worker'
rigalpha_worker.databases = '$DATABASE'
rigalpha.auto_train = off
max_worker_processes = 10
max_locks_per_transaction = 256
restart_after_crash = on
timezone = UTC
END
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
sql(q{
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup();
	CREATE ROLE trainer LOGIN IN ROLE rigalpha_admin;
	CREATE ROLE colleague LOGIN IN ROLE rigalpha_admin;
	CREATE ROLE onlooker LOGIN IN ROLE rigalpha_viewer;
	CREATE TABLE open AS SELECT '2024-03-01Z'::timestamptz + n * interval '1 s' AS ts, sin(n) + sin(n * n) AS a, n % 7 AS b, cos(n * 0.1) AS c FROM generate_series(1, 20000) AS n;
	CREATE TABLE closed AS TABLE open;
	GRANT SELECT ON open TO trainer, colleague;
	CREATE SCHEMA theirs;
	GRANT USAGE ON SCHEMA theirs TO trainer;
	CREATE VIEW theirs.rows_here AS SELECT a, b FROM open LIMIT 500;
	GRANT SELECT ON theirs.rows_here TO trainer });

sub sql
{
	my ($statement, $role) = @_;
	my ($status, $out, $error) = $node->psql($DATABASE, $statement, extra_params => [ '-U', $role // scalar getpwuid($>) ], on_error_die => 0);
	die "$statement: $error" if $status != 0;
	return $out;
}

# SQLSTATE that a statement fails with.
sub sqlstate
{
	my ($statement, $role) = @_;
	my (undef, undef, $error) = $node->psql($DATABASE, "\\set VERBOSITY sqlstate\n$statement", extra_params => [ '-U', $role ]);
	return $error =~ /(?:ERROR|FATAL):\s+(\w+)/ ? $1 : "none: $error";
}

sub wait_for
{
	my ($what, $condition) = @_;
	return ok($node->poll_query_until($DATABASE, "SELECT coalesce(($condition), false)"), $what);
}

# A number alone, also where a notice or another result came with it.
sub start_job
{
	my ($arguments, %option) = @_;
	my $before = $option{before} // '';
	my ($job) = sql("$before SELECT rigalpha.train_async($arguments)", $option{role}) =~ /(\d+)\s*\z/;
	return $job;
}

sub state_of { return sql("SELECT state FROM rigalpha.job($_[0])"); }

sub wait_end
{
	my ($job, $state, $what) = @_;
	$node->poll_query_until($DATABASE, "SELECT state NOT IN ('queued', 'running') FROM rigalpha.job($job)");
	return is(sql("SELECT concat_ws(': ', state, message) FROM rigalpha.job($job)"), $state, $what);
}

sub wait_computing
{
	my ($job) = @_;
	return wait_for("job $job computes, and shows how far it is", "SELECT state = 'running' AND phase = 'training' AND progress > 0 FROM rigalpha.job($job)");
}

note 'with the rights of the role that asks, not of its login';
my $job = start_job("'own', 'public.open', $QUICK", role => 'trainer');
wait_end($job, 'done', 'a job of a login');
is(sql("SELECT model, version, deployed, rows_used, created_by FROM rigalpha.models WHERE model = 'own'"), 'own|1|t|20000|trainer', 'its version is stored and deployed');
is(sql("SELECT algorithm, progress, phase, version, requested_by, acting_role, started_at <= finished_at FROM rigalpha.job($job)"), 'iforest|1||1|trainer|trainer|t', 'the job says so');
wait_end(start_job("'own', 'public.closed', $QUICK", role => 'trainer'), 'failed: permission denied for table closed', 'a table that the role may not read');
wait_end(start_job("'own', 'public.closed', $QUICK", before => 'SET ROLE trainer;'), 'failed: permission denied for table closed', 'nor may it when the login is a superuser');
wait_end($job = start_job("'own', 'public.open', $QUICK", before => 'SET ROLE trainer;'), 'done', 'what it may read it may train on');
is(sql("SELECT requested_by = session_user, acting_role FROM rigalpha.job($job)"), 't|trainer', 'login and role are kept apart');
sql(q{
	CREATE FUNCTION theirs.climb(n bigint) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', 'none', false); RETURN n; END $$;
	CREATE FUNCTION theirs.who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'I am %', current_user; END $$ });
wait_end(start_job("'own', 'SELECT theirs.climb(n) AS a FROM generate_series(1, 500) AS n', $QUICK", before => 'SET ROLE trainer;'),
	'failed: cannot set parameter "role" within security-definer function', 'a function of the source cannot become the login');
wait_end(start_job("'own', 'SELECT theirs.who() AS machine, 1 AS a', $QUICK", before => 'SET ROLE trainer;'), 'failed: I am trainer', 'and runs as the role');
wait_end(start_job("'own', 'rows_here', $QUICK", role => 'trainer', before => 'SET search_path = theirs;'), 'done', 'names mean what they mean to who asks');
is(sqlstate("SELECT rigalpha.train_async('own', 'public.open')", 'onlooker'), '42501', 'not everybody may train');
is(sql(q{SELECT message IS NULL FROM rigalpha.job((SELECT max(id) FROM rigalpha.jobs WHERE state = 'failed'))}), 'f', 'the message of a failure is for admins');
my $failed = sql(q{SELECT max(id) FROM rigalpha.jobs WHERE state = 'failed'});
is(sql("SELECT state, message FROM rigalpha.job($failed)", 'onlooker'), '', 'and a job that is of no machine is there for nobody else');

note 'a job begins when its transaction has committed';
my $session = $node->background_psql($DATABASE);
$session->query("BEGIN; SELECT rigalpha.train_async('held', 'public.open', $QUICK)");
wait_for('its process waits for that', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'rigalpha training' AND wait_event_type = 'Lock'});
$session->query('COMMIT');
wait_for('then it runs', q{SELECT state = 'done' FROM rigalpha.jobs WHERE model = 'held'});
$session->query("BEGIN; SELECT rigalpha.train_async('undone', 'public.open', $QUICK); ROLLBACK");
$session->quit;
wait_for('the process of a job that was rolled back ends', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha training'});
is(sql(q{SELECT count(*) FROM rigalpha.jobs WHERE model = 'undone'}), '0', 'and leaves nothing');

note 'progress, without a snapshot';
$job = start_job("'long', 'public.open', $LONG", role => 'trainer');
wait_computing($job);
is(sql("SELECT usename, application_name, query, xact_start IS NULL FROM pg_stat_activity WHERE pid = rigalpha.job_process($job)"),
	'trainer|rigalpha training|training model long: training|t', 'the process says what it does');
my $oldest = 0;
for (1 .. 40)
{
	my ($age) = sql("SELECT txid_current(); SELECT coalesce(greatest(age(backend_xmin), age(backend_xid)), 0) FROM pg_stat_activity WHERE pid = rigalpha.job_process($job)") =~ /(\d+)\s*\z/;
	$oldest = $age if $age > $oldest;
}
cmp_ok($oldest, '<', 20, 'no snapshot and no transaction is kept while it computes');
sql('DELETE FROM closed; VACUUM closed');
is(sql(q{SELECT pg_relation_size('closed')}), '0', 'what is deleted meanwhile can be vacuumed away');

note 'cancelling';
is(sqlstate("SELECT rigalpha.cancel_job($job)", 'onlooker'), '42704', 'not by everybody');
is(state_of($job), 'running', 'it goes on');
is(sql("SELECT rigalpha.cancel_job($job)", 'trainer'), 't', 'by who asked for it');
wait_end($job, 'cancelled: the job was cancelled', 'it ends');
is(sql("SELECT rigalpha.cancel_job($job)", 'trainer'), 'f', 'once');
$job = start_job("'long', 'public.open', $LONG", role => 'trainer');
wait_computing($job);
is(sql("SELECT rigalpha.cancel_job($job)", 'colleague'), 't', 'by an admin');
wait_end($job, 'cancelled: the job was cancelled', 'it ends, too');
$job = start_job("'long', 'SELECT a, pg_sleep(600) FROM public.open', $QUICK", role => 'trainer');
wait_for('a job reads', "SELECT state = 'running' AND phase = 'reading' FROM rigalpha.job($job)");
is(sql("SELECT rigalpha.cancel_job($job)"), 't', 'in the middle of a query');
wait_end($job, 'cancelled: the job was cancelled', 'it ends there');
$job = start_job("'long', 'public.open', $LONG", role => 'trainer');
wait_computing($job);
sql("SELECT pg_terminate_backend(rigalpha.job_process($job))");
wait_end($job, 'failed: the process was told to end', 'a process that is told to end writes that down');
($job) = sql("BEGIN; SELECT rigalpha.train_async('long', 'public.open', $LONG) AS j \\gset \n SELECT rigalpha.cancel_job(:j); COMMIT; SELECT :j") =~ /(\d+)\s*\z/;
wait_end($job, 'cancelled: the job was cancelled', 'a job can be cancelled before it begins');
wait_for('no process is left', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha training'});
is(sql(q{SELECT count(*) FROM rigalpha.models WHERE model = 'long'}), '0', 'none of them left a version');

note 'several at a time, and more than there are processes';
my @jobs = map { start_job("'twin', 'public.open', $QUICK") } 1, 2;
wait_end($_, 'done', 'one of two') for @jobs;
is(sql(q{SELECT string_agg(version::text, ' ' ORDER BY version) FROM rigalpha.models WHERE model = 'twin'}), '1 2', 'each made a version');
@jobs = ();
my $refusal = 'none';
while (@jobs < 12 && $refusal eq 'none')
{
	my ($status, $out, $error) = $node->psql($DATABASE, "\\set VERBOSITY verbose\nSELECT rigalpha.train_async('crowd', 'public.open', $LONG)");
	$status == 0 ? push @jobs, $out : ($refusal = $error);
}
like($refusal, qr/53400.*no background worker is free.*max_worker_processes/s, 'without a free process a job is refused, with a hint');
is(sql(q{SELECT count(*) FROM rigalpha.jobs WHERE model = 'crowd'}), scalar @jobs, 'and not kept');
sql("SELECT rigalpha.cancel_job($_)") foreach @jobs;
wait_for('all end', q{SELECT count(*) = 0 FROM rigalpha.jobs WHERE state IN ('queued', 'running')});

note 'a process that is killed';
$job = start_job("'killed', 'public.open', $LONG");
wait_computing($job);
my $pid = sql("SELECT rigalpha.job_process($job)");
kill 'KILL', $pid;
my $back = 0;
for (1 .. 3000)
{
	my ($status, $out) = $node->psql($DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid");
	last if $back = $status == 0 && $out eq '0';
	select(undef, undef, undef, 0.02);
}
ok($back, 'the server recovers');
wait_end($job, 'failed: the process of the job ended unexpectedly', 'the supervisor gives the job up');
is(sql(q{SELECT count(*) FROM rigalpha.models WHERE model = 'killed'}), '0', 'it left no version');

note 'dump and restore';
sql(q{SELECT rigalpha.grant_model('twin', 'trainer'); SELECT rigalpha.deploy('twin', 1); SELECT rigalpha.drop_model('own', 1);});
$job = start_job("'unfinished', 'public.open', $LONG");
wait_computing($job);
my $directory = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/dump", $DATABASE ], 'pg_dump beside a job');
sql("SELECT rigalpha.cancel_job($job)");
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'other', "$directory/dump" ], 'pg_restore');
my $all = q{SELECT model, version, version_id, deployed, restricted, feature_names, created_at FROM rigalpha.models ORDER BY 1, 2};
is($node->safe_psql('other', $all), sql($all), 'the versions are there');
is($node->safe_psql('other', q{SELECT md5(payload) FROM rigalpha.model_payload('twin')}), sql(q{SELECT md5(payload) FROM rigalpha.model_payload('twin')}), 'and their payloads');
is($node->safe_psql('other', q{SELECT rigalpha.training_tick()}), '', 'nothing happens before adopt()');
is($node->safe_psql('other', "SELECT state FROM rigalpha.jobs WHERE id = $job"), 'running', 'not even to the job');
$node->safe_psql('other', q{SELECT rigalpha.adopt(); SELECT rigalpha.training_tick()});
is($node->safe_psql('other', "SELECT state FROM rigalpha.jobs WHERE id = $job"), 'failed', 'a job of the other database has no process here');
is($node->safe_psql('other', "SELECT version FROM rigalpha.train('twin', 'public.open', $QUICK)"), '3', 'numbers go on');
is($node->safe_psql('other', q{SELECT id > (SELECT max(id) FROM rigalpha.model_versions WHERE model <> 'twin') FROM rigalpha.model_versions WHERE model = 'twin' AND version = 3}), 't', 'and keys');
is($node->safe_psql('other', q{SELECT rigalpha.rollback_model('twin')}), '1', 'the history of deployments came along');
my ($next) = $node->safe_psql('other', "SELECT rigalpha.train_async('own', 'public.open', $QUICK)") =~ /(\d+)/;
ok($node->poll_query_until('other', "SELECT state = 'done' AND version > 1 FROM rigalpha.job($next)"), 'jobs run in the copy');

note 'training that nobody asked for';
sub ingest
{
	my ($machine, $first, $last, $formula) = @_;
	return sql(qq{SELECT sum(accepted) FROM generate_series($first, $last) AS n, rigalpha.ingest(ARRAY[convert_to(format(
		'{"machine_id":"$machine","timestamp":%s,"rpm":%s,"torque":%s,"spp":%s}', extract(epoch FROM now())::bigint - 10000 + n, $formula, $formula + n % 5, cos(n)), 'UTF8')], 'http')});
}
sub configure
{
	my ($setting, $value) = @_;
	sql("LOAD 'rigalpha'; ALTER SYSTEM SET $setting = $value");
	sql('SELECT pg_reload_conf()');
}
my $INFO = q{SELECT regexp_replace(state, ' at \d.*', '') FROM rigalpha.training_info WHERE machine = };
configure('rigalpha.auto_train_readings', 300);
ingest('A', 1, 299, 'sin(n)');
wait_for('off', "($INFO 'A') = 'automatic training is off'");
configure('rigalpha.auto_train', 'on');
wait_for('warming up', "($INFO 'A') = 'warming up: 299 of 300 readings'");
is(sql(q{SELECT count(*) FROM rigalpha.jobs WHERE automatic}), '0', 'too few readings yet');
ingest('A', 300, 300, 'sin(n)');
wait_for('trained', "($INFO 'A') = 'trained on 300 readings'");
is(sql(q{SELECT model, version, algorithm, rows_used, trained_at IS NOT NULL, next_training_at FROM rigalpha.training_info WHERE machine = 'A'}), 'auto.A|1|hybrid|300|t|', 'a model of its own, which scores it');
is(sql(q{SELECT automatic, requested_by, acting_role, readings, machine FROM rigalpha.jobs WHERE model = 'auto.A'}), 't|rigalpha_worker|rigalpha_owner|300|A', 'by the worker, as the owner');
is(sql(q{SELECT machine FROM rigalpha.models WHERE model = 'auto.A'}), 'A', 'for this machine alone');
ingest('A', 301, 600, 'sin(n)');
wait_for('trained anew when the readings have doubled', "($INFO 'A') = 'trained on 600 readings'");
is(sql(q{SELECT version FROM rigalpha.training_info WHERE machine = 'A'}), '2', 'the next version');

note 'it leaves alone what others decided';
sql(q{SELECT rigalpha.undeploy('auto.A')});
wait_for('an undeployed model stays so', "($INFO 'A') = 'automatic training is off: its model was undeployed'");
sql("SELECT rigalpha.train('fleet', 'rigalpha.readings', $QUICK)");
wait_for('a fleet model takes its place', q{(SELECT model = 'fleet' FROM rigalpha.training_info WHERE machine = 'A')});
ingest('B', 1, 300, 'sin(n)');
wait_for('a machine with a model needs none', "($INFO 'B') LIKE 'trained on % readings'");
is(sql(q{SELECT due FROM rigalpha.training_plan() WHERE machine = 'B'}), 'f', 'it is not due');
sql(q{SELECT rigalpha.undeploy('fleet')});
wait_for('until it is undeployed', q{(SELECT model = 'auto.B' FROM rigalpha.training_info WHERE machine = 'B')});

note 'a training that fails is tried again later';
configure('rigalpha.auto_train', 'off');
ingest('D', 1, 300, 'sin(n)');
sql(q{DELETE FROM rigalpha.readings WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'D')});
configure('rigalpha.auto_train', 'on');
wait_for('a machine whose readings are gone', "($INFO 'D') = 'training failed: the source has no rows'");
is(sql(q{SELECT next_training_at BETWEEN now() + interval '55 min' AND now() + interval '1 h' FROM rigalpha.training_info WHERE machine = 'D'}), 't', 'waits an hour');
is(sql(q{SELECT due FROM rigalpha.training_plan() WHERE machine = 'D'}), 'f', 'and is not due');

note 'the extension goes while a job computes';
$job = start_job("'gone', 'public.open', $LONG");
wait_computing($job);
sql('DROP EXTENSION rigalpha CASCADE');
wait_for('its process ends', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'rigalpha training'});
$node->stop;
done_testing();
