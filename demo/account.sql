-- What became of everything that was fetched and read.
SELECT account, total, delivered, repeated, refused, gaps, pending, difference FROM vnstream_audit(deep => true);
