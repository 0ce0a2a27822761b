# Starting, stopping, restarting and configuring, in one database and several;
# and the extension coming and going below the workers.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '60', '--unknown', '0');
my $topic = new_topic();
my $node = new_server(
	'control',
	brokers => broker_address(),
	topic => $topic,
	vci_url => "$simulator->{url}api/",
	interval => '3600s');
my $states = "SELECT string_agg(worker || ' ' || state, ', ' ORDER BY worker) FROM vnstream_status() WHERE worker <> 'launcher'";

# Transactional: nothing happens before COMMIT, and nothing at all after ROLLBACK.
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe('SELECT vnstream_start()');
is($node->safe_psql('postgres', $states), 'consumer 1 stopped, producer stopped', 'not started before COMMIT');
$session->query_safe('ROLLBACK');
$session->query_safe('BEGIN; SAVEPOINT s');
$session->query_safe('SELECT vnstream_start()');
$session->query_safe("ROLLBACK TO s; COMMIT");
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '10 s')"), 't', 'not started after ROLLBACK');
is($node->safe_psql('postgres', $states), 'consumer 1 stopped, producer stopped', 'nothing runs');

# What was just started counts, though no worker is there yet.
$node->safe_psql('postgres', 'BEGIN; SELECT vnstream_start(); SELECT vnstream_restart(); COMMIT');
$node->safe_psql('postgres', 'SELECT vnstream_stop()');
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '30 s')"), 't', 'stopped again');

# The group's name is made again where it was given up, whatever the session has.
my $group = "SELECT substr(c, length('vnstream.group_id=') + 1) FROM pg_db_role_setting, unnest(setconfig) c WHERE c LIKE 'vnstream.group_id=%'";
my $name = $node->safe_psql('postgres', $group);
isnt($name, '', 'the first start has made a name for the consumer group');
foreach my $given_up ('ALTER DATABASE postgres RESET vnstream.group_id', "ALTER DATABASE postgres SET vnstream.group_id = ''",
	"ALTER DATABASE postgres RESET vnstream.group_id; SET vnstream.group_id = 'mine'")
{
	$node->safe_psql('postgres', "$given_up; SELECT vnstream_start(); SELECT vnstream_stop()");
	is($node->safe_psql('postgres', $group), $name, "a start makes it again after $given_up");
}
$node->safe_psql('postgres', "ALTER DATABASE postgres SET vnstream.group_id = 'yours'");
$node->safe_psql('postgres', 'SELECT vnstream_start(); SELECT vnstream_stop()');
is($node->safe_psql('postgres', $group), 'yours', 'and leaves one that is there');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET vnstream.group_id');
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '30 s')"), 't', 'stopped once more');
$node->safe_psql('postgres', 'DELETE FROM vnstream_sweeps');
my @requested = split /\n/, $node->safe_psql('postgres',
	'SELECT vnstream_start() IS NULL; SELECT vnstream_sweep(); SELECT vnstream_sweep()');
shift @requested;
query_until($node, 'postgres', "SELECT string_agg(sweep || ' ' || trigger || ' ' || answered, ', ' ORDER BY sweep) FROM vnstream_sweeps WHERE ended IS NOT NULL AND trigger = 'request'",
	join(', ', map { "$_ request 60" } @requested), 'sweeps that are requested right after the start are all made');
# what is left in the topic would be stored after the TRUNCATE
$node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')");
$node->safe_psql('postgres', 'SELECT vnstream_stop()');
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '30 s')"), 't', 'and stopped');
$node->safe_psql('postgres', 'DELETE FROM vnstream_sweeps; TRUNCATE realtime_quotes');

start_pipeline($node);
is($node->safe_psql('postgres', $states), 'consumer 1 running, producer running', 'both run');
query_until($node, 'postgres', "SELECT trigger, answered, error FROM vnstream_sweeps WHERE ended IS NOT NULL",
	'start|60|', 'the first sweep comes with the start');

# vnstream_sweep() names the row that it makes.
my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT trigger, answered, missing FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL",
	'request|60|0', 'a requested sweep is made, under the number returned');
$session->query_safe('BEGIN');
$session->query_safe('SELECT vnstream_sweep()');
$session->query_safe('ROLLBACK');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_sweeps'), '2', 'a request rolled back is none');
is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), '120', 'both sweeps are stored');
my $cancelled = worker_pid($node, 'postgres', 'producer');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($cancelled)");
is($node->safe_psql('postgres', "SELECT cpu_seconds IS NOT NULL AND memory > 0 AND last_activity IS NOT NULL FROM vnstream_status() WHERE worker = 'launcher'"),
	't', 'the launcher shows what it costs');

# One component alone.
my $producer = worker_pid($node, 'postgres', 'producer');
is($producer, $cancelled, 'pg_cancel_backend() of an idle worker does not end it');
my $consumer = worker_pid($node, 'postgres', 'consumer 1');
my $restarts = $node->safe_psql('postgres', "SELECT restarts FROM vnstream_status() WHERE worker = 'consumer 1'");
$node->safe_psql('postgres', "SELECT vnstream_restart('consumer')");
ok(wait_for(sub { my $pid = worker_pid($node, 'postgres', 'consumer 1'); $pid ne '' && $pid ne $consumer }, 'a new consumer'),
	'restart(consumer) makes a new consumer');
is(worker_pid($node, 'postgres', 'producer'), $producer, 'and leaves the producer');
is($node->safe_psql('postgres', "SELECT vnstream_wait('running', '60 s')"), 't', 'running again');
is($node->safe_psql('postgres', "SELECT restarts FROM vnstream_status() WHERE worker = 'consumer 1'"), $restarts + 1, 'the restart is counted');
$session->query_safe('BEGIN; SAVEPOINT s');
$session->query_safe("SELECT vnstream_restart()");
$session->query_safe('ROLLBACK TO s; COMMIT');
sleep 1;
is(worker_pid($node, 'postgres', 'producer'), $producer, 'a restart rolled back to a savepoint is none');

