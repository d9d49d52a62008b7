# The sidecar of a stack, and a client that posts numbered readings to it without pause and notes
# each one that was answered 2xx (invariant I5: an answer of 2xx implies that it is stored, once).
package RigAlpha::HttpSender;

use strict;
use warnings FATAL => 'all';

use Carp;
use HTTP::Tiny;
use IPC::Run;
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $SIDECAR  = "$RigAlpha::Stack::ROOT/build/bin/rigalpha-web";
my $INTERVAL = 0.005;    # seconds between posts
my @senders;

sub start
{
	my ($class, $stack) = @_;
	my $self = bless {
		stack => $stack,
		port  => RigAlpha::Stack::free_port(),
		acked => $stack->scratch_file('acked'),
		base  => int(time() * 1000) - 7_200_000,
	}, $class;

	BAIL_OUT("$SIDECAR is missing: run make web") unless -x $SIDECAR;
	push @senders, $self;
	$self->start_sidecar;
	$self->{client} = fork() // croak "fork: $!";
	if ($self->{client} == 0)
	{
		$self->post_readings;
		require POSIX;
		POSIX::_exit(0);
	}
	return $self;
}

sub start_sidecar
{
	my ($self) = @_;
	my $node = $self->{stack}->node;
	local $ENV{PGHOST}          = $node->host;
	local $ENV{PGPORT}          = $node->port;
	local $ENV{PGUSER}          = 'rigalpha_web';
	local $ENV{PGDATABASE}      = $RigAlpha::Stack::DATABASE;
	local $ENV{RIGALPHA_LISTEN} = "127.0.0.1:$self->{port}";
	my $log = $self->{stack}->scratch_file('sidecar.log');
	$self->{sidecar} = IPC::Run::start([$SIDECAR], '<', \undef, '>', $log, '2>', "$log.err");

	my $limit = time() + 30;
	until (HTTP::Tiny->new(timeout => 2)->get("http://127.0.0.1:$self->{port}/readyz")->{success})
	{
		croak 'the sidecar did not become ready: ' . PostgreSQL::Test::Utils::slurp_file("$log.err") if time() > $limit;
		select(undef, undef, undef, 0.05);
	}
	return;
}

sub kill_sidecar
{
	my ($self) = @_;
	$self->{sidecar}->signal('KILL');
	eval { $self->{sidecar}->finish };
	return;
}

# In the child, until SIGTERM.
sub post_readings
{
	my ($self) = @_;
	my $stop = 0;
	local $SIG{TERM} = sub { $stop = 1 };
	my $http = HTTP::Tiny->new(timeout => 10, keep_alive => 1);
	open my $acked, '>', $self->{acked} or croak "$self->{acked}: $!";
	$acked->autoflush(1);
	for (my $number = 1; !$stop; $number++)
	{
		my $answer = $http->post("http://127.0.0.1:$self->{port}/api/v1/ingest", {
			headers => { 'Content-Type' => 'application/json' },
			content => sprintf '{"machine_id":"http","timestamp":%d,"sensors":{"number":%d}}', $self->{base} + $number, $number });
		print $acked "$number\n" if $answer->{success};
		select(undef, undef, undef, $INTERVAL);
	}
	close $acked;
	return;
}

# Numbers answered 2xx until now.
sub acked
{
	my ($self) = @_;
	return unless -e $self->{acked};
	return grep { /^\d+$/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{acked});
}

sub wait_acked
{
	my ($self, $count, $seconds) = @_;
	my $limit = time() + $seconds;
	while ((my $answered = () = $self->acked) < $count)
	{
		croak "only $answered of $count readings were answered" if time() > $limit;
		select(undef, undef, undef, 0.002);
	}
	return;
}

# Every number that was answered 2xx until now is in the table, once; returns how many there are.
sub check
{
	my ($self) = @_;
	my @acked = $self->acked;
	my $list = join ',', @acked;
	is($self->{stack}->sql(qq{
SELECT count(*) FROM unnest('{$list}'::integer[]) AS a (number)
WHERE (SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
	WHERE m.name = 'http' AND r.ts = to_timestamp(($self->{base} + a.number) / 1000.0) AND r.sensor_values = ARRAY[a.number::float8]) <> 1}),
		'0', 'I5: all ' . scalar(@acked) . ' readings answered 2xx are stored once');
	return scalar @acked;
}

sub stop
{
	my ($self) = @_;
	if ($self->{client})
	{
		kill 'TERM', $self->{client};
		waitpid $self->{client}, 0;
		$self->{client} = 0;
	}
	if ($self->{sidecar} && $self->{sidecar}->pumpable)
	{
		$self->{sidecar}->signal('TERM');
		eval { $self->{sidecar}->finish };
	}
	return;
}

END
{
	my $status = $?;
	foreach my $sender (grep { $_->{client} } @senders)
	{
		kill 'KILL', $sender->{client};
		eval { $sender->{sidecar}->kill_kill(grace => 1) };
	}
	$? = $status;
}

1;
