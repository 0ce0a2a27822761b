# A streaming standby: nothing runs there but reading; promoted, it goes on from
# the positions that it has, which may be older than the primary's last ones.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '200', '--unknown', '0');
my $topic = new_topic();
my $primary = new_server(
	'primary',
	init => { allows_streaming => 1 },
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s');
my $moment = 0;

sub produce_more
{
	my ($quotes) = @_;
	my @messages;

	for my $i (1 .. $quotes)
	{
		my $ticker = sprintf('T%02d', ++$moment % 40);
		my $time = sprintf('2026-08-04T09:%02d:%02d', $moment / 60 % 60, $moment % 60);

		push @messages, [ $ticker, qq({"ticker": "$ticker", "time": "$time", "price": 10000, "volume": $moment}) ];
	}
	produce(broker_address(), $topic, \@messages);
	return;
}

# What of the first messages of each partition became rows.  created_at is when
# a row was stored, and so another one when it is stored anew.
sub rows_before
{
	my ($server, @ends) = @_;

	return $server->safe_psql('postgres',
		"SELECT kafka_partition, count(*), md5(string_agg((to_jsonb(q) - 'created_at')::text, '' ORDER BY kafka_offset))"
		  . " FROM realtime_quotes q WHERE kafka_offset < (ARRAY[$ends[0], $ends[1]])[kafka_partition + 1] GROUP BY 1 ORDER BY 1");
}

$primary->backup('base');
start_pipeline($primary);
query_until($primary, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
produce_more(100);
is($primary->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

# On the standby: looking, no more.
is($standby->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), '300', 'the quotes are on the standby');
is($standby->safe_psql('postgres',
		"SELECT string_agg(concat_ws(' ', worker, state, pid, waiting_for), ', ' ORDER BY worker) FROM vnstream_status()"),
	'consumer 1 stopped, launcher stopped promotion: this server is a standby, producer stopped',
	'vnstream_status() says that nothing runs, and why');
is($standby->safe_psql('postgres', 'SELECT status, reasons, since < now() FROM vnstream_health()'), 'ok|{}|t',
	'a standby is well, with nothing running');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM vnstream_log(), vnstream_progress()'), '0', 'and has nothing to tell');
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'vnstream'"), '0',
	'nor does anything run');
is($standby->safe_psql('postgres', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'which vnstream_wait() knows');
is($standby->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'it can tell that all of Kafka has arrived');
foreach my $call ('vnstream_start()', 'vnstream_stop()', 'vnstream_restart()', 'vnstream_sweep()',
	'vnstream_replay_dead_letters()', "vnstream_purge_dead_letters('1 day')", "vnstream_import('vnstream_positions')")
{
	my ($code, $out, $err) = $standby->psql('postgres', "SELECT * FROM $call");
	my $name = $call =~ s/\(.*//r;

	isnt($code, 0, "$call fails");
	like($err, qr/ERROR:  cannot execute $name\(\) in a read-only transaction/, "and says why");
}

# The standby falls behind: what the primary stores from now on, it never gets.
$standby->safe_psql('postgres', "ALTER SYSTEM SET primary_conninfo = ''");
$standby->reload;
query_until($primary, 'postgres', 'SELECT count(*) FROM pg_stat_replication', '0', 'replication is cut');
produce_more(150);
my $sweep = $primary->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($primary, 'postgres', "SELECT answered, waiting FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL",
	'200|0', 'one more sweep');
is($primary->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), '650', 'the primary has stored all of it');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), '300', 'the standby has not');
my @ends = split /\n/, $primary->safe_psql('postgres', 'SELECT next_offset FROM vnstream_positions ORDER BY partition');
my $before = rows_before($primary, @ends);
$primary->stop('immediate');
produce_more(50);

# Promoted, it starts by itself.
$standby->promote;
query_until($standby, 'postgres',
	"SELECT string_agg(worker || ' ' || state, ', ' ORDER BY worker) FROM vnstream_status()",
	'consumer 1 running, launcher running, producer running', 'promoted, all workers run');
query_until($standby, 'postgres',
	"SELECT trigger, answered, waiting FROM vnstream_sweeps WHERE ended IS NOT NULL ORDER BY sweep DESC LIMIT 1",
	'start|200|0', 'the next sweep is made here');
is($standby->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
is(rows_before($standby, @ends), $before, 'it has every row that the lost primary had');
is($standby->safe_psql('postgres',
		'SELECT (SELECT count(*) FROM realtime_quotes), (SELECT sum(next_offset) FROM vnstream_positions),'
		  . ' sum(stored), sum(duplicates), sum(dead_letters), sum(gaps), count(*) FROM vnstream_segments'),
	'900|900|900|0|0|0|2', 'and every later one, none twice, none left out');
is(account($standby, 'postgres'), '', 'the account is exact');
$standby->safe_psql('postgres', 'SELECT vnstream_stop()');
is($standby->safe_psql('postgres', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'and is stopped as any other');

done_testing();
