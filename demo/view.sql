-- What make demo shows, again and again.
\pset footer off
\pset null '-'
\pset linestyle unicode
\pset title 'workers'
SELECT worker, state, waiting_for, messages, rows, errors, lag,
	round(rate::numeric, 1) AS "msg/s", round(cpu_seconds::numeric, 1) AS cpu_s,
	pg_size_pretty(memory) AS memory
FROM vnstream_status();
\pset title 'last sweeps'
SELECT sweep, trigger, to_char(started, 'HH24:MI:SS') AS started,
	round(extract(epoch FROM ended - started), 2) AS seconds,
	asked, answered, missing, published, unchanged, rejected, waiting, left(error, 40) AS error
FROM vnstream_sweeps ORDER BY sweep DESC LIMIT 4;
\pset title 'stored = published'
SELECT (SELECT sum(published) FROM vnstream_sweeps) AS published,
	sum(stored) AS stored, sum(duplicates) AS duplicates, sum(dead_letters) AS dead_letters,
	sum(gaps) AS gaps, (SELECT sum(next_offset) FROM vnstream_positions) AS position
FROM vnstream_segments;
\pset title 'latest quotes'
SELECT ticker, exchange, to_char(time, 'HH24:MI:SS.MS') AS time, price, change,
	round(change_percent::numeric, 2) AS "%", volume, total_volume, bid_price AS bid, ask_price AS ask
FROM (SELECT DISTINCT ON (ticker) * FROM realtime_quotes
	WHERE ticker IN ('VCB', 'FPT', 'HPG', 'VNM', 'SSI', 'MWG', 'VIC', 'ACB')
	ORDER BY ticker, time DESC) latest;
