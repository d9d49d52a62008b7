"""POST /api/v1/ingest: what is answered, and that it is what was stored."""
import json
import threading
import unittest

import stack
from stack import JSON, NDJSON


class IngestTest(unittest.TestCase):
    def setUp(self):
        self.server = stack.shared()
        self.machine = stack.unique()

    def ingest(self, payload, status=200, headers=None):
        answer = self.server.ingest(payload, headers)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["Content-Type"],
                         "application/json" if status == 200 else "application/problem+json")
        return answer.json()

    def counts(self, answer):
        return tuple(answer[name] for name in ("accepted", "merged", "duplicates", "rejected"))

    def test_good(self):
        answer = self.ingest(stack.reading(self.machine, rpm=77.25))
        self.assertEqual(answer, {"accepted": 1, "merged": 0, "duplicates": 0, "rejected": 0, "errors": []})
        self.assertEqual(stack.values_of(self.machine, "rpm"), [77.25])

    def test_duplicate_merge_and_conflict(self):
        first = stack.reading(self.machine, rpm=1)
        self.assertEqual(self.counts(self.ingest(first)), (1, 0, 0, 0))
        self.assertEqual(self.counts(self.ingest(first)), (0, 0, 1, 0))
        self.assertEqual(self.counts(self.ingest(dict(first, sensors={"spp": 2}))), (0, 1, 0, 0))
        problem = self.ingest(dict(first, sensors={"rpm": 3}), 422)
        self.assertEqual(self.counts(problem), (0, 0, 0, 1))
        self.assertEqual(problem["errors"][0]["reason"], "conflict")
        self.assertEqual(stack.count_readings(self.machine), 1)

    def test_array_in_part(self):
        bad = dict(stack.reading(self.machine, 2), machine_id="")
        answer = self.ingest([stack.reading(self.machine, 3), bad, stack.reading(self.machine, 1)])
        self.assertEqual(self.counts(answer), (2, 0, 0, 1))
        error = answer["errors"][0]
        self.assertEqual(set(error), {"index", "field", "reason", "detail", "dead_letter_id"})
        self.assertEqual((error["index"], error["reason"]), (1, "bad_machine_name"))
        row = stack.sql(f"SELECT source, reason FROM rigalpha.dead_letters WHERE id = {error['dead_letter_id']}")
        self.assertEqual(row, [["http", "bad_machine_name"]])

    def test_value_error_keeps_the_reading(self):
        self.ingest(stack.reading(self.machine, 5, rpm=1, spp=1))
        answer = self.ingest(stack.reading(self.machine, rpm="fast", spp=2900))
        self.assertEqual(self.counts(answer), (1, 0, 0, 0))
        error = answer["errors"][0]
        self.assertEqual((error["index"], error["field"], error["reason"], error["dead_letter_id"]),
                         (0, "rpm", "not_a_number", None))

    def test_nothing_usable(self):
        for body in ("{", "[1, 2]", '"text"', '{"machine_id":"x","rpm":NaN}', b'{"machine_id":"\xff","rpm":1}'):
            problem = self.ingest(body, 422)
            self.assertEqual(problem["status"], 422)
            self.assertGreater(problem["rejected"], 0)
            self.assertEqual(problem["accepted"], 0)
            self.assertIsNotNone(problem["errors"][0]["dead_letter_id"])

    def test_empty_body(self):
        self.assertEqual(self.ingest("", 400)["status"], 400)
        self.assertEqual(self.ingest("\n \n", 400, NDJSON)["status"], 400)

    def test_content_type(self):
        """Point 9: JSON has its own content type, or is refused."""
        body = stack.reading(self.machine)
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
            self.ingest(body, 415, {"Content-Type": content_type})
        self.ingest(body, 415, dict(JSON, **{"Content-Encoding": "gzip"}))
        self.ingest(body, 200, {"Content-Type": "Application/JSON; charset=utf-8"})
        self.assertEqual(stack.count_readings(self.machine), 1)

    def test_lines(self):
        lines = [json.dumps(stack.reading(self.machine, 9 - i, rpm=i)) for i in range(5)]
        lines[2] = "{broken"
        lines.insert(1, "")
        answer = self.ingest("\r\n".join(lines), 200, NDJSON)
        self.assertEqual(self.counts(answer), (4, 0, 0, 1))
        self.assertEqual(answer["errors"][0]["index"], 2)
        self.assertEqual(sorted(stack.values_of(self.machine, "rpm")), [0, 1, 3, 4])

    def test_index_counts_over_lines(self):
        lines = [json.dumps([stack.reading(self.machine, 9), stack.reading(self.machine, 8)]), "{", "["]
        answer = self.ingest("\n".join(lines), 200, NDJSON)
        self.assertEqual([error["index"] for error in answer["errors"]], [2, 3])

    def test_too_large_is_kept(self):
        """Over 1 MiB: refused, and a dead letter with the hash exists."""
        padding = "x" * (1 << 20)
        problem = self.ingest(dict(stack.reading(self.machine), padding=padding), 413)
        letter = problem["errors"][0]["dead_letter_id"]
        row = stack.sql("SELECT reason, payload_size > 1048576, octet_length(payload), octet_length(payload_sha256)"
                        f" FROM rigalpha.dead_letters WHERE id = {letter}")
        self.assertEqual(row, [["too_large", "t", "4096", "32"]])
        self.assertEqual(stack.count_readings(self.machine), 0)

    def test_far_too_large_is_not_read(self):
        with self.server.socket() as client:
            client.sendall(b"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 16777217\r\n\r\n")
            answer = client.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertIn(b"application/problem+json", answer)

    def test_chunked_body_is_counted(self):
        def chunks(count):
            for _ in range(count):
                yield b" " * 65536

        before = int(stack.sql("SELECT count(*) FROM rigalpha.dead_letters")[0][0])
        answer = self.server.request("POST", "/api/v1/ingest", chunks(257), JSON)
        self.assertEqual(answer.status, 413)
        self.assertEqual(answer.json()["status"], 413)
        self.assertEqual(int(stack.sql("SELECT count(*) FROM rigalpha.dead_letters")[0][0]), before)
        answer = self.server.request("POST", "/api/v1/ingest",
                                     iter([json.dumps(stack.reading(self.machine)).encode()]), JSON)
        self.assertEqual(answer.status, 200)

    def test_lines_over_the_limit_store_nothing(self):
        line = json.dumps(stack.reading(self.machine))
        self.ingest("\n".join([line] * (1 + (1 << 20) // len(line))), 413, NDJSON)
        self.ingest("\n" + "1\n" * 10001, 413, NDJSON)
        self.assertEqual(stack.count_readings(self.machine), 0)

    def test_keep_alive(self):
        connection = self.server.connect()
        for i in range(5):
            connection.request("POST", "/api/v1/ingest", json.dumps(stack.reading(self.machine, i)), JSON)
            self.assertEqual(stack.Answer(connection.getresponse()).status, 200)
            connection.request("POST", "/api/v1/ingest", "x" * 5000, {"Content-Type": "text/plain"})
            self.assertEqual(stack.Answer(connection.getresponse()).status, 415)
        connection.close()
        self.assertEqual(stack.count_readings(self.machine), 5)

    def test_parallel(self):
        """200 clients at once, bad ones among them: each good reading is stored once."""
        answers = {}

        def post(number):
            body = "{" if number % 10 == 9 else stack.reading(self.machine, 300 - number, rpm=number)
            answers[number] = self.server.ingest(body).status

        threads = [threading.Thread(target=post, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        good = [number for number in range(200) if number % 10 != 9]
        self.assertEqual(sorted(n for n, status in answers.items() if status == 200), good)
        self.assertEqual(sorted(n for n, status in answers.items() if status == 422), [n for n in range(200) if n not in good])
        self.assertEqual(sorted(stack.values_of(self.machine, "rpm")), good)

    def test_failing_request_costs_no_other(self):
        """A request that makes ingest() itself fail is found by halving; the others of its batch are stored."""
        stack.sql("CREATE FUNCTION public.refuse_666() RETURNS trigger LANGUAGE plpgsql AS"
                  " $$ BEGIN IF NEW.detail LIKE '%%' AND position('666'::bytea in NEW.payload) > 0 THEN"
                  " RAISE EXCEPTION 'injected' USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$;"
                  "CREATE TRIGGER refuse_666 BEFORE INSERT ON rigalpha.dead_letters"
                  " FOR EACH ROW EXECUTE FUNCTION public.refuse_666()")
        try:
            answers = {}

            def post(number):
                body = "{666" if number == 17 else stack.reading(self.machine, 100 - number, rpm=number)
                answers[number] = self.server.ingest(body)

            threads = [threading.Thread(target=post, args=(number,)) for number in range(40)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            stack.sql("DROP TRIGGER refuse_666 ON rigalpha.dead_letters; DROP FUNCTION public.refuse_666()")
        failed = answers.pop(17)
        self.assertEqual(failed.status, 500)
        self.assertNotIn(b"injected", failed.body)
        self.assertEqual({answer.status for answer in answers.values()}, {200})
        self.assertEqual(stack.count_readings(self.machine), 39)
