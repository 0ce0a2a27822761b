# Before anything runs: one version everywhere, and what an administrator is
# told who has not preloaded the library or has too few worker slots.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

# One source for the version: the control file.
my $control = slurp_file("$root/vnstock_stream.control");
my ($version) = $control =~ /^default_version = '([^']+)'/m;
my $meta = decode_json(slurp_file("$root/META.json"));

like($version, qr/^\d+\.\d+\.\d+$/, 'the control file has a version');
is($meta->{version}, $version, 'META.json has it');
is($meta->{provides}{vnstock_stream}{version}, $version, 'META.json has it for the extension');
is($meta->{provides}{vnstock_stream}{file}, "sql/vnstock_stream--$version.sql", 'META.json names the script');
ok(-e "$root/sql/vnstock_stream--$version.sql", 'the script is there');

my $node = PostgreSQL::Test::Cluster->new('install');
$node->init;
$node->start;

# Not preloaded: the extension can be made, and says what is missing.
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
is($node->safe_psql('postgres', 'SELECT script, library FROM vnstream_version()'),
	"$version|$version", 'script and library have it');
foreach my $call ('vnstream_start()', 'vnstream_stop()', 'vnstream_restart()', 'vnstream_sweep()',
	"vnstream_wait('running')", 'vnstream_status()', 'vnstream_log()', 'vnstream_health()',
	'vnstream_progress()', 'vnstream_latency()', 'vnstream_settings()', "vnstream_fetch('VCB')",
	'vnstream_brokers()', 'vnstream_topics()', 'vnstream_offsets()', 'vnstream_groups()', 'vnstream_peek()',
	'vnstream_create_topic()', "vnstream_seek(0, 'end')")
{
	my ($code, $out, $err) = $node->psql('postgres', "SELECT * FROM $call");

	isnt($code, 0, "not preloaded: $call fails");
	like($err, qr/not loaded at server start.*HINT:.*postgresql\.conf.*shared_preload_libraries = 'vnstock_stream'/s,
		"not preloaded: $call says which line to add");
}

# vnstream_check() says it too, and which others there are to those alone who may know.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'auto_explain'\nvnstream.brokers = '127.0.0.1:1'");
$node->restart;
$node->safe_psql('postgres', 'CREATE ROLE caller; GRANT EXECUTE ON FUNCTION vnstream_check() TO caller; CREATE ROLE watcher IN ROLE pg_monitor');
my %advice = map { $_ => $node->safe_psql('postgres', "SET ROLE $_; SELECT advice FROM vnstream_check() WHERE name = 'library'") } 'caller', 'watcher';
like($advice{watcher}, qr/shared_preload_libraries = 'auto_explain, vnstock_stream'/, 'vnstream_check() writes the whole line');
is($advice{caller}, 'Add vnstock_stream to shared_preload_libraries in postgresql.conf and restart the server.',
	'and not what the caller may not read');

# Preloaded, but no room for the workers.
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'vnstock_stream'\nmax_worker_processes = 3\nmax_logical_replication_workers = 0");
$node->restart;
ok(wait_for(sub { $node->safe_psql('postgres',
		"SELECT state FROM vnstream_status() WHERE worker = 'launcher'") eq 'running' }, 'launcher'),
	'the launcher runs');
my ($code, $out, $err) = $node->psql('postgres',
	"SET vnstream.consumers = 2; SELECT vnstream_start()");
isnt($code, 0, 'too few worker slots: refused');
like($err, qr/not enough background worker slots: 4 more are needed, \d+ (?:is|are) free/, 'and says how many are needed');
like($err, qr/"max_worker_processes" to at least \d+/, 'and what to set');
my ($needed) = $err =~ /"max_worker_processes" to at least (\d+)/;
is($node->safe_psql('postgres', "SELECT to_regclass('realtime_quotes') IS NULL"), 't', 'nothing was made');

# The number that it named is enough.
$node->append_conf('postgresql.conf',
	"max_worker_processes = $needed\nvnstream.brokers = '127.0.0.1:1'\nvnstream.vci_url = 'https://127.0.0.1:1/'");
$node->restart;
$node->safe_psql('postgres', "ALTER DATABASE postgres SET vnstream.consumers = 2");
$node->safe_psql('postgres', 'SELECT vnstream_start()');
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL", '4',
	'with as many slots as it named, launcher, producer and two consumers have a process');

# No room for one more database.
$node->append_conf('postgresql.conf', "max_worker_processes = 32\nvnstream.max_databases = 1");
$node->restart;
$node->safe_psql('postgres', 'CREATE DATABASE second');
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL", '4', 'up again');
$node->safe_psql('second', 'CREATE EXTENSION vnstock_stream');
($code, $out, $err) = $node->psql('second', 'SELECT vnstream_start()');
isnt($code, 0, 'too many databases: refused');
like($err, qr/1 databases of this server.*"vnstream.max_databases" to at least 2/s, 'and says what to set');

done_testing();
