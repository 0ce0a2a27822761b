/* sql/vnstock_stream--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION vnstock_stream" to load this file. \quit

/*
 * realtime_quotes is not made here: as a member of the extension, DROP
 * EXTENSION would drop every quote with it.  The first vnstream_start() makes
 * it.  The tables below are the pipeline's own state; pg_dump carries their
 * rows (pg_extension_config_dump at the end), and this script puts none in.
 */

--
-- State
--

CREATE TABLE @extschema@.vnstream_positions (
	cluster_id	pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	topic		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	epoch		pg_catalog.int4 NOT NULL,
	partition	pg_catalog.int4 NOT NULL,
	next_offset	pg_catalog.int8 NOT NULL CHECK (next_offset OPERATOR(pg_catalog.>=) 0),
	generation	pg_catalog.int8 NOT NULL,
	updated_at	pg_catalog.timestamptz NOT NULL,
	PRIMARY KEY (cluster_id, topic, epoch, partition)
);
COMMENT ON TABLE @extschema@.vnstream_positions IS
	'the next offset to store of each partition; moves in the transaction that stores the rows';
COMMENT ON COLUMN @extschema@.vnstream_positions.topic IS 'the Kafka topic';
COMMENT ON COLUMN @extschema@.vnstream_positions.partition IS 'the partition''s number in Kafka';
COMMENT ON COLUMN @extschema@.vnstream_positions.next_offset IS 'the first offset that is not stored yet';
COMMENT ON COLUMN @extschema@.vnstream_positions.updated_at IS 'when the position last moved or was claimed';
COMMENT ON COLUMN @extschema@.vnstream_positions.cluster_id IS
	'the Kafka cluster''s own id: offsets mean nothing in another cluster';
COMMENT ON COLUMN @extschema@.vnstream_positions.epoch IS 'which life of the topic';
COMMENT ON COLUMN @extschema@.vnstream_positions.generation IS
	'counts the consumers that took this partition over; an earlier one can store nothing any more';

CREATE SEQUENCE @extschema@.vnstream_segments_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_segments_seq IS 'numbers the rows of vnstream_segments';
CREATE TABLE @extschema@.vnstream_segments (
	segment		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_segments_seq'),
	cluster_id	pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	topic		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	epoch		pg_catalog.int4 NOT NULL,
	partition	pg_catalog.int4 NOT NULL,
	from_offset	pg_catalog.int8 NOT NULL,
	next_offset	pg_catalog.int8 NOT NULL,
	stored		pg_catalog.int8 NOT NULL DEFAULT 0,
	duplicates	pg_catalog.int8 NOT NULL DEFAULT 0,
	dead_letters pg_catalog.int8 NOT NULL DEFAULT 0,
	gaps		pg_catalog.int8 NOT NULL DEFAULT 0,
	purged		pg_catalog.int8 NOT NULL DEFAULT 0,
	opened_because pg_catalog.text NOT NULL,
	opened_at	pg_catalog.timestamptz NOT NULL,
	updated_at	pg_catalog.timestamptz NOT NULL,
	closed_at	pg_catalog.timestamptz,
	CONSTRAINT vnstream_segments_conserve CHECK
		(next_offset OPERATOR(pg_catalog.-) from_offset OPERATOR(pg_catalog.=)
		 (stored OPERATOR(pg_catalog.+) duplicates OPERATOR(pg_catalog.+)
		  dead_letters OPERATOR(pg_catalog.+) gaps)),
	CONSTRAINT vnstream_segments_purged CHECK
		(purged OPERATOR(pg_catalog.>=) 0 AND purged OPERATOR(pg_catalog.<=) dead_letters)
);
ALTER SEQUENCE @extschema@.vnstream_segments_seq
	OWNED BY @extschema@.vnstream_segments.segment;
CREATE UNIQUE INDEX vnstream_segments_open ON @extschema@.vnstream_segments
	(cluster_id, topic, epoch, partition) WHERE closed_at IS NULL;
