# The audit: it is balanced through everything that may happen, and says so when
# something was lost.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $broker = start_broker();
my $address = broker_address($broker);
my $simulator = start_simulator();
my $topic = new_topic();
my $node = new_server('audit', brokers => $address, vci_url => "$simulator->{url}api/", symbols => 'VN30', interval => '1s',
	server => { restart_after_crash => 'on' });

# One database with consumers only, whose messages are the test's, and one with
# the whole pipeline.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->safe_psql('postgres', 'CREATE DATABASE whole');
$node->safe_psql('postgres', "ALTER DATABASE plain SET vnstream.topic = '$topic'");
$node->safe_psql('postgres', "ALTER DATABASE whole SET vnstream.topic = '$topic-whole'");
broker_command($broker, 'topics', '--create', '--topic', $topic, '--partitions', 1);

sub sql { return $node->safe_psql('plain', shift) }

# Rows and notices of an audit, without sweeps; the statement before it is part
# of its transaction, which is rolled back.
sub audit
{
	my ($deep, $before, $columns) = @_;
	my ($code, $out, $err) = $node->psql('plain',
		"BEGIN; " . ($before // '') . "; SELECT " . ($columns // 'account, total, delivered, repeated, refused, gaps, pending, difference, in_kafka, missing')
		  . " FROM vnstream_audit(" . ($deep ? 'true' : '') . "); ROLLBACK");

	# numbers have holes after a crash
	my %numbers = map { $_ => 1 } $out =~ /segment (\d+)/g;
	my @numbers = sort { $a <=> $b } keys %numbers;
	my %rank = map { $numbers[$_] => $_ + 1 } 0 .. $#numbers;
	$out =~ s/segment (\d+)/segment $rank{$1}/g;
	$out =~ s/\Q$topic\E/T/g;
	$err =~ s/\Q$topic\E/T/g;
	return ($out, $err);
}

sub quote
{
	my ($n, $price) = @_;

	return sprintf '{"ticker":"T%d","time":"2026-08-04T10:%02d:%02d+07:00","price":%d}', $n % 10, $n / 60, $n % 60, $price // 10_000 + $n;
}

sub caught_up
{
	is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', shift);
	return;
}

sub stop_consumer
{
	sql("SELECT vnstream_stop()");
	is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'the consumer has stopped');
	return;
}

note 'nothing yet';
sql('CREATE EXTENSION vnstock_stream');
is_deeply([ audit(0) ], [ '', '' ], 'an audit of nothing is empty');
is_deeply([ (audit(1))[0] ], [ '' ], 'a deep one too');

note 'a load with all that there is';
produce($address, $topic, [ map { quote($_) } 0 .. 199 ]);
produce($address, $topic, [ map { quote($_) } 100 .. 104 ]);
produce($address, $topic, [ 'rubbish', quote(7, 99_999) ]);
produce($address, $topic, [ map { quote($_) } 200 .. 202 ], '-X', 'transactional.id=' . $topic);
produce($address, $topic, [ map { quote($_) } 203 .. 212 ]);
start_pipeline($node, 'plain', 'consumer');
caught_up('all is stored');
my $balanced = 'T/0 segment 1|221|213|5|2|1|0|0|[0,221)|';
is((audit(0))[0], $balanced, 'rows, duplicates, dead letters and a control record add up to the end in Kafka');
is_deeply([ audit(1) ], [ "$balanced\{}", '' ], 'and offset by offset');

note 'what was done behind its back';
my $deleted = 'DELETE FROM realtime_quotes WHERE kafka_offset IN (42, 150)';
is((audit(0, $deleted))[0], $balanced, 'the counts do not know of a deleted row');
is_deeply([ audit(1, $deleted, 'difference, missing') ], [ '2|{[42,43),[150,151)}', '' ], 'the deep audit names its offset exactly');
is((audit(1, 'DELETE FROM realtime_quotes WHERE kafka_offset = 100', 'difference, missing'))[0],
	'1|{[100,101)}', 'and that of the row, where its duplicate is in Kafka too');
