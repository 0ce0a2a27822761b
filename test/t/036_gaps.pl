# vnstream_gaps(): when nobody looked, and when nothing was traded;
# vnstream_reference_breaks().

use strict;
use warnings;

use Test::More;
use VnstreamMarket;

market_server('gaps');

sub gaps
{
	my ($from, $to, $ticker) = @_;
	my $more = defined $ticker ? ", '$ticker'" : '';

	return sql(qq(SELECT exchange, to_char(starts, 'HH24:MI:SS'), to_char(ends, 'HH24:MI:SS'), kind, why, sweeps_failed
		FROM vnstream_gaps('$from', '$to'$more)));
}
my $from_nowhere = 'this database has made no sweep, and no quote came from elsewhere';
my $none = 'no sweep was made: not running, or backing off';

note 'of exchanges';
is(gaps('2026-08-03', '2026-08-04'), join("\n",
		map { "$_->[0]|$_->[1]:00|$_->[2]:00|no data|$from_nowhere|0" }
		  [qw(HOSE 09:00 11:30)], [qw(HOSE 13:00 14:45)], [qw(HNX 09:00 11:30)], [qw(HNX 13:00 15:00)],
		[qw(UPCOM 09:00 11:30)], [qw(UPCOM 13:00 15:00)]),
	'a day without a sweep: lunch and night are no holes');
is(gaps('2026-08-08', '2026-08-10'), '', 'nor are weekends');
is(gaps('2026-09-02', '2026-09-03'), '', 'nor holidays');

# Tuesday, from 08:45 on, with some failures
add_sweeps('2026-08-04 08:45:20', '2026-08-04 09:59:20', '1 min');
add_sweeps('2026-08-04 10:00:20', '2026-08-04 10:02:20', '1 min', answered => 0, unchanged => 0, error => "'HTTP 503'");
add_sweeps('2026-08-04 10:03:20', '2026-08-04 10:05:20', '1 min', answered => 4, unchanged => 4, error => "'timed out'");
add_sweeps('2026-08-04 10:06:20', '2026-08-04 10:29:20', '1 min', missing => 2, answered => 8, unchanged => 8);
add_sweeps('2026-08-04 10:32:20', '2026-08-04 11:29:20', '1 min');
add_sweeps('2026-08-04 13:00:20', '2026-08-04 13:59:20', '1 min');
add_sweeps('2026-08-04 14:00:20', '2026-08-04 14:09:20', '10 s', trigger => "'hot'");
add_sweeps('2026-08-04 14:10:20', '2026-08-04 14:57:20', '1 min');
my @tuesday = ([ '10:00', "09:59:22|10:06:20|no data|timed out|6" ], [ '14:00', "13:59:22|14:10:20|no data|$none|0" ]);
is(gaps('2026-08-04', '2026-08-05'),
	join("\n", map { my $e = $_; map { "$e|$_->[1]" } @tuesday } qw(HOSE HNX UPCOM)),
	'failed ones, hot ones, and those that most symbols had no answer in, do not count; two that are missing are no hole yet');
is(gaps('2026-08-04 10:01', '2026-08-04 10:02'), join("\n", map { "$_|10:01:00|10:02:00|no data|timed out|6" } qw(HOSE HNX UPCOM)),
	'a range within a hole is cut out of it');
is(gaps('2026-08-04 10:03', '2026-08-04 13:30'), join("\n", map { "$_|10:03:00|10:06:20|no data|timed out|6" } qw(HOSE HNX UPCOM)),
	'one that begins in a hole knows it');
# a hole at the end of the day, and none on HOSE, which ends earlier
add_sweeps('2026-08-05 09:00:20', '2026-08-05 14:46:20', '1 min');
is(gaps('2026-08-05', '2026-08-06'), join("\n", map { "$_|14:46:22|15:00:00|no data|$none|0" } qw(HNX UPCOM)),
	'at the end of a day');

# rows of a database that only consumes
add_quotes(map { { ticker => 'AAA', exchange => 'HNX', total_volume => 0, time => $_ } }
	split /\n/, sql(q(SELECT t FROM generate_series('2026-08-06 09:00:30'::timestamptz, '2026-08-06 11:29:30', '1 min') t)));
is(gaps('2026-08-06 09:00', '2026-08-06 12:00'), join("\n", map { "$_|09:00:00|11:30:00|no data|$from_nowhere|0" } qw(HOSE UPCOM)),
	'quotes that another database has fetched count');

note 'a session of one\'s own';
sql(q(INSERT INTO vnstream_holiday_overrides (day, is_holiday, name) VALUES ('2026-08-03', true, 'test')));
is(gaps('2026-08-03', '2026-08-04'), '', 'the calendar of this database counts');

