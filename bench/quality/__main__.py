"""Measures the subjects named on the command line, or all of them, and writes the results as JSON."""
import argparse
import importlib
import os
import sys
import time

from harness import database
from quality import data
from quality.report import QualityReport, TapReport

OF_DATA = ("skab", "tabular", "tep", "nab")
SUBJECTS = (*OF_DATA, "synthetic", "clean", "faults")
BRIEF = (*OF_DATA, "synthetic", "faults")  # a few days would say nothing about false alarms


def measure(report, name, brief):
    session = database.Session()
    started = time.monotonic()
    importlib.import_module(f"quality.{name}").run(report, session, brief)
    report.note(f"{name} took {time.monotonic() - started:.0f} s")
    session.close()


def split_absent(report, subjects, brief):
    """The subjects that can be measured; the others are skipped aloud, which CI takes for a failure."""
    if data.exists():
        return subjects, False
    reason = f"no public data in {data.FOLDER}; RIGALPHA_DATA names another folder"
    failed = os.environ.get("CI") == "true"
    for name in subjects:
        if name in OF_DATA:
            if brief:
                report.check(name, not failed, "" if failed else reason)
            report.note(f"{name} is left out: {reason}")
    return [name for name in subjects if name not in OF_DATA], failed


def main():
    options = argparse.ArgumentParser(prog="bench/quality/run.sh", description="How well the product finds what is wrong.")
    options.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"any of: {', '.join(SUBJECTS)} (default: all)")
    options.add_argument("--brief", action="store_true", help="the subset that is part of the tests, as TAP")
    arguments = options.parse_args()
    unknown = set(arguments.subjects) - set(SUBJECTS)
    if unknown:
        options.error(f"no such subject: {', '.join(sorted(unknown))}")
    database.create()
    report = TapReport() if arguments.brief else QualityReport()
    subjects, failed = split_absent(report, arguments.subjects or (BRIEF if arguments.brief else SUBJECTS), arguments.brief)
    try:
        for name in subjects:
            measure(report, name, arguments.brief)
    finally:
        report.write(os.environ["RIGALPHA_QUALITY_RESULTS"])
    report.note(f"{len(report.results)} figures, {len(report.failures())} beyond their floor")
    return 1 if failed or report.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
