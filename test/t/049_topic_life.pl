# A topic is deleted and made anew, longer or shorter than before, with fewer
# partitions, or its log comes back from an old copy: nothing of the new one is
# taken for the old one, and nothing of it is left out.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $broker = start_broker();
my $address = broker_address($broker);
my $node = new_server('topic_life', brokers => $address, partitions => 2, consumers => 2);
my $moment = 0;

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Messages that nobody else has, into one partition.
sub produce_more
{
	my ($topic, $partition, $count) = @_;

	produce($address, $topic,
		[ map {
				$moment++;
				my $ticker = "T$partition" . $moment % 10;
				[ $ticker, sprintf('{"ticker":"%s","time":"2026-08-04T09:%02d:%02d+07:00","price":10000,"volume":100}',
						$ticker, $moment / 60, $moment % 60) ]
			} 1 .. $count ],
		'-p', $partition);
	return;
}

sub topics { return broker_command($broker, 'topics', @_); }

sub make_topic
{
	my ($topic, $partitions) = @_;
	topics('--create', '--topic', $topic, '--partitions', $partitions);
	return;
}

# Deleted, and another of that name in its place.
sub make_anew
{
	my ($topic, $partitions) = @_;

	topics('--delete', '--topic', $topic);
	ok(wait_for(sub { return topics('--list') !~ /^\Q$topic\E$/m }, 'the topic to be gone'), "$topic is deleted");
	make_topic($topic, $partitions);
	return;
}

sub consume
{
	my ($topic) = @_;

	sql("ALTER DATABASE postgres SET vnstream.topic = '$topic'; SELECT vnstream_start('consumer')");
	return;
}

sub stop
{
	sql('SELECT vnstream_stop()');
	is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
	return;
}

my $states = "SELECT string_agg(worker || ' ' || state || ', ' || waiting_for, '; ' ORDER BY worker) FROM vnstream_status() WHERE state = 'failed'";
my $is_another = 'failed, an administrator: the topic is another one than before';

# epoch, partition: from, to, stored; of all segments in their order
sub segments
{
	my ($topic) = @_;

	return sql("SELECT string_agg(format('%s/%s: %s-%s, %s%s%s', epoch, partition, from_offset, next_offset, stored,"
		  . " CASE WHEN duplicates > 0 THEN ' and ' || duplicates || ' again' END, CASE WHEN closed_at IS NULL THEN ' open' END), '; '"
		  . " ORDER BY epoch, partition, segment) FROM vnstream_segments WHERE topic = '$topic'");
}

sub clear_audit { return sql('SELECT count(*) FROM vnstream_audit(true) WHERE difference <> 0 OR NOT isempty(missing)'); }

# ---- grown past the position: only the message before it tells

my $grown = new_topic();
make_topic($grown, 2);
produce_more($grown, 0, 100);
produce_more($grown, 1, 20);
sql('CREATE EXTENSION vnstock_stream');
consume($grown);
query_until($node, 'postgres', 'SELECT sum(next_offset) FROM vnstream_positions', '120', 'all of the topic is stored');
is(sql('SELECT string_agg(last_offset::text, \' \' ORDER BY partition), bool_and(last_crc IS NOT NULL) FROM vnstream_positions'),
	'99 19|t', 'the positions know the messages before them');
stop();
consume($grown);
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'the same topic is read on');
produce_more($grown, 0, 1);
query_until($node, 'postgres', 'SELECT next_offset FROM vnstream_positions WHERE partition = 0', '101', 'from where it was');
stop();
make_anew($grown, 2);
produce_more($grown, 0, 150);
produce_more($grown, 1, 10);
consume($grown);
query_until($node, 'postgres', $states =~ s/WHERE/WHERE worker = 'consumer 1' AND/r, "consumer 1 $is_another",
	'one that was made anew is not read on, though it has grown past the position');
my ($error) = sql("SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1'");
like($error, qr/^topic "\Q$grown\E" was made anew, or its log was cut short: partition 0 has another message at offset 100 than the one that was read there before$/,
	'and it says by what it sees that');
like(slurp_file($node->logfile), qr/was made anew.*\n.*HINT:.*vnstream\.on_lost_offsets/, 'the log tells what to set');
query_until($node, 'postgres', $states, "consumer 1 $is_another; consumer 2 $is_another", 'the other consumer sees by the end of its partition');
is(sql('SELECT string_agg(next_offset::text, \' \' ORDER BY partition), (SELECT count(*) FROM realtime_quotes) FROM vnstream_positions'),
	'101 20|121', 'nothing of it is stored, and the positions stay');
is(sql('SELECT status FROM vnstream_health()'), 'failed', 'health is failed');
sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'continue'");
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes', '281', 'told to go on, all of the new topic is read');
is(segments($grown), '1/0: 0-101, 101; 1/1: 0-20, 20; 2/0: 0-150, 150 open; 2/1: 0-10, 10 open', 'as another epoch of it, once');
is(sql("SELECT count(*) FROM vnstream_log(100, level => 'warning') WHERE message ~ 'is another one than before.*as epoch 2, and what of epoch 1 was not stored is lost'"),
	'1', 'which an event tells, once');
is(sql('SELECT string_agg(worker, \' \') FROM vnstream_status() WHERE state = \'running\' AND worker ~ \'consumer\''), 'consumer 1 consumer 2', 'both run');
is(clear_audit(), '0', 'the deep audit finds every offset of both epochs')
  or diag(sql('SELECT * FROM vnstream_audit(true)'));
