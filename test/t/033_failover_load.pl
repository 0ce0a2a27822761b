# Fail-over under load: the whole market, sweep after sweep, while faults begin
# and end in the middle of them, now at one source and now at the other. No
# symbol is missing in any sweep, none comes twice, and each sweep adds up.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $symbols = 1600;
my $simulator = start_simulator('--symbols', $symbols, '--unknown', '0', '--activity', '1');
my $node = new_server(
	'failover_load',
	brokers => broker_address(),
	topic => new_topic(),
	sources => 'vci, kbs',
	vci_url => "$simulator->{url}api/",
	kbs_url => "$simulator->{url}iis-server/investment/",
	interval => '3600s',
	http_timeout => '2s');

sub sql { return $node->safe_psql('postgres', $_[0]); }

start_pipeline($node);
query_until($node, 'postgres', q{SELECT count(*) > 0 FROM vnstream_sweeps WHERE ended IS NOT NULL}, 't', 'the first sweep');

# What begins after how many requests to a source, and how often it happens. The
# second source stumbles at most twice where the first one is given up for long.
my @faults = (
	[],
	[ { mode => '403', source => 'vci', after => 7 } ],
	[ { mode => '503', source => 'vci', count => 9 } ],
	[ { mode => 'truncated', source => 'vci', after => 3, count => 2 }, { mode => 'reset', source => 'vci', after => 9, count => 2 } ],
	[ { mode => 'html', source => 'vci', after => 20 }, { mode => '503', source => 'kbs', after => 4, count => 2 } ],
	[ { mode => 'partial', source => 'vci', fraction => 0.2 } ],
	[ { mode => '429', source => 'vci', after => 1, retry_after => 30 }, { mode => 'partial_once', source => 'kbs', fraction => 0.2 } ],
	[ { mode => '503', source => 'vci', after => 12, count => 3 }, { mode => '503', source => 'kbs', count => 3 } ],
	[ { mode => 'slow', source => 'vci', delay => 0.1, after => 5 }, { mode => 'cut', source => 'vci', after => 12, count => 3, add => JSON::PP::true } ],
	[ { mode => '400', source => 'vci', after => 8, count => 2 } ],
	[ { mode => 'told', status => 503, source => 'vci' } ],
	[ { mode => 'empty', source => 'vci' } ]);
my $first = sql('SELECT max(sweep) + 1 FROM vnstream_sweeps');

foreach my $round (1 .. 2)
{
	foreach my $rules (@faults)
	{
		my $sweep;

		simulator_mode($simulator, mode => 'ok');
		simulator_mode($simulator, %$_, path => $_->{source} eq 'vci' ? 'getList' : 'stock/iss', add => JSON::PP::true) foreach @$rules;
		$sweep = sql('SELECT vnstream_sweep()');
		wait_for(sub { sql("SELECT ended IS NOT NULL FROM vnstream_sweeps WHERE sweep = $sweep") eq 't' }, "sweep $sweep")
		  or last;
		is(sql("SELECT asked, answered, missing FROM vnstream_sweeps WHERE sweep = $sweep"), "$symbols|$symbols|0",
			'nothing missing: ' . (join(' and ', map { "$_->{source} $_->{mode}" } @$rules) || 'all well'))
		  or diag(sql("SELECT to_jsonb(s) FROM vnstream_sweeps s WHERE sweep = $sweep"));
	}
}
simulator_mode($simulator, mode => 'ok');
query_until($node, 'postgres', "SELECT sum(waiting) FROM vnstream_sweeps", '0', 'Kafka has them all');
is(sql(q{SELECT vnstream_wait('caught up', '60 s')}), 't', 'and so has the table');
is(sql("SELECT count(*) FROM vnstream_sweeps WHERE answered <> published + unchanged + rejected OR answered <> asked"), '0', 'each sweep adds up');
is(sql("SELECT count(*) > 6, count(DISTINCT source) FROM vnstream_sweeps WHERE sweep >= $first AND source = 'vci, kbs'"), 't|1', 'in many of them both have answered');
is(sql(q{SELECT count(*) FROM (SELECT ticker FROM realtime_quotes q JOIN vnstream_sweeps s ON q.time BETWEEN s.started AND s.ended
	GROUP BY s.sweep, ticker HAVING count(*) > 1) t}), '0', 'no symbol comes twice in a sweep');
is(sql(q{SELECT count(*) FROM (SELECT time - lag(time) OVER (PARTITION BY ticker ORDER BY kafka_partition, kafka_offset) AS step
	FROM realtime_quotes) t WHERE step <= interval '0'}), '0', 'and each one\'s quotes are in the order of their time');
is(account($node, 'postgres'), '', 'the account is good');
done_testing();
