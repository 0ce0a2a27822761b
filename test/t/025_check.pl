# vnstream_check(): a good set-up is told to be good; then each fault is planted,
# and found at its step and no other; and nothing is ever written by looking.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use VnstreamTest;

my $broker = start_broker('--sasl',
	'--config', 'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
	'--config', 'allow.everyone.if.no.acl.found=true');
my ($sasl) = broker_command($broker, 'env') =~ /^KAFKA_SASL=(\S+)/m;
my $address = broker_address($broker);
my $simulator = start_simulator('--symbols', '300', '--unknown', '0');
my $topic = new_topic();
my $file = PostgreSQL::Test::Utils::tempdir() . '/kafka.properties';
my $canary = 'Canary-51b0aa';

my $node = new_server(
	'check',
	init => { allows_streaming => 1 },
	brokers => $address,
	topic => $topic,
	partitions => 2,
	vci_url => "$simulator->{url}api/",
	interval => '3600s',
	server => { max_worker_processes => 8 });
my @steps = (
	'library', 'versions', 'worker slots', 'workers', 'settings',
	'source: name', 'source: connection', 'source: TLS', 'source: answer', 'source: quote', 'source: clock', 'interval', 'symbols', 'calendar',
	'Kafka: file', 'Kafka: names', 'Kafka: connection', 'Kafka: login', 'Kafka: topic', 'Kafka: write', 'Kafka: read', 'Kafka: clock',
	'table', 'partitions', 'latest quotes', 'disk');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Everything that a check says, by step: {result, detail, advice}.
