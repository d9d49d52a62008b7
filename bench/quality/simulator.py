"""The simulator as a source of readings, and machines that learn from them as the product does by itself."""
import datetime
import json
import os
import subprocess

from harness.broker import ROOT

PROGRAM = os.path.join(ROOT, "build/bin/rigalpha-sim")
TRAINING_SECONDS = 1200  # of one job, at most


def start(arguments, machines, truth):
    """The running simulator; its output is a message a line, and the file truth tells of the faults."""
    return subprocess.Popen([PROGRAM, *arguments, "--stdout", "--machines", ",".join(machines), "--truth", truth],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def ingest(session, messages):
    accepted, rejected = session.rows("SELECT accepted, rejected FROM rigalpha.ingest(%s, 'http')", (messages,))[0]
    if accepted != len(messages) or rejected > 0:
        raise RuntimeError(f"{accepted} of {len(messages)} readings were stored, {rejected} refused")


def backfill(session, start_time, hours, step, machines, truth, batch, after_batch, faults=()):
    """Stores simulated hours, and calls after_batch() whenever each machine has sent a batch of readings."""
    arguments = ["backfill", "--hours", str(hours), "--step", str(step), "--start-time", start_time.isoformat()]
    for fault in faults:
        arguments += ["--fault", fault]
    with start(arguments, machines, truth) as process:
        messages = []
        for line in process.stdout:
            messages.append(line.rstrip())
            if len(messages) == batch * len(machines):
                ingest(session, messages)
                after_batch()
                messages = []
        if messages:
            ingest(session, messages)
    if process.returncode != 0:
        raise RuntimeError(f"the simulator ended with status {process.returncode}")


def train_due(session):
    """Every training that the rule of the product asks for by now, and waits until it is done."""
    session.run("SET rigalpha.auto_train = on")
    job = session.value("SELECT rigalpha.training_tick()")
    while job is not None:
        session.wait(f"training job {job}", "SELECT state NOT IN ('queued', 'running') FROM rigalpha.job(%s)", (job,), TRAINING_SECONDS)
        state, message = session.rows("SELECT state, message FROM rigalpha.job(%s)", (job,))[0]
        if state != "done":
            raise RuntimeError(f"training job {job} is {state}: {message}")
        job = session.value("SELECT rigalpha.training_tick()")


def midnight(days_ago):
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - datetime.timedelta(days=days_ago)


def read_truth(path):
    """Begin, end (None = still on) and sensors of the fault of each kind."""
    faults = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            time = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
            fault = faults.setdefault(event["kind"], {"begin": None, "end": None, "sensors": event["sensors"]})
            fault["begin" if event["event"] == "begin" else "end"] = time
    return faults
