# The broker hangs and so does the source; nothing of the server does. DROP and
# CREATE DATABASE, pg_terminate_backend(), stopping, reloading and a fast
# shutdown take a moment each, and afterwards nothing that was fetched is lost.
#
# Whoever waits inside a library would hang for 30 s and more here, so bounds
# are wide enough for a busy machine. The times themselves are noted.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VnstreamTest;

my $bound = 10;

my $broker = start_broker();
my $simulator = start_simulator('--symbols', '60', '--unknown', '0');
my $node = new_server(
	'shutdown',
	brokers => broker_address($broker),
	topic => new_topic(),
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	symbols_per_request => 10,
	http_timeout => '10min',
	consumers => 2);

# What it takes, in seconds, as a test of its own.
sub in_time
{
	my ($what, $code) = @_;
	my $start = time();

	$code->();
	my $seconds = time() - $start;
	note(sprintf('%s: %.2f s', $what, $seconds));
	cmp_ok($seconds, '<', $bound, "$what takes a moment");
	return;
}

# As $node->safe_psql, for statements that may hang: a failed test instead.
sub run_sql
{
	my ($sql, $database) = @_;
	my ($code, $out, $err) = $node->psql($database // 'postgres', $sql, timeout => 60, timed_out => \my $timed_out);

	is($timed_out ? 'hangs' : $code, 0, $sql) or diag($err);
	return $out;
}

# All our processes, by what they are.
sub workers
{
	return map { split /\|/ } split /\n/, $node->safe_psql('postgres',
		"SELECT application_name || '|' || pid FROM pg_stat_activity WHERE application_name ~ '^vnstream (launcher|producer|consumer)'");
}

sub is_running
{
	my ($what) = @_;

	# with the broker away they cannot be at work, but they are there, and try
	return query_until($node, 'postgres',
		q{SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL AND state <> 'stopping'}, '4', $what);
}

# Are PostgreSQL's signals blocked in all threads of workers but the main ones?
# Returns how many of librdkafka's and how many of our own were there.
my @open;

sub look_at_threads
{
	my %now = workers();
	my ($libraries, $own) = (0, 0);

	foreach my $pid (values %now)
	{
		foreach my $task (grep { !m{/$pid$} } glob("/proc/$pid/task/*"))
		{
			# one that ends meanwhile has nothing to say
			open(my $file, '<', "$task/status") or next;
			local $/;
			my $status = <$file> // '';
			my ($name) = $status =~ /^Name:\s*(.*)$/m or next;
			my ($mask) = $status =~ /^SigBlk:\s*([0-9a-f]+)/m or next;

			$name =~ /^rdk:/ ? $libraries++ : $own++;
			foreach my $signal ([ HUP => 1 ], [ INT => 2 ], [ QUIT => 3 ], [ USR1 => 10 ], [ USR2 => 12 ], [ ALRM => 14 ], [ TERM => 15 ])
			{
				push @open, "$signal->[0] in $name" unless hex($mask) & 1 << $signal->[1] - 1;
			}
		}
	}
	return ($libraries, $own);
}

sub requests_hanging { return simulator_get($simulator, 'state')->{in_flight}; }

# The source answers, the broker does not; then the source does not, either.
sub hang
{
	simulator_mode($simulator, mode => 'hang', path => 'getList');
	$node->safe_psql('postgres', 'SELECT vnstream_sweep()');
	ok(wait_for(sub { return requests_hanging() >= 4 }, 'requests'), 'four requests wait for the source');
	return;
}

start_pipeline($node);
query_until($node, 'postgres', 'SELECT published FROM vnstream_sweeps WHERE ended IS NOT NULL', '60', 'all well at first');
broker_command($broker, 'pause');
$node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', 'SELECT waiting, ended IS NOT NULL FROM vnstream_sweeps ORDER BY sweep DESC LIMIT 1',
	'60|t', 'a sweep ends in the outbox while the broker is frozen');
hang();

my %workers = workers();
is(scalar(keys %workers), 4, 'a launcher, a producer and two consumers');
my ($libraries) = look_at_threads();
cmp_ok($libraries, '>=', 3, 'libraries have threads here');

