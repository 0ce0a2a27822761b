# Days of a market, run fast: the clocks of the server and of the simulator jump
# together, forwards, from Friday morning over a weekend and a holiday that is
# none to a Wednesday.  Which sweeps are made, and what rows come of them.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local qw(timegm);
use VnstreamTest;

my $module = "$root/test/modules/clock_test";

system_or_bail('make', '-s', '-C', $module) if -w $module;
BAIL_OUT("run \"make -C $module\" first") unless -e "$module/clock_test.so";

my $clock = PostgreSQL::Test::Utils::tempdir() . '/ahead';
my $simulator = start_simulator('--clock', '2026-11-19T15:10:00+07:00', '--activity', 1);
my $topic = new_topic();
my $node;
my $sweeps = 0;    # that are expected so far
my @triggers;      # of these

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

# The server's clock, and everybody's on it; in place, since it is mapped.
sub set_clock
{
	my ($text) = @_;
	my ($y, $mo, $d, $h, $mi, $s) = $text =~ /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)$/ or die "no time: $text";
	my $ahead = timegm($s, $mi, $h, $d, $mo - 1, $y) - 7 * 3600 - CORE::time();

	open(my $file, -e $clock ? '+<:raw' : '>:raw', $clock) or die "$clock: $!";
	syswrite($file, pack('q', $ahead)) == 8 or die "$clock: $!";
	close($file);
	return;
}

# Whether the market moves; where it does not, boards repeat what they said.
sub market_moves
{
	my ($time) = @_;

	if (defined $time)
	{
		simulator_post($simulator, 'clock', { now => ($time =~ s/ /T/r) . '+07:00' });
		simulator_post($simulator, 'freeze', { frozen => JSON::PP::false() });
	}
	else
	{
		simulator_post($simulator, 'freeze', { frozen => JSON::PP::true() });
	}
	return;
}

# One more sweep has ended: why it was made, and what it published and found
# unchanged.
sub swept
{
	my ($trigger, $published, $unchanged, $name) = @_;

	$sweeps++;
	push @triggers, $trigger;
	query_until($node, 'postgres', "SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL AND waiting = 0 AND published + unchanged = answered", $sweeps, "$name: a sweep", 20)
	  or diag(sql('SELECT * FROM vnstream_sweeps ORDER BY sweep'), "\n", sql('SELECT worker, state, waiting_for FROM vnstream_status()'));
	is(sql("SELECT trigger, asked, published, unchanged, coalesce(error, 'well') FROM vnstream_sweeps ORDER BY sweep DESC LIMIT 1"),
		"$trigger|3|$published|$unchanged|well", "$name: why, and what came of it");
	return;
}

# A jump that brings one.
sub sweeps_at
{
	my ($time, @expected) = @_;

	set_clock($time);
	swept(@expected, $time);
	return;
}

# A jump that brings none: the producer has seen the time, and waits.
sub rests_at
{
	my ($time, $opens, $next) = @_;

	set_clock($time);
	query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'producer'",
		"running|market closed until $opens+07; next sweep at $next+07", "$time: the market is closed, and status says until when");
	is(sql('SELECT count(*) FROM vnstream_sweeps'), $sweeps, "$time: no sweep");
	return;
}

sub dates { return sql("SELECT string_agg(DISTINCT trading_date || ' ' || (price IS NOT NULL), ', ') FROM (SELECT DISTINCT ON (ticker) * FROM realtime_quotes ORDER BY ticker, time DESC) q"); }
sub health { my ($expected, $name) = @_; return query_until($node, 'postgres', 'SELECT status FROM vnstream_health()', $expected, $name, 20); }

