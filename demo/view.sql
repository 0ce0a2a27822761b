-- What make demo shows, again and again: the functions of an administrator and of a trader, and nothing else.
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
\pset title 'the market by the calendar, and the symbols that are followed'
SELECT m.exchange, m.phase, to_char(m.until, 'YYYY-MM-DD HH24:MI') AS until, s.shares, s.etfs, s.funds, s.resting
FROM vnstream_market_state() m
	LEFT JOIN (SELECT exchange, count(*) FILTER (WHERE kind = 'STOCK') AS shares, count(*) FILTER (WHERE kind = 'ETF') AS etfs,
			count(*) FILTER (WHERE kind = 'UNIT_TRUST') AS funds, count(*) FILTER (WHERE misses >= 5) AS resting
		FROM vnstream_symbols WHERE active GROUP BY exchange) s USING (exchange);
\pset title 'what moves'
SELECT list, string_agg(CASE list
		WHEN 'volume' THEN format('%s %s', ticker, to_char(total_volume, 'FM999,999,999,999'))
		WHEN 'value' THEN format('%s %s million', ticker, to_char(total_value / 1e6, 'FM999,999,999,999'))
		ELSE format('%s %s (%s %%)', ticker, price, to_char(change_percent, 'FMSG990.00')) END, ', ' ORDER BY rank) AS "first five"
FROM vnstream_movers(5) GROUP BY list ORDER BY min(array_position('{gainers,losers,volume,value}', list));
\pset title 'latest quotes, from shared memory: those with the largest value'
SELECT ticker, exchange, to_char(match_time, 'HH24:MI:SS') AS match, to_char(time, 'HH24:MI:SS') AS fetched, price, change,
	volume, total_volume, bid_price AS bid, ask_price AS ask, stored
FROM latest_quotes ORDER BY total_value DESC NULLS LAST LIMIT 3;
\pset title 'candles of a minute of the first of them'
SELECT c.ticker, to_char(c.start, 'HH24:MI') AS start, c.open, c.high, c.low, c.close, c.volume, c.samples, c.basis
FROM (SELECT ticker FROM latest_quotes ORDER BY total_value DESC NULLS LAST LIMIT 1) first,
	vnstream_candles(first.ticker, '1 min', now() - interval '10 min') c
ORDER BY c.start DESC LIMIT 3;
\pset title 'the topic'
SELECT * FROM vnstream_offsets();
\pset title 'what became of everything that was fetched and read'
SELECT account, total, delivered, repeated, refused, gaps, pending, difference
FROM vnstream_audit() LIMIT 4;
\pset title 'latency in ms, and messages'
SELECT hop, p50_ms, p99_ms, max_ms, per_second, per_hour FROM vnstream_latency() WHERE hop ~ 'committed$';
\pset title 'log'
SELECT to_char(time, 'HH24:MI:SS') AS time, worker, level, repeated, left(message, 110) AS message
FROM vnstream_log(4);
