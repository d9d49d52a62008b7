"""Replay of CSV files: numbers, times, loops, and what is refused."""
import os
from datetime import datetime, timedelta, timezone

import harness
from harness import equal, messages, ok, sim


def write(name, text):
    path = os.path.join(harness.scratch, name)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def instant(row):
    return datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00"))


def at(text):
    return datetime.fromisoformat(text)


def check_numbers():
    texts = ["0.1", "-3.14159265358979312", "1e-7", "1.7976931348623157e308", "5e-324", "79.3366", "-0.0", "00.5", "+2.5", ".25",
             "9007199254740993", "1E5", "123456789.123456789"]
    path = write("numbers.csv", "time,value\n" +
                 "".join(f"2026-01-01T00:00:{i:02d}Z,{text}\n" for i, text in enumerate(texts)))
    rows = messages("replay", path)
    equal([row["sensors"]["value"].hex() if isinstance(row["sensors"]["value"], float)
           else float(row["sensors"]["value"]).hex() for row in rows],
          [float(text).hex() for text in texts], "every number comes back bit-equal")
    raw = sim("replay", path, "--stdout").stdout
    ok('"value":79.3366}' in raw and '"value":1.7976931348623157e308}' in raw and '"value":1E5}' in raw,
       "text that JSON allows is copied as it stands", raw)


def check_gaps():
    path = write("gaps.csv", "time,a,b\n2026-01-01T00:00:00Z,1,\n2026-01-01T00:00:01Z,nan,2\n"
                             "2026-01-01T00:00:02Z,,x\n2026-01-01T00:00:03Z,1e999,4\n")
    result = sim("replay", path, "--stdout")
    equal([line.split('"sensors":')[1] for line in result.stdout.splitlines()], ['{"a":1}}', '{"b":2}}', '{"b":4}}'],
          "what is no finite number is left out, and so is a row without any")
    ok("5 fields" in result.stderr and "1 rows without any" in result.stderr, "and both are counted", result.stderr)


def check_dialects():
    wanted = [{"a": 1.5, "b c": 2}, {"a": 3, "b c": 4}]
    for name, text in {
        "semicolons": "ts;a;b c\r\n2026-01-01T00:00:00Z;1.5;2\r\n2026-01-01T00:00:01Z;3;4\r\n",
        "tabs": "ts\ta\tb c\n2026-01-01T00:00:00Z\t1.5\t2\n2026-01-01T00:00:01Z\t3\t4",
        "quotes": '\ufeff"ts","a","b c"\n"2026-01-01T00:00:00Z","1.5","2"\n\n"2026-01-01T00:00:01Z", 3 ,"4"\n',
    }.items():
        rows = messages("replay", write("dialect.csv", text), "--machine", "P 1")
        equal([row["sensors"] for row in rows], wanted, f"{name} are understood")
    equal(rows[0]["machine_id"], "P 1", "--machine names the machine")

    path = write("many.csv", 'when,mode,a,b,"c ""x"""\n2026-01-01 00:00:00+02:00,"on ""A""",1,2,3\n')
    row = messages("replay", path, "--time-column", "when", "--columns", 'b,c "x"', "--state-column", "mode")[0]
    equal(row, {"machine_id": "replay", "timestamp": "2025-12-31T22:00:00.000Z", "state": 'on "A"',
                "sensors": {"b": 2, 'c "x"': 3}}, "columns, state column and offsets are obeyed")


