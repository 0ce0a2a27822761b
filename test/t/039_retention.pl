# Retention: whole months go, with an account of what they had, and nothing else
# does; vnstream_partitions() shows what there is.
use strict;
use warnings;

use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $topic = new_topic();
my $node = new_server('retention', brokers => broker_address(), consumers => 2,
	server => { timezone => 'America/New_York', datestyle => 'SQL, DMY', autovacuum => 'off' });
my @days = (365);    # each setting makes the consumers start anew, and look

$node->safe_psql('postgres', "CREATE DATABASE desk; ALTER DATABASE desk SET vnstream.topic = '$topic'; ALTER DATABASE desk SET vnstream.partitions = 2");

sub sql { return $node->safe_psql('desk', "SET TimeZone = 'Asia/Ho_Chi_Minh'; SET DateStyle = 'ISO'; " . $_[0]) }
sub said { return ($node->psql('desk', $_[0]))[2] }

# Messages, as [ticker, time, price], into a partition.
sub send_quotes
{
	my ($partition, @quotes) = @_;
	produce(broker_address(), $topic,
		[ map { [ $_->[0], sprintf '{"ticker":"%s","time":"%s","price":%d}', @$_ ] } @quotes ], '-p', $partition);
	is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'stored');
	return;
}

# Has retention run with a setting of its own, one day longer each time?
sub run_retention
{
	my ($expected, $name) = @_;
	my $days = ++$days[0];
	sql("ALTER DATABASE desk SET vnstream.retention = '${days}d'");
	query_until($node, 'desk', "SELECT bool_and(in_use) FROM vnstream_settings() WHERE name = 'vnstream.retention'", 't', 'the setting is in use');
	query_until($node, 'desk', $expected, 't', $name);
	return;
}

sub stop_retention
{
	sql('ALTER DATABASE desk SET vnstream.retention = 0');
	query_until($node, 'desk', "SELECT bool_and(in_use) FROM vnstream_settings() WHERE name = 'vnstream.retention'", 't', 'for ever again');
	return;
}

sub months
{
	return sql("SELECT string_agg(partition || ' ' || rows, ', ' ORDER BY from_time, partition) FROM vnstream_partitions() WHERE rows > 0");
}

sub audit { return sql("SELECT string_agg(concat_ws('/', split_part(account, ' ', 1), delivered, repeated, difference, missing, dropped), ' ') FROM vnstream_audit(true)") =~ s/\Q$topic\E/T/gr }

