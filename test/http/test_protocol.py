"""What holds for every answer: headers, problems, refusals, limits and deadlines."""
import json
import os
import socket
import subprocess
import time
import unittest

import stack
from stack import JSON

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
          "require-trusted-types-for 'script'")


def raw(server, text, seconds=10):
    """Sends bytes and returns all that comes back until the connection ends."""
    with server.socket(seconds) as client:
        client.sendall(text.encode("latin-1"))
        answer = b""
        while True:
            part = client.recv(65536)
            if not part:
                return answer.decode("latin-1")
            answer += part


class EveryAnswerTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()

    def check_headers(self, answer, cache="no-store"):
        """Points 4, 5, 6 and 7: what every answer carries, checked for each kind of them below."""
        headers = answer.headers
        self.assertEqual(headers.get_all("Content-Security-Policy"), [POLICY])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(headers["Cache-Control"], cache)
        self.assertTrue(headers["X-Request-Id"])
        self.assertEqual(headers["Cross-Origin-Opener-Policy"], "same-origin")
        self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
        self.assertIn("camera=()", headers["Permissions-Policy"])
        for name in ("Access-Control-Allow-Origin", "Server", "X-Powered-By", "Location", "Strict-Transport-Security"):
            self.assertIsNone(headers[name], name)

    def check_problem(self, answer, status):
        self.assertEqual(answer.status, status, answer.body)
        self.check_headers(answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual(set(problem) & {"type", "title", "status", "instance", "request_id"},
                         {"type", "title", "status", "instance", "request_id"})
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["request_id"], answer.headers["X-Request-Id"])
        return problem

    def test_good_answers(self):
        for path in ("/healthz", "/readyz", "/api/v1/status", "/api/v1/machines"):
            self.check_headers(self.server.get(path))
        self.check_headers(self.server.ingest(stack.reading(stack.unique())))

    def test_heads(self):
        for path, cache in (("/healthz", "no-store"), ("/api/v1/machines", "no-store"), ("/", "no-cache"),
                            ("/api/v1/nothing", "no-store")):
            self.check_headers(self.server.request("HEAD", path), cache)

    def test_foreign_origin_gets_no_permission(self):
        """Point 3: no answer lets a script of another site read it, also not a preflight."""
        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            answer = self.server.request(method, "/api/v1/machines", None, {
                "Origin": "https://evil.example", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "Authorization"}, self.server.session)
            self.assertEqual(answer.status, {"OPTIONS": 405, "POST": 405}.get(method, 200))
            self.assertEqual([name for name in answer.headers if name.lower().startswith("access-control-")], [])

    def test_no_redirects(self):
        """Point 13: there is no redirect, so none can be abused."""
        for target in ("/", "/assets", "/assets/", "//evil.example", "/\\evil.example", "/?next=https://evil.example",
                       "/api/v1/machines/", "/api", "/login?return=//evil.example"):
            for method in ("GET", "HEAD", "POST"):
                answer = self.server.request(method, target)
                self.assertNotIn(answer.status, (301, 302, 303, 305, 306, 307, 308), target)
                self.assertIsNone(answer.headers["Location"])
                self.assertIsNone(answer.headers["Refresh"])

    def test_stream(self):
        stream = self.server.stream()
        self.check_headers(stream.response)
        self.assertEqual(stream.response.headers["Content-Type"], "text/event-stream; charset=utf-8")
        self.assertEqual(stream.response.headers["X-Accel-Buffering"], "no")
        stream.close()

    def test_page(self):
        self.check_headers(self.server.get("/"), "no-cache")
        self.check_headers(self.server.get("/assets/app-4XKQ2ZTB.js"), "public, max-age=31536000, immutable")
        etag = self.server.get("/").headers["ETag"]
        answer = self.server.get("/", {"If-None-Match": etag})
        self.assertEqual(answer.status, 304)
        self.check_headers(answer, "no-cache")

    def test_problems(self):
        self.check_problem(self.server.get("/api/v1/machines/x/readings?limit=0"), 400)
        self.check_problem(self.server.ingest(""), 400)
        self.check_problem(self.server.get("/api/v1/nothing"), 404)
        self.check_problem(self.server.get("/api"), 404)
        self.check_problem(self.server.get("/nothing"), 404)
        self.check_problem(self.server.get("/api/v1/machines/no-such-machine"), 404)
        self.check_problem(self.server.ingest("x", {"Content-Type": "text/plain"}), 415)
        self.check_problem(self.server.ingest("{"), 422)
        self.check_problem(self.server.request("POST", "/api/v1/ingest", b" " * ((1 << 20) + 1), JSON), 413)

    def test_request_ids_differ(self):
        ids = {self.server.get("/api/v1/nothing").headers["X-Request-Id"] for _ in range(5)}
        self.assertEqual(len(ids), 5)

    def test_methods(self):
        for method, path, allow in (("GET", "/api/v1/ingest", "POST"), ("DELETE", "/api/v1/machines", "GET, HEAD"),
                                    ("OPTIONS", "/api/v1/ingest", "POST"), ("POST", "/api/v1/stream", "GET, HEAD"),
                                    ("PUT", "/", "GET, HEAD"), ("TRACE", "/healthz", "GET, HEAD"),
                                    ("GET", "/api/v1/session", "POST, DELETE"),
                                    ("PATCH", "/api/v1/me/second-factor", "PUT, POST, DELETE")):
            answer = self.server.request(method, path)
            self.check_problem(answer, 405)
            self.assertEqual(answer.headers["Allow"], allow)

    def test_malformed_targets(self):
        for target in ("/api/v1/machines/%00", "/api/v1/machines/%zz", "/%", "/a/b/c/d/e/f/g/h/i/j"):
            self.check_problem(self.server.get(target), 400)
        for target in ("/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//", "/api/v1/machines/"):
            self.check_problem(self.server.get(target), 404)

    def test_instance_is_escaped(self):
        problem = self.check_problem(self.server.get("/api/v1/a%22b%0d%0ac<img>"), 404)
        self.assertEqual(problem["instance"], "/api/v1/a%22b%0d%0ac<img>")

    def test_cross_site(self):
        """Point 8: requests from other sites are refused and write nothing."""
        machine = stack.unique()
        body = json.dumps(stack.reading(machine))
        own = f"http://127.0.0.1:{self.server.port}"
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
                        {"Origin": own.replace("http", "https")}, {"Sec-Fetch-Site": "cross-site", "Origin": own},
                        {"Sec-Fetch-Site": "none"}):
            self.check_problem(self.server.ingest(body, dict(JSON, **headers)), 403)
        self.assertEqual(stack.sql(f"SELECT count(*) FROM rigalpha.machines WHERE name = '{machine}'"), [["0"]])
        for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": own}, {}, {"Cookie": "any=1"},
                        {"Origin": own.replace("127.0.0.1", "localhost")}):
            self.assertEqual(self.server.ingest(body, dict(JSON, **headers)).status, 200)
        self.assertEqual(self.server.get("/api/v1/status", {"Sec-Fetch-Site": "cross-site"}).status, 200)

    def test_foreign_host(self):
        """A name that an attacker points at 127.0.0.1 is not served."""
        self.check_problem(self.server.get("/api/v1/status", {"Host": "rebound.example"}), 421)
        for host in ("localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "[2001:db8::1]", "localhost:80:80", "::1"):
            self.check_problem(self.server.get("/api/v1/status", {"Host": host}), 421)
        for host in ("localhost", "localhost:1234", "[::1]:80", "127.9.9.9"):
            self.assertEqual(self.server.get("/healthz", {"Host": host}).status, 200, host)

    def test_configured_origin(self):
        """Point 2: behind a proxy that ends TLS the browser is told to stay with it, too."""
        with stack.sidecar(origins="https://rig.example, https://other.example:8443") as server:
            server.wait_ready()
            headers = dict(JSON, Host="rig.example", Origin="https://rig.example")
            self.assertEqual(server.ingest(stack.reading(stack.unique()), headers).status, 200)
            self.assertEqual(server.get("/healthz").headers["Strict-Transport-Security"],
                             "max-age=63072000; includeSubDomains")
            headers["Origin"] = "https://evil.example"
            self.assertEqual(server.ingest(stack.reading(stack.unique()), headers).status, 403)

    def test_large_header(self):
        """Point 42: a header over its limit."""
        answer = self.server.get("/healthz", {"X-Padding": "x" * 17000})
        self.check_problem(answer, 431)
        self.assertIn(" 431 ", raw(self.server, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * 40000).split("\r\n")[0])

    def test_not_http(self):
        self.assertNotIn(" 200 ", raw(self.server, "\x16\x03\x01\x02garbage\r\n\r\n"))
        self.assertEqual(self.server.get("/healthz").status, 200)


class LimitsTest(unittest.TestCase):
    def test_slow_clients_are_closed(self):
        """Point 43: deadlines are absolute: a byte now and then does not help."""
        with stack.sidecar(header_timeout_ms=400, body_timeout_ms=600) as server:
            beginnings = (
                b"GET / HT", b"GET / HTTP/1.1\r\nHost: local",
                b"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
            clients = []
            for beginning in beginnings:
                client = server.socket(0.1)
                client.sendall(beginning)
                clients.append(client)
            started = time.monotonic()
            for client in clients:
                stack.wait_until(lambda: self.is_closed_dripping(client), 5, "closing")
                client.close()
            self.assertGreater(time.monotonic() - started, 0.3)
            self.assertEqual(server.get("/healthz").status, 200)

    def test_slow_reader_is_closed(self):
        """Point 43: an answer that is not taken in time ends its connection, however many bytes are taken on the way."""
        page = stack.FOLDER / "large"
        page.mkdir(exist_ok=True)
        (page / "large.bin").write_bytes(os.urandom(1 << 20) * 24)
        with stack.sidecar(body_timeout_ms=1000, web_root=page) as server:
            with server.socket(0.1, receive_buffer=4096) as client:
                client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
                started = time.monotonic()
                stack.wait_until(lambda: self.is_reset_sipping(client), 8, "closing")
                self.assertGreater(time.monotonic() - started, 0.8)
            self.assertEqual(server.get("/healthz").status, 200)

    @staticmethod
    def is_reset_sipping(client):
        try:
            return client.recv(16) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    @staticmethod
    def is_closed_dripping(client):
        try:
            client.sendall(b"x")
            return client.recv(100) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def test_idle_connections_do_not_block(self):
        """Point 43: 500 idle connections hold up nobody."""
        server = stack.shared()
        clients = [server.socket() for _ in range(500)]
        started = time.monotonic()
        self.assertEqual(server.get("/healthz").status, 200)
        self.assertLess(time.monotonic() - started, 2)
        for client in clients:
            client.close()

    def test_connections_per_address(self):
        with stack.sidecar(connections_per_ip=5) as server:
            clients = [server.socket(5) for _ in range(20)]
            refused = 0
            for client in clients:
                try:
                    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    refused += client.recv(100) == b""
                except OSError:
                    refused += 1
            self.assertEqual(refused, 15)
            for client in clients:
                client.close()
            stack.wait_until(server.is_ready, 10, "service after the clients left")

    def test_streams_in_total(self):
        with stack.sidecar(streams=2) as server:
            server.wait_ready()
            streams = [server.stream() for _ in range(2)]
            self.assertEqual([stream.status for stream in streams], [200, 200])
            answer = server.get("/api/v1/stream")
            self.assertEqual(answer.status, 503)
            self.assertTrue(answer.headers["Retry-After"])
            self.assertEqual(answer.json()["status"], 503)
            streams[0].close()
            stack.wait_until(lambda: self.stream_status(server) == 200, 5, "a free place")
            streams[1].close()

    def test_streams_unless_told(self):
        with stack.sidecar() as server:
            server.wait_ready()
            streams = [server.stream() for _ in range(201)]
            self.assertEqual([stream.status for stream in streams], [200] * 200 + [503])
            self.assertEqual(server.get("/healthz").status, 200)
            for stream in streams:
                stream.close()

    @staticmethod
    def stream_status(server):
        stream = server.stream()
        stream.close()
        return stream.status


class StartTest(unittest.TestCase):
    def run_program(self, *arguments, **environment):
        return subprocess.run([stack.PROGRAM, *arguments], env=dict(os.environ, **environment), capture_output=True,
                              text=True, timeout=10)

    def test_cleartext_only_on_loopback(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0", "[::ffff:127.0.0.1]:0"):
            result = self.run_program(RIGALPHA_LISTEN=address)
            self.assertEqual(result.returncode, 2, address)
            self.assertIn("loopback", json.loads(result.stderr)["message"])
            self.assertIn("RIGALPHA_TLS_CERTIFICATE", json.loads(result.stderr)["message"])

    def test_insecure_is_said(self):
        with stack.sidecar(listen="0.0.0.0:0", insecure="on", origins="http://rig.example", anonymous_ingest="off") as server:
            self.assertIn("insecure", [line["event"] for line in server.log()])
            for host, status in (("192.0.2.7:80", 200), ("rig.example", 200), ("rebound.example", 421)):
                self.assertEqual(server.get("/healthz", {"Host": host}).status, status, host)
            self.assertIsNone(server.get("/healthz").headers["Strict-Transport-Security"])

    def test_bound_address_is_a_host(self):
        with stack.sidecar(listen="127.3.3.3:0") as server:
            with socket.create_connection(("127.3.3.3", server.port), 10) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.3.3.3\r\nConnection: close\r\n\r\n")
                self.assertIn(b" 200 ", client.recv(100))

    def test_bad_address(self):
        for address in ("127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "[::1", ":0", "example.org:0", "127.0.0.1.example.org:0"):
            self.assertEqual(self.run_program(RIGALPHA_LISTEN=address).returncode, 2, address)

    def test_bad_settings(self):
        for name, value in (("RIGALPHA_POOL_MAX", "0"), ("RIGALPHA_MAX_BODY", "1e6"), ("RIGALPHA_LOG", "loud"),
                            ("RIGALPHA_POOL_MIN", "50"), ("RIGALPHA_INSECURE", "yes"), ("RIGALPHA_ORIGINS", "rig.example"),
                            ("RIGALPHA_ORIGINS", "https://rig.example/"), ("RIGALPHA_ORIGINS", "https://*.example"),
                            ("RIGALPHA_ORIGINS", "https://a.example, null"), ("RIGALPHA_TLS_KEY", "/nonexistent")):
            result = self.run_program(**{name: value})
            self.assertEqual(result.returncode, 2)
            self.assertIn(name, result.stderr)

    def test_port_in_use(self):
        result = self.run_program(RIGALPHA_LISTEN=f"127.0.0.1:{stack.shared().port}")
        self.assertEqual(result.returncode, 1)
        self.assertIn("in use", result.stderr)

    def test_help(self):
        result = self.run_program("--help")
        self.assertEqual(result.returncode, 0)
        for name in ("RIGALPHA_LISTEN", "RIGALPHA_WEB_ROOT", "RIGALPHA_POOL_MAX", "RIGALPHA_MAX_BODY", "DATABASE_URL"):
            self.assertIn(name, result.stdout)
        self.assertRegex(self.run_program("--version").stdout, r"^rigalpha-web \d+\.\d+\.\d+\n$")
        self.assertEqual(self.run_program("--nonsense").returncode, 2)

    def test_log(self):
        """One JSON line per request at level info, with its client, without query strings, and what clients send stays escaped."""
        with stack.sidecar(log="info") as server:
            server.wait_ready()
            server.get("/api/v1/nothing%0aforged?token=secret")
            server.get('/api/v1/"quoted\\<x>')
            server.ingest(stack.reading(stack.unique("Secret")))
            lines = stack.wait_until(lambda: [line for line in server.log() if line.get("path") == "/api/v1/ingest"])
            self.assertEqual((lines[0]["status"], lines[0]["method"], lines[0]["client"]), (200, "POST", "127.0.0.1"))
            self.assertIn('/api/v1/"quoted\\<x>', [line.get("path") for line in server.log()])
            text = server.log_path.read_text()
            self.assertNotIn("secret", text.lower())
            self.assertNotIn(os.environ["WEB_PASSWORD"], text)

    def test_quiet_log(self):
        with stack.sidecar(log="error") as server:
            server.wait_ready()
            server.get("/api/v1/nothing")
            self.assertEqual([line for line in server.log() if line["event"] == "request"], [])

    def test_refusals_are_logged(self):
        """Point 36: the first refusal of a client at once, a flood of them as one line, also at level error."""
        with stack.sidecar(log="error") as server:
            headers = dict(JSON, Origin="https://evil.example", Cookie="session=cookie-of-test")
            for _ in range(50):
                self.assertEqual(server.request("POST", "/api/v1/ingest?token=query-of-test", "{}", headers).status, 403)
            first = [line for line in server.log() if line["event"] == "refused"]
            self.assertEqual([(line["level"], line["status"], line["client"], line["path"], line["count"]) for line in first],
                             [("security", 403, "127.0.0.1", "/api/v1/ingest", 1)])
            self.assertEqual(server.stop(), 0)
            counts = [line["count"] for line in server.log() if line["event"] == "refused"]
            self.assertEqual(counts, [1, 49])
            self.assertNotIn("of-test", server.log_path.read_text())