# Another database comes and goes.
in_time('CREATE DATABASE', sub { run_sql('CREATE DATABASE another') });
in_time('CREATE DATABASE by copying files', sub { run_sql("CREATE DATABASE one_more TEMPLATE another STRATEGY file_copy") });
in_time('DROP DATABASE', sub { run_sql('DROP DATABASE another') });

# A setting that takes another process.
my $producer = worker_pid($node, 'postgres', 'producer');
$node->safe_psql('postgres', "ALTER SYSTEM SET vnstream.node_name = 'renamed'");
in_time('a reload that the producer starts anew for',
	sub {
		run_sql('SELECT pg_reload_conf()');
		ok(wait_for(sub { return worker_pid($node, 'postgres', 'producer') !~ /^(|$producer)$/ }, 'another producer'), 'it does');
	});

# Every worker is terminated in the middle of it, and comes back.
is_running('all are there again');
hang();
%workers = workers();
foreach my $name (sort keys %workers)
{
	in_time("pg_terminate_backend() of $name",
		sub { is(run_sql("SELECT pg_terminate_backend($workers{$name}, 30000)"), 't', "$name is gone") });
}
ok( wait_for(
		sub {
			my %now = workers();
			return 4 == grep { defined $now{$_} && $now{$_} != $workers{$_} } keys %workers;
		},
		'new processes', 90),
	'each comes back as another process');

# They ask for the topic now, on threads of ours.
my $own;
ok(wait_for(sub { (undef, $own) = look_at_threads(); return $own > 0 }, 'a question'), 'there are threads of ours, too');
is("@open", '', 'no thread but the main one takes a signal that is PostgreSQL\'s');

# Stopping and starting, once and for all databases.
is_running('all are at it again');
hang();
in_time('vnstream_stop()',
	sub {
		run_sql('SELECT vnstream_stop()');
		is(run_sql("SELECT vnstream_wait('stopped', '50 s')"), 't', 'all have stopped');
	});
run_sql('SELECT vnstream_start()');
is_running('started again');
hang();
$node->safe_psql('postgres', 'ALTER SYSTEM SET vnstream.enabled = off');
in_time('vnstream.enabled = off',
	sub {
		run_sql('SELECT pg_reload_conf()');
		is(run_sql("SELECT vnstream_wait('stopped', '50 s')"), 't', 'all have stopped');
	});
$node->safe_psql('postgres', 'ALTER SYSTEM SET vnstream.enabled = on');
$node->reload;
is_running('enabled again');

# The whole server.
hang();
in_time('pg_ctl stop -m fast', sub { $node->stop('fast') });
$node->start;
is_running('the server starts them again, though the broker is still frozen');
hang();
in_time('pg_ctl stop -m fast, soon after the start', sub { $node->stop('fast') });

# All is well again, and nothing was lost: what was fetched before the source
# hung has been in the outbox since.
$node->start;
is($node->safe_psql('postgres', 'SELECT sum(cardinality(messages)) FROM vnstream_outbox'), '60', 'the outbox has outlived all of it');
simulator_mode($simulator, mode => 'ok');
broker_command($broker, 'resume');
is($node->safe_psql('postgres', "SELECT vnstream_wait('running', '90 s')"), 't', 'all run')
  or diag($node->safe_psql('postgres', 'SELECT * FROM vnstream_status()'));
my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT answered, published, error FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL",
	'60|60|', 'the next sweep works');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '90 s')"), 't', 'caught up');
is(account($node, 'postgres'), '', 'the account is exact');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_outbox'), '0', 'the outbox is empty');
is($node->safe_psql('postgres',
		'SELECT sum(answered) = sum(published), sum(published) = (SELECT count(*) FROM realtime_quotes) FROM vnstream_sweeps'),
	't|t', 'fetched = published = stored');
is($node->safe_psql('postgres',
		"SELECT count(*) FILTER (WHERE asked = 60) > 5, bool_and(missing = asked - answered) FROM vnstream_sweeps WHERE error ~ 'interrupted'"),
	't|t', 'a sweep whose producer ended in the middle says so, and what it misses');

done_testing();
