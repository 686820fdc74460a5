"""Where access lines go, and what is in them."""

import os
import signal

from harness import SystemTest, curl, wait_until
from origins import ScriptedOrigin

CHOCONS_KEYS = ["time", "remote_addr", "method", "uri", "status", "size", "ua", "ptime", "host",
                "chocon_req"]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class AccessLog(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.origin = ScriptedOrigin(cls.world.certificates.issue("origin.test"))
        cls.addClassCleanup(cls.origin.close)

    def ask(self, nikawa, *options):
        return curl(nikawa, self.origin.url("origin.test", "/hash?secret=1"), *options)

    def test_a_line_has_chocons_keys_and_then_ours(self):
        nikawa = self.start()
        reply = self.ask(nikawa, "-A", 'agent "quoted" \\ \u00e9', "-d", "body", "-H",
                         f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01")
        (record,) = nikawa.access_log()
        self.assertEqual(list(record)[:len(CHOCONS_KEYS)], CHOCONS_KEYS)
        self.assertRegex(record["time"], r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \S+$")
        self.assertEqual(record["remote_addr"], "127.0.0.1")
        self.assertEqual((record["method"], record["uri"]), ("POST", "/hash"))
        self.assertEqual((record["status"], record["size"]), (200, len(reply.body)))
        self.assertIn('agent "quoted" \\ ', record["ua"])
        self.assertGreater(record["ptime"], 0)
        self.assertEqual(record["host"], f"origin.test.ccnproxy-https:{self.origin.port}")
        self.assertEqual(record["origin"], f"https://origin.test:{self.origin.port}")
        self.assertEqual(record["origin_addr"], f"127.0.0.1:{self.origin.port}")
        self.assertEqual((record["proto"], record["reused"]), ("http/1.1", False))
        self.assertEqual((record["attempts"], record["request_size"]), (1, len("body")))
        self.assertEqual(record["trace_id"], TRACE)
        for key in ("dns", "connect", "tls", "wait", "first_byte"):
            self.assertGreaterEqual(record[key], 0)
        self.assertLessEqual(record["wait"], record["first_byte"])
        self.assertLessEqual(record["first_byte"], record["ptime"])
        self.assertNotIn("error", record)

    def test_ltsv_has_the_same_keys(self):
        nikawa = self.start("--access-log-format", "ltsv")
        self.ask(nikawa)
        line = nikawa.stderr.wait(
            lambda lines: next((line for line in lines if line.startswith("time:")), None), "line")
        record = dict(item.split(":", 1) for item in line.split("\t"))
        self.assertEqual(list(record)[:len(CHOCONS_KEYS)], CHOCONS_KEYS)
        self.assertEqual((record["status"], record["method"]), ("200", "GET"))

    def test_stdout_takes_lines(self):
        nikawa = self.start("--access-log-dir", "stdout")
        self.ask(nikawa)
        self.assertEqual(nikawa.access_log(stream=nikawa.stdout)[0]["status"], 200)

    def test_none_takes_none(self):
        nikawa = self.start("--access-log-dir", "none")
        self.ask(nikawa)
        nikawa.process.terminate()
        lines = nikawa.stdout.to_the_end() + nikawa.stderr.to_the_end()
        self.assertEqual([line for line in lines if line.startswith("{")], [])

    def test_a_directory_has_files_named_by_time_and_a_link_to_the_current_one(self):
        folder = self.world.folder("log")
        nikawa = self.start("--access-log-dir", folder)
        self.ask(nikawa)
        current = folder / "current"
        wait_until(lambda: current.exists() and current.read_text().count("\n"), "a line")
        self.assertTrue(current.is_symlink())
        self.assertRegex(current.resolve().name, r"^access_log\.\d{12}$")
        self.assertEqual(current.resolve().parent, folder.resolve())

    def test_hangup_opens_the_file_anew(self):
        folder = self.world.folder("moved")
        nikawa = self.start("--access-log-dir", folder)
        self.ask(nikawa)
        current = folder / "current"
        wait_until(lambda: current.exists() and current.read_text(), "a line")
        aside = folder / "aside"
        os.rename(current.resolve(), aside)
        nikawa.process.send_signal(signal.SIGHUP)

        def has_new_line():
            self.ask(nikawa)
            return current.exists() and current.read_text()
        wait_until(has_new_line, "a line in a new file")
        self.assertGreaterEqual(aside.read_text().count("\n"), 1)
        self.assertIsNone(nikawa.process.poll())

    def test_lines_of_the_last_exchanges_are_written_before_the_end(self):
        nikawa = self.start()
        for _ in range(3):
            self.ask(nikawa)
        nikawa.process.terminate()
        nikawa.stderr.to_the_end()
        self.assertEqual(len(nikawa.access_log(3)), 3)
