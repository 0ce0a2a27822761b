# Kafka comes back: the worker that hears of it first lets the others try at
# once, however long they would have backed off.  And what is told when it goes.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

# A back-off that this test looks for is longer than the other one by so much.
my $margin = 6;

my $broker = start_broker();
my $simulator = start_simulator('--symbols', 300, '--unknown', '0');
my $node = new_server(
	'recovery',
	brokers => broker_address($broker),
	topic => new_topic(),
	vci_url => "$simulator->{url}api/",
	interval => '3600s');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# When each worker that backs off tries again, in seconds from now; 0: it is
# trying, or has yet to begin.  The clock goes around at midnight.
my $left = q{coalesce(extract(epoch FROM substring(waiting_for FROM 'backing off until (\d\d:\d\d:\d\d)$')::time - localtime)::int, 0)};
my $retries = "SELECT worker, left_s FROM (SELECT worker, CASE WHEN s < -43200 THEN s + 86400 ELSE greatest(s, 0) END AS left_s FROM (SELECT worker, $left AS s FROM vnstream_status() WHERE worker <> 'launcher') a) b";

broker_command($broker, 'pause');
sql("CREATE EXTENSION vnstock_stream; SELECT vnstream_start('producer')");
query_until($node, 'postgres', "SELECT errors >= 3 FROM vnstream_status() WHERE worker = 'producer'", 't',
	'the producer has met a broker that is frozen, and backs off longer and longer');
sql("SELECT vnstream_start('consumer')");

my $announced;
ok( wait_for(
		sub {
			my $found = sql("SELECT p.left_s >= c.left_s + $margin AND c.errors >= 2, date_trunc('second', now()) + p.left_s * interval '1 s' "
				  . "FROM ($retries) p, (SELECT r.*, errors FROM ($retries) r JOIN vnstream_status() USING (worker)) c "
				  . "WHERE p.worker = 'producer' AND c.worker = 'consumer 1'");
			(my $is_found, $announced) = split /\|/, $found;
			return ($is_found // '') eq 't';
		},
		'a producer that waits for longer', 180),
	'the producer is to try again after the consumer') or diag(sql('SELECT * FROM vnstream_status()'));
broker_command($broker, 'resume');
query_until($node, 'postgres', "SELECT state FROM vnstream_status() WHERE worker = 'producer'", 'running', 'the broker comes back, and the producer runs');
note("announced: $announced, running since: " . sql("SELECT since FROM vnstream_status() WHERE worker = 'producer'"));
is(sql("SELECT since < '$announced' FROM vnstream_status() WHERE worker = 'producer'"), 't', 'before the time that it had announced');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'what it fetched meanwhile is stored');
is(account($node, 'postgres'), '', 'the account is exact');

# ---- it hangs: whoever backs off has said why

broker_command($broker, 'pause');
my $paused = sql('SELECT now()');
sql('SELECT vnstream_sweep()');
my $state = '';
ok( wait_for(
		sub { $state = sql("SELECT state, last_error_at > '$paused', last_error FROM vnstream_status() WHERE worker = 'producer'"); $state =~ /^backing off/ },
		'a producer that backs off'),
	'the producer gets no acknowledgement, and says so');
like($state, qr/^backing off\|t\|Kafka has not acknowledged within 10 s/, 'with the reason');

# ---- it dies: once is enough

broker_command($broker, 'kill');
my $address = broker_address($broker);
query_until($node, 'postgres', "SELECT count(DISTINCT worker) FROM vnstream_log(1000, level => 'error') WHERE message ~ '^Kafka: .*$address.*Connection refused\$' AND time > '$paused'",
	'2', 'both workers tell that nobody is there any more');
query_until($node, 'postgres', "SELECT max(time) < now() - interval '2 s' FROM vnstream_log(1000) WHERE message ~ 'Disconnected'", 't', 'a while after it was gone');
my $log = sql('SELECT worker, level, repeated, message FROM vnstream_log(1000)');
unlike($log, qr/librdkafka: .*(?:Connection refused|Disconnected)/, 'as an error, and not as a line of librdkafka\'s log too')
  or diag($log);
unlike($log, qr/\(after \d+ms in state|Timed out 0 in-flight/, 'nothing is told that says nothing to people')
  or diag($log);
note($log);

done_testing();
