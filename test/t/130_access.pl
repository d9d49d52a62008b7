# Who sees what, through real logins: every relation and function that a user may read, by the machine it is of. A
# relation or function that is not classified here fails the test.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $node     = PostgreSQL::Test::Cluster->new('access');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\ntimezone = UTC\nrigalpha.auto_train = off\nrigalpha.retention_days = 3650\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");

sub sql
{
	my ($statement, $login) = @_;
	my ($status, $out, $error) = $node->psql($DATABASE, $statement, extra_params => $login ? [ '-U', $login ] : [], on_error_die => 0);
	die "$statement: $error" if $status != 0;
	return $out;
}

# The result of a statement, or its error with the machine left out, so that answers can be compared.
sub answer
{
	my ($statement, $login) = @_;
	my (undef, $out, $error) = $node->psql($DATABASE, "\\set VERBOSITY verbose\n$statement", extra_params => [ '-U', $login ]);
	$error =~ s/^LOCATION:.*\n?//mg;
	$error =~ s/^psql:<stdin>:\d+: //mg;
	return $error =~ /ERROR/ ? $error : $out;
}

# Two machines that are alike in everything, a fleet, and what is of neither.
sql(q{
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup();
	SELECT rigalpha.ingest(ARRAY(SELECT convert_to(format('{"machine_id":"%s","timestamp":%s,"rpm":%s,"torque":%s}', m, 1709294400 + n, 100 + n % 7, sin(n)), 'UTF8')
		FROM unnest('{A,B}'::text[]) AS m, generate_series(1, 400) AS n), 'http');
	SELECT rigalpha.ingest(ARRAY[convert_to('{"machine_id":"A","timestamp":1709294401,"rpm":1}', 'UTF8'), convert_to('{"machine_id":"B","timestamp":1709294401,"rpm":1}', 'UTF8'), 'no json'], 'http');
	SELECT rigalpha.set_threshold('rpm', m, hi => 200) FROM unnest('{A,B,NULL}'::text[]) AS m;
	INSERT INTO rigalpha.sensor_aliases (alias, machine_id, sensor_id) SELECT 'turns', m.id, s.id FROM rigalpha.machines m, rigalpha.sensors s WHERE s.name = 'rpm';
	INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'twist', id FROM rigalpha.sensors WHERE name = 'torque';
	INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts) SELECT id, 'silent', now(), now() FROM rigalpha.machines;
	SELECT rigalpha.train('of.' || m, format('SELECT * FROM rigalpha.training_readings(%L)', m), 'iforest', m, options => '{"trees":5}') FROM unnest('{A,B}'::text[]) AS m;
	SELECT rigalpha.train('fleet', 'rigalpha.readings', 'iforest', options => '{"trees":5}');
	INSERT INTO rigalpha.jobs (model, source_text, algorithm, machine, options, seed, deploy, settings, state, acting_role, requested_by)
		SELECT concat('of.', m), 'x', 'iforest', m, '{}', 1, true, '{}', 'failed', 'x', 'x' FROM unnest('{A,B,NULL}'::text[]) AS m;
	SELECT rigalpha.grant_model('fleet', 'rigalpha_viewer'), rigalpha.grant_model('of.B', 'rigalpha_admin');
	SELECT rigalpha.create_kafka_source('source', 'broker:9092', 'topic');
	INSERT INTO rigalpha.kafka_offsets (source_id, "partition") SELECT id, 0 FROM rigalpha.kafka_sources;
	INSERT INTO rigalpha.kafka_workers (source_id, slot, slots) SELECT id, 0, 1 FROM rigalpha.kafka_sources;
	INSERT INTO rigalpha.kafka_gaps (source_id, "partition", from_offset, to_offset, reason) SELECT id, 0, 1, 2, 'x' FROM rigalpha.kafka_sources;
	INSERT INTO rigalpha.simulator_control DEFAULT VALUES;
	SELECT rigalpha.audit_tick();
	SELECT rigalpha.audit_store_checkpoint(p.size, p.text) FROM rigalpha.audit_checkpoint_proposal(0) p;
	CREATE ROLE simulator LOGIN IN ROLE rigalpha_simulator;
	CREATE ROLE unmapped LOGIN IN ROLE rigalpha_admin;
	CREATE FUNCTION token(n text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad(n, 43, 'x') $$;
	GRANT EXECUTE ON FUNCTION token TO PUBLIC });
