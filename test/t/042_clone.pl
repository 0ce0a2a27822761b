# Two servers produce to one topic: a copy of a server that was started beside it,
# and a server of its own.  Both see it and say so, the younger gives way; a
# standby that takes over, and a topic read once more, are no second producer.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', '40', '--unknown', '0');
my $topic = new_topic();

# A second producer counts for twelve intervals where they are as short as these.
my %settings = (
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '1s');
my $original = new_server('original', init => { allows_streaming => 1 }, %settings);

sub sweeps
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL');
}

# So many more sweeps from now on.
sub sweeps_go_on
{
	my ($node, $name) = @_;
	my $count = sweeps($node) + 3;

	return query_until($node, 'postgres', "SELECT count(*) >= $count FROM vnstream_sweeps WHERE ended IS NOT NULL", 't', $name);
}

sub health_is
{
	my ($node, $expected, $name) = @_;

	return query_until($node, 'postgres', 'SELECT status FROM vnstream_health()', $expected, $name)
	  || diag($node->safe_psql('postgres', 'SELECT * FROM vnstream_health()'));
}

# Is it failed for a second producer that calls itself so?
sub sees
{
	my ($node, $other, $does, $name) = @_;

	return query_until($node, 'postgres',
		"SELECT status, reasons[1] ~ '^a second producer, $other, publishes to this topic, last seen at [0-9:]{8}; this one, the $does:"
		  . " stop one of the two; on a copy of this server set vnstream.enabled = off\$' FROM vnstream_health()",
		'failed|t', $name)
	  || diag($node->safe_psql('postgres', 'SELECT * FROM vnstream_health()'));
}

sub stop_producer
{
	my ($node) = @_;

	$node->safe_psql('postgres', "SELECT vnstream_stop('producer')");
	return query_until($node, 'postgres', q{SELECT state FROM vnstream_status() WHERE worker = 'producer'},
		'stopped', $node->name . ': its producer is stopped');
}

