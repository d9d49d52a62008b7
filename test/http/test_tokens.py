"""Tokens of devices, as an admin manages them."""
import unittest

import people
import stack

TOKENS = "/api/v1/tokens"


class TokensTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machine = stack.unique("tokens")
        stack.sql(f"INSERT INTO rigalpha.machines (name) VALUES ('{cls.machine}')")
        cls.admin, cls.operator, cls.viewer = people.people(cls.server, "admin", "operator", "viewer", machines=[cls.machine])

    def rows(self):
        return [token for token in self.admin.get(TOKENS).json()["tokens"] if token["machine"] == self.machine]

    def issue(self, **document):
        return self.admin.request("POST", TOKENS, {"machine": self.machine, "name": stack.unique("t"), **document})

    def test_shown_once(self):
        answer = self.issue(lifetime_days=30, network="192.0.2.0/24", readings_per_minute=60)
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(set(answer.json()), {"token"})
        token = answer.json()["token"]
        self.assertRegex(token, r"^rig_[0-9a-z]{8}_[A-Za-z0-9_-]{43}$")
        _, number, secret = token.split("_", 2)
        self.assertNotIn(secret, self.admin.get(TOKENS).body.decode())
        row = next(row for row in self.rows() if row["id"] == number)
        self.assertEqual((row["network"], row["readings_per_minute"], row["created_by"], row["live"], row["last_used_at"]),
                         ("192.0.2.0/24", 60, self.admin.name, True, None))
        stored = stack.sql(f"SELECT t::text, secret_hash = sha256('{secret}'::bytea) FROM rigalpha.api_tokens t WHERE id = '{number}'")[0]
        self.assertNotIn(secret, stored[0])
        self.assertEqual(stored[1], "t")
        logged = stack.sql(f"SELECT count(*) FROM rigalpha.audit_entries WHERE position('{secret}'::bytea IN payload) > 0")
        self.assertEqual(logged, [["0"]])

    def test_revoke(self):
        number = self.issue().json()["token"].split("_")[1]
        self.assertEqual(self.admin.request("DELETE", f"{TOKENS}/{number}").status, 204)
        self.assertEqual(self.admin.request("DELETE", f"{TOKENS}/{number}").status, 404)
        self.assertFalse(next(row for row in self.rows() if row["id"] == number)["live"])
        for name in ("00000000", "x", "%27;--", "1/2"):
            self.assertEqual(self.admin.request("DELETE", f"{TOKENS}/{name}").status, 404, name)

    def test_refused(self):
        before = self.rows()
        for change, detail in (({"machine": "no such"}, "no such"), ({"machine": None}, "string"), ({"name": ""}, "name"), ({"name": "x" * 64}, "name"),
                               ({"network": "192.0.2.1/24"}, "network"), ({"network": "x"}, "network"), ({"lifetime_days": 0}, "whole number"),
                               ({"lifetime_days": 3651}, "3650"), ({"lifetime_days": 1.5}, "whole number"), ({"readings_per_minute": "60"}, "whole number"),
                               ({"readings_per_minute": 3e9}, "whole number"), ({"secret": "x"}, "unknown")):
            answer = self.issue(**change)
            self.assertEqual(answer.status, 422, change)
            self.assertIn(detail, answer.json()["detail"])
        self.assertEqual(self.admin.request("POST", TOKENS, "{}", {"Content-Type": "text/plain"}).status, 415)
        self.assertEqual(self.rows(), before)

    def test_two_live(self):
        name = stack.unique("twice")
        self.assertEqual([self.issue(name=name).status for _ in range(3)], [201, 201, 409])

    def test_texts_are_kept_as_they_are(self):
        """Point 33: what looks like SQL or markup is kept as it is."""
        name = "<img src=x onerror=alert(1)>'; DROP TABLE"
        self.assertEqual(self.issue(name=name).status, 201)
        self.assertIn(name, [row["name"] for row in self.rows()])

    def test_others_may_not(self):
        """Point 32: only an admin may, whoever else asks."""
        number = self.issue().json()["token"].split("_")[1]
        before = self.rows()
        for person in (self.operator, self.viewer):
            for method, path, document in (("GET", TOKENS, None), ("POST", TOKENS, {"machine": self.machine, "name": "x"}),
                                           ("DELETE", f"{TOKENS}/{number}", None)):
                answer = person.request(method, path, document)
                self.assertEqual((answer.status, answer.json()["type"]), (403, "urn:rigalpha:problem:forbidden"))
        self.assertEqual(self.rows(), before)
