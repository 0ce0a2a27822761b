# Rows and messages that cannot be true: each lands where the tables below say,
# is kept with its rule, value and bound, and its neighbours are published.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

# What becomes of each row of the board, by its ticker.  fate is 'stored',
# 'flagged' (stored, too) or 'rejected', which is followed by the rule; with the
# columns that are NULL beside those that no row here knows, or what the reason
# must say.
my $of_match = 'price volume change change_percent match_time match_side';
my $of_day = 'highest_price lowest_price open_price total_volume total_value'
  . ' foreign_buy_volume foreign_sell_volume foreign_buy_value foreign_sell_value';
my $of_book = 'bid_price ask_price bid_volume ask_volume';
my @rows = (
	# constructed/vci_getList_hostile.json
	[ H01 => 'a price of 99999999', 'rejected', 'price_limits', qr/^price 99999999 is above ceiling_price 21400;/ ],
	[ H02 => 'a price of -1', 'rejected', 'price_minimum', qr/^price -1 is below 100 VND/ ],
	[ H03 => 'more shares than there are', 'rejected', 'volume_range', qr/^total_volume 9217126554917738496 is beyond 100000000000 shares/ ],
	[ H04 => '1e300 shares', 'rejected', 'form', qr/accumulatedVolume" is a number \(1e\+300\), a number of 64 bits/ ],
	[ H05 => 'a price in quotes', 'stored', '' ],
	[ H06 => 'a volume in quotes', 'stored', '' ],
	[ H07 => 'limits of 0 in one place and good ones in the other', 'stored', '' ],
	[ H08 => 'a price above the ceiling', 'rejected', 'price_limits', qr/^price 21450 is above ceiling_price 21400; price 21450 is above highest_price 20600$/ ],
	[ H09 => 'half a share', 'rejected', 'form', qr/123\.5/ ],
	[ H10 => 'a time that is none', 'rejected', 'form', qr/not a time/ ],
	[ H11 => 'lowest above highest', 'rejected', 'day_range', qr/^lowest_price 20600 is above highest_price 20000;/ ],
	[ H12 => 'a price in thousand VND', 'rejected', 'price_minimum', qr/^price 20\.5 is below 100 VND .*price 20\.5 is about 1\/1000 of ceiling_price 21400/ ],
	[ H13 => 'an object for a side of the book', 'rejected', 'form', qr/bidPrices" is an object/ ],
	[ H14 => 'true for a price', 'rejected', 'form', qr/matchPrice" is true/ ],
	[ undef, 'SQL for a ticker', 'rejected', 'form', qr/DROP TABLE/ ],

	# constructed/vci_getList_hostile_more.json
	[ R01 => 'limits the wrong way round', 'rejected', 'limits_order', qr/^floor_price 21400 is above ceiling_price 18600;/ ],
	[ R02 => 'a price below the floor', 'rejected', 'price_limits', qr/^floor_price 18600 is above price 18500;/ ],
	[ R03 => 'a price above the day\'s highest', 'rejected', 'day_range', qr/^price 20700 is above highest_price 20600$/ ],
	[ R04 => 'a highest above the ceiling', 'rejected', 'day_range', qr/^highest_price 21450 is above ceiling_price 21400$/ ],
	[ R05 => 'all in thousand VND, above 100', 'rejected', 'price_scale', qr/^price 129\.2 has a fraction of a VND/ ],
	[ R06 => 'limits in thousand VND', 'rejected', 'price_scale', qr/^ceiling_price 21\.4 is below 100 VND/ ],
	[ R07 => 'more in one match than on the day', 'rejected', 'volume_total', qr/^volume 2000 is above total_volume 1000$/ ],
	[ R08 => 'more than is listed, of a company', 'rejected', 'volume_listed', qr/^total_volume 1000 is above listed_shares 999$/ ],
	[ R09 => 'more than is listed, of an ETF', 'flagged', 'volume_listed', qr/^total_volume 1000 is above the listed shares, 999,/, 'listed_shares' ],
	[ R10 => 'more than is listed, of a warrant', 'flagged', 'volume_listed', qr/^total_volume 1000 is above the listed shares, 999,/, 'listed_shares' ],
	[ R11 => 'a negative bid', 'rejected', 'price_range', qr/^bid_price -20450 is below 0 VND$/ ],
	[ R12 => 'a negative volume in the book', 'rejected', 'volume_range', qr/^ask_volume -200 is below 0 shares$/ ],
	[ R13 => 'a crossed book at ten', 'rejected', 'book_crossed', qr/^bid_price 20600 is above ask_price 20500$/ ],
	[ R14 => 'a crossed book in the closing auction', 'stored', '' ],
	[ R15 => 'the same under an old label', 'stored', '' ],
	[ R16 => 'a match of the day before', 'stored', "$of_match $of_day" ],
	[ R17 => 'a value in VND for millions', 'rejected', 'average_price', qr/^total_value 20500000000000 is above total_volume 1000 at highest_price 20600$/ ],
	[ R18 => 'a negative value', 'rejected', 'value_range', qr/^total_value -20500000 is below 0 VND;/ ],
	[ R19 => 'a value of 1e300', 'rejected', 'value_range', qr/^foreign_buy_value 1e\+300 is beyond 1000000000000000 VND$/ ],
	[ R20 => 'a match in a hundred years', 'rejected', 'exchange_time', qr/^match_time 2126-01-04T10:00:00\.000000\+07:00 is more than 5 minutes after the quote's time, .*trading_date 2126-01-04 is more than 15 days/ ],
	[ R21 => 'a match in 1970, which means unknown', 'stored', 'match_time' ],
	[ R22 => 'no book and no match', 'stored', "$of_match $of_day $of_book source_time session foreign_room" ],
	[ R23 => 'null for book and match', 'stored', "$of_match $of_day $of_book source_time session foreign_room" ],
	[ R24 => 'null for the listing', 'stored', 'trading_date exchange listed_shares' ],
	[ R25 => 'an array for the match', 'rejected', 'form', qr/"matchPrice" is an array/ ],
	[ R26 => 'two tickers in one row', 'rejected', 'form', qr/"bidAsk" is of "R99" in a row of "R26"/ ],
	[ R27 => 'two rows of one ticker, of which the first counts', 'stored', '' ],
	[ undef, 'invalid UTF-8', 'rejected', 'form', qr/UTF-8/ ],
	[ undef, 'a key that is there twice', 'rejected', 'form', qr/key "matchPrice" is there twice/ ],
	[ undef, '40 levels', 'rejected', 'form', qr/nest|deep/ ],
	[ undef, '1e400', 'rejected', 'form', qr/1e400/ ],
	[ undef, 'a number for a row', 'rejected', 'form', qr/row is a number \(42\)/ ],
	[ undef, 'null for a row', 'rejected', 'form', qr/row is null/ ],
	[ undef, 'a text for a row', 'rejected', 'form', qr/row is a string \("R34"\)/ ],
	[ undef, 'an array for a row', 'rejected', 'form', qr/row is an array/ ],
	[ R34 => 'an object for a price', 'rejected', 'form', qr/"matchPrice\.matchPrice" is an object/ ],
	[ R35 => 'texts for levels of the book', 'rejected', 'form', qr/an array of objects/ ],
	[ undef, 'a number for a ticker', 'rejected', 'form', qr/symbol" is a number \(36\)/ ],
	[ undef, 'a ticker in small letters', 'rejected', 'form', qr/"r37"/ ],
	[ R38 => 'true for a ceiling', 'rejected', 'form', qr/ceiling" is true/ ],
	[ R39 => 'a session label of 100 characters', 'stored', 'session' ],
	[ R40 => 'a trading date that is none', 'rejected', 'form', qr/32\/13\/2026/ ],
	[ R41 => 'a volume beyond all bounds', 'rejected', 'volume_range', qr/^total_volume 200000000000 is beyond .*listed_shares 9007199254740991 is beyond/ ],
	[ R42 => 'odd lots of foreigners', 'stored', '' ],
	[ R43 => 'a reference above the ceiling', 'rejected', 'limits_order', qr/^reference_price 25000 is above ceiling_price 21400$/ ],
	[ R44 => 'no limits and no reference', 'stored', 'ceiling_price floor_price reference_price change change_percent' ],
	[ R45 => 'an empty volume and an empty book', 'stored', 'volume bid_price ask_price ask_volume' ],
	[ R46 => 'a decimal comma', 'rejected', 'form', qr/"20500,5"/ ],
	[ R47 => 'a price of 1000000000 and nothing to compare it with', 'rejected', 'price_range', qr/^price 1000000000 is beyond 100000000 VND$/ ],
	[ R48 => 'a value of no shares', 'rejected', 'average_price', qr/^total_value 20500000 is of total_volume 0$/ ],
	[ undef, 'a ticker of 21 letters', 'rejected', 'form', qr/R{21}/ ],
	[ R50 => 'a trading date before the market', 'rejected', 'exchange_time', qr/^trading_date 1999-08-07 is before 2000-07-28/ ]);

# The same of KBS's board: what a good row has instead, and its fate.  Its rows
# have no time of the match, and their listed shares are a company's where the list
# of symbols says so.
my %kbs_row = (
	TD => '07/08/2026', ts => 1786091591635, MS => 'K', EX => 'HOSE', LS => '1000000',
	CL => 21400, FL => 18600, RE => 20000, CP => 20500, CV => 100, CH => 500, CHP => 2.5,
	TT => 1000, TV => 20400000, OP => 20000, HI => 20600, LO => 20000, PTQ => 0, PTV => 0,
	(map { ("B$_" => $_ == 1 ? '20450.0' : 0, "V$_" => 0, "S$_" => $_ == 1 ? '20500.0' : 0, "U$_" => 0) } 1 .. 3));
my $ten_o_clock = 1786071600000;    # of the same day
my $kbs_of_match = 'price volume change change_percent';
my $kbs_of_day = 'highest_price lowest_price open_price';
my @kbs_rows = (
	[ 'as it should be', {}, 'stored', '' ],
	[ 'a price of 99999999', { CP => 99999999 }, 'rejected', 'price_limits', qr/^price 99999999 is above ceiling_price 21400;/ ],
	[ 'a price of -1', { CP => -1 }, 'rejected', 'price_minimum', qr/^price -1 is below 100 VND/ ],
	[ 'a price in thousand VND', { CP => 20.5, CH => 0.5 }, 'rejected', 'price_minimum', qr/^price 20\.5 is below 100 VND/ ],
	[ 'a reference in thousand VND', { RE => 20 }, 'rejected', 'price_scale', qr/^reference_price 20 is below 100 VND/ ],
	[ 'a price below the floor', { CP => 18500, CH => -1500, CHP => -7.5, LO => 18500 }, 'rejected', 'price_limits', qr/^floor_price 18600 is above price 18500;/ ],
	[ 'a price at the ceiling', { CP => 21400, CH => 1400, CHP => 7, HI => 21400 }, 'stored', '' ],
	[ 'limits the wrong way round', { CL => 18600, FL => 21400 }, 'rejected', 'limits_order', qr/^floor_price 21400 is above ceiling_price 18600;/ ],
	[ 'no limits', { CL => 0, FL => 0 }, 'stored', 'ceiling_price floor_price' ],
	[ 'a highest above the ceiling', { HI => 21450 }, 'rejected', 'day_range', qr/^highest_price 21450 is above ceiling_price 21400$/ ],
	[ 'a lowest above the price', { LO => 20550 }, 'rejected', 'day_range', qr/^lowest_price 20550 is above price 20500;/ ],
	[ 'a change with the wrong sign', { CH => -500 }, 'rejected', 'change', qr/^change -500 is not 500 VND,/ ],
	[ 'a percent that is a fraction', { CHP => 0.025 }, 'rejected', 'change_percent', qr/^change_percent 0\.025 is not 2\.5 percent,/ ],
	[ 'a percent of two digits', { CP => 20600, CH => 600, CHP => 3.01 }, 'stored', '' ],
	[ 'no change', { CH => undef, CHP => undef }, 'stored', '' ],
	[ 'more in one match than on the day', { CV => 2000 }, 'rejected', 'volume_total', qr/^volume 2000 is above total_volume 1000$/ ],
	[ 'a total below 0', { TT => -1 }, 'rejected', 'volume_range', qr/^total_volume -1 is below 0 shares;/ ],
	[ 'a total beyond all bounds', { TT => 200000000000 }, 'rejected', 'volume_range', qr/^total_volume 200000000000 is beyond/ ],
	[ 'more than is listed', { LS => '999' }, 'rejected', 'volume_listed', qr/^total_volume 1000 is above listed_shares 999$/ ],
	[ 'a value in millions', { TV => 20.4 }, 'rejected', 'average_price', qr/^total_value 20\.4 is below total_volume 1000 at lowest_price 20000$/ ],
	[ 'a put-through below 0', { PTV => -1 }, 'rejected', 'value_range', qr/^put_through_value -1 is below 0 VND$/ ],
	[ 'a bid below 0', { B2 => -20400 }, 'rejected', 'price_range', qr/^bid_price_2 -20400 is below 0 VND$/ ],
	[ 'a crossed book at ten', { ts => $ten_o_clock, MS => 'O', B1 => '20550.0' }, 'rejected', 'book_crossed', qr/^bid_price 20550 is above ask_price 20500$/ ],
	[ 'the same under a label that is not known', { ts => $ten_o_clock, MS => 'P', B1 => '20550.0' }, 'stored', '' ],
	[ 'the same after the close', { B1 => '20550.0' }, 'stored', '' ],
	[ 'a row of a hundred years ahead', { ts => 4941765191635 }, 'rejected', 'exchange_time', qr/^source_time 2126-/ ],
	[ 'a date before the market', { TD => '07/08/1999' }, 'rejected', 'exchange_time', qr/^trading_date 1999-08-07 is before 2000-07-28/ ],
	[ 'a date that is a number', { TD => 20260807 }, 'rejected', 'form', qr/"TD" is a number/ ],
	[ 'a price that is a text', { CP => 'x' }, 'rejected', 'form', qr/"CP" is a string \("x"\)/ ],
	[ 'a price in quotes', { CP => '20500.0' }, 'stored', '' ],
	[ 'half a share', { CV => 0.5 }, 'rejected', 'form', qr/"CV" is a number \(0\.5\), a whole number/ ],
	[ '1e300 shares', { TT => 1e300 }, 'rejected', 'form', qr/"TT" is a number \(1e\+300\), a number of 64 bits/ ],
	[ 'an object for a bid', { B1 => {} }, 'rejected', 'form', qr/"B1" is an object/ ],
	[ 'true for an exchange', { EX => JSON::PP::true }, 'rejected', 'form', qr/"EX" is true/ ],
	[ 'an empty side of the book', { B1 => '' }, 'stored', 'bid_price' ],
	[ 'an order at any price', { S1 => 'ATC', U1 => 500 }, 'stored', 'ask_price' ],
	[ 'a label of 100 characters', { MS => 'K' x 100 }, 'stored', 'session' ],
	[ 'a day without a match', { map { $_ => 0 } qw(CP CV CH CHP TT TV OP HI LO) }, 'stored', "$kbs_of_match $kbs_of_day" ],
	[ 'a row of Friday under Monday\'s date', { TD => '10/08/2026' }, 'stored',
		"$kbs_of_match $kbs_of_day total_volume total_value foreign_buy_volume foreign_sell_volume put_through_volume put_through_value" ]);

my $topic = new_topic();
my $simulator = start_simulator();
my $node = new_server(
	'rules',
	brokers => broker_address(),
	topic => $topic,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	symbols_per_request => 200,
	symbols => 'SSI');
my $database = 'postgres';
sub sql { return $node->safe_psql($database, $_[0]); }
sub set { return sql("ALTER DATABASE $database SET vnstream.$_[0] = '$_[1]'"); }

# A sweep of these symbols to its end, with all of it published; its number.
sub sweep
{
	my (@symbols) = @_;

	set('symbols', join(',', @symbols));
	# the setting is known when the sweep asks for as many
	my $sweep;
	for (1 .. 20)
	{
		$sweep = sql('SELECT vnstream_sweep()');
		wait_for(sub { sql("SELECT ended IS NOT NULL AND waiting = 0 FROM vnstream_sweeps WHERE sweep = $sweep") eq 't' }, 'a sweep ends');
		last if sql("SELECT asked FROM vnstream_sweeps WHERE sweep = $sweep") == @symbols;
	}
	is(sql("SELECT asked FROM vnstream_sweeps WHERE sweep = $sweep"), @symbols, 'all were asked for');
	is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'and what came is stored');
	return $sweep;
}

# The counts of the rules are those of the sweeps.
sub agree
{
	is(sql('SELECT (SELECT coalesce(sum(rejected), 0) FROM vnstream_rule_counts) = (SELECT sum(rejected) FROM vnstream_sweeps)'),
		't', 'the rules\' counts agree with the sweeps\'')
	  or diag(sql('TABLE vnstream_rule_counts') . "\n" . sql('SELECT sweep, rejected FROM vnstream_sweeps'));
	return;
}

start_pipeline($node, 'postgres');
wait_for(sub { sql('SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL') > 0 }, 'the first sweep');

note 'rows of the board';
my $hostile = 0;
foreach my $file ('hostile', 'hostile_more')
{
	my @mine = grep { ($hostile == 0) == (defined $_->[0] ? $_->[0] =~ /^H/ : $_->[1] =~ /SQL/) } @rows;
	my @named = map { $_->[0] } grep { defined $_->[0] } @mine;

	simulator_mode($simulator, mode => 'hostile', path => 'getList', $hostile ? (more => JSON::PP::true) : ());
	my $sweep = sweep(@named, 'SSI');
	my $of_sweep = "time BETWEEN (SELECT started FROM vnstream_sweeps WHERE sweep = $sweep) AND (SELECT ended FROM vnstream_sweeps WHERE sweep = $sweep)";
	my @stored = grep { $_->[2] ne 'rejected' } @mine;

	is(sql("SELECT answered, missing, rejected, published FROM vnstream_sweeps WHERE sweep = $sweep"),
		join('|', scalar(@named), 1, @named - @stored, scalar(@stored)), "$file: every row with a ticker is counted");
	foreach my $row (@mine)
	{
		my ($ticker, $name, $fate, @rest) = @$row;
		my $known = defined $ticker ? "ticker = '$ticker'" : 'ticker IS NULL';
		my $label = ($ticker // 'no ticker') . ", $name";

		if ($fate ne 'stored')
		{
			my ($rule, $reason) = splice(@rest, 0, 2);
			my $found = sql("SELECT rule, verdict, source, at > now() - interval '10 min' AND row <> '', reason FROM vnstream_rejects"
				  . " WHERE sweep = $sweep AND $known ORDER BY reject");
			my ($line) = grep { $_->[-1] =~ $reason } map { [ split /\|/, $_, 5 ] } split /\n/, $found;

			isnt($line, undef, "$label: kept with its reason") or diag($found);
			is(join('|', @{ $line // [] }[ 0 .. 3 ]), "$rule|$fate|vci|t", "$label: $fate by $rule");
		}
		next unless defined $ticker;
		if ($fate eq 'rejected')
		{
			is(sql("SELECT count(*) FROM realtime_quotes WHERE $known"), '0', "$label: not stored");
			next;
		}
		is(join(' ', sort split / /,
				sql("SELECT coalesce(string_agg(k, ' '), '') FROM realtime_quotes q, jsonb_each(to_jsonb(q)) AS e(k, v) WHERE $known AND $of_sweep AND v = 'null'"
				  . " AND k !~ '^(bid|ask)_(price|volume)_[23]\$' AND k !~ '^put_through'")),
			join(' ', sort split / /, $rest[0] // ''), "$label: stored, with these NULL");
	}
	is(sql("SELECT count(*) FROM vnstream_rejects WHERE sweep = $sweep AND ticker IS NOT NULL AND NOT EXISTS (SELECT"
			. " FROM unnest(string_to_array('" . join(',', map { $_->[0] // () } grep { $_->[2] ne 'stored' } @mine) . "', ',')) t WHERE t = ticker)"),
		'0', "$file: and nothing else is kept");
	agree();
	$hostile++;
}
is(sql("SELECT DISTINCT price FROM realtime_quotes WHERE ticker = 'R27'"), '20500', 'of two rows of one ticker the first is stored');
is(sql("SELECT DISTINCT total_volume, trading_date, source_time = '2026-08-07 14:45:15+07', ceiling_price, bid_price FROM realtime_quotes WHERE ticker = 'R16'"),
	'|2026-08-07|t|21400|20450', 'without the other day\'s match the board is as it was');
is(sql("SELECT DISTINCT row::jsonb->>'price', row::jsonb->>'ticker' FROM vnstream_rejects WHERE ticker = 'H08'"), '21450|H08',
	'a rejected quote is kept as its message');
like(sql("SELECT row FROM vnstream_rejects WHERE ticker = 'R34' LIMIT 1"), qr/^\{"listingInfo":\{"symbol":"R34".*"matchPrice":\{"value":20500/,
	'a row that is no quote as the source sent it');
like(sql("SELECT row FROM vnstream_rejects WHERE reason ~ 'UTF-8' LIMIT 1"), qr/"h\?\?\?\("/, 'also where it is no UTF-8');
is(sql("SELECT DISTINCT ticker, verdict FROM vnstream_rejects WHERE rule = 'volume_listed' ORDER BY 1"), "R08|rejected\nR09|flagged\nR10|flagged",
	'the same rule flags what may be a stale count');
is(sql("SELECT count(*) FROM vnstream_rule_counts WHERE day <> (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AND day <> (now() - interval '10 min')::date"), '0',
	'counted on the day in Vietnam');
is(sql("SELECT unnamed > 0, flagged FROM vnstream_rule_counts WHERE rule = 'form'"), 't|0', 'rows without a ticker are counted apart');
like(sql("SELECT last_error FROM vnstream_status() WHERE worker = 'producer'"), qr/quotes were rejected; the first/, 'status tells of the last ones');

note 'totals that fall';
simulator_mode($simulator, mode => 'ok');
foreach my $case ([ 50000, 1000 ], [ 40000, 1000 ], [ 45000, 1000 ])
{
	simulator_post($simulator, 'quote', { symbol => 'SSI', matchVol => 100, accumulatedVolume => $case->[0] });
	sweep('SSI');
}
is(sql("SELECT verdict, rule, reason ~ '^total_volume 40000 is below 50000, which it was before on ', row::jsonb->>'total_volume'"
		. " FROM vnstream_rejects WHERE ticker = 'SSI'"),
	'flagged|total_volume_falls|t|40000', 'a total that falls is flagged, once');
is(sql("SELECT string_agg(total_volume::text, ' ' ORDER BY time) FROM (SELECT * FROM realtime_quotes WHERE ticker = 'SSI' ORDER BY time DESC LIMIT 3) q"),
	'50000 40000 45000', 'and published like any other');
is(sql("SELECT flagged, rejected FROM vnstream_rule_counts WHERE rule = 'total_volume_falls'"), '1|0', 'and counted');
agree();

note 'listed shares by the list of symbols';
$node->safe_psql('postgres', 'CREATE DATABASE kbs');
foreach my $setting ([ sources => 'kbs' ], [ interval => '1s' ], [ topic => new_topic() ], [ symbols => 'SSI' ],
	[ kbs_url => "$simulator->{url}iis-server/investment/" ])
{
	$node->safe_psql('postgres', "ALTER DATABASE kbs SET vnstream.$setting->[0] = '$setting->[1]'");
}
simulator_post($simulator, 'quote', { symbol => 'SSI', accumulatedVolume => 50000, 'kbs.LS' => '1000' });
start_pipeline($node, 'kbs', 'producer');
query_until($node, 'kbs', "SELECT kind FROM vnstream_symbols WHERE ticker = 'SSI'", 'STOCK', 'the list of symbols knows the kind of a share');
# a sweep from before the list was there says only that the count may be stale
query_until($node, 'kbs', "SELECT EXISTS (SELECT FROM vnstream_rejects WHERE verdict = 'rejected' AND rule = 'volume_listed'"
	  . " AND reason = 'total_volume 50000 is above listed_shares 1000' AND source = 'kbs')", 't', 'with which the row\'s count of listed shares is a bound');
simulator_post($simulator, 'quote', { symbol => 'SSI', accumulatedVolume => 50000, omit => ['kbs.LS'] });
query_until($node, 'kbs', "SELECT EXISTS (SELECT FROM vnstream_rejects WHERE verdict = 'flagged' AND rule = 'volume_listed' AND reject >"
	  . " (SELECT max(reject) FROM vnstream_rejects WHERE verdict = 'rejected')"
	  . " AND reason ~ 'is above the listed shares, 1000, a count that may be stale')", 't', 'and where the row has none, that of the list is a flag');

note 'rows of KBS\'s board';
$database = 'kbs';
set('interval', '3600s');
my @tickers = split /\n/, sql('SELECT ticker FROM vnstream_symbols WHERE active AND kind = \'STOCK\' AND exchange = \'HOSE\''
	  . " AND ticker <> 'SSI' ORDER BY ticker LIMIT " . @kbs_rows);
is(@tickers, @kbs_rows, 'a company for each row');
foreach my $i (0 .. $#kbs_rows)
{
	my %row = (%kbs_row, %{ $kbs_rows[$i][1] });

	simulator_post($simulator, 'quote', { symbol => $tickers[$i], map { ("kbs.$_" => $row{$_}) } keys %row });
}
simulator_post($simulator, 'quote', { symbol => 'SSI', clear => JSON::PP::true });
start_pipeline($node, 'kbs', 'consumer');
my $kbs_sweep = sweep(@tickers, 'SSI');
is(sql("SELECT answered, missing, published, rejected FROM vnstream_sweeps WHERE sweep = $kbs_sweep"),
	join('|', @kbs_rows + 1, 0, 1 + grep({ $_->[2] eq 'stored' } @kbs_rows), scalar(grep { $_->[2] ne 'stored' } @kbs_rows)),
	'every row is counted, and the others are published');
foreach my $i (0 .. $#kbs_rows)
{
	my ($label, $members, $fate, @rest) = @{ $kbs_rows[$i] };

	if ($fate eq 'stored')
	{
		is(join(' ', sort split / /,
				sql("SELECT coalesce(string_agg(DISTINCT k, ' '), '') FROM realtime_quotes q, jsonb_each(to_jsonb(q)) AS e(k, v) WHERE ticker = '$tickers[$i]' AND source = 'kbs'"
				  . " AND v = 'null' AND k !~ '^(bid|ask)_price_[23]\$' AND k NOT IN ('match_time', 'match_side', 'foreign_buy_value', 'foreign_sell_value')")),
			join(' ', sort split / /, $rest[0]), "$label: with these NULL");
		isnt(sql("SELECT count(*) FROM realtime_quotes WHERE ticker = '$tickers[$i]'"), '0', "$label: stored");
		next;
	}
	my ($rule, $reason) = @rest;
	my $found = sql("SELECT rule, verdict, reason FROM vnstream_rejects WHERE sweep = $kbs_sweep AND ticker = '$tickers[$i]'");

	like($found, qr/^\Q$rule\E\|rejected\|/, "$label: rejected by $rule");
	like($found =~ s/^[^|]*\|[^|]*\|//r, $reason, "$label: with value and bound");
	is(sql("SELECT count(*) FROM realtime_quotes WHERE ticker = '$tickers[$i]'"), '0', "$label: not stored");
}
agree();
sql('SELECT vnstream_stop()');
$database = 'postgres';
simulator_post($simulator, 'quote', { clear => JSON::PP::true });

note 'how many are kept';
simulator_mode($simulator, mode => 'hostile', path => 'getList');
my $before = sql('SELECT sum(rejected) FROM vnstream_rule_counts');
set('rejects_limit', 3);
sweep('H01', 'H02', 'H03', 'H08', 'H11');
is(sql("SELECT count(*) <= 3, string_agg(rule, ' ' ORDER BY reject) FROM vnstream_rejects"), 't|price_limits day_range form',
	'the last ones, up to the limit');
cmp_ok(sql('SELECT sum(rejected) FROM vnstream_rule_counts'), '>=', $before + 5, 'while all are counted');
agree();
set('rejects_limit', 0);
sweep('H01');
is(sql('SELECT count(*) FROM vnstream_rejects'), '0', 'a limit of 0 keeps none');
is(sql('SELECT answered, rejected FROM vnstream_sweeps ORDER BY sweep DESC LIMIT 1'), '1|1', 'an answer with nothing but rejects is counted');
agree();

note 'who may read them';
sql('CREATE ROLE stranger; CREATE ROLE watcher IN ROLE pg_monitor');
is(sql("SELECT string_agg(has_table_privilege(r, t, 'SELECT')::text || has_table_privilege(r, t, 'UPDATE, INSERT, DELETE, TRUNCATE')::text, ' ' ORDER BY r, t)"
		. " FROM unnest('{stranger,watcher}'::text[]) r, unnest('{vnstream_rejects,vnstream_rule_counts}'::text[]) t"),
	'falsefalse falsefalse truefalse truefalse', 'pg_monitor, and no stranger');

note 'messages of others';
my $good = '"ticker":"VCB","price":60000,"volume":200,"total_volume":1877000,"change":-800,"change_percent":-1.315789,'
  . '"ceiling_price":65000,"floor_price":56600,"reference_price":60800,"highest_price":60900,"lowest_price":59900,'
  . '"bid_price":60000,"ask_price":60100,"total_value":112945040000,"trading_date":"2026-08-04","listed_shares":8355675094';
my @messages = (
	# rule, members that are another's
	[ 'volume_range', volume => -1 ],
	[ 'price_minimum', price => 60.0 ],
	[ 'price_range', ask_price_2 => -60000 ],
	[ 'price_range', bid_price_3 => '1e300' ],
	[ 'price_scale', reference_price => '60.8', change => 'null', change_percent => 'null' ],
	[ 'price_scale', price => 600, reference_price => 600000, map { $_ => 'null' } qw(ceiling_price floor_price highest_price
		  lowest_price bid_price ask_price change change_percent) ],
	[ 'value_range', total_value => -1 ],
	[ 'time_range', time => '"2126-08-04T10:00:00+07:00"' ],
	[ 'time_range', time => '"1999-08-04T10:00:00+07:00"' ],
	[ 'exchange_time', match_time => '"2026-08-04T11:00:00+07:00"' ],
	[ 'exchange_time', source_time => '"2026-08-04T17:00:00+07:00"' ],
	[ 'exchange_time', trading_date => '"2027-08-04"' ],
	[ 'limits_order', ceiling_price => 56600, floor_price => 65000 ],
	[ 'price_limits', price => 65100, change => 4300, change_percent => 7.072368 ],
	[ 'price_limits', price => 56500, change => -4300, change_percent => -7.072368 ],
	[ 'day_range', highest_price => 59950 ],
	[ 'day_range', lowest_price => 60050 ],
	[ 'day_range', highest_price => 65100 ],
	[ 'change', change => 800 ],
	[ 'change', change => 0 ],
	[ 'change_percent', change_percent => -1.4 ],
	[ 'volume_total', volume => 1877001 ],
	[ 'volume_listed', listed_shares => 1000 ],
	[ 'average_price', total_value => 112945.04 ],
	[ 'book_crossed', bid_price => 60200 ],
	[ 'form', ticker => '"vcb"' ],
	[ 'form', listed_shares => '"8355675094"' ],
	[ 'form', price => '[60000]' ],
	# stored, though not all of it
	[ '', bid_price => 60200, session => '"ATC"' ],
	[ '', bid_price => 60200, source_time => '"2026-08-03T14:40:00+07:00"', trading_date => '"2026-08-03"' ],
	[ '', listed_shares => 'null', total_volume => 9000000000, total_value => 540000000000000 ],
	[ '', map { $_ => 'null' } qw(ceiling_price floor_price reference_price change change_percent) ],
	[ 'price', match_time => '"2026-08-03T14:45:00+07:00"' ]);
my @sent;
my $second = 0;
foreach my $case (@messages)
{
	my ($rule, %other) = @$case;
	my $time = sprintf('"2026-08-04T10:00:%02d+07:00"', $second++);
	my $members = join(',', grep { /^"([a-z_0-9]+)"/ && !exists $other{$1} } split /,(?=")/, qq($good,"time":$time));

	push @sent, [ 'VCB', "{$members" . join('', map { qq(,"$_":$other{$_}) } sort keys %other) . '}' ];
	push @sent, [ 'FPT', qq({"ticker":"FPT","time":$time,"price":100000}) ];
}
my $from = sql('SELECT next_offset FROM vnstream_positions');
sql("SELECT vnstream_stop('producer')");
produce(broker_address(), $topic, \@sent);
query_until($node, 'postgres', 'SELECT next_offset FROM vnstream_positions', $from + @sent, 'all are passed');
is(sql("SELECT count(*) FROM realtime_quotes WHERE ticker = 'FPT' AND kafka_offset >= $from"), scalar(@messages), 'every neighbour is stored');
foreach my $case (@messages)
{
	my ($rule, %other) = @$case;
	my $name = join(', ', map { "$_ $other{$_}" } sort keys %other);

	if ($rule eq '' || $rule eq 'price')
	{
		is(sql("SELECT price, highest_price FROM realtime_quotes WHERE kafka_offset = $from"), $rule eq '' ? '60000|60900' : '|', "$name: stored");
	}
	else
	{
		is(sql("SELECT code FROM vnstream_dead_letters WHERE kafka_offset = $from"), $rule, "$name: a dead letter of $rule");
	}
	$from += 2;
}
is(account($node, 'postgres'), '', 'the account is exact');
is(sql('SELECT count(*) FROM vnstream_audit() WHERE difference <> 0'), '0', 'and the audit finds no difference');

done_testing();
