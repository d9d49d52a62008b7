"""One sensor of 56 that jumps: six hidden factors move all sensors, each as strong as its own noise."""
import numpy

from quality import data, product, protocols

SENSORS = 56
FACTORS = 6
SEEDS = 10
BRIEF_SEEDS = 2
LEARNT = 5_000
CLEAN = 10_000
SPIKES = 200  # of each height
DISTANCE = 25  # rows from spike to spike, so that no window holds two
HEIGHTS = (4, 6, 8, 12)  # in standard deviations of the sensor
JUDGED_HEIGHT = 6


class Rig:
    """Rows of sensors; the same seed gives the same rows."""

    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.loadings = self.random.normal(size=(FACTORS, SENSORS)) / FACTORS ** 0.5
        self.deviations = numpy.sqrt((self.loadings ** 2).sum(axis=0) + 1)

    def rows(self, count):
        return self.random.normal(size=(count, FACTORS)) @ self.loadings + self.random.normal(size=(count, SENSORS))

    def spikes(self, height):
        """Rows, and which sensor jumps up or down in every DISTANCE-th of them."""
        rows = self.rows(SPIKES * DISTANCE)
        sensors = self.random.integers(SENSORS, size=SPIKES)
        places = numpy.arange(1, SPIKES + 1) * DISTANCE - 1
        rows[places, sensors] += height * self.deviations[sensors] * self.random.choice((-1, 1), size=SPIKES)
        return rows, {int(place): f"s{sensor + 1}" for place, sensor in zip(places, sensors)}


def load(session, name, rows):
    return data.create_table(session, f"synthetic.{name}", [f"s{i + 1}" for i in range(SENSORS)], False,
                             ([line, *(f"{value:.6g}" for value in row)] for line, row in enumerate(rows)))


def measure(session, seed):
    """Share of false alarms, and for each height the shares found, and found with the right sensor first."""
    rig = Rig(seed)
    learnt = load(session, f"learnt_{seed}", rig.rows(LEARNT))
    product.train(session, "synthetic", learnt.source(), "hybrid", protocols.SYNTHETIC_RATE, seed)
    clean = load(session, f"clean_{seed}", rig.rows(CLEAN))
    alarms = product.detect(session, "synthetic", clean.source(), "coalesce(is_anomaly, false)::int")
    figures = {}
    for height in HEIGHTS:
        rows, sensors = rig.spikes(height)
        table = load(session, f"spikes_{height}_{seed}", rows)
        found = {line: top for line, top in product.detect(
            session, "synthetic", table.source(), "row_number - 1, top_sensors[1]",
            f"WHERE row_number %% {DISTANCE} = 0 AND is_anomaly")}
        right = sum(top == sensors[line] for line, top in found.items())
        figures[height] = (len(found) / SPIKES, right / max(len(found), 1))
    return sum(alarm for alarm, in alarms) / CLEAN, figures


def run(report, session, brief):
    seeds = BRIEF_SEEDS if brief else SEEDS
    runs = [measure(session, seed) for seed in range(seeds)]

    def mean(figures):
        return sum(figures) / seeds

    report.heading(f"One of {SENSORS} sensors jumps, {FACTORS} hidden factors, {seeds} seeds,"
                   f" {protocols.SYNTHETIC_RATE:.1%} false alarms accepted")
    report.alone("synthetic / false alarms in rows without", "%", [100 * mean([alarms for alarms, _ in runs])], goal=0.2)
    for height in HEIGHTS:
        floor = 0.95 if height == JUDGED_HEIGHT else None
        report.alone(f"synthetic {height} sd / found", "", [mean([figures[height][0] for _, figures in runs])], floor=floor, best="high",
                     seeds=[figures[height][0] for _, figures in runs])
        report.alone(f"synthetic {height} sd / right sensor first", "", [mean([figures[height][1] for _, figures in runs])], floor=floor,
                     best="high", seeds=[figures[height][1] for _, figures in runs])
