# What administrators and crashes do to a pipeline that is busy: the extension
# is dropped, its owner's and its table's owner's belongings, its database;
# worker slots run out; processes are killed.  Whatever is in Kafka ends up as a
# row, once.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '60', '--unknown', '0');
my $topic = new_topic();
my $slots = 14;

# restart_after_crash: PostgreSQL's test servers have it off
my $node = new_server(
	'lifecycle',
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '1s',
	batch_size => 50,
	server => { restart_after_crash => 'on' });
$node->append_conf('postgresql.conf', "max_worker_processes = $slots");
$node->restart;

sub sql { my ($query, $database) = @_; return $node->safe_psql($database // 'market', $query); }

# Another burst of messages, of the old form, beside the sweeps that go on.
my $moment = 0;

sub load
{
	produce(broker_address(), $topic,
		[ map {
				my $ticker = sprintf('T%02d', ++$moment % 50);
				[ $ticker, sprintf('{"ticker": "%s", "time": "2026-08-04T%02d:%02d:%02d.%03d", "price": 10000, "volume": 100}',
						$ticker, 9 + $moment / 3_600_000, $moment / 60_000 % 60, $moment / 1000 % 60, $moment % 1000) ]
			} 1 .. 3000 ]);
	return;
}

# Each message that Kafka has now is a row, once, and no dead letter, as soon as
# the positions have passed it.
sub is_exact
{
	my ($name, $database) = @_;
	my (%messages, @ends);

	foreach my $line (split /\n/, kcat('-C', '-q', '-e', '-b', broker_address(), '-t', $topic, '-f', '%p %o %s\n'))
	{
		my ($partition, $offset) = $line =~ /^(\d+) (\d+) /;
		my ($ticker) = $line =~ /"ticker": ?"([^"]*)"/;
		my ($time) = $line =~ /"time": ?"([^"]*)"/;

		$messages{"$ticker $time"} = 1;
		$ends[$partition] = $offset + 1;
	}
	query_until($node, $database // 'market', "SELECT count(*) FROM vnstream_positions WHERE topic = '$topic' AND next_offset >= CASE partition WHEN 0 THEN $ends[0] ELSE $ends[1] END",
		'2', "$name: all that Kafka has is passed");
	is(sql("SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)), (SELECT count(*) FROM vnstream_dead_letters) FROM realtime_quotes"
			. " WHERE kafka_offset < CASE kafka_partition WHEN 0 THEN $ends[0] ELSE $ends[1] END", $database),
		join('|', (scalar keys %messages) x 2, 0), "$name: each message is one row");
	return;
}

# Sweeps go on: two more end, of which nothing is missing.
sub is_sweeping
{
	my ($name) = @_;
	my $last = sql('SELECT coalesce(max(sweep), 0) FROM vnstream_sweeps');

	query_until($node, 'market', "SELECT count(*) >= 2 FROM vnstream_sweeps WHERE sweep > $last AND ended IS NOT NULL AND waiting = 0 AND published = 60",
		't', "$name: sweeps go on");
	return;
}

sub leave
{
	my ($name) = @_;

	ok(wait_for(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'market' AND application_name ~ '^vnstream '") eq '0' }, 'workers to leave'),
		"$name: the workers leave the database");
	return;
}

sql('CREATE DATABASE market', 'postgres');
sql('CREATE DATABASE copy', 'postgres');
# its owner is to be none who may do everything
sql('CREATE ROLE keeper SUPERUSER; CREATE ROLE trader', 'postgres');
sql('SET ROLE keeper; CREATE EXTENSION vnstock_stream');
sql("ALTER DATABASE market SET vnstream.consumers = 2; SELECT vnstream_start()");
sql('ALTER ROLE keeper NOSUPERUSER', 'postgres');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'the pipeline runs');
is_sweeping('an owner who is no superuser');

# ---- where it cannot go, and where it is already

