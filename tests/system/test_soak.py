"""The soak of bench/soak for some seconds: all at once, and nothing crossed, lost or kept."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import IS_SANITIZED, NIKAWA, clean_environment

RUN = pathlib.Path(__file__).resolve().parent.parent.parent / "bench/soak/run"
SECONDS, SEED = 12, 4
RATE = 20 if IS_SANITIZED else 50


class SoakTest(unittest.TestCase):
    def test_bears_all_misbehaviour_at_once(self):
        with tempfile.TemporaryDirectory() as directory:
            written = pathlib.Path(directory) / "soak.json"
            # Memory does not settle within seconds, and sanitizers keep what was freed.
            done = subprocess.run(
                [sys.executable, "-B", RUN, "--minutes", str(SECONDS / 60), "--seed", str(SEED),
                 "--rate", str(RATE), "--nikawa", NIKAWA, "--no-memory-check", "--json", written],
                capture_output=True, text=True, env=clean_environment())
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            results = json.loads(written.read_text())
        self.assertEqual(results["failures"], [])
        self.assertGreater(results["exchanges"], SECONDS * RATE // 5)
        self.assertGreater(results["posts"]["confirmed"], 0)
        self.assertEqual(len(results["outcomes"]), 27)


if __name__ == "__main__":
    unittest.main()
