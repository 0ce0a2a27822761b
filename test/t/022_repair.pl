# Repair, without a broker: dead letters are replayed and purged, and the rows of
# an old table are taken over.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $node = new_server('repair', server => { timezone => 'America/New_York', datestyle => 'SQL, DMY' });
my $database = 'stock_db';

$node->safe_psql('postgres', "CREATE DATABASE $database");
sql('CREATE SCHEMA market; CREATE EXTENSION vnstock_stream SCHEMA market');
sql("BEGIN; SELECT market.vnstream_start('consumer'); SELECT market.vnstream_stop(); COMMIT");
$node->safe_psql($database, "ALTER DATABASE $database SET search_path = market, public");

sub sql { return $node->safe_psql($database, shift) }

# What psql says to statements that must fail, or to their notices.
sub said
{
	my ($statement) = @_;
	my ($code, $out, $err) = $node->psql($database, $statement);

	return $err;
}

my $offset = 0;

# A dead letter of the segment, as a consumer would have kept it.
sub keep
{
	my ($segment, $code, $value) = @_;
	my $bytes = defined $value ? "convert_to(\$letter\$$value\$letter\$, 'UTF8')" : 'NULL';

	sql("WITH s AS (UPDATE vnstream_segments SET next_offset = next_offset + 1, dead_letters = dead_letters + 1
			WHERE segment = $segment RETURNING *)
		INSERT INTO vnstream_dead_letters (segment, cluster_id, topic, epoch, kafka_partition, kafka_offset, value, code, reason, created_at)
		SELECT segment, cluster_id, topic, epoch, partition, next_offset - 1, $bytes, '$code', 'old reason', now() FROM s");
	return;
}