is((audit(1, 'TRUNCATE realtime_quotes', 'difference'))[0], '213', 'all rows');
is((audit(0, 'DELETE FROM vnstream_dead_letters WHERE kafka_offset = 205', 'difference'))[0], '1', 'a letter that was deleted by hand');
is((audit(1, "SELECT FROM vnstream_purge_dead_letters('0'); $deleted", 'refused, difference, missing'))[0],
	'2|2|{[42,43),[150,151)}', 'letters that were purged are none that are missing');
is((audit(1, "SELECT FROM vnstream_purge_dead_letters('0')", 'refused, difference, missing'))[0], '2|0|{}', 'purged alone is balanced');
is((audit(1, 'UPDATE realtime_quotes SET kafka_partition = -1, kafka_offset = -1 WHERE kafka_offset = 5', 'difference, missing'))[0],
	'0|{}', 'a quote that came by another way too is not missing');
is((audit(0, 'UPDATE vnstream_positions SET next_offset = 200', 'total, pending, difference'))[0], '221|21|21', 'a position moved back by hand');
is((audit(0, 'UPDATE vnstream_positions SET next_offset = 230', 'total, pending, difference'))[0], '230|0|9', 'and one moved on');
is((audit(0, 'DELETE FROM vnstream_positions', 'account, difference'))[0], 'T/0 segment 1|221', 'and one deleted');
is((audit(0, 'DELETE FROM vnstream_segments', 'account, total, difference'))[0],
	"T/0 in no segment|221|221\ndead letters in no segment|0|2", 'a segment deleted');
is((audit(0, "UPDATE vnstream_segments SET cluster_id = 'other'; UPDATE vnstream_positions SET cluster_id = 'other'", 'pending, difference, in_kafka'))[0],
	'|0|', 'another cluster\'s partition is not compared with these brokers');
like((audit(0, "UPDATE vnstream_segments SET cluster_id = 'other'; UPDATE vnstream_positions SET cluster_id = 'other'"))[1],
	qr/NOTICE:  partition 0 of topic "T" was read from another Kafka cluster, other\nDETAIL:/, 'and it says so');

