# 300 machines of 60 sensors over 16 partitions, consumed by one worker and then by two: the same
# invariants, with throughput and lag printed. Ends with HTTP ingest that is killed in full flight.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../../lib";
use IPC::Run;
use RigAlpha::HttpSender;
use RigAlpha::KafkaNode;
use RigAlpha::Ledger;
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $MACHINES   = 300;
my $PARTITIONS = 16;
my $MESSAGES   = 15_000;

my $kafka = RigAlpha::KafkaNode->new('fleet');

sub simulate
{
	my ($topic, $count) = @_;
	return IPC::Run::run(
		[ "$RigAlpha::Stack::ROOT/build/bin/rigalpha-sim", '--kafka', $kafka->brokers, '--topic', $topic, '--machines', $MACHINES,
			'--rate', 'max', '--step', '1', '--limit', $count, '--idempotent', '--seed', 7 ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

foreach my $workers (1, 2)
{
	subtest "$workers worker(s)" => sub {
		my $topic = "fleet$workers";
		$kafka->run('create-topic', $topic, $PARTITIONS);
		my $stack = RigAlpha::Stack->new($topic, kafka => $kafka);
		my $ledger = RigAlpha::Ledger->new($stack, $kafka, 'main', $topic, $PARTITIONS);
		$stack->create_source('main', $topic, workers => $workers);
		$stack->sql(q{SELECT rigalpha.pause_source('main')});

		ok(simulate($topic, $MESSAGES), "$MESSAGES messages are acknowledged");
		my $start = time();
		$stack->sql(q{SELECT rigalpha.resume_source('main')});
		$ledger->drain(180);
		note sprintf '%d worker(s): %d messages of %d machines in %.1f s, %.0f messages/s (start of the workers included)',
			$workers, $MESSAGES, $MACHINES, time() - $start, $MESSAGES / (time() - $start);
		$stack->wait_for('the status says that nothing lags', 'SELECT sum(lag) = 0 FROM rigalpha.kafka_status');
		is($stack->sql(q{SELECT string_agg(partitions::text, ',') FROM rigalpha.kafka_status}),
			join(',', ($PARTITIONS / $workers) x $workers), 'the partitions are shared out');
		is($ledger->read_topic, $MESSAGES, 'the topic holds them all');
		$ledger->check;
		$ledger->check_totals;
		is($stack->sql('SELECT count(*) FROM rigalpha.machines'), $MACHINES, 'every machine was discovered');
		note 'lag, rate: ' . $stack->sql('SELECT string_agg(format($$slot %s: lag %s, %s/s$$, slot, lag, round(rate)), $$; $$) FROM rigalpha.kafka_status');

		kill_ingest($stack) if $workers == 2;
		$stack->stop;
	};
}

# Ten times, at random moments: what was answered 2xx is stored once, and the sidecar comes back.
sub kill_ingest
{
	my ($stack) = @_;
	my $seed = $ENV{SEED} // int(time()) % 100_000;
	srand($seed);
	note "HTTP: SEED=$seed";
	my $sender = RigAlpha::HttpSender->start($stack);
	my $acked = 0;
	foreach my $round (1 .. 10)
	{
		my $wanted = $acked + 5 + int(rand(40));
		$sender->wait_acked($wanted, 30);
		$sender->sidecar->kill9;
		$acked = $sender->check;
		$sender->sidecar->start;
	}
	$sender->stop;
	$sender->check;
	return;
}

done_testing();
