# A new library and an old script, or the other way round: workers touch nothing,
# say what is to be done, and go on by themselves when it is.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $simulator = start_simulator('--symbols', 60, '--unknown', 0);
my $topic = new_topic();
my $node = new_server('old_script', brokers => broker_address(), topic => $topic,
	vci_url => "$simulator->{url}api/", interval => '1s');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# As ALTER EXTENSION … UPDATE leaves it: the version in the catalog, and whoever
# watches extensions is told that this one was altered.
sub set_version
{
	my ($version) = @_;

	sql("BEGIN; UPDATE pg_extension SET extversion = '$version' WHERE extname = 'vnstock_stream';"
		  . ' ALTER EXTENSION vnstock_stream ADD FUNCTION probe(); ALTER EXTENSION vnstock_stream DROP FUNCTION probe(); COMMIT');
	return;
}
my $states = "SELECT string_agg(DISTINCT state || ': ' || waiting_for, '; ') FROM vnstream_status() WHERE worker IN ('producer', 'consumer 1')";

my $version = sql("SELECT default_version FROM pg_available_extensions WHERE name = 'vnstock_stream'");

# ---- found at the start

sql("CREATE EXTENSION vnstock_stream; CREATE FUNCTION probe() RETURNS int LANGUAGE sql AS 'SELECT 1'");
set_version('0.0.9');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT vnstream_start()');
like($err, qr/ERROR:.*is of version 0\.0\.9, the library of version \Q$version\E\nHINT:  ALTER EXTENSION vnstock_stream UPDATE\./, 'nothing is started by an old script');
set_version($version);
sql('SELECT vnstream_start()');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'by the right one it is');

# ---- while the workers are at it

ok(wait_for(sub { return sql('SELECT count(*) > 100 FROM realtime_quotes') eq 't' }, 'quotes'), 'quotes come in');
set_version('0.0.9');
query_until($node, 'postgres', $states, 'failed: an administrator: ALTER EXTENSION vnstock_stream UPDATE.', 'a script that is old suddenly stops the workers, who say what to do');
my $before = sql('SELECT max(next_offset), (SELECT max(sweep) FROM vnstream_sweeps), (SELECT count(*) FROM realtime_quotes) FROM vnstream_positions');
my ($sweep) = $before =~ /\|(\d+)\|/;
is(sql('SELECT status, bool_and(r ~ \'is of version 0.0.9\') FROM vnstream_health(), unnest(reasons) r GROUP BY 1'), 'failed|t', 'health, too');
like(slurp_file($node->logfile), qr/is of version 0\.0\.9, the library of version.*\n.*HINT:  ALTER EXTENSION vnstock_stream UPDATE\./, 'and the log');
produce(broker_address(), $topic, [ '{"ticker":"QQQ9","time":"2026-08-04T10:00:00+07:00","price":7030}' ]);
foreach my $call ("vnstream_seek(0, '0')", 'vnstream_restart()', 'vnstream_sweep()', 'vnstream_replay_dead_letters()', "vnstream_purge_dead_letters('1 s')", 'vnstream_audit()')
{
	($code, $out, $err) = $node->psql('postgres', "SELECT $call");
	like($err, qr/is of version 0\.0\.9.*\nHINT:  ALTER EXTENSION vnstock_stream UPDATE\./, "$call is refused");
}
is(sql("SELECT result, detail FROM vnstream_check() WHERE name = 'versions'"), "failed|the script is of version 0.0.9, the library of version $version", 'vnstream_check() works, and tells it');
is(sql('SELECT script, library FROM vnstream_version()'), "0.0.9|$version", 'and vnstream_version()');
is(sql('SELECT max(next_offset), (SELECT max(sweep) FROM vnstream_sweeps), (SELECT count(*) FROM realtime_quotes) FROM vnstream_positions'), $before, 'nothing was touched meanwhile');

# ---- put right

set_version($version);
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes WHERE ticker = \'QQQ9\'', '1', 'by the right one they go on');
ok(wait_for(sub { return sql("SELECT max(sweep) > $sweep FROM vnstream_sweeps") eq 't' }, 'a sweep'), 'both of them');
set_version('0.0.9');
query_until($node, 'postgres', $states, 'failed: an administrator: ALTER EXTENSION vnstock_stream UPDATE.', 'they wait again');
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped', '30 s')"), 't', 'stopping works with any script');
set_version($version);
sql('SELECT vnstream_start()');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'started again');

# ---- the library is the old one

set_version('99.0');
query_until($node, 'postgres', $states, 'failed: an administrator: Install version 99.0 on this server and restart it.', 'an old library says what to install');
set_version($version);
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'and they go on when it is there');
sql("SELECT vnstream_wait('caught up', '60 s')");
is(account($node, 'postgres'), '', 'the account is exact');

done_testing();
