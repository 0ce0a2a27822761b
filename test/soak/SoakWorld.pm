# SoakWorld: what the soak runs in: a cluster of three brokers, the simulator, a
# server whose clock and disk can be disturbed, and somebody who publishes
# messages of the old format, and rubbish, beside the pipeline.
package SoakWorld;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);
use VnstreamTest;

our @EXPORT = qw(
  $node $broker $address $topic $simulator %pace
  say_line ask sql begin_world end_feed clock_ahead disk_is_full
  workers worker_figures tool message_number
);

our ($node, $broker, $address, $topic, $simulator);

# How fast the feed is; the faults change nothing of it.
our %pace = (batch => 250, pause => 0.3, pill => 500);

my ($folder, $feeder);
my $began = time();

sub say_line
{
	my ($text) = @_;
	diag(sprintf('%6.1f s  %s', time() - $began, $text));
	return;
}

# One try; undef where the server is not to be had, or refuses.
sub ask
{
	my ($query) = @_;
	my ($code, $out) = eval {
		$node->psql('postgres', $query, timeout => 120, timed_out => \my $timed_out);
	};
	return defined $code && $code == 0 ? $out : undef;
}

# Until it succeeds, over crashes and locks of this soak's own.
sub sql
{
	my ($query) = @_;
	my $answer;

	wait_for(sub { return defined($answer = ask($query)) }, $query, 240)
	  or die "the server does not answer: $query\n";
	return $answer;
}

# Kafka's own tools, run again where a broker is just coming back.
sub tool
{
	my (@command) = @_;
	my $answer;

	wait_for(sub { return defined($answer = eval { broker_command($broker, @command) }) }, "@command", 120)
	  or die "kafka @command does not succeed: $@";
	return $answer;
}

sub write_number
{
	my ($file, $number) = @_;

	# in place: the server's processes have it mapped
	open(my $handle, -e $file ? '+<:raw' : '>:raw', $file) or die "$file: $!";
	syswrite($handle, pack('q', $number)) == 8 or die "$file: $!";
	close($handle);
	return;
}

sub clock_ahead { write_number("$folder/ahead", $_[0]); return; }

sub disk_is_full
{
	my ($is_full) = @_;

	if ($is_full) { append_to_file("$folder/full", ''); }
	else { unlink "$folder/full"; }
	return;
}

# ---- the feed: messages by number; each pill'th is rubbish

sub message_number
{
	my ($n) = @_;
	my $us = $n * 10_000;
	my $ticker = sprintf('Z%03d', $n % 200);

	return [ $ticker, "pill $n" ] if $n % $pace{pill} == 77;
	return [ $ticker, sprintf('{"ticker":"%s","time":"2026-08-04T%02d:%02d:%02d.%06d+07:00","price":%d,"volume":%d}',
			$ticker, 1 + $us / 3_600_000_000, $us / 60_000_000 % 60, $us / 1_000_000 % 60, $us % 1_000_000,
			10_000 + $n % 1000, 100 + $n % 50) ];
}

# Runs in a process of its own.  The ledger says of each batch whether all of it
# was acknowledged; where not, each of its messages may be there or not.
sub feed
{
	my ($ledger) = @_;
	my $n = 0;

	while (!-e "$folder/stop")
	{
		my $first = $n;
		my $lines = join('', map { my $m = message_number($n++); "$m->[0]\t$m->[1]\n" } 1 .. $pace{batch});
		my ($out, $err) = ('', '');
		my $is_good = IPC::Run::run(
			[ 'kcat', '-P', '-b', $address, '-t', $topic, '-K', "\t", '-X', 'acks=all',
				'-X', 'enable.idempotence=true', '-X', 'message.timeout.ms=40000' ],
			'<', \$lines, '>', \$out, '2>', \$err);

		printf $ledger "%s\t%d\t%d\n", $is_good ? 'acknowledged' : 'unknown', $first, $n - 1;
		sleep $pace{pause};
	}
	close $ledger;
	return;
}

sub begin_feed
{
	my $parent = $$;

	$feeder = fork() // die "fork: $!";
	return if $feeder;
	open(my $ledger, '>', "$folder/ledger") or POSIX::_exit(1);
	$ledger->autoflush(1);
	# nothing of this process's end is its own
	local $SIG{ALRM} = sub { kill(0, $parent) or POSIX::_exit(1); alarm 5; };
	alarm 5;
	eval { feed($ledger) };
	POSIX::_exit($@ eq '' ? 0 : 1);
}

# Returns the ledger's name.
sub end_feed
{
	append_to_file("$folder/stop", '');
	waitpid($feeder, 0);
	die "the feed failed: $?\n" if $?;
	return "$folder/ledger";
}

# ---- the whole

sub begin_world
{
	$folder = PostgreSQL::Test::Utils::tempdir_short();
	mkdir "$folder/space" or die "$folder/space: $!";
	clock_ahead(0);
	$broker = start_broker('--nodes', 3, '--heap', '300m');
	$address = broker_address($broker);
	$topic = new_topic();
	$simulator = start_simulator('--symbols', 300, '--unknown', 0);
	{
		local $ENV{CLOCK_TEST_FILE} = "$folder/ahead";
		local $ENV{DISK_FULL_FILE} = "$folder/full";
		local $ENV{DISK_FULL_DIRECTORY} = "$folder/space";
		local $ENV{LD_PRELOAD} = "$root/test/modules/clock_test/clock_test.so $root/test/modules/disk_full/disk_full.so";

		$node = new_server(
			'soak',
			brokers => $address,
			topic => $topic,
			partitions => 4,
			replication_factor => 3,
			consumers => 2,
			batch_size => 500,
			interval => '2s',
			hot_symbols => 'VCB,FPT',
			hot_interval => '1s',
			http_timeout => '3s',
			vci_url => "$simulator->{url}api/",
			server => { restart_after_crash => 'on', log_statement => 'none', log_min_messages => 'warning' });
	}
	$node->safe_psql('postgres', "CREATE EXTENSION vnstock_stream");
	$node->safe_psql('postgres', "CREATE TABLESPACE quotes LOCATION '$folder/space'");
	$node->safe_psql('postgres', 'GRANT CREATE ON TABLESPACE quotes TO pg_database_owner');
	# only partitions of realtime_quotes are made from here on
	$node->safe_psql('postgres', 'ALTER DATABASE postgres SET default_tablespace = quotes');
	start_pipeline($node);
	begin_feed();
	return;
}

# Workers that have a process: name => pid.
sub workers
{
	my $answer = ask("SELECT string_agg(worker || '=' || pid, ';') FROM vnstream_status() WHERE pid IS NOT NULL") // '';

	return map { split /=/ } split /;/, $answer;
}

# Of one process: kB of its own memory, descriptors, threads; empty where it is gone.
sub worker_figures
{
	my ($pid) = @_;
	my $status = eval { slurp_file("/proc/$pid/status") } // '';
	my ($memory) = $status =~ /^RssAnon:\s+(\d+) kB/m or return;
	my @descriptors = glob("/proc/$pid/fd/*");
	my @threads = glob("/proc/$pid/task/*");

	return { memory => $memory, descriptors => scalar @descriptors, threads => scalar @threads };
}

1;
