-- What make demo shows, again and again: the functions of an administrator, and nothing else.
\pset footer off
\pset null '-'
\pset linestyle unicode
\pset title 'health'
SELECT status, array_to_string(reasons, '; ') AS reasons, to_char(since, 'HH24:MI:SS') AS since FROM vnstream_health();
\pset title 'workers'
SELECT worker, state, waiting_for, messages, rows, errors, lag,
	round(rate::numeric, 1) AS "msg/s", round(cpu_seconds::numeric, 1) AS cpu_s,
	pg_size_pretty(memory) AS memory
FROM vnstream_status();
\pset title 'the topic'
SELECT * FROM vnstream_offsets();
\pset title 'what became of everything that was fetched and read'
SELECT account, total, delivered, repeated, refused, gaps, pending, difference
FROM vnstream_audit() LIMIT 6;
\pset title 'latency in ms, and messages'
SELECT hop, p50_ms, p99_ms, max_ms, per_second, per_hour FROM vnstream_latency();
\pset title 'newest messages'
SELECT key AS ticker, value->>'exchange' AS exchange, to_char(timestamp, 'HH24:MI:SS.MS') AS time,
	value->>'price' AS price, value->>'change' AS change, value->>'volume' AS volume,
	value->>'total_volume' AS total_volume, value->>'bid_price' AS bid, value->>'ask_price' AS ask
FROM vnstream_peek(3, 'end');
\pset title 'log'
SELECT to_char(time, 'HH24:MI:SS') AS time, worker, level, repeated, left(message, 70) AS message
FROM vnstream_log(5);
