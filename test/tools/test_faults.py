"""The eight fault scripts: their signatures in the data, and the file of truth."""
import json
import os
import random
import statistics
from datetime import datetime

import harness
from harness import START, equal, messages, note, ok, sim
from test_model import correlation

AFTER = 7200
HOURS = 3
MACHINES = "ABCDEFGHI"
KINDS = {"kick": 600, "washout": 900, "stick_slip": 300, "bearing_wear": 3600, "pump_valve": 900,
         "sensor_freeze": 900, "clock_skew": 300, "outage": 60}
SETTLED = 120                  # readings after a change of state that say nothing about normal work


def seconds(row):
    return (datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")) -
            datetime.fromisoformat(START.replace("Z", "+00:00"))).total_seconds()


def settled_drilling(rows):
    """Readings of a rig that has been drilling for a while, with their time."""
    result, since = [], 0
    for row in rows:
        since = since + 1 if row["state"] == "drilling" else 0
        if since > SETTLED and len(row["sensors"]) == 60:
            result.append((seconds(row), row["sensors"]))
    return result


class Window:
    """Columns of one machine before its fault, and in the last part of it."""

    def __init__(self, rows, duration, part=0.5):
        drilling = settled_drilling(rows)
        self.normal = [values for at, values in drilling if at < AFTER]
        self.faulty = [values for at, values in drilling if AFTER + duration * (1 - part) <= at < AFTER + duration]

    def mean(self, name):
        return statistics.fmean(row[name] for row in self.normal)

    def mean_faulty(self, name):
        return statistics.fmean(row[name] for row in self.faulty)

    def spread(self, name):
        return statistics.pstdev(row[name] for row in self.normal)

    def spread_faulty(self, name):
        return statistics.pstdev(row[name] for row in self.faulty)

    def ratio(self, name):
        return self.mean_faulty(name) / self.mean(name)

    def column(self, name):
        return [row[name] for row in self.faulty]


def check_kick(rows):
    window = Window(rows, KINDS["kick"])
    ok(abs(window.ratio("flow_in") - 1) < 0.05, "kick: flow in stays", window.ratio("flow_in"))
    ok(window.mean_faulty("flow_out_pct") > window.mean("flow_out_pct") + 3, "kick: flow out rises")
    ok(max(window.column("pit_gain")) > 8, "kick: the pit gains beyond its normal range", max(window.column("pit_gain")))
    ok(window.mean_faulty("gas_total") > 10, "kick: gas rises beyond its normal range", window.mean_faulty("gas_total"))


def check_washout(rows):
    window = Window(rows, KINDS["washout"], 0.33)
    ok(window.ratio("spp") < 0.92, "washout: pressure falls", window.ratio("spp"))
    strokes = (window.ratio("spm1") + window.ratio("spm2")) / 2
    ok(strokes > 1.02, "washout: strokes rise", strokes)


def check_stick_slip(rows):
    window = Window(rows, KINDS["stick_slip"])
    ok(correlation(window.column("rpm"), window.column("torque")) < -0.8, "stick_slip: speed and torque swing in opposition")
    ok(window.spread_faulty("torque") > 3 * window.spread("torque"), "stick_slip: torque swings")
    ok(window.spread_faulty("rpm") > 3 * window.spread("rpm"), "stick_slip: speed swings")


def check_bearing_wear(rows):
    ramp = Window(rows, KINDS["bearing_wear"], 1)
    late = Window(rows, KINDS["bearing_wear"], 0.15)
    ok(correlation(ramp.column("vibration"), ramp.column("temperature")) > 0.8, "bearing_wear: vibration and temperature rise together")
    ok(late.ratio("vibration") > 1.5, "bearing_wear: vibration rises", late.ratio("vibration"))
    ok(late.mean_faulty("temperature") > late.mean("temperature") + 20, "bearing_wear: temperature rises")


