# VnstreamStore: what the tests of src/store share: a server with the extension
# of test/modules/store_test, and its scripts (script.c).
#
# That extension is built where that is possible, and never installed: a server
# looks for its files beside its real path, so these tests run a copy of the
# installed one.
package VnstreamStore;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw($node $now %all script sql refused message create_database wait_until);

our $node;

# A moment, and a quote in which every field is known.
our $now = '2026-08-04T11:29:58.104512+07:00';
our %all = (
	price => '60000.5', volume => '200', total_volume => '9007199254740991',
	change => '-800', change_percent => '-1.3157894736842106',
	ceiling_price => '65000', floor_price => '56600', reference_price => '60800',
	highest_price => '60900', lowest_price => '59900', bid_price => '60000', ask_price => '60100',
	open_price => '60700', total_value => '112620000000.25',
	match_time => '"2026-08-04T11:29:57+07:00"', match_side => '"b"',
	source_time => '"2026-08-04T04:29:57.5Z"', trading_date => '"2026-08-04"',
	session => '"LO"', exchange => '"HOSE"', source => '"vci"',
	bid_volume => '0', bid_price_2 => '59900', bid_volume_2 => '2', bid_price_3 => '59800', bid_volume_3 => '3',
	ask_volume => '4', ask_price_2 => '60200', ask_volume_2 => '5', ask_price_3 => '60300', ask_volume_3 => '6',
	foreign_buy_volume => '7', foreign_sell_volume => '8', foreign_buy_value => '9.5', foreign_sell_value => '10.5',
	foreign_room => '11', put_through_volume => '12', put_through_value => '13.5', listed_shares => '9007199254740991');

my $module = $ENV{VNSTREAM_STORE_TEST}
  || abs_path(dirname(__FILE__) . '/../modules/store_test');

sub _copy_server
{
	my $tree = PostgreSQL::Test::Utils::tempdir();
	my %dir;

	for my $name (qw(bindir pkglibdir sharedir))
	{
		$dir{$name} = `pg_config --$name`;
		chomp $dir{$name};
		system_or_bail('mkdir', '-p', dirname("$tree$dir{$name}"));
	}
	system_or_bail('cp', '-a', $dir{bindir}, "$tree$dir{bindir}");
	for my $name (qw(pkglibdir sharedir))
	{
		system_or_bail('mkdir', '-p', "$tree$dir{$name}");
		system_or_bail('cp', '-rs', "$dir{$name}/.", "$tree$dir{$name}");
	}
	system_or_bail('cp', "$module/vnstream_store_test.so", "$tree$dir{pkglibdir}");
	system_or_bail('cp', "$module/vnstream_store_test.control",
		"$module/vnstream_store_test--1.0.sql", "$tree$dir{sharedir}/extension");
	return $tree . dirname($dir{bindir});
}

# Starts the server, $node.  Its time zone and date style are not those that
# anything may depend on.
sub start_server
{
	my ($name) = @_;

	system_or_bail('make', '-s', '-C', $module) if -w $module;
	BAIL_OUT("run \"make -C $module\" first")
	  unless -e "$module/vnstream_store_test.so";

	$node = PostgreSQL::Test::Cluster->new($name, install_path => _copy_server());
	$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
	$node->append_conf(
		'postgresql.conf', q(
fsync = off
max_worker_processes = 20
timezone = 'America/New_York'
datestyle = 'SQL, DMY'
log_min_messages = warning
));
	$node->start;
	return;
}

# What the commands answer; see script.c.
sub script
{
	my ($database, $commands) = @_;
	return $node->safe_psql($database, "SELECT store_test(\$script\$$commands\$script\$)");
}

sub sql
{
	my ($database, $text) = @_;
	return $node->safe_psql($database, "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; $text");
}

# The error, with its SQLSTATE, of statements that must fail.
sub refused
{
	my ($database, $text) = @_;
	my ($out, $err);
	$node->psql($database, "\\set VERBOSITY verbose\n$text",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	return $err;
}

# A message; further fields as pairs of name and JSON.
sub message
{
	my ($ticker, $time, %fields) = @_;
	return '{"ticker":"' . $ticker . '","time":"' . $time . '"'
	  . join('', map { ",\"$_\":$fields{$_}" } sort keys %fields) . '}';
}

sub create_database
{
	my ($name, $options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name " . ($options // ''));
	$node->safe_psql($name,
		'CREATE EXTENSION vnstream_store_test; SELECT store_test_ensure()');
	return;
}

sub wait_until
{
	my ($database, $condition) = @_;
	$node->poll_query_until($database, "SELECT $condition") or BAIL_OUT("never true: $condition");
	return;
}

1;