COMMENT ON TABLE @extschema@.vnstream_segments IS
	'runs of offsets consumed in order, and what became of each offset: the law of conservation is a constraint';
COMMENT ON COLUMN @extschema@.vnstream_segments.segment IS 'number, in the order of opening';
COMMENT ON COLUMN @extschema@.vnstream_segments.cluster_id IS 'the Kafka cluster''s own id';
COMMENT ON COLUMN @extschema@.vnstream_segments.topic IS 'the Kafka topic';
COMMENT ON COLUMN @extschema@.vnstream_segments.epoch IS 'which life of the topic';
COMMENT ON COLUMN @extschema@.vnstream_segments.partition IS 'the partition''s number in Kafka';
COMMENT ON COLUMN @extschema@.vnstream_segments.from_offset IS 'the first offset of the run';
COMMENT ON COLUMN @extschema@.vnstream_segments.next_offset IS 'the first offset after it';
COMMENT ON COLUMN @extschema@.vnstream_segments.opened_because IS 'why a new run begins, such as the first start, lost offsets, or a position moved by hand';
COMMENT ON COLUMN @extschema@.vnstream_segments.opened_at IS 'when it was opened';
COMMENT ON COLUMN @extschema@.vnstream_segments.updated_at IS 'when a batch last extended it';
COMMENT ON COLUMN @extschema@.vnstream_segments.closed_at IS 'when it was closed; NULL while batches extend it';
COMMENT ON COLUMN @extschema@.vnstream_segments.stored IS 'offsets that are rows of realtime_quotes';
COMMENT ON COLUMN @extschema@.vnstream_segments.duplicates IS 'offsets whose quote, or dead letter, was there before';
COMMENT ON COLUMN @extschema@.vnstream_segments.dead_letters IS 'offsets kept in vnstream_dead_letters; those purged count on';
COMMENT ON COLUMN @extschema@.vnstream_segments.purged IS 'of dead_letters, those that vnstream_purge_dead_letters() deleted';
COMMENT ON COLUMN @extschema@.vnstream_segments.gaps IS
	'offsets that hold no message: control records, compaction, and ranges that Kafka had deleted';

CREATE SEQUENCE @extschema@.vnstream_dead_letters_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_dead_letters_seq IS 'numbers the rows of vnstream_dead_letters';
CREATE TABLE @extschema@.vnstream_dead_letters (
	letter		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_dead_letters_seq'),
	segment		pg_catalog.int8 NOT NULL,
	cluster_id	pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	topic		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	epoch		pg_catalog.int4 NOT NULL,
	kafka_partition	pg_catalog.int4 NOT NULL,
	kafka_offset	pg_catalog.int8 NOT NULL,
	key			pg_catalog.bytea,
	value		pg_catalog.bytea,
	code		pg_catalog.text NOT NULL,
	reason		pg_catalog.text NOT NULL,
	kafka_time	pg_catalog.timestamptz,
	created_at	pg_catalog.timestamptz NOT NULL,
	tries		pg_catalog.int4 NOT NULL DEFAULT 0,
	tried_at	pg_catalog.timestamptz,
	UNIQUE (cluster_id, topic, epoch, kafka_partition, kafka_offset)
);
ALTER SEQUENCE @extschema@.vnstream_dead_letters_seq
	OWNED BY @extschema@.vnstream_dead_letters.letter;
COMMENT ON TABLE @extschema@.vnstream_dead_letters IS
	'messages that could not be a row of realtime_quotes, kept whole with the reason';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.letter IS 'number, in the order of arrival here';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.segment IS 'the row of vnstream_segments that counts it in dead_letters';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.cluster_id IS 'the Kafka cluster''s own id';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.topic IS 'the Kafka topic';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.epoch IS 'which life of the topic';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.kafka_partition IS 'the partition that the message is in';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.kafka_offset IS 'the offset that it has there';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.key IS 'the message''s key as Kafka had it';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.reason IS 'what is wrong with it, for a person';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.created_at IS 'when it was kept';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.tries IS 'how often vnstream_replay_dead_letters() has read it again in vain';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.tried_at IS 'when it last did; code and reason are of then';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.value IS
	'the message as Kafka had it; NULL for a tombstone';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.code IS
	'"form", the name of a rule, "conflict", or the SQLSTATE of what PostgreSQL said';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.kafka_time IS 'the message''s timestamp in Kafka';

