# A PostgreSQL node with the Kafka worker and an embedded broker, for TAP tests.
#
#   my $stack = RigAlpha::Stack->new('name', topics => { readings => 4 });
#   $stack->create_source('main', 'readings');
#   $stack->produce('readings', 0, $payload, ...);
#   $stack->wait_for('every message is stored', $sql);
#
# Both listen on loopback ports of their own and end with the test.
package RigAlpha::Stack;

use strict;
use warnings FATAL => 'all';

use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp;
use IO::Socket::INET;
use IPC::Run;
use Time::HiRes qw(time);

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our $DATABASE = 'rig';

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');

my $DEVBROKER  = "$ROOT/build/bin/rigalpha-devbroker";
my $START_TIME = time();
my @brokers;

# Options: topics {NAME => PARTITIONS}, config (lines of postgresql.conf), bare (no extension yet),
# kafka (a RigAlpha::KafkaNode in place of the embedded broker)
sub new
{
	my ($class, $name, %option) = @_;
	my $self = bless {
		topics  => $option{topics} // { readings => 4 },
		port    => free_port(),
		scratch => File::Temp->newdir(),
		serial  => 0,
	}, $class;

	BAIL_OUT("$DEVBROKER is missing: run make tools") unless -x $DEVBROKER;
	if ($option{kafka})
	{
		$self->{port} = $option{kafka}{port};
	}
	else
	{
		$self->start_broker;
	}

	my $node = $self->{node} = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', <<"END");
shared_preload_libraries = 'rigalpha_worker'
rigalpha_worker.databases = '$DATABASE'
max_worker_processes = 24
max_locks_per_transaction = 256
max_connections = 50
log_line_prefix = '%m [%p] %b '
log_statement = none
restart_after_crash = on
timezone = UTC
END
	$node->append_conf('postgresql.conf', $option{config}) if $option{config};
	$node->start;
	unless ($option{bare})
	{
		$node->safe_psql('postgres', "CREATE DATABASE $DATABASE");
		$self->sql('CREATE EXTENSION rigalpha; SELECT rigalpha.setup()');
	}
	return $self;
}

sub node { return $_[0]{node}; }

sub brokers { return "127.0.0.1:$_[0]{port}"; }

# A port below those that the kernel gives out by itself.
sub free_port
{
	for (1 .. 200)
	{
		my $port   = 20000 + int(rand(10000));
		my $socket = IO::Socket::INET->new(
			LocalAddr => '127.0.0.1',
			LocalPort => $port,
			Listen    => 1,
			ReuseAddr => 1);
		return $port if $socket;
	}
	croak 'no free port';
}

# The broker

