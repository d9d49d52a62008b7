"""Finished rows into one partition from inside the server; see module/insert_limit.c."""
import time

from harness.machine import processor_seconds
from harness.messages import MACHINES


class InsertLimit:
    name = "insert limit"

    def __init__(self, session, stream, rows, scored=False):
        self.session = session
        self.stream = stream
        self.rows = rows
        self.scored = scored
        self.processor = []  # microseconds per row

    def run(self):
        """Rows per second."""
        self.session.run("TRUNCATE rigalpha.readings")
        self.session.run("CHECKPOINT")
        backend = self.session.connection.get_backend_pid()
        processor = processor_seconds(backend)
        start = time.monotonic()
        self.session.run("CALL bench_insert_limit(%s, %s, 1000, %s, %s, 1000, %s)",
                         (self.stream.leaf, self.rows, len(MACHINES), self.stream.start, self.scored))
        seconds = time.monotonic() - start
        self.processor.append((processor_seconds(backend) - processor) / self.rows * 1e6)
        return self.rows / seconds
