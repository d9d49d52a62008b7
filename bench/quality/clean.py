"""False alarms of machines on which nothing is wrong: eight simulated days through ingest(), the
first of them to learn from. Training follows the rule of the product, which trains anew whenever
the readings of a machine have doubled."""
import datetime
import os
import tempfile

from quality import protocols, simulator

MACHINES = ("A", "B", "C")
STEP = 10  # seconds from reading to reading; every second would be ten times the work
DAYS = 8
LEARNT_DAYS = 1
BATCH = 250  # readings of a machine

# What the readings themselves show; the server's clock runs differently from the simulated one.
KINDS = ("anomaly", "stuck")


def count_by_machine(session, first):
    return session.rows("""
        SELECT m.name, i.kind, count(*) FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id
        WHERE m.name = ANY (%s) AND i.kind = ANY (%s) AND i.started >= %s GROUP BY m.name, i.kind ORDER BY m.name, i.kind
        """, (list(MACHINES), list(KINDS), first))


def measure_alarms(session, first):
    """Share of the judged readings that are at alarm, in units of what was accepted."""
    return session.value("""
        SELECT (sum((r.risk >= %s)::int) / sum((v.options ->> 'false_alarm_rate')::float8))::float8
        FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id
        JOIN rigalpha.model_versions v ON v.id = r.model_version
        WHERE m.name = ANY (%s) AND r.ts >= %s AND r.risk IS NOT NULL
        """, (protocols.ALARM_RISK, list(MACHINES), first))


def run(report, session, brief):
    del brief
    start = simulator.midnight(DAYS + 1)
    first = start + datetime.timedelta(days=LEARNT_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        simulator.backfill(session, start, DAYS * 24, STEP, MACHINES, os.path.join(folder, "truth"), BATCH,
                           lambda: simulator.train_due(session))
    days = (DAYS - LEARNT_DAYS) * len(MACHINES)
    accepted = days * session.value("SELECT current_setting('rigalpha.false_alarms_per_day')::float8")
    found = count_by_machine(session, first)
    report.heading(f"Simulator without faults, {len(MACHINES)} machines, {DAYS - LEARNT_DAYS} days after {LEARNT_DAYS} to learn from,"
                   f" a reading every {STEP} s; {accepted:.1f} false incidents accepted")
    for machine, kind, count in found:
        report.alone(f"clean machine {machine} / incidents, {kind}", "", [count])
    total = sum(count for _, _, count in found)
    report.alone("clean machines / incidents", "", [total])
    report.alone("clean machines / incidents of those accepted", "times", [total / accepted], floor=2, goal=1)
    report.alone("clean machines / readings at alarm of those accepted", "times", [measure_alarms(session, first)])