CREATE SEQUENCE @extschema@.vnstream_sweeps_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_sweeps_seq IS 'numbers the rows of vnstream_sweeps';
CREATE TABLE @extschema@.vnstream_sweeps (
	sweep		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_sweeps_seq'),
	source		pg_catalog.text,
	trigger		pg_catalog.text NOT NULL,
	requested	pg_catalog.timestamptz NOT NULL,
	started		pg_catalog.timestamptz,
	ended		pg_catalog.timestamptz,
	asked		pg_catalog.int8 NOT NULL DEFAULT 0,
	answered	pg_catalog.int8 NOT NULL DEFAULT 0,
	missing		pg_catalog.int8 NOT NULL DEFAULT 0,
	published	pg_catalog.int8 NOT NULL DEFAULT 0,
	unchanged	pg_catalog.int8 NOT NULL DEFAULT 0,
	rejected	pg_catalog.int8 NOT NULL DEFAULT 0,
	waiting		pg_catalog.int8 NOT NULL DEFAULT 0,
	error		pg_catalog.text,
	CONSTRAINT vnstream_sweeps_conserve CHECK
		(answered OPERATOR(pg_catalog.=)
		 (published OPERATOR(pg_catalog.+) unchanged OPERATOR(pg_catalog.+)
		  rejected OPERATOR(pg_catalog.+) waiting))
);
ALTER SEQUENCE @extschema@.vnstream_sweeps_seq OWNED BY @extschema@.vnstream_sweeps.sweep;
CREATE INDEX vnstream_sweeps_open ON @extschema@.vnstream_sweeps (sweep) WHERE ended IS NULL;
COMMENT ON TABLE @extschema@.vnstream_sweeps IS
	'one row a pass over all symbols: what was asked, what came, and what became of it';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.sweep IS 'number, as vnstream_sweep() returns it';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.source IS 'the source that was asked';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.requested IS 'when it was asked for, or fell due';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.started IS 'when the producer began; NULL while it waits';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.ended IS 'when the last answer had come, or the sweep was given up; NULL while it goes on';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.error IS 'the last thing that went wrong; NULL where all went well';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.trigger IS
	'why it was made: interval, start, or request (vnstream_sweep())';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.asked IS 'symbols that the source was asked for';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.answered IS 'symbols that had a row in an answer';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.missing IS 'symbols without a row, also when asked once more';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.published IS 'quotes that Kafka has acknowledged';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.unchanged IS 'quotes that said nothing new, so were not published';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.rejected IS 'quotes that cannot be true';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.waiting IS 'quotes in vnstream_outbox, not yet acknowledged by Kafka';

CREATE SEQUENCE @extschema@.vnstream_outbox_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_outbox_seq IS 'numbers the rows of vnstream_outbox';
CREATE TABLE @extschema@.vnstream_outbox (
	response	pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_outbox_seq'),
	sweep		pg_catalog.int8 NOT NULL,
	source		pg_catalog.text NOT NULL,
	fetched_at	pg_catalog.timestamptz NOT NULL,
	tickers		pg_catalog.text[] NOT NULL,
	messages	pg_catalog.text[] NOT NULL,
	bytes		pg_catalog.int8 NOT NULL
);
ALTER SEQUENCE @extschema@.vnstream_outbox_seq OWNED BY @extschema@.vnstream_outbox.response;
COMMENT ON TABLE @extschema@.vnstream_outbox IS
	'responses whose quotes Kafka has not all acknowledged yet; they are sent again after a crash';
