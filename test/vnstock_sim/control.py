"""/_sim/: what a test may ask and change while the simulator runs."""

import json
import os
import time

from . import faults, listing, pins
from .answers import json_answer, text_answer
from .clock import parse_instant

PREFIX = "/_sim/"


class ControlError(ValueError):
    """A request to the control endpoint that cannot be done; the text says why."""


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class Control:
    def __init__(self, endpoints, market, rules, traffic, help_text):
        self._endpoints = endpoints
        self._market = market
        self._faults = rules
        self._traffic = traffic
        self._help_text = help_text
        self.skew = 0
        self._gets = {"": self._help, "help": self._help, "state": self._state, "requests": self._requests}
        self._posts = {"mode": self._mode, "quote": self._quote, "freeze": self._freeze, "replay": self._replay,
                       "listing": self._listing, "clock": self._clock, "chart": self._chart, "skew": self._skew,
                       "step": self._step, "reset": self._reset}

    def answer(self, request):
        name = request.path[len(PREFIX):]
        table = {"GET": self._gets, "POST": self._posts}.get(request.method, {})
        if name not in table:
            gets, posts = ", ".join(filter(None, self._gets)), ", ".join(self._posts)
            return json_answer({"error": f"no {request.method} {request.path} here; "
                                         f"there are GET {gets} and POST {posts}"}, 404)
        try:
            if request.method == "GET":
                return table[name]()
            return json_answer(table[name](self._object(request.body)))
        except (ControlError, faults.FaultError, listing.ListingError, pins.PinError) as error:
            return json_answer({"error": str(error)}, 400)

    @staticmethod
    def _object(body):
        if not body.strip():
            return {}
        try:
            value = json.loads(body, parse_constant=_refuse_constant)
        except ValueError as error:
            raise ControlError(f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ControlError("the body must be a JSON object")
        return value

    @staticmethod
    def _only(request, *known):
        for name in request:
            if name not in known:
                raise ControlError(f"unknown parameter {name!r}; known are {', '.join(known)}")

    def _flag(self, request, name):
        self._only(request, name)
        if not isinstance(request.get(name), bool):
            raise ControlError(f"{name} must be true or false")
        return request[name]

    def _help(self):
        return text_answer(self._help_text, 200, "text/plain; charset=utf-8")

    def _state(self):
        rules = self._faults.describe()
        listing = self._market.listing
        pinned_clock = self._market.clock.pinned
        return json_answer({
            "pid": os.getpid(), "cpu_seconds": round(time.process_time(), 6),
            "symbols": len(listing.traded), "unknown": list(listing.unknown), "listed": len(listing.securities),
            "seed": self._market.seed, "replay": self._endpoints.replaying, "frozen": self._market.frozen,
            "clock": None if pinned_clock is None else pinned_clock.isoformat(),
            "pinned": self._market.pinned_symbols(),
            "mode": rules[0]["mode"] if rules else "ok", "rules": rules, **self._traffic.describe()})

    def _requests(self):
        return json_answer({"requests": self._traffic.recent()})

    def _mode(self, request):
        self._faults.set(request)
        return {"rules": self._faults.describe()}

    def _quote(self, request):
        symbol, clear = request.get("symbol"), request.get("clear", False)
        if not isinstance(clear, bool):
            raise ControlError("clear must be true or false")
        if symbol is None and clear:
            self._market.unpin_all()
        elif not isinstance(symbol, str):
            raise ControlError("symbol must be a string")
        else:
            self._market.pin(symbol, None if clear else pins.from_request(request))
        return {"pinned": self._market.pinned_symbols()}

    def _chart(self, request):
        self._only(request, "symbol", "body", "clear")
        symbol, body, clear = request.get("symbol"), request.get("body"), request.get("clear", False)
        bodies = self._endpoints.chart_bodies
        if clear is True and symbol is None:
            bodies.clear()
        elif not isinstance(symbol, str) or not isinstance(clear, bool) or clear == isinstance(body, str):
            raise ControlError("give symbol and body, two strings; or clear, true, for all or for a symbol")
        elif clear:
            bodies.pop(symbol, None)
        else:
            bodies[symbol] = body.encode()
        return {"charts": sorted(bodies)}

    def _freeze(self, request):
        self._market.frozen = self._flag(request, "frozen")
        return {"frozen": self._market.frozen}

    def _replay(self, request):
        self._endpoints.replaying = self._flag(request, "replay")
        return {"replay": self._endpoints.replaying}

    def _listing(self, request):
        self._only(request, "add", "delist", "remove", "rename", "move", "group", "raw", "kept", "clear")
        for name, kind in (("add", list), ("delist", list), ("remove", list), ("rename", dict), ("move", dict),
                           ("group", dict), ("raw", list), ("kept", (int, float)), ("clear", bool)):
            if name in request and (not isinstance(request[name], kind) or isinstance(request[name], bool) and kind is not bool):
                raise ControlError(f"{name} has the wrong type")
        kept = request.get("kept")
        if kept is not None and not 0 <= kept <= 1:
            raise ControlError("kept must be between 0 and 1")
        texts = [*request.get("delist", []), *request.get("remove", []), *request.get("raw", []),
                 *request.get("rename", {}).values(), *request.get("move", {}).values()]
        if not all(isinstance(text, str) for text in texts):
            raise ControlError("symbols, names, boards and raw rows must be strings")

        def change(current):
            if request.get("clear"):
                current.restore()
            for row in request.get("add", []):
                if not isinstance(row, dict) or not isinstance(row.get("symbol"), str):
                    raise ControlError('add takes rows such as {"symbol":"NEW","type":"STOCK","board":"HSX"}')
                board = row.get("board", "UPCOM")
                if board not in listing.TRADED_BOARDS:
                    raise ControlError(f"board must be one of {', '.join(listing.TRADED_BOARDS)}")
                current.add(row["symbol"], row.get("type", "STOCK"), board, row.get("organName"))
            for symbol in request.get("delist", []):
                current.delist(symbol)
            for symbol in request.get("remove", []):
                current.remove(symbol)
            for symbol, name in request.get("rename", {}).items():
                current.rename(symbol, name)
            for symbol, board in request.get("move", {}).items():
                current.move(symbol, board)
            for group, symbols in request.get("group", {}).items():
                current.set_group(group, symbols)
            if "raw" in request:
                current.raw = [text.encode("utf-8", "surrogateescape") for text in request["raw"]]
            if kept is not None:
                current.kept = kept

        self._market.change_listing(change)
        return {"listed": len(self._market.listing.securities)}

    def _clock(self, request):
        self._only(request, "now")
        if "now" not in request:
            raise ControlError("now is missing: an ISO 8601 time, or null for the wall clock")
        try:
            instant = None if request["now"] is None else parse_instant(request["now"])
        except (AttributeError, TypeError, ValueError):
            raise ControlError(f"now must be an ISO 8601 time or null, not {request['now']!r}") from None
        self._market.clock.pin(instant)
        return {"now": self._market.clock.stamp().iso}

    def _skew(self, request):
        self._only(request, "seconds")
        seconds = request.get("seconds")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or abs(seconds) > 86400:
            raise ControlError("seconds must be a whole number between -86400 and 86400")
        self.skew = seconds
        return {"seconds": seconds}

    def _step(self, request):
        self._only(request, "steps")
        steps = request.get("steps", 1)
        if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= 10_000:
            raise ControlError("steps must be a whole number between 1 and 10000")
        self._market.advance(steps)
        return {"steps": steps}

    def _reset(self, request):
        self._only(request, "market")
        if not isinstance(request.get("market", False), bool):
            raise ControlError("market must be true or false")
        self._faults.clear()
        self._traffic.reset()
        self._market.unpin_all()
        self._market.frozen = False
        self._market.clock.pin(None)
        self.skew = 0
        self._endpoints.replaying = False
        self._market.change_listing(listing.Listing.restore)
        self._endpoints.chart_bodies.clear()
        if request.get("market"):
            self._market.restart()
        return {"reset": True}
