"""Which securities exist, in what order, and who is in which index group."""

import collections
import itertools
import json
import random
import string
import unicodedata

from . import fixtures

Security = collections.namedtuple("Security", "symbol kind board short_name name id")

# A source's 'all' is listed shares, ETFs and funds of the three boards.
TRADED_KINDS = ("STOCK", "ETF", "UNIT_TRUST")
TRADED_BOARDS = ("HSX", "HNX", "UPCOM")
MARKET_ID = {"HSX": "STO", "HNX": "STX", "UPCOM": "UPX"}

# Only a few real industry codes are known; which share gets which is invented.
INDUSTRIES = ("0500", "1300", "1700", "2300", "2700", "3300", "3500", "3700", "4500", "5300",
              "5500", "5700", "6500", "7500", "8300", "8500", "8600", "8700", "9500")

# Small markets begin with these, so that a test of ten symbols has all three
# boards and an ETF, and the symbols of the captures.
LEADERS = ("VCB", "FPT", "HPG", "VNM", "SHS", "ACV", "E1VFVN30", "A32", "SSI", "DPP", "AAA", "TCB", "ACB")

KBS_GROUPS = {"HOSE": "HOSE", "HNX": "HNX", "UPCOM": "UPCOM", "30": "VN30", "100": "VN100",
              "MID": "VNMIDCAP", "SML": "VNSMALLCAP", "SI": "VNSI", "X50": "VNX50", "XALL": "VNXALL",
              "ALL": "VNALLSHARE", "HNX30": "HNX30", "FUND": "ETF", "CW": "CW", "BOND": "BOND", "DER": "FU_INDEX"}


def unused_tickers(prefix, width, taken):
    for length in itertools.count(width):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            ticker = prefix + "".join(letters)
            if ticker not in taken:
                yield ticker


def without_accents(text):
    decomposed = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


class ListingError(ValueError):
    """A change of the listing that cannot be made; the text says why."""


