# The old deployment's broker: Apache Kafka 3.5.1 with ZooKeeper, which makes
# topics by itself when somebody only mentions them.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $broker = start_broker('--version', '3.5.1', '--zookeeper',
	'--config', 'auto.create.topics.enable=true', '--config', 'num.partitions=1');
my $simulator = start_simulator('--symbols', '200', '--unknown', '0');
my $topic = new_topic();
my $node = new_server(
	'zookeeper',
	brokers => broker_address($broker),
	topic => $topic,
	partitions => 3,
	topic_retention => '48h',
	vci_url => "$simulator->{url}api/",
	interval => '3600s');

# That broker does make topics by itself, and not as the settings say.
my $mentioned = new_topic();
produce(broker_address($broker), $mentioned, [ [ 'k', 'v' ] ]);
like(broker_command($broker, 'topics', '--describe', '--topic', $mentioned), qr/PartitionCount:\s*1\b/,
	'a topic that is only mentioned is made with one partition');

start_pipeline($node);
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT answered FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '200',
	'a second one too');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
is($node->safe_psql('postgres',
		'SELECT sum(published), sum(waiting), sum(missing), count(error), (SELECT count(*) FROM realtime_quotes),'
		  . ' (SELECT count(*) FROM vnstream_dead_letters) FROM vnstream_sweeps'),
	'400|0|0|0|400|0', 'both sweeps are stored');
is(account($node, 'postgres'), '', 'the account is exact');

my $described = broker_command($broker, 'topics', '--describe', '--topic', $topic);
like($described, qr/PartitionCount:\s*3\b/, 'the topic has as many partitions as the setting says');
like($described, qr/\bretention\.ms=172800000\b/, 'and its retention');

# Kafka's own tools see how far the group is.
my $group = $node->safe_psql('postgres', 'SHOW vnstream.group_id');
my $positions = $node->safe_psql('postgres',
	"SELECT string_agg(partition || ' ' || next_offset, ', ' ORDER BY partition) FROM vnstream_positions");
my $seen = '';
ok(wait_for(
		sub {
			my $lines = broker_command($broker, 'groups', '--describe', '--group', $group, '--offsets');

			$seen = join(', ', sort map { /^\S+\s+\Q$topic\E\s+(\d+)\s+(\d+)\s/ ? "$1 $2" : () } split /\n/, $lines);
			return $seen eq $positions;
		},
		'group offsets'),
	'the group\'s offsets in Kafka are the positions')
  or diag("group: $seen; positions: $positions");

done_testing();
