"""The HTTP destination against a small server that can be told how to behave."""
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import harness
from harness import SIM, START, Process, equal, free_port, ok, poll, sim


class Server:
    """Takes NDJSON on /api/v1/ingest; script lists what to do before answering well."""

    def __init__(self, script=(), port=0, rejected=0, status=200):
        self.requests, self.readings, self.headers = [], [], []
        script = list(script)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, code, body, **headers):
                data = json.dumps(body).encode()
                self.send_response(code)
                for name, value in {"Content-Length": len(data), **headers}.items():
                    self.send_header(name.replace("_", "-"), str(value))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                lines = self.rfile.read(int(self.headers["Content-Length"])).splitlines()
                server.requests.append(self.path)
                server.headers.append(dict(self.headers))
                action = script.pop(0) if script else "store"
                if action == "busy":
                    self.answer(503, {"title": "database away"}, Retry_After=1)
                    return
                if action == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                server.readings += [json.loads(line) for line in lines]
                bad = min(rejected, len(lines))
                self.answer(status, {"accepted": len(lines) - bad, "merged": 0, "duplicates": 0, "rejected": bad,
                                     "errors": []})

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


def check_delivery():
    server = Server()
    token = os.path.join(harness.scratch, "token")
    with open(token, "w", encoding="utf-8") as file:
        file.write("s3cret\n")
    result = sim("--http", server.url + "/", "--limit", 2000, "--rate", "max", "--sequence", "n", "--start-time", START,
                 "--token-file", token)
    equal(result.returncode, 0, "exit status")
    ok(result.stdout.startswith("sent 2000, acknowledged 2000, failed 0 "), "the summary counts", result.stdout)
    equal([row["sensors"]["n"] for row in server.readings], list(range(1, 2001)), "every message arrives once, in order")
    equal(set(server.requests), {"/api/v1/ingest"}, "at the right path")
    equal({headers["Content-Type"] for headers in server.headers}, {"application/x-ndjson"}, "as NDJSON")
    ok(len(server.requests) <= 25, "in batches", len(server.requests))
    equal({headers["Authorization"] for headers in server.headers}, {"Bearer s3cret"}, "with the token of the file")
    server.stop()


def check_retries():
    server = Server(script=["busy", "drop", "busy"])
    result = sim("--http", server.url, "--limit", 300, "--rate", "max", "--sequence", "n")
    equal(result.returncode, 0, "503 and lost connections are tried again")
    equal([row["sensors"]["n"] for row in server.readings], list(range(1, 301)), "nothing is lost or doubled by it")
    ok("trying on" in result.stderr and "delivering again" in result.stderr, "it says so once", result.stderr)
    equal(result.stderr.count("trying on"), 1, "and not more often")
    server.stop()

    port = free_port()
    early = Process(SIM, "--http", f"http://127.0.0.1:{port}", "--limit", 10, "--rate", "max")
    ok(poll(lambda: "trying on" in early.error()), "a refused connection is tried again", early.error())
    server = Server(port=port)
    equal(early.wait(), 0, "until the server is there")
    equal(len(server.readings), 10, "and everything arrives")
    server.stop()

    hopeless = Process(SIM, "--http", f"http://127.0.0.1:{port}", "--rate", 20)
    poll(lambda: "trying on" in hopeless.error())
    hopeless.process.terminate()
    hopeless.process.send_signal(2)
    equal(hopeless.stop(2), 1, "a second signal gives up on a server that is away")


def check_answers():
    partial = Server(rejected=3)
    result = sim("--http", partial.url, "--limit", 100, "--rate", "max", "--batch", 50, "--linger", 10000)
    equal(result.returncode, 1, "rejected readings make the exit status 1")
    ok("acknowledged 94, failed 6" in result.stdout, "and are counted", result.stdout)
    partial.stop()

    for status in (422, 400, 413):
        server = Server(status=status)
        result = sim("--http", server.url, "--limit", 10, "--rate", "max")
        ok(result.returncode == 1 and "failed 10" in result.stdout and f"status {status}" in result.stderr,
           f"{status} is final", result.stdout + result.stderr)
        equal(len(server.requests), 1, f"{status} is not tried again")
        server.stop()


def run():
    check_delivery()
    check_retries()
    check_answers()