note 'of a ticker';
my $m = sub { my ($time, $total, %more) = @_; return { ticker => 'VCB', trading_date => '2026-08-04', time => "2026-08-04 $time+07", total_volume => $total, %more } };
add_quotes($m->('08:45:21', 0), $m->('09:00:21', 0), $m->('09:15:21', 100), $m->('09:16:21', 200), $m->('09:31:21', 200),
	$m->('09:40:21', 300), $m->('09:55:21', 300), $m->('10:06:21', 400), $m->('10:21:21', 400), $m->('10:36:21', 400),
	$m->('11:20:21', 500), $m->('11:28:21', 600), $m->('13:00:21', 600), $m->('13:15:21', 600), $m->('13:30:21', 600), $m->('13:45:21', 600),
	$m->('14:03:21', 700), $m->('14:10:21', 700), $m->('14:25:21', 700), $m->('14:40:21', 700), $m->('14:45:21', 800));
is(gaps('2026-08-04', '2026-08-05', 'VCB'), join("\n", map { "HOSE|$_" }
		'09:00:00|09:15:21|no trade||0',
		'09:16:21|09:40:21|no trade||0',
		'09:40:21|09:59:22|no trade||0',
		'09:59:22|10:06:20|no data|timed out|6',
		'10:06:21|10:36:21|no trade||0',
		'10:36:21|11:20:20|no data|swept, and no quote of it came|0',
		'11:20:21|11:28:21|no trade||0',
		'13:00:00|13:59:22|no trade||0',
		"13:59:22|14:03:21|no data|$none|0",
		"14:03:21|14:10:20|no data|$none|0",
		'14:10:20|14:45:00|no trade||0'),
	'what was not looked at, and what was not traded');
like(gaps('2026-08-05', '2026-08-06', 'XYZ'), qr/^UPCOM\|09:00:00\|11:30:00\|no data\|swept, and no quote of it came all day/, 'a ticker of which nothing came');

note 'of a month that was dropped';
sql(q(INSERT INTO vnstream_dropped_months (month, partition, from_time, to_time, rows, size, dropped_at, dropped_by)
	VALUES ('2026-06-01', 'realtime_quotes_2026_06', '2026-06-01', '2026-07-01', 1, 1, '2026-08-01 00:30', 'retention')));
add_sweeps('2026-06-30 09:00:20', '2026-06-30 11:29:20', '1 min');
my $dropped = 'dropped|the quotes of 2026-06 were dropped on 2026-08-01: retention|0';
is(gaps('2026-06-30', '2026-06-30 12:00'), '', 'sweeps still tell that somebody looked');
is(gaps('2026-06-30 12:00', '2026-06-30 14:45'), join("\n", map { "$_|13:00:00|14:45:00|$dropped" } qw(HOSE HNX UPCOM)), 'where there are none, nobody can tell');
is(gaps('2026-06-30', '2026-07-02', 'VCB'), join("\n", "HOSE|09:00:00|11:30:00|$dropped", "HOSE|13:00:00|14:45:00|$dropped",
		"HOSE|09:00:00|11:30:00|no data|$none|0", "HOSE|13:00:00|14:45:00|no data|$none|0"), 'nor of a ticker; the month after was not dropped');

