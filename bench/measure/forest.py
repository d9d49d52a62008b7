"""The isolation forest against scikit-learn: the same rows and settings, processor time of one core."""
import json
import os
import subprocess
import tempfile
import time

import numpy
from sklearn.ensemble import IsolationForest

from harness.broker import ROOT
from harness.rounds import interleave

ROUNDS = 5
ROWS = 10_000
FEATURES = 56
FACTORS = 6
TREES = 100
SAMPLE = 256
SINGLE_CALLS = 10


class Forests:
    """Both forests over rows of 56 sensors that follow six hidden factors."""

    def __init__(self):
        random = numpy.random.default_rng(20260105)
        rows = random.normal(size=(ROWS, FACTORS)) @ random.normal(size=(FACTORS, FEATURES)) + random.normal(size=(ROWS, FEATURES))
        self.rows = rows.astype(numpy.float32)
        self.file = tempfile.NamedTemporaryFile()  # pylint: disable=consider-using-with
        self.rows.tofile(self.file.name)
        self.theirs = None

    def close(self):
        self.file.close()

    def measure_ours(self):
        program = os.path.join(ROOT, "build/bench/forest/forest_bench")
        output = subprocess.run([program, self.file.name, str(FEATURES)], check=True, capture_output=True, text=True).stdout
        return json.loads(output)

    def measure_theirs(self):
        self.theirs = IsolationForest(n_estimators=TREES, max_samples=SAMPLE, random_state=42)
        return {"train": rate(lambda: self.theirs.fit(self.rows), 1),
                "all": rate(lambda: self.theirs.score_samples(self.rows), ROWS),
                "single": rate(lambda: [self.theirs.score_samples(self.rows[i:i + 1]) for i in range(SINGLE_CALLS)], SINGLE_CALLS)}


def rate(work, items):
    started = time.process_time()
    work()
    return items / (time.process_time() - started)


def compare(report, forests, rounds):
    figures = interleave({"ours": forests.measure_ours, "theirs": forests.measure_theirs}, rounds)

    def column(name, key):
        return [figure[key] for figure in figures[name]]

    def against(title, unit, key, **bounds):
        report.against(title, unit, column("ours", key), "scikit-learn", column("theirs", key), **bounds)

    against("forest / score, 10,000 rows at once", "rows/s", "all", floor=15, goal=27)
    against("forest / score, one row per call", "rows/s", "single", floor=3000, goal=8000)
    against("forest / train, 100 trees x 256 rows", "forests/s", "train")
    return figures["ours"]


def run(report, stack, rounds=ROUNDS):
    report.heading("Isolation forest, 56 sensors, one core, processor time")
    forests = Forests()
    try:
        ours = compare(report, forests, rounds)
    finally:
        forests.close()
    report.alone("forest / score, blocks of 64", "rows/s", [figure["blocks"] for figure in ours], goal=1_000_000, best="high")
    report.alone("forest / contributions of one row", "rows/s", [figure["explain"] for figure in ours], best="high")
