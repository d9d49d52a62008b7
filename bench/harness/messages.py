"""The message that every benchmark sends: 56 built-in sensors with four decimals, exactly 1402 bytes.

Times of a machine rise by a millisecond per message and never repeat, so every message is a new row.
"""
import datetime
import random
import struct

MESSAGE_BYTES = 1402
MACHINES = ("A", "B", "C")
BODIES = 1000
SEED = 20260105

# Name and a range in which every value has the same number of digits.
SENSORS = (
    ("ambient_temp", 30, 70), ("ambient_humidity", 20, 80), ("barometric_pressure", 28, 31), ("wind_speed", 10, 30),
    ("wind_gust", 12, 45), ("wind_direction", 100, 359), ("h2s_floor", 0, 5), ("ch4_lel_shaker", 0, 9),
    ("co_level", 10, 25), ("o2_cellar", 19, 23), ("noise_floor", 60, 90), ("cabin_temp", 62, 80),
    ("hookload", 120, 380), ("rop", 100, 250), ("rpm", 100, 180), ("block_position", 10, 99),
    ("bit_depth", 10000, 19000), ("block_speed", 0, 9), ("vibration", 0, 1), ("vib_mud_pump", 0, 1),
    ("drawworks_speed", 100, 220), ("brake_wear", 10, 70), ("temperature", 100, 185), ("mud_temp_in", 60, 99),
    ("mud_temp_out", 100, 160), ("td_motor_temp", 100, 260), ("dw_motor_temp", 100, 260),
    ("mp1_bearing_temp", 100, 180), ("mp2_bearing_temp", 100, 180), ("brake_temp", 100, 400),
    ("hyd_oil_temp", 100, 150), ("engine_coolant_temp", 160, 205), ("engine_exhaust_temp", 500, 999),
    ("vfd_cabinet_temp", 60, 95), ("td_motor_current", 150, 900), ("dw_motor_current", 100, 999),
    ("mp1_motor_current", 200, 850), ("mp2_motor_current", 200, 850), ("bus_voltage", 570, 630),
    ("bus_frequency", 59, 61), ("dc_link_voltage", 760, 860), ("gen_power", 1000, 3200), ("power_factor", 0, 1),
    ("phase_imbalance", 0, 5), ("ground_fault", 100, 300), ("ups_charge", 80, 99), ("spp", 1800, 4200),
    ("choke_pressure", 10, 99), ("flow_in", 400, 950), ("flow_out_pct", 20, 60), ("pit_volume", 300, 900),
    ("pit_gain", 0, 8), ("mud_weight_in", 10, 13), ("mud_weight_out", 10, 13), ("gas_total", 0, 9),
    ("hydraulic_pressure", 2200, 3000),
)


def make_bodies():
    """The part of a message after its time, in different versions, and the values in each."""
    generator = random.Random(SEED)
    texts, values = [], []
    for _ in range(BODIES):
        numbers = [generator.uniform(low, high - 0.001) for _, low, high in SENSORS]
        texts.append('Z","state":"drilling","sensors":{'
                     + ",".join(f'"{name}":{number:.4f}' for (name, _, _), number in zip(SENSORS, numbers)) + "}}")
        values.append([float(f"{number:.4f}") for number in numbers])
    return [text.encode() for text in texts], values


class Stream:
    """Messages without end, of the machines in turn, beginning on a UTC day some days ago."""

    def __init__(self, days_ago=1):
        today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        self.start = today - datetime.timedelta(days=days_ago)
        self.bodies, self.values = make_bodies()
        self.count = 0
        self.prefix_second = -1
        self.prefixes = ()

    @property
    def leaf(self):
        """Partition that holds the readings: a day has more milliseconds than a benchmark needs."""
        return f"rigalpha.readings_{self.start:%Y%m%d}"

    @property
    def day(self):
        return self.start.date()

    def time_of(self, index):
        """Time of the index-th message."""
        return self.start + datetime.timedelta(milliseconds=index // len(MACHINES))

    def take(self, count):
        """The next messages, as a list of bytes."""
        messages = [self.make(index) for index in range(self.count, self.count + count)]
        self.count += count
        return messages

    def make(self, index):
        second, millisecond = divmod(index // len(MACHINES), 1000)
        if second != self.prefix_second:
            self.prefix_second = second
            time = self.start + datetime.timedelta(seconds=second)
            self.prefixes = [f'{{"machine_id":"{name}","timestamp":"{time:%Y-%m-%dT%H:%M:%S}.'.encode()
                             for name in MACHINES]
        return b"%b%03d%b" % (self.prefixes[index % len(MACHINES)], millisecond, self.bodies[index % BODIES])

    def parts(self):
        """For programs that make the messages themselves: what stands before and after the time of
        the day, a line each; first the three machines, then the bodies."""
        prefixes = [f'{{"machine_id":"{name}","timestamp":"{self.day}T'.encode() for name in MACHINES]
        return b"".join(line + b"\n" for line in prefixes + self.bodies)

    def take_copy_rows(self, count):
        """The next readings as rows of COPY BINARY into a table of the shape of readings."""
        arrays = [pack_array(values) for values in self.values]
        epoch = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
        start = int((self.start - epoch).total_seconds()) * 1_000_000
        null = struct.pack("!i", -1)
        rows = []
        for index in range(self.count, self.count + count):
            ts = start + index // len(MACHINES) * 1000
            rows.append(b"".join((
                struct.pack("!hii", 12, 4, 1 + index % len(MACHINES)), null, struct.pack("!iqiqihih", 8, ts, 8, ts, 2, 2, 2, 0),
                null * 5, arrays[index % BODIES])))
        self.count += count
        return rows


def pack_array(values):
    """A float8[] without nulls as a field of COPY BINARY."""
    elements = b"".join(struct.pack("!id", 8, value) for value in values)
    header = struct.pack("!iiIii", 1, 0, 701, len(values), 1)
    return struct.pack("!i", len(header) + len(elements)) + header + elements


def check_size():
    size = len(Stream().make(0))
    if size != MESSAGE_BYTES:
        raise AssertionError(f"a message has {size} bytes instead of {MESSAGE_BYTES}")
