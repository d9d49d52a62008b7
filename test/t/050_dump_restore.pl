# A dump restores into a cluster that knows nothing of rigalpha: rows, sequences, positions and labels
# arrive, nothing is stored before adopt(), and everything goes on after it.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $TODAY = time() - time() % 86400;

sub new_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ], %option);
	$node->append_conf('postgresql.conf', "max_locks_per_transaction = 256\ntimezone = UTC\n");
	$node->start;
	return $node;
}

# A reading of each of these days before today, from each machine.
sub fill
{
	my ($node, $days) = @_;
	return $node->safe_psql($DATABASE, qq{
		SELECT sum(accepted) FROM generate_series($days) AS day, rigalpha.ingest((
			SELECT array_agg(convert_to(format('{"machine_id":"%s","timestamp":%s,"state":"running","rpm":%s,"own_%s":1}',
				m, $TODAY - day * 86400 + n, n, m), 'UTF8'))
			FROM unnest('{A,B,C}'::text[]) AS m, generate_series(0, 99) AS n), 'http') });
}

# Name and number of rows of every table, leaves included; those that the dump leaves behind apart.
my $COUNTS = q{
	SELECT c.oid::regclass, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]
	FROM pg_class c WHERE c.relnamespace = 'rigalpha'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('kafka_workers', 'simulator_control', 'sessions', 'session_activity', 'login_throttles') ORDER BY c.oid::regclass::text };
# The rows themselves, as one hash for each table.
my $CONTENTS = $COUNTS =~ s/count\(\*\) AS n FROM %s/md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")) AS n FROM %s t/r;
my $SEQUENCES = q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'rigalpha' ORDER BY 1};
my $CATALOG = q{
	SELECT c.oid::regclass, c.relkind, c.relowner::regrole, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) a), c.reloptions, pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid)
		FROM pg_class c WHERE c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) ORDER BY c.oid::regclass::text;
	SELECT indexrelid::regclass, pg_get_indexdef(indexrelid), indisvalid FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'rigalpha'::regnamespace ORDER BY indexrelid::regclass::text;
	SELECT p.oid::regprocedure, p.proowner::regrole, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) a) FROM pg_proc p WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) ORDER BY p.oid::regprocedure::text;
	SELECT nspname, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(nspacl) a), obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname ~ '^rigalpha' ORDER BY 1 };

my $MESSAGE = q{ARRAY[convert_to('{"machine_id":"NEW","timestamp":' || extract(epoch FROM now())::bigint || ',"rpm":1,"never_seen":2}', 'UTF8')]};
my $INGEST = "SELECT accepted FROM rigalpha.ingest($MESSAGE, 'http')";
my $worker_batch = q{SELECT accepted, duplicates FROM rigalpha.worker_ingest(1, (SELECT max(generation) FROM rigalpha.kafka_offsets), ARRAY[
	convert_to(format('{"machine_id":"K","timestamp":%s,"rpm":%s}', TODAY + OFFSET, OFFSET), 'UTF8')], NULL, '{0}', '{OFFSET}')};

sub consume
{
	my ($node, $offset) = @_;
	(my $sql = $worker_batch) =~ s/OFFSET/$offset/g;
	$sql =~ s/TODAY/$TODAY/;
	return $node->safe_psql($DATABASE, $sql);
}

my $source = new_node('source', allows_streaming => 1);
$source->safe_psql('postgres', "CREATE DATABASE $DATABASE");
$source->safe_psql($DATABASE, 'CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');

note 'several days of readings, edited labels, history of limits, sources with positions, dead letters';
is(fill($source, '0, 4'), 1500, 'readings over five days');
$source->safe_psql($DATABASE, q{
	UPDATE rigalpha.sensors SET label = 'Rotary table', normal_max = 170 WHERE name = 'rpm';
	UPDATE rigalpha.machines SET label = 'Rig Ä', sensor_quota = 77 WHERE name = 'A';
	INSERT INTO rigalpha.sensors (name, label, origin) VALUES ('by_hand', 'Entered by hand', 'custom');
	DELETE FROM rigalpha.sensors WHERE name = 'noise_floor';
	INSERT INTO rigalpha.sensor_aliases (alias, sensor_id) SELECT 'speed', id FROM rigalpha.sensors WHERE name = 'rpm';
	UPDATE rigalpha.machine_sensors SET display_order = 5 WHERE position = 1;
	SELECT rigalpha.set_threshold('rpm', hi => 150) });
$source->safe_psql($DATABASE, $_) for q{SELECT rigalpha.set_threshold('rpm', hi => 160)}, q{SELECT rigalpha.set_threshold('rpm', 'B', hi => 140)},
	q{DELETE FROM rigalpha.thresholds WHERE valid_to = 'infinity' AND machine_id IS NOT NULL},
	q{SELECT rigalpha.create_kafka_source('main', 'localhost:1', 'topic', '{"sasl.password_file":"/x"}')}, q{SELECT count(*) FROM rigalpha.worker_claim(1, 0, 1, 3, 0)},
	q{SELECT rejected FROM rigalpha.ingest('{not json,NULL}'::bytea[], 'http')};
