"""One security and how its day moves.

A share moves only when a board is asked for it, and from a random sequence of
its own: its k-th answer depends on the seed, the ticker and k alone, never on
the wall clock or on the order in which parallel requests arrive.
"""

import functools
import hashlib

from . import exchange_rules, fixtures

BOARD_LOT = 100
TAPE_LENGTH = 200
_SEQUENCE_MASK = (1 << 64) - 1

# Positions in the order of admission.  Being fixed, they put both kinds of
# share without a trade into every market of 34 symbols or more.
QUIET_EVERY = 17
FIRST_DAY_EVERY = 193
SUSPENDED_EVERY = 211

# Where a capture tells it, a well-known share has its true size.
LISTED_SHARES = {"VCB": 8355675094, "HPG": 8442964520, "VNM": 2089955445, "A32": 6800000}

REFERENCE_RANGE = {"HSX": (5_000, 120_000), "HNX": (2_000, 60_000), "UPCOM": (1_000, 80_000)}
REFERENCE_RANGE_OF_KIND = {"ETF": (8_000, 35_000), "UNIT_TRUST": (5_000, 15_000), "CW": (300, 3_000)}


@functools.lru_cache(maxsize=None)
def known_references():
    """symbol -> (reference, limit percent or None for the board's usual), where a fixture tells it."""
    known = {}
    for check in fixtures.read_json(fixtures.PRICE_LIMIT_CHECKS):
        known.setdefault(check["symbol"], (check["ref"], check["pct"]))
    for row in fixtures.read_json(fixtures.VCI_BOARD_CONSTRUCTED):
        if row["listingInfo"]["refPrice"]:
            known.setdefault(row["listingInfo"]["symbol"], (row["listingInfo"]["refPrice"], None))
    return known


