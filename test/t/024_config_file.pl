# vnstream.kafka_config_file: a broker that wants TLS and a login is reached by
# workers and functions, a wrong file is told by line and key, and nothing of
# what stands in it is ever shown.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $broker = start_broker('--sasl', '--ssl', '--config', 'socket.request.max.bytes=300000');
my %address = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, broker_command($broker, 'env');
my $simulator = start_simulator('--symbols', '100', '--unknown', '0');
my $topic = new_topic();
my $folder = PostgreSQL::Test::Utils::tempdir();
my $file = "$folder/kafka.properties";
my $secret = 'tester-secret';
my $canary = 'Canary-7c1e55';

sub write_config
{
	my ($content, $mode) = @_;

	unlink $file;
	append_to_file($file, $content);
	chmod $mode // 0600, $file;
	return;
}

my $login = <<"EOF";
# what the pipeline logs in with
security.protocol = sasl_ssl
sasl.mechanism = SCRAM-SHA-512
sasl.username = tester
sasl.password = $secret
ssl.ca.location = $address{KAFKA_SSL_CA_PEM}
EOF

write_config($login);
my $node = new_server(
	'config',
	brokers => $address{KAFKA_SASL_SSL},
	kafka_config_file => $file,
	topic => $topic,
	vci_url => "$simulator->{url}api/",
	interval => '3600s');

sub sql { return $node->safe_psql('postgres', $_[0]); }
my $pids = "SELECT string_agg(replace(worker, ' ', '-') || ' ' || pid, ', ' ORDER BY worker) FROM vnstream_status() WHERE worker <> 'launcher'";

sub is_refused
{
	my ($content, $expected, $name, %options) = @_;
	my $time = $options{time} // '1 s';

	write_config($content, $options{mode});
	my ($code, $out, $err) = $node->psql('postgres', "SELECT vnstream_wait('caught up', '$time')");
	is($out, 'f', "$name: a function does not get through");
	like($err, $expected, "$name: and says why");
	unlike($err, qr/\Q$canary\E|\Q$secret\E|\Q$folder\E/, "$name: without a value or a path");
	return;
}

# ---- a good file

start_pipeline($node);
query_until($node, 'postgres', 'SELECT count(*) FROM vnstream_sweeps WHERE ended IS NOT NULL', '1', 'a sweep has ended');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'TLS and SCRAM-SHA-512: caught up');
is(sql('SELECT count(*) FROM realtime_quotes'), '100', 'and all is stored');
is(account($node, 'postgres'), '', 'the account is exact');
is(sql("SELECT result FROM vnstream_check() WHERE name = 'Kafka: write'"), 'warning',
	'brokers that take no message as large as the topic does are not told as a refusal');

# ---- another content comes with a reload, and without need for one nothing restarts

my $before = sql($pids);
$node->reload;
sleep 2;
is(sql($pids), $before, 'a reload with the same file restarts nobody');

(my $plain = $login) =~ s/SCRAM-SHA-512/PLAIN/;
$plain =~ s/sasl\.mechanism /sasl.mechanisms/;
write_config($plain);
$node->reload;
ok(wait_for(sub {
	my %old = map { split ' ', $_ } split /, /, $before;
	my %new = map { split ' ', $_ } split /, /, (sql($pids) || 'none 0');
	return 2 == grep { defined $new{$_} && $new{$_} ne $old{$_} } 'producer', 'consumer-1';
}, 'new workers'), 'a reload with another content has both workers start anew');
is(sql("SELECT vnstream_wait('running', '60 s')"), 't', 'which run');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'with PLAIN over TLS, too');

# ---- a file that became bad changes nothing for those who run

$before = sql($pids);
write_config($plain . "debug = $canary\n");
$node->reload;
query_until($node, 'postgres', "SELECT bool_and(last_error = 'vnstream.kafka_config_file: line 7: \"debug\" is not allowed: librdkafka would log more than a log may have') FROM vnstream_status() WHERE worker <> 'launcher'",
	't', 'a bad file at a reload is told by line and key');
is(sql($pids), $before, 'and the workers stay');
like(slurp_file($node->logfile), qr/WARNING:.*kafka_config_file: line 7.*\n.*HINT:.*until then the connections stay/, 'with a hint in the log');
my $sweep = sql('SELECT vnstream_sweep()');
query_until($node, 'postgres', "SELECT published FROM vnstream_sweeps WHERE sweep = $sweep AND ended IS NOT NULL", '100', 'and at work');

# ---- each kind of fault

