# realtime_quotes: making it, its partitions, which tables are fit; and what its
# owner, triggers, locks and changes of its shape can do to the pipeline.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamStore;

VnstreamStore::start_server('quotes');
my $full = message('VCB', $now, %all);

note 'the table';
create_database('quotes');
is( sql('quotes', q(
		SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod)
			|| CASE WHEN attnotnull THEN ' not null' ELSE '' END, ', ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = 'realtime_quotes'::regclass AND attnum > 0)),
	join(', ',
		'ticker text not null',
		'time timestamp with time zone not null',
		'price double precision',
		'volume bigint',
		'total_volume bigint',
		(map { "$_ double precision" } qw(change change_percent ceiling_price floor_price
			  reference_price highest_price lowest_price bid_price ask_price open_price total_value)),
		'match_time timestamp with time zone',
		'match_side text',
		'source_time timestamp with time zone',
		'trading_date date',
		'session text', 'exchange text', 'source text',
		'bid_volume bigint',
		'bid_price_2 double precision', 'bid_volume_2 bigint',
		'bid_price_3 double precision', 'bid_volume_3 bigint',
		'ask_volume bigint',
		'ask_price_2 double precision', 'ask_volume_2 bigint',
		'ask_price_3 double precision', 'ask_volume_3 bigint',
		'foreign_buy_volume bigint', 'foreign_sell_volume bigint',
		'foreign_buy_value double precision', 'foreign_sell_value double precision',
		'foreign_room bigint', 'put_through_volume bigint',
		'put_through_value double precision', 'listed_shares bigint',
		'kafka_partition integer not null',
		'kafka_offset bigint not null',
		'created_at timestamp with time zone not null'),
	'columns of DESIGN.md in order');
is( sql('quotes', q(
		SELECT relkind, pg_get_userbyid(relowner), pg_get_partkeydef(oid),
			(SELECT collname FROM pg_attribute a JOIN pg_collation c ON c.oid = attcollation
			 WHERE attrelid = r.oid AND attname = 'ticker'),
			(SELECT count(*) FROM pg_attribute WHERE attrelid = r.oid AND attnum >= 0
			 AND col_description(attrelid, attnum) IS NULL),
			obj_description(oid) IS NOT NULL,
			(SELECT string_agg(regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''), '; ' ORDER BY indisprimary DESC)
			 FROM pg_index WHERE indrelid = r.oid),
			(SELECT count(*) FROM pg_depend WHERE objid = r.oid AND deptype = 'e')
		FROM pg_class r WHERE oid = 'realtime_quotes'::regclass)),
	'p|pg_database_owner|RANGE ("time")|C|0|t|btree (ticker, "time"); brin ("time")|0',
	'partitioned, owned by pg_database_owner, commented, keyed, no member of the extension');
is(sql('quotes', 'SELECT store_test_ensure(); SELECT * FROM store_test_find()'),
	"\nrealtime_quotes|pg_database_owner|t", 'a second ensure finds it fit');

