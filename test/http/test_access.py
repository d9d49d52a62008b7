"""Who may call which route about which machine, and that whatever acts leaves an entry: for every route that the program has."""
import json
import re
import time
import unittest

import people
import stack
from test_login import code_of

API = "/api/v1"
ROLES = ("anonymous", "must change", "viewer", "operator", "admin")
PUBLIC = (2, 2, 2, 2, 2)
USER = (401, 403, 2, 2, 2)
OWN = (401, 2, 2, 2, 2)
OPERATOR = (401, 403, 403, 2, 2)
ADMIN = (401, 403, 403, 403, 2)


class AccessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machine = stack.unique("access")
        assert cls.server.ingest(stack.reading(cls.machine)).status == 200
        cls.root = people.person(cls.server, "admin")
        cls.routes = stack.routes()

    def new_user(self):
        return people.person(self.server, "viewer").name

    def own_session(self, person):
        return stack.sql(f"SELECT coalesce(max(s.id), 0) FROM rigalpha.sessions s JOIN rigalpha.users u ON u.id = s.user_id WHERE u.name = '{person.name}'")[0][0]

    def new_token(self):
        return self.root.request("POST", API + "/tokens", {"machine": self.machine, "name": stack.unique("t")}).json()["token"].split("_")[1]

    def new_alarm(self, *acts):
        """An open alarm, after these functions were called on it."""
        machine = stack.sql(f"SELECT id FROM rigalpha.machines WHERE name = '{self.machine}'")[0][0]
        alarm = stack.sql(f"SELECT rigalpha.raise_alarm({machine}, NULL, 'incident', '{stack.unique('c')}', 'low', now())")[0][0]
        for function in acts:
            stack.sql(f"SELECT rigalpha.{function}({alarm})")
        return alarm

    def new_threshold(self):
        stack.sql(f"SELECT rigalpha.set_threshold('rpm', '{self.machine}', hi => 1e6)")
        return {"sensor": "rpm", "machine": self.machine}

    def reads(self):
        """GET routes: path and what each role gets."""
        machine = API + "/machines/" + self.machine
        users = {f"{API}/{name}": (f"{API}/{name}", USER) for name in (
            "status", "machines", "sensors", "incidents", "models", "training", "dead-letters", "sources", "stream", "sessions", "alarms", "thresholds")}
        inner = {f"{API}/machines/{{}}{name}": (machine + name, USER) for name in ("", "/sensors", "/state", "/readings", "/incidents", "/alarms")}
        admins = {f"{API}/{name}": (f"{API}/{name}", ADMIN) for name in ("users", "tokens", "audit", "audit/verify")}
        return {**users, **inner, **admins, "/healthz": ("/healthz", PUBLIC), "/readyz": ("/readyz", PUBLIC), "/": ("/", PUBLIC),
                API + "/me": (API + "/me", OWN), API + "/export.csv": (API + "/export.csv?machine=" + self.machine, USER),
                API + "/audit/checkpoint": (API + "/audit/checkpoint", (401, 403, 404, 404, 404))}

    def acts(self):
        """
        Other routes: path and body for a person, what each role gets, and whether that of an admin leaves an entry.
        Where it does not the body is wrong on purpose, or there is nothing to do; see EntriesTest for what is right.
        """
        def fixed(path, body=None):
            return lambda person: (API + path, body() if body else None)
        return {
            f"POST {API}/users": (fixed("/users", lambda: {"name": stack.unique("made"), "role": "viewer"}), ADMIN, True),
            f"PATCH {API}/users/{{}}": (lambda person: (f"{API}/users/{self.new_user()}", {"role": "operator"}), ADMIN, True),
            f"POST {API}/users/{{}}/password": (lambda person: (f"{API}/users/{self.new_user()}/password", None), ADMIN, True),
            f"DELETE {API}/users/{{}}/second-factor": (lambda person: (f"{API}/users/{self.new_user()}/second-factor", None), ADMIN, True),
            f"POST {API}/tokens": (fixed("/tokens", lambda: {"machine": self.machine, "name": stack.unique("t")}), ADMIN, True),
            f"DELETE {API}/tokens/{{}}": (lambda person: (f"{API}/tokens/{self.new_token()}", None), ADMIN, True),
            f"POST {API}/alarms/{{}}/ack": (lambda person: (f"{API}/alarms/{self.new_alarm()}/ack", {"note": "seen"}), OPERATOR, True),
            f"POST {API}/alarms/{{}}/clear": (lambda person: (f"{API}/alarms/{self.new_alarm()}/clear", {}), OPERATOR, True),
            f"POST {API}/alarms/{{}}/reopen": (lambda person: (f"{API}/alarms/{self.new_alarm('clear_alarm')}/reopen", {}), OPERATOR, True),
            f"PUT {API}/thresholds": (fixed("/thresholds", lambda: {"sensor": "rpm", "machine": self.machine, "hi": time.time()}), ADMIN, True),
            f"DELETE {API}/thresholds": (fixed("/thresholds", self.new_threshold), ADMIN, True),
            f"DELETE {API}/sessions": (fixed("/sessions"), USER, False),
            f"DELETE {API}/sessions/{{}}": (lambda person: (f"{API}/sessions/{self.own_session(person)}", None), USER, True),
            f"DELETE {API}/session": (fixed("/session"), OWN, True),
            # A wrong password, whoever asks.
            f"POST {API}/session": (fixed("/session", lambda: {"name": stack.unique("x"), "password": "wrong"}), (401,) * 5, True),
            f"PUT {API}/me/password": (fixed("/me/password", lambda: {}), (401, 422, 422, 422, 422), False),
            f"PUT {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"POST {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"DELETE {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"POST {API}/ingest": (fixed("/ingest", lambda: stack.reading(stack.unique())), PUBLIC, False),
            # Without lines on purpose; who sends it does not matter.
            "POST /api/v2/write": (lambda person: ("/api/v2/write", None), (400,) * 5, False),
        }

    def persons(self):
        return [people.Person(self.server), people.person(self.server, "admin", must_change=True),
                *people.people(self.server, "viewer", "operator", "admin", machines=[self.machine])]

    def test_every_route(self):
        """Point 32: the table of roles and routes."""
        reads, acts = self.reads(), self.acts()
        wrong = []
        for method, pattern, _ in self.routes:
            self.assertTrue(pattern in reads if method == "GET" else f"{method} {pattern}" in acts, f"{method} {pattern} has no row here")
            for index, person in enumerate(self.persons()):
                if method == "GET":
                    (path, expected), body = reads[pattern], None
                else:
                    make, expected, _ = acts[f"{method} {pattern}"]
                    path, body = make(person)
                status, problem = person.status(method, path, body)
                wanted = expected[index]
                if (status // 100 if wanted < 10 else status) != wanted:
                    wrong.append(f"{method} {pattern} as {ROLES[index]}: {status} {problem}, not {wanted}")
        self.assertEqual(wrong, [])

    def test_acts_leave_entries(self):
        silent = []
        for route, (make, _, leaves) in self.acts().items():
            if not leaves:
                continue
            person = people.person(self.server, "admin")
            path, body = make(person)
            before = people.count_entries()
            status, _ = person.status(route.split()[0], path, body)
            self.assertEqual(status // 100, 4 if route == f"POST {API}/session" else 2, route)
            if people.count_entries() == before:
                silent.append(route)
        self.assertEqual(silent, [])

    def test_every_act_is_tried(self):
        """Here or by EntriesTest. What devices send is no act of a user; what they are refused is."""
        tried = {route for route, (_, _, leaves) in self.acts().items() if leaves} | EntriesTest.ROUTES
        acts = {f"{method} {pattern}" for method, pattern, _ in self.routes if method != "GET"}
        self.assertEqual(acts - tried, {f"POST {API}/ingest", "POST /api/v2/write"})


class EntriesTest(unittest.TestCase):
    """What users do to their own account and sessions, each with a body that is right."""
    ROUTES = {f"{act} {API}/{name}" for act, name in (
        ("POST", "session"), ("DELETE", "session"), ("DELETE", "sessions"), ("PUT", "me/password"), ("PUT", "me/second-factor"),
        ("POST", "me/second-factor"), ("DELETE", "me/second-factor"))}

    def setUp(self):
        self.server = stack.shared()
        stack.sql("DELETE FROM rigalpha.login_throttles")
        self.addCleanup(stack.sql, "DELETE FROM rigalpha.login_throttles")
        self.person = people.Person(self.server, stack.make_user(stack.unique("acts"), "viewer"))
        self.tried = set()

    def act(self, method, name, document=None, status=204):
        """Asks a route; returns the answer and what stands in the new entries about this user."""
        last = stack.sql("SELECT coalesce(max(id), 0) FROM rigalpha.audit_entries")[0][0]
        answer = self.person.request(method, f"{API}/{name}", document)
        self.assertEqual(answer.status, status, answer.body)
        self.tried.add(f"{method} {API}/{name}")
        if stack.cookie_of(answer) is not None:
            self.person.token = stack.cookie_of(answer)
        entries = stack.sql("SELECT kind, coalesce(relation, ''), operation FROM rigalpha.audit_log"
                            f" WHERE entry_id > {last} AND '{self.person.name}' IN (app_user, new ->> 'user') ORDER BY entry_id")
        self.assertNotEqual(entries, [], f"{method} {name} leaves nothing")
        return answer, [tuple(entry) for entry in entries]

    def change(self, method, name, relation, document=None, status=204):
        answer, entries = self.act(method, name, document, status)
        self.assertIn(("update", relation, "update"), entries, f"{method} {name}")
        return answer

    def test_own_acts(self):
        password, new = {"password": stack.PASSWORD}, "another password of mine"
        _, entries = self.act("POST", "session", {"name": self.person.name, **password}, 200)
        self.assertIn(("login", "", "succeeded"), entries)
        stack.make_session(self.person.name)
        answer = self.change("DELETE", "sessions", "sessions", status=200)
        self.assertEqual(answer.json(), {"ended": 1})
        secret = self.change("PUT", "me/second-factor", "users", password, 200).json()["secret"]
        self.change("POST", "me/second-factor", "users", {"code": code_of(secret, int(time.time()) // 30)})
        self.change("DELETE", "me/second-factor", "users", password)
        self.change("PUT", "me/password", "users", {"current": stack.PASSWORD, "new": new})
        self.act("DELETE", "session")
        self.assertEqual(self.tried, self.ROUTES)


class MachinesTest(unittest.TestCase):
    """Point 30: every route, asked by an operator of one machine and a viewer of another, about both and about none."""
    SAMPLES = 3

    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.a, cls.b, cls.unknown = (stack.unique("asked") for _ in range(3))
        for machine in (cls.a, cls.b):
            answer = cls.server.ingest([stack.reading(machine, cls.SAMPLES - i, rpm=i) for i in range(cls.SAMPLES)])
            assert answer.status == 200 and answer.json()["accepted"] == cls.SAMPLES, answer.body
            # A dead letter and an incident, so that these lists have something to hide.
            cls.server.ingest({"machine_id": machine, "timestamp": "2001-01-01T00:00:00Z", "sensors": {"rpm": 1}})
            stack.sql("INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts, detail)"
                      f" SELECT id, 'silent', now(), now(), 'of {machine}' FROM rigalpha.machines WHERE name = '{machine}'")
        cls.operator = people.person(cls.server, "operator", machines=[cls.a])
        cls.viewer = people.person(cls.server, "viewer", machines=[cls.b])

    def paths(self):
        """GET routes but the stream, as functions of a machine's name; those without one in the path get it as a parameter."""
        for method, pattern, access in stack.routes():
            if method == "GET" and access in ("user", "own") and pattern != API + "/stream":
                yield pattern + ("" if "{}" in pattern else "?machine={}")

    def ask(self, person, path, machine):
        """Status, header and body, without what differs by itself or names the machine that was asked for."""
        answer = person.get(path.format(machine))
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id"))
        body = re.sub(r'"age_ms":-?\d+', '"age_ms":0', answer.body.decode())
        if answer.headers["Content-Type"] == "application/problem+json":
            problem = json.loads(body)
            problem.pop("request_id")
            body = json.dumps(problem)
        return answer.status, headers, body.replace(machine, "MACHINE")

    def test_foreign_is_unknown(self):
        """Point 30: in status, header and body, on every route."""
        with_machine = 0
        for person, own, foreign in ((self.operator, self.a, self.b), (self.viewer, self.b, self.a)):
            for path in self.paths():
                shape = {}

                def alike():
                    # Some figures, such as the age of the newest reading, move between two answers.
                    shape["foreign"], shape["unknown"] = (self.ask(person, path, name) for name in (foreign, self.unknown))
                    return shape["foreign"] == shape["unknown"]
                try:
                    stack.wait_until(alike, 2)
                except AssertionError:
                    self.assertEqual(shape["foreign"], shape["unknown"], f"{path} as {person.name}")
                self.assertNotIn(foreign.encode(), person.get(path.format(self.unknown)).body, path)
                answer = person.get(path.format(own))
                if "/machines/{}" in path or path.startswith(API + "/export.csv"):
                    self.assertEqual((answer.status, shape["foreign"][0]), (200, 404), path)
                    with_machine += 1
        self.assertGreaterEqual(with_machine, 2 * 6)

    def test_own_is_in_the_lists(self):
        """That nothing foreign is seen means something, for what is one's own is."""
        for person, own in ((self.operator, self.a), (self.viewer, self.b)):
            for name in ("me", "machines", "incidents", "alarms", "dead-letters"):
                self.assertIn(own.encode(), person.get(f"{API}/{name}").body, name)

    def test_acts(self):
        """Routes that take a machine in the body refuse both alike."""
        for method, path, document in (("POST", "/tokens", {"machine": None, "name": "x"}), ("POST", "/users", {"name": "x", "role": "viewer", "machines": [None]}),
                                       ("PATCH", "/users/x", {"machines": [None]})):
            answers = [self.operator.status(method, API + path, json.loads(json.dumps(document).replace("null", json.dumps(name))))
                       for name in (self.a, self.b, self.unknown)]
            self.assertEqual(answers, [(403, "forbidden")] * 3, path)

    def test_stream(self):
        for person, own, foreign in ((self.operator, self.a, self.b), (self.viewer, self.b, self.a)):
            stream = self.server.stream(session=person.token)
            for value in range(3):
                for machine in (foreign, own):
                    self.assertEqual(self.server.ingest(stack.reading(machine, rpm=value)).status, 200)

                def is_last(event, value=value):
                    return event.get("event") == "reading" and json.loads(event["data"])["values"].get("rpm") == value
                while True:
                    event = stream.next(10)
                    self.assertIsNotNone(event, "the stream ended")
                    self.assertNotIn(foreign, event.get("data", ""))
                    if is_last(event):
                        break
            stream.close()
