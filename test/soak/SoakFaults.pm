# SoakFaults: what is done to the pipeline.  A fault that lasts has an end, which
# the soak calls when its time is over; the others are over when they return.
package SoakFaults;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use JSON::PP qw(encode_json);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time sleep);
use SoakWorld;
use VnstreamTest;

our @EXPORT = qw(@lasting @instant %injected lose_messages end_sessions);

# What the server's log is compared with at the end.
our %injected = (kills => 0, clock_steps_back => 0, starts => 0);

my @kill_times;
my @sessions;

sub pick { return $_[ rand @_ ]; }

# ---- sessions that hold something for a while, and end by themselves

sub begin_session
{
	my ($query) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGAPPNAME} = 'soak session';
	push @sessions,
	  IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $query ], '<', \undef, '>', \$out, '2>', \$err);
	return;
}

sub end_sessions
{
	return unless @sessions;
	# a backend that sleeps does not notice that its psql is gone
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'soak session'");
	foreach my $session (@sessions) { eval { $session->kill_kill(grace => 2) }; }
	@sessions = ();
	return;
}

# ---- that last

sub leader
{
	my ($partition) = @_;
	my $told = eval { kcat('-L', '-b', $address, '-t', $topic) } // '';

	return $told =~ /partition $partition, leader (\d)/ ? $1 : 1 + int(rand 3);
}

sub frozen { my (@where) = @_; tool('pause', @where); return sub { tool('resume', @where) }; }
sub killed { my (@where) = @_; tool('kill', @where); return sub { tool('start', @where) }; }

sub locked
{
	my ($table) = @_;

	begin_session("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)");
	return \&end_sessions;
}

my @modes = (
	(map { { mode => $_ } } qw(400 403 403_plain 403_json 404 500 503 html empty truncated partial partial_once
		  badutf8 hostile redirect hang stall huge bomb cut reset told strings)),
	{ mode => 'slow', delay => 2 }, { mode => '429', retry_after => 3 }, { mode => 'drip', bytes => 100 });

# { name, longest in s, group of which one at a time may be, begin: returns its end }
our @lasting = (
	{ name => 'a broker frozen', seconds => 20, group => 'broker', begin => sub { return frozen('--node', 1 + int(rand 3)) } },
	{ name => 'all brokers frozen', seconds => 14, group => 'broker', begin => sub { return frozen() } },
	{ name => 'the leader of a partition killed', seconds => 12, group => 'broker', begin => sub { return killed('--node', leader(int(rand 4))) } },
	{ name => 'all brokers killed', seconds => 10, group => 'broker', begin => sub { return killed() } },
	{ name => 'the source', seconds => 15, group => 'source',
		begin => sub {
			my $mode = pick(@modes);
			simulator_mode($simulator, %$mode);
			say_line("    in mode $mode->{mode}");
			return sub { simulator_mode($simulator, mode => 'ok') };
		} },
	{ name => 'realtime_quotes locked', seconds => 75, group => 'lock', begin => sub { return locked('realtime_quotes') } },
	{ name => 'state tables locked', seconds => 20, group => 'lock',
		begin => sub { return locked(pick(qw(vnstream_positions vnstream_segments vnstream_outbox vnstream_sweeps vnstream_symbols))) } },
	{ name => 'disk full', seconds => 15, group => 'disk', begin => sub { disk_is_full(1); return sub { disk_is_full(0) } } },
	{ name => 'another clock', seconds => 20, group => 'clock',
		begin => sub {
			# by less than the five minutes that rules allow
			my $seconds = pick(-200, -90, 60, 200);
			$injected{clock_steps_back}++;
			clock_ahead($seconds);
			return sub { clock_ahead(0) };
		} });

# ---- that are over at once

sub a_worker
{
	my %workers = workers();
	my $name = pick(sort keys %workers) // return;

	return ($name, $workers{$name});
}

# A server that crashes over and over is given longer and longer rests, so this
# leaves it time to be well.
sub kill_a_worker
{
	@kill_times = grep { $_ > time() - 150 } @kill_times;
	return 'not so soon after others' if @kill_times >= 3;
	my ($name, $pid) = a_worker() or return 'nobody there';
	push @kill_times, time();
	$injected{kills}++ if kill 'KILL', $pid;
	return $name;
}

sub restart_server
{
	my ($mode) = @_;

	$injected{starts}++;
	$node->stop($mode);
	$node->start;
	return $mode;
}

sub reload
{
	my ($name, $value) = @{
		pick([ batch_size => pick(1, 50, 500, 5000) ], [ consumers => pick(1, 2, 3) ], [ interval => pick('1s', '3s') ],
			[ brokers => join(',', reverse split /,/, $address) ], [ brokers => $address ], [ node_name => pick('one', 'two') ],
			[ symbols_per_request => pick(20, 50, 400) ], [ heartbeat => pick(0, '10s') ], [ requests_in_flight => pick(1, 4) ])
	};

	sql("ALTER SYSTEM SET vnstream.$name = '$value'");
	sql('SELECT pg_reload_conf()');
	return "$name = $value";
}

