# 100,000 good messages, in every compression, with each pill at a random place
# among them; transactions that are committed and aborted; and a damaged message:
# the good ones are stored, the dead letters are just the pills.
use strict;
use warnings;

use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use VnstreamPills;
use VnstreamTest;

my $seed = $ENV{VNSTREAM_SEED} // time() % 1_000_000;
srand($seed);
note("VNSTREAM_SEED=$seed makes the same random choices again");

my $good = 100_000;
my $broker = start_broker();
my $address = broker_address($broker);
my $topic = new_topic();
my $node = new_server('pills', brokers => $address, topic => $topic);

sub sql { return $node->safe_psql('postgres', $_[0]); }

my $number = 0;

sub good_message
{
	my $n = $number++;
	my $ticker = sprintf('T%03d', $n % 400);

	return "$ticker\t" . sprintf('{"ticker":"%s","time":"2026-08-04T%02d:%02d:%02d.%03d+07:00","price":%d,"volume":100}',
		$ticker, 9 + $n / 3_600_000, $n / 60_000 % 60, $n / 1000 % 60, $n % 1000, 10_000 + $n % 500);
}

sub publish
{
	my ($lines, @options) = @_;
	my $text = join('', map { "$_\n" } @$lines);
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'kcat', '-P', '-b', $address, '-t', $topic, '-p', 0, '-K', "\t", '-X', 'message.max.bytes=2000000', @options ],
		'<', \$text, '>', \$out, '2>', \$err)
	  or die "kcat could not publish: $out$err";
	return;
}

# ---- the messages, in their order: an offset each

my %reason;    # by offset
my @pills = map { [ @$_ ] } pills();
push @pills, [ 'no bytes', '', qr/empty/ ], [ 'more than a message may have', 'y' x 100_000, qr/long/ ];
my %pill_at;
while (@pills)
{
	my $place = int rand $good;
	$pill_at{$place} = shift @pills unless $pill_at{$place};
}
my @lines;
foreach my $place (0 .. $good - 1)
{
	if (my $pill = $pill_at{$place})
	{
		$reason{ scalar @lines } = $pill->[2];
		push @lines, "PILL\t$pill->[1]";
	}
	push @lines, good_message();
}

# Codecs by turns, several batches of each; tombstones between them, which are a
# call of their own.
my @codecs = shuffle(('none', 'gzip', 'snappy', 'lz4', 'zstd') x 2);
my $per_codec = int(@lines / @codecs) + 1;
my $offset = 0;
my %expected;
my $at = 0;
sql('CREATE EXTENSION vnstock_stream');
start_pipeline($node, 'postgres', 'consumer');
foreach my $codec (@codecs)
{
	my @some = splice(@lines, 0, $per_codec);

	publish(\@some, '-z', $codec, '-X', 'linger.ms=50');
	foreach (@some) { $expected{ $offset } = $reason{$at} if $reason{$at}; $at++; $offset++; }
	publish(["TOMBSTONE\t"], '-Z');
	$expected{ $offset++ } = qr/tombstone/;
}
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions', $offset, "all $offset messages are passed", 180);
is(sql('SELECT count(*), count(DISTINCT (ticker, time)) FROM realtime_quotes'), "$good|$good", 'every good message is a row, once');
is(sql('SELECT string_agg(kafka_offset::text, \' \' ORDER BY kafka_offset) FROM vnstream_dead_letters'),
	join(' ', sort { $a <=> $b } keys %expected), 'the dead letters are exactly the pills');
