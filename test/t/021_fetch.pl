# vnstream_fetch(): one ticker at the source, for a person. It shows what came,
# whatever came; stores and publishes nothing; and neither holds up a session
# that has enough of it nor outlives one.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use VnstreamTest;

my $canary = 'canary4711';
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'vnstream fetch'";

# A psql of its own, known by its name to others.
my @sessions;
sub background
{
	my ($node, $name, $query) = @_;
	my $session = { name => $name, node => $node, out => '', err => '', began => time() };

	local $ENV{PGAPPNAME} = $name;
	$session->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $query ],
		'<', \undef, '>', \$session->{out}, '2>', \$session->{err});
	push @sessions, $session;
	return $session;
}

# Its exit code; a session that hangs ends the test by IPC::Run's timeout.
sub finish
{
	my ($session) = @_;

	$session->{handle}->finish;
	@sessions = grep { $_ != $session } @sessions;
	$session->{took} = time() - $session->{began};
	return $session->{handle}->result(0);
}

sub fetch
{
	my ($node, $ticker, $database) = @_;
	my ($code, $out, $err) = $node->psql($database // 'postgres',
		"SELECT to_jsonb(f) FROM vnstream_fetch('$ticker') f");

	is($code, 0, "fetch $ticker") or diag($err);
	return { notice => $err, %{ decode_json($out || '{}') } };
}

sub set
{
	my ($node, $name, $value) = @_;

	$node->safe_psql('postgres', "ALTER DATABASE postgres SET vnstream.$name = '$value'");
	return;
}

my $simulator = start_simulator('--unknown', '3');
my $source = "$simulator->{url}api/";

# A budget of one request a minute takes a minute to show; it does beside all
# the rest.
my $polite = new_server('polite', vci_url => $source, requests_per_minute => 1);
$polite->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
my $request = "SELECT status FROM vnstream_fetch('VCB')";
is($polite->safe_psql('postgres', $request), '200', 'the first request of the minute');
my @waiting = map { background($polite, "waits $_", $request) } 1 .. 3;
query_until($polite, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'waits %' AND wait_event_type = 'Extension'",
	'3', 'three more wait for their turn');
is($polite->safe_psql('postgres', $workers), '0', 'without a worker');
$polite->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waits 1'");
isnt(finish($waiting[0]), 0, 'who is canceled');
like($waiting[0]->{err}, qr/canceling statement due to user request/, 'waits no longer');
is(simulator_get($simulator, 'state')->{requests_total}, 1, 'and nobody has asked the source');

my $topic = new_topic();
my $node = new_server(
	'fetch',
	brokers => broker_address(),
	topic => $topic,
	vci_url => $source,
	symbols => 'VCB,FPT,SSI',
	interval => '3600s',
	http_timeout => '30s',
	init => { allows_streaming => 1 });
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');

# Everything that there is to see of a good answer, while nothing runs.
simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => 60000 });
set($node, 'user_agent', 'desk/1.0');
set($node, 'http_headers', "X-Team: $canary");
my $got = fetch($node, 'VCB');
is($got->{status}, 200, 'a good ticker: status');
cmp_ok($got->{duration_ms}, '>', 0, 'duration');
is($got->{url}, "${source}price/symbols/getList", 'URL');
like($got->{headers}, qr{\AHTTP/1\.1 200 OK\n(?:[^\r\n]+\n)*[Cc]ontent-[Tt]ype: application/json[^\r\n]*(?:\n[^\r\n]+)*\z},
	'header lines');
is(decode_json($got->{body} =~ s/[^\0-\x7f]/?/gr)->[0]{listingInfo}{symbol}, 'VCB', 'body');
is($got->{quote}{ticker}, 'VCB', 'the quote');
is($got->{quote}{price}, 60000, 'with its price');
is($got->{quote}{source}, 'vci', 'and its source');
is_deeply([ sort keys %{ $got->{verdicts} } ],
	[ qw(average_price book_crossed change change_percent day_range exchange_time limits_order price_limits price_minimum
		  price_range price_scale ticker_shape time_range value_range volume_listed volume_range volume_total) ],
	'a verdict of each rule');
