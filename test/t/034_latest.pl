# The latest quotes: from shared memory, never older than a row that is visible,
# and from the table wherever memory cannot know.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $broker = start_broker();
my $topic = new_topic();
my $simulator = start_simulator('--symbols', '40', '--unknown', '0');
my $node = new_server(
	'latest',
	init => { allows_streaming => 1 },
	brokers => broker_address($broker),
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	max_symbols => 64,
	server => { max_prepared_transactions => 2, restart_after_crash => 'on' });

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub said
{
	my ($statement) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $statement);

	return $err;
}

# A message of an old producer; the price tells it from others.
sub quote
{
	my ($ticker, $time, $price) = @_;

	return [ $ticker, qq({"ticker": "$ticker", "time": "$time", "price": $price, "volume": 100}) ];
}

sub send_quotes
{
	my (@quotes) = @_;

	produce(broker_address($broker), $topic, \@quotes);
	is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
	return;
}

# What a ticker's latest is, and how often the table was looked into for it.
my $scans = "(SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) FROM pg_stat_xact_user_tables WHERE relname LIKE 'realtime_quotes%')";

sub latest
{
	my ($ticker, $server) = @_;

	return ($server // $node)->safe_psql('postgres',
		"BEGIN; SELECT price, stored FROM vnstream_latest('$ticker');\n SELECT CASE WHEN $scans = 0 THEN 'memory' ELSE 'table' END; COMMIT");
}

sub warm
{
	my ($what) = @_;

	return query_until($node, 'postgres', "BEGIN; SELECT FROM vnstream_latest('ZZZ');\n SELECT $scans; COMMIT", '0', "memory answers: $what");
}

