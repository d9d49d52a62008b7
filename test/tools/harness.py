"""TAP output, bounded polling, and the processes that the tests start."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("RIGALPHA_BIN", os.path.join(ROOT, "build", "bin"))
SIM = os.path.join(BIN, "rigalpha-sim")
BROKER = os.path.join(BIN, "rigalpha-devbroker")
START = "2026-01-05T12:00:00Z"
TIMEOUT = 60

scratch = tempfile.mkdtemp(prefix="rigalpha-tools-")
count = 0
failures = 0


def note(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(condition, name, detail=None):
    global count, failures
    count += 1
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    if not condition:
        failures += 1
        if detail is not None:
            note(detail)
    return bool(condition)


def equal(got, wanted, name):
    return ok(got == wanted, name, f"got {got!r:.500}, wanted {wanted!r:.500}")


def skip(name, reason):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {reason}", flush=True)


def guarded(name, test):
    """Runs one subject; an exception fails it and leaves the others alone."""
    try:
        test()
    except Exception:
        ok(False, f"{name}: no exception", traceback.format_exc())


def poll(condition, timeout=TIMEOUT):
    """Waits until condition() is true, for a bounded time; returns its last value."""
    until = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value or time.monotonic() > until:
            return value
        pause.wait(0.05)


def free_port(neighbours=0):
    """A port that nobody listens on, and as many behind it."""
    while True:
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for offset in range(neighbours + 1):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port + offset if port else 0))
                    port = port or probe.getsockname()[1]
                return port
            except (OSError, OverflowError):
                continue


def environment(**changes):
    """Nothing of a surrounding demo reaches the programs under test."""
    result = {k: v for k, v in os.environ.items() if not k.startswith("PG") and k != "KAFKA_BROKERS"}
    result["XDG_RUNTIME_DIR"] = scratch
    result.update(changes)
    return result


def sim(*arguments, env=None, timeout=TIMEOUT):
    return subprocess.run([SIM, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=env or environment(), check=False)


def messages(*arguments):
    """What the simulator prints to standard output, parsed."""
    result = sim("--stdout", *arguments)
    if result.returncode != 0:
        raise RuntimeError(f"exit status {result.returncode}: {result.stderr}")
    return [json.loads(line) for line in result.stdout.splitlines()]


class Process:
    """A process in the background, with its output in files."""

    def __init__(self, *command, env=None):
        self.out_path = tempfile.mktemp(dir=scratch, prefix="out-")
        self.error_path = tempfile.mktemp(dir=scratch, prefix="error-")
        with open(self.out_path, "w", encoding="utf-8") as out, open(self.error_path, "w", encoding="utf-8") as error:
            self.process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=error,
                                            env=env or environment())

    def out(self):
        with open(self.out_path, encoding="utf-8") as file:
            return file.read()

    def error(self):
        with open(self.error_path, encoding="utf-8") as file:
            return file.read()

    def alive(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM, timeout=TIMEOUT):
        if self.alive():
            self.process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout=TIMEOUT):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "timeout"


class Broker(Process):
    def __init__(self, *topics, port=None):
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        options = [word for topic in topics for word in ("--topic", topic)]
        super().__init__(BROKER, "--port", self.port, *options)
        if not poll(lambda: self.out().startswith("READY") or not self.alive()) or not self.alive():
            raise RuntimeError(f"no broker: {self.error()}")

    def consume(self, topic, *options):
        """Everything in the topic as (key, message)."""
        result = subprocess.run(["kcat", "-C", "-e", "-q", "-b", self.address, "-t", topic, "-f", "%k\t%s\n", *options],
                                capture_output=True, text=True, timeout=TIMEOUT, check=True)
        return [(key, json.loads(text)) for key, text in
                (line.split("\t", 1) for line in result.stdout.splitlines())]


def finish():
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"1..{count}")
    if failures:
        note(f"{failures} of {count} failed")
    sys.exit(1 if failures else 0)