class Share:
    __slots__ = (
        "security", "symbol", "board", "kind", "isin", "number", "listed_share", "random_state", "activity",
        "quiet", "suspended", "pads_book", "limit_percent", "reference", "ceiling", "floor", "trading_date",
        "price", "volume", "side", "open_price", "highest", "lowest", "total_volume", "total_value",
        "auction_volume", "bids", "asks", "foreign_buy_volume", "foreign_sell_volume", "foreign_buy_value",
        "foreign_sell_value", "current_room", "total_room", "put_through_volume", "put_through_price",
        "first_trade_time", "changed", "session", "tape", "pin",
        "listing_fragment", "vci_fragment", "kbs_fragment")

    def __init__(self, security, position, seed, activity, stamp):
        self.security = security
        self.symbol = security.symbol
        self.board = security.board
        self.kind = security.kind
        self.isin = exchange_rules.isin(security.symbol)
        self.number = position
        digest = hashlib.blake2b(f"{seed}:{security.symbol}".encode(), digest_size=8).digest()
        self.random_state = int.from_bytes(digest, "big")

        draw = self._draw()
        # In 1,024ths: how likely a step brings a trade.
        self.activity = 256 + draw % 769 if activity is None else round(activity * 1024)
        self.suspended = position % SUSPENDED_EVERY == SUSPENDED_EVERY - 1
        self.quiet = self.suspended or position % QUIET_EVERY == QUIET_EVERY - 1
        # The services show a missing level both ways: as a zero or by a shorter array.
        self.pads_book = position % 2 == 0
        self.listed_share = LISTED_SHARES.get(
            self.symbol, 5_000_000 * 10 ** (draw >> 10 & 3) + (draw >> 12) % 5_000_000)
        self.total_room = self.listed_share * 49 // 100
        self.current_room = self.total_room * (20 + (draw >> 24) % 80) // 100

        usual = (exchange_rules.FIRST_DAY_LIMIT_PERCENT if position % FIRST_DAY_EVERY == FIRST_DAY_EVERY - 1
                 else exchange_rules.LIMIT_PERCENT)
        reference, percent = known_references().get(self.symbol, (None, None))
        self.limit_percent = percent or usual[self.board]
        if reference is None:
            lowest, highest = REFERENCE_RANGE_OF_KIND.get(self.kind) or REFERENCE_RANGE[self.board]
            # Squaring the draw gives many cheap shares and few dear ones, as in the real market.
            fraction = self._draw() % 1000
            reference = lowest + (highest - lowest) * fraction * fraction // 1_000_000
            reference = exchange_rules.round_to_tick(self.board, self.kind, reference)
        self.reference = reference
        self.tape = []
        self.pin = None
        self._open_day(stamp)

    def _draw(self):
        # A linear congruential step: fast, and its upper bits are random enough here.
        self.random_state = (self.random_state * 6364136223846793005 + 1442695040888963407) & _SEQUENCE_MASK
        return self.random_state >> 16

    @property
    def shows_nulls(self):
        """Whether this share, when it has no trade today, says so with nulls instead of zeros."""
        return self.number // QUIET_EVERY % 2 == 1

    @property
    def average_price(self):
        return self.total_value / self.total_volume if self.total_volume else 0

    def _open_day(self, stamp):
        self.trading_date = stamp.trading_date
        self.ceiling, self.floor = exchange_rules.price_limits(
            self.board, self.kind, self.reference, self.limit_percent)
        self.price = self.open_price = self.highest = self.lowest = 0
        self.volume = self.total_volume = self.total_value = self.auction_volume = 0
        self.foreign_buy_volume = self.foreign_sell_volume = 0
        self.foreign_buy_value = self.foreign_sell_value = 0
        self.put_through_volume = self.put_through_price = 0
        self.side = "unknown"
        self.bids, self.asks = [], []
        self.first_trade_time = None
        self.changed = stamp
        self.session = stamp.session(self.board)
        self.listing_fragment = None
        self._forget_fragments()
        if not self.quiet:
            self._open_auction(stamp)
        elif not self.suspended:
            self._quiet_book()

    def _forget_fragments(self):
        self.vci_fragment = self.kbs_fragment = None

    def _open_auction(self, stamp):
        draw = self._draw()
        price = self.reference
        for _ in range(draw & 3):
            price = self._one_tick(price, 1 if draw & 4 else -1)
        self.open_price = self.highest = self.lowest = self.price = price
        self.volume = BOARD_LOT * (1 + (draw >> 3) % (self.listed_share // 2_000_000))
        self.auction_volume = self.volume
        self.first_trade_time = stamp.at("02:15:00" if self.board == "HSX" else "02:00:00")
        self._count(self.volume, price)
        self._record(stamp)
        if draw >> 20 & 7 == 0:
            self.put_through_volume = 10_000 * (1 + (draw >> 23 & 63))
            self.put_through_price = price
        # A morning already traded, so that the day's range is more than one price.
        for _ in range(8):
            self._trade(self._draw())
        self._record(stamp)
        self._build_book(self._draw())

    def _one_tick(self, price, direction):
        if direction > 0:
            return min(exchange_rules.next_price_up(self.board, self.kind, price), self.ceiling)
        if direction < 0:
            return max(exchange_rules.next_price_down(self.board, self.kind, price), self.floor)
        return price

    def _count(self, volume, price):
        self.total_volume += volume
        self.total_value += volume * price

    def _record(self, stamp):
        self.tape.append((stamp.millis, self.side, self.volume, self.price, self.total_volume, self.total_value))
        if len(self.tape) > 2 * TAPE_LENGTH:
            del self.tape[:TAPE_LENGTH]

    def advance(self, stamp):
        """One step of the market, which may well leave this share as it was."""
        if stamp.trading_date != self.trading_date:
            self._close_day()
            self._open_day(stamp)
        elif not self.quiet:
            draw = self._draw()
            if (draw >> 32) % 1024 < self.activity and self._trade(draw):
                self._record(stamp)
                self._build_book(self._draw())
                self.changed = stamp
                self.session = stamp.session(self.board)
                self._forget_fragments()

    def _trade(self, draw):
        """A few matches since the last look at the old price, then one that may move it by a tick."""
        # Small companies trade in small lots, or a long run would soon have sold them out.
        mask = 15 if self.listed_share >= 50_000_000 else 3
        before = BOARD_LOT * (draw >> 20 & 2 * mask)
        volume = BOARD_LOT * (1 + (draw >> 12 & mask) * (draw >> 16 & mask))
        if self.total_volume + before + volume > self.listed_share:
            return False
        if before:
            self._count(before, self.price)
        direction = (-1, 0, 0, 1)[draw & 3]
        moved = self._one_tick(self.price, direction)
        self.side = ("b" if moved > self.price else "s" if moved < self.price
                     else "b" if draw & 4 else "s")
        self.price = moved
        self.volume = volume
        self.highest = max(self.highest, moved)
        self.lowest = min(self.lowest, moved)
        self._count(volume, moved)
        foreign = volume >> 1
        if draw >> 26 & 3 == 0 and foreign <= self.current_room:
            self.foreign_buy_volume += foreign
            self.foreign_buy_value += foreign * moved
            self.current_room -= foreign
        elif draw >> 26 & 3 == 1 and self.current_room + foreign <= self.total_room:
            self.foreign_sell_volume += foreign
            self.foreign_sell_value += foreign * moved
            self.current_room += foreign
        return True

    def _build_book(self, draw):
        """Three levels a side; the last match took the best order of the other side but not all of it."""
        if self.side == "b":
            best_ask, best_bid = self.price, exchange_rules.next_price_down(self.board, self.kind, self.price)
        else:
            best_bid, best_ask = self.price, exchange_rules.next_price_up(self.board, self.kind, self.price)
        self.bids = self._levels(best_bid, exchange_rules.next_price_down, draw)
        self.asks = self._levels(best_ask, exchange_rules.next_price_up, draw >> 24)

    def _levels(self, price, step, draw):
        levels = []
        while len(levels) < 3 and self.floor <= price <= self.ceiling:
            levels.append((price, BOARD_LOT * (1 + (draw & 255))))
            draw >>= 8
            price = step(self.board, self.kind, price)
        return levels

    def _quiet_book(self):
        draw = self._draw()
        self.bids = self._levels(self.reference, exchange_rules.next_price_down, draw)
        if not self.shows_nulls:
            self.asks = self._levels(exchange_rules.next_price_up(self.board, self.kind, self.reference),
                                     exchange_rules.next_price_up, draw >> 24)

    def _close_day(self):
        if self.total_volume:
            # UPCOM's reference is yesterday's average price, the others' its last.
            basis = self.average_price if self.board == "UPCOM" else self.price
            self.reference = exchange_rules.round_to_tick(self.board, self.kind, basis)
        self.limit_percent = exchange_rules.LIMIT_PERCENT[self.board]
        self.tape.clear()