sub look
{
	my ($server) = @_;
	my $began = time();
	my $rows = ($server // $node)->safe_psql('postgres',
		q{SELECT coalesce(json_agg(c ORDER BY step), '[]') FROM vnstream_check() c});
	my $list = JSON::PP->new->decode($rows);

	cmp_ok(time() - $began, '<', 40, 'it does not take long');
	is(join(',', map { $_->{name} } @$list), join(',', @steps), 'all steps, in their order');
	is(scalar(grep { $_->{ms} < 0 || !length $_->{detail} || ($_->{result} =~ /warning|failed/ && !length($_->{advice} // '')) } @$list),
		0, 'each with time and detail, and advice where something is wrong');
	unlike($rows, qr/\Q$canary\E/, 'nothing secret');
	return { map { $_->{name} => $_ } @$list };
}

# Exactly these steps have something to say: name => [result, detail].
sub found
{
	my ($name, %expected) = @_;
	my $told = look(delete $expected{server});
	my %faults = map { $_ => $told->{$_}{result} } grep { $told->{$_}{result} =~ /warning|failed/ } keys %$told;

	is_deeply(\%faults, { map { $_ => $expected{$_}[0] } keys %expected }, "$name: found there, and only there")
	  or diag(join "\n", map { "$_: $told->{$_}{result}: $told->{$_}{detail}" } @steps);
	foreach my $step (keys %expected)
	{
		like($told->{$step}{detail}, $expected{$step}[1], "$name: $step tells it");
		like($told->{$step}{advice}, $expected{$step}[2], "$name: and what to do") if $expected{$step}[2];
	}
	return $told;
}

# The same with settings of the database, which are gone afterwards.
sub found_with
{
	my ($settings, $name, @expected) = @_;

	sql(join '', map { "ALTER DATABASE postgres SET vnstream.$_ = '$settings->{$_}';" } keys %$settings);
	my $told = found($name, @expected);
	sql(join '', map { "ALTER DATABASE postgres RESET vnstream.$_;" } keys %$settings);
	return $told;
}

sub offsets { return broker_command($broker, 'get-offsets', '--topic', $topic); }

# ---- before the first start

sql('CREATE EXTENSION vnstock_stream');
my $told = found('never started',
	'Kafka: topic' => [ 'warning', qr/does not exist/, qr/vnstream_start/ ],
	'table' => [ 'failed', qr/realtime_quotes does not exist/, qr/vnstream_start/ ]);
is($told->{workers}{result}, 'skipped', 'no worker is missed');
is($told->{'Kafka: read'}{result}, 'skipped', 'nor a topic to read');
unlike(broker_command($broker, 'topics', '--list'), qr/\Q$topic\E/, 'looking has made no topic');

# ---- all well

start_pipeline($node);
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'caught up');
my $before = offsets();
$told = found('a good set-up');
is(join(',', grep { $told->{$_}{result} eq 'skipped' } @steps), 'source: TLS', 'only what cannot be is skipped');
like($told->{workers}{detail}, qr/^2 of 2 running/, 'the workers are counted');
is(offsets(), $before, 'nothing was written to the topic');
is(account($node, 'postgres'), '', 'the account is exact');

# ---- workers

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION vnstock_stream');
$node->safe_psql('other', "SELECT vnstream_start('producer')");
query_until($node, 'other', "SELECT state FROM vnstream_status() WHERE worker = 'producer'", 'failed', 'a producer too many');
is($node->safe_psql('other', "SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'workers'"),
	'failed: 0 of 1 running; producer: failed, waits for the producer of database "postgres" to end', 'a worker that failed is told');
$node->safe_psql('other', 'SELECT vnstream_stop()');

# From here on nothing runs that faults could disturb.
sql('SELECT vnstream_stop()');
is(sql("SELECT vnstream_wait('stopped')"), 't', 'stopped');
found('stopped');

found_with({ consumers => 16 }, 'too few slots',
	'worker slots' => [ 'failed', qr/^\d+ free, 1[78] more needed/, qr/max_worker_processes to at least \d+/ ],
	'Kafka: topic' => [ 'warning', qr/2 partitions for 16 consumers/, qr/vnstream_alter_topic\(partitions => 16\)/ ]);
sql("UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'vnstock_stream'");
found('versions differ', versions => [ 'failed', qr/script is of version 0\.0\.9, the library of version 0\.1\.0/, qr/UPDATE/ ]);
sql("UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'vnstock_stream'");

# ---- settings

found_with({ allow_insecure_source => 'off' }, 'http:// without consent', settings => [ 'failed', qr/vci_url/, qr/allow_insecure_source/ ]);
found_with({ outbox_limit => '2000GB' }, 'an outbox larger than the disk', settings => [ 'warning', qr/outbox_limit is \d+ MB, and the data directory has \d+ MB free/, qr/half/ ]);
found_with({ topic_retention => '10min' }, 'a short retention',
	settings => [ 'warning', qr/topic_retention is 600 s/, qr/down/ ],
	'Kafka: topic' => [ 'warning', qr/604800 s, vnstream\.topic_retention is 600 s/ ]);
sql("UPDATE pg_db_role_setting SET setconfig = setconfig || '{vnstream.intervall=5s}' FROM pg_database d WHERE d.oid = setdatabase AND datname = 'other'");
is($node->safe_psql('other', "SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'settings'"),
	'failed: "vnstream.intervall" cannot be what ALTER DATABASE has set it to, so it is not', 'a setting that there is not is told');
$node->safe_psql('postgres', 'DROP DATABASE other');

# ---- the source

found_with({ vci_url => 'http://no-such-host.invalid/api/' }, 'unknown host', 'source: name' => [ 'failed', qr/no-such-host\.invalid/, qr/name servers/ ]);
found_with({ vci_url => 'http://127.0.0.1:1/api/' }, 'closed port', 'source: connection' => [ 'failed', qr/127\.0\.0\.1/, qr/firewalls/ ]);
(my $secure = "$simulator->{url}api/") =~ s/^http:/https:/;
found_with({ vci_url => $secure }, 'TLS to a port without', 'source: TLS' => [ 'failed', qr/\S/, qr/certificate/ ]);
simulator_mode($simulator, mode => '500');
found('an error 500', 'source: answer' => [ 'failed', qr/500/ ]);
simulator_mode($simulator, mode => '403');
found('a refusal', 'source: answer' => [ 'failed', qr/403/, qr/user_agent/ ]);
simulator_mode($simulator, mode => 'truncated');
found('garbage', 'source: quote' => [ 'failed', qr/\S/, qr/vnstream_fetch/ ]);
simulator_mode($simulator, mode => 'ok');
simulator_post($simulator, 'skew', { seconds => 60 });
found('a clock that is behind', 'source: clock' => [ 'warning', qr/(?:5|6)\d\.\d s behind/, qr/NTP/ ]);
simulator_post($simulator, 'skew', { seconds => -60 });
found('a clock that is ahead', 'source: clock' => [ 'warning', qr/(?:5|6)\d\.\d s ahead/, qr/NTP/ ]);
simulator_post($simulator, 'skew', { seconds => 0 });
found_with({ interval => '1s', requests_per_minute => 60 }, 'a sweep that does not fit',
	interval => [ 'warning', qr/300 symbols is 6 requests, which at 60 a minute take 6 s; the interval is 1 s/, qr/interval to 6s, or vnstream\.requests_per_minute to 360/ ]);

# ---- the brokers

found_with({ brokers => 'no-such-host.invalid:9092' }, 'unknown broker', 'Kafka: names' => [ 'failed', qr/no-such-host\.invalid/, qr/name servers/ ]);
found_with({ brokers => '127.0.0.1:1' }, 'no broker there', 'Kafka: connection' => [ 'failed', qr/0 of 1 brokers; 127\.0\.0\.1:1: Connection refused/, qr/firewalls/ ]);
found_with({ brokers => "127.0.0.1:1,$address" }, 'one of two', 'Kafka: connection' => [ 'warning', qr/1 of 2 brokers; 127\.0\.0\.1:1: Connection refused/ ]);

sub write_config
{
	my ($content, $mode) = @_;

	unlink $file;
	append_to_file($file, $content);
	chmod $mode // 0600, $file;
	return;
}
my $login = "security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=tester\nsasl.password=";

write_config("debug=$canary\nsasl.password=$canary\n");
$told = found_with({ kafka_config_file => $file }, 'a refused key', 'Kafka: file' => [ 'failed', qr/\Q$file\E: line 1: "debug" is not allowed/, qr/reload/ ]);
is($told->{'Kafka: login'}{result}, 'skipped', 'without a good file nothing is asked');
write_config('', 0644);
found_with({ kafka_config_file => $file }, 'an open file', 'Kafka: file' => [ 'failed', qr/mode 0644/ ]);
write_config("${login}$canary\n");
found_with({ kafka_config_file => $file, brokers => $sasl }, 'a wrong password',
	'Kafka: file' => [ 'warning', qr/sasl_plaintext/ ],
	'Kafka: login' => [ 'failed', qr/the login is refused/, qr/sasl\.password/ ]);
write_config("${login}tester-secret\n");
found_with({ kafka_config_file => $file, brokers => $sasl }, 'a password over an open line', 'Kafka: file' => [ 'warning', qr/sasl_plaintext/ ]);

# ---- the topic

found_with({ topic => new_topic() }, 'no topic', 'Kafka: topic' => [ 'warning', qr/does not exist/ ]);
found_with({ partitions => 5 }, 'fewer partitions', 'Kafka: topic' => [ 'warning', qr/has 2 partitions, vnstream\.partitions is 5/, qr/vnstream_alter_topic\(partitions => 5\)/ ]);
found_with({ replication_factor => 3 }, 'fewer replicas', 'Kafka: topic' => [ 'warning', qr/has 1 replica, vnstream\.replication_factor is 3/, qr/replication => 3/ ]);
found_with({ partitions => 5, topic_retention => '8d' }, 'both', 'Kafka: topic' => [ 'warning', qr/partitions is 5; the topic keeps/, qr/partitions => 5.* SELECT .*retention => /s ]);
found_with({ topic_retention => '8d' }, 'another retention', 'Kafka: topic' => [ 'warning', qr/604800 s, vnstream\.topic_retention is 691200 s/, qr/retention => '691200 s'/ ]);
$before = offsets();
broker_command($broker, 'acls', '--add', '--allow-principal', 'User:*', '--operation', 'All', '--topic', $topic);
broker_command($broker, 'acls', '--add', '--deny-principal', 'User:*', '--operation', 'Write', '--topic', $topic);
found('no right to write', 'Kafka: write' => [ 'failed', qr/do not allow this login to write/, qr/Write/ ]);
broker_command($broker, 'acls', '--remove', '--force', '--deny-principal', 'User:*', '--operation', 'Write', '--topic', $topic);
broker_command($broker, 'acls', '--add', '--deny-principal', 'User:*', '--operation', 'Read', '--topic', $topic);
found('no right to read', 'Kafka: read' => [ 'failed', qr/do not allow this login to read/, qr/Read/ ]);
broker_command($broker, 'acls', '--remove', '--force', '--deny-principal', 'User:*', '--operation', 'Read', '--topic', $topic);
broker_command($broker, 'configs', '--alter', '--entity-type', 'topics', '--entity-name', $topic, '--add-config', 'max.message.bytes=40000000');
found('messages too large to try', 'Kafka: write' => [ 'warning', qr/not tried.*larger than 32 MB/ ]);
# zeros would be small enough once compressed, in the client or in the broker
broker_command($broker, 'configs', '--alter', '--entity-type', 'topics', '--entity-name', $topic, '--add-config', 'max.message.bytes=100000,compression.type=zstd');
write_config("${login}tester-secret\ncompression.type=zstd\nmessage.max.bytes=2000\n");
found_with({ kafka_config_file => $file, brokers => $sasl }, 'compression', 'Kafka: file' => [ 'warning', qr/sasl_plaintext/ ]);
is(offsets(), $before, 'none of this has written to the topic');
broker_command($broker, 'verifiable-producer', '--topic', $topic, '--max-messages', 1, '--message-create-time', int((time() + 600) * 1000));
isnt(offsets(), $before, 'a message of the future');
found('is told', 'Kafka: clock' => [ 'warning', qr/newest message is of 5\d\d\.\d s in the future/, qr/NTP/ ]);
my $future = 'Kafka: clock';

# ---- the table

sql('ALTER TABLE realtime_quotes RENAME TO renamed');
$told = found('renamed', $future => [ 'warning', qr// ], table => [ 'failed', qr/does not exist/, qr/renamed/ ]);
is($told->{partitions}{result}, 'skipped', 'its partitions are not looked for');
sql('ALTER TABLE renamed RENAME TO realtime_quotes');
sql('ALTER TABLE realtime_quotes RENAME COLUMN ceiling_price TO roof');
found('a column gone', $future => [ 'warning', qr// ], table => [ 'failed', qr/ceiling_price/ ]);
sql('ALTER TABLE realtime_quotes RENAME COLUMN roof TO ceiling_price');
my $superuser = sql('SELECT current_user');
sql("ALTER TABLE realtime_quotes OWNER TO \"$superuser\"");
found('a superuser\'s', $future => [ 'warning', qr// ], table => [ 'warning', qr/is a superuser/, qr/OWNER TO/ ]);
sql('ALTER TABLE realtime_quotes OWNER TO pg_database_owner');
sql('REVOKE INSERT ON realtime_quotes FROM pg_database_owner');
found('no right to insert', $future => [ 'warning', qr// ], table => [ 'failed', qr/may not insert/, qr/GRANT INSERT/ ]);
sql('GRANT INSERT ON realtime_quotes TO pg_database_owner');
my $next = sql("SELECT to_char(date_trunc('month', now() AT TIME ZONE 'Asia/Ho_Chi_Minh') + interval '1 month', '\"realtime_quotes_\"YYYY_MM')");
sql("ALTER TABLE realtime_quotes DETACH PARTITION $next; ALTER TABLE $next RENAME TO aside");
found('no partition for the next month', $future => [ 'warning', qr// ], partitions => [ 'warning', qr/there is no $next/, qr/consumer/ ]);
sql("ALTER TABLE aside RENAME TO $next");
found('a detached partition', $future => [ 'warning', qr// ], partitions => [ 'failed', qr/in the way of a partition/, qr/ATTACH/i ]);
sql("DROP TABLE $next");

# ---- the disk: none of a test's own can be had without privileges, so the rate
# is planted, and the arithmetic seen

sql("INSERT INTO realtime_quotes SELECT (jsonb_populate_record(q, jsonb_build_object('time', q.time - g * interval '1 s'))).*"
	  . ' FROM realtime_quotes q, generate_series(1, 9) g; ANALYZE realtime_quotes');
my $last = "INSERT INTO vnstream_sweeps (trigger, requested, answered, published) SELECT 'request', now(), n, n FROM (VALUES (%d)) v (n)";
my %others = ($future => [ 'warning', qr// ], partitions => [ 'warning', qr// ]);
$told = found('a rate that lasts', %others);
like($told->{disk}{detail}, qr/\(\d+ %\) free in the data directory; (?:300 rows and \d+ MB a day fill the data directory in \d+ days|it lasts for decades)/, 'is told');
my ($gigabytes) = $told->{disk}{detail} =~ /^([\d.]+) GB/;
my $bytes = sql('SELECT sum(pg_total_relation_size(relid)) / 3000 FROM pg_partition_tree(\'realtime_quotes\') WHERE isleaf');
sql(sprintf $last, $gigabytes * 1e9 / $bytes / 7);
found('a week', %others, disk => [ 'warning', qr/rows and \d+ MB a day fill the data directory in \d+ days/, qr/add space/ ]);
sql(sprintf $last, $gigabytes * 1e9 / $bytes * 10);
found('hours', %others, disk => [ 'failed', qr/in 0 days/, qr/add space/ ]);
sql('DELETE FROM vnstream_sweeps WHERE started IS NULL');

# ---- a broker that hangs, and nobody has to wait for it

broker_command($broker, 'pause');
found('a frozen broker', partitions => [ 'warning', qr// ], 'Kafka: login' => [ 'failed', qr/no request is answered/, qr/hang/ ]);
my $began = time();
my ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = '500ms'; SELECT * FROM vnstream_check()");
like($err, qr/canceling statement due to statement timeout/, 'it can be cancelled');
cmp_ok(time() - $began, '<', 5, 'at once');
broker_command($broker, 'resume');

# ---- who may

sql('CREATE ROLE nobody LOGIN; CREATE ROLE monitor LOGIN IN ROLE pg_monitor; CREATE ROLE operator LOGIN');
($code, $out, $err) = $node->psql('postgres', 'SELECT * FROM vnstream_check()', extra_params => [ '-U', 'nobody' ]);
like($err, qr/permission denied for function vnstream_check/, 'not everybody');
is($node->safe_psql('postgres', 'SELECT count(*) FROM vnstream_check()', extra_params => [ '-U', 'monitor' ]), scalar(@steps), 'pg_monitor may');
sql('GRANT EXECUTE ON FUNCTION vnstream_check() TO operator');
sql("ALTER DATABASE postgres SET vnstream.kafka_config_file = '/etc/$canary.properties'");
$out = $node->safe_psql('postgres', "SELECT result || detail FROM vnstream_check() WHERE name = 'Kafka: file'", extra_params => [ '-U', 'operator' ]);
is($out, 'failedcould not open the file: No such file or directory', 'who may not see the setting does not see the path');
sql('ALTER DATABASE postgres RESET vnstream.kafka_config_file');

# ---- a standby, and a server without the library

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$told = found('a standby', server => $standby, %others);
is(join(',', grep { $told->{$_}{result} eq 'skipped' } @steps),
	join(',', 'workers', 'source: TLS', 'Kafka: write', 'latest quotes'), 'what a standby does not do is skipped, and it asks the source');
$standby->stop;

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$told = found('not preloaded', %others, library => [ 'failed', qr/not among shared_preload_libraries/, qr/shared_preload_libraries = 'vnstock_stream'/ ]);
is(join(',', grep { $told->{$_}{result} eq 'skipped' } @steps),
	join(',', 'worker slots', 'workers', (grep { /^source/ } @steps), 'latest quotes'), 'what needs it is skipped');

done_testing();
