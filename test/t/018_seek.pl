# Positions moved by hand: what is replayed is never doubled, what is given up is
# counted to the last offset.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $topic = new_topic();
my $node = new_server(
	'seek',
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	batch_size => 50);
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream; CREATE ROLE nobody; CREATE ROLE monitor; GRANT pg_monitor TO monitor; CREATE ROLE operator');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Result rows, and notices.
sub seek_to
{
	my ($arguments, $before) = @_;
	my ($code, $out, $err) = $node->psql('postgres', ($before // '') . "SELECT * FROM vnstream_seek($arguments)");

	is($code, 0, "vnstream_seek($arguments)") or diag($err);
	return ($out, $err);
}

sub fails
{
	my ($query, $pattern, $name) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $query);

	isnt($code, 0, "$name: refused");
	like($err, $pattern, $name);
	return;
}

my @produced = (0, 0);

sub produce_more
{
	my ($partition, $count) = @_;
	my @messages;

	foreach my $n ($produced[$partition] .. $produced[$partition] + $count - 1)
	{
		my $ticker = sprintf('T%d%02d', $partition, $n % 100);

		push @messages, [ $ticker, sprintf('{"ticker": "%s", "time": "2026-08-04T%02d:%02d:%02d.%06d", "price": 10000, "volume": %d}',
				$ticker, 9 + $n / 3_600_000, $n / 60_000 % 60, $n / 1000 % 60, $n % 1000, $n + 1) ];
	}
	produce(broker_address(), $topic, \@messages, '-p', $partition);
	$produced[$partition] += $count;
	return;
}

sub position { return sql("SELECT next_offset FROM vnstream_positions WHERE partition = $_[0]"); }

sub segments
{
	return sql("SELECT string_agg(format('%s-%s %s/%s/%s %s', from_offset, next_offset, stored, duplicates, gaps, closed_at IS NULL), ', ' ORDER BY segment)"
		  . " FROM vnstream_segments WHERE partition = $_[0]");
}

sub caught_up
{
	my ($when) = @_;

	is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', "$when: caught up");
	is(account($node, 'postgres'), '', "$when: the account is exact");
	return;
}

# ---- who may, and bad arguments

fails("SET ROLE $_; SELECT vnstream_seek(0, 'end')", qr/permission denied/, "$_ may not") foreach 'nobody', 'monitor';
sql("GRANT EXECUTE ON FUNCTION vnstream_seek(int, text, bool) TO operator");
fails("SET ROLE operator; SELECT vnstream_seek(0, 'end')", qr/does not exist in Kafka\nHINT/, 'no topic');
foreach my $bad ('soon', '', '0:5', '-1', '1.5', '99999999999999999999')
{
	fails("SELECT vnstream_seek(0, '$bad')", qr/is no place to go to\nHINT/, "'$bad'");
}
fails('SELECT vnstream_seek(0, NULL)', qr/must not be null\nHINT/, 'NULL');
fails("SELECT vnstream_seek(-1, 'end')", qr/no partition -1\nHINT/, 'partition -1');
fails("BEGIN READ ONLY; SELECT vnstream_seek(0, 'end')", qr/read-only transaction/, 'a transaction that may change nothing');

# ---- a partition that was never consumed

sql('SELECT vnstream_create_topic()');
produce_more(0, 1000);
produce_more(1, 500);
fails("SELECT vnstream_seek(2, 'end')", qr/no partition 2\nHINT:  Its partitions are 0 to 1/, 'an unknown partition');
fails("SELECT vnstream_seek(0, '1001')", qr/does not have offset 1001\nHINT:  It has offsets from 0, and 1000 will be its next/, 'behind the end');
fails("SELECT vnstream_seek(NULL, '501')", qr/partition 1 .*does not have offset 501/, 'behind the end of one of all');
is(sql('SELECT count(*) FROM vnstream_positions'), '0', 'a refused call leaves no position');
fails("SELECT vnstream_seek(0, '100')", qr/100 offsets of topic .* not stored would be given up\nHINT:  With accept_loss/, 'forward without leave');
fails("SELECT vnstream_seek(0, '100', NULL)", qr/would be given up/, 'NULL is no leave');
my ($out, $err) = seek_to("0, '100', accept_loss => true", 'SET ROLE operator; ');
is($out, '0|0|100|100|0', 'a position is made, and moved');
like($err, qr/NOTICE:  partition 0 goes on from offset 0 to 100: 100 that are not stored are given up/, 'a notice says so');
is(segments(0), '0-0 0/0/0 f, 0-100 0/0/100 f, 100-100 0/0/0 t', 'the gap is a segment');
start_pipeline($node, 'postgres', 'consumer');
caught_up('from offset 100');
is(sql('SELECT count(*), min(kafka_offset) FROM realtime_quotes WHERE kafka_partition = 0'), '900|100', 'the rest is stored');
is(sql('SELECT count(*) FROM realtime_quotes WHERE kafka_partition = 1'), '500', 'and the other partition');

# ---- backwards, with a consumer that runs

($out, $err) = seek_to("0, '400'");
is($out, '0|1000|400|0|600', 'back by 600');
like($err, qr/NOTICE:  partition 0 goes back from offset 1000 to 400: 600 are read again/, 'a notice says so');
caught_up('back');
is(segments(0), '0-0 0/0/0 f, 0-100 0/0/100 f, 100-1000 900/0/0 f, 400-1000 0/600/0 t', 'all of it are duplicates, counted to the last');
is(sql('SELECT count(*) FROM realtime_quotes'), '1400', 'no row is doubled');

# ---- what was given up can be read after all

($out) = seek_to("NULL, 'beginning'");
is($out, "0|1000|0|0|1000\n1|500|0|0|500", 'all partitions from their beginning');
caught_up('from the beginning');
is(sql('SELECT count(*) FROM realtime_quotes'), '1500', 'what was given up is stored now');
is(sql('SELECT stored, duplicates FROM vnstream_segments WHERE partition = 0 AND closed_at IS NULL'), '100|900', 'the rest are duplicates');

# ---- with the pipeline stopped: back and forth loses nothing, by time, the end

sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
($out) = seek_to("0, '10'");
is($out, '0|1000|10|0|990', 'back');
($out, $err) = seek_to("0, '1000'");
is($out, '0|10|1000|0|0', 'forth over what is stored gives up nothing, and needs no leave');
like($err, qr/NOTICE:  partition 0 goes on from offset 10 to 1000: what is between was read before/, 'a notice says so');
produce_more(0, 50);
fails("SELECT vnstream_seek(0, 'end')", qr/50 offsets of topic/, 'what is not stored yet counts alone');
my $time = sql("SELECT \"timestamp\" FROM vnstream_peek(1, '0:1000')");
($out) = seek_to("0, '$time'");
is($out, '0|1000|1000|0|0', 'to the time of a message');
($out) = seek_to("NULL, '2001-01-01'");
is($out, "0|1000|0|0|1000\n1|500|0|0|500", 'to a time long ago');
fails("SELECT vnstream_seek(0, 'tomorrow')", qr/50 offsets of topic/, 'a time to come is the end');
($out) = seek_to("0, 'end', true");
is($out, '0|0|1050|50|0', 'to the end');

# ---- ROLLBACK undoes it all

my $before = segments(0);
sql("BEGIN; SELECT vnstream_seek(NULL, 'beginning'); SELECT vnstream_seek(NULL, 'end', true); ROLLBACK");
is(segments(0), $before, 'segments as before');
is(position(0), '1050', 'the position too');
sql("BEGIN; SAVEPOINT s; SELECT vnstream_seek(0, 'beginning'); ROLLBACK TO s; COMMIT");
is(position(0), '1050', 'and after ROLLBACK TO');
fails("BEGIN; SELECT vnstream_seek(0, '5'); PREPARE TRANSACTION 'p'", qr/cannot PREPARE/, 'PREPARE TRANSACTION');
sql("BEGIN; SELECT vnstream_seek(0, '7'); SELECT vnstream_seek(0, '0'); COMMIT");
is(position(0), '0', 'twice in one transaction');

# ---- beside a replay, which locks segments in their order

{
	my $holder = $node->background_psql('postgres');
	my $replay = $node->background_psql('postgres', on_error_stop => 0);
	my $seeker = $node->background_psql('postgres', on_error_stop => 0);
	my $waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')";

	is(sql("SELECT string_agg(partition::text, '' ORDER BY segment) FROM vnstream_segments WHERE closed_at IS NULL"), '10', 'the segments are the other way round');
	$holder->query_safe('BEGIN; SELECT FROM vnstream_segments WHERE closed_at IS NULL AND partition = 1 FOR NO KEY UPDATE');
	$replay->query_until(qr/begun/, "\\echo begun\nSELECT segment FROM vnstream_segments WHERE closed_at IS NULL ORDER BY segment FOR NO KEY UPDATE;\n");
	query_until($node, 'postgres', $waits, '1', 'a replay waits');
	$seeker->query_until(qr/begun/, "\\echo begun\nBEGIN; SELECT count(*) FROM vnstream_seek(NULL, '1'); ROLLBACK;\n");
	query_until($node, 'postgres', $waits, '2', 'a seek behind it');
	$holder->query_safe('ROLLBACK');
	$_->query('SELECT 1') for $replay, $seeker;
	unlike("$replay->{stderr}$seeker->{stderr}", qr/deadlock/, 'neither has to give way');
	$_->quit for $holder, $replay, $seeker;
}

# ---- a log that is shorter than the position: the topic was made anew

{
	my $again = new_topic();

	sql("ALTER DATABASE postgres SET vnstream.topic = '$again'");
	sql('SELECT vnstream_create_topic(partitions => 1)');
	produce(broker_address(), $again, [ ('{}') x 8 ], '-p', '0');
	sql("SELECT vnstream_seek(0, '3', true)");
	sql("UPDATE vnstream_positions SET next_offset = 500 WHERE topic = '$again'");
	sql("UPDATE vnstream_segments SET next_offset = 500, gaps = 497 WHERE topic = '$again' AND closed_at IS NULL");
	($out) = seek_to("0, 'end'");
	is($out, '0|500|8|0|0', 'to the end of a shorter log');
	is(sql("SELECT opened_because FROM vnstream_segments WHERE topic = '$again' AND closed_at IS NULL"), 'log truncated', 'which is recorded');
	($out) = seek_to("0, '2'");
	is($out, '0|8|2|0|6', 'back in it');
	fails("SELECT vnstream_seek(0, '8')", qr/6 offsets of topic/, 'what was read of the log before does not count');
	sql("ALTER DATABASE postgres SET vnstream.topic = '$topic'");
	sql("DELETE FROM vnstream_positions WHERE topic = '$again'; DELETE FROM vnstream_segments WHERE topic = '$again'");
}

# ---- under load

sql("SELECT vnstream_start('consumer')");
caught_up('before the load');
is(sql('SELECT count(*) FROM realtime_quotes'), '1550', 'all is stored');
produce_more(0, 30_000);
my $restarts = 0;
my $given_up = 0;
for my $round (1 .. 6)
{
	my $session = $node->background_psql('postgres');
	my $old = position(0);
	my $to = $round % 2 ? int($old / 2) : $old;

	# while it is not committed, nothing is stored behind its back
	$session->query_safe('SET client_min_messages = warning');
	$session->query_safe('BEGIN');
	my $moved = $session->query_safe("SELECT from_offset || ' ' || lost FROM vnstream_seek(0, '$to', true)");
	my ($from, $lost) = split / /, $moved;

	is(position(0), $from, "round $round: moved from where it is");
	sleep 0.3;
	is(position(0), $from, "round $round: and stands still until COMMIT") if $round == 1;
	$given_up += $lost;
	$session->query_safe($round == 6 ? 'ROLLBACK' : 'COMMIT');
	$session->quit;
	produce_more(0, 1000);
	sleep 0.5;
}
is($given_up, '0', 'backwards only: nothing was given up');
caught_up('under load');
is(sql('SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)) FROM realtime_quotes'), '37550|37550',
	'every message is one row');

# forwards, in the middle of it
sql("SELECT vnstream_stop('consumer')");
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
produce_more(0, 20_000);
sql("SELECT vnstream_start('consumer')");
($out) = seek_to("0, '50000', true");
my (undef, $from, $to, $lost) = split /\|/, $out;
is($lost, 50_000 - $from, "exactly what is not stored is given up ($lost)");
caught_up('forwards under load');
is(sql('SELECT count(*) FROM realtime_quotes'), 57_550 - $lost, 'and all else is stored');
is(sql("SELECT string_agg(gaps::text, ' ' ORDER BY segment DESC) FROM vnstream_segments WHERE opened_because LIKE 'passed over%' AND from_offset = $from AND next_offset = 50000"),
	$lost, 'and recorded') if $lost > 0;

# ---- a broker that hangs, and none

my $own = start_broker();
my $own_topic = new_topic();

sub state
{
	return sql("SELECT json_agg(p ORDER BY partition) FROM vnstream_positions p WHERE topic = '$own_topic'")
	  . sql("SELECT json_agg(s ORDER BY segment) FROM vnstream_segments s WHERE topic = '$own_topic'");
}

sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
sql("ALTER DATABASE postgres SET vnstream.brokers = '" . broker_address($own) . "'; ALTER DATABASE postgres SET vnstream.topic = '$own_topic'");
sql('SELECT vnstream_create_topic(partitions => 2)');
produce(broker_address($own), $own_topic, [ ('{}') x 8 ], '-p', $_) foreach 0, 1;
seek_to("NULL, '3', accept_loss => true");
my $state = state();
like($state, qr/"next_offset":3\b.*"next_offset":3\b/s, 'a topic with a broker of its own');

broker_command($own, 'pause');
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query("SET statement_timeout = '1s'");
$session->query("SELECT * FROM vnstream_seek(NULL, '5', accept_loss => true)");
like($session->{stderr}, qr/canceling statement due to statement timeout/, 'frozen: it can be canceled');
is($session->query('SELECT 40 + 2'), '42', 'after which the session answers');
is(state(), $state, 'and nothing has moved');
fails("SELECT vnstream_seek(0, '5', accept_loss => true)", qr/within 10000 ms by .*\nHINT:  Check vnstream.brokers/s, 'frozen: it ends by itself');
is(state(), $state, 'and nothing has moved');
broker_command($own, 'resume');
$session->query('RESET statement_timeout');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_peek(5)', '5', 'the broker is back');
is($session->query("BEGIN; SELECT * FROM vnstream_seek(0, '5', accept_loss => true); ROLLBACK"), '0|3|5|2|0', 'and the same session can seek');
$session->quit;

broker_command($own, 'kill');
fails("SELECT vnstream_seek($_, 'beginning')", qr/within 10000 ms by .*refused.*\nHINT:  Check vnstream.brokers/s, "gone: vnstream_seek($_)") foreach 0, 'NULL';
is(state(), $state, 'and nothing has moved');

done_testing();
