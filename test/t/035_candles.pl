# vnstream_candles(): against the captured tape of a session, bars of sources,
# and each of its rules; vnstream_movers().

use strict;
use warnings;

use Test::More;
use VnstreamMarket;

market_server('candles');

# Rows of a query as text, for a ticker and a bucket.
sub candles
{
	my ($ticker, $bucket, $from, $to, %more) = @_;
	my $columns = $more{columns} // q(to_char(start, 'HH24:MI'), open, high, low, close, volume, value, samples);
	my $adjusted = $more{adjusted} // 'no';

	return sql("SELECT $columns FROM vnstream_candles('$ticker', '$bucket', '$from', '$to', '$adjusted')");
}

# What the tape itself has traded, by so many minutes: lines of candles().
sub bars_of
{
	my ($minutes, @trades) = @_;
	my %bars;
	my $value_before = 0;

	for my $trade (@trades)
	{
		my ($hour, $minute) = $trade->{match_time} =~ / (\d\d):(\d\d):/ or die;
		my $start = int(($hour * 60 + $minute) / $minutes) * $minutes;
		my $price = $trade->{price};
		my $bar = $bars{$start} //= { open => $price, high => $price, low => $price, volume => 0, value => 0, samples => 0 };
		$bar->{high} = $price if $price > $bar->{high};
		$bar->{low} = $price if $price < $bar->{low};
		$bar->{close} = $price;
		$bar->{volume} += $trade->{volume};
		$bar->{value} += $trade->{total_value} - $value_before;
		$bar->{samples}++;
		$value_before = $trade->{total_value};
	}
	return join "\n", map {
		my $bar = $bars{$_};
		join '|', sprintf('%02d:%02d', int($_ / 60), $_ % 60), map { $bar->{$_} } qw(open high low close volume value samples)
	} sort { $a <=> $b } keys %bars;
}

sub seconds { my ($time) = @_; my ($h, $m, $s) = $time =~ / (\d\d):(\d\d):([\d.]+)/ or die; return $h * 3600 + $m * 60 + $s; }

note 'the captured session of 2026-08-07, every trade as a quote';
my @tape = tape();
is(scalar @tape, 2684, 'the tape is all there');
{
	my ($high, $low) = (0, 1e9);
	my @quotes;
	for my $i (0 .. $#tape)
	{
		my %quote = (%{ $tape[$i] }, ticker => 'TAPE', trading_date => '2026-08-07', open_price => 58700);
		$high = $quote{price} if $quote{price} > $high;
		$low = $quote{price} if $quote{price} < $low;
		# a second after the trade, and no two at the same time
		$quote{time} = sprintf('2026-08-07 %02d:%02d:%09.6f+07', map { (int($_ / 3600), int($_ / 60) % 60, $_ - int($_ / 60) * 60) }
			seconds($quote{time}) + 1 + $i * 1e-6);
		push @quotes, { %quote, highest_price => $high, lowest_price => $low };
	}
	add_quotes(@quotes);
}
for my $minutes (1, 5, 15, 60, 240, 1440)
{
	is(candles('TAPE', "$minutes min", '2026-08-07 00:00', '2026-08-08 00:00'), bars_of($minutes, @tape),
		"$minutes minutes: the tape's own bars");
}
is(candles('TAPE', '1 min', '2026-08-07 14:45', '2026-08-07 14:46', columns => "to_char(start, 'HH24:MI'), volume, close"),
	'14:45|134600|59700', 'the closing auction is in the minute of its match');
for my $bucket ('1 day', '2 days', '1 week', '1 month')
{
	is(candles('TAPE', $bucket, '2026-08-07 10:00', '2026-08-07 10:01',
			columns => 'start, open, high, low, close, volume, value, samples, basis, source, adjusted, volume_over_hole, corrected'),
		{ '1 day' => '2026-08-07', '2 days' => '2026-08-07', '1 week' => '2026-08-03', '1 month' => '2026-08-01' }->{$bucket}
		  . ' 00:00:00+07|58700|60800|58700|59700|6522200|392536840000|2684|sampled|vci|no|0|0',
		"$bucket: the whole of it, although a minute was asked for");
}

note 'the same session as a sweep a minute sees it';
{
	my @quotes;
	my ($next, $high, $low, $last) = (0, 0, 1e9, undef);
	my (%quote);
	for (my $second = 8 * 3600 + 45 * 60 + 20; $second < 15 * 3600; $second += 60)
	{
		while ($next < @tape && seconds($tape[$next]{time}) <= $second)
		{
			%quote = %{ $tape[$next++] };
			$high = $quote{price} if $quote{price} > $high;
			$low = $quote{price} if $quote{price} < $low;
			@quote{qw(highest_price lowest_price open_price)} = ($high, $low, 58700);
		}
		push @quotes, {
			total_volume => 0, total_value => 0, %quote, trading_date => '2026-08-07',
			time => sprintf('2026-08-07 %02d:%02d:%02d+07', int($second / 3600), int($second / 60) % 60, $second % 60) };
	}
	add_quotes(map { { %$_, ticker => 'MINUTE' } } @quotes);
	# kbs tells no time of the match
	add_quotes(map { my %q = (%$_, ticker => 'NOTIME', source => 'kbs'); delete $q{match_time}; \%q } @quotes);
	# only what has changed is published
	my $before = -1;
	add_quotes(map { { %$_, ticker => 'SPARSE' } } grep { my $b = $before; $before = $_->{total_volume}; $b != $before } @quotes);
}
add_sweeps('2026-08-07 08:45:19+07', '2026-08-07 11:29:19+07', '1 min');
add_sweeps('2026-08-07 13:00:19+07', '2026-08-07 14:59:19+07', '1 min');
for my $ticker (qw(MINUTE NOTIME SPARSE))
{
	is(candles($ticker, '1 min', '2026-08-07', '2026-08-08', columns => 'sum(volume), sum(value), sum(volume_over_hole), sum(corrected)'),
		'6522200|392536840000|0|0', "$ticker: the volumes of minutes make up the day's");
	is(candles($ticker, '1 day', '2026-08-07', '2026-08-08', columns => 'open, high, low, close, volume, value'),
		'58700|60800|58700|59700|6522200|392536840000', "$ticker: the day's candle is exact");
	is( sql(qq(
			SELECT count(*), count(*) FILTER (WHERE c.high > e.high OR c.low < e.low), max(c.high), min(c.low)
			FROM vnstream_candles('$ticker', '5 min', '2026-08-07', '2026-08-08') c
			LEFT JOIN vnstream_candles('TAPE', '6 min', '2026-08-07', '2026-08-08') d ON false
			LEFT JOIN LATERAL (SELECT max(high) AS high, min(low) AS low FROM vnstream_candles('TAPE', '1 min', '2026-08-07', '2026-08-08') t
				WHERE t.start BETWEEN c.start - interval '1 min' AND c.start + interval '4 min') e ON true)) =~ s/^\d+\|//r,
		'0|60800|58700', "$ticker: no high or low beyond what was traded then");
	is(candles($ticker, '1 min', '2026-08-07', '2026-08-08',
			columns => "count(*) FILTER (WHERE start::time < '09:15' OR start::time BETWEEN '11:30' AND '12:59:59'"
			  . " OR start::time BETWEEN '14:30' AND '14:44:59' OR start::time > '14:45')"),
		'0', "$ticker: no candle while nothing was matched");
}
is(candles('MINUTE', '1 min', '2026-08-07 09:15', '2026-08-07 09:16', columns => 'open, close > 0'), '58700|t',
	"the first candle opens with the day's open");

note 'rules, one ticker each';
my $number = 0;

# Quotes as [time, match time or '', price, total volume, further columns ...] on
# 2026-08-04, and the minute's candles that they must make.
sub rule
{
	my ($name, $quotes, @expected) = @_;
	my %more = ref $expected[-1] ? %{ pop @expected } : ();
	my $ticker = sprintf('R%02d', ++$number);

	add_quotes(map {
		my ($time, $match, $price, $total, %columns) = @$_;
		$_ = "2026-08-04 $_+07" for grep { /^\d\d:/ } $time, $match;
		{
			ticker => $ticker, trading_date => '2026-08-04', time => $time, price => $price, total_volume => $total,
			($match ne '' ? (match_time => $match) : ()), %columns
		}
	} @$quotes);
	is(candles($ticker, $more{bucket} // '1 min', $more{from} // '2026-08-04', $more{to} // '2026-08-05',
			columns => q(to_char(start, 'HH24:MI'), open, high, low, close, volume, samples, volume_over_hole, corrected)
			  . ($more{columns} // '')),
		join("\n", @expected), $name);
	return $ticker;
}

my @open = ([ '09:14:30', '', undef, 0 ]);

rule('repeats of a match do not count',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ], [ '09:16:30', '09:15:10', 100, 500 ], [ '09:17:30', '09:15:10', 101, 500 ] ],
	'09:15|100|100|100|100|500|1|0|0');
rule('a quote before any trade is no candle', [ @open ], '');
rule('the first quote of a date counts from 0, of the next date too',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ],
		[ '2026-08-05 09:14:30+07', '', undef, 0, trading_date => '2026-08-05' ],
		[ '2026-08-05 09:15:30+07', '2026-08-05 09:15:20+07', 90, 200, trading_date => '2026-08-05' ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:15|90|90|90|90|200|1|0|0', { to => '2026-08-06' });
rule('a match belongs to its own minute, not to that of the quote',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ], [ '09:16:30', '09:15:59', 101, 600 ] ],
	'09:15|100|101|100|101|600|2|0|0');
