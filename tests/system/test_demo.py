"""What someone sees who tries nikawa for the first time."""

import re
import shlex
import signal
import subprocess
import unittest

from harness import PATIENCE, Nikawa, clean_environment


class Demo(unittest.TestCase):
    def test_it_prints_a_table_and_a_command_that_works(self):
        nikawa = Nikawa("--demo", "--demo-rtt", "20ms", "--listen", "127.0.0.1", "--port", 0)
        self.addCleanup(nikawa.__exit__, None)
        command = nikawa.stdout.wait(
            lambda lines: next((line for line in lines if re.match(r"\s*(\$ )?curl ", line)), None),
            "curl command")
        table = "\n".join(nikawa.stdout.all()).lower()
        for word in ("connect", "tls", "first byte", "trips"):
            self.assertIn(word, table)

        words = shlex.split(command.strip().removeprefix("$ "))
        done = subprocess.run([*words, "-sS", "--fail", "--noproxy", "*"], capture_output=True,
                              timeout=PATIENCE, env=clean_environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(done.stdout, b"")

        nikawa.process.send_signal(signal.SIGINT)
        self.assertEqual(nikawa.wait(), 0)
