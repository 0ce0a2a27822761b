#!/usr/bin/env python3
"""Does the original Python client understand the simulator?

An outside check, run by hand, not by `make test`.  The client's licence is
not open source: it is never a dependency, and none of its code is here.  It
gets a throw-away environment of its own:

    python3 -m venv /tmp/original-client
    /tmp/original-client/bin/pip install vnstock==4.0.8        (or vnstock==3.2.6 pytz)
    /tmp/original-client/bin/python test/sim/original_client_check.py

It starts the simulator, sends the client's requests for the two services
there, and lets nothing else leave: every other host is refused, and so is
every socket that does not stay on this machine.  Exit status 0: all parsed.
"""

import importlib.metadata
import importlib.util
import os
import socket
import sys
import tempfile
import urllib.parse

# The client keeps files below the home directory, and reads it when imported.
HOME = tempfile.TemporaryDirectory(prefix="original-client-home-")
os.environ["HOME"] = HOME.name
os.environ["VNSTOCK_TELEMETRY"] = "off"

from simulator_process import BOARD, KBS, Simulator  # noqa: E402

# When imported it also writes an AGENTS.md of its own into the working folder.
os.chdir(HOME.name)

SERVICES = ("trading.vietcap.com.vn", "kbbuddywts.kbsec.com.vn")
SYMBOLS = ["VCB", "FPT", "HPG", "SHS", "ACV", "E1VFVN30"]
refused = set()


def keep_on_this_machine():
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            refused.add(str(address[0]))
            raise ConnectionRefusedError("this check stays on this machine")
        return connect(self, address)

    def resolve(host, *arguments, **options):
        if host not in ("127.0.0.1", "localhost", None):
            refused.add(str(host))
            raise socket.gaierror("this check stays on this machine")
        return getaddrinfo(host, *arguments, **options)

    getaddrinfo = socket.getaddrinfo
    socket.getaddrinfo = resolve
    socket.socket.connect = guarded


def redirect_to(simulator):
    import requests.adapters

    send = requests.adapters.HTTPAdapter.send

    def redirected(self, request, **options):
        url = urllib.parse.urlsplit(request.url)
        if url.hostname in SERVICES:
            request.url = url._replace(scheme="http", netloc=f"127.0.0.1:{simulator.port}").geturl()
        elif url.hostname != "127.0.0.1":
            refused.add(url.hostname)
            raise requests.ConnectionError("this check stays on this machine")
        return send(self, request, **{**options, "proxies": {}})

    requests.adapters.HTTPAdapter.send = redirected


class Check:
    def __init__(self):
        self.failures = 0

    def __call__(self, what, action):
        try:
            result = action()
        except BaseException as error:  # The client is known to end the process itself in places.
            self.failures += 1
            print(f"FAIL  {what}: {type(error).__name__}: {error}")
        else:
            print(f"ok    {what}: {result}")


def column(frame, *names):
    """The frame's column whose name, or last level of its name, is the first of these that exists."""
    for name in names:
        for label in frame.columns:
            if (label[-1] if isinstance(label, tuple) else label) == name:
                return list(frame[label])
    raise KeyError(f"none of {names} in {list(frame.columns)}")


def equal(got, expected, what):
    if list(got) != list(expected):
        raise AssertionError(f"{what}: the client has {list(got)[:8]}, the simulator {list(expected)[:8]}")


