# Two sources: what one does not answer the other does, in the same sweep; a
# source that refuses is left alone and tried again; no symbol is missing while
# either is well, and each row says which one it is of.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VnstreamTest;

my $simulator = start_simulator('--symbols', '400', '--unknown', '3', '--activity', '1');
my $node = new_server(
	'failover',
	brokers => broker_address(),
	topic => new_topic(),
	sources => 'vci, kbs',
	vci_url => "$simulator->{url}api/",
	kbs_url => "$simulator->{url}iis-server/investment/",
	interval => '3600s',
	http_timeout => '2s',
	symbols_per_request => 20,
	server => { timezone => 'UTC', log_timezone => 'UTC' });

sub sql { return $node->safe_psql('postgres', $_[0]); }

# A sweep that was asked for, once it has ended and Kafka has acknowledged it:
# source, asked, answered, missing, rejected, whether it had an error.
sub sweep
{
	my ($name, $expected) = @_;
	my $number = sql('SELECT vnstream_sweep()');

	query_until($node, 'postgres',
		"SELECT source, asked, answered, missing, rejected, error IS NOT NULL FROM vnstream_sweeps"
		  . " WHERE sweep = $number AND ended IS NOT NULL AND waiting = 0",
		$expected, $name)
	  or diag(sql("SELECT to_jsonb(s) FROM vnstream_sweeps s WHERE sweep = $number"));
	return $number;
}

# Rows of a sweep's time by source, once they are stored.
sub stored_by_source
{
	my ($number, $expected, $name) = @_;

	return query_until($node, 'postgres',
		"SELECT string_agg(source || ' ' || n, ', ' ORDER BY source) FROM (SELECT q.source, count(DISTINCT ticker) AS n"
		  . " FROM realtime_quotes q, vnstream_sweeps s WHERE s.sweep = $number AND q.time BETWEEN s.started AND s.ended GROUP BY 1) t",
		$expected, $name);
}

sub states
{
	return sql(q{SELECT string_agg(source || ' ' || state, ', ' ORDER BY preference) FROM vnstream_sources()});
}

# Requests to the first source, of any kind.
sub asked_vci
{
	my $paths = simulator_get($simulator, 'state')->{requests};
	my $sum = 0;

	$sum += $paths->{$_} foreach grep { m{^/api/} } keys %$paths;
	return $sum;
}

sub mode { return simulator_mode($simulator, @_); }

start_pipeline($node);
query_until($node, 'postgres', q{SELECT count(*) > 0 FROM vnstream_sweeps WHERE ended IS NOT NULL}, 't', 'the first sweep');

# Three symbols are listed and no board knows them: asked for twice at the first
# source and once at the second.
my $number = sweep('both are well: the first one answers', 'vci|403|400|3|0|f');
stored_by_source($number, 'vci 400', 'and every row is its own');
is(states(), 'vci closed, kbs closed', 'both may be asked');
is(sql(q{SELECT status FROM vnstream_health()}), 'ok', 'all is well');
is(sql(q{SELECT request_limit || ' ' || (requests > 20) FROM vnstream_sources() WHERE source = 'vci'}), '6000 true', 'requests are counted');

# The first one refuses: within the same sweep the other answers.
mode(mode => '403', source => 'vci');
$number = sweep('refused: the other answers within the same sweep', 'kbs|403|400|3|0|t');
stored_by_source($number, 'kbs 400', 'all symbols are there, of the other');
is(states(), 'vci open, kbs closed', 'the first one is left alone');
is(sql(q{SELECT retry_at - since BETWEEN '300 s' AND '376 s', failures, last_error ~ 'refused with status 403' FROM vnstream_sources() WHERE source = 'vci'}),
	't|1|t', 'for five minutes, as a block says who is meant');
like(sql(q{SELECT status || ' ' || array_to_string(reasons, '; ') FROM vnstream_health()}),
	qr/^degraded .*source vci is not well, and left alone until/, 'health says so, though quotes flow');
is(sql(q{SELECT state FROM vnstream_status() WHERE worker = 'producer'}), 'running', 'the producer runs');
like(sql(q{SELECT string_agg(message, '; ') FROM vnstream_log(50, 'producer')}),
	qr/source vci is left alone until \d\d:\d\d:\d\d: .*refused with status 403/, 'and it is an event');
