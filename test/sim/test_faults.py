"""What the simulator does wrong when told to, its control endpoint, and how it starts and ends."""

import concurrent.futures
import gzip
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from simulator_process import BOARD, KBS, MORNING, PROGRAM, Simulator, fixture_bytes, fixture_json

from vnstock_sim import faults, help_text

ERROR_BODIES = fixture_json("constructed/error_bodies.json")


def setUpModule():
    # One for all of them: starting it takes longer than most of these tests.
    Case.sim = Simulator("--symbols", "60")
    unittest.addModuleCleanup(Case.sim.stop)


class Case(unittest.TestCase):
    sim = None

    def setUp(self):
        self.sim.control("reset", market=True)
        # A connection that an earlier test has let break must not fail this one.
        self.sim.disconnect()

    def post_board(self, *symbols):
        return self.sim.post(BOARD, {"symbols": list(symbols or ("VCB", "FPT", "HPG"))})

    def post_board_alone(self, timeout=10):
        return self.sim.request_alone("POST", BOARD, {"symbols": ["VCB"]}, timeout)


class OtherAnswers(Case):
    def assert_recorded(self, name, **mode):
        self.sim.control("mode", **mode)
        answer = self.post_board()
        self.assertEqual(answer.status, ERROR_BODIES[name]["status"])
        self.assertEqual(answer.body.decode(), ERROR_BODIES[name]["body"])
        self.assertEqual(answer.headers.get_content_type(), ERROR_BODIES[name]["headers"]["Content-Type"])
        return answer

    def test_recorded_bodies(self):
        self.assert_recorded("400", mode="400")
        self.assertEqual(self.assert_recorded("403_cloudflare", mode="403").headers["cf-ray"], "deadbeef")
        self.assertIsNone(self.assert_recorded("403_plain", mode="403_plain").headers["cf-ray"])
        self.assertEqual(self.assert_recorded("503_upstream", mode="503").headers["server"], "envoy")
        self.assert_recorded("404_kbs_gateway", mode="404")
        self.assert_recorded("200_challenge", mode="html")
        self.assert_recorded("200_empty", mode="empty")
        self.assert_recorded("200_truncated", mode="truncated")

    def test_429(self):
        self.assertIsNone(self.assert_recorded("429_plain", mode="429").headers["Retry-After"])
        self.assertEqual(self.assert_recorded("429_plain", mode="429", retry_after=2).headers["Retry-After"], "2")
        self.assertEqual(self.assert_recorded("429_plain", mode=429, retry_after="soon").headers["Retry-After"],
                         "soon")
        answer = self.assert_recorded("429_cloudflare", mode="429", cloudflare=True, retry_after=30)
        self.assertEqual((answer.headers["Retry-After"], bool(answer.headers["cf-ray"])), ("30", True))

    def test_500_and_503(self):
        self.sim.control("mode", mode="500")
        self.assertEqual(self.post_board().status, 500)
        self.sim.control("mode", mode="503", retry_after=1)
        self.assertEqual(self.post_board().headers["Retry-After"], "1")

    def test_refusals_in_json(self):
        self.sim.control("mode", mode="403_json")
        answer = self.post_board()
        self.assertEqual((answer.status, json.loads(answer.body)), (403, {"statusCode": 403, "message": "Forbidden"}))
        self.sim.control("mode", mode="told", status=429)
        answer = self.post_board()
        self.assertEqual((answer.status, json.loads(answer.body)["status"]), (200, 429))
        self.sim.control("mode", mode="told")
        self.assertEqual(json.loads(self.post_board().body)["status"], 500)

    def test_one_source_alone(self):
        self.sim.control("mode", mode="503", source="vci")
        self.assertEqual(self.post_board().status, 503)
        self.assertEqual(self.sim.post(KBS + "/stock/iss", {"code": "VCB"}).status, 200)
        self.sim.control("mode", mode="403", source="kbs", add=True, count=1)
        self.assertEqual(self.sim.post(KBS + "/stock/iss", {"code": "VCB"}).status, 403)
        self.assertEqual(self.sim.post(KBS + "/stock/iss", {"code": "VCB"}).status, 200)
        self.assertEqual(self.post_board().status, 503)

    def test_redirect(self):
        self.sim.control("mode", mode="redirect", path="getList")
        answer = self.post_board()
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/moved"))
        self.sim.control("mode", mode="redirect")
        self.assertEqual(self.sim.get("/moved").status, 404)
        self.sim.control("mode", mode="redirect", location="http://127.0.0.1:1/", status=307)
        answer = self.post_board()
        self.assertEqual((answer.status, answer.headers["Location"]), (307, "http://127.0.0.1:1/"))

    def test_refusals_do_not_move_the_market(self):
        with Simulator("--symbols", "5", "--clock", MORNING) as calm, \
                Simulator("--symbols", "5", "--clock", MORNING) as troubled:
            troubled.control("mode", mode="503", count=3)
            for _ in range(3):
                troubled.post(BOARD, {"symbols": ["VCB"]})
            self.assertEqual(calm.quote("VCB"), troubled.quote("VCB"))


