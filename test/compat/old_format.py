"""What the old deployment's programs have in common: the message, its fourteen fields, and when it was now.

Everything here is as plain as it was there, faults included: a naive wall clock, 0.0 for what is not known, and no check."""

import datetime
import json

FIELDS = ["ticker", "time", "price", "volume", "total_volume", "change", "change_percent", "ceiling_price", "floor_price",
          "reference_price", "highest_price", "lowest_price", "bid_price", "ask_price"]

# As its status report published it.
SAMPLE = {"ticker": "VIC", "time": "2025-10-12T14:12:50.804477", "price": 15.47, "volume": 9217126554917738496, "total_volume": 0,
          "change": 0.0, "change_percent": 0.0, "ceiling_price": 0.0, "floor_price": 0.0, "reference_price": 0.0,
          "highest_price": 0.0, "lowest_price": 0.0, "bid_price": 0.0, "ask_price": 0.0}


def message(ticker, time=None, **known):
    """One message; numbers that are not known are 0.0, volumes 0."""
    answer = {"ticker": ticker, "time": time or datetime.datetime.now().isoformat()}
    for field in FIELDS[2:]:
        answer[field] = known.pop(field, 0 if field in ("volume", "total_volume") else 0.0)
    assert not known, known
    return answer


def serialize(value):
    return json.dumps(value).encode("utf-8")


def deserialize(data):
    return json.loads(data.decode("utf-8"))
