# What other producers put into the topic: messages of the old deployment are
# stored, rubbish becomes dead letters with a reason, and its neighbours are
# stored all the same.
use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamPills;
use VnstreamTest;

my $topic = new_topic();
my $node = new_server('messages', brokers => broker_address(), topic => $topic);

start_pipeline($node, 'postgres', 'consumer');

my $old = old_fields();
my @rubbish = pills();

# A good neighbour before and after each of them.
my @messages;
my $second = 0;
my @good;
foreach my $case (@rubbish)
{
	push @good, sprintf('2026-08-04T10:00:%02d.5', $second);
	push @messages, [ 'VCB', qq({"ticker": "VCB", "time": "$good[-1]", "price": 60000, $old}) ];
	push @messages, [ 'VCB', $case->[1] ];
	$second++;
}
push @good, '2026-08-04T10:30:00';
push @messages, [ 'VCB', qq({"ticker": "VCB", "time": "$good[-1]", "price": 60000, $old}) ];
produce(broker_address(), $topic, \@messages, '-X', 'message.max.bytes=2000000');

# An empty message and a tombstone, which is what -Z makes of one.
produce(broker_address(), $topic, [ [ 'VCB', '' ] ]);
produce(broker_address(), $topic, [ [ 'VCB', '' ] ], '-Z');

my $all = @messages + 2;
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions', $all, "all $all messages are passed");

is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), scalar(@good), 'every good neighbour is stored');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_dead_letters'), @rubbish + 2, 'all the rest are dead letters');
is($node->safe_psql('postgres',
		"SELECT string_agg(kafka_offset::text, ' ' ORDER BY kafka_offset) FROM vnstream_dead_letters"),
	join(' ', (map { 2 * $_ + 1 } 0 .. $#rubbish), scalar(@messages), scalar(@messages) + 1),
	'exactly those');
for my $i (0 .. $#rubbish)
{
	my $offset = 2 * $i + 1;

	like($node->safe_psql('postgres',
			"SELECT reason FROM vnstream_dead_letters WHERE kafka_offset = $offset"),
		$rubbish[$i][2], "$rubbish[$i][0]: the reason says so");
	is($node->safe_psql('postgres',
			"SELECT md5(value), convert_from(key, 'UTF8') FROM vnstream_dead_letters WHERE kafka_offset = $offset"),
		md5_hex($rubbish[$i][1]) . '|VCB',
		"$rubbish[$i][0]: the message is kept whole");
}
is($node->safe_psql('postgres',
		"SELECT reason ~ 'empty', value = ''::bytea FROM vnstream_dead_letters WHERE kafka_offset = " . @messages),
	't|t', 'an empty message is one with its reason');
is($node->safe_psql('postgres',
		"SELECT reason ~ 'tombstone', value IS NULL FROM vnstream_dead_letters WHERE kafka_offset = " . (@messages + 1)),
	't|t', 'a tombstone is one with its reason');
is($node->safe_psql('postgres',
		"SELECT DISTINCT topic = '$topic' AND kafka_partition = 0 AND created_at > kafka_time - interval '1 min' FROM vnstream_dead_letters"),
	't', 'a dead letter knows where it came from and when');

# Old messages, value by value; a time without an offset is Vietnam's.
is($node->safe_psql('postgres',
		"SELECT ticker, time = '2026-08-04 10:00:00.5+07', price, volume, total_volume, change, change_percent, ceiling_price,"
		  . " floor_price, reference_price, highest_price, lowest_price, bid_price, ask_price, source IS NULL,"
		  . " kafka_partition, kafka_offset FROM realtime_quotes ORDER BY time LIMIT 1"),
	'VCB|t|60000|200|1877000|-800|-1.315789|65000|56600|60800|60900|59900|60000|60100|t|0|0',
	'an old message is stored with its values');
produce(broker_address(), $topic,
	[ '{"ticker": "AAA", "time": "2025-10-13 09:15:00", "price": 7030, "volume": 0, "total_volume": 0, "change": 0.0,'
		. ' "change_percent": 0.0, "ceiling_price": 0.0, "floor_price": 0.0, "reference_price": 0.0, "highest_price": 0.0,'
		. ' "lowest_price": 0.0, "bid_price": 0.0, "ask_price": 0.0}' ]);
query_until($node, 'postgres',
	"SELECT ceiling_price IS NULL AND floor_price IS NULL AND reference_price IS NULL AND highest_price IS NULL"
	  . " AND lowest_price IS NULL AND bid_price IS NULL AND ask_price IS NULL AND price = 7030 AND total_volume = 0"
	  . " FROM realtime_quotes WHERE ticker = 'AAA'",
	't', 'the old deployment\'s 0.0 for "unknown" becomes NULL');

# The same quote again is a duplicate; another quote at the same time is not.
my $same = '{"ticker":"FPT","time":"2026-08-04T10:00:00+07:00","price":100000,"volume":100}';
my $other = '{"ticker":"FPT","time":"2026-08-04T10:00:00+07:00","price":100100,"volume":100}';
produce(broker_address(), $topic, [ $same, $same, $other ]);
query_until($node, 'postgres',
	'SELECT max(next_offset) FROM vnstream_positions', $all + 4, 'passed');
is($node->safe_psql('postgres',
		"SELECT (SELECT count(*) FROM realtime_quotes WHERE ticker = 'FPT' AND price = 100000),"
		  . " sum(duplicates), (SELECT count(*) FROM vnstream_dead_letters WHERE code = 'conflict' AND reason ~ 'price')"
		  . " FROM vnstream_segments"),
	'1|1|1', 'the same again is a duplicate, something else at that time a conflict');

is(account($node, 'postgres'), '', 'the account is exact');
done_testing();
