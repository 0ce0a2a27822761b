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
	last_offset	pg_catalog.int8,
	last_crc	pg_catalog.int8,
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
COMMENT ON COLUMN @extschema@.vnstream_positions.epoch IS
	'which life of the topic, counted up when it is found to be another one; the highest counts';
COMMENT ON COLUMN @extschema@.vnstream_positions.last_offset IS
	'offset of the last message before the position, by which a start tells whether it is the same topic still; NULL: not known';
COMMENT ON COLUMN @extschema@.vnstream_positions.last_crc IS 'CRC-32C of that message''s timestamp, key and value';
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
	value_hash	pg_catalog.bytea,
	value_length pg_catalog.int4,
	UNIQUE (cluster_id, topic, epoch, kafka_partition, kafka_offset, segment)
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
	'the message as Kafka had it; NULL for a tombstone, and where value_hash is not NULL';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.value_hash IS
	'SHA-256 of a message that was not kept, and its key to 1 kB only: of more than 16 MB, or by vnstream.on_dead_letter_limit';
COMMENT ON COLUMN @extschema@.vnstream_dead_letters.value_length IS 'length in bytes of such a message';
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
CREATE INDEX vnstream_sweeps_hot ON @extschema@.vnstream_sweeps (ended)
	WHERE trigger OPERATOR(pg_catalog.=) 'hot';
CREATE INDEX vnstream_sweeps_started ON @extschema@.vnstream_sweeps (started);
COMMENT ON TABLE @extschema@.vnstream_sweeps IS
	'one row a pass over all symbols: what was asked, what came, and what became of it';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.sweep IS 'number, as vnstream_sweep() returns it';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.source IS 'the sources that have answered, in order of preference, such as ''vci, kbs''; the first of them while it goes on, and where none has';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.requested IS 'when it was asked for, or fell due';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.started IS 'when the producer began; NULL while it waits';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.ended IS 'when the last answer had come, or the sweep was given up; NULL while it goes on';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.error IS 'the last thing that went wrong; NULL where all went well';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.trigger IS
	'why it was made: interval, start, closing (after the last session of a day), probe (a few symbols, on a weekday that is called a holiday), request (vnstream_sweep()), or hot (of vnstream.hot_symbols; these rows are kept for a day)';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.asked IS 'symbols that the source was asked for';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.answered IS 'symbols that had a row in an answer';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.missing IS 'symbols without a row, also when asked once more';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.published IS 'quotes that Kafka has acknowledged';
COMMENT ON COLUMN @extschema@.vnstream_sweeps.unchanged IS 'quotes that said nothing new, so were not published; see vnstream.heartbeat';
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
-- State: rejected quotes, and what the rules have counted
--

CREATE SEQUENCE @extschema@.vnstream_rejects_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_rejects_seq IS 'numbers the rows of vnstream_rejects';
CREATE TABLE @extschema@.vnstream_rejects (
	reject		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_rejects_seq'),
	at			pg_catalog.timestamptz NOT NULL,
	sweep		pg_catalog.int8 NOT NULL,
	source		pg_catalog.text NOT NULL,
	ticker		pg_catalog.text COLLATE pg_catalog."C",
	rule		pg_catalog.text NOT NULL,
	verdict		pg_catalog.text NOT NULL CONSTRAINT vnstream_rejects_verdict
		CHECK (verdict OPERATOR(pg_catalog.=) 'rejected' OR verdict OPERATOR(pg_catalog.=) 'flagged'),
	reason		pg_catalog.text NOT NULL,
	"row"		pg_catalog.text NOT NULL
);
ALTER SEQUENCE @extschema@.vnstream_rejects_seq OWNED BY @extschema@.vnstream_rejects.reject;
COMMENT ON TABLE @extschema@.vnstream_rejects IS
	'quotes that the rules refused, or flagged, before they were published; the last vnstream.rejects_limit of them';
COMMENT ON COLUMN @extschema@.vnstream_rejects.reject IS 'number, in the order of arrival';
COMMENT ON COLUMN @extschema@.vnstream_rejects.at IS 'when it was judged';
COMMENT ON COLUMN @extschema@.vnstream_rejects.sweep IS 'the sweep that asked';
COMMENT ON COLUMN @extschema@.vnstream_rejects.source IS 'the source that answered';
COMMENT ON COLUMN @extschema@.vnstream_rejects.ticker IS 'the symbol; NULL where the row had no usable one, which no sweep counts';
COMMENT ON COLUMN @extschema@.vnstream_rejects.rule IS 'the first rule that it broke, or "form": a row that is no quote';
COMMENT ON COLUMN @extschema@.vnstream_rejects.verdict IS 'rejected: not published; flagged: published all the same';
COMMENT ON COLUMN @extschema@.vnstream_rejects.reason IS 'value and bound of every broken rule, for a person';
COMMENT ON COLUMN @extschema@.vnstream_rejects."row" IS
	'the quote as the message that it would have become; of a row that is no quote, its beginning as the source sent it, other bytes than UTF-8 as ?';

CREATE TABLE @extschema@.vnstream_rule_counts (
	day			pg_catalog.date NOT NULL,
	source		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	rule		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	rejected	pg_catalog.int8 NOT NULL DEFAULT 0,
	flagged		pg_catalog.int8 NOT NULL DEFAULT 0,
	unnamed		pg_catalog.int8 NOT NULL DEFAULT 0,
	PRIMARY KEY (day, source, rule)
);
COMMENT ON TABLE @extschema@.vnstream_rule_counts IS
	'how many quotes each rule refused or flagged before they were published; counts those too that vnstream_rejects has no room for';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.day IS 'the day in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.source IS 'the source that answered';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.rule IS 'the first rule that was broken, or "form": a row that is no quote';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.rejected IS 'quotes not published; their sum is that of vnstream_sweeps.rejected';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.flagged IS 'quotes published all the same';
COMMENT ON COLUMN @extschema@.vnstream_rule_counts.unnamed IS 'rows without a usable ticker, which no sweep counts';

--
-- State: the market's calendar
--

CREATE TABLE @extschema@.vnstream_session_overrides (
	exchange	pg_catalog.text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT vnstream_session_overrides_exchange CHECK
		(exchange OPERATOR(pg_catalog.=) ANY (ARRAY['HOSE', 'HNX', 'UPCOM'])),
	phase		pg_catalog.text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT vnstream_session_overrides_phase CHECK
		(phase OPERATOR(pg_catalog.=) ANY (ARRAY['ATO', 'continuous', 'lunch', 'ATC', 'PLO'])),
	starts		pg_catalog.time(0) NOT NULL,
	ends		pg_catalog.time(0) NOT NULL,
	valid_from	pg_catalog.date NOT NULL
		CONSTRAINT vnstream_session_overrides_valid_from CHECK
		(valid_from OPERATOR(pg_catalog.>=) '2000-01-01'::pg_catalog.date
		 AND valid_from OPERATOR(pg_catalog.<=) '9999-12-31'::pg_catalog.date),
	valid_until	pg_catalog.date
		CONSTRAINT vnstream_session_overrides_valid_until CHECK
		(valid_until OPERATOR(pg_catalog.<=) '9999-12-31'::pg_catalog.date),
	PRIMARY KEY (exchange, valid_from, starts),
	CONSTRAINT vnstream_session_overrides_times CHECK (starts OPERATOR(pg_catalog.<) ends),
	CONSTRAINT vnstream_session_overrides_days CHECK
		(valid_from OPERATOR(pg_catalog.<=) valid_until)
);
COMMENT ON TABLE @extschema@.vnstream_session_overrides IS
	'your sessions, which win over the built-in ones: on a day, of the rows of an exchange whose valid_from and valid_until include it, those with the latest valid_from are the whole day';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.exchange IS 'HOSE, HNX or UPCOM';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.phase IS 'ATO, continuous, lunch, ATC or PLO; what no session covers is closed';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.starts IS 'its beginning, in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.ends IS 'its end, which does not belong to it';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.valid_from IS 'the first day on which it counts';
COMMENT ON COLUMN @extschema@.vnstream_session_overrides.valid_until IS 'the last day on which it counts; NULL: for good';

