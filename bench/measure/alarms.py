"""Evaluation of the limits of 60 sensors in the core, per reading."""
import json
import os
import subprocess

from harness.broker import ROOT

ROUNDS = 5
LIMIT = 1000  # nanoseconds per reading


def measure():
    output = subprocess.run([os.path.join(ROOT, "build/bench/alarms/alarms_bench")], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def run(report, stack, rounds=ROUNDS):
    report.heading("Limits of 60 sensors, one core, processor time")
    figures = [measure() for _ in range(rounds)]
    report.alone("alarms / reading, all normal", "ns", [figure["quiet"] for figure in figures], floor=LIMIT, goal=100)
    report.alone("alarms / reading, three sensors round their limits", "ns", [figure["active"] for figure in figures], floor=LIMIT)
