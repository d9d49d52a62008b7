"""Users with sessions, made in the database: what the tests of accounts act as."""
import json
import secrets

import stack

def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Person:
    """A user with a session, or nobody."""

    def __init__(self, server, name=None, token=None):
        self.server = server
        self.name = name
        self.token = token

    def headers(self, further=None):
        return dict(self.server.headers_of(self.token, further))

    def request(self, method, path, document=None, headers=None):
        headers = self.headers(headers)
        body = None
        if document is not None:
            headers.setdefault("Content-Type", "application/json")
            body = document if isinstance(document, (bytes, str)) else json.dumps(document)
        return self.server.request(method, path, body, headers)

    def get(self, path):
        return self.request("GET", path)

    def status(self, method, path, document=None):
        """Status and problem of an answer whose body may have no end."""
        headers = self.headers({"Content-Type": "application/json"} if document is not None else None)
        connection = self.server.connect()
        try:
            connection.request(method, path, None if document is None else json.dumps(document), headers)
            response = connection.getresponse()
            problem = None
            if response.headers["Content-Type"] == "application/problem+json":
                problem = json.loads(response.read() or "{}").get("type", "").rsplit(":", 1)[-1]
            return response.status, problem
        finally:
            connection.close()

    def login(self, password):
        """Logs in as a person would; the token of the cookie becomes that of this person."""
        answer = self.server.login(self.name, password)
        self.token = stack.cookie_of(answer) or None
        return answer


def people(server, *roles, machines=(), must_change=False):
    """One new user with a session for each role."""
    made = [Person(server, stack.unique(role), secrets.token_urlsafe(32)) for role in roles]
    stack.SECRETS.extend(person.token for person in made)
    array = "ARRAY[" + ",".join(map(literal, machines)) + "]::text[]"
    stack.sql("SELECT " + ",".join(
        f"rigalpha.create_session(rigalpha.create_user({literal(person.name)}, {literal(role)}, machines => {array},"
        f" must_change_password => {must_change}), {literal(person.token)}, '127.0.0.1')"
        for person, role in zip(made, roles)))
    return made


def person(server, role, **options):
    return people(server, role, **options)[0]


def count_entries():
    return int(stack.sql("SELECT count(*) FROM rigalpha.audit_entries")[0][0])