CREATE TABLE @extschema@.vnstream_holiday_overrides (
	day			pg_catalog.date NOT NULL
		CONSTRAINT vnstream_holiday_overrides_day CHECK
		(day OPERATOR(pg_catalog.>=) '2000-01-01'::pg_catalog.date
		 AND day OPERATOR(pg_catalog.<=) '9999-12-31'::pg_catalog.date),
	exchange	pg_catalog.text COLLATE pg_catalog."C"
		CONSTRAINT vnstream_holiday_overrides_exchange CHECK
		(exchange OPERATOR(pg_catalog.=) ANY (ARRAY['HOSE', 'HNX', 'UPCOM'])),
	is_holiday	pg_catalog.bool NOT NULL DEFAULT true,
	name		pg_catalog.text
		CONSTRAINT vnstream_holiday_overrides_name CHECK
		(pg_catalog.char_length(name) OPERATOR(pg_catalog.>=) 1
		 AND pg_catalog.char_length(name) OPERATOR(pg_catalog.<=) 60),
	CONSTRAINT vnstream_holiday_overrides_key UNIQUE NULLS NOT DISTINCT (day, exchange)
);
COMMENT ON TABLE @extschema@.vnstream_holiday_overrides IS
	'your holidays, and your trading days that the built-in calendar calls holidays; they win over it';
COMMENT ON COLUMN @extschema@.vnstream_holiday_overrides.day IS 'the day, in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_holiday_overrides.exchange IS 'HOSE, HNX or UPCOM; NULL: all';
COMMENT ON COLUMN @extschema@.vnstream_holiday_overrides.is_holiday IS 'false makes it a trading day, whatever it was';
COMMENT ON COLUMN @extschema@.vnstream_holiday_overrides.name IS 'for people, 60 characters at most';

--
-- State: symbols
--

