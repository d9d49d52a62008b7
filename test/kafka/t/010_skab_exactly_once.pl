# A public data set, looped to 20,000 messages, through Apache Kafka into the table: every row,
# every value, once. Then the same while worker, server and broker are killed at random points.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../../lib";
use IPC::Run;
use POSIX qw(strftime);
use RigAlpha::HttpSender;
use RigAlpha::KafkaNode;
use RigAlpha::Ledger;
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $MESSAGES   = 20_000;
my $PARTITIONS = 4;
my $POINTS     = 20;
my $RATE       = 110;    # messages per second while things are killed

my $data = ($ENV{RIGALPHA_DATA} // "$RigAlpha::Stack::ROOT/../shared/data") . '/skab/valve1_00.csv';
unless (-r $data)
{
	BAIL_OUT("$data is missing") if $ENV{CI};
	plan skip_all => "$data is missing: set RIGALPHA_DATA to the folder of the public data";
}

my $seed = $ENV{SEED} // int(time()) % 100_000;
srand($seed);
note "SEED=$seed";

my $kafka = RigAlpha::KafkaNode->new('skab');
$kafka->run('create-topic', $_, $PARTITIONS) foreach qw(plain killed);

# Within the retention: the file is from 2020.
my $start = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() - 86_400));

# Partitions at random: the worst order that one machine can arrive in.
sub replay
{
	my ($topic, @options) = @_;
	return [ "$RigAlpha::Stack::ROOT/build/bin/rigalpha-sim", 'replay', $data, '--kafka', $kafka->brokers, '--topic', $topic,
		'--timezone', 'UTC', '--start-time', $start, '--loop', '0', '--limit', $MESSAGES, '--sequence', 'sequence',
		'--idempotent', '-X', 'partitioner=random', @options ];
}

# Number of rows of the file and the sum of its first value column.
sub summarize_file
{
	open my $in, '<', $data or die "$data: $!";
	my ($header, @rows) = <$in>;
	my $sum = 0;
	$sum += (split /,/)[1] foreach @rows;
	return ((split /,/, $header)[1], scalar @rows, sprintf '%.3f', $sum);
}

subtest 'undisturbed' => sub {
	my $stack = RigAlpha::Stack->new('plain', kafka => $kafka);
	my $ledger = RigAlpha::Ledger->new($stack, $kafka, 'main', 'plain', $PARTITIONS);
	$stack->create_source('main', 'plain');
	ok(IPC::Run::run(replay('plain', '--machine', 'valve')), "$MESSAGES messages are acknowledged");
	$ledger->drain(120);
	is($ledger->read_topic, $MESSAGES, 'the topic holds them all');
	$ledger->check;
	$ledger->check_totals;

	my ($sensor, $count, $sum) = summarize_file();
	is($stack->sql(qq{SELECT count(*) || ' ' || round(sum(value)::numeric, 3) FROM (
SELECT value, row_number() OVER (ORDER BY ts) AS n FROM rigalpha.reading_values WHERE machine = 'valve' AND sensor = '$sensor') v
WHERE n <= $count}), "$count $sum", "the first loop is the file: rows and sum of $sensor");
	$stack->stop;
};

sub kill_worker
{
	my ($stack) = @_;
	my $pid = $stack->consumer_pid('main');
	kill 'KILL', $pid if $pid;
	return;
}

sub kill_server
{
	my ($stack) = @_;
	$stack->kill_server;
	return;
}

sub kill_broker
{
	$kafka->run('kill9');
	$kafka->run('start');
	return;
}

subtest 'killed' => sub {
	my $stack = RigAlpha::Stack->new('killed', kafka => $kafka);
	my $ledger = RigAlpha::Ledger->new($stack, $kafka, 'main', 'killed', $PARTITIONS);
	my %killer = (worker => \&kill_worker, server => \&kill_server, broker => \&kill_broker);
	my @victims = ((map { ('worker', 'server', 'broker') } 1 .. 5), map { (qw(worker server broker))[ rand 3 ] } 1 .. $POINTS - 15);
	for (my $i = $#victims; $i > 0; $i--)
	{
		my $j = int(rand($i + 1));
		@victims[ $i, $j ] = @victims[ $j, $i ];
	}

	$stack->create_source('main', 'killed');
	my $sender = RigAlpha::HttpSender->start($stack);
	my $sim = IPC::Run::start(replay('killed', '--machine', 'valve', '--rate', $RATE), '<', \undef, '>', '/dev/null', '2>', '/dev/null');
	# The last fifth is there so that messages still come at the last point, on a slow machine, too.
	my $part = 0.8 * $MESSAGES / $POINTS;
	foreach my $point (0 .. $#victims)
	{
		my $victim = $victims[$point];
		my $target = int($part * $point + rand($part));
		note sprintf 'point %d: %s at message %d', $point + 1, $victim, $target;
		$stack->wait_for("message $target is stored",
			"SELECT coalesce(sum(next_offset), 0) >= $target FROM rigalpha.kafka_offsets WHERE next_offset > 0", 120);
		ok($sim->pumpable, 'messages are still being sent') if $point == $#victims;
		my $killed = time();
		$killer{$victim}->($stack);
		$stack->wait_for('the database answers', 'SELECT true', 60);
		$ledger->drain(60);
		note sprintf 'caught up %.1f s after the end of the %s', time() - $killed, $victim;
		$ledger->read_topic;
		$ledger->check;
		$sender->check;
	}
	ok($sim->finish, "$MESSAGES messages are acknowledged");
	$ledger->drain(120);
	is($ledger->read_topic, $MESSAGES, 'the topic holds them all');
	$ledger->check;
	$sender->stop;
	$sender->check;
	$ledger->check_totals;
	$stack->stop;
};

done_testing();
