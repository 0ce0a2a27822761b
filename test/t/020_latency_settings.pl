# vnstream_latency(): what is counted, on which part of the way; and
# vnstream_settings(): what workers go by, which is not what the session goes by.
use strict;
use warnings;

use JSON::PP;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator();
my $node = new_server(
	'latency',
	brokers => broker_address(),
	topic => new_topic(),
	vci_url => "$simulator->{url}api/",
	symbols => 'VCB,FPT,SSI',
	interval => '3600s');

# symbols trade only where this test says so
simulator_post($simulator, 'freeze', { frozen => JSON::PP::true });

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# A sweep, up to its end in Kafka.
sub sweep
{
	my $sweep = sql('SELECT vnstream_sweep()');
	query_until($node, 'postgres', "SELECT ended IS NOT NULL AND waiting = 0 FROM vnstream_sweeps WHERE sweep = $sweep",
		't', 'a sweep is published');
	return;
}

# VCB trades, so many seconds ago.
sub match
{
	my ($price, $ago) = @_;
	simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => $price,
			'matchPrice.time' => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time() - $ago)) });
	return;
}

# What one column of vnstream_latency() has for a hop.
sub figure
{
	my ($hop, $column) = @_;
	return sql("SELECT $column FROM vnstream_latency() WHERE hop = '$hop'");
}

