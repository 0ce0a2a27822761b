-- Is nothing missing?
SELECT sum(s.published) > 0 AND sum(s.waiting) = 0
	AND sum(s.answered) = sum(s.published + s.unchanged + s.rejected)
	AND sum(s.published) = (SELECT count(*) FROM realtime_quotes)
	AND NOT EXISTS (SELECT FROM vnstream_dead_letters)
	AND (SELECT sum(stored) FROM vnstream_segments) = (SELECT count(*) FROM realtime_quotes)
	AND (SELECT bool_and(gaps = 0) FROM vnstream_segments)
	AND (SELECT count(*) >= 1500 FROM (SELECT FROM realtime_quotes GROUP BY ticker HAVING count(*) >= 2) t)
FROM vnstream_sweeps s;
