# What vnstream_log(), vnstream_health() and vnstream_progress() are made of,
# called by a session: states that a pipeline is in too rarely, or for too long.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use VnstreamTest;

my $module = "$root/test/modules/watch_test";

system_or_bail('make', '-s', '-C', $module) if -w $module;
BAIL_OUT("run \"make -C $module\" first") unless -e "$module/watch_test.so";

my $node = new_server('parts');

sub sql { my ($query, $database) = @_; return $node->safe_psql($database // 'postgres', $query); }

sql(qq{
	CREATE EXTENSION vnstock_stream;
	CREATE FUNCTION test_progress_begin(text, int8) RETURNS void AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_progress_add(int8) RETURNS void AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_progress_end() RETURNS void AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_event(oid, int4, int4, bytea) RETURNS int4 AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_clock(int4) RETURNS void AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_notice(text, text) RETURNS text AS '$module/watch_test' LANGUAGE C;
	CREATE FUNCTION test_health(text) RETURNS text AS '$module/watch_test' LANGUAGE C});

# ---- progress

my $count = 'SELECT count(*) FROM vnstream_progress()';
my $session = $node->background_psql('postgres', on_error_stop => 0);

$session->query("SELECT test_progress_begin('counting', 100)");
$session->query('SELECT test_progress_add(30), test_progress_add(10)');
is(sql("SELECT what, worker, pid = (SELECT pid FROM pg_stat_activity WHERE query ~ 'test_progress_add' AND pid <> pg_backend_pid()), done, total, to_go, rate > 0, time_left >= '0 s' FROM vnstream_progress()"),
	'counting||t|40|100|60|t|t', 'work of a session is shown');
$session->query("SELECT test_progress_begin('wandering', -1)");
is(sql('SELECT what, done, total, to_go, time_left FROM vnstream_progress()'), 'wandering|0|||', 'one at a time; nobody knows how much it is');
$session->query('SELECT test_progress_end()');
is(sql($count), '0', 'ended');
foreach my $case (
	[ "BEGIN; SELECT test_progress_begin('x', 1); ROLLBACK", 0, 'ROLLBACK' ],
	[ "BEGIN; SELECT test_progress_begin('x', 1); SELECT 1/0; COMMIT", 0, 'an error' ],
	[ "BEGIN; SAVEPOINT s; SELECT test_progress_begin('x', 1); ROLLBACK TO s", 0, 'ROLLBACK TO a savepoint before' ],
	[ "COMMIT; BEGIN; SELECT test_progress_begin('x', 1); SAVEPOINT s; SELECT 1/0; ROLLBACK TO s", 1, 'but not to one after' ],
	[ 'COMMIT', 1, 'nor COMMIT' ],
	[ "DO \$\$ BEGIN PERFORM test_progress_begin('x', 1); COMMIT; PERFORM test_progress_add(1); COMMIT; END \$\$", 1, 'also in a procedure' ])
{
	$session->query($case->[0]);
	is(sql($count), $case->[1], "$case->[2] " . ($case->[1] ? 'does not end it' : 'ends it'));
}
my $pid = $session->query('SELECT pg_backend_pid()');
sql("SELECT pg_terminate_backend($pid, 10000)");
is(sql($count), '0', 'the end of the process does');
my @sessions = map { $node->background_psql('postgres') } 1 .. 34;
$_->query("SELECT test_progress_begin('x', 1), test_progress_add(1)") foreach @sessions;
is(sql($count), '32', 'where no slot is free, the work goes on unseen');
$_->query('SELECT test_progress_end()') foreach @sessions;
$_->quit foreach @sessions;
is(sql($count), '0', 'all are given back');

# ---- events; a database has lists when it has been started

sql('SELECT vnstream_start()');
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL", '3', 'the pipeline is known');
my $own = "(SELECT oid FROM pg_database WHERE datname = 'postgres')";
# a list that no worker writes to
my $list = 9;
my $shown = "SELECT level, repeated, message FROM vnstream_log(1000, 'consumer $list')";
sub event { my ($level, $text) = @_; return sql("SELECT test_event($own, $list, $level, convert_to('$text', 'UTF8'))"); }

is(event(2, 'offset 123 is lost'), '0', 'the first of its kind goes to the server log');
is(event(2, 'offset 4567 is lost'), '-1', 'the next does not');
is(event(1, 'offset 4567 is lost'), '0', 'of another level it does');
is(event(2, 'offset 89 is missing'), '0', 'and where the words differ');
is(event(2, 'offset 5 is lost'), '-1', 'the first kind again, with others between');
is(event(0, 'sweep 1'), '0', 'an ordinary event');
is(event(0, 'sweep 2'), '0', 'is another one where only the number differs');
is(event(0, 'sweep 2'), '-1', 'but not where nothing does');
is(sql($shown), "warning|0|offset 4567 is lost\nerror|0|offset 89 is missing\nerror|2|offset 5 is lost\ninfo|0|sweep 1\ninfo|1|sweep 2",
	'each is shown once, with its newest text, in the order of the last time');
event(2, 'offset 5 is lost' . 'x' x $_) foreach 1 .. 8;
is(event(2, 'offset 6 is lost'), '0', 'it is not looked for far back');

sql("SELECT test_event($own, $list, 0, convert_to('sweep ' || i, 'UTF8')) FROM generate_series(1, 1000) i");
is(sql("SELECT level, count(*), min(substring(message FROM 'sweep (\\d+)')::int) FROM vnstream_log(1000, 'consumer $list') GROUP BY level ORDER BY level"),
	"error|11|\ninfo|36|965\nwarning|1|",
	'ordinary events push out no error while they have half of the list');
sql("SELECT test_event($own, $list, 2, convert_to('error ' || chr(65 + i / 26) || chr(65 + i % 26), 'UTF8')) FROM generate_series(0, 99) i");
is(sql("SELECT level, count(*), min(message), max(message) FROM vnstream_log(1000, 'consumer $list') GROUP BY level ORDER BY level"),
	'error|48|error CA|error DV', 'a list that is full drops its oldest')
  or diag(sql($shown));

$list = 10;
$shown = "SELECT level, repeated, message FROM vnstream_log(1000, 'consumer $list')";
sql(qq{SELECT test_event($own, $list, 2, '\\xff20c3'), test_event($own, $list, 2, '\\x610a620963'),
	test_event($own, $list, 2, convert_to(repeat('ế', 200), 'UTF8'))});
is(sql($shown), "error|0|? ?\nerror|0|a b c\nerror|0|" . 'ế' x 101, 'whatever the text, it is one valid line')
  or diag(sql($shown));
is(sql("SELECT test_clock(3600), test_event($own, $list, 2, 'at three')"), '|0', 'an event');
is(event(2, 'at three'), '1', 'the clock is set back: the server log has its repetition at once, not when that time comes again');
is(event(2, 'at three'), '-1', 'and then once a minute');
is(sql("SELECT test_event(1, $list, 2, 'of another database')"), '0', 'a database that is not known has no list');
sql('CREATE DATABASE other');
sql('CREATE EXTENSION vnstock_stream; SELECT vnstream_start()', 'other');
query_until($node, 'other', "SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL", '3', 'another database is known');
is(sql("SELECT count(*) FROM vnstream_log(1000, 'consumer $list')", 'other'), '0', 'its lists are its own');
sql("SELECT test_event(0, 0, 1, 'about the server')");
is(sql("SELECT count(*) FROM vnstream_log(1000, 'launcher') WHERE message = 'about the server'", $_), '1', "what is about the whole server is shown in $_")
  foreach 'postgres', 'other';

# ---- what librdkafka says

my $refused = '127.0.0.1:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused';
foreach my $case (
	[ "$refused (after 0ms in state CONNECT, 5 identical error(s) suppressed)", '', $refused, 'is told without its asides' ],
	[ "$refused (after 12ms in state CONNECT", '', $refused, 'also where they were cut off' ],
	[ 'gone (after 3ms in state UP): and more (after all)', '', 'gone: and more (after all)', 'but what else is there stays' ],
	[ "$refused (after 0ms in state CONNECT)", "$refused (after 1ms in state CONNECT, 2 identical error(s) suppressed)", '', 'is not told where the error says so' ],
	[ $refused, "rdkafka#consumer-1: $refused", '', 'nor where it says more' ],
	[ "$refused, again", $refused, "$refused, again", 'but it is where it says less' ],
	[ '127.0.0.1:9092/1: Timed out 0 in-flight, 0 retry-queued, 1 out-queue, 0 partially-sent requests', '', '', 'of requests that were never sent is not told' ],
	[ '127.0.0.1:9092/1: Timed out 2 in-flight, 0 retry-queued, 1 out-queue, 0 partially-sent requests', '',
		'127.0.0.1:9092/1: Timed out 2 in-flight, 0 retry-queued, 1 out-queue, 0 partially-sent requests', 'of requests that were is' ])
{
	is(sql("SELECT test_notice('$case->[0]', '$case->[1]')"), $case->[2], "a line $case->[3]");
}

# ---- a database's name is in the encoding of whoever gave it

sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
sql('CREATE DATABASE first');
sql('CREATE EXTENSION vnstock_stream', 'first');
sql("ALTER DATABASE first SET vnstream.topic = 'one'");
sql(q{SET client_encoding = 'SQL_ASCII';
	SELECT E'ALTER DATABASE first RENAME TO "caf\xe9"' \gexec}, 'ascii');
sql("SELECT vnstream_start('producer')", "caf\xe9");
query_until($node, "caf\xe9", "SELECT waiting_for ~ 'broker' FROM vnstream_status() WHERE worker = 'producer'", 't',
	'a producer in a database whose name is no UTF-8');
sql('CREATE DATABASE second');
sql("ALTER DATABASE second SET vnstream.topic = 'one'");
sql("CREATE EXTENSION vnstock_stream; SELECT vnstream_start('producer')", 'second');
query_until($node, 'second', "SELECT convert_from(convert_to(waiting_for, 'LATIN1'), 'LATIN1') FROM vnstream_status() WHERE worker = 'producer'",
	'the producer of database "caf?" to end', 'what is waited for is valid text');

# ---- health

my $clock = '\d\d:\d\d:\d\d';
foreach my $case (
	[ 'well', '0 ok' ],
	[ 'standby', '61 ok' ],
	[ 'lag, old', "61 degraded: consumer 1 has stored nothing since $clock, though 5 messages wait" ],
	[ 'lag, new', '0 ok' ],
	[ 'starting, old', '61 degraded: consumer 1 is starting for more than 60 s, waits for the broker' ],
	[ 'starting, new', '0 ok' ],
	[ 'ended 2', "0 degraded: consumer 1 is backing off until $clock: its error" ],
	[ 'ended 3', "0 failed: consumer 1 has ended unasked 3 times in a row, starts again at $clock: its error" ],
	[ 'away, a while', '899 degraded: consumer 1 waits for the broker' ],
	[ 'away, long', '901 failed: consumer 1 waits for the broker' ],
	[ 'started again', '0 degraded: consumer 1 has just been started again, after 3 ends in a row that nobody asked for' ],
	[ 'launcher stuck', "61 failed: the launcher, process 1, gives no sign of life since $clock" ],
	[ 'stuck', "61 failed: producer, process 10, gives no sign of life since $clock" ],
	[ 'locked, old', '61 degraded: producer waits for a lock' ],
	[ 'locked, new', '0 ok' ],
	[ 'dead letters, old', '0 ok' ],
	[ 'dead letters, set back', '0 ok' ],
	[ 'failed, not wanted', '0 ok' ],
	[ 'other, younger', "61 failed: a second producer, node 1/db/, publishes to this topic, last seen at $clock; this one, the older, goes on:"
		  . ' stop one of the two; on a copy of this server set vnstream\.enabled = off' ],
	[ 'other, elder', "61 failed: a second producer, a copy of this server, node 1/db/, publishes to this topic, last seen at $clock;"
		  . ' this one, the younger, pauses its sweeps: stop one of the two; on a copy of this server set vnstream\.enabled = off' ],
	[ 'other, gone', '0 ok' ],
	[ 'other, set back', '0 ok' ],
	[ 'other, not wanted', '0 ok' ],
	[ 'outbox half full', '61 degraded: the outbox is more than half full: 600 of 1024 kB of vnstream\.outbox_limit wait for Kafka; at the limit sweeps pause' ],
	[ 'worst first', "61 failed: consumer 2 has failed, waits for ; consumer 2, process 12, gives no sign of life since $clock; consumer 1 has made 0 dead letters, the last at $clock: see vnstream_dead_letters" ])
{
	like(sql("SELECT test_health('$case->[0]')"), qr/^$case->[1]$/, "health: $case->[0]");
}

done_testing();
