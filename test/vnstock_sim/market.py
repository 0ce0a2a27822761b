"""All shares behind one lock."""

import json
import threading

from . import answers, charts, kbs_rows, pins, vci_rows
from .clock import Clock
from .share import Share

FRAGMENTS = {"vci": (vci_rows.fragment, "vci_fragment"), "kbs": (kbs_rows.fragment, "kbs_fragment")}


class Market:
    def __init__(self, listing, seed, activity=None):
        self.listing = listing
        self.seed = seed
        self.activity = activity
        self.clock = Clock()
        self.frozen = False
        self.lock = threading.Lock()
        self._shares = {}
        self._vci_list = None

    def restart(self):
        """The first day once more, as after a start with the same seed."""
        with self.lock:
            self._shares.clear()

    def find(self, symbol, stamp):
        """The share, created when first looked at: 100,000 symbols must not slow the start."""
        share = self._shares.get(symbol)
        if share is None:
            security = self.listing.on_the_board(symbol)
            if security is None:
                return None
            position = self.listing.traded.get(symbol, security.id)
            share = self._shares[symbol] = Share(security, position, self.seed, self.activity, stamp)
        return share

    def board(self, service, symbols, leave_out=None):
        """The rows of the symbols that the board knows, as one JSON array."""
        render, slot = FRAGMENTS[service]
        rows = []
        with self.lock:
            stamp = self.clock.stamp()
            for symbol in dict.fromkeys(symbols):
                share = self.find(symbol, stamp)
                if share is None or (leave_out is not None and leave_out(symbol)):
                    continue
                if not self.frozen and share.pin is None:
                    share.advance(stamp)
                row = getattr(share, slot)
                if row is None:
                    row = render(share)
                    if share.pin is not None:
                        row = share.pin.apply(service, row)
                    setattr(share, slot, row)
                rows.append(row)
        return b"[" + b",".join(rows) + b"]"

    def advance(self, steps):
        """Moves every share that anybody has asked for."""
        with self.lock:
            stamp = self.clock.stamp()
            for share in self._shares.values():
                if share.pin is None:
                    for _ in range(steps):
                        share.advance(stamp)

    def pin(self, symbol, pin):
        """Holds a share still, with the pin's values over its own; None lets it go."""
        with self.lock:
            share = self.find(symbol, self.clock.stamp())
            if share is None:
                raise pins.PinError(f"the board does not know the symbol {symbol!r}")
            share.pin = pin
            share.vci_fragment = share.kbs_fragment = None

    def unpin_all(self):
        with self.lock:
            for share in self._shares.values():
                if share.pin is not None:
                    share.pin = None
                    share.vci_fragment = share.kbs_fragment = None

    def pinned_symbols(self):
        with self.lock:
            return sorted(symbol for symbol, share in self._shares.items() if share.pin is not None)

    def vci_list(self):
        with self.lock:
            if self._vci_list is None:
                self._vci_list = answers.Answer(self.listing.vci_list(), service="vci")
            return self._vci_list

    def change_listing(self, change):
        """Calls change(listing) while nobody reads it."""
        with self.lock:
            change(self.listing)
            self._vci_list = None
            for symbol in [symbol for symbol in self._shares if self.listing.on_the_board(symbol) is None]:
                del self._shares[symbol]

    def kbs_search(self):
        with self.lock:
            stamp = self.clock.stamp()
            rows = [kbs_rows.search_row(security, self.find(security.symbol, stamp))
                    for security in self.listing.securities if security.board != "DELISTED"]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    def vci_chart(self, symbols, time_frame, until, count):
        return self._of_each(symbols, lambda share, stamp: charts.vci_chart(share, time_frame, until, count, stamp))

    def vci_tape(self, symbol, limit, before_seconds):
        found = self._of_each([symbol], lambda share, stamp: charts.vci_tape(share, limit, before_seconds))
        return found[0] if found else []

    def kbs_chart(self, symbol, resolution, start_date, end_date):
        found = self._of_each(
            [symbol], lambda share, stamp: charts.kbs_chart(share, resolution, start_date, end_date, stamp))
        return found[0] if found else {"symbol": symbol, f"data_{resolution}": []}

    def kbs_index_chart(self, code, resolution, start_date, end_date):
        with self.lock:
            now = self.clock.now()
        return charts.kbs_index_chart(code, resolution, start_date, end_date, int(now.timestamp()))

    def kbs_tape(self, symbol, page, limit):
        found = self._of_each([symbol], lambda share, stamp: charts.kbs_tape(share, page, limit, stamp))
        return found[0] if found else {"data": []}

    def _of_each(self, symbols, make):
        made = []
        with self.lock:
            stamp = self.clock.stamp()
            for symbol in symbols:
                share = self.find(symbol, stamp)
                if share is not None:
                    result = make(share, stamp)
                    if result is not None:
                        made.append(result)
        return made
