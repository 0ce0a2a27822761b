# The broker is down, dies, hangs, fills the outbox, and Kafka's own tools are
# used beside the pipeline: nothing fetched is lost, nothing is stored twice.
use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $symbols = 300;
my $broker = start_broker();
my $address = broker_address($broker);
my $simulator = start_simulator('--symbols', $symbols, '--unknown', '0');
my $topic = new_topic();

# Sweeps are made when the test asks for them, so that all of them can be counted.
my $node = new_server(
	'broker',
	brokers => $address,
	topic => $topic,
	topic_retention => '1h',
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	outbox_limit => '1MB',
	node_name => 'test-node');
my $pids = "SELECT string_agg(worker || ' ' || pid, ', ' ORDER BY worker) FROM vnstream_status() WHERE worker <> 'launcher'";
# not there while it tries
my $until = '; backing off until \d\d:\d\d:\d\d$';
my $outbox_is_waiting = 'SELECT coalesce((SELECT sum(waiting) FROM vnstream_sweeps), 0)'
  . ' = coalesce((SELECT sum(cardinality(messages)) FROM vnstream_outbox), 0)';

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub request_sweeps { sql('SELECT vnstream_sweep()') for 1 .. $_[0]; return; }

sub sweeps_end
{
	return query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NULL', '0', $_[0], 120);
}

# Everything that was ever fetched is published and stored, once and in order.
sub check_all_is_stored
{
	my ($when) = @_;

	is(sql("SELECT vnstream_wait('caught up', '120 s')"), 't', "$when: caught up");
	is(account($node, 'postgres'), '', "$when: the account is exact");
	is(sql('SELECT count(*) FROM vnstream_outbox'), '0', "$when: the outbox is empty");
	is(sql('SELECT sum(answered) = sum(published), sum(answered) = count(*) * ' . $symbols
			. ', sum(answered) = (SELECT count(*) FROM realtime_quotes) FROM vnstream_sweeps'),
		't|t|t', "$when: fetched = published = stored");
	is(sql('SELECT count(*) FROM (SELECT kafka_offset < lag(kafka_offset)'
			. ' OVER (PARTITION BY ticker, kafka_partition ORDER BY time) AS is_back FROM realtime_quotes) o WHERE is_back'),
		'0', "$when: each ticker's quotes are in order");
	is(sql('SELECT count(*) FROM vnstream_dead_letters'), '0', "$when: no dead letters");
	return;
}

# ---- down at the start; its address is only reserved

broker_command($broker, 'kill');
sql('CREATE EXTENSION vnstock_stream; SELECT vnstream_start()');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1',
	'a sweep is made without a broker');
my $before = sql($pids);
request_sweeps(2);
sweeps_end('more of them, each of those asked for');
is(sql('SELECT count(*), sum(waiting), sum(published), count(error) FROM vnstream_sweeps'),
	join('|', 3, 3 * $symbols, 0, 0), 'what they fetched is waiting');
is(sql($outbox_is_waiting), 't', 'in the outbox');
query_until($node, 'postgres',
	"SELECT string_agg(worker || ': ' || state || ', ' || regexp_replace(waiting_for, '$until', ''), '; ' ORDER BY worker) FROM vnstream_status() WHERE worker <> 'launcher'",
	'consumer 1: backing off, the broker; producer: backing off, the broker; ' . 3 * $symbols . ' messages in the outbox',
	'both workers say that they wait for the broker');
is(sql("SELECT bool_and(errors > 0 AND last_error ~ '$address' AND last_error_at IS NOT NULL) FROM vnstream_status() WHERE worker <> 'launcher'"),
	't', 'count it as errors, and name its address');
is(sql($pids), $before, 'and are alive');

broker_command($broker, 'start');
is(sql("SELECT vnstream_wait('running', '120 s')"), 't', 'the broker comes, and they run');
is(sql($pids), $before, 'still the same processes');
check_all_is_stored('after a start without a broker');

