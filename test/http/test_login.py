"""Logging in and out, and what users do to their own account."""
import base64
import ctypes
import hmac
import json
import random
import statistics
import struct
import threading
import time
import unittest

from zxcvbn import frequency_lists

import stack
from stack import COOKIE, JSON, PASSWORD

NEW_PASSWORD = "another long password"
FORGET = "DELETE FROM rigalpha.login_throttles"


def code_of(secret, step):
    """What an authenticator shows (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", step), "sha1").digest()
    start = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[start:start + 4])[0] & 0x7fffffff) % 1000000:06d}"


def weak_hash(password):
    """An Argon2id hash that was good enough once: 8 MiB, one pass."""
    bytes_of, size, number = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32
    make = ctypes.CDLL("libargon2.so.1").argon2id_hash_encoded
    make.argtypes = [number, number, number, bytes_of, size, bytes_of, size, size, bytes_of, size]
    text = ctypes.create_string_buffer(200)
    assert make(1, 8192, 1, password.encode(), len(password.encode()), b"sixteen bytes...", 16, 32, text, len(text)) == 0
    return text.value.decode()


def kind_of(answer):
    return answer.json()["type"].rsplit(":", 1)[1]


class AccountCase(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.name = stack.make_user(stack.unique("user"), "viewer")
        stack.sql(FORGET)
        self.addCleanup(stack.sql, FORGET)

    def check(self, answer, status, kind=None):
        self.assertEqual(answer.status, status, answer.body)
        if kind:
            self.assertEqual(kind_of(answer), kind)
        return answer

    def log_in(self, password=PASSWORD, **more):
        return stack.cookie_of(self.check(self.server.login(self.name, password, **more), 200))

    def send(self, method, path, body, session):
        return self.server.request(method, path, json.dumps(body) if body is not None else None, JSON, session)


class LoginTest(AccountCase):
    def test_login(self):
        answer = self.check(self.server.login(self.name.upper(), PASSWORD, headers={"User-Agent": "caf\u00e9 \u00ff"}), 200)
        self.assertEqual(answer.json(), {"name": self.name, "role": "viewer", "must_change_password": False, "second_factor": False})
        token = stack.cookie_of(answer)
        self.assertEqual(len(token), 43)
        me = self.check(self.server.get("/api/v1/me", session=token), 200).json()
        self.assertEqual((me["name"], me["role"], me["machines"]), (self.name, "viewer", []))
        self.assertEqual(set(me["session"]), {"id", "created_at", "expires_at"})
        self.assertEqual(stack.sql("SELECT address FROM rigalpha.sessions WHERE id = " + str(me["session"]["id"])), [["127.0.0.1"]])

    def test_cookie_attributes(self):
        """Point 1: the cookie of a session, which stands nowhere else."""
        answer = self.server.login(self.name, PASSWORD)
        cookies = answer.headers.get_all("Set-Cookie")
        self.assertEqual(len(cookies), 1)
        self.assertEqual(cookies[0].split("; ")[1:], ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"])
        self.assertTrue(cookies[0].startswith(COOKIE + "="))
        token = stack.cookie_of(answer)
        self.assertNotIn(token.encode(), answer.body)
        stored = stack.sql("SELECT encode(token_hash, 'hex') FROM rigalpha.sessions ORDER BY id DESC LIMIT 1")[0][0]
        self.assertNotIn(token, stored)

    def test_tokens_are_random(self):
        """Point 21: 32 bytes each, all different, and each of the 256 bits is now 0, now 1."""
        tokens = []
        for _ in range(40):
            stack.sql(FORGET)
            tokens.append(self.log_in())
        numbers = [base64.urlsafe_b64decode(token + "=") for token in tokens]
        self.assertEqual({len(number) for number in numbers}, {32})
        self.assertEqual(len(set(numbers)), 40)
        numbers = [int.from_bytes(number, "big") for number in numbers]
        ones, zeros = 0, 0
        for number in numbers:
            ones, zeros = ones | number, zeros | ~number
        whole = (1 << 256) - 1
        self.assertEqual((ones, zeros & whole), (whole, whole))

    def test_wrong_and_unknown_look_alike(self):
        """Point 19: the same status, header and body for a wrong password, an unknown, a disabled and a passwordless user."""
        def shape(answer):
            problem = answer.json()
            problem.pop("request_id")
            return answer.status, problem, sorted(answer.headers.keys())
        stack.sql(f"SELECT rigalpha.create_user('no-{self.name}', 'viewer'), rigalpha.create_user('off-{self.name}', 'viewer'),"
                  f" rigalpha.disable_user('off-{self.name}')")
        wrong = shape(self.server.login(self.name, "not the password"))
        self.assertEqual(wrong[0], 401)
        self.assertEqual(wrong[1]["type"], "urn:rigalpha:problem:login-failed")
        for name in ("nobody-" + self.name, "no-" + self.name, "off-" + self.name, "", "x" * 500, "' OR 1=1 --"):
            self.assertEqual(shape(self.server.login(name, "not the password")), wrong, name)
        self.assertEqual(shape(self.server.login(self.name, "")), wrong)

    def test_timing(self):
        """Point 19: median times of a wrong password and of an unknown user are within ten percent."""
        def seconds(name):
            stack.sql(FORGET)
            started = time.perf_counter()
            self.check(self.server.login(name, "not the password"), 401)
            return time.perf_counter() - started
        for _ in range(4):
            known, unknown = [], []
            for _ in range(15):
                known.append(seconds(self.name))
                unknown.append(seconds("nobody-" + self.name))
            known, unknown = statistics.median(known), statistics.median(unknown)
            if abs(known - unknown) <= 0.1 * max(known, unknown):
                return
        self.fail(f"{known * 1000:.1f} ms for a user, {unknown * 1000:.1f} ms for nobody")

    def test_throttle(self):
        """Point 18: of 101 guesses few are looked at; the right password works when the wait is over."""
        statuses = [self.server.login(self.name, f"guess {i}") for i in range(101)]
        looked_at = sum(answer.status == 401 for answer in statuses)
        self.assertLess(looked_at, 20)
        self.assertEqual(looked_at + sum(answer.status == 429 for answer in statuses), 101)
        refused = self.check(self.server.login(self.name, PASSWORD), 429, "too-many-attempts")
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        self.assertIsNone(stack.cookie_of(refused))
        stack.sql("UPDATE rigalpha.login_throttles SET blocked_until = '-infinity'")
        self.log_in()

    def test_guesses_side_by_side_count(self):
        answers = []
        threads = [threading.Thread(target=lambda i=i: answers.append(self.server.login(self.name, f"guess {i}").status)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(answers), 40)
        self.assertEqual(set(answers) - {401, 429}, set())
        self.assertLess(answers.count(401), 20)

    def test_logins_do_not_hold_up_readers(self):
        stop = threading.Event()

        def guess():
            while not stop.is_set():
                self.server.login("nobody-" + self.name, "x")
        threads = [threading.Thread(target=guess) for _ in range(30)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                started = time.monotonic()
                self.check(self.server.get("/api/v1/machines"), 200)
                self.assertLess(time.monotonic() - started, 1.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)

    def test_bad_bodies(self):
        for body, status in (("", 400), ("{", 422), ("[]", 422), ("null", 422), ('"x"', 422), ("{}", 422), ('{"name":"a"}', 422),
                             ('{"name":"a","password":null}', 422), ('{"name":"a","password":1}', 422),
                             ('{"name":"a","password":"b","more":1}', 422), ('{"name":"a","name":"b","password":"c"}', 422),
                             ('{"name":"a","password":"b"}x', 422), ('{"name":"a","password":"b",}', 422), ('{"name":"a" "password":"b"}', 422),
                             ('{"name":"a\\u0000","password":"b"}', 422), ('{"name":"\\ud800","password":"b"}', 422),
                             ('{"name":"a","password":{}}', 422), ('{"name":NaN,"password":"b"}', 422), ('{"name":"a","password":"b"', 422),
                             (b'{"name":"\xff","password":"b"}', 422), ('{"name":"a","password":"' + "x" * 70000 + '"}', 413)):
            answer = self.server.request("POST", "/api/v1/session", body, JSON)
            self.assertEqual(answer.status, status, (str(body)[:80], answer.body))
            self.assertIsNone(stack.cookie_of(answer))
        self.check(self.server.request("POST", "/api/v1/session", '{"name":"\\u0061","password":"\\u00e9\\u0000"}', JSON), 401)

    def test_content_type(self):
        """Point 9: JSON has its own content type, or is refused."""
        body = json.dumps({"name": self.name, "password": PASSWORD})
        for headers in ({"Content-Type": "text/plain"}, {}, {"Content-Type": "application/x-www-form-urlencoded"},
                        {"Content-Type": "application/jsonx"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}):
            self.check(self.server.request("POST", "/api/v1/session", body, headers), 415)
        self.check(self.server.request("POST", "/api/v1/session", body, {"Content-Type": "application/json; charset=utf-8"}), 200)

    def test_cross_site(self):
        """Point 8: requests from other sites are refused and write nothing."""
        token = self.log_in()
        count = "SELECT count(*) FROM rigalpha.sessions"
        before = stack.sql(count)
        cookie = {"Cookie": f"{COOKIE}={token}"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
                        {"Origin": "null"}, {}):
            answer = self.server.request("PUT", "/api/v1/me/password", json.dumps({"current": PASSWORD, "new": NEW_PASSWORD}),
                                         {**JSON, **cookie, **headers})
            self.check(answer, 403, "cross-site")
            self.check(self.server.request("DELETE", "/api/v1/session", None, {**cookie, **headers}), 403, "cross-site")
        self.check(self.server.login(self.name, PASSWORD, headers={"Sec-Fetch-Site": "cross-site"}), 403, "cross-site")
        self.assertEqual(stack.sql(count), before)
        self.check(self.server.get("/api/v1/me", session=token), 200)
        own = {**JSON, **cookie, "Origin": f"http://127.0.0.1:{self.server.port}"}
        self.check(self.server.request("DELETE", "/api/v1/session", None, own), 204)

    def test_no_fixation(self):
        """Point 22: a token that was planted, or the one of before, is not the token of the new session."""
        planted = "A" * 43
        token = self.log_in(session=planted)
        self.assertNotEqual(token, planted)
        self.check(self.server.get("/api/v1/me", session=planted), 401)
        second = self.log_in(session=token)
        self.assertNotEqual(second, token)
        self.check(self.server.get("/api/v1/me", session=token), 401, "login-required")
        self.check(self.server.get("/api/v1/me", session=second), 200)

    def test_failed_login_leaves_the_session(self):
        token = self.log_in()
        self.check(self.server.login(self.name, "wrong", session=token), 401)
        self.check(self.server.get("/api/v1/me", session=token), 200)

    def test_logout(self):
        """Point 24: the token of the cookie is worth nothing any more."""
        token, other = self.log_in(), self.log_in()
        answer = self.check(self.server.request("DELETE", "/api/v1/session", session=token), 204)
        self.assertEqual(stack.cookie_of(answer), "")
        self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])
        answer = self.check(self.server.get("/api/v1/me", session=token), 401, "login-required")
        self.assertEqual(stack.cookie_of(answer), "")
        self.check(self.server.request("DELETE", "/api/v1/session", session=token), 401)
        self.check(self.server.get("/api/v1/me", session=other), 200)

    def test_without_session(self):
        for path in ("/api/v1/me", "/api/v1/status", "/api/v1/machines", "/api/v1/machines/x", "/api/v1/machines/x/readings",
                     "/api/v1/sensors", "/api/v1/incidents", "/api/v1/models", "/api/v1/training", "/api/v1/dead-letters",
                     "/api/v1/sources", "/api/v1/stream"):
            for session in ("", "A" * 43, "short", f"{'A' * 43}; {COOKIE}={'B' * 43}"):
                answer = self.server.request("GET", path, session=session)
                self.check(answer, 401, "login-required")
        self.check(self.server.request("GET", "/healthz"), 200)
        self.check(self.server.request("GET", "/readyz"), 200)
        self.check(self.server.request("GET", "/"), 200)

    def test_rehash(self):
        """A hash of weaker parameters is replaced by the login."""
        weak = weak_hash(PASSWORD)
        stored = f"SELECT password_hash FROM rigalpha.users WHERE name = '{self.name}'"
        stack.sql(f"UPDATE rigalpha.users SET password_hash = '{weak}' WHERE name = '{self.name}'")
        self.check(self.server.login(self.name, "not it"), 401)
        self.assertEqual(stack.sql(stored), [[weak]])
        self.log_in()
        strong = stack.sql(stored)
        self.assertRegex(strong[0][0], r"^\$argon2id\$v=19\$m=19456,t=2,p=1\$")
        self.log_in()
        self.assertEqual(stack.sql(stored), strong)

    def test_secrets_stay_out_of_the_log(self):
        token = self.log_in()
        self.server.login(self.name, "a-secret-guess")
        text = self.server.log_path.read_text()
        for secret in (PASSWORD, token, "a-secret-guess"):
            self.assertNotIn(secret, text)


class PasswordTest(AccountCase):
    def change(self, current, new, session):
        return self.send("PUT", "/api/v1/me/password", {"current": current, "new": new}, session)

    def test_change(self):
        """Point 26: all other sessions of the user end."""
        token, other = self.log_in(), self.log_in()
        self.check(self.change(PASSWORD, NEW_PASSWORD, token), 204)
        self.check(self.server.get("/api/v1/me", session=token), 200)
        self.check(self.server.get("/api/v1/me", session=other), 401)
        self.check(self.server.login(self.name, PASSWORD), 401)
        self.log_in(NEW_PASSWORD)

    def test_wrong_current(self):
        """Point 16: without the current password a session that was left open changes nothing, and is no way to guess it."""
        token = self.log_in()
        for body in ({"new": NEW_PASSWORD}, {"current": None, "new": NEW_PASSWORD}, {"current": True, "new": NEW_PASSWORD}):
            self.check(self.send("PUT", "/api/v1/me/password", body, token), 422, "bad-body")
        self.check(self.change("not it", NEW_PASSWORD, token), 403, "wrong-password")
        self.check(self.change("", NEW_PASSWORD, token), 403, "wrong-password")
        self.check(self.server.login(self.name, NEW_PASSWORD), 401)
        self.log_in()
        for _ in range(8):
            answer = self.change("not it", NEW_PASSWORD, token)
        self.check(answer, 429, "too-many-attempts")

    def test_any_bytes(self):
        """Point 14: 8 to 128 characters of any kind; the last byte counts, also behind a NUL and behind the 72nd."""
        token = self.log_in()
        for new in ("x1" * 3 + "y", "\u00e4" * 7, "x1" * 64 + "y", "aaaaaaaaaaaa", PASSWORD):
            answer = self.check(self.change(PASSWORD, new, token), 422, "weak-password")
            self.assertTrue(answer.json()["detail"])
        for new in ("sp\u00e4t \u0000AB", "  tabs\tand\nlines  ", "y" * 20 + "z" * 44, "\U0001f600\U0001f642" * 32, "y" * 20 + "z" * 108):
            self.check(self.change(PASSWORD, new, token), 204)
            for wrong in (new[:-1], new + "x", new[:-1] + "\u0001", new.strip() if new != new.strip() else new.upper() + "x"):
                self.check(self.server.login(self.name, wrong), 401)
                stack.sql(FORGET)
            self.check(self.server.login(self.name, new), 200)
            self.check(self.change(new, PASSWORD, token), 204)
            stack.sql(FORGET)

    def test_common(self):
        """Point 15: the common passwords that are long enough, in any case; none is looked at further."""
        text = frequency_lists.FREQUENCY_LISTS["passwords"]
        common = [word for word in (text.split(",") if isinstance(text, str) else text) if len(word) >= 8 and word.isascii()][:3000]
        self.assertEqual(len(common), 3000)
        token = self.log_in()
        for word in common[:100] + random.sample(common, 200):
            for new in (word, word.upper()):
                self.check(self.change("not it", new, token), 422, "weak-password")

    def test_must_change_password(self):
        """Point 17: before the given password is changed there is nothing to see, and nothing else to do."""
        machine = stack.unique()
        self.server.ingest(stack.reading(machine))
        name = stack.make_user(stack.unique("new"), "admin", must_change=True)
        answer = self.check(self.server.login(name, PASSWORD), 200)
        self.assertTrue(answer.json()["must_change_password"])
        token = stack.cookie_of(answer)
        for path in ("/api/v1/machines", f"/api/v1/machines/{machine}", "/api/v1/status", "/api/v1/stream", "/api/v1/sources"):
            self.check(self.server.get(path, session=token), 403, "password-change-required")
        self.check(self.send("PUT", "/api/v1/me/second-factor", {"password": PASSWORD}, token), 403, "password-change-required")
        me = self.check(self.server.get("/api/v1/me", session=token), 200).json()
        self.assertEqual((me["must_change_password"], me["machines"]), (True, []))
        self.check(self.change(PASSWORD, NEW_PASSWORD, token), 204)
        self.check(self.server.get(f"/api/v1/machines/{machine}", session=token), 200)

    def test_first_password(self):
        """Point 17: nobody is there by default, the first password is random, lets nobody see anything, and ends with its change."""
        stack.sql("DROP DATABASE IF EXISTS first", "postgres")
        stack.sql("CREATE DATABASE first", "postgres")
        stack.sql("CREATE EXTENSION rigalpha; SELECT rigalpha.setup()", "first")
        self.assertEqual(stack.sql("SELECT count(*) FROM rigalpha.users", "first"), [["0"]])
        given = stack.create_admin("first", "root")
        self.assertRegex(given, r"^([a-z2-7]{4}-){7}[a-z2-7]{4}$")
        self.assertEqual(stack.sql("SELECT name, must_change_password FROM rigalpha.users", "first"), [["root", "t"]])
        with self.assertRaises(stack.subprocess.CalledProcessError) as failed:
            stack.create_admin("first")
        self.assertIn("there are users already", failed.exception.stderr)
        with stack.sidecar(database="first") as server:
            stack.wait_until(server.is_ready)
            for name, password in (("admin", "admin"), ("root", "root"), ("root", "password"), ("root", ""), ("postgres", "postgres")):
                self.check(server.login(name, password), 401, "login-failed")
            stack.sql(FORGET, "first")
            token = stack.cookie_of(self.check(server.login("root", given), 200))
            self.check(server.get("/api/v1/users", session=token), 403, "password-change-required")
            body = json.dumps({"current": given, "new": given})
            self.check(server.request("PUT", "/api/v1/me/password", body, JSON, token), 422, "weak-password")
            body = json.dumps({"current": given, "new": NEW_PASSWORD})
            self.check(server.request("PUT", "/api/v1/me/password", body, JSON, token), 204)
            self.check(server.get("/api/v1/users", session=token), 200)
            self.check(server.login("root", given), 401, "login-failed")


class SecondFactorTest(AccountCase):
    def setUp(self):
        super().setUp()
        self.token = self.log_in()

    def make_secret(self):
        answer = self.check(self.send("PUT", "/api/v1/me/second-factor", {"password": PASSWORD}, self.token), 200).json()
        self.assertIn("secret=" + answer["secret"], answer["uri"])
        return answer["secret"]

    def confirm(self, secret):
        """Confirms by the code of the step before this one; returns the current step, which is not used yet."""
        def send():
            step = int(time.time()) // 30
            return step if self.send("POST", "/api/v1/me/second-factor", {"code": code_of(secret, step - 1)}, self.token).status == 204 else None
        return stack.wait_until(send, 5, "confirmation")

    def test_second_factor(self):
        """Point 20: a code of the authenticator is asked for, and taken once."""
        secret = self.make_secret()
        self.log_in()
        self.check(self.send("POST", "/api/v1/me/second-factor", {"code": "000"}, self.token), 422, "wrong-code")
        self.assertFalse(self.server.get("/api/v1/me", session=self.token).json()["second_factor"])
        step = self.confirm(secret)
        self.assertTrue(self.server.get("/api/v1/me", session=self.token).json()["second_factor"])
        self.check(self.send("POST", "/api/v1/me/second-factor", {"code": code_of(secret, step)}, self.token), 404)
        stack.sql(FORGET)
        self.check(self.server.login(self.name, PASSWORD), 401, "code-required")
        self.check(self.server.login(self.name, "wrong"), 401, "login-failed")
        self.check(self.server.login(self.name, PASSWORD, "12345"), 401, "login-failed")
        self.check(self.server.login(self.name, PASSWORD, code_of(secret, step - 1)), 401, "login-failed")
        stack.sql(FORGET)
        code = code_of(secret, step)
        answer = self.check(self.server.login(self.name, PASSWORD, code), 200)
        self.assertTrue(answer.json()["second_factor"])
        self.check(self.server.login(self.name, PASSWORD, code), 401, "login-failed")

    def test_code_is_used_once_side_by_side(self):
        """Point 20: of logins with the same code one succeeds."""
        secret = self.make_secret()
        code = code_of(secret, self.confirm(secret))
        stack.sql(FORGET)
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.server.login(self.name, PASSWORD, code).status)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(sorted(statuses), [200, 401, 401, 401])

    def test_removal(self):
        secret = self.make_secret()
        self.confirm(secret)
        self.check(self.send("DELETE", "/api/v1/me/second-factor", {"password": "wrong"}, self.token), 403, "wrong-password")
        self.check(self.server.login(self.name, PASSWORD), 401, "code-required")
        self.check(self.send("DELETE", "/api/v1/me/second-factor", {"password": PASSWORD}, self.token), 204)
        self.log_in()
        self.check(self.send("POST", "/api/v1/me/second-factor", {"code": "123456"}, self.token), 404)
