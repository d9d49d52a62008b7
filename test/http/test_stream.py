"""Event streams: what is sent, resuming, and clients that misbehave."""
import select
import threading
import time
import unittest

import stack


class StreamTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.machine = stack.unique()

    def post(self, server=None, **sensors):
        answer = (server or self.server).ingest(stack.reading(self.machine, **sensors))
        self.assertEqual(answer.status, 200, answer.body)

    def test_reading(self):
        """A reading arrives within a second of its POST."""
        stream = self.server.stream()
        self.post(rpm=1)
        stream.wait_reading(self.machine)
        started = time.monotonic()
        self.post(rpm=42.5)
        event = stream.wait_reading(self.machine)
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual(set(event), {"machine", "state", "ts", "received_at", "latency_ms", "readings", "values",
                                      "risk", "incidents", "alarms", "worst_alarm"})
        self.assertEqual(event["values"], {"rpm": 42.5})
        self.assertEqual(event["state"], "running")
        stream.close()

    def test_beginning(self):
        stream = self.server.stream()
        first = stream.next()
        self.assertEqual(first["retry"], "2000")
        self.assertRegex(first["id"], r"^[0-9a-f]{8}-\d+$")
        stream.close()

    def test_new_machine_announces_its_sensors(self):
        stream = self.server.stream()
        self.post(rpm=1)
        names = stream.wait_for("sensors", accept=lambda data: self.machine in data["machines"])
        self.assertIn(self.machine, names["machines"])
        stream.close()

    def test_edited_sensor_is_announced(self):
        self.post(rpm=1)
        stream = self.server.stream()
        stream.next()
        stack.sql("UPDATE rigalpha.sensors SET label = label || '!' WHERE name = 'rpm'")
        self.assertIn(self.machine, stream.wait_for("sensors")["machines"])
        stream.close()

    def test_all_clients_get_it(self):
        streams = [self.server.stream() for _ in range(20)]
        self.post(rpm=3)
        for stream in streams:
            self.assertEqual(stream.wait_reading(self.machine)["values"]["rpm"], 3)
            stream.close()

    def test_many_changes_become_few_events(self):
        stream = self.server.stream()
        stream.next()
        count = 400
        for start in range(0, count, 8):
            threads = [threading.Thread(target=self.server.ingest,
                                        args=(stack.reading(self.machine, count - start - i, rpm=start + i),)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        events = 0
        while True:
            event = stream.wait_reading(self.machine)
            events += 1
            if event["readings"] == count:
                break
        self.assertLess(events, count)
        stream.close()

    def test_resume(self):
        """What happened while a client was away is sent when it comes back."""
        stream = self.server.stream()
        self.post(rpm=1)
        stream.wait_reading(self.machine)
        last_id = stream.last_id
        stream.close()
        for value in (2, 3):
            other = self.server.stream()
            self.post(rpm=value)
            other.wait_reading(self.machine)
            other.close()
        stream = self.server.stream(last_id)
        self.assertEqual([stream.wait_reading(self.machine)["values"]["rpm"] for _ in range(2)], [2, 3])
        stream.close()

    def test_resume_at_the_end(self):
        stream = self.server.stream()
        self.post(rpm=1)
        stream.wait_reading(self.machine)
        last_id = stream.last_id
        stream.close()
        stream = self.server.stream(last_id)
        self.post(rpm=2)
        self.assertEqual(stream.wait_reading(self.machine)["values"]["rpm"], 2)
        stream.close()

    def test_reset(self):
        """An id that is unknown, of another boot or too old gets a reset, then live events."""
        current = self.server.stream()
        current.next()
        boot, number = current.last_id.split("-")
        current.close()
        for last_id in ("00000000-1", f"{boot}-{int(number) + 1000000}", "nonsense", f"{boot}-", f"{boot}-1x"):
            stream = self.server.stream(last_id)
            self.assertEqual(stream.wait_for("reset"), {})
            self.assertRegex(stream.last_id, rf"^{boot}-\d+$")
            self.post(rpm=time.time() % 1000)
            stream.wait_reading(self.machine)
            stream.close()

    def watch_one_machine(self, server):
        """The server's session sees this machine only, so that a short ring holds what is sent for it."""
        server.wait_ready()
        self.post(server, rpm=0)
        server.session = stack.make_session(stack.make_user(stack.unique("user"), "viewer", [self.machine]))

    def test_reset_when_too_old(self):
        with stack.sidecar(stream_events=8) as server:
            self.watch_one_machine(server)
            stream = server.stream()
            stream.next()
            old_id = stream.last_id
            for value in range(10):
                self.post(server, rpm=value)
                stream.wait_reading(self.machine)
            stream.close()
            stream = server.stream(old_id)
            self.assertEqual(stream.wait_for("reset"), {})
            stream.close()

    def test_heartbeat(self):
        with stack.sidecar(heartbeat_ms=200) as server:
            server.wait_ready()
            stream = server.stream()
            for _ in range(3):
                self.assertRegex(stream.wait_for("heartbeat", 5)["now"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            stream.close()

    def test_client_that_takes_nothing_is_dropped(self):
        with stack.sidecar(stream_timeout_ms=500, heartbeat_ms=100) as server:
            server.wait_ready()
            client = server.socket(receive_buffer=4096)
            client.sendall(server.stream_head())
            padding = {f"sensor_{i:03d}": i for i in range(400)}
            good = server.stream()
            deadline = time.monotonic() + 30
            while not self.is_dropped(client):
                self.assertLess(time.monotonic(), deadline)
                answer = server.ingest(stack.reading(self.machine, **dict(padding, rpm=time.monotonic())))
                self.assertEqual(answer.status, 200)
                good.wait_reading(self.machine)
            client.close()
            good.close()

    @staticmethod
    def is_dropped(client):
        """Asks the kernel, because reading would make the client one that reads."""
        poller = select.poll()
        poller.register(client, select.POLLRDHUP)
        return any(event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR) for _, event in poller.poll(0))

    def test_client_that_falls_behind_gets_a_reset(self):
        with stack.sidecar(stream_events=4) as server:
            self.watch_one_machine(server)
            stream = server.stream(receive_buffer=4096)
            padding = {f"sensor_{i:03d}": i for i in range(400)}
            fast = server.stream()
            for value in range(60):
                server.ingest(stack.reading(self.machine, **dict(padding, rpm=value)))
                fast.wait_reading(self.machine)
            self.assertEqual(stream.wait_for("reset"), {})
            server.ingest(stack.reading(self.machine, **dict(padding, rpm=-1)))
            stream.wait_for("reading", accept=lambda data: data["values"].get("rpm") == -1)
            fast.close()
            stream.close()

    def test_clients_come_and_go(self):
        for _ in range(100):
            with self.server.socket() as client:
                client.sendall(self.server.stream_head())
        self.post(rpm=1)
        self.assertEqual(self.server.get("/healthz").status, 200)
        stream = self.server.stream()
        self.post(rpm=2)
        stream.wait_reading(self.machine)
        stream.close()

    def test_data_is_one_line_of_json(self):
        stream = self.server.stream()
        self.machine = stack.unique("a\u2028b \"c\\ ")
        self.post(rpm=1)
        self.assertEqual(stream.wait_reading(self.machine)["machine"], self.machine)
        stream.close()
