"""The database goes away, is missing or slow; the sidecar is stopped or killed. Nothing answered 2xx is lost."""
import http.client
import json
import os
import random
import signal
import threading
import time
import unittest

import stack
from stack import JSON


class Poster(threading.Thread):
    """Sends numbered readings one after the other over one connection until told to stop."""

    def __init__(self, server, machine, begin, first, step):
        super().__init__()
        self.server, self.machine, self.begin, self.number, self.step = server, machine, begin, first, step
        self.stored, self.unknown, self.statuses = [], {}, set()
        self.stopping = threading.Event()

    def key(self, number):
        return f"{self.machine}:{number}"

    def run(self):
        connection = None
        while not self.stopping.is_set():
            number, self.number = self.number, self.number + self.step
            body = json.dumps(dict(stack.reading(self.machine, rpm=number), timestamp=self.begin + number))
            try:
                connection = connection or self.server.connect(10)
                connection.request("POST", "/api/v1/ingest", body, dict(JSON, **{"Idempotency-Key": self.key(number)}))
                answer = stack.Answer(connection.getresponse())
            except (OSError, http.client.HTTPException):
                self.unknown[number] = body
                if connection:
                    connection.close()
                connection = None
                if self.server.process.poll() is not None:
                    return
                continue
            self.statuses.add(answer.status)
            if answer.status == 200:
                self.stored.append(number)
            else:
                self.unknown[number] = body
        if connection:
            connection.close()


class Load:
    """Several posters; checks that what was acknowledged is in the table once, and nothing else but what was sent."""

    def __init__(self, test, server, clients=16):
        self.test = test
        self.machine = stack.unique()
        begin = round(time.time() * 1000) - 3600_000
        self.posters = [Poster(server, self.machine, begin, i, clients) for i in range(clients)]
        for poster in self.posters:
            poster.start()

    def acknowledged(self):
        return sum(len(poster.stored) for poster in self.posters)

    def wait_for(self, count, seconds=30):
        stack.wait_until(lambda: self.acknowledged() >= count, seconds, f"{count} answers")

    def finish(self):
        for poster in self.posters:
            poster.stopping.set()
        for poster in self.posters:
            poster.join(30)
            self.test.assertFalse(poster.is_alive())
        return self

    def statuses(self):
        return set().union(*(poster.statuses for poster in self.posters))

    def check(self):
        found = stack.values_of(self.machine, "rpm")
        stored = {number for poster in self.posters for number in poster.stored}
        unknown = {number for poster in self.posters for number in poster.unknown}
        self.test.assertEqual(len(found), len(set(found)), "a reading is stored twice")
        self.test.assertEqual(stored - set(found), set(), "an acknowledged reading is missing")
        self.test.assertEqual(set(found) - stored - unknown, set(), "a reading that nobody sent")
        keys = {row[0] for row in stack.sql(f"SELECT key FROM rigalpha.ingest_keys WHERE starts_with(key, '{self.machine}:') AND verdicts IS NOT NULL")}
        self.test.assertEqual(keys, {f"{self.machine}:{round(number)}" for number in found}, "keys and readings are one commit")
        self.test.assertEqual(stack.sql("SELECT * FROM rigalpha.audit_verify()"), [], "the audit log is whole")
        self.test.assertEqual(stack.sql("SELECT t, r.* FROM unnest(ARRAY['machines', 'sensors', 'api_tokens']) t,"
                                        " rigalpha.audit_reconcile(('rigalpha.' || t)::regclass) r"), [], "tables are as the log says")