# One share of each exchange: VCB of HOSE, SHS of HNX, A32 of UPCOM.  A board's
# last answers on Thursday are what it says until the market opens.
set_clock('2026-11-20 08:30:00');
{
	local $ENV{CLOCK_TEST_FILE} = $clock;
	local $ENV{LD_PRELOAD} = "$module/clock_test.so";
	$node = new_server(
		'week',
		brokers => broker_address(),
		topic => $topic,
		topic_retention => '-1',
		vci_url => "$simulator->{url}api/",
		symbols => 'VCB,SHS,A32',
		schedule => 'market',
		interval => '600s',
		heartbeat => '86400s',
		server => { timezone => 'Asia/Ho_Chi_Minh' });
}
start_pipeline($node);
swept('start', 3, 0, 'at the start');
is(dates(), '2026-11-19 true', 'before the market opens: Thursday\'s prices, with Thursday\'s date');
market_moves();

# ---- Friday

sweeps_at('2026-11-20 08:45:00', 'interval', 0, 3);
market_moves('2026-11-20 09:00:30');
sweeps_at('2026-11-20 09:00:40', 'interval', 3, 0);
is(dates(), '2026-11-20 true', 'Friday\'s first match');
market_moves();
sweeps_at('2026-11-20 09:16:00', 'interval', 1, 2);
is(sql("SELECT string_agg(ticker, ',') FROM realtime_quotes WHERE time >= '2026-11-20 09:16'"), 'VCB', 'the first quote after ATO, though nothing changed');
sweeps_at('2026-11-20 09:30:00', 'interval', 0, 3);
sweeps_at('2026-11-20 11:30:00', 'interval', 3, 0);
rests_at('2026-11-20 12:00:00', '2026-11-20 13:00:00', '2026-11-20 13:00:00');
health('ok', 'lunch is ok');
sweeps_at('2026-11-20 13:00:01', 'interval', 3, 0);
sweeps_at('2026-11-20 14:31:00', 'interval', 2, 1);
is(sql("SELECT string_agg(ticker, ',' ORDER BY ticker) FROM realtime_quotes WHERE time >= '2026-11-20 14:31'"), 'SHS,VCB', 'ATC is not for UPCOM');
sweeps_at('2026-11-20 14:46:00', 'interval', 2, 1);
sweeps_at('2026-11-20 15:01:00', 'interval', 2, 1);
is(sql("SELECT string_agg(ticker, ',' ORDER BY ticker) FROM realtime_quotes WHERE time >= '2026-11-20 15:01'"), 'A32,SHS', 'HOSE had closed before');
sweeps_at('2026-11-20 15:05:10', 'interval', 0, 3);
rests_at('2026-11-20 15:20:00', '2026-11-23 09:00:00', '2026-11-20 15:45:00');
sweeps_at('2026-11-20 15:45:01', 'closing', 3, 0);

# ---- the weekend

rests_at('2026-11-21 10:00:00', '2026-11-23 09:00:00', '2026-11-23 08:45:00');
health('ok', 'a closed market is ok');
is(sql("SELECT count(*) FROM realtime_quotes WHERE time >= '2026-11-21'"), '0', 'and brings no rows');
sql('SELECT vnstream_sweep()');
swept('request', 0, 3, 'vnstream_sweep() at any time');
rests_at('2026-11-22 15:46:00', '2026-11-23 09:00:00', '2026-11-23 08:45:00');

# ---- Monday, and a server that sleeps from ten o'clock to Tuesday

# more than a day later, the heartbeat
sweeps_at('2026-11-23 08:46:00', 'interval', 3, 0);
is(dates(), '2026-11-20 true', 'Friday\'s numbers are Friday\'s');
sweeps_at('2026-11-23 08:57:00', 'interval', 0, 3);
market_moves('2026-11-23 09:59:00');
sweeps_at('2026-11-23 10:00:00', 'interval', 3, 0);
market_moves();
sweeps_at('2026-11-24 09:00:00', 'closing', 3, 0);
is(dates(), '2026-11-23 true', 'the closing sweep that was missed has Monday\'s numbers');

# ---- Tuesday is a holiday of the calendar, and trades in the afternoon

