# The way of messages from Kafka into tables: rows, positions, status, dead letters.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;

my $stack = RigAlpha::Stack->new('stream', topics => { readings => 4, wide => 16, poison => 1 });

note 'rows arrive, and positions equal counts';
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("M$_", 1, 500)) for 0 .. 3;
$stack->create_source('main', 'readings');
$stack->wait_messages('main', 2000);
is($stack->sql('SELECT count(*), count(DISTINCT (machine_id, ts)) FROM rigalpha.readings'), '2000|2000', 'every message is one row');
is($stack->sql('SELECT string_agg(DISTINCT next_offset::text, $$,$$) FROM rigalpha.kafka_offsets'), '500', 'each position follows the last message');
is($stack->sql(q(SELECT sum(value), count(*) FROM rigalpha.reading_values WHERE sensor = 'number')),
	4 * 500 * 501 / 2 . '|2000', 'every value is stored');

note 'messages that come while the worker waits';
$stack->produce_lines('readings', 1, RigAlpha::Stack::readings('M1', 501, 600));
$stack->wait_messages('main', 2100);

$stack->kcat('-P', '-z', $_, '-t', 'readings', '-p', 3, '-l', $stack->lines_file(RigAlpha::Stack::readings("z$_", 1, 25))) foreach qw(gzip snappy lz4 zstd);
$stack->wait_messages('main', 2200);

note 'the status view';
$stack->wait_for('lag is zero and the state running',
	q(SELECT state = 'running' AND lag = 0 AND partitions = 4 AND generation > 0 AND last_error IS NULL FROM rigalpha.kafka_status));
is($stack->sql(q(SELECT count(*) FROM rigalpha.kafka_status k JOIN pg_stat_activity a USING (pid)
	WHERE a.backend_type = 'rigalpha consumer' AND a.application_name = 'rigalpha main/0' AND a.usename = 'rigalpha_worker'
	AND a.query ~ 'messages stored')), '1', 'pid, application name, role and activity show the worker');
is($stack->sql(q(SELECT count(*) FROM pg_stat_user_tables WHERE relname ~ '^readings_' AND n_tup_ins > 0)) > 0, 1,
	'table statistics see the rows') if $stack->wait_for('statistics arrive',
	q(SELECT sum(n_tup_ins) = 2200 FROM pg_stat_user_tables WHERE relname ~ '^readings_'));
like($stack->kcat('-Q', '-t', 'readings:0:-1'), qr/offset 500/, 'the broker has what was sent');

note 'a second delivery is one row';
$stack->sql(q(SELECT rigalpha.pause_source('main')));
$stack->wait_state('main', 'paused');
$stack->sql(q(UPDATE rigalpha.kafka_offsets SET next_offset = 400 WHERE "partition" = 2));
$stack->sql(q(SELECT rigalpha.resume_source('main')));
$stack->wait_messages('main', 2300);
is($stack->sql('SELECT count(*) FROM rigalpha.readings'), '2200', 'no row twice');
is($stack->sql('SELECT duplicates FROM rigalpha.kafka_status'), '100', 'duplicates are counted');

note 'two workers share 16 partitions';
$stack->produce_lines('wide', $_, RigAlpha::Stack::readings("W$_", 1, 50)) for 0 .. 15;
$stack->create_source('wide', 'wide', workers => 2);
$stack->wait_messages('wide', 800);
is($stack->sql(q(SELECT string_agg(slot || ':' || partitions || ':' || messages, ' ' ORDER BY slot) FROM rigalpha.kafka_status WHERE source = 'wide')),
	'0:8:400 1:8:400', 'each worker has half of the partitions');
is($stack->sql(q(SELECT count(*) FROM rigalpha.machines m JOIN rigalpha.readings r ON r.machine_id = m.id WHERE m.name ~ '^W')),
	'800', 'every message is one row');

note 'more workers than partitions';
$stack->create_source('narrow', 'poison', workers => 2);
$stack->wait_for('the spare worker waits',
	q(SELECT array_agg(state ORDER BY slot) = '{running,waiting}' AND max(last_error) ~ 'fewer partitions' FROM rigalpha.kafka_status WHERE source = 'narrow'));
