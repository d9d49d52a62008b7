"""SIGTERM to exit of the worker: idle, storing at full speed, and with its broker gone."""
import os
import select
import signal
import time

from contenders.worker import Worker
from harness.broker import EmbeddedBroker
from harness.database import Session
from harness.messages import Stream

ROUNDS = 5
BACKLOG = 100_000
WAIT_SECONDS = 30


class Victim(Worker):
    """A worker that is ended again and again; its supervisor starts the next one."""

    def __init__(self, session, stream, broker):
        super().__init__(session, stream, broker, BACKLOG)
        self.resume()

    def resume(self):
        self.session.rows("SELECT rigalpha.resume_source(%s)", (self.source,))

    def wait_for_process(self, state):
        """A living worker that has reported this state itself."""
        self.session.wait(f"a worker that is {state}", """
            SELECT count(*) = 1 FROM rigalpha.kafka_workers w JOIN pg_stat_activity a ON a.pid = w.holder_pid
            WHERE w.state = %s AND a.backend_type = 'rigalpha consumer'""", (state,), WAIT_SECONDS)

    def end(self):
        """Milliseconds from the signal to the end of the process."""
        process = self.process()
        handle = os.pidfd_open(process)
        start = time.monotonic()
        os.kill(process, signal.SIGTERM)
        ended, _, _ = select.select([handle], [], [], WAIT_SECONDS)
        milliseconds = (time.monotonic() - start) * 1000
        os.close(handle)
        if not ended:
            raise RuntimeError("the worker did not end")
        return milliseconds

    def end_idle(self):
        self.wait_for_process("running")
        return self.end()

    def end_busy(self):
        """In the middle of a backlog."""
        self.wait_for_process("running")
        self.pause()
        before = self.consumed()
        self.load()
        self.resume()
        self.session.wait("the first messages", "SELECT sum(messages) > %s FROM rigalpha.kafka_offsets", (before,), pause=0.005)
        milliseconds = self.end()
        if self.consumed() >= before + BACKLOG:
            raise RuntimeError("the backlog was stored before the worker could be ended")
        self.session.wait("the rest of the backlog", "SELECT sum(messages) >= %s FROM rigalpha.kafka_offsets", (before + BACKLOG,))
        return milliseconds

    def end_without_broker(self):
        self.session.wait("a worker", "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer'")
        self.session.wait("the worker to notice", "SELECT bool_and(state NOT IN ('running', 'stopped')) FROM rigalpha.kafka_status")
        return self.end()


def run(report, stack, rounds=ROUNDS):
    session = Session()
    stream = Stream(days_ago=3)
    broker = EmbeddedBroker(stack.folder, "stop")
    report.heading("Worker, SIGTERM to exit")
    try:
        victim = Victim(session, stream, broker)
        report.alone("idle", "ms", [victim.end_idle() for _ in range(rounds)], floor=1000, goal=100)
        report.alone("storing a backlog", "ms", [victim.end_busy() for _ in range(rounds)], floor=1000, goal=100)
    finally:
        broker.stop()
    report.alone("broker gone", "ms", [victim.end_without_broker() for _ in range(rounds)], floor=1000, goal=100)
    session.rows("SELECT rigalpha.drop_source(%s)", (victim.source,))
    session.close()
