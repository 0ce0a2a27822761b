--
-- Objects, arguments, transactions and privileges, without a broker.
--
\set VERBOSITY default
CREATE EXTENSION vnstock_stream;

-- every object of the extension, and that each has a comment
\dx+ vnstock_stream
SELECT pg_describe_object(d.classid, d.objid, 0) AS "objects without a comment"
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vnstock_stream')
  AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
  AND obj_description(d.objid, d.classid::regclass::name) IS NULL
  AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind = 'i');
SELECT attrelid::regclass AS "table", attname AS "column without a comment"
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE (c.relname LIKE 'vnstream_%' OR c.relname = 'latest_quotes') AND c.relkind IN ('r', 'v')
  AND a.attnum > 0
  AND col_description(a.attrelid, a.attnum) IS NULL;

-- one version in control file, script and library
SELECT e.extversion = v.script AND v.script = v.library AS same
FROM pg_extension e, vnstream_version() v WHERE e.extname = 'vnstock_stream';

-- nothing runs yet
SELECT worker, state, pid, messages, rows, last_error, lag FROM vnstream_status()
WHERE worker <> 'launcher';

-- what passes and how long it takes: a row for each part of the way, always
SELECT * FROM vnstream_latency();

-- settings as workers get them, whatever this session has set
SELECT p.proargnames, p.provolatile, p.proparallel FROM pg_proc p
WHERE p.proname IN ('vnstream_latency', 'vnstream_settings') ORDER BY p.proname;
SET vnstream.interval = '7s';
SELECT * FROM vnstream_settings()
WHERE name IN ('vnstream.interval', 'vnstream.brokers', 'vnstream.max_databases') ORDER BY name;
ALTER DATABASE contrib_regression SET vnstream.interval = '90s';
SELECT name, value, source, in_use FROM vnstream_settings() WHERE name = 'vnstream.interval';
SHOW vnstream.interval;
RESET vnstream.interval;
ALTER DATABASE contrib_regression RESET vnstream.interval;
SELECT count(*) AS "settings without a line" FROM pg_settings p
WHERE p.name LIKE 'vnstream.%' AND NOT EXISTS (SELECT FROM vnstream_settings() v WHERE v.name = p.name);

-- wrong arguments say what would be right
SELECT vnstream_start('broker');
SELECT vnstream_stop('');
SELECT vnstream_restart('worker');
SELECT vnstream_restart();
SELECT vnstream_sweep();
SELECT vnstream_wait('done');
SELECT vnstream_wait('running', '-1 s');
SELECT vnstream_wait('running', '1 s');
SELECT vnstream_wait(NULL);
SELECT vnstream_wait('running', NULL);
SELECT vnstream_wait('stopped', '5 s');
SELECT * FROM vnstream_log(0);
SELECT * FROM vnstream_log(-1);
SELECT * FROM vnstream_log(1001);
SELECT * FROM vnstream_log(NULL);
SELECT * FROM vnstream_log(20, 'consumer');
SELECT * FROM vnstream_log(20, 'consumer 17');
SELECT * FROM vnstream_log(20, '');
SELECT * FROM vnstream_log(20, NULL, 'debug');
SELECT * FROM vnstream_log(20, 'producer', '');
SELECT * FROM vnstream_log(1000, 'producer', 'info');
SELECT * FROM vnstream_log(20, 'consumer 16', NULL);
SELECT * FROM vnstream_log(20, 'Consumer 16', 'WARNING');
SELECT * FROM vnstream_health();
SELECT * FROM vnstream_progress();

SELECT * FROM vnstream_fetch(NULL);
SELECT * FROM vnstream_fetch('');
SELECT * FROM vnstream_fetch('vcb');
SELECT * FROM vnstream_fetch('VCB,FPT');
SELECT * FROM vnstream_fetch('ABCDEFGHIJKLMNOPQRSTU');
SELECT * FROM vnstream_fetch(repeat('A', 1000));
SELECT * FROM vnstream_fetch('VCB', repeat('a', 1000));
SELECT * FROM vnstream_fetch('VCB', 'kafka');
SELECT * FROM vnstream_fetch('VCB', '');
-- what is shown of a source that is not there
SELECT status, duration_ms IS NOT NULL AS took_time, url, headers, body, quote, verdicts,
	regexp_replace(error, 'failed: .*', 'failed') AS error FROM vnstream_fetch('VCB');

-- repair and audit, before there is anything
SELECT * FROM vnstream_replay_dead_letters();
SELECT * FROM vnstream_replay_dead_letters('form', '{1,NULL,2}');
SELECT vnstream_purge_dead_letters('1 day');
SELECT vnstream_purge_dead_letters('-1 day');
SELECT vnstream_purge_dead_letters(NULL);
SELECT * FROM vnstream_import(NULL);
SELECT * FROM vnstream_import('vnstream_positions');
SELECT * FROM vnstream_audit();
SELECT * FROM vnstream_audit(NULL);

-- rolled back: nothing was wanted, and no table made
BEGIN;
SELECT vnstream_start();
SELECT vnstream_wait('running', '1 s');
ROLLBACK;
SELECT to_regclass('realtime_quotes') IS NULL AS no_table;
SELECT count(*) FROM pg_db_role_setting s, unnest(setconfig) c WHERE c LIKE 'vnstream.run=%';

