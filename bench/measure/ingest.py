"""Kafka to table, against the insert limit, Python consumers and COPY BINARY, and the bytes of a row;
then the same with models deployed, so that every reading is scored."""
from contenders.copy_binary import CopyBinary
from contenders.insert_limit import InsertLimit
from contenders.python_consumer import Jsonb, Lists, Literals, Scoring
from contenders.worker import Worker
from harness.database import Session
from harness.messages import MACHINES, Stream
from harness.rounds import interleave

ROUNDS = 5
MESSAGES = 201_000  # of the worker, the insert limit and COPY
PYTHON_MESSAGES = 12_000  # as many as take a second or two
EXAMPLES = 2_000  # messages of each machine that the models learn from


class Ingest:
    def __init__(self, stack, messages):
        self.session = Session()
        self.stream = Stream()
        self.session.rows("SELECT rigalpha.ensure_partitions(ARRAY[%s])", (self.stream.day,))
        self.worker = Worker(self.session, self.stream, stack.broker, messages)
        self.limit = InsertLimit(self.session, self.stream, messages)

    def compare(self, others, rounds):
        """Readings per second of each, by name."""
        contenders = [self.worker, self.limit, *others]
        figures = interleave({contender.name: contender.run for contender in contenders}, rounds)
        for samples in (self.worker.processor, self.worker.bytes_per_row, self.worker.wal_per_row, self.limit.processor):
            del samples[:-rounds]  # as interleave() leaves the warm-up out
        return figures

    def learn(self):
        """Deploys a model for each machine, trained on messages, which are returned; from now on the rows are scored."""
        examples = self.stream.take(EXAMPLES * len(MACHINES))
        self.session.rows("SELECT rigalpha.ingest(%s, 'http')", (examples,))
        for machine in MACHINES:
            self.session.rows("SELECT rigalpha.train(rigalpha.auto_model(%(machine)s), format("
                              "'SELECT * FROM rigalpha.training_readings(%%L, %%s)', %(machine)s, %(rows)s), 'hybrid', %(machine)s)",
                              {"machine": machine, "rows": EXAMPLES})
        self.worker.scored = self.limit.scored = True
        return examples

    def close(self):
        self.session.rows("SELECT rigalpha.drop_source(%s)", (self.worker.source,))
        self.session.close()


def report_limit(report, ingest, figures, kind=""):
    worker, limit = ingest.worker, ingest.limit
    report.against(f"{kind}worker / insert limit", "readings/s", figures[worker.name], limit.name, figures[limit.name], floor=0.40, goal=0.70)
    report.against(f"{kind}the same in processor time", "us/reading", worker.processor, limit.name, limit.processor, best="low")


def report_python(report, ingest, figures, python):
    report.against("worker / Python consumer", "readings/s", figures[ingest.worker.name], python.name, figures[python.name],
                   floor=18, goal=40)


def report_bytes(report, worker):
    report.alone("heap and index of a reading", "bytes", worker.bytes_per_row, floor=640, goal=620)
    report.alone("WAL of a reading", "bytes", worker.wal_per_row, floor=700, goal=650)


def run(report, stack):
    ingest = Ingest(stack, MESSAGES)
    copy = CopyBinary(ingest.session, ingest.stream, MESSAGES)
    pythons = [consumer(stack.broker, PYTHON_MESSAGES) for consumer in (Jsonb, Lists, Literals)]
    figures = ingest.compare([copy, *pythons], ROUNDS)
    ours = figures[ingest.worker.name]
    report.heading(f"Kafka to table ({stack.broker.name}, {MESSAGES:,} messages of 1402 bytes waiting, unscored)")
    report_limit(report, ingest, figures)
    report.against("worker / COPY BINARY", "readings/s", ours, copy.name, figures[copy.name], floor=0.9, goal=1.2)
    report_python(report, ingest, figures, Jsonb)
    for other in (Lists, Literals):
        report.against(f"worker / {other.name}", "readings/s", ours, other.name, figures[other.name])
    report_bytes(report, ingest.worker)
    run_scored(report, stack, ingest)
    ingest.close()


def report_scored(report, ingest, figures, python):
    report_limit(report, ingest, figures, "scoring ")
    report.against("scoring worker / Python consumer", "readings/s", figures[ingest.worker.name], python.name, figures[python.name],
                   floor=20)


def run_scored(report, stack, ingest):
    python = Scoring(stack.broker, PYTHON_MESSAGES, ingest.learn())
    figures = ingest.compare([python], ROUNDS)
    report.heading(f"Kafka to scored table (the same messages; limit with score columns; {ingest.worker.windowed_share:.1%} of the"
                   " readings scored by their window, too)")
    report_scored(report, ingest, figures, python)
