# Every message of Kafka becomes exactly one row, whatever happens to the
# consumers on the way: killed, crashed, rewound, or two on one partition.
use strict;
use warnings;

use List::Util qw(min shuffle sum);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamTest;

my $seed = $ENV{VNSTREAM_SEED} // time() % 1_000_000;
srand($seed);
note("VNSTREAM_SEED=$seed makes the same random choices again");

# Messages of the old format for each of two partitions, no ticker and time twice.
my $topic = new_topic();
my @produced = (0, 0);

sub produce_to_both
{
	my ($count) = @_;

	foreach my $partition (0, 1)
	{
		open my $kcat, '|-', 'kcat', '-P', '-b', broker_address(), '-t', $topic, '-p', $partition, '-K', '|'
		  or die "kcat: $!";
		foreach my $n ($produced[$partition] .. $produced[$partition] + $count - 1)
		{
			my $ticker = sprintf('T%d%02d', $partition, $n % 100);

			printf $kcat '%s|{"ticker": "%s", "time": "2026-08-04T%02d:%02d:%02d.%06d", "price": %d.0, "volume": 200,'
			  . " \"total_volume\": %d, \"change\": %d.0, \"change_percent\": %f, \"reference_price\": 60000.0}\n",
			  $ticker, $ticker, 9 + $n / 3_600_000, $n / 60_000 % 60, $n / 1000 % 60, $n % 1000,
			  60_000 + $n % 1000, 200 + $n, $n % 1000, $n % 1000 / 600;
		}
		close $kcat or die "kcat: $?";
		$produced[$partition] += $count;
	}
	return;
}

# restart_after_crash: PostgreSQL's test servers have it off
my $node = new_server(
	'exactly_once',
	brokers => broker_address(),
	topic => $topic,
	partitions => 2,
	consumers => 2,
	batch_size => 50,
	server => { restart_after_crash => 'on' });
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub stored { return sql('SELECT coalesce(sum(next_offset), 0) FROM vnstream_positions'); }
sub pids { return split /\n/, sql("SELECT pid FROM vnstream_status() WHERE worker LIKE 'consumer%' ORDER BY worker"); }

# Wait until that many more messages are stored, but no longer than there are
# any, and without the delay of a new session for each look.
sub wait_for_progress
{
	my ($more) = @_;
	my $until = min(stored() + $more, sum(@produced) - 1);

	sql("SET statement_timeout = '120s'; DO \$\$ BEGIN WHILE (SELECT sum(next_offset) FROM vnstream_positions) < $until"
		  . ' LOOP PERFORM pg_sleep(0.001); END LOOP; END $$');
	return $until;
}

# At any moment, in one snapshot: what is before a position is stored, once.
sub check_snapshot
{
	my ($when) = @_;

	is(sql('SELECT count(*) FROM vnstream_positions p'
			. ' JOIN (SELECT partition, sum(stored) AS stored, sum(gaps + duplicates + dead_letters) AS others FROM vnstream_segments GROUP BY 1) s USING (partition)'
			. ' LEFT JOIN (SELECT kafka_partition, count(*) AS rows, count(DISTINCT kafka_offset) AS offsets, max(kafka_offset) AS newest FROM realtime_quotes GROUP BY 1) q'
			. ' ON q.kafka_partition = p.partition'
			. ' WHERE rows IS DISTINCT FROM next_offset OR offsets <> rows OR newest + 1 > next_offset OR stored <> rows OR others <> 0'),
		'0', $when)
	  or diag(sql('SELECT p.partition, p.next_offset, count(*), count(DISTINCT kafka_offset), max(kafka_offset) FROM vnstream_positions p'
			. ' JOIN realtime_quotes q ON kafka_partition = partition GROUP BY 1, 2'));
	return;
}

sub check_end
{
	my ($when) = @_;

	foreach my $partition (0, 1)
	{
		query_until($node, 'postgres', "SELECT next_offset FROM vnstream_positions WHERE partition = $partition",
			$produced[$partition], "$when: partition $partition is stored to its end", 180);
	}
	is(sql('SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)), count(DISTINCT (ticker, time)) FROM realtime_quotes'),
		join('|', (sum @produced) x 3), "$when: each message is one row");
	is(account($node, 'postgres'), '', "$when: the account is exact");
	is(sql('SELECT count(*) FROM vnstream_dead_letters'), '0', "$when: no dead letters");
	return;
}

# What Kafka says is its end.
sub ends
{
	return join(' ', map { kcat('-Q', '-b', broker_address(), '-t', "$topic:$_:-1") =~ /offset (\d+)/ ? $1 : 'none' } 0, 1);
}

# The topic is made by the workers; they are stopped until there is work.
start_pipeline($node, 'postgres', 'consumer');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_positions', '2', 'both partitions are claimed');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'the consumers are stopped');
produce_to_both(100_000);
sql("SELECT vnstream_start('consumer')");
is(sql("SELECT vnstream_wait('running', '120 s')"), 't', 'and started');

# ---- killed and crashed, in the middle of it

