# Dead letters take no more room than they may, and so many of them that
# something must have changed stop the consumer: nothing is dropped.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $node = new_server('dead_letters', brokers => broker_address(), max_databases => 8);
my $moment = 0;

# Each part has a database and a topic of its own.
my ($database, $topic);

sub sql { return $node->safe_psql($database, $_[0]); }

sub begin_part
{
	my ($name, @settings) = @_;

	($database, $topic) = ($name, new_topic());
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	sql("ALTER DATABASE $name SET vnstream.$_") foreach "topic = '$topic'", @settings;
	return;
}

# A quote that nobody else has; a bad one has a price in thousands.
sub quote
{
	my ($is_bad) = @_;

	$moment++;
	return sprintf('{"ticker":"T%02d","time":"2026-08-04T%02d:%02d:%02d+07:00","price":%d,"volume":100}',
		$moment % 20, 9 + $moment / 3600, $moment / 60 % 60, $moment % 60, $is_bad ? 10 : 10000);
}

# What could not be a quote, of so many bytes.
sub rubbish { return 'x' x $_[0]; }

sub position { return sql('SELECT max(next_offset) FROM vnstream_positions'); }
my $letters = 'SELECT count(*) FROM vnstream_dead_letters';
my $state = "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'consumer 1'";

# ---- no room for more

begin_part('no_room', "dead_letter_limit = '1MB'");
produce(broker_address(), $topic, [ (map { quote(), [ "k$_", rubbish(100_000) ] } 1 .. 12), quote() ]);
start_pipeline($node, $database, 'consumer');
query_until($node, $database, $state, 'failed|an administrator: dead letters have reached vnstream.dead_letter_limit',
	'dead letters stop the consumer at their limit');
like(sql("SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1'"),
	qr/^there is no room in vnstream_dead_letters for partition 0 offset \d+: .*long/, 'which message has no room');
like(slurp_file($node->logfile), qr/there is no room in vnstream_dead_letters.*\n.*HINT:.*vnstream_purge_dead_letters.*vnstream\.on_dead_letter_limit/,
	'the log says what can be done');
my $kept = sql("SELECT sum(octet_length(value)) <= 1024 * 1024 FROM vnstream_dead_letters");
ok($kept eq '' || $kept eq 't', 'they take no more than that');
is(sql("SELECT p.next_offset = (SELECT count(*) FROM realtime_quotes) + ($letters) FROM vnstream_positions p"),
	't', 'all before the position is stored or kept');
cmp_ok(position(), '<', 25, 'which stays before that message');
is($node->safe_psql($database, 'SELECT status FROM vnstream_health()'), 'failed', 'health is failed');

# with hashes it goes on
sql("ALTER DATABASE $database SET vnstream.on_dead_letter_limit = 'digest'");
query_until($node, $database, 'SELECT max(next_offset) FROM vnstream_positions', '25', 'with hashes it goes on to the end');
is(sql("SELECT count(*), (SELECT count(*) FROM realtime_quotes), sum(octet_length(value)) <= 1024 * 1024 FROM vnstream_dead_letters"),
	'12|13|t', 'each message is a row or a letter, and the limit holds');
is(sql("SELECT count(*) > 0, bool_and(value IS NULL AND value_hash = sha256(convert_to(repeat('x', 100000), 'UTF8')) AND value_length = 100000"
		. " AND key IS NOT NULL AND code = 'form' AND reason ~ 'long') FROM vnstream_dead_letters WHERE value_hash IS NOT NULL"),
	't|t', 'those without room have key, length, hash and reason');
is(sql("SELECT count(*) FROM vnstream_dead_letters WHERE value_hash IS NULL AND (value_length IS NOT NULL OR octet_length(value) <> 100000)"), '0',
	'the others are whole');
like(slurp_file($node->logfile), qr/WARNING:.*of \d+ dead letters only key and hash were kept\n.*HINT:.*vnstream\.dead_letter_limit/, 'aloud');
produce(broker_address(), $topic, [ [ 'k' x 5000, rubbish(70_000) ], [ 'tombstone', '' ] ], '-Z');
query_until($node, $database, $letters, '14', 'a long key and a tombstone');
is(sql("SELECT octet_length(key), value_length FROM vnstream_dead_letters WHERE key ~~ 'kkk%'::bytea"), '1024|70000', 'a long key is cut');
is(sql("SELECT value IS NULL, value_hash IS NULL FROM vnstream_dead_letters WHERE key = 'tombstone'"), 't|t', 'a tombstone has nothing to hash');

# read again, the very messages are no further letters
my $digests = sql('SELECT count(*) FROM vnstream_dead_letters WHERE value_hash IS NOT NULL');
sql("SELECT vnstream_seek(0, 'beginning')");
query_until($node, $database, 'SELECT sum(duplicates) FROM vnstream_segments', '27', 'all of the topic is read again');
is(sql($letters), '14', 'no letter is kept twice, whole or as a hash');
is(sql('SELECT tried, kept FROM vnstream_replay_dead_letters()'), (14 - $digests) . '|' . (14 - $digests), 'a replay tries those that are whole');
is(sql('SELECT count(*) FROM vnstream_dead_letters WHERE value_hash IS NOT NULL AND tries = 0'), $digests, 'and leaves the others as they are');

