"""Options and signals."""

import argparse
import os
import signal
import sys

from . import help_text
from .clock import parse_instant
from .endpoints import Endpoints
from .listing import Listing
from .market import Market
from .replay import Replay
from .server import HOST, Server

MOST_SYMBOLS = 1_000_000
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _whole(lowest, highest):
    def parse(text):
        value = int(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"must be between {lowest} and {highest}")
        return value
    # argparse names the type by this in "invalid ... value".
    parse.__name__ = "whole number"
    return parse


def _fraction(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return value


def _instant(text):
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser():
    parser = argparse.ArgumentParser(
        prog="vnstock-sim", description=help_text.DESCRIPTION, epilog=help_text.CONTROL,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=_whole(0, 65535), required=True, metavar="N",
                        help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--symbols", type=_whole(1, MOST_SYMBOLS), metavar="N",
                        help="shares, ETFs and funds on the boards (1,611, the real list of 2025-04; "
                             "beyond it tickers are made up)")
    parser.add_argument("--unknown", type=_whole(0, 10_000), default=5, metavar="N",
                        help="listed shares that the boards leave out, besides --symbols (5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another number, another market (1)")
    parser.add_argument("--activity", type=_fraction, metavar="F",
                        help="how likely a step brings a trade, 0 to 1; absent: 0.25 to 1 by symbol")
    parser.add_argument("--replay", action="store_true", help="serve the captured answers byte for byte")
    parser.add_argument("--clock", type=_instant, metavar="TIME",
                        help="the market's time stands at this ISO 8601 time; absent: wall clock")
    parser.add_argument("--ready-file", metavar="PATH", help="write the port number there when ready")
    parser.add_argument("--certificate", metavar="FILE",
                        help="speak TLS, with the key and the certificate in this PEM file")
    parser.add_argument("--log", metavar="FILE", help="append a line for each request")
    return parser


def _write_ready_file(path, port):
    # Renamed into place, so that a waiting script never reads half a number.
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.rename(temporary, path)


def main(arguments=None):
    options = _parser().parse_args(arguments)
    # Blocked from here, so that every thread inherits it, and taken by sigwait(): a
    # handler would run between any two steps of the main thread, where it must not
    # touch a lock, and two signals in a row did deadlock on one.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)

    listing = Listing(options.symbols, options.unknown)
    market = Market(listing, options.seed, options.activity)
    market.clock.pin(options.clock)
    endpoints = Endpoints(market, Replay(market), options.replay)
    try:
        server = Server(options.port, endpoints, market, help_text.DESCRIPTION + "\n" + help_text.CONTROL, options.log,
                        options.certificate)
    except OSError as error:
        print(f"vnstock-sim: cannot serve {HOST}:{options.port}: {error}", file=sys.stderr)
        return 1
    print(f"vnstock-sim listening on http{'s' if options.certificate else ''}://{HOST}:{server.server_port}/", flush=True)
    if options.ready_file:
        _write_ready_file(options.ready_file, server.server_port)
    server.run(until=lambda: signal.sigwait(ENDING_SIGNALS))
    return 0
