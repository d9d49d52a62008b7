"""Kafka to table by our worker. A backlog is written while the source is paused, so that the
worker is measured and not the producer."""
import time

from harness.broker import Feeder
from harness.machine import processor_seconds

WAIT_SECONDS = 120
BACKLOG_SECONDS = 2  # age of its newest message; the worker takes itself for behind from one second on


class Worker:
    name = "worker"

    def __init__(self, session, stream, broker, messages):
        self.session = session
        self.stream = stream
        self.broker = broker
        self.messages = messages
        self.source = broker.topic
        self.feeder = Feeder(broker)
        self.bytes_per_row = []
        self.wal_per_row = []
        self.processor = []  # microseconds per row, all threads
        self.scored = False
        self.windowed_share = 0  # of the rows of the last run
        session.rows("SELECT rigalpha.create_kafka_source(%s, %s, %s)", (self.source, broker.address, broker.topic))
        self.wait_for_state("running")
        self.pause()

    def wait_for_state(self, state):
        self.session.wait(f"the worker to be {state}", "SELECT coalesce(bool_and(state = %s), false)"
                          " FROM rigalpha.kafka_status WHERE source = %s", (state, self.source), WAIT_SECONDS)

    def pause(self):
        self.session.rows("SELECT rigalpha.pause_source(%s)", (self.source,))
        self.wait_for_state("paused")

    def consumed(self):
        return self.session.value("SELECT coalesce(sum(messages), 0)::bigint FROM rigalpha.kafka_offsets o"
                                  " JOIN rigalpha.kafka_sources s ON s.id = o.source_id WHERE s.name = %s", (self.source,))

    def process(self):
        return self.session.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'rigalpha consumer'")

    def load(self):
        """Writes the backlog of the next run."""
        self.feeder.send(self.stream.take(self.messages))

    def run(self):
        """Readings per second, from the first batch to the last: the time that the server noted in
        each row is when its batch began, so the last batch only ends the interval."""
        self.load()
        written = time.monotonic()
        self.session.run("TRUNCATE rigalpha.readings")
        self.session.run("CHECKPOINT")
        time.sleep(max(0, written + BACKLOG_SECONDS - time.monotonic()))
        wal = self.session.value("SELECT pg_current_wal_lsn()")
        process = self.process()
        processor = processor_seconds(process)
        wanted = self.consumed() + self.messages
        self.session.rows("SELECT rigalpha.resume_source(%s)", (self.source,))
        self.session.wait("the worker to store the backlog",
                          "SELECT sum(messages) >= %s FROM rigalpha.kafka_offsets o JOIN rigalpha.kafka_sources s"
                          " ON s.id = o.source_id WHERE s.name = %s", (wanted, self.source), WAIT_SECONDS)
        self.processor.append((processor_seconds(process) - processor) / self.messages * 1e6)
        self.wait_for_state("running")  # the state of the last pause must be gone before the next
        self.wal_per_row.append(self.session.value("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::float8", (wal,)) / self.messages)
        self.pause()
        return self.rate()

    def rate(self):
        rows, in_time, seconds = self.session.rows(
            "SELECT count(*), count(*) FILTER (WHERE received_at < last), extract(epoch FROM max(received_at) - min(received_at))::float8"
            f" FROM {self.stream.leaf}, (SELECT max(received_at) AS last FROM {self.stream.leaf}) AS ends")[0]
        if rows != self.messages:
            raise RuntimeError(f"{rows} rows of {self.messages} messages")
        self.check_scores()
        size = self.session.value("SELECT pg_relation_size(%s) + pg_indexes_size(%s)", (self.stream.leaf, self.stream.leaf))
        self.bytes_per_row.append(size / rows)
        return in_time / seconds

    def check_scores(self):
        """All detectors but the windowed ones score every reading, as soon as there is a model."""
        unscored, windowed = self.session.rows(
            "SELECT count(*) FILTER (WHERE risk IS NULL OR score_z IS NULL OR score_pca IS NULL OR score_forest IS NULL),"
            f" count(score_lstm) FROM {self.stream.leaf}")[0]
        if self.scored and unscored > 0:
            raise RuntimeError(f"{unscored} of {self.messages} readings were not scored")
        self.windowed_share = windowed / self.messages
