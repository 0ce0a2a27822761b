# The old deployment's programs and ours, each with the other's messages, by the
# client of its days and by the current one; and on the same partitions.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP qw(encode_json decode_json);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $address = broker_address();
my $python = compat('python');
my %clients = ('kafka-python 2.0.2' => '', 'the current kafka-python' => compat('where'));
my $simulator = start_simulator();
my $node = new_server('compat', brokers => $address, vci_url => "$simulator->{url}api/", symbols => 'VN30', interval => '1d',
	server => { timezone => 'America/New_York' });

sub compat
{
	my ($command) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ "$root/test/compat/clients", $command ], '>', \$out, '2>', \$err) or BAIL_OUT("test/compat/clients $command failed: $err (test/setup test installs them)");
	chomp $out;
	return $out;
}

# Runs one of the old programs; returns what it prints.
sub old_program
{
	my ($client, $program, $arguments, $input) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PYTHONPATH} = $clients{$client};
	local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
	IPC::Run::run([ $python, "$root/test/compat/$program", @$arguments ], '<', \($input // ''), '>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  or die "$program: $out$err";
	return $out;
}

sub database
{
	my ($name, $topic, %settings) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name; ALTER DATABASE $name SET vnstream.topic = '$topic'; ALTER DATABASE $name SET TimeZone = 'Asia/Ho_Chi_Minh'"
		  . join '', map { "; ALTER DATABASE $name SET vnstream.$_ = '$settings{$_}'" } keys %settings);
	return;
}

sub sql { return $node->safe_psql(@_) }

note 'the clients are those that are meant';
foreach my $client (sort keys %clients)
{
	local $ENV{PYTHONPATH} = $clients{$client};
	my ($out, $expected) = ('', $client =~ /2\.0\.2/ ? qr/^2\.0\.2$/ : qr/^3\.0\.12$/);
	IPC::Run::run([ $python, '-c', 'import kafka; print(kafka.__version__)' ], '>', \$out);
	like($out, $expected, $client);
}

