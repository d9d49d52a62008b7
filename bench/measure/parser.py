"""The reading parser against simdjson (in a program of its own) and against the server's parser."""
import json
import os
import subprocess

from harness.broker import ROOT
from harness.database import Session
from harness.messages import Stream
from harness.rounds import interleave

ROUNDS = 5
MESSAGES = 1000
REPETITIONS = {True: 200, False: 20}  # of ours and of the server's, for times of similar length


def run(report, stack, rounds=ROUNDS):
    report.heading("Parser, one core, processor time")
    beside_simdjson(report)
    beside_server(report, rounds)


def beside_simdjson(report):
    output = subprocess.run([os.path.join(ROOT, "build/bench/parser/parser_bench")], check=True, capture_output=True, text=True).stdout
    first, _ = [json.loads(line) for line in output.splitlines()]
    report.against("parser / simdjson on demand", "messages/s", [first["ours"]], "simdjson", [first["simdjson_ondemand"]],
                   floor=1.2, goal=1.5)


def beside_server(report, rounds):
    session = Session()
    payloads = Stream().take(MESSAGES)
    if not session.value("SELECT bench_parsers_agree(%s)", (payloads,)):
        raise RuntimeError("the parsers do not agree")

    def rate(ours):
        seconds = session.value("SELECT bench_parse_seconds(%s, %s, %s)", (ours, payloads, REPETITIONS[ours]))
        return MESSAGES * REPETITIONS[ours] / seconds

    figures = interleave({"ours": lambda: rate(True), "server": lambda: rate(False)}, rounds)
    report.against("parser / pg_parse_json with strtod", "messages/s", figures["ours"], "pg_parse_json", figures["server"], floor=7, goal=10)
    session.close()