def check_pump_valve(rows):
    window = Window(rows, KINDS["pump_valve"])
    ok(window.ratio("vib_mud_pump") > 2, "pump_valve: the pump vibrates", window.ratio("vib_mud_pump"))
    ok(window.ratio("spp") < 0.96, "pump_valve: pressure drops", window.ratio("spp"))
    ok(window.spread_faulty("spp") > 1.5 * window.spread("spp"), "pump_valve: pressure ripples")
    ok(abs(window.ratio("spm1") - 1) < 0.06, "pump_valve: strokes stay", window.ratio("spm1"))


def check_sensor_freeze(rows, sensor):
    window = Window(rows, KINDS["sensor_freeze"], 0.95)
    equal(len(set(window.column(sensor))), 1, f"sensor_freeze: {sensor} stands still")
    ok(len({row[sensor] for row in window.normal}) > 100, "sensor_freeze: it moved before")
    ok(len(set(window.column("rpm"))) > 100 and len(set(window.column("wob"))) > 100, "sensor_freeze: its partners move on")


def check_clock_skew(rows, truthful):
    skew = [seconds(a) - seconds(b) for a, b in zip(rows, truthful)]
    ok(max(skew[:AFTER]) < 0.001 and max(skew) > 15, "clock_skew: the device clock drifts", max(skew))
    ok(skew[-1] == 0, "clock_skew: it is set right again afterwards", skew[-1])
    times = [row["timestamp"] for row in rows]
    ok(times == sorted(set(times)), "clock_skew: device times stay unique and increasing")


def check_outage(faulty, machine, plain):
    places = [place for place, row in enumerate(faulty) if row["machine_id"] == machine]
    gap = max(b - a for a, b in zip(places, places[1:]))
    ok(gap > 50 * (len(MACHINES) - 1), "outage: the machine is silent while the others go on", gap)
    equal([faulty[place] for place in places], plain, "outage: all of it arrives later, in order")


def check_truth(path):
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    events = {(line["event"], line["kind"], line["machine"]): line for line in lines}
    equal(len(lines), 2 * len(KINDS), "the truth has a beginning and an end of each fault")
    begins = all(abs(seconds({"timestamp": events["begin", kind, machine]["time"]}) - AFTER) < 1
                 for machine, kind in zip(MACHINES, KINDS))
    ends = all(abs(seconds({"timestamp": events["end", kind, machine]["time"]}) - AFTER - KINDS[kind]) < 2
               for machine, kind in zip(MACHINES, KINDS))
    ok(begins and ends, "at the right times", lines)
    return events["begin", "sensor_freeze", "F"]["sensors"][0]


def run():
    seed = random.randrange(1, 1 << 32)
    note(f"seed {seed}")
    truth = os.path.join(harness.scratch, "truth.jsonl")
    common = ("backfill", "--hours", HOURS, "--machines", ",".join(MACHINES), "--seed", seed, "--start-time", START)
    faults = [word for machine, kind in zip(MACHINES, KINDS) for word in ("--fault", f"{kind}@{machine}:{AFTER}")]
    faulty = messages(*common, *faults, "--truth", truth)
    plain = messages(*common)
    by_machine = {m: [row for row in faulty if row["machine_id"] == m] for m in MACHINES}
    plain_by_machine = {m: [row for row in plain if row["machine_id"] == m] for m in MACHINES}

    frozen = check_truth(truth)
    check_kick(by_machine["A"])
    check_washout(by_machine["B"])
    check_stick_slip(by_machine["C"])
    check_bearing_wear(by_machine["D"])
    check_pump_valve(by_machine["E"])
    check_sensor_freeze(by_machine["F"], frozen)
    check_clock_skew(by_machine["G"], plain_by_machine["G"])
    check_outage(faulty, "H", plain_by_machine["H"])
    ok(by_machine["I"] == plain_by_machine["I"], "a machine without a fault is not touched by those of others")
    ok(all(by_machine[m][:AFTER] == plain_by_machine[m][:AFTER] for m in MACHINES), "before its fault no machine is touched")

    equal(sim("--fault", "kick@Q").returncode, 64, "a fault on an unknown machine is refused")
    unknown = sim("--fault", "gremlins")
    ok(unknown.returncode == 64 and "stick_slip" in unknown.stderr, "an unknown fault is refused with the list of known ones")
