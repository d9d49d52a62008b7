"""What users may not, and logins, in the audit log and in the log of the program."""
import json
import unittest
import urllib.parse

import people
import stack
from stack import JSON, PASSWORD

FORGED = 'x\r\n{"time":"now","level":"security","event":"forged"}\r\n\x1b[2J\x1b]0;owned\x07\u2028'


def refusals(name, operation="forbidden"):
    """Entries about what a user was refused, oldest first."""
    return stack.sql("SELECT operation, reason, app_user, new ->> 'route', new ->> 'address', source FROM rigalpha.audit_log"
                     f" WHERE kind = 'refusal' AND new ->> 'user' = '{name}' AND operation = '{operation}' ORDER BY entry_id")


class RefusalEntriesTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()

    def test_forbidden_leaves_an_entry(self):
        """Point 36: with the user, the route of the table and the address, though the request is rolled back."""
        for role in ("viewer", "operator"):
            person = people.person(self.server, role)
            for method, path, document, route in (
                    ("GET", "/users", None, "GET /api/v1/users"), ("HEAD", "/tokens", None, "GET /api/v1/tokens"),
                    ("PATCH", "/users/x%27%0d%0ay", {"role": "admin"}, "PATCH /api/v1/users/{}"),
                    ("POST", "/tokens?secret=1", {"machine": "x", "name": "y"}, "POST /api/v1/tokens"),
                    ("GET", "/audit/verify", None, "GET /api/v1/audit/verify"), ("GET", "/sessions?all=true", None, "GET /api/v1/sessions")):
                before = len(refusals(person.name))
                self.assertEqual(person.request(method, "/api/v1" + path, document).status, 403, path)
                self.assertEqual(refusals(person.name)[before:],
                                 [["forbidden", "insufficient_privilege", person.name, route, "127.0.0.1", "http"]], path)

    def test_only_what_was_forbidden(self):
        """Nothing is written about an admin, about what is missing, or about a password that is to be changed first."""
        admin, viewer = people.people(self.server, "admin", "viewer")
        new = people.person(self.server, "operator", must_change=True)
        self.assertEqual(admin.get("/api/v1/users").status, 200)
        self.assertEqual(viewer.get("/api/v1/machines/no-such-machine").status, 404)
        self.assertEqual(new.get("/api/v1/users").status, 403)
        self.assertEqual([refusals(person.name) for person in (admin, viewer, new)], [[], [], []])

    def test_flood_is_counted(self):
        """Point 36: ten entries of a user and minute, then a count; it says how many there were when the minute is over."""
        person, other = people.people(self.server, "viewer", "viewer")
        subject = f"(SELECT concat('user:', id) FROM rigalpha.users WHERE name = '{person.name}')"

        def flood():
            stack.sql(f"DELETE FROM rigalpha.audit_floods WHERE subject = {subject}")
            for _ in range(25):
                self.assertEqual(person.get("/api/v1/users").status, 403)
            return stack.sql(f"SELECT written, suppressed FROM rigalpha.audit_floods WHERE subject = {subject}")
        before = len(refusals(person.name))
        counted = flood()
        if len(counted) > 1:						# the minute ended in between; the next one is long enough
            before = len(refusals(person.name))
            counted = flood()
        self.assertEqual(counted, [["10", "15"]])
        self.assertEqual(len(refusals(person.name)), before + 10)
        self.assertEqual(other.get("/api/v1/users").status, 403)
        self.assertEqual(len(refusals(other.name)), 1, "each user is counted alone")
        stack.sql(f"UPDATE rigalpha.audit_floods SET minute = '2024-01-01 00:00Z' WHERE subject = {subject}; SELECT rigalpha.accounts_tick()")
        self.assertEqual(stack.sql(f"SELECT reason FROM rigalpha.audit_log WHERE operation = 'suppressed' AND new ->> 'subject' = {subject}"),
                         [["15 suppressed"]])

    def test_unrecorded_refusal_is_refused(self):
        """Without the right to write it down the answer is the same, and the log says so."""
        person = people.person(self.server, "viewer")
        with stack.sidecar() as server:
            server.wait_ready()
            stack.sql("REVOKE EXECUTE ON FUNCTION rigalpha.note_refusal FROM rigalpha_web")
            try:
                answer = people.Person(server, person.name, person.token).get("/api/v1/users")
            finally:
                stack.sql("GRANT EXECUTE ON FUNCTION rigalpha.note_refusal TO rigalpha_web")
            self.assertEqual((answer.status, answer.json()["type"]), (403, "urn:rigalpha:problem:forbidden"))
            lines = [line["message"] for line in server.log() if line["event"] == "refusal not recorded"]
            self.assertEqual(len(lines), 1)
            self.assertIn(answer.headers["X-Request-Id"], lines[0])
            self.assertEqual(server.get("/api/v1/users").status, 200, "the connection is still of use")


