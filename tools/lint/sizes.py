#!/usr/bin/python3
"""Limits of a C file: 800 lines, 80 lines in a function body, 120 columns.
Rule: one file holds one idea and one function one step; what does not fit on two screens is not
reviewed well. A message may run over the right edge, because a broken one cannot be searched for.
Fix: split by phase, and name the phases.
"""
import os
import subprocess
import sys

MAX_FILE_LINES = 800
MAX_BODY_LINES = 80
USUAL_BODY_LINES = 40
MAX_COLUMNS = 120


def bodies(lines):
    """(first line, length) of each function body, by the shape of pgindent: braces in column 0."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line.startswith("}"):
            if line == "}" and opened:
                yield opened, number - opened - 1
            opened = None


def function_name(lines, opened):
    for line in reversed(lines[:opened - 1]):
        if line and not line[0].isspace() and "(" in line:
            return line.split("(")[0].split()[-1].lstrip("*")
    return "?"


def check(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    problems = []
    if len(lines) > MAX_FILE_LINES:
        problems.append(f"{path}: {len(lines)} lines, at most {MAX_FILE_LINES}")
    long_bodies = 0
    for opened, length in bodies(lines):
        long_bodies += length > USUAL_BODY_LINES
        if length > MAX_BODY_LINES:
            problems.append(f"{path}:{opened}: {function_name(lines, opened)} has {length} lines, at most {MAX_BODY_LINES}")
    for number, line in enumerate(lines, 1):
        columns = len(line.expandtabs(4))
        if columns > MAX_COLUMNS and '"' not in line:
            problems.append(f"{path}:{number}: {columns} columns, at most {MAX_COLUMNS}")
    return problems, long_bodies


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.h"],
                           check=True, capture_output=True, text=True).stdout.split()
    problems, long_bodies = [], 0
    for path in files:
        found, longer = check(path)
        problems += found
        long_bodies += longer
    for problem in problems:
        print(problem)
    print(f"{long_bodies} functions have more than {USUAL_BODY_LINES} lines")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