is(consume($source, 7), '1|0', 'a message of Kafka');
$source->safe_psql($DATABASE, q{SELECT rigalpha.worker_gap(1, 1, 1, 0, 12, 'lost')});
$source->safe_psql($DATABASE, q{UPDATE rigalpha.kafka_sources SET workers = 2 WHERE name = 'main'; INSERT INTO rigalpha.simulator_control (name) VALUES ('sim')});

$source->safe_psql($DATABASE, q{INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts) SELECT id, 'silent', now(), now() FROM rigalpha.machines WHERE name = 'A'});

note 'accounts, sessions, tokens';
my $hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE';
$source->safe_psql($DATABASE, qq{SELECT rigalpha.create_first_admin('$hash'), rigalpha.create_user('olga', 'operator', '$hash', '{A}', must_change_password => false)});
is($source->safe_psql($DATABASE, q{SELECT rigalpha.create_session(user_id, repeat('t', 43)) FROM rigalpha.login_lookup('olga', '192.0.2.1')}), '1', 'a session');
my $token = $source->safe_psql($DATABASE, q{SELECT rigalpha.issue_token('A', 'gateway')});
my ($token_id, $token_secret) = $token =~ /^rig_(.{8})_(.+)$/;
my $check_token = "SELECT verdict, machine FROM rigalpha.check_token('$token_id', '$token_secret')";

note 'an older dump, then later days, then the dump that counts';
my $directory = PostgreSQL::Test::Utils::tempdir();
$source->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/early", $DATABASE ], 'pg_dump');
is(fill($source, '5, 9'), 1500, 'five more days');
$source->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/late", $DATABASE ], 'pg_dump with partitions made later');
unlike(`pg_dump -p @{[$source->port]} -h @{[$source->host]} $DATABASE`, qr/\Q$token_secret\E|t{43}/, 'a dump holds no token');
my %expected = map { $_ => $source->safe_psql($DATABASE, $_) } $COUNTS, $CONTENTS, $SEQUENCES, $CATALOG;
like($expected{$COUNTS}, qr/^rigalpha\.dead_letters\|1$/m, 'there is something to compare');
like($expected{$COUNTS}, qr/^rigalpha\.thresholds\|3$/m, 'with history');
like($expected{$COUNTS}, qr/^rigalpha\.alarms\|1$/m, 'and an alarm, which the restored incident must not raise again');

note 'restore into an empty cluster';
my $target = new_node('target');
is($target->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname ~ '^rigalpha'}), 0, 'it knows none of the roles');
foreach my $dump ('early', 'late')
{
	$target->safe_psql('postgres', "DROP DATABASE IF EXISTS $DATABASE");
	$target->safe_psql('postgres', "CREATE DATABASE $DATABASE");
	$target->command_ok([ 'pg_restore', '--exit-on-error', '-d', $DATABASE, "$directory/$dump" ], "pg_restore of the $dump dump");
}
is($target->safe_psql($DATABASE, $COUNTS), $expected{$COUNTS}, 'equal numbers of rows in every table');
is($target->safe_psql($DATABASE, $CONTENTS), $expected{$CONTENTS}, 'equal rows in every table');
is($target->safe_psql($DATABASE, $SEQUENCES), $expected{$SEQUENCES}, 'equal sequences');
is($target->safe_psql($DATABASE, $CATALOG), $expected{$CATALOG}, 'equal owners, rights, bounds, indexes and comments');
is($target->safe_psql($DATABASE, q{SELECT label FROM rigalpha.sensors WHERE name = 'rpm'}), 'Rotary table', 'the edited label');
is($target->safe_psql($DATABASE, 'SELECT (SELECT count(*) FROM rigalpha.kafka_workers) + (SELECT count(*) FROM rigalpha.simulator_control)'), 0, 'leases and switches stay behind');
is($target->safe_psql($DATABASE, 'SELECT (SELECT count(*) FROM rigalpha.sessions) + (SELECT count(*) FROM rigalpha.session_activity) + (SELECT count(*) FROM rigalpha.login_throttles)'), 0, 'sessions and attempts, too');
is($target->safe_psql($DATABASE, $check_token), 'ok|A', 'a device goes on with its token');

note 'inert until adopted';
foreach my $statement ($INGEST, 'SELECT rigalpha.setup()')
{
	my ($status, undef, $error) = $target->psql($DATABASE, "\\set VERBOSITY sqlstate\n$statement");
	isnt($status, 0, "refused: $statement");
	like($error, qr/RA002/, 'with its own code');
}
is($target->safe_psql($DATABASE, 'SELECT ready, reason FROM rigalpha.status()'), 'f|restored or copied from another database; run SELECT rigalpha.adopt()', 'status says why');
is($target->safe_psql($DATABASE, 'SELECT count(*) FROM rigalpha.worker_sources()'), 0, 'no source to consume');
$target->safe_psql($DATABASE, q{SELECT rigalpha.maintenance_tick(); UPDATE rigalpha.sensors SET label = label});
is($target->safe_psql($DATABASE, $COUNTS), $expected{$COUNTS}, 'the tick makes nothing');

