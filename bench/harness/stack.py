"""What the benchmarks share: the scratch folder and the broker, started when first needed."""
import os

from harness.broker import ApacheKafka, EmbeddedBroker


class Stack:
    def __init__(self, embedded=False):
        self.folder = os.environ["RIGALPHA_BENCH_SCRATCH"]
        self.embedded = embedded or not ApacheKafka.installed()
        self.started = None

    @property
    def broker(self):
        if self.started is None:
            kind = EmbeddedBroker if self.embedded else ApacheKafka
            self.started = kind(self.folder, "bench")
        return self.started

    def stop(self):
        if self.started is not None:
            self.started.stop()
