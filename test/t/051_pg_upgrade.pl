# pg_upgrade of a server that has run the pipeline, to one that has the library
# preloaded as well: no worker runs meanwhile, everything arrives, and the new
# server goes on by itself where the old one stood.  (The same major version on
# both sides, which pg_upgrade allows; test/upgrade-test does it from 15 to 17.)
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $symbols = 100;
my $simulator = start_simulator('--symbols', $symbols, '--unknown', '0');
my $topic = new_topic();
my %settings = (
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	consumers => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	# that is where processes are named that start
	server => { log_min_messages => 'debug1' });
my $old = new_server('old', %settings);
my $moment = 0;

# Messages of the old form, each of its own moment; some are rubbish.
sub produce_more
{
	my ($quotes, $rubbish) = @_;

	produce(broker_address(), $topic,
		[
			(map {
				my $ticker = sprintf('T%02d', ++$moment % 40);
				[ $ticker, sprintf('{"ticker": "%s", "time": "2026-08-04T09:%02d:%02d", "price": 10000, "volume": %d}',
						$ticker, $moment / 60 % 60, $moment % 60, $moment) ]
			} 1 .. $quotes),
			map { [ "R$_", "rubbish $_ of $moment" ] } 1 .. $rubbish ]);
	return;
}

# The extension's tables (r) or sequences (S), by name.
sub members
{
	my ($node, $kind) = @_;

	return split /\n/, $node->safe_psql('quotes',
		"SELECT relname FROM pg_class WHERE relkind = '$kind' AND oid IN (SELECT objid FROM pg_depend d JOIN pg_extension e"
		  . " ON d.refobjid = e.oid WHERE extname = 'vnstock_stream' AND deptype = 'e' AND classid = 'pg_class'::regclass) ORDER BY 1");
}

# Every row and sequence, and what the database is to run.
sub contents
{
	my ($node) = @_;

	return $node->safe_psql('quotes', join(' UNION ALL ',
		(map { "SELECT '$_', count(*), md5(string_agg(t::text, '' ORDER BY t::text COLLATE \"C\")) FROM $_ t" }
			  'realtime_quotes', members($node, 'r')),
		(map { "SELECT '$_', last_value, is_called::text FROM $_" } members($node, 'S')),
		"SELECT 'settings', 0, array_to_string(setconfig, ' ') FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'quotes'"));
}

# ---- before: rows, dead letters, and a sweep that Kafka has not got

$old->safe_psql('postgres', 'CREATE DATABASE quotes');
start_pipeline($old, 'quotes');
query_until($old, 'quotes', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
produce_more(300, 7);
query_until($old, 'quotes', 'SELECT sum(next_offset) FROM vnstream_positions', $symbols + 307, 'all of it is stored');
$old->adjust_conf('postgresql.conf', 'vnstream.brokers', "'127.0.0.1:1'");
$old->reload;
query_until($old, 'quotes', "SELECT count(*) FROM vnstream_status() WHERE waiting_for ~ '^the broker'", '3', 'the broker goes away');
$old->safe_psql('quotes', 'SELECT vnstream_sweep()');
query_until($old, 'quotes', "SELECT sum(waiting) >= $symbols AND bool_and(ended IS NOT NULL) FROM vnstream_sweeps", 't', 'what is fetched waits in the outbox');
my $segments = $old->safe_psql('quotes', 'SELECT string_agg(segment::text, \' \' ORDER BY segment) FROM vnstream_segments WHERE closed_at IS NULL');
$old->append_conf('postgresql.conf', 'vnstream.enabled = off');
$old->reload;
is($old->safe_psql('quotes', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'the workers end, though they are to run');
my $before = contents($old);
like($before, qr/^settings\|0\|.*vnstream\.run=all/m, 'which is a setting of the database');
$old->stop('fast');
# meanwhile others go on
produce_more(200, 3);

# ---- pg_upgrade

my $new = new_server('new', %settings, enabled => 'off');
$new->stop('fast');
chdir PostgreSQL::Test::Utils::tempdir() or die;    # it leaves a script
my $is_done = run_log(
	[
		'pg_upgrade', '--no-sync', '--retain', '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $old->config_data('--bindir'), '-B', $new->config_data('--bindir'),
		'-s', $new->host, '-p', $old->port, '-P', $new->port ]);
ok($is_done, 'pg_upgrade') or diag(map { slurp_file($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/*.txt'));
my $log = join('', map { slurp_file($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_server*.log'));
like($log, qr/starting/, 'there is a log of its servers');
unlike($log, qr/vnstream (?:launcher|scout|producer|consumer)/, 'no worker ran during pg_upgrade');

# ---- what has arrived, while nothing moves

$new->start;
is(contents($new), $before, 'every table, sequence and setting is as it was');
is($new->safe_psql('quotes', "SELECT string_agg(DISTINCT state, ' ') FROM vnstream_status() WHERE worker <> 'launcher'"), 'stopped', 'vnstream.enabled = off keeps workers down');
$new->adjust_conf('postgresql.conf', 'vnstream.enabled', 'on');
$new->restart;

# ---- it goes on

is($new->safe_psql('quotes', "SELECT vnstream_wait('running', '60 s')"), 't', 'the workers start by themselves');
is($new->safe_psql('quotes', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'and catch up');
my $quotes = 500 + $new->safe_psql('quotes', 'SELECT sum(answered) FROM vnstream_sweeps');
is($new->safe_psql('quotes', 'SELECT sum(next_offset), (SELECT count(*) FROM realtime_quotes), (SELECT count(*) FROM vnstream_dead_letters) FROM vnstream_positions'),
	join('|', $quotes + 10, $quotes, 10), 'each message is a row or a dead letter, once');
is($new->safe_psql('quotes', 'SELECT sum(duplicates), sum(gaps) FROM vnstream_segments'), '0|0', 'nothing was read again, nothing left out');
is($new->safe_psql('quotes', 'SELECT string_agg(segment::text, \' \' ORDER BY segment) FROM vnstream_segments WHERE closed_at IS NULL'), $segments, 'the same segments go on');
is($new->safe_psql('quotes', 'SELECT count(*) FROM vnstream_outbox'), '0', 'the outbox is sent');
is($new->safe_psql('quotes', 'SELECT sum(waiting), sum(published) = sum(answered) FROM vnstream_sweeps'), '0|t', 'each sweep is published');
is(account($new, 'quotes'), '', 'the account is exact');
is($new->safe_psql('quotes', 'SELECT count(*) FROM vnstream_audit(true) WHERE difference <> 0 OR NOT isempty(missing)'), '0', 'the deep audit too');
my $sweep = $new->safe_psql('quotes', 'SELECT vnstream_sweep()');
query_until($new, 'quotes', "SELECT answered, error FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", "$symbols|", 'the next sweep has the next number, and works');
is($new->safe_psql('quotes', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
query_until($new, 'quotes', "SELECT string_agg(worker || ' ' || state, ', ' ORDER BY worker) FROM vnstream_status() WHERE worker <> 'launcher'",
	'consumer 1 running, consumer 2 running, producer running', 'all run');

done_testing();
