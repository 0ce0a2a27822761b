# Back-fills: the source's bars get into vnstream_bars, value for value, each
# once, whatever the source does in between; and an order outlives the server.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '20');
my $node = new_server('backfill',
	vci_url => "$simulator->{url}api/",
	brokers => broker_address(),
	topic => new_topic(),
	interval => '1h',
	http_timeout => '3s',
	symbols => 'VCB',
	server => { timezone => 'Asia/Ho_Chi_Minh' });

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub refused
{
	my ($query, $error, $name) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query);

	isnt($code, 0, "$name is refused");
	like($err, $error, "$name: why");
	return;
}

# Its number, when it has ended.
sub backfill
{
	my ($arguments) = @_;
	my $number = sql("SELECT vnstream_backfill($arguments)");

	query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_backfills WHERE backfill = $number",
		't', "back-fill $number ($arguments) ends")
	  or die sql('SELECT * FROM vnstream_status()');
	return $number;
}

sub account_of
{
	return sql("SELECT total, done, bars, changed, kept, rejected, empty, failed FROM vnstream_backfills WHERE backfill = $_[0]");
}

sub bars
{
	my ($where) = @_;

	return sql(qq{SELECT to_char(starts, 'YYYY-MM-DD HH24:MI'), open, high, low, close, volume, value, adjusted, is_finished
		FROM vnstream_bars WHERE $where ORDER BY starts});
}

sub chart
{
	my ($symbol, $body) = @_;

	simulator_post($simulator, 'chart', defined $body ? { symbol => $symbol, body => $body } : { symbol => $symbol, clear => JSON::PP::true });
	return;
}

$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
refused("SELECT vnstream_backfill('{VCB}', '2026-08-03')", qr/nothing is to run.*vnstream_start\(\)/s, 'a back-fill before the start');
start_pipeline($node);

# What cannot be asked for
refused("SELECT vnstream_backfill($_->[0])", $_->[1], $_->[2])
  foreach [ "'{vcb}', '2026-08-03'", qr/"vcb" is no ticker/, 'a ticker in small letters' ],
  [ "'{VCB,NULL}', '2026-08-03'", qr/must not be null/, 'a null ticker' ],
  [ "'{}', '2026-08-03'", qr/1 to 10000 tickers, not 0/, 'no ticker' ],
  [ "'{{VCB},{FPT}}', '2026-08-03'", qr/one dimension/, 'tickers in two dimensions' ],
  [ "ARRAY(SELECT 'A' || i FROM generate_series(1, 10001) i), '2026-08-03'", qr/not 10001/, 'too many tickers' ],
  [ "'{VCB}', NULL", qr/"from" must not be null/, 'no time' ],
  [ "'{VCB}', '-infinity'", qr/since the market began/, 'all of the past' ],
  [ "'{VCB}', '1999-01-01'", qr/since the market began/, 'a time before the market' ],
  [ "'{VCB}', '2026-08-03', 'infinity'", qr/since the market began/, 'all of the future' ],
  [ "'{VCB}', '2026-08-03', '2026-08-03'", qr/"from" must be before "to"/, 'no time between' ],
  [ "'{VCB}', now() + interval '1 day', now() + interval '2 days'", qr/in the future/, 'a time to come' ],
  [ "'{VCB}', '2026-08-03', bar => '5 minutes'", qr/no bars of that length.*1 minute/s, 'another length' ],
  [ "'{VCB}', '2026-08-03', bar => NULL", qr/no bars of that length/, 'no length' ],
  [ "'{VCB}', '2026-08-03', source => 'tcbs'", qr/no source "tcbs"/, 'another source' ];
refused('SELECT vnstream_cancel_backfill(99)', qr/there is no back-fill 99/, 'cancelling what is not there');
is(sql('SELECT count(*) FROM vnstream_backfills'), '0', 'nothing was ordered');