load();
my $pids = "SELECT string_agg(worker || ' ' || pid, ', ' ORDER BY worker) FROM vnstream_status() WHERE pid IS NOT NULL";
my $before = sql($pids);
my ($code, $out, $err) = $node->psql('market', 'CREATE SCHEMA elsewhere; ALTER EXTENSION vnstock_stream SET SCHEMA elsewhere');
like($err, qr/ERROR:  extension "vnstock_stream" does not support SET SCHEMA/, 'ALTER EXTENSION ... SET SCHEMA is refused');
($code, $out, $err) = $node->psql('market', 'ALTER EXTENSION vnstock_stream UPDATE');
is("$code $err", '0 psql:<stdin>:1: NOTICE:  version "' . sql("SELECT extversion FROM pg_extension WHERE extname = 'vnstock_stream'") . '" of extension "vnstock_stream" is already installed',
	'ALTER EXTENSION ... UPDATE to the same version is none');
is_exact('after both');
is(sql($pids), $before, 'and the workers are the same');

# ---- the extension goes

sub is_back
{
	my ($name, $rows) = @_;

	cmp_ok(sql('SELECT count(*) FROM realtime_quotes'), '>=', $rows, "$name: the quotes stay");
	leave($name);
	load();
	sql('CREATE EXTENSION vnstock_stream');
	is(sql("SELECT vnstream_wait('running', '60 s')"), 't', "$name: CREATE EXTENSION brings the workers back");
	is_exact($name);
	is_sweeping($name);
	return;
}

load();
my $rows = sql('SELECT count(*) FROM realtime_quotes');
sql('DROP EXTENSION vnstock_stream');
is_back('DROP EXTENSION', $rows);

# and with all that its owner has
sql('ALTER ROLE keeper SUPERUSER', 'postgres');
sql('DROP EXTENSION vnstock_stream; SET ROLE keeper; CREATE EXTENSION vnstock_stream');
sql('ALTER ROLE keeper NOSUPERUSER', 'postgres');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'another owner');
load();
$rows = sql('SELECT count(*) FROM realtime_quotes');
sql('DROP OWNED BY keeper');
is(sql("SELECT count(*) FROM pg_extension WHERE extname = 'vnstock_stream'"), '0', 'DROP OWNED drops the extension');
is_back('DROP OWNED of its owner', $rows);

# ---- the table goes, with its owner

my $give = "GRANT USAGE, CREATE ON SCHEMA public TO trader; ALTER TABLE realtime_quotes OWNER TO trader;"
  . ' DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = \'realtime_quotes\'::regclass LOOP'
  . ' EXECUTE \'ALTER TABLE \' || p || \' OWNER TO trader\'; END LOOP; END $$';
sql($give);
is_sweeping('another owner of the table');
is_exact('another owner of the table');
sql('DROP OWNED BY trader');
load();
query_until($node, 'market', "SELECT string_agg(worker || ' ' || state || ', ' || waiting_for, '; ' ORDER BY worker) FROM vnstream_status() WHERE state = 'failed' AND last_error = 'table public.realtime_quotes does not exist'",
	join('; ', map { "consumer $_ failed, an administrator: the database refuses rows" } 1, 2), 'DROP OWNED of the table\'s owner: consumers fail, and say why');
is(sql("SELECT state FROM vnstream_status() WHERE worker = 'producer'"), 'running', 'sweeps go on into Kafka');
my $positions = sql('SELECT sum(next_offset) FROM vnstream_positions');
is(sql('SELECT sum(stored + duplicates) FROM vnstream_segments'), $positions, 'nothing is passed over');
like(slurp_file($node->logfile), qr/table public\.realtime_quotes does not exist\n.*HINT:.*vnstream_start\(\) makes it/, 'the log says what to do');
sql('SELECT vnstream_start(); SELECT vnstream_restart(\'consumer\')');
query_until($node, 'market', "SELECT min(next_offset) > 0 AND sum(next_offset) > $positions FROM vnstream_positions", 't', 'vnstream_start() makes it anew, and they go on');
sql("SELECT vnstream_seek(NULL, 'beginning')");
is_exact('what was dropped is read from Kafka again');

