# The HTTP sidecar of a stack, on a port of its own; it ends with the test.
package RigAlpha::Sidecar;

use strict;
use warnings FATAL => 'all';

use Carp;
use HTTP::Tiny;
use IPC::Run;
use RigAlpha::Stack;
use Test::More;
use Time::HiRes qw(time);

my $PROGRAM = "$RigAlpha::Stack::ROOT/build/bin/rigalpha-web";
my @sidecars;

sub new
{
	my ($class, $stack) = @_;
	my $self = bless { stack => $stack, port => RigAlpha::Stack::free_port() }, $class;
	BAIL_OUT("$PROGRAM is missing: run make web") unless -x $PROGRAM;
	push @sidecars, $self;
	$self->start;
	return $self;
}

sub url { return "http://127.0.0.1:$_[0]{port}"; }

# Start it and wait until it is ready.
sub start
{
	my ($self) = @_;
	my $node = $self->{stack}->node;
	local $ENV{PGHOST}          = $node->host;
	local $ENV{PGPORT}          = $node->port;
	local $ENV{PGUSER}          = 'rigalpha_web';
	local $ENV{PGDATABASE}      = $RigAlpha::Stack::DATABASE;
	local $ENV{RIGALPHA_LISTEN} = "127.0.0.1:$self->{port}";
	local $ENV{RIGALPHA_ANONYMOUS_INGEST} = 'on';
	my $log = $self->{stack}->scratch_file('sidecar.log');
	$self->{process} = IPC::Run::start([$PROGRAM], '<', \undef, '>', $log, '2>', "$log.err");

	my $limit = time() + 30;
	until (HTTP::Tiny->new(timeout => 2)->get($self->url . '/readyz')->{success})
	{
		croak 'the sidecar did not become ready: ' . PostgreSQL::Test::Utils::slurp_file("$log.err") if time() > $limit;
		select(undef, undef, undef, 0.05);
	}
	return;
}

sub kill9
{
	my ($self) = @_;
	$self->{process}->signal('KILL');
	eval { $self->{process}->finish };
	return;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{process}->pumpable;
	$self->{process}->signal('TERM');
	eval { $self->{process}->finish };
	return;
}

# Post one body to ingest; returns the answer of HTTP::Tiny.
sub ingest
{
	my ($self, $body) = @_;
	return HTTP::Tiny->new(timeout => 30)->post($self->url . '/api/v1/ingest',
		{ headers => { 'Content-Type' => 'application/json' }, content => $body });
}

END
{
	my $status = $?;
	eval { $_->{process}->kill_kill(grace => 1) } foreach @sidecars;
	$? = $status;
}

1;
