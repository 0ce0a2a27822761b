# VnstreamMarket: what the tests of stored quotes share: a server without Kafka
# whose realtime_quotes has the month of the captures, and quotes for it.
package VnstreamMarket;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PostgreSQL::Test::Utils;
use VnstreamTest;

our @EXPORT = qw($node market_server sql refused fixture tape add_quotes add_sweeps);

our $node;
my $offset = 0;

# August 2026 and the settings given; workers are kept down.
sub market_server
{
	my ($name, %settings) = @_;

	$node = new_server($name, enabled => 'off', interval => '60s', heartbeat => '15min', %settings,
		server => { timezone => 'America/New_York', fsync => 'off' });
	$node->safe_psql('postgres', q{
		CREATE EXTENSION vnstock_stream;
		SELECT vnstream_start();
		CREATE TABLE realtime_quotes_2026_07 PARTITION OF realtime_quotes
			FOR VALUES FROM ('2026-07-01 00:00+07') TO ('2026-08-01 00:00+07');
		CREATE TABLE realtime_quotes_2026_08 PARTITION OF realtime_quotes
			FOR VALUES FROM ('2026-08-01 00:00+07') TO ('2026-09-01 00:00+07')});
	return;
}

# Times are told as on a clock in Vietnam.
sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres',
		"SET TimeZone = 'Asia/Ho_Chi_Minh'; SET DateStyle = 'ISO'; $text");
}

# The error, with its SQLSTATE and hint, of a statement that must fail; or notices.
sub refused
{
	my ($text) = @_;
	my ($out, $err);
	$node->psql('postgres', "\\set VERBOSITY verbose\nSET TimeZone = 'Asia/Ho_Chi_Minh';\n$text",
		stdout => \$out, stderr => \$err);
	return $err;
}

sub fixture
{
	my ($path) = @_;
	return JSON::PP::decode_json(
		PostgreSQL::Test::Utils::slurp_file("$VnstreamTest::root/test/fixtures/$path"));
}

# The captured session of VCB, trade by trade, in order: {time (of the capture),
# match_time, price, volume, total_volume, total_value}; times as text.
sub tape
{
	my @trades = map {
		my $time = $_->{t} =~ s/:(\d\d)$/.$1/r;
		my ($day) = split ' ', $time;
		{
			time => "$time+07", match_time => "$day $_->{FT}+07", price => $_->{FMP}, volume => $_->{FV},
			total_volume => $_->{AVO}, total_value => $_->{AVA}
		}
	} @{ fixture('kbs/trade_history_VCB_full_session.json')->{data} };

	return sort { $a->{total_volume} <=> $b->{total_volume} } @trades;
}

# Rows of realtime_quotes: hashes of columns; ticker and exchange may be left out.
sub add_quotes
{
	my (@quotes) = @_;

	while (my @some = splice(@quotes, 0, 1000))
	{
		my $rows = JSON::PP::encode_json([
			map {
				{
					ticker => 'VCB', exchange => 'HOSE', source => 'vci', kafka_partition => 0,
					kafka_offset => $offset++, created_at => '2026-08-01', %$_
				}
			} @some ]);
		$node->safe_psql('postgres',
			"INSERT INTO realtime_quotes SELECT * FROM jsonb_populate_recordset(NULL::realtime_quotes, \$rows\$$rows\$rows\$)");
	}
	return;
}

# Sweeps of 10 symbols that took 2 s, from one time to another; further columns by name.
sub add_sweeps
{
	my ($from, $to, $step, %columns) = @_;
	my %row = (asked => 10, answered => 10, unchanged => 10, trigger => "'interval'", source => "'vci'", %columns);
	my @names = sort keys %row;

	sql("INSERT INTO vnstream_sweeps (requested, started, ended, " . join(', ', @names) . ")"
		. " SELECT t, t, t + interval '2 s', " . join(', ', map { $row{$_} } @names)
		. " FROM generate_series('$from'::timestamptz, '$to', '$step') t");
	return;
}

1;
