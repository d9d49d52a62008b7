"""The brokers that the benchmarks consume from, and a producer that fills them."""
import os
import socket
import subprocess
import time

from confluent_kafka import Producer

from harness.messages import MACHINES

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class EmbeddedBroker:
    """rigalpha-devbroker. It keeps 5 MB per partition, so a backlog needs many partitions, and the
    order of a machine's readings is lost among them: the worker has to look for stored ones."""

    name = "embedded broker"
    partitions = 21 * len(MACHINES)

    def __init__(self, folder, topic):
        self.address = f"127.0.0.1:{free_port()}"
        self.topic = topic
        program = os.path.join(ROOT, "build/bin/rigalpha-devbroker")
        self.process = subprocess.Popen(
            [program, "--port", self.address.split(":")[1], "--topic", f"{topic}:{self.partitions}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if line.startswith("READY"):
                return
        raise RuntimeError("the embedded broker did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(START_SECONDS)


class ApacheKafka:
    """One node of Apache Kafka. Each machine has its partition, as with messages keyed by machine."""

    name = "Apache Kafka"
    partitions = len(MACHINES)

    def __init__(self, folder, topic):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.topic = topic
        self.environment = dict(os.environ, KAFKA_DIR=os.path.join(folder, "kafka"), RIGALPHA_KAFKA_PORT=str(port),
                                KAFKA_CONTROLLER_PORT=str(free_port()))
        self.call("start")
        self.call("create-topic", topic, str(self.partitions))

    def call(self, *arguments):
        subprocess.run([os.path.join(ROOT, "tools/kafka-broker.sh"), *arguments], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL)

    def stop(self):
        self.call("stop")

    @staticmethod
    def installed():
        return os.path.exists(os.path.join(ROOT, "build/kafka/lib/.complete"))


class Feeder:
    """Writes messages to a topic and waits until all are acknowledged."""

    def __init__(self, broker):
        self.broker = broker
        self.producer = Producer({"bootstrap.servers": broker.address, "log_level": 0, "linger.ms": 20, "batch.num.messages": 1000,
                                  "queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 1_000_000})
        self.failures = 0

    def note_delivery(self, error, _message):
        self.failures += error is not None

    def send(self, messages):
        """The first message is of the first machine; a machine's partitions take 100 messages in turn."""
        share = self.broker.partitions // len(MACHINES)
        for index, message in enumerate(messages):
            block, machine = divmod(index, len(MACHINES))
            self.producer.produce(self.broker.topic, message, partition=machine * share + block // 100 % share,
                                  on_delivery=self.note_delivery)
            if index % 10_000 == 9_999:
                self.producer.poll(0)
        deadline = time.monotonic() + START_SECONDS
        while self.producer.flush(1) > 0:
            if time.monotonic() > deadline:
                raise TimeoutError("the broker does not take the messages")
        if self.failures:
            raise RuntimeError(f"the broker refused {self.failures} messages")