COMMENT ON COLUMN @extschema@.vnstream_outbox.response IS 'number, in the order of arrival, which is the order of publishing';
COMMENT ON COLUMN @extschema@.vnstream_outbox.sweep IS 'the sweep that asked';
COMMENT ON COLUMN @extschema@.vnstream_outbox.source IS 'the source that answered';
COMMENT ON COLUMN @extschema@.vnstream_outbox.fetched_at IS 'when the response''s last byte had arrived';
COMMENT ON COLUMN @extschema@.vnstream_outbox.tickers IS 'the messages'' keys';
COMMENT ON COLUMN @extschema@.vnstream_outbox.messages IS 'the messages, one a ticker';
COMMENT ON COLUMN @extschema@.vnstream_outbox.bytes IS
	'size of the messages, which vnstream.outbox_limit is about';

--
-- Control
--

CREATE FUNCTION @extschema@.vnstream_start(component pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'vnstream_start'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_start(pg_catalog.text) IS
	'start the pipeline in this database, or only ''producer'' or ''consumer''; takes effect at COMMIT';

CREATE FUNCTION @extschema@.vnstream_stop(component pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'vnstream_stop'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_stop(pg_catalog.text) IS
	'stop the pipeline in this database, or only ''producer'' or ''consumer''; takes effect at COMMIT';

CREATE FUNCTION @extschema@.vnstream_restart(component pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'vnstream_restart'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_restart(pg_catalog.text) IS
	'end the workers of this database, or only ''producer'' or ''consumer'', and start them anew; takes effect at COMMIT';

CREATE FUNCTION @extschema@.vnstream_wait(state pg_catalog.text,
	timeout pg_catalog.interval DEFAULT '60 s')
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'vnstream_wait'
LANGUAGE C VOLATILE PARALLEL UNSAFE STRICT;
COMMENT ON FUNCTION @extschema@.vnstream_wait(pg_catalog.text, pg_catalog.interval) IS
	'wait until the workers are ''running'', ''stopped'', or ''caught up'' (all that is in the outbox and in Kafka now is stored); false when time ran out';

CREATE FUNCTION @extschema@.vnstream_sweep()
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'vnstream_sweep'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_sweep() IS
	'ask the producer for a sweep now; returns its number in vnstream_sweeps, does not wait';

--
-- What is going on
--

CREATE FUNCTION @extschema@.vnstream_status(
	OUT worker pg_catalog.text,
	OUT state pg_catalog.text,
	OUT pid pg_catalog.int4,
	OUT since pg_catalog.timestamptz,
	OUT waiting_for pg_catalog.text,
	OUT last_activity pg_catalog.timestamptz,
	OUT messages pg_catalog.int8,
	OUT rows pg_catalog.int8,
	OUT errors pg_catalog.int8,
	OUT last_error pg_catalog.text,
	OUT last_error_at pg_catalog.timestamptz,
	OUT restarts pg_catalog.int8,
	OUT lag pg_catalog.int8,
	OUT rate pg_catalog.float8,
	OUT time_left pg_catalog.interval,
	OUT cpu_seconds pg_catalog.float8,
	OUT memory pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_status'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_status() IS
	'one row a worker: messages are those acknowledged (producer) or read (consumer), rows those written to tables, lag in messages, rate in messages a second over the last minute, memory in bytes';

CREATE FUNCTION @extschema@.vnstream_version(
	OUT script pg_catalog.text,
	OUT library pg_catalog.text,
	OUT librdkafka pg_catalog.text,
	OUT libcurl pg_catalog.text,
	OUT cjson pg_catalog.text,
	OUT server pg_catalog.text)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_version'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.vnstream_version() IS
	'versions of this script, of the loaded library, and of what it is linked with';

--
-- Watching: log, health, progress, latency, settings
--

CREATE FUNCTION @extschema@.vnstream_progress(
	OUT what pg_catalog.text,
	OUT worker pg_catalog.text,
	OUT pid pg_catalog.int4,
	OUT started pg_catalog.timestamptz,
	OUT done pg_catalog.int8,
	OUT total pg_catalog.int8,
	OUT to_go pg_catalog.int8,
	OUT rate pg_catalog.float8,
	OUT time_left pg_catalog.interval)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_progress'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_progress() IS
	'long work in this database that goes on now, by sessions and by workers: rate is a second; a consumer that catches up and an outbox that is being sent count messages';
REVOKE ALL ON FUNCTION @extschema@.vnstream_progress() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_progress() TO pg_monitor;

--
-- Kafka: brokers, topics, offsets, groups
--

--
-- Kafka: messages, the topic, positions
--

--
-- Finding faults: fetch, check
--

--
-- Repair: dead letters, import, audit
--

CREATE FUNCTION @extschema@.vnstream_replay_dead_letters(
	code pg_catalog.text DEFAULT NULL,
	letters pg_catalog.int8[] DEFAULT NULL,
	OUT tried pg_catalog.int8,
	OUT stored pg_catalog.int8,
	OUT duplicates pg_catalog.int8,
	OUT kept pg_catalog.int8)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_replay_dead_letters'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_replay_dead_letters(pg_catalog.text, pg_catalog.int8[]) IS
	'read dead letters again by today''s rules, all or those of a code or with these numbers: what is a quote now is stored and its letter removed, what is none stays with its new reason';
REVOKE ALL ON FUNCTION @extschema@.vnstream_replay_dead_letters(pg_catalog.text, pg_catalog.int8[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_purge_dead_letters(older_than pg_catalog.interval)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'vnstream_purge_dead_letters'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_purge_dead_letters(pg_catalog.interval) IS
	'delete the dead letters that were kept longer ago than that, and count them in vnstream_segments.purged; returns how many';
REVOKE ALL ON FUNCTION @extschema@.vnstream_purge_dead_letters(pg_catalog.interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_import("table" pg_catalog.regclass,
	OUT outcome pg_catalog.text,
	OUT rows pg_catalog.int8,
	OUT example pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_import'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_import(pg_catalog.regclass) IS
	'take the rows of an old table or view over into realtime_quotes, by the rules of messages; columns are found by name, a time without zone is Asia/Ho_Chi_Minh; what was refused is told by kind of reason, with examples';
REVOKE ALL ON FUNCTION @extschema@.vnstream_import(pg_catalog.regclass) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_audit(deep pg_catalog.bool DEFAULT false,
	OUT account pg_catalog.text,
	OUT total pg_catalog.int8,
	OUT delivered pg_catalog.int8,
	OUT repeated pg_catalog.int8,
	OUT refused pg_catalog.int8,
	OUT gaps pg_catalog.int8,
	OUT pending pg_catalog.int8,
	OUT difference pg_catalog.int8,
	OUT in_kafka pg_catalog.int8range,
	OUT missing pg_catalog.int8multirange)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_audit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) IS
	'the account; a difference other than 0 is something lost. A segment''s total are offsets to the end in Kafka: rows (delivered), duplicates (repeated), dead letters (refused), gaps, not read yet (pending). A sweep''s total are quotes: published, unchanged, rejected, waiting. deep compares every offset with realtime_quotes and names those that are missing';
REVOKE ALL ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) TO pg_monitor;

--
-- Who may what: changing things is for the extension's owner and whom it
-- grants, looking for pg_monitor too.
--

REVOKE ALL ON TABLE @extschema@.vnstream_positions, @extschema@.vnstream_segments,
	@extschema@.vnstream_dead_letters, @extschema@.vnstream_sweeps,
	@extschema@.vnstream_outbox FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_positions, @extschema@.vnstream_segments,
	@extschema@.vnstream_sweeps TO pg_monitor;

REVOKE ALL ON FUNCTION @extschema@.vnstream_start(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_stop(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_restart(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_wait(pg_catalog.text, pg_catalog.interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_sweep() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_status() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_version() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_wait(pg_catalog.text, pg_catalog.interval) TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_version() TO pg_monitor;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_positions', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_segments', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_segments_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dead_letters_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_sweeps', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_sweeps_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_outbox', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_outbox_seq', '');
