"""SKAB: a water-pump testbed. Each file by itself: the first 400 rows are learnt, the others judged."""
import math

from quality import data, product, protocols, scorers

LEARNT = 400
HEADER = ("file", "row", "pred", "score")

# What the detectors within the hybrid model say by themselves; their columns are surprises.
DETECTORS = {"z": "score_z", "pca": "score_pca", "forest": "score_forest", "lstm": "score_lstm"}


def judge(session, table, algorithm, columns):
    """Predictions by line of the table: those of the model, then those of each detector that is asked for."""
    model = f"skab {algorithm}"
    product.train(session, model, table.source(LEARNT), algorithm, protocols.SKAB_RATE)
    alarm = -math.log10(protocols.SKAB_RATE)
    rows = product.detect(session, model, table.source(), ", ".join(
        ["row_number - 1", "coalesce(is_anomaly, false)::int", f"coalesce({product.SURPRISE}, 0)"]
        + [f"coalesce({column} >= {alarm}, false)::int, coalesce({column}, 0)" for column in columns]),
        f"WHERE row_number > {LEARNT}")
    name = table.name.split(".")[1]
    return [[(name, row[0], *row[1 + 2 * i:3 + 2 * i]) for row in rows] for i in range(1 + len(columns))]


def measure(session, algorithms):
    """Figures by name: of the algorithms, and of the detectors within the hybrid model."""
    predictions = {}
    for path in data.files("skab"):
        if data.stem(path) == "anomaly_free":
            continue
        table = data.load(session, path)
        for algorithm in algorithms:
            names = [algorithm, *(f"hybrid, {name} alone" for name in DETECTORS)] if algorithm == "hybrid" else [algorithm]
            columns = DETECTORS.values() if algorithm == "hybrid" else ()
            for name, rows in zip(names, judge(session, table, algorithm, columns)):
                predictions.setdefault(name, []).extend(rows)
    return {name: scorers.score("skab", HEADER, rows) for name, rows in predictions.items()}


def run(report, session, brief):
    report.heading("SKAB, 17 files of a water pump, one setting, causal; F1, false alarms, missed, AUC")
    figures = measure(session, ("hybrid",) if brief else ("hybrid", "iforest", "pca", "lstm_ae"))
    hybrid = figures.pop("hybrid")
    report.alone("SKAB hybrid / F1", "", [hybrid["f1"]], floor=0.78, goal=0.80, best="high")
    report.alone("SKAB hybrid / false alarms", "%", [hybrid["far"]], floor=25, goal=18)
    report.alone("SKAB hybrid / missed", "%", [hybrid["mar"]])
    report.alone("SKAB hybrid / AUC", "", [hybrid["mean_auc"]], floor=0.84, goal=0.86, best="high")
    for name, found in figures.items():
        goals = {"f1": 0.74, "far": 40} if name == "iforest" else {}
        report.alone(f"SKAB {name} / F1", "", [found["f1"]], goal=goals.get("f1"), best="high")
        report.alone(f"SKAB {name} / false alarms", "%", [found["far"]], goal=goals.get("far"))
        report.alone(f"SKAB {name} / missed", "%", [found["mar"]])
        report.alone(f"SKAB {name} / AUC", "", [found["mean_auc"]], best="high")
