# The market's calendar in SQL: what is built in, a user's rows, what makes no
# sense, and both through dump and restore.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

# no source and no Kafka: nothing here waits for either
my $node = new_server('calendar', schedule => 'market', server => { timezone => 'Asia/Ho_Chi_Minh' });
my $database = 'postgres';

sub sql { return $node->safe_psql($database, $_[0]); }

# What the statement is refused with, or what it answers.
sub refusal
{
	my ($statement, @options) = @_;
	my ($code, $out, $err) = $node->psql($database, $statement, on_error_stop => 1, @options);

	return $code == 0 ? "not refused: $out" : $err;
}

sql('CREATE EXTENSION vnstock_stream');

# ---- what is built in

is(sql("SELECT exchange, phase, is_open, since, until, next_open, trading_day, holiday, calendar_known FROM vnstream_market_state('2026-08-04 09:10')"),
	"HOSE|ATO|t|2026-08-04 09:00:00+07|2026-08-04 09:15:00+07|2026-08-04 13:00:00+07|t||t\n"
	  . "HNX|continuous|t|2026-08-04 09:00:00+07|2026-08-04 11:30:00+07|2026-08-04 13:00:00+07|t||t\n"
	  . "UPCOM|continuous|t|2026-08-04 09:00:00+07|2026-08-04 11:30:00+07|2026-08-04 13:00:00+07|t||t",
	'three exchanges at ten past nine');
is(sql("SELECT string_agg(exchange || ' ' || phase, ', ') FROM vnstream_market_state('2026-08-04 14:50')"),
	'HOSE closed, HNX PLO, UPCOM continuous', 'and after the closing auction');
is(sql("SELECT phase, is_open, until FROM vnstream_market_state('2026-08-04 12:00', 'HNX')"),
	'lunch|f|2026-08-04 13:00:00+07', 'one exchange, at lunch');
is(sql("SELECT phase FROM vnstream_market_state(exchange => 'UPCOM', at => '2026-08-04 07:30:00+00')"),
	'continuous', 'a time is a moment, whatever zone it is written in');
is(sql("SELECT phase, since, until, trading_day, holiday FROM vnstream_market_state('2026-11-24 10:00', 'HOSE')"),
	'closed|2026-11-23 14:45:00+07|2026-11-25 09:00:00+07|f|Culture Day', 'a holiday');
is(sql("SELECT phase, until, trading_day, holiday IS NULL FROM vnstream_market_state('2026-08-08 10:00', 'HOSE')"),
	'closed|2026-08-10 09:00:00+07|f|t', 'a Saturday');
is(sql("SELECT phase, trading_day, calendar_known FROM vnstream_market_state('2027-02-08 10:00', 'HOSE')"),
	'continuous|t|f', 'a year without a calendar: a weekday trades, and that is told');
is(sql('SELECT count(DISTINCT exchange) FROM vnstream_market_state()'), '3', 'now');
is(sql("SELECT count(*), string_agg(DISTINCT origin, ',') FROM vnstream_holidays"), '38|built in', 'holidays');
is(sql("SELECT string_agg(phase || ' ' || starts || '-' || ends, ', ' ORDER BY starts) FROM vnstream_sessions WHERE exchange = 'HOSE' AND in_force AND origin = 'built in'"),
	'ATO 09:00:00-09:15:00, continuous 09:15:00-11:30:00, lunch 11:30:00-13:00:00, continuous 13:00:00-14:30:00, ATC 14:30:00-14:45:00',
	'sessions');

# ---- arguments

like(refusal('SELECT * FROM vnstream_market_state(NULL)'), qr/the time must not be NULL\nHINT:  Leave it out for the present/, 'no time');
like(refusal("SELECT * FROM vnstream_market_state(now(), 'HSX')"), qr/there is no exchange "HSX"\nHINT:  The exchanges are HOSE, HNX and UPCOM/, 'no exchange');
foreach my $time ('2000-07-27', 'infinity', '-infinity', '12000-01-01')
{
	like(refusal("SELECT * FROM vnstream_market_state('$time')"), qr/there is no calendar for this time\nHINT:/, "at $time");
}
is(sql("SELECT phase, until IS NULL AND next_open IS NULL FROM vnstream_market_state('9999-12-31 23:00', 'HOSE')"), 'closed|f', 'the last day that counts');

