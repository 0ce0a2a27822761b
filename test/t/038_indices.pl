# Indices: the producer asks KBS for their minutes beside its sweeps, and what
# comes gets into vnstream_index_quotes, value for value.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $day = 86400;
my $simulator = start_simulator('--symbols', '20');
my $node = new_server('indices',
	brokers => broker_address(),
	topic => new_topic(),
	sources => 'vci, kbs',
	vci_url => "$simulator->{url}api/",
	kbs_url => "$simulator->{url}iis-server/investment/",
	interval => '1h',
	symbols => 'VCB',
	indices => 'VNINDEX, VN30, NONE9, HNXINDEX, UPCOMINDEX',
	server => { timezone => 'Asia/Ho_Chi_Minh' });

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub set
{
	my ($name, $value) = @_;

	sql("ALTER DATABASE postgres SET vnstream.$name = '$value'");
	return;
}

# What the service tells of an index since a time, in seconds: start => values.
sub served
{
	my ($index, $since) = @_;
	my ($first, $last) = map { strftime('%d-%m-%Y', gmtime($_ + 7 * 3600)) } $since, time();
	my $response = HTTP::Tiny->new->get("$simulator->{url}iis-server/investment/index/$index/data_1P?sdate=$first&edate=$last");

	return map { $_->{t} => join('|', map { $_ + 0 } @$_{qw(o h l c v)}) } @{ decode_json($response->{content})->{data_1P} };
}

sub stored
{
	my ($index) = @_;

	return map { my ($starts, $values) = split(/\|/, $_, 2); $starts => $values } split(/\n/, sql(
		qq{SELECT to_char(starts, 'YYYY-MM-DD HH24:MI'), open, high, low, close, volume
		FROM vnstream_index_quotes WHERE index_name = '$index' AND source = 'kbs'}));
}

sub asked
{
	my ($index) = @_;

	return scalar(grep { index($_->{path}, "/index/$index/") >= 0 } @{ simulator_get($simulator, 'requests')->{requests} });
}

my $began = time();
start_pipeline($node);
query_until($node, 'postgres', q{SELECT string_agg(DISTINCT index_name, ' ' ORDER BY index_name) FROM vnstream_index_quotes},
	'HNXINDEX UPCOMINDEX VN30 VNINDEX', 'the indices come in');

foreach my $index (qw(VNINDEX HNXINDEX))
{
	my %served = served($index, $began - 5 * $day);
	my %stored = stored($index);
	my ($from, $until) = map { strftime('%Y-%m-%d %H:%M', gmtime($_ + 7 * 3600)) } $began - 4 * $day + 600, $began;
	my @due = grep { $_ ge $from && $_ lt $until } keys %served;

	cmp_ok(scalar(@due), '>', 300, "$index has the minutes of a session at least");
	is_deeply([ grep { !exists $stored{$_} } @due ], [], "$index: each minute of the last days is stored");
	is_deeply({ map { $_ => $stored{$_} } keys %stored }, { map { $_ => $served{$_} } keys %stored }, "$index: as the service told it");
}
like(sql(q{SELECT message FROM vnstream_log(50, 'producer', 'warning')}),
	qr/^source kbs has no minutes of index NONE9; does vnstream\.indices name it right\?$/m, 'one that the source does not know is told');
is(sql('SELECT count(*) FROM vnstream_index_quotes WHERE value IS NOT NULL'), '0', 'a value that nobody told is unknown');

# A start asks for the last days again, and changes only what is not so
my $row = q{(index_name, starts) = (SELECT 'VN30', min(starts) FROM vnstream_index_quotes WHERE index_name = 'VN30')};
my $others = "SELECT md5(string_agg(i::text, chr(10) ORDER BY index_name, starts)) FROM vnstream_index_quotes i WHERE index_name <> 'VN30' AND is_finished AND starts < now() - interval '1 hour'";
my $before = sql($others);
my $truth = sql("SELECT close FROM vnstream_index_quotes WHERE $row");
my $times = asked('UPCOMINDEX');
sql("UPDATE vnstream_index_quotes SET close = open, high = open, low = open, is_finished = false WHERE $row");
sql(q{SELECT vnstream_restart('producer')});
ok(wait_for(sub { asked('UPCOMINDEX') > $times }, 'another round'), 'the producer asks again after its start');
is(sql($others), $before, 'what is so stays as it was, also when it was fetched');