rule('where no match time is told, to that of the quote',
	[ @open, [ '09:15:30', '', 100, 500 ], [ '09:16:30', '', 101, 600 ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:16|101|101|101|101|100|1|0|0');
rule('but to no time at which nothing is matched: lunch, and after the closing auction',
	[ [ '11:28:30', '', 100, 500 ], [ '11:29:30', '', 100, 500 ], [ '11:30:30', '', 101, 600 ], [ '14:29:30', '', 101, 600 ],
		[ '14:45:30', '', 102, 900 ] ],
	'11:28|||||0|1|500|0', '11:29|101|101|101|101|100|1|0|0', '14:45|102|102|102|102|300|1|0|0');
rule('a new high or low enters the candle that it appeared in, though no quote had that price',
	[ @open, [ '09:15:30', '09:15:10', 100, 500, highest_price => 100, lowest_price => 100 ],
		[ '09:16:30', '09:16:10', 100, 600, highest_price => 105, lowest_price => 98 ],
		[ '09:17:30', '09:17:10', 101, 700, highest_price => 105, lowest_price => 98 ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:16|100|105|98|100|100|1|0|0', '09:17|101|101|101|101|100|1|0|0');
rule('one that is told later than its volume enters the candle of the last match',
	[ @open, [ '09:15:30', '09:15:10', 100, 500, highest_price => 100, lowest_price => 100 ],
		[ '09:16:30', '09:15:10', 100, 500, highest_price => 105, lowest_price => 100 ] ],
	'09:15|100|105|100|100|500|1|0|0');
rule('the first candle opens with the day\'s open', [ @open, [ '09:15:30', '09:15:20', 101, 500, open_price => 99 ] ],
	'09:15|99|101|99|101|500|1|0|0');
rule('volume over a hole is in no candle; the last match\'s price is',
	[ @open, [ '09:15:30', '09:15:10', 100, 500, total_value => 50000 ],
		[ '10:15:30', '10:15:10', 103, 5000, total_value => 510000, highest_price => 120 ],
		[ '10:16:30', '10:16:10', 104, 5100, total_value => 520400, highest_price => 120 ] ],
	'09:15|100|100|100|100|500|1|0|0|50000', '10:15|103|103|103|103|0|1|4500|0|0', '10:16|104|104|104|104|100|1|0|0|10400',
	{ columns => ', value' });
rule('without its time, not even that',
	[ @open, [ '09:15:30', '', 100, 500 ], [ '10:15:30', '', 103, 5000 ] ],
	'09:15|100|100|100|100|500|1|0|0', '10:15|||||0|1|4500|0');
rule('a hole within one bucket leaves nothing uncertain',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ], [ '10:15:30', '10:15:10', 103, 5000, highest_price => 120 ] ],
	'08:00|100|120|100|103|5000|2|0|0', { bucket => '4 hours' });
rule('the first quote after a late start is over a hole, and the day is whole',
	[ [ '10:15:30', '10:15:10', 103, 5000, open_price => 99, highest_price => 120, lowest_price => 98 ] ],
	'10:15|103|103|103|103|0|1|5000|0');
is(candles(sprintf('R%02d', $number), '1 day', '2026-08-04', '2026-08-05', columns => 'open, high, low, close, volume'),
	'99|120|98|103|5000', 'the day is whole');
rule('lunch is no hole', [ [ '11:20:30', '', 99, 100 ], [ '11:29:59', '11:29:10', 100, 500 ], [ '13:01:30', '13:01:10', 101, 600 ] ],
	'11:20|||||0|1|100|0', '11:29|100|100|100|100|400|1|0|0', '13:01|101|101|101|101|100|1|0|0');
rule('Friday\'s last quote may come on Sunday',
	[ [ '09:14:30', '', undef, 0, trading_date => '2026-08-21', time => '2026-08-21 09:14:30+07' ],
		[ '2026-08-21 14:44:30+07', '2026-08-21 14:29:50+07', 100, 500, trading_date => '2026-08-21' ],
		[ '2026-08-23 10:00:00+07', '2026-08-21 14:45:00+07', 102, 700, trading_date => '2026-08-21' ],
		[ '2026-08-24 09:16:00+07', '2026-08-24 09:15:30+07', 50, 100, trading_date => '2026-08-24' ] ],
	'14:29|100|100|100|100|0|1|500|0', '14:45|102|102|102|102|200|1|0|0', { from => '2026-08-21', to => '2026-08-22' });
rule('a total that falls takes volume back, and never makes it negative',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ], [ '09:16:30', '09:16:10', 101, 800 ], [ '09:16:40', '09:16:10', 101, 700 ],
		[ '09:17:30', '09:16:10', 101, 600 ], [ '09:18:30', '09:18:10', 102, 650 ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:16|101|101|101|101|100|1|0|200', '09:18|102|102|102|102|50|1|0|0');
is(candles(sprintf('R%02d', $number), '1 day', '2026-08-04', '2026-08-05', columns => 'volume, corrected'), '650|200',
	'the day has what its last total says');
rule('a total that was wrong for one quote repeats no price',
	[ @open, [ '09:15:30', '09:15:10', 100, 500 ], [ '09:16:30', '09:15:10', 100, 0 ], [ '09:17:30', '09:15:10', 100, 500 ] ],
	'09:15|100|100|100|100|500|2|0|500');
rule('two sources with different totals make no volume',
	[ @open, [ '09:15:30', '09:15:10', 100, 1000 ], [ '09:15:45', '', 100, 900, source => 'kbs' ],
		[ '09:16:30', '09:16:10', 101, 1010 ], [ '09:16:45', '', 105, 1200, source => 'kbs' ],
		[ '09:17:30', '09:17:10', 102, 1020 ] ],
	'09:15|100|100|100|100|1000|1|0|0|vci', '09:16|101|101|101|101|10|1|0|0|vci', '09:17|102|102|102|102|10|1|0|0|vci',
	{ columns => ', source' });
rule('another source fills the first one\'s hole, within its totals',
	[ @open, [ '09:15:30', '09:15:10', 100, 1000 ], [ '09:16:30', '09:16:10', 100, 1100 ],
		[ '09:17:30', '', 101, 1150, source => 'kbs' ], [ '09:18:30', '', 102, 1250, source => 'kbs' ],
		[ '09:45:30', '09:45:10', 103, 1300 ], [ '09:46:30', '09:46:10', 104, 1400 ] ],
	'09:15|100|100|100|100|1000|1|0|0|vci', '09:16|100|100|100|100|100|1|0|0|vci', '09:17|101|101|101|101|50|1|0|0|kbs',
	'09:18|102|102|102|102|100|1|0|0|kbs', '09:45|103|103|103|103|0|1|50|0|vci', '09:46|104|104|104|104|100|1|0|0|vci',
	{ columns => ', source' });
rule('also where its totals are higher throughout',
	[ @open, [ '09:15:30', '09:15:10', 100, 1000 ], [ '09:16:30', '09:16:10', 100, 1100 ],
		[ '09:17:30', '', 101, 9150, source => 'kbs' ], [ '09:18:30', '', 102, 9250, source => 'kbs' ],
		[ '09:45:30', '09:45:10', 103, 1300 ], [ '09:46:30', '09:46:10', 104, 1400 ] ],
	'09:15|100|100|100|100|1000|1|0|0', '09:16|100|100|100|100|100|1|0|0', '09:17|101|101|101|101|100|1|0|0',
	'09:18|102|102|102|102|100|1|0|0', '09:46|104|104|104|104|100|1|0|0');
rule('rows that came into the table in another order, and twice the same match',
	[ [ '09:17:30', '09:16:50', 102, 700 ], [ '09:15:30', '09:15:10', 100, 500 ], [ '09:16:30', '09:16:10', 101, 600 ], @open,
		[ '09:16:31', '09:16:10', 101, 600 ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:16|101|102|101|102|200|2|0|0');
rule('a price that is unknown counts as volume',
	[ @open, [ '09:15:30', '', undef, 500 ], [ '09:15:59', '', 100, 600 ] ], '09:15|100|100|100|100|600|2|0|0');
rule('unknown totals do not count, an unknown value makes the candle\'s unknown',
	[ @open, [ '09:15:30', '', 100, undef ], [ '09:15:59', '', 100, 600 ], [ '09:16:30', '', 101, 700, total_value => 5 ] ],
	'09:15|100|100|100|100|600|1|0|0|', '09:16|101|101|101|101|100|1|0|0|', { columns => ', value' });
rule('an old producer tells no date: a new total begins one, a weekend\'s repeats none',
	[ map { [ @$_, trading_date => undef, source => undef ] }
		[ '2026-08-07 09:14:30+07', '', undef, 0 ], [ '2026-08-07 09:15:30+07', '', 100, 500 ], [ '2026-08-08 10:00:00+07', '', 100, 500 ],
		[ '2026-08-10 08:50:00+07', '', 100, 500 ], [ '2026-08-10 09:14:30+07', '', undef, 0 ], [ '2026-08-10 09:15:30+07', '', 90, 20 ] ],
	'09:15|100|100|100|100|500|1|0|0', '09:15|90|90|90|90|20|1|0|0', { from => '2026-08-07', to => '2026-08-11' });
is(candles(sprintf('R%02d', $number), '1 min', '2026-08-10', '2026-08-11', columns => 'volume'), '20',
	'also where the rows before are not asked for');

note 'sweeps tell that nothing has changed';
add_sweeps('2026-08-12 09:00:19+07', '2026-08-12 10:30:19+07', '1 min');
add_quotes(map { { ticker => 'QUIET', trading_date => '2026-08-12', %$_ } }
	{ time => '2026-08-12 09:14:20+07', total_volume => 0 },
	{ time => '2026-08-12 09:29:20+07', match_time => '2026-08-12 09:28:50+07', price => 100, total_volume => 500, highest_price => 105 },
	{ time => '2026-08-12 09:46:20+07', match_time => '2026-08-12 09:45:50+07', price => 100, total_volume => 600 },
	{ time => '2026-08-12 10:29:20+07', match_time => '2026-08-12 10:28:50+07', price => 100, total_volume => 650 },
	{ time => '2026-08-12 10:44:20+07', match_time => '2026-08-12 10:43:50+07', price => 100, total_volume => 700 });
is(candles('QUIET', '1 min', '2026-08-12', '2026-08-13', columns => q(to_char(start, 'HH24:MI'), high, volume, volume_over_hole)),
	"09:28|105|500|0\n09:45|100|100|0\n10:28|100|0|50\n10:43|100|0|50",
	'a row a quarter of an hour is no hole while there were sweeps, but is one afterwards, or without heartbeats: nobody asked for it');
is(sql(q(SET vnstream.heartbeat = 0; SELECT volume, volume_over_hole FROM vnstream_candles('QUIET', '1 min', '2026-08-12 09:28', '2026-08-12 09:46'))),
	"500|0\n100|0", 'a heartbeat that was shortened since makes no holes of then');
add_quotes(map { { ticker => 'HEARTBEAT', trading_date => '2026-08-13', %$_ } }
	{ time => '2026-08-13 09:16:20+07', total_volume => 0 },
	{ time => '2026-08-13 09:31:20+07', total_volume => 0 },
	{ time => '2026-08-13 09:46:00+07', match_time => '2026-08-13 09:45:50+07', price => 100, total_volume => 500 });
is(candles('HEARTBEAT', '1 min', '2026-08-13', '2026-08-14', columns => 'volume, volume_over_hole'),
	'500|0', 'without any sweep, as where only a consumer runs, heartbeats do');
add_sweeps('2026-08-14 09:00:19+07', '2026-08-14 10:30:19+07', '1 min', trigger => "'hot'");
add_sweeps('2026-08-14 09:00:19+07', '2026-08-14 10:30:19+07', '1 min', answered => 4, unchanged => 4, error => "'no route'");
add_sweeps('2026-08-14 09:00:19+07', '2026-08-14 09:00:19+07', '1 min');
add_quotes(map { { ticker => 'HOT', trading_date => '2026-08-14', %$_ } }
	{ time => '2026-08-14 09:16:20+07', total_volume => 0 },
	{ time => '2026-08-14 09:26:20+07', match_time => '2026-08-14 09:26:10+07', price => 100, total_volume => 500 });
is(candles('HOT', '1 min', '2026-08-14', '2026-08-15', columns => 'volume, volume_over_hole'),
	'0|500', 'sweeps of hot symbols, and those that most symbols had no answer in, do not');

note 'bars of sources';

# which tells that VCB is of HOSE
add_quotes({ time => '2026-07-01 09:00+07', trading_date => '2026-07-01', total_volume => 0 });

# Rows of vnstream_bars from arrays [starts, open, high, low, close, volume, value].
sub add_bars
{
	my ($ticker, $bar, $source, $adjusted, $bars, %more) = @_;
	my $finished = $more{finished} // 'true';

	sql("INSERT INTO vnstream_bars (ticker, bar, source, adjusted, is_finished, fetched_at, starts, open, high, low, close, volume, value) VALUES "
		. join(', ', map {
			my ($starts, @numbers) = @$_;
			"('$ticker', '$bar', '$source', '$adjusted', $finished, '2026-08-30', "
			  . ($starts =~ /^\d+$/ ? "to_timestamp($starts)" : "'$starts'")
			  . join('', map { ', ' . ($_ // 'NULL') } @numbers) . ')' } @$bars));
	return;
}
my $all = "to_char(start, 'YYYY-MM-DD HH24:MI'), open, high, low, close, volume, value, samples, basis, source, adjusted";
{
	my $chart = fixture('constructed/vci_gap-chart_ONE_MINUTE_VCB_2026-08-04_morning.json')->[0];
	my $before = 0;
	my @bars = map {
		my $i = $_;
		my $value = sprintf('%.0f', ($chart->{accumulatedValue}[$i] - $before) * 1e6);
		$before = $chart->{accumulatedValue}[$i];
		[ $chart->{t}[$i], (map { $chart->{$_}[$i] } qw(o h l c v)), $value ]
	} 0 .. $#{ $chart->{t} };
	is(scalar @bars, 135, 'the morning of 2026-08-04 is all there');
	add_bars('VCB', '1 min', 'vci', 'no', \@bars);
	# the bar of 11:29 is not finished in one that was fetched then
	add_bars('CUT', '1 min', 'vci', 'no', [ @bars[0 .. 133] ]);
	add_bars('CUT', '1 min', 'vci', 'no', [ $bars[134] ], finished => 'false');
	is(candles('VCB', '1 min', '2026-08-04', '2026-08-05', columns => 'extract(epoch FROM start)::int8, open, high, low, close, volume, value'),
		join("\n", map { join '|', @$_ } @bars), 'minutes: value for value');
	is(candles('VCB', '1 min', '2026-08-04 09:15', '2026-08-04 09:16', columns => $all),
		"2026-08-04 09:15|$bars[0][1]|$bars[0][2]|$bars[0][3]|$bars[0][4]|$bars[0][5]|$bars[0][6]|1|source bar|vci|no", 'and what they are');

	my @five;
	for my $bar (@bars)
	{
		my $start = $bar->[0] - $bar->[0] % 300;
		push @five, [ $start, @$bar[ 1, 2, 3, 4 ], 0, 0, 0 ] if !@five || $five[-1][0] != $start;
		my $last = $five[-1];
		$last->[2] = $bar->[2] if $bar->[2] > $last->[2];
		$last->[3] = $bar->[3] if $bar->[3] < $last->[3];
		$last->[4] = $bar->[4];
		$last->[5] += $bar->[5];
		$last->[6] += $bar->[6];
		$last->[7]++;
	}
	my $columns = 'extract(epoch FROM start)::int8, open, high, low, close, volume, value, samples';
	is(scalar @five, 27, '27 times five minutes');
	is(candles('VCB', '5 min', '2026-08-04', '2026-08-05', columns => $columns), join("\n", map { join '|', @$_ } @five),
		'five minutes of five bars each');
	is(candles('CUT', '5 min', '2026-08-04', '2026-08-05', columns => $columns), join("\n", map { join '|', @$_ } @five[0 .. 25]),
		'none where one is not finished');
	is(candles('VCB', '1 hour', '2026-08-04', '2026-08-05', columns => q(to_char(start, 'HH24:MI'), samples)), "09:00|45\n10:00|60\n11:00|30",
		'hours: before the first match, and in the lunch break, nothing is missing');
	is(candles('VCB', '1 day', '2026-08-04', '2026-08-05'), '', 'no day, whose afternoon is missing');
	sql(q(DELETE FROM vnstream_bars WHERE ticker = 'VCB' AND bar = '1 min' AND starts IN ('2026-08-04 09:31', '2026-08-04 10:02')));
	is(candles('VCB', '5 min', '2026-08-04', '2026-08-05', columns => 'count(*)'), '25', 'nor where one is missing');
	sql(q(INSERT INTO vnstream_backfills (source, tickers, "from", "to", bar, requested, started, ended, total, done)
		VALUES ('vci', '{VCB}', '2026-08-04 09:00', '2026-08-04 10:00', '1 min', '2026-08-30', '2026-08-30', '2026-08-30', 1, 1),
			('vci', '{CUT,VCB}', '2026-08-04 09:00', '2026-08-04 12:00', '1 min', '2026-08-30', '2026-08-30', NULL, 2, 1)));
	is(candles('VCB', '5 min', '2026-08-04', '2026-08-05', columns => 'count(*), min(samples)'), '26|4',
		'but where a back-fill has asked for all of the time');
}
{
	my $chart = fixture('vci/gap-chart_ONE_DAY_VCB_25bars.json')->[0];
	my @bars = map {
		my $i = $_;
		[ $chart->{t}[$i] - 7 * 3600, (map { $chart->{$_}[$i] } qw(o h l c v)), $chart->{accumulatedValue}[$i] * 1e6 ]
	} 0 .. $#{ $chart->{t} };
	add_bars('DAYS', '1 day', 'vci', 'unknown', \@bars);
	# and today's, as it is in the other capture
	add_bars('DAYS', '1 day', 'vci', 'no', [ [ '2026-08-03', 59600, 61000, 59300, 60800, 7671066, '462162220000' ] ]);
	my $query = "SELECT FROM vnstream_candles('DAYS', '1 day', '2026-06-01', '2026-08-05'";
	is(candles('DAYS', '1 day', '2026-06-01', '2026-08-05', columns => $all),
		'2026-08-03 00:00|59600|61000|59300|60800|7671066|462162220000|1|source bar|vci|no', 'prices that may be adjusted are left out');
	my $notice = refused("$query)");
	like($notice, qr/NOTICE:.*25 source bars were left out, since their prices are adjusted/, 'which is told');
	like($notice, qr/HINT:.*adjusted => 'unknown'/, 'with what to do');
	is(candles('DAYS', '1 day', '2026-06-01', '2026-08-05', adjusted => 'unknown',
			columns => 'extract(epoch FROM start)::int8, open, high, low, close, volume, value::numeric'),
		join("\n", map { join '|', @$_[0 .. 5], sprintf('%.0f', $_->[6]) } @bars) . "\n1785690000|59600|61000|59300|60800|7671066|462162220000",
		'they come when asked for, value for value');
	is(sql("SELECT count(*), string_agg(DISTINCT adjusted, ',') FROM vnstream_candles('DAYS', '1 day', '2026-06-01', '2026-08-05', 'any')"),
		'26|no,unknown', 'each says what it is');
	is(candles('DAYS', '1 week', '2026-07-13', '2026-07-27', adjusted => 'unknown', columns => "to_char(start, 'YYYY-MM-DD'), open, close, volume, samples"),
		join("\n", map {
			my @week = @bars[ @$_ ];
			my $volume = 0;
			$volume += $_->[5] for @week;
			join '|', sql("SELECT to_char(to_timestamp($week[0][0]), 'YYYY-MM-DD')"), $week[0][1], $week[-1][4], $volume, 5
		} ([ 10 .. 14 ], [ 15 .. 19 ])), 'weeks from Monday, of five days');
	is(candles('DAYS', '1 month', '2026-07-01', '2026-07-02', adjusted => 'unknown', columns => 'count(*)'),
		(sql(q(SELECT count(*) FROM vnstream_bars WHERE ticker = 'DAYS' AND starts >= '2026-07-01' AND starts < '2026-08-01')) == 23 ? 1 : 0),
		'a month only where all of its trading days are there');
	my $kbs = fixture('kbs/stocks_VCB_data_day.json')->{data_day};
	add_bars('KBS', '1 day', 'kbs', 'no', [ map { [ substr($_->{t}, 0, 10), @$_{qw(o h l c v va)} ] } @$kbs ]);
	is(candles('KBS', '1 day', '2026-07-01', '2026-08-01', columns => "to_char(start, 'YYYY-MM-DD'), open, high, low, close, volume, value"),
		join("\n", map { join '|', substr($_->{t}, 0, 10), map { $_ // '' } @$_{qw(o h l c v va)} } reverse @$kbs),
		'and of the other source, whose older bars have no value');
	is(candles('KBS', '1 week', '2026-07-20', '2026-07-27', columns => "open, high, low, close, volume, value, source"), '58368|58368|52600|54100|' .
		sql(q(SELECT sum(volume) FROM vnstream_bars WHERE ticker = 'KBS' AND starts >= '2026-07-20' AND starts < '2026-07-27')) . '||kbs',
		'a value that one of them lacks is unknown');
}
{
	# four days that may be adjusted, and one that was fetched on its own day
	my @week = map { [ "2026-07-$_", 100 + $_, 100 + $_, 100 + $_, 100 + $_, 1000, undef ] } 13 .. 17;
	sql(q(INSERT INTO vnstream_backfills (source, tickers, "from", "to", bar, requested, started, ended, total, done)
		VALUES ('vci', '{MIXED,HALF}', '2026-07-01', '2026-07-25', '1 day', '2026-08-30', '2026-08-30', '2026-08-30', 2, 2)));
	add_bars('MIXED', '1 day', 'vci', 'unknown', [ @week[ 0 .. 3 ] ]);
	add_bars('MIXED', '1 day', 'vci', 'no', [ $week[4] ]);
	is(candles('MIXED', '1 week', '2026-07-13', '2026-07-18'), '', 'bars that are left out leave no part of a week');
	is(candles('MIXED', '1 week', '2026-07-13', '2026-07-18', adjusted => 'unknown', columns => 'open, close, volume, samples, adjusted'),
		'113|117|5000|5|unknown', 'who takes them has the week, which may be adjusted');
	add_bars('HALF', '1 day', 'vci', 'yes', [ @week[ 0 .. 3 ] ]);
	add_bars('HALF', '1 day', 'vci', 'unknown', [ $week[4] ]);
	is(candles('HALF', '1 week', '2026-07-13', '2026-07-18', adjusted => $_), '', "adjusted and other prices make no week: $_") for qw(yes any);
	# an order that came at 10:05:30 has no minute of 10:04 that was finished
	sql(q(INSERT INTO vnstream_backfills (source, tickers, "from", "to", bar, requested, started, ended, total, done)
		VALUES ('vci', '{EDGE}', '2026-07-13 10:00', '2026-07-13 10:05', '1 min', '2026-07-13 10:05:30', '2026-07-13 10:05:30', '2026-07-13 10:05:35', 1, 1)));
	add_bars('EDGE', '1 min', 'vci', 'no', [ map { [ "2026-07-13 10:0$_", 100, 100, 100, 100, 10, undef ] } 0 .. 3 ]);
	add_bars('EDGE', '1 min', 'vci', 'no', [ [ '2026-07-13 10:04', 100, 100, 100, 100, 10, undef ] ], finished => 'false');
	is(candles('EDGE', '5 min', '2026-07-13 10:00', '2026-07-13 10:05'), '', 'an order that was too early has not asked for all of the time');
}
add_bars('BOTH', '1 day', $_, 'no', [ [ '2026-07-13', 100, 100, 100, 100, 10, undef ] ]) for qw(other kbs vci);
is(sql("SET vnstream.sources = '$_'; SELECT source FROM vnstream_candles('BOTH', '1 day', '2026-07-13', '2026-07-14')"), (split /,/)[0],
	"of several sources the first of $_") for 'vci, kbs', 'kbs, vci', 'kbs', 'vci';
# a source whose hours do not begin with ours
add_bars('ODD', '1 hour', 'vci', 'no', [ [ '2026-07-13 09:15', 100, 100, 100, 100, 10, undef ], [ '2026-07-13 10:00', 100, 100, 100, 100, 20, undef ] ]);
is(candles('ODD', '1 hour', '2026-07-13', '2026-07-14', columns => q(to_char(start, 'HH24:MI'), volume)), '10:00|20',
	'an hour that is partly of the next one makes none');
{
	# the month that goes on: quotes of two days, bars of the days before, and of one of the two
	add_quotes(map { my ($day, $price, $total, $value) = @$_;
			{ ticker => 'MONTH', trading_date => $day, time => "$day 15:10+07", match_time => "$day 14:45+07", price => $price, open_price => $price,
				highest_price => $price, lowest_price => $price, total_volume => $total, total_value => $value } }
		[ '2026-08-05', 105, 100, 10500 ], [ '2026-08-06', 106, 200, 21200 ]);
	my @days = map { [ "2026-08-0$_", 100 + $_, 110 + $_, 90 + $_, 100 + $_, 1000, 100000 ] } 3 .. 5;
	add_bars('MONTH', '1 day', 'vci', 'unknown', [ @days[ 0, 1 ] ]);
	add_bars('MONTH', '1 day', 'kbs', 'no', [ $days[2] ]);
	add_bars('MONTH', '1 day', 'vci', 'yes', [ [ '2026-08-07', 1, 1, 1, 1, 1, 1 ] ]);
	my $columns = 'open, high, low, close, volume, value, samples, basis, source, adjusted';
	is(candles('MONTH', '1 month', '2026-08-01', '2026-09-01', adjusted => 'unknown', columns => $columns),
		'103|115|93|106|3200|321200|4|sampled|vci, kbs|unknown', 'days that were filled are in their month');
	is(candles('MONTH', '1 month', '2026-08-01', '2026-09-01', columns => $columns),
		'105|115|95|106|1200|121200|2|sampled|kbs, vci|no', 'only with prices that are wanted');
	is(candles('MONTH', '1 week', '2026-08-03', '2026-08-04', adjusted => 'any', columns => $columns),
		'103|115|93|106|3200|321200|4|sampled|vci, kbs|unknown', 'adjusted ones are not added to others');
	is(candles('MONTH', '1 week', '2026-08-03', '2026-08-04', adjusted => 'yes', columns => $columns), '', 'nor is a week made of one of them');
}
add_bars('TAPE', '1 day', 'vci', 'yes', [ [ '2026-08-07', 29350, 30400, 29350, 29850, 13044400, undef ] ]);
is(candles('TAPE', '1 day', '2026-08-07', '2026-08-08', columns => 'close, basis'), '59700|sampled', 'quotes are not replaced by adjusted prices');
is(candles('TAPE', '1 day', '2026-08-07', '2026-08-08', columns => 'close, basis, adjusted', adjusted => 'yes'), '29850|source bar|yes',
	'unless these are asked for');
is(candles('TAPE', '1 hour', '2026-08-07', '2026-08-08', columns => 'count(*)', adjusted => 'yes'), '0', 'then no quote is beside them');
add_bars('TAPE', '1 day', 'kbs', 'no', [ [ '2026-08-07', 58700, 60800, 58700, 59700, 6522200, undef ] ]);
is(candles('TAPE', '1 day', '2026-08-07', '2026-08-08', columns => 'close, basis, source', adjusted => 'any'), '59700|source bar|kbs',
	'as traded before adjusted');
add_bars('TAPE', '1 min', 'kbs', 'no', [ [ '2026-08-07 10:00', 1, 2, 1, 2, 3, 4 ] ]);
is(candles('TAPE', '1 min', '2026-08-07 09:59', '2026-08-07 10:02', columns => q(to_char(start, 'HH24:MI'), basis)),
	"09:59|sampled\n10:00|source bar\n10:01|sampled", 'bars and quotes in the order of time');
is(candles('TAPE', '5 min', '2026-08-07 10:00', '2026-08-07 10:05', columns => 'basis'), 'sampled', 'one minute makes no five');
sql("INSERT INTO vnstream_bars VALUES ('SOON', '1 day', date_trunc('day', now()), 'vci', 1, 1, 1, 1, 1, 1, now(), 'no', true)");
is(sql("SELECT count(*) FROM vnstream_candles('SOON', '1 week', now() - interval '1 day')"), '0', 'a week that goes on is no source bar');

note 'movers';
add_quotes(map { { price => 100, time => '2026-08-28 14:50+07', trading_date => '2026-08-28', %$_ } }
	{ ticker => 'MA', change_percent => 5, change => 5, total_volume => 10, total_value => 1e9 },
	{ ticker => 'MA', change_percent => 9, change => 9, total_volume => 9, total_value => 1e9, time => '2026-08-28 10:00+07' },
	{ ticker => 'MB', change_percent => 5, change => 5, total_volume => 30, total_value => 3e9, exchange => 'HNX' },
	{ ticker => 'MC', change_percent => -1, change => -1, total_volume => 20, total_value => undef },
	{ ticker => 'MD', change_percent => 6.9, change => 6, total_volume => 20, total_value => 2e9, exchange => 'UPCOM' },
	{ ticker => 'ME', change_percent => 0, change => 0, total_volume => 0, total_value => 0 },
	{ ticker => 'MF', price => undef, total_volume => 99 },
	{ ticker => 'MG', change_percent => -3, total_volume => undef, trading_date => undef },
	{ ticker => 'MH', change_percent => 99, total_volume => 9e9, trading_date => '2026-08-27' });
is(sql('SELECT list, rank, ticker FROM vnstream_movers()'),
	join("\n", qw(gainers|1|MD gainers|2|MA gainers|3|MB losers|1|MG losers|2|MC
		  volume|1|MB volume|2|MC volume|3|MD volume|4|MA value|1|MB value|2|MD value|3|MA)),
	'by the newest quotes of the newest trading date');
is(sql("SELECT list, rank, ticker FROM vnstream_movers(1, 'hnx')"), "gainers|1|MB\nvolume|1|MB\nvalue|1|MB", 'of one exchange');
is(sql('SELECT exchange, price, change, change_percent, total_volume, total_value, time FROM vnstream_movers(1) LIMIT 1'),
	'UPCOM|100|6|6.9|20|2000000000|2026-08-28 14:50:00+07', 'with the quote');

note 'arguments, and who may';
for (
	[ q(vnstream_candles(NULL)), '22004', 'ticker must not be null', q(such as 'VCB') ],
	[ q(vnstream_candles('vcb')), '22023', '"vcb" is no ticker', q(upper case: 'VCB') ],
	[ q(vnstream_candles('')), '22023', '"" is no ticker', 'letters A to Z' ],
	[ q(vnstream_candles('AAAAAAAAAAAAAAAAAAAAA')), '22023', 'is no ticker', '1 to 20' ],
	[ q(vnstream_candles('VCB', NULL)), '22004', 'bucket must not be null', 'divides the day' ],
	(map { [ qq(vnstream_candles('VCB', '$_->[0]')), '22023', $_->[1], 'divides the day' ] }
		[ '45 s', 'shorter than a minute' ], [ '90 s', 'no whole number of minutes' ], [ '7 min', 'does not divide the day' ],
		[ '-5 min', 'negative' ], [ '0', 'shorter than a minute' ], [ '25 hours', 'longer than a month' ], [ '2 months', 'longer than a month' ],
		[ '32 days', 'longer than a month' ], [ '1 day 1 hour', 'mixes' ], [ '1 month -1 day', 'negative' ], [ '90 min', undef ]),
	[ q(vnstream_candles('VCB', '1 min', '2026-08-08', '2026-08-07')), '22023', '"from" must be before "to"', 'not wanted any more' ],
	[ q(vnstream_candles('VCB', '1 min', '2026-08-08', '2026-08-08')), '22023', '"from" must be before "to"', 'not wanted any more' ],
	[ q(vnstream_candles('VCB', '1 min', '-infinity', '2026-08-07')), '22008', 'must not be infinite', 'Name a time' ],
	[ q(vnstream_candles('VCB', '1 min', '2026-08-07', 'infinity')), '22008', 'must not be infinite', 'Name a time' ],
	[ q(vnstream_candles('VCB', '1 min', '2026-08-07', '2026-08-08', 'maybe')), '22023', 'adjusted cannot be "maybe"', q('unknown': also) ],
	[ q(vnstream_movers(0)), '22023', 'n must be from 1 to 1000, not 0', '' ],
	[ q(vnstream_movers(1001)), '22023', 'n must be from 1 to 1000', '' ],
	[ q(vnstream_movers(NULL)), '22004', 'n must not be null', '1 to 1000' ],
	[ q(vnstream_movers(1, 'NYSE')), '22023', 'there is no exchange "NYSE"', q('HOSE', 'HNX' and 'UPCOM') ])
{
	my ($call, $code, $message, $hint) = @$_;
	my $error = refused("SELECT count(*) FROM $call");
	if (!defined $message) { is($error, '', "$call is right"); next; }
	like($error, qr/ERROR:  $code: .*\Q$message\E/, "$call: $message");
	like($error, qr/HINT: .*\Q$hint\E/, 'with a hint') if $hint ne '';
}
is(sql(q(SELECT count(*) FROM vnstream_candles('VCB', '1 month', '4000-01-01 BC', '294000-01-01'))), '0', 'the widest range is no overflow');
is(sql(q(SELECT count(*) FROM vnstream_candles('VCB', '1 min', '2026-08-07', '2026-08-08', NULL))), '0', 'adjusted NULL is the default');

$node->safe_psql('postgres', q(
	CREATE ROLE stranger LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE limited LOGIN;
	GRANT SELECT ON realtime_quotes TO reader, limited));
sub as { my ($role, $call) = @_; return refused("SET ROLE $role; SELECT count(*) FROM $call"); }
for my $call (q(vnstream_candles('VCB')), 'vnstream_movers()', q(vnstream_gaps('2026-08-07', '2026-08-08')), q(vnstream_gaps('2026-08-07', '2026-08-08', 'VCB')),
	'vnstream_reference_breaks()')
{
	like(as('stranger', $call), qr/ERROR:  42501: permission denied for table realtime_quotes/, "$call: not without SELECT");
	unlike(as('reader', $call), qr/ERROR/, 'and with no other right');
}
sub as_reader { my ($role, $query) = @_; return sql("SET ROLE $role; $query"); }
is(as_reader('reader', q(SELECT count(*) FROM vnstream_candles('TAPE', '1 day', '2026-08-07', '2026-08-08'))), '1', 'bars are read for them');
sql(q(ALTER TABLE realtime_quotes ENABLE ROW LEVEL SECURITY;
	CREATE POLICY p ON realtime_quotes TO limited USING (ticker <> 'TAPE');
	CREATE POLICY q ON realtime_quotes TO reader USING (true)));
is(as_reader('limited', q(SELECT count(*) FROM vnstream_candles('TAPE', '1 day', '2026-08-07', '2026-08-08'))), '0',
	'row security holds for bars as for quotes');
is(as_reader('limited', q(SELECT sum(volume) FROM vnstream_candles('MINUTE', '1 day', '2026-08-07', '2026-08-08'))), '6522200', 'what it lets through is there');
sql('ALTER TABLE realtime_quotes DISABLE ROW LEVEL SECURITY');

# nothing of the caller's is run instead of PostgreSQL's own
is( sql(q(
		CREATE SCHEMA evil;
		CREATE FUNCTION evil.ge(timestamptz, timestamptz) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$evil$$; END';
		CREATE OPERATOR evil.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.ge);
		CREATE TABLE evil.realtime_quotes (x int);
		SET search_path = evil, pg_catalog, public;
		SELECT sum(volume) FROM public.vnstream_candles('MINUTE', '1 day', '2026-08-07', '2026-08-08'))),
	'6522200', 'search_path does not matter');
sql('ALTER TABLE realtime_quotes RENAME TO away');
like(refused(q(SELECT FROM vnstream_candles('VCB'))), qr/ERROR:  42P01: table public.realtime_quotes does not exist.*HINT:.*vnstream_start/s,
	'without the table');

done_testing();
