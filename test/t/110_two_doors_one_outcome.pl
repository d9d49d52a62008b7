# What is refused, flagged or skipped, and why, is the same through Kafka and through HTTP: every
# kind of bad input goes through both doors, and the two dead letters must agree (point 44 of docs/security_checklist.md).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use POSIX qw(strftime);
use RigAlpha::Sidecar;
use RigAlpha::Stack;
use Test::More;

sub time_ahead
{
	my ($seconds) = @_;
	return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() + $seconds));
}

my $now = time_ahead(-60);
my $head = qq({"machine_id":"M","timestamp":"$now",);
my $many = join ',', map { qq("k$_":$_) } 1 .. 10_001;

# name, payload, reason of the refusal, HTTP status
my @refused = (
	[ 'not JSON',                  'hello',                                                      'not_json',            422 ],
	[ 'truncated',                 qq($head"rpm":12),                                            'truncated',           422 ],
	[ 'invalid UTF-8',             qq($head"note":"\xff\xfe","rpm":1}),                          'invalid_utf8',        422 ],
	[ 'overlong UTF-8',            qq($head"note":"\xc0\xaf","rpm":1}),                          'invalid_utf8',        422 ],
	[ 'lone surrogate',            qq($head"note":"\\ud800","rpm":1}),                           'lone_surrogate',      422 ],
	[ 'NUL byte',                  qq($head"rpm":1}\0),                                          'nul_byte',            422 ],
	[ 'NaN',                       qq($head"rpm":NaN}),                                          'nonfinite_number',    422 ],
	[ 'Infinity',                  qq($head"rpm":-Infinity}),                                    'nonfinite_number',    422 ],
	[ 'duplicate key',             qq($head"rpm":1,"rpm":1}),                                    'duplicate_key',       422 ],
	[ 'depth over 64',             qq($head"note":) . '[' x 64 . ']' x 64 . ',"rpm":1}',         'too_deep',            422 ],
	[ 'over 10,000 keys',          qq($head$many}),                                              'too_many_keys',       422 ],
	[ 'missing machine',           '{"rpm":1}',                                                  'missing_machine',     422 ],
	[ 'long machine name',         '{"machine_id":"' . 'x' x 64 . '","rpm":1}',                  'bad_machine_name',    422 ],
	[ 'control in machine name',   '{"machine_id":"a\\u0007b","rpm":1}',                         'bad_machine_name',    422 ],
	[ 'NUL in machine name',       '{"machine_id":"a\\u0000b","rpm":1}',                         'bad_machine_name',    422 ],
	[ 'NUL in sensor name',        qq($head"r\\u0000":1}),                                       'bad_sensor_name',     422 ],
	[ 'time without offset',       '{"machine_id":"M","timestamp":"2026-01-05T12:00:00","rpm":1}', 'time_without_offset', 422 ],
	[ 'time ahead',                sprintf('{"machine_id":"M","timestamp":"%s","rpm":1}', time_ahead(3600)), 'future_time', 422 ],
	[ 'older than the retention',  '{"machine_id":"M","timestamp":"2001-01-01T00:00:00Z","rpm":1}', 'too_old',          422 ],
	[ 'nothing to store',          qq({"machine_id":"M","timestamp":"$now"}),                    'no_values',           422 ],
	[ 'over 1 MiB',                qq($head"note":") . 'x' x 1_048_576 . '","rpm":1}',           'too_large',           413 ],
);

# name, members of the message, what is stored: flags and the values of rpm and torque
my @kept = (
	[ 'out of range number',       '"rpm":1e400,"torque":5',        '1|-|5' ],
	[ 'string for a number',       '"rpm":"12,5","torque":5',       '1|-|5' ],
	[ 'bool for a number',         '"rpm":true,"torque":5',         '1|-|5' ],
	[ 'null for a number',         '"rpm":null,"torque":5',         '1|-|5' ],
	[ 'object for a number',       '"rpm":{"value":1},"torque":5',  '1|-|5' ],
	[ 'NUL in an ignored string',  '"note":"a\\u0000b","rpm":2',    '0|2|-' ],
	[ 'only a state',              '"state":"idle"',                '0|-|-' ],
);

my $stack = RigAlpha::Stack->new('doors', topics => { readings => 1 });
my $sidecar = RigAlpha::Sidecar->new($stack);
$stack->create_source('kafka', 'readings');

my $sent = 0;
foreach my $case (@refused)
{
	my ($name, $payload, $reason, $status) = @$case;
	$stack->produce('readings', 0, $payload);
	$sent++;
	is($sidecar->ingest($payload)->{status}, $status, "$name: HTTP answers $status");
}
$stack->wait_messages('kafka', $sent);
foreach my $source (qw(kafka http))
{
	is($stack->sql("SELECT string_agg(reason, ' ' ORDER BY id) FROM rigalpha.dead_letters WHERE source = '$source'"),
		join(' ', map { $_->[2] } @refused), "$source: each is refused for its own reason");
}
is($stack->sql(q{SELECT count(*) FROM (
SELECT reason, reading_index, machine, field, detail, payload, payload_size, payload_sha256, row_number() OVER (PARTITION BY source ORDER BY id)
FROM rigalpha.dead_letters WHERE source = 'kafka'
EXCEPT
SELECT reason, reading_index, machine, field, detail, payload, payload_size, payload_sha256, row_number() OVER (PARTITION BY source ORDER BY id)
FROM rigalpha.dead_letters WHERE source = 'http') d}), '0', 'letters of both doors agree in everything but the place');
is($stack->sql(q{SELECT string_agg(DISTINCT format('%s %s %s', octet_length(payload), payload_size > 1048576, octet_length(payload_sha256)), ',')
FROM rigalpha.dead_letters WHERE reason = 'too_large'}), '4096 t 32', 'of a large one the first 4 KiB and the SHA-256 are kept');
is($stack->sql('SELECT count(*) FROM rigalpha.readings'), '0', 'and nothing of them is stored');

my $base = time() - 3600;
my %machine = (kafka => 'K', http => 'H');
foreach my $n (0 .. $#kept)
{
	my ($name, $members) = @{ $kept[$n] };
	my %payload = map { $_ => sprintf '{"machine_id":"%s","timestamp":%d,%s}', $machine{$_}, $base + $n, $members } keys %machine;
	$stack->produce('readings', 0, $payload{kafka});
	$sent++;
	is($sidecar->ingest($payload{http})->{status}, 200, "$name: HTTP answers 200");
}
$stack->wait_messages('kafka', $sent);
foreach my $source (sort keys %machine)
{
	is($stack->sql(qq{
SELECT string_agg(concat_ws('|', r.flags & 1, coalesce(rigalpha.value(r.sensor_values, m.id, 'rpm')::text, '-'),
	coalesce(rigalpha.value(r.sensor_values, m.id, 'torque')::text, '-')), ' ' ORDER BY r.ts)
FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name = '$machine{$source}'}),
		join(' ', map { $_->[2] } @kept), "$source: the value is null and flagged, the rest is kept");
}

note 'without payload';
my $letters = $stack->sql('SELECT count(*) FROM rigalpha.dead_letters');
$stack->produce_tombstone('readings', 0);
$stack->wait_messages('kafka', $sent + 1);
is($stack->sql('SELECT skipped FROM rigalpha.kafka_status'), '1', 'a tombstone is counted and skipped');
is($sidecar->ingest('')->{status}, 400, 'an empty body is a bad request');
is($stack->sql('SELECT count(*) FROM rigalpha.dead_letters'), $letters, 'neither leaves a dead letter');

$sidecar->stop;
$stack->stop;
done_testing();