note 'adopted';
is($target->safe_psql($DATABASE, 'SELECT rigalpha.adopt()'), 2, 'adopt() counts the epoch');
is($target->safe_psql($DATABASE, 'SELECT rigalpha.adopt()'), 2, 'once');
is($target->safe_psql($DATABASE, 'SELECT ready, epoch FROM rigalpha.status()'), 't|2', 'ready');
is($target->safe_psql($DATABASE, $INGEST), 1, 'a new machine with a new sensor');
is($target->safe_psql($DATABASE, q{SELECT id > (SELECT max(id) FROM rigalpha.machines WHERE name <> 'NEW') FROM rigalpha.machines WHERE name = 'NEW'}), 't', 'it got a new id');
is($target->safe_psql($DATABASE, q{SELECT id > (SELECT max(id) FROM rigalpha.sensors WHERE name <> 'never_seen') FROM rigalpha.sensors WHERE name = 'never_seen'}), 't', 'and its sensor too');
is(fill($target, '0, 1'), 0, 'what was stored is a duplicate');
is($target->safe_psql($DATABASE, q{SELECT string_agg(format('%s=%s', s.name, ms.position), ' ' ORDER BY ms.position) FROM rigalpha.machine_sensors ms JOIN rigalpha.machines m ON m.id = ms.machine_id JOIN rigalpha.sensors s ON s.id = ms.sensor_id WHERE m.name = 'B'}),
	'rpm=1 own_B=2', 'positions are kept');
is($target->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha.reading_values WHERE machine = 'B' AND sensor = 'own_B' AND value = 1}), 1000, 'values stand under their sensors');
is($target->safe_psql($DATABASE, q{SELECT "partition", next_offset, generation FROM rigalpha.worker_claim(1, 0, 1, 3, 0) ORDER BY 1}), "0|8|2\n1|12|2\n2|-1|2", 'a worker goes on at its positions, in a newer generation');
is(consume($target, 7), '0|0', 'a message that was stored before the dump is skipped');
is(consume($target, 8), '1|0', 'the next one is stored');
is($target->safe_psql($DATABASE, q{SELECT rigalpha.set_threshold('rpm', hi => 170) > 0}), 't', 'limits can be changed');

note 'a copy inside the cluster is another database';
is($target->safe_psql($DATABASE, q{SELECT rigalpha.create_session(2, repeat('u', 43))}), '2', 'a session before it is made, with a new number');
$target->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE $DATABASE");
my (undef, undef, $error) = $target->psql('copy', "\\set VERBOSITY sqlstate\n$INGEST");
like($error, qr/RA002/, 'it must be adopted, too');
is($target->safe_psql('copy', "SELECT rigalpha.adopt(); SELECT accepted FROM rigalpha.ingest(ARRAY['{\"machine_id\":\"COPY\",\"rpm\":1}'::bytea], 'http')"), "3\n1", 'and then stores readings');
is($target->safe_psql('copy', 'SELECT count(*) FROM rigalpha.sessions'), 0, 'sessions of the original are over in it');
is($target->safe_psql($DATABASE, q{SELECT user_name FROM rigalpha.begin_session(repeat('u', 43))}), 'olga', 'and go on there');
is($target->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha.machines WHERE name = 'COPY'}), 0, 'for itself');

note 'the extension can be dropped and made again, in the same sessions';
$target->safe_psql('copy', q{
	SELECT accepted FROM rigalpha.ingest(ARRAY['{"machine_id":"A","rpm":1}'::bytea], 'http');
	DROP EXTENSION rigalpha CASCADE;
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup() });
is($target->safe_psql('copy', q{
	SELECT accepted FROM rigalpha.ingest(ARRAY['{"machine_id":"A","rpm":1}'::bytea], 'http');
	DROP EXTENSION rigalpha CASCADE;
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup();
	SELECT accepted FROM rigalpha.ingest(ARRAY['{"machine_id":"A","first":1,"rpm":1}'::bytea], 'http');
	SELECT machines, readings FROM rigalpha.status() }), "1\nready\n1\n1|1", 'one backend, two lives of the extension');
is($target->safe_psql('copy', q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'rigalpha.readings'::regclass}), 8, 'no partition survived');

note 'plain maintenance';
$target->safe_psql($DATABASE, 'VACUUM ANALYZE');
$target->safe_psql($DATABASE, 'REINDEX SCHEMA rigalpha');
is($target->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha.readings WHERE machine_id = 1}), 1000, 'rows are there after VACUUM, ANALYZE and REINDEX');
$target->stop;
$source->stop;
done_testing();
