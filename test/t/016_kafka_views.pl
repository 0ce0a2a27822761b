# Brokers, topics, offsets and groups, from psql: with everything up, with a
# topic that is not there, and with brokers that hang or are gone. Asking changes
# nothing, ends in time or at Ctrl-C, and leaves nothing behind in the session.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my @functions = qw(brokers topics offsets groups);
my $rounds = 250;    # of all four in one session
my $cluster = start_broker('--nodes', '3', '--heap', '256m');
my $address = broker_address($cluster);
my ($first) = split /,/, $address;
my @ports = map { /:(\d+)$/ } split /,/, $address;
my $topic = new_topic();
my $node = new_server(
	'views',
	brokers => $address,
	topic => $topic,
	partitions => 3,
	replication_factor => 3,
	topic_retention => '36h');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# What a query says beside its rows; its rows come first.
sub told
{
	my ($query, @options) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query, @options);

	return ($out, $err);
}

# A session of its own for each function; what each prints, and its errors.
sub start_session
{
	my (@queries) = @_;
	my %run = (out => '', err => '');

	$run{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), map { ('-c', $_) } @queries ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	return \%run;
}

sub told_together
{
	my %runs = map { $_ => start_session("SELECT * FROM vnstream_$_()") } @functions;

	$_->{handle}->finish foreach values %runs;
	return \%runs;
}

sub topic_names { return broker_command($cluster, 'topics', '--list'); }

# A message with a field of its own is a dead letter; those of a ticker are quotes.
sub quote
{
	my ($ticker, $second) = @_;

	return [ $ticker, sprintf('{"ticker":"%s","time":"2026-01-05T02:00:%02d.000000Z","price":100}', $ticker, $second) ];
}

# ---- who may ask

sql('CREATE EXTENSION vnstock_stream; CREATE ROLE nobody; CREATE ROLE watcher IN ROLE pg_monitor');
foreach my $function (@functions)
{
	my ($out, $err) = told("SET ROLE nobody; SELECT * FROM vnstream_$function()");
	like($err, qr/permission denied for function vnstream_$function/, "vnstream_$function() is not for everybody");
}

# ---- no topic yet

my ($out, $err) = told('SELECT count(*) FROM vnstream_topics() WHERE is_ours');
is($out, '0', 'the topic is not there');
like($err, qr/NOTICE:  the topic "$topic" does not exist yet\nHINT:  vnstream_start\(\) makes it/, 'and vnstream_topics() says how to make it');
foreach my $function (qw(offsets groups))
{
	($out, $err) = told("SELECT * FROM vnstream_$function()");
	is($out, '', "vnstream_$function() has no row");
	like($err, qr/NOTICE:  the topic "$topic" does not exist yet/, 'and says why');
}
is(sql("SELECT count(*), count(last_error), sum(leaders) FROM vnstream_brokers()"), '3|0|0', 'vnstream_brokers() needs no topic');
unlike(topic_names(), qr/^(\Q$topic\E|__consumer_offsets)$/m, 'nothing was created by asking');

# ---- all up

start_pipeline($node, 'postgres', 'consumer');
sql("SELECT vnstream_wait('caught up', '60 s')");
produce($address, $topic, [ map { quote('AAA', $_) } 1 .. 5 ], '-p', '0');
produce($address, $topic, [ (map { quote('BBB', $_) } 1 .. 3), quote('BBB', 3), 'no quote' ], '-p', '2');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'messages are consumed');

my $endless = "$topic.endless";
my $compacted = "$topic.compacted";
broker_command($cluster, 'topics', '--create', '--topic', $endless, '--replica-assignment', '2,3', '--config', 'retention.ms=-1');
broker_command($cluster, 'topics', '--create', '--topic', $compacted, '--partitions', '1', '--replication-factor', '2', '--config', 'cleanup.policy=compact');
produce($address, $endless, [ 1 .. 7 ]);

