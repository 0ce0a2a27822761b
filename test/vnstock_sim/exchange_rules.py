"""What the Vietnamese exchanges prescribe: tick sizes, daily limits, ISIN codes.

Every amount is in whole VND, so integer arithmetic keeps the limits exact.
"""

LIMIT_PERCENT = {"HSX": 7, "HNX": 10, "UPCOM": 15}

# For a security's first day, or its first after a long suspension.
FIRST_DAY_LIMIT_PERCENT = {"HSX": 20, "HNX": 30, "UPCOM": 40}


def tick_size(board, kind, price):
    """The smallest step between two prices at this price."""
    if board == "HSX":
        if kind in ("ETF", "CW") or price < 10_000:
            return 10
        return 50 if price < 50_000 else 100
    return 1 if kind == "ETF" else 100


def next_price_up(board, kind, price):
    return price + tick_size(board, kind, price)


def next_price_down(board, kind, price):
    # The step below 10,000 is the finer one, hence the tick of price - 1.
    return price - tick_size(board, kind, price - 1)


def round_to_tick(board, kind, price):
    tick = tick_size(board, kind, price)
    return max(tick, int(price) // tick * tick)


def price_limits(board, kind, reference, percent):
    """(ceiling, floor): the ceiling rounded down to the tick of the result, the floor up."""
    hundredfold = reference * (100 + percent)
    tick = tick_size(board, kind, hundredfold / 100)
    ceiling = hundredfold // (100 * tick) * tick

    hundredfold = reference * (100 - percent)
    tick = tick_size(board, kind, hundredfold / 100)
    floor = -(-hundredfold // (100 * tick)) * tick

    # A penny share's band may round to nothing; the exchanges then grant one tick.
    if ceiling <= reference:
        ceiling = next_price_up(board, kind, reference)
    if floor >= reference:
        floor = max(next_price_down(board, kind, reference), tick)
    return ceiling, floor


def isin(ticker):
    """The ISIN of a Vietnamese share, check digit included."""
    body = "VN" + ticker.rjust(9, "0")[-9:]
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)
