"""What the services have been asked so far.  Requests to /_sim/ are not counted."""

import collections
import threading
import time

RECENT = 2_000


class Traffic:
    def __init__(self):
        self._lock = threading.Lock()
        self._open_connections = set()
        self._started = time.monotonic()
        self._in_flight = 0
        self.reset()

    def reset(self):
        with self._lock:
            self._paths = collections.Counter()
            self._statuses = collections.Counter()
            self._faults = collections.Counter()
            self._accepted = set()
            self._in_flight_high = self._in_flight
            self._symbols_asked = 0
            self._largest_batch = 0
            self._last = None
            self._total = 0
            self._recent = collections.deque(maxlen=RECENT)

    def begin(self, connection, request, mode):
        """Notes a request that has been read whole; returns its record, to be given to finish()."""
        symbols = request.asked_symbols()
        query = f"?{request.query_string}" if request.query_string else ""
        with self._lock:
            self._accepted.add(connection)
            self._open_connections.add(connection)
            self._total += 1
            self._paths[request.path] += 1
            if mode:
                self._faults[mode] += 1
            if symbols is not None:
                self._symbols_asked += len(symbols)
                self._largest_batch = max(self._largest_batch, len(symbols))
            self._in_flight += 1
            self._in_flight_high = max(self._in_flight_high, self._in_flight)
            self._last = {"method": request.method, "path": request.path + query,
                          "headers": dict(request.headers.items()),
                          "body": request.body.decode("utf-8", "replace"), "connection": connection}
            record = {"number": self._total, "connection": connection, "method": request.method,
                      "path": request.path + query, "symbols": None if symbols is None else len(symbols),
                      "mode": mode or "ok", "at": round(time.monotonic() - self._started, 6),
                      "seconds": None, "status": None, "bytes": None}
            self._recent.append(record)
            return record

    def finish(self, record, status, bytes_sent):
        """Status None: nothing has been answered."""
        with self._lock:
            self._in_flight -= 1
            self._statuses["none" if status is None else str(status)] += 1
            record.update(status=status, bytes=bytes_sent,
                          seconds=round(time.monotonic() - self._started - record["at"], 6))

    def disconnected(self, connection):
        with self._lock:
            self._open_connections.discard(connection)

    def describe(self):
        with self._lock:
            return {"requests": dict(self._paths), "requests_total": self._total,
                    "statuses": dict(self._statuses), "faults": dict(self._faults),
                    "symbols_asked": self._symbols_asked, "largest_batch": self._largest_batch,
                    "in_flight": self._in_flight, "in_flight_high": self._in_flight_high,
                    "connections": {"open": len(self._open_connections), "accepted": len(self._accepted)},
                    "last_request": self._last}

    def recent(self):
        with self._lock:
            return [dict(record) for record in self._recent]
