# What says nothing new is not published: judged against what is in the outbox
# or went through it, not against what Kafka has acknowledged so far.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator();
# Kafka is away for all of this test
my $node = new_server(
	'unchanged',
	vci_url => "$simulator->{url}api/",
	symbols => 'VCB',
	interval => '3600s',
	heartbeat => '900s');

# The counts of a sweep after the price was set.
sub sweep_at
{
	my ($price) = @_;

	simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => $price }) if defined $price;
	my $sweep = $node->safe_psql('postgres', 'SELECT vnstream_sweep()');
	query_until($node, 'postgres', "SELECT answered FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '1', 'a sweep ends');
	return $node->safe_psql('postgres', "SELECT waiting, unchanged FROM vnstream_sweeps WHERE sweep = $sweep");
}

simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => 60000 });
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
$node->safe_psql('postgres', "SELECT vnstream_start('producer')");
query_until($node, 'postgres', 'SELECT waiting, unchanged FROM vnstream_sweeps WHERE ended IS NOT NULL', '1|0', 'the first quote waits for Kafka');
is(sweep_at(60100), '1|0', 'another price is new');
is(sweep_at(60000), '1|0', 'the price before it is new again, though Kafka has neither');
is(sweep_at(undef), '0|1', 'the same again is not');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET vnstream.heartbeat = 0');
query_until($node, 'postgres', "SELECT waiting FROM vnstream_sweeps WHERE ended IS NOT NULL ORDER BY sweep DESC LIMIT 1", '1', 'heartbeat = 0 publishes always');

done_testing();
