# Watching: vnstream_log(), vnstream_health(), vnstream_progress(), and what
# vnstream_status() says that workers wait for. Each state is really made.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $symbols = 40;
my $simulator = start_simulator('--symbols', $symbols, '--unknown', '0');
my $node = new_server(
	'watch',
	topic => new_topic(),
	vci_url => "$simulator->{url}api/",
	interval => '1s',
	heartbeat => '900s');
my $clock = '\d\d:\d\d:\d\d';

sub sql { my ($query, $database) = @_; return $node->safe_psql($database // 'postgres', $query); }
sub lines { my ($pattern) = @_; return scalar(() = slurp_file($node->logfile) =~ /$pattern/g); }

# The status, when it is reached, and one reason of it.
sub health_becomes
{
	my ($status, $reason, $name, $database, $seconds) = @_;

	query_until($node, $database // 'postgres',
		"SELECT status FROM vnstream_health() WHERE array_to_string(reasons, '; ') ~ \$re\$$reason\$re\$",
		$status, $name, $seconds)
	  or diag(sql('SELECT * FROM vnstream_health()', $database));
	return;
}

# Another database of this server, that only consumes.
sub consumer_database
{
	my ($name, %settings) = @_;

	sql("CREATE DATABASE $name");
	$settings{brokers} = broker_address();
	$settings{topic} = new_topic();
	sql("ALTER DATABASE $name SET vnstream.$_ = '$settings{$_}'") foreach keys %settings;
	start_pipeline($node, $name, 'consumer');
	query_until($node, $name, "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'consumer 1'",
		'running|messages', "the consumer of $name waits for messages");
	return $settings{topic};
}

# ---- not started

sql('CREATE EXTENSION vnstock_stream');
is(sql('SELECT status, cardinality(reasons), reasons[1], since IS NULL FROM vnstream_health()'),
	'degraded|1|nothing is to run in this database: vnstream_start() starts the pipeline|t',
	'never started: degraded, and how to start');
is(sql("SELECT count(*) FROM vnstream_log(1000) WHERE worker <> 'launcher'"), '0', 'no worker has an event');
is(sql('SELECT count(*) FROM vnstream_progress()'), '0', 'nor is there long work');

# ---- the broker is away

sql('SELECT vnstream_start()');
health_becomes('degraded', "^(?=.*producer waits for the broker; \\d+ messages in the outbox).*consumer 1 waits for the broker",
	'broker away: degraded, and both workers are a reason');
query_until($node, 'postgres',
	"SELECT bool_and(waiting_for ~ '^the broker(; \\d+ messages in the outbox)?; backing off until $clock\$') FROM vnstream_status() WHERE worker <> 'launcher'",
	't', 'status has until when they back off');
my $since = sql('SELECT since FROM vnstream_health()');
sleep 2;
is(sql('SELECT status, since FROM vnstream_health()'), "degraded|$since", 'since stays while the status does');
query_until($node, 'postgres',
	"SELECT what, worker, done, total = to_go, to_go = (SELECT sum(waiting) FROM vnstream_sweeps), pid = (SELECT pid FROM vnstream_status() WHERE worker = 'producer'), started < now(), rate, time_left FROM vnstream_progress()",
	"sending the outbox|producer|0|t|t|t|t|0|", 'the outbox that waits is a row of vnstream_progress()');
is(sql("SELECT count(*) > 0, bool_and(code = '08006'), bool_and(level = 'error') FROM vnstream_log(1000, 'consumer 1', 'error')"),
	't|t|t', 'the errors are in vnstream_log(), with their SQLSTATE');
is(sql("SELECT count(*) FROM vnstream_log(1000, 'consumer 1') WHERE message ~ '^librdkafka: ' AND level = 'info'"),
	'0', 'what librdkafka chats is not');

# ---- all well, though the market says nothing new

sql("ALTER SYSTEM SET vnstream.brokers = '" . broker_address() . "'");
simulator_post($simulator, 'freeze', { frozen => JSON::PP::true });
$node->reload;
query_until($node, 'postgres', 'SELECT * FROM (SELECT status, reasons FROM vnstream_health()) h', 'ok|{}', 'the broker comes: ok, without a reason', 90);
$since = sql('SELECT since FROM vnstream_health()');
query_until($node, 'postgres',
	"SELECT count(*) >= 3 FROM vnstream_sweeps WHERE ended > '$since' AND unchanged = $symbols AND published = 0", 't',
	'the source answers the same again and again');
is(sql('SELECT status, reasons, since FROM vnstream_health()'), "ok|{}|$since", 'which is ok, still since the same time');
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_log(1000, 'producer') l JOIN vnstream_sweeps s ON l.message ~ ('^sweep ' || s.sweep || ': asked $symbols, answered $symbols, missing 0; so far 0 published, 0 waiting, $symbols unchanged, 0 rejected; \\d+\\.\\d s\$') AND l.level = 'info' AND l.repeated = 0 WHERE s.unchanged = $symbols AND sweep >= (SELECT max(sweep) - 3 FROM vnstream_sweeps WHERE ended IS NOT NULL) AND ended IS NOT NULL",
	'4', 'each sweep is one event');
is(sql("SELECT count(*) > 0 FROM vnstream_log(1000, 'consumer 1') WHERE message ~ '^claimed 1 of 1 partitions of topic .*: 0 from offset \\d+\$'"),
	't', 'so is what a consumer claims');
is(lines('sweep \d+: asked'), 0, 'an ordinary sweep is no line of the server\'s log');

# ---- the order and the filters

sql("ALTER SYSTEM SET vnstream.interval = '1h'");
$node->reload;
query_until($node, 'postgres', "SELECT bool_and(ended IS NOT NULL) AND max(ended) < now() - interval '3 s' FROM vnstream_sweeps", 't', 'no more sweeps by themselves');
is(sql('SELECT array_agg(time) = array_agg(time ORDER BY time), count(*) FROM vnstream_log()'), 't|20', 'the newest of 20 events is at the bottom');
is(sql('SELECT count(*) FROM vnstream_log(3)'), '3', 'or of 3');
is(sql("SELECT (array_agg(l))[18:20] = (SELECT array_agg(m) FROM vnstream_log(3, 'producer') m) FROM vnstream_log(20, 'producer') l"), 't', 'which are the last of the 20');
is(sql("SELECT string_agg(DISTINCT worker, ', ') FROM vnstream_log(1000, 'producer')"), 'producer', 'one worker\'s events');
is(sql("SELECT string_agg(DISTINCT level, ', ') FROM vnstream_log(1000, level => 'error')"), 'error', 'or of one level');
is(sql("SELECT count(*) FROM vnstream_log(1000, 'launcher') WHERE message ~ '^health: (ok|degraded)'"),
	sql("SELECT count(*) FROM vnstream_log(1000) WHERE message ~ '^health: '"), 'changes of health are the launcher\'s events');
is(sql("SELECT count(*) > 0 FROM vnstream_log(1000, 'launcher') WHERE message ~ '^health: ok'"), 't', 'and there are some');
cmp_ok(lines('vnstock_stream in database "postgres" is ok'), '>=', 1, 'also in the server\'s log');

# ---- a source that fails

simulator_mode($simulator, mode => '500', path => 'getList');
sql('SELECT vnstream_sweep()');
health_becomes('degraded', 'the last sweep was not well: .*500', 'the source answers 500: degraded');
like(sql("SELECT waiting_for FROM vnstream_status() WHERE worker = 'producer'"), qr/^the source; next sweep at $clock$/, 'status says when it is asked again');
simulator_mode($simulator, mode => 'ok');
sql('SELECT vnstream_sweep()');
health_becomes('ok', '^$', 'after a sweep that works: ok');

# ---- one that is stuck; looked at again at the end

consumer_database('stuck');
my $stuck = worker_pid($node, 'stuck', 'consumer 1');
my $stopped = time();
kill 'STOP', $stuck or die "cannot stop $stuck";

# ---- storms

my $topic = consumer_database('storm', batch_size => 1);
my $row = '{"ticker": "%s", "time": "2026-08-04T09:%02d:%02d", "price": %s}';
my @bad = map { $_ % 2 ? sprintf($row, 'AAA', 0, 0, '"x"') : 'no JSON' } 1 .. 300;

produce(broker_address(), $topic, \@bad);
is(sql("SELECT vnstream_wait('caught up', '60 s')", 'storm'), 't', 'a storm of two errors in turn is through');
is(sql('SELECT count(*) FROM vnstream_dead_letters', 'storm'), '300', 'each message is a dead letter');
is(sql("SELECT count(*), sum(repeated + 1), bool_and(code = '22000') FROM vnstream_log(1000, 'consumer 1', 'error')", 'storm'),
	'2|300|t', 'two events count all of them');
like(sql("SELECT message FROM vnstream_log(1, 'consumer 1', 'error')", 'storm'), qr/partition 0 offset 299: /, 'the text is the newest one');
my $lines = lines('vnstream consumer 1 storm: 1 of 1 messages became dead letters');
cmp_ok($lines, '>=', 2, 'the server\'s log has both');
cmp_ok($lines, '<=', 2 * (2 + (time() - $stopped) / 60), "but not each time: $lines lines");
health_becomes('degraded', 'consumer 1 has made 300 dead letters, the last at .*: see vnstream_dead_letters', 'dead letters: degraded', 'storm');

# more kinds than there is room for
produce(broker_address(), $topic, [ map { sprintf($row, 'AAA', 0, 0, '"' . chr(97 + $_ / 10) . chr(97 + $_ % 10) . '"') } 0 .. 99 ]);
is(sql("SELECT vnstream_wait('caught up', '60 s')", 'storm'), 't', 'a storm of a hundred kinds is through');
is(sql("SELECT count(*), min(substring(message FROM 'offset (\\d+)')::int), max(substring(message FROM 'offset (\\d+)')::int) FROM vnstream_log(1000, 'consumer 1', 'error')", 'storm'),
	'48|352|399', 'the list has room for 48 events, and keeps the last');
is(sql("SELECT count(*) FROM vnstream_log(1000, 'consumer 1', 'info')", 'storm'), '48', 'all of its room');
cmp_ok(lines('vnstream consumer 1 storm: '), '<=', 32 * (2 + (time() - $stopped) / 60), 'the server\'s log has a bounded number of lines');
is(lines('vnstream consumer 1 storm: more than 30 messages within a minute; the others are in vnstream_log\(\)') > 0, 1, 'and says where the others are');
is(sql("SELECT count(*) FROM vnstream_log(1000) WHERE message ~ 'dead letter'"), '0', 'another database sees none of it');

# ---- catching up, held by a lock

# a rate is a second old at most, so may say nothing of the storm yet
query_until($node, 'storm', "SELECT rate > 0 FROM vnstream_status() WHERE worker = 'consumer 1'", 't', 'the consumer has a rate');
produce(broker_address(), $topic, [ map { sprintf($row, 'AAA', $_ / 60 % 60, $_ % 60, 10000) } 1 .. 3000 ]);
query_until($node, 'storm', 'SELECT count(*) > 0 FROM realtime_quotes', 't', 'the first rows are stored');
my $locker = $node->background_psql('storm');
my $locker_pid = $locker->query_safe('SELECT pg_backend_pid()');
$locker->query_safe('BEGIN; LOCK TABLE realtime_quotes IN ACCESS EXCLUSIVE MODE');
query_until($node, 'storm', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'consumer 1'",
	"running|a lock that process $locker_pid holds", 'status says whose lock it waits for');
is(sql('SELECT what, worker, total = done + to_go, done > 0, to_go > 0, rate > 0, time_left > \'0 s\', started < now(), pid > 0 FROM vnstream_progress()', 'storm'),
	'catching up|consumer 1|t|t|t|t|t|t|t', 'vnstream_progress() says how far it has come');
health_becomes('degraded', "consumer 1 waits for a lock that process $locker_pid holds", 'a lock that is held for long: degraded, and who', 'storm');
$locker->query_safe('COMMIT');
$locker->quit;
is(sql("SELECT vnstream_wait('caught up', '60 s')", 'storm'), 't', 'without the lock it goes on');
is(sql('SELECT count(*) FROM realtime_quotes', 'storm'), '3000', 'all rows are there');
is(sql("SELECT count(*) FROM vnstream_progress() WHERE what = 'catching up'", 'storm'), '0', 'there is nothing to catch up any more');

# ---- events outlive the worker

sql("SELECT pg_terminate_backend(pid) FROM vnstream_status() WHERE worker = 'consumer 1'", 'storm');
query_until($node, 'storm', "SELECT count(*) FROM vnstream_log(1000, 'consumer 1') WHERE message ~ '^ended unasked, 1 in a row; starts again at $clock'",
	'1', 'a worker that was terminated says so');
query_until($node, 'storm', "SELECT message ~ '^started, process' FROM vnstream_log(1000, 'consumer 1') WHERE message ~ '^started'", 't', 'and starts again');
is(sql("SELECT vnstream_wait('running', '60 s')", 'storm'), 't', 'to run');
sql('SELECT vnstream_stop()', 'storm');
is(sql("SELECT vnstream_wait('stopped', '60 s')", 'storm'), 't', 'stopped');
is(sql("SELECT message FROM vnstream_log(1, 'consumer 1')", 'storm'), 'ended: not wanted any more', 'the log of a worker that is gone has why it ended');
is(sql("SELECT count(*) > 40 FROM vnstream_log(1000, 'consumer 1', 'error')", 'storm'), 't', 'and what was before');
is(sql('SELECT status, reasons FROM vnstream_health()', 'storm'), 'degraded|{"the pipeline is stopped: vnstream_start() starts it"}', 'stopped on purpose: degraded');

# ---- failed

sql('ALTER TABLE realtime_quotes RENAME TO elsewhere');
sql('SELECT vnstream_restart()');
health_becomes('failed', 'consumer 1 has failed, waits for an administrator', 'without its table: failed');
$since = sql('SELECT since FROM vnstream_health()');
sleep 1.5;
is(sql('SELECT status, since FROM vnstream_health()'), "failed|$since", 'since when');
sql('ALTER TABLE elsewhere RENAME TO realtime_quotes');
sql('SELECT vnstream_restart()');
health_becomes('ok', '^$', 'with it: ok');

sql("SELECT pg_terminate_backend(pid) FROM vnstream_status() WHERE worker = 'launcher'");
health_becomes('failed', '^the launcher is not running$', 'without the launcher: failed');
health_becomes('ok', '^$', 'it comes again: ok');

sql("ALTER DATABASE postgres SET vnstream.consumers = 2");
health_becomes('degraded', '^consumer 2 has nothing to do: there are more consumers than partitions$', 'a consumer without a partition: degraded');
sql("ALTER DATABASE postgres RESET vnstream.consumers");
health_becomes('ok', '^$', 'without that one: ok');

# ---- stuck

health_becomes('failed', "^consumer 1, process $stuck, gives no sign of life since $clock\$", 'a worker that is stuck: failed', 'stuck', 90);
kill 'CONT', $stuck;
health_becomes('ok', '^$', 'until it goes on', 'stuck');

sql('ALTER SYSTEM SET vnstream.enabled = off');
$node->reload;
health_becomes('degraded', '^vnstream.enabled is off', 'switched off: degraded');
is(sql("SELECT count(*) FROM vnstream_log(1000) WHERE message = 'the server''s settings were read again'") > 0, 1, 'the launcher has seen the settings');

done_testing();