my @MAPPED = (
	[ 'admin', 'admin', '{}' ], [ 'operator_a', 'operator', '{A}' ], [ 'viewer_b', 'viewer', '{B}' ], [ 'nothing', 'operator', '{}' ],
	[ 'disabled', 'admin', '{A,B}' ], [ 'demoted', 'viewer', '{A}' ]);
foreach my $user (@MAPPED)
{
	my ($name, $role, $machines) = @$user;
	# Rights of the database alone must not give more than the user has.
	my $group = $name eq 'demoted' ? 'rigalpha_admin' : "rigalpha_$role";
	sql("CREATE ROLE $name LOGIN IN ROLE $group; SELECT rigalpha.create_user('$name', '$role', machines => '$machines', db_role => '$name', must_change_password => false)");
	sql("SELECT rigalpha.create_session(id, token(name)) FROM rigalpha.users WHERE name = '$name'");
}
sql(q{SELECT rigalpha.disable_user('disabled')});
sql(q{SELECT rigalpha.create_user('fresh', 'admin', must_change_password => true); SELECT rigalpha.create_session(id, token(name)) FROM rigalpha.users WHERE name = 'fresh'});
my @NOBODY = ('unmapped', 'disabled');

# How to tell of which machine a row is; '' = the fleet, - = of no machine and for admins, + = of no machine and for every user.
my $BY_ID   = q{(SELECT m.name FROM all_machines m WHERE m.id = r.machine_id)};
my %KIND = (
	machine => { map { $_ => 'r.name' } 'rigalpha.machines', 'rigalpha_api.machines' },
	by_id   => { map { $_ => "coalesce($BY_ID, '')" } map { "rigalpha.$_" } qw(machine_sensors machine_state readings incidents sensor_state effective_thresholds alarms alarm_events effective_alarm_events) },
	fleet_by_id => { map { $_ => "coalesce($BY_ID, '')" } map { "rigalpha.$_" } qw(thresholds sensor_aliases) },
	named   => { map { $_ => 'r.machine' } qw(rigalpha.reading_values rigalpha.training_info rigalpha_api.machine_sensors rigalpha_api.live rigalpha_api.incidents rigalpha_api.training rigalpha_api.alarms rigalpha_api.alarm_list
		rigalpha_api.alarm_history rigalpha_api.event_history) },
	fleet_named => { map { $_ => q{coalesce(r.machine, '')} } qw(rigalpha.models rigalpha.model_versions rigalpha.model_deployments rigalpha.current_deployments rigalpha_api.models) },
	registry => { 'rigalpha.model_registry' => q{CASE r.model WHEN 'fleet' THEN '' ELSE right(r.model::text, 1) END} },
	rest_admin => { map { $_ => q{coalesce(r.machine, '-')} } qw(rigalpha.jobs rigalpha.dead_letters rigalpha_api.dead_letters) },
	user  => { map { $_ => q{'+'::text} } qw(rigalpha.sensors rigalpha_api.sensors rigalpha.alarm_suppressions) },
	admin => { map { $_ => q{'-'::text} } map { "rigalpha.$_" } qw(node kafka_sources kafka_offsets kafka_workers kafka_gaps kafka_status simulator_control model_grants audit_entries audit_links audit_chains
		audit_checkpoints audit_tree audit_nodes audit_guards audit_log audit_export) },
	admin_view => { 'rigalpha_api.kafka_status' => q{'-'::text} },
	counts => { 'rigalpha_api.status' => undef });    # one row for everybody; what it counts is looked at below
my %relation = map { %$_ } values %KIND;

note 'every relation that somebody may read is known to this test';
my @granted = split /\n/, sql(q{
	SELECT c.oid::regclass FROM pg_class c
	WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		AND EXISTS (SELECT FROM unnest('{rigalpha_admin,rigalpha_simulator,rigalpha_ingest,rigalpha_worker,rigalpha_web}'::name[]) AS r WHERE has_any_column_privilege(r, c.oid, 'SELECT')) ORDER BY 1});
