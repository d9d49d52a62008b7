"""The page: types, caching, compression, and nothing else of the file system."""
import gzip
import unittest

import stack


class StaticTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()

    def test_index(self):
        for path in ("/", "/index.html", "/?query"):
            answer = self.server.get(path)
            self.assertEqual((answer.status, answer.body.decode()), (200, stack.INDEX))
            self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
            self.assertIsNone(answer.headers["Content-Encoding"])
            self.assertEqual(answer.headers["Vary"], "Accept-Encoding")

    def test_script(self):
        answer = self.server.get("/assets/app-4XKQ2ZTB.js")
        self.assertEqual(answer.body.decode(), stack.SCRIPT)
        self.assertEqual(answer.headers["Content-Type"], "text/javascript; charset=utf-8")

    def test_gzip(self):
        for path, text in (("/", stack.INDEX), ("/assets/app-4XKQ2ZTB.js", stack.SCRIPT)):
            answer = self.server.get(path, {"Accept-Encoding": "br, gzip, deflate"})
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")
            self.assertEqual(gzip.decompress(answer.body).decode(), text)
            self.assertLess(len(answer.body), len(text))

    def test_gzip_refused(self):
        for header in ("gzip;q=0", "gzip;q=0.000, br", "identity", "br"):
            self.assertIsNone(self.server.get("/", {"Accept-Encoding": header}).headers["Content-Encoding"], header)
        for header in ("gzip;q=0.5", "gzip;q=1.0, identity;q=0"):
            self.assertEqual(self.server.get("/", {"Accept-Encoding": header}).headers["Content-Encoding"], "gzip")

    def test_etag(self):
        plain = self.server.get("/").headers["ETag"]
        packed = self.server.get("/", {"Accept-Encoding": "gzip"}).headers["ETag"]
        self.assertNotEqual(plain, packed)
        for etag in (plain, f'"other", {plain}', "*", "W/" + plain):
            answer = self.server.get("/", {"If-None-Match": etag})
            self.assertEqual((answer.status, answer.body), (304, b""))
            self.assertEqual(answer.headers["ETag"], plain)
        self.assertEqual(self.server.get("/", {"If-None-Match": '"other"'}).status, 200)
        self.assertEqual(self.server.get("/", {"If-None-Match": plain, "Accept-Encoding": "gzip"}).status, 200)

    def test_hidden_files(self):
        for path in ("/.hidden", "/link.txt", "/index.html.gz", "/assets/", "/assets"):
            self.assertEqual(self.server.get(path).status, 404, path)

    def test_no_page(self):
        with stack.sidecar(web_root="/nonexistent") as server:
            self.assertEqual(server.get("/").status, 404)
            self.assertEqual(server.get("/healthz").status, 200)