# An import that has all but committed, until imported() lets it.
sub importing
{
	my ($table) = @_;
	my $session = $node->background_psql('postgres');

	sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	$node->reload;

	# it counts when the checkpointer has heard of it: a commit is not answered then
	wait_for(
		sub {
			$node->psql('postgres', "SELECT pg_logical_emit_message(true, 'trial', '')", timeout => 1, timed_out => \my $is_waiting);
			return $is_waiting;
		}, 'the setting');
	$session->query_until(qr/begun/, "\\echo begun\nSELECT vnstream_import('$table');\n");
	query_until($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ~ 'vnstream_import'", '1', 'a commit is under way');
	return $session;
}

sub imported
{
	my ($session) = @_;

	sql("SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names");
	$node->reload;
	$session->query_safe('SELECT 1');
	$session->quit;
	return;
}

note 'before there is anything';
sql('CREATE EXTENSION vnstock_stream');
like(said('SELECT * FROM latest_quotes'), qr/ERROR:  table public.realtime_quotes does not exist.*HINT:  SELECT public.vnstream_start\(\) makes it/s,
	'before the first start the view says what to do');

start_pipeline($node, 'postgres', 'consumer');
like(said("SELECT * FROM vnstream_latest('vcb')"), qr/ERROR:  "vcb" is no ticker.*HINT:  Tickers are in upper case: 'VCB'/s, 'a ticker in lower case');
like(said("SELECT * FROM vnstream_latest('V-B')"), qr/ERROR:  "V-B" is no ticker.*HINT:  A ticker is 1 to 20 letters/s, 'what is no ticker');
is(sql('SELECT count(*) FROM latest_quotes'), '0', 'an empty table has no latest quotes');
is(sql("SELECT count(*) FROM vnstream_latest(NULL)"), '0', 'no ticker, no quote');

note 'one look-up does not touch the table';
send_quotes(quote('VCB', '2026-08-04T10:00:00', 60000), quote('FPT', '2026-08-04T10:00:00', 90000));
warm('once the months are made');
is(latest('VCB'), "60000|t\nmemory", 'a quote that was just stored');
is(latest('ZZZ'), 'memory', 'a ticker without quotes');
is(sql("BEGIN; SELECT price FROM realtime_quotes WHERE ticker = 'VCB';\n SELECT $scans > 0; COMMIT"), "60000\nt", 'a SELECT would have been counted');
is(sql("SELECT string_agg(ticker || ' ' || price, ', ') FROM latest_quotes"), 'FPT 90000, VCB 60000', 'the view has them in order');
is(sql("BEGIN; SELECT FROM latest_quotes LIMIT 1;\n SELECT $scans; COMMIT"), '0', 'from memory too');
is(sql("SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'latest_quotes'::regclass"),
	sql("SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) || ', stored boolean' FROM pg_attribute
		WHERE attrelid = 'realtime_quotes'::regclass AND attnum > 0 AND attname NOT IN ('kafka_partition', 'kafka_offset', 'created_at')"),
	'its columns are those of the table, in their order');

note 'out of order, refused, doubled';
send_quotes(
	quote('VCB', '2026-08-04T10:00:02', 60200),
	quote('VCB', '2026-08-04T10:00:01', 60100),
	quote('FPT', '2026-08-04T09:59:59', 89000),
	[ 'FPT', '{"ticker": "FPT", "time": "2026-08-04T10:00:09", "price": "90000"}' ],
	quote('FPT', '2026-08-04T10:00:09', 90.5));
is(latest('VCB'), "60200|t\nmemory", 'the newest time is the latest, whatever comes after it');
is(latest('FPT'), "90000|t\nmemory", 'older quotes and dead letters are not');
send_quotes(quote('VCB', '2026-08-04T10:00:02', 61000));
is(latest('VCB'), "60200|t\nmemory", 'nor is a conflict with what is stored');
is(sql('SELECT count(*) FROM vnstream_dead_letters'), '3', 'those are dead letters');

note 'replays and imports';
sql('ALTER TABLE realtime_quotes ADD CONSTRAINT cheap CHECK (price < 70000) NOT VALID');
send_quotes(quote('VCB', '2026-08-04T10:00:03', 71000));
is(latest('VCB'), "60200|t\nmemory", 'a row that PostgreSQL refuses is no latest quote');
sql('ALTER TABLE realtime_quotes DROP CONSTRAINT cheap');
warm('after ALTER TABLE');
is(sql("BEGIN; SELECT stored FROM vnstream_replay_dead_letters('23514'); SELECT price FROM vnstream_latest('VCB'); ROLLBACK; SELECT price FROM vnstream_latest('VCB')"),
	"1\n71000\n60200", 'a replay shows to its own session before the commit, and after a rollback to nobody');
is(sql("BEGIN; SAVEPOINT a; SELECT stored FROM vnstream_replay_dead_letters('23514'); ROLLBACK TO a; SELECT price FROM vnstream_latest('VCB'); COMMIT"),
	"1\n60200", 'nor does one of a savepoint that is rolled back');
is(latest('VCB'), "60200|t\nmemory", 'and the commit of the rest applies nothing of it');
like(said("BEGIN; SELECT * FROM vnstream_replay_dead_letters('23514'); PREPARE TRANSACTION 'p'"),
	qr/ERROR:  cannot PREPARE a transaction that has stored quotes.*HINT/s, 'a replay cannot be prepared');
is(sql("BEGIN; SAVEPOINT a; SAVEPOINT b; SELECT stored FROM vnstream_replay_dead_letters('23514'); RELEASE b; RELEASE a; COMMIT"), '1', 'one that is committed');
is(latest('VCB'), "71000|t\nmemory", 'is the latest at once');
sql(q{CREATE TABLE old_quotes AS SELECT 'OLD' || n AS ticker, '2026-08-04 10:01:00+07'::timestamptz AS time, 10000.0 + n AS price, 100 AS volume FROM generate_series(1, 3) n
	UNION ALL SELECT 'VCB', '2026-08-04 09:00:00+07', 50000, 100});
sql("SELECT * FROM vnstream_import('old_quotes')");
is(latest('OLD2'), "10002|t\nmemory", 'so is what is imported');
is(latest('VCB'), "71000|t\nmemory", 'but for what is older');

note 'the table is changed';
sql(q{BEGIN; CREATE TABLE other (LIKE realtime_quotes INCLUDING ALL);
	INSERT INTO other SELECT * FROM realtime_quotes WHERE ticker = 'VCB' ORDER BY time LIMIT 1;
	ALTER TABLE other OWNER TO pg_database_owner;
	ALTER TABLE realtime_quotes RENAME TO kept; ALTER TABLE other RENAME TO realtime_quotes; COMMIT});
is(sql("SELECT price, stored FROM vnstream_latest('VCB')"), '50000|t', 'another table of that name: its quotes at once');
is(sql('SELECT count(*) FROM latest_quotes'), '1', 'and no others');
warm('of the other table');
is(latest('VCB'), "50000|t\nmemory", 'then from memory');
sql('BEGIN; DROP TABLE realtime_quotes; ALTER TABLE kept RENAME TO realtime_quotes; COMMIT');
is(sql("SELECT price FROM vnstream_latest('VCB')"), '71000', 'the first table again');
warm('of the first table');
sql('BEGIN; ALTER TABLE realtime_quotes RENAME TO kept; CREATE TABLE realtime_quotes (LIKE kept); ALTER TABLE realtime_quotes ALTER session TYPE bigint USING 5;
	INSERT INTO realtime_quotes (ticker, time, session, kafka_partition, kafka_offset, created_at) VALUES ($$VCB$$, now(), 5, 0, 0, now()); COMMIT');
like(said($_), qr/ERROR:  table public.realtime_quotes cannot take quotes\n.*"session" is bigint, not text/, 'a table of another shape is told')
  foreach ("SELECT * FROM vnstream_latest('VCB')", 'SELECT * FROM latest_quotes');
sql('DROP TABLE realtime_quotes; CREATE TABLE realtime_quotes (LIKE kept); ALTER TABLE realtime_quotes ALTER ticker DROP NOT NULL, ALTER time DROP NOT NULL, ADD UNIQUE (time, ticker);
	INSERT INTO realtime_quotes (ticker, time, price, kafka_partition, kafka_offset, created_at)
	VALUES (NULL, now(), 1, 0, 0, now()), ($$VCB$$, NULL, 2, 0, 1, now()), ($$VCB$$, now(), 3, 0, 2, now()), (NULL, NULL, 4, 0, 3, now())');
is(sql("SELECT price FROM vnstream_latest('VCB'); SELECT ticker, price FROM latest_quotes"), "3\nVCB|3", 'rows without a ticker or a time are nobody\'s latest');
sql('BEGIN; DROP TABLE realtime_quotes; ALTER TABLE kept RENAME TO realtime_quotes; COMMIT');
warm('of the first table again');
send_quotes(quote('VCB', '2026-09-01T10:00:00', 72000), quote('SEP', '2026-09-01T10:00:00', 20000));
warm('after another month was made');
is(latest('SEP'), "20000|t\nmemory", 'a quote of the next month');
sql('DROP TABLE realtime_quotes_2026_09');
is(sql("SELECT price FROM vnstream_latest('VCB')"), '71000', 'that month is dropped: the latest of what is left');
is(sql("SELECT count(*) FROM vnstream_latest('SEP')"), '0', 'or none');
warm('without that month');
is(latest('VCB') . latest('SEP'), "71000|t\nmemorymemory", 'then from memory');
sql("DELETE FROM realtime_quotes WHERE ticker = 'VCB' AND price = 71000");
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT price FROM vnstream_latest('VCB')", '60200', 'a row that was deleted is forgotten after vnstream_restart()');
sql('TRUNCATE realtime_quotes');
is(sql('SELECT count(*) FROM latest_quotes'), '0', 'a table that is truncated has none');
warm('of the empty table');

note 'rows that are not the messages';
sql(q{CREATE FUNCTION half() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.price = NEW.price / 2; RETURN NEW; END $$;
	CREATE TRIGGER half BEFORE INSERT ON realtime_quotes FOR EACH ROW EXECUTE FUNCTION half()});
send_quotes(quote('VCB', '2026-08-04T11:00:00', 60000));
is(latest('VCB'), "30000|t\ntable", 'what a trigger has made of a quote is read from the table');
is(sql('SELECT string_agg(ticker || price, $$ $$) FROM latest_quotes'), 'VCB30000', 'in the view too');
query_until($node, 'postgres', "SELECT result FROM vnstream_check() WHERE name = 'latest quotes'", 'warning', 'and vnstream_check() says so');
sql('DROP TRIGGER half ON realtime_quotes');
warm('without the trigger');
is(latest('VCB'), "30000|t\nmemory", 'read anew');
sql(q{INSERT INTO realtime_quotes (ticker, time, price, session, kafka_partition, kafka_offset, created_at)
	VALUES ('LONG', '2026-08-04 11:00+07', 1000, repeat('session ', 10), -1, -1, now())});
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT length(session) FROM vnstream_latest('LONG')", '80', 'a text that no message has, to the letter');
warm('for the others');
is(sql("SELECT length(session) FROM latest_quotes WHERE ticker = 'LONG'"), '80', 'in the view too');
sql("DELETE FROM realtime_quotes WHERE ticker = 'LONG'");
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_latest('LONG')", '0', 'nor any more');

note 'who may';
sql('CREATE ROLE stranger; CREATE ROLE reader; GRANT SELECT ON realtime_quotes TO reader; CREATE ROLE peeper; GRANT SELECT (ticker, price) ON realtime_quotes TO peeper');
foreach my $who ('stranger', 'peeper')
{
	like(said("SET ROLE $who; SELECT * FROM latest_quotes"), qr/ERROR:  permission denied for table realtime_quotes/, "$who gets nothing of all");
	like(said("SET ROLE $who; SELECT * FROM vnstream_latest('VCB')"), qr/ERROR:  permission denied for table realtime_quotes/, 'nor of one');
}
is(sql("SET ROLE reader; BEGIN; SELECT price FROM vnstream_latest('VCB');\n SELECT $scans; COMMIT"), "30000\n0", 'who may SELECT does');
send_quotes(quote('FPT', '2026-08-04T11:00:00', 90000));
sql("ALTER TABLE realtime_quotes ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON realtime_quotes TO reader USING (ticker <> 'VCB')");
is(sql("SET ROLE reader; SELECT string_agg(ticker, ' ') FROM latest_quotes; SELECT count(*) FROM vnstream_latest('VCB')"), "FPT\n0", 'row security holds');
is(sql("SELECT string_agg(ticker, ' ') FROM latest_quotes"), 'FPT VCB', 'for those it is for');
sql('ALTER TABLE realtime_quotes DISABLE ROW LEVEL SECURITY');

note 'between the commit and the memory';
send_quotes(quote('VCB', '2026-08-04T11:00:05', 60500));
sql("CREATE TABLE one_quote AS SELECT 'VCB' AS ticker, '2026-08-04 11:00:06+07'::timestamptz AS time, 60600.0 AS price, 100 AS volume");
my $importer = importing('one_quote');
is(latest('VCB'), "60500|t\ntable", 'its ticker is looked up in the table');
is(latest('FPT'), "90000|t\nmemory", 'the others are not');
is(sql("SELECT string_agg(ticker || ' ' || price, ', ') FROM latest_quotes"), 'FPT 90000, VCB 60500', 'and the view has both');
imported($importer);
is(latest('VCB'), "60600|t\nmemory", 'when it is done, from memory again');

# As fast as it goes, in small transactions: what a session has seen in the table
# its next look at the latest must not be older than.
sql("SELECT vnstream_stop('consumer')");
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'the consumer is stopped');
produce(broker_address($broker), $topic,
	[ map { my $n = $_; map { quote("R$_", sprintf('2026-08-05T%02d:%02d:%02d', 9 + $n / 3600, $n / 60 % 60, $n % 60), 10000 + $n) } 1 .. 3 } 1 .. 1000 ]);
sql('ALTER DATABASE postgres SET vnstream.batch_size = 5');
sql("SELECT vnstream_start('consumer')");
my ($looks, $older, $last) = split /\|/, sql(q{
	CREATE TEMP TABLE found (looks int, older int, last float8);
	DO $$
	DECLARE
		seen timestamptz;
		got timestamptz;
		price float8;
		looks int = 0;
		older int = 0;
	BEGIN
		LOOP
			SELECT max(time) INTO seen FROM realtime_quotes WHERE ticker = 'R2';
			SELECT l.time, l.price INTO got, price FROM vnstream_latest('R2') l;
			looks = looks + 1;
			IF seen IS NOT NULL AND (got IS NULL OR got < seen) THEN older = older + 1; END IF;
			EXIT WHEN price = 11000 OR clock_timestamp() > now() + interval '100 s';
		END LOOP;
		INSERT INTO found VALUES (looks, older, price);
	END $$;
	SELECT * FROM found});
note("$looks looks");
is("$older, $last", '0, 11000', 'no look at the latest is older than the table was before it');
cmp_ok($looks, '>', 100, 'of many looks');
sql('ALTER DATABASE postgres RESET vnstream.batch_size');
sql("DELETE FROM realtime_quotes WHERE ticker ~ '^R'");
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_latest('R1')", '0', 'they are gone');

note 'a standby';
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "vnstream.enabled = off");
$standby->start;
send_quotes(quote('VCB', '2026-08-04T11:00:07', 60700));
$node->wait_for_catchup($standby);
is(latest('VCB', $standby), "60700|t\ntable", 'reads the table');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM latest_quotes'), '2', 'of all tickers');
$standby->promote;
is(latest('VCB', $standby), "60700|t\ntable", 'so it does right after promotion');
$standby->append_conf('postgresql.conf', "vnstream.enabled = on\nvnstream.topic = 'elsewhere'");
$standby->reload;
query_until($standby, 'postgres', "BEGIN; SELECT price FROM vnstream_latest('VCB');\n SELECT $scans; COMMIT", "60700\n0", 'and then keeps them in memory');
$standby->stop('immediate');

note 'restarts';
is(latest('VCB'), "60700|t\nmemory", 'before');
$node->restart;
is(sql("SELECT price, stored FROM vnstream_latest('VCB')"), '60700|t', 'right after a restart');
warm('after it');
is(latest('VCB'), "60700|t\nmemory", 'the same');
my $victim = $node->background_psql('postgres', on_error_stop => 0);
kill 'KILL', $victim->query_safe('SELECT pg_backend_pid()');
query_until($node, 'postgres', "SELECT price, stored FROM vnstream_latest('VCB')", '60700|t', 'right after a crash');
eval { $victim->quit };
warm('after it');
is(latest('VCB'), "60700|t\nmemory", 'the same');

note 'more symbols than there is room for';
sql('TRUNCATE realtime_quotes');
send_quotes(map { quote(sprintf('T%02d', $_), '2026-08-04T11:00:00', 10000 + $_) } 1 .. 70);
is(sql('SELECT count(*), sum(price) FROM latest_quotes'), '70|702485', 'all are there');
is(join(' ', map { sql(sprintf("SELECT price - 10000 FROM vnstream_latest('T%02d')", $_)) } 1 .. 70), join(' ', 1 .. 70), 'each of them');
sql("SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', "SELECT result FROM vnstream_check() WHERE name = 'latest quotes'", 'warning', 'vnstream_check() tells that they are too many');
like(sql("SELECT detail || advice FROM vnstream_check() WHERE name = 'latest quotes'"), qr/64 .*vnstream.max_symbols/, 'and what to do');
send_quotes(map { quote(sprintf('T%02d', $_), '2026-08-04T11:00:01', 20000 + $_) } 1 .. 70);
is(sql('SELECT count(*), sum(price) FROM latest_quotes'), '70|1402485', 'the next of each');
is(join(' ', map { sql(sprintf("SELECT price - 20000 FROM vnstream_latest('T%02d')", $_)) } 1 .. 70), join(' ', 1 .. 70), 'from wherever');

sql("CREATE TABLE two_quotes AS SELECT ticker, '2026-08-04 11:00:02+07'::timestamptz AS time, 60600.0 AS price, 100 AS volume FROM unnest('{T70,ZNEW}'::text[]) AS ticker");
$importer = importing('two_quotes');
sql("SET synchronous_commit = local; DELETE FROM realtime_quotes WHERE ticker < 'T20'; SELECT vnstream_restart('consumer')");
query_until($node, 'postgres', 'SELECT count(*) FROM latest_quotes', '51', 'the table is read anew while one without room commits');
imported($importer);
is(sql("SELECT price FROM vnstream_latest('T70'); SELECT price FROM vnstream_latest('ZNEW')"), "60600\n60600", 'which is seen');

note 'the extension is dropped and made again';
sql('TRUNCATE realtime_quotes');
$node->append_conf('postgresql.conf', 'vnstream.max_symbols = 8192');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
sql('DROP EXTENSION vnstock_stream');
$node->restart;
sql('CREATE EXTENSION vnstock_stream');
start_pipeline($node, 'postgres');
query_until($node, 'postgres', 'SELECT count(*) >= 40 FROM latest_quotes WHERE stored AND source IS NOT NULL', 't', 'the producer\'s quotes are stored');

note 'the broker is away';
my ($symbol, $other) = split /\n/, sql('SELECT ticker FROM latest_quotes WHERE price IS NOT NULL AND source IS NOT NULL LIMIT 2');
broker_command($broker, 'kill');
my $before = sql("SELECT time FROM vnstream_latest('$symbol')");
sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT stored, time > '$before', time = (SELECT max(time) FROM realtime_quotes WHERE ticker = '$symbol') FROM vnstream_latest('$symbol')", 'f|t|f',
	'the latest is newer than any row, and says so');
is(sql("SELECT bool_or(stored) FROM latest_quotes WHERE source IS NOT NULL"), 'f', 'as are those of all');
my $unstored = sql("SELECT time FROM vnstream_latest('$symbol')");
$node->restart;
query_until($node, 'postgres', "SELECT time >= '$unstored', stored FROM vnstream_latest('$symbol')", 't|f', 'after a restart it is known from the outbox');
broker_command($broker, 'start');
query_until($node, 'postgres', "SELECT time >= '$unstored', stored FROM vnstream_latest('$symbol')", 't|t', 'when the broker is back it is stored', 120);
query_until($node, 'postgres', 'SELECT count(*) FROM latest_quotes WHERE NOT stored', '0', 'and so are all');
is(sql(q{SELECT count(*) FROM latest_quotes l JOIN (SELECT DISTINCT ON (ticker) * FROM realtime_quotes ORDER BY ticker, time DESC) q USING (ticker)
		WHERE to_jsonb(l) - 'stored' <> to_jsonb(q) - '{kafka_partition,kafka_offset,created_at}'::text[]}), '0',
	'every column of each is the row\'s');
is(sql('SELECT (SELECT count(*) FROM latest_quotes) = count(DISTINCT ticker) FROM realtime_quotes'), 't', 'and no ticker lacks');
like(sql("SELECT result, detail FROM vnstream_check() WHERE name = 'latest quotes'"), qr/^ok\|\d+ tickers are in shared memory/, 'vnstream_check() says how many');
is(account($node, 'postgres'), '', 'the account is exact');

note 'the extension goes with quotes on their way';
broker_command($broker, 'kill');
sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', 'SELECT bool_or(NOT stored) FROM latest_quotes', 't', 'not stored yet');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'all is stopped');
is(sql('SELECT bool_or(NOT stored) FROM latest_quotes'), 't', 'they wait');
sql('DROP EXTENSION vnstock_stream; CREATE EXTENSION vnstock_stream');
is(sql('SELECT count(*) FROM latest_quotes WHERE NOT stored'), '0', 'and never will be');
is(sql('SELECT count(*) > 0 FROM latest_quotes'), 't', 'what is stored is there');

note 'the library is not preloaded';
my $newest = sql("SELECT price, stored FROM vnstream_latest('$symbol')");
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
is(latest($symbol), "$newest\ntable", 'then the table is read');

done_testing();