is(sql('SELECT string_agg(format(\'%s %s:%s\', broker, host, port), \', \' ORDER BY broker) FROM vnstream_brokers()'),
	join(', ', map { "$_ 127.0.0.1:$ports[$_ - 1]" } 1 .. 3), 'the brokers and their addresses');
is(sql('SELECT count(*) FILTER (WHERE is_controller), bool_and(round_trip_ms > 0 AND round_trip_ms = round(round_trip_ms::numeric, 1)),'
		. ' bool_and(leaders > 0), sum(under_replicated), count(last_error) FROM vnstream_brokers()'),
	'1|t|t|0|0', 'all of them answer');
query_until($node, 'postgres', "SELECT * FROM vnstream_topics() WHERE topic ~ '^$topic'",
	"$topic|3|3|1 day 12:00:00|10|0|t\n$compacted|1|2||0|0|f\n$endless|2|1||7|0|f", 'the topics, ours first');
is(sql("SELECT count(*) FROM vnstream_topics() WHERE topic LIKE '\\_\\_%'"), '0', 'no internal ones');

# The group's offsets are committed after the rows, at leisure.
query_until($node, 'postgres', 'SELECT sum(group_offset) FROM vnstream_offsets()', '10', 'the group is committed');
is(sql('SELECT partition, low, high, position, lag, stored, duplicates, dead_letters, gaps, coalesce(group_offset, 0) FROM vnstream_offsets()'),
	"0|0|5|5|0|5|0|0|0|5\n1|0|0|0|0|0|0|0|0|0\n2|0|5|5|0|3|1|1|0|5", 'offsets, and what became of them');
is(sql('SELECT bool_and(o.leader BETWEEN 1 AND 3) FROM vnstream_offsets() o'), 't', 'partitions have leaders');
my $group = sql("SELECT current_setting('vnstream.group_id')");
is(sql('SELECT * FROM vnstream_groups()'), "$group|Empty|0|3|10|0|t", 'the pipeline\'s own group never has members');

# A partition that nothing was consumed of.
sql('SELECT vnstream_stop()');
sql("SELECT vnstream_wait('stopped', '60 s')");
broker_command($cluster, 'topics', '--alter', '--topic', $topic, '--partitions', '4');
foreach my $port (@ports)
{
	wait_for(sub { kcat('-L', '-b', "127.0.0.1:$port", '-t', $topic) =~ /with 4 partitions/ }, 'every broker knows of the partition');
}
produce($address, $topic, [ 1 .. 6 ], '-p', '3');
is(sql('SELECT position, lag, stored, group_offset FROM vnstream_offsets() WHERE partition = 3'), '|6|0|',
	'a partition without a position lags by all that it has');

# ---- a foreign group: a member at first, then only its offsets

my ($kcat_out, $kcat_err) = ('', '');
my $kcat = IPC::Run::start([ 'kcat', '-b', $address, '-G', "$topic.readers", '-X', 'auto.offset.reset=earliest', '-X', 'auto.commit.interval.ms=100', $topic ],
	'<', \undef, '>', \$kcat_out, '2>', \$kcat_err);
query_until($node, 'postgres', "SELECT state, members, partitions, committed, lag, is_ours FROM vnstream_groups() WHERE group_id = '$topic.readers'",
	'Stable|1|3|16|0|f', 'a group with a member') or diag($kcat_err);
$kcat->signal('TERM');
eval { $kcat->finish };
produce($address, $topic, [ 1 .. 4 ], '-p', '3');
query_until($node, 'postgres', "SELECT state, members, partitions, committed, lag FROM vnstream_groups() WHERE group_id = '$topic.readers'",
	'Empty|0|3|16|4', 'the same without its member, which falls behind');
is(sql('SELECT group_id, lag FROM vnstream_groups() WHERE is_ours'), "$group|0", 'ours is there too, with its lag where it has committed');

