"""The captured answers, byte for byte.

A request for exactly what was captured gets exactly the captured bytes.  A
board request for other symbols gets those rows it has, from the captures and
the constructed rows; `[]` when it has none, as the real board does.
"""

import json

from . import fixtures


def _rows_by_symbol(name, symbol_of):
    return {symbol_of(json.loads(row)): row for row in fixtures.split_rows(name)}


def _vci_rows():
    # The constructed rows are stored indented; only a capture's bytes are worth keeping.
    rows = {row["listingInfo"]["symbol"]: json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
            for row in fixtures.read_json(fixtures.VCI_BOARD_CONSTRUCTED)}
    rows.update(_rows_by_symbol(fixtures.VCI_BOARD, lambda row: row["listingInfo"]["symbol"]))
    return rows


class Replay:
    def __init__(self, market):
        # No capture of the symbol list is byte-exact; the market's is made of the same real values.
        self.vci_list = market.vci_list
        self._rows = {"vci": _vci_rows(), "kbs": _rows_by_symbol(fixtures.KBS_BOARD, lambda row: row["SB"])}

    def board(self, service, symbols, leave_out=None):
        rows = self._rows[service]
        return b"[" + b",".join(
            rows[symbol] for symbol in dict.fromkeys(symbols)
            if symbol in rows and not (leave_out is not None and leave_out(symbol))) + b"]"

    def vci_group(self, group):
        return fixtures.read_bytes(fixtures.VCI_GROUP_VN30) if group == "VN30" else b"[]"

    def vci_chart(self, symbols, time_frame, count):
        if time_frame == "ONE_DAY" and symbols == ["VCB"]:
            return fixtures.read_bytes(fixtures.VCI_CHART_VCB_2 if count <= 2 else fixtures.VCI_CHART_VCB_25)
        if time_frame == "ONE_DAY" and symbols == ["HPG"]:
            return fixtures.read_bytes(fixtures.VCI_CHART_HPG_5)
        if time_frame == "ONE_MINUTE" and symbols == ["VCB"]:
            return fixtures.read_bytes(fixtures.VCI_CHART_VCB_MINUTE)
        return b"[]"

    def vci_tape(self, symbol, before_seconds):
        if symbol == "VCB" and before_seconds is None:
            return fixtures.read_bytes(fixtures.VCI_TAPE_VCB)
        if symbol == "HPG":
            return fixtures.read_bytes(fixtures.VCI_TAPE_HPG)
        return fixtures.read_bytes(fixtures.VCI_TAPE_EMPTY)

    def kbs_search(self):
        return fixtures.read_bytes(fixtures.KBS_SEARCH_ROW)

    def kbs_group(self, code):
        return fixtures.read_bytes(fixtures.KBS_GROUP_30 if code == "30" else fixtures.KBS_GROUP_UNKNOWN)

    def kbs_chart(self, symbol, resolution):
        if (symbol, resolution) == ("VCB", "day"):
            return fixtures.read_bytes(fixtures.KBS_CHART_VCB)
        return json.dumps({"symbol": symbol, f"data_{resolution}": []}).encode()

    def kbs_tape(self, symbol):
        return fixtures.read_bytes(fixtures.KBS_TAPE_VCB) if symbol == "VCB" else b'{"data":[]}'
