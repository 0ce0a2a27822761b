# The soak: faults at random, some at the same time, for VNSTREAM_SOAK_MINUTES;
# then all is put right, and the account must be exact.  See run.
use strict;
use warnings;

use List::Util qw(max min sum);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use SoakAccount;
use SoakFaults;
use SoakWorld;
use VnstreamTest;

# How long faults are begun, until all is put right and looked at.
my $round_seconds = 80;

# Of its own memory, in kB: most that a worker may have, and grow by after its first minute.
my $memory_limit = 256 * 1024;
my $growth_limit = 48 * 1024;

my $seed = $ENV{VNSTREAM_SEED};
my $end = time() + 60 * $ENV{VNSTREAM_SOAK_MINUTES};
srand($seed);
say_line("seed $seed, $ENV{VNSTREAM_SOAK_MINUTES} minutes: make soak MINUTES=$ENV{VNSTREAM_SOAK_MINUTES} SEED=$seed");

my @going_on;    # { name, group, until, end }
my %first;       # pid => { name, at, figures }, of its first minute's end
my %last;
my %calm;        # name => figures, of the first calm
my $grown = '';
my $largest = 0;

sub look_at_workers
{
	my %workers = workers();

	foreach my $name (keys %workers)
	{
		my $pid = $workers{$name};
		my $figures = worker_figures($pid) or next;

		$first{$pid} //= { name => $name, at => time() };
		$first{$pid}{figures} //= $figures if time() > $first{$pid}{at} + 60;
		$last{$pid} = $figures;
		$largest = max($largest, $figures->{memory});
	}
	return;
}

sub end_faults
{
	my ($all) = @_;
	# one moment for all: to end one takes time, in which another may become due
	my $now = time();

	foreach my $fault (grep { $all || $now > $_->{until} } @going_on)
	{
		say_line("  ends: $fault->{name}");
		$fault->{end}->();
	}
	@going_on = grep { !$all && $now <= $_->{until} } @going_on;
	return;
}

sub begin_lasting
{
	my %taken = map { $_->{group} => 1 } @going_on;
	my @free = grep { !$taken{ $_->{group} } } @lasting;
	my $fault = $free[ rand @free ];
	my $seconds = 2 + rand($fault->{seconds} - 2);

	say_line(sprintf('%s, for %.0f s', $fault->{name}, $seconds));
	push @going_on, { name => $fault->{name}, group => $fault->{group}, until => time() + $seconds, end => $fault->{begin}->() };
	return;
}

sub do_instant
{
	my $place = rand sum(map { $_->{weight} } @instant);
	my ($fault) = grep { ($place -= $_->{weight}) < 0 } @instant;
	my $told = $fault->{act}->();

	say_line("$fault->{name}: $told");
	return;
}

# All put right: everything must run, and what was published be stored.
sub be_calm
{
	my ($when) = @_;

	end_faults(1);
	end_sessions();
	sql('SELECT vnstream_start()');
	say_line("calm: $when");
	my $runs = wait_for(sub { return (ask("SELECT vnstream_wait('running', '60 s')") // '') eq 't' }, 'all to run', 400);
	ok($runs, "$when: all workers run") or diag(ask('SELECT * FROM vnstream_status()') // 'no answer');
	my $caught_up = wait_for(sub { return (ask("SELECT vnstream_wait('caught up', '100 s')") // '') eq 't' }, 'all to be stored', 400);
	ok($caught_up, "$when: caught up") or diag(ask('SELECT * FROM vnstream_status()') // 'no answer');
	is(account($node, 'postgres'), '', "$when: the account is exact");
	look_at_workers();
	my %workers = workers();
	foreach my $name (keys %workers)
	{
		my $figures = worker_figures($workers{$name}) or next;

		$calm{$name} //= $figures;
		foreach my $kind (qw(descriptors threads))
		{
			$grown .= "$name has $figures->{$kind} $kind, $calm{$name}{$kind} at first; "
			  if $figures->{$kind} > $calm{$name}{$kind} + 20;
		}
	}
	return $runs && $caught_up;
}

begin_world();
be_calm('the beginning') or BAIL_OUT('it does not even begin');

my $round = 0;
while (time() < $end)
{
	my $until = min(time() + $round_seconds, $end);

	$round++;
	while (time() < $until)
	{
		end_faults(0);
		if (@going_on < 2 && rand() < 0.3) { begin_lasting(); }
		elsif (rand() < 0.35) { do_instant(); }
		look_at_workers();
		sleep 0.5 + rand 2;
	}
	be_calm("round $round") or last;

	# once in a while messages are lost that nobody could have stored
	if ($round % 3 == 1)
	{
		my ($offsets, $counted, $messages) = lose_messages();

		say_line("lost on purpose: $offsets offsets");
		is($counted, $offsets, "round $round: the gap is of just the offsets that are gone");
		remember_lost(@$messages);
	}
}

my $ledger = end_feed();
be_calm('the end');
sql("SELECT vnstream_stop('producer')");
is(sql("SELECT vnstream_wait('caught up', '120 s')"), 't', 'caught up for the last time');
check_account($ledger);

# ---- what the processes took

my @long = grep { $first{$_}{figures} && $last{$_} } keys %first;
my @leaks = map { sprintf('%s, process %d: %d kB after a minute, %d at last', $first{$_}{name}, $_, $first{$_}{figures}{memory}, $last{$_}{memory}) }
  grep { $last{$_}{memory} > $first{$_}{figures}{memory} + $growth_limit } @long;
diag(sprintf('%d processes of workers, %d of them lived for more than a minute; the largest had %d kB of its own', scalar(keys %last), scalar(@long), $largest));
is(join("\n", @leaks), '', 'no worker grows');
cmp_ok($largest, '<', $memory_limit, 'none is large');
is($grown, '', 'nor collects descriptors or threads');

# ---- the server's log

my $log = slurp_file($node->logfile);
my $crashes = () = $log =~ /all server processes terminated; reinitializing/g;
my @signals = $log =~ /was terminated by (signal \d+)/g;
cmp_ok($crashes, '<=', $injected{kills}, "no restart that was not injected ($crashes of $injected{kills} kills)");
is(join(' ', grep { $_ ne 'signal 9' } @signals), '', 'no process died by itself');
unlike($log, qr/PANIC|TRAP:|[Ss]egmentation|stack smashing|double free|corrupted/, 'no panic, no assertion');

is(sql('SELECT vnstream_stop() IS NULL'), 'f', 'stopped');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'all workers end');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vnstream' AND backend_type !~ 'launcher'"), '0', 'no process is left');
$node->stop('fast');
say_line("$round rounds, " . lost_count() . " messages lost on purpose, $injected{kills} kills, seed $seed");
done_testing();
say_line(Test::More->builder->is_passing ? 'PASSED' : 'FAILED');