my %told = map { split /\|/, $_, 2 } split /\n/, sql('SELECT kafka_offset, translate(reason, E\'\n\', \' \') FROM vnstream_dead_letters');
my @wrong = grep { ($told{$_} // '') !~ $expected{$_} } keys %expected;
is(join('; ', map { "$_: $told{$_}" } @wrong), '', 'each for its own reason');
is(sql('SELECT count(*) FROM (SELECT time < lag(time) OVER (ORDER BY kafka_offset) AS is_back FROM realtime_quotes) o WHERE is_back'), '0', 'the rows are in order');
is(sql('SELECT sum(duplicates), sum(gaps) FROM vnstream_segments'), '0|0', 'nothing else became of any offset');

# ---- transactions: one committed, one whose producer dies, which the next one of
# its name aborts, one committed

my @kcat = ('kcat', '-P', '-b', $address, '-t', $topic, '-p', 0, '-K', "\t", '-X', 'transactional.id=pills', '-X', 'linger.ms=5');

sub in_transaction
{
	my ($lines) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@kcat, '<', \$lines, '>', \$out, '2>', \$err) or die "kcat does not commit: $out$err";
	return;
}

# The end, messages of open transactions included.
sub end
{
	return kcat('-Q', '-b', $address, '-t', "$topic:0:-1", '-X', 'isolation.level=read_uncommitted') =~ /offset (\d+)/ ? $1 : -1;
}
sub good_messages { return join('', map { good_message() . "\n" } 1 .. $_[0]); }

in_transaction(good_messages(100));
ok(wait_for(sub { return end() == $offset + 101 }, 'the end of a transaction'), 'a transaction has a record more than messages');
my $dying = open(my $input, '|-', @kcat) or die "kcat: $!";
$input->autoflush(1);
print $input good_messages(50);
# kcat reads blocks, so the last lines may be missing
ok(wait_for(sub { return end() > $offset + 101 + 30 }, 'an open transaction'), 'one is open');
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions', $offset + 101, 'of which nothing is taken');
kill 'KILL', $dying;
close $input;
my $aborted = end() - $offset - 101;
in_transaction(good_messages(100));
$offset += 101 + $aborted + 1 + 101;
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions', $offset, 'what follows is');
is(sql('SELECT count(*), (SELECT sum(gaps) FROM vnstream_segments) FROM realtime_quotes'), ($good + 200) . '|' . ($aborted + 3),
	'committed messages are rows, aborted ones and control records gaps');

# ---- a message is damaged on the broker's disk

sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '60 s')"), 't', 'stopped');
publish([ $_ ]) foreach good_message(), good_message() =~ s/"volume"/"damaged"/r, good_message();
broker_command($broker, 'stop');
my ($log) = grep { -s $_ } glob("$broker/node-1/log/$topic-0/*.log");
my $bytes = slurp_file($log);
my $place = rindex($bytes, '"damaged"');
cmp_ok($place, '>', 0, 'the message is in the log');
open(my $file, '+<:raw', $log) or die "$log: $!";
sysseek($file, $place + 1, 0) and syswrite($file, 'D') == 1 or die "$log: $!";
close($file);
broker_command($broker, 'start');
sql("SELECT vnstream_start('consumer')");
my $damaged = $offset + 1;
query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'consumer 1'",
	'failed|an administrator: a message in Kafka is damaged', 'a checksum that is wrong stops the consumer', 120);
like(sql("SELECT last_error FROM vnstream_status() WHERE worker = 'consumer 1'"), qr/partition 0\b.*\b$damaged\b/, 'which names the offset');
is(sql('SELECT max(next_offset) FROM vnstream_positions'), $damaged, 'all before it is stored');
is(sql("SELECT lost FROM vnstream_seek(0, '" . ($damaged + 1) . "', accept_loss => true)"), '1', 'an administrator gives it up');
$offset += 3;
query_until($node, 'postgres', 'SELECT max(next_offset) FROM vnstream_positions', $offset, 'and it goes on behind it');
is(sql('SELECT count(*), (SELECT sum(gaps) FROM vnstream_segments) FROM realtime_quotes'), ($good + 202) . '|' . ($aborted + 4), 'the gap is of just that message');
is(account($node, 'postgres'), '', 'the account is exact');
is(sql('SELECT count(*) FROM vnstream_audit(true) WHERE difference <> 0 OR NOT isempty(missing)'), '0', 'and the deep audit')
  or diag(sql('SELECT * FROM vnstream_audit(true)'));

done_testing();