# While nobody produces: all of Kafka is a row, once, and what a row is of does
# not depend on who stored it.
sub check_all_is_stored
{
	my ($when, @nodes) = @_;
	my $rows = "SELECT count(*), count(DISTINCT (ticker, time)), count(DISTINCT (kafka_partition, kafka_offset)),"
	  . " md5(string_agg((to_jsonb(q) - 'created_at')::text, '' ORDER BY kafka_partition, kafka_offset)) FROM realtime_quotes q";
	my $total = 0;

	$total += kcat('-Q', '-b', broker_address(), '-t', "$topic:$_:-1") =~ /offset (\d+)/ ? $1 : 0 foreach 0, 1;
	my %copies;
	foreach my $node (@nodes)
	{
		my $name = $node->name;

		is($node->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', "$when: $name has caught up");
		like(my $copy = $node->safe_psql('postgres', $rows), qr/^$total\|$total\|$total\|/, "$when: $name has every message once");
		is(account($node, 'postgres'), '', "$when: $name: the account is exact");
		is($node->safe_psql('postgres', 'SELECT sum(duplicates), sum(gaps), (SELECT count(*) FROM vnstream_outbox) FROM vnstream_segments'),
			'0|0|0', "$when: $name has met no message twice, nor does one wait");
		$copies{$copy} = 1;
	}
	is(keys %copies, 1, "$when: all copies are the same");
	return;
}

start_pipeline($original);
sweeps_go_on($original, 'the original sweeps');
health_is($original, 'ok', 'and is well');

# ---- a copy of it is started beside it

$original->backup('copy');
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($original, 'copy');
my $node_name = $original->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()') . '/postgres/';
$clone->start;
sees($clone, "a copy of this server, node $node_name", 'younger, pauses its sweeps', 'the copy sees the original, and gives way');
sees($original, "a copy of this server, node $node_name", 'older, goes on', 'the original sees the copy, and goes on');
query_until($_, 'postgres', q{SELECT state, waiting_for ~ '^an administrator: a second producer' FROM vnstream_status() WHERE worker = 'producer'},
	'failed|t', $_->name . ': the state of its producer says so')
  foreach $clone, $original;

query_until($clone, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NULL', '0', 'the copy ends what it had begun');
my $made = sweeps($clone);
$clone->safe_psql('postgres', 'SELECT vnstream_sweep()');
sweeps_go_on($original, 'the original sweeps');
health_is($original, 'ok', 'and is well again, as the copy is quiet');
is(sweeps($clone), $made, 'which has made no sweep, not even the one that was asked for');
sees($clone, "a copy of this server, node $node_name", 'younger, pauses its sweeps', 'and still says why');

# ---- the older one ends: the other goes on by itself, each has stored all

stop_producer($original);
sweeps_go_on($clone, 'the original produces no more: the copy sweeps');
health_is($clone, 'ok', 'and is well');
is($original->safe_psql('postgres', 'SELECT status FROM vnstream_health()'), 'ok', 'who only consumes has nothing to say of it');
stop_producer($clone);
check_all_is_stored('copied', $original, $clone);
foreach my $node ($clone, $original)
{
	my $log = slurp_file($node->logfile);
	my $told = () = $log =~ /WARNING:.*producer.*: a second producer, a copy of this server, node .*\n.*HINT:.*vnstream\.enabled = off/g;
	my $gone = () = $log =~ /LOG:.*producer.*: no second producer has been seen for 12 s/g;

	is("$told $gone", '1 1', $node->name . ': its log has it once, and once that it is over');
}

# ---- enabled = off keeps the copy quiet; what it had published is no alarm

$clone->safe_psql('postgres', "SELECT vnstream_start('producer')");
$clone->append_conf('postgresql.conf', 'vnstream.enabled = off');
$clone->reload;
is($clone->safe_psql('postgres', "SELECT vnstream_wait('stopped', '60 s')"), 't', 'enabled = off: the copy is stopped');
$original->safe_psql('postgres', "SELECT vnstream_start('producer')");
sweeps_go_on($original, 'the original produces again');
health_is($original, 'ok', 'and is well');
my $quiet = $clone->safe_psql('postgres', 'SELECT status, reasons FROM vnstream_health()');
like($quiet, qr/^degraded\|.*vnstream\.enabled is off/, 'the copy is quiet, and says why');
$clone->stop;

# ---- a standby takes over from an original that is gone, and reads all again

$original->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($original, 'standby', has_streaming => 1);
$standby->start;
$original->wait_for_catchup($standby);
$original->stop('immediate');
$standby->promote;
query_until($standby, 'postgres', q{SELECT state FROM vnstream_status() WHERE worker = 'producer'}, 'running', 'a standby is promoted, and produces');
$standby->safe_psql('postgres', "SELECT vnstream_seek(0, 'beginning'), vnstream_seek(1, 'beginning')");
sweeps_go_on($standby, 'its sweeps go on');
query_until($standby, 'postgres', "SELECT sum(duplicates) > 300 FROM vnstream_segments", 't', 'it has read the topic from the beginning');
is($standby->safe_psql('postgres', 'SELECT status, reasons FROM vnstream_health()'), 'ok|{}', 'and is well');
unlike(slurp_file($standby->logfile), qr/a second producer/, 'nor was it ever said to be not');

# ---- another server, of its own

my $second = new_server('second', %settings);
start_pipeline($second);
sees($second, "node $node_name", 'younger, pauses its sweeps', 'another server sees the first, and gives way');
my $second_name = $second->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()') . '/postgres/';
sees($standby, "node $second_name", 'older, goes on', 'the first sees the other one');
stop_producer($second);
stop_producer($standby);
is($second->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'it has caught up');
is($standby->safe_psql('postgres', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'so has the first');
my $all = "SELECT count(*), md5(string_agg((to_jsonb(q) - 'created_at')::text, '' ORDER BY kafka_partition, kafka_offset)) FROM realtime_quotes q";
is($second->safe_psql('postgres', $all), $standby->safe_psql('postgres', $all), 'each has stored a full copy');
is(account($second, 'postgres'), '', 'the account of the second is exact');

done_testing();
