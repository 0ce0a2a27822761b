# What the real boards once sent, stored value for value.  The expectations are
# written down by hand from the captures (test/fixtures), column by column.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

# Every column; what a row does not name is NULL.
my @columns = qw(
  ticker price volume total_volume change change_percent ceiling_price floor_price reference_price highest_price
  lowest_price bid_price ask_price open_price total_value match_time match_side source_time trading_date session
  exchange source bid_volume bid_price_2 bid_volume_2 bid_price_3 bid_volume_3 ask_volume ask_price_2 ask_volume_2
  ask_price_3 ask_volume_3 foreign_buy_volume foreign_sell_volume foreign_buy_value foreign_sell_value foreign_room
  put_through_volume put_through_value listed_shares);

# vci/getList_VCB_2026-08-04_lunch.json and constructed/vci_getList_multi.json
my @vci = (
	{
		ticker => 'VCB', price => 60000, volume => 200, total_volume => 1877000, total_value => 112945040000,
		change => -800, change_percent => -1.315789,
		ceiling_price => 65000, floor_price => 56600, reference_price => 60800,
		highest_price => 60900, lowest_price => 59900, open_price => 60900,
		bid_price => 60000, bid_volume => 33200, ask_price => 60100, ask_volume => 15700,
		bid_price_2 => 59900, bid_volume_2 => 70800, ask_price_2 => 60200, ask_volume_2 => 57500,
		bid_price_3 => 59800, bid_volume_3 => 84000, ask_price_3 => 60300, ask_volume_3 => 85800,
		match_time => '2026-08-04T04:29:57.692+00:00', match_side => 's', source_time => '2026-08-04T04:29:57.692+00:00',
		trading_date => '2026-08-04', session => 'LO_MORNING', exchange => 'HOSE',
		foreign_buy_volume => 317385, foreign_sell_volume => 86520,
		foreign_buy_value => 19104298000, foreign_sell_value => 5215372000, foreign_room => 823957987,
		listed_shares => 8355675094
	},
	{
		ticker => 'HPG', price => 22000, volume => 1329700, total_volume => 13018100, total_value => 287111730000,
		change => 150, change_percent => 0.686499,
		ceiling_price => 23350, floor_price => 20350, reference_price => 21850,
		highest_price => 22300, lowest_price => 21750, open_price => 21900,
		bid_price => 22000, bid_volume => 112000, ask_price => 22050, ask_volume => 20700,
		bid_price_2 => 21950, bid_volume_2 => 482400, ask_price_2 => 22100, ask_volume_2 => 199300,
		bid_price_3 => 21900, bid_volume_3 => 286700, ask_price_3 => 22150, ask_volume_3 => 297600,
		match_time => '2026-08-07T07:45:15+00:00', source_time => '2026-08-07T07:45:15+00:00',
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'HOSE',
		foreign_buy_volume => 2173801, foreign_sell_volume => 920939, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 2299133934, listed_shares => 8442964520
	},
	{
		ticker => 'VNM', price => 62000, volume => 347600, total_volume => 13239500, total_value => 821613530000,
		change => 3000, change_percent => 5.084746,
		ceiling_price => 63100, floor_price => 54900, reference_price => 59000,
		highest_price => 63100, lowest_price => 59000, open_price => 59000,
		bid_price => 61900, bid_volume => 10100, ask_price => 62000, ask_volume => 21900,
		bid_price_2 => 61800, bid_volume_2 => 5500, ask_price_2 => 62100, ask_volume_2 => 116100,
		bid_price_3 => 61700, bid_volume_3 => 59400, ask_price_3 => 62200, ask_volume_3 => 53100,
		match_time => '2026-08-07T07:45:15+00:00', source_time => '2026-08-07T07:45:15+00:00',
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'HOSE',
		foreign_buy_volume => 3411501, foreign_sell_volume => 829187, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 1054008536, listed_shares => 2089955445
	},
	{
		ticker => 'SHS', price => 17300, volume => 35000, total_volume => 8123400, total_value => 141347160000,
		change => -200, change_percent => -1.142857,
		ceiling_price => 19200, floor_price => 15800, reference_price => 17500,
		highest_price => 17700, lowest_price => 17200, open_price => 17600,
		bid_price => 17300, bid_volume => 120500, ask_price => 17400, ask_volume => 51000,
		bid_price_2 => 17200, bid_volume_2 => 88000, ask_price_2 => 17500, ask_volume_2 => 99700,
		bid_price_3 => 17100, bid_volume_3 => 40100, ask_price_3 => 17600, ask_volume_3 => 12000,
		match_time => '2026-08-07T07:59:58+00:00', source_time => '2026-08-07T07:59:58+00:00',
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'HNX',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 894000000
	},
	{
		ticker => 'ACV', price => 52300, volume => 500, total_volume => 214300, total_value => 11189100000,
		change => 300, change_percent => 0.576923,
		ceiling_price => 59800, floor_price => 44200, reference_price => 52000,
		highest_price => 52600, lowest_price => 51800, open_price => 52000,
		bid_price => 52200, bid_volume => 1800, ask_price => 52300, ask_volume => 700,
		bid_price_2 => 52100, bid_volume_2 => 5200, ask_price_2 => 52400, ask_volume_2 => 3100,
		bid_price_3 => 52000, bid_volume_3 => 9900, ask_price_3 => 52500, ask_volume_3 => 4500,
		match_time => '2026-08-07T07:59:50+00:00', match_side => 'b', source_time => '2026-08-07T07:59:50+00:00',
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'UPCOM',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 3582000000
	},
	# without a trade today, in zeros
	{
		ticker => 'A32', total_volume => 0, total_value => 0,
		ceiling_price => 38000, floor_price => 28200, reference_price => 33100,
		(map { ("bid_volume$_" => 0, "ask_volume$_" => 0) } '', '_2', '_3'),
		trading_date => '2026-08-07', session => 'LO_AFTERNOON', exchange => 'UPCOM',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 6800000
	},
	# and in nulls, on its first day, with one bid
	{
		ticker => 'DPP', total_volume => 0, total_value => 0,
		ceiling_price => 39200, floor_price => 16800, reference_price => 28000,
		bid_price => 28000, bid_volume => 100, ask_volume => 0, (map { ("bid_volume$_" => 0, "ask_volume$_" => 0) } '_2', '_3'),
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'UPCOM',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0, foreign_room => 0
	},
	{
		ticker => 'HBC', price => 6200, volume => 100, total_volume => 120300, total_value => 741200000,
		change => 100, change_percent => 1.639344,
		ceiling_price => 7000, floor_price => 5200, reference_price => 6100,
		highest_price => 6300, lowest_price => 6000, open_price => 6100,
		bid_price => 6100, bid_volume => 2000, ask_price => 6200, ask_volume => 900,
		bid_volume_2 => 0, ask_price_2 => 6300, ask_volume_2 => 100, bid_volume_3 => 0, ask_volume_3 => 0,
		match_time => '2026-08-07T07:45:15+00:00', match_side => 'b', source_time => '2026-08-07T07:45:15+00:00',
		trading_date => '2026-08-07', session => 'EXTEND_HOUR', exchange => 'UPCOM',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 347000000
	},
	# suspended since November
	{
		ticker => 'SUS', total_volume => 0, total_value => 0,
		ceiling_price => 13200, floor_price => 10800, reference_price => 12000,
		(map { ("bid_volume$_" => 0, "ask_volume$_" => 0) } '', '_2', '_3'),
		source_time => '2025-11-03T07:45:00+00:00', trading_date => '2025-11-03', session => 'EXTEND_HOUR', exchange => 'HNX',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 10000000
	},
	# in the opening auction, with orders at any price
	{
		ticker => 'ATOX', total_volume => 0, total_value => 0,
		ceiling_price => 26750, floor_price => 23250, reference_price => 25000,
		bid_volume => 150000, bid_price_2 => 25200, bid_volume_2 => 8000, bid_price_3 => 25150, bid_volume_3 => 3000,
		ask_price => 25250, ask_volume => 4000, ask_price_2 => 25300, ask_volume_2 => 9000, ask_volume_3 => 0,
		source_time => '2026-08-07T02:05:00+00:00', trading_date => '2026-08-07', session => 'ATO', exchange => 'HOSE',
		foreign_buy_volume => 0, foreign_sell_volume => 0, foreign_buy_value => 0, foreign_sell_value => 0,
		foreign_room => 0, listed_shares => 500000000
	},
	# delisted, all null
	{ ticker => 'NUL' });