# ---- rows of one's own

my $half_day = q{INSERT INTO vnstream_session_overrides VALUES
	('HOSE', 'continuous', '09:00', '11:00', '2026-12-31', '2026-12-31'),
	('HOSE', 'ATC', '11:00', '11:15', '2026-12-31', '2026-12-31')};
sql($half_day);
is(sql("SELECT phase, until, next_open FROM vnstream_market_state('2026-12-31 10:00', 'HOSE')"),
	'continuous|2026-12-31 11:00:00+07|2027-01-01 09:00:00+07', 'a half day');
is(sql("SELECT phase FROM vnstream_market_state('2026-12-31 10:00', 'HNX')"), 'continuous', 'of one exchange');
is(sql("SELECT phase FROM vnstream_market_state('2026-12-31 14:00', 'HOSE')"), 'closed', 'is over at noon');
is(sql("SELECT phase FROM vnstream_market_state('2026-12-30 14:00', 'HOSE')"), 'continuous', 'and no other day is');
is(sql("SELECT count(*) FROM vnstream_sessions WHERE origin = 'yours' AND NOT in_force AND valid_until = '2026-12-31'"), '2', 'the view has them');
sql(q{INSERT INTO vnstream_session_overrides VALUES ('UPCOM', 'continuous', '21:00', '24:00', '2028-01-03')});
is(sql("SELECT phase, until, next_open FROM vnstream_market_state('2028-01-03 23:59:59', 'UPCOM')"),
	'continuous|2028-01-04 00:00:00+07|2028-01-04 21:00:00+07', 'hours of the future, up to midnight');

sql(q{INSERT INTO vnstream_holiday_overrides (day, exchange, is_holiday, name) VALUES
	('2026-11-24', NULL, false, NULL), ('2026-12-24', NULL, true, 'Ngày nghỉ bù'), ('2026-12-25', 'HNX', true, NULL),
	('2026-04-27', 'HOSE', false, NULL)});
is(sql("SELECT string_agg(trading_day::text, ',') FROM vnstream_market_state('2026-11-24 10:00')"), 'true,true,true', 'a holiday cancelled');
is(sql("SELECT DISTINCT holiday FROM vnstream_market_state('2026-12-24 10:00')"), 'Ngày nghỉ bù', 'a holiday of one\'s own');
is(sql("SELECT exchange, holiday FROM vnstream_market_state('2026-12-25 10:00') WHERE NOT trading_day"), 'HNX|holiday', 'one of one exchange');
is(sql("SELECT day, exchange, name, origin FROM vnstream_holidays WHERE day > '2026-09-02' OR day = '2026-04-27' ORDER BY 1, 2"),
	"2026-04-27|HNX|Hung Kings' Day|built in\n2026-04-27|UPCOM|Hung Kings' Day|built in\n"
	  . "2026-12-24||Ngày nghỉ bù|yours\n2026-12-25|HNX|holiday|yours", 'the view has what counts');

# ---- nonsense

sub no_session { my ($values, $constraint, $name) = @_;
	like(refusal("INSERT INTO vnstream_session_overrides VALUES ($values)"), qr/violates check constraint "vnstream_session_overrides_$constraint"/, $name); return; }
