# An Apache Kafka node of its own for one test, run by tools/kafka-broker.sh; it ends with the test.
#
#   my $kafka = RigAlpha::KafkaNode->new('name');
#   $kafka->run('create-topic', 'readings', 4);
#   $kafka->run('kill9'); $kafka->run('start');
package RigAlpha::KafkaNode;

use strict;
use warnings FATAL => 'all';

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use IPC::Run;
use PostgreSQL::Test::Utils;
use RigAlpha::Stack;
use Test::More;

my $ROOT = abs_path(dirname(__FILE__) . '/../../..');
my @nodes;

sub new
{
	my ($class, $name) = @_;
	my $self = bless {
		folder          => "$PostgreSQL::Test::Utils::tmp_check/kafka_$name",
		port            => RigAlpha::Stack::free_port(),
		controller_port => RigAlpha::Stack::free_port(),
	}, $class;
	push @nodes, $self;
	remove_tree($self->{folder});
	$self->run('start');
	return $self;
}

sub brokers { return "127.0.0.1:$_[0]{port}"; }

# Run a command of kafka-broker.sh and return what it printed.
sub run
{
	my ($self, @arguments) = @_;
	my ($out, $err) = ('', '');
	local $ENV{KAFKA_DIR}             = $self->{folder};
	local $ENV{RIGALPHA_KAFKA_PORT}   = $self->{port};
	local $ENV{KAFKA_CONTROLLER_PORT} = $self->{controller_port};
	IPC::Run::run([ "$ROOT/tools/kafka-broker.sh", @arguments ], '<', \undef, '>', \$out, '2>', \$err)
	  or fail_loudly("kafka-broker.sh @arguments: $err");
	chomp $out;
	return $out;
}

# What is thrown inside a subtest would be lost.
sub fail_loudly
{
	my ($message) = @_;
	diag($message);
	croak $message;
}

sub kcat
{
	my ($self, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'kcat', '-b', $self->brokers, @arguments ], '<', \undef, '>', \$out, '2>', \$err)
	  or croak "kcat @arguments: $err";
	return $out;
}

# What the broker has now from these offsets on ({PARTITION => OFFSET}), as the text of lines of
# partition, offset and payload, separated by tabs. All partitions are read at once.
sub read_lines
{
	my ($self, $topic, $from) = @_;
	my (%text, @readers);
	foreach my $partition (keys %$from)
	{
		$text{$partition} = '';
		push @readers, IPC::Run::start(
			[ 'kcat', '-C', '-q', '-e', '-b', $self->brokers, '-t', $topic, '-p', $partition, '-o', $from->{$partition},
				'-X', 'check.crcs=true', '-X', 'fetch.wait.max.ms=10', '-f', '%p\t%o\t%s\n' ],
			'<', \undef, '>', \$text{$partition});
	}
	$_->finish or croak 'kcat could not read the topic' foreach @readers;
	return \%text;
}

# {PARTITION => END} of these partitions.
sub end_offsets
{
	my ($self, $topic, @partitions) = @_;
	return { $self->kcat('-Q', map { ('-t', "$topic:$_:-1") } @partitions) =~ /\[(\d+)\] offset (\d+)/g };
}

END
{
	my $status = $?;
	foreach my $node (@nodes)
	{
		eval { $node->run('stop') };
	}
	$? = $status;
}

1;