is(sql("SELECT count(*) FROM vnstream_offsets() WHERE lag <> 0"), '0', 'vnstream_offsets() is about the new one');

# ---- the message before the position is gone, as retention does it: nobody can tell

my $records = PostgreSQL::Test::Utils::tempdir_short() . '/records.json';
append_to_file($records, encode_json({ version => 1, partitions => [ { topic => $grown, partition => 0, offset => 150 } ] }));
stop();
broker_command($broker, 'delete-records', '--offset-json-file', $records);
consume($grown);
produce_more($grown, 0, 5);
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions WHERE epoch = 2', '155', 'where the message is gone, it is read on');
like(slurp_file($node->logfile), qr/partition 0 of topic "\Q$grown\E": the message that was read last, offset 149, is gone; whether the topic was made anew cannot be told/,
	'and that this was not seen is told');
is(segments($grown), '1/0: 0-101, 101; 1/1: 0-20, 20; 2/0: 0-155, 155 open; 2/1: 0-10, 10 open', 'nothing is lost or read again');

# ---- a position that a person has moved has no message before it

sql('SELECT vnstream_seek(0, \'151\')');
is(sql('SELECT last_offset IS NULL AND last_crc IS NULL FROM vnstream_positions WHERE epoch = 2 AND partition = 0'), 't', 'a seek forgets the message');
query_until($node, 'postgres', 'SELECT next_offset, last_offset FROM vnstream_positions WHERE epoch = 2 AND partition = 0', '155|154', 'until the next batch');
is(segments($grown) =~ /2\/0: 151-155, 0 and 4 again open/ ? 'yes' : segments($grown), 'yes', 'what is read again are duplicates');

# ---- made anew while it is read, and longer at once

topics('--delete', '--topic', $grown);
ok(wait_for(sub { return topics('--describe') =~ /Topic: \Q$grown\E\s.*PartitionCount: 2/ }, 'the topic to be there again'), 'the workers make a topic that was deleted');
produce_more($grown, 0, 200);
produce_more($grown, 1, 30);
query_until($node, 'postgres', 'SELECT string_agg(next_offset::text, \' \' ORDER BY partition), (SELECT sum(stored) FROM vnstream_segments WHERE epoch = 3) FROM vnstream_positions WHERE epoch = 3',
	'200 30|230', 'one that comes back under the running consumers is another one, though it has grown past the positions at once', 90);
is(clear_audit(), '0', 'and the deep audit is clear again')
  or diag(sql('SELECT * FROM vnstream_audit(true)'));
stop();

# ---- fewer partitions; the one that is left has grown

sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'stop'; ALTER DATABASE postgres SET vnstream.consumers = 1");
my $fewer = new_topic();
make_topic($fewer, 2);
produce_more($fewer, 1, 5);
consume($fewer);
query_until($node, 'postgres', "SELECT sum(next_offset) FROM vnstream_positions WHERE topic = '$fewer'", '5', 'another topic');
stop();
make_anew($fewer, 1);
produce_more($fewer, 0, 7);
consume($fewer);
query_until($node, 'postgres', "SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1' AND state = 'failed'",
	"topic \"$fewer\" was made anew, or its log was cut short: partition 1 was read before, and it has 1 now",
	'Kafka takes no partition away, so it is another one');
sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'continue'");
query_until($node, 'postgres', "SELECT string_agg(format('%s/%s %s', epoch, partition, next_offset), ', ' ORDER BY epoch, partition) FROM vnstream_positions WHERE topic = '$fewer'",
	'1/0 0, 1/1 5, 2/0 7', 'and begins anew when told to');
stop();

# ---- the broker's data come back from an old copy

my $copy = PostgreSQL::Test::Utils::tempdir_short() . '/copy';
my $old = new_topic();
make_topic($old, 1);
produce_more($old, 0, 10);
broker_command($broker, 'stop');
system_or_bail('cp', '-a', $broker, $copy);
broker_command($broker, 'start');
produce_more($old, 0, 10);
consume($old);
query_until($node, 'postgres', "SELECT next_offset FROM vnstream_positions WHERE topic = '$old'", '20', 'all is stored');
my $rows = sql('SELECT count(*) FROM realtime_quotes');
sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'stop'");
broker_command($broker, 'stop');
system_or_bail('sh', '-c', "rm -rf '$broker'/* && cp -a '$copy'/. '$broker'/");
broker_command($broker, 'start');
query_until($node, 'postgres', "SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1' AND state = 'failed'",
	"topic \"$old\" was made anew, or its log was cut short: partition 0 is to be read from offset 20, and ends at 10 now",
	'a log that was set back is noticed', 120);
produce_more($old, 0, 15);
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1' AND state = 'failed'",
	"topic \"$old\" was made anew, or its log was cut short: partition 0 has another message at offset 19 than the one that was read there before",
	'also where other messages have come in place of those that it lost');
sql("ALTER DATABASE postgres SET vnstream.on_lost_offsets = 'continue'");
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes', $rows + 15, 'told to go on, it stores all that is new');
is(segments($old), '1/0: 0-20, 20; 2/0: 0-25, 15 and 10 again open', 'and knows what was stored before');
is(sql('SELECT count(*) FROM vnstream_dead_letters'), '0', 'nothing of all this made a dead letter');

done_testing();
