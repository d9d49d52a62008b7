"""Kafka to table, against the insert limit, a Python consumer and COPY BINARY, and the bytes of a row."""
from contenders.copy_binary import CopyBinary
from contenders.insert_limit import InsertLimit
from contenders.python_consumer import PythonConsumer
from contenders.worker import Worker
from harness.database import Session
from harness.messages import Stream
from harness.rounds import interleave

ROUNDS = 5
MESSAGES = 201_000  # of the worker, the insert limit and COPY
PYTHON_MESSAGES = 12_000  # as many as take seconds


def run(report, stack, rounds=ROUNDS, messages=MESSAGES, copy=True):
    session = Session()
    stream = Stream()
    session.rows("SELECT rigalpha.ensure_partitions(ARRAY[%s])", (stream.day,))
    worker = Worker(session, stream, stack.broker, messages)
    limit = InsertLimit(session, stream, messages)
    python = PythonConsumer(stack.broker, PYTHON_MESSAGES)
    contenders = [worker, limit, python] + ([CopyBinary(session, stream, messages)] if copy else [])
    figures = interleave({contender.name: contender.run for contender in contenders}, rounds)
    report.heading(f"Kafka to table ({stack.broker.name}, {messages:,} messages of 1402 bytes waiting, unscored)")
    ours = figures[worker.name]
    report.against("worker / insert limit", "readings/s", ours, limit.name, figures[limit.name], floor=0.40, goal=0.70)
    report.against("the same in processor time", "us/reading", worker.processor[1:], limit.name, limit.processor[1:], best="low")
    report.against("worker / Python consumer", "readings/s", ours, python.name, figures[python.name], floor=18, goal=40)
    if copy:
        report.against("worker / COPY BINARY", "readings/s", ours, CopyBinary.name, figures[CopyBinary.name], floor=0.9, goal=1.2)
    report.alone("heap and index of a reading", "bytes", worker.bytes_per_row[1:], floor=640, goal=620)
    report.alone("WAL of a reading", "bytes", worker.wal_per_row[1:], floor=700, goal=650)
    session.rows("SELECT rigalpha.drop_source(%s)", (worker.source,))
    session.close()