my $under_load = 0;
my $round = 0;
foreach my $fault (shuffle(('kill -9') x 14, ('immediate') x 4, ('terminate') x 2))
{
	$round++;
	if ($round == 11)
	{
		$node->append_conf('postgresql.conf', 'synchronous_commit = off');
		$node->reload;
	}
	produce_to_both(10_000) if sum(@produced) - stored() < 20_000;

	my @pids = pids();
	my $pid = $pids[ rand @pids ];
	my @old = $fault eq 'terminate' ? ($pid) : @pids;
	my $at = wait_for_progress(500 + int(rand(9_000)));
	$under_load++ if $at < sum(@produced) - 2_000;
	if ($fault eq 'immediate')
	{
		$node->stop('immediate');
		$node->start;
	}
	elsif ($fault eq 'terminate')
	{
		sql("SELECT pg_terminate_backend($pid)");
	}
	else
	{
		kill 'KILL', $pid or die "consumer $pid is not there to be killed";
	}
	start_until($node, 'postgres', 'consumer',
		"SELECT count(*) FROM vnstream_status() WHERE worker LIKE 'consumer%' AND state = 'running' AND pid NOT IN ("
		  . join(', ', @old) . ')',
		'2', "$fault, round $round: both consumers are there again", 120);
	check_snapshot("$fault, round $round: all before the positions is stored, once");
}
note("$under_load of $round faults in the middle of it");

check_end('killed and crashed');
is(ends(), "@produced", 'what is stored is what Kafka has');

# ---- the generation was raised behind their backs: both are fenced, and claim again

foreach my $attempt (1 .. 3)
{
	my $errors = sql("SELECT sum(errors) FROM vnstream_status()");

	produce_to_both(3_000);
	sql('UPDATE vnstream_positions SET generation = generation + 1');
	produce_to_both(100);
	query_until($node, 'postgres',
		"SELECT sum(errors) - $errors, bool_and(last_error ~ 'is not this worker''s any more' AND state = 'running') FROM vnstream_status() WHERE worker LIKE 'consumer%'",
		'2|t', "fenced, attempt $attempt: both are refused once, and run again");
	check_snapshot("fenced, attempt $attempt: nothing of theirs was stored twice");
}
check_end('fenced');

# ---- two on one partition: the second consumer stands still with messages in
# its hands, the first takes its partition over and leaves it, then the second
# goes on as if nothing had been

my $zombie = (pids())[1];

# Not in a transaction, or its locks would keep the first waiting; nor with one
# of the locks of shared memory that are taken between transactions, where this
# finds no answer.
sub stands_between_batches
{
	my ($code, $out) = $node->psql('postgres',
		"SELECT next_offset, (SELECT count(*) FROM vnstream_status()), (SELECT sum(n_tup_ins) FROM pg_stat_all_tables),"
		  . ' (SELECT sum(xact_commit) FROM pg_stat_database), (SELECT wal_records FROM pg_stat_wal), (SELECT count(*) FROM pg_stat_slru)'
		  . ' FROM vnstream_positions WHERE partition = 1'
		  . " AND NOT EXISTS (SELECT FROM pg_locks WHERE pid = $zombie AND granted AND mode = 'RowExclusiveLock')",
		timeout => 10, timed_out => \my $timed_out);

	return !$timed_out && $out =~ /^(\d+)\|/ && $1 < $produced[1];
}
ok( wait_for(
		sub {
			produce_to_both(3_000);
			do
			{
				sleep 0.001 + rand 0.01;
				kill 'STOP', $zombie;
				return 1 if stands_between_batches();
				kill 'CONT', $zombie;
			} while (sql('SELECT next_offset FROM vnstream_positions WHERE partition = 1') < $produced[1]);
			return 0;
		},
		'the consumer to be between two batches', 180),
	'the second consumer stands still between two batches');
sql('ALTER DATABASE postgres SET vnstream.consumers = 1');
query_until($node, 'postgres', 'SELECT next_offset FROM vnstream_positions WHERE partition = 1', $produced[1],
	'the first stores its partition to the end', 120);
is(worker_pid($node, 'postgres', 'consumer 2'), $zombie, 'while the second is there');
sql('ALTER DATABASE postgres RESET vnstream.consumers');
is(sql("SELECT vnstream_wait('running', '120 s')"), 't', 'and leaves it again');
produce_to_both(1_000);
kill 'CONT', $zombie;
check_end('two on one partition');
query_until($node, 'postgres',
	"SELECT pid, last_error ~ 'is not this worker''s any more', state FROM vnstream_status() WHERE worker = 'consumer 2'",
	"$zombie|t|running", 'the second was refused what it had in its hands, and went on');

# ---- rewound by hand: all is read again and nothing stored again

sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'the consumers are stopped');
sql('UPDATE vnstream_positions SET next_offset = next_offset - 1000');
sql("SELECT vnstream_start('consumer')");
check_end('rewound');
is(sql("SELECT string_agg(format('%s: %s stored, %s duplicates', partition, stored, duplicates), '; ' ORDER BY partition)"
		. " FROM vnstream_segments WHERE opened_because = 'position was changed by hand'"),
	'0: 0 stored, 1000 duplicates; 1: 0 stored, 1000 duplicates', 'what was read again is counted as duplicates');
is(sql('SELECT sum(duplicates), sum(gaps) FROM vnstream_segments'), '2000|0', 'and nothing else ever was');
is(ends(), "@produced", 'what is stored is what Kafka has, to the end');

done_testing();