# The captures, value for value
simulator_post($simulator, 'replay', { replay => JSON::PP::true });
my $number = backfill(q{'{VCB,HPG,NONE9,VCB}', '2026-01-01', '2026-08-01', '1 day'});
is(account_of($number), '3|3|30|30|0|0|{NONE9}|{}', 'days of two tickers, and one that the source does not know');
is(bars("ticker = 'VCB' AND bar = '1 day'"), <<'END' =~ s/\n\z//r, q{VCB's days});
2026-06-29 00:00|61088.72|61683.74|60890.38|61485.4|5490215|339857420000|yes|t
2026-06-30 00:00|61683.74|62080.42|61386.23|61683.74|4630222|287780560000|yes|t
2026-07-01 00:00|61882.08|62477.1|61584.57|62477.1|4242742|265392030000|yes|t
2026-07-02 00:00|62477.1|62576.27|61584.57|61584.57|2753926|171687120000|yes|t
2026-07-03 00:00|61782.91|61882.08|61485.4|61485.4|2608426|161755210000|yes|t
2026-07-06 00:00|61485.4|61981.25|60196.19|60692.04|4185902|257199140000|yes|t
2026-07-07 00:00|60692.04|60989.55|60394.53|60791.21|2555289|155779570000|yes|t
2026-07-08 00:00|60791.21|61287.06|60592.87|61088.72|2057927|126161990000|yes|t
2026-07-09 00:00|60791.21|60989.55|60493.7|60592.87|2216543|135196030000|yes|t
2026-07-10 00:00|60592.87|60989.55|59997.85|59997.85|3027528|183534890000|yes|t
2026-07-13 00:00|59997.85|59997.85|58311.96|58411.13|6813411|403000530000|yes|t
2026-07-14 00:00|58411.13|59006.15|58113.62|58708.64|2836121|167290470000|yes|t
2026-07-15 00:00|58708.64|58906.98|58212.79|58708.64|2645866|155359360000|yes|t
2026-07-16 00:00|58609.47|59303.66|57915.28|58906.98|3363952|197144610000|yes|t
2026-07-17 00:00|58807.81|58807.81|58014.45|58014.45|2005298|117052670000|yes|t
2026-07-20 00:00|58311.96|58311.96|55832.71|56229.39|8570744|486847760000|yes|t
2026-07-21 00:00|56229.39|56725.24|56130.22|56229.39|3422678|194093080000|yes|t
2026-07-22 00:00|56328.56|56626.07|54047.65|54047.65|9207098|508487750000|yes|t
2026-07-23 00:00|54100|54900|52600|54000|7464625|398109830000|unknown|t
2026-07-24 00:00|54000|55300|53200|54100|2515532|135952380000|unknown|t
2026-07-27 00:00|54500|54800|53500|54000|2605658|139665980000|unknown|t
2026-07-28 00:00|53700|54600|53300|54100|2621120|140958480000|unknown|t
2026-07-29 00:00|54200|54700|54000|54600|2079079|112659770000|unknown|t
2026-07-30 00:00|55000|56700|54700|56500|5439189|303248280000|unknown|t
2026-07-31 00:00|57700|60400|57300|59300|18337788|1085096920000|unknown|t
END
is(bars("ticker = 'HPG'"), <<'END' =~ s/\n\z//r, q{HPG's days});
2026-01-26 00:00|23880.69|23925.33|23345.05|23478.96|33821325|892527125000|yes|t
2026-01-27 00:00|23523.6|23702.15|23389.69|23612.87|21036241|554313570000|yes|t
2026-01-28 00:00|23702.15|24193.15|23702.15|23836.06|30011992|801736560000|yes|t
2026-01-29 00:00|23925.33|24193.15|23925.33|24193.15|27633000|745309240000|yes|t
2026-01-30 00:00|24371.7|24550.25|23880.69|23925.33|40604861|1096645740000|yes|t
END

# Once more changes nothing, and says so
my $before = sql('SELECT md5(string_agg(b::text, chr(10) ORDER BY ticker, bar, starts)) FROM vnstream_bars b');
$number = backfill(q{'{VCB,HPG,NONE9}', '2026-01-01', '2026-08-01', '1 day'});
is(account_of($number), '3|3|30|0|0|0|{NONE9}|{}', 'a repetition changes no bar');
is(sql('SELECT md5(string_agg(b::text, chr(10) ORDER BY ticker, bar, starts)) FROM vnstream_bars b'),
	$before, 'not even when it was fetched');

$number = backfill(q{'{VCB}', '2026-08-04 09:15:30', '2026-08-04 09:18'});
is(account_of($number), '1|1|3|3|0|0|{}|{}', 'the minutes of a window');
is(bars("bar = '1 minute'"), <<'END' =~ s/\n\z//r, 'minutes: the value is the difference of the totals');
2026-08-04 09:15|60900|60900|60800|60800|48300|2940970000|unknown|t
2026-08-04 09:16|60900|60900|60800|60900|6400|389660000|unknown|t
2026-08-04 09:17|60800|60900|60800|60900|5000|304300000|unknown|t
END

# What is there already: one that was in the making is replaced, one that was
# fetched on its own day stays as it was traded, one that says the same stays.
sql(q{
	UPDATE vnstream_bars SET close = 54900, volume = 5, adjusted = 'no', is_finished = false WHERE starts = '2026-07-23' AND ticker = 'VCB';
	UPDATE vnstream_bars SET close = 54200, adjusted = 'no' WHERE starts = '2026-07-24' AND ticker = 'VCB';
	UPDATE vnstream_bars SET adjusted = 'no' WHERE starts = '2026-07-27' AND ticker = 'VCB';
	UPDATE vnstream_bars SET adjusted = 'no', is_finished = false WHERE starts = '2026-07-28' AND ticker = 'VCB';
	UPDATE vnstream_bars SET close = 54500 WHERE starts = '2026-07-29' AND ticker = 'VCB';
	UPDATE vnstream_bars SET value = NULL WHERE starts = '2026-07-30' AND ticker = 'VCB'});
$number = backfill(q{'{VCB}', '2026-07-23', '2026-08-01', '1 day'});
is(account_of($number), '1|1|7|4|1|0|{}|{}', 'four changed, one was kept');
is(bars("ticker = 'VCB' AND starts BETWEEN '2026-07-23' AND '2026-07-30' AND bar = '1 day'"), <<'END' =~ s/\n\z//r, 'bars that were there');
2026-07-23 00:00|54100|54900|52600|54000|7464625|398109830000|unknown|t
2026-07-24 00:00|54000|55300|53200|54200|2515532|135952380000|no|t
2026-07-27 00:00|54500|54800|53500|54000|2605658|139665980000|no|t
2026-07-28 00:00|53700|54600|53300|54100|2621120|140958480000|no|t
2026-07-29 00:00|54200|54700|54000|54600|2079079|112659770000|unknown|t
2026-07-30 00:00|55000|56700|54700|56500|5439189|303248280000|unknown|t
END
simulator_post($simulator, 'replay', { replay => JSON::PP::false });

# Pages: two days of minutes are three answers of the simulator, without a hole
$number = backfill(q{'{FPT}', '2026-08-03 07:00', '2026-08-05'});
is(account_of($number), '1|1|2460|2460|0|0|{}|{}', 'each minute of 41 hours');
is(sql(q{SELECT count(*), min(starts), max(starts) FROM vnstream_bars WHERE ticker = 'FPT'}),
	'2460|2026-08-03 07:00:00+07|2026-08-04 23:59:00+07', 'from the first to the last');

# Bars that cannot be true are counted, the others kept; what is no answer is
# asked for again, and given up then
chart('AAA', '[{"symbol":"AAA","o":[10000,10000,10000,10000],"h":[10100,10100,9000,10100],"l":[9900,9900,9900,9900],"c":[10000,10000,9000,null],'
	. '"v":[100,-1,1,1],"t":["1785715200","1785801600","1785456000","1785369600"]}]');
chart('BBB', '[{"symbol":"CCC","o":[],"h":[],"l":[],"c":[],"v":[],"t":[]}]');
chart('DDD', '<html>Just a moment...</html>');
$number = backfill(q{'{AAA,BBB,FPT}', '2026-07-01', '2026-08-05', '1 day'});
like(account_of($number), qr/^3\|3\|26\|26\|0\|3\|\{\}\|\{BBB\}$/, 'bad bars and a bad answer');
is(bars("ticker = 'AAA'"), '2026-08-03 00:00|10000|10100|9900|10000|100||unknown|t', 'the one that can be true');
like(sql("SELECT error FROM vnstream_backfills WHERE backfill = $number"),
	qr/^BBB: the answer is of "CCC", BBB was asked for$/, 'the last thing that went wrong');
is(sql("SELECT count(*) FROM vnstream_bars WHERE ticker = 'BBB'"), '0', 'nothing of an answer for another');

# A source that is away: the order waits and goes on; others can be asked meanwhile
simulator_mode($simulator, mode => '503', path => 'gap-chart', count => 3);
$number = sql(q{SELECT vnstream_backfill('{VNM,FPT}', '2026-08-03', '2026-08-05', '1 day')});
query_until($node, 'postgres', q{SELECT state FROM vnstream_status() WHERE worker = 'backfill'}, 'backing off', 'it backs off');
like(sql(q{SELECT waiting_for FROM vnstream_status() WHERE worker = 'backfill'}), qr/^source vci; back-fill $number/, 'and says for what');
like(sql(q{SELECT what || ' ' || done || ' of ' || total || ' by ' || worker FROM vnstream_progress()}),
	qr/^back-fill $number 0 of 2 by backfill$/, 'progress');
isnt(sql('SELECT status FROM vnstream_health()'), 'failed', 'a back-fill is not what makes the pipeline fail');
query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_backfills WHERE backfill = $number", 't', 'it goes on by itself');
like(account_of($number), qr/^2\|2\|4\|\d\|0\|0\|\{\}\|\{\}$/, 'with nothing given up');

# Transactional
sql(q{BEGIN; SELECT vnstream_backfill('{VNM}', '2026-08-03', '2026-08-05', '1 day'); ROLLBACK});
is(sql('SELECT max(backfill) FROM vnstream_backfills'), $number, 'a ROLLBACK takes the order along');

# Cancelled while the source hangs; an order behind it comes next
simulator_mode($simulator, mode => 'hang', path => 'gap-chart');
my $hanging = sql(q{SELECT vnstream_backfill('{VNM,FPT}', '2026-08-03', '2026-08-05', '1 day')});
my $waiting = sql(q{SELECT vnstream_backfill('{VNM}', '2026-08-03', '2026-08-05', '1 day', 'vci')});
query_until($node, 'postgres', "SELECT started IS NOT NULL FROM vnstream_backfills WHERE backfill = $hanging", 't', 'the first begins');
is(sql("SELECT started IS NULL FROM vnstream_backfills WHERE backfill = $waiting"), 't', 'the second waits: one at a time');
is(sql("BEGIN; SELECT vnstream_cancel_backfill($hanging); ROLLBACK"), 't', 'a cancelling that is rolled back');
is(sql("SELECT ended IS NULL FROM vnstream_backfills WHERE backfill = $hanging"), 't', 'cancels nothing');
is(sql("SELECT vnstream_cancel_backfill($hanging)"), 't', 'cancelled');
is(sql("SELECT vnstream_cancel_backfill($hanging)"), 'f', 'once is enough');
query_until($node, 'postgres', "SELECT started IS NOT NULL FROM vnstream_backfills WHERE backfill = $waiting", 't', 'the second begins');
is(sql("SELECT error FROM vnstream_backfills WHERE backfill = $hanging"), 'cancelled', 'the first says why it ended');

# The server ends in the middle of it, and is there again
my $pid = worker_pid($node, 'postgres', 'backfill');
like($pid, qr/^\d+$/, 'the worker is at work');
$node->stop('immediate');
simulator_mode($simulator, mode => 'ok');
$node->start;
query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_backfills WHERE backfill = $waiting", 't', 'after a crash it is resumed')
  or diag(sql('SELECT * FROM vnstream_status()'));
like(account_of($waiting), qr/^1\|1\|2\|\d\|0\|0\|\{\}\|\{\}$/, 'and done');
query_until($node, 'postgres', q{SELECT count(*) FROM vnstream_status() WHERE worker = 'backfill'}, '0', 'the worker goes when all is done');

# Several tickers, a stop between them, and a start
simulator_mode($simulator, mode => 'hang', path => 'gap-chart', after => 1);
$number = sql(q{SELECT vnstream_backfill('{HPG,VNM}', '2026-08-03', '2026-08-05', '1 day')});
query_until($node, 'postgres', "SELECT done FROM vnstream_backfills WHERE backfill = $number", '1', 'one of two is done');
sql('SELECT vnstream_stop()');
is(sql(q{SELECT vnstream_wait('stopped')}), 't', 'all stops, the back-fill too');
simulator_mode($simulator, mode => 'ok');
my $asked = simulator_get($simulator, 'state')->{requests};
sql('SELECT vnstream_start()');
query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_backfills WHERE backfill = $number", 't', 'it goes on after a start');
like(account_of($number), qr/^2\|2\|4\|\d\|0\|0\|\{\}\|\{\}$/, 'both are done');
my $asked_then = simulator_get($simulator, 'state')->{requests};
is($asked_then->{'/api/chart/OHLCChart/gap-chart'} - $asked->{'/api/chart/OHLCChart/gap-chart'}, 1, 'the first was not asked for again');

# All symbols that are known; none yet, and it says so
sql('UPDATE vnstream_symbols SET active = false');
$number = backfill(q{NULL, '2026-08-03', '2026-08-05', '1 day'});
is(sql("SELECT total, done, error FROM vnstream_backfills WHERE backfill = $number"), '0|0|no symbols are known yet: name the tickers', 'without symbols');
sql(q{INSERT INTO vnstream_symbols (ticker, exchange, kind, active, source, misses, first_seen, updated_at)
	SELECT t, 'HOSE', 'STOCK', true, 'vci', 0, now(), now() FROM unnest('{VNM,FPT,HPG}'::text[]) t
	ON CONFLICT (ticker) DO UPDATE SET active = true});
$number = backfill(q{NULL, '2026-08-03', '2026-08-05', '1 day'});
is(sql("SELECT tickers, total, done, bars, failed, error IS NULL FROM vnstream_backfills WHERE backfill = $number"), '{FPT,HPG,VNM}|3|3|6|{}|t', 'all active symbols');

# Rights
sql('CREATE ROLE stranger; CREATE ROLE watcher IN ROLE pg_monitor');
refused(q{SET ROLE stranger; SELECT vnstream_backfill('{VCB}', '2026-08-03')}, qr/permission denied for function vnstream_backfill/, 'a stranger');
refused(q{SET ROLE watcher; SELECT vnstream_cancel_backfill(1)}, qr/permission denied for function vnstream_cancel_backfill/, 'a watcher');
refused('SET ROLE stranger; SELECT FROM vnstream_bars', qr/permission denied for table vnstream_bars/, q{a stranger's look});
is(sql('SET ROLE watcher; SELECT count(*) > 0 FROM vnstream_bars, vnstream_backfills'), 't', 'a watcher looks');
sql('CREATE ROLE trader; GRANT EXECUTE ON FUNCTION vnstream_backfill TO trader');
like(sql(q{SET ROLE trader; SELECT vnstream_backfill('{VCB}', '2026-08-03', '2026-08-05', '1 day')}), qr/^\d+$/, 'whom the owner lets');

is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_type LIKE 'vnstream%'}), '0',
	'no transaction is left open');
$node->stop;
done_testing();