no_session(q{'HSX', 'ATO', '09:00', '09:15', '2027-01-01'}, 'exchange', 'an exchange that is none');
no_session(q{'HOSE', 'closed', '09:00', '09:15', '2027-01-01'}, 'phase', 'a phase that is none');
no_session(q{'HOSE', 'ATO', '09:15', '09:00', '2027-01-01'}, 'times', 'an end before the start');
no_session(q{'HOSE', 'ATO', '09:15', '09:15', '2027-01-01'}, 'times', 'an end at the start');
no_session(q{'HOSE', 'ATO', '09:15:00.1', '09:15:00.2', '2027-01-01'}, 'times', 'less than a second');
no_session(q{'HOSE', 'ATO', '09:00', '09:15', '-infinity'}, 'valid_from', 'since ever');
no_session(q{'HOSE', 'ATO', '09:00', '09:15', '2027-01-01', 'infinity'}, 'valid_until', 'for ever is NULL');
no_session(q{'HOSE', 'ATO', '09:00', '09:15', '2027-01-02', '2027-01-01'}, 'days', 'a last day before the first');
like(refusal(q{INSERT INTO vnstream_session_overrides VALUES (NULL, 'ATO', '09:00', '09:15', '2027-01-01')}), qr/null value in column "exchange"/, 'no exchange');
like(refusal(q{INSERT INTO vnstream_holiday_overrides (day) VALUES ('infinity')}), qr/vnstream_holiday_overrides_day/, 'no day');
like(refusal(q{INSERT INTO vnstream_holiday_overrides (day, exchange) VALUES ('2027-01-01', 'hose')}), qr/vnstream_holiday_overrides_exchange/, 'no exchange');
like(refusal(q{INSERT INTO vnstream_holiday_overrides (day, name) VALUES ('2027-01-01', repeat('ế', 61))}), qr/vnstream_holiday_overrides_name/, 'a name that is too long');
like(refusal(q{INSERT INTO vnstream_holiday_overrides (day) VALUES ('2026-12-24')}), qr/vnstream_holiday_overrides_key/, 'a day twice');
sql(q{INSERT INTO vnstream_holiday_overrides (day, name) VALUES ('2029-01-01', repeat('ế', 60))});
is(sql("SELECT char_length(holiday), holiday = repeat('ế', 60) FROM vnstream_market_state('2029-01-01', 'HOSE')"), '60|t', 'the longest name is whole');

# sessions that overlap: nobody can say what phase it is then
my $overlap = qr/the calendar's rows do not go together: sessions of HNX valid from 2027-01-04 overlap: continuous from 09:00 to 11:30, and ATC from 11:00 to 11:45\nHINT:  Correct public\.vnstream_session_overrides/;
like(refusal(q{INSERT INTO vnstream_session_overrides VALUES ('HNX', 'continuous', '09:00', '11:30', '2027-01-04'), ('HNX', 'ATC', '11:00', '11:45', '2027-01-04')}), $overlap, 'overlapping sessions are refused');
is(sql('SELECT count(*) FROM vnstream_session_overrides'), '3', 'and are not there');
sql(q{BEGIN;
	INSERT INTO vnstream_session_overrides VALUES ('HNX', 'continuous', '09:00', '11:30', '2027-01-04'), ('HNX', 'ATC', '11:00', '11:45', '2027-01-04');
	UPDATE vnstream_session_overrides SET starts = '11:30' WHERE exchange = 'HNX' AND phase = 'ATC';
	COMMIT});
is(sql("SELECT count(*) FROM vnstream_session_overrides WHERE exchange = 'HNX'"), '2', 'what is put right before COMMIT is not');
like(refusal("UPDATE vnstream_session_overrides SET starts = '11:00' WHERE exchange = 'HNX' AND phase = 'ATC'"), $overlap, 'an UPDATE is refused too');

# ---- who may what