# whether the book was one of continuous trading depends on the hour
is(join(' ', map { "$_: $got->{verdicts}{$_}" } grep { $_ ne 'book_crossed' && $got->{verdicts}{$_} ne 'ok' } sort keys %{ $got->{verdicts} }),
	'', 'all good');
like($got->{verdicts}{book_crossed}, qr/^(?:ok|not applicable.*)$/, 'also the book\'s');
is($got->{error}, undef, 'no error');
is($got->{notice}, '', 'and nothing is cut');
my $asked = simulator_get($simulator, 'state')->{last_request};
is_deeply(decode_json($asked->{body}), { symbols => ['VCB'] }, 'one ticker was asked for');
is($asked->{headers}{'User-Agent'}, 'desk/1.0', 'with the database\'s user agent');
is($asked->{headers}{'X-Team'}, $canary, 'and its headers');
unlike(join('|', map { $_ // '' } values %$got), qr/$canary/, 'which are not shown');
is($node->safe_psql('postgres', "SET vnstream.vci_url = 'http://127.0.0.1:1/'; SELECT status FROM vnstream_fetch('VCB', 'vci')"),
	'200', 'a SET of the session changes nothing');
is($node->safe_psql('postgres', "BEGIN READ ONLY; SELECT status FROM vnstream_fetch('VCB', NULL)"),
	'200', 'a transaction may be read-only');
is($node->safe_psql('postgres',
		"BEGIN; ALTER DATABASE postgres SET vnstream.vci_url = 'http://127.0.0.1:1/'; SELECT error ~ 'onnect' FROM vnstream_fetch('VCB'); ROLLBACK"),
	't', 'a setting counts as the transaction sees it');

# Rules broken, or with nothing to judge.
simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => 15.47 });
$got = fetch($node, 'VCB');
like($got->{verdicts}{price_minimum}, qr/^price 15\.47 is below 100 VND/, 'a rule that is broken gives its reason');
is($got->{verdicts}{volume_range}, 'ok', 'the others theirs');
is($got->{error}, undef, 'which is no error of the answer');
simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => 0 });
like(fetch($node, 'VCB')->{verdicts}{price_minimum}, qr/^not applicable/, 'a rule without a price to judge says so');
simulator_post($simulator, 'quote', { clear => JSON::PP::true });

