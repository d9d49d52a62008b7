"""What the tests run against: sidecar processes, the database, and a plain HTTP client."""
import atexit
import contextlib
import gzip
import http.client
import itertools
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import threading
import time

FOLDER = pathlib.Path(os.environ["FOLDER"])
PROGRAM = os.environ["RIGALPHA_WEB_PROGRAM"]
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}

# Passwords, tokens and cookies that tests used: no log may hold them.
SECRETS = []

_numbers = itertools.count(1)
_pause = threading.Event()


def unique(prefix="M"):
    """A machine name that no other test uses."""
    return f"{prefix}{os.getpid()}-{next(_numbers)}"


def wait_until(condition, seconds=10, what="the condition"):
    """Polls until the condition holds and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not hold within {seconds} s")
        _pause.wait(0.02)


# --- database -----------------------------------------------------------------------


def sql(text, database=None):
    """Rows of a statement run by the superuser, as lists of texts."""
    command = ["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", text]
    if database:
        command += ["-d", database]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [line.split("\t") for line in output.splitlines()]


def count_readings(machine):
    return int(sql("SELECT count(*) FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id"
                   f" WHERE m.name = '{machine}'")[0][0])


def values_of(machine, sensor):
    """All stored values of a sensor, one for each reading."""
    return [float(row[0]) for row in sql(
        f"SELECT value FROM rigalpha.reading_values WHERE machine = '{machine}' AND sensor = '{sensor}'")]


@contextlib.contextmanager
def locked_table(table, database=None):
    """Holds a lock on a table that nobody else gets past."""
    session = subprocess.Popen(["psql", "-Xq"] + (["-d", database] if database else []), stdin=subprocess.PIPE, text=True)
    try:
        session.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n")
        session.stdin.flush()
        wait_until(lambda: sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
                               f" AND relation = '{table}'::regclass", database) == [["1"]])
        yield
    finally:
        session.communicate("ROLLBACK;\n", 10)


def pg_ctl(*arguments):
    subprocess.run(["pg_ctl", "-D", str(FOLDER / "data"), "-l", str(FOLDER / "postgresql.log"), "-w", *arguments],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=90)


# --- payloads -----------------------------------------------------------------------


def reading(machine, moment=None, **sensors):
    """One reading as a dict; moment in seconds before now."""
    ago = 0 if moment is None else moment
    return {"machine_id": machine, "timestamp": round((time.time() - ago) * 1000), "state": "running",
            "sensors": sensors or {"rpm": 120.5}}


def routes():
    """Method, pattern and access of each route that the program has."""
    return [line.split() for line in subprocess.run(
        [PROGRAM, "--routes"], check=True, capture_output=True, text=True).stdout.splitlines()]


# --- accounts -----------------------------------------------------------------------

COOKIE = "__Host-rigalpha"
PASSWORD = "correct horse battery staple"
SECRETS.append(PASSWORD)

_admins = {}


def cookie_of(answer):
    """Value of the session's cookie that an answer sets; None when it sets none, empty when it clears it."""
    for header in answer.headers.get_all("Set-Cookie") or []:
        name, _, rest = header.partition("=")
        if name == COOKIE:
            token = rest.split(";")[0]
            if token:
                SECRETS.append(token)
            return token
    return None


def create_admin(database="rigalpha", *name):
    """The first admin of a database; returns the given password."""
    result = subprocess.run([PROGRAM, "--create-admin", *name], env=dict(os.environ, PGDATABASE=database),
                            check=True, capture_output=True, text=True, timeout=30)
    SECRETS.append(result.stdout.strip())
    return SECRETS[-1]


def admin_session(server):
    """Token of an admin who has logged in; one login for all sidecars of a database."""
    if server.database not in _admins:
        given = create_admin(server.database)
        first = server.login("admin", given)
        assert first.status == 200, first.body
        answer = server.request("PUT", "/api/v1/me/password", json.dumps({"current": given, "new": PASSWORD}), JSON,
                                cookie_of(first))
        assert answer.status == 204, answer.body
        _admins[server.database] = cookie_of(first)
    return _admins[server.database]


def forget_admin(database):
    """The database was made anew."""
    _admins.pop(database, None)


def make_user(name, role="operator", machines=(), must_change=False, password_of="admin", database="rigalpha"):
    """An account with the password of another one, so that nothing is hashed here."""
    names = "ARRAY[" + ", ".join(f"'{machine}'" for machine in machines) + "]::text[]"
    sql(f"SELECT rigalpha.create_user('{name}', '{role}', (SELECT password_hash FROM rigalpha.users WHERE name = '{password_of}'),"
        f" {names}, NULL, {str(must_change).lower()})", database)
    return name


def make_session(user, database="rigalpha"):
    """Token of a new session, made in the database: no password is checked and nothing is throttled."""
    token = secrets.token_urlsafe(32)
    SECRETS.append(token)
    sql(f"SELECT rigalpha.create_session((SELECT id FROM rigalpha.users WHERE name = '{user}'), '{token}', '127.0.0.1')", database)
    return token


