# The server's clock is set back by an hour: nothing waits for a time that was
# soon before, and comes again in an hour.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $module = "$root/test/modules/clock_test";

system_or_bail('make', '-s', '-C', $module) if -w $module;
BAIL_OUT("run \"make -C $module\" first") unless -e "$module/clock_test.so";

my $clock = PostgreSQL::Test::Utils::tempdir() . '/ahead';

# In place: the server's processes have the file mapped.
sub set_clock
{
	my ($seconds) = @_;

	open(my $file, -e $clock ? '+<:raw' : '>:raw', $clock) or die "$clock: $!";
	syswrite($file, pack('q', $seconds)) == 8 or die "$clock: $!";
	close($file);
	return;
}

set_clock(3600);
my $node;
{
	local $ENV{CLOCK_TEST_FILE} = $clock;
	local $ENV{LD_PRELOAD} = "$module/clock_test.so";
	# nobody answers: the workers back off
	$node = new_server('clock');
}
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

sql('CREATE EXTENSION vnstock_stream');
cmp_ok(sql('SELECT extract(epoch FROM clock_timestamp())::int8'), '>', time() + 3000, 'the server has the clock of the test');
sql("SELECT vnstream_start('consumer')");

# the launcher waits to start one that ended again and again
my $consumer = "FROM vnstream_status() WHERE worker = 'consumer 1'";
foreach my $time (1 .. 3)
{
	query_until($node, 'postgres', "SELECT state = 'backing off' AND pid IS NOT NULL AND errors > 0 $consumer", 't', "the broker is away, $time");
	sql("SELECT pg_terminate_backend(pid, 10000) $consumer");
}
set_clock(0);
query_until($node, 'postgres', "SELECT pid IS NOT NULL $consumer", 't', 'the launcher does not wait for an hour', 30);

# a worker waits to try again
set_clock(3600);
query_until($node, 'postgres', "SELECT waiting_for ~ 'backing off until' AND pid IS NOT NULL $consumer", 't', 'it backs off');
my $pid = worker_pid($node, 'postgres', 'consumer 1');
set_clock(0);
query_until($node, 'postgres', "SELECT pid <> $pid $consumer", 't', 'nor does a worker: it starts anew', 30);
is(sql("SELECT count(*) FROM vnstream_log(1000, 'consumer 1') WHERE message = 'ended: the clock was set back'"), '1', 'and says why');

done_testing();
