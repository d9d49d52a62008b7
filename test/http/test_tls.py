"""Encryption: which versions, which files, and nothing in the clear."""
import contextlib
import json
import os
import ssl
import subprocess
import unittest

import stack

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def make_certificate(name, *algorithm):
    """Paths of a new certificate for localhost and of its key."""
    certificate, key = stack.FOLDER / f"{name}.crt", stack.FOLDER / f"{name}.key"
    if not key.exists():
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-newkey", *algorithm,
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
                       check=True, capture_output=True, timeout=60)
        key.chmod(0o600)
    return certificate, key


def usual_certificate():
    return make_certificate("p256", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@contextlib.contextmanager
def secure_sidecar(files=None, **settings):
    certificate, key = files or usual_certificate()
    with stack.sidecar(tls_certificate=certificate, tls_key=key, **settings) as server:
        server.certificate = certificate
        yield server


def connect(server, version=None):
    context = ssl.create_default_context(cafile=server.certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(server.socket(10), server_hostname="localhost")


def exchange(client, request=REQUEST):
    client.sendall(request)
    answer = b""
    while part := client.recv(65536):
        answer += part
    return answer


class TlsTest(unittest.TestCase):
    def test_versions(self):
        """Point 2: what TLS is spoken, and that its answers tell the browser to stay with it."""
        with secure_sidecar() as server:
            for version, name in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
                with connect(server, version) as client:
                    self.assertEqual(client.version(), name)
                    cipher = client.cipher()[0]
                    self.assertRegex(cipher, "AES_?256.?GCM|CHACHA20")
                    self.assertRegex(cipher, "^(TLS_|ECDHE)")
                    answer = exchange(client)
                    self.assertIn(b" 200 ", answer)
                    self.assertIn(b"Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n", answer)
            self.assertTrue(any(line["message"].startswith("https://") for line in server.log() if line["event"] == "listening"))

    def openssl(self, server, *arguments):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *arguments],
                              input="Q\n", capture_output=True, text=True, timeout=20).stdout

    def test_old_versions(self):
        """Point 45: the client is made to offer them: with its own refusal the test would prove nothing."""
        with secure_sidecar() as server:
            self.assertIn("TLSv1.2, Cipher is ECDHE", self.openssl(server, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0"))
            for version in ("-tls1_1", "-tls1"):
                output = self.openssl(server, version, "-cipher", "ALL:@SECLEVEL=0")
                self.assertIn("Cipher is (NONE)", output)
                self.assertRegex(output, r"SSL handshake has read 0 bytes and written [1-9]|SSL handshake has read 7 bytes")
            self.assertIn("Cipher is (NONE)", self.openssl(server, "-tls1_2", "-cipher", "AES128-SHA:AES256-SHA:@SECLEVEL=0"))
            self.assertIn("Cipher is (NONE)", self.openssl(server, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"))

    def test_certificates(self):
        for files in (make_certificate("p384", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
                      make_certificate("rsa", "rsa:2048"), make_certificate("ed25519", "ed25519")):
            with secure_sidecar(files) as server:
                for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
                    with connect(server, version) as client:
                        self.assertIn(b" 200 ", exchange(client), files)

    def test_cleartext_is_closed(self):
        with secure_sidecar() as server:
            with server.socket(10) as client:
                client.sendall(REQUEST)
                try:
                    answer = client.recv(65536)
                except ConnectionResetError:
                    answer = b""
                self.assertNotIn(b"HTTP/", answer)
            self.assertEqual(server.stop(), 0)
            failures = [line for line in server.log() if line["event"] == "tls handshake failed"]
            self.assertEqual([(line["level"], line["count"]) for line in failures], [("security", 1)])

    def test_silent_handshake_is_closed(self):
        with secure_sidecar(header_timeout_ms=300) as server:
            with server.socket(10) as client:
                self.assertEqual(client.recv(100), b"")

    def test_work_over_tls(self):
        """Ingest, a large answer and a stream go through as they do in the clear."""
        page = stack.FOLDER / "secure-page"
        page.mkdir(exist_ok=True)
        content = os.urandom(5 << 20)
        (page / "large.bin").write_bytes(content)
        machine = stack.unique()
        with secure_sidecar(web_root=page) as server, contextlib.ExitStack() as exits:
            stack.wait_until(lambda: b" 200 " in exchange(connect(server), REQUEST.replace(b"/healthz", b"/readyz")))
            stream = exits.enter_context(connect(server))
            token = stack.admin_session(stack.shared())
            stream.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\n\r\n" % (stack.COOKIE.encode(), token.encode()))
            received = stream.recv(65536)
            body = json.dumps(stack.reading(machine)).encode()
            answer = exchange(connect(server), b"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost:%d\r\n"
                              b"Cookie: a=b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                              % (server.port, len(body), body))
            self.assertIn(b" 200 ", answer)
            while machine.encode() not in received:
                part = stream.recv(65536)
                self.assertTrue(part)
                received += part
            large = exchange(connect(server), REQUEST.replace(b"/healthz", b"/large.bin"))
            self.assertEqual(large.partition(b"\r\n\r\n")[2], content)

    def test_off_loopback(self):
        with secure_sidecar(listen="0.0.0.0:0", anonymous_ingest="off") as server:
            with connect(server) as client:
                self.assertIn(b" 200 ", exchange(client))
            self.assertNotIn("insecure", [line["event"] for line in server.log()])

    def refused(self, **settings):
        result = subprocess.run([stack.PROGRAM], capture_output=True, text=True, timeout=10,
                                env=dict(os.environ, RIGALPHA_LISTEN="127.0.0.1:0",
                                         **{"RIGALPHA_" + name.upper(): str(value) for name, value in settings.items()}))
        self.assertEqual(result.returncode, 2, result.stderr)
        line = json.loads(result.stderr)
        self.assertEqual(line["event"], "start refused")
        return line["message"]

    def test_key_that_others_may_read(self):
        certificate, key = usual_certificate()
        for mode in (0o640, 0o604, 0o660, 0o644):
            loose = stack.FOLDER / "loose.key"
            loose.write_bytes(key.read_bytes())
            loose.chmod(mode)
            self.assertIn("chmod 600", self.refused(tls_certificate=certificate, tls_key=loose))

    def test_unusable_files(self):
        certificate, key = usual_certificate()
        other = make_certificate("rsa", "rsa:2048")[1]
        locked = stack.FOLDER / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", str(locked)], check=True)
        locked.chmod(0o600)
        self.assertIn("does not belong", self.refused(tls_certificate=certificate, tls_key=other))
        self.assertIn("passphrase", self.refused(tls_certificate=certificate, tls_key=locked))
        self.assertIn("no certificate", self.refused(tls_certificate=key, tls_key=key))
        self.assertIn("cannot be read", self.refused(tls_certificate="/nonexistent", tls_key=key))
        self.assertIn("no file", self.refused(tls_certificate=certificate, tls_key="/dev/null"))
        self.assertIn("belong together", self.refused(tls_certificate=certificate))