sub segment
{
	my ($partition, $from) = @_;

	return sql("INSERT INTO vnstream_segments (cluster_id, topic, epoch, partition, from_offset, next_offset, opened_because, opened_at, updated_at)
		VALUES ('c', 'stock-quotes', 1, $partition, $from, $from, 'test', now(), now()) RETURNING segment");
}

sub counts
{
	my ($segment) = @_;

	return sql("SELECT stored, duplicates, dead_letters, gaps, purged FROM vnstream_segments WHERE segment = $segment");
}

sub quote { return sprintf '{"ticker":"%s","time":"%s","price":%s}', @_ }

note 'dead letters that are quotes now';
my $first = segment(0, 100);
my $second = segment(1, 0);
keep($first, '23514', quote('VCB', '2026-08-04T11:00:00+07:00', 60000));
keep($first, '23514', quote('VCB', '2026-08-04T11:00:00+07:00', 60000));
keep($first, '23514', quote('VCB', '2026-08-04T11:00:00+07:00', 61000));
keep($second, 'form', 'no quote');
keep($second, 'form', undef);
keep($second, 'price_minimum', quote('FPT', '2026-07-31T23:59:59+07:00', 20000));
keep($second, 'form', 'x' x 70000);

is(sql("SELECT * FROM vnstream_replay_dead_letters('no such code')"), '0|0|0|0', 'no letter of an unknown code');
is(sql("SELECT * FROM vnstream_replay_dead_letters(letters => '{}')"), '0|0|0|0', 'none of an empty list');
is(sql("SELECT * FROM vnstream_replay_dead_letters(letters => '{NULL,-1,999}')"), '0|0|0|0', 'none of numbers that there are not');

sql('ALTER TABLE realtime_quotes ADD CONSTRAINT cheap CHECK (price < 500)');
is(sql("SELECT * FROM vnstream_replay_dead_letters('23514')"), '3|0|0|3', 'the cause is still there: all are kept');
is(sql("SELECT letter, code, reason ~ 'violates check constraint \"cheap\"', tries, tried_at = (SELECT max(tried_at) FROM vnstream_dead_letters)
		FROM vnstream_dead_letters WHERE tries > 0 ORDER BY 1"),
	"1|23514|t|1|t\n2|23514|t|1|t\n3|23514|t|1|t", 'with their new reason, and that they were tried');
is(counts($first), '0|0|3|0|0', 'no count has moved');

sql('ALTER TABLE realtime_quotes DROP CONSTRAINT cheap');
is(sql("BEGIN; SELECT * FROM vnstream_replay_dead_letters(); ROLLBACK; SELECT count(*) FROM vnstream_dead_letters;
		BEGIN; SELECT * FROM vnstream_replay_dead_letters(); ROLLBACK"),
	"7|2|1|4\n7\n7|2|1|4", 'rolled back, nothing happened, and its partitions are made anew');
is(sql("SELECT * FROM vnstream_replay_dead_letters(letters => '{1,2}')"), '2|1|1|0', 'two by their numbers: one row, one duplicate');
is(sql("SELECT * FROM vnstream_replay_dead_letters('23514')"), '1|0|0|1', 'another quote of that moment is a conflict');
is(sql("SELECT code, tries, reason ~ 'differs: price 60000 there, 61000 here' FROM vnstream_dead_letters WHERE letter = 3"),
	'conflict|2|t', 'with its code, and who differs');
is(counts($first), '1|1|1|0|0', 'the segment counts a row and a duplicate');
is(sql('SELECT * FROM vnstream_replay_dead_letters()'), '5|1|0|4', 'all that are left');
is(sql('SELECT * FROM vnstream_replay_dead_letters()'), '4|0|0|4', 'once more stores nothing');
is(counts($second), '1|0|3|0|0', 'the other segment counts its row');
is(sql("SELECT letter, code, reason FROM vnstream_dead_letters WHERE segment = $second ORDER BY 1"),
	"4|form|message is not JSON: a value was expected at offset 0, not \"no\"\n5|form|message has no value (a tombstone)\n7|form|message of 70000 bytes is longer than 65536",
	'what is no quote stays, and why');
is(sql("SET TimeZone = 'UTC'; SET DateStyle = ISO; SELECT ticker, time, price, kafka_partition, kafka_offset, tableoid::regclass FROM realtime_quotes ORDER BY 1"),
	"FPT|2026-07-31 16:59:59+00|20000|1|2|realtime_quotes_2026_07\nVCB|2026-08-04 04:00:00+00|60000|0|100|realtime_quotes_2026_08",
	'rows have the offsets of their messages; partitions were made');

note 'many letters, and two sessions at them';
my $third = segment(2, 0);
sql("WITH s AS (UPDATE vnstream_segments SET next_offset = 1700, dead_letters = 1700 WHERE segment = $third)
	INSERT INTO vnstream_dead_letters (segment, cluster_id, topic, epoch, kafka_partition, kafka_offset, value, code, reason, created_at)
	SELECT $third, 'c', 'stock-quotes', 1, 2, i,
		convert_to(format('{\"ticker\":\"T%s\",\"time\":\"2026-08-05T10:00:00Z\",\"price\":%s}', i, CASE WHEN i % 10 = 0 THEN 15.5 ELSE 15000 END), 'UTF8'),
		'form', 'old', now() FROM generate_series(0, 1699) i");

# it stops in its second batch of 500
sql(q{CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(22); RETURN NEW; END $$;
	CREATE TRIGGER hold BEFORE INSERT ON realtime_quotes FOR EACH ROW WHEN (NEW.kafka_partition = 2 AND NEW.kafka_offset > 600) EXECUTE FUNCTION public.hold()});
my $holder = $node->background_psql($database);
$holder->query_safe('SELECT pg_advisory_lock(22)');
my $replay = $node->background_psql($database, on_error_stop => 0);
my $replay_pid = $replay->query_safe('SELECT pg_backend_pid()');
$replay->query_until(qr/begun/, "\\echo begun\nSELECT * FROM vnstream_replay_dead_letters(letters => (SELECT array_agg(letter) FROM vnstream_dead_letters WHERE segment = $third));\n");
query_until($node, $database, 'SELECT what, worker IS NULL, pid, done, total, to_go, rate > 0, time_left IS NOT NULL FROM vnstream_progress()',
	"replaying dead letters|t|$replay_pid|500|1700|1200|t|t", 'vnstream_progress() tells another session how far a replay has come');
sql("SELECT pg_cancel_backend($replay_pid)");
query_until($node, $database, 'SELECT count(*) FROM vnstream_progress()', '0', 'until it is canceled');
$_->quit for $replay, $holder;
sql('DROP TRIGGER hold ON realtime_quotes');
is(counts($third), '0|0|1700|0|0', 'which leaves all letters where they are');
my $other = $node->background_psql($database);
$other->query_safe("BEGIN; SELECT FROM vnstream_dead_letters WHERE kafka_partition = 2 AND kafka_offset < 100 FOR UPDATE");
my ($code, $out, $err) = $node->psql($database, "SELECT * FROM vnstream_replay_dead_letters(letters => (SELECT array_agg(letter) FROM vnstream_dead_letters WHERE segment = $third))");
is($out, '1600|1440|0|160', 'those that another session holds are left to it');
like($err, qr/NOTICE:  100 dead letters were left to another session.*HINT:/s, 'and it says so');
$other->query_safe('COMMIT');
$other->quit;
is(sql("SELECT * FROM vnstream_replay_dead_letters('form')"), '103|90|0|13', 'later they are there');
is(counts($third), '1530|0|170|0|0', 'the account holds');
is(sql("SELECT code, count(*) FROM vnstream_dead_letters WHERE segment = $third GROUP BY 1"), 'price_minimum|170', 'who fails has the rule\'s code');

# A consumer extends the segment while the replay's transaction is open.
keep($first, 'form', quote('SSI', '2026-08-06T11:00:00+07:00', 30000));
$other = $node->background_psql($database);
$other->query_safe("BEGIN; SELECT * FROM vnstream_replay_dead_letters('form')");
my $consumer = $node->background_psql($database);
$consumer->query_until(qr/begun/, "\\echo begun\nUPDATE vnstream_segments SET next_offset = next_offset + 5, stored = stored + 5 WHERE segment = $first;\n");
$node->poll_query_until($database, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
$other->query_safe('COMMIT');
$other->quit;
$consumer->query_safe('SELECT 1');
$consumer->quit;
is(counts($first), '7|1|1|0|0', 'a batch of a consumer waits for the replay, and both count');

note 'purge';
is(sql("UPDATE vnstream_dead_letters SET created_at = now() - interval '40 days' WHERE segment = $third AND kafka_offset < 1000;
		SELECT vnstream_purge_dead_letters('30 days')"), '100', 'letters older than that are deleted');
is(counts($third), '1530|0|170|0|100', 'and counted');
is(sql("SELECT vnstream_purge_dead_letters('30 days')"), '0', 'once');
is(sql("SELECT * FROM vnstream_replay_dead_letters('price_minimum')"), '70|0|0|70', 'a replay beside what was purged');
is(sql("SELECT vnstream_purge_dead_letters('170000000 years')"), '0', 'nothing is older than time');
is(sql("SELECT vnstream_purge_dead_letters('0')"), '74', 'and at last all');
is(sql('SELECT sum(dead_letters), sum(purged), (SELECT count(*) FROM vnstream_dead_letters) FROM vnstream_segments'), '174|174|0', 'nothing is lost count of');
like(said("SELECT vnstream_purge_dead_letters('-1 s')"), qr/older_than must not be negative\nHINT:/, 'a negative age');
like(said("SELECT vnstream_purge_dead_letters(NULL)"), qr/older_than must not be null\nHINT:/, 'no age');

# Beside a replay, which locks segments in their order.
keep($second, 'form', 'x');
keep($first, 'form', 'x');
$other = $node->background_psql($database);
$consumer = $node->background_psql($database, on_error_stop => 0);
my $purge = $node->background_psql($database, on_error_stop => 0);
my $waits = "SELECT count(*) = %d FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')";
$other->query_safe("BEGIN; SELECT FROM vnstream_segments WHERE segment = $first FOR NO KEY UPDATE");
$consumer->query_until(qr/begun/, "\\echo begun\nSELECT segment FROM vnstream_segments ORDER BY segment FOR NO KEY UPDATE;\n");
$node->poll_query_until($database, sprintf $waits, 1);
$purge->query_until(qr/begun/, "\\echo begun\nSELECT vnstream_purge_dead_letters('0');\n");
$node->poll_query_until($database, sprintf $waits, 2);
$other->query_safe('ROLLBACK');
$_->query('SELECT 1') for $consumer, $purge;
unlike("$consumer->{stderr}$purge->{stderr}", qr/deadlock/, 'a purge and a replay wait for each other in one direction only');
$_->quit for $other, $consumer, $purge;
is(sql('SELECT sum(purged), count(*) FROM vnstream_segments LEFT JOIN vnstream_dead_letters USING (segment) WHERE letter IS NULL'), '176|3', 'and both are purged');

note 'import: the shape of the deployment that is replaced';
sql(q{
	CREATE TABLE public.old_quotes (id serial PRIMARY KEY, ticker varchar(20) NOT NULL, time timestamp NOT NULL, price float8, volume bigint,
		total_volume bigint, change float8, change_percent float8, ceiling_price float8, floor_price float8, reference_price float8,
		highest_price float8, lowest_price float8, bid_price float8, ask_price float8, created_at timestamp DEFAULT now());
	INSERT INTO public.old_quotes (ticker, time, price, volume, total_volume, change, change_percent, ceiling_price, floor_price, reference_price, highest_price, lowest_price, bid_price, ask_price) VALUES
		('VIC', '2025-03-02 14:12:50.804477', 15.47, 9217126554917738496, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VCB', '2025-03-03 09:15:00.000001', 60000.5, 200, 12345, -800, -1.3157894736842106, 65000, 56600, 60800, 60900, 59900, 60000, 60100),
		('VNM', '2025-03-03 09:15:00', 70000, 100, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('HPG', '2025-04-01 00:00:00', 0, 0, 500, 0, 0, 30000, 26000, 28000, 0, 0, 0, 0),
		('VNM', '2025-03-03 09:15:00', 70000, 100, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VNM', '2025-03-03 09:15:00', 71000, 100, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('bad ticker', '2025-03-03 09:15:00', 1000, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VNM', 'infinity', 70000, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VNM', '2025-03-04 09:15:00', 'NaN', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VNM', '0044-03-15 09:15:00 BC', 70000, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		('VNM', '1999-12-31 09:15:00', 70000, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)});
my $expected = qr/^stored\|3\|
duplicate\|1\|
form\|4\|bad ticker 03\/03\/2025 09:15:00: "ticker" is a string \("bad ticker"\), a ticker of 1 to 20 letters A-Z and digits was expected
VNM infinity: "time" is a string \("infinity"\), a time that exists was expected
VNM 04\/03\/2025 09:15:00: "price" is a string \("NaN"\), a number was expected
conflict\|1\|VNM 03\/03\/2025 09:15:00: another quote of VNM at 2025-03-03T09:15:00.000000\+07:00 is stored already and differs: price 70000 there, 71000 here
time_range\|1\|VNM 31\/12\/1999 09:15:00: time 1999-12-31T09:15:00.000000\+07:00 is before .*
volume_range\|1\|VIC 02\/03\/2025 14:12:50.804477: volume 9217126554917738496 is beyond .*15.47 is below 1\d* VND.*$/;
($code, $out, $err) = $node->psql($database, "SELECT * FROM vnstream_import('public.old_quotes')");
like($out, $expected, 'rows, a duplicate, and what is refused by kind, with examples');
like($err, qr/NOTICE:  columns of "old_quotes" that are not taken over: id, created_at/, 'and which columns are ignored');
is(sql(q{SET TimeZone = 'UTC'; SET DateStyle = ISO; SELECT ticker, time, price, volume, total_volume, change, change_percent, ceiling_price, reference_price, bid_price,
		kafka_partition, kafka_offset, created_at > now() - interval '5 min' FROM realtime_quotes WHERE kafka_offset < 0 ORDER BY 1}),
	"HPG|2025-03-31 17:00:00+00|||500|||30000|28000||-1|-1|t
VCB|2025-03-03 02:15:00.000001+00|60000.5|200|12345|-800|-1.3157894736842106|65000|60800|60000|-1|-1|t
VNM|2025-03-03 02:15:00+00|70000|100|100|0|0||||-1|-1|t",
	'a time without zone is Vietnam\'s; zeros that mean unknown are NULL, as in messages');
like(sql("SELECT * FROM vnstream_import('public.old_quotes')"), qr/^stored\|0\|\nduplicate\|4\|\nform\|4\|.*^conflict\|1\|/ms, 'once more stores nothing');
like(sql("BEGIN; TRUNCATE realtime_quotes; DROP TABLE realtime_quotes_2025_04; SELECT * FROM vnstream_import('public.old_quotes'); ROLLBACK"), qr/^stored\|3\|/, 'in a transaction with other changes');

note 'import: other types';
sql(q{
	CREATE DOMAIN public.vnd AS numeric;
	CREATE TABLE public.texts (ticker char(8), "time" timestamptz, price text, volume numeric(20,2), total_volume text, bid_price real, ask_price public.vnd,
		match_time text, trading_date date, exchange text, source text, session text, foreign_room int, "TICKER" text);
	INSERT INTO public.texts VALUES
		('AAA', '2025-05-05 02:00:00+00', ' 15470.25 ', 100.00, '', 15470.1, 15500, '2025-05-05T09:00:00+07:00', '2025-05-05', 'HOSE', 'vci', 'a "b" \\ c', 7, 'x'),
		('AAB', '2025-05-05 02:00:00+00', '1,000', 100, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		('AAC', '2025-05-05 02:00:00+00', '1e4', 0.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		('AAD', '2025-05-05 02:00:00+00', '1e4', 5, NULL, 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		(NULL, '2025-05-05 02:00:00+00', '1e4', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		('AAE', NULL, '1e4', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
		('AAF', '2025-05-05 02:00:00+00', '1e4', 5, NULL, NULL, NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL),
		('AAG', '2025-05-05 02:00:00+00', '1e400', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)});
($code, $out, $err) = $node->psql($database, "SELECT * FROM vnstream_import('public.texts')");
like($out, qr/^stored\|1\|\nduplicate\|0\|\nform\|7\|AAB .*: "price" is a string \("1,000"\), a number was expected\nAAC .*: "volume" is a number \(0.5\), a whole number of shares was expected\nAAD .*Infinity[^\n]*$/,
	'numbers as text, numeric, real and a domain; what is no number is refused');
like($err, qr/not taken over: TICKER$/m, 'names have their case');
is(sql(q{SET TimeZone = 'UTC'; SET DateStyle = ISO; SELECT ticker, time, price, volume, total_volume, bid_price, ask_price, match_time, trading_date, exchange, source, session, foreign_room FROM realtime_quotes WHERE ticker = 'AAA'}),
	'AAA|2025-05-05 02:00:00+00|15470.25|100||15470.1|15500|2025-05-05 02:00:00+00|2025-05-05|HOSE|vci|a "b" \ c|7', 'every value is what it was');

sql(q{CREATE VIEW public.renamed AS SELECT symbol AS ticker, at AS "time", price FROM (VALUES ('BBB', '2025-05-05 09:00:00', 1000.5)) v(symbol, at, price);
	CREATE MATERIALIZED VIEW public.matview AS SELECT ticker, '2025-05-05 09:00:01' AS "time", price FROM public.renamed;
	CREATE TABLE public.ours (LIKE realtime_quotes) PARTITION BY LIST (ticker);
	CREATE TABLE public.ours_all PARTITION OF public.ours DEFAULT;
	INSERT INTO public.ours SELECT * FROM realtime_quotes;
	DELETE FROM realtime_quotes WHERE ticker = 'AAA'});
like(sql("SELECT * FROM vnstream_import('public.renamed')"), qr/^stored\|1\|\nduplicate\|0\|$/, 'a view');
like(sql("SELECT * FROM vnstream_import('public.matview')"), qr/^stored\|1\|\nduplicate\|0\|$/, 'a materialized view');
my $rows = sql('SELECT count(*) FROM public.ours') - 1;
($code, $out, $err) = $node->psql($database, "SELECT * FROM vnstream_import('public.ours')");
is($out, "stored|1|\nduplicate|$rows|", 'a partitioned table of our own shape');
like($err, qr/not taken over: kafka_partition, kafka_offset, created_at$/m, 'except for where rows were from');
sql(q{CREATE VIEW public.many AS SELECT 'M' || i AS ticker, timestamp '2025-06-01' + i * interval '1 hour' AS "time", 1000 + i AS price, i % 3 * 1000 AS bid_price FROM generate_series(1, 5000) i});
is(sql("SELECT * FROM vnstream_import('public.many')"), "stored|5000|\nduplicate|0|", 'more than a batch, over many months');
is(sql("SELECT * FROM vnstream_import('public.many')"), "stored|0|\nduplicate|5000|", 'and again');
is(sql("SELECT count(*), count(bid_price), min(kafka_offset), max(kafka_partition) FROM realtime_quotes WHERE ticker ~ '^M'"), '5000|3334|-1|-1', 'all there');

# it stops in its second batch of 2000
sql(q{CREATE VIEW public.slow AS SELECT 'S' || i AS ticker, timestamp '2025-06-01' AS "time", 1000 AS price
	FROM generate_series(1, 2500) i WHERE i <= 2000 OR pg_sleep(3600) IS NOT NULL});
$other = $node->background_psql($database, on_error_stop => 0);
$other->query_until(qr/begun/, "\\echo begun\nSELECT * FROM vnstream_import('public.slow');\n");
query_until($node, $database, q(SELECT what, worker IS NULL, done, total > 0, to_go = greatest(total - done, 0), rate > 0 FROM vnstream_progress()),
	'importing quotes|t|2000|t|t|t', 'vnstream_progress() says how far it has come, also where nothing was analyzed');
sql("SELECT pg_cancel_backend(pid) FROM vnstream_progress()");
query_until($node, $database, 'SELECT count(*) FROM vnstream_progress()', '0', 'until it is canceled');
$other->quit;
is(sql("SELECT count(*) FROM realtime_quotes WHERE ticker ~ '^S[0-9]'"), '0', 'and nothing was taken over');

note 'import: what is refused as a whole';
my %wrong = (
	'NULL' => qr/the table to import must not be null\nHINT:/,
	"'no_such_table'" => qr/relation "no_such_table" does not exist/,
	'99999999' => qr/relation with OID 99999999 does not exist\nHINT:/,
	"'realtime_quotes'" => qr/"realtime_quotes" is market.realtime_quotes itself, or a part of it\nHINT:/,
	"'realtime_quotes_2025_03'" => qr/is market.realtime_quotes itself, or a part of it\nHINT:/,
	"'vnstream_segments_seq'" => qr/"vnstream_segments_seq" is not a table or view\nHINT:/,
	"'vnstream_positions'" => qr/"vnstream_positions" has no column "ticker"\nHINT:.*CREATE VIEW/,
	"'market.vnstream_segments_open'" => qr/is not a table or view\nHINT:/);
like(said("SELECT * FROM vnstream_import($_)"), $wrong{$_}, "vnstream_import($_)") for sort keys %wrong;

note 'rights';
sql(q{CREATE ROLE operator LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_monitor; GRANT USAGE ON SCHEMA market, public TO operator, monitor;
	CREATE TABLE public.his (ticker text, "time" timestamptz, price int); INSERT INTO public.his VALUES ('HIS', '2025-05-05 09:00:00+07', 1000);
	ALTER TABLE public.his OWNER TO operator;
	CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.exchange := left(current_user, 15); RETURN NEW; END $$;
	CREATE TRIGGER spy BEFORE INSERT ON realtime_quotes FOR EACH ROW EXECUTE FUNCTION public.spy()});
for my $function ('vnstream_replay_dead_letters()', "vnstream_purge_dead_letters('0')", "vnstream_import('public.his')")
{
	for my $role (qw(operator monitor))
	{
		like(said("SET ROLE $role; SELECT * FROM $function"), qr/permission denied for function/, "$function is not for $role");
	}
}
for my $call ('vnstream_replay_dead_letters()', "vnstream_purge_dead_letters('0')", "vnstream_import('public.his')")
{
	my ($name) = $call =~ /^(\w+)/;
	like(said("BEGIN READ ONLY; SELECT * FROM $call"), qr/cannot execute $name\(\) in a read-only transaction/, "$name() writes");
}
sql('GRANT EXECUTE ON FUNCTION vnstream_import(regclass), vnstream_replay_dead_letters(text, int8[]), vnstream_purge_dead_letters(interval) TO operator');
like(said("SET ROLE operator; SELECT * FROM vnstream_import('public.texts')"), qr/permission denied for table texts/, 'who is granted it still needs SELECT on the table');
is(sql("SET ROLE operator; SELECT * FROM vnstream_import('public.his')"), "stored|1|\nduplicate|0|", 'and no right to realtime_quotes');
is(sql("SELECT exchange FROM realtime_quotes WHERE ticker = 'HIS'"), 'pg_database_own', 'rows are written by its owner');
like(said('SET ROLE operator; SELECT count(*) FROM realtime_quotes'), qr/permission denied/, 'which the caller is not');
keep($first, 'form', quote('SSI', '2026-08-07T11:00:00+07:00', 30000));
is(sql('SET ROLE operator; SELECT * FROM vnstream_replay_dead_letters()'), '1|1|0|0', 'a replay for whom it is granted');
is(sql("SELECT exchange FROM realtime_quotes WHERE ticker = 'SSI' ORDER BY time DESC LIMIT 1"), 'pg_database_own', 'writes as the owner too');
is(sql("SET ROLE operator; SELECT vnstream_purge_dead_letters('1 day')"), '0', 'a purge for whom it is granted');

# A predicate's function runs already when an index is looked at or a query planned.
sql(q{CREATE TABLE public.seen (who text); GRANT INSERT ON public.seen TO PUBLIC;
	CREATE FUNCTION public.tell() RETURNS void LANGUAGE sql AS $$ INSERT INTO public.seen VALUES (current_user) $$;
	CREATE FUNCTION public.always(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.tell(); RETURN true; END $$;
	CREATE UNIQUE INDEX one_at_a_time ON realtime_quotes (ticker, time) WHERE public.always(1); CREATE INDEX one_more ON realtime_quotes (price) WHERE public.always(1);
	UPDATE vnstream_segments SET closed_at = now()});
for my $statement ("SELECT vnstream_start('consumer'); SELECT vnstream_stop()", "SELECT FROM vnstream_import('public.his')", 'SELECT FROM vnstream_audit(true)',
	"INSERT INTO vnstream_dead_letters (segment, cluster_id, topic, epoch, kafka_partition, kafka_offset, value, code, reason, created_at)
		VALUES (0, 'c', 't', 1, 0, 0, convert_to('" . quote('SSI', '2026-08-07T11:00:00+07:00', 30000) . "', 'UTF8'), 'form', '', now());
		SELECT FROM vnstream_replay_dead_letters()")
{
	sql("TRUNCATE public.seen; $statement");
	is(sql("SELECT coalesce(string_agg(DISTINCT who, ' '), 'nobody') FROM public.seen"), 'pg_database_owner',
		"what is attached to realtime_quotes runs as its owner: $statement");
}
sql('DROP INDEX one_at_a_time, one_more');

note 'a table that keeps rows out, and one partitioned by somebody else';
sql(q{CREATE OR REPLACE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$});
sql(q{INSERT INTO public.his VALUES ('HIS2', '2025-05-05 09:00:00+07', 1000)});
like(said("SELECT * FROM vnstream_import('public.his')"), qr/keeps rows out|neither inserted nor/, 'a trigger that keeps rows out is an error');
sql(q{DROP TRIGGER spy ON realtime_quotes; ALTER TABLE realtime_quotes RENAME TO before;
	CREATE TABLE realtime_quotes (LIKE before INCLUDING ALL) PARTITION BY RANGE (time);
	CREATE TABLE realtime_quotes_only PARTITION OF realtime_quotes FOR VALUES FROM ('2026-01-01 00:00+07') TO ('2027-01-01 00:00+07')});
like(said("SELECT * FROM vnstream_import('public.his')"), qr/no partition of relation.*HINT:  Make a partition of realtime_quotes/s, 'without a partition nothing is taken over');
sql('DROP TABLE realtime_quotes');
like(said("SELECT * FROM vnstream_import('public.his')"), qr/table market.realtime_quotes does not exist\nHINT:.*vnstream_start/, 'without the table neither');

done_testing();
