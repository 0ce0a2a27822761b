# The batch: rows, duplicates, conflicts, dead letters, positions and segments,
# the outbox; and what another consumer, an error or an encoding does to them.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamStore;

VnstreamStore::start_server('store');
create_database('quotes');

note 'every column, exactly';
my $full = message('VCB', $now, %all);
my $before = sql('quotes', 'SELECT clock_timestamp()');
my $answer = script('quotes', "claim 0 7 1 0\nm 0 7 $full\nm 1 3 " . message('FPT', '2026-08-04T11:29:58Z') . "\nstore\n");
is($answer, 'DONE
partition 0 epoch 1 generation 1 at 7
partition 1 epoch 1 generation 1 at 0
DONE
0/7 STORED
1/3 STORED
partition 0 at 8: 1 stored, 0 duplicates, 0 dead letters, 0 gaps
partition 1 at 4: 1 stored, 0 duplicates, 0 dead letters, 3 gaps
', 'two partitions, one with a gap before its first message');
my $stored = sql('quotes', "SELECT to_jsonb(q) - 'created_at' FROM realtime_quotes q WHERE ticker = 'VCB'");
my %expected = (%all,
	ticker => '"VCB"', time => '"2026-08-04T04:29:58.104512+00:00"',
	match_time => '"2026-08-04T04:29:57+00:00"', source_time => '"2026-08-04T04:29:57.5+00:00"',
	kafka_partition => '0', kafka_offset => '7');
is( sql('quotes', "SELECT '$stored'::jsonb = '{"
		  . join(',', map { "\"$_\":$expected{$_}" } keys %expected) . "}'::jsonb"),
	't', 'all values arrive') or diag $stored;
is( sql('quotes', "SELECT created_at BETWEEN '$before' AND clock_timestamp() FROM realtime_quotes WHERE ticker = 'VCB'"),
	't', 'created_at is the clock at the batch');
is( sql('quotes', q(SELECT jsonb_object_agg(k, v) FROM realtime_quotes q, jsonb_each(to_jsonb(q) - 'created_at') AS e(k, v)
		WHERE ticker = 'FPT' AND v <> 'null')),
	'{"time": "2026-08-04T11:29:58+00:00", "ticker": "FPT", "kafka_offset": 3, "kafka_partition": 1}',
	'what is unknown is NULL');

note 'duplicates and conflicts';
my $plain = message('AAA', $now, price => 1000, volume => 5);
is( script('quotes', join("\n",
		'claim 2 0',
		"m 2 0 $plain",
		"m 2 1 $plain",
		'm 2 2 ' . message('AAA', $now, price => 1000, volume => 5, source => '"kbs"'),
		'm 2 3 ' . message('AAA', $now, price => 1100, volume => 5, match_time => "\"$now\"", session => '"ATC"'),
		'm 2 4 ' . message('BBB', $now, price => 1000),
		'm 2 5 ' . message('VCB', $now, %all, source => '"kbs"'),
		'store')),
	"DONE
partition 2 epoch 1 generation 1 at 0
DONE
2/0 STORED
2/1 DUPLICATE
2/2 DUPLICATE
2/3 DEAD conflict: another quote of AAA at $now is stored already and differs: price 1000 there, 1100 here; match_time unknown there, 2026-08-04 11:29:58.104512+07 here; and 1 more field
2/4 STORED
2/5 DUPLICATE
partition 2 at 6: 2 stored, 3 duplicates, 1 dead letters, 0 gaps
", 'the same again is a duplicate, whatever its source; another quote is a conflict');
for my $field (sort keys %all)
{
	# a match_time makes another trading_date more than one difference
	next if $field eq 'source' || $field eq 'trading_date';
	my %other = (%all, $field => $field =~ /_time$/ ? '"2026-08-04T11:00:00Z"'
		: $field eq 'match_side' ? '"s"' : $field =~ /session|exchange/ ? '"X"' : '77777');
	my %without = %all;
	delete $without{$field};
	like(
		script('quotes', "claim 3 0\nm 3 0 " . message('VCB', $now, %other)
			  . "\nm 3 1 " . message('VCB', $now, %without) . "\nstore\nsql delete from vnstream_segments where partition = 3\nsql delete from vnstream_positions where partition = 3\n"),
		qr(3/0 DEAD conflict: [^\n]*differs: $field .* there, .* here\n3/1 DEAD conflict: [^\n]*differs: $field \S[^\n;]* there, unknown here[;\n]),
		"$field is compared, unknown too");
}
like(
	script('quotes', join("\n", 'claim 3 0', (map { "m 3 $_->[0] " . message('TD', $now, price => 1000, @{ $_->[1] }) }
		[ 0, [ trading_date => '"2026-08-04"' ] ], [ 1, [ trading_date => '"2026-08-05"' ] ], [ 2, [] ]), 'store',
		'sql delete from vnstream_segments where partition = 3', 'sql delete from vnstream_positions where partition = 3')),
	qr(3/0 STORED\n3/1 DEAD conflict: [^\n]*differs: [^\n]*trading_date 2026-08-04 there, 2026-08-05 here\n3/2 DEAD conflict: [^\n]*differs: trading_date 2026-08-04 there, unknown here\n),
	'and so is trading_date');

note 'a replay';
is( script('quotes', join("\n",
		'claim 4 0', "m 4 0 " . message('R0', $now, price => 1000), "m 4 1 " . message('R1', $now, price => 1000),
		'hex 4 2 00ff', 'store',
		"sql UPDATE vnstream_positions SET next_offset = 0 WHERE partition = 4",
		"m 4 3 " . message('R3', $now, price => 1000), 'store',
		'claim 4 0', "m 4 0 " . message('R0', $now, price => 1000), "m 4 1 " . message('R1', $now, price => 1000),
		'hex 4 2 00ff', "m 4 3 " . message('R3', $now, price => 1000), 'store')),
	"DONE
partition 4 epoch 1 generation 1 at 0
DONE
4/0 STORED
4/1 STORED
4/2 DEAD form: not JSON: \"b\x{c3}\x{a1}n\"
partition 4 at 3: 2 stored, 0 duplicates, 1 dead letters, 0 gaps
DONE
FENCED VN001 a position of topic \"stock-quotes\" is not this worker's any more: Another consumer has claimed the partition, or its row in vnstream_positions was changed.
4/3 QUOTE
partition 4 at 3: 0 stored, 0 duplicates, 0 dead letters, 0 gaps
DONE
partition 4 epoch 1 generation 2 at 0
DONE
4/0 DUPLICATE
4/1 DUPLICATE
4/2 DEAD form: not JSON: \"b\x{c3}\x{a1}n\"
4/3 STORED
partition 4 at 4: 1 stored, 3 duplicates, 0 dead letters, 0 gaps
", 'a position moved by hand stops the consumer, and its next claim replays');
is( sql('quotes', 'SELECT from_offset, next_offset, stored, duplicates, dead_letters, gaps, opened_because, closed_at IS NULL
		FROM vnstream_segments WHERE partition = 4 ORDER BY segment'),
	"0|3|2|0|1|0|first claim|f\n0|4|1|3|0|0|position was changed by hand|t",
	'in a segment of its own; the letter that is kept already is the earlier one\'s');
is(sql('quotes', 'SELECT value, key, kafka_time FROM vnstream_dead_letters WHERE kafka_partition = 4'),
	'\x00ff||', 'a dead letter kept before stays as it was');
like(script('quotes', "claim 4 0\nskip 4 0 log truncated\nhex 4 0 00\nhex 4 2 ffff\ntomb 4 3\nstore"),
	qr/partition 4 at 4: 0 stored, 0 duplicates, 3 dead letters, 1 gaps/, 'other messages at these offsets, in a new log');
is(sql('quotes', 'SELECT l.kafka_offset, l.value, s.opened_because FROM vnstream_dead_letters l JOIN vnstream_segments s USING (segment) WHERE l.kafka_partition = 4 ORDER BY l.letter'),
	"2|\\x00ff|first claim\n0|\\x00|log truncated\n2|\\xffff|log truncated\n3||log truncated", 'are kept as well');

note 'dead letters';
is( script('quotes', "claim 5 0\nhex 5 0 c30028\ntomb 5 1\nm 5 2 {\nstore") =~ /3 dead letters/ ? 1 : 0, 1,
	'bytes, a tombstone and a torn message');
is( sql('quotes', "SELECT kafka_offset, encode(key, 'escape'), encode(value, 'hex'), code, reason <> '', kafka_time, epoch, topic, cluster_id
		FROM vnstream_dead_letters WHERE kafka_partition = 5 ORDER BY 1"),
	"0||c30028|form|t||1|stock-quotes|test-cluster
1|||form|t||1|stock-quotes|test-cluster
2|VCB|7b|form|t|2026-08-04 04:29:58.105+00|1|stock-quotes|test-cluster",
	'are kept whole; a time out of range is NULL');

note 'rows that PostgreSQL refuses';
create_database('rules');
sql('rules', q(
	ALTER TABLE realtime_quotes ADD CONSTRAINT cheap CHECK (price < 500000);
	CREATE TABLE listed (ticker text PRIMARY KEY);
	INSERT INTO listed SELECT 'T' || i FROM generate_series(0, 2000) i;
	GRANT REFERENCES, SELECT ON listed TO pg_database_owner;
	ALTER TABLE listed OWNER TO pg_database_owner;
	ALTER TABLE realtime_quotes ADD CONSTRAINT is_listed FOREIGN KEY (ticker) REFERENCES listed;
	ALTER TABLE realtime_quotes ALTER COLUMN volume SET NOT NULL));
my $many = join("\n", map {
	my $n = $_;
	"m 0 $n " . message($n == 400 ? 'NONE' : "T$n", $now, price => ($n == 77 || $n == 998) ? 600000 : 1000,
		$n == 555 ? () : (volume => 1))
} 0 .. 999);
is( script('rules', "claim 0 0\n$many\nstore"), qq(DONE
partition 0 epoch 1 generation 1 at 0
DONE
0/77 DEAD 23514: new row for relation "realtime_quotes_2026_08" violates check constraint "cheap"
0/400 DEAD 23503: insert or update on table "realtime_quotes_2026_08" violates foreign key constraint "is_listed": Key (ticker)=(NONE) is not present in table "listed".
0/555 DEAD 23502: null value in column "volume" of relation "realtime_quotes_2026_08" violates not-null constraint
0/998 DEAD 23514: new row for relation "realtime_quotes_2026_08" violates check constraint "cheap"
partition 0 at 1000: 996 stored, 0 duplicates, 4 dead letters, 0 gaps
), 'only they become dead letters, of a thousand');
is(sql('rules', 'SELECT count(*), count(DISTINCT kafka_offset) FROM realtime_quotes'), '996|996', 'their neighbours are rows');
is( script('rules', "claim 0 0\nm 0 1000 " . message('T1', $now, price => 1000, volume => 1) . "\nm 0 1001 "
		  . message('T77', $now, price => 600000, volume => 1) . "\nm 0 1002 " . message('T77', $now, price => 1000, volume => 1) . "\nstore"),
	qq(DONE
partition 0 epoch 1 generation 2 at 1000
DONE
0/1000 DUPLICATE
0/1001 DEAD 23514: new row for relation "realtime_quotes_2026_08" violates check constraint "cheap"
0/1002 STORED
partition 0 at 1003: 1 stored, 1 duplicates, 1 dead letters, 0 gaps
), 'also among duplicates');
sql('rules', 'ALTER TABLE realtime_quotes DROP CONSTRAINT is_listed; CREATE UNIQUE INDEX one_price ON realtime_quotes (time, price) WHERE price > 2000');
like( script('rules', "claim 0 0\nm 0 1003 " . message('U1', $now, price => 3000, volume => 1) . "\nm 0 1004 "
		  . message('U2', $now, price => 3000, volume => 1) . "\nstore"),
	qr(0/1003 STORED\n0/1004 DEAD 23505: duplicate key value .*_price_idx": Key .* already exists\.\n),
	'a unique index of the owner\'s own is no duplicate of a quote');

note 'fencing and segments';
is( script('quotes', join("\n", 'owner a', 'claim 8 0', 'owner b', 'claim 8 0', 'owner a',
		'm 8 0 ' . message('F', $now, price => 1000), 'store', 'skip 8 5 gone', 'owner b', 'again',
		'sql SELECT count(*) FROM realtime_quotes WHERE ticker = \'F\'')),
	q(DONE
partition 8 epoch 1 generation 1 at 0
DONE
partition 8 epoch 1 generation 2 at 0
FENCED VN001 a position of topic "stock-quotes" is not this worker's any more: Another consumer has claimed the partition, or its row in vnstream_positions was changed.
8/0 QUOTE
partition 8 at 0: 0 stored, 0 duplicates, 0 dead letters, 0 gaps
FENCED VN001 a position of topic "stock-quotes" is not this worker's any more: Another consumer has claimed the partition, or its row in vnstream_positions was changed.
DONE
8/0 STORED
partition 8 at 1: 1 stored, 0 duplicates, 0 dead letters, 0 gaps
1 DONE
), 'who claimed earlier can store nothing, the later owner can');
is( script('quotes', join("\n", 'claim 8 0 9 40', 'skip 8 100 kafka deleted them', 'm 8 100 ' . message('G', $now), 'm 9 40 ' . message('H', $now),
		'next 8 110', 'store', 'skip 8 20 a new log', 'm 8 20 ' . message('I', $now), 'store'))
	  =~ /partition 8 at 110: 1 stored, 0 duplicates, 0 dead letters, 9 gaps\npartition 9 at 41: 1.*DONE\nDONE\n8\/20 STORED/s ? 1 : 0, 1,
	'skipping forth and back');
is( sql('quotes', 'SELECT from_offset, next_offset, stored, gaps, opened_because, closed_at IS NULL FROM vnstream_segments WHERE partition = 8 ORDER BY segment'),
	"0|100|1|99|first claim|f\n100|110|1|9|kafka deleted them|f\n20|21|1|0|a new log|t",
	'a lost range is a gap; a shorter log is none');
is( sql('quotes', 'SELECT count(*) FROM vnstream_segments WHERE next_offset - from_offset <> stored + duplicates + dead_letters + gaps'),
	'0', 'the law of conservation holds');
like(refused('quotes', 'UPDATE vnstream_segments SET stored = stored + 1'), qr/23514.*vnstream_segments_conserve/, 'and is a constraint');
like( script('quotes', "claim 8 0\nsql UPDATE vnstream_segments SET closed_at = now() WHERE partition = 8\nm 8 21 "
		  . message('J', $now) . "\nstore\nclaim 8 0\nagain"),
	qr(^FENCED VN001 a partition of topic "stock-quotes" has no open segment[^\n]*\n8/21 QUOTE\n.*DONE\npartition 8.*at 21\nDONE\n8/21 STORED)ms,
	'a segment closed by hand is opened by the next claim');

note 'isolation, read-only, errors';
create_database('errors');
script('errors', "claim 0 0\nm 0 1 " . message('A', $now) . "\nstore");
my $third = $node->background_psql('errors');
sql('postgres', "ALTER DATABASE errors SET default_transaction_isolation = 'serializable'");
sql('postgres', "ALTER DATABASE errors SET default_transaction_deferrable = on");
is(script('errors', 'sql SHOW transaction_isolation'), "read committed DONE\n", 'READ COMMITTED whatever the default');
my $late = $node->background_psql('errors');
$late->query_safe('BEGIN; SELECT * FROM vnstream_positions; UPDATE vnstream_positions SET updated_at = now()');
$third->query_until(qr/started/, "\\echo started\nSELECT store_test(\$\$claim 0 0\nm 0 2 " . message('S', $now) . "\nstore\$\$);\n");
wait_until('errors', "count(*) >= 1 FROM pg_locks WHERE NOT granted");
$late->query_safe('COMMIT');
like($third->query('SELECT 1'), qr(0/2 STORED), 'a position that was locked meanwhile is no serialization failure');
sql('postgres', "ALTER DATABASE errors SET default_transaction_read_only = on");
like(script('errors', 'claim 0 0'), qr/^TRANSIENT 25006/, 'a read-only database is waited for');
sql('postgres', 'ALTER DATABASE errors RESET ALL');
my %outcomes = (
	TRANSIENT => [qw(08006 25006 40001 40P01 53100 53200 53300 54001 55P03 55006 57014 57P01 58030 XX000 ZZZZZ)],
	DRIFT => [qw(09000 0A000 22012 23505 2F005 38000 39P01 3F000 42501 42703 42804 42P01 44000 55000 P0001 P0004 XX001 XX002)],
	FENCED => ['VN001'], GONE => ['VN002']);
for my $outcome (sort keys %outcomes)
{
	like(script('errors', join("\n", map { "boom $_" } @{ $outcomes{$outcome} })),
		qr/^(?:$outcome \w{5} boom: two lines[^\n]*\n){${\ scalar @{ $outcomes{$outcome} }}}$/, "classified as $outcome");
}
like(script('errors', "boom 42P01\nwork 200 SELECT pg_sleep(10)\nwork 200 SELECT 1\nwork 0 SELECT pg_sleep(0.5)\nwork 200 SELECT 1/0\nwork 0 SELECT pg_sleep(0.5)"),
	qr/^DRIFT.*\nTRANSIENT 57014.*\n1 DONE\n DONE\nDRIFT 22012.*\n DONE\n$/, 'a timeout ends its own transaction and no other');
$third->query_until(qr/started/, "\\echo started\nSELECT store_test('work 0 SELECT pg_sleep(600)');\n");
wait_until('errors', "count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'vnstream store test' AND query = 'store test' AND state = 'active' AND wait_event = 'PgSleep'");
sql('errors', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vnstream store test'");
like($third->query('SELECT 1'), qr/TRANSIENT 57014/, 'a cancelled worker lives on');
$third->query_until(qr/started/, "\\echo started\nSELECT store_test('work 0 SELECT pg_sleep(600)');\n");
wait_until('errors', "count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'vnstream store test' AND wait_event = 'PgSleep'");
sql('errors', "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'vnstream store test'");
like($third->query('SELECT 1'), qr/the worker ended early/, 'a terminated one ends');

note 'order of locks';
# One session holds the first row, one waits for all rows in their order, as
# a replay or a seek does, and a batch comes behind it.
create_database('locks');
script('locks', "claim 3 0 2 0 1 0 0 0\nskip 3 0 again\nskip 0 0 again");
my $batch = 0;
for (["vnstream_segments WHERE closed_at IS NULL ORDER BY segment", 1], ["vnstream_positions WHERE true ORDER BY partition", 0])
{
	my ($rows, $first) = @$_;

	my $holder = $node->background_psql('locks');
	my $orderly = $node->background_psql('locks', on_error_stop => 0);
	my $consumer = $node->background_psql('locks');

	# plans differ with statistics
	sql('locks', 'ANALYZE vnstream_positions, vnstream_segments') if $batch > 0;
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	$consumer->query_until(qr/started/, "\\echo started\nSELECT store_test(\$\$claim 3 0 2 0 1 0 0 0\nsql SELECT pg_advisory_lock(1)\n"
		  . join('', map { "m $_ $batch " . message("L$_", "2026-08-04T11:29:0$batch+07:00") . "\n" } 0 .. 3) . "store\$\$);\n");
	wait_until('locks', "count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'");
	sql('locks', "UPDATE vnstream_positions SET updated_at = now() WHERE partition = $first");
	$holder->query_safe("BEGIN; SELECT FROM " . ($rows =~ s/WHERE/WHERE partition = $first AND/r) . " FOR NO KEY UPDATE");
	$orderly->query_until(qr/started/, "\\echo started\nBEGIN; SELECT FROM $rows FOR NO KEY UPDATE; COMMIT;\n");
	wait_until('locks', "count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'");
	$holder->query_safe('SELECT pg_advisory_unlock(1)');
	wait_until('locks', "count(*) = 2 FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'");
	$holder->query_safe('COMMIT');
	like($consumer->query('SELECT 1'), qr/DONE\n0\/$batch STORED\n/, "a batch locks in the order of $rows");
	$orderly->query('SELECT 1');
	is($orderly->{stderr}, '', 'so neither has to give way');
	$_->quit for $holder, $orderly, $consumer;
	$batch++;
}

note 'statistics';
like( script('errors', join("\n", 'claim 3 0', 'm 3 0 ' . message('S1', $now), 'store', 'm 3 1 ' . message('S2', $now), 'store',
		"sql SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'realtime_quotes_2026_08') = (SELECT count(*) FROM realtime_quotes)")),
	qr(^t DONE$)m, 'rows are counted for autovacuum with their batch');

note 'the outbox and its sweeps';
is(sql('errors', 'SELECT store_test_request()'), '1', 'a requested sweep');
$answer = script('errors', join("\n", 'sweep_requested', 'sweep_begin 1', 'sweep_requested', 'sweep_begin 0',
		'outbox_add 1 5 1 2 {"a":1}|{"b":2}', 'outbox_add 1 3 3 0 ', 'outbox_add 2 3 0 0 {"c":1}|{"d":2}|{"e":3}',
		'outbox_add 2 1 0 0 ', 'outbox_size', 'outbox_load 0 1', 'outbox_load 1 10', 'outbox_settle 2 1', 'outbox_size',
		'sweep_end 1 9 1', 'sweeps_interrupt', 'sweep_begin 99', 'sweep_end 3 4 4 source said 503', 'sweeps_interrupt'));
like($answer, qr(^1 DONE
1 DONE
0 DONE
2 DONE
1 DONE
0 DONE
2 DONE
DRIFT 23514 .*vnstream_sweeps_conserve.*
2/5/some DONE
1/1/vci/1785817798104512:T0=\{"a":1\},T1=\{"b":2\}, DONE
2/2/vci/1785817798104512:T0=\{"c":1\},T1=\{"d":2\},T2=\{"e":3\}, DONE
DONE
0/0/none DONE
DONE
1 DONE
3 DONE
DONE
0 DONE
$), 'responses come and go, and sweeps count them');
is( sql('errors', 'SELECT sweep, source, trigger, started IS NOT NULL, ended IS NOT NULL, asked, answered, missing, published, unchanged, rejected, waiting, error FROM vnstream_sweeps ORDER BY 1'),
	"1|vci|request|t|t|9|8|1|2|4|2|0|
2|vci|interval|t|t|0|3|0|3|0|0|0|interrupted: the producer ended during this sweep
3|vci|interval|t|t|4|0|4|0|0|0|0|source said 503", 'each symbol of an answer is accounted for');

note 'another schema';
$node->safe_psql('postgres', 'CREATE DATABASE odd');
my ($out, $err);
$node->psql('odd', 'CREATE SCHEMA "My Schema%s"; CREATE EXTENSION vnstream_store_test SCHEMA "My Schema%s"; SET search_path = "My Schema%s"; SELECT store_test_ensure()',
	stdout => \$out, stderr => \$err, on_error_stop => 1);
like($err, qr/NOTICE:  granted USAGE and CREATE on schema "My Schema%s" to pg_database_owner/, 'the grant is told');
like( $node->safe_psql('odd', 'SET search_path = "My Schema%s"; SELECT store_test($$claim 0 0' . "\nm 0 0 $full\nm 0 1 $full\nm 0 2 "
		  . message('VCB', $now) . "\nhex 0 3 00\nstore\nsweep_begin 0\noutbox_add 1 1 0 0 {}\noutbox_size\nskip 0 9 lost\n\$\$)"),
	qr(0/0 STORED\n0/1 DUPLICATE\n0/2 DEAD conflict.*\n0/3 DEAD form.*\n.*\n1 DONE\n1 DONE\n1/1/some DONE\nDONE\n), 'everything works in it');
is(sql('odd', q(SELECT count(*) FROM pg_class WHERE relname = 'realtime_quotes_2026_08' AND relnamespace = '"My Schema%s"'::regnamespace)), '1', 'partitions too');
like( $node->safe_psql('odd', 'SET search_path = "My Schema%s"; SELECT store_test($$claim 0 0' . "\nm 0 9 " . message('X', $now)
		  . "\nstore\nsql ALTER SCHEMA \"My Schema%s\" RENAME TO plain\nm 0 10 " . message('Y', $now) . "\nm 0 11 " . message('Y', $now) . "\nstore\n\$\$)"),
	qr(0/9 STORED\n.*\nDONE\nDONE\n0/10 STORED\n0/11 DUPLICATE\n), 'also when the schema is renamed under way');

note 'other encodings';
my $fine = unpack('H*', message('A', $now, session => "\"Phi\x{c3}\x{aa}n\""));
my $foreign = unpack('H*', message('B', $now, session => "\"\x{e1}\x{bb}\x{87}\""));
for my $encoding ('LATIN1', 'SQL_ASCII')
{
	my $database = lc $encoding;
	create_database($database, "ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	like( script($database, "claim 0 0\nmx 0 0 $fine\nmx 0 1 $foreign\nmx 0 2 $fine\nhex 0 3 00\nstore"),
		$encoding eq 'LATIN1'
		? qr(0/0 STORED\n0/1 DEAD 22P05: a text has a character that the database's encoding does not have\n0/2 DUPLICATE\n0/3 DEAD)
		: qr(0/0 STORED\n0/1 STORED\n0/2 DUPLICATE\n0/3 DEAD), "$encoding: what it can hold is stored");
	is(sql($database, "SELECT encode(convert_to(session, '$encoding'), 'hex') FROM realtime_quotes WHERE ticker = 'A'"),
		$encoding eq 'LATIN1' ? '506869ea6e' : '506869c3aa6e', "$encoding: as it writes it");
	is(sql($database, "SELECT encode(reason::bytea, 'hex') FROM vnstream_dead_letters WHERE kafka_offset = 3"),
		unpack('H*', $encoding eq 'LATIN1' ? "not JSON: \"b\x{e1}n\"" : "not JSON: \"b\x{c3}\x{a1}n\""), "$encoding: reasons too");
	like( script($database, "sweep_begin 0\noutbox_hex 1 $foreign\noutbox_load 0 1"),
		qr(T0=\{"ticker":"B",.*"session":"\\u1ec7"\}), "$encoding: the outbox loses nothing");
}

note 'DROP EXTENSION';
$third->query_until(qr/started/, "\\echo started\nSELECT store_test(E'work 0 SELECT pg_sleep(1)\nclaim 0 0');\n");
wait_until('errors', "count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'vnstream store test' AND wait_event = 'PgSleep'");
$late->query_safe('BEGIN; DROP EXTENSION vnstream_store_test');
wait_until('errors', "count(*) = 1 FROM pg_locks WHERE NOT granted");
$late->query_safe('COMMIT');
like($third->query('SELECT 1'), qr/ DONE\nGONE VN002 extension "vnstream_store_test" is not installed in this database \| CREATE EXTENSION/,
	'waits for a transaction, and is seen by the next');
$node->safe_psql('quotes', 'CREATE TABLE had AS SELECT count(*) AS rows FROM realtime_quotes; DROP EXTENSION vnstream_store_test');
is(sql('quotes', 'SELECT (SELECT count(*) FROM realtime_quotes) = rows AND rows > 0 FROM had'), 't', 'keeps the quotes');
$node->safe_psql('quotes', 'CREATE EXTENSION vnstream_store_test; SELECT store_test_ensure()');
like( script('quotes', "claim 0 7\nm 0 7 $full\nstore"), qr(generation 1 at 7\nDONE\n0/7 DUPLICATE), 'a new one finds them');

note 'memory';
$answer = script('rules', "sql ALTER TABLE realtime_quotes DROP CONSTRAINT IF EXISTS cheap\nclaim 7 0\nsoak 7 2000 25");
like($answer, qr/50000 stored, 0 duplicates, 0 dead\nmemory grew by -?\d+ bytes/, 'two thousand batches');
cmp_ok($answer =~ /memory grew by (-?\d+)/ ? $1 : 1e9, '<', 32768, 'leave nothing behind');
$answer = script('rules', "sql UPDATE vnstream_positions SET next_offset = 0 WHERE partition = 7\nclaim 7 0\nsoak 7 300 25");
like($answer, qr/0 stored, 7500 duplicates, 0 dead/, 'nor do replays');
cmp_ok($answer =~ /memory grew by (-?\d+)/ ? $1 : 1e9, '<', 32768, 'in memory');

$third->quit;
$late->quit;
$node->stop;
done_testing();
