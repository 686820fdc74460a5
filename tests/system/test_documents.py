"""What docs/operations.md promises to be complete in is complete."""

import pathlib
import re

from harness import SystemTest, run_nikawa

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def cells(document):
    """The cells of all rows of all tables."""
    rows = [line for line in document.splitlines() if line.startswith("| ")]
    return [row.replace("\\|", "or").strip("| ").split(" | ") for row in rows]


class Operations(SystemTest):
    def test_has_a_row_for_every_option(self):
        told = {name for row in cells(OPERATIONS) for name in re.findall(r"`--([\w-]+)", row[0])}
        options = re.findall(r"^ {2}(?:-\w,| {3}) --([\w-]+)", run_nikawa("--help").stdout, re.M)
        self.assertGreater(len(options), 50)
        self.assertEqual([name for name in options if name not in told], [])

    def test_has_no_row_for_an_option_that_is_none(self):
        help_text = run_nikawa("--help").stdout
        for row in cells(OPERATIONS):
            for name in re.findall(r"`--([\w-]+)", row[0]):
                self.assertIn(f"--{name}", help_text)

    def test_has_a_row_for_every_failure_that_a_client_is_told_of(self):
        own_answers = OPERATIONS.split("## Own answers")[1].split("\n## ")[0]
        told = {name for row in cells(own_answers) for name in re.findall(r"`(\w+)`", row[1])}
        source = (ROOT / "include/nikawa/base/failure.hpp").read_text()
        codes = re.findall(r"^ {4}(\w+),$", source.split("enum class Errc")[1].split("};")[0], re.M)
        self.assertGreater(len(codes), 40)
        # 499, a tunnel that has its 200 already, no request to log, or an attempt that is repeated.
        untold = {"client_gone", "abandoned", "connection_error", "tunnel_timed_out",
                  "too_many_connections", "path_in_doubt"}
        self.assertEqual([code for code in codes if code not in told | untold], [])