# --- sidecar ------------------------------------------------------------------------


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Sidecar:
    """One sidecar process on a port of its own."""

    def __init__(self, database="rigalpha", user="rigalpha_web", **settings):
        self.database = database
        self.session = None
        self.log_path = FOLDER / f"sidecar-{next(_numbers)}.log"
        environment = dict(os.environ, PGUSER=user, PGDATABASE=database,
                           PGPASSWORD=os.environ["WEB_PASSWORD"], RIGALPHA_LISTEN="127.0.0.1:0",
                           RIGALPHA_LOG="info", RIGALPHA_WEB_ROOT=str(FOLDER / "page"), RIGALPHA_ANONYMOUS_INGEST="on",
                           RIGALPHA_STREAMS_PER_SESSION="200")
        environment.update({"RIGALPHA_" + name.upper(): str(value) for name, value in settings.items()})
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM], env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.port = wait_until(self._find_port, 10, "listening")

    def _find_port(self):
        for line in self.log():
            if line["event"] == "listening":
                return int(line["message"].rsplit(":", 1)[1])
        if self.process.poll() is not None:
            raise AssertionError("the sidecar ended: " + self.log_path.read_text())
        return None

    def log(self):
        """Complete lines of the log; each must be a JSON object."""
        text = self.log_path.read_text()
        lines = text[:text.rfind("\n") + 1].split("\n")[:-1]
        for line in lines:
            assert line.startswith("{") and line.endswith("}"), f"not JSON: {line!r}"
        return [json.loads(line) for line in lines]

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def headers_of(self, session, headers=None):
        """Headers with the cookie of a session, sent as our own page sends them."""
        if not session:
            return headers or {}
        return {"Cookie": f"{COOKIE}={session}", "Sec-Fetch-Site": "same-origin", **(headers or {})}

    def request(self, method, path, body=None, headers=None, session=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, self.headers_of(session, headers))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def login(self, name, password, code=None, session=None, headers=None):
        body = {"name": name, "password": password}
        if code is not None:
            body["code"] = code
        return self.request("POST", "/api/v1/session", json.dumps(body), dict(JSON, **(headers or {})), session)

    def use_admin(self):
        """Requests act for an admin from now on, unless they name another session."""
        self.session = admin_session(self)
        return self

    def get(self, path, headers=None, session=None):
        return self.request("GET", path, None, headers, session or self.session)

    def ingest(self, payload, headers=None):
        body = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        return self.request("POST", "/api/v1/ingest", body, headers or JSON)

    def is_ready(self):
        try:
            return self.get("/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_ready(self, seconds=15):
        wait_until(self.is_ready, seconds, "readiness")
        return self if self.session else self.use_admin()

    def socket(self, timeout=30, receive_buffer=None):
        """A bare connection, for what http.client would not send."""
        client = socket.socket()
        client.settimeout(timeout)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", self.port))
        return client

    def stream(self, last_event_id=None, receive_buffer=None, session=None):
        return Stream(self, last_event_id, receive_buffer, session or self.session)

    def stream_head(self):
        """What a client sends to open a stream, for a bare connection."""
        return f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={self.session}\r\n\r\n".encode()

    def stop(self, seconds=15):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def sidecar(**settings):
    process = Sidecar(**settings)
    try:
        yield process
    finally:
        process.close()


_shared = None


def shared():
    """One sidecar for all tests that leave it as it is."""
    global _shared
    if _shared is None:
        _shared = Sidecar()
        atexit.register(_shared.close)
    return _shared if _shared.session else _shared.wait_ready()


class Stream:
    """An open event stream."""

    def __init__(self, server, last_event_id, receive_buffer, session):
        self.connection = server.connect()
        self.connection.sock = server.socket(receive_buffer=receive_buffer)
        headers = server.headers_of(session, {"Accept": "text/event-stream"})
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self.connection.request("GET", "/api/v1/stream", headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.last_id = None

    def next(self, seconds=10):
        """The next event as a dict of its fields; None at the end of the stream."""
        self.connection.sock.settimeout(seconds)
        event = {}
        while True:
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if line == "":
                if event:
                    return event
                continue
            name, _, value = line.partition(": ")
            event[name] = value
            if name == "id":
                self.last_id = value

    def wait_for(self, kind, seconds=10, accept=lambda data: True):
        """The data of the next event of a kind that is accepted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            event = self.next(max(0.1, deadline - time.monotonic()))
            if event is None:
                raise AssertionError("the stream ended")
            if event.get("event") == kind and accept(json.loads(event["data"])):
                return json.loads(event["data"])
        raise AssertionError(f"no {kind} event within {seconds} s")

    def wait_reading(self, machine, seconds=10):
        return self.wait_for("reading", seconds, lambda data: data["machine"] == machine)

    def close(self):
        self.connection.close()


# --- page ---------------------------------------------------------------------------

INDEX = "<!doctype html><title>page</title>" + "<p>text</p>" * 200
SCRIPT = "export const answer = 42; " * 100


def make_page():
    """A small page: one file with a compressed form beside it, one without, one with a hash in its name."""
    page = FOLDER / "page"
    (page / "assets").mkdir(parents=True, exist_ok=True)
    (page / "index.html").write_text(INDEX)
    (page / "index.html.gz").write_bytes(gzip.compress(INDEX.encode()))
    (page / "assets" / "app-4XKQ2ZTB.js").write_text(SCRIPT)
    (page / ".hidden").write_text("secret")
    with contextlib.suppress(FileExistsError):
        (page / "link.txt").symlink_to("/etc/passwd")