# kbs/stock_iss_HPG_VNM_VCB_closed_sunday.json: Friday's numbers on a Sunday,
# which carry Friday's date; its time is of the row, not of a match.
my @kbs = (
	{
		ticker => 'HPG', price => 22000, volume => 1329700, total_volume => 13018100, total_value => 287111730000,
		change => 150, change_percent => 0.6864988558352403,
		ceiling_price => 23350, floor_price => 20350, reference_price => 21850,
		highest_price => 22300, lowest_price => 21750, open_price => 21900,
		bid_price => 22000, bid_volume => 112000, ask_price => 22050, ask_volume => 20700,
		bid_price_2 => 21950, bid_volume_2 => 482400, ask_price_2 => 22100, ask_volume_2 => 199300,
		bid_price_3 => 21900, bid_volume_3 => 286700, ask_price_3 => 22150, ask_volume_3 => 297600,
		source_time => '2026-08-07T08:33:11.635+00:00', trading_date => '2026-08-07', session => 'K', exchange => 'HOSE',
		foreign_buy_volume => 2173801, foreign_sell_volume => 920939, foreign_room => 2299133934,
		put_through_volume => 200000, put_through_value => 4070000000, listed_shares => 8442964520
	},
	{
		ticker => 'VNM', price => 62000, volume => 347600, total_volume => 13239500, total_value => 821613530000,
		change => 3000, change_percent => 5.084745762711865,
		ceiling_price => 63100, floor_price => 54900, reference_price => 59000,
		highest_price => 63100, lowest_price => 59000, open_price => 59000,
		bid_price => 61900, bid_volume => 10100, ask_price => 62000, ask_volume => 21900,
		bid_price_2 => 61800, bid_volume_2 => 5500, ask_price_2 => 62100, ask_volume_2 => 116100,
		bid_price_3 => 61700, bid_volume_3 => 59400, ask_price_3 => 62200, ask_volume_3 => 53100,
		source_time => '2026-08-07T08:32:27.519+00:00', trading_date => '2026-08-07', session => 'K', exchange => 'HOSE',
		foreign_buy_volume => 3411501, foreign_sell_volume => 829187, foreign_room => 1054008536,
		put_through_volume => 500000, put_through_value => 31550000000, listed_shares => 2089955445
	},
	{
		ticker => 'VCB', price => 59700, volume => 134600, total_volume => 6522200, total_value => 392536840000,
		change => 700, change_percent => 1.1864406779661016,
		ceiling_price => 63100, floor_price => 54900, reference_price => 59000,
		highest_price => 60800, lowest_price => 58700, open_price => 58700,
		bid_price => 59700, bid_volume => 28600, ask_price => 59800, ask_volume => 5100,
		bid_price_2 => 59600, bid_volume_2 => 58300, ask_price_2 => 59900, ask_volume_2 => 14000,
		bid_price_3 => 59500, bid_volume_3 => 64500, ask_price_3 => 60000, ask_volume_3 => 47000,
		source_time => '2026-08-07T08:32:25.118+00:00', trading_date => '2026-08-07', session => 'K', exchange => 'HOSE',
		foreign_buy_volume => 1324078, foreign_sell_volume => 1783022, foreign_room => 821552899,
		put_through_volume => 857000, put_through_value => 51569400000, listed_shares => 8355675094
	});