# room again
sql("ALTER DATABASE $database RESET vnstream.on_dead_letter_limit; SELECT vnstream_purge_dead_letters('0 s')");
produce(broker_address(), $topic, [ [ 'later', rubbish(70_000) ] ]);
query_until($node, $database, "SELECT value IS NOT NULL FROM vnstream_dead_letters WHERE key = 'later'", 't', 'after a purge there is room for whole ones');
is(account($node, $database), '', 'the account is exact');
is(sql('SELECT count(*) FROM vnstream_audit(true) WHERE difference <> 0 OR NOT isempty(missing)'), '0', 'the deep audit too');
sql('SELECT vnstream_stop()');

# ---- a producer has changed

begin_part('changed_producer');
produce(broker_address(), $topic, [ (map { quote() } 1 .. 300), (map { quote($_ % 10 < 7) } 1 .. 2000), (map { quote() } 1 .. 5) ]);
start_pipeline($node, $database, 'consumer');
query_until($node, $database, $state, 'failed|an administrator: too many messages cannot be rows', 'a share of dead letters over half stops the consumer');
like(sql("SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1'"),
	qr/^\d+ of the last \d+ messages could not be rows; the first that waits, partition 0 offset \d+: .*price/, 'by how many, and the first reason');
like(slurp_file($node->logfile), qr/could not be rows; the first that waits.*\n.*HINT:.*vnstream\.dead_letter_percent/, 'the log says what can be done');
cmp_ok(position(), '<', 2300, 'the position stays before them');
is(sql("SELECT p.next_offset = (SELECT count(*) FROM realtime_quotes) + ($letters) FROM vnstream_positions p"), position() eq '' ? '' : 't',
	'and all before it is stored or kept');
sql("ALTER DATABASE $database SET vnstream.dead_letter_percent = 100");
query_until($node, $database, 'SELECT max(next_offset) FROM vnstream_positions', '2305', 'told to, it keeps them all');
is(sql("SELECT (SELECT count(*) FROM realtime_quotes), count(*) FROM vnstream_dead_letters"), '905|1400', 'each message is a row or a letter');
sql('SELECT vnstream_stop()');

# ---- the table has changed: put right, what waited is stored, and no letter is left of it

begin_part('changed_table', 'batch_size = 200');
start_pipeline($node, $database, 'consumer');
produce(broker_address(), $topic, [ map { quote() } 1 .. 1500 ]);
query_until($node, $database, 'SELECT count(*) FROM realtime_quotes', '1500', 'all is well');
sql('ALTER TABLE realtime_quotes ADD CONSTRAINT too_strict CHECK (price > 20000) NOT VALID');
produce(broker_address(), $topic, [ map { quote() } 1 .. 3000 ]);
query_until($node, $database, $state, 'failed|an administrator: too many messages cannot be rows', 'a constraint that refuses nearly all stops the consumer');
my $lost = sql($letters);
cmp_ok($lost, '<=', 1700, 'before all of them are dead letters');
sql('ALTER TABLE realtime_quotes DROP CONSTRAINT too_strict; SELECT vnstream_restart(\'consumer\')');
query_until($node, $database, 'SELECT max(next_offset) FROM vnstream_positions', '4500', 'without it the consumer goes on');
is(sql("SELECT count(*) FROM realtime_quotes"), 4500 - $lost, 'the rest is stored');
is(sql('SELECT stored, kept FROM vnstream_replay_dead_letters()'), "$lost|0", 'and a replay stores what had become letters');
is(account($node, $database), '', 'the account is exact');
sql('SELECT vnstream_stop()');

# ---- what was wrong before, and too little to judge, is not held against what comes

begin_part('bad_start');
produce(broker_address(), $topic, [ map { quote(1) } 1 .. 900 ]);
start_pipeline($node, $database, 'consumer');
query_until($node, $database, $letters, '900', 'a few messages are kept, whatever their share');
produce(broker_address(), $topic, [ map { quote() } 1 .. 400 ]);
query_until($node, $database, 'SELECT count(*) FROM realtime_quotes', '400', 'and good ones that follow are stored');
sql('SELECT vnstream_stop()');

# ---- values that are none

foreach my $bad ([ dead_letter_limit => '10kB' ], [ on_dead_letter_limit => 'drop' ], [ dead_letter_percent => 0 ], [ dead_letter_percent => 101 ])
{
	my ($code, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET vnstream.$bad->[0] = '$bad->[1]'");
	like($err, qr/ERROR:.*vnstream\.$bad->[0]/, "$bad->[0] = $bad->[1] is refused");
}

done_testing();