note 'latency';
sql('CREATE EXTENSION vnstock_stream');
my $hops = q(match → fetched,fetched → acknowledged,acknowledged → consumed,consumed → committed,fetched → committed,match → committed);
is(sql("SELECT string_agg(hop, ',') FROM vnstream_latency()"), $hops, 'six rows where nothing has run');
is( sql('SELECT count(*) FROM vnstream_latency() WHERE num_nulls(p50_ms, p99_ms, max_ms, hour_p50, hour_p99, hour_max) = 6
		AND per_second = 0 AND per_hour = 0 AND per_day = 0'),
	'6', 'without a duration');

match(60000, 600);
start_pipeline($node);
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL AND waiting = 0', '1', 'the sweep of the start');
is(figure('match → fetched', 'per_hour'), '0', 'the first quotes tell of trades of any age: not counted');
sweep();
is(figure('match → fetched', 'per_hour'), '0', 'nor do the same trades again');

match(60100, 2);
sweep();
sweep();
sql(q(SELECT vnstream_wait('caught up')));
my $stored = sql('SELECT count(*) FROM realtime_quotes');
is($stored, '12', 'four sweeps of three symbols');
query_until($node, 'postgres', qq(SELECT string_agg(per_hour::text, ',') FROM vnstream_latency()),
	"1,$stored,$stored,$stored,$stored,1", 'one trade is new, and each message passes each hop once');
is(sql("SELECT string_agg(hop, ',') FROM vnstream_latency()"), $hops, 'six rows');
is( sql(q(SELECT string_agg(hop, ',') FROM vnstream_latency()
		WHERE (0 <= hour_p50 AND hour_p50 <= hour_p99 AND hour_p99 <= hour_max) IS NOT TRUE
		OR (p50_ms > p99_ms OR p99_ms > max_ms OR max_ms > hour_max OR p99_ms > hour_max))),
	'', 'median, 99 of 100 and longest are in order');
is(sql('SELECT count(*) FROM vnstream_latency() WHERE per_day = per_hour AND per_second <= per_hour / 60.0'), '6', 'so are the counts');
is(sql(q(SELECT sum(per_second) > 0 FROM vnstream_latency())), 't', 'a rate');
cmp_ok(figure('match → fetched', 'hour_max'), '>=', 1500, 'from the match on');
is( sql(q(SELECT max(hour_max) FILTER (WHERE hop = 'match → committed') >= max(hour_max) FILTER (WHERE hop = 'match → fetched')
		AND max(hour_max) FILTER (WHERE hop = 'fetched → committed') >= max(hour_max) FILTER (WHERE hop = 'consumed → committed')
		FROM vnstream_latency())),
	't', 'a whole takes longer than its part');

note 'a consumer held back';
sql(q(SELECT vnstream_stop('consumer')));
query_until($node, 'postgres', q(SELECT count(*) FROM vnstream_status() WHERE worker LIKE 'consumer%' AND pid IS NOT NULL), '0', 'no consumer');
sweep();
my $before = sql('SELECT clock_timestamp()');
is(figure('fetched → acknowledged', 'per_hour'), $stored + 3, 'published');
is(figure('acknowledged → consumed', 'per_hour'), $stored, 'and not consumed');
sql('SELECT pg_sleep(2)');
my $held = sql("SELECT extract(epoch FROM clock_timestamp() - '$before') * 1000");
sql('SELECT vnstream_start()');
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes', $stored + 3, 'all is stored');
query_until($node, 'postgres', q(SELECT string_agg(per_hour::text, ',') FROM vnstream_latency() WHERE hop ~ 'consumed'),
	join(',', ($stored + 3) x 2), 'counted by the new process as by the old');
cmp_ok(figure('acknowledged → consumed', 'hour_max'), '>=', $held, 'the time in Kafka is told where it passed');
cmp_ok(figure('fetched → committed', 'hour_max'), '>=', $held, 'and in the whole');
cmp_ok(figure('consumed → committed', 'hour_max'), '<', figure('acknowledged → consumed', 'hour_max'), 'not in the part after it');
is(sql('SELECT count(*) FROM vnstream_latency() WHERE per_day = per_hour'), '6', 'of the day as of the hour');

note 'messages of others';
produce(broker_address(), sql('SHOW vnstream.topic'),
	[ [ 'ABC', '{"ticker":"ABC","time":"2026-01-05T10:00:00+07:00","price":1000,"volume":1}' ], [ 'ABC', 'rubbish' ] ]);
query_until($node, 'postgres', q(SELECT (SELECT count(*) FROM realtime_quotes WHERE ticker = 'ABC') + (SELECT count(*) FROM vnstream_dead_letters)), '2', 'are judged');
query_until($node, 'postgres', q(SELECT string_agg(per_hour::text, ',') FROM vnstream_latency()),
	join(',', 1, $stored + 3, $stored + 3, $stored + 4, $stored + 4, 1), 'a row counts, and not how long Kafka took with another\'s message');
is(figure('fetched → committed', 'hour_max'), '86400000', 'what is older than a day is a day');

note 'settings';
my $workers = 2;

# value, source and in_use of a setting
sub setting
{
	my ($name) = @_;
	return "SELECT value, source, in_use FROM vnstream_settings() WHERE name = 'vnstream.$name'";
}
is( sql(q(SELECT count(*) FROM vnstream_settings() v FULL JOIN (SELECT * FROM pg_settings WHERE name LIKE 'vnstream.%') p USING (name)
		WHERE v.name IS NULL OR p.name IS NULL OR v.value IS NULL OR v.source IS NULL)),
	'0', 'every setting has a line');
is(sql(q(SELECT string_agg(name, ',') FROM vnstream_settings() WHERE in_use IS NULL)), 'vnstream.max_databases,vnstream.max_symbols', 'the workers say what they go by');
is(sql(q(SELECT string_agg(name, ',') FROM vnstream_settings() WHERE NOT in_use)), '', 'which is what is set');
is(sql(q(SELECT string_agg(name, ',') FROM vnstream_settings() WHERE needs_restart)), 'vnstream.max_databases,vnstream.max_symbols', 'two need a restart');
is(sql(setting('batch_size')), '5000|default|t', 'a default');
is(sql(setting('interval')), '1h|configuration file|t', 'of the file, as SHOW prints it');
is(sql(setting('run')), 'all|database|t', 'of the database');
is(sql(q(SELECT value, source, needs_restart FROM vnstream_settings() WHERE name = 'vnstream.max_databases')), '4|default|t', 'of the server');

is(sql("SET vnstream.interval = '7s'; SET vnstream.batch_size = 7; " . setting('interval') . '; ' . setting('batch_size') . '; SHOW vnstream.batch_size'),
	"1h|configuration file|t\n5000|default|t\n7", 'what a session sets shows nowhere, and stays');
sql("CREATE ROLE watcher LOGIN IN ROLE pg_monitor; ALTER ROLE watcher SET vnstream.batch_size = 9; ALTER ROLE watcher SET vnstream.interval = '9s'");
my @watcher = (extra_params => [ '-U', 'watcher' ]);
is($node->safe_psql('postgres', setting('interval') . '; ' . setting('batch_size') . '; SHOW vnstream.batch_size', @watcher),
	"1h|configuration file|t\n5000|default|t\n9", 'nor what its role sets; pg_monitor may look');
{
	local $ENV{PGOPTIONS} = '-c vnstream.batch_size=11';
	is(sql(setting('batch_size')), '5000|default|t', 'nor the options of a connection');
}

# a worker that is stopped cannot take anything
my $consumer = worker_pid($node, 'postgres', 'consumer 1');
kill 'STOP', $consumer;
sql("ALTER DATABASE postgres SET vnstream.heartbeat = '120s'");
query_until($node, 'postgres', setting('heartbeat'), '2min|database|f', 'an ALTER DATABASE that a worker has not taken');
sleep 1;
is(sql(setting('heartbeat')), '2min|database|f', 'as long as it has not');
is(sql(setting('interval')), '1h|configuration file|t', 'the others are as they were');
kill 'CONT', $consumer;
query_until($node, 'postgres', setting('heartbeat'), '2min|database|t', 'they start anew and have it');
query_until($node, 'postgres', q(SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL), 1 + $workers, 'all workers are back');
sql('ALTER DATABASE postgres RESET vnstream.heartbeat');
query_until($node, 'postgres', setting('heartbeat'), '0|configuration file|t', 'and the server\'s again');

# to this session the database's value is what it began with
is( sql("ALTER DATABASE postgres SET vnstream.topic_retention = '2h'; SELECT value, source FROM vnstream_settings() WHERE name = 'vnstream.topic_retention'; SHOW vnstream.topic_retention"),
	"2h|database\n7d", 'the catalog is read, not the session');
is( sql("ALTER DATABASE postgres RESET vnstream.topic_retention; SELECT value, source FROM vnstream_settings() WHERE name = 'vnstream.topic_retention'; SHOW vnstream.topic_retention"),
	"7d|default\n2h", 'also when it is taken back');
sql("ALTER DATABASE postgres SET vnstream.interval = '8s'");
is( sql("ALTER DATABASE postgres RESET vnstream.interval; SELECT value, source FROM vnstream_settings() WHERE name = 'vnstream.interval'; SHOW vnstream.interval"),
	"1h|configuration file\n8s", 'and the file has another');
query_until($node, 'postgres', setting('interval'), '1h|configuration file|t', 'the workers follow');

note 'ALTER SYSTEM';
sql(q(ALTER SYSTEM SET vnstream.batch_size = 400));
is(sql(setting('batch_size')), '5000|default|t', 'before the reload nothing has changed');
sql('SELECT pg_reload_conf()');
query_until($node, 'postgres', setting('batch_size'), '400|configuration file|t', 'the workers take it over');
sql("ALTER SYSTEM SET vnstream.node_name = 'north'");
sql('SELECT pg_reload_conf()');
query_until($node, 'postgres', setting('node_name'), 'north|configuration file|t', 'also what starts the producer anew');
sql('ALTER SYSTEM SET vnstream.max_databases = 5');
$node->reload;
is(sql(q(SELECT value, needs_restart, in_use FROM vnstream_settings() WHERE name = 'vnstream.max_databases')), '4|t|', 'one that waits for a restart shows what is');

note 'consumers and run are the launcher\'s';
sql('ALTER DATABASE postgres SET vnstream.consumers = 2');
query_until($node, 'postgres', setting('consumers'), '2|database|t', 'no worker starts anew for their number');
sql('ALTER DATABASE postgres RESET vnstream.consumers');
query_until($node, 'postgres', setting('consumers'), '1|default|t', 'nor for what the server says');

note 'the workers\' own role';
my $superuser = sql('SELECT rolname FROM pg_roles WHERE oid = 10');
sql(qq(ALTER ROLE "$superuser" SET vnstream.requests_in_flight = 5));
is(sql(setting('requests_in_flight')), '5|role|f', 'is the bootstrap superuser; they have not seen it yet');
sql('SELECT vnstream_restart()');
query_until($node, 'postgres', setting('requests_in_flight'), '5|role|t', 'and do go by it');
sql(qq(ALTER ROLE "$superuser" RESET vnstream.requests_in_flight; SELECT vnstream_restart()));
sql('ALTER ROLE ALL SET vnstream.requests_in_flight = 6; SELECT vnstream_restart()');
query_until($node, 'postgres', setting('requests_in_flight'), '6|all roles|t', 'as by what is for all roles');
sql('ALTER ROLE ALL RESET vnstream.requests_in_flight');

note 'a file with an error';
$node->append_conf('postgresql.conf', "vnstream.interval = 'often'");
$node->reload;
my ($code, $out, $err) = $node->psql('postgres', setting('interval'));
is($out, '1h|configuration file|t', 'the server goes on with what it had');
like($err, qr/WARNING:  the server's configuration files have an error.*\nDETAIL:  .*postgresql\.conf, line \d+: vnstream\.interval: .*\nHINT:  Correct it/, 'and it is told where');
$node->adjust_conf('postgresql.conf', 'vnstream.interval', "'3600s'");
$node->reload;
($code, $out, $err) = $node->psql('postgres', setting('interval'));
is($err, '', 'once: put right, nothing is said');

note 'nothing runs';
sql(q(SELECT vnstream_stop()));
sql(q(SELECT vnstream_wait('stopped')));
is(sql('SELECT count(*) FROM vnstream_settings() WHERE in_use IS NOT NULL'), '0', 'no worker, no answer');
cmp_ok(figure('fetched → acknowledged', 'per_hour'), '>=', $stored + 3, 'the figures outlive the workers');

note 'rights';
sql('CREATE ROLE nobody LOGIN');
for my $function ('vnstream_latency', 'vnstream_settings')
{
	($code, $out, $err) = $node->psql('postgres', "SELECT * FROM $function()", extra_params => [ '-U', 'nobody' ]);
	like($err, qr/permission denied for function $function/, "$function() is not for everybody");
	is($node->safe_psql('postgres', "SELECT count(*) > 5 FROM $function()", @watcher), 't', 'but for pg_monitor');
}
is( sql(q(SELECT server = current_setting('server_version') FROM vnstream_version())), 't', 'the running server\'s version');

note 'an encoding without an arrow';
sql(q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
$node->safe_psql('latin', 'CREATE EXTENSION vnstock_stream');
is($node->safe_psql('latin', q(SELECT string_agg(hop, ',') FROM vnstream_latency())), $hops =~ s/→/->/gr, 'has two signs for it');

note 'a restart';
$node->restart;
is(sql('SELECT count(*) FROM vnstream_latency() WHERE per_day = 0 AND hour_max IS NULL'), '6', 'begins anew');
is(account($node, 'postgres'), '', 'the account adds up');

$node->stop;
done_testing();