rests_at('2026-11-24 09:10:00', '2026-11-25 09:00:00', '2026-11-24 09:20:00');
sweeps_at('2026-11-24 09:20:30', 'probe', 0, 3);
rests_at('2026-11-24 10:00:00', '2026-11-25 09:00:00', '2026-11-24 13:10:00');
health('ok', 'a holiday is ok');
market_moves('2026-11-24 13:10:00');
set_clock('2026-11-24 13:10:30');
$sweeps++;
push @triggers, 'probe';
swept('interval', 3, 0, 'a match of the holiday');
market_moves();
is(sql("SELECT trigger, published FROM vnstream_sweeps WHERE sweep = (SELECT max(sweep) - 1 FROM vnstream_sweeps)"), 'probe|3', 'found by the probe');
is(dates(), '2026-11-24 true', 'with the day\'s date');
health('degraded', 'the calendar is wrong');
like(sql("SELECT array_to_string(reasons, ';') FROM vnstream_health()"), qr/the calendar is wrong: it calls 2026-11-24 a holiday, but the market trades; see vnstream_holiday_overrides/, 'says health');
like(slurp_file($node->logfile), qr/WARNING:  .*2026-11-24 is called a holiday, but (VCB|SHS|A32) has a match of it: it is swept like a trading day\n.*HINT:  Put the day with is_holiday = false into vnstream_holiday_overrides/, 'and the log, with what to do');
like(sql("SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'calendar'"), qr/^warning: the calendar is wrong: it calls 2026-11-24 a holiday/, 'and vnstream_check()');
sweeps_at('2026-11-24 14:00:00', 'interval', 0, 3);
sweeps_at('2026-11-24 14:31:00', 'interval', 2, 1);
is(sql("SELECT string_agg(ticker, ',' ORDER BY ticker) FROM realtime_quotes WHERE time >= '2026-11-24 14:31'"), 'SHS,VCB', 'its phases are those of any day');
sql("INSERT INTO vnstream_holiday_overrides (day, is_holiday) VALUES ('2026-11-24', false)");
set_clock('2026-11-24 14:33:00');
health('ok', 'put right, without a restart or a reload');
is(sql("SELECT string_agg(DISTINCT phase, ',') FROM vnstream_market_state('2026-11-24 14:33')"), 'ATC,continuous', 'it is a trading day');

# ---- Wednesday is a holiday of the user's

sql("INSERT INTO vnstream_holiday_overrides (day, name) VALUES ('2026-11-25', 'a storm')");
set_clock('2026-11-25 08:50:00');
swept('closing', 3, 0, 'Tuesday\'s closing');
rests_at('2026-11-25 09:05:00', '2026-11-26 09:00:00', '2026-11-25 09:20:00');
sweeps_at('2026-11-25 09:21:00', 'probe', 0, 3);

# ---- all of it

