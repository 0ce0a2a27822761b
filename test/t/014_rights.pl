# The scout is a superuser's process in a database of somebody else's: nothing
# that the database's owner has planted there runs in it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use VnstreamTest;

my $node = new_server('rights', vci_url => 'http://127.0.0.1:1/api/');

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN CREATEDB');
$node->safe_psql('postgres', 'CREATE DATABASE trap OWNER mallory');
$node->safe_psql('trap', q{
	CREATE SCHEMA evil;
	CREATE TABLE evil.seen (who text);
	CREATE FUNCTION evil.equal(oid, int4) RETURNS bool LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO evil.seen VALUES (current_user); RETURN $1 = $2::oid; END $$;
	CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = int4, FUNCTION = evil.equal);
	CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = pg_catalog.oideq);
	GRANT ALL ON SCHEMA evil TO PUBLIC;
	GRANT ALL ON evil.seen TO PUBLIC}, extra_params => [ '-U', 'mallory' ]);

# This makes the launcher send the scout, and into the trap at that.
$node->safe_psql('trap', "ALTER DATABASE trap SET search_path = evil, pg_catalog", extra_params => [ '-U', 'mallory' ]);
$node->safe_psql('trap', "ALTER DATABASE trap SET work_mem = '5MB'", extra_params => [ '-U', 'mallory' ]);

# A start in another database is known only when a scan after it is done.
$node->safe_psql('postgres', 'CREATE EXTENSION vnstock_stream');
$node->safe_psql('postgres', 'SELECT vnstream_start()');
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL AND worker <> 'launcher'",
	'2', 'the settings are read');
is($node->safe_psql('trap', 'SET search_path = pg_catalog; SELECT count(*) FROM evil.seen'), '0',
	'the scout ran no operator of the database\'s owner');

# A value that SET accepts in another spelling stops nobody.
$node->safe_psql('trap', "ALTER DATABASE trap SET search_path = pg_catalog", extra_params => [ '-U', 'mallory' ]);
$node->safe_psql('postgres', 'CREATE DATABASE odd');
$node->safe_psql('odd', 'CREATE EXTENSION vnstock_stream');
$node->safe_psql('postgres', "ALTER DATABASE odd SET vnstream.consumers = '2.0'");
$node->safe_psql('postgres', "ALTER DATABASE odd SET vnstream.topic = 'odd'");
$node->safe_psql('odd', 'SELECT vnstream_start()');
query_until($node, 'odd', "SELECT count(*) FROM vnstream_status() WHERE worker LIKE 'consumer%' AND pid IS NOT NULL",
	'2', 'consumers = 2.0 is two consumers');

# What is no business of the extension may be prepared.
$node->safe_psql('postgres', "ALTER SYSTEM SET max_prepared_transactions = 2");
$node->restart;
is($node->safe_psql('postgres', "BEGIN; ALTER ROLE mallory SET work_mem = '6MB'; PREPARE TRANSACTION 'other'; ROLLBACK PREPARED 'other'; SELECT 'done'"),
	'done', 'PREPARE TRANSACTION of somebody else\'s work is let be');

# And with everything off, nothing can be waited for.
$node->append_conf('postgresql.conf', 'vnstream.enabled = off');
$node->reload;
query_until($node, 'postgres', "SELECT count(*) FROM vnstream_status() WHERE pid IS NOT NULL AND worker <> 'launcher'", '0', 'all is down');
my ($code, $out, $err) = $node->psql('postgres', "SELECT vnstream_wait('running', '1 s')");
like($err, qr/"vnstream.enabled" is off.*HINT/s, 'waiting for running says that enabled is off');

done_testing();
