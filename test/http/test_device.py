"""POST /api/v1/ingest with the token of a device: what it may send, its quota, and requests that act once."""
import json
import threading
import unittest

import stack
from stack import JSON, NDJSON


def issue(machine, name="gateway", **options):
    """Makes the machine, if need be, and a token of it."""
    stack.sql(f"INSERT INTO rigalpha.machines (name) SELECT '{machine}' WHERE NOT EXISTS"
              f" (SELECT FROM rigalpha.machines WHERE name = '{machine}')")
    further = "".join(f", {key} => '{value}'" for key, value in options.items())
    return stack.sql(f"SELECT rigalpha.issue_token('{machine}', '{name}'{further})")[0][0]


def headers(token, key=None, base=JSON):
    result = dict(base, Authorization="Bearer " + token)
    if key is not None:
        result["Idempotency-Key"] = key
    return result


def timeless(machine, **sensors):
    """A reading without a time: sent twice it is two readings."""
    return {"machine_id": machine, "sensors": sensors or {"rpm": 1}}


class DeviceTest(unittest.TestCase):
    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = stack.Sidecar(anonymous_ingest="off", log="info").wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.machine = stack.unique()
        self.token = issue(self.machine)

    def send(self, payload, status, header, problem=None):
        answer = self.server.ingest(payload, header)
        self.assertEqual(answer.status, status, answer.body)
        if problem:
            self.assertEqual(answer.json()["type"], "urn:rigalpha:problem:" + problem)
        if status == 401:
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer "))
        return answer

    def test_good(self):
        self.assertEqual(self.send(stack.reading(self.machine), 200, headers(self.token)).json()["accepted"], 1)
        self.assertEqual(stack.count_readings(self.machine), 1)

    def test_without(self):
        reading = stack.reading(self.machine)
        self.send(reading, 401, JSON, "token-required")
        self.send(reading, 401, dict(JSON, Cookie="__Host-rigalpha=" + "x" * 43), "token-required")
        answer = self.server.request("POST", f"/api/v1/ingest?access_token={self.token}&token={self.token}", json.dumps(reading), JSON)
        self.assertEqual(answer.status, 401)
        for value in ("", "Bearer", "Basic " + self.token, self.token, f"Bearer {self.token} {self.token}", "Bearer " + "x" * 500):
            self.send(reading, 401, dict(JSON, Authorization=value), "token-refused")
        self.assertEqual(stack.count_readings(self.machine), 0)

    def test_refused(self):
        """Unknown, revoked, expired, from elsewhere: nothing is stored, and no dead letter is left."""
        letters = stack.sql("SELECT count(*) FROM rigalpha.dead_letters")
        revoked, expired = issue(self.machine, "revoked"), issue(self.machine, "expired")
        away = issue(self.machine, "away", network="192.0.2.0/24")
        stack.sql(f"SELECT rigalpha.revoke_token('{revoked[4:12]}')")
        stack.sql(f"UPDATE rigalpha.api_tokens SET expires_at = clock_timestamp() WHERE id = '{expired[4:12]}'")
        for token, reason in ((self.token[:-1] + ("A" if self.token[-1] != "A" else "B"), "token_unknown"), ("x", "token_unknown"),
                              (revoked, "token_revoked"), (expired, "token_expired"), (away, "token_network")):
            for body in (stack.reading(self.machine), "not json"):
                problem = self.send(body, 401, headers(token), "token-refused").json()
                self.assertEqual([error["reason"] for error in problem["errors"]], [reason])
        self.assertEqual(stack.count_readings(self.machine), 0)
        self.assertEqual(stack.sql("SELECT count(*) FROM rigalpha.dead_letters"), letters)
        near = issue(self.machine, "near", network="127.0.0.0/8")
        self.send(stack.reading(self.machine), 200, headers(near))

    def test_only_sends(self):
        """Point 35: no route but that for readings takes a token of a device, in no place."""
        asked = 0
        bodies = {"PUT /api/v1/me/password": {"current": "x", "new": "a fine password"}, "POST /api/v1/me/second-factor": {"code": "1"},
                  "PUT /api/v1/me/second-factor": {"password": "x"}, "DELETE /api/v1/me/second-factor": {"password": "x"}}
        for method, pattern, access in stack.routes():
            if access not in ("user", "own"):
                continue
            path = pattern.replace("{}", self.machine)
            body = None if method == "GET" else json.dumps(bodies.get(f"{method} {pattern}", {}))
            for header in ({"Authorization": "Bearer " + self.token}, {"Cookie": f"{stack.COOKIE}={self.token}"},
                           {"Cookie": f"{stack.COOKIE}={self.token[13:]}"}):
                answer = self.server.request(method, f"{path}?machine={self.machine}&access_token={self.token}",
                                             body, dict(JSON, **header, **{"Sec-Fetch-Site": "same-origin"}))
                self.assertEqual((answer.status, answer.json()["type"]), (401, "urn:rigalpha:problem:login-required"), f"{method} {pattern}")
                asked += 1
        self.assertGreater(asked, 90)

    def test_other_machine(self):
        """Point 35: a foreign machine is refused as an unknown one, and nothing is stored of it."""
        other, unknown = stack.unique(), stack.unique()
        issue(other)
        details = []
        for machine in (other, unknown):
            problem = self.send(stack.reading(machine), 422, headers(self.token), "nothing-usable").json()
            details.append([dict(error, dead_letter_id=0) for error in problem["errors"]])
        self.assertEqual(details[0], details[1])
        self.assertEqual(details[0][0]["reason"], "foreign_machine")
        self.assertEqual(stack.count_readings(other), 0)
        self.assertEqual(stack.sql(f"SELECT count(*) FROM rigalpha.machines WHERE name = '{unknown}'"), [["0"]])
        answer = self.send([stack.reading(self.machine), stack.reading(other)], 200, headers(self.token)).json()
        self.assertEqual((answer["accepted"], answer["rejected"]), (1, 1))

    def test_exchange(self):
        """Two live tokens: the device changes over, then the old one is revoked."""
        second = issue(self.machine)
        self.send(stack.reading(self.machine, 3), 200, headers(self.token))
        self.send(stack.reading(self.machine, 2), 200, headers(second))
        stack.sql(f"SELECT rigalpha.revoke_token('{self.token[4:12]}')")
        self.send(stack.reading(self.machine, 1), 401, headers(self.token))
        self.send(stack.reading(self.machine, 0), 200, headers(second))

    def test_quota(self):
        token = issue(self.machine, "slow", readings_per_minute=2)
        many = [stack.reading(self.machine, n) for n in range(10, 13)]
        answer = self.send(many, 429, headers(token, "k"), "quota")
        self.assertTrue(1 <= int(answer.headers["Retry-After"]) <= 60)
        self.assertIsNone(answer.json()["errors"][0]["dead_letter_id"])
        self.assertEqual(stack.count_readings(self.machine), 0)
        self.send(many[:2], 200, headers(token, "k"))

    def test_key(self):
        first = self.send(timeless(self.machine), 200, headers(self.token, "boot:1"))
        again = self.send(timeless(self.machine), 200, headers(self.token, "boot:1"))
        self.assertEqual(first.body, again.body)
        self.send(timeless(self.machine, rpm=2), 422, headers(self.token, "boot:1"), "key-reused")
        self.assertEqual(stack.values_of(self.machine, "rpm"), [1])
        for key in ("", "a b", "x" * 129):
            self.send(timeless(self.machine), 400, headers(self.token, key), "bad-parameter")
        lines = "\n".join(json.dumps(timeless(self.machine, rpm=n)) for n in (5, 6)) + "\nbroken"
        answers = [self.send(lines, 200, headers(self.token, "lines", NDJSON)) for _ in range(2)]
        self.assertEqual(answers[0].body, answers[1].body)
        self.assertEqual(sorted(stack.values_of(self.machine, "rpm")), [1, 5, 6])

    def test_key_in_parallel(self):
        answers = []
        with stack.locked_table("rigalpha.machine_state"):
            threads = [threading.Thread(target=lambda: answers.append(
                self.server.ingest(timeless(self.machine), headers(self.token, "parallel")))) for _ in range(20)]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual([(answer.status, answer.json()["accepted"]) for answer in answers], [(200, 1)] * 20)
        self.assertEqual(stack.count_readings(self.machine), 1)

    def test_key_after_kill(self):
        """A sidecar that is killed mid-flight: whatever became of the request, repeating it stores it once."""
        for number in range(5):
            key = f"kill:{number}"
            with stack.sidecar(anonymous_ingest="off") as server:
                server.wait_ready()
                client = server.socket()
                body = json.dumps(timeless(self.machine, rpm=number))
                client.sendall((f"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                                f"Authorization: Bearer {self.token}\r\nIdempotency-Key: {key}\r\n\r\n{body}").encode())
                if number % 2:
                    stack.wait_until(lambda wanted=key: stack.sql(f"SELECT count(*) FROM rigalpha.ingest_keys WHERE key = '{wanted}'"
                                                                  f" AND token_id = '{self.token[4:12]}'") == [["1"]], 10)
                server.kill()
                client.close()
            self.send(timeless(self.machine, rpm=number), 200, headers(self.token, key))
        self.assertEqual(sorted(stack.values_of(self.machine, "rpm")), list(range(5)))

    def test_secret(self):
        """The token stands in no log, dead letter, audit entry or list of statements."""
        secret = self.token[13:]
        self.send("broken", 422, headers(self.token))
        self.send(stack.reading(stack.unique()), 422, headers(self.token))
        with stack.locked_table("rigalpha.machine_state"):
            client = threading.Thread(target=lambda: self.server.ingest(stack.reading(self.machine), headers(self.token)))
            client.start()
            stack.wait_until(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                               " AND query LIKE 'WITH stored%'") == [["1"]], 10)
            activity = stack.sql("SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE pid <> pg_backend_pid()")[0][0]
        client.join(20)
        self.assertNotIn(secret, activity)
        self.assertNotIn(secret, self.server.log_path.read_text())
        self.assertNotIn(secret, (stack.FOLDER / "postgresql.log").read_text())
        self.assertNotIn(secret.encode().hex(), (stack.FOLDER / "postgresql.log").read_text())
        rows = stack.sql(f"SELECT (SELECT count(*) FROM rigalpha.dead_letters d WHERE strpos(d::text, '{secret}') > 0),"
                         f" (SELECT count(*) FROM rigalpha.audit_entries e WHERE position('{secret}'::bytea IN e.payload) > 0)")
        self.assertEqual(rows, [["0", "0"]])
        rows = stack.sql(f"SELECT reason FROM rigalpha.audit_log WHERE new ->> 'token' = '{self.token[4:12]}' AND kind = 'refusal'")
        self.assertEqual(rows, [["foreign_machine"]])

    def test_setting(self):
        with self.assertRaisesRegex(AssertionError, "must be on or off"):
            stack.Sidecar(anonymous_ingest="yes")