note 'reference prices';
# day, ticker, exchange, price, reference, total_volume, total_value, time
sub evening
{
	my ($ticker, $exchange, $day, $price, $reference, $volume, $value, $time) = @_;
	add_quotes({ ticker => $ticker, exchange => $exchange, trading_date => $day, price => $price, reference_price => $reference,
			total_volume => $volume // 100, total_value => $value, time => ("$day " . ($time // '15:10')) . '+07' });
	return;
}
evening('GO', 'HOSE', '2026-08-17', 60000, 59000);
evening('GO', 'HOSE', '2026-08-18', 61000, 60000);             # as it should be
evening('EX', 'HOSE', '2026-08-17', 60000, 59000);
evening('EX', 'HOSE', '2026-08-18', 30500, 30000);             # ex
evening('FRI', 'HNX', '2026-08-14', 20000, 20000);
evening('FRI', 'HNX', '2026-08-17', 18000, 18000);             # over a weekend
evening('UP', 'UPCOM', '2026-08-17', 10900, 10000, 3000, 31_000_000);    # average 10,333
evening('UP', 'UPCOM', '2026-08-18', 10300, 10300);
evening('UQ', 'UPCOM', '2026-08-17', 10900, 10000, 3000, 31_000_000);
evening('UQ', 'UPCOM', '2026-08-18', 9000, 9300);
evening('NO', 'HOSE', '2026-08-17', undef, 5000, 0, 0);
evening('NO', 'HOSE', '2026-08-18', undef, 5000, 0, 0);
evening('NX', 'HOSE', '2026-08-17', undef, 5000, 0, 0);
evening('NX', 'HOSE', '2026-08-18', undef, 4500, 0, 0);
evening('EARLY', 'HOSE', '2026-08-17', 60000, 59000, 100, undef, '14:20');
evening('EARLY', 'HOSE', '2026-08-18', 30500, 30000);
evening('BAR', 'HOSE', '2026-08-17', 60000, 59000, 100, undef, '14:20');
evening('BAR', 'HOSE', '2026-08-18', 30500, 30000);
evening('LOST', 'HOSE', '2026-08-14', 60000, 59000);
evening('LOST', 'HOSE', '2026-08-18', 30500, 30000);
sql(q(INSERT INTO vnstream_bars (ticker, bar, source, adjusted, is_finished, fetched_at, starts, open, high, low, close, volume)
	SELECT 'BAR', '1 day', s, a, true, now(), '2026-08-17 00:00', c, c, c, c, 100
	FROM (VALUES ('vci', 'unknown', 15000), ('kbs', 'no', 60000)) v(s, a, c)));
my $all = 'SELECT ticker, exchange, day, reference_price, previous_day, previous_price, round(factor::numeric, 4), basis FROM vnstream_reference_breaks';
is(sql("$all('2026-08-18', '2026-08-18')"), join("\n",
		'BAR|HOSE|2026-08-18|30000|2026-08-17|60000|0.5000|source bar',
		'EX|HOSE|2026-08-18|30000|2026-08-17|60000|0.5000|close',
		'NX|HOSE|2026-08-18|4500|2026-08-17|5000|0.9000|no trade',
		'UQ|UPCOM|2026-08-18|9300|2026-08-17|10300|0.9029|average price'),
	'days that do not go on where the day before ended');
like(refused('SELECT FROM vnstream_reference_breaks(\'2026-08-18\', \'2026-08-18\')'), qr/NOTICE:.* 2 days of tickers could not be judged/,
	'and how many nobody can tell');
is(sql("$all('2026-08-17', '2026-08-17', 'FRI')"), 'FRI|HNX|2026-08-17|18000|2026-08-14|20000|0.9000|close', 'over a weekend; one ticker');
is(sql("$all('2026-08-17', '2026-08-18', 'GO')"), '', 'none where there is none');

note 'arguments';
for (
	[ q(vnstream_gaps(NULL)), '22004', '"from" must not be null', 'Name the time' ],
	[ q(vnstream_gaps('-infinity')), '22008', 'must not be infinite', 'Name a time' ],
	[ q(vnstream_gaps('2026-08-04', 'infinity')), '22008', 'must not be infinite', 'Name a time' ],
	[ q(vnstream_gaps('2026-08-04', '2026-08-03')), '22023', '"from" must be before "to"', '' ],
	[ q(vnstream_gaps(now() + interval '1 day')), '22023', '"from" is in the future', 'past' ],
	[ q(vnstream_gaps(now() + interval '1 day', now() + interval '2 days')), '22023', '"from" is in the future', 'past' ],
	[ q(vnstream_gaps('2024-08-04', '2026-08-03')), '22023', 'more than a year apart', 'one year' ],
	[ q(vnstream_gaps('2026-08-04', '2026-08-05', 'v c')), '22023', '"v c" is no ticker', 'letters A to Z' ],
	[ q(vnstream_reference_breaks('infinity')), '22008', 'must not be infinite', 'Name a day' ],
	[ q(vnstream_reference_breaks('2026-08-05', '2026-08-04')), '22023', '"from" must not be after "to"', '' ],
	[ q(vnstream_reference_breaks('2024-08-05', '2026-08-04')), '22023', 'more than a year apart', 'one year' ],
	[ q(vnstream_reference_breaks(NULL, NULL, 'x')), '22023', '"x" is no ticker', 'upper case' ])
{
	my ($call, $code, $message, $hint) = @$_;
	my $error = refused("SELECT count(*) FROM $call");
	like($error, qr/ERROR:  $code: .*\Q$message\E/, "$call: $message");
	like($error, qr/HINT: .*\Q$hint\E/, 'with a hint') if $hint ne '';
}
# as the README has it for all tickers at once
sql(q(INSERT INTO vnstream_symbols (ticker, active, first_seen, updated_at, last_quote)
	VALUES ('VCB', true, now(), now(), now()), ('NEVER', true, now(), now(), NULL)));
is(sql(q(SELECT string_agg(DISTINCT g.ticker, ',') = 'VCB' AND count(*) = (SELECT count(*) FROM vnstream_gaps('2026-08-04', '2026-08-05', 'VCB') WHERE kind = 'no data')
	FROM vnstream_symbols s, vnstream_gaps('2026-08-04', '2026-08-05', ticker => s.ticker) g
	WHERE s.last_quote IS NOT NULL AND g.kind = 'no data')), 't', 'the holes of every ticker that has quotes');
is(sql(q(SELECT count(*) FROM vnstream_gaps(now() - interval '1 hour', now() + interval '1 year') WHERE ends > now())), '0', 'no hole is in the future');

done_testing();
