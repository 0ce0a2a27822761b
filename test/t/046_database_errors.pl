# What the database can have against a batch.  What passes is waited for: a full
# disk, locks, a deadlock, a cancel.  What an administrator has to put right
# stops the consumer, which says what it is, moves nothing, and goes on by
# itself.  One bad row is one dead letter.  Nothing else ever becomes one.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $module = "$root/test/modules/disk_full";

system_or_bail('make', '-s', '-C', $module) if -w $module;
BAIL_OUT("run \"make -C $module\" first") unless -e "$module/disk_full.so";

my $disk = PostgreSQL::Test::Utils::tempdir_short();
my $is_full = PostgreSQL::Test::Utils::tempdir() . '/is_full';
my $node;
{
	local $ENV{DISK_FULL_DIRECTORY} = $disk;
	local $ENV{DISK_FULL_FILE} = $is_full;
	local $ENV{LD_PRELOAD} = "$module/disk_full.so";
	$node = new_server('database_errors', brokers => broker_address(), batch_size => 100, max_databases => 16);
}

# Each part has a database and a topic of its own, and this many messages in it.
my (%topics, %produced);

sub sql { my ($database, $query) = @_; return $node->safe_psql($database, $query); }

# Quotes that nobody else has; every tenth is of the ticker TEN.
sub produce_more
{
	my ($database, $count) = @_;

	produce(broker_address(), $topics{$database},
		[ map {
				my $moment = $produced{$database}++;
				sprintf('{"ticker":"%s","time":"2026-08-04T%02d:%02d:%02d+07:00","price":%d,"volume":100}',
					$moment % 10 ? 'T' . $moment % 10 : 'TEN', 9 + $moment / 3600, $moment / 60 % 60, $moment % 60, 10000 + $moment)
			} 1 .. $count ]);
	return;
}

sub begin_part
{
	my ($database) = @_;

	($topics{$database}, $produced{$database}) = (new_topic(), 0);
	sql('postgres', "CREATE DATABASE $database");
	sql('postgres', "ALTER DATABASE $database SET vnstream.topic = '$topics{$database}'");
	sql($database, "CREATE EXTENSION vnstock_stream; SELECT vnstream_start('consumer')");
	return;
}

my $position = 'SELECT max(next_offset) FROM vnstream_positions';

# All that was produced is stored, each once, and the account is exact.
sub is_stored
{
	my ($database, $name, $letters) = @_;

	$letters //= 0;
	query_until($node, $database, $position, $produced{$database}, "$name: it goes on, to the end");
	is(sql($database, 'SELECT count(*), count(DISTINCT kafka_offset), (SELECT count(*) FROM vnstream_dead_letters) FROM realtime_quotes'),
		join('|', ($produced{$database} - $letters) x 2, $letters), "$name: each message is one row")
	  or diag(sql($database, 'SELECT kafka_offset, code, reason FROM vnstream_dead_letters LIMIT 5'));
	is(account($node, $database), '', "$name: the account is exact");
	return;
}

# ---- what somebody has to put right

