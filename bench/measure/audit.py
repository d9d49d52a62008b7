"""What the audit log costs and how fast it is checked: updates of a table with and without it, by clients that each
write on the chain of a machine of their own, and on one chain; then its verification."""
import os
import re
import subprocess
import tempfile

from harness.database import DATABASE, Session
from harness.machine import processor_seconds
from harness.rounds import interleave

ROUNDS = 5
CLIENTS = 16
SECONDS = 3
HELD = "\\sleep 2 ms\n"  # what an application does between its statement and its commit
TABLES = ("bench_plain", "bench_audited", "bench_one_chain")


def create_tables(session):
    session.run("INSERT INTO rigalpha.machines (name) SELECT 'audit' || i FROM generate_series(1, %s) i", (CLIENTS,))
    for table in TABLES:
        session.run(f"CREATE TABLE {table} (id integer PRIMARY KEY, machine_id integer, number integer NOT NULL DEFAULT 0)")
        session.run(f"INSERT INTO {table} (id, machine_id) SELECT row_number() OVER () - 1, id FROM rigalpha.machines WHERE name ~ '^audit'")
    session.rows("SELECT rigalpha.audit_enable('bench_audited', 'machine_id'), rigalpha.audit_enable('bench_one_chain')")


class Updates:
    """Transactions per second of pgbench, one update each."""

    def __init__(self, folder, table, held):
        self.script = os.path.join(folder, f"{table}{'_held' if held else ''}.sql")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(f"BEGIN;\nUPDATE {table} SET number = number + 1 WHERE id = :client_id;\n{HELD if held else ''}COMMIT;\n")

    def run(self):
        output = subprocess.run(["pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS), "-f", self.script, DATABASE],
                                check=True, capture_output=True, text=True).stdout
        return float(re.search(r"tps = ([\d.]+)", output)[1])


class Check:
    """Entries per second of a query over the whole log, by the processor time of its backend."""

    def __init__(self, session, entries, statement, wanted):
        self.session = session
        self.entries = entries
        self.statement = statement
        self.wanted = wanted

    def run(self):
        backend = self.session.connection.get_backend_pid()
        before = processor_seconds(backend)
        if self.session.value(self.statement) != self.wanted:
            raise RuntimeError(f"not what it should be: {self.statement}")
        return self.entries / (processor_seconds(backend) - before)


def measure_updates(report, rounds):
    with tempfile.TemporaryDirectory() as folder:
        contenders = {(table, held): Updates(folder, table, held).run for table in TABLES for held in (True, False)}
        figures = interleave(contenders, rounds)
    report.heading(f"Audited updates, {CLIENTS} clients")
    report.against(f"audited updates / {CLIENTS} chains, held for 2 ms", "tps", figures["bench_audited", True], "not audited",
                   figures["bench_plain", True], floor=0.4, goal=0.7)
    report.against("audited updates / one chain, held for 2 ms", "tps", figures["bench_one_chain", True], "not audited",
                   figures["bench_plain", True])
    report.against(f"audited updates / {CLIENTS} chains, at once", "tps", figures["bench_audited", False], "not audited",
                   figures["bench_plain", False])
    report.against("audited updates / one chain, at once", "tps", figures["bench_one_chain", False], "not audited",
                   figures["bench_plain", False])


def measure_verification(report, session, rounds):
    session.run("VACUUM ANALYZE rigalpha.audit_entries")
    session.run("VACUUM ANALYZE rigalpha.audit_links")
    session.run("SET max_parallel_workers_per_gather = 0")
    entries = session.value("SELECT count(*) FROM rigalpha.audit_entries")
    figures = interleave({
        "verify": Check(session, entries, "SELECT count(*) FROM rigalpha.audit_verify()", 0).run,
        "sha256": Check(session, entries, "SELECT count(sha256(payload)) FROM rigalpha.audit_entries", entries).run,
    }, rounds)
    report.heading(f"Verification of {entries:,} audit entries, one session, processor time")
    report.against("audit_verify() / hash of the entries alone", "entries/s", figures["verify"], "sha256()", figures["sha256"], floor=0.2)
    return figures["verify"]


class Audit:
    def __init__(self):
        self.session = Session()
        create_tables(self.session)

    def measure(self, report, rounds):
        """Returns the rates of the verification."""
        measure_updates(report, rounds)
        return measure_verification(report, self.session, rounds)

    def close(self):
        self.session.run(f"DROP TABLE {', '.join(TABLES)}")
        self.session.close()


def run(report, stack, rounds=ROUNDS):
    del stack
    audit = Audit()
    report.alone("audit_verify() / entries", "entries/s", audit.measure(report, rounds), floor=300_000, goal=1_000_000, best="high")
    audit.close()
