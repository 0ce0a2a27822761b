"""Starts the simulator for a test and talks to it."""

import contextlib
import gzip
import http.client
import json
import pathlib
import subprocess
import sys
import time

TEST_DIRECTORY = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = TEST_DIRECTORY / "fixtures"
PROGRAM = TEST_DIRECTORY / "vnstock-sim"
# 11:00 in Vietnam on a trading day.
MORNING = "2026-08-04T11:00:00+07:00"

BOARD = "/api/price/symbols/getList"
KBS = "/iis-server/investment"

sys.path.insert(0, str(TEST_DIRECTORY))


def fixture_bytes(name):
    return (FIXTURES / name).read_bytes()


def fixture_json(name):
    return json.loads(fixture_bytes(name))


class Response:
    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def body(self):
        return gzip.decompress(self.raw) if self.headers.get("Content-Encoding") == "gzip" else self.raw

    def json(self):
        return json.loads(self.body)


class Simulator:
    """A running simulator; use as a context manager."""

    def __init__(self, *options):
        # By this interpreter, so that the tests' version of Python is also the simulator's.
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()
        if not self.first_line:
            raise RuntimeError(self.process.communicate()[1])
        self.port = int(self.first_line.rstrip().rstrip("/").rpartition(":")[2])
        self._connections = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it as an operator would; returns (exit status, what it wrote on standard error)."""
        self.disconnect()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            errors = self.process.communicate(timeout=10)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            errors = "killed: it did not end within 10 s\n" + self.process.communicate()[1]
        return self.process.returncode, errors

    def disconnect(self):
        """Closes the connections kept from earlier requests."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def connect(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, value=None, headers=None, connection=None):
        """One request on the kept connection; a value is sent as JSON, bytes as they are."""
        if connection is None:
            # The control endpoint has a connection of its own, so that it does not show in the counts.
            purpose = "control" if path.startswith("/_sim/") else "service"
            connection = self._connections.setdefault(purpose, self.connect())
        body = value if isinstance(value, (bytes, type(None))) else json.dumps(value).encode()
        try:
            connection.request(method, path, body, {"Accept-Encoding": "gzip"} if headers is None else headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def request_alone(self, method, path, value=None, timeout=10):
        """One request on a connection of its own."""
        with contextlib.closing(self.connect(timeout)) as connection:
            return self.request(method, path, value, connection=connection)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, value, **options):
        return self.request("POST", path, value, **options)

    def control(self, name, **value):
        answer = self.post(f"/_sim/{name}", value)
        if answer.status != 200:
            raise AssertionError(f"/_sim/{name} {value}: {answer.status} {answer.body}")
        return answer.json()

    def state(self):
        return self.get("/_sim/state").json()

    def board(self, *symbols, **options):
        return self.post(BOARD, {"symbols": list(symbols)}, **options).json()

    def quote(self, symbol):
        return self.board(symbol)[0]

    def kbs_board(self, *symbols):
        return self.post(f"{KBS}/stock/iss", {"code": ",".join(symbols)}).json()

    def listed(self):
        """What a producer takes for the whole market: listed shares, ETFs and funds of the three boards."""
        return [row["symbol"] for row in self.get("/api/price/symbols/getAll").json()
                if row["type"] in ("STOCK", "ETF", "UNIT_TRUST") and row["board"] in ("HSX", "HNX", "UPCOM")]

    def wait_for(self, condition, seconds=5):
        """Until the state fits; returns it."""
        end = time.monotonic() + seconds
        while not condition(state := self.state()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {state}")
            time.sleep(0.01)
        return state

    def sweep(self, symbols, batch=50):
        rows = []
        for start in range(0, len(symbols), batch):
            rows += self.board(*symbols[start:start + batch])
        return rows
