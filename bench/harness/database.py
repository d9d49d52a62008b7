"""Connections to the private cluster that run.sh started; libpq's variables name it."""
import contextlib
import time

import psycopg2

DATABASE = "bench"


def connect(autocommit=True, **options):
    connection = psycopg2.connect(dbname=DATABASE, **options)
    connection.autocommit = autocommit
    return connection


class Session:
    """One connection with short ways to run a statement."""

    def __init__(self):
        self.connection = connect()

    def run(self, statement, arguments=None):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)

    def rows(self, statement, arguments=None):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall()

    def value(self, statement, arguments=None):
        return self.rows(statement, arguments)[0][0]

    def wait(self, what, statement, arguments=None, seconds=60, pause=0.02):
        """Repeats a query until its only value is true."""
        deadline = time.monotonic() + seconds
        while not self.value(statement, arguments):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s for {what}")
            time.sleep(pause)

    def close(self):
        self.connection.close()


def create():
    """A fresh database with the extension."""
    with contextlib.closing(psycopg2.connect(dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {DATABASE}")
    session = Session()
    session.run("CREATE EXTENSION rigalpha")
    session.rows("SELECT rigalpha.setup()")
    session.close()


def add_functions(module):
    """The server functions of the benchmarks."""
    session = Session()
    session.run("""
        CREATE PROCEDURE bench_insert_limit(leaf regclass, rows integer, rows_per_transaction integer, machines integer,
            first timestamptz, step_us bigint, scored boolean DEFAULT false) LANGUAGE c AS %(module)s;
        CREATE FUNCTION bench_parse_seconds(ours boolean, payloads bytea[], repetitions integer) RETURNS float8
            LANGUAGE c STRICT AS %(module)s;
        CREATE FUNCTION bench_parsers_agree(payloads bytea[]) RETURNS boolean LANGUAGE c STRICT AS %(module)s;
        """, {"module": module})
    session.close()
