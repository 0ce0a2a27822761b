# A database that has run the pipeline, dumped and restored: everything arrives,
# the copy waits to be started, and it goes on where the dump was made.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '200', '--unknown', '0');
my $topic = new_topic();
my $dumps = PostgreSQL::Test::Utils::tempdir();
my %settings = (
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s');
my $node = new_server('dump', %settings);

# Messages of the old form, each of its own moment; some are rubbish.
my $moment = 0;

sub produce_more
{
	my ($quotes, $rubbish) = @_;
	my @messages;

	for my $i (1 .. $quotes)
	{
		my $ticker = sprintf('T%02d', ++$moment % 40);
		my $time = sprintf('2026-08-04T09:%02d:%02d', $moment / 60 % 60, $moment % 60);

		push @messages, [ $ticker, qq({"ticker": "$ticker", "time": "$time", "price": 10000, "volume": $moment}) ];
	}
	push @messages, map { [ "R$_", "rubbish $_ of $moment" ] } 1 .. $rubbish;
	produce(broker_address(), $topic, \@messages);
	return;
}

# Every row that a dump has to carry, and where the sequences stand: one line
# a table, with the number of its rows.
sub contents
{
	my ($server, $database) = @_;

	return $server->safe_psql($database, join(' UNION ALL ',
		(map { "SELECT '$_', count(*), md5(string_agg(t::text, '' ORDER BY t::text COLLATE \"C\")) FROM $_ t" }
			  'realtime_quotes', members($server, $database, 'r')),
		(map { "SELECT '$_', last_value, is_called::text FROM $_" } members($server, $database, 'S'))));
}

# The extension's tables (r) or sequences (S), by name.
sub members
{
	my ($server, $database, $kind) = @_;

	return split /\n/, $server->safe_psql($database,
		"SELECT relname FROM pg_class WHERE relkind = '$kind' AND oid IN (SELECT objid FROM pg_depend d JOIN pg_extension e"
		  . " ON d.refobjid = e.oid WHERE extname = 'vnstock_stream' AND deptype = 'e' AND classid = 'pg_class'::regclass) ORDER BY 1");
}

# Rows for the state tables that this test's pipeline has not filled.
sub fill_the_rest
{
	my ($server, $database) = @_;

	$server->safe_psql($database, q{
		INSERT INTO vnstream_rejects (at, sweep, source, ticker, rule, verdict, reason, "row")
		VALUES (now(), 1, 'vci', 'T01', 'change', 'flagged', E'a "reason"\\twith\\\\all', '{"ticker": "T01"}');
		INSERT INTO vnstream_rule_counts (day, source, rule, flagged) VALUES ('2026-08-04', 'vci', 'change', 1);
		INSERT INTO vnstream_session_overrides VALUES ('HNX', 'continuous', '09:00', '11:30', '2001-01-01', '2001-01-31');
		INSERT INTO vnstream_holiday_overrides VALUES ('2001-01-02', NULL, false, 'a market day');
		INSERT INTO vnstream_symbols (ticker, groups, active, first_seen, updated_at) VALUES ('GONE', '{VN30,"A B"}', false, now(), now());
		INSERT INTO vnstream_symbol_history VALUES ('GONE', now(), 'active', 'true', 'false');
		INSERT INTO vnstream_symbol_refreshes (trigger, requested, started, ended) VALUES ('request', now(), now(), now());
		INSERT INTO vnstream_bars VALUES ('T01', '1 day', '2026-08-03 00:00+07', 'vci', 1, 2, 1, 1.1, 5, NULL, now(), 'unknown', true);
		INSERT INTO vnstream_index_quotes VALUES ('VNINDEX', '2026-08-03 09:15+07', 'vci', 1, 2, 1, 1.1, NULL, NULL, now(), true);
		INSERT INTO vnstream_backfills ("from", "to", bar, requested, started, ended) VALUES ('2026-08-03', '2026-08-04', '1 day', now(), now(), now());
		INSERT INTO vnstream_dropped_months (month, partition, from_time, to_time, rows, size, dropped_at, dropped_by)
		VALUES ('2020-01-01', 'realtime_quotes_2020_01', '2020-01-01 00:00+07', '2020-02-01 00:00+07', 1, 8192, now(), 'retention');
		INSERT INTO vnstream_dropped_offsets VALUES (1, 0, 1, 1)});
	return;
}

sub rows_by_offset
{
	my ($server, $database) = @_;

	# created_at is when a row was stored, so each database's own
	return $server->safe_psql($database,
		"SELECT count(*), md5(string_agg((to_jsonb(q) - 'created_at')::text, '' ORDER BY kafka_partition, kafka_offset)) FROM realtime_quotes q");
}

sub is_passed
{
	my ($server, $database, $count, $name) = @_;

	return query_until($server, $database, 'SELECT sum(next_offset) FROM vnstream_positions', $count, $name);
}

sub restore
{
	my ($dump, $copy, @options) = @_;

	$node->command_ok([ 'createdb', $copy ], "createdb $copy");
	if ($dump =~ /\.sql$/)
	{
		$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $copy, '-f', $dump ],
			"$copy: psql -1");
	}
	else
	{
		$node->command_ok([ 'pg_restore', '-e', '-j2', '-d', $copy, $dump ], "$copy: pg_restore -e -j2");
	}
	return;
}

