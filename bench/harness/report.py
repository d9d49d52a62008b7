"""Collects the figures, prints each beside its peer, and writes them as JSON."""
import json

from harness import machine
from harness.rounds import median


def number(value):
    if value is None:
        return ""
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f} k"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


class Report:
    """Floors are what a change must not fall below, goals what we aim at."""

    def __init__(self):
        self.results = []
        self.before = machine.describe()
        self.after = None

    def heading(self, text):
        print(f"\n{text}", flush=True)

    def note(self, text):
        print(f"    {text}", flush=True)

    def against(self, name, unit, ours, peer_name, peer, floor=None, goal=None, best="high", **more):
        """Rounds of ours and of a peer; the bounds are for the ratio of the medians."""
        ratio = median(ours) / median(peer)
        self.add({"name": name, "unit": unit, "ours": median(ours), "peer": median(peer), "peer_name": peer_name,
                  "ratio": round(ratio, 3), "rounds": {"ours": list(ours), "peer": list(peer)}}, ratio, floor, goal, best, more)

    def alone(self, name, unit, rounds, floor=None, goal=None, best="low", **more):
        """A figure without a peer; the bounds are for its median."""
        value = median(rounds)
        self.add({"name": name, "unit": unit, "ours": value, "rounds": {"ours": list(rounds)}}, value, floor, goal, best, more)

    def add(self, result, value, floor, goal, best, more):
        def within(bound):
            return value >= bound if best == "high" else value <= bound
        verdict = ""
        if floor is not None:
            verdict = "below floor" if not within(floor) else "ok"
        if goal is not None and within(goal):
            verdict = "goal"
        result.update({"floor": floor, "goal": goal, "best": best, "verdict": verdict}, **more)
        self.results.append(result)
        self.show(result)

    def show(self, result):
        peer = f"{number(result['peer'])} {result['peer_name']}" if "peer" in result else ""
        ratio = f"{result['ratio']:.2f}x" if "ratio" in result else ""
        sign = ">=" if result["best"] == "high" else "<="
        bounds = "  ".join(f"{label} {sign} {bound:g}" for label, bound in (("floor", result["floor"]), ("goal", result["goal"]))
                           if bound is not None)
        print(f"  {result['name']:<44} {number(result['ours']):>8} {result['unit']:<10} {peer:<34} {ratio:>8}  "
              f"{bounds:<28} {result['verdict']}", flush=True)

    def failures(self):
        return [result for result in self.results if result["verdict"] == "below floor"]

    def write(self, path):
        self.after = machine.load()
        document = {"machine": self.before, "load_after": self.after, "results": self.results}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
