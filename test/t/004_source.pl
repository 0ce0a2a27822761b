# The source: down, slow, refusing, answering rubbish. Each is counted and
# shown, the producer stays alive and backs off, and once the source is well
# again so is the next sweep. And what a good answer becomes, value by value.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VnstreamTest;

# A minute's budget takes a while to show, so this one runs beside all others.
my $big = start_simulator('--symbols', '200', '--unknown', '0');
my $polite = new_server(
	'polite',
	brokers => broker_address(),
	topic => new_topic(),
	vci_url => "$big->{url}api/",
	interval => '3600s',
	symbols_per_request => 10,
	requests_per_minute => 5);
$polite->safe_psql('postgres', q{CREATE EXTENSION vnstock_stream; SELECT vnstream_start('producer')});

# The source is not there yet.
my $simulator = start_simulator('--symbols', '40', '--unknown', '0');
my $port = $simulator->{port};
stop_simulator($simulator);
my $node = new_server(
	'source',
	brokers => broker_address(),
	topic => new_topic(),
	vci_url => "http://127.0.0.1:$port/api/",
	interval => '1s',
	symbols_per_request => 10,
	http_max_response => '1MB',
	server => { timezone => 'UTC', log_timezone => 'UTC' });

# Ask for a sweep, wait for its end and for the producer's state after it, and
# answer both as JSON.
my $procedure = q{
	CREATE PROCEDURE sweep(wanted text, INOUT answer text DEFAULT NULL) LANGUAGE plpgsql AS $$
	DECLARE
		number bigint;
	BEGIN
		number := vnstream_sweep();
		COMMIT;
		FOR i IN 1 .. 2400 LOOP
			SELECT (to_jsonb(s) - 'worker' - 'since' - 'source')
				|| (SELECT jsonb_build_object('pid', pid, 'state', state, 'errors', errors,
					'last_error', last_error, 'waiting_for', waiting_for, 'wait',
					(86400 + extract(epoch FROM substring(waiting_for FROM '\d\d:\d\d:\d\d')::time - localtime(0)))::int % 86400)
					FROM vnstream_status() WHERE worker = 'producer' AND state = wanted)
				INTO answer FROM vnstream_sweeps s
				WHERE sweep = number AND ended IS NOT NULL AND waiting = 0;
			EXIT WHEN answer IS NOT NULL;
			PERFORM pg_sleep(0.025);
		END LOOP;
	END $$};

sub sweep
{
	my ($state, $database) = @_;
	my $answer = $node->safe_psql($database // 'postgres', "CALL sweep('$state')");

	return decode_json($answer) if $answer ne '';
	diag('no such sweep: ' . $node->safe_psql($database // 'postgres',
			'SELECT * FROM vnstream_status(); SELECT * FROM vnstream_sweeps ORDER BY sweep DESC LIMIT 1'));
	return {};
}

# A setting of the server, taken over by running workers.
sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET vnstream.$name = '$value'");
	$node->reload;
	return;
}

$node->safe_psql('postgres', "CREATE EXTENSION vnstock_stream; SELECT vnstream_start(); $procedure");
query_until($node, 'postgres',
	"SELECT state, waiting_for ~ '^the source', errors > 0, last_error ~ 'source vci: GET .*getAll.*(refused|connect)'"
	  . " FROM vnstream_status() WHERE worker = 'producer'",
	'backing off|t|t|t', 'down at start: the producer backs off and says why');
query_until($node, 'postgres',
	"SELECT error ~ 'connect', asked, answered FROM vnstream_sweeps WHERE ended IS NOT NULL ORDER BY sweep LIMIT 1",
	't|0|0', 'the sweep says why, too');
my $pid = worker_pid($node, 'postgres', 'producer');
$simulator = start_simulator('--port', $port, '--symbols', '40', '--unknown', '0');
query_until($node, 'postgres',
	'SELECT answered FROM vnstream_sweeps WHERE error IS NULL AND ended IS NOT NULL ORDER BY sweep LIMIT 1',
	'40', 'once it is there, the producer finds it by itself');
