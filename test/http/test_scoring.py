"""Risk, incidents, models and training, as the routes and the stream tell them."""
import json
import unittest
import urllib.parse

import stack


def store_incident(machine, kind, minutes_ago, ended=False, **columns):
    """Puts an incident into the table, as ingest() would; returns its id."""
    names = "".join(", " + name for name in columns)
    values = "".join(f", '{value}'" for value in columns.values())
    return int(stack.sql(
        f"INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts, ended{names})"
        f" SELECT id, '{kind}', t, t, {'t' if ended else 'NULL'}{values}"
        f" FROM rigalpha.machines, (SELECT now() - interval '{minutes_ago} min' AS t) m"
        f" WHERE name = '{machine}' RETURNING id")[0][0])


class ScoringTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.machine = stack.unique("sé/")
        self.path = f"/api/v1/machines/{urllib.parse.quote(self.machine, safe='')}"
        self.post(rpm=120)

    def post(self, **sensors):
        answer = self.server.ingest(stack.reading(self.machine, **sensors))
        self.assertEqual(answer.status, 200, answer.body)

    def get(self, path, status=200):
        answer = self.server.get(path)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json()

    def test_incidents_of_a_machine(self):
        old = store_incident(self.machine, "anomaly", 60, True, peak_risk=0.93, top_sensors="{rpm,spp}",
                             explanation=json.dumps([{"sensor": "rpm", "share": 0.7}]))
        new = store_incident(self.machine, "silent", 5, detail="no reading for 60 s")
        incidents = self.get(self.path + "/incidents")["incidents"]
        self.assertEqual([incident["id"] for incident in incidents], [new, old])
        self.assertEqual(set(incidents[0]), {"id", "machine", "kind", "started", "ended", "peak_ts", "peak_risk",
                                             "model_version", "top_sensors", "explanation", "detail"})
        self.assertEqual({incident["machine"] for incident in incidents}, {self.machine})
        self.assertEqual([incidents[0][key] for key in ("kind", "ended", "peak_risk", "top_sensors", "detail")],
                         ["silent", None, None, [], "no reading for 60 s"])
        self.assertEqual([incidents[1][key] for key in ("kind", "peak_risk", "top_sensors")],
                         ["anomaly", 0.93, ["rpm", "spp"]])
        self.assertEqual(incidents[1]["ended"], incidents[1]["started"])
        self.assertEqual(incidents[1]["explanation"], [{"sensor": "rpm", "share": 0.7}])

    def test_incidents_of_all_machines(self):
        """The newest by their start, not by the order in which they were noticed."""
        newest = store_incident(self.machine, "anomaly", -60)
        older = store_incident(self.machine, "stuck", -59)
        ids = [incident["id"] for incident in self.get("/api/v1/incidents?limit=2")["incidents"]]
        self.assertEqual(ids, [newest, older])
        self.assertEqual(len(self.get("/api/v1/incidents?limit=1")["incidents"]), 1)

    def test_incident_limits(self):
        for path in ("/api/v1/incidents", self.path + "/incidents"):
            for limit in ("0", "1001", "-1", "x", "1;DELETE", "1%20OR%201=1"):
                self.assertEqual(self.get(f"{path}?limit={limit}", 400)["status"], 400, limit)
        for number in range(3):
            store_incident(self.machine, "anomaly", number + 1, True)
        self.assertEqual(len(self.get(self.path + "/incidents?limit=2")["incidents"]), 2)

    def test_machine_without_incidents(self):
        self.assertEqual(self.get(self.path + "/incidents"), {"incidents": []})

    def test_quotes_in_a_name_stay_text(self):
        name = urllib.parse.quote("x' OR '1'='1", safe="")
        self.assertEqual(self.get(f"/api/v1/machines/{name}/incidents", 404)["status"], 404)

    def test_training(self):
        rows = {row["machine"]: row for row in self.get("/api/v1/training")["training"]}
        self.assertRegex(rows[self.machine]["state"], r"^warming up: 1 of \d+ readings$")
        self.assertEqual(rows[self.machine]["readings"], 1)
        self.assertIsNone(rows[self.machine]["trained_at"])
        self.assertEqual(list(rows), sorted(rows, key=lambda name: name.encode()))

    def test_models(self):
        for row in self.get("/api/v1/models")["models"]:
            self.assertNotIn("payload", row)
        stack.sql("CREATE TABLE IF NOT EXISTS public.learned AS"
                  " SELECT 120 + 10 * random() AS rpm, 3000 + 100 * random() AS spp FROM generate_series(1, 300)")
        stack.sql("SELECT rigalpha.train('routes', 'public.learned', 'iforest', deploy => false)")
        model = next(row for row in self.get("/api/v1/models")["models"] if row["model"] == "routes")
        self.assertEqual([model[key] for key in ("version", "algorithm", "features", "rows_used", "deployed")],
                         [1, "iforest", 2, 300, False])

    def test_events_carry_risk_and_open_incidents(self):
        stream = self.server.stream()
        event = stream.wait_reading(self.machine)
        self.assertEqual((event["risk"], event["incidents"]), (None, None))
        store_incident(self.machine, "stuck", 1)
        store_incident(self.machine, "anomaly", 1)
        store_incident(self.machine, "silent", 1, True)
        stack.sql("UPDATE rigalpha.machine_state SET risk = 0.75 WHERE machine_id ="
                  f" (SELECT id FROM rigalpha.machines WHERE name = '{self.machine}')")
        event = stream.wait_for("reading", accept=lambda data: data["machine"] == self.machine and data["risk"] == 0.75)
        self.assertEqual(event["incidents"], ["anomaly", "stuck"])
        stream.close()
        machine = self.get(self.path)
        self.assertEqual((machine["risk"], machine["incidents"]), (0.75, ["anomaly", "stuck"]))
