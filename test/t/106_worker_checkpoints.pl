# Signed checkpoints of the audit log leave the machine through Kafka: all of them, in order, also after a pause.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../lib";
use RigAlpha::Stack;
use Test::More;

my $stack = RigAlpha::Stack->new('checkpoints', topics => { readings => 1, checkpoints => 1 });
my $serial = 0;

# What a signer would store; the worker does not look at signatures. Returns the size.
sub store_checkpoint
{
	my $signature = sprintf '— rigalpha/test %04d', ++$serial;
	$stack->sql("SELECT rigalpha.audit_note('a step forward')") unless $_[0];
	return $stack->sql(qq(
		SELECT rigalpha.audit_integrate();
		SELECT rigalpha.audit_store_checkpoint(p.size, p.text || E'\\n$signature\\n') FROM rigalpha.audit_checkpoint_proposal(0) p;
		SELECT 'size ' || max(size) FROM rigalpha.audit_checkpoints)) =~ s/.*size //sr;
}

sub set_export
{
	my ($source, $topic) = @_;
	$stack->node->append_conf('postgresql.conf',
		"rigalpha_worker.checkpoint_source = '$source'\nrigalpha_worker.checkpoint_topic = '$topic'\n");
	$stack->node->reload;
	return;
}

sub exported { return $stack->wait_for($_[0], 'SELECT bool_and(exported_at IS NOT NULL) FROM rigalpha.audit_checkpoints'); }

# Keys and serial numbers of the notes in the topic.
sub topic
{
	my $notes = $stack->kcat('-C', '-q', '-e', '-t', 'checkpoints', '-f', 'key %k %s');
	return join ' ', map { "$_->[0]:" . ($_->[1] + 0) } map { [/key (\d+).*rigalpha\/test (\d+)/s] } split /(?=^key )/m, $notes;
}

note 'what was signed before the topic was set is sent, the oldest first';
$stack->create_source('main', 'readings');
my @sizes = map { store_checkpoint() } 1 .. 3;
set_export('main', 'checkpoints');
exported('three checkpoints are sent');
is(topic(), "$sizes[0]:1 $sizes[1]:2 $sizes[2]:3", 'each once, in order, by its size');
is($stack->kcat('-C', '-q', '-e', '-t', 'checkpoints', '-o', '-1', '-f', '%s'),
	$stack->sql('SELECT note FROM rigalpha.audit_checkpoints ORDER BY size DESC LIMIT 1'), 'as it was signed');

note 'a log that does not grow';
is(store_checkpoint(1), $sizes[2], 'is signed again');
exported('and sent again');
like(topic(), qr/$sizes[2]:4$/, 'behind the others');

note 'the broker goes';
$stack->stop_broker;
my $size = store_checkpoint();
my $position = $stack->log_position;
$stack->start_broker;
exported('it is sent when the broker is back');
is(topic(), "$size:5", 'once');

note 'a source that is not there';
$position = $stack->log_position;
set_export('nobody', 'checkpoints');
store_checkpoint();
store_checkpoint();
$stack->wait_for('nothing is sent', 'SELECT count(*) = 2 FROM rigalpha.audit_checkpoints WHERE exported_at IS NULL');
my $limit = time() + 30;
select(undef, undef, undef, 0.05) until $stack->log_lines(qr/there is no Kafka source "nobody"/, $position) || time() > $limit;
is(scalar $stack->log_lines(qr/export of checkpoints failed/, $position), 1, 'one line says why');
set_export('main', 'checkpoints');
exported('with the source it goes on');

note 'the server stops while the broker is silent';
$stack->signal_broker('STOP');
store_checkpoint();
my $start = time();
$stack->node->stop('fast');
cmp_ok(time() - $start, '<', 5, 'it does not wait for it');
$stack->signal_broker('CONT');
$stack->stop_broker;

done_testing();
