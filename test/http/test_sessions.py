"""What a session may see, how long it lives, and that its streams end with it."""
import json
import unittest

import stack
from stack import JSON, PASSWORD


class SessionCase(unittest.TestCase):
    def user(self, role="operator", machines=()):
        name = stack.make_user(stack.unique("user"), role, machines)
        return name, stack.make_session(name)

    def ends(self, stream, seconds=5):
        """Whether the stream ends by itself."""
        deadline = stack.time.monotonic() + seconds
        try:
            while stack.time.monotonic() < deadline:
                if stream.next(max(0.05, deadline - stack.time.monotonic())) is None:
                    return True
        except TimeoutError:
            pass
        return False

    def check_ends(self, stream):
        self.assertTrue(self.ends(stream), "the stream goes on")
        stream.close()


class TimeoutTest(SessionCase):
    def tearDown(self):
        stack.sql("ALTER DATABASE rigalpha RESET rigalpha.session_idle_timeout")
        stack.sql("ALTER DATABASE rigalpha RESET rigalpha.session_lifetime")

    def check_timeout(self, setting, column):
        _, token = self.user()
        _, other = self.user()
        stack.sql(f"ALTER DATABASE rigalpha SET {setting} = '2min'")
        with stack.sidecar(heartbeat_ms=200) as server:
            server.session = other
            server.wait_ready()
            self.assertEqual(server.get("/api/v1/me", session=token).status, 200)
            stream = server.stream(session=token)
            stream.wait_for("heartbeat")
            table = "session_activity" if column == "last_seen" else "sessions"
            key = "session_id" if column == "last_seen" else "id"
            stack.sql(f"UPDATE rigalpha.{table} SET {column} = {column} - interval '3 min' WHERE {key} ="
                      f" (SELECT id FROM rigalpha.sessions WHERE token_hash = rigalpha.secret_hash('{token}'))")
            self.check_ends(stream)
            answer = server.get("/api/v1/me", session=token)
            self.assertEqual((answer.status, stack.cookie_of(answer)), (401, ""))
            self.assertEqual(server.get("/api/v1/me", session=other).status, 200)

    def test_idle(self):
        """Point 23: a session that is not used ends."""
        self.check_timeout("rigalpha.session_idle_timeout", "last_seen")

    def test_absolute(self):
        """Point 23: a session ends by its age, however much it is used."""
        self.check_timeout("rigalpha.session_lifetime", "created_at")

    def test_reading_is_use_and_watching_is_not(self):
        """A request moves the end of an idle session; an open stream does not."""
        _, token = self.user()
        seen = ("SELECT a.last_seen > now() - interval '1 min' FROM rigalpha.session_activity a JOIN rigalpha.sessions s"
                f" ON s.id = a.session_id WHERE s.token_hash = rigalpha.secret_hash('{token}')")
        age = ("UPDATE rigalpha.session_activity SET last_seen = now() - interval '5 min' WHERE session_id ="
               f" (SELECT id FROM rigalpha.sessions WHERE token_hash = rigalpha.secret_hash('{token}'))")
        with stack.sidecar(heartbeat_ms=100) as server:
            server.wait_ready()
            stream = server.stream(session=token)
            stream.next()
            stack.sql(age)
            for _ in range(5):
                stream.wait_for("heartbeat")
            self.assertEqual(stack.sql(seen), [["f"]])
            self.assertEqual(server.get("/api/v1/machines", session=token).status, 200)
            self.assertEqual(stack.sql(seen), [["t"]])
            stream.close()


class StreamEndTest(SessionCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.Sidecar(heartbeat_ms=300).wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def test_logout_ends_streams_at_once(self):
        """Point 24: the streams of a session end with it."""
        with stack.sidecar(heartbeat_ms=60000) as server:
            server.wait_ready()
            _, token = self.user()
            _, other = self.user()
            streams = [server.stream(session=token) for _ in range(2)]
            stays = server.stream(session=other)
            self.assertEqual(server.request("DELETE", "/api/v1/session", session=token).status, 204)
            for stream in streams:
                self.check_ends(stream)
            self.assertFalse(self.ends(stays, 0.5))
            stays.close()

    def test_login_ends_the_streams_of_the_session_before(self):
        with stack.sidecar(heartbeat_ms=60000) as server:
            server.wait_ready()
            name, token = self.user()
            stream = server.stream(session=token)
            self.assertEqual(server.login(name, PASSWORD, session=token).status, 200)
            self.check_ends(stream)

    def test_password_change_ends_the_streams_of_others(self):
        """Point 26: the streams of the other sessions end."""
        with stack.sidecar(heartbeat_ms=60000) as server:
            server.wait_ready()
            name, token = self.user()
            other = stack.make_session(name)
            stream, own = server.stream(session=other), server.stream(session=token)
            body = json.dumps({"current": PASSWORD, "new": "a new password of mine"})
            self.assertEqual(server.request("PUT", "/api/v1/me/password", body, JSON, token).status, 204)
            self.check_ends(stream)
            self.assertFalse(self.ends(own, 0.5))
            own.close()

    def test_disabled_user(self):
        """Point 25: requests and streams end, and there is no new login."""
        name, token = self.user()
        stream = self.server.stream(session=token)
        stream.next()
        stack.sql(f"SELECT rigalpha.disable_user('{name}')")
        self.check_ends(stream)
        self.assertEqual(self.server.get("/api/v1/me", session=token).status, 401)
        self.assertEqual(self.server.login(name, PASSWORD).status, 401)

    def test_disabled_by_an_admin(self):
        """Point 25: with the settings that a server has by itself, at once for requests, within 15 seconds for streams."""
        with stack.sidecar() as server:
            server.wait_ready()
            for by_route in (True, False):
                name, token = self.user()
                streams = [server.stream(session=token), server.stream(session=stack.make_session(name))]
                started = stack.time.monotonic()
                if by_route:
                    answer = server.request("PATCH", "/api/v1/users/" + name, '{"disabled":true}', JSON, server.session)
                    self.assertEqual(answer.status, 204, answer.body)
                else:
                    stack.sql(f"SELECT rigalpha.disable_user('{name}')")
                self.assertEqual(server.get("/api/v1/me", session=token).status, 401)
                for stream in streams:
                    self.assertTrue(self.ends(stream, 16), "the stream goes on")
                    stream.close()
                self.assertLess(stack.time.monotonic() - started, 15.5)

    def test_revoked_session(self):
        _, token = self.user()
        stream = self.server.stream(session=token)
        stack.sql(f"UPDATE rigalpha.sessions SET revoked_at = now() WHERE token_hash = rigalpha.secret_hash('{token}')")
        self.check_ends(stream)

    def test_streams_per_session(self):
        with stack.sidecar(streams_per_session="") as server:
            server.wait_ready()
            _, token = self.user()
            streams = [server.stream(session=token) for _ in range(3)]
            self.assertEqual([stream.status for stream in streams], [200] * 3)
            answer = server.get("/api/v1/stream", session=token)
            self.assertEqual(answer.status, 429, answer.body)
            self.assertEqual(answer.json()["type"], "urn:rigalpha:problem:too-many-streams")
            self.assertTrue(answer.headers["Retry-After"])
            self.assertEqual(server.stream(session=server.session).status, 200)
            streams[0].close()

            def opens():
                stream = server.stream(session=token)
                streams.append(stream)
                return stream.status == 200
            stack.wait_until(opens, 5, "a free place")
            for stream in streams:
                stream.close()
