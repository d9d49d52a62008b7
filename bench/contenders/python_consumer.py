"""A good Kafka consumer in Python: batches of 500, json.loads, one multi-row INSERT and one commit
per batch, positions kept in the same transaction.

Three ways to hand over the values; jsonb is faster than float8[] from lists, which psycopg2 writes
as ARRAY[...]. A literal written by hand is faster than both, and rare in the wild.
"""
import json
import time

import numpy
from confluent_kafka import Consumer, TopicPartition
from psycopg2.extras import execute_values
from sklearn.ensemble import IsolationForest

from harness import database

BATCH = 500


class PythonConsumer:
    layout = None  # type of the column with the values
    columns = ("machine", "ts", "state", "sensor_values")
    name = None

    def __init__(self, broker, messages):
        self.broker = broker
        self.messages = messages
        self.table = f"python_{type(self).__name__.lower()}"
        self.connection = database.connect(autocommit=False)
        with self.connection.cursor() as cursor:
            cursor.execute(f"""
                CREATE TABLE {self.table} (machine text NOT NULL, ts timestamptz NOT NULL,
                    received_at timestamptz NOT NULL DEFAULT now(), state text, risk real, sensor_values {self.layout} NOT NULL);
                CREATE UNIQUE INDEX ON {self.table} (machine, ts);
                CREATE TABLE {self.table}_offsets (partition integer PRIMARY KEY, next_offset bigint NOT NULL);
                """)
        self.connection.commit()

    def run(self):
        """Readings per second; the messages are the newest ones of the topic."""
        consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": "bench", "enable.auto.commit": False})
        try:
            consumer.assign(self.prepare(consumer))
            batch = consumer.consume(BATCH, 30)
            start = time.monotonic()
            stored = self.store(batch)
            while stored < self.messages:
                stored += self.store(consumer.consume(min(BATCH, self.messages - stored), 1))
            return stored / (time.monotonic() - start)
        finally:
            consumer.close()

    def prepare(self, consumer):
        """Empties the table and goes back by at least the wanted number of messages."""
        positions = []
        share = 1 + self.messages // self.broker.partitions
        with self.connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {self.table}, {self.table}_offsets")
            for partition in range(self.broker.partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(self.broker.topic, partition), 10)
                position = max(low, high - share)
                positions.append(TopicPartition(self.broker.topic, partition, position))
                cursor.execute(f"INSERT INTO {self.table}_offsets VALUES (%s, %s)", (partition, position))
        self.connection.commit()
        return positions

    def store(self, messages):
        readings, offsets = [], {}
        for message in messages:
            readings.append(json.loads(message.value()))
            offsets[message.partition()] = message.offset() + 1
        if not readings:
            return 0
        with self.connection.cursor() as cursor:
            execute_values(cursor, f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES %s", self.rows(readings),
                           page_size=BATCH)
            execute_values(cursor, f"UPDATE {self.table}_offsets o SET next_offset = n.next_offset"
                           " FROM (VALUES %s) AS n (partition, next_offset) WHERE o.partition = n.partition",
                           list(offsets.items()), page_size=BATCH)
        self.connection.commit()
        return len(readings)

    def rows(self, readings):
        return [(reading["machine_id"], reading["timestamp"], reading["state"], self.encode(reading["sensors"]))
                for reading in readings]

    def encode(self, sensors):
        raise NotImplementedError


class Jsonb(PythonConsumer):
    name = "Python, jsonb"
    layout = "jsonb"

    def encode(self, sensors):
        return json.dumps(sensors)


class Lists(PythonConsumer):
    name = "Python, float8[]"
    layout = "float8[]"

    def encode(self, sensors):
        return list(sensors.values())


class Literals(PythonConsumer):
    name = "Python, array literals"
    layout = "float8[]"

    def encode(self, sensors):
        return "{" + ",".join(map(str, sensors.values())) + "}"


class Scoring(Jsonb):
    """Scores each batch at once by scikit-learn's isolation forest, which has seen some messages before."""

    name = "Python, scoring"
    columns = (*Jsonb.columns, "risk")

    def __init__(self, broker, messages, examples):
        super().__init__(broker, messages)
        readings = [json.loads(example) for example in examples]
        self.sensors = list(readings[0]["sensors"])
        self.forest = IsolationForest(n_estimators=100, max_samples=256, random_state=42).fit(self.matrix(readings))

    def matrix(self, readings):
        return numpy.array([[reading["sensors"].get(sensor, numpy.nan) for sensor in self.sensors] for reading in readings],
                           dtype=numpy.float32)

    def rows(self, readings):
        scores = -self.forest.score_samples(self.matrix(readings))
        return [(*row, float(score)) for row, score in zip(super().rows(readings), scores)]
