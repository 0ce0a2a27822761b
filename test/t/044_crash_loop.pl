# A worker that crashes the server over and over: its rests grow across crashes,
# after ten failures it is tried rarely and says why, and what is kept for that
# may be anything.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VnstreamTest;

my $node = new_server('crash_loop', brokers => broker_address(), topic => new_topic(),
	server => { restart_after_crash => 'on' });
my $file = $node->data_dir . '/pg_stat/vnstock_stream.launches';

sub sql { return $node->safe_psql('postgres', $_[0]); }
my $consumer = "FROM vnstream_status() WHERE worker = 'consumer 1'";

start_pipeline($node, 'postgres', 'consumer');
my $database = sql("SELECT oid FROM pg_database WHERE datname = 'postgres'");
my $lines_of_file = "SELECT string_agg(l, '; ') FROM regexp_split_to_table(pg_read_file('pg_stat/vnstock_stream.launches'), '\n') l WHERE l ~ '^\\d+ 1 '";
query_until($node, 'postgres', $lines_of_file, "$database 1 0 running", 'a worker that was just started is recorded');

my ($header) = slurp_file($file) =~ /^(vnstock_stream launches 1 \d+ \d+\n)/;

# ---- it is killed each time soon after its start, and takes the server along

my @rests;
foreach my $crash (1 .. 4)
{
	my $log_size = -s $node->logfile;
	my $pid;

	ok(wait_for(sub { my ($code, $out) = eval { $node->psql('postgres', "SELECT pid $consumer") }; $pid = $out; return defined $code && $code == 0 && $out =~ /^\d+$/ }, 'a process'),
		"crash $crash: the consumer is there");
	kill 'KILL', $pid or die "process $pid is not there to be killed";
	# the first rests may be over before anybody can look
	query_until($node, 'postgres', ($crash < 3 ? 'SELECT ' : 'SELECT state, pid IS NULL, ') . "last_error $consumer",
		($crash < 3 ? '' : 'backing off|t|') . "the server restarted after a crash within 60 s of this worker's start; see the server log",
		"crash $crash: the server is back, and the consumer says why it rests");
	query_until($node, 'postgres', "SELECT regexp_replace(l, ' (running|waiting)', '') FROM ($lines_of_file) f(l)", "$database 1 $crash", "crash $crash: which is counted");
	my $waiting = sql("SELECT waiting_for $consumer");
	like($waiting, qr/^backing off until \d\d:\d\d:\d\d$/, "crash $crash: until then") unless $crash < 3;
	push @rests, $waiting;
	my $lines = grep { /vnstream/ && !/ statement: / } split /\n/, slurp_file($node->logfile, $log_size);
	cmp_ok($lines, '<', 12, "crash $crash: the log has a few lines of it ($lines)");
}
note(join(', ', @rests));
is(sql("SELECT status, reasons[1] ~ 'consumer 1 has ended unasked 4 times in a row, starts again at' FROM vnstream_health()"), 'failed|t', 'health tells it');

# ---- a stop in an orderly way leaves nothing

ok(wait_for(sub { return sql("SELECT pid IS NOT NULL $consumer") eq 't' }, 'a process'), 'the consumer comes by itself');
$node->restart;
is(sql("SELECT vnstream_wait('running', '30 s')"), 't', 'after a restart it runs');
is(sql("SELECT last_error IS NULL OR last_error !~ 'crash' $consumer"), 't', 'as if nothing had been');

# ---- ten failures in a row

sub start_with
{
	my ($content) = @_;

	$node->stop('immediate');
	unlink $file;
	append_to_file($file, $content);
	$node->start;
	return;
}

start_with("${header}$database 1 9 running\n");
query_until($node, 'postgres', "SELECT state, regexp_replace(waiting_for, '\\d\\d:\\d\\d:\\d\\d', 'then'), pid IS NULL $consumer",
	'failed|an administrator: it has failed 10 times in a row; starts again at then|t', 'after ten failures it counts as failed');
is(sql("SELECT substring(waiting_for FROM '\\d\\d:\\d\\d:\\d\\d')::time - localtime NOT BETWEEN '0 s' AND '180 s' $consumer"), 't',
	'and is tried again in minutes');
is(sql("SELECT last_error $consumer"), "the server restarted after a crash within 60 s of this worker's start; see the server log", 'it says why');
is(sql("SELECT status FROM vnstream_health()"), 'failed', 'health is failed');
sql("SELECT vnstream_start('consumer')");
is(sql("SELECT vnstream_wait('running', '30 s')"), 't', 'a start by hand is made at once');
query_until($node, 'postgres', $lines_of_file, "$database 1 0 running", 'and begins the count anew');

start_with("${header}$database 1 3 waiting\n");
query_until($node, 'postgres', "SELECT state $consumer", 'backing off', 'one that rested when something else crashed rests on');
is(sql("SELECT last_error IS NULL $consumer"), 't', 'and is not blamed');
sql("SELECT vnstream_restart('consumer')");
is(sql("SELECT vnstream_wait('running', '30 s')"), 't', 'a restart by hand is made at once, too');

# ---- what is no such file

foreach my $bad ([ 'empty', '' ], [ 'rubbish', "\x00\xff" x 5000 ], [ 'another version', ($header =~ s/ 1 / 2 /r) . "$database 1 9 running\n" ],
	[ 'of the server that this is a copy of', ($header =~ s/\d\n/\n/r) . "$database 1 9 running\n" ],
	[ 'cut off', "${header}$database 1 9 runn" ], [ 'no such worker', "${header}$database 18 9 running\n" ],
	[ 'a negative count', "${header}$database 1 -9 running\n" ], [ 'a long line', $header . '1' x 1000 . "\n" ])
{
	my $log_size = -s $node->logfile;

	start_with($bad->[1]);
	is(sql("SELECT vnstream_wait('running', '30 s')"), 't', "$bad->[0]: the consumer runs");
	like(slurp_file($node->logfile, $log_size), qr/file "pg_stat\/vnstock_stream\.launches" is not what vnstock_stream has written in this data directory, and is ignored/,
		"$bad->[0]: which the log tells");
}
start_with("${header}1 1 9 running\n$database 16 5 waiting\n");
is(sql("SELECT vnstream_wait('running', '30 s')"), 't', 'of another database, or a worker that is not wanted: the consumer runs');

done_testing();
