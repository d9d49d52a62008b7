"""Reading back: the questions of a live page and of an analyst, warm, on a day of history."""
import datetime
import time

from harness.database import Session
from harness.messages import SENSORS, Stream

ROUNDS = 21
SECONDS_OF_DAY = 86_400


def fill(session):
    """A reading a second of each machine over the last 24 hours; the tables about machines and the
    latest state come from one real message of each."""
    stream = Stream(days_ago=0)
    stream.start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    messages = stream.take(3)
    session.rows("SELECT rigalpha.ingest(%s, 'http')", (messages,))
    end = stream.start.replace(microsecond=0)
    begin = end - datetime.timedelta(seconds=SECONDS_OF_DAY)
    midnight = end.replace(hour=0, minute=0, second=0)
    session.rows("SELECT rigalpha.ensure_partitions(ARRAY[%s, %s])", (begin.date(), end.date()))
    for first, last in ((begin, midnight), (midnight, end)):
        session.run("CALL bench_insert_limit(%s, %s, 1000, 3, %s, 1000000)",
                    (f"rigalpha.readings_{first:%Y%m%d}", 3 * int((last - first).total_seconds()), first))
    session.run("VACUUM ANALYZE rigalpha.readings")
    return begin, end


def time_query(session, statement, arguments):
    """Milliseconds of each run, as the client sees them; the first two warm the caches."""
    times = []
    for _ in range(2 + ROUNDS):
        start = time.monotonic()
        session.rows(statement, arguments)
        times.append((time.monotonic() - start) * 1000)
    return times[2:]


def run(report, stack):
    session = Session()
    session.run("TRUNCATE rigalpha.readings")
    begin, end = fill(session)
    machine = session.value("SELECT id FROM rigalpha.machines WHERE name = 'B'")
    position = session.value("SELECT ms.position FROM rigalpha.machine_sensors ms JOIN rigalpha.sensors s ON s.id = ms.sensor_id"
                             " WHERE ms.machine_id = %s AND s.name = %s", (machine, SENSORS[14][0]))
    report.heading(f"Queries, warm, {3 * SECONDS_OF_DAY:,} readings of 3 machines in 24 h")
    questions = (
        ("latest state of all machines", 1, 0.3, "SELECT machine_id, ts, state, sensor_values FROM rigalpha.machine_state", ()),
        ("window of 20 readings, all sensors", 1, 0.3,
         "SELECT ts, sensor_values FROM rigalpha.readings WHERE machine_id = %s AND ts >= %s AND ts < %s ORDER BY ts DESC LIMIT 20",
         (machine, end - datetime.timedelta(minutes=1), end)),
        ("24 h of one sensor, count and mean", 100, 50,
         "SELECT count(sensor_values[%s]), avg(sensor_values[%s]) FROM rigalpha.readings WHERE machine_id = %s AND ts >= %s AND ts < %s",
         (position, position, machine, begin, end)),
        ("the live view with names, all machines", None, None, "SELECT * FROM rigalpha_api.live", ()),
        ("newest 5000 readings of one sensor as JSON", None, None,
         "SELECT rigalpha_api.readings('B', %s, %s, ARRAY[%s])", (begin, end, SENSORS[14][0])),
    )
    for name, floor, goal, statement, arguments in questions:
        report.alone(name, "ms", time_query(session, statement, arguments), floor=floor, goal=goal)
    session.close()
