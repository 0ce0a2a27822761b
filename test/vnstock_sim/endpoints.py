"""Paths of the services to answers."""

import datetime
import json
import re
import time
import urllib.parse

from . import charts, listing
from .answers import Answer, json_answer, text_answer

VCI_PREFIX = "/api/"
KBS_PREFIX = "/iis-server/investment/"
VCI_BOARD_PATH = VCI_PREFIX + "price/symbols/getList"
KBS_BOARD_PATH = KBS_PREFIX + "stock/iss"


class BadRequest(ValueError):
    """The client asked for something the service refuses; the text says what."""


class Request:
    def __init__(self, method, target, headers, body):
        self.method = method
        self.path, _, self.query_string = target.partition("?")
        self.headers = headers
        self.body = body

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(self.query_string))

    def json_object(self):
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadRequest("the body is not a JSON object")
        return value

    def asked_symbols(self):
        """The symbols of a board request, or None if it is none (or a broken one)."""
        try:
            if self.path == VCI_BOARD_PATH:
                return _vci_symbols(self)
            if self.path == KBS_BOARD_PATH:
                return _kbs_symbols(self)
        except BadRequest:
            pass
        return None


def _vci_symbols(request):
    symbols = request.json_object().get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise BadRequest('the body must be {"symbols": ["VCB", ...]}')
    return symbols


def _kbs_symbols(request):
    code = request.json_object().get("code")
    if not isinstance(code, str):
        raise BadRequest('the body must be {"code": "VCB,FPT,..."}')
    return [symbol.strip() for symbol in code.split(",") if symbol.strip()]


def _whole_number(value, name, default=None):
    if value is None and default is not None:
        return default
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadRequest(f"{name} must be a whole number")
    return value


def not_found():
    return text_answer("No context-path matches the request URI.", 404)


