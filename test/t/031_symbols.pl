# The symbols: the source's list in a table with its history, what a bad list
# may not do, symbols that rest, hot symbols, and sweeps that go on while there
# is no list.
use strict;
use warnings;

use Encode qw(decode);
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VnstreamTest;

# Kafka is away for all of this test: the outbox takes what comes.
my $simulator = start_simulator('--symbols', '40', '--unknown', '2');
my $node = new_server(
	'symbols',
	vci_url => "$simulator->{url}api/",
	symbols => 'all',
	interval => '3600s',
	init => { extra => ['--encoding=UTF8'] });

sub answer { return $node->safe_psql('postgres', $_[0]); }

# A sweep, or a refresh, asked for and ended; its row by a query over it as s.
sub sweep
{
	my ($what) = @_;
	my $sweep = answer('SELECT vnstream_sweep()');

	query_until($node, 'postgres', "SELECT count(*) FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '1', 'a sweep ends');
	return answer("SELECT $what FROM vnstream_sweeps AS s WHERE sweep = $sweep");
}

sub refresh
{
	my ($what, $argument) = @_;
	my $refresh = answer('SELECT vnstream_refresh_symbols(' . ($argument // '') . ')');

	query_until($node, 'postgres', "SELECT count(*) FROM vnstream_symbol_refreshes WHERE refresh = $refresh AND ended IS NOT NULL", '1', 'a refresh ends');
	return answer("SELECT $what FROM vnstream_symbol_refreshes AS s WHERE refresh = $refresh");
}

# Settings of the server, in use.
sub set
{
	my (%settings) = @_;

	answer("ALTER SYSTEM SET vnstream.$_ = '$settings{$_}'") foreach sort keys %settings;
	$node->reload;
	query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_settings() WHERE NOT in_use', '0', 'the settings are in use');
	return;
}

sub history
{
	my ($ticker) = @_;
	return answer("SELECT string_agg(format('%s: %s > %s', field, coalesce(before, '-'), coalesce(after, '-')), '; ' ORDER BY changed_at, field) FROM vnstream_symbol_history WHERE ticker = '$ticker'");
}

sub listing { return simulator_post($simulator, 'listing', {@_}); }

# UTF-8 as it is everywhere else here, but for JSON.
sub text { return decode('UTF-8', $_[0]); }
my $company = 'Công ty Cổ phần Thử nghiệm';

answer('CREATE EXTENSION vnstock_stream');
my ($code, $out, $error) = $node->psql('postgres', 'SELECT vnstream_refresh_symbols()');
like($error, qr/the producer is not to run.*vnstream_start\(\)/s, 'without a producer: what to do');
($code, $out, $error) = $node->psql('postgres', 'SELECT vnstream_refresh_symbols(NULL)');
like($error, qr/accept_loss must not be null\nHINT:  Write true/, 'NULL is refused');

# The first list: real names.
answer("SELECT vnstream_start('producer')");
query_until($node, 'postgres', "SELECT trigger, asked, answered, missing FROM vnstream_sweeps WHERE ended IS NOT NULL", 'start|42|40|2', 'the first sweep asks for all of the list');
is(answer("SELECT exchange, kind, name, isin, listed_shares > 1000000, trading_status, active, source, misses, last_quote IS NOT NULL, first_seen = updated_at FROM vnstream_symbols WHERE ticker = 'VCB'"),
	"HOSE|STOCK|Ngân hàng Thương mại Cổ phần Ngoại thương Việt Nam|VN000000VCB4|t|TRADING_ACTIVATED|t|vci|0|t|f", 'VCB, from list and board');
is(answer("SELECT trigger, source, listed > 1000, added = listed, changed, removed, error FROM vnstream_symbol_refreshes"), 'start|vci|t|t|0|0|', 'the refresh says so');
is(answer("SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active) > 100 FROM vnstream_symbols WHERE kind = 'STOCK' AND exchange = 'UPCOM' OR kind = 'CW' AND exchange IS NULL"), answer("SELECT count(*), 't' FROM vnstream_symbols WHERE active AND kind = 'STOCK' AND exchange = 'UPCOM'"), 'delisted ones are there and not active');
is(history('VCB'), 'active: - > true', 'a symbol that is new is a change; what becomes known is none');
is(answer("SELECT count(*) FROM (SELECT ticker FROM vnstream_symbols EXCEPT SELECT ticker FROM vnstream_symbol_history WHERE field = 'active' AND before IS NULL) AS s"), '0', 'from the first day each symbol is in the history');
is(answer("SELECT max(misses), count(*) FROM vnstream_symbols WHERE misses > 0"), '1|2', 'two have missed once');

# Nothing new: nothing written.
my $before = answer("SELECT md5(string_agg(s::text || xmin::text, ',' ORDER BY ticker)) FROM vnstream_symbols AS s WHERE misses = 0");
is(refresh("trigger || added || changed || removed || coalesce(error, '')"), 'request000', 'the same list again changes nothing');
is(sweep('asked'), '42', 'nor does a sweep');
is(answer("SELECT md5(string_agg(s::text || xmin::text, ',' ORDER BY ticker)) FROM vnstream_symbols AS s WHERE misses = 0"), $before, 'not a row is written');

# A day at the exchange.
listing(add => [ { symbol => 'NEW', board => 'HSX', organName => text($company) } ],
	delist => ['HPG'], remove => ['SHS'], rename => { FPT => text('FPT Một') }, move => { ACV => 'HSX' });
is(refresh("concat_ws(' ', added, changed, removed, returned, error)"), '1 2 2 0', 'one new, two changed, two gone');
is(answer("SELECT ticker, exchange, kind, name, active FROM vnstream_symbols WHERE ticker IN ('NEW', 'HPG', 'SHS') ORDER BY 1"),
	answer("SELECT 'HPG', 'HOSE', 'STOCK', name, false FROM vnstream_symbols WHERE ticker = 'HPG'") . "\nNEW|HOSE|STOCK|$company|t\n" . answer("SELECT 'SHS', 'HNX', 'STOCK', name, false FROM vnstream_symbols WHERE ticker = 'SHS'"), 'what is gone keeps what was known of it');
is(history('NEW'), 'active: - > true', 'history: a new one');
is(history('HPG'), 'active: - > true; active: true > false', 'a delisted one');
is(history('SHS'), 'active: - > true; active: true > false', 'one that is not in the list any more');
like(history('FPT'), qr/^active: - > true; name: .*FPT.* > FPT Một$/, 'a new name');
is(history('ACV'), 'active: - > true; exchange: UPCOM > HOSE', 'another exchange');
is(sweep("concat_ws(' ', asked, answered, missing)"), '41 39 2', 'the next sweep asks for what is listed now');
listing(add => [ { symbol => 'SHS' } ]);
is(refresh("concat_ws(' ', added, changed, removed, returned, error)"), '0 0 0 1', 'one comes back');
is(history('SHS'), 'active: - > true; active: true > false; active: false > true', 'and history has it');

# Facts from the board.
simulator_post($simulator, 'quote', { symbol => 'VCB', 'listingInfo.tradingStatus' => 'TRADING_SUSPENSION', 'listingInfo.listedShare' => 9000000000 });
sweep('1');
is(answer("SELECT trading_status, listed_shares FROM vnstream_symbols WHERE ticker = 'VCB'"), 'TRADING_SUSPENSION|9000000000', 'a sweep brings another trading status and more shares');
like(history('VCB'), qr/listed_shares: \d+ > 9000000000; trading_status: TRADING_ACTIVATED > TRADING_SUSPENSION$/, 'both are changes');

# Lists that are not to be believed.
my $state = "SELECT md5(string_agg(concat(ticker, exchange, kind, name, active), ',' ORDER BY ticker)) FROM vnstream_symbols";
$before = answer($state);
listing(kept => 0.5);
like(refresh('error'), qr/^the list of symbols of source vci has only \d+ of 42 symbols of the market; the one of before stays$/, 'a list that is halved is refused');
is(answer($state), $before, 'and changes nothing');
like(answer("SELECT string_agg(message, ' ') FROM vnstream_log(50, level => 'warning')"), qr/has only \d+ of 42/, 'a warning says so');
like(slurp_file($node->logfile), qr/HINT:  If the market has really changed so much: SELECT vnstream_refresh_symbols\(accept_loss => true\)/, 'with what to do');
query_until($node, 'postgres', "SELECT status, reason ~ 'has only \\d+ of 42' FROM vnstream_health(), unnest(reasons) AS reason WHERE reason ~ 'symbols'", 'degraded|t', 'health knows') or diag(answer('SELECT * FROM vnstream_health()'));
is(sweep('asked'), '42', 'sweeps go on with the list of before');
like(refresh("concat_ws(' ', error, removed > 15)", 'accept_loss => true'), qr/^t$/, 'by hand it is believed');
is(answer("SELECT count(*) FROM vnstream_health(), unnest(reasons) AS reason WHERE reason ~ 'symbols'"), '0', 'then health is well again');
listing(kept => 1);
like(refresh("concat_ws(' ', error, returned > 15)"), qr/^t$/, 'and the others come back');
is(answer($state), $before, 'as they were');
foreach my $bad (['empty', qr/none is a symbol of the market/], ['html', qr/a web page instead of JSON/], ['truncated', qr/vci/], ['500', qr/status 500/], ['badutf8', qr/./])
{
	simulator_mode($simulator, mode => $bad->[0], path => 'getAll');
	my $told = refresh("coalesce(error, 'none')");
	like($told, $bad->[1], "a list that is $bad->[0]") unless $bad->[0] eq 'badutf8';
	is(answer($state), $before, "$bad->[0]: changes nothing");
}
simulator_mode($simulator, mode => 'ok');

# Rows that are bad input, each costs itself.
listing(remove => ['SHS'], raw => [
		'{"symbol":"ZZA","type":"STOCK","board":"HSX","organName":7}',
		'{"symbol":"ZZB","type":"STOCK","board":"HSX","organName":"' . ('x' x 256) . '"}',
		'{"symbol":"ZZC","type":"STOCK","board":"HSX","organName":"a\\u0000b"}',
		'{"symbol":"ZZD","type":"STOCK","board":"HSX"}', '{"symbol":"ZZD","type":"STOCK","board":"HNX"}',
		'{"symbol":"FPT","type":"ETF","board":"UPCOM","organName":"Khac"}',
		'{"symbol":"no ticker"}', '{"symbol":"ZZE","organName":"  hai\\n dong "}', '7' ]);
is(refresh("concat_ws(' ', added, changed, removed, error)"), '4 0 0', 'bad rows: four are symbols nevertheless, and nothing leaves while a row cannot be read');
is(answer("SELECT ticker, exchange, name FROM vnstream_symbols WHERE ticker LIKE 'ZZ_' AND ticker > 'ZZ9' ORDER BY 1"), "ZZA|HOSE|\nZZB|HOSE|\nZZD|HNX|\nZZE||hai dong", 'names that are none are unknown; of two rows it is the same one whatever their order is');
is(answer("SELECT kind, exchange, name FROM vnstream_symbols WHERE ticker = 'FPT'"), 'STOCK|HOSE|FPT Một', 'a second row that says otherwise does not change what is known');
like(answer("SELECT string_agg(message, ' ') FROM vnstream_log(50)"), qr/contradict each other on 2 symbols, the first is FPT/, 'which is told');
listing(clear => JSON::PP::true);
refresh('1');

# What a desk may name.
($code, $out, $error) = $node->psql('postgres', "ALTER DATABASE postgres SET vnstream.symbols = 'VCB,41I1G5000'");
like($error, qr/"41I1G5000" cannot be used: derivatives and bonds are not supported/i, 'a future is refused by its shape');
listing(raw => ['{"symbol":"CII424","type":"DEBENTURE","board":"HSX"}']);
refresh('1');
set(symbols => 'VCB,CII424,E1VFVN30');
is(sweep("concat_ws(' ', asked, answered)"), '2 2', 'a debenture that only the list knows as one is not asked for');
like(slurp_file($node->logfile), qr/WARNING:  .*not asked for, as derivatives and bonds are not supported: CII424 \(DEBENTURE\)/, 'with a warning that names it');
set(symbols => 'HOSE,ETF');
is(sweep('asked'), answer("SELECT count(*) FROM vnstream_symbols WHERE active AND kind IN ('STOCK', 'ETF', 'UNIT_TRUST') AND (exchange = 'HOSE' OR kind = 'ETF')"), 'HOSE,ETF is all of HOSE, and every ETF');

# Index groups, and what becomes of a list while the source has none.
set(symbols => 'VN30');
my $members = sweep('asked');
cmp_ok($members, '>', 10, 'VN30: its members are asked for');
is(answer("SELECT trigger FROM vnstream_symbol_refreshes ORDER BY refresh DESC LIMIT 1"), 'settings', 'a group that is new to the settings is looked up');
is(answer("SELECT count(*) FROM vnstream_symbols WHERE 'VN30' = ANY (groups)"), $members, 'the table has its members');
simulator_mode($simulator, mode => '500', path => 'getAll');
simulator_mode($simulator, mode => '500', path => 'getByGroup', add => JSON::PP::true);
my $pid = worker_pid($node, 'postgres', 'producer');
my $sweeps = answer('SELECT max(sweep) FROM vnstream_sweeps');
answer("SELECT vnstream_restart('producer')");
query_until($node, 'postgres', "SELECT asked, answered FROM vnstream_sweeps WHERE trigger = 'start' AND ended IS NOT NULL AND sweep > $sweeps ORDER BY sweep DESC LIMIT 1", "$members|$members", 'a producer that starts without a list sweeps the one of before');
isnt(worker_pid($node, 'postgres', 'producer'), $pid, 'it is another process');
like(answer('SELECT error FROM vnstream_symbol_refreshes ORDER BY refresh DESC LIMIT 1'), qr/status 500/, 'which got no list');
$sweeps = answer('SELECT max(sweep) FROM vnstream_sweeps');
set(symbols => 'VNX50', interval => '1s');
query_until($node, 'postgres', "SELECT count(*) >= 3, bool_and(error = 'no symbol is known of VNX50') FROM (SELECT error FROM vnstream_sweeps WHERE sweep > $sweeps AND ended IS NOT NULL AND trigger = 'interval' OFFSET 1) AS s", 't|t', 'a group that was never looked up: each sweep says so');
is(answer("SELECT count(*) FROM (SELECT started - lag(started) OVER (ORDER BY sweep) AS gap FROM vnstream_sweeps WHERE sweep > $sweeps) AS s WHERE gap < '0.9 s'"), '0', 'and comes with the interval, not at once again');
set(symbols => 'VN30,VNX50', interval => '3600s');
like(sweep("concat_ws(' ', asked, error)"), qr/^$members no symbol is known of VNX50$/, 'beside a group that is known, that one is asked for');
simulator_mode($simulator, mode => 'ok');
is(refresh('error'), '', 'the list again');

# Symbols that never answer.
set(symbols => 'all');
my ($gone, $absent) = split /,/, answer("SELECT string_agg(ticker, ',' ORDER BY ticker) FROM vnstream_symbols WHERE misses > 0 AND active AND kind = 'STOCK'");
for (1 .. 8)
{
	last if answer("SELECT misses FROM vnstream_symbols WHERE ticker = '$gone'") >= 5;
	sweep('1');
}
is(answer("SELECT count(*) FROM vnstream_symbols WHERE misses >= 5 AND active"), '2', 'two that never answer rest');
my $asked = sweep("concat_ws(' ', asked, missing)");
is($asked, '42 2', 'a sweep that is asked for asks for them, too');
$before = answer('SELECT max(sweep) FROM vnstream_sweeps');
set(interval => '1s');
query_until($node, 'postgres', "SELECT asked, missing FROM vnstream_sweeps WHERE sweep > $before AND trigger = 'interval' AND ended IS NOT NULL ORDER BY sweep LIMIT 1", '40|0', 'one by the clock does not');
like(answer("SELECT detail FROM vnstream_check() WHERE name = 'symbols'"), qr/42 symbols.*2 rest/, 'vnstream_check() tells how many rest');
set(interval => '3600s');

# One that is suspended for a while rests, and comes back by itself.
simulator_mode($simulator, mode => 'partial', symbols => ['FPT']);
sweep('1') foreach 1 .. 5;
is(answer("SELECT misses FROM vnstream_symbols WHERE ticker = 'FPT'"), '5', 'five misses');
simulator_mode($simulator, mode => 'ok');
sweep('1');
is(answer("SELECT misses FROM vnstream_symbols WHERE ticker = 'FPT'"), '0', 'an answer ends them');

# A source that leaves nearly all out is at fault itself.
simulator_mode($simulator, mode => 'partial', fraction => 0.9);
$before = answer("SELECT sum(misses) FROM vnstream_symbols");
sweep('1');
is(answer("SELECT sum(misses) FROM vnstream_symbols"), $before, 'a board that is nearly empty is nobody\'s miss');
simulator_mode($simulator, mode => '500', path => 'getList');
sweep('1');
is(answer("SELECT sum(misses) FROM vnstream_symbols"), $before, 'nor is a request that fails');
simulator_mode($simulator, mode => 'ok');
sweep('1');

# Hot symbols.
($code, $out, $error) = $node->psql('postgres', "SET vnstream.hot_symbols = 'vcb'");
like($error, qr/must be in upper case/, 'hot_symbols is checked as symbols is');
$before = answer('SELECT max(sweep) FROM vnstream_sweeps');
set(hot_symbols => 'VCB,FPT', hot_interval => '500ms');
query_until($node, 'postgres', "SELECT count(*) >= 4, min(asked), max(asked), min(answered), bool_and(error IS NULL) FROM vnstream_sweeps WHERE sweep > $before AND trigger = 'hot' AND ended IS NOT NULL", 't|2|2|2|t', 'hot symbols are asked for again and again');

# A sweep of all that takes long does not keep them waiting, and gets to its end.
set(symbols_per_request => 1, requests_in_flight => 1);
simulator_mode($simulator, mode => 'slow', delay => 0.1, path => 'getList');
is(sweep("concat_ws(' ', asked, answered)"), '42 40', 'a slow sweep of all ends');
is(answer("SELECT count(*) >= 3 FROM vnstream_sweeps AS h, (SELECT * FROM vnstream_sweeps WHERE trigger = 'request' ORDER BY sweep DESC LIMIT 1) AS f WHERE h.trigger = 'hot' AND h.started > f.started AND h.ended < f.ended"), 't', 'with hot ones in between');
is(answer("SELECT count(*) FROM vnstream_sweeps AS a JOIN vnstream_sweeps AS b ON a.trigger = 'hot' AND b.trigger = 'hot' AND a.sweep < b.sweep AND b.started < a.ended"), '0', 'which do not overlap each other');
my @requests = grep { $_->{path} =~ /getList/ && defined $_->{seconds} } @{ simulator_get($simulator, 'requests')->{requests} };
my $together = 0;
foreach my $i (1 .. $#requests)
{
	$together++ if $requests[$i]{at} < $requests[ $i - 1 ]{at} + $requests[ $i - 1 ]{seconds} - 0.01;
}
is($together, 0, 'no two requests were made at the same time, as there is to be one');
simulator_mode($simulator, mode => 'ok');
my $others = answer("SELECT count(*) FROM vnstream_sweeps WHERE trigger <> 'hot'");
answer("UPDATE vnstream_sweeps SET ended = ended - interval '25 h' WHERE trigger = 'hot'");
my $old = answer("SELECT max(sweep) FROM vnstream_sweeps WHERE trigger = 'hot' AND ended < now() - interval '24 h'");
answer("UPDATE vnstream_sweeps SET answered = answered - waiting, waiting = 0 WHERE trigger = 'hot' AND sweep < $old");
answer("SELECT vnstream_restart('producer')");
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_sweeps WHERE trigger = 'hot' AND sweep < $old", '0', 'rows of hot sweeps are kept for a day');
cmp_ok(answer("SELECT count(*) FROM vnstream_sweeps WHERE trigger <> 'hot'"), '>=', $others, 'the others stay');
set(hot_symbols => '');

# Who may read, and that a dump carries it.
answer('CREATE ROLE stranger');
($code, $out, $error) = $node->psql('postgres', 'SET ROLE stranger; SELECT * FROM vnstream_symbols');
like($error, qr/permission denied for table vnstream_symbols/, 'not for everybody');
($code, $out, $error) = $node->psql('postgres', 'SET ROLE stranger; SELECT vnstream_refresh_symbols()');
like($error, qr/permission denied for function/, 'nor the function');
answer('SET ROLE pg_monitor; SELECT count(*) FROM vnstream_symbols, LATERAL (SELECT 1 FROM vnstream_symbol_history LIMIT 1) AS h');
answer("SELECT vnstream_stop()");
answer("SELECT vnstream_wait('stopped')");
answer('CREATE DATABASE copy');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/symbols.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'a dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', $dump ], 'restored');
foreach my $table (qw(vnstream_symbols vnstream_symbol_history vnstream_symbol_refreshes))
{
	my $rows = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM $table AS t";
	is($node->safe_psql('copy', $rows), $node->safe_psql('postgres', $rows), "$table is the same");
}

done_testing();