# { name, weight, act: returns what to say }
our @instant = (
	{ name => 'kill -9', weight => 5, act => \&kill_a_worker },
	{ name => 'terminate', weight => 3,
		act => sub { my ($name, $pid) = a_worker() or return 'nobody there'; ask("SELECT pg_terminate_backend($pid)"); return $name } },
	{ name => 'cancel', weight => 2,
		act => sub { my ($name, $pid) = a_worker() or return 'nobody there'; ask("SELECT pg_cancel_backend($pid)"); return $name } },
	{ name => 'server stopped immediately', weight => 2, act => sub { return restart_server('immediate') } },
	{ name => 'server stopped fast', weight => 1, act => sub { return restart_server('fast') } },
	{ name => 'setting', weight => 3, act => \&reload },
	{ name => 'vnstream_restart', weight => 1, act => sub { ask('SELECT vnstream_restart()'); return '' } },
	{ name => 'stop and start', weight => 2,
		act => sub {
			my $what = pick("'producer'", "'consumer'", '');
			ask("SELECT vnstream_stop($what)");
			sleep rand 3;
			sql("SELECT vnstream_start($what)");
			return $what;
		} },
	{ name => 'seek back', weight => 1,
		act => sub {
			my $place = ask('SELECT partition || \' \' || greatest(next_offset - 2000, 0) FROM vnstream_positions'
				  . ' WHERE epoch = (SELECT max(epoch) FROM vnstream_positions) ORDER BY random() LIMIT 1') // return 'no server';
			my ($partition, $offset) = split / /, $place;
			return defined ask("SET statement_timeout = '20s'; SELECT vnstream_seek($partition, greatest($offset,"
				  . " (SELECT low FROM vnstream_offsets() WHERE partition = $partition))::text)") ? "partition $partition to $offset" : 'refused';
		} },
	{ name => 'deadlock', weight => 2,
		act => sub {
			begin_session('BEGIN; SELECT count(*) FROM (SELECT 1 FROM vnstream_segments WHERE closed_at IS NULL FOR UPDATE) s;'
				  . ' SELECT pg_sleep(0.5); SELECT count(*) FROM (SELECT 1 FROM vnstream_positions FOR UPDATE) p; COMMIT');
			return '';
		} },
	{ name => 'a look at everything', weight => 3,
		act => sub {
			ask("SET statement_timeout = '10s'; SELECT count(*) FROM $_") foreach pick('vnstream_check()', 'vnstream_audit(true)', 'vnstream_groups()'),
			  'vnstream_offsets()', 'vnstream_latency()', 'vnstream_log(50)', 'latest_quotes', "vnstream_candles('VCB')";
			return '';
		} },
	{ name => 'one more partition', weight => 1,
		act => sub {
			my $count = sql('SELECT count(DISTINCT partition) FROM vnstream_positions');
			return 'enough' if $count >= 8;
			ask('SELECT vnstream_alter_topic(partitions => ' . ($count + 1) . ')');
			return $count + 1;
		} });

# ---- messages that are gone from Kafka before they are stored

# How many offsets, how many of them are counted as a gap, and the messages.
sub lose_messages
{
	my ($p, $position, $high);
	my @lost;

	sql("SELECT vnstream_stop('consumer')");
	sql("SELECT vnstream_wait('stopped', '60 s')");
	wait_for(
		sub {
			($p, $position, $high) = split /\|/, sql(
				'SELECT partition, "position", high FROM vnstream_offsets() WHERE high > "position" + 300 ORDER BY random() LIMIT 1');
			return defined $high;
		},
		'messages to be lost', 120) or die "nothing to lose\n";
	my $before = sql("SELECT gaps FROM vnstream_segments WHERE partition = $p AND closed_at IS NULL");
	my $cut = $position + 200 + int(rand 100);
	foreach my $line (split /\n/, kcat('-C', '-q', '-e', '-b', $address, '-t', $topic, '-p', $p, '-o', $position, '-c', $cut - $position, '-f', '%o\t%s\n'))
	{
		my ($offset, $message) = split /\t/, $line, 2;
		push @lost, $message if $offset < $cut;
	}
	my $records = PostgreSQL::Test::Utils::tempdir_short() . '/records.json';
	append_to_file($records, encode_json({ version => 1, partitions => [ { topic => $topic, partition => $p + 0, offset => $cut + 0 } ] }));
	tool('delete-records', '--offset-json-file', $records);
	sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'continue'");
	sql("SELECT vnstream_start('consumer')");
	wait_for(sub { return sql("SELECT max(next_offset) >= $cut FROM vnstream_positions WHERE partition = $p") eq 't' }, 'the gap to be passed', 180)
	  or die "partition $p does not go on behind $cut\n";
	my $counted = sql("SELECT gaps FROM vnstream_segments WHERE partition = $p AND next_offset = $cut AND closed_at IS NOT NULL ORDER BY segment DESC LIMIT 1");
	sql('ALTER DATABASE postgres RESET vnstream.on_lost_offsets');
	return ($cut - $position, $counted - $before, \@lost);
}

1;
