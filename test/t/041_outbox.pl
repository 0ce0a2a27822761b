# The outbox: whatever happens to producer and Kafka between an answer of the
# source and its acknowledgement, nothing fetched is lost, no row is there twice,
# and each ticker's quotes stay in order.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use List::Util qw(shuffle sum);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $seed = $ENV{VNSTREAM_SEED} // time() % 1_000_000;
srand($seed);
note("VNSTREAM_SEED=$seed makes the same random choices again");

my $module = "$root/test/modules/queue_test";
BAIL_OUT("run \"make -C $module\" first") unless -e "$module/queue_test.so";

my $symbols = 300;
my $broker = start_broker();
my $simulator = start_simulator('--symbols', $symbols, '--unknown', '0');
my $topic = new_topic();

# restart_after_crash: PostgreSQL's test servers have it off
my $node = new_server(
	'outbox',
	brokers => broker_address($broker),
	topic => $topic,
	partitions => 3,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	symbols_per_request => 10,
	requests_in_flight => 2,
	server => { restart_after_crash => 'on' });
sub sql { return $node->safe_psql('postgres', $_[0]); }

sub request_sweep { return sql('SELECT vnstream_sweep()'); }

sub sweeps_end
{
	return query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NULL', '0', $_[0], 120);
}

# Everything that was ever fetched is published and stored, once and in order.
sub check_all_is_stored
{
	my ($when) = @_;

	query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_outbox', '0', "$when: the outbox is empty", 120);
	is(sql("SELECT vnstream_wait('caught up', '120 s')"), 't', "$when: caught up");
	is(account($node, 'postgres'), '', "$when: the account is exact");
	is(sql('SELECT sum(answered) = sum(published), sum(answered) = (SELECT count(*) FROM realtime_quotes),'
			. ' (SELECT count(*) FROM vnstream_dead_letters) FROM vnstream_sweeps'),
		't|t|0', "$when: fetched = published = stored");
	is(sql('SELECT count(*) FROM (SELECT kafka_offset < lag(kafka_offset)'
			. ' OVER (PARTITION BY ticker, kafka_partition ORDER BY time) AS is_back FROM realtime_quotes) o WHERE is_back'),
		'0', "$when: each ticker's quotes are in order");
	return;
}

# ---- what is remembered, and what is sent again all the same

foreach my $script (
	[ 'what is acknowledged is not sent again', 'add A B C' => '', 'send' => ' 1:A 1:B 1:C', 'ack 1:B' => '', 'rewind' => '',
		'send' => ' 1:A 1:C', 'ack 1:A' => '', 'rewind' => '', 'send' => ' 1:C', 'ack 1:C' => '', 'settle' => ' 1 (3)' ],
	[ 'an acknowledgement counts once', 'add A B' => '', 'send' => ' 1:A 1:B', 'ack 1:A' => '', 'ack 1:A' => '', 'settle' => ' (0)' ],
	[ 'what has come later waits for its turn', 'add A' => '', 'send' => ' 1:A', 'add A B' => '', 'rewind' => '', 'send' => ' 1:A 2:A 2:B' ],
	[ 'a newer quote of a ticker is sent behind an older one that was lost', 'add A B' => '', 'add A B' => '', 'send' => ' 1:A 1:B 2:A 2:B',
		'ack 1:B' => '', 'ack 2:A' => '', 'ack 2:B' => '', 'rewind' => '', 'settle' => ' (0)', 'send' => ' 1:A 2:A' ],
	[ 'a response settles when it is complete, whatever is before it', 'add A' => '', 'add B' => '', 'add C' => '', 'send' => ' 1:A 2:B 3:C',
		'ack 2:B' => '', 'settle' => ' 2 (1)', 'rewind' => '', 'send' => ' 1:A 3:C' ])
{
	my ($name, @steps) = @$script;
	my $session = "CREATE FUNCTION pg_temp.queue(text) RETURNS text AS '$module/queue_test', 'queue_test' LANGUAGE C;";
	my @expected;

	while (my ($command, $printed) = splice(@steps, 0, 2))
	{
		$session .= "SELECT '$command:' || pg_temp.queue('$command');";
		push @expected, "$command:$printed";
	}
	is(sql($session), join("\n", @expected), $name);
}

# ---- killed at random moments between fetch and acknowledgement

