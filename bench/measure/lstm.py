"""The LSTM autoencoder against PyTorch: the same network on the same windows, processor time of one core."""
import json
import os
import subprocess
import tempfile
import time

import numpy
import torch

from contenders.torch_autoencoder import FEATURES, STEPS, TorchAutoencoder
from harness.broker import ROOT
from harness.rounds import interleave

ROUNDS = 5
ROWS = 4_000
FACTORS = 6
BATCH = 64
APART = 7  # rows from window to window, as in lstm_bench.c
SINGLE_CALLS = 100
BATCH_CALLS = 10
SEED = 20260105
AGREEMENT = 1e-4


class Autoencoders:
    """Both networks with the same weights, over rows of 56 sensors that follow six slow factors."""

    def __init__(self, hidden):
        random = numpy.random.default_rng(SEED)
        time_steps = numpy.arange(ROWS)[:, None]
        factors = numpy.sin(time_steps * random.uniform(0.01, 0.5, FACTORS) + random.uniform(0, 6, FACTORS))
        rows = factors @ random.normal(size=(FACTORS, FEATURES)) + 0.3 * random.normal(size=(ROWS, FEATURES))
        self.rows = torch.from_numpy((rows / rows.std(0)).astype(numpy.float32))
        self.hidden = hidden
        self.theirs = TorchAutoencoder(hidden, SEED)
        self.file = tempfile.NamedTemporaryFile()  # pylint: disable=consider-using-with
        self.theirs.parameter_block().tofile(self.file)
        self.rows.numpy().tofile(self.file)
        self.file.flush()
        self.expected = self.theirs.score(self.windows(0, BATCH)).numpy()
        # Training changes the weights, so it has a network of its own.
        self.learner = TorchAutoencoder(hidden, SEED)

    def close(self):
        self.file.close()

    def windows(self, first, count):
        starts = [(first + i) * APART % (ROWS - STEPS) for i in range(count)]
        return torch.stack([self.rows[start:start + STEPS] for start in starts], 1).contiguous()

    def measure_ours(self):
        program = os.path.join(ROOT, "build/bench/lstm/lstm_bench")
        sizes = [str(size) for size in (FEATURES, self.hidden, STEPS)]
        output = subprocess.run([program, self.file.name, *sizes], check=True, capture_output=True, text=True).stdout
        figures = json.loads(output)
        if abs(figures["scores"] - self.expected).max() > AGREEMENT:
            raise RuntimeError("the networks do not agree")
        return figures

    def measure_theirs(self):
        singles = [self.windows(i, 1) for i in range(SINGLE_CALLS)]
        batches = [self.windows(i * BATCH, BATCH) for i in range(BATCH_CALLS)]
        return {"single": rate(self.theirs.score, singles), "batch": rate(self.theirs.score, batches),
                "train": rate(self.learner.train_step, batches)}


def rate(work, batches):
    """Windows per second of processor time."""
    started = time.process_time()
    for batch in batches:
        work(batch)
    return sum(batch.shape[1] for batch in batches) / (time.process_time() - started)


def compare(report, autoencoders, rounds, **bounds):
    """bounds: by key, for the ratios."""
    figures = interleave({"ours": autoencoders.measure_ours, "theirs": autoencoders.measure_theirs}, rounds)
    for key, text in (("single", "one window per call"), ("batch", f"batches of {BATCH}"), ("train", f"training, batches of {BATCH}")):
        report.against(f"LSTM, {autoencoders.hidden} units / {text}", "windows/s", [figure[key] for figure in figures["ours"]],
                       "PyTorch", [figure[key] for figure in figures["theirs"]], **bounds.get(key, {}))
    return figures["ours"]


FLOORS = {"single": {"floor": 20, "goal": 80}, "batch": {"floor": 1, "goal": 3}}


def compare_default(report, rounds):
    """The default size, which has floors."""
    autoencoders = Autoencoders(32)
    try:
        return compare(report, autoencoders, rounds, **FLOORS)
    finally:
        autoencoders.close()


def run(report, stack, rounds=ROUNDS):
    report.heading(f"LSTM autoencoder, {STEPS} readings of {FEATURES} sensors, one core, processor time")
    ours = compare_default(report, rounds)
    for key, text in (("scratch", "one window per call, nothing kept"), ("neighbours", "batches of windows in a row")):
        report.alone(f"LSTM, 32 units / {text}", "windows/s", [figure[key] for figure in ours], best="high")
    larger = Autoencoders(64)
    try:
        compare(report, larger, rounds)
    finally:
        larger.close()