my $now = time;
my $this = strftime('%Y_%m', gmtime($now + 7 * 3600));
sub recent { my ($ticker, $n) = @_; return [ $ticker, strftime('%Y-%m-%dT%H:%M:%S+07:00', gmtime($now + 7 * 3600 - 60 + $n)), 20_000 + $n ] }
sub old { my ($month, $n, $ticker) = @_; return [ $ticker // 'OLD', sprintf('%s-01T00:%02d:%02d+07:00', $month, $n / 60, $n % 60), 10_000 + $n ] }

note 'the setting';
$node->safe_psql('desk', 'CREATE EXTENSION vnstock_stream; CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE nobody; CREATE ROLE analyst');
like(said("ALTER DATABASE desk SET vnstream.retention = '365'"), qr/invalid value.*\nDETAIL:  Quotes are kept for 31 days at least\.\nHINT:  Use a time with its unit/, 'seconds, where days were meant');
like(said("ALTER DATABASE desk SET vnstream.retention = '30d'"), qr/Quotes are kept for 31 days/, 'too few days');
like(said("ALTER DATABASE desk SET vnstream.retention = '-1'"), qr/outside the valid range/, 'less than nothing');
is(sql('SHOW vnstream.retention'), '0', 'for ever by default');
like(said('SELECT * FROM vnstream_partitions()'), qr/does not exist\nHINT:/, 'no table yet');

note 'for ever';
start_pipeline($node, 'desk', 'consumer');
send_quotes(0, (map { old('2020-03', $_) } 0 .. 19), (map { old('2020-04', $_) } 0 .. 9), map { recent('NEW', $_) } 0 .. 9);
send_quotes(1, (map { old('2020-03', $_, 'ALT') } 0 .. 4), map { recent('NOW', $_) } 0 .. 4);
send_quotes(0, old('2020-03', 3), recent('NEW', 10), recent('NEW', 11));
is(months(), "realtime_quotes_2020_03 25, realtime_quotes_2020_04 10, realtime_quotes_$this 17", 'three months have rows');
is(sql("SELECT partition, month, from_time, to_time, rows, size > 8192, oldest, newest, state, falls_due IS NULL FROM vnstream_partitions() LIMIT 1"),
	'realtime_quotes_2020_03|2020-03-01|2020-03-01 00:00:00+07|2020-04-01 00:00:00+07|25|t|2020-03-01 00:00:00+07|2020-03-01 00:00:19+07|attached|t',
	'all that is to know of a month');
is(sql('SELECT count(*), count(oldest) FROM vnstream_partitions(exact => false)'), '4|0', 'without counting');
sql('ANALYZE realtime_quotes');
is(sql('SELECT rows FROM vnstream_partitions(false) LIMIT 1'), '25', 'the planner knows');
is(audit(), 'T/0/42/1/0/{}/0 T/1/10/0/0/{}/0', 'the account is balanced');

note 'one that was lost before its month goes stays lost';
sql("DELETE FROM realtime_quotes WHERE kafka_partition = 0 AND kafka_offset = 7 OR kafka_partition = 1 AND kafka_offset = 2");
is(audit(), 'T/0/42/1/1/{[7,8)}/0 T/1/10/0/1/{[2,3)}/0', 'one is missing of each partition');

note 'a year';
my $from = -s $node->logfile;
run_retention("SELECT count(*) = 2 FROM vnstream_dropped_months", 'two months are dropped');
is(months(), "realtime_quotes_$this 17", 'this month is there');
is(sql("SELECT count(*) FROM pg_class WHERE relname ~ '^realtime_quotes_2020'"), '0', 'no table is left over');
is(sql("SELECT month, partition, from_time, to_time, rows, size > 8192, dropped_at > now() - interval '5 min', dropped_by FROM vnstream_dropped_months ORDER BY dropped"),
	"2020-03-01|realtime_quotes_2020_03|2020-03-01 00:00:00+07|2020-04-01 00:00:00+07|23|t|t|retention\n"
	  . '2020-04-01|realtime_quotes_2020_04|2020-04-01 00:00:00+07|2020-05-01 00:00:00+07|10|t|t|retention', 'what they had is kept');
like(sql("SELECT string_agg(message, ';') FROM vnstream_log(20, 'consumer 1')"),
	qr/dropped realtime_quotes_2020_03 with 23 rows and \d+ kB, as vnstream.retention asks;.*dropped realtime_quotes_2020_04 with 10 rows/s, 'the log has it');
is(audit(), 'T/0/42/1/1/{}/29 T/1/10/0/1/{[2,3)}/4', 'dropped is not missing, and those that were lost before still are');
like(said('SELECT * FROM vnstream_audit(true)'), qr/NOTICE:  segment \d+: 1 of these 2 offsets are missing, and Kafka does not tell which: \{\[7,8\),\[40,41\)\}/,
	'but nothing tells any more of which quote the repetition is');
sql("DELETE FROM realtime_quotes WHERE kafka_partition = 0 AND kafka_offset = 31");
is(audit(), 'T/0/42/1/2/{[31,32)}/29 T/1/10/0/1/{[2,3)}/4', 'one lost since, too');
is(sql("SELECT sum(difference) FROM vnstream_audit()"), '0', 'the counts add up');
is(sql("SELECT count(*) FILTER (WHERE falls_due = to_time + interval '$days[0] days'), count(*) FROM vnstream_partitions()"), '2|2', 'when the others fall due');

note 'late messages of months that are gone, by a consumer that did not drop them';
stop_retention();
send_quotes(1, old('2020-03', 50, 'LATE'));
send_quotes(0, old('2020-04', 51, 'LATE'), old('2020-03', 0));
is(months(), "realtime_quotes_2020_03 2, realtime_quotes_2020_04 1, realtime_quotes_$this 16", 'they are stored');
is(sql("SELECT count(*) FROM vnstream_dead_letters"), '0', 'and no dead letters');
is(sql("SELECT coalesce(sum(errors), 0) FROM vnstream_status() WHERE worker ~ '^consumer'"), '0', 'without an error');
run_retention("SELECT count(*) = 4 FROM vnstream_dropped_months", 'and go again');
is(audit(), 'T/0/44/1/2/{[31,32)}/31 T/1/11/0/1/{[2,3)}/5', 'which is in the account');

note 'all is read once more';
stop_retention();
sql("SELECT vnstream_seek(NULL, 'beginning')");
query_until($node, 'desk', "SELECT bool_and(lag = 0) FROM vnstream_offsets()", 't', 'read again');
is(months(), "realtime_quotes_2020_03 26, realtime_quotes_2020_04 11, realtime_quotes_$this 17", 'what is in Kafka is there again');
is(audit(), 'T/0/44/1/0/{}/31 T/0/32/13/0/{}/0 T/1/11/0/0/{}/5 T/1/6/5/0/{}/0', 'balanced');
run_retention("SELECT count(*) = 6 FROM vnstream_dropped_months", 'and goes again');
is(audit(), 'T/0/44/1/0/{}/62 T/0/32/13/0/{}/31 T/1/11/0/0/{}/11 T/1/6/5/0/{}/6', 'balanced');
sql("DELETE FROM realtime_quotes WHERE kafka_offset = 32 AND kafka_partition = 0");
like(audit(), qr/^T\/0\/44\/1\/1\/\{\[32,33\)\}/, 'and one that is deleted is missing');

note 'what stands in the way of one month is in the way of that one only';
stop_retention();
send_quotes(0, map { my $month = $_; map { old($month, $_ + 100) } 0 .. 2 } qw(2019-01 2019-02 2019-03 2019-04 2019-05));
sql("CREATE VIEW january AS SELECT * FROM realtime_quotes_2019_01;
	CREATE TABLE favourite (ticker text COLLATE \"C\", time timestamptz, FOREIGN KEY (ticker, time) REFERENCES realtime_quotes);
	INSERT INTO favourite SELECT ticker, time FROM realtime_quotes_2019_02 LIMIT 1;
	GRANT SELECT ON favourite TO pg_database_owner;
	ALTER TABLE realtime_quotes_2019_03 OWNER TO analyst");
$from = -s $node->logfile;
run_retention("SELECT count(*) = 8 FROM vnstream_dropped_months", 'two of five months are dropped');
is(months(), "realtime_quotes_2019_01 3, realtime_quotes_2019_02 3, realtime_quotes_2019_03 3, realtime_quotes_$this 16", 'three are kept, as they are');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
like($log, qr/WARNING: .*realtime_quotes_2019_01 is not dropped: .*depend.*\n.*HINT:  Drop what depends on/, 'a view of a partition is told');
like(sql("SELECT string_agg(message, ';') FROM vnstream_log(50, 'consumer 1', 'warning')"), qr/realtime_quotes_2019_03 is not dropped: permission denied for table realtime_quotes_2019_03/, 'another owner too');
like($log, qr/realtime_quotes_2019_02 is not dropped: .*violates foreign key constraint/, 'and a foreign key') ;
is(sql('SELECT count(*) FROM january'), '3', 'the view works');
is(sql('SELECT count(*) FROM favourite f JOIN realtime_quotes USING (ticker, time)'), '1', 'the foreign key too');
like(sql("SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'partitions'"), qr/^warning: realtime_quotes_2019_01 and 2 more are older than vnstream\.retention/, 'vnstream_check() says that they are overdue');
sql('DROP VIEW january; DROP TABLE favourite; ALTER TABLE realtime_quotes_2019_03 OWNER TO pg_database_owner');
run_retention("SELECT count(*) = 11 FROM vnstream_dropped_months", 'when that is gone, they go');

note 'who reads is not disturbed, and nobody waits behind retention for long';
stop_retention();
send_quotes(0, map { old('2018-06', $_ + 200) } 0 .. 2);
my $reader = $node->background_psql('desk', on_error_stop => 0);
$reader->query('BEGIN; SELECT count(*) FROM realtime_quotes');
sql("ALTER DATABASE desk SET vnstream.retention = '500d'");
my $blocked = 0;
ok(wait_for(sub {
		$blocked++ if said("SET lock_timeout = '200ms'; SELECT count(*) FROM realtime_quotes") ne '';
		return sql("SELECT count(*) FROM vnstream_log(50, 'consumer 1', 'warning') WHERE message ~ 'realtime_quotes_2018_06 is not dropped: canceling statement due to lock timeout'") > 0;
	}, 'the lock timeout'), 'a long transaction keeps the month');
is($blocked, 0, 'and nobody has come to stand behind retention meanwhile');
send_quotes(0, recent('NEW', 20));
is(months(), "realtime_quotes_2018_06 3, realtime_quotes_$this 17", 'all is there');
$reader->query('COMMIT');
$reader->quit;
run_retention("SELECT count(*) = 12 FROM vnstream_dropped_months", 'afterwards it goes');

note 'what is not exactly a month of ours';
sql("CREATE TABLE realtime_quotes_2017_01 (LIKE realtime_quotes);
	ALTER TABLE realtime_quotes ATTACH PARTITION realtime_quotes_2017_01 FOR VALUES FROM ('2017-01-01 00:00+07') TO ('2017-01-15 00:00+07');
	CREATE TABLE realtime_quotes_2017_02 (LIKE realtime_quotes);
	ALTER TABLE realtime_quotes ATTACH PARTITION realtime_quotes_2017_02 FOR VALUES FROM ('2017-03-01 00:00+07') TO ('2017-04-01 00:00+07');
	CREATE TABLE realtime_quotes_2017_05 (LIKE realtime_quotes);
	ALTER TABLE realtime_quotes ATTACH PARTITION realtime_quotes_2017_05 FOR VALUES FROM ('2017-05-01 00:00+00') TO ('2017-06-01 00:00+00')");
stop_retention();
send_quotes(0, old('2017-01', 1), old('2017-08', 3), old('2017-09', 4));
sql("INSERT INTO realtime_quotes (ticker, time, kafka_partition, kafka_offset, created_at) VALUES ('OLD', '2017-03-05', -1, -1, now())");
sql("ALTER TABLE realtime_quotes DETACH PARTITION realtime_quotes_2017_08");
run_retention("SELECT count(*) = 13 FROM vnstream_dropped_months", 'one month goes');
is(sql("SELECT string_agg(concat_ws(' ', partition, month, rows, state, falls_due IS NULL), ', ') FROM vnstream_partitions() WHERE partition ~ '2017'"),
	'realtime_quotes_2017_01 1 attached t, realtime_quotes_2017_02 1 attached t, realtime_quotes_2017_05 0 attached t, realtime_quotes_2017_08 2017-08-01 1 detached t',
	'other bounds, another time zone, and what somebody detached stay');

note 'an import';
sql("CREATE TABLE legacy AS SELECT 'OLD' AS ticker, '2016-05-05 10:00'::timestamp AS time, 10000 AS price");
like(said("SELECT * FROM vnstream_import('legacy')"), qr/NOTICE:  vnstream.retention drops some of these rows again, within a day\nHINT:/, 'of rows that are too old says so');
sql('UPDATE legacy SET time = now()');
unlike(said("SELECT * FROM vnstream_import('legacy')"), qr/retention/, 'another does not');

note 'rights and arguments';
like(said('SET ROLE nobody; SELECT * FROM vnstream_partitions()'), qr/permission denied for function vnstream_partitions/, 'nothing for everybody');
is(sql('SET ROLE watcher; SELECT count(*) > 3 FROM vnstream_partitions()'), 't', 'for pg_monitor');
is(sql('SET ROLE watcher; SELECT count(*) FROM vnstream_dropped_months'), '13', 'and what was dropped');
like(said('SELECT * FROM vnstream_partitions(NULL)'), qr/exact must not be null\nHINT:/, 'NULL');
sql('ALTER TABLE realtime_quotes ENABLE ROW LEVEL SECURITY; ALTER TABLE realtime_quotes FORCE ROW LEVEL SECURITY');
like(said('SELECT * FROM vnstream_partitions()'), qr/query would be affected by row-level security policy/, 'a policy that would hide rows');
sql('ALTER TABLE realtime_quotes NO FORCE ROW LEVEL SECURITY; ALTER TABLE realtime_quotes DISABLE ROW LEVEL SECURITY');

note 'a dump has the account';
sql("SELECT vnstream_stop()");
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('desk') ], 'dumped');
$node->command_ok([ 'psql', '-q', '-1', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'restored');
is($node->safe_psql('copy', 'SELECT count(*) FROM vnstream_dropped_months') . $node->safe_psql('copy', 'SELECT count(*) > 13 FROM vnstream_dropped_offsets'), '13t', 'with what was dropped');
$node->safe_psql('postgres', 'DROP DATABASE copy');

note 'quotes that say nothing of today: is the clock right?';
my $other = new_topic();
$node->safe_psql('postgres', "CREATE DATABASE quiet; ALTER DATABASE quiet SET vnstream.topic = '$other'; ALTER DATABASE quiet SET vnstream.retention = '100d'");
produce(broker_address(), $other, [ '{"ticker":"OLD","time":"2020-03-02T10:00:00+07:00","price":10000}',
	strftime('{"ticker":"NEW","time":"%Y-%m-%dT%H:%M:%S+07:00","price":10000,"trading_date":"2020-03-02"}', gmtime($now + 7 * 3600 - 60)) ]);
start_pipeline($node, 'quiet', 'consumer');
query_until($node, 'quiet', 'SELECT count(*) FROM realtime_quotes', '2', 'stored');
$node->safe_psql('quiet', "ALTER DATABASE quiet SET vnstream.retention = '101d'");
query_until($node, 'quiet', "SELECT count(*) > 0 FROM vnstream_log(50, 'consumer 1', 'warning') WHERE message ~ 'realtime_quotes_2020_03 is not dropped: no quote of the last 40 days, with a trading date of them'", 't', 'a clock that only the server believes drops nothing');
is($node->safe_psql('quiet', 'SELECT count(*) FROM realtime_quotes'), '2', 'all is there');
produce(broker_address(), $other, [ strftime('{"ticker":"NEW","time":"%Y-%m-%dT%H:%M:%S+07:00","price":10000,"source":"vci"}', gmtime($now + 7 * 3600 - 45)) ]);
query_until($node, 'quiet', 'SELECT count(*) FROM realtime_quotes', '3', 'a quote of a board without a date');
my $since = $node->safe_psql('quiet', 'SELECT clock_timestamp()');
$node->safe_psql('quiet', "ALTER DATABASE quiet SET vnstream.retention = '1010d'");
query_until($node, 'quiet', "SELECT max(time) > '$since' FROM vnstream_log(50, 'consumer 1', 'warning') WHERE message ~ 'realtime_quotes_2020_03 is not dropped: no quote of the last 40 days'", 't', 'says no more than the clock');
produce(broker_address(), $other, [ strftime('{"ticker":"NEW","time":"%Y-%m-%dT%H:%M:%S+07:00","price":10000,"trading_date":"%Y-%m-%d"}', gmtime($now + 7 * 3600 - 30)) ]);
query_until($node, 'quiet', 'SELECT count(*) FROM realtime_quotes', '4', 'a quote of today');
$node->safe_psql('quiet', "ALTER DATABASE quiet SET vnstream.retention = '102d'");
query_until($node, 'quiet', 'SELECT count(*) FROM realtime_quotes', '3', 'lets it go on');

note 'a table that somebody else made';
$node->safe_psql('postgres', "CREATE DATABASE plain; ALTER DATABASE plain SET vnstream.topic = '$other'; ALTER DATABASE plain SET vnstream.retention = '100d'");
$node->safe_psql('plain', 'CREATE EXTENSION vnstock_stream');
$node->safe_psql('plain', 'BEGIN; SELECT vnstream_start(); SELECT vnstream_stop(); COMMIT; CREATE TABLE own (LIKE realtime_quotes INCLUDING ALL); DROP TABLE realtime_quotes; ALTER TABLE own RENAME TO realtime_quotes; ALTER TABLE realtime_quotes OWNER TO pg_database_owner');
start_pipeline($node, 'plain', 'consumer');
query_until($node, 'plain', 'SELECT count(*) FROM realtime_quotes', '4', 'stored');
is($node->safe_psql('plain', "SELECT partition, month, from_time, rows, newest > now() - interval '1 h', state, falls_due FROM vnstream_partitions()"), 'realtime_quotes|||4|t|attached|', 'is one row');
like($node->safe_psql('plain', "SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'partitions'"), qr/^warning: the pipeline does not partition this table, so vnstream.retention drops nothing/, 'and vnstream_check() says that it is not pruned');
is($node->safe_psql('plain', 'SELECT count(*) FROM vnstream_dropped_months'), '0', 'nothing dropped');
$node->stop;
done_testing();