is(sql("SELECT string_agg(trigger, ' ' ORDER BY sweep) FROM vnstream_sweeps"), join(' ', @triggers), 'these sweeps, and no others');
query_until($node, 'postgres', 'SELECT count(*) = (SELECT sum(published) FROM vnstream_sweeps) FROM realtime_quotes', 't', 'every published quote is a row');
is(account($node, 'postgres'), '', 'the account is good');
is(sql("SELECT count(*) FROM realtime_quotes WHERE price IS NOT NULL AND (match_time AT TIME ZONE 'Asia/Ho_Chi_Minh')::date <> trading_date"), '0', 'no price of another day');
is(sql("SELECT count(*) FROM realtime_quotes WHERE trading_date > (time AT TIME ZONE 'Asia/Ho_Chi_Minh')::date"), '0', 'none of a day to come');
is(sql("SELECT count(*) FROM realtime_quotes WHERE (time AT TIME ZONE 'Asia/Ho_Chi_Minh')::time > '11:31' AND (time AT TIME ZONE 'Asia/Ho_Chi_Minh')::time < '13:00'"), '0', 'none of a lunch');
is(sql("SELECT count(*) FROM vnstream_log(1000) WHERE message ~ 'clock was set back'"), '0', 'nobody took a jump forwards for one backwards');
is(sql("SELECT sum(restarts) FROM vnstream_status()"), '0', 'and nobody had to start anew');
is(sql('SELECT errors FROM vnstream_status() WHERE worker = \'producer\''), '0', 'nor met an error');
is(sql(q{SELECT string_agg(concat_ws(' ', trigger, (started AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, error), ', ' ORDER BY refresh) FROM vnstream_symbol_refreshes}),
	'start 2026-11-20, daily 2026-11-21, daily 2026-11-23, daily 2026-11-24, daily 2026-11-25', 'the list of symbols was refreshed once a day, with its first sweep');

# ---- Thursday: hot symbols keep to the hours of the others

sub hot { my ($where) = @_; return "SELECT count(*) FROM vnstream_sweeps WHERE trigger = 'hot' AND $where"; }
sub waits { my ($time, $for, $name) = @_; set_clock($time); return query_until($node, 'postgres', "SELECT state, waiting_for FROM vnstream_status() WHERE worker = 'producer'", $for, $name, 20); }

sql("ALTER SYSTEM SET vnstream.$_") foreach "hot_symbols = 'VCB'", "hot_interval = '500ms'";
$node->reload;
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_settings() WHERE NOT in_use', '0', 'the settings are in use');
waits('2026-11-26 08:40:00', 'running|market closed until 2026-11-26 09:00:00+07; next sweep at 2026-11-26 08:45:00+07', 'Thursday, before the first sweep');
set_clock('2026-11-26 08:46:00');
query_until($node, 'postgres', "SELECT trigger, answered FROM vnstream_sweeps WHERE trigger <> 'hot' AND started >= '2026-11-26 08:46' AND ended IS NOT NULL", 'interval|3', 'the first sweep', 20);
query_until($node, 'postgres', 'SELECT n >= 3 FROM (' . hot('ended IS NOT NULL AND asked = 1') . ') AS h(n)', 't', 'hot sweeps, one after the other', 20);
like(sql("SELECT detail FROM vnstream_check() WHERE name = 'interval'"), qr/^3 symbols in 1 requests/, 'which vnstream_check() does not take for sweeps of all');
simulator_mode($simulator, mode => 'slow', delay => 2, path => 'getList');
query_until($node, 'postgres', hot('ended IS NULL'), '1', 'one is under way', 20);
set_clock('2026-11-26 09:50:00');
simulator_mode($simulator, mode => 'ok');
query_until($node, 'postgres', 'SELECT n > 1 FROM (' . hot("started > '2026-11-26 09:50:01' AND ended IS NOT NULL") . ') AS h(n)', 't', 'the clock was set forward meanwhile: they go on, as it took no hour', 20);
waits('2026-11-26 12:00:00', 'running|market closed until 2026-11-26 13:00:00+07; next sweep at 2026-11-26 13:00:00+07', 'lunch');
sleep(2);
is(sql(hot("started < '2026-11-26 08:45' OR started > '2026-11-26 11:31'")), '0', 'none before the first sweep, and none at lunch');

# ---- a calendar in which the market never opens again

sql("INSERT INTO vnstream_session_overrides (exchange, phase, starts, ends, valid_from) SELECT e, 'lunch', '09:00', '15:00', '2026-11-26' FROM unnest('{HOSE,HNX,UPCOM}'::text[]) AS e");
waits('2026-11-26 12:02:00', 'running|market closed; no sweep is due; see vnstream_sessions and vnstream_holidays', 'nothing is due, ever');
simulator_mode($simulator, mode => '503');
sql('SELECT vnstream_sweep()');
waits('2026-11-26 12:02:10', 'backing off|the source; no sweep is due; see vnstream_sessions and vnstream_holidays', 'also not by a source that rests');
simulator_mode($simulator, mode => 'ok');
sql('SELECT vnstream_sweep()');
waits('2026-11-26 12:02:20', 'running|market closed; no sweep is due; see vnstream_sessions and vnstream_holidays', 'but whoever asks is answered');

done_testing();