# Answers that are of no use cost only themselves
simulator_post($simulator, 'chart', { symbol => 'VNINDEX', body => '<html>Just a moment...</html>' });
simulator_post($simulator, 'chart', { symbol => 'VN30', body => '{"symbol":"HNXINDEX","data_1P":[]}' });
my $now = strftime('%Y-%m-%d', gmtime(time() - $day + 7 * 3600));
simulator_post($simulator, 'chart', { symbol => 'HNXINDEX', body => qq({"symbol":"HNXINDEX","data_1P":[)
	  . qq({"t":"$now 08:01","o":"262.10","h":263,"l":262,"c":262.5,"v":"17","va":4200000},)
	  . qq({"t":"$now 08:02","o":262,"h":261,"l":262,"c":262,"v":1},{"t":"$now 08:03","o":262,"h":262,"l":262,"c":262,"v":-1}]}) });
sql(q{SELECT vnstream_restart('producer')});
query_until($node, 'postgres', qq{SELECT open, high, low, close, volume, value, is_finished FROM vnstream_index_quotes
	WHERE index_name = 'HNXINDEX' AND starts = '$now 08:01'}, '262.1|263|262|262.5|17|4200000|t', 'a good minute among bad ones is stored', 120);
is(sql(qq{SELECT count(*) FROM vnstream_index_quotes WHERE starts IN ('$now 08:02', '$now 08:03')}), '0', 'the bad ones are not');
my $log = sql(q{SELECT string_agg(message, chr(10)) FROM vnstream_log(50, 'producer', 'error')});
like($log, qr/^index HNXINDEX: 2 bars rejected: the bar of .* (low 262 is above high 261|volume -1 is not between)/m, 'they are told');
like($log, qr/^source kbs, index VNINDEX: .*web page instead of JSON/m, 'a page in the place of an answer');
like($log, qr/^source kbs, index VN30: the answer is of "HNXINDEX", VN30 was asked for/m, 'an answer for another index');
my $sweep = sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT ended IS NOT NULL, answered FROM vnstream_sweeps WHERE sweep = $sweep", 't|1', 'sweeps go on');

# None
simulator_post($simulator, 'chart', { clear => JSON::PP::true });
set('indices', '');
$times = asked('VNINDEX');
query_until($node, 'postgres', q{SELECT bool_and(in_use) FROM vnstream_settings() WHERE name = 'vnstream.indices'}, 't', 'the producer goes by the setting');
$sweep = sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT ended IS NOT NULL FROM vnstream_sweeps WHERE sweep = $sweep", 't', 'a sweep later');
is(asked('VNINDEX'), $times, 'nothing was asked');

# In a long holiday there are no minutes of the last days, of whichever index
sql(q{INSERT INTO vnstream_holiday_overrides (day, is_holiday, name)
	SELECT current_date - n, true, 'a long holiday' FROM generate_series(-1, 6) n});
$times = asked('VN30');
set('indices', 'NONE8, VN30');
sql(q{SELECT vnstream_restart('producer')});
ok(wait_for(sub { asked('NONE8') > 0 && asked('VN30') > $times }, 'both are asked for'), 'indices are asked for in a holiday too');
unlike(sql(q{SELECT string_agg(message, chr(10)) FROM vnstream_log(50, 'producer', 'warning')}), qr/index NONE8/, 'none is suspected of a wrong name then');

sql('CREATE ROLE stranger; CREATE ROLE watcher IN ROLE pg_monitor');
my ($code, undef, $err) = $node->psql('postgres', 'SET ROLE stranger; SELECT FROM vnstream_index_quotes');
like($err, qr/permission denied for table vnstream_index_quotes/, 'not for strangers');
is(sql('SET ROLE watcher; SELECT count(*) > 0 FROM vnstream_index_quotes'), 't', 'a watcher looks');
$node->stop;
done_testing();