note 'a replay, and a crash of the server';
sql("UPDATE vnstream_dead_letters SET value = convert_to('" . quote(300) . "', 'UTF8') WHERE kafka_offset = 205");
is(sql("SELECT * FROM vnstream_replay_dead_letters('form')"), '1|1|0|0', 'a letter becomes a row');
$balanced = 'T/0 segment 1|221|214|5|1|1|0|0|[0,221)|';
is((audit(1))[0], "$balanced\{}", 'balanced after it');
$node->kill9;
# its children need a moment to see that it is gone
ok(wait_for(sub { system_log('pg_ctl', '-s', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start') == 0 }, 'a start'),
	'the server starts again');
$node->_update_pid(1);
is((audit(1))[0], "$balanced\{}", 'and after kill -9 of the server');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'the consumer is back');
produce($address, $topic, [ map { quote($_) } 400 .. 409 ]);
caught_up('more is stored');
is((audit(1, '', 'total, delivered, difference, missing'))[0], '231|224|0|{}', 'balanced again');

note 'read once more';
stop_consumer();
sql('DELETE FROM realtime_quotes WHERE kafka_offset IN (42, 150)');
is((audit(1, '', 'difference, missing'))[0], '2|{[42,43),[150,151)}', 'two rows are missing');
sql('UPDATE vnstream_positions SET next_offset = 140');
start_pipeline($node, 'plain', 'consumer');
caught_up('the end is reached again');
is((audit(1, '', 'account, total, delivered, repeated, refused, gaps, difference, missing'))[0],
	"T/0 segment 1|231|224|5|1|1|1|{[42,43)}\nT/0 segment 2|91|1|88|1|1|0|{}", 'what was read again is there again, and counted once');
stop_consumer();
sql('UPDATE vnstream_positions SET next_offset = 236');
produce($address, $topic, [ map { quote($_) } 410 .. 419 ]);
start_pipeline($node, 'plain', 'consumer');
caught_up('from behind a hole');
is((audit(1, '', 'account, total, delivered, difference, missing'))[0],
	"T/0 segment 1|231|224|1|{[42,43)}\nT/0 segment 2|91|1|0|{}\nT/0 segment 3|5|5|0|{}\nT/0 in no segment|5|0|5|{[231,236)}",
	'offsets that were jumped over are in no segment');
like((audit(0, 'DELETE FROM vnstream_segments WHERE segment = (SELECT min(segment) FROM vnstream_segments)', 'account, difference, missing'))[0],
	qr/^T\/0 in no segment\|140\|\{\[0,140\)\}\nT\/0 in no segment\|5\|/m, 'those of a first segment that was deleted too');

note 'retention';
my $records = PostgreSQL::Test::Utils::tempdir() . '/records.json';
append_to_file($records, qq({"partitions": [{"topic": "$topic", "partition": 0, "offset": 190}], "version": 1}));
broker_command($broker, 'delete-records', '--offset-json-file', $records);
my ($out, $err) = audit(1, '', 'account, difference, in_kafka, missing');
like($out, qr/^T\/0 segment 1\|1\|\[190,231\)\|\{\[42,43\)\}\n/, 'old offsets are known as long as there are no other candidates among them');
($out, $err) = audit(1, 'DELETE FROM realtime_quotes WHERE kafka_offset BETWEEN 60 AND 62;'
	  . ' UPDATE vnstream_segments SET stored = stored - 1, duplicates = duplicates + 1 WHERE segment = 1', 'account, difference, missing');
like($out, qr/^T\/0 segment 1\|3\|\{\}\n/, 'else only how many');
like($err, qr/NOTICE:  segment 1: 3 of these 4 offsets are missing, and Kafka does not tell which: \{\[42,43\),\[60,63\)\}/, 'and which may be');
is((audit(0, 'UPDATE vnstream_positions SET next_offset = 150', 'pending, difference'))[0] =~ /^51\|\d+$/m ? 1 : 0, 1,
	'what is gone before it was read is not pending');

note 'the topic made anew';
stop_consumer();
broker_command($broker, 'topics', '--delete', '--topic', $topic);
wait_for(sub { (audit(0))[1] =~ /NOTICE:  topic "T" is not compared with Kafka: it does not exist there/ }, 'the topic is gone');
($out, $err) = audit(0, '', 'account, pending, difference');
like($err, qr/it does not exist there/, 'a topic that is gone is told');
like($out, qr/^T\/0 segment 3\|\|0$/m, 'and nothing known to be pending');
broker_command($broker, 'topics', '--create', '--topic', $topic, '--partitions', 1);
is((audit(0, '', "account, pending, difference, in_kafka"))[0] =~ /^T\/0 segment 3\|0\|241\|empty$/m ? 1 : 0, 1, 'an end before the position is a difference');

sql("ALTER DATABASE plain SET vnstream.on_lost_offsets = 'continue'");
produce($address, $topic, [ map { quote($_) } 500 .. 509 ]);
start_pipeline($node, 'plain', 'consumer');
query_until($node, 'plain', 'SELECT count(*) FROM realtime_quotes WHERE price >= 10500', '10', 'the new log is read');
like((audit(1, '', 'account, total, delivered, pending, difference, in_kafka, missing'))[0],
	qr/^T\/0 segment 1\|231\|224\|0\|1\|\|\{\}\n.*^T\/0 segment 4\|10\|10\|0\|0\|\[0,10\)\|\{\}$/ms,
	'in a segment of its own; Kafka is not asked about those of the old log');
is((audit(1, "DELETE FROM realtime_quotes WHERE kafka_offset = 3 AND price >= 10500", 'account, difference, missing'))[0] =~ /^T\/0 segment 4\|1\|\{\[3,4\)\}$/m ? 1 : 0, 1,
	'and a row of the old log does not stand for one of the new');
stop_consumer();

note 'sweeps';
start_pipeline($node, 'whole');
is($node->safe_psql('whole', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
query_until($node, 'whole', 'SELECT count(*) >= 22 FROM vnstream_sweeps WHERE ended IS NOT NULL', 't', 'some sweeps', 120);
is($node->safe_psql('whole', 'SELECT * FROM vnstream_audit() WHERE difference <> 0'), '', 'sweeps and segments add up while all is going on');
is($node->safe_psql('whole', 'SELECT * FROM vnstream_audit(true) WHERE difference <> 0'), '', 'offset by offset too');
is($node->safe_psql('whole', "SELECT count(*) FILTER (WHERE account ~ '^sweep '), count(*) FILTER (WHERE account = 'earlier sweeps' AND total = delivered + repeated + refused + pending) FROM vnstream_audit()"),
	'20|1', 'twenty sweeps, and the sum of those before');
is($node->safe_psql('whole', "BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT sum(total) = (SELECT sum(answered) FROM vnstream_sweeps) FROM vnstream_audit() WHERE account ~ 'sweep'; COMMIT"),
	't', 'all sweeps are in it');

note 'Kafka does not answer';
broker_command($broker, 'pause');
$node->safe_psql('whole', 'SELECT vnstream_sweep()');
query_until($node, 'whole', 'SELECT count(*) > 0 FROM vnstream_outbox', 't', 'quotes wait');
my $start = time;
($out, $err) = audit(0, '', 'account, pending, difference');
like($err, qr/NOTICE:  topic "T" is not compared with Kafka: .*\nHINT:/, 'a frozen broker is told');
like($out, qr/^T\/0 segment 4\|\|0$/m, 'and the tables are audited');
my $session = $node->background_psql('plain', on_error_stop => 0);
$session->query_until(qr/begun/, "\\echo begun\nSELECT * FROM vnstream_audit(true);\n");
$node->poll_query_until('plain', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ 'vnstream_audit.true' AND state = 'active' AND pid <> pg_backend_pid()");
is(sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT . FROM vnstream_audit.true' AND pid <> pg_backend_pid()"), 't', 'one that waits');
$session->query('SELECT 1');
like($session->{stderr}, qr/canceling statement/, 'can be cancelled');
$session->quit;
broker_command($broker, 'resume');
broker_command($broker, 'stop');
like((audit(0))[1], qr/NOTICE:  topic "T" is not compared with Kafka: /, 'so is one that is gone');
is((audit(1, 'DELETE FROM realtime_quotes WHERE kafka_offset = 60', 'account, difference'))[0] =~ /^T\/0 segment 1\|2$/m ? 1 : 0, 1,
	'without Kafka a deep audit still counts');
like((audit(1, "INSERT INTO vnstream_segments (cluster_id, topic, epoch, partition, from_offset, next_offset, gaps, opened_because, opened_at, updated_at, closed_at)
	SELECT cluster_id, 'another', 1, partition, 0, 5, 5, 'first claim', now(), now(), now() FROM vnstream_segments LIMIT 1"))[1],
	qr/NOTICE:  several topics or clusters .*\nDETAIL:  For example "another" and "T", partition 0/s, 'topics that share offsets are told');

is($node->safe_psql('whole', "SELECT sum(difference) FROM vnstream_audit()"), '0', 'what waits in the outbox is in the account');
my $lost = $node->safe_psql('whole', 'SELECT sum(cardinality(tickers)) FROM vnstream_outbox');
like($node->safe_psql('whole', "BEGIN; DELETE FROM vnstream_outbox; SELECT sum(difference), bool_and(account ~ '^sweep ') FROM vnstream_audit() WHERE difference <> 0; ROLLBACK"),
	qr/^\d+\|t$/, 'an outbox row that was deleted is a difference of its sweep');
like($node->safe_psql('whole', "BEGIN; DELETE FROM vnstream_sweeps WHERE waiting > 0; SELECT sum(difference) > 0 FROM vnstream_audit() WHERE account ~ '^sweep '; ROLLBACK"),
	qr/^t$/, 'so are messages of a sweep that was deleted');

note 'rights and arguments';
$node->safe_psql('plain', 'CREATE ROLE watcher LOGIN IN ROLE pg_monitor; CREATE ROLE nobody LOGIN');
($err) = ($node->psql('plain', 'SET ROLE nobody; SELECT * FROM vnstream_audit()'))[2];
like($err, qr/permission denied for function vnstream_audit/, 'nothing for everybody');
is($node->safe_psql('plain', 'SET ROLE watcher; SELECT count(*) > 0 FROM vnstream_audit(true)'), 't', 'for pg_monitor, deep too');
($err) = ($node->psql('plain', 'SELECT * FROM vnstream_audit(NULL)'))[2];
like($err, qr/deep must not be null\nHINT:/, 'NULL');
$node->stop;
done_testing();
