"""The few calls of the SQL API that every protocol makes."""
import json
import time

from quality import protocols

DETECT = "SELECT {columns} FROM rigalpha.detect(%s, %s) {rest} ORDER BY row_number"

# -log10 of the p-value, as the columns of the detectors: it goes on where the risk has reached 1.
SURPRISE = "-log(greatest(p_value, 1e-300))"


def train(session, model, source, algorithm="hybrid", rate=None, seed=42, machine=None):
    """Deploys a model for a machine, or for all; seconds that it took."""
    started = time.monotonic()
    status = session.value("SELECT status FROM rigalpha.train(%s, %s, %s, %s, %s, %s)",
                           (model, source, algorithm, machine, json.dumps(protocols.options(rate)), seed))
    if status != "ready":
        raise RuntimeError(f"the model {model} is {status}")
    return time.monotonic() - started


def detect(session, model, source, columns, rest=""):
    """Columns of detect() for every row of a source, in its order."""
    return session.rows(DETECT.format(columns=columns, rest=rest), (model, source))


def drop(session, model):
    session.rows("SELECT rigalpha.drop_model(%s)", (model,))
