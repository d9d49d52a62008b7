#!/usr/bin/python3
"""Runs the tests of this folder and prints TAP.

Expects a cluster with the extension set up: the libpq variables of a superuser, FOLDER with the
cluster's data/ in it, WEB_PASSWORD of the login rigalpha_web, RIGALPHA_WEB_PROGRAM. run.sh makes
all that.
"""
import os
import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import stack  # noqa: E402


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, word, test, comment=""):
        self.number += 1
        name = test.id().replace("test_", "").replace("_", " ")
        print(f"{word} {self.number} - {name}{comment}", flush=True)

    def explain(self, error):
        for text in self._exc_info_to_string(error, None).rstrip().splitlines():
            print("# " + text, flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, " # SKIP " + reason)

    def addFailure(self, test, error):
        self.failures.append((test, ""))
        self.line("not ok", test)
        self.explain(error)

    def addError(self, test, error):
        self.errors.append((test, ""))
        self.line("not ok", test)
        self.explain(error)

    def _exc_info_to_string(self, error, test):
        import traceback
        return "".join(traceback.format_exception(*error, limit=-6))


def main(names):
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    random.seed(seed)
    print(f"# SEED={seed}")
    stack.make_page()
    loader = unittest.TestLoader()
    if names:
        suite = loader.loadTestsFromNames(["test_" + name.removeprefix("test_") for name in names])
    else:
        suite = loader.discover(str(HERE))
        suite.addTests(loader.loadTestsFromName("after_all"))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() and result.number > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
