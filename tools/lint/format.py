#!/usr/bin/python3
"""Checks the C files against .clang-format; with --fix, applies it.

The indentation of statements, the places of braces and keywords and the spaces around operators
are compared. Columns inside a line (declarations and comments at tab stops) and line breaks inside
a statement are the author's: see the head of .clang-format.
"""
import difflib
import re
import subprocess
import sys

CLANG_FORMAT = "clang-format-14"
STRINGS_AND_COMMENTS = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|//.*')

KEYWORDS = re.compile(r"\s*(?:\} *)?(if|else|for|while|do|switch|case|default|return|goto|break|continue)\b")


def indentation(line):
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def keys(lines):
    """What counts of each line: its indentation, unless it continues a bracket, and its words."""
    result, depth, in_comment = [], 0, False
    for line in lines:
        body = line.strip()
        if in_comment:
            result.append(body)
            in_comment = "*/" not in body
            continue
        words = " ".join(body.split())
        code = STRINGS_AND_COMMENTS.sub("", body)
        in_comment = "/*" in code
        code = code.split("/*")[0]
        result.append(words if depth > 0 else (indentation(line), words))
        depth = max(0, depth + code.count("(") + code.count("[") - code.count(")") - code.count("]"))
    return result


def skeleton(lines):
    """Where blocks open and statements begin."""
    result = []
    for line in lines:
        keyword = KEYWORDS.match(line)
        if keyword:
            result.append(keyword.group(1))
        if line.rstrip().endswith("{"):
            result.append("{" if line.strip() == "{" else "trailing {")
    return result


def begins_statement(before, line):
    """By the end of the line before it; continued lines and initializers are indented as the author likes."""
    after_statement = before.endswith((";", "{", "}", "*/")) or KEYWORDS.match(before)
    return after_statement and (line.endswith(";") or KEYWORDS.match(line))


def differs_in_breaks_only(before, old, new):
    if not old or not new:
        return False
    squeezed = ["".join("".join(lines).split()) for lines in (old, new)]
    if squeezed[0] != squeezed[1] or skeleton(old) != skeleton(new):
        return False
    return not begins_statement(before, new[0]) or indentation(old[0]) == indentation(new[0])


def formatted(path):
    return subprocess.run([CLANG_FORMAT, "--style=file", path], check=True, capture_output=True, text=True).stdout


def merge(old, new):
    """The new lines, with every line that differs only in its columns left as it was."""
    result, changes = [], []
    matcher = difflib.SequenceMatcher(a=keys(old), b=keys(new), autojunk=False)
    for operation, a1, a2, b1, b2 in matcher.get_opcodes():
        before = old[a1 - 1].rstrip() if a1 > 0 else ""
        in_macro = before.endswith("\\")
        if operation == "equal" or in_macro or differs_in_breaks_only(before, old[a1:a2], new[b1:b2]):
            result += old[a1:a2]
        else:
            result += new[b1:b2]
            changes.append((a1 + 1, old[a1:a2], new[b1:b2]))
    return result, changes


def report(path, changes):
    for number, old, new in changes:
        print(f"{path}:{number}: not in the shape of .clang-format; wanted:")
        for line in new or ["(nothing)"]:
            print(f"    {line}")


def main(arguments):
    fix = arguments[:1] == ["--fix"]
    files = arguments[1:] if fix else arguments
    failed = False
    for path in files:
        with open(path, encoding="utf-8") as file:
            old = file.read().splitlines()
        new, changes = merge(old, formatted(path).splitlines())
        if changes and fix:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(new) + "\n")
            print(f"formatted {path}")
        elif changes:
            failed = True
            report(path, changes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