my %drifts = (
	revoked => {
		break => 'REVOKE INSERT ON realtime_quotes FROM pg_database_owner',
		mend => 'GRANT INSERT ON realtime_quotes TO pg_database_owner',
		error => 'permission denied for table realtime_quotes' },
	dropped => {
		break => 'ALTER TABLE realtime_quotes DROP COLUMN foreign_room',
		mend => 'ALTER TABLE realtime_quotes ADD COLUMN foreign_room bigint',
		error => 'table public.realtime_quotes cannot take quotes: Columns missing: foreign_room.' },
	renamed => {
		break => 'ALTER TABLE realtime_quotes RENAME COLUMN price TO last',
		mend => 'ALTER TABLE realtime_quotes RENAME COLUMN last TO price',
		error => 'table public.realtime_quotes cannot take quotes: Columns missing: price.' },
	away => {
		break => 'ALTER TABLE realtime_quotes RENAME TO elsewhere',
		mend => 'ALTER TABLE elsewhere RENAME TO realtime_quotes',
		error => 'table public.realtime_quotes does not exist' },
	retyped => {
		break => 'ALTER TABLE realtime_quotes ALTER volume TYPE numeric',
		mend => 'ALTER TABLE realtime_quotes ALTER volume TYPE bigint',
		error => 'table public.realtime_quotes cannot take quotes: Column "volume" is numeric, not bigint.' },
	secured => {
		break => 'ALTER TABLE realtime_quotes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		mend => 'ALTER TABLE realtime_quotes DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY',
		error => 'new row violates row-level security policy for table "realtime_quotes"' },
	triggered => {
		break => q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''closed for stocktaking''; END';
			CREATE TRIGGER refuse BEFORE INSERT ON realtime_quotes FOR EACH ROW WHEN (NEW.ticker = 'TEN') EXECUTE FUNCTION refuse()},
		mend => q{CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'},
		error => 'closed for stocktaking' });
my $restarts = "SELECT restarts FROM vnstream_status() WHERE worker = 'consumer 1'";

begin_part($_) foreach sort(keys %drifts), 'passing', 'one_row';
produce_more($_, 300) foreach sort keys %drifts;
foreach my $database (sort keys %drifts)
{
	query_until($node, $database, $position, '300', "$database: all is well at first");
	$drifts{$database}->{restarts} = sql($database, $restarts);
	# in the middle of it: some of these wait for a batch's end
	produce_more($database, 1000);
	sql($database, $drifts{$database}->{break});
	produce_more($database, 500);
}
foreach my $database (sort keys %drifts)
{
	query_until($node, $database, "SELECT state, waiting_for, last_error FROM vnstream_status() WHERE worker = 'consumer 1'",
		"failed|an administrator: the database refuses rows|$drifts{$database}->{error}", "$database: it has failed, and says why");
	$drifts{$database}->{at} = sql($database, $position);
	cmp_ok($drifts{$database}->{at}, '<', $produced{$database}, "$database: before the end");
}
produce_more($_, 100) foreach sort keys %drifts;
foreach my $database (sort keys %drifts)
{
	# without the table, or the name of a column, the account cannot be asked for
	is(sql($database, "$position; SELECT sum(stored), sum(dead_letters) FROM vnstream_segments; SELECT count(*) FROM vnstream_dead_letters;"
			. " SELECT count(*) FROM ONLY realtime_quotes_2026_08"),
		join("\n", $drifts{$database}->{at}, "$drifts{$database}->{at}|0", 0, $drifts{$database}->{at}), "$database: nothing has moved");
	sql($database, $drifts{$database}->{mend});
}

# ---- what passes; it takes a while, in which the others look again

sub last_error_is
{
	my ($pattern, $name) = @_;

	query_until($node, 'passing', "SELECT last_error ~ \$re\$$pattern\$re\$ FROM vnstream_status() WHERE worker = 'consumer 1'", 't', $name)
	  or diag(sql('passing', 'SELECT * FROM vnstream_status()'));
	isnt(sql('passing', "SELECT state FROM vnstream_status() WHERE worker = 'consumer 1'"), 'failed', "$name: nobody has to act");
	return;
}
my $waiting = "SELECT state, waiting_for ~ '^the database(; backing off until .*)?\$' FROM vnstream_status() WHERE worker = 'consumer 1'";
my $pid = worker_pid($node, 'passing', 'consumer 1');
my $holder = $node->background_psql('passing', on_error_stop => 0);

# The table is in a transaction's hands: a batch waits for it, its positions moved already.
sub hold_table
{
	$holder->query_safe('BEGIN; LOCK TABLE realtime_quotes IN SHARE MODE');
	produce_more('passing', 300);
	query_until($node, 'passing', "SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted", '1', "a batch waits for $_[0]");
	return;
}

