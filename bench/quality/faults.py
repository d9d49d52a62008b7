"""Whether and when the eight fault scripts of the simulator become incidents. Each goes wrong on a
machine of its own, which carries its name. What shows in the readings is simulated, with a model that
has learnt the healthy hours before; a clock that runs ahead and an outage need the real time."""
import datetime
import os
import tempfile
import threading
import time

from harness.database import Session
from quality import simulator

STEP = 1  # seconds from reading to reading, as in a live stream
BATCH = 250
HISTORY_HOURS = 24
BRIEF_HISTORY_HOURS = 8  # two or three times all that a rig does
AFTER_HOURS = 1.1  # the longest script takes an hour
SIMULATED = ("kick", "washout", "stick_slip", "bearing_wear", "pump_valve", "sensor_freeze")
LIVE = ("clock_skew", "outage")
LIVE_AFTER = 5  # seconds
LIVE_SECONDS = 150  # until then both must be noticed


def first_incident(session, kind, fault):
    """The first incident that opened while the fault was on: kind, start and sensors."""
    rows = session.rows("""
        SELECT i.kind, i.started, i.top_sensors FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id
        WHERE m.name = %s AND i.kind IN ('anomaly', 'stuck') AND i.started >= %s AND i.started <= coalesce(%s, 'infinity')
        ORDER BY i.started LIMIT 1""", (kind, fault["begin"], fault["end"]))
    return rows[0] if rows else None


def measure_simulated(session, folder, hours):
    """Kind of incident, delay in seconds and sensors by fault; None = not caught. The history is there
    before the product may train, as when it is installed beside one."""
    truth = os.path.join(folder, "simulated")
    after = int(hours * 3600)
    stored = 0

    def after_batch():
        nonlocal stored
        stored += BATCH * STEP
        if stored > after - BATCH * STEP:
            simulator.train_due(session)

    simulator.backfill(session, simulator.midnight(2), hours + AFTER_HOURS, STEP, SIMULATED, truth, BATCH, after_batch,
                       [f"{kind}@{kind}:{after}" for kind in SIMULATED])
    figures = {}
    for kind, fault in simulator.read_truth(truth).items():
        incident = first_incident(session, kind, fault)
        figures[kind] = incident and (incident[0], (incident[1] - fault["begin"]).total_seconds(), incident[2], fault["sensors"])
    return figures


class Live(threading.Thread):
    """The scripts that need the real time, beside everything else; the worker of the product watches."""

    def __init__(self, folder):
        super().__init__()
        self.truth = os.path.join(folder, "live")
        self.noticed = {}
        self.failure = None

    def run(self):
        try:
            self.feed()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def feed(self):
        session = Session()
        faults = [word for kind in LIVE for word in ("--fault", f"{kind}@{kind}:{LIVE_AFTER}")]
        deadline = time.monotonic() + LIVE_SECONDS
        with simulator.start(["run", "--rate", "1", *faults], LIVE, self.truth) as process:
            for line in process.stdout:
                simulator.ingest(session, [line.rstrip()])
                self.look(session)
                if len(self.noticed) == len(LIVE) or time.monotonic() > deadline:
                    break
            process.terminate()
        session.close()

    def look(self, session):
        for kind, incident in session.rows("""
                SELECT m.name, i.kind FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id
                WHERE m.name = ANY (%s) AND i.kind IN ('clock', 'silent')""", (list(LIVE),)):
            self.noticed.setdefault(kind, (incident, datetime.datetime.now(datetime.timezone.utc)))

    def result(self):
        """As measure_simulated()."""
        self.join()
        if self.failure is not None:
            raise self.failure
        faults = simulator.read_truth(self.truth)
        return {kind: kind in self.noticed and (self.noticed[kind][0], (self.noticed[kind][1] - faults[kind]["begin"]).total_seconds(), [], [])
                or None for kind in LIVE}


def run(report, session, brief):
    with tempfile.TemporaryDirectory() as folder:
        live = Live(folder)
        live.start()
        figures = measure_simulated(session, folder, BRIEF_HISTORY_HOURS if brief else HISTORY_HOURS)
        figures.update(live.result())
    report.heading("Fault scripts of the simulator: delay of the first incident from the beginning of the fault")
    for kind, figure in figures.items():
        if figure is None:
            report.note(f"fault {kind} was not caught")
            continue
        incident, delay, top, sensors = figure
        report.alone(f"fault {kind} / by an incident of kind {incident}", "s", [delay], top_sensors=top[:3], expected=sensors)
    report.alone("faults / caught", "", [sum(figure is not None for figure in figures.values())], floor=len(SIMULATED + LIVE), best="high")