class DatabaseTest(unittest.TestCase):
    def tearDown(self):
        if not self.cluster_runs():
            stack.pg_ctl("start")

    @staticmethod
    def cluster_runs():
        try:
            stack.sql("SELECT 1")
            return True
        except stack.subprocess.CalledProcessError:
            return False

    def check_unavailable(self, answer):
        self.assertEqual(answer.status, 503, answer.body)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertIn("Content-Security-Policy", answer.headers)
        self.assertEqual(answer.json()["request_id"], answer.headers["X-Request-Id"])

    def test_stop_and_start(self):
        """Point 41: 503 on every kind of route, and work goes on when the database is back."""
        with stack.sidecar() as server:
            server.wait_ready()
            stream = server.stream()
            machine = stack.unique()
            server.ingest(stack.reading(machine, 5, rpm=1))
            stream.wait_reading(machine)
            stack.pg_ctl("stop", "-m", "fast")
            stack.wait_until(lambda: not server.is_ready(), 5, "notice of the loss")
            for path in ("/readyz", "/api/v1/status", "/api/v1/machines", "/api/v1/sensors", "/api/v1/dead-letters",
                         "/api/v1/sources", "/api/v1/machines/x", "/api/v1/machines/x/readings"):
                self.check_unavailable(server.get(path))
            self.check_unavailable(server.ingest(stack.reading(machine)))
            self.check_unavailable(server.login("admin", stack.PASSWORD))
            self.check_unavailable(server.request("DELETE", "/api/v1/session", session=server.session))
            self.check_unavailable(server.get("/api/v1/stream"))
            self.assertEqual(server.get("/healthz").status, 200)
            self.assertEqual(server.get("/").status, 200)
            stack.pg_ctl("start")
            server.wait_ready(4)
            self.assertEqual(server.ingest(stack.reading(machine, rpm=2)).status, 200)
            event = stream.wait_for("reading", 10, lambda data: data["machine"] == machine and data["values"]["rpm"] == 2)
            self.assertEqual(event["readings"], 2)
            stream.close()

    def test_start_without_database(self):
        """Point 41: 503 too when the database was away at the start."""
        stack.pg_ctl("stop", "-m", "fast")
        with stack.sidecar() as server:
            self.check_unavailable(server.get("/readyz"))
            self.check_unavailable(server.ingest(stack.reading(stack.unique())))
            stack.pg_ctl("start")
            server.wait_ready(4)

    def test_away_costs_little(self):
        """No busy loop while the database is away, and one log line for the change."""
        with stack.sidecar() as server:
            server.wait_ready()
            stack.pg_ctl("stop", "-m", "fast")
            stack.wait_until(lambda: not server.is_ready(), 5, "notice of the loss")
            lines = len(server.log())
            before, started = self.cpu_seconds(server), time.monotonic()
            stack.wait_until(lambda: time.monotonic() - started > 2, 3)
            self.assertLess(self.cpu_seconds(server) - before, 0.3)
            self.assertLess(len(server.log()) - lines, 5)

    @staticmethod
    def cpu_seconds(server):
        with open(f"/proc/{server.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_crash_under_load(self):
        """The server crashes while clients post: acknowledged means stored, once; service comes back."""
        with stack.sidecar() as server:
            server.wait_ready()
            load = Load(self, server)
            load.wait_for(200)
            pid = int((stack.FOLDER / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            stack.wait_until(lambda: 503 in load.statuses(), 10, "503")
            stack.wait_until(lambda: not os.path.exists(stack.FOLDER / "data" / "postmaster.pid"), 20, "the end of the server")
            stack.pg_ctl("start")
            load.wait_for(load.acknowledged() + 200)
            load.finish().check()
            self.assertEqual(load.statuses() - {200, 503}, set())

    def test_terminated_backends(self):
        """Connections that die one by one: reads are repeated on another, posts are answered 503 at worst."""
        with stack.sidecar() as server:
            server.wait_ready()
            load = Load(self, server, 4)
            for _ in range(15):
                stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rigalpha-web'")
                answer = server.get("/api/v1/machines")
                self.assertEqual(answer.status, 200, answer.body)
            load.wait_for(load.acknowledged() + 20)
            load.finish().check()
            self.assertEqual(load.statuses() - {200, 503}, set())

    def test_missing_extension(self):
        stack.sql("DROP DATABASE IF EXISTS bare", "postgres")
        stack.sql("CREATE DATABASE bare", "postgres")
        with stack.sidecar(database="bare") as server:
            def reason():
                return server.get("/readyz").json().get("type", "")
            stack.wait_until(lambda: reason().endswith("not-installed"), 5, "not-installed")
            self.check_unavailable(server.get("/readyz"))
            self.check_unavailable(server.get("/api/v1/machines", session="A" * 43))
            self.check_unavailable(server.login("admin", "some password"))
            self.check_unavailable(server.ingest(stack.reading("x")))
            stack.sql("CREATE EXTENSION rigalpha", "bare")
            stack.wait_until(lambda: reason().endswith("not-set-up"), 5, "not-set-up")
            self.assertIn("setup()", server.get("/readyz").json()["detail"])
            stack.wait_until(lambda: server.ingest(stack.reading("x")).json()["type"].endswith("not-set-up"), 5, "refusal of ingest")
            stack.sql("SELECT rigalpha.setup()", "bare")
            server.wait_ready(5)
            self.assertEqual(server.ingest(stack.reading("x")).status, 200)
            stack.sql("DROP EXTENSION rigalpha CASCADE; CREATE EXTENSION rigalpha; SELECT rigalpha.setup()", "bare")
            stack.wait_until(lambda: server.ingest(stack.reading("y")).status == 200, 5, "ingest into the new extension")
            self.assertEqual(server.get("/api/v1/machines").status, 401, "accounts went with the old one")
            stack.forget_admin("bare")
            server.use_admin()
            self.assertEqual([m["name"] for m in server.get("/api/v1/machines").json()["machines"]], ["y"])

    def test_wrong_password(self):
        with stack.sidecar(user="postgres") as server:
            self.check_unavailable(server.get("/readyz"))
            text = server.log_path.read_text()
            self.assertNotIn(os.environ["WEB_PASSWORD"], text)

    def test_pool_is_bounded(self):
        """All connections busy: readers get 503 after the wait, nothing deadlocks, ingest goes on."""
        with stack.sidecar(pool_min=1, pool_max=2, wait_ms=300, read_timeout_ms=4000) as server:
            server.wait_ready()
            with stack.locked_table("rigalpha.kafka_workers"):
                statuses = []
                threads = [threading.Thread(target=lambda: statuses.append(server.get("/api/v1/sources").status)) for _ in range(30)]
                for thread in threads:
                    thread.start()
                stack.wait_until(lambda: len(statuses) >= 28, 3, "refusal of those that wait")
                self.assertEqual(server.ingest(stack.reading(stack.unique())).status, 200)
                self.assertEqual(server.get("/readyz").status, 503)
                for thread in threads:
                    thread.join(20)
                self.assertEqual(set(statuses), {503})
            server.wait_ready(5)

    def test_connections_stay_bounded(self):
        stack.sql("DROP DATABASE IF EXISTS bounded", "postgres")
        stack.sql("CREATE DATABASE bounded", "postgres")
        stack.sql("CREATE EXTENSION rigalpha; SELECT rigalpha.setup()", "bounded")
        with stack.sidecar(database="bounded", pool_min=2, pool_max=4) as server:
            server.wait_ready()
            threads = [threading.Thread(target=server.get, args=("/api/v1/machines",)) for _ in range(60)]
            for thread in threads:
                thread.start()
            count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rigalpha-web' AND datname = 'bounded'"
            most = int(stack.sql(count)[0][0])
            for thread in threads:
                thread.join(20)
            most = max(most, int(stack.sql(count)[0][0]))
            self.assertLessEqual(most, 4 + 2)

    def test_roles(self):
        """The login itself may do nothing; its sessions take the role to read or the role to ingest."""
        self.assertEqual(stack.sql("SELECT rolinherit, rolsuper FROM pg_roles WHERE rolname = 'rigalpha_web'"), [["f", "f"]])
        rows = stack.sql("SELECT has_schema_privilege('rigalpha_ingest', 'rigalpha', 'CREATE'),"
                         " has_table_privilege('rigalpha_viewer', 'rigalpha.readings', 'INSERT')")
        self.assertEqual(rows, [["f", "f"]])


class StopTest(unittest.TestCase):
    def test_sigterm_while_posting(self):
        for _ in range(3):
            with stack.sidecar() as server:
                server.wait_ready()
                stream = server.stream()
                load = Load(self, server)
                load.wait_for(random.randrange(50, 400))
                started = time.monotonic()
                self.assertEqual(server.stop(), 0, server.log_path.read_text()[-2000:])
                self.assertLess(time.monotonic() - started, 6)
                load.finish().check()
                self.assertEqual(load.statuses() - {200, 503}, set())
                while stream.next() is not None:
                    pass
                stream.close()
                self.assertEqual(server.log()[-1]["event"], "stopped")

    def test_sigterm_idle(self):
        server = stack.Sidecar().wait_ready()
        idle = server.socket()
        started = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - started, 2)
        idle.close()

    def test_sigterm_while_the_database_hangs(self):
        """What cannot be finished in time is not answered, and the exit status says so."""
        with stack.sidecar(stop_ms=500) as server:
            server.wait_ready()
            answers = []

            def post():
                try:
                    answers.append(server.ingest(stack.reading(stack.unique())).status)
                except (OSError, http.client.HTTPException):
                    answers.append(None)

            with stack.locked_table("rigalpha.machine_state"):
                client = threading.Thread(target=post)
                client.start()
                stack.wait_until(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                                   " AND query LIKE 'WITH stored%'") == [["1"]], 10, "a blocked batch")
                started = time.monotonic()
                self.assertEqual(server.stop(), 1)
                self.assertLess(time.monotonic() - started, 2)
                client.join(10)
            self.assertEqual(answers, [None])

    def test_sigterm_without_database(self):
        with stack.sidecar(database="nonexistent") as server:
            started = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - started, 4)

    def test_kill(self):
        """kill -9 mid-flight, several times at random points."""
        for _ in range(5):
            with stack.sidecar() as server:
                server.wait_ready()
                load = Load(self, server)
                load.wait_for(random.randrange(20, 600))
                server.kill()
                load.finish().check()

    def test_repeated_after_kill(self):
        """A client that got no answer sends again and ends with every reading once."""
        first = stack.Sidecar().wait_ready()
        load = Load(self, first, 8)
        load.wait_for(100)
        first.kill()
        load.finish()
        with stack.sidecar() as second:
            second.wait_ready()
            for poster in load.posters:
                for number, body in poster.unknown.items():
                    header = dict(JSON, **{"Idempotency-Key": poster.key(number)})
                    self.assertEqual([second.ingest(body, header).json()["accepted"] for _ in range(2)], [1, 1])
                    poster.stored.append(number)
            load.check()