class Endpoints:
    """Answers from the living market, or from the captures while `replaying`."""

    def __init__(self, market, replay, replaying=False):
        self.market = market
        self.replay = replay
        self.replaying = replaying
        # Symbol or index: what its charts are answered with, whatever was asked.
        self.chart_bodies = {}
        self._vci = {
            ("POST", "price/symbols/getList"): self._vci_board,
            ("GET", "price/symbols/getAll"): self._vci_list,
            ("GET", "price/symbols/getByGroup"): self._vci_group,
            ("POST", "chart/OHLCChart/gap-chart"): self._vci_chart,
            # What the 3.x clients call it.
            ("POST", "chart/OHLCChart/gap"): self._vci_chart,
            ("POST", "market-watch/LEData/getAll"): self._vci_tape,
        }
        self._kbs = [
            ("POST", re.compile(r"stock/iss"), self._kbs_board),
            ("GET", re.compile(r"stock/search/data"), self._kbs_search),
            ("GET", re.compile(r"index/([^/]+)/stocks"), self._kbs_group),
            ("GET", re.compile(r"stocks/([^/]+)/data_(\w+)"), self._kbs_chart),
            ("GET", re.compile(r"index/([^/]+)/data_(\w+)"), self._kbs_index_chart),
            ("GET", re.compile(r"trade/history/([^/]+)"), self._kbs_tape),
        ]

    def answer(self, request, leave_out=None):
        """The sound answer; `leave_out(symbol)` names symbols that the board shall leave out."""
        try:
            if request.path.startswith(VCI_PREFIX):
                # The 3.x clients ask for /api//price/... and were answered.
                name = re.sub("/+", "/", request.path[len(VCI_PREFIX):]).lstrip("/")
                handler = self._vci.get((request.method, name))
                if handler is not None:
                    return self._finish(handler(request, leave_out), "vci")
            elif request.path.startswith(KBS_PREFIX):
                for method, pattern, handler in self._kbs:
                    match = pattern.fullmatch(request.path[len(KBS_PREFIX):])
                    if match and method == request.method:
                        return self._finish(handler(request, leave_out, *match.groups()), "kbs")
        except BadRequest as error:
            return json_answer({"statusCode": 400, "message": str(error), "error": "Bad Request"}, 400)
        return not_found()

    @staticmethod
    def _finish(result, service):
        if isinstance(result, Answer):
            return result
        if isinstance(result, bytes):
            return Answer(result, service=service)
        return json_answer(result, service=service)

    @property
    def _source(self):
        return self.replay if self.replaying else self.market

    def _vci_board(self, request, leave_out):
        return self._source.board("vci", _vci_symbols(request), leave_out)

    def _vci_list(self, request, leave_out):
        return self._source.vci_list()

    def _vci_group(self, request, leave_out):
        group = request.query.get("group", "")
        if self.replaying:
            return self.replay.vci_group(group)
        return [{"symbol": symbol} for symbol in self.market.listing.groups.get(group, ())]

    def _vci_chart(self, request, leave_out):
        asked = request.json_object()
        time_frame, symbols = asked.get("timeFrame"), asked.get("symbols")
        if time_frame not in charts.SECONDS:
            raise BadRequest(f"timeFrame must be one of {', '.join(charts.SECONDS)}")
        if not isinstance(symbols, list):
            raise BadRequest("symbols must be an array")
        until = _whole_number(asked.get("to"), "to", int(time.time()))
        count = _whole_number(asked.get("countBack"), "countBack", 100)
        if symbols and symbols[0] in self.chart_bodies:
            return self.chart_bodies[symbols[0]]
        if self.replaying:
            return self.replay.vci_chart(symbols, time_frame, count)
        return self.market.vci_chart(symbols, time_frame, until, count)

    def _vci_tape(self, request, leave_out):
        asked = request.json_object()
        symbol = asked.get("symbol")
        if not isinstance(symbol, str):
            raise BadRequest("symbol must be a string")
        limit = _whole_number(asked.get("limit"), "limit", 100)
        before = asked.get("truncTime")
        before = None if before is None else _whole_number(before, "truncTime")
        if self.replaying:
            return self.replay.vci_tape(symbol, before)
        return self.market.vci_tape(symbol, limit, before)

    def _kbs_board(self, request, leave_out):
        return self._source.board("kbs", _kbs_symbols(request), leave_out)

    def _kbs_search(self, request, leave_out):
        return self._source.kbs_search()

    def _kbs_group(self, request, leave_out, code):
        if self.replaying:
            return self.replay.kbs_group(code)
        members = self.market.listing.groups.get(listing.KBS_GROUPS.get(code), [])
        return {"status": 200, "data": list(members)}

    def _kbs_chart(self, request, leave_out, symbol, resolution):
        start, end = self._kbs_dates(request, resolution)
        if symbol in self.chart_bodies:
            return self.chart_bodies[symbol]
        if self.replaying:
            return self.replay.kbs_chart(symbol, resolution)
        return self.market.kbs_chart(symbol, resolution, start, end)

    def _kbs_index_chart(self, request, leave_out, code, resolution):
        start, end = self._kbs_dates(request, resolution)
        if code in self.chart_bodies:
            return self.chart_bodies[code]
        return self.market.kbs_index_chart(code, resolution, start, end)

    @staticmethod
    def _kbs_dates(request, resolution):
        if resolution not in charts.KBS_SECONDS:
            raise BadRequest(f"unknown resolution {resolution}")
        query = request.query
        try:
            return (datetime.datetime.strptime(query["sdate"], "%d-%m-%Y"),
                    datetime.datetime.strptime(query["edate"], "%d-%m-%Y"))
        except (KeyError, ValueError):
            raise BadRequest("sdate and edate must be DD-MM-YYYY") from None

    def _kbs_tape(self, request, leave_out, symbol):
        if self.replaying:
            return self.replay.kbs_tape(symbol)
        page = max(1, _whole_number(request.query.get("page"), "page", 1))
        limit = _whole_number(request.query.get("limit"), "limit", 100)
        return self.market.kbs_tape(symbol, page, limit)