-- last_quote and misses move with the sweeps: room for that within the page
CREATE TABLE @extschema@.vnstream_symbols (
	ticker		pg_catalog.text COLLATE pg_catalog."C" PRIMARY KEY,
	exchange	pg_catalog.text,
	kind		pg_catalog.text,
	name		pg_catalog.text,
	isin		pg_catalog.text,
	listed_shares pg_catalog.int8,
	trading_status pg_catalog.text,
	groups		pg_catalog.text[] NOT NULL DEFAULT '{}',
	active		pg_catalog.bool NOT NULL,
	source		pg_catalog.text,
	last_quote	pg_catalog.timestamptz,
	misses		pg_catalog.int4 NOT NULL DEFAULT 0,
	first_seen	pg_catalog.timestamptz NOT NULL,
	updated_at	pg_catalog.timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.vnstream_symbols IS
	'what the source says of each symbol; refreshed once a day and by vnstream_refresh_symbols(), and by sweeps';
COMMENT ON COLUMN @extschema@.vnstream_symbols.ticker IS 'as in realtime_quotes';
COMMENT ON COLUMN @extschema@.vnstream_symbols.exchange IS 'HOSE, HNX or UPCOM, the last one it was on; NULL unknown, and for bonds';
COMMENT ON COLUMN @extschema@.vnstream_symbols.kind IS 'STOCK, ETF, UNIT_TRUST, CW, BOND, FU and others, as the source calls it';
COMMENT ON COLUMN @extschema@.vnstream_symbols.name IS 'the company''s or fund''s name, in Vietnamese';
COMMENT ON COLUMN @extschema@.vnstream_symbols.isin IS 'ISIN, from the price board';
COMMENT ON COLUMN @extschema@.vnstream_symbols.listed_shares IS 'shares listed, from the price board';
COMMENT ON COLUMN @extschema@.vnstream_symbols.trading_status IS 'such as TRADING_ACTIVATED or TRADING_SUSPENSION, from the price board';
COMMENT ON COLUMN @extschema@.vnstream_symbols.groups IS
	'index groups it is in, of those that the settings have asked for';
COMMENT ON COLUMN @extschema@.vnstream_symbols.active IS 'in the source''s list, and not as delisted';
COMMENT ON COLUMN @extschema@.vnstream_symbols.source IS 'the source whose list it is from; NULL unknown';
COMMENT ON COLUMN @extschema@.vnstream_symbols.last_quote IS
	'when the source last had a row of it, to within five minutes; NULL never';
COMMENT ON COLUMN @extschema@.vnstream_symbols.misses IS
	'how often in a row the source has left it out; from 5 on it rests: it is asked for less often, at least once an hour';
COMMENT ON COLUMN @extschema@.vnstream_symbols.first_seen IS 'when it was first seen';
COMMENT ON COLUMN @extschema@.vnstream_symbols.updated_at IS 'when anything but last_quote and misses last changed';

CREATE TABLE @extschema@.vnstream_symbol_history (
	ticker		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	changed_at	pg_catalog.timestamptz NOT NULL,
	field		pg_catalog.text NOT NULL,
	before		pg_catalog.text,
	after		pg_catalog.text
);
CREATE INDEX vnstream_symbol_history_ticker ON @extschema@.vnstream_symbol_history (ticker, changed_at);
COMMENT ON TABLE @extschema@.vnstream_symbol_history IS
	'a row for each change of vnstream_symbols, from the first day; a fact that only becomes known is no change';
COMMENT ON COLUMN @extschema@.vnstream_symbol_history.ticker IS 'the symbol';
COMMENT ON COLUMN @extschema@.vnstream_symbol_history.changed_at IS 'when the change was noticed here';
COMMENT ON COLUMN @extschema@.vnstream_symbol_history.field IS
	'the column of vnstream_symbols: exchange, kind, name, isin, listed_shares, trading_status, groups, or active';
COMMENT ON COLUMN @extschema@.vnstream_symbol_history.before IS
	'what it was; NULL where the symbol is new (field active)';
COMMENT ON COLUMN @extschema@.vnstream_symbol_history.after IS
	'what it is; active false: it has left the list';

CREATE SEQUENCE @extschema@.vnstream_symbol_refreshes_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_symbol_refreshes_seq IS 'numbers the rows of vnstream_symbol_refreshes';
CREATE TABLE @extschema@.vnstream_symbol_refreshes (
	refresh		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_symbol_refreshes_seq'),
	source		pg_catalog.text,
	trigger		pg_catalog.text NOT NULL,
	accept_loss	pg_catalog.bool NOT NULL DEFAULT false,
	requested	pg_catalog.timestamptz NOT NULL,
	started		pg_catalog.timestamptz,
	ended		pg_catalog.timestamptz,
	listed		pg_catalog.int8 NOT NULL DEFAULT 0,
	added		pg_catalog.int8 NOT NULL DEFAULT 0,
	changed		pg_catalog.int8 NOT NULL DEFAULT 0,
	removed		pg_catalog.int8 NOT NULL DEFAULT 0,
	returned	pg_catalog.int8 NOT NULL DEFAULT 0,
	error		pg_catalog.text
);
ALTER SEQUENCE @extschema@.vnstream_symbol_refreshes_seq
	OWNED BY @extschema@.vnstream_symbol_refreshes.refresh;
COMMENT ON TABLE @extschema@.vnstream_symbol_refreshes IS
	'one row each time the source was asked for its list of symbols; the last thousand are kept';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.refresh IS 'number, as vnstream_refresh_symbols() returns it';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.source IS 'the source that was asked';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.trigger IS
	'why: start (of the producer), daily, settings (that name another index group), or request (vnstream_refresh_symbols())';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.accept_loss IS
	'whether a list that lost more than a fifth of the market was to be believed';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.requested IS 'when it was asked for, or fell due';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.started IS 'when the producer began; NULL while it waits';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.ended IS 'when it was done, or given up';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.listed IS 'symbols in the list';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.added IS 'of them, new ones';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.changed IS 'with another name, exchange or kind than before';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.removed IS 'symbols that are not listed any more';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.returned IS 'symbols that are listed again';
COMMENT ON COLUMN @extschema@.vnstream_symbol_refreshes.error IS
	'why the list was not taken over, or not all of it; NULL where all went well';

--
-- State: bars of the sources, indices
--

CREATE TABLE @extschema@.vnstream_bars (
	ticker		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	bar			pg_catalog.interval NOT NULL
		CONSTRAINT vnstream_bars_bar CHECK (bar OPERATOR(pg_catalog.=) ANY
			(ARRAY['1 minute', '1 hour', '1 day']::pg_catalog.interval[])),
	starts		pg_catalog.timestamptz NOT NULL,
	source		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	open		pg_catalog.float8 NOT NULL,
	high		pg_catalog.float8 NOT NULL,
	low			pg_catalog.float8 NOT NULL,
	close		pg_catalog.float8 NOT NULL,
	volume		pg_catalog.int8 NOT NULL,
	value		pg_catalog.float8,
	fetched_at	pg_catalog.timestamptz NOT NULL,
	adjusted	pg_catalog.text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT vnstream_bars_adjusted CHECK (adjusted OPERATOR(pg_catalog.=) ANY
			(ARRAY['yes', 'no', 'unknown']::pg_catalog.text[])),
	is_finished	pg_catalog.bool NOT NULL,
	PRIMARY KEY (ticker, bar, starts, source),
	CONSTRAINT vnstream_bars_prices CHECK
		(low OPERATOR(pg_catalog.>) 0::pg_catalog.float8
		 AND low OPERATOR(pg_catalog.<=) open AND low OPERATOR(pg_catalog.<=) close
		 AND open OPERATOR(pg_catalog.<=) high AND close OPERATOR(pg_catalog.<=) high
		 AND high OPERATOR(pg_catalog.<) 'infinity'::pg_catalog.float8),
	CONSTRAINT vnstream_bars_volume CHECK (volume OPERATOR(pg_catalog.>=) 0)
);
COMMENT ON TABLE @extschema@.vnstream_bars IS
	'bars as a source tells them, fetched by vnstream_backfill()';
COMMENT ON COLUMN @extschema@.vnstream_bars.ticker IS 'the symbol';
COMMENT ON COLUMN @extschema@.vnstream_bars.bar IS 'length: 1 minute, 1 hour, or 1 day';
COMMENT ON COLUMN @extschema@.vnstream_bars.starts IS
	'when the bar begins; a day begins at 00:00 in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_bars.source IS 'the source that answered: vci or kbs';
COMMENT ON COLUMN @extschema@.vnstream_bars.open IS 'first price, VND';
COMMENT ON COLUMN @extschema@.vnstream_bars.high IS 'highest price, VND';
COMMENT ON COLUMN @extschema@.vnstream_bars.low IS 'lowest price, VND';
COMMENT ON COLUMN @extschema@.vnstream_bars.close IS 'last price, VND';
COMMENT ON COLUMN @extschema@.vnstream_bars.volume IS
	'shares; vci''s days have more than what was matched in round lots';
COMMENT ON COLUMN @extschema@.vnstream_bars.value IS 'turnover, VND; NULL where the source does not tell the bar''s own';
COMMENT ON COLUMN @extschema@.vnstream_bars.fetched_at IS 'when the answer that last changed this row had arrived';
COMMENT ON COLUMN @extschema@.vnstream_bars.adjusted IS
	'are the prices changed for a later corporate action: yes where they cannot have been traded, no where they were fetched on their own day, else unknown';
COMMENT ON COLUMN @extschema@.vnstream_bars.is_finished IS 'false where the bar was still in the making when it was fetched';

CREATE TABLE @extschema@.vnstream_index_quotes (
	index_name	pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	starts		pg_catalog.timestamptz NOT NULL,
	source		pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	open		pg_catalog.float8 NOT NULL,
	high		pg_catalog.float8 NOT NULL,
	low			pg_catalog.float8 NOT NULL,
	close		pg_catalog.float8 NOT NULL,
	volume		pg_catalog.int8,
	value		pg_catalog.float8,
	fetched_at	pg_catalog.timestamptz NOT NULL,
	is_finished	pg_catalog.bool NOT NULL,
	PRIMARY KEY (index_name, starts, source),
	CONSTRAINT vnstream_index_quotes_points CHECK
		(low OPERATOR(pg_catalog.>) 0::pg_catalog.float8
		 AND low OPERATOR(pg_catalog.<=) open AND low OPERATOR(pg_catalog.<=) close
		 AND open OPERATOR(pg_catalog.<=) high AND close OPERATOR(pg_catalog.<=) high
		 AND high OPERATOR(pg_catalog.<) 'infinity'::pg_catalog.float8),
	CONSTRAINT vnstream_index_quotes_volume CHECK (volume OPERATOR(pg_catalog.>=) 0)
);
COMMENT ON TABLE @extschema@.vnstream_index_quotes IS
	'indices by the minute, as a source tells them; fetched by the producer, see vnstream.indices';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.index_name IS 'VNINDEX, VN30, HNXINDEX, UPCOMINDEX, ...';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.starts IS 'when the minute begins';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.source IS 'the source that answered';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.open IS 'first value of the minute, points';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.high IS 'highest value, points';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.low IS 'lowest value, points';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.close IS 'last value, points';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.volume IS 'shares, as the source tells; NULL where it does not';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.value IS 'turnover, VND, as the source tells; NULL where it does not';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.fetched_at IS 'when the answer that last changed this row had arrived';
COMMENT ON COLUMN @extschema@.vnstream_index_quotes.is_finished IS 'false where the minute was not over yet when it was fetched';

CREATE SEQUENCE @extschema@.vnstream_backfills_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_backfills_seq IS 'numbers the rows of vnstream_backfills';
CREATE TABLE @extschema@.vnstream_backfills (
	backfill	pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_backfills_seq'),
	source		pg_catalog.text,
	tickers		pg_catalog.text[],
	"from"		pg_catalog.timestamptz NOT NULL,
	"to"		pg_catalog.timestamptz NOT NULL,
	bar			pg_catalog.interval NOT NULL,
	requested	pg_catalog.timestamptz NOT NULL,
	started		pg_catalog.timestamptz,
	ended		pg_catalog.timestamptz,
	total		pg_catalog.int4,
	done		pg_catalog.int4 NOT NULL DEFAULT 0,
	bars		pg_catalog.int8 NOT NULL DEFAULT 0,
	changed		pg_catalog.int8 NOT NULL DEFAULT 0,
	kept		pg_catalog.int8 NOT NULL DEFAULT 0,
	rejected	pg_catalog.int8 NOT NULL DEFAULT 0,
	empty		pg_catalog.text[] NOT NULL DEFAULT '{}',
	failed		pg_catalog.text[] NOT NULL DEFAULT '{}',
	error		pg_catalog.text,
	CONSTRAINT vnstream_backfills_conserve CHECK
		(changed OPERATOR(pg_catalog.+) kept OPERATOR(pg_catalog.<=) bars),
	CONSTRAINT vnstream_backfills_done CHECK
		(done OPERATOR(pg_catalog.=) 0 OR done OPERATOR(pg_catalog.<=) total)
);
ALTER SEQUENCE @extschema@.vnstream_backfills_seq OWNED BY @extschema@.vnstream_backfills.backfill;
CREATE INDEX vnstream_backfills_open ON @extschema@.vnstream_backfills (backfill) WHERE ended IS NULL;
COMMENT ON TABLE @extschema@.vnstream_backfills IS
	'one row an order of vnstream_backfill(): what was asked, how far it has come, and what became of it';
COMMENT ON COLUMN @extschema@.vnstream_backfills.backfill IS 'number, as vnstream_backfill() returns it';
COMMENT ON COLUMN @extschema@.vnstream_backfills.source IS 'the source to ask; NULL until it is started, where the order names none';
COMMENT ON COLUMN @extschema@.vnstream_backfills.tickers IS 'in the order of asking; NULL until it is started, where all are asked for';
COMMENT ON COLUMN @extschema@.vnstream_backfills."from" IS 'bars that start then or later';
COMMENT ON COLUMN @extschema@.vnstream_backfills."to" IS 'and before then';
COMMENT ON COLUMN @extschema@.vnstream_backfills.bar IS 'length of a bar';
COMMENT ON COLUMN @extschema@.vnstream_backfills.requested IS 'when it was asked for';
COMMENT ON COLUMN @extschema@.vnstream_backfills.started IS 'when its worker began; NULL while it waits';
COMMENT ON COLUMN @extschema@.vnstream_backfills.ended IS 'when the last ticker was done, or it was cancelled; NULL while it goes on';
COMMENT ON COLUMN @extschema@.vnstream_backfills.total IS 'tickers; NULL until it is started, where all are asked for';
COMMENT ON COLUMN @extschema@.vnstream_backfills.done IS 'tickers done, the first ones of the list; after a restart it goes on behind them';
COMMENT ON COLUMN @extschema@.vnstream_backfills.bars IS 'usable bars that the source sent for the time asked for';
COMMENT ON COLUMN @extschema@.vnstream_backfills.changed IS 'of them, those that were new in vnstream_bars or replaced another';
COMMENT ON COLUMN @extschema@.vnstream_backfills.kept IS
	'of them, those that differ from a bar fetched on its own day, which stays: they may be adjusted';
COMMENT ON COLUMN @extschema@.vnstream_backfills.rejected IS 'bars that cannot be true; the last reason is in error';
COMMENT ON COLUMN @extschema@.vnstream_backfills.empty IS 'tickers that the source has no bar of in that time, or does not know';
COMMENT ON COLUMN @extschema@.vnstream_backfills.failed IS 'tickers given up after several unusable answers';
COMMENT ON COLUMN @extschema@.vnstream_backfills.error IS 'the last thing that went wrong; NULL where all went well';

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
LANGUAGE C VOLATILE PARALLEL UNSAFE;
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
	OUT waiting_for pg_catalog.text,
	OUT lag pg_catalog.int8,
	OUT rate pg_catalog.float8,
	OUT time_left pg_catalog.interval,
	OUT messages pg_catalog.int8,
	OUT rows pg_catalog.int8,
	OUT errors pg_catalog.int8,
	OUT restarts pg_catalog.int8,
	OUT pid pg_catalog.int4,
	OUT since pg_catalog.timestamptz,
	OUT last_activity pg_catalog.timestamptz,
	OUT cpu_seconds pg_catalog.float8,
	OUT memory pg_catalog.int8,
	OUT last_error_at pg_catalog.timestamptz,
	OUT last_error pg_catalog.text)
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