sql('CREATE ROLE stranger; CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE keeper;
	GRANT INSERT, UPDATE, DELETE ON vnstream_session_overrides, vnstream_holiday_overrides TO keeper');
is(sql("SET ROLE stranger; SELECT (SELECT count(*) FROM vnstream_market_state()), (SELECT count(*) > 0 FROM vnstream_sessions), (SELECT count(*) > 0 FROM vnstream_holidays)"),
	'3|t|t', 'everybody may know when the market is open');
like(refusal('SET ROLE stranger; SELECT * FROM vnstream_session_overrides'), qr/permission denied for table/, 'but not read the tables');
like(refusal("SET ROLE watcher; DELETE FROM vnstream_holiday_overrides"), qr/permission denied for table/, 'who watches does not change them');
is(sql('SET ROLE watcher; SELECT count(*) > 0 FROM vnstream_holiday_overrides'), 't', 'but reads them');
is(refusal("SET ROLE keeper; INSERT INTO vnstream_holiday_overrides (day) VALUES ('2028-05-01')"), 'not refused: ', 'whom it is granted writes holidays');
is(refusal("SET ROLE keeper; INSERT INTO vnstream_session_overrides VALUES ('HNX', 'PLO', '14:45', '15:15', '2030-01-01')"), 'not refused: ', 'and sessions, which are judged all the same');
like(refusal('SELECT vnstream_calendar_guard()'), qr/can only be called as a trigger/, 'the guard is a trigger');

# ---- a search_path and functions of somebody else's decide nothing

is(sql(q{CREATE SCHEMA evil; CREATE TABLE evil.vnstream_holiday_overrides (LIKE vnstream_holiday_overrides);
	INSERT INTO evil.vnstream_holiday_overrides VALUES ('2026-08-04', NULL, true, 'evil');
	SET search_path = evil, public;
	SELECT DISTINCT trading_day FROM vnstream_market_state('2026-08-04 10:00')}), 't', 'tables of another schema do not count');

# ---- dump and restore

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $rows = q{SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (
	SELECT s::text FROM vnstream_session_overrides s UNION ALL SELECT h::text FROM vnstream_holiday_overrides h
	UNION ALL SELECT h::text FROM vnstream_holidays h UNION ALL SELECT s::text FROM vnstream_sessions s) t};
my $before = sql($rows);
sql('DROP SCHEMA evil CASCADE');
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy') ], 'restored in one transaction');
$database = 'copy';
is(sql($rows), $before, 'has the calendar');
like(refusal("UPDATE vnstream_session_overrides SET starts = '11:00' WHERE exchange = 'HNX' AND phase = 'ATC'"), $overlap, 'and its guard');
sql('DROP EXTENSION vnstock_stream');
$database = 'postgres';

# ---- a worker keeps the calendar that it has, and tells

sub producer { return sql("SELECT $_[0] FROM vnstream_status() WHERE worker = 'producer'"); }
my $reasons = "SELECT array_to_string(reasons, '; ') FROM vnstream_health()";
sql("ALTER TABLE vnstream_session_overrides DISABLE TRIGGER vnstream_session_overrides_guard");
sql("SELECT vnstream_start('producer')");
query_until($node, 'postgres', "SELECT count(*) > 0 FROM vnstream_sweeps WHERE trigger = 'start' AND ended IS NOT NULL", 't', 'a sweep at the start, at any hour');
sql(q{UPDATE vnstream_session_overrides SET starts = '11:00' WHERE exchange = 'HNX' AND phase = 'ATC'});
sql('SELECT pg_reload_conf()');
query_until($node, 'postgres', "SELECT EXISTS (SELECT FROM vnstream_health(), unnest(reasons) r WHERE r LIKE 'the calendar''s rows do not go together, so those of before count: sessions of HNX%')", 't', 'health says that the rows do not go together');
like(sql("SELECT message FROM vnstream_log(100, 'producer') WHERE message ~ 'do not go together' LIMIT 1"), qr/sessions of HNX valid from 2027-01-04 overlap/, 'so does the log');
like(refusal('SELECT * FROM vnstream_market_state()'), $overlap, 'and each function about it');
like(sql("SELECT result || ' ' || detail FROM vnstream_check() WHERE name = 'calendar'"), qr/^failed the calendar's rows do not go together/, 'and vnstream_check()');
isnt(producer('pid'), '', 'the producer goes on');
sql(q{UPDATE vnstream_session_overrides SET starts = '11:30' WHERE exchange = 'HNX' AND phase = 'ATC'});
sql('SELECT pg_reload_conf()');
query_until($node, 'postgres', "SELECT NOT EXISTS (SELECT FROM vnstream_health(), unnest(reasons) r WHERE r LIKE '%calendar%')", 't', 'put right: nothing is wrong with it');
like(sql("SELECT result FROM vnstream_check() WHERE name = 'calendar'"), qr/^(ok|warning)$/, 'nor for vnstream_check()');
sql("SELECT vnstream_stop()");

done_testing();
