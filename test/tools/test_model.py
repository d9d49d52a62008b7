"""Physics, shape and determinism of the simulated readings."""
import os
import random
import re
import statistics

from harness import ROOT, START, equal, messages, note, ok, sim

RANGE = re.compile(r"\((\d+), '(\w+)', '[^']*', '[^']*', '\w+', (-?[\d.]+), (-?[\d.]+)\)")


def builtin_sensors():
    """Name and normal range of each built-in sensor, as the extension defines them."""
    with open(os.path.join(ROOT, "sql", "030_machines.sql"), encoding="utf-8") as file:
        found = RANGE.findall(file.read())
    return {name: (float(low), float(high)) for _, name, low, high in found}


def without_times(text):
    return re.sub(r'"timestamp":"[^"]*"', "", text)


def correlation(xs, ys):
    mx, my = statistics.fmean(xs), statistics.fmean(ys)
    sx, sy = statistics.pstdev(xs), statistics.pstdev(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / (len(xs) * sx * sy)


def check_determinism(seed):
    options = ("--stdout", "--limit", 600, "--rate", "max", "--seed", seed)
    one = sim(*options, "--start-time", START).stdout
    two = sim(*options, "--start-time", START).stdout
    ok(one == two and one.count("\n") == 600, "the same seed and start give the same bytes")
    other = sim("--stdout", "--limit", 600, "--rate", "max", "--seed", seed + 1, "--start-time", START).stdout
    ok(other != one, "another seed gives other values")

    # The weather follows the time of day, so the two live runs agree in everything else.
    live = sim("--stdout", "--limit", 30, "--rate", 100, "--seed", seed)
    equal(live.stdout.count("\n"), 30, "a live stream of 30 messages")


def check_shape(seed):
    lines = sim("--stdout", "--machines", "A,Oslo 2", "--limit", 400, "--rate", "max", "--dropouts", 0.2,
                "--seed", seed, "--start-time", START).stdout
    ok(re.match(r'\{"machine_id":"A","timestamp":"2026-01-05T12:00:00\.000Z","state":"\w+","sensors":\{"ambient_\w+":', lines),
       "the message has the documented shape", lines[:300])
    ok(not re.search(r"\.\d{5}", lines) and not re.search(r"\.\d*0[,}]", lines), "at most four decimals, no zeros behind")
    rows = messages("--machines", "A,Oslo 2", "--limit", 400, "--rate", "max", "--dropouts", 0.2, "--seed", seed,
                    "--start-time", START)
    equal({row["machine_id"] for row in rows}, {"A", "Oslo 2"}, "machines by name")
    missing = [60 - len(row["sensors"]) for row in rows]
    ok(set(missing) <= {0, 1} and 40 <= sum(missing) <= 130, "single sensors drop out at the rate asked for", sum(missing))

    wide = messages("--machines", 28, "--sensors", 63, "--limit", 28, "--rate", "max", "--dropouts", 0, "--start-time", START)
    equal([row["machine_id"] for row in wide][-3:], ["Z", "M027", "M028"], "machines by number")
    equal(list(wide[0]["sensors"])[-3:], ["extra_061", "extra_062", "extra_063"], "more sensors than the built-in ones")
    counted = messages("--limit", 50, "--rate", "max", "--sequence", "n", "--start-time", START)
    equal([row["sensors"]["n"] for row in counted], list(range(1, 51)), "--sequence counts every message")


def check_ranges(rows):
    ranges = builtin_sensors()
    equal(len(ranges), 60, "the extension has 60 built-in sensors")
    full = next(row for row in rows if len(row["sensors"]) == 60)
    equal(list(full["sensors"]), list(ranges), "the simulator has the same sensors in the same order")
    states = {row["state"] for row in rows}
    equal(states, {"drilling", "connection", "tripping", "idle"}, "all four states occur")
    drilling = [row["sensors"] for row in rows if row["state"] == "drilling"]
    ok(len(drilling) > 0.55 * len(rows), "a rig drills most of the time", len(drilling) / len(rows))
    for name, (low, high) in ranges.items():
        values = [row[name] for row in drilling if name in row]
        outside = sum(not low <= value <= high for value in values) / len(values)
        if outside > 0.005:
            ok(False, f"{name} stays in its normal range while drilling", f"{outside:.2%} outside {low}..{high}")
            return
    ok(True, "every sensor stays in its normal range while drilling, but for 0.5 % at most")


def check_links(rows):
    drilling = [row["sensors"] for row in rows if row["state"] == "drilling" and len(row["sensors"]) == 60]
    column = {name: [row[name] for row in drilling] for name in drilling[0]}
    # The deeper the hole, the higher the pressure: compared within half hours of drilling.
    pushed = [f ** 1.8 * w for f, w in zip(column["flow_in"], column["mud_weight_in"])]
    follows = [correlation(pushed[at:at + 180], column["spp"][at:at + 180]) for at in range(0, len(pushed) - 180, 180)]
    ok(statistics.median(follows) > 0.8, "standpipe pressure follows flow and density", follows)
    ok(correlation([a + b for a, b in zip(column["spm1"], column["spm2"])], column["flow_in"]) > 0.95,
       "flow follows the strokes")
    ok(correlation(column["wob"], column["torque"]) > 0.7, "torque follows weight on bit")
    ok(correlation(column["torque"], column["td_motor_current"]) > 0.9, "motor current follows torque")
    warm = [row["sensors"] for row in rows if "ambient_temp" in row["sensors"]]
    day = [row["ambient_temp"] for row in warm]
    ok(max(day) - min(day) > 12, "the air temperature has its day", (min(day), max(day)))
    noise = [b["sensors"]["spp"] - a["sensors"]["spp"] for a, b in zip(rows, rows[1:])
             if a["state"] == b["state"] == "drilling" and "spp" in a["sensors"] and "spp" in b["sensors"]]
    ok(statistics.pstdev(noise) < statistics.pstdev(column["spp"]), "values are autocorrelated")


def run():
    seed = random.randrange(1, 1 << 32)
    note(f"seed {seed}")
    check_determinism(seed)
    check_shape(seed)
    rows = messages("backfill", "--hours", 72, "--step", 10, "--machines", "A", "--seed", seed, "--start-time", START)
    equal(len(rows), 72 * 360, "a backfill has one message per step")
    equal([row["timestamp"] for row in rows], sorted({row["timestamp"] for row in rows}), "its times are unique and in order")
    check_ranges(rows)
    check_links(rows)
