# What a topic holds against what the database stored. The ledger reads the topic itself, by
# another client, and compares in SQL with the server's own JSON and number parsers.
#
# Invariants of exactly-once delivery, checked by check():
#   I1  every message below the position of its partition is stored or a dead letter
#   I2  nothing is stored twice, and nothing that was not sent
#   I3  a position is the last stored offset + 1 and never falls
#   I4  stored values equal the values sent
#   I6  the audit log is whole, and the rows of audited tables are as it says
package RigAlpha::Ledger;

use strict;
use warnings FATAL => 'all';

use Carp;
use Test::More;

# stack: RigAlpha::Stack; kafka: RigAlpha::KafkaNode; every message must carry a unique machine and time.
sub new
{
	my ($class, $stack, $kafka, $source, $topic, $partitions) = @_;
	my $self = bless {
		stack => $stack, kafka => $kafka, source => $source, topic => $topic,
		read  => { map { $_ => 0 } 0 .. $partitions - 1 },
		file  => $stack->scratch_file('ledger'),
	}, $class;
	$stack->sql(<<'END');
CREATE UNLOGGED TABLE sent (part integer, pos bigint, payload jsonb, machine text, ts timestamptz, PRIMARY KEY (part, pos));
CREATE UNLOGGED TABLE seen_positions (part integer PRIMARY KEY, next_offset bigint);
END
	return $self;
}

# Read what has been added to the topic since the last time; returns the number of messages in all.
sub read_topic
{
	my ($self) = @_;
	my $text = $self->{kafka}->read_lines($self->{topic}, $self->{read});
	open my $out, '>:raw', $self->{file} or croak "$self->{file}: $!";
	foreach my $partition (sort { $a <=> $b } keys %$text)
	{
		print $out $text->{$partition};
		$self->{read}{$partition} = 1 + $1 if $text->{$partition} =~ /^\d+\t(\d+)\t[^\n]*\n\z/m;
	}
	close $out;
	# An unlogged table is empty after a crash of the server: the ledger is then read again.
	my $kept = $self->{stack}->sql('SELECT count(*) FROM sent');
	if ($kept != ($self->{total} // 0))
	{
		$self->{read}{$_} = 0 foreach keys %{ $self->{read} };
		$self->{total} = 0;
		$self->{stack}->sql('TRUNCATE sent');
		return $self->read_topic;
	}
	$self->{stack}->sql(<<"END");
\\copy sent (part, pos, payload) FROM '$self->{file}' (FORMAT csv, DELIMITER E'\\t', QUOTE E'\\b')
UPDATE sent SET machine = payload ->> 'machine_id', ts = (payload ->> 'timestamp')::timestamptz WHERE ts IS NULL;
ANALYZE sent;
END
	$self->{total} = $self->{stack}->sql('SELECT count(*) FROM sent');
	is($self->{stack}->sql('SELECT coalesce(sum(n), 0) FROM (SELECT max(pos) + 1 AS n FROM sent GROUP BY part) p'),
		$self->{total}, 'the ledger has every offset of the topic');
	return $self->{total};
}

# Wait until the position of every partition is its end (I7); returns the seconds it took.
sub drain
{
	my ($self, $limit) = @_;
	my $end  = $self->{kafka}->end_offsets($self->{topic}, keys %{ $self->{read} });
	my @ends = map { "($_, $end->{$_})" } keys %$end;
	return $self->{stack}->wait_for('I7: the worker is back at the end of the topic', <<"END", $limit);
SELECT bool_and(coalesce(o.next_offset, 0) >= e.next_offset OR e.next_offset = 0)
FROM (VALUES @{[ join ', ', @ends ]}) AS e (part, next_offset)
LEFT JOIN rigalpha.kafka_sources s ON s.name = '$self->{source}'
LEFT JOIN rigalpha.kafka_offsets o ON o.source_id = s.id AND o."partition" = e.part
END
}

sub is_zero
{
	my ($self, $what, $query) = @_;
	return is($self->{stack}->sql("SELECT count(*) FROM ($query) q"), '0', $what);
}

# Compare topic and tables; call after drain() and read_topic().
sub check
{
	my ($self) = @_;
	my $stored = q{
SELECT m.name AS machine, r.ts FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
WHERE m.name IN (SELECT machine FROM sent)};

	# A message that arrived since the topic was read is not in the ledger yet.
	my $known = q{(m.name, r.ts) IN (SELECT machine, ts FROM sent)};

	# One that was sent since drain() looked may not be consumed yet; the snapshot of the query holds both sides.
	my $due = qq{
SELECT t.* FROM sent t JOIN rigalpha.kafka_offsets o ON o."partition" = t.part AND t.pos < o.next_offset
JOIN rigalpha.kafka_sources s ON s.id = o.source_id AND s.name = '$self->{source}'};

	$self->is_zero('I1: every message is stored', qq{SELECT machine, ts FROM ($due) d EXCEPT $stored});
	$self->is_zero('I2: nothing is stored twice', qq{
SELECT machine, ts FROM ($stored) s GROUP BY 1, 2 HAVING count(*) > 1
UNION ALL SELECT machine, ts FROM sent GROUP BY 1, 2 HAVING count(*) > 1});
	$self->is_zero('I3: no position fell', q{
SELECT FROM seen_positions p JOIN rigalpha.kafka_offsets o ON o."partition" = p.part WHERE o.next_offset < p.next_offset});
	$self->{stack}->sql(q{INSERT INTO seen_positions SELECT "partition", next_offset FROM rigalpha.kafka_offsets
ON CONFLICT (part) DO UPDATE SET next_offset = excluded.next_offset});
	$self->is_zero('I4: values are those that were sent', qq{
(SELECT s.machine, s.ts, v.key, v.value::float8 FROM ($due) s, jsonb_each_text(s.payload -> 'sensors') v
 EXCEPT SELECT machine, ts, sensor, value FROM rigalpha.reading_values)
UNION ALL
(SELECT m.name, r.ts, n.name, r.sensor_values[ms.position]
 FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
 JOIN rigalpha.machine_sensors ms ON ms.machine_id = m.id JOIN rigalpha.sensors n ON n.id = ms.sensor_id
 WHERE r.sensor_values[ms.position] IS NOT NULL AND $known
 EXCEPT SELECT s.machine, s.ts, v.key, v.value::float8 FROM sent s, jsonb_each_text(s.payload -> 'sensors') v)});
	$self->is_zero('I6: the audit log is whole', 'SELECT FROM rigalpha.audit_verify()');
	$self->is_zero('I6: rows are as the log says', q{
SELECT FROM (SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgname = 'rigalpha_audit') t, rigalpha.audit_reconcile(t.tgrelid)});
	return;
}

# Call when nothing is being sent any more: the counts agree as a whole.
sub check_totals
{
	my ($self) = @_;
	is($self->{stack}->sql(q{SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
WHERE m.name IN (SELECT machine FROM sent)}), $self->{total}, "rows in the table = messages in the topic ($self->{total})");
	is($self->{stack}->sql('SELECT sum(next_offset) FROM rigalpha.kafka_offsets'), $self->{total}, 'I3: positions add up to the messages');
	is($self->{stack}->sql('SELECT count(*) FROM rigalpha.dead_letters'), '0', 'no dead letter');
	is($self->{stack}->sql('SELECT count(*) FROM rigalpha.kafka_gaps'), '0', 'no gap');
	return;
}

1;
