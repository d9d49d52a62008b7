"""The public data sets as plain tables. What the labels say never reaches the database."""
import csv
import glob
import io
import os

from psycopg2 import sql

from harness.broker import ROOT

FOLDER = os.environ.get("RIGALPHA_DATA") or os.path.normpath(os.path.join(ROOT, "..", "shared", "data"))
LABELS = {"label", "anomaly", "changepoint"}
TIMES = {"datetime", "timestamp"}
COUNTERS = {"row_id", "sample"}  # not sensors
NOT_SERIES = {"windows"}


class Table:
    """One file as a table: line (from 0), ts where the file has times, and a column per sensor."""

    def __init__(self, session, name, lines, sensors, has_time):
        self.session = session
        self.name = name
        self.identifier = sql.Identifier(*name.split("."))
        self.lines = lines
        self.sensors = sensors
        self.has_time = has_time

    def source(self, lines=None):
        """SELECT of the first lines, or all, as train() and detect() take it."""
        columns = [sql.Identifier(name) for name in (["ts"] if self.has_time else []) + self.sensors]
        statement = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), self.identifier)
        if lines is not None:
            statement += sql.SQL(" WHERE line < {}").format(sql.Literal(lines))
        return (statement + sql.SQL(" ORDER BY line")).as_string(self.session.connection)


def create_table(session, name, sensors, has_time, rows):
    """Rows are sequences of text: line, time if any, values."""
    schema, _ = name.split(".")
    columns = ["line integer PRIMARY KEY"] + (["ts timestamp"] if has_time else [])
    table = sql.Identifier(*name.split("."))
    session.run(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    session.run(sql.SQL("CREATE TABLE {} ({}, {})").format(
        table, sql.SQL(", ".join(columns)),
        sql.SQL(", ").join(sql.SQL("{} float8").format(sql.Identifier(sensor)) for sensor in sensors)))
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    text.seek(0)
    with session.connection.cursor() as cursor:
        cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table), text)
        lines = cursor.rowcount
    session.run(sql.SQL("ANALYZE {}").format(table))
    return Table(session, name, lines, list(sensors), has_time)


def load(session, path):
    folder, file = os.path.basename(os.path.dirname(path)), stem(path)
    with open(path, newline="", encoding="utf-8") as opened:
        reader = csv.reader(opened)
        header = next(reader)
        times = [i for i, name in enumerate(header) if name in TIMES]
        values = [i for i, name in enumerate(header) if name not in LABELS | TIMES | COUNTERS]
        rows = ([line, *(row[i] for i in times + values)] for line, row in enumerate(reader))
        return create_table(session, f"{folder}.{file}", [header[i] for i in values], bool(times), rows)


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def files(folder):
    return [path for path in sorted(glob.glob(os.path.join(FOLDER, folder, "*.csv"))) if stem(path) not in NOT_SERIES]


def exists():
    return os.path.isdir(os.path.join(FOLDER, "eval"))
