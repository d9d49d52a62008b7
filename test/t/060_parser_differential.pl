# The parser beside the server's own: mutated messages, which both must take or refuse, and numbers,
# which both must read alike. RIGALPHA_SEED repeats a run, RIGALPHA_FUZZ_MESSAGES makes it longer.
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DATABASE = 'rig';
my $seed     = $ENV{RIGALPHA_SEED}          // int(rand(2**31));
my $count    = $ENV{RIGALPHA_FUZZ_MESSAGES} // 40000;
my $shown    = 10;

diag("RIGALPHA_SEED=$seed");
srand($seed);

my $now   = time();
my @seeds = (
	qq({"machine_id":"A","timestamp":$now,"state":"drilling","sensors":{"rpm":120.5,"spp":-3.2e+2,"torque":0}}),
	qq({"machine_id":"\\u00c4\\ud83d\\ude00","rpm":1E5,"note":"a\\"b\\\\c\\/\\b\\f\\n\\r\\t","flag":true,"none":null,"off":false}),
	qq([{"machine_id":"B","timestamp":"2026-01-05T12:00:00.123Z","a":[1,[2,{"b":[]}],{}]},{"machine_id":"C","x":0.1}]),
	qq( [ ] ), qq("text"), qq(-0.5e-7), qq({"machine_id":"\xc3\x84\xe2\x82\xac\xf0\x9f\x98\x80","k":1}),
	'{"machine_id":"D","x":' . ('[' x 60) . (']' x 60) . '}');
my @tokens = ('{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '\\ud800', '\\udc00', '\\u0000', '\\x', "\0", "\xff", "\xc3", "\xed\xa0\x80", "\xe2\x82", ' ', "\t", "\n", "\x0b", "\x1f", "\x7f",
	'0', '-', '+', '.', 'e', 'E', '00', '-0', '1.', '.5', '1e', '1e999', 'NaN', 'Infinity', '-Infinity', 'inf', 'true', 'fals', 'nul', 'null', 'TRUE', "'", '//', '/**/', '"":', '"a":1,', "\xef\xbb\xbf");

sub pick { return $_[ int(rand(@_)) ]; }

# One message, changed in up to four places: bytes, tokens, pieces lost, doubled or moved.
sub mutate
{
	my $text = pick(@seeds);
	for (1 .. int(rand(5)))
	{
		my $at     = int(rand(length($text) + 1));
		my $length = int(rand(6));
		my $how    = int(rand(7));
		$length = length($text) - $at if $at + $length > length($text);
		if    ($how == 0) { substr($text, $at, $length) = ''; }
		elsif ($how == 1) { substr($text, $at, 0) = pick(@tokens); }
		elsif ($how == 2) { substr($text, $at, $length) = pick(@tokens); }
		elsif ($how == 3) { substr($text, $at, 0) = substr($text, $at, $length); }
		elsif ($how == 4) { substr($text, $at, 1) = chr(int(rand(256))) if $at < length($text); }
		elsif ($how == 5) { $text = substr($text, 0, $at) if rand() < 0.3; }
		else              { my $other = pick(@seeds); $text = substr($text, 0, $at) . substr($other, int(rand(length $other))); }
	}
	return $text;
}

# A legal JSON number of any size and length.
sub number
{
	my $digits = sub { join '', map { int(rand(10)) } 1 .. $_[0] };
	my $text   = pick('', '-') . (rand() < 0.2 ? '0' : (1 + int(rand(9))) . $digits->(int(rand(rand() < 0.2 ? 40 : 8))));
	$text .= '.' . $digits->(1 + int(rand(rand() < 0.2 ? 60 : 6))) if rand() < 0.7;
	$text .= pick('e', 'E') . pick('', '+', '-') . int(rand(rand() < 0.2 ? 400 : 25)) if rand() < 0.5;
	return $text;
}

my $node = PostgreSQL::Test::Cluster->new('differential');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "max_locks_per_transaction = 256\nfsync = off\nlog_statement = none\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
$node->safe_psql($DATABASE, <<'END');
CREATE EXTENSION rigalpha;
SELECT rigalpha.setup();
ALTER DATABASE rig SET rigalpha.retention_days = 1;
CREATE TABLE messages (n serial PRIMARY KEY, bytes bytea, reason text, server_takes boolean);
CREATE FUNCTION server_takes(bytes bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM convert_from(bytes, 'UTF8')::json;
	RETURN true;
EXCEPTION WHEN invalid_text_representation OR character_not_in_repertoire OR untranslatable_character THEN
	RETURN false;
END $$;
END

sub load
{
	my ($table, @rows) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/rows';
	open my $handle, '>', $file or die "$file: $!";
	print $handle "$_\n" foreach @rows;
	close $handle;
	$node->safe_psql($DATABASE, "\\copy $table FROM '$file'");
	return;
}

note 'mutated messages';
load('messages (bytes)', map { '\\\\x' . unpack('H*', $_) } grep { length } map { mutate() } 1 .. $count);
# Batches of 500, each taken back as a whole: only the verdicts matter.
$node->safe_psql($DATABASE, <<'END');
UPDATE messages SET server_takes = server_takes(bytes);
WITH verdict AS (
	SELECT b.ids[(e ->> 'payload')::integer + 1] AS n, e ->> 'reason' AS reason
	FROM (SELECT array_agg(m.n ORDER BY m.n) AS ids, array_agg(m.bytes ORDER BY m.n) AS payloads FROM messages m GROUP BY m.n / 500) b,
		LATERAL rigalpha.ingest(b.payloads || 'never JSON'::bytea, 'http', atomic => true) i, jsonb_array_elements(i.errors) e
	WHERE (e ->> 'reading')::integer = -1)
UPDATE messages m SET reason = v.reason FROM verdict v WHERE v.n = m.n;
END
my ($taken, $refused, $reasons) = split /\|/, $node->safe_psql($DATABASE, q{
	SELECT count(*) FILTER (WHERE server_takes), count(*) FILTER (WHERE NOT server_takes), (SELECT string_agg(format('%s %s', n, r), ', ' ORDER BY n DESC)
		FROM (SELECT count(*) AS n, coalesce(reason, 'taken') AS r FROM messages GROUP BY reason) x) FROM messages });
note("the server takes $taken and refuses $refused; this parser: $reasons");
cmp_ok($taken, '>', $count / 10, 'enough of them are still JSON');
cmp_ok($refused, '>', $count / 10, 'and enough are not');

sub none
{
	my ($what, $condition) = @_;
	my $found = $node->safe_psql($DATABASE, "SELECT coalesce(reason, 'taken'), encode(bytes, 'escape') FROM messages WHERE $condition ORDER BY length(bytes) LIMIT $shown");
	is($found, '', $what) or diag("RIGALPHA_SEED=$seed");
	return;
}

my $not_json = q{('not_json', 'truncated', 'invalid_utf8', 'nul_byte', 'nonfinite_number')};
none('what is refused as no JSON is refused by the server', "server_takes AND reason IN $not_json");
# Stricter by intent, and found before the rest of the message is looked at: surrogates without a partner, depth.
none('what the server refuses is refused as no JSON', "NOT server_takes AND coalesce(reason, '') NOT IN ('lone_surrogate', 'too_deep') AND coalesce(reason, '') NOT IN $not_json");
none('JSON that is refused as a whole has one of the stricter reasons', "server_takes AND reason NOT IN ('lone_surrogate', 'too_deep', 'not_a_reading')");
none('invalid UTF-8 and zero bytes are called so only where they are', q{reason = 'nul_byte' AND position('\x00'::bytea IN bytes) = 0 OR reason = 'invalid_utf8' AND bytes = convert_to(encode(bytes, 'escape'), 'UTF8')});

note 'numbers';
my @numbers = map { number() } 1 .. 5000;
push @numbers, '1.7976931348623157e308', '2.2250738585072014e-308', '4.9406564584124654e-324', '9007199254740993', '0.1', '-0', '123456789012345678901234567890', '1e22', '1e23', '8.5e-305', '2.2250738585072011e-308';
$node->safe_psql($DATABASE, <<'END');
CREATE TABLE numbers (n serial PRIMARY KEY, literal text);
CREATE FUNCTION server_reads(literal text) RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
	RETURN literal::float8;
EXCEPTION WHEN numeric_value_out_of_range THEN
	RETURN CASE WHEN abs(literal::numeric) > 1 THEN 'Infinity'::float8 ELSE 0 END;
END $$;
END
load('numbers (literal)', @numbers);
is($node->safe_psql($DATABASE, q{
	SELECT sum(accepted) FROM (SELECT array_agg(convert_to(format('{"machine_id":"N","timestamp":%s,"state":"running","value":%s}', extract(epoch FROM now())::bigint - 20000 + n, literal), 'UTF8')) AS payloads FROM numbers) p,
		rigalpha.ingest(payloads, 'http') }), scalar @numbers, 'every message is stored');
is($node->safe_psql($DATABASE, qq{
	SELECT literal, s.value, sensor_values[1] FROM numbers
	JOIN LATERAL (SELECT row_number() OVER (ORDER BY ts) AS n, sensor_values FROM rigalpha.readings) r USING (n),
		LATERAL (SELECT server_reads(literal) AS value) s
	WHERE CASE WHEN s.value = 'Infinity' THEN sensor_values[1] IS NOT NULL
		WHEN s.value = 0 AND literal ~ '[1-9]' THEN abs(coalesce(sensor_values[1], 1)) > 1e-300
		ELSE sensor_values[1] IS NULL OR float8send(sensor_values[1]) <> float8send(s.value) END LIMIT $shown }), '', 'and every number is the one that the server reads, bit for bit');
$node->stop;
done_testing();