start_pipeline($node);
sweeps_end('the first sweep ends');
simulator_mode($simulator, mode => 'slow', delay => 0.02, path => 'getList');
my ($within, $round) = (0, 0);
foreach my $fault (shuffle(('kill -9') x 3, ('terminate') x 2, ('immediate') x 2, 'frozen, kill -9', 'frozen, terminate'))
{
	my $pid = worker_pid($node, 'postgres', 'producer');

	$round++;
	broker_command($broker, 'pause') if $fault =~ /^frozen/;
	request_sweep();
	sleep rand(0.8);
	$within += sql('SELECT EXISTS (SELECT FROM vnstream_outbox) OR EXISTS (SELECT FROM vnstream_sweeps WHERE started IS NOT NULL AND ended IS NULL)') eq 't';
	if ($fault eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
	}
	elsif ($fault =~ /terminate/)
	{
		sql("SELECT pg_terminate_backend($pid)");
	}
	else
	{
		kill 'KILL', $pid or die "the producer $pid is not there to be killed";
	}
	start_until($node, 'postgres', 'producer', "SELECT pid <> $pid FROM vnstream_status() WHERE worker = 'producer'", 't',
		"$fault, round $round: another producer comes");
	broker_command($broker, 'resume') if $fault =~ /^frozen/;
}
cmp_ok($within, '>', 3, "$within of $round faults had something to lose");
sweeps_end('all sweeps asked for are made');
check_all_is_stored('killed');
is(sql('SELECT count(*) FROM vnstream_sweeps WHERE trigger = \'request\''), $round, 'each that was asked for');

