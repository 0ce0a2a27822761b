"""A share as the VCI price board shows it.

The captured row is the model: its fields, in its order, and its values
wherever the simulation has nothing of its own to say.
"""

import json

from . import fixtures, listing


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number(value):
    """A number as the service prints it: no decimals unless there are some."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


BOOK_FIELDS = {
    "code": "isin", "receivedTime": "book_time", "session": "session", "symbol": "symbol", "time": "book_time",
    "transactionTime": "transaction_time", "askPrices": "asks", "bidPrices": "bids"}
MATCH_FIELDS = {
    "accumulatedValue": "value", "accumulatedVolume": "total_volume",
    "accumulatedValueG1": "value", "accumulatedVolumeG1": "total_volume",
    "matchPriceATO": "auction_price", "matchVolumeATO": "auction_volume",
    "tradingSessionID": "session_id", "avgMatchPrice": "average", "code": "isin",
    "currentRoom": "current_room", "totalRoom": "total_room",
    "foreignBuyVolume": "foreign_buy_volume", "foreignSellVolume": "foreign_sell_volume",
    "foreignBuyValue": "foreign_buy_value", "foreignSellValue": "foreign_sell_value",
    "highest": "highest", "lowest": "lowest", "matchPrice": "price", "openPrice": "open_price",
    "firstTimeMatchPrice": "first_trade_time", "matchType": "side", "matchVol": "volume",
    "receivedTime": "match_time", "sendingTime": "sending_time", "session": "session", "symbol": "symbol",
    "time": "match_time", "stockType": "kind", "partition": "partition", "id": "id",
    "ceilingPrice": "ceiling", "floorPrice": "floor", "referencePrice": "reference"}

FIRST_ID = 3_000

MODEL = fixtures.read_json(fixtures.VCI_BOARD)[0]


def _group_template(group, fields):
    pairs = []
    for name, value in MODEL[group].items():
        text = f"%({fields[name]})s" if name in fields else to_json(value).replace("%", "%%")
        pairs.append(f'"{name}":{text}')
    return f'"{group}":{{{",".join(pairs)}}}'


MOVING_TEMPLATE = f',{_group_template("bidAsk", BOOK_FIELDS)},{_group_template("matchPrice", MATCH_FIELDS)}}}'


def _levels(levels, padded):
    texts = [f'{{"price":{price},"volume":{volume}}}' for price, volume in levels]
    if padded:
        texts += ['{"price":0,"volume":0}'] * (3 - len(texts))
    return f'[{",".join(texts)}]'


def _listing_group(share):
    security = share.security
    status = "TRADING_SUSPENSION" if share.suspended else "TRADING_ACTIVATED"
    values = dict(MODEL["listingInfo"])
    values.update(
        code=share.isin, symbol=share.symbol, ceiling=share.ceiling, floor=share.floor, refPrice=share.reference,
        stockType=share.kind, board=share.board, tradingStatus=status, issuerName=share.symbol,
        listedShare=share.listed_share, receivedTime=share.changed.at("01:43:57"),
        sendingTime=share.trading_date.replace("-", "") + " 01:43:57.683", type=share.kind,
        enOrganName=listing.without_accents(security.name),
        enOrganShortName=listing.without_accents(security.short_name),
        organName=security.name, organShortName=security.short_name, ticker=share.symbol,
        productGrpID=listing.MARKET_ID[share.board], partition=share.number % 8,
        tradingDate=share.trading_date, id=str(FIRST_ID + share.number))
    return ('{"listingInfo":' + to_json(values)).encode("utf-8")


def fragment(share):
    """The share's row as bytes of JSON."""
    if share.listing_fragment is None:
        share.listing_fragment = _listing_group(share)
    traded = share.total_volume > 0
    changed = share.changed
    nothing = "null" if share.shows_nulls else 0
    time = f'"{changed.iso}"' if traded else "null"
    on_hose = share.board == "HSX" and traded
    moving = MOVING_TEMPLATE % {
        "isin": f'"{share.isin}"', "symbol": f'"{share.symbol}"', "kind": f'"{share.kind}"',
        "id": f'"{FIRST_ID + share.number}"', "partition": share.number % 8,
        "session": f'"{share.session}"', "session_id": '"99"' if share.session == "EXTEND_HOUR" else '"40"',
        "book_time": f'"{changed.iso}"' if share.bids or share.asks else "null",
        "transaction_time": f'"{changed.transaction_time}"',
        "asks": _levels(share.asks, share.pads_book), "bids": _levels(share.bids, share.pads_book),
        "value": number(share.total_value / 1_000_000), "total_volume": share.total_volume,
        "average": number(share.average_price),
        "auction_price": share.open_price if on_hose else 0,
        "auction_volume": share.auction_volume if on_hose else 0,
        "current_room": share.current_room, "total_room": share.total_room,
        "foreign_buy_volume": share.foreign_buy_volume, "foreign_sell_volume": share.foreign_sell_volume,
        "foreign_buy_value": share.foreign_buy_value, "foreign_sell_value": share.foreign_sell_value,
        "highest": share.highest if traded else nothing, "lowest": share.lowest if traded else nothing,
        "price": share.price if traded else nothing, "open_price": share.open_price if traded else nothing,
        "first_trade_time": f'"{share.first_trade_time}"' if traded else "null",
        "side": f'"{share.side}"', "volume": share.volume, "match_time": time,
        "sending_time": f'"{changed.sending_time}"',
        "ceiling": share.ceiling, "floor": share.floor, "reference": share.reference}
    return share.listing_fragment + moving.encode("ascii")


# The fields that came with the exchanges' new trading system of 2025-05-05,
# and those that went with the old one.
NEW_LISTING_FIELDS = ("tradingStatus", "tradingStatusCode", "tradingStatusGroup")
NEW_MATCH_FIELDS = ("accumulatedValueG1", "accumulatedVolumeG1", "openPrice",
                    "foreignBuyValue", "foreignSellValue")


def in_old_schema(row):
    """The row as the service sent it before 2025-05-05.

    No byte-exact capture of that time is known: only the field names are, and
    not in which group the four old ones stood.
    """
    listed, book, match = dict(row["listingInfo"]), dict(row["bidAsk"]), dict(row["matchPrice"])
    for name in NEW_LISTING_FIELDS:
        listed.pop(name, None)
    for name in NEW_MATCH_FIELDS:
        match.pop(name, None)
    identifier = int(listed["id"]) if str(listed.get("id", "")).isdigit() else 0
    listed.update(id=identifier, code=str(identifier), priorClosePrice=listed.get("refPrice"), benefit=None)
    book["code"] = str(identifier)
    match.update(id=identifier, code=str(identifier), averageMatchVolume2Week=match.get("accumulatedVolume"),
                 totalAccumulatedValue=match.get("accumulatedValue"))
    return {"listingInfo": listed, "bidAsk": book, "matchPrice": match}
