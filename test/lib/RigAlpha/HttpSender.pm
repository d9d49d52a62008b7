# A client that posts numbered readings to a sidecar without pause and notes each one that was answered
# 2xx (invariant I5: an answer of 2xx implies that the reading is stored, and an idempotency key acts once).
# The readings bear no time, so that nothing but the key tells a repetition from another reading.
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

# In the child, until SIGTERM. What was not answered 2xx is sent again, and of the rest each tenth.
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
		until ($stop || $self->post_reading($http, $number))
		{
			select(undef, undef, undef, 10 * $INTERVAL);
		}
		last if $stop;
		print $acked "$number\n";
		$self->post_reading($http, $number) if $number % 10 == 0;
		select(undef, undef, undef, $INTERVAL);
	}
	close $acked;
	return;
}

# True when it was answered 2xx.
sub post_reading
{
	my ($self, $http, $number) = @_;
	my $answer = $http->post($self->{sidecar}->url . '/api/v1/ingest', {
		headers => { 'Content-Type' => 'application/json', 'Idempotency-Key' => "number-$number" },
		content => sprintf '{"machine_id":"http","sensors":{"number":%d}}', $number });
	return $answer->{success};
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

# Every number that was answered 2xx until now is in the table, and none is there twice; returns how many were answered.
sub check
{
	my ($self) = @_;
	my @acked = $self->acked;
	my $list = join ',', @acked;
	my $stored = q{SELECT value::integer AS number FROM rigalpha.reading_values WHERE machine = 'http' AND sensor = 'number'};
	is($self->{stack}->sql("SELECT count(*) FROM (SELECT unnest('{$list}'::integer[]) EXCEPT $stored) q"),
		'0', 'I5: all ' . scalar(@acked) . ' readings answered 2xx are stored');
	is($self->{stack}->sql("SELECT count(*) FROM (SELECT number FROM ($stored) s GROUP BY number HAVING count(*) > 1) q"),
		'0', 'I5: none is stored twice');
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