# Kafka may have a message twice, but the last one of each ticker is the newest.
my (%newest, %last);
foreach my $line (split /\n/, kcat('-C', '-q', '-e', '-b', broker_address($broker), '-t', $topic, '-f', '%s\n'))
{
	my $quote = decode_json($line);

	$newest{ $quote->{ticker} } = $quote->{time} if ($newest{ $quote->{ticker} } // '') lt $quote->{time};
	$last{ $quote->{ticker} } = $quote->{time};
}
is(scalar(grep { $newest{$_} ne $last{$_} } keys %newest), 0, 'for who reads Kafka the last message of each ticker is its newest');
note('repeated in Kafka, absorbed by the table: ' . sql('SELECT sum(duplicates) FROM vnstream_segments'));

# ---- a broker that refuses: the alert at half, sweeps of every kind pause at the limit

simulator_mode($simulator, mode => 'ok');
sub count_of { my ($what) = @_; my $n = () = slurp_file($node->logfile) =~ /$what/g; return $n; }
my $half = qr/WARNING:.*producer.*: the outbox is more than half full: \d+ of 1024 kB wait for Kafka.*\n.*HINT:.*vnstream\.outbox_limit/;

$node->append_conf('postgresql.conf', "vnstream.brokers = '127.0.0.1:1'\nvnstream.outbox_limit = '1MB'");
$node->reload;
my $before = sql('SELECT count(*) FROM vnstream_sweeps');
ok( wait_for(
		sub {
			request_sweep();
			sweeps_end('with no broker at this address, a sweep ends');
			return sql('SELECT sum(bytes) > 512 * 1024 FROM vnstream_outbox') eq 't';
		},
		'half of the limit'),
	'the outbox fills to half');
query_until($node, 'postgres',
	q{SELECT status, array_to_string(reasons, ';') ~ 'the outbox is more than half full: \d+ of 1024 kB of vnstream.outbox_limit wait for Kafka; at the limit sweeps pause' FROM vnstream_health()},
	'degraded|t', 'health says so');
is(count_of($half), 1, 'and a warning with a hint');
is(sql(q{SELECT count(*) FROM vnstream_log(1000, level => 'warning') WHERE worker = 'producer' AND message ~ 'the outbox is more than half full'}), '1',
	'an event too');
my $pid = worker_pid($node, 'postgres', 'producer');
sql("SELECT pg_terminate_backend($pid)");
query_until($node, 'postgres', "SELECT pid <> $pid AND lag > 0 FROM vnstream_status() WHERE worker = 'producer'", 't', 'another producer comes');
is(count_of($half), 1, 'which does not tell it again');

my $unmade;
ok( wait_for(
		sub {
			$unmade = request_sweep();
			sleep 0.3;
			return sql("SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'producer'") eq
			  'failed|the broker: the outbox is full, sweeps pause';
		},
		'the limit'),
	'at the limit sweeps pause');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE started IS NOT NULL AND ended IS NULL', '0', 'the one under way is made');
$node->append_conf('postgresql.conf', "vnstream.hot_symbols = 'VCB, FPT'\nvnstream.hot_interval = '500ms'");
$node->reload;
$unmade = request_sweep();
my $full = 'SELECT (SELECT count(*) FROM vnstream_sweeps WHERE started IS NOT NULL), (SELECT sum(bytes) FROM vnstream_outbox)';
my $was = sql($full);
sleep 2;
is(sql($full), $was, 'neither one that is asked for begins nor a hot one, and nothing is dropped');
like(sql('SELECT status, reasons FROM vnstream_health()'), qr/^failed\|.*the outbox is full, sweeps pause/, 'health is failed');

$node->append_conf('postgresql.conf', "vnstream.hot_symbols = ''\nvnstream.brokers = '" . broker_address($broker) . "'");
$node->reload;
sweeps_end('the broker is back: what was asked for is made');
check_all_is_stored('refused');
query_until($node, 'postgres', 'SELECT status FROM vnstream_health()', 'ok', 'health is ok again');
is(count_of(qr/LOG:.*producer.*: the outbox is less than half full again/), 1, 'which is told, once');

# ---- commits to the group fail, as somebody else is a member: for tools only

my $group = sql("SELECT substr(c, length('vnstream.group_id=') + 1) FROM pg_db_role_setting, unnest(setconfig) c WHERE c LIKE 'vnstream.group_id=%'");
my ($out, $err) = ('', '');
my $member = IPC::Run::start([ 'kcat', '-b', broker_address($broker), '-X', 'enable.auto.commit=false', '-G', $group, $topic ],
	'<', \undef, '>', \$out, '2>', \$err);
ok(wait_for(sub { $member->pump_nb; return $err =~ /rebalanced/ }, 'the member'), 'somebody else is in the group') or diag($err);
request_sweep();
query_until($node, 'postgres', "SELECT last_error ~ 'offsets of group .* were not committed', state FROM vnstream_status() WHERE worker = 'consumer 1'",
	't|running', 'commits to it fail, and the consumer runs');
my $claims = sql('SELECT sum(generation) FROM vnstream_positions');
request_sweep();
sweeps_end('sweeps go on');
check_all_is_stored('without commits');
is(sql("SELECT state, lag FROM vnstream_status() WHERE worker = 'consumer 1'"), 'running|0', 'the lag is known by the positions');
is(sql('SELECT sum(generation) FROM vnstream_positions'), $claims, 'no partition was claimed anew for it');
$member->kill_kill(grace => 5);

# ---- one partition refuses what others take: those do not get it again.  A batch of
# several messages is too large for the topic now, a single one is not.

my ($lonely) = split /\|/, sql('SELECT min(ticker), kafka_partition FROM realtime_quotes GROUP BY 2 ORDER BY 2 LIMIT 1');
my $crowd = sql(q{SELECT string_agg(ticker, ',') FROM (SELECT DISTINCT ticker FROM realtime_quotes WHERE kafka_partition =}
	  . q{ (SELECT max(kafka_partition) FROM realtime_quotes) ORDER BY 1 LIMIT 9) t});
$node->append_conf('postgresql.conf', "vnstream.symbols = '$lonely,$crowd'");
$node->reload;

sub copies_of_lonely
{
	return scalar grep { /^$lonely / } split /\n/, kcat('-C', '-q', '-e', '-b', broker_address($broker), '-t', $topic, '-f', '%k %o\n');
}
my $refused = "SELECT coalesce(sum(repeated + 1), 0) FROM vnstream_log(1000) WHERE worker = 'producer' AND message ~ 'Kafka did not take \\d+ messages: .*too large'";
my $copies = copies_of_lonely();
broker_command($broker, 'configs', '--alter', '--entity-type', 'topics', '--entity-name', $topic, '--add-config', 'max.message.bytes=1400');
my $sweep = request_sweep();
ok(wait_for(sub { return sql($refused) >= 3 }, 'three refusals'), 'one partition refuses its messages, again and again')
  or diag(sql('SELECT * FROM vnstream_log(20)'));
is(sql("SELECT answered, waiting FROM vnstream_sweeps WHERE sweep = $sweep"), '10|10', 'so the response stays in the outbox');
is(copies_of_lonely(), $copies + 1, 'and what the other one has acknowledged is not sent again');
broker_command($broker, 'configs', '--alter', '--entity-type', 'topics', '--entity-name', $topic, '--delete-config', 'max.message.bytes');
check_all_is_stored('refused by one partition');

done_testing();
