# The topic from psql: made, changed and looked at, while the broker is up,
# hangs, or is gone.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $data = start_broker();
my $address = broker_address($data);
my $topic = new_topic();
my $node = new_server(
	'topic',
	brokers => $address,
	topic => $topic,
	partitions => 3,
	topic_retention => '2d');
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream; CREATE ROLE nobody; CREATE ROLE monitor; GRANT pg_monitor TO monitor');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub fails
{
	my ($query, $pattern, $name) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query);

	isnt($code, 0, "$name: refused");
	like($err, $pattern, $name);
	return;
}

sub config { return broker_command($data, 'configs', '--describe', '--entity-type', 'topics', '--entity-name', $topic); }

# ---- who may

foreach my $role ('nobody', 'monitor')
{
	foreach my $call ('vnstream_peek()', 'vnstream_create_topic()', 'vnstream_alter_topic(2)')
	{
		fails("SET ROLE $role; SELECT $call", qr/permission denied/, "$role may not call $call");
	}
}

# ---- before there is a topic

fails('SELECT vnstream_peek()', qr/does not exist in Kafka\nHINT:  vnstream_create_topic/, 'no topic to look at');
fails('SELECT vnstream_alter_topic(partitions => 2)', qr/does not exist in Kafka\nHINT:  vnstream_create_topic/, 'nor to change');
fails('SELECT vnstream_create_topic(partitions => 0)', qr/0 partitions\nHINT:.*1 to 10000/, 'no partitions');
fails('SELECT vnstream_create_topic(replication => -1)', qr/-1 replicas\nHINT/, 'no replicas');
fails("SELECT vnstream_create_topic(retention => '0')", qr/less than a second\nHINT.*1000 years/, 'no retention');
fails("SELECT vnstream_create_topic(retention => '-1 day')", qr/less than a second/, 'a negative one');
fails('SELECT vnstream_create_topic(replication => 3)', qr/eplication factor.*\nHINT/, 'more replicas than brokers, in the broker\'s words');
like(sql('SELECT vnstream_create_topic()'), qr/^topic "$topic" is created: 3 partitions, messages are kept for 2 days$/, 'created by the settings');
like(config(), qr/retention\.ms=172800000/, 'with their retention');
fails('SELECT vnstream_create_topic(5)', qr/exists already\nHINT:  vnstream_alter_topic/, 'only once');

# ---- an empty topic, then one of three partitions

is(sql('SELECT count(*) FROM vnstream_peek()'), '0', 'an empty topic has no messages');
produce($address, $topic, [ map { "{\"n\": $_}" } 10 * $_ .. 10 * $_ + 9 ], '-p', $_) foreach 0 .. 2;
is(sql("SELECT string_agg(value->>'n', ' ') FROM vnstream_peek(15, 'beginning')"), join(' ', 0 .. 14), 'the first, by time');
is(sql("SELECT string_agg(value->>'n', ' ') FROM vnstream_peek()"), join(' ', 20 .. 29), 'the last ten');
is(sql("SELECT string_agg(value->>'n', ' ') FROM vnstream_peek(3, '1:4')"), '14 15 16', 'from an offset');
is(sql("SELECT count(*) FROM vnstream_peek(3, '1:10')"), '0', 'from the end of a partition');
is(sql("SELECT string_agg(value->>'n', ' ') FROM vnstream_peek(10000, 'epoch')"), join(' ', 0 .. 29), 'from a time long ago');
is(sql("SELECT count(*) FROM vnstream_peek(10, 'tomorrow')"), '0', 'from a time to come');
is(sql("SELECT count(*) FROM vnstream_peek(10, 'infinity')"), '0', 'from the end of time');
my $between = sql("SELECT \"timestamp\" FROM vnstream_peek(1, '2:0')");
is(sql("SELECT min(\"timestamp\") >= '$between' AND count(*) >= 10 FROM vnstream_peek(30, '$between')"), 't', 'from a time on');
is(sql(q{SELECT DISTINCT key = '' AND headers IS NULL AND raw IS NULL FROM vnstream_peek(30)}), 't', 'an empty key is one; what is not there is NULL');

