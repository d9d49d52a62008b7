"""The floors that the tests assert, as TAP: ratios against peers of the same run, and bytes. A miss
may be noise of the machine, so it is measured up to twice more; every attempt is shown. After the
last attempt a ratio may stay a quarter below its floor: the worker needs two quiet cores, its peers
one, and a build must not fail for that. `make bench` reports the floors as they are."""
import os
import sys

from contenders.python_consumer import Jsonb, Scoring
from harness import database, machine, messages
from harness.report import Report
from harness.stack import Stack
from measure import audit, forest, ingest, lstm, web_ingest

ATTEMPTS = 3
TOLERANCE = 0.75
ROUNDS = 3
MESSAGES = 99_000
PYTHON_MESSAGES = 6_000
WEB_SECONDS = 2


class Attempt(Report):
    """One round of measurements, shown as TAP comments."""

    def show(self, result):
        print(f"# {describe(result)}, {result['verdict'] or 'no floor'}, load {machine.load()}", flush=True)


def describe(result):
    value = result.get("ratio", result["ours"])
    bound = "" if result["floor"] is None else f" ({'at least' if result['best'] == 'high' else 'at most'} {result['floor']:g})"
    peer = f", {result['peer']:.4g} {result['peer_name']}" if "peer" in result else ""
    return f"{result['name']}: {value:.3g}{bound}; {result['ours']:.4g}{peer} {result['unit']}"


class IngestFloors:
    def __init__(self, stack):
        self.ingest = ingest.Ingest(stack, MESSAGES)
        self.python = Jsonb(stack.broker, PYTHON_MESSAGES)

    def measure(self, report):
        figures = self.ingest.compare([self.python], ROUNDS)
        ingest.report_limit(report, self.ingest, figures)
        ingest.report_python(report, self.ingest, figures, self.python)
        ingest.report_bytes(report, self.ingest.worker)


class ScoredFloors:
    """Of the same worker, once it has models."""

    def __init__(self, stack, plain):
        self.ingest = plain.ingest
        self.python = Scoring(stack.broker, PYTHON_MESSAGES, self.ingest.learn())

    def measure(self, report):
        ingest.report_scored(report, self.ingest, self.ingest.compare([self.python], ROUNDS), self.python)

    def close(self):
        self.ingest.close()


class WebFloors:
    def __init__(self, stack):
        self.web = web_ingest.Web(stack)
        self.web.start()

    def measure(self, report):
        web_ingest.compare(report, self.web, 64, 8, 20, ROUNDS, WEB_SECONDS)

    def close(self):
        self.web.close()


class ForestFloors:
    def __init__(self):
        self.forests = forest.Forests()

    def measure(self, report):
        forest.compare(report, self.forests, ROUNDS)

    def close(self):
        self.forests.close()


class LstmFloors:
    def measure(self, report):
        lstm.compare_default(report, ROUNDS)


class AuditFloors:
    def __init__(self):
        self.audit = audit.Audit()

    def measure(self, report):
        self.audit.measure(report, ROUNDS)

    def close(self):
        self.audit.close()


def subjects(stack):
    yield LstmFloors()
    forests = ForestFloors()
    try:
        yield forests
    finally:
        forests.close()
    web = WebFloors(stack)
    try:
        yield web
    finally:
        web.close()
    plain = IngestFloors(stack)
    yield plain
    scored = ScoredFloors(stack, plain)
    yield scored
    scored.close()
    # Last, because its machines and entries stay.
    audited = AuditFloors()
    yield audited
    audited.close()


def is_missed(result):
    """Below its floor by more than noise explains; sizes have no noise."""
    if result["verdict"] != "below floor":
        return False
    return result["best"] != "high" or result["ratio"] < result["floor"] * TOLERANCE


def settle(subject):
    """The results of the first attempt without a miss, or of the last one."""
    for attempt in range(1, ATTEMPTS + 1):
        print(f"# attempt {attempt} of at most {ATTEMPTS}", flush=True)
        report = Attempt()
        subject.measure(report)
        if not report.failures():
            break
    return [result for result in report.results if result["floor"] is not None]


def main():
    messages.check_size()
    database.create()
    database.add_functions(os.environ["RIGALPHA_BENCH_MODULE"])
    stack = Stack()
    failed = number = 0
    try:
        for subject in subjects(stack):
            for result in settle(subject):
                number += 1
                missed = is_missed(result)
                failed += missed
                print(f"{'not ok' if missed else 'ok'} {number} - {describe(result)}", flush=True)
    finally:
        stack.stop()
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