# ---- what the topic and its messages look like

my $described = broker_command($broker, 'topics', '--describe', '--topic', $topic);
like($described, qr/PartitionCount:\s*1\b.*retention\.ms=3600000\b/, 'a missing topic is made by the settings');

my $system = sql('SELECT system_identifier FROM pg_control_system()');
my ($wrong, $count, %last) = (0, 0);
foreach my $line (split /\n/, kcat('-C', '-q', '-e', '-b', $address, '-t', $topic, '-f', '%k|%h|%s\n'))
{
	my ($key, $headers, $value) = split /\|/, $line, 3;
	my $message = decode_json($value);
	my ($instance, $fetched_at) = $headers =~ m{^schema=\d+,node=$system/postgres/test-node,instance=(\d+-[0-9a-f]{16}),fetched-at=(\S+)$};

	$count++;
	$wrong++
	  unless $key eq $message->{ticker}
	  && defined $fetched_at
	  && $fetched_at eq $message->{time}
	  && ($last{$key} // '') lt $message->{time};
	$last{$key} = $message->{time};
}
is("$count $wrong", 3 * $symbols . ' 0', 'each message has its ticker as key, its headers, and comes in order of time');

# ---- dies while messages are on their way; the second time for longer than
# librdkafka believes in a request of which the broker never heard (60 s)

foreach my $round (1 .. 2)
{
	$before = sql($pids);
	request_sweeps(1);
	sleep 0.3 * $round;
	broker_command($broker, 'kill');
	my $killed_at = time();
	request_sweeps(1);
	sweeps_end("killed, round $round: sweeps go on");
	is(sql($outbox_is_waiting), 't', "killed, round $round: the outbox has what is waiting");
	while ($round == 2 && time() < $killed_at + 65) { sleep 0.1; }
	broker_command($broker, 'start');
	check_all_is_stored("killed, round $round");
	is(sql($pids), $before, "killed, round $round: the workers lived through it");
}

# ---- hangs for longer than librdkafka believes a connection

broker_command($broker, 'pause');
my $paused_at = time();
request_sweeps(2);
sweeps_end('frozen: sweeps go on');
query_until($node, 'postgres',
	"SELECT state, regexp_replace(waiting_for, '$until', '') FROM vnstream_status() WHERE worker = 'producer'",
	'backing off|the broker; ' . 2 * $symbols . ' messages in the outbox', 'frozen: status says so');
query_until($node, 'postgres',
	"SELECT state, regexp_replace(waiting_for, '$until', '') FROM vnstream_status() WHERE worker = 'consumer 1'",
	'backing off|the broker', 'frozen: of the consumer too');
while (time() < $paused_at + 17) { sleep 0.1; }
broker_command($broker, 'resume');
check_all_is_stored('frozen for a while');
is(sql($pids), $before, 'frozen: the workers lived through it');
is(sql("SELECT vnstream_wait('running', '120 s')"), 't', 'frozen: and run');

# ---- hangs until the outbox is full; and then the producer is killed

broker_command($broker, 'pause');
request_sweeps(9);
my $full = 'failed|the broker: the outbox is full, sweeps pause';
query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'producer'",
	$full, 'a full outbox is told', 120);
my $sizes = 'SELECT (SELECT sum(octet_length(array_to_string(messages, \'\'))) FROM vnstream_outbox),'
  . ' (SELECT count(*) FROM vnstream_sweeps WHERE started IS NULL)';
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE started IS NOT NULL AND ended IS NULL',
	'0', 'the sweep that filled it is made to its end');
my $size = sql($sizes);
my ($bytes, $unmade) = split /\|/, $size;
cmp_ok($bytes, '>=', 1024 * 1024, 'it is as full as it may be');
cmp_ok($bytes, '<', 1.5 * 1024 * 1024, 'and no more than a sweep beyond');
cmp_ok($unmade, '>', 0, 'sweeps asked for are not begun');
like(slurp_file($node->logfile), qr/WARNING:.*producer.*the outbox is full.*\n.*HINT:.*vnstream\.outbox_limit/, 'the log has a warning with a hint');