# Answers without a quote.
$got = fetch($node, 'ZZZZZ');
is("$got->{status} $got->{body} $got->{error}", '200 [] the source has no row for ZZZZZ', 'a ticker that the source does not have');
is($got->{quote} // $got->{verdicts}, undef, 'has no quote and no verdicts');
my @answers = (
	[ { mode => '403_plain' }, 403, qr/^Forbidden/, qr/refused with status 403/ ],
	[ { mode => '403' }, 403, qr/<html/i, qr/refused with status 403/ ],
	[ { mode => '429', retry_after => 7 }, 429, qr/./, qr/status 429 and the wish to wait 7 s/ ],
	[ { mode => '500' }, 500, qr/^\{/, qr/status 500/ ],
	[ { mode => 'redirect' }, 302, qr//, qr/a redirect/ ],
	[ { mode => 'html' }, 200, qr/</, qr/web page instead of JSON/ ],
	[ { mode => 'truncated' }, 200, qr/^\[/, qr/malformed/ ],
	[ { mode => 'strings' }, 200, qr/"VCB"/, undef ],
	[ { mode => 'badutf8' }, 200, qr/\\x[89a-f][0-9a-f]/, undef ],
	[ { mode => 'hostile' }, 200, qr/H01/, qr/no row for VCB/ ],
	[ { mode => 'cut' }, 200, qr/^\[/, qr/failed: / ]);
foreach my $answer (@answers)
{
	my ($mode, $status, $body, $error) = @$answer;

	simulator_mode($simulator, path => 'getList', %$mode);
	$got = fetch($node, 'VCB');
	is($got->{status}, $status, "$mode->{mode}: status");
	like($got->{headers}, qr{^HTTP/1\.1 $status}, "$mode->{mode}: headers");
	like($got->{body}, $body, "$mode->{mode}: body");
	like($got->{error}, $error, "$mode->{mode}: error") if defined $error;
	is($got->{quote}, undef, "$mode->{mode}: no quote") if defined $error;
	is($got->{notice}, '', "$mode->{mode}: not cut");
}

simulator_mode($simulator, mode => 'ok');
simulator_post($simulator, 'quote', { symbol => 'VCB', raw => { 'matchPrice.matchPrice' => '[1]' } });
$got = fetch($node, 'VCB');
like($got->{error}, qr/^the row of VCB is no quote: .*matchPrice/, 'a row that is no quote says why');
is($got->{quote} // $got->{verdicts}, undef, 'and has neither quote nor verdicts');
simulator_post($simulator, 'quote', { clear => JSON::PP::true });

# What is too much is cut, with a word about it.
simulator_mode($simulator, mode => 'huge', path => 'getList', size => 3 * 1024 * 1024);
$got = fetch($node, 'VCB');
is(length $got->{body}, 1024 * 1024, 'of a body the first megabyte is shown');
like($got->{notice}, qr/NOTICE:  body has the first 1048576 bytes/, 'and the notice says so');
set($node, 'http_max_response', '64kB');
$got = fetch($node, 'VCB');
is(length $got->{body}, 65536, 'no more than http_max_response is read');
like($got->{notice}, qr/NOTICE:  body has the first 65536 bytes/, 'which the notice says');
like($got->{error}, qr/answered with more than 65536 bytes/, 'and the error');
simulator_mode($simulator, mode => 'bomb', path => 'getList');
like(fetch($node, 'VCB')->{error}, qr/answered with more than 65536 bytes/, 'a bomb is unpacked no further');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET vnstream.http_max_response');
simulator_mode($simulator, mode => 'ok');

# Text in the database's encoding: what it lacks is spelled out.
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
$node->safe_psql('latin', 'CREATE EXTENSION vnstock_stream');
is($node->safe_psql('latin',
		"SELECT body ~ (U&'Ng\\00e2n h\\00e0ng Th' || '\\\\u01b0\\\\u01a1ng'), quote->>'ticker' FROM vnstream_fetch('VCB')"),
	't|VCB', 'a database in LATIN1 gets its letters, and the others as \u01b0');

# Addresses that settings forbid, and a source that is not there.
set($node, 'allow_insecure_source', 'off');
$got = fetch($node, 'VCB');
like($got->{error}, qr/must begin with https.*vnstream\.allow_insecure_source/, 'http:// is refused where insecure sources are');
is($got->{status} // $got->{duration_ms} // $got->{body}, undef, 'without a request');
set($node, 'vci_url', "https://127.0.0.1:$simulator->{port}/api/");
like(fetch($node, 'VCB')->{error}, qr/not a public one/, 'and so is an address that is not public');
set($node, 'vci_url', 'http://127.0.0.1:1/api/');
set($node, 'allow_insecure_source', 'on');
$got = fetch($node, 'VCB');
like($got->{error}, qr/^POST .* failed: .*onnect/, 'a source that is not there');
is($got->{url}, 'http://127.0.0.1:1/api/price/symbols/getList', 'the URL is told all the same');
$node->safe_psql('postgres', "ALTER DATABASE postgres RESET vnstream.$_")
  foreach 'vci_url', 'allow_insecure_source';

# Nothing of all this was stored or published, and the pipeline is untouched.
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_sweeps UNION ALL SELECT count(*) FROM vnstream_outbox'),
	"0\n0", 'no sweep and no answer in the outbox');
is($node->safe_psql('postgres', "SELECT to_regclass('realtime_quotes')"), '', 'no table of quotes');
unlike(kcat('-L', '-b', broker_address()), qr/topic "\Q$topic\E"/, 'and no topic');

# Beside a pipeline that runs.
start_pipeline($node);
query_until($node, 'postgres', 'SELECT published FROM vnstream_sweeps WHERE ended IS NOT NULL', '3', 'the first sweep');
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes', '3', 'is stored');
my $before = $node->safe_psql('postgres', "SELECT sum(messages), sum(rows), max(pid) FROM vnstream_status()");
is(fetch($node, 'VCB')->{status}, 200, 'a look while the pipeline runs') for 1 .. 3;
is($node->safe_psql('postgres', "SELECT count(*) FROM vnstream_sweeps UNION ALL SELECT count(*) FROM vnstream_outbox UNION ALL SELECT count(*) FROM realtime_quotes"),
	"1\n0\n3", 'adds nothing');
is($node->safe_psql('postgres', "SELECT sum(messages), sum(rows), max(pid) FROM vnstream_status()"), $before,
	'in the same workers with the same counts');

# Four sessions in front of a source that hangs, and a fifth.
simulator_mode($simulator, mode => 'hang', path => 'getList', count => 5);
my @hanging = map { background($node, "hangs $_", $request) } 1 .. 4;
query_until($node, 'postgres', $workers, '4', 'four looks at once');
my ($code, $out, $err) = $node->psql('postgres', $request);
isnt($code, 0, 'are enough');
like($err, qr/ERROR:  4 sessions of this server look at a source already\nHINT:  Try again/, 'the fifth is told so');
is(simulator_get($simulator, 'state')->{in_flight}, 4, 'and has not asked');

# One is canceled, one is terminated, one loses its worker, one runs into its
# own timeout: each session is free at once, each worker ends.
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'hangs 1'");
isnt(finish($hanging[0]), 0, 'one is canceled');
like($hanging[0]->{err}, qr/canceling statement due to user request/, 'and says so');
query_until($node, 'postgres', $workers, '3', 'its worker ends');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hangs 2'");
isnt(finish($hanging[1]), 0, 'one is terminated');
query_until($node, 'postgres', $workers, '2', 'its worker ends, too');
query_until($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hangs 2'", '0', 'and its session');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'vnstream fetch' ORDER BY backend_start LIMIT 1");
query_until($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'hangs %'", '1',
	'a worker is terminated, and its session ends');
# psql ends a little after its session
my $lost;
wait_for(sub { ($lost) = grep { $_->{handle}->pump_nb; !$_->{handle}->pumpable } @hanging[ 2, 3 ]; return defined $lost; }, 'the psql of that session', 10);
$lost //= $hanging[2];
isnt(finish($lost), 0, 'with an error');
like($lost->{err}, qr/ended, or was held up, without an answer/, 'that says why');
my $timed = background($node, 'times out', "SET statement_timeout = '500ms'; $request");
isnt(finish($timed), 0, 'one has a timeout of its own');
like($timed->{err}, qr/canceling statement due to statement timeout/, 'which it keeps');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hangs %'");
finish($_) foreach grep { $_ != $lost } @hanging[ 2, 3 ];
query_until($node, 'postgres', $workers, '0', 'no worker is left');
simulator_mode($simulator, mode => 'ok');
is(fetch($node, 'VCB')->{status}, 200, 'and every slot is free again') for 1 .. 5;

# An error that is caught gives its slot back, too.
simulator_mode($simulator, mode => 'hang', path => 'getList');
is($node->safe_psql('postgres', q{
	SET statement_timeout = '300ms';
	DO $$ BEGIN PERFORM vnstream_fetch('VCB'); EXCEPTION WHEN query_canceled THEN NULL; END $$;
	SET statement_timeout = 0;
	SELECT 'alive'}), 'alive', 'a timeout that is caught');
query_until($node, 'postgres', $workers, '0', 'frees the worker before the session ends');
simulator_mode($simulator, mode => 'ok');
is($node->safe_psql('postgres', 'SELECT vnstream_sweep() > 0'), 't', 'a sweep meanwhile');
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL AND answered = 3 AND waiting = 0', '2',
	'is as good as the first');
query_until($node, 'postgres', 'SELECT count(*) FROM realtime_quotes', '6', 'and is stored');
is(account($node, 'postgres'), '', 'the account adds up');

# Who may.
$node->safe_psql('postgres', 'CREATE ROLE nobody; CREATE ROLE monitor IN ROLE pg_monitor; CREATE ROLE operator');
foreach my $role ('nobody', 'monitor')
{
	($code, $out, $err) = $node->psql('postgres', "SET ROLE $role; $request");
	like($err, qr/permission denied for function vnstream_fetch/, "$role may not");
}
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION vnstream_fetch(text, text) TO operator');
is($node->safe_psql('postgres', "SET ROLE operator; $request"), '200', 'whom it is granted, may');

# Nothing may run: nor may this.
$node->append_conf('postgresql.conf', 'vnstream.enabled = off');
$node->reload;
query_until($node, 'postgres', "SELECT current_setting('vnstream.enabled')", 'off', 'everything is switched off');
($code, $out, $err) = $node->psql('postgres', $request);
like($err, qr/"vnstream.enabled" is off.*HINT/s, 'this, too');
$node->append_conf('postgresql.conf', 'vnstream.enabled = on');
$node->reload;
query_until($node, 'postgres', "SELECT current_setting('vnstream.enabled')", 'on', 'and on again');

# A standby asks as well: it writes nothing.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', $request), '200', 'on a standby');
$standby->stop;

# A shutdown waits for nobody.
simulator_mode($simulator, mode => 'hang', path => 'getList');
my $last = background($node, 'last', $request);
query_until($node, 'postgres', $workers, '1', 'one more hangs');
my $began = time();
$node->stop('fast');
cmp_ok(time() - $began, '<', 25, 'a fast shutdown does not wait for it');
isnt(finish($last), 0, 'it is ended');
simulator_mode($simulator, mode => 'ok');

# No process to spare for it.
my $full = new_server('full', vci_url => $source,
	server => { max_worker_processes => 1, max_logical_replication_workers => 0 });
$full->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
ok(wait_for(sub { ($code, $out, $err) = $full->psql('postgres', $request); $code != 0 }, 'the launcher'),
	'a server without a free worker slot');
like($err, qr/no background worker slot is free.*HINT:  Set "max_worker_processes" to at least 2/s, 'says what to set');

# With that, and once no scout needs it, it is enough for many, one by one.
$full->append_conf('postgresql.conf', 'max_worker_processes = 2');
$full->restart;
query_until($full, 'postgres', "SELECT count((vnstream_fetch('VCB')).status) FROM generate_series(1, 20)",
	'20', 'one slot is enough for many looks in one statement');
is($full->safe_psql('postgres', $workers), '0', 'which leaves no worker behind');
$full->stop;

# The minute is over: one of the two has had its turn, and a second there was not.
my @codes = sort map { finish($waiting[$_]) } 1, 2;
is("@codes", '0 1', 'after a minute one of two had its turn') or diag(map { $_->{err} } @waiting);
my ($served) = grep { $_->{out} ne '' } @waiting;
my ($refused) = grep { $_->{out} eq '' } @waiting[ 1, 2 ];
is($served->{out}, "200\n", 'and its answer');
cmp_ok($served->{took}, '>', 50, 'not before the minute was over');
like($refused->{err}, qr/the budget of 1 requests a minute is used up, and no turn comes within 60 s.*HINT/s, 'the other is told why not');
$polite->stop;

# ---- a server of one process

IPC::Run::run([ 'postgres', '--single', '-D', $polite->data_dir, 'postgres' ],
	'<', \"SELECT vnstream_fetch('VCB')\n", '>', \$out, '2>', \$err);
like($err, qr/ERROR:  a server in single-user mode has no worker to ask the source/, 'single-user mode is told so')
  or diag($out);

done_testing();

END
{
	my $status = $?;

	$_->{handle}->kill_kill(grace => 1) foreach @sessions;
	$? = $status;
}
