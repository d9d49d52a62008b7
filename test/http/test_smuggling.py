"""Requests whose end is in doubt: a proxy and we must never see two where the other sees one."""
import re
import unittest

import stack

HOST = b"Host: localhost\r\n"
POST = b"POST /api/v1/ingest HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# Refused by us, with a problem: the bytes of a first request, after which a second one is hidden.
REFUSED = {
    "zero byte in the target": b"GET /healthz\0/evil HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank in the target": b"GET /healthz x HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "absolute target": b"GET http://localhost/healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "zero byte in a value": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "bare LF throughout": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "bare LF after the request line": b"GET /healthz HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF after a header": b"GET /healthz HTTP/1.1\r\nX: a\n" + HOST + b"\r\n",
    "bare LF at the end": b"GET /healthz HTTP/1.1\r\n" + HOST + b"\n",
    "bare CR in a value": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "folded header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "folded header before another": b"GET /healthz HTTP/1.1\r\nX: a\r\n\tb\r\n" + HOST + b"\r\n",
    "blank before the colon": POST + b"Content-Length : 5\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\ncontent-length: 40\r\n\r\n{}",
    "length beside chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "length of zero beside chunks": POST + b"Content-Length: 0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks beside length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two encodings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two encoding headers": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two origins": POST + b"Origin: http://localhost\r\nOrigin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}",
    "two cookies": POST + b"Cookie: a=b\r\nCookie: c=d\r\nContent-Length: 2\r\n\r\n{}",
}

# Refused by the HTTP library before it asks us.
REFUSED_BELOW = {
    "sign in the length": POST + b"Content-Length: +2\r\n\r\n{}",
    "negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length beyond numbers": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "negative chunk": POST + CHUNKED + b"\r\n-1\r\n{}\r\n0\r\n\r\n",
    "chunk with a prefix": POST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "line without a colon": b"GET /healthz HTTP/1.1\r\n" + HOST + b"garbage\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "other version": b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n",
    "header over the memory": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 40000 + b"\r\n\r\n",
    "very many headers": b"GET /healthz HTTP/1.1\r\n" + HOST + b"".join(b"X%d: a\r\n" % i for i in range(5000)) + b"\r\n",
    "target over the memory": b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
}


class SmugglingTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()

    def exchange(self, request):
        """All that comes back until the connection is closed, which must be soon."""
        answer = b""
        with self.server.socket(10) as client:
            try:
                client.sendall(request)
                while part := client.recv(65536):
                    answer += part
            except (ConnectionResetError, BrokenPipeError):
                pass
        return answer

    @staticmethod
    def statuses(answer):
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) [A-Z]", answer)]

    def test_doubtful_ends(self):
        """Points 4 and 42: what the parser refuses is answered with our own headers."""
        for name, request in REFUSED.items():
            with self.subTest(name):
                end = b"" if b"Connection: close" in request else SECOND
                answer = self.exchange(request + end)
                self.assertEqual(self.statuses(answer), [400], answer)
                self.assertIn(b"application/problem+json", answer)
                self.assertIn(b"Content-Security-Policy", answer)

    def test_below_our_code(self):
        """The library's own refusals: nothing of ours in them, no second request is served, the connection ends."""
        for name, request in REFUSED_BELOW.items():
            with self.subTest(name):
                answer = self.exchange(request + SECOND)
                self.assertNotIn(b" 200 OK", answer)
                self.assertEqual(set(self.statuses(answer)) - {400, 413, 414, 431, 505}, set(), answer)
                for word in (b"Server:", b"X-Powered-By", b"icrohttpd", b"rigalpha", b"/healthz", b"127.0.0.1"):
                    self.assertNotIn(word, answer)
                self.assertLess(len(answer), 700)

    def test_honest_requests(self):
        """What clients do send: several requests over one connection, no blank after the colon, empty values."""
        request = (POST + b"Content-Length:2\r\nX-Empty:\r\nX-Blank: \r\nX-Text: a  b\tc \xc3\xa9\r\n\r\n{}"
                   + POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n" + b"GET /?a=%00&b HTTP/1.1\r\n" + HOST + b"\r\n"
                   + b"GET /?a=%20b&c=%41 HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND)
        self.assertEqual(self.statuses(self.exchange(request)), [422, 422, 400, 200, 200])
        self.assertEqual(self.statuses(self.exchange(b"GET /healthz HTTP/1.0\r\n\r\n")), [200])