BEGIN;
SELECT vnstream_start('producer');
PREPARE TRANSACTION 'never';

-- the table that the first start makes
SELECT vnstream_start('consumer');
\d realtime_quotes
SELECT c.relname, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
WHERE c.oid = 'realtime_quotes'::regclass;
SELECT attname AS "columns without a comment" FROM pg_attribute
WHERE attrelid = 'realtime_quotes'::regclass AND attnum > 0
  AND col_description(attrelid, attnum) IS NULL;
SELECT l.attname AS "columns with another comment in latest_quotes"
FROM pg_attribute l JOIN pg_attribute t ON t.attrelid = 'realtime_quotes'::regclass
  AND t.attname = l.attname AND t.attnum > 0
WHERE l.attrelid = 'latest_quotes'::regclass
  AND col_description(l.attrelid, l.attnum)
    IS DISTINCT FROM col_description(t.attrelid, t.attnum);
SELECT c FROM pg_db_role_setting s, unnest(setconfig) c WHERE c LIKE 'vnstream.run=%';
SELECT vnstream_start('producer');
SELECT c FROM pg_db_role_setting s, unnest(setconfig) c WHERE c LIKE 'vnstream.run=%';
SELECT vnstream_stop('consumer');
SELECT c FROM pg_db_role_setting s, unnest(setconfig) c WHERE c LIKE 'vnstream.run=%';
SELECT vnstream_stop();
SELECT c FROM pg_db_role_setting s, unnest(setconfig) c WHERE c LIKE 'vnstream.run=%';
SELECT vnstream_wait('stopped', '30 s');

-- the law of conservation is a constraint
\set VERBOSITY terse
INSERT INTO vnstream_segments (cluster_id, topic, epoch, partition, from_offset, next_offset,
	stored, opened_because, opened_at, updated_at)
VALUES ('c', 't', 1, 0, 0, 10, 9, 'test', now(), now());
\set VERBOSITY default

-- DROP EXTENSION leaves the quotes, and a new one takes them up again
INSERT INTO vnstream_sweeps (trigger, requested) VALUES ('request', now());
DROP EXTENSION vnstock_stream;
SELECT to_regclass('realtime_quotes') IS NOT NULL AS table_is_kept;
CREATE EXTENSION vnstock_stream;
SELECT vnstream_start('consumer');
SELECT vnstream_stop();

-- a table of another shape is not touched, and the hint keeps its rows
ALTER TABLE realtime_quotes RENAME TO kept_quotes;
CREATE TABLE realtime_quotes (ticker text, price numeric);
SELECT vnstream_start();
DROP TABLE realtime_quotes;
ALTER TABLE kept_quotes RENAME TO realtime_quotes;

-- nothing for PUBLIC; looking for pg_monitor
CREATE ROLE regress_vnstream_nobody;
CREATE ROLE regress_vnstream_monitor IN ROLE pg_monitor;
SET ROLE regress_vnstream_nobody;
SELECT vnstream_start();
SELECT vnstream_stop();
SELECT vnstream_restart();
SELECT vnstream_wait('stopped');
SELECT vnstream_sweep();
SELECT vnstream_fetch('VCB');
SELECT count(*) FROM vnstream_status();
SELECT count(*) FROM vnstream_log();
SELECT * FROM vnstream_health();
SELECT count(*) FROM vnstream_progress();
SELECT count(*) FROM vnstream_version();
SELECT count(*) FROM vnstream_latency();
SELECT count(*) FROM vnstream_settings();
SELECT count(*) FROM vnstream_positions;
SELECT count(*) FROM vnstream_dead_letters;
SELECT count(*) FROM realtime_quotes;
SELECT * FROM vnstream_replay_dead_letters();
SELECT vnstream_purge_dead_letters('0');
SELECT * FROM vnstream_import('pg_class');
SELECT * FROM vnstream_audit();
RESET ROLE;
SET ROLE regress_vnstream_monitor;
SELECT count(*) > 0 AS may_look FROM vnstream_status();
SELECT count(*) >= 0 AS may_look FROM vnstream_log();
SELECT count(*) >= 0 AS may_look FROM vnstream_progress();
SELECT count(*) = 1 AS may_look FROM vnstream_health();
SELECT count(*) AS may_look FROM vnstream_latency();
SELECT count(*) > 0 AS may_look FROM vnstream_settings();
SELECT vnstream_wait('stopped', '30 s');
SELECT vnstream_start();
SELECT vnstream_fetch('VCB');
SELECT count(*) FROM vnstream_dead_letters;
SELECT count(*) FROM vnstream_audit(true);
SELECT * FROM vnstream_replay_dead_letters();
SELECT vnstream_purge_dead_letters('0');
SELECT * FROM vnstream_import('pg_class');
RESET ROLE;
-- whom the owner grants it, may
GRANT EXECUTE ON FUNCTION vnstream_start(text), vnstream_stop(text) TO regress_vnstream_nobody;
SET ROLE regress_vnstream_nobody;
SELECT vnstream_start('consumer');
SELECT vnstream_stop();
RESET ROLE;
SELECT vnstream_wait('stopped', '30 s');
DROP EXTENSION vnstock_stream;
DROP TABLE realtime_quotes;
DROP ROLE regress_vnstream_nobody, regress_vnstream_monitor;
