"""The simulator against the captures and the exchanges' rules."""

import email.utils
import http.client
import json
import socket
import time
import unittest

from simulator_process import BOARD, KBS, MORNING, Simulator, fixture_bytes, fixture_json

from vnstock_sim import clock, exchange_rules

CAPTURED_ROW = fixture_json("vci/getList_VCB_2026-08-04_lunch.json")[0]
CAPTURED_KBS_ROW = fixture_json("kbs/stock_iss_HPG_VNM_VCB_closed_sunday.json")[2]


def same_type(captured, served):
    """JSON knows no difference between 741 and 741.0, so an integer may stand where the capture has a fraction."""
    if isinstance(captured, float):
        return type(served) in (int, float)
    return type(captured) is type(served)


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.sim = Simulator(*cls.options)
        cls.addClassCleanup(cls.sim.stop)

    def assert_shape(self, captured, served, may_be_null=()):
        self.assertEqual(list(captured), list(served))
        for name, value in captured.items():
            if not (name in may_be_null and served[name] is None):
                self.assertTrue(same_type(value, served[name]), f"{name}: {value!r} captured, {served[name]!r} served")


class ExchangeRules(unittest.TestCase):
    def test_limits_of_every_known_triple(self):
        checks = fixture_json("market/price_limit_checks.json")
        self.assertEqual(len(checks), 10)
        for check in checks:
            board = {"HOSE": "HSX"}.get(check["exchange"], check["exchange"])
            self.assertEqual(exchange_rules.price_limits(board, "STOCK", check["ref"], check["pct"]),
                             (check["ceiling"], check["floor"]), check["symbol"])

    def test_penny_share_keeps_a_band(self):
        self.assertEqual(exchange_rules.price_limits("HNX", "STOCK", 500, 10), (600, 400))
        self.assertEqual(exchange_rules.price_limits("UPCOM", "STOCK", 100, 15), (200, 100))

    def test_ticks(self):
        for price, tick in ((9_990, 10), (10_000, 50), (49_950, 50), (50_000, 100)):
            self.assertEqual(exchange_rules.tick_size("HSX", "STOCK", price), tick)
        self.assertEqual(exchange_rules.tick_size("HSX", "ETF", 50_000), 10)
        self.assertEqual(exchange_rules.tick_size("UPCOM", "STOCK", 500), 100)
        self.assertEqual(exchange_rules.next_price_down("HSX", "STOCK", 10_000), 9_990)
        self.assertEqual(exchange_rules.next_price_up("HSX", "STOCK", 49_950), 50_000)

    def test_isin_is_the_captured_one(self):
        self.assertEqual(exchange_rules.isin("VCB"), CAPTURED_ROW["listingInfo"]["code"])


class Sessions(unittest.TestCase):
    def test_labels_by_board_and_time(self):
        for time, hose, hnx, upcom in (("08:59", "EXTEND_HOUR", "EXTEND_HOUR", "EXTEND_HOUR"),
                                       ("09:00", "ATO", "LO_MORNING", "LO_MORNING"),
                                       ("09:15", "LO_MORNING", "LO_MORNING", "LO_MORNING"),
                                       ("12:59", "LO_MORNING", "LO_MORNING", "LO_MORNING"),
                                       ("13:00", "LO_AFTERNOON", "LO_AFTERNOON", "LO_AFTERNOON"),
                                       ("14:30", "ATC", "ATC", "LO_AFTERNOON"),
                                       ("14:45", "EXTEND_HOUR", "EXTEND_HOUR", "LO_AFTERNOON"),
                                       ("15:00", "EXTEND_HOUR", "EXTEND_HOUR", "EXTEND_HOUR")):
            stamp = clock.Stamp(clock.parse_instant(f"2026-08-04T{time}:00"))
            self.assertEqual([stamp.session(board) for board in ("HSX", "HNX", "UPCOM")], [hose, hnx, upcom], time)

    def test_spellings(self):
        stamp = clock.Stamp(clock.parse_instant("2026-08-05T01:29:57.692+07:00"))
        self.assertEqual((stamp.iso, stamp.sending_time, stamp.transaction_time),
                         ("2026-08-04T18:29:57.692Z", "20260804 18:29:57.692", "182957692"))
        self.assertEqual((stamp.trading_date, stamp.trading_date_slashed, stamp.millis),
                         ("2026-08-05", "05/08/2026", 1785868197692))


