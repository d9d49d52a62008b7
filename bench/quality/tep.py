"""Tennessee Eastman process: everything is learnt from the file without faults, each other file is judged."""
from quality import data, product, protocols, scorers


def run(report, session, brief):
    del brief
    tables = {data.stem(path): data.load(session, path) for path in data.files("tep")}
    product.train(session, "tep", tables.pop("normal_train").source(), "hybrid", protocols.TEP_RATE)
    rows = []
    for name, table in tables.items():
        fault = int(name.split("_")[1])
        rows += [(fault, *found) for found in product.detect(
            session, "tep", table.source(), f"row_number, coalesce(is_anomaly, false)::int, coalesce({product.SURPRISE}, 0)")]
    figures = scorers.score("tep", ("fault", "sample", "pred", "score"), rows)
    found = figures["per_fault"]
    report.heading("Tennessee Eastman process, thresholds from the file without faults")
    for fault, figure in found.items():
        report.alone(f"TEP fault {fault} / detected", "%", [figure["fdr"]], best="high", delay=figure["delay"])
    report.alone("TEP mean / detected", "%", [sum(figure["fdr"] for figure in found.values()) / len(found)], floor=66, goal=68, best="high")
    report.alone("TEP / false alarms", "%", [figures["far"]], floor=3.3, goal=3)
