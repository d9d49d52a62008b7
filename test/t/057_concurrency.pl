# Many sessions at once on few machines, instants and new names: every value ends under its sensor, every
# instant is one row, the latest state is the latest, and nothing fails but what a client may repeat.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $seed     = $ENV{RIGALPHA_SEED} // int(rand(2**31));
my $clients  = 8;
my $rounds   = $ENV{RIGALPHA_ROUNDS} // 150;

diag("RIGALPHA_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_locks_per_transaction = 256\nfsync = off\ntimezone = UTC\nlog_statement = none\ndeadlock_timeout = '200 ms'\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
# The value of a sensor follows from machine, sensor and time, so that no two messages disagree and each row can be checked.
$node->safe_psql($DATABASE, <<'END');
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
CREATE FUNCTION truth(machine text, sensor text, ts bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
	AS $$ SELECT abs(hashtext(machine || sensor || ts) % 100000)::float8 / 8 $$;
-- A batch of readings, each with a few of the sensors, out of a growing set of machines and sensors.
CREATE FUNCTION batch(grow integer) RETURNS bytea[] LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(convert_to(format('{"machine_id":"%s","timestamp":%s%s}', m, t, k), 'UTF8'))
	FROM (SELECT m, t, (SELECT string_agg(format(',"%s":%s', s, truth(m, s, t)), '') FROM (
				SELECT DISTINCT 's' || floor(random() * (5 + grow))::integer AS s FROM generate_series(1, 4) WHERE m IS NOT NULL) names) AS k
		FROM (SELECT 'M' || floor(random() * (2 + grow / 4))::integer AS m, 60 * (extract(epoch FROM now())::bigint / 60 - floor(random() * random() * 6 * 1440)::bigint) AS t
			FROM generate_series(1, 1 + floor(random() * 40)::integer)) x) y $$;
END
my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/ingest.sql", <<'END');
\set grow random(0, 12)
BEGIN;
SELECT * FROM rigalpha.ingest(batch(:grow), 'http');
COMMIT;
END
# A transaction that takes its readings back, by savepoint or whole.
append_to_file("$directory/rollback.sql", <<'END');
\set grow random(0, 16)
BEGIN;
SAVEPOINT s;
SELECT accepted FROM rigalpha.ingest(batch(:grow), 'http');
ROLLBACK TO s;
SELECT accepted FROM rigalpha.ingest(batch(:grow), 'http');
ROLLBACK;
END
append_to_file("$directory/edit.sql", <<'END');
\set n random(0, 7)
UPDATE rigalpha.sensors SET label = label || 'x' WHERE name = 's' || :n AND length(label) < 50;
SELECT rigalpha.maintenance_tick();
END
$node->command_ok([
		'pgbench', '--no-vacuum', '--client', $clients, '--jobs', 2, '--transactions', $rounds, '--random-seed', $seed, '--max-tries', 100,
		'-f', "$directory/ingest.sql\@6", '-f', "$directory/rollback.sql\@2", '-f', "$directory/edit.sql\@1", $DATABASE ], 'no error but serialization failures and deadlocks');

my $rows = $node->safe_psql($DATABASE, 'SELECT count(*) FROM rigalpha.readings');
note("$rows rows");
cmp_ok($rows, '>', 1000, 'there is something to check');
is($node->safe_psql($DATABASE, q{SELECT machine, sensor, ts, value FROM rigalpha.reading_values WHERE value IS DISTINCT FROM truth(machine, sensor, extract(epoch FROM ts)::bigint) LIMIT 10}), '', 'every value stands under its machine, sensor and time');
is($node->safe_psql($DATABASE, 'SELECT machine_id, ts, count(*) FROM rigalpha.readings GROUP BY 1, 2 HAVING count(*) > 1'), '', 'every instant is one row');
is($node->safe_psql($DATABASE, 'SELECT reason, count(*) FROM rigalpha.dead_letters GROUP BY 1'), '', 'nothing was refused');
is($node->safe_psql($DATABASE, q{SELECT m.name, st.readings, r.n FROM rigalpha.machines m JOIN rigalpha.machine_state st ON st.machine_id = m.id
	JOIN (SELECT machine_id, count(*) AS n, max(ts) AS ts FROM rigalpha.readings GROUP BY 1) r ON r.machine_id = m.id WHERE st.readings <> r.n OR st.ts <> r.ts}), '', 'readings are counted once, and the latest is the latest');
is($node->safe_psql($DATABASE, q{SELECT l.machine, l.sensor, l.ts, ss.ts, ss.value FROM (SELECT DISTINCT ON (machine, sensor) * FROM rigalpha.reading_values ORDER BY machine, sensor, ts DESC) l
	JOIN rigalpha.machines m ON m.name = l.machine JOIN rigalpha.sensors s ON s.name = l.sensor JOIN rigalpha.sensor_state ss ON ss.machine_id = m.id AND ss.sensor_id = s.id
	WHERE (ss.ts, ss.value) IS DISTINCT FROM (l.ts, l.value)}), '', 'so is the latest value of each sensor');
is($node->safe_psql($DATABASE, q{SELECT machine_id, count(*), max(position) FROM rigalpha.machine_sensors GROUP BY 1 HAVING count(*) <> max(position)}), '', 'positions are given without holes');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|WARNING|leak/, 'nothing leaked or broke');
note('deadlocks: ' . scalar(() = slurp_file($node->logfile) =~ /deadlock detected/g) . ', serialization failures: ' . scalar(() = slurp_file($node->logfile) =~ /could not /g));
$node->stop;
done_testing();
