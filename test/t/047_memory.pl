# The memory of workers, whatever the broker and the source send: a backlog of
# tiny messages behind a locked table, a record batch that unpacks to hundreds of
# megabytes, and a source's answers that are huge, packed, or made of rows and
# values of two bytes. Each worker's peak stays under 256 MB, and each goes on.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VnstreamTest;

my $limit = 256 * 1024;
my $topic = new_topic();
my $bomb_topic = new_topic();
my $simulator = start_simulator('--symbols', '40', '--unknown', '0');
my $node = new_server(
	'memory',
	brokers => broker_address(),
	topic => $topic,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	symbols_per_request => 10,
	# none of the messages below is a quote
	dead_letter_percent => 100,
	# what is touched of them counts as a worker's, too
	server => { shared_buffers => '16MB' });

# The peak of a worker's resident memory, kB.
sub peak
{
	my ($worker, $database) = @_;
	my $pid = worker_pid($node, $database // 'postgres', $worker);
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;

	return $kilobytes;
}

# The same, once it has not grown for 3 s.
sub settled_peak
{
	my ($worker) = @_;
	my $same = 0;
	my $last = 0;

	while ($same < 30)
	{
		my $now = peak($worker);

		$same = $now == $last ? $same + 1 : 0;
		$last = $now;
		sleep 0.1;
	}
	return $last;
}

# ---- a million messages of up to seven bytes, while nothing can be stored

start_pipeline($node, 'postgres', 'consumer');
my $locker = IPC::Run::start(
	[ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c',
		q{SET application_name = 'locker'; BEGIN; LOCK realtime_quotes, vnstream_dead_letters; SELECT pg_sleep(600)} ],
	'<', \undef, '>', '/dev/null', '2>', '/dev/null');
query_until($node, 'postgres',
	"SELECT count(*) FROM pg_locks WHERE relation = 'realtime_quotes'::regclass AND mode = 'AccessExclusiveLock' AND granted",
	'1', 'the table is locked');
my $numbers = join("\n", 1 .. 1_000_000) . "\n";
IPC::Run::run([ 'kcat', '-P', '-b', broker_address(), '-t', $topic, '-z', 'lz4', '-X', 'queue.buffering.max.messages=1000001' ],
	'<', \$numbers, '>', '/dev/null', '2>', '/dev/null')
  or die 'kcat could not produce';
my $peak = settled_peak('consumer 1');
note("consumer with a backlog of tiny messages: $peak kB");
cmp_ok($peak, '<', $limit, 'a million tiny messages ahead: the consumer stays under 256 MB');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'});
eval { $locker->finish };

# beyond what was queued: what had to wait at the broker is fetched, too
query_until($node, 'postgres', 'SELECT max(next_offset) > 300000 FROM vnstream_positions', 't', 'and goes on once it can', 150);
$peak = peak('consumer 1');
note("consumer, storing them: $peak kB");
cmp_ok($peak, '<', $limit, 'also while it stores them');
is($node->safe_psql('postgres',
		'SELECT count(*) = max(kafka_offset) + 1 FROM vnstream_dead_letters'), 't', 'each of them a dead letter');
$node->safe_psql('postgres', 'SELECT vnstream_stop()');

# ---- a zstd batch of 15 kB that unpacks to 300 MB

$node->safe_psql('postgres', "CREATE DATABASE bomb");
$node->safe_psql('postgres', "ALTER DATABASE bomb SET vnstream.topic = '$bomb_topic'");
start_pipeline($node, 'bomb', 'consumer');
# a file is one message
my $bomb = PostgreSQL::Test::Utils::tempdir_short() . '/bomb';
append_to_file($bomb, 'x' x 300_000_000);
kcat('-P', '-b', broker_address(), '-t', $bomb_topic, '-z', 'zstd', '-X', 'message.max.bytes=1000000000',
	'-X', 'queue.buffering.max.kbytes=2000000', $bomb);
unlink $bomb;
query_until($node, 'bomb',
	"SELECT state, last_error ~ 'partition 0.*message at 0 .*compressed' FROM vnstream_status() WHERE worker = 'consumer 1'",
	'failed|t', 'a zstd bomb: the consumer stops there and says which message');
$peak = peak('consumer 1', 'bomb');
note("consumer at a zstd bomb: $peak kB");
cmp_ok($peak, '<', $limit, 'under 256 MB');

# ---- the source

simulator_mode($simulator, mode => 'swarm', path => 'getAll', row => '{"symbol":"VCB","type":"STOCK","board":"HSX"}');
$node->safe_psql('postgres', "SELECT vnstream_start('producer')");
query_until($node, 'postgres',
	"SELECT last_error ~ 'more than 50000 rows' FROM vnstream_status() WHERE worker = 'producer'",
	't', 'a list of a third of a million symbols: refused');
simulator_mode($simulator, mode => 'ok');

my $pid = worker_pid($node, 'postgres', 'producer');
foreach my $case (
	[ { mode => 'swarm' }, qr/more than 10000 rows/ ],
	[ { mode => 'swarm', deep => JSON::PP::true }, qr/none of the 40 symbols was answered/ ],
	[ { mode => 'huge', size => 1_000_000_000 }, qr/more than 16777216 bytes/ ],
	[ { mode => 'bomb', size => 1_000_000_000 }, qr/more than 16777216 bytes/ ])
{
	my ($mode, $error) = @$case;
	my $name = join(' ', map { "$_=$mode->{$_}" } sort keys %$mode);

	simulator_mode($simulator, %$mode, path => 'getList');
	my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
	query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_sweeps WHERE sweep = $sweep", 't',
		"$name: the sweep ends");
	like($node->safe_psql('postgres', "SELECT error FROM vnstream_sweeps WHERE sweep = $sweep"), $error, "$name: it says why");
	$peak = peak('producer');
	note("producer after $name: $peak kB");
	cmp_ok($peak, '<', $limit, "$name: the producer stays under 256 MB");
}
simulator_mode($simulator, mode => 'ok');
my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT answered FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '40',
	'the source well again: so is the sweep');
is(worker_pid($node, 'postgres', 'producer'), $pid, 'by the same producer');

done_testing();
