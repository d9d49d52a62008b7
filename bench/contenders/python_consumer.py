"""A good Kafka consumer in Python: batches of 500, one multi-row INSERT and one commit per batch,
positions kept in the same transaction."""
import json
import time

from confluent_kafka import Consumer, TopicPartition
from psycopg2.extras import execute_values

from harness import database

BATCH = 500


class PythonConsumer:
    name = "Python consumer"

    def __init__(self, broker, messages):
        self.broker = broker
        self.messages = messages
        self.connection = database.connect(autocommit=False)
        with self.connection.cursor() as cursor:
            cursor.execute("""
                CREATE TABLE python_readings (machine text NOT NULL, ts timestamptz NOT NULL,
                    received_at timestamptz NOT NULL DEFAULT now(), state text, sensor_values float8[] NOT NULL);
                CREATE UNIQUE INDEX ON python_readings (machine, ts);
                CREATE TABLE python_offsets (partition integer PRIMARY KEY, next_offset bigint NOT NULL);
                """)
        self.connection.commit()

    def run(self):
        """Readings per second; the messages are the newest ones of the topic."""
        consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": "bench", "enable.auto.commit": False})
        try:
            consumer.assign(self.prepare(consumer))
            batch = consumer.consume(BATCH, 30)
            start = time.monotonic()
            stored = 0
            while stored < self.messages:
                self.store(batch)
                stored += len(batch)
                batch = consumer.consume(BATCH, 1)
            return stored / (time.monotonic() - start)
        finally:
            consumer.close()

    def prepare(self, consumer):
        """Empties the table and goes back by the wanted number of messages."""
        positions = []
        share = 1 + self.messages // self.broker.partitions
        with self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE python_readings, python_offsets")
            for partition in range(self.broker.partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(self.broker.topic, partition), 10)
                position = max(low, high - share)
                positions.append(TopicPartition(self.broker.topic, partition, position))
                cursor.execute("INSERT INTO python_offsets VALUES (%s, %s)", (partition, position))
        self.connection.commit()
        with self.connection.cursor() as cursor:
            cursor.execute("COMMIT; CHECKPOINT")
        self.connection.commit()
        return positions

    def store(self, messages):
        rows, offsets = [], {}
        for message in messages:
            reading = json.loads(message.value())
            rows.append((reading["machine_id"], reading["timestamp"], reading["state"], list(reading["sensors"].values())))
            offsets[message.partition()] = message.offset() + 1
        with self.connection.cursor() as cursor:
            execute_values(cursor, "INSERT INTO python_readings (machine, ts, state, sensor_values) VALUES %s", rows, page_size=BATCH)
            execute_values(cursor, "UPDATE python_offsets o SET next_offset = n.next_offset FROM (VALUES %s) AS n (partition, next_offset)"
                           " WHERE o.partition = n.partition", list(offsets.items()), page_size=BATCH)
        self.connection.commit()
