# A client that posts numbered readings to a sidecar without pause and notes each one that was
# answered 2xx (invariant I5: an answer of 2xx implies that the reading is stored, once).
package RigAlpha::HttpSender;

use strict;
use warnings FATAL => 'all';

use Carp;
use HTTP::Tiny;
use POSIX ();
use RigAlpha::Sidecar;
use Test::More;
use Time::HiRes qw(time);

my $INTERVAL = 0.005;    # seconds between posts
my @senders;

sub start
{
	my ($class, $stack) = @_;
	my $self = bless {
		stack   => $stack,
		sidecar => RigAlpha::Sidecar->new($stack),
		acked   => $stack->scratch_file('acked'),
		base    => int(time() * 1000) - 7_200_000,
	}, $class;

	push @senders, $self;
	$self->{client} = fork() // croak "fork: $!";
	if ($self->{client} == 0)
	{
		$self->post_readings;
		POSIX::_exit(0);
	}
	return $self;
}

sub sidecar { return $_[0]{sidecar}; }

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
		my $answer = $http->post($self->{sidecar}->url . '/api/v1/ingest', {
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
	$self->{sidecar}->stop;
	return;
}

END
{
	my $status = $?;
	kill 'KILL', $_->{client} foreach grep { $_->{client} } @senders;
	$? = $status;
}

1;
