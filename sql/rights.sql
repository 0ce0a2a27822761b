--
-- Who may what, for every function of the extension.
--
CREATE EXTENSION vnstock_stream;
CREATE ROLE regress_vnstream_stranger;
CREATE ROLE regress_vnstream_watcher IN ROLE pg_monitor;

CREATE VIEW members AS
SELECT p.oid, p.proname, p.proacl, pg_get_function_identity_arguments(p.oid) AS arguments
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'vnstock_stream' AND d.deptype = 'e';

-- for everybody: what is no secret, or asks for SELECT on realtime_quotes
SELECT proname AS "open to everybody" FROM members
WHERE has_function_privilege('regress_vnstream_stranger', oid, 'EXECUTE');

-- who watches may call these, and none that changes anything
SELECT proname AS "for pg_monitor" FROM members
WHERE has_function_privilege('regress_vnstream_watcher', oid, 'EXECUTE') ORDER BY 1;

-- the others are for the extension's owner, and whom it grants them
SELECT proname AS "for the owner" FROM members
WHERE NOT has_function_privilege('regress_vnstream_watcher', oid, 'EXECUTE') ORDER BY 1;

-- each, called by a stranger, is refused before it does or tells anything
CREATE FUNCTION refusal(function oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	arguments text;
BEGIN
	-- as a constant, NULL would not even be handed to a strict one
	SELECT string_agg(format('(SELECT NULL::%s)', format_type(t, NULL)), ', ' ORDER BY n) INTO arguments
	FROM pg_proc p, unnest(p.proargtypes::oid[]) WITH ORDINALITY a(t, n) WHERE p.oid = function;
	EXECUTE format('SELECT count(*) FROM %s(%s)', function::regproc, arguments);
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
CREATE TABLE functions AS SELECT oid, proname FROM members;
GRANT SELECT ON functions TO regress_vnstream_stranger;
SET ROLE regress_vnstream_stranger;
SELECT proname, refusal(oid) FROM functions ORDER BY proname;
RESET ROLE;

-- NULL for every argument, by who may: a row or a clear error (those that ask
-- Kafka have tests with a broker)
SELECT proname, refusal(oid) AS "every argument NULL" FROM functions
WHERE proname NOT IN ('vnstream_audit', 'vnstream_brokers', 'vnstream_check', 'vnstream_create_topic',
	'vnstream_groups', 'vnstream_offsets', 'vnstream_topics')
ORDER BY proname;

DROP TABLE functions;
DROP FUNCTION refusal(oid);
DROP VIEW members;
DROP EXTENSION vnstock_stream;
DROP ROLE regress_vnstream_stranger;
DROP ROLE regress_vnstream_watcher;