is_refused("$login$canary\n", qr/line 7: it is not key=value/, 'a line without a key');
is_refused("${login}sasl.password = $canary\n", qr/line 7: "sasl\.password" stands in line 5 already/, 'a duplicate');
is_refused("${login}plugin.library.paths = /$canary.so\n", qr/line 7: "plugin\.library\.paths" is not allowed: it loads code/, 'a key that loads code');
is_refused("${login}ssl.ca.locations = $canary\n", qr/line 7: "ssl\.ca\.locations" is not among the keys/, 'an unknown key');
is_refused("${login}enable.ssl.certificate.verification = false\n", qr/line 7: .* must stay true/, 'no verification');
is_refused("${login}ssl.endpoint.identification.algorithm = none\n", qr/line 7: .* must stay https/, 'no host name');
is_refused("${login}socket.timeout.ms = $canary\n", qr/line 7: librdkafka does not take the value of "socket\.timeout\.ms"/, 'a bad value');
is_refused($login, qr/open to others than its owner \(mode 0644\)/, 'a file that others can read', mode => 0644);
is_refused($login =~ s/ca\.pem/$canary.pem/r, qr/ssl\.ca\.location failed: /, 'a certificate that is not there');
is_refused($login =~ s/^security.*\n//mr, qr/"sasl\.mechanisms" has no use with security\.protocol plaintext/, 'a login without a protocol');
unlink $file;
my ($code, $out, $err) = $node->psql('postgres', "SELECT vnstream_wait('caught up', '1 s')");
like($err, qr/could not open the file: No such file/, 'no file is told');
unlike($err, qr/\Q$folder\E/, 'without its path');

# Bytes that are no text stay out of what a program may catch and keep.
write_config("log\xff\xfe = $canary\n");
sql('CREATE TABLE kept (words text)');
foreach my $function (qw(brokers topics peek))
{
	sql("DO \$\$ BEGIN PERFORM * FROM vnstream_$function(); EXCEPTION WHEN OTHERS THEN INSERT INTO kept VALUES (SQLERRM); END \$\$");
}
is(sql("SELECT DISTINCT length(convert_to(words, 'LATIN1')) > 0, substr(words, 1, 49) FROM kept"),
	't|vnstream.kafka_config_file: line 1: "log\xff\xfe"', 'an error is a text of this database, whatever it quotes');
is_refused("log\xff\xfe = $canary\n", qr/line 1: "log\\xff\\xfe" is not allowed/, 'and so is a notice');

# ---- what the broker refuses

# vnstream_check() tells which it is.
sub login_step { return sql("SELECT result || ': ' || detail FROM vnstream_check() WHERE name = 'Kafka: login'"); }

write_config($login);
like(login_step(), qr/^ok: 1 broker/, 'the login is checked');
write_config($login =~ s/\Q$secret\E/$canary/r);
like(login_step(), qr/^failed: the login is refused: .*invalid credentials/, 'a wrong password is told as one');
write_config($login =~ s/ca\.pem$/other-ca.pem/mr);
like(login_step(), qr/^failed: TLS fails: .*verify failed/, 'a wrong certificate as that');
write_config("security.protocol=plaintext\n");
like(login_step(), qr/^failed: /, 'and that the port wants TLS');

is_refused($login =~ s/\Q$secret\E/$canary/r, qr/Authentication failed|authentication/i, 'a wrong password', time => '7 s');
is_refused($login =~ s/ca\.pem$/other-ca.pem/mr, qr/certificate verify failed|verif/i, 'a broker that somebody else has certified', time => '7 s');

# A worker that starts with the wrong password says so, and comes back by itself.
write_config($login =~ s/\Q$secret\E/$canary/r);
sql('SELECT vnstream_restart()');
query_until($node, 'postgres',
	"SELECT count(*) FROM vnstream_status() WHERE worker <> 'launcher' AND state = 'backing off' AND last_error ~* 'authentication'",
	'2', 'workers tell of a wrong password', 90);
write_config($login);
$node->reload;
is(sql("SELECT vnstream_wait('running', '90 s')"), 't', 'and run when it is right');
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'with nothing lost');
is(account($node, 'postgres'), '', 'the account is exact');

# ---- the prefix in the list of brokers

write_config('');
sql("SELECT vnstream_stop()");
is(sql("SELECT vnstream_wait('stopped')"), 't', 'stopped');
sql("ALTER DATABASE postgres SET vnstream.brokers = 'SASL_SSL://$address{KAFKA_SASL_SSL}'");
($code, $out, $err) = $node->psql('postgres', "SELECT vnstream_wait('caught up', '1 s')");
like($err, qr/security\.protocol sasl_ssl needs "sasl\.mechanisms"/, 'a prefix that wants a login without one');
write_config($login =~ s/^security.*\n//mr);
is(sql("SELECT vnstream_wait('caught up', '60 s')"), 't', 'a prefix is as good as security.protocol');

# ---- the setting itself

($code, $out, $err) = $node->psql('postgres', "SET vnstream.kafka_config_file = 'kafka.properties'");
like($err, qr/invalid value.*DETAIL:  It is not an absolute path.*HINT:  Use the path/s, 'a relative path is refused');
sql('CREATE ROLE nobody LOGIN');
($code, $out, $err) = $node->psql('postgres', 'SHOW vnstream.kafka_config_file', extra_params => [ '-U', 'nobody' ]);
like($err, qr/must be superuser or have privileges of pg_read_all_settings|permission denied/, 'the path is not for everybody');

# ---- who asks with the rights of an owner that is no superuser any more

$node->safe_psql('postgres', 'CREATE ROLE boss SUPERUSER LOGIN; CREATE DATABASE theirs');
$node->safe_psql('theirs', 'CREATE EXTENSION vnstock_stream', extra_params => [ '-U', 'boss' ]);
sql('ALTER ROLE boss NOSUPERUSER');
$node->append_conf('postgresql.conf', "vnstream.kafka_config_file = '$file'\n");
$node->reload;
is($node->safe_psql('theirs', "SELECT result FROM vnstream_check() WHERE name = 'Kafka: file'"),
	'failed', 'the file is looked at all the same');

unlike(slurp_file($node->logfile) =~ s/^.*(?:STATEMENT|statement):.*$//mgr, qr/\Q$canary\E|\Q$secret\E/, 'the whole log has no value of any file');

done_testing();