def check_vci(check, simulator):
    from vnstock.explorer.vci.listing import Listing
    from vnstock.explorer.vci.quote import Quote
    from vnstock.explorer.vci.trading import Trading

    def board():
        frame = Trading(show_log=False).price_board(SYMBOLS)
        rows = simulator.board(*SYMBOLS)
        equal(column(frame, "symbol"), SYMBOLS, "symbol")
        for name, group, field in (("match_price", "matchPrice", "matchPrice"),
                                   ("accumulated_volume", "matchPrice", "accumulatedVolume"),
                                   ("avg_match_price", "matchPrice", "avgMatchPrice"),
                                   ("ceiling", "listingInfo", "ceiling"), ("floor", "listingInfo", "floor"),
                                   ("ref_price", "listingInfo", "refPrice"),
                                   ("listed_share", "listingInfo", "listedShare")):
            equal(column(frame, name), [row[group][field] for row in rows], name)
        equal(column(frame, "bid_1_price"), [row["bidAsk"]["bidPrices"][0]["price"] for row in rows], "bid_1_price")
        equal(column(frame, "ask_3_volume"), [row["bidAsk"]["askPrices"][2]["volume"] for row in rows], "ask_3_volume")
        return f"{len(frame)} rows, {len(frame.columns)} columns, values equal"

    def listing():
        frame = Listing().symbols_by_exchange()
        shares = frame[(frame["type"] == "STOCK") & frame["exchange"].isin(["HSX", "HNX", "UPCOM"])]
        equal(sorted(shares["symbol"]), sorted(row["symbol"] for row in simulator.get(
            "/api/price/symbols/getAll").json() if row["type"] == "STOCK" and row["board"] != "DELISTED"), "symbols")
        return f"{len(frame)} rows, of them {len(shares)} listed shares"

    def group():
        members = list(Listing().symbols_by_group("VN30"))
        equal(members, [row["symbol"] for row in simulator.get(
            "/api/price/symbols/getByGroup?group=VN30").json()], "members")
        return f"{len(members)} members"

    def history():
        frame = Quote("VCB", show_log=False).history(start="2026-07-01", end="2026-07-31", interval="1D")
        return f"{len(frame)} bars, columns {list(frame.columns)}"

    def intraday():
        frame = Quote("VCB", show_log=False).intraday(page_size=2)
        return f"{len(frame)} ticks, columns {list(frame.columns)}"

    check("VCI price board", board)
    check("VCI symbol list", listing)
    check("VCI group VN30", group)
    check("VCI daily bars", history)
    check("VCI ticks", intraday)


def check_kbs(check, simulator):
    from vnstock.explorer.kbs.listing import Listing
    from vnstock.explorer.kbs.quote import Quote
    from vnstock.explorer.kbs.trading import Trading

    def board():
        frame = Trading().price_board(SYMBOLS, get_all=True)
        rows = simulator.kbs_board(*SYMBOLS)
        equal(column(frame, "symbol", "SB"), SYMBOLS, "symbol")
        for names, field in ((("close_price", "match_price", "CP"), "CP"), (("ceiling_price", "CL"), "CL"),
                             (("reference_price", "RE"), "RE")):
            equal(column(frame, *names), [row[field] for row in rows], names[0])
        return f"{len(frame)} rows, columns {list(frame.columns)}"

    def listing():
        frame = Listing().symbols_by_exchange()
        if len(frame) < 1590:
            raise AssertionError(f"only {len(frame)} rows")
        return f"{len(frame)} rows, columns {list(frame.columns)}"

    def group():
        members = list(Listing().symbols_by_group("VN30"))
        equal(members, simulator.get(f"{KBS}/index/30/stocks").json()["data"], "members")
        return f"{len(members)} members"

    def history():
        frame = Quote("VCB").history(start="2026-07-01", end="2026-07-31", interval="1D")
        return f"{len(frame)} bars, columns {list(frame.columns)}"

    def intraday():
        frame = Quote("VCB").intraday(page_size=2)
        return f"{len(frame)} ticks, columns {list(frame.columns)}"

    check("KBS price board", board)
    check("KBS symbol list", listing)
    check("KBS group VN30", group)
    check("KBS daily bars", history)
    check("KBS ticks", intraday)


def main():
    check = Check()
    keep_on_this_machine()
    with Simulator() as simulator:
        redirect_to(simulator)
        simulator.board(*SYMBOLS)
        # The same answers for the client and for the comparison.
        simulator.control("freeze", frozen=True)
        version = importlib.metadata.version("vnstock")
        print(f"vnstock {version}, Python {sys.version.split()[0]}")
        check_vci(check, simulator)
        if importlib.util.find_spec("vnstock.explorer.kbs"):
            check_kbs(check, simulator)
        asked = simulator.state()["requests"]
        print(f"asked for by the client and this check: {asked}")
        if BOARD not in asked:
            check.failures += 1
    print(f"refused to reach: {', '.join(sorted(refused)) or 'nothing tried'}")
    return 1 if check.failures else 0


if __name__ == "__main__":
    status = main()
    HOME.cleanup()
    sys.stdout.flush()
    # The client leaves threads behind that would report this run to its maker.
    os._exit(status)