my $simulator = start_simulator('--replay');
my $node = new_server(
	'captures',
	brokers => broker_address(),
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	server => { timezone => 'UTC' });
my $kbs_url = "$simulator->{url}iis-server/investment/";

foreach my $board ([ 'vci', \@vci ], [ 'kbs', \@kbs, kbs_url => $kbs_url ])
{
	my ($source, $rows, %settings) = @$board;

	$settings{symbols} = join(',', map { $_->{ticker} } @$rows);
	$settings{sources} = $source;
	$settings{topic} = new_topic();
	$node->safe_psql('postgres', "CREATE DATABASE $source");
	$node->safe_psql('postgres', "ALTER DATABASE $source SET vnstream.$_ = '$settings{$_}'") foreach sort keys %settings;
	start_pipeline($node, $source);
	query_until($node, $source, 'SELECT published, rejected FROM vnstream_sweeps WHERE ended IS NOT NULL', @$rows . '|0', "$source: the captured rows are published");
	is($node->safe_psql($source, "SELECT vnstream_wait('caught up', '60 s')"), 't', "$source: and consumed");
	if ($source eq 'kbs')
	{
		# A row of KBS has no kind: its count of listed shares is one where the list of symbols says that it is a
		# company's.  No list was captured together with the board, so it is as if one had been read before.
		is($node->safe_psql($source, 'SELECT count(listed_shares) FROM realtime_quotes'), '0', 'kbs: no count while nobody knows of what');
		$node->safe_psql($source, "INSERT INTO vnstream_symbols (ticker, exchange, kind, active, source, first_seen, updated_at) SELECT ticker, exchange, 'STOCK', true, 'kbs', now(), now() FROM realtime_quotes"
			  . " ON CONFLICT (ticker) DO UPDATE SET kind = EXCLUDED.kind; DELETE FROM vnstream_sweeps; SELECT vnstream_restart('producer')");
		query_until($node, $source, 'SELECT published, rejected FROM vnstream_sweeps WHERE ended IS NOT NULL', @$rows . '|0', 'kbs: published with the counts');
		is($node->safe_psql($source, "SELECT vnstream_wait('caught up', '60 s')"), 't', 'kbs: and consumed');
	}
	foreach my $expected (@$rows)
	{
		my $stored = decode_json($node->safe_psql($source,
				"SELECT to_jsonb(q) - '{time,created_at,kafka_partition,kafka_offset}'::text[] FROM realtime_quotes q WHERE ticker = '$expected->{ticker}' ORDER BY time DESC LIMIT 1"));
		my %whole = ((map { $_ => undef } @columns), %$expected, source => $source);

		is_deeply($stored, \%whole, "$source: every column of $expected->{ticker} is as the board had it")
		  or diag(explain($stored));
	}
	is($node->safe_psql($source, 'SELECT count(*), count(DISTINCT q.time), bool_and(q.time BETWEEN s.started AND s.ended) FROM realtime_quotes q, vnstream_sweeps s WHERE q.time >= s.started'),
		@$rows . '|1|t', "$source: one time for all of one answer");
	is($node->safe_psql($source, 'SELECT (SELECT count(*) FROM vnstream_rejects), (SELECT count(*) FROM vnstream_rule_counts)'), '0|0',
		"$source: no rule has anything to say of them");
	is(account($node, $source), '', "$source: the account is exact");
	$node->safe_psql($source, 'SELECT vnstream_stop()');
}

done_testing();