fails("SELECT vnstream_peek(10, '7:0')", qr/no partition 7\nHINT:  Its partitions are 0 to 2/, 'an unknown partition');
fails("SELECT vnstream_peek(10, '0:11')", qr/does not have offset 11\nHINT:  It has offsets from 0, and 10 will be its next/, 'an unknown offset');
foreach my $bad ('soon', '5', '', '0:', ':1', '-1:0', '0:-1', '99999999999:0', '0:99999999999999999999')
{
	fails("SELECT vnstream_peek(10, '$bad')", qr/is no place in a topic\nHINT/, "'$bad' is no place");
}
fails('SELECT vnstream_peek(10, NULL)', qr/must not be null\nHINT/, 'nor is NULL');
fails("SELECT vnstream_peek($_)", qr/\nHINT:  Use a number from 1 to 10000/, "$_ messages") foreach 0, -1, 10001, 'NULL';

# ---- what messages look like

my $file = PostgreSQL::Test::Utils::tempdir() . '/message';

sub send_bytes
{
	my ($bytes, @options) = @_;

	open my $out, '>:raw', $file or die $!;
	print $out $bytes;
	close $out;
	kcat('-P', '-b', $address, '-t', $topic, '-p', '0', @options, $file);
	return;
}

sub newest { return sql("SELECT concat_ws('|', coalesce(key, '-'), coalesce(headers::text, '-'), coalesce(value::text, '-'), coalesce(raw, '-')) FROM vnstream_peek(1, '0:' || (SELECT max(\"offset\") FROM vnstream_peek(10000) WHERE partition = 0))"); }

send_bytes('{"price": 1.50}', '-k', 'VCB', '-H', 'node=one', '-H', 'node=two', '-H', 'empty=');
is(newest(), 'VCB|{"node": "two", "empty": ""}|{"price": 1.50}|-', 'key, headers, JSON');
send_bytes('{"price": ');
is(newest(), '-|-|-|{"price": ', 'no JSON');
send_bytes('"\u0000"');
is(newest(), '-|-|-|"\u0000"', 'JSON that jsonb does not take');
send_bytes('[' x 20000);
is(sql("SELECT length(raw), value IS NULL FROM vnstream_peek(10000) WHERE raw LIKE '[[%'"), '20000|t', 'JSON of a depth that nobody can read');
send_bytes("\xff\x00a\\");
is(newest(), '-|-|-|\377\000a\\\\', 'bytes that are no text');
send_bytes("{\"a\": \"\xff\"}", '-k', "k\xff", '-H', "h=\xfe");
is(newest(), 'k\377|{"h": "\\\\376"}|-|{"a": "\377"}', 'JSON that is no text, and a key, and a header');
IPC::Run::run([ 'kcat', '-P', '-b', $address, '-t', $topic, '-p', '0', '-K', ':', '-Z' ], '<', \"gone:\n") or die;
is(newest(), 'gone|-|-|-', 'a tombstone');
sql('CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE "C"');
send_bytes("caf\xc3\xa9");
$node->safe_psql('latin', 'CREATE EXTENSION vnstock_stream');
my $offset = sql("SELECT max(\"offset\") FROM vnstream_peek(10000) WHERE partition = 0");
is($node->safe_psql('latin', "SELECT encode(convert_to(raw, 'UTF8'), 'hex') FROM vnstream_peek(1, '0:$offset')"), '636166c3a9', 'in another encoding');
send_bytes("gi\xe1\xba\xa3m");
$offset++;
is($node->safe_psql('latin', "SELECT raw FROM vnstream_peek(1, '0:$offset')"), 'gi\341\272\243m', 'which does not have every character');

# ---- changing it

fails('SELECT vnstream_alter_topic()', qr/nothing is said.*\nHINT/, 'nothing to change');
fails('SELECT vnstream_alter_topic(partitions => 2)', qr/has 3 partitions, and Kafka cannot remove any\nHINT/, 'fewer partitions');
fails("SELECT vnstream_alter_topic(retention => '0.9 s')", qr/less than a second\nHINT/, 'too short a retention');
fails("SELECT vnstream_alter_topic(partitions => 5, replication => 2, retention => '1 day')", qr/2 replicas need 2 brokers, and Kafka has 1\nHINT/, 'more replicas than brokers');
fails("SELECT vnstream_alter_topic(partitions => 0, retention => '1 day')", qr/0 partitions\nHINT/, 'no partitions');
like(config(), qr/retention\.ms=172800000/, 'a refused change changes nothing');
is(sql("SELECT count(*) FROM vnstream_peek(1, '2:0')"), '1', 'and makes no partition');
fails("SELECT vnstream_peek(1, '3:0')", qr/no partition 3/, 'no, none');