def check_times():
    path = write("local.csv", "datetime,v\n2026-10-25 01:30:00,1\n2026-10-25 02:30:00,2\n2026-10-25 02:30:00,3\n"
                              "2026-10-25 03:30:00,4\n")
    rows = messages("replay", path, "--timezone", "Europe/Oslo")
    equal([row["timestamp"] for row in rows],
          ["2026-10-24T23:30:00.000Z", "2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000Z"],
          "an hour that the clocks repeat is told apart by the order")
    rows = messages("replay", path, "--timezone", "UTC", "--limit", 1)
    equal(rows[0]["timestamp"], "2026-10-25T01:30:00.000Z", "UTC is UTC")
    rows = messages("replay", path, "--timezone", "Europe/Oslo", "--start-time", "2026-01-01T00:00:00Z", "--limit", 2)
    equal([row["timestamp"] for row in rows], ["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z"],
          "--start-time shifts all times")
    unix = write("unix.csv", "time,v\n1767225600,1\n1767225600500,2\n1767225601000000,3\n1767225601000000001,4\n")
    equal([row["timestamp"] for row in messages("replay", unix)][:3],
          ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:01.000Z"], "Unix times of each unit")
    fine = write("fine.csv", "time,v\n2026-01-01T00:00:00.123456Z,1\n2026-01-01T00:00:00.123457Z,1\n")
    equal([row["timestamp"] for row in messages("replay", fine)],
          ["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123457Z"], "microseconds are kept where a file has them")


def check_loops():
    path = write("loop.csv", "time,v\n" + "".join(f"2026-01-01T00:00:{s:02d}Z,{s}.25\n" for s in (0, 1, 2, 5, 6)))
    rows = messages("replay", path, "--loop", 4, "--sequence", "n")
    times = [instant(row) for row in rows]
    equal(len(rows), 20, "four rounds")
    equal(times, sorted(set(times)), "times are unique and increasing over the rounds")
    equal([row["sensors"]["v"] for row in rows], [0.25, 1.25, 2.25, 5.25, 6.25] * 4, "the numbers are the same in each")
    equal([row["sensors"]["n"] for row in rows], list(range(1, 21)), "--sequence counts on")
    equal(times[5] - times[4], timedelta(seconds=1.5), "a round follows one average interval after the one before")
    equal(len(messages("replay", path, "--loop", 0, "--limit", 12)), 12, "--limit ends an endless loop")
    rate = sim("replay", path, "--stdout", "--rate", 10, "--loop", 2)
    ok(float(rate.stderr.split(" in ")[1].split(" s")[0]) >= 0.8, "--rate paces the messages", rate.stderr)


def check_refusals():
    path = write("plain.csv", "datetime,v\n2026-01-01 00:00:00,1\n")
    cases = [
        (("replay", path), "give --timezone", "a time without offset or zone"),
        (("replay", path, "--timezone", "Mars/Olympus"), "unknown time zone", "an unknown zone"),
        (("replay", path, "--timezone", "../../etc/hostname"), "unknown time zone", "a zone that is a path"),
        (("replay", path, "--time-column", "x"), 'no column named x', "an unknown time column"),
        (("replay", path, "--timezone", "UTC", "--columns", "v,w"), "no column named w", "an unknown column"),
        (("replay", write("bad.csv", "time,v\nyesterday,1\n")), "line 2", "a time that is none"),
        (("replay", write("twice.csv", "time,v,v\n2026-01-01T00:00:00Z,1,2\n")), "same name", "a column named twice"),
        (("replay", write("empty.csv", "")), "empty", "an empty file"),
        (("replay", os.path.join(harness.scratch, "absent.csv")), "cannot read", "an absent file"),
    ]
    for arguments, message, name in cases:
        result = sim(*arguments, "--stdout")
        ok(result.returncode == 64 and message in result.stderr, f"{name} is refused", result.stderr)


def check_public_file():
    folder = os.environ.get("RIGALPHA_DATA", os.path.join(harness.ROOT, "..", "shared", "data"))
    path = os.path.join(folder, "skab", "valve1_00.csv")
    if not os.path.exists(path) and os.environ.get("CI") != "true":
        harness.skip("a SKAB file", f"no {os.path.relpath(path, harness.ROOT)}; set RIGALPHA_DATA")
        return
    with open(path, encoding="utf-8") as file:
        header = file.readline().strip().split(",")
        lines = [line.strip().split(",") for line in file]
    rows = messages("replay", path, "--timezone", "UTC", "--loop", 0, "--limit", 20000)
    equal(len({row["timestamp"] for row in rows}), 20000, "a SKAB file looped to 20,000 messages has unique times")
    equal([[float(row["sensors"][name]).hex() for name in header[1:]] for row in rows[:2 * len(lines)]],
          [[float(text).hex() for text in line[1:]] for line in lines] * 2, "and all its numbers, bit-equal, in each round")
    equal(instant(rows[0]), at(lines[0][0]).replace(tzinfo=timezone.utc), "and its times")


def run():
    check_numbers()
    check_gaps()
    check_dialects()
    check_times()
    check_loops()
    check_refusals()
    check_public_file()