note 'messages of the old producer, to our consumer';
my $naive = strftime('%Y-%m-%dT%H:%M:%S', gmtime(time - 3600 + 7 * 3600));
foreach my $client (sort keys %clients)
{
	my $name = $client =~ /2\.0\.2/ ? 'old_days' : 'today';
	my $topic = new_topic();
	database($name, $topic);
	start_pipeline($node, $name, 'consumer');
	my @messages = (
		'sample',
		encode_json({ ticker => 'VCB', time => "$naive.000001", price => 60000.0, volume => 200, total_volume => 1877000,
			change => -800.0, change_percent => -1.315789, ceiling_price => 65000.0, floor_price => 56600.0, reference_price => 60800.0,
			highest_price => 60900.0, lowest_price => 59900.0, bid_price => 60000.0, ask_price => 60100.0 }),
		encode_json({ ticker => 'FPT', time => $naive }),                     # nothing known: what it mostly wrote
		encode_json({ ticker => 'HPG', time => "$naive.5", bid_price => 25000.0, total_volume => 0 }),
		encode_json({ ticker => 'SSI', time => "$naive.25", price => 30.5, ceiling_price => 32.6, floor_price => 28.4, reference_price => 30.5 }),
		encode_json({ ticker => 'MBB', time => "$naive.75", price => 99000.0, ceiling_price => 65000.0, floor_price => 56600.0, reference_price => 60800.0 }),
		encode_json({ ticker => 'vcb', time => $naive, price => 60000.0 }),
		'raw not json', 'raw {"ticker":"VCB"}');
	my $sent = old_program($client, 'old_producer.py', [ $address, $topic ], join("\n", @messages) . "\n");
	is(() = $sent =~ /\n/g, scalar @messages, "$client: all are sent");
	is(sql($name, "SELECT vnstream_wait('caught up', '60 s')"), 't', 'read');

	is(sql($name, "SELECT ticker, time AT TIME ZONE 'Asia/Ho_Chi_Minh' = '$naive.000001', price, volume, total_volume, change, change_percent, ceiling_price, floor_price, reference_price, highest_price, lowest_price, bid_price, ask_price, source, kafka_partition FROM realtime_quotes WHERE ticker = 'VCB'"),
		'VCB|t|60000|200|1877000|-800|-1.315789|65000|56600|60800|60900|59900|60000|60100||0', 'a quote is stored field by field, its time as Vietnam\'s');
	is(sql($name, "SELECT ticker, time AT TIME ZONE 'Asia/Ho_Chi_Minh', price, volume, total_volume, change, change_percent, ceiling_price, floor_price, reference_price, highest_price, lowest_price, bid_price, ask_price FROM realtime_quotes WHERE ticker = 'FPT'"),
		'FPT|' . ($naive =~ s/T/ /r) . '|||0|||||||||', 'what was 0.0 is NULL; only a total can be 0');
	is(sql($name, "SELECT bid_price, price, volume, total_volume FROM realtime_quotes WHERE ticker = 'HPG'"), '25000|||0', 'a bid before the first match');
	is(sql($name, "SELECT string_agg(ticker, ' ' ORDER BY ticker) FROM realtime_quotes"), 'FPT HPG VCB', 'nothing else is stored');
	like(sql($name, "SELECT string_agg(concat_ws(' ', kafka_offset, code), ', ' ORDER BY kafka_offset) FROM vnstream_dead_letters"),
		qr/^0 volume_range, 4 price_minimum, 5 price_limits, 6 form, 7 form, 8 form$/, 'what cannot be true is kept by the rule\'s name')
	  or diag(sql($name, 'SELECT kafka_offset, code, reason FROM vnstream_dead_letters ORDER BY 1'));
	is(sql($name, "SELECT convert_from(value, 'UTF8')::jsonb = '{\"ticker\": \"VIC\", \"time\": \"2025-10-12T14:12:50.804477\", \"price\": 15.47, \"volume\": 9217126554917738496, \"total_volume\": 0, \"change\": 0.0, \"change_percent\": 0.0, \"ceiling_price\": 0.0, \"floor_price\": 0.0, \"reference_price\": 0.0, \"highest_price\": 0.0, \"lowest_price\": 0.0, \"bid_price\": 0.0, \"ask_price\": 0.0}', convert_from(key, 'UTF8') FROM vnstream_dead_letters WHERE kafka_offset = 0"),
		't|VIC', 'the sample of the old report is one of them, whole');
	is(sql($name, 'SELECT total, delivered, repeated, refused, gaps, pending, difference, missing FROM vnstream_audit(true)'), '9|3|0|6|0|0|0|{}', 'nine of nine are accounted for');
	old_program($client, 'old_producer.py', [ $address, $topic ], "$messages[1]\n");
	is(sql($name, "SELECT vnstream_wait('caught up', '60 s')"), 't', 'read');
	is(sql($name, 'SELECT total, delivered, repeated, refused, difference FROM vnstream_audit(true)'), '10|3|1|6|0', 'the same message again is a duplicate');
}

