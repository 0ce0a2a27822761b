# SoakAccount: is all there, once?  From the tables, the feed's ledger and Kafka's
# own log, never from a counter of the extension's.
package SoakAccount;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use SoakFaults;
use SoakWorld;
use VnstreamTest;

our @EXPORT = qw(remember_lost lost_count check_account);

my @lost;

sub remember_lost { push @lost, @_; return; }
sub lost_count { return scalar @lost; }

# A table of (ticker, time, message) from messages; what is no quote has no ticker.
sub load_messages
{
	my ($table, @messages) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir_short() . '/rows';

	append_to_file($file, '');
	open(my $rows, '>', $file) or die "$file: $!";
	foreach my $message (@messages)
	{
		my $quote = eval { decode_json($message) };
		my $text = $message =~ s/([\\\t\n\r])/sprintf('\\x%02x', ord $1)/ger;

		$text = '' if $quote;
		printf $rows "%s\t%s\t%s\n", $quote ? $quote->{ticker} : '\N', $quote ? $quote->{time} : '\N', $text;
	}
	close $rows;
	sql("DROP TABLE IF EXISTS $table; CREATE TABLE $table (ticker text COLLATE \"C\", time timestamptz, message text) TABLESPACE pg_default");
	sql("\\copy $table FROM '$file'");
	sql("CREATE INDEX ON $table (ticker, time) TABLESPACE pg_default; ANALYZE $table");
	return;
}

# Everything that Kafka has now.
sub read_kafka
{
	my @messages;

	open(my $kcat, '-|', 'kcat', '-C', '-q', '-e', '-b', $address, '-t', $topic, '-o', 'beginning', '-f', '%s\n') or die "kcat: $!";
	while (<$kcat>) { chomp; push @messages, $_; }
	close $kcat or die "kcat: $?";
	return @messages;
}

sub check_feed
{
	my ($ledger) = @_;
	my %ranges = (acknowledged => [], unknown => []);

	foreach (split /\n/, slurp_file($ledger))
	{
		my ($fate, $first, $last) = split /\t/;
		push @{ $ranges{$fate} }, $first .. $last;
	}
	foreach my $fate (sort keys %ranges)
	{
		load_messages("feed_$fate", map { message_number($_)->[1] } @{ $ranges{$fate} });
		diag("the feed: " . @{ $ranges{$fate} } . " messages $fate");
	}
	is(sql('SELECT count(*) FROM feed_acknowledged f WHERE ticker IS NOT NULL'
			. ' AND NOT EXISTS (SELECT FROM realtime_quotes q WHERE q.ticker = f.ticker AND q.time = f.time)'
			. ' AND NOT EXISTS (SELECT FROM lost l WHERE l.ticker = f.ticker AND l.time = f.time)'),
		'0', 'each acknowledged message of the feed is a row, or in a recorded gap');
	is(sql("SELECT count(*) FROM realtime_quotes q WHERE ticker ~ '^Z\\d\\d\\d\$' AND source IS NULL"
			. ' AND NOT EXISTS (SELECT FROM feed_acknowledged f WHERE q.ticker = f.ticker AND q.time = f.time)'
			. ' AND NOT EXISTS (SELECT FROM feed_unknown f WHERE q.ticker = f.ticker AND q.time = f.time)'),
		'0', 'and each row of it was published');
	is(sql("SELECT count(*) FROM feed_acknowledged f WHERE ticker IS NULL"
			. " AND NOT EXISTS (SELECT FROM vnstream_dead_letters d WHERE d.value = convert_to(f.message, 'UTF8'))"
			. ' AND NOT EXISTS (SELECT FROM lost l WHERE l.message = f.message)'),
		'0', 'each pill is a dead letter, or in a recorded gap');
	is(sql("SELECT count(*) FROM vnstream_dead_letters d WHERE code <> 'form'"
			. " OR NOT EXISTS (SELECT FROM feed_acknowledged f WHERE d.value = convert_to(f.message, 'UTF8'))"
			. " AND NOT EXISTS (SELECT FROM feed_unknown f WHERE d.value = convert_to(f.message, 'UTF8'))"),
		'0', 'and nothing else is a dead letter')
	  or diag(sql("SELECT code, reason, encode(value, 'escape') FROM vnstream_dead_letters WHERE code <> 'form' LIMIT 10"));
	is(sql('SELECT count(*) - count(DISTINCT value) FROM vnstream_dead_letters'), '0', 'none twice');
	return;
}

sub check_sweeps
{
	is(sql('SELECT count(*), coalesce(sum(waiting), 0) FROM vnstream_outbox, (SELECT sum(waiting) AS waiting FROM vnstream_sweeps) s'
			) =~ /^0\|/ ? 'empty' : 'not empty', 'empty', 'the outbox is empty');
	is(sql('SELECT sum(waiting), count(*) FILTER (WHERE answered <> published + unchanged + rejected + waiting),'
			. ' count(*) FILTER (WHERE ended IS NULL AND started IS NOT NULL) FROM vnstream_sweeps'),
		'0|0|0', 'each sweep has ended, and adds up');
	is(sql("SELECT (SELECT sum(published) FROM vnstream_sweeps)"
			. " = (SELECT count(*) FROM (SELECT ticker, time FROM realtime_quotes WHERE source = 'vci'"
			. "  UNION SELECT ticker, time FROM lost WHERE ticker IS NOT NULL AND ticker !~ '^Z\\d\\d\\d\$') q)"),
		't', 'what sweeps have published are rows, or in a recorded gap, no more and no less')
	  or diag(sql("SELECT sum(published), (SELECT count(*) FROM realtime_quotes WHERE source = 'vci') FROM vnstream_sweeps"));
	return;
}

sub check_kafka
{
	# a broker that is killed may have forgotten up to where messages were deleted
	load_messages('in_kafka', read_kafka());
	is(sql('SELECT count(*) FROM in_kafka k WHERE ticker IS NOT NULL'
			. ' AND NOT EXISTS (SELECT FROM realtime_quotes q WHERE q.ticker = k.ticker AND q.time = k.time)'
			. ' AND NOT EXISTS (SELECT FROM lost l WHERE l.ticker = k.ticker AND l.time = k.time)'),
		'0', 'all that Kafka has is stored');
	is(sql("SELECT count(*) FROM in_kafka k WHERE ticker IS NULL"
			. " AND NOT EXISTS (SELECT FROM vnstream_dead_letters d WHERE d.value = convert_to(k.message, 'UTF8'))"
			. ' AND NOT EXISTS (SELECT FROM lost l WHERE l.message = k.message)'),
		'0', 'or a dead letter');
	# a quote's time is a clock's, which this soak sets back now and then
	is(sql("SELECT count(*) FROM (SELECT ticker, count(*) AS inversions FROM (SELECT ticker, time < lag(time) OVER"
			. " (PARTITION BY ticker, kafka_partition ORDER BY kafka_offset) AS is_back FROM realtime_quotes WHERE source = 'vci') o"
			. " WHERE is_back GROUP BY ticker) i WHERE inversions > $injected{clock_steps_back} * 2"),
		'0', "each ticker's quotes are in order");
	return;
}

sub check_account
{
	my ($ledger) = @_;

	load_messages('lost', @lost);
	check_feed($ledger);
	check_sweeps();
	check_kafka();
	is(account($node, 'postgres'), '', 'the account is exact');
	is(sql('SELECT count(*) FROM vnstream_audit() WHERE difference <> 0'), '0', 'the audit has no difference')
	  or diag(sql('SELECT * FROM vnstream_audit() WHERE difference <> 0'));
	return;
}

1;