$node->safe_psql('postgres', "SELECT vnstream_stop('producer')");
query_until($node, 'postgres', $states, 'consumer 1 running, producer stopped', 'the producer stops, the consumer stays');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT vnstream_sweep()');
like($err, qr/producer is not to run.*HINT:.*vnstream_start/s, 'no sweep without a producer');
$node->safe_psql('postgres', "SELECT vnstream_start('producer')");
is($node->safe_psql('postgres', "SELECT vnstream_wait('running', '60 s')"), 't', 'the producer is back');

# A setting of the database takes effect at COMMIT, of the server at reload.
$node->safe_psql('postgres', "ALTER DATABASE postgres SET vnstream.consumers = 3");
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_status() WHERE worker LIKE 'consumer%' AND state = 'running'", '3',
	'three consumers after ALTER DATABASE');
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_status() WHERE waiting_for = 'a partition: 3 consumers share 1; SELECT vnstream_alter_topic(partitions => 3)'", '2',
	'those without a partition say so');
$node->safe_psql('postgres', "ALTER DATABASE postgres RESET vnstream.consumers");
query_until($node, 'postgres', $states, 'consumer 1 running, producer running', 'one consumer after RESET');
$node->append_conf('postgresql.conf', 'vnstream.enabled = off');
$node->reload;
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL', '1', 'enabled = off keeps all workers down');
$node->append_conf('postgresql.conf', "vnstream.enabled = on\nvnstream.symbols = 'VCB,FPT'");
$node->reload;
is($node->safe_psql('postgres', "SELECT vnstream_wait('running', '60 s')"), 't', 'enabled = on starts them');
$sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT asked FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '2',
	'the symbols of the new setting');

# The topic changes: other positions, nothing mixed.
my $second_topic = new_topic();
produce(broker_address(), $second_topic,
	[ map { sprintf('{"ticker":"AAA","time":"2026-08-04T10:00:%02d+07:00","price":7030}', $_) } 0 .. 49 ]);
is($node->safe_psql('postgres',
		"ALTER DATABASE postgres SET vnstream.topic = '$second_topic'; SELECT vnstream_wait('caught up', '60 s');"
		  . " SELECT sum(next_offset) >= 50 FROM vnstream_positions WHERE topic = '$second_topic'"),
	"t\nt", 'caught up is about the topic of the database\'s setting, also in the session that set it');
query_until($node, 'postgres', "SELECT count(*) > 0 FROM vnstream_positions WHERE topic = '$second_topic'", 't',
	'another topic has positions of its own');

# Two databases of one server: the second producer is refused, the consumer is not.
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('postgres', "ALTER DATABASE second SET vnstream.topic = '$second_topic'");
$node->safe_psql('second', 'CREATE EXTENSION vnstock_stream; SELECT vnstream_start()');
query_until($node, 'second',
	"SELECT state, last_error ~ 'database \"postgres\" of this server already publishes' FROM vnstream_status() WHERE worker = 'producer'",
	'failed|t', 'a second producer for the same topic refuses, and says why');
$node->safe_psql('second', "SELECT vnstream_stop('producer')");
is($node->safe_psql('second', "SELECT vnstream_wait('running', '60 s')"), 't', 'the second database consumes');
is($node->safe_psql('second', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'all of it');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'the first too');
is($node->safe_psql('second', 'SELECT count(*) FROM realtime_quotes'),
	$node->safe_psql('postgres', "SELECT sum(next_offset) FROM vnstream_positions WHERE topic = '$second_topic'"),
	'both store every message');

# DROP DATABASE of one that runs: refused while it runs, WITH (FORCE) and after a stop it works.
($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE second WITH (FORCE)');
is($code, 0, 'DROP DATABASE ... WITH (FORCE) of a running pipeline');
my $log_size = -s $node->logfile;
sleep 3;
unlike(slurp_file($node->logfile, $log_size), qr/database ".*" does not exist/, 'no worker tries to get into the dropped database');

# The extension goes, its quotes stay, it comes again, the workers too.
my $quotes = $node->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes');
$node->safe_psql('postgres', 'DROP EXTENSION vnstock_stream');
ok(wait_for(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND application_name LIKE 'vnstream %'") eq '0' },
		'workers to leave', 90), 'without the extension the workers leave the database');
is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime_quotes'), $quotes, 'DROP EXTENSION keeps every quote');
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
is($node->safe_psql('postgres', "SELECT vnstream_wait('running', '60 s')"), 't', 'CREATE EXTENSION brings them back');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up again');
is($node->safe_psql('postgres', 'SELECT count(*) >= ' . $quotes . ', (SELECT count(*) FROM vnstream_dead_letters) FROM realtime_quotes'),
	't|0', 'what is read again is absorbed');
is($node->safe_psql('postgres', "SELECT sum(duplicates) > 0 FROM vnstream_segments"), 't', 'as duplicates');

# The last word: stopped stays stopped, also across a restart of the server.
$node->safe_psql('postgres', 'SELECT vnstream_stop()');
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
$node->restart;
is($node->safe_psql('postgres', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'and after a restart still');
$node->safe_psql('postgres', "SELECT vnstream_start('consumer')");
$node->restart;
query_until($node, 'postgres', $states, 'consumer 1 running, producer stopped', 'what was started starts with the server');

$session->quit;
done_testing();
