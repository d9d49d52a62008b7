"""The peer of the sidecar: what a Flask service for the same job looks like. One INSERT and one
COMMIT per request, connections from a pool, run by gunicorn with two workers."""
import json

import flask
from psycopg2.pool import ThreadedConnectionPool

app = flask.Flask(__name__)
pool = None


def connections():
    """Made in the worker process: connections must not cross a fork."""
    global pool
    if pool is None:
        pool = ThreadedConnectionPool(1, 5, dbname="bench")
    return pool


@app.post("/api/v1/ingest")
def ingest():
    reading = json.loads(flask.request.get_data())
    connection = connections().getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO flask_readings (machine, ts, state, sensor_values) VALUES (%s, %s, %s, %s)",
                (reading["machine_id"], reading["timestamp"], reading["state"], list(reading["sensors"].values())))
    finally:
        connections().putconn(connection)
    return {"accepted": 1}


@app.get("/healthz")
def healthz():
    return {"status": "ok"}