my $producer = worker_pid($node, 'postgres', 'producer');
sql("SELECT pg_terminate_backend($producer)");
ok(wait_for(sub { my $pid = worker_pid($node, 'postgres', 'producer'); $pid ne '' && $pid ne $producer }, 'a new producer'),
	'the producer is killed, and another comes');
query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'producer'",
	$full, 'it knows that the outbox is full');
is(sql($sizes), $size, 'nothing was added, nothing dropped');

broker_command($broker, 'resume');
sweeps_end('the broker comes back, and all sweeps asked for are made');
check_all_is_stored('after a full outbox');
note('duplicates absorbed: ' . sql('SELECT sum(duplicates) FROM vnstream_segments'));
is(sql("SELECT vnstream_wait('running', '120 s')"), 't', 'and the workers run');

# ---- more partitions, while it runs; from here on without sweeps

sql("SELECT vnstream_stop('producer')");

sub old_messages
{
	my ($ticker, $from, $to) = @_;

	return [
		map {
			[ $ticker, sprintf('{"ticker": "%s", "time": "2026-08-04T10:%02d:%02d", "price": 60000, "volume": 100}', $ticker, $_ / 60, $_ % 60) ]
		} $from .. $to ];
}
sub position { return sql("SELECT next_offset FROM vnstream_positions WHERE topic = '$topic' AND partition = $_[0]"); }

broker_command($broker, 'topics', '--alter', '--topic', $topic, '--partitions', 3);
produce($address, $topic, old_messages('AAA', 0, 99), '-p', 1);
produce($address, $topic, old_messages('BBB', 0, 49), '-p', 2);
query_until($node, 'postgres',
	"SELECT string_agg(partition || ' ' || next_offset, ', ' ORDER BY partition) FROM vnstream_positions WHERE partition > 0",
	'1 100, 2 50', 'new partitions are found by the running consumer');
is(sql("SELECT count(*) FILTER (WHERE ticker = 'AAA' AND kafka_partition = 1), count(*) FILTER (WHERE ticker = 'BBB' AND kafka_partition = 2)"
		. " FROM realtime_quotes WHERE time >= '2026-08-04 10:00+07' AND time < '2026-08-04 11:00+07'"),
	'100|50', 'and their messages stored');

# ---- Kafka's own tools see how far it is, and cannot change it

my $group = sql("SELECT substr(c, length('vnstream.group_id=') + 1) FROM pg_db_role_setting, unnest(setconfig) c WHERE c LIKE 'vnstream.group_id=%'");
like($group, qr/^vnstock_stream\.$system\.\d+$/, 'the first start has made a group');

# Offset and lag of each partition, as Kafka's tool tells them.
sub group_offsets
{
	my $told = broker_command($broker, 'groups', '--describe', '--group', $group);

	return join(', ', sort map { /^\S+\s+\Q$topic\E\s+(\d+)\s+(\d+)\s+\d+\s+(\d+)\s/ ? "$1 $2 $3" : () } split /\n/, $told);
}
my $end = position(0);
ok(wait_for(sub { group_offsets() eq "0 $end 0, 1 100 0, 2 50 0" }, 'the group\'s offsets'),
	'the group\'s offsets are the positions, without lag')
  or diag(group_offsets());

my $rows = sql('SELECT count(*) FROM realtime_quotes');
my $duplicates = sql('SELECT sum(duplicates) FROM vnstream_segments');
sql("SELECT vnstream_stop('consumer')");
query_until($node, 'postgres', "SELECT pid IS NULL FROM vnstream_status() WHERE worker = 'consumer 1'", 't', 'the consumer stops');
produce($address, $topic, old_messages('AAA', 100, 109), '-p', 1);
like(broker_command($broker, 'groups', '--group', $group, '--reset-offsets', '--execute', '--topic', "$topic:0", '--to-offset', 0),
	qr/\s\Q$topic\E\s+0\s+0\s/, 'the group is set back to 0 in one partition');
