"""Remote control through the table, with a PostgreSQL server of our own."""
import json
import os
import shutil
import subprocess

import harness
from harness import ROOT, SIM, Broker, Process, environment, equal, free_port, ok, poll, sim

TABLE = os.path.join(ROOT, "sql", "110_simulator.sql")
AS_USER = os.path.join(ROOT, "tools", "as-user.sh")


class Server:
    """A throw-away cluster on a port of its own."""

    def __init__(self, programs):
        self.programs = programs
        self.port = free_port()
        self.folder = os.path.join(harness.scratch, "cluster")
        os.mkdir(self.folder)
        os.chmod(harness.scratch, 0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.call("initdb", "-D", self.folder + "/data", "-U", "postgres", "-A", "trust", "-N", "--no-instructions")
        with open(self.folder + "/data/postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n")
        self.start()

    def call(self, program, *arguments):
        # The cluster's files stay as they are; only its owner may touch them.
        result = subprocess.run([AS_USER, os.path.join(self.programs, program), *arguments], cwd="/",
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{program}: {result.stderr}")

    def start(self):
        self.call("pg_ctl", "-D", self.folder + "/data", "-l", self.folder + "/log", "-w", "start")

    def stop(self):
        self.call("pg_ctl", "-D", self.folder + "/data", "-m", "immediate", "-w", "stop")

    def environment(self, **changes):
        return environment(PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="postgres", PGDATABASE="postgres", **changes)

    def run(self, sql):
        result = subprocess.run(["psql", "-XAtqc", sql], env=self.environment(), capture_output=True, text=True, timeout=30,
                                check=True)
        return result.stdout.strip()

    def row(self, columns):
        return self.run(f"SELECT {columns} FROM rigalpha.simulator_control WHERE name = 'default'")


def create_table(server):
    with open(TABLE, encoding="utf-8") as file:
        server.run("CREATE SCHEMA rigalpha; " + file.read())


def truth_events(path):
    with open(path, encoding="utf-8") as file:
        return [(event["event"], event["kind"], event["machine"]) for event in map(json.loads, file)]


def check_row(server, stream, target):
    create_table(server)
    ok(poll(lambda: server.row("running AND pid IS NOT NULL AND sent > 0 AND heartbeat_at IS NOT NULL") == "t"),
       "the row appears once the table is there, and is reported to", stream.error())
    equal(server.row("rate, pid, target, note"), f"10|{stream.process.pid}|{target}|live", "rate, process, target and phase")
    before = server.row("heartbeat_at")
    ok(poll(lambda: server.row("heartbeat_at") != before, 5), "the heartbeat goes on")


def check_switches(server, broker):
    server.run("UPDATE rigalpha.simulator_control SET running = false")
    ok(poll(lambda: server.row("note") == "paused"), "running = false pauses")
    at_pause = len(broker.consume("controlled"))
    before = server.row("heartbeat_at")
    poll(lambda: server.row("heartbeat_at") != before)
    ok(len(broker.consume("controlled")) <= at_pause + 2, "no message while paused")
    server.run("UPDATE rigalpha.simulator_control SET running = true, rate = 200")
    ok(poll(lambda: len(broker.consume("controlled")) > at_pause + 400, 20), "running = true goes on, at the new rate")
    server.run("UPDATE rigalpha.simulator_control SET rate = 10")


def check_fault(server, truth):
    server.run("UPDATE rigalpha.simulator_control SET fault = 'stick_slip', fault_machine = 'B'")
    ok(poll(lambda: truth_events(truth) == [("begin", "stick_slip", "B")]), "a fault of the row begins")
    ok(poll(lambda: server.row("fault_started_at IS NOT NULL") == "t"), "its start is stamped")
    server.run("UPDATE rigalpha.simulator_control SET fault = 'washout', fault_machine = NULL")
    ok(poll(lambda: truth_events(truth)[1:] == [("end", "stick_slip", "B"), ("begin", "washout", "A")]),
       "another fault takes its place, on the first machine when none is named")
    server.run("UPDATE rigalpha.simulator_control SET fault = NULL")
    ok(poll(lambda: truth_events(truth)[3:] == [("end", "washout", "A")]), "no fault ends it")
    server.run("UPDATE rigalpha.simulator_control SET fault = 'kick', fault_machine = 'nowhere'")
    ok(poll(lambda: server.row("note") == "unknown fault_machine"), "an unknown machine is noted in the row")
    server.run("UPDATE rigalpha.simulator_control SET fault = NULL, fault_machine = NULL")


def check_second(server, broker, stream):
    """Another runtime folder hides the file lock, as another machine would."""
    other = os.path.join(harness.scratch, "elsewhere")
    os.mkdir(other)
    second = sim("--kafka", broker.address, "--topic", "controlled", "--limit", 10,
                 env=server.environment(XDG_RUNTIME_DIR=other))
    ok(second.returncode == 2 and "says the database" in second.stderr, "the database refuses a second simulator",
       second.stderr)
    ok(stream.alive(), "the first one goes on")


def check_outage(server, broker, stream):
    server.stop()
    before = len(broker.consume("controlled"))
    ok(poll(lambda: len(broker.consume("controlled")) > before + 60, 20), "the stream goes on without the database")
    server.start()
    before = server.row("sent::text || coalesce(heartbeat_at::text, '')")
    ok(poll(lambda: server.row("sent::text || coalesce(heartbeat_at::text, '')") != before), "and reports again when it is back")
    ok(stream.alive() and stream.error() == "", "without a word", stream.error())


def check_rights(server, broker):
    server.run("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA rigalpha TO reader;"
               " GRANT SELECT ON rigalpha.simulator_control TO reader;"
               " UPDATE rigalpha.simulator_control SET running = false")
    reader = Process(SIM, "--kafka", broker.address, "--topic", "read", "--rate", 50,
                     env={**server.environment(), "PGUSER": "reader"})
    ok(poll(lambda: server.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'rigalpha-sim'") == "1"),
       "a role that may only read connects")
    server.run("UPDATE rigalpha.simulator_control SET running = true")
    ok(poll(lambda: len(broker.consume("read")) > 10), "and obeys the row", reader.error())
    equal(reader.stop(), 0, "it ends cleanly")


def run():
    found = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
    programs = found.stdout.strip()
    if not os.path.exists(os.path.join(programs, "initdb")) and os.environ.get("CI") != "true":
        harness.skip("control", "no PostgreSQL server programs")
        return
    server = Server(programs)
    broker = Broker("controlled", "read")
    truth = os.path.join(harness.scratch, "control-truth.jsonl")
    stream = Process(SIM, "--kafka", broker.address, "--topic", "controlled", "--rate", 10, "--truth", truth,
                     env=server.environment())
    try:
        ok(poll(lambda: len(broker.consume("controlled")) > 5), "without the table the stream just runs", stream.error())
        check_row(server, stream, f"topic controlled at {broker.address}")
        check_switches(server, broker)
        check_fault(server, truth)
        check_second(server, broker, stream)
        check_outage(server, broker, stream)
        equal(stream.stop(), 0, "SIGTERM ends it with everything acknowledged")
        equal(server.row("coalesce(pid::text, 'none'), note"), "none|stopped", "it signs off in the row")
        check_rights(server, broker)
    finally:
        stream.stop()
        broker.stop()
        server.stop()