# as the owner, who makes the partitions
sql('passing', "CREATE TABLESPACE disk LOCATION '$disk'; GRANT CREATE ON TABLESPACE disk TO pg_database_owner");
sql('passing', 'ALTER TABLE realtime_quotes SET TABLESPACE disk');
produce_more('passing', 300);
is_stored('passing', 'with room on the disk');

append_to_file($is_full, '');
produce_more('passing', 3000);
last_error_is('^could not extend file ".*": No space left on device', 'a full disk is told');
query_until($node, 'passing', $waiting, 'backing off|t', 'it waits for the database');
my $at = sql('passing', $position);
is(sql('passing', 'SELECT count(*) FROM realtime_quotes'), $at, 'what is stored is where the position is');
cmp_ok($at, '<', $produced{passing}, 'before the end');
like(slurp_file($node->logfile), qr/No space left on device/, 'so does the log');
unlink($is_full);
is_stored('passing', 'with room again');

# only what begins after that has this setting
sql('passing', "ALTER DATABASE passing SET lock_timeout = '500ms'; ALTER DATABASE passing SET deadlock_timeout = '3s'; SELECT vnstream_restart('consumer')");
ok(wait_for(sub { my $now = worker_pid($node, 'passing', 'consumer 1'); my $is_new = $now ne '' && $now ne $pid; $pid = $now if $is_new; return $is_new }, 'a new consumer'),
	'another consumer');
hold_table('longer than lock_timeout');
last_error_is('^canceling statement due to lock timeout', 'a lock that is held for longer than lock_timeout is told');
query_until($node, 'passing', "SELECT errors >= 2 FROM vnstream_status() WHERE worker = 'consumer 1'", 't', 'again and again');
$holder->query_safe('ROLLBACK');
is_stored('passing', 'without the lock');

sql('passing', "ALTER DATABASE passing RESET lock_timeout; SELECT vnstream_restart('consumer')");
ok(wait_for(sub { my $now = worker_pid($node, 'passing', 'consumer 1'); my $is_new = $now ne '' && $now ne $pid; $pid = $now if $is_new; return $is_new }, 'a new consumer'),
	'another consumer');
hold_table('a lock, and is cancelled');
is(sql('passing', "SELECT pg_cancel_backend($pid)"), 't', 'pg_cancel_backend()');
last_error_is('^canceling statement due to user request$', 'a cancelled batch is told');
unlike(slurp_file($node->logfile), qr/due to user request\n.*HINT/, 'without a hint about timeouts');
$holder->query_safe('ROLLBACK');
is_stored('passing', 'cancelled');

hold_table('a lock, and its holder for the batch');
$holder->query_safe("SET deadlock_timeout = '1h'");
$holder->query_until(qr/update/, "\\echo update\nUPDATE vnstream_positions SET updated_at = updated_at;\n\\echo through\n");
last_error_is('^deadlock detected', 'a deadlock is told');
$holder->query_until(qr/through/, '');
$holder->query_safe('ROLLBACK');
is_stored('passing', 'after a deadlock');
is(worker_pid($node, 'passing', 'consumer 1'), $pid, 'the worker has lived through it');
$holder->quit;

# ---- one row

sql('one_row', 'ALTER TABLE realtime_quotes ADD CONSTRAINT not_this_one CHECK (price <> 10123)');
produce_more('one_row', 400);
is_stored('one_row', 'one row that a constraint refuses', 1);
is(sql('one_row', "SELECT kafka_offset, code, reason ~ 'violates check constraint \"not_this_one\"', convert_from(value, 'UTF8') ~ '10123' FROM vnstream_dead_letters"),
	'123|23514|t|t', 'that one alone is a dead letter');

# ---- those that were put right

foreach my $database (sort keys %drifts)
{
	is_stored($database, "$database, put right");
	query_until($node, $database, "SELECT state, restarts FROM vnstream_status() WHERE worker = 'consumer 1'", "running|$drifts{$database}->{restarts}",
		"$database: it runs, the same process");
}

done_testing();
