"""A share as the KBS price board and the KBS symbol list show it.

As for VCI, the captured row is the model: its fields in its order.
"""

from . import fixtures
from .vci_rows import number, to_json

EXCHANGE = {"HSX": "HOSE", "HNX": "HNX", "UPCOM": "UPCOM", "BOND": "BOND"}
KIND = {"STOCK": "stock", "ETF": "etf", "UNIT_TRUST": "fund", "CW": "cw", "BOND": "bond"}

FIELDS = {
    "SB": "symbol", "TD": "date", "CL": "ceiling", "FL": "floor", "RE": "reference", "CP": "price", "CV": "volume",
    "CH": "change", "CHP": "change_percent", "TT": "total_volume", "TV": "total_value", "AP": "average",
    "OP": "open_price", "HI": "highest", "LO": "lowest", "FB": "foreign_buy_volume", "FS": "foreign_sell_volume",
    "FR": "current_room", "FO": "total_room", "P1": "volume_text", "P2": "price_text",
    "PMQ": "put_through_volume", "PMP": "put_through_price", "PTQ": "put_through_volume", "PTV": "put_through_value",
    "B3": "bid_3", "V3": "bid_volume_3", "B2": "bid_2", "V2": "bid_volume_2", "B1": "bid_1", "V1": "bid_volume_1",
    "S1": "ask_1", "U1": "ask_volume_1", "S2": "ask_2", "U2": "ask_volume_2", "S3": "ask_3", "U3": "ask_volume_3",
    "LS": "listed_share", "EX": "exchange", "ts": "millis", "CA": "actions"}

MODEL = fixtures.read_json(fixtures.KBS_BOARD)[0]
TEMPLATE = "{" + ",".join(
    f'"{name}":%({FIELDS[name]})s' if name in FIELDS else f'"{name}":{to_json(value)}'
    for name, value in MODEL.items()) + "}"


def fragment(share):
    """The share's row as bytes of JSON."""
    traded = share.total_volume > 0
    change = share.price - share.reference if traded else 0
    values = {
        "symbol": f'"{share.symbol}"', "date": f'"{share.changed.trading_date_slashed}"',
        "ceiling": share.ceiling, "floor": share.floor, "reference": share.reference,
        "price": share.price, "volume": share.volume, "change": change,
        "change_percent": number(change / share.reference * 100),
        "total_volume": share.total_volume, "total_value": share.total_value,
        "average": round(share.average_price), "open_price": share.open_price,
        "highest": share.highest, "lowest": share.lowest,
        "foreign_buy_volume": share.foreign_buy_volume, "foreign_sell_volume": share.foreign_sell_volume,
        "current_room": share.current_room, "total_room": share.total_room,
        "volume_text": f'"{share.volume}"', "price_text": f'"{share.price}.0"',
        "put_through_volume": share.put_through_volume, "put_through_price": share.put_through_price,
        "put_through_value": share.put_through_volume * share.put_through_price,
        "listed_share": f'"{share.listed_share}"', "exchange": f'"{EXCHANGE[share.board]}"',
        "millis": share.changed.millis,
        "actions": f'[{{"SYMBOL":"{share.symbol}","NKHQ":null,"REPORTDATE":null,"T":null,"DESCRIPTION":null}}]'}
    for side, levels in (("bid", share.bids), ("ask", share.asks)):
        for level in range(3):
            price, volume = levels[level] if level < len(levels) else (0, 0)
            # The service sends the best price of either side as a string, the others as numbers.
            values[f"{side}_{level + 1}"] = price if level else f'"{price}.0"'
            values[f"{side}_volume_{level + 1}"] = volume
    return (TEMPLATE % values).encode("ascii")


def search_row(security, share):
    row = {"symbol": security.symbol, "name": security.name, "nameEn": security.short_name,
           "exchange": EXCHANGE.get(security.board, security.board), "type": KIND.get(security.kind, "other"),
           "index": None, "re": None, "ceiling": None, "floor": None}
    if share is not None:
        row.update(re=share.reference, ceiling=share.ceiling, floor=share.floor)
    return row
