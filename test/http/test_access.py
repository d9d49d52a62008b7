"""Who may call which route, and that whatever acts leaves an entry: for every route that the program has."""
import subprocess
import time
import unittest

import people
import stack

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
        cls.routes = [line.split() for line in subprocess.run(
            [stack.PROGRAM, "--routes"], check=True, capture_output=True, text=True).stdout.splitlines()]

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
        """Other routes: path and body for a person, what each role gets, and whether a success leaves an entry."""
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
            # Wrong on purpose, which is seen before the session; the tests of logins have what is right.
            f"POST {API}/session": (fixed("/session", lambda: {"name": stack.unique("x"), "password": "wrong"}), (401,) * 5, True),
            f"PUT {API}/me/password": (fixed("/me/password", lambda: {}), (401, 422, 422, 422, 422), False),
            f"PUT {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"POST {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"DELETE {API}/me/second-factor": (fixed("/me/second-factor", lambda: {}), (401, 422, 422, 422, 422), False),
            f"POST {API}/ingest": (fixed("/ingest", lambda: stack.reading(stack.unique())), PUBLIC, False),
        }

    def persons(self):
        return [people.Person(self.server), people.person(self.server, "admin", must_change=True),
                *people.people(self.server, "viewer", "operator", "admin", machines=[self.machine])]

    def test_every_route(self):
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
            person.status(route.split()[0], path, body)
            if people.count_entries() == before:
                silent.append(route)
        self.assertEqual(silent, [])
