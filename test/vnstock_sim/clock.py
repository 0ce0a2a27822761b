"""The market's time: the wall clock, or an instant that a test has pinned."""

import datetime

MARKET_TIME_ZONE = datetime.timezone(datetime.timedelta(hours=7))


class Stamp:
    """One instant in every spelling the services use."""

    __slots__ = ("millis", "iso", "sending_time", "transaction_time", "minute_of_day",
                 "trading_date", "trading_date_slashed", "midnight_seconds")

    def __init__(self, instant):
        utc = instant.astimezone(datetime.timezone.utc)
        local = instant.astimezone(MARKET_TIME_ZONE)
        millisecond = utc.microsecond // 1000
        self.millis = int(utc.timestamp()) * 1000 + millisecond
        self.iso = f"{utc:%Y-%m-%dT%H:%M:%S}.{millisecond:03d}Z"
        self.sending_time = f"{utc:%Y%m%d %H:%M:%S}.{millisecond:03d}"
        self.transaction_time = f"{utc:%H%M%S}{millisecond:03d}"
        self.minute_of_day = local.hour * 60 + local.minute
        self.trading_date = f"{local:%Y-%m-%d}"
        self.trading_date_slashed = f"{local:%d/%m/%Y}"
        # The services stamp daily bars with the trading date's midnight in UTC.
        self.midnight_seconds = int(datetime.datetime.combine(
            local.date(), datetime.time(), datetime.timezone.utc).timestamp())

    def at(self, utc_time):
        """This trading date at a UTC time of day, but never later than this instant."""
        return min(f"{self.trading_date}T{utc_time}.000Z", self.iso)

    def session(self, board):
        """The board's label.  Labels linger when nothing is open, as the real ones do."""
        minute = self.minute_of_day
        if minute < 9 * 60 or minute >= 15 * 60:
            return "EXTEND_HOUR"
        if board == "HSX" and minute < 9 * 60 + 15:
            return "ATO"
        if minute < 13 * 60:
            return "LO_MORNING"
        if board == "UPCOM" or minute < 14 * 60 + 30:
            return "LO_AFTERNOON"
        return "ATC" if minute < 14 * 60 + 45 else "EXTEND_HOUR"


class Clock:
    def __init__(self):
        self.pinned = None

    def pin(self, instant):
        """Stand still at this aware datetime; None runs with the wall clock again."""
        self.pinned = instant

    def now(self):
        return self.pinned or datetime.datetime.now(datetime.timezone.utc)

    def stamp(self):
        return Stamp(self.now())


def parse_instant(text):
    """An ISO 8601 text as an aware datetime; without an offset it is Vietnam's time."""
    instant = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=MARKET_TIME_ZONE)