class Shapes(Case):
    options = ("--clock", MORNING)

    def test_vci_board(self):
        served = self.sim.quote("VCB")
        self.assertEqual(list(CAPTURED_ROW), list(served))
        for group, captured in CAPTURED_ROW.items():
            self.assert_shape(captured, served[group])
        self.assertEqual(served["listingInfo"]["refPrice"], CAPTURED_ROW["listingInfo"]["refPrice"])
        self.assertEqual(served["listingInfo"]["ceiling"], CAPTURED_ROW["listingInfo"]["ceiling"])
        self.assertEqual(self.sim.quote("SHS")["listingInfo"]["refPrice"], 17500)
        self.assertEqual(served["listingInfo"]["organName"], CAPTURED_ROW["listingInfo"]["organName"])
        for side in ("askPrices", "bidPrices"):
            self.assertEqual([list(level) for level in served["bidAsk"][side]], [["price", "volume"]] * 3)

    def test_vci_board_of_every_symbol(self):
        nullable = ("receivedTime", "time", "highest", "lowest", "matchPrice", "openPrice", "firstTimeMatchPrice")
        for row in self.sim.sweep(self.sim.listed(), 400):
            for group, captured in CAPTURED_ROW.items():
                self.assert_shape(captured, row[group], nullable)

    def test_kbs_board(self):
        served, = self.sim.kbs_board("VCB")
        self.assert_shape(CAPTURED_KBS_ROW, served)
        self.assert_shape(CAPTURED_KBS_ROW["CA"][0], served["CA"][0])
        self.assertRegex(served["B1"], r"^\d+\.0$")
        self.assertRegex(served["S1"], r"^\d+\.0$")
        self.assertEqual(served["CH"], served["CP"] - served["RE"])
        self.assertEqual(served["CHP"], (served["CP"] - served["RE"]) / served["RE"] * 100)
        self.assertEqual(served["AP"], round(served["TV"] / served["TT"]))

    def test_both_services_show_one_market(self):
        self.sim.control("freeze", frozen=True)
        self.addCleanup(self.sim.control, "freeze", frozen=False)
        vci, (kbs,) = self.sim.quote("FPT"), self.sim.kbs_board("FPT")
        self.assertEqual(vci["matchPrice"]["matchPrice"], kbs["CP"])
        self.assertEqual(vci["matchPrice"]["accumulatedVolume"], kbs["TT"])
        self.assertEqual(vci["matchPrice"]["accumulatedValue"] * 1e6, kbs["TV"])
        self.assertEqual(f'{vci["bidAsk"]["bidPrices"][0]["price"]}.0', kbs["B1"])
        self.assertEqual(vci["listingInfo"]["ceiling"], kbs["CL"])

    def test_vci_list(self):
        answer = self.sim.get("/api/price/symbols/getAll").json()
        samples = fixture_json("constructed/vci_getAll_sample.json")
        vnm = next(row for row in answer if row["symbol"] == "VNM")
        # VNM's short English name is known, others are null: both are real.
        self.assert_shape(samples[1], vnm, ("enOrganShortName",))
        self.assertEqual(vnm["organName"], samples[1]["organName"])
        boards = [row["board"] for row in answer if row["type"] == "STOCK"]
        unknown = len(self.sim.state()["unknown"])
        self.assertEqual(sum(board in ("HSX", "HNX", "UPCOM") for board in boards), 1590 + unknown)
        self.assertEqual(len(answer), 2758 + unknown)

    def test_doubled_slash_of_the_older_client(self):
        self.assertEqual(len(self.sim.get("/api//price/symbols/getByGroup?group=VN30").json()), 30)

    def test_vci_groups(self):
        captured = fixture_json("constructed/vci_getByGroup_VN30.json")
        self.assertEqual(self.sim.get("/api/price/symbols/getByGroup?group=VN30").json(), captured)
        for group in ("HOSE", "HNX", "UPCOM", "VN100", "HNX30", "VNMIDCAP", "VNSMALLCAP", "VNALLSHARE",
                      "VNX50", "VNXALL", "ETF", "CW", "BOND", "FU_INDEX"):
            members = self.sim.get(f"/api/price/symbols/getByGroup?group={group}").json()
            self.assertTrue(members and all(list(member) == ["symbol"] for member in members), group)
        self.assertEqual(len(self.sim.get("/api/price/symbols/getByGroup?group=VN100").json()), 100)
        self.assertEqual(self.sim.get("/api/price/symbols/getByGroup?group=NONE").json(), [])

    def test_kbs_list_and_groups(self):
        captured, = fixture_json("kbs/stock_search_data_row_2026-04-20.json")
        served = {row["symbol"]: row for row in self.sim.get(f"{KBS}/stock/search/data").json()}
        for name, value in captured.items():
            self.assertTrue(same_type(value, served["DPP"][name]), name)
        for name in ("re", "ceiling", "floor", "exchange", "type"):
            self.assertEqual(served["DPP"][name], captured[name])
        self.assertEqual(len([row for row in served.values() if row["exchange"] == "HOSE" and row["type"] == "etf"]),
                         17)
        group = self.sim.get(f"{KBS}/index/30/stocks").json()
        self.assertEqual(list(group), list(fixture_json("kbs/index_30_stocks_2026-02-28.json")))
        self.assertEqual((len(group["data"]), type(group["data"][0])), (30, str))
        self.assertEqual(self.sim.get(f"{KBS}/index/VN30/stocks").json(), {"status": 200, "data": []})

    def test_vci_chart(self):
        captured, = fixture_json("vci/gap-chart_ONE_DAY_VCB_25bars.json")
        self.sim.quote("VCB")
        served, = self.sim.post("/api/chart/OHLCChart/gap-chart", {
            "timeFrame": "ONE_DAY", "symbols": ["VCB"], "to": 1785816000, "countBack": 25}).json()
        self.assert_shape(captured, served)
        self.assertEqual({len(served[name]) for name in ("o", "h", "l", "c", "v", "t")}, {25})
        self.assertTrue(all(same_type("", start) for start in served["t"]))
        self.assertEqual(served["t"][-1], str(1785801600))
        self.assertEqual(served["t"], sorted(served["t"]))
        self.sim.control("freeze", frozen=True)
        self.addCleanup(self.sim.control, "freeze", frozen=False)
        self.assertEqual(served["h"][-1], self.sim.quote("VCB")["matchPrice"]["highest"])

    def test_vci_chart_pages(self):
        def page(until):
            chart, = self.sim.post("/api/chart/OHLCChart/gap-chart", {
                "timeFrame": "ONE_MINUTE", "symbols": ["VCB"], "to": until, "countBack": 100}).json()
            return [int(start) for start in chart["t"]]

        newest = page(1785816000)
        older = page(newest[0] - 1)
        self.assertEqual((len(newest), newest[-1]), (100, 1785816000), "to must be inclusive")
        self.assertEqual((len(older), older[-1]), (100, newest[0] - 60), "the next page must go on without a hole")
        self.assertEqual(self.sim.post("/api/chart/OHLCChart/gap-chart", {
            "timeFrame": "ONE_MINUTE", "symbols": ["NONE9"], "to": 1785816000, "countBack": 9}).json(), [])

    def test_kbs_index(self):
        served = self.sim.get(f"{KBS}/index/VNINDEX/data_1P?sdate=03-08-2026&edate=04-08-2026").json()
        bars = served["data_1P"]
        self.assertEqual(served["symbol"], "VNINDEX")
        self.assertEqual((bars[0]["t"], bars[-1]["t"]), ("2026-08-04 11:00", "2026-08-03 09:00"), "newest first")
        self.assertEqual({len(bar) for bar in bars}, {6})
        self.assertTrue(all(same_type("", bar["o"]) and same_type("", bar["v"]) for bar in bars))
        self.assertTrue(all(bar["l"] <= float(bar["o"]) <= bar["h"] and bar["l"] <= bar["c"] <= bar["h"] for bar in bars))
        day = self.sim.get(f"{KBS}/index/HNXINDEX/data_day?sdate=03-08-2026&edate=04-08-2026").json()
        self.assertEqual([bar["t"] for bar in day["data_day"]], ["2026-08-04 07:00", "2026-08-03 07:00"])
        none = self.sim.get(f"{KBS}/index/NONE/data_1P?sdate=03-08-2026&edate=04-08-2026").json()
        self.assertEqual(none, {"symbol": "NONE", "data_1P": []})

    def test_charts_of_ones_own(self):
        asked = {"timeFrame": "ONE_DAY", "symbols": ["VCB"], "to": 1785816000, "countBack": 1}
        true = self.sim.post("/api/chart/OHLCChart/gap-chart", asked).body
        self.assertEqual(self.sim.control("chart", symbol="VCB", body="<html>"), {"charts": ["VCB"]})
        self.assertEqual(self.sim.post("/api/chart/OHLCChart/gap-chart", asked).body, b"<html>")
        dates = "sdate=03-08-2026&edate=04-08-2026"
        self.assertEqual(self.sim.get(f"{KBS}/stocks/VCB/data_day?{dates}").body, b"<html>")
        self.sim.control("chart", symbol="VNINDEX", body="[]")
        self.assertEqual(self.sim.get(f"{KBS}/index/VNINDEX/data_1P?{dates}").body, b"[]")
        self.assertEqual(self.sim.control("chart", symbol="VCB", clear=True), {"charts": ["VNINDEX"]})
        self.assertEqual(self.sim.post("/api/chart/OHLCChart/gap-chart", asked).body, true)
        self.assertEqual(self.sim.control("chart", clear=True), {"charts": []})
        for wrong in ({}, {"symbol": "VCB"}, {"symbol": 1, "body": ""}, {"symbol": "VCB", "body": "", "clear": True}):
            self.assertEqual(self.sim.post("/_sim/chart", wrong).status, 400, wrong)

    def test_vci_tape(self):
        captured = fixture_json("vci/LEData_getAll_VCB_limit100_page1.json")[0]
        for _ in range(5):
            self.sim.quote("HPG")
        served = self.sim.post("/api/market-watch/LEData/getAll",
                               {"symbol": "HPG", "limit": 3, "truncTime": None}).json()
        self.assertEqual(len(served), 3)
        for row in served:
            self.assert_shape(captured, row)
            self.assertRegex(row["matchVol"], r"^\d+\.0$")
        self.assertGreater(float(served[0]["accumulatedVolume"]), float(served[1]["accumulatedVolume"]))
        oldest = int(served[-1]["truncTime"])
        self.assertEqual(self.sim.post("/api/market-watch/LEData/getAll", {
            "symbol": "HPG", "limit": 3, "truncTime": oldest}).json(), [], "the cursor must be exclusive")

    def test_kbs_chart_and_tape(self):
        captured = fixture_json("kbs/stocks_VCB_data_day.json")
        served = self.sim.get(f"{KBS}/stocks/VCB/data_day?sdate=20-07-2026&edate=30-07-2026").json()
        self.assertEqual(list(served), list(captured))
        self.assert_shape(captured["data_day"][0], served["data_day"][0])
        self.assertEqual([bar["t"] for bar in served["data_day"]],
                         [bar["t"] for bar in captured["data_day"] if "2026-07-20" <= bar["t"] < "2026-07-31"])
        for _ in range(3):
            self.sim.quote("VCB")
        captured = fixture_json("kbs/trade_history_VCB_full_session.json")
        served = self.sim.get(f"{KBS}/trade/history/VCB?page=1&limit=2").json()
        self.assertEqual(list(served), list(captured))
        self.assertEqual(len(served["data"]), 2)
        self.assert_shape(captured["data"][0], served["data"][0])