note 'triggers';
create_database('triggers');
sql('triggers', q(
	CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
	CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.kafka_offset := 0; RETURN NEW; END';));
my @steps = (
	['fail BEFORE INSERT', 'fail', qr/^DRIFT P0001 no/m],
	['swallow BEFORE INSERT', 'swallow', qr/^DRIFT 09000 only 0 of 1 quotes became rows/m]);
my $offset = 0;
for my $step (@steps)
{
	sql('triggers', "CREATE TRIGGER t BEFORE INSERT ON realtime_quotes FOR EACH ROW EXECUTE FUNCTION $step->[1]()");
	my $m = message('T', "2026-08-04T11:29:5${offset}Z", price => 1000);
	my $result = script('triggers', "claim 0 0\nm 0 $offset $m\nstore\nsql DROP TRIGGER t ON realtime_quotes\nagain");
	like($result, $step->[2], "$step->[0]: drift");
	like($result, qr(0/$offset QUOTE\npartition 0 at $offset: 0 stored.*DONE\n0/$offset STORED\n)s,
		"$step->[0]: nothing was stored, and the same batch works once the trigger is gone");
	$offset++;
}
sql('triggers', 'CREATE TRIGGER t BEFORE INSERT ON realtime_quotes FOR EACH ROW EXECUTE FUNCTION shift()');
like(
	script('triggers', "claim 0 0\nm 0 2 " . message('T', '2026-08-04T11:29:50Z', price => 1000) . "\nm 0 3 "
		  . message('T', '2026-08-04T11:29:59Z', price => 1000) . "\nstore"),
	qr/^DRIFT 09000 rows of public.realtime_quotes came back with another/m, 'a trigger that forges offsets is found out');
sql('triggers', 'DROP TRIGGER t ON realtime_quotes');

note 'a hostile owner';
sql('triggers', q(
	CREATE ROLE mallory;

	GRANT CREATE, USAGE ON SCHEMA public TO mallory;
	ALTER TABLE realtime_quotes OWNER TO mallory;
	DO $do$ DECLARE p regclass; BEGIN
		FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'realtime_quotes'::regclass LOOP
			EXECUTE 'ALTER TABLE ' || p || ' OWNER TO mallory';
		END LOOP; END $do$;
	SET ROLE mallory;
	CREATE TABLE booty (what text);
	CREATE FUNCTION mallory() RETURNS trigger LANGUAGE plpgsql AS $f$
	DECLARE
		attempt text;
	BEGIN
		INSERT INTO public.booty VALUES ('as ' || current_user || ' ' || current_setting('search_path'));
		FOREACH attempt IN ARRAY ARRAY['SET ROLE postgres', 'RESET ROLE', 'SET ROLE NONE',
			'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
			'SET LOCAL ROLE postgres', 'CREATE ROLE evil SUPERUSER', 'CREATE TEMP TABLE t (a int)',
			'PREPARE p AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
			'ALTER ROLE mallory SUPERUSER', 'GRANT postgres TO mallory',
			'LISTEN x', 'UPDATE public.vnstream_positions SET next_offset = 99']
		LOOP
			BEGIN
				EXECUTE attempt;
				INSERT INTO public.booty VALUES (attempt || ' worked as ' || current_user);
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
		RETURN NULL;
	END $f$;
	CREATE TRIGGER t AFTER INSERT ON realtime_quotes FOR EACH ROW EXECUTE FUNCTION mallory();
	CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $f$
	BEGIN INSERT INTO public.booty VALUES ('now as ' || current_user); RETURN '2000-01-01'; END $f$;
	CREATE FUNCTION public.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS 'SELECT NULL';
	ALTER TABLE realtime_quotes ALTER COLUMN session SET DEFAULT public.now()::text;
	ALTER TABLE realtime_quotes ADD COLUMN extra timestamptz DEFAULT public.now();
	TRUNCATE booty;
));
like( script('triggers', "claim 0 0\nm 0 2 " . message('M', '2026-09-04T11:29:50Z', price => 1000) . "\nstore"),
	qr/0\/2 STORED/, 'its table is served, partition made');
is(sql('triggers', 'SELECT string_agg(what, E\'\n\' ORDER BY what) FROM booty'),
	"as mallory pg_catalog, pg_temp\nnow as mallory", 'its trigger and defaults run as itself and can become nobody else');
is(sql('triggers', "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'realtime_quotes_2026_09'"),
	'mallory', 'partitions belong to it');
is(sql('triggers', "SELECT count(*) FROM pg_roles WHERE rolname = 'evil' OR (rolname = 'mallory' AND rolsuper)"), '0', 'nobody rose');
sql('triggers', q(
	SET ROLE mallory;
	TRUNCATE booty;
	DROP TRIGGER t ON realtime_quotes;
	CREATE CONSTRAINT TRIGGER t AFTER INSERT ON realtime_quotes DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION mallory()));
like( script('triggers', "claim 0 0\nm 0 3 " . message('M', '2026-09-04T11:29:51Z', price => 1000) . "\nstore"),
	qr/^DRIFT 42501 cannot fire deferred trigger within security-restricted operation \| .*cannot be deferred/m,
	'a deferred trigger is drift');
is(sql('triggers', "SELECT count(*) FROM booty WHERE what LIKE '%postgres%' OR what LIKE 'as %'"), '0', 'and never ran');
sql('triggers', 'DROP TRIGGER t ON realtime_quotes; REVOKE CREATE ON SCHEMA public FROM mallory');
like( script('triggers', "claim 0 0\nm 0 3 " . message('M', '2026-10-04T11:29:51Z', price => 1000) . "\nstore"),
	qr/^DRIFT 42501 permission denied for schema public \| .*CREATE on the schema/m, 'an owner that may not make partitions');
sql('triggers', 'REVOKE INSERT ON realtime_quotes FROM mallory');
like( script('triggers', "claim 0 0\nm 0 3 " . message('M', '2026-09-04T11:29:51Z', price => 1000) . "\nstore"),
	qr/^DRIFT 42501 permission denied for table realtime_quotes/m, 'or may not insert');

note 'drift of the table';
my $m0 = 'm 6 0 ' . message('D', $now, price => 1000);
is( script('quotes', join("\n", 'claim 6 0', $m0,
		'sql ALTER TABLE realtime_quotes RENAME TO away', 'store',
		'sql ALTER TABLE away RENAME TO realtime_quotes',
		'sql ALTER TABLE realtime_quotes RENAME COLUMN foreign_room TO room', 'again',
		'sql ALTER TABLE realtime_quotes RENAME COLUMN room TO foreign_room',
		'sql ALTER TABLE realtime_quotes ADD COLUMN must int NOT NULL DEFAULT 1',
		'sql ALTER TABLE realtime_quotes ALTER COLUMN must DROP DEFAULT', 'again',
		'sql ALTER TABLE realtime_quotes DROP COLUMN must',
		'sql ALTER TABLE realtime_quotes ADD COLUMN more text', 'again'))
	  =~ s/\npartition 6 at 0: 0 stored.*//gr =~ s/\n6\/0 QUOTE//gr, q(DONE
partition 6 epoch 1 generation 1 at 0
DONE
DRIFT 42P01 table public.realtime_quotes does not exist | SELECT public.vnstream_start() makes it; a renamed one can be renamed back.
DONE
DONE
DRIFT 42703 table public.realtime_quotes cannot take quotes: Columns missing: foreign_room. | ALTER TABLE public.realtime_quotes RENAME TO realtime_quotes_old, then call public.vnstream_start() again; the old rows stay in realtime_quotes_old.
DONE
DONE
DONE
DRIFT 42804 table public.realtime_quotes cannot take quotes: Column "must" is NOT NULL and has no default. | ALTER TABLE public.realtime_quotes RENAME TO realtime_quotes_old, then call public.vnstream_start() again; the old rows stay in realtime_quotes_old.
DONE
DONE
DONE
6/0 STORED
partition 6 at 1: 1 stored, 0 duplicates, 0 dead letters, 0 gaps
), 'is told, and over when the table is as it was');

like( script('quotes', join("\n", 'claim 6 0', 'm 6 1 ' . message('E', $now, price => 1000), 'store',
		'sql ALTER TABLE realtime_quotes RENAME COLUMN foreign_room TO room', 'm 6 2 ' . message('G', $now, price => 1000), 'store',
		'sql ALTER TABLE realtime_quotes RENAME COLUMN room TO foreign_room', 'again')),
	qr(^6/1 STORED\n.*^DRIFT 42703 table public\.realtime_quotes cannot take quotes: Columns missing: foreign_room.*^6/2 STORED\n)ms,
	'a change under way is noticed');

note 'shapes';
create_database('shapes');
sql('shapes', 'ALTER TABLE realtime_quotes RENAME TO template');
my $copy = 'CREATE TABLE realtime_quotes (LIKE template); ';
my $key = 'ALTER TABLE realtime_quotes ADD PRIMARY KEY (ticker, time); ';
my $keep = qr/HINT:  ALTER TABLE public\.realtime_quotes RENAME TO realtime_quotes_old, then call public\.vnstream_start\(\) again; the old rows stay in realtime_quotes_old\./;
my @shapes = (
	['numeric prices', "$copy$key ALTER TABLE realtime_quotes ALTER price TYPE numeric, ALTER ticker TYPE varchar(10)",
		qr/42804: .*cannot take quotes\nDETAIL:  Column "ticker" is character varying, not text; column "price" is numeric, not double precision\.\n$keep/],
	['missing columns', "$copy$key ALTER TABLE realtime_quotes DROP kafka_offset, DROP session",
		qr/42703: .*cannot take quotes\nDETAIL:  Columns missing: session, kafka_offset\.\n$keep/],
	['the old deployment\'s table', 'CREATE TABLE realtime_quotes (ticker text, time timestamp, price float8, PRIMARY KEY (ticker, time))',
		qr/42804: .*\n.*Column "time" is timestamp without time zone, not timestamp with time zone; columns missing: volume, .*, created_at\.\n$keep/],
	['a required column more', "$copy$key ALTER TABLE realtime_quotes ADD must int NOT NULL", qr/42804: .*\n.*Column "must" is NOT NULL.*\n$keep/],
	['a generated column', "$copy$key ALTER TABLE realtime_quotes DROP change, ADD change float8 GENERATED ALWAYS AS (price - reference_price) STORED",
		qr/42804: .*\n.*Column "change" is generated.*\n$keep/],
	['no key', $copy, qr/42804: .*\n.*no unique index on exactly \(ticker, time\).*\nHINT:  ALTER TABLE public\.realtime_quotes ADD PRIMARY KEY \(ticker, time\), or .*the old rows stay/],
	['a wider key', "$copy ALTER TABLE realtime_quotes ADD PRIMARY KEY (ticker, time, kafka_offset)", qr/42804: .*\n.*no unique index/],
	['a partial key', "$copy CREATE UNIQUE INDEX ON realtime_quotes (ticker, time) WHERE price > 0", qr/42804: .*\n.*no unique index/],
	['a deferrable key', "$copy ALTER TABLE realtime_quotes ADD UNIQUE (ticker, time) DEFERRABLE", qr/42804: .*\n.*no unique index/],
	['an expression', "$copy CREATE UNIQUE INDEX ON realtime_quotes (upper(ticker), time)", qr/42804: .*\n.*no unique index/],
	['unlogged', "CREATE UNLOGGED TABLE realtime_quotes (LIKE template); $key", qr/55000: .*is unlogged\n.*\nHINT:  ALTER TABLE public\.realtime_quotes SET LOGGED/],
	['a view', 'CREATE VIEW realtime_quotes AS SELECT 1 AS ticker', qr/42809: .*is not a table\nHINT:  Rename it/]);
for my $shape (@shapes)
{
	like(refused('shapes', "BEGIN; $shape->[1]; SELECT store_test_ensure()"), $shape->[2], "refused: $shape->[0]");
}
my @fit = (
	['a plain table', "$copy$key", 'f'],
	['columns in another order, and more of them',
		"CREATE TABLE realtime_quotes (note text, created_at timestamptz NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, LIKE template, made timestamptz NOT NULL DEFAULT now());"
		. " CREATE UNIQUE INDEX ON realtime_quotes (time, ticker) INCLUDE (price)", 'f',
		"CREATE TABLE template2 (LIKE template); ALTER TABLE template2 DROP created_at"],
	['partitioned by its owner', 'CREATE TABLE realtime_quotes (LIKE template, PRIMARY KEY (ticker, time)) PARTITION BY RANGE (time);'
		. ' CREATE TABLE all_of_it PARTITION OF realtime_quotes DEFAULT', 'f'],
	['partitioned by ticker', 'CREATE TABLE realtime_quotes (LIKE template, PRIMARY KEY (ticker, time)) PARTITION BY HASH (ticker);'
		. ' CREATE TABLE one PARTITION OF realtime_quotes FOR VALUES WITH (modulus 1, remainder 0)', 'f'],
	['of another collation', 'CREATE TABLE realtime_quotes (LIKE template); ALTER TABLE realtime_quotes ALTER ticker TYPE text COLLATE "default", ALTER session TYPE text COLLATE "POSIX";' . $key, 'f'],
	['ours', 'CREATE TABLE realtime_quotes (LIKE template, PRIMARY KEY (ticker, time)) PARTITION BY RANGE (time)', 't']);
for my $fit (@fit)
{
	my ($name, $ddl, $managed, $more) = @$fit;
	sql('shapes', 'DROP TABLE IF EXISTS realtime_quotes, template2; DELETE FROM vnstream_positions; DELETE FROM vnstream_segments');
	if ($more)
	{
		sql('shapes', $more);
		$ddl =~ s/LIKE template/LIKE template2/;
	}
	sql('shapes', $ddl);
	is(sql('shapes', 'SELECT store_test_ensure(); SELECT is_managed FROM store_test_find()'), "\n$managed", "accepted: $name");
	like( script('shapes', "claim 0 0\nm 0 0 $full\nm 0 1 $full\nm 0 2 " . message('VCB', $now, %all, price => 5000) . "\nstore"),
		qr(0/0 STORED\n0/1 DUPLICATE\n0/2 DEAD conflict: .*price 60000\.5 there, 5000 here\n), "$name takes quotes");
	is(sql('shapes', "SELECT price, kafka_offset, created_at > now() - interval '1 minute' FROM realtime_quotes"), '60000.5|0|t', "$name has them");
}

note 'months';
create_database('months');
is( script('months', "claim 0 0\nm 0 0 " . message('A', '2026-07-31T16:59:59.999999Z') . "\nm 0 1 "
		  . message('A', '2026-07-31T17:00:00Z') . "\nm 0 2 " . message('A', '2026-12-31T23:59:59+07:00')
		  . "\nm 0 3 " . message('A', '2027-01-01T00:00:00') . "\nm 0 4 " . message('A', '2000-07-28T00:00:00') . "\nstore"),
	'DONE
partition 0 epoch 1 generation 1 at 0
DONE
0/0 STORED
0/1 STORED
0/2 STORED
0/3 STORED
0/4 STORED
partition 0 at 5: 5 stored, 0 duplicates, 0 dead letters, 0 gaps
', 'a batch across months');
is( sql('months', 'SELECT kafka_offset, tableoid::regclass FROM realtime_quotes ORDER BY 1'),
	"0|realtime_quotes_2026_07\n1|realtime_quotes_2026_08\n2|realtime_quotes_2026_12\n3|realtime_quotes_2027_01\n4|realtime_quotes_2000_07",
	'a month begins at midnight in Vietnam');
like(script('months', 'months 2010-01 120'), qr/^DONE$/, '120 months at once');
is(sql('months', q(SELECT count(*), count(*) FILTER (WHERE relispartition AND relowner = 'pg_database_owner'::regrole)
		FROM pg_class WHERE relname ~ '^realtime_quotes_20[01]\d_\d\d$' AND relkind = 'r')), '121|121', 'all attached, all the owner\'s');
is(sql('months', q(SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE relname = 'realtime_quotes_2019_12')),
	'2', 'with the indexes');
like( script('months', "claim 0 0\nm 0 5 " . message('A', '2026-08-02T00:00:00Z') . "\nstore\nsql DROP TABLE realtime_quotes_2026_08\nm 0 6 "
		  . message('A', '2026-08-03T00:00:00Z') . "\nstore"),
	qr(DONE\n0/6 STORED\n), 'a partition that was dropped is made again');
like( script('months', "sql ALTER TABLE realtime_quotes DETACH PARTITION realtime_quotes_2026_08\nclaim 0 0\nm 0 7 "
		  . message('A', '2026-08-02T00:00:00Z') . "\nstore"),
	qr(^DRIFT 42P07 public\.realtime_quotes_2026_08 is in the way of a partition of public\.realtime_quotes: .* \| Attach it again .* or rename it\.\n0/7 QUOTE\n)m,
	'a detached partition in the way is drift');
sql('months', 'ALTER TABLE realtime_quotes_2026_08 RENAME TO kept; ALTER TABLE realtime_quotes RENAME TO realtime_quotes_old;'
	  . ' CREATE TABLE realtime_quotes (LIKE realtime_quotes_old, PRIMARY KEY (ticker, time)) PARTITION BY RANGE (time);'
	  . " CREATE TABLE past PARTITION OF realtime_quotes FOR VALUES FROM ('2020-01-01') TO ('2026-08-01')");
like( script('months', "claim 0 0\nm 0 7 " . message('A', '2026-08-02T00:00:00Z') . "\nstore\nsql CREATE TABLE rest PARTITION OF realtime_quotes DEFAULT\nagain"),
	qr(^DRIFT 23514 no partition of relation "realtime_quotes" found for row: .* \| Make a partition of realtime_quotes .*DONE\n0/7 STORED\n)ms,
	'a table of other partitions that lacks one is drift, never a dead letter');
sql('months', 'DROP TABLE realtime_quotes; ALTER TABLE realtime_quotes_old RENAME TO realtime_quotes');

note 'next month';
create_database('ahead');
my $next = sql('ahead', q(SELECT to_char(now() AT TIME ZONE 'Asia/Ho_Chi_Minh' + interval '1 month', '"realtime_quotes_"YYYY"_"MM')));
my $batch = "claim 0 0\nm 0 0 " . message('A', '2020-01-01T00:00:00Z') . "\nstore";
sql('ahead', "CREATE TABLE $next (i int)");
my $log = -s $node->logfile;
like(script('ahead', $batch), qr(DONE\n0/0 STORED), 'where its partition cannot be made, batches are stored');
ok($node->log_contains(qr/LOG:  next month's partition of realtime_quotes is not made yet: public\.$next is in the way .*\n.*HINT:  Attach it/, $log),
	'and the log says so');
sql('ahead', "DROP TABLE $next");
like(script('ahead', $batch =~ s/\nm 0 0/\nm 0 1/r), qr(DONE\n0/1 DUPLICATE), 'a batch later');
is(sql('ahead', "SELECT relispartition FROM pg_class WHERE relname = '$next'"), 't', 'it is there before it is needed');

note 'locks';
create_database('locks');
script('locks', "claim 0 0\nm 0 0 " . message('A', $now) . "\nstore");
my $other = $node->background_psql('locks');
my $third = $node->background_psql('locks');
$other->query_safe('BEGIN; INSERT INTO realtime_quotes (ticker, time, kafka_partition, kafka_offset, created_at) SELECT \'W\', time, 0, 0, now() FROM realtime_quotes; SELECT count(*) FROM realtime_quotes');
like(script('locks', 'months 2027-01 3'), qr/^DONE$/, 'months are made under readers and writers');
$other->query_safe('COMMIT');
$other->query_safe('BEGIN; LOCK TABLE realtime_quotes IN ACCESS EXCLUSIVE MODE');
my $started = time;
my $answer = script('locks', "claim 0 0\nm 0 1 " . message('B', $now) . "\nstore 700");
like($answer, qr(^TRANSIENT 57014 canceling statement due to statement timeout \| The worker gives up after 700 ms.*\n0/1 QUOTE\npartition 0 at 1: 0 stored)m,
	'a locked table: transient, nothing moved');
cmp_ok(time - $started, '<', 30, 'within the timeout');
$other->query_safe('COMMIT');
like(script('locks', "claim 0 0\nm 0 1 " . message('B', $now) . "\nstore"), qr(0/1 STORED), 'the same batch afterwards');
$other->query_safe('BEGIN; LOCK TABLE realtime_quotes IN SHARE UPDATE EXCLUSIVE MODE');
$started = time;
like(script('locks', 'months 2028-01 1'), qr/^TRANSIENT 55P03 canceling statement due to lock timeout/, 'DDL waits 5 seconds for its lock');
cmp_ok(time - $started, '>=', 4, 'no less');
$other->query_safe('COMMIT');

note 'two that make the same months, and the same table';
$other->query_safe('BEGIN; LOCK TABLE realtime_quotes IN SHARE UPDATE EXCLUSIVE MODE');
my $fourth = $node->background_psql('locks');
$third->query_until(qr/started/, "\\echo started\nSELECT store_test('months 2029-01 12');\n");
$fourth->query_until(qr/started/, "\\echo started\nSELECT store_test('months 2029-01 12');\n");
wait_until('locks', "count(*) = 2 FROM pg_locks WHERE NOT granted");
$other->query_safe('COMMIT');
like($third->query('SELECT 1'), qr/DONE/, 'one makes them');
like($fourth->query('SELECT 1'), qr/DONE/, 'the other finds them');
is(sql('locks', "SELECT count(*) FROM pg_inherits WHERE inhparent = 'realtime_quotes'::regclass AND inhrelid::regclass::text LIKE '%_2029_%'"), '12', 'each once');
sql('locks', 'DROP TABLE realtime_quotes');
$other->query_safe('BEGIN; SELECT store_test_ensure()');
$third->query_until(qr/started/, "\\echo started\nSELECT store_test_ensure();\n");
wait_until('locks', "count(*) = 1 FROM pg_locks WHERE NOT granted");
$other->query_safe('COMMIT');
is($third->query('SELECT \'fine\''), "\nfine", 'two first starts at once');

$other->quit;
$third->quit;
$fourth->quit;
$node->stop;
done_testing();
