"""Operators and viewers see their machines only; a foreign machine is like one that does not exist."""
import unittest
import urllib.parse

import stack


@unittest.skipUnless(stack.sql("SELECT relrowsecurity FROM pg_class WHERE oid = 'rigalpha.machines'::regclass") == [["t"]],
                     "rows are not restricted")
class VisibilityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.Sidecar(heartbeat_ms=300).wait_ready()
        cls.own, cls.foreign = stack.unique("own"), stack.unique("foreign")
        for machine in (cls.own, cls.foreign):
            assert cls.server.ingest(stack.reading(machine, 5, rpm=1)).status == 200
        cls.name = stack.make_user(stack.unique("user"), "operator", [cls.own])
        cls.token = stack.make_session(cls.name)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def post(self, machine, **sensors):
        self.assertEqual(self.server.ingest(stack.reading(machine, **sensors)).status, 200)

    def test_lists(self):
        machines = self.server.get("/api/v1/machines", session=self.token).json()["machines"]
        self.assertEqual([machine["name"] for machine in machines], [self.own])
        self.assertEqual(self.server.get("/api/v1/me", session=self.token).json()["machines"], [self.own])
        text = self.server.get("/api/v1/training", session=self.token).body + self.server.get("/api/v1/incidents", session=self.token).body
        self.assertNotIn(self.foreign.encode(), text)

    def test_foreign_is_unknown(self):
        """Point 30: on every route with a machine in its path."""
        def shape(machine, suffix):
            answer = self.server.get("/api/v1/machines/" + urllib.parse.quote(machine) + suffix, session=self.token)
            problem = answer.json()
            problem.pop("request_id", None)
            problem.pop("instance", None)
            return answer.status, problem
        for suffix in ("", "/sensors", "/state", "/readings", "/incidents"):
            self.assertEqual(shape(self.foreign, suffix), shape("no-such-machine", suffix), suffix)
            self.assertEqual(shape(self.foreign, suffix)[0], 404, suffix)
            self.assertEqual(shape(self.own, suffix)[0], 200, suffix)

    def test_stream(self):
        """Point 30: beside the stream of an admin, and alone; live and replayed."""
        admin = self.server.stream()
        stream = self.server.stream(session=self.token)
        self.check_only_own(stream, 10)
        admin.wait_reading(self.foreign)
        last_id = stream.last_id
        stream.close()
        admin.close()
        stream = self.server.stream(session=self.token)
        self.check_only_own(stream, 20)
        stream.close()
        replay = self.server.stream(last_id, session=self.token)
        self.check_only_own(replay, 30)
        replay.close()

    def check_only_own(self, stream, value):
        self.post(self.foreign, rpm=value)
        self.post(self.own, rpm=value)
        seen = set()
        while True:
            event = stream.next(10)
            self.assertNotIn(self.foreign, event.get("data", ""))
            if event.get("event") == "reading":
                data = stack.json.loads(event["data"])
                seen.add(data["machine"])
                if data["values"].get("rpm") == value:
                    break
        self.assertEqual(seen, {self.own})

    def test_names_of_sensors(self):
        stream = self.server.stream(session=self.token)
        stream.next()
        self.post(self.foreign, **{"only_foreign": 1})
        self.post(self.own, **{"also_own": 1})
        self.assertEqual(stream.wait_for("sensors")["machines"], [self.own])
        stream.close()

    def test_new_assignment(self):
        """Sessions end when machines are assigned anew; what is assigned without that is seen at the next heartbeat."""
        machine = stack.unique()
        self.post(machine, rpm=1)
        name = stack.make_user(stack.unique("user"), "viewer", [])
        token = stack.make_session(name)
        stream = self.server.stream(session=token)
        stream.next()
        stack.sql(f"INSERT INTO rigalpha.user_machines SELECT u.id, m.id FROM rigalpha.users u, rigalpha.machines m"
                  f" WHERE u.name = '{name}' AND m.name = '{machine}'")
        self.assertEqual(stream.wait_for("reset"), {})
        self.post(machine, rpm=7)
        stream.wait_for("reading", accept=lambda data: data["machine"] == machine and data["values"]["rpm"] == 7)
        stack.sql(f"SELECT rigalpha.set_machines('{name}', ARRAY['{self.own}'])")
        while stream.next(5) is not None:
            pass
        stream.close()
