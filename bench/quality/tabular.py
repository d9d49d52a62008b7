"""Ten classical tables without time, by the isolation forest alone: all rows are learnt, all are judged."""
from quality import data, product, protocols, scorers

SEEDS = 5
BRIEF_SEEDS = 2
BRIEF_SETS = ("breastw", "cardio", "ionosphere", "pima", "satimage2", "wilt")


def measure(session, seeds, sets=None):
    rows = []
    for path in data.files("tabular"):
        name = data.stem(path)
        if sets is not None and name not in sets:
            continue
        table = data.load(session, path)
        for seed in range(seeds):
            product.train(session, "tabular", table.source(), "iforest", protocols.TABULAR_RATE, seed)
            rows += [(name, line, score, seed) for line, score in product.detect(
                session, "tabular", table.source(), "row_number - 1, score_forest")]
    return scorers.score("tabular", ("dataset", "row_id", "score", "seed"), rows)


def mean(figures, key):
    return sum(found[key] for found in figures.values()) / len(figures)


def run(report, session, brief):
    if brief:
        compare(report, measure(session, BRIEF_SEEDS, BRIEF_SETS))
        return
    figures = measure(session, SEEDS)
    report.heading(f"Tables without time, isolation forest 100 x 256, {SEEDS} seeds")
    for name, found in figures.items():
        report.alone(f"tabular {name} / ROC", "", [found["roc"]], best="high", scikit_learn=found["if_roc"])
        report.alone(f"tabular {name} / PR", "", [found["pr"]], best="high", scikit_learn=found["if_pr"])
    report.alone("tabular mean / ROC", "", [mean(figures, "roc")], floor=0.8145, goal=0.8345, best="high")
    report.alone("tabular mean / PR", "", [mean(figures, "pr")], floor=0.54, best="high")
    report_difference(report, figures, 0.03)


def compare(report, figures):
    """Few seeds of few sets are not held against the mean of all, but against scikit-learn on the same sets."""
    report.heading(f"Some tables without time, isolation forest 100 x 256, {BRIEF_SEEDS} seeds")
    report.alone("tabular mean / ROC above scikit-learn", "", [mean(figures, "d_roc")], floor=-0.015, best="high")
    report.alone("tabular mean / PR above scikit-learn", "", [mean(figures, "d_pr")], floor=-0.03, best="high")
    report_difference(report, figures, 0.06)


def report_difference(report, figures, most):
    worst = min(figures, key=lambda name: figures[name]["d_roc"])
    report.alone(f"tabular worst set ({worst}) / ROC above scikit-learn", "", [figures[worst]["d_roc"]], floor=-most, best="high")
