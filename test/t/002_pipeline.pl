# The main job: the whole market from the source, through Kafka, into the table.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator();
my $topic = new_topic();
my $node = new_server(
	'pipeline',
	brokers => broker_address(),
	topic => $topic,
	vci_url => "$simulator->{url}api/",
	partitions => 2);

# another schema than public, with a name that needs quotes
$node->safe_psql('postgres',
	'CREATE SCHEMA "Market data"; CREATE EXTENSION vnstock_stream SCHEMA "Market data"');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET search_path = "Market data", public');
start_pipeline($node);
query_until($node, 'postgres',
	'SELECT count(*) >= 2 FROM vnstream_sweeps WHERE ended IS NOT NULL',
	't', 'two sweeps of the whole market have ended');
$node->safe_psql('postgres', "SELECT vnstream_stop('producer')");
query_until($node, 'postgres',
	"SELECT pid IS NULL FROM vnstream_status() WHERE worker = 'producer'", 't', 'the producer stops alone');
is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');

is(account($node, 'postgres'), '', 'the account is exact');
is($node->safe_psql('postgres',
		'SELECT count(*) > 1500 FROM (SELECT FROM realtime_quotes GROUP BY ticker HAVING count(*) >= 2) t'),
	't', 'more than 1,500 tickers are stored twice');
is($node->safe_psql('postgres',
		'SELECT sum(published) = (SELECT count(*) FROM realtime_quotes) FROM vnstream_sweeps'),
	't', 'stored = published');
is($node->safe_psql('postgres',
		'SELECT bool_and(missing = 5 AND asked = 1616 AND error IS NULL) FROM vnstream_sweeps WHERE error IS NULL'),
	't', 'symbols that the board does not know are counted as missing');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_dead_letters'), '0', 'no dead letters');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_outbox'), '0', 'the outbox is empty');

done_testing();
