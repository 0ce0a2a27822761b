"""Which requests shall go wrong, and how.

A test posts rules; the first rule that fits a request decides about it.  What
a rule does is one of four: it gives another answer, leaves symbols out,
rewrites the sound answer's body, or spoils its delivery (see delivery).
"""

import json
import threading
import zlib

from . import fixtures, vci_rows
from .answers import Answer, json_answer, text_answer
from .endpoints import KBS_PREFIX, VCI_BOARD_PATH, VCI_PREFIX, not_found


class FaultError(ValueError):
    """A rule that cannot be; the text says why."""


# The parameters that every mode takes.
COMMON = {"path": str, "source": str, "count": int, "after": int, "delay": (int, float), "add": bool}

# mode -> its own parameters.  What each does is told in help_text.
MODES = {
    "ok": {},
    "slow": {},
    "400": {},
    "429": {"retry_after": (int, float, str), "cloudflare": bool},
    "403": {},
    "403_plain": {},
    "403_json": {},
    "told": {"status": int},
    "404": {},
    "500": {},
    "503": {"retry_after": (int, float, str)},
    "html": {},
    "empty": {},
    "redirect": {"location": str, "status": int},
    "partial": {"symbols": list, "fraction": (int, float)},
    "partial_once": {"symbols": list, "fraction": (int, float)},
    "truncated": {"at": (int, float)},
    "badutf8": {},
    "hostile": {"as_asked": bool, "more": bool},
    "old_schema": {},
    "strings": {},
    "hang": {"seconds": (int, float)},
    "stall": {"seconds": (int, float)},
    "drip": {"interval": (int, float), "bytes": int},
    "huge": {"size": int},
    "bomb": {"size": int},
    "swarm": {"size": int, "row": str, "deep": bool},
    "reset": {},
    "cut": {},
}

LOWER_BOUNDS = {"count": 1, "after": 0, "delay": 0, "seconds": 0, "interval": 0, "bytes": 1, "size": 2}
MOVED_PATH = "/moved"
PREFIXES = {"vci": VCI_PREFIX, "kbs": KBS_PREFIX}
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
DEFAULT_FRACTION = 0.1


class Rule:
    def __init__(self, request):
        # A number is how one would naturally write 429.
        mode = str(request.get("mode"))
        if mode not in MODES:
            raise FaultError(f"unknown mode {request.get('mode')!r}; known are {', '.join(MODES)}")
        known = {**COMMON, **MODES[mode]}
        for name, value in request.items():
            if name == "mode":
                continue
            if name not in known:
                raise FaultError(f"unknown parameter {name!r} of mode {mode}; known are {', '.join(known)}")
            self._check(name, value, known[name])
        if mode == "redirect" and request.get("status", 302) not in REDIRECT_STATUSES:
            raise FaultError(f"status must be one of {', '.join(map(str, REDIRECT_STATUSES))}")
        self.mode = mode
        self.source = request.get("source")
        self.path = request.get("path", "")
        self.left = request.get("count")
        self.to_skip = request.get("after", 0)
        self.delay = request.get("delay", 1 if mode == "slow" else 0)
        self.parameters = {name: request[name] for name in MODES[mode] if name in request}
        self.served = 0
        self._left_out_before = set()

    @staticmethod
    def _check(name, value, kinds):
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            names = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
            raise FaultError(f"{name} must be of type {names}")
        if name in LOWER_BOUNDS and value < LOWER_BOUNDS[name]:
            raise FaultError(f"{name} must be at least {LOWER_BOUNDS[name]}")
        if name in ("fraction", "at") and not 0 <= value <= 1:
            raise FaultError(f"{name} must be between 0 and 1")
        if name == "source" and value not in PREFIXES:
            raise FaultError(f"source must be one of {', '.join(PREFIXES)}")
        if name == "symbols" and not all(isinstance(symbol, str) for symbol in value):
            raise FaultError("symbols must be an array of strings")

    def get(self, name, default=None):
        return self.parameters.get(name, default)

    def leaves_out(self, symbol):
        if "symbols" in self.parameters:
            chosen = symbol in self.parameters["symbols"]
        else:
            chosen = zlib.crc32(symbol.encode()) / 2 ** 32 < self.get("fraction", DEFAULT_FRACTION)
        if chosen and self.mode == "partial_once":
            if symbol in self._left_out_before:
                return False
            self._left_out_before.add(symbol)
        return chosen

    def describe(self):
        return {"mode": self.mode, "path": self.path, "source": self.source, "count": self.left, "after": self.to_skip,
                "delay": self.delay, **self.parameters, "served": self.served}


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []

    def set(self, request):
        """Takes the control request's object; without "add" it replaces what was set before."""
        rule = Rule(request)
        with self._lock:
            if not request.get("add"):
                self._rules = []
            # A bare "ok" ends everything; a qualified one shields some requests from later rules.
            if rule.mode != "ok" or rule.path or rule.left or rule.to_skip or rule.delay:
                self._rules.append(rule)

    def clear(self):
        with self._lock:
            self._rules = []

    def describe(self):
        with self._lock:
            return [rule.describe() for rule in self._rules]

    def take(self, path):
        """The rule for this request, which is thereby used once; or None."""
        with self._lock:
            for rule in self._rules:
                if rule.path not in path or path == MOVED_PATH:
                    continue
                if rule.source and not path.startswith(PREFIXES[rule.source]):
                    continue
                if rule.to_skip:
                    rule.to_skip -= 1
                    continue
                rule.served += 1
                if rule.left is not None:
                    rule.left -= 1
                    if rule.left == 0:
                        self._rules.remove(rule)
                return rule
        return None


