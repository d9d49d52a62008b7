"""HTTP ingest, answered after the commit: the sidecar against Flask, loaded by wrk."""
import json
import os
import subprocess

from contenders.web_server import Flask, Sidecar
from harness.database import Session
from harness.messages import Stream
from harness.rounds import interleave

ROUNDS = 5
SECONDS = 3
SCRIPT = os.path.join(os.path.dirname(__file__), "../web/post.lua")


class Load:
    """wrk, with one thread: the servers need the processors more."""

    def __init__(self, session, stream, folder):
        self.session = session
        self.stream = stream
        self.parts = os.path.join(folder, "message-parts")
        with open(self.parts, "wb") as file:
            file.write(stream.parts())

    def run(self, server, connections, seconds):
        self.session.run(f"TRUNCATE {server.table}")
        self.session.run("CHECKPOINT")
        output = subprocess.run(
            ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "10s",
             "--script", SCRIPT, f"http://127.0.0.1:{server.port}/api/v1/ingest", "--", self.parts, str(self.stream.count), "1"],
            check=True, capture_output=True, text=True).stdout
        figures = json.loads(output[output.rindex("{"):])
        # Requests under way at the end were stored, but not counted.
        self.stream.count += figures["requests"] + 10 * connections
        stored = self.session.value(f"SELECT count(*) FROM {server.table}")
        if figures["errors"] or not figures["requests"] <= stored <= figures["requests"] + connections:
            raise RuntimeError(f"{server.name}: {figures}, but {stored} rows")
        return figures


def compare(report, web, connections, floor, goal, rounds=ROUNDS, seconds=SECONDS):
    figures = interleave({server.name: lambda server=server: web.load.run(server, connections, seconds) for server in web.servers},
                         rounds)

    def column(server, name):
        return [figure[name] for figure in figures[server.name]]

    ours, peer = web.servers
    report.against(f"requests, {connections} connections", "requests/s",
                   [figure["requests"] / figure["seconds"] for figure in figures[ours.name]], peer.name,
                   [figure["requests"] / figure["seconds"] for figure in figures[peer.name]], floor=floor, goal=goal)
    report.against(f"p50, {connections} connections", "ms", column(ours, "p50_ms"), peer.name, column(peer, "p50_ms"), best="low")
    report.against(f"p99, {connections} connections", "ms", column(ours, "p99_ms"), peer.name, column(peer, "p99_ms"),
                   goal=0.5, best="low")


class Web:
    """Both servers side by side."""

    def __init__(self, stack):
        self.session = Session()
        stream = Stream(days_ago=2)
        self.session.rows("SELECT rigalpha.ensure_partitions(ARRAY[%s])", (stream.day,))
        self.load = Load(self.session, stream, stack.folder)
        self.servers = []

    def start(self):
        for server in (Sidecar, Flask):
            self.servers.append(server(self.session))

    def close(self):
        for server in self.servers:
            server.stop()
        self.session.close()


def run(report, stack):
    web = Web(stack)
    try:
        web.start()
        report.heading("HTTP ingest, one message of 1402 bytes per request, answered after the commit (wrk, 1 thread)")
        compare(report, web, 64, 8, 20)
        compare(report, web, 16, 5, 10)
    finally:
        web.close()