class LivingMarket(Case):
    options = ("--clock", MORNING)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.symbols = cls.sim.listed()
        cls.sweeps = [cls.sim.sweep(cls.symbols, 200) for _ in range(4)]

    def traded(self):
        for rows in self.sweeps:
            for row in rows:
                if row["matchPrice"]["accumulatedVolume"]:
                    yield row

    def test_whole_market_less_the_unknown(self):
        state = self.sim.state()
        self.assertEqual(state["symbols"], 1611)
        self.assertEqual(len(state["unknown"]), 5)
        for rows in self.sweeps:
            served = {row["listingInfo"]["symbol"] for row in rows}
            self.assertEqual(set(self.symbols) - served, set(state["unknown"]))
            self.assertEqual(len(rows), 1611)

    def test_limits_follow_from_the_reference(self):
        normal = {"HSX": 7, "HNX": 10, "UPCOM": 15}
        first_day = {"HSX": 20, "HNX": 30, "UPCOM": 40}
        wide = 0
        for row in self.sweeps[0]:
            listed = row["listingInfo"]
            board, kind = listed["board"], listed["type"]
            reference, ceiling, floor = listed["refPrice"], listed["ceiling"], listed["floor"]
            up = exchange_rules.tick_size(board, kind, ceiling)
            down = exchange_rules.tick_size(board, kind, floor - 1)
            self.assertTrue(0 < floor < reference < ceiling, listed["symbol"])
            for percent in (normal[board], first_day[board]):
                highest, lowest = reference * (100 + percent), reference * (100 - percent)
                if ceiling * 100 <= highest < (ceiling + up) * 100 and (floor - down) * 100 < lowest <= floor * 100:
                    wide += percent == first_day[board]
                    break
            else:
                self.fail(f"{listed['symbol']} {board} {reference} {ceiling} {floor}")
            match = row["matchPrice"]
            self.assertEqual((match["ceilingPrice"], match["floorPrice"], match["referencePrice"]),
                             (ceiling, floor, reference))
        self.assertTrue(0 < wide < 30)

    def test_prices_within_range_and_on_ticks(self):
        for row in self.traded():
            listed, match = row["listingInfo"], row["matchPrice"]
            self.assertTrue(listed["floor"] <= match["lowest"] <= match["matchPrice"] <= match["highest"]
                            <= listed["ceiling"], listed["symbol"])
            self.assertTrue(match["lowest"] <= match["openPrice"] <= match["highest"])
            for name in ("matchPrice", "highest", "lowest", "openPrice"):
                tick = exchange_rules.tick_size(listed["board"], listed["type"], match[name])
                self.assertEqual(match[name] % tick, 0, listed["symbol"])

    def test_volumes_and_values(self):
        for row in self.traded():
            listed, match = row["listingInfo"], row["matchPrice"]
            self.assertTrue(0 < match["matchVol"] <= match["accumulatedVolume"] <= listed["listedShare"])
            self.assertEqual(match["accumulatedVolume"] % 100, 0)
            self.assertEqual(match["matchVol"] % 100, 0)
            average = match["accumulatedValue"] * 1e6 / match["accumulatedVolume"]
            self.assertAlmostEqual(match["avgMatchPrice"] / average, 1, places=12)
            self.assertTrue(match["lowest"] <= average * (1 + 1e-12) and average * (1 - 1e-12) <= match["highest"])
            self.assertTrue(0 <= match["currentRoom"] <= match["totalRoom"] <= listed["listedShare"])
            self.assertTrue(0 <= match["foreignBuyVolume"] + match["foreignSellVolume"] <= match["accumulatedVolume"])
            self.assertLessEqual(match["foreignBuyValue"], match["foreignBuyVolume"] * match["highest"])
            self.assertGreaterEqual(match["foreignBuyValue"], match["foreignBuyVolume"] * match["lowest"])
        self.assertTrue(any(row["listingInfo"]["listedShare"] > 2 ** 32 for row in self.traded()))
        self.assertTrue(any(row["matchPrice"]["foreignSellVolume"] for row in self.traded()))

    def test_volumes_accumulate_and_prices_move_by_single_ticks(self):
        moved = accumulated = still = 0
        for earlier, later in zip(self.sweeps, self.sweeps[1:]):
            for before, after in zip(earlier, later):
                listed, old, new = after["listingInfo"], before["matchPrice"], after["matchPrice"]
                self.assertGreaterEqual(new["accumulatedVolume"], old["accumulatedVolume"])
                if new["accumulatedVolume"] == old["accumulatedVolume"]:
                    self.assertEqual(before, after)
                    still += 1
                    continue
                accumulated += 1
                self.assertGreaterEqual(new["accumulatedVolume"] - old["accumulatedVolume"], new["matchVol"])
                allowed = (old["matchPrice"],
                           exchange_rules.next_price_up(listed["board"], listed["type"], old["matchPrice"]),
                           exchange_rules.next_price_down(listed["board"], listed["type"], old["matchPrice"]))
                self.assertIn(new["matchPrice"], allowed)
                bought = new["foreignBuyVolume"] - old["foreignBuyVolume"]
                sold = new["foreignSellVolume"] - old["foreignSellVolume"]
                self.assertEqual(old["currentRoom"] - bought + sold, new["currentRoom"])
                moved += new["matchPrice"] != old["matchPrice"]
        self.assertGreater(moved, 500)
        self.assertGreater(accumulated, 2_000)
        self.assertGreater(still, 500)

    def test_book_stands_around_the_match(self):
        full = 0
        for row in self.traded():
            listed, price = row["listingInfo"], row["matchPrice"]["matchPrice"]
            bids = [level["price"] for level in row["bidAsk"]["bidPrices"] if level["price"]]
            asks = [level["price"] for level in row["bidAsk"]["askPrices"] if level["price"]]
            self.assertEqual(bids, sorted(set(bids), reverse=True))
            self.assertEqual(asks, sorted(set(asks)))
            self.assertTrue(all(listed["floor"] <= level <= listed["ceiling"] for level in bids + asks))
            self.assertTrue(price in bids[:1] + asks[:1], listed["symbol"])
            if bids and asks:
                self.assertLess(bids[0], asks[0])
            full += len(bids) == len(asks) == 3
            for level in row["bidAsk"]["bidPrices"] + row["bidAsk"]["askPrices"]:
                self.assertEqual(level["price"] > 0, level["volume"] > 0)
        self.assertGreater(full, 4_000)

    def test_some_do_not_trade(self):
        quiet = [row for row in self.sweeps[0] if not row["matchPrice"]["accumulatedVolume"]]
        self.assertTrue(50 < len(quiet) < 200)
        for name in ("matchPrice", "openPrice", "highest", "lowest"):
            self.assertEqual({row["matchPrice"][name] for row in quiet}, {0, None}, name)
        self.assertTrue(all(row["matchPrice"]["time"] is None for row in quiet))
        suspended = [row for row in self.sweeps[0] if row["listingInfo"]["tradingStatus"] == "TRADING_SUSPENSION"]
        self.assertTrue(suspended and all(row in quiet for row in suspended))
        lengths = {len(row["bidAsk"]["askPrices"]) for row in quiet}
        self.assertEqual(lengths, {0, 3}, "a missing level is shown as a zero or by a shorter array")

    def test_board_leaves_out_what_it_does_not_know(self):
        unknown = self.sim.state()["unknown"][0]
        self.assertEqual([row["listingInfo"]["symbol"] for row in self.sim.board("VCB", unknown, "vcb", "FPT")],
                         ["VCB", "FPT"])
        self.assertEqual(self.sim.board(unknown), [])
        self.assertEqual([row["SB"] for row in self.sim.kbs_board("VCB", unknown)], ["VCB"])

    def test_skewed_date(self):
        self.addCleanup(self.sim.control, "skew", seconds=0)
        for seconds in (0, 3600, -90):
            self.sim.control("skew", seconds=seconds)
            date = email.utils.parsedate_to_datetime(self.sim.post(BOARD, {"symbols": ["VCB"]}).headers["Date"])
            self.assertAlmostEqual(date.timestamp() - time.time(), seconds, delta=10)
        for bad in ("1", 1.5, True, None, 86401):
            self.assertEqual(self.sim.post("/_sim/skew", {"seconds": bad}).status, 400)

    def test_new_day(self):
        self.addCleanup(self.sim.control, "clock", now=MORNING)
        old = self.sim.quote("FPT")
        self.sim.control("freeze", frozen=True)
        self.addCleanup(self.sim.control, "freeze", frozen=False)
        old = self.sim.quote("FPT")
        self.sim.control("freeze", frozen=False)
        self.sim.control("clock", now="2026-08-05T10:00:00+07:00")
        new = self.sim.quote("FPT")
        self.assertEqual(new["listingInfo"]["tradingDate"], "2026-08-05")
        self.assertEqual(new["listingInfo"]["refPrice"], old["matchPrice"]["matchPrice"])
        self.assertNotEqual(new["matchPrice"]["accumulatedVolume"], old["matchPrice"]["accumulatedVolume"])
        self.assertEqual(new["matchPrice"]["time"], "2026-08-05T03:00:00.000Z")