is_deeply([ sort @granted ], [ sort keys %relation ], 'relations');
sql('CREATE VIEW all_machines AS SELECT id, name FROM rigalpha.machines; GRANT SELECT ON all_machines TO PUBLIC');

# The machines that the rows of a relation are of, as a login sees them.
sub shown
{
	my ($name, $login, $before) = @_;
	my $of = $relation{$name};
	return answer(($before // '') . " SELECT concat('{', string_agg(DISTINCT $of, ',' ORDER BY $of), '}') FROM $name r", $login);
}

# A column grant is enough for what is asked here, but no column of a row of somebody else is.
my %right = (
	admin      => { A => 1, B => 1, '' => 1, '+' => 1, '-' => 1 },
	operator_a => { A => 1, '' => 1, '+' => 1 },
	viewer_b   => { B => 1, '' => 1, '+' => 1 },
	nothing    => { '' => 1, '+' => 1 },
	demoted    => { A => 1, '' => 1, '+' => 1 },
	map { $_ => {} } @NOBODY);
foreach my $name (sort keys %relation)
{
	next unless $relation{$name};
	my ($all) = sql("SELECT string_agg(DISTINCT $relation{$name}, ',' ORDER BY $relation{$name}) FROM $name r");
	isnt($all // '', undef, "$name has rows");
	my @all = $all eq '' ? ('') : split /,/, $all, -1;
	foreach my $login (sort keys %right)
	{
		my $expected = '{' . join(',', grep { $right{$login}{$_} } @all) . '}';
		my $shown    = shown($name, $login);
		# Without the right it is as good as no row.
		$shown = '{}' if $shown =~ /42501/ && $expected eq '{}';
		is($shown, $expected, "$login: $name");
	}
	ok(sql("SELECT count(*) > 0 FROM $name"), "$name is not empty") if $all eq '';
}

note 'what is counted is counted for the user';
my $COUNTS = 'SELECT machines, sensors, readings, dead_letters, kafka_sources, machines_scored, incidents_open FROM rigalpha_api.status';
is(answer($COUNTS, 'admin'),      '2|2|800|3|1|2|2', 'admin');
is(answer($COUNTS, 'operator_a'), '1|2|400|1|0|1|1', 'operator of A');
is(answer($COUNTS, 'nothing'),    '0|0|0|0|0|0|0',   'user without machines');
is(answer($COUNTS, $_),           '0|0|0|0|0|0|0',   $_) foreach @NOBODY;
is(answer('SELECT ready, reason IS NULL, epoch IS NULL FROM rigalpha_api.status', 'viewer_b'), 't|t|t', 'whether it is ready is for everybody');

note 'functions that a user may call: what they say of a foreign machine is what they say of one that there is not';
my $RANGE = q{'2024-03-01Z', '2024-03-02Z'};
sub alarm_of
{
	my ($machine) = @_;
	return "(SELECT coalesce(max(id), -1) FROM all_alarms WHERE machine = '$machine')";
}
my %call = (
	'rigalpha.value'             => sub { "SELECT rigalpha.value('{1,2,3}', (SELECT id FROM all_machines WHERE name = '$_[0]'), 'rpm')" },
	'rigalpha.training_readings' => sub { "SELECT count(*) FROM rigalpha.training_readings('$_[0]')" },
	'rigalpha.training_plan'     => sub { "SELECT count(*) FROM rigalpha.training_plan() WHERE machine = '$_[0]'" },
	'rigalpha.visible_machines'  => sub { "SELECT count(*) FROM all_machines WHERE name = '$_[0]' AND id = ANY (rigalpha.visible_machines())" },
	'rigalpha.visible_machine_names' => sub { "SELECT '$_[0]' = ANY (rigalpha.visible_machine_names())" },
	'rigalpha.model_payload'     => sub { "SELECT count(*) FROM rigalpha.model_payload('of.$_[0]')" },
	'rigalpha.may_use_model'     => sub { "SELECT rigalpha.may_use_model('of.$_[0]')" },
	'rigalpha.score'             => sub { "SELECT rigalpha.score('of.$_[0]', '{100,0}') IS NULL" },
	'rigalpha.score_json'        => sub { qq{SELECT rigalpha.score_json('of.$_[0]', '{"rpm":100,"torque":0}') IS NULL} },
	'rigalpha.score_detail'      => sub { qq{SELECT risk IS NULL FROM rigalpha.score_detail('of.$_[0]', '{"rpm":100,"torque":0}', 1)} },
	'rigalpha.score_window'      => sub { "SELECT rigalpha.score_window('of.$_[0]', array_fill(1::float8, '{40}')) IS NULL" },
	'rigalpha.lstm_score'        => sub { "SELECT rigalpha.lstm_score('of.$_[0]', '{100,0}') OVER ()" },
	'rigalpha.explain'           => sub { qq{SELECT count(*) FROM rigalpha.explain('of.$_[0]', '{"rpm":100,"torque":0}')} },
	'rigalpha.detect'            => sub { "SELECT count(*) FROM rigalpha.detect('fleet', 'rigalpha.readings') WHERE machine = '$_[0]'" },
	'rigalpha.incidents'         => sub { "SELECT count(*) FROM rigalpha.incidents('of.$_[0]', 'rigalpha.readings')" },
	'rigalpha.job'               => sub { "SELECT count(*) FROM rigalpha.job((SELECT coalesce(max(id), -1) FROM all_jobs WHERE machine = '$_[0]'))" },
	'rigalpha.cancel_job'        => sub { "SELECT rigalpha.cancel_job((SELECT coalesce(max(id), -1) FROM all_jobs WHERE machine = '$_[0]'))" },
	'rigalpha.threshold_what_if' => sub { "SELECT alarms > 0 FROM rigalpha.threshold_what_if('rpm', '$_[0]', hi => 104, from_ts => '2024-03-01Z', to_ts => '2024-03-02Z')" },
	'rigalpha.limit_episodes'    => sub { "SELECT count(*) > 0 FROM rigalpha.limit_episodes((SELECT coalesce(max(id), -1) FROM all_machines WHERE name = '$_[0]'), 1, $RANGE, NULL, NULL, 0.5, NULL, 0, 0, 0)" },
	(map { my $act = $_; ("rigalpha.${act}_alarm" => sub { "SELECT rigalpha.${act}_alarm(" . alarm_of($_[0]) . ')' }) } qw(ack clear reopen unshelve)),
	'rigalpha.shelve_alarm'      => sub { 'SELECT rigalpha.shelve_alarm(' . alarm_of($_[0]) . ", clock_timestamp() + interval '1 hour')" },
	'rigalpha_api.act_on_alarm'  => sub { 'SELECT rigalpha_api.act_on_alarm(' . alarm_of($_[0]) . ", 'ack', '{}')" },
	'rigalpha_api.alarm_page'    => sub { "SELECT json_array_length(rigalpha_api.alarm_page('$_[0]', 'all', NULL, 10) -> 'alarms')" },
	'rigalpha_api.thresholds'    => sub { "SELECT count(*) FROM json_array_elements(rigalpha_api.thresholds() -> 'thresholds') t WHERE t ->> 'machine' = '$_[0]'" },
	'rigalpha_api.readings'      => sub { "SELECT json_array_length(rigalpha_api.readings('$_[0]', $RANGE) -> 'ts')" },
	'rigalpha_api.readings_csv'  => sub { "SELECT rows FROM rigalpha_api.readings_csv('$_[0]', $RANGE)" },
	'rigalpha_api.me'            => sub { "SELECT rigalpha_api.me() -> 'machines' ->> 0 IS NOT DISTINCT FROM '$_[0]'" },
	'rigalpha.status'            => undef,    # above
);
# Of no machine: constants, the user's own account, and what is checked by is_admin().
my @NEUTRAL = map { "rigalpha.$_" } qw(
	auto_model builtin_sensors database_oid default_alarm_suppressions flag_names limit_priority priority_rank identity is_admin_user is_user list_sessions node_is_current options readiness
	revoke_other_sessions revoke_session state_codes state_name system_identifier training_settings uid audit_note);
push @NEUTRAL, map { "rigalpha_api.$_" } qw(audit_checkpoint check_document csv_cell sessions);
my @callable = split /\n/, sql(q{
	SELECT DISTINCT p.pronamespace::regnamespace || '.' || p.proname FROM pg_proc p
	WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND has_function_privilege('rigalpha_operator', p.oid, 'EXECUTE') ORDER BY 1});
is_deeply([ sort @callable ], [ sort keys %call, @NEUTRAL ], 'every function that an operator may call is known to this test');
sql('CREATE VIEW all_alarms AS SELECT a.id, m.name AS machine FROM rigalpha.alarms a JOIN rigalpha.machines m ON m.id = a.machine_id; GRANT SELECT ON all_alarms TO PUBLIC');
sql('CREATE VIEW all_jobs AS SELECT id, machine FROM rigalpha.jobs; GRANT SELECT ON all_jobs TO PUBLIC');
foreach my $name (grep { $call{$_} } sort keys %call)
{
	my $own = answer($call{$name}->('A'), 'operator_a');
	my ($foreign, $unknown) = map { my $machine = $_; my $text = answer($call{$name}->($machine), 'operator_a'); $text =~ s/of\.\Q$machine\E/of.X/g; $text =~ s/(job|alarm) -?\d+/$1 N/g; $text =~ s/machine "\Q$machine\E"/machine X/g; $text } 'B', 'NONE';
	is($foreign, $unknown, "$name: foreign as unknown");
	isnt($own, $foreign, "$name: not so the own one") unless $name =~ /may_use_model/;
	foreach my $login (@NOBODY, 'nothing')
	{
		my ($of_a, $of_none) = map { my $machine = $_; my $text = answer($call{$name}->($machine), $login); $text =~ s/of\.\Q$machine\E/of.X/g; $text =~ s/(job|alarm) -?\d+/$1 N/g; $text =~ s/machine "\Q$machine\E"/machine X/g; $text } 'A', 'NONE';
		next if $login eq 'unmapped' && $name =~ /\.(cancel_job|job)$/;    # is_admin(): it manages, and reads no readings
		is($of_a, $of_none, "$name: $login");
	}
}
like(answer(q{SELECT rigalpha.set_threshold('rpm', 'B', hi => 1)}, 'operator_a'), qr/42501/, 'an operator sets no thresholds');
like(answer(q{SELECT rigalpha.set_threshold('rpm', 'B', hi => 1)}, 'demoted'), qr/42704.*machine "B" does not exist/s, 'nor does who is no admin, whatever the login may');
like(answer(q{SELECT rigalpha.set_threshold('rpm', 'A', hi => 1)}, 'demoted'), qr/42501/, 'not even of the own machine');
like(answer(q{INSERT INTO rigalpha.machines (name) VALUES ('new')}, $_), qr/42501/, "$_ makes no machines") foreach 'demoted', @NOBODY;
is(answer(q{UPDATE rigalpha.machines SET label = 'x' RETURNING 1}, 'demoted'), '', 'and changes none');
is(answer(q{INSERT INTO rigalpha.machines (name) VALUES ('new') RETURNING name}, 'admin'), 'new', 'an admin does');
is(answer(q{SELECT rigalpha.set_threshold('rpm', 'B', hi => 7) > 0}, 'admin'), 't', 'and sets thresholds');
is(answer(q{SELECT rigalpha.audit_note('x', 'B')}, 'operator_a'), 't', 'a note on a foreign machine');
is(sql(q{SELECT chain FROM rigalpha.audit_log WHERE operation = 'note' ORDER BY entry_id DESC LIMIT 1}), '0', 'is as one on a machine that there is not');
like(answer(q{SELECT payload FROM rigalpha.dead_letters}, 'operator_a'), qr/42501/, 'the bytes of a dead letter may be of other machines');
is(answer('SELECT count(*) FROM rigalpha.simulator_control', 'simulator'), '1', 'a simulator sees its switches');

note 'the login of the sidecar';
my @ROLES = qw(rigalpha_web rigalpha_viewer rigalpha_operator rigalpha_admin);
foreach my $role (@ROLES)
{
	my $rows = 0;
	foreach my $name (grep { $relation{$_} } sort keys %relation)
	{
		my $count = answer("SET ROLE $role; SELECT count(*) FROM $name", 'rigalpha_web');
		$rows++ unless $count eq '0' || $count =~ /42501/;
		diag("$role: $name: $count") unless $count eq '0' || $count =~ /42501/;
	}
	is($rows, 0, "without a session $role shows nothing");
}
foreach my $call ("deploy('fleet', 1)", "undeploy('fleet')", "rollback_model('fleet')", "drop_model('fleet')", "grant_model('fleet', 'public')", "revoke_model('fleet', 'rigalpha_viewer')", "export_model('fleet')",
	"import_model('x', 'x')", 'replay_dead_letters()', 'adopt()', 'protect_data(false)', 'list_users()', 'list_tokens()')
{
	like(answer("SET ROLE rigalpha_admin; SELECT rigalpha.$call", 'rigalpha_web'), qr/42501/, "nor may it $call");
	like(answer("SELECT rigalpha.$call", 'demoted'), qr/42501/, "nor may who is no admin");
}

# As the sidecar does it.
sub in_session
{
	my ($user, $statement) = @_;
	my @lines = split /\n/, answer("BEGIN; SELECT set_config('role', 'rigalpha_' || role, true) FROM rigalpha.begin_session(token('$user')); $statement; COMMIT", 'rigalpha_web');
	return $lines[-1] // '';
}
is(in_session('operator_a', 'SELECT string_agg(name, $$,$$) FROM rigalpha_api.machines'), 'A',   'a session of the operator of A');
is(in_session('viewer_b',   'SELECT string_agg(name, $$,$$) FROM rigalpha_api.machines'), 'B',   'of the viewer of B');
is(in_session('admin',      'SELECT string_agg(name, $$,$$ ORDER BY name) FROM rigalpha_api.machines'), 'A,B', 'of an admin');
is(in_session('fresh',      'SELECT count(*) FROM rigalpha_api.sensors'),                 '0',   'of an admin who has not changed the first password');
is(in_session('operator_a', 'SET LOCAL ROLE rigalpha_admin; SELECT string_agg(DISTINCT machine, $$,$$) FROM rigalpha.reading_values'), 'A', 'a stronger role shows no more');

note 'messages of jobs, and answers from a part of the log';
sql(q{UPDATE rigalpha.jobs SET message = 'no number: "secret of B"' WHERE machine = 'A' AND model = 'of.A'});
like(answer('SELECT message FROM rigalpha.jobs', 'operator_a'), qr/permission denied for table jobs/, 'a message may quote what the source of the training read, of any machine');
is(answer(q{SELECT count(*) FROM rigalpha.job((SELECT max(id) FROM all_jobs WHERE machine = 'A')) WHERE message IS NULL}, 'operator_a'), '1', 'so a user gets the state without it');
sql(q{ALTER TABLE rigalpha.machines DISABLE TRIGGER USER; UPDATE rigalpha.machines SET label = 'forged' WHERE name = 'A'; ALTER TABLE rigalpha.machines ENABLE TRIGGER USER});
is(answer(q{SELECT problem FROM rigalpha.audit_reconcile('rigalpha.machines')}, 'admin'), 'EDITED', 'an admin hears of a row that was edited past the log');
like(answer(q{SELECT problem FROM rigalpha.audit_reconcile('rigalpha.machines')}, 'unmapped'), qr/permission denied/, 'who sees neither log nor rows is not told that all is well');

note 'a training that a user of the sidecar asked for reads as that user';
sub wait_job
{
	my ($job) = @_;
	$node->poll_query_until($DATABASE, "SELECT state NOT IN ('queued', 'running') FROM rigalpha.jobs WHERE id = $job") or die 'the job does not end';
	return sql("SELECT concat_ws(': ', state, message) FROM rigalpha.jobs WHERE id = $job");
}
my $train = q{SELECT rigalpha.train_async('asked', 'SELECT * FROM rigalpha.training_readings($$A$$)', 'iforest', 'A', options => '{"trees":5}')};
is(wait_job(in_session('admin', $train)), 'done', 'an admin');
like(answer("SET ROLE rigalpha_admin; $train", 'rigalpha_web') =~ /(\d+)/ ? wait_job($1) : 'none', qr/^failed/, 'without a session there are no readings');
is(wait_job(answer($train, 'admin')), 'done', 'a login that is a user');
like(wait_job(answer($train, 'unmapped')), qr/^failed/, 'not one that is none');
is(sql(q{SELECT rows_used FROM rigalpha.models WHERE model = 'asked' ORDER BY version LIMIT 1}), '400', 'all readings');
$node->stop;
done_testing();
