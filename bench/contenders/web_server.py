"""The two HTTP servers under load: the sidecar, and Flask with a connection pool behind gunicorn."""
import os
import secrets
import subprocess
import time
import urllib.request

from harness.broker import ROOT, free_port

START_SECONDS = 30


class WebServer:
    """A server process that answers on a path when it is ready."""

    def __init__(self, command, ready_path, port, environment):
        self.port = port
        self.process = subprocess.Popen(command, env=dict(os.environ, **environment), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers(ready_path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start")
            time.sleep(0.05)

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(START_SECONDS)


class Sidecar(WebServer):
    name = "sidecar"
    table = "rigalpha.readings"

    def __init__(self, session):
        port = free_port()
        session.run("ALTER ROLE rigalpha_web PASSWORD %s", (os.environ["PGPASSWORD"],))
        self.token = secrets.token_urlsafe(32)
        session.run("SELECT rigalpha.create_session(rigalpha.create_user(%s, 'admin', must_change_password => false), %s)",
                    (f"bench-{port}", self.token))
        super().__init__([os.path.join(ROOT, "build/bin/rigalpha-web")], "/readyz", port,
                         {"RIGALPHA_LISTEN": f"127.0.0.1:{port}", "RIGALPHA_WEB_ROOT": os.path.join(ROOT, "build/ui"),
                          "RIGALPHA_ANONYMOUS_INGEST": "on", "PGUSER": "rigalpha_web", "PGDATABASE": "bench"})


class Flask(WebServer):
    name = "Flask"
    table = "flask_readings"

    def __init__(self, session):
        port = free_port()
        session.run("""
            CREATE TABLE flask_readings (machine text NOT NULL, ts timestamptz NOT NULL,
                received_at timestamptz NOT NULL DEFAULT now(), state text, sensor_values float8[] NOT NULL);
            CREATE UNIQUE INDEX ON flask_readings (machine, ts);
            """)
        super().__init__(["gunicorn", "--workers", "2", "--worker-class", "sync", "--bind", f"127.0.0.1:{port}",
                          "--keep-alive", "5", "--chdir", os.path.join(ROOT, "bench/web"), "flask_app:app"],
                         "/healthz", port, {})
