# A topic that changes while it is consumed: partitions that are added are picked up, and offsets that
# the retention of the broker has removed are recorded as a gap.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../../lib";
use RigAlpha::KafkaNode;
use RigAlpha::Stack;
use Test::More;

my $kafka = RigAlpha::KafkaNode->new('changes');
$kafka->run('create-topic', 'readings', 2);
my $stack = RigAlpha::Stack->new('changes', kafka => $kafka);
$stack->create_source('main', 'readings', workers => 2);

$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("P$_", 1, 100)) for 0 .. 1;
$stack->wait_messages('main', 200);

$kafka->run('add-partitions', 'readings', 5);
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("P$_", 101, 150)) for 0 .. 1;
$stack->produce_lines('readings', $_, RigAlpha::Stack::readings("P$_", 1, 100)) for 2 .. 4;
my $took = $stack->wait_messages('main', 600, 60);
note sprintf 'new partitions were consumed %.1f s after they were made', $took;
is($stack->sql('SELECT string_agg(partitions::text, $$,$$ ORDER BY slot) FROM rigalpha.kafka_status'), '3,2', 'and shared out among the workers');
is($stack->sql('SELECT count(*), count(DISTINCT (machine_id, ts)) FROM rigalpha.readings'), '600|600', 'every message is stored once');
is($stack->sql('SELECT count(*) FROM rigalpha.kafka_gaps'), '0', 'nothing was missed');

done_testing();