# ---- rows as pg_monitor sees them

is(sql("SET ROLE watcher; SELECT (SELECT count(*) FROM vnstream_brokers()), (SELECT count(*) FROM vnstream_topics() WHERE is_ours),"
		. ' (SELECT count(*) FROM vnstream_offsets()), (SELECT count(*) FROM vnstream_groups())'),
	'3|1|4|2', 'members of pg_monitor see all of it');

# ---- many times in one session

my $session = $node->background_psql('postgres');
$session->set_query_timer_restart();
my $pid = $session->query('SELECT pg_backend_pid()');

sub held { return (scalar(() = glob("/proc/$pid/task/*")), scalar(() = glob("/proc/$pid/fd/*"))); }

my $call = 'PERFORM count(*) FROM vnstream_%s();';
my $loop = 'DO $$ BEGIN FOR i IN 1 .. %d LOOP ' . join(' ', map { sprintf($call, $_) } @functions) . ' END LOOP; END $$';
$session->query(sprintf($loop, 1));
wait_for(sub { (held())[0] == 1 }, 'one thread');
my ($threads, $files) = held();
is($threads, 1, 'a session is one thread when nothing is asked');
my $started = time();
$session->query(sprintf($loop, $rounds));
diag(sprintf('%d calls in %.1f s', 4 * $rounds, time() - $started));
ok(wait_for(sub { my ($t, $f) = held(); return $t <= $threads && $f <= $files }, 'threads and files'),
	4 * $rounds . ' calls leave no thread and no file') or diag(join(' ', held()));

# ---- one broker is down

broker_command($cluster, 'kill', '--node', '2');
query_until($node, 'postgres', 'SELECT host IS NULL, round_trip_ms IS NULL, leaders, under_replicated > 0, last_error ~ \'down\' FROM vnstream_brokers() WHERE broker = 2',
	't|t|0|t|t', 'a broker that is down still has its row');
is(sql('SELECT count(*), count(round_trip_ms), count(last_error) FROM vnstream_brokers()'), '3|2|1', 'the others answer');
is(sql('SELECT count(*), sum(high) FROM vnstream_offsets()'), '4|20', 'offsets are told by those that are left');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_groups()', '2', 'and groups');
query_until($node, 'postgres', "SELECT messages IS NULL AND without_leader > 0 FROM vnstream_topics() WHERE topic = '$endless'",
	't', 'a topic with a partition that nobody leads has no count');

# ---- one hangs; while the cluster still lists it, and when it no longer does

broker_command($cluster, 'start', '--node', '2');
query_until($node, 'postgres', 'SELECT count(round_trip_ms), sum(under_replicated) FROM vnstream_brokers()', '3|0', 'it is back');
broker_command($cluster, 'pause', '--node', '2');
is(sql('SELECT count(*), count(round_trip_ms), count(last_error), min(last_error) FILTER (WHERE broker <> 2) IS NULL FROM vnstream_brokers()'), '3|2|1|t',
	'one that hangs has its row, with the reason');
query_until($node, 'postgres', 'SELECT sum(high) FROM vnstream_offsets()', '20', 'and is in nobody\'s way for long');
broker_command($cluster, 'resume', '--node', '2');

# ---- all hang