class LoginLinesTest(unittest.TestCase):
    def setUp(self):
        stack.sql("DELETE FROM rigalpha.login_throttles")
        self.addCleanup(stack.sql, "DELETE FROM rigalpha.login_throttles")
        self.server = stack.Sidecar(log="error")
        self.addCleanup(self.server.close)
        self.server.wait_ready()
        self.name = stack.make_user(stack.unique("logged"), "viewer")

    def lines(self, *events):
        return [(line["level"], line["event"], line["message"], line["client"], line["request_id"]) for line in self.server.log()
                if line["event"] in events]

    def test_logins(self):
        """Point 36: each login with its outcome, its client and the id of the request, at any level of the log."""
        right = self.server.login(self.name, PASSWORD)
        wrong = self.server.login(self.name.upper(), "wrong-of-test")
        changed = self.server.request("PUT", "/api/v1/me/password", json.dumps({"current": "current-of-test", "new": "new password of-test"}),
                                      JSON, stack.cookie_of(right))
        self.assertEqual((right.status, wrong.status, changed.status), (200, 401, 403))
        expected = [("login succeeded", self.name, right), ("login failed", self.name.upper(), wrong), ("wrong password", self.name, changed)]
        self.assertEqual(self.lines("login succeeded", "login failed", "wrong password")[-3:],
                         [("security", event, "user " + name, "127.0.0.1", answer.headers["X-Request-Id"]) for event, name, answer in expected])
        text = self.server.log_path.read_text()
        for secret in (PASSWORD, "of-test", stack.cookie_of(right)):
            self.assertNotIn(secret, text)

    def test_unknown_name_is_left_out(self):
        """Point 38: a password that was typed as the name is in no log and in no entry."""
        self.assertEqual(self.server.login("a password in the wrong field", "x").status, 401)
        self.assertEqual([line[2] for line in self.lines("login failed")], ["no such user"])
        self.assertNotIn("wrong field", self.server.log_path.read_text())
        self.assertEqual(stack.sql("SELECT count(*) FROM rigalpha.audit_entries WHERE position('wrong field'::bytea IN payload) > 0"), [["0"]])

    def test_no_forged_line(self):
        """Point 37: line ends and escape sequences in a name or a path stay inside of a line; no account has such a name."""
        self.assertEqual(self.server.login(FORGED, "x").status, 401)
        path = "/api/v1/machines/" + urllib.parse.quote(FORGED, safe="")
        self.assertEqual(self.server.request("GET", path).status, 401)
        for name in ("a\nb", "a\rb", "a\x1b[2Jb", "a\x7fb", "a\x85b"):
            answer = self.server.request("POST", "/api/v1/users", json.dumps({"name": name, "role": "viewer"}), JSON, self.server.session)
            self.assertEqual(answer.status, 422, repr(name))
        # Each line of the log is a JSON object of its own, or this fails.
        self.assertNotIn("forged", [line["event"] for line in self.server.log()])
        self.assertNotRegex(self.server.log_path.read_bytes(), rb"[\x00-\x09\x0b-\x1f\x7f]")
