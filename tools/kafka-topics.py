#!/usr/bin/python3
"""Creates, grows and deletes Kafka topics: BROKERS create-topic|add-partitions|delete-topic NAME [COUNT]."""
import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

TIMEOUT_SECONDS = 20


def request(admin, command, name, count):
    if command == "create-topic":
        return admin.create_topics([NewTopic(name, count, 1)], operation_timeout=TIMEOUT_SECONDS)
    if command == "add-partitions":
        return admin.create_partitions([NewPartitions(name, count)], operation_timeout=TIMEOUT_SECONDS)
    if command == "delete-topic":
        return admin.delete_topics([name], operation_timeout=TIMEOUT_SECONDS)
    raise SystemExit(__doc__)


def main(arguments):
    if len(arguments) < 3:
        raise SystemExit(__doc__)
    brokers, command, name = arguments[:3]
    count = int(arguments[3]) if len(arguments) > 3 else 1
    admin = AdminClient({"bootstrap.servers": brokers})
    for topic, future in request(admin, command, name, count).items():
        try:
            future.result(TIMEOUT_SECONDS)
        except KafkaException as error:
            raise SystemExit(f"{command} {topic}: {error.args[0].str()}") from error
        except TimeoutError as error:
            raise SystemExit(f"{command} {topic}: no answer from {brokers}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
