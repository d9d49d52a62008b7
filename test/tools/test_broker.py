"""rigalpha-devbroker as a process."""
import signal
import subprocess

from harness import BROKER, Broker, Process, equal, free_port, ok, poll


def run():
    broker = Broker("alpha:3", "beta")
    try:
        equal(broker.out(), f"READY {broker.address} alpha:3 beta:4\n", "the READY line names address, topics, partitions")

        listing = subprocess.run(["kcat", "-L", "-b", broker.address], capture_output=True, text=True,
                                 timeout=30, check=True).stdout
        ok(f"broker 1 at {broker.address}" in listing, "it listens on the port asked for", listing)
        ok('"alpha" with 3 partitions' in listing and '"beta" with 4 partitions' in listing,
           "topics exist with their partitions", listing)

        second = subprocess.run([BROKER, "--port", str(broker.port)], capture_output=True, text=True, timeout=30, check=False)
        equal(second.returncode, 2, "a busy port is refused")
        ok(f"127.0.0.1:{broker.port}" in second.stderr and "already in use" in second.stderr,
           "the refusal names the port", second.stderr)
    finally:
        equal(broker.stop(), 0, "SIGTERM ends it cleanly")
    equal(broker.error(), "", "it says nothing else")

    again = Broker("alpha", port=broker.port)
    equal(again.stop(signal.SIGINT), 0, "the port is free again at once, and SIGINT ends it too")

    two = subprocess.run([BROKER, "--brokers", "0"], capture_output=True, text=True, timeout=30, check=False)
    equal(two.returncode, 64, "a wrong option is refused")
    text = subprocess.run([BROKER, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    ok(all(word in text for word in ("memory", "5 MB", "oldest", "127.0.0.1")), "--help tells its limits", text)

    port = free_port(neighbours=1)
    pair = Process(BROKER, "--port", port, "--brokers", "2")
    ok(poll(lambda: f"127.0.0.1:{port + 1}" in pair.out()), "a second broker takes the next port", pair.error())
    pair.stop()
