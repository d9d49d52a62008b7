"""NAB: long series of one sensor each, scored with one threshold by the rules of that benchmark."""
from quality import data, product, protocols, scorers

LEARNT_SHARE = 0.15
MOST_LEARNT = 750


def judge(session, table):
    """Risk of each line, and 1 where an incident opens."""
    learnt = min(int(LEARNT_SHARE * table.lines), MOST_LEARNT)
    product.train(session, "nab", table.source(learnt), "hybrid", protocols.NAB_RATE)
    risks = product.detect(session, "nab", table.source(), "row_number - 1, coalesce(risk, 0), ts")
    opened = {started for started, in session.rows("SELECT started FROM rigalpha.incidents(%s, %s)", ("nab", table.source()))}
    incidents = []
    for line, _, ts in risks:
        incidents.append((line, int(ts in opened)))
        opened.discard(ts)  # times may repeat
    return [row[:2] for row in risks], incidents


def run(report, session, brief):
    del brief
    risks, incidents = [], []
    for path in data.files("nab"):
        name, table = data.stem(path), data.load(session, path)
        for rows, found in zip((risks, incidents), judge(session, table)):
            rows += [(name, *row) for row in found]
    header = ("series", "row", "score")
    opened = scorers.score("nab", header, incidents, "--threshold", "0.5")
    risky = scorers.score("nab", header, risks, "--threshold", str(protocols.ALARM_RISK))
    report.heading("NAB standard profile, machine and server metrics, one threshold fixed beforehand")
    for name, (raw, hit, windows, false_alarms) in opened["per_series"].items():
        report.alone(f"NAB {name} / windows hit", "", [hit], best="high", windows=windows, raw=raw)
        report.alone(f"NAB {name} / false incidents", "", [false_alarms])
    report.alone("NAB by incidents", "", [opened["nab"]], floor=45, goal=58, best="high")
    report.alone(f"NAB by risk of at least {protocols.ALARM_RISK:g}", "", [risky["nab"]], best="high")
