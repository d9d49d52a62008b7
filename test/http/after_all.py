"""What the whole run left behind; run.py puts it last."""
import os
import re
import unittest

import stack

# Shapes that no line may have: tokens of devices, cookies, credentials, hashes, keys.
SHAPES = re.compile(r"rig_[0-9a-f]{8}_[\w-]{20,}|__Host-rigalpha=|bearer [\w-]{8,}|\$argon2|PRIVATE KEY|password=", re.IGNORECASE)


class LogsTest(unittest.TestCase):
    def test_logs_hold_no_secret(self):
        """Point 38: every log of every sidecar of this run, most of them at level info."""
        logs = sorted(stack.FOLDER.glob("sidecar-*.log"))
        self.assertTrue(logs)
        secrets = [os.environ["WEB_PASSWORD"], os.environ["PGPASSWORD"], *stack.SECRETS]
        for log in logs:
            text = log.read_text(errors="replace")
            for line in text.splitlines():
                self.assertIsNone(SHAPES.search(line), log.name)
            for secret in secrets:
                self.assertNotIn(secret, text, log.name)
