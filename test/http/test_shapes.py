"""POST /api/v1/ingest and /api/v2/write with the shapes that users arrive with.

The fixtures are written from the public specifications: "Telemetry upload API" of ThingsBoard, "Line protocol"
and "POST /api/v2/write" of InfluxDB.
"""
import gzip
import json
import os
import pathlib
import re
import subprocess
import threading
import time
import unittest

import stack
from stack import JSON, NDJSON
from test_device import headers, issue

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
INGEST = "/api/v1/ingest"
WRITE = "/api/v2/write?org=rig&bucket=rig"
ROOT = pathlib.Path(__file__).parent.parent.parent
CLIENTS = ROOT / "test" / "clients"


def seconds(ago=0):
    return int(time.time()) - ago


class ShapesTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.machine = stack.unique()

    def post(self, path, body, header, status=200):
        answer = self.server.request("POST", path, body if isinstance(body, (bytes, str)) else json.dumps(body), header)
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def counts(self, answer):
        return tuple(answer.json()[name] for name in ("accepted", "merged", "duplicates", "rejected"))

    def stored(self, sensor="rpm"):
        return sorted(stack.values_of(self.machine, sensor))

    # --- line protocol ---

    def test_lines(self):
        now = seconds()
        body = (f"# a comment\nrig,machine={self.machine},crew=night rpm=120,spp=2900i,state=\"drilling\" {now}000000000\n\n"
                f"rig,machine={self.machine} wob=25u,pump_on=true {now}000000000\r\n{self.machine} rpm=121 {now - 1}")
        self.assertEqual(self.counts(self.post(INGEST, body, TEXT)), (2, 1, 0, 0))
        self.assertEqual((self.stored(), self.stored("spp"), self.stored("wob")), ([120, 121], [2900], [25]))
        for header in ({"Content-Type": "application/vnd.influx.line-protocol"}, {"Content-Type": "text/plain"}):
            self.assertEqual(self.counts(self.post(INGEST, body, header)), (0, 0, 3, 0))

    def test_precision(self):
        now = seconds()
        factors = {"s": 1, "second": 1, "ms": 1000, "millisecond": 1000, "us": 10**6, "microsecond": 10**6, "ns": 10**9,
                   "nanosecond": 10**9}
        for ago, (name, factor) in enumerate(factors.items()):
            answer = self.post(f"{INGEST}?precision={name}", f"{self.machine} rpm={ago} {(now - ago) * factor}", TEXT)
            self.assertEqual(self.counts(answer), (1, 0, 0, 0), name)
        self.assertEqual(self.counts(self.post(INGEST + "?precision=auto", f"{self.machine} rpm=8 {(now - 8) * 1000}", TEXT)), (1, 0, 0, 0))
        self.assertEqual(self.stored(), list(range(9)))
        for name in ("m", "minute", "NS", "", "n"):
            problem = self.post(f"{INGEST}?precision={name}", f"{self.machine} rpm=1", TEXT, 400).json()
            self.assertEqual(problem["type"], "urn:rigalpha:problem:bad-parameter")

    def test_bad_lines_are_named(self):
        now = seconds()
        body = f"{self.machine} rpm=1 {now}\n#\n{self.machine} rpm=fast {now - 1}\n{self.machine} rpm=3 {now - 2}\n{self.machine} rpm=4 never"
        answer = self.post(INGEST, body, TEXT)
        self.assertEqual(self.counts(answer), (2, 0, 0, 2))
        errors = answer.json()["errors"]
        self.assertEqual([(e["index"], e["field"], e["reason"], e["detail"]) for e in errors],
                         [(1, "rpm", "bad_line", "line 3"), (3, "never", "bad_time", "line 5")])
        row = stack.sql(f"SELECT format, reason FROM rigalpha.dead_letters WHERE id = {errors[0]['dead_letter_id']}")
        self.assertEqual(row, [["influx", "bad_line"]])
        problem = self.post(INGEST, f"{self.machine}", TEXT, 422).json()
        self.assertEqual(problem["type"], "urn:rigalpha:problem:nothing-usable")

    # --- JSON by its shape ---

    def test_thingsboard(self):
        now = seconds() * 1000
        token = issue(self.machine)
        fixtures = [
            ({"temperature": 42}, 1),
            ({"ts": now - 1000, "values": {"rpm": 1, "label": "text", "flag": True}}, 1),
            ([{"ts": now - 2000, "values": {"rpm": 2}}, {"ts": now - 3000, "values": {"rpm": 3, "state": "drilling"}}], 2),
        ]
        for body, accepted in fixtures:
            self.assertEqual(self.counts(self.post(INGEST, body, headers(token))), (accepted, 0, 0, 0), body)
        self.assertEqual((self.stored(), self.stored("temperature"), self.stored("ts")), ([1, 2, 3], [42], []))
        rows = stack.sql("SELECT extract(epoch FROM v.ts)::bigint FROM rigalpha.reading_values v"
                         f" WHERE v.machine = '{self.machine}' AND v.sensor = 'rpm' ORDER BY 1")
        self.assertEqual([int(row[0]) for row in rows], [now // 1000 - ago for ago in (3, 2, 1)])
        problem = self.post(INGEST, {"ts": now, "values": {"rpm": 4}}, JSON, 422).json()
        self.assertEqual(problem["errors"][0]["reason"], "missing_machine")

    def test_shapes_by_line(self):
        """NDJSON: each line has its own shape."""
        now = seconds() * 1000
        token = issue(self.machine)
        lines = [{"ts": now - 1000, "values": {"rpm": 1}}, stack.reading(self.machine, 2, rpm=2), {"rpm": 3}, [{"ts": now - 4000, "values": {"rpm": 4}}]]
        body = "\n".join(json.dumps(line) for line in lines)
        self.assertEqual(self.counts(self.post(INGEST, body, headers(token, base=NDJSON))), (4, 0, 0, 0))
        self.assertEqual(self.stored(), [1, 2, 3, 4])

    def test_machine_of_the_token(self):
        token = issue(self.machine)
        other = stack.unique()
        self.assertEqual(self.counts(self.post(INGEST, {"timestamp": seconds(), "sensors": {"rpm": 1}}, headers(token))), (1, 0, 0, 0))
        self.assertEqual(self.counts(self.post(INGEST, f"weather rpm=2 {seconds(1)}", headers(token, base=TEXT))), (1, 0, 0, 0))
        problem = self.post(INGEST, f"m,machine={other} rpm=3 {seconds(2)}", headers(token, base=TEXT), 422).json()
        self.assertEqual(problem["errors"][0]["reason"], "foreign_machine")
        problem = self.post(INGEST, {"rpm": 4}, JSON, 422).json()
        self.assertEqual(problem["errors"][0]["reason"], "missing_machine")
        self.assertEqual(self.stored(), [1, 2])

    # --- clients of InfluxDB ---

    def test_write(self):
        token = issue(self.machine)
        now = seconds()
        header = dict(TEXT, Authorization="Token " + token)
        answer = self.post(WRITE + "&precision=s", f"rig rpm=1 {now}\nrig spp=2 {now}", header, 204)
        self.assertEqual(answer.body, b"")
        self.post(WRITE, f"rig rpm=3 {now - 1}000000000", dict(header, **{"Content-Type": "application/octet-stream"}), 204)
        self.assertEqual((self.stored(), self.stored("spp")), ([1, 3], [2]))
        answer = self.post(WRITE + "&precision=s", f"rig rpm=4 {now - 2}\nrig rpm=five {now - 3}", header)
        self.assertEqual(self.counts(answer), (1, 0, 0, 1))
        self.post(WRITE, "rig", header, 422)
        self.post(WRITE, "", header, 400)
        self.post(WRITE + "&precision=h", "rig rpm=1", header, 400)
        self.post(WRITE, "rig rpm=1", dict(TEXT, Authorization="Token rig_x"), 401)
        self.post(WRITE, json.dumps(stack.reading(self.machine)), header, 415)
        self.assertEqual(self.server.request("GET", "/api/v2/write").status, 405)
        self.post(f"/api/v1/{token}/telemetry", {"rpm": 1}, JSON, 404)
        self.assertIn('"path":"/api/v1/rig_.../telemetry"', self.server.log_path.read_text())

    def test_gzip(self):
        token = issue(self.machine)
        lines = gzip.compress("".join(f"rig rpm={n} {seconds(n)}\n" for n in range(300)).encode())
        header = dict(headers(token, base=TEXT), **{"Content-Encoding": "gzip"})
        self.post(WRITE, lines, header, 204)
        self.assertEqual(self.stored(), list(range(300)))
        body = gzip.compress(json.dumps(stack.reading(self.machine, 1000, rpm=1000)).encode())
        self.assertEqual(self.counts(self.post(INGEST, body, dict(header, **JSON))), (1, 0, 0, 0))
        two = gzip.compress(f"rig rpm=1001 {seconds(1001)}\n".encode()) + gzip.compress(f"rig rpm=1002 {seconds(1002)}".encode())
        self.post(WRITE, two, header, 204)
        self.assertEqual(self.stored()[300:], [1000, 1001, 1002])
        for bad in (b"rig rpm=1", lines[:-1], lines[:20], lines + b"x", b"\x1f\x8b"):
            self.assertEqual(self.post(WRITE, bad, header, 400).json()["type"], "urn:rigalpha:problem:malformed-request")
        self.post(WRITE, gzip.compress(b" " * (1 << 24)), header, 413)
        self.assertEqual(len(self.stored()), 303)

    def write_points(self, token, precision, count, newest):
        """Failures of the client of InfluxDB, after it wrote points."""
        if not (CLIENTS / "node_modules").exists() and os.environ.get("CI") != "true":
            self.skipTest("make -C test/clients")
        url = f"http://127.0.0.1:{self.server.port}"
        command = ["node", str(CLIENTS / "write_points.mjs"), url, token, precision, str(count), str(newest)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=True)
        return json.loads(result.stdout)["failures"]

    def test_independent_client(self):
        """What @influxdata/influxdb-client writes is stored, in every precision; its batches are compressed."""
        token = issue(self.machine)
        now = seconds()
        for number, precision in enumerate(("ns", "us", "ms", "s")):
            self.assertEqual(self.write_points(token, precision, 120, now - 200 * number), [], precision)
        for sensor, values in (("rpm", [i + 0.25 for i in range(120)]), ("spp", range(2900, 3020)), ("strokes", range(120)),
                               ("mud temp, out=1", [-1e-7] * 120)):
            self.assertEqual(self.stored(sensor), sorted(list(values) * 4), sensor)
        rows = stack.sql("SELECT DISTINCT rigalpha.state_name(r.state) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id"
                         f" WHERE m.name = '{self.machine}'")
        self.assertEqual(rows, [["drilling"]])
        times = stack.sql("SELECT min(extract(epoch FROM ts))::bigint, max(extract(epoch FROM ts))::bigint FROM rigalpha.reading_values"
                          f" WHERE machine = '{self.machine}'")
        self.assertEqual(times, [[str(now - 719), str(now)]])
        self.assertEqual({failure["status"] for failure in self.write_points("rig_x", "s", 1, now)}, {401})
        # Another value at a time that is stored: the client is told.
        self.assertEqual(self.write_points(token, "s", 1, now - 3)[0]["status"], 422)

    def test_key_and_format(self):
        token = issue(self.machine)
        header = headers(token, "once", TEXT)
        body = f"rig rpm=1 {seconds()}"
        first = self.post(INGEST + "?precision=s", body, header)
        self.assertEqual(self.post(INGEST + "?precision=s", body, header).body, first.body)
        self.post(INGEST + "?precision=ms", body, header, 422)

    # --- all or nothing ---

    def test_atomic(self):
        good, bad = stack.reading(self.machine, 2, rpm=2), stack.reading("", 1)
        problem = self.post(INGEST + "?atomic=true", [good, bad], JSON, 422).json()
        self.assertEqual([problem[name] for name in ("accepted", "rejected")], [0, 2])
        self.assertEqual([(e["index"], e["reason"], e["dead_letter_id"]) for e in problem["errors"]], [(1, "bad_machine_name", None)])
        lines = json.dumps(good) + "\n" + json.dumps(bad)
        self.post(INGEST + "?atomic=true", lines, NDJSON, 422)
        self.post(INGEST + "?atomic=true", f"{self.machine} rpm=1 {seconds()}\nbad", TEXT, 422)
        self.post(WRITE + "&atomic=true", f"{self.machine} rpm=1 {seconds()}\nbad", TEXT, 422)
        self.assertEqual(self.stored(), [])
        self.assertEqual(self.counts(self.post(INGEST + "?atomic=true", [good, stack.reading(self.machine, 3, rpm=3)], JSON)), (2, 0, 0, 0))
        self.assertEqual(self.counts(self.post(INGEST + "?atomic=false", [dict(good, sensors={"spp": 1}), bad], JSON)), (0, 1, 0, 1))
        for value in ("1", "yes", ""):
            self.post(INGEST + "?atomic=" + value, good, JSON, 400)

    def test_atomic_costs_no_other(self):
        """Requests that wait together: those that are not atomic are stored, whatever becomes of the atomic ones."""
        answers = {}

        def post(number):
            body = [stack.reading(self.machine, 100 + number, rpm=number)]
            if number % 4 == 0:
                body.append(stack.reading("", 1))
            answers[number] = self.server.request("POST", INGEST + ("?atomic=true" if number % 2 == 0 else ""), json.dumps(body), JSON).status

        self.post(INGEST, stack.reading(self.machine, 99, rpm=99), JSON)
        with stack.locked_table("rigalpha.machine_state"):
            threads = [threading.Thread(target=post, args=(number,)) for number in range(40)]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(answers, {number: 422 if number % 4 == 0 else 200 for number in range(40)})
        self.assertEqual(self.stored(), sorted([99] + [number for number in range(40) if number % 4 != 0]))

    def test_other_sites(self):
        """A page of another site can send text/plain without asking: not to us."""
        for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            for path in (INGEST, WRITE):
                self.post(path, f"{self.machine} rpm=1", dict(TEXT, **header), 403)
        self.assertEqual(self.stored(), [])


class DocumentTest(unittest.TestCase):
    """docs/ingest.md: its examples give what it says, and it knows every reason."""

    def test_examples(self):
        server = stack.shared()
        machine = stack.unique()
        text = (ROOT / "docs" / "ingest.md").read_text()
        examples = re.findall(r"((?:^    [^#\n].*\n)+)^    # (.*)$", text, re.MULTILINE)
        self.assertEqual(len(examples), 4)
        environment = dict(os.environ, RIGALPHA_URL=f"http://127.0.0.1:{server.port}", TOKEN=issue(machine))
        for command, expected in examples:
            result = subprocess.run(["bash", "-euc", command], env=environment, capture_output=True, text=True, timeout=30, check=True)
            self.assertEqual(result.stdout.strip(), expected, command + result.stderr)
        self.assertEqual(sorted(stack.values_of(machine, "rpm")), [120.5, 121, 122, 123])

    def test_reasons(self):
        codes = re.findall(r'= "(\w+)"', (ROOT / "src" / "core" / "reading_reason.c").read_text())
        text = (ROOT / "docs" / "ingest.md").read_text()
        self.assertGreater(len(codes), 30)
        self.assertEqual([code for code in codes if code != "none" and f"`{code}`" not in text], [])
