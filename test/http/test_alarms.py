"""Alarms and thresholds over HTTP, and how soon a threshold acts."""
import json
import time
import unittest

import people
import stack

API = "/api/v1"
CHANGES = 5
PAUSE = 0.1


class AlarmsTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.machine = stack.unique("alarm")
        self.moment = time.time() - 600
        self.send(rpm=100)
        stack.sql(f"SELECT rigalpha.set_threshold('rpm', '{self.machine}', hi => 120, hihi => 150)")

    def send(self, **sensors):
        """A reading a second after the one before."""
        self.moment += 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.moment))
        answer = self.server.ingest(json.dumps({"machine_id": self.machine, "timestamp": stamp, **sensors}))
        self.assertEqual(answer.status, 200, answer.body)

    def alarms(self, person, query=""):
        answer = person.get(f"{API}/machines/{self.machine}/alarms{query}")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_life_of_an_alarm(self):
        admin, operator, viewer, stranger = (people.person(self.server, role, machines=machines) for role, machines in (
            ("admin", []), ("operator", [self.machine]), ("viewer", [self.machine]), ("operator", [])))
        self.send(rpm=130)
        page = self.alarms(operator)
        self.assertEqual(len(page["alarms"]), 1)
        alarm = page["alarms"][0]
        self.assertEqual((alarm["machine"], alarm["sensor"], alarm["kind"], alarm["level"], alarm["priority"], alarm["value"], alarm["limit_value"]),
                         (self.machine, "rpm", "limit", "hi", "medium", 130, 120))
        self.assertEqual(page["counts"], {"current": 1, "unacknowledged": 1, "shelved": 0, "suppressed": 0})
        self.assertIn(alarm["id"], [a["id"] for a in operator.get(API + "/alarms").json()["alarms"]])
        path = f"{API}/alarms/{alarm['id']}"
        self.assertEqual(viewer.request("POST", path + "/ack", {}).status, 403)
        # Foreign is unknown, in the same words.
        foreign, unknown = (stranger.request("POST", f"{API}/alarms/{number}/ack", {}) for number in (alarm["id"], 999999999999))
        self.assertEqual((foreign.status, unknown.status), (404, 404))
        self.assertEqual(foreign.json()["title"], unknown.json()["title"])
        self.assertEqual(stranger.request("GET", f"{API}/machines/{self.machine}/alarms").status, 404)
        self.assertEqual(stranger.request("GET", f"{API}/alarms?machine={self.machine}").status, 404)
        self.assertEqual(stranger.get(API + "/alarms").json()["alarms"], [])

        self.assertEqual(operator.request("POST", path + "/ack", {"note": "seen"}).status, 204)
        self.assertEqual(operator.request("POST", path + "/ack", {"note": "seen"}).status, 409)
        alarm = self.alarms(operator)["alarms"][0]
        self.assertEqual((alarm["acked_state"], alarm["acked_by"], alarm["note"]), (True, operator.name, "seen"))
        self.assertEqual(self.alarms(viewer, "?state=unacknowledged")["alarms"], [])
        self.send(rpm=160)
        alarm = self.alarms(operator)["alarms"][0]
        self.assertEqual((alarm["level"], alarm["priority"], alarm["acked_state"]), ("hihi", "urgent", False))
        self.assertEqual(operator.request("POST", path + "/ack", {}).status, 422)
        self.assertEqual(operator.request("POST", path + "/clear", {"note": "mended"}).status, 204)
        self.assertEqual(self.alarms(operator)["alarms"], [])
        self.assertEqual([a["id"] for a in self.alarms(operator, "?state=closed")["alarms"]], [alarm["id"]])
        self.assertEqual(operator.request("POST", path + "/reopen", {}).status, 204)
        self.send(rpm=100)
        self.assertEqual(admin.request("POST", path + "/ack", {"note": "over"}).status, 204)
        self.assertEqual(self.alarms(operator)["alarms"], [])
        transitions = [row[0] for row in stack.sql(f"SELECT transition FROM rigalpha_api.event_history WHERE alarm_id = {alarm['id']} ORDER BY id")]
        self.assertEqual(transitions, ["raised", "acknowledged", "changed", "cleared", "reopened", "returned", "acknowledged"])

    def test_pages(self):
        admin = people.person(self.server, "admin")
        for _ in range(3):
            self.send(rpm=130)
            self.send(rpm=100)
            alarm = self.alarms(admin)["alarms"][0]["id"]
            self.assertEqual(admin.request("POST", f"{API}/alarms/{alarm}/ack", {}).status, 204)
        seen, before = [], ""
        while True:
            page = self.alarms(admin, "?state=closed&limit=1" + before)
            seen += [a["id"] for a in page["alarms"]]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        self.assertEqual(seen, sorted(seen, reverse=True))
        self.assertEqual(len(seen), 3)

    def test_bad_requests(self):
        admin = people.person(self.server, "admin")
        for method, path, body, status in (
                ("GET", "/alarms?state=odd", None, 400), ("GET", "/alarms?limit=0", None, 400), ("GET", "/alarms?before=x", None, 400),
                ("GET", "/machines/none/alarms", None, 404), ("POST", "/alarms/x/ack", {}, 404), ("POST", "/alarms/1/ack", {"notes": "x"}, 422),
                ("POST", "/alarms/1/ack", {"note": 1}, 422), ("PUT", "/thresholds", {"sensor": "rpm"}, 422),
                ("PUT", "/thresholds", {"sensor": "no such", "hi": 1}, 422), ("PUT", "/thresholds", {"sensor": "rpm", "machine": "no such", "hi": 1}, 422),
                ("PUT", "/thresholds", {"sensor": "rpm", "hi": 1, "lo": 2}, 422), ("PUT", "/thresholds", {"sensor": "rpm", "hi": "1"}, 422),
                ("PUT", "/thresholds", {"sensor": "rpm", "hi": 1, "on_delay": -1}, 422), ("DELETE", "/thresholds", {"sensor": "no such"}, 404)):
            with self.subTest(path=path, body=body):
                answer = admin.request(method, API + path, body)
                self.assertEqual(answer.status, status, answer.body)

    def test_thresholds(self):
        admin = people.person(self.server, "admin")
        limits = {"sensor": "torque", "machine": self.machine, "lolo": None, "lo": 1.5, "hi": 20, "deadband": 0.5, "on_delay": 2.5}
        self.assertEqual(admin.request("PUT", API + "/thresholds", limits).status, 200)
        found = [t for t in admin.get(API + "/thresholds").json()["thresholds"] if t["machine"] == self.machine and t["sensor"] == "torque"]
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["lo"], found[0]["hi"], found[0]["hihi"], found[0]["deadband"], found[0]["on_delay"], found[0]["off_delay"]),
                         (1.5, 20, None, 0.5, 2.5, 0))
        which = {"sensor": "torque", "machine": self.machine}
        self.assertEqual(admin.request("DELETE", API + "/thresholds", which).status, 204)
        self.assertEqual(admin.request("DELETE", API + "/thresholds", which).status, 404)

    def test_threshold_acts_at_once(self):
        """From the end of psql's UPDATE over the next reading to the event that shows its alarm: less than 100 ms, five times."""
        stream = self.server.stream()
        self.send(rpm=100)
        stream.wait_reading(self.machine)
        took = []
        for change in range(CHANGES):
            limit, expected = (90, 1) if change % 2 == 0 else (120, 0)
            stack.sql(f"UPDATE rigalpha.thresholds t SET hi = {limit} FROM rigalpha.machines m"
                      f" WHERE m.id = t.machine_id AND m.name = '{self.machine}' AND valid_to = 'infinity'")
            started = time.monotonic()
            self.send(rpm=100)
            # An alarm that has returned stays in the list until it is acknowledged.
            event = stream.wait_for("reading", accept=lambda data: data["machine"] == self.machine and
                                    (data["alarms"] == 1 if expected or change else data["alarms"] == 0))
            took.append(time.monotonic() - started)
            self.assertEqual(event["worst_alarm"], "medium")
            active = stack.sql(f"SELECT active_state FROM rigalpha_api.alarms WHERE machine = '{self.machine}'")
            self.assertEqual(active, [["t" if expected else "f"]])
        print("# threshold to stream, ms:", ", ".join(f"{1000 * t:.1f}" for t in took))
        self.assertLess(max(took), PAUSE)
        stream.close()


if __name__ == "__main__":
    unittest.main()