# The original: a sweep, messages of others, rubbish; and a sweep that Kafka has
# not got, because the broker cannot be reached.
$node->safe_psql('postgres', 'CREATE DATABASE original; CREATE ROLE analyst');
start_pipeline($node, 'original');
query_until($node, 'original', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
produce_more(300, 7);
is_passed($node, 'original', 507, 'all of it is stored');
$node->safe_psql('original', "ALTER DATABASE original SET vnstream.brokers = '127.0.0.1:1'");
query_until($node, 'original', 'SELECT sum(waiting) FROM vnstream_sweeps WHERE ended IS NOT NULL', '200',
	'another sweep waits in the outbox');
$node->safe_psql('original',
	'GRANT SELECT ON vnstream_dead_letters TO analyst; GRANT EXECUTE ON FUNCTION vnstream_sweep() TO analyst');
is($node->safe_psql('original', "SELECT setconfig @> '{vnstream.run=all}' FROM pg_db_role_setting s"
		  . " JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = 'original'"), 't', 'the original is to run');

query_until($node, 'original', 'SELECT count(*) FROM vnstream_symbol_refreshes WHERE ended IS NULL', '0', 'symbols are known');
fill_the_rest($node, 'original');

my $before = contents($node, 'original');
like($before, qr/^realtime_quotes\|500\|.*^vnstream_dead_letters\|7\|.*^vnstream_positions\|2\|.*^vnstream_segments\|2\|.*^vnstream_sweeps\|2\|/ms,
	'what the pipeline has stored');
cmp_ok($before =~ tr/\n//, '>=', 24, 'and all tables and sequences of the extension');
unlike($before, qr/^\w+\|0\|/m, 'there is something in each');

$node->command_ok([ 'pg_dump', '-f', "$dumps/plain.sql", 'original' ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dumps/custom", 'original' ], 'pg_dump -Fc');
is(contents($node, 'original'), $before, 'nothing has changed meanwhile');
restore("$dumps/plain.sql", 'plain');
restore("$dumps/custom", 'custom');

foreach my $copy ('plain', 'custom')
{
	is(contents($node, $copy), $before, "$copy: everything has arrived, sequences too");
	is(account($node, $copy), '', "$copy: its account is exact");
	is($node->safe_psql($copy, "SELECT has_table_privilege('analyst', 'vnstream_dead_letters', 'SELECT'),"
			  . " has_function_privilege('analyst', 'vnstream_sweep()', 'EXECUTE'),"
			  . " (SELECT relowner::regrole FROM pg_class WHERE relname = 'realtime_quotes')"),
		't|t|pg_database_owner', "$copy: with privileges and owners");
	is($node->safe_psql($copy, "SELECT vnstream_wait('stopped', '30 s')"), 't', "$copy: nothing runs");
	is($node->safe_psql($copy, "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = '$copy'"),
		'0', "$copy: nor is anything to run");
}

# The original ends, others go on with the topic, the copies from their positions.
$node->safe_psql('original', 'SELECT vnstream_stop()');
is($node->safe_psql('original', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'the original is stopped');
produce_more(400, 3);
start_pipeline($node, $_, 'consumer') foreach ('plain', 'custom');
is_passed($node, $_, 910, "$_: goes on to the end") foreach ('plain', 'custom');
foreach my $copy ('plain', 'custom')
{
	is($node->safe_psql($copy, 'SELECT (SELECT count(*) FROM realtime_quotes), (SELECT count(*) FROM vnstream_dead_letters),'
			  . ' sum(stored), sum(dead_letters), sum(duplicates), sum(gaps), count(*) FROM vnstream_segments'),
		'900|10|900|10|0|0|2', "$copy: each message once, none twice, none left out");
	is(account($node, $copy), '', "$copy: its account is exact");
}

# The outbox goes to Kafka from whoever starts a producer; what a second one
# sends again is absorbed.
my $first = $node->safe_psql('plain', 'SELECT min(fetched_at) FROM vnstream_outbox');
foreach my $copy ('plain', 'custom')
{
	$node->safe_psql($copy, "SELECT vnstream_start('producer')");
	is($node->safe_psql($copy, "SELECT vnstream_wait('running', '60 s')"), 't', "$copy: its producer runs");
	query_until($node, $copy, 'SELECT count(*), sum(waiting) FROM vnstream_sweeps WHERE ended IS NOT NULL AND error IS NULL', '3|0',
		"$copy: it sends the outbox, and a sweep of its own");
	$node->safe_psql($copy, "SELECT vnstream_stop('producer')");
	query_until($node, $copy, "SELECT pid IS NULL FROM vnstream_status() WHERE worker = 'producer'", 't',
		"$copy: its producer stops");
}
foreach my $copy ('plain', 'custom')
{
	is($node->safe_psql($copy, "SELECT vnstream_wait('caught up', '60 s')"), 't', "$copy: caught up");
	is($node->safe_psql($copy, "SELECT count(*) FROM realtime_quotes WHERE time = '$first'"),
		$node->safe_psql('original', "SELECT cardinality(tickers) FROM vnstream_outbox WHERE fetched_at = '$first'"),
		"$copy: the outbox is stored with the time when it was fetched");
	is($node->safe_psql($copy, 'SELECT (SELECT count(*) FROM realtime_quotes), sum(duplicates), sum(dead_letters) FROM vnstream_segments'),
		'1500|200|10', "$copy: once, although both have sent it");
	is(account($node, $copy), '', "$copy: its account is exact");
}
is(rows_by_offset($node, 'plain'), rows_by_offset($node, 'custom'), 'both copies have the same rows');
$node->safe_psql($_, 'SELECT vnstream_stop()') foreach ('plain', 'custom');

# In a schema other than public, dumped while rows come in: a dump is one
# moment's state, so position and rows belong together.
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('elsewhere', 'CREATE SCHEMA "Market data"; CREATE EXTENSION vnstock_stream SCHEMA "Market data"');
$node->safe_psql('postgres', "ALTER DATABASE elsewhere SET search_path = \"Market data\", public;"
	  . " ALTER DATABASE elsewhere SET vnstream.batch_size = 10");
start_pipeline($node, 'elsewhere', 'consumer');
$node->command_ok([ 'pg_dump', '-f', "$dumps/elsewhere.sql", 'elsewhere' ], 'pg_dump of a running consumer');
restore("$dumps/elsewhere.sql", 'elsewhere_copy');
$node->safe_psql('postgres', 'ALTER DATABASE elsewhere_copy SET search_path = "Market data", public');
is(account($node, 'elsewhere_copy'), '', 'elsewhere_copy: rows and positions are of one moment');
is($node->safe_psql('elsewhere_copy', "SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'realtime_quotes'"),
	'"Market data"', 'elsewhere_copy: in the same schema');
start_pipeline($node, 'elsewhere_copy', 'consumer');
foreach my $database ('elsewhere', 'elsewhere_copy')
{
	is($node->safe_psql($database, "SELECT vnstream_wait('caught up', '60 s')"), 't', "$database: caught up");
	is(account($node, $database), '', "$database: its account is exact");
}
is(rows_by_offset($node, 'elsewhere_copy'), rows_by_offset($node, 'elsewhere'), 'elsewhere_copy: the same rows');
is(rows_by_offset($node, 'elsewhere'), rows_by_offset($node, 'plain'), 'elsewhere: as those that read the same topic');

# pg_dump -C and pg_dumpall carry the database's settings, vnstream.run among
# them: on a server with the library the copy is to run while it is being made,
# and must not get in the way of that.
$node->command_ok([ 'pg_dump', '-C', '-f', "$dumps/whole.sql", 'elsewhere' ], 'pg_dump -C');
foreach my $database ('elsewhere', 'elsewhere_copy')
{
	$node->safe_psql($database, 'SELECT vnstream_stop()');
	is($node->safe_psql($database, "SELECT vnstream_wait('stopped', '60 s')"), 't', "$database: stopped");
}
produce_more(100, 2);
my $whole = slurp_file("$dumps/whole.sql");
$whole =~ s/^(?=COPY )/SELECT "Market data".vnstream_wait('running', '4 s');\n/m
  or die 'no rows in the dump';    # time for the workers to come
PostgreSQL::Test::Utils::append_to_file("$dumps/slow.sql", $whole);
my $other = new_server('other', %settings);
$other->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', "$dumps/slow.sql" ],
	'restored on another server');
query_until($other, 'elsewhere', 'SELECT sum(next_offset) FROM vnstream_positions',
	$node->safe_psql('elsewhere', 'SELECT sum(next_offset) + 102 FROM vnstream_positions'), 'it runs there by itself, and goes on');
is($other->safe_psql('elsewhere', 'SELECT count(*), (SELECT sum(gaps) FROM vnstream_segments) FROM realtime_quotes'),
	'1600|0', 'with every quote');
is(account($other, 'elsewhere'), '', 'and an exact account');

done_testing();
