"""Bars and tapes of both services.

The boards are the simulator's business; charts have the right shape, ticks and
limits, are the same for the same question, and end in today's true bar.
"""

import datetime
import hashlib

from . import exchange_rules

SECONDS = {"ONE_MINUTE": 60, "ONE_HOUR": 3600, "ONE_DAY": 86400}
KBS_SECONDS = {"1P": 60, "5P": 300, "15P": 900, "30P": 1800, "60P": 3600,
               "day": 86400, "week": 7 * 86400, "month": 28 * 86400}
MOST_BARS = 5_000
SATURDAY = 5


def _noise(share, seconds, index):
    """A stable number in [-1, 1) for this bar."""
    digest = hashlib.blake2b(f"{share.symbol}:{seconds}:{index}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2 ** 31 - 1


def _close(share, seconds, index):
    return exchange_rules.round_to_tick(
        share.board, share.kind, share.reference * (1 + 0.03 * _noise(share, seconds, index)))


def _bar(share, seconds, start, stamp):
    """(start, open, high, low, close, volume, value) of the bar that begins at this epoch second."""
    index = start // seconds
    if seconds == 86400 and start == stamp.midnight_seconds and share.total_volume:
        return (start, share.open_price, share.highest, share.lowest, share.price,
                share.total_volume, share.total_value)
    opened, closed = _close(share, seconds, index - 1), _close(share, seconds, index)
    high = exchange_rules.next_price_up(share.board, share.kind, max(opened, closed))
    low = min(opened, closed)
    volume = 100 * (1 + int((_noise(share, seconds, -index) + 1) * 500))
    return start, opened, high, low, closed, volume, volume * closed


def _is_weekend(start):
    return datetime.datetime.fromtimestamp(start, datetime.timezone.utc).weekday() >= SATURDAY


def _bars_before(share, seconds, until, count, stamp):
    bars = []
    start = until // seconds * seconds
    while len(bars) < count and start > 0:
        if not _is_weekend(start):
            bars.append(_bar(share, seconds, start, stamp))
        start -= seconds
    bars.reverse()
    return bars


def vci_chart(share, time_frame, until, count, stamp):
    bars = _bars_before(share, SECONDS[time_frame], until, min(count, MOST_BARS), stamp)
    if not bars:
        return None
    starts, opened, high, low, closed, volume, value = (list(column) for column in zip(*bars))
    return {"symbol": share.symbol, "o": opened, "h": high, "l": low, "c": closed, "v": volume,
            "t": [str(start) for start in starts], "accumulatedVolume": volume,
            "accumulatedValue": [amount / 1_000_000 for amount in value],
            "minBatchTruncTime": str(starts[0])}


def vci_tape(share, limit, before_seconds):
    """Newest first; the cursor is exclusive."""
    rows = []
    for position in range(len(share.tape) - 1, -1, -1):
        millis, side, volume, price, total_volume, total_value = share.tape[position]
        seconds = millis // 1000
        if before_seconds is not None and seconds >= before_seconds:
            continue
        if len(rows) == limit:
            break
        created = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        iso = f"{created:%Y-%m-%dT%H:%M:%S}.{millis % 1000:03d}Z"
        value = volume * price
        rows.append({
            "id": 500_000_000 + share.number * 1_000 + position, "symbol": share.symbol, "truncTime": str(seconds),
            "matchType": side, "matchVol": f"{volume}.0", "matchPrice": f"{price}.0",
            "accumulatedVolume": f"{total_volume}.0", "createdAt": iso, "updatedAt": iso,
            "accumulatedValue": str(total_value / 1_000_000),
            "type": "shark" if value > 10 ** 9 else "wolf" if value > 2 * 10 ** 8 else "sheep"})
    return rows


def kbs_chart(share, resolution, start_date, end_date, stamp):
    """Newest first, bounds included."""
    seconds = KBS_SECONDS[resolution]
    midnight = datetime.datetime(1970, 1, 1)
    first = int((start_date - midnight).total_seconds())
    last = int((end_date - midnight).total_seconds()) + 86399
    bars = _bars_before(share, seconds, min(last, stamp.midnight_seconds + 86399), MOST_BARS, stamp)
    rows = []
    for start, opened, high, low, closed, volume, value in reversed(bars):
        if start < first:
            break
        # Daily bars carry 07:00, which is 00:00 UTC; shorter ones local time too.
        local = datetime.datetime.fromtimestamp(start + 7 * 3600, datetime.timezone.utc)
        rows.append({"t": f"{local:%Y-%m-%d %H:%M}", "o": opened, "h": high, "l": low, "c": closed,
                     "v": volume, "va": value})
    return {"symbol": share.symbol, f"data_{resolution}": rows}


INDEX_LEVELS = {"VNINDEX": 1860, "VN30": 2040, "HNXINDEX": 262, "UPCOMINDEX": 121, "HNX30": 540}
SESSION_SECONDS = (2 * 3600, 8 * 3600)    # 09:00 to 15:00 local time, in UTC


def kbs_index_chart(code, resolution, start_date, end_date, now_seconds):
    """Newest first, the minute of now included; open and volume are strings, as the service has been seen to do."""
    seconds = KBS_SECONDS[resolution]
    midnight = datetime.datetime(1970, 1, 1)
    first = int((start_date - midnight).total_seconds())
    start = min(int((end_date - midnight).total_seconds()) + 86399, now_seconds) // seconds * seconds
    rows = []
    while code in INDEX_LEVELS and start >= first and len(rows) < MOST_BARS:
        in_session = seconds >= 86400 or SESSION_SECONDS[0] <= start % 86400 < SESSION_SECONDS[1]
        if in_session and not _is_weekend(start):
            level = INDEX_LEVELS[code]
            opened, closed = (round(level * (1 + 0.01 * ((start // seconds + step) % 97 - 48) / 48), 2) for step in (0, 1))
            local = datetime.datetime.fromtimestamp(start + 7 * 3600, datetime.timezone.utc)
            rows.append({"t": f"{local:%Y-%m-%d %H:%M}", "o": f"{opened:.2f}", "h": max(opened, closed),
                         "l": min(opened, closed), "c": closed, "v": f"{1000 + start // seconds % 977}"})
        start -= seconds
    return {"symbol": code, f"data_{resolution}": rows}


def kbs_tape(share, page, limit, stamp):
    entries = share.tape[::-1][(page - 1) * limit:page * limit]
    rows = []
    for millis, side, volume, price, total_volume, total_value in entries:
        local = datetime.datetime.fromtimestamp(millis // 1000 + 7 * 3600, datetime.timezone.utc)
        rows.append({"t": f"{local:%Y-%m-%d %H:%M:%S}:{millis % 1000 // 10:02d}",
                     "TD": stamp.trading_date_slashed, "SB": share.symbol, "FT": f"{local:%H:%M:%S}",
                     "LC": {"b": "B", "s": "S"}.get(side, ""), "FMP": price, "FCV": price - share.reference,
                     "FV": volume, "AVO": total_volume, "AVA": total_value})
    return {"data": rows}
