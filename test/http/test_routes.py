"""Each route answers with the shape that clients rely on."""
import unittest
import urllib.parse

import stack


class RoutesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machine = stack.unique("rig é/")
        cls.path = "/api/v1/machines/" + urllib.parse.quote(cls.machine, safe="")
        answer = cls.server.ingest([stack.reading(cls.machine, 60 - i, rpm=100 + i, spp=2900 + i) for i in range(20)])
        assert answer.status == 200 and answer.json()["accepted"] == 20, answer.body

    def get(self, path, status=200):
        answer = self.server.get(path)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"],
                         "application/json" if status == 200 else "application/problem+json")
        return answer.json()

    def test_healthz(self):
        self.assertEqual(self.get("/healthz"), {"alive": True})

    def test_readyz(self):
        self.assertEqual(self.get("/readyz"), {"ready": True})

    def test_status(self):
        status = self.get("/api/v1/status")
        self.assertTrue(status["ready"])
        self.assertGreaterEqual(status["readings"], 20)
        self.assertEqual(set(status) & {"version", "machines", "sensors", "dead_letters", "newest_ts", "kafka_lag"},
                         {"version", "machines", "sensors", "dead_letters", "newest_ts", "kafka_lag"})

    def test_machines(self):
        machines = self.get("/api/v1/machines")["machines"]
        names = [machine["name"] for machine in machines]
        self.assertIn(self.machine, names)
        self.assertEqual(len(names), len(set(names)))

    def test_machine(self):
        machine = self.get(self.path)
        self.assertEqual(machine["name"], self.machine)
        self.assertEqual(machine["state"], "running")
        self.assertEqual(machine["readings"], 20)
        self.assertEqual(machine["sensors"], 2)
        self.assertIsNone(machine["risk"], "no model scores it")

    def test_unknown_machine(self):
        for suffix in ("", "/sensors", "/state", "/readings", "/incidents"):
            problem = self.get("/api/v1/machines/no-such-machine" + suffix, 404)
            self.assertEqual(problem["status"], 404)

    def test_machine_sensors(self):
        sensors = {sensor["name"]: sensor for sensor in self.get(self.path + "/sensors")["sensors"]}
        self.assertEqual(set(sensors), {"rpm", "spp"})
        self.assertEqual(sensors["rpm"]["value"], 119)
        self.assertEqual(sensors["rpm"]["unit"], "rpm")

    def test_machine_state(self):
        state = self.get(self.path + "/state")
        self.assertEqual(set(state), {"machine", "state", "ts", "received_at", "latency_ms", "readings", "values",
                                      "risk", "incidents", "alarms", "worst_alarm"})
        self.assertEqual(state["values"], {"rpm": 119, "spp": 2919})
        self.assertRegex(state["ts"], r"^\d{4}-\d\d-\d\dT.*\+00:00$")

    def test_readings(self):
        data = self.get(self.path + "/readings")
        self.assertEqual(data["machine"], self.machine)
        self.assertEqual(data["values"], {"rpm": [100 + i for i in range(20)], "spp": [2900 + i for i in range(20)]})
        self.assertEqual(data["ts"], sorted(data["ts"]))
        self.assertEqual(len(data["state"]), 20)

    def test_readings_limit_and_sensors(self):
        data = self.get(self.path + "/readings?limit=3&sensors=spp,none")
        self.assertEqual(data["values"], {"spp": [2917, 2918, 2919]})

    def test_readings_range(self):
        times = self.get(self.path + "/readings")["ts"]
        unix = self.get(f"{self.path}/readings?from={times[5]:.0f}&to={times[10]:.0f}")
        self.assertEqual(unix["ts"], times[5:10])
        text = self.get(self.path + "/readings?from=2001-01-01T00:00:00+02:00&to=2001-01-02T00%3A00%3A00Z")
        self.assertEqual(text["ts"], [])

    def test_bad_parameters(self):
        for query in ("from=yesterday", "from=2026-01-01T00:00:00", "to=2026-13-01T00:00:00Z", "limit=0", "limit=x",
                      "limit=1e3", "limit=-1", "limit=100001", "sensors=%00", "sensors=%zz", "from=%ff"):
            problem = self.get(f"{self.path}/readings?{query}", 400)
            self.assertEqual(problem["status"], 400, query)

    def test_list_with_quotes(self):
        data = self.get(self.path + '/readings?sensors=%22%7D,%5C,spp,NULL&limit=1')
        self.assertEqual(data["values"], {"spp": [2919]})

    def test_sensors(self):
        names = [sensor["name"] for sensor in self.get("/api/v1/sensors")["sensors"]]
        self.assertGreaterEqual(len(names), 60)
        self.assertEqual(names, sorted(names))

    def test_dead_letters(self):
        self.server.ingest("{")
        self.server.ingest("[")
        letters = self.get("/api/v1/dead-letters?limit=2")["dead_letters"]
        self.assertEqual(len(letters), 2)
        self.assertGreater(letters[0]["id"], letters[1]["id"])
        self.assertEqual(letters[0]["source"], "http")
        self.get("/api/v1/dead-letters?limit=5000", 400)

    def test_sources(self):
        self.assertEqual(self.get("/api/v1/sources"), {"sources": []})

    def test_head(self):
        for path in ("/healthz", "/api/v1/machines", "/api/v1/stream", "/", "/api/v1/nothing"):
            head = self.server.request("HEAD", path, session=self.server.session)
            self.assertEqual(head.body, b"")
            self.assertEqual(head.status, 404 if path.endswith("nothing") else 200, path)
