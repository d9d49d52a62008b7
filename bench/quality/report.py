"""One line per figure: what was measured, the floor and the goal."""
import contextlib

from harness.report import Report, number


class QualityReport(Report):
    def show(self, result):
        sign = ">=" if result["best"] == "high" else "<="
        floor, goal = ("" if bound is None else f"{sign} {bound:g}" for bound in (result["floor"], result["goal"]))
        print(f"  {result['name']:<60} {number(result['ours']):>8} {result['unit']:<6} {floor:>10} {goal:>10}  {result['verdict']}",
              flush=True)

    def heading(self, text):
        super().heading(text)
        print(f"  {'':<60} {'measured':>8} {'':<6} {'floor':>10} {'goal':>10}", flush=True)


class TapReport(QualityReport):
    """The floors as TAP, everything else as comments."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def show(self, result):
        text = f"{result['name']}: {number(result['ours'])} {result['unit']}".rstrip()
        if result["floor"] is None:
            self.note(text)
        else:
            bound = f"{'at least' if result['best'] == 'high' else 'at most'} {result['floor']:g}"
            self.check(f"{text}, {bound}", result["verdict"] != "below floor")

    def check(self, text, passed, skipped=""):
        self.number += 1
        print(f"{'ok' if passed else 'not ok'} {self.number} - {text}{skipped and ' # SKIP ' + skipped}", flush=True)

    def heading(self, text):
        print(f"# {text}", flush=True)

    def note(self, text):
        print(f"# {text}", flush=True)

    def write(self, path):
        print(f"1..{self.number}", flush=True)
        with contextlib.redirect_stdout(None):
            super().write(path)
