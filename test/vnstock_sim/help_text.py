"""What --help and GET /_sim/help say."""

DESCRIPTION = """\
A stand-in, on this machine only, for the market data services that vnstock_stream polls:
VCI below http://127.0.0.1:PORT/api/ and KBS below http://127.0.0.1:PORT/iis-server/investment/.
It serves a living market of all listed shares, ETFs and funds, or the captured answers byte for
byte, and can be told at run time to fail in every way the real services have been seen to fail.
"""

CONTROL = """\
the services' paths:
  VCI  POST /api/price/symbols/getList           {"symbols":["VCB","FPT"]}
       GET  /api/price/symbols/getAll
       GET  /api/price/symbols/getByGroup?group=VN30
       POST /api/chart/OHLCChart/gap-chart       {"timeFrame":"ONE_DAY","symbols":["VCB"],"to":N,"countBack":N}
       POST /api/market-watch/LEData/getAll      {"symbol":"VCB","limit":100,"truncTime":N or null}
  KBS  POST /iis-server/investment/stock/iss     {"code":"VCB,FPT"}
       GET  /iis-server/investment/stock/search/data
       GET  /iis-server/investment/index/30/stocks
       GET  /iis-server/investment/stocks/VCB/data_day?sdate=DD-MM-YYYY&edate=DD-MM-YYYY
       GET  /iis-server/investment/index/VNINDEX/data_1P?sdate=DD-MM-YYYY&edate=DD-MM-YYYY
       GET  /iis-server/investment/trade/history/VCB?page=1&limit=100

the market:
  A share moves when a board is asked for it, one step a request; its k-th answer depends on the
  seed, the ticker and k alone (times aside).  Not every step brings a trade (see --activity).
  Every 17th symbol has no trade today, shown by turns with zeros and with nulls; every 211th is
  suspended; every 193rd has a first day's wide limits.  The boards answer for the --symbols
  shares, ETFs and funds and for covered warrants; for the --unknown ones, bonds, futures and
  delisted ones, which are in the list too, they leave the row out.

the control endpoint (all bodies are JSON objects; anything wrong is answered 400 {"error":...}):
  GET  /_sim/state     symbols, unknown, listed, seed, replay, frozen, clock, pinned, mode, rules;
                       requests (by path), requests_total, statuses, faults (by mode), symbols_asked,
                       largest_batch, in_flight, in_flight_high, connections {open, accepted},
                       last_request {method, path, headers, body, connection}; pid, cpu_seconds.
                       Requests to /_sim/, and connections that carried nothing else, do not count.
  GET  /_sim/requests  the last 2,000 requests: number, connection, method, path, symbols, mode,
                       at (seconds since start), seconds, status, bytes; unfinished ones have nulls
  GET  /_sim/help      this text
  POST /_sim/mode      {"mode":M, ...}: what happens to requests from now on (table below), with
                         "path":TEXT    only those whose path contains TEXT
                         "source":NAME  only those of "vci" or of "kbs"
                         "count":N      only the next N of them; absent: until changed
                         "after":N      but first let N of them pass
                         "delay":SEC    and only after this time
                         "add":true     besides the rules already set, which go first; absent: instead of them
                       {"mode":"ok"} ends all of it.
  POST /_sim/quote     {"symbol":"VCB","matchPrice":60000,...}: hold this symbol still with these values.
                       A bare VCI name sets every copy of it in the row (ceiling and ceilingPrice, ...)
                       and its KBS counterpart, and drags along what would else be untrue (a price the
                       day's range, a total its value), where that is not named; "matchPrice.time" or "kbs.CP" sets that field alone,
                       and may be new.  "omit":[names] leaves fields out; "raw":{name:text} puts text
                       into the JSON as it is (1e400, say).  Each call replaces the symbol's earlier
                       one.  {"symbol":"VCB","clear":true} lets go, {"clear":true} all of them.
  POST /_sim/chart     {"symbol":"VCB","body":TEXT}: charts of this symbol, or index, are answered with
                       just that, whatever was asked.  {"symbol":"VCB","clear":true} ends it, {"clear":true}
                       all of it.
  POST /_sim/freeze    {"frozen":true}: nothing moves, repeated questions get identical answers
  POST /_sim/replay    {"replay":true}: the captured answers byte for byte, as --replay
  POST /_sim/listing   changes of the list of symbols, each as from now on, any of
                         "add":[{"symbol":"NEW","type":"STOCK","board":"HSX","organName":TEXT}, ...]
                         "delist":[symbols]   listed as DELISTED, the boards leave them out
                         "remove":[symbols]   not in the list at all, the boards go on
                         "rename":{symbol:name}  "move":{symbol:board}  "group":{group:[symbols]}
                         "raw":[texts]        rows of VCI's list as they are, right or wrong
                         "kept":F             VCI's list has only this share of its rows
                         "clear":true         first of all: the list as it was at the start
  POST /_sim/clock     {"now":"2026-08-04T11:00:00+07:00"}: the market's time stands there; null: wall clock.
                       On another date each share, at its next step, begins a new day.
  POST /_sim/skew      {"seconds":N}: Date headers are so far ahead of this machine's clock; 0: not at all
  POST /_sim/step      {"steps":N}: every symbol asked for so far moves N steps
  POST /_sim/reset     {}: mode ok, nothing pinned or frozen, wall clock, no replay, the first list,
                       counters at zero; {"market":true}: the market at its beginning, too

modes:
  ok            all well
  slow          all well after "delay" seconds (1)
  400           empty body, as on a blocked client
  429           with Retry-After if "retry_after" is given (a number or any text); "cloudflare":true
                for its Error 1015 page
  403           Cloudflare's block page            403_plain   the word Forbidden
  403_json      the same as a JSON object
  told          status 200 with an object that tells "status" (500) as an error
  404           the gateway's text                 500         a JSON error
  503           the proxy's text; "retry_after" as above
  html          a challenge page with status 200
  empty         []
  truncated     JSON that ends in the middle; "at":0.5 cuts the true answer there
  partial       leaves out "symbols":[...], or a "fraction" (0.1) of all, always the same ones
  partial_once  leaves them out when first asked for, not again
  old_schema    VCI rows as before 2025-05-05      strings     every number as a string
  badutf8       invalid UTF-8 within a string
  hostile       15 VCI rows of wrong values (tickers H01 to H14 and one that is no ticker);
                "as_asked":true puts the asked tickers on them, in turn; "more":true serves others,
                most under tickers from R01 on, some of which are no JSON
  redirect      302 to "location" (/moved, which answers 404); "status" for another code
  hang          no answer, until the client leaves; "seconds": then the connection closes
  stall         half the answer, then as hang
  drip          "bytes" (1) each "interval" seconds (0.05)
  huge          a JSON array of "size" bytes (64 MiB), not compressed
  bomb          a gzip stream that unpacks to "size" bytes (256 MiB)
  swarm         a JSON array of about "size" bytes (15 MiB), all of it "row"s (the text 1); with
                "deep":true they are in an array that is the only row
  cut           half the answer, then the connection closes
  reset         half the answer, then a TCP reset
"""
