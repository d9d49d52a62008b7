"""The simulator into the embedded broker, counted by an independent consumer."""
import os
import signal

import harness
from harness import SIM, START, Broker, Process, environment, equal, free_port, ok, poll, sim


def check_delivery(broker):
    for topic, extra in (("plain", ()), ("safe", ("--idempotent",))):
        result = sim("--kafka", broker.address, "--topic", topic, "--limit", 2000, "--rate", "max", "--sequence", "n",
                     "--start-time", START, *extra)
        equal(result.returncode, 0, f"{topic}: exit status")
        ok(result.stdout.startswith("sent 2000, acknowledged 2000, failed 0 "), f"{topic}: the summary counts", result.stdout)
        got = broker.consume(topic)
        equal(sorted(row["sensors"]["n"] for _, row in got), list(range(1, 2001)), f"{topic}: every message is there, once")
        ok(all(key == row["machine_id"] for key, row in got), f"{topic}: the key is the machine")
    for machine in "ABC":
        numbers = [row["sensors"]["n"] for key, row in got if key == machine]
        ok(numbers == sorted(numbers), f"messages of {machine} are in order")
    equal(result.stderr, "", "nothing on standard error")


def check_live(broker):
    """Real time stamps, one simulator at a time, and a clean end by a signal."""
    target = ("--kafka", broker.address, "--topic", "live")
    first = Process(SIM, *target, "--rate", 20, "--sequence", "n", "--verbose")
    ok(poll(lambda: len(broker.consume("live")) >= 30), "a live stream arrives", first.error())
    second = sim(*target, "--duration", 5)
    equal(second.returncode, 2, "a second simulator on the same target is refused")
    ok("another simulator" in second.stderr and broker.address in second.stderr and str(first.process.pid) in second.stderr,
       "with a message that names target and process", second.stderr)
    equal(sim("backfill", "--hours", 1, *target).returncode, 2, "a backfill is refused too")
    equal(sim("--kafka", broker.address, "--topic", "other", "--limit", 3, "--rate", "max").returncode, 0,
          "another topic is another target")
    equal(first.stop(), 0, "SIGTERM ends the stream with everything acknowledged")
    got = broker.consume("live")
    sent = int(first.out().split("sent ")[1].split(",")[0])
    equal(sorted(row["sensors"]["n"] for _, row in got), list(range(1, sent + 1)), "all that was sent is there")
    times = [row["timestamp"] for key, row in got if key == "A"]
    equal(times, sorted(set(times)), "live times are unique and increasing")
    equal(sim(*target, "--limit", 3, "--rate", "max").returncode, 0, "the target is free again")


def check_backfill_then_live(broker):
    stream = Process(SIM, "--kafka", broker.address, "--topic", "past", "--backfill", 0.1, "--rate", 2, "--machines", 1)
    ok(poll(lambda: len(broker.consume("past")) >= 722), "run --backfill goes on live", stream.error())
    equal(stream.stop(signal.SIGINT), 0, "SIGINT ends it")
    times = [row["timestamp"] for _, row in broker.consume("past")]
    equal(times, sorted(set(times)), "past and present follow each other in order")


def check_failures():
    dead = f"127.0.0.1:{free_port()}"
    lost = sim("--kafka", dead, "--limit", 5, "--rate", "max", "-X", "message.timeout.ms=1000")
    equal(lost.returncode, 1, "messages without acknowledgement make the exit status 1")
    ok("failed 5" in lost.stdout and "no broker answers" in lost.stderr, "and are counted", lost.stdout + lost.stderr)

    # The broker comes late: nothing is lost.
    port = free_port()
    early = Process(SIM, "--kafka", f"127.0.0.1:{port}", "--topic", "late", "--limit", 50, "--rate", "max",
                    "-X", "reconnect.backoff.max.ms=200")
    poll(lambda: "no broker answers" in early.error() or not early.alive())
    broker = Broker("late", port=port)
    equal(early.wait(), 0, "messages wait for a broker that comes later")
    equal(len(broker.consume("late")), 50, "and arrive")
    broker.stop()

    equal(sim("-X", "no.such.property=1").returncode, 64, "an unknown property is refused")
    equal(sim("--rate", "fast").returncode, 64, "a wrong number is refused")


def run():
    broker = Broker("plain:4", "safe:4", "live", "past", "other")
    try:
        check_delivery(broker)
        check_live(broker)
        check_backfill_then_live(broker)
    finally:
        broker.stop()
    check_failures()

    # Both doors to the same lock: folders differ, so only the environment decides.
    other = os.path.join(harness.scratch, "runtime")
    os.mkdir(other)
    result = sim("--limit", 1, "--rate", "max", "--kafka", "127.0.0.1:1", "-X", "message.timeout.ms=500",
                 env=environment(XDG_RUNTIME_DIR=other))
    ok(result.returncode == 1 and any(name.endswith(".lock") for name in os.listdir(other)),
       "the lock file stands in the runtime folder", result.stderr)
