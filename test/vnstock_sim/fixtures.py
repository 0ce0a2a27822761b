"""The captured answers in ../fixtures (see the README there for where they come from)."""

import csv
import functools
import json
import pathlib

DIRECTORY = pathlib.Path(__file__).resolve().parent.parent / "fixtures"

VCI_BOARD = "vci/getList_VCB_2026-08-04_lunch.json"
VCI_BOARD_CONSTRUCTED = "constructed/vci_getList_multi.json"
VCI_BOARD_HOSTILE = "constructed/vci_getList_hostile.json"
VCI_BOARD_HOSTILE_MORE = "constructed/vci_getList_hostile_more.json"
VCI_GROUP_VN30 = "constructed/vci_getByGroup_VN30.json"
VCI_TAPE_VCB = "vci/LEData_getAll_VCB_limit100_page1.json"
VCI_TAPE_HPG = "vci/LEData_getAll_HPG_last_page_incl_ATO.json"
VCI_TAPE_EMPTY = "vci/LEData_getAll_past_session_start_empty.json"
VCI_CHART_VCB_25 = "vci/gap-chart_ONE_DAY_VCB_25bars.json"
VCI_CHART_VCB_2 = "vci/gap-chart_ONE_DAY_VCB_2bars.json"
VCI_CHART_HPG_5 = "vci/gap-chart_ONE_DAY_HPG_5bars.json"
VCI_CHART_VCB_MINUTE = "constructed/vci_gap-chart_ONE_MINUTE_VCB_2026-08-04_morning.json"
KBS_BOARD = "kbs/stock_iss_HPG_VNM_VCB_closed_sunday.json"
KBS_TAPE_VCB = "kbs/trade_history_VCB_full_session.json"
KBS_CHART_VCB = "kbs/stocks_VCB_data_day.json"
KBS_GROUP_30 = "kbs/index_30_stocks_2026-02-28.json"
KBS_GROUP_UNKNOWN = "kbs/index_VN30_stocks_unknown_group_2026-02-28.json"
KBS_SEARCH_ROW = "kbs/stock_search_data_row_2026-04-20.json"
ERROR_BODIES = "constructed/error_bodies.json"
PRICE_LIMIT_CHECKS = "market/price_limit_checks.json"
LISTING = "listing/vnstock_symbols_by_exchange_2025-04.csv"


@functools.lru_cache(maxsize=None)
def read_bytes(name):
    return (DIRECTORY / name).read_bytes()


@functools.lru_cache(maxsize=None)
def read_json(name):
    """The parsed fixture; shared between callers, who must not change it."""
    return json.loads(read_bytes(name))


def read_listing():
    with open(DIRECTORY / LISTING, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@functools.lru_cache(maxsize=None)
def split_rows(name):
    """The rows of a captured JSON array, each as its very bytes."""
    text = read_bytes(name).decode("utf-8")
    decoder = json.JSONDecoder()
    rows = []
    position = text.index("[") + 1
    while True:
        while text[position] in " \r\n\t,":
            position += 1
        if text[position] == "]":
            return rows
        _, end = decoder.raw_decode(text, position)
        rows.append(text[position:end].encode("utf-8"))
        position = end