broker_command($cluster, 'pause');
my $runs = told_together();
my $addresses = join '', map { "\\|127\\.0\\.0\\.1\\|$_\\|\\|\\|\\|\\|%s\n" } @ports;
my ($silence, $refusal) = map { $addresses =~ s/%s/$_/gr } '[^\n|]+', '[^\n|]*Connection refused[^\n|]*';
like($runs->{brokers}{out}, qr/^$silence$/, 'frozen: vnstream_brokers() has the addresses, and why there is no more');
like($runs->{brokers}{err}, qr/NOTICE:  Kafka could not be asked: .* within 10000 ms by "\Q$address\E".*HINT:  Check vnstream.brokers/s, 'and says so');
foreach my $function (qw(topics groups))
{
	like($runs->{$function}{err}, qr/ERROR:  .* within 10000 ms by "\Q$address\E".*HINT:  Check vnstream.brokers/s, "frozen: vnstream_$function() ends by itself, and says why");
}
is($runs->{offsets}{out}, "0||||5||5|0|0|0|\n1||||0||0|0|0|0|\n2||||5||3|1|1|0|\n", 'frozen: vnstream_offsets() has what this database knows');
like($runs->{offsets}{err}, qr/NOTICE:  Kafka could not be asked: .*HINT:  Check vnstream.brokers/s, 'and says why that is all');

# Cancelled, the same session answers while the brokers still hang.
foreach my $function (@functions)
{
	my $query = "SELECT * FROM vnstream_$function()";
	my $run = start_session($query, "SELECT 'free again'");

	query_until($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE query = '$query' AND state = 'active' AND wait_event_type = 'Extension'",
		'1', "frozen: vnstream_$function() is waiting");
	sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = '$query' AND state = 'active'");
	$run->{handle}->finish;
	like($run->{err}, qr/canceling statement due to user request/, 'and can be cancelled');
	like($run->{out}, qr/free again/, 'after which the session answers');
}
$session->query("SET statement_timeout = '300ms'");
for (1 .. 5)
{
	$session->query("DO \$\$ BEGIN PERFORM vnstream_$_(); EXCEPTION WHEN query_canceled THEN NULL; END \$\$") foreach @functions;
}
ok(wait_for(sub { my ($t, $f) = held(); return $t <= $threads && $f <= $files }, 'threads and files'),
	'frozen: questions that nobody waits for leave nothing behind') or diag(join(' ', held()));
broker_command($cluster, 'resume');

# ---- all gone

broker_command($cluster, 'kill');
$runs = told_together();
like($runs->{brokers}{out}, qr/^$refusal$/, 'gone: vnstream_brokers() has the addresses, and that they refuse');
like($runs->{brokers}{err}, qr/NOTICE:  Kafka could not be asked: .* within 10000 ms by "\Q$address\E".*HINT:  Check vnstream.brokers/s, 'and says so');
foreach my $function (qw(topics groups))
{
	like($runs->{$function}{err}, qr/ERROR:  .* within 10000 ms by .*Connection refused.*HINT:  Check vnstream.brokers/s, "gone: vnstream_$function() says so");
}
is($runs->{offsets}{out}, "0||||5||5|0|0|0|\n1||||0||0|0|0|0|\n2||||5||3|1|1|0|\n", 'gone: vnstream_offsets() has what this database knows');
like($runs->{offsets}{err}, qr/NOTICE:  Kafka could not be asked: .*Connection refused/s, 'and says why that is all');

# ---- the question cannot even be made

sql("ALTER DATABASE postgres SET vnstream.kafka_config_file = '/no/such/file'");
($out, $err) = told('SELECT * FROM vnstream_brokers()');
like($err, qr/ERROR:  vnstream.kafka_config_file: .*HINT:  Put the settings right/s, 'a faulty file is an error of vnstream_brokers()');
($out, $err) = told('SELECT * FROM vnstream_offsets()');
like($err, qr/NOTICE:  Kafka could not be asked: vnstream.kafka_config_file: .*HINT:  Put the settings right/s, 'and a notice of vnstream_offsets(), with the hint of the file');
sql('ALTER DATABASE postgres RESET vnstream.kafka_config_file');

# ---- nothing is known

sql("ALTER DATABASE postgres SET vnstream.topic = 'another'");
($out, $err) = told('SELECT * FROM vnstream_offsets()');
like($err, qr/ERROR:  Kafka could not be asked: .*HINT:  Check vnstream.brokers/s, 'gone: nothing to show is an error');

$session->quit;
$node->stop;
done_testing();