class MarketSize(unittest.TestCase):
    def test_small(self):
        with Simulator("--symbols", "10", "--unknown", "2") as sim:
            listed = sim.listed()
            self.assertEqual(len(listed), 12)
            rows = sim.board(*listed)
            self.assertEqual(len(rows), 10)
            self.assertEqual({row["listingInfo"]["board"] for row in rows}, {"HSX", "HNX", "UPCOM"})
            self.assertIn("ETF", {row["listingInfo"]["type"] for row in rows})

    def test_large(self):
        with Simulator("--symbols", "5000") as sim:
            listed = sim.listed()
            self.assertEqual((len(listed), len(set(listed))), (5005, 5005))
            self.assertTrue(all(ticker.isascii() and ticker.isalnum() and ticker.isupper() for ticker in listed))
            rows = sim.board(*listed[-300:])
            self.assertEqual(len(rows), 295)


class Determinism(unittest.TestCase):
    symbols = ("VCB", "SHS", "ACV", "E1VFVN30", "FPT")

    def play(self, sim, together):
        answers = []
        for _ in range(6):
            answers.append(sim.board(*self.symbols) if together
                           else [sim.quote(symbol) for symbol in reversed(self.symbols)][::-1])
        return answers

    def test_seed_decides(self):
        options = ("--symbols", "50", "--clock", MORNING, "--seed")
        with Simulator(*options, "7") as one, Simulator(*options, "7") as same, Simulator(*options, "8") as other:
            first = self.play(one, together=True)
            self.assertEqual(first, self.play(same, together=False), "batches and their order must not matter")
            self.assertNotEqual(first, self.play(other, together=True))
            one.control("reset", market=True)
            one.control("clock", now=MORNING)
            self.assertEqual(first, self.play(one, together=True))

    def test_activity(self):
        with Simulator("--symbols", "16", "--activity", "1") as busy, \
                Simulator("--symbols", "16", "--activity", "0") as idle:
            for sim, moves in ((busy, True), (idle, False)):
                symbols = sim.listed()
                for before, after in zip(sim.board(*symbols), sim.board(*symbols)):
                    changed = before["matchPrice"]["accumulatedVolume"] != after["matchPrice"]["accumulatedVolume"]
                    self.assertEqual(changed, moves, before["listingInfo"]["symbol"])


