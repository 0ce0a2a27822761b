# VnstreamTest: what the TAP tests share: a server with the extension, a real
# Kafka, and the simulator of the source, all gone when the test ends.
package VnstreamTest;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Spec;
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP qw(encode_json decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(
  $root start_broker broker_command broker_address new_topic
  start_simulator stop_simulator simulator_mode simulator_post simulator_get
  new_server start_pipeline wait_for query_until start_until worker_pid
  produce kcat account
);

# The checkout; tests run from wherever prove was started.
our $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');

my %brokers;       # data folder => address
my @simulators;    # {handle, port}
my $topics = 0;

# A broker of this test's own, for tests that break it.  Options go to
# test/kafka start.  Returns its data folder, by which broker_command() and
# broker_address() know it.
sub start_broker
{
	my (@options) = @_;
	my $data = PostgreSQL::Test::Utils::tempdir_short();

	_run('start a broker', "$root/test/kafka", 'start', '--data', $data, '--port', 'auto',
		'--parent', $$, @options);
	my $environment = _run('read its address', "$root/test/kafka", 'env', '--data', $data);
	$environment =~ /^KAFKA_BOOTSTRAP=(\S+)/m or die "no address in: $environment";
	$brokers{$data} = $1;
	return $data;
}

# test/kafka COMMAND for that broker; dies where it fails, returns what it prints.
sub broker_command
{
	my ($data, $command, @arguments) = @_;

	return _run("kafka $command", "$root/test/kafka", $command, '--data', $data, @arguments);
}

# The address of a broker of start_broker(), or of the one that all tests of a
# run share (started by the run, never broken by a test).
sub broker_address
{
	my ($data) = @_;

	return $brokers{$data} if defined $data;
	return $ENV{KAFKA_BOOTSTRAP}
	  // die "KAFKA_BOOTSTRAP is not set: run the tests by make test, or start test/kafka first\n";
}

# A name that no other test uses.
sub new_topic
{
	return sprintf('test-%d-%d-%d', $$, int(time() * 1000) % 1_000_000, ++$topics);
}

sub _run
{
	my ($what, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err)
	  or die "could not $what (@command): $out$err";
	return $out;
}

# Start the simulator; returns {url, port, pid, handle}.
sub start_simulator
{
	my (@options) = @_;
	my $ready = PostgreSQL::Test::Utils::tempdir_short() . '/port';
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		[ "$root/test/vnstock-sim", '--port', '0', '--ready-file', $ready, @options ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $simulator = { handle => $handle };

	push @simulators, $simulator;
	for (1 .. 300)
	{
		last if -s $ready;
		die "the simulator ended: $out$err" unless $handle->pumpable;
		sleep 0.1;
	}
	$simulator->{port} = PostgreSQL::Test::Utils::slurp_file($ready) + 0;
	$simulator->{url} = "http://127.0.0.1:$simulator->{port}/";
	return $simulator;
}

# Its port stays free for start_simulator('--port', ...).
sub stop_simulator
{
	my ($simulator) = @_;

	$simulator->{handle}->kill_kill(grace => 5);
	@simulators = grep { $_ != $simulator } @simulators;
	return;
}

sub _request
{
	my ($simulator, $method, $path, $content) = @_;
	my $response = HTTP::Tiny->new(timeout => 10)->request(
		$method,
		$simulator->{url} . $path,
		defined $content
		? { content => encode_json($content), headers => { 'content-type' => 'application/json' } }
		: {});

	die "$method $path: $response->{status} $response->{content}" unless $response->{success};
	return decode_json($response->{content});
}

sub simulator_post { my ($s, $path, $content) = @_; return _request($s, 'POST', "_sim/$path", $content); }
sub simulator_get { my ($s, $path) = @_; return _request($s, 'GET', "_sim/$path"); }

# What requests meet from now on; see test/vnstock-sim --help.
sub simulator_mode { my ($s, %mode) = @_; return simulator_post($s, 'mode', \%mode); }

# A server with the library preloaded.  Settings of the extension by their names
# without "vnstream.", others as name => value under "server".
sub new_server
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $server = delete $settings{server} // {};

	$node->init(%{ delete $settings{init} // {} });
	$settings{interval} //= '2s';
	$settings{heartbeat} //= 0;
	# the same at any hour
	$settings{schedule} //= 'always';
	$settings{allow_insecure_source} //= 'on';
	$settings{requests_per_minute} //= 6000;
	$settings{brokers} //= '127.0.0.1:1';
	$settings{vci_url} //= 'http://127.0.0.1:1/api/';
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'vnstock_stream'\nmax_worker_processes = 32\n"
		  . "log_line_prefix = '%m [%p] %b '\n"
		  . join('', map { "$_ = '$server->{$_}'\n" } sort keys %$server)
		  . join('', map { "vnstream.$_ = '$settings{$_}'\n" } sort keys %settings));
	$node->start;
	return $node;
}

# CREATE EXTENSION and vnstream_start() in a database, then wait.
sub start_pipeline
{
	my ($node, $database, $component) = @_;

	$database //= 'postgres';
	$node->safe_psql($database, 'CREATE EXTENSION IF NOT EXISTS vnstock_stream');
	$node->safe_psql($database,
		defined $component ? "SELECT vnstream_start('$component')" : 'SELECT vnstream_start()');
	is($node->safe_psql($database, "SELECT vnstream_wait('running', '60 s')"),
		't', 'the workers run')
	  or diag($node->safe_psql($database, 'SELECT * FROM vnstream_status()'));
	return;
}

# Call code until it is true, for 60 s or the given time.
sub wait_for
{
	my ($code, $what, $seconds) = @_;
	my $deadline = time() + ($seconds // 60);

	while (time() < $deadline)
	{
		return 1 if $code->();
		sleep 0.1;
	}
	diag("still waiting for: $what");
	return 0;
}

# Run a query until it answers as expected, after what is to be done before each
# look; a passed test where it does.
sub _look_until
{
	my ($before, $node, $database, $query, $expected, $name, $seconds) = @_;
	my $last = '';
	my $reached = wait_for(
		sub {
			# psql() dies where a server that is starting sends psql away
			# before it has read the query
			$before->();
			my ($code, $out) = eval { $node->psql($database, $query) };
			$last = $out // $@;
			return defined $code && $code == 0 && $last eq $expected;
		},
		$name, $seconds);

	ok($reached, $name) or diag("last answer: $last; expected: $expected");
	return $reached;
}

# (node, database, query, expected, name, seconds)
sub query_until { return _look_until(sub { }, @_); }

# The same for workers that have been killed over and over: they rest for longer
# each time, and a start by hand, once a second, does not wait for that.
sub start_until
{
	my ($node, $database, $component, @look) = @_;
	my $started = 0;

	return _look_until(
		sub {
			return if time() < $started + 1;
			eval { $node->psql($database, "SELECT vnstream_start('$component')") };
			$started = time();
		},
		$node, $database, @look);
}

sub worker_pid
{
	my ($node, $database, $worker) = @_;

	return $node->safe_psql($database,
		"SELECT pid FROM vnstream_status() WHERE worker = '$worker'");
}

# Put messages into a topic with kcat: [key, value] pairs, or values.
# Options such as -p 1 may stand first in an array reference.
sub produce
{
	my ($address, $topic, $messages, @options) = @_;
	my $lines = join('', map { ref $_ ? "$_->[0]\t$_->[1]\n" : "\t$_\n" } @$messages);
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'kcat', '-P', '-b', $address, '-t', $topic, '-K', "\t", @options ],
		'<', \$lines, '>', \$out, '2>', \$err)
	  or die "kcat could not produce: $out$err";
	return;
}

sub kcat
{
	my (@arguments) = @_;

	return _run('run kcat', 'kcat', @arguments);
}

# The account of a database: an empty answer is a good one.
sub account
{
	my ($node, $database) = @_;

	return $node->safe_psql($database, q{
		SELECT 'sweep ' || sweep || ' does not add up' FROM vnstream_sweeps
		WHERE answered <> published + unchanged + rejected + waiting
		UNION ALL
		SELECT 'segment ' || segment || ' does not add up' FROM vnstream_segments
		WHERE next_offset - from_offset <> stored + duplicates + dead_letters + gaps
		UNION ALL
		SELECT format('partition %s: %s rows, %s counted', s.partition, count(q.ticker), s.stored)
		FROM (SELECT topic, partition, sum(stored) AS stored FROM vnstream_segments GROUP BY 1, 2) s
		LEFT JOIN realtime_quotes q ON q.kafka_partition = s.partition
		GROUP BY s.topic, s.partition, s.stored HAVING count(q.ticker) <> s.stored
		UNION ALL
		SELECT format('partition %s offset %s is stored %s times', kafka_partition, kafka_offset, count(*))
		FROM realtime_quotes WHERE kafka_partition >= 0 GROUP BY kafka_partition, kafka_offset HAVING count(*) > 1
		UNION ALL
		SELECT format('partition %s: position %s, segments end at %s', p.partition, p.next_offset, max(s.next_offset))
		FROM vnstream_positions p JOIN vnstream_segments s USING (cluster_id, topic, epoch, partition)
		WHERE s.closed_at IS NULL GROUP BY p.partition, p.next_offset
		HAVING max(s.next_offset) <> p.next_offset});
}

END
{
	my $status = $?;

	foreach my $simulator (@simulators)
	{
		$simulator->{handle}->kill_kill(grace => 5);
	}
	foreach my $data (keys %brokers)
	{
		eval { broker_command($data, 'destroy') };
		warn $@ if $@;
	}
	$? = $status;
}

1;
