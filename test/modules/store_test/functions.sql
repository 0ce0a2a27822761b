
CREATE FUNCTION @extschema@.store_test_ensure()
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME', 'store_test_ensure'
LANGUAGE C VOLATILE;

CREATE FUNCTION @extschema@.store_test_find(
	OUT relation pg_catalog.regclass,
	OUT owner pg_catalog.text,
	OUT is_managed pg_catalog.bool)
AS 'MODULE_PATHNAME', 'store_test_find'
LANGUAGE C VOLATILE;

CREATE FUNCTION @extschema@.store_test_request()
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'store_test_request'
LANGUAGE C VOLATILE;

-- Runs a script (script.c) in a background worker of its own, and waits.
CREATE FUNCTION @extschema@.store_test(script pg_catalog.text)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'store_test'
LANGUAGE C VOLATILE STRICT;
