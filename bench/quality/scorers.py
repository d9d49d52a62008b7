"""The scoring scripts that come with the data, which alone know the labels."""
import csv
import json
import os
import subprocess
import sys
import tempfile

from quality import data


def score(name, header, rows, *options):
    """Writes the rows as the script eval_NAME.py wants them, and returns the figures that it found."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = os.path.join(folder, "given.csv"), os.path.join(folder, "found.json")
        with open(given, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        script = os.path.join(data.FOLDER, "eval", f"eval_{name}.py")
        run = subprocess.run([sys.executable, script, given, "--json", found, *options], capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"{script} ended with status {run.returncode}:\n{run.stdout}{run.stderr}")
        with open(found, encoding="utf-8") as file:
            return json.load(file)
