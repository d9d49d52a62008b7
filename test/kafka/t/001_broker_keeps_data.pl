# The Apache Kafka node that the other tests of this folder run against: topics, and data that
# survives kill -9 and an orderly restart.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run qw(run);
use FindBin;
use lib "$FindBin::RealBin/../../lib";
use PostgreSQL::Test::Utils;
use RigAlpha::Stack;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $port = RigAlpha::Stack::free_port();

$ENV{KAFKA_DIR} = "$PostgreSQL::Test::Utils::tmp_check/kafka_broker";
$ENV{RIGALPHA_KAFKA_PORT} = $port;
$ENV{KAFKA_CONTROLLER_PORT} = RigAlpha::Stack::free_port();

sub broker
{
	my @arguments = @_;
	my ($output, $errors) = ('', '');
	my $succeeded = run(["$root/tools/kafka-broker.sh", @arguments], '>', \$output, '2>', \$errors);
	note($errors) if $errors ne '';
	chomp $output;
	return ($succeeded, $output, $errors);
}

sub produce
{
	my ($topic, @messages) = @_;
	run(['kcat', '-P', '-b', "127.0.0.1:$port", '-t', $topic], '<', \join('', map { "$_\n" } @messages))
	  or die "kcat could not produce";
}

sub consume
{
	my ($topic) = @_;
	my $output = '';
	run(['kcat', '-C', '-q', '-e', '-b', "127.0.0.1:$port", '-t', $topic, '-o', 'beginning'], '>', \$output)
	  or die "kcat could not consume";
	return sort split /\n/, $output;
}

sub partition_count
{
	my ($topic) = @_;
	my $output = '';
	run(['kcat', '-L', '-b', "127.0.0.1:$port", '-t', $topic], '>', \$output);
	return $output =~ /topic "\Q$topic\E" with (\d+) partitions/ ? $1 : undef;
}

ok((broker('start'))[0], 'starts');
is((broker('status'))[1], 'running', 'status while it runs');

ok((broker('create-topic', 'readings', 3))[0], 'makes a topic');
is(partition_count('readings'), 3, 'with as many partitions as asked for');
my ($again, undef, $errors) = broker('create-topic', 'readings', 3);
ok(!$again, 'refuses to make it again');
like($errors, qr/already exists/, 'and says why');

my @messages = map { sprintf 'message %04d', $_ } 1 .. 1000;
produce('readings', @messages);
is_deeply([ consume('readings') ], \@messages, 'gives back what it got');

ok((broker('kill9'))[0], 'is killed');
is((broker('status'))[1], 'stopped', 'status when it is dead');
ok((broker('start'))[0], 'starts again');
is_deeply([ consume('readings') ], \@messages, 'a crash loses nothing');

ok((broker('add-partitions', 'readings', 5))[0], 'adds partitions');
ok((broker('restart'))[0], 'restarts in order');
is(partition_count('readings'), 5, 'the new partitions stay');
is_deeply([ consume('readings') ], \@messages, 'and so do the messages');

ok((broker('delete-topic', 'readings'))[0], 'deletes the topic');

END
{
	my $status = $?;
	broker('stop');
	$? = $status;
}

is((broker('stop'))[0], 1, 'stops');
is((broker('status'))[1], 'stopped', 'status at the end');

done_testing();
