"""Readings as CSV."""
import csv
import io
import unittest
import urllib.parse

import people
import stack


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machine = stack.unique("export é/")
        answer = cls.server.ingest([stack.reading(cls.machine, 3000 - i, **{"rpm": i, "spp": 0.1, '=1,"x': 2}) for i in range(2500)])
        assert answer.status == 200 and answer.json()["accepted"] == 2500, answer.body
        cls.admin = people.person(cls.server, "admin")
        cls.viewer = people.person(cls.server, "viewer", machines=[cls.machine])

    def export(self, person=None, **parameters):
        return (person or self.viewer).get("/api/v1/export.csv?" + urllib.parse.urlencode({"machine": self.machine, **parameters}))

    def rows(self, **parameters):
        answer = self.export(**parameters)
        self.assertEqual(answer.status, 200, answer.body)
        return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))

    def test_all(self):
        answer = self.export()
        self.assertEqual(answer.headers["Content-Type"], "text/csv; charset=utf-8; header=present")
        self.assertRegex(answer.headers["Content-Disposition"], r'^attachment; filename="readings-[A-Za-z0-9_-]+\.csv"$')
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        self.assertTrue(answer.body.endswith(b"\r\n"))
        rows = self.rows()
        self.assertEqual(rows[0], ["time", "state", "risk", "rpm", "spp", '\'=1,"x'])
        self.assertEqual(len(rows), 2501, "more than a page")
        self.assertEqual([row[3] for row in rows[1:]], [str(i) for i in range(2500)])
        self.assertEqual({(row[1], row[2], row[4], row[5]) for row in rows[1:]}, {("running", "", "0.1", "2")})
        self.assertEqual([row[0] for row in rows[1:]], sorted(row[0] for row in rows[1:]))
        self.assertRegex(rows[1][0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_range_and_sensors(self):
        times = [row[0] for row in self.rows()[1:]]
        rows = self.rows(**{"from": times[10], "to": times[13], "sensors": "spp,none"})
        self.assertEqual(rows, [["time", "state", "risk", "spp"]] + [[time, "running", "", "0.1"] for time in times[10:13]])
        self.assertEqual(self.rows(**{"from": times[13], "to": times[10]}), [["time", "state", "risk", "rpm", "spp", '\'=1,"x']])

    def test_refused(self):
        for query in ("", "?machine=", "?machine=x&from=yesterday", "?machine=x&to=1e9"):
            self.assertEqual(self.viewer.get("/api/v1/export.csv" + query).status, 400, query)
        self.assertEqual(self.viewer.get("/api/v1/export.csv?machine=no-such").status, 404)
        self.assertEqual(self.admin.request("HEAD", "/api/v1/export.csv?machine=no-such").status, 404)

    def test_foreign_is_unknown(self):
        if stack.sql("SELECT relrowsecurity FROM pg_class WHERE oid = 'rigalpha.machines'::regclass") != [["t"]]:
            self.skipTest("no row-level security yet")
        foreign = self.export(people.person(self.server, "viewer"))
        self.assertEqual((foreign.status, foreign.json()["type"]), (404, "urn:rigalpha:problem:not-found"))

    def test_too_many_rows(self):
        with stack.sidecar(export_rows=2499) as server:
            server.wait_ready()
            self.viewer.server = server
            try:
                answer = self.export()
            finally:
                self.viewer.server = self.server
        self.assertEqual((answer.status, answer.json()["type"]), (422, "urn:rigalpha:problem:too-many-rows"))
        with stack.sidecar(export_rows=2500) as server:
            server.wait_ready()
            self.assertEqual(people.Person(server, self.viewer.name, self.viewer.token).get(
                "/api/v1/export.csv?" + urllib.parse.urlencode({"machine": self.machine})).status, 200)