query_until($node, 'postgres', "SELECT state, pid FROM vnstream_status() WHERE worker = 'producer'",
	"running|$pid", 'and runs, in the same process');
my $request = simulator_get($simulator, 'state')->{last_request};
is($request->{path}, '/api/price/symbols/getList', 'what was asked last is the price board');
is($request->{headers}{'User-Agent'},
	'vnstock_stream/' . $node->safe_psql('postgres', 'SELECT script FROM vnstream_version()'),
	'the producer says honestly who it is');

# Down later; and what back-off is: each wait about twice the last, though the
# interval is a second. Only lower bounds: a busy machine makes waits longer.
stop_simulator($simulator);
my $first = $node->safe_psql('postgres', 'SELECT max(sweep) + 1 FROM vnstream_sweeps');
query_until($node, 'postgres',
	"SELECT count(*) >= 4 FROM vnstream_sweeps WHERE error ~ 'connect' AND ended IS NOT NULL AND sweep >= $first",
	't', 'down later: four sweeps have failed');
my @starts = split /\n/, $node->safe_psql('postgres',
	"SELECT extract(epoch FROM started) FROM vnstream_sweeps WHERE error ~ 'connect' AND sweep >= $first ORDER BY sweep LIMIT 4");
foreach my $i (0 .. 2)
{
	my $least = 0.75 * 2**$i;
	my $gap = $starts[ $i + 1 ] - $starts[$i];

	cmp_ok($gap, '>=', $least, sprintf('after failure %d the next sweep waits for %.2f s or more', $i + 1, $least));
}
$simulator = start_simulator('--port', $port, '--symbols', '40', '--unknown', '0');
my $got = sweep('running');
is("$got->{answered} $got->{missing} $got->{pid}", "40 0 $pid", 'a requested sweep does not wait for the back-off, and works');
is($got->{error}, undef, 'without an error');

# The source's own wish counts, in seconds and as a date.
simulator_mode($simulator, mode => '429', path => 'getList', retry_after => 3600);
$got = sweep('backing off');
like($got->{error}, qr/status 429 and the wish to wait 3600 s/, '429 with Retry-After: the sweep says so');
ok($got->{wait} > 850 && $got->{wait} <= 901, 'and the next one comes as late as is believed of such a wish');
my $sweeps = $node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_sweeps');
simulator_mode($simulator, mode => '503', path => 'getList',
	retry_after => strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time() + 900)));
sleep 2.5;
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_sweeps'), $sweeps, 'no sweep meanwhile');
$got = sweep('backing off');
like($got->{error}, qr/status 503/, '503 with a date to come back at');
ok($got->{wait} > 850 && $got->{wait} <= 901, 'is waited for');
simulator_mode($simulator, mode => 'ok');
is(sweep('running')->{answered}, 40, 'a good answer ends the wait');
query_until($node, 'postgres', "SELECT count(*) >= $sweeps + 4 FROM vnstream_sweeps", 't', 'and sweeps come by themselves again');