# ---- killed and crashed

foreach my $worker ('producer', 'consumer 1')
{
	load();
	my $pid = worker_pid($node, 'market', $worker);
	kill 'KILL', $pid or die "$worker is not there to be killed";
	query_until($node, 'market', "SELECT count(*) FROM vnstream_status() WHERE state = 'running' AND worker <> 'launcher' AND pid <> $pid", '3', "$worker is killed, and all start again");
}
load();
$node->stop('immediate');
$node->start;
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'stopped at once, and all start again');
is_exact('after crashes');
is_sweeping('after crashes');

# ---- its database goes, or does not

sql("CREATE EXTENSION vnstock_stream; SELECT vnstream_start('consumer')", 'copy');
is(sql("SELECT vnstream_wait('running', '60 s')", 'copy'), 't', 'another database runs a consumer');
is_exact('it has a full copy', 'copy');
load();
($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE copy');
like($err, qr/database "copy" is being accessed by other users\n.*DETAIL:/, 'DROP DATABASE is refused while it runs');
is(sql("SELECT vnstream_wait('running', '60 s')", 'copy'), 't', 'and it runs on');

# ---- no worker slot is left

sql("ALTER DATABASE copy SET vnstream.consumers = 16", 'postgres');
my $without = "SELECT count(*) > 0, bool_and(state = 'backing off' AND last_error ~ 'no free background worker slot; raise max_worker_processes') FROM vnstream_status() WHERE waiting_for ~ '^a background worker slot'";
query_until($node, 'copy', $without, 't|t', 'workers without a slot say so');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^vnstream|logical'", 'postgres'), $slots, 'all slots are taken');
is(sql("SELECT status, array_to_string(reasons, ' ') ~ 'background worker slot' FROM vnstream_health()", 'copy'), 'degraded|t', 'health tells it');
($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION vnstock_stream; SELECT vnstream_start()');
like($err, qr/ERROR:  not enough background worker slots: 3 more are needed, 0 are free.*HINT:  Set "max_worker_processes" to at least/s, 'no other database can start');
sql('SELECT vnstream_stop()', 'copy');
is(sql("SELECT vnstream_wait('stopped', '30 s')", 'copy'), 't', 'vnstream_stop() works without a free slot');
($code, $out, $err) = $node->psql('copy', "SELECT vnstream_start('consumer')");
like($err, qr/ERROR:  not enough background worker slots: 17 more are needed/, 'nor can this one start again with as many');
sql("ALTER DATABASE copy SET vnstream.consumers = 1; SELECT vnstream_start('consumer'); ALTER DATABASE copy SET vnstream.consumers = 16", 'copy');
query_until($node, 'copy', $without, 't|t', 'all slots are taken again');
# the neighbour may lose a worker to the many that wait
sql("SELECT pg_terminate_backend(pid, 30000) FROM vnstream_status() WHERE worker = 'consumer 1'");
load();
sql("SELECT vnstream_stop(); ALTER DATABASE copy SET vnstream.consumers = 1", 'copy');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'with room again, all run by themselves');
is_exact('after that');
sql("SELECT vnstream_start('consumer')", 'copy');
is(sql("SELECT vnstream_wait('running', '60 s')", 'copy'), 't', 'the other database too');

# ---- by force

load();
($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE copy WITH (FORCE)');
is($code, 0, 'DROP DATABASE ... WITH (FORCE) of a busy one');
my $log_size = -s $node->logfile;
is_exact('its neighbour');
is_sweeping('its neighbour');
unlike(slurp_file($node->logfile, $log_size), qr/database ".*" does not exist/, 'no worker tries to get into it');
is(sql("SELECT count(*) FROM vnstream_audit(true) WHERE difference <> 0 OR NOT isempty(missing)"), '0', 'the deep audit finds every offset');

done_testing();