is(sql(q{SELECT count(DISTINCT source) FROM realtime_quotes}), '2', 'each row says its source');
is(sql(q{SELECT count(*) FROM realtime_quotes WHERE source = 'kbs' AND (match_time IS NOT NULL OR foreign_buy_value IS NOT NULL OR put_through_volume IS NULL)}),
	'0', 'with what that source has and has not');

# Well again: somebody asks, one request tries it, and it is back.
mode(mode => 'ok');
my $before = sql('SELECT now()');
$number = sweep('well again: both answer', 'vci, kbs|403|400|3|0|f');
is(states(), 'vci closed, kbs closed', 'the first one may be asked again');
$number = sweep('and all is the first one\'s', 'vci|403|400|3|0|f');
stored_by_source($number, 'vci 400', 'row by row');
query_until($node, 'postgres', q{SELECT status FROM vnstream_health()}, 'ok', 'health is ok again');
like(sql(q{SELECT string_agg(message, '; ') FROM vnstream_log(50, 'producer')}), qr/source vci is well again/, 'which is an event, too');

# Every way of failing goes the same way.
foreach my $case (
	[ { mode => '429', retry_after => 7 }, qr/429/, '7', 'one request too many, with a wish' ],
	[ { mode => '429', retry_after => 'Wed, 21 Oct 2065 07:28:00 GMT' }, qr/429/, '900', 'a wish as a date, far off' ],
	[ { mode => '429', cloudflare => JSON::PP::true }, qr/429/, '60', 'a limit of the network in front' ],
	[ { mode => 'html' }, qr/web page instead of JSON/, '300', 'a challenge with status 200' ],
	[ { mode => '403_json' }, qr/403.*Forbidden/, '60', 'refused in JSON' ],
	[ { mode => 'told', status => 429 }, qr/status 429, told in a body/, '60', 'told in a body of status 200' ],
	[ { mode => 'truncated' }, qr/no board/, '1', 'half an answer' ],
	[ { mode => '503' }, qr/503/, '1', 'away behind its proxy' ],
	[ { mode => 'reset' }, qr/failed|reset/i, '1', 'a connection that breaks' ])
{
	my ($mode, $error, $seconds, $name) = @$case;

	mode(%$mode, source => 'vci', path => 'getList');
	$number = sweep("$name: the other answers", 'kbs|403|400|3|0|t');
	like(sql("SELECT error FROM vnstream_sweeps WHERE sweep = $number"), $error, 'the sweep says why');
	# what passes may have been tried again within the sweep, and waits double
	is(sql(qq{SELECT extract(epoch FROM retry_at - since) BETWEEN $seconds - 0.1 AND CASE $seconds WHEN 1 THEN 76 ELSE $seconds * 1.25 + 0.2 END
		FROM vnstream_sources() WHERE source = 'vci' AND state = 'open'}), 't', "it is left alone for $seconds s at first");
	mode(mode => 'ok');
	sweep('then it is back', 'vci, kbs|403|400|3|0|f');
}

# What a source has told outlives the producer, and other databases know it.
mode(mode => '429', retry_after => 600, source => 'vci', path => 'getList');
sweep('a wish for ten minutes', 'kbs|403|400|3|0|t');
mode(mode => 'ok');
my $retry_at = sql(q{SELECT extract(epoch FROM retry_at) FROM vnstream_sources() WHERE source = 'vci'});
my $asked = asked_vci();
$node->safe_psql('postgres', q{SELECT vnstream_restart('producer')});
query_until($node, 'postgres', "SELECT source, answered, missing, error IS NULL FROM vnstream_sweeps WHERE trigger = 'start' AND ended IS NOT NULL ORDER BY sweep DESC LIMIT 1",
	'kbs|400|3|t', 'a producer that is started anew asks the other');
is(states(), 'vci open, kbs closed', 'as the one before it did');
is(sql(qq{SELECT extract(epoch FROM retry_at) - $retry_at BETWEEN -0.1 AND 5.1, last_error ~ 'status 429' FROM vnstream_sources() WHERE source = 'vci'}),
	't|t', 'until the same time, for the same reason');