note 'messages of our producer, to the old consumer';
my $new = new_topic();
simulator_post($simulator, 'quote', { symbol => 'VCB', matchPrice => 0, matchVol => 0, accumulatedVolume => 0, accumulatedValue => 0, highest => 0, lowest => 0, openPrice => 0 });
database('ours', $new, partitions => 6);
my $lz4 = new_topic();
database('lz4', $lz4);
start_pipeline($node, 'lz4');
query_until($node, 'lz4', 'SELECT count(*) >= 30 FROM realtime_quotes', 't', 'with our own compression');
foreach my $client (sort keys %clients)
{
	my $end = decode_json((split /\n/, old_program($client, 'old_consumer.py', [ $address, $lz4, 'bare', 30 ]))[-1]);
	is($end->{read}, 0, "$client reads nothing without its library for lz4");
	like($end->{error}, qr/^UnsupportedCodecError: .*lz4/, 'and says so');
}
sql('lz4', 'SELECT vnstream_stop()');
my $properties = PostgreSQL::Test::Utils::tempdir() . '/kafka.properties';
append_to_file($properties, "compression.type = gzip\n");
chmod 0600, $properties;
sql('postgres', "ALTER DATABASE ours SET vnstream.kafka_config_file = '$properties'");
start_pipeline($node, 'ours');
query_until($node, 'ours', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL AND answered = 30', '1', 'a sweep is over');
is(sql('ours', "SELECT vnstream_wait('caught up', '60 s')"), 't', 'ours is caught up');
is(sql('ours', "SELECT count(DISTINCT ticker), count(*) FROM realtime_quotes"), '30|30', 'a sweep') or diag(sql('ours', 'SELECT * FROM vnstream_rejects'));
is(sql('ours', "SELECT price IS NULL, volume IS NULL, reference_price > 0 FROM realtime_quotes WHERE ticker = 'VCB'"), 't|t|t', 'one of them has not been matched yet');
sql('ours', 'CREATE TABLE old_quotes (ticker varchar(10) NOT NULL, time timestamp NOT NULL, price float8, volume bigint, total_volume bigint, change float8, change_percent float8, ceiling_price float8, floor_price float8, reference_price float8, highest_price float8, lowest_price float8, bid_price float8, ask_price float8, created_at timestamp DEFAULT now(), UNIQUE (ticker, time))');
my $dsn = $node->connstr('ours');
my %partition;    # of a key, by our producer
foreach my $client (sort keys %clients)
{
	my $group = "stock-consumer-group-" . ($client =~ /2\.0\.2/ ? 'old' : 'current');
	sql('ours', 'TRUNCATE old_quotes');
	my @lines = map { decode_json($_) } split /\n/, old_program($client, 'old_consumer.py', [ $address, $new, $group, 30, 'insert', $dsn ]);
	my $end = pop @lines;
	is_deeply($end, { read => 30, stored => 30, error => undef }, "$client: all are read and stored");
	my ($complete) = grep { !grep { !defined } @{ $_->{value} }{qw(price volume change bid_price ask_price)} } @lines;
	my ($unmatched) = grep { $_->{value}{ticker} eq 'VCB' } @lines;
	$partition{ $_->{key} } = $_->{partition} for @lines;

	ok(!grep({ $_->{key} ne $_->{value}{ticker} } @lines), 'the key is the ticker');
	is(substr(encode_json([ sort { $a cmp $b } grep { exists $complete->{value}{$_} } qw(ticker time price volume total_volume change change_percent ceiling_price floor_price reference_price highest_price lowest_price bid_price ask_price) ]), 0, 9999),
		encode_json([ sort { $a cmp $b } qw(ticker time price volume total_volume change change_percent ceiling_price floor_price reference_price highest_price lowest_price bid_price ask_price) ]), 'the fourteen fields are there');
	ok(exists $unmatched->{value}{price} && !defined $unmatched->{value}{price}, 'also where unknown, as null');
	ok(exists $complete->{value}{source} && exists $complete->{value}{trading_date}, 'and more than these');
	like($complete->{value}{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+07:00$/, 'the time says its zone');
	my %broken = map { $_ => $complete->{expressions}{$_} } grep { $complete->{expressions}{$_} ne 'ok' } keys %{ $complete->{expressions} };
	is_deeply(\%broken, { strptime => 'ValueError', 'minus naive now' => 'TypeError', 'exact keys' => 'ValueError' },
		'what breaks in a program of the old format on any message of ours');
	%broken = map { $_ => $unmatched->{expressions}{$_} } grep { $unmatched->{expressions}{$_} ne 'ok' } keys %{ $unmatched->{expressions} };
	is_deeply(\%broken, { strptime => 'ValueError', 'minus naive now' => 'TypeError', 'exact keys' => 'ValueError',
			'float()' => 'TypeError', 'int(volume)' => 'TypeError', 'round()' => 'TypeError', comparison => 'TypeError', arithmetic => 'TypeError', format => 'TypeError' },
		'and on one where something is unknown');
	is(sql('ours', 'SELECT count(*) FROM old_quotes o JOIN realtime_quotes q ON q.ticker = o.ticker AND q.time AT TIME ZONE \'Asia/Ho_Chi_Minh\' = o.time
			WHERE (o.price, o.volume, o.total_volume, o.change, o.change_percent, o.ceiling_price, o.floor_price, o.reference_price, o.highest_price, o.lowest_price, o.bid_price, o.ask_price)
			IS NOT DISTINCT FROM (q.price, q.volume, q.total_volume, q.change, q.change_percent, q.ceiling_price, q.floor_price, q.reference_price, q.highest_price, q.lowest_price, q.bid_price, q.ask_price)'),
		'30', 'its table has the same rows, in Vietnam\'s time');
	$end = decode_json((split /\n/, old_program($client, 'old_consumer.py', [ $address, $new, "$group-convert", 30, 'convert', $dsn ]))[-1]);
	like($end->{error}, qr/^TypeError: float\(\) argument must be/, 'one that makes float()s of all fields ends at the first null');
	cmp_ok($end->{stored}, '<', 30, 'and does not store its batch');
}
is(sql('ours', "SELECT string_agg(group_id || ' ' || lag, ', ' ORDER BY group_id) FROM vnstream_groups() WHERE group_id ~ 'group-(old|current)\$'"),
	'stock-consumer-group-current 0, stock-consumer-group-old 0', 'each group reads the topic on its own');
is(sql('ours', 'SELECT count(*) FROM vnstream_groups() WHERE is_ours'), '1', 'beside ours');
is(sql('ours', 'SELECT sum(difference), sum(delivered) FROM vnstream_audit(true) WHERE account !~ \'sweep\''), '0|30', 'whose account is not touched');

note 'a key is on the same partition, whoever sends';
my @keys = sort keys %partition;
is(scalar @keys, 30, 'thirty keys');
cmp_ok(scalar(keys %{ { reverse %partition } }), '>', 3, 'on several partitions');
foreach my $client (sort keys %clients)
{
	my $sent = old_program($client, 'old_producer.py', [ $address, $new ], join '', map { encode_json({ ticker => $_, time => "$naive.9" }) . "\n" } @keys);
	my %theirs = map { (split ' ')[ 2, 0 ] } split /\n/, $sent;
	is_deeply(\%theirs, \%partition, "$client puts each where ours does");
}
my $java = new_topic();
my ($jars) = PostgreSQL::Test::Utils::run_command([ "$root/test/kafka", 'where' ]);
broker_partitions($java);
my ($out, $err) = ('', '');
my $input = join '', map { "$_\t{}\n" } @keys;
IPC::Run::run([ 'java', '-Xmx256m', '-cp', "$jars/*", 'kafka.tools.ConsoleProducer', '--bootstrap-server', $address, '--topic', $java,
		'--property', 'parse.key=true', '--property', "key.separator=\t" ], '<', \$input, '>', \$out, '2>', \$err, IPC::Run::timeout(120))
  or die "ConsoleProducer: $out$err";
my %javas = map { split ' ' } split /\n/, kcat('-C', '-b', $address, '-t', $java, '-e', '-q', '-f', "%k %p\n");
is_deeply(\%javas, \%partition, 'so does the client in Java');

sub broker_partitions
{
	my ($topic) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE java; ALTER DATABASE java SET vnstream.topic = '$topic'");
	$node->safe_psql('java', 'CREATE EXTENSION vnstock_stream; SELECT vnstream_create_topic(partitions => 6)');
	return;
}

note 'the migration page, block by block, on an old deployment';
my $old_topic = new_topic();
my $page = PostgreSQL::Test::Utils::slurp_file("$root/doc/migration.md");
$page =~ s/stock-quotes-2/$old_topic-2/g;
$page =~ s/stock-quotes/$old_topic/g;
my @blocks = $page =~ /^```sql\n(.*?)^```$/msg;
my $client = 'kafka-python 2.0.2';
sql('postgres', 'CREATE DATABASE stock_db');
sql('stock_db', 'CREATE TABLE public.realtime_quotes (id serial PRIMARY KEY, ticker varchar(10), time timestamp, price numeric(15,2), volume bigint, total_volume bigint,
	change numeric(15,2), change_percent numeric(10,6), ceiling_price numeric(15,2), floor_price numeric(15,2), reference_price numeric(15,2), highest_price numeric(15,2),
	lowest_price numeric(15,2), bid_price numeric(15,2), ask_price numeric(15,2), created_at timestamp DEFAULT now(), UNIQUE (ticker, time))');
# what Kafka has no more; what it has, of which the old consumer lost two; and what is impossible
sql('stock_db', "INSERT INTO public.realtime_quotes (ticker, time, price, volume, total_volume) SELECT 'VCB', '2025-09-01 10:00'::timestamp + n * interval '1 min', 60000, 100, n * 100 FROM generate_series(1, 20) n");
sql('stock_db', "INSERT INTO public.realtime_quotes (ticker, time, price, volume, total_volume) VALUES ('VIC', '2025-10-12 14:12:50.804477', 15.47, 9217126554917738496, 0), ('SSI', '2025-09-01 10:00', 30.5, 100, 100)");
old_program($client, 'old_producer.py', [ $address, $old_topic ], join '', "sample\n",
	map { encode_json({ ticker => 'FPT', time => sprintf('%s.%06d', strftime('%Y-%m-%dT%H:%M:%S', gmtime(time + 7 * 3600)), $_), price => $_ % 2 ? 100_000.0 + $_ : 0.0, total_volume => 100 }) . "\n" } 0 .. 11);
{
	local $ENV{OLD_TABLE} = 'public.realtime_quotes';
	my $end = decode_json((split /\n/, old_program($client, 'old_consumer.py', [ $address, $old_topic, 'stock-consumer-group', 13, 'insert', $node->connstr('stock_db') ]))[-1]);
	is_deeply($end, { read => 13, stored => 13, error => undef }, 'an old deployment has run');
	sql('stock_db', "DELETE FROM public.realtime_quotes WHERE id IN (SELECT id FROM public.realtime_quotes WHERE ticker = 'FPT' LIMIT 2)");
}
sql('postgres', "ALTER DATABASE stock_db SET vnstream.kafka_config_file = '$properties'");
my %answers;
foreach my $i (0 .. $#blocks)
{
	my ($code, $out, $err) = $node->psql('stock_db', $blocks[$i], on_error_stop => 1);
	is($code, 0, 'block ' . ($i + 1) . ' of the page') or diag("$blocks[$i]\n$err");
	$answers{$i} = $out;
	query_until($node, 'stock_db', 'SELECT count(*) >= 30 FROM market.realtime_quotes WHERE source IS NOT NULL', 't', 'a sweep of the new pipeline')
	  if $blocks[$i] =~ /vnstream_sweep\(\)/;
}
sub answer_to
{
	my ($pattern) = @_;
	my ($i) = grep { $blocks[$_] =~ $pattern } 0 .. $#blocks;
	return $answers{$i};
}
is(answer_to(qr/AS repeated/), "32|4|2025-09-01 10:00:00|" . (answer_to(qr/AS repeated/) =~ /\|([^|]*)\|\d+\|0$/)[0] . '|5|0', 'what there was');
like(answer_to(qr/hours_off/), qr/^(?:FPT\|.*\|-?0\n?){5}$/, 'the clock is Vietnam\'s');
like(answer_to(qr/vnstream_audit.true/), qr/^\S+ segment \d+\|13\|12\|0\|1\|0\|0$/m, 'the old topic is read to the last message');
like(answer_to(qr/vnstream_audit.true/), qr/^stock-consumer-group\|\w*\|13\|0\|f$/m, 'beside the old group');
my %outcome = map { (split /\|/)[ 0, 1 ] } grep { /^[a-z_]+\|\d+\|/ } split /\n/, answer_to(qr/vnstream_import\('public.realtime_quotes'\);/);
is($outcome{stored}, 20, 'what Kafka has no more is taken over');
is($outcome{duplicate}, 10, 'what it has is there');
my $sum = 0;
$sum += $_ for values %outcome;
is($sum, 32, 'every row of the old table has an outcome');
is(answer_to(qr/not_in_old_table/), '12|2', 'the two that the old consumer lost are found');
like(answer_to(qr/AS ratio/), qr/^SSI\|30\.50\|\d+\|\d+\.\d+\|/m, 'a price in thousand VND is seen');
is(sql('stock_db', "SELECT count(*) FROM old_form.realtime_quotes q WHERE NOT EXISTS (SELECT FROM public.realtime_quotes o WHERE o.ticker = q.ticker AND o.time = q.time)"),
	'0', 'the way back leaves nothing out');
is(sql('stock_db', "SELECT count(*) FROM market.vnstream_status() WHERE worker ~ '^(producer|consumer)' AND state <> 'stopped'"), '0', 'and ends with all stopped');
is(scalar @blocks, 15, 'all blocks of the page');

$node->stop;
done_testing();
