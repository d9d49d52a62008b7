"""From a device's POST to the event at a browser, at 1,000 readings a second in a steady pace.

One process and one clock: the time runs from when a reading was due to be sent until the event
arrives that carries it, or a newer reading of its machine (an event holds the newest values).
"""
import collections
import datetime
import json
import selectors
import socket
import time

from contenders.web_server import Sidecar
from harness.database import Session
from harness.messages import MACHINES, Stream
from harness.rounds import percentile

ROUNDS = 5
SECONDS = 4
RATE = 1000
CONNECTIONS = 16
PATIENCE_SECONDS = 10


class Device:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, message):
        self.socket.sendall(b"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                            % (len(message), message))

    def receive(self):
        """True when the answer is complete."""
        self.received += self.socket.recv(65536)
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.received.decode())
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        if len(body) < length:
            return False
        self.received = b""
        return True


class Browser:
    """The event stream, read as it comes; HTTP/1.0, because that has no chunks to take apart."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET /api/v1/stream HTTP/1.0\r\nAccept: text/event-stream\r\nCookie: __Host-rigalpha=%b\r\n\r\n"
                            % token.encode())
        self.received = b""

    def receive(self):
        """The complete events: machine and time of each reading."""
        self.received += self.socket.recv(1 << 20)
        *events, self.received = self.received.split(b"\n\n")
        for event in events:
            if b"event: reading" in event:
                data = json.loads(event[event.index(b"data: ") + 6:].split(b"\n")[0])
                yield data["machine"], datetime.datetime.fromisoformat(data["ts"])


class Run:
    """Sends the readings when they are due and notes when each is seen."""

    def __init__(self, port, token, seconds):
        self.stream = Stream(days_ago=0)
        self.stream.start = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.count = RATE * seconds
        self.waiting = {name: collections.deque() for name in MACHINES}
        self.latencies = []
        self.browser = Browser(port, token)
        self.idle = [Device(port) for _ in range(CONNECTIONS)]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.browser.socket, selectors.EVENT_READ, self.browser)
        for device in self.idle:
            self.selector.register(device.socket, selectors.EVENT_READ, device)

    def go(self):
        """Latencies in milliseconds, ascending."""
        messages = self.stream.take(self.count)
        start = time.monotonic() + 0.5  # the stream's first events pass
        sent = 0
        while len(self.latencies) < self.count:
            now = time.monotonic()
            if now > start + self.count / RATE + PATIENCE_SECONDS:
                raise TimeoutError(f"{self.count - len(self.latencies)} of {self.count} readings were not seen")
            while sent < self.count and self.idle and start + sent / RATE <= now:
                self.waiting[MACHINES[sent % len(MACHINES)]].append((self.stream.time_of(sent), start + sent / RATE))
                self.idle.pop().send(messages[sent])
                sent += 1
            pause = max(0, start + sent / RATE - time.monotonic()) if sent < self.count and self.idle else 0.1
            for key, _ in self.selector.select(pause):
                self.take(key.data)
        self.close()
        return sorted(self.latencies)

    def take(self, source):
        if isinstance(source, Device):
            if source.receive():
                self.idle.append(source)
            return
        for machine, ts in source.receive():
            now = time.monotonic()
            waiting = self.waiting[machine]
            while waiting and waiting[0][0] <= ts:
                self.latencies.append((now - waiting.popleft()[1]) * 1000)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def run(report, stack, rounds=ROUNDS, seconds=SECONDS):
    session = Session()
    sidecar = Sidecar(session)
    try:
        Run(sidecar.port, sidecar.token, 1).go()  # warm-up
        runs = [Run(sidecar.port, sidecar.token, seconds).go() for _ in range(rounds)]
    finally:
        sidecar.stop()
        session.close()
    report.heading(f"Device to browser, POST to event, {RATE:,} readings/s over {CONNECTIONS} connections")
    report.alone("p50", "ms", [percentile(latencies, 0.50) for latencies in runs], goal=15)
    report.alone("p99", "ms", [percentile(latencies, 0.99) for latencies in runs], floor=100, goal=50)
    report.alone("slowest", "ms", [latencies[-1] for latencies in runs])