$stack->sql(q(SELECT rigalpha.drop_source('narrow')));

note 'poison messages become dead letters, and the stream goes on';
my $now    = int(time() * 1000);
my $nested = '[' x 70 . ']' x 70;
my @poison = (
	[ 'not_json',            '{"machine_id" "A"}' ],
	[ 'truncated',           '{"machine_id":"A","rpm":1' ],
	[ 'invalid_utf8',        "{\"machine_id\":\"\xff\xfe\",\"rpm\":1}" ],
	[ 'lone_surrogate',      '{"machine_id":"\ud800","rpm":1}' ],
	[ 'nul_byte',            "{\"machine_id\":\"A\",\"rpm\":1}\0" ],
	[ 'bad_machine_name',    '{"machine_id":"A\u0000","rpm":1}' ],
	[ 'nonfinite_number',    '{"machine_id":"A","rpm":NaN}' ],
	[ 'nonfinite_number',    '{"machine_id":"A","rpm":-Infinity}' ],
	[ 'duplicate_key',       '{"machine_id":"A","rpm":1,"rpm":2}' ],
	[ 'too_deep',            "{\"machine_id\":\"A\",\"rpm\":1,\"x\":$nested}" ],
	[ 'too_many_keys',       '{"machine_id":"A"' . join('', map { ",\"k$_\":$_" } 1 .. 10001) . '}' ],
	[ 'missing_machine',     '{"rpm":1}' ],
	[ 'bad_machine_name',    '{"machine_id":"' . 'x' x 64 . '","rpm":1}' ],
	[ 'bad_machine_name',    '{"machine_id":"a\tb","rpm":1}' ],
	[ 'time_without_offset', '{"machine_id":"A","timestamp":"2026-01-05T12:00:00","rpm":1}' ],
	[ 'future_time',         sprintf('{"machine_id":"A","timestamp":%d,"rpm":1}', $now + 3_600_000) ],
	[ 'too_old',             '{"machine_id":"A","timestamp":"2001-01-05T12:00:00Z","rpm":1}' ],
	[ 'too_large',           '{"machine_id":"A","note":"' . 'x' x 1_100_000 . '","rpm":1}' ],
);
my $number   = 0;
my @messages = map { ($_->[1], RigAlpha::Stack::readings('P', ++$number, $number)) } @poison;
push @messages, '{"machine_id":"Q","rpm":1e400,"torque":2}', '{"machine_id":"Q2","rpm":"fast","torque":2}';
$stack->produce('poison', 0, @messages);
$stack->produce_tombstone('poison', 0);
$stack->create_source('poison', 'poison');
$stack->wait_messages('poison', 1 + @messages);
is($stack->sql(q(SELECT string_agg(reason, ' ' ORDER BY "offset") FROM rigalpha.dead_letters WHERE source = 'poison' AND reading_index < 1)),
	join(' ', map { $_->[0] } @poison), 'each with its reason, in order');
is($stack->sql(q(SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name = 'P')),
	scalar @poison, 'no good message was lost beside them');
is($stack->sql(q(SELECT skipped FROM rigalpha.kafka_status WHERE source = 'poison')), '1', 'the message without payload is counted');
is($stack->sql(q(SELECT count(*) FROM rigalpha.reading_values WHERE machine IN ('Q', 'Q2') AND sensor = 'torque')), '2',
	'a bad value costs only itself');
is($stack->sql(q(SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
	WHERE m.name IN ('Q', 'Q2') AND r.ts BETWEEN now() - interval '5 min' AND r.received_at)), '2', 'without a time of its own, a reading has the time of its message');
is($stack->sql(q(SELECT encode(payload, 'escape') FROM rigalpha.dead_letters WHERE reason = 'invalid_utf8')),
	'{"machine_id":"\377\376","rpm":1}', 'raw bytes are kept');

my @noise = $stack->log_lines('ERROR|WARNING|PANIC|terminated by signal');
is("@noise", '', 'the log has no errors or warnings');
$stack->stop;
done_testing();