broker_command($data, 'configs', '--alter', '--entity-type', 'topics', '--entity-name', $topic,
	'--add-config', 'cleanup.policy=[compact,delete],max.message.bytes=77777');
is(sql("SELECT vnstream_alter_topic(retention => '1 month 2 days 3 s')"),
	"topic \"$topic\": 3 partitions; retention: 2764803 seconds (was: 2 days)", 'a new retention');
my $config = config();
like($config, qr/retention\.ms=2764803000/, 'is set');
like($config, qr/cleanup\.policy=compact,delete/, 'the policy is kept');
like($config, qr/max\.message\.bytes=77777/, 'and the largest message');
is(sql("SELECT vnstream_alter_topic(retention => '3600 s')"), "topic \"$topic\": 3 partitions; retention: 1 hour (was: 2764803 seconds)", 'in the largest unit');
is(sql("SELECT vnstream_alter_topic(retention => '1000 years')"), "topic \"$topic\": 3 partitions; retention: 360000 days (was: 1 hour)", 'as good as for ever');
is(sql('SELECT vnstream_alter_topic(replication => 1)'), "topic \"$topic\": 3 partitions; every partition has 1 replica already", 'replicas as they are');
is(sql('SELECT vnstream_alter_topic(partitions => 3)'), "topic \"$topic\": 3 partitions", 'partitions as they are');

# ---- more partitions under running workers

my $simulator = start_simulator('--symbols', '200', '--unknown', '0');
sql("ALTER DATABASE postgres SET vnstream.vci_url = '$simulator->{url}api/'");
sql("ALTER DATABASE postgres SET vnstream.consumers = 5");
start_pipeline($node);
query_until($node, 'postgres', "SELECT waiting_for FROM vnstream_status() WHERE worker = 'consumer 5'",
	'a partition: 5 consumers share 3; SELECT vnstream_alter_topic(partitions => 5)', 'the fifth consumer says what it lacks');
my $pids = sql("SELECT string_agg(pid::text, ' ' ORDER BY worker) FROM vnstream_status()");
my ($code, $out, $err) = $node->psql('postgres', 'SELECT vnstream_alter_topic(partitions => 5)');
is($out, "topic \"$topic\": 5 partitions (were 3)", 'more partitions');
like($err, qr/NOTICE:  from now on tickers are in other partitions.*DETAIL/s, 'with a notice');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_positions', '5', 'the consumers have them');
produce($address, $topic, [ map { "{\"ticker\": \"NEW$_\", \"time\": \"2026-08-04T09:00:00\", \"price\": 1000, \"volume\": 1}" } 1 .. 5 ], '-p', '4');
query_until($node, 'postgres', "SELECT count(*) FROM realtime_quotes WHERE ticker LIKE 'NEW%' AND kafka_partition = 4", '5', 'and read them');
query_until($node, 'postgres', "SELECT count(*) > 0 FROM realtime_quotes WHERE kafka_partition = 3", 't', 'the producer publishes to them', 90);
is(sql("SELECT string_agg(pid::text, ' ' ORDER BY worker) FROM vnstream_status()"), $pids, 'and nobody was started anew');
is(account($node, 'postgres'), '', 'the account is exact');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');

# ---- a damaged message, and the way around it

