"""Scoring by SQL from one session, beside scikit-learn: a call of score() per row, and detect() over a table."""
import io

import numpy

from harness.database import Session
from harness.machine import processor_seconds
from harness.rounds import interleave
from measure.forest import FEATURES, Forests

ROUNDS = 5
REPETITIONS = 5  # of the rows of the forest's benchmark
LEARNT = 2_000
ALGORITHMS = ("iforest", "hybrid")
SOURCE = "SELECT * FROM scored_columns"


def create_rows(session, rows):
    """A table with a column per sensor, and the same rows as arrays."""
    text = io.StringIO()
    numpy.savetxt(text, numpy.tile(rows, (REPETITIONS, 1)), fmt="%.6g", delimiter="\t")
    text.seek(0)
    columns = [f"s{i + 1}" for i in range(FEATURES)]
    session.run(f"CREATE TABLE scored_columns ({', '.join(f'{column} float8' for column in columns)})")
    with session.connection.cursor() as cursor:
        cursor.copy_expert("COPY scored_columns FROM STDIN", text)
    session.run(f"CREATE TABLE scored_arrays AS SELECT ARRAY[{', '.join(columns)}] AS sensors FROM scored_columns")
    session.run("VACUUM ANALYZE scored_columns")
    session.run("VACUUM ANALYZE scored_arrays")


class Query:
    """Rows per second of a query over all rows, by the processor time of its backend."""

    def __init__(self, session, rows, statement):
        self.session = session
        self.rows = rows
        self.statement = statement

    def run(self):
        backend = self.session.connection.get_backend_pid()
        before = processor_seconds(backend)
        if self.session.value(self.statement) != self.rows:
            raise RuntimeError(f"not every row has a score: {self.statement}")
        return self.rows / (processor_seconds(backend) - before)


def run(report, stack, rounds=ROUNDS):
    session = Session()
    session.run("SET max_parallel_workers_per_gather = 0")
    forests = Forests()
    create_rows(session, forests.rows)
    rows = REPETITIONS * len(forests.rows)
    contenders = {"sklearn": forests.measure_theirs}
    for algorithm in ALGORITHMS:
        session.rows("SELECT rigalpha.train(%s, %s, %s)", (algorithm, f"{SOURCE} LIMIT {LEARNT}", algorithm))
        contenders[f"{algorithm} score"] = Query(session, rows, f"SELECT count(rigalpha.score('{algorithm}', sensors)) FROM scored_arrays").run
        contenders[f"{algorithm} detect"] = Query(session, rows, f"SELECT count(risk) FROM rigalpha.detect('{algorithm}', '{SOURCE}')").run
    figures = interleave(contenders, rounds)
    forests.close()
    for algorithm in ALGORITHMS:
        session.rows("SELECT rigalpha.drop_model(%s)", (algorithm,))
    session.close()
    report.heading(f"Scoring by SQL, {rows:,} rows of {FEATURES} sensors, one session, processor time")
    for algorithm in ALGORITHMS:
        for function, key in (("score", "single"), ("detect", "all")):
            report.against(f"{function}(), {algorithm} / forest alone", "rows/s", figures[f"{algorithm} {function}"], "scikit-learn",
                           [figure[key] for figure in figures["sklearn"]])