like(broker_command($broker, 'groups', '--group', $group, '--reset-offsets', '--execute', '--topic', "$topic:1", '--to-latest'),
	qr/\s\Q$topic\E\s+1\s+110\s/, 'and to the end in another');
sql("SELECT vnstream_start('consumer')");
query_until($node, 'postgres', "SELECT next_offset FROM vnstream_positions WHERE partition = 1", '110', 'what it had not stored is read');
is(sql('SELECT count(*), (SELECT sum(duplicates) FROM vnstream_segments) FROM realtime_quotes'),
	join('|', $rows + 10, $duplicates), 'and stored, and nothing is read again');
ok(wait_for(sub { group_offsets() eq "0 $end 0, 1 110 0, 2 50 0" }, 'the group\'s offsets'),
	'the group is put right')
  or diag(group_offsets());

# ---- messages are gone before they were stored

sql("SELECT vnstream_stop('consumer')");
query_until($node, 'postgres', "SELECT pid IS NULL FROM vnstream_status() WHERE worker = 'consumer 1'", 't', 'the consumer stops again');
produce($address, $topic, old_messages('AAA', 110, 209), '-p', 1);
my $records = PostgreSQL::Test::Utils::tempdir_short() . '/records.json';
append_to_file($records, encode_json({ version => 1, partitions => [ { topic => $topic, partition => 1, offset => 150 } ] }));
broker_command($broker, 'delete-records', '--offset-json-file', $records);
sql("SELECT vnstream_start('consumer')");
query_until($node, 'postgres', "SELECT state, waiting_for, last_error FROM vnstream_status() WHERE worker = 'consumer 1'",
	"failed|an administrator: offsets are lost|partition 1 of topic \"$topic\": offset 110 is to be stored next, but Kafka has 150 to 210 only",
	'lost messages stop the consumer, which tells the range');
like(slurp_file($node->logfile), qr/but Kafka has 150 to 210 only\n.*HINT:.*vnstream\.on_lost_offsets/, 'the log tells what to set');
is(position(1), '110', 'the position stays');
sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'continue'");
query_until($node, 'postgres', "SELECT next_offset FROM vnstream_positions WHERE partition = 1", '210', 'when told to, it goes on');
is(sql("SELECT from_offset, next_offset, stored, gaps, closed_at IS NULL, opened_because FROM vnstream_segments WHERE partition = 1 ORDER BY segment"),
	"0|150|110|40|f|first claim\n150|210|60|0|t|offsets lost",
	'the loss is a gap of that size, and another segment begins behind it');
is(sql("SELECT count(*), sum(duplicates), sum(gaps) FROM vnstream_segments, (SELECT count(*) AS rows FROM realtime_quotes) r GROUP BY rows HAVING rows = $rows + 70"),
	join('|', 4, $duplicates, 40), 'nothing else changed');
is(account($node, 'postgres'), '', 'the account is exact');

# ---- a topic that exists is left as it is

my $existing = new_topic();
broker_command($broker, 'topics', '--create', '--topic', $existing, '--partitions', 2, '--config', 'retention.ms=123456789');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('postgres', "ALTER DATABASE other SET vnstream.topic = '$existing'");
start_pipeline($node, 'other', 'consumer');
query_until($node, 'other', 'SELECT count(*) FROM vnstream_positions', '2', 'a topic that exists is consumed');
like(broker_command($broker, 'topics', '--describe', '--topic', $existing),
	qr/PartitionCount:\s*2\b.*retention\.ms=123456789\b/, 'and left as it is');

done_testing();
