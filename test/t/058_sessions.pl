# Whom a connection acts for never outlives a transaction: with many users on few connections, as in the pool of the sidecar,
# beside changes of their accounts, over PREPARE TRANSACTION, and on a standby, which cannot note anything.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $seed     = $ENV{RIGALPHA_SEED} // int(rand(2**31));

diag("RIGALPHA_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('sessions');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_prepared_transactions = 2\nlog_statement = none\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");

sub sql
{
	my ($statement) = @_;
	return $node->safe_psql($DATABASE, $statement);
}

# User n is assigned to machine n, and its session has the token of n.
sql(q{
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup();
	INSERT INTO rigalpha.machines (id, name) SELECT n, 'M' || n FROM generate_series(1, 9) AS n;
	CREATE FUNCTION token(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT rpad('user' || n || '_', 43, 'x') $$;
	SELECT rigalpha.create_user('user' || n, 'operator', machines => ARRAY['M' || n], must_change_password => false) FROM generate_series(1, 9) AS n;
	SELECT rigalpha.create_session(n, token(n)) FROM generate_series(1, 9) AS n;
	-- Half of the requests find that their use has to be noted.
	CREATE FUNCTION age() RETURNS void LANGUAGE sql AS $$
		UPDATE rigalpha.session_activity SET last_seen = clock_timestamp() - interval '2 min' WHERE session_id IN (SELECT session_id FROM rigalpha.session_activity WHERE random() < 0.5 FOR UPDATE SKIP LOCKED) $$;
	CREATE FUNCTION must_be(n integer) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF rigalpha.uid() IS DISTINCT FROM n OR rigalpha.visible_machines() <> array_remove(ARRAY[n], NULL) THEN
			RAISE EXCEPTION 'acts for %, not for %', rigalpha.uid(), n;
		END IF;
	END $$;
	CREATE TABLE tries (n integer)});

my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/request.sql", <<'END');
\set n random(1, 9)
BEGIN;
SELECT user_id FROM rigalpha.begin_session(token(:n));
SELECT must_be(:n);
COMMIT;
SELECT must_be(NULL);
END
append_to_file("$directory/savepoint.sql", <<'END');
\set n random(1, 9)
\set m random(1, 9)
BEGIN;
SELECT must_be(NULL);
SAVEPOINT a;
SELECT user_id FROM rigalpha.begin_session(token(:n));
INSERT INTO tries VALUES (:n);
SAVEPOINT b;
SELECT must_be(:n);
ROLLBACK TO b;
SELECT must_be(:n);
ROLLBACK TO a;
SELECT must_be(NULL);
SELECT user_id FROM rigalpha.begin_session(token(:m));
RELEASE a;
SELECT must_be(:m);
ROLLBACK;
SELECT must_be(NULL);
END
append_to_file("$directory/failure.sql", <<'END');
\set n random(1, 9)
DO $$ BEGIN PERFORM rigalpha.begin_session(token(1)); RAISE EXCEPTION 'x' USING ERRCODE = 'ZZ000'; EXCEPTION WHEN SQLSTATE 'ZZ000' THEN PERFORM must_be(NULL); END $$;
SELECT must_be(NULL);
END
append_to_file("$directory/edit.sql", "SELECT age();\n");
$node->command_ok([
		'pgbench', '--no-vacuum', '--client', 6, '--jobs', 2, '--transactions', $ENV{RIGALPHA_ROUNDS} // 300, '--random-seed', $seed,
		'-f', "$directory/request.sql\@6", '-f', "$directory/savepoint.sql\@3", '-f', "$directory/failure.sql\@1", '-f', "$directory/edit.sql\@1", $DATABASE ],
	'no transaction acts for anybody else');
is(sql('SELECT count(*) FROM rigalpha.list_sessions(true)'), '9', 'all sessions are alive');
is(sql('SELECT count(*) FROM tries'), '0', 'what was taken back is gone');

note 'two-phase commit';
is(sql(q{BEGIN; SELECT user_id FROM rigalpha.begin_session(token(3)); PREPARE TRANSACTION 'p'; SELECT must_be(NULL); COMMIT PREPARED 'p'; SELECT must_be(NULL)}), "3\n\n", 'PREPARE TRANSACTION ends the identity');

note 'a standby';
my $device = sql(q{SELECT rigalpha.issue_token('M1', 'gateway')});
sql(q{UPDATE rigalpha.session_activity SET last_seen = clock_timestamp() - interval '5 min'});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql($DATABASE, q{BEGIN; SELECT user_name FROM rigalpha.begin_session(token(4)); SELECT must_be(4); COMMIT; SELECT must_be(NULL)}), "user4\n\n", 'knows the sessions');
is($standby->safe_psql($DATABASE, q{SELECT count(*) FROM rigalpha.session_activity WHERE last_seen > now() - interval '4 min'}), '0', 'without noting their use');
is($standby->safe_psql($DATABASE, "SELECT verdict, machine FROM rigalpha.check_token(substr('$device', 5, 8), substr('$device', 14))"), 'ok|M1', 'and the tokens of devices');
sql(q{SELECT rigalpha.disable_user('user4')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
my (undef, undef, $problem) = $standby->psql($DATABASE, "\\set VERBOSITY sqlstate\nSELECT rigalpha.begin_session(token(4))");
like($problem, qr/RA007/, 'and that one has ended');

note 'what the server logs of a value that is refused';
my $secret = q{$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaDE};
sql("SELECT rigalpha.set_password_hash('user1', '$secret', false, false)");
foreach my $refused ("change_role('user1', 'x')", "set_password_hash('user1', 'x')", "set_db_role('user1', 'rigalpha_web')", "create_user('USER1', 'viewer')", "create_user('x', 'x')")
{
	my ($status) = $node->psql($DATABASE, "SELECT rigalpha.$refused");
	isnt($status, 0, $refused);
}
unlike(slurp_file($node->logfile), qr/Failing row|\Q$secret\E/, 'not the row, which has secrets');
$standby->stop;
$node->stop;
done_testing();