my $damaged = new_topic();
sql("ALTER DATABASE postgres SET vnstream.topic = '$damaged'");
sql('ALTER DATABASE postgres SET vnstream.consumers = 1');
sql('SELECT vnstream_create_topic(partitions => 1)');
produce($address, $damaged, [ "{\"ticker\": \"BAD$_\", \"time\": \"2026-08-04T09:00:00\", \"price\": 1000, \"volume\": 1}" ], '-p', '0') foreach 0 .. 2;
broker_command($data, 'stop');
open my $log, '+<:raw', "$data/node-1/log/$damaged-0/00000000000000000000.log" or die $!;
read($log, my $header, 12) == 12 or die;
# a bit of the second batch, behind its header of 61 bytes, turns over
my $place = 12 + unpack('x8 N', $header) + 66;
seek($log, $place, 0) and read($log, my $byte, 1) == 1 or die;
seek($log, $place, 0) and print $log chr(ord($byte) ^ 1);
close $log;
broker_command($data, 'start');
fails("SELECT vnstream_peek(10, 'beginning')", qr/offset 1 of partition 0 .* cannot be read: .*\nHINT:  vnstream_peek\(10, '0:2'\)/, 'a look at it');
is(sql("SELECT value->>'ticker' FROM vnstream_peek(10, '0:2')"), 'BAD2', 'and behind it');
is(sql("SELECT value->>'ticker' FROM vnstream_peek(1, 'beginning')"), 'BAD0', 'and before it');
sql("SELECT vnstream_start('consumer')");
query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'consumer 1'",
	'failed|an administrator: a message in Kafka is damaged', 'the consumer stops before it');
note(sql("SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1'"));
fails("SELECT vnstream_seek(0, '2')", qr/ERROR:  1 offset of topic/, 'to go on gives it up');
is(sql("SELECT * FROM vnstream_seek(0, '2', accept_loss => true)"), '0|1|2|1|0', 'with leave');
query_until($node, 'postgres', "SELECT string_agg(ticker, ' ' ORDER BY ticker) FROM realtime_quotes WHERE ticker LIKE 'BAD%'", 'BAD0 BAD2', 'what is behind it is stored');
is(sql("SELECT string_agg(gaps::text, ' ') FROM vnstream_segments WHERE topic = '$damaged' AND gaps > 0"), '1', 'and the gap recorded');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
sql("ALTER DATABASE postgres SET vnstream.topic = '$topic'");

# ---- nothing is left of a look

my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('SELECT count(*) FROM vnstream_peek()');
sub entries { return scalar(my @found = glob("/proc/$pid/$_[0]/*")); }
ok(wait_for(sub { entries('task') == 1 }, 'one thread'), 'after a look the session has one thread');
my $descriptors = entries('fd');
$session->query_safe(q{SET client_min_messages = warning; DO $$ BEGIN FOR i IN 1 .. 150 LOOP
	PERFORM count(*) FROM vnstream_peek(5, CASE i % 3 WHEN 0 THEN 'end' WHEN 1 THEN 'beginning' ELSE '0:3' END); END LOOP; END $$});
ok(wait_for(sub { entries('task') == 1 }, 'one thread'), 'and after 150 as well');
ok(wait_for(sub { entries('fd') <= $descriptors }, 'descriptors'), 'with no descriptor more');

# ---- a broker that hangs, and none

broker_command($data, 'pause');
foreach my $call ('vnstream_peek()', 'vnstream_alter_topic(partitions => 6)', 'vnstream_create_topic()')
{
	my $start = time();

	fails("SET statement_timeout = '1s'; SELECT $call", qr/canceling statement due to statement timeout/, "$call can be canceled");
	cmp_ok(time() - $start, '<', 10, 'at once');
}
fails('SELECT vnstream_alter_topic(partitions => 6)', qr/within 20000 ms.*\nHINT:  Check vnstream.brokers/s, 'and gives up by itself');
broker_command($data, 'resume');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_peek(5)', '5', 'afterwards it works again');
broker_command($data, 'kill');
fails('SELECT vnstream_create_topic()', qr/ERROR:  Kafka did not answer within 20000 ms at .*refused.*\nHINT:  Check vnstream.brokers.* may be made all the same/s, 'no broker');
fails('SELECT vnstream_peek()', qr/within 10000 ms by .*refused.*\nHINT:  Check vnstream.brokers/s, 'none to look at either, which takes no longer than other questions');
ok(wait_for(sub { entries('task') == 1 }, 'one thread'), 'no thread is left');
$session->quit;

# ---- a standby, or a transaction that may not change anything

fails("BEGIN READ ONLY; SELECT $_", qr/read-only transaction/, "$_ needs a primary")
  foreach 'vnstream_create_topic()', 'vnstream_alter_topic(partitions => 2)';

done_testing();
