"""Accounts, as an admin manages them."""
import unittest
import urllib.parse

import people
import stack

USERS = "/api/v1/users"
NASTY = "<img src=x onerror=alert(1)>'; DROP TABLE"


def path_of(name, suffix=""):
    return f"{USERS}/{urllib.parse.quote(name, safe='')}{suffix}"


def row_of(admin, name):
    return next((user for user in admin.get(USERS).json()["users"] if user["name"] == name), None)


class UsersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.machines = [stack.unique("users"), stack.unique("users")]
        stack.sql("INSERT INTO rigalpha.machines (name) VALUES ('" + "'), ('".join(cls.machines) + "')")
        cls.admin, cls.operator, cls.viewer = people.people(cls.server, "admin", "operator", "viewer")

    def refused(self, answer, status, problem, detail=None):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json()["type"], "urn:rigalpha:problem:" + problem)
        if detail is not None:
            self.assertIn(detail, answer.json()["detail"])

    def test_create_and_first_login(self):
        """Point 17: the first password is random and shows nothing but its own change."""
        name = stack.unique("new")
        answer = self.admin.request("POST", USERS, {"name": name, "role": "operator", "machines": self.machines[:1]})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        made = answer.json()
        self.assertEqual(set(made), {"name", "one_time_password"})
        self.assertRegex(made["one_time_password"], r"^([0-9a-z]{4}-){7}[0-9a-z]{4}$")
        row = row_of(self.admin, name)
        self.assertEqual((row["role"], row["machines"], row["must_change_password"], row["has_password"], row["disabled"]),
                         ("operator", self.machines[:1], True, True, False))
        self.assertNotIn(b"argon2", self.admin.get(USERS).body)
        stored = stack.sql(f"SELECT password_hash FROM rigalpha.users WHERE name = '{name}'")[0][0]
        self.assertTrue(stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), stored)
        person = people.Person(self.server, name)
        self.assertEqual(person.login(made["one_time_password"]).status, 200)
        self.refused(person.get("/api/v1/machines"), 403, "password-change-required")

    def test_passwords_differ(self):
        """Point 17: a reset makes another, and the one before is worth nothing."""
        name = stack.unique("reset")
        first = self.admin.request("POST", USERS, {"name": name, "role": "viewer"}).json()["one_time_password"]
        person = people.Person(self.server, name)
        self.assertEqual(person.login(first).status, 200)
        answer = self.admin.request("POST", path_of(name, "/password"))
        self.assertEqual(answer.status, 200, answer.body)
        second = answer.json()["one_time_password"]
        self.assertNotEqual(first, second)
        self.assertEqual(person.get("/api/v1/me").status, 401, "a reset ends the sessions")
        self.assertEqual(person.login(first).status, 401)
        self.assertEqual(person.login(second).status, 200)
        self.assertTrue(row_of(self.admin, name)["must_change_password"])

    def test_create_refused(self):
        good = {"name": stack.unique("no"), "role": "viewer", "machines": []}
        before = len(self.admin.get(USERS).json()["users"])
        for change, detail in (({"name": ""}, "name"), ({"name": 5}, "string"), ({"name": " x"}, "name"), ({"name": "a\nb"}, "name"),
                               ({"name": "x" * 64}, "name"), ({"name": "a\0b"}, ""), ({"role": "root"}, "root"), ({"role": None}, "string"),
                               ({"machines": ["no such"]}, "no such"), ({"machines": "x"}, "array"), ({"password_hash": "x"}, "unknown")):
            answer = self.admin.request("POST", USERS, {**good, **change})
            self.refused(answer, 422, "bad-body")
            self.assertIn(detail, answer.json().get("detail", ""), change)
        self.refused(self.admin.request("POST", USERS, "[]"), 422, "bad-body")
        self.refused(self.admin.request("POST", USERS, '{"name":"x"'), 422, "bad-body")
        self.refused(self.admin.request("POST", USERS, '{"name":"x","role":"viewer","role":"admin"}'), 422, "bad-body", "twice")
        self.refused(self.admin.request("POST", USERS, b'{"name":"\xff","role":"viewer"}'), 422, "bad-body")
        self.refused(self.admin.request("POST", USERS, b'{"name":"x","role":"viewer"}\0'), 422, "bad-body")
        self.refused(self.admin.request("POST", USERS, ""), 400, "empty-body")
        self.refused(self.admin.request("POST", USERS, "{}", {"Content-Type": "text/plain"}), 415, "unsupported-media-type")
        self.refused(self.admin.request("POST", USERS, "{" + " " * 70000 + "}"), 413, "body-too-large")
        self.refused(self.admin.request("POST", USERS, {**good, "name": self.viewer.name.upper()}), 409, "conflict", "exists")
        self.assertEqual(len(self.admin.get(USERS).json()["users"]), before)

    def test_texts_are_kept_as_they_are(self):
        """Point 33: what looks like SQL or markup is kept as it is."""
        name = f"{NASTY} {stack.unique('u')}"
        self.assertEqual(self.admin.request("POST", USERS, {"name": name, "role": "viewer"}).json()["name"], name)
        answer = self.admin.get(USERS)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(row_of(self.admin, name)["name"], name)
        self.assertEqual(self.admin.request("PATCH", path_of(name), {"role": "operator"}).status, 204)
        self.assertEqual(self.admin.request("DELETE", path_of(name, "/second-factor")).status, 204)
        self.assertEqual(row_of(self.admin, name)["role"], "operator")

    def test_change(self):
        person = people.person(self.server, "viewer", machines=self.machines[:1])
        answer = self.admin.request("PATCH", path_of(person.name.upper()), {"machines": self.machines})
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(row_of(self.admin, person.name)["machines"], sorted(self.machines))
        for document, detail in (({}, "nothing"), ({"role": "root"}, "root"), ({"name": "x"}, "unknown"), ({"disabled": "yes"}, "true or false"),
                                 ({"machines": [1]}, "array"), ({"db_role": "no_such_login"}, "no_such_login"),
                                 ({"db_role": "rigalpha_web"}, "rigalpha_web")):
            self.refused(self.admin.request("PATCH", path_of(person.name), document), 422, "bad-body", detail)
        self.refused(self.admin.request("PATCH", path_of("nobody at all"), {"role": "viewer"}), 404, "not-found")
        self.refused(self.admin.request("POST", path_of("nobody at all", "/password")), 404, "not-found")
        self.refused(self.admin.request("DELETE", path_of("nobody at all", "/second-factor")), 404, "not-found")
        # All of it or nothing.
        self.refused(self.admin.request("PATCH", path_of(person.name), {"machines": [], "role": "root"}), 422, "bad-body")
        self.assertEqual(row_of(self.admin, person.name)["machines"], sorted(self.machines))

    def test_login_of_the_database_is_one_user(self):
        role = stack.unique("login").replace("-", "_").lower()
        first, second = people.people(self.server, "viewer", "viewer")
        stack.sql(f"CREATE ROLE {role} LOGIN")
        try:
            self.assertEqual(self.admin.request("PATCH", path_of(first.name), {"db_role": role}).status, 204)
            self.refused(self.admin.request("PATCH", path_of(second.name), {"db_role": role}), 409, "conflict", role)
            self.assertEqual(row_of(self.admin, first.name)["db_role"], role)
            self.assertEqual(self.admin.request("PATCH", path_of(first.name), {"db_role": None}).status, 204)
            self.assertIsNone(row_of(self.admin, first.name)["db_role"])
        finally:
            stack.sql(f"DROP ROLE {role}")

    def test_what_ends_sessions(self):
        """Point 25: being disabled ends all sessions, and so do other machines and another role."""
        for change in ({"role": "operator"}, {"machines": self.machines[:1]}, {"disabled": True}):
            person = people.person(self.server, "viewer")
            self.assertEqual(person.get("/api/v1/machines").status, 200)
            self.assertEqual(self.admin.request("PATCH", path_of(person.name), change).status, 204)
            self.refused(person.get("/api/v1/machines"), 401, "login-required")
            self.assertEqual(row_of(self.admin, person.name)["sessions"], 0)

    def test_disabled_user_cannot_log_in(self):
        name = stack.unique("closed")
        password = self.admin.request("POST", USERS, {"name": name, "role": "viewer"}).json()["one_time_password"]
        self.assertEqual(self.admin.request("PATCH", path_of(name), {"disabled": True}).status, 204)
        self.assertTrue(row_of(self.admin, name)["disabled"])
        self.refused(people.Person(self.server, name).login(password), 401, "login-failed")
        self.assertEqual(self.admin.request("PATCH", path_of(name), {"disabled": False}).status, 204)
        self.assertEqual(people.Person(self.server, name).login(password).status, 200)

    def test_there_is_always_an_admin(self):
        others = f"rigalpha.users WHERE role = 'admin' AND name <> '{self.admin.name}'"
        stack.sql(f"CREATE TABLE other_admins AS SELECT id FROM {others}; UPDATE rigalpha.users SET role = 'viewer'"
                  " WHERE id IN (SELECT id FROM other_admins)")
        try:
            for change in ({"disabled": True}, {"role": "operator"}):
                self.refused(self.admin.request("PATCH", path_of(self.admin.name), change), 409, "conflict", "admin")
            self.assertEqual(self.admin.get(USERS).status, 200, "the session goes on")
        finally:
            stack.sql("UPDATE rigalpha.users SET role = 'admin' WHERE id IN (SELECT id FROM other_admins); DROP TABLE other_admins")

    def test_others_may_not(self):
        """Point 32: only an admin may, whoever else asks."""
        name = stack.unique("forbidden")
        entries = stack.sql("SELECT count(*) FROM rigalpha.audit_entries WHERE kind BETWEEN 1 AND 3")
        for person in (self.operator, self.viewer):
            for method, path, document in (("GET", USERS, None), ("POST", USERS, {"name": name, "role": "admin"}),
                                           ("PATCH", path_of(person.name), {"role": "admin"}),
                                           ("POST", path_of(self.admin.name, "/password"), None),
                                           ("DELETE", path_of(self.admin.name, "/second-factor"), None)):
                answer = person.request(method, path, document)
                self.refused(answer, 403, "forbidden")
                self.assertNotIn(b"function", answer.body, "nothing from inside")
        self.assertEqual(stack.sql("SELECT count(*) FROM rigalpha.audit_entries WHERE kind BETWEEN 1 AND 3"), entries, "nothing is written")
        self.assertIsNone(row_of(self.admin, name))


class SessionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.admin = people.person(cls.server, "admin")

    def sessions(self, person, query=""):
        answer = person.get("/api/v1/sessions" + query)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["sessions"]

    def second(self, person):
        """Another session of the same user."""
        other = people.Person(self.server, person.name, people.secrets.token_urlsafe(32))
        stack.sql(f"SELECT rigalpha.create_session(id, '{other.token}') FROM rigalpha.users WHERE name = '{person.name}'")
        return other

    def test_own(self):
        """Point 28: users see their own sessions, and end them."""
        person = people.person(self.server, "viewer")
        other = self.second(person)
        listed = self.sessions(person)
        self.assertEqual([session["is_current"] for session in listed], [True, False])
        self.assertEqual(set(listed[0]), {"id", "user_name", "created_at", "last_seen", "expires_at", "address", "is_current"})
        self.assertEqual({session["user_name"] for session in listed}, {person.name})
        self.assertEqual(person.request("DELETE", f"/api/v1/sessions/{listed[1]['id']}").status, 204)
        self.assertEqual(other.get("/api/v1/me").status, 401)
        self.assertEqual(person.request("DELETE", f"/api/v1/sessions/{listed[1]['id']}").status, 404, "it has ended")

    def test_others_of_own(self):
        person = people.person(self.server, "operator")
        others = [self.second(person), self.second(person)]
        answer = person.request("DELETE", "/api/v1/sessions")
        self.assertEqual((answer.status, answer.json()), (200, {"ended": 2}))
        self.assertEqual([other.get("/api/v1/me").status for other in others], [401, 401])
        self.assertEqual(person.get("/api/v1/me").status, 200)

    def test_all(self):
        """Point 27: an admin sees and ends any session; others do not."""
        person, other = people.people(self.server, "viewer", "operator")
        names = {session["user_name"]: session["id"] for session in self.sessions(self.admin, "?all=true")}
        self.assertLessEqual({person.name, other.name, self.admin.name}, set(names))
        self.assertEqual({session["user_name"] for session in self.sessions(self.admin, "?all=false")}, {self.admin.name})
        for query, status in (("?all=true", 403), ("?all=yes", 400), ("?all=", 400)):
            self.assertEqual(person.get("/api/v1/sessions" + query).status, status)
        for user in (person, other):
            self.assertEqual(user.request("DELETE", f"/api/v1/sessions/{names[self.admin.name]}").status, 404, "not theirs")
        self.assertEqual(self.admin.request("DELETE", f"/api/v1/sessions/{names[person.name]}").status, 204)
        self.assertEqual(person.get("/api/v1/me").status, 401)

    def test_no_such(self):
        for name in ("0", "999999999", "9999999999", "-1", "x", "1;", "%20"):
            self.assertEqual(self.admin.request("DELETE", "/api/v1/sessions/" + name).status, 404, name)