# From here on there are no sweeps but requested ones. Each trouble meets the
# board of all 40 symbols, in four requests of ten.
set('interval', '3600s');
set('http_timeout', '1500ms');
my @down = (
	# mode, what the error must say
	[ { mode => 'hang' }, qr/timed out/ ],
	[ { mode => 'stall' }, qr/timed out/ ],
	[ { mode => 'drip' }, qr/timed out/ ],
	[ { mode => '403' }, qr/refused with status 403/ ],
	[ { mode => '403_plain' }, qr/refused with status 403.*Forbidden/ ],
	[ { mode => '429' }, qr/one request too many: status 429/ ],
	[ { mode => '429', cloudflare => JSON::PP::true }, qr/status 429.*1015/ ],
	[ { mode => '503' }, qr/status 503/ ],
	[ { mode => '500' }, qr/status 500.*Internal server error/ ],
	[ { mode => '404' }, qr/status 404/ ],
	[ { mode => '400' }, qr/status 400/ ],
	[ { mode => 'html' }, qr/web page instead of JSON/ ],
	[ { mode => 'empty' }, qr/none of the 40 symbols/ ],
	[ { mode => 'truncated' }, qr/no board: the answer is malformed/ ],
	[ { mode => 'truncated', at => 0.5 }, qr/no board: the answer is malformed/ ],
	[ { mode => 'huge' }, qr/larger than|more than/ ],
	[ { mode => 'bomb' }, qr/larger than|more than/ ],
	[ { mode => 'cut' }, qr/failed/ ],
	[ { mode => 'reset' }, qr/failed/ ],
	[ { mode => 'redirect', location => '/moved' }, qr/redirect, which is never followed/ ],
	[ { mode => 'redirect', location => "http://127.0.0.1:$big->{port}/elsewhere", status => 308 },
		qr/status 308, a redirect/ ]);