class ChangedListing(Case):
    options = ("--symbols", "20", "--unknown", "1")

    def setUp(self):
        self.sim.control("reset")

    def rows(self):
        return {row["symbol"]: row for row in self.sim.get("/api/price/symbols/getAll").json()}

    def test_a_new_symbol_is_listed_and_on_the_board(self):
        self.sim.control("listing", add=[{"symbol": "NEW", "board": "HSX", "organName": "Công ty Mới"}])
        row = self.rows()["NEW"]
        self.assertEqual((row["type"], row["board"], row["organName"]), ("STOCK", "HSX", "Công ty Mới"))
        self.assertEqual(self.sim.quote("NEW")["listingInfo"]["symbol"], "NEW")
        self.assertIn("NEW", [row["symbol"] for row in self.sim.get(f"{KBS}/stock/search/data").json()])

    def test_a_delisted_symbol_leaves_the_board(self):
        self.sim.quote("VCB")
        self.sim.control("listing", delist=["VCB"])
        self.assertEqual(self.rows()["VCB"]["board"], "DELISTED")
        self.assertEqual(self.sim.board("VCB"), [])
        self.assertNotIn("VCB", self.sim.listed())

    def test_a_removed_symbol_leaves_the_list_and_comes_back(self):
        name = self.rows()["FPT"]["organName"]
        self.sim.control("listing", remove=["FPT"])
        self.assertNotIn("FPT", self.rows())
        self.assertEqual(len(self.sim.board("FPT")), 1)
        self.sim.control("listing", rename={"VCB": "x"})
        self.assertEqual(len(self.sim.board("FPT")), 1)
        self.sim.control("listing", add=[{"symbol": "FPT"}])
        self.assertEqual(self.rows()["FPT"]["organName"], name)

    def test_names_boards_and_groups_change(self):
        self.sim.control("listing", rename={"VCB": "Ngân hàng"}, move={"SHS": "HSX"}, group={"VN30": ["VCB"]})
        self.assertEqual(self.rows()["VCB"]["organName"], "Ngân hàng")
        self.assertEqual(self.rows()["SHS"]["board"], "HSX")
        self.assertEqual(self.sim.get("/api/price/symbols/getByGroup?group=VN30").json(), [{"symbol": "VCB"}])

    def test_a_part_of_the_list_and_raw_rows(self):
        everything = len(self.rows())
        self.sim.control("listing", kept=0.5)
        self.assertEqual(len(self.rows()), everything // 2)
        self.sim.control("listing", kept=1, raw=['{"symbol":"RAW","organName":7}', "{"])
        body = self.sim.get("/api/price/symbols/getAll").body
        self.assertTrue(body.endswith(b',{"symbol":"RAW","organName":7},{]'))

    def test_reset_and_clear_bring_the_first_list_back(self):
        before = self.rows()
        self.sim.control("listing", delist=["VCB"], remove=["FPT"], kept=0.9, add=[{"symbol": "NEW"}])
        self.sim.control("listing", clear=True)
        self.assertEqual(self.rows(), before)
        self.sim.control("listing", delist=["VCB"])
        self.sim.control("reset")
        self.assertEqual(self.rows(), before)
        self.assertEqual(len(self.sim.board("VCB")), 1)

    def test_what_is_wrong_is_refused(self):
        for value in ({"add": [{"symbol": "VCB"}]}, {"add": [{}]}, {"add": [{"symbol": "N", "board": "X"}]},
                      {"delist": ["NONE"]}, {"remove": "VCB"}, {"rename": {"VCB": 7}}, {"kept": 2}, {"kept": True},
                      {"clear": 1}, {"unknown": 1}):
            self.assertEqual(self.sim.post("/_sim/listing", value).status, 400, value)


class ReplayedCaptures(Case):
    options = ("--replay", "--symbols", "20")

    def assert_replayed(self, name, answer):
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body, fixture_bytes(name))

    def test_vci(self):
        board = self.sim.post(BOARD, {"symbols": ["VCB"]})
        self.assert_replayed("vci/getList_VCB_2026-08-04_lunch.json", board)
        self.assertEqual(board.headers["ETag"], 'W/"98b-KfEfTp1XzggS0N2Q0e9Pn5VqsnU"', "the captured header")
        tape = "/api/market-watch/LEData/getAll"
        self.assert_replayed("vci/LEData_getAll_VCB_limit100_page1.json",
                             self.sim.post(tape, {"symbol": "VCB", "limit": 100, "truncTime": None}))
        self.assert_replayed("vci/LEData_getAll_HPG_last_page_incl_ATO.json",
                             self.sim.post(tape, {"symbol": "HPG", "limit": 100, "truncTime": 1785809711}))
        self.assert_replayed("vci/LEData_getAll_past_session_start_empty.json",
                             self.sim.post(tape, {"symbol": "VCB", "limit": 100, "truncTime": 1785809700}))
        for symbol, count, name in (("VCB", 25, "vci/gap-chart_ONE_DAY_VCB_25bars.json"),
                                    ("VCB", 2, "vci/gap-chart_ONE_DAY_VCB_2bars.json"),
                                    ("HPG", 5, "vci/gap-chart_ONE_DAY_HPG_5bars.json")):
            self.assert_replayed(name, self.sim.post("/api/chart/OHLCChart/gap-chart", {
                "timeFrame": "ONE_DAY", "symbols": [symbol], "to": 1785817800, "countBack": count}))
        self.assert_replayed("constructed/vci_getByGroup_VN30.json",
                             self.sim.get("/api/price/symbols/getByGroup?group=VN30"))

    def test_kbs(self):
        self.assert_replayed("kbs/stock_iss_HPG_VNM_VCB_closed_sunday.json",
                             self.sim.post(f"{KBS}/stock/iss", {"code": "HPG,VNM,VCB"}))
        self.assert_replayed("kbs/trade_history_VCB_full_session.json",
                             self.sim.get(f"{KBS}/trade/history/VCB?page=1&limit=20000"))
        self.assert_replayed("kbs/stocks_VCB_data_day.json",
                             self.sim.get(f"{KBS}/stocks/VCB/data_day?sdate=17-07-2026&edate=30-07-2026"))
        self.assert_replayed("kbs/index_30_stocks_2026-02-28.json", self.sim.get(f"{KBS}/index/30/stocks"))
        self.assert_replayed("kbs/index_VN30_stocks_unknown_group_2026-02-28.json",
                             self.sim.get(f"{KBS}/index/VN30/stocks"))
        self.assert_replayed("kbs/stock_search_data_row_2026-04-20.json", self.sim.get(f"{KBS}/stock/search/data"))

    def test_other_symbols_come_from_the_constructed_rows(self):
        rows = self.sim.board("VCB", "NOSUCH", "A32", "NUL")
        self.assertEqual(rows[0], CAPTURED_ROW)
        self.assertEqual([row["listingInfo"]["symbol"] for row in rows], ["VCB", "A32", "NUL"])

    def test_switched_at_run_time(self):
        self.addCleanup(self.sim.control, "replay", replay=True)
        self.sim.control("replay", replay=False)
        self.assertNotEqual(self.sim.quote("VCB"), CAPTURED_ROW)
        self.sim.control("replay", replay=True)
        self.assertEqual(self.sim.quote("VCB"), CAPTURED_ROW)