CREATE FUNCTION @extschema@.vnstream_sources(
	OUT source pg_catalog.text,
	OUT preference pg_catalog.int4,
	OUT state pg_catalog.text,
	OUT since pg_catalog.timestamptz,
	OUT retry_at pg_catalog.timestamptz,
	OUT requests pg_catalog.int4,
	OUT request_limit pg_catalog.int4,
	OUT failures pg_catalog.int4,
	OUT last_answer pg_catalog.timestamptz,
	OUT last_error_at pg_catalog.timestamptz,
	OUT last_error pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_sources'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_sources() IS
	'one row a source of vnstream.sources, in order of preference, as this database''s producer sees it: closed is asked, open is left alone until retry_at, half-open is tried with one request; state is NULL before a producer ran; requests are those of the last minute, of all databases of the server; failures are those in a row';

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

CREATE FUNCTION @extschema@.vnstream_log(n pg_catalog.int4 DEFAULT 20,
	worker pg_catalog.text DEFAULT NULL,
	level pg_catalog.text DEFAULT NULL,
	OUT "time" pg_catalog.timestamptz,
	OUT worker pg_catalog.text,
	OUT level pg_catalog.text,
	OUT repeated pg_catalog.int4,
	OUT code pg_catalog.text,
	OUT message pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_log'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_log(pg_catalog.int4, pg_catalog.text, pg_catalog.text) IS
	'the last events of this database''s workers and of the launcher, the newest at the bottom: of all or one worker, of a level (info, warning, error) and above; repeated is how often the same came again, time when it last did, code the SQLSTATE of an error';
REVOKE ALL ON FUNCTION @extschema@.vnstream_log(pg_catalog.int4, pg_catalog.text, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_log(pg_catalog.int4, pg_catalog.text, pg_catalog.text) TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_health(
	OUT status pg_catalog.text,
	OUT reasons pg_catalog.text[],
	OUT since pg_catalog.timestamptz)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_health'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_health() IS
	'is the pipeline of this database well: ''ok'', ''degraded'' or ''failed'', why, and since when; answers at once, whatever is down';
REVOKE ALL ON FUNCTION @extschema@.vnstream_health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_health() TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_latency(
	OUT hop pg_catalog.text,
	OUT p50_ms pg_catalog.float8,
	OUT p99_ms pg_catalog.float8,
	OUT max_ms pg_catalog.float8,
	OUT hour_p50 pg_catalog.float8,
	OUT hour_p99 pg_catalog.float8,
	OUT hour_max pg_catalog.float8,
	OUT per_second pg_catalog.float8,
	OUT per_hour pg_catalog.int8,
	OUT per_day pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_latency'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.vnstream_latency() IS
	'how long messages took, in ms, on each part of their way through this database''s workers (median, 99 of 100, longest; of the last complete minute and the running one, then of the last 60 complete minutes and the running one) and how many passed (a second, in that hour, in the last 24 complete hours and the running one). Percentiles are within 6.25 %, durations end at a day, NULL: none passed; all since the start of the server. From "match" count only quotes that are the first to tell of a trade; to "consumed" messages that this database''s producer published, while their acknowledgement is among the last few thousand; to "committed" messages that became rows, however long they waited in Kafka';
REVOKE ALL ON FUNCTION @extschema@.vnstream_latency() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_latency() TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_settings(
	OUT name pg_catalog.text,
	OUT value pg_catalog.text,
	OUT source pg_catalog.text,
	OUT needs_restart pg_catalog.bool,
	OUT in_use pg_catalog.bool)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_settings'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_settings() IS
	'each setting as a worker of this database gets it when it starts, whatever this session has set; where that comes from; whether only a restart of the server changes it; and whether all workers of this database that run go by it now (NULL where none runs, or the setting is none of theirs). What was written to a file counts from the reload on; a file with an error is told by a warning, and the server goes on with the value it had';
REVOKE ALL ON FUNCTION @extschema@.vnstream_settings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_settings() TO pg_monitor;

--
-- Kafka: brokers, topics, offsets, groups
--

CREATE FUNCTION @extschema@.vnstream_brokers(
	OUT broker pg_catalog.int4,
	OUT host pg_catalog.text,
	OUT port pg_catalog.int4,
	OUT is_controller pg_catalog.bool,
	OUT round_trip_ms pg_catalog.float8,
	OUT leaders pg_catalog.int4,
	OUT under_replicated pg_catalog.int4,
	OUT last_error pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_brokers'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_brokers() IS
	'one row a broker of the Kafka cluster, asked now: round_trip_ms is NULL where it did not answer, last_error says why, leaders counts the partitions of all topics that it leads, under_replicated its replicas that are not in sync; with KRaft, is_controller is any broker that takes administrative requests; where no broker answers, one row an address of vnstream.brokers, with all but last_error NULL';
REVOKE ALL ON FUNCTION @extschema@.vnstream_brokers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_brokers() TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_topics(
	OUT topic pg_catalog.text,
	OUT partitions pg_catalog.int4,
	OUT replication pg_catalog.int4,
	OUT retention pg_catalog.interval,
	OUT messages pg_catalog.int8,
	OUT without_leader pg_catalog.int4,
	OUT is_ours pg_catalog.bool)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_topics'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_topics() IS
	'the Kafka cluster''s topics, this database''s first, internal ones left out: retention is NULL where messages are kept for ever (or Kafka refuses to tell), messages are the offsets Kafka still has and NULL where a partition has no leader, replication is the smallest of its partitions';
REVOKE ALL ON FUNCTION @extschema@.vnstream_topics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_topics() TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_offsets(
	OUT partition pg_catalog.int4,
	OUT leader pg_catalog.int4,
	OUT low pg_catalog.int8,
	OUT high pg_catalog.int8,
	OUT "position" pg_catalog.int8,
	OUT lag pg_catalog.int8,
	OUT stored pg_catalog.int8,
	OUT duplicates pg_catalog.int8,
	OUT dead_letters pg_catalog.int8,
	OUT gaps pg_catalog.int8,
	OUT group_offset pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_offsets'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_offsets() IS
	'one row a partition of this database''s topic: the first offset and the end in Kafka now, the next offset to store, what became of those before it (of the topic''s newest epoch), and what the Kafka group has committed, which is for Kafka''s tools only; columns from Kafka are NULL where it cannot be asked';
REVOKE ALL ON FUNCTION @extschema@.vnstream_offsets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_offsets() TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_groups(
	OUT group_id pg_catalog.text,
	OUT state pg_catalog.text,
	OUT members pg_catalog.int4,
	OUT partitions pg_catalog.int4,
	OUT committed pg_catalog.int8,
	OUT lag pg_catalog.int8,
	OUT is_ours pg_catalog.bool)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_groups'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_groups() IS
	'consumer groups with committed offsets or members on this database''s topic: partitions have a committed offset, committed are the messages still in Kafka that lie before it, lag those after it; this database''s own group is always Empty, since its consumers join none';
REVOKE ALL ON FUNCTION @extschema@.vnstream_groups() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_groups() TO pg_monitor;

--
-- Kafka: messages, the topic, positions
--

CREATE FUNCTION @extschema@.vnstream_peek(
	n pg_catalog.int4 DEFAULT 10,
	"from" pg_catalog.text DEFAULT 'end',
	OUT partition pg_catalog.int4,
	OUT "offset" pg_catalog.int8,
	OUT "timestamp" pg_catalog.timestamptz,
	OUT key pg_catalog.text,
	OUT headers pg_catalog.jsonb,
	OUT value pg_catalog.jsonb,
	OUT raw pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_peek'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.vnstream_peek(pg_catalog.int4, pg_catalog.text) IS
	'n messages of the topic: the first from ''beginning'', the last from ''end'', or the first from a time or from ''partition:offset''; what is no JSON is in raw, other bytes than text as \ooo; of headers of one name the last';
REVOKE ALL ON FUNCTION @extschema@.vnstream_peek(pg_catalog.int4, pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_create_topic(
	partitions pg_catalog.int4 DEFAULT NULL,
	replication pg_catalog.int4 DEFAULT NULL,
	retention pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'vnstream_create_topic'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_create_topic(pg_catalog.int4, pg_catalog.int4, pg_catalog.interval) IS
	'create the topic of vnstream.topic; what is NULL is by the settings; at once, whatever becomes of the transaction';
REVOKE ALL ON FUNCTION @extschema@.vnstream_create_topic(pg_catalog.int4, pg_catalog.int4, pg_catalog.interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_alter_topic(
	partitions pg_catalog.int4 DEFAULT NULL,
	replication pg_catalog.int4 DEFAULT NULL,
	retention pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'vnstream_alter_topic'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_alter_topic(pg_catalog.int4, pg_catalog.int4, pg_catalog.interval) IS
	'add partitions, set how long messages are kept, or print how Kafka''s own tool is to move replicas; NULL leaves things; at once, whatever becomes of the transaction';
REVOKE ALL ON FUNCTION @extschema@.vnstream_alter_topic(pg_catalog.int4, pg_catalog.int4, pg_catalog.interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_seek(
	partition pg_catalog.int4,
	"to" pg_catalog.text,
	accept_loss pg_catalog.bool DEFAULT false,
	OUT partition pg_catalog.int4,
	OUT from_offset pg_catalog.int8,
	OUT to_offset pg_catalog.int8,
	OUT lost pg_catalog.int8,
	OUT again pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_seek'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_seek(pg_catalog.int4, pg_catalog.text, pg_catalog.bool) IS
	'where consumers go on, in a partition or (NULL) in all: an offset, a time, ''beginning'' or ''end''; lost are offsets given up, again those to be read once more; consumers start anew at COMMIT';
REVOKE ALL ON FUNCTION @extschema@.vnstream_seek(pg_catalog.int4, pg_catalog.text, pg_catalog.bool) FROM PUBLIC;

--
-- Finding faults: fetch, check
--

CREATE FUNCTION @extschema@.vnstream_fetch(ticker pg_catalog.text,
	source pg_catalog.text DEFAULT NULL,
	OUT status pg_catalog.int4,
	OUT duration_ms pg_catalog.float8,
	OUT url pg_catalog.text,
	OUT headers pg_catalog.text,
	OUT body pg_catalog.text,
	OUT quote pg_catalog.jsonb,
	OUT verdicts pg_catalog.jsonb,
	OUT error pg_catalog.text)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_fetch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_fetch(pg_catalog.text, pg_catalog.text) IS
	'ask the source for one ticker now, within the budget of requests; shows the answer, the quote that it would become and each rule''s verdict, and stores and publishes nothing';
REVOKE ALL ON FUNCTION @extschema@.vnstream_fetch(pg_catalog.text, pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_check(
	OUT step pg_catalog.int4,
	OUT name pg_catalog.text,
	OUT result pg_catalog.text,
	OUT ms pg_catalog.float8,
	OUT detail pg_catalog.text,
	OUT advice pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_check'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_check() IS
	'look at library, workers, settings, source, Kafka, table and disk step by step: ok, warning, failed or skipped, with what to do; writes nothing, takes half a minute at most';
REVOKE ALL ON FUNCTION @extschema@.vnstream_check() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_check() TO pg_monitor;

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
	OUT missing pg_catalog.int8multirange,
	OUT dropped pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_audit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) IS
	'the account; a difference other than 0 is something lost. A segment''s total are offsets to the end in Kafka: rows (delivered), duplicates (repeated), dead letters (refused), gaps, not read yet (pending). A sweep''s total are quotes: published, unchanged, rejected, waiting. deep compares every offset with realtime_quotes and names those that are missing. dropped are offsets whose rows were in months that retention has dropped, which are not missing';
REVOKE ALL ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_audit(pg_catalog.bool) TO pg_monitor;

--
-- The market: calendar
--

CREATE FUNCTION @extschema@.vnstream_market_state(
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	INOUT exchange pg_catalog.text DEFAULT NULL,
	OUT phase pg_catalog.text,
	OUT is_open pg_catalog.bool,
	OUT since pg_catalog.timestamptz,
	OUT until pg_catalog.timestamptz,
	OUT next_open pg_catalog.timestamptz,
	OUT trading_day pg_catalog.bool,
	OUT holiday pg_catalog.text,
	OUT calendar_known pg_catalog.bool)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_market_state'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.vnstream_market_state(pg_catalog.timestamptz, pg_catalog.text) IS
	'what the calendar says of the exchanges at a time: the phase, since and until when, the first opening after it, whether the day trades, the holiday''s name, and whether the calendar has that year''s holidays (every weekday trades in a year without)';

CREATE FUNCTION @extschema@.vnstream_calendar_sessions(
	OUT exchange pg_catalog.text,
	OUT phase pg_catalog.text,
	OUT starts pg_catalog.time,
	OUT ends pg_catalog.time,
	OUT valid_from pg_catalog.date,
	OUT valid_until pg_catalog.date,
	OUT origin pg_catalog.text,
	OUT in_force pg_catalog.bool)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_calendar_sessions'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.vnstream_calendar_sessions() IS
	'the rows of the view vnstream_sessions';

CREATE FUNCTION @extschema@.vnstream_calendar_holidays(
	OUT day pg_catalog.date,
	OUT exchange pg_catalog.text,
	OUT name pg_catalog.text,
	OUT origin pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_calendar_holidays'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.vnstream_calendar_holidays() IS
	'the rows of the view vnstream_holidays';

CREATE VIEW @extschema@.vnstream_sessions AS
	SELECT exchange, phase, starts, ends, valid_from, valid_until, origin, in_force
	FROM @extschema@.vnstream_calendar_sessions();
COMMENT ON VIEW @extschema@.vnstream_sessions IS
	'sessions of the exchanges, built in and yours (vnstream_session_overrides), in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_sessions.exchange IS 'HOSE, HNX or UPCOM';
COMMENT ON COLUMN @extschema@.vnstream_sessions.phase IS 'ATO, continuous, lunch, ATC or PLO';
COMMENT ON COLUMN @extschema@.vnstream_sessions.starts IS 'its beginning';
COMMENT ON COLUMN @extschema@.vnstream_sessions.ends IS 'its end, which does not belong to it';
COMMENT ON COLUMN @extschema@.vnstream_sessions.valid_from IS 'the first day on which it counts';
COMMENT ON COLUMN @extschema@.vnstream_sessions.valid_until IS 'the last day on which it counts; NULL: for good, or until rows with a later valid_from';
COMMENT ON COLUMN @extschema@.vnstream_sessions.origin IS '"built in" or "yours"';
COMMENT ON COLUMN @extschema@.vnstream_sessions.in_force IS 'whether it is what counts today, if today trades';

CREATE VIEW @extschema@.vnstream_holidays AS
	SELECT day, exchange, name, origin FROM @extschema@.vnstream_calendar_holidays();
COMMENT ON VIEW @extschema@.vnstream_holidays IS
	'days on which exchanges do not trade, besides weekends, as they count: built in, less what you cancelled, and yours (vnstream_holiday_overrides)';
COMMENT ON COLUMN @extschema@.vnstream_holidays.day IS 'the day, in Asia/Ho_Chi_Minh';
COMMENT ON COLUMN @extschema@.vnstream_holidays.exchange IS 'HOSE, HNX or UPCOM; NULL: all';
COMMENT ON COLUMN @extschema@.vnstream_holidays.name IS 'for people';
COMMENT ON COLUMN @extschema@.vnstream_holidays.origin IS '"built in" or "yours"';

-- when the market is open is no secret: these are for everybody
GRANT SELECT ON TABLE @extschema@.vnstream_sessions, @extschema@.vnstream_holidays TO PUBLIC;
REVOKE ALL ON TABLE @extschema@.vnstream_session_overrides,
	@extschema@.vnstream_holiday_overrides FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_session_overrides,
	@extschema@.vnstream_holiday_overrides TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_calendar_guard()
RETURNS pg_catalog.trigger
AS 'MODULE_PATHNAME', 'vnstream_calendar_guard'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_calendar_guard() IS
	'refuses rows of the calendar that do not go together, at COMMIT';
REVOKE ALL ON FUNCTION @extschema@.vnstream_calendar_guard() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER vnstream_session_overrides_guard
	AFTER INSERT OR UPDATE ON @extschema@.vnstream_session_overrides
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION @extschema@.vnstream_calendar_guard();
COMMENT ON TRIGGER vnstream_session_overrides_guard ON @extschema@.vnstream_session_overrides IS
	'refuses sessions that overlap, at COMMIT';

--
-- The market: symbols
--

CREATE FUNCTION @extschema@.vnstream_refresh_symbols(accept_loss pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'vnstream_refresh_symbols'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_refresh_symbols(pg_catalog.bool) IS
	'ask the producer to fetch the source''s list of symbols now; returns its number in vnstream_symbol_refreshes, does not wait; with accept_loss a list is believed that has lost more than a fifth of the market';
REVOKE ALL ON FUNCTION @extschema@.vnstream_refresh_symbols(pg_catalog.bool) FROM PUBLIC;

REVOKE ALL ON TABLE @extschema@.vnstream_symbols, @extschema@.vnstream_symbol_history,
	@extschema@.vnstream_symbol_refreshes FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_symbols, @extschema@.vnstream_symbol_history,
	@extschema@.vnstream_symbol_refreshes TO pg_monitor;

--
-- Data: latest quotes
--

CREATE FUNCTION @extschema@.vnstream_latest(
	OUT ticker pg_catalog.text, OUT "time" pg_catalog.timestamptz, OUT price pg_catalog.float8,
	OUT volume pg_catalog.int8, OUT total_volume pg_catalog.int8, OUT change pg_catalog.float8,
	OUT change_percent pg_catalog.float8, OUT ceiling_price pg_catalog.float8,
	OUT floor_price pg_catalog.float8, OUT reference_price pg_catalog.float8,
	OUT highest_price pg_catalog.float8, OUT lowest_price pg_catalog.float8,
	OUT bid_price pg_catalog.float8, OUT ask_price pg_catalog.float8, OUT open_price pg_catalog.float8,
	OUT total_value pg_catalog.float8, OUT match_time pg_catalog.timestamptz,
	OUT match_side pg_catalog.text, OUT source_time pg_catalog.timestamptz,
	OUT trading_date pg_catalog.date, OUT session pg_catalog.text, OUT exchange pg_catalog.text,
	OUT source pg_catalog.text, OUT bid_volume pg_catalog.int8, OUT bid_price_2 pg_catalog.float8,
	OUT bid_volume_2 pg_catalog.int8, OUT bid_price_3 pg_catalog.float8,
	OUT bid_volume_3 pg_catalog.int8, OUT ask_volume pg_catalog.int8,
	OUT ask_price_2 pg_catalog.float8, OUT ask_volume_2 pg_catalog.int8,
	OUT ask_price_3 pg_catalog.float8, OUT ask_volume_3 pg_catalog.int8,
	OUT foreign_buy_volume pg_catalog.int8, OUT foreign_sell_volume pg_catalog.int8,
	OUT foreign_buy_value pg_catalog.float8, OUT foreign_sell_value pg_catalog.float8,
	OUT foreign_room pg_catalog.int8, OUT put_through_volume pg_catalog.int8,
	OUT put_through_value pg_catalog.float8, OUT listed_shares pg_catalog.int8, OUT stored pg_catalog.bool)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'vnstream_latest'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1600;
COMMENT ON FUNCTION @extschema@.vnstream_latest() IS
	'the newest quote of each ticker, from shared memory; stored is false while it is on its way through Kafka. Needs SELECT on realtime_quotes';

CREATE FUNCTION @extschema@.vnstream_latest(ticker pg_catalog.text,
	OUT ticker pg_catalog.text, OUT "time" pg_catalog.timestamptz, OUT price pg_catalog.float8,
	OUT volume pg_catalog.int8, OUT total_volume pg_catalog.int8, OUT change pg_catalog.float8,
	OUT change_percent pg_catalog.float8, OUT ceiling_price pg_catalog.float8,
	OUT floor_price pg_catalog.float8, OUT reference_price pg_catalog.float8,
	OUT highest_price pg_catalog.float8, OUT lowest_price pg_catalog.float8,
	OUT bid_price pg_catalog.float8, OUT ask_price pg_catalog.float8, OUT open_price pg_catalog.float8,
	OUT total_value pg_catalog.float8, OUT match_time pg_catalog.timestamptz,
	OUT match_side pg_catalog.text, OUT source_time pg_catalog.timestamptz,
	OUT trading_date pg_catalog.date, OUT session pg_catalog.text, OUT exchange pg_catalog.text,
	OUT source pg_catalog.text, OUT bid_volume pg_catalog.int8, OUT bid_price_2 pg_catalog.float8,
	OUT bid_volume_2 pg_catalog.int8, OUT bid_price_3 pg_catalog.float8,
	OUT bid_volume_3 pg_catalog.int8, OUT ask_volume pg_catalog.int8,
	OUT ask_price_2 pg_catalog.float8, OUT ask_volume_2 pg_catalog.int8,
	OUT ask_price_3 pg_catalog.float8, OUT ask_volume_3 pg_catalog.int8,
	OUT foreign_buy_volume pg_catalog.int8, OUT foreign_sell_volume pg_catalog.int8,
	OUT foreign_buy_value pg_catalog.float8, OUT foreign_sell_value pg_catalog.float8,
	OUT foreign_room pg_catalog.int8, OUT put_through_volume pg_catalog.int8,
	OUT put_through_value pg_catalog.float8, OUT listed_shares pg_catalog.int8, OUT stored pg_catalog.bool)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'vnstream_latest_of'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION @extschema@.vnstream_latest(pg_catalog.text) IS
	'the newest quote of one ticker, from shared memory; no row where it has none';

CREATE VIEW @extschema@.latest_quotes AS SELECT * FROM @extschema@.vnstream_latest();
COMMENT ON VIEW @extschema@.latest_quotes IS
	'the newest quote of each ticker, as vnstream_latest() gives it to whoever asks';
-- as those of realtime_quotes, which is made later
COMMENT ON COLUMN @extschema@.latest_quotes.ticker IS
	'the stock''s symbol, ^[A-Z0-9]{1,20}$';
COMMENT ON COLUMN @extschema@.latest_quotes."time" IS
	'when the source''s answer had arrived here (not the exchange''s time)';
COMMENT ON COLUMN @extschema@.latest_quotes.price IS
	'price of the last match, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.volume IS
	'shares of the last match';
COMMENT ON COLUMN @extschema@.latest_quotes.total_volume IS
	'shares matched so far on the trading date, put-through not included';
COMMENT ON COLUMN @extschema@.latest_quotes.change IS
	'price against reference_price, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.change_percent IS
	'price against reference_price, percent (1.5 is 1.5 %)';
COMMENT ON COLUMN @extschema@.latest_quotes.ceiling_price IS
	'highest price allowed on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.floor_price IS
	'lowest price allowed on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.reference_price IS
	'price that ceiling, floor and change are counted from, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.highest_price IS
	'highest price matched on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.lowest_price IS
	'lowest price matched on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_price IS
	'best price offered by buyers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_price IS
	'best price asked by sellers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.open_price IS
	'first price matched on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.total_value IS
	'value of total_volume, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.match_time IS
	'the exchange''s time of the last match';
COMMENT ON COLUMN @extschema@.latest_quotes.match_side IS
	'who took the other side''s price in the last match: b (buyer) or s (seller)';
COMMENT ON COLUMN @extschema@.latest_quotes.source_time IS
	'when the source last changed its row';
COMMENT ON COLUMN @extschema@.latest_quotes.trading_date IS
	'the trading date that the source''s board shows';
COMMENT ON COLUMN @extschema@.latest_quotes.session IS
	'the trading session that the source''s board shows';
COMMENT ON COLUMN @extschema@.latest_quotes.exchange IS
	'HOSE, HNX or UPCOM';
COMMENT ON COLUMN @extschema@.latest_quotes.source IS
	'the VNStock provider that answered, e.g. vci or kbs';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_volume IS
	'shares wanted at bid_price';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_price_2 IS
	'second best price offered by buyers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_volume_2 IS
	'shares wanted at bid_price_2';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_price_3 IS
	'third best price offered by buyers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.bid_volume_3 IS
	'shares wanted at bid_price_3';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_volume IS
	'shares on sale at ask_price';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_price_2 IS
	'second best price asked by sellers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_volume_2 IS
	'shares on sale at ask_price_2';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_price_3 IS
	'third best price asked by sellers, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.ask_volume_3 IS
	'shares on sale at ask_price_3';
COMMENT ON COLUMN @extschema@.latest_quotes.foreign_buy_volume IS
	'shares bought by foreigners on the trading date';
COMMENT ON COLUMN @extschema@.latest_quotes.foreign_sell_volume IS
	'shares sold by foreigners on the trading date';
COMMENT ON COLUMN @extschema@.latest_quotes.foreign_buy_value IS
	'value bought by foreigners on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.foreign_sell_value IS
	'value sold by foreigners on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.foreign_room IS
	'shares that foreigners may still buy';
COMMENT ON COLUMN @extschema@.latest_quotes.put_through_volume IS
	'shares of negotiated deals on the trading date';
COMMENT ON COLUMN @extschema@.latest_quotes.put_through_value IS
	'value of negotiated deals on the trading date, VND';
COMMENT ON COLUMN @extschema@.latest_quotes.listed_shares IS
	'shares of the company that are listed; NULL for what is no share, such as ETFs';
COMMENT ON COLUMN @extschema@.latest_quotes.stored IS
	'false while the row is not stored yet: the quote is on its way through Kafka';
GRANT SELECT ON TABLE @extschema@.latest_quotes TO PUBLIC;

--
-- Data: candles, movers
--

CREATE FUNCTION @extschema@.vnstream_candles(
	ticker pg_catalog.text,
	bucket pg_catalog.interval DEFAULT '1 min',
	"from" pg_catalog.timestamptz DEFAULT NULL,
	"to" pg_catalog.timestamptz DEFAULT NULL,
	adjusted pg_catalog.text DEFAULT 'no',
	OUT ticker pg_catalog.text,
	OUT start pg_catalog.timestamptz,
	OUT open pg_catalog.float8,
	OUT high pg_catalog.float8,
	OUT low pg_catalog.float8,
	OUT close pg_catalog.float8,
	OUT volume pg_catalog.int8,
	OUT value pg_catalog.float8,
	OUT samples pg_catalog.int4,
	OUT basis pg_catalog.text,
	OUT source pg_catalog.text,
	OUT adjusted pg_catalog.text,
	OUT volume_over_hole pg_catalog.int8,
	OUT corrected pg_catalog.int8)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_candles'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 300;
COMMENT ON FUNCTION @extschema@.vnstream_candles(pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text) IS
	'candles of a ticker, one a bucket in which something was traded, from that of "from" (midnight of the last day if NULL) to that before "to" (now if NULL), by the clock of Asia/Ho_Chi_Minh: made of quotes (basis ''sampled'', of so many samples; longer than a day, of days'' bars too), or of finished bars of a source (''source bar'', of so many bars). volume_over_hole was traded while nobody looked, and ends in this bucket; corrected is by how much the total fell. adjusted: ''no'', ''unknown'', ''yes'' or ''any'' prices';
-- the gate is SELECT on realtime_quotes
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_candles(pg_catalog.text, pg_catalog.interval, pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text) TO PUBLIC;

CREATE FUNCTION @extschema@.vnstream_movers(
	n pg_catalog.int4 DEFAULT 10,
	exchange pg_catalog.text DEFAULT NULL,
	OUT list pg_catalog.text,
	OUT rank pg_catalog.int4,
	OUT ticker pg_catalog.text,
	OUT exchange pg_catalog.text,
	OUT price pg_catalog.float8,
	OUT change pg_catalog.float8,
	OUT change_percent pg_catalog.float8,
	OUT total_volume pg_catalog.int8,
	OUT total_value pg_catalog.float8,
	OUT "time" pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_movers'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 40;
COMMENT ON FUNCTION @extschema@.vnstream_movers(pg_catalog.int4, pg_catalog.text) IS
	'four lists of at most n tickers, of all exchanges or one, by the newest quotes of the newest trading date: ''gainers'' and ''losers'' by change_percent, most active by ''volume'' and by ''value''';
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_movers(pg_catalog.int4, pg_catalog.text) TO PUBLIC;

--
-- Data: holes, reference prices
--

CREATE FUNCTION @extschema@.vnstream_gaps(
	"from" pg_catalog.timestamptz,
	"to" pg_catalog.timestamptz DEFAULT NULL,
	ticker pg_catalog.text DEFAULT NULL,
	OUT exchange pg_catalog.text,
	OUT ticker pg_catalog.text,
	OUT starts pg_catalog.timestamptz,
	OUT ends pg_catalog.timestamptz,
	OUT kind pg_catalog.text,
	OUT why pg_catalog.text,
	OUT sweeps_failed pg_catalog.int4)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_gaps'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.vnstream_gaps(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text) IS
	'windows of "from" to "to" (now if NULL) in which an exchange was open and nobody looked for longer than three intervals (kind ''no data''), of each exchange (ticker NULL); or of one ticker, with those in which it was looked at and was not traded (''no trade''). ''dropped'': retention has dropped the month''s quotes. why says what is known of the reason';
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_gaps(pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.text) TO PUBLIC;

CREATE FUNCTION @extschema@.vnstream_reference_breaks(
	"from" pg_catalog.date DEFAULT NULL,
	"to" pg_catalog.date DEFAULT NULL,
	ticker pg_catalog.text DEFAULT NULL,
	OUT ticker pg_catalog.text,
	OUT exchange pg_catalog.text,
	OUT day pg_catalog.date,
	OUT reference_price pg_catalog.float8,
	OUT previous_day pg_catalog.date,
	OUT previous_price pg_catalog.float8,
	OUT factor pg_catalog.float8,
	OUT basis pg_catalog.text)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_reference_breaks'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.vnstream_reference_breaks(pg_catalog.date, pg_catalog.date, pg_catalog.text) IS
	'days of "from" to "to" (the last 30 days if NULL), both included, whose reference price is not what the trading day before leads to: its ''close''; its ''average price'' on UPCOM; its reference where nothing was traded (''no trade''); or the close of a ''source bar''. Prices of days before times factor compare with those from that day on';
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_reference_breaks(pg_catalog.date, pg_catalog.date, pg_catalog.text) TO PUBLIC;

--
-- Data: bars, indices
--

CREATE FUNCTION @extschema@.vnstream_backfill(
	tickers pg_catalog.text[],
	"from" pg_catalog.timestamptz,
	"to" pg_catalog.timestamptz DEFAULT NULL,
	bar pg_catalog.interval DEFAULT '1 minute',
	source pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME', 'vnstream_backfill'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_backfill(pg_catalog.text[], pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) IS
	'have the source''s bars of these tickers (NULL: of all active symbols) fetched into vnstream_bars, those that start at "from" or later and before "to" (NULL: now), of ''1 minute'', ''1 hour'' or ''1 day''; returns the number in vnstream_backfills, does not wait; begins at COMMIT';
REVOKE ALL ON FUNCTION @extschema@.vnstream_backfill(pg_catalog.text[], pg_catalog.timestamptz, pg_catalog.timestamptz, pg_catalog.interval, pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION @extschema@.vnstream_cancel_backfill(backfill pg_catalog.int8)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'vnstream_cancel_backfill'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_cancel_backfill(pg_catalog.int8) IS
	'end a back-fill at COMMIT; the bars it has stored stay; false where it had ended before';
REVOKE ALL ON FUNCTION @extschema@.vnstream_cancel_backfill(pg_catalog.int8) FROM PUBLIC;

--
-- Months of realtime_quotes
--

CREATE SEQUENCE @extschema@.vnstream_dropped_months_seq;
COMMENT ON SEQUENCE @extschema@.vnstream_dropped_months_seq IS 'numbers the rows of vnstream_dropped_months';
CREATE TABLE @extschema@.vnstream_dropped_months (
	dropped		pg_catalog.int8 PRIMARY KEY
		DEFAULT pg_catalog.nextval('@extschema@.vnstream_dropped_months_seq'),
	month		pg_catalog.date NOT NULL,
	partition	pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	from_time	pg_catalog.timestamptz NOT NULL,
	to_time		pg_catalog.timestamptz NOT NULL,
	rows		pg_catalog.int8 NOT NULL,
	size		pg_catalog.int8 NOT NULL,
	dropped_at	pg_catalog.timestamptz NOT NULL,
	dropped_by	pg_catalog.text NOT NULL
);
ALTER SEQUENCE @extschema@.vnstream_dropped_months_seq
	OWNED BY @extschema@.vnstream_dropped_months.dropped;
COMMENT ON TABLE @extschema@.vnstream_dropped_months IS
	'months of realtime_quotes that were dropped, one row each time';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.dropped IS 'number, in the order of dropping';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.month IS 'the first day of the month';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.partition IS 'the name of the partition';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.from_time IS 'when the month began in Vietnam';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.to_time IS 'when the next one did';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.rows IS 'rows that it had, counted';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.size IS 'bytes that it had, indexes included';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.dropped_at IS 'when it was dropped';
COMMENT ON COLUMN @extschema@.vnstream_dropped_months.dropped_by IS 'why: retention (vnstream.retention)';

CREATE TABLE @extschema@.vnstream_dropped_offsets (
	segment		pg_catalog.int8 NOT NULL,
	from_offset	pg_catalog.int8 NOT NULL,
	next_offset	pg_catalog.int8 NOT NULL CHECK (next_offset OPERATOR(pg_catalog.>) from_offset),
	dropped		pg_catalog.int8 NOT NULL,
	PRIMARY KEY (segment, from_offset, dropped)
);
COMMENT ON TABLE @extschema@.vnstream_dropped_offsets IS
	'offsets whose rows were in a month that was dropped, run by run, so that vnstream_audit(true) does not miss them';
COMMENT ON COLUMN @extschema@.vnstream_dropped_offsets.segment IS 'the row of vnstream_segments that they are in';
COMMENT ON COLUMN @extschema@.vnstream_dropped_offsets.from_offset IS 'the first offset of the run';
COMMENT ON COLUMN @extschema@.vnstream_dropped_offsets.next_offset IS 'the first offset after it';
COMMENT ON COLUMN @extschema@.vnstream_dropped_offsets.dropped IS 'the row of vnstream_dropped_months';

REVOKE ALL ON TABLE @extschema@.vnstream_dropped_months, @extschema@.vnstream_dropped_offsets FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_dropped_months, @extschema@.vnstream_dropped_offsets TO pg_monitor;

CREATE FUNCTION @extschema@.vnstream_partitions(exact pg_catalog.bool DEFAULT true,
	OUT partition pg_catalog.text,
	OUT month pg_catalog.date,
	OUT from_time pg_catalog.timestamptz,
	OUT to_time pg_catalog.timestamptz,
	OUT rows pg_catalog.int8,
	OUT size pg_catalog.int8,
	OUT oldest pg_catalog.timestamptz,
	OUT newest pg_catalog.timestamptz,
	OUT state pg_catalog.text,
	OUT falls_due pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME', 'vnstream_partitions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.vnstream_partitions(pg_catalog.bool) IS
	'one row a partition of realtime_quotes, in the order of time: the month that it is (NULL where it is not exactly one), its bounds, rows and times that it has (counted, which reads the table; exact => false takes the planner''s estimate), bytes with indexes, whether it is attached, and from when on vnstream.retention drops it (NULL: never)';
REVOKE ALL ON FUNCTION @extschema@.vnstream_partitions(pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_partitions(pg_catalog.bool) TO pg_monitor;

--
-- Who may what: changing things is for the extension's owner and whom it
-- grants, looking for pg_monitor too.
--

REVOKE ALL ON TABLE @extschema@.vnstream_positions, @extschema@.vnstream_segments,
	@extschema@.vnstream_dead_letters, @extschema@.vnstream_sweeps,
	@extschema@.vnstream_outbox FROM PUBLIC;
REVOKE ALL ON TABLE @extschema@.vnstream_rejects, @extschema@.vnstream_rule_counts FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_rejects, @extschema@.vnstream_rule_counts TO pg_monitor;
GRANT SELECT ON TABLE @extschema@.vnstream_positions, @extschema@.vnstream_segments,
	@extschema@.vnstream_sweeps TO pg_monitor;
REVOKE ALL ON TABLE @extschema@.vnstream_bars, @extschema@.vnstream_index_quotes,
	@extschema@.vnstream_backfills FROM PUBLIC;
GRANT SELECT ON TABLE @extschema@.vnstream_bars, @extschema@.vnstream_index_quotes,
	@extschema@.vnstream_backfills TO pg_monitor;

REVOKE ALL ON FUNCTION @extschema@.vnstream_start(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_stop(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_restart(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_wait(pg_catalog.text, pg_catalog.interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_sweep() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_status() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_sources() FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.vnstream_version() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_wait(pg_catalog.text, pg_catalog.interval) TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_sources() TO pg_monitor;
GRANT EXECUTE ON FUNCTION @extschema@.vnstream_version() TO pg_monitor;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_positions', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_segments', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_segments_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dead_letters_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_sweeps', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_sweeps_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_session_overrides', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_holiday_overrides', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_outbox', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_outbox_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_rejects', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_rejects_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_rule_counts', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_symbols', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_symbol_history', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_symbol_refreshes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_symbol_refreshes_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dropped_months', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dropped_months_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_dropped_offsets', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_bars', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_index_quotes', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_backfills', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.vnstream_backfills_seq', '');
