-- What became of everything that was fetched.
SELECT sum(s.asked) AS asked, sum(s.missing) AS "not on the board", sum(s.answered) AS fetched,
	sum(s.unchanged) AS unchanged, sum(s.rejected) AS rejected, sum(s.published) AS published,
	(SELECT count(*) FROM realtime_quotes) AS stored,
	(SELECT sum(duplicates) FROM vnstream_segments) AS duplicates,
	(SELECT count(*) FROM vnstream_dead_letters) AS "dead letters",
	(SELECT sum(gaps) FROM vnstream_segments) AS gap,
	sum(s.waiting) AS "waiting in the outbox",
	(SELECT count(*) FROM (SELECT FROM realtime_quotes GROUP BY ticker HAVING count(*) >= 2) t)
		AS "tickers stored twice or more"
FROM vnstream_sweeps s;