my $errors = sweep('running')->{errors};
foreach my $case (@down)
{
	my ($mode, $expected) = @$case;
	my $name = join(' ', map { $mode->{$_} } reverse sort keys %$mode);

	simulator_mode($simulator, %$mode, path => 'getList');
	$got = sweep('backing off');
	like($got->{error}, $expected, "$name: the sweep says what is wrong");
	is("$got->{asked} $got->{answered} $got->{missing}", '40 0 40', "$name: all symbols are missing");
	ok($got->{errors} > $errors && index($got->{last_error}, $got->{error}) >= 0, "$name: counted, and shown in status")
	  or diag("$got->{errors} after $errors: $got->{last_error}");
	like($got->{waiting_for}, qr/^the source; next sweep at/, "$name: status says what is waited for");
	simulator_mode($simulator, mode => 'ok');
	$got = sweep('running');
	is(join(' ', $got->{answered}, $got->{missing}, $got->{error} // 'well', $got->{pid}), "40 0 well $pid",
		"$name: afterwards the next sweep is a good one, by the same process");
	$errors = $got->{errors};
}
ok(!exists simulator_get($simulator, 'state')->{requests}{'/moved'}, 'no redirect was followed here');
ok(!exists simulator_get($big, 'state')->{requests}{'/elsewhere'}, 'nor to another server');

# Half a failure: what is sound in the answers is stored, the rest is said.
simulator_mode($simulator, mode => '500', path => 'getList', count => 1);
$got = sweep('running');
is("$got->{answered} $got->{missing}", '40 0', 'one request that fails is repeated');
like($got->{error}, qr/status 500/, 'and mentioned');
cmp_ok($got->{errors}, '>', $errors, 'and counted');
simulator_mode($simulator, mode => '400', path => 'getList', count => 1);
$got = sweep('running');
is("$got->{answered} $got->{missing}", '30 10', 'one that will not get better is not repeated, and costs its own symbols');
simulator_mode($simulator, mode => 'slow', path => 'getList', delay => 0.4);
$got = sweep('running');
is("$got->{answered} " . ($got->{error} // 'well'), '40 well', 'slow answers are good answers');
set('http_timeout', '10s');
foreach my $mode (qw(old_schema strings))
{
	simulator_mode($simulator, mode => $mode, path => 'getList');
	$got = sweep('running');
	is(join(' ', $got->{answered}, $got->{published}, $got->{rejected}, $got->{error} // 'well'), '40 40 0 well', "$mode is understood");
}
simulator_mode($simulator, mode => 'badutf8', path => 'getList');
$got = sweep('running');
is("$got->{answered} $got->{missing} $got->{published} $got->{rejected}", '39 1 39 0',
	'invalid UTF-8 costs the one row of an answer that it is in, which is asked for once more');
like($got->{last_error}, qr/UTF-8/, 'and status says so');
simulator_mode($simulator, mode => 'hostile', path => 'getList', as_asked => JSON::PP::true);
$got = sweep('running');
is(join(' ', $got->{answered}, $got->{published}, $got->{rejected}), '40 12 28',
	'of ten rows with wrong values the seven that cannot be true are rejected, the others are stored');
like($got->{last_error}, qr/rejected.*price 99999999 is above ceiling_price 21400/, 'status has the reason of one');
simulator_mode($simulator, mode => 'partial', path => 'getList', symbols => [ 'VCB', 'FPT', 'HPG' ]);
$got = sweep('running');
is("$got->{answered} $got->{missing}", '37 3', 'symbols that the source leaves out are counted as missing');
simulator_post($simulator, 'reset');
simulator_mode($simulator, mode => 'partial_once', path => 'getList', symbols => [ 'VCB', 'FPT', 'HPG' ]);
$got = sweep('running');
is("$got->{answered} $got->{missing}", '40 0', 'symbols left out are found when asked for once more');
my $state = simulator_get($simulator, 'state');
is("$state->{requests}{'/api/price/symbols/getList'} $state->{symbols_asked}", '5 43', 'in one request for those alone');
simulator_mode($simulator, mode => 'ok');

# The list of symbols, when it is due again: yesterday's is better than none,
# but a source that refuses is left alone.
foreach my $case ([ 'empty', qr/none is a symbol of the market/ ], [ 'html', qr/web page/ ], [ 'truncated', qr/no list of symbols/ ],
	[ 'cut', qr/getAll failed/ ], [ '429', qr/getAll was one request too many/ ])
{
	my ($mode, $expected) = @$case;
	my $refuses = $mode =~ /429|html/;
	my $last;

	# the last one's refusal is not forgotten: somebody has to want it tried
	simulator_post($simulator, 'reset');
	sweep('running');
	$last = $node->safe_psql('postgres', 'SELECT max(sweep) FROM vnstream_sweeps');
	simulator_mode($simulator, mode => $mode, path => 'getAll');
	$node->safe_psql('postgres', "SELECT vnstream_restart('producer')");
	query_until($node, 'postgres', "SELECT asked, answered FROM vnstream_sweeps WHERE sweep > $last AND trigger = 'start' AND ended IS NOT NULL",
		$refuses ? '0|0' : '40|40', "$mode instead of the list of symbols: " . ($refuses ? 'nothing is asked meanwhile' : "yesterday's list is used"));
	like($node->safe_psql('postgres', 'SELECT error FROM vnstream_symbol_refreshes ORDER BY refresh DESC LIMIT 1'),
		$expected, "$mode: the refresh says what is wrong");
	like($node->safe_psql('postgres', "SELECT string_agg(message, ' ') FROM vnstream_log(20, 'producer', 'warning')"),
		$expected, "$mode: so does the log");
}
simulator_post($simulator, 'reset');
$got = sweep('running');
is("$got->{asked} $got->{answered}", '40 40', 'all of it in the end');
$pid = $got->{pid};

# Connections are kept, no more than may be in flight are opened.
simulator_mode($simulator, mode => 'slow', path => 'getList', delay => 0.1);
set('http_headers', 'Accept-Language: vi\nX-Team: desk');
set('symbols_per_request', '4');
ok(wait_for(sub { sweep('running'); return simulator_get($simulator, 'state')->{last_request}{headers}{'X-Team'} }, 'the header'),
	'vnstream.http_headers is sent');
$request = simulator_get($simulator, 'state')->{last_request};
is("$request->{headers}{'Accept-Language'}, $request->{headers}{'X-Team'}", 'vi, desk', 'each of its lines');
simulator_post($simulator, 'reset');
simulator_mode($simulator, mode => 'slow', path => 'getList', delay => 0.1);
sweep('running') for 1 .. 4;
$state = simulator_get($simulator, 'state');
is("$state->{requests_total} $state->{largest_batch}", '40 4', 'four sweeps are 40 requests for 4 symbols each');
cmp_ok($state->{connections}{accepted}, '<=', 4, 'over as many connections as requests may be in flight');
ok($state->{in_flight_high} > 1 && $state->{in_flight_high} <= 4, 'of which several, and no more than those, are under way at once')
  or diag($state->{in_flight_high});
simulator_mode($simulator, mode => 'ok');
set('symbols_per_request', '50');

# What vnstream.symbols may say.
my %listed;
foreach my $row (@{ decode_json(HTTP::Tiny->new->get("$simulator->{url}api/price/symbols/getAll")->{content}) })
{
	next unless $row->{type} =~ /^(STOCK|ETF|UNIT_TRUST)$/ && $row->{board} =~ /^(HSX|HNX|UPCOM)$/;
	$listed{$_}++ for ($row->{board} eq 'HSX' || $row->{type} eq 'ETF' ? 'HOSE,ETF' : ()),
	  ($row->{board} eq 'UPCOM' || $row->{type} eq 'ETF' ? 'UPCOM,ETF' : ()), 'all';
}
is($listed{all}, 40, 'the simulator lists 40 symbols');
foreach my $case ([ 'HOSE,ETF', $listed{'HOSE,ETF'} ], [ 'UPCOM,ETF', $listed{'UPCOM,ETF'} ], [ 'VN30', 30 ], [ 'VCB,FPT', 2 ])
{
	my ($symbols, $count) = @$case;

	set('symbols', $symbols);
	ok(wait_for(sub { $got = sweep('running'); return $got->{asked} == $count }, "$count symbols"), "$symbols is $count symbols")
	  or diag($got->{asked});
	is($got->{answered}, $count, 'which are all answered');
}
is($node->safe_psql('postgres',
		"SELECT string_agg(ticker, ' ' ORDER BY ticker) FROM realtime_quotes WHERE time BETWEEN '$got->{started}' AND '$got->{ended}'"),
	'FPT VCB', 'those that were named');

# One answer of the real board, as captured; and one of a share without a trade.
set('symbols', 'VCB');
simulator_post($simulator, 'replay', { replay => JSON::PP::true });
$node->safe_psql('postgres', 'CREATE DATABASE exact');
$node->safe_psql('postgres', 'ALTER DATABASE exact SET vnstream.topic = \'' . new_topic() . '\'');
start_pipeline($node, 'exact');
query_until($node, 'exact', 'SELECT published FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'the captured answer is published');
is($node->safe_psql('exact', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'and consumed');
is_deeply(
	decode_json($node->safe_psql('exact', "SELECT to_jsonb(q) - 'time' - 'created_at' FROM realtime_quotes q")),
	{
		ticker => 'VCB', price => 60000, volume => 200, total_volume => 1877000, total_value => 112945040000,
		change => -800, change_percent => -1.315789,
		ceiling_price => 65000, floor_price => 56600, reference_price => 60800,
		highest_price => 60900, lowest_price => 59900, open_price => 60900,
		bid_price => 60000, bid_volume => 33200, ask_price => 60100, ask_volume => 15700,
		bid_price_2 => 59900, bid_volume_2 => 70800, ask_price_2 => 60200, ask_volume_2 => 57500,
		bid_price_3 => 59800, bid_volume_3 => 84000, ask_price_3 => 60300, ask_volume_3 => 85800,
		match_time => '2026-08-04T04:29:57.692+00:00', match_side => 's',
		source_time => '2026-08-04T04:29:57.692+00:00', trading_date => '2026-08-04', session => 'LO_MORNING',
		exchange => 'HOSE', source => 'vci',
		foreign_buy_volume => 317385, foreign_sell_volume => 86520,
		foreign_buy_value => 19104298000, foreign_sell_value => 5215372000, foreign_room => 823957987,
		put_through_volume => undef, put_through_value => undef, listed_shares => 8355675094,
		kafka_partition => 0, kafka_offset => 0
	},
	'every column of it is as the real board had it');
is($node->safe_psql('exact',
		'SELECT q.time BETWEEN s.started AND s.ended, q.created_at >= q.time FROM realtime_quotes q, vnstream_sweeps s'),
	't|t', 'its time is when the answer arrived');
simulator_post($simulator, 'replay', { replay => JSON::PP::false });
simulator_post($simulator, 'quote',
	{ symbol => 'VCB', map { $_ => 0 } qw(matchPrice matchVol accumulatedVolume accumulatedValue openPrice highest lowest) });
$node->safe_psql('exact', 'SELECT vnstream_sweep()');
query_until($node, 'exact',
	'SELECT price IS NULL, volume IS NULL, change IS NULL, change_percent IS NULL, open_price IS NULL, highest_price IS NULL,'
	  . ' lowest_price IS NULL, match_time IS NULL, total_volume, total_value, reference_price > 0, bid_price > 0'
	  . ' FROM realtime_quotes WHERE kafka_offset = 1',
	't|t|t|t|t|t|t|t|0|0|t|t', 'without a trade today prices are unknown, not 0');
simulator_post($simulator, 'quote', { clear => JSON::PP::true });

# Nothing new is not published, until the heartbeat is due.
set('symbols', 'VN30');
set('heartbeat', '900s');
simulator_post($simulator, 'freeze', { frozen => JSON::PP::true });
$node->safe_psql('postgres', 'CREATE DATABASE beat');
$node->safe_psql('postgres', 'ALTER DATABASE beat SET vnstream.topic = \'' . new_topic() . '\'');
start_pipeline($node, 'beat');
$node->safe_psql('beat', $procedure);
query_until($node, 'beat', 'SELECT published, unchanged FROM vnstream_sweeps WHERE ended IS NOT NULL', '30|0', 'the first sweep is all new');
$got = sweep('running', 'beat');
is("$got->{answered} $got->{published} $got->{unchanged}", '30 0 30', 'of a market that stands still nothing is published');
simulator_post($simulator, 'quote', { symbol => 'VCB', matchVol => 123400 });
$got = sweep('running', 'beat');
is("$got->{answered} $got->{published} $got->{unchanged}", '30 1 29', 'of one where one share moves, that one is');
set('heartbeat', '1s');
sleep 1.1;
ok(wait_for(sub { $got = sweep('running', 'beat'); return $got->{published} == 30 }, 'the heartbeat'),
	'all of it when the heartbeat is due')
  or diag($got->{published});
set('heartbeat', '0');
ok(wait_for(sub { sweep('running', 'beat'); $got = sweep('running', 'beat'); return $got->{published} == 30 }, 'no heartbeat'),
	'and always where the heartbeat is 0');

# Without vnstream.allow_insecure_source nothing goes out by http.
simulator_post($simulator, 'reset');
$node->safe_psql('postgres', 'CREATE DATABASE strict');
$node->safe_psql('postgres', 'ALTER DATABASE strict SET vnstream.allow_insecure_source = off');
$node->safe_psql('postgres', 'ALTER DATABASE strict SET vnstream.topic = \'' . new_topic() . '\'');
$node->safe_psql('strict', q{CREATE EXTENSION vnstock_stream; SELECT vnstream_start('producer')});
query_until($node, 'strict',
	q{SELECT state, last_error ~ 'must begin with https://.*vnstream.allow_insecure_source' FROM vnstream_status() WHERE worker = 'producer'},
	'backing off|t', 'http:// is refused, and status says which setting would allow it');
$node->safe_psql('postgres', "ALTER DATABASE strict SET vnstream.vci_url = 'https://127.0.0.1:$port/api/'");
query_until($node, 'strict',
	q{SELECT state, last_error ~ 'address is not a public one.*vnstream.allow_insecure_source' FROM vnstream_status() WHERE worker = 'producer'},
	'backing off|t', 'https:// to this host as well');
is(simulator_get($simulator, 'state')->{requests_total}, 0, 'nothing was sent');

# Through a proxy, which may be anywhere: this one knows no CONNECT, and says so.
my $failing = q{SELECT state, last_error FROM vnstream_status() WHERE worker = 'producer'};
$node->safe_psql('postgres', "ALTER DATABASE strict SET vnstream.http_proxy = 'http://127.0.0.1:$port'");
ok(wait_for(sub { return $node->safe_psql('strict', $failing) =~ /^backing off\|.*response 501/ }, 'the proxy'), 'vnstream.http_proxy is gone through')
  or diag($node->safe_psql('strict', $failing));
like($node->safe_psql('strict', q{SELECT error FROM vnstream_fetch('VCB')}), qr/response 501/, 'by a look, too');
$node->safe_psql('postgres', 'ALTER DATABASE strict RESET vnstream.http_proxy');

# Certificates of one's own.
my $pem = PostgreSQL::Test::Utils::tempdir() . '/source.pem';
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', $pem, '-out', "$pem.crt");
PostgreSQL::Test::Utils::append_to_file($pem, PostgreSQL::Test::Utils::slurp_file("$pem.crt"));
my $secure = start_simulator('--symbols', '10', '--unknown', '0', '--certificate', $pem);
$node->safe_psql('postgres', 'ALTER DATABASE strict SET vnstream.allow_insecure_source = on');
$node->safe_psql('postgres', "ALTER DATABASE strict SET vnstream.vci_url = 'https://127.0.0.1:$secure->{port}/api/'");
ok(wait_for(sub { return $node->safe_psql('strict', $failing) =~ /^backing off\|.*certificate/ }, 'a certificate that nobody vouches for'),
	'a certificate that nobody vouches for is refused')
  or diag($node->safe_psql('strict', $failing));
$node->safe_psql('postgres', "ALTER DATABASE strict SET vnstream.ca_file = '$pem.none'");
ok(wait_for(sub { return $node->safe_psql('strict', $failing) =~ /^backing off\|.*no certificates can be read from vnstream\.ca_file, \Q$pem\E\.none/ }, 'a file that is not there'),
	'vnstream.ca_file: a file that is not there is an error that says so')
  or diag($node->safe_psql('strict', $failing));
rename "$pem.crt", "$pem.none" or die "rename: $!";
$node->safe_psql('strict', 'SELECT vnstream_sweep()');
query_until($node, 'strict', q{SELECT count(*) > 0 FROM vnstream_sweeps WHERE answered > 0 AND missing = 0 AND error IS NULL}, 't',
	'and once it is there, the source is asked by TLS')
  or diag($node->safe_psql('strict', "$failing; SELECT to_jsonb(s) FROM vnstream_sweeps s ORDER BY sweep DESC LIMIT 2"));
is($node->safe_psql('strict', q{SELECT status, error IS NULL FROM vnstream_fetch('VCB')}), '200|t', 'by a look, too');
$node->safe_psql('strict', 'SELECT vnstream_stop()');

foreach my $database (qw(postgres exact beat))
{
	is($node->safe_psql($database, "SELECT vnstream_wait('caught up', '60 s')"), 't', "$database is caught up");
	is(account($node, $database), '', "and its account is exact");
	is($node->safe_psql($database, 'SELECT sum(published) = (SELECT count(*) FROM realtime_quotes) FROM vnstream_sweeps'),
		't', 'all that was published is stored');
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_dead_letters'), '0', 'nothing of it is a dead letter');
is(worker_pid($node, 'postgres', 'producer'), $pid, 'through all of this it was one process');

# The budget of requests: 21 are needed, 5 a minute are allowed.
my $requests;
ok(wait_for(
		sub {
			$requests = simulator_get($big, 'requests')->{requests};
			return @$requests >= 5;
		},
		'five requests'),
	'the polite producer uses its budget');
my $elapsed = time() - $^T;
sleep 25 - $elapsed if $elapsed < 25;
$requests = simulator_get($big, 'requests')->{requests};

# a minute, but for what a busy machine may have held the earlier one up
my @early = grep { $requests->[$_]{at} - $requests->[ $_ - 5 ]{at} < 40 } 5 .. $#$requests;
is("@early", '', 'each request after those waits until the fifth before it is a minute old');

done_testing();
