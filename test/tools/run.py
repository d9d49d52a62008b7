"""Runs the subjects named on the command line, or all of them, as one TAP stream."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402
import test_broker  # noqa: E402
import test_control  # noqa: E402
import test_faults  # noqa: E402
import test_http  # noqa: E402
import test_kafka  # noqa: E402
import test_model  # noqa: E402
import test_replay  # noqa: E402
import test_verify  # noqa: E402

SUBJECTS = {
    "broker": test_broker.run,
    "model": test_model.run,
    "faults": test_faults.run,
    "replay": test_replay.run,
    "kafka": test_kafka.run,
    "http": test_http.run,
    "control": test_control.run,
    "verify": test_verify.run,
}

for program in (harness.SIM, harness.BROKER):
    if not os.access(program, os.X_OK):
        print(f"Bail out! {program} is not built: make tools")
        sys.exit(1)
unknown = [name for name in sys.argv[1:] if name not in SUBJECTS]
if unknown:
    print(f"Bail out! unknown subject {unknown[0]}; known: {' '.join(SUBJECTS)}")
    sys.exit(1)
for subject in sys.argv[1:] or SUBJECTS:
    harness.note(subject)
    harness.guarded(subject, SUBJECTS[subject])
harness.finish()