like(sql(q{SELECT string_agg(message, '; ') FROM vnstream_log(3, 'producer')}), qr/source vci is left alone until/, 'which it says');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('postgres', 'ALTER DATABASE other SET vnstream.topic = ' . "'" . new_topic() . "'");
start_pipeline($node, 'other', 'producer');
query_until($node, 'other', q{SELECT source, answered, missing FROM vnstream_sweeps WHERE ended IS NOT NULL}, 'kbs|400|3', 'so does another database');
is($node->safe_psql('other', q{SELECT state FROM vnstream_sources() WHERE source = 'vci'}), 'open', 'that never asked it');
is(asked_vci(), $asked, 'the source was left in peace');
sql(q{ALTER SYSTEM SET vnstream.vci_url = '} . "$simulator->{url}elsewhere/../api/'");
$node->reload;
query_until($node, 'postgres', q{SELECT state FROM vnstream_sources() WHERE source = 'vci'}, 'closed', 'elsewhere it has not refused');
sql('ALTER SYSTEM RESET vnstream.vci_url');
$node->reload;
query_until($node, 'postgres', q{SELECT state FROM vnstream_sources() WHERE source = 'vci'}, 'open', 'but here it has');
sweep('somebody wants it tried', 'vci, kbs|403|400|3|0|f');
$node->safe_psql('other', q{SELECT vnstream_stop()});
is($node->safe_psql('other', q{SELECT vnstream_wait('stopped', '60 s')}), 't', 'the other database has done its part');
$node->safe_psql('postgres', q{SELECT vnstream_restart('producer')});
query_until($node, 'postgres', "SELECT source, answered, missing, error IS NULL FROM vnstream_sweeps WHERE trigger = 'start' AND ended IS NOT NULL ORDER BY sweep DESC LIMIT 1",
	'vci|400|3|t', 'once it is well, the next one knows that, too');

# What an answer leaves out the other is asked for.
mode(mode => 'partial', source => 'vci', path => 'getList', symbols => [ 'VCB', 'FPT', 'HPG' ]);
$number = sweep('left out: those alone are the other\'s', 'vci, kbs|403|400|3|0|f');
stored_by_source($number, 'kbs 3, vci 397', 'and no symbol comes twice');
is(states(), 'vci closed, kbs closed', 'which is no fault');

# A slow second source is none of the first one's business.
mode(mode => 'slow', source => 'kbs', delay => 1.5);
sweep('only the other is slow', 'vci|403|400|3|0|f');

# A source that hangs costs a sweep its timeout, once.
mode(mode => 'hang', source => 'vci', path => 'getList');
sweep('the first one hangs', 'kbs|403|400|3|0|t');
mode(mode => 'ok');
sweep('and answers again', 'vci, kbs|403|400|3|0|f');

# Both are down: the producer backs off, and says so.
mode(mode => '403_plain', source => 'vci');
mode(mode => '503', source => 'kbs', add => JSON::PP::true);
my $failed = sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT answered, missing, error IS NOT NULL FROM vnstream_sweeps WHERE sweep = $failed AND ended IS NOT NULL",
	'0|403|t', 'both are down: nothing is answered');
query_until($node, 'postgres', q{SELECT state FROM vnstream_status() WHERE worker = 'producer'}, 'backing off', 'the producer backs off');
is(states(), 'vci open, kbs open', 'from both');
mode(mode => 'ok');
sweep('both are back', 'vci, kbs|403|400|3|0|f');

# The list of symbols, too, comes from the other where the first refuses.
mode(mode => '403_plain', source => 'vci', path => 'getAll');
sql('SELECT vnstream_refresh_symbols()');
query_until($node, 'postgres',
	q{SELECT source, listed > 400, error IS NULL FROM vnstream_symbol_refreshes WHERE ended IS NOT NULL ORDER BY refresh DESC LIMIT 1},
	'kbs|t|t', 'the list of the other');

# It stands in, and no more: it adds what is new, but what it has not and what it
# says otherwise is the first one's to tell, as are the members of an index.
my $symbols = q{SELECT md5(string_agg(concat_ws('|', ticker, exchange, kind, name, isin, listed_shares, trading_status, active, groups), ',' ORDER BY ticker)) FROM vnstream_symbols WHERE ticker <> 'NEW'};
my $facts = sql($symbols);
my $changes = sql('SELECT count(*) FROM vnstream_symbol_history');
simulator_post($simulator, 'listing', { add => [ { symbol => 'NEW', board => 'HSX' } ], remove => [ 'HPG', 'SHS' ],
	rename => { FPT => 'FPT Mot' }, move => { ACV => 'HSX' } });
sql('SELECT vnstream_refresh_symbols()');
query_until($node, 'postgres',
	q{SELECT concat_ws(' ', source, added, changed, removed, returned, error) FROM vnstream_symbol_refreshes WHERE ended IS NOT NULL ORDER BY refresh DESC LIMIT 1},
	'kbs 1 0 0 0', 'the list of the other adds a symbol, and changes none');
mode(mode => '403_plain', source => 'vci');
sweep('and boards of the other', 'kbs|404|401|3|0|t');
is(sql($symbols), $facts, 'not a fact of a symbol has changed');
is(sql("SELECT count(*) - $changes, string_agg(ticker || ' ' || field, ',') FILTER (WHERE ticker = 'NEW') FROM vnstream_symbol_history"), '1|NEW active', 'and so says the history');
mode(mode => 'ok');
sweep('the first one, whose refusal counts until it is tried, is back', 'vci, kbs|404|401|3|0|f');
# somebody acts; else the first one's own list is tried for in an hour
$node->reload;
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_settings() WHERE NOT in_use', '0', 'the settings are in use');
my $next = sql('SELECT vnstream_sweep()');
query_until($node, 'postgres',
	q{SELECT concat_ws(' ', trigger, source, added, changed, removed, returned, error) FROM vnstream_symbol_refreshes WHERE ended IS NOT NULL ORDER BY refresh DESC LIMIT 1},
	'daily vci 0 2 2 0', 'its own list of the day is asked for, and counts');
query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_sweeps WHERE sweep = $next", 't', 'then the sweep is made');
simulator_post($simulator, 'listing', { clear => JSON::PP::true() });
sql('SELECT vnstream_refresh_symbols()');
query_until($node, 'postgres',
	q{SELECT concat_ws(' ', source, added, changed, removed, returned, error) FROM vnstream_symbol_refreshes WHERE ended IS NOT NULL ORDER BY refresh DESC LIMIT 1},
	'vci 0 2 1 2', 'as it was');

# A look at either.
is(sql(q{SELECT status, quote->>'source', error IS NULL FROM vnstream_fetch('VCB')}), '200|vci|t', 'a look at the first');
is(sql(q{SELECT status, quote->>'source', error IS NULL, url ~ 'stock/iss$' FROM vnstream_fetch('VCB', 'kbs')}), '200|kbs|t|t', 'and at the other');
my $request = simulator_get($simulator, 'state')->{last_request};
is($request->{headers}{'x-lang'}, 'vi', 'with the headers that it wants');
ok(!exists $request->{headers}{Origin} && !exists $request->{headers}{Referer}, 'and without those that it does not');
is(sql(q{SELECT string_agg(result, ',') FROM (SELECT DISTINCT result FROM vnstream_check() WHERE name LIKE 'source %: answer') c}), 'ok',
	'vnstream_check() looks at both');
is(sql(q{SELECT count(*) FROM vnstream_check() WHERE name IN ('source vci: quote', 'source kbs: quote') AND result = 'ok'}), '2', 'step by step');

# Settings that cannot be.
foreach my $case ([ 'tcbs', qr/There is no source "tcbs"/ ], [ 'vci, vci', qr/is in the list twice/ ], [ '', qr/empty name/ ], [ 'vci,', qr/empty name/ ])
{
	my ($code, $out, $err) = $node->psql('postgres', "SET vnstream.sources = '$case->[0]'");

	like($err, $case->[1], "sources '$case->[0]': refused");
	like($err, qr/HINT:.*'vci, kbs'/, 'with a hint');
}

# The order of preference is a setting.
$node->safe_psql('postgres', q{ALTER SYSTEM SET vnstream.sources = 'kbs, vci'});
$node->reload;
query_until($node, 'postgres', q{SELECT string_agg(source || ' ' || coalesce(state, ''), ', ' ORDER BY preference) FROM vnstream_sources()},
	'kbs closed, vci closed', 'the other way round');
sweep('the other one is the first one now', 'kbs|403|400|3|0|f');

is(account($node, 'postgres'), '', 'the account is good');
done_testing();
