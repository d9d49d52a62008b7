"""Checkpoints of the audit log: signed, published, verified away from the database, and refused when the past changes."""
import os
import pathlib
import subprocess
import time
import unittest

import stack
from stack import FOLDER, PROGRAM

VERIFY = pathlib.Path(__file__).parents[2] / "tools" / "rigalpha-verify.py"
TABLES = ("SELECT string_agg(oid::regclass::text, ' ' ORDER BY relname) FROM pg_class"
          " WHERE relnamespace = 'rigalpha'::regnamespace AND relkind = 'r' AND relname LIKE 'audit\\_%'")


def command(*arguments, **settings):
    """Runs the program with arguments, or to the end of a start that it refuses."""
    environment = dict(os.environ, PGUSER="rigalpha_web", PGPASSWORD=os.environ["WEB_PASSWORD"], RIGALPHA_LISTEN="127.0.0.1:0")
    environment.update({"RIGALPHA_" + name.upper(): str(value) for name, value in settings.items()})
    return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False)


def size_of(note):
    return int(note.split("\n")[1])


class Log:
    """A database with its audit log, and a key that signs it."""

    def __init__(self):
        self.database = stack.unique("checkpoints").lower().replace("-", "_")
        self.folder = FOLDER / self.database
        self.folder.mkdir()
        self.key, self.file, self.public_key = self.folder / "key", self.folder / "notes", self.folder / "key.pub"
        self.state = self.folder / "key.state"
        stack.sql(f"CREATE DATABASE {self.database}", "postgres")
        self.sql("CREATE EXTENSION rigalpha; SELECT rigalpha.setup()")
        made = command("--make-key", str(self.key), "rigalpha/test")
        assert made.returncode == 0, made.stderr
        self.public_key.write_text(made.stdout)

    def drop(self):
        stack.sql(f"DROP DATABASE {self.database} WITH (FORCE)", "postgres")

    def sql(self, text):
        return stack.sql(text, self.database)

    def settings(self):
        return {"signing_key": self.key, "checkpoint_file": self.file, "checkpoint_ms": 100}

    def signer(self, **settings):
        return stack.sidecar(database=self.database, **{**self.settings(), **settings})

    def add(self, count=1):
        """Writes entries; returns how many links there are then."""
        for _ in range(count):
            self.sql("SELECT rigalpha.audit_note('written by a test')")
        return int(self.sql("SELECT count(*) FROM rigalpha.audit_links")[0][0])

    def notes(self):
        """Those in the file, oldest first."""
        text = self.file.read_text() if self.file.exists() else ""
        return ["rigalpha/" + part.rstrip("\n") + "\n" for part in ("\n" + text).split("\nrigalpha/")[1:]]

    def last_size(self):
        notes = self.notes()
        return size_of(notes[-1]) if notes else -1

    def wait_signed(self, size):
        stack.wait_until(lambda: self.last_size() >= size, 20, f"a checkpoint of {size}")

    def export(self, query, name):
        path = self.folder / name
        path.write_text("\n".join(row[0] for row in self.sql(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)")) + "\n")
        return str(path)

    def verify(self, key=None):
        links = self.export("SELECT * FROM rigalpha.audit_export", "links.csv")
        labels = self.export("SELECT * FROM rigalpha.audit_chains", "labels.csv")
        return subprocess.run(["/usr/bin/python3", VERIFY, links, "--labels", labels, "--log-id",
                               self.sql("SELECT log_id FROM rigalpha.node")[0][0], "--checkpoint", self.file, "--key",
                               key or self.public_key], capture_output=True, text=True, timeout=60, check=False)

    # --- What a superuser can do -------------------------------------------------

    def save(self):
        """Copies all tables of the log, as a backup does."""
        self.tables = self.sql(TABLES)[0][0].split()
        self.sql(";".join(f"CREATE TABLE public.{t.split('.')[1]} AS TABLE {t}" for t in self.tables))

    def restore(self):
        """Puts the saved tables in the place of the log."""
        guards = [row[0] for row in self.sql("SELECT evtname FROM pg_event_trigger")]
        commands = [f"ALTER EVENT TRIGGER {guard} DISABLE" for guard in guards]
        commands += [f"ALTER TABLE {t} DISABLE TRIGGER USER; DELETE FROM {t}" for t in reversed(self.tables)]
        commands += [f"INSERT INTO {t} OVERRIDING SYSTEM VALUE TABLE public.{t.split('.')[1]}" for t in self.tables]
        commands += [f"ALTER TABLE {t} ENABLE ALWAYS TRIGGER {trigger}" for t, trigger in self.sql(
            "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal"
            f" AND tgrelid = ANY ('{{{','.join(self.tables)}}}'::regclass[])")]
        commands += [f"ALTER EVENT TRIGGER {guard} ENABLE ALWAYS" for guard in guards]
        self.sql("BEGIN;" + ";".join(commands) + "; COMMIT")


def events(server, event):
    return [line["message"] for line in server.log() if line["event"] == event]


class CheckpointTest(unittest.TestCase):
    def setUp(self):
        self.log = Log()
        self.addCleanup(self.log.drop)

    def check_verified(self, problems=(), key=None):
        result = self.log.verify(key)
        found = {line.split()[0] for line in result.stdout.splitlines() if not line.startswith("#")}
        self.assertEqual((found, result.stderr), (set(problems), ""))
        self.assertEqual(result.returncode, 1 if problems else 0)
        return result.stdout

    def test_signed_and_verified(self):
        with self.log.signer() as server:
            for count in (1, 3, 7):
                self.log.wait_signed(self.log.add(count))
            self.assertIn("1 checkpoints", self.check_verified())
            stack.wait_until(lambda: self.log.sql("SELECT max(size) FROM rigalpha.audit_checkpoints") ==
                             [[str(self.log.last_size())]], 10, "the note in the database")
            self.assertEqual(len(events(server, "checkpoints signed")), 1)
        sizes = [size_of(note) for note in self.log.notes()]
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertEqual(self.log.file.stat().st_mode & 0o7777, 0o640)
        self.assertEqual(self.log.state.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(self.log.state.read_text(), self.log.notes()[-1])
        stored = self.log.sql("SELECT encode(convert_to(note, 'UTF8'), 'hex') FROM rigalpha.audit_checkpoints ORDER BY size")
        self.assertEqual([bytes.fromhex(row[0]).decode() for row in stored], self.log.notes())

        other = self.log.folder / "other.pub"
        other.write_text(command("--make-key", str(self.log.folder / "other"), "rigalpha/test").stdout)
        self.check_verified({"CHECKPOINT_SIG"}, other)

    def test_heartbeat(self):
        with self.log.signer(checkpoint_idle_ms=200):
            size = self.log.add()
            self.log.wait_signed(size)
            stack.wait_until(lambda: [size_of(note) for note in self.log.notes()].count(size) >= 3, 10, "three of the same size")
        times = [int(note.split("time ")[1].split("\n")[0]) for note in self.log.notes()]
        self.assertEqual(times, sorted(set(times)))
        self.check_verified()

    def test_killed(self):
        size = -1
        for _ in range(3):
            with self.log.signer() as server:
                size = self.log.add()
                self.log.wait_signed(size)
                server.kill()
        self.assertGreaterEqual(size_of(self.log.state.read_text()), size)
        self.assertFalse(events(server, "checkpoint refused"))
        self.check_verified()

    def check_refused(self, server, reason):
        stack.wait_until(lambda: any(message.startswith(reason) for message in events(server, "checkpoint refused")), 10, reason)
        self.assertEqual(len(events(server, "checkpoint refused")), 1)

    def test_old_backup(self):
        """A log that went back is not signed, nor when it has grown again, until an administrator says so."""
        with self.log.signer() as server:
            self.log.wait_signed(self.log.add(3))
            self.log.save()
            signed = self.log.add(5)
            self.log.wait_signed(signed)
            self.log.restore()
            self.check_refused(server, "log is behind the last signed checkpoint")
            count = len(self.log.notes())
            self.check_verified({"CHECKPOINT_AHEAD"})
        while self.log.add() <= signed:
            pass
        with self.log.signer(checkpoint_idle_ms=100) as server:
            self.check_refused(server, "history differs")
            refused = command("--accept-log", **self.log.settings())
            self.assertEqual((refused.returncode, "another process" in refused.stderr), (1, True))
        self.check_verified({"TREE_ROOT"})
        self.assertEqual(len(self.log.notes()), count)

        accepted = command("--accept-log", **self.log.settings())
        self.assertEqual((accepted.returncode, f"size {signed}," in accepted.stdout), (0, True), accepted.stderr)
        self.assertEqual(len(list(self.log.folder.glob("key.state.*"))), 1)
        with self.log.signer():
            stack.wait_until(lambda: len(self.log.notes()) > count, 10, "another checkpoint")
        self.check_verified()

    def test_another_log(self):
        with self.log.signer():
            self.log.wait_signed(self.log.add())
        other = Log()
        self.addCleanup(other.drop)
        other.add(40)
        with stack.sidecar(database=other.database, **self.log.settings()) as server:
            self.check_refused(server, "log is another one")

    def test_database_away(self):
        with self.log.signer() as server:
            self.log.wait_signed(self.log.add())
            stack.sql(f"ALTER DATABASE {self.log.database} ALLOW_CONNECTIONS false", "postgres")
            stack.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.log.database}'", "postgres")
            stack.wait_until(lambda: events(server, "checkpoints stopped"), 10, "a word about it")
            stack.sql(f"ALTER DATABASE {self.log.database} ALLOW_CONNECTIONS true", "postgres")
            self.log.wait_signed(self.log.add())
            stack.wait_until(lambda: len(events(server, "checkpoints signed")) == 2, 10, "a word of return")
            self.assertEqual(len(events(server, "checkpoints stopped")), 1)

    def test_file_away(self):
        """What could not be written is written later, though the log did not grow."""
        with self.log.signer() as server:
            self.log.wait_signed(self.log.add())
            moved = self.log.folder / "moved"
            self.log.file.rename(moved)
            self.log.file.mkdir()
            size = self.log.add()
            stack.wait_until(lambda: events(server, "checkpoint failed"), 10, "a word about it")
            self.log.file.rmdir()
            self.log.wait_signed(size)
            self.assertEqual(len(self.log.notes()), 1)
            self.assertEqual(len(events(server, "checkpoint failed")), 1)

    def test_stop_while_the_database_hangs(self):
        with self.log.signer() as server:
            self.log.wait_signed(self.log.add())
            with stack.locked_table("rigalpha.audit_links", self.log.database):
                stack.wait_until(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                                   f" AND datname = '{self.log.database}'") != [["0"]], 10, "a blocked signer")
                started = time.monotonic()
                self.assertEqual(server.stop(), 0)
                self.assertLess(time.monotonic() - started, 2)

    def test_refused_start(self):
        def refuses(reason, **settings):
            result = command(**{**self.log.settings(), **settings})
            self.assertEqual((result.returncode, reason in result.stderr), (2, True), result.stderr)

        self.log.key.chmod(0o644)
        refuses("mode 0644")
        self.log.key.chmod(0o600)
        refuses("No such file", signing_key=self.log.folder / "absent")
        refuses("RIGALPHA_SIGNING_KEY", signing_key="")
        refuses("could not make", checkpoint_file=self.log.folder)
        refuses("whole number", checkpoint_ms=1)
        with self.log.signer():
            refuses("another process")
            self.log.wait_signed(0)
        note = self.log.state.read_text()
        self.log.state.write_text(note.replace("epoch", "epoc"))
        refuses("no checkpoint that this key signed")
        self.assertNotIn(self.log.key.read_text().split("+", 4)[4].strip(), command(**self.log.settings()).stderr)

    def test_keys(self):
        again = command("--public-key", str(self.log.key))
        self.assertEqual((again.returncode, again.stdout), (0, self.log.public_key.read_text()))
        self.assertEqual(self.log.key.stat().st_mode & 0o7777, 0o600)
        for arguments in (["--make-key", str(self.log.key)], ["--make-key", str(self.log.folder / "new"), "two words"],
                          ["--public-key", str(self.log.public_key)]):
            result = command(*arguments)
            self.assertEqual((result.returncode, result.stdout, bool(result.stderr)), (1, "", True), arguments)
        self.assertFalse((self.log.folder / "new").exists())
        named = command("--make-key", str(self.log.folder / "new"))
        self.assertRegex(named.stdout, r"^rigalpha/[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n$")
        for arguments in (["--make-key"], ["--public-key", "a", "b"], ["--accept-log", "x"], ["--nonsense"]):
            self.assertEqual(command(*arguments).returncode, 2)
        self.assertEqual(command("--accept-log").returncode, 1)