class WrongBodies(Case):
    def test_truncated_where_told(self):
        self.sim.control("freeze", frozen=True)
        whole = self.post_board().body
        self.sim.control("mode", mode="truncated", at=0.5)
        self.assertEqual(self.post_board().body, whole[:len(whole) // 2])

    def test_partial(self):
        self.sim.control("mode", mode="partial", symbols=["FPT"])
        for _ in range(2):
            self.assertEqual([row["listingInfo"]["symbol"] for row in self.sim.board("VCB", "FPT", "HPG")],
                             ["VCB", "HPG"])
            self.assertEqual([row["SB"] for row in self.sim.kbs_board("VCB", "FPT")], ["VCB"])
        self.sim.control("mode", mode="partial", fraction=0.3)
        listed = self.sim.listed()
        served = len(self.sim.board(*listed))
        self.assertTrue(30 <= served <= 55, served)
        self.assertEqual(len(self.sim.board(*listed)), served)

    def test_partial_once(self):
        self.sim.control("mode", mode="partial_once", symbols=["FPT"])
        self.assertEqual(len(self.sim.board("VCB", "FPT")), 1)
        self.assertEqual(len(self.sim.board("FPT")), 1)
        self.assertEqual(len(self.sim.board("VCB", "FPT")), 2)

    def test_old_schema(self):
        self.sim.control("mode", mode="old_schema")
        row = self.sim.quote("VCB")
        self.assertEqual(list(row), ["listingInfo", "bidAsk", "matchPrice"])
        self.assertTrue(row["listingInfo"]["code"].isdigit())
        self.assertIs(type(row["listingInfo"]["id"]), int)
        self.assertIn("priorClosePrice", row["listingInfo"])
        self.assertIn("totalAccumulatedValue", row["matchPrice"])
        for name in ("openPrice", "foreignBuyValue", "foreignSellValue", "accumulatedVolumeG1", "accumulatedValueG1"):
            self.assertNotIn(name, row["matchPrice"])
        for name in ("tradingStatus", "tradingStatusCode", "tradingStatusGroup"):
            self.assertNotIn(name, row["listingInfo"])
        self.assertGreater(row["matchPrice"]["matchPrice"], 0)

    def test_strings(self):
        self.sim.control("mode", mode="strings")
        row = self.sim.quote("VCB")
        self.assertIs(type(row["matchPrice"]["matchPrice"]), str)
        self.assertGreater(float(row["matchPrice"]["accumulatedValue"]), 0)
        self.assertIs(type(row["bidAsk"]["bidPrices"][0]["volume"]), str)
        self.assertIs(row["matchPrice"]["isLastATO"], False)

    def test_bad_utf8(self):
        self.sim.control("mode", mode="badutf8")
        for answer in (self.post_board(), self.sim.post(f"{KBS}/stock/iss", {"code": "VCB"})):
            with self.assertRaises(UnicodeDecodeError):
                answer.body.decode("utf-8")
            # All else must be sound, or a reader could refuse it for another reason.
            json.loads(answer.body.decode("utf-8", "replace"))

    def test_hostile(self):
        self.sim.control("mode", mode="hostile")
        rows = self.post_board().json()
        self.assertEqual(rows, fixture_json("constructed/vci_getList_hostile.json"))
        self.assertEqual(len(rows), 15)
        self.assertEqual(self.sim.kbs_board("VCB")[0]["SB"], "VCB")
        self.sim.control("mode", mode="hostile", as_asked=True)
        rows = self.post_board("VCB", "FPT").json()
        self.assertEqual([row["listingInfo"]["symbol"] for row in rows], ["VCB", "FPT"])
        self.assertEqual([row["matchPrice"]["symbol"] for row in rows], ["VCB", "FPT"])
        self.assertEqual([row["matchPrice"]["matchPrice"] for row in rows], [99999999, -1])
        self.sim.control("mode", mode="hostile", more=True)
        self.assertEqual(self.post_board().body, fixture_bytes("constructed/vci_getList_hostile_more.json"))


class SpoiltDeliveries(Case):
    def test_hang(self):
        self.sim.control("mode", mode="hang")
        with self.assertRaises(TimeoutError):
            self.post_board_alone(timeout=0.3)
        self.sim.wait_for(lambda state: state["in_flight"] == 0)
        self.sim.control("mode", mode="hang", seconds=0.1)
        with self.assertRaises(http.client.RemoteDisconnected):
            self.post_board_alone()
        self.assertEqual(self.sim.wait_for(lambda state: state["in_flight"] == 0)["statuses"], {"none": 2})

    def test_stall(self):
        self.sim.control("mode", mode="stall")
        connection = self.sim.connect(timeout=0.3)
        connection.request("POST", BOARD, b'{"symbols":["VCB"]}')
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.read1())
        with self.assertRaises(TimeoutError):
            answer.read()
        connection.close()

    def test_cut(self):
        self.sim.control("mode", mode="cut")
        with self.assertRaises(http.client.IncompleteRead):
            self.post_board_alone()

    def test_reset(self):
        self.sim.control("mode", mode="reset")
        with socket.create_connection(("127.0.0.1", self.sim.port), timeout=5) as connection:
            connection.sendall(b"POST %s HTTP/1.1\r\nContent-Length: 19\r\n\r\n{\"symbols\":[\"VCB\"]}" % BOARD.encode())
            received = b""
            with self.assertRaises(ConnectionResetError):
                while data := connection.recv(65536):
                    received += data
        self.assertIn(b"200 OK", received)
        self.assertIn(b"listingInfo", received)
        self.assertFalse(received.endswith(b"0\r\n\r\n"))

    def test_drip(self):
        self.sim.control("freeze", frozen=True)
        whole = self.post_board().body
        self.sim.control("mode", mode="drip", bytes=200, interval=0.05)
        start = time.monotonic()
        answer = self.post_board()
        self.assertEqual(answer.body, whole)
        self.assertGreater(time.monotonic() - start, 0.05 * (len(answer.raw) // 200))

    def test_slow(self):
        self.sim.control("mode", mode="slow", delay=0.2)
        start = time.monotonic()
        self.assertEqual(len(self.post_board().json()), 3)
        self.assertGreater(time.monotonic() - start, 0.2)
        self.sim.control("mode", mode="503", delay=0.2)
        start = time.monotonic()
        self.assertEqual(self.post_board().status, 503)
        self.assertGreater(time.monotonic() - start, 0.2)

    def test_in_flight_high_water(self):
        self.sim.control("mode", mode="hang")
        connections = [self.sim.connect() for _ in range(5)]
        for connection in connections:
            connection.request("POST", BOARD, b'{"symbols":["VCB"]}')
        self.sim.wait_for(lambda state: state["in_flight"] == 5)
        for connection in connections:
            connection.close()
        state = self.sim.wait_for(lambda state: state["in_flight"] == 0)
        self.assertEqual((state["in_flight_high"], state["connections"]["accepted"]), (5, 5))

    def test_huge(self):
        for size in (2, 3, 4, 5, 1024 * 1024, 3_000_000):
            self.sim.control("mode", mode="huge", size=size)
            answer = self.post_board()
            self.assertIsNone(answer.headers["Content-Encoding"])
            self.assertEqual(len(answer.raw), size)
            self.assertIsInstance(json.loads(answer.raw), list)

    def test_huge_is_never_whole_in_memory(self):
        self.sim.control("mode", mode="huge", size=10 ** 10)
        connection = self.sim.connect()
        connection.request("POST", BOARD, b'{"symbols":["VCB"]}')
        self.assertEqual(len(connection.getresponse().read(5_000_000)), 5_000_000)
        status = pathlib.Path(f"/proc/{self.sim.process.pid}/status").read_text()
        peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        self.assertLess(peak, 200_000)
        connection.close()

    def test_bomb(self):
        for size in (2, 1024 * 1024 + 2, 20_000_000):
            self.sim.control("mode", mode="bomb", size=size)
            answer = self.post_board()
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
            self.assertEqual(len(gzip.decompress(answer.raw)), size)
            self.assertEqual(answer.json(), [])
        self.assertLess(len(answer.raw), 100_000)


class Rules(Case):
    def test_count_path_and_after(self):
        self.sim.control("mode", mode="503", path="getList", count=2, after=1)
        self.assertEqual(self.sim.get("/api/price/symbols/getAll").status, 200)
        self.assertEqual([self.post_board().status for _ in range(5)], [200, 503, 503, 200, 200])
        state = self.sim.state()
        self.assertEqual((state["mode"], state["rules"]), ("ok", []))
        self.assertEqual(state["faults"], {"503": 2})
        self.assertEqual(state["statuses"], {"200": 4, "503": 2})

    def test_until_changed(self):
        self.sim.control("mode", mode="500")
        self.assertEqual([self.post_board().status for _ in range(3)], [500] * 3)
        self.assertEqual(self.sim.state()["mode"], "500")
        self.assertEqual(self.sim.state()["rules"][0]["served"], 3)
        self.sim.control("mode", mode="ok")
        self.assertEqual(self.post_board().status, 200)

    def test_rules_side_by_side(self):
        self.sim.control("mode", mode="503", path="getAll")
        self.sim.control("mode", mode="429", path="getList", add=True)
        self.assertEqual(self.sim.get("/api/price/symbols/getAll").status, 503)
        self.assertEqual(self.post_board().status, 429)
        self.assertEqual(self.sim.kbs_board("VCB")[0]["SB"], "VCB")
        self.sim.control("mode", mode="500")
        self.assertEqual(len(self.sim.state()["rules"]), 1)

    def test_control_is_never_spoilt(self):
        self.sim.control("mode", mode="503")
        self.assertEqual(self.sim.get("/_sim/state").status, 200)


class Pins(Case):
    def test_values_and_their_copies(self):
        self.sim.control("quote", symbol="VCB", matchPrice=60000, accumulatedVolume=1877000, ceiling=65000,
                         refPrice=60800, bidPrices=[{"price": 59900, "volume": 100}], time=None)
        rows = [self.sim.quote("VCB") for _ in range(3)]
        self.assertEqual(rows[0], rows[2], "a pinned symbol must stand still")
        match = rows[0]["matchPrice"]
        self.assertEqual((match["matchPrice"], match["accumulatedVolume"], match["accumulatedVolumeG1"],
                          match["ceilingPrice"], rows[0]["listingInfo"]["ceiling"]),
                         (60000, 1877000, 1877000, 65000, 65000))
        self.assertEqual((match["time"], rows[0]["bidAsk"]["time"]), (None, None))
        self.assertEqual(rows[0]["bidAsk"]["bidPrices"], [{"price": 59900, "volume": 100}])
        kbs, = self.sim.kbs_board("VCB")
        self.assertEqual((kbs["CP"], kbs["TT"], kbs["CL"], kbs["RE"], kbs["CH"], kbs["B1"], kbs["V1"], kbs["B2"]),
                         (60000, 1877000, 65000, 60800, -800, "59900.0", 100, 0))
        self.assertEqual(self.sim.state()["pinned"], ["VCB"])

    def test_single_fields_new_fields_and_omissions(self):
        self.sim.control("quote", symbol="VCB", omit=["openPrice"], **{
            "matchPrice.time": "not a time", "matchPrice.added": 1, "kbs.CP": "7"})
        row = self.sim.quote("VCB")
        self.assertEqual((row["matchPrice"]["time"], row["matchPrice"]["added"]), ("not a time", 1))
        self.assertNotEqual(row["bidAsk"]["time"], "not a time")
        self.assertNotIn("openPrice", row["matchPrice"])
        kbs, = self.sim.kbs_board("VCB")
        self.assertEqual(kbs["CP"], "7")
        self.assertNotIn("OP", kbs)

    def test_what_a_number_drags_along(self):
        before = self.sim.quote("VCB")["matchPrice"]
        self.sim.control("quote", symbol="VCB", matchPrice=before["highest"] + 500, accumulatedVolume=1_000_000)
        match = self.sim.quote("VCB")["matchPrice"]
        self.assertEqual((match["highest"], match["lowest"]), (before["highest"] + 500, before["lowest"]))
        kbs, = self.sim.kbs_board("VCB")
        for price in (match["accumulatedValue"] * 1_000_000 / 1_000_000, kbs["TV"] / kbs["TT"]):
            self.assertTrue(before["lowest"] <= price <= before["highest"], price)
        self.assertEqual((kbs["HI"], kbs["TT"]), (before["highest"] + 500, 1_000_000))

        # What the test names itself, or by its group, is as it says.
        self.sim.control("quote", symbol="VCB", matchPrice=before["highest"] + 500, highest=before["highest"],
                         accumulatedVolume=100, matchVol=200)
        match = self.sim.quote("VCB")["matchPrice"]
        self.assertEqual((match["highest"], match["accumulatedVolume"], match["matchVol"]), (before["highest"], 100, 200))
        self.sim.control("quote", symbol="VCB", **{"matchPrice.matchPrice": before["highest"] + 500})
        self.assertEqual(self.sim.quote("VCB")["matchPrice"]["highest"], before["highest"])
        self.sim.control("quote", symbol="VCB", **{"kbs.TT": 1000, "kbs.TV": 5, "kbs.CH": 1, "kbs.CHP": 2})
        kbs, = self.sim.kbs_board("VCB")
        self.assertEqual((kbs["TT"], kbs["TV"], kbs["CH"], kbs["CHP"]), (1000, 5, 1, 2))

    def test_raw_text(self):
        self.sim.control("quote", symbol="VCB", raw={"matchPrice": '1e400,"matchPrice":2'})
        self.assertIn(b'"matchPrice":1e400,"matchPrice":2,', self.sim.post(BOARD, {"symbols": ["VCB"]}).body)

    def test_let_go(self):
        self.sim.control("quote", symbol="VCB", matchPrice=1)
        self.sim.control("quote", symbol="FPT", matchPrice=2)
        self.sim.control("quote", symbol="VCB", clear=True)
        self.assertGreater(self.sim.quote("VCB")["matchPrice"]["matchPrice"], 1)
        self.assertEqual(self.sim.quote("FPT")["matchPrice"]["matchPrice"], 2)
        self.sim.control("quote", clear=True)
        self.assertEqual(self.sim.state()["pinned"], [])

    def test_freeze_and_step(self):
        symbols = self.sim.listed()
        self.sim.board(*symbols)
        self.sim.control("freeze", frozen=True)
        frozen = self.post_board(*symbols).body
        self.assertEqual(self.post_board(*symbols).body, frozen)
        self.sim.control("freeze", frozen=False)
        self.assertNotEqual(self.post_board(*symbols).body, frozen)
        self.sim.control("freeze", frozen=True)
        frozen = self.post_board(*symbols).body
        self.sim.control("step", steps=5)
        self.assertNotEqual(self.post_board(*symbols).body, frozen)


class BadControl(Case):
    def assert_refused(self, name, body, reason):
        answer = self.sim.post(f"/_sim/{name}", body)
        self.assertEqual(answer.status, 400, body)
        self.assertRegex(answer.json()["error"], reason)

    def test_mode(self):
        for body, reason in ((b"{", "not JSON"), (b"[]", "must be a JSON object"), (b'{"mode":NaN}', "not JSON"),
                             ({}, "unknown mode None"), ({"mode": "explode"}, "unknown mode 'explode'; known are ok"),
                             ({"mode": ["ok"]}, "unknown mode"),
                             ({"mode": "503", "cuont": 1}, "unknown parameter 'cuont' of mode 503"),
                             ({"mode": "503", "count": 0}, "count must be at least 1"),
                             ({"mode": "503", "count": True}, "count must be of type int"),
                             ({"mode": "503", "path": 1}, "path must be of type str"),
                             ({"mode": "partial", "fraction": 2}, "fraction must be between 0 and 1"),
                             ({"mode": "partial", "symbols": [1]}, "array of strings"),
                             ({"mode": "redirect", "status": 200}, "status must be one of 301"),
                             ({"mode": "503", "source": "tcbs"}, "source must be one of vci, kbs")):
            self.assert_refused("mode", body, reason)
        self.assertEqual(self.sim.state()["rules"], [])

    def test_others(self):
        for name, body, reason in (
                ("freeze", {}, "frozen must be true or false"), ("freeze", {"frozen": 1}, "true or false"),
                ("freeze", {"frozen": True, "x": 1}, "unknown parameter 'x'"),
                ("replay", {"replay": "yes"}, "true or false"),
                ("quote", {}, "symbol must be a string"), ("quote", {"symbol": "VCB"}, "nothing to set"),
                ("quote", {"symbol": "NOSUCH", "matchPrice": 1}, "does not know the symbol 'NOSUCH'"),
                ("quote", {"symbol": "VCB", "matchPrize": 1}, "unknown field 'matchPrize'"),
                ("quote", {"symbol": "VCB", "match.price": 1}, "unknown group 'match'"),
                ("quote", {"symbol": "VCB", "raw": {"matchPrice": 1}}, "must be a string"),
                ("quote", {"symbol": "VCB", "omit": "matchPrice"}, "omit must be an array"),
                ("clock", {}, "now is missing"), ("clock", {"now": "noon"}, "ISO 8601"),
                ("clock", {"now": 5}, "ISO 8601"),
                ("step", {"steps": 0}, "whole number"), ("reset", {"market": 1}, "true or false")):
            self.assert_refused(name, body, reason)
        state = self.sim.state()
        self.assertEqual((state["frozen"], state["pinned"], state["clock"]), (False, [], None))

    def test_unknown_control(self):
        self.assertEqual(self.sim.get("/_sim/nothing").status, 404)
        answer = self.sim.get("/_sim/mode")
        self.assertEqual(answer.status, 404)
        self.assertIn("POST mode", answer.json()["error"])


class Process(unittest.TestCase):
    def run_program(self, *options):
        return subprocess.run([sys.executable, str(PROGRAM), *options], capture_output=True, text=True, timeout=10)

    def test_first_line(self):
        with Simulator("--symbols", "1") as sim:
            self.assertEqual(sim.first_line, f"vnstock-sim listening on http://127.0.0.1:{sim.port}/\n")

    def test_program_can_be_executed(self):
        self.assertTrue(os.access(PROGRAM, os.X_OK))

    def test_ready_file_and_log(self):
        with tempfile.TemporaryDirectory() as directory:
            ready, log = pathlib.Path(directory, "ready"), pathlib.Path(directory, "log")
            with Simulator("--symbols", "5", "--ready-file", str(ready), "--log", str(log)) as sim:
                sim.board("VCB")
                self.assertEqual(ready.read_text(), f"{sim.port}\n")
            columns = log.read_text().rstrip("\n").split("\t")
            self.assertEqual((columns[1], columns[3:8]), ("1", ["POST", BOARD, "1", "ok", "200"]))

    def test_ends_while_requests_hang(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Simulator("--symbols", "5") as sim:
                sim.control("mode", mode="hang", count=2)
                sim.control("mode", mode="drip", add=True)
                connections = [sim.connect() for _ in range(3)]
                for connection in connections:
                    connection.request("POST", BOARD, b'{"symbols":["VCB"]}')
                sim.wait_for(lambda state: state["in_flight"] == 3)
                start = time.monotonic()
                # Twice: an impatient operator, or a shell that signals the whole group besides.
                sim.process.send_signal(number)
                sim.process.send_signal(number)
                status, errors = sim.stop()
                self.assertEqual((status, errors), (0, ""))
                self.assertLess(time.monotonic() - start, 2)
                for connection in connections:
                    connection.close()

    def test_clients_that_leave_make_no_noise(self):
        with Simulator("--symbols", "5") as sim:
            sim.control("mode", mode="huge", size=10 ** 8)
            for _ in range(3):
                connection = sim.connect()
                connection.request("POST", BOARD, b'{"symbols":["VCB"]}')
                connection.close()
            sim.wait_for(lambda state: state["in_flight"] == 0 and state["requests_total"] == 3)
            self.assertEqual(sim.stop(), (0, ""))

    def test_port_in_use(self):
        with Simulator("--symbols", "1") as sim:
            result = self.run_program("--port", str(sim.port))
            self.assertEqual(result.returncode, 1)
            self.assertIn(f"cannot serve 127.0.0.1:{sim.port}", result.stderr)

    def test_bad_options(self):
        for options in ((), ("--port", "70000"), ("--port", "0", "--symbols", "0"), ("--port", "x"),
                        ("--port", "0", "--activity", "2"), ("--port", "0", "--clock", "noon")):
            self.assertEqual(self.run_program(*options).returncode, 2, options)

    def test_help_names_every_mode_and_control(self):
        text = self.run_program("--help").stdout
        for name in (*faults.MODES, "/_sim/state", "/_sim/requests", "/_sim/mode", "/_sim/quote", "/_sim/freeze",
                     "/_sim/replay", "/_sim/clock", "/_sim/step", "/_sim/reset", "--ready-file", "--seed"):
            self.assertIn(name, text)
        with Simulator("--symbols", "1") as sim:
            told = sim.get("/_sim/help").body.decode()
        self.assertTrue(told.endswith(help_text.CONTROL) and help_text.CONTROL in text)

    def test_many_connections(self):
        with Simulator("--symbols", "5") as sim:
            barrier = threading.Barrier(50)

            def ask(_):
                barrier.wait()
                return len(sim.request_alone("POST", BOARD, {"symbols": ["VCB", "FPT"]}).json())

            with concurrent.futures.ThreadPoolExecutor(50) as pool:
                self.assertEqual(list(pool.map(ask, range(50))), [2] * 50)


if __name__ == "__main__":
    unittest.main()