def _recorded(name, headers=None):
    recorded = fixtures.read_json(fixtures.ERROR_BODIES)[name]
    all_headers = dict(recorded["headers"] if headers is None else headers)
    content_type = all_headers.pop("Content-Type", recorded["headers"]["Content-Type"])
    return text_answer(recorded["body"], recorded["status"], content_type, all_headers.items())


def _retry_after(rule):
    return {"Retry-After": str(rule.get("retry_after"))} if "retry_after" in rule.parameters else {}


def _too_many_requests(rule, request):
    if rule.get("cloudflare"):
        ray = fixtures.read_json(fixtures.ERROR_BODIES)["429_cloudflare"]["headers"]["cf-ray"]
        return _recorded("429_cloudflare", {"cf-ray": ray, **_retry_after(rule)})
    return _recorded("429_plain", _retry_after(rule))


def _unavailable(rule, request):
    return _recorded("503_upstream", {"server": "envoy", **_retry_after(rule)})


def _redirect(rule, request):
    location = rule.get("location", MOVED_PATH)
    return text_answer("", rule.get("status", 302), headers=[("Location", location)])


def _told(rule, request):
    status = rule.get("status", 500)
    return json_answer({"status": status, "message": "told in a body"})


OTHER_ANSWERS = {
    "400": lambda rule, request: _recorded("400"),
    "429": _too_many_requests,
    "403": lambda rule, request: _recorded("403_cloudflare"),
    "403_plain": lambda rule, request: _recorded("403_plain"),
    "403_json": lambda rule, request: Answer(b'{"statusCode":403,"message":"Forbidden"}', 403),
    "told": _told,
    "404": lambda rule, request: not_found(),
    "500": lambda rule, request: Answer(b'{"statusCode":500,"message":"Internal server error"}', 500),
    "503": _unavailable,
    "html": lambda rule, request: _recorded("200_challenge"),
    "empty": lambda rule, request: _recorded("200_empty"),
    "redirect": _redirect,
}


def _truncated(rule, request, body):
    if "at" in rule.parameters:
        return body[:int(len(body) * rule.get("at"))]
    return fixtures.read_json(fixtures.ERROR_BODIES)["200_truncated"]["body"].encode()


def _bad_utf8(rule, request, body):
    # Inside a value, where a careless reader would let it pass; by preference in
    # a name, where the ticker stays readable.
    for mark in (b'"organName":"', b'":"'):
        if mark in body:
            return body.replace(mark, mark + b"\xff\xfe\xc3\x28", 1)
    return b"\xff\xfe" + body


def _hostile(rule, request, body):
    if request.path != VCI_BOARD_PATH:
        return body
    if rule.get("more"):
        # Not all of it is JSON, so it goes out as it is.
        return fixtures.read_bytes(fixtures.VCI_BOARD_HOSTILE_MORE)
    rows = fixtures.split_rows(fixtures.VCI_BOARD_HOSTILE)
    if rule.get("as_asked"):
        # Under the names that were asked for, so that no reader drops the rows as unasked.
        rows = [rows[number % len(rows)].replace(b'"H%02d"' % (number % len(rows) + 1), json.dumps(symbol).encode())
                for number, symbol in enumerate(request.asked_symbols() or [])]
    return b"[" + b",".join(rows) + b"]"


def _old_schema(rule, request, body):
    if request.path != VCI_BOARD_PATH:
        return body
    return vci_rows.to_json([vci_rows.in_old_schema(row) for row in json.loads(body)]).encode("utf-8")


def _strings(rule, request, body):
    return vci_rows.to_json(json.loads(body, parse_int=str, parse_float=str)).encode("utf-8")


REWRITES = {"truncated": _truncated, "badutf8": _bad_utf8, "hostile": _hostile,
            "old_schema": _old_schema, "strings": _strings}
LEAVING_OUT = ("partial", "partial_once")


def answer(rule, request, endpoints):
    """The answer under this rule (None: the sound one); its delivery may still be spoilt."""
    if rule is None:
        return endpoints.answer(request)
    if rule.mode in OTHER_ANSWERS:
        return OTHER_ANSWERS[rule.mode](rule, request)
    if rule.mode in LEAVING_OUT:
        return endpoints.answer(request, rule.leaves_out)
    sound = endpoints.answer(request)
    if rule.mode in REWRITES and sound.status == 200:
        return sound.with_body(REWRITES[rule.mode](rule, request, sound.body))
    return sound