class OnTheWire(Case):
    options = ("--symbols", "200")

    def setUp(self):
        self.sim.disconnect()
        self.sim.wait_for(lambda state: state["connections"]["open"] == 0)
        self.sim.control("reset")

    def test_gzip_and_chunks(self):
        for path, value in ((BOARD, {"symbols": ["VCB"]}), (f"{KBS}/stock/iss", {"code": "VCB"})):
            answer = self.sim.post(path, value)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
            self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
            self.assertIsNone(answer.headers["Content-Length"])
            self.assertEqual(answer.headers["Content-Type"], "application/json; charset=utf-8")
            self.assertEqual(answer.raw[:2], b"\x1f\x8b")
            self.assertLess(len(answer.raw), len(answer.body))
        self.assertRegex(self.sim.get("/api/price/symbols/getAll").headers["ETag"], r'^W/"[0-9a-f]+-[\w+/]{27}"$')

    def test_plain_for_who_cannot_unpack(self):
        answer = self.sim.post(BOARD, {"symbols": ["VCB"]}, headers={})
        self.assertIsNone(answer.headers["Content-Encoding"])
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(answer.raw[:1], b"[")

    def test_keep_alive(self):
        connection = self.sim.connect()
        for _ in range(20):
            self.assertEqual(len(self.sim.board("VCB", "FPT", connection=connection)), 2)
        state = self.sim.state()
        self.assertEqual(state["connections"], {"open": 1, "accepted": 1})
        self.assertEqual(state["requests"], {BOARD: 20})
        self.assertEqual((state["symbols_asked"], state["largest_batch"]), (40, 2))
        connection.close()
        self.sim.board("VCB")
        self.sim.wait_for(lambda state: state["connections"] == {"open": 1, "accepted": 2})

    def test_last_request_is_told(self):
        self.sim.post(BOARD, {"symbols": ["VCB"]}, headers={"User-Agent": "one test", "Accept-Encoding": "gzip"})
        last = self.sim.state()["last_request"]
        self.assertEqual((last["method"], last["path"]), ("POST", BOARD))
        self.assertEqual(last["headers"]["User-Agent"], "one test")
        self.assertEqual(json.loads(last["body"]), {"symbols": ["VCB"]})
        record = self.sim.get("/_sim/requests").json()["requests"][-1]
        self.assertEqual((record["path"], record["symbols"], record["status"]), (BOARD, 1, 200))

    def test_http_1_0(self):
        with socket.create_connection(("127.0.0.1", self.sim.port), timeout=5) as connection:
            connection.sendall(b"GET /api/price/symbols/getByGroup?group=VN30 HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertEqual(len(json.loads(body)), 30)

    def test_unknown_paths(self):
        text = fixture_json("constructed/error_bodies.json")["404_kbs_gateway"]["body"].encode()
        for method, path in (("GET", f"{KBS}/nothing"), ("GET", "/api/price/symbols/none"), ("GET", "/"),
                             ("GET", BOARD), ("POST", "/api/price/symbols/getAll")):
            answer = self.sim.request(method, path, b"{}" if method == "POST" else None)
            self.assertEqual((answer.status, answer.body), (404, text), path)

    def test_bad_requests(self):
        for path, body in ((BOARD, b"{"), (BOARD, b'{"symbols":"VCB"}'), (BOARD, b"[]"), (BOARD, b'{"symbols":[1]}'),
                           (f"{KBS}/stock/iss", b'{"code":["VCB"]}'),
                           ("/api/market-watch/LEData/getAll", b'{"symbol":"VCB","truncTime":"x"}'),
                           ("/api/chart/OHLCChart/gap-chart", b'{"timeFrame":"ONE_YEAR","symbols":[]}')):
            self.assertEqual(self.sim.post(path, body).status, 400, body)
        self.assertEqual(self.sim.get(f"{KBS}/stocks/VCB/data_day").status, 400)

    def test_no_other_address(self):
        with self.assertRaises(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.2", self.sim.port, timeout=5).request("GET", "/")

    def test_sweep_is_fast(self):
        with Simulator() as sim:
            symbols = sim.listed()
            sim.sweep(symbols)
            before = sim.state()["cpu_seconds"]
            self.assertEqual(len(sim.sweep(symbols)), 1611)
            self.assertLess(sim.state()["cpu_seconds"] - before, 0.5)


if __name__ == "__main__":
    unittest.main()
