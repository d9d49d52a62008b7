"""Runs the benchmarks named on the command line, or all of them, and writes the results as JSON."""
import argparse
import importlib
import os

from harness import database, messages
from harness.report import Report
from harness.stack import Stack

BENCHMARKS = ("parser", "forest", "lstm", "scoring", "ingest", "web_ingest", "device_to_browser", "queries", "worker_stop", "audit", "alarms")


def main():
    options = argparse.ArgumentParser(prog="bench/run.sh", description="Every figure beside its peer, in one run.")
    options.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", default=BENCHMARKS,
                         help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    options.add_argument("--embedded-broker", action="store_true", help="not Apache Kafka, but the broker of the demo")
    arguments = options.parse_args()
    unknown = set(arguments.benchmarks) - set(BENCHMARKS)
    if unknown:
        options.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    messages.check_size()
    database.create()
    database.add_functions(os.environ["RIGALPHA_BENCH_MODULE"])
    report = Report()
    print(", ".join(f"{key} {value}" for key, value in report.before.items()))
    stack = Stack(arguments.embedded_broker)
    try:
        for name in arguments.benchmarks:
            importlib.import_module(f"measure.{name}").run(report, stack)
    finally:
        stack.stop()
        report.write(os.path.join(stack.folder, "results.json"))
    print(f"\nload now {report.after}; {len(report.results)} figures, {len(report.failures())} below their floor")


if __name__ == "__main__":
    main()