class Listing:
    """The listing of 2025-04, cut or continued to the number of symbols asked for.

    `traded` (symbol -> position) are the shares, ETFs and funds that the price
    boards answer for; `unknown` are listed too, but the boards leave them out.
    """

    def __init__(self, symbols=None, unknown=5):
        everything = []
        for row in fixtures.read_listing():
            # 34 rows of the list have no name; a row of the board always has one.
            name = row["organ_name"] or row["symbol"]
            short_name = row["organ_short_name"] or row["symbol"]
            everything.append(Security(row["symbol"], row["type"], row["exchange"],
                                       short_name, name, 8_420_000 + len(everything)))
        taken = {security.symbol for security in everything}
        candidates = self._in_order_of_admission(everything)
        if symbols is None:
            symbols = len(candidates)
        admitted = candidates[:symbols]
        unknown_tickers = list(itertools.islice(unused_tickers("Z", 2, taken), unknown))
        taken.update(unknown_tickers)
        invented = [self._invented(ticker, number, 8_500_000 + number) for number, ticker in enumerate(
            itertools.islice(unused_tickers("Q", 3, taken), symbols - len(admitted)))]

        self.traded = {}
        for security in itertools.chain(admitted, invented):
            self.traded[security.symbol] = len(self.traded)
        self.unknown = tuple(unknown_tickers)

        excluded = {security.symbol for security in candidates[symbols:]}
        self.securities = [security for security in everything if security.symbol not in excluded]
        self.securities += invented
        self.securities += [Security(ticker, "STOCK", TRADED_BOARDS[number % 3], ticker,
                                     f"Không có trên bảng giá {ticker}", 8_400_000 + number)
                            for number, ticker in enumerate(unknown_tickers)]
        self.by_symbol = {security.symbol: security for security in self.securities}
        self.groups = self._build_groups()
        # As it began, for restore().
        self._first = (list(self.securities), dict(self.traded), dict(self.groups))
        self._removed = {}
        self.raw = []
        self.kept = 1.0

    @staticmethod
    def _in_order_of_admission(everything):
        candidates = {security.symbol: security for security in everything
                      if security.kind in TRADED_KINDS and security.board in TRADED_BOARDS}
        vn30 = [row["symbol"] for row in fixtures.read_json(fixtures.VCI_GROUP_VN30)]
        rest = sorted(candidates)
        random.Random("admission").shuffle(rest)
        order = dict.fromkeys(itertools.chain(LEADERS, vn30, rest))
        return [candidates[symbol] for symbol in order if symbol in candidates]

    @staticmethod
    def _invented(ticker, number, identifier):
        # In the proportions of the real boards, near enough.
        board = "HSX" if number % 20 < 5 else "HNX" if number % 20 < 9 else "UPCOM"
        return Security(ticker, "STOCK", board, f"Giả lập {ticker}",
                        f"Công ty Cổ phần Giả lập {ticker}", identifier)

    def on_the_board(self, symbol):
        """The security, if the price boards answer for it (a covered warrant is, a bond is not)."""
        security = self.by_symbol.get(symbol)
        if security is None or symbol in self.unknown:
            return None
        if symbol in self.traded or (security.kind == "CW" and security.board == "HSX"):
            return security
        return None

    def _build_groups(self):
        shares = {board: [security.symbol for security in self.securities
                          if security.kind == "STOCK" and security.board == board]
                  for board in TRADED_BOARDS}
        kinds = collections.defaultdict(list)
        for security in self.securities:
            if security.board != "DELISTED":
                kinds[security.kind].append(security.symbol)
        vn30 = [row["symbol"] for row in fixtures.read_json(fixtures.VCI_GROUP_VN30)
                if row["symbol"] in self.traded]
        # No capture tells who is in the wider indices; any stable choice has the right shape.
        others = [symbol for symbol in self.traded
                  if symbol not in vn30 and self.by_symbol[symbol].board == "HSX"
                  and self.by_symbol[symbol].kind == "STOCK"]
        hnx30 = [symbol for symbol in self.traded if self.by_symbol[symbol].board == "HNX"][:30]
        mid, small = others[:70], others[70:230]
        return {
            "HOSE": shares["HSX"], "HNX": shares["HNX"], "UPCOM": shares["UPCOM"],
            "VN30": vn30, "VN100": vn30 + mid, "VNMIDCAP": mid, "VNSMALLCAP": small,
            "VNALLSHARE": vn30 + mid + small, "HNX30": hnx30, "VNX50": vn30 + mid[:20],
            "VNXALL": vn30 + mid + small + hnx30, "VNSI": vn30[:20],
            "ETF": kinds["ETF"], "CW": kinds["CW"], "BOND": kinds["BOND"],
            "FU_INDEX": [symbol for symbol in kinds["FU"] if symbol.startswith("VN30F")],
            "FU_BOND": [symbol for symbol in kinds["FU"] if not symbol.startswith("VN30F")],
        }

    def _set_securities(self, securities):
        self.securities = securities
        self.by_symbol = self._removed | {security.symbol: security for security in securities}

    def restore(self):
        """The list as it was at the start."""
        securities, traded, groups = self._first
        self.traded, self.groups = dict(traded), dict(groups)
        self._removed = {}
        self._set_securities(list(securities))
        self.raw, self.kept = [], 1.0

    def _known(self, symbol):
        if symbol not in self.by_symbol:
            raise ListingError(f"the list has no symbol {symbol!r}")
        return self.by_symbol[symbol]

    def _replace(self, symbol, **changes):
        changed = self._known(symbol)._replace(**changes)
        self._set_securities([changed if security.symbol == symbol else security for security in self.securities])

    def add(self, symbol, kind="STOCK", board="UPCOM", name=None):
        """A new security, which the boards answer for, or one that was removed."""
        if symbol in self._removed:
            self._set_securities(self.securities + [self._removed.pop(symbol)])
            return
        if symbol in self.by_symbol:
            raise ListingError(f"the list has the symbol {symbol!r} already")
        self.traded[symbol] = len(self.traded)
        self._set_securities(self.securities + [
            Security(symbol, kind, board, symbol, name or symbol, 8_600_000 + len(self.securities))])

    def delist(self, symbol):
        """It stays in the list, as delisted; the boards leave it out."""
        self._replace(symbol, board="DELISTED")
        self.traded.pop(symbol, None)

    def remove(self, symbol):
        """It is not in the list any more; the boards go on answering for it."""
        self._removed[symbol] = self._known(symbol)
        self._set_securities([security for security in self.securities if security.symbol != symbol])

    def rename(self, symbol, name):
        self._replace(symbol, name=name)

    def move(self, symbol, board):
        self._replace(symbol, board=board)

    def set_group(self, group, symbols):
        self.groups[group] = list(symbols)

    def vci_rows(self):
        for security in self.securities:
            yield {"id": security.id, "symbol": security.symbol, "type": security.kind, "board": security.board,
                   "enOrganName": without_accents(security.name), "enOrganShortName": None,
                   "organShortName": security.short_name, "organName": security.name,
                   "productGrpID": MARKET_ID.get(security.board),
                   "icbCode2": INDUSTRIES[security.id % len(INDUSTRIES)] if security.kind == "STOCK" else None}

    def vci_list(self):
        rows = [json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8") for row in self.vci_rows()]
        # Every n-th row is dropped, so that what is left is of all kinds.
        kept = [row for number, row in enumerate(rows) if int((number + 1) * self.kept) > int(number * self.kept)]
        return b"[" + b",".join(kept + self.raw) + b"]"
