"""Points of docs/security_checklist.md that concern all of the server, not one route."""
import base64
import json
import pathlib
import re
import subprocess
import unittest
import urllib.parse

import people
import stack
from stack import JSON

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS_OF_INSIDE = re.compile(rb"SELECT|INSERT|rigalpha_api\.|rigalpha\.[a-z_]+\(|SQLSTATE|relation |syntax error|permission denied"
                             rb"|libpq|/usr/|/var/|/tmp/|\.c:\d", re.IGNORECASE)


def paths_to_read(machine):
    """Every GET route but the stream, which has no end, about a machine where it takes one."""
    for method, pattern, _ in stack.routes():
        if method == "GET" and not pattern.endswith("/stream"):
            yield pattern.replace("{}", machine) + ("?machine=" + machine if pattern.endswith("/export.csv") else "")


class PointsTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()

    def test_reading_never_writes(self):
        """Point 10: no GET or HEAD takes a transaction number, which every write needs."""
        machine = stack.unique()
        self.assertEqual(self.server.ingest(stack.reading(machine)).status, 200)
        paths = list(paths_to_read(machine))
        self.assertGreater(len(paths), 20)

        def writes_nothing():
            before = stack.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())")
            for path in paths:
                for method in ("GET", "HEAD"):
                    answer = self.server.request(method, path, session=self.server.session)
                    self.assertIn(answer.status, (200, 404) if path.endswith("/checkpoint") else (200,), path)
            return stack.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())") == before

        # The server's own housekeeping may write in between, and the use of a session is noted once a minute.
        stack.wait_until(writes_nothing, 30, "a round of reading without a write")

    def test_reading_cannot_write(self):
        """Point 10: a view that tries to write is stopped by the transaction of the reader."""
        stack.sql("CREATE FUNCTION public.write_on_read() RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS"
                  " $$ BEGIN CREATE TABLE public.written_by_get (); RETURN true; END $$")
        stack.sql("ALTER VIEW rigalpha_api.sensors RENAME TO sensors_kept;"
                  "CREATE VIEW rigalpha_api.sensors AS SELECT * FROM rigalpha_api.sensors_kept WHERE public.write_on_read();"
                  "GRANT SELECT ON rigalpha_api.sensors TO PUBLIC")
        try:
            self.assertGreaterEqual(self.server.get("/api/v1/sensors").status, 400)
        finally:
            stack.sql("DROP VIEW rigalpha_api.sensors; ALTER VIEW rigalpha_api.sensors_kept RENAME TO sensors;"
                      "DROP FUNCTION public.write_on_read()")
        self.assertEqual(stack.sql("SELECT to_regclass('public.written_by_get')"), [[""]])

    def acts(self):
        """Method and path of every route that changes something."""
        return [(method, pattern.replace("{}", "1")) for method, pattern, _ in stack.routes() if method != "GET"]

    def test_forged_requests_do_nothing(self):
        """Point 8: whatever changes something is refused from another site, also with the cookie of an admin."""
        admin = people.person(self.server, "admin")
        before = people.count_entries()
        for method, path in self.acts():
            for header in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}):
                answer = admin.request(method, path, "{}", header)
                self.assertEqual((answer.status, answer.json()["type"]), (403, "urn:rigalpha:problem:cross-site"), f"{method} {path}")
        self.assertEqual(people.count_entries(), before)
        self.assertEqual(admin.get("/api/v1/users").status, 200, "the session goes on")

    def test_only_json_is_json(self):
        """Point 9: what a form of another site can send is no JSON, on every route that takes a body."""
        bodiless = {("DELETE", "/api/v1/session"), ("DELETE", "/api/v1/sessions"), ("DELETE", "/api/v1/sessions/1"), ("DELETE", "/api/v1/tokens/1"),
                    ("POST", "/api/v1/users/1/password"), ("DELETE", "/api/v1/users/1/second-factor")}
        admin = people.person(self.server, "admin")
        before = people.count_entries()
        for method, path in set(self.acts()) - bodiless:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json-seq"):
                answer = admin.request(method, path, "{}", {"Content-Type": kind})
                self.assertEqual((answer.status, answer.json()["type"]), (415, "urn:rigalpha:problem:unsupported-media-type"), f"{method} {path} {kind}")
        self.assertEqual(people.count_entries(), before)

    def test_page_knows_no_other_host(self):
        """Point 12: the built page loads nothing from elsewhere; namespaces and licence notes are no loads."""
        files = [path for path in (ROOT / "build" / "ui").iterdir() if path.suffix in (".html", ".js", ".css", ".svg")]
        self.assertGreaterEqual(len(files), 3)
        for path in files:
            hosts = set(re.findall(r"(?:https?:)?//([a-z0-9-]+(?:\.[a-z0-9-]+)+)", path.read_text(), re.IGNORECASE))
            self.assertEqual(hosts - {"www.w3.org"}, set(), path.name)

    def test_errors_are_generic(self):
        """Point 40: no statement, name of a file or text of the database in an error."""
        requests = [("GET", path, None, {}) for path in (
            "/api/v1/machines/'%3B--/readings", "/api/v1/machines/x/readings?from='", "/api/v1/machines/x/readings?limit=%27",
            "/api/v1/machines/%ff", "/api/v1/incidents?limit=99999999999999999999", "/nothing", "/api/v1/nothing", "/%")]
        requests += [("POST", "/api/v1/ingest", body, JSON) for body in ("{", "'; DROP TABLE x", "\0", b"\xff", "[" * 100)]
        requests += [("DELETE", "/api/v1/machines", None, {}), ("POST", "/api/v1/ingest", "x", {})]
        for method, path, body, headers in requests:
            answer = self.server.request(method, path, body, headers, self.server.session)
            self.assertGreaterEqual(answer.status, 400, path)
            self.assertNotEqual(answer.status, 401, path)
            self.assertLess(answer.status, 500, path)
            self.assertIsNone(WORDS_OF_INSIDE.search(answer.body), answer.body)
            self.assertEqual(answer.json()["request_id"], answer.headers["X-Request-Id"])

    def test_failures_inside_are_generic(self):
        """Point 40: the log has the reason, the client the number of the request."""
        stack.sql("ALTER VIEW rigalpha_api.sensors RENAME TO sensors_kept;"
                  "CREATE VIEW rigalpha_api.sensors AS SELECT 1 / (random() * 0)::integer AS \"secret column\";"
                  "GRANT SELECT ON rigalpha_api.sensors TO PUBLIC")
        try:
            answer = self.server.get("/api/v1/sensors")
        finally:
            stack.sql("DROP VIEW rigalpha_api.sensors; ALTER VIEW rigalpha_api.sensors_kept RENAME TO sensors")
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.json()["request_id"], answer.headers["X-Request-Id"])
        self.assertNotIn(b"secret column", answer.body)
        self.assertNotIn(b"division", answer.body)
        self.assertIsNone(WORDS_OF_INSIDE.search(answer.body), answer.body)

    def test_limits_of_a_body(self):
        """Point 42: one byte too many, one level too many, far too many keys; each also in chunks."""
        deep = '{"machine_id":"x","timestamp":1,"sensors":' + '{"a":' * 64 + "1" + "}" * 65
        many = json.dumps(dict(stack.reading(stack.unique()), sensors={f"s{i}": i for i in range(10000)}))
        for body, status in ((b" " * ((1 << 20) + 1), 413), (deep.encode(), 422), (b"[" * 65 + b"]" * 65, 422),
                             (many.encode(), 422)):
            for form in (body, iter([body[:1000], body[1000:]]) if len(body) > 1000 else iter([body])):
                answer = self.server.request("POST", "/api/v1/ingest", form, JSON)
                self.assertEqual(answer.status, status, answer.body[:300])
                self.assertEqual(answer.json()["status"], status)

    def test_dump_holds_no_secret(self):
        """Point 29: nothing that a dump or a row holds opens a door, neither as it is nor decoded."""
        machine, name = stack.unique(), stack.unique("dumped")
        self.assertEqual(self.server.ingest(stack.reading(machine)).status, 200)
        admin = people.person(self.server, "admin")
        given = admin.request("POST", "/api/v1/users", {"name": name, "role": "viewer"}).json()["one_time_password"]
        device = admin.request("POST", "/api/v1/tokens", {"machine": machine, "name": "t"}).json()["token"]
        session = stack.make_session(name)
        dump = subprocess.run(["pg_dump", "-h", "127.0.0.1"], check=True, capture_output=True, text=True, timeout=60).stdout
        self.assertIn(name, dump)
        self.assertIn(device[4:12], dump)
        for secret in (given, device, device[13:], session, admin.token, stack.PASSWORD):
            for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
                self.assertNotIn(form, dump)
        # The hash of a token has the size of one: it is not taken for it.
        row = stack.sql("SELECT encode(s.token_hash, 'hex'), (SELECT encode(t.secret_hash, 'hex') FROM rigalpha.api_tokens t WHERE t.id ="
                        f" '{device[4:12]}') FROM rigalpha.sessions s WHERE s.token_hash = rigalpha.secret_hash('{session}')")[0]
        self.assertEqual(self.server.get("/api/v1/me", session=session).status, 200)
        for stored in row:
            text = base64.urlsafe_b64encode(bytes.fromhex(stored)).decode().rstrip("=")
            self.assertEqual(self.server.get("/api/v1/me", session=text).status, 401)
            answer = self.server.ingest(stack.reading(machine), dict(JSON, Authorization=f"Bearer {device[:13]}{text}"))
            self.assertEqual(answer.status, 401)

    def test_sql_in_every_string(self):
        """Point 33: of what clients send nothing becomes a part of a statement; it is kept, and found again, as it is."""
        text = "'); DROP TABLE rigalpha.readings; -- $1 %s \\"
        machine, sensor, letter = f"{stack.unique('m')} {text}", f"s {text}", f"l {text} {stack.unique('x')}"
        answer = self.server.ingest({"machine_id": machine, "timestamp": "now" + text, "sensors": {sensor: 1}})
        self.assertEqual(answer.status, 422, answer.body)
        answer = self.server.ingest(dict(stack.reading(machine, 1, **{sensor: 4.25}), state=text, **{text: text}))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.server.ingest(json.dumps({"machine_id": letter + "x" * 64})).status, 422)
        path = "/api/v1/machines/" + urllib.parse.quote(machine, safe="")
        self.assertEqual(self.server.get(path).json()["name"], machine)
        self.assertEqual([row["name"] for row in self.server.get(path + "/sensors").json()["sensors"]], [sensor])
        parameters = urllib.parse.urlencode({"machine": machine, "sensors": sensor})
        self.assertEqual(self.server.get(f"{path}/readings?{parameters}").json()["values"], {sensor: [4.25]})
        self.assertIn(sensor.encode(), self.server.get(f"/api/v1/export.csv?{parameters}").body)
        letters = self.server.get("/api/v1/dead-letters?limit=5").body.decode()
        self.assertIn(json.dumps(machine, ensure_ascii=False), letters)
        self.assertEqual(stack.sql("SELECT count(*) FROM rigalpha.dead_letters WHERE position(convert_to($x$" + letter.replace("\\", "\\\\")
                                   + "$x$, 'UTF8') IN payload) > 0"), [["1"]])
        quoted = urllib.parse.quote(text, safe="")
        for query in (f"user={quoted}", f"kind={quoted}", f"machine={quoted}", f"before={quoted}", f"chain={quoted}"):
            self.assertIn(self.server.get("/api/v1/audit?" + query).status, (200, 400, 404), query)
        for query in (f"from={quoted}", f"limit={quoted}"):
            self.assertEqual(self.server.get(f"{path}/readings?{query}").status, 400, query)
        self.assertEqual(self.server.login(text, text, text).status, 401)
        for method, name in (("DELETE", "sessions"), ("DELETE", "tokens"), ("PATCH", "users")):
            answer = self.server.request(method, f"/api/v1/{name}/{quoted}", '{"role":"viewer"}', JSON, self.server.session)
            self.assertEqual(answer.status, 404, name)
        self.assertEqual(stack.count_readings(machine.replace("'", "''")), 1)
