"""The audit log as the page shows it."""
import unittest
import urllib.parse

import people
import stack

AUDIT = "/api/v1/audit"


class AuditTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machine = stack.unique("audit")
        stack.sql(f"INSERT INTO rigalpha.machines (name) VALUES ('{cls.machine}')")
        cls.admin, cls.operator, cls.viewer = people.people(cls.server, "admin", "operator", "viewer", machines=[cls.machine])

    def page(self, query=""):
        answer = self.admin.get(AUDIT + query)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_change_made_in_psql(self):
        stack.sql("INSERT INTO rigalpha.thresholds (machine_id, sensor_id, hi) SELECT m.id, s.id, 100 FROM rigalpha.machines m, rigalpha.sensors s"
                  f" WHERE m.name = '{self.machine}' AND s.name = 'rpm'; UPDATE rigalpha.thresholds SET hi = 200 WHERE hi = 100")
        entry = next(entry for entry in self.page("?kind=update")["entries"] if entry["relation"] == "thresholds")
        self.assertEqual((entry["session_user_name"], entry["app_user"], entry["schema_name"], entry["source"]), ("postgres", None, "rigalpha", "trigger"))
        self.assertEqual((entry["old"]["hi"], entry["new"]["hi"]), ("100", "200"))

    def test_change_made_in_a_session(self):
        answer = self.admin.request("PATCH", "/api/v1/users/" + self.viewer.name, {"role": "operator"})
        self.assertEqual(answer.status, 204, answer.body)
        entry = next(entry for entry in self.page(f"?kind=update&user={self.admin.name}")["entries"] if entry["relation"] == "users")
        self.assertEqual((entry["app_user"], entry["session_user_name"], entry["client_address"]), (self.admin.name, "rigalpha_web", "127.0.0.1"))
        self.assertEqual((entry["old"]["role"], entry["new"]["role"]), ("viewer", "operator"))
        stack.sql(f"UPDATE rigalpha.users SET role = 'viewer' WHERE name = '{self.viewer.name}'")
        self.viewer.token = stack.make_session(self.viewer.name)

    def test_pages(self):
        stack.sql(f"SELECT rigalpha.audit_note('note ' || n, '{self.machine}') FROM generate_series(1, 7) n")
        query = "?limit=3&kind=note&machine=" + urllib.parse.quote(self.machine)
        seen, before = [], ""
        while before is not None:
            page = self.page(query + (f"&before={before}" if before else ""))
            seen += [entry["reason"] for entry in page["entries"]]
            before = page["next"]
        self.assertEqual(seen, [f"note {n}" for n in range(7, 0, -1)])
        numbers = [entry["entry_id"] for entry in self.page("?limit=20")["entries"]]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        self.assertEqual({entry["chain"] for entry in self.page("?chain=0&limit=5")["entries"]}, {0})
        self.assertEqual(self.page("?before=1"), {"entries": [], "next": None})

    def test_texts_are_kept_as_they_are(self):
        """Point 33: what looks like SQL or markup is kept as it is."""
        note = "<img src=x onerror=alert(1)>'; DROP TABLE"
        stack.sql("SELECT rigalpha.audit_note($x$" + note + "$x$)")
        self.assertIn(note, [entry["reason"] for entry in self.page("?kind=note&limit=5")["entries"]])
        for name in ("user", "kind"):
            self.assertEqual(self.page(f"?{name}={urllib.parse.quote(note)}")["entries"], [])

    def test_refused(self):
        for query in ("?limit=0", "?limit=1001", "?limit=x", "?before=x", "?before=-1", "?before=99999999999999999999", "?chain=x", "?chain=2147483648"):
            answer = self.admin.get(AUDIT + query)
            self.assertEqual((answer.status, answer.json()["type"]), (400, "urn:rigalpha:problem:bad-parameter"), query)
        self.assertEqual(self.admin.get(AUDIT + "?machine=no-such").status, 404)
        for person in (self.operator, self.viewer):
            for path in (AUDIT, AUDIT + "/verify"):
                self.assertEqual(person.get(path).status, 403)

    def test_checkpoint(self):
        for person in (self.admin, self.viewer):
            answer = person.get(AUDIT + "/checkpoint")
            self.assertIn(answer.status, (200, 404))
            if answer.status == 200:
                self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
                self.assertTrue(answer.body.startswith(b"rigalpha/"))

    def verify(self):
        answer = self.admin.get(AUDIT + "/verify")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def test_verify(self):
        result = self.verify()
        self.assertEqual(set(result), {"problems", "checked", "anchored", "not_checked"})
        self.assertEqual(result["problems"], [])
        self.assertGreater(result["checked"]["entries"], 0)
        self.assertIn("signatures of checkpoints", result["not_checked"])
        # What a superuser can do, and put back.
        stack.sql("SELECT rigalpha.audit_note('true')")
        number = stack.sql("SELECT max(id) FROM rigalpha.audit_entries")[0][0]
        tamper = ("BEGIN; ALTER TABLE rigalpha.audit_entries DISABLE TRIGGER refuse; UPDATE rigalpha.audit_entries SET payload ="
                  f" set_byte(payload, 60, get_byte(payload, 60) # 1) WHERE id = {number};"
                  " ALTER TABLE rigalpha.audit_entries ENABLE ALWAYS TRIGGER refuse; COMMIT")
        stack.sql(tamper)
        try:
            problems = self.verify()["problems"]
            self.assertIn(("PAYLOAD_HASH", int(number)), [(problem["problem"], problem["entry_id"]) for problem in problems])
        finally:
            stack.sql(tamper)
        self.assertEqual(self.verify()["problems"], [])