sub start_broker
{
	my ($self) = @_;
	my @topics = map { ('--topic', "$_:$self->{topics}{$_}") } sort keys %{ $self->{topics} };
	my ($out, $err) = ('', '');

	$self->{broker} = IPC::Run::start([ $DEVBROKER, '--port', $self->{port}, @topics ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(600));
	push @brokers, $self->{broker};
	my $limit = time() + 60;
	until ($out =~ /^READY/m)
	{
		IPC::Run::pump_nb($self->{broker});
		croak "the broker did not start: $err" if !$self->{broker}->pumpable || time() > $limit;
		select(undef, undef, undef, 0.02);
	}
	return;
}

sub stop_broker
{
	my ($self) = @_;
	$self->{broker}->kill_kill(grace => 5);
	return;
}

sub signal_broker
{
	my ($self, $signal) = @_;
	$self->{broker}->signal($signal);
	return;
}

sub kcat
{
	my ($self, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'kcat', '-b', $self->brokers, @arguments ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  or croak "kcat @arguments: $err";
	return $out;
}

# Send messages of any bytes but none.
sub produce
{
	my ($self, $topic, $partition, @payloads) = @_;
	my @files;
	foreach my $payload (@payloads)
	{
		my $file = "$self->{scratch}/" . $self->{serial}++;
		open my $handle, '>:raw', $file or croak "$file: $!";
		print $handle $payload;
		close $handle;
		push @files, $file;
	}
	while (my @some = splice @files, 0, 500)
	{
		$self->kcat('-P', '-X', 'message.max.bytes=5000000', '-t', $topic, '-p', $partition, @some);
		unlink @some;
	}
	return;
}

# Send a message without payload.
sub produce_tombstone
{
	my ($self, $topic, $partition) = @_;
	my $file = "$self->{scratch}/" . $self->{serial}++;
	PostgreSQL::Test::Utils::append_to_file($file, "key:\n");
	$self->kcat('-P', '-Z', '-K', ':', '-t', $topic, '-p', $partition, '-l', $file);
	unlink $file;
	return;
}

# A file with one message a line.
sub lines_file
{
	my ($self, @payloads) = @_;
	my $file = "$self->{scratch}/" . $self->{serial}++;
	open my $handle, '>:raw', $file or croak "$file: $!";
	print $handle map { "$_\n" } @payloads;
	close $handle;
	return $file;
}

# Send many short messages quickly.
sub produce_lines
{
	my ($self, $topic, $partition, @payloads) = @_;
	my $file = $self->lines_file(@payloads);
	$self->kcat('-P', '-t', $topic, '-p', $partition, '-l', $file);
	unlink $file;
	return;
}

# Messages with unique times: readings of MACHINE numbered FIRST to LAST, with the number as a value.
sub readings
{
	my ($machine, $first, $last) = @_;
	my $base = int($START_TIME * 1000) - 3_600_000;
	return map { sprintf '{"machine_id":"%s","timestamp":%d,"state":"running","sensors":{"number":%d}}', $machine, $base + $_, $_ }
	  $first .. $last;
}

# The database

sub sql
{
	my ($self, $sql) = @_;
	return $self->{node}->safe_psql($DATABASE, $sql);
}

sub create_source
{
	my ($self, $name, $topic, %option) = @_;
	my $config  = $option{config}  // '{}';
	my $workers = $option{workers} // 1;
	$self->sql(sprintf "SELECT rigalpha.create_kafka_source('%s', '%s', '%s', '%s', %d)",
		$name, $option{brokers} // $self->brokers, $topic, $config, $workers);
	return;
}

# Kill the server as a power cut would, and start it again. The start is repeated until the
# processes of the dead server have noticed; the node's own start would give up.
sub kill_server
{
	my ($self) = @_;
	my $node  = $self->{node};
	my $limit = time() + 60;
	$node->kill9;
	until (IPC::Run::run([ 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '--cluster-name=' . $node->name, 'start' ],
			'<', \undef, '>', '/dev/null', '2>', '/dev/null'))
	{
		croak 'the server does not start again' if time() > $limit;
		select(undef, undef, undef, 0.05);
	}
	$node->_update_pid(1);
	return;
}

# A file name for one use, in a folder that goes with the test.
sub scratch_file
{
	my ($self, $name) = @_;
	return "$self->{scratch}/$name";
}

# Wait until the query gives t and return the seconds it took; the test fails after LIMIT seconds.
sub wait_for
{
	my ($self, $what, $query, $limit) = @_;
	my $start = time();
	$limit //= 60;
	while (1)
	{
		# psql that cannot connect may end before it has read the query, which IPC::Run throws.
		my ($status, $out) = eval { $self->{node}->psql($DATABASE, $query) };
		last if defined $status && $status == 0 && $out eq 't';
		$out //= 'no connection';
		if (time() - $start > $limit)
		{
			diag("last answer: $out");
			my (undef, $state) = $self->{node}->psql($DATABASE, 'TABLE rigalpha.kafka_status');
			diag("status: $state");
			return ok(0, "$what within $limit s") && -1;
		}
		select(undef, undef, undef, 0.02);
	}
	my $took = time() - $start;
	ok(1, sprintf '%s (%.0f ms)', $what, $took * 1000);
	return $took;
}

sub wait_messages
{
	my ($self, $source, $count, $limit) = @_;
	return $self->wait_for("$count messages of $source are stored",
		"SELECT sum(messages) = $count FROM rigalpha.kafka_status WHERE source = '$source'", $limit);
}

sub wait_state
{
	my ($self, $source, $state, $limit) = @_;
	return $self->wait_for("$source is $state",
		"SELECT bool_and(state = '$state') FROM rigalpha.kafka_status WHERE source = '$source'", $limit);
}

sub consumer_pid
{
	my ($self, $source, $slot) = @_;
	$slot //= 0;
	return $self->sql("SELECT pid FROM rigalpha.kafka_status WHERE source = '$source' AND slot = $slot");
}

# True while the process runs; one that ended and waits for its parent does not.
sub process_runs
{
	my ($pid) = @_;
	open my $stat, '<', "/proc/$pid/stat" or return 0;
	my ($state) = (<$stat> // '') =~ /\) (\S)/;
	return defined $state && $state !~ /[ZX]/;
}

# Terminate a process and return the seconds until it is gone.
sub time_to_exit
{
	my ($self, $pid) = @_;
	my $start = time();
	kill 'TERM', $pid or croak "no process $pid";
	while (process_runs($pid))
	{
		croak "process $pid does not end" if time() - $start > 60;
		select(undef, undef, undef, 0.002);
	}
	return time() - $start;
}

# The server log

sub log_position
{
	my ($self) = @_;
	return -s $self->{node}->logfile;
}

sub log_lines
{
	my ($self, $pattern, $position) = @_;
	my $log = PostgreSQL::Test::Utils::slurp_file($self->{node}->logfile, $position // 0);
	return grep { /$pattern/ } split /\n/, $log;
}

sub stop
{
	my ($self) = @_;
	$self->{node}->stop('fast');
	$self->stop_broker if $self->{broker};
	return;
}

END
{
	my $status = $?;
	foreach my $broker (@brokers)
	{
		eval { $broker->kill_kill(grace => 1) };
	}
	$? = $status;
}

1;
